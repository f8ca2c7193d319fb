//! Invites of a pack, who asks to come in by one, and tickets of one's own that wait for an answer.

use crate::call::call;
use crate::{PackRef, Role, Sensitivity, Time, V1};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Lists a pack's invites.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListInvites {
    /// Version.
    pub v: V1,
    /// The pack.
    pub pack: String,
}
call!(post ListInvites, "/v1/pack/invites" => Invites);

/// A pack's invites, oldest first.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Invites {
    /// Version.
    pub v: V1,
    /// The pack.
    pub pack: PackRef,
    /// Its invites.
    pub invites: Vec<Invite>,
}

/// One invite.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Invite {
    /// Its id.
    pub id: String,
    /// Name of who made it.
    pub by: String,
    /// Whether that is this person.
    pub by_me: bool,
    /// What a joiner may do.
    pub role: Role,
    /// The highest a joiner opens.
    pub clearance: Sensitivity,
    /// Whether a person is asked about each joiner.
    pub ask: bool,
    /// How many persons may join.
    pub uses: u32,
    /// How many joined and count: more than `uses` if members let people in while apart.
    pub used: u64,
    /// Until when.
    pub expires_at: Option<Time>,
    /// When it was made.
    pub since: Time,
    /// What it is to somebody who comes with its ticket now.
    pub state: InviteState,
    /// Who came in by it, in order of joining.
    pub joined: Vec<InviteJoiner>,
    /// How many wait for this person's answer.
    pub waiting: u64,
}

/// What an invite is to somebody who comes with its ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InviteState {
    /// It lets people in.
    Open,
    /// As many came in as it allows, or more.
    Used,
    /// Its time is over.
    Expired,
    /// An admin ended it.
    Cancelled,
    /// It fell with whoever made it, or with somebody who came in by it.
    Ended,
}

/// Somebody who came in by an invite.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct InviteJoiner {
    /// The person's id.
    pub person: String,
    /// Their name.
    pub name: String,
    /// The words between them and who made the invite.
    pub check_words: String,
    /// When, by the admitting device's clock.
    pub at: Time,
    /// Whether it counts.
    pub counts: bool,
}

/// Ends an invite, keeping who came in by it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelInvite {
    /// Version.
    pub v: V1,
    /// The pack.
    pub pack: String,
    /// The start of the invite's id.
    pub invite: String,
    /// Whether only to say what would happen.
    #[serde(default)]
    pub dry_run: bool,
}
call!(post CancelInvite, "/v1/pack/invite/cancel" => InviteCancelled);

/// An invite that was ended, or would be.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct InviteCancelled {
    /// Version.
    pub v: V1,
    /// The pack.
    pub pack: PackRef,
    /// The invite, as it was before.
    pub invite: Invite,
    /// Whether nothing was done.
    pub dry_run: bool,
}

/// Lists who waits for this person's answer.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListJoinRequests {
    /// Version.
    pub v: V1,
    /// The pack; all if absent.
    #[serde(default)]
    pub pack: Option<String>,
}
call!(post ListJoinRequests, "/v1/pack/requests" => JoinRequests);

/// Who waits for this person's answer, oldest first.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct JoinRequests {
    /// Version.
    pub v: V1,
    /// The requests.
    pub requests: Vec<JoinRequest>,
}

/// Somebody who asks to be let in.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct JoinRequest {
    /// Its id.
    pub id: String,
    /// The pack.
    pub pack: PackRef,
    /// The person's id.
    pub person: String,
    /// What they call themselves: anybody can choose any name.
    pub name: String,
    /// Three words that they see too.
    pub check_words: String,
    /// What they would be able to do.
    pub role: Role,
    /// The highest they would open.
    pub clearance: Sensitivity,
    /// How many notes they would be able to open, as of now.
    pub opens: u64,
    /// Since when they wait.
    pub since: Time,
    /// When the invite ends.
    pub until: Option<Time>,
}

/// Lets somebody in who waits.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproveJoin {
    /// Version.
    pub v: V1,
    /// The start of the request's id, or the check words.
    pub request: String,
    /// Whether only to say what would happen.
    #[serde(default)]
    pub dry_run: bool,
}
call!(post ApproveJoin, "/v1/pack/request/approve" => JoinAnswered);

/// Turns somebody away who waits, until the invite ends.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RefuseJoin {
    /// Version.
    pub v: V1,
    /// The start of the request's id, or the check words.
    pub request: String,
    /// Whether only to say what would happen.
    #[serde(default)]
    pub dry_run: bool,
}
call!(post RefuseJoin, "/v1/pack/request/refuse" => JoinAnswered);

/// A request that was answered, or would be.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct JoinAnswered {
    /// Version.
    pub v: V1,
    /// Whether they are let in.
    pub approved: bool,
    /// The request.
    pub request: JoinRequest,
    /// Whether nothing was done.
    pub dry_run: bool,
}

/// A ticket of this person that waits for somebody's answer, or got a no.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct WaitingJoin {
    /// Its id: that of the invite.
    pub id: String,
    /// The pack; nothing is known of it but its id and the own name for it.
    pub pack: PackRef,
    /// Since when.
    pub since: Time,
    /// Who is asked.
    pub asked: Vec<Asked>,
    /// Whether it waits still.
    pub waiting: bool,
    /// Why it does not.
    pub reason: Option<String>,
}

/// Somebody who is asked to let this person in, as their device told it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Asked {
    /// Their name.
    pub name: String,
    /// Three words that they see too.
    pub check_words: String,
    /// What this person would be able to do.
    pub role: Role,
    /// The highest this person would open.
    pub clearance: Sensitivity,
    /// When the invite ends.
    pub until: Option<Time>,
    /// Whether they said no.
    pub declined: bool,
}

/// Stops asking with a ticket and forgets it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ForgetJoin {
    /// Version.
    pub v: V1,
    /// The start of its id.
    pub id: String,
}
call!(post ForgetJoin, "/v1/pack/join/forget" => JoinForgotten);

/// A ticket that was forgotten.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct JoinForgotten {
    /// Version.
    pub v: V1,
    /// The ticket, as it was before.
    pub join: WaitingJoin,
}
