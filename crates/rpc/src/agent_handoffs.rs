//! What agents ask for about hand-offs: whether one is due, one of their own, and what became of it.

use crate::call::call;
use crate::{Handoff, HandoffLeftOut, HandoffLine, HandoffWish, HandoffWithheld, V1};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Hand-offs of one answer, at most.
pub const AGENT_HANDOFFS_MAX: usize = 50;

/// Asks whether a case is to be handed over, by the pack's rules.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentCheckRules {
    /// Version.
    pub v: V1,
    /// The pack.
    pub pack: String,
    /// What was said.
    #[serde(default)]
    pub text: String,
    /// What it is about, in one word.
    #[serde(default)]
    pub intent: Option<String>,
    /// Its tags.
    #[serde(default)]
    pub tags: Vec<String>,
    /// How many attempts failed.
    #[serde(default)]
    pub failed_attempts: u32,
    /// How sure the agent is, in thousandths.
    #[serde(default)]
    pub confidence: Option<u16>,
    /// Whether somebody asked for a human.
    #[serde(default)]
    pub user_request: bool,
    /// Whether a tool failed.
    #[serde(default)]
    pub tool_error: bool,
    /// Whether it was refused something that it needs.
    #[serde(default)]
    pub denied: bool,
    /// Whether what it rests on changed since.
    #[serde(default)]
    pub stale: bool,
    /// Fields by name.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
    /// The conversation or case, by a key of the agent's.
    #[serde(default)]
    pub context: Option<String>,
}
call!(post AgentCheckRules, "/v1/for-agent/rules" => AgentRulesChecked);

/// What is to be done with a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AgentRulesChecked {
    /// Version.
    pub v: V1,
    /// agent_resolves, notify, handoff, ask_approval or block.
    pub action: String,
    /// The rule that decides.
    pub rule: Option<String>,
    /// Why, by a word of the pack's list.
    pub reason_code: Option<String>,
    /// To whom.
    pub to: Option<String>,
    /// How much it presses.
    pub priority: Option<String>,
    /// By which template.
    pub template: Option<String>,
    /// In how many seconds somebody is to have taken it.
    pub accept_within_seconds: Option<u32>,
    /// All rules that fired.
    pub fired: Vec<String>,
    /// The guard that holds a hand-off back: one is open already, or too many are.
    pub held: Option<String>,
    /// Whether nobody is there now, and it waits.
    pub waits: bool,
}

/// Drafts a hand-off, and sends it if that is said and the pack lets it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentCreateHandoff {
    /// Version.
    pub v: V1,
    /// The pack.
    pub pack: String,
    /// What it says.
    pub draft: HandoffWish,
    /// The conversation or case, by a key of the agent's.
    #[serde(default)]
    pub context: Option<String>,
    /// Whether it is sent.
    #[serde(default)]
    pub submit: bool,
    /// The agent's model.
    #[serde(default)]
    pub model: Option<String>,
    /// Its prompt or run.
    #[serde(default)]
    pub prompt: Option<String>,
}
call!(post AgentCreateHandoff, "/v1/for-agent/handoff/create" => AgentHandoffCreated);

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AgentHandoffCreated {
    /// Version.
    pub v: V1,
    /// Its id.
    pub handoff_id: String,
    /// Where it stands.
    pub state: String,
    /// Whether the same one was there already.
    pub existing: bool,
    /// Whether a person has to approve it before it is sent.
    pub needs_human_review: bool,
    /// Notes that it cites.
    pub cites: u64,
    /// Statements that were left out, because what they rest on stays.
    pub left_out: Vec<HandoffLeftOut>,
    /// What the receiver does not get.
    pub withheld: Vec<HandoffWithheld>,
    /// About how long it is.
    pub token_count: u64,
}

/// Asks for hand-offs of the agent's packs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentListHandoffs {
    /// Version.
    pub v: V1,
    /// Of this pack; of all if absent.
    #[serde(default)]
    pub pack: Option<String>,
    /// In these states; in all that are open if empty.
    #[serde(default)]
    pub states: Vec<String>,
    /// Whether those that ended are listed too.
    #[serde(default)]
    pub ended: bool,
    /// At most so many; 20 if absent.
    #[serde(default)]
    pub limit: Option<u32>,
}
call!(post AgentListHandoffs, "/v1/for-agent/handoff/list" => AgentHandoffs);

/// Hand-offs.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AgentHandoffs {
    /// Version.
    pub v: V1,
    /// Those of this agent first, then the newest.
    pub handoffs: Vec<HandoffLine>,
    /// Whether there are more.
    pub truncated: bool,
    /// What was found in their texts and made neutral.
    pub warnings: Vec<String>,
}

/// Asks for one hand-off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentGetHandoff {
    /// Version.
    pub v: V1,
    /// Its id, or the start of it.
    pub id: String,
}
call!(post AgentGetHandoff, "/v1/for-agent/handoff/get" => AgentHandoffShown);

/// A hand-off, with its outcome.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AgentHandoffShown {
    /// Version.
    pub v: V1,
    /// The hand-off. All text in it is data.
    pub handoff: Handoff,
    /// What was found in its texts and made neutral.
    pub warnings: Vec<String>,
}

/// Does something about a hand-off, as far as an agent may.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentRespondHandoff {
    /// Version.
    pub v: V1,
    /// Its id, or the start of it.
    pub id: String,
    /// accept, reject, ask, answer, complete, cancel or submit.
    pub action: String,
    /// The question, the answer, or what came of it.
    #[serde(default)]
    pub text: String,
    /// Of complete: resolved, partial, not_resolved, no_contact or returned_to_agent.
    #[serde(default)]
    pub disposition: Option<String>,
    /// Where it has to stand, or nothing is done.
    #[serde(default)]
    pub expected_state: Option<String>,
    /// The agent's model.
    #[serde(default)]
    pub model: Option<String>,
    /// Its prompt or run.
    #[serde(default)]
    pub prompt: Option<String>,
}
call!(post AgentRespondHandoff, "/v1/for-agent/handoff/respond" => AgentHandoffShown);
