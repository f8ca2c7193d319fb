//! Conversations: with tools, grown, shuffled, as trees.

use crate::{Read, good};
use kitbag_import::Kind;
use serde_json::{Value, json};

const AIRLINE: &str = include_str!("../fixtures/airline.json");
const SESSION: &str = include_str!("../fixtures/session.jsonl");

fn airline() -> Vec<Value> {
    serde_json::from_str(AIRLINE).unwrap()
}

fn of(value: &Value) -> Read {
    good(Kind::Messages, &value.to_string())
}

/// Goal: real conversations of an agent come whole: every message with text or a call is a note, tool
/// results are records, calls can be read.
#[test]
fn real_conversations_come_whole() {
    let all = good(Kind::Messages, AIRLINE);
    assert!(all.skipped.is_empty() && all.left_out.is_empty() && all.unknown.is_empty());
    let messages: Vec<Value> = airline()
        .iter()
        .flat_map(|one| one["messages"].as_array().unwrap().clone())
        .collect();
    let with_text = |m: &&Value| {
        m["content"].as_str().is_some_and(|t| !t.trim().is_empty()) || m.get("tool_calls").is_some()
    };
    assert_eq!(all.notes.len(), messages.iter().filter(with_text).count());
    for (note, message) in all.notes.iter().zip(messages.iter().filter(with_text)) {
        let role = message["role"].as_str().unwrap();
        assert_eq!(note.tags, [role]);
        let expected = match role {
            "tool" => ("record", Some("observation")),
            "assistant" => ("message", Some("inference")),
            _ => ("message", None),
        };
        assert_eq!((note.note_type.as_str(), note.claim.as_deref()), expected);
        assert_eq!(note.produced_by.is_some(), role == "assistant");
        assert!(
            note.body
                .contains(message["content"].as_str().unwrap_or_default())
        );
        for call in message["tool_calls"].as_array().into_iter().flatten() {
            let function = &call["function"];
            assert!(note.body.contains(&format!(
                "Tool call: {}\n{}",
                function["name"].as_str().unwrap(),
                function["arguments"].as_str().unwrap()
            )));
        }
    }
    let first = &all.notes[0];
    let task = airline()[0]["task_id"].to_string();
    let trial = airline()[0]["trial"].to_string();
    assert_eq!(
        first.source.label,
        format!("file · conversation {task}/{trial}")
    );
    assert_eq!(first.source.locator.as_deref(), Some("message 1"));
    let distinct: std::collections::BTreeSet<_> = all.keys().into_iter().collect();
    assert_eq!(distinct.len(), all.notes.len());
}

/// Goal: order of conversations, spelling of the file and growth change no key that was there.
#[test]
fn a_grown_or_shuffled_file_adds_only_what_is_new() {
    let before = good(Kind::Messages, AIRLINE).set();
    let mut turned = airline();
    turned.reverse();
    assert_eq!(of(&json!(turned)).set(), before);
    let lines: Vec<String> = turned.iter().map(Value::to_string).collect();
    assert_eq!(good(Kind::Messages, &lines.join("\n")).set(), before);
    let pretty = serde_json::to_string_pretty(&turned).unwrap();
    assert_eq!(good(Kind::Messages, &pretty).set(), before);

    let said = json!({"role": "user", "content": "One more thing."});
    turned[2]["messages"].as_array_mut().unwrap().push(said);
    let after = of(&json!(turned)).set();
    assert!(before.is_subset(&after));
    assert_eq!(after.len(), before.len() + 1);
}

/// Goal: without an id what was said before names the place; the same words twice are two notes.
#[test]
fn conversations_without_ids_are_known_by_what_was_said() {
    let hello = json!({"role": "user", "content": "Hello"});
    let thanks = json!({"role": "user", "content": [{"type": "text", "text": "Thanks"}]});
    let bare = of(&json!([hello, thanks, thanks]));
    assert_eq!(bare.notes.len(), 3);
    assert_eq!(bare.set().len(), 3);
    assert_eq!(bare.notes[2].source.label, "file · conversation 1");
    assert_eq!(
        of(&json!({"messages": [hello, thanks, thanks]})).set(),
        bare.set()
    );
    assert_eq!(of(&json!([[hello, thanks, thanks]])).set(), bare.set());
    let lines = format!("{hello}\n{thanks}\n{thanks}\n");
    assert_eq!(good(Kind::Messages, &lines).set(), bare.set());
    let named = of(&json!([{"id": 7, "messages": [hello, thanks, thanks]}]));
    assert!(named.set().is_disjoint(&bare.set()));
    let other = of(&json!([thanks, thanks]));
    assert!(other.set().is_disjoint(&bare.set()));
}

#[test]
fn messages_that_are_none_are_told_and_the_rest_comes() {
    let all = of(&json!([{"messages": [
        {"content": "no role"}, {"role": "user", "content": null}, {"role": "user", "content": 7},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:x"}}, "text", {"text": "more"}]},
    ]}, 5]));
    let reasons: Vec<&str> = all
        .skipped
        .iter()
        .map(|told| told.reason.as_str())
        .collect();
    assert_eq!(
        reasons,
        [
            "it has no role",
            "it is neither a conversation nor a message"
        ]
    );
    assert_eq!(all.notes.len(), 1);
    assert_eq!(all.notes[0].body, "text\n\nmore");
    assert_eq!(all.unknown["part image_url"], 1);
    let error = of(&json!([[]])).error;
    assert!(error.is_none());
}

/// Goal: a real log of a session, twice and shuffled, gives the same notes, and what is not known is
/// counted.
#[test]
fn a_session_log_comes_with_its_uuids() {
    let all = good(Kind::ClaudeCode, SESSION);
    assert!(all.skipped.is_empty());
    assert_eq!(all.notes.len(), SESSION.lines().count());
    let types: Vec<&str> = all
        .notes
        .iter()
        .map(|note| note.note_type.as_str())
        .collect();
    assert_eq!(types.iter().filter(|t| **t == "record").count(), 2);
    assert_eq!(types.last(), Some(&"summary"));
    let second = &all.notes[1];
    assert_eq!(second.source.locator.as_deref(), Some("msg_002"));
    assert_eq!(second.source.label, "file · session test_session");
    assert_eq!(second.source.observed_at, Some(1_749_895_230_000));
    let by = second.produced_by.as_ref().unwrap();
    assert_eq!(by.model.as_deref(), Some("claude-3-sonnet-20240229"));
    assert!(all.notes[3].body.starts_with("Tool call: Edit\n{"));
    let mut lines: Vec<&str> = SESSION.lines().collect();
    lines.reverse();
    assert_eq!(good(Kind::ClaudeCode, &lines.join("\r\n")).set(), all.set());

    let more = format!(
        "{SESSION}\n{}\n{}\nbroken\n{}\n",
        json!({"type": "file-history-snapshot", "uuid": "x"}),
        json!({"type": "user", "uuid": "y", "isSidechain": true, "message": {"role": "user", "content": "side"}}),
        json!({"type": "assistant", "uuid": "z", "message": {"content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "done"}]}}),
    );
    let more = good(Kind::ClaudeCode, &more);
    assert!(all.set().is_subset(&more.set()));
    assert_eq!(more.notes.len(), all.notes.len() + 2);
    assert_eq!(more.unknown["file-history-snapshot"], 1);
    assert_eq!(more.unknown["part thinking"], 1);
    let side = more.notes.iter().find(|note| note.body == "side").unwrap();
    assert_eq!(side.tags, ["user", "sidechain"]);
    assert_eq!(more.skipped.len(), 1);
}

fn chatgpt() -> Value {
    let message = |id: &str, role: &str, content: Value, more: Value| {
        let mut message =
            json!({"id": id, "author": {"role": role}, "content": content, "create_time": null});
        message
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        message
    };
    let text = |text: &str| json!({"content_type": "text", "parts": [text]});
    let node = |id: &str, parent: Value, message: Value| {
        (
            id.to_owned(),
            json!({"id": id, "parent": parent, "message": message, "children": []}),
        )
    };
    let mapping: serde_json::Map<String, Value> = [
        node("root", json!(null), json!(null)),
        node("hidden", json!("root"), message("hidden", "system", text("secret rules"), json!({"metadata": {"is_visually_hidden_from_conversation": true}}))),
        node("u1", json!("hidden"), message("u1", "user", json!({"content_type": "multimodal_text", "parts": [{"content_type": "image_asset_pointer"}, "What is this?"]}), json!({"create_time": 1_749_895_200.5}))),
        node("old", json!("u1"), message("old", "assistant", text("An answer that was made anew"), json!({}))),
        node("new", json!("u1"), message("new", "assistant", text("A cat"), json!({"metadata": {"model_slug": "gpt-4o"}}))),
        node("call", json!("new"), message("call", "assistant", json!({"content_type": "code", "text": "search('cat')"}), json!({"recipient": "browser"}))),
        node("tool", json!("call"), message("tool", "tool", json!({"content_type": "tether_quote", "text": "Cats are…"}), json!({}))),
    ]
    .into_iter()
    .collect();
    json!([{"title": "Cats", "conversation_id": "c-1", "current_node": "tool", "mapping": mapping}])
}

#[test]
fn a_tree_gives_the_branch_that_was_shown() {
    let all = good(Kind::ChatGpt, &chatgpt().to_string());
    let bodies: Vec<&str> = all.notes.iter().map(|note| note.body.as_str()).collect();
    assert_eq!(
        bodies,
        [
            "What is this?",
            "A cat",
            "Tool call: browser\nsearch('cat')",
            "Cats are…"
        ]
    );
    assert_eq!(all.unknown["part image_asset_pointer"], 1);
    let left: Vec<&str> = all
        .left_out
        .iter()
        .map(|told| told.reason.as_str())
        .collect();
    assert_eq!(left, ["messages of branches not shown last: 1"]);
    let (asked, answered, answer) = (&all.notes[0], &all.notes[1], &all.notes[3]);
    assert_eq!(asked.source.observed_at, Some(1_749_895_200_500));
    assert_eq!(asked.source.label, "file · Cats");
    assert_eq!(
        answered.produced_by.as_ref().unwrap().model.as_deref(),
        Some("gpt-4o")
    );
    assert_eq!(
        (answered.source.observed_at, answer.note_type.as_str()),
        (None, "record")
    );
    let mut without = chatgpt();
    without[0]["current_node"] = json!("gone");
    without[0]["mapping"]["root"]["children"] = json!(["hidden"]);
    without[0]["mapping"]["hidden"]["children"] = json!(["u1"]);
    without[0]["mapping"]["u1"]["children"] = json!(["old", "new"]);
    let all = good(Kind::ChatGpt, &without.to_string());
    assert_eq!(all.notes.last().unwrap().body, "A cat");
}

/// Goal: a tree that bites its tail ends.
#[test]
fn a_tree_that_is_none_does_no_harm() {
    let mut ring = chatgpt();
    ring[0]["mapping"]["root"]["parent"] = json!("tool");
    assert_eq!(good(Kind::ChatGpt, &ring.to_string()).notes.len(), 4);
    ring[0]["current_node"] = json!(null);
    good(Kind::ChatGpt, &ring.to_string());
    for odd in [
        json!([]),
        json!([{"mapping": {}}]),
        json!([{"mapping": {"a": 5}, "current_node": "a"}]),
    ] {
        assert!(good(Kind::ChatGpt, &odd.to_string()).notes.is_empty());
    }
}

#[test]
fn an_export_of_claude_comes_with_its_attachments() {
    let export = json!([{"uuid": "c", "name": "Plan", "chat_messages": [
        {"uuid": "a", "sender": "human", "text": "Read this", "created_at": "2025-06-14T10:00:00.000000Z",
         "attachments": [{"file_name": "a.txt", "extracted_content": "the file"}], "files": [{"file_name": "b.png"}]},
        {"uuid": "b", "sender": "assistant", "text": "ignored", "content": [{"type": "text", "text": "Done"}, {"type": "tool_use", "name": "f", "input": {"x": 1}}, {"type": "tool_result", "content": [{"type": "text", "text": "ok"}]}]},
    ]}]);
    let all = good(Kind::Claude, &export.to_string());
    let told: Vec<(&str, &str, &str)> = all
        .notes
        .iter()
        .map(|n| (n.note_type.as_str(), n.tags[0].as_str(), n.body.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("message", "user", "Read this"),
            ("file", "user", "the file"),
            ("message", "assistant", "Done\n\nTool call: f\n{\"x\":1}"),
            ("record", "tool", "ok"),
        ]
    );
    assert_eq!(all.unknown["file"], 1);
    assert_eq!(all.notes[0].source.observed_at, Some(1_749_895_200_000));
    assert_eq!(all.notes[0].source.label, "file · Plan");
}
