//! Stage 0, the checks: whether an operation can ever count.
//!
//! A verdict here holds for ever: it depends on the operation, its causal past and the author's
//! person head, never on what is concurrent or later. One act without the right makes the whole
//! operation invalid.

use super::Invalid;
use super::authority::{Lack, allows, may_admit};
use super::facts::{Facts, Grant, OWN_OPERATION};
use super::graph::Graph;
use super::persons::Persons;
use crate::id::{LogId, OpHash};
use crate::policy::op::{Act, Body, Cutoff, GrantRef, Op, Redeem, is_once};
use crate::policy::{Role, Sensitivity};
use std::collections::BTreeMap;

impl Facts {
    /// The cited grant of a valid operation; none for Genesis.
    pub(super) fn check(
        &mut self,
        graph: &Graph,
        persons: &Persons,
        logs: &Logs,
        at: usize,
    ) -> Result<Option<usize>, Invalid> {
        let node = &graph.nodes[at];
        let op = node.op.op();
        let broken = self.breaks_its_log(graph, at);
        self.broken.push(broken);
        holds(!broken, Invalid::BrokenChain)?;
        holds(
            persons.is_linked_at(op.person_head, &op.person, &op.device),
            Invalid::DeviceNotLinked,
        )?;
        let acts = match &op.body {
            Body::Genesis { .. } => return self.check_genesis(graph, at).map(|()| None),
            Body::Acts(acts) => acts,
        };
        let cited = self.check_cited(graph, op, at)?;
        let Grant {
            role, clearance, ..
        } = self.grants[cited];
        for act in acts {
            allows(role, clearance, act).map_err(Invalid::from)?;
            self.check_act(graph, logs, at, acts, act)?;
            self.check_asked(role, clearance, act)?;
        }
        Ok(Some(cited))
    }

    fn breaks_its_log(&self, graph: &Graph, at: usize) -> bool {
        let node = &graph.nodes[at];
        match node.prev {
            None => node.op.op().seq != 0,
            Some(prev) => {
                let before = &graph.nodes[prev];
                before.log != node.log
                    || before.op.op().seq.checked_add(1) != Some(node.op.op().seq)
                    || self.broken[prev]
            }
        }
    }

    fn check_genesis(&self, graph: &Graph, at: usize) -> Result<(), Invalid> {
        let op = &graph.nodes[at].op;
        let first = op.hash().as_bytes() == graph.pack.as_bytes()
            && op.op().cites.is_none()
            && op.parents().next().is_none();
        holds(first, Invalid::Malformed)
    }

    fn check_cited(&self, graph: &Graph, op: &Op, at: usize) -> Result<usize, Invalid> {
        let name = op.cites.ok_or(Invalid::Malformed)?;
        let cited = self
            .grant(&name)
            .filter(|cited| graph.precedes(self.grants[*cited].op, at))
            .ok_or(Invalid::CitesNoGrant)?;
        holds(
            self.grants[cited].person == op.person,
            Invalid::CitesAnothersGrant,
        )?;
        Ok(cited)
    }

    fn check_act(
        &self,
        graph: &Graph,
        logs: &Logs,
        at: usize,
        acts: &[Act],
        act: &Act,
    ) -> Result<(), Invalid> {
        match act {
            Act::Grant { .. } | Act::Invite { .. } => Ok(()),
            // Signed operations were checked for this before they were stored.
            Act::Rules { .. } => holds(
                is_once(acts, |act| matches!(act, Act::Rules { .. })),
                Invalid::Malformed,
            ),
            Act::Remove { cutoffs, .. } | Act::Leave { cutoffs } => cutoffs
                .iter()
                .try_for_each(|cutoff| logs.check_cutoff(graph, at, cutoff).map(|_| ())),
            Act::Admit { invite, redeem } => {
                self.check_admit(graph, at, invite, redeem).map(|_| ())
            }
            Act::Close { invite, admitted } => {
                let invite_at = self.invite_in_past(graph, at, invite)?;
                admitted.iter().try_for_each(|listed| match listed.op {
                    OWN_OPERATION => {
                        holds(admits(acts, listed.act, invite), Invalid::UnknownAdmission)
                    }
                    _ => self.check_listed(graph, at, invite_at, listed),
                })
            }
        }
    }

    /// Whether the cited grant opens what an invite that asks gives.
    fn check_asked(&self, role: Role, clearance: Sensitivity, act: &Act) -> Result<(), Invalid> {
        let Act::Admit { invite, .. } = act else {
            return Ok(());
        };
        match self.invite(invite).map(|invite| &self.invites[invite].act) {
            Some(Act::Invite {
                clearance: up_to,
                ask,
                ..
            }) => Ok(may_admit(role, clearance, *ask, *up_to)?),
            _ => Err(Invalid::UnknownInvite),
        }
    }

    fn invite_in_past(&self, graph: &Graph, at: usize, name: &GrantRef) -> Result<usize, Invalid> {
        self.invite(name)
            .filter(|invite| graph.precedes(self.invites[*invite].op, at))
            .ok_or(Invalid::UnknownInvite)
    }

    pub(super) fn check_admit(
        &self,
        graph: &Graph,
        at: usize,
        name: &GrantRef,
        redeem: &[u8],
    ) -> Result<(usize, Redeem), Invalid> {
        let invite = self.invite_in_past(graph, at, name)?;
        let redeem = Redeem::decode_unverified(redeem).map_err(|_| Invalid::BadRedeem)?;
        let Act::Invite { key, .. } = &self.invites[invite].act else {
            return Err(Invalid::UnknownInvite);
        };
        let bound = redeem.pack == graph.pack && redeem.invite == *name && redeem.key == *key;
        holds(bound, Invalid::BadRedeem)?;
        Ok((invite, redeem))
    }

    fn check_listed(
        &self,
        graph: &Graph,
        at: usize,
        invite: usize,
        listed: &GrantRef,
    ) -> Result<(), Invalid> {
        let known = self.grant(listed).map(|grant| &self.grants[grant]);
        let is_one = known.is_some_and(|grant| {
            graph.precedes(grant.op, at)
                && grant
                    .admission
                    .is_some_and(|(through, _)| through == invite)
        });
        holds(is_one, Invalid::UnknownAdmission)
    }
}

/// The operations of each control log, to tell a control cutoff from one of a content log.
pub(super) struct Logs(BTreeMap<LogId, Vec<usize>>);

impl Logs {
    pub(super) fn of(graph: &Graph) -> Logs {
        let mut logs: BTreeMap<LogId, Vec<usize>> = BTreeMap::new();
        for (i, node) in graph.nodes.iter().enumerate() {
            logs.entry(node.log).or_default().push(i);
        }
        Logs(logs)
    }

    /// A cutoff in a control log that the operation has seen names an operation that it has seen.
    fn check_cutoff(&self, graph: &Graph, at: usize, cutoff: &Cutoff) -> Result<(), Invalid> {
        let seen = self
            .0
            .get(&cutoff.log)
            .is_some_and(|log| log.iter().any(|entry| graph.precedes(*entry, at)));
        if !seen {
            return Ok(());
        }
        let head = graph
            .in_past(&OpHash::from_bytes(cutoff.head), at)
            .map(|head| &graph.nodes[head]);
        let names_it =
            head.is_some_and(|head| head.log == cutoff.log && head.op.op().seq == cutoff.seq);
        holds(names_it, Invalid::CutoffNotInPast)
    }
}

fn admits(acts: &[Act], index: u32, through: &GrantRef) -> bool {
    matches!(acts.get(index as usize), Some(Act::Admit { invite, .. }) if invite == through)
}

fn holds(condition: bool, otherwise: Invalid) -> Result<(), Invalid> {
    if condition { Ok(()) } else { Err(otherwise) }
}

impl From<Lack> for Invalid {
    fn from(lack: Lack) -> Invalid {
        match lack {
            Lack::Admin => Invalid::NeedsAdmin,
            Lack::Role => Invalid::AboveOwnRole,
            Lack::Clearance => Invalid::AboveOwnClearance,
            Lack::AdminClearance => Invalid::Malformed,
            Lack::AdminLeaves => Invalid::AdminLeaves,
            Lack::Opens => Invalid::AdmitsAboveClearance,
        }
    }
}
