//! Import: many notes at once from another system, each with the key under which it is known again.

use crate::call::call;
use crate::{AudienceMember, ExportedConsent, NoteRef, PackRef, ProducedBy, Sensitivity, Time, V1};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Notes in one call, at most.
pub const IMPORT_NOTES_MAX: usize = 256;

/// Takes in notes from another system, in one durable step. A note that is there already, by its key
/// and its text, is left as it is; one that may not be taken in is refused alone.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportNotes {
    /// Version.
    pub v: V1,
    /// The pack.
    pub pack: String,
    /// At most [`IMPORT_NOTES_MAX`].
    pub notes: Vec<ImportNote>,
    /// Leave personal data where the note stands, instead of keeping the original at restricted and
    /// writing a masked copy.
    #[serde(default)]
    pub unmasked: bool,
    /// Where they come from, if their file says so: asked at every call, like [`CheckOrigin`].
    #[serde(default)]
    pub origin: Option<ImportOrigin>,
    /// Whether a person said that they may go from one client to another.
    #[serde(default)]
    pub across_clients: bool,
    /// Say what would become of each, and take in nothing.
    #[serde(default)]
    pub dry_run: bool,
}
call!(post ImportNotes, "/v1/import" => Imported, bytes crate::NOTE_REQUEST_BYTES_MAX);

/// Where notes come from, as an export of Kitbag says it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportOrigin {
    /// The packs that they left, by their ids.
    #[serde(default)]
    pub from: Vec<String>,
    /// The client that they left for.
    #[serde(default)]
    pub client: Option<String>,
}

/// Looks whether notes that left a pack of Kitbag may come into another: the wall between clients.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckOrigin {
    /// Version.
    pub v: V1,
    /// The pack that they come into.
    pub pack: String,
    /// The packs that they left, by their ids as the file says them.
    #[serde(default)]
    pub from: Vec<String>,
    /// The client that they left for.
    #[serde(default)]
    pub client: Option<String>,
    /// Whether a person said that they may go from one client to another.
    #[serde(default)]
    pub across_clients: bool,
}
call!(post CheckOrigin, "/v1/import/check" => OriginChecked);

/// They may come.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct OriginChecked {
    /// Version.
    pub v: V1,
}

/// A note of another system. How far it is trusted and who took it in is the daemon's to say.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportNote {
    /// Names the place in the other system from which it comes, and does not change when records
    /// around it do: 16 bytes, as 32 hexadecimal digits.
    pub key: String,
    /// A number for the conversation that it stands in, if its key is made of what was said there before
    /// it too. The key in its record tells none of that to who may not read it.
    #[serde(default)]
    pub conversation: Option<u64>,
    /// The highest sensitivity at which earlier calls took in what was said there before it; restricted
    /// if something was refused.
    #[serde(default)]
    pub before: Option<Sensitivity>,
    /// Whether its key is made of anything else that does not stand in the note.
    #[serde(default)]
    pub tells_more: bool,
    /// The note's id, if it comes from an export of Kitbag: one that is in the pack is there already.
    #[serde(default)]
    pub was: Option<String>,
    /// note, snippet, message, record, file, link, decision, summary, outcome, prompt, template.
    #[serde(default, rename = "type")]
    pub note_type: Option<String>,
    /// Title; may be empty if the body is not.
    #[serde(default)]
    pub title: String,
    /// Body; may be empty if the title is not.
    #[serde(default)]
    pub body: String,
    /// Tags.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Where it comes from.
    pub source: ImportSource,
    /// Of a message: the one before it, or its end. It is not kept; a date is read as one of birth if
    /// it answers a question for that.
    #[serde(default)]
    pub asked: Option<String>,
    /// Of a row of a table: all of it, in lines of `column: value`. It is not kept; what it shows to be
    /// personal data is that in the note.
    #[serde(default)]
    pub row: Option<String>,
    /// What wrote it, if no person did.
    #[serde(default)]
    pub produced_by: Option<ProducedBy>,
    /// Sensitivity; the pack's default if absent.
    #[serde(default)]
    pub sensitivity: Option<Sensitivity>,
    /// Kinds of personal data known to be in it.
    #[serde(default)]
    pub pii: Vec<String>,
    /// What the person concerned said.
    #[serde(default)]
    pub consent: Option<ExportedConsent>,
    /// observation, inference, verified or directive.
    #[serde(default)]
    pub claim: Option<String>,
    /// How sure an agent is, in thousandths.
    #[serde(default)]
    pub confidence: Option<u16>,
    /// active, superseded, expired or redacted; active if absent.
    #[serde(default)]
    pub status: Option<String>,
    /// Kept in front.
    #[serde(default)]
    pub pinned: bool,
    /// Ids of notes that it replaces.
    #[serde(default)]
    pub supersedes: Vec<String>,
    /// Ids of notes that it was made from.
    #[serde(default)]
    pub derived_from: Vec<String>,
    /// True from.
    #[serde(default)]
    pub valid_from: Option<Time>,
    /// True until.
    #[serde(default)]
    pub valid_to: Option<Time>,
    /// To be looked at again.
    #[serde(default)]
    pub review_after: Option<Time>,
    /// Hidden after.
    #[serde(default)]
    pub expires_at: Option<Time>,
}

/// Where a note of another system comes from.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportSource {
    /// A label made for a human, required: "CRM · Acme · row 14".
    pub label: String,
    /// clipboard, url, file, chat, email, crm, call, stdin, agent or manual; file if absent.
    #[serde(default)]
    pub kind: Option<String>,
    /// Where it can be found.
    #[serde(default)]
    pub uri: Option<String>,
    /// The application it was taken from.
    #[serde(default)]
    pub app: Option<String>,
    /// Who wrote it there.
    #[serde(default)]
    pub author: Option<String>,
    /// Where inside the source: a row, a page, a message number.
    #[serde(default)]
    pub locator: Option<String>,
    /// When it was taken in, if not now; a time to come is taken as now.
    #[serde(default)]
    pub captured_at: Option<Time>,
    /// When it was true or was said.
    #[serde(default)]
    pub observed_at: Option<Time>,
}

/// What became of an import.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Imported {
    /// Version.
    pub v: V1,
    /// The pack.
    pub pack: PackRef,
    /// One for each note, in their order.
    pub notes: Vec<ImportedNote>,
    /// For each sensitivity at which something was written, every member, and whether they can open it.
    pub audiences: Vec<ImportAudience>,
}

/// Who can open what was written at one sensitivity.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ImportAudience {
    /// The sensitivity.
    pub sensitivity: Sensitivity,
    /// Every member.
    pub audience: Vec<AudienceMember>,
}

/// What became of one note.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ImportedNote {
    /// What became of it.
    pub became: Became,
    /// Its id, if there is one to tell.
    #[serde(default)]
    pub id: Option<String>,
    /// Where it stands, if there is a note.
    #[serde(default)]
    pub sensitivity: Option<Sensitivity>,
    /// Whether it was there already, at a lower sensitivity than it would have been given now.
    #[serde(default)]
    pub below: bool,
    /// Kinds of personal data because of which the original stands at restricted.
    #[serde(default)]
    pub held: Vec<String>,
    /// Kinds of personal data that were stated of it and of which nothing was found: because of them
    /// there is no masked copy.
    #[serde(default)]
    pub not_found: Vec<String>,
    /// Whether it is new, and other text from the same place of the other system was here before.
    #[serde(default)]
    pub changed: bool,
    /// The masked copy, if one was written.
    #[serde(default)]
    pub masked: Option<NoteRef>,
    /// Why it was refused, in a sentence.
    #[serde(default)]
    pub reason: Option<String>,
}

/// What became of one note of an import.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Became {
    /// It is new.
    Added,
    /// It was there already; nothing was written.
    Unchanged,
    /// It was there already; only its consent became stricter, as the other system says by now.
    Updated,
    /// It was there already, and somebody deleted it; it stays so.
    Deleted,
    /// It was there already, and somebody put it above the own clearance; it stays there.
    Above,
    /// It was not taken in.
    Refused,
}
