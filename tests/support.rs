//! Devices as a person has them: a home each, and the `kitbag` program.

use data_encoding::BASE32_NOPAD;
use kitbag_crypto::MasterKey;
use kitbag_store::Store;
use kitbag_testkit::Dice;
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A device of one person. Its daemon is stopped when it goes.
pub(crate) struct Device {
    pub(crate) home: PathBuf,
    _dir: Option<TempDir>,
}

impl Device {
    /// A home with a person, and a daemon that listens on loopback only.
    pub(crate) fn up(name: &str) -> Device {
        let device = Device::empty();
        device.ok(&["up", "--name", name, "--detach", "--listen", "loopback"]);
        device
    }

    /// A home without anything.
    pub(crate) fn empty() -> Device {
        let dir = tempfile::Builder::new().prefix("kb").tempdir().unwrap();
        Device {
            home: dir.path().join("home"),
            _dir: Some(dir),
        }
    }

    /// Runs a command.
    pub(crate) fn run(&self, args: &[&str], stdin: &[u8]) -> Output {
        run_in(&self.home, args, stdin, &[])
    }

    /// Runs a command that must succeed; gives what it prints.
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        self.ok_with(args, b"")
    }

    pub(crate) fn ok_with(&self, args: &[&str], stdin: &[u8]) -> String {
        let output = self.run(args, stdin);
        assert!(
            output.status.success(),
            "kitbag {args:?} failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command that must succeed with `--json`.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        self.json_with(args, b"")
    }

    pub(crate) fn json_with(&self, args: &[&str], stdin: &[u8]) -> Value {
        let with_json: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
        let document: Value = serde_json::from_str(&self.ok_with(&with_json, stdin)).unwrap();
        assert_eq!(document["v"], 1);
        crate::schemas::check(args, &document);
        document
    }

    /// Runs a command that must fail; gives its exit code and the error document.
    pub(crate) fn fails(&self, args: &[&str], stdin: &[u8]) -> (i32, Value) {
        let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
        let output = self.run(&args, stdin);
        let stderr = String::from_utf8(output.stderr).unwrap();
        let code = output.status.code().unwrap_or(-1);
        assert_ne!(code, 0, "kitbag {args:?} succeeded");
        let document: Value = serde_json::from_str(stderr.trim())
            .unwrap_or_else(|_| panic!("no error document: {stderr}"));
        crate::schemas::check_error(&document);
        (code, document["error"].clone())
    }

    /// Makes a pack and returns its id.
    pub(crate) fn create_pack(&self, title: &str) -> String {
        text(&self.json(&["pack", "create", title])["pack"]["id"])
    }

    /// Adds a note and returns its id.
    pub(crate) fn add(&self, pack: &str, title: &str, body: &str) -> String {
        text(
            &self.json_with(
                &["add", pack, "--source", "test", "--title", title],
                body.as_bytes(),
            )["note"]["id"],
        )
    }

    /// A ticket for a teammate.
    pub(crate) fn share(&self, pack: &str) -> String {
        text(&self.json(&["share", pack, "--yes"])["ticket"])
    }

    /// Titles and bodies of a pack's notes, sorted.
    pub(crate) fn contents(&self, pack: &str) -> Vec<(String, String)> {
        let list = self.json(&["list", pack]);
        let ids = list["notes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|note| text(&note["id"]));
        let mut contents: Vec<_> = ids
            .map(|id| {
                let note = &self.json(&["show", &id])["note"];
                (text(&note["title"]), text(&note["body"]))
            })
            .collect();
        contents.sort();
        contents
    }

    pub(crate) fn offline(&self) {
        self.ok(&["down"]);
        self.ok(&["up", "--detach", "--offline"]);
    }

    pub(crate) fn online(&self) {
        self.ok(&["down"]);
        self.ok(&["up", "--detach"]);
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        let _ = self.run(&["down"], b""); // it may not run
    }
}

/// Runs the program.
pub(crate) fn run_in(home: &Path, args: &[&str], stdin: &[u8], env: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kitbag"));
    command
        .arg("--home")
        .arg(home)
        .args(args)
        .envs(env.iter().copied());
    // No session bus: the machine's own keyring is none of a test's business.
    command
        .env_remove("DBUS_SESSION_BUS_ADDRESS")
        .env("XDG_RUNTIME_DIR", home.with_extension("run"));
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let _ = pipe.write_all(stdin); // a command that fails early does not read
    drop(pipe);
    child.wait_with_output().unwrap()
}

pub(crate) fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("not text: {value}"))
        .to_owned()
}

/// Waits until something holds.
pub(crate) fn eventually(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "not within a minute: {what}"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Starts a daemon after that of this process was killed, and waits until it is another that answers.
pub(crate) fn up_after_kill(device: &Device, killed: u64) {
    eventually("another daemon answers", || {
        let up = device.run(&["up", "--detach", "--listen", "loopback"], b"");
        let status = device.run(&["daemon", "status", "--json"], b"");
        let status: Value = serde_json::from_slice(&status.stdout).unwrap_or_default();
        up.status.success() && status["pid"].as_u64().is_some_and(|pid| pid != killed)
    });
}

/// The database of a home that nobody has open, opened with the home's key.
pub(crate) fn open_store(home: &Path) -> Store {
    let key = std::fs::read_to_string(home.join("key")).unwrap();
    let (_, encoded) = key.trim().rsplit_once([' ', '-', ':']).unwrap();
    let bytes = BASE32_NOPAD
        .decode(encoded.to_ascii_uppercase().as_bytes())
        .unwrap();
    let master = MasterKey::from_bytes(bytes[..].try_into().unwrap());
    let mut rng = Dice::new(1).fork();
    Store::open(&home.join("kitbag.redb"), &master, &mut *rng).unwrap()
}

/// All files below a directory.
pub(crate) fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else if path.is_file() {
            files.push(path);
        }
    }
    files
}

/// Where a byte string stands in another.
pub(crate) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}
