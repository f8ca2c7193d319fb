//! Real conversations: what the records in them say is counted in all messages. The values come from
//! the tools' results alone, so no rule is judged by its own reading.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use kitbag_scan::{Finding, Hint, Pii, mask};
use serde_json::Value;

use crate::support::{SCANNER, scan};

/// Values of a conversation, by what they are.
#[derive(Default)]
struct Truth {
    values: BTreeMap<&'static str, BTreeSet<String>>,
}

/// What must never be missed.
const NEVER_MISSED: [&str; 4] = ["birth date", "street", "zip", "payment id"];

impl Truth {
    fn add(&mut self, what: &'static str, value: &Value) {
        if let Some(value) = value.as_str().filter(|v| !v.is_empty()) {
            self.values
                .entry(what)
                .or_default()
                .insert(value.to_string());
        }
    }

    fn read(&mut self, value: &Value) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    match &name[..] {
                        "dob" => self.add("birth date", value),
                        "address1" | "address2" => self.add("street", value),
                        "zip" => self.add("zip", value),
                        "city" => self.add("city", value),
                        "email" => self.add("email", value),
                        "first_name" | "last_name" => self.add("name", value),
                        "payment_id" => self.add("payment id", value),
                        "payment_methods" => {
                            for id in value.as_object().into_iter().flatten().map(|(id, _)| id) {
                                self.add("payment id", &Value::String(id.clone()));
                            }
                        }
                        _ => {}
                    }
                    self.read(value);
                }
            }
            Value::Array(values) => values.iter().for_each(|value| self.read(value)),
            _ => {}
        }
    }

    /// Where a text has one of the values, each as people and programs write it.
    fn places(&self, text: &str) -> Vec<(&'static str, Range<usize>)> {
        let mut places = Vec::new();
        for (&what, values) in &self.values {
            for value in values {
                for form in forms(what, value) {
                    places.extend(occurrences(text, &form).map(|range| (what, range)));
                }
            }
        }
        places
    }
}

fn forms(what: &str, value: &str) -> Vec<String> {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let mut forms = vec![value.to_string()];
    if what == "birth date" {
        let parts: Vec<usize> = value.split('-').map(|part| part.parse().unwrap()).collect();
        let (year, month, day) = (parts[0], parts[1], parts[2]);
        let name = MONTHS[month - 1];
        forms.extend([
            format!("{name} {day}, {year}"),
            format!("{name} {day:02}, {year}"),
            format!("{day} {name} {year}"),
            format!("{} {day}, {year}", &name[..3]),
            format!("{month:02}/{day:02}/{year}"),
            format!("{month}/{day}/{year}"),
            format!("{year}/{month:02}/{day:02}"),
            format!("{day:02}.{month:02}.{year}"),
        ]);
    }
    if what == "payment id" {
        // People say "certificate 7504069".
        forms.extend(
            value
                .rsplit('_')
                .next()
                .filter(|n| n.len() >= 5)
                .map(str::to_string),
        );
    }
    forms
}

fn occurrences<'t>(text: &'t str, value: &'t str) -> impl Iterator<Item = Range<usize>> + 't {
    let alone = |c: Option<char>| !c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    text.match_indices(value)
        .map(|(at, value)| at..at + value.len())
        .filter(move |r| {
            alone(text[..r.start].chars().next_back()) && alone(text[r.end..].chars().next())
        })
}

/// Every message as the texts that an importer makes of it: its content, and each call's arguments.
fn texts(conversation: &Value) -> Vec<(&str, &str)> {
    let mut texts = Vec::new();
    for message in conversation["messages"].as_array().unwrap() {
        let role = message["role"].as_str().unwrap();
        texts.extend(message["content"].as_str().map(|text| (role, text)));
        for call in message["tool_calls"].as_array().into_iter().flatten() {
            texts.push(("call", call["function"]["arguments"].as_str().unwrap()));
        }
    }
    texts
}

fn conversations() -> Vec<Value> {
    let packed = include_bytes!("../fixtures/airline.json.deflate");
    let bytes = miniz_oxide::inflate::decompress_to_vec(packed).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

fn truth(conversation: &Value) -> Truth {
    let mut truth = Truth::default();
    for message in conversation["messages"].as_array().unwrap() {
        let content = message["content"]
            .as_str()
            .filter(|_| message["role"] == "tool");
        if let Some(Ok(record)) = content.map(serde_json::from_str::<Value>) {
            truth.read(&record);
        }
    }
    truth
}

fn covered(place: &Range<usize>, findings: &[Finding]) -> bool {
    findings
        .iter()
        .any(|f| f.range.start <= place.start && place.end <= f.range.end)
}

#[derive(Default, Debug)]
struct Count {
    there: usize,
    missed: usize,
}

#[test]
fn every_value_of_the_records_is_found_and_little_else() {
    let mut values: BTreeMap<&str, Count> = BTreeMap::new();
    let mut findings_by_kind: BTreeMap<Pii, usize> = BTreeMap::new();
    let mut false_alarms: BTreeMap<(Pii, &str), Vec<String>> = BTreeMap::new();
    let mut with_values: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for conversation in conversations() {
        let truth = truth(&conversation);
        assert!(conversation["messages"].as_array().unwrap().len() > 2);
        for (role, text) in texts(&conversation) {
            let findings = scan(text);
            let places = truth.places(text);
            for (what, place) in &places {
                let count = values.entry(what).or_default();
                count.there += 1;
                if !covered(place, &findings) {
                    count.missed += 1;
                    if NEVER_MISSED.contains(what) {
                        let from = text.floor_char_boundary(place.start.saturating_sub(120));
                        println!("missed {what} in {role}: {:?}", &text[from..place.end]);
                    }
                }
            }
            for finding in &findings {
                *findings_by_kind.entry(finding.kind).or_default() += 1;
                let right = places
                    .iter()
                    .any(|(_, p)| p.start < finding.range.end && finding.range.start < p.end);
                if !right {
                    let from = text.floor_char_boundary(finding.range.start.saturating_sub(60));
                    let alarm = format!(
                        "{role}: {:?} | {:?}",
                        &text[from..finding.range.start],
                        &text[finding.range.clone()]
                    );
                    false_alarms
                        .entry((finding.kind, finding.rule))
                        .or_default()
                        .push(alarm);
                }
            }
            let count = with_values.entry(role.to_string()).or_default();
            count.0 += 1;
            count.1 += usize::from(!findings.is_empty());
            let masked = mask(text, &findings);
            for (what, place) in truth.places(&masked) {
                assert!(
                    !NEVER_MISSED.contains(&what),
                    "{what} {:?} is left in {masked:?}",
                    &masked[place]
                );
            }
        }
    }
    println!("values in the records, and missed: {values:#?}");
    println!("findings: {findings_by_kind:?}");
    println!("texts with findings: {with_values:?}");
    let mut alarms: BTreeMap<Pii, usize> = BTreeMap::new();
    for ((kind, rule), list) in &false_alarms {
        *alarms.entry(*kind).or_default() += list.len();
        println!("not in the records: {kind:?} by {rule}: {}", list.len());
        list.iter()
            .take(20)
            .for_each(|alarm| println!("    {alarm}"));
    }
    for what in NEVER_MISSED {
        assert!(values[what].there > 20, "{what} occurs");
        assert_eq!(values[what].missed, 0, "{what}");
    }
    assert_eq!(values["email"].missed, 0);
    for (kind, &count) in &findings_by_kind {
        let wrong = alarms.get(kind).copied().unwrap_or(0);
        assert!(
            wrong * 100 <= count * FALSE_ALARMS_PERCENT_MAX,
            "{wrong} of {count} findings of {kind:?} are not in the records"
        );
    }
}

/// Of each kind. Nearly all are true values that no record of the conversation has: a mail address
/// that a customer typed, passengers of a booking that failed.
const FALSE_ALARMS_PERCENT_MAX: usize = 8;

/// The same values one and two levels deeper: a message, and a conversation inside a string.
#[test]
fn values_inside_json_inside_json_are_found() {
    let mut checked = 0;
    for conversation in conversations() {
        let truth = truth(&conversation);
        let message = conversation.to_string();
        let deeper = serde_json::json!({ "log": message, "n": 1 }).to_string();
        for text in [&message, &deeper] {
            let masked = mask(text, &scan(text));
            for (what, place) in truth.places(&masked) {
                // In the whole conversation, a zip's digits can be part of something else.
                assert!(
                    !["birth date", "payment id", "email"].contains(&what),
                    "{what} {:?}",
                    &masked[place]
                );
                checked += 1;
            }
        }
        let hint = Hint {
            asked: "Please tell me the date of birth of each passenger.",
            ..Hint::default()
        };
        assert_eq!(SCANNER.scan("The flight leaves on 2024-05-20.", hint), []);
    }
    assert!(checked > 0, "cities are not masked everywhere");
}
