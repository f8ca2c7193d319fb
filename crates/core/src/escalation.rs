//! When a case goes from an agent to a person: rules as data, and one pure decision.
//!
//! A pack's rules ([`EscalationRule`]) and guards ([`Guard`]) stand in its release rules
//! ([`crate::policy::rules`]), signed by an admin. [`decide`] asks them about the facts of one case:
//! the strictest rule that fires decides, of equally strict ones the first. Guards come last, hold a
//! hand-off back, and permit nothing. Nothing here looks at mood or asks a model: facts are stated by
//! whoever asks, and compared.
//! Spec: `docs/spec/escalation.md`.

mod condition;
mod decide;
mod guard;
mod reason;
mod rule;
mod text;

pub use condition::{
    Amount, CONDITION_DEPTH_MAX, CONDITION_PARTS_MAX, Condition, KEYWORD_WORDS_MAX, LIST_MAX, Test,
    WORD_BYTES_MAX,
};
pub use decide::{CaseFacts, Decision, Held, Waits, decide};
pub use guard::{Days, Guard, Guards, Hours, OffHours};
pub use reason::{REASON_BYTES_MAX, ReasonCode};
pub use rule::{
    ACCEPT_SECONDS_MAX, ACCEPT_SECONDS_MIN, Action, EscalationRule, NAME_BYTES_MAX, Name,
    RULES_MAX, RULES_TOGETHER_MAX, To,
};
pub use text::TEXT_BYTES_MAX;

use std::collections::{BTreeMap, BTreeSet};
use thiserror::Error;

/// Reason codes of its own that one pack has, at most: a list that people choose from.
pub const OWN_REASONS_MAX: usize = 32;

/// What breaks a limit of escalation rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct EscalationError(pub &'static str);

/// Escalation rules as they are in force: of all acts that count together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Escalation {
    /// Every rule, with the lowest of its places in the lists that have it.
    pub rules: BTreeMap<EscalationRule, u8>,
    /// Reason codes of the pack's own.
    pub reason_codes: BTreeSet<ReasonCode>,
    /// What holds a hand-off back.
    pub guards: Guards,
}

impl Escalation {
    /// The rules of one list.
    pub fn new(
        rules: Vec<EscalationRule>,
        reason_codes: BTreeSet<ReasonCode>,
        guard: Guard,
    ) -> Escalation {
        let mut placed = BTreeMap::new();
        for (place, rule) in rules.into_iter().enumerate() {
            placed
                .entry(rule)
                .or_insert(u8::try_from(place).unwrap_or(u8::MAX));
        }
        Escalation {
            rules: placed,
            reason_codes,
            guards: guard.into(),
        }
    }

    /// All rules of both. It matters neither which comes first nor whether one comes twice.
    #[must_use]
    pub fn and(&self, other: &Escalation) -> Escalation {
        let mut rules = self.rules.clone();
        for (rule, place) in &other.rules {
            let known = rules.entry(rule.clone()).or_insert(*place);
            *known = (*known).min(*place);
        }
        Escalation {
            rules,
            reason_codes: &self.reason_codes | &other.reason_codes,
            guards: self.guards.and(&other.guards),
        }
    }

    /// The rules in the order that decides between equally strict ones.
    pub fn in_order(&self) -> Vec<&EscalationRule> {
        let mut all: Vec<(&u8, &EscalationRule)> =
            self.rules.iter().map(|(rule, at)| (at, rule)).collect();
        all.sort();
        all.into_iter().map(|(_, rule)| rule).collect()
    }

    /// Ids that several rules have, because admins set rules apart from each other.
    pub fn ids_of_several(&self) -> BTreeSet<&Name> {
        let mut seen = BTreeSet::new();
        let ids = self.rules.keys().map(|rule| &rule.id);
        ids.filter(|id| !seen.insert(*id)).collect()
    }

    /// Whether one record can say all of this.
    pub(crate) fn fits_one_record(&self) -> bool {
        self.rules.len() <= RULES_MAX
            && self.ids_of_several().is_empty()
            && self.reason_codes.len() <= OWN_REASONS_MAX
            && self.guards.hours.len() <= 1
    }

    /// Whether nothing is ruled.
    pub fn is_empty(&self) -> bool {
        *self == Escalation::default()
    }
}

/// Checks what one record says.
/// # Errors
/// [`EscalationError`].
pub fn check(
    rules: &[EscalationRule],
    reason_codes: &BTreeSet<ReasonCode>,
    guard: &Guard,
) -> Result<(), EscalationError> {
    holds(rules.len() <= RULES_MAX, "at most 64 escalation rules")?;
    holds(
        reason_codes.len() <= OWN_REASONS_MAX,
        "at most 32 reason codes of a pack's own",
    )?;
    for code in reason_codes {
        code.check()?;
        holds(
            !code.is_known(),
            "a pack's own reason code is one that is known anyway",
        )?;
    }
    guard.check()?;
    let mut ids = BTreeSet::new();
    for rule in rules {
        rule.check()?;
        holds(ids.insert(&rule.id), "two escalation rules have one id")?;
        let says = rule.reason_code.as_ref();
        holds(
            says.is_none_or(|code| code.is_known() || reason_codes.contains(code)),
            "a rule's reason code is neither known nor among the pack's own",
        )?;
    }
    Ok(())
}

fn holds(holds: bool, text: &'static str) -> Result<(), EscalationError> {
    if holds {
        Ok(())
    } else {
        Err(EscalationError(text))
    }
}

#[cfg(test)]
mod tests;
