//! Import with a real daemon: what is read, and what nothing may come of.

use crate::support::{Device, text, up_after_kill};
use miniz_oxide::inflate::decompress_to_vec_with_limit;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const CONTACTS: &str = include_str!("../crates/import/tests/fixtures/contacts.csv");
const AIRLINE: &str = include_str!("../crates/import/tests/fixtures/airline.json");

/// Goal: a dry run reads everything and writes nothing; a mistake in a name or a map is told with its
/// code before anything is sent.
#[test]
fn a_dry_run_reads_and_mistakes_import_nothing() {
    let ana = Device::up("Ana");
    let pack = ana.create_pack("Acme");
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    fs::write(path("contacts.csv"), CONTACTS).unwrap();
    fs::write(path("bad.toml"), "title = \"{nmae}\"").unwrap();

    let table = [
        "import",
        "csv",
        &path("contacts.csv"),
        "--pack",
        &pack,
        "--dry-run",
    ];
    let report = ana.json(&table);
    assert_eq!(
        (&report["read"], &report["dry_run"]),
        (&20.into(), &true.into())
    );
    let talk = ["import", "messages", "-", "--pack", &pack, "--dry-run"];
    let report = ana.json_with(&talk, AIRLINE.as_bytes());
    assert!(report["read"].as_u64() > Some(40), "{report}");
    assert_eq!(report["added"], report["read"], "all of it is new");
    assert!(ana.contents(&pack).is_empty());

    let fails = |args: &[&str], exit: i32, told: &str| {
        let (code, error) = ana.fails(args, b"");
        assert_eq!(code, exit, "{error}");
        assert!(error.to_string().contains(told), "{error}");
    };
    fails(
        &["import", "csv", &path("no.csv"), "--pack", &pack],
        3,
        "no.csv",
    );
    fails(
        &[
            "import",
            "csv",
            &path("contacts.csv"),
            "--pack",
            &pack,
            "--map",
            &path("bad.toml"),
        ],
        2,
        "nmae",
    );
    fails(
        &[
            "import",
            "csv",
            dir.path().to_str().unwrap(),
            "--pack",
            &pack,
        ],
        2,
        "folder",
    );
    fails(
        &["import", "chatgpt", &path("contacts.csv"), "--pack", &pack],
        2,
        "contacts.csv",
    );
    fails(
        &["import", "csv", &path("contacts.csv"), "--pack", "nowhere"],
        3,
        "nowhere",
    );
    assert!(ana.contents(&pack).is_empty());
}

const CONVERSATIONS: &[u8] = include_bytes!("../crates/scan/tests/fixtures/airline.json.deflate");
const SESSION: &str = include_str!("../crates/import/tests/fixtures/session.jsonl");

/// Real conversations: as many as a debug build takes in a few seconds.
fn conversations() -> Vec<Value> {
    let json = decompress_to_vec_with_limit(CONVERSATIONS, 8 << 20).unwrap();
    let mut all: Vec<Value> = serde_json::from_slice(&json).unwrap();
    all.truncate(20);
    all
}

fn number(report: &Value, field: &str) -> u64 {
    report[field].as_u64().unwrap()
}

/// Texts of fields that nobody cleared for internal may read, as the records state them.
fn held_values(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let held = ["dob", "address1", "address2", "payment_id"];
                if let (true, Some(text)) = (held.contains(&name.as_str()), value.as_str()) {
                    into.insert(text.to_owned());
                }
                if name == "payment_methods" {
                    let ids = value.as_object().into_iter().flatten();
                    into.extend(ids.map(|(id, _)| id.clone()));
                }
                held_values(value, into);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| held_values(value, into)),
        Value::String(text) => {
            if let Ok(inner @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(text) {
                held_values(&inner, into);
            }
        }
        _ => {}
    }
}

/// Goal: conversations come in once, in whatever order and under whatever name they come again; what
/// holds personal data is restricted, and somebody cleared for less has none of its values.
#[test]
fn conversations_come_in_once_and_their_personal_data_stays_above() {
    let (ana, ben) = (Device::up("Ana"), Device::up("Ben"));
    let pack = ana.create_pack("Airline");
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let mut all = conversations();
    let mut values = BTreeSet::new();
    all.iter().for_each(|one| held_values(one, &mut values));
    assert!(values.len() > 50, "{} values", values.len());
    fs::write(path("airline.json"), serde_json::to_vec(&all).unwrap()).unwrap();
    let first = ana.json(&["import", "messages", &path("airline.json"), "--pack", &pack]);
    let (added, masked) = (number(&first, "added"), number(&first, "masked"));
    assert!(added > 300 && masked > 50, "{first}");
    assert_eq!(number(&first, "refused"), 0, "{first}");

    all.reverse();
    fs::write(path("again.json"), serde_json::to_vec(&all).unwrap()).unwrap();
    for name in ["airline.json", "again.json"] {
        let again = ana.json(&["import", "messages", &path(name), "--pack", &pack]);
        let told = ["added", "masked", "refused"].map(|field| number(&again, field));
        assert_eq!(told, [0; 3], "{again}");
        assert_eq!(number(&again, "unchanged"), added, "{again}");
    }

    ben.json_with(&["join", "-"], ana.share(&pack).as_bytes());
    ben.ok(&["sync", &pack, "--wait"]);
    let export = ben.json(&["export", &pack, "--format", "json"]);
    let notes = export["notes"].as_array().unwrap().len() as u64;
    assert_eq!(
        notes, added,
        "the notes without personal data, and the copies of the others"
    );
    let text = export.to_string();
    for value in &values {
        assert!(!text.contains(value.as_str()), "{value} left");
    }
    assert!(text.contains("[date of birth]"));
}

/// Goal: what leaves as JSON comes in as it was, in another pack, and a second time not at all.
#[test]
fn an_export_comes_in_as_it_left() {
    let ana = Device::up("Ana");
    let (from, to) = (ana.create_pack("From"), ana.create_pack("To"));
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    fs::write(path("contacts.csv"), CONTACTS).unwrap();
    fs::write(path("session.jsonl"), SESSION).unwrap();
    let full = json!({
        "title": "Everything \u{1b}[31m", "body": "two\nlines\u{202e}", "type": "decision", "tags": ["b", "a"],
        "source": {"kind": "crm", "label": "CRM · row 1", "uri": "crm://1", "app": "CRM", "author": "Ada",
            "locator": "row 1", "captured_at": "2026-01-02T03:04:05Z", "observed_at": "2026-01-01T00:00:00Z"},
        "produced_by": {"agent": "a", "model": "m", "prompt": "p"}, "sensitivity": "confidential",
        "pii": ["name"], "claim": "verified", "confidence": 750, "pinned": true,
        "consent": {"status": "limited", "purposes": ["support"], "subject": "s",
            "given_at": "2026-01-01T00:00:00Z", "expires_at": "2099-01-01T00:00:00Z", "evidence": "e"},
        "valid_from": "2026-01-01T00:00:00Z", "valid_to": "2098-01-01T00:00:00Z",
        "review_after": "2097-01-01T00:00:00Z", "expires_at": "2096-01-01T00:00:00Z",
    });
    fs::write(path("full.jsonl"), format!("{full}\n")).unwrap();
    for (kind, file) in [
        ("csv", "contacts.csv"),
        ("claude-code", "session.jsonl"),
        ("jsonl", "full.jsonl"),
    ] {
        let report = ana.json(&["import", kind, &path(file), "--pack", &from]);
        assert!(number(&report, "added") > 0, "{kind}: {report}");
    }
    let up_to = ["--max-sensitivity", "restricted", "--purpose", "support"];
    let export = |pack: &str| -> Value {
        let args = [&["export", pack, "--format", "json"][..], &up_to].concat();
        ana.json(&args)
    };
    let left = export(&from);
    let args = [&["export", &from, "--format", "json"][..], &up_to].concat();
    fs::write(path("pack.json"), ana.ok(&args)).unwrap();
    let import = ["import", "kitbag", &path("pack.json"), "--pack", &to];
    let report = ana.json(&import);
    let notes = left["notes"].as_array().unwrap();
    assert_eq!(number(&report, "added"), notes.len() as u64, "{report}");
    let came = export(&to);
    let again = ana.json(&import);
    assert_eq!(number(&again, "added"), 0, "{again}");
    let home = ana.json(&["import", "kitbag", &path("pack.json"), "--pack", &from]);
    assert_eq!(
        (number(&home, "added"), number(&home, "unchanged")),
        (0, notes.len() as u64),
        "what left is still there: {home}"
    );

    assert_same(&left, &came);
}

/// Holds every field of the notes of two exports against each other, but for what the device says itself;
/// links lead to what each note is in the other pack.
fn assert_same(left: &Value, came: &Value) {
    let ids = |export: &Value| -> Vec<String> {
        let notes = export["notes"].as_array().unwrap().iter();
        notes.map(|note| text(&note["id"])).collect()
    };
    // Notes of one moment stand by log and id, so each is found by what was said.
    let said =
        |note: &Value| json!([note["title"], note["body"], note["source"]["label"]]).to_string();
    let by_said = |export: &Value| -> BTreeMap<String, Value> {
        let notes = export["notes"].as_array().unwrap().iter();
        notes.map(|note| (said(note), note.clone())).collect()
    };
    let (before, after) = (by_said(left), by_said(came));
    assert_eq!(before.len(), after.len());
    let names: BTreeMap<String, String> = before
        .iter()
        .map(|(said, note)| (text(&note["id"]), text(&after[said]["id"])))
        .collect();
    assert_eq!(ids(left).len(), names.len());
    for (said, note) in &before {
        let mut expected = note.clone();
        let mut found = after[said].clone();
        for links in ["supersedes", "derived_from"] {
            let mut led: Vec<String> = note[links]
                .as_array()
                .unwrap()
                .iter()
                .map(|id| names[&text(id)].clone())
                .collect();
            led.sort();
            expected[links] = json!(led);
            let mut here: Vec<String> = found[links].as_array().unwrap().iter().map(text).collect();
            here.sort();
            found[links] = json!(here);
        }
        for own in ["id", "added_by", "edits"] {
            expected[own] = Value::Null;
            found[own] = Value::Null;
        }
        for own in ["captured_by", "trust"] {
            expected["source"][own] = Value::Null;
            found["source"][own] = Value::Null;
        }
        assert_eq!(found, expected);
    }
}

/// Goal: notes of every state leave and come in as they were, as JSON and as JSON lines: pinned, replaced
/// by an older and a newer one, long, masked, edited. What is over or redacted stays, and is counted.
#[test]
fn notes_of_every_state_come_in_as_they_left() {
    let ana = Device::up("Ana");
    let from = ana.create_pack("From");
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let first = ana.add(&from, "First", "one");
    let second = ana.add(&from, "Second", "two");
    let third = ana.add(&from, "Third", "three");
    ana.ok(&["supersede", &first, "--by", &second]);
    ana.ok(&["supersede", &third, "--by", &second]);
    let older = ana.add(&from, "Older", "four");
    let newer = ana.add(&from, "Newer", "five");
    ana.ok(&["supersede", &newer, "--by", &older]);
    let front = ana.add(&from, "Front", "six");
    ana.ok(&["edit", &front, "--pin", "--tag", "t"]);
    let long = "a line of a long text\n".repeat(5_000);
    ana.add(&from, "Long", &long);
    let made = [
        "add",
        &from,
        "--source",
        "me",
        "--title",
        "Made",
        "--derived-from",
        &first,
        "--observed",
        "2026-01-02",
    ];
    ana.json_with(&made, b"mail me: b.c@example.org");
    let redacted = ana.add(&from, "Redacted", "seven");
    ana.ok(&["redact", &redacted, "--reason", "asked to", "--yes"]);
    let over = json!({"title": "Over", "status": "expired"}).to_string();
    ana.json_with(&["import", "jsonl", "-", "--pack", &from], over.as_bytes());
    let deleted = ana.add(&from, "Deleted", "eight");
    ana.ok(&["delete", &deleted]);

    let up_to = ["--all", "--with-copies", "--max-sensitivity", "restricted"];
    let export = |pack: &str, format: &str, out: &str| {
        let args = [
            &["export", pack, "--format", format, "--out", out][..],
            &up_to,
        ]
        .concat();
        ana.ok(&args);
        fs::read_to_string(out).unwrap()
    };
    let whole = |pack: &str| -> Value {
        let exported: Value = serde_json::from_str(&export(pack, "json", &path(pack))).unwrap();
        fs::remove_file(path(pack)).unwrap();
        exported
    };
    let left = whole(&from);
    let of = |title: &str| -> Value {
        let notes = left["notes"].as_array().unwrap().iter();
        notes
            .clone()
            .find(|note| note["title"] == title)
            .unwrap()
            .clone()
    };
    assert_eq!(of("First")["status"], "superseded");
    let replaced = of("Second")["supersedes"].as_array().unwrap().clone();
    assert_eq!(replaced.len(), 2);
    for old in [&first, &third] {
        assert!(replaced.contains(&json!(old)), "{replaced:?}");
    }
    assert_eq!(of("Older")["supersedes"], json!([newer]));
    assert_eq!(of("Front")["pinned"], true);
    assert!(of("Long")["body"] == long.trim_end(), "all of a long text");
    assert_eq!(
        (&left["withheld"]["redacted"], &left["withheld"]["expired"]),
        (&json!(1), &json!(1))
    );
    let mut kept = left.clone();
    let notes = kept["notes"].as_array_mut().unwrap();
    notes.retain(|note| note["status"] != "archived");
    let count = notes.len() as u64;
    for (kind, format) in [("kitbag", "json"), ("jsonl", "jsonl")] {
        let to = ana.create_pack(kind);
        export(&from, format, &path(format));
        let import = ["import", kind, &path(format), "--pack", &to];
        let report = ana.json(&import);
        assert_eq!(number(&report, "added"), count, "{kind}: {report}");
        let skipped = number(&report, "skipped_total");
        assert_eq!(
            (skipped, number(&report, "left_out_total")),
            (1, 0),
            "the deleted one: {report}"
        );
        assert_same(&kept, &whole(&to));
        let again = ana.json(&import);
        assert_eq!(
            (number(&again, "added"), number(&again, "unchanged")),
            (0, count),
            "{kind}"
        );
        let home = ana.json(&["import", kind, &path(format), "--pack", &from]);
        assert_eq!(
            (number(&home, "added"), number(&home, "unchanged")),
            (0, count),
            "{kind}"
        );
    }
}

/// Goal: mail, notes as Markdown and the exports of ChatGPT and Claude come in through the daemon with what
/// they say, as files, folders and archives; a second time nothing is added.
#[test]
fn every_other_kind_comes_in_once() {
    let ana = Device::up("Ana");
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let mail = |id: u8, subject: &str, text: &str| {
        format!(
            "From: Cy <cy@example.net>\r\nSubject: {subject}\r\nMessage-ID: <{id}@example.net>\r\n\
             Date: Sat, 14 Jun 2025 10:00:00 +0000\r\n\r\n{text}\r\n"
        )
    };
    fs::write(path("one.eml"), mail(1, "Renewal", "They renew in June")).unwrap();
    let two = [
        mail(2, "Seats", "Forty seats"),
        mail(3, "Price", "Too high"),
    ];
    let mbox: String = two
        .iter()
        .map(|mail| format!("From cy@example.net Sat Jun 14 10:00:00 2025\r\n{mail}\r\n"))
        .collect();
    fs::write(path("all.mbox"), mbox).unwrap();
    fs::create_dir_all(path("vault/below")).unwrap();
    fs::create_dir_all(path("vault/.obsidian")).unwrap();
    fs::write(
        path("vault/a.md"),
        "---\ntags: [vip]\n---\n# Plan\nSee [[b]]\n",
    )
    .unwrap();
    fs::write(path("vault/below/b.md"), "# Notes\nForty seats\n").unwrap();
    fs::write(path("vault/.obsidian/c.md"), "# Settings\n").unwrap();
    let node = |id: &str, parent: Option<&str>, role: &str, said: &str| {
        json!({"id": id, "parent": parent, "children": [], "message": {
            "id": id, "author": {"role": role}, "create_time": 1_749_895_200.5,
            "content": {"content_type": "text", "parts": [said]}}})
    };
    let chatgpt = json!([{"title": "Cats", "conversation_id": "c-1", "current_node": "a2", "mapping": {
        "u1": node("u1", None, "user", "What is this?"),
        "a1": node("a1", Some("u1"), "assistant", "An answer that was made anew"),
        "a2": node("a2", Some("u1"), "assistant", "A cat"),
    }}]);
    fs::write(path("conversations.json"), chatgpt.to_string()).unwrap();
    let claude = json!([{"uuid": "c", "name": "Plan", "chat_messages": [
        {"uuid": "a", "sender": "human", "text": "Read this"},
        {"uuid": "b", "sender": "assistant", "text": "", "content": [{"type": "text", "text": "Done"}]},
    ]}]);
    fs::write(path("claude.json"), claude.to_string()).unwrap();
    fs::write(
        path("claude.zip"),
        stored("conversations.json", claude.to_string().as_bytes()),
    )
    .unwrap();
    let cases: [(&str, &str, &[&str]); 6] = [
        ("mail", "one.eml", &["They renew in June"]),
        ("mail", "all.mbox", &["Forty seats", "Too high"]),
        ("markdown", "vault", &["See [[b]]", "Forty seats"]),
        ("chatgpt", "conversations.json", &["What is this?", "A cat"]),
        ("claude", "claude.json", &["Read this", "Done"]),
        ("claude", "claude.zip", &["Read this", "Done"]),
    ];
    for (kind, file, said) in cases {
        let pack = ana.create_pack(file);
        let import = ["import", kind, &path(file), "--pack", &pack];
        let first = ana.json(&import);
        assert_eq!(
            (number(&first, "added"), number(&first, "skipped_total")),
            (said.len() as u64, 0),
            "{file}: {first}"
        );
        let contents = ana.contents(&pack);
        for text in said {
            let held = contents.iter().any(|(_, body)| body.contains(text));
            assert!(held, "{text} of {file}: {contents:?}");
        }
        let again = ana.json(&import);
        assert_eq!(
            (number(&again, "added"), number(&again, "unchanged")),
            (0, number(&first, "added")),
            "{file}: {again}"
        );
        assert_eq!(ana.contents(&pack), contents, "{file}");
    }
}

/// An archive with one file in it that is not compressed.
fn stored(name: &str, bytes: &[u8]) -> Vec<u8> {
    let crc = bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 }
        })
    });
    let (length, name_length) = (bytes.len() as u32, name.len() as u16);
    let mut facts = vec![20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0]; // version, flags, method, time, 1980-01-01
    for number in [!crc, length, length] {
        facts.extend(number.to_le_bytes());
    }
    facts.extend(name_length.to_le_bytes());
    facts.extend([0, 0]);
    let file = [b"PK\x03\x04", &facts[..], name.as_bytes(), bytes].concat();
    let rest = [0; 14]; // comment, disk, attributes, where its own header is
    let listed = [b"PK\x01\x02\x14\x00", &facts[..], &rest, name.as_bytes()].concat();
    let mut end = b"PK\x05\x06\0\0\0\0\x01\0\x01\0".to_vec();
    for number in [listed.len() as u32, file.len() as u32] {
        end.extend(number.to_le_bytes());
    }
    end.extend([0, 0]);
    [file, listed, end].concat()
}

/// Rows of the tables whose import is killed: so many that it takes a while.
const ROWS: usize = 3_000;

/// A table, as a file.
fn table_of_rows(dir: &std::path::Path) -> String {
    let file = dir.join("rows.csv");
    let mut rows = String::from("name,plan\n");
    for row in 0..ROWS {
        rows.push_str(&format!("Person {row},plan {}\n", row % 7));
    }
    fs::write(&file, rows).unwrap();
    file.display().to_string()
}

fn notes_in(device: &Device, pack: &str) -> usize {
    let list = device.json(&["list", pack]);
    list["notes"].as_array().unwrap().len()
}

/// Begins an import, and waits until some of it is there, and not all.
fn import_half(device: &Device, import: &[&str], pack: &str) -> (Child, usize) {
    let mut importing = Command::new(env!("CARGO_BIN_EXE_kitbag"))
        .args(import)
        .env("KITBAG_HOME", &device.home)
        .env_remove("DBUS_SESSION_BUS_ADDRESS")
        .env("XDG_RUNTIME_DIR", device.home.with_extension("run"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    loop {
        let ended = importing.try_wait().unwrap();
        let there = notes_in(device, pack);
        if there > 0 {
            assert!(ended.is_none() && there < ROWS, "{there}: {ended:?}");
            return (importing, there);
        }
        assert!(ended.is_none(), "{ended:?}");
    }
}

/// Goal: an import whose daemon is killed in the middle ends, once it is started again, as if nothing
/// had happened.
#[test]
fn an_import_that_is_killed_goes_on_where_it_was() {
    let ana = Device::up("Ana");
    let pack = ana.create_pack("Rows");
    let dir = tempfile::tempdir().unwrap();
    let file = table_of_rows(dir.path());
    let import = ["import", "csv", &file, "--pack", &pack];
    let pid = ana.json(&["daemon", "status"])["pid"].as_u64().unwrap();
    let (mut importing, part) = import_half(&ana, &import, &pack);
    let kill = Command::new("kill").args(["-9", &pid.to_string()]).status();
    assert!(kill.unwrap().success());
    let ended = importing.wait().unwrap();
    assert!(!ended.success(), "{part} of {ROWS} were there");
    up_after_kill(&ana, pid);
    let listed = notes_in(&ana, &pack);
    assert!(part <= listed && listed < ROWS, "{part} {listed}");
    ends_the_same(&ana, &import, &pack, listed);
}

/// Goal: the same, if it is the command that is killed.
#[test]
fn an_import_whose_command_is_killed_goes_on_where_it_was() {
    let ana = Device::up("Ana");
    let pack = ana.create_pack("Rows");
    let dir = tempfile::tempdir().unwrap();
    let file = table_of_rows(dir.path());
    let import = ["import", "csv", &file, "--pack", &pack];
    let (mut importing, part) = import_half(&ana, &import, &pack);
    importing.kill().unwrap();
    assert!(!importing.wait().unwrap().success());
    // What the daemon was asked last it may still do.
    let mut listed = notes_in(&ana, &pack);
    loop {
        std::thread::sleep(Duration::from_millis(500));
        let now = notes_in(&ana, &pack);
        if now == listed {
            break;
        }
        listed = now;
    }
    assert!(part <= listed && listed < ROWS, "{part} {listed}");
    ends_the_same(&ana, &import, &pack, listed);
}

/// The rest comes, and then nothing more; every row is there once.
fn ends_the_same(device: &Device, import: &[&str], pack: &str, listed: usize) {
    let report = device.json(import);
    assert_eq!(number(&report, "unchanged"), listed as u64, "{report}");
    assert_eq!(number(&report, "added") as usize, ROWS - listed, "{report}");
    let list = device.json(&["list", pack]);
    let notes = list["notes"].as_array().unwrap().iter();
    let titles: BTreeSet<String> = notes.map(|note| text(&note["title"])).collect();
    assert_eq!(
        (titles.len(), list["notes"].as_array().unwrap().len()),
        (ROWS, ROWS)
    );
    let again = device.json(import);
    assert_eq!(
        (number(&again, "added"), number(&again, "unchanged")),
        (0, ROWS as u64)
    );
}

/// Goal: of a file that breaks off what is whole is taken in; the report comes, and then the code
/// that says it is not all. A stated sensitivity stands, whatever stands around it.
#[test]
fn a_file_that_breaks_off_is_taken_in_and_told() {
    let ana = Device::up("Ana");
    let pack = ana.create_pack("Acme");
    let text = "{\"title\":\"A\",\"sensitivity\":\" \\\"restricted\\\" \"}\n{\"title\":\"B\"}\n{\"title\":\"C";
    let args = ["--json", "import", "jsonl", "-", "--pack", &pack];
    let output = ana.run(&args, text.as_bytes());
    assert_eq!(output.status.code(), Some(2));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&report["added"], &report["skipped_total"]),
        (&2.into(), &2.into()),
        "the line and the file are told"
    );
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        told.contains("breaks off") && told.contains("2 notes"),
        "{told}"
    );
    let listed = ana.json(&["list", &pack]);
    let notes = listed["notes"].as_array().unwrap();
    let of = |title: &str| notes.iter().find(|note| note["title"] == title).unwrap();
    assert_eq!(of("A")["sensitivity"], "restricted");
    assert_ne!(of("B")["sensitivity"], "restricted");
}

/// Goal: the wall between clients stands in whatever form our own export comes back, and in the daemon:
/// no front end has to ask first. The lines of ours that are no notes are nobody's concern.
#[test]
fn the_wall_between_clients_stands_for_every_form_of_our_export() {
    let ana = Device::up("Ana");
    let dir = tempfile::tempdir().unwrap();
    let create = |client: &str| {
        let args = ["pack", "create", client, "--client", client];
        text(&ana.json(&args)["pack"]["id"])
    };
    let (globex, initech) = (create("Globex"), create("Initech"));
    ana.add(&globex, "Offer", "cheaper than Initech");
    for (kind, format) in [("jsonl", "jsonl"), ("kitbag", "json"), ("hcr", "hcr")] {
        let file = dir.path().join(format).display().to_string();
        ana.ok(&["export", &globex, "--format", format, "--out", &file]);
        let import = ["import", kind, &file, "--pack", &initech];
        for more in [&[][..], &["--dry-run"]] {
            let (exit, error) = ana.fails(&[&import[..], more].concat(), b"");
            assert_eq!(exit, 4, "{kind}: {error}");
            assert!(error.to_string().contains("wall client"), "{kind}: {error}");
        }
        assert!(ana.contents(&initech).is_empty(), "{kind}");
    }
    let file = dir.path().join("jsonl").display().to_string();
    let report = ana.json(&[
        "import",
        "jsonl",
        &file,
        "--pack",
        &initech,
        "--across-clients",
    ]);
    assert_eq!(number(&report, "added"), 1, "{report}");
    assert_eq!(number(&report, "skipped_total"), 0, "{report}");
    assert_eq!(report["unknown"], json!({}), "{report}");

    // What a front end leaves out of its questions is asked all the same.
    let home = ana.home.clone();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let refused = runtime.block_on(async {
        let client = kitbag_rpc::Client::new(&home, kitbag_rpc::Caller::Cli);
        let note = kitbag_rpc::ImportNote {
            key: "00112233445566778899aabbccddeeff".into(),
            title: "Offer 2".into(),
            source: kitbag_rpc::ImportSource {
                label: "x".into(),
                ..Default::default()
            },
            ..Default::default()
        };
        let call = kitbag_rpc::ImportNotes {
            v: kitbag_rpc::V1,
            pack: initech.clone(),
            notes: vec![note],
            unmasked: false,
            origin: Some(kitbag_rpc::ImportOrigin {
                from: vec![globex.clone()],
                client: None,
            }),
            across_clients: false,
            dry_run: false,
        };
        client.call(&call).await
    });
    let refused = refused.map_err(|error| error.into_failure().message);
    assert!(
        refused.as_ref().unwrap_err().contains("wall client"),
        "{refused:?}"
    );
}

/// Goal: the map of the documentation does what it says: every row has an original and a masked copy; and
/// where a stated kind cannot be found, the report says why there is none.
#[test]
fn the_documented_map_of_contacts_gives_masked_copies_and_a_dry_run_says_so_before() {
    let ana = Device::up("Ana");
    let pack = ana.create_pack("Acme");
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let docs = include_str!("../docs/cli.md");
    let map = docs.split("```toml\n").nth(1).unwrap();
    let map = map.split("```").next().unwrap();
    assert!(map.contains("first_name"), "{map}");
    fs::write(path("map.toml"), map).unwrap();
    fs::write(path("contacts.csv"), CONTACTS).unwrap();
    let import = ["import", "csv", &path("contacts.csv"), "--pack", &pack];
    let with = |map: &str, more: &[&str]| ana.json(&[&import[..], &["--map", map], more].concat());
    let plan = with(&path("map.toml"), &["--dry-run"]);
    let told = ["read", "added", "unchanged", "personal_data", "masked"].map(|f| number(&plan, f));
    assert_eq!(told, [20, 20, 0, 20, 20], "{plan}");
    assert_eq!(plan["at"], json!({"internal": 20, "restricted": 20}));
    assert_eq!(plan["audiences"].as_array().unwrap().len(), 2);
    assert!(ana.contents(&pack).is_empty());
    let done = with(&path("map.toml"), &[]);
    assert_eq!((number(&done, "added"), number(&done, "masked")), (20, 20));
    let again = with(&path("map.toml"), &["--dry-run"]);
    assert_eq!(
        (number(&again, "added"), number(&again, "unchanged")),
        (0, 20)
    );

    // What the columns show is masked wherever the map puts it.
    let below = ana
        .json(&["export", &pack, "--max-sensitivity", "internal"])
        .to_string();
    let mut rows = CONTACTS.lines();
    let columns: Vec<&str> = rows.next().unwrap().split(',').collect();
    let last_name = columns
        .iter()
        .position(|name| *name == "last_name")
        .unwrap();
    for row in rows {
        let name = row.split(',').nth(last_name).unwrap();
        assert!(!below.contains(name), "{name} in {below}");
    }
    assert!(
        below.contains("[name]") && below.contains("[address]"),
        "{below}"
    );

    let other = ana.create_pack("Other");
    let stated = map.replace("pii = [", "pii = [\"health\", ");
    fs::write(path("stated.toml"), stated).unwrap();
    let import = ["import", "csv", &path("contacts.csv"), "--pack", &other];
    let stated = path("stated.toml");
    let args = [&import[..], &["--map", &stated]].concat();
    let output = ana.run(&args, b"");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("No masked copy") && said.contains("health 20"),
        "{said}"
    );
}

/// Goal: a file of which nothing comes in ends the command as an error, and says why.
#[test]
fn a_file_of_which_every_record_is_skipped_is_an_error() {
    let ana = Device::up("Ana");
    let pack = ana.create_pack("Acme");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("other.json").display().to_string();
    fs::write(&path, "[{\"a\": 1}, {\"b\": 2}]").unwrap();
    let (exit, error) = ana.fails(&["import", "messages", &path, "--pack", &pack], b"");
    assert_eq!((exit, &error["code"]), (2, &json!("bad-input")), "{error}");
    assert!(text(&error["hint"]).contains("another KIND"), "{error}");
    assert!(ana.contents(&pack).is_empty());
}
