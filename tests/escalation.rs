//! Escalation rules and teams, with the real program and real daemons; the replay of real conversations.

use crate::support::{Device, text};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

const RULES: &str = r#"
reason_codes = ["warranty_claim"]

[[rule]]
id = "billing-to-human"
when.any = [{ tag = "contract" }, { text = "chargeback*" }]
do = "handoff"
to = "team:billing"
reason_code = "warranty_claim"
accept_within = "PT4H"

[[rule]]
id = "big-amounts"
when.amount_gte = { field = "amount", value = 500 }
do = "ask_approval"
to = "person:Ada"

[guard]
max_open_per_context = 1
"#;

/// A pack of Ada's that Ben is a reader of.
fn shared() -> (Device, Device, String) {
    let (ada, ben) = (Device::up("Ada"), Device::up("Ben"));
    let pack = ada.create_pack("Case 7");
    let ticket = ada.share(&pack);
    ben.json_with(&["join", "-"], ticket.as_bytes());
    ben.ok(&["sync", "--wait"]);
    (ada, ben, pack)
}

fn set(device: &Device, pack: &str, rules: &str, more: &[&str]) -> Value {
    let args = ["rules", "set", "--pack", pack, "--file", "-"];
    device.json_with(&[&args[..], more].concat(), rules.as_bytes())
}

fn ids(listed: &Value) -> Vec<String> {
    let rules = listed["rules"].as_array().unwrap();
    rules.iter().map(|rule| text(&rule["id"])).collect()
}

/// Goal: an admin sets teams and rules, a member's device has them after a sync, and whoever was removed
/// is left out of the team and shown as such.
#[test]
fn rules_and_teams_are_set_by_an_admin_and_are_the_same_on_every_device() {
    let (ada, ben, pack) = shared();
    let (code, error) = ada.fails(
        &["rules", "set", "--pack", &pack, "--file", "-", "--yes"],
        RULES.as_bytes(),
    );
    assert_eq!(code, 2, "{error}");
    assert!(error.to_string().contains("team:billing"), "{error}");
    let team = ["team", "create", "billing", "Ben", "--pack", &pack];
    let dry = ada.json(&[&team[..], &["--dry-run"]].concat());
    assert_eq!(
        (&dry["dry_run"], &dry["changes"]),
        (&json!(true), &json!(true))
    );
    let none = ada.json(&["team", "list", "--pack", &pack]);
    assert_eq!(none["teams"], json!([]));
    let made = ada.json(&[&team[..], &["--yes"]].concat());
    assert_eq!(made["team"]["members"][0]["name"], "Ben");
    let dry = set(&ada, &pack, RULES, &["--dry-run"]);
    assert_eq!(dry["added"], json!(["big-amounts", "billing-to-human"]));
    assert_eq!(ids(&ada.json(&["rules", "list", "--pack", &pack])).len(), 0);
    let done = set(&ada, &pack, RULES, &["--yes"]);
    assert_eq!(done["changes"], true);
    let again = set(&ada, &pack, RULES, &["--yes"]);
    assert_eq!(again["changes"], false, "the same file");
    let listed = ada.json(&["rules", "list", "--pack", &pack]);
    assert_eq!(
        ids(&listed),
        ["billing-to-human", "big-amounts"],
        "in their order"
    );
    assert_eq!(listed["guard"]["max_open_per_context"], 1);
    let me = text(&ada.json(&["members", &pack])["members"][0]["person"]);
    assert_eq!(listed["rules"][1]["to"], format!("person:{me}"));
    // The file that it gives back is the file that it takes.
    let back = set(&ada, &pack, listed["toml"].as_str().unwrap(), &["--yes"]);
    assert_eq!(back["changes"], false);
    ben.ok(&["sync", "--wait"]);
    let there = ben.json(&["rules", "list", "--pack", &pack]);
    assert_eq!(there["rules"], listed["rules"]);
    assert_eq!(there["teams"][0]["name"], "billing");
    // Who is no admin sets nothing.
    for args in [
        &["rules", "set", "--pack", &pack, "--file", "-", "--yes"][..],
        &["team", "remove", "billing", "Ben", "--pack", &pack, "--yes"],
    ] {
        assert_eq!(ben.fails(args, b"").0, 4, "{args:?}");
    }
    // A team that a rule is for stays; a person goes.
    let gone = ["team", "remove", "billing", "--pack", &pack, "--yes"];
    assert_eq!(ada.fails(&gone, b"").0, 2);
    let told = ada.ok(&["rules", "list", "--pack", &pack]);
    assert!(told.contains("billing-to-human"), "{told}");
    ada.json(&["unshare", &pack, "Ben", "--yes"]);
    let listed = ada.json(&["team", "list", "--pack", &pack]);
    assert_eq!(listed["teams"][0]["members"], json!([]));
    assert_eq!(listed["teams"][0]["ignored"].as_array().unwrap().len(), 1);
    let no_member = ["team", "add", "billing", "Ben", "--pack", &pack, "--yes"];
    assert_eq!(ada.fails(&no_member, b"").0, 2, "not a member any more");
    // Other rules keep what is said here, and `policy show` names it.
    ada.ok(&["policy", "set", &pack, "--retention", "90", "--yes"]);
    let policy = ada.json(&["policy", "show", &pack]);
    assert_eq!(
        policy["rules"]["escalation"],
        json!(["billing-to-human", "big-amounts"])
    );
    let empty = set(&ada, &pack, "", &["--yes"]);
    assert_eq!(empty["removed"], json!(["big-amounts", "billing-to-human"]));
    ada.json(&gone);
    assert_eq!(
        ada.json(&["team", "list", "--pack", &pack])["teams"],
        json!([])
    );
}

/// Goal: two admins who set rules apart from each other: both are asked, until one settles it.
#[test]
fn rules_that_two_admins_set_apart_stand_beside_each_other() {
    let (ada, ben, pack) = shared();
    ada.json(&["role", &pack, "Ben", "admin", "--yes"]);
    ben.ok(&["sync", "--wait"]);
    ada.offline();
    ben.offline();
    let rule =
        |action: &str| format!("[[rule]]\nid = \"one\"\nwhen.tag = \"x\"\ndo = \"{action}\"\n");
    set(&ada, &pack, &rule("handoff"), &["--yes"]);
    set(&ben, &pack, &rule("block"), &["--yes"]);
    ada.json(&["team", "create", "a", "Ada", "--pack", &pack, "--yes"]);
    ben.json(&["team", "create", "a", "Ben", "--pack", &pack, "--yes"]);
    ada.online();
    ben.online();
    ada.ok(&["sync", "--wait"]);
    ben.ok(&["sync", "--wait"]);
    for device in [&ada, &ben] {
        let listed = device.json(&["rules", "list", "--pack", &pack]);
        assert_eq!(ids(&listed), ["one", "one"]);
        assert_eq!(listed["several_of"], json!(["one"]));
        let team = &listed["teams"][0]["members"];
        assert_eq!(team.as_array().unwrap().len(), 2, "{team}");
    }
    let cases = b"expected,tags\nblock,x\n";
    let test = ["rules", "test", "--pack", &pack, "--file", "-"];
    assert_eq!(ada.fails(&test, cases).0, 7);
    let retention = ["policy", "set", &pack, "--retention", "9", "--yes"];
    assert_eq!(ada.fails(&retention, b"").0, 2, "says to settle it first");
    set(&ada, &pack, &rule("block"), &["--yes"]);
    assert_eq!(ada.json_with(&test, cases)["agree"], 1);
}

/// Goal: what the page about real conversations says is what the rules decide; no daemon is asked.
#[test]
fn the_replay_of_real_conversations_is_as_the_page_says() {
    let device = Device::empty();
    let (rules, cases) = (
        repository("examples/rules/airline.toml"),
        repository("tests/fixtures/airline/escalation-cases.csv"),
    );
    let (rules, cases) = (rules.to_str().unwrap(), cases.to_str().unwrap());
    let args = ["rules", "test", "--rules", rules, "--file", cases];
    let played = device.json(&args);
    assert_eq!(
        (&played["cases"], &played["agree"]),
        (&json!(100), &json!(81))
    );
    let page = include_str!("../docs/escalation.md");
    for expected in ["agent_resolves", "handoff"] {
        let row = &played["matrix"][expected];
        let line = format!(
            "| {expected} ({}) | {} | {} | {} |",
            played["actions"][expected]["expected"],
            row["agent_resolves"],
            row["handoff"],
            row["ask_approval"]
        );
        assert!(page.contains(&line), "{line}");
    }
    let handoff = &played["actions"]["handoff"];
    let percent = |share: &Value| format!("{:.1} %", share.as_f64().unwrap() * 100.0);
    let line = format!(
        "precision {}, recall {}",
        percent(&handoff["precision"]),
        percent(&handoff["recall"])
    );
    assert!(page.contains(&line), "{line}");
    let told = device.ok(&args);
    assert!(
        told.contains("expected \\ decided") && told.contains("recall"),
        "{told}"
    );
}

#[test]
fn a_file_that_is_wrong_names_what_is_wrong_in_it() {
    let device = Device::empty();
    let cases = repository("tests/fixtures/airline/escalation-cases.csv");
    let cases = cases.to_str().unwrap();
    let broken = RULES.replace("when.any", "when.anyone");
    let rules = ["rules", "test", "--file", cases, "--rules", "-"];
    let (code, error) = device.fails(&rules, broken.as_bytes());
    let message = text(&error["message"]);
    assert_eq!(code, 2);
    assert!(
        message.contains("rule \"billing-to-human\": when.anyone"),
        "{message}"
    );
    let rules = repository("examples/rules/airline.toml");
    let args = [
        "rules",
        "test",
        "--rules",
        rules.to_str().unwrap(),
        "--file",
        "-",
    ];
    for (table, names) in [
        (&b"text\nhello\n"[..], "expected"),
        (b"expected,tags\nhuman,x\n", "row 2, expected"),
        (b"expected,tag\nhandoff,x\n", "column \"tag\""),
        (b"expected\n\xff\n", "UTF-8"),
        (b"", "empty"),
    ] {
        let (code, error) = device.fails(&args, table);
        let message = text(&error["message"]);
        assert_eq!(code, 2, "{message}");
        assert!(message.contains(names), "{message}");
    }
}
