//! Handoff Continuity Records: what a hand-off says, statement by statement, and the notes that our own
//! export carries in one. `docs/spec/hcr.md`.

use crate::error::{Stop, other_kind};
use crate::fields::note_of;
use crate::json::{DEEP, depth};
use crate::key::link;
use crate::note::{Note, Origin, Source};
use crate::out::Out;
use crate::{DEPTH_MAX, Key, Kind, RECORD_BYTES_MAX, time};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::io::{BufRead, Read};

/// The version that is read.
const VERSION: &str = "1.0";
/// Under which our own export keeps what the record has no place for.
const EXTENSION: &str = "urn:kitbag:context-pack:1";
/// The application that notes of a record name.
const APP: &str = "HCR";
/// Members of a record that are read.
const MEMBERS: &[&str] = &[
    "schemaVersion",
    "recordId",
    "objective",
    "currentState",
    "decisions",
    "evidence",
    "constraints",
    "nextAction",
    "ownership",
    "openReview",
    "provenance",
    "extensions",
];
/// The lists of the current state, and how people call them.
const STATES: [(&str, &str); 4] = [
    ("complete", "Complete"),
    ("inProgress", "In progress"),
    ("blocked", "Blocked"),
    ("unverified", "Unverified"),
];

pub(crate) fn read(input: &mut dyn BufRead, out: &mut Out<'_>) -> Result<(), Stop> {
    let mut bytes = Vec::new();
    let mut bounded = input.take(RECORD_BYTES_MAX as u64 + 1);
    bounded.read_to_end(&mut bytes)?;
    if bytes.len() > RECORD_BYTES_MAX {
        return Err(other_kind("it is longer than a record may be"));
    }
    if depth(&bytes) > DEPTH_MAX {
        return Err(other_kind(DEEP));
    }
    let record: Value = serde_json::from_slice(&bytes).map_err(|error| match error.is_eof() {
        true => other_kind("it breaks off"),
        false => other_kind("it is not JSON"),
    })?;
    let Value::Object(record) = record else {
        return Err(other_kind("it is no Handoff Continuity Record"));
    };
    match record.get("schemaVersion").and_then(Value::as_str) {
        Some(VERSION) => {}
        Some(_) => return Err(other_kind("it is a record of another version than 1.0")),
        None => return Err(other_kind("it is no Handoff Continuity Record")),
    }
    for name in record
        .keys()
        .filter(|name| !MEMBERS.contains(&name.as_str()))
    {
        out.unknown(&format!("field {name}"))?;
    }
    let extensions = record.get("extensions").and_then(Value::as_object);
    for name in extensions.into_iter().flat_map(Map::keys) {
        if name != EXTENSION {
            out.unknown(&format!("extension {name}"))?;
        }
    }
    let ours = extensions.and_then(|extensions| extensions.get(EXTENSION));
    match ours
        .and_then(|ours| ours.get("notes"))
        .and_then(Value::as_array)
    {
        Some(notes) => {
            let mut origin = Origin::default();
            for name in ["pack", "packs", "selection"] {
                origin.learn(
                    name,
                    ours.and_then(|ours| ours.get(name)).unwrap_or(&Value::Null),
                );
            }
            out.origin(origin)?;
            carried(&record, notes, out)
        }
        None => Statements::new(&record).read(&record, out),
    }
}

/// The notes that our export carries, with the texts that stand as evidence.
fn carried(record: &Map<String, Value>, notes: &[Value], out: &mut Out<'_>) -> Result<(), Stop> {
    let evidence = record.get("evidence").and_then(Value::as_array);
    let claims: BTreeMap<&str, &Value> = evidence
        .into_iter()
        .flatten()
        .filter_map(|one| Some((one.get("id")?.as_str()?, one.get("claim")?)))
        .collect();
    for (number, one) in (1..).zip(notes) {
        let place = format!("note {number}");
        let Value::Object(fields) = one else {
            out.skip(&place, "it is no note")?;
            continue;
        };
        let mut fields = fields.clone();
        let told = fields
            .remove("body_is_claim")
            .is_some_and(|is| is == Value::Bool(true));
        if told {
            let id = fields.get("id").and_then(Value::as_str).unwrap_or_default();
            let Some(claim) = claims.get(id) else {
                out.skip(&place, "its text is not among the evidence")?;
                continue;
            };
            fields.insert("body".to_owned(), (*claim).clone());
        }
        note_of(&fields, place, out)?;
    }
    Ok(())
}

/// A record whose statements become notes.
struct Statements {
    /// Names the record, by what it says of itself or else by its objective.
    record: [u8; 32],
    /// Whether that is what the record says.
    by_objective: bool,
    author: Option<String>,
    observed_at: Option<u64>,
    /// How often a statement came: the same one twice stands twice.
    seen: BTreeMap<[u8; 32], usize>,
}

impl Statements {
    fn new(record: &Map<String, Value>) -> Statements {
        let id = record.get("recordId").and_then(Value::as_str);
        let objective = record.get("objective").and_then(|one| one.get("summary"));
        let objective = objective.and_then(Value::as_str).unwrap_or_default();
        let names = match id {
            Some(id) => link(Kind::Hcr, "record", &[id.as_bytes()]),
            None => link(Kind::Hcr, "objective", &[objective.as_bytes()]),
        };
        let provenance = record.get("provenance");
        let by = provenance.and_then(|one| one.get("createdBy"));
        let at = provenance.and_then(|one| one.get("createdAt"));
        Statements {
            record: names,
            by_objective: id.is_none(),
            author: by.and_then(actor),
            observed_at: at.and_then(|at| time::of(Some(at))),
            seen: BTreeMap::new(),
        }
    }

    fn read(&mut self, record: &Map<String, Value>, out: &mut Out<'_>) -> Result<(), Stop> {
        let objective = record.get("objective").unwrap_or(&Value::Null);
        self.text(
            objective.get("summary"),
            "/objective/summary",
            "Objective",
            out,
        )?;
        let criteria = objective.get("acceptanceCriteria");
        let place = "/objective/acceptanceCriteria";
        self.texts(criteria, place, "Acceptance criterion", out)?;
        let state = record.get("currentState").unwrap_or(&Value::Null);
        for (name, title) in STATES {
            let place = format!("/currentState/{name}");
            self.texts(state.get(name), &place, title, out)?;
        }
        self.each(record, "decisions", out, |one| {
            let summary = own(one, "summary")?;
            let rationale = own(one, "rationale").unwrap_or_default();
            let mut note = said("decision", &summary, &rationale);
            if let Some(before) = own(one, "supersedes") {
                note.body.push_str(&format!("\n\nSupersedes: {before}"));
            }
            if one.get("status").and_then(Value::as_str) == Some("superseded") {
                note.status = Some("superseded".to_owned());
            }
            Some(note)
        })?;
        self.each(record, "evidence", out, |one| {
            let label = own(one, "label")?;
            let mut body = own(one, "claim").unwrap_or_default();
            for (name, field) in [("Artifact", "artifactRef"), ("SHA-256", "sha256")] {
                if let Some(value) = own(one, field) {
                    let gap = if body.is_empty() { "" } else { "\n\n" };
                    body.push_str(&format!("{gap}{name}: {value}"));
                }
            }
            let mut note = said("record", &label, &body);
            note.source.uri = own(one, "uri");
            note.tags.extend(own(one, "contentType"));
            Some(note)
        })?;
        self.each(record, "constraints", out, |one| {
            let (kind, text) = (own(one, "kind")?, own(one, "text")?);
            let mut note = said("note", &format!("Constraint: {kind}"), &text);
            note.claim = Some("directive".to_owned());
            note.tags.push("constraint".to_owned());
            Some(note)
        })?;
        if let Some(next) = record.get("nextAction") {
            let body = lines(
                next,
                &[
                    ("", "summary"),
                    ("Verification: ", "verification"),
                    ("Due: ", "dueAt"),
                ],
            );
            self.whole("Next action", &body, "/nextAction", out)?;
        }
        if let Some(ownership) = record.get("ownership") {
            let next = ownership.get("nextActor").and_then(actor);
            let reviewers = ownership.get("reviewers").and_then(Value::as_array);
            let reviewers = reviewers.into_iter().flatten().filter_map(actor);
            let lines = next.map(|next| format!("Next: {next}")).into_iter();
            let lines: Vec<String> = lines
                .chain(reviewers.map(|one| format!("Reviewer: {one}")))
                .collect();
            self.whole("Ownership", &lines.join("\n"), "/ownership", out)?;
        }
        self.each(record, "openReview", out, |one| {
            let summary = own(one, "summary")?;
            let mut body = lines(
                one,
                &[("Status: ", "status"), ("Artifact: ", "artifactRef")],
            );
            if let Some(assignee) = one.get("assignee").and_then(actor) {
                body.push_str(&format!("\nAssignee: {assignee}"));
            }
            for (name, field) in [
                ("Revision", "revision"),
                ("Resolved by revision", "resolvedByRevision"),
            ] {
                if let Some(number) = one.get(field).and_then(Value::as_u64) {
                    body.push_str(&format!("\n{name}: {number}"));
                }
            }
            let mut note = said("note", &summary, &body);
            note.tags.push("review".to_owned());
            Some(note)
        })
    }

    /// A member that is one statement.
    fn whole(
        &mut self,
        title: &str,
        body: &str,
        place: &str,
        out: &mut Out<'_>,
    ) -> Result<(), Stop> {
        match body {
            "" => out.skip(place, "it lacks what it has to say"),
            body => self.give(said("note", title, body), place, out),
        }
    }

    /// A text, where there is one.
    fn text(
        &mut self,
        value: Option<&Value>,
        place: &str,
        title: &str,
        out: &mut Out<'_>,
    ) -> Result<(), Stop> {
        match value {
            None | Some(Value::Null) => Ok(()),
            Some(Value::String(text)) => self.give(said("note", title, text), place, out),
            Some(_) => out.skip(place, "it is no text"),
        }
    }

    fn texts(
        &mut self,
        value: Option<&Value>,
        place: &str,
        title: &str,
        out: &mut Out<'_>,
    ) -> Result<(), Stop> {
        match value {
            None | Some(Value::Null) => Ok(()),
            Some(Value::Array(all)) => {
                for (number, one) in all.iter().enumerate() {
                    self.text(Some(one), &format!("{place}/{number}"), title, out)?;
                }
                Ok(())
            }
            Some(_) => out.skip(place, "it is no list"),
        }
    }

    /// The objects of a list, each a note if it has what it needs.
    fn each(
        &mut self,
        record: &Map<String, Value>,
        name: &str,
        out: &mut Out<'_>,
        note: impl Fn(&Value) -> Option<Note>,
    ) -> Result<(), Stop> {
        let all = match record.get(name) {
            None | Some(Value::Null) => return Ok(()),
            Some(Value::Array(all)) => all,
            Some(_) => return out.skip(&format!("/{name}"), "it is no list"),
        };
        for (number, one) in all.iter().enumerate() {
            let place = format!("/{name}/{number}");
            match note(one) {
                Some(note) => self.give(note, &place, out)?,
                None => out.skip(&place, "it lacks what it has to say")?,
            }
        }
        Ok(())
    }

    fn give(&mut self, note: Note, place: &str, out: &mut Out<'_>) -> Result<(), Stop> {
        // Without its number: a list that has grown leaves those before it what they were.
        let list = place.trim_end_matches(|c: char| c.is_ascii_digit());
        let uri = note.source.uri.clone().unwrap_or_default();
        let parts = [list, &note.title, &note.body, &uri].map(str::as_bytes);
        let says = link(Kind::Hcr, "says", &parts);
        let times = self.seen.entry(says).or_default();
        let number = (*times as u64).to_be_bytes();
        *times += 1;
        let key = Key::of(Kind::Hcr, "statement", &[&self.record, &says, &number]);
        let source = Source {
            kind: "file".to_owned(),
            app: Some(APP.to_owned()),
            author: self.author.clone(),
            locator: Some(place.to_owned()),
            observed_at: self.observed_at,
            ..note.source
        };
        out.note(Note {
            key,
            tells_more: self.by_objective,
            place: place.to_owned(),
            source,
            ..note
        })
    }
}

fn said(note_type: &str, title: &str, body: &str) -> Note {
    Note {
        note_type: note_type.to_owned(),
        title: title.to_owned(),
        body: body.to_owned(),
        ..Note::default()
    }
}

/// Text of a member that says something.
fn own(value: &Value, name: &str) -> Option<String> {
    let text = value.get(name)?.as_str()?;
    (!text.trim().is_empty()).then(|| text.to_owned())
}

/// Lines of the members that are there, each behind its word.
fn lines(value: &Value, members: &[(&str, &str)]) -> String {
    let line = |(word, name): &(&str, &str)| Some(format!("{word}{}", own(value, name)?));
    members
        .iter()
        .filter_map(line)
        .collect::<Vec<_>>()
        .join("\n")
}

/// Somebody: a name, what they are, and the id.
fn actor(value: &Value) -> Option<String> {
    let (id, kind) = (own(value, "id")?, own(value, "type").unwrap_or_default());
    Some(match own(value, "displayName") {
        Some(name) => format!("{name} ({kind}, {id})"),
        None => format!("{id} ({kind})"),
    })
}
