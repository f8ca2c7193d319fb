//! What somebody has who has a whole device: every key in its database, tried on every record.
//!
//! Nothing here asks a policy. Keys are collected, extended by every key that they open, and each is
//! tried on each sealed part, whatever the labels say.

use kitbag_core::content::{EntryBody, EntryKind, VerifiedEntry, unpack_body};
use kitbag_core::epoch::SignedEpoch;
use kitbag_core::id::{EntryHash, EpochId, ObjectTag};
use kitbag_core::policy::Sensitivity;
use kitbag_crypto::{EpochKey, ItemKey, SealLabel, open};
use kitbag_store::{Store, StoreError};
use std::collections::BTreeMap;

/// Records that somebody may have got hold of, by whatever way: sealed, without their keys.
#[derive(Clone, Default)]
pub struct Records {
    entries: BTreeMap<EntryHash, (Sensitivity, VerifiedEntry)>,
    epochs: BTreeMap<EpochId, SignedEpoch>,
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
        }
        for (number, row) in store.logs()? {
            let Ok(opening) = kitbag_core::content::LogOpening::decode(&row.opening) else {
                continue;
            };
            for header in store.headers(number, 0)? {
                if let Some(entry) = store.entry(number, header.header().seq)? {
                    records
                        .entries
                        .insert(entry.hash(), (opening.sensitivity, entry));
                }
            }
        }
        Ok(records)
    }

    /// These and those.
    pub fn extend(&mut self, others: Records) {
        self.entries.extend(others.entries);
        self.epochs.extend(others.epochs);
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
    item_keys: BTreeMap<ObjectTag, Vec<ItemKey>>,
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
            let keys = store.epochs(number)?.into_iter();
            loot.epoch_keys.extend(keys.filter_map(|(_, _, key)| key));
        }
        Ok(loot)
    }

    /// One more key, from elsewhere.
    pub fn add_key(&mut self, key: EpochKey) {
        self.epoch_keys.push(key);
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
