//! Who may what, and why, with names: what the policy explains, for people.
//!
//! Every answer is read off [`kitbag_core::policy::fold::Policy`], whose explanations agree with its
//! decisions; this module adds the names that this device knows, and what a note's own history says
//! of who could ever have opened it. Nothing is counted from labels: see [`crate::check`].

use crate::replica::Replica;
use crate::{Node, NodeError};
use kitbag_core::content::EntryKind;
use kitbag_core::id::{EpochId, ItemId, PackId, PersonId, Timestamp};
use kitbag_core::policy::fold::{Denial, Given, InviteState, Loss, Lost, Reason, Verdict, Via};
use kitbag_core::policy::op::Act;
use kitbag_core::policy::{Role, Sensitivity};
use std::collections::BTreeSet;

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

impl Node {
    /// Persons whom a pack's policy ever named that a word may mean: by the name they tell, whole and
    /// in any case, or by an id that begins with it.
    pub fn persons_called(&self, pack: PackId, word: &str) -> Vec<PersonId> {
        let Some(replica) = self.packs.get(&pack) else {
            return vec![];
        };
        let lower = word.trim().to_lowercase();
        if lower.is_empty() {
            return vec![];
        }
        let all = || replica.policy.ever_named().copied();
        let named: Vec<PersonId> = all()
            .filter(|person| self.name_of(replica, *person).to_lowercase() == lower)
            .collect();
        if !named.is_empty() {
            return named;
        }
        all()
            .filter(|person| person.to_string().starts_with(&lower))
            .collect()
    }

    /// Who opens which sensitivity of a pack, who could before, and why; of a note, for it alone.
    ///
    /// # Errors
    /// [`NodeError::NotFound`].
    pub fn who(&self, pack: PackId, note: Option<ItemId>) -> Result<Vec<WhoView>, NodeError> {
        let replica = self.packs.get(&pack).ok_or(NodeError::NotFound("pack"))?;
        let asked = match note {
            Some(note) => vec![self.sensitivity_of_note(pack, note)?],
            None => Sensitivity::ALL.to_vec(),
        };
        let epochs = note.map(|note| create_epochs(replica, note));
        let people = self.people(replica).into_iter();
        Ok(people
            .map(|who| {
                let access = asked
                    .iter()
                    .map(|sensitivity| self.access(replica, &who, *sensitivity, epochs.as_ref()));
                WhoView {
                    role: replica
                        .policy
                        .member(&who.person)
                        .map(|member| member.role()),
                    access: access.collect(),
                    who,
                }
            })
            .collect())
    }

    /// What decides whether a person may read, write and share, for each sensitivity or for a note's.
    ///
    /// # Errors
    /// [`NodeError::NotFound`].
    pub fn explain(
        &self,
        pack: PackId,
        person: PersonId,
        note: Option<ItemId>,
    ) -> Result<Vec<Rule>, NodeError> {
        let replica = self.packs.get(&pack).ok_or(NodeError::NotFound("pack"))?;
        let asked = match note {
            Some(note) => vec![self.sensitivity_of_note(pack, note)?],
            None => Sensitivity::ALL.to_vec(),
        };
        let each = asked.iter().flat_map(|sensitivity| {
            Right::ALL.map(|right| self.rule(replica, person, right, *sensitivity))
        });
        Ok(each.collect())
    }

    /// A pack's policy in full.
    ///
    /// # Errors
    /// [`NodeError::NotFound`].
    pub fn policy_view(&self, now: Timestamp, pack: PackId) -> Result<PolicyView, NodeError> {
        let replica = self.packs.get(&pack).ok_or(NodeError::NotFound("pack"))?;
        let policy = &replica.policy;
        let (members, former) = self
            .people(replica)
            .into_iter()
            .map(|who| self.policy_member(replica, who))
            .partition(|member| policy.member(&member.who.person).is_some());
        let open = policy.invites().filter(|(_, invite)| {
            invite.state == InviteState::Open
                && invite.joined() < invite.uses as usize
                && invite.not_after.is_none_or(|end| now <= end)
        });
        let tickets = open.map(|(name, invite)| TicketView {
            invite: name.op.short(),
            by: self.named(replica, invite.by),
            at: invite.at,
            role: invite.role,
            clearance: invite.clearance,
            uses: invite.uses,
            used: invite.joined() as u64,
            until: invite.not_after,
            asks: invite.ask,
        });
        Ok(PolicyView {
            default_sensitivity: policy.default_sensitivity(),
            newer_rules: replica.has_newer_rules(),
            members,
            former,
            tickets: tickets.collect(),
            waits: self.waiting_acts(replica),
            waiting: policy.parked().len() as u64,
        })
    }

    /// Acts that keep a member's keys away and do not count yet.
    pub(crate) fn waiting_acts(&self, replica: &Replica) -> Vec<ActView> {
        let denials: BTreeSet<Denial> = replica
            .policy
            .disputes()
            .values()
            .flatten()
            .copied()
            .collect();
        denials
            .into_iter()
            .filter_map(|denial| self.act(replica, denial))
            .collect()
    }

    /// Everybody whom the policy ever named: members, the founder first, then former ones.
    fn people(&self, replica: &Replica) -> Vec<Named> {
        let order = |person: &PersonId| {
            let member = replica.policy.member(person);
            let grants = replica.policy.grants_to(person);
            let founded = grants.iter().any(|given| given.via == Via::Genesis);
            let since = grants.iter().map(|given| given.at).min();
            (member.is_none(), !founded, since, *person)
        };
        let mut people: Vec<PersonId> = replica.policy.ever_named().copied().collect();
        people.sort_by_key(order);
        let named = people.into_iter().map(|person| self.named(replica, person));
        named.collect()
    }

    pub(crate) fn named(&self, replica: &Replica, person: PersonId) -> Named {
        Named {
            person,
            name: self.name_of(replica, person),
            is_me: person == self.me.person(),
        }
    }

    fn policy_member(&self, replica: &Replica, who: Named) -> PolicyMember {
        let all = replica.policy.grants_to(&who.person);
        let live: Vec<&Given> = all
            .iter()
            .copied()
            .filter(|given| given.is_live())
            .collect();
        let shown = if live.is_empty() {
            all.last().copied().into_iter().collect()
        } else {
            live
        };
        let held = shown.into_iter().map(|given| Held {
            grant: self.grant_view(replica, given),
            act: self.lost_by(replica, given),
        });
        PolicyMember {
            grants: held.collect(),
            who,
        }
    }

    fn access(
        &self,
        replica: &Replica,
        who: &Named,
        sensitivity: Sensitivity,
        epochs: Option<&BTreeSet<EpochId>>,
    ) -> Access {
        let rule = self.rule(replica, who.person, Right::Read, sensitivity);
        let reached = || {
            epochs.is_none_or(|epochs| {
                let could =
                    |epoch: &EpochId| could_have_had(replica, who.person, sensitivity, *epoch);
                epochs.is_empty() || epochs.iter().any(could)
            })
        };
        let state = match rule.why {
            _ if rule.allowed => AccessState::Now,
            Why::Lost if reached() => AccessState::Before,
            _ => AccessState::Never,
        };
        Access {
            sensitivity,
            state,
            rule,
        }
    }

    pub(crate) fn rule(
        &self,
        replica: &Replica,
        person: PersonId,
        right: Right,
        sensitivity: Sensitivity,
    ) -> Rule {
        // What lies here of a newer version stops every change, as the fold is told elsewhere.
        let policy = replica.policy.clone();
        let policy = policy.with_blocked(replica.has_newer_rules());
        let explained = policy.explain(&person, right, sensitivity);
        let (why, given) = match &explained.reason {
            Reason::Given(given) => (Why::Given, Some(given)),
            Reason::NewerOperation(given) => (Why::NewerRules, Some(given)),
            Reason::NoRecord(given) => (Why::NoRecord, Some(given)),
            Reason::Lost(given) => (Why::Lost, Some(given)),
            Reason::NotEnough(given) => (Why::NotEnough, Some(given)),
            Reason::LostAll(given) => (Why::LostAll, Some(given)),
            Reason::Never => (Why::Never, None),
        };
        let taken = matches!(why, Why::Lost | Why::LostAll);
        Rule {
            right,
            sensitivity,
            allowed: explained.allowed,
            why,
            grant: given.map(|given| self.grant_view(replica, given)),
            act: given
                .filter(|_| taken)
                .and_then(|given| self.lost_by(replica, given)),
        }
    }

    fn grant_view(&self, replica: &Replica, given: &Given) -> GrantView {
        let origin = match given.via {
            Via::Genesis => Origin::Founder,
            Via::Grant { by } => Origin::Granted {
                by: self.named(replica, by),
            },
            Via::Admit { invite, by } => {
                let admitted_by = self.named(replica, by);
                let invited = replica.policy.invite(&invite).map(|invite| invite.by);
                Origin::Ticket {
                    invited_by: self.named(replica, invited.unwrap_or(by)),
                    admitted_by,
                }
            }
        };
        GrantView {
            op: given.grant.op.to_string(),
            role: given.role,
            clearance: given.clearance,
            origin,
            at: given.at,
        }
    }

    /// What took a grant away, as seen from its holder.
    pub(crate) fn lost_by(&self, replica: &Replica, given: &Given) -> Option<ActView> {
        let lost = given.lost?;
        let (kind, denial) = match lost.loss() {
            Loss::Removed(denial) => (ActKind::Removed, denial),
            Loss::Left(denial) => (ActKind::Left, denial),
            Loss::GiverEnded(denial) => (ActKind::GiverEnded, denial),
            Loss::InviteEnded(denial) => (ActKind::TicketEnded, denial),
            Loss::NotListed(denial) => (ActKind::NotCounted, denial),
            Loss::Forked(op) => (
                ActKind::Copied,
                Denial {
                    op,
                    act: Denial::FORK,
                },
            ),
        };
        let instead = replica.policy.given_instead(given);
        let act = self.act(replica, denial)?;
        let kept_away = matches!(lost, Lost::KeptAway(_));
        Some(ActView {
            kind,
            instead: instead.map(|given| (given.role, given.clearance)),
            // What keeps keys away through something that counts waits for the same answer.
            waits_for: act
                .waits_for
                .or(kept_away.then_some(WaitsFor::Confirmation)),
            ..act
        })
    }

    /// A denial by itself.
    pub(crate) fn act(&self, replica: &Replica, denial: Denial) -> Option<ActView> {
        let signed = replica.policy.op(&denial.op)?;
        let author = signed.op().person;
        let (kind, of) = match signed.acts().get(denial.act as usize) {
            Some(Act::Remove { person, .. }) => (ActKind::Removed, Some(*person)),
            Some(Act::Leave { .. }) => (ActKind::Left, Some(author)),
            Some(Act::Close { .. }) => (ActKind::TicketClosed, None),
            _ => (ActKind::Copied, None),
        };
        let waits_for = match replica.policy.verdict(&denial.op) {
            Some(Verdict::Held) => Some(WaitsFor::Confirmation),
            Some(Verdict::Parked) => Some(WaitsFor::Earlier),
            _ => None,
        };
        Some(ActView {
            op: denial.op.to_string(),
            kind,
            by: self.named(replica, author),
            of: of.map(|person| self.named(replica, person)),
            at: signed.op().at,
            waits_for,
            instead: None,
        })
    }

    fn sensitivity_of_note(&self, pack: PackId, note: ItemId) -> Result<Sensitivity, NodeError> {
        let replica = self.packs.get(&pack).ok_or(NodeError::NotFound("pack"))?;
        let tag = replica
            .notes
            .get(&note)
            .ok_or(NodeError::NotFound("note"))?;
        let object = replica
            .objects
            .get(tag)
            .ok_or(NodeError::NotFound("note"))?;
        Ok(object.sensitivity)
    }
}

/// The epochs under which a note was put into the pack.
fn create_epochs(replica: &Replica, note: ItemId) -> BTreeSet<EpochId> {
    let object = replica
        .notes
        .get(&note)
        .and_then(|tag| replica.objects.get(tag));
    let Some(object) = object else {
        return BTreeSet::new();
    };
    let creates = object
        .entries
        .iter()
        .filter_map(|hash| replica.places.get(hash))
        .filter(|place| place.kind == EntryKind::Create);
    let own = creates.filter(|place| {
        let log = replica.logs.get(&place.log);
        log.is_some_and(|log| log.opening.sensitivity == object.sensitivity)
    });
    own.filter_map(|place| place.epoch).collect()
}

/// Whether an epoch's key can have reached somebody who once had a grant for its sensitivity: unless
/// it answers what ended each such grant, for then whoever opened it gave it to them no more.
pub(crate) fn could_have_had(
    replica: &Replica,
    person: PersonId,
    sensitivity: Sensitivity,
    epoch: EpochId,
) -> bool {
    let grants = replica.policy.grants_to(&person);
    let mut gave = grants
        .iter()
        .filter(|given| Right::Read.is_given_by(given.role, given.clearance, sensitivity));
    gave.any(|given| !replica.answers_any(&epoch, &given.denied_by))
}
