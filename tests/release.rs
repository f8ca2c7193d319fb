//! Release rules, walls between clients and consents, with the real program and real daemons.

use crate::support::{Device, text};
use serde_json::{Value, json};

/// A pack of Acme with one note, shared with Ben.
fn of_acme() -> (Device, Device, String, String) {
    let (ada, ben) = (Device::up("Ada"), Device::up("Ben"));
    let create = [
        "pack",
        "create",
        "Case 7",
        "--client",
        "Acme GmbH",
        "--kind",
        "case",
    ];
    let pack = text(&ada.json(&create)["pack"]["id"]);
    let add = [
        "add",
        &pack,
        "--source",
        "call",
        "--consent",
        "granted",
        "--purpose",
        "support",
        "--consent-until",
        "30d",
        "--subject",
        "Maria",
    ];
    let note = text(&ada.json_with(&add, b"asked for a refund")["note"]["id"]);
    let ticket = ada.share(&pack);
    ben.json_with(&["join", "-"], ticket.as_bytes());
    ben.ok(&["sync", "--wait"]);
    (ada, ben, pack, note)
}

fn exported(device: &Device, pack: &str, more: &[&str]) -> Value {
    let args: Vec<&str> = ["export", pack].iter().chain(more).copied().collect();
    device.json(&args)
}

/// Goal: on every member's device an export for another client is refused by the wall's name, and one
/// that a person lets through says so.
#[test]
fn nothing_goes_to_another_client_unless_a_person_says_so() {
    let (ada, ben, pack, _) = of_acme();
    let support = ["--purpose", "support"];
    for device in [&ada, &ben] {
        let own = [&support[..], &["--for-client", "acme  gmbh"]].concat();
        let own = exported(device, &pack, &own);
        assert_eq!(own["notes"].as_array().unwrap().len(), 1, "{own}");
        assert_eq!(own["selection"]["crosses_clients"], false);
        let other = [
            "export",
            &pack,
            "--for-client",
            "Globex",
            "--purpose",
            "support",
        ];
        let (exit, error) = device.fails(&other, b"");
        assert_eq!(exit, 4, "{error}");
        assert!(text(&error["message"]).contains("wall client"), "{error}");
        assert!(text(&error["hint"]).contains("--across-clients"), "{error}");
        let said = [&other[2..], &["--across-clients"]].concat();
        let said = exported(device, &pack, &said);
        assert_eq!(said["selection"]["crosses_clients"], true, "{said}");
        assert_eq!(said["selection"]["client"], "Globex");
        assert_eq!(said["notes"].as_array().unwrap().len(), 1);
    }
    let shown = ben.ok(&["policy", "show", &pack]);
    assert!(
        shown.contains("client: Acme GmbH") && shown.contains("kind: case"),
        "{shown}"
    );
    let (exit, error) = ben.fails(&["policy", "set", &pack, "--client", "none", "--yes"], b"");
    assert_eq!((exit, &error["code"]), (4, &json!("denied")), "{error}");
}

/// Goal: a pack's notes become no other client's by another name for the pack, unless a person says so,
/// and is told how many; that it was refused is reported.
#[test]
fn a_pack_is_given_to_another_client_only_if_a_person_says_so() {
    let (ada, _, pack, _) = of_acme();
    let set = ["policy", "set", &pack, "--client", "Globex", "--yes"];
    let (exit, error) = ada.fails(&set, b"");
    assert_eq!((exit, &error["code"]), (4, &json!("denied")), "{error}");
    assert!(text(&error["message"]).contains("wall client"), "{error}");
    assert!(text(&error["hint"]).contains("--across-clients"), "{error}");
    let log = ada.json(&["audit", "log", &pack, "--kind", "denial"]);
    let denied = json!({"asked": "rules", "rule": "wall client"});
    assert_eq!(log["rows"][0]["denial"], denied, "{log}");
    let plan = [&set[..], &["--across-clients", "--dry-run"]].concat();
    let plan = ada.ok(&plan);
    assert!(
        plan.contains("1 note crosses the wall between clients"),
        "{plan}"
    );
    let done = ada.json(&[&set[..], &["--across-clients"]].concat());
    assert_eq!(
        (&done["crossing"], &done["changes"]),
        (&json!(1), &json!(true)),
        "{done}"
    );
    assert_eq!(done["after"]["clients"], json!(["Globex"]));
}

/// Goal: a withdrawal reaches the other device and blocks there offline; both say what decides.
#[test]
fn a_withdrawn_consent_blocks_the_other_device_offline() {
    let (ada, ben, pack, note) = of_acme();
    let support = ["--purpose", "support"];
    assert_eq!(
        exported(&ben, &pack, &support)["notes"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let shown = ben.ok(&["show", &note]);
    assert!(
        shown.contains("consent: granted for support until"),
        "{shown}"
    );
    let without = ben.run(&["export", &pack, "--format", "json"], b"");
    assert_eq!(without.status.code(), Some(5), "no purpose was named");
    let without: Value = serde_json::from_slice(&without.stdout).unwrap();
    assert_eq!(without["withheld"]["consent"], json!({"purpose": 1}));

    ada.json(&["edit", &note, "--consent", "withdrawn"]);
    ben.ok(&["sync", "--wait"]);
    ben.offline();
    for device in [&ada, &ben] {
        let export = ["export", &pack, "--purpose", "support", "--format", "json"];
        let export = device.run(&export, b"");
        assert_eq!(export.status.code(), Some(5), "consent alone keeps it");
        let after: Value = serde_json::from_slice(&export.stdout).unwrap();
        assert_eq!(after["notes"], json!([]));
        assert_eq!(
            after["withheld"]["consent"],
            json!({"withdrawn": 1}),
            "{after}"
        );
        let explain = [
            "policy",
            "explain",
            &pack,
            "--as",
            "Ben",
            &note,
            "--purpose",
            "support",
        ];
        let explained = device.json(&explain);
        let ways = ["export", "pack", "agent", "handoff"];
        let expected = ways
            .map(|way| json!({"destination": way, "allowed": false, "rule": "consent withdrawn"}));
        assert_eq!(explained["release"], json!(expected));
        let told = device.ok(&explain);
        assert!(told.contains("it stays: consent withdrawn"), "{told}");
    }
}

/// Goal: what an admin rules is told before it is done, refuses on each device by its name, and counts in
/// the receipt.
#[test]
fn rules_are_previewed_then_refuse_by_name_on_every_device() {
    let (ada, ben, pack, _) = of_acme();
    let set = [
        "policy",
        "set",
        &pack,
        "--formats",
        "json",
        "--export-max",
        "public",
        "--require-consent",
        "health",
    ];
    let dry = [&set[..], &["--dry-run"]].concat();
    let told = ada.ok(&dry);
    assert!(
        told.contains("exports: up to Public; only as json")
            && told.contains("before: nothing ruled"),
        "{told}"
    );
    let (_, error) = ada.fails(&set, b"");
    assert_eq!(error["code"], "confirmation-required");
    assert_eq!(
        ada.json(&["policy", "show", &pack])["rules"]["export"]["formats"],
        Value::Null
    );
    let yes = [&set[..], &["--yes"]].concat();
    let done = ada.json(&yes);
    assert_eq!(
        (&done["changes"], &done["dry_run"]),
        (&json!(true), &json!(false))
    );
    assert!(ada.ok(&yes).contains("are that already"));
    ben.ok(&["sync", "--wait"]);
    for device in [&ada, &ben] {
        let md = ["export", &pack, "--format", "md", "--out", "x.md"];
        let (exit, error) = device.fails(&md, b"");
        assert_eq!(exit, 4);
        assert!(
            text(&error["message"]).contains("rule export.formats"),
            "{error}"
        );
        let receipt = exported(device, &pack, &["--format", "json", "--purpose", "support"]);
        assert_eq!(receipt["notes"], json!([]));
        let withheld = &receipt["withheld"];
        assert_eq!(
            withheld["rule"],
            json!({"export.max_sensitivity": 1}),
            "{withheld}"
        );
        assert_eq!(withheld["notes"], 1);
    }
    let bad = [
        "policy",
        "set",
        &pack,
        "--require-consent",
        "shoe_size",
        "--yes",
    ];
    let (exit, error) = ada.fails(&bad, b"");
    assert_eq!((exit, &error["code"]), (2, &json!("bad-input")), "{error}");
}

/// Goal: what a note says where it is taken in holds for its masked copy too, and what rules raise is
/// where a note stands for which nobody says a sensitivity.
#[test]
fn a_masked_copy_stands_where_rules_raise_it_with_the_consent_of_its_original() {
    let ada = Device::up("Ada");
    let pack = ada.create_pack("Acme");
    ada.ok(&[
        "policy",
        "set",
        &pack,
        "--sensitivity",
        "confidential",
        "--yes",
    ]);
    let add = [
        "add",
        &pack,
        "--source",
        "Call",
        "--title",
        "Refund",
        "--consent",
        "limited",
        "--purpose",
        "support",
        "--subject",
        "Dana",
    ];
    let added = ada.json_with(
        &add,
        b"Date of birth: 1984-03-02. Write to dana.winter@winter-bikes.com",
    );
    assert_eq!(added["note"]["sensitivity"], "restricted");
    let copy = &added["masked"]["note"];
    assert_eq!(copy["sensitivity"], "confidential", "{added}");
    for (note, subject) in [(&added["note"], json!("Dana")), (copy, Value::Null)] {
        let shown = ada.json(&["show", note["id"].as_str().unwrap()]);
        let consent = &shown["note"]["consent"];
        assert_eq!(consent["status"], "limited", "{shown}");
        assert_eq!(consent["purposes"], json!(["support"]));
        assert_eq!(consent["subject"], subject);
    }
}

/// Goal: a consent that is taken back holds for what the program itself carried into another pack, and for a
/// note that comes back from there; whom it is about is not forgotten.
#[test]
fn a_withdrawal_reaches_what_was_copied_and_what_comes_back() {
    let ada = Device::up("Ada");
    let pack = |title: &str| text(&ada.json(&["pack", "create", title])["pack"]["id"]);
    let (first, second) = (pack("First"), pack("Second"));
    let add = |body: &str| {
        let add = [
            "add",
            &first,
            "--source",
            "call",
            "--consent",
            "granted",
            "--subject",
            "Joe",
        ];
        text(&ada.json_with(&add, body.as_bytes())["note"]["id"])
    };
    let notes_of = |pack: &str| {
        let all = ada.run(&["export", pack, "--format", "json"], b"");
        let all: Value = serde_json::from_slice(&all.stdout).unwrap();
        all["notes"].as_array().unwrap().len()
    };
    let (copied, moved) = (add("asked for a refund"), add("asked for a voucher"));
    ada.ok(&["copy", &copied, "--to", &second]);
    let there = ada.json(&["move", &moved, "--to", &second]);
    let there = text(&there["written"]["id"]);
    assert_eq!((notes_of(&first), notes_of(&second)), (1, 2));
    let told = ada.json(&["edit", &copied, "--consent", "withdrawn"]);
    assert_eq!(told["elsewhere"][0]["became"], "reached", "{told}");
    assert_eq!(told["elsewhere"][0]["pack"]["title"], "Second");
    assert_eq!((notes_of(&first), notes_of(&second)), (0, 1));
    let shown = ada.json(&["show", &copied]);
    assert_eq!(shown["note"]["consent"]["subject"], "Joe", "{shown}");
    ada.json(&["edit", &there, "--consent", "withdrawn"]);
    ada.ok(&["delete", "--restore", &moved]);
    assert_eq!((notes_of(&first), notes_of(&second)), (0, 0));
    let lifted = ada.json(&["edit", &copied, "--consent", "granted"]);
    assert_eq!(lifted["elsewhere"][0]["became"], "stricter", "{lifted}");
}
