//! Escalation rules and teams into documents.

use kitbag_engine as engine;
use kitbag_rpc as rpc;
use std::collections::{BTreeMap, BTreeSet};

pub(crate) fn rules(of: &engine::Escalation) -> Vec<rpc::EscalationRule> {
    of.in_order().into_iter().map(rule).collect()
}

fn rule(rule: &engine::EscalationRule) -> rpc::EscalationRule {
    rpc::EscalationRule {
        id: rule.id.to_string(),
        when: kitbag_rules::condition_in_words(&rule.when),
        action: rule.action.as_str().to_owned(),
        to: rule.to.as_ref().map(kitbag_rules::to_in_words),
        reason_code: rule.reason_code.as_ref().map(ToString::to_string),
        priority: rule.priority.map(|priority| priority.as_str().to_owned()),
        template: rule.template.as_ref().map(ToString::to_string),
        accept_within: rule.accept_within.map(kitbag_rules::duration),
    }
}

pub(crate) fn codes(of: &engine::Escalation) -> Vec<String> {
    of.reason_codes.iter().map(ToString::to_string).collect()
}

pub(crate) fn guard(guards: &engine::Guards) -> rpc::EscalationGuard {
    rpc::EscalationGuard {
        max_open_per_context: guards.max_open_per_context,
        max_active_per_agent: guards.max_active_per_agent,
        off_hours: guards.off_hours.map(|off| off.as_str().to_owned()),
        hours: (guards.hours.iter())
            .map(kitbag_rules::hours_in_words)
            .collect(),
    }
}

/// The rules as a file.
pub(crate) fn file(of: &engine::Escalation) -> String {
    kitbag_rules::write(&of.in_order(), &of.reason_codes, &of.guards.one())
}

/// Teams of rules, with the names of those who are members.
pub(crate) fn teams(
    rules: &engine::ReleaseRules,
    members: &[engine::MemberView],
) -> Vec<rpc::Team> {
    let known: BTreeMap<_, _> = members.iter().map(|one| (one.person, one)).collect();
    let teams = rules.teams.iter().map(|(name, persons)| {
        let (are, not): (Vec<_>, Vec<_>) = persons
            .iter()
            .partition(|person| known.contains_key(*person));
        let for_it = |rule: &&engine::EscalationRule| {
            rule.to == Some(engine::EscalationTo::Team(name.clone()))
        };
        let for_it = rules.escalation.rules.keys().filter(for_it);
        let ids: BTreeSet<String> = for_it.map(|rule| rule.id.to_string()).collect();
        rpc::Team {
            name: name.to_string(),
            members: (are.into_iter())
                .map(|person: &engine::PersonId| rpc::Named {
                    person: person.to_string(),
                    name: known[person].name.clone(),
                    is_me: known[person].is_me,
                })
                .collect(),
            ignored: not.into_iter().map(ToString::to_string).collect(),
            rules: ids.into_iter().collect(),
        }
    });
    teams.collect()
}
