//! The search index of a device: what of each pack it knows, and how it learns the rest.
//!
//! A pack is **known** when every note of it stands in the index as it is, but for those that are
//! listed as stale; of any other pack the index is not asked. Whoever changes a pack marks it in the
//! same transaction, so that after a crash its notes are compared with the index, note by note, before
//! it is known again. Comparing needs no text: each document says by which state of its entries it was
//! made. So the index may lag, and never answers for what it has not seen.
//! Spec: `docs/spec/search-index.md`; why: `docs/design/0025-search-index.md`.

mod making;
mod rows;

pub(crate) use rows::{is_of_life, keep_life};

use crate::objects::ObjectState;
use crate::replica::Replica;
use crate::{Node, NodeError};
use kitbag_core::id::{EntryHash, ItemId, PackId};
use kitbag_crypto::{HashLabel, Hasher};
use kitbag_index::{Asked, Dead, IndexError, Merge, Merged, Name, SegmentMeta, Segments};
use making::Making;
use std::cell::{Cell, OnceCell};
use std::collections::{BTreeMap, BTreeSet};

/// How often an index is built anew before it is given up until the next start.
const DROPS_MAX: u64 = 3;
/// Stale notes that a search takes more than a moment to look at.
const BEHIND_NOTES: usize = 64;
/// Stale notes of one pack that are listed, at most: with more, the pack is compared anew.
const STALE_MAX: usize = 16 << 10;

/// Whether there is more to do for the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexStep {
    /// Nothing.
    Idle,
    /// Something, in slices about as short as one of a search.
    More,
    /// Segments are to be made into one, elsewhere: [`Node::take_index_merge`].
    Merge,
    /// What was there did not open or did not answer, and was dropped. It is built anew.
    Dropped,
}

/// How the index stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IndexMeters {
    /// Notes in it that count.
    pub notes: u64,
    /// Segments.
    pub segments: u64,
    /// Bytes of their files.
    pub bytes: u64,
    /// Bytes of it in memory beside dictionaries and columns.
    pub cached_bytes: u64,
    /// Notes that are to be taken in, of packs that it knows.
    pub stale: u64,
    /// Packs that it does not know.
    pub unknown_packs: u64,
    /// How often it was found damaged, or failed, since the start.
    pub dropped: u64,
}

/// The index, and what it knows.
#[derive(Default)]
pub(crate) struct Indexing {
    /// What is to be opened when somebody asks first.
    kept: Vec<(SegmentMeta, Dead)>,
    segments: OnceCell<Segments>,
    known: BTreeMap<PackId, Known>,
    making: Option<Making>,
    merging: Merging,
    /// Whether segments changed since it was seen that none is to be made into others.
    may_merge: bool,
    /// Whether it is to be dropped: it failed, or was found damaged.
    is_broken: Cell<bool>,
    /// Whether rows of it may be there.
    has_rows: bool,
    dropped: u64,
    /// Notes that a home has before it gets an index; none unless somebody says so.
    notes_min: Option<u64>,
}

/// Segments that are made into one.
#[derive(Default)]
enum Merging {
    /// None are.
    #[default]
    None,
    /// Somebody is to take them away and do it.
    Begun(IndexMerge),
    /// Somebody does it.
    Away,
    /// It is done, but for taking its place.
    Done(Merged),
}

/// Segments of the search index that are to be made into one, which may take a second: to be run on
/// another thread, and given back with [`Node::index_merged`].
#[derive(Debug)]
pub struct IndexMerge(Merge);

/// What became of them.
#[derive(Debug)]
pub struct IndexMerged(Result<Merged, IndexError>);

impl IndexMerge {
    /// Makes the segments into one, in memory.
    pub fn run(self) -> IndexMerged {
        IndexMerged(self.0.run())
    }
}

/// A pack that the index knows.
pub(crate) struct Known {
    /// Whether this person saw notes of each sensitivity.
    visible: [bool; 4],
    /// Notes that are not in it as they are.
    stale: BTreeSet<ItemId>,
    /// Notes that cannot be taken in, and are looked at each time.
    apart: BTreeSet<ItemId>,
    /// Whether the rows say that it is known.
    is_kept: bool,
}

impl Indexing {
    /// The segments, opened; nothing if they do not open, and then they will be dropped.
    fn segments(&self, node: &Node) -> Option<&Segments> {
        if self.is_broken.get() {
            return None;
        }
        if self.segments.get().is_none() {
            match Segments::open(rows::blocks(node), self.kept.clone()) {
                Ok(mut segments) => {
                    for (pack, known) in &self.known {
                        let Some(number) = node.packs.number(pack) else {
                            continue;
                        };
                        for item in &known.stale {
                            kill(&mut segments, number, item);
                        }
                    }
                    let _ = self.segments.set(segments); // it was empty
                }
                Err(_) => self.is_broken.set(true),
            }
        }
        self.segments.get()
    }

    /// It failed: it is asked no more, and dropped when there is time.
    pub(crate) fn failed(&self, _: &IndexError) {
        self.is_broken.set(true);
    }
}

fn kill(segments: &mut Segments, number: u32, item: &ItemId) {
    if let Some(at) = segments.find(number, Name::of(item)) {
        segments.kill(at.segment, at.doc);
    }
}

/// How a pack is to be searched.
pub(crate) enum Reach {
    /// Every note is looked at.
    Scan,
    /// The index is asked, and these notes are looked at.
    Index {
        number: u32,
        visible: [bool; 4],
        look_at: Vec<ItemId>,
    },
}

impl Node {
    /// The index, if it can be asked.
    pub(crate) fn index(&self) -> Option<&Segments> {
        if self.indexing.known.is_empty() {
            return None;
        }
        self.indexing.segments(self)
    }

    /// How to search a pack. What is out of sight, or may have changed, is not asked of the index.
    pub(crate) fn reach(&self, pack: &PackId) -> Reach {
        let Some(known) = self.indexing.known.get(pack) else {
            return Reach::Scan;
        };
        let number = self.packs.number(pack);
        match number.filter(|_| !self.packs.is_damaged(pack)) {
            None => Reach::Scan,
            Some(number) => Reach::Index {
                number,
                visible: known.visible,
                look_at: known.stale.union(&known.apart).copied().collect(),
            },
        }
    }

    /// The index failed while it was asked.
    pub(crate) fn index_failed(&self, error: &IndexError) {
        self.indexing.failed(error);
    }

    /// The same, of an answer: it may come from an index that was dropped since.
    pub(crate) fn answer_failed(&self, asked: &Asked, error: &IndexError) {
        let segments = self.indexing.segments.get();
        if segments.is_some_and(|segments| segments.answered(asked)) {
            self.indexing.failed(error);
        }
    }

    /// Notes of a pack changed, or may have. To be said whenever records of it were applied.
    pub(crate) fn changed_for_index(&mut self, pack: PackId, items: BTreeSet<ItemId>) {
        let Some(replica) = self.packs.if_awake(&pack) else {
            self.indexing.known.remove(&pack);
            return;
        };
        let visible = replica.sight();
        let number = replica.number;
        let indexing = &mut self.indexing;
        if let Some(making) = &mut indexing.making {
            for item in &items {
                making.forget(pack, item);
            }
        }
        let Some(known) = indexing.known.get_mut(&pack) else {
            return;
        };
        if known.visible != visible || known.stale.len() + items.len() > STALE_MAX {
            indexing.known.remove(&pack);
            return;
        }
        for item in items {
            known.apart.remove(&item);
            if let Some(segments) = indexing.segments.get_mut() {
                kill(segments, number, &item);
            }
            known.stale.insert(item);
        }
    }

    /// How the index stands.
    pub fn index_meters(&self) -> IndexMeters {
        let indexing = &self.indexing;
        let known = indexing.known.values();
        let mut meters = IndexMeters {
            stale: known.map(|of| of.stale.len() as u64).sum(),
            unknown_packs: (self.packs.len() - indexing.known.len().min(self.packs.len())) as u64,
            dropped: indexing.dropped,
            ..IndexMeters::default()
        };
        if let Some(segments) = indexing.segments.get() {
            meters.notes = segments.notes();
            meters.segments = segments.len() as u64;
            meters.bytes = segments.bytes();
            meters.cached_bytes = segments.cached_bytes() as u64;
        } else {
            // As they were kept: what was written since the last start is found dead once they are opened.
            for (meta, dead) in &indexing.kept {
                meters.notes += u64::from(meta.docs).saturating_sub(dead.0.len() as u64);
                meters.segments += 1;
                meters.bytes += meta.files.iter().map(|file| file.bytes).sum::<u64>();
            }
        }
        meters
    }

    /// How many notes a home has before it gets an index, from now on. Until this is said, it gets none.
    pub fn set_indexed_notes_min(&mut self, notes: u64) {
        self.indexing.notes_min = Some(notes);
    }

    /// Lets go of all that was read of the index, as if it were asked for the first time.
    pub fn forget_index_blocks(&self) {
        if let Some(segments) = self.indexing.segments.get() {
            segments.forget_blocks();
        }
    }

    /// Whether there may be something to do for the index. Cheap: it may be asked after each step.
    pub fn index_is_due(&self) -> bool {
        let indexing = &self.indexing;
        if self.index_is_given_up() {
            return false;
        }
        indexing.is_broken.get()
            || indexing.making.is_some()
            || indexing.may_merge
            || matches!(indexing.merging, Merging::Begun(_) | Merging::Done(_))
            || indexing.known.values().any(|of| !of.stale.is_empty())
            || indexing.known.len() < self.packs.len()
    }

    /// Whether so much is to be done for the index that it should not wait for a quiet moment.
    pub fn index_is_behind(&self) -> bool {
        let indexing = &self.indexing;
        let stale: usize = indexing.known.values().map(|of| of.stale.len()).sum();
        indexing.making.is_some() || stale >= BEHIND_NOTES || self.unknown_pack().is_some()
    }

    /// What is to be made into one, if [`IndexStep::Merge`] said so.
    pub fn take_index_merge(&mut self) -> Option<IndexMerge> {
        match std::mem::replace(&mut self.indexing.merging, Merging::Away) {
            Merging::Begun(merge) => Some(merge),
            other => {
                self.indexing.merging = other;
                None
            }
        }
    }

    /// Gives back what was made of [`Node::take_index_merge`]. It takes its place in a later step, once
    /// no search reads what it is made of.
    pub fn index_merged(&mut self, merged: IndexMerged) {
        let indexing = &mut self.indexing;
        if !matches!(indexing.merging, Merging::Away) {
            return; // of an index that was dropped since
        }
        indexing.merging = match merged.0 {
            Ok(merged) => Merging::Done(merged),
            // It may be of an index that was dropped since. If this one is damaged, a search will tell.
            Err(_) => {
                indexing.may_merge = false;
                Merging::None
            }
        };
    }

    /// Whether it failed again and again.
    pub(crate) fn index_is_given_up(&self) -> bool {
        self.indexing.dropped >= DROPS_MAX
    }

    /// Compares a pack with the index: what differs is stale. It is known from then on.
    fn compare(&mut self, pack: PackId) -> Result<(), NodeError> {
        let replica = self.packs.need(pack)?;
        let (number, visible) = (replica.number, replica.sight());
        let mut stale: BTreeSet<ItemId> = BTreeSet::new();
        let mut gone = Vec::new();
        let Some(segments) = self.indexing.segments(self) else {
            return Ok(());
        };
        let mut standing: BTreeMap<Name, _> = BTreeMap::new();
        for at in segments.of_pack(number) {
            if let Some(twice) = standing.insert(at.name, at) {
                gone.push((twice.segment, twice.doc));
            }
        }
        for (item, tag) in &replica.notes {
            let sensitivity = replica.objects.get(tag).map(|object| object.sensitivity);
            let sees = sensitivity.is_some_and(|of| visible[of as usize]);
            let at = standing.get(&Name::of(item));
            let same = at.is_some_and(|at| {
                Some(at.sensitivity) == sensitivity && at.print == print(replica, item)
            });
            if same && sees {
                standing.remove(&Name::of(item));
            } else if sees {
                stale.insert(*item);
            }
        }
        gone.extend(standing.values().map(|at| (at.segment, at.doc)));
        if let Some(segments) = self.indexing.segments.get_mut() {
            for (segment, doc) in gone {
                segments.kill(segment, doc);
            }
        }
        let known = Known {
            visible,
            stale,
            apart: BTreeSet::new(),
            is_kept: false,
        };
        self.indexing.known.insert(pack, known);
        Ok(())
    }
}

/// What the state of a note is known by: its entries, and what policy and keys say of each. While that
/// is the same, so is what is read of it.
fn print(replica: &Replica, item: &ItemId) -> u64 {
    let mut hasher = Hasher::new(HashLabel::Item);
    hasher.part(b"index");
    let own = replica.notes.get(item);
    let tags: BTreeSet<_> = replica.placements.tags(item).chain(own).collect();
    for tag in tags {
        let Some(object) = replica.objects.get(tag) else {
            continue;
        };
        hasher.part(tag.as_bytes());
        hasher.part(&[object.sensitivity as u8, u8::from(own == Some(tag))]);
        let mut entries: Vec<(&EntryHash, [u8; 3])> = object
            .entries
            .iter()
            .enumerate()
            .map(|(at, entry)| {
                use crate::authority::Authority;
                let judged = object.judged.get(at);
                let authority = match judged.map(|judged| &judged.0) {
                    Some(Authority::Valid) => 0,
                    Some(Authority::SetAside(_)) => 1,
                    Some(Authority::Parked) => 2,
                    None => 3,
                };
                let has_key = judged.is_some_and(|judged| judged.1);
                let out = replica.quarantined.contains_key(entry)
                    || object.refused.reason(entry).is_some();
                (entry, [authority, u8::from(has_key), u8::from(out)])
            })
            .collect();
        entries.sort_unstable();
        for (entry, said) in entries {
            hasher.part(entry.as_bytes());
            hasher.part(&said);
        }
        if let ObjectState::Note(meta) = &object.state {
            hasher.part(&meta.fingerprint);
            hasher.part(meta.status.as_bytes());
            hasher.part(meta.title.as_bytes());
            hasher.part(&meta.edits.to_be_bytes());
            hasher.part(&meta.waiting.to_be_bytes());
        }
    }
    let hash = hasher.finish();
    let mut print = [0; 8];
    print.copy_from_slice(&hash.as_bytes()[..8]);
    u64::from_be_bytes(print)
}
