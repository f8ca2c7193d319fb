//! Hand-offs with real daemons: refused where they may not go, taken and completed offline, read back.

use crate::support::{Device, eventually, find, text};
use serde_json::{Value, json};

/// Ada and Ben in one pack, Ben as an editor up to Internal.
fn two() -> (Device, Device, String) {
    let (ada, ben) = (Device::up("Ada"), Device::up("Ben"));
    let pack = ada.create_pack("Acme");
    let ticket = ada.share(&pack);
    ben.json_with(&["join", "-", "--as", "acme"], ticket.as_bytes());
    ben.ok(&["sync", &pack, "--wait"]);
    (ada, ben, pack)
}

fn state(device: &Device, id: &str) -> String {
    text(&device.json(&["handoff", "show", id])["handoff"]["state"])
}

fn reaches(device: &Device, id: &str, wanted: &str) {
    eventually(wanted, || {
        let shown = device.run(&["handoff", "show", id, "--json"], b"");
        let shown: Option<Value> = serde_json::from_slice(&shown.stdout).ok();
        shown.is_some_and(|shown| shown["handoff"]["state"] == wanted)
    });
}

fn message(failure: &(i32, Value)) -> String {
    text(&failure.1["message"])
}

/// Goal: the whole way: to somebody who is not there it is refused with the way out; a birth date is
/// refused by kind; what is withheld is counted; taken and completed offline, the correction comes back
/// in the place of what was wrong.
#[test]
fn a_case_goes_over_and_comes_back_with_what_was_wrong() {
    let ada = Device::up("Ada");
    let pack = ada.create_pack("Acme");
    let record =
        br#"{"name": "Maria", "dob": "1970-03-12", "reservation": "SI5UKW", "cabin": "economy"}"#;
    let added = ada.json_with(
        &["add", &pack, "--source", "CRM", "--title", "customer"],
        record,
    );
    let (original, copy) = (
        text(&added["note"]["id"]),
        text(&added["masked"]["note"]["id"]),
    );
    let plain = ada.add(&pack, "rules", "No refund after 24 hours");
    let fact = |note: &str, said: &str| format!("{note}={said}");
    let new = |to: &str, summary: &str, more: &[&str]| {
        let (one, other) = (
            fact(&original, "She flies economy"),
            fact(&plain, "Beyond 24 hours"),
        );
        let args = [
            &[
                "handoff",
                "new",
                &pack,
                "--to",
                to,
                "--reason",
                "other",
                "--summary",
                summary,
            ][..],
            &["--fact", &one, "--fact", &other, "--send", "--yes"],
            more,
        ];
        args.concat()
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let run = |args: Vec<String>| {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        ada.fails(&args, b"")
    };
    let stranger = run(new("Ben", "Wants a refund", &[]));
    assert_eq!(stranger.0, 3);
    assert!(
        message(&stranger).contains("Ben is not in this pack"),
        "{stranger:?}"
    );
    assert!(text(&stranger.1["hint"]).contains("kitbag share"));

    let ben = Device::up("Ben");
    ben.json_with(&["join", "-", "--as", "acme"], ada.share(&pack).as_bytes());
    ben.ok(&["sync", &pack, "--wait"]);

    for summary in [
        "Born on 12 March 1970, wants a refund",
        "Wants a refund; her file says 1970-03-12",
    ] {
        let shows = run(new("Ben", summary, &[]));
        assert_eq!(shows.0, 4, "{shows:?}");
        assert_eq!(message(&shows), "summary contains a date of birth");
        assert!(!shows.1.to_string().contains("1970"), "never by value");
    }
    assert_eq!(
        ada.json(&["handoff", "list", "--all"])["handoffs"],
        json!([])
    );

    let args = new("Ben", "Wants a refund for SI5UKW", &[]);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let dry = [&args[..], &["--dry-run"]].concat();
    let planned = ada.json(&dry);
    assert_eq!(planned["handoff"]["id"], Value::Null);
    let sent = ada.json(&args);
    assert_eq!(sent["state"], "submitted");
    assert_eq!(
        (&sent["cites"], &sent["as_masked_copy"]),
        (&json!(2), &json!(1))
    );
    let withheld = &sent["withheld"][0];
    assert_eq!(
        (&withheld["count"], &withheld["rule"]),
        (&json!(1), &json!("sensitivity restricted"))
    );
    assert_eq!(withheld["pii"], json!(["name", "date_of_birth"]));
    let id = text(&sent["handoff"]["id"]);
    ben.ok(&["sync", &pack, "--wait"]);
    reaches(&ben, &id, "delivered");
    let inbox = ben.json(&["inbox"]);
    assert_eq!(inbox["handoffs"][0]["id"], json!(id));
    assert_eq!(inbox["handoffs"][0]["side"], "mine");
    let shown = ben.ok(&["handoff", "show", &id]);
    assert!(
        shown.contains("Not shared: 1 (Restricted: name, date of birth)"),
        "{shown}"
    );
    let whole = ben.json(&["handoff", "show", &id]);
    assert_eq!(whole["handoff"]["says"]["facts"][0]["note"], json!(copy));
    assert_eq!(whole["handoff"]["responsible"], "Ada");

    ada.offline();
    ben.offline();
    ada.json_with(
        &["edit", &plain, "--file", "-"],
        b"No refund after 48 hours",
    );
    ben.ok(&["handoff", "accept", &id]);
    assert!(
        ben.ok(&["handoff", "show", &id])
            .contains("Nobody of the sender's side")
    );
    let wrong = fact(&plain, "Refund within 72 hours for members");
    let done = [
        "handoff",
        "complete",
        &id,
        "--disposition",
        "resolved",
        "--note",
        "Refunded.",
        "--wrong",
        &wrong,
        "--missing",
        "membership",
        "--keep",
    ];
    ben.ok(&done);
    ada.online();
    ben.online();
    ada.ok(&["sync", &pack, "--wait"]);
    reaches(&ada, &id, "completed");
    let back = ada.json(&["handoff", "show", &id]);
    let outcome = &back["handoff"]["outcome"];
    assert_eq!(
        (&outcome["by"], &outcome["notes"]),
        (&json!("Ben"), &json!("Refunded."))
    );
    assert_eq!(outcome["missing"], json!(["membership"]));
    let correction = &outcome["corrections"][0];
    assert_eq!(correction["text"], "Refund within 72 hours for members");
    let old = ada.json(&["show", &plain]);
    assert_eq!(old["note"]["superseded_by"][0], correction["by"]);
    assert_eq!(old["note"]["body"], "No refund after 48 hours");
    let new_note = ada.json(&["show", &text(&correction["by"])]);
    assert_eq!(new_note["note"]["type"], "outcome");
    assert_eq!(back["handoff"]["says"]["facts"][1]["state"], "superseded");
    let diff = ada.ok(&["handoff", "diff", &id]);
    assert!(
        diff.contains("superseded") && diff.contains("kitbag show"),
        "{diff}"
    );

    // On the other device the birth date is in no file.
    ben.ok(&["down"]);
    for file in crate::support::files_below(&ben.home) {
        let bytes = std::fs::read(&file).unwrap();
        assert!(find(&bytes, b"1970-03-12").is_none(), "{}", file.display());
    }
}

/// Goal: of what is wrong with a command each says what, with its exit code, and nothing is written.
#[test]
fn what_cannot_be_is_told_with_a_way_on() {
    let (ada, ben, pack) = two();
    let note = ada.add(&pack, "a", "b");
    let base = [
        "handoff",
        "new",
        &pack,
        "--summary",
        "Look at it",
        "--reason",
        "other",
    ];
    let fails = |more: &[&str]| ada.fails(&[&base[..], more].concat(), b"");
    let bad_fact = fails(&["--to", "Ben", "--fact", "nothing"]);
    assert_eq!(bad_fact.0, 2, "{bad_fact:?}");
    assert_eq!(fails(&["--to", "Ben", "--fact", "zzzzzzzz=x"]).0, 3);
    assert_eq!(fails(&["--to", "team:billing"]).0, 3);
    assert_eq!(fails(&["--to", "role:reader"]).0, 2);
    assert_eq!(fails(&["--to", "Ben", "--sensitivity", "restricted"]).0, 4);
    assert_eq!(fails(&["--to", "Ben", "--accept-by", "never-ever"]).0, 2);
    assert_eq!(fails(&["--to", "Ben", "--mode", "approve"]).0, 2);
    let tried = fails(&["--to", "Ben", "--tried", "perhaps=x"]);
    assert!(message(&tried).contains("perhaps"), "{tried:?}");
    let unknown = ada.fails(
        &["handoff", "new", &pack, "--file", "-"],
        b"to = \"Ben\"\nreason_code = \"other\"\nsummary = \"x\"\ncolour = \"red\"\n",
    );
    assert_eq!(unknown.0, 2);
    assert!(message(&unknown).contains("colour"), "{unknown:?}");
    assert_eq!(
        ada.fails(&["handoff", "new", &pack, "--file", "-"], b"\xff\xfe")
            .0,
        2
    );
    assert_eq!(ada.fails(&["handoff", "show", "zzzzzz"], b"").0, 3);
    assert_eq!(
        ada.json(&["handoff", "list", "--all"])["handoffs"],
        json!([])
    );
    assert!(ada.ok(&["inbox"]).is_empty());

    let toml = format!(
        "to = \"Ben\"\nreason_code = \"other\"\nsummary = \"x\"\n[[facts]]\ntext = \"it is b\"\nnote = \"{note}\"\n"
    );
    let drafted = ada.json_with(&["handoff", "new", &pack, "--file", "-"], toml.as_bytes());
    assert_eq!(drafted["state"], "draft");
    let id = text(&drafted["handoff"]["id"]);
    let unasked = ada.fails(&["handoff", "send", &id], b"");
    assert_eq!(
        (unasked.0, &unasked.1["code"]),
        (2, &json!("confirmation-required"))
    );
    ada.ok(&["handoff", "revise", &id, "--summary", "y"]);
    ada.ok(&["handoff", "send", &id, "--yes"]);
    let again = ada.fails(&["handoff", "send", &id, "--yes"], b"");
    assert_eq!(again.0, 7, "{again:?}");
    let own = ada.fails(&["handoff", "accept", &id], b"");
    assert_eq!(own.0, 4, "{own:?}");
    let early = ada.fails(
        &["handoff", "complete", &id, "--disposition", "resolved"],
        b"",
    );
    assert_eq!(early.0, 4);
    ben.ok(&["sync", &pack, "--wait"]);
    reaches(&ben, &id, "delivered");
    assert_eq!(
        ben.json(&["handoff", "show", &id])["handoff"]["says"]["summary"],
        "y"
    );
    ben.ok(&["handoff", "snooze", &id, "--until", "2h"]);
    assert_eq!(ben.json(&["inbox"])["snoozed"], 1);
    ben.ok(&["handoff", "snooze", &id, "--off"]);
    ben.ok(&["handoff", "accept", &id]);
    let birthday = ben.fails(
        &[
            "handoff",
            "ask",
            &id,
            "Is she born on 1970-03-12, dob 1970-03-12?",
        ],
        b"",
    );
    assert_eq!(birthday.0, 4, "{birthday:?}");
    assert_eq!(message(&birthday), "text contains a date of birth");
    ben.ok(&["handoff", "ask", &id, "Which one?"]);
    ada.ok(&["sync", &pack, "--wait"]);
    reaches(&ada, &id, "input_required");
    assert_eq!(ada.json(&["inbox"])["handoffs"][0]["id"], json!(id));
    ada.json_with(&["handoff", "answer", &id], b"The second one");
    ben.ok(&["sync", &pack, "--wait"]);
    reaches(&ben, &id, "working");
    assert!(ben.ok(&["handoff", "show", &id]).contains("The second one"));
    ben.ok(&[
        "handoff",
        "complete",
        &id,
        "--disposition",
        "partial",
        "--not-needed",
    ]);
    let over = ben.fails(&["handoff", "start", &id], b"");
    assert_eq!(over.0, 7);
    let anew = ben.json(&["handoff", "reopen", &id, "--to", "Ada", "--send", "--yes"]);
    assert_eq!(anew["state"], "submitted");
    let next = ben.json(&["handoff", "show", &text(&anew["handoff"]["id"])]);
    assert_eq!(next["handoff"]["references"], json!([id]));
    let context = &ben.json(&["handoff", "show", &id])["handoff"]["context"];
    assert_eq!(&next["handoff"]["context"], context);
    assert_eq!(state(&ben, &id), "completed");
}

/// Goal: an approval that nobody gives in time is a no, and one that is given says what.
#[test]
fn an_approval_without_an_answer_is_a_no() {
    let (ada, ben, pack) = two();
    let ask = |expires: &str| {
        let args = [
            "handoff",
            "new",
            &pack,
            "--to",
            "Ben",
            "--reason",
            "approval_required",
            "--summary",
            "May I?",
            "--mode",
            "approve",
            "--action",
            "refund",
            "--args",
            "40 euro",
            "--expires",
            expires,
            "--send",
            "--yes",
        ];
        text(&ada.json(&args)["handoff"]["id"])
    };
    let (quick, slow) = (ask("2s"), ask("1h"));
    ben.ok(&["sync", &pack, "--wait"]);
    reaches(&ben, &slow, "delivered");
    eventually("it is over", || {
        ada.json(&["handoff", "show", &quick])["handoff"]["expired"] == json!(true)
    });
    let late = ben.fails(&["handoff", "decide", &quick, "approve"], b"");
    assert_eq!(late.0, 7, "{late:?}");
    assert_eq!(
        ada.json(&["handoff", "show", &quick])["handoff"]["decision"],
        Value::Null
    );
    let inbox = ada.json(&["inbox"]);
    assert_eq!(
        inbox["handoffs"][0]["id"],
        json!(quick),
        "it is loud for its sender"
    );
    let complete = ben.fails(
        &["handoff", "complete", &slow, "--disposition", "resolved"],
        b"",
    );
    assert_eq!(complete.0, 4);
    ben.ok(&["handoff", "decide", &slow, "edit", "--text", "20 euro"]);
    ada.ok(&["sync", &pack, "--wait"]);
    reaches(&ada, &slow, "completed");
    let decided = &ada.json(&["handoff", "show", &slow])["handoff"];
    assert_eq!(
        (&decided["decision"], &decided["decision_text"]),
        (&json!("edit"), &json!("20 euro"))
    );
}

/// Goal: a watched inbox tells each thing once, and what it runs gets an id and nothing else.
#[test]
fn a_watched_inbox_runs_a_command_without_content() {
    let (ada, ben, pack) = two();
    let sent = ada.json(&[
        "handoff",
        "new",
        &pack,
        "--to",
        "Ben",
        "--reason",
        "other",
        "--summary",
        "SECRETWORD",
        "--send",
        "--yes",
    ]);
    let id = text(&sent["handoff"]["id"]);
    ben.ok(&["sync", &pack, "--wait"]);
    reaches(&ben, &id, "delivered");
    let told = ben.home.join("told");
    let command = format!("printf '%s\\n' \"$@\" >> '{}'; :", told.display());
    let notify = format!("sh -c '{}' sh", command.replace('\'', "'\\''"));
    ben.ok(&["inbox", "--watch", "--looks", "2", "--notify", &notify]);
    assert_eq!(std::fs::read_to_string(told).unwrap().trim(), id);
}
