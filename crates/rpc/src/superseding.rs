//! Putting a note in the place of another, and taking the content of one out.

use crate::call::call;
use crate::{AudienceMember, NoteRef, PackRef, V1};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Puts a note in the place of another of the same pack.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SupersedeNote {
    /// Version.
    pub v: V1,
    /// The start of the id of the note that is replaced.
    pub note: String,
    /// The start of the id of what replaces it.
    pub by: String,
    /// Whether a person said that it may stand above the other, whose readers see neither then.
    #[serde(default)]
    pub above: bool,
    /// Say what would happen, and do nothing.
    #[serde(default)]
    pub dry_run: bool,
}
call!(post SupersedeNote, "/v1/note/supersede" => NoteSuperseded);

/// What became of a note that was replaced.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct NoteSuperseded {
    /// Version.
    pub v: V1,
    /// The note that was replaced.
    pub note: NoteRef,
    /// Its title; if it has none, the start of its body.
    pub title: String,
    /// What replaced it.
    pub by: NoteRef,
    /// The title of that.
    pub by_title: String,
    /// The pack.
    pub pack: PackRef,
    /// Whether anything changed; nothing was written otherwise.
    pub changed: bool,
    /// Masked copies of it that were replaced too.
    pub along: Vec<NoteRef>,
    /// Every member, and whether they can open the note that was replaced.
    pub audience: Vec<AudienceMember>,
    /// Whether nothing that replaces it stands where it stood: that has to be said.
    #[serde(default)]
    pub above: bool,
    /// Members who could open the note and can open nothing that replaced it.
    #[serde(default)]
    pub loses: Vec<AudienceMember>,
    /// Whether this only says what would happen.
    pub dry_run: bool,
}

/// Takes the content of a note out, and of its masked copies. Who, when and why stay.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RedactNote {
    /// Version.
    pub v: V1,
    /// The start of the note's id.
    pub note: String,
    /// Why; one line that everybody who has the note reads.
    pub reason: String,
    /// Say what would happen, and do nothing.
    #[serde(default)]
    pub dry_run: bool,
}
call!(post RedactNote, "/v1/note/redact" => NoteRedacted);

/// What became of a note whose content was taken out.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct NoteRedacted {
    /// Version.
    pub v: V1,
    /// The note.
    pub note: NoteRef,
    /// Its pack.
    pub pack: PackRef,
    /// Its title before; if it had none, the start of its body.
    pub title: String,
    /// Whether anything changed; nothing was written otherwise.
    pub changed: bool,
    /// Its masked copies that are redacted with it.
    pub along: Vec<NoteRef>,
    /// Every member, and whether they can open it.
    pub audience: Vec<AudienceMember>,
    /// Kinds of personal data in the reason, which stays to be read.
    pub found: Vec<String>,
    /// Whether this only says what would happen.
    pub dry_run: bool,
}
