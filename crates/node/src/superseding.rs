//! Putting a note in the place of another, and taking the content of one out.
//!
//! Both are edits, so they merge like any other, and everybody who has the note learns of them. A note
//! that was replaced names what replaced it; one that is redacted keeps who, when and why. What was
//! written stays in the entries of whoever has them.
//! Spec: `docs/spec/notes.md`, "Superseded", "Redacted".

use crate::pens::Pens;
use crate::replica::Staged;
use crate::view::{AudienceMember, Linked};
use crate::{Node, NodeError};
use kitbag_core::id::{ItemId, PackId, Timestamp};
use kitbag_core::pack::note::{REASON_BYTES_MAX, Status};
use kitbag_core::pack::{Edit, FieldEdit};
use kitbag_core::policy::Sensitivity;
use std::collections::BTreeSet;

/// A note that was replaced by another, or would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Superseded {
    /// The note that was replaced.
    pub old: Linked,
    /// What replaced it.
    pub by: Linked,
    /// Whether anything was, or is to be, written.
    pub changed: bool,
    /// Masked copies of it that were replaced too.
    pub along: Vec<Linked>,
    /// Every member, and whether they can open the note that was replaced.
    pub audience: Vec<AudienceMember>,
    /// Whether nothing that replaces it stands where it stood: a person has to say that it may.
    pub above: bool,
    /// Members who could open the note and can open nothing that replaced it.
    pub loses: Vec<AudienceMember>,
}

/// A note whose content was taken out, or would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redacted {
    /// The note.
    pub id: ItemId,
    /// Its title before; if it had none, the start of its body.
    pub title: String,
    /// Its sensitivity.
    pub sensitivity: Sensitivity,
    /// Whether anything was, or is to be, written.
    pub changed: bool,
    /// Its masked copies that are redacted with it, as they were.
    pub along: Vec<Linked>,
    /// Every member, and whether they can open it.
    pub audience: Vec<AudienceMember>,
}

impl Node {
    /// Puts a note in the place of another of the same pack. With `plan` only says what that would do.
    /// `above`: a person said that it may stand above the other, whose readers see neither then.
    ///
    /// # Errors
    /// [`NodeError::NotFound`]; [`NodeError::BadInput`] if one of them is deleted or redacted, if the
    /// new one is replaced by the old one itself, or stands above it and nobody said that it may;
    /// [`NodeError::Denied`] if this person may not write there.
    pub fn supersede(
        &mut self,
        now: Timestamp,
        pack: PackId,
        old: ItemId,
        by: ItemId,
        above: bool,
        plan: bool,
    ) -> Result<Superseded, NodeError> {
        let (planned, is_above) = self.plan_supersede(pack, old, by)?;
        let replica = self.packs.need(pack)?;
        let ids: Vec<ItemId> = planned.iter().map(|(id, _)| *id).collect();
        let along = replica.all_linked(ids.iter().filter(|id| **id != old));
        let of = |id| replica.linked(id).ok_or(NodeError::NotFound("note"));
        let (old, by) = (of(&old)?, of(&by)?);
        let audience = self.audience(pack, old.sensitivity);
        let is_above = is_above && planned.iter().any(|(id, _)| *id == old.id);
        let after = self.audience(pack, by.sensitivity).into_iter();
        let after: BTreeSet<_> = after.filter(|m| m.opens).map(|m| m.person).collect();
        let mut loses = audience.clone();
        loses.retain(|member| is_above && member.opens && !after.contains(&member.person));
        if is_above && !above && !plan {
            return Err(too_high("it"));
        }
        if !planned.is_empty() {
            let (mut staged, mut pens) = (staged(plan), Pens::default());
            for (id, edit) in &planned {
                self.stage_edit_with(now, pack, *id, edit, None, &mut pens, &mut staged)?;
            }
            self.put_down_all(pens, &mut staged);
            self.keep(pack, staged)?;
        }
        Ok(Superseded {
            old,
            by,
            changed: !planned.is_empty(),
            along,
            audience,
            above: is_above,
            loses,
        })
    }

    /// The edits that put a note in the place of another and of its masked copies, and whether nothing
    /// stands in the place of the note for all who read it.
    pub(crate) fn plan_supersede(
        &mut self,
        pack: PackId,
        old: ItemId,
        by: ItemId,
    ) -> Result<(Vec<(ItemId, Edit)>, bool), NodeError> {
        let bad = |field, reason: &str| NodeError::BadInput {
            field,
            reason: reason.to_owned(),
        };
        if old == by {
            return Err(bad("by", "a note does not replace itself"));
        }
        self.may_be_replaced(pack, old)?;
        let (_, _, new) = self.built_note(pack, by)?;
        if matches!(new.view().status, Status::Archived | Status::Redacted) {
            return Err(bad("by", "it is deleted or redacted"));
        }
        let replica = self.packs.need(pack)?;
        let (mut open, mut seen) = (vec![by], BTreeSet::new());
        while let Some(next) = open.pop() {
            if next == old {
                return Err(bad("by", "it is replaced by the other already"));
            }
            let meta = replica.meta(&next);
            if let Some((meta, _)) = meta.filter(|_| seen.insert(next)) {
                open.extend(&meta.superseded_by);
            }
        }
        let at = |id: &ItemId| replica.meta(id).map(|(_, at)| at);
        let stands = |id: ItemId| Some((id, at(&id)?));
        let new = Replacing {
            note: stands(by).ok_or(NodeError::NotFound("note"))?,
            copies: replica
                .copies_of(&by)
                .into_iter()
                .filter_map(stands)
                .collect(),
        };
        let copies = replica.copies_of(&old).into_iter();
        let copies =
            copies.filter(|copy| *copy != by && !new.copies.iter().any(|(c, _)| c == copy));
        let copies = copies.filter_map(stands);
        let wanted: Vec<_> = copies.map(|(copy, at)| (copy, new.of_copy(at))).collect();
        let (_, old_at) = stands(old).ok_or(NodeError::NotFound("note"))?;
        let mut edits = Vec::new();
        for (id, by) in wanted.into_iter().chain([(old, new.of_note(old_at))]) {
            if !by.is_empty() {
                edits.extend(self.replaced_by(pack, id, &by)?.map(|edit| (id, edit)));
            }
        }
        Ok((edits, !new.is_seen_at(old_at)))
    }

    /// Whether a note can be replaced.
    pub(crate) fn may_be_replaced(&mut self, pack: PackId, old: ItemId) -> Result<(), NodeError> {
        let (_, _, built) = self.built_note(pack, old)?;
        match built.view().status {
            Status::Archived | Status::Redacted => Err(NodeError::BadInput {
                field: "note",
                reason: "the note to be replaced is deleted or redacted".into(),
            }),
            _ => Ok(()),
        }
    }

    /// The edit by which others replace a note; none if they do already, or it is put away.
    pub(crate) fn replaced_by(
        &mut self,
        pack: PackId,
        id: ItemId,
        by: &BTreeSet<ItemId>,
    ) -> Result<Option<Edit>, NodeError> {
        let (_, _, built) = self.built_note(pack, id)?;
        let view = built.view();
        let put_away = matches!(view.status, Status::Archived | Status::Redacted);
        let there = view.status == Status::Superseded && by.is_subset(&view.superseded_by);
        Ok((!put_away && !there).then(|| Edit {
            status: Some(Status::Superseded),
            superseded_by: FieldEdit::Set(view.superseded_by.union(by).copied().collect()),
            ..Edit::default()
        }))
    }

    /// Takes the content of a note out, and of its masked copies: nobody is shown it any more. With `plan`
    /// only says what that would do.
    ///
    /// # Errors
    /// [`NodeError::NotFound`]; [`NodeError::BadInput`] for the reason; [`NodeError::Denied`] if this
    /// person may not write there.
    ///
    /// # Security
    /// What was written stays in entries and databases of all who have them: this hides, it does not
    /// erase.
    pub fn redact(
        &mut self,
        now: Timestamp,
        pack: PackId,
        id: ItemId,
        reason: &str,
        plan: bool,
    ) -> Result<Redacted, NodeError> {
        self.redact_saying(now, pack, id, reason, reason, plan)
    }

    /// The same, with another reason in its masked copies: what a person writes may hold what they do not
    /// show.
    ///
    /// # Errors
    /// As [`Node::redact`].
    pub fn redact_saying(
        &mut self,
        now: Timestamp,
        pack: PackId,
        id: ItemId,
        reason: &str,
        of_copies: &str,
        plan: bool,
    ) -> Result<Redacted, NodeError> {
        let fits = !reason.trim().is_empty() && reason.len() <= REASON_BYTES_MAX;
        let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
        if !fits || reason.contains(breaks) {
            return Err(NodeError::BadInput {
                field: "reason",
                reason: format!("has to be one line of at most {REASON_BYTES_MAX} bytes"),
            });
        }
        let (_, sensitivity, built) = self.built_note(pack, id)?;
        let title = built.meta().title;
        let replica = self.packs.need(pack)?;
        let (mut staged, mut pens) = (staged(plan), Pens::default());
        let (mut changed, mut along) = (false, Vec::new());
        for note in replica.copies_of(&id).into_iter().chain([id]) {
            let (_, _, built) = self.built_note(pack, note)?;
            if note != id && built.is_redacted() {
                continue;
            }
            // One that is deleted does not come back by it.
            let status = match built.view().status {
                Status::DELETED => None,
                _ => Some(Status::Redacted),
            };
            let edit = Edit {
                status,
                redacted: FieldEdit::Set(match note == id {
                    true => reason.to_owned(),
                    false => of_copies.to_owned(),
                }),
                ..Edit::default()
            };
            let written =
                self.stage_edit_with(now, pack, note, &edit, None, &mut pens, &mut staged)?;
            if written.is_some() {
                changed = true;
                along.extend(self.packs.need(pack)?.linked(&note).filter(|_| note != id));
            }
        }
        self.put_down_all(pens, &mut staged);
        self.keep(pack, staged)?;
        Ok(Redacted {
            id,
            title,
            sensitivity,
            changed,
            along,
            audience: self.audience(pack, sensitivity),
        })
    }

    /// Makes a step durable, unless it is only planned or has nothing in it.
    pub(crate) fn keep(&mut self, pack: PackId, mut staged: Staged) -> Result<(), NodeError> {
        if staged.plan || staged.is_empty() {
            return Ok(());
        }
        self.remember(pack, &mut staged)?;
        self.commit(pack, staged)
    }
}

/// A note that replaces others, with its masked copies, and where they stand.
pub(crate) struct Replacing {
    pub(crate) note: (ItemId, Sensitivity),
    pub(crate) copies: Vec<(ItemId, Sensitivity)>,
}

impl Replacing {
    fn copies_at(&self, at: Sensitivity) -> BTreeSet<ItemId> {
        let seen = self.copies.iter().filter(|(_, copy)| *copy <= at);
        seen.map(|(id, _)| *id).collect()
    }

    /// What replaces a note that stands there: the new one, with the copies for those who do not reach
    /// it.
    pub(crate) fn of_note(&self, at: Sensitivity) -> BTreeSet<ItemId> {
        let (note, own) = self.note;
        let copies = match own <= at {
            true => BTreeSet::new(),
            false => self.copies_at(at),
        };
        copies.into_iter().chain([note]).collect()
    }

    /// What replaces a masked copy that stands there: only what everybody sees who reads it.
    pub(crate) fn of_copy(&self, at: Sensitivity) -> BTreeSet<ItemId> {
        let (note, own) = self.note;
        let copies = self.copies_at(at);
        match copies.is_empty() && own <= at {
            true => [note].into(),
            false => copies,
        }
    }

    /// Whether everybody who reads what stands there sees something in its place.
    pub(crate) fn is_seen_at(&self, at: Sensitivity) -> bool {
        self.note.1 <= at || !self.copies_at(at).is_empty()
    }
}

/// Why a note is not replaced by one above it.
pub(crate) fn too_high(what: &str) -> NodeError {
    NodeError::BadInput {
        field: "by",
        reason: format!(
            "{what} stands above the note that it replaces: who reads that note would see neither; \
             if that is meant: kitbag supersede OLD --by NEW --yes"
        ),
    }
}

pub(crate) fn staged(plan: bool) -> Staged {
    match plan {
        true => Staged::plan(),
        false => Staged::default(),
    }
}
