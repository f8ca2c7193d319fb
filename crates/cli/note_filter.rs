//! The options that say which notes a list, a search or an export is about.

use crate::args;
use crate::fields::TYPES;
use crate::past::parse_past;
use clap::Args;
use clap::builder::PossibleValuesParser;
use jiff::Zoned;
use kitbag_rpc::{Failure, Listed, NoteFilter, Sensitivity};

/// Whether deleted notes are meant: what `list`, `search` and `export` have in common.
#[derive(Debug, Args)]
pub(crate) struct ListedArgs {
    /// Deleted notes too
    #[arg(long, conflicts_with = "deleted")]
    all: bool,
    /// Only deleted notes
    #[arg(long)]
    deleted: bool,
}

impl ListedArgs {
    /// The same for a request.
    pub(crate) fn listed(&self) -> Listed {
        match (self.all, self.deleted) {
            (true, _) => Listed::All,
            (_, true) => Listed::Deleted,
            _ => Listed::Kept,
        }
    }
}

/// What `search` and `export` have in common.
#[derive(Debug, Args)]
pub(crate) struct FilterArgs {
    /// Only notes with this tag; with several, only notes that have all of them
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Only notes whose source label holds this text
    #[arg(long, value_name = "TEXT")]
    source: Option<String>,
    /// Only notes of exactly this sensitivity
    #[arg(long, value_parser = args::sensitivity())]
    sensitivity: Option<Sensitivity>,
    /// Only notes captured since then: 2d, yesterday, 2026-11-20
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    since: Option<String>,
    /// Only notes captured before then
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    until: Option<String>,
    /// Only note, snippet, message, record, file, link, decision, summary, outcome, prompt or template
    #[arg(long = "type", value_name = "TYPE", value_parser = PossibleValuesParser::new(TYPES))]
    note_type: Option<String>,
    /// Only notes that came in this way: clipboard, url, file, chat, email, crm, call, stdin, agent or manual
    #[arg(long, value_name = "KIND")]
    source_kind: Option<String>,
    /// Only notes whose author, where they come from, holds this text
    #[arg(long, value_name = "TEXT")]
    author: Option<String>,
    /// Only notes that are active, superseded, archived (which is deleted), expired or redacted
    #[arg(long, value_name = "STATUS")]
    status: Option<String>,
    /// Only notes whose consent is stated as not_required, pending, granted, limited, refused, withdrawn or expired
    #[arg(long, value_name = "STATUS")]
    consent: Option<String>,
}

impl FilterArgs {
    /// The same for a request.
    pub(crate) fn filter(self) -> Result<NoteFilter, Failure> {
        let now = Zoned::now();
        let moment = |text: Option<String>, option| {
            text.map(|text| parse_past(&text, option, &now)).transpose()
        };
        Ok(NoteFilter {
            tags: self.tags,
            source: self.source,
            sensitivity: self.sensitivity,
            since: moment(self.since, "--since")?,
            until: moment(self.until, "--until")?,
            note_type: self.note_type,
            source_kind: self.source_kind,
            author: self.author,
            status: self.status,
            consent: self.consent,
        })
    }
}
