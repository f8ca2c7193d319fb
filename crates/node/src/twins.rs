//! Which notes are here already: imported ones are looked up by their place in the other system, all
//! others by their text.
//!
//! Places and texts of a pack are put together when something is first taken in while it is awake, and
//! kept up to date from then on: some 60 bytes for each note, and 150 more if it was imported. A note
//! that was moved out of sight is known by the create that it left behind, so that it is not taken in a
//! second time below the place where somebody put it.

use crate::NodeError;
use crate::objects::{NoteMeta, Object, ObjectState, Reach, open_create};
use crate::pairs::is_copy;
use crate::replica::Replica;
use kitbag_core::id::{ImportKey, ItemId, ObjectTag};
use kitbag_core::pack::note::Status;
use kitbag_core::policy::Sensitivity;
use kitbag_store::Reader;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The tags under which an import key or a text was seen. What stands there now is looked at again.
#[derive(Default)]
pub(crate) struct Twins {
    tags: HashMap<ImportKey, BTreeSet<ObjectTag>>,
    /// By the first bytes of a fingerprint.
    texts: BTreeSet<([u8; 8], ObjectTag)>,
    /// Fingerprints of notes that left, by the tag that they left.
    left: BTreeMap<ObjectTag, [u8; 32]>,
}

/// A note that is here already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Twin {
    /// It can be read.
    Here {
        item: ItemId,
        sensitivity: Sensitivity,
        deleted: bool,
    },
    /// It was put above the own clearance.
    Above,
}

impl Twins {
    /// Of everything in a replica.
    pub(crate) fn of(replica: &Replica, store: &Reader) -> Result<Twins, NodeError> {
        let mut twins = Twins::default();
        for tag in replica.objects.keys() {
            twins.look(replica, store, *tag)?;
        }
        Ok(twins)
    }

    /// Looks at what stands under a tag now.
    pub(crate) fn look(
        &mut self,
        replica: &Replica,
        store: &Reader,
        tag: ObjectTag,
    ) -> Result<(), NodeError> {
        let Some(object) = replica.objects.get(&tag) else {
            return Ok(());
        };
        match &object.state {
            ObjectState::Note(meta) => self.note(meta, tag),
            ObjectState::Left => {
                let reach = Reach::Counting;
                let left = open_create(replica, store, tag, object, reach, &mut vec![])?;
                let record = left.map(|note| note.record);
                if let Some((record, key)) = record.and_then(|r| r.import.map(|key| (r, key))) {
                    self.tags.entry(key).or_default().insert(tag);
                    self.left.insert(tag, *record.fingerprint().as_bytes());
                }
            }
            ObjectState::Waiting | ObjectState::Index { .. } | ObjectState::Handoff(_) => {}
        }
        Ok(())
    }

    /// Takes up a note that can be read.
    pub(crate) fn note(&mut self, meta: &NoteMeta, tag: ObjectTag) {
        self.texts.insert((begin(&meta.fingerprint), tag));
        if let Some(key) = meta.import {
            self.tags.entry(key).or_default().insert(tag);
        }
    }

    /// The note with a key and a fingerprint: rather one that is not deleted, then the lowest id, and
    /// one that is above only if no other is here.
    pub(crate) fn find(
        &self,
        replica: &Replica,
        key: &ImportKey,
        fingerprint: &[u8; 32],
    ) -> Option<Twin> {
        let twin = |tag: &ObjectTag| {
            let object = replica.objects.get(tag)?;
            match &object.state {
                ObjectState::Note(meta) => here(object, meta, fingerprint),
                ObjectState::Left => {
                    let same = self.left.get(tag) == Some(fingerprint);
                    same.then_some(((2, None), Twin::Above))
                }
                _ => None,
            }
        };
        let found = self.tags.get(key)?.iter().filter_map(twin);
        found.min_by_key(|(order, _)| *order).map(|(_, twin)| twin)
    }

    /// The note that somebody would write again: at the same sensitivity, neither edited nor deleted.
    /// Whoever writes the same elsewhere, or after it was changed, means a new note.
    pub(crate) fn written(
        &self,
        replica: &Replica,
        wanted: Sensitivity,
        fingerprint: &[u8; 32],
    ) -> Option<Twin> {
        let begin = begin(fingerprint);
        let (first, last) = (
            ObjectTag::from_bytes([0; 32]),
            ObjectTag::from_bytes([0xff; 32]),
        );
        let seen = self.texts.range((begin, first)..=(begin, last));
        let found = seen.filter_map(|(_, tag)| {
            let object = replica.objects.get(tag)?;
            match &object.state {
                ObjectState::Note(meta) if object.sensitivity == wanted => {
                    let is_as_written = meta.edits == 0 && meta.status == Status::Active.as_str();
                    here(object, meta, fingerprint).filter(|_| is_as_written)
                }
                _ => None,
            }
        });
        found.min_by_key(|(order, _)| *order).map(|(_, twin)| twin)
    }

    /// Whether anything was seen under a key.
    pub(crate) fn has(&self, key: &ImportKey) -> bool {
        self.tags.contains_key(key)
    }

    /// Every note with a key that can be read, whatever its text.
    pub(crate) fn with_key(&self, replica: &Replica, key: &ImportKey) -> Vec<ItemId> {
        let tags = self.tags.get(key).into_iter().flatten();
        let item = |tag: &ObjectTag| match &replica.objects.get(tag)?.state {
            ObjectState::Note(meta) if meta.import == Some(*key) => Some(meta.item),
            _ => None,
        };
        let can_be_read = |item: &ItemId| replica.meta(item).is_some();
        tags.filter_map(item).filter(can_be_read).collect()
    }

    /// The masked copies of an imported note, found by the key that follows from the note's.
    pub(crate) fn copies(&self, replica: &Replica, original: &ItemId) -> Vec<ItemId> {
        let meta = replica.meta(original).map(|(meta, _)| meta);
        let Some((meta, key)) = meta.and_then(|meta| Some((meta, meta.import?))) else {
            return vec![];
        };
        let keys = meta.import_of_copy.into_iter();
        let found = keys.chain([key.of_masked_copy_unsalted()]);
        let found = found.flat_map(|key| self.with_key(replica, &key));
        let is_copy = |id: &ItemId| {
            let copy = replica.meta(id);
            copy.is_some_and(|(copy, _)| is_copy(copy, meta))
        };
        found.filter(is_copy).collect()
    }
}

fn begin(fingerprint: &[u8; 32]) -> [u8; 8] {
    let mut begin = [0; 8];
    begin.copy_from_slice(&fingerprint[..8]);
    begin
}

/// A note that can be read, and how soon it is taken among several.
fn here(
    object: &Object,
    meta: &NoteMeta,
    fingerprint: &[u8; 32],
) -> Option<((u8, Option<ItemId>), Twin)> {
    let deleted = meta.status == Status::DELETED.as_str();
    let twin = Twin::Here {
        item: meta.item,
        sensitivity: object.sensitivity,
        deleted,
    };
    let order = (u8::from(deleted), Some(meta.item));
    (meta.fingerprint == *fingerprint).then_some((order, twin))
}
