//! What is set aside in a pack, and taking it over.

use crate::{
    AudienceMember, Engine, EngineError, EntryHash, PackId, Sensitivity, SetAsideView, TakenOver,
    one_of,
};

impl Engine {
    /// What is set aside in a pack, and why.
    ///
    /// # Errors
    /// [`EngineError::NotFound`], [`EngineError::Storage`].
    pub async fn set_aside(&self, pack: PackId) -> Result<Vec<SetAsideView>, EngineError> {
        self.worker()?
            .call(move |node, _| node.set_aside(pack))
            .await
    }

    /// Of what is listed, the entry that a person means by its id or the beginning of it.
    ///
    /// # Errors
    /// [`EngineError::NotFound`], [`EngineError::Ambiguous`].
    pub fn pick_set_aside(
        listed: &[SetAsideView],
        selector: String,
    ) -> Result<EntryHash, EngineError> {
        let lower = selector.to_ascii_lowercase();
        let whole: Option<EntryHash> = lower.parse().ok();
        let named = |entry: &EntryHash| match whole {
            Some(whole) => *entry == whole,
            None => !lower.is_empty() && entry.to_string().starts_with(&lower),
        };
        let found = listed.iter().map(|view| view.entry).filter(named);
        one_of(
            found.collect(),
            "edit set aside",
            selector,
            EntryHash::to_string,
        )
    }

    /// Writes the content of entries that are set aside anew, as this person's own.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] if one of them is not set aside any more; [`EngineError::Denied`] if
    /// this person may not write there; [`EngineError::Storage`]. Nothing is written then.
    pub async fn take_over(
        &self,
        pack: PackId,
        entries: Vec<EntryHash>,
    ) -> Result<Vec<TakenOver>, EngineError> {
        self.worker()?
            .call(move |node, now| node.take_over(now, pack, &entries))
            .await
    }

    /// What [`Engine::take_over`] would do, without doing it.
    ///
    /// # Errors
    /// As [`Engine::take_over`].
    pub async fn plan_take_over(
        &self,
        pack: PackId,
        entries: Vec<EntryHash>,
    ) -> Result<Vec<TakenOver>, EngineError> {
        self.worker()?
            .call(move |node, now| node.plan_take_over(now, pack, &entries))
            .await
    }

    /// Who can open notes of this sensitivity now.
    ///
    /// # Errors
    /// [`EngineError::Stopped`].
    pub async fn audience(
        &self,
        pack: PackId,
        sensitivity: Sensitivity,
    ) -> Result<Vec<AudienceMember>, EngineError> {
        self.worker()?
            .call(move |node, _| Ok(node.audience(pack, sensitivity)))
            .await
    }
}
