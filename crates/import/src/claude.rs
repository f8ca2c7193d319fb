//! An export of Claude: conversations as lists of messages with uuids.

use crate::error::Stop;
use crate::json::{self, Event, id, text};
use crate::key::{be, link};
use crate::lines::nothing;
use crate::out::Out;
use crate::time;
use crate::turn::{Piece, Turn, content, give};
use serde_json::Value;
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
            Event::Value(value) => match value.get("chat_messages").and_then(Value::as_array) {
                Some(messages) => {
                    any = true;
                    let name = text(&value, "name").filter(|name| !name.trim().is_empty());
                    let place = name.map_or(place, str::to_owned);
                    conversation(&value, messages, &place, out)
                }
                None => out.skip(&place, "it is no conversation of Claude"),
            },
        }
    })?;
    match count > 0 && !any {
        true => Err(nothing("a conversation of Claude")),
        false => Ok(()),
    }
}

fn conversation(
    conversation: &Value,
    messages: &[Value],
    place: &str,
    out: &mut Out<'_>,
) -> Result<(), Stop> {
    let own = id(conversation.get("uuid")).unwrap_or_default();
    for (number, message) in messages.iter().enumerate() {
        let turn = turn(message, conversation, out)?;
        let locator = format!("message {}", number + 1);
        // Without a uuid only its place in the list tells a message from others.
        let (locator, stands) = match id(message.get("uuid")) {
            Some(uuid) => (
                format!("{locator}, {uuid}"),
                link(out.kind(), "message", &[own.as_bytes(), uuid.as_bytes()]),
            ),
            None => (
                locator,
                link(out.kind(), "message number", &[own.as_bytes(), &be(number)]),
            ),
        };
        give(turn, &stands, None, place, &locator, out)?;
    }
    Ok(())
}

fn turn(message: &Value, conversation: &Value, out: &mut Out<'_>) -> Result<Turn, Stop> {
    let role = match text(message, "sender").or_else(|| text(message, "role")) {
        Some("human") | None => "user",
        Some(sender) => sender,
    };
    let mut pieces = content(message.get("content"), out)?;
    if pieces.is_empty()
        && let Some(said) = text(message, "text").filter(|said| !said.trim().is_empty())
    {
        pieces.push(Piece::Said(said.to_owned()));
    }
    for attached in message
        .get("attachments")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let name = text(attached, "file_name").filter(|name| !name.is_empty());
        match text(attached, "extracted_content").filter(|body| !body.is_empty()) {
            Some(body) => pieces.push(Piece::File {
                name: name.unwrap_or("attachment").to_owned(),
                body: body.to_owned(),
            }),
            None => out.unknown("attachment without text")?,
        }
    }
    for _ in message
        .get("files")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        out.unknown("file")?;
    }
    Ok(Turn {
        role: role.to_owned(),
        name: None,
        model: text(message, "model")
            .or_else(|| text(conversation, "model"))
            .map(str::to_owned),
        at: time::of(message.get("created_at")),
        tags: vec![],
        pieces,
    })
}
