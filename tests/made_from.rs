//! Notes that were made from others, what is stated of them by hand, and consents that are required,
//! with the real program and a real daemon.

use crate::support::{Device, text};
use serde_json::{Value, json};

fn of_client(device: &Device, client: &str) -> String {
    let create = ["pack", "create", client, "--client", client];
    text(&device.json(&create)["pack"]["id"])
}

fn denials(device: &Device, pack: &str) -> Value {
    let log = device.json(&["audit", "log", pack, "--kind", "denial"]);
    let rows = log["rows"].as_array().unwrap().iter();
    rows.map(|row| row["denial"].clone()).collect()
}

/// Goal: what was made from a note of one client is refused in a pack of another with the name of the
/// rule, as a line of a file and by hand; it alone is, unless a person says that it may come; and the
/// client's own pack tells who tried.
#[test]
fn what_was_made_from_a_note_of_another_client_is_refused_by_the_rules_name() {
    let ada = Device::up("Ada");
    let (acme, globex) = (of_client(&ada, "Acme"), of_client(&ada, "Globex"));
    let call = ada.add(&acme, "Call", "they pay 40 a seat");
    let derived = json!({"title": "Summary", "derived_from": [call]}).to_string();
    let replaces = json!({"title": "Instead", "supersedes": [call]}).to_string();
    let import = ["import", "jsonl", "-", "--pack", &globex];
    for (line, more) in [
        (&derived, &[][..]),
        (&replaces, &[]),
        (&derived, &["--dry-run"]),
    ] {
        let (exit, error) = ada.fails(&[&import[..], more].concat(), line.as_bytes());
        assert_eq!(exit, 4, "{error}");
        assert!(text(&error["message"]).contains("wall client: "), "{error}");
    }
    let file = format!("{derived}\n{}\n", json!({"title": "Weather"}));
    let report = ada.json_with(&import, file.as_bytes());
    assert_eq!(
        (&report["added"], &report["refused"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(report["skipped"][0]["where"], "line 1", "{report}");
    assert!(
        text(&report["skipped"][0]["reason"]).contains("wall client"),
        "{report}"
    );

    let add = [
        "add",
        &globex,
        "--source",
        "me",
        "--title",
        "By hand",
        "--derived-from",
        &call[..10],
    ];
    let (exit, error) = ada.fails(&add, b"x");
    assert_eq!((exit, &error["code"]), (4, &json!("denied")), "{error}");
    assert!(text(&error["message"]).contains("wall client: "), "{error}");
    assert!(text(&error["hint"]).contains("--across-clients"), "{error}");
    assert_eq!(ada.contents(&globex).len(), 1, "only the weather");

    let told = denials(&ada, &acme);
    let derive = json!({"asked": "derive", "rule": "wall client"});
    assert!(told.as_array().unwrap().contains(&derive), "{told}");
    assert_eq!(
        denials(&ada, &globex),
        json!([]),
        "nothing of the other client there"
    );

    let said = [&import[..], &["--across-clients"]].concat();
    assert_eq!(ada.json_with(&said, derived.as_bytes())["added"], 1);
    let said = [&add[..], &["--across-clients"]].concat();
    let by_hand = text(&ada.json_with(&said, b"x")["note"]["id"]);
    let shown = ada.json(&["show", &by_hand])["note"].clone();
    assert_eq!(shown["derived_from"], json!([call]));
    let own = ["add", &acme, "--source", "me", "--derived-from", &call];
    ada.json_with(&own, b"of the same client");
}

/// Goal: a consent that is missing ends with a code of its own: of a copy, and of an export only if
/// nothing left and nothing else kept notes back. Its document is there all the same.
#[test]
fn a_consent_that_is_missing_has_a_code_of_its_own() {
    let ada = Device::up("Ada");
    let (from, to) = (ada.create_pack("From"), ada.create_pack("To"));
    let note = ada.add(&from, "Call", "said no");
    ada.ok(&["edit", &note, "--consent", "refused"]);
    for verb in ["copy", "move"] {
        let (exit, error) = ada.fails(&[verb, &note, "--to", &to], b"");
        assert_eq!(
            (exit, &error["code"]),
            (5, &json!("consent-required")),
            "{error}"
        );
        assert!(
            text(&error["message"]).contains("consent refused"),
            "{error}"
        );
    }
    let line = json!({"title": "Summary", "derived_from": [note]}).to_string();
    let (_, error) = ada.fails(&["import", "jsonl", "-", "--pack", &to], line.as_bytes());
    assert!(
        text(&error["message"]).contains("consent refused"),
        "{error}"
    );
    let add = ["add", &to, "--source", "me", "--derived-from", &note];
    assert_eq!(ada.fails(&add, b"x").0, 5);

    let export = ["export", &from, "--format", "json", "--json"];
    let output = ada.run(&export, b"");
    assert_eq!(output.status.code(), Some(5));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["withheld"]["consent"], json!({"refused": 1}));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("consent-required"), "{error}");
    let set = [
        "policy",
        "set",
        &from,
        "--require-consent",
        "email",
        "--yes",
    ];
    ada.ok(&set);
    let mail = ["add", &from, "--source", "me", "--unmasked"];
    let mail = text(&ada.json_with(&mail, b"write to a.b@example.org")["note"]["id"]);
    let output = ada.run(&export, b"");
    assert_eq!(output.status.code(), Some(5), "a rule that asks for one");
    ada.ok(&["edit", &mail, "--sensitivity", "restricted", "--yes"]);
    assert_eq!(
        ada.run(&export, b"").status.code(),
        Some(0),
        "not consent alone"
    );
    ada.add(&from, "Weather", "fine");
    assert_eq!(
        ada.run(&export, b"").status.code(),
        Some(0),
        "something left"
    );
}

/// Goal: what may be stated by hand is shown and leaves as it was stated.
#[test]
fn what_is_stated_by_hand_is_shown() {
    let ada = Device::up("Ada");
    let pack = ada.create_pack("Acme");
    let call = ada.add(&pack, "Call", "x");
    let add = [
        "add",
        &pack,
        "--source",
        "phone",
        "--observed",
        "2026-01-02T10:00:00Z",
        "--derived-from",
        &call,
        "--consent",
        "granted",
        "--given",
        "2026-01-03T10:00:00Z",
        "--evidence",
        "mail of that day",
    ];
    let note = text(&ada.json_with(&add, b"text")["note"]["id"]);
    let shown = ada.json(&["show", &note])["note"].clone();
    assert_eq!(shown["source"]["observed_at"], "2026-01-02T10:00:00Z");
    assert_eq!(shown["consent"]["given_at"], "2026-01-03T10:00:00Z");
    assert_eq!(shown["consent"]["evidence"], "mail of that day");
    let told = ada.ok(&["show", &note]);
    for line in [
        "observed: 2026-01-02T10:00:00Z",
        "consent: granted, given 2026-01-03T10:00:00Z, shown by mail of that day",
    ] {
        assert!(told.lines().any(|one| one == line), "{line}: {told}");
    }
    assert!(
        told.contains(&format!("made from: {}", &call[..10])),
        "{told}"
    );
    let edit = [
        "edit",
        &note,
        "--consent",
        "refused",
        "--evidence",
        "call",
        "--given",
        "2026-02-01",
    ];
    ada.ok(&edit);
    let shown = ada.json(&["show", &note])["note"].clone();
    assert_eq!(shown["consent"]["evidence"], "call", "{shown}");
    ada.ok(&["edit", &note, "--pii", "health", "--pii", "name"]);
    assert_eq!(
        ada.json(&["show", &note])["note"]["pii"],
        json!(["name", "health"])
    );

    let line = json!({"title": "By a helper", "produced_by": {"agent": "helper", "model": "m"}, "confidence": 0.75});
    let lone = json!({"title": "By nobody", "confidence": 0.75});
    let import = ["import", "jsonl", "-", "--pack", &pack];
    let report = ada.json_with(&import, format!("{line}\n{lone}\n").as_bytes());
    assert_eq!(
        (&report["added"], &report["left_out_total"]),
        (&json!(2), &json!(1))
    );
    let listed = ada.json(&["list", &pack]);
    let of = |title: &str| {
        let notes = listed["notes"].as_array().unwrap().iter();
        text(&notes.clone().find(|note| note["title"] == title).unwrap()["id"])
    };
    let shown = ada.json(&["show", &of("By a helper")])["note"].clone();
    assert_eq!(shown["confidence"], 750);
    let by = json!({"agent": "helper", "model": "m", "prompt": null});
    assert_eq!(shown["produced_by"], by);
    let told = ada.ok(&["show", &of("By a helper")]);
    assert!(
        told.contains("produced by: helper, model m\nconfidence: 750 of 1000"),
        "{told}"
    );
    let none = ada.json(&["show", &of("By nobody")])["note"].clone();
    assert_eq!(none["confidence"], Value::Null);
}
