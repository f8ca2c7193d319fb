//! Taking notes in: what somebody writes, and what comes from other systems.
//!
//! The notes of one call are made durable in one commit. What the device says itself, who took a note
//! in and how far it is trusted, is filled in here and never taken from the caller. A note that is here
//! already is left as it is; of an imported one, only a stricter consent is taken over.
//! Spec: `docs/spec/notes.md`, "The same again".

use crate::long_text::{parts_before, set_text};
use crate::replica::Staged;
use crate::twins::{Twin, Twins};
use crate::view::{Added, AudienceMember, NewNote, NewSource};
use crate::write::{Draft, Pen};
use crate::{Node, NodeError};
use kitbag_core::content::{EntryBody, EntryKind, TakesOver};
use kitbag_core::id::{ItemId, PackId, Timestamp};
use kitbag_core::pack::note::{
    Consent, LINKS_MAX, NoteType, Source, SourceKind, Status, Trust, item_id, object_tag,
};
use kitbag_core::pack::{Edit, Record};
use kitbag_core::policy::Sensitivity;
use kitbag_crypto::ItemKey;
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

/// A note to be taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    /// Its fields, with all of its text in the body, however long. Version, salt, when and by whom it
    /// was taken in are filled in; so is the trust of one that is imported.
    pub record: Record,
    /// When it was taken in, if not now.
    pub captured_at: Option<Timestamp>,
    /// Its sensitivity; the pack's default if absent.
    pub sensitivity: Option<Sensitivity>,
    /// A copy of it without its personal data, to be written beside it: its text, and where it shall
    /// stand. That it was made from the note, and how far it is trusted, is filled in.
    pub masked: Option<Box<(Record, Sensitivity)>>,
}

impl Incoming {
    /// A note at the pack's default sensitivity.
    pub fn new(record: Record) -> Incoming {
        Incoming {
            record,
            captured_at: None,
            sensitivity: None,
            masked: None,
        }
    }

    /// A note that somebody states by its words.
    ///
    /// # Errors
    /// [`NodeError::BadInput`] if one of them is none.
    pub fn stated(note: &NewNote) -> Result<Incoming, NodeError> {
        Ok(Incoming {
            sensitivity: note.sensitivity,
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
    /// The masked copy that was written beside it.
    pub masked: Option<(ItemId, Sensitivity)>,
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
        if notes.len() > CAPTURE_NOTES_MAX {
            return Err(NodeError::BadInput {
                field: "notes",
                reason: format!("at most {CAPTURE_NOTES_MAX} at once"),
            });
        }
        let stated: Vec<Option<Consent>> = notes
            .iter()
            .map(|note| note.record.consent.clone())
            .collect();
        let mut staged = Staged::default();
        let mut notes = self.stage_captured(now, pack, notes, &mut staged)?;
        self.keep_captured(pack, staged)?;
        for (outcome, stated) in notes.iter_mut().zip(stated) {
            let Ok(captured) = outcome else { continue };
            let known = matches!(captured.became, Became::Unchanged | Became::Deleted);
            if let (true, Some(id), Some(stated)) = (known, captured.id, stated) {
                match self.tighten_consent(now, pack, id, stated) {
                    Ok(true) if captured.became == Became::Unchanged => {
                        captured.became = Became::Updated;
                    }
                    Ok(_) => {}
                    Err(error) => *outcome = Err(error),
                }
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

    /// Where a note stands for which nobody says another sensitivity.
    ///
    /// # Errors
    /// [`NodeError::NotFound`].
    pub fn default_sensitivity(&self, pack: PackId) -> Result<Sensitivity, NodeError> {
        Ok(self.packs.need(pack)?.policy.default_sensitivity())
    }

    /// The record of a note that somebody states by its words, as it would be written.
    #[cfg(test)]
    pub(crate) fn record(&mut self, note: &NewNote, now: Timestamp) -> Result<Record, NodeError> {
        self.complete(stated(note)?, now)
            .map(|(record, _text)| record)
    }

    /// Fills in what this device says of a note itself; gives back its text too.
    fn complete(
        &mut self,
        mut record: Record,
        captured_at: Timestamp,
    ) -> Result<(Record, String), NodeError> {
        record.version = kitbag_core::pack::note::RECORD_VERSION;
        self.rng.fill_bytes(&mut record.salt);
        record.source.captured_at = captured_at;
        record.source.captured_by = format!("{} ({})", self.me.name, self.me.device_name);
        if record.import.is_some() {
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

    /// Stages the creates of those that are new, in their order.
    fn stage_captured(
        &mut self,
        now: Timestamp,
        pack: PackId,
        notes: Vec<Incoming>,
        staged: &mut Staged,
    ) -> Result<Vec<Result<Captured, NodeError>>, NodeError> {
        let replica = self.packs.need(pack)?;
        let default = replica.policy.default_sensitivity();
        let imported = notes.iter().any(|note| note.record.import.is_some());
        if imported && replica.twins.borrow().is_none() {
            let twins = Twins::of(replica, &self.store)?;
            *replica.twins.borrow_mut() = Some(twins);
        }
        let mut writing = Writing::default();
        let mut outcomes = Vec::with_capacity(notes.len());
        for note in notes {
            let sensitivity = note.sensitivity.unwrap_or(default);
            outcomes.push(
                match self.stage_one(now, pack, note, sensitivity, &mut writing, staged) {
                    Err(error @ (NodeError::Store(_) | NodeError::Damaged(_))) => {
                        return Err(error);
                    }
                    outcome => outcome,
                },
            );
        }
        for pen in writing.pens.into_values() {
            if pen.next_seq() > writing.began[&pen.opening.sensitivity] {
                self.put_down(pen, staged);
            }
        }
        Ok(outcomes)
    }

    fn stage_one(
        &mut self,
        now: Timestamp,
        pack: PackId,
        note: Incoming,
        sensitivity: Sensitivity,
        writing: &mut Writing,
        staged: &mut Staged,
    ) -> Result<Captured, NodeError> {
        let captured_at = note.captured_at.unwrap_or(now);
        let (record, text) = self.complete(note.record, captured_at)?;
        let fingerprint = *record.fingerprint().as_bytes();
        if let Some(known) = writing.known(&record, sensitivity, &fingerprint) {
            return Ok(known);
        }
        if let Some(known) = self.known(pack, &record, sensitivity, &fingerprint)? {
            return Ok(known);
        }
        let masked = match note.masked {
            None => None,
            Some(masked) => {
                let (mut copy, at) = *masked;
                copy.import = None; // it is the original that is known again
                copy.source.trust = record.source.trust;
                Some((self.complete(copy, captured_at)?, at))
            }
        };
        // Neither is written if one of them may not be.
        self.open_pen(pack, sensitivity, writing, staged)?;
        if let Some((_, at)) = &masked {
            self.open_pen(pack, *at, writing, staged)?;
        }
        let id = self.create(now, pack, (record, text), sensitivity, writing)?;
        writing.written.push((fingerprint, id, sensitivity));
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
        Ok(Captured {
            id: Some(id),
            sensitivity: Some(sensitivity),
            became: Became::Added,
            masked,
        })
    }

    fn open_pen(
        &mut self,
        pack: PackId,
        sensitivity: Sensitivity,
        writing: &mut Writing,
        staged: &mut Staged,
    ) -> Result<(), NodeError> {
        if !writing.pens.contains_key(&sensitivity) {
            let pen = self.pen(pack, sensitivity, true, staged)?;
            writing.began.insert(sensitivity, pen.next_seq());
            writing.pens.insert(sensitivity, pen);
        }
        Ok(())
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
        let pen = writing.pens.get_mut(&sensitivity);
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
        let found = match replica.twins.borrow().as_ref() {
            Some(twins) => twins.find(replica, fingerprint),
            None => Twins::scan(replica, fingerprint),
        };
        let imported = record.import.is_some();
        // Somebody who writes the same again, elsewhere or after it was changed, means a new note.
        let same = |twin: &Twin| match twin {
            Twin::Here {
                sensitivity,
                edited,
                ..
            } => imported || (*sensitivity == wanted && !*edited),
            Twin::Above => imported,
        };
        let twin = found.into_iter().find(same);
        Ok(twin.map(|twin| match twin {
            Twin::Here {
                item,
                sensitivity,
                deleted,
                ..
            } => Captured {
                id: Some(item),
                sensitivity: Some(sensitivity),
                became: if deleted {
                    Became::Deleted
                } else {
                    Became::Unchanged
                },
                masked: None,
            },
            Twin::Above => Captured {
                id: None,
                sensitivity: None,
                became: Became::Above,
                masked: None,
            },
        }))
    }

    fn keep_captured(&mut self, pack: PackId, mut staged: Staged) -> Result<(), NodeError> {
        if staged.is_empty() {
            return Ok(());
        }
        self.remember(pack, &mut staged)?;
        self.commit(pack, staged)?;
        Ok(())
    }

    /// Makes a note's consent as strict as somebody states it; says whether it was not.
    fn tighten_consent(
        &mut self,
        now: Timestamp,
        pack: PackId,
        id: ItemId,
        stated: Consent,
    ) -> Result<bool, NodeError> {
        let (_, _, built) = self.read_note(pack, id)?;
        let stands = built.view().consent;
        let strictest = Consent::strictest(stands.iter().cloned().chain([stated]));
        if strictest == stands {
            return Ok(false);
        }
        let edit = Edit {
            consent: strictest,
            ..Edit::default()
        };
        let mut staged = Staged::default();
        let written = self.stage_edit(now, pack, id, &edit, None, &mut staged)?;
        self.keep_captured(pack, staged)?;
        Ok(written.is_some())
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
        observed_at: None,
        captured_by: String::new(),
        trust: trust_of(&note.source),
    };
    let mut record = Record::new([0; 16], note_type, source);
    record.title = note.title.clone();
    record.body = note.body.clone();
    record.tags = note.tags.iter().cloned().collect();
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
    pens: BTreeMap<Sensitivity, Pen>,
    /// Where each of them began.
    began: BTreeMap<Sensitivity, u64>,
    /// Notes that are new in this call.
    written: Vec<([u8; 32], ItemId, Sensitivity)>,
}

impl Writing {
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
        Some(Captured {
            id: Some(*id),
            sensitivity: Some(*at),
            became: Became::Unchanged,
            masked: None,
        })
    }
}
