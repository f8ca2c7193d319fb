//! A hand-off as a document: Markdown for people, a Handoff Continuity Record for programs, a mail, and
//! the body of a webhook that says nothing but that there is one.
//!
//! The caller says in which order the fields stand and what the sources are called; every text is
//! foreign and breaks out of nothing. Spec: `docs/spec/handoff-templates.md`.

mod hcr;
mod mail;
mod webhook;

pub use hcr::{Extension, NotAHandoff, Taken, WouldLose, from_hcr, hcr};
pub use mail::eml;
pub use webhook::{WebhookEvent, webhook_body};

use crate::markdown::line;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write;

/// A hand-off with everything that it says, in words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HandoffDoc {
    /// Its id.
    pub id: String,
    /// What it belongs to.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub context: String,
    /// The pack's id.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub pack: String,
    /// transfer, consult, approve or fyi.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub mode: String,
    /// Who sends it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub from: String,
    /// To whom: a name, `team:NAME`, `role:ROLE`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub to: String,
    /// Whether an agent is to answer.
    #[serde(default)]
    pub to_agent: bool,
    /// Why, from the list.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason_code: String,
    /// Why, in one sentence.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// The rule that said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// How much it presses.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub priority: String,
    /// Times by name (`accept_by`), as RFC 3339.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sla: BTreeMap<String, String>,
    /// The template that it follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// Fields in the order in which they are shown, each with its heading.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layout: Vec<(String, String)>,
    /// The whole in a few sentences.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// Whom or what it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// What they want.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<String>,
    /// What matters to them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// What is known, each with its note.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<FactDoc>,
    /// What was tried.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tried: Vec<AttemptDoc>,
    /// What was decided, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decisions: Vec<DecidedDoc>,
    /// What nobody checked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unverified: Vec<String>,
    /// What is open.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unresolved: Vec<String>,
    /// What to say, and what not to ask again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub talking_points: Vec<String>,
    /// What comes next.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub next_steps: Vec<NextStepDoc>,
    /// What must not happen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub constraints: Vec<String>,
    /// The note with the conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transcript: Option<String>,
    /// What is to be approved: the act, and with what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested: Option<(String, String)>,
    /// What is private about it.
    #[serde(default)]
    pub privacy: PrivacyDoc,
}

/// A statement and its note.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FactDoc {
    /// The statement.
    pub text: String,
    /// The note's id.
    pub item: String,
    /// Heads of its document when it was cited, in hex.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub heads: Vec<String>,
    /// What the note's source is called.
    #[serde(default)]
    pub source: String,
    /// Its own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<String>,
}

/// Something that was tried.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AttemptDoc {
    /// What.
    pub action: String,
    /// ok, failed or unknown.
    pub outcome: String,
    /// The note that shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
}

/// Something that was decided.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DecidedDoc {
    /// What.
    pub summary: String,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rationale: String,
}

/// Something to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NextStepDoc {
    /// What.
    pub text: String,
    /// By whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// By when, as RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<String>,
}

/// What is private about a hand-off.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PrivacyDoc {
    /// The highest sensitivity among the notes that it cites.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_sensitivity: Option<String>,
    /// Kinds of personal data in them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pii: Vec<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// What was left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<WithheldDoc>,
}

/// Notes that were left out for one reason.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WithheldDoc {
    /// How many.
    pub count: u32,
    /// Why.
    pub why: String,
    /// Kinds of personal data in them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pii: Vec<String>,
}

impl PrivacyDoc {
    /// Whether there is anything that a reader has to know who sees nothing else of it.
    pub fn says_something(&self) -> bool {
        let above = self
            .max_sensitivity
            .as_deref()
            .is_some_and(|max| max != "public");
        above || !self.pii.is_empty() || !self.withheld.is_empty() || self.purpose.is_some()
    }
}

/// Fields with the headings that they have if nobody says others.
const FIELDS: [(&str, &str); 13] = [
    ("summary", "Summary"),
    ("subject", "About"),
    ("intent", "What they want"),
    ("needs", "Needs and concerns"),
    ("tried", "Already tried"),
    ("decisions", "Decided"),
    ("unresolved", "Unresolved"),
    ("unverified", "Said, not checked"),
    ("next_steps", "Next steps"),
    ("talking_points", "Talking points"),
    ("constraints", "Must not happen"),
    ("requested", "To be approved"),
    ("transcript", "Conversation"),
];

/// The hand-off as Markdown.
pub fn markdown(doc: &HandoffDoc) -> String {
    let mut text = String::from("---\n");
    let mut front = |name: &str, value: &str| {
        if !value.is_empty() {
            writeln!(text, "{name}: {}", quoted(value))
                .expect("a string takes all that is written");
        }
    };
    front("handoff", &doc.id);
    front("pack", &doc.pack);
    front("mode", &doc.mode);
    front("from", &doc.from);
    front("to", &doc.to);
    front("reason", &doc.reason_code);
    front("rule", doc.rule.as_deref().unwrap_or_default());
    front("priority", &doc.priority);
    for (name, at) in &doc.sla {
        if FRONT_TIMES.contains(&name.as_str()) {
            front(name, at);
        }
    }
    let privacy = &doc.privacy;
    front(
        "sensitivity",
        privacy.max_sensitivity.as_deref().unwrap_or_default(),
    );
    front("purpose", privacy.purpose.as_deref().unwrap_or_default());
    let withheld: u64 = privacy.withheld.iter().map(|of| u64::from(of.count)).sum();
    front("withheld", &withheld.to_string());
    text.push_str("---\n");
    for (field, heading) in layout(doc) {
        let lines = lines_of(doc, &field);
        section(&mut text, &heading, &lines);
    }
    let facts = doc.facts.iter().zip(1..).map(|(fact, n): (_, u32)| {
        let source = if fact.source.is_empty() {
            &fact.item
        } else {
            &fact.source
        };
        let quote = fact
            .quote
            .as_ref()
            .map(|quote| format!(" (“{}”)", line(quote)));
        format!(
            "\\[{n}\\] {}{} — {}",
            line(&fact.text),
            quote.unwrap_or_default(),
            line(source)
        )
    });
    let heading = doc.layout.iter().find(|(field, _)| field == "facts");
    let heading = heading.map_or("Evidence", |(_, heading)| heading.as_str());
    section(&mut text, heading, &facts.collect::<Vec<_>>());
    let stayed = privacy.withheld.iter().map(|of| {
        let kinds: Vec<String> = of.pii.iter().map(|kind| line(kind)).collect();
        let kinds = if kinds.is_empty() {
            String::new()
        } else {
            format!(": {}", kinds.join(", "))
        };
        let notes = if of.count == 1 { "note" } else { "notes" };
        format!("{} {notes}{kinds} ({})", of.count, line(&of.why))
    });
    section(&mut text, "Not shared", &stayed.collect::<Vec<_>>());
    text
}

/// Times that stand in the front matter.
const FRONT_TIMES: [&str; 4] = ["accept_by", "respond_by", "resolve_by", "expires_at"];

/// A value of the front matter: in quotes, so that it is one text to whatever reads YAML.
fn quoted(text: &str) -> String {
    crate::json::json(&text.trim())
}

/// Every field once, in the order that the caller says, others behind; facts stand at the end.
fn layout(doc: &HandoffDoc) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    let usual = FIELDS
        .iter()
        .map(|(field, heading)| ((*field).to_owned(), (*heading).to_owned()));
    for (field, heading) in doc.layout.iter().cloned().chain(usual) {
        let is_field = FIELDS.iter().any(|(known, _)| *known == field);
        if is_field && !all.iter().any(|(of, _)| *of == field) {
            all.push((field, heading));
        }
    }
    all
}

fn section(text: &mut String, heading: &str, entries: &[String]) {
    if entries.is_empty() {
        return;
    }
    writeln!(text, "\n## {}\n", line(heading)).expect("a string takes all that is written");
    for entry in entries {
        let entry = entry_of(entry);
        writeln!(text, "- {entry}").expect("a string takes all that is written");
    }
}

/// A line at the beginning of an entry, where signs and numbers would begin a list or a rule.
fn entry_of(line: &str) -> String {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    match (line.as_bytes().first(), line.as_bytes().get(digits)) {
        (Some(b'-' | b'+' | b'='), _) => format!("\\{line}"),
        (_, Some(b'.' | b')')) if digits > 0 => {
            format!("{}\\{}", &line[..digits], &line[digits..])
        }
        _ => line.to_owned(),
    }
}

fn lines_of(doc: &HandoffDoc, field: &str) -> Vec<String> {
    let list = |all: &[String]| all.iter().map(|text| line(text)).collect::<Vec<_>>();
    let one = |text: &Option<String>| text.iter().map(|text| line(text)).collect::<Vec<_>>();
    match field {
        "summary" if doc.summary.trim().is_empty() => vec![],
        "summary" => vec![line(&doc.summary)],
        "subject" => one(&doc.subject),
        "intent" => one(&doc.intent),
        "needs" => list(&doc.needs),
        "unresolved" => list(&doc.unresolved),
        "unverified" => list(&doc.unverified),
        "talking_points" => list(&doc.talking_points),
        "constraints" => list(&doc.constraints),
        "transcript" => one(&doc.transcript),
        "tried" => (doc.tried.iter())
            .map(|tried| {
                let cited = tried.item.as_ref();
                let at =
                    cited.and_then(|item| doc.facts.iter().position(|fact| fact.item == *item));
                let at = at
                    .map(|at| format!(" \\[{}\\]", at + 1))
                    .unwrap_or_default();
                format!("{}: {}{at}", line(&tried.action), line(&tried.outcome))
            })
            .collect(),
        "decisions" => (doc.decisions.iter())
            .map(|decided| match decided.rationale.trim() {
                "" => line(&decided.summary),
                why => format!("{}, because: {}", line(&decided.summary), line(why)),
            })
            .collect(),
        "next_steps" => (doc.next_steps.iter())
            .map(|step| {
                let more = [&step.owner, &step.due].into_iter().flatten();
                let more: Vec<String> = more.map(|text| line(text)).collect();
                match more.is_empty() {
                    true => line(&step.text),
                    false => format!("{} ({})", line(&step.text), more.join(", ")),
                }
            })
            .collect(),
        "requested" => (doc.requested.iter())
            .map(|(action, args)| format!("{}: {}", line(action), line(args)))
            .collect(),
        _ => vec![],
    }
}

#[cfg(test)]
mod tests;
