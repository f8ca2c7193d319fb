//! Escalation rules and teams of a pack: shown, set from a file, and changed.

use crate::call::call;
use crate::{Named, PackRef, V1};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Asks for a pack's escalation rules, guards and teams.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListEscalation {
    /// Version.
    pub v: V1,
    /// The pack.
    pub pack: String,
}

call!(post ListEscalation, "/v1/rules/list" => EscalationRules);

/// A pack's escalation rules, guards and teams.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct EscalationRules {
    /// Version.
    pub v: V1,
    /// The pack.
    pub pack: PackRef,
    /// Rules in the order that decides between equally strict ones.
    pub rules: Vec<EscalationRule>,
    /// Ids that several rules have, because admins set rules apart from each other. All of them are
    /// asked until an admin sets the rules anew.
    pub several_of: Vec<String>,
    /// Reason codes of the pack's own.
    pub reason_codes: Vec<String>,
    /// What holds a hand-off back.
    pub guard: EscalationGuard,
    /// Teams.
    pub teams: Vec<Team>,
    /// The rules as a file: what `rules set` takes.
    pub toml: String,
}

/// One escalation rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EscalationRule {
    /// Its id.
    pub id: String,
    /// When it fires, as a file says it.
    pub when: String,
    /// What is done: agent_resolves, notify, handoff, ask_approval or block.
    #[serde(rename = "do")]
    pub action: String,
    /// To whom: `team:NAME`, `person:ID` or `role:ROLE`; null if it does not say.
    pub to: Option<String>,
    /// Why, from the list.
    pub reason_code: Option<String>,
    /// How urgent.
    pub priority: Option<String>,
    /// By which template.
    pub template: Option<String>,
    /// In which time, as ISO 8601 writes it.
    pub accept_within: Option<String>,
}

/// Guards of a pack.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EscalationGuard {
    /// Open hand-offs in one context, at most.
    pub max_open_per_context: Option<u16>,
    /// Open hand-offs of one agent, at most.
    pub max_active_per_agent: Option<u16>,
    /// What becomes of one out of hours.
    pub off_hours: Option<String>,
    /// Hours, as a file says them; several only while admins said so at once, and then all have to hold.
    pub hours: Vec<String>,
}

/// A team: whom a hand-off to it is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Team {
    /// Its name.
    pub name: String,
    /// Its persons who are members of the pack.
    pub members: Vec<Named>,
    /// Persons in it who are no members, or not any more: they are left out.
    pub ignored: Vec<String>,
    /// Ids of the escalation rules that are for it.
    pub rules: Vec<String>,
}

/// Sets a pack's escalation rules, or says what that would do.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetEscalation {
    /// Version.
    pub v: V1,
    /// The pack.
    pub pack: String,
    /// A file of rules, all of them: what it does not say is not ruled. Persons go by the names that
    /// members of the pack tell, or by the start of their ids.
    pub toml: String,
    /// Whether only to say what would happen.
    #[serde(default)]
    pub dry_run: bool,
}

call!(post SetEscalation, "/v1/rules/set" => EscalationSet);

/// What setting escalation rules does or would do.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct EscalationSet {
    /// Version.
    pub v: V1,
    /// The pack.
    pub pack: PackRef,
    /// Whether it changes anything; if not, nothing was written.
    pub changes: bool,
    /// Whether nothing was done.
    pub dry_run: bool,
    /// Ids of rules that are new.
    pub added: Vec<String>,
    /// Ids of rules that are others than before.
    pub changed: Vec<String>,
    /// Ids of rules that are gone.
    pub removed: Vec<String>,
    /// The rules afterwards.
    pub rules: Vec<EscalationRule>,
    /// Reason codes of the pack's own, afterwards.
    pub reason_codes: Vec<String>,
    /// Guards afterwards.
    pub guard: EscalationGuard,
}

/// Changes one team, or says what that would do.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeTeam {
    /// Version.
    pub v: V1,
    /// The pack.
    pub pack: String,
    /// The team's name.
    pub team: String,
    /// What becomes of it.
    pub change: TeamChange,
    /// Who: names or starts of ids; of members when they come in.
    #[serde(default)]
    pub persons: Vec<String>,
    /// Whether only to say what would happen.
    #[serde(default)]
    pub dry_run: bool,
}

call!(post ChangeTeam, "/v1/team/change" => TeamChanged);

/// What becomes of a team.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TeamChange {
    /// It is made, of these persons.
    Create,
    /// These come in.
    Add,
    /// These go.
    Remove,
    /// It is not any more.
    Delete,
}

/// What a change of a team does or would do.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct TeamChanged {
    /// Version.
    pub v: V1,
    /// The pack.
    pub pack: PackRef,
    /// Whether it changes anything; if not, nothing was written.
    pub changes: bool,
    /// Whether nothing was done.
    pub dry_run: bool,
    /// The team afterwards; null if it is gone.
    pub team: Option<Team>,
}

/// Teams of a pack, as a command shows them.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Teams {
    /// Version.
    pub v: V1,
    /// The pack.
    pub pack: PackRef,
    /// Teams by name.
    pub teams: Vec<Team>,
}
