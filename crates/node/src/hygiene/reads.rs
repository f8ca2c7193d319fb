//! When notes were read last, as devices reported it and this one may know.

use crate::replica::Replica;
use crate::{Node, NodeError};
use kitbag_core::content::report::{NoteStart, Report, Reported};
use kitbag_core::id::{EntryHash, ItemId, PackId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Entries with reports that one slice opens, at most.
const SLICE_ENTRIES: usize = 48;

/// Reads of all packs, gathered one entry with reports after the other.
pub(super) struct Reading {
    /// Draws the key of shingles.
    pub(super) key: [u8; 16],
    pub(super) since: Timestamp,
    pub(super) waiting: u64,
    packs: std::vec::IntoIter<PackId>,
    pack: Option<(OfPack, std::vec::IntoIter<EntryHash>)>,
    known: BTreeMap<PackId, BTreeMap<ItemId, Timestamp>>,
}

struct OfPack {
    pack: PackId,
    /// Of those notes alone that are here: what a report says beside takes no room.
    starts: BTreeMap<NoteStart, Vec<ItemId>>,
    read: BTreeMap<ItemId, Timestamp>,
}

impl OfPack {
    fn new(pack: PackId, replica: &Replica) -> OfPack {
        let mut starts: BTreeMap<NoteStart, Vec<ItemId>> = BTreeMap::new();
        for item in replica.notes.keys() {
            starts.entry(NoteStart::of(item)).or_default().push(*item);
        }
        OfPack {
            pack,
            starts,
            read: BTreeMap::new(),
        }
    }

    fn take(&mut self, report: &Report, since: Timestamp) {
        let at = report.until();
        if at < since {
            return;
        }
        let mut read = |item: ItemId| {
            let last = self.read.entry(item).or_insert(at);
            *last = at.max(*last);
        };
        let named: Vec<(NoteStart, Option<ItemId>)> = match &report.what {
            Reported::Read { item, .. } => vec![(NoteStart::of(item), Some(*item))],
            Reported::Export(export) => export.notes.iter().map(|start| (*start, None)).collect(),
            _ => vec![],
        };
        for (start, only) in named {
            let items = self.starts.get(&start).into_iter().flatten();
            let items = items.filter(|item| only.is_none_or(|only| only == **item));
            items.for_each(|item| read(*item));
        }
    }
}

impl Reading {
    pub(super) fn new(
        node: &Node,
        now: Timestamp,
        packs: &[PackId],
        key: [u8; 16],
    ) -> Result<Reading, NodeError> {
        let kept = Timestamp::from_millis(now.as_millis().saturating_sub(node.audit_keep_millis()));
        Ok(Reading {
            key,
            since: kept,
            waiting: 0,
            packs: packs.to_vec().into_iter(),
            pack: None,
            known: BTreeMap::new(),
        })
    }

    /// Opens the entries of one slice. Returns whether none is left.
    pub(super) fn go_on(&mut self, node: &Node) -> Result<bool, NodeError> {
        for _ in 0..SLICE_ENTRIES {
            if self.pack.is_none() {
                let Some(pack) = self.packs.next() else {
                    return Ok(true);
                };
                // One that cannot be read is counted when its notes are looked at.
                if let Some(replica) = node.packs.get(&pack) {
                    let entries: Vec<EntryHash> = replica.reports.iter().copied().collect();
                    self.pack = Some((OfPack::new(pack, replica), entries.into_iter()));
                }
                return Ok(false); // it may have been asleep
            }
            let Some((of, entries)) = &mut self.pack else {
                continue;
            };
            let since = self.since;
            match entries.next() {
                Some(entry) => {
                    let replica = node.packs.need(of.pack)?;
                    let waiting = &mut self.waiting;
                    node.reports_of(replica, entry, waiting, |report| of.take(report, since))?;
                }
                None => {
                    let pack = of.pack;
                    node.reports_to_come(pack, |report| of.take(report, since))?;
                    let read = std::mem::take(&mut of.read);
                    self.known.insert(pack, read);
                    self.pack = None;
                }
            }
        }
        Ok(false)
    }

    /// When this note was read last.
    pub(super) fn read_at(&self, pack: &PackId, note: &ItemId) -> Option<Timestamp> {
        self.known.get(pack)?.get(note).copied()
    }

    /// Forgets what is not asked for any more.
    pub(super) fn forget(&mut self) {
        self.known = BTreeMap::new();
    }
}

/// Which notes are in a selection of this device.
pub(super) fn selected(node: &Node) -> Result<BTreeSet<(PackId, ItemId)>, NodeError> {
    let named = node.selections()?.into_iter();
    let chosen = named.filter_map(|named| named.selection);
    let notes = chosen.flat_map(|selection| selection.notes().to_vec());
    Ok(notes.map(|chosen| (chosen.pack, chosen.note)).collect())
}
