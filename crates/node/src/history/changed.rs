//! What one step of a note's history changed, field by field.

use crate::view::{ChangedValue, FieldChange};
use kitbag_core::pack::note::{Consent, NoteView, Record};
use std::collections::BTreeSet;

/// What differs between the note as a step found it and as it left it. The text is named only: the step
/// shows it.
pub(super) fn changed(record: &Record, from: &NoteView, to: &NoteView) -> Vec<FieldChange> {
    let mut changes = Changes::default();
    changes.value("status", from, to, |note| {
        Some(ChangedValue::text(note.status.as_str()))
    });
    changes.value("title", from, to, |note| {
        Some(ChangedValue::text(&note.title))
    });
    if from.body != to.body {
        changes.0.push(FieldChange::of("text"));
    }
    changes.list("tags", from, to, |note| note.tags.clone());
    changes.value("type", from, to, |note| {
        let of = note.note_type.unwrap_or(record.note_type);
        Some(ChangedValue::text(of.as_str()))
    });
    changes.value("claim", from, to, |note| {
        let of = note.claim.or(record.claim)?;
        Some(ChangedValue::text(of.as_str()))
    });
    changes.value("pinned", from, to, |note| {
        Some(ChangedValue::text(if note.pinned { "yes" } else { "no" }))
    });
    changes.value("valid_from", from, to, |note| {
        note.valid_from.map(ChangedValue::At)
    });
    changes.value("valid_to", from, to, |note| {
        note.valid_to.map(ChangedValue::At)
    });
    changes.value("review_after", from, to, |note| {
        note.review_after.map(ChangedValue::At)
    });
    changes.value("expires_at", from, to, |note| {
        note.expires_at.map(ChangedValue::At)
    });
    consent(&mut changes, from.consent.as_ref(), to.consent.as_ref());
    changes.list("pii", from, to, |note| {
        words(note.pii.iter().map(|kind| kind.as_str()))
    });
    changes.list("superseded_by", from, to, |note| {
        words(note.superseded_by.iter())
    });
    changes.0
}

/// A consent is one statement, replaced as a whole: what differs of it is said point by point.
fn consent(changes: &mut Changes, from: Option<&Consent>, to: Option<&Consent>) {
    let text = |text: Option<&String>| text.map(|text| ChangedValue::text(text));
    changes.value("consent.status", &from, &to, |of| {
        of.map(|of| ChangedValue::text(of.status.as_str()))
    });
    changes.list("consent.purposes", &from, &to, |of| {
        of.map(|of| of.purposes.clone()).unwrap_or_default()
    });
    changes.value("consent.subject", &from, &to, |of| {
        text(of.and_then(|of| of.subject.as_ref()))
    });
    changes.value("consent.given_at", &from, &to, |of| {
        of.and_then(|of| of.given_at).map(ChangedValue::At)
    });
    changes.value("consent.expires_at", &from, &to, |of| {
        of.and_then(|of| of.expires_at).map(ChangedValue::At)
    });
    changes.value("consent.evidence", &from, &to, |of| {
        text(of.and_then(|of| of.evidence.as_ref()))
    });
}

fn words(of: impl Iterator<Item = impl ToString>) -> BTreeSet<String> {
    of.map(|word| word.to_string()).collect()
}

#[derive(Default)]
struct Changes(Vec<FieldChange>);

impl Changes {
    fn value<T>(
        &mut self,
        field: &'static str,
        from: &T,
        to: &T,
        of: impl Fn(&T) -> Option<ChangedValue>,
    ) {
        let (from, to) = (of(from), of(to));
        if from != to {
            self.0.push(FieldChange {
                from,
                to,
                ..FieldChange::of(field)
            });
        }
    }

    fn list<T>(
        &mut self,
        field: &'static str,
        from: &T,
        to: &T,
        of: impl Fn(&T) -> BTreeSet<String>,
    ) {
        let (from, to) = (of(from), of(to));
        if from != to {
            self.0.push(FieldChange {
                added: to.difference(&from).cloned().collect(),
                removed: from.difference(&to).cloned().collect(),
                ..FieldChange::of(field)
            });
        }
    }
}
