//! What a newcomer types, and what is said to them: edits at the same time, and words that lead on.

use crate::support::{Device, eventually, text};
use serde_json::json;
use std::fs;

/// Goal: two versions of a price that were written offline are both whole, on both devices, in words and
/// in documents with who wrote them, until somebody writes the text anew.
#[test]
fn two_versions_written_offline_are_whole_and_told() {
    let (ada, ben) = (Device::up("Ada"), Device::up("Ben"));
    let pack = ada.create_pack("Acme");
    let ticket = ada.share(&pack);
    ben.json_with(&["join", "-"], ticket.as_bytes());
    let note = ada.add(&pack, "offer", "Price: 100 EUR");
    let synced = |one: &Device| one.json(&["show", &note])["note"]["body"].is_string();
    eventually("the note is on the other device", || {
        ben.run(&["show", &note], b"").status.success() && synced(&ben)
    });
    ada.offline();
    ben.offline();
    ada.json_with(&["edit", &note, "--file", "-"], b"Price: 250 EUR");
    ben.json_with(&["edit", &note, "--file", "-"], b"Price: 175 EUR");
    assert_eq!(ada.json(&["show", &note])["note"]["merged"], json!([]));
    ada.online();
    ben.online();
    for device in [&ada, &ben] {
        eventually("both versions are there", || {
            let body = text(&device.json(&["show", &note])["note"]["body"]);
            ["Price: 250 175 EUR", "Price: 175 250 EUR"].contains(&body.as_str())
        });
        let merged = &device.json(&["show", &note])["note"]["merged"];
        assert_eq!(merged[0]["at"], json!([6, 14]));
        let mut by: Vec<String> = merged[0]["by"]
            .as_array()
            .unwrap()
            .iter()
            .map(text)
            .collect();
        by.sort_unstable();
        assert_eq!(by, ["Ada", "Ben"]);
        let said = device.ok(&["show", &note]);
        assert!(said.contains("changed this at once"), "{said}");
    }
    ada.json_with(&["edit", &note, "--file", "-"], b"Price: 175 EUR");
    assert_eq!(ada.json(&["show", &note])["note"]["merged"], json!([]));
    assert!(!ada.ok(&["show", &note]).contains("at once"));
}

/// Goal: what a person gets wrong is called by its name, and the hint leads on.
#[test]
fn errors_name_what_was_wrong_and_hints_lead_out() {
    let ada = Device::up("Ada");
    let pack = ada.create_pack("Acme");
    let note = ada.add(&pack, "refund", "a late refund for the flight");
    ada.add(&pack, "hotel", "a refund for the hotel");
    for args in [
        vec!["select", "show", "nosuch"],
        vec!["select", "delete", "nosuch"],
        vec!["export", "--selection", "nosuch"],
    ] {
        let (exit, error) = ada.fails(&args, b"");
        assert_eq!(exit, 3, "{error}");
        assert!(text(&error["message"]).contains("\"nosuch\""), "{error}");
        assert!(
            text(&error["hint"]).contains("kitbag select list"),
            "{error}"
        );
    }
    // Words to leave out, as one types them.
    let found = ada.json(&["search", "refund", "-hotel"]);
    assert_eq!(found["total"], 1, "{found}");
    assert_eq!(found["results"][0]["id"], json!(note));
    let found = ada.json(&["search", "refund", "--pack", &pack, "-hotel"]);
    assert_eq!(found["total"], 1, "{found}");
    let (exit, error) = ada.fails(&["search", "-refund"], b"");
    assert_eq!(exit, 2, "{error}");
    let as_words = ada.run(&["search", "--", "-refund"], b"");
    assert_eq!(as_words.status.code(), Some(2), "{as_words:?}");
    // The smallest budget that is named works, and one less does not.
    for more in [vec![], vec!["--on-overflow", "trim"]] {
        let export = |tokens: &str| {
            let asked = ["export", &pack, "--format", "md", "--max-tokens", tokens];
            let asked: Vec<&str> = asked.into_iter().chain(more.iter().copied()).collect();
            ada.run(&asked, b"")
        };
        let refused = export("10");
        assert_eq!(refused.status.code(), Some(6));
        let said = String::from_utf8(refused.stderr).unwrap();
        let least = said.split("--max-tokens ").nth(1).expect(&said);
        let least: u64 = least.split(' ').next().unwrap().parse().expect(&said);
        assert!(export(&least.to_string()).status.success(), "{said}");
        assert_eq!(export(&(least - 1).to_string()).status.code(), Some(6));
    }
    for (args, hint) in [
        (
            vec!["policy", "set", &pack, "--purposes", ""],
            "--purposes one,two",
        ),
        (
            vec!["import", "jsonl", "f.jsonl", "--map", "m.toml"],
            "kitbag import csv",
        ),
        (vec!["show", "nope"], "kitbag list"),
        (vec!["list", "nope"], "kitbag pack list"),
        (vec!["lits"], "kitbag help lists the commands"),
    ] {
        let (_, error) = ada.fails(&args, b"");
        assert!(text(&error["hint"]).contains(hint), "{args:?}: {error}");
    }
    let (exit, error) = ada.fails(&["search", "refund", "--type", "bogus"], b"");
    assert_eq!(exit, 2, "{error}");
    assert!(text(&error["message"]).contains("decision"), "{error}");
    let again =
        String::from_utf8(ada.run(&["up", "--name", "Eve", "--detach"], b"").stderr).unwrap();
    assert!(again.contains("--name is for the first time"), "{again}");
}

/// Goal: files as people have them: a mark of the encoding, something that is no text, nothing at all,
/// and the same table with another tag.
#[test]
fn files_as_people_have_them() {
    let ada = Device::up("Ada");
    let pack = ada.create_pack("Acme");
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.display().to_string()
    };
    let bom = file("bom.txt", b"\xef\xbb\xbfHello");
    let note = ada.json(&["add", &pack, "--source", "x", "--file", &bom]);
    let shown = ada.json(&["show", &text(&note["note"]["id"])]);
    assert_eq!(shown["note"]["body"], "Hello");
    let said = ada.ok(&["show", &text(&note["note"]["id"])]);
    assert!(!said.contains("title:"), "{said}");
    let binary = file("bin.dat", b"\x00\xff\xfe\x01binary");
    let (exit, error) = ada.fails(&["import", "markdown", &binary, "--pack", &pack], b"");
    assert_eq!((exit, &error["code"]), (2, &json!("bad-input")), "{error}");
    let empty = dir.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let told = |args: &[&str]| String::from_utf8(ada.run(args, b"").stderr).unwrap();
    let said = told(&[
        "import",
        "markdown",
        empty.to_str().unwrap(),
        "--pack",
        &pack,
    ]);
    assert!(said.contains("no file that ends in .md"), "{said}");
    let header = file("head.csv", b"name,city\n");
    let said = told(&["import", "csv", &header, "--pack", &pack]);
    assert!(said.contains("no row below the header"), "{said}");
    let table = file("g.csv", b"name,city\nMia,Rome\n");
    ada.json(&["import", "csv", &table, "--pack", &pack]);
    let said = told(&["import", "csv", &table, "--pack", &pack, "--tag", "extra"]);
    assert!(said.contains("kitbag tag NOTE +extra"), "{said}");
    let past = ada.fails(
        &[
            "add",
            &pack,
            "--source",
            "x",
            "--valid-from",
            "tomorrow",
            "--valid-to",
            "yesterday",
        ],
        b"text",
    );
    assert_eq!(past.0, 2, "{past:?}");
}

/// Goal: a second `join` with the name that this pack has is no error, and one with another pack's is.
#[test]
fn a_pack_may_be_joined_again_by_its_own_name() {
    let (ada, ben) = (Device::up("Ada"), Device::up("Ben"));
    let pack = ada.create_pack("Acme");
    let other = ada.create_pack("Other");
    let ticket = ada.share(&pack);
    ben.json_with(&["join", "-", "--as", "work"], ticket.as_bytes());
    let again = ben.json_with(&["join", "-", "--as", "work"], ticket.as_bytes());
    assert_eq!(again["state"], "already_member", "{again}");
    let ticket = ada.share(&other);
    let (exit, error) = ben.fails(&["join", "-", "--as", "work"], ticket.as_bytes());
    assert_eq!(exit, 2, "{error}");
}
