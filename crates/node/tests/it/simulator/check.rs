//! What must hold after every history.

use super::history::{History, Note as Known};
use kitbag_core::id::{ItemId, PackId, PersonId};
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_core::wire::JoinRefusal;
use kitbag_node::JoinOutcome;
use kitbag_node::view::{Note, Revision};
use kitbag_testkit::{Joining, Opened, Who, World};
use std::collections::BTreeMap;

/// Everything that a device shows of a pack.
#[derive(Debug, PartialEq)]
struct Picture {
    title: String,
    clearance: Option<Sensitivity>,
    members: Vec<(PersonId, String, Role, Sensitivity)>,
    notes: BTreeMap<ItemId, (Note, Vec<Revision>)>,
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
    let readable = summary.role.is_some();
    let notes = ids.into_iter().filter(|_| readable).map(|id| {
        (
            id,
            (
                node.note(pack, id).unwrap(),
                node.history(pack, id).unwrap(),
            ),
        )
    });
    Picture {
        title: summary.title,
        clearance: summary.clearance,
        notes: notes.collect(),
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
}

/// What a device acknowledged, it still has: asked after every start.
pub(super) fn own(world: &mut World, history: &History, who: Who) -> Result<(), String> {
    for pack in &history.packs {
        let summary = world.node(who).pack(pack.id);
        if pack.by == who
            && summary.as_ref().map(|summary| &summary.title).ok() != Some(&pack.title)
        {
            return Err(format!("{} lost its pack {:?}", world.name(who), pack.id));
        }
        if !summary.is_ok_and(|summary| summary.role.is_some()) {
            continue;
        }
        for note in pack.notes.iter().filter(|note| note.by == who) {
            shows(world, who, pack.id, note)?;
        }
        for note in &pack.notes {
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

fn shows(world: &mut World, who: Who, pack: PackId, note: &Known) -> Result<Note, String> {
    let name = world.name(who).to_owned();
    let shown = world
        .node(who)
        .note(pack, note.id)
        .map_err(|error| format!("{name} lacks note {:?}: {error}", note.id))?;
    let written = &note.written;
    let same = shown.source.label == written.source.label
        && shown.sensitivity == note.sensitivity
        && written.tags.iter().all(|tag| shown.tags.contains(tag))
        && (note.retitled || shown.title == written.title);
    let mut bare = shown.body.clone();
    for (word, _) in &note.words {
        bare = bare.replace(word, "");
    }
    if same && (bare == written.body || bare.contains('<')) {
        Ok(shown)
    } else {
        Err(format!("{name} shows note {:?} as {shown:?}", note.id))
    }
}

/// Everything, once all is quiet.
pub(super) fn everything(world: &mut World, history: &History) -> Result<(), String> {
    for pack in &history.packs {
        replicas_agree(world, history, pack.id)?;
        let members = world.node(pack.by).members(pack.id).unwrap();
        for who in holders(world, history, pack.id) {
            let person = world.person(who);
            let Some(member) = members.iter().find(|member| member.person == person) else {
                continue;
            };
            for note in &pack.notes {
                let author = world.person(note.by);
                let author_stands = members.iter().any(|member| member.person == author);
                if !author_stands || note.sensitivity > member.clearance {
                    continue;
                }
                let shown = shows(world, who, pack.id, note)?;
                for (word, by) in note
                    .words
                    .iter()
                    .filter(|(word, _)| !note.maybe_gone.contains(word))
                {
                    let editor = world.person(*by);
                    if members.iter().any(|member| member.person == editor)
                        && !shown.body.contains(word)
                    {
                        return Err(format!(
                            "{} lacks the edit {word} of {:?}: {}",
                            world.name(who),
                            note.id,
                            shown.body
                        ));
                    }
                }
            }
        }
    }
    if !world.node(history.outsider).packs().is_empty() {
        return Err("the outsider has a pack".into());
    }
    for who in world.everybody() {
        restarts_the_same(world, history, who)?;
    }
    if let Some((who, reason)) = world.closed().first() {
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

/// Devices that hold a pack, as members in their own eyes.
fn holders(world: &mut World, history: &History, pack: PackId) -> Vec<Who> {
    let holds = |world: &mut World, who: Who| {
        world
            .node(who)
            .pack(pack)
            .is_ok_and(|summary| summary.role.is_some())
    };
    history
        .members
        .iter()
        .copied()
        .filter(|who| holds(world, *who))
        .collect()
}

fn replicas_agree(world: &mut World, history: &History, pack: PackId) -> Result<(), String> {
    let holders = holders(world, history, pack);
    let persons: Vec<PersonId> = holders.iter().map(|who| world.person(*who)).collect();
    let mut pictures: Vec<(Who, Picture)> = holders
        .into_iter()
        .map(|who| (who, picture(world, who, pack)))
        .collect();
    for member in pictures
        .iter_mut()
        .flat_map(|(_, picture)| &mut picture.members)
    {
        // Whoever never heard that they were let in has told their name to their admitter only.
        if !persons.contains(&member.0) {
            member.1.clear();
        }
    }
    for (who, picture) in &pictures {
        for (other, theirs) in pictures.iter().filter(|(other, _)| other > who) {
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
            if picture.up_to(both) != theirs.up_to(both) {
                let differing = picture
                    .up_to(both)
                    .into_iter()
                    .find(|(id, shown)| theirs.notes.get(*id) != Some(*shown));
                let their = differing.and_then(|(id, _)| theirs.notes.get(id));
                return Err(format!(
                    "{a} and {b} show other notes: {differing:#?} and {their:#?}"
                ));
            }
        }
    }
    Ok(())
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
    for share in &history.shares {
        let answer = world.join(history.outsider, share.by, &share.ticket);
        if matches!(
            answer,
            Joining::Answered(JoinOutcome::Refused(
                JoinRefusal::NotRecognised | JoinRefusal::TryLater
            ))
        ) {
            return Err(format!(
                "{} does not know its own ticket any more",
                world.name(share.by)
            ));
        }
    }
    Ok(())
}
