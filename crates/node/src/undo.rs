//! Deleting a note, and taking back what this device wrote last.
//!
//! A note is deleted by an edit of its status, so everything that merges edits merges deletions: of
//! several statuses that were set at once the strictest counts. What undo takes back is found in this
//! device's own logs, newest first; only which entries were taken back already is kept besides. To
//! take back an edit is to make the opposite edit on the state that the edit led to, so that what
//! others wrote since then stays.
//! Design: `docs/design/0014-undo.md`. Spec: `docs/spec/notes.md`, "Deleted".

use crate::hygiene::{Run, RunUndone, Runs};
use crate::objects::{BuiltNote, ObjectState};
use crate::pens::Pens;
use crate::replica::{Replica, Staged};
use crate::stated_elsewhere::allows_less;
use crate::superseding::staged;
use crate::view::{AudienceMember, Deletion, Linked, Redaction};
use crate::{Node, NodeError, SETTING_BYTES_MAX, read_hint};
use kitbag_core::codec;
use kitbag_core::content::EntryKind;
use kitbag_core::id::{EntryHash, ItemId, ObjectTag, PackId, PersonId, Timestamp};
use kitbag_core::pack::note::Status;
use kitbag_core::pack::{ChangeHash, CheckedChange, Edit, NoteDocument, NoteView};
use kitbag_core::policy::Sensitivity;
use kitbag_core::policy::op::{Act, Body};
use minicbor::{Decode, Encode};
use std::collections::{BTreeMap, BTreeSet};

/// A note that was deleted or restored, or would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deleted {
    /// The note.
    pub id: ItemId,
    /// Its title; if it has none, the start of its body.
    pub title: String,
    /// Its sensitivity.
    pub sensitivity: Sensitivity,
    /// Whether anything was, or is to be, written.
    pub changed: bool,
    /// Every member, and whether they can open it.
    pub audience: Vec<AudienceMember>,
    /// Its original or masked copies that go with it.
    pub along: Vec<Linked>,
}

/// Whether the others of an original and its masked copies go along with one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Along {
    /// All that can be read here.
    All,
    /// This one alone.
    Alone,
}

/// What was taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UndoneWrite {
    /// The note was added: it is deleted now.
    Added,
    /// Its text or tags were changed.
    Edited,
    /// It was deleted: it is there again.
    Deleted,
    /// It was restored: it is deleted again.
    Restored,
    /// It was replaced by another note: it is in use again.
    Superseded,
    /// Its content was taken out: it is there again.
    Redacted,
    /// It went to another pack: it is here again, and what was written there is deleted.
    Moved,
}

/// A write that was taken back, or would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undone {
    /// The pack.
    pub pack: PackId,
    /// The note.
    pub id: ItemId,
    /// Its title as it is now; if it has none, the start of its body.
    pub title: String,
    /// Its sensitivity.
    pub sensitivity: Sensitivity,
    /// What the write was.
    pub what: UndoneWrite,
    /// When it was written.
    pub at: Timestamp,
    /// Its status now. A note that somebody else deleted as well stays deleted.
    pub status: String,
    /// Every member, and whether they can open it.
    pub audience: Vec<AudienceMember>,
    /// What was written in the same step to notes that belong to it, and was taken back with it.
    pub along: Vec<Linked>,
    /// If it was one of many that hygiene wrote in one go: all of them are taken back, some in each call.
    pub run: Option<RunUndone>,
    /// What could not be taken back any more after the rest was, in a sentence.
    pub left: Option<String>,
}

/// The last write, if it is none that undo takes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beyond {
    /// A note was made more or less sensitive.
    Relabelled(ItemId),
    /// A ticket was made.
    Shared,
    /// Somebody was removed, lowered, raised or let in again.
    Membership,
    /// This person left.
    Left,
    /// The release rules of the pack were set.
    Rules,
    /// A note got its first statement of consent, which has no opposite.
    Consent(ItemId),
    /// A note got a statement of consent that stands in other packs too.
    ConsentElsewhere(ItemId),
}

impl Node {
    /// The pack in which this device wrote last on behalf of its person, if it is known.
    ///
    /// # Errors
    /// [`NodeError::Store`].
    pub fn last_written(&self) -> Result<Option<PackId>, NodeError> {
        let kept = read_hint(&self.store, LAST_WRITTEN)?;
        let pack = kept.and_then(|bytes| codec::decode(&bytes, SETTING_BYTES_MAX).ok());
        Ok(pack.filter(|pack| self.packs.contains(pack)))
    }

    /// Deletes a note, or restores one, whoever deleted it. With `plan` only says what it would do.
    ///
    /// # Errors
    /// [`NodeError::NotFound`]; [`NodeError::Denied`] if this person may not write there.
    pub fn set_deleted(
        &mut self,
        now: Timestamp,
        pack: PackId,
        id: ItemId,
        deleted: bool,
        along: Along,
        plan: bool,
    ) -> Result<Deleted, NodeError> {
        let (_, sensitivity, built) = self.built_note(pack, id)?;
        let title = built.meta().title;
        if deleted && built.is_redacted() {
            return Err(NodeError::BadInput {
                field: "note",
                reason: "it is redacted: nothing is left of it but who redacted it, when and why"
                    .into(),
            });
        }
        let partners = match along {
            Along::All => self.packs.need(pack)?.partners_of(&id),
            Along::Alone => BTreeSet::new(),
        };
        let (mut staged, mut pens) = (staged(plan), Pens::default());
        let mut changed = BTreeSet::new();
        for note in partners.into_iter().chain([id]) {
            let (_, _, built) = self.built_note(pack, note)?;
            let view = built.view();
            // One that is redacted can be among the deleted too, and comes back from there as it is.
            if (view.status == Status::DELETED) == deleted || (deleted && view.is_redacted()) {
                continue;
            }
            // What was said meanwhile of what went to other packs holds for what comes back.
            let consent = match deleted {
                true => None,
                false => self.consent_from_elsewhere(pack, note)?,
            };
            let edit = Edit {
                consent,
                status: Some(match deleted {
                    true => Status::DELETED,
                    false if view.superseded_by.is_empty() => Status::Active,
                    false => Status::Superseded,
                }),
                ..Edit::default()
            };
            self.stage_edit_with(now, pack, note, &edit, None, &mut pens, &mut staged)?;
            changed.insert(note);
        }
        self.put_down_all(pens, &mut staged);
        let others: Vec<ItemId> = changed.iter().copied().filter(|of| *of != id).collect();
        let others = self.packs.need(pack)?.all_linked(&others);
        if !changed.is_empty() && !plan {
            self.remember(pack, &mut staged)?;
            self.commit(pack, staged)?;
        }
        Ok(Deleted {
            id,
            title,
            sensitivity,
            changed: !changed.is_empty(),
            audience: self.audience(pack, sensitivity),
            along: others,
        })
    }

    /// Takes back what this device wrote last in a pack, or in one note of it, and did not take back
    /// yet. With `plan` only says what that is.
    ///
    /// # Errors
    /// [`NodeError::NothingToUndo`]; [`NodeError::BeyondUndo`] if the last write is of another kind;
    /// [`NodeError::Denied`] if this person may not write there any more.
    pub fn undo(
        &mut self,
        now: Timestamp,
        pack: PackId,
        only: Option<ItemId>,
        plan: bool,
    ) -> Result<Undone, NodeError> {
        let mut taken_back = self.taken_back(pack)?;
        let runs = self.runs(pack)?;
        let mut walk = Walk::new(self, pack, only)?;
        while let Some(write) = walk.next(self, &taken_back, &runs)? {
            if only.is_none()
                && let Some((beyond, at)) = self.last_act(pack)?
                && at > write.at
            {
                return Err(NodeError::BeyondUndo(beyond));
            }
            let place = self.packs.need(pack)?.places.get(&write.entry);
            if only.is_none()
                && let Some(run) = place.and_then(|place| runs.of(place))
            {
                return self.undo_run(now, pack, (&write, run), &taken_back, &runs, plan);
            }
            let Some(mut opposed) = opposite(&write)? else {
                continue;
            };
            let what = opposed.what;
            self.as_strict_as_elsewhere(pack, &write, &mut opposed)?;
            let (mut staged, mut pens) = (staged(plan), Pens::default());
            let id = write.item;
            let written =
                self.stage_opposite(now, pack, &write, &opposed, &mut pens, &mut staged)?;
            let Some((sensitivity, entry)) = written else {
                continue;
            };
            let mut undone = vec![(write.entry, entry)];
            let mut along = Vec::new();
            for other in self.written_with(pack, &write, &taken_back, &runs)? {
                let Some(mut opposed) = opposite(&other)? else {
                    continue;
                };
                self.as_strict_as_elsewhere(pack, &other, &mut opposed)?;
                let written =
                    self.stage_opposite(now, pack, &other, &opposed, &mut pens, &mut staged)?;
                if let Some((_, entry)) = written {
                    undone.push((other.entry, entry));
                    along.push(other.item);
                }
            }
            self.put_down_all(pens, &mut staged);
            let moved = match what {
                UndoneWrite::Deleted => self.moved_at(pack, id, write.at)?,
                _ => None,
            };
            let what = match moved {
                Some(_) => UndoneWrite::Moved,
                None => what,
            };
            if let Some((to, notes)) = &moved {
                self.may_take_from(*to, notes)?;
            }
            let mut left = None;
            if !plan {
                for (write, undo) in undone {
                    taken_back.keep(write, undo);
                }
                let settings = &mut staged.settings;
                settings.push((taken_back_in(pack), codec::encode(&taken_back)));
                self.remember(pack, &mut staged)?;
                self.commit(pack, staged)?;
                // It is here again before it goes there: a crash between leaves both.
                if let Some((to, notes)) = moved {
                    let taken = self.take_from(now, to, notes);
                    left = taken.err().map(|why| {
                        format!("what was written in the other pack could not be deleted: {why}")
                    });
                }
            }
            let along = self.packs.need(pack)?.all_linked(&along);
            let (_, _, built) = self.built_note(pack, id)?;
            return Ok(Undone {
                pack,
                id,
                title: built.meta().title,
                sensitivity,
                what,
                at: write.at,
                status: built.view().status.as_str().to_owned(),
                audience: self.audience(pack, sensitivity),
                along,
                run: None,
                left,
            });
        }
        match self.last_act(pack)? {
            Some((beyond, _)) if only.is_none() => Err(NodeError::BeyondUndo(beyond)),
            _ => Err(NodeError::NothingToUndo),
        }
    }

    /// Takes back some of what hygiene wrote in one go, the newest first.
    fn undo_run(
        &mut self,
        now: Timestamp,
        pack: PackId,
        (newest, run): (&Write, &Run),
        known: &TakenBack,
        runs: &Runs,
        plan: bool,
    ) -> Result<Undone, NodeError> {
        let what = match opposite(newest)? {
            Some(opposed) => opposed.what,
            None => UndoneWrite::Edited,
        };
        let told = self.step_back(now, pack, run, known, runs, plan)?;
        let (_, sensitivity, built) = self.built_note(pack, newest.item)?;
        Ok(Undone {
            pack,
            id: newest.item,
            title: built.meta().title,
            sensitivity,
            what,
            at: newest.at,
            status: built.view().status.as_str().to_owned(),
            audience: self.audience(pack, sensitivity),
            along: vec![],
            left: None,
            run: Some(told),
        })
    }

    /// Goes on taking back what hygiene wrote in the go that began then, whatever was written since;
    /// nothing if it is not known any more.
    ///
    /// # Errors
    /// [`NodeError::Denied`] if this person may not write there any more; [`NodeError::Store`].
    pub fn undo_run_on(
        &mut self,
        now: Timestamp,
        pack: PackId,
        at: Timestamp,
    ) -> Result<Option<RunUndone>, NodeError> {
        let (taken_back, runs) = (self.taken_back(pack)?, self.runs(pack)?);
        let Some(run) = runs.begun_at(at) else {
            return Ok(None);
        };
        let told = self.step_back(now, pack, run, &taken_back, &runs, false)?;
        Ok(Some(told))
    }

    fn step_back(
        &mut self,
        now: Timestamp,
        pack: PackId,
        run: &Run,
        known: &TakenBack,
        runs: &Runs,
        plan: bool,
    ) -> Result<RunUndone, NodeError> {
        let (entries, total) = self.newest_of_run(pack, run, RUN_STEP_ENTRIES)?;
        let mut told = run.undone(total);
        if !plan {
            let (mut staged, mut pens) = (Staged::default(), Pens::default());
            let (mut touched, mut spans) = (BTreeSet::new(), Vec::new());
            for (span, entry) in entries {
                let write = match known.has(&entry) {
                    true => None,
                    false => opened(self, pack, entry, None, known, runs)?,
                };
                if let Some(write) = write {
                    if !touched.insert(write.item) {
                        break; // a note is edited once in a step
                    }
                    if let Some(mut opposed) = opposite(&write)? {
                        self.as_strict_as_elsewhere(pack, &write, &mut opposed)?;
                        self.stage_opposite(now, pack, &write, &opposed, &mut pens, &mut staged)?;
                    }
                }
                spans.push(span);
            }
            let by: Vec<_> = pens.spans().map(Into::into).collect();
            self.put_down_all(pens, &mut staged);
            let (setting, undone) = self.with_taken_back(pack, run.at, &spans, &by)?;
            staged.settings.push(setting);
            self.remember(pack, &mut staged)?;
            self.commit(pack, staged)?;
            told = undone;
        }
        Ok(told)
    }

    /// A note that comes back does so under the strictest consent of what went to other packs, and a
    /// statement that holds there too is not taken back in one of them.
    fn as_strict_as_elsewhere(
        &self,
        pack: PackId,
        write: &Write,
        opposed: &mut Opposite,
    ) -> Result<(), NodeError> {
        match &opposed.edit.consent {
            None if opposed.what == UndoneWrite::Deleted => {
                opposed.edit.consent = self.consent_from_elsewhere(pack, write.item)?;
            }
            None => {}
            Some(consent) => {
                let elsewhere = self.strictest_on_its_way(pack, write.item)?;
                if elsewhere.is_some_and(|stands| allows_less(Some(&stands), consent)) {
                    return Err(NodeError::BeyondUndo(Beyond::ConsentElsewhere(write.item)));
                }
            }
        }
        Ok(())
    }

    fn stage_opposite(
        &mut self,
        now: Timestamp,
        pack: PackId,
        write: &Write,
        opposed: &Opposite,
        pens: &mut Pens,
        staged: &mut Staged,
    ) -> Result<Option<(Sensitivity, EntryHash)>, NodeError> {
        let seen = opposed.on.as_ref().map(std::slice::from_ref);
        let (id, edit) = (write.item, &opposed.edit);
        self.stage_edit_with(now, pack, id, edit, seen, pens, staged)
    }

    /// What this device wrote in the same moment to notes that belong to this one, and did not take back:
    /// to the other of an original and its masked copies, to what it replaces, or is replaced by.
    fn written_with(
        &mut self,
        pack: PackId,
        write: &Write,
        known: &TakenBack,
        runs: &Runs,
    ) -> Result<Vec<Write>, NodeError> {
        let replica = self.packs.need(pack)?;
        let is_own = |entry: &EntryHash| {
            let place = replica.places.get(entry)?;
            let log = replica.logs.get(&place.log)?;
            (log.opening.device == self.me.device()).then_some(place)
        };
        // Others may name any note as what replaced one, or was replaced: only what this device wrote
        // itself is opened, and that is known without opening it.
        let has_own = |id: &ItemId, kind: fn(&EntryKind) -> bool| {
            let object = replica.notes.get(id);
            let object = object.and_then(|tag| replica.objects.get(tag));
            let own = object.map_or(&[][..], |object| &object.entries).iter();
            own.filter_map(is_own).any(|place| kind(&place.kind))
        };
        let mut others = replica.partners_of(&write.item);
        let family: Vec<ItemId> = others.iter().copied().chain([write.item]).collect();
        for meta in replica.metas() {
            let replaced = family.iter().any(|id| meta.superseded_by.contains(id));
            if replaced && has_own(&meta.item, |kind| matches!(kind, EntryKind::Edit)) {
                others.insert(meta.item);
            }
        }
        for meta in family.iter().filter_map(|id| replica.meta(id)) {
            let by = meta.0.superseded_by.iter().filter(|by| {
                // Written to in the step only if it was added by it.
                let added = replica.meta(by).map(|(meta, _)| meta.captured_at);
                added == Some(write.at) && has_own(by, |kind| matches!(kind, EntryKind::Create))
            });
            others.extend(by.copied());
        }
        others.remove(&write.item);
        let mut entries = Vec::new();
        for id in &others {
            let Ok((_, _, built)) = self.read_note(pack, *id) else {
                continue; // it is not to be seen here
            };
            let steps = built.steps.iter().filter(|step| step.at == write.at);
            let own = steps.filter(|step| is_own(&step.entry).is_some());
            entries.extend(own.map(|step| step.entry));
        }
        let mut writes = Vec::new();
        for entry in entries.into_iter().filter(|entry| !known.has(entry)) {
            writes.extend(opened(self, pack, entry, None, known, runs)?);
        }
        Ok(writes)
    }

    /// Who took the content of a note out and why, if it is redacted.
    pub(crate) fn redaction(
        &self,
        replica: &Replica,
        built: &BuiltNote,
    ) -> Result<Option<Redaction>, NodeError> {
        if !built.is_redacted() {
            return Ok(None);
        }
        let since = since(built, NoteView::is_redacted)?;
        Ok(Some(Redaction {
            by: since.map(|(person, _)| self.author(replica, person)),
            at: since.map(|(_, at)| at),
            reason: built.whole_view().redacted,
        }))
    }

    /// Makes what takes back these writes durable, and keeps that it did.
    pub(crate) fn keep_undone(
        &mut self,
        pack: PackId,
        undone: &[(EntryHash, EntryHash)],
        mut staged: Staged,
    ) -> Result<(), NodeError> {
        if staged.is_empty() {
            return Ok(());
        }
        let mut taken_back = self.taken_back(pack)?;
        for (write, undo) in undone {
            taken_back.keep(*write, *undo);
        }
        let settings = &mut staged.settings;
        settings.push((taken_back_in(pack), codec::encode(&taken_back)));
        self.commit(pack, staged)
    }

    /// Keeps with a write that its pack is the last in which this person wrote.
    pub(crate) fn remember(&self, pack: PackId, staged: &mut Staged) -> Result<(), NodeError> {
        if self.last_written()? != Some(pack) {
            let settings = &mut staged.settings;
            settings.push((LAST_WRITTEN.to_owned(), codec::encode(&pack)));
        }
        Ok(())
    }

    /// Who deleted this note, if it is deleted: the first step after which it never was restored.
    pub(crate) fn deletion(
        &self,
        replica: &Replica,
        built: &BuiltNote,
    ) -> Result<Option<Deletion>, NodeError> {
        if built.view().status != Status::DELETED {
            return Ok(None);
        }
        let by = since(built, |view| view.status == Status::DELETED)?;
        Ok(by.map(|(person, at)| Deletion {
            by: self.author(replica, person),
            at,
        }))
    }

    fn taken_back(&self, pack: PackId) -> Result<TakenBack, NodeError> {
        let kept = self.store.setting(&taken_back_in(pack))?;
        let kept = kept.map(|bytes| codec::decode(&bytes, TAKEN_BACK_BYTES_MAX));
        let kept = kept.transpose();
        Ok(kept
            .map_err(|_| NodeError::Damaged("list of undone writes"))?
            .unwrap_or_default())
    }

    /// The newest operation on members or tickets that this person made on this device.
    fn last_act(&self, pack: PackId) -> Result<Option<(Beyond, Timestamp)>, NodeError> {
        let replica = self.packs.need(pack)?;
        let own = replica.ops.values().map(|signed| signed.op());
        let own = own.filter(|op| op.device == self.me.device());
        let acts = own.filter_map(|op| match &op.body {
            Body::Genesis { .. } => None,
            Body::Acts(acts) => Some((beyond(acts)?, op.at)),
        });
        Ok(acts.max_by_key(|(_, at)| *at))
    }
}

/// The first step of a note since which it always was like this.
fn since(
    built: &BuiltNote,
    is: impl Fn(&NoteView) -> bool,
) -> Result<Option<(Option<PersonId>, Timestamp)>, NodeError> {
    let mut document = NoteDocument::derive(built.item, &built.record);
    let mut by = None;
    for step in built.history() {
        if let Some(change) = &step.change {
            let applied = document.apply(change);
            applied.map_err(|_| NodeError::Damaged("note"))?;
        }
        match is(&document.view()) {
            true if by.is_none() => by = Some((step.by, step.at)),
            true => {}
            false => by = None,
        }
    }
    Ok(by)
}

impl Replica {
    /// Notes that are not deleted, of those that the person of this device sees.
    pub(crate) fn kept_notes(&self) -> u64 {
        let sight = self.sight();
        if sight.iter().all(|sees| *sees) {
            return self.notes.len().saturating_sub(self.deleted.len()) as u64;
        }
        let is_kept = |tag: &&ObjectTag| {
            let object = self.objects.get(*tag);
            object.is_some_and(|object| sight[object.sensitivity as usize])
                && !self.deleted.contains(*tag)
        };
        self.notes.values().filter(is_kept).count() as u64
    }

    /// Counts again whether the note under a tag is deleted, after its state was found.
    pub(crate) fn count_deleted(&mut self, tag: ObjectTag) {
        let state = self.objects.get(&tag).map(|object| &object.state);
        match state {
            Some(ObjectState::Note(meta)) if meta.status == Status::DELETED.as_str() => {
                self.deleted.insert(tag);
            }
            _ => {
                self.deleted.remove(&tag);
            }
        }
    }
}

/// Entries of one go that are taken back in one commit, at most: each takes about a millisecond.
const RUN_STEP_ENTRIES: usize = 16;
const LAST_WRITTEN: &str = "last-written";
/// Writes that stay known as taken back, at most. When more were, the oldest count as writes again.
const TAKEN_BACK_MAX: usize = 1_024;
const TAKEN_BACK_BYTES_MAX: usize = TAKEN_BACK_MAX * 80 + 16;

fn taken_back_in(pack: PackId) -> String {
    format!("undone/{pack}")
}

/// Entries that were taken back, each with the one that did it, oldest first.
#[derive(Debug, Default, Encode, Decode)]
#[cbor(map)]
struct TakenBack {
    #[n(0)]
    pairs: Vec<(EntryHash, EntryHash)>,
}

impl TakenBack {
    fn has(&self, entry: &EntryHash) -> bool {
        let mut pairs = self.pairs.iter();
        pairs.any(|(write, undo)| write == entry || undo == entry)
    }

    fn keep(&mut self, write: EntryHash, undo: EntryHash) {
        let surplus = (self.pairs.len() + 1).saturating_sub(TAKEN_BACK_MAX);
        self.pairs.drain(..surplus);
        self.pairs.push((write, undo));
    }
}

/// An entry of this device that says something of a note.
struct Write {
    entry: EntryHash,
    item: ItemId,
    at: Timestamp,
    kind: WriteKind,
    built: BuiltNote,
    /// Entries of the note that took something back, or were taken back with many.
    undos: BTreeSet<EntryHash>,
}

enum WriteKind {
    Create,
    Edit(ChangeHash),
    Move,
}

/// Entries of this device's logs of one pack, newest first by its own clock; of one moment the most
/// sensitive first, so that of an original and its masked copy it is always the original.
struct Walk {
    pack: PackId,
    only: Option<ItemId>,
    /// Of each log the entries that are still to come, oldest first, and the newest of them opened.
    logs: Vec<(Vec<EntryHash>, Option<Write>)>,
}

impl Walk {
    fn new(node: &Node, pack: PackId, only: Option<ItemId>) -> Result<Walk, NodeError> {
        let replica = node.packs.get(&pack).ok_or(NodeError::NotFound("pack"))?;
        let own = replica.logs.values();
        let mut own: Vec<_> = own
            .filter(|log| log.opening.device == node.me.device())
            .collect();
        own.sort_by_key(|log| log.opening.sensitivity); // the last of several newest is taken
        let entries = own.into_iter();
        let entries = entries.filter_map(|log| Some((log.trunk()?.entries.clone(), None)));
        Ok(Walk {
            pack,
            only,
            logs: entries.collect(),
        })
    }

    fn next(
        &mut self,
        node: &mut Node,
        known: &TakenBack,
        runs: &Runs,
    ) -> Result<Option<Write>, NodeError> {
        for (entries, newest) in &mut self.logs {
            while newest.is_none()
                && let Some(entry) = entries.pop()
            {
                let place = node
                    .packs
                    .get(&self.pack)
                    .and_then(|of| of.places.get(&entry));
                let is_past = place.is_some_and(|place| runs.is_past(place));
                if !is_past && !known.has(&entry) {
                    *newest = opened(node, self.pack, entry, self.only, known, runs)?;
                }
            }
        }
        let newest = self.logs.iter_mut().map(|(_, newest)| newest);
        let newest = newest.max_by_key(|write| write.as_ref().map(|write| write.at));
        Ok(newest.and_then(Option::take))
    }
}

/// What an entry says of a note that is to be seen here; nothing of any other entry.
fn opened(
    node: &mut Node,
    pack: PackId,
    entry: EntryHash,
    only: Option<ItemId>,
    known: &TakenBack,
    runs: &Runs,
) -> Result<Option<Write>, NodeError> {
    let replica = node.packs.get(&pack).ok_or(NodeError::NotFound("pack"))?;
    let Some(place) = replica.places.get(&entry) else {
        return Ok(None);
    };
    let (kind, object) = (place.kind.clone(), place.object);
    if !matches!(kind, EntryKind::Create | EntryKind::Edit | EntryKind::Move) {
        return Ok(None);
    }
    let item = object.and_then(|tag| match replica.placements.item(&tag) {
        Some(item) => Some(item),
        None => match &replica.objects.get(&tag)?.state {
            ObjectState::Note(meta) => Some(meta.item),
            _ => None,
        },
    });
    let Some(item) = item.filter(|item| only.is_none_or(|only| *item == only)) else {
        return Ok(None);
    };
    let built = match node.built_note(pack, item) {
        Ok((_, _, built)) => built,
        Err(NodeError::NotFound(_) | NodeError::Denied(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    let replica = node.packs.get(&pack).ok_or(NodeError::NotFound("pack"))?;
    let is_undo = |of: &EntryHash| {
        let place = replica.places.get(of);
        known.pairs.iter().any(|(_, undo)| undo == of)
            || place.is_some_and(|place| runs.is_past(place))
    };
    let entries = built.steps.iter().map(|step| step.entry);
    let undos: BTreeSet<EntryHash> = entries.filter(is_undo).collect();
    let mover = built.movers.iter().find(|mover| mover.entry == entry);
    if let (EntryKind::Move, Some(mover)) = (&kind, mover) {
        let (at, kind) = (mover.at, WriteKind::Move);
        return Ok(Some(Write {
            entry,
            item,
            at,
            kind,
            built,
            undos,
        }));
    }
    // What does not count is not in the note, and there is nothing of it to take back.
    let step = built.steps.iter().find(|step| step.entry == entry);
    Ok(step
        .map(|step| (step.at, step.change.as_ref().map(|change| change.hash())))
        .map(|(at, change)| Write {
            entry,
            item,
            at,
            kind: change.map_or(WriteKind::Create, WriteKind::Edit),
            built,
            undos,
        }))
}

/// The edit that takes a write back.
struct Opposite {
    what: UndoneWrite,
    /// The state on which it is made, if that is not the newest.
    on: Option<ChangeHash>,
    edit: Edit,
}

/// How to take a write back; nothing if nothing of it is left.
fn opposite(write: &Write) -> Result<Option<Opposite>, NodeError> {
    let built = &write.built;
    let change = match write.kind {
        WriteKind::Move => return Err(NodeError::BeyondUndo(Beyond::Relabelled(write.item))),
        WriteKind::Create if built.view().status == Status::DELETED => return Ok(None),
        WriteKind::Create => {
            return Ok(Some(Opposite {
                what: UndoneWrite::Added,
                on: None,
                edit: Edit {
                    status: Some(Status::DELETED),
                    ..Edit::default()
                },
            }));
        }
        WriteKind::Edit(change) => change,
    };
    let document = built.document();
    let made = changes(built).find(|made| made.hash() == change);
    let deps = made.ok_or(NodeError::Damaged("note"))?.deps();
    let (before, after) = (document.view_at(deps)?, document.view_at(&[change])?);
    if before == after {
        return Ok(None); // it only joined what others wrote
    }
    let with_consent = NoteView {
        consent: after.consent.clone(),
        ..before.clone()
    };
    if before.consent.is_none() && after == with_consent {
        return Err(NodeError::BeyondUndo(Beyond::Consent(write.item)));
    }
    let what = match (before.status, after.status) {
        _ if after.is_redacted() && !before.is_redacted() => UndoneWrite::Redacted,
        (Status::DELETED, Status::DELETED) => UndoneWrite::Edited,
        (_, Status::DELETED) => UndoneWrite::Deleted,
        (Status::DELETED, _) => UndoneWrite::Restored,
        (before, Status::Superseded) if before != Status::Superseded => UndoneWrite::Superseded,
        _ => UndoneWrite::Edited,
    };
    // What a later undo put back is not what this edit wrote, though it reads the same.
    let later = later_undo(write, change);
    let on = later.unwrap_or(change);
    let edit = Edit::carried(&after, &before, &document.view_at(&[on])?)?;
    Ok(Some(Opposite {
        what,
        on: Some(on),
        edit,
    }))
}

/// The newest undo in this note that was made knowing this change.
fn later_undo(write: &Write, of: ChangeHash) -> Option<ChangeHash> {
    let steps = write.built.steps.iter().rev(); // each after those it builds on
    let undos = steps.filter(|step| write.undos.contains(&step.entry));
    let mut changes = undos.filter_map(|step| Some(step.change.as_ref()?.hash()));
    changes.find(|undo| *undo != of && builds_on(&write.built, *undo, of))
}

/// Whether a change builds on another, directly or not.
fn builds_on(built: &BuiltNote, change: ChangeHash, on: ChangeHash) -> bool {
    let deps: BTreeMap<ChangeHash, &[ChangeHash]> = changes(built)
        .map(|change| (change.hash(), change.deps()))
        .collect();
    let (mut open, mut seen) = (vec![change], BTreeSet::new());
    while let Some(next) = open.pop() {
        if next == on {
            return true;
        }
        if seen.insert(next) {
            open.extend(deps.get(&next).into_iter().copied().flatten());
        }
    }
    false
}

/// The changes of a note, those too of which only a move tells.
fn changes(built: &BuiltNote) -> impl Iterator<Item = &CheckedChange> {
    let steps = built.steps.iter().filter_map(|step| step.change.as_ref());
    steps.chain(built.told.values().map(|told| &told.change))
}

/// What these acts are for the person who made them. Letting somebody in, and closing what is used up,
/// the device does by itself.
fn beyond(acts: &[Act]) -> Option<Beyond> {
    acts.iter().find_map(|act| match act {
        Act::Invite { .. } => Some(Beyond::Shared),
        Act::Grant { .. } | Act::Remove { .. } => Some(Beyond::Membership),
        Act::Leave { .. } => Some(Beyond::Left),
        Act::Rules { .. } => Some(Beyond::Rules),
        Act::Admit { .. } | Act::Close { .. } => None,
    })
}
