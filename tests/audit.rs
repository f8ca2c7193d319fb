//! What devices report of reads, exports and denials, with the real program and real daemons.

use crate::support::{
    Device, eventually, files_below, find, open_store, run_in, text, up_after_kill,
};
use kitbag_testkit::{Dice, damage};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::process::Command;

/// A pack of two, in sync.
fn shared() -> (Device, Device, String) {
    let (ada, ben) = (Device::up("Ada"), Device::up("Ben"));
    let pack = ada.create_pack("Acme");
    let ticket = ada.share(&pack);
    ben.json_with(&["join", "-"], ticket.as_bytes());
    ben.ok(&["sync", "--wait"]);
    (ada, ben, pack)
}

fn rows(device: &Device, pack: &str, more: &[&str]) -> Vec<Value> {
    let args: Vec<&str> = ["audit", "log", pack].iter().chain(more).copied().collect();
    let log = device.json(&args);
    assert_eq!(log["basis"], "reported by devices");
    log["rows"].as_array().unwrap().clone()
}

/// Goal: what one person opens and takes out, the other sees: who, when, how often, the note, the hash
/// of the very bytes that were written; and both verify it.
#[test]
fn a_teammate_sees_who_read_a_note_and_who_took_it_out() {
    let (ada, ben, pack) = shared();
    let note = ada.add(&pack, "Renewal", "they want a quarterly payment");
    ben.ok(&["sync", "--wait"]);
    ben.ok(&["show", &note]);
    ben.ok(&["show", &note[..12]]);
    ben.ok(&["history", &note]);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("out.md");
    let file = file.to_str().unwrap();
    let export = [
        "export",
        &pack,
        "--format",
        "md",
        "--purpose",
        "support",
        "--out",
        file,
    ];
    ben.json(&export);
    // Asking is enough for Ben's device to tell what waits.
    let own = rows(&ben, &pack, &["--kind", "read"]);
    assert_eq!(own.len(), 2, "{own:#?}");
    ben.ok(&["sync", "--wait"]);
    let read = ada.json(&["audit", "who-read", &note]);
    assert_eq!(read["total"], 3, "{read:#}");
    let seen = read["rows"].as_array().unwrap();
    let now = seen.iter().find(|row| row["part"] == "now").unwrap();
    assert_eq!((&now["times"], &now["via"]), (&json!(2), &json!("cli")));
    assert_eq!(now["by"]["name"], "Ben");
    assert_eq!(
        (&now["title"], &now["note"]),
        (&json!("Renewal"), &json!(note))
    );
    assert!(seen.iter().any(|row| row["part"] == "history"));
    let export = seen.iter().find(|row| row["kind"] == "export").unwrap();
    let export = &export["export"];
    let written = std::fs::read(file).unwrap();
    let hash: String = Sha256::digest(&written)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    assert_eq!(export["sha256"], json!(hash));
    assert_eq!(export["bytes"], json!(written.len()));
    assert_eq!(
        (&export["held"], &export["to"]),
        (&json!(1), &json!("file"))
    );
    assert_eq!(
        (&export["format"], &export["purpose"]),
        (&json!("md"), &json!("support"))
    );
    let told = ada.ok(&["audit", "who-read", &note]);
    for word in ["Ben", "read", "(2 times)", "exported", "for support"] {
        assert!(told.contains(word), "{word}: {told}");
    }
    for device in [&ada, &ben] {
        let verified = device.json(&["audit", "verify", &pack]);
        assert_eq!(verified["holds"], true, "{verified:#}");
        assert_eq!(verified["devices"].as_array().unwrap().len(), 2);
        let told = device.ok(&["audit", "verify", &pack]);
        assert!(told.contains("As reported by devices"), "{told}");
    }
    let acts = rows(&ada, &pack, &["--kind", "policy"]);
    let acts: Vec<String> = acts.iter().map(|row| text(&row["policy"]["act"])).collect();
    for act in ["create", "invite", "admit"] {
        assert!(acts.iter().any(|of| of == act), "{acts:?}");
    }
    assert_eq!(
        rows(&ada, &pack, &["--who", "ada", "--kind", "read"]).len(),
        0
    );
    assert_eq!(
        rows(&ada, &pack, &["--who", "BEN", "--kind", "read"]).len(),
        2
    );
    assert_eq!(
        rows(&ada, &pack, &["--since", "1h", "--kind", "export"]).len(),
        1
    );
    assert_eq!(rows(&ada, &pack, &["--until", "1h"]).len(), 0);
    // Nobody who is not there is told apart from who did nothing.
    let (exit, told) = ada.fails(&["audit", "log", &pack, "--who", "Nobody"], b"");
    assert_eq!(exit, 3, "{told}");
    let told = told.to_string();
    assert!(told.contains("kitbag members"), "{told}");
}

/// Goal: a note that somebody copies into another pack is told as an export, and who asks what that
/// would do tells nothing; a refusal names its rule.
#[test]
fn a_teammate_sees_what_was_copied_into_another_pack() {
    let (ada, ben, pack) = shared();
    let note = ada.add(&pack, "Renewal", "they want a quarterly payment");
    ben.ok(&["sync", "--wait"]);
    let other = ben.create_pack("Elsewhere");
    ben.json(&["copy", &note, "--to", &other, "--dry-run"]);
    assert!(rows(&ben, &pack, &["--kind", "export"]).is_empty());
    ben.json(&["copy", &note, "--to", &other]);
    // Asking is enough for Ben's device to tell what waits.
    assert_eq!(rows(&ben, &pack, &["--kind", "export"]).len(), 1);
    ben.ok(&["sync", "--wait"]);
    let seen = rows(&ada, &pack, &["--kind", "export"]);
    assert_eq!(seen.len(), 1, "{seen:#?}");
    assert_eq!(seen[0]["export"]["into"], json!(other));
    assert_eq!(seen[0]["by"]["name"], "Ben");
    let told = ada.ok(&["audit", "who-read", &note]);
    assert!(told.contains("took into another pack"), "{told}");
    let walled = ["pack", "create", "Case 7", "--client", "Acme GmbH"];
    let walled = text(&ben.json(&walled)["pack"]["id"]);
    let secret = ben.add(&walled, "Title", "words");
    let (exit, _) = ben.fails(&["copy", &secret, "--to", &other], b"");
    assert_eq!(exit, 4);
    let denied = rows(&ben, &walled, &["--kind", "denial"]);
    assert_eq!(
        denied[0]["denial"],
        json!({"asked": "copy", "rule": "wall client"})
    );
}

/// Goal: a refusal is told by its rule and by nothing of what it was about.
#[test]
fn a_refused_export_is_told_by_its_rule() {
    let (ada, ben) = (Device::up("Ada"), Device::up("Ben"));
    let create = ["pack", "create", "Case 7", "--client", "Acme GmbH"];
    let pack = text(&ada.json(&create)["pack"]["id"]);
    ada.add(&pack, "Renewal", "secret words");
    let ticket = ada.share(&pack);
    ben.json_with(&["join", "-"], ticket.as_bytes());
    ben.ok(&["sync", "--wait"]);
    let (exit, _) = ben.fails(&["export", &pack, "--for-client", "Globex"], b"");
    assert_eq!(exit, 4);
    let own = rows(&ben, &pack, &["--kind", "denial"]);
    assert_eq!(own.len(), 1);
    ben.ok(&["sync", "--wait"]);
    let seen = rows(&ada, &pack, &["--kind", "denial"]);
    assert_eq!(
        seen[0]["denial"],
        json!({"asked": "export", "rule": "wall client"})
    );
    assert_eq!(seen[0]["by"]["name"], "Ben");
    let whole = seen[0].to_string();
    assert!(
        !whole.contains("Globex") && !whole.contains("Acme"),
        "{whole}"
    );
    assert!(rows(&ada, &pack, &["--kind", "export"]).is_empty());
}

/// Goal: an export of the rows holds each once, newest first, no title, and one JSON document a line;
/// with --json it is one document.
#[test]
fn rows_are_exported_a_line_each_without_titles() {
    let (ada, _ben, pack) = shared();
    let note = ada.add(&pack, "Quite a title", "text");
    ada.ok(&["show", &note]);
    let lines = ada.ok(&["audit", "export", &pack]);
    assert!(!lines.contains("Quite a title"), "{lines}");
    let rows: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let document = ada.json(&["audit", "export", &pack]);
    assert_eq!(document["rows"], json!(rows));
    assert_eq!(document["total"], json!(rows.len()));
    assert!(rows.iter().any(|row| row["note"] == json!(note)));
    let titled = ada.json(&["audit", "log", &pack]);
    assert_eq!(titled["rows"][0]["title"], "Quite a title");
}

/// Goal: what was read is told although the daemon was killed at once, and told once; reports survive
/// a stop as well, and nothing of a note stands readable in any file.
#[test]
fn reads_survive_kill_and_stop_and_no_file_shows_what_was_read() {
    let (ada, ben, pack) = shared();
    let canary = "a-title-that-stands-nowhere";
    let note = ada.add(&pack, canary, "a-body-that-stands-nowhere");
    ben.ok(&["sync", "--wait"]);
    ben.ok(&["show", &note]);
    let status = ben.json(&["daemon", "status"]);
    let pid = status["pid"].as_u64().unwrap();
    let kill = Command::new("kill").args(["-9", &pid.to_string()]).status();
    assert!(kill.unwrap().success());
    up_after_kill(&ben, pid);
    assert_eq!(rows(&ben, &pack, &["--kind", "read"]).len(), 1);
    ben.ok(&["sync", "--wait"]);
    assert_eq!(rows(&ada, &pack, &["--kind", "read"]).len(), 1);
    // A clean stop tells what waits: it is in the pack at the next start, before anybody asks.
    ben.ok(&["history", &note]);
    ben.ok(&["down"]);
    ben.ok(&["up", "--detach", "--listen", "loopback"]);
    ben.ok(&["sync", "--wait"]);
    eventually("what waited when it stopped arrives", || {
        rows(&ada, &pack, &["--kind", "read"]).len() == 2
    });
    for device in [&ada, &ben] {
        for file in files_below(&device.home) {
            let Ok(bytes) = std::fs::read(&file) else {
                continue; // a socket
            };
            for word in [canary, "a-body-that-stands-nowhere"] {
                let found = find(&bytes, word.as_bytes());
                assert_eq!(found, None, "{word} in {}", file.display());
            }
        }
    }
}

/// Goal: for how long reports are shown is said, kept and obeyed; wrong questions end with 2.
#[test]
fn keeping_and_wrong_questions() {
    let ada = Device::up("Ada");
    let pack = ada.create_pack("Acme");
    assert_eq!(ada.json(&["audit", "keep"])["days"], 365);
    let planned = ada.json(&["audit", "keep", "90", "--dry-run"]);
    assert_eq!(
        (&planned["days"], &planned["deleted"], &planned["dry_run"]),
        (&json!(90), &json!(0), &json!(true))
    );
    assert_eq!(
        ada.json(&["audit", "keep"])["days"],
        365,
        "nothing was done"
    );
    let (_, error) = ada.fails(&["audit", "keep", "90"], b"");
    assert_eq!(error["code"], "confirmation-required");
    assert_eq!(ada.json(&["audit", "keep", "90", "--yes"])["days"], 90);
    assert_eq!(ada.json(&["audit", "keep", "120"])["days"], 120, "longer");
    assert_eq!(ada.json(&["audit", "keep", "90", "--yes"])["days"], 90);
    assert!(ada.ok(&["audit", "keep"]).contains("90 days"));
    let device = ada.json(&["audit", "log", "--device"]);
    assert_eq!(
        (&device["pack"], &device["total"]),
        (&Value::Null, &json!(0))
    );
    for args in [
        &["audit", "keep", "0"][..],
        &["audit", "log", &pack, "--kind", "shoe"],
        &["audit", "log", &pack, "--limit", "0"],
        &["audit", "log", &pack, "--since", "someday"],
        &["audit", "export", &pack, "--format", "xml"],
        &["audit"],
    ] {
        let output = run_in(&ada.home, args, b"", &[]);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
    }
    let (exit, _) = ada.fails(&["audit", "who-read", "zzzzzzzzzz"], b"");
    assert_eq!(exit, 3);
}

/// Goal: whatever somebody changed on the disk of what was reported, `audit verify` names its place and
/// ends with 10: a row that was changed or taken away, a signed end that is gone, a row of the device's own
/// list. Put back as it was, it holds.
#[test]
fn verify_ends_with_10_for_what_was_changed_on_the_disk() {
    let ada = Device::up("Ada");
    let (one, two) = (ada.create_pack("One"), ada.create_pack("Two"));
    let note = ada.add(&one, "Renewal", "they want a quarterly payment");
    ada.ok(&["show", &note]);
    let other = ada.add(&two, "Refund", "another");
    for note in [&note, &other] {
        ada.ok(&["select", "add", note]);
    }
    ada.ok(&["select", "save", "both"]);
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.md").display().to_string();
    let export = ["export", "--selection", "both", "--format", "md"];
    ada.ok(&[&export[..], &["--out", &out]].concat());
    let holds = ada.json(&["audit", "verify", &one]);
    assert_eq!(holds["holds"], true, "{holds}");
    assert!(holds["own_rows"].as_u64() > Some(0), "{holds}");
    assert!(holds["devices"][0]["reports"].as_u64() > Some(0), "{holds}");
    ada.ok(&["down"]);
    let database = ada.home.join("kitbag.redb");
    let whole = std::fs::read(&database).unwrap();

    // The log of the notes and reports of the first pack.
    let store = open_store(&ada.home);
    let number = |pack: &str| {
        let logs = store.logs().unwrap().into_iter();
        let of_pack: Vec<u32> = logs
            .filter(|(_, row)| {
                let opening = kitbag_core::content::LogOpening::decode(&row.opening).unwrap();
                opening.pack.to_string() == pack
                    && opening.sensitivity == kitbag_core::policy::Sensitivity::Internal
            })
            .map(|(number, _)| number)
            .collect();
        of_pack[0]
    };
    let log = number(&one);
    let end = store.heads(log).unwrap().last().unwrap().position.seq;
    drop(store);
    let of_log = |table: &str| {
        let rows = damage::rows(&database, table).unwrap().into_iter();
        rows.filter(|at| at.0 == log).max().unwrap()
    };
    let content = of_log("contents.2");
    let batch = |change: &dyn Fn(&mut kitbag_store::Batch<'_>)| {
        let mut store = open_store(&ada.home);
        let mut rng = Dice::new(2).fork();
        let mut batch = store.batch(&mut *rng).unwrap();
        change(&mut batch);
        batch.commit().unwrap();
    };
    type Change<'c> = (&'c str, Box<dyn Fn() + 'c>);
    let changes: [Change<'_>; 4] = [
        (
            "it does not open from disk",
            Box::new(|| damage::turn_bit(&database, "contents.2", content).unwrap()),
        ),
        (
            "entry breaks a rule: a body matches its header",
            Box::new(|| damage::remove(&database, "contents.2", content).unwrap()),
        ),
        (
            "a signed end",
            Box::new(|| batch(&|batch| batch.remove_head(log, end).unwrap())),
        ),
        (
            "own",
            Box::new(|| batch(&|batch| batch.put_setting("audit/own/0", b"noise").unwrap())),
        ),
    ];
    for (reason, change) in changes {
        std::fs::write(&database, &whole).unwrap();
        change();
        ada.ok(&["up", "--detach", "--offline"]);
        let output = ada.run(&["audit", "verify", &one, "--json"], b"");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(10), "{reason}: {stderr}");
        let error: Value = serde_json::from_str(stderr.trim()).unwrap();
        crate::schemas::check_error(&error);
        assert_eq!(error["error"]["code"], "integrity", "{reason}: {error}");
        if output.stdout.is_empty() {
            assert_eq!(
                reason, "a signed end",
                "only then the pack itself is not read"
            );
            ada.ok(&["down"]);
            continue;
        }
        let found: Value = serde_json::from_slice(&output.stdout).unwrap();
        crate::schemas::check(&["audit", "verify"], &found);
        assert_eq!(found["holds"], false, "{reason}: {found}");
        let broken = match reason {
            "own" => &found["own_broken"],
            _ => &found["devices"][0]["broken"][0],
        };
        assert!(broken["at"].is_u64(), "{reason}: {found}");
        if reason != "own" {
            assert_eq!(broken["reason"], reason, "{found}");
            assert_eq!(broken["sensitivity"], "internal");
        }
        // In words as well, with the same code.
        let output = ada.run(&["audit", "verify", &one], b"");
        assert_eq!(output.status.code(), Some(10));
        ada.ok(&["down"]);
    }
    std::fs::write(&database, &whole).unwrap();
    ada.ok(&["up", "--detach", "--offline"]);
    assert_eq!(ada.json(&["audit", "verify", &one])["holds"], true);
}
