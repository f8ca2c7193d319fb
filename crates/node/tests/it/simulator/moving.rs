//! What becomes of notes besides edits: made more or less sensitive, built on in good faith after a
//! removal, taken over.

use super::history::{History, Taken};
use kitbag_core::id::{EntryHash, ItemId};
use kitbag_core::policy::Sensitivity;
use kitbag_node::view::TakeOver;
use kitbag_testkit::{Called, Who, World};

impl History {
    /// A note that this device lists, if any.
    pub(super) fn a_note_of(&mut self, world: &mut World, who: Who, at: usize) -> Option<ItemId> {
        let listed = world.node(who).notes(self.packs[at].id).ok()?;
        let notes: Vec<ItemId> = listed.iter().map(|note| note.id).collect();
        (!notes.is_empty()).then(|| *world.dice.pick(&notes))
    }

    /// Somebody makes a note more or less sensitive: mostly an admin, who may do both.
    pub(super) fn relabel(&mut self, world: &mut World, who: Who) {
        let Some(at) = self.a_pack_of(world, who) else {
            return;
        };
        let who = if world.dice.percent(60) {
            self.an_admin(world, who, at)
        } else {
            who
        };
        let Some(id) = self.a_note_of(world, who, at) else {
            return;
        };
        let to = *world.dice.pick(&Sensitivity::ALL);
        self.relabel_to(world, who, at, id, to);
    }

    fn relabel_to(&mut self, world: &mut World, who: Who, at: usize, id: ItemId, to: Sensitivity) {
        let pack = self.packs[at].id;
        let Ok(shown) = world.node(who).note(pack, id) else {
            return;
        };
        let moved = world.call(who, |node, now| node.relabel(now, pack, id, to));
        if let Called::Refused(_) = moved {
            self.counts.add("moves refused", 1);
            return;
        }
        self.moved.insert(id);
        if let Some(note) = self.packs[at].notes.iter_mut().find(|note| note.id == id) {
            note.touched.insert(who);
            note.levels.extend([shown.sensitivity, to]);
            note.lowered |= to <= shown.sensitivity;
        }
        if let Called::Done(moved) = moved {
            let what = match moved.to.cmp(&moved.from) {
                std::cmp::Ordering::Greater => "notes raised",
                std::cmp::Ordering::Less => "notes lowered",
                std::cmp::Ordering::Equal => "notes moved where they are",
            };
            self.counts.add(what, 1);
            world.log(|world| {
                format!(
                    "{} moved {id:?} from {} to {}",
                    world.name(who),
                    moved.from,
                    moved.to
                )
            });
        }
    }

    /// Two who do not hear each other move one note.
    pub(super) fn move_twice(&mut self, world: &mut World, who: Who, other: Who) {
        let Some(at) = self.a_pack_of(world, who) else {
            return;
        };
        let who = self.an_admin(world, who, at);
        let Some(id) = self.a_note_of(world, who, at) else {
            return;
        };
        if who == other || !world.is_up(other) {
            return;
        }
        world.set_cut(who, other, true);
        for mover in [who, other] {
            let to = *world.dice.pick(&Sensitivity::ALL);
            if world.is_up(mover) {
                self.relabel_to(world, mover, at, id, to);
            }
            if world.dice.percent(50) && world.is_up(mover) {
                self.edit_note(world, mover, at, id);
            }
        }
    }

    /// Somebody is removed and writes on; somebody who has not heard of it builds on that.
    pub(super) fn good_faith(&mut self, world: &mut World) {
        if self.packs.is_empty() {
            return;
        }
        let first = self.members[0];
        let admin = self.an_admin(world, first, 0);
        let mut others = self.members.clone();
        others.retain(|other| world.person(*other) != world.person(admin) && world.is_up(*other));
        if others.len() < 2 || !world.is_up(admin) {
            return;
        }
        world.dice.shuffle(&mut others);
        let (removed, friend) = (others[0], others[1]);
        if world.person(removed) == world.person(friend) {
            return;
        }
        world.set_cut(admin, removed, true);
        world.set_cut(admin, friend, true);
        self.remove_by(world, admin, 0, removed);
        if world.node(removed).pack(self.packs[0].id).is_err() {
            return;
        }
        let Some(id) = self.a_note_of(world, removed, 0) else {
            return;
        };
        self.edit_note(world, removed, 0, id);
        world.dial(removed, friend);
        world.run(5_000);
        if world.is_up(friend) && world.node(friend).note(self.packs[0].id, id).is_ok() {
            self.edit_note(world, friend, 0, id);
            self.counts.add("built on in good faith", 1);
        }
    }

    /// Somebody takes over some of what is set aside.
    pub(super) fn take_over(&mut self, world: &mut World, who: Who) {
        let Some(at) = self.a_pack_of(world, who) else {
            return;
        };
        let pack = self.packs[at].id;
        let listed = world.node(who).set_aside(pack).unwrap_or_default();
        let some = listed.iter().filter(|_| world.dice.percent(60));
        let some: Vec<EntryHash> = some.map(|view| view.entry).collect();
        if some.is_empty() {
            return;
        }
        let taken = world.call(who, |node, now| node.take_over(now, pack, &some));
        if let Called::Refused(_) = taken {
            self.counts.add("take-overs refused", 1);
            return;
        }
        self.tried.extend(listed.iter().map(|view| view.entry));
        for note in self.packs[at].notes.iter_mut() {
            if listed.iter().any(|view| view.note == Some(note.id)) {
                note.touched.insert(who);
            }
        }
        for taken in taken.ok().into_iter().flatten() {
            let (what, into) = match taken.outcome {
                TakeOver::NewNote(into) => ("taken over as a note", Some(into)),
                TakeOver::Edited(into) => ("taken over as an edit", Some(into)),
                TakeOver::ChangesNothing
                | TakeOver::Unreadable
                | TakeOver::ByHand
                | TakeOver::DoesNotFit => ("not taken over", None),
            };
            self.counts.add(what, 1);
            world.log(|world| {
                format!(
                    "{} takes over {:?}: {:?}",
                    world.name(who),
                    taken.entry,
                    taken.outcome
                )
            });
            self.taken.extend(into.map(|into| Taken {
                pack,
                entry: taken.entry,
                into,
                by: who,
                step: self.now,
            }));
        }
    }
}
