//! One rule: its condition, and what is done when it holds.

use super::{Condition, EscalationError, ReasonCode, holds};
use crate::handoff::Priority;
use crate::id::PersonId;
use crate::pack::note::{UnknownWord, words};
use crate::policy::Role;
use minicbor::{Decode, Encode};
use std::fmt;
use std::str::FromStr;

/// Rules in one list, at most: a list that people read.
pub const RULES_MAX: usize = 64;
/// Rules of several lists together, at most: it bounds what one decision asks.
pub const RULES_TOGETHER_MAX: usize = 4 * RULES_MAX;
/// Bytes of a rule's id, of a team's and of a template's name, at most.
pub const NAME_BYTES_MAX: usize = 48;
/// Seconds in which a hand-off is to be accepted, at least: less is no time for a person.
pub const ACCEPT_SECONDS_MIN: u32 = 60;
/// The same, at most: ninety days.
pub const ACCEPT_SECONDS_MAX: u32 = 90 * 24 * 60 * 60;

/// When something is done with a case, and what.
///
/// Ordered by its fields, so that rules of several lists have one order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(map)]
pub struct EscalationRule {
    /// Its id; one rule of a list has it.
    #[n(0)]
    pub id: Name,
    /// When it fires.
    #[n(1)]
    pub when: Condition,
    /// What is done.
    #[n(2)]
    pub action: Action,
    /// To whom.
    #[n(3)]
    pub to: Option<To>,
    /// Why, from the list.
    #[n(4)]
    pub reason_code: Option<ReasonCode>,
    /// How urgent.
    #[n(5)]
    pub priority: Option<Priority>,
    /// By which template the note is written.
    #[n(6)]
    pub template: Option<Name>,
    /// Seconds in which it is to be accepted.
    #[n(7)]
    pub accept_within: Option<u32>,
}

impl EscalationRule {
    pub(super) fn check(&self) -> Result<(), EscalationError> {
        self.id.check()?;
        self.when.check()?;
        if let Some(To::Team(team)) = &self.to {
            team.check()?;
        }
        self.reason_code
            .as_ref()
            .map_or(Ok(()), ReasonCode::check)?;
        self.template.as_ref().map_or(Ok(()), Name::check)?;
        let range = ACCEPT_SECONDS_MIN..=ACCEPT_SECONDS_MAX;
        holds(
            self.accept_within.is_none_or(|s| range.contains(&s)),
            "the time to accept is between one minute and 90 days",
        )
    }
}

/// The name of a rule, a team or a template: it is typed, so it has one spelling.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Name(#[n(0)] String);

impl Name {
    /// A name.
    ///
    /// # Errors
    /// [`EscalationError`] for what is none.
    pub fn new(name: &str) -> Result<Name, EscalationError> {
        let name = Name(name.to_owned());
        name.check()?;
        Ok(name)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn check(&self) -> Result<(), EscalationError> {
        let begins = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let plain = |c: char| begins(c) || matches!(c, '.' | '_' | '-');
        holds(
            (1..=NAME_BYTES_MAX).contains(&self.0.len())
                && self.0.starts_with(begins)
                && self.0.chars().all(plain),
            "a name is one to 48 of a to z, digits, '.', '_' and '-', the first a letter or digit",
        )
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// To whom a case goes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum To {
    /// One person.
    #[n(0)]
    Person(#[n(0)] PersonId),
    /// Any member of a team.
    #[n(1)]
    Team(#[n(0)] Name),
    /// Any member of a role.
    #[n(2)]
    Role(#[n(0)] Role),
}

words! {
    /// What is done with a case. Ordered: the strictest last.
    Action, "action" {
        /// The agent goes on alone.
        AgentResolves: 0 = "agent_resolves",
        /// Somebody is told; the agent goes on.
        Notify: 1 = "notify",
        /// A person takes it over.
        Handoff: 2 = "handoff",
        /// A person says yes or no first.
        AskApproval: 3 = "ask_approval",
        /// Nothing is done until what blocks it is gone.
        Block: 4 = "block",
    }
}
