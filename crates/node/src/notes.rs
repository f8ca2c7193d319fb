//! Notes: listed, shown, edited.

use crate::error::Denied;
use crate::long_text::must_be_short;
use crate::objects::{BuiltNote, build_note};
use crate::pairs::Links;
use crate::pens::Pens;
use crate::placement::{Built, Scope, build_moved};
use crate::replica::{Replica, Staged};
use crate::stated_elsewhere::allows_less;
use crate::view::{
    Added, AudienceMember, EditedNote, Elsewhere, Linked, NewSource, Note, NoteEdit, NoteSummary,
    StatedElsewhere,
};
use crate::write::{Draft, Pen};
use crate::{Node, NodeError};
use data_encoding::BASE32_NOPAD;
use kitbag_core::content::{EntryBody, EntryKind, TakesOver};
use kitbag_core::id::{EntryHash, ItemId, ObjectTag, PackId, PersonId, Timestamp};
use kitbag_core::pack::note::{Consent, ConsentStatus, Pii, Status};
use kitbag_core::pack::{ChangeHash, Edit, FieldEdit, NewChange, NoteDocument};
use kitbag_core::policy::Sensitivity;
use std::cmp::Reverse;
use std::collections::BTreeSet;

impl Node {
    /// A pack's notes, oldest first: by when they were captured, then the most sensitive first, then by
    /// their number in their author's log, then by id. All that is in the notes themselves, so it is the
    /// same everywhere.
    ///
    /// # Errors
    /// [`NodeError::NotFound`].
    pub fn notes(&self, pack: PackId) -> Result<Vec<NoteSummary>, NodeError> {
        let replica = self.packs.need(pack)?;
        let links = Links::of(replica);
        let mut notes: Vec<_> = replica
            .in_sight()
            .map(|(meta, sensitivity)| {
                (
                    (meta.captured_at, Reverse(sensitivity), meta.seq, meta.item),
                    NoteSummary {
                        id: meta.item,
                        title: meta.title.clone(),
                        sensitivity,
                        source: meta.source.clone(),
                        status: meta.status.to_owned(),
                        edited: meta.edits > 0,
                        derived_from: meta.derived_from.iter().copied().collect(),
                        masked_copies: links.copies(&meta.item).to_vec(),
                        masked_copy_of: links.originals(&meta.item).to_vec(),
                        pii: meta.pii.iter().copied().collect(),
                        superseded_by: replica.readable(&meta.superseded_by),
                        pinned: meta.pinned,
                    },
                )
            })
            .collect();
        notes.sort_unstable_by_key(|(order, _)| *order);
        Ok(notes.into_iter().map(|(_, note)| note).collect())
    }

    /// Notes in sight whose id begins with this text, in all packs. A whole id finds its note wherever it
    /// is, so that whoever has it hears why it does not open.
    pub fn notes_called(&self, prefix: &str) -> Vec<(PackId, ItemId)> {
        let lower = prefix.to_ascii_lowercase();
        if lower.is_empty() {
            return vec![];
        }
        let in_pack = |replica: &Replica| -> Vec<(PackId, ItemId)> {
            let sight = replica.sight();
            let is_seen = |tag| {
                let object = replica.objects.get(tag);
                object.is_some_and(|object| sight[object.sensitivity as usize])
            };
            let called = replica.notes.iter().filter(|(id, tag)| {
                let id = id.to_string();
                id.starts_with(&lower) && (id == lower || is_seen(*tag))
            });
            called.map(|(id, _)| (replica.id(), *id)).collect()
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
        let (source, redacted) = (built.source(&view), view.is_redacted());
        let supersedes = replica.replaced_by(&id);
        Ok(Note {
            id,
            pack,
            derived_from: record.derived_from.iter().copied().collect(),
            masked_copies: replica.all_linked(&replica.copies_of(&id)),
            masked_copy_of: replica.all_linked(&replica.originals_of(&id)),
            pii: built.pii(&view).into_iter().collect(),
            supersedes: supersedes.union(&record.supersedes).copied().collect(),
            superseded_by: replica.readable(&view.superseded_by),
            redacted: self.redaction(replica, &built)?,
            pinned: view.pinned,
            claim: built.claim(&view),
            valid_from: view.valid_from,
            valid_to: view.valid_to,
            review_after: view.review_after,
            expires_at: view.expires_at,
            note_type: built.note_type(&view).as_str().to_owned(),
            title: view.title,
            body: view.body,
            long_text_bytes: record
                .long
                .filter(|_| !redacted)
                .map(|long| long.bytes.into()),
            tags: view.tags.into_iter().collect(),
            source: NewSource {
                label: source.label,
                kind: Some(source.kind.as_str().to_owned()),
                uri: source.uri,
                app: source.app,
                author: source.author,
                locator: source.locator,
                observed_at: record.source.observed_at,
            },
            produced_by: record.produced_by.clone().filter(|_| !redacted),
            confidence: record.confidence,
            captured_by: record.source.captured_by.clone(),
            trust: record.source.trust.as_str().to_owned(),
            sensitivity,
            status: view.status.as_str().to_owned(),
            consent: view.consent,
            captured_at: record.source.captured_at,
            added_by: self.author(replica, built.added_by()),
            version: version(&built),
            edits: built.edits(),
            waiting: built.waiting,
            left_above: built.placed.above,
            hidden_below: built.placed.hidden_below(),
            shown_below: built.placed.shown_below().first().map(|(at, _, _)| *at),
            merged: self.merged_places(replica, &built),
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
    ) -> Result<Option<EditedNote>, NodeError> {
        let (_, _, built) = self.built_note(pack, id)?;
        let wanted = wanted(&built, edit)?;
        let seen = match &edit.seen {
            None => None,
            Some(text) => Some(parse_version(text).ok_or(NodeError::BadInput {
                field: "seen",
                reason: "is no version of a note".into(),
            })?),
        };
        let (mut staged, mut pens) = (Staged::default(), Pens::default());
        let seen = seen.as_deref();
        let written = self.stage_edit_with(now, pack, id, &wanted, seen, &mut pens, &mut staged)?;
        let mut copies = Vec::new();
        if let Some(stated) = edit.consent_of_copies.as_ref().or(edit.consent.as_ref()) {
            for copy in self.packs.need(pack)?.copies_of(&id) {
                let (_, _, built) = self.built_note(pack, copy)?;
                let Some(edit) = tightened(&built, stated, true) else {
                    continue;
                };
                self.stage_edit_with(now, pack, copy, &edit, None, &mut pens, &mut staged)?;
                copies.push(copy);
            }
        }
        let is_written = written.is_some() || !copies.is_empty();
        if is_written {
            self.put_down_all(pens, &mut staged);
            self.remember(pack, &mut staged)?;
            self.commit(pack, staged)?;
        }
        // From here on it is written: what is told of others undoes nothing of it.
        let (stricter, elsewhere) = match &wanted.consent {
            Some(stated) => {
                let of_copies = edit.consent_of_copies.as_ref().unwrap_or(stated);
                let stricter = self.stricter_copies(pack, id, of_copies)?;
                (
                    stricter,
                    self.state_elsewhere(now, pack, id, stated, of_copies)?,
                )
            }
            None => (vec![], vec![]),
        };
        let is_news = |other: &StatedElsewhere| other.became != Elsewhere::Stricter;
        if !is_written && !elsewhere.iter().any(is_news) {
            return Ok(None);
        }
        let sensitivity = built.sensitivity;
        Ok(Some(EditedNote {
            note: Added {
                id,
                existing: true,
                sensitivity,
                audience: self.audience(pack, sensitivity),
            },
            copies: self.packs.need(pack)?.all_linked(&copies),
            stricter,
            elsewhere,
        }))
    }

    /// Masked copies of a note that stand under a stricter consent than a statement.
    fn stricter_copies(
        &self,
        pack: PackId,
        id: ItemId,
        stated: &Consent,
    ) -> Result<Vec<Linked>, NodeError> {
        let replica = self.packs.need(pack)?;
        let mut stricter = Vec::new();
        for copy in replica.copies_of(&id) {
            let (_, _, built) = self.read_note(pack, copy)?;
            let stands = built.whole_view().consent;
            if allows_less(stands.as_ref(), stated) {
                stricter.extend(replica.linked(&copy));
            }
        }
        Ok(stricter)
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
        let mut pens = Pens::default();
        let written = self.stage_edit_with(now, pack, id, wanted, seen, &mut pens, staged)?;
        if written.is_some() {
            self.put_down_all(pens, staged);
        }
        Ok(written)
    }

    /// The same, in a step that writes to other notes too. A note is edited once in a step.
    #[expect(clippy::too_many_arguments, reason = "one step of several")]
    pub(crate) fn stage_edit_with(
        &mut self,
        now: Timestamp,
        pack: PackId,
        id: ItemId,
        wanted: &Edit,
        seen: Option<&[ChangeHash]>,
        pens: &mut Pens,
        staged: &mut Staged,
    ) -> Result<Option<(Sensitivity, EntryHash)>, NodeError> {
        let (tag, sensitivity, mut built) = self.built_note(pack, id)?;
        if wanted.body.is_some() {
            must_be_short(&built, "can only be read")?;
        }
        self.open_pen(pack, sensitivity, pens, staged)?;
        let (mut pen, began) = pens.take(sensitivity).ok_or(NodeError::Damaged("log"))?;
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
            pens.put_back(sensitivity, (pen, began));
            return Ok(None);
        };
        let none = TakesOver::default();
        self.append_change(now, &mut pen, tag, &mut built, &change, none)?;
        let entry = built.carriers.get(&change.hash).copied();
        pens.put_back(sensitivity, (pen, began));
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
        if !replica.sees(sensitivity) {
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

/// The edit that somebody asks for, of a note as it stands.
fn wanted(built: &BuiltNote, edit: &NoteEdit) -> Result<Edit, NodeError> {
    let view = built.view();
    let only_consent = NoteEdit {
        consent: edit.consent.clone(),
        consent_of_copies: edit.consent_of_copies.clone(),
        seen: edit.seen.clone(),
        ..NoteEdit::default()
    };
    if view.is_redacted() && *edit != only_consent {
        return Err(NodeError::BadInput {
            field: "note",
            reason: "it is redacted: only its consent can be stated anew".into(),
        });
    }
    if edit.reactivate && view.status.is_deleted() {
        return Err(NodeError::BadInput {
            field: "status",
            reason: "it is deleted; restore it instead".into(),
        });
    }
    let is_new = |found: &BTreeSet<Pii>| !found.is_subset(&built.pii(&view));
    Ok(Edit {
        title: edit.title.clone(),
        body: edit.body.clone(),
        add_tags: edit.add_tags.iter().cloned().collect(),
        remove_tags: edit.remove_tags.iter().cloned().collect(),
        consent: edit
            .consent
            .clone()
            .map(|stated| restated(view.consent.as_ref(), stated)),
        pinned: edit.pinned,
        valid_from: edit.valid_from,
        valid_to: edit.valid_to,
        review_after: edit.review_after,
        expires_at: edit.expires_at,
        note_type: match edit.note_type {
            Some(word) if word != built.note_type(&view) => FieldEdit::Set(word),
            _ => FieldEdit::Keep,
        },
        claim: match edit.claim {
            Some(word) if Some(word) != built.claim(&view) => FieldEdit::Set(word),
            _ => FieldEdit::Keep,
        },
        pii: match is_new(&edit.found) {
            true => FieldEdit::Set(view.pii.union(&edit.found).copied().collect()),
            false => FieldEdit::Keep,
        },
        status: (edit.reactivate && view.status != Status::Active).then_some(Status::Active),
        superseded_by: match edit.reactivate && !view.superseded_by.is_empty() {
            true => FieldEdit::Clear,
            false => FieldEdit::Keep,
        },
        redacted: FieldEdit::Keep,
    })
}

/// A statement in the place of another: what it does not say of whom it is about, what shows it and, unless
/// it allows all anew, for what, stays. One that takes a consent back keeps when that was given.
fn restated(stands: Option<&Consent>, mut stated: Consent) -> Consent {
    let Some(stands) = stands.cloned() else {
        return stated;
    };
    stated.subject = stated.subject.or(stands.subject);
    stated.evidence = stated.evidence.or(stands.evidence);
    if stated.status > ConsentStatus::Limited {
        stated.given_at = stated.given_at.or(stands.given_at);
    }
    let allows_all = [ConsentStatus::NotRequired, ConsentStatus::Granted].contains(&stated.status);
    if stated.purposes.is_empty() && !allows_all {
        stated.purposes = stands.purposes;
    }
    stated
}

/// The edit that makes a note's consent as strict as a statement; none if it is. What a masked copy
/// leaves out of a consent does not come into it by this way.
pub(crate) fn tightened(built: &BuiltNote, stated: &Consent, is_copy: bool) -> Option<Edit> {
    let stands = built.whole_view().consent;
    if stands.is_none() && stated.status == ConsentStatus::NotRequired {
        return None; // the one allows as much as the other
    }
    let mut stated = stated.clone();
    let says = |of: fn(&Consent) -> bool| !is_copy && stands.as_ref().is_none_or(of);
    stated.subject = stated.subject.filter(|_| says(|c| c.subject.is_some()));
    stated.evidence = stated.evidence.filter(|_| says(|c| c.evidence.is_some()));
    let strictest = Consent::strictest(stands.iter().cloned().chain([stated]));
    let strictest = strictest.map(|strictest| Consent {
        subject: strictest
            .subject
            .or(stands.as_ref().and_then(|c| c.subject.clone())),
        evidence: strictest
            .evidence
            .or(stands.as_ref().and_then(|c| c.evidence.clone())),
        ..strictest
    });
    let same = |a: &Option<Consent>, b: &Option<Consent>| match (a, b) {
        (Some(a), Some(b)) => {
            (a.status, &a.purposes, a.expires_at) == (b.status, &b.purposes, b.expires_at)
        }
        _ => a == b,
    };
    (!same(&strictest, &stands)).then(|| Edit {
        consent: strictest,
        ..Edit::default()
    })
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
