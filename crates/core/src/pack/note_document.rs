//! A note as a document, for notes that somebody edits.
//!
//! Derived from the record when it is first needed. What may be edited is here; where a note comes
//! from is read from its record for ever.
//! Spec: `docs/spec/notes.md`, "Document".

use super::change::{
    BODY, CLAIM_KEY, ChangeRefused, CheckedChange, DATE_KEYS, NewChange, PII_KEY, REDACTED_KEY,
    ROOT, SUPERSEDED_BY_KEY, Schema, TAGS, TITLE, TYPE_KEY, decode_consent, decode_links,
    decode_pii,
};
use super::document::{Base, Document, Draft, EditError, StaleCache};
use super::meeting::Meeting;
use super::note::{
    Claim, Consent, Field, LINKS_MAX, NoteError, NoteType, NoteView, Pii, Record, Status, TAGS_MAX,
    at_most, check_body, check_reason, check_tag, check_title, date,
};
use crate::codec;
use crate::id::{ItemId, LogId, Timestamp};
use automerge::{AutomergeError, ChangeHash, ScalarValue};
use kitbag_crypto::{Hash, HashLabel};
use std::collections::BTreeSet;

/// A note that can be edited and merged.
#[derive(Clone, Debug)]
pub struct NoteDocument(Document);

/// What to change of a note; what is left at its default stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edit {
    /// The whole new title.
    pub title: Option<String>,
    /// The whole new text; the difference to the text before becomes the change.
    pub body: Option<String>,
    /// Tags to add.
    pub add_tags: BTreeSet<String>,
    /// Tags to remove; one that is also added stays.
    pub remove_tags: BTreeSet<String>,
    /// Where the note stands in its life.
    pub status: Option<Status>,
    /// Whether it is kept in front.
    pub pinned: Option<bool>,
    /// A new statement in place of all others.
    pub consent: Option<Consent>,
    /// True from.
    pub valid_from: DateEdit,
    /// True until.
    pub valid_to: DateEdit,
    /// To be looked at again.
    pub review_after: DateEdit,
    /// Hidden after.
    pub expires_at: DateEdit,
    /// What kind of thing it is; clearing leaves what the record says.
    pub note_type: FieldEdit<NoteType>,
    /// What kind of statement it makes; clearing leaves what the record says.
    pub claim: FieldEdit<Claim>,
    /// Kinds of personal data beside those of the record; to set none is to clear.
    pub pii: FieldEdit<BTreeSet<Pii>>,
    /// The notes that replaced it; to set none is to clear.
    pub superseded_by: FieldEdit<BTreeSet<ItemId>>,
    /// Why its content is taken out; it is redacted while one stands.
    pub redacted: FieldEdit<String>,
}

/// What to do with a field that no base has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum FieldEdit<T> {
    /// Leave it.
    #[default]
    Keep,
    /// Take it away.
    Clear,
    /// Set it.
    Set(T),
}

/// What to do with a date.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DateEdit {
    /// Leave it.
    #[default]
    Keep,
    /// Take it away.
    Clear,
    /// Set it.
    Set(Timestamp),
}

impl NoteDocument {
    /// Derives the document of a note that nobody has edited.
    ///
    /// The record should have passed [`Record::check`].
    pub fn derive(item: ItemId, record: &Record) -> NoteDocument {
        let actor = Hash::of(HashLabel::Actor, &[item.as_bytes()]).first_half();
        let mut base = Base::new(Schema::Note, actor);
        base.put(ROOT, "status", record.status.as_str().into());
        base.put(ROOT, "pinned", record.pinned.into());
        if let Some(consent) = &record.consent {
            base.put(ROOT, "consent", ScalarValue::Bytes(codec::encode(consent)));
        }
        let dates = [
            record.valid_from,
            record.valid_to,
            record.review_after,
            record.expires_at,
        ];
        for (key, date) in DATE_KEYS.into_iter().zip(dates) {
            if let Some(date) = date {
                base.put(ROOT, key, date.as_millis().into());
            }
        }
        for tag in &record.tags {
            base.put(TAGS, tag, true.into());
        }
        base.text(TITLE, &record.title);
        base.text(BODY, &record.body);
        NoteDocument(base.finish())
    }

    /// The note as it stands.
    pub fn view(&self) -> NoteView {
        view(&self.0)
    }

    /// The note as it stood at these changes.
    ///
    /// # Errors
    /// [`EditError::UnknownHeads`] if one of them is not here.
    pub fn view_at(&self, heads: &[ChangeHash]) -> Result<NoteView, EditError> {
        Ok(view(&self.0.at(heads)?))
    }

    /// Where edits of the body that did not know of each other stand side by side, and nobody who had
    /// both has written since. Looks at every character: for one note that is shown, not for lists.
    pub fn meetings(&self) -> Vec<Meeting> {
        self.0.meetings(BODY)
    }

    /// The changes that no other builds on, ascending.
    pub fn heads(&self) -> Vec<ChangeHash> {
        self.0.heads()
    }

    /// The derived first change's name.
    pub fn base(&self) -> ChangeHash {
        self.0.base()
    }

    /// The derived first change.
    #[cfg(test)]
    pub(crate) fn base_change(&self) -> automerge::Change {
        self.0.base_change()
    }

    /// What it is made of.
    #[cfg(test)]
    pub(crate) fn inner(&self) -> &Document {
        &self.0
    }

    /// Whether this change is in the document.
    pub fn contains(&self, hash: &ChangeHash) -> bool {
        self.0.contains(hash)
    }

    /// How many edits are in the document.
    pub fn edits(&self) -> usize {
        self.0.edits()
    }

    /// Makes the change for an edit of the note as it stands here, or none if nothing would change.
    /// The document itself stays; apply [`NewChange::checked`] when the change is durable.
    ///
    /// # Errors
    /// [`EditError`] by cause.
    pub fn edit(&self, log: LogId, edit: &Edit) -> Result<Option<NewChange>, EditError> {
        self.edit_at(&self.heads(), log, edit)
    }

    /// The same, for an edit of the note as its writer saw it: what others wrote since then stays.
    ///
    /// # Errors
    /// [`EditError`] by cause.
    pub fn edit_at(
        &self,
        seen: &[ChangeHash],
        log: LogId,
        edit: &Edit,
    ) -> Result<Option<NewChange>, EditError> {
        check_fields(edit)?;
        let past = self.0.at(seen)?;
        check_tag_count(edit, &view(&past).tags)?;
        past.change(log, |draft| write(draft, edit))
    }

    /// Makes a change that only joins heads, while there are more than one edit can build on. It says
    /// anew whether the note is pinned, as it stands at those heads.
    ///
    /// # Errors
    /// [`EditError::Failed`].
    pub fn join(&self, log: LogId) -> Result<Option<NewChange>, EditError> {
        self.0
            .join(log, "pinned", |document| view(document).pinned.into())
    }

    /// Applies one change.
    ///
    /// # Errors
    /// [`ChangeRefused`]; the document is then as before.
    pub fn apply(&mut self, change: &CheckedChange) -> Result<(), ChangeRefused> {
        self.try_apply(std::slice::from_ref(change))
            .map_err(|(_, refused)| refused)
    }

    /// Applies changes, each after those that it builds on; known ones are passed over.
    ///
    /// # Errors
    /// The first change that cannot be applied, and why; the document is then as before.
    pub fn try_apply(&mut self, changes: &[CheckedChange]) -> Result<(), (usize, ChangeRefused)> {
        self.0.try_apply(changes, view)
    }

    /// Applies those of the changes that can be applied, each after those that it builds on; known ones
    /// are passed over. Says which are refused, ascending, and why.
    pub fn apply_each(&mut self, changes: &[CheckedChange]) -> Vec<(usize, ChangeRefused)> {
        self.0.apply_each(changes, view)
    }

    /// The document's bytes for this device's own sealed store. Never sent.
    pub fn to_cache(&self) -> Vec<u8> {
        self.0.to_cache()
    }

    /// Takes a document out of this device's own sealed store.
    ///
    /// # Errors
    /// [`StaleCache`] unless it has exactly these heads.
    pub fn from_cache(bytes: &[u8], heads: &[ChangeHash]) -> Result<NoteDocument, StaleCache> {
        Document::from_cache(Schema::Note, bytes, heads).map(NoteDocument)
    }
}

fn check_fields(edit: &Edit) -> Result<(), NoteError> {
    edit.title.as_deref().map_or(Ok(()), check_title)?;
    edit.body.as_deref().map_or(Ok(()), check_body)?;
    edit.add_tags.iter().try_for_each(|tag| check_tag(tag))?;
    edit.consent.as_ref().map_or(Ok(()), Consent::check)?;
    if let FieldEdit::Set(reason) = &edit.redacted {
        check_reason(reason)?;
    }
    if let FieldEdit::Set(links) = &edit.superseded_by {
        at_most(Field::SupersededBy, links.len(), LINKS_MAX)?;
    }
    for (field, change) in [
        (Field::ValidFrom, edit.valid_from),
        (Field::ValidTo, edit.valid_to),
        (Field::ReviewAfter, edit.review_after),
        (Field::ExpiresAt, edit.expires_at),
    ] {
        if let DateEdit::Set(at) = change {
            date(field, Some(at))?;
        }
    }
    Ok(())
}

/// Merging may leave more tags than the limit; then they can only become fewer.
fn check_tag_count(edit: &Edit, now: &BTreeSet<String>) -> Result<(), NoteError> {
    let kept = now
        .difference(&edit.remove_tags)
        .filter(|tag| !edit.add_tags.contains(*tag))
        .count();
    let after = kept + edit.add_tags.len();
    at_most(Field::Tags, after, TAGS_MAX.max(now.len()))
}

fn write(draft: &mut Draft<'_>, edit: &Edit) -> Result<(), AutomergeError> {
    if let Some(title) = &edit.title {
        draft.line(TITLE, title)?;
    }
    if let Some(body) = &edit.body {
        draft.text(BODY, body)?;
    }
    for tag in edit.remove_tags.difference(&edit.add_tags) {
        draft.delete(TAGS, tag);
    }
    for tag in &edit.add_tags {
        draft.put(TAGS, tag, true.into());
    }
    if let Some(status) = edit.status {
        draft.put(ROOT, "status", status.as_str().into());
    }
    if let Some(pinned) = edit.pinned {
        draft.put(ROOT, "pinned", pinned.into());
    }
    if let Some(consent) = &edit.consent {
        draft.put(ROOT, "consent", ScalarValue::Bytes(codec::encode(consent)));
    }
    let dates = [
        edit.valid_from,
        edit.valid_to,
        edit.review_after,
        edit.expires_at,
    ];
    for (key, date) in DATE_KEYS.into_iter().zip(dates) {
        match date {
            DateEdit::Keep => {}
            DateEdit::Clear => draft.delete(ROOT, key),
            DateEdit::Set(at) => draft.put(ROOT, key, at.as_millis().into()),
        }
    }
    write_field(draft, TYPE_KEY, &edit.note_type, |word| {
        Some(word.as_str().into())
    });
    write_field(draft, CLAIM_KEY, &edit.claim, |word| {
        Some(word.as_str().into())
    });
    write_field(draft, PII_KEY, &edit.pii, |kinds| {
        (!kinds.is_empty()).then(|| ScalarValue::Bytes(codec::encode(kinds)))
    });
    write_field(draft, SUPERSEDED_BY_KEY, &edit.superseded_by, |links| {
        (!links.is_empty()).then(|| ScalarValue::Bytes(codec::encode(links)))
    });
    write_field(draft, REDACTED_KEY, &edit.redacted, |reason| {
        Some(reason.as_str().into())
    });
    Ok(())
}

/// Puts what `value` makes of a field; where that is nothing, the key goes.
fn write_field<T>(
    draft: &mut Draft<'_>,
    key: &str,
    edit: &FieldEdit<T>,
    value: impl Fn(&T) -> Option<ScalarValue>,
) {
    match edit {
        FieldEdit::Keep => {}
        FieldEdit::Clear => draft.delete(ROOT, key),
        FieldEdit::Set(to) => match value(to) {
            Some(value) => draft.put(ROOT, key, value),
            None => draft.delete(ROOT, key),
        },
    }
}

fn view(document: &Document) -> NoteView {
    let dates = |key| {
        let values = document.values(ROOT, key).into_iter();
        values
            .filter_map(|v| v.as_u64())
            .map(Timestamp::from_millis)
    };
    let words = |key| document.values(ROOT, key).into_iter();
    let reasons = words(REDACTED_KEY).filter_map(|v| Some(v.as_str()?.to_owned()));
    let redacted = reasons.min();
    let statuses = document.values(ROOT, "status").into_iter();
    let status = statuses.filter_map(|v| v.as_str()?.parse().ok()).max();
    let consents = document.values(ROOT, "consent").into_iter();
    NoteView {
        title: document.text(TITLE),
        body: document.text(BODY),
        tags: document.keys(TAGS),
        status: match (&redacted, status) {
            // Whoever redacts a deleted note does not bring it back.
            (_, Some(Status::DELETED)) => Status::DELETED,
            (Some(_), _) => Status::Redacted,
            (None, status) => status.unwrap_or(Status::Active),
        },
        pinned: document
            .values(ROOT, "pinned")
            .iter()
            .any(|v| v.as_bool() == Some(true)),
        consent: Consent::strictest(consents.filter_map(|v| decode_consent(v.as_bytes()?))),
        valid_from: dates("valid_from").max(),
        valid_to: dates("valid_to").min(),
        review_after: dates("review_after").min(),
        expires_at: dates("expires_at").min(),
        note_type: words(TYPE_KEY)
            .filter_map(|v| v.as_str()?.parse().ok())
            .max(),
        claim: words(CLAIM_KEY)
            .filter_map(|v| v.as_str()?.parse().ok())
            .reduce(Claim::weaker),
        pii: words(PII_KEY)
            .filter_map(|v| decode_pii(v.as_bytes()?))
            .flatten()
            .collect(),
        superseded_by: words(SUPERSEDED_BY_KEY)
            .filter_map(|v| decode_links(v.as_bytes()?))
            .flatten()
            .collect(),
        redacted,
    }
}
