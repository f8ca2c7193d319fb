//! `list_packs`: the packs that this agent was given.

use super::{Calling, Definition, Kind, ask, plain};
use crate::arguments::Arguments;
use kitbag_rpc::{AgentListPacks, AgentScope, Client};
use serde_json::{Value, json};

pub(super) const DEFINITION: Definition = Definition {
    name: "list_packs",
    title: "List packs",
    description: "List the context packs you may read: id, title, number of notes, how sensitive they may be for you, and whether you may add. Start here.",
    scope: AgentScope::Search,
    kind: Kind::Reads,
    input: || json!({"type": "object", "additionalProperties": false, "properties": {}}),
    output,
    call,
};

fn output() -> Value {
    json!({"type": "object", "required": ["packs"], "properties": {
        "packs": {"type": "array", "items": {"type": "object", "required": ["id", "title", "notes"], "properties": {
            "id": {"type": "string"}, "title": {"type": "string"}, "notes": {"type": "integer"},
            "clearance": {"type": "string"}, "writes": {"type": "boolean"},
            "refused": {"type": "string", "description": "the rule that keeps everything in"}}}}}})
}

fn call(client: Client, arguments: Arguments) -> Calling {
    Box::pin(async move {
        arguments.end()?;
        Ok(plain(&ask(&client, &AgentListPacks::default()).await?))
    })
}
