//! Exports as they are downloaded, and archives that lie.

use crate::{Read, good, read_bytes};
use kitbag_import::{ENTRIES_MAX, ImportError, Kind};
use std::io::{Cursor, Write};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

const EXPORT: &str =
    r#"[{"uuid":"c","name":"Plan","chat_messages":[{"uuid":"a","sender":"human","text":"Hi"}]}]"#;

fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (name, bytes) in files {
        writer.start_file(*name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn refused(all: &Read, why: &str) {
    match &all.error {
        Some(ImportError::Archive(told)) => assert!(told.contains(why), "{told}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_archive_gives_what_its_file_gives() {
    let plain = good(Kind::Claude, EXPORT);
    let files: [(&str, &[u8]); 4] = [
        ("users.json", b"[]"),
        ("conversations.json", EXPORT.as_bytes()),
        ("inner.zip", b"PK\x03\x04"),
        ("__MACOSX/conversations.json", b"x"),
    ];
    let all = read_bytes(Kind::Claude, &archive(&files));
    assert!(all.error.is_none(), "{:?}", all.error);
    assert_eq!(all.set(), plain.set());
    assert_eq!(
        (all.unknown["file .json"], all.unknown["file .zip"]),
        (2, 1)
    );
    let notes: [(&str, &[u8]); 3] = [
        ("v/b.md", b"# B"),
        ("v/a.md", b"# A"),
        ("v/.obsidian/c.md", b"# C"),
    ];
    let all = read_bytes(Kind::Markdown, &archive(&notes));
    let titles: Vec<&str> = all.notes.iter().map(|note| note.title.as_str()).collect();
    assert_eq!(titles, ["A", "B"]);
}

/// Goal: what is not read of an archive is told.
#[test]
fn a_second_file_of_the_same_name_is_told() {
    let other = EXPORT.replace("hello", "other");
    let files: [(&str, &[u8]); 2] = [
        ("conversations.json", EXPORT.as_bytes()),
        ("conversationz.json", other.as_bytes()),
    ];
    let mut bytes = archive(&files);
    let (from, to) = (b"conversationz.json", b"conversations.json");
    for at in 0..bytes.len() - from.len() {
        if bytes[at..].starts_with(from) {
            bytes[at..at + to.len()].copy_from_slice(to);
        }
    }
    let all = read_bytes(Kind::Claude, &bytes);
    assert!(all.error.is_none(), "{:?}", all.error);
    let left: Vec<&str> = all
        .left_out
        .iter()
        .map(|told| told.reason.as_str())
        .collect();
    assert_eq!(
        left,
        ["files of which the archive holds another of the same name: 1"]
    );
}

#[test]
fn names_outside_of_the_archive_are_refused() {
    for name in [
        "../conversations.json",
        "/etc/conversations.json",
        "a/../../x.json",
        "..\\x.json",
        "c:x.json",
    ] {
        let files: [(&str, &[u8]); 2] = [("conversations.json", EXPORT.as_bytes()), (name, b"x")];
        let all = read_bytes(Kind::Claude, &archive(&files));
        refused(&all, "outside of itself");
        assert!(all.notes.is_empty(), "{name}");
    }
}

/// Goal: what unpacks to a thousand times its size is not unpacked to its end.
#[test]
fn a_bomb_is_refused() {
    let bomb = vec![b' '; 64 * 1024 * 1024];
    let bytes = archive(&[("conversations.json", &bomb)]);
    assert!(bytes.len() < 128 * 1024);
    refused(&read_bytes(Kind::Claude, &bytes), "far more");
}

#[test]
fn a_list_of_entries_without_end_is_refused_before_it_is_read() {
    let mut bytes = archive(&[("conversations.json", EXPORT.as_bytes())]);
    let end = bytes
        .windows(4)
        .rposition(|four| four == b"PK\x05\x06")
        .unwrap();
    bytes[end + 12..end + 16].copy_from_slice(&0x7fff_ffffu32.to_le_bytes());
    refused(&read_bytes(Kind::Claude, &bytes), "too many entries");
}

/// Goal: a directory with one entry more than is read is refused by its count, where the count stands in
/// the long form; of whoever says fewer than there are, no more than these are looked at.
#[test]
fn more_entries_than_are_read_are_refused() {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    writer.start_file("conversations.json", options).unwrap();
    writer.write_all(EXPORT.as_bytes()).unwrap();
    for at in 0..ENTRIES_MAX {
        writer.start_file(format!("{at}"), options).unwrap();
    }
    let bytes = writer.finish().unwrap().into_inner();
    let all = read_bytes(Kind::Claude, &bytes);
    refused(&all, "too many entries");
    assert!(all.notes.is_empty());
    let mut few = bytes;
    let long = few
        .windows(4)
        .rposition(|four| four == b"PK\x06\x06")
        .unwrap();
    let told = u64::from_le_bytes(few[long + 32..long + 40].try_into().unwrap());
    assert_eq!(told, ENTRIES_MAX + 1);
    for field in [long + 24, long + 32] {
        few[field..field + 8].copy_from_slice(&1u64.to_le_bytes());
    }
    let all = read_bytes(Kind::Claude, &few);
    assert!(all.error.is_none(), "{:?}", all.error);
    assert_eq!((all.notes.len(), all.unknown.len()), (1, 0));
}

/// Goal: what a password locks is refused with that reason; beside a file of another kind that is locked,
/// what is open is read.
#[test]
fn a_locked_archive_is_refused() {
    let mut bytes = archive(&[("conversations.json", EXPORT.as_bytes()), ("x.pdf", b"x")]);
    let of = |bytes: &[u8], magic: &[u8], last: bool| {
        let mut places = bytes.windows(4).enumerate();
        let mut found = places.by_ref().filter(|(_, four)| *four == magic);
        let place = if last { found.last() } else { found.next() };
        place.unwrap().0
    };
    // The bit of the general flags that says so, in the file's own header and in the directory's.
    let lock = |bytes: &mut Vec<u8>, last: bool| {
        let (local, listed) = (
            of(bytes, b"PK\x03\x04", last),
            of(bytes, b"PK\x01\x02", last),
        );
        bytes[local + 6] |= 1;
        bytes[listed + 8] |= 1;
    };
    lock(&mut bytes, true);
    let all = read_bytes(Kind::Claude, &bytes);
    assert!(all.error.is_none(), "{:?}", all.error);
    assert_eq!(all.notes.len(), 1);
    lock(&mut bytes, false);
    let all = read_bytes(Kind::Claude, &bytes);
    refused(&all, "locked with a password");
    assert!(all.notes.is_empty());
    // As Info-ZIP locks it.
    let all = read_bytes(Kind::Claude, include_bytes!("../fixtures/locked.zip"));
    refused(&all, "locked with a password");
}

#[test]
fn damage_is_told() {
    let bytes = archive(&[("conversations.json", EXPORT.as_bytes())]);
    for cut in [5, 20, bytes.len() / 2, bytes.len() - 1] {
        let all = read_bytes(Kind::Claude, &bytes[..cut]);
        assert!(
            matches!(all.error, Some(ImportError::Archive(_))),
            "{cut}: {:?}",
            all.error
        );
    }
    let mut flipped = bytes.clone();
    flipped[60] ^= 0x55;
    let all = read_bytes(Kind::Claude, &flipped);
    assert!(all.error.is_some() || !all.skipped.is_empty());
    refused(
        &read_bytes(Kind::Claude, &archive(&[("a.txt", b"x")])),
        "no file of this kind",
    );
    refused(&read_bytes(Kind::Csv, &bytes), "unpack it first");
}
