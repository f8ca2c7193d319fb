//! The tools about hand-offs: `check_rules`, `create_handoff`, `list_handoffs`, `get_handoff`,
//! `respond_handoff`.

use super::{Calling, Definition, Kind, ask, plain};
use crate::arguments::Arguments;
use crate::failure::bad;
use kitbag_rpc::{
    AgentCheckRules, AgentCreateHandoff, AgentGetHandoff, AgentListHandoffs, AgentRespondHandoff,
    AgentScope, AttemptWish, Client, FactWish, HandoffWish, RequestedWish, StepWish, V1,
};
use rmcp::model::JsonObject;
use serde_json::{Value, json};

pub(super) const CHECK: Definition = Definition {
    name: "check_rules",
    title: "Check rules",
    description: "Ask the pack's escalation rules about a case: agent_resolves, notify, handoff, ask_approval or block, why and to whom.",
    scope: AgentScope::Handoff,
    kind: Kind::Reads,
    input: || {
        json!({"type": "object", "additionalProperties": false, "required": ["pack"], "properties": {
            "pack": {"type": "string"},
            "text": {"type": "string"},
            "intent": {"type": "string"},
            "failed_attempts": {"type": "integer"},
            "confidence": {"type": "number"},
            "user_request": {"type": "boolean"},
            "fields": {"type": "object", "additionalProperties": {"type": "string"}},
            "context": {"type": "string"}}})
    },
    output: || json!({"type": "object", "required": ["action"], "properties": {"action": {"type": "string"}}}),
    call: check,
};

pub(super) const CREATE: Definition = Definition {
    name: "create_handoff",
    title: "Hand over",
    description: "Hand a case to a person, team or role. Each fact names its note; what the receiver may not see is left out and counted; personal data in a text is refused by kind. submit sends it; you stay responsible until a person accepts.",
    scope: AgentScope::Handoff,
    kind: Kind::Adds,
    input: || {
        json!({"type": "object", "additionalProperties": false, "required": ["pack", "to", "reason_code", "summary"], "properties": {
            "pack": {"type": "string"},
            "to": {"type": "string", "description": "person:NAME, team:NAME or role:owner"},
            "mode": {"enum": ["transfer", "consult", "approve", "fyi"]},
            "reason_code": {"type": "string"},
            "summary": {"type": "string", "maxLength": 900},
            "subject": {"type": "string"},
            "facts": {"type": "array", "items": {"type": "object", "required": ["text", "item_id"], "properties": {
                "text": {"type": "string"}, "item_id": {"type": "string"}}}},
            "actions_taken": {"type": "array", "items": {"type": "object", "required": ["action"], "properties": {
                "action": {"type": "string"}, "outcome": {"type": "string"}, "item_id": {"type": "string"}}}},
            "unresolved": {"type": "array", "items": {"type": "string"}},
            "talking_points": {"type": "array", "items": {"type": "string"}},
            "next_steps": {"type": "array", "items": {"type": "string"}},
            "requested_action": {"type": "string"},
            "priority": {"type": "string"},
            "expires_at": {"type": "string"},
            "context": {"type": "string", "description": "your conversation key"},
            "submit": {"type": "boolean"}}})
    },
    output: || {
        json!({"type": "object", "required": ["handoff_id", "state"], "properties": {
            "handoff_id": {"type": "string"}, "state": {"type": "string"}}})
    },
    call: create,
};

pub(super) const LIST: Definition = Definition {
    name: "list_handoffs",
    title: "Hand-offs",
    description: "Hand-offs of your packs, yours first: state, who has it, what is late or new.",
    scope: AgentScope::Handoff,
    kind: Kind::Reads,
    input: || {
        json!({"type": "object", "additionalProperties": false, "properties": {
            "pack": {"type": "string"},
            "ended": {"type": "boolean"},
            "limit": {"type": "integer"}}})
    },
    output: || json!({"type": "object", "required": ["handoffs"], "properties": {"handoffs": {"type": "array"}}}),
    call: list,
};

pub(super) const GET: Definition = Definition {
    name: "get_handoff",
    title: "Hand-off",
    description: "One hand-off: questions to you, outcome with corrections, what changed since.",
    scope: AgentScope::Handoff,
    kind: Kind::Reads,
    input: || {
        json!({"type": "object", "additionalProperties": false, "required": ["id"], "properties": {
            "id": {"type": "string"}}})
    },
    output: shown,
    call: get,
};

pub(super) const RESPOND: Definition = Definition {
    name: "respond_handoff",
    title: "Answer",
    description: "Answer a question to you, cancel or submit your own. What is addressed to people only people accept and complete.",
    scope: AgentScope::Handoff,
    kind: Kind::Adds,
    input: || {
        json!({"type": "object", "additionalProperties": false, "required": ["id", "action"], "properties": {
            "id": {"type": "string"},
            "action": {"type": "string", "enum": ["accept", "reject", "ask", "answer", "complete", "cancel", "submit"]},
            "text": {"type": "string"},
            "expected_state": {"type": "string"}}})
    },
    output: shown,
    call: respond,
};

fn shown() -> Value {
    json!({"type": "object", "required": ["handoff"], "properties": {"handoff": {"type": "object"}}})
}

fn check(client: Client, mut arguments: Arguments) -> Calling {
    Box::pin(async move {
        let call = AgentCheckRules {
            v: V1,
            pack: arguments.need(&["pack", "pack_id"])?,
            text: arguments.text(&["text", "message"])?.unwrap_or_default(),
            intent: arguments.text(&["intent"])?,
            tags: arguments.list(&["tags", "tag"])?,
            failed_attempts: arguments.number(&["failed_attempts"])?.unwrap_or_default(),
            confidence: arguments.share(&["confidence"])?,
            user_request: arguments.flag(&["user_request"])?,
            tool_error: arguments.flag(&["tool_error"])?,
            denied: arguments.flag(&["denied"])?,
            stale: arguments.flag(&["stale"])?,
            fields: arguments.fields(&["fields"])?,
            context: arguments.text(&["context", "context_id"])?,
        };
        arguments.end()?;
        Ok(plain(&ask(&client, &call).await?))
    })
}

fn create(client: Client, mut arguments: Arguments) -> Calling {
    Box::pin(async move {
        let text_of = |object: &JsonObject, names: &[&str]| -> Option<String> {
            let found = names.iter().find_map(|name| object.get(*name));
            found.and_then(Value::as_str).map(str::to_owned)
        };
        let mut facts = Vec::new();
        for fact in arguments.objects(&["facts"])? {
            let text = text_of(&fact, &["text", "claim"]);
            let note = text_of(&fact, &["item_id", "id", "note"]);
            let (Some(text), Some(note)) = (text, note) else {
                return Err(bad("facts", "each needs text and item_id"));
            };
            let quote = text_of(&fact, &["quote"]);
            facts.push(FactWish { text, note, quote });
        }
        let mut tried = Vec::new();
        for of in arguments.objects_or_texts(&["actions_taken", "tried"], "action")? {
            let Some(action) = text_of(&of, &["action", "text"]) else {
                return Err(bad("actions_taken", "each needs action"));
            };
            tried.push(AttemptWish {
                action,
                outcome: text_of(&of, &["outcome"]),
                note: text_of(&of, &["item_id", "note"]),
            });
        }
        let steps = arguments.list(&["next_steps"])?.into_iter();
        let next_steps = steps.map(|text| StepWish {
            text,
            ..StepWish::default()
        });
        let requested = arguments.text(&["requested_action"])?;
        let requested_args = arguments.text(&["requested_args"])?.unwrap_or_default();
        let draft = HandoffWish {
            to: arguments.need(&["to"])?,
            mode: arguments.text(&["mode"])?,
            reason_code: arguments.need(&["reason_code"])?,
            reason: arguments
                .text(&["reason", "reason_text"])?
                .unwrap_or_default(),
            rule: arguments.text(&["rule", "rule_id"])?,
            priority: arguments.text(&["priority"])?,
            accept_by: arguments.time(&["accept_by"])?,
            expires_at: arguments.time(&["expires_at"])?,
            summary: arguments.need(&["summary"])?,
            subject: arguments.text(&["subject"])?,
            intent: arguments.text(&["intent"])?,
            needs: arguments.list(&["needs", "needs_concerns"])?,
            facts,
            tried,
            unverified: arguments.list(&["unverified"])?,
            unresolved: arguments.list(&["unresolved"])?,
            talking_points: arguments.list(&["talking_points"])?,
            next_steps: next_steps.collect(),
            constraints: arguments.list(&["constraints"])?,
            transcript: arguments.text(&["transcript"])?,
            requested: requested.map(|action| RequestedWish {
                action,
                args: requested_args,
            }),
            template: arguments.text(&["template", "template_id"])?,
            ..HandoffWish::default()
        };
        let call = AgentCreateHandoff {
            v: V1,
            pack: arguments.need(&["pack", "pack_id"])?,
            draft,
            context: arguments.text(&["context", "context_id", "idempotency_key"])?,
            submit: arguments.flag(&["submit"])?,
            model: arguments.text(&["model"])?,
            prompt: arguments.text(&["prompt"])?,
        };
        arguments.end()?;
        Ok(plain(&ask(&client, &call).await?))
    })
}

fn list(client: Client, mut arguments: Arguments) -> Calling {
    Box::pin(async move {
        let call = AgentListHandoffs {
            v: V1,
            pack: arguments.text(&["pack", "pack_id"])?,
            states: arguments.list(&["states", "state"])?,
            ended: arguments.flag(&["ended", "include_ended"])?,
            limit: arguments.number(&["limit"])?,
        };
        arguments.end()?;
        Ok(plain(&ask(&client, &call).await?))
    })
}

fn get(client: Client, mut arguments: Arguments) -> Calling {
    Box::pin(async move {
        let id = arguments.need(&["id", "handoff_id"])?;
        arguments.end()?;
        Ok(plain(&ask(&client, &AgentGetHandoff { v: V1, id }).await?))
    })
}

fn respond(client: Client, mut arguments: Arguments) -> Calling {
    Box::pin(async move {
        let call = AgentRespondHandoff {
            v: V1,
            id: arguments.need(&["id", "handoff_id"])?,
            action: arguments.need(&["action"])?,
            text: arguments
                .text(&["text", "reason", "answer"])?
                .unwrap_or_default(),
            disposition: arguments.text(&["disposition"])?,
            expected_state: arguments.text(&["expected_state"])?,
            model: arguments.text(&["model"])?,
            prompt: arguments.text(&["prompt"])?,
        };
        arguments.end()?;
        Ok(plain(&ask(&client, &call).await?))
    })
}
