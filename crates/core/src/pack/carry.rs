//! What somebody changed in a note, as an edit of another state of it.
//!
//! For an edit that is written anew by somebody else: the state it was made on may hold text that
//! does not count, and what it changed must not bring that text along.
//! Spec: `docs/spec/notes.md`, "Written anew".

use super::document::EditError;
use super::note::{LINKS_MAX, NoteType, NoteView, Record, Source, SourceKind, Trust};
use super::note_document::{DateEdit, Edit, FieldEdit, NoteDocument};
use crate::id::{ItemId, LogId, Timestamp};
use std::collections::BTreeSet;

impl Edit {
    /// The edit that makes one state of a note into another. A consent statement that is only in the
    /// first stays: none is ever taken back without another in its place.
    pub fn between(before: &NoteView, after: &NoteView) -> Edit {
        let date = |before: Option<Timestamp>, after: Option<Timestamp>| match after {
            _ if before == after => DateEdit::Keep,
            None => DateEdit::Clear,
            Some(at) => DateEdit::Set(at),
        };
        Edit {
            title: changed(&before.title, &after.title),
            body: changed(&before.body, &after.body),
            add_tags: after.tags.difference(&before.tags).cloned().collect(),
            remove_tags: before.tags.difference(&after.tags).cloned().collect(),
            status: changed(&before.status, &after.status),
            pinned: changed(&before.pinned, &after.pinned),
            consent: changed(&before.consent, &after.consent).flatten(),
            valid_from: date(before.valid_from, after.valid_from),
            valid_to: date(before.valid_to, after.valid_to),
            review_after: date(before.review_after, after.review_after),
            expires_at: date(before.expires_at, after.expires_at),
            note_type: field(&before.note_type, &after.note_type),
            claim: field(&before.claim, &after.claim),
            pii: set(&before.pii, &after.pii),
            superseded_by: set(&before.superseded_by, &after.superseded_by),
            redacted: field(&before.redacted, &after.redacted),
        }
    }

    /// The edit of `standing` that changes there what made `before` into `after`. Where the two went
    /// different ways, they are merged like concurrent edits.
    ///
    /// # Errors
    /// [`EditError`] when a state is beyond the limits of what an edit may write.
    pub fn carried(
        before: &NoteView,
        after: &NoteView,
        standing: &NoteView,
    ) -> Result<Edit, EditError> {
        if before == standing {
            return Ok(Edit::between(before, after));
        }
        let mut merged = NoteDocument::derive(ItemId::from_bytes([0; 32]), &record_of(before));
        // What no base has is put there first.
        let later = Edit {
            note_type: field(&None, &before.note_type),
            claim: field(&None, &before.claim),
            pii: set(&BTreeSet::new(), &before.pii),
            superseded_by: set(&BTreeSet::new(), &before.superseded_by),
            redacted: field(&None, &before.redacted),
            ..Edit::default()
        };
        if let Some(change) = merged.edit(LogId::from_bytes([0; 32]), &later)? {
            merged.apply(&change.checked).map_err(EditError::Failed)?;
        }
        let base = merged.heads();
        for (log, side) in [(1, standing), (2, after)] {
            let edit = Edit::between(before, side);
            let change = merged.edit_at(&base, LogId::from_bytes([log; 32]), &edit)?;
            if let Some(change) = change {
                merged.apply(&change.checked).map_err(EditError::Failed)?;
            }
        }
        Ok(Edit::between(standing, &merged.view()))
    }
}

/// Whether an edit that made `standing` into `made` is the one that brings what made `before` into
/// `after`: how a reader checks that an entry took over what it says.
pub fn carries(before: &NoteView, after: &NoteView, standing: &NoteView, made: &NoteView) -> bool {
    let carried = Edit::carried(before, after, standing);
    carried.is_ok_and(|edit| edit != Edit::default() && edit == Edit::between(standing, made))
}

impl Record {
    /// This record, of the note `item`, as somebody else writes it anew, who did not say it themselves.
    pub fn taken_over(&self, item: ItemId, salt: [u8; 16], captured_by: String) -> Record {
        let mut record = self.clone();
        record.salt = salt;
        record.source.captured_by = captured_by;
        record.source.trust = record.source.trust.max(Trust::ThirdParty);
        if record.derived_from.len() < LINKS_MAX {
            record.derived_from.insert(item);
        }
        record
    }

    /// Whether this is `old`, the record of the note `item`, written anew.
    pub fn takes_over(&self, old: &Record, item: ItemId) -> bool {
        *self == old.taken_over(item, self.salt, self.source.captured_by.clone())
    }
}

fn field<T: Clone + PartialEq>(before: &Option<T>, after: &Option<T>) -> FieldEdit<T> {
    match after {
        _ if before == after => FieldEdit::Keep,
        None => FieldEdit::Clear,
        Some(after) => FieldEdit::Set(after.clone()),
    }
}

fn set<T: Clone + Ord>(before: &BTreeSet<T>, after: &BTreeSet<T>) -> FieldEdit<BTreeSet<T>> {
    match after {
        _ if before == after => FieldEdit::Keep,
        after if after.is_empty() => FieldEdit::Clear,
        after => FieldEdit::Set(after.clone()),
    }
}

fn changed<T: Clone + PartialEq>(before: &T, after: &T) -> Option<T> {
    (before != after).then(|| after.clone())
}

/// A record with these fields, to derive a document from that nobody keeps.
fn record_of(view: &NoteView) -> Record {
    let source = Source {
        kind: SourceKind::Manual,
        label: String::new(),
        uri: None,
        app: None,
        author: None,
        locator: None,
        captured_at: Timestamp::default(),
        observed_at: None,
        captured_by: String::new(),
        trust: Trust::FirstParty,
    };
    Record {
        title: view.title.clone(),
        body: view.body.clone(),
        tags: view.tags.clone(),
        status: view.status,
        pinned: view.pinned,
        consent: view.consent.clone(),
        valid_from: view.valid_from,
        valid_to: view.valid_to,
        review_after: view.review_after,
        expires_at: view.expires_at,
        ..Record::new([0; 16], NoteType::Note, source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::note::Status;

    fn view(body: &str) -> NoteView {
        NoteView {
            title: "Plan".into(),
            body: body.into(),
            ..NoteView::from(&record_of(&NoteView {
                title: String::new(),
                body: String::new(),
                tags: Default::default(),
                status: Status::Active,
                pinned: false,
                consent: None,
                valid_from: None,
                valid_to: None,
                review_after: None,
                expires_at: None,
                note_type: None,
                claim: None,
                pii: BTreeSet::new(),
                superseded_by: BTreeSet::new(),
                redacted: None,
            }))
        }
    }

    /// Goal: what was changed is carried over, and what it was changed in is not.
    #[test]
    fn only_what_an_edit_changed_is_carried_to_another_state() {
        let cases = [
            ("one", "one two", "one", "one two"),
            ("one HOSTILE", "one HOSTILE two", "one", "one two"),
            (
                "one\nHOSTILE",
                "zero one\nHOSTILE",
                "one\nand more",
                "zero one\nand more",
            ),
            ("keep drop", "keep", "keep drop more", "keep more"),
        ];
        for (before, after, standing, wanted) in cases {
            let edit = Edit::carried(&view(before), &view(after), &view(standing)).unwrap();
            assert_eq!(
                edit.body.as_deref(),
                Some(wanted),
                "{before:?} -> {after:?}"
            );
            assert_eq!((edit.title, edit.status), (None, None));
        }
        let nothing = Edit::carried(&view("a b"), &view("a"), &view("a")).unwrap();
        assert_eq!(nothing, Edit::default());
    }

    /// Goal: an edit is known for one that carries another, and what only says so is not.
    #[test]
    fn what_carries_an_edit_is_told_from_what_does_not() {
        let cases = [
            ("one", "one two", "one", "one two", true),
            ("one HOSTILE", "one HOSTILE two", "one", "one two", true),
            ("one", "one two", "zero one", "zero one two", true),
            ("one", "one two", "one", "one", false),
            ("one", "one two", "one", "one three", false),
            ("one", "one two", "one", "", false),
            ("one", "one two", "one two", "one two", false),
            ("one", "one two", "one two", "one", false),
        ];
        for (before, after, standing, made, wanted) in cases {
            let [before, after, standing, made] = [before, after, standing, made].map(view);
            assert_eq!(
                carries(&before, &after, &standing, &made),
                wanted,
                "{made:?}"
            );
        }
        let tagged = NoteView {
            tags: ["x".into()].into(),
            ..view("one two")
        };
        assert!(!carries(
            &view("one"),
            &view("one two"),
            &view("one"),
            &tagged
        ));
    }

    /// Goal: a note written anew is known by its text and where it comes from.
    #[test]
    fn a_record_is_told_from_one_that_only_says_it_was_taken_over() {
        type Spoil = fn(&mut Record);
        let old = record_of(&view("one"));
        let item = ItemId::from_bytes([3; 32]);
        let new = old.taken_over(item, [9; 16], "Ana (laptop)".into());
        assert!(new.takes_over(&old, item));
        assert_eq!(new.source.trust, Trust::ThirdParty);
        let spoils: [Spoil; 6] = [
            |r| r.body = "two".into(),
            |r| r.title.clear(),
            |r| r.derived_from.clear(),
            |r| r.source.trust = Trust::FirstParty,
            |r| r.source.label = "elsewhere".into(),
            |r| r.tags = ["x".into()].into(),
        ];
        for spoil in spoils {
            let mut other = new.clone();
            spoil(&mut other);
            assert!(!other.takes_over(&old, item), "{other:?}");
        }
        assert!(!new.takes_over(&old, ItemId::from_bytes([4; 32])));
    }

    #[test]
    fn everything_that_can_be_edited_is_carried() {
        let before = NoteView {
            tags: ["a".into(), "b".into()].into(),
            valid_to: Some(Timestamp::from_millis(1)),
            ..view("x")
        };
        let after = NoteView {
            title: "Other".into(),
            tags: ["b".into(), "c".into()].into(),
            status: Status::Archived,
            pinned: true,
            valid_from: Some(Timestamp::from_millis(2)),
            valid_to: None,
            ..view("y")
        };
        let standing = NoteView {
            tags: ["a".into(), "z".into()].into(),
            ..before.clone()
        };
        for onto in [&before, &standing] {
            let edit = Edit::carried(&before, &after, onto).unwrap();
            assert_eq!(edit.title.as_deref(), Some("Other"));
            assert_eq!(edit.body.as_deref(), Some("y"));
            assert_eq!(edit.add_tags, ["c".into()].into());
            assert_eq!(edit.remove_tags, ["a".into()].into());
            assert_eq!(
                (edit.status, edit.pinned),
                (Some(Status::Archived), Some(true))
            );
            assert_eq!(edit.valid_from, DateEdit::Set(Timestamp::from_millis(2)));
            assert_eq!(edit.valid_to, DateEdit::Clear);
            assert_eq!(edit.review_after, DateEdit::Keep);
        }
    }
}
