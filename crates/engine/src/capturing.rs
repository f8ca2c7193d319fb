//! Taking notes in from other systems.

use crate::{CaptureDone, Captured, Engine, EngineError, Incoming, PackId};
use kitbag_node::NodeError;

/// What became of the notes of one call.
#[derive(Debug)]
pub struct CapturedNotes {
    /// One for each, in their order; one that could not be taken in says why.
    pub notes: Vec<Result<Captured, EngineError>>,
    /// Who can open what was written, by sensitivity.
    pub audiences: std::collections::BTreeMap<crate::Sensitivity, Vec<crate::AudienceMember>>,
}

impl Engine {
    /// Takes notes in, in one durable step. One that cannot be taken in does not keep the others out.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] for the pack; [`EngineError::BadInput`] if there are too many at
    /// once; [`EngineError::Storage`]. Nothing is taken in then.
    pub async fn capture(
        &self,
        pack: PackId,
        notes: Vec<Incoming>,
    ) -> Result<CapturedNotes, EngineError> {
        let capture = move |node: &mut kitbag_node::Node, now| node.capture(now, pack, notes);
        let CaptureDone { notes, audiences } = self.worker()?.call(capture).await?;
        let refused = |error: NodeError| EngineError::from(error);
        Ok(CapturedNotes {
            notes: notes
                .into_iter()
                .map(|note| note.map_err(refused))
                .collect(),
            audiences,
        })
    }
}
