//! Ids and a retention that a pack's rules name, with the real program and real daemons.

use crate::support::{Device, find, text};
use serde_json::{Value, json};
use std::fs;

const VALUES: [&str; 2] = ["CUST-AB12", "G-77-x"];
const BODY: &str = "Refund CUST-AB12 please.\nLoyalty ID: G-77-x";

fn add(device: &Device, pack: &str, body: &[u8]) -> Value {
    let add = ["add", pack, "--source", "call", "--title", "Refund"];
    device.json_with(&add, body)
}

/// A pack with ids of its own.
fn naming(device: &Device, title: &str) -> String {
    let pack = device.create_pack(title);
    device.ok(&[
        "policy",
        "set",
        &pack,
        "--id",
        "cust-@@##,payment_card=VOUCHER-*",
        "--id-field",
        "loyalty_id",
        "--yes",
    ]);
    pack
}

/// The note is held, and its copy has no value.
fn assert_held(device: &Device, added: &Value, body: &str) {
    assert_eq!(added["note"]["sensitivity"], "restricted", "{added}");
    assert!(added["masked"].is_object(), "{added}");
    let copy = text(&added["masked"]["note"]["id"]);
    let copy = &device.json(&["show", &copy])["note"];
    assert_eq!(copy["sensitivity"], "internal", "{copy}");
    let masked = VALUES.iter().fold(body.to_owned(), |body, value| {
        body.replace(value, "[other]")
    });
    assert_eq!(copy["body"], masked);
    let original = device.json(&["show", &text(&added["note"]["id"])]);
    assert_eq!(original["note"]["pii"], json!(["other"]));
    assert_eq!(original["note"]["body"], body);
}

/// Goal: what one pack names is personal data there, for every way in, on each device that heard of it;
/// and in no other pack.
#[test]
fn ids_that_a_pack_names_are_held_there_on_every_device_and_nowhere_else() {
    let (ada, ben) = (Device::up("Ada"), Device::up("Ben"));
    let other = ada.create_pack("Other");
    let pack = naming(&ada, "Acme");
    let shown = ada.ok(&["policy", "show", &pack]);
    assert!(
        shown.contains("ids: CUST-@@##, VOUCHER-* (payment card)")
            && shown.contains("fields of ids: loyalty_id"),
        "{shown}"
    );
    assert_held(&ada, &add(&ada, &pack, BODY.as_bytes()), BODY);
    let free = add(&ada, &other, BODY.as_bytes());
    assert_eq!(
        (&free["note"]["sensitivity"], &free["masked"]),
        (&json!("internal"), &Value::Null),
        "{free}"
    );
    // An import.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("talk.json");
    let talk = r#"[{"role": "user", "content": "voucher-9x for CUST-AB12"}]"#;
    fs::write(&path, talk).unwrap();
    let path = path.display().to_string();
    let import = |pack: &str| ada.json(&["import", "messages", &path, "--pack", pack]);
    assert_eq!(
        (&import(&pack)["masked"], &import(&other)["masked"]),
        (&json!(1), &json!(0))
    );
    // An edit says what is in it, and stays.
    let plain = ada.add(&pack, "plain", "nothing");
    ada.json_with(&["edit", &plain, "--file", "-"], b"now CUST-ZZ99");
    let edited = ada.json(&["show", &plain]);
    assert_eq!(edited["note"]["pii"], json!(["other"]), "{edited}");
    // The other device, after a sync, offline.
    let ticket = ada.share(&pack);
    ben.json_with(&["join", "-"], ticket.as_bytes());
    ben.ok(&["sync", "--wait"]);
    ada.ok(&[
        "role",
        &pack,
        "Ben",
        "editor",
        "--clearance",
        "restricted",
        "--yes",
    ]);
    ben.ok(&["sync", "--wait"]);
    ben.offline();
    let rules = |device: &Device| device.json(&["policy", "show", &pack])["rules"].clone();
    assert_eq!(rules(&ada), rules(&ben));
    assert_eq!(
        rules(&ben)["ids"],
        json!([
            {"form": "CUST-@@##", "kind": "other"},
            {"form": "VOUCHER-*", "kind": "payment_card"}
        ])
    );
    let of_ben = "CUST-AB12 called again.\nloyalty-id: G-77-x";
    assert_held(&ben, &add(&ben, &pack, of_ben.as_bytes()), of_ben);
    // Taken back, it holds for what is added from then on.
    ada.ok(&[
        "policy",
        "set",
        &pack,
        "--id",
        "none",
        "--id-field",
        "none",
        "--yes",
    ]);
    assert_eq!(rules(&ada)["ids"], json!([]));
    let again = add(&ada, &pack, b"CUST-QQ11");
    assert_eq!(again["note"]["sensitivity"], "internal", "{again}");
}

/// Goal: what the pack names does not leave with --redact-pii, also of notes that were there before it was
/// named; in another pack the same text leaves.
#[test]
fn ids_that_a_pack_names_do_not_leave_redacted() {
    let ada = Device::up("Ada");
    let (early, free) = (ada.create_pack("Call CUST-AB12"), ada.create_pack("Free"));
    for pack in [&early, &free] {
        let added = add(&ada, pack, BODY.as_bytes());
        assert_eq!(added["note"]["sensitivity"], "internal", "{added}");
    }
    let name = [
        "policy",
        "set",
        &early,
        "--id",
        "CUST-@@##",
        "--id-field",
        "loyalty id",
    ];
    ada.ok(&[&name[..], &["--yes"]].concat());
    for format in ["md", "xml", "json", "jsonl", "text"] {
        let export = |pack: &str| {
            let args = ["export", pack, "--redact-pii", "--format", format];
            let output = ada.run(&args, b"");
            assert!(output.status.success(), "{output:?}");
            output.stdout
        };
        let (own, other) = (export(&early), export(&free));
        for value in VALUES {
            assert!(
                find(&own, value.as_bytes()).is_none(),
                "{value} in {format}"
            );
            assert!(find(&other, value.as_bytes()).is_some(), "{format}");
        }
    }
    let exported = ada.json(&["export", &early, "--redact-pii"]);
    assert_eq!(exported["withheld"]["masked"]["other"], 2, "{exported}");
}

/// Goal: a form that is none, or would find everything, is refused with what is wrong; a dry run and a no
/// change nothing.
#[test]
fn forms_that_are_none_are_refused_and_a_dry_run_names_nothing() {
    let ada = Device::up("Ada");
    let pack = ada.create_pack("Acme");
    let set = |more: &[&str]| {
        let args = [&["policy", "set", pack.as_str()][..], more].concat();
        ada.fails(&args, b"")
    };
    let long = "A".repeat(40) + "#";
    let many: Vec<String> = (0..33).map(|n| format!("AB{n:02}-#")).collect();
    let many = many.join(",");
    for (given, told) in [
        (["--id", "(a+)+$ ##"], "a form of ids is of #"),
        (["--id", "CUST-[0-9]{4}"], "a form of ids is of #"),
        (["--id", "*"], "needs two letters or digits"),
        (["--id", "####"], "needs five"),
        (["--id", "@@@@@@"], "an id has a digit"),
        (["--id", ".CUST-##"], "begins and ends"),
        (["--id", long.as_str()], "32 characters"),
        (["--id", many.as_str()], "at most 32"),
        (["--id", "colour=CUST-##"], "kind of personal data"),
        (["--id-field", "a:b"], "a field's name"),
        (["--id-field", "\u{202e}ab"], "a field's name"),
    ] {
        let (exit, error) = set(&[given[0], given[1], "--yes"]);
        assert_eq!((exit, &error["code"]), (2, &json!("bad-input")), "{error}");
        assert!(text(&error["message"]).contains(told), "{error}");
    }
    for days in ["0", "-1", "36501", "soon"] {
        let (exit, error) = set(&["--retention", days, "--yes"]);
        assert_eq!(exit, 2, "{error}");
    }
    let plan = ada.json(&["policy", "set", &pack, "--id", "CUST-##", "--dry-run"]);
    assert_eq!(
        (&plan["changes"], &plan["after"]["ids"]),
        (&json!(true), &json!([{"form": "CUST-##", "kind": "other"}]))
    );
    let added = add(&ada, &pack, b"CUST-12");
    assert_eq!(added["note"]["sensitivity"], "internal", "nothing was set");
}

/// Goal: what the pack's rules say about how long notes are kept is used on each device that heard of it,
/// the lesser of that and of what is asked for counts, and a prune needs no number.
#[test]
fn a_retention_that_the_pack_states_is_what_hygiene_goes_by() {
    let (ada, ben) = (Device::up("Ada"), Device::up("Ben"));
    let (pack, other) = (ada.create_pack("Acme"), ada.create_pack("Other"));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notes.jsonl");
    let lines = [("old", "2020"), ("older", "1990")].map(|(title, year)| {
        let at = format!("{year}-02-03T10:00:00Z");
        let source = json!({"kind": "crm", "label": "old CRM", "captured_at": at});
        json!({"title": title, "body": format!("about {title}"), "source": source}).to_string()
    });
    fs::write(&path, lines.join("\n")).unwrap();
    let path = path.display().to_string();
    let of = |found: &Value| found["kinds"]["over_retained"]["total"].clone();
    for pack in [&pack, &other] {
        let report = ada.json(&["import", "jsonl", &path, "--pack", pack]);
        assert_eq!(report["added"], 2, "{report}");
        let found = ada.json(&["hygiene", "report", pack]);
        assert_eq!(
            (of(&found), &found["retention_days"]),
            (json!(0), &json!({}))
        );
    }
    ada.ok(&["policy", "set", &pack, "--retention", "10000", "--yes"]);
    let shown = ada.ok(&["policy", "show", &pack]);
    assert!(shown.contains("kept: for 10000 days"), "{shown}");
    let ticket = ada.share(&pack);
    ben.json_with(&["join", "-"], ticket.as_bytes());
    ben.ok(&["sync", "--wait"]);
    for device in [&ada, &ben] {
        let look = |more: &[&str]| {
            of(&device.json(&[&["hygiene", "report", pack.as_str()][..], more].concat()))
        };
        assert_eq!(look(&[]), 1);
        assert_eq!(look(&["--retention", "365"]), 2, "the lesser counts");
        assert_eq!(look(&["--retention", "36500"]), 1, "the lesser counts");
    }
    let all = ada.json(&["hygiene", "report"]);
    assert_eq!(of(&all), 1, "of the pack that says so");
    assert_eq!(all["retention_days"], json!({pack.clone(): 10_000}));
    let told = ada.ok(&["hygiene", "report", &pack]);
    assert!(
        told.contains("more than 10000 days ago, as the pack's rules say: 1"),
        "{told}"
    );
    let done = ada.json(&["hygiene", "prune", &pack, "--yes"]);
    assert_eq!(
        (&done["done"], &done["notes"][0]["title"]),
        (&json!(1), &json!("older"))
    );
    assert_eq!(
        ada.json(&["hygiene", "prune", &other, "--yes"])["planned"],
        0
    );
    ada.ok(&["undo", &pack]);
    ada.ok(&["policy", "set", &pack, "--retention", "none", "--yes"]);
    assert_eq!(of(&ada.json(&["hygiene", "report", &pack])), 0);
}
