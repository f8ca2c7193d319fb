//! `explain_access`: whether the agent may read a note, and why not.

use super::{Calling, Definition, Kind, ask, plain};
use crate::arguments::Arguments;
use kitbag_rpc::{AgentExplain, AgentScope, Client, V1};
use serde_json::{Value, json};

pub(super) const DEFINITION: Definition = Definition {
    name: "explain_access",
    title: "Explain access",
    description: "Say whether you may read a note, which rule withholds it, and whom to ask. A note you may not know of is `unknown`, like one that does not exist.",
    scope: AgentScope::Search,
    kind: Kind::Reads,
    input: || {
        json!({"type": "object", "additionalProperties": false, "required": ["id"], "properties": {
            "id": {"type": "string"}}})
    },
    output,
    call,
};

fn output() -> Value {
    json!({"type": "object", "required": ["id", "state"], "properties": {
        "id": {"type": "string"},
        "state": {"type": "string", "enum": ["open", "withheld", "unknown"]},
        "rule": {"type": "string"},
        "ask": {"type": "array", "items": {"type": "string"}, "description": "names of people"}}})
}

fn call(client: Client, mut arguments: Arguments) -> Calling {
    Box::pin(async move {
        let explain = AgentExplain {
            v: V1,
            id: arguments.need(&["id", "item_id", "note"])?,
        };
        arguments.end()?;
        Ok(plain(&ask(&client, &explain).await?))
    })
}
