//! Selections: notes that somebody put together on this device.

use crate::call::call;
use crate::{Hex, Listed, NoteFilter, PackRef, Sensitivity, V1};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The selection that is meant where none is named.
pub const WORKING_SELECTION: &str = "working";
/// Notes that one change names, at most.
pub const SELECTION_NAMES_MAX: usize = 1_024;
/// Every note of the packs is looked at.
const CHOOSING_PATIENCE: Duration = Duration::from_secs(10 * 60);

/// Changes a selection: first it is emptied, if that is said, then notes go, then notes come.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeSelection {
    /// Version.
    pub v: V1,
    /// Its name; the working one if absent. It is made if notes come to it.
    #[serde(default)]
    pub selection: Option<String>,
    /// Notes that come, by ids or their beginnings, at most [`SELECTION_NAMES_MAX`].
    #[serde(default)]
    pub add: Vec<String>,
    /// Notes that come because they are like that.
    #[serde(default)]
    pub matching: Option<SelectMatching>,
    /// Notes that go, by ids or their beginnings.
    #[serde(default)]
    pub remove: Vec<String>,
    /// Whether everything in it goes first.
    #[serde(default)]
    pub clear: bool,
    /// Whether a person said that it may hold notes of several clients.
    #[serde(default)]
    pub across_clients: bool,
    /// Only says what it would do.
    #[serde(default)]
    pub dry_run: bool,
}
call!(post ChangeSelection, "/v1/selection/change" => SelectionChanged, patience |_| CHOOSING_PATIENCE);

/// Notes that come to a selection because they are like that.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SelectMatching {
    /// What a search finds, best first; all that the filter admits, oldest first, if absent.
    #[serde(default)]
    pub query: Option<String>,
    /// In these packs; in all of this device if empty.
    #[serde(default)]
    pub packs: Vec<String>,
    /// Whether deleted notes are meant.
    #[serde(default)]
    pub listed: Listed,
    /// What else they are like.
    #[serde(default)]
    pub filter: NoteFilter,
    /// Of what a search finds, so many at most; 100 if absent.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// What became of a selection, or would.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SelectionChanged {
    /// Version.
    pub v: V1,
    /// Its name.
    pub selection: String,
    /// Notes that came.
    pub added: u64,
    /// Notes that were to come and stood in it.
    pub there: u64,
    /// Notes that went.
    pub removed: u64,
    /// Notes that a search found beyond its limit, as far as it counted them.
    pub beyond: u64,
    /// Notes in it now.
    pub notes: u64,
    /// The packs that they are of.
    pub packs: Vec<PackRef>,
    /// Whether they are of several clients.
    pub crosses_clients: bool,
    /// Whether nothing was done.
    pub dry_run: bool,
}

/// Asks for all selections of this device.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ListSelections {}
call!(get ListSelections, "/v1/selection/list" => Selections);

/// The selections of this device.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Selections {
    /// Version.
    pub v: V1,
    /// By name.
    pub selections: Vec<SelectionLine>,
}

/// A selection in a list.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SelectionLine {
    /// Its name.
    pub name: String,
    /// Notes in it; null if it cannot be read.
    pub notes: Option<u64>,
    /// The packs that they are of.
    pub packs: Vec<PackRef>,
}

/// Asks for the notes of a selection.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShowSelection {
    /// Version.
    pub v: V1,
    /// Its name; the working one if absent.
    #[serde(default)]
    pub selection: Option<String>,
}
call!(post ShowSelection, "/v1/selection/show" => SelectionShown);

/// The notes of a selection.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SelectionShown {
    /// Version.
    pub v: V1,
    /// Its name.
    pub selection: String,
    /// Names its notes in their order: 32 bytes.
    pub digest: Hex,
    /// The packs, in the order of their first notes.
    pub packs: Vec<PackRef>,
    /// The notes, in their order.
    pub notes: Vec<SelectedNote>,
    /// Whether they are of several clients.
    pub crosses_clients: bool,
}

/// A note of a selection as it stands now.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SelectedNote {
    /// Its id.
    pub id: String,
    /// The id of its pack.
    pub pack: String,
    /// active, superseded, archived (which is deleted), expired or redacted; gone if it is not to be
    /// seen here any more.
    pub status: String,
    /// Its title.
    pub title: Option<String>,
    /// The label of its source.
    pub source_label: Option<String>,
    /// Its sensitivity.
    pub sensitivity: Option<Sensitivity>,
}

/// Keeps the notes of one selection under another name, too.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SaveSelection {
    /// Version.
    pub v: V1,
    /// Whose notes; those of the working one if absent.
    #[serde(default)]
    pub from: Option<String>,
    /// The name.
    pub name: String,
    /// Whether one of that name may be replaced.
    #[serde(default)]
    pub replace: bool,
    /// Only says what it would do.
    #[serde(default)]
    pub dry_run: bool,
}
call!(post SaveSelection, "/v1/selection/save" => SelectionSaved);

/// A selection that was kept under a name, or would be.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SelectionSaved {
    /// Version.
    pub v: V1,
    /// Its name.
    pub selection: String,
    /// Notes in it.
    pub notes: u64,
    /// Whether nothing was done.
    pub dry_run: bool,
}

/// Forgets a selection. Its notes stay where they are.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteSelection {
    /// Version.
    pub v: V1,
    /// Its name.
    pub selection: String,
    /// Only says what it would do.
    #[serde(default)]
    pub dry_run: bool,
}
call!(post DeleteSelection, "/v1/selection/delete" => SelectionDeleted);

/// A selection that is forgotten, or would be.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SelectionDeleted {
    /// Version.
    pub v: V1,
    /// Its name.
    pub selection: String,
    /// Notes that were in it; null if that could not be read.
    pub notes: Option<u64>,
    /// Whether nothing was done.
    pub dry_run: bool,
}
