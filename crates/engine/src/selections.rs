//! Selections: put together, kept, looked at.

use crate::{
    Chosen, Engine, EngineError, NamedSelection, ReadFilter, SelectedNote, Selection,
    SelectionChange, SelectionChanged,
};
use kitbag_core::id::PackId;
use kitbag_node::Node;

/// The error of a call, which names the selection that there is none of. The node does not say which of
/// two it looked for; of those that are asked for, only the first has to be there.
fn named(error: EngineError, name: &str) -> EngineError {
    match error {
        EngineError::NotFound {
            what: what @ "selection",
            ..
        } => EngineError::NotFound {
            what,
            selector: name.to_owned(),
        },
        other => other,
    }
}

impl Engine {
    /// Every selection of this device, by name.
    ///
    /// # Errors
    /// [`EngineError::Storage`].
    pub async fn selections(&self) -> Result<Vec<NamedSelection>, EngineError> {
        self.worker()?.call(|node, _| node.selections()).await
    }

    /// A selection, how its notes stand now, and whether they are of several clients; of several packs
    /// of which one cannot tell its clients here, that they are.
    ///
    /// # Errors
    /// [`EngineError::BadInput`] for what is no name; [`EngineError::NotFound`], [`EngineError::Integrity`],
    /// [`EngineError::Storage`].
    pub async fn selection(
        &self,
        name: String,
    ) -> Result<(Selection, Vec<SelectedNote>, bool), EngineError> {
        let asked = name.clone();
        let look = move |node: &mut Node, _| {
            let selection = node.selection(&name)?;
            let notes = node.selected_notes(&selection)?;
            let crosses = node.crosses_clients(&selection.packs()).unwrap_or(true);
            Ok((selection, notes, crosses))
        };
        let looked = self.worker()?.call(look).await;
        looked.map_err(|error| named(error, &asked))
    }

    /// Changes a selection, or with `dry_run` only says what that would do.
    ///
    /// # Errors
    /// [`EngineError::Denied`] if it would hold notes of several clients; [`EngineError::BadInput`],
    /// [`EngineError::NotFound`], [`EngineError::Integrity`], [`EngineError::Storage`].
    pub async fn change_selection(
        &self,
        name: String,
        change: SelectionChange,
        dry_run: bool,
    ) -> Result<SelectionChanged, EngineError> {
        let asked = name.clone();
        let changed = self
            .worker()?
            .call(move |node, _| node.change_selection(&name, &change, dry_run))
            .await;
        changed.map_err(|error| named(error, &asked))
    }

    /// Keeps the notes of one selection under another name, too.
    ///
    /// # Errors
    /// [`EngineError::Conflict`] if there is one and it may not be replaced; otherwise as
    /// [`Engine::change_selection`].
    pub async fn save_selection(
        &self,
        from: String,
        name: String,
        replace: bool,
        dry_run: bool,
    ) -> Result<Selection, EngineError> {
        let asked = from.clone();
        let saved = self
            .worker()?
            .call(move |node, _| node.save_selection(&from, &name, replace, dry_run))
            .await;
        saved.map_err(|error| named(error, &asked))
    }

    /// Forgets a selection. Returns how many notes it had, if that could be read.
    ///
    /// # Errors
    /// [`EngineError::BadInput`] for what is no name; [`EngineError::NotFound`], [`EngineError::Storage`].
    pub async fn delete_selection(
        &self,
        name: String,
        dry_run: bool,
    ) -> Result<Option<usize>, EngineError> {
        let asked = name.clone();
        let deleted = self
            .worker()?
            .call(move |node, _| node.delete_selection(&name, dry_run))
            .await;
        deleted.map_err(|error| named(error, &asked))
    }

    /// The notes of these packs that are like that, pack by pack in the order of an export.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] for a pack; [`EngineError::BadInput`] for more than a selection holds;
    /// [`EngineError::Storage`].
    pub async fn choose(
        &self,
        packs: Vec<PackId>,
        like: ReadFilter,
    ) -> Result<Vec<Chosen>, EngineError> {
        let worker = self.worker()?;
        let begin = move |node: &mut Node, _| node.begin_choosing(&packs, like);
        let mut scanned = worker.call(begin).await?;
        loop {
            let slice = move |node: &mut Node, _| {
                let found = node.choose_on(&mut scanned)?;
                Ok((scanned, found))
            };
            let (rest, found) = worker.call(slice).await?;
            match found {
                Some(found) => return Ok(found),
                None => scanned = rest,
            }
        }
    }
}
