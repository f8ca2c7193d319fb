//! Agents of a device, and what one of them learns about itself.

use crate::call::call;
use crate::{PackRef, Secret, Sensitivity, Time, V1};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::{Path, PathBuf};

/// What an agent may ask for.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum AgentScope {
    /// Opens notes.
    Read,
    /// Looks for notes and lists them.
    Search,
    /// Adds notes.
    Add,
    /// Changes notes.
    Update,
    /// Hands work over, and asks what became of it.
    Handoff,
    /// Says whether what it read was of use.
    Feedback,
}

impl AgentScope {
    /// All of them.
    pub const ALL: [AgentScope; 6] = [
        Self::Read,
        Self::Search,
        Self::Add,
        Self::Update,
        Self::Handoff,
        Self::Feedback,
    ];

    /// The word in commands and documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Search => "search",
            Self::Add => "add",
            Self::Update => "update",
            Self::Handoff => "handoff",
            Self::Feedback => "feedback",
        }
    }
}

impl fmt::Display for AgentScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Where the home keeps the secret of an agent that `kitbag mcp` starts: a file for its owner alone.
pub fn agent_secret_file(home: &Path, name: &str) -> PathBuf {
    home.join("agents").join(format!("{name}.secret"))
}

/// An agent asks who it is. Takes none of its scopes and none of its tokens.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentWhoAmI {
    /// Version.
    pub v: V1,
}
call!(get AgentWhoAmI, "/v1/agent/me" => AgentMe);

/// What an agent may, as it is told.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AgentMe {
    /// Version.
    pub v: V1,
    /// Its name.
    pub name: String,
    /// The packs that it may use.
    pub packs: Vec<AgentMePack>,
    /// The most sensitive that it may open.
    pub clearance: Sensitivity,
    /// What it may ask for.
    pub scopes: Vec<AgentScope>,
    /// Whether what it writes waits for a person.
    pub proposes: bool,
    /// What it reads for, as consents name it.
    pub purpose: Option<String>,
    /// When its time is over.
    pub expires_at: Time,
    /// Tokens that it may be handed in a day.
    pub max_tokens: u64,
    /// How many of them are left today.
    pub tokens_left: u64,
}

/// A pack as an agent may know it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AgentMePack {
    /// Which. Its title is empty if that stands above the agent's clearance.
    pub pack: PackRef,
    /// The highest that the agent opens there; null if its person opens nothing there any more.
    pub clearance: Option<Sensitivity>,
}

/// Adds an agent to this device.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AddAgent {
    /// Version.
    pub v: V1,
    /// What it is called.
    pub name: String,
    /// The packs that it may use.
    pub packs: Vec<String>,
    /// The most sensitive that it may open; `internal` if nobody says.
    #[serde(default)]
    pub clearance: Option<Sensitivity>,
    /// What it may ask for; `read` and `search` if nobody says.
    #[serde(default)]
    pub scopes: Option<Vec<AgentScope>>,
    /// For how long, in milliseconds; 30 days if nobody says.
    #[serde(default)]
    pub ttl_millis: Option<u64>,
    /// Tokens that it may be handed in a day; 200,000 if nobody says.
    #[serde(default)]
    pub max_tokens: Option<u64>,
    /// Whether what it writes waits for a person.
    #[serde(default)]
    pub proposes: bool,
    /// What it reads for, as consents name it.
    #[serde(default)]
    pub purpose: Option<String>,
    /// Where what it reads goes; its model's provider if nobody says.
    #[serde(default)]
    pub reads_go_to: Option<String>,
    /// The PIN that unlocks sessions from now on: with the first agent, on a device without a passphrase.
    #[serde(default)]
    pub pin: Option<Secret>,
    /// Only says what that would be.
    #[serde(default)]
    pub dry_run: bool,
}
call!(post AddAgent, "/v1/agent/add" => AgentAdded);

/// An agent was added.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AgentAdded {
    /// Version.
    pub v: V1,
    /// The agent.
    pub agent: AgentShown,
    /// Its secret, this once; null in a dry run.
    pub secret: Option<Secret>,
    /// What it can open in its packs today.
    pub opens: Vec<AgentOpens>,
    /// Whether nothing was done.
    pub dry_run: bool,
}

/// How much of a pack an agent can open.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AgentOpens {
    /// Which pack.
    pub pack: PackRef,
    /// Notes up to the agent's clearance; the pack's rules and consents decide about each when it is read.
    pub notes: u64,
}

/// An agent of this device.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AgentShown {
    /// Its id; a name can be given again.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether it may act.
    pub state: AgentState,
    /// The packs that it may use; one that is gone goes by its id.
    pub packs: Vec<PackRef>,
    /// The most sensitive that it may open.
    pub clearance: Sensitivity,
    /// What it may ask for.
    pub scopes: Vec<AgentScope>,
    /// When it was added.
    pub created_at: Time,
    /// When its time is over.
    pub expires_at: Time,
    /// When it was revoked.
    pub revoked_at: Option<Time>,
    /// Tokens that it may be handed in a day.
    pub max_tokens: u64,
    /// How many of them are left today.
    pub tokens_left: u64,
    /// Whether what it writes waits for a person.
    pub proposes: bool,
    /// What it reads for, as consents name it.
    pub purpose: Option<String>,
    /// Where what it reads goes, in a person's words.
    pub reads_go_to: String,
}

/// Whether an agent may act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AgentState {
    /// It may.
    Active,
    /// A person told it to wait.
    Paused,
    /// Its time is over.
    Expired,
    /// A person ended it.
    Revoked,
}

/// The agents of this device.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListAgents {
    /// Version.
    pub v: V1,
}
call!(get ListAgents, "/v1/agent/list" => AgentsShown);

/// The agents of this device, in the order in which they came.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AgentsShown {
    /// Version.
    pub v: V1,
    /// Those.
    pub agents: Vec<AgentShown>,
}

/// Tells an agent to wait, or to go on.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PauseAgent {
    /// Version.
    pub v: V1,
    /// Which.
    pub name: String,
    /// Whether it goes on.
    #[serde(default)]
    pub resume: bool,
}
call!(post PauseAgent, "/v1/agent/pause" => AgentChanged);

/// Ends an agent for good.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeAgent {
    /// Version.
    pub v: V1,
    /// Which.
    pub name: String,
    /// Only says which that would be.
    #[serde(default)]
    pub dry_run: bool,
}
call!(post RevokeAgent, "/v1/agent/revoke" => AgentChanged);

/// What became of an agent.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AgentChanged {
    /// Version.
    pub v: V1,
    /// The agent as it is now, or as it was in a dry run.
    pub agent: AgentShown,
    /// Whether that changed anything, or would.
    pub changed: bool,
    /// Whether nothing was done.
    pub dry_run: bool,
}
