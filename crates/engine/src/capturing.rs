//! Taking notes in: looked through for personal data first, off the node's thread.

use crate::screening::{Beside, PackIds, Screened, Screening, noted, screen};
use crate::{
    AudienceMember, CaptureDone, Captured, Engine, EngineError, Incoming, LeftFrom, PackId, Pii,
    Sensitivity, Via,
};
use kitbag_node::{Denied, NodeError};
use std::collections::{BTreeMap, BTreeSet};
use tracing::warn;

/// A note to be taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToCapture {
    /// The note.
    pub note: Incoming,
    /// The text that it answers, if it is a message: a date is read as one of birth if that asks for it.
    pub asked: Option<String>,
    /// The row of a table of which it is made, in lines of `column: value`: what that shows to be a value
    /// is one in the note.
    pub row: Option<String>,
}

impl From<Incoming> for ToCapture {
    fn from(note: Incoming) -> ToCapture {
        ToCapture {
            note,
            asked: None,
            row: None,
        }
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
    /// Kinds that somebody stated and of which nothing was found: because of them there is no copy.
    pub not_found: BTreeSet<Pii>,
}

/// Where notes come from, and whether a person said that they may cross from one client to another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arriving {
    /// Where they left, as far as their file says.
    pub from: LeftFrom,
    /// Whether they may cross clients.
    pub across_clients: bool,
    /// Only say what would become of them.
    pub dry_run: bool,
    /// Through what they come: what a pack does not let go is reported there then.
    pub via: Option<Via>,
}

/// How often notes are looked through, at most, because the pack names other ids meanwhile.
const LOOKS_MAX: usize = 4;

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
        let here = Arriving::default();
        self.capture_from(pack, notes, screening, here).await
    }

    /// The same for notes of a file that says where they left.
    ///
    /// # Errors
    /// [`EngineError::Denied`] if that takes them from one client to another and no person said that it
    /// may; otherwise as [`Engine::capture`].
    pub async fn capture_from(
        &self,
        pack: PackId,
        notes: Vec<ToCapture>,
        screening: Screening,
        arriving: Arriving,
    ) -> Result<CapturedNotes, EngineError> {
        for _ in 0..LOOKS_MAX {
            let again = notes.clone();
            let done = self.capture_once(pack, again, screening, arriving.clone());
            if let Some(captured) = done.await? {
                return Ok(captured);
            }
        }
        Err(EngineError::Conflict {
            what: "the ids that the pack's rules name change too fast to look for them".into(),
        })
    }

    /// The same; nothing is taken in, and nothing given back, if the pack names other ids by now than were
    /// looked for.
    async fn capture_once(
        &self,
        pack: PackId,
        notes: Vec<ToCapture>,
        screening: Screening,
        arriving: Arriving,
    ) -> Result<Option<CapturedNotes>, EngineError> {
        let (ids, screened) = self.screened(pack, notes, screening).await?;
        let mut held = Vec::with_capacity(screened.len());
        let mut incoming = Vec::with_capacity(screened.len());
        for mut one in screened {
            held.push((one.held, one.not_found));
            one.note.crossing.across_clients |= arriving.across_clients;
            incoming.push(one.note);
        }
        let capture = move |node: &mut kitbag_node::Node, now| {
            // In the same step: what the rules say now is what holds.
            if PackIds::of(node, pack)? != ids {
                return Ok(None);
            }
            node.may_receive(pack, &arriving.from, arriving.across_clients)?;
            let done = node.capture_or_plan(now, pack, incoming, arriving.dry_run)?;
            for outcome in &done.notes {
                if let (Some(via), Err(NodeError::Denied(denied))) = (&arriving.via, outcome)
                    && let Denied::MadeFrom(kept) = denied
                {
                    let rule = kitbag_node::Node::denied_by(denied);
                    let (of, note) = (kept.pack, kept.note);
                    let reported =
                        node.report_denial_of_note(now, of, note, "derive", &rule, via.clone());
                    // What was taken in beside it stays so.
                    if let Err(error) = reported {
                        warn!(%error, "a refusal was not reported");
                    }
                }
            }
            Ok(Some(done))
        };
        let done = self.worker()?.call(capture).await?;
        let Some(CaptureDone { notes, audiences }) = done else {
            return Ok(None);
        };
        let captured = notes
            .into_iter()
            .zip(held)
            .map(|(outcome, (held, not_found))| CapturedNote {
                outcome: outcome.map_err(EngineError::from),
                held,
                not_found,
            });
        Ok(Some(CapturedNotes {
            notes: captured.collect(),
            audiences,
        }))
    }

    async fn screened(
        &self,
        pack: PackId,
        notes: Vec<ToCapture>,
        screening: Screening,
    ) -> Result<(PackIds, Vec<Screened>), EngineError> {
        let default = move |node: &mut kitbag_node::Node, _| {
            Ok((node.default_sensitivity(pack)?, PackIds::of(node, pack)?))
        };
        let (default, ids) = self.worker()?.call(default).await?;
        let look = move || {
            let scanner = ids.scanner();
            let screen = |to: ToCapture| {
                let beside = Beside {
                    asked: to.asked.as_deref().unwrap_or(""),
                    row: to.row.as_deref().unwrap_or(""),
                };
                match screening {
                    Screening::Masked => screen(&scanner, to.note, beside, default),
                    Screening::Unmasked => noted(&scanner, to.note, beside),
                }
            };
            let screened = notes.into_iter().map(screen).collect();
            (ids, screened)
        };
        tokio::task::spawn_blocking(look)
            .await
            .map_err(|_| EngineError::Stopped)
    }
}
