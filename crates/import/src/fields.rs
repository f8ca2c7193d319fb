//! A note's fields as they are: one object in each line, or our own export.

use crate::error::{Stop, other_kind};
use crate::json::{self, Inside, id, text};
use crate::lines::{self, Line, TOO_LONG, nothing};
use crate::note::{Consent, Note, Origin, ProducedBy, Source};
use crate::out::Out;
use crate::{Key, Kind, RECORD_BYTES_MAX, time};
use serde_json::{Map, Value};
use std::io::BufRead;

/// Version of our export that is read.
const EXPORT_VERSION: u64 = 1;

pub(crate) fn lines(input: &mut dyn BufRead, out: &mut Out<'_>) -> Result<(), Stop> {
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
            Ok(Value::Object(fields)) => {
                any = true;
                match own_line(&fields)? {
                    Some(origin) => out.origin(origin)?,
                    None => note_of(&fields, place, out)?,
                }
            }
            other => {
                bad += 1;
                out.skip(&place, "it is not an object of JSON")?;
                json::whole(&line, other)?;
            }
        }
    }
    match !any && bad > 0 {
        true => Err(nothing("a note in a line")),
        false => Ok(()),
    }
}

/// What a line of our own export says that is no note: where it comes from, or what stayed.
fn own_line(fields: &Map<String, Value>) -> Result<Option<Origin>, Stop> {
    let object = |name: &str| fields.get(name).and_then(Value::as_object);
    if fields.len() == 1 && object("receipt").is_some() {
        return Ok(Some(Origin::default()));
    }
    let version = fields.get("v").and_then(Value::as_u64);
    let (Some(head), Some(version), 2) = (object("head"), version, fields.len()) else {
        return Ok(None);
    };
    if version > EXPORT_VERSION {
        return Err(other_kind("it is an export of a newer Kitbag"));
    }
    let mut origin = Origin::default();
    for (name, value) in head {
        origin.learn(name, value);
    }
    Ok(Some(origin))
}

pub(crate) fn export(input: &mut dyn BufRead, out: &mut Out<'_>) -> Result<(), Stop> {
    let (mut number, mut version) = (0, None);
    let (mut any, mut is_lines) = (false, false);
    let mut origin = Some(Origin::default());
    let other = || other_kind("it is no export of Kitbag");
    json::inside(input, "notes", &mut |one| match one {
        Inside::Member("v", value) => {
            version = value.as_u64();
            match version {
                Some(EXPORT_VERSION) => Ok(()),
                Some(newer) if newer > EXPORT_VERSION => {
                    Err(other_kind("it is an export of a newer Kitbag"))
                }
                _ => Err(other()),
            }
        }
        Inside::Member(name, value) => {
            is_lines |= name == "head";
            if let Some(origin) = &mut origin {
                origin.learn(name, value);
            }
            Ok(())
        }
        _ if version.is_none() => Err(other()),
        Inside::Bad(why) => {
            number += 1;
            out.skip(&format!("note {number}"), why)
        }
        Inside::Element(value) => {
            number += 1;
            any = true;
            if let Some(origin) = origin.take() {
                out.origin(origin)?;
            }
            let place = format!("note {number}");
            match value {
                Value::Object(fields) => note_of(&fields, place, out),
                _ => out.skip(&place, "it is no note"),
            }
        }
    })?;
    match version {
        Some(_) if is_lines && !any => {
            let what = "it is an export of Kitbag with a note in each line: import it as jsonl";
            Err(other_kind(what))
        }
        Some(_) => Ok(()),
        None => Err(other()),
    }
}

/// Fields of a note that are read.
const FIELDS: &[&str] = &[
    "id",
    "type",
    "title",
    "body",
    "tags",
    "source",
    "produced_by",
    "sensitivity",
    "pii",
    "consent",
    "claim",
    "confidence",
    "status",
    "pinned",
    "supersedes",
    "derived_from",
    "valid_from",
    "valid_to",
    "review_after",
    "expires_at",
];
/// Fields that an export states, and that whoever takes the note in states anew.
const OF_THE_DEVICE: &[&str] = &["added_by", "edits", "key", "pack"];
/// What other programs call the body.
const BODIES: &[&str] = &["body", "content", "text"];

/// A note of these fields.
pub(crate) fn note_of(
    fields: &Map<String, Value>,
    place: String,
    out: &mut Out<'_>,
) -> Result<(), Stop> {
    let body_name = BODIES
        .iter()
        .find(|name| fields.get(**name).is_some_and(Value::is_string));
    for name in fields.keys().map(String::as_str) {
        let is_known =
            FIELDS.contains(&name) || OF_THE_DEVICE.contains(&name) || body_name == Some(&name);
        if !is_known && !fields[name].is_null() {
            out.unknown(&format!("field {name}"))?;
        }
    }
    let mut draft = match draft(fields, body_name.copied()) {
        Ok(draft) => draft,
        Err(what) => return out.skip(&place, format!("its {what} is not as it should be")),
    };
    let place = match (out.kind(), &draft.id) {
        (Kind::Jsonl, Some(id)) => id.clone(),
        _ => place,
    };
    // What stands in front is for people here to say, unless they said so: it is our export.
    if out.kind() == Kind::Jsonl && !out.is_ours() && std::mem::take(&mut draft.pinned) {
        out.left_out(&place, "that it is kept in front")?;
    }
    // Our notes are the same in whatever they are carried.
    let kind = match out.kind() {
        Kind::Hcr => Kind::Kitbag,
        kind => kind,
    };
    let stated = fields.get("key").and_then(|key| id(Some(key)));
    let stated = stated.filter(|_| out.kind() == Kind::Jsonl);
    let key = match (&draft.id, &stated) {
        (_, Some(key)) => Key::of(out.kind(), "key", &[key.as_bytes()]),
        (Some(id), _) => Key::of(kind, "id", &[id.as_bytes()]),
        _ => {
            let source = &draft.source;
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            let (uri, locator) = (text(&source.uri), text(&source.locator));
            let parts = [
                &draft.title,
                &draft.body,
                &source.kind,
                &source.label,
                &uri,
                &locator,
            ];
            Key::of(kind, "content", &parts.map(|part| part.as_bytes()))
        }
    };
    // What names a line elsewhere may stand nowhere in the note.
    let tells_more = stated.is_some_and(|stated| !draft.says_all([stated.as_str()]));
    out.note(Note {
        key,
        tells_more,
        place,
        ..draft
    })
}

/// The note, or the name of a field that is of the wrong kind.
fn draft(fields: &Map<String, Value>, body: Option<&str>) -> Result<Note, &'static str> {
    let source = match fields.get("source") {
        None | Some(Value::Null) => &Value::Null,
        Some(label @ Value::String(_)) => label,
        Some(source @ Value::Object(_)) => source,
        Some(_) => return Err("source"),
    };
    let strings = |name: &'static str| strings(fields.get(name)).ok_or(name);
    let string = |name: &'static str| string(fields.get(name)).ok_or(name);
    let moment = |name: &'static str| moment(fields.get(name)).ok_or(name);
    Ok(Note {
        id: id(fields.get("id")),
        note_type: string("type")?.unwrap_or_else(|| "note".to_owned()),
        title: string("title")?.unwrap_or_default(),
        body: body
            .and_then(|name| fields[name].as_str())
            .unwrap_or_default()
            .to_owned(),
        tags: strings("tags")?,
        source: source_of(source)?,
        produced_by: produced_by(fields.get("produced_by"))?,
        sensitivity: string("sensitivity")?,
        pii: strings("pii")?,
        consent: consent(fields.get("consent"))?,
        claim: string("claim")?,
        confidence: match fields.get("confidence") {
            None | Some(Value::Null) => None,
            Some(value) => Some(thousandths(value).ok_or("confidence")?),
        },
        status: string("status")?,
        pinned: match fields.get("pinned") {
            None | Some(Value::Null) => false,
            Some(value) => value.as_bool().ok_or("pinned")?,
        },
        supersedes: strings("supersedes")?,
        derived_from: strings("derived_from")?,
        valid_from: moment("valid_from")?,
        valid_to: moment("valid_to")?,
        review_after: moment("review_after")?,
        expires_at: moment("expires_at")?,
        ..Note::default()
    })
}

/// Thousandths, or a fraction of one.
fn thousandths(value: &Value) -> Option<u16> {
    if let Some(whole) = value.as_u64() {
        return u16::try_from(whole).ok();
    }
    let fraction = value.as_f64().filter(|part| (0.0..=1.0).contains(part))?;
    Some((fraction * 1000.0).round() as u16)
}

fn source_of(source: &Value) -> Result<Source, &'static str> {
    let kind = "file".to_owned();
    if let Value::String(label) = source {
        let label = label.clone();
        return Ok(Source {
            label,
            kind,
            ..Source::default()
        });
    }
    let own = |name| string(source.get(name)).ok_or("source");
    let time = |name| moment(source.get(name)).ok_or("source");
    Ok(Source {
        label: own("label")?.unwrap_or_default(),
        kind: own("kind")?.unwrap_or(kind),
        uri: own("uri")?,
        app: own("app")?,
        author: own("author")?,
        locator: own("locator")?,
        captured_at: time("captured_at")?,
        observed_at: time("observed_at")?,
    })
}

fn produced_by(value: Option<&Value>) -> Result<Option<ProducedBy>, &'static str> {
    let Some(by) = value.filter(|by| !by.is_null()) else {
        return Ok(None);
    };
    let own = |name| text(by, name).map(str::to_owned);
    let by = ProducedBy {
        agent: own("agent"),
        model: own("model"),
        prompt: own("prompt"),
    };
    Ok((by != ProducedBy::default()).then_some(by))
}

fn consent(value: Option<&Value>) -> Result<Option<Consent>, &'static str> {
    let Some(consent) = value.filter(|consent| !consent.is_null()) else {
        return Ok(None);
    };
    if let Value::String(status) = consent {
        let status = status.clone();
        return Ok(Some(Consent {
            status,
            ..Consent::default()
        }));
    }
    let own = |name| string(consent.get(name)).ok_or("consent");
    let time = |name| moment(consent.get(name)).ok_or("consent");
    Ok(Some(Consent {
        status: own("status")?.ok_or("consent")?,
        purposes: strings(consent.get("purposes")).ok_or("consent")?,
        subject: own("subject")?,
        given_at: time("given_at")?,
        expires_at: time("expires_at")?,
        evidence: own("evidence")?,
    }))
}

/// Text or nothing; nothing at all if it is something else.
fn string(value: Option<&Value>) -> Option<Option<String>> {
    match value {
        None | Some(Value::Null) => Some(None),
        Some(Value::String(text)) if text.is_empty() => Some(None),
        Some(Value::String(text)) => Some(Some(text.clone())),
        Some(_) => None,
    }
}

fn strings(value: Option<&Value>) -> Option<Vec<String>> {
    match value {
        None | Some(Value::Null) => Some(vec![]),
        Some(Value::String(one)) => Some(vec![one.clone()]),
        Some(Value::Array(all)) => all
            .iter()
            .map(|one| one.as_str().map(str::to_owned))
            .collect(),
        Some(_) => None,
    }
}

/// A time that is stated has to be one: an end that is passed over would last for ever.
fn moment(value: Option<&Value>) -> Option<Option<u64>> {
    match value {
        None | Some(Value::Null) => Some(None),
        value => time::of(value).map(Some),
    }
}
