//! Rules that the devices keep, asked of their records and not of the code that keeps them.

use super::known::Written;
use super::{Books, holders};
use crate::it::simulator::history::History;
use kitbag_core::content::{FRONTIER_MAX, LogOpening, VerifiedEntry};
use kitbag_core::id::{EntryHash, ItemId, ObjectTag, PackId};
use kitbag_core::pack::note::object_tag;
use kitbag_core::policy::fold::{Policy, Verdict};
use kitbag_core::policy::op::{Act, Body, SignedOp};
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_testkit::World;
use std::collections::{BTreeMap, BTreeSet};

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
    writers_say_what_they_know(history, at, books)
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
                Act::Remove { .. } | Act::Close { .. } | Act::Rules { .. } => admin,
                Act::Admit { invite, .. } => policy.invite(invite).is_none_or(|invite| {
                    !invite.ask || (by.role.may_read() && by.clearance >= invite.clearance)
                }),
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

/// A note that is shown stands where somebody put it who may write there: under a grant that is live or
/// was ended by a removal that names its log, or others built on it who may.
fn only_who_may_is_shown(
    world: &mut World,
    history: &History,
    at: usize,
    books: &Books,
) -> Result<(), String> {
    let pack = history.packs[at].id;
    let mut of_objects: BTreeMap<ObjectTag, Vec<Of<'_>>> = BTreeMap::new();
    for (log, entry) in books.all.entries().filter(|(log, _)| log.pack == pack) {
        if let Some(tag) = entry.header().object {
            of_objects.entry(tag).or_default().push((log, entry));
        }
    }
    let mut sound: BTreeSet<(ItemId, Sensitivity)> = BTreeSet::new();
    for who in holders(world, history, pack) {
        let policy = world.node(who).policy(pack).unwrap().clone();
        for note in world.node(who).notes(pack).unwrap() {
            if sound.contains(&(note.id, note.sensitivity)) {
                continue;
            }
            let tags = (0..PLACEMENTS).map(|n| object_tag(pack, note.id, note.sensitivity, n));
            let mut of_note = tags.filter_map(|tag| of_objects.get(&tag));
            if !of_note.any(|entries| is_by_whoever_may(&policy, entries)) {
                return Err(format!(
                    "{} shows note {:?} by somebody who may not write it",
                    world.name(who),
                    note.id
                ));
            }
            sound.insert((note.id, note.sensitivity));
        }
    }
    Ok(())
}

/// Moves of one note, at most.
const PLACEMENTS: u64 = 24;

type Of<'a> = (&'a LogOpening, &'a VerifiedEntry);

/// Whether the entry that opens an object counts: within what was left of its log, or reached by an
/// entry of another device that counts.
fn is_by_whoever_may(policy: &Policy, entries: &[Of<'_>]) -> bool {
    let stands = |op: &&SignedOp| policy.verdict(&op.hash()) == Some(Verdict::Stands);
    let named = |log: &LogOpening, seq: u64| {
        let mut acts = policy.ops().filter(stands).flat_map(|op| op.acts());
        acts.any(|act| match act {
            Act::Remove { cutoffs, .. } | Act::Leave { cutoffs } => cutoffs
                .iter()
                .any(|cutoff| cutoff.log == log.log_id() && seq <= cutoff.seq),
            _ => false,
        })
    };
    let writes = |log: &LogOpening| {
        let grant = policy.grant(&log.grant);
        grant.filter(|grant| grant.role.may_write() && grant.clearance >= log.sensitivity)
    };
    let may = |(log, entry): &Of<'_>| {
        writes(log).is_some_and(|grant| grant.live || named(log, entry.header().seq))
    };
    let mut counts: BTreeSet<EntryHash> = entries
        .iter()
        .filter(|of| may(of))
        .map(|(_, entry)| entry.hash())
        .collect();
    loop {
        let vouched = entries.iter().find(|(log, entry)| {
            let vouches = |(by, voucher): &&Of<'_>| {
                by.device != log.device
                    && counts.contains(&voucher.hash())
                    && reaches(entries, voucher, &entry.hash())
            };
            !counts.contains(&entry.hash())
                && writes(log).is_some()
                && entries.iter().any(|of| vouches(&of))
        });
        match vouched {
            Some((_, entry)) => counts.insert(entry.hash()),
            None => break,
        };
    }
    let opens = |(_, entry): &Of<'_>| entry.raw().wrap.is_some() && counts.contains(&entry.hash());
    entries.iter().any(opens)
}

fn reaches(entries: &[Of<'_>], from: &VerifiedEntry, to: &EntryHash) -> bool {
    let (mut seen, mut open) = (BTreeSet::new(), from.header().deps.clone());
    while let Some(hash) = open.pop() {
        if hash == *to {
            return true;
        }
        if seen.insert(hash) {
            let next = entries.iter().find(|(_, entry)| entry.hash() == hash);
            open.extend(next.iter().flat_map(|(_, entry)| &entry.header().deps));
        }
    }
    false
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

/// The frontier in force where a note was written says what its writer knew.
fn writers_say_what_they_know(history: &History, at: usize, books: &Books) -> Result<(), String> {
    let pack = &history.packs[at];
    let policy = books.all.policy(pack.id);
    let written = Written::of(history, books, pack.id, &policy);
    for note in &pack.notes {
        let Some(then) = &note.sealed else { continue };
        let tag = object_tag(pack.id, note.id, note.sensitivity, 0);
        let mut entries = books.all.entries();
        let create = entries
            .find(|(_, entry)| entry.header().object == Some(tag) && entry.raw().wrap.is_some());
        let Some((_, create)) = create else { continue };
        let told = written.frontiers.get(&create.hash());
        if told != Some(&then.heads_at_most(FRONTIER_MAX)) {
            return Err(format!(
                "the frontier of note {:?} is not what its writer knew",
                note.id
            ));
        }
    }
    Ok(())
}
