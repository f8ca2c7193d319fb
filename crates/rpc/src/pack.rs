//! Packs: create, list, show.

use crate::call::call;
use crate::{Role, Sensitivity, V1, WaitingJoin};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Creates a pack of one's own.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreatePack {
    /// Version.
    pub v: V1,
    /// Its title, as its members will see it.
    pub title: String,
    /// Sensitivity of a note for which nobody says another; `internal` if absent.
    #[serde(default)]
    pub sensitivity: Option<Sensitivity>,
    /// case, account, project, library or inbox.
    #[serde(default)]
    pub kind: Option<String>,
    /// The client that it belongs to.
    #[serde(default)]
    pub client: Option<String>,
}
call!(post CreatePack, "/v1/pack/create" => PackAnswer);

/// Lists all packs of this device.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListPacks {
    /// Version.
    pub v: V1,
}
call!(get ListPacks, "/v1/pack/list" => Packs);

/// Shows one pack.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShowPack {
    /// Version.
    pub v: V1,
    /// The pack: the start of its id, the own name for it, or the title that oneself gave it.
    pub pack: String,
}
call!(post ShowPack, "/v1/pack/show" => PackAnswer);

/// One pack.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct PackAnswer {
    /// Version.
    pub v: V1,
    /// The pack.
    pub pack: Pack,
}

/// All packs.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Packs {
    /// Version.
    pub v: V1,
    /// The packs.
    pub packs: Vec<Pack>,
    /// Tickets of this person that wait for somebody's answer, or got a no.
    #[serde(default)]
    pub joins: Vec<WaitingJoin>,
}

/// A pack as its member sees it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Pack {
    /// Its id.
    pub id: String,
    /// Its title; empty while unknown or above the own clearance. Somebody else may have chosen it.
    pub title: String,
    /// The name that this person gave it.
    pub name: Option<String>,
    /// Notes that can be read here.
    pub notes: u64,
    /// Members.
    pub members: u64,
    /// The own role; none before admission or after removal.
    pub role: Option<Role>,
    /// The highest sensitivity opened here.
    pub clearance: Option<Sensitivity>,
    /// Sensitivity of a note for which nobody says another.
    pub default_sensitivity: Sensitivity,
}

/// A pack by its id and names, beside something else.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct PackRef {
    /// Its id.
    pub id: String,
    /// Its title, maybe empty.
    pub title: String,
    /// The name that this person gave it.
    pub name: Option<String>,
}
