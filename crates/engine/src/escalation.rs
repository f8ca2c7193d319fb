//! Escalation rules and teams of a pack, and what they decide.

use crate::{Engine, EngineError, ReleaseRules};
use kitbag_core::id::PackId;
use kitbag_node::{Denied, NodeError};

impl Engine {
    /// The rules of a pack that are in force: escalation rules, guards and teams among them. What they
    /// decide of a case is [`crate::decide_escalation`]'s.
    ///
    /// # Errors
    /// [`EngineError::Denied`] where they cannot be read here; [`EngineError::NotFound`].
    pub async fn rules_in_force(&self, pack: PackId) -> Result<ReleaseRules, EngineError> {
        self.worker()?
            .call(move |node, _| {
                let rules = node.release_rules(pack)?;
                rules.map_err(|why| NodeError::Denied(Denied::RulesUnreadable(why)))
            })
            .await
    }
}
