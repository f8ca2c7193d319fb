//! Taking over what is set aside: its content is written anew by whoever answers for it now.
//!
//! The new entries say which ones they take over, inside their sealed bodies; that is how every device
//! comes to list the old ones no more. The old ones stay stored. An edit brings what it changed and
//! nothing of what it was made on.
//! Spec: `docs/spec/notes.md`, "Written anew".

use crate::long_text::{parts_before, whole_text};
use crate::objects::{BuiltNote, Step, build_note};
use crate::placement::{Built, Placed, Scope, build_moved};
use crate::replica::{Replica, Staged};
use crate::view::{TakeOver, TakenOver};
use crate::write::{Draft, Pen};
use crate::{Node, NodeError};
use kitbag_core::content::{EntryBody, EntryKind, TakesOver};
use kitbag_core::id::{EntryHash, ObjectTag, PackId, Timestamp};
use kitbag_core::pack::note::{NAME_BYTES_MAX, item_id, object_tag};
use kitbag_core::pack::{ChangeHash, Edit, EditError, NewChange};
use kitbag_core::policy::Sensitivity;
use kitbag_crypto::ItemKey;
use std::collections::{BTreeMap, BTreeSet};

impl Node {
    /// Writes the content of entries that are set aside anew, as this person's own, in one durable
    /// step. A note is taken over with all edits on it that are set aside, and an edit of such a note
    /// with the note; the answer names everything that was looked at.
    ///
    /// # Errors
    /// [`NodeError::NotFound`] if one of them is not in the list of [`Node::set_aside`];
    /// [`NodeError::Denied`] if this person may not write there. Nothing is written then.
    pub fn take_over(
        &mut self,
        now: Timestamp,
        pack: PackId,
        entries: &[EntryHash],
    ) -> Result<Vec<TakenOver>, NodeError> {
        let mut staged = Staged::default();
        let taken = self.stage_take_over(now, pack, entries, &mut staged)?;
        if !staged.is_empty() {
            self.remember(pack, &mut staged)?;
            self.commit(pack, staged)?;
        }
        Ok(taken)
    }

    /// What [`Node::take_over`] would do, without doing it. A note that it would make has another id
    /// when it is made.
    ///
    /// # Errors
    /// As [`Node::take_over`].
    pub fn plan_take_over(
        &mut self,
        now: Timestamp,
        pack: PackId,
        entries: &[EntryHash],
    ) -> Result<Vec<TakenOver>, NodeError> {
        self.stage_take_over(now, pack, entries, &mut Staged::plan())
    }

    fn stage_take_over(
        &mut self,
        now: Timestamp,
        pack: PackId,
        entries: &[EntryHash],
        staged: &mut Staged,
    ) -> Result<Vec<TakenOver>, NodeError> {
        let replica = self.packs.need(pack)?;
        self.must_be_member(replica)?;
        let mut listed: BTreeMap<ObjectTag, BTreeSet<EntryHash>> = BTreeMap::new();
        for (tag, hash, _) in self.listed_aside(replica)? {
            listed.entry(tag).or_default().insert(hash);
        }
        let mut wanted: BTreeMap<ObjectTag, BTreeSet<EntryHash>> = BTreeMap::new();
        for entry in entries {
            let (tag, _) = listed
                .iter()
                .find(|(_, of)| of.contains(entry))
                .ok_or(NodeError::NotFound("entry that is set aside"))?;
            wanted.entry(*tag).or_default().insert(*entry);
        }
        let mut pens: BTreeMap<Sensitivity, Pen> = BTreeMap::new();
        let mut taken = Vec::new();
        for (tag, wanted) in wanted {
            let of_object = listed.get(&tag).cloned().unwrap_or_default();
            let found = self.take_object(now, pack, tag, wanted, of_object, &mut pens, staged)?;
            taken.extend(found);
        }
        for pen in pens.into_values() {
            self.put_down(pen, staged);
        }
        Ok(taken)
    }

    /// Takes over entries of one object: `wanted` of those `listed`.
    #[expect(clippy::too_many_arguments, reason = "one step of one call")]
    fn take_object(
        &mut self,
        now: Timestamp,
        pack: PackId,
        tag: ObjectTag,
        mut wanted: BTreeSet<EntryHash>,
        listed: BTreeSet<EntryHash>,
        pens: &mut BTreeMap<Sensitivity, Pen>,
        staged: &mut Staged,
    ) -> Result<Vec<TakenOver>, NodeError> {
        let replica = self.packs.need(pack)?;
        // A note that moved is put together from several tags; what is aside there is only listed.
        let moved = self.stands_elsewhere(replica, tag)?;
        let Some(all) = self.everything(replica, tag)?.filter(|_| !moved) else {
            return Ok(untouched(replica, wanted, moved));
        };
        let standing = build_note(replica, &self.store, tag, None, &mut vec![])?;
        let mut pen = match pens.remove(&all.sensitivity) {
            Some(pen) => pen,
            None => self.pen(pack, all.sensitivity, true, staged)?,
        };
        let steps = all.history();
        let readable: BTreeSet<EntryHash> = steps.iter().map(|step| step.entry).collect();
        let create = steps.first().map(|step| step.entry);
        let (mut target, mut taken, into) = match standing {
            Some(note) => (note, vec![], tag),
            None if wanted.is_disjoint(&readable) => {
                pens.insert(all.sensitivity, pen);
                return Ok(outcomes(wanted, TakeOver::Unreadable));
            }
            None => {
                wanted.extend(listed.intersection(&readable));
                let (note, into) = self.take_create(now, pack, &mut pen, &all, &steps[0])?;
                let outcome = TakeOver::NewNote(note.item);
                let entry = steps[0].entry;
                (note, vec![TakenOver { entry, outcome }], into)
            }
        };
        target.document = Some(target.open_document());
        let unreadable = wanted.difference(&readable).copied().collect();
        // What stands in the note for each entry: its own change, the one written anew, or, for what
        // stays aside, what it was made on.
        let mut stands_for: BTreeMap<EntryHash, BTreeSet<ChangeHash>> = BTreeMap::new();
        for step in &steps {
            let own = target
                .carries
                .get(&step.entry)
                .filter(|_| Some(step.entry) != create)
                .cloned();
            let base = target.document().base();
            let below = step.deps.iter().filter_map(|dep| stands_for.get(dep));
            let mut at: BTreeSet<ChangeHash> = match &own {
                Some(changes) => changes.clone(),
                None if Some(step.entry) == create => [base].into(),
                None => below.flatten().copied().collect(),
            };
            if own.is_none() && Some(step.entry) != create && wanted.contains(&step.entry) {
                let seen: Vec<ChangeHash> = at.iter().copied().collect();
                let outcome = match anew(&all, &target, step, &seen, &pen) {
                    Ok(None) => TakeOver::ChangesNothing,
                    Err(EditError::Failed(_)) | Err(EditError::UnknownHeads) => {
                        return Err(NodeError::Damaged("note"));
                    }
                    Err(_) => TakeOver::DoesNotFit,
                    Ok(Some(change)) => {
                        let takes = TakesOver::new([step.entry]);
                        self.append_change(now, &mut pen, into, &mut target, &change, takes)?;
                        let mut document = target.document();
                        document
                            .apply(&change.checked)
                            .map_err(|_| NodeError::Damaged("note"))?;
                        target.document = Some(document);
                        at = [change.hash].into();
                        TakeOver::Edited(target.item)
                    }
                };
                taken.push(TakenOver {
                    entry: step.entry,
                    outcome,
                });
            }
            stands_for.insert(step.entry, at);
        }
        taken.extend(outcomes(unreadable, TakeOver::Unreadable));
        pens.insert(all.sensitivity, pen);
        Ok(taken)
    }

    /// Writes a note anew whose first entry is set aside: what it says of itself stays, and who brings
    /// it into the pack is said by this device.
    fn take_create(
        &mut self,
        now: Timestamp,
        pack: PackId,
        pen: &mut Pen,
        old: &BuiltNote,
        create: &Step,
    ) -> Result<(BuiltNote, ObjectTag), NodeError> {
        let replica = self.packs.need(pack)?;
        let from = self.author(replica, create.by);
        let mut salt = [0; 16];
        self.rng.fill_bytes(&mut salt);
        let captured_by = shortened(format!(
            "{} ({}), taken over from {from}",
            self.me.name, self.me.device_name
        ));
        let record = old.record.taken_over(old.item, salt, captured_by);
        record.check()?;
        let text = match record.long {
            None => None,
            Some(_) => {
                let text = whole_text(replica, &self.store, old)?;
                Some(text.ok_or(NodeError::Damaged("part of a note's text"))?)
            }
        };
        let seq = pen.next_seq() + parts_before(&record);
        let item = item_id(pen.log, seq, &record.salt);
        let tag = object_tag(pack, item, old.sensitivity, 0);
        let item_key = ItemKey::generate(&mut *self.rng);
        let parts = match &text {
            None => BTreeSet::new(),
            Some(text) => self.append_parts(pen, tag, &item_key, text)?,
        };
        let takes_over = TakesOver::new([create.entry]);
        let body = EntryBody::Create {
            record: record.clone(),
            at: now,
            takes_over: takes_over.clone(),
        };
        let draft = Draft {
            kind: EntryKind::Create,
            object: tag,
            deps: parts,
            body: &body,
            item_key: &item_key,
        };
        let entry = self.append(pen, &draft)?;
        let step = Step {
            entry,
            deps: vec![],
            by: Some(self.me.person()),
            at: now,
            change: None,
            log: Some(pen.log),
            moved: None,
            told_by: None,
            takes_over,
        };
        let note = BuiltNote {
            tag,
            item,
            origin: (pen.log, seq),
            keys: BTreeMap::from([(tag, vec![item_key.clone()])]),
            told: BTreeMap::new(),
            movers: vec![],
            placed: Placed::never(old.sensitivity),
            sensitivity: old.sensitivity,
            record,
            item_key,
            document: None,
            carriers: BTreeMap::new(),
            carries: BTreeMap::new(),
            applied: [entry].into(),
            steps: vec![step],
            waiting: 0,
        };
        Ok((note, tag))
    }
}

impl Node {
    /// Whether a note was made at this tag and a move of it counts: what others wrote of that matters
    /// no more than they may.
    fn stands_elsewhere(&self, replica: &Replica, tag: ObjectTag) -> Result<bool, NodeError> {
        let Some(item) = replica.placements.item(&tag) else {
            return Ok(false);
        };
        let (me, shown) = (self.me.person(), Scope::Shown);
        let built = build_moved(replica, &self.store, me, item, shown, None, &mut vec![])?;
        Ok(match built {
            Built::Note(note) => note.tag != tag || note.placed.openings().len() > 1,
            Built::Waiting => false,
            Built::Gone => true,
        })
    }
}

/// The change that does to `target`, seen at `seen`, what an edit did to the state it was made on.
fn anew(
    all: &BuiltNote,
    target: &BuiltNote,
    step: &Step,
    seen: &[ChangeHash],
    pen: &Pen,
) -> Result<Option<NewChange>, EditError> {
    let (Some(change), document) = (&step.change, all.document()) else {
        return Ok(None);
    };
    let before = document.view_at(change.deps())?;
    let after = document.view_at(&[change.hash()])?;
    let standing = target.document();
    let edit = Edit::carried(&before, &after, &standing.view_at(seen)?)?;
    standing.edit_at(seen, pen.log, &edit)
}

/// What is said of entries that are not written anew.
fn untouched(replica: &Replica, entries: BTreeSet<EntryHash>, moved: bool) -> Vec<TakenOver> {
    let by_hand = |entry: &EntryHash| {
        let edits = replica.places.get(entry).map(|place| &place.kind);
        let edits = matches!(edits, Some(EntryKind::Create | EntryKind::Edit));
        (moved || !edits) && !replica.quarantined.contains_key(entry)
    };
    let (by_hand, unreadable) = entries.into_iter().partition(by_hand);
    let mut taken = outcomes(by_hand, TakeOver::ByHand);
    taken.extend(outcomes(unreadable, TakeOver::Unreadable));
    taken
}

fn outcomes(entries: BTreeSet<EntryHash>, outcome: TakeOver) -> Vec<TakenOver> {
    let taken = entries.into_iter();
    taken.map(|entry| TakenOver { entry, outcome }).collect()
}

/// No longer than a short text of a record may be.
fn shortened(mut text: String) -> String {
    let mut end = text.len().min(NAME_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}
