//! `add_item`: a note of the agent's own.

use super::{Calling, Definition, Kind, ask, plain};
use crate::arguments::Arguments;
use kitbag_rpc::{AgentAdd, AgentNoteAdded, AgentScope, Client, V1};
use serde_json::{Value, json};

pub(super) const DEFINITION: Definition = Definition {
    name: "add_item",
    title: "Add a note",
    description: "Add a note to a pack, as yourself. Say where it comes from (source_label) and which notes it was made from. Do not write down again what you read: a note that is already there is returned instead. The answer says who can read it.",
    scope: AgentScope::Add,
    kind: Kind::Adds,
    input,
    output,
    call,
};

fn input() -> Value {
    json!({"type": "object", "additionalProperties": false, "required": ["pack", "source_label"], "properties": {
        "pack": {"type": "string"},
        "title": {"type": "string"}, "body": {"type": "string"},
        "source_label": {"type": "string", "maxLength": 200, "description": "for a person: \"Call with Acme, 24 Nov\""},
        "uri": {"type": "string"},
        "type": {"type": "string", "enum": ["note", "snippet", "message", "record", "file", "link", "decision", "summary", "outcome", "prompt"], "default": "note"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "claim": {"type": "string", "enum": ["observation", "inference"], "default": "inference"},
        "confidence": {"type": "number", "minimum": 0, "maximum": 1},
        "sensitivity": {"type": "string", "enum": ["public", "internal", "confidential", "restricted"], "description": "not below the pack's default"},
        "derived_from": {"type": "array", "items": {"type": "string"}},
        "supersedes": {"type": "array", "items": {"type": "string"}},
        "observed_at": {"type": "string"},
        "model": {"type": "string"}, "prompt": {"type": "string"},
        "idempotency_key": {"type": "string"}}})
}

pub(super) fn output() -> Value {
    json!({"type": "object", "required": ["became"], "properties": {
        "id": {"type": "string"}, "sensitivity": {"type": "string"},
        "became": {"type": "string", "enum": ["added", "same_key", "same_content", "recalled"]},
        "masked": {"type": "boolean", "description": "personal data was found; this is the copy without it"},
        "readable_by": {"type": "array", "items": {"type": "string"}}}})
}

/// The answer, with the names of those who can read it.
pub(super) fn shown(added: &AgentNoteAdded) -> Value {
    let mut value = plain(added);
    let readers = added.audience.iter().filter(|member| member.opens);
    let readers: Vec<&str> = readers.map(|member| member.name.as_str()).collect();
    if let Value::Object(object) = &mut value {
        object.remove("audience");
        object.insert("readable_by".into(), readers.into());
    }
    value
}

fn call(client: Client, mut arguments: Arguments) -> Calling {
    Box::pin(async move {
        let add = AgentAdd {
            v: V1,
            pack: arguments.need(&["pack", "pack_id"])?,
            title: arguments.text(&["title", "name"])?.unwrap_or_default(),
            body: arguments
                .text(&["body", "content", "text"])?
                .unwrap_or_default(),
            source_label: arguments.need(&["source_label", "source", "label"])?,
            uri: arguments.text(&["uri", "url"])?,
            note_type: arguments.text(&["type", "note_type", "item_type"])?,
            tags: arguments.list(&["tags", "tag"])?,
            claim: arguments.text(&["claim", "claim_type"])?,
            confidence: arguments.share(&["confidence"])?,
            sensitivity: arguments.sensitivity(&["sensitivity"])?,
            derived_from: arguments.list(&["derived_from", "sources"])?,
            supersedes: arguments.list(&["supersedes", "replaces"])?,
            observed_at: arguments.time(&["observed_at"])?,
            model: arguments.text(&["model"])?,
            prompt: arguments.text(&["prompt", "run"])?,
            idempotency_key: arguments.text(&["idempotency_key"])?,
        };
        arguments.end()?;
        Ok(shown(&ask(&client, &add).await?))
    })
}
