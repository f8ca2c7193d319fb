//! Hand-offs as documents of the API, and back.

use crate::convert;
use kitbag_engine as engine;
use kitbag_rpc as rpc;
use kitbag_rpc::{Code, Failure};
use std::str::FromStr;

fn word<T: FromStr<Err = engine::UnknownWord>>(
    field: &str,
    text: Option<&str>,
    default: T,
) -> Result<T, Failure> {
    match text {
        None => Ok(default),
        Some(text) => text
            .parse()
            .map_err(|unknown| Failure::new(Code::BadInput, format!("{field}: {unknown}"))),
    }
}

/// A state by its word.
pub(crate) fn state(text: &str) -> Result<engine::HandoffState, Failure> {
    let all = engine::HandoffState::ALL;
    let known = all.into_iter().find(|state| state.as_str() == text);
    known.ok_or_else(|| {
        let words: Vec<&str> = all.iter().map(|state| state.as_str()).collect();
        Failure::new(Code::BadInput, format!("no state of a hand-off: {text:?}"))
            .hint(format!("one of {}", words.join(", ")))
    })
}

/// A decision by its word.
pub(crate) fn decision(text: &str) -> Result<engine::Decision, Failure> {
    let known = engine::Decision::ALL
        .into_iter()
        .find(|decision| decision.as_str() == text);
    known.ok_or_else(|| {
        Failure::new(Code::BadInput, format!("no decision: {text:?}"))
            .hint("approve, edit, reject or respond")
    })
}

fn millis(at: Option<rpc::Time>) -> Option<engine::Timestamp> {
    at.map(|at| engine::Timestamp::from_millis(at.as_millis()))
}

/// What a hand-off is to say; the notes that it names are resolved already.
pub(crate) fn draft(
    wish: rpc::HandoffWish,
    to: engine::Addressee,
    facts: Vec<engine::ItemId>,
    tried: Vec<Option<engine::ItemId>>,
    transcript: Option<engine::ItemId>,
) -> Result<engine::HandoffDraft, Failure> {
    let mode = word("mode", wish.mode.as_deref(), engine::HandoffMode::Transfer)?;
    let reason = engine::Reason {
        code: wish.reason_code,
        text: wish.reason,
        rule: wish.rule,
    };
    let mut draft = engine::HandoffDraft::new(mode, to, reason, wish.summary);
    draft.priority = word(
        "priority",
        wish.priority.as_deref(),
        engine::Priority::Medium,
    )?;
    draft.sla = engine::Sla {
        accept_by: millis(wish.accept_by),
        respond_by: millis(wish.respond_by),
        resolve_by: millis(wish.resolve_by),
        expires_at: millis(wish.expires_at),
    };
    draft.subject = wish.subject;
    draft.intent = wish.intent;
    draft.needs = wish.needs;
    let cited = wish.facts.into_iter().zip(facts);
    draft.facts = cited
        .map(|(fact, item)| engine::Fact {
            text: fact.text,
            item,
            heads: Default::default(),
            quote: fact.quote,
        })
        .collect();
    for (of, item) in wish.tried.into_iter().zip(tried) {
        draft.tried.push(engine::Attempt {
            action: of.action,
            outcome: word(
                "tried",
                of.outcome.as_deref(),
                engine::AttemptOutcome::Unknown,
            )?,
            item,
        });
    }
    draft.decisions = wish
        .decisions
        .into_iter()
        .map(|of| engine::Decided {
            summary: of.summary,
            rationale: of.rationale,
        })
        .collect();
    draft.unverified = wish.unverified;
    draft.unresolved = wish.unresolved;
    draft.talking_points = wish.talking_points;
    draft.next_steps = wish.next_steps.into_iter().map(step).collect();
    draft.constraints = wish.constraints;
    draft.transcript = transcript;
    draft.requested = wish.requested.map(|of| engine::RequestedAction {
        action: of.action,
        args: of.args,
    });
    draft.template = wish.template;
    draft.privacy.purpose = wish.purpose;
    Ok(draft)
}

fn step(step: rpc::StepWish) -> engine::NextStep {
    engine::NextStep {
        text: step.text,
        owner: step.owner,
        due: millis(step.due),
    }
}

/// How somebody completes a hand-off, and whether what they say of it becomes a note.
pub(crate) fn outcome(wish: &rpc::CompleteHandoff) -> Result<(engine::Outcome, bool), Failure> {
    let known: Result<engine::Disposition, _> = wish.disposition.parse();
    let disposition = known.map_err(|_| {
        Failure::new(
            Code::BadInput,
            format!("no disposition: {:?}", wish.disposition),
        )
        .hint("resolved, partial, not_resolved, no_contact or returned_to_agent")
    })?;
    let mut outcome = engine::Outcome::new(disposition);
    outcome.notes.clone_from(&wish.notes);
    outcome.follow_up = wish.follow_up.clone().map(step);
    outcome.feedback = engine::Feedback {
        helpful: wish.helpful,
        missing: wish.missing.clone(),
        escalation_needed: wish.escalation_needed,
    };
    Ok((outcome, wish.keep_notes))
}

pub(crate) fn side(side: engine::HandoffParty) -> rpc::HandoffSide {
    rpc::HandoffSide {
        kind: side.kind.to_owned(),
        name: side.name,
        person: side.person,
    }
}

fn withheld(draft: &engine::HandoffDraft) -> Vec<rpc::HandoffWithheld> {
    let of = draft
        .privacy
        .withheld
        .iter()
        .map(|of| rpc::HandoffWithheld {
            count: of.count.into(),
            rule: of.why.clone(),
            pii: convert::kinds(&of.pii),
        });
    of.collect()
}

/// What became of a draft.
pub(crate) fn written(
    done: engine::HandoffDrafted,
    pack: rpc::PackRef,
    to: rpc::HandoffSide,
    dry_run: bool,
) -> rpc::HandoffWritten {
    let left_out = done.citing.left_out.iter().map(|of| rpc::HandoffLeftOut {
        field: of.field.to_owned(),
        at: of.at as u64,
        rule: of.why.rule(),
    });
    rpc::HandoffWritten {
        v: rpc::V1,
        handoff: rpc::HandoffRef {
            id: done.id.map(|id| id.to_string()),
            sensitivity: convert::sensitivity(done.sensitivity),
        },
        pack,
        state: done.state.as_str().to_owned(),
        cites: done.citing.draft.cited().len() as u64,
        as_masked_copy: done.citing.as_masked_copy,
        left_out: left_out.collect(),
        withheld: withheld(&done.citing.draft),
        to,
        audience: convert::audience(done.audience),
        dry_run,
    }
}

fn overdue(times: engine::Times) -> Vec<String> {
    let all = [
        (times.accept_overdue, "accept"),
        (times.respond_overdue, "respond"),
        (times.resolve_overdue, "resolve"),
    ];
    let late = all.into_iter().filter(|(late, _)| *late);
    late.map(|(_, word)| word.to_owned()).collect()
}

fn side_word(side: engine::Side) -> String {
    match side {
        engine::Side::Mine => "mine",
        engine::Side::Working => "working",
        engine::Side::Sent => "sent",
        engine::Side::Others => "others",
    }
    .to_owned()
}

pub(crate) fn line(line: engine::HandoffLine, pack: rpc::PackRef) -> rpc::HandoffLine {
    rpc::HandoffLine {
        id: line.id.to_string(),
        pack,
        sensitivity: convert::sensitivity(line.sensitivity),
        state: line.state.as_str().to_owned(),
        mode: line.mode.as_str().to_owned(),
        priority: line.priority.as_str().to_owned(),
        subject: line.subject,
        reason_code: line.reason_code,
        from: side(line.from),
        to: side(line.to),
        holder: line.holder,
        provisional: line.provisional,
        side: side_word(line.side),
        unread: line.unread,
        snoozed_until: line.snoozed_until.map(convert::time),
        expired: line.times.expired,
        overdue: overdue(line.times),
        at: convert::time(line.at),
        changed_at: convert::time(line.changed_at),
        accept_by: line.accept_by.map(convert::time),
    }
}

fn step_of(step: engine::NextStep) -> rpc::StepWish {
    rpc::StepWish {
        text: step.text,
        owner: step.owner,
        due: step.due.map(convert::time),
    }
}

fn says(draft: engine::HandoffDraft, facts: Vec<engine::FactView>) -> rpc::HandoffSays {
    let facts = facts.into_iter().map(|fact| rpc::HandoffFact {
        text: fact.text,
        note: fact.item.to_string(),
        quote: fact.quote,
        title: fact.title,
        source_label: fact.source,
        state: fact.state.as_str().to_owned(),
        superseded_by: ids(fact.superseded_by),
        was: fact.was,
        is: fact.is,
    });
    let tried = draft.tried.into_iter().map(|of| rpc::AttemptWish {
        action: of.action,
        outcome: Some(of.outcome.as_str().to_owned()),
        note: of.item.map(|item| item.to_string()),
    });
    let decisions = draft.decisions.into_iter().map(|of| rpc::DecidedWish {
        summary: of.summary,
        rationale: of.rationale,
    });
    rpc::HandoffSays {
        mode: draft.mode.as_str().to_owned(),
        reason_code: draft.reason.code,
        reason: draft.reason.text,
        rule: draft.reason.rule,
        priority: draft.priority.as_str().to_owned(),
        accept_by: draft.sla.accept_by.map(convert::time),
        respond_by: draft.sla.respond_by.map(convert::time),
        resolve_by: draft.sla.resolve_by.map(convert::time),
        expires_at: draft.sla.expires_at.map(convert::time),
        summary: draft.summary,
        subject: draft.subject,
        intent: draft.intent,
        needs: draft.needs,
        facts: facts.collect(),
        tried: tried.collect(),
        decisions: decisions.collect(),
        unverified: draft.unverified,
        unresolved: draft.unresolved,
        talking_points: draft.talking_points,
        next_steps: draft.next_steps.into_iter().map(step_of).collect(),
        constraints: draft.constraints,
        transcript: draft.transcript.map(|item| item.to_string()),
        requested: draft.requested.map(|of| rpc::RequestedWish {
            action: of.action,
            args: of.args,
        }),
        template: draft.template,
        purpose: draft.privacy.purpose,
    }
}

fn ids(ids: Vec<engine::ItemId>) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

fn outcome_view(of: engine::OutcomeView) -> rpc::HandoffOutcome {
    let corrections = of
        .corrections
        .into_iter()
        .map(|wrong| rpc::HandoffCorrection {
            note: wrong.item.to_string(),
            by: wrong.by.to_string(),
            text: wrong.text,
        });
    rpc::HandoffOutcome {
        by: of.by,
        at: convert::time(of.at),
        disposition: of.disposition.as_str().to_owned(),
        notes: of.notes,
        corrections: corrections.collect(),
        new_notes: ids(of.new_items),
        follow_up: of.follow_up.map(step_of),
        helpful: of.feedback.helpful,
        missing: of.feedback.missing,
        escalation_needed: of.feedback.escalation_needed,
    }
}

/// A hand-off in full.
pub(crate) fn handoff(view: engine::HandoffView, pack: rpc::PackRef) -> rpc::Handoff {
    let withheld = withheld(&view.draft);
    let said = view.said.into_iter().map(|said| rpc::HandoffSaid {
        by: said.by,
        agent: said.agent,
        at: convert::time(said.at),
        answers: said.answers,
        text: said.text,
    });
    let steps = view.steps.into_iter().map(|step| {
        let (void, why) = step.void.map(|(word, why)| (word.to_owned(), why)).unzip();
        rpc::HandoffStep {
            act: step.act.to_owned(),
            by: step.by,
            agent: step.agent.map(|agent| agent.name),
            at: convert::time(step.at),
            void,
            why,
            text: step.text,
        }
    });
    let (decision, decision_text) = view.decision.unzip();
    rpc::Handoff {
        id: view.id.to_string(),
        pack,
        sensitivity: convert::sensitivity(view.sensitivity),
        context: view.context,
        references: ids(view.references),
        state: view.state.as_str().to_owned(),
        expired: view.times.expired,
        overdue: overdue(view.times),
        from: side(view.from),
        model: view.agent.as_ref().and_then(|agent| agent.model.clone()),
        prompt: view.agent.and_then(|agent| agent.prompt),
        to: side(view.to),
        holder: view.holder,
        provisional: view.provisional,
        responsible: view.responsible,
        side: side_word(view.side),
        says: says(view.draft, view.facts),
        approved: view.approved,
        withheld,
        said: said.collect(),
        outcome: view.outcome.map(outcome_view),
        decision: decision.map(|decision| decision.as_str().to_owned()),
        decision_text,
        superseded_by: view.superseded_by.map(|id| id.to_string()),
        steps: steps.collect(),
        may: view.may.into_iter().map(str::to_owned).collect(),
        at: convert::time(view.at),
        submitted_at: view.submitted_at.map(convert::time),
        accepted_at: view.accepted_at.map(convert::time),
        ended_at: view.ended_at.map(convert::time),
        waiting: view.waiting,
    }
}
