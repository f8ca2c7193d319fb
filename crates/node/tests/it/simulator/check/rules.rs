//! Rules that the devices keep, asked of their records and not of the code that keeps them.

use super::{Books, holders};
use crate::it::simulator::history::History;
use kitbag_core::content::{EntryKind, LogOpening};
use kitbag_core::id::{DeviceId, EpochId, PackId};
use kitbag_core::pack::note::object_tag;
use kitbag_core::policy::fold::{Denial, Policy, Verdict};
use kitbag_core::policy::op::{Act, Body};
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_testkit::World;
use std::collections::BTreeSet;

pub(super) fn are_kept(
    world: &mut World,
    history: &History,
    at: usize,
    books: &Books,
) -> Result<(), String> {
    let pack = history.packs[at].id;
    let Some(who) = holders(world, history, pack).first().copied() else {
        return Ok(());
    };
    let policy = world.node(who).policy(pack).unwrap().clone();
    the_table_is_obeyed(&policy)?;
    the_founder_stays(&policy)?;
    only_who_may_is_shown(world, history, at, books)?;
    logs_fit_their_grants(world, history, pack, books)?;
    writers_say_what_they_know(history, pack, books)?;
    epochs_answer_what_was_known(history, at, books)
}

/// The authority table, written down once more: what counts was done by whoever may do it.
fn the_table_is_obeyed(policy: &Policy) -> Result<(), String> {
    for op in policy
        .ops()
        .filter(|op| policy.verdict(&op.hash()) == Some(Verdict::Stands))
    {
        let Some(by) = op.op().cites.and_then(|cites| policy.grant(&cites)) else {
            continue; // Genesis
        };
        for act in op.acts() {
            let admin = by.role == Role::Admin;
            let allowed = match act {
                Act::Grant {
                    role, clearance, ..
                }
                | Act::Invite {
                    role, clearance, ..
                } => admin && *role <= by.role && *clearance <= by.clearance,
                Act::Remove { .. } | Act::Close { .. } => admin,
                Act::Admit { .. } => true,
                Act::Leave { .. } => !admin,
            };
            if !allowed || op.op().person != by.person {
                return Err(format!("{act:?} counts, by a {} {}", by.role, by.clearance));
            }
        }
    }
    Ok(())
}

/// Nobody is senior to the founder.
fn the_founder_stays(policy: &Policy) -> Result<(), String> {
    let genesis = policy
        .ops()
        .find(|op| matches!(op.op().body, Body::Genesis { .. }));
    match genesis.map(|genesis| genesis.op().person) {
        Some(founder) if policy.may_open(&founder, Sensitivity::Restricted) => Ok(()),
        other => Err(format!("the founder {other:?} was put out")),
    }
}

/// A note that is shown was written under a grant that lets its holder write there, and that is live
/// or was ended by a removal that names its log.
fn only_who_may_is_shown(
    world: &mut World,
    history: &History,
    at: usize,
    books: &Books,
) -> Result<(), String> {
    let pack = history.packs[at].id;
    for who in holders(world, history, pack) {
        let policy = world.node(who).policy(pack).unwrap().clone();
        for note in world.node(who).notes(pack).unwrap() {
            let tag = object_tag(pack, note.id, note.sensitivity, 0);
            let may = |log: &LogOpening, seq: u64| {
                let named = || {
                    let stands = |op: &&kitbag_core::policy::op::SignedOp| {
                        policy.verdict(&op.hash()) == Some(Verdict::Stands)
                    };
                    let mut acts = policy.ops().filter(stands).flat_map(|op| op.acts());
                    acts.any(|act| {
                        matches!(act, Act::Remove { cutoffs, .. }
                            if cutoffs.iter().any(|cutoff| cutoff.log == log.log_id() && seq <= cutoff.seq))
                    })
                };
                policy.grant(&log.grant).is_some_and(|grant| {
                    grant.role.may_write()
                        && grant.clearance >= log.sensitivity
                        && (grant.live || named())
                })
            };
            let creates = books.all.entries().filter(|(_, entry)| {
                entry.header().object == Some(tag) && entry.raw().wrap.is_some()
            });
            if !creates
                .map(|(log, entry)| (log, entry.header().seq))
                .any(|(log, seq)| may(log, seq))
            {
                return Err(format!(
                    "{} shows note {:?} by somebody who may not write it",
                    world.name(who),
                    note.id
                ));
            }
        }
    }
    Ok(())
}

/// Nobody honest keeps a log above the clearance of the grant under which it is written.
fn logs_fit_their_grants(
    world: &mut World,
    history: &History,
    pack: PackId,
    books: &Books,
) -> Result<(), String> {
    for who in holders(world, history, pack) {
        let policy = world.node(who).policy(pack).unwrap();
        let fits = |log: &LogOpening| {
            let grant = policy.grant(&log.grant);
            grant.is_none_or(|grant| grant.clearance >= log.sensitivity)
        };
        if books.of[&who].1.logs(pack).any(|(log, _)| !fits(log)) {
            return Err(format!(
                "{} keeps a log above its writer's clearance",
                world.name(who)
            ));
        }
    }
    Ok(())
}

/// The first entry of every honest log says which policy its writer knew.
fn writers_say_what_they_know(
    history: &History,
    pack: PackId,
    books: &Books,
) -> Result<(), String> {
    let devices = history
        .members
        .iter()
        .filter_map(|who| books.of[who].0.identity());
    let honest: BTreeSet<DeviceId> = devices.map(|me| me.person.certificate().device).collect();
    let silent = books.all.entries().find(|(log, entry)| {
        log.pack == pack
            && honest.contains(&log.device)
            && entry.header().seq == 0
            && !matches!(entry.header().kind, EntryKind::Frontier(_))
    });
    match silent {
        None => Ok(()),
        Some((log, _)) => Err(format!("a log begins without a frontier: {log:?}")),
    }
}

/// Whatever an honest writer sealed stands under an epoch that, with its ancestors, answers every
/// denial that the writer knew.
fn epochs_answer_what_was_known(history: &History, at: usize, books: &Books) -> Result<(), String> {
    let pack = &history.packs[at];
    for note in pack.notes.iter() {
        let Some(then) = &note.sealed else { continue };
        let tag = object_tag(pack.id, note.id, note.sensitivity, 0);
        let mut entries = books.all.entries();
        let create = entries
            .find(|(_, entry)| entry.header().object == Some(tag) && entry.raw().wrap.is_some());
        let Some(epoch) = create.and_then(|(_, entry)| entry.header().epoch) else {
            continue;
        };
        let answered = answered_by(books, pack.id, epoch);
        if let Some(denial) = then.denials().difference(&answered).next() {
            return Err(format!(
                "note {:?} is sealed under an epoch that does not answer {denial:?}",
                note.id
            ));
        }
    }
    Ok(())
}

fn answered_by(books: &Books, pack: PackId, epoch: EpochId) -> BTreeSet<Denial> {
    let (mut answered, mut seen, mut ahead) = (BTreeSet::new(), BTreeSet::new(), vec![epoch]);
    while let Some(id) = ahead.pop() {
        let found = books.all.epochs(pack).find(|epoch| epoch.id() == id);
        if let Some(epoch) = found.filter(|_| seen.insert(id)) {
            answered.extend(epoch.epoch().answers.iter().copied());
            ahead.extend(epoch.epoch().parents.iter().copied());
        }
    }
    answered
}
