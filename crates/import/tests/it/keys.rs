//! Keys, byte for byte, beside a second reading of `docs/spec/import.md`.

use crate::{good, read_as};
use kitbag_import::{Kind, Label, Map, Options};
use serde_json::json;

fn h(parts: &[&[u8]]) -> [u8; 32] {
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend((part.len() as u64).to_be_bytes());
        bytes.extend(*part);
    }
    blake3::derive_key("kitbag/import/v1", &bytes)
}

fn key(parts: &[&[u8]]) -> [u8; 16] {
    h(parts)[..16].try_into().unwrap()
}

fn number(n: u64) -> [u8; 8] {
    n.to_be_bytes()
}

#[test]
fn keys_are_those_of_the_specification() {
    let text = r#"{"id":"c","messages":[{"role":"user","content":"a"},{"id":"m","role":"assistant","name":"n","content":[{"type":"text","text":"b"},{"type":"tool_result","content":"r"}]}]}"#;
    let link = h(&[b"messages", b"conversation", b"c"]);
    let one = h(&[
        b"messages",
        b"message",
        &link,
        b"",
        b"user",
        b"",
        b"said",
        b"a",
    ]);
    let two = h(&[
        b"messages",
        b"message",
        &one,
        b"m",
        b"assistant",
        b"n",
        b"said",
        b"b",
        b"answer",
        b"r",
    ]);
    let piece = |kind: &[u8], stands: &[u8], n| key(&[kind, b"piece", stands, &number(n)]);
    let expected = [
        piece(b"messages", &one, 0),
        piece(b"messages", &two, 0),
        piece(b"messages", &two, 1),
    ];
    assert_eq!(good(Kind::Messages, text).keys(), expected);

    let text = r#"{"type":"user","uuid":"u","message":{"content":"a"}}
        {"type":"summary","leafUuid":"u","summary":"s"}"#;
    let expected = [
        piece(b"claude-code", b"u", 0),
        key(&[b"claude-code", b"summary", b"u", b"s"]),
    ];
    assert_eq!(good(Kind::ClaudeCode, text).keys(), expected);

    let text = r#"[{"conversation_id":"c","current_node":"n","mapping":{"n":{"message":{"id":"m","author":{"role":"user"},"content":{"parts":["a"]}}}}}]"#;
    let stands = h(&[b"chatgpt", b"message", b"c", b"m"]);
    assert_eq!(
        good(Kind::ChatGpt, text).keys(),
        [piece(b"chatgpt", &stands, 0)]
    );

    let text = r#"[{"uuid":"c","chat_messages":[{"uuid":"m","text":"a"},{"text":"b"}]}]"#;
    let one = h(&[b"claude", b"message", b"c", b"m"]);
    let two = h(&[b"claude", b"message number", b"c", &number(1)]);
    let expected = [piece(b"claude", &one, 0), piece(b"claude", &two, 0)];
    assert_eq!(good(Kind::Claude, text).keys(), expected);

    let row = key(&[b"csv", b"row", b"a", b"2", b"b", b"1"]);
    assert_eq!(good(Kind::Csv, "b,c,a\n1,,2\n").keys(), [row]);
    let options = Options {
        map: Some(Map::parse("key = \"{c}\"").unwrap()),
        ..Options::default()
    };
    let all = read_as(Kind::Csv, "t.csv", "", b"b,c\n1,7\n2,7\n3,\n", &options);
    let named = key(&[b"csv", b"named row", b"7"]);
    let unnamed = key(&[b"csv", b"row", b"b", b"3"]);
    assert_eq!(all.keys(), [named, named, unnamed]);

    let all = read_as(Kind::Markdown, "v", "x/a.md", b"text", &Options::default());
    assert_eq!(all.keys(), [key(&[b"markdown", b"file", b"x/a.md"])]);

    let text = "{\"id\":7,\"title\":\"t\"}\n{\"key\":\"k\",\"title\":\"t\"}\n{\"title\":\"t\",\"source\":\"l\"}";
    let expected = [
        key(&[b"jsonl", b"id", b"7"]),
        key(&[b"jsonl", b"key", b"k"]),
        key(&[b"jsonl", b"content", b"t", b"", b"file", b"l", b"", b""]),
    ];
    assert_eq!(good(Kind::Jsonl, text).keys(), expected);
    let text = r#"{"v":1,"notes":[{"id":"a","title":"t"}]}"#;
    assert_eq!(
        good(Kind::Kitbag, text).keys(),
        [key(&[b"kitbag", b"id", b"a"])]
    );

    let text =
        "From: a@b\nSubject: s\nMessage-ID: <m@x>\nDate: Sat, 14 Jun 2025 10:00:00 +0000\n\nhi\n";
    let at = number(1_749_895_200_000);
    let expected = key(&[b"mail", b"mail", b"m@x", b"s", b"a@b", &at, b"hi"]);
    assert_eq!(good(Kind::Mail, text).keys(), [expected]);
}

#[test]
fn parts_of_a_long_body_have_keys_of_their_own() {
    let text = format!("{{\"id\":\"a\",\"body\":\"{}\"}}", "x".repeat(4_000_001));
    let whole = key(&[b"jsonl", b"id", b"a"]);
    let part = |n| key(&[b"jsonl", b"part", &whole, &number(n)]);
    assert_eq!(good(Kind::Jsonl, &text).keys(), [part(0), part(1)]);
}

/// Goal: a reader says of each note whether its key is made of what does not stand in it, or stood before it.
#[test]
fn which_keys_tell_more_than_their_notes_is_said() {
    let tells = |kind, text: &str| -> Vec<(Option<usize>, bool)> {
        let notes = good(kind, text).notes;
        notes
            .iter()
            .map(|note| (note.conversation, note.tells_more))
            .collect()
    };
    let pieces = json!({"role": "user", "content": [
        {"type": "tool_result", "content": "one"},
        {"type": "tool_result", "content": "two"},
    ]});
    let talk = json!([
        {"messages": [{"role": "user", "content": "hi"}, pieces]},
        {"messages": [{"role": "user", "content": "hi"}]},
    ]);
    assert_eq!(
        tells(Kind::Messages, &talk.to_string()),
        [
            (Some(1), false),
            (Some(1), true),
            (Some(1), false),
            (Some(2), false)
        ]
    );
    let long = format!("{{\"body\":\"{}\"}}", "x".repeat(4_000_001));
    assert_eq!(tells(Kind::Jsonl, &long), [(None, true), (None, true)]);
    let lines = "{\"id\":\"7\",\"body\":\"b\"}\n{\"key\":\"mia@x\",\"body\":\"b\"}\n{\"key\":\"mia@x\",\"body\":\"of mia@x\"}\n";
    let told = [false, true, false].map(|more| (None, more));
    assert_eq!(tells(Kind::Jsonl, lines), told);
    let table = "name,born\nMia,1990-04-05\n";
    assert_eq!(tells(Kind::Csv, table), [(None, false)]);
    for (map, more) in [
        ("body = \"{name}\"", true),
        ("body = \"{name} {born}\"", false),
        ("body = \"{name}\"\nkey = \"{born}\"", true),
        ("body = \"{name}\"\nkey = \"{name}\"", false),
    ] {
        let options = Options {
            map: Some(Map::parse(map).unwrap()),
            label: Label::default(),
        };
        let read = read_as(Kind::Csv, "a.csv", "", table.as_bytes(), &options);
        assert_eq!(read.notes[0].tells_more, more, "{map}");
    }
}
