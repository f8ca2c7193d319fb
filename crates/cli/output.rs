//! Where words and documents go: data to the standard output, talk to the standard error stream.
//!
//! With `--json` there is one document on the standard output and no talk; a failure is one document
//! on the standard error stream. Whatever reaches a terminal passes [`escape`] here once more, so
//! that forgetting it elsewhere does no harm.

use crate::colour::{Colour, Style, styled};
use crate::emphasis::Line;
use crate::environment::Terminal;
use crate::redact::without_tickets;
use kitbag_render::{Lines, escape, plain_json};
use kitbag_rpc::Failure;
use serde::Serialize;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;

const WIDTH_DEFAULT: usize = 80;
const WIDTH_MIN: usize = 40;

/// How to print.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
    /// Columns, if the standard output is a terminal.
    terminal: Option<usize>,
    /// The same of the standard error stream.
    talk: Option<usize>,
    colours_data: bool,
    colours_talk: bool,
    redraws: bool,
}

/// A terminal on which somebody follows what goes on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watching {
    pub(crate) columns: usize,
    /// Whether it can go back to the beginning of a line.
    pub(crate) redraws: bool,
}

impl Output {
    pub(crate) fn new(json: bool, colour: Colour) -> Output {
        let environment = Terminal::read();
        let (stdout, stderr) = (io::stdout(), io::stderr());
        let terminal = columns(&stdout, &environment);
        let talk = columns(&stderr, &environment);
        Output {
            json,
            terminal,
            talk,
            colours_data: colour.on(terminal.is_some(), &environment),
            colours_talk: colour.on(talk.is_some(), &environment),
            redraws: !environment.is_dumb,
        }
    }

    /// Whether data may be coloured.
    pub(crate) fn colours_data(self) -> bool {
        self.colours_data
    }

    /// The terminal of somebody who can be shown what goes on.
    pub(crate) fn watching(self) -> Option<Watching> {
        let columns = self.talk.filter(|_| !self.json)?;
        Some(Watching {
            columns,
            redraws: self.redraws,
        })
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

    /// A part of longer data, without a line break of its own. On a terminal it is escaped.
    pub(crate) fn part(self, text: &str) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        match self.terminal {
            Some(_) => stdout.write_all(escape(text, Lines::Many).as_bytes())?,
            None => stdout.write_all(text.as_bytes())?,
        }
        stdout.flush()
    }

    /// Data in lines that are safe to print as they are.
    pub(crate) fn lines(self, lines: &[Line]) -> io::Result<()> {
        let lines: Vec<&str> = lines.iter().map(Line::as_str).collect();
        self.write(&lines.join("\n"))
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
        let message = without_tickets(&failure.message);
        self.labelled(Style::Error, "error:", &message);
        if let Some(hint) = &failure.hint {
            self.labelled(Style::Hint, "hint:", hint);
        }
    }

    fn labelled(self, style: Style, label: &str, text: &str) {
        let text = escape(text, Lines::Many);
        let label = match self.colours_talk {
            true => styled(style, label),
            false => label.to_owned(),
        };
        let _ = writeln!(io::stderr().lock(), "{label} {text}"); // as in `talk`
    }

    /// A drawing of ours on the terminal: light on dark if it can be coloured.
    pub(crate) fn draw(self, drawing: &str) {
        let mut stderr = io::stderr().lock();
        for line in drawing.lines() {
            let line = match self.colours_talk {
                true => styled(Style::Code, line),
                false => line.to_owned(),
            };
            let _ = writeln!(stderr, "{line}");
        }
    }

    /// Rows for a person, under the names of their columns.
    pub(crate) fn rows(self, header: &str, rows: &str) -> io::Result<()> {
        let header = match self.colours_data {
            true => styled(Style::Header, header),
            false => header.to_owned(),
        };
        self.write(&format!("{header}\n{}", escape(rows, Lines::Many)))
    }

    fn write(self, text: &str) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        let written = stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.write_all(b"\n"))
            .and_then(|()| stdout.flush());
        written.map_err(|error| io::Error::new(error.kind(), AnswerLost(error)))
    }
}

/// The answer of a command could not be written. What the command does was done before.
#[derive(Debug)]
pub(crate) struct AnswerLost(io::Error);

impl fmt::Display for AnswerLost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = &self.0;
        write!(
            f,
            "it was done, but the answer could not be written to the standard output: {error}"
        )
    }
}

impl std::error::Error for AnswerLost {}

impl AnswerLost {
    /// Whether this is why something could not be written.
    pub(crate) fn is(error: &io::Error) -> bool {
        error
            .get_ref()
            .is_some_and(|inner| inner.is::<AnswerLost>())
    }
}

/// How wide the terminal at this end is; nothing if it is none.
fn columns(stream: &(impl IsTerminal + AsFd), environment: &Terminal) -> Option<usize> {
    stream.is_terminal().then(|| {
        let own = || rustix::termios::tcgetwinsize(stream).map_or(0, |size| size.ws_col.into());
        match environment.columns.unwrap_or_else(own) {
            0 => WIDTH_DEFAULT,
            columns => columns.max(WIDTH_MIN),
        }
    })
}

/// Nobody may be listening any more; then there is nobody to tell that either.
fn talk(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", escape(text, Lines::Many));
}
