//! What people do with notes beside editing their text, with the real program and real daemons.

use crate::support::{Device, text};
use serde_json::{Value, json};

fn note(device: &Device, id: &str) -> Value {
    device.json(&["show", id])["note"].clone()
}

fn add(device: &Device, pack: &str, body: &str, more: &[&str]) -> Value {
    let args = [&["add", pack, "--source", "call"], more].concat();
    device.json_with(&args, body.as_bytes())
}

/// Goal: an original and its masked copy say what they are, go and come back together, and an export
/// holds one of them.
#[test]
fn a_pair_is_shown_deleted_undone_and_exported_as_one() {
    let ada = Device::up("Ada");
    let pack = ada.create_pack("Acme");
    let added = add(&ada, &pack, "mia.li@example.com was born 1990-04-05", &[]);
    let (original, copy) = (
        text(&added["note"]["id"]),
        text(&added["masked"]["note"]["id"]),
    );
    let shown = ada.ok(&["show", &copy]);
    let line = format!("a masked copy of: {} (Restricted)", &original[..10]);
    assert!(shown.contains(&line), "{shown}");
    let shown = ada.ok(&["show", &original]);
    let line = format!("masked copy: {} (Internal)", &copy[..10]);
    assert!(shown.contains(&line), "{shown}");
    assert_eq!(note(&ada, &copy)["derived_from"], json!([original]));
    let list = ada.json(&["list", &pack]);
    assert_eq!(list["notes"][0]["masked_copies"], json!([copy]), "{list}");
    assert_eq!(list["notes"][0]["pii"], json!(["email", "date_of_birth"]));

    let wide = ["export", &pack, "--max-sensitivity", "restricted"];
    let export = ada.json(&wide);
    assert_eq!(export["notes"].as_array().unwrap().len(), 1, "{export}");
    assert_eq!(export["notes"][0]["id"], json!(original));
    assert_eq!(export["withheld"]["copies"], 1);
    let export = ada.json(&[&wide[..], &["--with-copies"]].concat());
    assert_eq!(export["notes"].as_array().unwrap().len(), 2, "{export}");

    let deleted = ada.json(&["delete", &copy]);
    assert_eq!(deleted["along"][0]["id"], json!(original));
    assert_eq!(ada.json(&["list", &pack])["notes"], json!([]));
    let undone = ada.json(&["undo"]);
    assert_eq!(undone["note"]["id"], json!(original), "{undone}");
    assert_eq!(undone["along"][0]["id"], json!(copy));
    assert_eq!(
        ada.json(&["list", &pack])["notes"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let undone = ada.json(&["undo"]);
    assert_eq!(
        (&undone["what"], undone["along"].as_array().unwrap().len()),
        (&json!("added"), 1)
    );
    assert_eq!(ada.json(&["list", &pack])["notes"], json!([]));

    let added = add(&ada, &pack, "bob@example.com called", &[]);
    let (original, copy) = (
        text(&added["note"]["id"]),
        text(&added["masked"]["note"]["id"]),
    );
    let alone = ada.json(&["delete", "--only", &original]);
    assert_eq!(alone["along"], json!([]));
    assert_eq!(note(&ada, &copy)["status"], "active");
    ada.json(&["delete", "--restore", &original]);
    let edited = ada.json(&[
        "edit",
        &original,
        "--consent",
        "withdrawn",
        "--subject",
        "Bob",
    ]);
    assert_eq!(edited["copies"][0]["id"], json!(copy));
    let consent = &note(&ada, &copy)["consent"];
    assert_eq!(
        (&consent["status"], &consent["subject"]),
        (&json!("withdrawn"), &Value::Null)
    );
}

/// Goal: what is piped in and holds personal data is raised, and that is said: which kinds, and where the
/// copy is, never a value; in a document the same. What holds none, or is not to be looked through, is told
/// as any other.
#[test]
fn a_pipe_with_personal_data_says_that_the_original_is_raised() {
    let ada = Device::up("Ada");
    let pack = ada.create_pack("Acme");
    let body = "mia.li@example.com was born 1990-04-05";
    let args = ["add", &pack, "--source", "call"];
    let (exit, out, said) = run(&ada, &args, body.as_bytes());
    assert_eq!((exit, out.lines().count()), (0, 1), "{out} {said}");
    let words = "It holds personal data (email, date of birth), so the original is Restricted. A masked copy ";
    assert!(said.contains(words), "{said}");
    assert!(!said.contains("mia.li") && !said.contains("1990"), "{said}");
    let original = note(&ada, out.trim());
    assert_eq!(original["sensitivity"], "restricted");
    let copy = text(&ada.json(&["list", &pack])["notes"][0]["masked_copies"][0]);
    let where_to = format!("A masked copy {} is in Acme", &copy[..10]);
    assert!(said.contains(&where_to), "{said}");

    let added = add(&ada, &pack, "bob@example.com called", &[]);
    assert_eq!(added["held"], json!(["email"]), "{added}");
    assert_eq!(added["note"]["sensitivity"], "restricted");
    assert_eq!(added["masked"]["note"]["sensitivity"], "internal");
    let (_, _, said) = run(&ada, &args, b"a refund");
    assert!(!said.contains("personal data"), "{said}");
    let added = add(&ada, &pack, "a refund of another order", &[]);
    assert_eq!(
        (&added["held"], &added["masked"]),
        (&json!([]), &json!(null))
    );
    let unmasked = [&args[..], &["--unmasked"]].concat();
    let (_, _, said) = run(&ada, &unmasked, b"cy@example.com called");
    assert!(!said.contains("so the original is Restricted"), "{said}");
}

/// Goal: personal data in an edit is warned of by kind, stated in the note, and seen by the pack's rules;
/// the note stays where it is.
#[test]
fn an_edit_with_personal_data_is_told_and_stated_and_rules_see_it() {
    let ada = Device::up("Ada");
    let pack = ada.create_pack("Acme");
    let id = text(&add(&ada, &pack, "called about a refund", &[])["note"]["id"]);
    let (exit, _, said) = run(
        &ada,
        &["edit", &id, "--file", "-"],
        b"write to mia.li@example.com",
    );
    assert_eq!(exit, 0, "{said}");
    assert!(
        said.contains("personal data (email)") && said.contains("Internal"),
        "{said}"
    );
    assert!(!said.contains("mia.li"), "{said}");
    let shown = note(&ada, &id);
    assert_eq!(
        (&shown["pii"], &shown["sensitivity"]),
        (&json!(["email"]), &json!("internal"))
    );
    ada.ok(&["tag", &id, "+vip", "+0176 12345678"]);
    ada.json(&[
        "policy",
        "set",
        &pack,
        "--require-consent",
        "email",
        "--yes",
    ]);
    let export = ada.run(&["export", &pack, "--format", "json"], b"");
    assert_eq!(
        export.status.code(),
        Some(5),
        "a rule that asks for a consent"
    );
    let export: serde_json::Value = serde_json::from_slice(&export.stdout).unwrap();
    assert_eq!(export["notes"], json!([]), "{export}");
    assert_eq!(export["withheld"]["rule"]["export.require_consent"], 1);
    let undone = ada.json(&["undo", &id]);
    assert_eq!(undone["what"], "edited");
    ada.json(&["undo", &id]);
    assert_eq!(note(&ada, &id)["pii"], json!([]));
}

fn run(device: &Device, args: &[&str], input: &[u8]) -> (i32, String, String) {
    let out = crate::support::run_in(&device.home, args, input, &[]);
    (
        out.status.code().unwrap(),
        String::from_utf8(out.stdout).unwrap(),
        String::from_utf8(out.stderr).unwrap(),
    )
}

#[test]
fn fields_are_set_when_a_note_is_added_and_edited_and_taken_away() {
    let ada = Device::up("Ada");
    let pack = ada.create_pack("Acme");
    let added = add(
        &ada,
        &pack,
        "Answer in two sentences.",
        &[
            "--type",
            "prompt",
            "--claim",
            "directive",
            "--pin",
            "--expires",
            "2d",
            "--valid-from",
            "2026-01-01",
        ],
    );
    let id = text(&added["note"]["id"]);
    let shown = note(&ada, &id);
    assert_eq!(
        (&shown["type"], &shown["claim"], &shown["pinned"]),
        (&json!("prompt"), &json!("directive"), &json!(true))
    );
    assert!(shown["expires_at"].is_string() && shown["valid_from"].is_string());
    ada.json(&[
        "edit",
        &id,
        "--unpin",
        "--expires",
        "never",
        "--type",
        "template",
        "--claim",
        "verified",
        "--review-after",
        "30d",
        "--valid-to",
        "2030-01-01",
    ]);
    let shown = note(&ada, &id);
    assert_eq!(
        (&shown["type"], &shown["claim"], &shown["pinned"]),
        (&json!("template"), &json!("verified"), &json!(false))
    );
    assert_eq!(shown["expires_at"], Value::Null);
    assert!(shown["review_after"].is_string() && shown["valid_to"].is_string());
    let found = ada.json(&["search", "sentences", "--type", "template"]);
    assert_eq!(found["total"], 1, "{found}");
    ada.ok(&["tag", &id, "+short", "+style"]);
    ada.ok(&["tag", &id, "-short", "--json"]);
    assert_eq!(note(&ada, &id)["tags"], json!(["style"]));
    ada.json(&["undo"]);
    ada.json(&["undo"]);
    ada.json(&["undo"]);
    assert_eq!(note(&ada, &id)["type"], "prompt");
}

#[test]
fn a_note_is_replaced_and_put_back_and_both_devices_see_it() {
    let (ada, ben) = (Device::up("Ada"), Device::up("Ben"));
    let pack = ada.create_pack("Acme");
    let old = text(&add(&ada, &pack, "Opening hours: 9 to 5", &[])["note"]["id"]);
    let ticket = ada.share(&pack);
    ben.json_with(&["join", "-"], ticket.as_bytes());
    let new = add(
        &ada,
        &pack,
        "Opening hours: 8 to 6",
        &["--supersedes", &old],
    );
    let new = text(&new["note"]["id"]);
    ada.ok(&["sync", "--wait"]);
    ben.ok(&["sync", "--wait"]);
    for device in [&ada, &ben] {
        let list = device.json(&["list", &pack]);
        assert_eq!(list["notes"].as_array().unwrap().len(), 1, "{list}");
        assert_eq!(list["superseded"], 1);
        assert_eq!(note(device, &old)["superseded_by"], json!([new]));
        assert_eq!(note(device, &new)["supersedes"], json!([old]));
        assert_eq!(
            device.json(&["export", &pack])["notes"]
                .as_array()
                .unwrap()
                .len(),
            1
        );
        assert_eq!(device.json(&["search", "hours"])["total"], 1);
        assert_eq!(
            device.json(&["search", "hours", "--status", "superseded"])["total"],
            1
        );
        let history = device.json(&["history", &old]);
        assert_eq!(history["history"][1]["what"], "superseded");
    }
    let undone = ada.json(&["undo"]);
    assert_eq!(undone["along"].as_array().unwrap().len(), 1, "{undone}");
    assert_eq!(note(&ada, &old)["status"], "active");
    let third = text(&add(&ada, &pack, "Opening hours: always", &[])["note"]["id"]);
    let plan = ada.json(&["supersede", &old, "--by", &third, "--dry-run"]);
    assert_eq!(
        (&plan["changed"], &plan["dry_run"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(note(&ada, &old)["status"], "active");
    ada.json(&["supersede", &old, "--by", &third]);
    let (exit, error) = ada.fails(&["supersede", &third, "--by", &old], b"");
    assert_eq!(exit, 2, "{error}");
    ada.json(&["edit", &old, "--status", "active"]);
    assert_eq!(note(&ada, &old)["superseded_by"], json!([]));
}

/// Goal: what was redacted is in no answer of either device, and the answer says that it is not erased.
#[test]
fn a_redacted_note_leaves_a_shell_and_says_what_it_does_not_do() {
    let (ada, ben) = (Device::up("Ada"), Device::up("Ben"));
    let pack = ada.create_pack("Acme");
    let added = add(&ada, &pack, "nightingale sings at mia.li@example.com", &[]);
    let (original, copy) = (
        text(&added["note"]["id"]),
        text(&added["masked"]["note"]["id"]),
    );
    let ticket = ada.share(&pack);
    ben.json_with(&["join", "-"], ticket.as_bytes());
    ben.ok(&["sync", "--wait"]);
    let telling = [
        "redact",
        &original,
        "--reason",
        "it had 4111 1111 1111 1111",
    ];
    let told = ada.json(&[&telling[..], &["--dry-run"]].concat());
    assert_eq!(told["found"], json!(["payment_card"]), "{told}");
    let reason = ["redact", &original, "--reason", "asked by the customer"];
    let (exit, error) = ada.fails(&reason, b"");
    assert_eq!(exit, 2, "a pipe needs --yes: {error}");
    let (exit, _, said) = run(&ada, &[&reason[..], &["--yes"]].concat(), b"");
    assert_eq!(exit, 0, "{said}");
    assert!(
        said.contains("They are not erased") && said.contains(&copy[..10]),
        "{said}"
    );
    ada.ok(&["sync", "--wait"]);
    ben.ok(&["sync", "--wait"]);
    for device in [&ada, &ben] {
        for args in [
            &["list", &pack, "--all"][..],
            &["show", &copy],
            &["history", &copy],
            &["export", &pack],
            &["search", "nightingale"],
            &["review", &pack],
        ] {
            let answer = device.json(args).to_string();
            let told = answer.replace("\"left_out\":[]", "");
            assert!(!told.contains("sings"), "{args:?}: {answer}");
        }
        let shown = note(device, &copy);
        assert_eq!(shown["status"], "redacted");
        assert_eq!(shown["redacted"]["reason"], "asked by the customer");
        assert_eq!(shown["redacted"]["by"], "Ada");
    }
    let (exit, error) = ben.fails(&["edit", &copy, "--title", "again"], b"");
    assert_eq!(exit, 2, "{error}");
    let undone = ada.json(&["undo"]);
    assert_eq!(undone["what"], "redacted");
    assert!(text(&note(&ada, &original)["body"]).contains("nightingale"));
}

/// Goal: the wall between clients holds for packs, by name; a move across it is said, and taken back.
#[test]
fn a_note_moves_to_another_pack_and_not_across_a_wall_unless_it_is_said() {
    let ada = Device::up("Ada");
    let create = |title, client: &str| {
        let args = ["pack", "create", title, "--client", client];
        text(&ada.json(&args)["pack"]["id"])
    };
    let (one, two, other) = (
        create("Case 1", "Acme"),
        create("Case 2", "ACME"),
        create("Case 3", "Globex"),
    );
    let added = add(&ada, &one, "mia.li@example.com wants a refund", &[]);
    let original = text(&added["note"]["id"]);
    let (exit, error) = ada.fails(&["move", &original, "--to", &other], b"");
    assert_eq!(exit, 4, "{error}");
    assert!(text(&error["message"]).contains("wall client"), "{error}");
    let across = ["move", &original, "--to", &other, "--across-clients"];
    let (exit, error) = ada.fails(&across, b"");
    assert_eq!(exit, 2, "a pipe needs --yes: {error}");
    let plan = ada.json(&[&across[..], &["--dry-run"]].concat());
    assert_eq!(plan["crosses_clients"], true);
    assert_eq!(ada.json(&["list", &other])["notes"], json!([]));

    let (exit, id, said) = run(&ada, &["move", &original, "--to", &two], b"");
    assert_eq!(exit, 0, "{said}");
    assert!(
        said.contains("Moved to Case 2 · Restricted · readable by you only"),
        "{said}"
    );
    let there = note(&ada, id.trim());
    assert_eq!(there["derived_from"], json!([original]));
    assert_eq!(there["masked_copies"].as_array().unwrap().len(), 1);
    assert_eq!(ada.json(&["list", &one])["notes"], json!([]));
    let (exit, error) = ada.fails(&["move", &original, "--to", &two], b"");
    assert_eq!(exit, 4, "{error}");
    assert!(text(&error["message"]).contains("note deleted"), "{error}");
    let undone = ada.json(&["undo"]);
    assert_eq!(undone["what"], "moved", "{undone}");
    assert_eq!(
        ada.json(&["list", &one])["notes"].as_array().unwrap().len(),
        2
    );
    assert_eq!(ada.json(&["list", &two])["notes"], json!([]));
}

/// Goal: each step back says what it takes back, and no other.
#[test]
fn the_redaction_of_a_deleted_note_is_lifted_and_told_as_that() {
    let ada = Device::up("Ada");
    let pack = ada.create_pack("Acme");
    let id = text(&add(&ada, &pack, "nightingale sings", &[])["note"]["id"]);
    ada.json(&["delete", &id]);
    ada.json(&["redact", &id, "--reason", "asked", "--yes"]);
    assert_eq!(ada.json(&["list", &pack])["notes"], json!([]));
    let plan = ada.json(&["undo", "--dry-run"]);
    assert_eq!(
        (&plan["what"], &plan["status"]),
        (&json!("redacted"), &json!("archived"))
    );
    let (exit, _, said) = run(&ada, &["undo"], b"");
    assert_eq!(exit, 0, "{said}");
    assert!(
        said.contains("redaction is lifted") && said.contains("still deleted"),
        "{said}"
    );
    assert_eq!(ada.json(&["list", &pack])["notes"], json!([]));
    let (exit, _, said) = run(&ada, &["undo"], b"");
    assert_eq!(exit, 0, "{said}");
    assert!(
        said.contains("it is back") && !said.contains("Somebody else"),
        "{said}"
    );
    assert_eq!(note(&ada, &id)["status"], "active");
}

/// Goal: what would leave readers with nothing is asked; what was chosen leaves although it was replaced.
#[test]
fn a_note_above_replaces_only_if_it_is_confirmed_and_a_chosen_one_still_leaves() {
    let (ada, ben) = (Device::up("Ada"), Device::up("Ben"));
    let pack = ada.create_pack("Acme");
    ben.json_with(&["join", "-"], ada.share(&pack).as_bytes());
    let old = text(&add(&ada, &pack, "Opening hours: 9 to 5", &[])["note"]["id"]);
    let above = ["--sensitivity", "restricted"];
    let new = text(&add(&ada, &pack, "Opening hours: 8 to 6", &above)["note"]["id"]);
    let (exit, error) = ada.fails(
        &[
            &["add", &pack, "--source", "x", "--supersedes", &old][..],
            &above,
        ]
        .concat(),
        b"third",
    );
    assert_eq!(exit, 2, "{error}");
    let supersede = ["supersede", &old, "--by", &new];
    let (exit, error) = ada.fails(&supersede, b"");
    assert_eq!(exit, 2, "{error}");
    let (exit, _, said) = run(&ada, &[&supersede[..], &["--dry-run"]].concat(), b"");
    assert_eq!(exit, 0, "{said}");
    assert!(said.contains("Ben will see neither"), "{said}");
    ada.json(&["select", "add", &old]);
    ada.json(&[&supersede[..], &["--yes"]].concat());
    ada.ok(&["sync", "--wait"]);
    ben.ok(&["sync", "--wait"]);
    assert_eq!(note(&ben, &old)["superseded_by"], json!([]));
    assert_eq!(note(&ada, &old)["superseded_by"], json!([new]));
    let export = ada.json(&["export", "--selection", "working"]);
    assert_eq!(export["notes"][0]["id"], json!(old), "{export}");
    assert_eq!(export["notes"][0]["status"], "superseded");
    let export = ada.json(&["export", &pack]);
    assert_eq!(export["notes"], json!([]), "{export}");
}
