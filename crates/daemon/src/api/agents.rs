//! Agents: adding, listing, pausing and ending them, and what one of them learns about itself.

use super::{Answered, Served};
use crate::convert;
use crate::failure::{agent_denied, failed};
use crate::routes::now;
use kitbag_engine::{
    AGENT_TOKENS_DEFAULT, AGENT_TTL_MILLIS_DEFAULT, Agent, AgentDenied, AgentGrant, AgentName,
    AgentPack, AgentTerms, PackId, Scope, Timestamp,
};
use kitbag_rpc::{
    AddAgent, AgentAdded, AgentChanged, AgentMe, AgentMePack, AgentOpens, AgentScope, AgentWhoAmI,
    AgentsShown, Code, Failure, ListAgents, PackRef, PauseAgent, RevokeAgent, Secret, Sensitivity,
    V1,
};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Where reads go if nobody says.
const READS_GO_TO: &str = "the provider of its model";
/// What an agent may ask for if nobody says.
const SCOPES: [AgentScope; 2] = [AgentScope::Read, AgentScope::Search];

impl Served {
    /// The agent that asks.
    ///
    /// # Errors
    /// As for a wrong secret, if none does: no operation of an agent comes here without one.
    pub(super) fn agent(&self) -> Answered<Arc<AgentGrant>> {
        let agent = self.agent.clone();
        agent.ok_or_else(|| agent_denied(AgentDenied::Secret))
    }
}

pub(super) async fn add(served: Served, call: AddAgent) -> Answered<AgentAdded> {
    let bad = |field: &str, why: String| Failure::new(Code::BadInput, format!("{field}: {why}"));
    let name: Result<AgentName, _> = call.name.parse();
    let name = name.map_err(|e: kitbag_engine::AgentError| bad("name", e.to_string()))?;
    let mut packs: BTreeSet<PackId> = BTreeSet::new();
    for selector in call.packs {
        packs.insert(served.pack(selector).await?);
    }
    let ttl = call.ttl_millis.unwrap_or(AGENT_TTL_MILLIS_DEFAULT);
    let expires_at = now().as_millis().saturating_add(ttl);
    let clearance = call.clearance.unwrap_or(Sensitivity::Internal);
    let scopes = call.scopes.unwrap_or(SCOPES.to_vec());
    let scopes: BTreeSet<Scope> = scopes
        .into_iter()
        .map(convert::agents::engine_scope)
        .collect();
    let terms = AgentTerms {
        name,
        packs,
        clearance: convert::engine_sensitivity(clearance),
        scopes,
        expires_at: Timestamp::from_millis(expires_at),
        max_tokens: call.max_tokens.unwrap_or(AGENT_TOKENS_DEFAULT),
        proposes: call.proposes,
        purpose: call.purpose,
        reads_go_to: call.reads_go_to.unwrap_or(READS_GO_TO.to_owned()),
    };
    let mut opens = Vec::new();
    for pack in &terms.packs {
        let notes = served.engine.notes(*pack).await.map_err(|e| failed(&e))?;
        let within = notes
            .iter()
            .filter(|note| note.sensitivity <= terms.clearance);
        opens.push(AgentOpens {
            pack: served.pack_ref(*pack).await?,
            notes: within.count() as u64,
        });
    }
    let names = served.pack_refs().await?;
    let (agent, secret) = match call.dry_run {
        true => {
            let planned = served.engine.plan_agent(terms).await;
            (planned.map_err(|e| failed(&e))?, None)
        }
        false => {
            let planned = served.engine.plan_agent(terms.clone()).await;
            planned.map_err(|e| failed(&e))?; // first: a name that is taken sets no PIN
            served.guard_first(call.pin).await?;
            let added = served.engine.add_agent(terms).await;
            let added = added.map_err(|e| failed(&e))?;
            let secret = Secret::new(added.secret.as_str().to_owned());
            (added.agent, Some(secret))
        }
    };
    let left = agent.terms().max_tokens;
    Ok(AgentAdded {
        v: V1,
        agent: convert::agents::shown(&agent, left, now(), &names),
        secret,
        opens,
        dry_run: call.dry_run,
    })
}

pub(super) async fn list(served: Served, _: ListAgents) -> Answered<AgentsShown> {
    let names = served.pack_refs().await?;
    let agents = served.engine.agents().await.map_err(|e| failed(&e))?;
    let agents = agents.iter();
    Ok(AgentsShown {
        v: V1,
        agents: agents
            .map(|(agent, left)| convert::agents::shown(agent, *left, now(), &names))
            .collect(),
    })
}

pub(super) async fn pause(served: Served, call: PauseAgent) -> Answered<AgentChanged> {
    let paused = served.engine.pause_agent(call.name, !call.resume).await;
    let (agent, changed) = paused.map_err(|e| failed(&e))?;
    served.changed(agent, changed, false).await
}

pub(super) async fn revoke(served: Served, call: RevokeAgent) -> Answered<AgentChanged> {
    if call.dry_run {
        let agents = served.engine.agents().await.map_err(|e| failed(&e))?;
        let found = agents
            .into_iter()
            .find(|(of, _)| of.name().as_str() == call.name);
        let (agent, _) = found.ok_or_else(|| no_agent(&call.name))?;
        let changed = agent.revoked_at().is_none();
        return served.changed(agent, changed, true).await;
    }
    let revoked = served.engine.revoke_agent(call.name).await;
    let (agent, changed) = revoked.map_err(|e| failed(&e))?;
    served.changed(agent, changed, false).await
}

fn no_agent(name: &str) -> Failure {
    failed(&kitbag_engine::EngineError::NotFound {
        what: "agent",
        selector: name.to_owned(),
    })
}

impl Served {
    /// With the first agent, sessions begin to be needed. Whoever set the PIN has one, in that terminal.
    async fn guard_first(&self, pin: Option<Secret>) -> Answered<()> {
        let needs = self.engine.session_needs().await.map_err(|e| failed(&e))?;
        if needs.needed {
            return match pin {
                None => Ok(()),
                Some(_) => Err(Failure::new(
                    Code::BadInput,
                    "PIN: there is one already, or the passphrase is asked",
                )),
            };
        }
        let set = pin.is_some();
        let pin = pin.map(|pin| Zeroizing::new(pin.expose().to_owned()));
        let guarded = self.engine.guard_sessions(pin).await;
        guarded.map_err(|e| failed(&e))?;
        self.home.sessions().set_needed(true);
        if let (true, Some(terminal)) = (set, self.home.terminal()) {
            self.home.sessions().open(terminal);
        }
        Ok(())
    }

    async fn changed(&self, agent: Agent, changed: bool, dry_run: bool) -> Answered<AgentChanged> {
        let left = self.engine.spend_agent_tokens(agent.id(), 0).await;
        let left = left.map_err(|e| failed(&e))?;
        let names = self.pack_refs().await?;
        Ok(AgentChanged {
            v: V1,
            agent: convert::agents::shown(&agent, left, now(), &names),
            changed,
            dry_run,
        })
    }

    /// All packs, as they are named.
    async fn pack_refs(&self) -> Answered<HashMap<PackId, PackRef>> {
        let packs = self.engine.packs().await.map_err(|e| failed(&e))?;
        let named = packs
            .into_iter()
            .map(|pack| (pack.id, convert::pack_ref(pack)));
        Ok(named.collect())
    }
}

pub(super) async fn who_am_i(served: Served, _: AgentWhoAmI) -> Answered<AgentMe> {
    let grant = served.agent()?;
    let packs = served.engine.agent_packs(AgentGrant::clone(&grant)).await;
    let packs = packs.map_err(|e| failed(&e))?;
    let left = served.engine.spend_agent_tokens(grant.agent().id(), 0);
    let tokens_left = left.await.map_err(|e| failed(&e))?;
    let terms = grant.agent().terms();
    let scopes = terms.scopes.iter().copied();
    Ok(AgentMe {
        v: V1,
        name: terms.name.to_string(),
        packs: packs.into_iter().map(pack).collect(),
        clearance: convert::sensitivity(terms.clearance),
        scopes: scopes.map(convert::agents::scope).collect(),
        proposes: terms.proposes,
        purpose: terms.purpose.clone(),
        expires_at: convert::time(terms.expires_at),
        max_tokens: terms.max_tokens,
        tokens_left,
    })
}

fn pack(of: AgentPack) -> AgentMePack {
    AgentMePack {
        pack: PackRef {
            id: of.id.to_string(),
            title: of.title,
            name: of.name,
            archived: false,
        },
        clearance: of.clearance.map(convert::sensitivity),
    }
}

#[cfg(test)]
mod tests;
