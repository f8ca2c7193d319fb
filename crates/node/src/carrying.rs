//! Moving and copying notes into another pack.
//!
//! Two packs have no common transaction: the copy is durable in the other pack before anything is deleted
//! here, so a crash between leaves both, and doing it again finds the copy and finishes. What may go is
//! decided like everything that leaves ([`kitbag_core::release`]).
//! Spec: `docs/spec/notes.md`, "Into another pack".

use crate::capturing::{Became, Captured, Incoming};
use crate::error::Denied;
use crate::finding::ReadNote;
use crate::long_text::set_text;
use crate::pens::Pens;
use crate::relabel::own_grant;
use crate::replica::{Replica, Staged};
use crate::view::{AudienceMember, Linked};
use crate::{Node, NodeError};
use kitbag_core::codec;
use kitbag_core::id::{ItemId, PackId, Timestamp};
use kitbag_core::pack::Edit;
use kitbag_core::pack::Record;
use kitbag_core::pack::note::{Status, Trust};
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_core::release::{Destination, Facts, Request, Target, Verdict, crosses, decide};
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
        let copy = match self.packs.need(pack)?.copies_of(&id).first() {
            Some(copy) => self.note_to_read(pack, *copy)?,
            None => None,
        };
        let crosses_clients = self.may_carry(now, &read, options)?;
        if let Some(copy) = &copy {
            self.may_carry(now, copy, options)?;
        }
        let sensitivity = self.sensitivity_there(&read, options)?;
        let default = self.packs.need(options.to)?.default_sensitivity();
        let copy_at =
            |copy: &ReadNote| default.map_or(copy.sensitivity, |d| d.max(copy.sensitivity));
        // Nobody there who reads the copy could not read the note.
        let copy = copy.filter(|copy| copy_at(copy) < sensitivity);
        let masked = copy.as_ref().map(|copy| (copy, copy_at(copy)));
        self.may_write(options.to, sensitivity)?;
        if let Some((_, at)) = masked {
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
        let incoming = self.incoming(&read, sensitivity, masked)?;
        let known = self.carried_before(options.to, &incoming.record, id)?;
        let copy_sensitivity = masked.map(|(_, at)| at);
        let (mut existing, mut there) = (known.is_some(), known);
        let mut written_copy = None;
        if !plan && there.is_none() {
            let captured = self.capture(now, options.to, vec![incoming])?.notes.pop();
            let captured = captured.ok_or(NodeError::Damaged("note"))??;
            let (item, at) = is_there(&captured)?;
            existing = captured.became != Became::Added;
            there = Some((item, at));
            written_copy = captured.masked;
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
            audience: self.audience(options.to, sensitivity),
            audience_of_copy: at_copy.map_or_else(Vec::new, |at| self.audience(options.to, at)),
        })
    }

    /// Whether a note may go into the other pack; says whether it crosses clients then.
    fn may_carry(
        &self,
        now: Timestamp,
        note: &ReadNote,
        options: &CarryOptions,
    ) -> Result<bool, NodeError> {
        let replica = self.packs.need(note.pack)?;
        let rules = replica.release_rules();
        let me = replica.policy.member(&self.me.person());
        let target = match self.packs.need(options.to)?.release_rules() {
            Ok(rules) => Target::Of(rules.clients.keys().copied().collect()),
            Err(why) => Target::Unreadable(why),
        };
        let request = Request {
            target,
            up_to: me.and_then(|me| me.clearance()),
            purpose: options.purpose.as_deref(),
            across_clients: options.across_clients,
            ..Request::to(Destination::Pack)
        };
        let facts = Facts {
            sensitivity: note.sensitivity,
            consent: note.view.consent.as_ref(),
            status: note.view.status,
            expires_at: note.view.expires_at,
            pii: &note.built.pii(&note.view),
        };
        match decide(&request, facts, rules, now) {
            Verdict::Allowed => Ok(rules.is_ok_and(|rules| crosses(&request, rules))),
            Verdict::Withheld(why) => Err(Denied::Release(why).into()),
        }
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
            if built.added_by() != Some(self.me.person()) {
                record.source.trust = record.source.trust.max(Trust::ThirdParty);
            }
            record
        };
        let mut original = record(note);
        original.pii = note.built.pii(&note.view);
        let masked = masked.map(|(copy, at)| {
            let mut copy = record(copy);
            copy.pii.clear();
            Box::new((copy, Some(at)))
        });
        Ok(Incoming {
            sensitivity: Some(sensitivity),
            captured_at: Some(note.built.record.source.captured_at),
            masked,
            ..Incoming::new(original)
        })
    }

    /// The note there that this person made of this one before, with the same text, if it is not deleted.
    fn carried_before(
        &self,
        to: PackId,
        record: &Record,
        id: ItemId,
    ) -> Result<Option<(ItemId, Sensitivity)>, NodeError> {
        let mut record = record.clone();
        let text = std::mem::take(&mut record.body);
        set_text(&mut record, &text)?;
        let fingerprint = *record.fingerprint().as_bytes();
        let me = self.me.person();
        let replica = self.packs.need(to)?;
        let made_of_it = |replica: &Replica| {
            let mut metas = replica.metas();
            metas.find_map(|meta| {
                let same = meta.by == Some(me)
                    && meta.derived_from.contains(&id)
                    && meta.fingerprint == fingerprint
                    && meta.status != Status::DELETED.as_str();
                same.then(|| replica.meta(&meta.item).map(|(_, at)| (meta.item, at)))?
            })
        };
        Ok(made_of_it(replica))
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

/// The note there, if it is to be seen.
fn is_there(captured: &Captured) -> Result<(ItemId, Sensitivity), NodeError> {
    let reason = match (captured.became, captured.id, captured.sensitivity) {
        (Became::Added | Became::Unchanged | Became::Updated, Some(id), Some(at)) => {
            return Ok((id, at));
        }
        (Became::Deleted, Some(id), _) => {
            format!("it was there and is deleted; bring it back: kitbag delete --restore {id}")
        }
        _ => "it is there already, above your clearance".to_owned(),
    };
    Err(NodeError::BadInput {
        field: "to",
        reason,
    })
}
