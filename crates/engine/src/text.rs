//! Texts that are read page by page.

use crate::{Engine, EngineError, ItemId, PackId, TextPage};
pub use kitbag_core::pack::long_text::TEXT_BYTES_MAX;

impl Engine {
    /// A piece of a note's text, from this byte on; [`TextPage::next`] names the one after it.
    ///
    /// # Errors
    /// [`EngineError::BadInput`] if no character begins there; otherwise as [`Engine::note`].
    pub async fn note_text(
        &self,
        pack: PackId,
        id: ItemId,
        from: u64,
    ) -> Result<TextPage, EngineError> {
        self.worker()?
            .call(move |node, _| node.text(pack, id, from))
            .await
    }
}
