//! What the documents tell people to type works: every command of the README, in its order.

use crate::support::{Device, run_in, text};
use serde_json::Value;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const README: &str = include_str!("../README.md");
const CLI: &str = include_str!("../docs/cli.md");

/// The lines of a page's blocks of this language.
fn lines_of<'p>(page: &'p str, language: &str) -> Vec<&'p str> {
    let fence = format!("```{language}");
    let mut lines = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        match (inside, line) {
            (false, line) => inside = line == fence,
            (true, "```") => inside = false,
            (true, line) => lines.push(line),
        }
    }
    lines
}

/// Somebody who follows a page: their homes, and what the commands printed so far.
struct Reader {
    dir: PathBuf,
    /// What `share` printed last: it is sent to whoever joins.
    message: String,
}

impl Reader {
    /// The line with this reader's homes, packs and notes in it.
    fn filled(&self, line: &str) -> String {
        let dir = self.dir.display().to_string();
        let line = line.replace("/tmp/", &format!("{dir}/"));
        let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let home = words.iter().position(|word| word == "--home");
        let home = home.map(|at| PathBuf::from(&words[at + 1]));
        for word in &mut words {
            match (word.as_str(), &home) {
                ("PACK", Some(home)) => *word = pack_of(home),
                ("NOTE", Some(home)) => *word = note_of(home),
                _ => {}
            }
        }
        words.join(" ")
    }

    /// Types a line into a shell that finds `kitbag`.
    fn types(&mut self, line: &str) {
        let typed = self.filled(line);
        let stdin = match typed.ends_with("join -") {
            true => self.message.clone(),
            false => "They want to renew in June.\n".to_owned(),
        };
        let output = self.shell(&typed, &stdin);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}: {stderr}");
        if line.contains(" share ") {
            self.message = String::from_utf8(output.stdout).unwrap();
        }
    }

    fn shell(&self, line: &str, stdin: &str) -> Output {
        let program = Path::new(env!("CARGO_BIN_EXE_kitbag")).parent().unwrap();
        let path = std::env::var("PATH").unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", line]).current_dir(&self.dir);
        command.env("PATH", format!("{}:{path}", program.display()));
        command.env_remove("DBUS_SESSION_BUS_ADDRESS");
        command.env("XDG_RUNTIME_DIR", self.dir.join("run"));
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes()); // not every command reads
        child.wait_with_output().unwrap()
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        for home in ["ada", "ben"] {
            run_in(&self.dir.join(home), &["down"], b"", &[]);
        }
    }
}

fn json(home: &Path, args: &[&str]) -> Value {
    let output = run_in(home, args, b"", &[]);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{args:?}: {output:?}"))
}

fn pack_of(home: &Path) -> String {
    text(&json(home, &["pack", "list", "--json"])["packs"][0]["id"])
}

fn note_of(home: &Path) -> String {
    let pack = pack_of(home);
    crate::support::eventually("the note is here", || {
        !json(home, &["list", &pack, "--json"])["notes"]
            .as_array()
            .unwrap()
            .is_empty()
    });
    text(&json(home, &["list", &pack, "--json"])["notes"][0]["id"])
}

/// Goal: whoever types what the README says, line by line, gets through, and the note that one wrote
/// and the other edited is the same for both in the end.
#[test]
fn every_command_of_the_readme_works_in_its_order() {
    let dir = tempfile::Builder::new().prefix("kb").tempdir().unwrap();
    let mut reader = Reader {
        dir: dir.path().to_owned(),
        message: String::new(),
    };
    let mut typed = 0;
    for line in lines_of(README, "console") {
        if let Some(line) = line.strip_prefix("$ ") {
            reader.types(line);
            typed += 1;
        } else {
            is_a_command_of_cargo(line);
        }
    }
    assert!(typed >= 11, "{typed} lines were found");
    let body = |home: &str| {
        let home = dir.path().join(home);
        text(&json(&home, &["show", &note_of(&home), "--json"])["note"]["body"])
    };
    crate::support::eventually("both read the same", || {
        body("ada") == body("ben") && body("ada").contains("June")
    });
}

/// Building and testing is what runs this test; that the program is asked for something it knows can
/// be seen without building it once more.
fn is_a_command_of_cargo(line: &str) {
    let words: Vec<&str> = line.split(' ').collect();
    match words[..] {
        ["cargo", "test", "--workspace"] => {}
        ["cargo", "run", "--release", "--", ..] => {
            let args: Vec<&str> = words[4..].iter().copied().chain(["--help"]).collect();
            let dir = tempfile::tempdir().unwrap();
            let output = run_in(dir.path(), &args, b"", &[]);
            assert!(output.status.success(), "{line}");
        }
        _ => panic!("nobody runs {line:?}: teach this test how"),
    }
}

/// Goal: the requests that docs/cli.md shows are answered as it promises.
#[test]
fn the_requests_of_the_local_api_are_answered() {
    let ada = Device::up("Ada");
    let lines = lines_of(CLI, "sh");
    assert_eq!(lines.len(), 2, "{lines:?}");
    for line in lines {
        let answer = answer_of(&ada, line);
        assert!(answer.starts_with("HTTP/1.1 200"), "{line}: {answer}");
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        if line.ends_with("/metrics") {
            assert!(
                body.lines().any(|line| line.starts_with("kitbag_")),
                "{body}"
            );
        } else {
            let document: Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer}"));
            crate::schemas::check(&["status"], &document);
        }
    }
}

/// What the daemon answers to a request as curl makes it.
fn answer_of(ada: &Device, line: &str) -> String {
    let quoted: Vec<&str> = line.split('\'').collect();
    let header = quoted[1];
    let url = line
        .rsplit(' ')
        .next()
        .unwrap()
        .strip_prefix("http://kitbag")
        .unwrap();
    assert!(line.contains("$KITBAG_HOME/run/kitbag.sock"), "{line}");
    let mut socket = UnixStream::connect(ada.home.join("run/kitbag.sock")).unwrap();
    let request =
        format!("GET {url} HTTP/1.1\r\nhost: kitbag\r\n{header}\r\nconnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer
}
