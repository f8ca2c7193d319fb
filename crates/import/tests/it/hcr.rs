//! Handoff Continuity Records: each statement a note, the same record twice the same keys.

use crate::{Read, good, read_bytes};
use kitbag_import::Kind;
use serde_json::{Value, json};

fn refused(all: &Read, why: &str) {
    let error = all.error.as_ref().expect("it is refused").to_string();
    assert!(error.contains(why), "{error}");
    assert!(all.notes.is_empty());
}

fn record() -> Value {
    json!({
        "schemaVersion": "1.0",
        "recordId": "case-7",
        "objective": {"summary": "Renew Acme", "acceptanceCriteria": ["signed", "paid"]},
        "currentState": {
            "complete": ["quote sent"], "inProgress": [], "blocked": ["legal"], "unverified": ["40 seats"]
        },
        "decisions": [
            {"summary": "No discount", "rationale": "They pay late", "status": "active"},
            {"summary": "Old", "rationale": "x", "status": "superseded", "supersedes": "d0"},
        ],
        "evidence": [
            {"id": "e1", "label": "CRM row 14", "claim": "40 seats", "uri": "https://crm.example/14"},
            {"id": "e2", "label": "Quote", "artifactRef": "quote.pdf", "contentType": "application/pdf"},
        ],
        "constraints": [{"kind": "deadline", "text": "before June"}],
        "nextAction": {"summary": "Call them", "verification": "a date is set", "dueAt": "2026-12-01T00:00:00Z"},
        "ownership": {"nextActor": {"id": "u1", "displayName": "Dana", "type": "human"}},
        "openReview": [{"id": "r1", "summary": "Price list?", "status": "open", "revision": 3}],
        "provenance": {"createdBy": {"id": "bot", "type": "agent"}, "createdAt": "2026-11-20T10:00:00Z"},
        "extensions": {"org.example": {"x": 1}},
        "more": true,
    })
}

#[test]
fn every_statement_is_a_note_with_its_place() {
    let all = good(Kind::Hcr, &record().to_string());
    let told: Vec<(&str, &str, &str, &str)> = all
        .notes
        .iter()
        .map(|note| {
            let place = note.source.locator.as_deref().unwrap();
            (
                place,
                note.note_type.as_str(),
                note.title.as_str(),
                note.body.as_str(),
            )
        })
        .collect();
    let expected = [
        ("/objective/summary", "note", "Objective", "Renew Acme"),
        (
            "/objective/acceptanceCriteria/0",
            "note",
            "Acceptance criterion",
            "signed",
        ),
        (
            "/objective/acceptanceCriteria/1",
            "note",
            "Acceptance criterion",
            "paid",
        ),
        ("/currentState/complete/0", "note", "Complete", "quote sent"),
        ("/currentState/blocked/0", "note", "Blocked", "legal"),
        (
            "/currentState/unverified/0",
            "note",
            "Unverified",
            "40 seats",
        ),
        ("/decisions/0", "decision", "No discount", "They pay late"),
        ("/decisions/1", "decision", "Old", "x\n\nSupersedes: d0"),
        ("/evidence/0", "record", "CRM row 14", "40 seats"),
        ("/evidence/1", "record", "Quote", "Artifact: quote.pdf"),
        (
            "/constraints/0",
            "note",
            "Constraint: deadline",
            "before June",
        ),
        (
            "/nextAction",
            "note",
            "Next action",
            "Call them\nVerification: a date is set\nDue: 2026-12-01T00:00:00Z",
        ),
        ("/ownership", "note", "Ownership", "Next: Dana (human, u1)"),
        (
            "/openReview/0",
            "note",
            "Price list?",
            "Status: open\nRevision: 3",
        ),
    ];
    assert_eq!(told, expected);
    assert_eq!(all.notes[7].status.as_deref(), Some("superseded"));
    assert_eq!(
        all.notes[8].source.uri.as_deref(),
        Some("https://crm.example/14")
    );
    assert_eq!(all.notes[10].claim.as_deref(), Some("directive"));
    for note in &all.notes {
        assert_eq!(note.source.author.as_deref(), Some("bot (agent)"));
        assert_eq!(note.source.observed_at, Some(1_795_168_800_000));
        assert_eq!(note.source.app.as_deref(), Some("HCR"));
    }
    let unknown: Vec<&str> = all.unknown.keys().map(String::as_str).collect();
    assert_eq!(unknown, ["extension org.example", "field more"]);
}

#[test]
fn a_record_that_grew_adds_what_is_new_and_no_two_statements_are_one() {
    let before = good(Kind::Hcr, &record().to_string());
    let mut grown = record();
    let decisions = grown["decisions"].as_array_mut().unwrap();
    decisions.insert(
        0,
        json!({"summary": "New", "rationale": "y", "status": "active"}),
    );
    let after = good(Kind::Hcr, &grown.to_string());
    assert_eq!(after.set().difference(&before.set()).count(), 1);
    assert!(before.set().is_subset(&after.set()));
    assert_eq!(before.set().len(), before.notes.len());
    let mut twice = record();
    twice["currentState"]["complete"] = json!(["same", "same"]);
    let twice = good(Kind::Hcr, &twice.to_string());
    assert_eq!(twice.set().len(), twice.notes.len());
    let mut other = record();
    other["recordId"] = "case-8".into();
    assert!(
        good(Kind::Hcr, &other.to_string())
            .set()
            .is_disjoint(&before.set())
    );
}

#[test]
fn what_is_no_record_is_refused_and_what_lacks_something_is_skipped() {
    for bad in [
        "[]",
        "{",
        "null",
        "{}",
        "{\"schemaVersion\":\"2.0\"}",
        "{\"schemaVersion\":1}",
        "{\"schemaVersion\":\"1.0\"",
        "\u{feff}x",
    ] {
        let all = read_bytes(Kind::Hcr, bad.as_bytes());
        assert!(all.error.is_some() && all.notes.is_empty(), "{bad}");
    }
    let deep = format!(
        "{{\"schemaVersion\":\"1.0\",\"x\":{}{}}}",
        "[".repeat(200_000),
        "]".repeat(200_000)
    );
    refused(&read_bytes(Kind::Hcr, deep.as_bytes()), "nested too deeply");
    let long = format!(
        "{{\"schemaVersion\":\"1.0\",\"x\":\"{}\"}}",
        "a".repeat(17 << 20)
    );
    refused(
        &read_bytes(Kind::Hcr, long.as_bytes()),
        "longer than a record",
    );
    let odd = json!({
        "schemaVersion": "1.0",
        "objective": 7,
        "currentState": {"complete": "x", "blocked": [1, {}, "ok"]},
        "decisions": {"a": 1},
        "evidence": [null, [], {"id": "x"}, {"label": "\u{0}\u{202e}", "claim": "y"}],
        "constraints": [{"kind": "x"}],
        "nextAction": [],
        "ownership": "me",
        "openReview": [{}],
        "provenance": {"createdAt": "never", "createdBy": []},
        "extensions": {"urn:kitbag:context-pack:1": {"notes": "none"}},
    });
    let all = good(Kind::Hcr, &odd.to_string());
    let bodies: Vec<&str> = all.notes.iter().map(|note| note.body.as_str()).collect();
    assert_eq!(bodies, ["ok", "y"]);
    assert!(all.skipped.len() >= 8, "{:?}", all.skipped);
}

/// Goal: of the notes that our export carries none comes with another text than its own.
#[test]
fn carried_notes_have_the_claims_of_their_ids() {
    let carried = json!({
        "schemaVersion": "1.0",
        "evidence": [{"id": "aaa", "label": "x", "claim": "the text", "artifactRef": "kitbag:note:aaa"}],
        "extensions": {"urn:kitbag:context-pack:1": {"v": 1, "notes": [
            {"id": "aaa", "title": "A", "body": "", "body_is_claim": true, "sensitivity": "confidential"},
            {"id": "bbb", "title": "B", "body": "own"},
            {"id": "ccc", "title": "C", "body": "", "body_is_claim": true},
            7,
        ]}},
    });
    let all = good(Kind::Hcr, &carried.to_string());
    let told: Vec<(&str, &str)> = all
        .notes
        .iter()
        .map(|n| (n.title.as_str(), n.body.as_str()))
        .collect();
    assert_eq!(told, [("A", "the text"), ("B", "own")]);
    assert_eq!(all.notes[0].sensitivity.as_deref(), Some("confidential"));
    assert_eq!(all.skipped.len(), 2);
    let export = r#"{"v": 1, "notes": [{"id": "bbb", "title": "B", "body": "own"}]}"#;
    let export = good(Kind::Kitbag, export);
    assert_eq!(
        all.notes[1].key, export.notes[0].key,
        "known again, however it is carried"
    );
}
