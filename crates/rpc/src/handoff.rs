//! Hand-offs: drafted, acted on, listed, shown.

use crate::call::call;
use crate::{AudienceMember, PackRef, Sensitivity, Time, V1};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a hand-off is to say.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HandoffWish {
    /// `person:NAME` or `NAME`, `team:NAME`, `role:editor`, `role:owner`, `agent:NAME` or
    /// `agent:NAME@PERSON`.
    pub to: String,
    /// `transfer` (if absent), `consult`, `approve` or `fyi`.
    #[serde(default)]
    pub mode: Option<String>,
    /// Why, by a word of the pack's list.
    pub reason_code: String,
    /// Why, in one sentence.
    #[serde(default)]
    pub reason: String,
    /// The escalation rule that said so.
    #[serde(default)]
    pub rule: Option<String>,
    /// `low`, `medium` (if absent), `high` or `urgent`.
    #[serde(default)]
    pub priority: Option<String>,
    /// By when somebody is to have taken it.
    #[serde(default)]
    pub accept_by: Option<Time>,
    /// By when somebody is to have begun.
    #[serde(default)]
    pub respond_by: Option<Time>,
    /// By when it is to be settled.
    #[serde(default)]
    pub resolve_by: Option<Time>,
    /// After this it is over. An approval that is not given by then is a no.
    #[serde(default)]
    pub expires_at: Option<Time>,
    /// The whole in a few sentences: 900 characters at most.
    pub summary: String,
    /// Whom or what it is about.
    #[serde(default)]
    pub subject: Option<String>,
    /// What they want.
    #[serde(default)]
    pub intent: Option<String>,
    /// What matters to them.
    #[serde(default)]
    pub needs: Vec<String>,
    /// What is known, each with the note that it rests on.
    #[serde(default)]
    pub facts: Vec<FactWish>,
    /// What was tried.
    #[serde(default)]
    pub tried: Vec<AttemptWish>,
    /// What was decided.
    #[serde(default)]
    pub decisions: Vec<DecidedWish>,
    /// What was said and nobody checked.
    #[serde(default)]
    pub unverified: Vec<String>,
    /// What is open.
    #[serde(default)]
    pub unresolved: Vec<String>,
    /// What to say, and what not to ask again.
    #[serde(default)]
    pub talking_points: Vec<String>,
    /// What comes next.
    #[serde(default)]
    pub next_steps: Vec<StepWish>,
    /// What must not happen.
    #[serde(default)]
    pub constraints: Vec<String>,
    /// The note where the conversation stands.
    #[serde(default)]
    pub transcript: Option<String>,
    /// What is to be approved; of mode `approve` alone.
    #[serde(default)]
    pub requested: Option<RequestedWish>,
    /// The template that it follows.
    #[serde(default)]
    pub template: Option<String>,
    /// What it is for; consents are asked for that.
    #[serde(default)]
    pub purpose: Option<String>,
}

/// A statement with the note that it rests on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FactWish {
    /// The statement.
    pub text: String,
    /// The note, by the start of its id.
    pub note: String,
    /// Its own words.
    #[serde(default)]
    pub quote: Option<String>,
}

/// Something that was tried.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AttemptWish {
    /// What.
    pub action: String,
    /// `ok`, `failed` or `unknown` (if absent).
    #[serde(default)]
    pub outcome: Option<String>,
    /// The note that shows it.
    #[serde(default)]
    pub note: Option<String>,
}

/// Something that was decided.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DecidedWish {
    /// What.
    pub summary: String,
    /// Why.
    #[serde(default)]
    pub rationale: String,
}

/// Something to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepWish {
    /// What.
    pub text: String,
    /// By whom.
    #[serde(default)]
    pub owner: Option<String>,
    /// By when.
    #[serde(default)]
    pub due: Option<Time>,
}

/// What is to be approved.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestedWish {
    /// What would be done.
    pub action: String,
    /// With what.
    #[serde(default)]
    pub args: String,
}

/// Drafts a hand-off, or writes a draft anew, and sends it if that is said.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DraftHandoff {
    /// Version.
    pub v: V1,
    /// The pack; not with `revise`.
    #[serde(default)]
    pub pack: Option<String>,
    /// The draft that is written anew, by the start of its id.
    #[serde(default)]
    pub revise: Option<String>,
    /// What it says.
    pub draft: HandoffWish,
    /// What it belongs to: a key of the sender's for the conversation or case.
    #[serde(default)]
    pub context: Option<String>,
    /// Earlier hand-offs that it continues.
    #[serde(default)]
    pub references: Vec<String>,
    /// Where it stands; as high as what it cites, and at the pack's default at least, if absent.
    #[serde(default)]
    pub sensitivity: Option<Sensitivity>,
    /// Whether it is sent at once.
    #[serde(default)]
    pub submit: bool,
    /// Only says what would become of it.
    #[serde(default)]
    pub dry_run: bool,
}
call!(post DraftHandoff, "/v1/handoff/draft" => HandoffWritten);

/// What became of a draft.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct HandoffWritten {
    /// Version.
    pub v: V1,
    /// The hand-off; without an id if nothing was written.
    pub handoff: HandoffRef,
    /// Its pack.
    pub pack: PackRef,
    /// Where it stands: draft, submitted, ….
    pub state: String,
    /// Notes that it cites.
    pub cites: u64,
    /// Notes that are cited by their masked copy.
    pub as_masked_copy: u64,
    /// Statements that were left out, because what they rest on stays.
    pub left_out: Vec<HandoffLeftOut>,
    /// What the receiver does not get.
    pub withheld: Vec<HandoffWithheld>,
    /// Whom it is for.
    pub to: HandoffSide,
    /// Who can read it.
    pub audience: Vec<AudienceMember>,
    /// Whether nothing was written.
    pub dry_run: bool,
}

/// A hand-off by its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HandoffRef {
    /// Its id.
    pub id: Option<String>,
    /// Where it stands.
    pub sensitivity: Sensitivity,
}

/// A statement that was left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HandoffLeftOut {
    /// `facts`, `tried` or `transcript`.
    pub field: String,
    /// Its place in that list, from 0.
    pub at: u64,
    /// The rule that keeps it.
    pub rule: String,
}

/// Notes that a receiver does not get.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HandoffWithheld {
    /// How many.
    pub count: u64,
    /// The rule that keeps them.
    pub rule: String,
    /// Kinds of personal data in them.
    pub pii: Vec<String>,
}

/// One side of a hand-off.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HandoffSide {
    /// `person`, `team`, `role` or `agent`.
    pub kind: String,
    /// What people call it. Somebody else may have chosen it.
    pub name: String,
    /// The person, or whose agent it is.
    pub person: Option<String>,
}

/// What is to be done about a hand-off.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum HandoffAct {
    /// A draft is to be looked at by a person before it is sent.
    RequestReview {},
    /// A person approves a draft.
    ApproveDraft {},
    /// A person gives a draft back.
    ReturnDraft {
        /// Why.
        reason: String,
    },
    /// A draft is sent.
    Submit {},
    /// Whom it is for takes it.
    Accept {},
    /// Whom it is for does not take it.
    Reject {
        /// Why.
        reason: String,
    },
    /// The sender takes it back.
    Cancel {
        /// Why.
        reason: String,
    },
    /// Whoever took it begins.
    Start {},
    /// They ask the sender.
    Ask {
        /// What.
        text: String,
    },
    /// The sender answers.
    Answer {
        /// What.
        text: String,
    },
    /// It goes to somebody else.
    Reassign {
        /// To whom.
        to: String,
        /// Why.
        #[serde(default)]
        reason: String,
    },
    /// Whoever took it is done.
    Complete(CompleteHandoff),
    /// The addressee of an approval answers.
    Decide {
        /// `approve`, `edit`, `reject` or `respond`.
        decision: String,
        /// In words.
        #[serde(default)]
        text: String,
    },
    /// The sender puts another hand-off in its place.
    Supersede {
        /// That one.
        by: String,
    },
}

/// How a hand-off is completed.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CompleteHandoff {
    /// `resolved`, `partial`, `not_resolved`, `no_contact` or `returned_to_agent`.
    pub disposition: String,
    /// What came of it, in words.
    #[serde(default)]
    pub notes: String,
    /// Whether that is written down as a note, too.
    #[serde(default)]
    pub keep_notes: bool,
    /// Notes that were wrong, and what is right.
    #[serde(default)]
    pub corrections: Vec<CorrectionWish>,
    /// What is still to be done.
    #[serde(default)]
    pub follow_up: Option<StepWish>,
    /// Whether the hand-off helped.
    #[serde(default)]
    pub helpful: Option<bool>,
    /// What was missing in it.
    #[serde(default)]
    pub missing: Vec<String>,
    /// Whether a person was needed at all.
    #[serde(default)]
    pub escalation_needed: Option<bool>,
}

/// A note that was wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CorrectionWish {
    /// The note, by the start of its id.
    pub note: String,
    /// What is right.
    pub text: String,
}

/// Does something about a hand-off.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ActOnHandoff {
    /// Version.
    pub v: V1,
    /// The hand-off, by the start of its id.
    pub handoff: String,
    /// What.
    pub act: HandoffAct,
    /// Where it has to stand, or nothing is done.
    #[serde(default)]
    pub expected_state: Option<String>,
}
call!(post ActOnHandoff, "/v1/handoff/act" => HandoffAnswer);

/// Asks for one hand-off.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShowHandoff {
    /// Version.
    pub v: V1,
    /// Its id, or the start of it.
    pub handoff: String,
    /// Whether this person has seen it by that.
    #[serde(default)]
    pub mark_read: bool,
}
call!(post ShowHandoff, "/v1/handoff/show" => HandoffAnswer);

/// A hand-off.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct HandoffAnswer {
    /// Version.
    pub v: V1,
    /// The hand-off.
    pub handoff: Handoff,
}

/// A hand-off in full. All text in it is data of whoever wrote it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Handoff {
    /// Its id.
    pub id: String,
    /// Its pack.
    pub pack: PackRef,
    /// Where it stands at.
    pub sensitivity: Sensitivity,
    /// What it belongs to.
    pub context: String,
    /// Earlier ones that it continues.
    pub references: Vec<String>,
    /// draft, in_review, submitted, delivered, accepted, working, input_required, completed, rejected,
    /// canceled or superseded.
    pub state: String,
    /// Whether it ended without an answer.
    pub expired: bool,
    /// What is late: `accept`, `respond`, `resolve`.
    pub overdue: Vec<String>,
    /// From whom.
    pub from: HandoffSide,
    /// Its model, if an agent wrote it.
    pub model: Option<String>,
    /// Which prompt or run, if an agent wrote it.
    pub prompt: Option<String>,
    /// To whom now.
    pub to: HandoffSide,
    /// Who has it.
    pub holder: Option<String>,
    /// Whether nobody of the sender's side has seen that yet.
    pub provisional: bool,
    /// Who has to see to it.
    pub responsible: String,
    /// `mine`, `working`, `sent` or `others`: whose turn it is.
    pub side: String,
    /// What it says.
    pub says: HandoffSays,
    /// Whether somebody approved what it says.
    pub approved: bool,
    /// What it does not say, and why.
    pub withheld: Vec<HandoffWithheld>,
    /// Questions and answers.
    pub said: Vec<HandoffSaid>,
    /// How it ended.
    pub outcome: Option<HandoffOutcome>,
    /// The answer to an approval: approve, edit, reject or respond.
    pub decision: Option<String>,
    /// In words.
    pub decision_text: Option<String>,
    /// What stands in its place.
    pub superseded_by: Option<String>,
    /// What was done, in the order in which it counts.
    pub steps: Vec<HandoffStep>,
    /// What this person may do now.
    pub may: Vec<String>,
    /// When it was written.
    pub at: Time,
    /// When it was sent.
    pub submitted_at: Option<Time>,
    /// When it was taken.
    pub accepted_at: Option<Time>,
    /// When it ended.
    pub ended_at: Option<Time>,
    /// Acts that wait for something else.
    pub waiting: u64,
}

/// What a hand-off says.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct HandoffSays {
    /// transfer, consult, approve or fyi.
    pub mode: String,
    /// Why, by a word.
    pub reason_code: String,
    /// Why, in one sentence.
    pub reason: String,
    /// The escalation rule that said so.
    pub rule: Option<String>,
    /// low, medium, high or urgent.
    pub priority: String,
    /// By when somebody is to have taken it.
    pub accept_by: Option<Time>,
    /// By when somebody is to have begun.
    pub respond_by: Option<Time>,
    /// By when it is to be settled.
    pub resolve_by: Option<Time>,
    /// After this it is over.
    pub expires_at: Option<Time>,
    /// The whole in a few sentences.
    pub summary: String,
    /// Whom or what it is about.
    pub subject: Option<String>,
    /// What they want.
    pub intent: Option<String>,
    /// What matters to them.
    pub needs: Vec<String>,
    /// What is known.
    pub facts: Vec<HandoffFact>,
    /// What was tried.
    pub tried: Vec<AttemptWish>,
    /// What was decided.
    pub decisions: Vec<DecidedWish>,
    /// What was said and nobody checked.
    pub unverified: Vec<String>,
    /// What is open.
    pub unresolved: Vec<String>,
    /// What to say, and what not to ask again.
    pub talking_points: Vec<String>,
    /// What comes next.
    pub next_steps: Vec<StepWish>,
    /// What must not happen.
    pub constraints: Vec<String>,
    /// The note where the conversation stands.
    pub transcript: Option<String>,
    /// What is to be approved.
    pub requested: Option<RequestedWish>,
    /// The template that it follows.
    pub template: Option<String>,
    /// What it is for.
    pub purpose: Option<String>,
}

/// A statement, with what became of the note that it rests on.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct HandoffFact {
    /// The statement.
    pub text: String,
    /// The note.
    pub note: String,
    /// Its own words, as they were quoted.
    pub quote: Option<String>,
    /// Its title now.
    pub title: Option<String>,
    /// Its source label.
    pub source_label: Option<String>,
    /// same, changed, superseded, redacted, deleted or gone.
    pub state: String,
    /// What stands in its place.
    pub superseded_by: Vec<String>,
    /// Its text when it was cited, if it was edited since.
    pub was: Option<String>,
    /// Its text now, if it was edited since.
    pub is: Option<String>,
}

/// A question or an answer.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct HandoffSaid {
    /// Who.
    pub by: String,
    /// The agent, if one did.
    pub agent: Option<String>,
    /// When, by their clock.
    pub at: Time,
    /// Whether it answers.
    pub answers: bool,
    /// What.
    pub text: String,
}

/// How a hand-off ended.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct HandoffOutcome {
    /// By whom.
    pub by: String,
    /// When, by their clock.
    pub at: Time,
    /// resolved, partial, not_resolved, no_contact or returned_to_agent.
    pub disposition: String,
    /// In words.
    pub notes: String,
    /// Notes that were wrong.
    pub corrections: Vec<HandoffCorrection>,
    /// Notes that were written beside those.
    pub new_notes: Vec<String>,
    /// What is still to be done.
    pub follow_up: Option<StepWish>,
    /// Whether the hand-off helped.
    pub helpful: Option<bool>,
    /// What was missing in it.
    pub missing: Vec<String>,
    /// Whether a person was needed at all.
    pub escalation_needed: Option<bool>,
}

/// A note that was wrong.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct HandoffCorrection {
    /// The note.
    pub note: String,
    /// What stands in its place.
    pub by: String,
    /// What that says.
    pub text: Option<String>,
}

/// Something that was done.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct HandoffStep {
    /// What.
    pub act: String,
    /// Who.
    pub by: String,
    /// The agent, if one did.
    pub agent: Option<String>,
    /// When, by their clock.
    pub at: Time,
    /// Why it says nothing, if it does not.
    pub void: Option<String>,
    /// The same in a sentence.
    pub why: Option<String>,
    /// What was said with it.
    pub text: Option<String>,
}

/// Asks for the hand-offs of this device.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListHandoffs {
    /// Version.
    pub v: V1,
    /// In these packs; in all if empty.
    #[serde(default)]
    pub packs: Vec<String>,
    /// In these states; in all that are open if empty.
    #[serde(default)]
    pub states: Vec<String>,
    /// Whether those that ended are listed, too.
    #[serde(default)]
    pub ended: bool,
}
call!(post ListHandoffs, "/v1/handoff/list" => Handoffs);

/// Hand-offs.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Handoffs {
    /// Version.
    pub v: V1,
    /// The newest first; of an inbox the most pressing first.
    pub handoffs: Vec<HandoffLine>,
    /// How many this person put aside and are not among them.
    pub snoozed: u64,
}

/// One hand-off in a list.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct HandoffLine {
    /// Its id.
    pub id: String,
    /// Its pack.
    pub pack: PackRef,
    /// Where it stands at.
    pub sensitivity: Sensitivity,
    /// Where it stands.
    pub state: String,
    /// What is asked.
    pub mode: String,
    /// How much it presses.
    pub priority: String,
    /// Whom or what it is about.
    pub subject: String,
    /// Why, by a word.
    pub reason_code: String,
    /// From whom.
    pub from: HandoffSide,
    /// To whom.
    pub to: HandoffSide,
    /// Who has it.
    pub holder: Option<String>,
    /// Whether nobody of the sender's side has seen that yet.
    pub provisional: bool,
    /// Whose turn it is: mine, working, sent, others.
    pub side: String,
    /// Whether something about it is new to this person.
    pub unread: bool,
    /// Until when this person put it aside.
    pub snoozed_until: Option<Time>,
    /// Whether it ended without an answer.
    pub expired: bool,
    /// What is late: `accept`, `respond`, `resolve`.
    pub overdue: Vec<String>,
    /// When it was written.
    pub at: Time,
    /// When something was last done about it.
    pub changed_at: Time,
    /// By when somebody is to have taken it.
    pub accept_by: Option<Time>,
}

/// Asks for what waits for this person.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadInbox {
    /// Version.
    pub v: V1,
}
call!(get ReadInbox, "/v1/inbox" => Handoffs);

/// Says that this person has seen a hand-off, or puts it aside. Nobody else learns of it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MarkHandoff {
    /// Version.
    pub v: V1,
    /// The hand-off, by the start of its id.
    pub handoff: String,
    /// Whether it is read.
    pub read: bool,
    /// Until when it is put aside.
    #[serde(default)]
    pub snoozed_until: Option<Time>,
}
call!(post MarkHandoff, "/v1/handoff/mark" => HandoffAnswer);
