//! What the records of a pack add up to: which notes there are, what stands in them, whose names and
//! addresses were told. Nothing of it decides anything that the records do not decide, and it is
//! found by the same function when a pack is woken and when something arrives.

use crate::NodeError;
use crate::handoffs::build_handoff;
use crate::objects::{
    BuiltNote, Object, ObjectState, Quarantine, build_index, build_note, has_lost, judge,
    open_profile,
};
use crate::placement::{Built, Scope, build_moved, find_moved};
use crate::replica::{Replica, Touched};
use kitbag_core::content::EntryKind;
use kitbag_core::id::{EntryHash, ItemId, ObjectTag, PackId, PersonId};
use kitbag_core::pack::index::index_tag;
use kitbag_core::policy::Sensitivity;
use kitbag_store::Reader;
use std::collections::{BTreeMap, BTreeSet};

/// Notes that were put together and are kept open, for the next look at them.
pub(crate) struct BuiltNotes {
    notes: BTreeMap<(PackId, ObjectTag), BuiltNote>,
    /// How many, at most.
    room: usize,
}

impl BuiltNotes {
    pub(crate) fn with_room(room: usize) -> BuiltNotes {
        BuiltNotes {
            notes: BTreeMap::new(),
            room,
        }
    }

    pub(crate) fn get(&self, pack: PackId, tag: ObjectTag) -> Option<&BuiltNote> {
        self.notes.get(&(pack, tag))
    }

    pub(crate) fn take(&mut self, pack: PackId, tag: ObjectTag) -> Option<BuiltNote> {
        self.notes.remove(&(pack, tag))
    }

    /// Keeps a note that has a document; any other is made again as fast as it is looked up.
    pub(crate) fn keep(&mut self, pack: PackId, tag: ObjectTag, mut note: BuiltNote) {
        if note.document.is_none() || self.room == 0 {
            return;
        }
        note.placed.close_moves();
        while self.notes.len() >= self.room {
            self.notes.pop_first();
        }
        self.notes.insert((pack, tag), note);
    }

    #[cfg(test)]
    pub(crate) fn values(&self) -> impl Iterator<Item = &BuiltNote> {
        self.notes.values()
    }

    pub(crate) fn forget_pack(&mut self, pack: PackId) {
        self.notes.retain(|(of, _), _| *of != pack);
    }
}

/// A replica, with what it takes to look again at its objects.
pub(crate) struct Deriving<'a> {
    pub(crate) replica: &'a mut Replica,
    pub(crate) store: &'a Reader,
    pub(crate) built: &'a mut BuiltNotes,
    pub(crate) me: PersonId,
    /// Notes that were looked at again: those that were there before, and those that are now.
    pub(crate) looked_at: BTreeSet<ItemId>,
}

impl Deriving<'_> {
    /// Looks again at every object that may have changed; new policy or keys may change any. Gives
    /// back the changes that are to stay away from documents.
    pub(crate) fn refresh(&mut self, touched: Touched) -> Result<Vec<Quarantine>, NodeError> {
        let pack = self.replica.id();
        self.replica.taken.look_again();
        let all = touched.policy || touched.keys;
        let tags: Vec<ObjectTag> = if all || touched.ended {
            let replica = &*self.replica;
            // Whether a moved note is shown depends on this person's clearance too.
            let moved = |tag: &ObjectTag| replica.placements.item(tag).is_some();
            let changed = |tag: &ObjectTag, object: &Object| {
                touched.objects.contains(tag)
                    || moved(tag)
                    || judge(replica, object) != object.judged
            };
            let objects = replica.objects.iter();
            objects
                .filter(|(tag, object)| changed(tag, object))
                .map(|(tag, _)| *tag)
                .collect()
        } else {
            touched.objects.into_iter().collect()
        };
        let profiles: Vec<EntryHash> = if all {
            self.replica.profiles.clear();
            self.replica.profile_entries.clear();
            let entries = self.replica.places.iter();
            entries
                .filter(|(_, place)| place.kind == EntryKind::Profile && !place.is_report)
                .map(|(hash, _)| *hash)
                .collect()
        } else {
            touched.profiles
        };
        if touched.policy {
            for tag in &tags {
                self.built.take(pack, *tag);
            }
        }
        let tags = if all || touched.ended {
            self.link_again(tags)?
        } else {
            tags.iter().try_for_each(|tag| self.link_moved(*tag))?;
            tags.into_iter().collect()
        };
        let mut quarantine = Vec::new();
        let mut done = BTreeSet::new();
        let mut tags: Vec<ObjectTag> = tags.into_iter().collect();
        tags.sort_by_cached_key(|tag| self.replica.stored_at(tag));
        for tag in tags {
            let mut found = Vec::new(); // of this object alone, however much there is in the pack
            match self.replica.placements.item(&tag) {
                None => self.refresh_object(tag, &mut found)?,
                Some(item) if done.insert(item) => self.refresh_moved(item, &mut found)?,
                Some(_) => {}
            }
            quarantine.extend(found.into_iter().filter(|of| of.lasts));
        }
        for hash in profiles {
            self.refresh_profile(hash)?;
        }
        Ok(quarantine)
    }

    fn refresh_profile(&mut self, hash: EntryHash) -> Result<(), NodeError> {
        let replica = &mut *self.replica;
        let Some(profile) = open_profile(replica, self.store, hash)? else {
            return Ok(());
        };
        let log = replica.places.get(&hash).map(|place| place.log);
        let Some(log) = log.and_then(|log| replica.logs.get(&log)) else {
            return Ok(());
        };
        let device = log.opening.device;
        let known = replica
            .profiles
            .get(&device)
            .zip(replica.profile_entries.get(&device));
        if known.is_none_or(|(known, entry)| (known.at, *entry) < (profile.at, hash)) {
            replica.profiles.insert(device, profile);
            replica.profile_entries.insert(device, hash);
        }
        Ok(())
    }

    fn refresh_object(
        &mut self,
        tag: ObjectTag,
        quarantine: &mut Vec<Quarantine>,
    ) -> Result<(), NodeError> {
        let replica = &mut *self.replica;
        let pack = replica.id();
        let Some(object) = replica.objects.get(&tag) else {
            return Ok(());
        };
        let judged = judge(replica, object);
        if has_lost(object, &judged) {
            self.built.take(pack, tag);
        }
        let mut openings = vec![];
        let mut sensitivity = object.sensitivity;
        let index_of = |sensitivity: &Sensitivity| index_tag(pack, *sensitivity) == tag;
        let state = if let Some(of) = Sensitivity::ALL.into_iter().find(index_of) {
            sensitivity = of;
            let index = build_index(replica, self.store, tag, of, quarantine)?;
            ObjectState::Index {
                title: index.document.view().title,
                waiting: index.waiting,
            }
        } else {
            let known = self.built.take(pack, tag);
            match build_note(replica, self.store, tag, known, quarantine)? {
                None => match build_handoff(replica, self.store, tag, quarantine)? {
                    None => ObjectState::Waiting,
                    Some(handoff) => {
                        sensitivity = handoff.sensitivity;
                        openings = vec![handoff.created];
                        ObjectState::Handoff(handoff.meta())
                    }
                },
                Some(note) => {
                    let meta = note.meta();
                    sensitivity = note.sensitivity;
                    openings = note.openings();
                    self.built.keep(pack, tag, note);
                    ObjectState::Note(meta)
                }
            }
        };
        if let Some(object) = replica.objects.get_mut(&tag) {
            for of in [&object.state, &state] {
                if let ObjectState::Note(meta) = of {
                    self.looked_at.insert(meta.item);
                }
            }
            if let ObjectState::Note(before) = &object.state
                && replica.notes.get(&before.item) == Some(&tag)
            {
                replica.notes.remove(&before.item);
            }
            if let ObjectState::Handoff(before) = &object.state
                && replica.handoffs.get(&before.item) == Some(&tag)
            {
                replica.handoffs.remove(&before.item);
            }
            if let ObjectState::Handoff(meta) = &state {
                replica.handoffs.insert(meta.item, tag);
            }
            if let ObjectState::Note(meta) = &state {
                replica.notes.insert(meta.item, tag);
                if let Some(twins) = replica.twins.get_mut() {
                    twins.note(meta, tag);
                }
            }
            object.state = state;
            object.sensitivity = sensitivity;
            object.judged = judged;
        }
        replica.count_deleted(tag);
        replica.replacing.take();
        replica.gated.take();
        replica.keep_refused([tag], &openings, quarantine);
        Ok(())
    }

    /// Notes that an object is a place of a note that moved, if its entries say so.
    fn link_moved(&mut self, tag: ObjectTag) -> Result<(), NodeError> {
        if self.replica.placements.item(&tag).is_some() {
            return Ok(());
        }
        if let Some(item) = find_moved(self.replica, self.store, tag)? {
            let pack = self.replica.id();
            self.replica.placements.link(pack, item, tag);
        }
        Ok(())
    }

    /// Finds anew which tags belong to moved notes, for what counts may have changed: a tag that no move
    /// leads to any more must not stay linked until the next start. Gives back the tags to look at:
    /// those given, and those that are linked only now.
    fn link_again(&mut self, tags: Vec<ObjectTag>) -> Result<BTreeSet<ObjectTag>, NodeError> {
        let mut again: BTreeSet<ObjectTag> = tags.into_iter().collect();
        self.replica.placements.unlink_all();
        let every: Vec<ObjectTag> = self.replica.objects.keys().copied().collect();
        for tag in &every {
            self.link_moved(*tag)?;
        }
        let linked = |tag: &ObjectTag| self.replica.placements.item(tag).is_some();
        again.extend(every.into_iter().filter(linked));
        Ok(again)
    }

    /// Looks again at a note that moved.
    fn refresh_moved(
        &mut self,
        item: ItemId,
        quarantine: &mut Vec<Quarantine>,
    ) -> Result<(), NodeError> {
        self.looked_at.insert(item);
        let replica = &mut *self.replica;
        let pack = replica.id();
        let tags: Vec<ObjectTag> = replica.placements.tags(&item).copied().collect();
        let judged: Vec<_> = tags
            .iter()
            .filter_map(|tag| Some((*tag, judge(replica, replica.objects.get(tag)?))))
            .collect();
        let lost = judged
            .iter()
            .any(|(tag, now)| has_lost(&replica.objects[tag], now));
        let mut known = None;
        for tag in &tags {
            known = self.built.take(pack, *tag).or(known);
        }
        let known = known.filter(|_| !lost);
        let (store, me, shown) = (self.store, self.me, Scope::Shown);
        let built = build_moved(replica, store, me, item, shown, known, quarantine)?;
        replica.notes.remove(&item);
        if let Built::Note(note) = &built {
            replica.notes.insert(item, note.tag);
        }
        for (tag, judged) in judged {
            let Some(object) = replica.objects.get_mut(&tag) else {
                continue;
            };
            object.judged = judged;
            object.state = match &built {
                Built::Waiting => ObjectState::Waiting,
                Built::Note(note) if note.tag == tag => {
                    object.sensitivity = note.sensitivity;
                    ObjectState::Note(note.meta())
                }
                Built::Note(_) | Built::Gone => ObjectState::Left,
            };
            replica.count_deleted(tag);
            replica.replacing.take();
            replica.gated.take();
        }
        if let Some(mut twins) = replica.twins.take() {
            let looked = tags
                .iter()
                .try_for_each(|tag| twins.look(replica, store, *tag));
            *replica.twins.get_mut() = Some(twins);
            looked?;
        }
        let openings = match &built {
            Built::Note(note) => note.openings(),
            Built::Waiting | Built::Gone => vec![],
        };
        replica.keep_refused(tags, &openings, quarantine);
        if let Built::Note(note) = built {
            self.built.keep(pack, note.tag, *note);
        }
        Ok(())
    }
}
