//! Moving and copying notes into another pack.
//!
//! Two packs have no common transaction: the copy is durable in the other pack before anything is deleted
//! here, so a crash between leaves both, and doing it again finds the copy and finishes. What may go is
//! decided like everything that leaves ([`kitbag_core::release`]).
//! Spec: `docs/spec/notes.md`, "Into another pack".

use crate::capturing::{Incoming, consent_of_place};
use crate::error::Denied;
use crate::finding::ReadNote;
use crate::long_text::set_text;
use crate::made_from::Crossing;
use crate::notes::tightened;
use crate::objects::NoteMeta;
use crate::pens::Pens;
use crate::relabel::own_grant;
use crate::release::into_pack;
use crate::replica::Staged;
use crate::twins::Twin;
use crate::view::{AudienceMember, Linked};
use crate::{Node, NodeError};
use kitbag_core::codec;
use kitbag_core::id::{ItemId, PackId, Timestamp};
use kitbag_core::pack::Edit;
use kitbag_core::pack::Record;
use kitbag_core::pack::note::{Status, Trust};
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_core::release::{Verdict, crosses, decide};
use minicbor::{Decode, Encode};

/// What becomes of the note in its own pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carry {
    /// It is deleted.
    Move,
    /// It stays.
    Copy,
}

/// Where a note goes, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CarryOptions {
    /// The other pack.
    pub to: PackId,
    /// Whether it stays here.
    pub carry: Carry,
    /// Its sensitivity there; not below its own, if absent.
    pub sensitivity: Option<Sensitivity>,
    /// What for; consents are asked for it.
    pub purpose: Option<String>,
    /// Whether a person said that it may cross from one client to another.
    pub across_clients: bool,
}

impl CarryOptions {
    fn crossing(&self) -> Crossing {
        Crossing {
            purpose: self.purpose.clone(),
            across_clients: self.across_clients,
            is_asked: false,
        }
    }
}

/// A note that went into another pack, or would.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    /// The note as it is here.
    pub note: Linked,
    /// Its masked copy that goes along.
    pub along: Option<Linked>,
    /// The note there; none if it is only planned and new.
    pub written: Option<ItemId>,
    /// Its sensitivity there.
    pub sensitivity: Sensitivity,
    /// Whether it was there already.
    pub existing: bool,
    /// The masked copy that was written there.
    pub masked: Option<(ItemId, Sensitivity)>,
    /// Whether it is less sensitive there than here.
    pub lowers: bool,
    /// Whether it crosses from one client to another, because a person said that it may.
    pub crosses_clients: bool,
    /// What could not be done any more after it was written, in a sentence.
    pub left: Option<String>,
    /// Every member of the other pack, and whether they can open it there.
    pub audience: Vec<AudienceMember>,
    /// The same for the masked copy.
    pub audience_of_copy: Vec<AudienceMember>,
}

/// What is needed to take a move back.
#[derive(Debug, Encode, Decode)]
#[cbor(map)]
struct Moved {
    #[n(0)]
    at: Timestamp,
    #[n(1)]
    to: PackId,
    #[n(2)]
    notes: Vec<ItemId>,
}

const MOVED_BYTES_MAX: usize = 256;

fn moved_from(pack: PackId, note: ItemId) -> String {
    format!("moved/{pack}/{note}")
}

impl Node {
    /// Moves or copies a note into another pack, with its masked copy. With `plan` only says what that
    /// would do.
    ///
    /// # Errors
    /// [`NodeError::NotFound`]; [`NodeError::Denied`] if the rules of the pack, a consent or the wall
    /// between clients keep it in, if this person may not write there (or here, to move it), or if
    /// somebody who is no admin would make it less sensitive; [`NodeError::BadInput`] if it was there and
    /// is deleted.
    pub fn carry(
        &mut self,
        now: Timestamp,
        pack: PackId,
        id: ItemId,
        options: &CarryOptions,
        plan: bool,
    ) -> Result<Carried, NodeError> {
        if options.to == pack {
            return Err(NodeError::BadInput {
                field: "to",
                reason: "it is in this pack already".into(),
            });
        }
        let read = self.note_to_read(pack, id)?;
        let read = read.ok_or(NodeError::NotFound("note"))?;
        let copy = self.copy_that_goes(pack, id)?;
        let crosses_clients = self.may_carry(now, &read, options)?;
        if let Some(copy) = &copy {
            self.may_carry(now, copy, options)?;
        }
        let sensitivity = self.sensitivity_there(&read, options)?;
        self.keeps_rules(&read, options.to, sensitivity)?;
        let default = self.packs.need(options.to)?.default_sensitivity();
        let copy_at =
            |copy: &ReadNote| default.map_or(copy.sensitivity, |d| d.max(copy.sensitivity));
        // Nobody there who reads the copy could not read the note.
        let copy = copy.filter(|copy| copy_at(copy) < sensitivity);
        let masked = copy.as_ref().map(|copy| (copy, copy_at(copy)));
        self.may_write(options.to, sensitivity)?;
        if let Some((copy, at)) = masked {
            self.keeps_rules(copy, options.to, at)?;
            self.may_write(options.to, at)?;
        }
        let replica = self.packs.need(pack)?;
        let linked = |id| replica.linked(&id).ok_or(NodeError::NotFound("note"));
        let note = linked(id)?;
        let along = copy.as_ref().map(|copy| linked(copy.built.item));
        let along = along.transpose()?;
        let here: Vec<(ItemId, Sensitivity)> = [Some(&note), along.as_ref()]
            .into_iter()
            .flatten()
            .map(|linked| (linked.id, linked.sensitivity))
            .collect();
        if options.carry == Carry::Move {
            for (_, sensitivity) in &here {
                self.may_write(pack, *sensitivity)?;
            }
        }
        let lowers = sensitivity < read.sensitivity;
        let incoming = self.incoming(&read, sensitivity, masked, options)?;
        let known = self.carried_before(options.to, &incoming, id)?;
        let copy_sensitivity = masked.map(|(_, at)| at);
        let (existing, mut there) = (known.is_some(), known);
        let (mut written_copy, mut left) = (None, None);
        if !plan && there.is_none() {
            let consent = consent_of_place(&incoming);
            let mut staged = Staged::default();
            let captured = self.stage_captured(now, options.to, vec![incoming], &mut staged)?;
            let captured = captured.into_iter().next();
            let captured = captured.ok_or(NodeError::Damaged("note"))??;
            self.keep_captured(options.to, staged)?;
            there = captured.id.zip(captured.sensitivity);
            written_copy = captured.masked;
            // From here on it is written: what fails is told, and undoes nothing of it.
            if let Some((key, stated, of_copy)) = consent {
                let tightened = self.tighten_consents(now, options.to, key, &stated, &of_copy);
                left = tightened.err().map(|why| {
                    format!(
                        "its consent was not stated for what else is there from its place: {why}"
                    )
                });
            }
        }
        if !plan && options.carry == Carry::Move {
            // What was there before stays there when the move is taken back.
            let new = there.filter(|_| !existing).map(|(item, _)| item);
            let copies = written_copy.map(|(copy, _)| copy);
            let notes = new.into_iter().chain(copies).collect();
            self.put_away(now, pack, &here, options.to, notes)?;
        }
        let sensitivity = there.map_or(sensitivity, |(_, at)| at);
        let at_copy = written_copy.map(|(_, at)| at).or(copy_sensitivity);
        Ok(Carried {
            note,
            along,
            written: there.map(|(item, _)| item),
            sensitivity,
            existing,
            masked: written_copy,
            lowers,
            crosses_clients,
            left,
            audience: self.audience(options.to, sensitivity),
            audience_of_copy: at_copy.map_or_else(Vec::new, |at| self.audience(options.to, at)),
        })
    }

    /// The masked copy that goes along with a note: none if it has none that is not deleted.
    fn copy_that_goes(&self, pack: PackId, id: ItemId) -> Result<Option<ReadNote>, NodeError> {
        for copy in self.packs.need(pack)?.copies_of(&id) {
            let Some(read) = self.note_to_read(pack, copy)? else {
                continue;
            };
            if read.view.status == Status::DELETED {
                continue;
            }
            let kinds = read.built.pii(&read.view);
            if kinds.is_empty() || read.view.is_redacted() {
                return Ok(Some(read));
            }
            // There it would stand as a copy without personal data, which it is not any more.
            let kinds: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
            return Err(NodeError::BadInput {
                field: "masked copy",
                reason: format!(
                    "{copy} holds personal data since it was edited ({}), so it cannot go along; take \
                     that back (kitbag undo {copy}), or delete it (kitbag delete --only {copy})",
                    kinds.join(", ").replace('_', " ")
                ),
            });
        }
        Ok(None)
    }

    /// Whether a note may go into the other pack; says whether it crosses clients then.
    fn may_carry(
        &self,
        now: Timestamp,
        note: &ReadNote,
        options: &CarryOptions,
    ) -> Result<bool, NodeError> {
        let rules = self.packs.need(note.pack)?.release_rules();
        let crossing = options.crossing();
        let request = into_pack(self, (note.pack, options.to), &crossing)?;
        match decide(&request, note.facts(&note.kinds()), rules, now) {
            Verdict::Allowed => Ok(rules.is_ok_and(|rules| crosses(&request, rules))),
            Verdict::Withheld(why) => Err(Denied::Release(why).into()),
        }
    }

    /// Refuses what would leave the other pack by a way that the rules of its own do not let it.
    fn keeps_rules(&self, note: &ReadNote, to: PackId, at: Sensitivity) -> Result<(), NodeError> {
        let lost = self.lost_rule(note, to, at)?;
        lost.map_or(Ok(()), |why| Err(Denied::Release(why).into()))
    }

    /// Its sensitivity there: what was asked for, if this person may lower it so far; otherwise its own,
    /// and no less than what a note there is if nobody says.
    fn sensitivity_there(
        &self,
        note: &ReadNote,
        options: &CarryOptions,
    ) -> Result<Sensitivity, NodeError> {
        let own = note.sensitivity;
        match options.sensitivity {
            Some(wanted) if wanted < own => {
                let replica = self.packs.need(note.pack)?;
                own_grant(replica, self.me.person(), own, wanted, Role::Admin)?;
                Ok(wanted)
            }
            Some(wanted) => Ok(wanted),
            None => match self.packs.need(options.to)?.default_sensitivity() {
                Ok(default) => Ok(default.max(own)),
                Err(why) => Err(Denied::RulesUnreadable(why).into()),
            },
        }
    }

    /// Refuses what this person may not write, before anything is written.
    fn may_write(&mut self, pack: PackId, sensitivity: Sensitivity) -> Result<(), NodeError> {
        self.pen(pack, sensitivity, true, &mut Staged::plan())?;
        Ok(())
    }

    /// The note as it is written there: as it stands here, derived from what it is here.
    fn incoming(
        &self,
        note: &ReadNote,
        sensitivity: Sensitivity,
        masked: Option<(&ReadNote, Sensitivity)>,
        options: &CarryOptions,
    ) -> Result<Incoming, NodeError> {
        let record = |note: &ReadNote| {
            let (built, view) = (&note.built, &note.view);
            let mut record = built.record.clone();
            record.long = None; // its text is told whole
            record.title = view.title.clone();
            record.body = view.body.clone();
            record.tags = view.tags.clone();
            record.status = view.status;
            record.pinned = view.pinned;
            record.consent = view.consent.clone();
            record.valid_from = view.valid_from;
            record.valid_to = view.valid_to;
            record.review_after = view.review_after;
            record.expires_at = view.expires_at;
            record.note_type = built.note_type(view);
            record.claim = built.claim(view);
            record.derived_from = [built.item].into();
            record.supersedes.clear(); // notes of the pack that it leaves
            if built
                .steps
                .iter()
                .any(|step| step.by != Some(self.me.person()))
            {
                record.source.trust = record.source.trust.max(Trust::ThirdParty);
            }
            record
        };
        let mut original = record(note);
        // Its key tells of the text that it came with, which may not be in it any more, or whom to tell.
        let built = &note.built.record;
        let is_as_it_came = (&built.title, &built.body) == (&original.title, &original.body);
        if sensitivity < note.sensitivity || !is_as_it_came {
            original.import = None;
        }
        original.pii = note.built.pii(&note.view);
        let masked = masked.map(|(copy, at)| {
            let kinds = copy.built.pii(&copy.view);
            let mut copy = record(copy);
            copy.pii = kinds;
            copy.derived_from.clear(); // of the new original, and of nothing else
            Box::new((copy, Some(at)))
        });
        Ok(Incoming {
            sensitivity: Some(sensitivity),
            captured_at: Some(note.built.record.source.captured_at),
            masked,
            anew: true, // what is there was looked at
            crossing: Crossing {
                is_asked: true,
                ..options.crossing()
            },
            ..Incoming::new(original)
        })
    }

    /// The note there that is this one, if it says all that would be written, and its masked copy too.
    /// It was made of this note by this person, or has its import key and text.
    fn carried_before(
        &self,
        to: PackId,
        wanted: &Incoming,
        id: ItemId,
    ) -> Result<Option<(ItemId, Sensitivity)>, NodeError> {
        let mut record = wanted.record.clone();
        let text = std::mem::take(&mut record.body);
        set_text(&mut record, &text)?;
        let fingerprint = *record.fingerprint().as_bytes();
        let me = self.me.person();
        let replica = self.packs.need(to)?;
        self.know_twins(replica)?;
        let is_above = record.import.is_some_and(|key| {
            let twins = replica.twins.borrow();
            let twin = twins
                .as_ref()
                .and_then(|twins| twins.find(replica, &key, &fingerprint));
            twin == Some(Twin::Above)
        });
        let of_place = |meta: &NoteMeta| {
            record.import.is_some()
                && meta.import == record.import
                && meta.fingerprint == fingerprint
        };
        let made_of_it = |meta: &NoteMeta| meta.by == Some(me) && meta.derived_from.contains(&id);
        let metas = replica.metas();
        let metas = metas.filter(|meta| of_place(meta) || made_of_it(meta));
        let mut found: Vec<(ItemId, bool)> = metas.map(|m| (m.item, of_place(m))).collect();
        found.sort_unstable();
        let there = |id: ItemId| NodeError::BadInput {
            field: "to",
            reason: format!(
                "it was there and is deleted; bring it back: kitbag delete --restore {id}"
            ),
        };
        let mut refused = is_above.then(|| NodeError::BadInput {
            field: "to",
            reason: "it is there already, above your clearance".to_owned(),
        });
        for (item, of_place) in found {
            let Some(read) = self.note_to_read(to, item)? else {
                continue;
            };
            if read.view.is_redacted() {
                return Err(NodeError::BadInput {
                    field: "to",
                    reason: format!("it was there, and somebody redacted it: {item}"),
                });
            }
            if read.view.status == Status::DELETED {
                if of_place {
                    refused.get_or_insert_with(|| there(item));
                }
                continue;
            }
            let at = wanted.sensitivity.unwrap_or(read.sensitivity);
            if read.sensitivity >= at
                && says_all(&read, &wanted.record)
                && self.has_copy(to, item, wanted)?
            {
                return Ok(Some((item, read.sensitivity)));
            }
        }
        refused.map_or(Ok(None), Err)
    }

    /// Whether a note there has the masked copy that would be written, if one would.
    fn has_copy(&self, to: PackId, id: ItemId, wanted: &Incoming) -> Result<bool, NodeError> {
        let Some(masked) = &wanted.masked else {
            return Ok(true);
        };
        for copy in self.packs.need(to)?.copies_of(&id) {
            let Some(read) = self.note_to_read(to, copy)? else {
                continue;
            };
            let at = masked.1.unwrap_or(read.sensitivity);
            if read.sensitivity == at && says_all(&read, &masked.0) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Deletes what went to the other pack, and keeps how to take that back.
    fn put_away(
        &mut self,
        now: Timestamp,
        pack: PackId,
        notes: &[(ItemId, Sensitivity)],
        to: PackId,
        there: Vec<ItemId>,
    ) -> Result<(), NodeError> {
        let (mut staged, mut pens) = (Staged::default(), Pens::default());
        let deleted = Edit {
            status: Some(Status::DELETED),
            ..Edit::default()
        };
        for (id, _) in notes {
            self.stage_edit_with(now, pack, *id, &deleted, None, &mut pens, &mut staged)?;
        }
        self.put_down_all(pens, &mut staged);
        let moved = Moved {
            at: now,
            to,
            notes: there,
        };
        for (id, _) in notes {
            let settings = &mut staged.settings;
            settings.push((moved_from(pack, *id), codec::encode(&moved)));
        }
        self.keep(pack, staged)
    }

    /// Where a note went when it was deleted at this instant, if it went anywhere.
    pub(crate) fn moved_at(
        &self,
        pack: PackId,
        note: ItemId,
        at: Timestamp,
    ) -> Result<Option<(PackId, Vec<ItemId>)>, NodeError> {
        let kept = self.store.setting(&moved_from(pack, note))?;
        let moved = kept.and_then(|bytes| codec::decode::<Moved>(&bytes, MOVED_BYTES_MAX).ok());
        let moved = moved.filter(|moved| moved.at == at && self.packs.contains(&moved.to));
        Ok(moved.map(|moved| (moved.to, moved.notes)))
    }

    /// Whether this device moved a note into that pack.
    pub(crate) fn was_moved(
        &self,
        pack: PackId,
        note: ItemId,
        to: PackId,
    ) -> Result<bool, NodeError> {
        let kept = match self.store.setting(&moved_from(pack, note)) {
            Err(error) if error.is_damage() => None, // as if it had never been kept
            kept => kept?,
        };
        let moved = kept.and_then(|bytes| codec::decode::<Moved>(&bytes, MOVED_BYTES_MAX).ok());
        Ok(moved.is_some_and(|moved| moved.to == to))
    }

    /// Refuses what could not be deleted in the other pack, before anything is taken back here.
    pub(crate) fn may_take_from(&mut self, to: PackId, notes: &[ItemId]) -> Result<(), NodeError> {
        for id in notes {
            let Ok((_, sensitivity, built)) = self.built_note(to, *id) else {
                continue; // it is not to be seen any more
            };
            if built.edits() == 0 {
                self.may_write(to, sensitivity)?;
            }
        }
        Ok(())
    }

    /// Deletes in the other pack what a move wrote there; what somebody edited since stays.
    pub(crate) fn take_from(
        &mut self,
        now: Timestamp,
        to: PackId,
        notes: Vec<ItemId>,
    ) -> Result<(), NodeError> {
        let (mut staged, mut pens) = (Staged::default(), Pens::default());
        let mut undone = Vec::new();
        let deleted = Edit {
            status: Some(Status::DELETED),
            ..Edit::default()
        };
        for id in notes {
            let Ok((_, _, built)) = self.built_note(to, id) else {
                continue; // it is not to be seen any more
            };
            if built.edits() > 0 || built.view().status == Status::DELETED {
                continue;
            }
            let written =
                self.stage_edit_with(now, to, id, &deleted, None, &mut pens, &mut staged)?;
            undone.extend(built.created().zip(written.map(|(_, entry)| entry)));
        }
        self.put_down_all(pens, &mut staged);
        self.keep_undone(to, &undone, staged)
    }
}

/// Whether nothing is lost if a note stands for what would be written: it says the same, allows no more,
/// and is in use as that would be.
fn says_all(there: &ReadNote, wanted: &Record) -> bool {
    let (built, view) = (&there.built, &there.view);
    let says = (&view.title, &view.body, &view.tags, view.status);
    let dates = [
        view.valid_from,
        view.valid_to,
        view.review_after,
        view.expires_at,
    ];
    let wanted_dates = [
        wanted.valid_from,
        wanted.valid_to,
        wanted.review_after,
        wanted.expires_at,
    ];
    let mut consent = wanted.consent.iter();
    says == (&wanted.title, &wanted.body, &wanted.tags, wanted.status)
        && dates == wanted_dates
        && built.note_type(view) == wanted.note_type
        && built.claim(view) == wanted.claim
        && built.pii(view).is_superset(&wanted.pii)
        && consent.all(|stated| tightened(built, stated, true).is_none())
}
