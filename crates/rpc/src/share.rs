//! Tickets: make one, look at one, join with one.

use crate::call::call;
use crate::{AudienceMember, PackRef, Role, Secret, Sensitivity, Time, V1};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long a client waits for a join: peers are dialled one after the other.
const JOIN_PATIENCE: Duration = Duration::from_secs(120);

/// Makes a ticket for a pack, or says what it would give.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SharePack {
    /// Version.
    pub v: V1,
    /// The pack.
    pub pack: String,
    /// What the joiner may do.
    pub role: Role,
    /// The highest the joiner opens.
    pub clearance: Sensitivity,
    /// Until when, by the clock of whoever admits.
    pub expires_at: Option<Time>,
    /// How many persons may join.
    pub uses: u32,
    /// Whether a person is asked about each joiner; above Internal one always is.
    #[serde(default)]
    pub ask: bool,
    /// Whether only to say what would happen.
    #[serde(default)]
    pub dry_run: bool,
}
call!(post SharePack, "/v1/pack/share" => Shared);

/// A ticket that was made, or would be.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Shared {
    /// Version.
    pub v: V1,
    /// The ticket; none in a dry run.
    pub ticket: Option<Secret>,
    /// Short id of the invite; none in a dry run.
    pub invite: Option<String>,
    /// Until when.
    pub expires_at: Option<Time>,
    /// The pack.
    pub pack: PackRef,
    /// The pack's title as the joiner will see it; empty if it is above their clearance.
    #[serde(default)]
    pub joiner_title: String,
    /// What the joiner may do.
    pub role: Role,
    /// The highest the joiner opens.
    pub clearance: Sensitivity,
    /// How many notes the joiner will be able to open, as of now.
    pub opens: u64,
    /// How many persons may join.
    pub uses: u32,
    /// Whether a person is asked about each joiner.
    #[serde(default)]
    pub ask: bool,
    /// Whether nothing was done.
    pub dry_run: bool,
}

/// Joins a pack with a ticket.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JoinPack {
    /// Version.
    pub v: V1,
    /// The ticket.
    pub ticket: Secret,
    /// The own name for the pack.
    #[serde(default)]
    pub name: Option<String>,
}
call!(post JoinPack, "/v1/pack/join" => Joined, patience |_| JOIN_PATIENCE);

/// What became of a ticket.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Joined {
    /// Version.
    pub v: V1,
    /// The pack; its title is empty until it arrives.
    pub pack: PackRef,
    /// Own role.
    pub role: Role,
    /// Own clearance.
    pub clearance: Sensitivity,
    /// Whether this made a member.
    pub state: JoinState,
    /// Three words that the inviter, or whoever is asked, sees too.
    pub check_words: String,
    /// Name of the inviter, empty until it arrives; while it waits, of who is asked.
    pub invited_by: String,
    /// While it waits: the id by which the ticket is forgotten.
    #[serde(default)]
    pub waiting: Option<String>,
    /// Notes that arrived so far.
    pub notes: u64,
    /// Every member, and whether they open what is added without saying a sensitivity; empty while it
    /// waits, and for whoever may not add.
    #[serde(default)]
    pub audience: Vec<AudienceMember>,
}

/// Whether a ticket made a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JoinState {
    /// Now a member.
    Joined,
    /// Was a member before; the ticket was not used.
    AlreadyMember,
    /// Somebody is asked first; the daemon asks again until there is an answer.
    Waiting,
}

/// One ticket, looked at.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct TicketAnswer {
    /// Version.
    pub v: V1,
    /// What it says.
    pub ticket: TicketInfo,
}

/// What a ticket says, without its secret. No daemon is needed to read it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct TicketInfo {
    /// Version of the format.
    pub version: u16,
    /// The pack's id.
    pub pack: String,
    /// Devices that may be asked.
    pub peers: Vec<String>,
    /// How many persons may join with it.
    pub uses: u32,
}
