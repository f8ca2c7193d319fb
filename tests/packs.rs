//! Packs as their owner has them: whose they are, put away, named; with real daemons.

use crate::support::{Device, eventually, run_in, text, up_after_kill};
use serde_json::{Value, json};
use std::process::Command;

fn listed(device: &Device, more: &[&str]) -> Vec<String> {
    let list = device.json(&[&["pack", "list"], more].concat());
    let packs = list["packs"].as_array().unwrap().iter();
    packs.map(|pack| text(&pack["title"])).collect()
}

fn found(device: &Device, more: &[&str]) -> Value {
    device.json(&[&["search", "refund"], more].concat())
}

/// What a command says to a person.
fn said(device: &Device, args: &[&str], input: &[u8]) -> String {
    let out = run_in(&device.home, args, input, &[]);
    let (out_text, err_text) = (
        String::from_utf8(out.stdout).unwrap(),
        String::from_utf8(out.stderr).unwrap(),
    );
    assert!(out.status.success(), "{args:?}: {err_text}");
    out_text + &err_text
}

/// Goal: whose a pack is and of what kind stands in the list of every member, and is what the rules say.
#[test]
fn every_member_sees_whose_a_pack_is() {
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
    let made = &ada.json(&create)["pack"];
    assert_eq!(made["client"], json!("Acme GmbH"), "{made}");
    let pack = text(&made["id"]);
    ada.create_pack("Plain");
    ben.json_with(&["join", "-"], ada.share(&pack).as_bytes());
    ben.ok(&["sync", "--wait"]);
    for device in [&ada, &ben] {
        let list = device.json(&["pack", "list"]);
        let of = list["packs"].as_array().unwrap().iter();
        let of = of.clone().find(|of| of["id"] == json!(pack)).unwrap();
        let shown = &device.json(&["pack", "show", &pack])["pack"];
        for of in [of, shown] {
            assert_eq!(
                (&of["client"], &of["kind"], &of["rules_unclear"]),
                (&json!("Acme GmbH"), &json!("case"), &Value::Null),
                "{of}"
            );
        }
        let row = device.ok(&["pack", "list"]);
        let row = row.lines().find(|row| row.starts_with(&pack)).unwrap();
        assert_eq!(
            row.split('\t').skip(7).take(2).collect::<Vec<_>>(),
            ["Acme GmbH", "case"]
        );
        let shown = device.ok(&["pack", "show", &pack]);
        assert!(shown.contains("client: Acme GmbH\nkind: case\n"), "{shown}");
    }
    let plain = &ada.json(&["pack", "show", "Plain"])["pack"];
    assert_eq!(
        (&plain["client"], &plain["kind"]),
        (&Value::Null, &Value::Null)
    );
    let set = [
        "policy", "set", &pack, "--client", "Globex", "--kind", "account", "--yes",
    ];
    ada.json(&set);
    ben.ok(&["sync", "--wait"]);
    // Asleep, or read anew after a restart: the same.
    ben.ok(&["down"]);
    ben.ok(&["up", "--detach", "--listen", "loopback"]);
    let shown = &ben.json(&["pack", "show", &pack])["pack"];
    assert_eq!(
        (&shown["client"], &shown["kind"]),
        (&json!("Globex"), &json!("account"))
    );
}

/// Goal: an archived pack is out of lists, searches and choices over all packs, says so where somebody
/// writes to it, goes on to sync, and is still archived after a kill.
#[test]
fn an_archived_pack_is_out_of_sight_syncs_and_stays_so_after_a_kill() {
    let (ada, ben) = (Device::up("Ada"), Device::up("Ben"));
    let (old, new) = (ada.create_pack("Old case"), ada.create_pack("New case"));
    ada.add(&old, "Refund", "about an old refund");
    ada.add(&new, "Refund", "about a new refund");
    ben.json_with(&["join", "-"], ada.share(&old).as_bytes());
    ben.ok(&["sync", "--wait"]);

    let done = ada.json(&["pack", "archive", "Old case"]);
    assert_eq!(
        (&done["changed"], &done["pack"]["archived"]),
        (&json!(true), &json!(true))
    );
    let again = ada.json(&["pack", "archive", "Old case"]);
    assert_eq!(again["changed"], json!(false));
    let check = |ada: &Device| {
        assert_eq!(listed(ada, &[]), ["New case"]);
        assert_eq!(listed(ada, &["--archived"]), ["Old case"]);
        assert_eq!(listed(ada, &["--all"]), ["Old case", "New case"]);
        assert_eq!(ada.json(&["pack", "list"])["archived"], json!(1));
        let all = found(ada, &[]);
        assert_eq!(
            (&all["total"], &all["archived_packs"]),
            (&json!(1), &json!(1)),
            "{all}"
        );
        let named = found(ada, &["--pack", "Old case"]);
        assert_eq!(
            named["results"][0]["pack"]["archived"],
            json!(true),
            "{named}"
        );
    };
    check(&ada);
    let pid = ada.json(&["daemon", "status"])["pid"].as_u64().unwrap();
    let kill = Command::new("kill").args(["-9", &pid.to_string()]).status();
    assert!(kill.unwrap().success());
    up_after_kill(&ada, pid);
    check(&ada);

    let nothing = said(&ada, &["search", "zzyzx"], b"");
    assert!(
        nothing.contains("1 archived pack was not looked in; --pack PACK"),
        "{nothing}"
    );
    for (args, packs) in [
        (&["select", "add", "--query", "refund"][..], 1),
        (&["select", "add", "--tag", "none"][..], 0),
        (
            &["select", "add", "--since", "2d", "--selection", "all"][..],
            1,
        ),
    ] {
        let selected = ada.json(args);
        assert_eq!(selected["added"], json!(packs), "{args:?}: {selected}");
    }
    let named = ada.json(&["select", "add", "--query", "refund", "--pack", "Old case"]);
    assert_eq!(named["added"], json!(1), "{named}");

    let add = ["add", "Old case", "--source", "call"];
    let told = said(&ada, &add, b"one more refund");
    assert!(
        told.contains("Old case (archived) · Internal · readable by you, Ben"),
        "{told}"
    );
    let written = ada.json_with(&add, b"and one more");
    assert_eq!(written["pack"]["archived"], json!(true));
    assert_eq!(
        listed(&ada, &[]),
        ["New case"],
        "a write leaves it where it is"
    );
    eventually("Ben has it", || ben.contents(&old).len() == 3);
    ben.add(&old, "From Ben", "a refund too");
    eventually("Ada has it", || ada.contents("Old case").len() == 4);
    assert_eq!(listed(&ben, &[]), ["Old case"], "nobody else learns of it");

    let undone = ada.json(&["pack", "archive", "Old case", "--undo"]);
    assert_eq!(
        (&undone["changed"], &undone["pack"]["archived"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(listed(&ada, &[]), ["Old case", "New case"]);
    assert_eq!(found(&ada, &[])["archived_packs"], json!(0));
    let (exit, error) = ada.fails(&["pack", "archive", "Nothing"], b"");
    assert_eq!((exit, &error["code"]), (3, &json!("not-found")));
}

/// Goal: what waits in an archived pack is told by status and by the bare command; one where nothing
/// waits is one line.
#[test]
fn status_is_honest_about_archived_packs() {
    let (ada, ben) = (Device::up("Ada"), Device::up("Ben"));
    let (old, _) = (ada.create_pack("Old case"), ada.create_pack("New case"));
    ben.json_with(&["join", "-"], ada.share(&old).as_bytes());
    ben.ok(&["sync", "--wait"]);
    ada.json(&["pack", "archive", &old]);
    ada.ok(&["sync", "--wait"]);
    let told = said(&ada, &["status"], b"");
    assert!(
        told.contains("1 archived pack, where nothing waits"),
        "{told}"
    );
    assert!(
        told.contains("New case") && !told.contains("Old case"),
        "{told}"
    );
    let overview = said(&ada, &[], b"");
    assert!(overview.contains("with 2 packs, 1 archived"), "{overview}");
    assert_eq!(ada.json(&[])["archived"], json!(1));

    // Something that waits: to be sent to somebody who is away.
    ben.offline();
    ada.add(&old, "News", "for Ben");
    let told = said(&ada, &["status"], b"");
    let line = format!("Old case ({}, archived)", &old[..10]);
    assert!(told.contains(&line) && told.contains("to send"), "{told}");
    let status = ada.json(&["status"]);
    let of = status["packs"].as_array().unwrap().iter();
    let archived: Vec<&Value> = of.map(|pack| &pack["archived"]).collect();
    assert_eq!(archived, [&json!(true), &json!(false)]);
    // A pack that is named is told of, archived or not.
    assert!(said(&ada, &["sync", "Old case"], b"").contains(&line));
}

/// Goal: a person's own name for a pack changes for them alone, stays after a restart, and means one
/// pack; nobody else sees it.
#[test]
fn a_pack_is_renamed_for_oneself() {
    let (ada, ben) = (Device::up("Ada"), Device::up("Ben"));
    let pack = ada.create_pack("Acme");
    ben.json_with(&["join", "-", "--as", "work"], ada.share(&pack).as_bytes());
    ben.ok(&["sync", "--wait"]);
    let mine = ben.create_pack("Mine");
    let done = ben.json(&["pack", "rename", "work", "Acme at work"]);
    assert_eq!(
        (&done["before"], &done["pack"]["name"], &done["changed"]),
        (&json!("work"), &json!("Acme at work"), &json!(true))
    );
    ben.add("Acme at work", "Hello", "from Ben");
    assert_eq!(ben.fails(&["list", "work"], b"").0, 3);
    ben.ok(&["down"]);
    ben.ok(&["up", "--detach", "--listen", "loopback"]);
    let shown = &ben.json(&["pack", "show", "Acme at work"])["pack"];
    assert_eq!(
        (&shown["name"], &shown["title"]),
        (&json!("Acme at work"), &json!("Acme"))
    );

    for (of, name) in [
        ("Mine", "Acme at work"),
        ("Acme at work", "Mine"),
        ("Mine", &pack[..12]),
    ] {
        let (exit, error) = ben.fails(&["pack", "rename", of, name], b"");
        assert_eq!((exit, &error["code"]), (7, &json!("conflict")), "{error}");
        assert!(text(&error["hint"]).contains("another name"), "{error}");
    }
    let told = said(&ben, &["pack", "rename", &mine, "\u{202e}me"], b"");
    assert!(
        told.contains("\\u{202e}me") && !told.contains('\u{202e}'),
        "{told}"
    );
    let (exit, error) = ben.fails(&["pack", "rename", "Mine", "a\u{1b}b"], b"");
    assert_eq!((exit, &error["code"]), (2, &json!("bad-input")), "{error}");
    let cleared = ben.json(&["pack", "rename", &pack, "--clear"]);
    assert_eq!(cleared["pack"]["name"], Value::Null);
    assert_eq!(
        ben.fails(&["list", "Acme"], b"").0,
        3,
        "a title of somebody else is no name"
    );
    let of_ada = &ada.json(&["pack", "show", "Acme"])["pack"];
    assert_eq!(
        (&of_ada["name"], &of_ada["title"]),
        (&Value::Null, &json!("Acme"))
    );
}

/// Goal: whoever made a pack changes its title for everybody in it, after a look at who sees that; nobody
/// else does.
#[test]
fn a_pack_has_another_title_for_everybody() {
    let (ada, ben) = (Device::up("Ada"), Device::up("Ben"));
    let pack = ada.create_pack("Acme");
    ben.json_with(&["join", "-"], ada.share(&pack).as_bytes());
    ben.ok(&["sync", "--wait"]);
    let rename = ["pack", "rename", "Acme", "--title", "Acme AG"];
    let planned = ada.json(&[&rename[..], &["--dry-run"]].concat());
    assert_eq!(
        (
            &planned["changed"],
            &planned["dry_run"],
            &planned["sensitivity"]
        ),
        (&json!(true), &json!(true), &json!("internal"))
    );
    assert_eq!(
        planned["audience"].as_array().unwrap().len(),
        2,
        "{planned}"
    );
    let (exit, error) = ada.fails(&rename, b"");
    assert_eq!((exit, &error["code"]), (2, &json!("confirmation-required")));
    assert_eq!(listed(&ada, &[]), ["Acme"]);
    let done = ada.json(&[&rename[..], &["--yes"]].concat());
    assert_eq!(
        (&done["changed"], &done["dry_run"]),
        (&json!(true), &json!(false))
    );
    ben.ok(&["sync", "--wait"]);
    for device in [&ada, &ben] {
        assert_eq!(listed(device, &[]), ["Acme AG"]);
    }
    ada.add("Acme AG", "by its new title", "text");
    let (exit, error) = ben.fails(&["pack", "rename", &pack, "--title", "Ben's", "--yes"], b"");
    assert_eq!((exit, &error["code"]), (4, &json!("denied")), "{error}");
    assert!(
        text(&error["hint"]).contains("pack rename PACK NAME"),
        "{error}"
    );
}
