//! Who is in a pack, changed: removing somebody, giving them another role, ending an invite.
//!
//! A Remove names where each log of its target ends, as this device has them: what the target wrote
//! until then stays, what comes later is set aside. Lowering somebody is a Remove and a Grant in one
//! operation, so there is no moment between them.

use crate::replica::{Replica, Staged, branch_heads};
use crate::{Node, NodeError};
use kitbag_core::id::{LogId, OpHash, PackId, PersonId, Timestamp};
use kitbag_core::policy::op::{Act, Cutoff, GrantRef, LateDenials};
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_crypto::planted::{self, Planted};
use std::collections::BTreeMap;

/// Cutoffs in one Remove, at most: more would not fit an operation beside its heads.
const CUTOFFS: usize = 512;

impl Node {
    /// Ends every grant of a person that is junior to this person's own.
    ///
    /// # Errors
    /// [`NodeError::Denied`] if the policy does not let this person do it, or the other was never a
    /// member.
    pub fn remove_member(
        &mut self,
        now: Timestamp,
        pack: PackId,
        person: PersonId,
        late_denials: LateDenials,
    ) -> Result<OpHash, NodeError> {
        let replica = self.packs.get(&pack).ok_or(NodeError::NotFound("pack"))?;
        let remove = Act::Remove {
            person,
            cutoffs: cutoffs(replica, person),
            late_denials,
        };
        self.commit_acts(now, pack, vec![remove])
    }

    /// Gives a person a role and clearance in place of what they have; also to somebody who is out.
    ///
    /// # Errors
    /// As [`Node::remove_member`]; also if it would give more than this person has.
    pub fn change_role(
        &mut self,
        now: Timestamp,
        pack: PackId,
        person: PersonId,
        role: Role,
        clearance: Sensitivity,
    ) -> Result<OpHash, NodeError> {
        let replica = self.packs.get(&pack).ok_or(NodeError::NotFound("pack"))?;
        let mut acts = Vec::new();
        if replica.policy.member(&person).is_some() {
            acts.push(Act::Remove {
                person,
                cutoffs: cutoffs(replica, person),
                late_denials: LateDenials::Keep,
            });
        }
        acts.push(Act::Grant {
            person,
            role,
            clearance,
        });
        self.commit_acts(now, pack, acts)
    }

    /// Ends an invite: whoever came in by it until now stays.
    ///
    /// # Errors
    /// As [`Node::remove_member`]; [`NodeError::NotFound`] for an unknown invite.
    pub fn cancel_invite(
        &mut self,
        now: Timestamp,
        pack: PackId,
        invite: GrantRef,
    ) -> Result<OpHash, NodeError> {
        let replica = self.packs.get(&pack).ok_or(NodeError::NotFound("pack"))?;
        let info = replica
            .policy
            .invite(&invite)
            .ok_or(NodeError::NotFound("invite"))?;
        let mut admitted: Vec<GrantRef> = info
            .admissions
            .iter()
            .map(|admission| admission.grant)
            .collect();
        admitted.sort();
        self.commit_acts(now, pack, vec![Act::Close { invite, admitted }])
    }

    /// Signs and keeps one operation with these acts, then does what a changed policy asks of this
    /// device.
    pub(crate) fn commit_acts(
        &mut self,
        now: Timestamp,
        pack: PackId,
        acts: Vec<Act>,
    ) -> Result<OpHash, NodeError> {
        let mut staged = Staged::default();
        let op = self.stage_op(pack, acts, now, &mut staged)?;
        self.commit(pack, staged)?;
        self.maintain(pack, now)?;
        Ok(op)
    }
}

/// Where every log of a person ends here, ascending by log. If they are too many for one operation,
/// content logs with the fewest entries are left out: what they hold is set aside and can be taken
/// over.
pub(crate) fn cutoffs(replica: &Replica, person: PersonId) -> Vec<Cutoff> {
    let mut ends: BTreeMap<LogId, (u64, Cutoff)> = BTreeMap::new();
    for (log, ops) in replica.control_logs() {
        let own: Vec<_> = ops
            .into_iter()
            .filter(|op| op.op().person == person && replica.policy.is_folded(&op.hash()))
            .collect();
        // Of two branches the lower hash: a cutoff names one.
        let head = branch_heads(&own)
            .into_iter()
            .find_map(|head| replica.ops.get(&head));
        if let Some(op) = head {
            let cutoff = Cutoff {
                log,
                seq: op.op().seq,
                head: *op.hash().as_bytes(),
            };
            ends.insert(log, (u64::MAX, cutoff));
        }
    }
    for (log, held) in &replica.logs {
        let theirs = replica
            .policy
            .grant(&held.opening.grant)
            .is_some_and(|grant| grant.person == person);
        if let Some(end) = held.end().filter(|_| theirs) {
            let cutoff = Cutoff {
                log: *log,
                seq: end.seq,
                head: *end.hash.as_bytes(),
            };
            ends.insert(*log, (end.seq, cutoff));
        }
    }
    let mut by_weight: Vec<(u64, Cutoff)> = ends.into_values().collect();
    by_weight.sort_by_key(|(weight, cutoff)| (std::cmp::Reverse(*weight), cutoff.log));
    by_weight.truncate(CUTOFFS);
    if planted::is(Planted::RemoveWithoutCutoffs) {
        by_weight.clear();
    }
    let mut cutoffs: Vec<Cutoff> = by_weight.into_iter().map(|(_, cutoff)| cutoff).collect();
    cutoffs.sort();
    cutoffs
}
