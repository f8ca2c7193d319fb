//! A condition in a file: a table in which every key is a test, and all have to hold.

use crate::file::{At, FileError, flag, list, number, text};
use kitbag_core::escalation::{Amount, CONDITION_DEPTH_MAX, Condition, Test};
use kitbag_core::pack::note::UnknownWord;
use kitbag_core::policy::Sensitivity;
use std::collections::BTreeSet;
use std::str::FromStr;
use toml::{Table, Value};

/// The keys that there are, for whoever wrote another.
const KEYS: &str = "all, any, not, intent_in, tag, text, source_kind, sensitivity_min, sensitivity_max, \
                    failed_attempts_gte, confidence_lt, user_request, amount_gte, consent_in, field, \
                    tool_error, stale, denied";

/// Reads a condition at this level.
pub(crate) fn read(value: &Value, at: &At, level: usize) -> Result<Condition, FileError> {
    if level > CONDITION_DEPTH_MAX {
        return Err(at.error("a condition has at most four levels"));
    }
    let table = value
        .as_table()
        .ok_or_else(|| at.error("a table, such as { tag = \"contract\" }"))?;
    let mut parts = table
        .iter()
        .map(|(key, value)| part(key, value, &at.key(key), level))
        .collect::<Result<Vec<_>, _>>()?;
    match parts.len() {
        0 => Err(at.error("says no condition")),
        1 => Ok(parts.remove(0)),
        _ if level == CONDITION_DEPTH_MAX => Err(at.error("a condition has at most four levels")),
        _ => Ok(Condition::All(parts)),
    }
}

fn part(key: &str, value: &Value, at: &At, level: usize) -> Result<Condition, FileError> {
    let inner = |value: &Value, at: &At| read(value, at, level + 1);
    let several = || -> Result<Vec<Condition>, FileError> {
        let all = value
            .as_array()
            .ok_or_else(|| at.error("a list of tables"))?;
        let numbered = all.iter().enumerate();
        numbered.map(|(n, one)| inner(one, &at.number(n))).collect()
    };
    let test = match key {
        "all" => return several().map(Condition::All),
        "any" => return several().map(Condition::Any),
        "not" => return inner(value, at).map(|one| Condition::Not(Box::new(one))),
        "intent_in" => Test::IntentIn(list(value, at)?),
        "tag" => Test::Tag(list(value, at)?),
        "text" => Test::Text(list(value, at)?),
        "source_kind" => Test::SourceKind(words(value, at)?),
        "sensitivity_min" => Test::SensitivityMin(sensitivity(value, at)?),
        "sensitivity_max" => Test::SensitivityMax(sensitivity(value, at)?),
        "failed_attempts_gte" => Test::FailedAttemptsGte(number(value, at)?),
        "confidence_lt" => Test::ConfidenceLt(confidence(value, at)?),
        "user_request" => Test::UserRequest(flag(value, at)?),
        "amount_gte" => {
            let (field, least) = pair(value, at, "field", "value")?;
            Test::AmountGte(
                text(field, &at.key("field"))?,
                amount(least, &at.key("value"))?,
            )
        }
        "consent_in" => Test::ConsentIn(words(value, at)?),
        "field" => {
            let (name, is) = pair(value, at, "name", "is")?;
            Test::FieldIn(text(name, &at.key("name"))?, list(is, &at.key("is"))?)
        }
        "tool_error" => Test::ToolError(flag(value, at)?),
        "stale" => Test::Stale(flag(value, at)?),
        "denied" => Test::Denied(flag(value, at)?),
        _ => return Err(at.error(&format!("there is no such condition; there are: {KEYS}"))),
    };
    Ok(Condition::Test(test))
}

fn pair<'v>(
    value: &'v Value,
    at: &At,
    one: &str,
    other: &str,
) -> Result<(&'v Value, &'v Value), FileError> {
    let shape = || at.error(&format!("a table of {one} and {other}"));
    let table = value.as_table().filter(|table| table.len() == 2);
    let table = table.ok_or_else(shape)?;
    match (table.get(one), table.get(other)) {
        (Some(a), Some(b)) => Ok((a, b)),
        _ => Err(shape()),
    }
}

fn words<T: FromStr<Err = UnknownWord> + Ord>(
    value: &Value,
    at: &At,
) -> Result<BTreeSet<T>, FileError> {
    let words = list(value, at)?;
    let parsed = words.iter().map(|word| word.parse());
    parsed
        .collect::<Result<_, UnknownWord>>()
        .map_err(|error| at.error(&error.to_string()))
}

fn sensitivity(value: &Value, at: &At) -> Result<Sensitivity, FileError> {
    let word = text(value, at)?;
    let known = Sensitivity::ALL.into_iter().find(|s| s.as_str() == word);
    known.ok_or_else(|| at.error("public, internal, confidential or restricted"))
}

fn confidence(value: &Value, at: &At) -> Result<u16, FileError> {
    let said = match value {
        Value::Float(said) => *said,
        Value::Integer(1) => 1.0,
        _ => f64::NAN,
    };
    crate::cases::thousandths(said).ok_or_else(|| at.error("a number above 0, at most 1"))
}

fn amount(value: &Value, at: &At) -> Result<Amount, FileError> {
    let said = match value {
        Value::Integer(whole) => whole.to_string(),
        Value::Float(said) => said.to_string(),
        Value::String(said) => said.clone(),
        _ => String::new(),
    };
    said.parse()
        .map_err(|_| at.error("a number such as 1500 or 12.5"))
}

/// A condition as a file says it: the table of `when`.
pub(crate) fn write(condition: &Condition) -> Table {
    let mut table = Table::new();
    let tables = |all: &[Condition]| all.iter().map(|one| Value::Table(write(one))).collect();
    let (key, value) = match condition {
        Condition::All(all) => ("all", Value::Array(tables(all))),
        Condition::Any(all) => ("any", Value::Array(tables(all))),
        Condition::Not(one) => ("not", Value::Table(write(one))),
        Condition::Test(test) => written(test),
    };
    table.insert(key.to_owned(), value);
    table
}

fn written(test: &Test) -> (&'static str, Value) {
    let texts = |all: Vec<&str>| -> Value { all.into_iter().collect::<Vec<_>>().into() };
    let words = |all: &BTreeSet<String>| texts(all.iter().map(String::as_str).collect());
    let number = |n: u16| Value::Integer(n.into());
    let two = |one: (&str, Value), other: (&str, Value)| {
        let pairs = [one, other].map(|(key, value)| (key.to_owned(), value));
        Value::Table(pairs.into_iter().collect())
    };
    match test {
        Test::IntentIn(all) => ("intent_in", words(all)),
        Test::Tag(all) => ("tag", words(all)),
        Test::Text(all) => ("text", words(all)),
        Test::SourceKind(all) => (
            "source_kind",
            texts(all.iter().map(|k| k.as_str()).collect()),
        ),
        Test::SensitivityMin(s) => ("sensitivity_min", s.as_str().into()),
        Test::SensitivityMax(s) => ("sensitivity_max", s.as_str().into()),
        Test::FailedAttemptsGte(n) => ("failed_attempts_gte", number(*n)),
        Test::ConfidenceLt(c) => ("confidence_lt", (f64::from(*c) / 1000.0).into()),
        Test::UserRequest(is) => ("user_request", (*is).into()),
        Test::AmountGte(field, least) => {
            let least = ("value", least.to_string().into());
            ("amount_gte", two(("field", field.as_str().into()), least))
        }
        Test::ConsentIn(all) => (
            "consent_in",
            texts(all.iter().map(|s| s.as_str()).collect()),
        ),
        Test::FieldIn(name, values) => {
            let is = ("is", words(values));
            ("field", two(("name", name.as_str().into()), is))
        }
        Test::ToolError(is) => ("tool_error", (*is).into()),
        Test::Stale(is) => ("stale", (*is).into()),
        Test::Denied(is) => ("denied", (*is).into()),
    }
}

/// A condition on one line, as a file says it: `any = [{ tag = ["contract"] }]`.
pub fn condition_in_words(condition: &Condition) -> String {
    let table = write(condition);
    let pairs = table.iter().map(|(key, value)| format!("{key} = {value}"));
    pairs.collect::<Vec<_>>().join(", ")
}
