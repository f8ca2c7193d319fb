//! Who may what, and why: who opens what, what decides it, and trying it.

use crate::call::call;
use crate::{PackRef, PackRules, ReleaseShown, Role, Sensitivity, Time, V1};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Asks who opens a pack, or a note.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AskWho {
    /// Version.
    pub v: V1,
    /// The pack or note.
    pub of: String,
}
call!(post AskWho, "/v1/who" => Who);

/// Asks what decides what a person may do.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExplainPolicy {
    /// Version.
    pub v: V1,
    /// The pack.
    pub pack: String,
    /// The person: a name or the start of an id.
    pub person: String,
    /// One of its notes; the pack's four sensitivities if absent.
    #[serde(default)]
    pub note: Option<String>,
    /// What an export of the note would be for.
    #[serde(default)]
    pub purpose: Option<String>,
}
call!(post ExplainPolicy, "/v1/policy/explain" => Explained);

/// Asks for a pack's policy.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShowPolicy {
    /// Version.
    pub v: V1,
    /// The pack.
    pub pack: String,
}
call!(post ShowPolicy, "/v1/policy/show" => Policy);

/// Tries every record of a pack with the keys that a person gets.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckPack {
    /// Version.
    pub v: V1,
    /// The pack.
    pub pack: String,
    /// The person: a name or the start of an id.
    pub person: String,
}
call!(post CheckPack, "/v1/check" => Checked, patience |_| CHECK_PATIENCE);

/// A large pack takes a while to be opened record by record.
const CHECK_PATIENCE: Duration = Duration::from_secs(10 * 60);

/// A person by the name that this device knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Named {
    /// The person's id.
    pub person: String,
    /// The name they tell; their short id if none arrived yet.
    pub name: String,
    /// Whether this is the person who asks.
    pub is_me: bool,
}

/// How somebody came to a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// They founded the pack.
    Founder,
    /// An admin gave it.
    Grant,
    /// By ticket.
    Ticket,
}

/// One grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GrantShown {
    /// Id of the operation that made it.
    pub op: String,
    /// What it lets do.
    pub role: Role,
    /// The highest it opens.
    pub clearance: Sensitivity,
    /// How it was made.
    pub via: Via,
    /// Who gave it, or made the ticket; null for the founder.
    pub by: Option<Named>,
    /// For a ticket, whose device let them in.
    pub admitted_by: Option<Named>,
    /// When, by the author's clock.
    pub at: Time,
}

/// What an act did that took something away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActKind {
    /// Somebody was removed.
    Removed,
    /// Somebody left.
    Left,
    /// A ticket was closed.
    TicketClosed,
    /// Whoever gave the grant, or somebody above them, was removed or left.
    GiverEnded,
    /// The ticket that the grant came by ended with a removal.
    TicketEnded,
    /// The ticket that the grant came by was closed without counting this joiner.
    NotCounted,
    /// A device was copied, and both copies acted.
    Copied,
}

/// What an act waits for before it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WaitsFor {
    /// Its author was removed too: an admin must make it anew, or grant anew.
    Confirmation,
    /// Something earlier that is not here.
    Earlier,
}

/// A role and a clearance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Terms {
    /// What it lets do.
    pub role: Role,
    /// The highest it opens.
    pub clearance: Sensitivity,
}

/// An act that takes something away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ActShown {
    /// Id of its operation.
    pub op: String,
    /// What it did.
    pub kind: ActKind,
    /// Who.
    pub by: Named,
    /// To whom; null for a ticket or a copy.
    pub of: Option<Named>,
    /// When, by the author's clock.
    pub at: Time,
    /// What it waits for; null while it counts.
    pub waits_for: Option<WaitsFor>,
    /// What the same act gave instead.
    pub instead: Option<Terms>,
}

/// What somebody may or may not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// Open notes.
    Read,
    /// Write notes.
    Write,
    /// Make tickets.
    Share,
}

/// What kind of thing decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
    pub grant: Option<GrantShown>,
    /// The act that took it away.
    pub act: Option<ActShown>,
}

/// What decides what a person may do.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Explained {
    /// Version.
    pub v: V1,
    /// The pack.
    pub pack: PackRef,
    /// The note, if one was asked about.
    pub note: Option<String>,
    /// The person.
    pub who: Named,
    /// One for each right and sensitivity.
    pub rules: Vec<Rule>,
    /// Of a note that this device opens: for each way out whether it may leave by it for the person. More
    /// ways may come; export is the first.
    #[serde(default)]
    pub release: Vec<ReleaseShown>,
}

/// Whether somebody opens a sensitivity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccessState {
    /// Now.
    Now,
    /// Not now; a grant that once gave it ended or is kept away.
    Before,
    /// Never, as far as is known here.
    Never,
}

/// Whether somebody opens a sensitivity, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Access {
    /// Which.
    pub sensitivity: Sensitivity,
    /// Whether.
    pub state: AccessState,
    /// Until when they could; null unless `before`.
    pub until: Option<Time>,
    /// Why.
    pub rule: Rule,
    /// What ended it, if the note was made more sensitive than they open; null otherwise.
    #[serde(default)]
    pub raised: Option<Raised>,
}

/// A note that was taken above what somebody opens. They keep what it said until then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Raised {
    /// Where they could read it.
    pub from: Sensitivity,
    /// Who moved it, if that is known.
    pub by: Option<Named>,
    /// When, by their clock.
    pub at: Time,
}

/// One person, and what they open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PersonOpens {
    /// Who.
    #[serde(flatten)]
    pub who: Named,
    /// Their role now; null for who is no member.
    pub role: Option<Role>,
    /// Lowest first.
    pub opens: Vec<Access>,
}

/// Who opens a pack, or a note.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Who {
    /// Version.
    pub v: V1,
    /// The pack.
    pub pack: PackRef,
    /// The note, if one was asked about.
    pub note: Option<String>,
    /// Members, the founder first, then former ones.
    pub people: Vec<PersonOpens>,
}

/// A grant in a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GrantHeld {
    /// The grant.
    #[serde(flatten)]
    pub grant: GrantShown,
    /// What ended it or keeps it away; null while it gives what it says.
    pub act: Option<ActShown>,
}

/// One person in a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyMember {
    /// Who.
    #[serde(flatten)]
    pub who: Named,
    /// For a member, the grants in force; for a former one, the newest.
    pub grants: Vec<GrantHeld>,
}

/// An open ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OpenTicket {
    /// Short id of the invite.
    pub invite: String,
    /// Who made it.
    pub by: Named,
    /// When, by their clock.
    pub at: Time,
    /// What a joiner may do.
    pub role: Role,
    /// The highest a joiner opens.
    pub clearance: Sensitivity,
    /// How many may join.
    pub uses: u32,
    /// How many did.
    pub used: u64,
    /// Until when; null for no end.
    pub until: Option<Time>,
    /// Whether a person approves each joiner.
    pub asks: bool,
}

/// A pack's policy.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Policy {
    /// Version.
    pub v: V1,
    /// The pack.
    pub pack: PackRef,
    /// Sensitivity of a note for which nobody says another.
    pub default_sensitivity: Sensitivity,
    /// Whether it uses rules of a newer version.
    pub newer_rules: bool,
    /// The release rules in force; null if they cannot be read here.
    #[serde(default)]
    pub rules: Option<PackRules>,
    /// Why they cannot be read: nothing leaves the pack from here then.
    #[serde(default)]
    pub rules_unreadable: Option<String>,
    /// Members, the founder first.
    pub members: Vec<PolicyMember>,
    /// Who was one.
    pub former: Vec<PolicyMember>,
    /// Tickets that still let somebody in.
    pub tickets: Vec<OpenTicket>,
    /// Acts that keep a member's access away and do not count yet.
    pub waits: Vec<ActShown>,
    /// Changes of the policy that wait for an earlier one.
    pub waiting: u64,
}

/// How records fared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tally {
    /// Opened with the person's keys.
    pub opens: u64,
    /// The person gets no key for it.
    pub no_key: u64,
    /// This device has no key for it either.
    pub untried: u64,
    /// Its text, or what it belongs to, is not here.
    pub not_here: u64,
    /// It is here and does not open with the right key.
    pub damaged: u64,
}

impl Tally {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Tally) -> Tally {
        Tally {
            opens: self.opens + other.opens,
            no_key: self.no_key + other.no_key,
            untried: self.untried + other.untried,
            not_here: self.not_here + other.not_here,
            damaged: self.damaged + other.damaged,
        }
    }
}

/// The records of one sensitivity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tried {
    /// Which.
    pub sensitivity: Sensitivity,
    /// Whether the person has access.
    pub access: AccessState,
    /// Everything sealed: notes, edits, moves, the pack's title.
    pub records: Tally,
    /// Notes alone, where they stand.
    pub notes: Tally,
    /// Places that notes left, because they were made more or less sensitive: their text of then.
    #[serde(default)]
    pub left: Tally,
}

/// What trying every record as somebody else showed.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Checked {
    /// Version.
    pub v: V1,
    /// The pack.
    pub pack: PackRef,
    /// As whom.
    pub who: Named,
    /// All notes together.
    pub notes: Tally,
    /// Places that notes left, all together.
    #[serde(default)]
    pub left: Tally,
    /// Everything sealed together.
    pub records: Tally,
    /// By sensitivity.
    pub tried: Vec<Tried>,
    /// Sensitivities of which this device holds nothing, so that nothing could be tried.
    pub out_of_reach: Vec<Sensitivity>,
    /// Whether the pack uses rules of a newer version: this device then gives nobody any key.
    pub newer_rules: bool,
}
