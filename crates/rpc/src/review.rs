//! What is set aside in a pack, and taking it over.

use crate::call::call;
use crate::{AudienceMember, PackRef, Sensitivity, Time, V1};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Lists what is set aside in a pack.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReviewPack {
    /// Version.
    pub v: V1,
    /// The pack.
    pub pack: String,
}
call!(post ReviewPack, "/v1/pack/review" => Review);

/// What is set aside in a pack.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Review {
    /// Version.
    pub v: V1,
    /// The pack.
    pub pack: PackRef,
    /// Whether this person may write any of it anew: whoever is not in the pack, or only reads, may
    /// not.
    #[serde(default)]
    pub may_take: bool,
    /// How many there are.
    pub total: u64,
    /// The first [`Review::LISTED_MAX`] of them, the oldest first.
    pub set_aside: Vec<SetAside>,
}

impl Review {
    /// Entries in one answer, at most.
    pub const LISTED_MAX: usize = 1_000;
}

/// One entry that is set aside: kept, and not shown among the rest.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SetAside {
    /// Its id.
    pub entry: String,
    /// What it would be.
    pub kind: SetAsideKind,
    /// The note that it belongs to or would make; absent if that cannot be opened.
    pub note: Option<String>,
    /// That note's title; absent as well, then.
    pub title: Option<String>,
    /// Sensitivity.
    pub sensitivity: Sensitivity,
    /// Name of whoever wrote it.
    pub author: String,
    /// Name of the device that wrote it.
    pub device: Option<String>,
    /// Id of whoever wrote it.
    pub person: Option<String>,
    /// When, by the author's clock.
    pub at: Option<Time>,
    /// Why it is set aside.
    pub why: SetAsideWhy,
    /// What is wrong with content that is refused, in technical words.
    pub reason: Option<String>,
    /// Whether the author is a member now: whoever ended what they had gave them something else.
    pub is_member: bool,
    /// Names of those who removed the author; none if they left.
    pub removed_by: Vec<String>,
    /// How many others set aside build on it.
    pub dependents: u64,
    /// What it would put there: all of a note, of an edit the lines that it changes. Cut off when it
    /// is long; absent if it cannot be opened and applied.
    pub text: Option<String>,
}

/// What an entry that is set aside would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SetAsideKind {
    /// A note.
    Note,
    /// An edit of one.
    Edit,
    /// A title of the pack.
    Title,
    /// A note made more or less sensitive.
    Move,
    /// Of such a move, the part at the place that it leaves; listed only where the other is not.
    MoveAway,
}

/// Why an entry is set aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SetAsideWhy {
    /// Written after what its author's removal, or leaving, names as the last.
    AfterRemoval,
    /// It builds on something that is set aside.
    BuildsOnSetAside,
    /// Its author may not write it.
    NotAllowed,
    /// Its content is refused.
    Refused,
}

/// Writes content that is set aside anew, as one's own.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TakeOver {
    /// Version.
    pub v: V1,
    /// The pack.
    pub pack: String,
    /// The starts of the entries' ids.
    #[serde(default)]
    pub entries: Vec<String>,
    /// All that is set aside; `entries` must be empty then.
    #[serde(default)]
    pub all: bool,
    /// Only say what would be written.
    #[serde(default)]
    pub dry_run: bool,
}
call!(post TakeOver, "/v1/pack/take-over" => TakenOver);

/// What was taken over.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct TakenOver {
    /// Version.
    pub v: V1,
    /// The pack.
    pub pack: PackRef,
    /// Whether nothing was written.
    pub dry_run: bool,
    /// What became of each entry.
    pub taken: Vec<Taken>,
    /// Who can read what was written, for each sensitivity.
    pub audiences: Vec<Audience>,
}

/// One entry, taken over or not.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Taken {
    /// The entry.
    pub entry: String,
    /// What became of it.
    pub outcome: TakeOverOutcome,
    /// The note that was made or edited; absent if none was, or would be made.
    pub note: Option<String>,
}

/// What becomes of an entry that somebody takes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TakeOverOutcome {
    /// A new note.
    NewNote,
    /// An edit.
    Edited,
    /// Nothing is left to change; it stays in the list.
    ChangesNothing,
    /// It cannot be opened or applied; it stays in the list.
    Unreadable,
    /// A move, a title, or an edit of a note that was moved: not written anew for anybody; it stays in
    /// the list.
    ByHand,
    /// What it changes does not fit one edit of the note as it stands; it stays in the list.
    DoesNotFit,
}

/// Who can read notes of one sensitivity.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Audience {
    /// Sensitivity.
    pub sensitivity: Sensitivity,
    /// Members, and whether each can open it.
    pub audience: Vec<AudienceMember>,
}
