//! What a device owes hand-offs, without anybody asking: a receipt that one arrived, and the sender's
//! or an owner's word that they saw who took it. Neither accepts anything.

use super::BuiltHandoff;
use crate::pens::Pens;
use crate::replica::Staged;
use crate::{Node, NodeError};
use kitbag_core::handoff::{Act, Signed, State};
use kitbag_core::id::{PackId, Timestamp};
use kitbag_core::policy::Role;

/// Receipts that one look writes, at most; the rest is written by the next.
const OWED_MAX: usize = 64;

impl Node {
    /// Writes what is owed in a pack.
    pub(crate) fn settle_handoffs(
        &mut self,
        pack: PackId,
        now: Timestamp,
    ) -> Result<(), NodeError> {
        let Some(replica) = self.packs.get(&pack) else {
            return Ok(());
        };
        if replica.handoffs.is_empty() {
            return Ok(());
        }
        let ids: Vec<_> = replica.handoffs.keys().copied().collect();
        let mut owed = Vec::new();
        for id in ids {
            let built = match self.built_handoff(pack, id) {
                Ok(built) => built,
                // It is not this person's to see, or does not open.
                Err(NodeError::Denied(_) | NodeError::NotFound(_) | NodeError::Damaged(_)) => {
                    continue;
                }
                Err(error) => return Err(error),
            };
            let acts = self.owed_to(pack, &built)?;
            owed.extend(acts.into_iter().map(|act| (built.clone(), act)));
            if owed.len() >= OWED_MAX {
                break;
            }
        }
        if owed.is_empty() {
            return Ok(());
        }
        let (mut staged, mut pens) = (Staged::default(), Pens::default());
        for (built, act) in owed {
            let signed = Signed {
                at: now,
                agent: None,
            };
            match self.stage_act(pack, &built, act, signed, &mut pens, &mut staged) {
                Ok(_) => {}
                // Without a key yet, or without the right to write: then it is not owed.
                Err(NodeError::Denied(_)) => {}
                Err(error) => return Err(error),
            }
        }
        self.put_down_all(pens, &mut staged);
        match staged.is_empty() {
            true => Ok(()),
            false => self.commit(pack, staged),
        }
    }

    fn owed_to(&self, pack: PackId, built: &BuiltHandoff) -> Result<Vec<Act>, NodeError> {
        let replica = self.packs.need(pack)?;
        let me = self.me.person();
        let Some(member) = replica.policy.member(&me) else {
            return Ok(vec![]);
        };
        if !replica.policy.may_write(&me, built.sensitivity) || replica.has_newer_rules() {
            return Ok(vec![]);
        }
        let folded = built.fold(replica);
        let mut owed = Vec::new();
        let waits = matches!(folded.state, State::Submitted | State::Delivered);
        let is_for_me = self.receivers(replica, folded.to).contains(&me);
        if waits && is_for_me && !folded.delivered.contains(&me) && built.hand.person != me {
            owed.push(Act::Deliver);
        }
        let settles = built.hand.person == me || member.role() == Role::Admin;
        if let Some((_, accept)) = folded.holder
            && settles
            && !folded.confirmed
        {
            owed.push(Act::Confirm(accept));
        }
        Ok(owed)
    }
}
