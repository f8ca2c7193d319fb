//! What rules would have decided on cases, beside what should have been.

use crate::Case;
use kitbag_core::escalation::{Action, Escalation, decide};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// Cases that do not agree and are listed, at most: what somebody looks through.
pub const MISSES_MAX: usize = 50;

/// A replay of cases.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Replay {
    /// How many cases.
    pub cases: u64,
    /// How many were decided as expected.
    pub agree: u64,
    /// How many were decided so, by what was expected, then by what was decided; all actions.
    pub matrix: BTreeMap<&'static str, BTreeMap<&'static str, u64>>,
    /// By action.
    pub actions: BTreeMap<&'static str, ActionCount>,
    /// By rule, in their order.
    pub rules: Vec<RuleCount>,
    /// Cases for which no rule fired.
    pub no_rule: u64,
    /// Cases whose hand-off a guard would have held back.
    pub held: u64,
    /// Cases whose hand-off would have waited for hours.
    pub waited: u64,
    /// Cases of which not the whole text was looked at.
    pub text_cut: u64,
    /// Cases that do not agree: the first fifty.
    pub misses: Vec<Miss>,
}

/// One action in a replay.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct ActionCount {
    /// How many cases expected it.
    pub expected: u64,
    /// How many were decided so.
    pub decided: u64,
    /// Of those that were decided so, the share that expected it; null if none were.
    pub precision: Option<f64>,
    /// Of those that expected it, the share that was decided so; null if none did.
    pub recall: Option<f64>,
}

/// One rule in a replay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RuleCount {
    /// Its id.
    pub id: String,
    /// What it does.
    #[serde(rename = "do")]
    pub action: &'static str,
    /// For how many cases it fired.
    pub fired: u64,
    /// How many it decided.
    pub decided: u64,
    /// How many of these agree.
    pub agree: u64,
}

/// A case that was decided otherwise than expected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Miss {
    /// Its name.
    pub case: String,
    /// What was expected.
    pub expected: &'static str,
    /// What was decided.
    pub decided: &'static str,
    /// Ids of the rules that fired.
    pub fired: Vec<String>,
}

/// Asks rules about each case.
pub fn replay(escalation: &Escalation, cases: &[Case]) -> Replay {
    let zeros = || {
        Action::ALL
            .iter()
            .map(|action| (action.as_str(), 0))
            .collect()
    };
    let mut all = Replay {
        cases: cases.len() as u64,
        matrix: Action::ALL
            .iter()
            .map(|action| (action.as_str(), zeros()))
            .collect(),
        ..Replay::default()
    };
    let rules = escalation.in_order();
    let mut counts: Vec<RuleCount> = (rules.iter())
        .map(|rule| RuleCount {
            id: rule.id.as_str().to_owned(),
            action: rule.action.as_str(),
            fired: 0,
            decided: 0,
            agree: 0,
        })
        .collect();
    for case in cases {
        let decision = decide(escalation, &case.facts);
        let agrees = decision.action == case.expected;
        let (expected, decided) = (case.expected.as_str(), decision.action.as_str());
        if let Some(n) = all
            .matrix
            .get_mut(expected)
            .and_then(|row| row.get_mut(decided))
        {
            *n += 1;
        }
        all.agree += u64::from(agrees);
        all.no_rule += u64::from(decision.by.is_none());
        all.held += u64::from(decision.held.is_some());
        all.waited += u64::from(decision.waits.is_some());
        all.text_cut += u64::from(decision.text_was_cut);
        // Both are in the same order.
        let mut fired = decision.fired.iter().copied().peekable();
        for (rule, count) in rules.iter().zip(&mut counts) {
            if fired.next_if(|one| std::ptr::eq(*one, *rule)).is_some() {
                count.fired += 1;
                let decides = decision.by.is_some_and(|by| std::ptr::eq(by, *rule));
                count.decided += u64::from(decides);
                count.agree += u64::from(decides && agrees);
            }
        }
        if !agrees && all.misses.len() < MISSES_MAX {
            all.misses.push(Miss {
                case: case.name.clone(),
                expected,
                decided,
                fired: (decision.fired.iter())
                    .map(|rule| rule.id.as_str().to_owned())
                    .collect(),
            });
        }
    }
    all.rules = counts;
    for action in Action::ALL.iter().map(|action| action.as_str()) {
        let expected = all.matrix[action].values().sum();
        let decided = all.matrix.values().map(|row| row[action]).sum();
        let agree = all.matrix[action][action];
        let share = |of: u64| (of > 0).then(|| rounded(agree, of));
        let count = ActionCount {
            expected,
            decided,
            precision: share(decided),
            recall: share(expected),
        };
        all.actions.insert(action, count);
    }
    all
}

/// A share with four places.
fn rounded(part: u64, of: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "at most 100,000 of each")]
    let share = part as f64 / of as f64;
    (share * 10_000.0).round() / 10_000.0
}
