//! A draft as text for an editor, in the order of a template; and such a text read back.
//!
//! What is read back is what was written: a line that would be read as something else has a `\` before
//! it. Spec: `docs/spec/handoff-templates.md`, "As text in an editor".

use super::template::{DraftField as F, FieldProblem, Template};
use super::{Attempt, Decided, Draft, Fact, Heads, NextStep, Tried};
use crate::id::ItemId;
use std::collections::BTreeMap;

/// Bytes of a text that is read, at most: more than any draft that fits its limits.
pub const WRITTEN_BYTES_MAX: usize = 256 * 1024;
/// Problems that are told, at most.
const PROBLEMS_MAX: usize = 32;

/// The draft as text.
pub fn write(template: &Template, draft: &Draft) -> String {
    let prompts: BTreeMap<F, &str> = (template.fields.iter())
        .map(|field| (field.field, field.prompt.as_str()))
        .collect();
    let mut text = String::new();
    for (field, heading) in template.layout() {
        let prompt = prompts.get(&field);
        let said = said(draft, field);
        // What nobody asks for and nobody said is left out; what is to be approved is not edited here.
        if (said.is_empty() && prompt.is_none()) || field == F::Requested {
            continue;
        }
        text.push_str(&format!("## {heading}\n"));
        if let Some(prompt) = prompt.filter(|prompt| !prompt.is_empty()) {
            text.push_str(&format!("<!-- {prompt} -->\n"));
        }
        for entry in &said {
            match field.is_list() {
                true => list_entry(&mut text, entry),
                false => entry
                    .text
                    .split('\n')
                    .for_each(|line| plain_line(&mut text, "", line)),
            }
        }
        text.push('\n');
    }
    text
}

/// One entry of a field, and the lines that say more of it.
struct Entry {
    text: String,
    more: Vec<(&'static str, String)>,
    /// What stands before and behind the text.
    before: &'static str,
    note: Option<ItemId>,
}

impl Entry {
    fn of(text: &str) -> Entry {
        Entry {
            text: text.to_owned(),
            more: Vec::new(),
            before: "",
            note: None,
        }
    }
}

const QUOTE: &str = "> ";
const BECAUSE: &str = "because: ";
const OWNER: &str = "owner: ";

fn said(draft: &Draft, field: F) -> Vec<Entry> {
    let list = |all: &[String]| all.iter().map(|text| Entry::of(text)).collect();
    let one = |text: &Option<String>| text.iter().map(|text| Entry::of(text)).collect();
    match field {
        F::Summary if draft.summary.is_empty() => vec![],
        F::Summary => vec![Entry::of(&draft.summary)],
        F::Subject => one(&draft.subject),
        F::Intent => one(&draft.intent),
        F::Needs => list(&draft.needs),
        F::Unresolved => list(&draft.unresolved),
        F::Unverified => list(&draft.unverified),
        F::TalkingPoints => list(&draft.talking_points),
        F::Constraints => list(&draft.constraints),
        F::Transcript => (draft.transcript.iter())
            .map(|note| Entry::of(&note.to_string()))
            .collect(),
        F::Requested => vec![],
        F::Tried => (draft.tried.iter())
            .map(|tried| Entry {
                before: match tried.outcome {
                    Tried::Ok => "ok: ",
                    Tried::Failed => "failed: ",
                    Tried::Unknown => "unknown: ",
                },
                note: tried.item,
                ..Entry::of(&tried.action)
            })
            .collect(),
        F::Decisions => (draft.decisions.iter())
            .map(|decided| Entry {
                more: (Some(&decided.rationale)
                    .filter(|why| !why.is_empty())
                    .into_iter())
                .map(|why| (BECAUSE, why.clone()))
                .collect(),
                ..Entry::of(&decided.summary)
            })
            .collect(),
        F::NextSteps => (draft.next_steps.iter())
            .map(|step| Entry {
                more: step.owner.iter().map(|who| (OWNER, who.clone())).collect(),
                ..Entry::of(&step.text)
            })
            .collect(),
        F::Facts => (draft.facts.iter())
            .map(|fact| Entry {
                more: fact
                    .quote
                    .iter()
                    .map(|quote| (QUOTE, quote.clone()))
                    .collect(),
                note: Some(fact.item),
                ..Entry::of(&fact.text)
            })
            .collect(),
    }
}

fn list_entry(text: &mut String, entry: &Entry) {
    let note = entry
        .note
        .map(|note| format!(" [{note}]"))
        .unwrap_or_default();
    let mut lines = entry.text.split('\n').peekable();
    let first = lines.next().unwrap_or_default();
    let ends = lines.peek().is_none();
    text.push_str("- ");
    text.push_str(entry.before);
    // A text that ends as a reference does, or begins with a sign, is marked.
    text.push_str(&escaped(first, entry.before.is_empty()));
    if ends {
        text.push_str(&note);
    }
    text.push('\n');
    while let Some(line) = lines.next() {
        let last = lines.peek().is_none();
        let behind = if last { note.as_str() } else { "" };
        text.push_str(&format!("  {}{behind}\n", escaped(line, true)));
    }
    for (what, said) in &entry.more {
        for line in said.split('\n') {
            text.push_str(&format!("  {what}{}\n", escaped(line, false)));
        }
    }
}

fn plain_line(text: &mut String, indent: &str, line: &str) {
    text.push_str(indent);
    text.push_str(&escaped(line, true));
    text.push('\n');
}

/// A line of a text, with a `\` before it where it would be read as something else, and one behind it
/// where its end would be read as a note. Carriage returns end no line here and are left out.
fn escaped(line: &str, begins: bool) -> String {
    let line = line.replace('\r', "");
    let signs = ["#", "<!--", "\\", "- ", QUOTE, BECAUSE, OWNER];
    let outcomes = ["ok:", "failed:", "unknown:"];
    let mut all = signs.iter().chain(&outcomes);
    let is_sign = line.is_empty()
        || line.starts_with(char::is_whitespace)
        || all.any(|sign| line.starts_with(sign));
    let before = if begins && is_sign { "\\" } else { "" };
    let ends = line.ends_with([']', '\\']) || line.ends_with(char::is_whitespace);
    let behind = if ends { "\\" } else { "" };
    format!("{before}{line}{behind}")
}

/// What a text says, of a line: as it was before [`escaped`].
fn unescaped(line: &str) -> &str {
    let line = line.strip_prefix('\\').unwrap_or(line);
    line.strip_suffix('\\').unwrap_or(line)
}

/// A text read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// The draft with what the text says; a field whose heading is not there has nothing in it.
    pub draft: Draft,
    /// Notes that are cited now and were not before: their heads have to be pinned.
    pub to_pin: Vec<ItemId>,
}

/// Reads a text that [`write()`] gave and somebody changed, onto the draft that it was of.
///
/// # Errors
/// Every problem, with its field and line.
pub fn read(template: &Template, text: &str, before: &Draft) -> Result<Read, Vec<FieldProblem>> {
    let mut problems = Vec::new();
    if text.len() > WRITTEN_BYTES_MAX {
        return Err(vec![FieldProblem {
            field: None,
            line: None,
            message: "the text is longer than 256 KiB".to_owned(),
        }]);
    }
    let sections = sections(template, text, &mut problems);
    let mut reading = Reading {
        before,
        read: Read {
            draft: Draft {
                requested: before.requested.clone(),
                ..emptied(before)
            },
            to_pin: Vec::new(),
        },
        problems,
    };
    for (field, lines) in sections {
        reading.field(field, &lines);
    }
    match reading.problems.is_empty() {
        true => Ok(reading.read),
        false => {
            reading.problems.truncate(PROBLEMS_MAX);
            Err(reading.problems)
        }
    }
}

/// The draft without what a text says.
fn emptied(draft: &Draft) -> Draft {
    let new = Draft::new(
        draft.mode,
        draft.to.clone(),
        draft.reason.clone(),
        String::new(),
    );
    Draft {
        priority: draft.priority,
        sla: draft.sla,
        template: draft.template.clone(),
        privacy: draft.privacy.clone(),
        ..new
    }
}

/// Lines with their numbers.
type Lines<'t> = Vec<(usize, &'t str)>;

fn sections<'t>(
    template: &Template,
    text: &'t str,
    problems: &mut Vec<FieldProblem>,
) -> Vec<(F, Lines<'t>)> {
    let headings: BTreeMap<String, F> = (template.layout().into_iter())
        .map(|(field, heading)| (heading.to_lowercase(), field))
        .collect();
    let mut sections: Vec<(F, Lines<'t>)> = Vec::new();
    // Of an unknown heading the lines are passed over: one problem is enough.
    let mut inside: Option<usize> = None;
    let mut told = false;
    for (number, line) in (1..).zip(text.lines()) {
        let problem = |field, message: &str| FieldProblem {
            field,
            line: Some(number),
            message: message.to_owned(),
        };
        if let Some(heading) = line.strip_prefix("##") {
            told = true;
            let field = headings.get(&heading.trim().to_lowercase()).copied();
            inside = match field {
                None => {
                    problems.push(problem(None, "there is no field of this heading"));
                    None
                }
                Some(field) if sections.iter().any(|(of, _)| *of == field) => {
                    problems.push(problem(Some(field), "stands there twice"));
                    None
                }
                Some(field) => {
                    sections.push((field, Vec::new()));
                    Some(sections.len() - 1)
                }
            };
            continue;
        }
        let is_prompt = line.starts_with("<!--") && line.trim_end().ends_with("-->");
        if is_prompt {
            continue;
        }
        match inside {
            Some(at) => sections[at].1.push((number, line)),
            None if !told && !line.trim().is_empty() => {
                told = true;
                problems.push(problem(None, "stands before the first heading"));
            }
            None => {}
        }
        if problems.len() > PROBLEMS_MAX {
            break;
        }
    }
    sections
}

/// One entry of a list as it was read.
#[derive(Default)]
struct Item {
    line: usize,
    text: Vec<String>,
    more: BTreeMap<&'static str, Vec<String>>,
    note: Option<ItemId>,
}

struct Reading<'d> {
    before: &'d Draft,
    read: Read,
    problems: Vec<FieldProblem>,
}

impl Reading<'_> {
    fn problem(&mut self, field: F, line: usize, message: &str) {
        if self.problems.len() <= PROBLEMS_MAX {
            self.problems.push(FieldProblem {
                field: Some(field),
                line: Some(line),
                message: message.to_owned(),
            });
        }
    }

    fn field(&mut self, field: F, lines: &[(usize, &str)]) {
        if !field.is_list() {
            return self.one(field, lines);
        }
        let items = self.items(field, lines);
        let texts = || {
            items
                .iter()
                .map(|item| item.text.join("\n"))
                .collect::<Vec<_>>()
        };
        match field {
            F::Needs => self.read.draft.needs = texts(),
            F::Unresolved => self.read.draft.unresolved = texts(),
            F::Unverified => self.read.draft.unverified = texts(),
            F::TalkingPoints => self.read.draft.talking_points = texts(),
            F::Constraints => self.read.draft.constraints = texts(),
            F::Tried => items.into_iter().for_each(|item| self.tried(item)),
            F::Decisions => items.into_iter().for_each(|item| self.decided(&item)),
            F::NextSteps => items.into_iter().for_each(|item| self.step(&item)),
            F::Facts => items.into_iter().for_each(|item| self.fact(&item)),
            F::Summary | F::Subject | F::Intent | F::Requested | F::Transcript => {}
        }
    }

    fn one(&mut self, field: F, lines: &[(usize, &str)]) {
        let is_blank = |line: &&(usize, &str)| line.1.trim().is_empty();
        let from = lines.iter().take_while(is_blank).count();
        let behind = lines[from..].iter().rev().take_while(is_blank).count();
        let said = &lines[from..lines.len() - behind];
        let Some((line, _)) = said.first() else {
            return;
        };
        let text: Vec<&str> = said.iter().map(|(_, line)| unescaped(line)).collect();
        let text = text.join("\n");
        let draft = &mut self.read.draft;
        match field {
            F::Summary => draft.summary = text,
            F::Subject => draft.subject = Some(text),
            F::Intent => draft.intent = Some(text),
            F::Transcript => match text.trim().parse() {
                Ok(note) => draft.transcript = Some(note),
                Err(_) => self.problem(field, *line, "is no id of a note"),
            },
            _ => {} // what is to be approved is not edited here; lists are read elsewhere
        }
    }

    fn items(&mut self, field: F, lines: &[(usize, &str)]) -> Vec<Item> {
        let mut items: Vec<Item> = Vec::new();
        for (number, line) in lines {
            if line.trim().is_empty() {
                continue;
            }
            if let Some(said) = line.strip_prefix("- ") {
                let mut item = Item {
                    line: *number,
                    ..Item::default()
                };
                let text = self.with_note((field, *number), said, true, &mut item.note);
                item.text.push(text);
                items.push(item);
                continue;
            }
            let Some(item) = items.last_mut().filter(|_| line.starts_with("  ")) else {
                self.problem(
                    field,
                    *number,
                    "an entry begins with \"- \", its further lines with two spaces",
                );
                continue;
            };
            let said = &line[2..];
            let more: &[&'static str] = match field {
                F::Facts => &[QUOTE],
                F::Decisions => &[BECAUSE],
                F::NextSteps => &[OWNER],
                _ => &[],
            };
            let of = more
                .iter()
                .find_map(|what| Some((*what, said.strip_prefix(*what)?)));
            match of {
                Some((what, said)) => {
                    let said = said.strip_suffix('\\').unwrap_or(said);
                    item.more.entry(what).or_default().push(said.to_owned());
                }
                None => {
                    let mut note = item.note;
                    let text = self.with_note((field, *number), said, false, &mut note);
                    if let Some(item) = items.last_mut() {
                        item.text.push(text);
                        item.note = note;
                    }
                }
            }
        }
        items
    }

    /// A line without the note at its end, where the field has notes. At the beginning of what was tried
    /// stands its outcome, and no mark before it.
    fn with_note(
        &mut self,
        (field, number): (F, usize),
        said: &str,
        is_first: bool,
        note: &mut Option<ItemId>,
    ) -> String {
        let plain = |line: &str| match (field, is_first) {
            (F::Tried, true) => line.strip_suffix('\\').unwrap_or(line).to_owned(),
            _ => unescaped(line).to_owned(),
        };
        let cites = matches!(field, F::Facts | F::Tried);
        let cited = said
            .strip_suffix(']')
            .and_then(|said| said.rsplit_once(" ["));
        let Some((text, id)) = cited.filter(|_| cites) else {
            return plain(said);
        };
        match id.parse() {
            Ok(id) => *note = Some(id),
            Err(_) => self.problem(
                field,
                number,
                "ends with what is no id of a note; a text that ends with ] has a \\ behind it",
            ),
        }
        plain(text)
    }

    fn tried(&mut self, mut item: Item) {
        let Some(first) = item.text.first_mut() else {
            return;
        };
        let outcome = Tried::ALL.iter().copied().find_map(|outcome| {
            let rest = first.strip_prefix(outcome.as_str())?.strip_prefix(':')?;
            Some((outcome, rest.strip_prefix(' ').unwrap_or(rest).to_owned()))
        });
        let Some((outcome, rest)) = outcome else {
            return self.problem(
                F::Tried,
                item.line,
                "begins with \"ok: \", \"failed: \" or \"unknown: \"",
            );
        };
        *first = rest;
        self.read.draft.tried.push(Attempt {
            action: item.text.join("\n"),
            outcome,
            item: item.note,
        });
    }

    fn decided(&mut self, item: &Item) {
        self.read.draft.decisions.push(Decided {
            summary: item.text.join("\n"),
            rationale: item
                .more
                .get(BECAUSE)
                .map(|why| why.join("\n"))
                .unwrap_or_default(),
        });
    }

    fn step(&mut self, item: &Item) {
        let text = item.text.join("\n");
        let before = self.before.next_steps.iter().find(|step| step.text == text);
        self.read.draft.next_steps.push(NextStep {
            due: before.and_then(|step| step.due),
            owner: item.more.get(OWNER).map(|who| who.join("\n")),
            text,
        });
    }

    fn fact(&mut self, item: &Item) {
        let Some(note) = item.note else {
            return self.problem(
                F::Facts,
                item.line,
                "names no note: a fact ends with [ID], the id of the note that it rests on",
            );
        };
        let before = self.before.facts.iter().find(|fact| fact.item == note);
        if before.is_none() {
            self.read.to_pin.push(note);
        }
        self.read.draft.facts.push(Fact {
            text: item.text.join("\n"),
            item: note,
            heads: before.map_or_else(Heads::default, |fact| fact.heads.clone()),
            quote: item.more.get(QUOTE).map(|quote| quote.join("\n")),
        });
    }
}

#[cfg(test)]
mod tests;
