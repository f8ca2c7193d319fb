//! Release rules: what may leave a pack, to where; and changing them.

use crate::call::call;
use crate::{PackRef, Sensitivity, V1};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Changes a pack's release rules, or says what that would do.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetRules {
    /// Version.
    pub v: V1,
    /// The pack.
    pub pack: String,
    /// Begin from no rules, whatever there are: the way out where they cannot be read.
    #[serde(default)]
    pub replace: bool,
    /// Let the pack's notes go from one client to another, where the client is another one then.
    #[serde(default)]
    pub across_clients: bool,
    /// The client that the pack belongs to.
    #[serde(default)]
    pub client: Option<Setting<String>>,
    /// case, account, project, library or inbox.
    #[serde(default)]
    pub kind: Option<Setting<String>>,
    /// A note for which nobody says a sensitivity has at least this one.
    #[serde(default)]
    pub default_sensitivity: Option<Setting<Sensitivity>>,
    /// By destination: export, pack, agent or handoff.
    #[serde(default)]
    pub limits: BTreeMap<String, SetLimits>,
    /// Ids that count as personal data, by how they are written: all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ids: Option<Setting<Vec<NamedId>>>,
    /// Fields whose values count as personal data: all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_fields: Option<Setting<Vec<NamedField>>>,
    /// Days that notes may be kept after they were captured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_days: Option<Setting<u32>>,
    /// Whether only to say what would happen.
    #[serde(default)]
    pub dry_run: bool,
}
call!(post SetRules, "/v1/policy/set" => RulesChanged);

/// What becomes of one point; one that is absent stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Setting<T> {
    /// Not ruled any more.
    Clear,
    /// This.
    To(T),
}

/// Ids that a pack names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NamedId {
    /// How they are written: `#` is a digit, `@` a letter, `*` one or more of both, anything else itself.
    pub form: String,
    /// What kind of personal data they are.
    pub kind: String,
}

/// A field whose values a pack names as ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NamedField {
    /// Its name.
    pub name: String,
    /// What kind of personal data they are.
    pub kind: String,
}

/// What becomes of what may go to one destination.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetLimits {
    /// The highest sensitivity.
    #[serde(default)]
    pub max_sensitivity: Option<Setting<Sensitivity>>,
    /// The formats in which it may go.
    #[serde(default)]
    pub formats: Option<Setting<Vec<String>>>,
    /// What it may be for; an empty list means anything that is named.
    #[serde(default)]
    pub purposes: Option<Setting<Vec<String>>>,
    /// Kinds of personal data that go only with a consent that was given.
    #[serde(default)]
    pub require_consent: Option<Setting<Vec<String>>>,
    /// Whether personal data stays unless it is taken out.
    #[serde(default)]
    pub redact_pii: Option<bool>,
}

/// What a change of rules does or would do.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RulesChanged {
    /// Version.
    pub v: V1,
    /// The pack.
    pub pack: PackRef,
    /// Whether it changes anything; if not, nothing was written.
    pub changes: bool,
    /// Whether nothing was done.
    pub dry_run: bool,
    /// What is in force before; null if it cannot be read here.
    pub before: Option<PackRules>,
    /// What is in force afterwards.
    pub after: PackRules,
    /// How many notes go from one client to another by it, because a person said that they may.
    pub crossing: u64,
}

/// The release rules of a pack.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PackRules {
    /// The client that it belongs to. Several only while admins said so at once: an admin has to say
    /// which, and nothing leaves until then.
    pub clients: Vec<String>,
    /// What kind of pack it is; several as with clients.
    pub kinds: Vec<String>,
    /// A note for which nobody says a sensitivity has at least this one.
    pub default_sensitivity: Option<Sensitivity>,
    /// What may leave in an export.
    pub export: PackLimits,
    /// What may be moved, copied or derived into another pack.
    pub pack: PackLimits,
    /// What an agent may read.
    pub agent: PackLimits,
    /// What may be cited in a hand-off.
    pub handoff: PackLimits,
    /// Ids that count as personal data.
    #[serde(default)]
    pub ids: Vec<NamedId>,
    /// Fields whose values count as personal data.
    #[serde(default)]
    pub id_fields: Vec<NamedField>,
    /// Days that notes may be kept after they were captured; null if that is not ruled.
    #[serde(default)]
    pub retention_days: Option<u32>,
    /// Ids of its escalation rules; `kitbag rules list` has the rest.
    #[serde(default)]
    pub escalation: Vec<String>,
    /// Names of its teams.
    #[serde(default)]
    pub teams: Vec<String>,
}

/// What may go to one destination.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PackLimits {
    /// The highest sensitivity; null if that is not ruled.
    pub max_sensitivity: Option<Sensitivity>,
    /// The formats in which it may go; null for any.
    pub formats: Option<Vec<String>>,
    /// Whether a purpose has to be named.
    pub purpose_required: bool,
    /// What it may be for; null for anything.
    pub purposes: Option<Vec<String>>,
    /// Kinds of personal data that go only with a consent that was given.
    pub require_consent: Vec<String>,
    /// Whether personal data stays unless it is taken out.
    pub redact_pii: bool,
}

/// Whether a note may leave by one way, and the one rule that decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReleaseShown {
    /// Where to: export.
    pub destination: String,
    /// Whether it may.
    pub allowed: bool,
    /// The rule that keeps it in: `consent withdrawn`, `wall client`, `rule export.max_sensitivity`, ….
    pub rule: Option<String>,
}
