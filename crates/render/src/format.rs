//! The formats, and the three parts that a document has in each.

use crate::{Head, Receipt, hcr, json, markdown, text, xml};
use kitbag_rpc::ExportedNote;
use schemars::JsonSchema;
use serde::Serialize;

/// A format of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Markdown, for people.
    Md,
    /// Elements, for models.
    Xml,
    /// One document that keeps everything.
    Json,
    /// The same, a line for each note.
    Jsonl,
    /// Text without marks.
    Text,
    /// A Handoff Continuity Record: held until it is whole, see [`crate::Rendering`].
    Hcr,
}

impl Format {
    /// All of them.
    pub const ALL: [Format; 6] = [
        Self::Md,
        Self::Xml,
        Self::Json,
        Self::Jsonl,
        Self::Text,
        Self::Hcr,
    ];

    /// The word in commands.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Md => "md",
            Self::Xml => "xml",
            Self::Json => "json",
            Self::Jsonl => "jsonl",
            Self::Text => "text",
            Self::Hcr => "hcr",
        }
    }

    /// What stands before the notes; of a record that is held, as much as stands around them.
    pub fn head(self, head: &Head) -> String {
        match self {
            Self::Md => markdown::head(head),
            Self::Xml => xml::head(head),
            Self::Json => json::head(head),
            Self::Jsonl => json::head_line(head),
            Self::Text => text::head(head),
            Self::Hcr => hcr::head(head),
        }
    }

    /// A note, with `before` others before it.
    pub fn note(self, note: &ExportedNote, before: u64) -> String {
        match self {
            Self::Md => markdown::note(note),
            Self::Xml => xml::note(note, before),
            Self::Json => json::note(note, before),
            Self::Jsonl => json::note_line(note),
            Self::Text => text::note(note),
            Self::Hcr => hcr::note(note),
        }
    }

    /// What stands after the notes.
    pub fn foot(self, receipt: &Receipt) -> String {
        match self {
            Self::Md => markdown::foot(receipt),
            Self::Xml => xml::foot(receipt),
            Self::Json => json::foot(receipt),
            Self::Jsonl => json::foot_line(receipt),
            Self::Text => text::foot(receipt),
            Self::Hcr => hcr::foot(receipt),
        }
    }
}
