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
    ///
    /// # Errors
    /// [`NodeError::NotFound`]; [`NodeError::BadInput`] if one of them is deleted or redacted, or if the
    /// new one is replaced by the old one itself; [`NodeError::Denied`] if this person may not write
    /// there.
    pub fn supersede(
        &mut self,
        now: Timestamp,
        pack: PackId,
        old: ItemId,
        by: ItemId,
        plan: bool,
    ) -> Result<Superseded, NodeError> {
        let planned = self.plan_supersede(pack, old, by)?;
        let replica = self.packs.need(pack)?;
        let ids: Vec<ItemId> = planned.iter().map(|(id, _)| *id).collect();
        let along = replica.all_linked(ids.iter().filter(|id| **id != old));
        let of = |id| replica.linked(id).ok_or(NodeError::NotFound("note"));
        let (old, by) = (of(&old)?, of(&by)?);
        let audience = self.audience(pack, old.sensitivity);
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
        })
    }

    /// The edits that put a note in the place of another and of its masked copies: of these the masked
    /// copy of the new one, if it has one.
    pub(crate) fn plan_supersede(
        &mut self,
        pack: PackId,
        old: ItemId,
        by: ItemId,
    ) -> Result<Vec<(ItemId, Edit)>, NodeError> {
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
        let copies_of_new: BTreeSet<ItemId> = replica.copies_of(&by).into_iter().collect();
        let of_copies = match copies_of_new.is_empty() {
            true => [by].into(),
            false => copies_of_new,
        };
        let copies = replica.copies_of(&old).into_iter();
        let copies = copies.filter(|copy| *copy != by);
        let wanted = copies.map(|copy| (copy, of_copies.clone()));
        let wanted: Vec<_> = wanted.chain([(old, [by].into())]).collect();
        let mut edits = Vec::new();
        for (id, by) in wanted {
            edits.extend(self.replaced_by(pack, id, &by)?.map(|edit| (id, edit)));
        }
        Ok(edits)
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
            let edit = Edit {
                status: Some(Status::Redacted),
                redacted: FieldEdit::Set(reason.to_owned()),
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

pub(crate) fn staged(plan: bool) -> Staged {
    match plan {
        true => Staged::plan(),
        false => Staged::default(),
    }
}
