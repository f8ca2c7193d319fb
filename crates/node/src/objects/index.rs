//! The document that holds the pack's title at one sensitivity, put together from its entries.

use super::{Quarantine, epoch_key, open_body, read, sensitivity_of};
use crate::NodeError;
use crate::authority::Authority;
use crate::replica::Replica;
use kitbag_core::content::{EntryBody, EntryKind};
use kitbag_core::id::{EntryHash, ObjectTag};
use kitbag_core::pack::{ChangeHash, IndexDocument, Schema, check_change};
use kitbag_core::policy::Sensitivity;
use kitbag_crypto::ItemKey;
use kitbag_store::Reader;
use std::collections::{BTreeMap, BTreeSet};

/// The index document of one sensitivity, and which entry carries which of its changes.
pub(crate) struct BuiltIndex {
    pub(crate) document: IndexDocument,
    pub(crate) carriers: BTreeMap<ChangeHash, EntryHash>,
    /// Entries that should be in it and cannot be read here, and those that rest on them.
    pub(crate) waiting: u64,
}

/// Puts an index document together.
pub(crate) fn build_index(
    replica: &Replica,
    store: &Reader,
    tag: ObjectTag,
    sensitivity: Sensitivity,
    quarantine: &mut Vec<Quarantine>,
) -> Result<BuiltIndex, NodeError> {
    let mut document = IndexDocument::derive(replica.id(), sensitivity);
    let mut carriers = BTreeMap::new();
    let mut carries: BTreeMap<EntryHash, ChangeHash> = BTreeMap::new();
    let base = document.base();
    let item_key = ItemKey::absent(tag.as_bytes());
    let entries = replica
        .objects
        .get(&tag)
        .map(|object| object.entries.clone())
        .unwrap_or_default();
    let mut pending: Vec<EntryHash> = entries
        .into_iter()
        .filter(|hash| !replica.quarantined.contains_key(hash))
        .collect();
    let mut unreadable = 0;
    loop {
        let before = pending.len();
        let mut waiting = Vec::new();
        for hash in pending {
            let Some(place) = replica
                .places
                .get(&hash)
                .filter(|place| place.kind == EntryKind::Index)
            else {
                continue;
            };
            if !place.deps.iter().all(|dep| carries.contains_key(dep)) {
                waiting.push(hash);
                continue;
            }
            let own = sensitivity_of(replica, place) == Some(sensitivity);
            let authorised = own && replica.authority(place, hash) == Authority::Valid;
            let Some(key) = epoch_key(replica, place).filter(|_| authorised) else {
                continue;
            };
            let Some(entry) = read(replica, store, place)? else {
                unreadable += 1;
                continue;
            };
            let Some(EntryBody::Change { change, .. }) = open_body(&entry, &item_key, key) else {
                quarantine.push(Quarantine::lasting(
                    hash,
                    "the entry does not open as a change",
                ));
                continue;
            };
            let refused = match check_change(&change, place.log, Schema::Index) {
                Ok(change) => {
                    let deps: BTreeSet<ChangeHash> = change
                        .deps()
                        .iter()
                        .copied()
                        .filter(|dep| *dep != base)
                        .collect();
                    let carried: Option<BTreeSet<ChangeHash>> = place
                        .deps
                        .iter()
                        .map(|dep| carries.get(dep).copied())
                        .collect();
                    if carried != Some(deps) {
                        Some("the entry names other dependencies than its change".to_owned())
                    } else if let Err(refused) = document.apply(&change) {
                        Some(refused.to_string())
                    } else {
                        carriers.entry(change.hash()).or_insert(hash);
                        carries.insert(hash, change.hash());
                        None
                    }
                }
                Err(refused) => Some(refused.to_string()),
            };
            quarantine.extend(refused.map(|reason| Quarantine::lasting(hash, reason)));
        }
        pending = waiting;
        if pending.is_empty() || pending.len() == before {
            let rests_on_them = if unreadable > 0 { pending.len() } else { 0 };
            return Ok(BuiltIndex {
                document,
                carriers,
                waiting: unreadable + rests_on_them as u64,
            });
        }
    }
}
