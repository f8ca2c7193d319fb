//! Notes: added, listed, shown, edited, with their history.

use crate::error::Denied;
use crate::long_text::{must_be_short, parts_before, set_text};
use crate::objects::{BuiltNote, NoteMeta, ObjectState, build_note};
use crate::placement::{Built, Scope, build_moved};
use crate::replica::{Replica, Staged};
use crate::view::{Added, AudienceMember, NewNote, NewSource, Note, NoteEdit, NoteSummary};
use crate::write::{Draft, Pen};
use crate::{Node, NodeError};
use data_encoding::BASE32_NOPAD;
use kitbag_core::content::{EntryBody, EntryKind, TakesOver};
use kitbag_core::id::{EntryHash, ItemId, ObjectTag, PackId, PersonId, Timestamp};
use kitbag_core::pack::note::{NoteType, Source, SourceKind, Trust, item_id, object_tag};
use kitbag_core::pack::{ChangeHash, Edit, NewChange, NoteDocument, Record};
use kitbag_core::policy::Sensitivity;
use kitbag_crypto::ItemKey;
use std::collections::BTreeSet;
use std::str::FromStr;

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
        let replica = self.packs.need(pack)?;
        let default = replica.default_sensitivity();
        let mut checked = Vec::new();
        for note in notes {
            checked.push((note.sensitivity.unwrap_or(default), self.record(note, now)?));
        }
        let mut added: Vec<Option<Added>> = vec![None; checked.len()];
        let mut staged = Staged::default();
        let wanted: BTreeSet<Sensitivity> = checked
            .iter()
            .map(|(sensitivity, _)| *sensitivity)
            .collect();
        for sensitivity in wanted {
            self.add_at(
                now,
                pack,
                sensitivity,
                (notes, &checked),
                &mut added,
                &mut staged,
            )?;
        }
        if !staged.is_empty() {
            self.remember(pack, &mut staged)?;
            self.commit(pack, staged)?;
        }
        Ok(added
            .into_iter()
            .flatten()
            .map(|mut added| {
                added.audience = self.audience(pack, added.sensitivity);
                added
            })
            .collect())
    }

    fn add_at(
        &mut self,
        now: Timestamp,
        pack: PackId,
        sensitivity: Sensitivity,
        (notes, checked): (&[NewNote], &[(Sensitivity, Record)]),
        added: &mut [Option<Added>],
        staged: &mut Staged,
    ) -> Result<(), NodeError> {
        let mut pen = self.pen(pack, sensitivity, true, staged)?;
        let before = pen.next_seq();
        let mut written: Vec<([u8; 32], ItemId)> = Vec::new();
        for (at, (_, record)) in checked
            .iter()
            .enumerate()
            .filter(|(_, (s, _))| *s == sensitivity)
        {
            let fingerprint = *record.fingerprint().as_bytes();
            let twin = written
                .iter()
                .find(|(known, _)| *known == fingerprint)
                .map(|(_, id)| *id);
            if let Some(id) = twin.or_else(|| self.twin_of(pack, sensitivity, fingerprint)) {
                added[at] = Some(Added {
                    id,
                    existing: true,
                    sensitivity,
                    audience: vec![],
                });
                continue;
            }
            let seq = pen.next_seq() + parts_before(record);
            let id = item_id(pen.log, seq, &record.salt);
            let tag = object_tag(pack, id, sensitivity, 0);
            let item_key = ItemKey::generate(&mut *self.rng);
            let parts = match record.long {
                None => BTreeSet::new(),
                Some(_) => self.append_parts(&mut pen, tag, &item_key, &notes[at].body)?,
            };
            let body = EntryBody::Create {
                record: record.clone(),
                at: now,
                takes_over: TakesOver::default(),
            };
            self.append(
                &mut pen,
                &Draft {
                    kind: EntryKind::Create,
                    object: tag,
                    deps: parts,
                    body: &body,
                    item_key: &item_key,
                },
            )?;
            written.push((fingerprint, id));
            added[at] = Some(Added {
                id,
                existing: false,
                sensitivity,
                audience: vec![],
            });
        }
        if pen.next_seq() > before {
            self.put_down(pen, staged);
        }
        Ok(())
    }

    fn twin_of(
        &self,
        pack: PackId,
        sensitivity: Sensitivity,
        fingerprint: [u8; 32],
    ) -> Option<ItemId> {
        let replica = self.packs.get(&pack)?;
        let twin = |meta: &&NoteMeta| {
            meta.fingerprint == fingerprint && meta.edits == 0 && meta.status == "active"
        };
        let metas = replica
            .objects
            .values()
            .filter(|object| object.sensitivity == sensitivity)
            .filter_map(|object| match &object.state {
                ObjectState::Note(meta) => Some(meta),
                _ => None,
            });
        metas.into_iter().find(twin).map(|meta| meta.item)
    }

    pub(crate) fn record(&mut self, note: &NewNote, now: Timestamp) -> Result<Record, NodeError> {
        let mut salt = [0u8; 16];
        self.rng.fill_bytes(&mut salt);
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
            captured_at: now,
            observed_at: None,
            captured_by: format!("{} ({})", self.me.name, self.me.device_name),
            trust: trust_of(&note.source),
        };
        let mut record = Record::new(salt, note_type, source);
        record.title = note.title.clone();
        set_text(&mut record, &note.body)?;
        record.tags = note.tags.iter().cloned().collect();
        record.consent = note.consent.clone();
        if record.title.trim().is_empty() && record.body.trim().is_empty() {
            return Err(NodeError::BadInput {
                field: "body",
                reason: "a note needs a title or a body".into(),
            });
        }
        record.check()?;
        Ok(record)
    }

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
