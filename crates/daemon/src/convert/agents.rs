//! Agents, as documents.

use kitbag_engine::{Agent, AgentDenied, PackId, Scope, Timestamp};
use kitbag_rpc::{AgentScope, AgentShown, AgentState, PackRef};
use std::collections::HashMap;

pub(crate) fn shown(
    agent: &Agent,
    tokens_left: u64,
    now: Timestamp,
    names: &HashMap<PackId, PackRef>,
) -> AgentShown {
    let terms = agent.terms();
    let pack = |id: &PackId| {
        let gone = || PackRef {
            id: id.to_string(),
            title: String::new(),
            name: None,
            archived: false,
        };
        names.get(id).cloned().unwrap_or_else(gone)
    };
    AgentShown {
        id: agent.id().to_string(),
        name: terms.name.to_string(),
        state: match agent.standing(now) {
            Ok(()) => AgentState::Active,
            Err(AgentDenied::Paused) => AgentState::Paused,
            Err(AgentDenied::Revoked) => AgentState::Revoked,
            Err(_) => AgentState::Expired,
        },
        packs: terms.packs.iter().map(pack).collect(),
        clearance: super::sensitivity(terms.clearance),
        scopes: terms.scopes.iter().copied().map(scope).collect(),
        created_at: super::time(agent.created_at()),
        expires_at: super::time(terms.expires_at),
        revoked_at: agent.revoked_at().map(super::time),
        max_tokens: terms.max_tokens,
        tokens_left,
        proposes: terms.proposes,
        purpose: terms.purpose.clone(),
        reads_go_to: terms.reads_go_to.clone(),
    }
}

pub(crate) fn scope(scope: Scope) -> AgentScope {
    match scope {
        Scope::Read => AgentScope::Read,
        Scope::Search => AgentScope::Search,
        Scope::Add => AgentScope::Add,
        Scope::Update => AgentScope::Update,
        Scope::Handoff => AgentScope::Handoff,
        Scope::Feedback => AgentScope::Feedback,
    }
}

pub(crate) fn engine_scope(scope: AgentScope) -> Scope {
    match scope {
        AgentScope::Read => Scope::Read,
        AgentScope::Search => Scope::Search,
        AgentScope::Add => Scope::Add,
        AgentScope::Update => Scope::Update,
        AgentScope::Handoff => Scope::Handoff,
        AgentScope::Feedback => Scope::Feedback,
    }
}
