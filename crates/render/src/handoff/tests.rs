//! A hand-off as a document: read back by other parsers, hostile texts, and what is never dropped.

use super::*;
use mail_parser::MessageParser;
use proptest::prelude::*;
use pulldown_cmark::{Event, Parser, Tag};
use serde_json::Value;

fn sample() -> HandoffDoc {
    let text = |text: &str| text.to_owned();
    HandoffDoc {
        id: text("hoabc"),
        pack: text("pack1"),
        mode: text("transfer"),
        to: text("team:exceptions"),
        reason_code: text("supervisor_request_service_complaint"),
        priority: text("medium"),
        layout: vec![
            (text("needs"), text("Needs")),
            (text("facts"), text("Sources")),
            (text("nonsense"), text("Nonsense")),
        ],
        summary: text("Customer wants a reservation cancelled."),
        needs: vec![text("Would accept a voucher")],
        facts: vec![FactDoc {
            text: text("Booked in May"),
            item: text("note1"),
            heads: vec![text("00ff")],
            source: text("Airline CRM · reservation"),
            quote: Some(text("created_at")),
        }],
        tried: vec![
            AttemptDoc {
                action: text("Cancellation"),
                outcome: text("failed"),
                item: Some(text("note1")),
            },
            AttemptDoc {
                action: text("Looked it up"),
                outcome: text("ok"),
                item: None,
            },
        ],
        decisions: vec![DecidedDoc {
            summary: text("No voucher"),
            rationale: text("regular member"),
        }],
        unresolved: vec![text("May anyone grant an exception?")],
        next_steps: vec![NextStepDoc {
            text: text("Decide"),
            owner: Some(text("exceptions team")),
            due: None,
        }],
        privacy: PrivacyDoc {
            max_sensitivity: Some(text("internal")),
            withheld: vec![WithheldDoc {
                count: 2,
                why: text("sensitivity restricted"),
                pii: vec![text("address"), text("date_of_birth")],
            }],
            ..PrivacyDoc::default()
        },
        ..HandoffDoc::default()
    }
}

fn headings(markdown: &str) -> Vec<String> {
    let body = markdown.splitn(3, "---\n").nth(2).unwrap();
    let mut headings = Vec::new();
    let mut inside = false;
    for event in Parser::new(body) {
        match event {
            Event::Start(Tag::Heading { .. }) => {
                inside = true;
                headings.push(String::new());
            }
            Event::End(pulldown_cmark::TagEnd::Heading(_)) => inside = false,
            Event::Text(text) | Event::Code(text) if inside => {
                if let Some(heading) = headings.last_mut() {
                    heading.push_str(&text);
                }
            }
            _ => {}
        }
    }
    headings
}

#[test]
fn markdown_has_the_fields_in_their_order_and_says_what_was_not_shared() {
    let text = markdown(&sample());
    assert!(text.starts_with("---\nhandoff: \"hoabc\"\n"), "{text}");
    assert!(text.contains("\nwithheld: \"2\"\n---\n"), "{text}");
    let all = [
        "Needs",
        "Summary",
        "Already tried",
        "Decided",
        "Unresolved",
        "Next steps",
        "Sources",
        "Not shared",
    ];
    assert_eq!(headings(&text), all);
    assert!(text.contains("- Cancellation: failed \\[1\\]\n"), "{text}");
    assert!(
        text.contains("- \\[1\\] Booked in May (“created\\_at”) — Airline CRM · reservation\n"),
        "{text}"
    );
    assert!(
        text.contains("- 2 notes: address, date\\_of\\_birth (sensitivity restricted)\n"),
        "{text}"
    );
    let empty = markdown(&HandoffDoc::default());
    assert_eq!(empty, "---\nwithheld: \"0\"\n---\n");
}

#[test]
fn a_record_keeps_everything_and_drops_nothing_private_unasked() {
    let doc = sample();
    let text = hcr(&doc, Extension::With).unwrap();
    let taken = from_hcr(text.as_bytes()).unwrap();
    assert_eq!((taken.doc, taken.is_whole), (doc.clone(), true));
    let record: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        record["currentState"]["complete"],
        serde_json::json!(["Looked it up"])
    );
    assert_eq!(record["evidence"][0]["artifactRef"], "kitbag:note:note1");
    assert_eq!(record["ownership"]["nextActor"]["type"], "human");
    let told = record["constraints"].to_string();
    assert!(
        told.contains("more sensitive than internal") && told.contains("withheld: 2"),
        "{told}"
    );
    assert_eq!(hcr(&doc, Extension::Without), Err(WouldLose));
    let lossy = hcr(&doc, Extension::WithoutAllowLossy).unwrap();
    assert!(!lossy.contains("extensions") && lossy.contains("withheld: 2"));
    let mut open = doc;
    open.privacy = PrivacyDoc {
        max_sensitivity: Some("public".to_owned()),
        ..PrivacyDoc::default()
    };
    assert!(hcr(&open, Extension::Without).is_ok());
    for privacy in [
        PrivacyDoc {
            pii: vec!["email".to_owned()],
            ..PrivacyDoc::default()
        },
        PrivacyDoc {
            purpose: Some("support".to_owned()),
            ..PrivacyDoc::default()
        },
    ] {
        open.privacy = privacy;
        assert_eq!(hcr(&open, Extension::Without), Err(WouldLose));
    }
}

#[test]
fn a_record_of_others_becomes_a_draft_whose_evidence_nobody_checked() {
    let lossy = hcr(&sample(), Extension::WithoutAllowLossy).unwrap();
    let taken = from_hcr(lossy.as_bytes()).unwrap();
    let doc = taken.doc;
    assert!(!taken.is_whole);
    assert!(doc.facts.is_empty(), "no note here is cited");
    assert_eq!(doc.unverified, ["Airline CRM · reservation: Booked in May"]);
    assert_eq!(doc.unresolved.len(), 2);
    assert_eq!(doc.decisions[0].summary, "No voucher");
    assert_eq!(doc.next_steps[0].text, "Decide");
    let long = format!(
        "{{\"schemaVersion\":\"1.0\",\"evidence\":[{}]}}",
        vec!["{\"claim\":\"a\"}"; 5000].join(",")
    );
    assert_eq!(from_hcr(long.as_bytes()).unwrap().doc.unverified.len(), 20);
    let extension = |inner: &str| {
        from_hcr(
            format!(
                "{{\"schemaVersion\":\"1.0\",\"extensions\":{{\"urn:kitbag:handoff:1\":{inner}}}}}"
            )
            .as_bytes(),
        )
    };
    for inner in [
        "{}",
        "null",
        "[]",
        "{\"v\":2,\"handoff\":{\"id\":\"a\"}}",
        "{\"v\":1,\"handoff\":{\"id\":\"a\",\"more\":1}}",
        "{\"v\":1,\"handoff\":7}",
    ] {
        assert_eq!(extension(inner), Err(NotAHandoff::Extension), "{inner}");
    }
    assert!(extension("{\"v\":1,\"handoff\":{\"id\":\"a\"}}").is_ok());
    let deep = format!("{{\"schemaVersion\":\"1.0\",\"a\":{}", "[".repeat(100_000));
    for bytes in [
        &b""[..],
        b"[]",
        b"{}",
        b"\xff",
        b"{\"schemaVersion\":\"2.0\"}",
        b"{\"schemaVersion\":1}",
        deep.as_bytes(),
    ] {
        assert_eq!(from_hcr(bytes), Err(NotAHandoff::NotARecord));
    }
    assert_eq!(from_hcr(&vec![b' '; 1 << 21]), Err(NotAHandoff::TooLong));
}

#[test]
fn a_mail_is_read_by_others_as_it_was_written() {
    let mut doc = sample();
    doc.subject = Some(
        "Rückerstattung · 返金 for a long long long title that needs several words".to_owned(),
    );
    let text = eml(&doc, Some("Tue, 24 Nov 2026 15:00:00 +0000"));
    assert!(
        text.is_ascii() && text.lines().all(|line| line.len() <= 76),
        "{text}"
    );
    let mail = MessageParser::default().parse(text.as_bytes()).unwrap();
    assert_eq!(
        mail.subject().unwrap(),
        format!("Hand-off: {}", doc.subject.as_ref().unwrap())
    );
    assert_eq!(mail.message_id(), Some("hoabc@handoff.kitbag.invalid"));
    assert!(mail.from().is_none() && mail.to().is_none());
    assert_eq!(
        mail.body_text(0).unwrap().replace("\r\n", "\n"),
        markdown(&doc)
    );
    for date in ["Tue\r\nBcc: a@b.c", "a\u{85}b", "<x>", ""] {
        assert!(!eml(&doc, Some(date)).contains("Date:"), "{date:?}");
    }
}

#[test]
fn a_webhook_says_where_to_look_and_nothing_else() {
    let body = webhook_body(
        WebhookEvent::Submitted,
        "hoabc",
        "pack1",
        7,
        "http://127.0.0.1:4321/",
    );
    assert_eq!(
        body,
        "{\"v\":1,\"event\":\"submitted\",\"handoff\":\"hoabc\",\"pack\":\"pack1\",\"at\":7,\
         \"link\":\"http://127.0.0.1:4321/handoff/hoabc\"}"
    );
    let value: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(value.as_object().unwrap().len(), 6);
}

fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\r\nBcc: a@b.c\r\n\r\n"),
        Just("# "),
        Just("\n## Not shared\n"),
        Just("---\n"),
        Just("<b>"),
        Just("](http://x)"),
        Just("![x](http://x)"),
        Just("\u{202e}"),
        Just("\u{1b}[31m"),
        Just("\0"),
        Just("`"),
        Just("|"),
        Just("\""),
        Just("\\"),
        Just("ä"),
        Just("=?utf-8?B?"),
        Just("- "),
        Just("\u{2028}"),
        Just("http://x.example"),
        Just("*a*"),
        Just(": "),
        Just("1. a"),
        Just("+ "),
        Just("    "),
    ];
    proptest::collection::vec(piece, 1..6).prop_map(|all| all.concat())
}

fn hostile_doc() -> impl Strategy<Value = HandoffDoc> {
    proptest::collection::vec(hostile(), 12).prop_map(|t| HandoffDoc {
        id: t[0].clone(),
        to: t[1].clone(),
        summary: t[2].clone(),
        subject: Some(t[3].clone()),
        needs: vec![t[4].clone(), t[5].clone()],
        facts: vec![FactDoc {
            text: t[6].clone(),
            item: t[7].clone(),
            source: t[8].clone(),
            quote: Some(t[9].clone()),
            ..FactDoc::default()
        }],
        layout: vec![("needs".to_owned(), t[10].clone())],
        privacy: PrivacyDoc {
            withheld: vec![WithheldDoc {
                count: 1,
                why: t[11].clone(),
                pii: vec![t[0].clone()],
            }],
            ..PrivacyDoc::default()
        },
        ..HandoffDoc::default()
    })
}

proptest! {
    /// Goal: no text adds a heading, an element, a link, a header or a line of front matter.
    #[test]
    fn no_text_breaks_out(doc in hostile_doc()) {
        let text = markdown(&doc);
        let free = |c: char| crate::is_hostile(c) && c != '\n';
        prop_assert!(!text.contains(free), "{}", text);
        prop_assert_eq!(text.matches("\n---\n").count(), 1, "{}", text);
        // Its own heading may be empty of letters; there are no more than fields.
        let sections = 4 + usize::from(!doc.summary.trim().is_empty());
        prop_assert_eq!(headings(&text).len(), sections, "{}", text);
        let body = text.splitn(3, "---\n").nth(2).unwrap();
        for event in Parser::new(body) {
            let obeyed = matches!(
                event,
                Event::Html(_) | Event::InlineHtml(_) | Event::Code(_) | Event::Rule
                    | Event::Start(Tag::Link { .. } | Tag::Image { .. } | Tag::Emphasis | Tag::CodeBlock(_))
            );
            prop_assert!(!obeyed, "{:?} in {}", event, text);
        }
        let mail = eml(&doc, None);
        let (head, _) = mail.split_once("\r\n\r\n").unwrap();
        let headers = head.split("\r\n").filter(|line| !line.starts_with(' '));
        for line in headers {
            let known = ["Subject: ", "Message-ID: ", "MIME-Version: ", "Content-", "X-Unsent: "];
            prop_assert!(known.iter().any(|begin| line.starts_with(begin)), "{}", line);
        }
        prop_assert!(mail.is_ascii());
        let record = hcr(&doc, Extension::With).unwrap();
        prop_assert!(!record.contains(free));
        prop_assert_eq!(from_hcr(record.as_bytes()).unwrap().doc, doc);
    }
}
