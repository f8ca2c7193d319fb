//! Release rules: set, and asked about one note.

use crate::{
    Engine, EngineError, LeftFrom, PackSummary, ReleaseView, Rules, RulesChange, RulesChanged,
    Sensitivity, Via,
};
use kitbag_core::id::{ItemId, PackId, PersonId};
use kitbag_node::{Node, NodeError};

impl Engine {
    /// Makes a pack that has these release rules from its first moment.
    ///
    /// # Errors
    /// [`EngineError::BadInput`] for the title or the rules; [`EngineError::Storage`].
    pub async fn create_pack_with(
        &self,
        title: String,
        default: Sensitivity,
        rules: Rules,
    ) -> Result<PackSummary, EngineError> {
        self.worker()?
            .call(move |node, now| node.create_pack_with(now, &title, default, &rules))
            .await
    }

    /// Changes a pack's release rules, or with `dry_run` only says what that would do. What is refused is
    /// reported.
    ///
    /// # Errors
    /// [`EngineError::Denied`] for whoever is no admin, where the present rules cannot be read and
    /// the change does not replace them, or by the wall between clients; [`EngineError::BadInput`],
    /// [`EngineError::NotFound`], [`EngineError::Storage`].
    pub async fn change_rules(
        &self,
        pack: PackId,
        change: RulesChange,
        dry_run: bool,
        via: Via,
    ) -> Result<RulesChanged, EngineError> {
        self.worker()?
            .call(move |node, now| {
                let changed = node.change_rules(now, pack, &change, dry_run);
                if let Err(NodeError::Denied(denied)) = &changed {
                    let rule = Node::denied_by(denied);
                    node.report_denial(now, Some(pack), "rules", &rule, via)?;
                }
                changed
            })
            .await
    }

    /// Looks whether notes of this origin may come into a pack.
    ///
    /// # Errors
    /// [`EngineError::Denied`] if that takes them from one client to another and no person said that it
    /// may; [`EngineError::NotFound`].
    pub async fn may_receive(
        &self,
        pack: PackId,
        origin: LeftFrom,
        across_clients: bool,
    ) -> Result<(), EngineError> {
        self.worker()?
            .call(move |node, _| node.may_receive(pack, &origin, across_clients))
            .await
    }

    /// Whether a note may leave by each way for this person, and what decides; nothing for a note that
    /// this device does not open.
    ///
    /// # Errors
    /// [`EngineError::NotFound`], [`EngineError::Storage`].
    pub async fn explain_release(
        &self,
        pack: PackId,
        person: PersonId,
        note: ItemId,
        purpose: Option<String>,
    ) -> Result<Vec<ReleaseView>, EngineError> {
        self.worker()?
            .call(move |node, now| {
                node.explain_release(now, pack, person, note, purpose.as_deref())
            })
            .await
    }
}
