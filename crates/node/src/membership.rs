//! Who is in a pack, changed: removing somebody, giving them another role, leaving, ending an invite.
//!
//! A Remove names where each log of its target ends, as this device has them: what the target wrote
//! until then stays, what comes later is set aside. Lowering somebody is a Remove and a Grant in one
//! operation, so there is no moment between them. Raising somebody is a Grant alone: what they had
//! stays, so nothing that they wrote elsewhere meanwhile is set aside.
//!
//! Every change is staged by one function, whether it is then kept or only looked at.
//! Spec: `docs/spec/policy.md`, "Making an operation".

mod preview;
mod standing;

pub(crate) use preview::rights_of;
pub(crate) use standing::{ending, held_against, not_a_member, refusal};

use crate::error::Denied;
use crate::invites::close;
use crate::joining::name_in;
use crate::replica::{Replica, Staged, branch_heads};
use crate::view::{Change, Preview};
use crate::{Node, NodeError};
use kitbag_core::id::{LogId, OpHash, PackId, PersonId, Timestamp};
use kitbag_core::policy::fold::{LogEnd, Member, Refused};
use kitbag_core::policy::op::{Act, Cutoff, GrantRef, LateDenials};
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_crypto::planted::{self, Planted};
use std::collections::BTreeMap;

/// Cutoffs in one Remove, at most: more would not fit an operation beside its heads.
const CUTOFFS: usize = 512;

impl Node {
    /// Says what a change would do, and does nothing.
    ///
    /// It is computed by the same fold over the same operation that [`Node::change`] would make, so it
    /// is right as far as this device knows.
    ///
    /// # Errors
    /// As [`Node::change`].
    pub fn preview(
        &mut self,
        now: Timestamp,
        pack: PackId,
        change: &Change,
    ) -> Result<Preview, NodeError> {
        let staged = self.stage_change(now, pack, change)?;
        self.preview_of(pack, change, &staged)
    }

    /// Makes a change, and says what it did. One that changes nothing is none: see
    /// [`Preview::changes`].
    ///
    /// # Errors
    /// [`NodeError::Denied`] if the policy does not let this person do it; [`NodeError::NotFound`] for
    /// a pack, person or invite that is not known here; [`NodeError::BadInput`] for a role that is not
    /// given like this.
    pub fn change(
        &mut self,
        now: Timestamp,
        pack: PackId,
        change: &Change,
    ) -> Result<Preview, NodeError> {
        let mut staged = self.stage_change(now, pack, change)?;
        if !staged.ops.is_empty() {
            let life = self.life.incarnation;
            self.leave_forks(pack)?; // not before it is clear that something changes
            if self.life.incarnation != life {
                staged = self.stage_change(now, pack, change)?;
            }
        }
        let preview = self.preview_of(pack, change, &staged)?;
        if preview.changes {
            self.keep_ops(now, pack, staged)?;
        }
        Ok(preview)
    }

    fn keep_ops(
        &mut self,
        now: Timestamp,
        pack: PackId,
        mut staged: Staged,
    ) -> Result<(), NodeError> {
        self.remember(pack, &mut staged)?;
        self.commit(pack, staged)?;
        self.maintain(pack, now)
    }

    /// The operations that a change takes; none if it changes nothing.
    fn stage_change(
        &self,
        now: Timestamp,
        pack: PackId,
        change: &Change,
    ) -> Result<Staged, NodeError> {
        let replica = self.packs.need(pack)?;
        let mut staged = Staged::default();
        let acts = match change {
            Change::Leave => {
                self.stage_leave(now, replica, &mut staged)?;
                return Ok(staged);
            }
            Change::Cancel { invite } => {
                let info = replica
                    .policy
                    .invite(invite)
                    .ok_or(NodeError::NotFound("invite"))?;
                vec![close(*invite, info)]
            }
            Change::Remove {
                person,
                late_denials,
            } => {
                known(replica, *person)?;
                let is_in = replica.policy.member(person).is_some();
                if !is_in && *late_denials == LateDenials::Keep {
                    return Ok(staged);
                }
                vec![remove(replica, *person, *late_denials)]
            }
            Change::Role {
                person,
                role,
                clearance,
            } => {
                known(replica, *person)?;
                if *role == Role::Courier {
                    return Err(bad_role("a person reads at least; couriers come later"));
                }
                if *role == Role::Admin && *clearance != Sensitivity::Restricted {
                    return Err(bad_role("an admin opens everything, up to restricted"));
                }
                if has_just(replica, *person, *role, *clearance) {
                    return Ok(staged);
                }
                role_acts(replica, *person, *role, *clearance)
            }
        };
        match self.sign_op(pack, acts.clone(), now, &mut staged) {
            Ok(_) => Ok(staged),
            Err(NodeError::Denied(Denied::Policy(Refused::NotSenior))) => {
                Err(self.not_junior(replica, &acts).into())
            }
            Err(error) => Err(error),
        }
    }

    /// A Leave gives up one grant, so it takes one for each.
    fn stage_leave(
        &self,
        now: Timestamp,
        replica: &Replica,
        staged: &mut Staged,
    ) -> Result<(), NodeError> {
        let me = self.me.person();
        if replica.has_newer_rules() {
            return Err(Denied::NewerRules.into());
        }
        let member = replica.policy.member(&me);
        let member = member.ok_or_else(|| not_a_member(replica, me))?;
        if member.role() == Role::Admin {
            let ask = self.who_may(replica, &[remove(replica, me, LateDenials::Keep)]);
            return Err(Denied::AdminStays { ask }.into());
        }
        let all = cutoffs(replica, me);
        for grant in &member.grants {
            let under = |cutoff: &Cutoff| grant_of(replica, cutoff) == Some(grant.grant);
            let cutoffs = all.iter().copied().filter(under).collect();
            let acts = vec![Act::Leave { cutoffs }];
            // Asked for each, although the right to leave needs nothing but a grant that is live.
            replica.policy.permit(&me, &self.me.device(), &acts)?;
            self.stage_op_under(replica, grant.grant, acts, now, staged)?;
        }
        Ok(())
    }

    /// Why the policy does not let this person end the grants of the one at whom the acts are aimed.
    fn not_junior(&self, replica: &Replica, acts: &[Act]) -> Denied {
        let target = acts.iter().find_map(|act| match act {
            Act::Remove { person, .. } => Some(*person),
            _ => None,
        });
        match target {
            Some(target) if target == self.me.person() => Denied::AdminStays {
                ask: self.who_may(replica, acts),
            },
            Some(target) => Denied::NotJunior {
                name: name_in(replica, target),
                ask: self.who_may(replica, acts),
            },
            None => Refused::NotSenior.into(),
        }
    }

    /// The names of other members whom the policy would let do these acts.
    fn who_may(&self, replica: &Replica, acts: &[Act]) -> Vec<String> {
        let may = |member: &&Member| {
            let permitted = replica.policy.permit(&member.person, &member.device, acts);
            member.person != self.me.person() && member.has_keys() && permitted.is_ok()
        };
        let able = replica.policy.members().filter(may);
        able.map(|member| name_in(replica, member.person)).collect()
    }
}

fn bad_role(reason: &str) -> NodeError {
    NodeError::BadInput {
        field: "role",
        reason: reason.into(),
    }
}

fn known(replica: &Replica, person: PersonId) -> Result<(), NodeError> {
    let known = replica.policy.person(&person);
    known.map(|_| ()).ok_or(NodeError::NotFound("person"))
}

fn remove(replica: &Replica, person: PersonId, late_denials: LateDenials) -> Act {
    let mut cutoffs = cutoffs(replica, person);
    if late_denials == LateDenials::Drop {
        // What came to light since somebody else removed them is what shall not count.
        cutoffs = cutoffs
            .into_iter()
            .filter_map(|cutoff| as_removed(replica, cutoff))
            .collect();
    }
    Act::Remove {
        person,
        cutoffs,
        late_denials,
    }
}

/// A cutoff no higher than those by which earlier removals that count ended the log; none if one of
/// them left nothing of it.
fn as_removed(replica: &Replica, cutoff: Cutoff) -> Option<Cutoff> {
    let named =
        grant_of(replica, &cutoff).map(|grant| replica.policy.named_end(&grant, cutoff.log));
    match named {
        Some(LogEnd::Nothing) => None,
        Some(LogEnd::Until(earlier)) if earlier.seq < cutoff.seq => Some(earlier),
        _ => Some(cutoff),
    }
}

/// A Grant alone if it covers all that the person has: then nothing ends. Otherwise a Remove before
/// it.
fn role_acts(replica: &Replica, person: PersonId, role: Role, clearance: Sensitivity) -> Vec<Act> {
    let member = replica.policy.member(&person);
    let covered = member.is_none_or(|member| covers(member, role, clearance));
    let mut acts = Vec::new();
    if !covered {
        acts.push(remove(replica, person, LateDenials::Keep));
    }
    acts.push(Act::Grant {
        person,
        role,
        clearance,
    });
    acts
}

fn covers(member: &Member, role: Role, clearance: Sensitivity) -> bool {
    let mut grants = member.grants.iter();
    grants.all(|grant| grant.role <= role && grant.clearance <= clearance)
}

/// Whether the person has this role and clearance, neither more nor less, and the keys for it.
fn has_just(replica: &Replica, person: PersonId, role: Role, clearance: Sensitivity) -> bool {
    replica.policy.member(&person).is_some_and(|member| {
        let mut grants = member.grants.iter();
        covers(member, role, clearance)
            && grants.any(|grant| grant.keys && grant.role == role && grant.clearance == clearance)
    })
}

/// The grant under which a log is written, be it of control or of content.
fn grant_of(replica: &Replica, cutoff: &Cutoff) -> Option<GrantRef> {
    let content = replica.logs.get(&cutoff.log).map(|log| log.opening.grant);
    content.or_else(|| {
        let op = replica.ops.get(&OpHash::from_bytes(cutoff.head))?;
        op.op().cites
    })
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
        // Of several branches the one that goes furthest: a cutoff names one.
        let of_branches = held.branches.iter().filter_map(|branch| branch.end());
        let end = of_branches
            .filter(|end| !replica.surplus.contains(&end.hash))
            .min_by_key(|end| (std::cmp::Reverse(end.seq), end.hash));
        if let Some(end) = end.filter(|_| theirs) {
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
