//! Real outputs against the committed schemas.
//!
//! Every document that any scenario reads passes [`check`]. A document may hold no field that its
//! schema does not name: what stands in an output is promised, so it has to be written down.

use crate::support::{Device, run_in, text};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/schemas")
}

/// Holds a document against the schema of the command that printed it.
pub(crate) fn check(args: &[&str], document: &Value) {
    // Whether every command has a schema is a test of the command itself.
    if let Some(name) = name_of(args) {
        check_named(&name, document);
    }
}

/// The same for the document of a failure.
pub(crate) fn check_error(document: &Value) {
    check_named("error", document);
}

fn check_named(name: &str, document: &Value) {
    let file = directory().join(format!("{name}.json"));
    let schema = fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    let schema: Value = serde_json::from_str(&schema).unwrap();
    if let Err(why) = fits(&schema, &schema, document, name) {
        panic!("the document of {name} does not fit docs/schemas/{name}.json: {why}\n{document}");
    }
}

/// The longest run of first words that has a schema.
fn name_of(args: &[&str]) -> Option<String> {
    if args
        .iter()
        .any(|arg| matches!(*arg, "--help" | "--version"))
    {
        return Some("about".to_owned());
    }
    let words: Vec<&str> = args
        .iter()
        .copied()
        .take_while(|arg| !arg.starts_with('-'))
        .collect();
    let named = |count: &usize| {
        directory()
            .join(format!("{}.json", words[..*count].join("-")))
            .exists()
    };
    match (1..=words.len().min(2)).rev().find(named) {
        Some(count) => Some(words[..count].join("-")),
        None => words.is_empty().then(|| "kitbag".to_owned()),
    }
}

/// As much of JSON Schema as our schemas use. A word that is not known here fails, so that nothing is
/// passed over.
fn fits(root: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let schema = match schema {
        Value::Bool(true) => return Ok(()),
        Value::Object(schema) => schema,
        other => return Err(format!("{at}: no schema: {other}")),
    };
    for (word, rule) in schema {
        let is_right = match word.as_str() {
            "$schema" | "$defs" | "title" | "description" | "format" | "default" => true,
            "$ref" => {
                let path = rule.as_str().unwrap().strip_prefix('#').unwrap();
                let target = root.pointer(path).ok_or(format!("{at}: no {path}"))?;
                fits(root, target, value, at)?;
                true
            }
            "type" => match rule {
                Value::Array(types) => types.iter().any(|one| is_of(one, value)),
                one => is_of(one, value),
            },
            "const" => rule == value,
            "enum" => rule.as_array().unwrap().contains(value),
            "minimum" => value
                .as_f64()
                .is_none_or(|number| number >= rule.as_f64().unwrap()),
            "maximum" => value
                .as_f64()
                .is_none_or(|number| number <= rule.as_f64().unwrap()),
            "anyOf" | "oneOf" => {
                let all = rule.as_array().unwrap();
                let tried: Vec<_> = all.iter().map(|one| fits(root, one, value, at)).collect();
                if !tried.iter().any(Result::is_ok) {
                    return Err(format!("{at}: none of {tried:?}"));
                }
                true
            }
            "allOf" => {
                for one in rule.as_array().unwrap() {
                    fits(root, one, value, at)?;
                }
                true
            }
            "minItems" => is_long(value, rule, |len, bound| len >= bound),
            "maxItems" => is_long(value, rule, |len, bound| len <= bound),
            "prefixItems" => {
                let rules = rule.as_array().unwrap();
                for (i, (one, item)) in rules
                    .iter()
                    .zip(value.as_array().into_iter().flatten())
                    .enumerate()
                {
                    fits(root, one, item, &format!("{at}[{i}]"))?;
                }
                true
            }
            "items" => {
                for (i, item) in value.as_array().into_iter().flatten().enumerate() {
                    fits(root, rule, item, &format!("{at}[{i}]"))?;
                }
                true
            }
            "required" => {
                let has = |key: &Value| value.get(key.as_str().unwrap()).is_some();
                !value.is_object() || rule.as_array().unwrap().iter().all(has)
            }
            "additionalProperties" => {
                let named = |key: &String| schema.get("properties").and_then(|of| of.get(key));
                let held = value.as_object().into_iter().flatten();
                for (key, held) in held.filter(|(key, _)| named(key).is_none()) {
                    fits(root, rule, held, &format!("{at}.{key}"))?;
                }
                true
            }
            "properties" => {
                for (key, held) in value.as_object().into_iter().flatten() {
                    let own = rule
                        .get(key)
                        .ok_or(format!("{at}.{key} is not written down"))?;
                    fits(root, own, held, &format!("{at}.{key}"))?;
                }
                true
            }
            unknown => return Err(format!("{at}: this test does not know {unknown:?}")),
        };
        if !is_right {
            return Err(format!("{at}: not {word} {rule}: {value}"));
        }
    }
    Ok(())
}

/// Whether an array's length keeps a bound.
fn is_long(value: &Value, bound: &Value, keeps: impl Fn(usize, usize) -> bool) -> bool {
    let bound = bound.as_u64().and_then(|bound| usize::try_from(bound).ok());
    let items = value.as_array();
    items.is_none_or(|items| bound.is_some_and(|bound| keeps(items.len(), bound)))
}

fn is_of(name: &Value, value: &Value) -> bool {
    match name.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("no type {other}"),
    }
}

/// Goal: the checker refuses what it should: another type, a field too few, a field too many.
#[test]
fn what_does_not_fit_is_refused() {
    let schema: Value = serde_json::from_str(
        r##"{"type":"object","required":["v","a"],"properties":{"v":{"const":1},
            "a":{"$ref":"#/$defs/A"},"b":{"type":["string","null"]}},
            "$defs":{"A":{"type":"array","items":{"enum":["x","y"]}}}}"##,
    )
    .unwrap();
    let fits = |text: &str| fits(&schema, &schema, &serde_json::from_str(text).unwrap(), "it");
    assert_eq!(fits(r#"{"v":1,"a":["x"],"b":null}"#), Ok(()));
    for wrong in [
        r#"{"v":2,"a":[]}"#,
        r#"{"v":1}"#,
        r#"{"v":1,"a":["z"]}"#,
        r#"{"v":1,"a":[],"b":3}"#,
        r#"{"v":1,"a":[],"c":3}"#,
        "[]",
    ] {
        assert!(fits(wrong).is_err(), "{wrong}");
    }
}

/// Goal: commands that no other scenario asks for a document print what is promised too.
#[test]
fn every_other_command_prints_its_document() {
    let ada = Device::empty();
    ada.json(&[]);
    ada.json(&[
        "init",
        "--name",
        "Ada",
        "--key-file",
        ada.home.with_extension("key").to_str().unwrap(),
    ]);
    ada.json(&["daemon", "status"]);
    ada.json(&["up", "--detach", "--listen", "loopback"]);
    ada.json(&[]);
    let pack = ada.create_pack("Acme");
    let note = ada.add(&pack, "Renewal", "in May");
    let ticket = ada.share(&pack);
    let invite = text(&ada.json(&["share", "list", &pack])["invites"][0]["id"]);
    let other = ada.add(&pack, "Prices", "in June");
    let second = ada.create_pack("Globex");
    let repository = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = |path: &str| repository.join(path).to_str().unwrap().to_owned();
    let rules = file("examples/rules/airline.toml");
    let cases = file("tests/fixtures/airline/escalation-cases.csv");
    let many: [&[&str]; 31] = [
        &["copy", &note, "--to", &second],
        &["move", &other, "--to", &second, "--dry-run"],
        &["supersede", &other, "--by", &note],
        &["redact", &other, "--reason", "wrong", "--dry-run"],
        &["use", "--json"],
        &["pack", "list"],
        &["pack", "show", &pack],
        &["edit", &note, "--title", "Renewal in May"],
        &["edit", &note, "--sensitivity", "confidential", "--dry-run"],
        &["history", &note],
        &["review", &pack],
        &["share", &pack, "--dry-run"],
        &["share", "requests"],
        &["share", "cancel", &pack, &invite, "--dry-run"],
        &["members", &pack],
        &["sync"],
        &["status"],
        &["status", "--why"],
        &["who", &note],
        &["check", &pack, "--as", "Ada"],
        &["policy", "show", &pack],
        &["policy", "explain", &pack, "--as", "Ada", &note],
        &["policy", "set", &pack, "--client", "Acme", "--dry-run"],
        &["team", "create", "billing", "Ada", "--pack", &pack, "--yes"],
        &[
            "team",
            "add",
            "billing",
            "Ada",
            "--pack",
            &pack,
            "--dry-run",
        ],
        &["team", "list", "--pack", &pack],
        &["rules", "list", "--pack", &pack],
        &[
            "rules",
            "set",
            "--pack",
            &pack,
            "--file",
            &rules,
            "--dry-run",
        ],
        &["rules", "test", "--file", &cases, "--rules", &rules],
        &["man"],
        &["completions", "fish"],
    ];
    for args in many {
        let args: Vec<&str> = args
            .iter()
            .copied()
            .filter(|arg| *arg != "--json")
            .collect();
        ada.json(&args);
    }
    ada.json_with(&["ticket", "inspect", "-"], ticket.as_bytes());
    ada.json_with(&["inspect", "-"], ticket.as_bytes());
    ada.json(&["delete", &note]);
    ada.json(&["undo"]);
    ada.json(&["daemon", "stop"]);
    ada.json(&["daemon", "start"]);
    ada.json(&["down"]);
    ada.json(&["help"]);
    for flag in ["--help", "--version"] {
        let shown = run_in(&ada.home, &[flag, "--json"], b"", &[]);
        check(&[flag], &serde_json::from_slice(&shown.stdout).unwrap());
    }
}
