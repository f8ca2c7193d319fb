//! What must hold after every history.

mod indexed;
mod keys;
mod known;
mod policy;
mod rules;

use super::history::{History, Note as Known};
use kitbag_core::content::EntryKind;
use kitbag_core::epoch::SignedEpoch;
use kitbag_core::id::{EntryHash, EpochId, ItemId, PackId, PersonId};
use kitbag_core::pack::note::object_tag;
use kitbag_core::policy::fold::{ContentLog, LogEnd, Policy, Standing};
use kitbag_core::policy::op::{Cutoff, GrantRef, SignedOp};
use kitbag_core::policy::rules::{ReleaseRules, Unreadable};
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_core::wire::JoinRefusal;
use kitbag_node::JoinOutcome;
use kitbag_node::view::{Note, Revision, SetAsideView};
use kitbag_testkit::{Joining, Loot, Opened, Records, Trick, Who, World};
use std::collections::{BTreeMap, BTreeSet};

/// Everything that a device shows of a pack.
#[derive(Debug, PartialEq)]
struct Picture {
    title: String,
    clearance: Option<Sensitivity>,
    members: Vec<(PersonId, String, Role, Sensitivity)>,
    notes: BTreeMap<ItemId, (Note, Vec<Revision>)>,
    aside: Vec<SetAsideView>,
    rules: Result<ReleaseRules, Unreadable>,
    debts: (u64, u64, u64, u64),
}

fn picture(world: &mut World, who: Who, pack: PackId) -> Picture {
    let node = world.node(who);
    let summary = node.pack(pack).unwrap();
    let members = node.members(pack).unwrap().into_iter();
    let status = node.status(pack).unwrap();
    let ids: Vec<ItemId> = node
        .notes(pack)
        .unwrap()
        .iter()
        .map(|note| note.id)
        .collect();
    let me = world.person(who);
    let node = world.node(who);
    let readable = node
        .policy(pack)
        .unwrap()
        .may_open(&me, Sensitivity::Public);
    // A note above a clearance that was lowered is still listed, and does not open.
    let notes = ids.into_iter().filter(|_| readable).filter_map(|id| {
        let shown = node.note(pack, id).ok()?;
        Some((id, (shown, node.history(pack, id).unwrap())))
    });
    let notes = notes.collect();
    let aside = node.set_aside(pack).unwrap();
    let rules = node.release_rules(pack).unwrap();
    Picture {
        rules,
        title: summary.title,
        clearance: summary.clearance,
        notes,
        aside,
        members: members
            .map(|member| (member.person, member.name, member.role, member.clearance))
            .collect(),
        debts: (
            status.waiting,
            status.set_aside,
            status.held,
            status.rotation_debt,
        ),
    }
}

impl Picture {
    fn up_to(&self, clearance: Sensitivity) -> BTreeMap<&ItemId, &(Note, Vec<Revision>)> {
        self.notes
            .iter()
            .filter(|(_, (note, _))| note.sensitivity <= clearance)
            .collect()
    }

    fn aside_up_to(&self, clearance: Sensitivity) -> Vec<&SetAsideView> {
        let aside = self.aside.iter();
        aside.filter(|view| view.sensitivity <= clearance).collect()
    }

    /// What is set aside, where of a move to above this clearance the one lists the half that stands
    /// there, which they once were cleared for, and the other what says below that the note left.
    fn aside_but_for(
        &self,
        clearance: Sensitivity,
        raises: &Raises,
    ) -> (Vec<SetAsideView>, BTreeSet<EntryHash>) {
        let listed: BTreeSet<EntryHash> = self.aside.iter().map(|view| view.entry).collect();
        let whole = self.aside_up_to(clearance).into_iter();
        let whole = whole.filter(|view| !raises.moveds.contains_key(&view.entry));
        let whole = whole.map(|view| SetAsideView {
            dependents: view.dependents * u64::from(!raises.beside.contains(&view.entry)),
            ..view.clone()
        });
        let told = raises.moveds.iter();
        let told = told.filter(|(moved, to)| listed.contains(moved) || listed.contains(to));
        (whole.collect(), told.map(|(moved, _)| *moved).collect())
    }

    /// A note as far as it is the same for readers who are cleared differently: of one that moved,
    /// the higher see more of who wrote what, and may see it higher than the lower do.
    fn for_all(&self, id: &ItemId, clearance: Sensitivity) -> Option<Note> {
        let (note, _) = self.notes.get(id)?;
        let apart = note.hidden_below || note.shown_below.is_some();
        (note.sensitivity <= clearance && !apart).then(|| Note {
            left_above: 0,
            merged: vec![],
            edits: 0,
            waiting: 0,
            added_by: String::new(),
            version: String::new(),
            ..note.clone()
        })
    }
}

/// Moves of a pack to above a clearance.
struct Raises {
    /// What says below that a note left, and the move that it names.
    moveds: BTreeMap<EntryHash, EntryHash>,
    /// The entries under the tags that were left.
    beside: BTreeSet<EntryHash>,
}

impl Raises {
    fn of(books: &Books, pack: PackId, clearance: Sensitivity) -> Raises {
        let entries = || books.all.entries().filter(|(log, _)| log.pack == pack);
        let above: BTreeSet<EntryHash> = entries()
            .filter(|(log, _)| log.sensitivity > clearance)
            .map(|(_, entry)| entry.hash())
            .collect();
        let mut moveds = BTreeMap::new();
        let mut tags = BTreeSet::new();
        for (log, entry) in entries() {
            if let EntryKind::Moved(to) = entry.header().kind
                && log.sensitivity <= clearance
                && above.contains(&to)
            {
                moveds.insert(entry.hash(), to);
                tags.insert(entry.header().object);
            }
        }
        let beside = entries().filter(|(_, entry)| tags.contains(&entry.header().object));
        Raises {
            moveds,
            beside: beside.map(|(_, entry)| entry.hash()).collect(),
        }
    }
}

/// Every grant that some operation makes to a person, valid or not.
fn grants_of(policy: &Policy, person: PersonId) -> Vec<GrantRef> {
    let of = |op: &SignedOp| {
        let acts = 0..op.acts().len().max(1) as u32;
        let theirs = acts.filter(|act| op.grantee(*act) == Some(person));
        let op = op.hash();
        theirs.map(|act| GrantRef { op, act }).collect::<Vec<_>>()
    };
    policy.ops().flat_map(of).collect()
}

/// Whether everything that a person was ever given is theirs still.
fn is_unbroken(policy: &Policy, person: PersonId) -> bool {
    let live = |grant: &GrantRef| policy.grant(grant).is_some_and(|grant| grant.live);
    policy
        .member(&person)
        .is_some_and(kitbag_core::policy::fold::Member::has_keys)
        && grants_of(policy, person).iter().all(live)
}

/// What a device acknowledged, it still has: asked after every start.
pub(super) fn own(world: &mut World, history: &History, who: Who) -> Result<(), String> {
    for pack in &history.packs {
        let summary = world.node(who).pack(pack.id);
        if pack.by == who
            && !pack.at_risk
            && summary.as_ref().map(|summary| &summary.title).ok() != Some(&pack.title)
        {
            return Err(format!("{} lost its pack {:?}", world.name(who), pack.id));
        }
        if summary.is_err() {
            continue;
        }
        let policy = world.node(who).policy(pack.id).unwrap().clone();
        if !is_unbroken(&policy, world.person(who)) {
            continue; // what is set aside, `everything` finds
        }
        for note in pack
            .notes
            .iter()
            .filter(|note| note.by == who && !note.at_risk)
        {
            shows(world, who, pack.id, note)?;
        }
        let cleared = summary.ok().and_then(|summary| summary.clearance);
        for note in pack
            .notes
            .iter()
            .filter(|note| note.stayed() || (!note.lowered && cleared >= Some(note.highest())))
        {
            if !is_sound(world, &policy, note) {
                continue;
            }
            for (word, _) in note
                .words
                .iter()
                .filter(|(word, by)| *by == who && !note.maybe_gone.contains(word))
            {
                let shown = world
                    .node(who)
                    .note(pack.id, note.id)
                    .map_err(|e| format!("{} lost a note that it edited: {e}", world.name(who)))?;
                if !shown.body.contains(word) {
                    return Err(format!("{} lost its edit {word}", world.name(who)));
                }
            }
        }
    }
    Ok(())
}

/// The text of a note, all of it if it is a long one.
fn whole_text(world: &mut World, who: Who, pack: PackId, shown: &Note) -> Result<String, String> {
    if shown.long_text_bytes.is_none() {
        return Ok(shown.body.clone());
    }
    let (mut text, mut from) = (String::new(), Some(0));
    while let Some(at) = from {
        let page = world.node(who).text(pack, shown.id, at);
        let page = page.map_err(|error| format!("a long text cannot be read: {error}"))?;
        text.push_str(&page.text);
        from = page.next;
    }
    Ok(text)
}

/// The note as it is shown; none if it was put, or may have been put, where this device sees it no more.
fn shows(world: &mut World, who: Who, pack: PackId, note: &Known) -> Result<Option<Note>, String> {
    let name = world.name(who).to_owned();
    let shown = match world.node(who).note(pack, note.id) {
        Ok(shown) => shown,
        Err(_) if may_be_out_of_sight(world, who, pack, note) => return Ok(None),
        Err(error) => return Err(format!("{name} lacks note {:?}: {error}", note.id)),
    };
    let written = &note.written;
    let same = shown.source.label == written.source.label
        && (shown.sensitivity == note.sensitivity || note.levels.contains(&shown.sensitivity))
        && written.tags.iter().all(|tag| shown.tags.contains(tag))
        && (note.retitled || shown.title == written.title);
    let mut bare = whole_text(world, who, pack, &shown)?;
    for (word, _) in &note.words {
        bare = bare.replace(word, "");
    }
    if same && (bare == written.body || bare.contains('<')) {
        Ok(Some(shown))
    } else {
        Err(format!("{name} shows note {:?} as {shown:?}", note.id))
    }
}

/// Whether a note that somebody moved may be nowhere where this device sees it: above its clearance,
/// or taken away by half a move, whose other half fell with whoever made it.
fn may_be_out_of_sight(world: &mut World, who: Who, pack: PackId, note: &Known) -> bool {
    if note.stayed() {
        return false;
    }
    let cleared = world
        .node(who)
        .pack(pack)
        .ok()
        .and_then(|pack| pack.clearance);
    let policy = world.node(who).policy(pack).unwrap().clone();
    cleared < Some(note.highest()) || !is_sound(world, &policy, note)
}

/// Whether everybody who ever touched a note has all that they were ever given.
fn is_sound(world: &World, policy: &Policy, note: &Known) -> bool {
    let touched = note.touched.iter().chain([&note.by]);
    touched
        .into_iter()
        .all(|by| is_unbroken(policy, world.person(*by)))
}

/// Everything that the devices hold, once all is quiet.
pub(super) struct Books {
    /// Keys and records of each device, of former states too.
    pub(super) of: BTreeMap<Who, (Loot, Records)>,
    /// The records of all, hostile ones included.
    pub(super) all: Records,
    /// Also those that nobody has any more, because old backups were put back.
    pub(super) ever: Records,
}

impl Books {
    fn open(world: &mut World, history: &History) -> Books {
        let mut of = BTreeMap::new();
        let mut all = Records::default();
        let mut ever = Records::default();
        for who in world.everybody() {
            let (mut loot, records) = world.loot(who);
            if let Some((before, known)) = history.forgotten.get(&who) {
                loot.extend(before);
                ever.extend(known.clone());
            }
            all.extend(records.clone());
            of.insert(who, (loot, records));
        }
        if let Some(mallory) = &history.mallory
            && let Some(hostile) = &mallory.hostile
            && let Some((loot, _)) = of.get_mut(&mallory.who)
        {
            loot.extend(&hostile.loot);
        }
        ever.extend(all.clone());
        Books { of, all, ever }
    }
}

/// Everything, once all is quiet.
pub(super) fn everything(world: &mut World, history: &mut History) -> Result<(), String> {
    let books = Books::open(world, history);
    for at in 0..history.packs.len() {
        let pack = history.packs[at].id;
        replicas_agree(world, history, pack, &books)?;
        policy::agrees(world, history, pack)?;
        policy::is_not_interfered_with(world, history, pack, &books)?;
        nothing_vanished(world, history, at, &books)?;
        stays_taken_over(world, history, pack)?;
        rules::are_kept(world, history, at, &books)?;
    }
    keys::are_with_whom_they_belong(world, history, &books)?;
    let lured: Vec<PackId> = history.lure.into_iter().collect();
    let listed = world
        .node(history.outsider)
        .packs()
        .into_iter()
        .map(|pack| pack.id);
    if listed.collect::<Vec<_>>() != lured {
        return Err("the outsider has a pack".into());
    }
    for who in history.honest() {
        indexed::agrees(world, who)?;
        restarts_the_same(world, history, who)?;
        indexed::agrees(world, who)?;
    }
    let mallory = history.mallory.as_ref().map(|mallory| mallory.who);
    let hostile = |who: &Who| *who == history.outsider || Some(*who) == mallory;
    let closed = world.closed_with().iter();
    let mut wrongly = closed.filter(|(who, peer, _)| !hostile(who) && !hostile(peer));
    if let Some((who, _, reason)) = wrongly.next() {
        return Err(format!(
            "{} closed a connection with an honest peer: {reason:?}",
            world.name(*who)
        ));
    }
    shares_survived(world, history)?;
    match world.violations().first() {
        None => Ok(()),
        Some(violation) => Err(violation.clone()),
    }
}

/// Promise 3: what was acknowledged is shown, or it is on its author's disk and set aside because
/// somebody was removed.
fn nothing_vanished(
    world: &mut World,
    history: &mut History,
    at: usize,
    books: &Books,
) -> Result<(), String> {
    let pack = &history.packs[at];
    let holders = holders(world, history, pack.id);
    let (mut shown, mut aside) = (0, 0);
    for note in pack.notes.iter().filter(|note| !note.at_risk) {
        let (author, id) = (world.person(note.by), pack.id);
        let tag = object_tag(id, note.id, note.sensitivity, 0);
        let create = |records: &Records| -> Option<(ContentLog, u64, EntryHash)> {
            let (log, entry) = records.entries().find(|(log, entry)| {
                log.sensitivity == note.sensitivity
                    && entry.header().object == Some(tag)
                    && entry.raw().wrap.is_some()
            })?;
            let of = ContentLog {
                log: log.log_id(),
                person: author,
                device: log.device,
                grant: log.grant,
                sensitivity: log.sensitivity,
            };
            Some((of, entry.header().seq, entry.hash()))
        };
        let Some((log, seq, hash)) = create(&books.of[&note.by].1) else {
            return Err(format!(
                "{} has no trace of note {:?}, which it acknowledged",
                world.name(note.by),
                note.id
            ));
        };
        for who in holders.iter().copied() {
            let policy = world.node(who).policy(id).unwrap().clone();
            let clear = policy.may_open(&world.person(who), note.sensitivity);
            let counts = match policy.content_end(&log) {
                LogEnd::Open => true,
                LogEnd::Until(cutoff) => leads_to(&books.of[&who].1, (seq, hash), &cutoff),
                LogEnd::Nothing => false,
            };
            // Somebody who is out shows nobody what they wrote last.
            let mut arrived = holders.iter().copied().filter(|holder| {
                hear_of_each_other(world, &policy, &holders, (who, *holder), note.highest())
                    && policy.may_open(&world.person(*holder), note.sensitivity)
            });
            let arrived = arrived.any(|holder| create(&books.of[&holder].1).is_some());
            if !clear || !arrived {
                continue;
            }
            if !counts {
                aside += 1;
                if !history.tried.contains(&hash) {
                    is_accounted_for(world, who, id, note.id, hash)?;
                }
                continue;
            }
            shown += 1;
            let Some(seen) = shows(world, who, id, note)? else {
                continue;
            };
            if !is_sound(world, &policy, note) {
                continue;
            }
            if note.lowered && (seen.left_above > 0 || seen.sensitivity < note.highest()) {
                continue; // words that were written above are told to be there, and not shown
            }
            let lasting = note
                .words
                .iter()
                .filter(|(word, _)| !note.maybe_gone.contains(word));
            for (word, by) in lasting {
                if !hear_of_each_other(world, &policy, &holders, (who, *by), note.highest()) {
                    continue;
                }
                if !seen.body.contains(word) {
                    return Err(format!(
                        "{} lacks the edit {word} of {:?}: {}",
                        world.name(who),
                        note.id,
                        seen.body
                    ));
                }
            }
        }
    }
    history.counts.add("notes shown to somebody", shown);
    history.counts.add("notes set aside for somebody", aside);
    Ok(())
}

/// Whether two devices hear of all that the other holds: two copies of one never meet, and need
/// somebody else who is cleared for it and goes between them.
fn hear_of_each_other(
    world: &World,
    policy: &Policy,
    holders: &[Who],
    (a, b): (Who, Who),
    level: Sensitivity,
) -> bool {
    let person = world.person(a);
    a == b
        || person != world.person(b)
        || holders.iter().any(|other| {
            let other = world.person(*other);
            other != person && policy.may_open(&other, level)
        })
}

/// Whether one of two devices has never heard of the other: a backup of whoever let them in forgot it,
/// and nobody else had heard of it.
fn are_strangers(world: &mut World, pack: PackId, a: Who, b: Who) -> bool {
    [(a, b), (b, a)].into_iter().any(|(who, other)| {
        let endpoint = world.endpoint(other);
        let policy = world.node(who).policy(pack);
        policy.is_ok_and(|policy| policy.standing(&endpoint) == Standing::Unknown)
    })
}

/// Whether an entry is what a cutoff names, or leads to it in its log.
fn leads_to(records: &Records, (seq, hash): (u64, EntryHash), cutoff: &Cutoff) -> bool {
    let of_log: BTreeMap<EntryHash, (u64, Option<EntryHash>)> = records
        .entries()
        .filter(|(log, _)| log.log_id() == cutoff.log)
        .map(|(_, entry)| (entry.hash(), (entry.header().seq, entry.header().prev)))
        .collect();
    let places: BTreeSet<u64> = of_log.values().map(|(seq, _)| *seq).collect();
    if places.len() == of_log.len() && seq < cutoff.seq {
        return true;
    }
    let mut at = Some(EntryHash::from_bytes(cutoff.head));
    while let Some(next) = at.filter(|at| *at != hash) {
        at = of_log.get(&next).and_then(|(_, prev)| *prev);
    }
    at.is_some()
}

/// What is set aside is listed, unless somebody vouches for it.
fn is_accounted_for(
    world: &mut World,
    who: Who,
    pack: PackId,
    note: ItemId,
    create: EntryHash,
) -> Result<(), String> {
    let name = world.name(who).to_owned();
    let node = world.node(who);
    let listed = node.set_aside(pack).unwrap();
    if node.note(pack, note).is_ok() || listed.iter().any(|view| view.entry == create) {
        return Ok(());
    }
    if node.status(pack).unwrap().forks.is_empty() {
        return Err(format!("{name} neither shows nor lists note {note:?}"));
    }
    Ok(())
}

/// What somebody took over is listed no more, as long as they may write what they wrote instead.
fn stays_taken_over(world: &mut World, history: &History, pack: PackId) -> Result<(), String> {
    let holders = holders(world, history, pack);
    for taken in history.taken.iter().filter(|taken| taken.pack == pack) {
        for who in holders.iter().copied() {
            let policy = world.node(who).policy(pack).unwrap().clone();
            let known = history.packs.iter().find(|of| of.id == pack);
            let known = known.and_then(|of| of.notes.iter().find(|note| note.id == taken.into));
            let stands = is_unbroken(&policy, world.person(taken.by))
                && known.is_none_or(|note| is_sound(world, &policy, note))
                && !history.moved.contains(&taken.into)
                && hear_of_each_other(
                    world,
                    &policy,
                    &holders,
                    (who, taken.by),
                    Sensitivity::Restricted,
                );
            let listed = world.node(who).set_aside(pack).unwrap();
            // Whoever may not open it any more does not see what was written instead of it either.
            let me = world.person(who);
            let again = listed
                .iter()
                .any(|view| view.entry == taken.entry && policy.may_open(&me, view.sensitivity));
            if stands && again {
                return Err(format!(
                    "{} lists {:?}, which {} took over",
                    world.name(who),
                    taken.entry,
                    world.name(taken.by)
                ));
            }
        }
    }
    Ok(())
}

/// Honest devices that hold a pack, as members with keys in their own eyes.
fn holders(world: &mut World, history: &History, pack: PackId) -> Vec<Who> {
    let holds = |world: &mut World, who: Who| {
        let person = world.person(who);
        world
            .node(who)
            .policy(pack)
            .is_ok_and(|policy| policy.may_open(&person, Sensitivity::Public))
    };
    let honest = history.honest();
    let mut holders: Vec<Who> = honest
        .into_iter()
        .filter(|who| holds(world, *who))
        .collect();
    let first = holders.first().copied();
    if let Some(first) = first.filter(|_| !history.forgotten.is_empty()) {
        holders.retain(|who| !are_strangers(world, pack, first, *who));
    }
    holders
}

fn replicas_agree(
    world: &mut World,
    history: &History,
    pack: PackId,
    books: &Books,
) -> Result<(), String> {
    let holders = holders(world, history, pack);
    let Some(first) = holders.first() else {
        return Ok(());
    };
    let policy = world.node(*first).policy(pack).unwrap().clone();
    let all = holders.clone();
    // What a held denial keeps away is no clearance.
    let cleared = |person: PersonId| {
        let mut levels = Sensitivity::ALL.into_iter().rev();
        levels.find(|level| policy.may_open(&person, *level))
    };
    let persons: Vec<PersonId> = holders.iter().map(|who| world.person(*who)).collect();
    let mut pictures: Vec<(Who, Picture)> = holders
        .into_iter()
        .map(|who| (who, picture(world, who, pack)))
        .collect();
    for (who, picture) in &mut pictures {
        picture.clearance = cleared(world.person(*who));
    }
    for member in pictures
        .iter_mut()
        .flat_map(|(_, picture)| &mut picture.members)
    {
        // Whoever never heard that they were let in has told their name to their admitter only.
        if !persons.contains(&member.0) {
            member.1.clear();
        }
    }
    // Who is out may have told their name to some and not to others.
    let holders = pictures.iter().map(|(who, _)| world.name(*who).to_owned());
    let names: BTreeSet<String> = holders.collect();
    for (_, picture) in &mut pictures {
        let cleared = picture.clearance;
        for (note, revisions) in picture.notes.values_mut() {
            if history.is_apart(pack, &note.id) {
                // Who was cleared for more once still has what others only know as told, and the moves
                // to where the note was above them, of which nobody tells.
                revisions.retain(|revision| revision.to <= cleared);
                revisions
                    .iter_mut()
                    .for_each(|revision| revision.told_by = None);
            }
            let told = revisions.iter_mut().map(|revision| &mut revision.by);
            told.chain([&mut note.added_by])
                .filter(|name| !names.contains(*name))
                .for_each(String::clear);
        }
        for view in &mut picture.aside {
            if !names.contains(&view.author) {
                view.author.clear();
                view.device = None;
            }
            view.removed_by.retain(|name| names.contains(name));
        }
    }
    for (who, picture) in &pictures {
        for (other, theirs) in pictures.iter().filter(|(other, _)| other > who) {
            let level = picture.clearance.max(theirs.clearance);
            let level = level.unwrap_or(Sensitivity::Public);
            if !hear_of_each_other(world, &policy, &all, (*who, *other), level) {
                continue;
            }
            let (a, b) = (world.name(*who), world.name(*other));
            if picture.members != theirs.members {
                return Err(format!(
                    "{a} and {b} show other members: {:?} and {:?}",
                    picture.members, theirs.members
                ));
            }
            let Some(both) = picture
                .clearance
                .zip(theirs.clearance)
                .map(|(a, b)| a.min(b))
            else {
                continue;
            };
            if both >= Sensitivity::Internal && picture.title != theirs.title {
                return Err(format!("{a} and {b} show other titles"));
            }
            // With the same keys the same documents. Mallory gives a key to some, and where the epoch
            // cannot be used, they do not pass it on.
            if history.played(Trick::Epochs)
                && keys_of(books, *who, pack, both) != keys_of(books, *other, pack, both)
            {
                continue;
            }
            if picture.rules != theirs.rules {
                return Err(format!(
                    "{a} and {b} read other rules: {:?} and {:?}",
                    picture.rules, theirs.rules
                ));
            }
            if picture.clearance != theirs.clearance {
                let ids: BTreeSet<&ItemId> =
                    picture.notes.keys().chain(theirs.notes.keys()).collect();
                let differs = |id: &&&ItemId| {
                    let (a, b) = (picture.for_all(id, both), theirs.for_all(id, both));
                    a != b && !(history.is_apart(pack, id) && (a.is_none() || b.is_none()))
                };
                if let Some(id) = ids.iter().find(differs) {
                    return Err(format!(
                        "{a} and {b}, cleared differently, show other notes: {:#?} and {:#?}",
                        picture.notes.get(id),
                        theirs.notes.get(id)
                    ));
                }
                continue;
            }
            let raises = || Raises::of(books, pack, both);
            let told = |picture: &Picture| picture.aside_but_for(both, &raises());
            if picture.aside_up_to(both) != theirs.aside_up_to(both)
                && told(picture) != told(theirs)
            {
                return Err(format!(
                    "{a} and {b} set other entries aside: {:#?} and {:#?}",
                    picture.aside, theirs.aside
                ));
            }
            let (mine, others) = (picture.up_to(both), theirs.up_to(both));
            let ids: BTreeSet<&ItemId> = mine.keys().chain(others.keys()).copied().collect();
            // Who was cleared for more once still holds a move that the other never got, and can tell
            // that it came to nothing; the other has half of it and sees the note no more.
            let half = |id: &ItemId| {
                let both = [mine.get(id), others.get(id)];
                let apart = |(note, _): &(Note, Vec<Revision>)| {
                    note.hidden_below || note.shown_below.is_some()
                };
                history.is_apart(pack, id)
                    && both.iter().any(Option::is_none)
                    && both.into_iter().flatten().all(|shown| apart(shown))
            };
            let mut differing = ids.into_iter().filter(|id| mine.get(id) != others.get(id));
            if let Some(id) = differing.find(|id| !half(id)) {
                return Err(format!(
                    "{a} and {b} show other notes: {:?} and {:?}",
                    mine.get(id),
                    others.get(id)
                ));
            }
        }
    }
    Ok(())
}

/// The epochs of a pack whose key a device holds, up to a sensitivity.
fn keys_of(books: &Books, who: Who, pack: PackId, level: Sensitivity) -> BTreeSet<EpochId> {
    let held: BTreeSet<&EpochId> = books.of[&who].0.epochs().map(|(id, _)| id).collect();
    let epochs = books.all.epochs(pack);
    epochs
        .filter(|epoch| epoch.epoch().domain <= level)
        .map(SignedEpoch::id)
        .filter(|id| held.contains(id))
        .collect()
}

/// A device that is opened again shows what it showed: incremental equals batch.
fn restarts_the_same(world: &mut World, history: &History, who: Who) -> Result<(), String> {
    let listed = world.node(who).packs();
    let packs: Vec<PackId> = history
        .packs
        .iter()
        .map(|pack| pack.id)
        .filter(|id| listed.iter().any(|pack| pack.id == *id))
        .collect();
    let before: Vec<Picture> = packs
        .iter()
        .map(|pack| picture(world, who, *pack))
        .collect();
    world.kill(who);
    if world.start(who) != Opened::Up {
        return Err(format!("{} does not start again", world.name(who)));
    }
    own(world, history, who)?;
    for (pack, before) in packs.into_iter().zip(before) {
        let after = picture(world, who, pack);
        if after != before {
            return Err(format!(
                "{} shows {pack:?} differently after a restart:\n{before:#?}\n{after:#?}",
                world.name(who)
            ));
        }
    }
    if world.node(who).packs() == listed {
        Ok(())
    } else {
        Err(format!(
            "{} lists other packs after a restart",
            world.name(who)
        ))
    }
}

/// Whoever made a ticket still knows it.
fn shares_survived(world: &mut World, history: &History) -> Result<(), String> {
    let by = |share: &&super::people::Share| !share.at_risk;
    for share in history.shares.iter().filter(by) {
        if !world.is_up(share.by) || world.node(share.by).pack(share.ticket.pack).is_err() {
            continue;
        }
        let me = world.person(share.by);
        let policy = world.node(share.by).policy(share.ticket.pack).unwrap();
        let may_answer = policy.invite(&share.ticket.invite).is_some_and(|invite| {
            let level = if invite.ask {
                invite.clearance
            } else {
                Sensitivity::Public
            };
            policy.may_open(&me, level)
        });
        let answer = world.join(history.outsider, share.by, &share.ticket);
        let wrong = match answer {
            Joining::Answered(JoinOutcome::Refused(JoinRefusal::NotRecognised)) => true,
            // Only somebody who may let nobody in by it says that somebody else may.
            Joining::Answered(JoinOutcome::Refused(JoinRefusal::TryLater)) => {
                // An admin may have put the outsider out before they came: then nobody lets them in.
                may_answer && !history.named_the_outsider()
            }
            _ => false,
        };
        if wrong {
            return Err(format!(
                "{} does not know its own ticket any more: {answer:?}",
                world.name(share.by)
            ));
        }
    }
    Ok(())
}
