//! The tools: a file for each with its definition and its call, and one list.
//!
//! A definition is a constant. Which of them an agent sees follows from its scopes; their order is that
//! of [`ALL`].

mod add_item;
mod build_context;
mod explain_access;
mod handoffs;
mod list_packs;
mod pair;
mod read_items;
mod recent_changes;
mod report_feedback;
mod search_items;
mod update_item;

use crate::arguments::Arguments;
use crate::failure;
use kitbag_rpc::{AgentScope, Call, Client, Failure};
use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde::Serialize;
use serde_json::Value;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// What a tool is.
pub(crate) struct Definition {
    pub(crate) name: &'static str,
    title: &'static str,
    description: &'static str,
    /// Without it, it is not there.
    scope: AgentScope,
    kind: Kind,
    input: fn() -> Value,
    output: fn() -> Value,
    call: fn(Client, Arguments) -> Calling,
}

/// What a tool does to notes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Nothing.
    Reads,
    /// It adds, and takes nothing away.
    Adds,
}

/// A call under way.
pub(crate) type Calling = Pin<Box<dyn Future<Output = Result<Value, Failure>> + Send>>;

/// Every tool, in the order in which they are listed.
pub(crate) const ALL: [&Definition; 14] = [
    &list_packs::DEFINITION,
    &search_items::DEFINITION,
    &read_items::DEFINITION,
    &build_context::DEFINITION,
    &recent_changes::DEFINITION,
    &add_item::DEFINITION,
    &update_item::DEFINITION,
    &handoffs::CHECK,
    &handoffs::CREATE,
    &handoffs::LIST,
    &handoffs::GET,
    &handoffs::RESPOND,
    &report_feedback::DEFINITION,
    &explain_access::DEFINITION,
];

/// The two that some clients know by name alone.
pub(crate) const PAIR: [&Definition; 2] = [&pair::SEARCH, &pair::FETCH];

/// The tools of an agent with these scopes.
pub(crate) fn of(scopes: &[AgentScope], pair: bool) -> Vec<&'static Definition> {
    let pair = PAIR.into_iter().filter(|_| pair);
    let all = ALL.into_iter().chain(pair);
    all.filter(|tool| scopes.contains(&tool.scope)).collect()
}

impl Definition {
    /// As clients list it.
    pub(crate) fn tool(&self) -> Tool {
        let reads = self.kind == Kind::Reads;
        let annotations = ToolAnnotations::from_raw(
            Some(self.title.to_owned()),
            Some(reads),
            Some(false),
            Some(true),
            Some(false),
        );
        Tool::new(self.name, self.description, object((self.input)()))
            .with_title(self.title)
            .with_raw_output_schema(object((self.output)()))
            .with_annotations(annotations)
    }

    /// Calls it.
    pub(crate) async fn call(
        &self,
        client: Client,
        given: Option<JsonObject>,
    ) -> Result<Value, Failure> {
        (self.call)(client, Arguments::new(given)).await
    }
}

fn object(value: Value) -> Arc<JsonObject> {
    match value {
        Value::Object(object) => Arc::new(object),
        _ => Arc::default(),
    }
}

/// Asks the daemon.
async fn ask<C: Call>(client: &Client, call: &C) -> Result<C::Answer, Failure> {
    client.call(call).await.map_err(failure::of)
}

/// An answer as an agent gets it: without version, nulls and what says nothing.
pub(crate) fn plain(answer: &impl Serialize) -> Value {
    let mut value = serde_json::to_value(answer).unwrap_or_default();
    if let Value::Object(object) = &mut value {
        object.remove("v");
    }
    strip(&mut value);
    value
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.retain(|_, value| !value.is_null());
            object.values_mut().for_each(strip);
        }
        Value::Array(values) => values.iter_mut().for_each(strip),
        _ => {}
    }
}

/// A note with what stands beside it, as one object.
fn note(note: &kitbag_rpc::AgentNote) -> Value {
    let mut value = plain(&note.note);
    let beside = plain(note);
    let (Value::Object(own), Value::Object(beside)) = (&mut value, beside) else {
        return value;
    };
    // What is empty for most notes is left out.
    own.retain(|_, value| {
        !matches!(value, Value::Array(values) if values.is_empty())
            && *value != Value::Bool(false)
            && value.as_u64() != Some(0)
    });
    for (name, value) in beside {
        if name != "note" {
            own.insert(name, value);
        }
    }
    value
}

#[cfg(test)]
mod tests;
