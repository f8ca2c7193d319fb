//! What each entry's writer knew of the policy, by the frontiers of its log: of edits, moves and titles
//! as of notes, whoever acknowledged them to whom.

use super::Books;
use crate::it::simulator::history::History;
use kitbag_core::content::EntryKind;
use kitbag_core::id::{DeviceId, EntryHash, EpochId, OpHash, PackId, PersonId};
use kitbag_core::policy::Sensitivity;
use kitbag_core::policy::fold::Policy;
use std::collections::{BTreeMap, BTreeSet};

/// An entry that somebody honest sealed.
pub(super) struct Sealed {
    pub(super) hash: EntryHash,
    pub(super) level: Sensitivity,
    pub(super) by: PersonId,
    pub(super) epoch: EpochId,
    /// Which of the states its writer knew.
    pub(super) then: usize,
}

/// What the honest wrote into a pack, and what they knew.
pub(super) struct Written {
    pub(super) states: Vec<Policy>,
    pub(super) sealed: Vec<Sealed>,
    pub(super) frontiers: BTreeMap<EntryHash, Vec<OpHash>>,
}

impl Written {
    pub(super) fn of(history: &History, books: &Books, pack: PackId, policy: &Policy) -> Written {
        let devices = history
            .members
            .iter()
            .filter_map(|who| books.of[who].0.identity());
        let honest: BTreeSet<DeviceId> = devices.map(|me| me.person.certificate().device).collect();
        let of_pack = books
            .all
            .entries()
            .filter(|(log, _)| log.pack == pack && honest.contains(&log.device));
        let mut entries: Vec<_> = of_pack.collect();
        entries.sort_by_key(|(_, entry)| entry.header().seq);
        let mut written = Written {
            states: vec![],
            sealed: vec![],
            frontiers: BTreeMap::new(),
        };
        let mut known: BTreeMap<Vec<OpHash>, Option<usize>> = BTreeMap::new();
        for (log, entry) in entries {
            let header = entry.header();
            let before = header.prev.and_then(|prev| written.frontiers.get(&prev));
            let frontier = match &header.kind {
                EntryKind::Frontier(heads) => Some(heads),
                _ => before,
            };
            let Some(frontier) = frontier.cloned() else {
                continue;
            };
            written.frontiers.insert(entry.hash(), frontier.clone());
            let state = known.entry(frontier).or_insert_with_key(|heads| {
                written.states.push(policy.at(heads)?);
                Some(written.states.len() - 1)
            });
            let by = policy.person_of_device(&log.device);
            if let (Some(epoch), Some(then), Some(by)) = (header.epoch, *state, by) {
                written.sealed.push(Sealed {
                    hash: entry.hash(),
                    level: log.sensitivity,
                    by,
                    epoch,
                    then,
                });
            }
        }
        written
    }
}
