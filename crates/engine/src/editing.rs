//! Changing a note: what is new is looked through for personal data first, off the node's thread.

use crate::screening::{PackIds, consent_of_copies, found_in, reason_of_copies, shown_by};
use crate::{
    Carried, CarryOptions, EditedNote, Engine, EngineError, ItemId, NoteEdit, PackId, Pii,
    Redacted, Superseded,
};
use std::collections::BTreeSet;

/// What an edit did, and what was found in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edited {
    /// What was written; nothing if the edit changes nothing.
    pub written: Option<EditedNote>,
    /// Kinds of personal data in what is new. The note says so from now on, and stays where it stands.
    pub found: BTreeSet<Pii>,
}

impl Engine {
    /// Changes a note.
    ///
    /// # Errors
    /// [`EngineError::Conflict`] if the edit names an unknown state; otherwise as
    /// [`Engine::add_note`].
    pub async fn edit_note(
        &self,
        pack: PackId,
        id: ItemId,
        edit: NoteEdit,
    ) -> Result<Edited, EngineError> {
        let states = edit.consent.is_some();
        let read = move |node: &mut kitbag_node::Node, _| {
            let note = states.then(|| node.note(pack, id)).transpose()?;
            Ok((note, PackIds::of(node, pack)?))
        };
        let (note, ids) = self.worker()?.call(read).await?;
        let look = move || {
            let scanner = ids.scanner();
            let mut edit = edit;
            let texts = edit.title.iter().chain(&edit.body).chain(&edit.add_tags);
            edit.found.extend(found_in(&scanner, texts));
            let values = note.as_ref().and_then(|note| shown_by(&scanner, note));
            let of_copies = |consent| consent_of_copies(&scanner, consent, values.as_ref());
            edit.consent_of_copies = edit.consent.as_ref().map(of_copies);
            edit
        };
        let edit = tokio::task::spawn_blocking(look).await;
        let edit = edit.map_err(|_| EngineError::Stopped)?;
        let found = edit.found.clone();
        let write = move |node: &mut kitbag_node::Node, now| node.edit_note(now, pack, id, &edit);
        let written = self.worker()?.call(write).await?;
        Ok(Edited { written, found })
    }

    /// Moves or copies a note into another pack, with its masked copy; with `dry_run` only says what that
    /// would do.
    ///
    /// # Errors
    /// [`EngineError::NotFound`]; [`EngineError::Denied`] by the rule that keeps it in;
    /// [`EngineError::BadInput`], [`EngineError::Storage`].
    pub async fn carry(
        &self,
        pack: PackId,
        id: ItemId,
        options: CarryOptions,
        dry_run: bool,
    ) -> Result<Carried, EngineError> {
        self.worker()?
            .call(move |node, now| node.carry(now, pack, id, &options, dry_run))
            .await
    }

    /// Puts a note in the place of another; with `dry_run` only says what that would do. `above`: a
    /// person said that it may stand above the other.
    ///
    /// # Errors
    /// [`EngineError::NotFound`]; [`EngineError::BadInput`] if one of them is deleted or redacted, or the
    /// new one is replaced by the old one; [`EngineError::Denied`], [`EngineError::Storage`].
    pub async fn supersede(
        &self,
        pack: PackId,
        old: ItemId,
        by: ItemId,
        above: bool,
        dry_run: bool,
    ) -> Result<Superseded, EngineError> {
        self.worker()?
            .call(move |node, now| node.supersede(now, pack, old, by, above, dry_run))
            .await
    }

    /// Takes the content of a note out, and of its masked copies; with `dry_run` only says what that
    /// would do. Gives back which kinds of personal data the reason holds, too: it stays to be read.
    ///
    /// # Errors
    /// [`EngineError::NotFound`]; [`EngineError::BadInput`] for the reason; [`EngineError::Denied`],
    /// [`EngineError::Storage`].
    pub async fn redact(
        &self,
        pack: PackId,
        id: ItemId,
        reason: String,
        dry_run: bool,
    ) -> Result<(Redacted, BTreeSet<Pii>), EngineError> {
        let read = move |node: &mut kitbag_node::Node, _| {
            Ok((node.note(pack, id)?, PackIds::of(node, pack)?))
        };
        let (note, ids) = self.worker()?.call(read).await?;
        let text = reason.clone();
        let look = move || {
            let scanner = ids.scanner();
            let found = found_in(&scanner, [&text]);
            let of_copies = reason_of_copies(&scanner, text, shown_by(&scanner, &note).as_ref());
            (of_copies, found)
        };
        let looked = tokio::task::spawn_blocking(look).await;
        let (of_copies, found) = looked.map_err(|_| EngineError::Stopped)?;
        let write = move |node: &mut kitbag_node::Node, now| {
            node.redact_saying(now, pack, id, &reason, &of_copies, dry_run)
        };
        Ok((self.worker()?.call(write).await?, found))
    }
}
