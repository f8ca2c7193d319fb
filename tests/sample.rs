//! Real input: conversations of an airline's support agent, as notes with their sources.
//!
//! The data is a part of tau-bench's, under the MIT License; see `crates/cli/demo/README.md`.

use kitbag_engine::Sensitivity;
use miniz_oxide::inflate::decompress_to_vec_with_limit;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// One message or tool result.
pub(crate) struct Message {
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) source: String,
}

/// One conversation.
pub(crate) struct Conversation {
    pub(crate) title: String,
    pub(crate) messages: Vec<Message>,
}

/// All conversations of the sample, as they are.
pub(crate) fn raw_conversations() -> Vec<Value> {
    let packed = include_bytes!("../crates/cli/demo/airline.json.deflate");
    let json = decompress_to_vec_with_limit(packed, 4 << 20).unwrap();
    serde_json::from_slice(&json).unwrap()
}

/// All conversations of the sample.
pub(crate) fn conversations() -> Vec<Conversation> {
    raw_conversations().iter().map(conversation).collect()
}

fn conversation(value: &Value) -> Conversation {
    let task = &value["task_id"];
    let messages = value["messages"].as_array().unwrap().iter().enumerate();
    let notes = messages.map(|(at, message)| {
        let role = message["role"].as_str().unwrap();
        let calls = message.get("tool_calls").filter(|calls| !calls.is_null());
        let body = match (message["content"].as_str(), calls) {
            (Some(content), None) => content.to_owned(),
            (content, Some(calls)) => format!("{}{calls}", content.unwrap_or_default()),
            (None, None) => String::new(),
        };
        let name = message["name"].as_str().unwrap_or(role);
        Message {
            title: format!("{at:02} {name}"),
            body,
            source: format!("Airline chat · task {task} · message {at}"),
        }
    });
    Conversation {
        title: format!("Airline case {task}"),
        messages: notes.collect(),
    }
}

/// A part of a conversation, all of one sensitivity.
pub(crate) struct Piece {
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) source: String,
    pub(crate) sensitivity: Sensitivity,
}

/// The conversations, split so that each piece has one sensitivity.
pub(crate) struct Split {
    pub(crate) pieces: Vec<Piece>,
    /// Values of Confidential and Restricted fields, at least four characters long.
    pub(crate) values_above_internal: BTreeSet<String>,
}

/// Fields of tool results that are Restricted.
const RESTRICTED: [&str; 6] = [
    "dob",
    "address1",
    "address2",
    "zip",
    "payment_id",
    "last_four",
];
/// Fields that are Confidential. Everything else in a result is Internal; a result that has nothing
/// but flights is Public.
const CONFIDENTIAL: [&str; 6] = [
    "first_name",
    "last_name",
    "email",
    "user_id",
    "reservation_id",
    "membership",
];
/// What a payment method is called by; its keys are restricted too.
const PAYMENT: [&str; 3] = ["credit_card_", "gift_card_", "certificate_"];

/// Splits tool results by field, and raises every message that repeats a higher value.
pub(crate) fn split_conversations() -> Split {
    let packed = include_bytes!("../crates/cli/demo/airline.json.deflate");
    let json = decompress_to_vec_with_limit(packed, 4 << 20).unwrap();
    let all: Vec<Value> = serde_json::from_slice(&json).unwrap();
    let mut split = Split {
        pieces: Vec::new(),
        values_above_internal: BTreeSet::new(),
    };
    // A value that is restricted in one conversation is so in all of them.
    let mut values: BTreeMap<Sensitivity, BTreeSet<String>> = BTreeMap::new();
    for message in all.iter().flat_map(|c| c["messages"].as_array().unwrap()) {
        if let Some(result) = tool_result(message) {
            let mut fields = BTreeMap::new();
            collect(&result, "", &mut fields);
            for (sensitivity, field) in fields {
                if sensitivity > Sensitivity::Internal {
                    let long = field.into_iter().map(|(_, value)| value);
                    let known = values.entry(sensitivity).or_default();
                    known.extend(long.filter(|value| value.len() >= 4));
                }
            }
        }
    }
    for conversation in &all {
        let task = &conversation["task_id"];
        for (at, message) in conversation["messages"]
            .as_array()
            .unwrap()
            .iter()
            .enumerate()
        {
            let source = format!("Airline chat · task {task} · message {at}");
            for (sensitivity, body) in parts(message, &values) {
                split.pieces.push(Piece {
                    title: format!("{at:02} {sensitivity}"),
                    body,
                    source: source.clone(),
                    sensitivity,
                });
            }
        }
    }
    split.values_above_internal = values.into_values().flatten().collect();
    split
}

fn tool_result(message: &Value) -> Option<Value> {
    let text = message["content"]
        .as_str()
        .filter(|_| message["role"] == "tool")?;
    serde_json::from_str(text)
        .ok()
        .filter(|value: &Value| value.is_object() || value.is_array())
}

/// A message's parts, each with its sensitivity.
fn parts(
    message: &Value,
    values: &BTreeMap<Sensitivity, BTreeSet<String>>,
) -> Vec<(Sensitivity, String)> {
    if let Some(result) = tool_result(message) {
        let mut fields = BTreeMap::new();
        collect(&result, "", &mut fields);
        let only_flights = message["name"] == "search_direct_flight";
        let part = |(sensitivity, fields): (Sensitivity, Vec<(String, String)>)| {
            let lines = fields
                .iter()
                .map(|(path, value)| format!("{path} = {value}"));
            let body = lines.collect::<Vec<_>>().join("\n");
            let raised = raise(&body, values).max(sensitivity);
            let public = only_flights && raised == Sensitivity::Internal;
            (if public { Sensitivity::Public } else { raised }, body)
        };
        return fields.into_iter().map(part).collect();
    }
    let mut body = message["content"].as_str().unwrap_or_default().to_owned();
    if let Some(calls) = message.get("tool_calls").filter(|calls| !calls.is_null()) {
        body += &calls.to_string();
    }
    if body.is_empty() {
        return vec![];
    }
    vec![(raise(&body, values), body)]
}

/// The sensitivity of the highest value that a text repeats, whatever its case; at least Internal.
fn raise(text: &str, values: &BTreeMap<Sensitivity, BTreeSet<String>>) -> Sensitivity {
    let lower = text.to_lowercase();
    let repeats = |(_, values): &(&Sensitivity, &BTreeSet<String>)| {
        values
            .iter()
            .any(|value| lower.contains(&value.to_lowercase()))
    };
    let highest = values.iter().rev().find(repeats);
    highest.map_or(Sensitivity::Internal, |(sensitivity, _)| *sensitivity)
}

/// Fields by sensitivity, each with its path.
fn collect(value: &Value, path: &str, into: &mut BTreeMap<Sensitivity, Vec<(String, String)>>) {
    let of = |name: &str| {
        if RESTRICTED.contains(&name) || PAYMENT.iter().any(|prefix| name.starts_with(prefix)) {
            Sensitivity::Restricted
        } else if CONFIDENTIAL.contains(&name) {
            Sensitivity::Confidential
        } else {
            Sensitivity::Internal
        }
    };
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if of(name) == Sensitivity::Restricted && value.is_object() {
                    // The method itself, by whatever it is called.
                    let method = (format!("{path}.method"), name.clone());
                    into.entry(Sensitivity::Restricted)
                        .or_default()
                        .push(method);
                    into.entry(Sensitivity::Restricted)
                        .or_default()
                        .push((format!("{path}.details"), value.to_string()));
                } else {
                    collect(value, name, into);
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, path, into)),
        other => {
            let text = other
                .as_str()
                .map_or_else(|| other.to_string(), str::to_owned);
            into.entry(of(path).max(of(&text)))
                .or_default()
                .push((path.to_owned(), text));
        }
    }
}
