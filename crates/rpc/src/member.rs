//! Members of a pack.

use crate::call::call;
use crate::{Held, PackRef, Role, Sensitivity, Time, V1};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Lists the members of a pack.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListMembers {
    /// Version.
    pub v: V1,
    /// The pack.
    pub pack: String,
}
call!(post ListMembers, "/v1/pack/members" => Members);

/// The members of a pack.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Members {
    /// Version.
    pub v: V1,
    /// The pack.
    pub pack: PackRef,
    /// Its members.
    pub members: Vec<Member>,
}

/// One member.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Member {
    /// The person's id.
    pub person: String,
    /// The name they tell; their short id if none arrived yet.
    pub name: String,
    /// "person".
    pub kind: String,
    /// Role.
    pub role: Role,
    /// Clearance.
    pub clearance: Sensitivity,
    /// Their devices' names.
    pub devices: Vec<String>,
    /// Whether this is the person who asks.
    pub is_me: bool,
    /// Three words that both sides see, for members who came by an invite between the two.
    pub check_words: Option<String>,
    /// When they joined, by the admitting device's clock.
    pub since: Time,
    /// What they open, now and in the future.
    pub opens: Vec<Sensitivity>,
    /// What they write.
    pub writes: Vec<Sensitivity>,
    /// Removals that keep them out until an admin answers: by another removal, or by a role.
    pub held: Vec<Held>,
}
