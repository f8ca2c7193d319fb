//! Who is in a pack, changed by real daemons: removed, told so, let in again; and what nobody should
//! type there.

use crate::support::{Device, eventually, text};
use serde_json::Value;

/// Ada's pack, with Ben and Cleo in it, all three online.
fn three() -> (Device, Device, Device, String) {
    let (ada, ben, cleo) = (Device::up("Ada"), Device::up("Ben"), Device::up("Cleo"));
    let pack = ada.create_pack("Acme");
    for other in [&ben, &cleo] {
        other.json_with(&["join", "-"], ada.share(&pack).as_bytes());
        other.ok(&["sync", &pack, "--wait"]);
    }
    for device in [&ada, &ben, &cleo] {
        eventually("everybody knows everybody", || {
            let members = device.json(&["members", &pack]).to_string();
            ["Ada", "Ben", "Cleo"]
                .iter()
                .all(|name| members.contains(&format!("\"name\":\"{name}\"")))
        });
    }
    (ada, ben, cleo, pack)
}

fn member(device: &Device, pack: &str, name: &str) -> Option<Value> {
    let members = device.json(&["members", pack]);
    let mut all = members["members"].as_array().unwrap().iter();
    all.find(|member| member["name"] == name).cloned()
}

/// Goal: step 11 of the story. The preview is shown first and changes nothing; then Ben is out, keeps
/// what he had, gets nothing new, and is told so in one sentence; a role lets him in again.
#[test]
fn somebody_is_removed_is_told_so_and_comes_back() {
    let (ada, ben, cleo, pack) = three();
    ada.add(&pack, "before", "he keeps this");
    ben.ok(&["sync", &pack, "--wait"]);
    eventually("Ben has the note", || ben.contents(&pack).len() == 1);
    let seen = |device: &Device| {
        (
            device.json(&["members", &pack]),
            device.json(&["list", &pack]),
        )
    };
    let before = seen(&ada);

    let shown = ada.json(&["unshare", &pack, "Ben", "--dry-run"]);
    assert_eq!(
        (&shown["changes"], &shown["dry_run"]),
        (&true.into(), &true.into())
    );
    assert_eq!(shown["people"].as_array().unwrap().len(), 1);
    assert_eq!(shown["people"][0]["person"]["name"], "Ben");
    assert_eq!(shown["people"][0]["before"]["role"], "editor");
    assert!(shown["people"][0]["after"]["role"].is_null());
    assert_eq!(shown["people"][0]["keeps"][0]["notes"], 1);
    let words = ada.ok(&["unshare", &pack, "Ben", "--dry-run"]);
    assert!(
        words.contains("Ben is out. They keep copies of 1 Internal note and nothing new."),
        "{words}"
    );
    assert_eq!(seen(&ada), before, "a dry run changes nothing");

    let done = ada.ok(&["unshare", &pack, "Ben", "--yes"]);
    assert!(
        done.contains("Ben is out of Acme: keeps what they had; nothing new."),
        "{done}"
    );
    assert!(member(&ada, &pack, "Ben").is_none());
    let again = ada.json(&["unshare", &pack, "Ben", "--yes"]);
    assert_eq!(again["changes"], false);
    eventually("Ben hears of it", || member(&ben, &pack, "Ben").is_none());
    eventually("Cleo hears of it", || member(&cleo, &pack, "Ben").is_none());
    cleo.add(&pack, "after", "he never sees this");
    ada.ok(&["sync", &pack, "--wait"]);
    eventually("Ada has it", || ada.contents(&pack).len() == 2);

    let out = ben.run(&["list", &pack], b"");
    assert!(out.status.success());
    let told = String::from_utf8(out.stderr).unwrap();
    let sentence = "Ada removed you from this pack on ";
    for told in [&told, &ben.ok(&["status"])] {
        assert!(
            told.contains(sentence)
                && told.contains("you keep what you had; nothing new reaches you"),
            "{told}"
        );
    }
    assert_eq!(
        ben.contents(&pack),
        [("before".to_owned(), "he keeps this".to_owned())]
    );
    assert_eq!(
        ben.json(&["status"])["packs"][0]["ended"]["what"],
        "removed"
    );
    let (code, error) = ben.fails(&["add", &pack, "--source", "x", "--title", "y"], b"z");
    assert_eq!(
        (code, error["code"].as_str()),
        (4, Some("denied")),
        "{error}"
    );
    assert!(text(&error["message"]).starts_with(sentence), "{error}");
    assert!(error["hint"].is_string());
    for args in [
        vec!["share", &pack, "--yes"],
        vec!["unshare", &pack, "Cleo", "--yes"],
        vec!["unshare", &pack, "me", "--yes"],
        vec!["role", &pack, "Ben", "admin", "--yes"],
    ] {
        assert_eq!(ben.fails(&args, b"").0, 4, "{args:?}");
    }

    ben.ok(&["down"]);
    ben.ok(&["up", "--detach"]);
    let back = ada.ok(&["role", &pack, "Ben", "reader", "--yes"]);
    assert_eq!(back.trim(), "Ben is a reader of Acme now, up to Internal.");
    eventually(
        "Ben is in again and reads what was written meanwhile",
        || ben.contents(&pack).len() == 2,
    );
    assert!(ben.json(&["status"])["packs"][0]["ended"].is_null());
    assert_eq!(
        ben.fails(&["add", &pack, "--source", "x", "--title", "y"], b"z")
            .0,
        4
    );
    let raised = ada.json(&["role", &pack, "Ben", "editor", "--yes"]);
    assert_eq!(raised["cuts_off"], false);
    eventually("he may write", || {
        ben.run(&["add", &pack, "--source", "x", "--title", "y"], b"z")
            .status
            .success()
    });
}

/// Goal: whoever leaves says so themselves; the pack goes on without them.
#[test]
fn somebody_leaves() {
    let (ada, ben, cleo, pack) = three();
    ben.add(&pack, "his", "stays");
    ben.ok(&["sync", &pack, "--wait"]);
    let shown = ben.ok(&["unshare", &pack, "me", "--dry-run"]);
    assert!(
        shown.contains("You are out. You keep copies of 1 Internal note"),
        "{shown}"
    );
    let done = ben.ok(&["unshare", &pack, "me", "--yes"]);
    assert!(
        done.contains("You left Acme") || done.contains("You left pack"),
        "{done}"
    );
    for device in [&ada, &cleo] {
        eventually("they hear of it", || member(device, &pack, "Ben").is_none());
        assert_eq!(device.contents(&pack).len(), 1);
    }
    let status = ben.ok(&["status"]);
    assert!(status.contains("You left this pack on"), "{status}");
}

/// Goal: what nobody should type is refused with its own exit code and a hint, and changes nothing.
#[test]
fn bad_input_about_members_changes_nothing() {
    let (ada, ben, cleo, pack) = three();
    let ben_too = Device::up("Ben");
    ben_too.json_with(&["join", "-"], ada.share(&pack).as_bytes());
    eventually("there are two of that name", || {
        ada.json(&["members", &pack])
            .to_string()
            .matches("\"name\":\"Ben\"")
            .count()
            == 2
    });
    let person = text(&member(&ada, &pack, "Cleo").unwrap()["person"]);
    let long = "a".repeat(5_000);
    let before = ada.json(&["members", &pack]);
    let cases: Vec<(Vec<&str>, i32, &str)> = vec![
        (vec!["unshare", &pack, "Nobody", "--yes"], 3, "not-found"),
        (vec!["unshare", &pack, "", "--yes"], 3, "not-found"),
        (vec!["unshare", &pack, &long, "--yes"], 3, "not-found"),
        (
            vec!["unshare", &pack, "\u{1b}[2J\n", "--yes"],
            3,
            "not-found",
        ),
        (
            vec!["unshare", &pack, "$(rm -rf ~)", "--yes"],
            3,
            "not-found",
        ),
        (vec!["unshare", &pack, "Ben", "--yes"], 2, "ambiguous"),
        (
            vec!["role", &pack, "Ben", "reader", "--yes"],
            2,
            "ambiguous",
        ),
        (vec!["unshare", "nosuch", "Cleo", "--yes"], 3, "not-found"),
        (vec!["unshare", &pack, "Cleo"], 2, "confirmation-required"),
        (
            vec!["role", &pack, &person, "reader"],
            2,
            "confirmation-required",
        ),
        (vec!["role", &pack, "Cleo", "boss", "--yes"], 2, "usage"),
        (vec!["role", &pack, "Cleo", "courier", "--yes"], 2, "usage"),
        (vec!["role", &pack, "Cleo", "", "--yes"], 2, "usage"),
        (vec!["role", &pack, "Cleo"], 2, "usage"),
        (
            vec![
                "role",
                &pack,
                "Cleo",
                "admin",
                "--clearance",
                "internal",
                "--yes",
            ],
            2,
            "bad-input",
        ),
        (
            vec!["unshare", &pack, "me", "--hostile", "--yes"],
            2,
            "bad-input",
        ),
        (vec!["unshare", &pack, "me", "--yes"], 4, "denied"),
        (vec!["unshare", &pack, "Ada", "--dry-run"], 4, "denied"),
        (vec!["role", &pack, "me", "editor", "--yes"], 4, "denied"),
    ];
    for (args, exit, code) in cases {
        let (status, error) = ada.fails(&args, b"");
        let shown: Vec<String> = args.iter().map(|a| a.chars().take(20).collect()).collect();
        assert_eq!(
            (status, error["code"].as_str()),
            (exit, Some(code)),
            "{shown:?}: {error}"
        );
        assert!(error["hint"].is_string(), "{shown:?}: {error}");
    }
    let only_admins = [
        vec!["unshare", &pack, "Ada", "--yes"],
        vec!["unshare", &pack, "Ben", "--yes"],
        vec!["role", &pack, "me", "admin", "--yes"],
        vec![
            "role",
            &pack,
            "me",
            "editor",
            "--clearance",
            "restricted",
            "--yes",
        ],
        vec!["role", &pack, "Ada", "reader", "--dry-run"],
    ];
    for args in only_admins {
        let (status, error) = cleo.fails(&args, b"");
        assert!([2, 4].contains(&status), "{args:?}: {error}");
        assert_eq!(status == 2, args[2] == "Ben", "{args:?}: {error}");
    }
    for args in [
        vec!["unshare", &pack, &person, "--dry-run"],
        vec!["unshare", &pack, &person, "--hostile", "--dry-run"],
        vec!["role", &pack, &person, "admin", "--dry-run"],
        vec![
            "role",
            &pack,
            &person,
            "reader",
            "--clearance",
            "public",
            "--dry-run",
        ],
    ] {
        assert_eq!(ada.json(&args)["changes"], true, "{args:?}");
    }
    assert_eq!(ada.json(&["members", &pack]), before);
    let made = ada.json(&["role", &pack, &person[..12], "admin", "--yes"]);
    assert_eq!(made["people"][0]["after"]["clearance"], "restricted");
    let lowered = ada.json(&["role", &pack, "Cleo", "commenter", "--yes"]);
    assert_eq!(lowered["people"][0]["after"]["clearance"], "internal");
    drop(ben);
}

/// Goal: somebody who asks for more than they may write is told up to where they may.
#[test]
fn who_adds_above_their_clearance_is_told_up_to_where_they_may() {
    let (ada, ben) = (Device::up("Ada"), Device::up("Ben"));
    let pack = ada.create_pack("Acme");
    let given = ["--role", "editor", "--clearance", "public", "--yes"];
    let share = [&["share", &pack], &given[..]].concat();
    let ticket = text(&ada.json(&share)["ticket"]);
    ben.json_with(&["join", "-"], ticket.as_bytes());
    let (exit, error) = ben.fails(&["add", &pack, "--source", "test", "--title", "One"], b"");
    assert_eq!((exit, &error["code"]), (4, &"denied".into()), "{error}");
    assert!(
        text(&error["hint"]).contains("--sensitivity public"),
        "{error}"
    );
    let public = ["add", &pack, "--source", "test", "--title", "One"];
    ben.json(&[&public[..], &["--sensitivity", "public"]].concat());
}
