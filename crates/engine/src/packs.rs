//! What a pack is called, and whether it is put away here.

use crate::{Engine, EngineError, Sensitivity};
use kitbag_core::id::PackId;

impl Engine {
    /// Puts a pack away on this device, or takes it out again. Says whether that changed anything.
    ///
    /// # Errors
    /// [`EngineError::NotFound`], [`EngineError::BadInput`], [`EngineError::Storage`].
    pub async fn set_archived(&self, pack: PackId, archived: bool) -> Result<bool, EngineError> {
        self.worker()?
            .call(move |node, _| node.set_archived(pack, archived))
            .await
    }

    /// Gives a pack another name of this person's own, or none. Says which it had, if that changed.
    ///
    /// # Errors
    /// [`EngineError::Conflict`] if another pack goes by that; [`EngineError::BadInput`],
    /// [`EngineError::NotFound`], [`EngineError::Storage`].
    pub async fn name_pack(
        &self,
        pack: PackId,
        name: Option<String>,
    ) -> Result<Option<Option<String>>, EngineError> {
        self.worker()?
            .call(move |node, _| node.name_pack(pack, name.as_deref()))
            .await
    }

    /// Gives a pack that this person made another title, which its members see; with `dry_run` only says
    /// at which sensitivities it has one that would change.
    ///
    /// # Errors
    /// [`EngineError::Denied`] for a pack that somebody else made; [`EngineError::Conflict`] if another
    /// pack of this person goes by that; [`EngineError::BadInput`], [`EngineError::NotFound`],
    /// [`EngineError::Storage`].
    pub async fn retitle_pack(
        &self,
        pack: PackId,
        title: String,
        dry_run: bool,
    ) -> Result<Vec<Sensitivity>, EngineError> {
        self.worker()?
            .call(move |node, now| node.retitle_pack(now, pack, &title, dry_run))
            .await
    }
}
