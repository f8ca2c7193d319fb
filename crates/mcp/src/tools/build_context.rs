//! `build_context`: a document of whole notes about a topic, within a number of tokens.

use super::{Calling, Definition, Kind, ask, plain};
use crate::arguments::Arguments;
use kitbag_rpc::{AgentContext, AgentScope, Client, V1};
use serde_json::{Value, json};

pub(super) const DEFINITION: Definition = Definition {
    name: "build_context",
    title: "Build context",
    description: "Put together whole notes about a topic, or given notes, as one document within a token budget. Says which notes were dropped and why. With since_cursor, notes that people changed come first.",
    scope: AgentScope::Read,
    kind: Kind::Reads,
    input,
    output,
    call,
};

fn input() -> Value {
    json!({"type": "object", "additionalProperties": false, "properties": {
        "topic": {"type": "string", "description": "words to find notes by"},
        "ids": {"type": "array", "maxItems": 20, "items": {"type": "string"}, "description": "these notes first"},
        "pack": {"type": "string"},
        "format": {"type": "string", "enum": ["xml", "markdown", "json"], "default": "xml"},
        "max_tokens": {"type": "integer", "minimum": 200, "maximum": 20000, "default": 8000},
        "since_cursor": {"type": "string", "description": "from recent_changes"}}})
}

fn output() -> Value {
    json!({"type": "object", "required": ["text", "tokens", "item_ids", "dropped"], "properties": {
        "text": {"type": "string"}, "tokens": {"type": "integer"}, "estimator": {"type": "string"},
        "item_ids": {"type": "array", "items": {"type": "string"}},
        "dropped": {"type": "array", "items": {"type": "object", "properties": {
            "id": {"type": "string"}, "why": {"type": "string", "enum": ["budget", "duplicate", "unknown"]}}}},
        "changed_by_human": {"type": "array", "items": {"type": "string"}},
        "cursor": {"type": "string"},
        "warnings": {"type": "array", "items": {"type": "string"}}}})
}

fn call(client: Client, mut arguments: Arguments) -> Calling {
    Box::pin(async move {
        let context = AgentContext {
            v: V1,
            packs: arguments.list(&["pack", "packs", "pack_id"])?,
            topic: arguments.text(&["topic", "query", "q", "about"])?,
            ids: arguments.list(&["ids", "item_ids", "selection"])?,
            format: arguments.text(&["format"])?,
            max_tokens: arguments.number(&["max_tokens", "budget", "limit"])?,
            since_cursor: arguments.text(&["since_cursor", "since", "cursor"])?,
        };
        arguments.end()?;
        Ok(plain(&ask(&client, &context).await?))
    })
}
