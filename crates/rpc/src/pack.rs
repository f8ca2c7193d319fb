//! Packs: create, list, show, put away, name.

use crate::call::call;
use crate::{AudienceMember, Role, Sensitivity, V1, WaitingJoin};
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
    /// How many packs of this device are archived, whether or not they are among these.
    #[serde(default)]
    pub archived: u64,
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
    /// The client that it belongs to; null if its rules name none, or `rules_unclear` says why.
    #[serde(default)]
    pub client: Option<String>,
    /// What kind of pack it is: case, account, project, library or inbox; null as with the client.
    #[serde(default)]
    pub kind: Option<String>,
    /// Why its rules do not say one client and one kind; null if they do, or name none.
    #[serde(default)]
    pub rules_unclear: Option<RulesUnclear>,
    /// Whether it is archived on this device.
    #[serde(default)]
    pub archived: bool,
}

/// Why a pack's rules do not say one client and one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RulesUnclear {
    /// Admins named several clients at once: one of them has to say which.
    SeveralClients,
    /// The same for kinds.
    SeveralKinds,
    /// The same for both.
    SeveralOfBoth,
    /// They cannot be read here.
    Unreadable,
}

/// Puts a pack away on this device, or takes it out again. Nobody else learns of it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArchivePack {
    /// Version.
    pub v: V1,
    /// The pack.
    pub pack: String,
    /// Whether it is archived from now on.
    pub archived: bool,
}
call!(post ArchivePack, "/v1/pack/archive" => PackArchived);

/// What became of a pack that was to be put away, or taken out.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct PackArchived {
    /// Version.
    pub v: V1,
    /// The pack as it is now.
    pub pack: PackRef,
    /// Whether it was otherwise before.
    pub changed: bool,
}

/// Gives a pack another name of one's own, or none. Nobody else learns of it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RenamePack {
    /// Version.
    pub v: V1,
    /// The pack.
    pub pack: String,
    /// The name; none if absent.
    #[serde(default)]
    pub name: Option<String>,
}
call!(post RenamePack, "/v1/pack/rename" => PackRenamed);

/// What a pack is called now.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct PackRenamed {
    /// Version.
    pub v: V1,
    /// The pack as it is now.
    pub pack: PackRef,
    /// The own name for it before.
    pub before: Option<String>,
    /// Whether that was another.
    pub changed: bool,
}

/// Gives a pack that one made another title, or says what that would do.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetitlePack {
    /// Version.
    pub v: V1,
    /// The pack.
    pub pack: String,
    /// Its title, as its members will see it.
    pub title: String,
    /// Whether only to say what would happen.
    #[serde(default)]
    pub dry_run: bool,
}
call!(post RetitlePack, "/v1/pack/retitle" => PackRetitled);

/// What a pack's title is now, or would be.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct PackRetitled {
    /// Version.
    pub v: V1,
    /// The pack as it was before.
    pub pack: PackRef,
    /// Its title afterwards.
    pub title: String,
    /// Whether that is another.
    pub changed: bool,
    /// Whether nothing was done.
    pub dry_run: bool,
    /// The highest sensitivity at which it has a title that changes; null if none changes.
    pub sensitivity: Option<Sensitivity>,
    /// Who opens that.
    pub audience: Vec<AudienceMember>,
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
    /// Whether it is archived on this device: in no list and no search that does not name it.
    #[serde(default)]
    pub archived: bool,
}
