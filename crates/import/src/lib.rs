//! Files of other systems as a stream of notes: bytes in, notes out. Pure: it opens no file, asks no
//! clock and prints nothing, and of what is read it holds one record at a time.
//!
//! Whatever comes from a file may be hostile. A record beyond a limit is skipped and told, and never
//! ends the import; an archive that lies about itself does. What a note becomes, and under which key
//! it is known again, is written down in `docs/spec/import.md`.

mod archive;
mod chatgpt;
mod claude;
mod claude_code;
mod csv;
mod error;
mod fields;
mod hcr;
mod json;
mod key;
mod label;
mod limits;
mod lines;
mod mail;
mod map;
mod markdown;
mod messages;
mod note;
mod out;
mod time;
mod turn;

pub use error::ImportError;
pub use key::Key;
pub use label::{Label, LabelError};
pub use limits::*;
pub use map::{Map, MapError};
pub use note::{Consent, Item, Note, Origin, ProducedBy, Source, Told};

use crate::error::Stop;
use crate::out::Out;
use std::io::{BufReader, Read, Seek};
use std::ops::ControlFlow;

/// What sort of file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Conversations as lists of messages with roles, as programs keep them.
    Messages,
    /// Session logs of Claude Code.
    ClaudeCode,
    /// An export of ChatGPT.
    ChatGpt,
    /// An export of Claude.
    Claude,
    /// A table of comma-separated values.
    Csv,
    /// Markdown, also with frontmatter.
    Markdown,
    /// A note's fields in each line.
    Jsonl,
    /// Our own export.
    Kitbag,
    /// A Handoff Continuity Record.
    Hcr,
    /// One mail, or many in an mbox.
    Mail,
}

impl Kind {
    /// All, in the order of the documents.
    pub const ALL: [Kind; 10] = [
        Kind::Messages,
        Kind::ClaudeCode,
        Kind::ChatGpt,
        Kind::Claude,
        Kind::Csv,
        Kind::Markdown,
        Kind::Jsonl,
        Kind::Kitbag,
        Kind::Hcr,
        Kind::Mail,
    ];

    /// The word for it on the command line, and in every key.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Messages => "messages",
            Kind::ClaudeCode => "claude-code",
            Kind::ChatGpt => "chatgpt",
            Kind::Claude => "claude",
            Kind::Csv => "csv",
            Kind::Markdown => "markdown",
            Kind::Jsonl => "jsonl",
            Kind::Kitbag => "kitbag",
            Kind::Hcr => "hcr",
            Kind::Mail => "mail",
        }
    }

    /// The names that a file of this kind has in a folder, by their ends; none if a folder of them
    /// cannot be read.
    pub const fn in_folders(self) -> &'static [&'static str] {
        match self {
            Kind::ClaudeCode => &[".jsonl"],
            Kind::Markdown => &[".md", ".markdown"],
            _ => &[],
        }
    }
}

/// A file of which any place can be read.
pub trait ReadSeek: Read + Seek {}
impl<T: Read + Seek> ReadSeek for T {}

/// Where bytes come from.
pub enum Bytes<'a> {
    /// Read once, from beginning to end; no archive can be read like this.
    Stream(&'a mut dyn Read),
    /// A file.
    File(&'a mut dyn ReadSeek),
}

/// One file.
pub struct Input<'a> {
    /// How people know the file; in labels only, never in keys.
    pub name: &'a str,
    /// Where it stands below the folder that is read, with `/` between the names; empty for a file
    /// that was named itself.
    pub path: &'a str,
    /// What is in it.
    pub bytes: Bytes<'a>,
}

/// What the person who imports said.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Which columns of a table become what.
    pub map: Option<Map>,
    /// How labels are made.
    pub label: Label,
}

/// Reads one file and gives what is in it to `sink`, item by item, until the end or until it breaks.
///
/// # Errors
/// If the file cannot be read, is of another kind, or is an archive that is refused. What was given
/// to `sink` before that is good.
pub fn read(
    kind: Kind,
    input: Input<'_>,
    options: &Options,
    sink: &mut dyn FnMut(Item) -> ControlFlow<()>,
) -> Result<(), ImportError> {
    let out = &mut Out::new(kind, &input, options, sink);
    let done = match input.bytes {
        Bytes::Stream(stream) => {
            let mut stream = lines::start(BufReader::new(stream))?;
            if stream.starts_with(archive::MAGIC) {
                return Err(ImportError::Archive(
                    "it is an archive: name the file itself",
                ));
            }
            plain(kind, &mut stream, input.path, options, out)
        }
        Bytes::File(file) => {
            let is_archive = archive::is_one(file)?;
            match (is_archive, kind) {
                (true, Kind::ChatGpt | Kind::Claude | Kind::Markdown) => {
                    archive::each(file, kind, options, out)
                }
                (true, _) => Err(Stop::Failed(ImportError::Archive(
                    "it is an archive: unpack it first",
                ))),
                (false, _) => {
                    let mut file = lines::start(BufReader::new(file))?;
                    plain(kind, &mut file, input.path, options, out)
                }
            }
        }
    };
    match done {
        Ok(()) | Err(Stop::Enough) => Ok(()),
        Err(Stop::Failed(error)) => Err(error),
    }
}

fn plain(
    kind: Kind,
    input: &mut lines::Start<'_>,
    path: &str,
    options: &Options,
    out: &mut Out<'_>,
) -> Result<(), Stop> {
    if input.is_empty() {
        let place = out.file().to_owned();
        return out.skip(&place, "it is empty");
    }
    match kind {
        Kind::Messages => messages::read(input, out),
        Kind::ClaudeCode => claude_code::read(input, out),
        Kind::ChatGpt => chatgpt::read(input, out),
        Kind::Claude => claude::read(input, out),
        Kind::Csv => csv::read(input, options.map.as_ref(), out),
        Kind::Markdown => markdown::read(input, path, out),
        Kind::Jsonl => fields::lines(input, out),
        Kind::Kitbag => fields::export(input, out),
        Kind::Hcr => hcr::read(input, out),
        Kind::Mail => mail::read(input, out),
    }
}
