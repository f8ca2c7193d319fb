//! Session logs of Claude Code: a record in each line, of which newer versions have more kinds.

use crate::error::Stop;
use crate::json::{self, text};
use crate::lines::{self, Line, TOO_LONG, nothing};
use crate::note::{Note, Source};
use crate::out::Out;
use crate::{Key, ProducedBy, RECORD_BYTES_MAX, time, turn};
use serde_json::Value;
use std::io::BufRead;

pub(crate) fn read(input: &mut dyn BufRead, out: &mut Out<'_>) -> Result<(), Stop> {
    let (mut number, mut any, mut bad) = (0, false, 0);
    while let Some(line) = lines::next(input, RECORD_BYTES_MAX)? {
        number += 1;
        let place = format!("line {number}");
        let line = match line {
            Line::TooLong => {
                any = true;
                out.skip(&place, TOO_LONG)?;
                continue;
            }
            Line::Whole(line) if line.trim_ascii().is_empty() => continue,
            Line::Whole(line) => line,
        };
        match serde_json::from_slice::<Value>(&line) {
            Ok(record) if record.is_object() => {
                any = true;
                self::record(&record, &place, out)?;
            }
            other => {
                bad += 1;
                out.skip(&place, "it is not a record of JSON")?;
                json::whole(&line, other)?;
            }
        }
    }
    match !any && bad > 0 {
        true => Err(nothing("a record of a session")),
        false => Ok(()),
    }
}

fn record(record: &Value, place: &str, out: &mut Out<'_>) -> Result<(), Stop> {
    let kind = text(record, "type").unwrap_or("without a type");
    let flag = |name: &str| record.get(name).and_then(Value::as_bool) == Some(true);
    match kind {
        "user" | "assistant" if flag("isMeta") => out.unknown("meta"),
        "user" | "assistant" => message(record, kind, place, out),
        "summary" => summary(record, out),
        kind => out.unknown(kind),
    }
}

fn message(record: &Value, kind: &str, at: &str, out: &mut Out<'_>) -> Result<(), Stop> {
    let Some(uuid) = text(record, "uuid").filter(|uuid| !uuid.is_empty()) else {
        return out.skip(at, "it has no uuid");
    };
    let Some(message) = record.get("message") else {
        return out.skip(at, "it has no message");
    };
    let is_side = record.get("isSidechain").and_then(Value::as_bool) == Some(true);
    let mut place = match text(record, "sessionId") {
        Some(session) => format!("session {session}"),
        None => "session".to_owned(),
    };
    if is_side {
        place.push_str(", side chain");
    }
    let turn = turn::Turn {
        role: text(message, "role").unwrap_or(kind).to_owned(),
        name: None,
        model: text(message, "model").map(str::to_owned),
        at: time::of(record.get("timestamp")),
        tags: is_side
            .then(|| "sidechain".to_owned())
            .into_iter()
            .collect(),
        pieces: turn::content(message.get("content"), out)?,
    };
    // A session that was resumed repeats messages of the one before it under their own uuids.
    turn::give(turn, uuid.as_bytes(), None, &place, uuid, out)
}

fn summary(record: &Value, out: &mut Out<'_>) -> Result<(), Stop> {
    let body = text(record, "summary").unwrap_or_default();
    let leaf = text(record, "leafUuid").unwrap_or_default();
    out.note(Note {
        place: "summary".to_owned(),
        key: Key::of(out.kind(), "summary", &[leaf.as_bytes(), body.as_bytes()]),
        note_type: "summary".to_owned(),
        title: turn::first_line(body),
        body: body.to_owned(),
        tags: vec!["summary".to_owned()],
        claim: Some("inference".to_owned()),
        produced_by: Some(ProducedBy {
            agent: Some("assistant".to_owned()),
            ..ProducedBy::default()
        }),
        source: Source {
            kind: "chat".to_owned(),
            author: Some("assistant".to_owned()),
            locator: Some(leaf.to_owned()),
            ..Source::default()
        },
        ..Note::default()
    })
}
