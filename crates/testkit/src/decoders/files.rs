//! Files of other systems, as the import reads them.

use super::Verdict;
use kitbag_import as import;
use kitbag_import::{Bytes, Input, Item, Kind, Map, Note, Options};
use std::io::Cursor;
use std::ops::ControlFlow;

/// The first byte chooses the kind, the rest is the file. It is read as a file and as a stream.
pub(super) fn import(bytes: &[u8]) -> Verdict {
    let Some((&first, file)) = bytes.split_first() else {
        return Verdict::Refused;
    };
    if first == b'm' {
        return Verdict::of(
            &std::str::from_utf8(file)
                .map(Map::parse)
                .map_err(drop)
                .and_then(|map| map.map_err(drop)),
        );
    }
    let kind = Kind::ALL[usize::from(first) % Kind::ALL.len()];
    let (notes, is_whole) = read(kind, "a", Bytes::File(&mut Cursor::new(file)));
    let (named_otherwise, _) = read(kind, "b", Bytes::File(&mut Cursor::new(file)));
    assert_eq!(
        keys(&notes),
        keys(&named_otherwise),
        "a key depends on no name"
    );
    let mut stream = file;
    let (streamed, _) = read(kind, "a", Bytes::Stream(&mut stream));
    if !file.starts_with(b"PK\x03\x04") {
        assert_eq!(notes, streamed, "a stream gives what a file gives");
    }
    match is_whole && !notes.is_empty() {
        true => Verdict::Taken,
        false => Verdict::Refused,
    }
}

/// The notes, and whether everything in the file was read.
fn read<'b>(kind: Kind, name: &'b str, bytes: Bytes<'b>) -> (Vec<Note>, bool) {
    let mut notes = Vec::new();
    let input = Input {
        name,
        path: "",
        bytes,
    };
    let mut is_whole = true;
    let done = import::read(kind, input, &Options::default(), &mut |item| {
        match item {
            Item::Note(note) => {
                fits(&note);
                notes.push(*note);
            }
            Item::Skipped(told) | Item::LeftOut(told) => {
                is_whole = false;
                assert!(told.place.len() <= 1_024 && !told.place.chars().any(char::is_control));
            }
            Item::Origin(from) => assert!(from.packs.len() <= 64),
            Item::Unknown(what) => assert!(what.chars().count() <= 64, "{what}"),
        }
        ControlFlow::Continue(())
    });
    (notes, is_whole && done.is_ok())
}

fn keys(notes: &[Note]) -> Vec<import::Key> {
    notes.iter().map(|note| note.key).collect()
}

/// Within the limits of a record.
fn fits(note: &Note) {
    let one_line = |text: &str| {
        !text
            .chars()
            .any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'))
    };
    let label = &note.source.label;
    assert!(!note.title.trim().is_empty() || !note.body.trim().is_empty());
    assert!(note.title.len() <= import::TITLE_BYTES_MAX && one_line(&note.title));
    assert!(note.body.len() <= import::TEXT_BYTES_MAX);
    assert!(!label.trim().is_empty() && one_line(label));
    assert!(label.chars().count() <= import::LABEL_CHARS_MAX);
    assert!(note.tags.len() <= import::TAGS_MAX);
    for tag in &note.tags {
        assert!(tag.len() <= import::TAG_BYTES_MAX && !tag.trim().is_empty() && one_line(tag));
    }
    let within = |text: &Option<String>, most| text.as_ref().is_none_or(|text| text.len() <= most);
    assert!(within(&note.source.uri, import::URI_BYTES_MAX));
    assert!(within(&note.source.author, import::NAME_BYTES_MAX));
    assert!(within(&note.source.locator, import::LOCATOR_BYTES_MAX));
    assert!(
        note.source
            .observed_at
            .is_none_or(|at| at <= import::TIME_MAX)
    );
}
