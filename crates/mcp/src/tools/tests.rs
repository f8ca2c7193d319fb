//! The definitions: constants that fit, that every client can read, and that follow from scopes alone.

use super::*;
use serde_json::json;
use std::collections::BTreeSet;

/// Tokens of all definitions together: a model reads them before anything else.
const TOKENS_MAX: usize = 4_000;

fn listed(tools: &[&Definition]) -> String {
    let tools: Vec<Tool> = tools.iter().map(|tool| tool.tool()).collect();
    serde_json::to_string(&json!({ "tools": tools })).unwrap()
}

#[test]
fn all_definitions_together_take_less_than_four_thousand_tokens() {
    let all = listed(&of(&AgentScope::ALL, true));
    for (name, tokenizer) in [
        ("o200k", tiktoken_rs::o200k_base().unwrap()),
        ("cl100k", tiktoken_rs::cl100k_base().unwrap()),
    ] {
        let tokens = tokenizer.encode_ordinary(&all).len();
        println!("{name}: {tokens} tokens");
        assert!(tokens < TOKENS_MAX, "{name}: {tokens} tokens");
    }
}

/// Goal: no type that a client does not know: no union with null, no format, nothing without a type.
#[test]
fn schemas_are_plain() {
    fn walk(value: &Value, at: &str) {
        match value {
            Value::Object(object) => {
                let is_schema = !at.ends_with("properties");
                assert!(!(is_schema && object.contains_key("format")), "{at}");
                assert!(
                    !object.contains_key("anyOf") && !object.contains_key("oneOf"),
                    "{at}"
                );
                if let Some(kind) = object.get("type").filter(|_| !at.ends_with("properties")) {
                    assert!(kind.is_string(), "{at}: {kind}");
                }
                for (name, value) in object {
                    walk(value, &format!("{at}/{name}"));
                }
            }
            Value::Array(values) => values.iter().for_each(|value| walk(value, at)),
            _ => {}
        }
    }
    for tool in of(&AgentScope::ALL, true) {
        let input = (tool.input)();
        assert_eq!(input["additionalProperties"], false, "{}", tool.name);
        for schema in [input, (tool.output)()] {
            assert_eq!(schema["type"], "object", "{}", tool.name);
            walk(&schema, tool.name);
        }
        let is_snake = tool
            .name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b == b'_');
        assert!(is_snake, "{}", tool.name);
    }
}

#[test]
fn what_is_listed_follows_from_the_scopes_alone() {
    let names = |scopes: &[AgentScope]| -> Vec<&str> {
        of(scopes, false).iter().map(|tool| tool.name).collect()
    };
    assert_eq!(
        names(&[AgentScope::Search]),
        [
            "list_packs",
            "search_items",
            "recent_changes",
            "explain_access"
        ]
    );
    assert_eq!(names(&[AgentScope::Read]), ["read_items", "build_context"]);
    assert_eq!(names(&[AgentScope::Handoff]), Vec::<&str>::new());
    let all = names(&AgentScope::ALL);
    assert_eq!(all, ALL.map(|tool| tool.name));
    let unique: BTreeSet<&str> = all.iter().copied().collect();
    assert_eq!((unique.len(), all.len() <= 14), (ALL.len(), true));
    for scopes in [&AgentScope::ALL[..3], &AgentScope::ALL[2..]] {
        let some = names(scopes);
        let in_order: Vec<&str> = all
            .iter()
            .copied()
            .filter(|name| some.contains(name))
            .collect();
        assert_eq!(some, in_order);
    }
}

/// Goal: arguments that models guess are taken, those that are wrong are told by name.
#[test]
fn arguments_go_by_the_names_that_models_guess() {
    let given = |value: Value| Arguments::new(value.as_object().cloned());
    let search =
        search_items::asked(given(json!({"q": "refund", "top_k": 5, "packs": "p"}))).unwrap();
    assert_eq!(
        (search.query.as_str(), search.limit, search.packs),
        ("refund", Some(5), vec!["p".into()])
    );
    for (wrong, part) in [
        (json!({}), "query: is missing"),
        (
            json!({"query": 7, "limit": "many"}),
            "limit: has to be a whole number",
        ),
        (
            json!({"query": "x", "sensitivity": "restricted"}),
            "there is no argument sensitivity",
        ),
        (
            json!({"query": "x", "since": "yesterday"}),
            "since: has to be like",
        ),
        (json!({"query": "x", "tags": [1]}), "tags: has to be a list"),
        (
            json!({"query": "x", "source_kind": "shell"}),
            "source_kind: is one of",
        ),
        (
            json!({"query": "x", "\u{1b}[2J<|im_start|>": 1}),
            "there is no argument \\u{1b}[2J‹|im_start|›",
        ),
    ] {
        let failure = search_items::asked(given(wrong.clone())).unwrap_err();
        assert!(failure.message.contains(part), "{wrong}: {failure}");
        assert!(!failure.message.contains('\u{1b}'));
    }
}
