//! Moving and copying a note into another pack.

use crate::call::call;
use crate::{AudienceMember, MaskedCopy, NoteRef, PackRef, Sensitivity, V1};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Writes a note into another pack too, with its masked copy, and deletes it here if it moves.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CarryNote {
    /// Version.
    pub v: V1,
    /// The start of the note's id.
    pub note: String,
    /// The other pack.
    pub to: String,
    /// Delete it here.
    #[serde(rename = "move", default)]
    pub moves: bool,
    /// Its sensitivity there. If absent its own, and no less than what a note there is if nobody says.
    #[serde(default)]
    pub sensitivity: Option<Sensitivity>,
    /// What for: consents are asked for it.
    #[serde(default)]
    pub purpose: Option<String>,
    /// Let it go from one client to another all the same.
    #[serde(default)]
    pub across_clients: bool,
    /// Say what would happen, and do nothing.
    #[serde(default)]
    pub dry_run: bool,
}
call!(post CarryNote, "/v1/note/carry" => NoteCarried);

/// What became of a note that went into another pack.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct NoteCarried {
    /// Version.
    pub v: V1,
    /// The note as it is, or was, here.
    pub note: NoteRef,
    /// Its title; if it has none, the start of its body.
    pub title: String,
    /// Its pack.
    pub pack: PackRef,
    /// Its masked copy that goes along.
    pub along: Option<NoteRef>,
    /// The other pack.
    pub to: PackRef,
    /// The note there; none in a dry run, if it is new.
    pub written: Option<NoteRef>,
    /// Its sensitivity there.
    pub sensitivity: Sensitivity,
    /// Whether it was there already; nothing was written there then.
    pub existing: bool,
    /// The masked copy that was written there.
    pub masked: Option<MaskedCopy>,
    /// Every member of the other pack, and whether they can open it there.
    pub audience: Vec<AudienceMember>,
    /// Whether it is deleted here.
    #[serde(rename = "move")]
    pub moves: bool,
    /// Whether it is less sensitive there than here.
    pub lowers: bool,
    /// Whether it crosses from one client to another, because a person said that it may.
    pub crosses_clients: bool,
    /// What could not be done any more after it was written, in a sentence.
    #[serde(default)]
    pub left: Option<String>,
    /// Whether this only says what would happen.
    pub dry_run: bool,
}
