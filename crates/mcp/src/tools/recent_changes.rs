//! `recent_changes`: what changed since the agent was last told, what people did first.

use super::{Calling, Definition, Kind, ask, plain};
use crate::arguments::Arguments;
use kitbag_rpc::{AgentListChanges, AgentScope, Client, V1};
use serde_json::{Value, json};

pub(super) const DEFINITION: Definition = Definition {
    name: "recent_changes",
    title: "Recent changes",
    description: "What changed since you last asked: outcomes, corrections and edits by people first, then other agents. Your own are left out. Pass the returned cursor next time; it marks this answer as seen. Call it when you resume work.",
    scope: AgentScope::Search,
    kind: Kind::Reads,
    input,
    output,
    call,
};

fn input() -> Value {
    json!({"type": "object", "additionalProperties": false, "properties": {
        "cursor": {"type": "string"}, "pack": {"type": "string"},
        "limit": {"type": "integer", "minimum": 1, "maximum": 50, "default": 20}}})
}

fn output() -> Value {
    json!({"type": "object", "required": ["changes", "cursor", "more"], "properties": {
        "changes": {"type": "array", "items": {"type": "object", "required": ["id", "by_human", "steps"], "properties": {
            "id": {"type": "string"}, "pack": {"type": "string"}, "title": {"type": "string"}, "type": {"type": "string"},
            "status": {"type": "string"}, "by_human": {"type": "boolean"},
            "steps": {"type": "array", "items": {"type": "object", "properties": {
                "what": {"type": "string"}, "by": {"type": "string"}, "agent": {"type": "string"}, "at": {"type": "string"},
                "fields": {"type": "array", "items": {"type": "string"}}}}},
            "superseded_by": {"type": "array", "items": {"type": "string"}}}}},
        "cursor": {"type": "string"}, "more": {"type": "boolean"},
        "older": {"type": "integer", "description": "changed notes too old to list"}}})
}

fn call(client: Client, mut arguments: Arguments) -> Calling {
    Box::pin(async move {
        let changes = AgentListChanges {
            v: V1,
            packs: arguments.list(&["pack", "packs", "pack_id"])?,
            cursor: arguments.text(&["cursor", "since_cursor", "since"])?,
            limit: arguments.number(&["limit", "count", "n"])?,
        };
        arguments.end()?;
        Ok(plain(&ask(&client, &changes).await?))
    })
}
