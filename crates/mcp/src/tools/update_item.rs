//! `update_item`: tags of a note, and what replaced it.

use super::{Calling, Definition, Kind, ask, plain};
use crate::arguments::Arguments;
use kitbag_rpc::{AgentScope, AgentUpdate, Client, V1};
use serde_json::{Value, json};

pub(super) const DEFINITION: Definition = Definition {
    name: "update_item",
    title: "Update a note",
    description: "Add or remove tags of a note, or say which note replaces it. You cannot change its text or delete it; to correct a note, add one that supersedes it.",
    scope: AgentScope::Update,
    kind: Kind::Adds,
    input,
    output,
    call,
};

fn input() -> Value {
    json!({"type": "object", "additionalProperties": false, "required": ["id"], "properties": {
        "id": {"type": "string"},
        "add_tags": {"type": "array", "items": {"type": "string"}},
        "remove_tags": {"type": "array", "items": {"type": "string"}},
        "superseded_by": {"type": "string"},
        "reactivate": {"type": "boolean", "description": "put back in use what was superseded"}}})
}

fn output() -> Value {
    json!({"type": "object", "required": ["id", "changed"], "properties": {
        "id": {"type": "string"}, "changed": {"type": "boolean"}}})
}

fn call(client: Client, mut arguments: Arguments) -> Calling {
    Box::pin(async move {
        let update = AgentUpdate {
            v: V1,
            id: arguments.need(&["id", "item_id", "note"])?,
            add_tags: arguments.list(&["add_tags", "tags", "tag"])?,
            remove_tags: arguments.list(&["remove_tags"])?,
            superseded_by: arguments.text(&["superseded_by", "replaced_by"])?,
            reactivate: arguments.flag(&["reactivate"])?,
        };
        arguments.end()?;
        Ok(plain(&ask(&client, &update).await?))
    })
}
