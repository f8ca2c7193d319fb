//! Why packs are not all well.

use crate::call::call;
use crate::{ActShown, Named, Sensitivity, V1};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Asks why packs are not all well.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadWhy {
    /// Version.
    pub v: V1,
}
call!(get ReadWhy, "/v1/status/why" => WhyAnswer);

/// Why packs are not all well.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct WhyAnswer {
    /// Version.
    pub v: V1,
    /// All packs, those that are well too.
    pub why: Vec<PackWhy>,
}

/// Why one pack is not all well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PackWhy {
    /// The pack.
    pub id: String,
    /// Notes that wait, by what for.
    pub waiting: Vec<Waiting>,
    /// Changes of the policy that wait for an earlier one.
    pub policy_waiting: u64,
    /// What is set aside, by whom and because of what.
    pub set_aside: Vec<AsideBy>,
    /// Removals that wait to be confirmed, or for something earlier.
    pub removals_waiting: Vec<ActShown>,
    /// Sensitivities whose next note is locked anew.
    pub renewals: Vec<Renewal>,
    /// Whether the pack uses rules of a newer version.
    pub newer_rules: bool,
}

/// What notes wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WaitingFor {
    /// An earlier change that is not here.
    Earlier,
    /// A key that somebody else has.
    Key,
}

/// Notes of one sensitivity that wait for one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Waiting {
    /// For what.
    #[serde(rename = "for")]
    pub what: WaitingFor,
    /// Whose notes.
    pub sensitivity: Sensitivity,
    /// How many.
    pub notes: u64,
}

/// Why changes are set aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Because {
    /// Their author's access had ended.
    AfterEnd,
    /// They build on something that is set aside.
    BuildsOn,
    /// Their author never had the right to write them.
    NotAllowed,
    /// They cannot be read as what they claim to be.
    Unreadable,
}

/// Changes by one author that are set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AsideBy {
    /// Who wrote them, if that is known.
    pub by: Option<Named>,
    /// Why.
    pub because: Because,
    /// What ended the author's access.
    pub act: Option<ActShown>,
    /// How many.
    pub changes: u64,
}

/// A sensitivity whose next note is locked anew, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Renewal {
    /// Which.
    pub sensitivity: Sensitivity,
    /// Because of what, earliest first; empty when several devices did so at once, each for a part.
    pub after: Vec<ActShown>,
    /// Whether a note of this person's own does it.
    pub by_me: bool,
}
