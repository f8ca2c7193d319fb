//! Reading the notes of packs one after the other, a slice at a time.

use crate::authority::Authority;
use crate::objects::{BuiltNote, ObjectState, epoch_key, read};
use crate::replica::Replica;
use crate::{Denied, Node, NodeError};
use kitbag_core::content::EntryKind;
use kitbag_core::id::{EntryHash, ItemId, ObjectTag, PackId};
use kitbag_core::pack::NoteView;
use kitbag_core::policy::Sensitivity;
use kitbag_store::StoreError;

/// Notes that one slice reads, at most.
const SLICE_NOTES: u64 = 64;
/// Bytes of text after which a slice ends.
const SLICE_BYTES: usize = 1 << 20;
/// Objects that one list looks at for whether they open, at most: some 50 milliseconds.
const WAITING_LOOKED_AT_MAX: usize = 1_024;
/// Edits of a note that take as long as one more note.
const EDITS_PER_NOTE: u64 = 4;

/// A reading that is under way.
pub(crate) struct Scan {
    packs: std::vec::IntoIter<(PackId, Part)>,
    pack: Option<(PackId, std::vec::IntoIter<ItemId>)>,
    /// Of that pack, what may be notes whose rows do not open, if all of it is read.
    waiting: std::vec::IntoIter<ObjectTag>,
    /// Notes that do not open from disk.
    pub(crate) unreadable: u64,
}

/// What of a pack is read.
#[derive(Clone, Debug)]
pub(super) enum Part {
    /// Every note.
    All,
    /// These.
    Notes(Vec<ItemId>),
}

/// A note that was read.
pub(crate) struct ReadNote {
    pub(crate) pack: PackId,
    pub(crate) sensitivity: Sensitivity,
    pub(crate) built: BuiltNote,
    pub(crate) view: NoteView,
}

/// How much a slice has read.
#[derive(Default)]
pub(crate) struct Spent {
    notes: u64,
    bytes: usize,
}

impl Spent {
    pub(crate) fn add(&mut self, note: &ReadNote) {
        self.notes += note.built.edits() / EDITS_PER_NOTE;
        self.bytes += note.view.body.len();
    }

    /// One more note was asked for.
    pub(crate) fn add_one(&mut self) {
        self.notes += 1;
    }

    /// So many bytes were read, of whatever kind.
    pub(crate) fn add_bytes(&mut self, bytes: usize) {
        self.bytes += bytes;
    }

    pub(crate) fn is_over(&self) -> bool {
        self.notes >= SLICE_NOTES || self.bytes >= SLICE_BYTES
    }
}

impl Scan {
    /// Of these packs, in their order.
    pub(crate) fn new(packs: Vec<PackId>) -> Scan {
        Scan::of(packs.into_iter().map(|pack| (pack, Part::All)).collect())
    }

    /// Of these packs, in their order, as much as is said.
    pub(super) fn of(packs: Vec<(PackId, Part)>) -> Scan {
        Scan {
            packs: packs.into_iter(),
            pack: None,
            waiting: vec![].into_iter(),
            unreadable: 0,
        }
    }

    /// Of these notes of one pack, in their order.
    pub(super) fn of_notes(pack: PackId, notes: Vec<ItemId>) -> Scan {
        Scan {
            packs: vec![].into_iter(),
            pack: Some((pack, notes.into_iter())),
            waiting: vec![].into_iter(),
            unreadable: 0,
        }
    }

    /// Reads the notes of one slice. Returns whether none is left.
    pub(crate) fn go_on(
        &mut self,
        node: &Node,
        each: impl FnMut(ReadNote) -> Result<(), NodeError>,
    ) -> Result<bool, NodeError> {
        self.go_on_with(node, &mut Spent::default(), each)
    }

    /// The same, for as much as the slice has left.
    pub(super) fn go_on_with(
        &mut self,
        node: &Node,
        spent: &mut Spent,
        mut each: impl FnMut(ReadNote) -> Result<(), NodeError>,
    ) -> Result<bool, NodeError> {
        while !spent.is_over() {
            let (pack, item) = match self.next(node, spent)? {
                Next::Note(pack, item) => (pack, item),
                Next::Waiting(pack, tag) => {
                    self.unreadable += u64::from(node.is_lost(pack, tag, spent)?);
                    continue;
                }
                Next::Pause => return Ok(false),
                Next::End => return Ok(true),
            };
            spent.notes += 1;
            match node.note_to_read(pack, item) {
                Ok(Some(note)) => {
                    spent.add(&note);
                    each(note)?;
                }
                Ok(None) => {}
                Err(NodeError::Damaged(_)) => self.unreadable += 1,
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    fn next(&mut self, node: &Node, spent: &mut Spent) -> Result<Next, NodeError> {
        loop {
            if let Some((pack, notes)) = &mut self.pack
                && let Some(note) = notes.next()
            {
                return Ok(Next::Note(*pack, note));
            }
            if let (Some((pack, _)), Some(tag)) = (&self.pack, self.waiting.next()) {
                return Ok(Next::Waiting(*pack, tag));
            }
            if spent.is_over() {
                return Ok(Next::Pause); // however many packs have nothing in them
            }
            let Some((pack, part)) = self.packs.next() else {
                return Ok(Next::End);
            };
            let only = match part {
                Part::All => None,
                Part::Notes(notes) if notes.is_empty() => continue,
                Part::Notes(notes) => Some(notes),
            };
            spent.notes += NOTES_PER_WAKING;
            let notes: Vec<ItemId> = match node.packs.need(pack) {
                Ok(replica) => only.unwrap_or_else(|| {
                    self.waiting = waiting(replica).into_iter();
                    as_stored(replica)
                }),
                Err(NodeError::Damaged(_) | NodeError::Store(StoreError::Damaged { .. })) => {
                    self.unreadable += 1;
                    vec![]
                }
                Err(error) => return Err(error),
            };
            self.pack = Some((pack, notes.into_iter()));
        }
    }
}

/// A pack's notes in the order in which they are read fastest.
fn as_stored(replica: &Replica) -> Vec<ItemId> {
    let mut notes: Vec<_> = replica.notes.iter().collect();
    notes.sort_by_cached_key(|(_, tag)| replica.stored_at(tag));
    notes.into_iter().map(|(item, _)| *item).collect()
}

/// What may be a note that this person reads, if it opened: it has not, for whatever reason.
fn waiting(replica: &Replica) -> Vec<ObjectTag> {
    let sight = replica.sight();
    let objects = replica.objects.iter();
    objects
        .filter(|(tag, object)| {
            matches!(object.state, ObjectState::Waiting)
                && sight[object.sensitivity as usize]
                && replica.placements.item(tag).is_none() // a move of it says what it is
        })
        .map(|(tag, _)| *tag)
        .collect()
}

/// What a scan comes to next.
enum Next {
    Note(PackId, ItemId),
    /// Something that may be a note.
    Waiting(PackId, ObjectTag),
    /// Enough for one slice.
    Pause,
    End,
}

/// Waking a pack costs about as much as reading so many notes.
const NOTES_PER_WAKING: u64 = 4;

impl Node {
    /// Whether something that waits is a note that counts, came whole, and does not open from disk: then it
    /// is not known by its id, which stands in what does not open.
    fn is_lost(&self, pack: PackId, tag: ObjectTag, spent: &mut Spent) -> Result<bool, NodeError> {
        let replica = self.packs.need(pack)?;
        spent.add_one();
        let Some(object) = replica.objects.get(&tag) else {
            return Ok(false);
        };
        let counts = |hash: &EntryHash| {
            let place = replica.places.get(hash)?;
            let is_valid = replica.authority(place, *hash) == Authority::Valid;
            let is_out = replica.quarantined.contains_key(hash);
            (is_valid && !is_out && epoch_key(replica, place).is_some()).then_some(place)
        };
        let places: Vec<_> = object.entries.iter().filter_map(counts).collect();
        if places.iter().all(|place| place.kind != EntryKind::Create) {
            return Ok(false);
        }
        for place in places {
            spent.add_one();
            let is_here = replica.row_of(place).is_some();
            if is_here && read(replica, &self.store, place)?.is_none() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// How many notes of a pack this person would read and does not, because they do not open from disk.
    /// Looks at 1,024 objects at most.
    ///
    /// # Errors
    /// [`NodeError::NotFound`], [`NodeError::Store`].
    pub fn unreadable_notes(&self, pack: PackId) -> Result<u64, NodeError> {
        let waiting = waiting(self.packs.need(pack)?);
        let mut unreadable = 0;
        for tag in waiting.into_iter().take(WAITING_LOOKED_AT_MAX) {
            unreadable += match self.is_lost(pack, tag, &mut Spent::default()) {
                Ok(lost) => u64::from(lost),
                Err(NodeError::Store(_)) => 1, // the others are listed all the same
                Err(error) => return Err(error),
            };
        }
        Ok(unreadable)
    }

    /// A note; nothing if this person does not see it, for whatever reason.
    pub(crate) fn note_to_read(
        &self,
        pack: PackId,
        item: ItemId,
    ) -> Result<Option<ReadNote>, NodeError> {
        match self.read_note(pack, item) {
            Ok((_, sensitivity, built)) => {
                let mut view = built.view();
                if let Some(text) = self.long_text(pack, &built)? {
                    view.body = text;
                }
                Ok(Some(ReadNote {
                    pack,
                    sensitivity,
                    view,
                    built,
                }))
            }
            Err(NodeError::NotFound(_) | NodeError::Denied(Denied::AboveClearance)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
