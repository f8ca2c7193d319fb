//! Hand-offs: drafted, acted on, listed, shown.

use super::{Answered, Served};
use crate::convert;
use crate::convert::handoffs as words;
use crate::failure::failed;
use kitbag_engine::{self as engine, ItemId, PackId};
use kitbag_rpc::{
    ActOnHandoff, Code, DraftHandoff, Failure, HandoffAct, HandoffAnswer, HandoffWish,
    HandoffWritten, Handoffs, ListHandoffs, MarkHandoff, PackRef, ReadInbox, ShowHandoff, V1,
};
use std::collections::{BTreeMap, BTreeSet};

pub(super) async fn draft(served: Served, call: DraftHandoff) -> Answered<HandoffWritten> {
    let (pack, revise) = match (&call.pack, &call.revise) {
        (_, Some(of)) => {
            let (pack, id) = served.resolve_handoff(of.clone(), "handoff").await?;
            (pack, Some(id))
        }
        (Some(pack), None) => (served.pack(pack.clone()).await?, None),
        (None, None) => {
            return Err(Failure::new(
                Code::BadInput,
                "pack: say where the hand-off stands",
            ));
        }
    };
    let pack_ref = served.pack_ref(pack).await?; // first: nothing may fail once it is written
    let draft = served.handoff_draft(pack, call.draft).await?;
    let mut references = BTreeSet::new();
    for of in call.references {
        references.insert(served.resolve_handoff(of, "handoff").await?.1);
    }
    let new = engine::NewHandoff {
        context: call.context,
        references,
        sensitivity: call.sensitivity.map(convert::engine_sensitivity),
        draft,
    };
    let drafting = engine::Drafting {
        revise,
        submit: call.submit,
        needs_approval: false,
        agent: None,
        dry_run: call.dry_run,
        up_to: None,
    };
    let done = served.engine.draft_handoff(pack, new, drafting).await;
    let done = done.map_err(|e| failed(&e))?;
    let to = served.side_of(pack, &done.citing.draft.to).await?;
    Ok(words::written(done, pack_ref, to, call.dry_run))
}

pub(super) async fn act(served: Served, call: ActOnHandoff) -> Answered<HandoffAnswer> {
    let (pack, id) = served.resolve_handoff(call.handoff, "handoff").await?;
    let expected = call
        .expected_state
        .as_deref()
        .map(words::state)
        .transpose()?;
    let view = served.engine.handoff(pack, id).await;
    let version = view.map_err(|e| failed(&e))?.version;
    use engine::HandoffAct as Act;
    let act = match call.act {
        HandoffAct::Submit {} => {
            let sent = served.engine.submit_handoff(pack, id, false, None).await;
            sent.map_err(|e| failed(&e))?;
            return served.handoff_answer(pack, id).await;
        }
        HandoffAct::Complete(complete) => {
            let (outcome, kept) = words::outcome(&complete)?;
            let mut corrections = Vec::new();
            for wrong in complete.corrections {
                corrections.push(engine::Correction {
                    item: served.note_of_handoff(pack, wrong.note).await?,
                    text: wrong.text,
                });
            }
            let completing = engine::Completing {
                outcome,
                corrections,
                keep_notes: kept,
            };
            let done = served
                .engine
                .complete_handoff(pack, id, completing, None, expected)
                .await;
            done.map_err(|e| failed(&e))?;
            return served.handoff_answer(pack, id).await;
        }
        HandoffAct::RequestReview {} => Act::RequestReview(version),
        HandoffAct::ApproveDraft {} => Act::ApproveDraft(version),
        HandoffAct::ReturnDraft { reason } => Act::ReturnDraft { version, reason },
        HandoffAct::Accept {} => Act::Accept,
        HandoffAct::Reject { reason } => Act::Reject(reason),
        HandoffAct::Cancel { reason } => Act::Cancel(reason),
        HandoffAct::Start {} => Act::Start,
        HandoffAct::Ask { text } => Act::Ask(text),
        HandoffAct::Answer { text } => Act::Answer(text),
        HandoffAct::Reassign { to, reason } => {
            let to = served.engine.addressee(pack, to).await;
            Act::Reassign {
                to: to.map_err(|e| failed(&e))?,
                reason,
            }
        }
        HandoffAct::Decide { decision, text } => Act::Decide {
            decision: words::decision(&decision)?,
            text,
        },
        HandoffAct::Supersede { by } => {
            Act::Supersede(served.resolve_handoff(by, "handoff").await?.1)
        }
    };
    let done = served
        .engine
        .act_on_handoff(pack, id, act, None, expected)
        .await;
    done.map_err(|e| failed(&e))?;
    served.handoff_answer(pack, id).await
}

pub(super) async fn show(served: Served, call: ShowHandoff) -> Answered<HandoffAnswer> {
    let (pack, id) = served.resolve_handoff(call.handoff, "handoff").await?;
    let answer = served.handoff_answer(pack, id).await?;
    if call.mark_read {
        let marked = served.engine.mark_handoff(pack, id, true, None).await;
        marked.map_err(|e| failed(&e))?;
    }
    Ok(answer)
}

pub(super) async fn list(served: Served, call: ListHandoffs) -> Answered<Handoffs> {
    let mut packs = Vec::new();
    for selector in call.packs {
        packs.push(served.pack(selector).await?);
    }
    let states = call.states.iter().map(|word| words::state(word));
    let filter = engine::HandoffFilter {
        packs: (!packs.is_empty()).then_some(packs),
        states: states.collect::<Result<_, _>>()?,
        ended: call.ended,
        up_to: Some(served.shown_up_to()),
    };
    let lines = served.engine.handoffs(filter).await;
    served.lines(lines.map_err(|e| failed(&e))?, 0).await
}

pub(super) async fn inbox(served: Served, _: ReadInbox) -> Answered<Handoffs> {
    let mut inbox = served.engine.inbox().await.map_err(|e| failed(&e))?;
    let shown = served.shown_up_to();
    inbox.lines.retain(|line| line.sensitivity <= shown);
    served.lines(inbox.lines, inbox.snoozed).await
}

pub(super) async fn mark(served: Served, call: MarkHandoff) -> Answered<HandoffAnswer> {
    let (pack, id) = served.resolve_handoff(call.handoff, "handoff").await?;
    let until = call
        .snoozed_until
        .map(|at| engine::Timestamp::from_millis(at.as_millis()));
    let marked = served.engine.mark_handoff(pack, id, call.read, until).await;
    marked.map_err(|e| failed(&e))?;
    served.handoff_answer(pack, id).await
}

impl Served {
    /// The hand-off that a person means, if it may be opened or changed from where they ask.
    pub(super) async fn resolve_handoff(
        &self,
        selector: String,
        asked: &'static str,
    ) -> Answered<(PackId, ItemId)> {
        let found = self.engine.resolve_handoff(selector).await;
        let (pack, id) = found.map_err(|e| failed(&e))?;
        if self.session.is_enough() {
            return Ok((pack, id));
        }
        let view = self.engine.handoff(pack, id).await;
        let stands = view.map_err(|e| failed(&e))?.sensitivity;
        self.may_see(pack, stands, asked).await?;
        Ok((pack, id))
    }

    async fn handoff_answer(&self, pack: PackId, id: ItemId) -> Answered<HandoffAnswer> {
        let pack_ref = self.pack_ref(pack).await?;
        let view = self.engine.handoff(pack, id).await;
        Ok(HandoffAnswer {
            v: V1,
            handoff: words::handoff(view.map_err(|e| failed(&e))?, pack_ref),
        })
    }

    pub(super) async fn lines(
        &self,
        lines: Vec<engine::HandoffLine>,
        snoozed: u64,
    ) -> Answered<Handoffs> {
        let known = self.engine.packs().await.map_err(|e| failed(&e))?;
        let refs: BTreeMap<PackId, PackRef> = known
            .into_iter()
            .map(|pack| (pack.id, convert::pack_ref(pack)))
            .collect();
        let lines = lines.into_iter().filter_map(|line| {
            let pack = refs.get(&line.pack)?.clone();
            Some(words::line(line, pack))
        });
        Ok(Handoffs {
            v: V1,
            handoffs: lines.collect(),
            snoozed,
        })
    }

    /// A note of this pack that a hand-off names.
    async fn note_of_handoff(&self, pack: PackId, note: String) -> Answered<ItemId> {
        let (of, id) = self.resolve_note(note.clone(), "handoff").await?;
        match of == pack {
            true => Ok(id),
            false => Err(
                Failure::new(Code::BadInput, format!("note {note} is in another pack"))
                    .hint("a hand-off names notes of its own pack; kitbag copy NOTE --to PACK"),
            ),
        }
    }

    /// What a hand-off is to say, with everything that it names resolved.
    pub(crate) async fn handoff_draft(
        &self,
        pack: PackId,
        wish: HandoffWish,
    ) -> Answered<engine::HandoffDraft> {
        let to = self.engine.addressee(pack, wish.to.clone()).await;
        let to = to.map_err(|e| failed(&e))?;
        let mut facts = Vec::new();
        for fact in &wish.facts {
            facts.push(self.note_of_handoff(pack, fact.note.clone()).await?);
        }
        let mut tried = Vec::new();
        for of in &wish.tried {
            tried.push(match &of.note {
                None => None,
                Some(note) => Some(self.note_of_handoff(pack, note.clone()).await?),
            });
        }
        let transcript = match &wish.transcript {
            None => None,
            Some(note) => Some(self.note_of_handoff(pack, note.clone()).await?),
        };
        words::draft(wish, to, facts, tried, transcript)
    }

    async fn side_of(
        &self,
        pack: PackId,
        to: &engine::Addressee,
    ) -> Answered<kitbag_rpc::HandoffSide> {
        let side = self.engine.handoff_party(pack, to.clone()).await;
        Ok(words::side(side.map_err(|e| failed(&e))?))
    }
}
