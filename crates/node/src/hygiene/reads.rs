//! When notes were read last, as devices reported it and this one may know.

use crate::replica::Replica;
use crate::{Node, NodeError};
use kitbag_core::content::report::{NoteStart, Report, Reported};
use kitbag_core::id::{EntryHash, ItemId, PackId, Timestamp};
use kitbag_core::policy::Sensitivity;
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
    known: BTreeMap<PackId, Read>,
}

/// What is known of reads in one pack.
#[derive(Default)]
struct Read {
    notes: BTreeMap<ItemId, Timestamp>,
    /// When an export last held notes of a sensitivity and did not name all of them: each could be one.
    unnamed: BTreeMap<Sensitivity, Timestamp>,
}

struct OfPack {
    pack: PackId,
    /// Of those notes alone that are here: what a report says beside takes no room.
    starts: BTreeMap<NoteStart, Vec<ItemId>>,
    read: Read,
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
            read: Read::default(),
        }
    }

    fn take(&mut self, report: &Report, of: Option<Sensitivity>, since: Timestamp) {
        let at = report.until();
        if at < since {
            return;
        }
        if let (Reported::Export(export), Some(of)) = (&report.what, of)
            && export.held as usize > export.notes.len()
        {
            let last = self.read.unnamed.entry(of).or_insert(at);
            *last = at.max(*last);
        }
        let mut read = |item: ItemId| {
            let last = self.read.notes.entry(item).or_insert(at);
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
    pub(super) fn new(node: &Node, now: Timestamp, packs: Vec<PackId>, key: [u8; 16]) -> Reading {
        let kept = Timestamp::from_millis(now.as_millis().saturating_sub(node.audit_keep_millis()));
        Reading {
            key,
            since: kept,
            waiting: 0,
            packs: packs.into_iter(),
            pack: None,
            known: BTreeMap::new(),
        }
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
                    let entries: Vec<EntryHash> = replica.reports.to_vec();
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
                    node.reports_of(replica, entry, waiting, |report, level| {
                        of.take(report, level, since)
                    })?;
                }
                None => {
                    let pack = of.pack;
                    node.reports_to_come(pack, |report, level| of.take(report, level, since))?;
                    let read = std::mem::take(&mut of.read);
                    self.known.insert(pack, read);
                    self.pack = None;
                }
            }
        }
        Ok(false)
    }

    /// When this note, added then, was read last: or may have been, in an export that did not name all
    /// that it held.
    pub(super) fn read_at(
        &self,
        pack: &PackId,
        note: &ItemId,
        level: Sensitivity,
        added: Timestamp,
    ) -> Option<Timestamp> {
        let read = self.known.get(pack)?;
        let unnamed = read.unnamed.get(&level).filter(|at| **at >= added);
        read.notes.get(note).max(unnamed).copied()
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

#[cfg(test)]
mod tests {
    use super::*;
    use kitbag_core::content::report::{Exported, ReadPart, Via};

    fn moment(at: u64) -> Timestamp {
        Timestamp::from_millis(at)
    }

    fn export(at: u64, held: u32, notes: &[ItemId]) -> Report {
        let export = Exported {
            id: [1; 16],
            held,
            withheld: vec![],
            notes: notes.iter().map(NoteStart::of).collect(),
            whole: None,
            written: None,
        };
        Report::once(moment(at), Via::Command, Reported::Export(export))
    }

    /// Goal: what a report names is read, and nothing else; an export that does not name all that it held
    /// may have held each note that was there, of its sensitivity; what is older than reports are kept is
    /// not known; what is not here takes no room.
    #[test]
    fn a_report_is_a_read_of_what_it_names_or_may_have_held() {
        let [a, b, strange] = [1, 2, 3].map(|n| ItemId::from_bytes([n; 32]));
        let pack = PackId::from_bytes([9; 32]);
        let mut of = OfPack {
            pack,
            starts: [a, b].map(|item| (NoteStart::of(&item), vec![item])).into(),
            read: Read::default(),
        };
        let level = Some(Sensitivity::Internal);
        let part = ReadPart::Now;
        let read = |at, item| Report::once(moment(at), Via::Command, Reported::Read { item, part });
        of.take(&read(5, a), level, moment(10));
        assert!(of.read.notes.is_empty(), "too old");
        of.take(&read(20, a), level, moment(10));
        of.take(&read(15, a), level, moment(10));
        of.take(&export(30, 1, &[b]), level, moment(10));
        of.take(&read(40, strange), level, moment(10));
        assert_eq!(of.read.notes, [(a, moment(20)), (b, moment(30))].into());
        assert!(of.read.unnamed.is_empty());
        of.take(&export(50, 3_000, &[]), level, moment(10));
        let reading = Reading {
            key: [0; 16],
            since: moment(10),
            waiting: 0,
            packs: vec![].into_iter(),
            pack: None,
            known: [(pack, of.read)].into(),
        };
        let at = |note, level, added| reading.read_at(&pack, &note, level, moment(added));
        assert_eq!(at(a, Sensitivity::Internal, 1), Some(moment(50)));
        assert_eq!(
            at(a, Sensitivity::Internal, 51),
            Some(moment(20)),
            "it was not there"
        );
        assert_eq!(at(a, Sensitivity::Public, 1), Some(moment(20)));
        assert_eq!(at(strange, Sensitivity::Public, 1), None);
    }
}
