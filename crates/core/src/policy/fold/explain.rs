//! Why somebody may or may not: the one grant that gives it, or the one act that takes it away.
//!
//! An explanation is read off the same settled fold that decides, and never decides anything itself:
//! `allowed` is what [`Policy::may_open`], [`Policy::may_write`] and [`Policy::permit`] say, which
//! random histories hold it to. Names and words are whoever shows it.
//! Spec: `docs/spec/policy.md`, "Explanations".

use super::authority::allows;
use super::facts::Aim;
use super::outcome::Reader;
use super::void::{Cause, Judge};
use super::{Denial, Policy, Via};
use crate::id::{OpHash, PersonId, Timestamp};
use crate::policy::op::{Act, GrantRef};
use crate::policy::{Role, Sensitivity};
use std::collections::BTreeMap;

/// What somebody may or may not do at one sensitivity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// Open notes.
    Read,
    /// Write notes.
    Write,
    /// Make tickets that let others open notes.
    Share,
}

impl Right {
    /// All three.
    pub const ALL: [Right; 3] = [Self::Read, Self::Write, Self::Share];

    /// Whether a grant of this role and clearance gives it, as long as the grant is live.
    pub fn is_given_by(self, role: Role, clearance: Sensitivity, sensitivity: Sensitivity) -> bool {
        match self {
            Right::Read => role.may_read() && clearance >= sensitivity,
            Right::Write => role.may_write() && clearance >= sensitivity,
            Right::Share => allows(role, clearance, &least_invite(sensitivity)).is_ok(),
        }
    }
}

/// The invite that gives least and still lets somebody open notes of this sensitivity.
fn least_invite(sensitivity: Sensitivity) -> Act {
    Act::Invite {
        key: [0; 32],
        role: Role::Reader,
        clearance: sensitivity,
        uses: 1,
        not_after: None,
        ask: false,
    }
}

/// A grant that some valid operation made, how it was made, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// Its name.
    pub grant: GrantRef,
    /// To whom.
    pub person: PersonId,
    /// What it lets do.
    pub role: Role,
    /// The highest it opens.
    pub clearance: Sensitivity,
    /// How it was made.
    pub via: Via,
    /// When, by the author's clock: display data.
    pub at: Timestamp,
    /// What took it away; `None` while it is live and gives keys.
    pub lost: Option<Lost>,
    /// Every known denial that ended it or keeps its keys away: an epoch that answers one of them was
    /// never given for this grant.
    pub denied_by: Vec<Denial>,
}

impl Given {
    /// Whether it is live in the fold (stage 7), with keys or without.
    pub fn is_live(&self) -> bool {
        !matches!(self.lost, Some(Lost::Ended(_)))
    }
}

/// How far a grant is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// It is not live: what ended it counts.
    Ended(Loss),
    /// It is live, but a denial that is held or parked keeps its keys away until somebody answers it,
    /// or until what it waits for comes.
    KeptAway(Loss),
}

impl Lost {
    /// The act, whether it counts or waits.
    pub fn loss(self) -> Loss {
        match self {
            Lost::Ended(loss) | Lost::KeptAway(loss) => loss,
        }
    }
}

/// The act that took a grant away. Of several, the most senior one aimed at the grant itself, then
/// the first that voids what made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// A Remove of its holder.
    Removed(Denial),
    /// A Leave by its holder.
    Left(Denial),
    /// A Remove or Leave ended whoever made it, or somebody above them.
    GiverEnded(Denial),
    /// A Remove ended the invite that it came by.
    InviteEnded(Denial),
    /// A Close of the invite that it came by does not list it.
    NotListed(Denial),
    /// Made in or above a fork; the lowest of the operations that claim one place.
    Forked(OpHash),
}

impl Loss {
    /// The operation that decides.
    pub fn op(self) -> OpHash {
        match self {
            Loss::Removed(denial)
            | Loss::Left(denial)
            | Loss::GiverEnded(denial)
            | Loss::InviteEnded(denial)
            | Loss::NotListed(denial) => denial.op,
            Loss::Forked(at) => at,
        }
    }
}

/// Whether a person may do something, and the one thing that decides it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// What was asked about.
    pub right: Right,
    /// At which sensitivity.
    pub sensitivity: Sensitivity,
    /// Whether they may.
    pub allowed: bool,
    /// What decides.
    pub reason: Reason,
}

/// What decides whether somebody may do something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// This grant, the most senior that does, gives it.
    Given(Given),
    /// A grant would give it, but an operation of a newer version lies here and might be a denial.
    NewerOperation(Given),
    /// A grant would give it, but the person's record is not here.
    NoRecord(Given),
    /// The newest grant that would give it was taken away: [`Given::lost`] says by what.
    Lost(Given),
    /// No grant ever gave as much; this is the live one that gives most.
    NotEnough(Given),
    /// No grant ever gave as much, and what was given was taken away; this was the newest.
    LostAll(Given),
    /// No grant ever named the person.
    Never,
}

impl Policy {
    /// Whether a person may do something at a sensitivity, and what decides it.
    pub fn explain(
        &self,
        person: &PersonId,
        right: Right,
        sensitivity: Sensitivity,
    ) -> Explanation {
        let reason = self.reason(person, right, sensitivity);
        Explanation {
            right,
            sensitivity,
            allowed: matches!(reason, Reason::Given(_)),
            reason,
        }
    }

    /// Every grant that valid operations ever made to a person, in a causal order.
    pub fn grants_to(&self, person: &PersonId) -> Vec<&Given> {
        let mut grants: Vec<&Given> = self
            .outcome
            .given
            .values()
            .filter(|given| given.person == *person)
            .collect();
        grants.sort_by_key(|given| (self.outcome.order.get(&given.grant.op), given.grant.act));
        grants
    }

    /// A grant that some valid operation made, with what became of it.
    pub fn given(&self, grant: &GrantRef) -> Option<&Given> {
        self.outcome.given.get(grant)
    }

    /// Everybody whom a grant ever named, ascending.
    pub fn ever_named(&self) -> impl Iterator<Item = &PersonId> {
        self.outcome.named.keys()
    }

    /// What the operation that took a grant away by a Remove gave its holder in its place: that is how
    /// somebody is lowered.
    pub fn given_instead(&self, given: &Given) -> Option<&Given> {
        let Loss::Removed(denial) = given.lost?.loss() else {
            return None;
        };
        let mut instead = self.outcome.given.values().filter(|other| {
            other.grant.op == denial.op
                && other.person == given.person
                && other.grant != given.grant
        });
        instead.next()
    }

    fn reason(&self, person: &PersonId, right: Right, sensitivity: Sensitivity) -> Reason {
        let all = self.grants_to(person);
        let gives = |given: &&&Given| right.is_given_by(given.role, given.clearance, sensitivity);
        // Making a ticket needs a live grant only; whoever joins by it gets no keys until it counts
        // for keys too.
        let in_force =
            |given: &&&Given| given.lost.is_none() || (right == Right::Share && given.is_live());
        let senior = |given: &&&Given| {
            let seat = self.outcome.grants.get(&given.grant);
            (seat.map(|seat| seat.rank), given.grant)
        };
        let giving = all.iter().filter(gives).filter(in_force).min_by_key(senior);
        if let Some(given) = giving {
            let given = (*given).clone();
            return if self.member(person).is_none() {
                Reason::NoRecord(given)
            } else if self.is_blocked() && right != Right::Read {
                Reason::NewerOperation(given)
            } else {
                Reason::Given(given)
            };
        }
        let live = |given: &&&Given| given.is_live();
        let mut lost = all.iter().filter(gives);
        // Of what would give it, a grant that is only kept away is closer than one that ended.
        if let Some(given) = lost.clone().rfind(live).or_else(|| lost.next_back()) {
            return Reason::Lost((*given).clone());
        }
        let most = |given: &&&Given| (given.lost.is_none(), given.role, given.clearance);
        let live = all.iter().filter(|given| given.is_live());
        match (live.max_by_key(most), all.last()) {
            (Some(given), _) => Reason::NotEnough((*given).clone()),
            (None, Some(given)) => Reason::LostAll((*given).clone()),
            (None, None) => Reason::Never,
        }
    }
}

impl Reader<'_> {
    /// Every grant with what became of it.
    pub(super) fn given(&self) -> BTreeMap<GrantRef, Given> {
        (0..self.facts.grants.len())
            .map(|index| (self.facts.grants[index].name, self.given_at(index)))
            .collect()
    }

    fn given_at(&self, index: usize) -> Given {
        let grant = &self.facts.grants[index];
        let lost = if !self.settled.is_live(index) {
            self.loss(&self.settled.fold, index).map(Lost::Ended)
        } else if !self.settled.gives_keys(index) {
            self.loss(&self.settled.strict, index).map(Lost::KeptAway)
        } else {
            None
        };
        Given {
            grant: grant.name,
            person: grant.person,
            role: grant.role,
            clearance: grant.clearance,
            via: self.via(grant),
            at: self.graph.nodes[grant.op].op.op().at,
            lost,
            denied_by: self.denied_by(index),
        }
    }

    fn loss(&self, judge: &Judge<'_>, index: usize) -> Option<Loss> {
        let name = |denial: usize| self.facts.denials[denial].name;
        if let Some(killer) = judge.killer(index) {
            return Some(match self.facts.denials[killer].aim {
                Aim::Leave => Loss::Left(name(killer)),
                Aim::Remove { .. } | Aim::Close { .. } => Loss::Removed(name(killer)),
            });
        }
        judge.grants[index].cause.map(|cause| match cause {
            Cause::Denied(denial) => Loss::GiverEnded(name(denial)),
            Cause::InviteEnded(denial) => Loss::InviteEnded(name(denial)),
            Cause::NotListed(denial) => Loss::NotListed(name(denial)),
            Cause::Forked(fork) => {
                let claimants = self.graph.forks[fork].iter();
                let lowest = claimants.map(|at| self.graph.nodes[*at].op.hash()).min();
                Loss::Forked(lowest.unwrap_or(OpHash::from_bytes([0; 32])))
            }
        })
    }

    fn denied_by(&self, index: usize) -> Vec<Denial> {
        let strict = &self.settled.strict;
        let killers = self.relations.killers[index]
            .iter()
            .copied()
            .filter(|killer| strict.in_effect[*killer]);
        let causes = [
            self.settled.fold.grants[index].cause,
            strict.grants[index].cause,
        ];
        let above = causes
            .into_iter()
            .flatten()
            .filter_map(|cause| match cause {
                Cause::Denied(by) | Cause::InviteEnded(by) | Cause::NotListed(by) => Some(by),
                Cause::Forked(_) => None,
            });
        let mut denials: Vec<Denial> = killers
            .chain(above)
            .map(|denial| self.facts.denials[denial].name)
            .collect();
        denials.sort_unstable();
        denials.dedup();
        denials
    }
}
