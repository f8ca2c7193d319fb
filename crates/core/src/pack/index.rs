//! A pack's own small document, one for each sensitivity in use: its title there.
//!
//! Its base is derived from the pack's id and the sensitivity alone, so that every member has it
//! before anything was written. It never lists notes; those are found through their entries. The keys
//! `order` and `selections` are made in the base and kept for later: no edit may touch them yet.
//! Spec: `docs/spec/notes.md`, "Index document".

use super::change::{ChangeRefused, CheckedChange, NewChange, ROOT, Schema};
use super::document::{Base, Document, EditError, StaleCache};
use super::note::check_title;
use crate::id::{LogId, ObjectTag, PackId};
use crate::policy::Sensitivity;
use automerge::{ChangeHash, ScalarValue};
use kitbag_crypto::{Hash, HashLabel};

/// A pack's own document at one sensitivity.
#[derive(Clone, Debug)]
pub struct IndexDocument(Document);

/// What to change; what is left at its default stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexEdit {
    /// The whole new title.
    pub title: Option<String>,
}

/// The document as it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexView {
    /// The pack's title; empty until somebody sets it. Of several at once, Automerge's choice.
    pub title: String,
}

/// The plaintext tag of the index document's entries: `H(object tag, pack, sensitivity as one byte)`.
pub fn index_tag(pack: PackId, sensitivity: Sensitivity) -> ObjectTag {
    Hash::of(
        HashLabel::ObjectTag,
        &[pack.as_bytes(), &[sensitivity as u8]],
    )
    .into()
}

impl IndexDocument {
    /// Derives the document that nobody has edited.
    pub fn derive(pack: PackId, sensitivity: Sensitivity) -> IndexDocument {
        let tag = index_tag(pack, sensitivity);
        let actor = Hash::of(HashLabel::Actor, &[tag.as_bytes()]).first_half();
        let mut base = Base::new(Schema::Index, actor);
        base.put(ROOT, "title", "".into());
        IndexDocument(base.finish())
    }

    /// The document as it stands.
    pub fn view(&self) -> IndexView {
        view(&self.0)
    }

    /// The changes that no other builds on, ascending.
    pub fn heads(&self) -> Vec<ChangeHash> {
        self.0.heads()
    }

    /// The derived first change's name.
    pub fn base(&self) -> ChangeHash {
        self.0.base()
    }

    /// Makes the change for an edit, or none if nothing would change. The document itself stays.
    ///
    /// # Errors
    /// [`EditError`] by cause.
    pub fn edit(&self, log: LogId, edit: &IndexEdit) -> Result<Option<NewChange>, EditError> {
        edit.title.as_deref().map_or(Ok(()), check_title)?;
        self.0.change(log, |draft| {
            if let Some(title) = &edit.title {
                draft.put(ROOT, "title", title.as_str().into());
            }
            Ok(())
        })
    }

    /// Makes a change that only joins heads, while there are more than one edit can build on. It says
    /// the title anew, as it stands at those heads.
    ///
    /// # Errors
    /// [`EditError::Failed`].
    pub fn join(&self, log: LogId) -> Result<Option<NewChange>, EditError> {
        self.0
            .join(log, "title", |document| view(document).title.into())
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

    /// The document's bytes for this device's own sealed store. Never sent.
    pub fn to_cache(&self) -> Vec<u8> {
        self.0.to_cache()
    }

    /// Takes a document out of this device's own sealed store.
    ///
    /// # Errors
    /// [`StaleCache`] unless it has exactly these heads.
    pub fn from_cache(bytes: &[u8], heads: &[ChangeHash]) -> Result<IndexDocument, StaleCache> {
        Document::from_cache(Schema::Index, bytes, heads).map(IndexDocument)
    }
}

fn view(document: &Document) -> IndexView {
    let title = document.values(ROOT, "title").pop();
    IndexView {
        title: title
            .as_ref()
            .and_then(ScalarValue::as_str)
            .unwrap_or_default()
            .to_owned(),
    }
}
