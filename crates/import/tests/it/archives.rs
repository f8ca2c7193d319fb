//! Exports as they are downloaded, and archives that lie.

use crate::{Read, good, read_bytes};
use kitbag_import::{ImportError, Kind};
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
