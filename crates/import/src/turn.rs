//! What somebody said in a conversation: text, calls of tools, and what tools answered.

use crate::error::Stop;
use crate::json::text;
use crate::key::{be, link};
use crate::note::{Note, ProducedBy, Source};
use crate::out::Out;
use crate::{Key, label::cut_chars};
use serde_json::Value;

/// One message, taken apart.
#[derive(Default)]
pub(crate) struct Turn {
    pub(crate) role: String,
    /// Who, if more than the role is known.
    pub(crate) name: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) at: Option<u64>,
    pub(crate) tags: Vec<String>,
    pub(crate) pieces: Vec<Piece>,
}

/// What becomes one note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// What was said, with the calls of tools.
    Said(String),
    /// What a tool answered, and the id of the call.
    Answer { call: Option<String>, body: String },
    /// A text that came along.
    File { name: String, body: String },
}

impl Piece {
    fn word(&self) -> &'static str {
        match self {
            Piece::Said(_) => "said",
            Piece::Answer { .. } => "answer",
            Piece::File { .. } => "file",
        }
    }

    fn body(&self) -> &str {
        match self {
            Piece::Said(body) | Piece::Answer { body, .. } | Piece::File { body, .. } => body,
        }
    }
}

/// Whether a role is that of a program that answers people.
pub(crate) fn is_assistant(role: &str) -> bool {
    matches!(role, "assistant" | "model" | "ai" | "bot")
}

/// Whether a role is that of a tool.
pub(crate) fn is_tool(role: &str) -> bool {
    matches!(role, "tool" | "function")
}

/// Characters of a title that is made of a text, at most.
const TITLE_CHARS: usize = 80;

/// The first line that is not blank, short enough to be listed.
pub(crate) fn first_line(text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    cut_chars(line.unwrap_or_default(), TITLE_CHARS)
}

/// Takes the content of a message apart: a text, or a list of parts. Parts that are no text are
/// counted.
pub(crate) fn content(content: Option<&Value>, out: &mut Out<'_>) -> Result<Vec<Piece>, Stop> {
    let mut said: Vec<String> = Vec::new();
    let mut pieces = Vec::new();
    let parts: &[Value] = match content {
        Some(Value::String(text)) => {
            said.push(text.clone());
            &[]
        }
        Some(Value::Array(parts)) => parts,
        Some(part @ Value::Object(_)) => std::slice::from_ref(part),
        _ => &[],
    };
    for part in parts {
        let kind = text(part, "type").unwrap_or_default();
        match (part, kind) {
            (Value::String(text), _) => said.push(text.clone()),
            (_, "text" | "input_text" | "output_text" | "refusal" | "") => {
                let found = text(part, "text").or_else(|| text(part, "refusal"));
                match found.or_else(|| text(part, "content")) {
                    Some(text) => said.push(text.to_owned()),
                    None => out.unknown("part without text")?,
                }
            }
            (_, "tool_use" | "server_tool_use") => {
                said.push(call(text(part, "name"), part.get("input")));
            }
            (_, "tool_result") => {
                let inner = answer(part.get("content"), out)?;
                pieces.push(Piece::Answer {
                    call: text(part, "tool_use_id").map(str::to_owned),
                    body: match part.get("is_error").and_then(Value::as_bool) {
                        Some(true) => format!("Error: {inner}"),
                        _ => inner,
                    },
                });
            }
            (_, kind) => out.unknown(&format!("part {kind}"))?,
        }
    }
    push_said(&mut pieces, said);
    Ok(pieces)
}

/// Puts what was said before the other pieces.
fn push_said(pieces: &mut Vec<Piece>, said: Vec<String>) {
    let said: Vec<String> = said.into_iter().filter(|s| !s.trim().is_empty()).collect();
    if !said.is_empty() {
        pieces.insert(0, Piece::Said(said.join("\n\n")));
    }
}

/// Adds calls of tools to what was said.
pub(crate) fn add_calls(pieces: &mut Vec<Piece>, calls: Vec<String>) {
    let mut said = Vec::new();
    if let Some(Piece::Said(_)) = pieces.first()
        && let Piece::Said(text) = pieces.remove(0)
    {
        said.push(text);
    }
    said.extend(calls);
    push_said(pieces, said);
}

/// The text of what a tool answered.
fn answer(content: Option<&Value>, out: &mut Out<'_>) -> Result<String, Stop> {
    Ok(match content {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            let mut texts = Vec::new();
            for part in parts {
                match part.as_str().or_else(|| text(part, "text")) {
                    Some(text) => texts.push(text.to_owned()),
                    None => {
                        let kind = text(part, "type").unwrap_or("without text");
                        out.unknown(&format!("part {kind}"))?;
                    }
                }
            }
            texts.join("\n\n")
        }
        Some(other) => other.to_string(),
    })
}

/// A call of a tool, to be read by people.
pub(crate) fn call(name: Option<&str>, arguments: Option<&Value>) -> String {
    let name = name.unwrap_or("(no name)");
    match arguments {
        None | Some(Value::Null) => format!("Tool call: {name}"),
        // Programs keep arguments as a text that holds JSON.
        Some(Value::String(text)) => format!("Tool call: {name}\n{text}"),
        Some(value) => format!("Tool call: {name}\n{value}"),
    }
}

/// Hashes a message after those before it: where it stands in what was said.
pub(crate) fn chain(out: &Out<'_>, before: &[u8; 32], id: Option<&str>, turn: &Turn) -> [u8; 32] {
    let mut parts: Vec<&[u8]> = vec![
        before,
        id.unwrap_or_default().as_bytes(),
        turn.role.as_bytes(),
        turn.name.as_deref().unwrap_or_default().as_bytes(),
    ];
    for piece in &turn.pieces {
        parts.extend([piece.word().as_bytes(), piece.body().as_bytes()]);
    }
    link(out.kind(), "message", &parts)
}

/// Gives the notes of a message. `stands` names where it stands, for their keys; `chained` is the number of
/// its conversation, if that is made of all that was said up to the end of this message.
pub(crate) fn give(
    turn: Turn,
    stands: &[u8],
    chained: Option<usize>,
    place: &str,
    locator: &str,
    out: &mut Out<'_>,
) -> Result<(), Stop> {
    let by_assistant = is_assistant(&turn.role);
    let is_tool = is_tool(&turn.role);
    let last = turn.pieces.len().saturating_sub(1);
    for (number, piece) in turn.pieces.into_iter().enumerate() {
        let mut note = Note {
            conversation: chained,
            tells_more: chained.is_some() && number < last,
            place: place.to_owned(),
            key: Key::of(out.kind(), "piece", &[stands, &be(number)]),
            tags: turn.tags.clone(),
            source: Source {
                kind: "chat".to_owned(),
                author: turn.name.clone().or_else(|| Some(turn.role.clone())),
                locator: Some(locator.to_owned()),
                observed_at: turn.at,
                ..Source::default()
            },
            ..Note::default()
        };
        let (note_type, claim, tag) = match &piece {
            Piece::Said(_) if is_tool => ("record", Some("observation"), "tool"),
            Piece::Said(_) if by_assistant => ("message", Some("inference"), turn.role.as_str()),
            Piece::Said(_) => ("message", None, turn.role.as_str()),
            Piece::Answer { .. } => ("record", Some("observation"), "tool"),
            Piece::File { .. } => ("file", None, turn.role.as_str()),
        };
        note.note_type = note_type.to_owned();
        note.claim = claim.map(str::to_owned);
        note.tags.insert(0, tag.to_owned());
        if by_assistant && matches!(piece, Piece::Said(_)) {
            note.produced_by = Some(ProducedBy {
                agent: turn.name.clone().or_else(|| Some(turn.role.clone())),
                model: turn.model.clone(),
                prompt: None,
            });
        }
        match piece {
            Piece::Said(body) => {
                note.title = first_line(&body);
                note.body = body;
            }
            Piece::Answer { call, body } => {
                note.title = first_line(&body);
                note.body = body;
                note.source.author = Some("tool".to_owned());
                if let Some(call) = call {
                    note.source.locator = Some(format!("{locator}, call {call}"));
                }
            }
            Piece::File { name, body } => {
                note.title = name;
                note.body = body;
            }
        }
        out.note(note)?;
    }
    Ok(())
}
