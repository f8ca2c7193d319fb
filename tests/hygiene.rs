//! Finding what is in the way and putting it away, with the real program and real daemons.

use crate::support::{Device, eventually, run_in, text, up_after_kill};
use serde_json::{Value, json};
use std::process::{Command, Stdio};

const CALL: &str = "Mia called about invoice 4711: the amount is wrong, she paid the first half in March \
                    and wants the rest to be split into three parts until the end of the year";

/// Notes of an old system: captured years ago, some with an end that is over.
fn old(device: &Device, pack: &str, notes: &[(&str, bool)]) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("old.jsonl");
    let lines = notes.iter().map(|(title, ended)| {
        let mut line = json!({
            "title": title,
            "body": format!("what was said of {title}, long ago and in many words"),
            "source": {"kind": "crm", "label": "old CRM", "captured_at": "2020-02-03T10:00:00Z"},
        });
        if *ended {
            line["expires_at"] = json!("2021-02-03T10:00:00Z");
        }
        format!("{line}\n")
    });
    std::fs::write(&file, lines.collect::<String>()).unwrap();
    device.json(&["import", "jsonl", file.to_str().unwrap(), "--pack", pack]);
}

fn add(device: &Device, pack: &str, source: &str, body: &str) -> String {
    let added = device.json_with(&["add", pack, "--source", source], body.as_bytes());
    text(&added["note"]["id"])
}

fn total(report: &Value, kind: &str) -> u64 {
    report["kinds"][kind]["total"].as_u64().unwrap()
}

fn statuses(device: &Device, pack: &str) -> Vec<String> {
    let list = device.json(&["list", pack, "--all"]);
    let notes = list["notes"].as_array().unwrap().iter();
    notes.map(|note| text(&note["status"])).collect()
}

fn count(device: &Device, pack: &str, status: &str) -> usize {
    let all = statuses(device, pack);
    all.iter().filter(|one| *one == status).count()
}

/// Goal: report, plan, yes, undo: each kind from the outside, and the plan changes nothing.
#[test]
fn a_pack_is_looked_through_planned_cleaned_and_brought_back() {
    let ada = Device::up("Ada");
    let pack = ada.create_pack("Acme");
    let empty = ada.json(&["hygiene", "report", &pack]);
    assert_eq!(
        (&empty["looked_at"], &empty["groups"]),
        (&json!(0), &json!([]))
    );
    let nothing = ada.json(&["hygiene", "prune", &pack, "--yes"]);
    assert_eq!(nothing["planned"], 0);

    old(
        &ada,
        &pack,
        &[("one", true), ("two", true), ("three", false)],
    );
    let kept = add(&ada, &pack, "call", &format!("{CALL}, as agreed"));
    let other = add(&ada, &pack, "mail", CALL);
    let report = ada.json(&["hygiene", "report", &pack, "--retention", "365"]);
    assert_eq!(report["looked_at"], 5);
    assert_eq!(total(&report, "expired"), 2);
    assert_eq!(total(&report, "long_expired"), 2);
    assert_eq!(total(&report, "over_retained"), 3);
    assert_eq!(
        (total(&report, "stale"), total(&report, "never_read")),
        (0, 0)
    );
    assert_eq!(total(&report, "duplicate"), 1);
    let group = &report["groups"][0];
    assert_eq!(group["kept"]["id"], json!(kept), "{group}");
    assert_eq!(group["because"], "longest");
    assert_eq!(group["others"][0]["id"], json!(other));
    assert_eq!(
        report["reads"]["basis"],
        "reported by devices; lists and searches are not reported"
    );
    let told = ada.ok(&["hygiene", "report", "--kind", "duplicate"]);
    assert!(told.contains("Nearly the same as another: 1"), "{told}");
    assert!(told.contains("it has the most text"), "{told}");

    for verb in ["expire", "duplicates", "prune"] {
        let plan = ada.json(&["hygiene", verb, &pack, "--dry-run"]);
        assert!(
            plan["planned"].as_u64() > Some(0) && plan["done"] == 0,
            "{plan}"
        );
        let (exit, error) = ada.fails(&["hygiene", verb, &pack], b"");
        assert_eq!(exit, 2, "{error}");
    }
    assert_eq!(count(&ada, &pack, "active"), 5);

    let done = ada.json(&["hygiene", "expire", &pack, "--yes"]);
    assert_eq!(
        (&done["done"], &done["planned"]),
        (&json!(2), &json!(2)),
        "{done}"
    );
    assert_eq!(count(&ada, &pack, "expired"), 2);
    let done = ada.json(&["hygiene", "duplicates", &pack, "--yes"]);
    assert_eq!(done["notes"][0]["by"], json!(kept));
    assert_eq!(
        ada.json(&["show", &other])["note"]["superseded_by"],
        json!([kept])
    );
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("receipt");
    let file = file.to_str().unwrap();
    let prune = [
        "hygiene",
        "prune",
        &pack,
        "--retention",
        "365",
        "--yes",
        "--receipt",
        file,
    ];
    let done = ada.json(&prune);
    assert_eq!(
        (&done["done"], &done["receipt"]),
        (&json!(3), &json!(file)),
        "{done}"
    );
    assert_eq!(count(&ada, &pack, "archived"), 3);
    let again = ada.json(&["hygiene", "prune", &pack, "--retention", "365", "--yes"]);
    assert_eq!(again["planned"], 0);

    let verified = ada.json(&["receipt", "verify", file]);
    let says = &verified["hygiene"];
    assert_eq!(says["pack"], json!(pack));
    assert_eq!(says["notes"].as_array().unwrap().len(), 3, "{says}");
    assert!(
        says["notes"]
            .as_array()
            .unwrap()
            .iter()
            .all(|note| note["act"] == "delete")
    );
    assert_eq!(verified["known"]["is_me"], true);
    let told = ada.ok(&["receipt", "verify", file]);
    assert!(
        told.contains("signed by you") && told.contains("delete: "),
        "{told}"
    );
    // Evidence has its date and zone, today too.
    assert!(
        told.lines()
            .any(|line| line.starts_with("signed: 2") && line.contains("(UTC")),
        "{told}"
    );
    let mut bytes = std::fs::read(file).unwrap();
    assert!(
        !String::from_utf8_lossy(&bytes).contains("three"),
        "no text of a note"
    );
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    std::fs::write(file, &bytes).unwrap();
    let (exit, _) = ada.fails(&["receipt", "verify", file], b"");
    assert_eq!(exit, 10);

    // One go at a time, in the order back.
    let plan = ada.json(&["undo", &pack, "--dry-run"]);
    assert_eq!(plan["run"]["notes"], 3, "{plan}");
    let undone = ada.json(&["undo", &pack]);
    assert_eq!(
        (&undone["run"]["notes"], &undone["what"]),
        (&json!(3), &json!("deleted"))
    );
    assert_eq!(count(&ada, &pack, "archived"), 0);
    assert_eq!(count(&ada, &pack, "expired"), 2);
    assert_eq!(ada.json(&["undo", &pack])["what"], "superseded");
    ada.json(&["undo", &pack]);
    assert_eq!(count(&ada, &pack, "active"), 5);
    let added = ada.json(&["undo", &pack]);
    assert_eq!(
        (&added["run"], &added["what"]),
        (&Value::Null, &json!("added"))
    );
}

/// Goal: a pinned note stays unless it is asked for, and so does one in a selection; an original and its
/// masked copy are one, and no duplicate of each other.
#[test]
fn pinned_and_selected_notes_stay_and_pairs_go_together() {
    let ada = Device::up("Ada");
    let pack = ada.create_pack("Acme");
    let body = |who: &str| format!("{who} called: {CALL}");
    let one = ada.json_with(
        &["add", &pack, "--source", "call"],
        body("mia.li@example.com").as_bytes(),
    );
    let two = ada.json_with(
        &["add", &pack, "--source", "mail"],
        body("mia.li@example.com").as_bytes(),
    );
    assert!(one["masked"]["note"]["id"].is_string(), "{one}");
    let report = ada.json(&["hygiene", "report", &pack]);
    assert_eq!(report["looked_at"], 2, "a copy counts with its original");
    assert_eq!(
        (&report["groups_total"], total(&report, "duplicate")),
        (&json!(1), 1)
    );
    let group = &report["groups"][0];
    assert_eq!(group["kept"]["sensitivity"], "restricted");
    let loser = text(&group["others"][0]["id"]);
    assert!(
        [&one, &two]
            .iter()
            .any(|added| added["note"]["id"] == json!(loser))
    );

    ada.json(&["edit", &loser, "--pin"]);
    let winner = text(&ada.json(&["hygiene", "report", &pack])["groups"][0]["kept"]["id"]);
    assert_eq!(winner, loser, "what is pinned stays");
    let other = text(&group["kept"]["id"]);
    ada.json(&["select", "add", &other]);
    let plan = ada.json(&["hygiene", "duplicates", &pack, "--dry-run"]);
    assert_eq!(
        (&plan["planned"], &plan["notes"][0]["left"]),
        (&json!(0), &json!("selected"))
    );
    let done = ada.json(&["hygiene", "duplicates", &pack, "--selected", "--yes"]);
    assert_eq!(done["done"], 1, "{done}");
    assert_eq!(count(&ada, &pack, "superseded"), 2, "with its masked copy");
    assert_eq!(
        done["notes"][0]["along"].as_array().unwrap().len(),
        1,
        "{done}"
    );
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("receipt");
    let file = file.to_str().unwrap();
    ada.json(&["hygiene", "goes", &pack, "--receipt", file]);
    let verified = ada.json(&["receipt", "verify", file]);
    let along = &verified["hygiene"]["notes"][0]["along"][0];
    assert_eq!(along["before"], done["notes"][0]["along"][0]["version"]);
    let undone = ada.json(&["undo", &pack]);
    assert_eq!(undone["run"]["notes"], 1);
    assert_eq!(count(&ada, &pack, "superseded"), 0);
}

/// Goal: an end outranks a pin, the note's own and that of its masked copy.
#[test]
fn what_is_over_expires_though_it_is_pinned() {
    let ada = Device::up("Ada");
    let pack = ada.create_pack("Acme");
    let add = [
        "add",
        &pack,
        "--source",
        "call",
        "--pin",
        "--expires",
        "2099-01-01",
    ];
    let later = text(&ada.json_with(&add, b"later")["note"]["id"]);
    let over = json!({"title": "Over", "body": "over", "pinned": true, "expires_at": "2020-01-01"});
    let import = ["import", "jsonl", "-", "--pack", &pack];
    ada.json_with(&import, over.to_string().as_bytes());
    let done = ada.json(&["hygiene", "expire", &pack, "--yes"]);
    assert_eq!(
        (&done["done"], done["notes"].as_array().unwrap().len()),
        (&json!(1), 1),
        "{done}"
    );
    assert_eq!(done["notes"][0]["title"], "Over");
    assert_eq!(ada.json(&["show", &later])["note"]["status"], "active");
    let (exit, _) = ada.fails(&["hygiene", "expire", &pack, "--pinned"], b"");
    assert_eq!(exit, 2);
}

/// Goal: whoever is cleared for less learns nothing of what is above by looking, and a reader changes
/// nothing.
#[test]
fn a_reader_sees_nothing_above_and_changes_nothing() {
    let (ada, ben) = (Device::up("Ada"), Device::up("Ben"));
    let pack = ada.create_pack("Acme");
    add(&ada, &pack, "call", CALL);
    add(&ada, &pack, "mail", CALL);
    for source in ["a", "b", "c"] {
        let args = [
            "add",
            &pack,
            "--source",
            source,
            "--sensitivity",
            "restricted",
        ];
        ada.json_with(&args, format!("zeppelin {CALL}").as_bytes());
    }
    let shared = ada.json(&["share", &pack, "--role", "reader", "--yes"]);
    ben.json_with(&["join", "-"], text(&shared["ticket"]).as_bytes());
    ben.ok(&["sync", "--wait"]);
    eventually("both notes are here", || ben.contents(&pack).len() == 2);
    let report = ben.json(&["hygiene", "report"]);
    assert_eq!(
        (&report["looked_at"], &report["groups_total"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(total(&report, "duplicate"), 1);
    assert_eq!(report["kinds"]["duplicate"]["left"], 1);
    assert!(!report.to_string().contains("zeppelin"), "{report}");
    let done = ben.json(&["hygiene", "duplicates", &pack, "--yes"]);
    assert_eq!(
        (&done["done"], &done["notes"][0]["left"]),
        (&json!(0), &json!("not_allowed"))
    );
    assert_eq!(
        total(&ada.json(&["hygiene", "report", &pack]), "duplicate"),
        3
    );
}

/// Goal: a daemon that is killed in the middle of a go has done some of it; doing it again does the rest,
/// and undo brings all of it back.
#[test]
fn a_go_that_was_killed_is_finished_by_doing_it_again() {
    let ada = Device::up("Ada");
    let pack = ada.create_pack("Acme");
    let titles: Vec<String> = (0..300).map(|at| format!("old note {at}")).collect();
    let notes: Vec<(&str, bool)> = titles.iter().map(|title| (title.as_str(), true)).collect();
    old(&ada, &pack, &notes);
    let status = ada.json(&["daemon", "status"]);
    let pid = status["pid"].as_u64().unwrap();
    let mut going = Command::new(env!("CARGO_BIN_EXE_kitbag"))
        .args(["hygiene", "prune", &pack, "--yes", "--json"])
        .env("KITBAG_HOME", &ada.home)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let part = loop {
        let gone = count(&ada, &pack, "archived");
        if gone > 0 || going.try_wait().unwrap().is_some() {
            break gone;
        }
    };
    assert!(
        Command::new("kill")
            .args(["-9", &pid.to_string()])
            .status()
            .unwrap()
            .success()
    );
    going.wait().unwrap();
    up_after_kill(&ada, pid);
    let gone = count(&ada, &pack, "archived");
    assert!(gone >= part && gone > 0);
    let goes = ada.json(&["hygiene", "goes", &pack]);
    assert_eq!(
        (&goes["goes"][0]["done"], &goes["goes"][0]["unreached"]),
        (&json!(gone), &json!(300 - gone)),
        "{goes}"
    );
    let dir = tempfile::tempdir().unwrap();
    let files = ["all", "rest", "cut-off"].map(|name| dir.path().join(name));
    let [all, rest_file, cut_off] = files.each_ref().map(|file| file.to_str().unwrap());
    let told = ada.ok(&["hygiene", "goes", &pack, "--receipt", all]);
    assert!(
        told.ends_with(&format!("\t{gone}\t0\t{}\n", 300 - gone)),
        "{told}"
    );
    let verified = ada.json(&["receipt", "verify", all]);
    assert_eq!(verified["hygiene"]["unreached"], json!(300 - gone));
    let prune = ["hygiene", "prune", &pack, "--yes", "--receipt", rest_file];
    let rest = ada.json(&prune);
    assert_eq!(rest["done"], json!(300 - gone), "killed after {gone}");
    // Both together name each note once, and one is of the go that was cut off.
    if gone < 300 {
        let of = ["--receipt", cut_off, "--number", "2"];
        let goes = ada.json(&[&["hygiene", "goes", &pack][..], &of].concat());
        assert_eq!(goes["goes"].as_array().unwrap().len(), 2, "{goes}");
        let mut named: Vec<String> = Vec::new();
        for (file, unreached) in [(rest_file, 0), (cut_off, 300 - gone)] {
            let verified = ada.json(&["receipt", "verify", file]);
            assert_eq!(verified["hygiene"]["unreached"], json!(unreached));
            let notes = verified["hygiene"]["notes"].as_array().unwrap().iter();
            named.extend(notes.map(|note| text(&note["id"])));
        }
        named.sort_unstable();
        named.dedup();
        assert_eq!(named.len(), 300);
    }
    assert_eq!(count(&ada, &pack, "archived"), 300);
    let mut goes = 0;
    while count(&ada, &pack, "archived") > 0 {
        let undone = ada.json(&["undo", &pack]);
        assert!(undone["run"]["notes"].as_u64() > Some(0), "{undone}");
        goes += 1;
    }
    assert!(goes <= 2, "{goes}");
    println!("killed after {gone} of 300");
}

/// Goal: what cannot be is refused with a reason, before anything is done.
#[test]
fn wrong_arguments_are_refused() {
    let ada = Device::up("Ada");
    let pack = ada.create_pack("Acme");
    old(&ada, &pack, &[("one", true)]);
    for args in [
        &["hygiene", "report", "--similarity", "59"][..],
        &["hygiene", "report", "--kind", "dusty"],
        &["hygiene", "report", "--stale", "0"],
        &["hygiene", "prune", &pack, "--kind", "duplicate"],
        &["hygiene", "prune", &pack, "--retention", "-1"],
    ] {
        let output = run_in(&ada.home, args, b"", &[]);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
    }
    let (exit, _) = ada.fails(&["hygiene", "report", "nopack"], b"");
    assert_eq!(exit, 3);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("there");
    std::fs::write(&file, "mine").unwrap();
    let there = [
        "hygiene",
        "prune",
        &pack,
        "--yes",
        "--receipt",
        file.to_str().unwrap(),
    ];
    let (exit, _) = ada.fails(&there, b"");
    assert_eq!(exit, 7);
    let goes = ada.json(&["hygiene", "goes", &pack]);
    assert_eq!(
        (&goes["goes"], &goes["receipt"]),
        (&json!([]), &Value::Null)
    );
    let name = file.to_str().unwrap();
    let none = dir.path().join("none");
    let none = none.to_str().unwrap();
    for (args, exit) in [
        (&["hygiene", "goes", &pack, "--receipt", name][..], 7),
        (&["hygiene", "goes", &pack, "--receipt", none], 3),
        (&["hygiene", "goes", &pack, "--number", "2"], 2),
        (
            &["hygiene", "goes", &pack, "--receipt", none, "--number", "0"],
            2,
        ),
        (&["hygiene", "goes", "nopack"], 3),
    ] {
        let output = run_in(&ada.home, args, b"", &[]);
        assert_eq!(output.status.code(), Some(exit), "{args:?}");
    }
    assert!(!std::path::Path::new(none).exists(), "no empty receipt");
    assert_eq!(std::fs::read(&file).unwrap(), b"mine");
    assert_eq!(count(&ada, &pack, "active"), 1);
}
