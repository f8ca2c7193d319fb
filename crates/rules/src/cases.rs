//! A table of cases: what was known of each, and what should have been done.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use kitbag_core::escalation::{Action, CaseFacts};
use kitbag_core::id::Timestamp;
use kitbag_core::pack::note::CONFIDENCE_MAX;
use kitbag_core::policy::Sensitivity;
use std::collections::BTreeSet;
use std::str::FromStr;
use thiserror::Error;

/// Bytes of a table, at most: it is read at once.
pub const CASES_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Cases in a table, at most: each is asked of every rule.
pub const CASES_MAX: usize = 100_000;
/// Columns, at most.
pub const COLUMNS_MAX: usize = 64;
/// Bytes of one value, at most: as much of a text as rules look at.
pub const VALUE_BYTES_MAX: usize = 64 * 1024;

/// One case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// Its name, or its row.
    pub name: String,
    /// What should have been done.
    pub expected: Action,
    /// What was known of it.
    pub facts: CaseFacts,
}

/// Why a table is none of cases.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{at}: {message}")]
pub struct CasesError {
    /// Where: the row, and the column.
    pub at: String,
    /// What is wrong there.
    pub message: String,
}

const COLUMNS: &str = "case, expected, intent, tags, text, source_kind, sensitivity, failed_attempts, \
                       confidence, user_request, consent, tool_error, stale, denied, open_in_context, \
                       active_of_agent, at, field.NAME, note.NAME";

/// Reads a table of cases.
///
/// # Errors
/// [`CasesError`], with the row and the column.
pub fn cases(bytes: &[u8]) -> Result<Vec<Case>, CasesError> {
    let whole = |message: &str| error("the table", message);
    if bytes.len() > CASES_BYTES_MAX {
        return Err(whole("longer than 64 MiB"));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| whole("not UTF-8"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut rows = Rows::new(text);
    let names = rows
        .next()?
        .ok_or_else(|| whole("empty: its first line names the columns"))?;
    let columns = columns(&names)?;
    let mut cases = Vec::new();
    while let Some(row) = rows.next()? {
        if row.len() == 1 && row[0].is_empty() {
            continue; // an empty line
        }
        let at = format!("row {}", rows.row);
        if row.len() != columns.len() {
            let message = format!("{} values for {} columns", row.len(), columns.len());
            return Err(error(&at, &message));
        }
        if cases.len() == CASES_MAX {
            return Err(whole("more than 100,000 cases"));
        }
        cases.push(case(&columns, row, rows.row)?);
    }
    match cases.is_empty() {
        true => Err(whole("has no case")),
        false => Ok(cases),
    }
}

fn error(at: &str, message: &str) -> CasesError {
    CasesError {
        at: at.to_owned(),
        message: message.to_owned(),
    }
}

fn columns(names: &[String]) -> Result<Vec<String>, CasesError> {
    let names: Vec<String> = names.iter().map(|name| name.trim().to_owned()).collect();
    let mut seen = BTreeSet::new();
    for name in &names {
        let shown: String = name.chars().flat_map(char::escape_debug).take(40).collect();
        let at = format!("column \"{shown}\"");
        let known = COLUMNS
            .split(", ")
            .any(|column| column == name && !column.contains('.'));
        let free = ["field.", "note."].into_iter().any(|begin| {
            let rest = name.strip_prefix(begin);
            rest.is_some_and(|rest| !rest.is_empty())
        });
        if !known && !free {
            return Err(error(
                &at,
                &format!("there is no such column; there are: {COLUMNS}"),
            ));
        }
        if !seen.insert(name) {
            return Err(error(&at, "stands there twice"));
        }
    }
    match seen.contains(&"expected".to_owned()) {
        true => Ok(names),
        false => Err(error(
            "the table",
            "has no column \"expected\": what should have been done",
        )),
    }
}

fn case(columns: &[String], row: Vec<String>, number: usize) -> Result<Case, CasesError> {
    let mut case = Case {
        name: format!("row {number}"),
        expected: Action::AgentResolves,
        facts: CaseFacts::default(),
    };
    for (column, value) in columns.iter().zip(row) {
        let value = value.trim();
        let wrong = |message: String| error(&format!("row {number}, {column}"), &message);
        if value.is_empty() {
            match column.as_str() {
                "expected" => return Err(wrong("is empty".to_owned())),
                _ => continue,
            }
        }
        let facts = &mut case.facts;
        match column.as_str() {
            "case" => value.clone_into(&mut case.name),
            "expected" => case.expected = word(value).map_err(wrong)?,
            "intent" => facts.intent = Some(value.to_owned()),
            "tags" => facts.tags = several(value).map(str::to_owned).collect(),
            "text" => value.clone_into(&mut facts.text),
            "source_kind" => facts.source_kinds = words(value).map_err(wrong)?,
            "sensitivity" => facts.sensitivity = Some(sensitivity(value).map_err(wrong)?),
            "failed_attempts" => facts.failed_attempts = number_of(value).map_err(wrong)?,
            "confidence" => facts.confidence = Some(confidence(value).map_err(wrong)?),
            "user_request" => facts.user_request = flag(value).map_err(wrong)?,
            "consent" => facts.consents = words(value).map_err(wrong)?,
            "tool_error" => facts.tool_error = flag(value).map_err(wrong)?,
            "stale" => facts.stale = flag(value).map_err(wrong)?,
            "denied" => facts.denied = flag(value).map_err(wrong)?,
            "open_in_context" => facts.open_in_context = number_of(value).map_err(wrong)?,
            "active_of_agent" => facts.active_of_agent = number_of(value).map_err(wrong)?,
            "at" => facts.now = Some(time(value).map_err(wrong)?),
            other => {
                if let Some(field) = other.strip_prefix("field.") {
                    facts.fields.insert(field.to_owned(), value.to_owned());
                }
            }
        }
    }
    Ok(case)
}

fn several(value: &str) -> impl Iterator<Item = &str> {
    value
        .split('|')
        .map(str::trim)
        .filter(|one| !one.is_empty())
}

fn word<T: FromStr<Err: ToString>>(value: &str) -> Result<T, String> {
    value.parse().map_err(|error: T::Err| error.to_string())
}

fn words<T: FromStr<Err: ToString> + Ord>(value: &str) -> Result<BTreeSet<T>, String> {
    several(value).map(word).collect()
}

fn sensitivity(value: &str) -> Result<Sensitivity, String> {
    let known = Sensitivity::ALL.into_iter().find(|s| s.as_str() == value);
    known.ok_or_else(|| "public, internal, confidential or restricted".to_owned())
}

fn number_of(value: &str) -> Result<u16, String> {
    let number = value.parse();
    number.map_err(|_| "a whole number from 0 to 65535".to_owned())
}

fn confidence(value: &str) -> Result<u16, String> {
    let said = value.parse().ok().and_then(thousandths);
    said.or_else(|| (value == "0").then_some(0))
        .ok_or_else(|| "a number from 0 to 1".to_owned())
}

/// A number from 0 to 1 in thousandths.
pub(crate) fn thousandths(said: f64) -> Option<u16> {
    let thousandths = (said * 1000.0).round();
    let is_one = (0.0..=f64::from(CONFIDENCE_MAX)).contains(&thousandths);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and 1000, and whole"
    )]
    is_one.then_some(thousandths as u16)
}

fn flag(value: &str) -> Result<bool, String> {
    match value {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("yes, no or empty".to_owned()),
    }
}

fn time(value: &str) -> Result<Timestamp, String> {
    let at = value.parse::<jiff::Timestamp>().ok();
    let millis = at.and_then(|at| u64::try_from(at.as_millisecond()).ok());
    let at = millis.map(Timestamp::from_millis);
    at.ok_or_else(|| "a time such as 2026-11-24T09:30:00Z".to_owned())
}

/// The rows of a text, each with bounded values.
struct Rows<'t> {
    rest: &'t [u8],
    reader: Reader,
    /// The row that was read last, the first being 1.
    row: usize,
    values: Vec<u8>,
    ends: Vec<usize>,
}

impl<'t> Rows<'t> {
    fn new(text: &'t str) -> Rows<'t> {
        let first = text.lines().next().unwrap_or_default();
        let separator = match first.contains(';') && !first.contains(',') {
            true => b';',
            false => b',',
        };
        Rows {
            rest: text.as_bytes(),
            reader: ReaderBuilder::new().delimiter(separator).build(),
            row: 0,
            values: vec![0; COLUMNS_MAX * VALUE_BYTES_MAX],
            ends: vec![0; COLUMNS_MAX],
        }
    }

    fn next(&mut self) -> Result<Option<Vec<String>>, CasesError> {
        let (mut written, mut ended) = (0, 0);
        loop {
            let (values, ends) = (&mut self.values[written..], &mut self.ends[ended..]);
            let (result, read, wrote, ends) = self.reader.read_record(self.rest, values, ends);
            self.rest = &self.rest[read..];
            (written, ended) = (written + wrote, ended + ends);
            match result {
                ReadRecordResult::InputEmpty => {} // asked again with nothing left, it ends the row
                ReadRecordResult::OutputFull => return Err(self.too("longer than a row may be")),
                ReadRecordResult::OutputEndsFull => return Err(self.too("more than 64 columns")),
                ReadRecordResult::Record => break,
                ReadRecordResult::End => return Ok(None),
            }
        }
        self.row += 1;
        let mut from = 0;
        let mut row = Vec::with_capacity(ended);
        for end in &self.ends[..ended] {
            let value = &self.values[from..*end];
            if value.len() > VALUE_BYTES_MAX {
                return Err(error(
                    &format!("row {}", self.row),
                    "a value longer than 64 KiB",
                ));
            }
            // Quotes and separators are ASCII, so what stands between is UTF-8, too.
            row.push(String::from_utf8_lossy(value).into_owned());
            from = *end;
        }
        Ok(Some(row))
    }

    fn too(&self, message: &str) -> CasesError {
        error(&format!("row {}", self.row + 1), message)
    }
}
