//! Taking notes in: looked through for personal data first, off the node's thread.

use crate::screening::{Screened, Screening, noted, screen};
use crate::{
    AudienceMember, CaptureDone, Captured, Engine, EngineError, Incoming, PackId, Pii, Sensitivity,
};
use std::collections::{BTreeMap, BTreeSet};

/// A note to be taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToCapture {
    /// The note.
    pub note: Incoming,
    /// The text that it answers, if it is a message: a date is read as one of birth if that asks for it.
    pub asked: Option<String>,
}

impl From<Incoming> for ToCapture {
    fn from(note: Incoming) -> ToCapture {
        ToCapture { note, asked: None }
    }
}

/// What became of the notes of one call.
#[derive(Debug)]
pub struct CapturedNotes {
    /// One for each, in their order.
    pub notes: Vec<CapturedNote>,
    /// Who can open what was written, by sensitivity.
    pub audiences: BTreeMap<Sensitivity, Vec<AudienceMember>>,
}

/// What became of one note.
#[derive(Debug)]
pub struct CapturedNote {
    /// What was written, or why nothing was.
    pub outcome: Result<Captured, EngineError>,
    /// Kinds of personal data because of which its original stands, or would stand, at restricted.
    pub held: BTreeSet<Pii>,
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
        notes: Vec<ToCapture>,
        screening: Screening,
    ) -> Result<CapturedNotes, EngineError> {
        let screened = self.screened(pack, notes, screening).await?;
        let mut held = Vec::with_capacity(screened.len());
        let mut incoming = Vec::with_capacity(screened.len());
        for Screened { note, held: kinds } in screened {
            held.push(kinds);
            incoming.push(note);
        }
        let capture = move |node: &mut kitbag_node::Node, now| node.capture(now, pack, incoming);
        let CaptureDone { notes, audiences } = self.worker()?.call(capture).await?;
        let captured = notes
            .into_iter()
            .zip(held)
            .map(|(outcome, held)| CapturedNote {
                outcome: outcome.map_err(EngineError::from),
                held,
            });
        Ok(CapturedNotes {
            notes: captured.collect(),
            audiences,
        })
    }

    async fn screened(
        &self,
        pack: PackId,
        notes: Vec<ToCapture>,
        screening: Screening,
    ) -> Result<Vec<Screened>, EngineError> {
        let default = move |node: &mut kitbag_node::Node, _| node.default_sensitivity(pack);
        let default = self.worker()?.call(default).await?;
        let look = move || {
            let screen = |to: ToCapture| {
                let asked = to.asked.as_deref().unwrap_or("");
                match screening {
                    Screening::Masked => screen(to.note, asked, default),
                    Screening::Unmasked => noted(to.note, asked),
                }
            };
            notes.into_iter().map(screen).collect()
        };
        tokio::task::spawn_blocking(look)
            .await
            .map_err(|_| EngineError::Stopped)
    }
}
