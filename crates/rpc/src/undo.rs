//! Deleting a note, and taking back the last write.

use crate::call::call;
use crate::{AudienceMember, NoteRef, PackRef, Time, V1};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Deletes a note, or restores one.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteNote {
    /// Version.
    pub v: V1,
    /// The start of the note's id.
    pub note: String,
    /// Restore it, whoever deleted it.
    #[serde(default)]
    pub restore: bool,
    /// This one alone, without its original or masked copies.
    #[serde(default)]
    pub only: bool,
    /// Say what would happen, and do nothing.
    #[serde(default)]
    pub dry_run: bool,
}
call!(post DeleteNote, "/v1/note/delete" => NoteDeleted);

/// Takes back what this device wrote last and did not take back yet.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Undo {
    /// Version.
    pub v: V1,
    /// Only in this pack, or this note; where this device wrote last if absent.
    #[serde(default)]
    pub of: Option<String>,
    /// Say what would happen, and do nothing.
    #[serde(default)]
    pub dry_run: bool,
}
call!(post Undo, "/v1/undo" => Undone);

/// What became of a note that was deleted or restored.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct NoteDeleted {
    /// Version.
    pub v: V1,
    /// The note.
    pub note: NoteRef,
    /// Its pack.
    pub pack: PackRef,
    /// Its title; if it has none, the start of its body.
    pub title: String,
    /// Whether it is deleted now.
    pub deleted: bool,
    /// Whether anything changed; nothing was written otherwise.
    pub changed: bool,
    /// Every member, and whether they can open it.
    pub audience: Vec<AudienceMember>,
    /// Its original or masked copies that go with it.
    #[serde(default)]
    pub along: Vec<NoteRef>,
    /// Whether this only says what would happen.
    pub dry_run: bool,
}

/// What was taken back.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Undone {
    /// Version.
    pub v: V1,
    /// The note.
    pub note: NoteRef,
    /// Its pack.
    pub pack: PackRef,
    /// Its title as it is now; if it has none, the start of its body.
    pub title: String,
    /// What the write was.
    pub what: UndoneWrite,
    /// When it was written.
    pub at: Time,
    /// The note's status now. A note that somebody else deleted as well stays `archived`.
    pub status: String,
    /// Every member, and whether they can open it.
    pub audience: Vec<AudienceMember>,
    /// Notes that belong to it, to which something was written in the same step: that is taken back too.
    #[serde(default)]
    pub along: Vec<NoteRef>,
    /// If it was one of many that hygiene wrote in one go: all of these are taken back; null otherwise.
    #[serde(default)]
    pub run: Option<RunUndone>,
    /// What could not be taken back any more after the rest was, in a sentence.
    #[serde(default)]
    pub left: Option<String>,
    /// Whether this only says what would happen.
    pub dry_run: bool,
}

/// What hygiene did in one go, taken back.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RunUndone {
    /// When it began.
    pub at: Time,
    /// Notes that it had changed, without those that went along.
    pub notes: u64,
}

/// A kind of write that can be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UndoneWrite {
    /// The note was added: it is deleted now.
    Added,
    /// Its title, text or tags were changed: what was there is back.
    Edited,
    /// It was deleted: it is restored.
    Deleted,
    /// It was restored: it is deleted again.
    Restored,
    /// It was replaced by another note: it is in use again.
    Superseded,
    /// Its content was taken out: it is there again.
    Redacted,
    /// It went to another pack: it is here again, and what was written there is deleted.
    Moved,
}

/// Who deleted a note.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Deletion {
    /// Their name.
    pub by: String,
    /// When, by their clock.
    pub at: Time,
}

/// Which notes a list holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Listed {
    /// Those that are not deleted.
    #[default]
    Kept,
    /// Those that are deleted.
    Deleted,
    /// All of them.
    All,
}

impl Listed {
    /// Whether a note of this status is in the list. One that others replaced is only among all.
    pub fn holds(self, status: &str) -> bool {
        let deleted = status == "archived";
        match self {
            Listed::Kept => !deleted && status != "superseded",
            Listed::Deleted => deleted,
            Listed::All => true,
        }
    }
}
