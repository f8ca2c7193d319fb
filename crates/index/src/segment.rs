//! One segment: files that never change, and which of its documents still count.

use crate::bits::Bits;
use crate::blocks::{BlockFile, Cached};
use crate::build::{Flags, column, schema};
use crate::files::Files;
use crate::{IndexError, Name, contained};
use kitbag_core::id::Timestamp;
use kitbag_core::pack::note::{Claim, ConsentStatus, NoteType, SourceKind, Status};
use kitbag_core::policy::Sensitivity;
use kitbag_core::search::Facts;
use minicbor::{Decode, Encode};
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use tantivy::columnar::{ColumnValues, StrColumn};
use tantivy::{Index, InvertedIndexReader, Segment as TantivySegment, SegmentReader};

/// What is kept of a segment beside its blocks.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct SegmentMeta {
    /// Its number: a later one is higher.
    #[n(0)]
    pub number: u32,
    /// What all of its notes are.
    #[n(1)]
    pub sensitivity: Sensitivity,
    /// Its documents, with those that count no more.
    #[n(2)]
    pub docs: u32,
    /// Its files.
    #[n(3)]
    pub files: Vec<FileMeta>,
}

/// A file of a segment.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct FileMeta {
    /// As tantivy calls it.
    #[n(0)]
    pub name: String,
    /// Under which its blocks are kept.
    #[n(1)]
    pub number: u32,
    /// Its length.
    #[n(2)]
    pub bytes: u64,
}

/// Documents of a segment that count no more, ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct Dead(#[n(0)] pub Vec<u32>);

/// A segment, opened.
pub(crate) struct Segment {
    pub(crate) meta: SegmentMeta,
    pub(crate) opened: Arc<Opened>,
    alive: Bits,
    tallies: OnceCell<BTreeMap<u32, PackTally>>,
}

/// What is read of a segment. It never changes.
pub(crate) struct Opened {
    pub(crate) docs: u32,
    pub(crate) text: [Arc<InvertedIndexReader>; 4],
    pub(crate) segment: TantivySegment,
    pub(crate) source: Option<StrColumn>,
    pub(crate) author: Option<StrColumn>,
    pub(crate) tags: Option<StrColumn>,
    pack: Column,
    at: Column,
    tokens: Column,
    more_tokens: Column,
    flags: Column,
    high: Column,
    low: Column,
    print: Column,
    /// Documents by pack and name.
    by_key: Vec<u32>,
}

type Column = Arc<dyn ColumnValues<u64>>;

/// Notes of one pack that count: those that are neither deleted nor replaced, and those that are.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PackTally {
    pub(crate) kept: Tally,
    pub(crate) replaced: Tally,
    pub(crate) deleted: Tally,
}

/// What statistics need of some notes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tally {
    pub(crate) notes: u64,
    pub(crate) tokens: u64,
    pub(crate) newest: Timestamp,
}

impl Default for Tally {
    fn default() -> Tally {
        Tally {
            notes: 0,
            tokens: 0,
            newest: Timestamp::from_millis(0),
        }
    }
}

impl Tally {
    pub(crate) fn add(&mut self, of: Tally) {
        self.notes += of.notes;
        self.tokens += of.tokens;
        self.newest = self.newest.max(of.newest);
    }
}

impl Segment {
    pub(crate) fn open(
        meta: SegmentMeta,
        dead: &Dead,
        blocks: &Arc<Cached>,
    ) -> Result<Segment, IndexError> {
        let opened = contained(|| Opened::open(&meta, blocks))?;
        let mut alive = Bits::all(meta.docs);
        for doc in &dead.0 {
            alive.remove(*doc);
        }
        Ok(Segment {
            meta,
            opened: Arc::new(opened),
            alive,
            tallies: OnceCell::new(),
        })
    }

    pub(crate) fn alive(&self) -> &Bits {
        &self.alive
    }

    /// Documents that count no more.
    pub(crate) fn dead(&self) -> Dead {
        let all = 0..self.meta.docs;
        Dead(all.filter(|doc| !self.alive.has(*doc)).collect())
    }

    pub(crate) fn kill(&mut self, doc: u32) {
        self.alive.remove(doc);
        self.tallies.take();
    }

    /// The document of a note that still counts.
    pub(crate) fn find(&self, pack: u32, name: Name) -> Option<u32> {
        let opened = &*self.opened;
        let by_key = &opened.by_key;
        let key = (u64::from(pack), name);
        let first = by_key.partition_point(|doc| opened.key(*doc) < key);
        let of_key = by_key[first..].iter();
        let mut of_key = of_key.take_while(|doc| opened.key(**doc) == key);
        of_key.find(|doc| self.alive.has(**doc)).copied()
    }

    /// Documents of a pack that still count.
    pub(crate) fn of_pack(&self, pack: u32) -> impl Iterator<Item = u32> + '_ {
        let opened = &*self.opened;
        let first = opened
            .by_key
            .partition_point(|doc| opened.pack(*doc) < pack);
        let of_pack = opened.by_key[first..].iter();
        of_pack
            .take_while(move |doc| opened.pack(**doc) == pack)
            .filter(|doc| self.alive.has(**doc))
            .copied()
    }

    /// Notes that count, by pack.
    pub(crate) fn tallies(&self) -> &BTreeMap<u32, PackTally> {
        self.tallies.get_or_init(|| {
            let mut tallies: BTreeMap<u32, PackTally> = BTreeMap::new();
            for doc in self.alive.iter() {
                let of = tallies.entry(self.opened.pack(doc)).or_default();
                let side = match self.opened.status(doc) {
                    status if status.is_deleted() => &mut of.deleted,
                    Status::Superseded => &mut of.replaced,
                    _ => &mut of.kept,
                };
                side.add(self.opened.tally(doc));
            }
            tallies
        })
    }
}

impl Opened {
    fn open(meta: &SegmentMeta, blocks: &Arc<Cached>) -> Result<Opened, IndexError> {
        let files = meta.files.iter().map(|file| {
            let stored = BlockFile {
                blocks: blocks.clone(),
                number: file.number,
                len: usize::try_from(file.bytes).unwrap_or(usize::MAX),
            };
            (file.name.clone(), stored)
        });
        let index = Index::open(Files::stored(files))?;
        let segment = index.searchable_segments()?.into_iter().next();
        let segment = segment.ok_or_else(|| IndexError("a segment is empty".into()))?;
        let reader = SegmentReader::open(&segment)?;
        if reader.max_doc() != meta.docs {
            return Err(IndexError("a segment has another length".into()));
        }
        let (_, fields) = schema();
        let [title, tag, source, body] = fields.text;
        let text = [
            reader.inverted_index(title)?,
            reader.inverted_index(tag)?,
            reader.inverted_index(source)?,
            reader.inverted_index(body)?,
        ];
        let columns = reader.fast_fields();
        let number =
            |name| -> Result<Column, IndexError> { Ok(columns.u64(name)?.first_or_default_col(0)) };
        let mut opened = Opened {
            docs: meta.docs,
            text,
            source: columns.str(column::SOURCE)?,
            author: columns.str(column::AUTHOR)?,
            tags: columns.str(column::TAGS)?,
            pack: number(column::PACK)?,
            at: number(column::AT)?,
            tokens: number(column::TOKENS)?,
            more_tokens: number(column::MORE_TOKENS)?,
            flags: number(column::FLAGS)?,
            high: number(column::HIGH)?,
            low: number(column::LOW)?,
            print: number(column::PRINT)?,
            by_key: Vec::new(),
            segment,
        };
        let mut by_key: Vec<(u64, Name, u32)> = (0..meta.docs)
            .map(|doc| (opened.pack.get_val(doc), opened.name(doc), doc))
            .collect();
        by_key.sort_unstable();
        opened.by_key = by_key.into_iter().map(|(_, _, doc)| doc).collect();
        Ok(opened)
    }

    fn key(&self, doc: u32) -> (u64, Name) {
        (self.pack.get_val(doc), self.name(doc))
    }

    pub(crate) fn pack(&self, doc: u32) -> u32 {
        u32::try_from(self.pack.get_val(doc)).unwrap_or(u32::MAX)
    }

    pub(crate) fn name(&self, doc: u32) -> Name {
        Name::from_halves(self.high.get_val(doc), self.low.get_val(doc))
    }

    pub(crate) fn print(&self, doc: u32) -> u64 {
        self.print.get_val(doc)
    }

    pub(crate) fn body_tokens(&self, doc: u32) -> u32 {
        u32::try_from(self.tokens.get_val(doc)).unwrap_or(u32::MAX)
    }

    /// Tokens of all its text.
    pub(crate) fn all_tokens(&self, doc: u32) -> u64 {
        self.tokens.get_val(doc) + self.more_tokens.get_val(doc)
    }

    /// No document has more.
    pub(crate) fn most_tokens(&self) -> u64 {
        self.tokens.max_value() + self.more_tokens.max_value()
    }

    pub(crate) fn captured_at(&self, doc: u32) -> Timestamp {
        Timestamp::from_millis(self.at.get_val(doc))
    }

    pub(crate) fn tally(&self, doc: u32) -> Tally {
        Tally {
            notes: 1,
            tokens: u64::from(self.body_tokens(doc)),
            newest: self.captured_at(doc),
        }
    }

    pub(crate) fn facts(&self, doc: u32) -> Facts {
        let Flags(flags) = self.flags(doc);
        let claim = (flags >> 1 & 0xf) as usize;
        Facts {
            captured_at: self.captured_at(doc),
            pinned: flags & 1 == 1,
            claim: claim
                .checked_sub(1)
                .and_then(|at| Claim::ALL.get(at).copied()),
        }
    }

    pub(crate) fn status(&self, doc: u32) -> Status {
        word(Status::ALL, self.flags(doc).0 >> 5 & 0xf)
    }

    pub(crate) fn note_type(&self, doc: u32) -> NoteType {
        word(NoteType::ALL, self.flags(doc).0 >> 9 & 0x1f)
    }

    pub(crate) fn source_kind(&self, doc: u32) -> SourceKind {
        word(SourceKind::ALL, self.flags(doc).0 >> 14 & 0x3f)
    }

    pub(crate) fn consent(&self, doc: u32) -> Option<ConsentStatus> {
        let consent = (self.flags(doc).0 >> 20 & 0xf) as usize;
        let at = consent.checked_sub(1)?;
        ConsentStatus::ALL.get(at).copied()
    }

    fn flags(&self, doc: u32) -> Flags {
        Flags(self.flags.get_val(doc))
    }
}

/// A value by its number; the first if there is none, which a sealed row cannot say.
fn word<T: Copy>(all: &[T], number: u64) -> T {
    all.get(number as usize).copied().unwrap_or(all[0])
}
