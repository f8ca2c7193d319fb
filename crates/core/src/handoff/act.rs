//! What somebody does about a hand-off: one act, one entry.
//! Spec: `docs/spec/handoff.md`, "Acts".

use super::Disposition;
use super::draft::{
    Addressee, Draft, DraftError, LINE_CHARS_MAX, NextStep, few, prose, required, word_of,
};
use crate::id::{EntryHash, ItemId, Timestamp};
use minicbor::{Decode, Encode};

/// Characters of what somebody writes to the other side, at most.
pub const ANSWER_CHARS_MAX: usize = 4_000;

/// The agent that acted on a person's device. Its identity is the word of that device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Agent {
    /// Its name there.
    #[n(0)]
    pub name: String,
    /// Its model, as it says.
    #[n(1)]
    pub model: Option<String>,
    /// Which prompt or run, as it says.
    #[n(2)]
    pub prompt: Option<String>,
}

impl Agent {
    /// Checks its limits.
    ///
    /// # Errors
    /// [`DraftError`] by field.
    pub fn check(&self) -> Result<(), DraftError> {
        word_of("agent", Some(&self.name))?;
        word_of("model", self.model.as_ref())?;
        word_of("prompt", self.prompt.as_ref())
    }
}

/// One act.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Act {
    /// The author writes the draft anew.
    #[n(0)]
    Revise(#[n(0)] Box<Draft>),
    /// The author asks somebody to look at a version of the draft: the entry that holds it.
    #[n(1)]
    RequestReview(#[n(0)] EntryHash),
    /// A person approves that version.
    #[n(2)]
    ApproveDraft(#[n(0)] EntryHash),
    /// A person gives it back.
    #[n(3)]
    #[cbor(map)]
    ReturnDraft {
        /// Which version.
        #[n(0)]
        version: EntryHash,
        /// Why.
        #[n(1)]
        reason: String,
    },
    /// The author sends that version.
    #[n(4)]
    #[cbor(map)]
    Submit {
        /// Which version.
        #[n(0)]
        version: EntryHash,
        /// Whether the pack asked for a person's yes before.
        #[n(1)]
        needs_approval: bool,
    },
    /// A receiver's device has it. No acceptance.
    #[n(5)]
    Deliver,
    /// The addressee takes it.
    #[n(6)]
    Accept,
    /// The sender's or an owner's device has seen who took it.
    #[n(7)]
    Confirm(#[n(0)] EntryHash),
    /// The addressee does not take it.
    #[n(8)]
    Reject(#[n(0)] String),
    /// The sender or an owner takes it back.
    #[n(9)]
    Cancel(#[n(0)] String),
    /// Whoever took it has begun.
    #[n(10)]
    Start,
    /// They ask the sender.
    #[n(11)]
    Ask(#[n(0)] String),
    /// The sender answers.
    #[n(12)]
    Answer(#[n(0)] String),
    /// It goes to somebody else.
    #[n(13)]
    #[cbor(map)]
    Reassign {
        /// To whom.
        #[n(0)]
        to: Addressee,
        /// Why.
        #[n(1)]
        reason: String,
    },
    /// Whoever took it is done.
    #[n(14)]
    Complete(#[n(0)] Box<Outcome>),
    /// The addressee of an approval answers.
    #[n(15)]
    #[cbor(map)]
    Decide {
        /// What.
        #[n(0)]
        decision: Decision,
        /// In words: the arguments as they are to be, a reason, or an answer.
        #[n(1)]
        text: String,
    },
    /// The sender puts another in its place.
    #[n(16)]
    Supersede(#[n(0)] ItemId),
}

/// The answer to an approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum Decision {
    /// Yes, as asked.
    #[n(0)]
    Approve,
    /// Yes, with other arguments.
    #[n(1)]
    Edit,
    /// No.
    #[n(2)]
    Reject,
    /// Neither: an answer in words.
    #[n(3)]
    Respond,
}

impl Decision {
    /// All of them.
    pub const ALL: [Decision; 4] = [Self::Approve, Self::Edit, Self::Reject, Self::Respond];

    /// The word in commands and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Edit => "edit",
            Self::Reject => "reject",
            Self::Respond => "respond",
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Outcome {
    /// In a word.
    #[n(0)]
    pub disposition: Disposition,
    /// In words.
    #[n(1)]
    pub notes: String,
    /// Notes that were wrong, each with the note that stands in its place.
    #[n(2)]
    pub corrections: Vec<(ItemId, ItemId)>,
    /// Notes that were written about it beside those.
    #[n(3)]
    pub new_items: Vec<ItemId>,
    /// What is still to be done.
    #[n(4)]
    pub follow_up: Option<NextStep>,
    /// What the sender should know about the hand-off itself.
    #[n(5)]
    pub feedback: Feedback,
}

/// How good the hand-off was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Feedback {
    /// Whether it helped.
    #[n(0)]
    pub helpful: Option<bool>,
    /// What was missing: names of fields, or words.
    #[n(1)]
    pub missing: Vec<String>,
    /// Whether a person was needed at all.
    #[n(2)]
    pub escalation_needed: Option<bool>,
}

impl Act {
    /// Its name.
    pub const fn name(&self) -> &'static str {
        match self {
            Act::Revise(_) => "revise",
            Act::RequestReview(_) => "request_review",
            Act::ApproveDraft(_) => "approve_draft",
            Act::ReturnDraft { .. } => "return_draft",
            Act::Submit { .. } => "submit",
            Act::Deliver => "deliver",
            Act::Accept => "accept",
            Act::Confirm(_) => "confirm",
            Act::Reject(_) => "reject",
            Act::Cancel(_) => "cancel",
            Act::Start => "start",
            Act::Ask(_) => "ask",
            Act::Answer(_) => "answer",
            Act::Reassign { .. } => "reassign",
            Act::Complete(_) => "complete",
            Act::Decide { .. } => "decide",
            Act::Supersede(_) => "supersede",
        }
    }

    /// Every text in it by the field that holds it: what is looked through before it is written.
    pub fn texts(&self) -> Vec<(&'static str, &str)> {
        match self {
            Act::Revise(draft) => draft.texts(),
            Act::ReturnDraft { reason, .. }
            | Act::Reject(reason)
            | Act::Cancel(reason)
            | Act::Reassign { reason, .. } => vec![("reason", reason)],
            Act::Ask(text) | Act::Answer(text) | Act::Decide { text, .. } => vec![("text", text)],
            Act::Complete(outcome) => {
                let missing = outcome.feedback.missing.iter();
                let mut texts: Vec<(&'static str, &str)> = vec![("notes", &outcome.notes)];
                texts.extend(missing.map(|text| ("missing", text.as_str())));
                if let Some(step) = &outcome.follow_up {
                    texts.push(("follow_up", &step.text));
                    texts.extend(step.owner.iter().map(|text| ("follow_up", text.as_str())));
                }
                texts
            }
            Act::RequestReview(_)
            | Act::ApproveDraft(_)
            | Act::Submit { .. }
            | Act::Deliver
            | Act::Accept
            | Act::Confirm(_)
            | Act::Start
            | Act::Supersede(_) => vec![],
        }
    }

    /// Checks its limits.
    ///
    /// # Errors
    /// [`DraftError`] by field.
    pub fn check(&self) -> Result<(), DraftError> {
        match self {
            Act::Revise(draft) => draft.check(),
            Act::ReturnDraft { reason, .. } | Act::Reject(reason) | Act::Cancel(reason) => {
                prose("reason", reason, LINE_CHARS_MAX)
            }
            Act::Ask(text) | Act::Answer(text) => {
                required("text", text)?;
                prose("text", text, ANSWER_CHARS_MAX)
            }
            Act::Reassign { to, reason } => {
                to.check()?;
                prose("reason", reason, LINE_CHARS_MAX)
            }
            Act::Complete(outcome) => outcome.check(),
            Act::Decide { text, .. } => prose("text", text, ANSWER_CHARS_MAX),
            Act::RequestReview(_)
            | Act::ApproveDraft(_)
            | Act::Submit { .. }
            | Act::Deliver
            | Act::Accept
            | Act::Confirm(_)
            | Act::Start
            | Act::Supersede(_) => Ok(()),
        }
    }
}

impl Outcome {
    /// An outcome of which nothing else is said.
    pub fn new(disposition: Disposition) -> Outcome {
        Outcome {
            disposition,
            notes: String::new(),
            corrections: Vec::new(),
            new_items: Vec::new(),
            follow_up: None,
            feedback: Feedback::default(),
        }
    }

    fn check(&self) -> Result<(), DraftError> {
        prose("notes", &self.notes, ANSWER_CHARS_MAX)?;
        few("corrections", self.corrections.len())?;
        few("new_items", self.new_items.len())?;
        if let Some(step) = &self.follow_up {
            required("follow_up", &step.text)?;
            prose("follow_up", &step.text, LINE_CHARS_MAX)?;
            word_of("follow_up", step.owner.as_ref())?;
            super::draft::date("follow_up", step.due)?;
        }
        few("missing", self.feedback.missing.len())?;
        for missing in &self.feedback.missing {
            word_of("missing", Some(missing))?;
        }
        Ok(())
    }
}

/// What an entry of a hand-off carries beside the act.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Signed {
    /// When, by the author's clock. It decides nothing but whether an answer came before a deadline.
    #[n(0)]
    pub at: Timestamp,
    /// The agent that acted, if no person did.
    #[n(1)]
    pub agent: Option<Agent>,
}
