//! A table: a row becomes a note. Rows stream, so a table may be of any length.

use crate::error::{Stop, other_kind};
use crate::label::cut_chars;
use crate::lines::{self, Line, NOT_UTF_8, TOO_LONG};
use crate::map::{Map, Template};
use crate::note::{Consent, Note, Source};
use crate::out::Out;
use crate::turn::first_line;
use crate::{COLUMNS_MAX, ImportError, Key, RECORD_BYTES_MAX, time};
use csv_core::{ReadFieldResult, Reader, ReaderBuilder};
use std::collections::HashMap;
use std::io::{BufRead, Cursor, Read};

/// Whether a first line is the beginning of JSON. A table may begin with a bracket, but not like this.
fn is_json(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    let opens = matches!(line.first(), Some(b'{' | b'['));
    let inside = line.get(1..).unwrap_or_default().trim_ascii_start();
    opens
        && (matches!(inside.first(), None | Some(b'"' | b'{' | b'[')) || {
            serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok()
        })
}

pub(crate) fn read(
    input: &mut dyn BufRead,
    map: Option<&Map>,
    out: &mut Out<'_>,
) -> Result<(), Stop> {
    let Some(first) = lines::next(input, RECORD_BYTES_MAX)? else {
        return Ok(());
    };
    let Line::Whole(first) = first else {
        return Err(other_kind("its first line is longer than 16 MiB"));
    };
    if is_json(&first) {
        let what =
            "it looks like JSON, not like a table: import it as jsonl, messages, kitbag or hcr";
        return Err(other_kind(what));
    }
    let separator = map.and_then(|map| map.separator);
    let separator = separator.unwrap_or_else(|| separator_of(&first));
    let mut rows = Rows::new(Cursor::new(first).chain(input), separator);
    let names = match rows.next()? {
        Some(Row::Whole(names)) => names,
        Some(Row::Skipped(why)) => return Err(other_kind(format!("its first row: {why}"))),
        None => return Ok(()),
    };
    let names: Vec<String> = names.iter().map(|name| name.trim().to_owned()).collect();
    check(&names, map)?;
    let table = Table::new(&names);
    let mut number = 0;
    while let Some(row) = rows.next()? {
        number += 1;
        let place = format!("row {number}");
        match row {
            Row::Skipped(why) => out.skip(&place, why)?,
            Row::Whole(row) if row.iter().all(|value| value.trim().is_empty()) => {}
            Row::Whole(row) => {
                if row.len() > names.len() {
                    out.skip(&place, "it has more columns than the first row")?;
                    continue;
                }
                let note = match map {
                    Some(map) => table.mapped(map, &row, place.clone(), out),
                    None => Ok(table.plain(&row, place.clone(), out)),
                };
                match note {
                    Ok(note) => out.note(note)?,
                    Err(why) => out.skip(&place, why)?,
                }
            }
        }
    }
    Ok(())
}

/// The separator of which the first line has most, outside of quotes.
fn separator_of(line: &[u8]) -> u8 {
    let mut in_quotes = false;
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0)];
    for &byte in line {
        in_quotes ^= byte == b'"';
        let found = counts.iter_mut().find(|(separator, _)| *separator == byte);
        if let Some((_, count)) = found.filter(|_| !in_quotes) {
            *count += 1;
        }
    }
    let most = counts.iter().rev().max_by_key(|(_, count)| *count);
    most.map_or(b',', |&(separator, _)| separator)
}

/// A table needs names for its columns, each once, and those that the map names.
fn check(names: &[String], map: Option<&Map>) -> Result<(), Stop> {
    let mut seen = HashMap::new();
    for name in names.iter().filter(|name| !name.is_empty()) {
        if seen.insert(name, ()).is_some() && map.is_some() {
            let what = format!("two columns are called {}", shown(name));
            return Err(Stop::Failed(ImportError::Map(what)));
        }
    }
    let missing = map.map(|map| map.missing(names)).unwrap_or_default();
    if missing.is_empty() {
        return Ok(());
    }
    let some: Vec<String> = missing.iter().take(10).map(|name| shown(name)).collect();
    let there: Vec<String> = names.iter().take(10).map(|name| shown(name)).collect();
    let more = if names.len() > 10 { ", …" } else { "" };
    Err(Stop::Failed(ImportError::Map(format!(
        "the map names columns that are not there: {}; there are {}{more}",
        some.join(", "),
        there.join(", ")
    ))))
}

/// A column's name as a person is told it.
fn shown(name: &str) -> String {
    format!("{:?}", cut_chars(name, NAME_CHARS_SHOWN))
}

/// Characters of a column's name that are told.
const NAME_CHARS_SHOWN: usize = 60;

/// What is the same for all rows.
struct Table<'n> {
    names: &'n [String],
    at: HashMap<&'n str, usize>,
    title: Vec<usize>,
}

impl<'n> Table<'n> {
    fn new(names: &'n [String]) -> Table<'n> {
        let at: HashMap<&str, usize> = names
            .iter()
            .enumerate()
            .rev()
            .map(|(i, n)| (n.as_str(), i))
            .collect();
        let find = |name: &str| {
            let plain = |text: &str| text.to_lowercase().replace([' ', '-'], "_");
            names.iter().position(|one| plain(one) == name)
        };
        let one = ["title", "name", "full_name", "subject"]
            .into_iter()
            .find_map(find);
        let title = match (one, find("first_name"), find("last_name")) {
            (Some(one), _, _) => vec![one],
            (None, Some(first), Some(last)) => vec![first, last],
            _ => vec![],
        };
        Table { names, at, title }
    }

    /// Without a map: all columns, each in a line with its name.
    fn plain(&self, row: &[String], place: String, out: &Out<'_>) -> Note {
        let filled = row
            .iter()
            .enumerate()
            .filter(|(_, value)| !value.trim().is_empty());
        let lines = filled.map(|(at, value)| match self.names[at].as_str() {
            "" => value.clone(),
            name => format!("{name}: {value}"),
        });
        let title: Vec<&str> = self
            .title
            .iter()
            .filter_map(|&at| row.get(at))
            .map(|value| value.trim())
            .collect();
        let title = match title.join(" ").trim() {
            "" => row
                .iter()
                .find(|value| !value.trim().is_empty())
                .map(|value| first_line(value)),
            title => Some(title.to_owned()),
        };
        Note {
            key: self.key("", row, out),
            note_type: "record".to_owned(),
            title: title.unwrap_or_default(),
            body: lines.collect::<Vec<_>>().join("\n"),
            source: Source {
                kind: "file".to_owned(),
                locator: Some(place.clone()),
                ..Source::default()
            },
            place,
            ..Note::default()
        }
    }

    fn mapped(
        &self,
        map: &Map,
        row: &[String],
        place: String,
        out: &Out<'_>,
    ) -> Result<Note, &'static str> {
        let value = |name: &str| -> &str {
            let at = self.at.get(name);
            at.and_then(|&at| row.get(at)).map_or("", String::as_str)
        };
        let filled = |template: &Template| template.of(value).trim().to_owned();
        let text = |template: &Option<Template>| {
            let text = template.as_ref().map(filled);
            text.filter(|text| !text.is_empty())
        };
        // A cell may hold several, as tables do.
        let many = |templates: &[Template]| -> Vec<String> {
            let all = templates.iter().map(filled).collect::<Vec<_>>();
            let all = all.iter().flat_map(|cell| cell.split([',', ';']));
            all.map(|one| one.trim().to_owned())
                .filter(|one| !one.is_empty())
                .collect()
        };
        let plain = self.plain(row, place.clone(), out);
        let key = map.key.as_ref().map(|key| key.of(value));
        // An end that is passed over would last for ever.
        let moment = |template: &Option<Template>| match text(template) {
            None => Ok(None),
            Some(text) => time::parse(&text).map(Some).ok_or("a time of it is none"),
        };
        let consent = match &map.consent {
            None => None,
            Some(consent) => match filled(&consent.status) {
                status if status.is_empty() => None,
                status => Some(Consent {
                    status,
                    purposes: many(&consent.purposes),
                    subject: text(&consent.subject),
                    given_at: moment(&consent.given_at)?,
                    expires_at: moment(&consent.expires_at)?,
                    evidence: text(&consent.evidence),
                }),
            },
        };
        let key = key.unwrap_or_default();
        let note = Note {
            key: self.key(&key, row, out),
            note_type: text(&map.note_type).unwrap_or(plain.note_type),
            title: match map.title {
                Some(_) => text(&map.title).unwrap_or_default(),
                None => plain.title,
            },
            row: map.body.is_some().then(|| plain.body.clone()),
            body: match &map.body {
                Some(body) => body.of(value),
                None => plain.body,
            },
            tags: many(&map.tags),
            pii: many(&map.pii),
            sensitivity: text(&map.sensitivity),
            consent,
            source: Source {
                label: text(&map.source).unwrap_or_default(),
                kind: text(&map.source_kind).unwrap_or(plain.source.kind),
                uri: text(&map.uri),
                author: text(&map.author),
                observed_at: moment(&map.observed_at)?,
                locator: plain.source.locator,
                ..Source::default()
            },
            place,
            ..Note::default()
        };
        // A map may leave out what the key is made of.
        let says_all = match key.as_str() {
            "" => note.says_all(row.iter().map(String::as_str)),
            key => note.says_all([key]),
        };
        Ok(Note {
            tells_more: !says_all,
            ..note
        })
    }

    /// Of what the row holds, with the names of its columns in order, so that the same row is found
    /// again wherever it and its columns stand.
    fn key(&self, own: &str, row: &[String], out: &Out<'_>) -> Key {
        let named = self
            .names
            .iter()
            .map(String::as_str)
            .zip(row.iter().map(String::as_str));
        if !own.is_empty() {
            // A row that has a name of its own keeps it, whatever else is said of it by now.
            return Key::of(out.kind(), "named row", &[own.as_bytes()]);
        }
        let mut named: Vec<(&str, &str)> = named.filter(|(_, value)| !value.is_empty()).collect();
        named.sort_unstable();
        let mut parts = vec![];
        for (name, value) in named {
            parts.extend([name.as_bytes(), value.as_bytes()]);
        }
        Key::of(out.kind(), "row", &parts)
    }
}

/// A row of a table.
enum Row {
    Whole(Vec<String>),
    Skipped(&'static str),
}

/// Rows, one at a time. A row that is too long is read past and not held.
struct Rows<R> {
    input: R,
    reader: Reader,
    /// Whether the line break was added that ends the last row.
    closed: bool,
    ended: bool,
}

/// Bytes of a field that are read at once.
const FIELD_BUFFER: usize = 16 * 1024;

impl<R: BufRead> Rows<R> {
    fn new(input: R, separator: u8) -> Rows<R> {
        Rows {
            input,
            reader: ReaderBuilder::new().delimiter(separator).build(),
            closed: false,
            ended: false,
        }
    }

    fn next(&mut self) -> Result<Option<Row>, Stop> {
        let mut row: Vec<String> = Vec::new();
        let mut field: Vec<u8> = Vec::new();
        let (mut bytes, mut why) = (0, None);
        let mut buffer = [0; FIELD_BUFFER];
        while !self.ended {
            let input = self.input.fill_buf()?;
            let (result, taken, written) = match (input.is_empty(), self.closed) {
                // Inside of quotes, a line break is a part of the value.
                (true, false) => {
                    self.closed = true;
                    let (result, _, written) = self.reader.read_field(b"\n", &mut buffer);
                    if written > 0 && matches!(result, ReadFieldResult::InputEmpty) {
                        return Err(other_kind(
                            "it ends inside of quotes: its last row is not whole",
                        ));
                    }
                    (result, 0, written)
                }
                _ => self.reader.read_field(input, &mut buffer),
            };
            self.input.consume(taken);
            bytes += written;
            if bytes > RECORD_BYTES_MAX {
                why = why.or(Some(TOO_LONG));
            }
            match why {
                Some(_) => (row, field) = (Vec::new(), Vec::new()),
                None => field.extend_from_slice(&buffer[..written]),
            }
            match result {
                ReadFieldResult::InputEmpty | ReadFieldResult::OutputFull => {}
                ReadFieldResult::End => self.ended = true,
                ReadFieldResult::Field { record_end } => {
                    match String::from_utf8(std::mem::take(&mut field)) {
                        _ if why.is_some() => {}
                        Err(_) => why = Some(NOT_UTF_8),
                        Ok(_) if row.len() == COLUMNS_MAX => why = Some("it has too many columns"),
                        Ok(text) => row.push(text),
                    }
                    if record_end {
                        return Ok(Some(why.map_or(Row::Whole(row), Row::Skipped)));
                    }
                }
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_are_found_outside_of_quotes() {
        assert_eq!(separator_of(b"a,b,c\n"), b',');
        assert_eq!(separator_of(b"a;\"b,c,d,e\";f\n"), b';');
        assert_eq!(separator_of(b"a\tb, c\td\n"), b'\t');
        assert_eq!(separator_of(b"alone\n"), b',');
    }
}
