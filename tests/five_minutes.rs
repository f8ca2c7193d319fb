//! The five-minute story, whole: two people, an agent through the official Python SDK, a real
//! conversation, and what each of them is promised.

use crate::mcp::client;
use crate::sample::raw_conversations;
use crate::support::{Device, eventually, files_below, find, text};
use crate::terminal::{PIN, Terminal};
use serde_json::{Value, json};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

const AGENT: &str = "claude-code";

struct Script {
    python: PathBuf,
    home: PathBuf,
}

impl Script {
    /// What the agent's script gets for each of its calls.
    fn calls(&self, calls: Value) -> Vec<Value> {
        let mut script = Command::new(&self.python)
            .arg(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/mcp/calls.py"))
            .arg(env!("CARGO_BIN_EXE_kitbag"))
            .arg(&self.home)
            .arg(AGENT)
            .env_remove("DBUS_SESSION_BUS_ADDRESS")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let input = calls.to_string();
        script
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .unwrap();
        let done = script.wait_with_output().unwrap();
        let told = String::from_utf8(done.stdout).unwrap();
        let answers: Vec<Value> = told
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let error = String::from_utf8_lossy(&done.stderr);
        assert_eq!(
            answers.len(),
            calls.as_array().unwrap().len(),
            "{told}\n{error}"
        );
        answers
    }

    fn call(&self, tool: &str, arguments: Value) -> Value {
        self.calls(json!([[tool, arguments]])).remove(0)
    }
}

/// A conversation in which a customer's record was looked at, and what that record says of a birth date.
fn conversation() -> (Value, String) {
    let with_record = raw_conversations().into_iter().find_map(|value| {
        let whole = value.to_string();
        let (_, after) = whole.split_once(r#"\"dob\": \""#)?;
        let (born, _) = after.split_once('\\')?;
        Some((value.clone(), born.to_owned()))
    });
    with_record.expect("a record of a customer")
}

/// Goal: the acceptance story of the product, step by step, with the numbers that it promises.
#[test]
fn the_five_minute_story() {
    let Some(python) = client("venv/bin/python") else {
        return;
    };
    let (conversation, born) = conversation();
    assert_eq!(born.len(), 10, "{born}");

    // 1. Both up.
    let (ada, ben) = (Device::up("Ada"), Device::up("Ben"));
    let script = Script {
        python,
        home: ada.home.clone(),
    };

    // 2. A pack, and the conversation in it; again, and nothing is added.
    let pack = ada.create_pack("Airline case");
    let file = ada.home.with_file_name("conversation.json");
    std::fs::write(&file, json!([conversation]).to_string()).unwrap();
    let file = file.to_str().unwrap();
    let import = ["import", "messages", file, "--pack", &pack];
    let imported = ada.json(&import);
    let added = imported["added"].as_u64().unwrap();
    let held = imported["masked"].as_u64().unwrap();
    assert!(added > 4 && held >= 1, "{imported}");
    let again = ada.json(&import);
    assert_eq!(
        (&again["added"], &again["unchanged"]),
        (&json!(0), &imported["added"])
    );
    let notes = ada.json(&["list", &pack]);
    let notes = notes["notes"].as_array().unwrap().clone();
    let at = |level: &str| -> Vec<String> {
        let of = notes.iter().filter(|note| note["sensitivity"] == level);
        of.map(|note| text(&note["id"])).collect()
    };
    let originals = at("restricted");
    assert_eq!(originals.len() as u64, held);
    let copies: Vec<String> = originals
        .iter()
        .map(|id| text(&ada.json(&["show", id])["note"]["masked_copies"][0]["id"]))
        .collect();
    let plain = at("internal");
    let plain = plain.into_iter().find(|id| !copies.contains(id)).unwrap();

    // 3. Search, export within a budget, a receipt.
    assert!(
        ada.json(&["search", "reservation"])["total"]
            .as_u64()
            .unwrap()
            > 0
    );
    let receipt = ada.home.with_file_name("receipt.json");
    let receipt = receipt.to_str().unwrap();
    let bundle = ada.home.with_file_name("bundle.md");
    let bundle = bundle.to_str().unwrap();
    ada.ok(&[
        "export",
        &pack,
        "--format",
        "md",
        "--max-tokens",
        "3000",
        "--on-overflow",
        "trim",
        "--out",
        bundle,
        "--receipt",
        receipt,
    ]);
    ada.ok(&["receipt", "verify", receipt, "--bundle", bundle]);
    let exported = std::fs::read(bundle).unwrap();
    assert!(find(&exported, born.as_bytes()).is_none());

    // 4. An agent; its script hands over to somebody who is not in the pack.
    let mut terminal = Terminal::of(&ada);
    let scopes = "read,search,add,handoff";
    let add = [
        "agent", "add", AGENT, "--packs", &pack, "--scopes", scopes, "--yes",
    ];
    let told = terminal.ok(&add, &[("New PIN", PIN), ("The same again", PIN)]);
    assert!(told.contains("What it reads goes to"), "{told}");
    let secret = told
        .split_whitespace()
        .find(|word| word.starts_with("kitbag-agent-"));
    crate::mcp::keep_secret(&ada, AGENT, secret.unwrap());
    let mut facts =
        vec![json!({"text": "What was tried is in the conversation", "item_id": plain})];
    facts.extend(
        copies
            .iter()
            .take(2)
            .map(|copy| json!({"text": "What the record says", "item_id": copy})),
    );
    let handoff = |summary: &str| {
        json!({
            "pack": pack, "to": "person:Ben", "reason_code": "specialized_department_required",
            "summary": summary, "facts": facts, "context": "case 1", "submit": true,
            "actions_taken": [{"action": "Looked at the reservation", "outcome": "ok", "item_id": plain}],
        })
    };
    let refused = script.call(
        "create_handoff",
        handoff("Wants a change that I may not make."),
    );
    assert_eq!(refused["refused"]["code"], "not-found", "{refused}");
    assert!(
        text(&refused["refused"]["message"]).contains("not in this pack"),
        "{refused}"
    );

    // 5. A teammate joins; the words agree; the ticket is used up.
    terminal.unlock();
    let shared = terminal.ok(&["share", &pack, "--yes", "--json"], &[]);
    let ticket = shared
        .split('"')
        .find(|word| word.starts_with("kitbag1"))
        .unwrap()
        .to_owned();
    let joined = ben.json_with(&["join", "-", "--as", "case"], ticket.as_bytes());
    let words = text(&joined["check_words"]);
    let members = ada.json(&["members", &pack]);
    assert!(members.to_string().contains(&words), "{members}");
    let eve = Device::up("Eve");
    let used = eve.fails(&["join", "-"], ticket.as_bytes());
    assert_eq!(used.1["code"], "ticket/already-used", "{used:?}");
    assert!(text(&used.1["message"]).contains("Ben"), "{used:?}");
    ben.ok(&["sync", &pack, "--wait"]);

    // 6. A birth date is refused by kind; without it: sent, three notes cited, originals not shared.
    let summary = format!("Customer born {born} wants a change that I may not make.");
    let shows = script.call("create_handoff", handoff(&summary));
    assert_eq!(
        shows["refused"]["message"], "summary contains a date of birth",
        "{shows}"
    );
    assert!(!shows.to_string().contains(&born));
    let sent = script.call(
        "create_handoff",
        handoff("Wants a change that I may not make."),
    );
    assert_eq!(sent["state"], "submitted", "{sent}");
    assert_eq!(sent["cites"].as_u64().unwrap(), facts.len() as u64);
    assert_eq!(
        sent["withheld"][0]["rule"], "sensitivity restricted",
        "{sent}"
    );
    assert_eq!(
        sent["withheld"][0]["count"].as_u64().unwrap(),
        copies.iter().take(2).count() as u64
    );
    let id = text(&sent["handoff_id"]);
    let same = script.call(
        "create_handoff",
        handoff("Wants a change that I may not make."),
    );
    assert_eq!(
        (&same["handoff_id"], &same["existing"]),
        (&sent["handoff_id"], &json!(true))
    );
    let loops = script.call("create_handoff", handoff("The same again in other words."));
    assert_eq!(loops["refused"]["code"], "conflict", "{loops}");
    let by_agent = script.call("respond_handoff", json!({"id": id, "action": "accept"}));
    assert!(by_agent["refused"]["code"].is_string(), "{by_agent}");

    // 7. No key for the originals; the values are in no file of the other device, and in no export.
    ben.ok(&["sync", &pack, "--wait"]);
    let checked = ada.json(&["check", &pack, "--as", "Ben"]);
    assert!(checked.to_string().contains("restricted"), "{checked}");
    let theirs = ben.ok(&["export", &pack, "--format", "json"]);
    assert!(find(theirs.as_bytes(), born.as_bytes()).is_none());
    for file in files_below(&ben.home) {
        let bytes = std::fs::read(&file).unwrap_or_default();
        assert!(
            find(&bytes, born.as_bytes()).is_none(),
            "{}",
            file.display()
        );
    }

    // 8. Both offline: taken and completed with a correction; both edit one note.
    eventually("it arrived", || {
        ben.json(&["inbox"])["handoffs"]
            .as_array()
            .is_some_and(|all| !all.is_empty())
    });
    let mut seen = script.call("recent_changes", json!({}));
    while !seen["changes"].as_array().unwrap().is_empty() {
        seen = script.call("recent_changes", json!({"cursor": seen["cursor"]}));
    }
    ada.offline();
    ben.offline();
    ben.ok(&["handoff", "accept", &id]);
    let wrong = format!("{plain}=She may change it within 24 hours.");
    ben.ok(&[
        "handoff",
        "complete",
        &id,
        "--disposition",
        "resolved",
        "--note",
        "Changed for free.",
        "--wrong",
        &wrong,
    ]);
    let both = ada.add(&pack, "Both", "one two three four");
    ada.online();
    ben.online();
    ben.ok(&["sync", &pack, "--wait"]);
    ada.offline();
    ben.offline();
    ada.json_with(&["edit", &both, "--file", "-"], b"ONE two three four");
    ben.json_with(&["edit", &both, "--file", "-"], b"one two three FOUR");

    // 9. Online: identical, both edits there, and the agent reads what a person changed first.
    ada.online();
    ben.online();
    eventually("both edits are on both", || {
        let merged = "ONE two three FOUR";
        ada.run(&["sync", &pack, "--wait"], b"").status.success()
            && [&ada, &ben]
                .iter()
                .all(|device| device.json(&["show", &both])["note"]["body"] == merged)
    });
    let context = script.call(
        "build_context",
        json!({"topic": "change", "max_tokens": 4000, "since_cursor": seen["cursor"]}),
    );
    assert!(
        !context["changed_by_human"].as_array().unwrap().is_empty(),
        "{context}"
    );
    let told = text(&context["text"]);
    let first = told.find("document index").map(|at| &told[at..]).unwrap();
    let end = first.find("</document>").unwrap();
    let by_people = ["within 24 hours", "ONE two three FOUR", "Both"];
    assert!(
        by_people.iter().any(|text| first[..end].contains(text)),
        "{told}"
    );
    assert!(told.contains("within 24 hours"), "{told}");
    let read = script.call("get_handoff", json!({"id": id}));
    assert_eq!(read["handoff"]["state"], "completed", "{read}");
    let outcome = &read["handoff"]["outcome"];
    assert_eq!(outcome["by"], "Ben");
    assert_eq!(
        outcome["corrections"][0]["text"],
        "She may change it within 24 hours."
    );
    let by = text(&outcome["corrections"][0]["by"]);
    let mut changed = context["changed_by_human"].as_array().unwrap().iter();
    assert!(
        changed.any(|change| by.starts_with(change.as_str().unwrap())),
        "{context}"
    );

    // 10. The scare: another client's pack is nothing to the agent; a shell exports nothing above the
    // default; what was read and refused is in the audit, and verifies.
    let other = ada.create_pack("Client B");
    ada.add(&other, "Price list of B", "The Zanzibar price is 40.");
    let nothing = script.call("search_items", json!({"query": "Zanzibar"}));
    assert_eq!(nothing["total"], 0, "{nothing}");
    let denied = ada.fails(
        &[
            "export",
            &pack,
            "--format",
            "json",
            "--max-sensitivity",
            "restricted",
        ],
        b"",
    );
    assert_eq!(
        (denied.0, &denied.1["code"]),
        (4, &json!("session/needed")),
        "{denied:?}"
    );
    terminal.unlock();
    let log = terminal.ok(&["audit", "log", &pack, "--limit", "200"], &[]);
    assert!(log.contains(AGENT), "{log}");
    ada.ok(&["audit", "verify", &pack]);

    // 11. Removed: what is written afterwards opens for them no more.
    let preview = terminal.ok(&["unshare", &pack, "Ben", "--dry-run"], &[]);
    assert!(preview.contains("Ben"), "{preview}");
    terminal.ok(&["unshare", &pack, "Ben", "--yes"], &[]);
    let late = ada.add(&pack, "Afterwards", "Nothing for Ben.");
    eventually("Ben is told", || {
        let listed = ben.run(&["list", &pack], b"");
        String::from_utf8_lossy(&listed.stderr).contains("nothing new reaches you")
    });
    assert_eq!(ben.fails(&["show", &late], b"").0, 3);
}
