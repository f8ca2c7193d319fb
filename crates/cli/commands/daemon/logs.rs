//! `kitbag daemon logs`: the last lines of the daemon's log, and with `--follow` the next ones. Reads
//! files, so it works while the daemon is down.

use crate::context::Context;
use crate::home;
use clap::Args;
use jiff::{Timestamp, tz::TimeZone};
use kitbag_daemon::log_files;
use kitbag_rpc::{Code, Failure, V1};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Lines shown at most; the log holds less than this of any sensible length.
const LINES_MAX: usize = 1_000_000;
/// How often a log that is followed is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);

#[derive(Debug, Args)]
pub(crate) struct LogsArgs {
    /// Go on with what is written next, until Ctrl-C
    #[arg(long, short)]
    follow: bool,
    /// How many lines from the end
    #[arg(long, short = 'n', value_name = "N", default_value_t = 100)]
    lines: usize,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Logs {
    v: V1,
    files: Vec<PathBuf>,
    lines: Vec<Value>,
}

pub(super) async fn run(context: &Context, args: LogsArgs) -> anyhow::Result<()> {
    if let Some(trouble) = home::trouble(&context.home) {
        return Err(trouble.into());
    }
    if args.follow && context.out.is_json() {
        let failure = Failure::new(
            Code::Usage,
            "--follow has no end, and --json is one document",
        );
        return Err(failure
            .hint("in a pipe each line is a JSON object: kitbag daemon logs --follow | cat")
            .into());
    }
    let mut tail = Tail::default();
    let last = tail.last(&log_files(&context.home), args.lines.min(LINES_MAX));
    if context.out.is_json() {
        return context.out.document(&Logs {
            v: V1,
            files: log_files(&context.home),
            lines: last.iter().map(|line| parsed(line)).collect(),
        });
    }
    for line in last {
        tell(context, &line)?;
    }
    if !args.follow && log_files(&context.home).is_empty() {
        context.out.say("There is no log yet.");
    }
    if !args.follow {
        return Ok(());
    }
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        for line in tail.next(&log_files(&context.home)) {
            tell(context, &line)?;
        }
    }
}

/// On a terminal in words, in a pipe as it stands.
fn tell(context: &Context, line: &str) -> anyhow::Result<()> {
    match context.out.terminal() {
        Some(_) => context.out.data(in_words(line))?,
        None => context.out.data(line)?,
    }
    Ok(())
}

/// Where reading stopped.
#[derive(Default)]
struct Tail {
    file: Option<PathBuf>,
    offset: u64,
    /// A line that was not whole yet.
    begun: Vec<u8>,
}

impl Tail {
    /// The last lines of these files; what follows them is next.
    fn last(&mut self, files: &[PathBuf], lines: usize) -> VecDeque<String> {
        let mut last = VecDeque::new();
        for line in self.next(files) {
            last.push_back(line);
            if last.len() > lines {
                last.pop_front();
            }
        }
        last
    }

    /// All whole lines since the last time.
    fn next(&mut self, files: &[PathBuf]) -> Vec<String> {
        let at = self
            .file
            .as_ref()
            .and_then(|old| files.iter().position(|file| file == old));
        if at.is_none() {
            (self.offset, self.begun) = (0, Vec::new()); // the first time, or its file is gone
        }
        let mut lines = Vec::new();
        for (n, file) in files.iter().enumerate().skip(at.unwrap_or(0)) {
            if at != Some(n) {
                (self.offset, self.begun) = (0, Vec::new());
            }
            self.file = Some(file.clone());
            self.read(file, &mut lines);
        }
        lines
    }

    /// A file that vanishes while it is read was too old anyhow.
    fn read(&mut self, file: &Path, lines: &mut Vec<String>) {
        let Ok(mut file) = File::open(file) else {
            return;
        };
        if file.seek(SeekFrom::Start(self.offset)).is_err() {
            return;
        }
        let mut file = BufReader::new(file);
        loop {
            match file.by_ref().read_until(b'\n', &mut self.begun) {
                Ok(0) | Err(_) => return,
                Ok(length) => self.offset += length as u64,
            }
            if self.begun.last() != Some(&b'\n') {
                return;
            }
            self.begun.pop();
            lines.push(String::from_utf8_lossy(&self.begun).into_owned());
            self.begun.clear();
        }
    }
}

fn parsed(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|_| Value::String(line.to_owned()))
}

/// `10:47:05 INFO answered path=/v1/status micros=812`; what is no such object, as it stands.
fn in_words(line: &str) -> String {
    let Value::Object(entry) = parsed(line) else {
        return line.to_owned();
    };
    let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
    let time = match text("timestamp").parse::<Timestamp>() {
        Ok(time) => time
            .to_zoned(TimeZone::system())
            .strftime("%Y-%m-%d %H:%M:%S")
            .to_string(),
        Err(_) => text("timestamp").to_owned(),
    };
    let empty = Map::new();
    let fields = entry.get("fields").and_then(Value::as_object);
    let mut words = vec![time, format!("{:5}", text("level"))];
    let (mut message, mut rest) = (String::new(), Vec::new());
    for (name, value) in fields.unwrap_or(&empty) {
        let value = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        match name.as_str() {
            "message" => message = value,
            name => rest.push(format!("{name}={value}")),
        }
    }
    words.push(message);
    words.extend(rest);
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// Goal: the last lines across files; then each next line once, also over a new file and a line
    /// that comes in two pieces.
    #[test]
    fn a_log_is_followed_from_file_to_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = |n: u32| dir.path().join(format!("{n}"));
        fs::write(file(1), "a\nb\n").unwrap();
        fs::write(file(2), "c\nd\ne\n").unwrap();
        let files = [file(1), file(2), file(3)];
        let mut tail = Tail::default();
        assert_eq!(tail.last(&files[..2], 4), ["b", "c", "d", "e"]);
        assert!(tail.next(&files[..2]).is_empty());
        fs::write(file(2), "c\nd\ne\nf").unwrap();
        assert!(tail.next(&files[..2]).is_empty());
        fs::write(file(2), "c\nd\ne\nfg\n").unwrap();
        fs::write(file(3), "h\n").unwrap();
        assert_eq!(tail.next(&files), ["fg", "h"]);
        // What was read is gone: the rest is told, and nothing twice.
        fs::write(file(3), "h\ni\n").unwrap();
        assert_eq!(tail.next(&files[2..]), ["i"]);
        assert_eq!(Tail::default().last(&files, 0).len(), 0);
    }

    #[test]
    fn a_line_is_told_in_words_and_nonsense_as_it_stands() {
        let line = r#"{"timestamp":"x","level":"INFO","fields":{"message":"answered","path":"/v1/status","micros":8},"target":"t"}"#;
        assert_eq!(in_words(line), "x INFO  answered micros=8 path=/v1/status");
        assert_eq!(in_words("{nonsense"), "{nonsense");
        assert_eq!(in_words("3"), "3");
    }
}
