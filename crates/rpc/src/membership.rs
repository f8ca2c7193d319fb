//! Who is in a pack, changed: somebody is removed, leaves, or gets another role.

use crate::call::call;
use crate::{PackRef, Role, Sensitivity, Time, V1};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Removes somebody from a pack, or says what that would do. For `me`: leaves.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnsharePack {
    /// Version.
    pub v: V1,
    /// The pack.
    pub pack: String,
    /// Who: a name, the start of an id, or `me`.
    pub person: String,
    /// Whether removals that they made without the knowledge of whoever removes them fall too.
    #[serde(default)]
    pub hostile: bool,
    /// Whether only to say what would happen.
    #[serde(default)]
    pub dry_run: bool,
}
call!(post UnsharePack, "/v1/pack/unshare" => MembershipChange);

/// Gives somebody another role, or lets them in again, or says what that would do.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetRole {
    /// Version.
    pub v: V1,
    /// The pack.
    pub pack: String,
    /// Who: a name, the start of an id, or `me`.
    pub person: String,
    /// What they may do: reader, commenter, editor or admin.
    pub role: Role,
    /// The highest they open. If absent: what they open now; for an admin restricted, for whoever was
    /// one or is not in the pack internal.
    #[serde(default)]
    pub clearance: Option<Sensitivity>,
    /// Whether only to say what would happen.
    #[serde(default)]
    pub dry_run: bool,
}
call!(post SetRole, "/v1/pack/role" => MembershipChange);

/// What a change of membership does or would do, as far as this device knows.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct MembershipChange {
    /// Version.
    pub v: V1,
    /// The pack.
    pub pack: PackRef,
    /// At whom it is aimed.
    pub person: PersonRef,
    /// Whether it changes anything; if not, nothing was written.
    pub changes: bool,
    /// Whether nothing was done.
    pub dry_run: bool,
    /// Whose rights change, the one it is aimed at first.
    pub people: Vec<PersonChange>,
    /// Tickets that end.
    pub tickets: Vec<EndedTicket>,
    /// Edits that are set aside.
    pub set_aside: Vec<SetAsideOf>,
    /// Removals that wait for an admin from then on.
    pub held: Vec<Held>,
    /// Removals that count no more.
    pub dropped: Vec<Held>,
    /// Sensitivities whose next note gets a new key.
    pub rotates: Vec<Sensitivity>,
    /// Whether what they wrote and this device has not got is set aside when it comes.
    pub cuts_off: bool,
    /// How many changes of that kind their device was seen to hold.
    pub not_here: u64,
    /// When their device was last up to date with this one; absent if never since the start.
    pub last_synced: Option<Time>,
}

/// A person beside something else.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct PersonRef {
    /// Their id.
    pub id: String,
    /// The name they tell; their short id if none arrived.
    pub name: String,
    /// Whether this is the person who asks.
    pub is_me: bool,
}

/// One person whose rights change.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct PersonChange {
    /// Who.
    pub person: PersonRef,
    /// What they may do before.
    pub before: Rights,
    /// What they may do afterwards.
    pub after: Rights,
    /// Notes that they can open from then on.
    pub gains: Vec<NoteCount>,
    /// Notes of which they keep copies, and get nothing new.
    pub keeps: Vec<NoteCount>,
}

/// What somebody may do in a pack.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rights {
    /// The role; absent for somebody who is not in the pack.
    pub role: Option<Role>,
    /// The highest they open.
    pub clearance: Option<Sensitivity>,
    /// What they open now and in the future.
    pub opens: Vec<Sensitivity>,
    /// What they write.
    pub writes: Vec<Sensitivity>,
    /// Whether a removal that waits for an admin keeps all of it away.
    pub waits: bool,
}

/// So many notes of one sensitivity.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
pub struct NoteCount {
    /// The sensitivity.
    pub sensitivity: Sensitivity,
    /// How many.
    pub notes: u64,
}

/// A ticket that ends.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct EndedTicket {
    /// Short id of its invite.
    pub invite: String,
    /// Name of whoever made it.
    pub by: String,
    /// What it would have given.
    pub role: Role,
    /// And up to where.
    pub clearance: Sensitivity,
}

/// Edits that are set aside.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SetAsideOf {
    /// Whose.
    pub person: String,
    /// Their name.
    pub name: String,
    /// How many.
    pub edits: u64,
}

/// A removal that keeps somebody out until an admin answers it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Held {
    /// Id of the person who is kept out.
    pub person: String,
    /// Their name.
    pub name: String,
    /// What it is.
    pub what: RemovalKind,
    /// Id of whoever made it.
    pub by: String,
    /// Their name.
    pub by_name: String,
    /// When, by their clock.
    pub at: Time,
    /// The whole as a sentence without a full stop.
    pub text: String,
}

/// How somebody's membership ended.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Ended {
    /// By what.
    pub what: RemovalKind,
    /// Id of whoever made it.
    pub by: String,
    /// Their name.
    pub by_name: String,
    /// When, by their clock.
    pub at: Time,
    /// The whole as a sentence without a full stop: "Ana removed you from this pack".
    pub text: String,
}

/// What ends somebody's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RemovalKind {
    /// They were removed.
    Removed,
    /// They left.
    Left,
    /// Somebody was removed on whom their place rested.
    FellWith,
    /// Their invite was closed without them.
    NotListed,
    /// A device was copied.
    Forked,
}
