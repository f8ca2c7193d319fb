//! Whatever bytes come: nothing panics, nothing is held, and the rest is read.

use crate::{good, read_as, read_bytes};
use kitbag_import::{Bytes, Input, Item, Kind, Options, RECORD_BYTES_MAX, TEXT_BYTES_MAX, read};
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeSet;
use std::io::{BufRead, Read};
use std::ops::ControlFlow;

/// A file that is made while it is read: a beginning, and then the same piece so many times.
struct Endless {
    head: Vec<u8>,
    piece: Vec<u8>,
    times: usize,
    at: usize,
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.at == self.head.len() && self.times > 0 {
            self.times -= 1;
            (self.head, self.at) = (self.piece.clone(), 0);
        }
        let count = (&self.head[self.at..]).read(buffer)?;
        self.at += count;
        Ok(count)
    }
}

fn count(kind: Kind, head: &str, piece: &str, times: usize) -> (usize, usize, bool) {
    let mut file = Endless {
        head: head.into(),
        piece: piece.into(),
        times,
        at: 0,
    };
    let (mut notes, mut skipped) = (0, 0);
    let input = Input {
        name: "file",
        path: "",
        bytes: Bytes::Stream(&mut file),
    };
    let done = read(kind, input, &Options::default(), &mut |item| {
        match item {
            Item::Note(note) => {
                assert!(note.body.len() <= TEXT_BYTES_MAX);
                notes += 1;
            }
            Item::Skipped(_) => skipped += 1,
            _ => {}
        }
        ControlFlow::Continue(())
    });
    (notes, skipped, done.is_ok())
}

/// Goal: a hundred thousand rows, and lists of any length, come one by one.
#[test]
fn long_files_stream() {
    assert_eq!(
        count(Kind::Csv, "name,text\n", "a,\"b\nc\"\n", 100_000),
        (100_000, 0, true)
    );
    let message = json!({"role": "user", "content": "x".repeat(50)});
    let (notes, _, _) = count(
        Kind::Messages,
        "[\n{\"role\":\"user\",\"content\":\"a\"}",
        &format!(",\n{message}"),
        50_000,
    );
    assert_eq!(notes, 50_001);
}

/// Goal: a line, row, value or quote without an end is passed over in little memory.
#[test]
fn records_without_end_are_passed_over() {
    let piece = "x".repeat(64 * 1024);
    let times = 3 * RECORD_BYTES_MAX / piece.len();
    assert_eq!(
        count(
            Kind::Jsonl,
            "{\"title\":\"a\"}\n{\"body\":\"",
            &piece,
            times
        ),
        (1, 1, true)
    );
    assert_eq!(count(Kind::ClaudeCode, "", &piece, times), (0, 1, true));
    assert_eq!(
        count(Kind::Csv, "a,b\n1,2\n\"", &piece, times),
        (1, 0, false)
    );
    assert_eq!(
        count(Kind::Csv, "a,b\n1,2\n", &",".repeat(64 * 1024), 100),
        (1, 1, true)
    );
    assert_eq!(count(Kind::Messages, "[\n\"", &piece, times), (0, 0, false));
    assert_eq!(count(Kind::Markdown, "", &piece, times), (0, 1, true));
    assert_eq!(
        count(Kind::Mail, "From: a@b\nSubject: x\n\n", &piece, 4 * times),
        (0, 1, true)
    );
}

#[test]
fn a_first_row_of_a_million_columns_is_refused() {
    let head = vec!["c"; 1_000_000].join(",");
    let all = read_bytes(Kind::Csv, format!("{head}\n1\n").as_bytes());
    assert!(all.error.is_some() && all.notes.is_empty());
}

#[test]
fn a_row_that_is_no_text_is_told_and_the_next_comes() {
    let all = read_bytes(Kind::Csv, b"a,b\n\xff,2\n3,4\n");
    assert_eq!((all.notes.len(), all.skipped.len()), (1, 1));
    assert_eq!(all.skipped[0].place, "row 1");
}

#[test]
fn control_characters_stay_out_of_titles_labels_and_reports() {
    let line = json!({"title": "a\u{0}\u{1b}[31m\nb", "body": "keeps \u{0}", "source": {"label": "x\n\u{202e}y"}, "tags": ["a\nb", "ok"], "type\u{1b}": 1});
    let all = good(Kind::Jsonl, &line.to_string());
    let note = &all.notes[0];
    assert_eq!(
        (note.title.as_str(), note.body.as_str()),
        ("a  [31m b", "keeps \0")
    );
    assert_eq!(
        (note.source.label.as_str(), note.tags.len()),
        ("x \u{202e}y", 1)
    );
    assert_eq!(all.left_out.len(), 1);
    assert!(
        all.unknown
            .keys()
            .all(|what| !what.chars().any(char::is_control))
    );
}

/// Goal: the reader stops when nobody wants more.
#[test]
fn reading_ends_when_it_is_told_to() {
    let text = "name\n".to_owned() + &"a\nb\n".repeat(100);
    let mut count = 0;
    let mut bytes = text.as_bytes();
    let input = Input {
        name: "f",
        path: "",
        bytes: Bytes::Stream(&mut bytes),
    };
    let done = read(Kind::Csv, input, &Options::default(), &mut |_| {
        count += 1;
        ControlFlow::Break(())
    });
    assert!(done.is_ok() && count == 1);
}

/// Goal: no two kinds share a key.
#[test]
fn kinds_do_not_share_keys() {
    let line = r#"{"id":"a","title":"t","role":"user","content":"c","type":"note"}"#;
    let export = format!("{{\"v\":1,\"notes\":[{line}]}}");
    let all = [
        good(Kind::Jsonl, line).keys(),
        good(Kind::Messages, line).keys(),
        good(Kind::Kitbag, &export).keys(),
        good(Kind::Markdown, line).keys(),
        good(Kind::Csv, "id,title,content\na,t,c\n").keys(),
    ];
    let distinct: BTreeSet<[u8; 16]> = all.iter().flatten().copied().collect();
    assert_eq!(distinct.len(), 5);
}

const SEEDS: &[(Kind, &str)] = &[
    (Kind::Messages, include_str!("../fixtures/airline.json")),
    (Kind::ClaudeCode, include_str!("../fixtures/session.jsonl")),
    (Kind::Csv, include_str!("../fixtures/contacts.csv")),
    (
        Kind::ChatGpt,
        r#"[{"mapping":{"a":{"message":{"author":{"role":"user"},"content":{"parts":["x"]}},"parent":"b"}},"current_node":"a"}]"#,
    ),
    (
        Kind::Claude,
        r#"[{"uuid":"c","chat_messages":[{"sender":"human","text":"x"}]}]"#,
    ),
    (Kind::Markdown, "---\ntags: [a]\n---\n# T\n#x ```\n"),
    (
        Kind::Jsonl,
        r#"{"title":"a","source":{"label":"b"},"consent":{"status":"granted"}}"#,
    ),
    (Kind::Kitbag, r#"{"v":1,"notes":[{"id":"a","title":"b"}]}"#),
    (
        Kind::Mail,
        "From a\nFrom: a@b\nSubject: c\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\nhi\n--x--\n",
    ),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    /// Goal: a damaged file of every kind gives notes within the limits, or a reason.
    #[test]
    fn damage_of_every_kind_is_survived(
        seed in 0..SEEDS.len(), kind in 0..Kind::ALL.len(),
        cut in any::<prop::sample::Index>(), flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        own in any::<bool>(),
    ) {
        let (of, text) = SEEDS[seed];
        let mut bytes = text.as_bytes()[..text.len().min(8_000)].to_vec();
        bytes.truncate(cut.index(bytes.len()) + 1);
        for (at, byte) in flips {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let kind = if own { of } else { Kind::ALL[kind] };
        let all = read_as(kind, "file", "", &bytes, &Options::default());
        for note in &all.notes {
            prop_assert!(!note.source.label.trim().is_empty());
            prop_assert!(!(note.title.trim().is_empty() && note.body.trim().is_empty()));
        }
        let again = read_as(kind, "other", "", &bytes, &Options::default());
        prop_assert_eq!(all.keys(), again.keys());
    }

    #[test]
    fn any_bytes_are_survived(kind in 0..Kind::ALL.len(), bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        read_bytes(Kind::ALL[kind], &bytes);
        let mut stream: &[u8] = &bytes;
        let stream: &mut dyn BufRead = &mut stream;
        let mut stream = stream;
        let input = Input { name: "f", path: "", bytes: Bytes::Stream(&mut stream) };
        let _ = read(Kind::ALL[kind], input, &Options::default(), &mut |_| ControlFlow::Continue(()));
    }
}
