//! What somebody has who has a whole device: every key in its database, tried on every record.
//!
//! Nothing here asks a policy. Keys are collected, extended by every key that they open, and each is
//! tried on each sealed part, whatever the labels say.

use kitbag_core::codec;
use kitbag_core::content::{
    EntryBody, EntryKind, LogOpening, SignedHead, VerifiedEntry, unpack_body,
};
use kitbag_core::epoch::SignedEpoch;
use kitbag_core::id::{EntryHash, EpochId, LogId, ObjectTag, OpHash, PackId, PersonId};
use kitbag_core::person::SignedPersonOp;
use kitbag_core::policy::Sensitivity;
use kitbag_core::policy::fold::Policy;
use kitbag_core::policy::op::SignedOp;
use kitbag_crypto::{EpochKey, ItemKey, SealLabel, SigningKey, open};
use kitbag_store::{Store, StoreError};
use minicbor::{Decode, Encode};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Records that somebody may have got hold of, by whatever way: sealed, without their keys.
#[derive(Clone, Default)]
pub struct Records {
    entries: BTreeMap<EntryHash, (Sensitivity, VerifiedEntry)>,
    logs: BTreeMap<LogId, LogOpening>,
    heads: BTreeMap<LogId, Vec<SignedHead>>,
    epochs: BTreeMap<EpochId, SignedEpoch>,
    ops: BTreeMap<OpHash, SignedOp>,
    persons: BTreeMap<PersonId, SignedPersonOp>,
}

impl Records {
    /// Every record in a database.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn of(store: &Store) -> Result<Records, StoreError> {
        let mut records = Records::default();
        for (number, _) in store.packs()? {
            for (_, signed, _) in store.epochs(number)? {
                records.epochs.insert(signed.id(), signed);
            }
            let ops = store.ops(number)?.into_iter();
            records.ops.extend(ops.map(|op| (op.hash(), op)));
            let persons = store.persons(number)?.into_iter();
            records.persons.extend(persons.map(|op| (op.person(), op)));
        }
        for (number, row) in store.logs()? {
            let Ok(opening) = LogOpening::decode(&row.opening) else {
                continue;
            };
            for header in store.headers(number, 0)? {
                if let Some(entry) = store.entry(number, header.header().seq)? {
                    records
                        .entries
                        .insert(entry.hash(), (opening.sensitivity, entry));
                }
            }
            let log = opening.log_id();
            records.heads.insert(log, store.heads(number)?);
            records.logs.insert(log, opening);
        }
        Ok(records)
    }

    /// What they say of a pack, all together.
    pub fn policy(&self, pack: PackId) -> Policy {
        let ops = self.ops.values().filter(|op| op.pack() == pack);
        Policy::fold(pack, ops.cloned(), self.persons.values().cloned())
    }

    /// Policy operations of a pack.
    pub fn ops(&self, pack: PackId) -> impl Iterator<Item = &SignedOp> {
        self.ops.values().filter(move |op| op.pack() == pack)
    }

    /// Persons.
    pub fn persons(&self) -> impl Iterator<Item = &SignedPersonOp> {
        self.persons.values()
    }

    /// Epochs of a pack.
    pub fn epochs(&self, pack: PackId) -> impl Iterator<Item = &SignedEpoch> {
        self.epochs
            .values()
            .filter(move |epoch| epoch.epoch().pack == pack)
    }

    /// Content logs of a pack, with their signed heads.
    pub fn logs(&self, pack: PackId) -> impl Iterator<Item = (&LogOpening, &[SignedHead])> {
        let of_pack = self.logs.iter().filter(move |(_, log)| log.pack == pack);
        of_pack.map(|(id, log)| (log, self.heads.get(id).map_or(&[][..], Vec::as_slice)))
    }

    /// Entries, each with the opening of its log.
    pub fn entries(&self) -> impl Iterator<Item = (&LogOpening, &VerifiedEntry)> {
        let entries = self.entries.values();
        entries.filter_map(|(_, entry)| Some((self.logs.get(&entry.header().log)?, entry)))
    }

    /// The entries for which this holds, and all epochs.
    #[must_use]
    pub fn only(&self, of: impl Fn(&LogOpening, &VerifiedEntry) -> bool) -> Records {
        let kept = self.entries().filter(|(log, entry)| of(log, entry));
        Records {
            entries: kept
                .map(|(log, entry)| (entry.hash(), (log.sensitivity, entry.clone())))
                .collect(),
            logs: self.logs.clone(),
            epochs: self.epochs.clone(),
            ..Records::default()
        }
    }

    /// These and those.
    pub fn extend(&mut self, others: Records) {
        self.entries.extend(others.entries);
        self.logs.extend(others.logs);
        self.heads.extend(others.heads);
        self.epochs.extend(others.epochs);
        self.ops.extend(others.ops);
        self.persons.extend(others.persons);
    }

    /// These without those.
    #[must_use]
    pub fn without(mut self, others: &Records) -> Records {
        self.entries
            .retain(|hash, _| !others.entries.contains_key(hash));
        self.epochs.retain(|id, _| !others.epochs.contains_key(id));
        self
    }

    /// Sealed entries of one sensitivity, or of all.
    pub fn sealed(&self, of: Option<Sensitivity>) -> usize {
        let sealed = self.entries.values().filter(|(sensitivity, entry)| {
            entry.raw().body.is_some() && of.is_none_or(|of| of == *sensitivity)
        });
        sealed.count()
    }
}

/// Every key that a database holds.
#[derive(Clone, Default)]
pub struct Loot {
    epoch_keys: Vec<EpochKey>,
    named: BTreeMap<EpochId, EpochKey>,
    identity: Option<Identity>,
    item_keys: BTreeMap<ObjectTag, Vec<ItemKey>>,
}

/// A device's signing key and its person.
#[derive(Clone)]
pub struct Identity {
    /// The key that signs its records.
    pub signing: Rc<SigningKey>,
    /// Its person.
    pub person: SignedPersonOp,
}

impl Identity {
    /// Reads the row in which a node keeps who it is.
    fn decode(bytes: &[u8]) -> Option<Identity> {
        #[derive(Encode, Decode)]
        #[cbor(map)]
        struct Row {
            #[n(0)]
            #[cbor(with = "minicbor::bytes")]
            signing: [u8; 32],
            #[n(1)]
            #[cbor(with = "minicbor::bytes")]
            endpoint: [u8; 32],
            #[n(2)]
            #[cbor(with = "minicbor::bytes")]
            wrap: [u8; 32],
            #[n(3)]
            #[cbor(with = "minicbor::bytes")]
            person: Vec<u8>,
            #[n(4)]
            name: String,
            #[n(5)]
            device_name: String,
        }
        let row: Row = codec::decode(bytes, 64 * 1024).ok()?;
        Some(Identity {
            signing: Rc::new(SigningKey::from_seed(row.signing)),
            person: SignedPersonOp::from_store(&row.person).ok()?,
        })
    }
}

/// One entry that opened.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The entry.
    pub entry: EntryHash,
    /// The sensitivity of its log.
    pub sensitivity: Sensitivity,
    /// Its kind.
    pub kind: EntryKind,
    /// What it says, as far as it can be read as a body.
    pub body: Option<EntryBody>,
}

impl Loot {
    /// The keys in a database.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn of(store: &Store) -> Result<Loot, StoreError> {
        let mut loot = Loot::default();
        for (number, _) in store.packs()? {
            for (_, signed, key) in store.epochs(number)? {
                key.into_iter().for_each(|key| loot.add(signed.id(), key));
            }
        }
        let identity = store.setting("identity")?;
        loot.identity = identity.and_then(|bytes| Identity::decode(&bytes));
        Ok(loot)
    }

    /// One more key, from elsewhere.
    pub fn add_key(&mut self, key: EpochKey) {
        let known = |known: &EpochKey| known.danger_expose() == key.danger_expose();
        if !self.epoch_keys.iter().any(known) {
            self.epoch_keys.push(key);
        }
    }

    /// The key of an epoch, from elsewhere.
    pub fn add(&mut self, epoch: EpochId, key: EpochKey) {
        self.add_key(key.clone());
        self.named.insert(epoch, key);
    }

    /// This and that; the device stays this one.
    pub fn extend(&mut self, other: &Loot) {
        other
            .epoch_keys
            .iter()
            .cloned()
            .for_each(|key| self.add_key(key));
        self.named
            .extend(other.named.iter().map(|(id, key)| (*id, key.clone())));
    }

    /// Epochs whose key is here.
    pub fn epochs(&self) -> impl Iterator<Item = (&EpochId, &EpochKey)> {
        self.named.iter()
    }

    /// Whose device it is, with its private keys.
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// The keys, each once.
    pub fn take_keys(self) -> Vec<EpochKey> {
        self.epoch_keys
    }

    /// How many keys there are.
    pub fn keys(&self) -> usize {
        self.epoch_keys.len()
    }

    /// Tries every key on every record; keys that are found on the way are tried too.
    pub fn open(&mut self, records: &Records) -> Vec<Opened> {
        self.open_epochs(records);
        for (_, entry) in records.entries.values() {
            self.open_item_key(entry);
        }
        let opened = records.entries.values().filter_map(|(sensitivity, entry)| {
            let plain = self.open_body(entry)?;
            Some(Opened {
                entry: entry.hash(),
                sensitivity: *sensitivity,
                kind: entry.header().kind.clone(),
                body: unpack_body(&plain).ok(),
            })
        });
        opened.collect()
    }

    fn open_epochs(&mut self, records: &Records) {
        let mut next = 0;
        while let Some(key) = self.epoch_keys.get(next).cloned() {
            next += 1;
            for signed in records.epochs.values() {
                for (_, parent) in signed.open_parent_keys(&key) {
                    let known = |key: &EpochKey| key.danger_expose() == parent.danger_expose();
                    if !self.epoch_keys.iter().any(known) {
                        self.epoch_keys.push(parent);
                    }
                }
            }
        }
    }

    fn open_item_key(&mut self, entry: &VerifiedEntry) {
        let (Some(wrap), Some(tag)) = (&entry.raw().wrap, entry.header().object) else {
            return;
        };
        let aad = entry.header().associated_data();
        for key in &self.epoch_keys {
            let opened = open(
                SealLabel::ItemKey,
                &[0; 32],
                key.danger_expose(),
                &aad,
                wrap,
            );
            let Some(bytes) = opened
                .ok()
                .and_then(|plain| <[u8; 32]>::try_from(&plain[..]).ok())
            else {
                continue;
            };
            self.item_keys
                .entry(tag)
                .or_default()
                .push(ItemKey::from_bytes(bytes));
        }
    }

    fn open_body(&self, entry: &VerifiedEntry) -> Option<Vec<u8>> {
        let body = entry.raw().body.as_ref()?;
        let tag = entry.header().object?;
        let aad = entry.header().associated_data();
        let absent = ItemKey::absent(tag.as_bytes());
        let items = self
            .item_keys
            .get(&tag)
            .into_iter()
            .flatten()
            .chain([&absent]);
        items
            .flat_map(|item| self.epoch_keys.iter().map(move |key| (item, key)))
            .find_map(|(item, key)| {
                open(
                    SealLabel::Record,
                    item.danger_expose(),
                    key.danger_expose(),
                    &aad,
                    body,
                )
                .ok()
            })
            .map(|plain| plain.to_vec())
    }
}
