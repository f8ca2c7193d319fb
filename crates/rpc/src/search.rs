//! Looking for words in notes.

use crate::call::call;
use crate::{Listed, PackRef, Sensitivity, Time, V1};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Looks for words in notes.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchNotes {
    /// Version.
    pub v: V1,
    /// Words, `"phrases"`, and `-words` that must not be there.
    pub query: String,
    /// In these packs; in all of this device if empty.
    #[serde(default)]
    pub packs: Vec<String>,
    /// Whether deleted notes are looked at; those that are kept, unless something else is said.
    #[serde(default)]
    pub listed: Listed,
    /// Which notes are looked at.
    #[serde(default)]
    pub filter: NoteFilter,
    /// Results, at most; 20 if absent.
    #[serde(default)]
    pub limit: Option<u32>,
}
call!(post SearchNotes, "/v1/search" => Found, patience |_| SEARCH_PATIENCE);

/// Every note is opened and looked at, which takes a while where there are many.
const SEARCH_PATIENCE: Duration = Duration::from_secs(10 * 60);

/// Packs that one search names, at most.
pub const SEARCH_PACKS_MAX: usize = 64;

/// What notes must be like; what is absent or empty asks for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoteFilter {
    /// They have all of these tags.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Their source label holds this text.
    #[serde(default)]
    pub source: Option<String>,
    /// They have exactly this sensitivity.
    #[serde(default)]
    pub sensitivity: Option<Sensitivity>,
    /// They were captured then or later.
    #[serde(default)]
    pub since: Option<Time>,
    /// They were captured before that.
    #[serde(default)]
    pub until: Option<Time>,
    /// note, snippet, message, record, file, link, decision, summary, outcome, prompt or template.
    #[serde(default, rename = "type")]
    pub note_type: Option<String>,
}

/// What was found.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Found {
    /// Version.
    pub v: V1,
    /// The best first.
    pub results: Vec<Hit>,
    /// How many there are, with those beyond the limit.
    pub total: u64,
    /// Whether every note could be read, so that the total is right.
    pub total_is_exact: bool,
    /// Whether no note holds all terms, and these hold some.
    pub relaxed: bool,
    /// Why there is no result; null if there is one.
    pub empty_reason: Option<EmptyReason>,
    /// Notes that were looked at.
    pub searched: u64,
    /// Notes that the filters leave out and that hold all terms.
    pub outside_filters: u64,
    /// Deleted notes that the filters admit and that hold all terms, if only the others were asked for.
    pub deleted: u64,
    /// Notes that do not open from disk.
    pub unreadable: u64,
}

/// Why a search finds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EmptyReason {
    /// This device has no pack.
    NoPacks,
    /// There is no note to read there; or no deleted one, or only deleted ones, as was asked.
    NoNotes,
    /// Notes that hold the terms are left out by the filters.
    OnlyOutsideFilters,
    /// The filters leave out every note.
    FiltersExcludeAll,
    /// No note holds any of the terms.
    NotFound,
}

/// A note that was found. Its text is data from outside.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Hit {
    /// The note.
    pub id: String,
    /// Its title; if it has none, the start of its body.
    pub title: String,
    /// Its source label.
    pub source_label: String,
    /// One line around the first hit in its body.
    pub snippet: String,
    /// Its sensitivity.
    pub sensitivity: Sensitivity,
    /// Its pack.
    pub pack: PackRef,
    /// note, snippet, message, ….
    #[serde(rename = "type")]
    pub note_type: String,
    /// active, superseded, archived, expired or redacted.
    pub status: String,
    /// When it was captured, by the capturing device's clock.
    pub captured_at: Time,
    /// How many of the query's terms it holds.
    pub terms: u32,
    /// Where hits in the title begin and end, in characters.
    pub title_marks: Vec<(usize, usize)>,
    /// Where hits in the snippet begin and end, in characters.
    pub snippet_marks: Vec<(usize, usize)>,
}
