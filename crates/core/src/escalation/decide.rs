//! The decision: which rules fire for a case, which of them decides, and what guards hold back.

use super::condition::keyword;
use super::text::{Words, folded};
use super::{Action, Amount, Condition, Escalation, EscalationRule, Test};
use crate::id::Timestamp;
use crate::pack::note::{ConsentStatus, SourceKind};
use crate::policy::Sensitivity;
use std::collections::{BTreeMap, BTreeSet};

/// What is known of a case. What is not said is not so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaseFacts {
    /// What it is about, in one word.
    pub intent: Option<String>,
    /// Its tags.
    pub tags: BTreeSet<String>,
    /// What was said.
    pub text: String,
    /// By which ways its notes came in.
    pub source_kinds: BTreeSet<SourceKind>,
    /// The highest sensitivity of what it is about.
    pub sensitivity: Option<Sensitivity>,
    /// How many attempts failed.
    pub failed_attempts: u16,
    /// How sure the agent is, in thousandths.
    pub confidence: Option<u16>,
    /// Whether somebody asked for a human.
    pub user_request: bool,
    /// Fields by name.
    pub fields: BTreeMap<String, String>,
    /// Statuses of consents in it.
    pub consents: BTreeSet<ConsentStatus>,
    /// Whether a tool failed.
    pub tool_error: bool,
    /// Whether what it rests on changed since.
    pub stale: bool,
    /// Whether the agent was refused something that it needs.
    pub denied: bool,
    /// Hand-offs that are open in its context.
    pub open_in_context: u16,
    /// Hand-offs of the agent that are open.
    pub active_of_agent: u16,
    /// The time at which it is asked; without it no hours are looked at.
    pub now: Option<Timestamp>,
}

/// What is to be done with a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision<'r> {
    /// What; the agent resolves where no rule fired.
    pub action: Action,
    /// The rule that decides: reason, addressee and the rest are its.
    pub by: Option<&'r EscalationRule>,
    /// All rules that fired, in their order.
    pub fired: Vec<&'r EscalationRule>,
    /// What keeps the hand-off from being opened.
    pub held: Option<Held>,
    /// Whether it is opened and waits for hours.
    pub waits: Option<Waits>,
    /// Whether the text was longer than is looked at.
    pub text_was_cut: bool,
}

/// A guard that holds a hand-off back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Held {
    /// As many as may be are open in this context.
    OpenInContext,
    /// As many as may be of this agent's are open.
    ActiveOfAgent,
}

impl Held {
    /// The guard's name in a file of rules.
    pub const fn as_str(self) -> &'static str {
        match self {
            Held::OpenInContext => "max_open_per_context",
            Held::ActiveOfAgent => "max_active_per_agent",
        }
    }
}

/// Nobody is there now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waits {
    /// When hours begin again; none where those of several admins never meet.
    pub until: Option<Timestamp>,
}

/// What is to be done with this case by these rules.
pub fn decide<'r>(escalation: &'r Escalation, facts: &CaseFacts) -> Decision<'r> {
    let seen = Seen::of(facts);
    let mut fired = escalation.in_order();
    fired.retain(|rule| seen.meets(&rule.when));
    // Of equally strict rules the first: `max_by_key` would give the last.
    let by = fired.iter().rev().copied().max_by_key(|rule| rule.action);
    let action = by.map_or(Action::AgentResolves, |rule| rule.action);
    let opens = matches!(action, Action::Handoff | Action::AskApproval);
    let guards = &escalation.guards;
    let reached = |most: Option<u16>, are: u16| most.is_some_and(|most| are >= most);
    let held = match opens {
        false => None,
        true if reached(guards.max_open_per_context, facts.open_in_context) => {
            Some(Held::OpenInContext)
        }
        true if reached(guards.max_active_per_agent, facts.active_of_agent) => {
            Some(Held::ActiveOfAgent)
        }
        true => None,
    };
    let waits = match (opens && held.is_none(), facts.now) {
        (true, Some(now)) => guards.waits_until(now).map(|until| Waits { until }),
        _ => None,
    };
    Decision {
        action,
        by,
        fired,
        held,
        waits,
        text_was_cut: seen.text.is_cut,
    }
}

/// Facts as they are compared.
struct Seen<'f> {
    facts: &'f CaseFacts,
    intent: Option<String>,
    tags: BTreeSet<String>,
    fields: BTreeMap<String, String>,
    text: Words,
}

impl<'f> Seen<'f> {
    fn of(facts: &'f CaseFacts) -> Seen<'f> {
        let plain = |word: &String| folded(word.trim());
        let fields = facts.fields.iter();
        Seen {
            facts,
            intent: facts.intent.as_ref().map(plain),
            tags: facts.tags.iter().map(plain).collect(),
            fields: fields
                .map(|(name, value)| (plain(name), plain(value)))
                .collect(),
            text: Words::of(&facts.text),
        }
    }

    /// Whether this holds. No deeper than a checked condition is.
    fn meets(&self, condition: &Condition) -> bool {
        match condition {
            Condition::All(all) => all.iter().all(|one| self.meets(one)),
            Condition::Any(any) => any.iter().any(|one| self.meets(one)),
            Condition::Not(one) => !self.meets(one),
            Condition::Test(test) => self.passes(test),
        }
    }

    fn passes(&self, test: &Test) -> bool {
        let facts = self.facts;
        let names =
            |words: &BTreeSet<String>, word: &String| words.iter().any(|one| folded(one) == *word);
        let field = |name: &String| self.fields.get(&folded(name));
        match test {
            Test::IntentIn(words) => self.intent.as_ref().is_some_and(|word| names(words, word)),
            Test::Tag(words) => self.tags.iter().any(|word| names(words, word)),
            Test::Text(keywords) => keywords.iter().any(|text| self.text.has(&keyword(text))),
            Test::SourceKind(kinds) => !kinds.is_disjoint(&facts.source_kinds),
            Test::SensitivityMin(least) => facts.sensitivity.is_some_and(|s| s >= *least),
            Test::SensitivityMax(most) => facts.sensitivity.is_some_and(|s| s <= *most),
            Test::FailedAttemptsGte(n) => facts.failed_attempts >= *n,
            Test::ConfidenceLt(below) => facts.confidence.is_some_and(|c| c < *below),
            Test::UserRequest(is) => facts.user_request == *is,
            Test::AmountGte(name, least) => {
                let amount = field(name).and_then(|value| value.parse::<Amount>().ok());
                amount.is_some_and(|amount| amount >= *least)
            }
            Test::ConsentIn(statuses) => !statuses.is_disjoint(&facts.consents),
            Test::FieldIn(name, values) => field(name).is_some_and(|value| names(values, value)),
            Test::ToolError(is) => facts.tool_error == *is,
            Test::Stale(is) => facts.stale == *is,
            Test::Denied(is) => facts.denied == *is,
        }
    }
}
