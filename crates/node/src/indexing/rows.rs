//! What is kept of the index beside its blocks, and how it is read at a start.

use super::{Indexing, Known};
use crate::{Node, NodeError, SETTING_BYTES_MAX, read_hint};
use kitbag_core::codec;
use kitbag_core::id::{Incarnation, PackId};
use kitbag_core::policy::Sensitivity;
use kitbag_index::{Blocks, Dead, INDEX_VERSION, SegmentMeta};
use kitbag_store::{Batch, Reader, Store, StoreError};
use minicbor::{Decode, Encode};
use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Weak};

/// Bytes of one row about the index, at most.
const ROW_BYTES_MAX: usize = 16 << 20;
/// The row that says which segments there are.
const MANIFEST: u32 = 0;
/// The setting that holds the token of the start that the index was written in.
const INDEX_LIFE: &str = "index-life";

/// Which segments there are, and which packs they know.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
struct Manifest {
    #[n(0)]
    version: u16,
    #[n(1)]
    segments: Vec<SegmentMeta>,
    #[n(2)]
    packs: Vec<KnownRow>,
}

/// A pack that the index knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
struct KnownRow {
    /// Its number.
    #[n(0)]
    pack: u32,
    /// One bit for each sensitivity of which this person saw notes.
    #[n(1)]
    visible: u8,
}

/// Whether the index was written by a program that marks what it changes, in the start before.
pub(crate) fn is_of_life(store: &Store, before: Option<Incarnation>) -> Result<bool, NodeError> {
    let life = read_hint(store, INDEX_LIFE)?;
    let life = life.and_then(|bytes| codec::decode(&bytes, SETTING_BYTES_MAX).ok());
    Ok(before.is_some() && life == before)
}

/// Notes that from now on every change is marked.
pub(crate) fn keep_life(batch: &mut Batch<'_>, token: Incarnation) -> Result<(), StoreError> {
    batch.put_setting(INDEX_LIFE, &codec::encode(&token))
}

/// Where the blocks of the index come from.
pub(super) fn blocks(node: &Node) -> Box<dyn Blocks> {
    Box::new(Rows(Arc::downgrade(&node.store.reader())))
}

/// They do not keep the database open: a search or a merge may outlive the node that it was begun with.
struct Rows(Weak<Reader>);

impl Blocks for Rows {
    fn block(&self, file: u32, block: u32) -> io::Result<Vec<u8>> {
        let reader = self.0.upgrade().ok_or(io::ErrorKind::NotConnected)?;
        match reader.index_block(file, block) {
            Ok(Some(bytes)) => Ok(bytes.to_vec()),
            Ok(None) => Err(io::ErrorKind::NotFound.into()),
            Err(error) => Err(io::Error::other(error.to_string())),
        }
    }
}

impl Node {
    /// Finds out, at a start, what there is of an index. Packs are known if nothing was written to them
    /// since; if it is not known who wrote last, none is.
    pub(crate) fn find_index(&mut self, is_known: bool) -> Result<(), NodeError> {
        let marks = self.store.index_marks()?;
        let manifest = match self.store.index_row(MANIFEST) {
            Err(StoreError::Damaged { .. }) => Err(()),
            other => Ok(other?),
        };
        let manifest = match manifest {
            Ok(None) => {
                let marked = marks.into_iter().flatten();
                let marked: Vec<PackId> = marked
                    .filter_map(|number| self.packs.with_number(number))
                    .collect();
                self.packs.set_marked_for_index(&marked, true);
                return Ok(());
            }
            Ok(Some(bytes)) => codec::decode::<Manifest>(&bytes, ROW_BYTES_MAX).ok(),
            Err(()) => None,
        };
        let manifest = manifest.filter(|of| of.version == INDEX_VERSION);
        self.indexing.has_rows = true;
        let (Some(manifest), Some(marks)) = (manifest, marks) else {
            self.indexing.is_broken.set(true);
            return Ok(());
        };
        for segment in manifest.segments {
            let dead = match self.store.index_row(segment.number + 1) {
                Err(StoreError::Damaged { .. }) => None,
                other => match other? {
                    None => Some(Dead::default()),
                    Some(bytes) => codec::decode(&bytes, ROW_BYTES_MAX).ok(),
                },
            };
            let Some(dead) = dead else {
                self.indexing.is_broken.set(true);
                return Ok(());
            };
            self.indexing.kept.push((segment, dead));
        }
        let marks: BTreeSet<u32> = marks.into_iter().collect();
        let marked: Vec<PackId> = marks
            .iter()
            .filter_map(|number| self.packs.with_number(*number))
            .collect();
        self.packs.set_marked_for_index(&marked, true);
        for row in manifest.packs.iter().filter(|_| is_known) {
            let Some(pack) = self.packs.with_number(row.pack) else {
                continue;
            };
            if !marks.contains(&row.pack) {
                let known = Known {
                    visible: Sensitivity::ALL.map(|of| row.visible >> of as u8 & 1 == 1),
                    stale: BTreeSet::new(),
                    apart: BTreeSet::new(),
                    is_kept: true,
                };
                self.indexing.known.insert(pack, known);
            }
        }
        Ok(())
    }

    /// Drops the index, so that it is built anew.
    pub(super) fn drop_index(&mut self) -> Result<(), NodeError> {
        let mut batch = self.store.batch(&mut *self.rng)?;
        batch.drop_index()?;
        batch.commit()?;
        let packs = self.packs.ids();
        self.packs.set_marked_for_index(&packs, false);
        self.indexing = Indexing {
            dropped: self.indexing.dropped + 1,
            notes_min: self.indexing.notes_min,
            ..Indexing::default()
        };
        Ok(())
    }
}

impl Indexing {
    /// Says which segments there are now, which of their documents count no more, and which packs are
    /// known; `added` are not in their place yet. Gives back packs that need no mark any more, which
    /// are unmarked here.
    pub(super) fn keep_rows(
        &self,
        batch: &mut Batch<'_>,
        segments: &kitbag_index::Segments,
        (added, removed): (&[(SegmentMeta, Dead)], &[u32]),
        (done, number): (&[PackId], impl Fn(&PackId) -> Option<u32>),
    ) -> Result<Vec<PackId>, StoreError> {
        let mut metas = Vec::new();
        for (meta, dead) in segments.metas() {
            if removed.contains(&meta.number) {
                batch.remove_index_row(meta.number + 1)?;
                continue;
            }
            keep_dead(batch, meta.number, &dead)?;
            metas.push(meta.clone());
        }
        for (meta, dead) in added {
            keep_dead(batch, meta.number, dead)?;
            metas.push(meta.clone());
        }
        let mut packs = Vec::new();
        let mut unmarked = Vec::new();
        for (pack, known) in &self.known {
            let Some(number) = number(pack) else { continue };
            if !known.is_kept && !done.contains(pack) {
                continue; // it would be known at the next start with nothing stale
            }
            let visible = known.visible.iter().rev();
            let visible = visible.fold(0, |bits, sees| bits << 1 | u8::from(*sees));
            packs.push(KnownRow {
                pack: number,
                visible,
            });
            if done.contains(pack) {
                batch.unmark_for_index(number)?;
                unmarked.push(*pack);
            }
        }
        let manifest = Manifest {
            version: INDEX_VERSION,
            segments: metas,
            packs,
        };
        batch.put_index_row(MANIFEST, &codec::encode(&manifest))?;
        Ok(unmarked)
    }
}

fn keep_dead(batch: &mut Batch<'_>, segment: u32, dead: &Dead) -> Result<(), StoreError> {
    match dead.0.is_empty() {
        true => batch.remove_index_row(segment + 1),
        false => batch.put_index_row(segment + 1, &codec::encode(dead)),
    }
}
