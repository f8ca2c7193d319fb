//! Which notes belong together: an original and its masked copies, and notes that replace others.
//!
//! Nothing says so besides what the notes themselves say: a masked copy names its original, was taken in
//! by the same person at the same moment, has the import key that follows from the original's, and states
//! no kind of personal data where the original does.
//! Only notes that can be read here are looked at, so nobody learns of an original by its copy's being
//! treated differently.
//! Spec: `docs/spec/notes.md`, "Masked", "Superseded".

use crate::objects::{NoteMeta, ObjectState};
use crate::replica::Replica;
use crate::view::Linked;
use kitbag_core::id::ItemId;
use kitbag_core::policy::Sensitivity;
use std::collections::{BTreeMap, BTreeSet};

/// The links of all notes of a pack, found in one pass.
#[derive(Default)]
pub(crate) struct Links {
    copies: BTreeMap<ItemId, Vec<ItemId>>,
    originals: BTreeMap<ItemId, Vec<ItemId>>,
}

impl Links {
    pub(crate) fn of(replica: &Replica) -> Links {
        let mut links = Links::default();
        for meta in replica.metas() {
            for original in originals(replica, meta) {
                links.copies.entry(original).or_default().push(meta.item);
                links.originals.entry(meta.item).or_default().push(original);
            }
        }
        links
    }

    pub(crate) fn copies(&self, of: &ItemId) -> &[ItemId] {
        self.copies.get(of).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn originals(&self, of: &ItemId) -> &[ItemId] {
        self.originals.get(of).map_or(&[], Vec::as_slice)
    }

    /// As [`Replica::partners_of`].
    pub(crate) fn partners(&self, of: &ItemId) -> BTreeSet<ItemId> {
        let originals = self.originals(of).iter();
        let siblings = originals.clone().flat_map(|of| self.copies(of));
        let all = siblings.chain(self.copies(of)).chain(originals);
        all.copied().filter(|other| other != of).collect()
    }
}

impl Replica {
    /// Which sensitivities the person of this device sees, from public to restricted: as whoever reads a
    /// note is judged. What was opened before a clearance was lowered is still on the disk, and is not in
    /// sight any more; whoever is out of the pack keeps what they had in sight then.
    pub(crate) fn sight(&self) -> [bool; 4] {
        Sensitivity::ALL.map(|of| self.policy.may_see(&self.reader, of))
    }

    /// Whether the person of this device sees notes of this sensitivity.
    pub(crate) fn sees(&self, sensitivity: Sensitivity) -> bool {
        self.sight()[sensitivity as usize]
    }

    /// The notes in sight that can be read. Whatever is listed, counted or named to somebody comes from
    /// here or from [`Replica::meta`]; only what looks at keys, entries and the index walks the rest.
    pub(crate) fn in_sight(&self) -> impl Iterator<Item = (&NoteMeta, Sensitivity)> {
        let sight = self.sight();
        self.notes.values().filter_map(move |tag| {
            let object = self.objects.get(tag)?;
            match &object.state {
                ObjectState::Note(meta) if sight[object.sensitivity as usize] => {
                    Some((meta, object.sensitivity))
                }
                _ => None,
            }
        })
    }

    /// What is known of each note in sight.
    pub(crate) fn metas(&self) -> impl Iterator<Item = &NoteMeta> {
        self.in_sight().map(|(meta, _)| meta)
    }

    /// What is known of a note, if it is in sight.
    pub(crate) fn meta(&self, id: &ItemId) -> Option<(&NoteMeta, Sensitivity)> {
        let object = self.objects.get(self.notes.get(id)?)?;
        match &object.state {
            ObjectState::Note(meta) if self.sees(object.sensitivity) => {
                Some((meta, object.sensitivity))
            }
            _ => None,
        }
    }

    /// The notes in whose place a note stands by their edits, as far as they can be read here.
    pub(crate) fn replaced_by(&self, id: &ItemId) -> BTreeSet<ItemId> {
        let mut known = self.replacing.borrow_mut();
        let known = known.get_or_insert_with(|| {
            let mut all: BTreeMap<ItemId, BTreeSet<ItemId>> = BTreeMap::new();
            for meta in self.metas() {
                for by in &meta.superseded_by {
                    all.entry(*by).or_default().insert(meta.item);
                }
            }
            all
        });
        known.get(id).cloned().unwrap_or_default()
    }

    /// The masked copies of a note that can be read here.
    pub(crate) fn copies_of(&self, id: &ItemId) -> Vec<ItemId> {
        let Some((original, _)) = self.meta(id) else {
            return vec![];
        };
        if original.stated_pii.is_empty() {
            return vec![]; // nothing is a copy of it, and most notes are like that
        }
        let copies = self.metas().filter(|meta| is_copy(meta, original));
        copies.map(|meta| meta.item).collect()
    }

    /// The notes of which this one is a masked copy, as far as they can be read here.
    pub(crate) fn originals_of(&self, id: &ItemId) -> Vec<ItemId> {
        let meta = self.meta(id);
        meta.map_or_else(Vec::new, |(meta, _)| originals(self, meta).collect())
    }

    /// Original and copies of a note, without itself.
    pub(crate) fn partners_of(&self, id: &ItemId) -> BTreeSet<ItemId> {
        let originals = self.originals_of(id);
        let siblings = originals.iter().flat_map(|of| self.copies_of(of));
        let all = siblings.chain(self.copies_of(id));
        let all = all.chain(originals.iter().copied());
        all.filter(|other| other != id).collect()
    }

    /// Those of these notes that can be read here: what stands above, or is not here, is not named.
    pub(crate) fn readable<'i>(&self, ids: impl IntoIterator<Item = &'i ItemId>) -> Vec<ItemId> {
        let ids = ids.into_iter().filter(|id| self.meta(id).is_some());
        ids.copied().collect()
    }

    /// A note beside another, for people.
    pub(crate) fn linked(&self, id: &ItemId) -> Option<Linked> {
        let (meta, sensitivity) = self.meta(id)?;
        Some(Linked {
            id: *id,
            title: meta.title.clone(),
            sensitivity,
        })
    }

    pub(crate) fn all_linked<'i>(&self, ids: impl IntoIterator<Item = &'i ItemId>) -> Vec<Linked> {
        ids.into_iter().filter_map(|id| self.linked(id)).collect()
    }
}

fn originals<'r>(replica: &'r Replica, copy: &'r NoteMeta) -> impl Iterator<Item = ItemId> + 'r {
    let named = copy.derived_from.iter();
    let of = move |id: &&ItemId| {
        let original = replica.meta(id);
        original.is_some_and(|(original, _)| is_copy(copy, original))
    };
    named.filter(of).copied()
}

/// Whether a note is the masked copy of another: the one answer to that. The writer of both is the same,
/// and the import key of the copy follows from key and salt of the original. A file that is imported cannot
/// say so: a note from it always has a key, which is the hash of what stands in the file.
pub(crate) fn is_copy(copy: &NoteMeta, original: &NoteMeta) -> bool {
    copy.derived_from.contains(&original.item)
        && copy.captured_at == original.captured_at
        && copy.by == original.by
        && copy.by.is_some()
        && !original.stated_pii.is_empty()
        && copy.stated_pii.is_empty()
        && has_key_of_copy(copy, original)
}

/// Whether the import key of a note is that of a masked copy of the other: the salted one, or the one
/// before that. Both have none if they were not imported.
fn has_key_of_copy(copy: &NoteMeta, original: &NoteMeta) -> bool {
    let unsalted = || original.import.map(|key| key.of_masked_copy_unsalted());
    copy.import == original.import_of_copy || copy.import == unsalted()
}
