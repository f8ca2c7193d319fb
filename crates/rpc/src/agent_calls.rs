//! What an agent asks for. Each call needs one scope; all text in the answers is neutral.
//!
//! The daemon decides, cuts and makes neutral, and reports before it answers: a front end for agents
//! hands on. Described in `docs/spec/mcp.md`.

use crate::call::call;
use crate::{AudienceMember, EmptyReason, ExportedNote, Sensitivity, Time, V1};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Notes that one [`AgentReadNotes`] asks for, at most.
pub const AGENT_READ_NOTES_MAX: usize = 20;
/// Results of one [`AgentSearch`], at most.
pub const AGENT_RESULTS_MAX: u32 = 25;
/// Tokens of one answer: to a search, to a reading and to a list of changes, to a wish for context.
pub const AGENT_SEARCH_TOKENS_MAX: u32 = 2_000;
/// See [`AGENT_SEARCH_TOKENS_MAX`].
pub const AGENT_READ_TOKENS_MAX: u32 = 10_000;
/// See [`AGENT_SEARCH_TOKENS_MAX`].
pub const AGENT_CONTEXT_TOKENS_MAX: u32 = 20_000;

/// Asks which packs this agent was given.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentListPacks {
    /// Version.
    pub v: V1,
}
call!(post AgentListPacks, "/v1/for-agent/packs" => AgentPacks);

/// The packs of an agent.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AgentPacks {
    /// Version.
    pub v: V1,
    /// The packs, in the order of their ids.
    pub packs: Vec<AgentPack>,
}

/// A pack as an agent sees it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AgentPack {
    /// Its id.
    pub id: String,
    /// Its title, as far as the agent may read it.
    pub title: String,
    /// The highest sensitivity that the agent reads there; null if nothing may leave to it.
    pub clearance: Option<Sensitivity>,
    /// Where a note stands that it adds.
    pub default_sensitivity: Sensitivity,
    /// Notes that it may read now.
    pub notes: u64,
    /// Whether that is all of them.
    pub notes_is_exact: bool,
    /// The rule that keeps everything in, if one does.
    pub refused: Option<String>,
    /// Whether it could add notes there.
    pub writes: bool,
    /// What was found in the title.
    pub warnings: Vec<String>,
}

/// Looks for words in the notes that an agent may read.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentSearch {
    /// Version.
    pub v: V1,
    /// Words, or a phrase in quotes.
    pub query: String,
    /// In these packs, by id; in all of the agent if empty.
    #[serde(default)]
    pub packs: Vec<String>,
    /// They have all these tags.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Their source is of this kind.
    #[serde(default)]
    pub source_kind: Option<String>,
    /// Captured then or later.
    #[serde(default)]
    pub since: Option<Time>,
    /// Captured before that.
    #[serde(default)]
    pub until: Option<Time>,
    /// Those that others replaced, instead of the others.
    #[serde(default)]
    pub superseded: bool,
    /// Results, at most; 10 if absent.
    #[serde(default)]
    pub limit: Option<u32>,
    /// Where another answer stopped.
    #[serde(default)]
    pub cursor: Option<String>,
    /// Tokens, at most.
    #[serde(default)]
    pub max_tokens: Option<u32>,
}
call!(post AgentSearch, "/v1/for-agent/search" => AgentFound);

/// What an agent found.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AgentFound {
    /// Version.
    pub v: V1,
    /// The best first.
    pub results: Vec<AgentHit>,
    /// How many there are, of those that it may read.
    pub total: u64,
    /// Whether that is right.
    pub total_is_exact: bool,
    /// Whether no note holds all words, and these hold some.
    pub relaxed: bool,
    /// Where to go on.
    pub next_cursor: Option<String>,
    /// Whether results were left out for want of tokens.
    pub truncated: bool,
    /// Why there is no result.
    pub empty_reason: Option<EmptyReason>,
    /// What the results take.
    pub tokens: u64,
}

/// A note that an agent found.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AgentHit {
    /// The note.
    pub id: String,
    /// Its pack.
    pub pack: String,
    /// Its title; if it has none, the start of its body.
    pub title: String,
    /// Its source label.
    pub source_label: String,
    /// When it was true or was said; when it was captured if nobody says.
    pub observed_at: Time,
    /// Its sensitivity.
    pub sensitivity: Sensitivity,
    /// What kind of statement it makes.
    pub claim: Option<String>,
    /// How far its source is trusted.
    pub trust: String,
    /// note, snippet, message, ….
    #[serde(rename = "type")]
    pub note_type: String,
    /// Where it stands in its life.
    pub status: String,
    /// A line of its body.
    pub snippet: String,
    /// Where it holds the words.
    pub fields: Vec<String>,
    /// Bytes of its body.
    pub body_bytes: u64,
    /// What was found in its text.
    pub warnings: Vec<String>,
}

/// Reads notes, or goes on with one.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentReadNotes {
    /// Version.
    pub v: V1,
    /// Their ids, or what another answer gave as `next`.
    pub ids: Vec<String>,
    /// Tokens, at most; 4,000 if absent.
    #[serde(default)]
    pub max_tokens: Option<u32>,
}
call!(post AgentReadNotes, "/v1/for-agent/read" => AgentNotes);

/// Notes that an agent reads.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AgentNotes {
    /// Version.
    pub v: V1,
    /// The notes, in the order in which they were asked for.
    pub notes: Vec<AgentNote>,
    /// Those that it may not read, or that are not there: the two are not told apart.
    pub unknown: Vec<String>,
    /// Those for which no tokens were left.
    pub left_out: Vec<String>,
    /// What the notes take.
    pub tokens: u64,
}

/// A note that an agent reads.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AgentNote {
    /// The note, with neutral text; links name only what the agent may read.
    pub note: ExportedNote,
    /// Whether the body is not all of it.
    pub truncated: bool,
    /// How to read on.
    pub next: Option<String>,
    /// Whether it changed since the `next` that was asked with; then it begins anew.
    pub changed: bool,
    /// What it takes.
    pub tokens: u64,
    /// What was found in its text.
    pub warnings: Vec<String>,
}

/// Asks for notes about something, put together within a number of tokens.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentContext {
    /// Version.
    pub v: V1,
    /// In these packs, by id; in all of the agent if empty.
    #[serde(default)]
    pub packs: Vec<String>,
    /// What it is about.
    #[serde(default)]
    pub topic: Option<String>,
    /// These notes, before those about the topic.
    #[serde(default)]
    pub ids: Vec<String>,
    /// xml, markdown or json; xml if absent.
    #[serde(default)]
    pub format: Option<String>,
    /// Tokens, at most; 8,000 if absent.
    #[serde(default)]
    pub max_tokens: Option<u32>,
    /// Notes that people changed since this position first.
    #[serde(default)]
    pub since_cursor: Option<String>,
}
call!(post AgentContext, "/v1/for-agent/context" => AgentBundle);

/// Notes put together.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AgentBundle {
    /// Version.
    pub v: V1,
    /// The document.
    pub text: String,
    /// What it takes.
    pub tokens: u64,
    /// By which estimate.
    pub estimator: String,
    /// The notes in it, in order.
    pub item_ids: Vec<String>,
    /// The notes that are not, and why.
    pub dropped: Vec<AgentDropped>,
    /// Those of its notes that people changed.
    pub changed_by_human: Vec<String>,
    /// The position after those changes, if one was given.
    pub cursor: Option<String>,
    /// What was found in its text.
    pub warnings: Vec<String>,
}

/// A note that is not in a document.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AgentDropped {
    /// The note.
    pub id: String,
    /// budget, duplicate or unknown.
    pub why: String,
}

/// Asks what changed since the agent was last told.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentListChanges {
    /// Version.
    pub v: V1,
    /// In these packs, by id; in all of the agent if empty.
    #[serde(default)]
    pub packs: Vec<String>,
    /// What the last answer gave; without it goes on from the last position that was taken over.
    #[serde(default)]
    pub cursor: Option<String>,
    /// Notes, at most; 20 if absent.
    #[serde(default)]
    pub limit: Option<u32>,
}
call!(post AgentListChanges, "/v1/for-agent/changes" => AgentChangesFound);

/// What changed.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AgentChangesFound {
    /// Version.
    pub v: V1,
    /// What people did first, the newest first.
    pub changes: Vec<AgentChange>,
    /// Comes back with the next question.
    pub cursor: String,
    /// Whether there is more.
    pub more: bool,
    /// Changed notes that are too old to be told of.
    pub older: u64,
    /// What it takes.
    pub tokens: u64,
}

/// A note that changed.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AgentChange {
    /// The note.
    pub id: String,
    /// Its pack.
    pub pack: String,
    /// Its title, or the start of its body.
    pub title: String,
    /// Its source label.
    pub source_label: String,
    /// note, outcome, ….
    #[serde(rename = "type")]
    pub note_type: String,
    /// Its sensitivity.
    pub sensitivity: Sensitivity,
    /// Where it stands in its life.
    pub status: String,
    /// Whether a person did any of it.
    pub by_human: bool,
    /// What was done, the newest last.
    pub steps: Vec<AgentStep>,
    /// Notes that replaced it.
    pub superseded_by: Vec<String>,
    /// When the newest of it was written, by its author's clock.
    pub at: Time,
    /// What was found in its text.
    pub warnings: Vec<String>,
}

/// One thing that was done to a note.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AgentStep {
    /// added, edited, superseded, deleted, redacted, ….
    pub what: String,
    /// Whose device wrote it, by the name that they told.
    pub by: String,
    /// The agent that wrote it, if it is known that one did.
    pub agent: Option<String>,
    /// When, by their clock.
    pub at: Time,
    /// The fields that it changed.
    pub fields: Vec<String>,
}

/// Adds a note as the agent.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentAdd {
    /// Version.
    pub v: V1,
    /// The pack, by id.
    pub pack: String,
    /// Title; may be empty.
    #[serde(default)]
    pub title: String,
    /// Body; may be empty if the title is not.
    #[serde(default)]
    pub body: String,
    /// Where it comes from, in words for a person.
    pub source_label: String,
    /// Where that can be found.
    #[serde(default)]
    pub uri: Option<String>,
    /// note, snippet, message, record, file, link, decision, summary, outcome or prompt.
    #[serde(default, rename = "type")]
    pub note_type: Option<String>,
    /// Tags.
    #[serde(default)]
    pub tags: Vec<String>,
    /// observation or inference; inference if absent.
    #[serde(default)]
    pub claim: Option<String>,
    /// How sure the agent is, in thousandths.
    #[serde(default)]
    pub confidence: Option<u16>,
    /// Above the pack's default.
    #[serde(default)]
    pub sensitivity: Option<Sensitivity>,
    /// Notes that it was made from, by id.
    #[serde(default)]
    pub derived_from: Vec<String>,
    /// Notes of the pack that it replaces, by id.
    #[serde(default)]
    pub supersedes: Vec<String>,
    /// When it was true or was said.
    #[serde(default)]
    pub observed_at: Option<Time>,
    /// The agent's model.
    #[serde(default)]
    pub model: Option<String>,
    /// Which prompt or run.
    #[serde(default)]
    pub prompt: Option<String>,
    /// The same call again has the same.
    #[serde(default)]
    pub idempotency_key: Option<String>,
}
call!(post AgentAdd, "/v1/for-agent/add" => AgentNoteAdded, bytes crate::NOTE_REQUEST_BYTES_MAX);

/// What became of a note that an agent adds.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AgentNoteAdded {
    /// Version.
    pub v: V1,
    /// The note, as far as the agent may read it; null if it may not.
    pub id: Option<String>,
    /// Its sensitivity.
    pub sensitivity: Option<Sensitivity>,
    /// added, same_key, same_content, or recalled for what a note that it may read says already.
    pub became: String,
    /// Whether the original stands at restricted, since it holds personal data.
    pub masked: bool,
    /// Every member, and whether they can open the note.
    pub audience: Vec<AudienceMember>,
}

/// Changes what stands around a note as the agent.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentUpdate {
    /// Version.
    pub v: V1,
    /// The note, by id.
    pub id: String,
    /// Tags to add.
    #[serde(default)]
    pub add_tags: Vec<String>,
    /// Tags to remove.
    #[serde(default)]
    pub remove_tags: Vec<String>,
    /// The note that replaces it, by id.
    #[serde(default)]
    pub superseded_by: Option<String>,
    /// Put it back in use, if it was replaced.
    #[serde(default)]
    pub reactivate: bool,
}
call!(post AgentUpdate, "/v1/for-agent/update" => AgentNoteUpdated);

/// What became of it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AgentNoteUpdated {
    /// Version.
    pub v: V1,
    /// The note.
    pub id: String,
    /// Whether anything was written.
    pub changed: bool,
}

/// Says of a note what it was good for.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentFeedback {
    /// Version.
    pub v: V1,
    /// The note, by id.
    pub id: String,
    /// helpful, not_helpful, stale or wrong.
    pub verdict: String,
    /// Why.
    #[serde(default)]
    pub text: String,
    /// The agent's model.
    #[serde(default)]
    pub model: Option<String>,
    /// Which prompt or run.
    #[serde(default)]
    pub prompt: Option<String>,
}
call!(post AgentFeedback, "/v1/for-agent/feedback" => AgentNoteAdded);

/// Asks whether the agent may read a note, and why not.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentExplain {
    /// Version.
    pub v: V1,
    /// The note, by id.
    pub id: String,
}
call!(post AgentExplain, "/v1/for-agent/explain" => AgentExplained);

/// Whether an agent may read a note.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AgentExplained {
    /// Version.
    pub v: V1,
    /// As it was asked.
    pub id: String,
    /// open, withheld, or unknown: not there, or nothing that this agent may know of.
    pub state: String,
    /// The rule that decides, if it is withheld.
    pub rule: Option<String>,
    /// Who may change that, by the names that they told.
    pub ask: Vec<String>,
}
