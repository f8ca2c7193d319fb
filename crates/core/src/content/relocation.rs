//! What a move entry carries: a whole note, so that readers of its new sensitivity need nothing else.
//!
//! The note's id follows from where it was created, so it survives the move, and with it the derived
//! first change. Every change that was applied travels with the log that its actor binds; who wrote it
//! and when is what the mover knew, told for people. A relocation that fails one check is refused as a
//! whole: half a note is no note.
//! Spec: `docs/spec/notes.md`, "Moving".

use crate::id::{ItemId, LogId, ObjectTag, PackId, PersonId, Timestamp};
use crate::pack::note::{item_id, object_tag};
use crate::pack::{
    ChangeHash, ChangeRefused, CheckedChange, NoteDocument, NoteError, Record, Schema, check_change,
};
use crate::policy::Sensitivity;
use minicbor::{Decode, Encode};
use std::collections::BTreeSet;
use thiserror::Error;

/// Changes that one move carries, at most.
pub const CARRIED_CHANGES_MAX: usize = 4096;
/// How often a note may move, at most.
pub const PLACEMENT_MAX: u64 = u32::MAX as u64;
/// Moves of one note by one person that count, at most.
pub const MOVES_OF_ONE_MAX: usize = 256;
/// Of those, the ones that do not build on each other, at most: nobody honest makes more than one on
/// each of their devices.
pub const MOVES_AT_ONCE_MAX: usize = 8;

/// A note as a move entry carries it.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Relocation {
    /// The record, as it was created.
    #[n(0)]
    pub record: Record,
    /// Where and when.
    #[n(1)]
    pub created: Creation,
    /// Which of the note's places this is, from 1.
    #[n(2)]
    pub placement: u64,
    /// All changes, each after those that it builds on.
    #[n(3)]
    pub changes: Vec<CarriedChange>,
    /// When it was moved, by the mover's clock: display data.
    #[n(4)]
    pub at: Timestamp,
}

/// The create entry of a note, for those who do not have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Creation {
    /// Its log.
    #[n(0)]
    pub log: LogId,
    /// Its number there.
    #[n(1)]
    pub seq: u64,
    /// Who wrote it, as the mover knew.
    #[n(2)]
    pub by: Option<PersonId>,
    /// When, by their clock.
    #[n(3)]
    pub at: Timestamp,
}

/// One change to the note, for those who do not have its entry.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct CarriedChange {
    /// One plain Automerge change chunk.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub change: Vec<u8>,
    /// The log of the entry that carried it first: its actor binds it.
    #[n(1)]
    pub log: LogId,
    /// Who wrote it, as the mover knew.
    #[n(2)]
    pub by: Option<PersonId>,
    /// When, by their clock.
    #[n(3)]
    pub at: Timestamp,
}

/// Why a move carries no note: its author misbehaved, or is newer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RelocationRefused {
    /// The record.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// A text that stands in parts stays where they are.
    #[error("a text in parts does not move")]
    LongText,
    /// Not from 1 to [`PLACEMENT_MAX`].
    #[error("placement out of range")]
    Placement,
    /// Of another note, pack, sensitivity or placement than its tag.
    #[error("the record is not of the note that the tag names")]
    WrongTag,
    /// More than [`CARRIED_CHANGES_MAX`].
    #[error("more changes than a move may carry")]
    TooManyChanges,
    /// One change twice.
    #[error("change {at} stands here twice")]
    Repeated {
        /// Its place in the list, from 0.
        at: usize,
    },
    /// A change that does not fit the note, or not at this place in the list.
    #[error("change {at}: {refused}")]
    Change {
        /// Its place in the list, from 0.
        at: usize,
        /// Why.
        refused: ChangeRefused,
    },
}

/// A relocation that passed: the note of its tag, with changes that all apply.
#[derive(Clone, Debug)]
pub struct CheckedRelocation {
    item: ItemId,
    changes: Vec<CheckedChange>,
    heads: Vec<ChangeHash>,
}

impl CheckedRelocation {
    /// The note.
    pub fn item(&self) -> ItemId {
        self.item
    }

    /// Its changes, in the order of [`Relocation::changes`].
    pub fn changes(&self) -> &[CheckedChange] {
        &self.changes
    }

    /// The changes that none here builds on; none if the note was never edited.
    pub fn heads(&self) -> &[ChangeHash] {
        &self.heads
    }
}

impl Relocation {
    /// The note that this is.
    pub fn item(&self) -> ItemId {
        item_id(self.created.log, self.created.seq, &self.record.salt)
    }

    /// Checks everything that needs no other entry: form, names, and that each change applies.
    ///
    /// # Errors
    /// [`RelocationRefused`] by cause, cheapest first.
    pub fn check(
        &self,
        pack: PackId,
        sensitivity: Sensitivity,
        tag: ObjectTag,
    ) -> Result<CheckedRelocation, RelocationRefused> {
        if !(1..=PLACEMENT_MAX).contains(&self.placement) {
            return Err(RelocationRefused::Placement);
        }
        let item = self.item();
        if object_tag(pack, item, sensitivity, self.placement) != tag {
            return Err(RelocationRefused::WrongTag);
        }
        if self.changes.len() > CARRIED_CHANGES_MAX {
            return Err(RelocationRefused::TooManyChanges);
        }
        self.record.check()?;
        if self.record.long.is_some() {
            return Err(RelocationRefused::LongText);
        }
        let changes = self.check_changes()?;
        let mut heads = Vec::new();
        if !changes.is_empty() {
            let mut document = NoteDocument::derive(item, &self.record);
            document
                .try_apply(&changes)
                .map_err(|(at, refused)| RelocationRefused::Change { at, refused })?;
            heads = document.heads();
        }
        Ok(CheckedRelocation {
            item,
            changes,
            heads,
        })
    }

    fn check_changes(&self) -> Result<Vec<CheckedChange>, RelocationRefused> {
        let mut seen = BTreeSet::new();
        let mut checked = Vec::new();
        for (at, carried) in self.changes.iter().enumerate() {
            let change = check_change(&carried.change, carried.log, Schema::Note)
                .map_err(|refused| RelocationRefused::Change { at, refused })?;
            if !seen.insert(change.hash()) {
                return Err(RelocationRefused::Repeated { at });
            }
            checked.push(change);
        }
        Ok(checked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::Edit;
    use crate::pack::note::{NoteType, Source, SourceKind, Trust};

    const PACK: PackId = PackId::from_bytes([1; 32]);
    const AT: Timestamp = Timestamp::from_millis(7);

    fn log(n: u8) -> LogId {
        LogId::from_bytes([n; 32])
    }

    fn record() -> Record {
        let source = Source {
            kind: SourceKind::Manual,
            label: "test".into(),
            uri: None,
            app: None,
            author: None,
            locator: None,
            captured_at: AT,
            observed_at: None,
            captured_by: "Ana (laptop)".into(),
            trust: Trust::FirstParty,
        };
        let mut record = Record::new([9; 16], NoteType::Note, source);
        record.body = "one".into();
        record
    }

    fn carried(document: &mut NoteDocument, n: u8, body: &str) -> CarriedChange {
        let edit = Edit {
            body: Some(body.into()),
            ..Edit::default()
        };
        let change = document.edit(log(n), &edit).unwrap().unwrap();
        document.apply(&change.checked).unwrap();
        CarriedChange {
            change: change.bytes,
            log: log(n),
            by: None,
            at: AT,
        }
    }

    /// A note that two logs edited, one after the other.
    fn edited() -> Relocation {
        let created = Creation {
            log: log(1),
            seq: 3,
            by: None,
            at: AT,
        };
        let item = item_id(created.log, created.seq, &record().salt);
        let mut document = NoteDocument::derive(item, &record());
        let changes = vec![
            carried(&mut document, 2, "one two"),
            carried(&mut document, 3, "one two three"),
        ];
        Relocation {
            record: record(),
            created,
            placement: 1,
            changes,
            at: AT,
        }
    }

    fn check(relocation: &Relocation) -> Result<CheckedRelocation, RelocationRefused> {
        let tag = object_tag(
            PACK,
            edited().item(),
            Sensitivity::Confidential,
            relocation.placement,
        );
        relocation.check(PACK, Sensitivity::Confidential, tag)
    }

    /// Goal: what an honest mover writes passes, with and without changes.
    #[test]
    fn a_note_and_its_changes_pass() {
        let checked = check(&edited()).unwrap();
        assert_eq!(
            (checked.item(), checked.changes().len()),
            (edited().item(), 2)
        );
        assert_eq!(checked.heads(), [checked.changes()[1].hash()]);
        let bare = Relocation {
            changes: vec![],
            ..edited()
        };
        assert!(check(&bare).unwrap().heads().is_empty());
    }

    /// Goal: each way to carry something else than the note of the tag has its refusal.
    #[test]
    fn everything_else_is_refused_by_cause() {
        type Spoil = fn(&mut Relocation);
        let change = |at, refused| RelocationRefused::Change { at, refused };
        let mut elsewhere = NoteDocument::derive(ItemId::from_bytes([8; 32]), &record());
        let foreign = carried(&mut elsewhere, 2, "one two");
        let base = elsewhere.base();
        let cases: [(Spoil, RelocationRefused); 8] = [
            (|r| r.record.salt = [1; 16], RelocationRefused::WrongTag),
            (|r| r.created.seq += 1, RelocationRefused::WrongTag),
            (|r| r.created.log = log(9), RelocationRefused::WrongTag),
            (|r| r.placement = 0, RelocationRefused::Placement),
            (
                |r| r.placement = PLACEMENT_MAX + 1,
                RelocationRefused::Placement,
            ),
            (
                |r| r.changes.push(r.changes[0].clone()),
                RelocationRefused::Repeated { at: 2 },
            ),
            (
                |r| r.changes[1].log = log(2),
                change(1, ChangeRefused::WrongActor),
            ),
            (
                |r| r.changes[0].change.truncate(40),
                change(0, ChangeRefused::Truncated),
            ),
        ];
        for (spoil, refused) in cases {
            let mut relocation = edited();
            spoil(&mut relocation);
            assert_eq!(check(&relocation).unwrap_err(), refused);
        }
        let mut of_another = edited();
        of_another.changes.insert(0, foreign);
        assert_eq!(
            check(&of_another).unwrap_err(),
            change(0, ChangeRefused::MissingDependency { hash: base })
        );
        let mut swapped = edited();
        swapped.changes.swap(0, 1);
        assert!(matches!(
            check(&swapped),
            Err(RelocationRefused::Change {
                at: 0,
                refused: ChangeRefused::MissingDependency { .. }
            })
        ));
        let mut other_text = edited();
        other_text.record.body.clear();
        assert!(matches!(
            check(&other_text),
            Err(RelocationRefused::Change { at: 0, .. })
        ));
        let mut many = edited();
        many.changes = vec![many.changes[0].clone(); CARRIED_CHANGES_MAX + 1];
        assert_eq!(check(&many).unwrap_err(), RelocationRefused::TooManyChanges);
        let mut blank = edited();
        blank.record.source.label.clear();
        assert!(matches!(check(&blank), Err(RelocationRefused::Note(_))));
    }

    /// Goal: a tag of another sensitivity or pack takes no move.
    #[test]
    fn a_tag_binds_pack_and_sensitivity() {
        let relocation = edited();
        let tag = object_tag(PACK, relocation.item(), Sensitivity::Confidential, 1);
        for (pack, sensitivity) in [
            (PackId::from_bytes([2; 32]), Sensitivity::Confidential),
            (PACK, Sensitivity::Restricted),
        ] {
            assert_eq!(
                relocation.check(pack, sensitivity, tag).unwrap_err(),
                RelocationRefused::WrongTag
            );
        }
    }
}
