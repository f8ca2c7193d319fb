//! Promises 2 and 5: the ledger of keys. Who ever had which keys, and what they open.
//!
//! Nothing here asks a device what it would open: each device's keys, of former states too, are tried
//! on the records of everybody.

use super::{Books, grants_of};
use crate::it::simulator::history::History;
use kitbag_core::id::{DeviceId, ObjectTag, PackId, PersonId};
use kitbag_core::pack::note::object_tag;
use kitbag_core::policy::Sensitivity;
use kitbag_core::policy::fold::Policy;
use kitbag_core::policy::op::{Act, LateDenials};
use kitbag_testkit::{Trick, Who, World};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn are_with_whom_they_belong(
    world: &mut World,
    history: &mut History,
    books: &Books,
) -> Result<(), String> {
    let policies: BTreeMap<PackId, Policy> = history
        .packs
        .iter()
        .map(|pack| (pack.id, books.all.policy(pack.id)))
        .collect();
    let mallory = history.mallory.as_ref().map(|mallory| mallory.who);
    // A member who hands keys on cannot be stopped; what others hold then proves nothing.
    let handed_on = history.played(Trick::Wraps) || history.played(Trick::Epochs);
    for (device, (loot, _)) in &books.of {
        if handed_on && Some(*device) != mallory && *device != history.outsider {
            continue;
        }
        let person = world.person(*device);
        for (pack, policy) in &policies {
            let cleared = cleared(policy, person);
            let above = |level: Sensitivity| cleared.is_none_or(|cleared| level > cleared);
            let made = mallory_made(world, mallory, *device);
            for epoch in books.all.epochs(*pack) {
                let holds = loot.epochs().any(|(id, _)| *id == epoch.id());
                let own = made == Some(epoch.epoch().device);
                if holds && !own && above(epoch.epoch().domain) {
                    return Err(format!(
                        "{} holds a key of {} and was cleared for {cleared:?}",
                        world.name(*device),
                        epoch.epoch().domain
                    ));
                }
            }
            let secret = books.all.only(|log, _| {
                log.pack == *pack && above(log.sensitivity) && Some(log.device) != made
            });
            history
                .counts
                .add("entries above a clearance", secret.sealed(None) as u64);
            let opened = loot.clone().open(&secret);
            if let Some(opened) = opened.first() {
                return Err(format!(
                    "{} was cleared for {cleared:?} and opens {opened:?}",
                    world.name(*device)
                ));
            }
        }
        nothing_after_removal(world, history, books, &policies, *device)?;
    }
    Ok(())
}

/// The device key of Mallory, whose own records it opens of course.
fn mallory_made(world: &mut World, mallory: Option<Who>, device: Who) -> Option<DeviceId> {
    let mallory = mallory.filter(|mallory| *mallory == device)?;
    let _ = mallory;
    world
        .loot(device)
        .0
        .identity()
        .map(|me| me.person.certificate().device)
}

/// The highest for which a person was ever cleared by anybody who could.
fn cleared(policy: &Policy, person: PersonId) -> Option<Sensitivity> {
    let grants = grants_of(policy, person);
    let given = grants.iter().filter_map(|grant| policy.grant(grant));
    given.map(|grant| grant.clearance).max()
}

/// Promise 2: what an honest writer sealed while knowing that somebody is out, they do not open,
/// unless they were granted anew, or their removal was undone.
fn nothing_after_removal(
    world: &mut World,
    history: &mut History,
    books: &Books,
    policies: &BTreeMap<PackId, Policy>,
    device: Who,
) -> Result<(), String> {
    let person = world.person(device);
    let mut closed: BTreeSet<ObjectTag> = BTreeSet::new();
    for pack in &history.packs {
        let policy = &policies[&pack.id];
        if is_undone_by_drop(policy) {
            continue;
        }
        for note in &pack.notes {
            let Some(then) = &note.sealed else { continue };
            let level = note.sensitivity;
            let was_out = !then.may_open(&person, level) && world.person(note.by) != person;
            let anew = grants_of(policy, person).into_iter().any(|grant| {
                policy
                    .grant(&grant)
                    .is_some_and(|info| info.clearance >= level)
                    && !then.is_folded(&grant.op)
            });
            if was_out && !anew && !policy.may_open(&person, level) {
                closed.insert(object_tag(pack.id, note.id, level, 0));
            }
        }
    }
    let closed = books.all.only(|_, entry| {
        entry.raw().wrap.is_some()
            && entry
                .header()
                .object
                .is_some_and(|tag| closed.contains(&tag))
    });
    let loot = &books.of[&device].0;
    history
        .counts
        .add("keys tried", (loot.keys() * closed.sealed(None)) as u64);
    match loot.clone().open(&closed).first() {
        None => Ok(()),
        Some(opened) => Err(format!(
            "{} opens what was sealed after it was out: {opened:?}",
            world.name(device)
        )),
    }
}

/// Whether a removal may have undone an earlier one by dropping what its target denied.
fn is_undone_by_drop(policy: &Policy) -> bool {
    policy.ops().flat_map(|op| op.acts()).any(|act| {
        matches!(
            act,
            Act::Remove {
                late_denials: LateDenials::Drop,
                ..
            }
        )
    })
}
