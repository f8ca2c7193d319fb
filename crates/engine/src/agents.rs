//! Agents of this device: added, paused, ended, let in, and what they are handed.

use crate::{Agent, AgentGrant, AgentId, AgentPack, AgentTerms, Engine, EngineError};
use kitbag_core::agent::{AgentDenied, secret_of, secret_text};
use kitbag_node::NodeError;
use zeroize::Zeroizing;

/// An agent that was added.
///
/// # Security
/// Its secret is shown to the person once, and to nobody else.
pub struct AddedAgent {
    /// The agent.
    pub agent: Agent,
    /// Its secret, as people and files carry it.
    pub secret: Zeroizing<String>,
}

impl Engine {
    /// Adds an agent.
    ///
    /// # Errors
    /// [`EngineError::BadInput`] by field, also for a clearance above the person's own;
    /// [`EngineError::Conflict`] for a name that is taken; [`EngineError::NotFound`] for a pack;
    /// [`EngineError::Storage`].
    pub async fn add_agent(&self, terms: AgentTerms) -> Result<AddedAgent, EngineError> {
        self.worker()?
            .call(move |node, now| {
                let (agent, secret) = node.add_agent(now, terms)?;
                let secret = secret_text(&secret);
                Ok(AddedAgent { agent, secret })
            })
            .await
    }

    /// Says what adding an agent would give, and whether it may be added.
    ///
    /// # Errors
    /// As [`Engine::add_agent`].
    pub async fn plan_agent(&self, terms: AgentTerms) -> Result<Agent, EngineError> {
        self.worker()?
            .call(move |node, now| node.plan_agent(now, terms).map(|(agent, ..)| agent))
            .await
    }

    /// The agents of this device, in the order in which they came, each with its tokens left today.
    ///
    /// # Errors
    /// [`EngineError::Storage`].
    pub async fn agents(&self) -> Result<Vec<(Agent, u64)>, EngineError> {
        self.worker()?
            .call(|node, now| {
                let agents = node.agents().to_vec().into_iter();
                let with_left = agents.map(|agent| {
                    let left = node.spend_agent_tokens(now, agent.id(), 0)?;
                    Ok((agent, left))
                });
                with_left.collect()
            })
            .await
    }

    /// Tells an agent to wait, or to go on. Says whether that changed anything.
    ///
    /// # Errors
    /// [`EngineError::NotFound`], [`EngineError::Storage`].
    pub async fn pause_agent(
        &self,
        name: String,
        paused: bool,
    ) -> Result<(Agent, bool), EngineError> {
        let asked = name.clone();
        let paused = self
            .worker()?
            .call(move |node, _| node.pause_agent(&name, paused))
            .await;
        paused.map_err(|error| named(error, asked))
    }

    /// Ends an agent for good. Says whether that changed anything.
    ///
    /// # Errors
    /// [`EngineError::NotFound`], [`EngineError::Storage`].
    pub async fn revoke_agent(&self, name: String) -> Result<(Agent, bool), EngineError> {
        let asked = name.clone();
        let revoked = self
            .worker()?
            .call(move |node, now| node.revoke_agent(now, &name))
            .await;
        revoked.map_err(|error| named(error, asked))
    }

    /// Lets in whoever brings the secret of the agent of this name, and reports who does not.
    ///
    /// # Errors
    /// [`EngineError::Agent`] by cause; [`EngineError::Storage`].
    pub async fn agent_by_secret(
        &self,
        name: String,
        secret: Option<Zeroizing<String>>,
    ) -> Result<AgentGrant, EngineError> {
        self.worker()?
            .call(move |node, now| {
                let secret = secret.and_then(|text| secret_of(&text));
                let grant = node.agent_by_secret(now, &name, secret.as_ref());
                if let Err(NodeError::Agent(denied)) = &grant {
                    let via = crate::via_agent(&name);
                    node.report_denial(now, None, "request", denied.rule(), via)?;
                }
                grant
            })
            .await
    }

    /// Counts tokens that an agent is to be handed, and says how many are left today; with none, only
    /// says that. To be called before anything is handed over.
    ///
    /// # Errors
    /// [`EngineError::Agent`] if they are more than are left; nothing is counted then, and it is
    /// reported. [`EngineError::NotFound`], [`EngineError::Storage`].
    pub async fn spend_agent_tokens(&self, id: AgentId, tokens: u64) -> Result<u64, EngineError> {
        self.worker()?
            .call(move |node, now| {
                let left = node.spend_agent_tokens(now, id, tokens);
                let agent = node.agents().iter().find(|agent| agent.id() == id);
                if let (Err(NodeError::Agent(denied)), Some(agent)) = (&left, agent) {
                    let via = crate::via_agent(agent.name().as_str());
                    node.report_denial(now, None, "tokens", denied.rule(), via)?;
                }
                left
            })
            .await
    }

    /// The packs that an agent may use, as it may know them.
    ///
    /// # Errors
    /// [`EngineError::Stopped`].
    pub async fn agent_packs(&self, grant: AgentGrant) -> Result<Vec<AgentPack>, EngineError> {
        self.worker()?
            .call(move |node, _| Ok(node.agent_packs(&grant)))
            .await
    }

    /// Something was refused to an agent before any pack was asked.
    ///
    /// # Errors
    /// [`EngineError::Storage`].
    pub async fn report_agent_denial(
        &self,
        name: &str,
        asked: &'static str,
        denied: AgentDenied,
    ) -> Result<(), EngineError> {
        self.report_denial(asked, denied.rule(), crate::via_agent(name))
            .await
    }
}

/// The error of a call, which names the agent that there is none of.
fn named(error: EngineError, name: String) -> EngineError {
    match error {
        EngineError::NotFound {
            what: what @ "agent",
            ..
        } => EngineError::NotFound {
            what,
            selector: name,
        },
        other => other,
    }
}
