//! A file of rules: TOML, in which an error names the rule and the field.

use crate::condition;
use crate::duration::{duration, seconds};
use kitbag_core::escalation::{
    ACCEPT_SECONDS_MAX, ACCEPT_SECONDS_MIN, Action, Days, Escalation, EscalationError,
    EscalationRule, Guard, Hours, Name, OffHours, ReasonCode, To,
};
use kitbag_core::handoff::Priority;
use kitbag_core::id::PersonId;
use kitbag_core::pack::note::UnknownWord;
use kitbag_core::policy::Role;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::str::FromStr;
use thiserror::Error;
use toml::{Table, Value};

/// Bytes of a file of rules, at most: more than any that fits a pack's rules.
pub const FILE_BYTES_MAX: usize = 256 * 1024;
/// Characters of what was written wrongly, in an error.
const SHOWN_CHARS: usize = 60;

/// What a file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleFile {
    /// Rules in their order.
    pub rules: Vec<EscalationRule>,
    /// Reason codes of the pack's own.
    pub reason_codes: BTreeSet<ReasonCode>,
    /// What holds a hand-off back.
    pub guard: Guard,
}

impl RuleFile {
    /// The same as it is asked.
    pub fn escalation(&self) -> Escalation {
        Escalation::new(self.rules.clone(), self.reason_codes.clone(), self.guard)
    }

    /// Teams that rules name.
    pub fn teams(&self) -> BTreeSet<&Name> {
        let named = self.rules.iter().filter_map(|rule| rule.to.as_ref());
        let teams = named.filter_map(|to| match to {
            To::Team(team) => Some(team),
            To::Person(_) | To::Role(_) => None,
        });
        teams.collect()
    }
}

/// Why a file is none of rules.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{at}: {message}")]
pub struct FileError {
    /// Where: the rule and the field, or the line.
    pub at: String,
    /// What is wrong there.
    pub message: String,
}

/// Where in a file something stands: a rule, and a field of it.
#[derive(Clone, Debug)]
pub(crate) struct At {
    of: String,
    field: String,
}

impl At {
    pub(crate) fn of(of: String) -> At {
        At {
            of,
            field: String::new(),
        }
    }

    pub(crate) fn key(&self, key: &str) -> At {
        let key = shown(key);
        At {
            of: self.of.clone(),
            field: match self.field.is_empty() {
                true => key,
                false => format!("{}.{key}", self.field),
            },
        }
    }

    pub(crate) fn number(&self, n: usize) -> At {
        At {
            of: self.of.clone(),
            field: format!("{}[{}]", self.field, n + 1),
        }
    }

    pub(crate) fn error(&self, message: &str) -> FileError {
        let at = match (self.of.is_empty(), self.field.is_empty()) {
            (true, _) => self.field.clone(),
            (false, true) => self.of.clone(),
            (false, false) => format!("{}: {}", self.of, self.field),
        };
        FileError {
            at,
            message: message.to_owned(),
        }
    }
}

/// A name from the file in an error: short, and nothing of it that is not seen.
fn shown(text: &str) -> String {
    let escaped: String = text.chars().flat_map(char::escape_debug).collect();
    escaped.chars().take(SHOWN_CHARS).collect()
}

/// Reads a file of rules. `person` says who is meant by a name or an id.
///
/// # Errors
/// [`FileError`], with the rule and the field.
pub fn read(
    text: &str,
    person: &dyn Fn(&str) -> Result<PersonId, String>,
) -> Result<RuleFile, FileError> {
    let file = At::of("the file".to_owned());
    if text.len() > FILE_BYTES_MAX {
        return Err(file.error("longer than 256 KiB"));
    }
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map(|span| line_of(text, span.start));
        let at = line.map_or("the file".to_owned(), |line| format!("line {line}"));
        At::of(at).error(&shown_line(error.message()))
    })?;
    let mut said = RuleFile::default();
    for (key, value) in &table {
        let top = At::of(String::new()).key(key);
        match key.as_str() {
            "rule" => said.rules = rules(value, &top, person)?,
            "reason_codes" => {
                let codes = list(value, &top)?;
                let codes = codes.iter().map(|code| ReasonCode::new(code));
                said.reason_codes = codes.collect::<Result<_, _>>().map_err(|e| top.limit(e))?;
            }
            "guard" => said.guard = guard(value)?,
            _ => {
                return Err(
                    top.error("there is no such table; there are: rule, reason_codes, guard")
                );
            }
        }
    }
    for rule in &said.rules {
        let at = At::of(format!("rule {:?}", rule.id.as_str())).key("reason_code");
        let unknown = |code: &&ReasonCode| !code.is_known() && !said.reason_codes.contains(*code);
        if rule.reason_code.as_ref().filter(unknown).is_some() {
            return Err(at.error("neither known nor listed in reason_codes"));
        }
    }
    // What only all together breaks.
    rules_in(&said).map_err(|error| file.limit(error))?;
    Ok(said)
}

impl At {
    fn limit(&self, error: EscalationError) -> FileError {
        self.error(error.0)
    }

    fn word(&self, error: &UnknownWord) -> FileError {
        self.error(&error.to_string())
    }
}

/// Checks a file's rules as a pack's record would be.
///
/// # Errors
/// [`EscalationError`].
pub fn rules_in(file: &RuleFile) -> Result<(), EscalationError> {
    kitbag_core::escalation::check(&file.rules, &file.reason_codes, &file.guard)
}

pub(crate) fn line_of(text: &str, at: usize) -> usize {
    let before = text.as_bytes().get(..at).unwrap_or(text.as_bytes());
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}

pub(crate) fn shown_line(message: &str) -> String {
    let line: String = message.lines().collect::<Vec<_>>().join(": ");
    line.chars().filter(|c| !c.is_control()).take(300).collect()
}

fn rules(
    value: &Value,
    at: &At,
    person: &dyn Fn(&str) -> Result<PersonId, String>,
) -> Result<Vec<EscalationRule>, FileError> {
    let all = value
        .as_array()
        .ok_or_else(|| at.error("each rule begins with [[rule]]"))?;
    let mut ids = BTreeSet::new();
    let mut rules = Vec::new();
    for (n, value) in all.iter().enumerate() {
        let id = value.get("id").and_then(Value::as_str);
        let at = At::of(match id {
            Some(id) => format!("rule \"{}\"", shown(id)),
            None => format!("rule {}", n + 1),
        });
        let rule = rule(value, &at, person)?;
        if !ids.insert(rule.id.clone()) {
            return Err(at.key("id").error("another rule has it already"));
        }
        rules.push(rule);
    }
    Ok(rules)
}

const RULE_KEYS: &str = "id, when, do, to, reason_code, priority, template, accept_within";

fn rule(
    value: &Value,
    at: &At,
    person: &dyn Fn(&str) -> Result<PersonId, String>,
) -> Result<EscalationRule, FileError> {
    let table = value
        .as_table()
        .ok_or_else(|| at.error("each rule begins with [[rule]]"))?;
    if let Some(key) = table
        .keys()
        .find(|key| !RULE_KEYS.split(", ").any(|k| k == *key))
    {
        return Err(at
            .key(key)
            .error(&format!("there is no such field; there are: {RULE_KEYS}")));
    }
    let needed = |key: &str| {
        table
            .get(key)
            .ok_or_else(|| at.key(key).error("is missing"))
    };
    let optional = |key: &str| {
        table
            .get(key)
            .map(|value| text(value, &at.key(key)))
            .transpose()
    };
    let name = |key: &str, name: String| Name::new(&name).map_err(|e| at.key(key).limit(e));
    let rule = EscalationRule {
        id: name("id", text(needed("id")?, &at.key("id"))?)?,
        when: condition::read(needed("when")?, &at.key("when"), 1)?,
        action: word::<Action>(needed("do")?, &at.key("do"), Action::ALL, Action::as_str)?,
        to: optional("to")?
            .map(|said| to(&said, &at.key("to"), person))
            .transpose()?,
        reason_code: optional("reason_code")?
            .map(|code| ReasonCode::new(&code).map_err(|e| at.key("reason_code").limit(e)))
            .transpose()?,
        priority: table
            .get("priority")
            .map(|value| word(value, &at.key("priority"), Priority::ALL, Priority::as_str))
            .transpose()?,
        template: optional("template")?
            .map(|said| name("template", said))
            .transpose()?,
        accept_within: optional("accept_within")?
            .map(|said| accept_within(&said, &at.key("accept_within")))
            .transpose()?,
    };
    // Its own limits, so that the error names it.
    let code = rule.reason_code.iter().filter(|code| !code.is_known());
    let alone = RuleFile {
        reason_codes: code.cloned().collect(),
        rules: vec![rule.clone()],
        guard: Guard::default(),
    };
    rules_in(&alone).map_err(|error| at.key("when").limit(error))?;
    Ok(rule)
}

fn accept_within(said: &str, at: &At) -> Result<u32, FileError> {
    let range = ACCEPT_SECONDS_MIN..=ACCEPT_SECONDS_MAX;
    let within = seconds(said).filter(|seconds| range.contains(seconds));
    within.ok_or_else(|| at.error("a time such as \"PT4H\" or \"4h\", from one minute to 90 days"))
}

fn to(
    said: &str,
    at: &At,
    person: &dyn Fn(&str) -> Result<PersonId, String>,
) -> Result<To, FileError> {
    let shape = "\"team:NAME\", \"person:NAME\" or \"role:ROLE\"";
    match said.split_once(':') {
        Some(("team", team)) => Name::new(team).map(To::Team).map_err(|e| at.limit(e)),
        Some(("person", who)) => person(who).map(To::Person).map_err(|e| at.error(&e)),
        Some(("role", role)) => role
            .parse::<Role>()
            .map(To::Role)
            .map_err(|e| at.error(&e.to_string())),
        _ => Err(at.error(shape)),
    }
}

/// For files that are tried without a pack: an id, or anybody. Whom a rule is for decides nothing.
///
/// # Errors
/// For an empty name.
pub fn person_in(text: &str) -> Result<PersonId, String> {
    match text.trim() {
        "" => Err("nobody is named".to_owned()),
        name => Ok(name.parse().unwrap_or(PersonId::from_bytes([0; 32]))),
    }
}

fn guard(value: &Value) -> Result<Guard, FileError> {
    const KEYS: &str = "max_open_per_context, max_active_per_agent, off_hours, hours";
    let at = At::of("guard".to_owned());
    let table = value.as_table().ok_or_else(|| at.error("a table"))?;
    let mut guard = Guard::default();
    for (key, value) in table {
        let at = at.key(key);
        match key.as_str() {
            "max_open_per_context" => guard.max_open_per_context = Some(number(value, &at)?),
            "max_active_per_agent" => guard.max_active_per_agent = Some(number(value, &at)?),
            "off_hours" => {
                guard.off_hours = Some(word(value, &at, OffHours::ALL, OffHours::as_str)?);
            }
            "hours" => guard.hours = Some(hours(value, &at)?),
            _ => return Err(at.error(&format!("there is no such field; there are: {KEYS}"))),
        }
    }
    let alone = RuleFile {
        guard,
        ..RuleFile::default()
    };
    rules_in(&alone).map_err(|error| at.limit(error))?;
    Ok(guard)
}

fn hours(value: &Value, at: &At) -> Result<Hours, FileError> {
    let shape = "{ days = [\"mon\", …], from = \"09:00\", to = \"17:00\", utc = \"+01:00\" }";
    let table = value.as_table().ok_or_else(|| at.error(shape))?;
    let known = ["days", "from", "to", "utc"];
    if let Some(key) = table.keys().find(|key| !known.contains(&key.as_str())) {
        return Err(at
            .key(key)
            .error(&format!("there is no such field; it is {shape}")));
    }
    let needed = |key: &str| {
        table
            .get(key)
            .ok_or_else(|| at.key(key).error(&format!("is missing: {shape}")))
    };
    let mut days = 0u8;
    for day in list(needed("days")?, &at.key("days"))? {
        let bit = Days::WORDS.iter().position(|word| *word == day);
        let bit = bit.ok_or_else(|| at.key("days").error("mon, tue, wed, thu, fri, sat or sun"))?;
        days |= 1 << bit;
    }
    let minute = |key: &str| {
        let said = text(needed(key)?, &at.key(key))?;
        clock(&said).ok_or_else(|| at.key(key).error("a time of day such as \"09:00\""))
    };
    let utc = text(needed("utc")?, &at.key("utc"))?;
    let offset = match utc.split_at_checked(1) {
        Some(("+", rest)) => clock(rest).and_then(|m| i16::try_from(m).ok()),
        Some(("-", rest)) => clock(rest).and_then(|m| i16::try_from(m).ok()).map(|m| -m),
        _ => None,
    };
    Ok(Hours {
        days: Days(days),
        from: minute("from")?,
        to: minute("to")?,
        offset: offset.ok_or_else(|| at.key("utc").error("an offset such as \"+01:00\""))?,
    })
}

/// Minutes of `HH:MM`, up to `24:00`.
fn clock(said: &str) -> Option<u16> {
    let (hours, minutes) = said.split_once(':')?;
    let two = |s: &str| (s.len() == 2 && s.bytes().all(|b| b.is_ascii_digit())).then_some(());
    two(hours).and(two(minutes))?;
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    let all = hours * 60 + minutes;
    (minutes < 60 && all <= 24 * 60).then_some(all)
}

pub(crate) fn text(value: &Value, at: &At) -> Result<String, FileError> {
    let text = value.as_str().ok_or_else(|| at.error("a text in quotes"))?;
    Ok(text.to_owned())
}

/// One text, or several.
pub(crate) fn list(value: &Value, at: &At) -> Result<BTreeSet<String>, FileError> {
    match value {
        Value::String(one) => Ok([one.clone()].into()),
        Value::Array(all) if !all.is_empty() => all.iter().map(|one| text(one, at)).collect(),
        _ => Err(at.error("a text, or a list of texts")),
    }
}

pub(crate) fn number(value: &Value, at: &At) -> Result<u16, FileError> {
    let number = value.as_integer().and_then(|n| u16::try_from(n).ok());
    number
        .filter(|n| *n > 0)
        .ok_or_else(|| at.error("a whole number from 1 to 65535"))
}

pub(crate) fn flag(value: &Value, at: &At) -> Result<bool, FileError> {
    value.as_bool().ok_or_else(|| at.error("true or false"))
}

pub(crate) fn word<T: FromStr<Err = UnknownWord> + Copy>(
    value: &Value,
    at: &At,
    all: &[T],
    as_str: fn(T) -> &'static str,
) -> Result<T, FileError> {
    let said = text(value, at)?;
    let known: Vec<&str> = all.iter().map(|one| as_str(*one)).collect();
    said.parse().map_err(|error: UnknownWord| {
        let there_are = format!(
            "{}; there are: {}",
            at.word(&error).message,
            known.join(", ")
        );
        at.error(&shown_line(&there_are))
    })
}

/// Writes rules as a file; persons by their whole ids.
pub fn write(rules: &[&EscalationRule], own: &BTreeSet<ReasonCode>, guard: &Guard) -> String {
    let quoted = |text: &str| Value::String(text.to_owned()).to_string();
    let mut file = String::new();
    let mut line = |text: String| {
        let _ = writeln!(file, "{text}"); // a text takes everything
    };
    if !own.is_empty() {
        let codes: Vec<String> = own.iter().map(|code| quoted(code.as_str())).collect();
        line(format!("reason_codes = [{}]\n", codes.join(", ")));
    }
    for rule in rules {
        line("[[rule]]".to_owned());
        line(format!("id = {}", quoted(rule.id.as_str())));
        for (key, value) in condition::write(&rule.when) {
            line(format!("when.{key} = {value}"));
        }
        line(format!("do = {}", quoted(rule.action.as_str())));
        if let Some(to) = &rule.to {
            line(format!("to = {}", quoted(&to_in_words(to))));
        }
        if let Some(code) = &rule.reason_code {
            line(format!("reason_code = {}", quoted(code.as_str())));
        }
        if let Some(priority) = rule.priority {
            line(format!("priority = {}", quoted(priority.as_str())));
        }
        if let Some(template) = &rule.template {
            line(format!("template = {}", quoted(template.as_str())));
        }
        if let Some(within) = rule.accept_within {
            line(format!("accept_within = {}", quoted(&duration(within))));
        }
        line(String::new());
    }
    if !guard.is_empty() {
        line("[guard]".to_owned());
        for (key, most) in [
            ("max_open_per_context", guard.max_open_per_context),
            ("max_active_per_agent", guard.max_active_per_agent),
        ] {
            if let Some(most) = most {
                line(format!("{key} = {most}"));
            }
        }
        if let Some(off) = guard.off_hours {
            line(format!("off_hours = {}", quoted(off.as_str())));
        }
        if let Some(hours) = guard.hours {
            line(format!("hours = {}", hours_in_words(&hours)));
        }
    }
    file
}

/// Hours as a file says them.
pub fn hours_in_words(hours: &Hours) -> String {
    let clock = |minutes: u16| format!("\"{:02}:{:02}\"", minutes / 60, minutes % 60);
    let days: Vec<String> = hours.days.words().map(|day| format!("\"{day}\"")).collect();
    let (sign, away) = (
        if hours.offset < 0 { '-' } else { '+' },
        hours.offset.unsigned_abs(),
    );
    format!(
        "{{ days = [{}], from = {}, to = {}, utc = \"{sign}{:02}:{:02}\" }}",
        days.join(", "),
        clock(hours.from),
        clock(hours.to),
        away / 60,
        away % 60
    )
}

/// To whom, as a file says it; a person by their whole id.
pub fn to_in_words(to: &To) -> String {
    match to {
        To::Person(person) => format!("person:{person}"),
        To::Team(team) => format!("team:{team}"),
        To::Role(role) => format!("role:{}", role.as_str()),
    }
}

#[cfg(test)]
mod tests;
