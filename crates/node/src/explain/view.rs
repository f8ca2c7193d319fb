//! What is answered about who may what: plain values, without keys or proofs.

use kitbag_core::id::{PersonId, Timestamp};
use kitbag_core::policy::rules::{ReleaseRules, Unreadable};
use kitbag_core::policy::{Role, Sensitivity};

pub use kitbag_core::policy::fold::Right;

/// A person by the name that this device knows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    /// The person.
    pub person: PersonId,
    /// The name they tell; their short id if none arrived yet.
    pub name: String,
    /// Whether this is the person who asks.
    pub is_me: bool,
}

/// How somebody came to a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// They founded the pack.
    Founder,
    /// An admin gave it.
    Granted {
        /// Who.
        by: Named,
    },
    /// By ticket.
    Ticket {
        /// Who made the ticket.
        invited_by: Named,
        /// Whose device let them in.
        admitted_by: Named,
    },
}

/// One grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantView {
    /// Id of the operation that made it.
    pub op: String,
    /// What it lets do.
    pub role: Role,
    /// The highest it opens.
    pub clearance: Sensitivity,
    /// How it was made.
    pub origin: Origin,
    /// When, by the author's clock.
    pub at: Timestamp,
}

/// What an act did that took something away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActKind {
    /// Somebody was removed.
    Removed,
    /// Somebody left.
    Left,
    /// A ticket was closed: used up, over, or taken back.
    TicketClosed,
    /// Whoever gave the grant, or somebody above them, was removed or left.
    GiverEnded,
    /// The ticket that the grant came by ended with a removal.
    TicketEnded,
    /// The ticket that the grant came by was closed without counting this joiner.
    NotCounted,
    /// The device of whoever acted was copied, and both copies acted.
    Copied,
}

/// What an act waits for before it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitsFor {
    /// Its author was removed too: an admin must make it anew, or grant anew.
    Confirmation,
    /// Something earlier that is not here.
    Earlier,
}

/// An act that takes something away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActView {
    /// Id of its operation.
    pub op: String,
    /// What it did.
    pub kind: ActKind,
    /// Who.
    pub by: Named,
    /// To whom; absent for a ticket or a copy.
    pub of: Option<Named>,
    /// When, by the author's clock.
    pub at: Timestamp,
    /// What it waits for; absent while it counts.
    pub waits_for: Option<WaitsFor>,
    /// What the same act gave instead, if it lowered somebody.
    pub instead: Option<(Role, Sensitivity)>,
}

/// What kind of thing decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// A grant gives it.
    Given,
    /// A grant would, but the pack uses rules of a newer version.
    NewerRules,
    /// A grant would, but the person's keys have not arrived here.
    NoRecord,
    /// The grant that would was taken away.
    Lost,
    /// No grant ever gave as much.
    NotEnough,
    /// No grant ever gave as much, and what was given was taken away.
    LostAll,
    /// No grant ever named the person.
    Never,
}

/// Whether a person may do something, and the one rule that decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What was asked about.
    pub right: Right,
    /// At which sensitivity.
    pub sensitivity: Sensitivity,
    /// Whether they may.
    pub allowed: bool,
    /// What kind of thing decides.
    pub why: Why,
    /// The grant that decides, or that was lost.
    pub grant: Option<GrantView>,
    /// The act that took it away.
    pub act: Option<ActView>,
}

/// Whether somebody opens a sensitivity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessState {
    /// Now.
    Now,
    /// Not now; a grant that once gave it ended or is kept away.
    Before,
    /// Never, as far as is known here.
    Never,
}

/// Whether somebody opens a sensitivity, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// Which.
    pub sensitivity: Sensitivity,
    /// Whether.
    pub state: AccessState,
    /// Why.
    pub rule: Rule,
    /// What ended it, if the note was made more sensitive than they open.
    pub raised: Option<Raised>,
}

/// A note that was taken above what somebody opens. They keep what it said until then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raised {
    /// Where they could read it.
    pub from: Sensitivity,
    /// Who moved it, as far as is known here.
    pub by: Option<Named>,
    /// When, by their clock.
    pub at: Timestamp,
}

/// One person, and what they open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WhoView {
    /// Who.
    pub who: Named,
    /// Their role now; none for who is no member.
    pub role: Option<Role>,
    /// For each sensitivity that was asked about, lowest first.
    pub access: Vec<Access>,
}

/// A grant, and what took it or its keys away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The grant.
    pub grant: GrantView,
    /// What ended it or keeps it away.
    pub act: Option<ActView>,
}

/// One person in a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyMember {
    /// Who.
    pub who: Named,
    /// For a member, the live grants; for a former one, the newest.
    pub grants: Vec<Held>,
}

/// An open ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketView {
    /// Short id of the invite.
    pub invite: String,
    /// Who made it.
    pub by: Named,
    /// When, by their clock.
    pub at: Timestamp,
    /// What a joiner may do.
    pub role: Role,
    /// The highest a joiner opens.
    pub clearance: Sensitivity,
    /// How many may join.
    pub uses: u32,
    /// How many did.
    pub used: u64,
    /// Until when.
    pub until: Option<Timestamp>,
    /// Whether a person approves each joiner.
    pub asks: bool,
}

/// A pack's policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyView {
    /// Sensitivity of a note for which nobody says another.
    pub default_sensitivity: Sensitivity,
    /// Whether it uses rules of a newer version: then it can only be read here.
    pub newer_rules: bool,
    /// The release rules in force, or why they cannot be read here: then nothing leaves.
    pub rules: Result<ReleaseRules, Unreadable>,
    /// Members, the founder first.
    pub members: Vec<PolicyMember>,
    /// Who was one.
    pub former: Vec<PolicyMember>,
    /// Tickets that still let somebody in.
    pub tickets: Vec<TicketView>,
    /// Acts that keep a member's keys away and wait to be confirmed, or for something earlier.
    pub waits: Vec<ActView>,
    /// Changes of the policy that wait for an earlier one.
    pub waiting: u64,
}
