//! Where words and documents go: data to the standard output, talk to the standard error stream.
//!
//! With `--json` there is one document on the standard output and no talk; a failure is one document
//! on the standard error stream. Whatever reaches a terminal passes [`escape`] here once more, so
//! that forgetting it elsewhere does no harm.

use crate::escape::{Lines, escape, is_hostile};
use crate::redact::without_tickets;
use kitbag_rpc::Failure;
use serde::Serialize;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

const WIDTH_DEFAULT: usize = 80;
const WIDTH_MIN: usize = 40;

/// How to print.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
    /// Columns, if the standard output is a terminal.
    terminal: Option<usize>,
}

impl Output {
    pub(crate) fn new(json: bool) -> Output {
        let stdout = io::stdout();
        let terminal = stdout.is_terminal().then(|| {
            let columns =
                rustix::termios::tcgetwinsize(&stdout).map_or(0, |size| usize::from(size.ws_col));
            if columns == 0 {
                WIDTH_DEFAULT
            } else {
                columns.max(WIDTH_MIN)
            }
        });
        Output { json, terminal }
    }

    /// Whether one document is wanted, not words.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Columns, if somebody looks at the data on a terminal.
    pub(crate) fn terminal(self) -> Option<usize> {
        self.terminal
    }

    /// The one document: for a person with line breaks, for a program in one line.
    pub(crate) fn document(self, document: &impl Serialize) -> anyhow::Result<()> {
        let json = match self.terminal {
            Some(_) => serde_json::to_string_pretty(document)?,
            None => serde_json::to_string(document)?,
        };
        self.write(&plain_json(&json))?;
        Ok(())
    }

    /// Data, in words. On a terminal it is escaped; in a pipe it goes as it is.
    pub(crate) fn data(self, text: impl AsRef<str>) -> io::Result<()> {
        match self.terminal {
            Some(_) => self.write(&escape(text.as_ref(), Lines::Many)),
            None => self.write(text.as_ref()),
        }
    }

    /// A part of data that is longer than one answer, as [`Output::data`], without a line break after it.
    pub(crate) fn part(self, text: impl AsRef<str>) -> io::Result<()> {
        let text = match self.terminal {
            Some(_) => &*escape(text.as_ref(), Lines::Many),
            None => text.as_ref(),
        };
        io::stdout().lock().write_all(text.as_bytes())
    }

    /// Talk: what happened, what comes next. Not with `--json`.
    pub(crate) fn say(self, text: impl AsRef<str>) {
        if !self.json {
            talk(text.as_ref());
        }
    }

    /// Why it did not work. The one thing that is said with `--json` too.
    pub(crate) fn failure(self, failure: &Failure) {
        if self.json {
            let json =
                serde_json::to_string(&failure.document()).expect("three strings are always JSON");
            talk(&plain_json(&without_tickets(&json)));
            return;
        }
        talk(&without_tickets(&format!("error: {}", failure.message)));
        if let Some(hint) = &failure.hint {
            talk(&format!("hint: {hint}"));
        }
    }

    fn write(self, text: &str) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        stdout.write_all(b"\n")?;
        stdout.flush()
    }
}

/// Nobody may be listening any more; then there is nobody to tell that either.
fn talk(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", escape(text, Lines::Many));
}

/// JSON in which everything that a terminal would obey or hide is written as `\uXXXX`: the same
/// document. Outside of strings JSON has only line breaks of that kind.
fn plain_json(json: &str) -> String {
    let mut plain = String::with_capacity(json.len());
    for c in json.chars() {
        if c == '\n' || !is_hostile(c) {
            plain.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            write!(plain, "\\u{unit:04x}").expect("a string takes all that is written");
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_says_the_same_without_anything_to_obey() {
        let text = "a\x1b[31m\u{9b}\u{202e}\u{e0041}\n東京 👩‍🚀";
        let plain = plain_json(&serde_json::to_string(text).unwrap());
        assert!(!plain.chars().any(is_hostile), "{plain}");
        assert_eq!(serde_json::from_str::<String>(&plain).unwrap(), text);
    }
}
