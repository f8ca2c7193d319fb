//! A person's terminal: a shell at a pseudo-terminal of its own, as `script` makes one.
//!
//! What is typed goes to whatever reads the terminal, so a secret is typed as a person types it. Nothing
//! else than a terminal opens a session, and the tests of them have none but these.

use crate::support::Device;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What a command did at a terminal.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    /// Both of its streams, as the terminal showed them.
    pub(crate) shown: String,
}

/// A shell at a terminal of its own.
pub(crate) struct Terminal {
    shell: Child,
    keys: ChildStdin,
    shown: Arc<Mutex<Vec<u8>>>,
    home: String,
    commands: usize,
}

/// How long a command may take.
const PATIENCE: Duration = Duration::from_secs(60);

impl Terminal {
    /// One in which `kitbag` means the device's home.
    pub(crate) fn of(device: &Device) -> Terminal {
        Terminal::at(&device.home, device.home.parent().unwrap())
    }

    pub(crate) fn at(home: &Path, directory: &Path) -> Terminal {
        let mut shell = Command::new("script")
            .args(["-qfec", "sh", "/dev/null"])
            .current_dir(directory)
            .env("SHELL", "/bin/sh")
            .env("PS1", "")
            .env("TERM", "dumb")
            .env("COLUMNS", "500")
            .env_remove("DBUS_SESSION_BUS_ADDRESS")
            .env_remove("KITBAG_HOME")
            .env("XDG_RUNTIME_DIR", home.with_extension("run"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("`script` of util-linux makes a terminal");
        let (keys, mut screen) = (shell.stdin.take().unwrap(), shell.stdout.take().unwrap());
        let shown = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&shown);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = screen.read(&mut bytes) {
                seen.lock().unwrap().extend_from_slice(&bytes[..count]);
            }
        });
        let mut terminal = Terminal {
            shell,
            keys,
            shown,
            home: home.to_str().unwrap().to_owned(),
            commands: 0,
        };
        terminal.keys("stty -echo\n");
        terminal.line("true", &[]);
        terminal
    }

    fn keys(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    fn screen(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().unwrap()).replace("\r\n", "\n")
    }

    fn wait_for(&self, from: usize, text: &str) -> usize {
        let began = Instant::now();
        loop {
            let screen = self.screen();
            if let Some(at) = screen.get(from..).and_then(|new| new.find(text)) {
                return from + at + text.len();
            }
            let new = screen.get(from..).unwrap_or_default();
            assert!(began.elapsed() < PATIENCE, "no {text:?} in: {new}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Runs a command of the device. Each of `typed` is a text to wait for, and what is typed then.
    pub(crate) fn run(&mut self, args: &[&str], typed: &[(&str, &str)]) -> Ran {
        let quoted: Vec<String> = args.iter().map(|arg| quoted(arg)).collect();
        let program = quoted_path(env!("CARGO_BIN_EXE_kitbag"));
        let line = format!(
            "{program} --home {} {}",
            quoted_path(&self.home),
            quoted.join(" ")
        );
        self.line(&line, typed)
    }

    /// Runs a line of the shell.
    pub(crate) fn line(&mut self, line: &str, typed: &[(&str, &str)]) -> Ran {
        self.commands += 1;
        let (begins, ends) = (
            format!("<{}<", self.commands),
            format!(">{}>", self.commands),
        );
        let from = self.screen().len();
        // In two pieces each, so that an echo of the line is not taken for what it prints.
        self.keys(&format!(
            "printf '<%s<' {n}; {line}; printf '>%s>%s.' {n} $?\n",
            n = self.commands
        ));
        let begun = self.wait_for(from, &begins);
        let mut at = begun;
        for (prompt, keys) in typed {
            at = self.wait_for(at, prompt);
            self.keys(&format!("{keys}\n"));
        }
        let end = self.wait_for(at, &ends);
        self.wait_for(end, ".");
        let screen = self.screen();
        let code = screen[end..].split('.').next().unwrap();
        Ran {
            code: code.parse().unwrap(),
            shown: screen[begun..end - ends.len()].to_owned(),
        }
    }

    /// Runs a command that must succeed.
    pub(crate) fn ok(&mut self, args: &[&str], typed: &[(&str, &str)]) -> String {
        let ran = self.run(args, typed);
        assert_eq!(ran.code, 0, "{args:?}: {}", ran.shown);
        ran.shown
    }

    /// Adds the first agent of a device, whose PIN begins to be asked with that.
    pub(crate) fn first_agent(&mut self, name: &str, pack: &str) -> String {
        let args = ["agent", "add", name, "--packs", pack, "--yes"];
        self.ok(&args, &[("New PIN", PIN), ("The same again", PIN)])
    }

    pub(crate) fn unlock(&mut self) {
        let shown = self.ok(&["unlock"], &[("PIN: ", PIN)]);
        assert!(shown.contains("Unlocked in this terminal until"), "{shown}");
    }
}

/// The PIN of every device here.
pub(crate) const PIN: &str = "493027";

fn quoted(arg: &str) -> String {
    format!("'{}'", arg.replace('\'', "'\\''"))
}

fn quoted_path(path: &str) -> String {
    quoted(path)
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.keys.write_all(b"exit\n");
        let _ = self.shell.kill(); // its own child, by its handle
        let _ = self.shell.wait();
    }
}
