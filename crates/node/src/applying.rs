//! Many edits of one note applied together.
//!
//! To prove a change, a copy of the whole document is saved, loaded and read. Edits that build on each
//! other, one after the other, would each cost that; so all that are here are tried at once. Only if
//! something in them is refused are they applied round by round, each after those it builds on, so that
//! what builds on the refused one waits. Both ways end with the same note.
//! Spec: `docs/spec/notes.md`, "Edits".

use crate::NodeError;
use crate::objects::{BuiltNote, CLOSED, EditOpened, Quarantine, Step, open_edit};
use crate::replica::{Place, Replica};
use kitbag_core::id::EntryHash;
use kitbag_core::pack::{ChangeHash, CheckedChange};
use kitbag_store::Reader;
use std::collections::BTreeSet;

/// Applies every pending edit whose dependencies are applied, all in one attempt. Says whether that
/// held; if not, the note is as before.
pub(crate) fn apply_together(
    replica: &Replica,
    store: &Reader,
    note: &mut BuiltNote,
    pending: &[(EntryHash, &Place)],
    quarantine: &mut Vec<Quarantine>,
) -> Result<bool, NodeError> {
    if pending.is_empty() {
        return Ok(true); // a note that nobody edited has no document
    }
    let steps_before = note.steps.len();
    let mut changes: Vec<CheckedChange> = Vec::new();
    let mut refused = Vec::new();
    let mut pending = pending.to_vec();
    loop {
        let before = pending.len();
        let mut waiting = Vec::new();
        for (hash, place) in pending {
            if !place.deps.iter().all(|dep| note.applied.contains(dep)) {
                waiting.push((hash, place));
                continue;
            }
            match open_edit(replica, store, note, place)? {
                EditOpened::Change(change, step) => {
                    note.take_step(hash, change.hash(), step);
                    changes.push(change);
                }
                EditOpened::NoKeyYet => {}
                EditOpened::Closed => refused.push(Quarantine::for_now(hash, CLOSED)),
                EditOpened::Refused(reason) => refused.push(Quarantine::lasting(hash, reason)),
            }
        }
        pending = waiting;
        if pending.is_empty() || pending.len() == before {
            break;
        }
    }
    let mut document = note.document();
    let holds = changes.is_empty() || document.try_apply(&changes).is_ok();
    if holds {
        note.document = Some(document);
        quarantine.append(&mut refused);
    } else {
        note.untake_steps(steps_before);
    }
    Ok(holds)
}

impl BuiltNote {
    /// Notes that an entry's change is in the document.
    pub(crate) fn take_step(&mut self, entry: EntryHash, change: ChangeHash, step: Step) {
        self.carriers.entry(change).or_insert(entry);
        self.carries.entry(entry).or_default().insert(change);
        self.applied.insert(entry);
        self.steps.push(step);
    }

    /// Takes back all steps but the first ones.
    fn untake_steps(&mut self, kept: usize) {
        let gone: BTreeSet<EntryHash> = self.steps.drain(kept..).map(|step| step.entry).collect();
        for entry in &gone {
            self.applied.remove(entry);
            self.carries.remove(entry);
        }
        self.carriers.retain(|_, carrier| !gone.contains(carrier));
    }
}
