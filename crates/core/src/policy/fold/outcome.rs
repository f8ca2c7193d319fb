//! Stages 7, 10 and 12: what the settled denials leave, laid out for whoever asks.

use super::denials::{Settled, settle};
use super::explain::Given;
use super::facts::{Aim, Facts, Grant, Place};
use super::graph::Graph;
use super::rank::Rank;
use super::void::{Cause, Relations};
use super::{
    Admission, Denial, GrantInfo, InviteInfo, InviteState, LiveGrant, Member, Records, Verdict,
    Via, Void,
};
use crate::id::{LogId, OpHash, PersonId, Timestamp};
use crate::policy::op::{Act, Cutoff, GrantRef};
use crate::policy::rules::SealedRules;
use std::collections::{BTreeMap, BTreeSet};

/// Everything that [`super::Policy`] answers from.
#[derive(Debug, PartialEq)]
pub(super) struct Outcome {
    /// Tips of what is folded and valid, those under senior grants first.
    pub(super) tips: Vec<OpHash>,
    pub(super) branches: BTreeMap<LogId, Vec<(u64, OpHash)>>,
    pub(super) forked: BTreeSet<LogId>,
    pub(super) parked: Vec<OpHash>,
    /// A causal order of the folded operations.
    pub(super) order: BTreeMap<OpHash, usize>,
    pub(super) verdicts: BTreeMap<OpHash, Verdict>,
    pub(super) members: BTreeMap<PersonId, Member>,
    pub(super) awaited: BTreeSet<PersonId>,
    pub(super) grants: BTreeMap<GrantRef, Seat>,
    pub(super) invites: BTreeMap<GrantRef, (Rank, InviteInfo)>,
    pub(super) denials: BTreeSet<Denial>,
    /// Parked denials by known admins, those too that a removal with `drop` voids.
    pub(super) parked_denials: BTreeSet<Denial>,
    /// Members without keys, with the held and parked denials that keep these away.
    pub(super) disputes: BTreeMap<PersonId, BTreeSet<Denial>>,
    /// Whoever a grant ever named, with the operations that ended those of their grants that ended.
    pub(super) named: BTreeMap<PersonId, BTreeSet<OpHash>>,
    /// Removes that count, are held or parked: whom, and the rank of the cited grant.
    pub(super) removals: Vec<(PersonId, Rank)>,
    /// The Rules acts that count and that nothing replaced, ascending by operation.
    pub(super) rules: Vec<SealedRules>,
    /// Every grant with what became of it, for explanations.
    pub(super) given: BTreeMap<GrantRef, Given>,
}

/// A grant with what only the fold asks.
#[derive(Debug, PartialEq)]
pub(super) struct Seat {
    pub(super) info: GrantInfo,
    pub(super) rank: Rank,
    /// The cutoffs of each counted denial that kills it.
    pub(super) ends: Vec<Vec<Cutoff>>,
    /// Their authors, each once, ascending.
    pub(super) enders: Vec<PersonId>,
}

impl Outcome {
    pub(super) fn of(records: &Records) -> Outcome {
        let graph = Graph::build(records.pack, &records.ops, &records.persons);
        let facts = Facts::gather(&graph, &records.persons);
        let relations = Relations::between(&graph, &facts);
        let settled = settle(&graph, &facts, &relations);
        let read = Reader {
            graph: &graph,
            facts: &facts,
            relations: &relations,
            settled: &settled,
        };
        let (members, awaited) = read.members(records);
        let disputes = read.disputes(&members);
        Outcome {
            tips: read.tips(),
            branches: branches(records),
            forked: graph
                .forks
                .iter()
                .flatten()
                .map(|at| graph.nodes[*at].log)
                .collect(),
            parked: graph.parked.iter().map(|parked| parked.op.hash()).collect(),
            order: graph
                .nodes
                .iter()
                .enumerate()
                .map(|(at, node)| (node.op.hash(), at))
                .collect(),
            verdicts: read.verdicts(),
            members,
            awaited,
            grants: (0..facts.grants.len())
                .map(|grant| (facts.grants[grant].name, read.seat(grant)))
                .collect(),
            invites: (0..facts.invites.len())
                .filter_map(|invite| read.invite(invite))
                .collect(),
            denials: read.denials(),
            parked_denials: facts
                .denials
                .iter()
                .filter(|denial| matches!(denial.place, Place::Parked(_)))
                .map(|denial| denial.name)
                .collect(),
            disputes,
            named: read.named(),
            removals: read.removals(),
            rules: read.rules(),
            given: read.given(),
        }
    }
}

/// The stored operations of each log that no stored one continues.
fn branches(records: &Records) -> BTreeMap<LogId, Vec<(u64, OpHash)>> {
    let logs: Vec<LogId> = records.ops.iter().map(|op| op.log()).collect();
    let continued: BTreeSet<(LogId, OpHash)> = records
        .ops
        .iter()
        .zip(&logs)
        .filter_map(|(op, log)| Some((*log, op.op().prev?)))
        .collect();
    let mut branches: BTreeMap<LogId, Vec<(u64, OpHash)>> = BTreeMap::new();
    for (op, log) in records.ops.iter().zip(logs) {
        if !continued.contains(&(log, op.hash())) {
            branches
                .entry(log)
                .or_default()
                .push((op.op().seq, op.hash()));
        }
    }
    branches
        .values_mut()
        .for_each(|heads| heads.sort_unstable());
    branches
}

/// Reads answers off the settled fold.
pub(super) struct Reader<'a> {
    pub(super) graph: &'a Graph,
    pub(super) facts: &'a Facts,
    pub(super) relations: &'a Relations,
    pub(super) settled: &'a Settled<'a>,
}

impl Reader<'_> {
    /// Invalid operations are no tips and cite none: nothing that never counts need be cited.
    fn tips(&self) -> Vec<OpHash> {
        let mut cited = vec![false; self.graph.nodes.len()];
        for (at, node) in self.graph.nodes.iter().enumerate() {
            if self.facts.invalid[at].is_none() {
                node.op
                    .parents()
                    .filter_map(|parent| self.graph.position(&parent))
                    .for_each(|parent| cited[parent] = true);
            }
        }
        let tips = (0..cited.len()).filter(|at| !cited[*at] && self.facts.invalid[*at].is_none());
        let rank = |at: usize| {
            self.facts.cites[at].map_or(Rank::FOUNDER, |cited| self.facts.grants[cited].rank)
        };
        let mut tips: Vec<(Rank, OpHash)> = tips
            .map(|at| (rank(at), self.graph.nodes[at].op.hash()))
            .collect();
        tips.sort_unstable();
        tips.into_iter().map(|(_, hash)| hash).collect()
    }

    fn members(&self, records: &Records) -> (BTreeMap<PersonId, Member>, BTreeSet<PersonId>) {
        let mut live: Vec<usize> = (0..self.facts.grants.len())
            .filter(|grant| self.settled.is_live(*grant))
            .collect();
        live.sort_by_key(|grant| {
            (
                self.facts.grants[*grant].rank,
                self.facts.grants[*grant].name,
            )
        });
        let mut members: BTreeMap<PersonId, Member> = BTreeMap::new();
        let mut awaited = BTreeSet::new();
        for grant in live {
            let person = self.facts.grants[grant].person;
            match records.persons.certificate(&person) {
                None => {
                    awaited.insert(person);
                }
                Some(certificate) => {
                    let device = certificate.device;
                    let member = members.entry(person).or_insert_with(|| Member {
                        person,
                        device,
                        grants: Vec::new(),
                    });
                    member.grants.push(self.live_grant(grant));
                }
            }
        }
        (members, awaited)
    }

    fn live_grant(&self, index: usize) -> LiveGrant {
        let grant = &self.facts.grants[index];
        let via = self.via(grant);
        let at = self.graph.nodes[grant.op].op.op().at;
        let keys = self.settled.gives_keys(index);
        LiveGrant {
            grant: grant.name,
            role: grant.role,
            clearance: grant.clearance,
            via,
            at,
            keys,
        }
    }

    pub(super) fn via(&self, grant: &Grant) -> Via {
        let by = self.graph.nodes[grant.op].op.op().person;
        match grant.admission {
            Some((invite, _)) => Via::Admit {
                invite: self.facts.invites[invite].name,
                by,
            },
            None if self.facts.cites[grant.op].is_none() => Via::Genesis,
            None => Via::Grant { by },
        }
    }

    fn seat(&self, index: usize) -> Seat {
        let grant = &self.facts.grants[index];
        let stands = !self.settled.fold.grants[index].is_bad();
        let live = self.settled.is_live(index);
        let killers: Vec<usize> = self.relations.killers[index]
            .iter()
            .copied()
            .filter(|killer| self.settled.counted[*killer])
            .collect();
        let author = |killer: &usize| {
            let op = self.graph.position(&self.facts.denials[*killer].name.op)?;
            Some(self.graph.nodes[op].op.op().person)
        };
        let enders: BTreeSet<PersonId> = killers.iter().filter_map(author).collect();
        Seat {
            info: GrantInfo {
                person: grant.person,
                role: grant.role,
                clearance: grant.clearance,
                stands,
                live,
            },
            rank: grant.rank,
            ends: killers
                .iter()
                .map(|killer| self.facts.denials[*killer].cutoffs.clone())
                .collect(),
            enders: enders.into_iter().collect(),
        }
    }

    fn invite(&self, index: usize) -> Option<(GrantRef, (Rank, InviteInfo))> {
        let invite = &self.facts.invites[index];
        let Act::Invite {
            key,
            role,
            clearance,
            uses,
            not_after,
            ask,
        } = invite.act
        else {
            return None;
        };
        let op = self.graph.nodes[invite.op].op.op();
        let mut admissions: Vec<Admission> = invite
            .admissions
            .iter()
            .filter_map(|grant| self.admission(*grant))
            .collect();
        admissions.sort_by_key(|admission| admission.grant);
        let state = self.invite_state(index);
        let info = InviteInfo {
            by: op.person,
            key,
            role,
            clearance,
            uses,
            not_after,
            ask,
            state,
            ended_at: self.ended_at(index),
            admissions,
            at: op.at,
        };
        Some((invite.name, (invite.rank, info)))
    }

    fn admission(&self, index: usize) -> Option<Admission> {
        let grant = &self.facts.grants[index];
        let (_, device) = grant.admission?;
        let at = self.graph.nodes[grant.op].op.op().at;
        let stands = !self.settled.fold.grants[index].is_bad();
        Some(Admission {
            grant: grant.name,
            person: grant.person,
            device,
            at,
            stands,
        })
    }

    /// Held and parked denials close an invite too: whoever came in by it would get no keys.
    fn invite_state(&self, index: usize) -> InviteState {
        let in_force = |denials: &[usize]| {
            denials
                .iter()
                .any(|denial| self.settled.strict.in_effect[*denial])
        };
        if in_force(&self.relations.closers[index]) {
            InviteState::Closed
        } else if in_force(&self.relations.enders[index])
            || self.settled.fold.has_fallen(index)
            || self.settled.strict.has_fallen(index)
        {
            InviteState::Ended
        } else {
            InviteState::Open
        }
    }

    /// When the first of the denials in force that close or end an invite was made.
    fn ended_at(&self, index: usize) -> Option<Timestamp> {
        let closers = self.relations.closers[index].iter();
        let in_force = closers
            .chain(&self.relations.enders[index])
            .filter(|denial| self.settled.strict.in_effect[**denial]);
        let folded = in_force.filter_map(|denial| match self.facts.denials[*denial].place {
            Place::Folded(at) => Some(self.graph.nodes[at].op.op().at),
            Place::Parked(_) => None,
        });
        folded.min()
    }

    fn denials(&self) -> BTreeSet<Denial> {
        let in_force = self
            .facts
            .denials
            .iter()
            .zip(&self.settled.strict.in_effect);
        let mut denials: BTreeSet<Denial> = in_force
            .filter(|(_, denies)| **denies)
            .map(|(denial, _)| denial.name)
            .collect();
        for claimants in &self.graph.forks {
            let told: Vec<usize> = claimants
                .iter()
                .copied()
                .filter(|at| !self.settled.fold.ops[*at].drop)
                .collect();
            if told.len() > 1 {
                denials.extend(told.into_iter().map(|at| Denial {
                    op: self.graph.nodes[at].op.hash(),
                    act: Denial::FORK,
                }));
            }
        }
        denials
    }

    fn removals(&self) -> Vec<(PersonId, Rank)> {
        let in_force = self
            .facts
            .denials
            .iter()
            .zip(&self.settled.strict.in_effect)
            .filter(|(_, denies)| **denies);
        let removal = |denial: &super::facts::Denying| match denial.aim {
            Aim::Remove { person, .. } => Some((person, denial.rank)),
            Aim::Leave | Aim::Close { .. } => None,
        };
        in_force.filter_map(|(denial, _)| removal(denial)).collect()
    }

    /// An act that counts replaces those in its past. One in an unsettled fork replaces nothing, or
    /// the copy of a device could take back what its owner forbade: it stands beside the others.
    fn rules(&self) -> Vec<SealedRules> {
        let counts = |at: &usize| !self.settled.fold.ops[*at].is_bad();
        let counting: Vec<usize> = self.facts.rules.iter().copied().filter(counts).collect();
        let replaces = |later: &usize| self.settled.fold.waits_in_fork(*later).is_none();
        let replacing: Vec<usize> = counting.iter().copied().filter(replaces).collect();
        let is_replaced = |at: usize| {
            let mut later = replacing.iter();
            later.any(|later| self.graph.precedes(at, *later))
        };
        let left = counting.into_iter().filter(|at| !is_replaced(*at));
        let mut rules: Vec<SealedRules> = left.filter_map(|at| self.sealed_rules(at)).collect();
        rules.sort_unstable_by_key(|rules| rules.op);
        rules
    }

    fn sealed_rules(&self, at: usize) -> Option<SealedRules> {
        let op = &self.graph.nodes[at].op;
        op.acts().iter().find_map(|act| match act {
            Act::Rules { epoch, sealed } => Some(SealedRules {
                op: op.hash(),
                device: op.op().device,
                epoch: *epoch,
                sealed: sealed.clone(),
            }),
            _ => None,
        })
    }

    fn disputes(
        &self,
        members: &BTreeMap<PersonId, Member>,
    ) -> BTreeMap<PersonId, BTreeSet<Denial>> {
        let disputed = members.values().filter(|member| !member.has_keys());
        let behind = |member: &Member| {
            let grants = member
                .grants
                .iter()
                .filter_map(|live| self.facts.grant(&live.grant));
            grants.flat_map(|grant| self.kept_away_by(grant)).collect()
        };
        disputed
            .map(|member| (member.person, behind(member)))
            .collect()
    }

    /// The denials under which a live grant gives no keys; none of them counts.
    fn kept_away_by(&self, grant: usize) -> Vec<Denial> {
        let strict = &self.settled.strict;
        let killers = self.relations.killers[grant]
            .iter()
            .copied()
            .filter(|killer| strict.in_effect[*killer]);
        let above = match strict.grants[grant].cause {
            Some(Cause::Denied(by) | Cause::InviteEnded(by) | Cause::NotListed(by)) => Some(by),
            Some(Cause::Forked(_)) | None => None,
        };
        killers
            .chain(above)
            .map(|denial| self.facts.denials[denial].name)
            .collect()
    }

    fn named(&self) -> BTreeMap<PersonId, BTreeSet<OpHash>> {
        let mut named: BTreeMap<PersonId, BTreeSet<OpHash>> = BTreeMap::new();
        for (index, grant) in self.facts.grants.iter().enumerate() {
            let ended_by = named.entry(grant.person).or_default();
            let killers = self.relations.killers[index]
                .iter()
                .filter(|killer| self.settled.strict.in_effect[**killer]);
            ended_by.extend(killers.map(|killer| self.facts.denials[*killer].name.op));
            let causes = [
                self.settled.fold.grants[index].cause,
                self.settled.strict.grants[index].cause,
            ];
            causes
                .into_iter()
                .flatten()
                .for_each(|cause| ended_by.extend(self.ops_behind(cause)));
        }
        named
    }

    fn ops_behind(&self, cause: Cause) -> Vec<OpHash> {
        match cause {
            Cause::Denied(denial) | Cause::InviteEnded(denial) | Cause::NotListed(denial) => {
                vec![self.facts.denials[denial].name.op]
            }
            Cause::Forked(fork) => self.graph.forks[fork]
                .iter()
                .map(|at| self.graph.nodes[*at].op.hash())
                .collect(),
        }
    }

    fn verdicts(&self) -> BTreeMap<OpHash, Verdict> {
        let mut denials: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (i, denial) in self.facts.denials.iter().enumerate() {
            if let Place::Folded(at) = denial.place {
                denials.entry(at).or_default().push(i);
            }
        }
        let parked = self
            .graph
            .parked
            .iter()
            .map(|parked| (parked.op.hash(), Verdict::Parked));
        let verdict = |at: usize| self.verdict(at, denials.get(&at).map_or(&[], Vec::as_slice));
        let folded = self
            .graph
            .nodes
            .iter()
            .enumerate()
            .map(|(at, node)| (node.op.hash(), verdict(at)));
        folded.chain(parked).collect()
    }

    /// An operation stands if any of its acts does; its own Leave does not count against it.
    fn verdict(&self, at: usize, denials: &[usize]) -> Verdict {
        if let Some(invalid) = self.facts.invalid[at] {
            return Verdict::Invalid(invalid);
        }
        if denials.iter().any(|denial| self.settled.counted[*denial]) {
            return Verdict::Stands;
        }
        if denials
            .iter()
            .any(|denial| self.settled.strict.in_effect[*denial])
        {
            return Verdict::Held;
        }
        let made = &self.facts.made[at];
        let only_grants = !made.is_empty() && made.len() == self.graph.nodes[at].op.acts().len();
        let of_grants = made
            .iter()
            .map(|grant| self.settled.fold.grants[*grant].cause);
        let cause = match self.settled.fold.ops[at].cause {
            // A listed admission stands without its admitter.
            Some(cause)
                if made
                    .iter()
                    .all(|grant| self.settled.fold.grants[*grant].is_bad()) =>
            {
                Some(cause)
            }
            Some(_) => None,
            None if only_grants => of_grants.reduce(|first, next| first.and(next)).flatten(),
            None => None,
        };
        cause.map_or(Verdict::Stands, |cause| Verdict::Void(self.void(cause)))
    }

    fn void(&self, cause: Cause) -> Void {
        let by = |denial: usize| self.facts.denials[denial].name.op;
        match cause {
            Cause::Denied(denial) => Void::Denied { by: by(denial) },
            Cause::InviteEnded(denial) => Void::InviteEnded { by: by(denial) },
            Cause::NotListed(denial) => Void::NotListed { by: by(denial) },
            Cause::Forked(fork) => {
                let claimants = self.graph.forks[fork]
                    .iter()
                    .map(|at| self.graph.nodes[*at].op.hash());
                Void::Forked {
                    at: claimants.min().unwrap_or(OpHash::from_bytes([0; 32])),
                }
            }
        }
    }
}
