//! Escalation rules and teams of a pack.

use super::{Answered, Served};
use crate::convert::escalation as convert;
use crate::failure::failed;
use kitbag_engine::{self as engine, PackId, PersonId, RulesChange, Setting};
use kitbag_rpc::{
    ChangeTeam, Code, EscalationRules, EscalationSet, Failure, ListEscalation, SetEscalation, Team,
    TeamChange, TeamChanged, V1,
};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// Persons that one file of rules or one change of a team names, at most: each is looked up.
const PERSONS_MAX: usize = 64;

pub(super) async fn list(served: Served, call: ListEscalation) -> Answered<EscalationRules> {
    let id = served.pack(call.pack).await?;
    let rules = served.rules_in_force(id).await?;
    let members = served.engine.members(id).await.map_err(|e| failed(&e))?;
    let of = &rules.escalation;
    Ok(EscalationRules {
        v: V1,
        pack: served.pack_ref(id).await?,
        rules: convert::rules(of),
        several_of: of
            .ids_of_several()
            .iter()
            .map(ToString::to_string)
            .collect(),
        reason_codes: convert::codes(of),
        guard: convert::guard(&of.guards),
        teams: convert::teams(&rules, &members),
        toml: convert::file(of),
    })
}

pub(super) async fn set(served: Served, call: SetEscalation) -> Answered<EscalationSet> {
    let id = served.pack(call.pack).await?;
    let pack = served.pack_ref(id).await?; // first: nothing may fail once it is done
    let file = served.rule_file(id, &call.toml).await?;
    let before = served.rules_in_force(id).await?;
    if let Some(team) = (file.teams().into_iter()).find(|team| !before.teams.contains_key(*team)) {
        let message = format!("team:{team}: the pack has no team of this name");
        let hint = format!("make it first: kitbag team create {team} --pack PACK");
        return Err(Failure::new(Code::BadInput, message).hint(hint));
    }
    let change = RulesChange {
        escalation: Setting::To(file.rules),
        reason_codes: Setting::To(file.reason_codes),
        guard: Setting::To(file.guard),
        ..RulesChange::default()
    };
    let changed = served
        .engine
        .change_rules(id, change, call.dry_run, served.via());
    let changed = changed.await.map_err(|e| failed(&e))?;
    let after = &changed.after.escalation;
    let by_id = |of: &engine::Escalation| -> BTreeMap<String, Vec<engine::EscalationRule>> {
        let mut all: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for rule in of.rules.keys() {
            all.entry(rule.id.to_string())
                .or_default()
                .push(rule.clone());
        }
        all
    };
    let (was, is) = (by_id(&before.escalation), by_id(after));
    let missing = |from: &BTreeMap<String, _>, of: &BTreeMap<String, _>| -> Vec<String> {
        of.keys()
            .filter(|id| !from.contains_key(*id))
            .cloned()
            .collect()
    };
    Ok(EscalationSet {
        v: V1,
        pack,
        changes: changed.changes,
        dry_run: call.dry_run,
        added: missing(&was, &is),
        removed: missing(&is, &was),
        changed: (is.iter())
            .filter(|(id, rule)| was.get(*id).is_some_and(|before| before != *rule))
            .map(|(id, _)| id.clone())
            .collect(),
        rules: convert::rules(after),
        reason_codes: convert::codes(after),
        guard: convert::guard(&after.guards),
    })
}

pub(super) async fn change_team(served: Served, call: ChangeTeam) -> Answered<TeamChanged> {
    let id = served.pack(call.pack).await?;
    let pack = served.pack_ref(id).await?; // first: nothing may fail once it is done
    let name = engine::Name::new(&call.team)
        .map_err(|error| Failure::new(Code::BadInput, format!("team: {error}")))?;
    if call.persons.len() > PERSONS_MAX {
        return Err(Failure::new(Code::BadInput, "persons: at most 64 at once"));
    }
    let members = served.engine.members(id).await.map_err(|e| failed(&e))?;
    let mut persons = BTreeSet::new();
    for word in call.persons {
        let (person, shown) = served.person(id, word).await?;
        let comes = matches!(call.change, TeamChange::Create | TeamChange::Add);
        if comes && !members.iter().any(|member| member.person == person) {
            let message = format!("{shown} is no member of the pack");
            let hint = "a team says whom a hand-off is for; to let somebody in: kitbag share PACK";
            return Err(Failure::new(Code::BadInput, message).hint(hint));
        }
        persons.insert(person);
    }
    let change = match call.change {
        TeamChange::Create => engine::TeamChange::Create(persons),
        TeamChange::Add => engine::TeamChange::Add(persons),
        TeamChange::Remove => engine::TeamChange::Remove(persons),
        TeamChange::Delete => engine::TeamChange::Delete,
    };
    let change = RulesChange {
        teams: [(name.clone(), change)].into(),
        ..RulesChange::default()
    };
    let changed = served
        .engine
        .change_rules(id, change, call.dry_run, served.via());
    let changed = changed.await.map_err(|e| failed(&e))?;
    let teams: Vec<Team> = convert::teams(&changed.after, &members);
    Ok(TeamChanged {
        v: V1,
        pack,
        changes: changed.changes,
        dry_run: call.dry_run,
        team: teams.into_iter().find(|team| team.name == name.as_str()),
    })
}

impl Served {
    async fn rules_in_force(&self, pack: PackId) -> Answered<engine::ReleaseRules> {
        let rules = self.engine.rules_in_force(pack).await;
        rules.map_err(|e| failed(&e))
    }

    /// Reads a file of rules: first for the persons that it names, then with them.
    async fn rule_file(&self, pack: PackId, toml: &str) -> Answered<kitbag_rules::RuleFile> {
        let bad = |error: kitbag_rules::FileError| Failure::new(Code::BadInput, error.to_string());
        let named = {
            let named = RefCell::new(BTreeSet::new());
            kitbag_rules::read(toml, &|who| {
                named.borrow_mut().insert(who.trim().to_owned());
                kitbag_rules::person_in(who)
            })
            .map_err(bad)?;
            named.into_inner()
        };
        if named.len() > PERSONS_MAX {
            return Err(Failure::new(
                Code::BadInput,
                "the file names more than 64 persons",
            ));
        }
        let mut persons: BTreeMap<String, PersonId> = BTreeMap::new();
        for who in named {
            let (person, _) = self.person(pack, who.clone()).await?;
            persons.insert(who, person);
        }
        let found = |who: &str| {
            let person = persons.get(who.trim()).copied();
            person.ok_or_else(|| "nobody of this name".to_owned())
        };
        kitbag_rules::read(toml, &found).map_err(bad)
    }
}
