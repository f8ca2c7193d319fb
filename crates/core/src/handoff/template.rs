//! Templates: which fields a hand-off's note needs, in which order, and how long they may be.
//!
//! A template asks for what a receiver needs and forbids nothing: a field that it does not have is
//! shown after those that it has. Spec: `docs/spec/handoff-templates.md`.

use super::Draft;
use crate::escalation::{EscalationError, Name};
use crate::pack::note::{UnknownWord, words};
use crate::policy::rules::is_seen_line;
use minicbor::{Decode, Encode};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use unicode_segmentation::UnicodeSegmentation;

/// Characters of a template's title or heading, at most.
pub const TITLE_CHARS_MAX: usize = 80;
/// Characters of a prompt, at most.
pub const PROMPT_CHARS_MAX: usize = 300;

words! {
    /// A field of a hand-off's note.
    DraftField, "field of a hand-off" {
        /// The whole in a few sentences.
        Summary: 0 = "summary",
        /// Whom or what it is about.
        Subject: 1 = "subject",
        /// What they want.
        Intent: 2 = "intent",
        /// What matters to them.
        Needs: 3 = "needs",
        /// What was tried.
        Tried: 4 = "tried",
        /// What was decided.
        Decisions: 5 = "decisions",
        /// What is open.
        Unresolved: 6 = "unresolved",
        /// What nobody checked.
        Unverified: 7 = "unverified",
        /// What comes next.
        NextSteps: 8 = "next_steps",
        /// What to say, and what not to ask again.
        TalkingPoints: 9 = "talking_points",
        /// What must not happen.
        Constraints: 10 = "constraints",
        /// What is to be approved.
        Requested: 11 = "requested",
        /// Where the conversation stands.
        Transcript: 12 = "transcript",
        /// What is known, each with its note.
        Facts: 13 = "facts",
    }
}

impl DraftField {
    /// The heading that it has if a template gives it none.
    pub const fn heading(self) -> &'static str {
        match self {
            Self::Summary => "Summary",
            Self::Subject => "About",
            Self::Intent => "What they want",
            Self::Needs => "Needs and concerns",
            Self::Tried => "Already tried",
            Self::Decisions => "Decided",
            Self::Unresolved => "Unresolved",
            Self::Unverified => "Said, not checked",
            Self::NextSteps => "Next steps",
            Self::TalkingPoints => "Talking points",
            Self::Constraints => "Must not happen",
            Self::Requested => "To be approved",
            Self::Transcript => "Conversation",
            Self::Facts => "Evidence",
        }
    }

    /// Whether it holds several entries.
    pub const fn is_list(self) -> bool {
        !matches!(
            self,
            Self::Summary | Self::Subject | Self::Intent | Self::Requested | Self::Transcript
        )
    }
}

/// One field of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateField {
    /// Which.
    pub field: DraftField,
    /// Whether a note needs it.
    pub required: bool,
    /// Its heading, if not the usual one.
    pub heading: Option<String>,
    /// What whoever fills it in is asked.
    pub prompt: String,
    /// Words of each text in it, at most.
    pub max_words: Option<u16>,
    /// Characters of each text in it, at most.
    pub max_chars: Option<u16>,
    /// Entries, at most.
    pub max_entries: Option<u16>,
}

impl TemplateField {
    /// The heading that stands over it.
    pub fn heading(&self) -> &str {
        let own = self.heading.as_deref();
        own.unwrap_or(self.field.heading())
    }
}

/// How a hand-off's note is laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Its id.
    pub id: Name,
    /// What people call it.
    pub title: String,
    /// Its fields, in their order.
    pub fields: Vec<TemplateField>,
}

/// What keeps a draft from fitting, or a text from being one, by the field.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldProblem {
    /// Which field; none if it is of the whole.
    pub field: Option<DraftField>,
    /// The line of a text, the first being 1.
    pub line: Option<usize>,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for FieldProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        match self.field {
            Some(field) => write!(f, "{field}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

type BuiltIn = (
    &'static str,
    &'static str,
    &'static [(DraftField, bool, &'static str)],
);

use DraftField as F;

const BUILT_IN: [BuiltIn; 4] = [
    (
        "handoff.support.v1",
        "Support case",
        &[
            (
                F::Summary,
                true,
                "What happened and what is asked, in at most 120 words.",
            ),
            (
                F::Subject,
                false,
                "Who is it about? Only as much as the receiver needs.",
            ),
            (
                F::Needs,
                true,
                "What does the customer need, and what worries them?",
            ),
            (F::Tried, true, "What was tried, with what outcome?"),
            (F::Decisions, false, "What was decided already, and why?"),
            (F::Unresolved, true, "What is open?"),
            (F::NextSteps, true, "What should be done next, by whom?"),
            (
                F::TalkingPoints,
                false,
                "What to say first, and what not to ask again?",
            ),
            (F::Unverified, false, "What was said that nobody checked?"),
            (F::Constraints, false, "What must not happen?"),
            (F::Facts, false, "What is known, each with its note?"),
        ],
    ),
    (
        "handoff.sales.v1",
        "Prospect or account",
        &[
            (
                F::Summary,
                true,
                "Where does it stand, in at most 120 words?",
            ),
            (F::Subject, true, "Which person and company?"),
            (F::Intent, false, "What do they want to reach?"),
            (F::Needs, true, "What do they need, and what worries them?"),
            (F::Facts, true, "Budget, dates, people: each with its note."),
            (
                F::TalkingPoints,
                true,
                "What to say, and what not to mention?",
            ),
            (F::Unresolved, false, "Which questions are open?"),
            (
                F::NextSteps,
                true,
                "What was promised, by whom, until when?",
            ),
            (F::Constraints, false, "What must not be said or offered?"),
        ],
    ),
    (
        "handoff.engineering.v1",
        "Piece of work",
        &[
            (
                F::Summary,
                true,
                "What is to be done and how far is it, in at most 120 words?",
            ),
            (F::Intent, true, "When is it done?"),
            (F::Tried, true, "What was done or tried, with what outcome?"),
            (F::Decisions, false, "What was decided, and why?"),
            (
                F::Unverified,
                false,
                "What is believed and was not checked?",
            ),
            (F::Unresolved, true, "What blocks it?"),
            (F::NextSteps, true, "What is the next step?"),
            (F::Constraints, true, "What must stay as it is?"),
            (F::Facts, false, "Evidence, each with its note."),
        ],
    ),
    (
        "after_call.v1",
        "After a call",
        &[
            (
                F::Summary,
                true,
                "What did the call come to, in at most 120 words?",
            ),
            (F::Subject, true, "With whom?"),
            (F::Decisions, true, "What was agreed?"),
            (F::NextSteps, true, "Who does what, until when?"),
            (F::Needs, false, "What matters to them?"),
            (
                F::Unverified,
                false,
                "What did they say that is not checked?",
            ),
            (F::Unresolved, false, "What stayed open?"),
            (F::Facts, false, "What is known, each with its note?"),
        ],
    ),
];

/// Words of a summary in the built-in templates, at most.
const SUMMARY_WORDS_MAX: u16 = 120;

impl Template {
    /// The templates that every device has.
    pub fn built_in() -> Vec<Template> {
        BUILT_IN.iter().map(Template::of).collect()
    }

    /// The built-in template of this id.
    pub fn named(id: &str) -> Option<Template> {
        let found = BUILT_IN.iter().find(|(of, ..)| *of == id);
        found.map(Template::of)
    }

    fn of((id, title, fields): &BuiltIn) -> Template {
        let field = |(field, required, prompt): &(DraftField, bool, &str)| TemplateField {
            field: *field,
            required: *required,
            heading: None,
            prompt: (*prompt).to_owned(),
            max_words: (*field == F::Summary).then_some(SUMMARY_WORDS_MAX),
            max_chars: None,
            max_entries: None,
        };
        Template {
            id: Name::new(id).expect("the ids of built-in templates are names"),
            title: (*title).to_owned(),
            fields: fields.iter().map(field).collect(),
        }
    }

    /// Checks a template that somebody made.
    ///
    /// # Errors
    /// [`EscalationError`] by the limit that it breaks.
    pub fn check(&self) -> Result<(), EscalationError> {
        let holds = |holds: bool, text| {
            if holds {
                Ok(())
            } else {
                Err(EscalationError(text))
            }
        };
        self.id.check()?;
        holds(
            Template::named(self.id.as_str()).is_none(),
            "a template of this id is built in",
        )?;
        let line = |text: &str, most| {
            let chars = text.chars().count();
            chars <= most && is_seen_line(text)
        };
        let title = !self.title.trim().is_empty() && line(&self.title, TITLE_CHARS_MAX);
        holds(
            title,
            "a template's title is one line of at most 80 characters",
        )?;
        holds(!self.fields.is_empty(), "a template has at least one field")?;
        let mut seen = BTreeSet::new();
        let mut headings = BTreeSet::new();
        for field in &self.fields {
            holds(
                seen.insert(field.field),
                "a field stands in a template twice",
            )?;
            let heading = field.heading();
            holds(
                !heading.trim().is_empty()
                    && line(heading, TITLE_CHARS_MAX)
                    && heading == heading.trim(),
                "a heading is one line of at most 80 characters",
            )?;
            let one = headings.insert(heading.to_lowercase());
            holds(one, "two fields of a template have one heading")?;
            holds(
                line(&field.prompt, PROMPT_CHARS_MAX) && !field.prompt.contains("--"),
                "a prompt is one line of at most 300 characters, without --",
            )?;
            let limits = [field.max_words, field.max_chars, field.max_entries];
            holds(
                limits.into_iter().flatten().all(|most| most > 0),
                "a limit of a field is one or more",
            )?;
        }
        // What a template leaves out is shown after it, and must not look like a field of its own.
        let after = self.left_out();
        holds(
            !after
                .iter()
                .any(|field| headings.contains(&field.heading().to_lowercase())),
            "a heading is that of another field",
        )
    }

    /// Fields that it does not have.
    fn left_out(&self) -> Vec<DraftField> {
        let own: BTreeSet<DraftField> = self.fields.iter().map(|field| field.field).collect();
        let all = DraftField::ALL.iter().copied();
        all.filter(|field| !own.contains(field)).collect()
    }

    /// Every field with its heading, those of the template first.
    pub fn layout(&self) -> Vec<(DraftField, String)> {
        let own = self
            .fields
            .iter()
            .map(|field| (field.field, field.heading().to_owned()));
        let after = self.left_out().into_iter();
        own.chain(after.map(|field| (field, field.heading().to_owned())))
            .collect()
    }

    /// What keeps a draft from fitting this template; nothing if it fits.
    pub fn validate(&self, draft: &Draft) -> Vec<FieldProblem> {
        self.fields
            .iter()
            .flat_map(|field| field.problems(draft))
            .collect()
    }
}

impl TemplateField {
    fn problems(&self, draft: &Draft) -> Vec<FieldProblem> {
        let problem = |message: String| FieldProblem {
            field: Some(self.field),
            line: None,
            message,
        };
        let texts = texts_of(draft, self.field);
        let said = texts.iter().filter(|text| !text.trim().is_empty()).count();
        if said == 0 {
            let missing = problem(format!("is missing: {}", self.prompt));
            return self.required.then_some(missing).into_iter().collect();
        }
        let mut problems = Vec::new();
        if let Some(most) = self
            .max_entries
            .filter(|most| texts.len() > usize::from(*most))
        {
            problems.push(problem(format!(
                "has {} entries, at most {most}",
                texts.len()
            )));
        }
        for text in &texts {
            let words = text.unicode_words().count();
            if let Some(most) = self.max_words.filter(|most| words > usize::from(*most)) {
                problems.push(problem(format!("has {words} words, at most {most}")));
            }
            let chars = text.chars().count();
            if let Some(most) = self.max_chars.filter(|most| chars > usize::from(*most)) {
                problems.push(problem(format!("has {chars} characters, at most {most}")));
            }
        }
        problems
    }
}

/// The texts of one field.
fn texts_of(draft: &Draft, field: DraftField) -> Vec<String> {
    let list = |all: &[String]| all.to_vec();
    let one = |text: &Option<String>| text.iter().cloned().collect();
    match field {
        F::Summary => vec![draft.summary.clone()],
        F::Subject => one(&draft.subject),
        F::Intent => one(&draft.intent),
        F::Needs => list(&draft.needs),
        F::Tried => draft.tried.iter().map(|of| of.action.clone()).collect(),
        F::Decisions => draft
            .decisions
            .iter()
            .map(|of| of.summary.clone())
            .collect(),
        F::Unresolved => list(&draft.unresolved),
        F::Unverified => list(&draft.unverified),
        F::NextSteps => draft.next_steps.iter().map(|of| of.text.clone()).collect(),
        F::TalkingPoints => list(&draft.talking_points),
        F::Constraints => list(&draft.constraints),
        F::Requested => draft.requested.iter().map(|of| of.action.clone()).collect(),
        F::Transcript => draft.transcript.iter().map(ToString::to_string).collect(),
        F::Facts => draft.facts.iter().map(|of| of.text.clone()).collect(),
    }
}

#[cfg(test)]
mod tests;
