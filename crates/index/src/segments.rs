//! All segments of a device: which there are, where a note stands, and which are made into one.

use crate::ask::Asked;
use crate::bits::Bits;
use crate::blocks::{BLOCK_BYTES, Blocks, CACHE_BYTES_MAX, Cached};
use crate::build::{Built, settings};
use crate::files::Files;
use crate::segment::{Dead, FileMeta, Opened, Segment, SegmentMeta};
use crate::{IndexError, Name, contained};
use kitbag_core::policy::Sensitivity;
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use tantivy::directory::OwnedBytes;
use tantivy::fastfield::{AliveBitSet, write_alive_bitset};
use tantivy::indexer::merge_filtered_segments;
use tantivy::{BitSet, Segment as TantivySegment};

/// Segments of about one size that are made into one.
const MERGED_AT_ONCE: usize = 8;
/// Notes of a segment that is made of others, at most, so that it does not take much memory, and its
/// blocks are written in one transaction.
const MERGED_DOCS_MAX: u32 = 64 << 10;
/// Bytes of the segments that it is made of, at most, for the same reason.
const MERGED_BYTES_MAX: u64 = 64 << 20;
/// Segments with fewer notes than this are of about one size.
const SMALL_DOCS: u32 = 64;

/// All segments, opened.
pub struct Segments {
    pub(crate) segments: BTreeMap<u32, Segment>,
    pub(crate) blocks: Arc<Cached>,
    next_segment: u32,
    next_file: u32,
}

impl std::fmt::Debug for Segments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Segments")
            .field("segments", &self.segments.len())
            .finish_non_exhaustive()
    }
}

/// Where a note stands in the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its name.
    pub name: Name,
    /// The segment.
    pub segment: u32,
    /// The document in it.
    pub doc: u32,
    /// What its owner knew that state of it by.
    pub print: u64,
    /// Its sensitivity there.
    pub sensitivity: Sensitivity,
}

/// Segments of one sensitivity that are to be made into one. It needs nobody else, so that it can be
/// done on another thread while the index is asked and goes on changing.
pub struct Merge {
    of: Vec<Part>,
    sensitivity: Sensitivity,
}

/// A segment, and which of its documents counted when the merge began.
struct Part {
    number: u32,
    opened: Arc<Opened>,
    alive: Bits,
}

/// Several segments made into one, not yet in their place.
pub struct Merged {
    of: Vec<(u32, Weak<Opened>, Bits)>,
    sensitivity: Sensitivity,
    built: Option<Built>,
}

/// Whether segments that were made into one can take their places now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// They can. These of its documents count no more since the merge began.
    Ready(Dead),
    /// Somebody still reads those that it is made of.
    Waits,
    /// They are not there any more.
    Void,
}

impl Segments {
    /// Opens segments. Their blocks come from `source`.
    ///
    /// # Errors
    /// [`IndexError`] if one does not open.
    pub fn open(
        source: Box<dyn Blocks>,
        metas: Vec<(SegmentMeta, Dead)>,
    ) -> Result<Segments, IndexError> {
        Segments::with_cache(source, metas, CACHE_BYTES_MAX)
    }

    pub(crate) fn with_cache(
        source: Box<dyn Blocks>,
        metas: Vec<(SegmentMeta, Dead)>,
        bytes_max: usize,
    ) -> Result<Segments, IndexError> {
        let blocks = Arc::new(Cached::new(source, bytes_max));
        let mut segments = BTreeMap::new();
        let (mut next_segment, mut next_file) = (0, 0);
        for (meta, dead) in metas {
            next_segment = next_segment.max(meta.number + 1);
            let files = meta.files.iter().map(|file| file.number + 1);
            next_file = files.fold(next_file, u32::max);
            let segment = Segment::open(meta, &dead, &blocks)?;
            segments.insert(segment.meta.number, segment);
        }
        Ok(Segments {
            segments,
            blocks,
            next_segment,
            next_file,
        })
    }

    /// Whether an answer comes from these segments, and not from some that were dropped since.
    pub fn answered(&self, asked: &Asked) -> bool {
        Arc::ptr_eq(&self.blocks, asked.blocks())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.segments.len()
    }

    /// Notes that count.
    pub fn notes(&self) -> u64 {
        let alive = self.segments.values();
        alive
            .map(|segment| u64::from(segment.alive().count()))
            .sum()
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        let files = self.segments.values().flat_map(|of| &of.meta.files);
        files.map(|file| file.bytes).sum()
    }

    /// Bytes of opened blocks in memory.
    pub fn cached_bytes(&self) -> usize {
        self.blocks.bytes()
    }

    /// Lets go of all opened blocks, as if nothing had been read yet.
    pub fn forget_blocks(&self) {
        self.blocks.clear();
    }

    /// What is to be kept of each, and which of its documents count no more.
    pub fn metas(&self) -> impl Iterator<Item = (&SegmentMeta, Dead)> {
        self.segments.values().map(|of| (&of.meta, of.dead()))
    }

    /// Where a note stands.
    pub fn find(&self, pack: u32, name: Name) -> Option<Standing> {
        let found = |segment: &Segment| {
            let doc = segment.find(pack, name)?;
            Some(standing(segment, doc))
        };
        self.segments.values().find_map(found)
    }

    /// Where the notes of a pack stand.
    pub fn of_pack(&self, pack: u32) -> impl Iterator<Item = Standing> + '_ {
        self.segments.values().flat_map(move |segment| {
            let docs = segment.of_pack(pack);
            docs.map(move |doc| standing(segment, doc))
        })
    }

    /// From now on a document does not count.
    pub fn kill(&mut self, segment: u32, doc: u32) {
        if let Some(segment) = self.segments.get_mut(&segment) {
            segment.kill(doc);
        }
    }

    /// Gives a built segment its numbers, and its blocks to be kept: file, block, bytes. It is in its
    /// place with [`Segments::put`], once they are.
    pub fn place(
        &mut self,
        sensitivity: Sensitivity,
        built: &Built,
        mut keep: impl FnMut(u32, u32, &[u8]) -> Result<(), IndexError>,
    ) -> Result<SegmentMeta, IndexError> {
        let mut files = Vec::new();
        for (name, bytes) in &built.files {
            let number = self.next_file;
            self.next_file += 1;
            for (at, block) in (0..).zip(bytes.as_slice().chunks(BLOCK_BYTES)) {
                keep(number, at, block)?;
            }
            files.push(FileMeta {
                name: name.clone(),
                number,
                bytes: bytes.len() as u64,
            });
        }
        let number = self.next_segment;
        self.next_segment += 1;
        Ok(SegmentMeta {
            number,
            sensitivity,
            docs: built.docs,
            files,
        })
    }

    /// Puts a segment in its place, whose blocks are kept.
    ///
    /// # Errors
    /// [`IndexError`] if it does not open.
    pub fn put(&mut self, meta: SegmentMeta, dead: &Dead) -> Result<(), IndexError> {
        let segment = Segment::open(meta, dead, &self.blocks)?;
        self.segments.insert(segment.meta.number, segment);
        Ok(())
    }

    /// Takes segments away. Gives back their files, whose blocks are needed no more.
    pub fn remove(&mut self, numbers: &[u32]) -> Vec<u32> {
        let gone = numbers.iter().filter_map(|of| self.segments.remove(of));
        let files: Vec<u32> = gone
            .flat_map(|segment| segment.meta.files)
            .map(|file| file.number)
            .collect();
        for file in &files {
            self.blocks.forget(*file);
        }
        files
    }

    /// Segments that should be made into one: so many of about one size, or one of which most does
    /// not count any more.
    pub fn due(&self) -> Option<Vec<u32>> {
        let mut tiers: BTreeMap<(Sensitivity, u32), Vec<u32>> = BTreeMap::new();
        for segment in self.segments.values() {
            let alive = segment.alive().count();
            let number = segment.meta.number;
            if alive * 2 < segment.meta.docs {
                return Some(vec![number]);
            }
            let tier = (alive / SMALL_DOCS).checked_ilog(MERGED_AT_ONCE as u32);
            let tier = tier.map_or(0, |tier| tier + 1);
            let same = tiers.entry((segment.meta.sensitivity, tier)).or_default();
            same.push(number);
            if same.len() == MERGED_AT_ONCE {
                let docs = same.iter().map(|of| self.segments[of].alive().count());
                let files = same.iter().flat_map(|of| &self.segments[of].meta.files);
                let bytes: u64 = files.map(|file| file.bytes).sum();
                if docs.sum::<u32>() <= MERGED_DOCS_MAX && bytes <= MERGED_BYTES_MAX {
                    return Some(std::mem::take(same));
                }
                same.clear();
            }
        }
        None
    }

    /// Begins to make segments of one sensitivity into one, of what still counts in them.
    ///
    /// # Errors
    /// [`IndexError`] if they are of several.
    pub fn begin_merge(&self, numbers: &[u32]) -> Result<Merge, IndexError> {
        let of: Vec<&Segment> = numbers
            .iter()
            .filter_map(|number| self.segments.get(number))
            .collect();
        let sensitivity = of
            .first()
            .map_or(Sensitivity::Restricted, |segment| segment.meta.sensitivity);
        if of
            .iter()
            .any(|segment| segment.meta.sensitivity != sensitivity)
        {
            return Err(IndexError("segments of several sensitivities".into()));
        }
        let part = |segment: &Segment| Part {
            number: segment.meta.number,
            opened: segment.opened.clone(),
            alive: segment.alive().clone(),
        };
        Ok(Merge {
            of: of.into_iter().map(part).collect(),
            sensitivity,
        })
    }

    /// Whether segments that were made into one can take their places.
    pub fn settle(&self, merged: &Merged) -> Settled {
        let (mut dead, mut doc) = (Vec::new(), 0);
        for (number, opened, alive) in &merged.of {
            let Some(segment) = self.segments.get(number) else {
                return Settled::Void;
            };
            if !std::ptr::eq(Arc::as_ptr(&segment.opened), opened.as_ptr()) {
                return Settled::Void;
            }
            if Arc::strong_count(&segment.opened) > 1 {
                return Settled::Waits;
            }
            for old in alive.iter() {
                if !segment.alive().has(old) {
                    dead.push(doc);
                }
                doc += 1;
            }
        }
        Settled::Ready(Dead(dead))
    }
}

impl Merge {
    /// Makes the segment, in memory.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn run(self) -> Result<Merged, IndexError> {
        contained(|| self.made())
    }

    fn made(self) -> Result<Merged, IndexError> {
        let of: Vec<&Part> = self
            .of
            .iter()
            .filter(|part| part.alive.count() > 0)
            .collect();
        let mut built = None;
        if !of.is_empty() {
            let docs = of.iter().map(|part| part.alive.count()).sum();
            let segments: Vec<TantivySegment> =
                of.iter().map(|part| part.opened.segment.clone()).collect();
            let alive: Vec<Option<AliveBitSet>> = of
                .iter()
                .map(|part| alive_set(part))
                .collect::<Result<_, _>>()?;
            let files = Files::default();
            merge_filtered_segments(&segments, settings(), alive, files.clone())?;
            let files = files.take_written();
            built = Some(Built { docs, files });
        }
        let of = self.of.into_iter();
        Ok(Merged {
            of: of
                .map(|part| (part.number, Arc::downgrade(&part.opened), part.alive))
                .collect(),
            sensitivity: self.sensitivity,
            built,
        })
    }
}

impl std::fmt::Debug for Merge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let of: Vec<u32> = self.of.iter().map(|part| part.number).collect();
        f.debug_tuple("Merge").field(&of).finish()
    }
}

impl std::fmt::Debug for Merged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Merged").field(&self.of()).finish()
    }
}

impl Merged {
    /// The segments that it is made of.
    pub fn of(&self) -> Vec<u32> {
        self.of.iter().map(|(number, _, _)| *number).collect()
    }

    /// What all of its notes are.
    pub fn sensitivity(&self) -> Sensitivity {
        self.sensitivity
    }

    /// The segment; none if nothing counts.
    pub fn built(&self) -> Option<&Built> {
        self.built.as_ref()
    }
}

fn standing(segment: &Segment, doc: u32) -> Standing {
    Standing {
        name: segment.opened.name(doc),
        segment: segment.meta.number,
        doc,
        print: segment.opened.print(doc),
        sensitivity: segment.meta.sensitivity,
    }
}

/// Nothing if all of them count.
fn alive_set(part: &Part) -> Result<Option<AliveBitSet>, IndexError> {
    let docs = part.opened.docs;
    if part.alive.count() == docs {
        return Ok(None);
    }
    let mut alive = BitSet::with_max_value(docs);
    for doc in part.alive.iter() {
        alive.insert(doc);
    }
    let mut bytes = Vec::new();
    write_alive_bitset(&alive, &mut bytes)?;
    Ok(Some(AliveBitSet::open(OwnedBytes::new(bytes))))
}
