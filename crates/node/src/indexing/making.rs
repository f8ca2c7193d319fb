//! Taking notes into the index, a slice at a time.

use super::{IndexMerge, IndexStep, Merging, print};
use crate::finding::{ReadNote, Spent, facts, searched};
use crate::{Node, NodeError};
use kitbag_core::id::{ItemId, PackId};
use kitbag_core::policy::Sensitivity;
use kitbag_index::{Builder, Dead, Doc, IndexError, Merged, SegmentMeta, Settled};
use kitbag_store::StoreError;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Notes that are made into segments together, at most: it is one step.
const MADE_NOTES: usize = 1024;
/// Bytes of their texts after which they are made.
const MADE_BYTES: usize = 2 << 20;

/// Notes that are being taken in.
#[derive(Default)]
pub(crate) struct Making {
    builders: BTreeMap<Sensitivity, Builder>,
    /// Stale notes still to be read, in the order in which they are read fastest.
    queue: VecDeque<(PackId, ItemId)>,
    /// What each document is, by sensitivity, in order.
    docs: BTreeMap<Sensitivity, Vec<(PackId, ItemId)>>,
    /// Those that did not change since they were read, and which document each is: a note that was
    /// read twice is the later one.
    fresh: BTreeMap<(PackId, ItemId), (Sensitivity, usize)>,
    /// Those that were read and are out of sight.
    hidden: BTreeSet<(PackId, ItemId)>,
}

impl Making {
    /// A note changed: what was read of it counts no more.
    pub(super) fn forget(&mut self, pack: PackId, item: &ItemId) {
        self.fresh.remove(&(pack, *item));
        self.hidden.remove(&(pack, *item));
    }

    fn is_full(&self) -> bool {
        let bytes: usize = self.builders.values().map(Builder::bytes).sum();
        self.docs.values().map(Vec::len).sum::<usize>() >= MADE_NOTES || bytes >= MADE_BYTES
    }

    fn add(&mut self, note: &ReadNote, pack: u32, print: u64) -> Result<(), IndexError> {
        let builder = match self.builders.entry(note.sensitivity) {
            std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::btree_map::Entry::Vacant(none) => none.insert(Builder::new()?),
        };
        let record = &note.built.record;
        let redacted = note.view.is_redacted();
        builder.add(Doc {
            pack,
            item: &note.built.item,
            print,
            text: searched(note),
            facts: facts(note),
            note_type: note.built.note_type(&note.view),
            source_kind: record.source.kind,
            status: note.view.status,
            consent: note.view.consent.as_ref().map(|consent| consent.status),
            author: record.source.author.as_deref().filter(|_| !redacted),
        })?;
        let key = (note.pack, note.built.item);
        let docs = self.docs.entry(note.sensitivity).or_default();
        self.fresh.insert(key, (note.sensitivity, docs.len()));
        docs.push(key);
        Ok(())
    }
}

impl Node {
    /// Does the next piece of work for the index: takes in notes that it does not know as they are,
    /// makes segments into one, or drops what is damaged. To be called while nobody waits.
    ///
    /// # Errors
    /// [`NodeError::Store`].
    pub fn index_step(&mut self) -> Result<IndexStep, NodeError> {
        let step = self.next_index_step()?;
        self.rest()?;
        Ok(step)
    }

    fn next_index_step(&mut self) -> Result<IndexStep, NodeError> {
        if self.index_is_given_up() {
            return Ok(IndexStep::Idle);
        }
        if self.indexing.is_broken.get() {
            self.drop_index()?;
            return Ok(IndexStep::Dropped);
        }
        if !self.indexing.has_rows && !self.deserves_index() {
            return Ok(IndexStep::Idle);
        }
        if self.indexing.segments(self).is_none() {
            return Ok(IndexStep::More); // and drops it
        }
        if let Some(pack) = self.unknown_pack() {
            match self.compare(pack) {
                Err(NodeError::Damaged(_) | NodeError::Store(StoreError::Damaged { .. })) => {}
                other => other?,
            }
            return Ok(IndexStep::More);
        }
        let made = match self.read_stale() {
            Ok(made) => made,
            Err(Failed::Index(error)) => {
                self.index_failed(&error);
                return Ok(IndexStep::More);
            }
            Err(Failed::Node(error)) => return Err(error),
        };
        if made {
            return Ok(IndexStep::More);
        }
        match self.merge_on() {
            Ok(step) => Ok(step),
            Err(Failed::Index(error)) => {
                self.index_failed(&error);
                Ok(IndexStep::More)
            }
            Err(Failed::Node(error)) => Err(error),
        }
    }

    fn deserves_index(&self) -> bool {
        let Some(least) = self.indexing.notes_min else {
            return false;
        };
        let mut notes = 0;
        self.packs.summaries().any(|summary| {
            notes += summary.notes;
            notes >= least
        })
    }

    pub(super) fn unknown_pack(&self) -> Option<PackId> {
        let ids = self.packs.ids().into_iter();
        let mut unknown = ids.filter(|pack| !self.indexing.known.contains_key(pack));
        unknown.find(|pack| !self.packs.is_damaged(pack))
    }

    /// Reads the next stale notes, or keeps what was read. Returns whether there was anything to do.
    fn read_stale(&mut self) -> Result<bool, Failed> {
        let mut making = self.indexing.making.take().unwrap_or_default();
        if making.queue.is_empty() && !making.is_full() {
            self.fill(&mut making)?;
        }
        if making.queue.is_empty() || making.is_full() {
            return self.finish(making);
        }
        let mut spent = Spent::default();
        while !spent.is_over()
            && !making.is_full()
            && let Some((pack, item)) = making.queue.pop_front()
        {
            spent.add_one();
            let is_stale = self.indexing.known.get(&pack);
            if !is_stale.is_some_and(|known| known.stale.contains(&item)) {
                continue;
            }
            match self.note_to_read(pack, item) {
                Ok(Some(note)) => {
                    spent.add(&note);
                    let replica = self.packs.need(pack)?;
                    making.add(&note, replica.number, print(replica, &item))?;
                }
                Ok(None) => {
                    making.hidden.insert((pack, item));
                }
                Err(NodeError::Damaged(_) | NodeError::Store(StoreError::Damaged { .. })) => {
                    if let Some(known) = self.indexing.known.get_mut(&pack) {
                        known.stale.remove(&item);
                        known.apart.insert(item);
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        self.indexing.making = Some(making);
        Ok(true)
    }

    /// Queues the stale notes of a pack that are not read yet.
    fn fill(&self, making: &mut Making) -> Result<(), NodeError> {
        for (pack, known) in &self.indexing.known {
            let is_read = |item: &&ItemId| {
                let key = (*pack, **item);
                making.fresh.contains_key(&key) || making.hidden.contains(&key)
            };
            let unread = known.stale.iter().filter(|item| !is_read(item));
            let mut unread: Vec<ItemId> = unread.copied().collect();
            if unread.is_empty() {
                continue;
            }
            match self.packs.need(*pack) {
                Ok(replica) => unread.sort_by_cached_key(|item| {
                    let tag = replica.notes.get(item);
                    tag.and_then(|tag| replica.stored_at(tag))
                }),
                Err(NodeError::Damaged(_) | NodeError::Store(StoreError::Damaged { .. })) => {
                    continue; // a search tells of it
                }
                Err(error) => return Err(error),
            }
            making.queue = unread.into_iter().map(|item| (*pack, item)).collect();
            return Ok(());
        }
        Ok(())
    }

    /// Makes segments of what was read, and says in the same transaction that the packs are known.
    fn finish(&mut self, mut making: Making) -> Result<bool, Failed> {
        let queue = std::mem::take(&mut making.queue);
        let mut built = Vec::new();
        let mut docs = making.docs;
        for (sensitivity, builder) in making.builders {
            let docs = docs.remove(&sensitivity).unwrap_or_default();
            let dead = (0..).zip(&docs);
            let is_it = |(doc, key): &(u32, &(PackId, ItemId))| {
                making.fresh.get(*key) == Some(&(sensitivity, *doc as usize))
            };
            let dead = dead.filter(|of| !is_it(of));
            let dead = Dead(dead.map(|(doc, _)| doc).collect());
            built.push((sensitivity, builder.finish()?, dead));
        }
        let is_done = |item: &ItemId, pack: PackId| {
            making.fresh.contains_key(&(pack, *item)) || making.hidden.contains(&(pack, *item))
        };
        let known = self.indexing.known.iter();
        let done: Vec<PackId> = known
            .filter(|(pack, known)| {
                let caught_up = known.stale.iter().all(|item| is_done(item, **pack));
                let is_marked = self.packs.is_marked_for_index(pack);
                caught_up && known.apart.is_empty() && (is_marked || !known.is_kept)
            })
            .map(|(pack, _)| *pack)
            .collect();
        if built.is_empty() && done.is_empty() && making.hidden.is_empty() {
            return Ok(false);
        }
        let Some(segments) = self.indexing.segments.get_mut() else {
            return Ok(false);
        };
        let mut batch = self.store.batch(&mut *self.rng)?;
        let mut added: Vec<(SegmentMeta, Dead)> = Vec::new();
        for (sensitivity, built, dead) in built {
            let mut failed = None;
            let meta = segments.place(sensitivity, &built, |file, block, bytes| {
                if failed.is_none() {
                    failed = batch.put_index_block(file, block, bytes).err();
                }
                Ok(())
            })?;
            if let Some(error) = failed {
                return Err(NodeError::from(error).into());
            }
            added.push((meta, dead));
        }
        let Some(segments) = self.indexing.segments.get() else {
            return Ok(false);
        };
        let number = |pack: &PackId| self.packs.number(pack);
        let unmarked =
            self.indexing
                .keep_rows(&mut batch, segments, (&added, &[]), (&done, number))?;
        batch.commit()?;
        self.packs.set_marked_for_index(&unmarked, false);
        self.indexing.has_rows = true;
        self.indexing.may_merge = true;
        for pack in &unmarked {
            if let Some(known) = self.indexing.known.get_mut(pack) {
                known.is_kept = true;
            }
        }
        for (pack, item) in making.fresh.keys().chain(&making.hidden) {
            if let Some(known) = self.indexing.known.get_mut(pack) {
                known.stale.remove(item);
            }
        }
        if let Some(segments) = self.indexing.segments.get_mut() {
            for (meta, dead) in added {
                segments.put(meta, &dead)?;
            }
        }
        if !queue.is_empty() {
            self.indexing.making = Some(Making {
                queue,
                ..Making::default()
            });
        }
        Ok(true)
    }

    /// Goes on making segments of about one size into one.
    fn merge_on(&mut self) -> Result<IndexStep, Failed> {
        let Some(segments) = self.indexing.segments.get() else {
            return Ok(IndexStep::Idle);
        };
        match &self.indexing.merging {
            Merging::None => {}
            Merging::Begun(_) => return Ok(IndexStep::Merge),
            Merging::Away => return Ok(IndexStep::Idle),
            Merging::Done(merged) => match segments.settle(merged) {
                Settled::Waits => return Ok(IndexStep::Idle),
                Settled::Void => {
                    self.indexing.merging = Merging::None;
                    return Ok(IndexStep::More);
                }
                Settled::Ready(dead) => {
                    if let Merging::Done(merged) = std::mem::take(&mut self.indexing.merging) {
                        self.put_merged(&merged, dead)?;
                    }
                    return Ok(IndexStep::More);
                }
            },
        }
        if let Some(due) = segments.due().filter(|_| self.indexing.may_merge) {
            let merge = IndexMerge(segments.begin_merge(&due)?);
            self.indexing.merging = Merging::Begun(merge);
            return Ok(IndexStep::Merge);
        }
        self.indexing.may_merge = false;
        Ok(IndexStep::Idle)
    }

    /// Puts what was made of several segments in their place.
    fn put_merged(&mut self, merged: &Merged, dead: Dead) -> Result<(), Failed> {
        let Some(segments) = self.indexing.segments.get_mut() else {
            return Ok(());
        };
        let of = merged.of();
        let mut batch = self.store.batch(&mut *self.rng)?;
        let mut added = Vec::new();
        if let Some(built) = merged.built() {
            let mut failed = None;
            let meta = segments.place(merged.sensitivity(), built, |file, block, bytes| {
                if failed.is_none() {
                    failed = batch.put_index_block(file, block, bytes).err();
                }
                Ok(())
            })?;
            if let Some(error) = failed {
                return Err(NodeError::from(error).into());
            }
            added.push((meta, dead));
        }
        let files: Vec<u32> = segments
            .metas()
            .filter(|(meta, _)| of.contains(&meta.number))
            .flat_map(|(meta, _)| meta.files.iter().map(|file| file.number))
            .collect();
        for file in files {
            batch.remove_index_file(file)?;
        }
        let Some(segments) = self.indexing.segments.get() else {
            return Ok(());
        };
        let number = |pack: &PackId| self.packs.number(pack);
        let (parts, none) = ((added.as_slice(), of.as_slice()), (&[][..], number));
        self.indexing.keep_rows(&mut batch, segments, parts, none)?;
        batch.commit()?;
        if let Some(segments) = self.indexing.segments.get_mut() {
            for (meta, dead) in added {
                segments.put(meta, &dead)?;
            }
            segments.remove(&of);
        }
        Ok(())
    }
}

/// What failed: the index, which is then built anew, or the device.
enum Failed {
    Index(IndexError),
    Node(NodeError),
}

impl From<IndexError> for Failed {
    fn from(error: IndexError) -> Failed {
        Failed::Index(error)
    }
}

impl From<NodeError> for Failed {
    fn from(error: NodeError) -> Failed {
        Failed::Node(error)
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Failed {
        Failed::Node(error.into())
    }
}
