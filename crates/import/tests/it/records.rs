//! Tables, Markdown, notes as JSON, mail.

use crate::{good, read_as, read_bytes};
use kitbag_import::{Kind, Label, Map, Options};
use serde_json::json;

const CONTACTS: &str = include_str!("../fixtures/contacts.csv");

fn mapped(map: &str, text: &str) -> crate::Read {
    let options = Options {
        map: Some(Map::parse(map).unwrap()),
        label: Label::default(),
    };
    read_as(Kind::Csv, "contacts.csv", "", text.as_bytes(), &options)
}

#[test]
fn a_table_without_a_map_keeps_all_columns() {
    let all = good(Kind::Csv, CONTACTS);
    assert_eq!(all.notes.len(), 20);
    let first = &all.notes[0];
    assert_eq!(first.title, "Noah Brown");
    assert!(
        first
            .body
            .starts_with("user_id: noah_brown_6181\nfirst_name: Noah\n"),
        "{}",
        first.body
    );
    assert!(
        first
            .body
            .contains("address: 986 Sunset Drive, Suite 259, Denver\n")
    );
    assert_eq!(
        (first.note_type.as_str(), first.source.label.as_str()),
        ("record", "file · row 1")
    );
}

#[test]
fn a_map_says_what_becomes_what() {
    let map = "title = \"{first_name} {last_name}\"\nbody = \"Pays with {payment_methods}\"\n\
        source = \"CRM · {user_id}\"\nsource_kind = \"crm\"\nsensitivity = \"confidential\"\n\
        tags = [\"contact\", \"{zip}\"]\npii = [\"name\", \"email\"]\nuri = \"crm://{user_id}\"\nkey = \"{user_id}\"\n\
        [consent]\nstatus = \"limited\"\npurposes = [\"support\"]\nsubject = \"{email}\"\n";
    let all = mapped(map, CONTACTS);
    assert!(all.error.is_none());
    let first = &all.notes[0];
    assert_eq!(first.title, "Noah Brown");
    assert_eq!(first.body, "Pays with paypal_5727330; credit_card_7815826");
    let row = first.row.as_deref().unwrap();
    assert!(
        row.contains("address: 986 Sunset Drive, Suite 259, Denver\n"),
        "{row}"
    );
    assert_eq!(first.source.label, "CRM · noah_brown_6181");
    assert_eq!(first.tags, ["contact", "80279"]);
    assert_eq!(first.sensitivity.as_deref(), Some("confidential"));
    let consent = first.consent.as_ref().unwrap();
    assert_eq!(
        (consent.status.as_str(), consent.purposes[0].as_str()),
        ("limited", "support")
    );
    let error = mapped("title = \"{nmae}\"", CONTACTS)
        .error
        .unwrap()
        .to_string();
    assert!(
        error.contains("\"nmae\"") && error.contains("\"user_id\""),
        "{error}"
    );
    let ends = "[consent]\nstatus = \"granted\"\nexpires_at = \"{last_name}\"";
    assert_eq!(
        mapped(ends, CONTACTS).notes.len(),
        0,
        "an end that cannot be read is no consent for ever"
    );
    let all = mapped("sensitivity = \"{last_name}\"", CONTACTS);
    assert_eq!(
        (all.notes.len(), all.skipped.len()),
        (0, 20),
        "an unknown sensitivity is no reason to share"
    );
}

/// Goal: a row that cannot come along whole makes no note: nothing would tell what its values are.
#[test]
fn a_map_takes_no_row_that_is_longer_than_a_note() {
    let table = format!("name,text\nA,{}\nB,short\n", "x ".repeat(3_000_000));
    let all = mapped("body = \"{name}\"", &table);
    assert_eq!((all.notes.len(), all.skipped.len()), (1, 1));
    assert!(
        all.skipped[0].reason.contains("longer than one note"),
        "{:?}",
        all.skipped
    );
}

#[test]
fn our_own_export_as_lines_is_told_from_that_as_json() {
    let lines = "{\"v\":1,\"head\":{}}\n{\"id\":\"a\",\"body\":\"b\"}\n";
    let error = read_bytes(Kind::Kitbag, lines.as_bytes()).error.unwrap();
    assert!(error.to_string().contains("as jsonl"), "{error}");
    assert_eq!(good(Kind::Jsonl, lines).notes.len(), 1);
}

#[test]
fn rows_are_known_by_what_they_hold() {
    let lines: Vec<&str> = CONTACTS.lines().collect();
    let before = good(Kind::Csv, CONTACTS).set();
    let mut turned = lines[1..].to_vec();
    turned.reverse();
    turned.push(lines[3]);
    let text = format!("\u{feff}{}\r\n{}\r\n", lines[0], turned.join("\r\n"));
    let again = good(Kind::Csv, &text);
    assert_eq!(again.notes.len(), 21);
    assert_eq!(again.set(), before, "a row twice is one note");
    assert_eq!(
        good(Kind::Csv, "a;b\n1;2\n").keys(),
        good(Kind::Csv, "b\ta\n2\t1\n").keys()
    );
    let table = "name;text\nA;\"two\nlines; and \"\"quotes\"\"\"\n\n;\nB;x;y\n";
    let all = good(Kind::Csv, table);
    assert_eq!(all.notes.len(), 1);
    assert_eq!(
        all.notes[0].body,
        "name: A\ntext: two\nlines; and \"quotes\""
    );
    assert_eq!(all.skipped.len(), 1);
}

#[test]
fn markdown_keeps_links_tags_and_what_is_not_understood() {
    let text = "---\ntitle: Plan\ntags: [a]\naliases: [b]\n---\n# Heading\nSee [[Other]] #todo\n";
    let of = |path: &str, text: &str| {
        let all = read_as(
            Kind::Markdown,
            "vault",
            path,
            text.as_bytes(),
            &Options::default(),
        );
        assert!(all.error.is_none());
        all
    };
    let all = of("x/plan.md", text);
    let note = &all.notes[0];
    assert_eq!((note.title.as_str(), note.body.as_str()), ("Plan", text));
    assert_eq!(note.tags, ["a", "todo"]);
    assert_eq!(note.source.label, "vault · x/plan.md");
    let plain = of(
        "x/plan.md",
        "---\nsensitivity: Restricted\n---\n\n# Heading\n",
    );
    assert_eq!(plain.notes[0].body, "# Heading\n");
    assert_eq!(plain.notes[0].title, "Heading");
    assert_eq!(plain.notes[0].sensitivity.as_deref(), Some("restricted"));
    assert_eq!(plain.notes[0].key, note.key, "the place is the same");
    assert_ne!(of("y/plan.md", text).notes[0].key, note.key);
    assert_eq!(
        of("x/plan.md", "---\nsensitivity: [a]\n---\nx")
            .skipped
            .len(),
        1
    );
    let bad = read_as(
        Kind::Markdown,
        "v",
        "a.md",
        b"\xff\xfa",
        &Options::default(),
    );
    assert_eq!(
        (bad.notes.len(), bad.skipped.len(), bad.error.is_none()),
        (0, 1, true)
    );
}

#[test]
fn a_line_is_a_note() {
    let lines = [
        json!({"id": "doc_1", "title": "Internal: Opening", "content": "## Steps", "sensitivity": "internal"}),
        json!({"title": "A", "body": "B", "tags": ["x"], "source": {"kind": "crm", "label": "CRM · 1"}, "claim": "observation", "produced_by": {"agent": "helper"}, "confidence": 0.7, "pinned": true, "observed": 1}),
        json!({"title": "A", "valid_to": "some day"}),
        json!({"title": "A", "consent": {"purposes": []}}),
        json!([1]),
    ];
    let text: Vec<String> = lines.iter().map(ToString::to_string).collect();
    let all = good(Kind::Jsonl, &text.join("\n"));
    assert_eq!(all.notes.len(), 2);
    assert_eq!(all.notes[0].source.label, "file · doc_1");
    assert_eq!(
        (all.notes[1].confidence, all.notes[1].pinned),
        (Some(700), false)
    );
    assert_eq!(all.left_out.len(), 1, "nobody here put it in front");
    assert_eq!(all.notes[1].source.label, "CRM · 1");
    assert_eq!(all.unknown["field observed"], 1);
    assert_eq!(all.skipped.len(), 3);
    let mut turned = text.clone();
    turned.reverse();
    assert_eq!(good(Kind::Jsonl, &turned.join("\n")).set(), all.set());
}

/// Goal: how sure an agent was is what an agent said; what names none loses it, and that is told.
#[test]
fn a_confidence_that_names_no_agent_is_left_out_and_told() {
    let by = [
        (json!(null), None),
        (json!({"prompt": "p"}), None),
        (json!({"agent": "a"}), Some(750)),
        (json!({"model": "m"}), Some(750)),
    ];
    for (by, expected) in by {
        let line = json!({"title": "A", "confidence": 750, "produced_by": by});
        let all = good(Kind::Jsonl, &line.to_string());
        assert_eq!(all.notes[0].confidence, expected, "{line}");
        assert_eq!(
            all.left_out.len(),
            usize::from(expected.is_none()),
            "{line}"
        );
    }
}

/// Goal: in lines of our own export what stood in front stands in front; in others it is told.
#[test]
fn lines_of_our_export_keep_what_stands_in_front() {
    let head = json!({"v": 1, "head": {"pack": {"id": "p", "title": "T"}, "selection": {}}});
    let note = json!({"id": "n", "title": "A", "pinned": true});
    let ours = good(Kind::Jsonl, &format!("{head}\n{note}"));
    assert_eq!((ours.notes[0].pinned, ours.left_out.len()), (true, 0));
    let others = good(Kind::Jsonl, &note.to_string());
    assert_eq!((others.notes[0].pinned, others.left_out.len()), (false, 1));
}

/// Goal: a sensitivity that is stated comes out as its word, or the note does not.
#[test]
fn a_stated_sensitivity_is_never_passed_over() {
    let word = |all: &crate::Read| all.notes.first().map(|note| note.sensitivity.clone());
    let restricted = Some(Some("restricted".to_owned()));
    for stated in ["restricted ", "\trestricted\n", "\"restricted\""] {
        let line = json!({"title": "A", "sensitivity": stated}).to_string();
        assert_eq!(word(&good(Kind::Jsonl, &line)), restricted, "{stated:?}");
    }
    let map = "sensitivity = \"{s}\"";
    assert_eq!(
        word(&mapped(map, "a,s\nx,\"\"\"restricted\"\"\"\n")),
        restricted
    );
    for stated in [
        "sensitivity: \" restricted \"",
        "sensitivity: 'Restricted'",
        "\"sensitivity\": restricted",
        "sensitivity : restricted\t",
    ] {
        let text = format!("---\n{stated}\n---\nx\n");
        assert_eq!(word(&good(Kind::Markdown, &text)), restricted, "{stated}");
    }
    for stated in [
        "sensitivity:",
        "sensitivity: \"\"",
        "sensitivity: restricted # ?",
    ] {
        let text = format!("---\n{stated}\n---\nx\n");
        assert_eq!(good(Kind::Markdown, &text).skipped.len(), 1, "{stated}");
    }
}

/// Goal: a file that ends in the middle gives what is whole, and says that it is not all.
#[test]
fn a_file_that_breaks_off_is_told() {
    for (kind, text) in [
        (Kind::Jsonl, "{\"title\":\"A\"}\n{\"title\":\"B"),
        (
            Kind::Kitbag,
            "{\"v\":1,\"notes\":[{\"title\":\"A\"},{\"title\":\"B",
        ),
        (Kind::Csv, "a,b\nA,1\nB,\"tw"),
        (
            Kind::Messages,
            "[{\"role\":\"user\",\"content\":\"A\"},{\"role\":\"user\",\"con",
        ),
        (
            Kind::Messages,
            "{\"role\":\"user\",\"content\":\"A\"}\n{\"role\":\"user\",\"con",
        ),
        (
            Kind::ClaudeCode,
            "{\"type\":\"user\",\"uuid\":\"u\",\"message\":{\"role\":\"user\",\"content\":\"A\"}}\n{\"type",
        ),
    ] {
        let all = read_bytes(kind, text.as_bytes());
        assert_eq!(all.notes.len(), 1, "{text}");
        assert!(all.error.is_some(), "{text}");
    }
    for whole in [
        "a,b\nA,1",
        "a,b\nA,\"1\"",
        "a,b\r\nA,5\"\r\n",
        "a,b\nA,\"1\"\n\n",
    ] {
        assert_eq!(good(Kind::Csv, whole).notes.len(), 1, "{whole:?}");
    }
    let middle = "{\"title\":\"A\"}\n{\"title\":\n{\"title\":\"B\"}";
    let all = good(Kind::Jsonl, middle);
    assert_eq!((all.notes.len(), all.skipped.len()), (2, 1));
}

#[test]
fn our_export_comes_back_whole() {
    let note = json!({"id": "abc", "type": "decision", "title": "T", "body": " b\u{0}\n", "tags": ["x"],
        "source": {"kind": "crm", "label": "CRM", "uri": "u", "app": "a", "author": "w", "locator": "l",
            "captured_at": "2026-01-01T00:00:00Z", "observed_at": null, "captured_by": "me", "trust": "first_party"},
        "produced_by": {"agent": "a", "model": null, "prompt": null}, "sensitivity": "confidential", "pii": ["email"],
        "consent": {"status": "granted", "purposes": ["p"], "subject": null, "given_at": null, "expires_at": "2030-01-01T00:00:00Z", "evidence": null},
        "claim": "verified", "confidence": 5, "status": "superseded", "pinned": true, "supersedes": ["p"], "derived_from": ["q"],
        "valid_from": null, "valid_to": "2030-01-01T00:00:00Z", "review_after": null, "expires_at": null, "added_by": "me", "edits": 2});
    let mut gone = note.clone();
    gone["status"] = json!("archived");
    let export = json!({"v": 1, "pack": {"id": "p", "title": "T"}, "selection": {}, "notes": [note, gone], "withheld": {}});
    // serde_json sorts members: put the version first, as an export has it.
    let text = format!(
        "{{\"v\":1,{}",
        export
            .to_string()
            .replace(",\"v\":1,", ",")
            .trim_start_matches('{')
    );
    let all = good(Kind::Kitbag, &text);
    assert_eq!(all.skipped[0].reason, "it is deleted where it comes from");
    let read = &all.notes[0];
    assert_eq!(
        (read.id.as_deref(), read.body.as_str(), read.confidence),
        (Some("abc"), " b\0\n", Some(5))
    );
    assert_eq!(read.source.captured_at, Some(1_767_225_600_000));
    assert_eq!(
        (read.supersedes[0].as_str(), read.derived_from[0].as_str()),
        ("p", "q")
    );
    assert_eq!(read.consent.as_ref().unwrap().expires_at, read.valid_to);
    assert!(all.unknown.is_empty(), "{:?}", all.unknown);
    for bad in [
        "{\"v\":2,\"notes\":[]}",
        "{\"notes\":[]}",
        "{\"notes\":[{}],\"v\":1}",
        "[]",
        "{}",
        "{\"v\":1,\"notes\":[{",
    ] {
        assert!(
            read_bytes(Kind::Kitbag, bad.as_bytes()).error.is_some(),
            "{bad}"
        );
    }
}

const MAIL: &str = "From: Ana <ana@example.com>\r\nTo: Ben <ben@example.com>\r\nSubject: =?utf-8?q?Caf=C3=A9?=\r\n\
    Date: Sat, 14 Jun 2025 10:00:00 +0000\r\nMessage-ID: <1@example.com>\r\nMIME-Version: 1.0\r\n\
    Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>Hello &amp; <b>bye</b></p>\r\n\
    --b\r\nContent-Type: image/png; name=\"a.png\"\r\nContent-Disposition: attachment; filename=\"a.png\"\r\n\r\nPNG\r\n--b--\r\n";

#[test]
fn mail_gives_its_text_and_names_what_came_along() {
    let all = good(Kind::Mail, MAIL);
    let note = &all.notes[0];
    assert_eq!(note.title, "Café");
    assert_eq!(note.source.author.as_deref(), Some("Ana <ana@example.com>"));
    assert_eq!(note.source.observed_at, Some(1_749_895_200_000));
    assert!(
        note.body.starts_with("To: Ben <ben@example.com>\n\n")
            && note.body.ends_with("Attachments: a.png"),
        "{}",
        note.body
    );
    assert!(
        note.body.contains("Hello & bye") && !note.body.contains("PNG"),
        "{}",
        note.body
    );
    let unix = MAIL.replace("\r\n", "\n");
    let mbox = format!(
        "From a@b Sat\n{unix}\nFrom c@d Sun\nFrom: Cy <c@d>\nSubject: Two\n\n>From here\nFrom there\n\n"
    );
    let both = good(Kind::Mail, &mbox);
    assert_eq!(both.notes.len(), 2);
    assert!(
        both.notes[1].body.contains("From here\nFrom there"),
        "{}",
        both.notes[1].body
    );
    assert_eq!(
        both.notes[0].key, note.key,
        "line breaks of the file change nothing"
    );
    assert!(read_bytes(Kind::Mail, b"hello\n").error.is_some());
}

/// Goal: of a mail of several texts every one comes, a list's footer as well as what follows a picture.
#[test]
fn all_texts_of_a_mail_come_and_other_parts_are_counted() {
    let mail = "From: Ana <ana@example.com>\r\nSubject: Plan\r\nMIME-Version: 1.0\r\n\
        Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n\
        --c\r\nContent-Type: text/plain\r\n\r\nFirst\r\n--c\r\nContent-Type: text/html\r\n\r\n<p>First too</p>\r\n--c--\r\n\
        --b\r\nContent-Type: image/png\r\nContent-Disposition: inline; filename=\"a.png\"\r\n\r\nPNG\r\n\
        --b\r\nContent-Type: text/html\r\n\r\n<p>Second</p>\r\n\
        --b\r\nContent-Type: text/plain; name=\"c.txt\"\r\nContent-Disposition: attachment; filename=\"c.txt\"\r\n\r\nAlong\r\n\
        --b\r\nContent-Type: text/plain\r\n\r\n-- \r\nlist footer\r\n--b--\r\n";
    let all = good(Kind::Mail, mail);
    let body = &all.notes[0].body;
    let at = |text: &str| body.find(text).unwrap_or_else(|| panic!("{text}: {body}"));
    assert!(at("First") < at("Second") && at("Second") < at("list footer"));
    assert!(
        at("Attachments: a.png, c.txt") > at("list footer"),
        "{body}"
    );
    assert!(!body.contains("too") && !body.contains("Along"), "{body}");
    assert_eq!(all.unknown["part image/png"], 1);
}

#[test]
fn json_is_no_table_and_an_empty_file_says_so() {
    for json in [
        "{\"a\": 1}\n",
        "[{\"a\": 1}]",
        "{\n  \"a\": 1\n}",
        "[\n1]",
        "[1, 2]\n",
        "{}",
    ] {
        let all = read_bytes(Kind::Csv, json.as_bytes());
        let error = all.error.expect(json).to_string();
        assert!(error.contains("looks like JSON"), "{error}");
        assert!(all.notes.is_empty());
    }
    for table in ["[id],name\n1,Ada\n", "{first} name,x\nAda,1\n"] {
        assert_eq!(good(Kind::Csv, table).notes.len(), 1, "{table}");
    }
    for kind in Kind::ALL {
        let all = good(kind, "");
        assert!(all.notes.is_empty());
        assert_eq!(all.skipped[0].reason, "it is empty", "{}", kind.as_str());
    }
}

#[test]
fn our_export_says_where_it_comes_from() {
    let head = r#"{"v":1,"pack":{"id":"aa","title":"t"},"packs":[{"id":"aa"},{"id":"bb"},7],"selection":{"client":"Acme"},"notes":[{"id":"x","body":"b"}]}"#;
    let origin = good(Kind::Kitbag, head).origin.expect("it says so");
    assert_eq!(origin.packs, ["aa", "aa", "bb"]);
    assert_eq!(origin.client.as_deref(), Some("Acme"));
    let none = good(Kind::Kitbag, r#"{"v":1,"notes":[{"id":"x","body":"b"}]}"#);
    assert_eq!(none.origin, None);
}
