//! A random history, and what of it was acknowledged to somebody.

use super::check;
use crate::it::support::{draft, secret};
use kitbag_core::id::{ItemId, PackId};
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_core::ticket::Ticket;
use kitbag_node::JoinOutcome;
use kitbag_node::view::{NewNote, NoteEdit, ShareOptions};
use kitbag_testkit::{Called, Fault, Joining, NetSettings, Opened, Who, World};
use std::collections::BTreeSet;

/// A pack, as its makers were told that it is.
pub(super) struct Pack {
    pub(super) id: PackId,
    pub(super) by: Who,
    pub(super) title: String,
    pub(super) notes: Vec<Note>,
}

/// A note that was acknowledged.
pub(super) struct Note {
    pub(super) id: ItemId,
    pub(super) by: Who,
    pub(super) sensitivity: Sensitivity,
    pub(super) written: NewNote,
    /// Words that acknowledged edits put in, and who did.
    pub(super) words: Vec<(String, Who)>,
    /// Words that some edit, acknowledged or not, may have taken out.
    pub(super) maybe_gone: BTreeSet<String>,
    /// Somebody changed the title, or may have.
    pub(super) retitled: bool,
}

pub(super) struct Share {
    pub(super) ticket: Ticket,
    pub(super) by: Who,
}

/// What happened, as far as somebody was told.
pub(super) struct History {
    pub(super) packs: Vec<Pack>,
    pub(super) shares: Vec<Share>,
    pub(super) members: Vec<Who>,
    pub(super) outsider: Who,
    /// Asked with a ticket, without having seen the answer.
    unanswered: Vec<(Who, Who, usize)>,
    pub(super) counts: Counts,
    words: u64,
    steps: u64,
    crashes: bool,
}

/// How much happened.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) joins: u64,
    pub(super) notes: u64,
    pub(super) edits: u64,
    pub(super) crashes: u64,
}

const PACKS_MAX: usize = 3;
/// Frames after everything is healed, at most: a livelock sends more.
const QUIET_FRAMES_MAX: u64 = 20_000;

impl History {
    pub(super) fn begin(world: &mut World) -> History {
        let count = world.dice.between(2, 5);
        let members: Vec<Who> = (0..count)
            .map(|n| world.add(&secret(&format!("person {n}"))))
            .collect();
        let outsider = world.add(&secret("outsider"));
        let shaky = world.dice.percent(60);
        world.net = NetSettings {
            delay_millis_max: *world.dice.pick(&[1, 50, 2_000]),
            loss_percent: if shaky { world.dice.between(0, 4) } else { 0 },
            replay_percent: if world.dice.percent(30) { 30 } else { 0 },
            duplicate_percent: 0,
            reorder_percent: 0,
            lost_answer_percent: if shaky { 20 } else { 0 },
        };
        let steps = world.dice.between(30, 120);
        let crashes = world.dice.percent(70);
        History {
            packs: vec![],
            shares: vec![],
            members,
            outsider,
            unanswered: vec![],
            counts: Counts::default(),
            words: 0,
            steps,
            crashes,
        }
    }

    pub(super) fn go_on(&mut self, world: &mut World) -> Result<(), String> {
        self.create(world);
        self.gather(world);
        for _ in 0..self.steps {
            self.step(world)?;
            let pause = *world.dice.pick(&[0, 5, 100, 3_000]);
            world.run(pause);
        }
        Ok(())
    }

    /// Most histories begin with several people in one pack.
    fn gather(&mut self, world: &mut World) {
        let Some((pack, by)) = self.packs.first().map(|pack| (pack.id, pack.by)) else {
            return;
        };
        for who in self.members.clone() {
            if who == by || !world.dice.percent(75) {
                continue;
            }
            let role = *world.dice.pick(&[Role::Reader, Role::Editor, Role::Editor]);
            let clearance = *world.dice.pick(&Sensitivity::ALL);
            let options = ShareOptions {
                role,
                clearance,
                expires_at: None,
                uses: 1,
                ask: false,
            };
            if let Called::Done(shared) =
                world.call(by, |node, now| node.share(now, pack, &options))
            {
                self.shares.push(Share {
                    ticket: Ticket::parse(&shared.ticket).unwrap(),
                    by,
                });
                self.ask(world, who, by, self.shares.len() - 1);
                world.run(500);
            }
        }
    }

    fn step(&mut self, world: &mut World) -> Result<(), String> {
        let who = *world.dice.pick(&self.members);
        let other = *world.dice.pick(&self.members);
        match world.dice.below(100) {
            0..4 => self.create(world),
            4..24 => self.add(world, who),
            24..44 => self.edit(world, who),
            44..54 => self.share(world, who),
            54..66 => self.join(world, who, other),
            66..80 => {
                world.dial(who, other);
            }
            80..84 => {
                let cut = world.dice.percent(50);
                world.log(|world| {
                    format!(
                        "{} and {} are {}",
                        world.name(who),
                        world.name(other),
                        if cut { "cut apart" } else { "joined again" }
                    )
                });
                if who != other {
                    world.set_cut(who, other, cut);
                }
            }
            84..86 => world.heal(),
            86..89 => self.intrude(world)?,
            89..91 => {
                let years = world.dice.between(0, 100) as i64 - 50;
                let jump = if world.dice.percent(50) {
                    years * 31_557_600_000
                } else {
                    -600_000
                };
                world.device(who).skew_millis = jump;
                world.log(|world| format!("the clock of {} is off by {jump} ms", world.name(who)));
            }
            91..93 => {
                world.call(who, |node, now| node.tick(now));
            }
            93..95 => {
                let port = world.dice.below(9);
                world.call(who, |node, now| {
                    node.set_addresses(now, vec![format!("192.0.2.{port}:1")], None)
                });
            }
            _ if self.crashes => self.trouble(world, who),
            _ => {}
        }
        self.restart(world)
    }

    /// Something happens to a device's disk or power.
    fn trouble(&mut self, world: &mut World, who: Who) {
        let call = match world.dice.below(3) {
            0 => world.dice.between(1, 10),
            1 => world.dice.between(1, 60),
            _ => world.dice.between(1, 400),
        };
        let fault = match world.dice.below(10) {
            0 => return world.kill(who),
            1 => Fault::Full(call),
            2 => Fault::FailOnce(call),
            _ => Fault::PowerLoss(call),
        };
        world.device(who).disk.set_fault(fault);
        world.log(|world| format!("{} will have {fault:?}", world.name(who)));
    }

    /// Devices that went down come back sooner or later, perhaps to go down again at once.
    fn restart(&mut self, world: &mut World) -> Result<(), String> {
        for who in world.everybody() {
            if world.is_up(who) || !world.dice.percent(30) {
                continue;
            }
            self.counts.crashes += 1;
            if world.dice.percent(30) {
                let call = world.dice.between(1, 150);
                world.device(who).disk.set_fault(Fault::PowerLoss(call));
            }
            if world.start(who) == Opened::Up {
                check::own(world, self, who)?;
            }
        }
        Ok(())
    }

    fn create(&mut self, world: &mut World) {
        let who = *world.dice.pick(&self.members);
        if self.packs.len() >= PACKS_MAX {
            return;
        }
        let title = secret(&format!("pack {}", self.packs.len()));
        let made = world.call(who, |node, now| {
            node.create_pack(now, &title, Sensitivity::Internal)
        });
        if let Called::Done(summary) = made {
            world.log(|world| format!("{} made pack {:?}", world.name(who), summary.id));
            self.packs.push(Pack {
                id: summary.id,
                by: who,
                title,
                notes: vec![],
            });
        }
    }

    /// A pack that this device lists, if any.
    fn a_pack_of(&mut self, world: &mut World, who: Who) -> Option<usize> {
        if !world.is_up(who) {
            return None;
        }
        let listed: BTreeSet<PackId> = world.node(who).packs().iter().map(|pack| pack.id).collect();
        let known: Vec<usize> = (0..self.packs.len())
            .filter(|at| listed.contains(&self.packs[*at].id))
            .collect();
        if known.is_empty() {
            None
        } else {
            Some(*world.dice.pick(&known))
        }
    }

    fn add(&mut self, world: &mut World, who: Who) {
        let Some(at) = self.a_pack_of(world, who) else {
            return;
        };
        let count = world.dice.between(1, 3);
        let mut drafts = vec![];
        for _ in 0..count {
            self.words += 1;
            let sensitivity = *world.dice.pick(&Sensitivity::ALL);
            let mut written = draft(&format!("note {}", self.words), sensitivity);
            if world.dice.percent(1) {
                written.body = format!("{} {}", written.body, "long text ".repeat(2_000));
            }
            drafts.push(written);
        }
        let pack = self.packs[at].id;
        if let Called::Done(added) = world.call(who, |node, now| node.add_notes(now, pack, &drafts))
        {
            for (added, written) in added.into_iter().zip(drafts) {
                world.log(|world| {
                    format!(
                        "{} added {:?} at {}",
                        world.name(who),
                        added.id,
                        added.sensitivity
                    )
                });
                let sensitivity = added.sensitivity;
                self.counts.notes += 1;
                self.packs[at].notes.push(Note {
                    id: added.id,
                    by: who,
                    sensitivity,
                    written,
                    words: vec![],
                    maybe_gone: BTreeSet::new(),
                    retitled: false,
                });
            }
        }
    }

    fn edit(&mut self, world: &mut World, who: Who) {
        let Some(at) = self.a_pack_of(world, who) else {
            return;
        };
        let pack = self.packs[at].id;
        let notes: Vec<ItemId> = world
            .node(who)
            .notes(pack)
            .unwrap()
            .iter()
            .map(|note| note.id)
            .collect();
        if notes.is_empty() {
            return;
        }
        let id = *world.dice.pick(&notes);
        let Ok(shown) = world.node(who).note(pack, id) else {
            return;
        };
        self.words += 1;
        let word = format!("<{}>", self.words);
        let Some(note) = self.packs[at].notes.iter_mut().find(|note| note.id == id) else {
            return;
        };
        let mut edit = NoteEdit::default();
        match world.dice.below(10) {
            0 => {
                note.retitled = true;
                edit.title = Some(secret(&word));
            }
            1 => edit.add_tags = vec![secret(&word)],
            2 => {
                // Takes a word out again.
                let seen: Vec<String> = note
                    .words
                    .iter()
                    .map(|(word, _)| word.clone())
                    .filter(|word| shown.body.contains(word))
                    .collect();
                if seen.is_empty() {
                    return;
                }
                let gone = world.dice.pick(&seen).clone();
                edit.body = Some(shown.body.replace(&gone, ""));
                edit.seen = Some(shown.version.clone());
                note.maybe_gone.insert(gone);
            }
            _ => {
                let ends: Vec<usize> = word_ends(&shown.body);
                let place = *world.dice.pick(&ends);
                edit.body = Some(format!(
                    "{}{word}{}",
                    &shown.body[..place],
                    &shown.body[place..]
                ));
                edit.seen = world.dice.percent(50).then(|| shown.version.clone());
            }
        }
        let puts_in = edit.body.as_ref().is_some_and(|body| body.contains(&word));
        if let Called::Done(_) = world.call(who, |node, now| node.edit_note(now, pack, id, &edit)) {
            world.log(|world| format!("{} edited {id:?}: {word}", world.name(who)));
            self.counts.edits += 1;
            if puts_in {
                note.words.push((word, who));
            }
        }
    }

    fn share(&mut self, world: &mut World, who: Who) {
        let Some(at) = self.a_pack_of(world, who) else {
            return;
        };
        let pack = self.packs[at].id;
        let options = ShareOptions {
            role: *world
                .dice
                .pick(&[Role::Reader, Role::Commenter, Role::Editor, Role::Editor]),
            clearance: *world.dice.pick(&Sensitivity::ALL),
            expires_at: None,
            uses: *world.dice.pick(&[1, 1, 2]),
            ask: world.dice.percent(20),
        };
        if let Called::Done(shared) = world.call(who, |node, now| node.share(now, pack, &options)) {
            world.log(|world| {
                format!(
                    "{} shared {pack:?} as {} {} for {}",
                    world.name(who),
                    options.role,
                    options.clearance,
                    options.uses
                )
            });
            self.shares.push(Share {
                ticket: Ticket::parse(&shared.ticket).unwrap(),
                by: who,
            });
        }
    }

    fn join(&mut self, world: &mut World, who: Who, admitter: Who) {
        if self.shares.is_empty() || who == admitter || !world.is_up(who) {
            return;
        }
        let at = world.dice.below(self.shares.len() as u64) as usize;
        let admitter = if world.dice.percent(60) {
            self.shares[at].by
        } else {
            admitter
        };
        self.ask(world, who, admitter, at);
    }

    fn ask(&mut self, world: &mut World, who: Who, admitter: Who, at: usize) {
        let ticket = self.shares[at].ticket.clone();
        if who == admitter || !world.is_up(who) || world.node(who).plan_join(&ticket).already_member
        {
            return;
        }
        match world.join(who, admitter, &ticket) {
            Joining::Answered(JoinOutcome::Admitted | JoinOutcome::AlreadyMember) => {
                self.counts.joins += 1;
                world.dial(who, admitter);
            }
            Joining::Answered(JoinOutcome::Waiting) => {
                // A person says yes, now or never; the joiner asks again.
                if world.dice.percent(80) {
                    match world.approve(admitter, who, ticket.pack) {
                        Called::Done(()) => self.ask(world, who, admitter, at),
                        // It may have become durable; the joiner, who waits, will hear of it.
                        Called::Down => self.unanswered.push((who, admitter, at)),
                        Called::Refused(_) => {}
                    }
                }
            }
            Joining::Answered(_) | Joining::NotOpen => {}
            Joining::NotReached => self.unanswered.push((who, admitter, at)),
        }
    }

    /// The outsider tries what it can: it has no ticket.
    fn intrude(&mut self, world: &mut World) -> Result<(), String> {
        let target = *world.dice.pick(&self.members);
        if world.dial(self.outsider, target).is_some() {
            return Err("the outsider was let in".into());
        }
        if !self.shares.is_empty() && world.is_up(self.outsider) && world.is_up(target) {
            let real = world.dice.pick(&self.shares).ticket.clone();
            let secret = kitbag_crypto::TicketSecret::from_bytes(world.dice.bytes());
            let forged = Ticket::new(real.pack, real.invite, secret, vec![]);
            match world.join(self.outsider, target, &forged) {
                Joining::Answered(JoinOutcome::Refused(
                    kitbag_core::wire::JoinRefusal::NotRecognised,
                )) => {}
                Joining::NotReached | Joining::NotOpen => {}
                other => return Err(format!("a forged ticket got {other:?}")),
            }
        }
        Ok(())
    }

    /// Everything is healed, everybody is there and connected; nobody does anything any more.
    pub(super) fn fall_quiet(&mut self, world: &mut World) -> Result<(), String> {
        world.log(|_| "quiet".into());
        world.net = NetSettings::CALM;
        world.heal();
        world.disconnect_all();
        for who in world.everybody() {
            world.device(who).disk.set_fault(Fault::None);
            if !world.is_up(who) {
                if world.start(who) != Opened::Up {
                    return Err(format!(
                        "{} does not start without any fault",
                        world.name(who)
                    ));
                }
                check::own(world, self, who)?;
            }
        }
        for (who, admitter, at) in std::mem::take(&mut self.unanswered) {
            self.ask(world, who, admitter, at);
        }
        let before = world.frames;
        for _ in 0..40 {
            let (sent, mut dialled) = (world.frames, 0);
            for a in world.everybody() {
                world.call(a, |node, now| node.tick(now));
                for b in world.everybody() {
                    if a < b && world.links_between(a, b) == 0 && world.dial(a, b).is_some() {
                        dialled += 1;
                    }
                }
            }
            let settled = world.settle(200_000);
            if world.frames - before > QUIET_FRAMES_MAX {
                return Err(format!(
                    "{} frames after everything fell quiet",
                    world.frames - before
                ));
            }
            if settled && dialled == 0 && world.frames == sent {
                // Whoever is out asks once more whether that has changed.
                world.run(10_000);
                let sent = world.frames;
                world.run(120_000);
                return if world.frames == sent {
                    Ok(())
                } else {
                    Err("frames are sent although everybody is up to date".into())
                };
            }
        }
        Err(format!("never up to date: {:?}", world.behind()))
    }
}

/// Places outside of words in angle brackets, which must stay in one piece.
fn word_ends(text: &str) -> Vec<usize> {
    let mut ends = vec![0, text.len()];
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '<' => depth += 1,
            '>' => depth -= 1,
            ' ' if depth == 0 => ends.push(at),
            _ => {}
        }
    }
    ends
}
