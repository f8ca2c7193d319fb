//! Real data: twice, in another order, and where its personal data stands.

use super::held::{Held, names_a_mail_address, names_a_payment};
use super::home::{Home, said, told};
use super::shuffled::{Form, shuffled};
use crate::context::Context;
use crate::report::Item;
use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::Value;
use std::fs;
use std::path::Path;

/// Files, what they are for the import, how they fall apart, and whether the map of the documentation goes with them.
const FILES: [(&str, &str, Form, bool); 8] = [
    (
        "airline/conversations.json",
        "messages",
        Form::Conversations,
        false,
    ),
    ("airline/policy.md", "markdown", Form::Whole, false),
    ("banking/documents.jsonl", "jsonl", Form::Lines, false),
    (
        "banking/search-judgements.jsonl",
        "jsonl",
        Form::Lines,
        false,
    ),
    ("crm-contacts.csv", "csv", Form::Table, true),
    ("tickets/banking77.csv", "csv", Form::Table, false),
    (
        "transcripts/representative_messages.jsonl",
        "claude-code",
        Form::Lines,
        false,
    ),
    (
        "transcripts/todowrite_examples.jsonl",
        "claude-code",
        Form::Lines,
        false,
    ),
];
/// The file with records of customers.
const AIRLINE: &str = FILES[0].0;

const ADDED_AGAIN: &str =
    "every file of real data again, in another order: notes added, changed or masked anew";
const OTHER_COUNT: &str =
    "conversations and tables: notes more or fewer than there are messages and distinct rows";
const MISSED: &str =
    "airline: originals with a birth date, address, card or payment id below restricted";
const LEFT: &str = "airline: masked copies that hold such a value";
const NO_COPY: &str = "airline: originals with such a value without a masked copy";

pub(super) async fn run(context: &Context, item: &mut Item) -> Result<()> {
    let Some(data) = &context.data else {
        for goal in [ADDED_AGAIN, OTHER_COUNT, MISSED, LEFT, NO_COPY] {
            item.at_most(goal, 0.0, "notes", None);
        }
        item.remark(
            "The part on real data was not measured: name its directory with `--data DIR`.",
        );
        return Ok(());
    };
    let home = Home::make(context, "imports-real").await?;
    let ended = all(context, &home, data, item).await;
    home.daemon.stop().await?;
    ended
}

async fn all(context: &Context, home: &Home, data: &Path, item: &mut Item) -> Result<()> {
    let map = context.fresh("imports-map.toml");
    fs::write(&map, documented_map()?)?;
    let (mut again, mut apart) = (0, 0);
    for (number, (name, kind, form, mapped)) in FILES.into_iter().enumerate() {
        let file = data.join(name);
        let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        let (text, notes) = shuffled(form, &text)?;
        let ending = Path::new(name).extension().context("no ending")?;
        let other = context.fresh(&format!("imports-again-{number}"));
        let other = other.with_extension(ending);
        fs::write(&other, text)?;
        home.pack(context, name)?;
        let map = mapped.then_some(map.as_path());
        let first = told(&mut home.command(context, kind, &file, name, map))?;
        let before = home.notes(name).await?;
        let second = told(&mut home.command(context, kind, &other, name, map))?;
        let after = home.notes(name).await?;
        item.row(name, "notes", "", &[number_of(first.added)]);
        if first.refused + first.skipped_total + second.refused + second.skipped_total > 0 {
            item.remark(format!(
                "{name}: {} records gave no note and {} were refused, of {}.",
                first.skipped_total,
                first.refused,
                first.read + first.skipped_total
            ));
        }
        again += second.added + second.updated + second.masked + before.abs_diff(after);
        again += second.read.abs_diff(second.unchanged + second.refused);
        let expected = notes.unwrap_or(first.added);
        apart += first.added.abs_diff(expected);
    }
    item.at_most(ADDED_AGAIN, 0.0, "notes", Some(number_of(again)));
    item.at_most(OTHER_COUNT, 0.0, "notes", Some(number_of(apart)));
    let others = others(data)?;
    if !others.is_empty() {
        let others = others.join(", ");
        item.remark(format!(
            "Not imported, since they hold nothing that a kind of import reads: {others}."
        ));
    }
    personal(context, home, data, item)
}

/// The map that users are shown for a table of contacts.
fn documented_map() -> Result<&'static str> {
    let docs = include_str!("../../../../../docs/cli.md");
    let maps = docs.split("```toml\n").skip(1);
    let mut maps = maps.filter_map(|rest| rest.split("```").next());
    maps.find(|map| map.contains("{first_name}"))
        .context("no map of contacts in docs/cli.md")
}

/// Files that are none of [`FILES`].
fn others(data: &Path) -> Result<Vec<String>> {
    let (mut folders, mut others) = (vec![data.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
                continue;
            }
            let path = entry.path();
            let name = path.strip_prefix(data)?.display().to_string();
            if !FILES.iter().any(|(file, ..)| *file == name) {
                others.push(name);
            }
        }
    }
    others.sort();
    Ok(others)
}

#[derive(Debug, Deserialize)]
struct Export {
    notes: Vec<Value>,
}

/// What became of the originals, and what their copies hold.
#[derive(Debug, Default)]
struct Counts {
    originals: u64,
    restricted: u64,
    copies: u64,
    exact: u64,
    exact_missed: u64,
    told: u64,
    told_missed: u64,
    no_copy: u64,
    left: u64,
    left_told: u64,
    by_payment: u64,
    by_mail: u64,
    false_alarms: u64,
}

fn personal(context: &Context, home: &Home, data: &Path, item: &mut Item) -> Result<()> {
    let mut held = Held::default();
    let records: Value = serde_json::from_str(&fs::read_to_string(data.join(AIRLINE))?)?;
    held.read(&records);
    let file = context.fresh("imports-airline.json");
    let mut export = context.kitbag(&home.path);
    export.args(["export", AIRLINE, "--format", "json", "--with-copies"]);
    export.args(["--max-sensitivity", "restricted", "--out"]);
    said(export.arg(&file))?;
    let export: Export = serde_json::from_str(&fs::read_to_string(&file)?)?;
    let counts = counted(&held, &export.notes);
    put(&held, &counts, item);
    Ok(())
}

fn counted(held: &Held, notes: &[Value]) -> Counts {
    let mut counts = Counts::default();
    let origins = |note: &Value| -> Vec<String> {
        let ids = note["derived_from"].as_array().into_iter().flatten();
        ids.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let copied: std::collections::BTreeSet<String> = notes.iter().flat_map(origins).collect();
    for note in notes {
        let text = texts(note);
        let (exact, told) = (held.stands_in(&text), held.is_told_in(&text));
        let restricted = note["sensitivity"] == "restricted";
        if !origins(note).is_empty() {
            counts.copies += 1;
            // Even as a part of a word.
            let left = held.is_part_of(&text);
            counts.left += u64::from(left);
            counts.left_told += u64::from(!left && told);
            continue;
        }
        counts.originals += 1;
        counts.restricted += u64::from(restricted);
        let has_copy = note["id"].as_str().is_some_and(|id| copied.contains(id));
        match (exact, told) {
            (true, _) => {
                counts.exact += 1;
                counts.exact_missed += u64::from(!restricted);
                counts.no_copy += u64::from(!has_copy);
            }
            (false, true) => {
                counts.told += 1;
                counts.told_missed += u64::from(!restricted);
            }
            (false, false) if !restricted => {}
            _ if names_a_payment(&text) => counts.by_payment += 1,
            _ if names_a_mail_address(&text) => counts.by_mail += 1,
            _ => counts.false_alarms += 1,
        }
    }
    counts
}

/// Everything that a note says, in lower case.
fn texts(note: &Value) -> String {
    let mut all = String::new();
    let fields = ["title", "body", "tags", "source", "produced_by", "consent"];
    for field in fields {
        collect(&note[field], &mut all);
    }
    all.to_lowercase()
}

fn collect(value: &Value, into: &mut String) {
    match value {
        Value::String(text) => {
            into.push_str(text);
            into.push('\n');
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, into)),
        Value::Object(members) => members.values().for_each(|value| collect(value, into)),
        _ => {}
    }
}

fn put(held: &Held, counts: &Counts, item: &mut Item) {
    let mut row = |what: &str, side: &str, count: u64| {
        item.row(&format!("airline: {what}"), side, "", &[number_of(count)]);
    };
    row(
        "values in the records",
        "birth dates",
        held.births.len() as u64,
    );
    row(
        "values in the records",
        "addresses",
        held.addresses.len() as u64,
    );
    row(
        "values in the records",
        "payment methods",
        held.payments.len() as u64,
    );
    row("notes", "originals", counts.originals);
    row("notes", "masked copies", counts.copies);
    row("originals at restricted", "all", counts.restricted);
    row(
        "originals with a value as records state it",
        "all",
        counts.exact,
    );
    row(
        "originals with a value as records state it",
        "missed",
        counts.exact_missed,
    );
    let in_words = "originals that tell a value in other words (\"April 5, 1990\", a number without its prefix)";
    row(in_words, "all", counts.told);
    row(in_words, "missed", counts.told_missed);
    row(
        "masked copies that tell a value in other words",
        "all",
        counts.left_told,
    );
    let without = "restricted without such a value";
    row(
        without,
        "an id of a payment method that no record has",
        counts.by_payment,
    );
    row(without, "a mail address", counts.by_mail);
    row(without, "false alarms", counts.false_alarms);
    let is_measured = (held.len() > 0 && counts.exact > 0).then_some(());
    let goals = [
        (MISSED, counts.exact_missed + counts.told_missed),
        (LEFT, counts.left + counts.left_told),
        (NO_COPY, counts.no_copy),
    ];
    for (goal, count) in goals {
        item.at_most(goal, 0.0, "notes", is_measured.map(|()| number_of(count)));
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of notes are small")]
fn number_of(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Goal: each way to fail is counted as such: an original that was missed, a copy that still holds
    /// a value, an original without a copy, a false alarm.
    #[test]
    fn misses_and_false_alarms_are_counted() {
        let mut held = Held::default();
        held.read(&json!({"dob": "1990-04-05", "payment_id": "gift_card_7334"}));
        let note = |id: &str, of: &[&str], sensitivity: &str, body: &str| json!({"id": id, "derived_from": of, "sensitivity": sensitivity, "title": "", "body": body});
        let notes = [
            note("a", &[], "restricted", "DOB 1990-04-05"),
            note("b", &["a"], "internal", "xGIFT_card_73345"),
            note("c", &[], "internal", "gift_card_7334"),
            note("d", &[], "internal", "April 5th, 1990"),
            note("e", &[], "restricted", "gift_card_99"),
            note("f", &[], "restricted", "me@example.com"),
            note("g", &[], "restricted", "a flight"),
            note("h", &[], "internal", "a flight"),
        ];
        let counts = counted(&held, &notes);
        assert_eq!(
            (counts.originals, counts.restricted, counts.copies),
            (7, 4, 1)
        );
        assert_eq!(
            (counts.exact, counts.exact_missed, counts.no_copy),
            (2, 1, 1)
        );
        assert_eq!((counts.told, counts.told_missed), (1, 1));
        assert_eq!((counts.left, counts.left_told), (1, 0));
        assert_eq!(
            (counts.by_payment, counts.by_mail, counts.false_alarms),
            (1, 1, 1)
        );
    }

    /// Goal: the documentation has the map that contacts are imported with.
    #[test]
    fn the_documented_map_is_there() {
        let map = documented_map().expect("docs/cli.md has it");
        assert!(map.contains("pii"), "{map}");
    }
}
