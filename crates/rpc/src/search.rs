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
    /// Words, `"phrases"`, `beginnings*`, and `-words` that must not be there; at most 16 KiB.
    pub query: String,
    /// In these packs; in all of this device that are not archived if empty.
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
    /// Whether each result says what it is worth, and why.
    #[serde(default)]
    pub explain: bool,
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
    /// They came in this way: clipboard, url, file, chat, email, crm, call, stdin, agent or manual.
    #[serde(default)]
    pub source_kind: Option<String>,
    /// Their author, at their source, holds this text.
    #[serde(default)]
    pub author: Option<String>,
    /// They are active, superseded, archived, expired or redacted.
    #[serde(default)]
    pub status: Option<String>,
    /// Of the consent they say: not_required, pending, granted, limited, refused, withdrawn or expired.
    #[serde(default)]
    pub consent: Option<String>,
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
    /// Archived packs that were not looked in, because none was named.
    #[serde(default)]
    pub archived_packs: u64,
    /// Words of the query that say little and were left out.
    pub left_out: Vec<String>,
    /// Words of the query that no note holds, and for which nearly equal ones were taken.
    pub approximate: Vec<String>,
    /// What is above this was as if it were not there, for want of an unlocked session; null otherwise.
    #[serde(default)]
    pub up_to: Option<Sensitivity>,
}

/// Why a search finds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EmptyReason {
    /// There is no pack to look in: this device has none, or all are archived.
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
    /// One line of its body where most terms stand.
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
    /// Where it holds terms: title, tag, source, body.
    pub fields: Vec<String>,
    /// Whether it holds a nearly equal word instead of one that no note holds.
    pub approximate: bool,
    /// What it is worth, and why; null unless that was asked for.
    pub explained: Option<Score>,
}

/// Why a result stands where it stands: the sum of its parts, times its factors.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Score {
    /// What the result is worth, in thousandths.
    pub points: u64,
    /// Notes among which words were counted.
    pub notes: u64,
    /// What words and pairs of words add, the greatest first.
    pub parts: Vec<ScorePart>,
    /// What their sum is multiplied by.
    pub factors: Vec<ScoreFactor>,
}

/// What one word or pair of words adds.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ScorePart {
    /// word, pair, phrase, or near for a nearly equal word.
    pub kind: String,
    /// As the query says it, as it is compared.
    pub text: String,
    /// How many notes hold it.
    pub notes: u64,
    /// In thousandths.
    pub points: u64,
}

/// What the sum is multiplied by.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ScoreFactor {
    /// recent, pinned or claim.
    pub kind: String,
    /// 1000 changes nothing.
    pub thousandths: u32,
}
