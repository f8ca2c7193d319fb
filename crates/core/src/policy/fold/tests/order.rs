//! Every pair and triple of concurrent operations in every order, and against the second fold.

use super::oracle::{Answers, answers};
use super::world::*;
use crate::id::OpHash;
use crate::policy::Role;
use crate::policy::fold::{Policy, Verdict};
use crate::policy::op::{GrantRef, SignedOp};
use std::collections::BTreeSet;

/// What the fold says, in the words of the second one.
pub(super) fn of_fold(policy: &Policy) -> Answers {
    let names = || {
        policy
            .ops()
            .flat_map(|op| (0..op.acts().len().max(1)).map(|act| nth(op.hash(), act as u32)))
    };
    let which = |holds: &dyn Fn(&GrantRef) -> bool| -> BTreeSet<GrantRef> {
        names().filter(|name| holds(name)).collect()
    };
    let keyed: BTreeSet<GrantRef> = policy
        .members()
        .flat_map(|member| &member.grants)
        .filter(|grant| grant.keys)
        .map(|grant| grant.grant)
        .collect();
    Answers {
        parked: policy.parked().iter().copied().collect(),
        invalid: policy
            .ops()
            .map(SignedOp::hash)
            .filter(|op| matches!(policy.verdict(op), Some(Verdict::Invalid(_))))
            .collect(),
        stands: which(&|name| policy.grant(name).is_some_and(|info| info.stands)),
        live: which(&|name| policy.grant(name).is_some_and(|info| info.live)),
        keys: which(&|name| keyed.contains(name)),
        denials: policy.denials().clone(),
        rules: policy.rules().iter().map(|rules| rules.op).collect(),
    }
}

/// A pack with two admins, an editor, two invites and somebody who came in by one; then one operation
/// of each kind by each who might, all concurrent.
pub(super) fn alphabet() -> (World, Vec<SignedOp>) {
    let mut w = World::founded_by(ANA);
    let ben = w.by(ANA).does([grant(BEN, Role::Admin)]);
    let cyn = w.by(ANA).does([grant(CYN, Role::Admin)]);
    let ticket = of(w.by(BEN).does([invite(2)]));
    let dan = w.by(CYN).does([grant(DAN, Role::Editor)]);
    let admit = w.admit(ticket, EVE);
    let eve = w.by(DAN).does([admit]);
    let (eve_again, fay) = (w.admit(ticket, EVE), w.admit(ticket, FAY));
    let bens = w.upto_now(BEN);
    let dans = w.upto_now(DAN);
    let (listed, own) = (of(eve), nth(OpHash::from_bytes([0; 32]), 0));
    let mut letters = Vec::new();
    let mut letter =
        |who: Who, cites: GrantRef, incarnation: u8, acts: Vec<crate::policy::op::Act>| {
            letters.push(w.by(who).citing(cites).incarnation(incarnation).build(acts));
        };
    letter(BEN, of(ben), 0, vec![remove(CYN)]);
    letter(CYN, of(cyn), 0, vec![remove(BEN)]);
    letter(BEN, of(ben), 1, vec![dropping(remove_at(DAN, dans))]);
    letter(CYN, of(cyn), 1, vec![remove(DAN), grant(DAN, Role::Reader)]);
    letter(BEN, of(ben), 0, vec![remove(EVE)]);
    letter(CYN, of(cyn), 0, vec![grant(EVE, Role::Admin)]);
    letter(DAN, of(dan), 0, vec![fay.clone()]);
    letter(EVE, of(eve), 0, vec![fay.clone()]);
    letter(DAN, of(dan), 1, vec![leave()]);
    letter(EVE, of(eve), 1, vec![leave()]);
    letter(BEN, of(ben), 2, vec![close(ticket, &[listed])]);
    letter(BEN, of(ben), 2, vec![close(ticket, &[])]);
    letter(BEN, of(ben), 3, vec![eve_again, close(ticket, &[own])]);
    let cited = w.founder();
    for (i, acts) in [
        vec![remove(BEN)],
        vec![dropping(remove_at(BEN, bens))],
        vec![remove(CYN), grant(CYN, Role::Editor)],
    ]
    .into_iter()
    .enumerate()
    {
        letters.push(w.by(ANA).citing(cited).incarnation(i as u8).build(acts));
    }
    (w, letters)
}

pub(super) fn check(w: &World, chosen: &[&SignedOp]) {
    let ops: Vec<SignedOp> = w
        .ops
        .iter()
        .cloned()
        .chain(chosen.iter().map(|op| (*op).clone()))
        .collect();
    let batch = Policy::fold(w.pack, ops.clone(), everybody());
    assert_eq!(
        of_fold(&batch),
        answers(w.pack, &ops, &everybody()),
        "{chosen:#?}"
    );
    assert_eq!(
        batch
            .member(&ANA.person())
            .map(super::super::view::Member::has_keys),
        Some(true)
    );
}

pub(super) fn check_orders(w: &World, chosen: &[&SignedOp], orders: &[Vec<usize>]) {
    let batch = Policy::fold(
        w.pack,
        w.ops.iter().chain(chosen.iter().copied()).cloned(),
        everybody(),
    );
    for order in orders {
        let arriving: Vec<&SignedOp> = order
            .iter()
            .map(|i| chosen[*i])
            .chain(w.ops.iter().rev())
            .collect();
        let policy = Policy::fold(w.pack, arriving.into_iter().cloned(), everybody());
        assert_eq!(policy, batch);
    }
}

#[test]
fn every_pair_and_triple_of_concurrent_operations_folds_alike_in_every_order() {
    let (w, letters) = alphabet();
    let (pairs, triples) = (orders(2), orders(3));
    for (i, one) in letters.iter().enumerate() {
        check(&w, &[one]);
        for (j, two) in letters.iter().enumerate().skip(i + 1) {
            check(&w, &[one, two]);
            check_orders(&w, &[one, two], &pairs);
            for three in &letters[j + 1..] {
                check(&w, &[one, two, three]);
                check_orders(&w, &[one, two, three], &triples);
            }
        }
    }
}

/// All orders of `n` things.
pub(super) fn orders(n: usize) -> Vec<Vec<usize>> {
    if n == 0 {
        return vec![Vec::new()];
    }
    let shorter = orders(n - 1);
    shorter
        .iter()
        .flat_map(|order| {
            (0..n).map(|at| {
                let mut longer = order.clone();
                longer.insert(at, n - 1);
                longer
            })
        })
        .collect()
}
