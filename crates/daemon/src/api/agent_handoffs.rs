//! Hand-offs of agents: as far as their packs and clearance reach, and never what is for people.

use super::agent_calls::{bad, says, told};
use super::{Answered, Served};
use crate::convert::handoffs as words;
use kitbag_engine::{self as engine, AgentAsks, AgentGrant, ItemId, PackId};
use kitbag_render::{Lines, Warning, neutral, tokens};
use kitbag_rpc::{
    AGENT_HANDOFFS_MAX, AgentCheckRules, AgentCreateHandoff, AgentGetHandoff, AgentHandoffCreated,
    AgentHandoffShown, AgentHandoffs, AgentListHandoffs, AgentRespondHandoff, AgentRulesChecked,
    Code, Failure, HandoffWish, V1,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Hand-offs of a list for which nobody says how many.
const LISTED_DEFAULT: u32 = 20;

pub(super) async fn check_rules(
    served: Served,
    call: AgentCheckRules,
) -> Answered<AgentRulesChecked> {
    let (grant, asks) = served.asks()?;
    let pack = served.pack_of_agent(&asks, call.pack.clone()).await?;
    let facts = engine::CaseFacts {
        intent: call.intent,
        tags: call.tags.into_iter().collect(),
        text: call.text,
        failed_attempts: u16::try_from(call.failed_attempts).unwrap_or(u16::MAX),
        confidence: call.confidence,
        user_request: call.user_request,
        fields: call.fields,
        tool_error: call.tool_error,
        stale: call.stale,
        denied: call.denied,
        ..engine::CaseFacts::default()
    };
    let agent = grant.name().to_string();
    let decided = served
        .engine
        .check_rules(pack, facts, agent, call.context)
        .await;
    Ok(words::decided(decided.map_err(|e| told(&e))?))
}

pub(super) async fn create(
    served: Served,
    call: AgentCreateHandoff,
) -> Answered<AgentHandoffCreated> {
    let (grant, asks) = served.asks()?;
    let pack = served.pack_of_agent(&asks, call.pack.clone()).await?;
    let proposes = grant.agent().terms().proposes;
    let agent = agent_of(&grant, call.model, call.prompt)?;
    let draft = served.draft_of_agent(&asks, pack, call.draft).await?;
    let known = served
        .engine
        .same_handoff(
            pack,
            agent.name.clone(),
            call.context.clone(),
            draft.clone(),
        )
        .await;
    if let Some(id) = known.map_err(|e| told(&e))? {
        let view = served.engine.handoff(pack, id).await;
        let view = view.map_err(|e| told(&e))?;
        return Ok(AgentHandoffCreated {
            v: V1,
            handoff_id: id.to_string(),
            state: view.state.as_str().to_owned(),
            existing: true,
            needs_human_review: proposes && view.state == engine::HandoffState::Draft,
            cites: view.draft.cited().len() as u64,
            left_out: vec![],
            withheld: words::withheld(&view.draft),
            token_count: weigh(&view.draft),
        });
    }
    let held = served
        .engine
        .handoff_is_held(pack, agent.name.clone(), call.context.clone())
        .await;
    if let Some(held) = held.map_err(|e| told(&e))? {
        let failure = Failure::new(
            Code::Conflict,
            format!("a guard of this pack holds it back: {}", held.as_str()),
        );
        return Err(failure.hint("list_handoffs shows those that are open; wait for an answer"));
    }
    let clearance = asks.reach.clearance;
    let new = engine::NewHandoff {
        context: call.context,
        references: BTreeSet::new(),
        sensitivity: None,
        draft,
    };
    let drafting = engine::Drafting {
        revise: None,
        submit: call.submit && !proposes,
        needs_approval: false,
        agent: Some(agent.clone()),
        dry_run: false,
        up_to: Some(clearance),
    };
    let done = served.engine.draft_handoff(pack, new, drafting).await;
    let done = done.map_err(|e| told(&e))?;
    let mut state = done.state;
    if let (true, true, Some(id)) = (proposes, call.submit, done.id) {
        // What it proposes waits for a person's yes.
        let view = served.engine.handoff(pack, id).await;
        let version = view.map_err(|e| told(&e))?.version;
        let ask = engine::HandoffAct::RequestReview(version);
        let asked = served
            .engine
            .act_on_handoff(pack, id, ask, Some(agent), None);
        state = asked.await.map_err(|e| told(&e))?;
    }
    Ok(AgentHandoffCreated {
        v: V1,
        handoff_id: done.id.map(|id| id.to_string()).unwrap_or_default(),
        state: state.as_str().to_owned(),
        existing: false,
        needs_human_review: proposes,
        cites: done.citing.draft.cited().len() as u64,
        left_out: words::left_out(&done.citing),
        withheld: words::withheld(&done.citing.draft),
        token_count: weigh(&done.citing.draft),
    })
}

pub(super) async fn list(served: Served, call: AgentListHandoffs) -> Answered<AgentHandoffs> {
    let (grant, asks) = served.asks()?;
    let packs = match call.pack {
        Some(pack) => vec![served.pack_of_agent(&asks, pack).await?],
        None => asks.reach.packs.iter().copied().collect(),
    };
    let states = call.states.iter().map(|word| words::state(word));
    let filter = engine::HandoffFilter {
        packs: Some(packs),
        states: states.collect::<Result<_, _>>()?,
        ended: call.ended,
        up_to: Some(asks.reach.clearance),
    };
    let lines = served.engine.handoffs(filter).await;
    let mut lines = lines.map_err(|e| told(&e))?;
    let own = grant.name().to_string();
    lines.sort_by_key(|line| !(line.from.kind == "agent" && line.from.name == own));
    let limit = call.limit.unwrap_or(LISTED_DEFAULT) as usize;
    let limit = limit.min(AGENT_HANDOFFS_MAX);
    let truncated = lines.len() > limit;
    lines.truncate(limit);
    let lines = served.lines(lines, 0).await?.handoffs;
    let (handoffs, warnings) = made_neutral(&lines)?;
    let answer = AgentHandoffs {
        v: V1,
        handoffs,
        truncated,
        warnings,
    };
    served
        .hand_over(&grant, &asks, weigh(&answer), vec![])
        .await?;
    Ok(answer)
}

pub(super) async fn get(served: Served, call: AgentGetHandoff) -> Answered<AgentHandoffShown> {
    let (grant, asks) = served.asks()?;
    let (pack, id) = served.handoff_of_agent(&asks, &call.id).await?;
    served.shown_to_agent(&grant, &asks, pack, id).await
}

pub(super) async fn respond(
    served: Served,
    call: AgentRespondHandoff,
) -> Answered<AgentHandoffShown> {
    let (grant, asks) = served.asks()?;
    let (pack, id) = served.handoff_of_agent(&asks, &call.id).await?;
    let agent = agent_of(&grant, call.model, call.prompt)?;
    let expected = call
        .expected_state
        .as_deref()
        .map(words::state)
        .transpose()?;
    let proposes = grant.agent().terms().proposes;
    let text = call.text;
    use engine::HandoffAct as Act;
    let act = match call.action.as_str() {
        "accept" => Act::Accept,
        "reject" => Act::Reject(text),
        "ask" => Act::Ask(text),
        "answer" => Act::Answer(text),
        "cancel" => Act::Cancel(text),
        "submit" => {
            let sent = served
                .engine
                .submit_handoff(pack, id, proposes, Some(agent))
                .await;
            sent.map_err(|e| told(&e))?;
            return served.shown_to_agent(&grant, &asks, pack, id).await;
        }
        "complete" => {
            let wish = kitbag_rpc::CompleteHandoff {
                disposition: call.disposition.unwrap_or_else(|| "resolved".to_owned()),
                notes: text,
                ..kitbag_rpc::CompleteHandoff::default()
            };
            let (outcome, _) = words::outcome(&wish)?;
            let act = Act::Complete(Box::new(outcome));
            let done = served
                .engine
                .act_on_handoff(pack, id, act, Some(agent), expected);
            done.await.map_err(|e| told(&e))?;
            return served.shown_to_agent(&grant, &asks, pack, id).await;
        }
        _ => {
            return Err(bad(
                "action",
                "is one of accept, reject, ask, answer, complete, cancel, submit",
            ));
        }
    };
    let done = served
        .engine
        .act_on_handoff(pack, id, act, Some(agent), expected);
    done.await.map_err(|e| told(&e))?;
    served.shown_to_agent(&grant, &asks, pack, id).await
}

impl Served {
    async fn pack_of_agent(&self, asks: &AgentAsks, pack: String) -> Answered<PackId> {
        let packs = self.packs_of_agent(asks, vec![pack]).await?;
        let pack = packs.and_then(|packs| packs.first().copied());
        pack.ok_or_else(|| Failure::new(Code::NotFound, "no such pack"))
    }

    /// A hand-off of its packs, no higher than it is cleared for; otherwise as if it were not there.
    async fn handoff_of_agent(&self, asks: &AgentAsks, id: &str) -> Answered<(PackId, ItemId)> {
        let gone = || {
            Failure::new(Code::NotFound, "no such hand-off")
                .hint("list_handoffs gives ids that can be used")
        };
        let found = self.engine.resolve_handoff(id.to_owned()).await;
        let (pack, id) = found.map_err(|_| gone())?;
        if !asks.reach.packs.contains(&pack) {
            return Err(gone());
        }
        let view = self.engine.handoff(pack, id).await.map_err(|_| gone())?;
        match view.sensitivity <= asks.reach.clearance {
            true => Ok((pack, id)),
            false => Err(gone()),
        }
    }

    /// What it is to say, with notes that the agent may read and no others.
    async fn draft_of_agent(
        &self,
        asks: &AgentAsks,
        pack: PackId,
        wish: HandoffWish,
    ) -> Answered<engine::HandoffDraft> {
        let to = self.engine.addressee(pack, wish.to.clone()).await;
        let to = to.map_err(|e| told(&e))?;
        let mut facts = Vec::new();
        for fact in &wish.facts {
            facts.push(self.note_of_agent(asks, &fact.note).await?);
        }
        let mut tried = Vec::new();
        for of in &wish.tried {
            tried.push(match &of.note {
                None => None,
                Some(note) => Some(self.note_of_agent(asks, note).await?),
            });
        }
        let transcript = match &wish.transcript {
            None => None,
            Some(note) => Some(self.note_of_agent(asks, note).await?),
        };
        let mut draft = words::draft(wish, to, facts, tried, transcript)?;
        // What it reads for was said by its person, and goes for what it hands over too.
        draft.privacy.purpose = asks.purpose.clone();
        Ok(draft)
    }

    async fn shown_to_agent(
        &self,
        grant: &Arc<AgentGrant>,
        asks: &AgentAsks,
        pack: PackId,
        id: ItemId,
    ) -> Answered<AgentHandoffShown> {
        let pack_ref = self.pack_ref(pack).await?;
        let view = self.engine.handoff(pack, id).await;
        let mut handoff = words::handoff(view.map_err(|e| told(&e))?, pack_ref);
        // What a person may do on this device is not the agent's.
        handoff
            .may
            .retain(|act| ["answer", "cancel", "submit", "revise"].contains(&act.as_str()));
        for fact in &mut handoff.says.facts {
            // Of a note that the agent may not read it is told that it is gone.
            if self.note_of_agent(asks, &fact.note).await.is_err() {
                (fact.title, fact.source_label) = (None, None);
                (fact.was, fact.is) = (None, None);
                fact.superseded_by.clear();
                fact.state = "gone".to_owned();
            }
        }
        if let Some(outcome) = &mut handoff.outcome {
            for wrong in &mut outcome.corrections {
                if self.note_of_agent(asks, &wrong.by).await.is_err() {
                    wrong.text = None;
                }
            }
        }
        let (handoff, warnings) = made_neutral(&handoff)?;
        let answer = AgentHandoffShown {
            v: V1,
            handoff,
            warnings,
        };
        self.hand_over(grant, asks, weigh(&answer), vec![]).await?;
        Ok(answer)
    }
}

fn agent_of(
    grant: &AgentGrant,
    model: Option<String>,
    prompt: Option<String>,
) -> Answered<engine::HandoffAgent> {
    let short = |field: &str, text: Option<String>| -> Answered<Option<String>> {
        let text = says(field, text)?;
        Ok(text.map(|text| text.chars().filter(|c| !c.is_control()).take(80).collect()))
    };
    Ok(engine::HandoffAgent {
        name: grant.name().to_string(),
        model: short("model", model)?,
        prompt: short("prompt", prompt)?,
    })
}

fn weigh(value: &impl Weighs) -> u64 {
    value.weigh()
}

/// What is counted in tokens.
trait Weighs {
    fn weigh(&self) -> u64;
}

impl Weighs for engine::HandoffDraft {
    fn weigh(&self) -> u64 {
        self.texts().iter().map(|(_, text)| tokens(text)).sum()
    }
}

impl Weighs for AgentHandoffs {
    fn weigh(&self) -> u64 {
        tokens(&serde_json::to_string(self).unwrap_or_default())
    }
}

impl Weighs for AgentHandoffShown {
    fn weigh(&self) -> u64 {
        tokens(&serde_json::to_string(self).unwrap_or_default())
    }
}

/// The same with every text in it made neutral, and what was found.
fn made_neutral<T: Serialize + DeserializeOwned>(value: &T) -> Answered<(T, Vec<String>)> {
    let broken = |_| Failure::new(Code::Internal, "an answer could not be written");
    let mut json = serde_json::to_value(value).map_err(broken)?;
    let mut found: BTreeSet<Warning> = BTreeSet::new();
    walk(&mut json, &mut found);
    let warnings = found.into_iter().map(|of| of.as_str().to_owned()).collect();
    Ok((serde_json::from_value(json).map_err(broken)?, warnings))
}

fn walk(value: &mut Value, found: &mut BTreeSet<Warning>) {
    match value {
        Value::String(text) => {
            let shown = neutral(text, Lines::Many);
            found.extend(shown.warnings);
            *text = shown.text;
        }
        Value::Array(values) => values.iter_mut().for_each(|value| walk(value, found)),
        Value::Object(fields) => fields.values_mut().for_each(|value| walk(value, found)),
        _ => {}
    }
}
