//! Conversations as lists of messages with roles, as programs keep them.

use crate::error::Stop;
use crate::json::{self, Event, id, text};
use crate::key::link;
use crate::lines::nothing;
use crate::out::Out;
use crate::{time, turn};
use serde_json::Value;
use std::io::BufRead;

/// Under which names a conversation keeps its id, the first one first.
const IDS: [&str; 5] = ["conversation_id", "id", "uuid", "thread_id", "session_id"];
/// Under which names one may keep its messages.
const LISTS: [&str; 3] = ["messages", "conversation", "turns"];

pub(crate) fn read(input: &mut dyn BufRead, out: &mut Out<'_>) -> Result<(), Stop> {
    let mut conversations = Conversations::default();
    let mut any = false;
    json::each(input, &mut |event| {
        any = true;
        conversations.take(event, out)
    })?;
    match any && !conversations.any && conversations.skipped == 0 {
        true => Err(nothing("a conversation")),
        false => Ok(()),
    }
}

/// Where in a file the reader is.
#[derive(Default)]
struct Conversations {
    /// Conversations so far.
    count: usize,
    any: bool,
    skipped: usize,
    /// The one that a bare list of messages, or the lines of a file, go on with.
    open: Option<Open>,
}

/// A conversation that is being read.
struct Open {
    number: usize,
    place: String,
    /// The hash over all messages so far.
    chain: [u8; 32],
    messages: usize,
}

impl Conversations {
    fn take(&mut self, event: Event, out: &mut Out<'_>) -> Result<(), Stop> {
        match event {
            Event::Begin | Event::End => {
                self.open = None;
                Ok(())
            }
            Event::Bad(why) => {
                self.skipped += 1;
                let place = format!("record {}", self.count + self.skipped);
                out.skip(&place, why)
            }
            Event::Value(Value::Array(messages)) => self.list(&Value::Null, &messages, out),
            Event::Value(value) => {
                let list = LISTS.iter().find_map(|name| value.get(name)?.as_array());
                match list {
                    Some(messages) => self.list(&value, messages, out),
                    // A message on its own goes on with the one before it.
                    None if value.get("role").is_some() => {
                        let mut open = match self.open.take() {
                            Some(open) => open,
                            None => self.begin(&Value::Null, out),
                        };
                        message(&value, &mut open, out)?;
                        self.open = Some(open);
                        Ok(())
                    }
                    None => {
                        self.skipped += 1;
                        let place = format!("record {}", self.count + self.skipped);
                        out.skip(&place, "it is neither a conversation nor a message")
                    }
                }
            }
        }
    }

    fn list(
        &mut self,
        conversation: &Value,
        messages: &[Value],
        out: &mut Out<'_>,
    ) -> Result<(), Stop> {
        self.open = None;
        let mut open = self.begin(conversation, out);
        messages
            .iter()
            .try_for_each(|one| message(one, &mut open, out))
    }

    fn begin(&mut self, conversation: &Value, out: &Out<'_>) -> Open {
        self.count += 1;
        self.any = true;
        let id = id_of(conversation);
        let place = match (text(conversation, "title"), &id) {
            (Some(title), _) if !title.trim().is_empty() => title.to_owned(),
            (_, Some(id)) => format!("conversation {id}"),
            _ => format!("conversation {}", self.count),
        };
        let id = id.unwrap_or_default();
        Open {
            number: self.count,
            place,
            chain: link(out.kind(), "conversation", &[id.as_bytes()]),
            messages: 0,
        }
    }
}

/// The id of a conversation; of runs of a benchmark the task and the trial.
fn id_of(conversation: &Value) -> Option<String> {
    let own = IDS.iter().find_map(|name| id(conversation.get(name)));
    own.or_else(|| {
        let task = id(conversation.get("task_id"))?;
        Some(match id(conversation.get("trial")) {
            Some(trial) => format!("{task}/{trial}"),
            None => task,
        })
    })
}

fn message(message: &Value, open: &mut Open, out: &mut Out<'_>) -> Result<(), Stop> {
    open.messages += 1;
    let locator = format!("message {}", open.messages);
    let at = format!("{}, {locator}", open.place);
    let Some(role) = text(message, "role").filter(|role| !role.trim().is_empty()) else {
        return out.skip(&at, "it has no role");
    };
    let mut pieces = turn::content(message.get("content"), out)?;
    let calls = message.get("tool_calls").and_then(Value::as_array);
    let calls = calls.into_iter().flatten().map(|call| {
        let function = call.get("function").unwrap_or(call);
        let arguments = function.get("arguments").or_else(|| function.get("input"));
        turn::call(text(function, "name"), arguments)
    });
    let old = message.get("function_call").filter(|call| call.is_object());
    let old = old.map(|call| turn::call(text(call, "name"), call.get("arguments")));
    turn::add_calls(&mut pieces, calls.chain(old).collect());
    let time = ["timestamp", "created_at", "create_time", "time", "date"];
    let turn = turn::Turn {
        role: role.to_owned(),
        name: text(message, "name").map(str::to_owned),
        model: text(message, "model").map(str::to_owned),
        at: time.iter().find_map(|name| time::of(message.get(name))),
        tags: vec![],
        pieces,
    };
    let own = id(message.get("id"));
    open.chain = turn::chain(out, &open.chain, own.as_deref(), &turn);
    let locator = match id(message.get("tool_call_id")) {
        Some(call) => format!("{locator}, call {call}"),
        None => locator,
    };
    let number = Some(open.number);
    turn::give(turn, &open.chain, number, &open.place, &locator, out)
}
