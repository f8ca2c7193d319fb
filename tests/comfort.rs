//! Comfort at the command line: the pack of a directory, deleting and undo, what ends quietly.

use crate::support::{Device, eventually, text};
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn run_at(device: &Device, directory: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kitbag"));
    command.arg("--home").arg(&device.home).args(args);
    command.current_dir(directory).stdin(Stdio::null());
    command.output().unwrap()
}

fn said(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

/// Goal: where a directory has a pack, the nearest one decides, it is said which, and nothing is
/// written there; where none has, or the pack is not there, that is an error and never a guess.
#[test]
fn a_directory_has_a_pack() {
    let ada = Device::up("Ada");
    let (acme, plans) = (ada.create_pack("Acme"), ada.create_pack("Plans"));
    let dir = tempfile::tempdir().unwrap();
    let below = dir.path().join("a").join("b");
    std::fs::create_dir_all(&below).unwrap();
    let none = run_at(&ada, dir.path(), &["list"]);
    assert_eq!(none.status.code(), Some(2));
    assert!(said(&none).1.contains("hint: name a pack, or choose one"));

    assert!(run_at(&ada, dir.path(), &["use", "Acme"]).status.success());
    assert!(
        run_at(&ada, &dir.path().join("a"), &["use", &plans])
            .status
            .success()
    );
    let added = run_at(
        &ada,
        dir.path(),
        &[
            "add",
            "--source",
            "test",
            "--title",
            "outer",
            "--file",
            "/dev/null",
        ],
    );
    assert!(added.status.success(), "{added:?}");
    assert!(said(&added).1.starts_with("Pack: Acme · of /"), "{added:?}");
    let exported = run_at(&ada, dir.path(), &["export", "--format", "text"]);
    assert!(said(&exported).0.contains("outer"), "{exported:?}");
    let added = run_at(
        &ada,
        &below,
        &[
            "add",
            "--source",
            "test",
            "--title",
            "inner",
            "--file",
            "/dev/null",
            "--json",
        ],
    );
    let (stdout, stderr) = said(&added);
    assert!(stderr.is_empty() && stdout.contains(&plans), "{added:?}");
    let titles = |pack: &str| -> Vec<String> {
        ada.contents(pack)
            .into_iter()
            .map(|(title, _)| title)
            .collect()
    };
    assert_eq!(
        (titles(&acme), titles(&plans)),
        (vec!["outer".to_owned()], vec!["inner".to_owned()])
    );
    let here = run_at(&ada, &below, &["use", "--json"]);
    assert!(said(&here).0.contains(&plans));
    let files = std::fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(files, 1, "nothing but the directory that was there");

    let kept = ada.home.join("directories.toml");
    let gone = std::fs::read_to_string(&kept)
        .unwrap()
        .replace(&plans, "zzzzzzzzzzzz");
    std::fs::write(&kept, gone).unwrap();
    let gone = run_at(&ada, &below, &["list"]);
    assert_eq!(gone.status.code(), Some(3));
    assert!(
        said(&gone).1.contains("no longer on this device"),
        "{gone:?}"
    );
    assert!(
        run_at(&ada, &dir.path().join("a"), &["use", "--clear"])
            .status
            .success()
    );
    assert!(
        run_at(&ada, &below, &["list"]).status.success(),
        "the outer one again"
    );
}

/// Goal: a note deleted by one is out of the other's list, who sees by whom, and undoes only what is
/// their own; every answer names its audience.
#[test]
fn a_note_is_deleted_and_comes_back() {
    let (ada, ben) = (Device::up("Ada"), Device::up("Ben"));
    let pack = ada.create_pack("Acme");
    let note = ada.add(&pack, "Renewal", "in May");
    let ticket = ada.share(&pack);
    ben.json_with(&["join", "-"], ticket.as_bytes());
    eventually("Ben has the note", || ben.contents(&pack).len() == 1);

    let planned = ben.json(&["delete", &note, "--dry-run"]);
    assert_eq!(
        (&planned["changed"], &planned["deleted"]),
        (&true.into(), &false.into())
    );
    let deleted = ben.json(&["delete", &note]);
    assert_eq!(
        (&deleted["changed"], &deleted["deleted"]),
        (&true.into(), &true.into())
    );
    assert_eq!(deleted["audience"].as_array().unwrap().len(), 2);
    assert_eq!(ben.json(&["delete", &note])["changed"], false);
    eventually("it is out of Ada's list", || ada.contents(&pack).is_empty());
    let listed = ada.json(&["list", &pack, "--deleted"]);
    assert_eq!(listed["notes"][0]["status"], "archived");
    assert_eq!(ada.json(&["show", &note])["note"]["deleted"]["by"], "Ben");
    assert_eq!(ada.json(&["pack", "show", &pack])["pack"]["notes"], 0);

    let (code, error) = ada.fails(&["undo"], b"");
    assert_eq!(
        (code, text(&error["code"]).as_str()),
        (7, "conflict"),
        "{error}"
    );
    assert!(
        text(&error["message"]).contains("shared the pack"),
        "{error}"
    );
    assert!(
        text(&error["hint"]).contains("kitbag share cancel"),
        "{error}"
    );
    let undone = ben.json(&["undo"]);
    assert_eq!(
        (undone["what"].as_str(), undone["status"].as_str()),
        (Some("deleted"), Some("active"))
    );
    assert_eq!(undone["audience"].as_array().unwrap().len(), 2);
    eventually("it is back", || ada.contents(&pack).len() == 1);
    let (code, _) = ben.fails(&["undo"], b"");
    assert_eq!(code, 7, "nothing else is Ben's");
}

fn run_with(args: &[&str], env: &[(&str, &str)]) -> Output {
    let dir = tempfile::tempdir().unwrap();
    crate::support::run_in(&dir.path().join("home"), args, b"", env)
}

/// Goal: into a pipe go neither colour nor cut lines, unless somebody asks for colour.
#[test]
fn colour_is_for_terminals_and_for_those_who_ask() {
    let wrong = ["show", "abc"]; // no home yet
    for (args, env, coloured) in [
        (&wrong[..], &[][..], false),
        (&wrong, &[("CLICOLOR_FORCE", "1")], true),
        (&wrong, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false),
        (
            &["--color", "always", "show", "abc"],
            &[("NO_COLOR", "1")],
            true,
        ),
        (
            &["--color=never", "show", "abc"],
            &[("CLICOLOR_FORCE", "1")],
            false,
        ),
        (&["add", "--color=always"], &[], true),
        (&["add"], &[("TERM", "dumb"), ("COLUMNS", "20")], false),
    ] {
        let output = run_with(args, env);
        let (stdout, stderr) = said(&output);
        assert!(stdout.is_empty(), "{stdout}");
        assert_eq!(
            stderr.contains('\x1b'),
            coloured,
            "{args:?} {env:?}: {stderr:?}"
        );
        assert_eq!(
            stderr.lines().count(),
            2,
            "a message and a hint: {stderr:?}"
        );
    }
    assert!(
        said(&run_with(&["--help"], &[("CLICOLOR_FORCE", "1")]))
            .0
            .contains('\x1b')
    );
    assert!(!said(&run_with(&["--help"], &[])).0.contains('\x1b'));
}

/// Goal: whoever has read enough and hangs up is no error, and nothing is said about it.
#[test]
fn a_reader_who_hangs_up_ends_it_quietly() {
    for args in [
        &["help", "--all"][..],
        &["man"],
        &["completions", "zsh"],
        &["--help"],
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kitbag"));
        command.args(args).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        assert_eq!(said(&output).1, "", "{args:?}");
    }
}

/// Goal: with `--json` help and version are documents too.
#[test]
fn help_and_version_are_documents() {
    for (args, field) in [
        (&["--json", "--help"][..], "help"),
        (&["share", "--help", "--json"], "help"),
        (&["--version", "--json"], "version"),
        (&["help", "ticket/expired", "--json"], "help"),
    ] {
        let output = run_with(args, &[]);
        let document: serde_json::Value = serde_json::from_str(&said(&output).0).unwrap();
        assert_eq!(
            (output.status.code(), &document["v"]),
            (Some(0), &1.into()),
            "{args:?}"
        );
        assert!(!text(&document[field]).is_empty(), "{args:?}");
    }
}

/// Goal: what cannot be a ticket, a file or a code for the camera is told as that, and changes nothing.
#[test]
fn hints_fit_what_was_wrong() {
    let ada = Device::up("Ada");
    let pack = ada.create_pack("Acme");
    let (code, error) = ada.fails(&["join", "-"], &[0; 100_000]);
    assert_eq!(
        (code, error["code"].as_str()),
        (2, Some("ticket/not-a-ticket")),
        "{error}"
    );
    let (_, error) = ada.fails(&["join", "-"], b" \n");
    assert_eq!(error["code"], "ticket/empty");
    let long = format!("{}.txt", "a".repeat(5_000));
    let (code, error) = ada.fails(&["inspect", &long], b"");
    assert_eq!(code, 2, "{error}");
    assert!(
        error.to_string().len() < 1_000,
        "the text is not echoed: {error}"
    );

    let (code, error) = ada.fails(&["share", &pack, "--yes", "--qr"], b"");
    assert_eq!(
        (code, error["code"].as_str()),
        (2, Some("usage")),
        "{error}"
    );
    assert_eq!(
        ada.json(&["share", "list", &pack])["invites"]
            .as_array()
            .unwrap()
            .len(),
        0
    );

    let second = ada.run(&["pack", "create", "Acme"], b"");
    assert!(
        said(&second).1.contains("another pack called Acme"),
        "{second:?}"
    );
    let third = ada.run(&["pack", "create", "Plans"], b"");
    assert!(!said(&third).1.contains("another pack"), "{third:?}");
}

/// Goal: whoever joins is told for whom they would write, unless they may not.
#[test]
fn joining_names_its_audience() {
    let (ada, ben) = (Device::up("Ada"), Device::up("Ben"));
    let pack = ada.create_pack("Acme");
    let ticket = ada.share(&pack);
    let joined = ben.json_with(&["join", "-", "--as", "mine"], ticket.as_bytes());
    let names: Vec<&str> = joined["audience"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|member| member["name"].as_str())
        .collect();
    assert_eq!(names, ["Ben", "Ada"], "{joined}");
    let other = ada.create_pack("Plans");
    let ticket = text(&ada.json(&["share", &other, "--yes", "--role", "reader"])["ticket"]);
    let (code, _) = ben.fails(&["join", "-", "--as", "mine"], ticket.as_bytes());
    assert_eq!(code, 2, "another pack goes by that name");
    let joined = ben.run(&["join", "-"], ticket.as_bytes());
    assert!(joined.status.success(), "{joined:?}");
    let (stdout, _) = said(&joined);
    assert!(
        !stdout.contains("What you add"),
        "a reader adds nothing: {stdout}"
    );
}

/// Goal: a device that was told to reach nobody says so wherever it is asked how it is, and a sync that
/// waits names that as the reason.
#[test]
fn an_offline_device_says_so() {
    const SAID: &str = "Offline: nobody is reached";
    let (ada, ben) = (Device::up("Ada"), Device::up("Ben"));
    let pack = ada.create_pack("Acme");
    ben.ok(&["join", &ada.share(&pack)]);
    let asks: [&[&str]; 3] = [&[], &["status"], &["daemon", "status"]];
    let both = |args: &[&str]| {
        let (stdout, stderr) = said(&ada.run(args, b""));
        stdout + &stderr
    };
    for args in asks {
        assert!(!both(args).contains(SAID), "{args:?}");
        assert_eq!(ada.json(args)["offline"], false, "{args:?}");
    }
    let online = ada.fails(&["up", "--detach", "--offline"], b"");
    assert_eq!(online.0, 7, "{}", online.1);
    ada.ok(&["down"]);
    assert!(both(&["up", "--detach", "--offline"]).contains(SAID));
    assert!(both(&["up", "--detach", "--offline"]).contains("Running already"));
    for args in asks {
        let told = both(args);
        assert_eq!(told.matches(SAID).count(), 1, "{args:?}: {told}");
        assert_eq!(ada.json(args)["offline"], true, "{args:?}");
    }
    let (exit, error) = ada.fails(&["sync", "--wait", "--timeout", "1s"], b"");
    assert_eq!(exit, 11, "{error}");
    assert!(text(&error["message"]).contains("offline"), "{error}");
}

#[cfg(target_os = "linux")] // the device file that is always full
/// Goal: an answer that cannot be written is told as that, not as a command that failed; the command
/// was done.
#[test]
fn an_answer_that_is_lost_says_that_it_was_done() {
    let ada = Device::up("Ada");
    let pack = ada.create_pack("Acme");
    let mut command = Command::new(env!("CARGO_BIN_EXE_kitbag"));
    command.arg("--home").arg(&ada.home);
    command.args(["add", &pack, "--source", "test", "--title", "One"]);
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
    command.stdin(Stdio::null()).stdout(full.unwrap());
    let output = command.stderr(Stdio::piped()).output().unwrap();
    let (_, stderr) = said(&output);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("it was done, but the answer"), "{stderr}");
    assert!(!stderr.contains("room on the disk"), "{stderr}");
    assert_eq!(ada.contents(&pack).len(), 1);
}
