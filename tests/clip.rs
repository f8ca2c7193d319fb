//! The clipboard, with a program in the place of the one that reads it: the real one is never touched.

use crate::support::{Device, run_in, text};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

/// A desktop of its own: a `wl-paste` that says what a file holds.
struct Desktop {
    dir: TempDir,
}

impl Desktop {
    fn new() -> Desktop {
        let desktop = Desktop {
            dir: tempfile::tempdir().unwrap(),
        };
        let script = "#!/bin/sh\ncd \"$(dirname \"$0\")\"\n\
            if [ \"$1\" = --list-types ]; then cat types 2>/dev/null; exit 0; fi\n\
            if [ -e then-types ]; then mv then-types types; mv then-clip clip; fi\n\
            [ -s clip ] || exit 1\nexec cat clip\n";
        let program = desktop.path("wl-paste");
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        desktop
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Whole or not at all: it may be read at any moment.
    fn copy(&self, text: &[u8]) {
        fs::write(self.path("new"), text).unwrap();
        fs::rename(self.path("new"), self.path("clip")).unwrap();
    }

    fn env(&self) -> Vec<(String, String)> {
        let path = std::env::var("PATH").unwrap();
        let path = format!("{}:{path}", self.dir.path().display());
        let wayland = ("WAYLAND_DISPLAY".to_owned(), "of-a-test".to_owned());
        let display = self.path("display").exists().then_some("of-a-test");
        let x11 = ("DISPLAY".to_owned(), display.unwrap_or_default().to_owned());
        vec![("PATH".to_owned(), path), wayland, x11]
    }

    /// From now on there is X11 beside Wayland, and a window in front: what `xdotool` says of it.
    fn window(&self, script: &str) {
        let script = format!(
            "#!/bin/sh\n[ \"$*\" = \"getactivewindow getwindowname\" ] || exit 2\n{script}\n"
        );
        let program = self.path("xdotool");
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(self.path("display"), "").unwrap();
    }

    fn run(&self, device: &Device, args: &[&str]) -> Output {
        let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
        self.run_plain(device, &args)
    }

    fn run_plain(&self, device: &Device, args: &[&str]) -> Output {
        let env = self.env();
        let env: Vec<(&str, &str)> = env.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        run_in(&device.home, args, b"", &env)
    }

    fn json(&self, device: &Device, args: &[&str]) -> Value {
        let output = self.run(device, args);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {stderr}");
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        crate::schemas::check(args, &document);
        document
    }

    fn fails(&self, device: &Device, args: &[&str]) -> (i32, Value) {
        let output = self.run(device, args);
        let stderr = String::from_utf8(output.stderr).unwrap();
        let document: Value = serde_json::from_str(stderr.trim()).expect(&stderr);
        crate::schemas::check_error(&document);
        (output.status.code().unwrap(), document["error"].clone())
    }

    fn watch(&self, device: &Device, clips: &str) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kitbag"));
        command.arg("--home").arg(&device.home);
        command.args(["clip", "--watch", "--clips", clips]);
        command
            .envs(self.env())
            .env_remove("DBUS_SESSION_BUS_ADDRESS");
        command.env("XDG_RUNTIME_DIR", device.home.with_extension("run"));
        let piped = command.stdin(Stdio::null()).stdout(Stdio::piped());
        piped.stderr(Stdio::piped()).spawn().unwrap()
    }
}

/// Goal: what was copied is a note where it was said, the next time without saying it, and once.
#[test]
fn a_clip_goes_where_the_last_one_went() {
    let (ada, desktop) = (Device::up("Ada"), Desktop::new());
    let (acme, other) = (ada.create_pack("Acme"), ada.create_pack("Other"));
    desktop.copy("Renewal in June\n— Änne".as_bytes());
    let (exit, error) = desktop.fails(&ada, &["clip", &acme]);
    assert_eq!(
        (exit, &error["code"]),
        (2, &json!("usage")),
        "no source yet: {error}"
    );
    let dry = desktop.json(&ada, &["clip", &acme, "--source", "CRM", "--dry-run"]);
    assert_eq!(dry["clips"][0]["note"], Value::Null);
    assert!(ada.contents(&acme).is_empty());
    let first = desktop.json(&ada, &["clip", &acme, "--source", "CRM"]);
    assert_eq!(first["clips"][0]["characters"], 22);
    let again = desktop.json(&ada, &["clip"]);
    assert_eq!(again["clips"][0]["existing"], true, "{again}");
    assert_eq!(again["clips"][0]["note"], first["clips"][0]["note"]);
    ada.ok(&["down"]);
    desktop.copy(b"They want 40 seats");
    let second = desktop.json(&ada, &["clip"]);
    assert_eq!(
        (&second["pack"]["id"], &second["source"]),
        (&json!(acme), &json!("CRM"))
    );
    let note = ada.json(&["show", &text(&second["clips"][0]["note"]["id"])]);
    let note = &note["note"];
    assert_eq!(
        (&note["body"], &note["type"]),
        (&json!("They want 40 seats"), &json!("snippet"))
    );
    assert_eq!(note["source"]["kind"], "clipboard");
    assert_eq!(ada.contents(&acme).len(), 2);
    let (exit, _) = desktop.fails(&ada, &["clip", &other]);
    assert_eq!(exit, 2, "a source is remembered for its pack");
    let held = {
        desktop.copy(b"Born 1990-04-05, mia.li@example.com");
        desktop.json(&ada, &["clip"])
    };
    assert_eq!(held["clips"][0]["note"]["sensitivity"], "restricted");
    assert_eq!(
        held["clips"][0]["held"],
        json!(["email", "date_of_birth"]),
        "{held}"
    );
    assert_eq!(
        held["clips"][0]["masked"]["note"]["sensitivity"],
        "internal"
    );
    // The last clip and this directory mean two packs: it asks, and adds nothing.
    let use_here = run_in(&ada.home, &["use", &other], b"", &[]);
    assert!(use_here.status.success());
    let (exit, error) = desktop.fails(&ada, &["clip"]);
    assert_eq!((exit, &error["code"]), (2, &json!("usage")), "{error}");
    assert!(ada.contents(&other).is_empty());
}

/// Goal: what is no text, too long, marked as secret, or not to be had is an error with a way out, and
/// nothing is added.
#[test]
fn what_is_no_text_is_not_taken() {
    let (ada, desktop) = (Device::up("Ada"), Desktop::new());
    let pack = ada.create_pack("Acme");
    let clip = ["clip", &pack, "--source", "CRM"];
    let refused = |what: &str| {
        let (exit, error) = desktop.fails(&ada, &clip);
        assert_eq!(
            (exit, &error["code"]),
            (2, &json!("bad-input")),
            "{what}: {error}"
        );
        assert!(
            text(&error["message"]).contains("nothing was added"),
            "{what}: {error}"
        );
    };
    refused("nothing was ever copied");
    desktop.copy(b" \n\t ");
    refused("blank");
    desktop.copy(b"\xff\xfe\x00");
    refused("not UTF-8");
    desktop.copy(&vec![b'a'; 4_000_001]);
    refused("longer than a note");
    desktop.copy(b"hunter2");
    fs::write(
        desktop.path("types"),
        "text/plain\nx-kde-passwordManagerHint\n",
    )
    .unwrap();
    refused("a secret");
    // The secret comes when the types of what was there before were told.
    desktop.copy(b"harmless");
    fs::write(desktop.path("types"), "text/plain\n").unwrap();
    fs::write(desktop.path("then-clip"), "hunter2").unwrap();
    let secret = "text/plain\nx-kde-passwordManagerHint\n";
    fs::write(desktop.path("then-types"), secret).unwrap();
    refused("a secret that comes between");
    assert!(!desktop.path("then-types").exists());
    fs::remove_file(desktop.path("types")).unwrap();
    let no_desktop = [("WAYLAND_DISPLAY", ""), ("DISPLAY", "")];
    let no_program = [
        ("WAYLAND_DISPLAY", "x"),
        ("DISPLAY", ":9"),
        ("PATH", "/nonexistent"),
    ];
    for env in [&no_desktop[..], &no_program[..]] {
        let output = run_in(&ada.home, &clip, b"", env);
        assert_eq!(output.status.code(), Some(3));
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.contains("kitbag add PACK --source"), "{stderr}");
    }
    assert!(ada.contents(&pack).is_empty());
}

/// Goal: while it watches, every new text goes to the pack and is told; what lay there before does not
/// go, and what cannot be taken ends nothing.
#[test]
fn a_watch_takes_what_is_copied_from_then_on() {
    let (ada, desktop) = (Device::up("Ada"), Desktop::new());
    let pack = ada.create_pack("Acme");
    desktop.copy(b"before");
    desktop.json(&ada, &["clip", &pack, "--source", "CRM"]);
    desktop.copy(b"copied for something else");
    let mut watching = desktop.watch(&ada, "3");
    let mut stderr = watching.stderr.take().unwrap();
    let mut told = Vec::new();
    let mut read_until = |what: &str| {
        let mut byte = [0];
        while !String::from_utf8_lossy(&told).contains(what) {
            assert_eq!(
                std::io::Read::read(&mut stderr, &mut byte).unwrap(),
                1,
                "{what}"
            );
            told.push(byte[0]);
        }
        told.clear();
    };
    read_until("does not\n");
    desktop.copy(b"first");
    read_until("Added to Acme");
    desktop.copy(b"\xff");
    read_until("NOT ADDED");
    desktop.copy(b"second");
    read_until("Not watching any more: 2 texts went to Acme");
    assert!(watching.wait().unwrap().success());
    let bodies: Vec<String> = ada
        .contents(&pack)
        .into_iter()
        .map(|(_, body)| body)
        .collect();
    assert_eq!(bodies, ["before", "first", "second"]);
}

/// Goal: a clip with personal data says so in words, with the kinds and never a value.
#[test]
fn a_clip_with_personal_data_says_that_the_original_is_raised() {
    let (ada, desktop) = (Device::up("Ada"), Desktop::new());
    let pack = ada.create_pack("Acme");
    desktop.copy(b"Born 1990-04-05, mia.li@example.com");
    let output = desktop.run_plain(&ada, &["clip", &pack, "--source", "CRM"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    let words = "It holds personal data (email, date of birth), so the original is Restricted. A masked copy ";
    assert!(said.contains(words), "{said}");
    assert!(!said.contains("mia.li") && !said.contains("1990"), "{said}");
}

/// Goal: on X11 the title of the window in front is suggested as the source, and kept as the application
/// while it watches; a hostile title stays text, and a program that fails suggests nothing.
#[test]
fn the_window_in_front_is_suggested_and_kept() {
    let (ada, desktop) = (Device::up("Ada"), Desktop::new());
    let pack = ada.create_pack("Acme");
    desktop.copy(b"Renewal in June");
    let hint = |desktop: &Desktop| {
        let (exit, error) = desktop.fails(&ada, &["clip", &pack]);
        assert_eq!((exit, &error["code"]), (2, &json!("usage")), "{error}");
        text(&error["hint"])
    };
    let remembered = "it is remembered for the next clip into this pack";
    assert_eq!(hint(&desktop), remembered, "Wayland tells nobody");
    desktop.window("echo 'Acme · Renewal — CRM'");
    assert_eq!(
        hint(&desktop),
        "the window in front is: Acme · Renewal — CRM"
    );
    desktop.window("printf 'CRM\\033[31m\\n\\342\\200\\256evil'");
    let told = hint(&desktop);
    assert!(
        told.starts_with("the window in front is: CRM") && told.ends_with("evil"),
        "{told}"
    );
    let is_hostile = |c: char| c.is_control() || c == '\u{202e}';
    assert!(!told.contains(is_hostile), "{told:?}");
    let long = "head -c 5000 /dev/zero | tr '\\0' x";
    for script in ["exit 1", "echo CRM; exit 1", "echo", "printf '\\377'", long] {
        desktop.window(script);
        let told = hint(&desktop);
        let named = "the window in front is: xxx";
        assert!(
            told == remembered || (script == long && told.starts_with(named) && told.len() < 1_000),
            "{script}: {told}"
        );
    }

    // Said once, the source is remembered; each clip that comes while it watches has its own window.
    desktop.window("echo 'Mail — Inbox'");
    desktop.json(&ada, &["clip", &pack, "--source", "CRM"]);
    let mut watching = desktop.watch(&ada, "1");
    let mut stderr = watching.stderr.take().unwrap();
    let (mut told, mut byte) = (Vec::new(), [0]);
    while !String::from_utf8_lossy(&told).contains("does not\n") {
        let read = std::io::Read::read(&mut stderr, &mut byte).unwrap();
        assert_eq!(read, 1, "{}", String::from_utf8_lossy(&told));
        told.push(byte[0]);
    }
    desktop.copy(b"They want 40 seats");
    std::io::Read::read_to_end(&mut stderr, &mut told).unwrap();
    assert!(watching.wait().unwrap().success());
    let list = ada.json(&["list", &pack]);
    let apps: Vec<Value> = list["notes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|note| ada.json(&["show", &text(&note["id"])])["note"].clone())
        .filter(|note| note["body"] == "They want 40 seats")
        .map(|note| json!([note["source"]["label"], note["source"]["app"]]))
        .collect();
    assert_eq!(apps, [json!(["CRM", "Mail — Inbox"])]);
}
