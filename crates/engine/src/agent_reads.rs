//! What an agent reads: decided, and reported, in the same step of the node's thread.
//!
//! Spec: `docs/spec/mcp.md`.

use crate::audit::in_slices;
use crate::{
    AgentAccess, AgentAsks, AgentChanges, AgentRead, AgentSeesPack, Cursor, Engine, EngineError,
    Found, ItemId, PackId, SearchOptions, Sensitivity,
};
use kitbag_node::Node;

impl Engine {
    /// The packs that an agent was given and that are here.
    ///
    /// # Errors
    /// [`EngineError::Storage`].
    pub async fn packs_for_agent(
        &self,
        asks: AgentAsks,
    ) -> Result<Vec<AgentSeesPack>, EngineError> {
        let look = move |node: &mut Node, now| node.packs_for_agent(now, &asks);
        self.worker()?.call(look).await
    }

    /// Looks for words in the notes that an agent may have. Nothing is reported: see
    /// [`Engine::report_agent_reads`].
    ///
    /// # Errors
    /// As [`Engine::search`]; a pack that it was not given is not found.
    pub async fn agent_search(
        &self,
        asks: AgentAsks,
        options: SearchOptions,
    ) -> Result<Found, EngineError> {
        let worker = self.worker()?;
        let begin = move |node: &mut Node, now| {
            let mut searching = node.begin_agent_search(now, options, &asks)?;
            let found = node.search_on(&mut searching)?;
            Ok((searching, found))
        };
        let on = |mut searching| {
            move |node: &mut Node, _| {
                let found = node.search_on(&mut searching)?;
                Ok((searching, found))
            }
        };
        in_slices(&worker, begin, on).await
    }

    /// Reads notes for an agent, as far as it may have them. Those that it may not have are reported as
    /// refused; the others are to be reported as read by whoever hands them over, before that.
    ///
    /// # Errors
    /// [`EngineError::BadInput`] for more than [`crate::AGENT_NOTES_MAX`]; [`EngineError::Storage`].
    pub async fn agent_notes(
        &self,
        asks: AgentAsks,
        notes: Vec<ItemId>,
    ) -> Result<Vec<AgentRead>, EngineError> {
        let read = move |node: &mut Node, now| {
            let read = node.agent_notes(now, &asks, &notes)?;
            let refused = notes.iter().zip(&read);
            let refused = refused.filter(|(_, read)| matches!(read, AgentRead::Unknown));
            let refused: Vec<ItemId> = refused.map(|(note, _)| *note).collect();
            node.report_agent_refused(now, &asks, &refused)?;
            Ok(read)
        };
        self.worker()?.call(read).await
    }

    /// Reports that text of these notes is about to be handed to an agent; durable before this returns.
    ///
    /// # Errors
    /// [`EngineError::Storage`].
    pub async fn report_agent_reads(
        &self,
        asks: AgentAsks,
        read: Vec<(PackId, ItemId, Sensitivity)>,
    ) -> Result<(), EngineError> {
        if read.is_empty() {
            return Ok(());
        }
        let report = move |node: &mut Node, now| node.report_agent_reads(now, &asks.reach, &read);
        self.worker()?.call(report).await
    }

    /// What changed since an agent was last told.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] for a pack; [`EngineError::BadInput`] for a cursor that is not known any
    /// more; [`EngineError::Storage`].
    pub async fn agent_changes(
        &self,
        asks: AgentAsks,
        packs: Option<Vec<PackId>>,
        cursor: Option<Cursor>,
        limit: usize,
    ) -> Result<AgentChanges, EngineError> {
        let look = move |node: &mut Node, now| node.agent_changes(now, &asks, packs, cursor, limit);
        self.worker()?.call(look).await
    }

    /// Whether an agent may have a note, why not and whom to ask.
    ///
    /// # Errors
    /// [`EngineError::Storage`].
    pub async fn agent_access(
        &self,
        asks: AgentAsks,
        note: ItemId,
    ) -> Result<AgentAccess, EngineError> {
        let look = move |node: &mut Node, now| node.agent_access(now, &asks, note);
        self.worker()?.call(look).await
    }
}

impl Engine {
    /// The notes that an agent means by ids, whole or short, as far as there are any.
    ///
    /// # Errors
    /// [`EngineError::Storage`].
    pub async fn agent_means(
        &self,
        asks: AgentAsks,
        ids: Vec<String>,
    ) -> Result<Vec<Option<ItemId>>, EngineError> {
        let look = move |node: &mut Node, now| {
            let ids = ids.iter().map(|id| node.agent_means(now, &asks, id));
            ids.collect()
        };
        self.worker()?.call(look).await
    }

    /// The packs that an agent means by ids, whole or short.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] for any other than its own; [`EngineError::Storage`].
    pub async fn agent_means_packs(
        &self,
        asks: AgentAsks,
        ids: Vec<String>,
    ) -> Result<Vec<PackId>, EngineError> {
        let look = move |node: &mut Node, now| {
            let packs = ids.iter().map(|id| node.agent_means_pack(now, &asks, id));
            packs.collect()
        };
        self.worker()?.call(look).await
    }
}
