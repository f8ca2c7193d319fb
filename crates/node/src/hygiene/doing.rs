//! Putting away what was planned: ordinary edits, a few notes in one commit.
//!
//! Nothing is done to a note that is not in the version that was looked at, so whoever says yes to a plan
//! says yes to what they saw; so it is with what goes along. A device that dies in the middle has done some of it; planning again finds
//! the rest.

use super::runs::Span;
use super::{HygieneGo, Left};
use crate::error::Denied;
use crate::objects::BuiltNote;
use crate::pens::Pens;
use crate::replica::Staged;
use crate::{Node, NodeError};
use kitbag_core::hygiene_receipt::{PutAway, WentAlong};
use kitbag_core::id::{ItemId, PackId};
use kitbag_core::pack::Edit;
use kitbag_core::pack::note::Status;
use kitbag_store::StoreError;
use std::collections::BTreeSet;

/// Notes of one step, at most: each is an edit, which takes about a millisecond.
const STEP_NOTES_MAX: usize = 16;

/// What to do with a note, as it was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HygieneAction {
    /// The note.
    pub note: ItemId,
    /// Names it as it was looked at.
    pub version: [u8; 32],
    /// What is to become of it.
    pub act: HygieneAct,
    /// Its masked copies, or its original, that may go with it, each as it was looked at: no other does.
    pub along: Vec<(ItemId, [u8; 32])>,
    /// Why, for a receipt.
    pub why: Option<String>,
}

/// What is to become of a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HygieneAct {
    /// Its status says that it expired.
    Expire,
    /// Another one replaces it, as that was looked at.
    Supersede {
        /// What replaces it.
        by: ItemId,
        /// Names that as it was looked at.
        version: [u8; 32],
    },
    /// It is deleted.
    Delete,
}

impl HygieneAct {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            HygieneAct::Expire => "expire",
            HygieneAct::Supersede { .. } => "supersede",
            HygieneAct::Delete => "delete",
        }
    }
}

/// What became of a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActDone {
    /// The note.
    pub note: ItemId,
    /// What was done; or why nothing was.
    pub left: Option<Left>,
    /// Its masked copies or original that it was done to as well.
    pub along: Vec<ItemId>,
}

impl Node {
    /// Does as many of these actions as fit one step, the first of them first; what became of those. All
    /// steps of one go have the moment at which it began ([`Node::begin_hygiene_run`]).
    ///
    /// # Errors
    /// [`NodeError::NotFound`] for the pack; [`NodeError::Store`], and nothing of the step is done then.
    /// A note that does not open is no error: it stays as it is, and that is told.
    pub fn hygiene_step(
        &mut self,
        go: &mut HygieneGo,
        pack: PackId,
        actions: &[HygieneAction],
    ) -> Result<Vec<ActDone>, NodeError> {
        self.refuse_if_failed()?;
        self.packs.need(pack)?; // a pack that does not open is an error, one note of it is none
        let (mut staged, mut pens) = (Staged::default(), Pens::default());
        let (mut touched, mut done, mut put_away) = (BTreeSet::new(), Vec::new(), Vec::new());
        let mut after = go.clone();
        for action in actions.iter().take(STEP_NOTES_MAX) {
            // A note is edited once in a step; what goes along, and what replaces another, is to be read as
            // it is then.
            let along = action.along.iter().map(|(id, _)| *id);
            let mut names: Vec<ItemId> = along.chain([action.note]).collect();
            if let HygieneAct::Supersede { by, .. } = action.act {
                names.push(by);
            }
            if names.iter().any(|id| touched.contains(id)) {
                break;
            }
            let planned = match self.planned(pack, action) {
                Err(error) if does_not_open(&error) => Err(Left::Unreadable),
                other => other?,
            };
            let planned = match planned {
                Ok(planned) => planned,
                Err(left) => {
                    after.stays(left);
                    done.push(ActDone {
                        note: action.note,
                        left: Some(left),
                        along: vec![],
                    });
                    continue;
                }
            };
            for (id, edit) in &planned {
                self.stage_edit_with(go.at, pack, *id, edit, None, &mut pens, &mut staged)?;
                touched.insert(*id);
            }
            let along = planned.iter().map(|(id, _)| *id);
            let along: Vec<ItemId> = along.filter(|id| *id != action.note).collect();
            put_away.push(action.receipted(&along));
            done.push(ActDone {
                note: action.note,
                left: None,
                along,
            });
        }
        let spans: Vec<Span> = pens.spans().map(Span::from).collect();
        self.put_down_all(pens, &mut staged);
        let settings = self.with_written(pack, &after, &spans, put_away)?;
        if !settings.is_empty() {
            staged.settings.extend(settings);
            self.remember(pack, &mut staged)?;
            self.commit(pack, staged)?;
        }
        *go = after;
        Ok(done)
    }

    /// The edits of an action, or why there are none.
    fn planned(
        &mut self,
        pack: PackId,
        action: &HygieneAction,
    ) -> Result<Result<Vec<(ItemId, Edit)>, Left>, NodeError> {
        let wanted = match action.act {
            HygieneAct::Supersede { .. } => Status::Superseded,
            HygieneAct::Expire => Status::Expired,
            HygieneAct::Delete => Status::DELETED,
        };
        let built = match self.as_it_was(pack, action.note, &action.version)? {
            Ok(built) => built,
            Err(status) if status == Some(wanted) => return Ok(Err(Left::Done)),
            Err(Some(_)) => return Ok(Err(Left::Changed)),
            Err(None) => return Ok(Err(Left::Gone)),
        };
        for (id, version) in &action.along {
            if self.as_it_was(pack, *id, version)?.is_err() {
                return Ok(Err(Left::Changed));
            }
        }
        let planned = match action.act {
            HygieneAct::Supersede { by, version } => {
                if self.as_it_was(pack, by, &version)?.is_err() {
                    return Ok(Err(Left::KeptChanged));
                }
                match self.plan_supersede(pack, action.note, by) {
                    Ok((planned, false)) => planned,
                    // Nothing that replaces it would stand where its readers see it.
                    Ok((_, true)) => return Ok(Err(Left::KeptChanged)),
                    Err(NodeError::BadInput { .. }) => return Ok(Err(Left::KeptChanged)),
                    Err(error) => return Err(error),
                }
            }
            HygieneAct::Expire | HygieneAct::Delete => {
                let others = self.packs.need(pack)?.partners_of(&action.note);
                let mut planned = Vec::new();
                for id in others.into_iter().chain([action.note]) {
                    let view = match id == action.note {
                        true => built.view(),
                        false => match self.read_note(pack, id) {
                            Ok((_, _, other)) => other.view(),
                            Err(NodeError::Denied(_) | NodeError::NotFound(_)) => continue,
                            Err(error) => return Err(error),
                        },
                    };
                    let put_away = matches!(view.status, Status::Archived | Status::Redacted);
                    let replaced = view.status == Status::Superseded && wanted == Status::Expired;
                    if put_away || replaced || view.status == wanted {
                        continue;
                    }
                    let edit = Edit {
                        status: Some(wanted),
                        ..Edit::default()
                    };
                    planned.push((id, edit));
                }
                planned
            }
        };
        if planned.is_empty() {
            return Ok(Err(Left::Done));
        }
        let in_plan = |id: &ItemId| action.along.iter().any(|(along, _)| along == id);
        if !planned
            .iter()
            .all(|(id, _)| *id == action.note || in_plan(id))
        {
            return Ok(Err(Left::Changed)); // a masked copy that was made meanwhile
        }
        let replica = self.packs.need(pack)?;
        let me = self.me.person();
        let may = |(id, _): &(ItemId, Edit)| {
            let known = replica.meta(id);
            known.is_some_and(|(_, level)| replica.policy.may_write(&me, level))
        };
        if !planned.iter().all(may) {
            return Ok(Err(Left::NotAllowed));
        }
        Ok(Ok(planned))
    }

    /// A note, if it still is as it was looked at; its status otherwise, if it is there.
    fn as_it_was(
        &mut self,
        pack: PackId,
        note: ItemId,
        version: &[u8; 32],
    ) -> Result<Result<BuiltNote, Option<Status>>, NodeError> {
        match self.built_note(pack, note) {
            Ok((_, _, built)) if built.version() == *version => Ok(Ok(built)),
            Ok((_, _, built)) => Ok(Err(Some(built.view().status))),
            Err(NodeError::NotFound(_) | NodeError::Denied(Denied::AboveClearance)) => {
                Ok(Err(None))
            }
            Err(error) => Err(error),
        }
    }
}

impl HygieneAction {
    /// As it stands in a receipt, with those to which the same was done.
    fn receipted(&self, along: &[ItemId]) -> PutAway {
        let went = self.along.iter().filter(|(id, _)| along.contains(id));
        let went = went.map(|(id, version)| WentAlong {
            note: *id,
            before: Some(*version),
        });
        let mut went: Vec<WentAlong> = went.collect();
        went.sort_unstable();
        went.dedup();
        PutAway {
            note: self.note,
            before: self.version,
            act: self.act.as_str().to_owned(),
            why: self.why.clone(),
            by: match self.act {
                HygieneAct::Supersede { by, .. } => Some(by),
                HygieneAct::Expire | HygieneAct::Delete => None,
            },
            along: went,
        }
    }
}

/// Whether something of a note is not what was written, so that it cannot be put together.
fn does_not_open(error: &NodeError) -> bool {
    matches!(
        error,
        NodeError::Damaged(_) | NodeError::Store(StoreError::Damaged { .. })
    )
}

#[cfg(test)]
mod tests;
