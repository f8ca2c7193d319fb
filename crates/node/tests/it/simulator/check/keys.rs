//! Promises 2 and 5: the ledger of keys. Who ever had which keys, and what they open.
//!
//! Nothing here asks a device what it would open: each device's keys, of former states too, are tried
//! on the records of everybody.

use super::known::Written;
use super::{Books, grants_of};
use crate::it::simulator::history::History;
use kitbag_core::id::{DeviceId, EntryHash, EpochId, OpHash, PackId, PersonId};
use kitbag_core::policy::Sensitivity;
use kitbag_core::policy::fold::{Denial, Policy};
use kitbag_core::policy::op::{Act, GrantRef, HEADS_MAX, LateDenials};
use kitbag_testkit::{Trick, Who, World};
use std::collections::{BTreeMap, BTreeSet};

/// What is said of one pack.
struct Of {
    now: Policy,
    /// With what nobody has any more, because old backups were put back.
    ever: Policy,
    written: Written,
}

pub(super) fn are_with_whom_they_belong(
    world: &mut World,
    history: &mut History,
    books: &Books,
) -> Result<(), String> {
    let mut policies: BTreeMap<PackId, Of> = BTreeMap::new();
    for pack in history.packs.iter().map(|pack| pack.id) {
        let (now, ever) = (books.all.policy(pack), books.ever.policy(pack));
        let written = Written::of(history, books, pack, &now);
        epochs_answer_what_was_known(books, &ever, &written)?;
        policies.insert(pack, Of { now, ever, written });
    }
    let mallory = history.mallory.as_ref().map(|mallory| mallory.who);
    // A member who hands keys on cannot be stopped; what others hold then proves nothing.
    let handed_on = history.played(Trick::Wraps) || history.played(Trick::Epochs);
    for (device, (loot, _)) in &books.of {
        if handed_on && Some(*device) != mallory && *device != history.outsider {
            continue;
        }
        let person = world.person(*device);
        for (pack, of) in &policies {
            let cleared = cleared(&of.ever, person);
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

/// Promise 2: what an honest writer sealed while knowing that somebody is out, notes, edits and all,
/// they do not open, unless they were granted anew, or a later removal dropped what put them out.
fn nothing_after_removal(
    world: &mut World,
    history: &mut History,
    books: &Books,
    policies: &BTreeMap<PackId, Of>,
    device: Who,
) -> Result<(), String> {
    let person = world.person(device);
    let mut closed: BTreeSet<EntryHash> = BTreeSet::new();
    for Of {
        now: policy,
        ever,
        written,
    } in policies.values()
    {
        let grants = grants_of(ever, person);
        let mut out: BTreeMap<(usize, Sensitivity), bool> = BTreeMap::new();
        for entry in written.sealed.iter().filter(|entry| entry.by != person) {
            let (then, level) = (&written.states[entry.then], entry.level);
            let is_out = out.entry((entry.then, level)).or_insert_with(|| {
                let anew = |grant: &GrantRef| {
                    let info = ever.grant(grant);
                    info.is_some_and(|info| info.clearance >= level) && !then.is_folded(&grant.op)
                };
                !then.may_open(&person, level)
                    && !grants.iter().any(anew)
                    && !policy.may_open(&person, level)
                    && !drops_later(policy, then)
            });
            if *is_out {
                closed.insert(entry.hash);
            }
        }
    }
    let closed = books.all.only(|_, entry| closed.contains(&entry.hash()));
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

/// Whether there is a removal, unknown then, that drops what its target denied: it may have undone
/// what was known.
fn drops_later(policy: &Policy, then: &Policy) -> bool {
    let later = policy.ops().filter(|op| !then.is_folded(&op.hash()));
    later.flat_map(|op| op.acts()).any(|act| {
        matches!(
            act,
            Act::Remove {
                late_denials: LateDenials::Drop,
                ..
            }
        )
    })
}

/// Whatever an honest writer sealed stands under an epoch that, with its ancestors, answers every
/// denial that the writer had folded, and by somebody who had folded it too.
fn epochs_answer_what_was_known(
    books: &Books,
    ever: &Policy,
    written: &Written,
) -> Result<(), String> {
    let mut answered: BTreeMap<EpochId, BTreeSet<Denial>> = BTreeMap::new();
    for entry in &written.sealed {
        let then = &written.states[entry.then];
        let answered = answered
            .entry(entry.epoch)
            .or_insert_with(|| answered_by(books, ever, entry.epoch));
        if let Some(denial) = then.denials().difference(answered).next() {
            return Err(format!(
                "{:?} is sealed under an epoch that does not answer {denial:?}",
                entry.hash
            ));
        }
    }
    Ok(())
}

fn answered_by(books: &Books, ever: &Policy, epoch: EpochId) -> BTreeSet<Denial> {
    let (mut answered, mut seen, mut ahead) = (BTreeSet::new(), BTreeSet::new(), vec![epoch]);
    while let Some(id) = ahead.pop() {
        let found = books.all.epochs(ever.pack()).find(|epoch| epoch.id() == id);
        if let Some(epoch) = found.filter(|_| seen.insert(id)) {
            let epoch = epoch.epoch();
            let folded = with_past(ever, &epoch.heads);
            let knew = |denial: &&Denial| {
                folded.contains(&denial.op)
                    || denial.act == Denial::FORK
                    || epoch.heads.len() >= HEADS_MAX
            };
            answered.extend(epoch.answers.iter().filter(knew).copied());
            ahead.extend(epoch.parents.iter().copied());
        }
    }
    answered
}

fn with_past(ever: &Policy, heads: &[OpHash]) -> BTreeSet<OpHash> {
    let (mut past, mut ahead) = (BTreeSet::new(), heads.to_vec());
    while let Some(op) = ahead.pop() {
        if past.insert(op) {
            ahead.extend(ever.op(&op).into_iter().flat_map(|op| op.parents()));
        }
    }
    past
}
