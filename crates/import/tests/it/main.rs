//! Files of other systems, real ones and hostile ones, through the public API.
#![cfg(test)]

mod archives;
mod conversations;
mod hcr;
mod hostile;
mod keys;
mod records;

use kitbag_import::{Bytes, ImportError, Input, Item, Kind, Note, Options, Origin, Told, read};
use std::collections::BTreeMap;
use std::io::Cursor;
use std::ops::ControlFlow;

/// All that came out of a file.
#[derive(Default)]
struct Read {
    notes: Vec<Note>,
    skipped: Vec<Told>,
    left_out: Vec<Told>,
    unknown: BTreeMap<String, usize>,
    origin: Option<Origin>,
    error: Option<ImportError>,
}

impl Read {
    fn keys(&self) -> Vec<[u8; 16]> {
        self.notes.iter().map(|note| *note.key.as_bytes()).collect()
    }

    /// Key and text, as the daemon compares them, whatever their order.
    fn set(&self) -> std::collections::BTreeSet<([u8; 16], String, String)> {
        let of = |note: &Note| (*note.key.as_bytes(), note.title.clone(), note.body.clone());
        self.notes.iter().map(of).collect()
    }
}

fn read_as(kind: Kind, name: &str, path: &str, bytes: &[u8], options: &Options) -> Read {
    let mut all = Read::default();
    let mut file = Cursor::new(bytes);
    let input = Input {
        name,
        path,
        bytes: Bytes::File(&mut file),
    };
    let done = read(kind, input, options, &mut |item| {
        match item {
            Item::Note(note) => all.notes.push(*note),
            Item::Skipped(told) => all.skipped.push(told),
            Item::LeftOut(told) => all.left_out.push(told),
            Item::Origin(from) => all.origin = Some(from),
            Item::Unknown(what) => *all.unknown.entry(what).or_default() += 1,
        }
        ControlFlow::Continue(())
    });
    all.error = done.err();
    all
}

fn read_bytes(kind: Kind, bytes: &[u8]) -> Read {
    read_as(kind, "file", "", bytes, &Options::default())
}

/// Reads what has to be readable.
fn good(kind: Kind, text: &str) -> Read {
    let all = read_bytes(kind, text.as_bytes());
    assert!(all.error.is_none(), "{:?}", all.error);
    all
}
