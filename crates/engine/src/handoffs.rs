//! Hand-offs: what is written is looked through first, off the node's thread.
//!
//! A text at anything below restricted must not hold personal data: neither of a kind that every text
//! is looked through for, nor a value that a note shows which stands above the hand-off. It is refused by
//! kind; the value itself is in no answer and no log.
//! Spec: `docs/spec/handoff.md`, "What a text may not hold".

use crate::screening::{Beside, PackIds, screen, shown};
use crate::{Engine, EngineError, PackId, Sensitivity};
use kitbag_core::handoff::{Act, Agent, Outcome, State};
use kitbag_core::id::{ItemId, Timestamp};
use kitbag_core::pack::note::Pii;
use kitbag_node::handoffs::{
    Citing, Corrected, Correction, Finishing, HandoffFilter, HandoffLine, HandoffParty,
    HandoffRefused, HandoffView, Inbox, NewHandoff, RulesChecked,
};
use kitbag_node::view::AudienceMember;
use kitbag_node::{Node, NodeError};
use kitbag_scan::{Hint, Known};

/// Notes above a hand-off whose values are looked for in its texts, at most.
const ABOVE_NOTES_MAX: usize = 4_096;
/// Bytes of their texts, at most.
const ABOVE_BYTES_MAX: usize = 16 << 20;
/// How often a draft is looked through, at most, because the pack names other ids meanwhile.
const LOOKS_MAX: usize = 4;

/// A draft that was written, or would be.
#[derive(Clone, Debug)]
pub struct HandoffDrafted {
    /// Its id; none if nothing was written.
    pub id: Option<ItemId>,
    /// Where it stands at.
    pub sensitivity: Sensitivity,
    /// Where it stands.
    pub state: State,
    /// What it cites, and what was left out.
    pub citing: Citing,
    /// Who can read it.
    pub audience: Vec<AudienceMember>,
}

/// What to do with a draft.
#[derive(Clone, Debug, Default)]
pub struct Drafting {
    /// The draft that is written anew.
    pub revise: Option<ItemId>,
    /// Whether it is sent at once.
    pub submit: bool,
    /// Whether a person has to have approved what is sent.
    pub needs_approval: bool,
    /// The agent that writes.
    pub agent: Option<Agent>,
    /// Whether nothing is written.
    pub dry_run: bool,
    /// Nothing above this is written: what an agent is cleared for.
    pub up_to: Option<Sensitivity>,
}

/// How a hand-off is completed.
#[derive(Clone, Debug)]
pub struct Completing {
    /// What came of it.
    pub outcome: Outcome,
    /// Notes that were wrong, and what is right.
    pub corrections: Vec<Correction>,
    /// Whether what is said of it is written down as a note, too.
    pub keep_notes: bool,
}

impl Engine {
    /// What a pack's escalation rules say of a case.
    ///
    /// # Errors
    /// [`EngineError::NotFound`]; [`EngineError::Denied`] while the rules cannot be read here.
    pub async fn check_rules(
        &self,
        pack: PackId,
        facts: kitbag_core::escalation::CaseFacts,
        agent: String,
        context: Option<String>,
    ) -> Result<RulesChecked, EngineError> {
        self.worker()?
            .call(move |node, now| node.check_rules(now, pack, facts, &agent, context.as_deref()))
            .await
    }

    /// Whether a guard of a pack holds back one more hand-off of an agent.
    ///
    /// # Errors
    /// As [`Engine::check_rules`].
    pub async fn handoff_is_held(
        &self,
        pack: PackId,
        agent: String,
        context: Option<String>,
    ) -> Result<Option<kitbag_core::escalation::Held>, EngineError> {
        self.worker()?
            .call(move |node, _| node.handoff_is_held(pack, &agent, context.as_deref()))
            .await
    }

    /// A hand-off of an agent that is open and says the same.
    ///
    /// # Errors
    /// [`EngineError::NotFound`], [`EngineError::Storage`].
    pub async fn same_handoff(
        &self,
        pack: PackId,
        agent: String,
        context: Option<String>,
        draft: kitbag_core::handoff::Draft,
    ) -> Result<Option<ItemId>, EngineError> {
        self.worker()?
            .call(move |node, _| node.same_handoff(pack, &agent, context.as_deref(), &draft))
            .await
    }

    /// Whom a word means in a pack.
    ///
    /// # Errors
    /// [`EngineError::Handoff`] if nobody, or several.
    pub async fn addressee(
        &self,
        pack: PackId,
        word: String,
    ) -> Result<kitbag_core::handoff::Addressee, EngineError> {
        self.worker()?
            .call(move |node, _| node.addressee(pack, &word))
            .await
    }

    /// How people call whom a hand-off is for.
    ///
    /// # Errors
    /// [`EngineError::NotFound`].
    pub async fn handoff_party(
        &self,
        pack: PackId,
        to: kitbag_core::handoff::Addressee,
    ) -> Result<HandoffParty, EngineError> {
        self.worker()?
            .call(move |node, _| node.handoff_party(pack, &to))
            .await
    }

    /// The hand-off that a person means by an id or the beginning of one.
    ///
    /// # Errors
    /// [`EngineError::NotFound`], [`EngineError::Ambiguous`].
    pub async fn resolve_handoff(&self, selector: String) -> Result<(PackId, ItemId), EngineError> {
        let word = selector.clone();
        let found = self
            .worker()?
            .call(move |node, _| Ok(node.handoffs_called(&word)))
            .await?;
        crate::one_of(found, "hand-off", selector, |(_, id)| id.to_string())
    }

    /// Drafts a hand-off, or writes a draft anew, and sends it if that is said.
    ///
    /// # Errors
    /// [`EngineError::Handoff`] for whom it is for, what it cites, or what a text holds;
    /// [`EngineError::NotFound`], [`EngineError::Denied`], [`EngineError::Storage`].
    pub async fn draft_handoff(
        &self,
        pack: PackId,
        new: NewHandoff,
        drafting: Drafting,
    ) -> Result<HandoffDrafted, EngineError> {
        for _ in 0..LOOKS_MAX {
            let tried = self.draft_once(pack, new.clone(), drafting.clone()).await?;
            if let Some(done) = tried {
                return Ok(done);
            }
        }
        Err(EngineError::Conflict {
            what: "the ids that the pack's rules name change too fast to look for them".into(),
        })
    }

    async fn draft_once(
        &self,
        pack: PackId,
        new: NewHandoff,
        drafting: Drafting,
    ) -> Result<Option<HandoffDrafted>, EngineError> {
        let wish = new.clone();
        let revise = drafting.revise;
        let plan = move |node: &mut Node, now| {
            let (sensitivity, citing) = node.plan_handoff(now, pack, &wish, revise)?;
            let above = texts_above(node, pack, sensitivity, &wish.draft.cited())?;
            Ok((sensitivity, citing, above, PackIds::of(node, pack)?))
        };
        let (sensitivity, citing, above, ids) = self.worker()?.call(plan).await?;
        if drafting.up_to.is_some_and(|up_to| sensitivity > up_to) {
            return Err(NodeError::from(kitbag_node::Denied::AboveClearance).into());
        }
        let texts: Vec<(&'static str, String)> = citing
            .draft
            .texts()
            .into_iter()
            .map(|(field, text)| (field, text.to_owned()))
            .collect();
        let ids = look_through(ids, sensitivity, above, texts).await?;
        let audience = self.audience(pack, sensitivity).await?;
        if drafting.dry_run {
            return Ok(Some(HandoffDrafted {
                id: None,
                sensitivity,
                state: State::Draft,
                citing,
                audience,
            }));
        }
        let write = move |node: &mut Node, now: Timestamp| {
            if PackIds::of(node, pack)? != ids {
                return Ok(None);
            }
            let agent = drafting.agent.clone();
            let (id, citing) = match drafting.revise {
                None => {
                    let new = NewHandoff {
                        sensitivity: Some(sensitivity), // where it was looked through for
                        ..new
                    };
                    node.draft_handoff(now, pack, new, agent.clone())?
                }
                Some(id) => (
                    id,
                    node.revise_handoff(now, pack, id, new.draft, agent.clone())?,
                ),
            };
            let (state, citing) = match drafting.submit {
                true => {
                    let needs = drafting.needs_approval;
                    let (state, _) = node.submit_handoff(now, pack, id, needs, agent)?;
                    (state, citing)
                }
                false => (State::Draft, citing),
            };
            Ok(Some((id, state, citing)))
        };
        let written = self.worker()?.call(write).await?;
        Ok(written.map(|(id, state, citing)| HandoffDrafted {
            id: Some(id),
            sensitivity,
            state,
            citing,
            audience,
        }))
    }

    /// Sends a draft.
    ///
    /// # Errors
    /// As [`Engine::draft_handoff`].
    pub async fn submit_handoff(
        &self,
        pack: PackId,
        id: ItemId,
        needs_approval: bool,
        agent: Option<Agent>,
    ) -> Result<State, EngineError> {
        let submit =
            move |node: &mut Node, now| node.submit_handoff(now, pack, id, needs_approval, agent);
        Ok(self.worker()?.call(submit).await?.0)
    }

    /// Does something about a hand-off.
    ///
    /// # Errors
    /// [`EngineError::Handoff`] if it may not be, or a text holds what it may not;
    /// [`EngineError::NotFound`], [`EngineError::Denied`], [`EngineError::Storage`].
    pub async fn act_on_handoff(
        &self,
        pack: PackId,
        id: ItemId,
        act: Act,
        agent: Option<Agent>,
        expected: Option<State>,
    ) -> Result<State, EngineError> {
        let texts = act.texts().into_iter();
        let texts = texts
            .map(|(field, text)| (field, text.to_owned()))
            .collect();
        self.look_at_texts(pack, id, texts).await?;
        let done =
            move |node: &mut Node, now| node.act_on_handoff(now, pack, id, act, agent, expected);
        self.worker()?.call(done).await
    }

    /// Completes a hand-off, and writes the notes that correct others in the same step. They are looked
    /// through like all that is taken in: an original with personal data goes to restricted, with a masked
    /// copy beside it.
    ///
    /// # Errors
    /// As [`Engine::act_on_handoff`].
    pub async fn complete_handoff(
        &self,
        pack: PackId,
        id: ItemId,
        completing: Completing,
        agent: Option<Agent>,
        expected: Option<State>,
    ) -> Result<Corrected, EngineError> {
        let Completing {
            outcome,
            corrections,
            keep_notes,
        } = completing;
        let act = Act::Complete(Box::new(outcome.clone()));
        let texts = act.texts().into_iter();
        let texts = texts
            .map(|(field, text)| (field, text.to_owned()))
            .collect();
        self.look_at_texts(pack, id, texts).await?;
        let summary = match keep_notes {
            true => outcome.notes.clone(),
            false => String::new(),
        };
        let prepare = move |node: &mut Node, now| {
            let notes = node.outcome_notes(now, pack, id, &corrections, &summary)?;
            let default = node.default_sensitivity(pack)?;
            Ok((notes, default, PackIds::of(node, pack)?))
        };
        let (notes, default, ids) = self.worker()?.call(prepare).await?;
        let look = move || {
            let scanner = ids.scanner();
            let screened = notes.into_iter().map(|(corrects, note)| {
                let screened = screen(&scanner, note, Beside::default(), default);
                (corrects, screened.note)
            });
            screened.collect::<Vec<_>>()
        };
        let notes = tokio::task::spawn_blocking(look)
            .await
            .map_err(|_| EngineError::Stopped)?;
        let finish = move |node: &mut Node, now| {
            let finishing = Finishing { outcome, notes };
            node.finish_handoff(now, pack, id, finishing, agent, expected)
        };
        self.worker()?.call(finish).await
    }

    async fn look_at_texts(
        &self,
        pack: PackId,
        id: ItemId,
        texts: Vec<(&'static str, String)>,
    ) -> Result<(), EngineError> {
        if texts.iter().all(|(_, text)| text.trim().is_empty()) {
            return Ok(());
        }
        let read = move |node: &mut Node, now| {
            let view = node.handoff(now, pack, id)?;
            let above = texts_above(node, pack, view.sensitivity, &view.draft.cited())?;
            Ok((view.sensitivity, above, PackIds::of(node, pack)?))
        };
        let (sensitivity, above, ids) = self.worker()?.call(read).await?;
        look_through(ids, sensitivity, above, texts).await?;
        Ok(())
    }

    /// A hand-off in full.
    ///
    /// # Errors
    /// [`EngineError::NotFound`], [`EngineError::Denied`], [`EngineError::Storage`].
    pub async fn handoff(&self, pack: PackId, id: ItemId) -> Result<HandoffView, EngineError> {
        self.worker()?
            .call(move |node, now| node.handoff(now, pack, id))
            .await
    }

    /// Hand-offs of this device.
    ///
    /// # Errors
    /// [`EngineError::NotFound`], [`EngineError::Storage`].
    pub async fn handoffs(&self, filter: HandoffFilter) -> Result<Vec<HandoffLine>, EngineError> {
        self.worker()?
            .call(move |node, now| node.handoffs(now, &filter))
            .await
    }

    /// What waits for this person.
    ///
    /// # Errors
    /// [`EngineError::Storage`].
    pub async fn inbox(&self) -> Result<Inbox, EngineError> {
        self.worker()?.call(|node, now| node.inbox(now)).await
    }

    /// Keeps that this person has seen a hand-off, or put it aside.
    ///
    /// # Errors
    /// [`EngineError::NotFound`], [`EngineError::Storage`].
    pub async fn mark_handoff(
        &self,
        pack: PackId,
        id: ItemId,
        read: bool,
        snoozed_until: Option<Timestamp>,
    ) -> Result<(), EngineError> {
        self.worker()?
            .call(move |node, _| node.mark_handoff(pack, id, read, snoozed_until))
            .await
    }
}

/// Texts of notes above a hand-off: of what it cites first, then of the newest.
fn texts_above(
    node: &Node,
    pack: PackId,
    at: Sensitivity,
    cited: &std::collections::BTreeSet<ItemId>,
) -> Result<Vec<String>, NodeError> {
    match at {
        Sensitivity::Restricted => Ok(vec![]),
        _ => node.texts_above(pack, at, cited, ABOVE_NOTES_MAX, ABOVE_BYTES_MAX),
    }
}

/// Looks texts through; gives back what was looked for.
async fn look_through(
    ids: PackIds,
    at: Sensitivity,
    above: Vec<String>,
    texts: Vec<(&'static str, String)>,
) -> Result<PackIds, EngineError> {
    if at == Sensitivity::Restricted {
        return Ok(ids);
    }
    let look = move || {
        let scanner = ids.scanner();
        // Of more values than can be looked for, nothing says that none of them stands in a text.
        let values = shown(&scanner, above.iter().map(String::as_str), Hint::default());
        let mut found: Option<(&'static str, Pii)> = None;
        for (field, text) in &texts {
            let hint = Hint {
                known: values.as_ref().map(Known::in_short),
                ..Hint::default()
            };
            let first = scanner.scan(text, hint).into_iter().next();
            let kind = first.and_then(|finding| finding.kind.word().parse().ok());
            if let Some(kind) = kind {
                found = Some((*field, kind));
                break;
            }
        }
        (ids, found)
    };
    let (ids, found) = tokio::task::spawn_blocking(look)
        .await
        .map_err(|_| EngineError::Stopped)?;
    match found {
        None => Ok(ids),
        Some((field, kind)) => Err(HandoffRefused::Shows { field, kind }.into()),
    }
}

impl From<HandoffRefused> for EngineError {
    fn from(refused: HandoffRefused) -> EngineError {
        EngineError::Handoff(Box::new(refused))
    }
}
