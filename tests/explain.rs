//! Seeing who may what, and why; and what some bytes are.

use crate::support::{Device, text};
use serde_json::Value;

/// Three notes, two of them for Ben too.
fn shared() -> (Device, Device, String, [String; 3]) {
    let (ada, ben) = (Device::up("Ada"), Device::up("Ben"));
    let pack = ada.create_pack("Acme");
    let one = ada.add(&pack, "one", "first");
    let two = ada.add(&pack, "two", "second");
    let add = [
        "add",
        &pack,
        "--source",
        "test",
        "--sensitivity",
        "restricted",
    ];
    let closed = text(&ada.json_with(&add, b"closed")["note"]["id"]);
    let ticket = ada.share(&pack);
    ben.json_with(&["join", "-"], ticket.as_bytes());
    ben.ok(&["sync", "--wait"]);
    (ada, ben, pack, [one, two, closed])
}

/// Goal: `who`, `check` and `policy` say in words and in documents what the keys say.
#[test]
fn who_opens_what_is_told_in_words_and_documents() {
    let (ada, ben, pack, [one, _, closed]) = shared();

    let who = ada.json(&["who", &pack]);
    let people = who["people"].as_array().unwrap();
    assert_eq!(people.len(), 2, "{who}");
    let states = |person: &Value| -> Vec<String> {
        let opens = person["opens"].as_array().unwrap();
        opens.iter().map(|one| text(&one["state"])).collect()
    };
    assert_eq!(states(&people[0]), ["now"; 4], "{who}");
    assert_eq!(states(&people[1]), ["now", "now", "never", "never"]);
    assert_eq!(
        (&people[1]["name"], &people[1]["role"]),
        (&"Ben".into(), &"editor".into())
    );
    let rows = ada.ok(&["who", &pack]);
    assert!(
        rows.contains("Ben\teditor\tnow\tnow\tnever\tnever"),
        "{rows}"
    );
    let of_note = ada.ok(&["who", &closed[..20]]);
    assert!(of_note.contains("open it now: you\n"), "{of_note}");
    assert!(of_note.contains("never could: Ben"), "{of_note}");
    assert!(ada.ok(&["who", &one]).contains("open it now: you, Ben"));

    let checked = ada.json(&["check", &pack, "--as", "Ben"]);
    assert_eq!(
        (&checked["notes"]["opens"], &checked["notes"]["no_key"]),
        (&2.into(), &1.into())
    );
    assert_eq!(checked["tried"][3]["sensitivity"], "restricted");
    assert_eq!(checked["tried"][3]["notes"]["no_key"], 1, "{checked}");
    let told = ada.ok(&["check", &pack, "--as", "ben"]);
    assert!(
        told.contains("Ben opens 2 notes; holds no key for 1 (Restricted)"),
        "{told}"
    );
    let told = ben.ok(&["check", &pack, "--as", "Ada"]);
    assert!(
        told.contains("of Confidential and Restricted this device holds nothing"),
        "{told}"
    );
    assert!(told.contains("Ada opens 2 notes"), "{told}");

    let policy = ben.json(&["policy", "show", &pack]);
    let members = policy["members"].as_array().unwrap();
    assert_eq!(
        (members.len(), &policy["default_sensitivity"]),
        (2, &"internal".into())
    );
    assert_eq!(members[0]["grants"][0]["via"], "founder");
    assert_eq!(members[1]["grants"][0]["via"], "ticket");
    assert_eq!(members[1]["grants"][0]["by"]["name"], "Ada");
    assert_eq!(policy["tickets"], Value::Array(vec![]), "used up");
    let told = ben.ok(&["policy", "show", &pack]);
    assert!(
        told.contains("you: editor up to Internal, by Ada's ticket"),
        "{told}"
    );
    assert!(
        told.contains("Ada: admin up to Restricted, founded the pack"),
        "{told}"
    );
    ada.share(&pack);
    let told = ada.ok(&["policy", "show", &pack]);
    assert!(
        told.contains("open tickets:\n") && told.contains("0 of 1 used, until"),
        "{told}"
    );

    let told = ada.ok(&["policy", "explain", &pack, "--as", "Ben"]);
    assert_eq!(told.lines().count(), 12, "{told}");
    assert!(
        told.contains("Ben may write Internal: editor up to Internal, by your ticket"),
        "{told}"
    );
    assert!(
        told.contains("Ben may not read Restricted: cleared up to Internal only"),
        "{told}"
    );
    assert!(
        told.contains("Ben may not share Public: only an admin makes tickets"),
        "{told}"
    );
    let rules = &ada.json(&["policy", "explain", &pack, "--as", "Ben", &closed])["rules"];
    assert_eq!(rules.as_array().unwrap().len(), 3);
    assert_eq!(
        (&rules[0]["right"], &rules[0]["allowed"]),
        (&"read".into(), &false.into())
    );
    assert_eq!(rules[0]["why"], "not_enough");
}

/// Goal: `status --why` says why, in words and as facts.
#[test]
fn status_says_why() {
    let (ada, ben, _, _) = shared();
    let status = ada.json(&["status", "--why"]);
    assert_eq!(status["packs"].as_array().unwrap().len(), 1);
    let renewals = status["why"][0]["renewals"].as_array().unwrap();
    assert!(!renewals.is_empty(), "the ticket is used up: {status}");
    assert_eq!(renewals[0]["after"][0]["kind"], "ticket_closed", "{status}");
    assert_eq!(ada.json(&["status"])["why"], Value::Null);
    ben.ok(&["down"]);
    let told = ada.ok(&["status", "--why"]);
    assert!(told.contains("one device is not reachable"), "{told}");
    assert!(
        told.contains("note is locked anew: a ticket was used up or closed"),
        "{told}"
    );
    let alone = Device::up("Alone");
    alone.create_pack("Mine");
    assert!(alone.ok(&["status", "--why"]).contains("all is well"));
}

/// Goal: what is asked wrongly fails by its kind, in both languages.
#[test]
fn questions_about_nothing_fail_by_kind() {
    let (ada, _, pack, [one, _, _]) = shared();
    let other = ada.create_pack("Other");
    let twin = Device::up("Ben");
    let ticket = ada.share(&pack);
    twin.json_with(&["join", "-"], ticket.as_bytes());
    ada.ok(&["sync", "--wait"]);
    let cases: Vec<(Vec<&str>, i32, &str)> = vec![
        (vec!["who", "nosuch"], 3, "not-found"),
        (vec!["who", ""], 3, "not-found"),
        (vec!["check", "nosuch", "--as", "Ada"], 3, "not-found"),
        (vec!["check", &pack, "--as", "Nobody"], 3, "not-found"),
        (vec!["check", &pack, "--as", ""], 3, "not-found"),
        (vec!["check", &pack, "--as", "Ben"], 2, "ambiguous"),
        (vec!["policy", "show", "nosuch"], 3, "not-found"),
        (
            vec!["policy", "explain", &pack, "--as", "Nobody"],
            3,
            "not-found",
        ),
        (
            vec!["policy", "explain", &pack, "--as", "Ada", "nosuch"],
            3,
            "not-found",
        ),
        (
            vec!["policy", "explain", &other, "--as", "Ada", &one],
            3,
            "not-found",
        ),
        (vec!["check", &pack], 2, "usage"),
    ];
    for (args, exit, code) in cases {
        let (status, error) = ada.fails(&args, b"");
        assert_eq!(
            (status, error["code"].as_str()),
            (exit, Some(code)),
            "{args:?}: {error}"
        );
    }
}

/// Goal: bytes are recognised however they come, no daemon is needed, and no secret is shown.
#[test]
fn bytes_are_looked_at_without_a_daemon() {
    let nobody = Device::empty();
    let frozen = include_str!("../crates/core/tests/vectors/policy.json");
    let cases: Value = serde_json::from_str(frozen).unwrap();
    let case = cases
        .as_array()
        .unwrap()
        .iter()
        .find(|case| case["name"] == "genesis")
        .unwrap();
    let hex = text(&case["bytes"]);
    let raw: Vec<u8> = (0..hex.len() / 2)
        .map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap())
        .collect();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("op");
    std::fs::write(&file, &raw).unwrap();

    let told = nobody.ok(&["inspect", &hex]);
    assert!(told.starts_with("policy operation ("), "{told}");
    assert!(
        told.contains("\n  signatures: hold\n") && told.contains("(read as hex)"),
        "{told}"
    );
    let of_file = nobody.json(&["inspect", file.to_str().unwrap()]);
    assert_eq!(of_file["record"]["kind"], "policy operation");
    assert_eq!(of_file["read_as"], "raw bytes");
    assert_eq!(of_file, nobody.json_with(&["inspect", "-"], &raw));

    let ada = Device::up("Ada");
    let pack = ada.create_pack("Acme");
    let ticket = ada.share(&pack);
    let told = nobody.ok_with(&["inspect", "-"], ticket.as_bytes());
    assert!(
        told.starts_with("ticket (") && told.contains(&format!("pack: {pack}")),
        "{told}"
    );
    assert!(told.contains("secret: present, not shown"), "{told}");
    let message = ada.ok(&["share", &pack, "--yes"]);
    assert!(message.lines().count() > 3, "{message}");
    let told = nobody.ok_with(&["inspect", "-"], message.as_bytes());
    assert!(told.starts_with("ticket ("), "{told}");
    let (status, error) = nobody.fails(&["inspect", "/dev/zero"], b"");
    assert_eq!((status, &error["code"]), (2, &"request/too-large".into()));

    for (args, stdin, exit) in [
        (vec!["inspect", "zz"], &b""[..], 2),
        (vec!["inspect", "-"], b"", 2),
        (vec!["inspect", "-"], b"\xff\xfe\0\x1b[2J", 2),
        (vec!["inspect", &ticket[..60]], b"", 2),
        (vec!["inspect", "no/such/file"], b"", 3),
    ] {
        let (status, error) = nobody.fails(&args, stdin);
        assert_eq!(status, exit, "{args:?}: {error}");
        assert!(!error.to_string().contains(&ticket[20..50]), "{error}");
    }
}

/// Goal: of notes that were made more or less sensitive it is told who could read them until then,
/// and they are tried where they stand; what a dry run says is data.
#[test]
fn moved_notes_are_told_where_they_stand_and_stood() {
    let (ada, _ben, pack, [one, _, closed]) = shared();
    let dry = ada.ok(&["edit", &one, "--sensitivity", "confidential", "--dry-run"]);
    assert!(
        dry.starts_with("Nothing was changed. If you make it Confidential:"),
        "{dry}"
    );
    assert!(dry.contains("Ben can open it no longer."), "{dry}");
    ada.ok(&["edit", &one, "--sensitivity", "confidential", "--yes"]);
    ada.ok(&["edit", &closed, "--sensitivity", "internal", "--yes"]);

    let told = ada.ok(&["who", &one]);
    assert!(
        told.contains("could read it until it was raised: Ben: from Internal by you, "),
        "{told}"
    );
    let who = ada.json(&["who", &one]);
    let ben = &who["people"][1]["opens"][0];
    assert_eq!(
        (&ben["state"], &ben["raised"]["from"]),
        (&"before".into(), &"internal".into())
    );
    assert_eq!(ben["until"], ben["raised"]["at"]);

    let checked = ada.json(&["check", &pack, "--as", "Ben"]);
    assert_eq!(
        (&checked["notes"]["opens"], &checked["notes"]["no_key"]),
        (&2.into(), &1.into())
    );
    assert_eq!(
        (&checked["left"]["opens"], &checked["left"]["no_key"]),
        (&1.into(), &1.into())
    );
    assert_eq!(checked["records"]["not_here"], 0);
}
