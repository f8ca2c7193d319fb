//! When notes were read last, as devices reported it and this one may know.

use super::DAY_MILLIS;
use crate::{Node, NodeError};
use kitbag_core::content::report::{NoteStart, Report, Reported};
use kitbag_core::id::{EntryHash, ItemId, PackId, Timestamp};
use kitbag_core::policy::Sensitivity;
use std::collections::{BTreeMap, BTreeSet};

/// Entries with reports that one slice opens, at most; and rows of this device's own list.
const SLICE_ENTRIES: usize = 48;
/// How far ahead of this clock a report may be and still count, in milliseconds. Clocks are wrong by hours,
/// seldom by days; whoever reports a read of the year 2500 keeps a note from ever being in the way.
const AHEAD_MILLIS_MAX: u64 = DAY_MILLIS;

/// Reads of all packs, gathered one entry with reports after the other.
pub(super) struct Reading {
    /// Draws the key of shingles.
    pub(super) key: [u8; 16],
    /// Reports from before this are not known, those from after that do not count.
    pub(super) since: Timestamp,
    until: Timestamp,
    pub(super) waiting: u64,
    /// The row of this device's own list that comes next, until all were read.
    own_next: Option<u64>,
    /// What that list says of these packs.
    own: BTreeMap<PackId, Vec<Report>>,
    packs: std::vec::IntoIter<PackId>,
    pack: Option<(PackId, Read, std::vec::IntoIter<EntryHash>)>,
    known: BTreeMap<PackId, Read>,
}

/// What is known of reads in one pack.
#[derive(Default)]
struct Read {
    notes: BTreeMap<ItemId, Timestamp>,
    /// When an export last held notes of a sensitivity and did not name all of them: each could be one.
    unnamed: BTreeMap<Sensitivity, Timestamp>,
}

impl Read {
    /// Of those notes alone that are here: what a report says beside takes no room.
    fn take<T>(&mut self, here: &BTreeMap<ItemId, T>, report: &Report, of: Option<Sensitivity>) {
        let at = report.until();
        if let (Reported::Export(export), Some(of)) = (&report.what, of)
            && export.held as usize > export.notes.len()
        {
            let last = self.unnamed.entry(of).or_insert(at);
            *last = at.max(*last);
        }
        let mut read = |item: ItemId| {
            let last = self.notes.entry(item).or_insert(at);
            *last = at.max(*last);
        };
        match &report.what {
            Reported::Read { item, .. } if here.contains_key(item) => read(*item),
            Reported::Export(export) => {
                for start in &export.notes {
                    let items = here.range(beginning(start)).map(|(item, _)| *item);
                    items.for_each(&mut read);
                }
            }
            _ => {}
        }
    }
}

/// All ids that begin like this.
fn beginning(start: &NoteStart) -> std::ops::RangeInclusive<ItemId> {
    let filled = |with: u8| {
        let mut id = [with; 32];
        id[..start.as_bytes().len()].copy_from_slice(start.as_bytes());
        ItemId::from_bytes(id)
    };
    filled(0)..=filled(u8::MAX)
}

impl Reading {
    pub(super) fn new(node: &Node, now: Timestamp, packs: Vec<PackId>, key: [u8; 16]) -> Reading {
        let kept = Timestamp::from_millis(now.as_millis().saturating_sub(node.audit_keep_millis()));
        let until = now.as_millis().saturating_add(AHEAD_MILLIS_MAX);
        Reading {
            key,
            since: kept,
            until: Timestamp::from_millis(until),
            waiting: 0,
            own_next: Some(0),
            own: packs.iter().map(|pack| (*pack, vec![])).collect(),
            packs: packs.into_iter(),
            pack: None,
            known: BTreeMap::new(),
        }
    }

    /// Opens the entries of one slice. Returns whether none is left.
    pub(super) fn go_on(&mut self, node: &Node) -> Result<bool, NodeError> {
        let (since, until) = (self.since, self.until);
        let counts = |report: &Report| (since..=until).contains(&report.until());
        if let Some(from) = self.own_next {
            let own = &mut self.own;
            self.own_next =
                node.own_reports_on_packs(from, SLICE_ENTRIES as u64, |pack, report| {
                    if let Some(of_pack) = own.get_mut(&pack)
                        && counts(&report)
                    {
                        of_pack.push(report);
                    }
                })?;
            return Ok(false);
        }
        for _ in 0..SLICE_ENTRIES {
            let Some((pack, mut read, mut entries)) = self.pack.take() else {
                let Some(pack) = self.packs.next() else {
                    return Ok(true);
                };
                // One that cannot be read is counted when its notes are looked at.
                if let Some(replica) = node.packs.get(&pack) {
                    let entries: Vec<EntryHash> = replica.reports.to_vec();
                    self.pack = Some((pack, Read::default(), entries.into_iter()));
                }
                return Ok(false); // it may have been asleep
            };
            let replica = node.packs.need(pack)?;
            let mut take = |report: &Report, level: Option<Sensitivity>| {
                if counts(report) {
                    read.take(&replica.notes, report, level);
                }
            };
            match entries.next() {
                Some(entry) => {
                    node.reports_of(replica, entry, &mut self.waiting, take)?;
                    self.pack = Some((pack, read, entries));
                }
                None => {
                    node.reports_that_wait(pack, &mut take);
                    let own = self.own.remove(&pack).unwrap_or_default();
                    own.iter().for_each(|report| take(report, None));
                    self.known.insert(pack, read);
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
    /// may have held each note that was there, of its sensitivity; what is not here takes
    /// no room.
    #[test]
    fn a_report_is_a_read_of_what_it_names_or_may_have_held() {
        let [a, b, strange] = [1, 2, 3].map(|n| ItemId::from_bytes([n; 32]));
        let pack = PackId::from_bytes([9; 32]);
        let here: BTreeMap<ItemId, ()> = [(a, ()), (b, ())].into();
        let mut known = Read::default();
        let level = Some(Sensitivity::Internal);
        let part = ReadPart::Now;
        let read = |at, item| Report::once(moment(at), Via::Command, Reported::Read { item, part });
        known.take(&here, &read(20, a), level);
        known.take(&here, &read(15, a), level);
        known.take(&here, &export(30, 1, &[b]), level);
        known.take(&here, &read(40, strange), level);
        assert_eq!(known.notes, [(a, moment(20)), (b, moment(30))].into());
        assert!(known.unnamed.is_empty());
        known.take(&here, &export(50, 3_000, &[]), level);
        let reading = Reading {
            key: [0; 16],
            since: moment(10),
            until: moment(60),
            waiting: 0,
            own_next: None,
            own: BTreeMap::new(),
            packs: vec![].into_iter(),
            pack: None,
            known: [(pack, known)].into(),
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
