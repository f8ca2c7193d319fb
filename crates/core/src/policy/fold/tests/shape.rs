//! Long, deep and wide histories: the fold neither overflows its stack nor takes quadratic care of
//! them. Bench in hand, two thousand operations fold in milliseconds; here they only have to end.

use super::world::*;
use crate::id::{Incarnation, OpHash, Timestamp};
use crate::policy::Role;
use crate::policy::fold::{Policy, Verdict};
use crate::policy::op::{Act, Body, GrantRef, OP_VERSION, Op, SignedOp};

const MANY: usize = 2000;

/// Operations made without looking at the whole history each time.
struct Quick {
    world: World,
    tips: Vec<OpHash>,
}

impl Quick {
    fn new() -> Quick {
        let world = World::founded_by(ANA);
        let tips = vec![world.genesis()];
        Quick { world, tips }
    }

    /// Continues `prev`, or begins a log; cites and then replaces the tips unless `aside`.
    fn op(
        &mut self,
        who: Who,
        incarnation: u16,
        cites: GrantRef,
        prev: Option<(u64, OpHash)>,
        aside: bool,
        acts: Vec<Act>,
    ) -> (u64, OpHash) {
        let mut bytes = [0; 16];
        bytes[..2].copy_from_slice(&incarnation.to_be_bytes());
        let mut heads: Vec<OpHash> = self
            .tips
            .iter()
            .filter(|tip| Some(**tip) != prev.map(|(_, hash)| hash))
            .copied()
            .collect();
        heads.sort();
        let seq = prev.map_or(0, |(seq, _)| seq + 1);
        let op = SignedOp::danger_unsigned(Op {
            version: OP_VERSION,
            pack: Some(self.world.pack),
            device: who.device(),
            person: who.person(),
            person_head: who.record().hash(),
            incarnation: Incarnation::from_bytes(bytes),
            cites: Some(cites),
            seq,
            prev: prev.map(|(_, hash)| hash),
            heads,
            at: Timestamp::from_millis(0),
            body: Body::Acts(acts),
        });
        let hash = self.world.add(op);
        if !aside {
            self.tips = vec![hash];
        }
        (seq, hash)
    }
}

#[test]
fn a_chain_of_two_thousand_grants_each_under_the_one_before_folds() {
    let mut quick = Quick::new();
    let mut cited = quick.world.founder();
    let mut last = ANA;
    for i in 0..MANY {
        let next = EVERYBODY[i % EVERYBODY.len()];
        let (_, op) = quick.op(last, 0, cited, None, false, vec![grant(next, Role::Admin)]);
        (cited, last) = (of(op), next);
    }
    let founder = quick.world.founder();
    let policy = quick.world.policy();
    assert!(policy.grant(&cited).is_some_and(|info| info.live));
    quick.op(
        ANA,
        1,
        founder,
        None,
        false,
        EVERYBODY[1..].iter().map(|who| remove(*who)).collect(),
    );
    let policy = quick.world.policy();
    assert_eq!(policy.members().count(), 1);
    assert!(policy.grant(&cited).is_some_and(|info| !info.stands));
}

#[test]
fn two_thousand_operations_in_a_few_logs_fold() {
    let mut quick = Quick::new();
    let founder = quick.world.founder();
    let (_, ben) = quick.op(ANA, 0, founder, None, false, vec![grant(BEN, Role::Admin)]);
    let (_, cyn) = quick.op(ANA, 1, founder, None, false, vec![grant(CYN, Role::Admin)]);
    let cited = [(ANA, founder), (BEN, of(ben)), (CYN, of(cyn))];
    let mut prevs = [None; 3];
    for i in 0..MANY {
        let who = i % 3;
        let acts = match i % 4 {
            0 => vec![remove(FAY)],
            1 => vec![grant(FAY, Role::Reader)],
            2 => vec![grant(EVE, Role::Editor)],
            _ => vec![invite(1)],
        };
        prevs[who] = Some(quick.op(cited[who].0, 2, cited[who].1, prevs[who], false, acts));
    }
    let policy = quick.world.policy();
    assert!(policy.parked().is_empty());
    assert_eq!(
        policy
            .ops()
            .filter(|op| matches!(policy.verdict(&op.hash()), Some(Verdict::Invalid(_))))
            .count(),
        0
    );
    assert_eq!(policy.members().count(), 5);
}

#[test]
fn two_thousand_concurrent_logs_fold_and_heads_stay_in_bounds() {
    let mut quick = Quick::new();
    let founder = quick.world.founder();
    let (_, dan) = quick.op(ANA, 0, founder, None, false, vec![grant(DAN, Role::Reader)]);
    for i in 0..MANY {
        quick.op(DAN, i as u16, of(dan), None, true, vec![leave()]);
    }
    let (_, senior) = quick.op(ANA, 1, founder, None, true, vec![grant(EVE, Role::Reader)]);
    let policy = quick.world.policy();
    assert_eq!(policy.heads().len(), crate::policy::op::HEADS_MAX);
    assert!(policy.heads().contains(&senior));
    assert_eq!(policy.denials().len(), MANY);
}

#[test]
fn two_thousand_parked_operations_wait_in_peace() {
    let mut quick = Quick::new();
    let founder = quick.world.founder();
    let (seq, unseen) = quick.op(ANA, 0, founder, None, false, vec![grant(BEN, Role::Admin)]);
    let mut prev = Some((seq, unseen));
    for _ in 0..MANY {
        prev = Some(quick.op(ANA, 0, founder, prev, false, vec![remove(BEN)]));
    }
    let policy = quick.world.policy_without(&[unseen]);
    assert_eq!(policy.parked().len(), MANY);
    assert_eq!(policy.denials().len(), MANY);
    assert!(
        Policy::fold(quick.world.pack, quick.world.ops.clone(), everybody())
            .parked()
            .is_empty()
    );
}
