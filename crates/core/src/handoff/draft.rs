//! What a hand-off says: to whom, why, and everything the receiver needs.
//!
//! Every fact names the note that it rests on, and the heads of that note's document when it was
//! cited, so that whoever accepts sees what changed since. Text is data, kept as it came.
//! Spec: `docs/spec/handoff.md`, "Draft".

use super::{Mode, Priority, Tried};
use crate::codec;
use crate::id::{ItemId, PersonId, Timestamp};
use crate::pack::ChangeHash;
use crate::pack::note::{DATE_MAX, Pii};
use crate::policy::{Role, Sensitivity};
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use std::collections::BTreeSet;
use thiserror::Error;

/// The version of hand-offs that this program writes and understands.
pub const HANDOFF_VERSION: u16 = 1;
/// Bytes of an encoded draft, at most: the sum of what is allowed leaves room below a body's limit.
pub const DRAFT_BYTES_MAX: usize = 64 * 1024;
/// Characters of a summary, at most: about 120 words.
pub const SUMMARY_CHARS_MAX: usize = 900;
/// Characters of any other line, at most.
pub const LINE_CHARS_MAX: usize = 600;
/// Characters of a name, a code or a key, at most.
pub const WORD_CHARS_MAX: usize = 80;
/// Entries of one list, at most.
pub const LIST_MAX: usize = 20;
/// Persons whom a team has when it is addressed, at most.
pub const TEAM_MAX: usize = 128;
/// Heads of one cited note, at most; a note with more is cited without them, and so as changed.
pub const HEADS_MAX: usize = 16;
/// Earlier hand-offs that one refers to, at most.
pub const REFERENCES_MAX: usize = 16;

/// What never changes about a hand-off; stands in its first entry.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Head {
    /// Format version.
    #[n(0)]
    pub version: u16,
    /// Random, so that the id says nothing.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub salt: [u8; 16],
    /// What it belongs to: a conversation or case, by a key of the sender's. Hand-offs with the same
    /// one are about the same thing.
    #[n(2)]
    pub context: String,
    /// Earlier hand-offs that it continues, ascending.
    #[n(3)]
    pub references: Vec<ItemId>,
}

/// To whom.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Addressee {
    /// One person.
    #[n(0)]
    Person(#[n(0)] PersonId),
    /// Any member of a team: whoever was in it when it was addressed, or is now.
    #[n(1)]
    #[cbor(map)]
    Team {
        /// Its name in the pack's rules.
        #[n(0)]
        name: String,
        /// Its members when it was addressed.
        #[n(1)]
        members: BTreeSet<PersonId>,
    },
    /// Anybody with this role or a higher one.
    #[n(2)]
    Role(#[n(0)] Role),
    /// An agent of a person.
    #[n(3)]
    #[cbor(map)]
    Agent {
        /// On whose devices it runs.
        #[n(0)]
        person: PersonId,
        /// Its name there.
        #[n(1)]
        name: String,
    },
}

impl Addressee {
    /// Whether only people may answer.
    pub fn is_human(&self) -> bool {
        !matches!(self, Addressee::Agent { .. })
    }
}

/// Why it is handed over.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Reason {
    /// A word of the pack's list: `[a-z0-9_]`.
    #[n(0)]
    pub code: String,
    /// One sentence.
    #[n(1)]
    pub text: String,
    /// The escalation rule that said so.
    #[n(2)]
    pub rule: Option<String>,
}

/// By when. Nothing here moves when the hand-off is given to somebody else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Sla {
    /// Somebody has taken it.
    #[n(0)]
    pub accept_by: Option<Timestamp>,
    /// Somebody has begun.
    #[n(1)]
    pub respond_by: Option<Timestamp>,
    /// It is settled.
    #[n(2)]
    pub resolve_by: Option<Timestamp>,
    /// After this nobody can accept or decide any more. An approval that is not given by then is a no.
    #[n(3)]
    pub expires_at: Option<Timestamp>,
}

/// A statement with what it rests on.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Fact {
    /// The statement.
    #[n(0)]
    pub text: String,
    /// The note.
    #[n(1)]
    pub item: ItemId,
    /// The heads of its document then; none of a note that nobody had edited.
    #[n(2)]
    pub heads: Heads,
    /// Its own words.
    #[n(3)]
    pub quote: Option<String>,
}

/// The heads of a note's document, ascending; none if nobody had edited it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heads(Vec<ChangeHash>);

impl Heads {
    /// These.
    pub fn new(heads: impl IntoIterator<Item = ChangeHash>) -> Heads {
        let mut heads: Vec<ChangeHash> = heads.into_iter().collect();
        heads.sort();
        heads.dedup();
        heads.truncate(HEADS_MAX);
        Heads(heads)
    }

    /// Each, ascending.
    pub fn as_slice(&self) -> &[ChangeHash] {
        &self.0
    }
}

impl<C> Encode<C> for Heads {
    fn encode<W: encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        e.array(self.0.len() as u64)?;
        self.0.iter().try_for_each(|head| e.bytes(&head.0)?.ok())
    }
}

impl<'b, C> Decode<'b, C> for Heads {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Heads, decode::Error> {
        let bad = || decode::Error::message("malformed heads");
        let count = d.array()?.ok_or_else(bad)?;
        if count > HEADS_MAX as u64 {
            return Err(bad());
        }
        let mut heads = Vec::new();
        for _ in 0..count {
            heads.push(ChangeHash(d.bytes()?.try_into().map_err(|_| bad())?));
        }
        match heads.is_sorted_by(|a, b| a < b) {
            true => Ok(Heads(heads)),
            false => Err(bad()),
        }
    }
}

/// Something that was tried already.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Attempt {
    /// What.
    #[n(0)]
    pub action: String,
    /// What came of it.
    #[n(1)]
    pub outcome: Tried,
    /// The note that shows it.
    #[n(2)]
    pub item: Option<ItemId>,
}

/// Something that was decided already.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Decided {
    /// What.
    #[n(0)]
    pub summary: String,
    /// Why.
    #[n(1)]
    pub rationale: String,
}

/// Something to be done.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct NextStep {
    /// What.
    #[n(0)]
    pub text: String,
    /// By whom.
    #[n(1)]
    pub owner: Option<String>,
    /// By when.
    #[n(2)]
    pub due: Option<Timestamp>,
}

/// What the receiver is asked to say yes or no to.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct RequestedAction {
    /// What would be done.
    #[n(0)]
    pub action: String,
    /// With what, as text.
    #[n(1)]
    pub args: String,
}

/// What is said of the privacy of what it cites. Filled in by the device, never by its caller.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Privacy {
    /// The highest sensitivity among the notes that it cites.
    #[n(0)]
    pub max_sensitivity: Option<Sensitivity>,
    /// Kinds of personal data in the notes that it cites.
    #[n(1)]
    pub pii: BTreeSet<Pii>,
    /// What it is for; consents were asked for that.
    #[n(2)]
    pub purpose: Option<String>,
    /// What was left out of it.
    #[n(3)]
    pub withheld: Vec<WithheldNotes>,
}

/// Notes that the receiver does not get, for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct WithheldNotes {
    /// How many.
    #[n(0)]
    pub count: u32,
    /// The rule, by its name: `sensitivity restricted`, `consent refused`, ….
    #[n(1)]
    pub why: String,
    /// Kinds of personal data in them.
    #[n(2)]
    pub pii: BTreeSet<Pii>,
}

/// Everything that a hand-off says.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Draft {
    /// What is asked.
    #[n(0)]
    pub mode: Mode,
    /// Of whom.
    #[n(1)]
    pub to: Addressee,
    /// Why.
    #[n(2)]
    pub reason: Reason,
    /// How much it presses.
    #[n(3)]
    pub priority: Priority,
    /// By when.
    #[n(4)]
    pub sla: Sla,
    /// The whole in a few sentences.
    #[n(5)]
    pub summary: String,
    /// Whom or what it is about.
    #[n(6)]
    pub subject: Option<String>,
    /// What they want.
    #[n(7)]
    pub intent: Option<String>,
    /// What matters to them.
    #[n(8)]
    pub needs: Vec<String>,
    /// What is known, each with its note.
    #[n(9)]
    pub facts: Vec<Fact>,
    /// What was tried.
    #[n(10)]
    pub tried: Vec<Attempt>,
    /// What was decided.
    #[n(11)]
    pub decisions: Vec<Decided>,
    /// What was said and nobody checked.
    #[n(12)]
    pub unverified: Vec<String>,
    /// What is open.
    #[n(13)]
    pub unresolved: Vec<String>,
    /// What to say, and what not to ask again.
    #[n(14)]
    pub talking_points: Vec<String>,
    /// What comes next.
    #[n(15)]
    pub next_steps: Vec<NextStep>,
    /// What must not happen.
    #[n(16)]
    pub constraints: Vec<String>,
    /// Where the conversation stands: a note, not a copy.
    #[n(17)]
    pub transcript: Option<ItemId>,
    /// What is to be approved; of mode `approve` alone.
    #[n(18)]
    pub requested: Option<RequestedAction>,
    /// The template that it follows.
    #[n(19)]
    pub template: Option<String>,
    /// What is said of its privacy.
    #[n(20)]
    pub privacy: Privacy,
}

impl Draft {
    /// A draft to somebody with the fields that each has.
    pub fn new(mode: Mode, to: Addressee, reason: Reason, summary: String) -> Draft {
        Draft {
            mode,
            to,
            reason,
            priority: Priority::Medium,
            sla: Sla::default(),
            summary,
            subject: None,
            intent: None,
            needs: Vec::new(),
            facts: Vec::new(),
            tried: Vec::new(),
            decisions: Vec::new(),
            unverified: Vec::new(),
            unresolved: Vec::new(),
            talking_points: Vec::new(),
            next_steps: Vec::new(),
            constraints: Vec::new(),
            transcript: None,
            requested: None,
            template: None,
            privacy: Privacy::default(),
        }
    }

    /// The notes that it names.
    pub fn cited(&self) -> BTreeSet<ItemId> {
        let facts = self.facts.iter().map(|fact| fact.item);
        let tried = self.tried.iter().filter_map(|tried| tried.item);
        facts.chain(tried).chain(self.transcript).collect()
    }

    /// Every text in it by the field that holds it, in order: what is looked through before it is sent.
    pub fn texts(&self) -> Vec<(&'static str, &str)> {
        let mut texts: Vec<(&'static str, &str)> =
            vec![("reason", &self.reason.text), ("summary", &self.summary)];
        texts.extend(self.subject.iter().map(|text| ("subject", text.as_str())));
        texts.extend(self.intent.iter().map(|text| ("intent", text.as_str())));
        let lists: [(&'static str, &[String]); 5] = [
            ("needs", &self.needs),
            ("unverified", &self.unverified),
            ("unresolved", &self.unresolved),
            ("talking_points", &self.talking_points),
            ("constraints", &self.constraints),
        ];
        for (field, list) in lists {
            texts.extend(list.iter().map(|text| (field, text.as_str())));
        }
        for fact in &self.facts {
            texts.push(("facts", &fact.text));
            texts.extend(fact.quote.iter().map(|text| ("facts", text.as_str())));
        }
        texts.extend(self.tried.iter().map(|of| ("tried", of.action.as_str())));
        for decided in &self.decisions {
            texts.push(("decisions", &decided.summary));
            texts.push(("decisions", &decided.rationale));
        }
        for step in &self.next_steps {
            texts.push(("next_steps", &step.text));
            texts.extend(step.owner.iter().map(|text| ("next_steps", text.as_str())));
        }
        if let Some(requested) = &self.requested {
            texts.push(("requested", &requested.action));
            texts.push(("requested", &requested.args));
        }
        texts
    }

    /// Checks every limit.
    ///
    /// # Errors
    /// [`DraftError`] by field, the first that is found.
    pub fn check(&self) -> Result<(), DraftError> {
        code("reason_code", &self.reason.code)?;
        prose("reason", &self.reason.text, LINE_CHARS_MAX)?;
        word_of("rule", self.reason.rule.as_ref())?;
        required("summary", &self.summary)?;
        prose("summary", &self.summary, SUMMARY_CHARS_MAX)?;
        let one = |text: &Option<String>| text.clone().into_iter().collect::<Vec<_>>();
        let lists: [(&'static str, &[String]); 7] = [
            ("subject", &one(&self.subject)),
            ("intent", &one(&self.intent)),
            ("needs", &self.needs),
            ("unverified", &self.unverified),
            ("unresolved", &self.unresolved),
            ("talking_points", &self.talking_points),
            ("constraints", &self.constraints),
        ];
        for (field, list) in lists {
            few(field, list.len())?;
            for text in list {
                required(field, text)?;
                prose(field, text, LINE_CHARS_MAX)?;
            }
        }
        few("facts", self.facts.len())?;
        for fact in &self.facts {
            required("facts", &fact.text)?;
            prose("facts", &fact.text, LINE_CHARS_MAX)?;
            prose(
                "facts",
                fact.quote.as_deref().unwrap_or_default(),
                LINE_CHARS_MAX,
            )?;
        }
        few("tried", self.tried.len())?;
        for tried in &self.tried {
            required("tried", &tried.action)?;
            prose("tried", &tried.action, LINE_CHARS_MAX)?;
        }
        few("decisions", self.decisions.len())?;
        for decided in &self.decisions {
            required("decisions", &decided.summary)?;
            prose("decisions", &decided.summary, LINE_CHARS_MAX)?;
            prose("decisions", &decided.rationale, LINE_CHARS_MAX)?;
        }
        few("next_steps", self.next_steps.len())?;
        for step in &self.next_steps {
            required("next_steps", &step.text)?;
            prose("next_steps", &step.text, LINE_CHARS_MAX)?;
            word_of("next_steps", step.owner.as_ref())?;
            date("next_steps", step.due)?;
        }
        let Sla {
            accept_by,
            respond_by,
            resolve_by,
            expires_at,
        } = self.sla;
        for at in [accept_by, respond_by, resolve_by, expires_at] {
            date("sla", at)?;
        }
        self.to.check()?;
        if self.mode == Mode::Approve && !self.to.is_human() {
            return Err(DraftError {
                field: "to",
                problem: Problem::PeopleApprove,
            });
        }
        match (&self.requested, self.mode) {
            (None, Mode::Approve) => return Err(missing("requested")),
            (Some(requested), Mode::Approve) => {
                required("requested", &requested.action)?;
                prose("requested", &requested.action, LINE_CHARS_MAX)?;
                prose("requested", &requested.args, 4 * LINE_CHARS_MAX)?;
            }
            (Some(_), _) => {
                return Err(DraftError {
                    field: "requested",
                    problem: Problem::OnlyOfApprovals,
                });
            }
            (None, _) => {}
        }
        word_of("template", self.template.as_ref())?;
        word_of("purpose", self.privacy.purpose.as_ref())?;
        few("withheld", self.privacy.withheld.len())?;
        for withheld in &self.privacy.withheld {
            word_of("withheld", Some(&withheld.why))?;
        }
        match codec::encode(self).len() <= DRAFT_BYTES_MAX {
            true => Ok(()),
            false => Err(DraftError {
                field: "draft",
                problem: Problem::TooLong {
                    chars: DRAFT_BYTES_MAX,
                },
            }),
        }
    }
}

impl Addressee {
    pub(super) fn check(&self) -> Result<(), DraftError> {
        match self {
            Addressee::Person(_) | Addressee::Role(Role::Editor | Role::Admin) => Ok(()),
            Addressee::Role(_) => Err(DraftError {
                field: "to",
                problem: Problem::CannotWrite,
            }),
            Addressee::Team { name, members } => {
                word_of("to", Some(name))?;
                match members.len() <= TEAM_MAX {
                    true => Ok(()),
                    false => Err(DraftError {
                        field: "to",
                        problem: Problem::TooMany { max: TEAM_MAX },
                    }),
                }
            }
            Addressee::Agent { name, .. } => word_of("to", Some(name)),
        }
    }
}

impl Head {
    /// Checks every limit.
    ///
    /// # Errors
    /// [`DraftError`] by field.
    pub fn check(&self) -> Result<(), DraftError> {
        if self.version != HANDOFF_VERSION {
            return Err(DraftError {
                field: "version",
                problem: Problem::NewerVersion,
            });
        }
        word_of("context", Some(&self.context))?;
        let ascends = self.references.is_sorted_by(|a, b| a < b);
        match ascends && self.references.len() <= REFERENCES_MAX {
            true => Ok(()),
            false => Err(DraftError {
                field: "references",
                problem: Problem::TooMany {
                    max: REFERENCES_MAX,
                },
            }),
        }
    }
}

/// What is wrong with a hand-off, by the field that holds it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{field}: {problem}")]
pub struct DraftError {
    /// Where.
    pub field: &'static str,
    /// What.
    pub problem: Problem,
}

/// What is wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Problem {
    /// It is empty.
    #[error("is missing")]
    Missing,
    /// It has too many characters.
    #[error("has more than {chars} characters")]
    TooLong {
        /// How many it may have.
        chars: usize,
    },
    /// It has too many entries.
    #[error("has more than {max} entries")]
    TooMany {
        /// How many it may have.
        max: usize,
    },
    /// It is no word.
    #[error("is one short line")]
    NotALine,
    /// It is no code.
    #[error("is a word of lower-case letters, digits and _")]
    NotACode,
    /// It is after the year 9999.
    #[error("is beyond the year 9999")]
    Date,
    /// Whoever has this role cannot answer.
    #[error("who has this role cannot write, and so cannot answer")]
    CannotWrite,
    /// Only an approval asks for an act.
    #[error("only a hand-off of mode approve asks for an act")]
    OnlyOfApprovals,
    /// Only people approve.
    #[error("is an agent, and only people approve")]
    PeopleApprove,
    /// Of a newer version.
    #[error("is of a newer version")]
    NewerVersion,
}

fn missing(field: &'static str) -> DraftError {
    DraftError {
        field,
        problem: Problem::Missing,
    }
}

pub(super) fn required(field: &'static str, text: &str) -> Result<(), DraftError> {
    match text.trim().is_empty() {
        true => Err(missing(field)),
        false => Ok(()),
    }
}

pub(super) fn prose(field: &'static str, text: &str, chars: usize) -> Result<(), DraftError> {
    match text.chars().count() <= chars {
        true => Ok(()),
        false => Err(DraftError {
            field,
            problem: Problem::TooLong { chars },
        }),
    }
}

pub(super) fn few(field: &'static str, count: usize) -> Result<(), DraftError> {
    match count <= LIST_MAX {
        true => Ok(()),
        false => Err(DraftError {
            field,
            problem: Problem::TooMany { max: LIST_MAX },
        }),
    }
}

pub(super) fn word_of(field: &'static str, word: Option<&String>) -> Result<(), DraftError> {
    let Some(word) = word else {
        return Ok(());
    };
    let fits = !word.trim().is_empty()
        && word.chars().count() <= WORD_CHARS_MAX
        && !word.chars().any(char::is_control);
    match fits {
        true => Ok(()),
        false => Err(DraftError {
            field,
            problem: Problem::NotALine,
        }),
    }
}

fn code(field: &'static str, word: &str) -> Result<(), DraftError> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    match (1..=WORD_CHARS_MAX).contains(&word.len()) && word.chars().all(plain) {
        true => Ok(()),
        false => Err(DraftError {
            field,
            problem: Problem::NotACode,
        }),
    }
}

pub(super) fn date(field: &'static str, at: Option<Timestamp>) -> Result<(), DraftError> {
    match at.is_none_or(|at| at <= DATE_MAX) {
        true => Ok(()),
        false => Err(DraftError {
            field,
            problem: Problem::Date,
        }),
    }
}
