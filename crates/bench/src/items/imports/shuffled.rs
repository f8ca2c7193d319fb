//! The same records in another order.

use crate::corpus::Dice;
use anyhow::{Result, ensure};
use serde_json::Value;
use std::collections::BTreeSet;

/// How a file falls into records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A list of conversations; what is inside of one stays in its order.
    Conversations,
    /// A first line with names, and rows.
    Table,
    /// A record in each line.
    Lines,
    /// One record.
    Whole,
}

/// The file in another order, and how many notes it should give, if that can be said from the file alone.
pub(super) fn shuffled(form: Form, text: &str) -> Result<(String, Option<u64>)> {
    let mut dice = Dice::new(5);
    Ok(match form {
        Form::Conversations => {
            let mut all: Vec<Value> = serde_json::from_str(text)?;
            let messages = all.iter().map(notes_of).sum();
            shuffle(&mut all, &mut dice);
            (serde_json::to_string(&all)?, Some(messages))
        }
        Form::Table => {
            let mut rows = records(text);
            ensure!(rows.len() > 1, "a table without rows");
            let names = rows.remove(0);
            let distinct: BTreeSet<&str> = rows.iter().copied().collect();
            let count = distinct.len() as u64;
            shuffle(&mut rows, &mut dice);
            rows.insert(0, names);
            (joined(&rows), Some(count))
        }
        Form::Lines => {
            let mut lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
            shuffle(&mut lines, &mut dice);
            (joined(&lines), None)
        }
        Form::Whole => (text.to_owned(), None),
    })
}

fn joined(lines: &[&str]) -> String {
    let mut text = lines.join("\n");
    text.push('\n');
    text
}

fn shuffle<T>(all: &mut [T], dice: &mut Dice) {
    for last in (1..all.len()).rev() {
        let other = dice.below(last as u64 + 1);
        all.swap(last, usize::try_from(other).unwrap_or(last));
    }
}

/// Messages of a conversation that say or call something.
fn notes_of(conversation: &Value) -> u64 {
    let says = |message: &&Value| {
        let content = message["content"].as_str().unwrap_or_default();
        let calls = message["tool_calls"].as_array().map_or(0, Vec::len);
        !content.trim().is_empty() || calls > 0
    };
    let messages = conversation["messages"].as_array();
    messages.map_or(0, |all| all.iter().filter(says).count() as u64)
}

/// Rows of a table; a line break inside of quotes ends none.
fn records(text: &str) -> Vec<&str> {
    let (mut rows, mut from, mut quoted) = (Vec::new(), 0, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => {
                rows.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    rows.push(&text[from..]);
    let ended = rows.into_iter().map(|row| row.trim_end_matches('\r'));
    ended.filter(|row| !row.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: a row with line breaks in quotes stays whole, nothing is lost, and the order is another one.
    #[test]
    fn a_table_keeps_its_rows() {
        let rows: Vec<String> = (0..50)
            .map(|n| format!("{n},\"a \"\"b\"\"\n{n}\""))
            .collect();
        let table = format!("n,text\r\n{}\n{}\n", rows.join("\r\n"), rows[0]);
        let (text, count) = shuffled(Form::Table, &table).expect("it has rows");
        assert_eq!(count, Some(50));
        let (mut found, mut expected) = (records(&text), records(&table));
        assert_eq!((found[0], found.len()), ("n,text", 52));
        assert_ne!(found, expected);
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected);
    }

    /// Goal: conversations change places, their messages do not; one that says nothing gives no note.
    #[test]
    fn conversations_stay_whole() {
        let one = |n: u64| {
            serde_json::json!({"id": n, "messages": [
                {"role": "user", "content": format!("a {n}")},
                {"role": "assistant", "content": null, "tool_calls": [{"id": "c"}]},
                {"role": "user", "content": ""},
            ]})
        };
        let all: Vec<Value> = (0..20).map(one).collect();
        let text = serde_json::to_string(&all).expect("plain values");
        let (other, count) = shuffled(Form::Conversations, &text).expect("a list");
        let mut other: Vec<Value> = serde_json::from_str(&other).expect("a list");
        assert_eq!(count, Some(40));
        assert_ne!(other, all);
        other.sort_by_key(|one| one["id"].as_u64());
        assert_eq!(other, all);
    }
}
