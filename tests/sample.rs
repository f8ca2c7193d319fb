//! Real input: conversations of an airline's support agent, as notes with their sources.
//!
//! The data is a part of tau-bench's, under the MIT License; see `crates/cli/demo/README.md`.

use miniz_oxide::inflate::decompress_to_vec_with_limit;
use serde_json::Value;

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

/// All conversations of the sample.
pub(crate) fn conversations() -> Vec<Conversation> {
    let packed = include_bytes!("../crates/cli/demo/airline.json.deflate");
    let json = decompress_to_vec_with_limit(packed, 4 << 20).unwrap();
    let all: Vec<Value> = serde_json::from_slice(&json).unwrap();
    all.iter().map(conversation).collect()
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
