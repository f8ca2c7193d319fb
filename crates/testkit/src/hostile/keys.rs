//! Epochs and wraps of a hostile device.

use super::Hostile;
use kitbag_core::epoch::{EPOCH_VERSION, Epoch, SignedEpoch, WrapSet, seal_parent_key};
use kitbag_core::id::{OpHash, PackId};
use kitbag_core::person::{SUITE, SignedPersonOp};
use kitbag_core::policy::Sensitivity;
use kitbag_core::policy::fold::{Denial, Policy};
use kitbag_core::policy::op::GrantRef;
use kitbag_core::wire::{Blob, Page};
use kitbag_crypto::EpochKey;

impl Hostile {
    pub(super) fn new_epochs(&mut self, pack: PackId, policy: &Policy) -> Page {
        let mut page = Page::empty(pack);
        let own = self.own_grants(policy);
        for _ in 0..self.dice.between(1, 4) {
            if own.is_empty() {
                break;
            }
            let domain = *self.dice.pick(&Sensitivity::ALL);
            let grant = *self.dice.pick(&own);
            let (signed, key) = self.new_epoch(pack, policy, domain, grant);
            page.epochs.push(Blob(signed.bytes().to_vec()));
            self.loot.add(signed.id(), key.clone());
            let given = match self.dice.below(4) {
                0 => EpochKey::from_bytes(self.dice.bytes()),
                _ => key,
            };
            page.wraps.extend(self.wrap_to_all(&signed, &given));
            self.epochs.push(signed);
        }
        page
    }

    pub(super) fn new_epoch(
        &mut self,
        pack: PackId,
        policy: &Policy,
        domain: Sensitivity,
        grant: GrantRef,
    ) -> (SignedEpoch, EpochKey) {
        let known: Vec<SignedEpoch> = self
            .records
            .epochs(pack)
            .chain(&self.epochs)
            .cloned()
            .collect();
        let mut parents: Vec<SignedEpoch> = known
            .into_iter()
            .filter(|e| e.epoch().pack == pack && e.epoch().domain == domain)
            .filter(|_| self.dice.percent(60))
            .collect();
        parents.sort_by_key(SignedEpoch::id);
        parents.dedup_by_key(|epoch| epoch.id());
        let highest = parents.iter().map(|parent| parent.epoch().n).max();
        let n = highest.map_or(0, |n| n.saturating_add(1));
        let key = EpochKey::from_bytes(self.dice.bytes());
        let mut rng = self.dice.fork();
        let parent_keys = parents
            .iter()
            .map(|parent| {
                let held = self.loot.epochs().find(|(id, _)| **id == parent.id());
                let held = held.map(|(_, key)| key.clone());
                let parent_key = held.unwrap_or_else(|| EpochKey::from_bytes(self.dice.bytes()));
                seal_parent_key(pack, domain, n, parent.id(), &parent_key, &key, &mut *rng)
            })
            .collect();
        let mut answers: Vec<Denial> = self.some(policy.denials().iter().copied());
        if self.dice.percent(25) {
            answers.push(Denial {
                op: OpHash::from_bytes(self.dice.bytes()),
                act: 0,
            });
        }
        answers.sort();
        answers.dedup();
        let commitment = match self.dice.percent(85) {
            true => *key.commitment().as_bytes(),
            false => self.dice.bytes(),
        };
        let epoch = Epoch {
            version: EPOCH_VERSION,
            suite: SUITE,
            pack,
            domain,
            n,
            parents: parents.iter().map(SignedEpoch::id).collect(),
            answers,
            commitment,
            parent_keys,
            device: self.me.signing.verifying_key().into(),
            grant,
            heads: policy.heads(),
        };
        (SignedEpoch::sign(epoch, &self.me.signing), key)
    }

    /// Wraps for everybody whose person it knows; its friends first.
    pub(super) fn wrap_to_all(&mut self, epoch: &SignedEpoch, key: &EpochKey) -> Vec<Blob> {
        let mut rng = self.dice.fork();
        let persons: Vec<SignedPersonOp> = self
            .friends
            .iter()
            .chain(self.records.persons())
            .cloned()
            .collect();
        let sets = persons.iter().take(3).filter_map(|person| {
            WrapSet::make(
                epoch,
                key,
                person.certificate(),
                &self.me.signing,
                &mut *rng,
            )
            .ok()
        });
        sets.map(Blob).collect()
    }

    pub(super) fn wraps(&mut self, pack: PackId) -> Page {
        let epochs: Vec<SignedEpoch> = self.records.epochs(pack).cloned().collect();
        let mut page = Page::empty(pack);
        if epochs.is_empty() {
            return page;
        }
        for _ in 0..2 {
            let epoch = self.dice.pick(&epochs).clone();
            let held = self.loot.epochs().find(|(id, _)| **id == epoch.id());
            let held = held
                .map(|(_, key)| key.clone())
                .filter(|_| self.dice.percent(50));
            let key = held.unwrap_or_else(|| EpochKey::from_bytes(self.dice.bytes()));
            page.wraps.extend(self.wrap_to_all(&epoch, &key));
        }
        page
    }
}
