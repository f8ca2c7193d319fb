//! A selection: notes of one or several packs that somebody put together, in their order.
//!
//! It belongs to one device and is told to nobody: what is chosen says something of whoever chose. It
//! holds ids only, so a note that is gone leaves no text in it.
//! Spec: `docs/spec/selection.md`.

use crate::codec::{self, CodecError};
use crate::id::{ItemId, PackId};
use kitbag_crypto::{Hash, HashLabel};
use minicbor::{Decode, Encode};
use std::collections::{BTreeMap, BTreeSet};
use thiserror::Error;

/// Notes of one selection, at most: their ids fit into one request.
pub const SELECTION_NOTES_MAX: usize = 10_000;
/// Named selections of a device, at most.
pub const SELECTIONS_MAX: usize = 64;
/// Bytes of a name, at most.
pub const SELECTION_NAME_BYTES_MAX: usize = 64;
/// The selection that is meant where none is named.
pub const WORKING: &str = "working";
/// Bytes of a kept selection, at most: each note takes some 40, each pack 34.
pub const SELECTION_BYTES_MAX: usize = 1 << 20;
/// The version of kept selections.
const SELECTION_VERSION: u16 = 1;

/// A chosen note: which, and of which pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Chosen {
    /// Its pack.
    pub pack: PackId,
    /// The note.
    pub note: ItemId,
}

/// Chosen notes, each once, in the order in which they were chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    notes: Vec<Chosen>,
}

/// Why something is no selection.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SelectionError {
    /// A name that is none.
    #[error(
        "a name has 1 to {SELECTION_NAME_BYTES_MAX} bytes on one line, without white space around it"
    )]
    Name,
    /// More than [`SELECTION_NOTES_MAX`].
    #[error("a selection holds at most {SELECTION_NOTES_MAX} notes")]
    TooMany,
    /// What was kept does not read back.
    #[error(transparent)]
    Codec(#[from] CodecError),
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct Kept {
    #[n(0)]
    version: u16,
    /// Each pack once, in the order in which its first note stands.
    #[n(1)]
    packs: Vec<PackId>,
    #[n(2)]
    notes: Vec<KeptNote>,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct KeptNote {
    #[n(0)]
    pack: u32,
    #[n(1)]
    note: ItemId,
}

impl Selection {
    /// The notes, in their order.
    pub fn notes(&self) -> &[Chosen] {
        &self.notes
    }

    /// The packs that they are of, in the order of their first notes.
    pub fn packs(&self) -> Vec<PackId> {
        let mut seen = BTreeSet::new();
        let packs = self.notes.iter().map(|chosen| chosen.pack);
        packs.filter(|pack| seen.insert(*pack)).collect()
    }

    /// Adds those that are not in it, at its end. Returns how many.
    ///
    /// # Errors
    /// [`SelectionError::TooMany`]; nothing is added then.
    pub fn add(&mut self, notes: &[Chosen]) -> Result<usize, SelectionError> {
        let mut seen: BTreeSet<Chosen> = self.notes.iter().copied().collect();
        let new: Vec<Chosen> = notes
            .iter()
            .copied()
            .filter(|one| seen.insert(*one))
            .collect();
        if self.notes.len() + new.len() > SELECTION_NOTES_MAX {
            return Err(SelectionError::TooMany);
        }
        self.notes.extend(&new);
        Ok(new.len())
    }

    /// Takes these notes out, of whichever pack. Returns how many were in it.
    pub fn remove(&mut self, notes: &BTreeSet<ItemId>) -> usize {
        let before = self.notes.len();
        self.notes.retain(|chosen| !notes.contains(&chosen.note));
        before - self.notes.len()
    }

    /// What names these notes in this order.
    pub fn digest(&self) -> [u8; 32] {
        *Hash::of(HashLabel::Selection, &[&self.encode()]).as_bytes()
    }

    /// The bytes in which it is kept.
    pub fn encode(&self) -> Vec<u8> {
        let packs = self.packs();
        let places: BTreeMap<PackId, u32> = packs.iter().copied().zip(0..).collect();
        let kept = |chosen: &Chosen| KeptNote {
            pack: places.get(&chosen.pack).copied().unwrap_or_default(),
            note: chosen.note,
        };
        let notes = self.notes.iter().map(kept).collect();
        codec::encode(&Kept {
            version: SELECTION_VERSION,
            packs,
            notes,
        })
    }

    /// Reads what was kept.
    ///
    /// # Errors
    /// [`SelectionError`] if it is not what [`Selection::encode`] gives.
    pub fn decode(bytes: &[u8]) -> Result<Selection, SelectionError> {
        let kept: Kept = codec::decode(bytes, SELECTION_BYTES_MAX)?;
        if kept.notes.len() > SELECTION_NOTES_MAX {
            return Err(SelectionError::TooMany);
        }
        let chosen = |one: &KeptNote| {
            let pack = *kept.packs.get(usize::try_from(one.pack).ok()?)?;
            Some(Chosen {
                pack,
                note: one.note,
            })
        };
        let notes: Option<Vec<Chosen>> = kept.notes.iter().map(chosen).collect();
        let mut selection = Selection::default();
        selection.add(&notes.ok_or(CodecError::Malformed)?)?;
        if selection.encode() == bytes {
            Ok(selection)
        } else {
            Err(CodecError::NotCanonical.into())
        }
    }
}

/// Checks a name that somebody gives to a selection.
///
/// # Errors
/// [`SelectionError::Name`].
pub fn check_name(name: &str) -> Result<(), SelectionError> {
    let fits = !name.is_empty()
        && name.len() <= SELECTION_NAME_BYTES_MAX
        && name.trim() == name
        && !name.chars().any(char::is_control);
    if fits {
        Ok(())
    } else {
        Err(SelectionError::Name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn chosen(pack: u8, note: u8) -> Chosen {
        Chosen {
            pack: PackId::from_bytes([pack; 32]),
            note: ItemId::from_bytes([note; 32]),
        }
    }

    #[test]
    fn order_is_kept_and_each_note_stands_once() {
        let mut selection = Selection::default();
        let notes = [chosen(2, 9), chosen(1, 3), chosen(2, 4), chosen(2, 9)];
        assert_eq!(selection.add(&notes), Ok(3));
        assert_eq!(selection.add(&notes[..2]), Ok(0));
        assert_eq!(selection.notes(), &notes[..3]);
        assert_eq!(selection.packs(), [notes[0].pack, notes[1].pack]);
        let gone = [notes[0].note, ItemId::from_bytes([77; 32])].into();
        assert_eq!(selection.remove(&gone), 1);
        assert_eq!(selection.notes(), &notes[1..3]);
    }

    #[test]
    fn a_digest_is_of_notes_in_an_order() {
        let of = |notes: &[Chosen]| {
            let mut selection = Selection::default();
            selection.add(notes).unwrap();
            selection.digest()
        };
        let (a, b) = (chosen(1, 1), chosen(1, 2));
        assert_eq!(of(&[a, b]), of(&[a, b, a]));
        assert_ne!(of(&[a, b]), of(&[b, a]));
        assert_ne!(of(&[a]), of(&[chosen(2, 1)]));
    }

    #[test]
    fn no_more_than_fits_is_taken_and_nothing_half() {
        let many = |from: u32, to: u32| -> Vec<Chosen> {
            let one = |n: u32| {
                let mut id = [0; 32];
                id[..4].copy_from_slice(&n.to_be_bytes());
                Chosen {
                    pack: PackId::from_bytes([1; 32]),
                    note: ItemId::from_bytes(id),
                }
            };
            (from..to).map(one).collect()
        };
        let mut selection = Selection::default();
        let max = u32::try_from(SELECTION_NOTES_MAX).unwrap();
        assert_eq!(selection.add(&many(0, max)), Ok(SELECTION_NOTES_MAX));
        assert_eq!(
            selection.add(&many(max - 1, max + 1)),
            Err(SelectionError::TooMany)
        );
        assert_eq!(selection.notes().len(), SELECTION_NOTES_MAX);
        let bytes = selection.encode();
        assert!(bytes.len() < SELECTION_BYTES_MAX / 2, "{}", bytes.len());
        assert_eq!(Selection::decode(&bytes), Ok(selection));
    }

    #[test]
    fn names_are_one_line() {
        for good in ["a", "Acme renewal", "東京"] {
            assert_eq!(check_name(good), Ok(()));
        }
        let long = "x".repeat(SELECTION_NAME_BYTES_MAX + 1);
        for bad in ["", " a", "a\n", "\u{1b}", &long] {
            assert_eq!(check_name(bad), Err(SelectionError::Name), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn what_was_kept_reads_back(notes in prop::collection::vec((0u8..4, any::<u8>()), 0..40)) {
            let mut selection = Selection::default();
            let notes: Vec<Chosen> = notes.into_iter().map(|(pack, note)| chosen(pack, note)).collect();
            selection.add(&notes).unwrap();
            prop_assert_eq!(Selection::decode(&selection.encode()), Ok(selection));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(selection) = Selection::decode(&bytes) {
                prop_assert_eq!(selection.encode(), bytes);
            }
        }
    }
}
