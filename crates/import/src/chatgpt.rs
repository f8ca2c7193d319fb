//! An export of ChatGPT: each conversation is a tree, of which one branch was shown last.

use crate::error::Stop;
use crate::json::{self, Event, id, text};
use crate::lines::nothing;
use crate::out::Out;
use crate::turn::{Piece, Turn, call, give, is_assistant};
use crate::{BRANCH_MESSAGES_MAX, time};
use serde_json::{Map, Value};
use std::collections::HashSet;
use std::io::BufRead;

pub(crate) fn read(input: &mut dyn BufRead, out: &mut Out<'_>) -> Result<(), Stop> {
    let (mut count, mut any) = (0, false);
    json::each(input, &mut |event| {
        count += 1;
        let place = format!("conversation {count}");
        match event {
            Event::Begin | Event::End => {
                count -= 1;
                Ok(())
            }
            Event::Bad(why) => {
                any = true;
                out.skip(&place, why)
            }
            Event::Value(value) => match value.get("mapping").and_then(Value::as_object) {
                Some(mapping) => {
                    any = true;
                    conversation(&value, mapping, place, out)
                }
                None => out.skip(&place, "it is no conversation of ChatGPT"),
            },
        }
    })?;
    match count > 0 && !any {
        true => Err(nothing("a conversation of ChatGPT")),
        false => Ok(()),
    }
}

fn conversation(
    conversation: &Value,
    mapping: &Map<String, Value>,
    place: String,
    out: &mut Out<'_>,
) -> Result<(), Stop> {
    let own = id(conversation.get("conversation_id")).or_else(|| id(conversation.get("id")));
    let own = own.unwrap_or_default();
    let title = text(conversation, "title").filter(|title| !title.trim().is_empty());
    let place = title.map_or(place, str::to_owned);
    let leaf = text(conversation, "current_node").filter(|leaf| mapping.contains_key(*leaf));
    let branch = match leaf {
        Some(leaf) => up_from(leaf, mapping),
        None => down(mapping),
    };
    if branch.len() == BRANCH_MESSAGES_MAX {
        out.left_out(&place, format!("messages beyond {BRANCH_MESSAGES_MAX}"))?;
    }
    let shown: HashSet<&str> = branch.iter().copied().collect();
    let others = mapping.iter().filter(|(node, of)| {
        !shown.contains(node.as_str()) && message_of(of).is_some_and(says_something)
    });
    match others.count() {
        0 => {}
        others => out.left_out(
            &place,
            format!("messages of branches not shown last: {others}"),
        )?,
    }
    for (number, node) in branch.into_iter().enumerate() {
        let Some(message) = message_of(&mapping[node]) else {
            continue;
        };
        let turn = turn(message, out)?;
        let message = id(message.get("id")).unwrap_or_else(|| node.to_owned());
        let stands = crate::key::link(out.kind(), "message", &[own.as_bytes(), message.as_bytes()]);
        give(
            turn,
            &stands,
            None,
            &place,
            &format!("message {number}, {message}"),
            out,
        )?;
    }
    Ok(())
}

/// The message of a node, unless people never saw it.
fn message_of(node: &Value) -> Option<&Value> {
    let message = node.get("message").filter(|m| m.is_object())?;
    let hidden = message.pointer("/metadata/is_visually_hidden_from_conversation");
    (hidden.and_then(Value::as_bool) != Some(true)).then_some(message)
}

fn says_something(message: &Value) -> bool {
    let is_text = |part: &Value| part.as_str().is_some_and(|text| !text.trim().is_empty());
    let parts = message.pointer("/content/parts").and_then(Value::as_array);
    let mut parts = parts.into_iter().flatten();
    parts.any(|part| is_text(part) || part.is_object())
        || message.pointer("/content/text").is_some_and(is_text)
}

/// The branch that ends in a leaf, root first. A tree that bites its tail is followed once around.
fn up_from<'m>(leaf: &'m str, mapping: &'m Map<String, Value>) -> Vec<&'m str> {
    let (mut branch, mut seen) = (Vec::new(), HashSet::new());
    let mut at = Some(leaf);
    while let Some(node) = at.filter(|node| seen.insert(*node)) {
        if branch.len() == BRANCH_MESSAGES_MAX || !mapping.contains_key(node) {
            break;
        }
        branch.push(node);
        at = text(&mapping[node], "parent");
    }
    branch.reverse();
    branch
}

/// Without a word on which branch was shown: from the root always to the youngest child.
fn down(mapping: &Map<String, Value>) -> Vec<&str> {
    let root = mapping.iter().find(|(_, node)| {
        let parent = text(node, "parent");
        parent.is_none_or(|parent| !mapping.contains_key(parent))
    });
    let (mut branch, mut seen) = (Vec::new(), HashSet::new());
    let mut at = root.map(|(node, _)| node.as_str());
    while let Some(node) = at.filter(|node| seen.insert(*node)) {
        if branch.len() == BRANCH_MESSAGES_MAX {
            break;
        }
        branch.push(node);
        let children = mapping[node].get("children").and_then(Value::as_array);
        let mut children = children.into_iter().flatten().rev();
        at = children
            .find_map(|child| {
                child
                    .as_str()
                    .and_then(|child| mapping.get_key_value(child))
            })
            .map(|(child, _)| child.as_str());
    }
    branch
}

fn turn(message: &Value, out: &mut Out<'_>) -> Result<Turn, Stop> {
    let author = message.get("author").unwrap_or(&Value::Null);
    let role = text(author, "role").unwrap_or("unknown").to_owned();
    let said = said(message.get("content").unwrap_or(&Value::Null), out)?;
    let to = text(message, "recipient").filter(|to| *to != "all" && is_assistant(&role));
    let said = match to {
        Some(tool) => call(Some(tool), Some(&Value::String(said))),
        None => said,
    };
    let pieces = match said.trim().is_empty() {
        true => vec![],
        false => vec![Piece::Said(said)],
    };
    Ok(Turn {
        role,
        name: text(author, "name")
            .filter(|name| !name.is_empty())
            .map(str::to_owned),
        model: message
            .pointer("/metadata/model_slug")
            .and_then(Value::as_str)
            .map(str::to_owned),
        at: time::of(message.get("create_time")),
        tags: vec![],
        pieces,
    })
}

fn said(content: &Value, out: &mut Out<'_>) -> Result<String, Stop> {
    let kind = text(content, "content_type").unwrap_or("text");
    if matches!(
        kind,
        "thoughts" | "reasoning_recap" | "user_editable_context" | "model_editable_context"
    ) {
        out.unknown(kind)?;
        return Ok(String::new());
    }
    let mut texts = Vec::new();
    for part in content
        .get("parts")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        match part.as_str().or_else(|| text(part, "text")) {
            Some(text) => texts.push(text.to_owned()),
            None => {
                let kind = text(part, "content_type").unwrap_or("without text");
                out.unknown(&format!("part {kind}"))?;
            }
        }
    }
    let others = ["text", "result"]
        .iter()
        .filter_map(|name| text(content, name));
    texts.extend(others.map(str::to_owned));
    texts.retain(|text| !text.trim().is_empty());
    if texts.is_empty() && content.get("parts").is_none() && kind != "text" {
        out.unknown(kind)?;
    }
    Ok(texts.join("\n\n"))
}
