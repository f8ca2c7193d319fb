//! Which epoch seals now, which may be wrapped and built on, and opening a new one.
//!
//! An epoch is used only where every denial that it and its ancestors answer was taken in and every
//! key on the way is held. To seal, whoever opened it must besides still be let to write there:
//! somebody who is out may say that they know of it, and would have the others go on sealing for
//! them. What the epochs answer is added up once after each change, parents
//! first: a member who opens thousands of them costs the others one pass, not one for each write.

#[cfg(test)]
pub(crate) mod tests;

use crate::error::Denied;
use crate::replica::{Replica, Staged};
use crate::{Node, NodeError};
use kitbag_core::epoch::{
    ANSWERS_MAX, EPOCH_VERSION, Epoch, PARENTS_MAX, SignedEpoch, seal_parent_key,
};
use kitbag_core::id::{EpochId, OpHash, PackId};
use kitbag_core::person::SUITE;
use kitbag_core::policy::Sensitivity;
use kitbag_core::policy::fold::{Denial, Policy, Right};
use kitbag_core::policy::op::{GrantRef, HEADS_MAX};
use kitbag_crypto::EpochKey;
use kitbag_crypto::planted::{self, Planted};
use std::collections::{BTreeMap, BTreeSet};

/// What the epochs of a pack add up to.
pub(crate) struct Found {
    epochs: BTreeMap<EpochId, Standing>,
    /// Every denial that is known here or answered by some epoch.
    denials: BTreeMap<Denial, usize>,
    /// The denials that a writer must see answered.
    owed: Bits,
}

struct Standing {
    /// Whether it may be used: to seal, to wrap, as a parent.
    usable: bool,
    /// The denials that it covers: it or an ancestor answers them, and knew what they end.
    covered: Bits,
}

/// A set of small numbers.
#[derive(Clone, Default)]
struct Bits(Vec<u64>);

impl Bits {
    fn insert(&mut self, at: usize) {
        if self.0.len() <= at / 64 {
            self.0.resize(at / 64 + 1, 0);
        }
        self.0[at / 64] |= 1 << (at % 64);
    }

    fn contains(&self, at: usize) -> bool {
        self.0
            .get(at / 64)
            .is_some_and(|word| word >> (at % 64) & 1 == 1)
    }

    fn join(&mut self, other: &Bits) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine |= theirs;
        }
    }

    fn covers(&self, other: &Bits) -> bool {
        let words = other.0.iter().enumerate();
        words
            .map(|(at, word)| word & !self.0.get(at).copied().unwrap_or(0))
            .all(|missing| missing == 0)
    }
}

impl Found {
    fn of(replica: &Replica) -> Found {
        let policy = &replica.policy;
        let mut order: Vec<_> = replica.epochs.values().collect();
        order.sort_by_key(|held| (held.signed.epoch().n, held.signed.id()));
        let answers = order.iter().flat_map(|held| &held.signed.epoch().answers);
        let answers = answers.filter(|denial| may_be(policy, denial)); // anybody may answer what never was
        let mut denials: BTreeMap<Denial, usize> = BTreeMap::new();
        for denial in policy.denials().iter().chain(answers) {
            let next = denials.len();
            denials.entry(*denial).or_insert(next);
        }
        let mut owed = Bits::default();
        for denial in policy.denials() {
            owed.insert(denials[denial]);
        }
        let seen = Seen::of(policy, &denials);
        let mut epochs: BTreeMap<EpochId, Standing> = BTreeMap::new();
        for held in order {
            let epoch = held.signed.epoch();
            let mut standing = Standing {
                usable: held.key.is_some() && is_taken_in(policy, epoch),
                covered: seen.covered_by(epoch),
            };
            for parent in &epoch.parents {
                match epochs.get(parent) {
                    Some(parent) => {
                        standing.usable &= parent.usable;
                        standing.covered.join(&parent.covered);
                    }
                    None => standing.usable = false,
                }
            }
            epochs.insert(held.signed.id(), standing);
        }
        Found {
            epochs,
            denials,
            owed,
        }
    }
}

/// Whether there is an act here that this may be the denial of.
fn may_be(policy: &Policy, denial: &Denial) -> bool {
    let op = policy.op(&denial.op);
    op.is_some_and(|op| denial.act == Denial::FORK || (denial.act as usize) < op.acts().len())
}

/// Whether everything that an epoch answers was taken in here. While some of it waits for an operation
/// that whoever opened the epoch had, they may know of somebody more whom it ends.
fn is_taken_in(policy: &Policy, epoch: &Epoch) -> bool {
    let answers = || epoch.answers.iter();
    answers().all(|denial| policy.has_taken_in(denial))
        && (answers().all(|denial| policy.is_folded(&denial.op))
            || epoch.heads.iter().all(|head| policy.is_folded(head)))
}

/// Which denials whoever folded some operations had folded.
struct Seen<'f> {
    policy: &'f Policy,
    denials: &'f BTreeMap<Denial, usize>,
    /// By folded operation: the denials in it and before it.
    past: BTreeMap<OpHash, Bits>,
}

impl<'f> Seen<'f> {
    fn of(policy: &'f Policy, denials: &'f BTreeMap<Denial, usize>) -> Seen<'f> {
        let mut past: BTreeMap<OpHash, Bits> = BTreeMap::new();
        for op in policy.folded_ops() {
            let mut seen = Bits::default();
            for parent in op.parents() {
                past.get(&parent).into_iter().for_each(|of| seen.join(of));
            }
            let op = op.hash();
            let own = denials.range(
                Denial { op, act: 0 }..Denial {
                    op,
                    act: Denial::FORK,
                },
            );
            own.for_each(|(_, at)| seen.insert(*at));
            past.insert(op, seen);
        }
        Seen {
            policy,
            denials,
            past,
        }
    }

    /// What an epoch answers, without the denials that waited when it was opened and are folded here:
    /// each may have turned out to end somebody to whom its key was given. A fork never waits, and of
    /// an author who had too many heads to name them all nothing can be told.
    fn covered_by(&self, epoch: &Epoch) -> Bits {
        let mut seen = Bits::default();
        for head in &epoch.heads {
            self.past.get(head).into_iter().for_each(|of| seen.join(of));
        }
        let named_all = epoch.heads.len() < HEADS_MAX;
        let mut covered = Bits::default();
        for denial in &epoch.answers {
            let Some(&at) = self.denials.get(denial) else {
                continue;
            };
            let waited = denial.act != Denial::FORK
                && named_all
                && self.policy.is_folded(&denial.op)
                && !seen.contains(at);
            if !waited {
                covered.insert(at);
            }
        }
        covered
    }
}

impl Replica {
    fn found(&self) -> &Found {
        self.found.get_or_init(|| Found::of(self))
    }

    /// The epoch to seal under: it covers every denial known here, all that it answers was taken in
    /// here, its key is held, and whoever opened it may still write there; of several the highest, then
    /// the lowest hash.
    pub(crate) fn usable_epoch(&self, domain: Sensitivity) -> Option<(EpochId, EpochKey)> {
        let found = self.found();
        let usable = self.epochs.values().filter_map(|held| {
            let (id, epoch) = (held.signed.id(), held.signed.epoch());
            let standing = found.epochs.get(&id)?;
            let answers =
                standing.covered.covers(&found.owed) || planted::is(Planted::ForgottenRotation);
            let fits =
                epoch.domain == domain && standing.usable && answers && self.may_still_open(epoch);
            fits.then_some((std::cmp::Reverse(epoch.n), id, held.key.as_ref()?))
        });
        usable
            .min_by_key(|(n, id, _)| (*n, *id))
            .map(|(_, id, key)| (id, key.clone()))
    }

    /// Whether the grant under which an epoch was opened is in force and lets its holder write there.
    fn may_still_open(&self, epoch: &Epoch) -> bool {
        let given = self.policy.given(&epoch.grant);
        given.is_some_and(|given| {
            let writes = Right::Write.is_given_by(given.role, given.clearance, epoch.domain);
            given.lost.is_none() && writes
        })
    }

    /// Whether every denial that this epoch and its ancestors answer was taken in here, and every key on
    /// the way is held: only then may one seal, wrap or build on it.
    pub(crate) fn is_usable(&self, epoch: &EpochId) -> bool {
        self.found()
            .epochs
            .get(epoch)
            .is_some_and(|standing| standing.usable)
    }

    /// Usable epochs of a domain that no other usable one replaces, ascending: the parents of the
    /// next.
    pub(crate) fn epoch_tips(&self, domain: Sensitivity) -> Vec<EpochId> {
        let usable: BTreeMap<EpochId, &[EpochId]> = self
            .epochs
            .iter()
            .filter(|(id, held)| held.signed.epoch().domain == domain && self.is_usable(id))
            .map(|(id, held)| (*id, held.signed.epoch().parents.as_slice()))
            .collect();
        let replaced: BTreeSet<EpochId> = usable
            .values()
            .flat_map(|parents| parents.iter().copied())
            .collect();
        let tips = usable.keys().filter(|id| !replaced.contains(id));
        tips.copied().take(PARENTS_MAX).collect()
    }

    /// Domains in which the next writer opens a new epoch: no usable one answers every denial that
    /// this device knows.
    pub(crate) fn owed_domains(&self) -> Vec<Sensitivity> {
        let in_use: BTreeSet<Sensitivity> = self
            .epochs
            .values()
            .map(|held| held.signed.epoch().domain)
            .collect();
        in_use
            .into_iter()
            .filter(|domain| {
                !self.epoch_tips(*domain).is_empty() && self.usable_epoch(*domain).is_none()
            })
            .collect()
    }

    /// Whether this epoch covers one of these denials.
    pub(crate) fn covers_any(&self, epoch: &EpochId, denials: &[Denial]) -> bool {
        let found = self.found();
        let Some(standing) = found.epochs.get(epoch) else {
            return false;
        };
        let covers = |at: &usize| standing.covered.contains(*at);
        denials
            .iter()
            .filter_map(|denial| found.denials.get(denial))
            .any(covers)
    }

    /// What the next epoch of a domain answers beyond those there are.
    pub(crate) fn owed_answers(&self, domain: Sensitivity) -> Vec<Denial> {
        self.unanswered(&self.epoch_tips(domain)).concat()
    }

    /// How many domains owe a rotation.
    pub(crate) fn rotation_debt(&self) -> u64 {
        self.owed_domains().len() as u64
    }

    /// The denials that none of these epochs covers, in pieces of what one epoch may answer;
    /// at least one piece, be it empty.
    fn unanswered(&self, by: &[EpochId]) -> Vec<Vec<Denial>> {
        let found = self.found();
        let mut covered = Bits::default();
        for epoch in by {
            if let Some(standing) = found.epochs.get(epoch) {
                covered.join(&standing.covered);
            }
        }
        let left: Vec<Denial> = self
            .policy
            .denials()
            .iter()
            .filter(|denial| {
                found
                    .denials
                    .get(denial)
                    .is_none_or(|at| !covered.contains(*at))
            })
            .filter(|_| !planted::is(Planted::AnswersEmpty))
            .copied()
            .collect();
        if left.is_empty() {
            return vec![left];
        }
        left.chunks(ANSWERS_MAX).map(<[Denial]>::to_vec).collect()
    }
}

impl Node {
    /// Stages an epoch above all usable ones that no other replaces, answering every denial known
    /// here. More denials than one epoch may answer make a chain, each epoch the parent of the next;
    /// the last is the one to use.
    pub(crate) fn open_epoch(
        &mut self,
        pack: PackId,
        domain: Sensitivity,
        grant: GrantRef,
        staged: &mut Staged,
    ) -> Result<(EpochId, EpochKey), NodeError> {
        let replica = self.packs.need(pack)?;
        let tips = replica.epoch_tips(domain);
        let mut parents: Vec<(EpochId, u64, EpochKey)> = Vec::new();
        for tip in &tips {
            let held = &replica.epochs[tip];
            let key = held.key.clone().ok_or(Denied::NoKeyYet)?;
            parents.push((*tip, held.signed.epoch().n, key));
        }
        let heads = replica.policy.heads();
        for answers in replica.unanswered(&tips) {
            let key = EpochKey::generate(&mut *self.rng);
            let n = parents.iter().map(|(_, n, _)| n + 1).max().unwrap_or(0);
            let mut parent_keys = Vec::new();
            for (parent, _, parent_key) in &parents {
                parent_keys.push(seal_parent_key(
                    pack,
                    domain,
                    n,
                    *parent,
                    parent_key,
                    &key,
                    &mut *self.rng,
                ));
            }
            let epoch = Epoch {
                version: EPOCH_VERSION,
                suite: SUITE,
                pack,
                domain,
                n,
                parents: parents.iter().map(|(id, _, _)| *id).collect(),
                answers,
                commitment: *key.commitment().as_bytes(),
                parent_keys,
                device: self.me.device(),
                grant,
                heads: heads.clone(),
            };
            let signed = SignedEpoch::sign(epoch, &self.me.signing);
            parents = vec![(signed.id(), n, key.clone())];
            staged.keys.push((signed.id(), key));
            staged.epochs.push(signed);
        }
        let (id, _, key) = parents.remove(0);
        Ok((id, key))
    }
}
