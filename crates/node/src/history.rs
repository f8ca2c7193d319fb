//! How a note came to be: each step with the note as its author left it.

mod changed;

use crate::objects::{BuiltNote, Step};
use crate::view::{FieldChange, Revision};
use crate::{Node, NodeError};
use kitbag_core::id::{ItemId, PackId};
use kitbag_core::pack::note::Status;
use kitbag_core::pack::{ChangeHash, CheckedChange, NoteDocument, NoteView};
use std::collections::BTreeMap;

/// Text in one answer about a note's history, at most, in bytes.
const HISTORY_BYTES_MAX: usize = 16 << 20;

/// Steps that are shown as their author left them, the newest. That takes a copy of the note for each
/// that somebody wrote beside another; earlier ones of these come without their text.
const STEPS_IN_FULL_MAX: usize = 256;

impl Node {
    /// How a note came to be, step by step. Of a very long history the oldest steps come without
    /// their text.
    ///
    /// # Errors
    /// As [`Node::note`].
    pub fn history(&mut self, pack: PackId, id: ItemId) -> Result<Vec<Revision>, NodeError> {
        let (_, _, built) = self.built_note(pack, id)?;
        let replica = self.packs.need(pack)?;
        let mut past = Past::of(&built);
        let steps = built.history();
        let briefly = steps.len().saturating_sub(STEPS_IN_FULL_MAX);
        let mut revisions: Vec<Revision> = Vec::new();
        let (mut bytes, mut told) = (0, 0);
        let redacted = built.is_redacted();
        for (at, step) in steps.into_iter().enumerate() {
            past.in_full = at >= briefly;
            let Taken {
                what,
                mut view,
                before,
            } = past.take(&built, &step)?;
            let mut before = before.filter(|_| past.in_full);
            if redacted {
                view = as_redacted(view); // nothing of what it was is shown, before that neither
                before = before.map(as_redacted);
            }
            let changes: Vec<FieldChange> = before
                .map(|before| changed::changed(&built.record, &before, &view))
                .unwrap_or_default();
            let reason = match what {
                "redacted" => view.redacted.take(),
                _ => None,
            };
            let NoteView { title, body, .. } = view;
            bytes += body.len();
            while bytes > HISTORY_BYTES_MAX && told < revisions.len() {
                bytes -= std::mem::take(&mut revisions[told].body).len();
                told += 1;
            }
            revisions.push(Revision {
                by: self.author(replica, step.by),
                at: step.at,
                what: match step.takes_over.entries() {
                    [] => what.to_owned(),
                    _ => "taken over".to_owned(),
                },
                reason,
                to: step.moved,
                told_by: step
                    .told_by
                    .map(|person| self.author(replica, Some(person))),
                title,
                body,
                changes,
            });
        }
        Ok(revisions)
    }
}

fn as_redacted(mut view: NoteView) -> NoteView {
    view.status = Status::Redacted;
    view.shell()
}

/// What a step did.
struct Taken {
    what: &'static str,
    /// The note as the step left it.
    view: NoteView,
    /// The note as an edit found it.
    before: Option<NoteView>,
}

impl Taken {
    fn whole(what: &'static str, view: NoteView) -> Taken {
        Taken {
            what,
            view,
            before: None,
        }
    }
}

/// A note as far as its steps were looked at.
struct Past {
    document: NoteDocument,
    /// Whether the step that is looked at is worth a copy of the note.
    in_full: bool,
    /// The note's status after each change, and whether it was redacted.
    statuses: BTreeMap<ChangeHash, (Status, bool)>,
    /// The newest change that was looked at, and the note as it left it.
    last: Option<(ChangeHash, NoteView)>,
}

impl Past {
    fn of(built: &BuiltNote) -> Past {
        let document = NoteDocument::derive(built.item, &built.record);
        let view = document.view();
        let status = (view.status, view.is_redacted());
        Past {
            statuses: BTreeMap::from([(document.base(), status)]),
            in_full: true,
            last: None,
            document,
        }
    }

    /// What the next step did, and the note as it left it.
    fn take(&mut self, built: &BuiltNote, step: &Step) -> Result<Taken, NodeError> {
        if let Some(change) = &step.change {
            return self.take_change(change);
        }
        let Some(mover) = built.movers.iter().find(|mover| mover.entry == step.entry) else {
            let view = self.at(&[self.document.base()])?;
            return Ok(Taken::whole("added", view));
        };
        // What the mover had and did not pass on is not to be seen here.
        let view = self.at(&mover.heads);
        let view = view.unwrap_or_else(|_| self.document.view());
        Ok(Taken::whole("moved", view))
    }

    fn take_change(&mut self, change: &CheckedChange) -> Result<Taken, NodeError> {
        let last = self.last.take().filter(|(at, _)| [*at] == *change.deps());
        let found = match (last, change.deps()) {
            (Some((_, view)), _) => Some(view),
            // Of a step that is not told in full the status is enough.
            (None, [dep]) if !self.in_full && self.statuses.contains_key(dep) => None,
            (None, deps) => Some(self.at(deps)?),
        };
        let before = match (&found, change.deps()) {
            (Some(view), _) => (view.status, view.is_redacted()),
            (None, [dep, ..]) => self.statuses[dep],
            (None, []) => return Err(NodeError::Damaged("note")),
        };
        let applied = self.document.apply(change);
        applied.map_err(|_| NodeError::Damaged("note"))?;
        let view = self.at(&[change.hash()])?;
        let after = (view.status, view.is_redacted());
        self.statuses.insert(change.hash(), after);
        let what = match (before.0, after.0) {
            _ if before == after => "edited",
            _ if after.1 && !before.1 => "redacted",
            _ if before.1 && !after.1 => "unredacted",
            (_, Status::DELETED) => "deleted",
            (Status::DELETED, _) => "restored",
            (_, Status::Superseded) => "superseded",
            (Status::Superseded, Status::Active) => "reactivated",
            _ => "edited",
        };
        self.last = self.in_full.then(|| (change.hash(), view.clone()));
        Ok(Taken {
            what,
            view,
            before: found,
        })
    }

    /// The note at these changes and all that they build on.
    fn at(&self, heads: &[ChangeHash]) -> Result<NoteView, NodeError> {
        if self.document.heads() == heads {
            return Ok(self.document.view()); // nobody wrote beside it: no copy is needed
        }
        if !self.in_full {
            let (title, body) = Default::default();
            let now = self.document.view();
            return Ok(NoteView { title, body, ..now });
        }
        let view = self.document.view_at(heads);
        view.map_err(|_| NodeError::Damaged("note"))
    }
}
