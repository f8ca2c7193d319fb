//! Notes: add, list, show, edit, history.

use crate::call::call;
use crate::{Deletion, Ended, ExportedConsent, Listed, PackRef, ProducedBy, Sensitivity, Time, V1};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Adds a note. The same content from the same source again is no change.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AddNote {
    /// Version.
    pub v: V1,
    /// The pack.
    pub pack: String,
    /// Title; may be empty.
    #[serde(default)]
    pub title: String,
    /// Body; may be empty if the title is not. One of more than 64 KiB can only be read later on; at
    /// most [`crate::TEXT_BYTES_MAX`] bytes.
    #[serde(default)]
    pub body: String,
    /// Where it comes from.
    pub source: NewSource,
    /// Sensitivity; the pack's default if absent.
    #[serde(default)]
    pub sensitivity: Option<Sensitivity>,
    /// Tags.
    #[serde(default)]
    pub tags: Vec<String>,
    /// note, snippet, message, record, file, link, decision, summary, outcome, prompt, template.
    #[serde(default, rename = "type")]
    pub note_type: Option<String>,
    /// Leave personal data where the note stands, instead of keeping the original at restricted and
    /// writing a masked copy.
    #[serde(default)]
    pub unmasked: bool,
    /// What the person concerned said about its use.
    #[serde(default)]
    pub consent: Option<NewConsent>,
    /// observation, inference, verified or directive.
    #[serde(default)]
    pub claim: Option<String>,
    /// Keep it in front.
    #[serde(default)]
    pub pinned: bool,
    /// True from.
    #[serde(default)]
    pub valid_from: Option<Time>,
    /// True until.
    #[serde(default)]
    pub valid_to: Option<Time>,
    /// To be looked at again.
    #[serde(default)]
    pub review_after: Option<Time>,
    /// In no export after.
    #[serde(default)]
    pub expires_at: Option<Time>,
    /// Notes of this pack that it replaces: the start of each id.
    #[serde(default)]
    pub supersedes: Vec<String>,
    /// Notes that it was made from, of this pack or another: the start of each id.
    #[serde(default)]
    pub derived_from: Vec<String>,
    /// Whether a person said that what was made from them may go from one client to another.
    #[serde(default)]
    pub across_clients: bool,
    /// Only say what would become of it; the ids in the answer then name nothing, unless it is there
    /// already.
    #[serde(default)]
    pub dry_run: bool,
}
call!(post AddNote, "/v1/note/add" => NoteWritten, bytes crate::NOTE_REQUEST_BYTES_MAX);

/// Lists the notes of a pack.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListNotes {
    /// Version.
    pub v: V1,
    /// The pack.
    pub pack: String,
    /// Whether deleted notes are in the list.
    #[serde(default)]
    pub listed: Listed,
}
call!(post ListNotes, "/v1/note/list" => Notes);

/// Shows a note.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShowNote {
    /// Version.
    pub v: V1,
    /// The start of the note's id.
    pub note: String,
}
call!(post ShowNote, "/v1/note/show" => NoteAnswer);

/// Changes a note; absent fields stay.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EditNote {
    /// Version.
    pub v: V1,
    /// The start of the note's id.
    pub note: String,
    /// The new title.
    #[serde(default)]
    pub title: Option<String>,
    /// The new body.
    #[serde(default)]
    pub body: Option<String>,
    /// The [`Note::version`] that the edit was made from, if it may have changed since: what changed
    /// from there is applied, so that a slow editor does not undo what arrived meanwhile.
    #[serde(default)]
    pub seen: Option<String>,
    /// Tags to add.
    #[serde(default)]
    pub add_tags: Vec<String>,
    /// Tags to remove.
    #[serde(default)]
    pub remove_tags: Vec<String>,
    /// What the person concerned says about its use now, in place of all that was said before.
    #[serde(default)]
    pub consent: Option<NewConsent>,
    /// note, snippet, message, record, file, link, decision, summary, outcome, prompt, template.
    #[serde(default, rename = "type")]
    pub note_type: Option<String>,
    /// observation, inference, verified or directive.
    #[serde(default)]
    pub claim: Option<String>,
    /// Whether it is kept in front.
    #[serde(default)]
    pub pinned: Option<bool>,
    /// True from.
    #[serde(default)]
    pub valid_from: Option<Time>,
    /// True until.
    #[serde(default)]
    pub valid_to: Option<Time>,
    /// To be looked at again.
    #[serde(default)]
    pub review_after: Option<Time>,
    /// In no export after.
    #[serde(default)]
    pub expires_at: Option<Time>,
    /// Dates to take away: valid_from, valid_to, review_after, expires_at.
    #[serde(default)]
    pub clear: Vec<String>,
    /// Put it back in use, if it was superseded.
    #[serde(default)]
    pub reactivate: bool,
    /// Kinds of personal data that it holds, besides those that are known.
    #[serde(default)]
    pub pii: Vec<String>,
}
call!(post EditNote, "/v1/note/edit" => NoteEdited);

/// Makes a note more or less sensitive. With `dry_run` only says who would gain and lose it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RelabelNote {
    /// Version.
    pub v: V1,
    /// The start of the note's id.
    pub note: String,
    /// Its sensitivity from now on.
    pub sensitivity: Sensitivity,
    /// Say what would happen, and do nothing.
    #[serde(default)]
    pub dry_run: bool,
}
call!(post RelabelNote, "/v1/note/relabel" => NoteRelabelled);

/// Reads how a note came to be.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadHistory {
    /// Version.
    pub v: V1,
    /// The start of the note's id.
    pub note: String,
}
call!(post ReadHistory, "/v1/note/history" => History);

/// What the person concerned said about the use of a note, as the caller states it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewConsent {
    /// not_required, pending, granted, limited, refused, withdrawn or expired.
    pub status: String,
    /// For what; none means for anything if it is granted, for nothing if it is limited.
    #[serde(default)]
    pub purposes: Vec<String>,
    /// Whom the note is about.
    #[serde(default)]
    pub subject: Option<String>,
    /// When it was given.
    #[serde(default)]
    pub given_at: Option<Time>,
    /// When it ends.
    #[serde(default)]
    pub expires_at: Option<Time>,
    /// What shows it.
    #[serde(default)]
    pub evidence: Option<String>,
}

/// Where a note comes from, as the caller states it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSource {
    /// A label made for a human, required: "CRM · Acme · row 14".
    pub label: String,
    /// What sort of source: "web", "chat", "file", ….
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
    /// When it was true or was said.
    #[serde(default)]
    pub observed_at: Option<Time>,
}

/// Where a note comes from.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Source {
    /// A label made for a human: "CRM · Acme · row 14".
    pub label: String,
    /// What sort of source: "web", "chat", "file", ….
    pub kind: Option<String>,
    /// Where it can be found.
    pub uri: Option<String>,
    /// The application it was taken from.
    pub app: Option<String>,
    /// Who wrote it there.
    pub author: Option<String>,
    /// Where inside the source: a row, a page, a message number.
    pub locator: Option<String>,
    /// When it was true or was said.
    #[serde(default)]
    pub observed_at: Option<Time>,
}

/// A note by its id, beside something else.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct NoteRef {
    /// Its id.
    pub id: String,
    /// Its sensitivity.
    pub sensitivity: Sensitivity,
}

/// One member as seen from a note.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AudienceMember {
    /// The person's id.
    pub person: String,
    /// Their name, as they tell it.
    pub name: String,
    /// Whether this is the person who asks.
    pub is_me: bool,
    /// Whether they can open it.
    pub opens: bool,
}

/// What became of a note that was added.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct NoteWritten {
    /// Version.
    pub v: V1,
    /// The note.
    pub note: NoteRef,
    /// Its pack.
    pub pack: PackRef,
    /// Whether it was there already; nothing was written then.
    pub existing: bool,
    /// Every member, and whether they can open it now.
    pub audience: Vec<AudienceMember>,
    /// Kinds of personal data because of which the note stands at restricted.
    #[serde(default)]
    pub held: Vec<String>,
    /// The masked copy that was written beside it.
    #[serde(default)]
    pub masked: Option<MaskedCopy>,
}

/// A copy of a note without its personal data.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct MaskedCopy {
    /// The copy.
    pub note: NoteRef,
    /// Every member, and whether they can open it now.
    pub audience: Vec<AudienceMember>,
}

/// What became of an edit.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct NoteEdited {
    /// Version.
    pub v: V1,
    /// The note.
    pub note: NoteRef,
    /// Its pack.
    pub pack: PackRef,
    /// Whether anything changed; nothing was written otherwise.
    pub changed: bool,
    /// Every member, and whether they can open it now; empty if nothing changed.
    pub audience: Vec<AudienceMember>,
    /// Kinds of personal data that were found in what is new. The note says so from now on, and stays
    /// where it stands.
    #[serde(default)]
    pub found: Vec<String>,
    /// Masked copies that got a stricter consent with it.
    #[serde(default)]
    pub copies: Vec<NoteRef>,
    /// Masked copies that stand under a stricter consent than was stated now: they keep it.
    #[serde(default)]
    pub stricter: Vec<NoteRef>,
    /// Notes of other packs that were carried from it, or that it was moved from.
    #[serde(default)]
    pub elsewhere: Vec<StatedElsewhere>,
}

/// A note of another pack of which a consent was stated as well.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct StatedElsewhere {
    /// Its pack.
    pub pack: PackRef,
    /// The note.
    pub note: NoteRef,
    /// What became of it.
    pub became: BecameElsewhere,
    /// Why it could not be written, in a sentence.
    #[serde(default)]
    pub reason: Option<String>,
}

/// What became of a note of another pack, when a consent was stated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BecameElsewhere {
    /// It is as strict now.
    Reached,
    /// It is stricter, and stays so.
    Stricter,
    /// It could not be written.
    Failed,
}

/// What became, or would become, of a note that is made more or less sensitive.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct NoteRelabelled {
    /// Version.
    pub v: V1,
    /// The note, with the sensitivity that was asked for.
    pub note: NoteRef,
    /// Its pack.
    pub pack: PackRef,
    /// Its sensitivity before.
    pub from: Sensitivity,
    /// Whether anything changes; nothing is written otherwise.
    pub changed: bool,
    /// Every member, and whether they can open it there.
    pub audience: Vec<AudienceMember>,
    /// Members who could not open it before. They get its history too.
    pub gains: Vec<AudienceMember>,
    /// Members who no longer can. They keep what they had.
    pub loses: Vec<AudienceMember>,
    /// Edits made at a higher sensitivity that come in with it.
    pub brings: u64,
    /// Kinds of personal data that it holds.
    pub holds: Vec<String>,
    /// Whether this only says what would happen.
    pub dry_run: bool,
}

/// The notes of a pack.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Notes {
    /// Version.
    pub v: V1,
    /// The pack.
    pub pack: PackRef,
    /// Those that can be read here.
    pub notes: Vec<NoteLine>,
    /// How many more there are that others replaced, if they are not in it.
    #[serde(default)]
    pub superseded: u64,
    /// How many would be in it, if they opened from this device's disk; up to 1,024 are looked for.
    #[serde(default)]
    pub unreadable: u64,
    /// How the own membership ended, if it did: there will be no more of them.
    pub ended: Option<Ended>,
    /// What is above this is left out, for want of an unlocked session; null if nothing is left out so.
    #[serde(default)]
    pub up_to: Option<Sensitivity>,
}

/// One note in a list.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct NoteLine {
    /// Its id.
    pub id: String,
    /// Its title; if it has none, the start of its body.
    pub title: String,
    /// Its sensitivity.
    pub sensitivity: Sensitivity,
    /// Its source label.
    pub source: String,
    /// active, superseded, archived, expired or redacted.
    pub status: String,
    /// Whether it was edited since it was added.
    pub edited: bool,
    /// The notes that it was made from.
    #[serde(default)]
    pub derived_from: Vec<String>,
    /// Its copies without personal data, as far as they can be read here.
    #[serde(default)]
    pub masked_copies: Vec<String>,
    /// The notes of which it is such a copy, as far as they can be read here.
    #[serde(default)]
    pub masked_copy_of: Vec<String>,
    /// Kinds of personal data in it.
    #[serde(default)]
    pub pii: Vec<String>,
    /// The notes that replaced it.
    #[serde(default)]
    pub superseded_by: Vec<String>,
    /// Whether it is kept in front.
    #[serde(default)]
    pub pinned: bool,
}

/// Who took the content of a note out, and why.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Redaction {
    /// Their name; none if it came redacted.
    pub by: Option<String>,
    /// When, by their clock.
    pub at: Option<Time>,
    /// Why; none if it came redacted.
    pub reason: Option<String>,
}

/// One note.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct NoteAnswer {
    /// Version.
    pub v: V1,
    /// The note.
    pub note: Note,
}

/// A note in full.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Note {
    /// Its id.
    pub id: String,
    /// Its pack.
    pub pack: PackRef,
    /// note, snippet, message, ….
    #[serde(rename = "type")]
    pub note_type: String,
    /// Title.
    pub title: String,
    /// Body; of a long text the beginning.
    pub body: String,
    /// Bytes of the whole text, if `body` is only its beginning: [`crate::ReadText`] gives all of it, and
    /// it cannot be edited.
    #[serde(default)]
    pub long_text_bytes: Option<u64>,
    /// Tags, sorted.
    pub tags: Vec<String>,
    /// Where it comes from.
    pub source: Source,
    /// What wrote it, if no person did.
    #[serde(default)]
    pub produced_by: Option<ProducedBy>,
    /// How sure that was, in thousandths.
    #[serde(default)]
    pub confidence: Option<u16>,
    /// Who or what captured it, set by the daemon.
    pub captured_by: String,
    /// How far its text is trusted, set by the daemon.
    pub trust: String,
    /// Sensitivity.
    pub sensitivity: Sensitivity,
    /// active, superseded, archived, expired or redacted.
    pub status: String,
    /// What the person concerned said about its use; of several statements the strictest.
    #[serde(default)]
    pub consent: Option<ExportedConsent>,
    /// When it was captured, by the capturing device's clock.
    pub captured_at: Time,
    /// Name of the person who added it.
    pub added_by: String,
    /// Names the state that is shown here, for [`EditNote::seen`].
    pub version: String,
    /// Number of edits since.
    pub edits: u64,
    /// Entries of this note that wait for earlier ones.
    pub waiting: u64,
    /// Edits made at a higher sensitivity, of which nothing is shown: an admin who gives the note the
    /// sensitivity that it has brings them in.
    #[serde(default)]
    pub left_above: u64,
    /// Whether somebody took it away from members cleared lower without making it more sensitive: an
    /// admin who gives the note the sensitivity that it has gives it back.
    #[serde(default)]
    pub hidden_below: bool,
    /// Where members who cannot see it here still do: an editor who gives the note the sensitivity
    /// that it has takes it away.
    #[serde(default)]
    pub shown_below: Option<Sensitivity>,
    /// Places of its body that several changed at once, and nobody who had both wrote in it since.
    #[serde(default)]
    pub merged: Vec<MergedPlace>,
    /// Who deleted it, if it is deleted.
    #[serde(default)]
    pub deleted: Option<Deletion>,
    /// The notes that it was made from.
    #[serde(default)]
    pub derived_from: Vec<String>,
    /// Its copies without personal data, as far as they can be read here.
    #[serde(default)]
    pub masked_copies: Vec<NoteRef>,
    /// The notes of which it is such a copy, as far as they can be read here.
    #[serde(default)]
    pub masked_copy_of: Vec<NoteRef>,
    /// Kinds of personal data in it.
    #[serde(default)]
    pub pii: Vec<String>,
    /// The notes that it replaces.
    #[serde(default)]
    pub supersedes: Vec<String>,
    /// The notes that replaced it.
    #[serde(default)]
    pub superseded_by: Vec<String>,
    /// Who took its content out and why, if it is redacted.
    #[serde(default)]
    pub redacted: Option<Redaction>,
    /// Whether it is kept in front.
    #[serde(default)]
    pub pinned: bool,
    /// observation, inference, verified or directive.
    #[serde(default)]
    pub claim: Option<String>,
    /// True from.
    #[serde(default)]
    pub valid_from: Option<Time>,
    /// True until.
    #[serde(default)]
    pub valid_to: Option<Time>,
    /// To be looked at again.
    #[serde(default)]
    pub review_after: Option<Time>,
    /// In no export after.
    #[serde(default)]
    pub expires_at: Option<Time>,
}

/// A place of a body that was changed at once by edits that did not know of each other.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct MergedPlace {
    /// Where both texts stand, one after the other: from and to, in characters of the body.
    pub at: [u64; 2],
    /// Names of those who wrote them, in that order; one if both are of one person.
    pub by: Vec<String>,
}

/// How a note came to be.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct History {
    /// Version.
    pub v: V1,
    /// The note's id.
    pub note: String,
    /// Its steps, oldest first.
    pub history: Vec<Revision>,
}

/// One step in a note's history.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Revision {
    /// Who wrote it.
    pub by: String,
    /// When, by their clock.
    pub at: Time,
    /// "added", "edited", "deleted", "restored", "superseded", "reactivated", "redacted", "unredacted",
    /// "moved", or "taken over" if it writes anew what was set aside.
    pub what: String,
    /// Why, if it was redacted.
    #[serde(default)]
    pub reason: Option<String>,
    /// The new sensitivity, if it moved.
    #[serde(default)]
    pub to: Option<Sensitivity>,
    /// Who says so, if the step itself is not to be seen here: whoever moved the note.
    #[serde(default)]
    pub told_by: Option<String>,
    /// Title as its author left it: without what others wrote at the same time.
    pub title: String,
    /// Body, likewise.
    pub body: String,
    /// What its author changed, field by field; nothing in the oldest steps of a very long history.
    #[serde(default)]
    pub changes: Vec<FieldChange>,
}

/// What a step changed in one field.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct FieldChange {
    /// status, title, text, tags, type, claim, pinned, valid_from, valid_to, review_after, expires_at,
    /// consent.status, consent.purposes, consent.subject, consent.given_at, consent.expires_at,
    /// consent.evidence, pii or superseded_by.
    pub field: String,
    /// What stood there; null if nothing did, and of a list or the text.
    #[serde(default)]
    pub from: Option<String>,
    /// What stands there since; likewise.
    #[serde(default)]
    pub to: Option<String>,
    /// What came to a list.
    #[serde(default)]
    pub added: Vec<String>,
    /// What went from it.
    #[serde(default)]
    pub removed: Vec<String>,
}
