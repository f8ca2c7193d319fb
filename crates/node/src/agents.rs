//! Agents of this device: kept sealed beside everything else, told to nobody.
//!
//! All of them are one setting; what each was handed today is a row of its own, which is written before
//! the tokens that it stands for are handed out.
//! Spec: `docs/spec/agents.md`.

use crate::{Node, NodeError};
use kitbag_core::agent::{
    AGENTS_MAX, Agent, AgentDenied, AgentError, AgentGrant, AgentId, AgentTerms, Spent,
    decode_agents, encode_agents,
};
use kitbag_core::id::{PackId, Timestamp};
use kitbag_core::policy::Sensitivity;
use kitbag_crypto::AgentSecret;
use kitbag_store::{Store, StoreError};
use std::collections::BTreeMap;

/// The agents of this device, and what they were handed since the start.
#[derive(Default)]
pub(crate) struct Agents {
    list: Vec<Agent>,
    spent: BTreeMap<AgentId, Spent>,
}

/// A pack as an agent may know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentPack {
    /// The pack.
    pub id: PackId,
    /// Its title, as far as the agent's clearance opens one; else empty.
    pub title: String,
    /// The name that the person gave it.
    pub name: Option<String>,
    /// The highest that the agent opens in it: its clearance, or its person's if that is lower. Nothing
    /// if the person opens nothing there any more.
    pub clearance: Option<Sensitivity>,
}

const LIST: &str = "agents";

fn spent_row(id: AgentId) -> String {
    format!("agent-spent/{id}")
}

pub(crate) fn load(store: &Store, damaged: &mut Vec<&'static str>) -> Result<Agents, NodeError> {
    let list = match store.setting(LIST) {
        Ok(None) => Some(Vec::new()),
        Ok(Some(bytes)) => decode_agents(&bytes).ok(),
        Err(StoreError::Damaged { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let list = list.unwrap_or_else(|| {
        damaged.push("list of agents");
        Vec::new()
    });
    Ok(Agents {
        list,
        spent: BTreeMap::new(),
    })
}

impl From<AgentError> for NodeError {
    fn from(error: AgentError) -> NodeError {
        let field = match error {
            AgentError::Name => "name",
            AgentError::Scope | AgentError::NoScope => "scopes",
            AgentError::Packs => "packs",
            AgentError::Lifetime => "ttl",
            AgentError::Tokens => "max tokens",
            AgentError::Purpose => "purpose",
            AgentError::ReadsGo => "reads go to",
            _ => "agent",
        };
        NodeError::BadInput {
            field,
            reason: error.to_string(),
        }
    }
}

impl From<AgentDenied> for NodeError {
    fn from(denied: AgentDenied) -> NodeError {
        NodeError::Agent(denied)
    }
}

impl Node {
    /// Adds an agent. The secret that comes back is shown once, and kept nowhere.
    ///
    /// # Errors
    /// [`NodeError::BadInput`] by field, also for a clearance above this person's own in one of its packs;
    /// [`NodeError::Stale`] if there is one of that name; [`NodeError::NotFound`] for a pack;
    /// [`NodeError::Store`].
    pub fn add_agent(
        &mut self,
        now: Timestamp,
        terms: AgentTerms,
    ) -> Result<(Agent, AgentSecret), NodeError> {
        let (agent, secret, mut list) = self.plan_agent(now, terms)?;
        list.push(agent.clone());
        self.keep_agents(list)?;
        Ok((agent, secret))
    }

    /// The agent that would be added, its secret, and those that would stand beside it.
    ///
    /// # Errors
    /// As [`Node::add_agent`].
    pub fn plan_agent(
        &mut self,
        now: Timestamp,
        terms: AgentTerms,
    ) -> Result<(Agent, AgentSecret, Vec<Agent>), NodeError> {
        for pack in &terms.packs {
            if !self.packs.contains(pack) {
                return Err(NodeError::NotFound("pack"));
            }
            let own = self.packs.summary(pack).and_then(|of| of.clearance);
            if own.is_none_or(|own| terms.clearance > own) {
                return Err(NodeError::BadInput {
                    field: "clearance",
                    reason: format!("is above your own in {}", pack.short()),
                });
            }
        }
        let mut list = self.agents.list.clone();
        if let Some(at) = list.iter().position(|agent| *agent.name() == terms.name) {
            if list[at].revoked_at().is_none() {
                let name = &terms.name;
                return Err(NodeError::Stale(format!(
                    "there is an agent {name} already"
                )));
            }
            list.remove(at);
        }
        if list.len() >= AGENTS_MAX {
            // The one that ended first makes room; one that lives never does.
            let ended = |agent: &&Agent| agent.revoked_at().is_some();
            let oldest = list.iter().filter(ended).min_by_key(|a| a.revoked_at());
            let oldest = oldest.map(Agent::id).ok_or(NodeError::BadInput {
                field: "name",
                reason: format!("there are {AGENTS_MAX} agents already; revoke one first"),
            })?;
            list.retain(|agent| agent.id() != oldest);
        }
        let mut id = [0; 16];
        self.rng.fill_bytes(&mut id);
        let secret = AgentSecret::generate(&mut *self.rng);
        let agent = Agent::new(AgentId::from_bytes(id), &secret, now, terms)?;
        Ok((agent, secret, list))
    }

    /// The agents of this device, in the order in which they came.
    pub fn agents(&self) -> &[Agent] {
        &self.agents.list
    }

    /// Tells an agent to wait, or to go on. Says whether that changed anything.
    ///
    /// # Errors
    /// [`NodeError::NotFound`], [`NodeError::Store`].
    pub fn pause_agent(&mut self, name: &str, paused: bool) -> Result<(Agent, bool), NodeError> {
        self.change_agent(name, |agent| agent.pause(paused))
    }

    /// Ends an agent for good. Says whether that changed anything.
    ///
    /// # Errors
    /// [`NodeError::NotFound`], [`NodeError::Store`].
    pub fn revoke_agent(&mut self, now: Timestamp, name: &str) -> Result<(Agent, bool), NodeError> {
        self.change_agent(name, |agent| agent.revoke(now))
    }

    fn change_agent(
        &mut self,
        name: &str,
        change: impl FnOnce(&mut Agent) -> bool,
    ) -> Result<(Agent, bool), NodeError> {
        let mut list = self.agents.list.clone();
        let agent = list.iter_mut().find(|agent| agent.name().as_str() == name);
        let agent = agent.ok_or(NodeError::NotFound("agent"))?;
        let changed = change(agent);
        let agent = agent.clone();
        if changed {
            self.keep_agents(list)?;
        }
        Ok((agent, changed))
    }

    fn keep_agents(&mut self, list: Vec<Agent>) -> Result<(), NodeError> {
        let mut batch = self.store.batch(&mut *self.rng)?;
        batch.put_setting(LIST, &encode_agents(&list))?;
        batch.commit()?;
        self.agents.list = list;
        Ok(())
    }

    /// Lets in whoever brings the secret of the agent of this name.
    ///
    /// # Errors
    /// [`NodeError::Agent`].
    pub fn agent_by_secret(
        &self,
        now: Timestamp,
        name: &str,
        secret: Option<&AgentSecret>,
    ) -> Result<AgentGrant, NodeError> {
        Ok(AgentGrant::of(&self.agents.list, name, secret, now)?)
    }

    /// Counts tokens that an agent is to be handed, and says how many are left today; with none, only
    /// says that. A restart gives nothing back: what is counted is durable before this returns, or lies
    /// below a mark that is.
    ///
    /// # Errors
    /// [`NodeError::Agent`] if they are more than are left, or if it may not act; nothing is counted
    /// then. [`NodeError::NotFound`], [`NodeError::Store`].
    pub fn spend_agent_tokens(
        &mut self,
        now: Timestamp,
        id: AgentId,
        tokens: u64,
    ) -> Result<u64, NodeError> {
        let agent = self.agents.list.iter().find(|agent| agent.id() == id);
        let agent = agent.ok_or(NodeError::NotFound("agent"))?;
        let max = agent.terms().max_tokens;
        if tokens > 0 {
            agent.standing(now)?;
        }
        let spent = match self.agents.spent.get(&id) {
            Some(spent) => *spent,
            None => match self.store.setting(&spent_row(id)) {
                Ok(None) => Spent::default(),
                Ok(Some(bytes)) => Spent::decode(&bytes).unwrap_or(Spent::all_of(max, now)),
                Err(StoreError::Damaged { .. }) => Spent::all_of(max, now),
                Err(error) => return Err(error.into()),
            },
        };
        let spending = spent.spend(tokens, max, now)?;
        if spending.to_keep {
            let mut batch = self.store.batch(&mut *self.rng)?;
            batch.put_setting(&spent_row(id), &spending.spent.encode())?;
            batch.commit()?;
        }
        self.agents.spent.insert(id, spending.spent);
        Ok(spending.spent.left(max, now))
    }

    /// The packs that an agent may use, as it may know them. One that is gone is left out.
    pub fn agent_packs(&self, grant: &AgentGrant) -> Vec<AgentPack> {
        let packs = grant.agent().terms().packs.iter();
        let known = packs.filter_map(|pack| {
            let summary = self.packs.summary(pack)?;
            let (name, own) = (summary.row.name.clone(), summary.clearance);
            Some(AgentPack {
                id: *pack,
                title: self.title_up_to(*pack, grant.clearance()),
                name,
                clearance: own.map(|own| own.min(grant.clearance())),
            })
        });
        known.collect()
    }
}

#[cfg(test)]
mod tests;
