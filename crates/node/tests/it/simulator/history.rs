//! A random history, and what of it was acknowledged to somebody.

use super::check;
use super::hostile::Mallory;
use super::people::Share;
use crate::it::support::{draft, secret};
use kitbag_core::id::{EntryHash, ItemId, PackId};
use kitbag_core::pack::note::BODY_BYTES_MAX;
use kitbag_core::policy::Sensitivity;
use kitbag_core::policy::fold::Policy;
use kitbag_node::Node;
use kitbag_node::view::{NewNote, NoteEdit};
use kitbag_testkit::{
    Called, DiskImage, Fault, Loot, NetSettings, Opened, Records, Trick, Who, World,
};
use std::collections::{BTreeMap, BTreeSet};

/// A pack, as its makers were told that it is.
pub(super) struct Pack {
    pub(super) id: PackId,
    pub(super) by: Who,
    pub(super) title: String,
    pub(super) notes: Vec<Note>,
    step: u64,
    /// Its maker may have forgotten that it was made.
    pub(super) at_risk: bool,
}

/// A note that was acknowledged.
pub(super) struct Note {
    pub(super) id: ItemId,
    pub(super) by: Who,
    pub(super) sensitivity: Sensitivity,
    pub(super) written: NewNote,
    /// Words that acknowledged edits put in, and who did.
    pub(super) words: Vec<(String, Who)>,
    /// Everybody who edited it or tried to.
    pub(super) touched: BTreeSet<Who>,
    /// Words that some edit, acknowledged or not, may have taken out, or a backup forgot.
    pub(super) maybe_gone: BTreeSet<String>,
    /// Somebody changed the title, or may have.
    pub(super) retitled: bool,
    /// Where else it was put, or may have been.
    pub(super) levels: BTreeSet<Sensitivity>,
    /// Somebody made it less sensitive, or may have: what was written above stays there.
    pub(super) lowered: bool,
    step: u64,
    /// Its author may have forgotten it before anybody else had it.
    pub(super) at_risk: bool,
    /// What its author knew of the policy when it was sealed.
    pub(super) sealed: Option<Policy>,
}

impl Note {
    /// The highest sensitivity at which it may be.
    pub(super) fn highest(&self) -> Sensitivity {
        let levels = self.levels.iter().copied();
        levels
            .chain([self.sensitivity])
            .max()
            .unwrap_or(self.sensitivity)
    }

    /// Whether nobody ever moved it, or tried to.
    pub(super) fn stayed(&self) -> bool {
        self.levels.is_empty()
    }
}

/// An entry that was set aside, and that somebody took over.
pub(super) struct Taken {
    pub(super) pack: PackId,
    pub(super) entry: EntryHash,
    pub(super) into: ItemId,
    pub(super) by: Who,
    pub(super) step: u64,
}

/// An old state of a disk.
struct Backup {
    image: DiskImage,
    step: u64,
}

/// What happened, as far as somebody was told.
pub(super) struct History {
    pub(super) packs: Vec<Pack>,
    pub(super) shares: Vec<Share>,
    /// Honest people; the last may be a copy of another's device.
    pub(super) members: Vec<Who>,
    /// A copied device: the original and the copy.
    pub(super) copy: Option<(Who, Who)>,
    /// Somebody without a ticket.
    pub(super) outsider: Who,
    /// A pack of the outsider's, to which it lured somebody.
    pub(super) lure: Option<PackId>,
    /// A member with hostile intent.
    pub(super) mallory: Option<Mallory>,
    /// Asked with a ticket, without having seen the answer.
    pub(super) unanswered: Vec<(Who, Who, usize)>,
    /// Asked, and was told to wait: who, whom, with which ticket.
    pub(super) waiting: Vec<(Who, Who, usize)>,
    /// What was taken over.
    pub(super) taken: Vec<Taken>,
    /// Entries that somebody took over, or may have.
    pub(super) tried: BTreeSet<EntryHash>,
    /// Notes that somebody moved, or may have.
    pub(super) moved: BTreeSet<ItemId>,
    /// Let in: who, by whom, with which ticket.
    pub(super) joined: Vec<(Who, Who, usize)>,
    pub(super) counts: Counts,
    /// Keys and records that a device had before an older image of it was put back.
    pub(super) forgotten: BTreeMap<Who, (Loot, Records)>,
    backups: BTreeMap<Who, Backup>,
    edits: Vec<(usize, ItemId, String, Who, u64)>,
    words: u64,
    pub(super) steps: u64,
    pub(super) now: u64,
    crashes: bool,
}

/// How much happened, by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts(pub(super) BTreeMap<&'static str, u64>);

impl Counts {
    pub(super) fn add(&mut self, what: &'static str, more: u64) {
        *self.0.entry(what).or_default() += more;
    }
}

const PACKS_MAX: usize = 3;

impl History {
    pub(super) fn begin(world: &mut World) -> History {
        let large = world.dice.percent(7);
        let count = if large {
            world.dice.between(3, 5)
        } else {
            world.dice.between(2, 3)
        };
        let members: Vec<Who> = (0..count)
            .map(|n| world.add(&secret(&format!("person {n}"))))
            .collect();
        let outsider = world.add(&secret("outsider"));
        let mallory = world
            .dice
            .percent(50)
            .then(|| Mallory::new(world.add(&secret("Mallory"))));
        let shaky = world.dice.percent(60);
        world.net = NetSettings {
            delay_millis_max: *world.dice.pick(&[1, 50, 2_000]),
            loss_percent: if shaky { world.dice.between(0, 4) } else { 0 },
            replay_percent: if world.dice.percent(30) { 30 } else { 0 },
            duplicate_percent: 0,
            reorder_percent: 0,
            lost_answer_percent: if shaky { 20 } else { 0 },
        };
        let steps = if large {
            world.dice.between(60, 120)
        } else {
            world.dice.between(10, 30)
        };
        let crashes = world.dice.percent(50);
        History {
            packs: vec![],
            shares: vec![],
            members,
            copy: None,
            outsider,
            lure: None,
            mallory,
            unanswered: vec![],
            waiting: vec![],
            taken: vec![],
            tried: BTreeSet::new(),
            moved: BTreeSet::new(),
            joined: vec![],
            counts: Counts::default(),
            forgotten: BTreeMap::new(),
            backups: BTreeMap::new(),
            edits: vec![],
            words: 0,
            steps,
            now: 0,
            crashes,
        }
    }

    pub(super) fn go_on(&mut self, world: &mut World) -> Result<(), String> {
        self.create(world);
        self.gather(world);
        for now in 1..=self.steps {
            self.now = now;
            self.step(world)?;
            let pause = *world.dice.pick(&[0, 5, 100, 3_000]);
            world.run(pause);
        }
        Ok(())
    }

    fn step(&mut self, world: &mut World) -> Result<(), String> {
        let who = *world.dice.pick(&self.members);
        let other = *world.dice.pick(&self.members);
        match world.dice.below(100) {
            0..2 => self.create(world),
            2..20 => self.add(world, who),
            20..32 => self.edit(world, who),
            32..36 => self.relabel(world, who),
            36..41 => self.share(world, who),
            41..48 => self.join(world, who, other),
            48..58 => {
                world.dial(who, other);
            }
            58..60 => self.part(world, who, other),
            60..62 => world.heal(),
            62..64 => self.intrude(world)?,
            64..72 => self.be_hostile(world),
            72..77 => self.remove(world, who),
            77..78 => self.leave(world, who),
            78..79 => self.good_faith(world),
            79..80 => self.move_twice(world, who, other),
            80..85 => self.change_role(world, who),
            85..87 => self.cancel(world),
            87..88 => self.feud(world),
            88..89 => self.jump(world, who),
            89..90 => self.set_rules(world, who),
            90..91 => self.take_over(world, who),
            91..92 if world.dice.percent(50) => {
                world.call(who, |node, now| node.tick(now));
            }
            91..92 => {
                let port = world.dice.below(9);
                world.call(who, |node, now| {
                    node.set_addresses(now, vec![format!("192.0.2.{port}:1")], None)
                });
            }
            92..94 => self.back_up(world, who),
            94..96 => self.restore(world)?,
            96..97 => self.copy(world, who),
            97..98 => self.answer(world),
            _ if self.crashes => self.trouble(world, who),
            _ => {}
        }
        self.restart(world)
    }

    fn part(&mut self, world: &mut World, who: Who, other: Who) {
        let cut = world.dice.percent(60);
        world.log(|world| {
            let how = if cut { "cut apart" } else { "joined again" };
            format!("{} and {} are {how}", world.name(who), world.name(other))
        });
        if who != other {
            world.set_cut(who, other, cut);
        }
    }

    fn jump(&mut self, world: &mut World, who: Who) {
        let years = world.dice.between(0, 100) as i64 - 50;
        let jump = match world.dice.below(4) {
            0 => years * 31_557_600_000,
            1 => 315_576_000_000,
            2 => -315_576_000_000,
            _ => -600_000,
        };
        world.device(who).skew_millis = jump;
        self.counts.add("clock jumps", 1);
        world.log(|world| format!("the clock of {} is off by {jump} ms", world.name(who)));
    }

    /// Something happens to a device's disk or power.
    fn trouble(&mut self, world: &mut World, who: Who) {
        let call = match world.dice.below(3) {
            0 => world.dice.between(1, 10),
            1 => world.dice.between(1, 60),
            _ => world.dice.between(1, 400),
        };
        let fault = match world.dice.below(10) {
            0 | 1 => {
                self.counts.add("kills", 1);
                return world.kill(who);
            }
            2 => Fault::Full(call),
            3 => Fault::FailOnce(call),
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
            self.counts.add("restarts", 1);
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

    // Backups and copies.

    fn back_up(&mut self, world: &mut World, who: Who) {
        let backup = Backup {
            image: world.device(who).disk.image(),
            step: self.now,
        };
        self.backups.insert(who, backup);
    }

    /// An old image comes back, and with it forgetting. What was acknowledged since may be nowhere.
    fn restore(&mut self, world: &mut World) -> Result<(), String> {
        let Some((who, backup)) = self.backups.pop_first() else {
            return Ok(());
        };
        let (had, known) = world.loot(who);
        let (keys, records) = self.forgotten.entry(who).or_default();
        keys.extend(&had);
        records.extend(known);
        world.restore(who, &backup.image);
        self.counts.add("restores", 1);
        for pack in &mut self.packs {
            pack.at_risk |= pack.by == who && pack.step >= backup.step;
            for note in &mut pack.notes {
                note.at_risk |= note.by == who && note.step >= backup.step;
            }
        }
        for (pack, id, word, by, step) in &self.edits {
            let note = self.packs[*pack]
                .notes
                .iter_mut()
                .find(|note| note.id == *id);
            if let Some(note) = note.filter(|_| *by == who && *step >= backup.step) {
                note.maybe_gone.insert(word.clone());
            }
        }
        self.taken
            .retain(|taken| taken.by != who || taken.step < backup.step);
        for share in &mut self.shares {
            share.at_risk |= share.by == who && share.step >= backup.step;
        }
        if world.start(who) == Opened::Up {
            check::own(world, self, who)?;
        }
        Ok(())
    }

    /// Somebody copies a running device, and both live on.
    fn copy(&mut self, world: &mut World, of: Who) {
        if self.copy.is_some() || !world.is_up(of) {
            return;
        }
        let copy = world.add_clone(of, &secret("copy"));
        if world.start(copy) == Opened::Up {
            self.counts.add("copies", 1);
            world.log(|world| format!("{} was copied", world.name(of)));
            self.copy = Some((of, copy));
            self.members.push(copy);
        }
    }

    // Packs and notes.

    pub(super) fn create(&mut self, world: &mut World) {
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
                step: self.now,
                at_risk: false,
            });
        }
    }

    /// A pack that this device lists, if any.
    pub(super) fn a_pack_of(&mut self, world: &mut World, who: Who) -> Option<usize> {
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
                // Every other one is too long for a record.
                let times = if self.words.is_multiple_of(2) {
                    7_000
                } else {
                    2_000
                };
                written.body = format!("{} {}", written.body, "long text ".repeat(times));
            }
            drafts.push(written);
        }
        let pack = self.packs[at].id;
        // What it knew then: between two calls it may learn or write more.
        let add = |node: &mut Node, now| {
            let added = node.add_notes(now, pack, &drafts)?;
            Ok((added, node.policy(pack).ok().cloned()))
        };
        if let Called::Done((added, sealed)) = world.call(who, add) {
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
                self.counts.add("notes", 1);
                if written.body.len() > BODY_BYTES_MAX {
                    self.counts.add("long texts", 1);
                }
                self.counts.add(LEVELS[sensitivity as usize], 1);
                self.packs[at].notes.push(Note {
                    id: added.id,
                    by: who,
                    sensitivity,
                    written,
                    words: vec![],
                    touched: BTreeSet::new(),
                    maybe_gone: BTreeSet::new(),
                    retitled: false,
                    levels: BTreeSet::new(),
                    lowered: false,
                    step: self.now,
                    at_risk: false,
                    sealed: sealed.clone(),
                });
            }
        }
    }

    fn edit(&mut self, world: &mut World, who: Who) {
        let Some(at) = self.a_pack_of(world, who) else {
            return;
        };
        if let Some(id) = self.a_note_of(world, who, at) {
            self.edit_note(world, who, at, id);
        }
    }

    pub(super) fn edit_note(&mut self, world: &mut World, who: Who, at: usize, id: ItemId) {
        let pack = self.packs[at].id;
        let Ok(shown) = world.node(who).note(pack, id) else {
            return;
        };
        self.words += 1;
        let word = format!("<{}>", self.words);
        let Some(note) = self.packs[at].notes.iter_mut().find(|note| note.id == id) else {
            return;
        };
        note.touched.insert(who);
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
            self.counts.add("edits", 1);
            if puts_in {
                self.edits.push((at, id, word.clone(), who, self.now));
                note.words.push((word, who));
            }
        }
    }

    /// Whether a note may stand in two places, for readers cleared differently.
    pub(super) fn is_apart(&self, pack: PackId, id: &ItemId) -> bool {
        let pack = self.packs.iter().find(|of| of.id == pack);
        let note = pack.and_then(|pack| pack.notes.iter().find(|note| note.id == *id));
        note.is_some_and(|note| !note.stayed())
    }

    /// Everybody who is honest, copies included.
    pub(super) fn honest(&self) -> Vec<Who> {
        self.members.clone()
    }

    /// Whether Mallory, perhaps as an admin, may have made the outsider a member: one who does not
    /// know of it, and takes nothing.
    pub(super) fn named_the_outsider(&self) -> bool {
        self.played(Trick::Acts) || self.played(Trick::ForkedActs)
    }

    /// Whether a hostile member played this trick.
    pub(super) fn played(&self, trick: Trick) -> bool {
        self.mallory
            .as_ref()
            .is_some_and(|mallory| mallory.played.contains(&trick))
    }
}

/// Notes by sensitivity, as they are counted.
const LEVELS: [&str; 4] = [
    "public notes",
    "internal notes",
    "confidential notes",
    "restricted notes",
];

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
