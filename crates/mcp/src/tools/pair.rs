//! `search` and `fetch`: the two names that some clients need, with the shape that they expect. Only
//! there if somebody asked for them, since two tools that search confuse a model.

use super::{Calling, Definition, Kind, ask};
use crate::arguments::Arguments;
use kitbag_rpc::{AgentFound, AgentReadNotes, AgentScope, AgentSearch, Client, Code, Failure, V1};
use serde_json::{Value, json};

pub(super) const SEARCH: Definition = Definition {
    name: "search",
    title: "Search",
    description: "Find notes by words; returns ids, titles and addresses for fetch.",
    scope: AgentScope::Search,
    kind: Kind::Reads,
    input: || {
        json!({"type": "object", "additionalProperties": false, "required": ["query"], "properties": {
            "query": {"type": "string"}}})
    },
    output: || {
        json!({"type": "object", "required": ["results"], "properties": {
            "results": {"type": "array", "items": {"type": "object", "required": ["id", "title", "url"], "properties": {
                "id": {"type": "string"}, "title": {"type": "string"}, "url": {"type": "string"}}}}}})
    },
    call: search,
};

pub(super) const FETCH: Definition = Definition {
    name: "fetch",
    title: "Fetch",
    description: "Read one note in full, by the id that search gave.",
    scope: AgentScope::Read,
    kind: Kind::Reads,
    input: || {
        json!({"type": "object", "additionalProperties": false, "required": ["id"], "properties": {
            "id": {"type": "string"}}})
    },
    output: || {
        json!({"type": "object", "required": ["id", "title", "text", "url"], "properties": {
            "id": {"type": "string"}, "title": {"type": "string"}, "text": {"type": "string"},
            "url": {"type": "string"}, "metadata": {"type": "object"}}})
    },
    call: fetch,
};

fn search(client: Client, mut arguments: Arguments) -> Calling {
    Box::pin(async move {
        let search = AgentSearch {
            v: V1,
            query: arguments.need(&["query", "q"])?,
            ..AgentSearch::default()
        };
        arguments.end()?;
        let found: AgentFound = ask(&client, &search).await?;
        let results = found.results.iter().map(
            |hit| json!({"id": hit.id, "title": hit.title, "url": format!("item://{}", hit.id)}),
        );
        Ok(json!({"results": results.collect::<Vec<Value>>()}))
    })
}

fn fetch(client: Client, mut arguments: Arguments) -> Calling {
    Box::pin(async move {
        let read = AgentReadNotes {
            v: V1,
            ids: vec![arguments.need(&["id"])?],
            max_tokens: Some(kitbag_rpc::AGENT_READ_TOKENS_MAX),
        };
        arguments.end()?;
        let notes = ask(&client, &read).await?;
        let Some(note) = notes.notes.first() else {
            return Err(Failure::new(Code::NotFound, "no such note"));
        };
        Ok(json!({
            "id": note.note.id, "title": note.note.title, "text": note.note.body,
            "url": format!("item://{}", note.note.id),
            "metadata": {
                "source": note.note.source.label, "trust": note.note.source.trust,
                "truncated": note.truncated, "warnings": note.warnings,
            },
        }))
    })
}
