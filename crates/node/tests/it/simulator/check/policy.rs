//! Promise 4 for the policy, and what somebody who was removed can still do to it: nothing.

use super::{Books, holders};
use crate::it::simulator::history::History;
use kitbag_core::id::{OpHash, PackId, PersonId};
use kitbag_core::policy::fold::{Policy, Standing, Verdict};
use kitbag_core::policy::op::{Act, LateDenials, SignedOp};
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_testkit::{Dice, Hostile, World};
use std::collections::{BTreeMap, BTreeSet};

/// Operations that each removed person adds, at most.
const LATE_OPS_MAX: u64 = 4;

/// Whoever holds a pack has the same operations and makes the same of them.
pub(super) fn agrees(world: &mut World, history: &History, pack: PackId) -> Result<(), String> {
    let holders = holders(world, history, pack);
    let Some(first) = holders.first() else {
        return Ok(());
    };
    let of_first = world.node(*first).policy(pack).unwrap().clone();
    for who in &holders {
        if who != first
            && holders
                .iter()
                .all(|other| world.person(*other) == world.person(*who))
        {
            continue; // two copies never meet, and nobody else goes between them
        }
        let policy = world.node(*who).policy(pack).unwrap();
        let same = policy.ops().eq(of_first.ops())
            && policy.members().eq(of_first.members())
            && policy.denials() == of_first.denials()
            && policy
                .ops()
                .all(|op| policy.verdict(&op.hash()) == of_first.verdict(&op.hash()));
        if !same {
            let (a, b) = (world.name(*first).to_owned(), world.name(*who).to_owned());
            let policy = world.node(*who).policy(pack).unwrap();
            let ops = |policy: &Policy| policy.ops().map(SignedOp::hash).collect::<BTreeSet<_>>();
            let other = |hash: &&OpHash| policy.verdict(hash) != of_first.verdict(hash);
            let (mine, theirs) = (ops(&of_first), ops(policy));
            return Err(format!(
                "{a} and {b} hold other policies of {pack:?}: operations {:?}, denials {:?}, verdicts {:?}",
                mine.symmetric_difference(&theirs).collect::<Vec<_>>(),
                policy
                    .denials()
                    .symmetric_difference(of_first.denials())
                    .collect::<Vec<_>>(),
                mine.union(&theirs).filter(other).collect::<Vec<_>>(),
            ));
        }
    }
    Ok(())
}

/// What a policy gives: members, their grants, keys and connections.
#[derive(Debug, PartialEq)]
struct Given {
    members: BTreeMap<PersonId, Vec<(Role, Sensitivity)>>,
    opens: BTreeSet<(PersonId, Sensitivity)>,
    writes: BTreeSet<(PersonId, Sensitivity)>,
    /// Of those whom it lets in. Whoever was named by anybody who could is told how that ended.
    standing: Vec<Standing>,
}

fn given(policy: &Policy, persons: &[PersonId]) -> Given {
    let grants = policy.members().map(|member| {
        let grants = member
            .grants
            .iter()
            .map(|grant| (grant.role, grant.clearance));
        (member.person, grants.collect())
    });
    let pairs = || {
        let each = |person: &PersonId| Sensitivity::ALL.map(|s| (*person, s));
        persons.iter().flat_map(each)
    };
    let endpoints = persons
        .iter()
        .filter_map(|person| policy.certificate(person));
    Given {
        members: grants.collect(),
        opens: pairs()
            .filter(|(person, s)| policy.may_open(person, *s))
            .collect(),
        writes: pairs()
            .filter(|(person, s)| policy.may_write(person, *s))
            .collect(),
        standing: endpoints
            .map(|keys| policy.standing(&keys.endpoint))
            .filter(|standing| !matches!(standing, Standing::Unknown | Standing::Ended { .. }))
            .collect(),
    }
}

/// Non-interference: whoever was removed, and has no live grant, adds operations under their old
/// grants that nobody has in the past of the removal. Members stay the same; with `drop`, keys and
/// connections too; with `keep`, keys only become fewer.
pub(super) fn is_not_interfered_with(
    world: &mut World,
    history: &mut History,
    pack: PackId,
    books: &Books,
) -> Result<(), String> {
    let Some(who) = holders(world, history, pack).first().copied() else {
        return Ok(());
    };
    let policy = world.node(who).policy(pack).unwrap().clone();
    let persons: Vec<PersonId> = world
        .everybody()
        .into_iter()
        .map(|who| world.person(who))
        .collect();
    // Persons of other packs, too: a grant may wait for one of them.
    let known = books.of[&who].1.persons().cloned();
    let policy = Policy::fold(pack, policy.ops().cloned(), known);
    let before = given(&policy, &persons);
    for (device, (loot, _)) in &books.of {
        let person = world.person(*device);
        let Some(drops) = removed_for_good(&policy, person) else {
            continue;
        };
        let records = books.of[&who].1.clone();
        let dice = Dice::new(world.dice.below(u64::MAX));
        let Some(mut removed) = Hostile::new(loot.clone(), records.clone(), dice) else {
            continue;
        };
        let late =
            (0..world.dice.between(1, LATE_OPS_MAX)).filter_map(|_| removed.late_op(&policy));
        let late: Vec<SignedOp> = late.collect();
        let count = late.len() as u64;
        let ops = policy.ops().cloned().chain(late.iter().cloned());
        let changed = Policy::fold(pack, ops, records.persons().cloned());
        let after = given(&changed, &persons);
        history.counts.add("operations after a removal", count);
        let same = if drops {
            after == before
        } else {
            after.members == before.members && after.opens.is_subset(&before.opens)
        };
        told_no_more(&policy, &changed, &late, person, &persons)?;
        if !same {
            let late = late.iter().map(|op| (changed.verdict(&op.hash()), op.op()));
            return Err(format!(
                "{} was removed ({}) and changed the policy of {pack:?}:\n{before:?}\n{after:?}\n{:?}",
                world.name(*device),
                if drops { "drop" } else { "keep" },
                late.collect::<Vec<_>>(),
            ));
        }
    }
    Ok(())
}

/// Somebody whom a removed admin names late is told how that ended, as everybody is who was ever named
/// by whoever could: nobody can tell a late grant from one that was only slow to arrive, and whoever
/// was honestly let in must hear why they are out. But it is nothing that the removed is not told.
fn told_no_more(
    before: &Policy,
    after: &Policy,
    late: &[SignedOp],
    removed: PersonId,
    persons: &[PersonId],
) -> Result<(), String> {
    let told = |person: &PersonId| -> BTreeSet<OpHash> {
        let keys = after.certificate(person);
        keys.map(|keys| after.ended_ops_for(&keys.endpoint).into_iter().collect())
            .unwrap_or_default()
    };
    let mut known = told(&removed);
    known.extend(late.iter().map(SignedOp::hash));
    for person in persons {
        let Some(keys) = before.certificate(person) else {
            continue;
        };
        if before.standing(&keys.endpoint) == Standing::Unknown && !told(person).is_subset(&known) {
            return Err(format!(
                "{person:?}, whom somebody named who was removed, is told more than they are"
            ));
        }
    }
    Ok(())
}

/// Whether each Remove of somebody who has no live grant drops what they deny; none for others.
fn removed_for_good(policy: &Policy, person: PersonId) -> Option<bool> {
    if policy.member(&person).is_some() {
        return None;
    }
    let counted = policy
        .ops()
        .filter(|op| policy.verdict(&op.hash()) == Some(Verdict::Stands));
    let removes = counted
        .flat_map(|op| op.acts())
        .filter_map(|act| match act {
            Act::Remove {
                person: target,
                late_denials,
                ..
            } if *target == person => Some(*late_denials == LateDenials::Drop),
            _ => None,
        });
    let removes: Vec<bool> = removes.collect();
    // Every one of their grants must have been killed by a Remove, not merely voided otherwise.
    (!removes.is_empty()).then(|| removes.iter().all(|drop| *drop))
}
