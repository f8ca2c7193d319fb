//! Deleting a note, and taking back the last write.

use crate::{Along, Deleted, Engine, EngineError, ItemId, PackId, Undone};
use kitbag_node::Node;

impl Engine {
    /// Deletes a note, or restores one, whoever deleted it; with `dry_run` only says what would happen.
    ///
    /// # Errors
    /// [`EngineError::NotFound`]; [`EngineError::Denied`] if this person may not write there;
    /// [`EngineError::Storage`].
    pub async fn set_deleted(
        &self,
        pack: PackId,
        id: ItemId,
        deleted: bool,
        along: Along,
        dry_run: bool,
    ) -> Result<Deleted, EngineError> {
        self.worker()?
            .call(move |node, now| node.set_deleted(now, pack, id, deleted, along, dry_run))
            .await
    }

    /// The pack in which this device wrote last, if it is known.
    ///
    /// # Errors
    /// [`EngineError::Storage`].
    pub async fn last_written(&self) -> Result<Option<PackId>, EngineError> {
        self.worker()?.call(|node, _| node.last_written()).await
    }

    /// Takes back what this device wrote last in a pack, or in one note of it, and did not take back
    /// yet; with `dry_run` only says what that is. What hygiene wrote in one go is taken back as one.
    ///
    /// # Errors
    /// [`EngineError::BeyondUndo`] if the last write is of another kind; [`EngineError::Conflict`] if
    /// nothing is left; [`EngineError::Denied`] if this person may not write there any more;
    /// [`EngineError::Storage`].
    pub async fn undo(
        &self,
        pack: PackId,
        note: Option<ItemId>,
        dry_run: bool,
    ) -> Result<Undone, EngineError> {
        let worker = self.worker()?;
        let step = move |node: &mut Node, now| node.undo(now, pack, note, dry_run);
        let first = worker.call(step).await?;
        let Some(mut run) = first.run.filter(|_| !dry_run) else {
            return Ok(first);
        };
        // By its name: what was written meanwhile is none of it.
        while run.rest > 0 {
            let at = run.at;
            let on = move |node: &mut Node, now| node.undo_run_on(now, pack, at);
            match worker.call(on).await? {
                Some(next) if next.rest < run.rest => run = next,
                _ => break,
            }
        }
        Ok(Undone {
            run: Some(run),
            ..first
        })
    }
}
