//! Taking notes in: what somebody writes, and what comes from other systems.
//!
//! The notes of one call are made durable in one commit. What the device says itself, who took a note
//! in and how far it is trusted, is filled in here and never taken from the caller. A note that is here
//! already is left as it is; of an imported one, only a stricter consent is taken over.
//! Spec: `docs/spec/notes.md`, "The same again".

use crate::error::Denied;
use crate::long_text::{parts_before, set_text};
use crate::made_from::Crossing;
use crate::notes::tightened;
use crate::objects::ObjectState;
use crate::pens::Pens;
use crate::replica::{HeldEpoch, Replica, Staged};
use crate::superseding::{Replacing, too_high};
use crate::twins::{Twin, Twins};
use crate::view::{Added, AudienceMember, NewNote, NewSource};
use crate::write::Draft;
use crate::{Node, NodeError};
use kitbag_core::content::{EntryBody, EntryKind, TakesOver};
use kitbag_core::id::{ImportKey, ItemId, PackId, Timestamp};
use kitbag_core::pack::Record;
use kitbag_core::pack::note::{
    Consent, LINKS_MAX, NoteType, Source, SourceKind, Status, Trust, item_id, object_tag,
};
use kitbag_core::policy::Sensitivity;
use kitbag_core::policy::rules::Unreadable;
use kitbag_crypto::ItemKey;
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

/// A note to be taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    /// Its fields, with all of its text in the body, however long. Version, salt, when and by whom it
    /// was taken in are filled in; so is the trust of one that is imported.
    pub record: Record,
    /// The note of Kitbag's that it was when it left: if it is one of this pack, it is here already.
    pub was: Option<ItemId>,
    /// When it was taken in, if not now; a later time is taken as now.
    pub captured_at: Option<Timestamp>,
    /// Its sensitivity; the pack's default if absent.
    pub sensitivity: Option<Sensitivity>,
    /// A copy of it without its personal data, to be written beside it: its text, and where it shall
    /// stand, the pack's default if absent. That it was made from the note, and how far it is trusted, is filled in.
    pub masked: Option<Box<(Record, Option<Sensitivity>)>>,
    /// Notes of this pack that it replaces from now on, and that are to be marked so. Those that its
    /// record names without that were marked where it comes from, or not.
    pub replaces: BTreeSet<ItemId>,
    /// Write it even if its like is here: whoever asks for that has looked.
    pub anew: bool,
    /// What a person said of the notes of other packs that it names.
    pub crossing: Crossing,
    /// Of what its import key is made beside itself.
    pub telling: Telling,
    /// The agent that adds it, if one does: it is captured by that agent, and trusted as what comes from
    /// outside.
    pub by_agent: Option<String>,
}

/// Of what an import key is made, beside the note that has it. Where that stands higher than the note,
/// the key as it stands in the record must not tell of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Telling {
    /// Of the notes before it in this conversation, which whoever imports numbers.
    pub conversation: Option<u64>,
    /// The highest place of those of them that were taken in by earlier calls.
    pub before: Option<Sensitivity>,
    /// Of something else.
    pub more: bool,
}

impl Incoming {
    /// A note at the pack's default sensitivity.
    pub fn new(record: Record) -> Incoming {
        Incoming {
            record,
            was: None,
            captured_at: None,
            sensitivity: None,
            masked: None,
            replaces: BTreeSet::new(),
            anew: false,
            crossing: Crossing::default(),
            telling: Telling::default(),
            by_agent: None,
        }
    }

    /// A note that somebody states by its words.
    ///
    /// # Errors
    /// [`NodeError::BadInput`] if one of them is none.
    pub fn stated(note: &NewNote) -> Result<Incoming, NodeError> {
        Ok(Incoming {
            sensitivity: note.sensitivity,
            replaces: note.supersedes.iter().copied().collect(),
            crossing: Crossing {
                purpose: None,
                across_clients: note.across_clients,
                is_asked: false,
            },
            ..Incoming::new(stated(note)?)
        })
    }
}

/// A note that was taken in, or was here already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captured {
    /// The note; none if it stands above the own clearance.
    pub id: Option<ItemId>,
    /// Where it stands, if that is known.
    pub sensitivity: Option<Sensitivity>,
    /// What became of it.
    pub became: Became,
    /// Whether it was here already, at a lower sensitivity than it would have been given now.
    pub below: bool,
    /// The masked copy that was written beside it.
    pub masked: Option<(ItemId, Sensitivity)>,
    /// Whether it is new, and other text from the same place of the other system was here before.
    pub changed: bool,
}

impl Captured {
    fn known(id: ItemId, at: Sensitivity, deleted: bool, wanted: Sensitivity) -> Captured {
        Captured {
            id: Some(id),
            sensitivity: Some(at),
            became: if deleted {
                Became::Deleted
            } else {
                Became::Unchanged
            },
            below: at < wanted,
            masked: None,
            changed: false,
        }
    }
}

/// What became of a note that was to be taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Became {
    /// It is new.
    Added,
    /// It was here already.
    Unchanged,
    /// It was here already, and its consent is stricter now.
    Updated,
    /// It was here already, and is deleted.
    Deleted,
    /// It was here already, and somebody put it above the own clearance.
    Above,
}

/// What became of the notes of one call.
#[derive(Debug)]
pub struct CaptureDone {
    /// One for each, in their order; one that could not be taken in says why.
    pub notes: Vec<Result<Captured, NodeError>>,
    /// Who can open what was written, by sensitivity.
    pub audiences: BTreeMap<Sensitivity, Vec<AudienceMember>>,
}

/// Notes in one call, at most.
pub const CAPTURE_NOTES_MAX: usize = 1_024;

/// Bytes of the texts of one call, copies too, at most: all of them are held until they are durable.
pub const CAPTURE_BYTES_MAX: usize = 32 << 20;

impl Node {
    /// Adds notes in one durable step. The same content from the same source is added once.
    ///
    /// # Errors
    /// [`NodeError::BadInput`] names the field; [`NodeError::Denied`] if this person may not write
    /// there. Nothing is added then.
    pub fn add_notes(
        &mut self,
        now: Timestamp,
        pack: PackId,
        notes: &[NewNote],
    ) -> Result<Vec<Added>, NodeError> {
        let mut incoming = Vec::new();
        for note in notes {
            incoming.push(Incoming::stated(note)?);
        }
        let mut staged = Staged::default();
        let captured = self.stage_captured(now, pack, incoming, &mut staged)?;
        let captured = captured.into_iter().collect::<Result<Vec<_>, _>>()?;
        self.keep_captured(pack, staged)?;
        let added = |captured: Captured| {
            let (id, sensitivity) = captured.id.zip(captured.sensitivity)?;
            Some(Added {
                id,
                existing: captured.became != Became::Added,
                sensitivity,
                audience: self.audience(pack, sensitivity),
            })
        };
        Ok(captured.into_iter().filter_map(added).collect())
    }

    /// Takes notes in, in one durable step. One that cannot be taken in does not keep the others out.
    ///
    /// # Errors
    /// [`NodeError::NotFound`] for the pack; [`NodeError::BadInput`] if there are too many at once;
    /// [`NodeError::Store`]. Nothing is taken in then.
    pub fn capture(
        &mut self,
        now: Timestamp,
        pack: PackId,
        notes: Vec<Incoming>,
    ) -> Result<CaptureDone, NodeError> {
        self.capture_or_plan(now, pack, notes, false)
    }

    /// Takes notes in, or with `plan` only says what would become of each. Consents of what is here
    /// already are not looked at then.
    ///
    /// # Errors
    /// As [`Node::capture`].
    pub fn capture_or_plan(
        &mut self,
        now: Timestamp,
        pack: PackId,
        notes: Vec<Incoming>,
        plan: bool,
    ) -> Result<CaptureDone, NodeError> {
        if notes.len() > CAPTURE_NOTES_MAX {
            return Err(NodeError::BadInput {
                field: "notes",
                reason: format!("at most {CAPTURE_NOTES_MAX} at once"),
            });
        }
        let consents: Vec<_> = notes.iter().map(consent_of_place).collect();
        let mut staged = crate::superseding::staged(plan);
        let mut notes = self.stage_captured(now, pack, notes, &mut staged)?;
        if !plan {
            self.keep_captured(pack, staged)?;
        }
        for (outcome, stated) in notes.iter_mut().zip(consents).filter(|_| !plan) {
            let (Ok(captured), Some((key, stated, of_copy))) = (&mut *outcome, stated) else {
                continue;
            };
            match self.tighten_consents(now, pack, key, &stated, &of_copy) {
                Ok(true) if captured.became == Became::Unchanged => {
                    captured.became = Became::Updated;
                }
                Ok(_) => {}
                Err(error) => *outcome = Err(error),
            }
        }
        let written = notes.iter().flatten().filter_map(|captured| {
            let wrote = matches!(captured.became, Became::Added | Became::Updated);
            let here = captured.sensitivity.filter(|_| wrote);
            Some([here?, captured.masked.map_or(here?, |(_, at)| at)])
        });
        let written: BTreeSet<Sensitivity> = written.flatten().collect();
        let audiences = written.into_iter().map(|at| (at, self.audience(pack, at)));
        Ok(CaptureDone {
            audiences: audiences.collect(),
            notes,
        })
    }

    /// Where a note stands for which nobody says another sensitivity, as far as it is known: while the
    /// rules cannot be read, such a note is refused.
    ///
    /// # Errors
    /// [`NodeError::NotFound`].
    pub fn default_sensitivity(&self, pack: PackId) -> Result<Sensitivity, NodeError> {
        Ok(self.packs.need(pack)?.known_default_sensitivity())
    }

    /// The record of a note that somebody states by its words, as it would be written.
    #[cfg(test)]
    pub(crate) fn record(&mut self, note: &NewNote, now: Timestamp) -> Result<Record, NodeError> {
        self.complete(stated(note)?, now, None)
            .map(|(record, _text)| record)
    }

    /// Fills in what this device says of a note itself; gives back its text too.
    fn complete(
        &mut self,
        mut record: Record,
        captured_at: Timestamp,
        by_agent: Option<&str>,
    ) -> Result<(Record, String), NodeError> {
        record.version = kitbag_core::pack::note::RECORD_VERSION;
        self.rng.fill_bytes(&mut record.salt);
        record.source.captured_at = captured_at;
        record.source.captured_by = format!("{} ({})", self.me.name, self.me.device_name);
        if let Some(agent) = by_agent {
            record.source.captured_by = format!("{agent} ({})", self.me.device_name);
            record.produced_by.get_or_insert_default().agent = Some(agent.to_owned());
        }
        if record.import.is_some() || by_agent.is_some() {
            record.source.trust = Trust::UntrustedExternal;
        }
        let text = std::mem::take(&mut record.body);
        let blank = record.title.trim().is_empty() && text.trim().is_empty();
        if blank && record.status != Status::Redacted {
            return Err(NodeError::BadInput {
                field: "body",
                reason: "a note needs a title or a body".into(),
            });
        }
        set_text(&mut record, &text)?;
        record.check()?;
        Ok((record, text))
    }

    /// Puts together what is here already, unless that was done.
    pub(crate) fn know_twins(&self, replica: &Replica) -> Result<(), NodeError> {
        if replica.twins.borrow().is_none() {
            let twins = Twins::of(replica, &self.store)?;
            *replica.twins.borrow_mut() = Some(twins);
        }
        Ok(())
    }

    /// Stages the creates of those that are new, in their order.
    pub(crate) fn stage_captured(
        &mut self,
        now: Timestamp,
        pack: PackId,
        notes: Vec<Incoming>,
        staged: &mut Staged,
    ) -> Result<Vec<Result<Captured, NodeError>>, NodeError> {
        let (outcomes, pens) = self.stage_captured_with(now, pack, notes, staged)?;
        self.put_down_all(pens, staged);
        Ok(outcomes)
    }

    /// The same in a step that goes on to write; its pens are to be put down.
    pub(crate) fn stage_captured_with(
        &mut self,
        now: Timestamp,
        pack: PackId,
        notes: Vec<Incoming>,
        staged: &mut Staged,
    ) -> Result<(Vec<Result<Captured, NodeError>>, Pens), NodeError> {
        let replica = self.packs.need(pack)?;
        let default = replica.default_sensitivity();
        self.know_twins(replica)?;
        let mut writing = Writing::default();
        let mut outcomes = Vec::with_capacity(notes.len());
        for note in notes {
            let telling = note.telling;
            let outcome = self.stage_one(now, pack, note, default, &mut writing, staged);
            if let Err(error @ (NodeError::Store(_) | NodeError::Damaged(_))) = outcome {
                return Err(error);
            }
            writing.heard(telling, &outcome);
            outcomes.push(outcome);
        }
        Ok((outcomes, writing.pens))
    }

    fn stage_one(
        &mut self,
        now: Timestamp,
        pack: PackId,
        note: Incoming,
        default: Result<Sensitivity, Unreadable>,
        writing: &mut Writing,
        staged: &mut Staged,
    ) -> Result<Captured, NodeError> {
        let stated = |stated: Option<Sensitivity>| match (stated, default) {
            (Some(stated), _) => Ok(stated),
            (None, Ok(default)) => Ok(default),
            (None, Err(Unreadable::NewerOperation)) => Err(Denied::NewerRules),
            (None, Err(why)) => Err(Denied::RulesUnreadable(why)),
        };
        let sensitivity = stated(note.sensitivity)?;
        for old in &note.replaces {
            self.may_be_replaced(pack, *old)?;
        }
        if let Some(was) = note.was
            && let Some(known) = self.known_by_id(pack, was, sensitivity)?
        {
            return Ok(known);
        }
        let captured_at = note.captured_at.map_or(now, |at| at.min(now));
        let by_agent = note.by_agent.as_deref();
        let (mut record, text) = self.complete(note.record, captured_at, by_agent)?;
        let (fingerprint, key) = (*record.fingerprint().as_bytes(), record.import);
        if !note.anew {
            if let Some(known) = writing.known(&record, sensitivity, &fingerprint) {
                return Ok(known);
            }
            if let Some(known) = self.known(pack, &record, sensitivity, &fingerprint)? {
                return Ok(known);
            }
        }
        self.may_derive(now, pack, &record, note.was, &note.crossing)?;
        if let Some(key) = key.filter(|_| writing.tells(note.telling, sensitivity)) {
            record.import = Some(self.veiled(pack, key, staged)?);
        }
        let masked = match note.masked {
            None => None,
            // Nobody who reads the copy could not read the note.
            Some(masked) if stated(masked.1)? >= sensitivity => None,
            Some(masked) => {
                let (mut copy, at) = *masked;
                let at = stated(at)?;
                copy.import = record.import.map(|key| key.of_masked_copy(&record.salt));
                copy.source.trust = record.source.trust;
                let written = self.complete(copy, captured_at, by_agent);
                Some((written.map_err(of_masked_copy)?, at))
            }
        };
        // Neither is written if one of them may not be, or has no room.
        let copied = masked.as_ref().map_or(0, |((_, text), _)| text.len());
        if writing.bytes + text.len() + copied > CAPTURE_BYTES_MAX {
            return Err(NodeError::BadInput {
                field: "notes",
                reason: "their texts are too long for one step; take fewer at a time".into(),
            });
        }
        writing.bytes += text.len() + copied;
        self.open_pen(pack, sensitivity, &mut writing.pens, staged)?;
        if let Some((_, at)) = &masked {
            self.open_pen(pack, *at, &mut writing.pens, staged)?;
        }
        let replaced = self.open_replaced(pack, &note.replaces, writing, staged)?;
        // Before anything of it is written. Names are not known yet, places are.
        let nobody = ItemId::from_bytes([0; 32]);
        let mut new = Replacing {
            note: (nobody, sensitivity),
            copies: masked.iter().map(|(_, at)| (nobody, *at)).collect(),
        };
        let hidden = |old: &Replaced| !old.is_copy && !new.is_seen_at(old.at);
        if replaced.values().any(hidden) {
            return Err(too_high("the new note"));
        }
        let id = self.create(now, pack, (record, text), sensitivity, writing)?;
        writing.written.push((fingerprint, id, sensitivity));
        let changed = match key {
            Some(key) => !self.of_place(pack, key)?.is_empty(),
            None => false,
        };
        let masked = match masked {
            None => None,
            Some(((mut copy, text), at)) => {
                if copy.derived_from.len() == LINKS_MAX {
                    copy.derived_from.pop_last();
                }
                copy.derived_from.insert(id);
                Some((self.create(now, pack, (copy, text), at, writing)?, at))
            }
        };
        new.note.0 = id;
        new.copies = masked.into_iter().collect();
        for (old, Replaced { is_copy, at }) in replaced {
            let by = match is_copy {
                true => new.of_copy(at),
                false => new.of_note(at),
            };
            if by.is_empty() {
                continue; // nobody who reads it would see anything in its place
            }
            let edit = self.replaced_by(pack, old, &by)?;
            let edit = edit.ok_or(NodeError::Damaged("note"))?;
            self.stage_edit_with(now, pack, old, &edit, None, &mut writing.pens, staged)
                // The note itself is written by now: all of the step fails.
                .map_err(|_| NodeError::Damaged("note that is replaced"))?;
        }
        Ok(Captured {
            id: Some(id),
            sensitivity: Some(sensitivity),
            became: Became::Added,
            below: false,
            masked,
            changed,
        })
    }

    /// The notes that a new one replaces, their masked copies too: their pens are open then.
    fn open_replaced(
        &mut self,
        pack: PackId,
        replaces: &BTreeSet<ItemId>,
        writing: &mut Writing,
        staged: &mut Staged,
    ) -> Result<BTreeMap<ItemId, Replaced>, NodeError> {
        let replica = self.packs.need(pack)?;
        let copies = replaces.iter().flat_map(|old| replica.copies_of(old));
        let mut all: BTreeMap<ItemId, bool> = copies.map(|copy| (copy, true)).collect();
        all.extend(replaces.iter().map(|old| (*old, false)));
        let mut open = BTreeMap::new();
        let nobody = BTreeSet::from([ItemId::from_bytes([0; 32])]);
        for (id, is_copy) in all {
            if self.replaced_by(pack, id, &nobody)?.is_none() {
                continue; // it is put away
            }
            let (_, sensitivity, _) = self.built_note(pack, id)?;
            self.open_pen(pack, sensitivity, &mut writing.pens, staged)?;
            let at = sensitivity;
            open.insert(id, Replaced { is_copy, at });
        }
        Ok(open)
    }

    /// Appends a note that is new; its pen is open.
    fn create(
        &mut self,
        now: Timestamp,
        pack: PackId,
        (record, text): (Record, String),
        sensitivity: Sensitivity,
        writing: &mut Writing,
    ) -> Result<ItemId, NodeError> {
        let pen = writing.pens.of(sensitivity);
        let pen = pen.expect("the pen of every note that is written was opened before");
        let seq = pen.next_seq() + parts_before(&record);
        let id = item_id(pen.log, seq, &record.salt);
        let tag = object_tag(pack, id, sensitivity, 0);
        let item_key = ItemKey::generate(&mut *self.rng);
        let deps = match record.long {
            None => BTreeSet::new(),
            Some(_) => self.append_parts(pen, tag, &item_key, &text)?,
        };
        let body = EntryBody::Create {
            record,
            at: now,
            takes_over: TakesOver::default(),
        };
        self.append(
            pen,
            &Draft {
                kind: EntryKind::Create,
                object: tag,
                deps,
                body: &body,
                item_key: &item_key,
            },
        )?;
        Ok(id)
    }

    /// The note that this one would be again.
    fn known(
        &self,
        pack: PackId,
        record: &Record,
        wanted: Sensitivity,
        fingerprint: &[u8; 32],
    ) -> Result<Option<Captured>, NodeError> {
        let replica = self.packs.need(pack)?;
        let twins = replica.twins.borrow();
        let twin = twins.as_ref().and_then(|twins| match &record.import {
            None => twins.written(replica, wanted, fingerprint),
            Some(key) => self.names_of_place(replica, *key).find_map(|name| {
                if name == *key {
                    return twins.find(replica, key, fingerprint);
                }
                let named = || Record {
                    import: Some(name),
                    ..record.clone()
                };
                let is_here = twins.has(&name);
                let twin = || twins.find(replica, &name, named().fingerprint().as_bytes());
                is_here.then(twin).flatten()
            }),
        });
        Ok(twin.map(|twin| match twin {
            Twin::Here {
                item,
                sensitivity,
                deleted,
            } => Captured::known(item, sensitivity, deleted, wanted),
            Twin::Above => Captured {
                id: None,
                sensitivity: None,
                became: Became::Above,
                below: false,
                masked: None,
                changed: false,
            },
        }))
    }

    /// A note of this pack that comes back in an export of it.
    fn known_by_id(
        &self,
        pack: PackId,
        item: ItemId,
        wanted: Sensitivity,
    ) -> Result<Option<Captured>, NodeError> {
        let replica = self.packs.need(pack)?;
        let object = replica.notes.get(&item);
        let object = object.and_then(|tag| replica.objects.get(tag));
        Ok(object.and_then(|object| match &object.state {
            ObjectState::Note(meta) => {
                let deleted = meta.status == Status::DELETED.as_str();
                Some(Captured::known(item, object.sensitivity, deleted, wanted))
            }
            _ => None,
        }))
    }

    pub(crate) fn keep_captured(
        &mut self,
        pack: PackId,
        mut staged: Staged,
    ) -> Result<(), NodeError> {
        if staged.is_empty() {
            return Ok(());
        }
        self.remember(pack, &mut staged)?;
        self.commit(pack, staged)?;
        Ok(())
    }

    /// Makes the consent of everything from a place in another system, masked copies too, as strict as
    /// that system states it by now; says whether it was not.
    pub(crate) fn tighten_consents(
        &mut self,
        now: Timestamp,
        pack: PackId,
        key: ImportKey,
        stated: &Consent,
        of_copy: &Consent,
    ) -> Result<bool, NodeError> {
        let notes = self.of_place(pack, key)?;
        // Copies are found through their originals alone: who reads only the copy learns nothing of the key.
        let replica = self.packs.need(pack)?;
        let twins = replica.twins.borrow();
        let copies = |id| twins.as_ref().map(|twins| twins.copies(replica, id));
        let copies: BTreeSet<ItemId> = notes.iter().filter_map(copies).flatten().collect();
        drop(twins);
        let mut changed = false;
        for id in notes {
            changed |= self.tighten_consent(now, pack, id, stated, false)?;
        }
        for id in copies {
            changed |= self.tighten_consent(now, pack, id, of_copy, true)?;
        }
        Ok(changed)
    }

    /// Every note from a place in another system that can be read here, whatever its text.
    fn of_place(&self, pack: PackId, key: ImportKey) -> Result<Vec<ItemId>, NodeError> {
        let replica = self.packs.need(pack)?;
        let twins = replica.twins.borrow();
        let Some(twins) = twins.as_ref() else {
            return Ok(vec![]);
        };
        let names = self.names_of_place(replica, key);
        Ok(names
            .flat_map(|key| twins.with_key(replica, &key))
            .collect())
    }

    /// The keys under which a place may stand in records here: as it is, and veiled by this device alone or
    /// under any epoch of the highest sensitivity whose key is here.
    fn names_of_place<'r>(
        &self,
        replica: &'r Replica,
        key: ImportKey,
    ) -> impl Iterator<Item = ImportKey> + use<'r> {
        let highest = |held: &&HeldEpoch| held.signed.epoch().domain == Sensitivity::Restricted;
        let epochs = replica.epochs.values().filter(highest);
        let veiled = epochs.filter_map(move |held| Some(key.veiled(held.key.as_ref()?)));
        let own = self.veiled_here(replica.id(), key);
        [key, own].into_iter().chain(veiled)
    }

    /// A key that tells only those who read the highest sensitivity of what it is made. Who may not write
    /// there has no secret that others of their clearance share and their readers lack: their device alone
    /// knows it again.
    fn veiled(
        &mut self,
        pack: PackId,
        key: ImportKey,
        staged: &mut Staged,
    ) -> Result<ImportKey, NodeError> {
        match self.epoch_to_seal(pack, Sensitivity::Restricted, staged) {
            Ok((_, epoch)) => Ok(key.veiled(&epoch)),
            Err(NodeError::Denied(_)) => Ok(self.veiled_here(pack, key)),
            Err(error) => Err(error),
        }
    }

    fn veiled_here(&self, pack: PackId, key: ImportKey) -> ImportKey {
        let place = [b"place", &pack.as_bytes()[..], key.as_bytes()].concat();
        ImportKey::first_half(&self.store.local_name(&place))
    }

    fn tighten_consent(
        &mut self,
        now: Timestamp,
        pack: PackId,
        id: ItemId,
        stated: &Consent,
        is_copy: bool,
    ) -> Result<bool, NodeError> {
        let (_, _, built) = self.read_note(pack, id)?;
        let Some(edit) = tightened(&built, stated, is_copy) else {
            return Ok(false);
        };
        let mut staged = Staged::default();
        let written = self.stage_edit(now, pack, id, &edit, None, &mut staged)?;
        self.keep_captured(pack, staged)?;
        Ok(written.is_some())
    }
}

/// A note that is replaced.
struct Replaced {
    /// Whether it is so as a masked copy of one.
    is_copy: bool,
    at: Sensitivity,
}

/// Why a note is not taken in, if its masked copy is the reason: a word may be longer than the value in
/// whose place it stands.
fn of_masked_copy(error: NodeError) -> NodeError {
    match error {
        NodeError::BadInput { reason, .. } => NodeError::BadInput {
            field: "masked copy",
            reason: format!(
                "{reason}: with a word in the place of each value of personal data it is longer than the \
                 note. Shorten the note, put it at restricted, or take it in --unmasked"
            ),
        },
        other => other,
    }
}

/// Its record, with all of its text.
fn stated(note: &NewNote) -> Result<Record, NodeError> {
    let note_type = word(note.note_type.as_deref(), "type", NoteType::Note)?;
    let source = Source {
        kind: word(
            note.source.kind.as_deref(),
            "source kind",
            SourceKind::Manual,
        )?,
        label: note.source.label.clone(),
        uri: note.source.uri.clone(),
        app: note.source.app.clone(),
        author: note.source.author.clone(),
        locator: note.source.locator.clone(),
        captured_at: Timestamp::from_millis(0), // filled in
        observed_at: note.source.observed_at,
        captured_by: String::new(),
        trust: trust_of(&note.source),
    };
    let mut record = Record::new([0; 16], note_type, source);
    record.title = note.title.clone();
    record.body = note.body.clone();
    record.tags = note.tags.iter().cloned().collect();
    record.consent = note.consent.clone();
    record.claim = note.claim;
    record.pinned = note.pinned;
    record.valid_from = note.valid_from;
    record.valid_to = note.valid_to;
    record.review_after = note.review_after;
    record.expires_at = note.expires_at;
    record.supersedes = note.supersedes.iter().copied().collect();
    record.derived_from = note.derived_from.iter().copied().collect();
    Ok(record)
}

/// What a person types is theirs; whatever came from elsewhere is data from outside.
fn trust_of(source: &NewSource) -> Trust {
    match source.kind.as_deref() {
        None | Some("manual") => Trust::FirstParty,
        Some(_) => Trust::UntrustedExternal,
    }
}

fn word<T: FromStr<Err: std::fmt::Display>>(
    text: Option<&str>,
    field: &'static str,
    default: T,
) -> Result<T, NodeError> {
    match text {
        None => Ok(default),
        Some(text) => text.parse().map_err(|error: T::Err| NodeError::BadInput {
            field,
            reason: error.to_string(),
        }),
    }
}

/// What one call is writing.
#[derive(Default)]
struct Writing {
    pens: Pens,
    /// Bytes of texts that are new in this call.
    bytes: usize,
    /// Notes that are new in this call.
    written: Vec<([u8; 32], ItemId, Sensitivity)>,
    /// The highest place of what was said so far, by conversation.
    said: BTreeMap<u64, Sensitivity>,
}

impl Writing {
    /// Whether the import key of a note that is to stand there is made of what fewer people may read, or
    /// will be, if the note is lowered one day.
    fn tells(&self, telling: Telling, at: Sensitivity) -> bool {
        let here = telling.conversation.and_then(|of| self.said.get(&of));
        let before = telling.before.max(here.copied());
        telling.more
            || before.is_some_and(|before| before > at || before == Sensitivity::Restricted)
    }

    /// Notes where a message stands. One that was refused, or stands above the own clearance, was read by
    /// nobody here.
    fn heard(&mut self, telling: Telling, outcome: &Result<Captured, NodeError>) {
        let Some(conversation) = telling.conversation else {
            return;
        };
        let at = outcome
            .as_ref()
            .ok()
            .and_then(|captured| captured.sensitivity);
        let at = at.unwrap_or(Sensitivity::Restricted);
        let said = self.said.entry(conversation).or_insert(at);
        *said = (*said).max(at);
    }

    /// The note of this call that this one would be again.
    fn known(
        &self,
        record: &Record,
        wanted: Sensitivity,
        fingerprint: &[u8; 32],
    ) -> Option<Captured> {
        let imported = record.import.is_some();
        let same = |(known, _, at): &&([u8; 32], ItemId, Sensitivity)| {
            known == fingerprint && (imported || *at == wanted)
        };
        let (_, id, at) = self.written.iter().find(same)?;
        Some(Captured::known(*id, *at, false, wanted))
    }
}

/// What a note states for everything from its place in another system, and for masked copies of that. Of a
/// copy, what is stated of it: something in the note's own may not stand there.
pub(crate) fn consent_of_place(note: &Incoming) -> Option<(ImportKey, Consent, Consent)> {
    let key = note.record.import?;
    let stated = note.record.consent.clone()?;
    let of_copy = note.masked.as_ref().and_then(|m| m.0.consent.clone());
    let of_copy = of_copy.unwrap_or_else(|| stated.clone());
    Some((key, stated, of_copy))
}
