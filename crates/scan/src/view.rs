//! The text as rules read it, and where each of its bytes came from.
//!
//! - JSON, whole or inside other text or inside JSON's own strings, becomes `key: value` lines with
//!   an empty line between, its escapes undone.
//! - Characters that look like ASCII ones (other widths, digits of other scripts, kinds of spaces and
//!   hyphens) become these; those that take no room are left out.
//!
//! A view is made of pieces, each either the same bytes as in the text or one character that stands
//! for a range of it. A piece belongs to a slot: the plain text, or one string, key or number of JSON.
//! A finding never reaches from one slot into another, so no mask can break the structure.

use std::borrow::Cow;
use std::ops::Range;

use crate::json::{self, Event};

/// JSON inside JSON's strings is read this deep; below it is text. Tool calls need 1 or 2, and each
/// level copies what it holds.
const NESTED_MAX: u8 = 4;

/// All tries to read JSON together read at most this many times the length of the text, so that
/// brackets without end cost no more than a few readings.
const TRIES_FACTOR: usize = 4;

/// Where a piece of the view belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Text, or a string that is a value.
    Text,
    /// A member's name, in the object with this number.
    Key(u32),
    /// A number, inside so many strings. It is replaced whole, by a string.
    Number(u8),
}

#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub(crate) place: Place,
    /// Bytes of the text.
    pub(crate) raw: Range<usize>,
}

#[derive(Clone, Copy, Debug)]
struct Piece {
    /// Where it starts in the view.
    at: usize,
    /// Where it came from. The end, since what was left out lies between pieces.
    raw: (usize, usize),
    slot: u32,
    /// Byte for byte the same; otherwise one character for the whole range.
    same: bool,
}

/// A value of JSON with the names above it, for rules that go by names.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    /// Of the value, in the view.
    pub(crate) value: Range<usize>,
    /// Its name, or that of the array that it stands in; in the view.
    pub(crate) key: Range<usize>,
    /// The object that it stands in.
    pub(crate) object: u32,
    /// It is a number.
    pub(crate) number: bool,
}

/// An object of JSON.
#[derive(Clone, Debug, Default)]
pub(crate) struct Object {
    /// The name under which it stands, in the view; empty at the top.
    pub(crate) under: Range<usize>,
    /// Names of its members, in the view.
    pub(crate) keys: Vec<Range<usize>>,
}

pub(crate) struct View<'t> {
    pub(crate) text: Cow<'t, str>,
    pieces: Vec<Piece>,
    pub(crate) slots: Vec<Slot>,
    pub(crate) fields: Vec<Field>,
    pub(crate) objects: Vec<Object>,
}

/// A slot that is not in the text: what the view adds between values.
const ADDED: u32 = u32::MAX;

impl<'t> View<'t> {
    pub(crate) fn new(raw: &'t str) -> View<'t> {
        if raw.is_ascii() && !raw.contains(['{', '[']) && !raw.trim_start().starts_with('"') {
            let slots = vec![Slot {
                place: Place::Text,
                raw: 0..raw.len(),
            }];
            let pieces = vec![Piece {
                at: 0,
                raw: (0, raw.len()),
                slot: 0,
                same: true,
            }];
            return View {
                text: Cow::Borrowed(raw),
                pieces,
                slots,
                fields: Vec::new(),
                objects: Vec::new(),
            };
        }
        let mut builder = Builder {
            tries: raw.len().saturating_mul(TRIES_FACTOR),
            ..Builder::default()
        };
        let slot = builder.slot(Place::Text, 0..raw.len());
        builder.text(
            &Source {
                text: raw,
                map: None,
            },
            slot,
            0,
        );
        View {
            text: Cow::Owned(builder.out),
            pieces: builder.pieces,
            slots: builder.slots,
            fields: builder.fields,
            objects: builder.objects,
        }
    }

    /// The parts of the text that a range of the view came from, one for each slot in it.
    pub(crate) fn origins(&self, range: Range<usize>) -> Vec<(u32, Range<usize>)> {
        let mut found: Vec<(u32, Range<usize>)> = Vec::new();
        if range.is_empty() {
            return found;
        }
        let first = self
            .pieces
            .partition_point(|p| p.at <= range.start)
            .saturating_sub(1);
        for (i, piece) in self.pieces.iter().enumerate().skip(first) {
            if piece.at >= range.end {
                break;
            }
            let end = self
                .pieces
                .get(i + 1)
                .map_or(self.text.len(), |next| next.at);
            if piece.slot == ADDED || end <= range.start {
                continue;
            }
            let raw = if piece.same {
                let from = range.start.max(piece.at) - piece.at;
                let to = range.end.min(end) - piece.at;
                piece.raw.0 + from..piece.raw.0 + to
            } else {
                piece.raw.0..piece.raw.1
            };
            match found.last_mut() {
                Some((slot, last)) if *slot == piece.slot => last.end = raw.end,
                _ => found.push((piece.slot, raw)),
            }
        }
        for (slot, raw) in &mut found {
            let slot = &self.slots[*slot as usize];
            if matches!(slot.place, Place::Number(_)) {
                *raw = slot.raw.clone();
            }
        }
        found
    }
}

/// Text to read, with where its bytes came from; none if it is the text itself.
struct Source<'a> {
    text: &'a str,
    map: Option<Vec<Piece>>,
}

impl Source<'_> {
    /// What bytes of this source stand for in the text.
    fn raw(&self, range: Range<usize>) -> (usize, usize) {
        let Some(map) = &self.map else {
            return (range.start, range.end);
        };
        if map.is_empty() {
            return (0, 0);
        }
        let find = |at: usize| {
            let piece = map[map.partition_point(|p| p.at <= at).saturating_sub(1)];
            let within = at - piece.at;
            if piece.same {
                (piece.raw.0 + within, piece.raw.0 + within + 1)
            } else {
                piece.raw
            }
        };
        let (start, _) = find(range.start);
        if range.is_empty() {
            return (start, start);
        }
        (start, find(range.end - 1).1)
    }

    /// Are these bytes one stretch of the text, byte for byte?
    fn stretch(&self, range: &Range<usize>) -> Option<usize> {
        let Some(map) = &self.map else {
            return Some(range.start);
        };
        let i = map
            .partition_point(|p| p.at <= range.start)
            .checked_sub(1)?;
        let end = map.get(i + 1).map_or(self.text.len(), |next| next.at);
        let piece = map[i];
        (piece.same && range.end <= end).then(|| piece.raw.0 + range.start - piece.at)
    }
}

#[derive(Default)]
struct Builder {
    out: String,
    pieces: Vec<Piece>,
    slots: Vec<Slot>,
    fields: Vec<Field>,
    objects: Vec<Object>,
    /// Bytes that may still be read in search of JSON.
    tries: usize,
}

impl Builder {
    fn slot(&mut self, place: Place, raw: Range<usize>) -> u32 {
        self.slots.push(Slot { place, raw });
        (self.slots.len() - 1) as u32
    }

    /// Text that may hold JSON.
    fn text(&mut self, source: &Source<'_>, slot: u32, depth: u8) {
        if let Some(alone) = json::string_alone(source.text) {
            self.structure(source, &[Event::Text(alone)], depth);
            return;
        }
        let bytes = source.text.as_bytes();
        let (mut done, mut at) = (0, 0);
        while let Some(found) = source.text[at..].find(['{', '[']) {
            let start = at + found;
            at = start + 1;
            if !promising(&bytes[start..]) || self.tries == 0 {
                continue;
            }
            match json::parse(source.text, start) {
                Ok((events, end)) => {
                    self.tries = self.tries.saturating_sub(end - start);
                    self.plain(source, done..start, slot);
                    self.added("\n\n");
                    self.structure(source, &events, depth);
                    (done, at) = (end, end);
                }
                Err(broken) => self.tries = self.tries.saturating_sub(broken.read + 1),
            }
        }
        self.plain(source, done..source.text.len(), slot);
    }

    fn structure(&mut self, source: &Source<'_>, events: &[Event], depth: u8) {
        // For each container that is open: its number if it is an object, and the name it stands under.
        let mut open: Vec<(Option<u32>, Range<usize>)> = Vec::new();
        let mut key: Option<Range<usize>> = None;
        for event in events {
            let (object, above) = open.last().cloned().unwrap_or((None, 0..0));
            match event {
                Event::Object => {
                    let under = key.take().unwrap_or(above);
                    self.added("\n\n");
                    self.objects.push(Object {
                        under: under.clone(),
                        keys: Vec::new(),
                    });
                    open.push((Some((self.objects.len() - 1) as u32), under));
                }
                Event::Array => {
                    let under = key.take().unwrap_or(above);
                    self.added("\n\n");
                    open.push((object, under));
                }
                Event::End => {
                    open.pop();
                }
                Event::Key(range) => {
                    let number = object.unwrap_or(0);
                    let raw = source.raw(range.clone());
                    let slot = self.slot(Place::Key(number), raw.0..raw.1);
                    let view = self.string(source, range.clone(), slot, None);
                    self.objects[number as usize].keys.push(view.clone());
                    self.added(": ");
                    key = Some(view);
                }
                Event::Text(range) => {
                    let raw = source.raw(range.clone());
                    let slot = self.slot(Place::Text, raw.0..raw.1);
                    let value = self.string(source, range.clone(), slot, Some(depth));
                    self.field(value, key.take().unwrap_or(above), object, false);
                }
                Event::Number(range) => {
                    let raw = source.raw(range.clone());
                    let slot = self.slot(Place::Number(depth), raw.0..raw.1);
                    let start = self.out.len();
                    self.plain(source, range.clone(), slot);
                    self.field(
                        start..self.out.len(),
                        key.take().unwrap_or(above),
                        object,
                        true,
                    );
                }
                Event::Literal => {
                    key = None;
                    self.added("\n\n");
                }
            }
        }
    }

    fn field(&mut self, value: Range<usize>, key: Range<usize>, object: Option<u32>, number: bool) {
        if let Some(object) = object.filter(|_| !key.is_empty()) {
            self.fields.push(Field {
                value,
                key,
                object,
                number,
            });
        }
        self.added("\n\n");
    }

    /// The inside of a JSON string. With a depth, JSON in it is read as such.
    fn string(
        &mut self,
        source: &Source<'_>,
        range: Range<usize>,
        slot: u32,
        depth: Option<u8>,
    ) -> Range<usize> {
        let start = self.out.len();
        let inside = &source.text[range.clone()];
        let nested = depth.filter(|&d| d < NESTED_MAX && inside.contains(['{', '[', '"']));
        if nested.is_none() && !inside.contains('\\') {
            self.plain(source, range, slot);
        } else {
            let (text, map) = unescaped(source, range);
            let inner = Source {
                text: &text,
                map: Some(map),
            };
            match nested {
                Some(depth) => self.text(&inner, slot, depth + 1),
                None => self.plain(&inner, 0..text.len(), slot),
            }
        }
        start..self.out.len()
    }

    /// Text without structure, folded.
    fn plain(&mut self, source: &Source<'_>, range: Range<usize>, slot: u32) {
        let text = &source.text[range.clone()];
        let mut run = 0;
        let mut at = 0;
        while let Some(step) = text.as_bytes()[at..].iter().position(|b| !b.is_ascii()) {
            at += step;
            let Some(c) = text[at..].chars().next() else {
                break;
            };
            let here = at..at + c.len_utf8();
            at = here.end;
            let folded = fold(c);
            if folded == Some(c) {
                continue;
            }
            self.same(source, range.start + run..range.start + here.start, slot);
            run = here.end;
            if let Some(folded) = folded {
                let raw = source.raw(range.start + here.start..range.start + here.end);
                self.pieces.push(Piece {
                    at: self.out.len(),
                    raw,
                    slot,
                    same: false,
                });
                self.out.push(folded);
            }
        }
        self.same(source, range.start + run..range.end, slot);
    }

    /// Bytes as they stand.
    fn same(&mut self, source: &Source<'_>, range: Range<usize>, slot: u32) {
        if range.is_empty() {
            return;
        }
        if let Some(raw) = source.stretch(&range) {
            let piece = Piece {
                at: self.out.len(),
                raw: (raw, raw + range.len()),
                slot,
                same: true,
            };
            self.pieces.push(piece);
            self.out.push_str(&source.text[range]);
            return;
        }
        let map = source.map.as_deref().unwrap_or(&[]);
        let first = map
            .partition_point(|p| p.at <= range.start)
            .saturating_sub(1);
        for (i, piece) in map.iter().enumerate().skip(first) {
            if piece.at >= range.end {
                break;
            }
            let end = map
                .get(i + 1)
                .map_or(source.text.len(), |next| next.at)
                .min(range.end);
            let start = piece.at.max(range.start);
            let raw = if piece.same {
                (piece.raw.0 + start - piece.at, piece.raw.0 + end - piece.at)
            } else {
                piece.raw
            };
            self.pieces.push(Piece {
                at: self.out.len(),
                raw,
                slot,
                same: piece.same,
            });
            self.out.push_str(&source.text[start..end]);
        }
    }

    fn added(&mut self, text: &str) {
        self.pieces.push(Piece {
            at: self.out.len(),
            raw: (0, 0),
            slot: ADDED,
            same: false,
        });
        self.out.push_str(text);
    }
}

/// Does JSON with something in it start like this? Most brackets in prose and code do not.
fn promising(bytes: &[u8]) -> bool {
    let next = bytes[1..]
        .iter()
        .find(|b| !matches!(b, b' ' | b'\t' | b'\n' | b'\r'));
    match bytes[0] {
        b'{' => next == Some(&b'"'),
        _ => next.is_some_and(|b| b.is_ascii_digit() || b"\"{[-tfn".contains(b)),
    }
}

/// The inside of a JSON string as characters, with where they came from.
fn unescaped(source: &Source<'_>, range: Range<usize>) -> (String, Vec<Piece>) {
    let inside = &source.text[range.clone()];
    let mut text = String::with_capacity(inside.len());
    let mut map = Vec::new();
    let mut at = 0;
    while at < inside.len() {
        let run = inside[at..].find('\\').unwrap_or(inside.len() - at);
        push_mapped(
            source,
            range.start + at..range.start + at + run,
            &mut text,
            &mut map,
        );
        at += run;
        if at < inside.len() {
            let (length, c) = json::unescape(&inside[at..]);
            let raw = source.raw(range.start + at..range.start + at + length);
            map.push(Piece {
                at: text.len(),
                raw,
                slot: 0,
                same: false,
            });
            text.push(c);
            at += length;
        }
    }
    (text, map)
}

fn push_mapped(source: &Source<'_>, range: Range<usize>, text: &mut String, map: &mut Vec<Piece>) {
    let mut inner = Builder::default();
    inner.same(source, range, 0);
    map.extend(inner.pieces.into_iter().map(|p| Piece {
        at: p.at + text.len(),
        ..p
    }));
    text.push_str(&inner.out);
}

/// The plain character that this one stands for, itself, or nothing if it takes no room.
fn fold(c: char) -> Option<char> {
    let code = c as u32;
    let folded = match code {
        // Soft hyphen, joiners, marks of direction, variation selectors, tags.
        0xAD | 0x34F | 0x61C | 0x115F | 0x1160 | 0x17B4 | 0x17B5 | 0x180B..=0x180F => return None,
        0x200B..=0x200F | 0x202A..=0x202E | 0x2060..=0x206F => return None,
        0x3164 | 0xFE00..=0xFE0F | 0xFEFF | 0xFFA0 | 0xE0000..=0xE0FFF => return None,
        // Spaces.
        0xA0 | 0x1680 | 0x2000..=0x200A | 0x202F | 0x205F | 0x3000 => ' ',
        0x2028 | 0x2029 | 0x85 => '\n',
        // Hyphens, dashes, minus.
        0x2010..=0x2015 | 0x2043 | 0x2212 | 0xFE58 | 0xFE63 | 0x2E3A | 0x2E3B => '-',
        0x2018 | 0x2019 | 0x201B => '\'',
        0x201C | 0x201D | 0x201F => '"',
        0x2024 | 0xFF61 => '.',
        0x2044 | 0x2215 => '/',
        0xFE6B => '@',
        // Other widths, digits of other scripts and shapes.
        0xFF01..=0xFF5E => char::from_u32(code - 0xFEE0)?,
        0x00B2 | 0x00B3 => digit(code - 0x00B0),
        0x00B9 => '1',
        0x2070 | 0x2074..=0x2079 => digit(code - 0x2070),
        0x2080..=0x2089 => digit(code - 0x2080),
        0x2460..=0x2468 => digit(code - 0x245F),
        0x24EA => '0',
        0x1D7CE..=0x1D7FF => digit((code - 0x1D7CE) % 10),
        _ => DIGIT_ZEROS
            .iter()
            .find(|&&zero| (zero..zero + 10).contains(&code))
            .map_or(c, |zero| digit(code - zero)),
    };
    Some(folded)
}

fn digit(value: u32) -> char {
    char::from_digit(value, 10).unwrap_or('0')
}

/// The zeros of scripts in use with ten digits of their own, from Unicode's category Nd.
const DIGIT_ZEROS: [u32; 20] = [
    0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66,
    0x0DE6, 0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x17E0, 0x1810, 0x1FBF0,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn back(raw: &str, needle: &str) -> Vec<String> {
        let view = View::new(raw);
        let at = view
            .text
            .find(needle)
            .unwrap_or_else(|| panic!("{needle} not in {}", view.text));
        view.origins(at..at + needle.len())
            .into_iter()
            .map(|(_, r)| raw[r].to_string())
            .collect()
    }

    #[test]
    fn folds_and_finds_the_way_back() {
        assert_eq!(
            back("a ４\u{200B}１1\u{A0}١ z", "411 1"),
            ["４\u{200B}１1\u{A0}١"]
        );
        assert_eq!(back("plain", "lai"), ["lai"]);
    }

    #[test]
    fn json_inside_json() {
        let raw = r#"x {"args": "{\"dob\":\"1990\\u002d04\", \"n\": 12}", "k\u0065y": [5]} y"#;
        let view = View::new(raw);
        assert!(
            view.text.contains("dob: 1990-04\n\nn: 12\n\n"),
            "{}",
            view.text
        );
        assert_eq!(back(raw, "1990-04"), [r"1990\\u002d04"]);
        assert_eq!(back(raw, "key"), [r"k\u0065y"]);
        assert_eq!(back(raw, "2"), ["12"], "a number is found whole");
        let depths: Vec<_> = view
            .slots
            .iter()
            .filter_map(|s| match s.place {
                Place::Number(d) => Some(d),
                _ => None,
            })
            .collect();
        assert_eq!(depths, [1, 0]);
    }

    #[test]
    fn brackets_without_end_are_read_a_few_times_only() {
        let raw = "[".repeat(1_000_000);
        assert_eq!(View::new(&raw).text.len(), raw.len());
        let raw = "[{\"a\":".repeat(300_000);
        assert_eq!(View::new(&raw).text.len(), raw.len());
    }
}
