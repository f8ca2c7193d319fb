//! Who may what, and why; trying records as somebody else; what bytes are.

use crate::{Engine, EngineError};
use kitbag_core::id::{ItemId, PackId, PersonId};
use kitbag_node::Node;
use kitbag_node::check::Checked;
use kitbag_node::explain::{PolicyView, Rule, WhoView};
use kitbag_node::why::PackWhy;

impl Engine {
    /// Who opens which sensitivity of a pack, or a note, now and before.
    ///
    /// # Errors
    /// [`EngineError::NotFound`].
    pub async fn who(
        &self,
        pack: PackId,
        note: Option<ItemId>,
    ) -> Result<Vec<WhoView>, EngineError> {
        self.worker()?
            .call(move |node, _| node.who(pack, note))
            .await
    }

    /// What decides whether a person may read, write and share.
    ///
    /// # Errors
    /// [`EngineError::NotFound`].
    pub async fn explain(
        &self,
        pack: PackId,
        person: PersonId,
        note: Option<ItemId>,
    ) -> Result<Vec<Rule>, EngineError> {
        self.worker()?
            .call(move |node, _| node.explain(pack, person, note))
            .await
    }

    /// A pack's policy in full.
    ///
    /// # Errors
    /// [`EngineError::NotFound`].
    pub async fn policy(&self, pack: PackId) -> Result<PolicyView, EngineError> {
        self.worker()?
            .call(move |node, now| node.policy_view(now, pack))
            .await
    }

    /// Tries every record of a pack with the keys that a person gets, a slice at a time, so that the
    /// device does its other work between two of them.
    ///
    /// # Errors
    /// [`EngineError::NotFound`], [`EngineError::Storage`].
    pub async fn check(&self, pack: PackId, person: PersonId) -> Result<Checked, EngineError> {
        let worker = self.worker()?;
        let begin = move |node: &mut Node, _| node.begin_check(pack, person);
        let mut checking = worker.call(begin).await?;
        loop {
            let slice = move |node: &mut Node, _| {
                let found = node.check_on(&mut checking)?;
                Ok((checking, found))
            };
            let (rest, found) = worker.call(slice).await?;
            match found {
                Some(checked) => return Ok(checked),
                None => checking = rest,
            }
        }
    }

    /// Why packs are not all well, in order of arrival.
    ///
    /// # Errors
    /// [`EngineError::Stopped`].
    pub async fn why(&self) -> Result<Vec<PackWhy>, EngineError> {
        self.worker()?.call(|node, _| node.why(None)).await
    }
}
