//! `report_feedback`: what a note was good for.

use super::{Calling, Definition, Kind, add_item, ask};
use crate::arguments::Arguments;
use kitbag_rpc::{AgentFeedback, AgentScope, Client, V1};
use serde_json::{Value, json};

pub(super) const DEFINITION: Definition = Definition {
    name: "report_feedback",
    title: "Report feedback",
    description: "Say that a note was helpful, not helpful, stale or wrong, and why. People see it; the note itself is not changed.",
    scope: AgentScope::Feedback,
    kind: Kind::Adds,
    input,
    output: add_item::output,
    call,
};

fn input() -> Value {
    json!({"type": "object", "additionalProperties": false, "required": ["id", "verdict"], "properties": {
        "id": {"type": "string"},
        "verdict": {"type": "string", "enum": ["helpful", "not_helpful", "stale", "wrong"]},
        "text": {"type": "string"},
        "model": {"type": "string"}, "prompt": {"type": "string"}}})
}

fn call(client: Client, mut arguments: Arguments) -> Calling {
    Box::pin(async move {
        let feedback = AgentFeedback {
            v: V1,
            id: arguments.need(&["id", "item_id", "note"])?,
            verdict: arguments.need(&["verdict", "rating", "feedback"])?,
            text: arguments
                .text(&["text", "reason", "comment"])?
                .unwrap_or_default(),
            model: arguments.text(&["model"])?,
            prompt: arguments.text(&["prompt", "run"])?,
        };
        arguments.end()?;
        Ok(add_item::shown(&ask(&client, &feedback).await?))
    })
}
