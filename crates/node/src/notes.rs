//! Notes: listed, shown, edited.

use crate::error::Denied;
use crate::long_text::must_be_short;
use crate::objects::{BuiltNote, ObjectState, build_note};
use crate::placement::{Built, Scope, build_moved};
use crate::replica::{Replica, Staged};
use crate::view::{Added, AudienceMember, NewSource, Note, NoteEdit, NoteSummary};
use crate::write::{Draft, Pen};
use crate::{Node, NodeError};
use data_encoding::BASE32_NOPAD;
use kitbag_core::content::{EntryBody, EntryKind, TakesOver};
use kitbag_core::id::{EntryHash, ItemId, ObjectTag, PackId, PersonId, Timestamp};
use kitbag_core::pack::{ChangeHash, Edit, NewChange, NoteDocument};
use kitbag_core::policy::Sensitivity;
use std::collections::BTreeSet;

impl Node {
    /// A pack's notes, oldest first: by when they were captured, then by their number in their
    /// author's log, then by id. All that is in the notes themselves, so it is the same everywhere.
    ///
    /// # Errors
    /// [`NodeError::NotFound`].
    pub fn notes(&self, pack: PackId) -> Result<Vec<NoteSummary>, NodeError> {
        let replica = self.packs.need(pack)?;
        let mut notes: Vec<_> = replica
            .notes
            .values()
            .filter_map(|tag| {
                let object = replica.objects.get(tag)?;
                let ObjectState::Note(meta) = &object.state else {
                    return None;
                };
                Some((
                    (meta.captured_at, meta.seq, meta.item),
                    NoteSummary {
                        id: meta.item,
                        title: meta.title.clone(),
                        sensitivity: object.sensitivity,
                        source: meta.source.clone(),
                        status: meta.status.to_owned(),
                        edited: meta.edits > 0,
                    },
                ))
            })
            .collect();
        notes.sort_unstable_by_key(|(order, _)| *order);
        Ok(notes.into_iter().map(|(_, note)| note).collect())
    }

    /// Notes whose id begins with this text, in all packs.
    pub fn notes_called(&self, prefix: &str) -> Vec<(PackId, ItemId)> {
        let lower = prefix.to_ascii_lowercase();
        if lower.is_empty() {
            return vec![];
        }
        let in_pack = |replica: &Replica| -> Vec<(PackId, ItemId)> {
            replica
                .notes
                .keys()
                .filter(|id| id.to_string().starts_with(&lower))
                .map(|id| (replica.id(), *id))
                .collect()
        };
        let packs = self.packs.that_may_hold(&lower);
        let replicas = packs.iter().filter_map(|pack| self.packs.get(pack));
        replicas.flat_map(in_pack).collect()
    }

    /// One note in full.
    ///
    /// # Errors
    /// [`NodeError::NotFound`]; [`NodeError::Store`] if it does not open from disk.
    pub fn note(&mut self, pack: PackId, id: ItemId) -> Result<Note, NodeError> {
        let (_, sensitivity, built) = self.built_note(pack, id)?;
        let replica = self.packs.need(pack)?;
        let view = built.view();
        let record = &built.record;
        Ok(Note {
            id,
            pack,
            note_type: record.note_type.as_str().to_owned(),
            title: view.title,
            body: view.body,
            long_text_bytes: record.long.map(|long| long.bytes.into()),
            tags: view.tags.into_iter().collect(),
            source: NewSource {
                label: record.source.label.clone(),
                kind: Some(record.source.kind.as_str().to_owned()),
                uri: record.source.uri.clone(),
                app: record.source.app.clone(),
                author: record.source.author.clone(),
                locator: record.source.locator.clone(),
            },
            captured_by: record.source.captured_by.clone(),
            trust: record.source.trust.as_str().to_owned(),
            sensitivity,
            status: view.status.as_str().to_owned(),
            consent: view.consent,
            captured_at: record.source.captured_at,
            added_by: self.author(replica, built.steps.first().and_then(|step| step.by)),
            version: version(&built),
            edits: built.edits(),
            waiting: built.waiting,
            left_above: built.placed.above,
            hidden_below: built.placed.hidden_below(),
            shown_below: built.placed.shown_below().first().map(|(at, _, _)| *at),
            deleted: self.deletion(replica, &built)?,
        })
    }

    /// Changes a note; nothing if the edit changes nothing.
    ///
    /// # Errors
    /// [`NodeError::Stale`] if the edit names a state that is not known here; otherwise as
    /// [`Node::add_notes`].
    pub fn edit_note(
        &mut self,
        now: Timestamp,
        pack: PackId,
        id: ItemId,
        edit: &NoteEdit,
    ) -> Result<Option<Added>, NodeError> {
        let wanted = Edit {
            title: edit.title.clone(),
            body: edit.body.clone(),
            add_tags: edit.add_tags.iter().cloned().collect(),
            remove_tags: edit.remove_tags.iter().cloned().collect(),
            consent: edit.consent.clone(),
            ..Edit::default()
        };
        let seen = match &edit.seen {
            None => None,
            Some(text) => Some(parse_version(text).ok_or(NodeError::BadInput {
                field: "seen",
                reason: "is no version of a note".into(),
            })?),
        };
        let mut staged = Staged::default();
        let written = self.stage_edit(now, pack, id, &wanted, seen.as_deref(), &mut staged)?;
        let Some(sensitivity) = written.map(|(sensitivity, _)| sensitivity) else {
            return Ok(None);
        };
        self.remember(pack, &mut staged)?;
        self.commit(pack, staged)?;
        Ok(Some(Added {
            id,
            existing: true,
            sensitivity,
            audience: self.audience(pack, sensitivity),
        }))
    }

    /// Stages an edit of a note as it stands, or as its writer saw it, with no heads while nobody had
    /// edited it. Says where the note stands and
    /// which entry carries the edit; nothing, with nothing staged, if the edit changes nothing.
    pub(crate) fn stage_edit(
        &mut self,
        now: Timestamp,
        pack: PackId,
        id: ItemId,
        wanted: &Edit,
        seen: Option<&[ChangeHash]>,
        staged: &mut Staged,
    ) -> Result<Option<(Sensitivity, EntryHash)>, NodeError> {
        let (tag, sensitivity, mut built) = self.built_note(pack, id)?;
        if wanted.body.is_some() {
            must_be_short(&built, "can only be read")?;
        }
        let mut pen = self.pen(pack, sensitivity, true, staged)?;
        let mut document = built.open_document();
        if self.built.get(pack, tag).is_none() {
            self.built.keep(pack, tag, built.clone()); // or it would be derived again for the edit
        }
        let change = match seen {
            Some([]) => document.edit_at(&[document.base()], pen.log, wanted)?,
            Some(seen) => document.edit_at(seen, pen.log, wanted)?,
            None => {
                // Somebody may have left more loose ends than one change can tie up.
                while let Some(join) = document.join(pen.log)? {
                    document
                        .apply(&join.checked)
                        .map_err(|_| NodeError::Damaged("note"))?;
                    self.append_change(
                        now,
                        &mut pen,
                        tag,
                        &mut built,
                        &join,
                        TakesOver::default(),
                    )?;
                }
                document.edit(pen.log, wanted)?
            }
        };
        let Some(change) = change else {
            return Ok(None);
        };
        let none = TakesOver::default();
        self.append_change(now, &mut pen, tag, &mut built, &change, none)?;
        let entry = built.carriers.get(&change.hash).copied();
        self.put_down(pen, staged);
        Ok(Some((
            sensitivity,
            entry.ok_or(NodeError::Damaged("note"))?,
        )))
    }

    /// Appends the entry that carries a change of this device.
    pub(crate) fn append_change(
        &mut self,
        now: Timestamp,
        pen: &mut Pen,
        tag: ObjectTag,
        built: &mut BuiltNote,
        change: &NewChange,
        takes_over: TakesOver,
    ) -> Result<(), NodeError> {
        // One entry may carry several changes, if it is a move.
        let carriers: Option<BTreeSet<EntryHash>> = change
            .deps
            .iter()
            .map(|dep| built.carriers.get(dep).copied())
            .collect();
        let deps = carriers.ok_or(NodeError::Damaged("note"))?;
        let body = EntryBody::Change {
            change: change.bytes.clone(),
            at: now,
            takes_over,
        };
        let entry = self.append(
            pen,
            &Draft {
                kind: EntryKind::Edit,
                object: tag,
                deps,
                body: &body,
                item_key: &built.item_key,
            },
        )?;
        built.carriers.insert(change.hash, entry);
        Ok(())
    }

    /// Who can open notes of this sensitivity now.
    pub fn audience(&self, pack: PackId, sensitivity: Sensitivity) -> Vec<AudienceMember> {
        let Some(replica) = self.packs.get(&pack) else {
            return vec![];
        };
        let mut audience: Vec<AudienceMember> = replica
            .policy
            .members()
            .map(|member| AudienceMember {
                person: member.person,
                name: self.name_of(replica, member.person),
                is_me: member.person == self.me.person(),
                opens: replica.policy.may_open(&member.person, sensitivity),
            })
            .collect();
        audience.sort_by(|a, b| (!a.is_me, !a.opens, &a.name).cmp(&(!b.is_me, !b.opens, &b.name)));
        audience
    }

    pub(crate) fn author(&self, replica: &Replica, person: Option<PersonId>) -> String {
        person.map_or_else(
            || "unknown".to_owned(),
            |person| self.name_of(replica, person),
        )
    }

    /// A note put together, from memory if it is there; from then on it is.
    pub(crate) fn built_note(
        &mut self,
        pack: PackId,
        id: ItemId,
    ) -> Result<(ObjectTag, Sensitivity, BuiltNote), NodeError> {
        let (tag, sensitivity, built) = self.read_note(pack, id)?;
        if self.built.get(pack, tag).is_none() {
            self.built.keep(pack, tag, built.clone());
        }
        Ok((tag, sensitivity, built))
    }

    /// A note put together, from memory if it is there. Whoever reads many notes leaves the memory of
    /// them as it is.
    pub(crate) fn read_note(
        &self,
        pack: PackId,
        id: ItemId,
    ) -> Result<(ObjectTag, Sensitivity, BuiltNote), NodeError> {
        let replica = self.packs.need(pack)?;
        let tag = *replica.notes.get(&id).ok_or(NodeError::NotFound("note"))?;
        let sensitivity = replica
            .objects
            .get(&tag)
            .ok_or(NodeError::NotFound("note"))?
            .sensitivity;
        if !replica.policy.may_open(&self.me.person(), sensitivity)
            && replica.policy.member(&self.me.person()).is_some()
        {
            return Err(Denied::AboveClearance.into());
        }
        if let Some(known) = self.built.get(pack, tag) {
            return Ok((tag, sensitivity, known.clone()));
        }
        let built = match replica.placements.item(&tag) {
            None => build_note(replica, &self.store, tag, None, &mut vec![])?,
            Some(item) => {
                let me = self.me.person();
                let shown = Scope::Shown;
                match build_moved(replica, &self.store, me, item, shown, None, &mut vec![])? {
                    Built::Note(note) => Some(*note),
                    Built::Waiting | Built::Gone => None,
                }
            }
        };
        let built = built.ok_or(NodeError::Damaged("note"))?;
        Ok((tag, sensitivity, built))
    }
}

/// The version of every note that nobody edited: naming it by its derived first change would take that
/// long to derive.
const UNEDITED: &str = "unedited";

fn version(note: &BuiltNote) -> String {
    let edited = |document: &&NoteDocument| document.heads() != [document.base()];
    let Some(document) = note.document.as_ref().filter(edited) else {
        return UNEDITED.to_owned();
    };
    let name = |head: &ChangeHash| BASE32_NOPAD.encode(&head.0).to_ascii_lowercase();
    let names: Vec<String> = document.heads().iter().map(name).collect();
    names.join(".")
}

/// The heads that a version names; none if it is that of a note that nobody edited.
fn parse_version(text: &str) -> Option<Vec<ChangeHash>> {
    if text == UNEDITED {
        return Some(vec![]);
    }
    let name = |name: &str| {
        let bytes = BASE32_NOPAD
            .decode(name.to_ascii_uppercase().as_bytes())
            .ok()?;
        Some(ChangeHash(bytes.try_into().ok()?))
    };
    text.split('.').take(64).map(name).collect()
}
