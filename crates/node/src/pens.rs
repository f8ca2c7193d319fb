//! One step that writes several notes: a log has one pen at a time, so notes of one sensitivity share it.

use crate::replica::Staged;
use crate::write::Pen;
use crate::{Node, NodeError};
use kitbag_core::id::{LogId, PackId};
use kitbag_core::policy::Sensitivity;
use std::collections::BTreeMap;

/// The pens of one step, by sensitivity, each with where it began.
#[derive(Default)]
pub(crate) struct Pens(BTreeMap<Sensitivity, (Pen, u64)>);

impl Pens {
    /// A pen that was opened before.
    pub(crate) fn of(&mut self, sensitivity: Sensitivity) -> Option<&mut Pen> {
        self.0.get_mut(&sensitivity).map(|(pen, _)| pen)
    }

    /// Takes one out to write with it; [`Pens::put_back`] follows.
    pub(crate) fn take(&mut self, sensitivity: Sensitivity) -> Option<(Pen, u64)> {
        self.0.remove(&sensitivity)
    }

    /// The log of each, where it began, and where it is.
    pub(crate) fn written(&self) -> impl Iterator<Item = (LogId, u64, u64)> {
        let pens = self.0.values();
        pens.map(|(pen, began)| (pen.log, *began, pen.next_seq()))
    }

    pub(crate) fn put_back(&mut self, sensitivity: Sensitivity, pen: (Pen, u64)) {
        self.0.insert(sensitivity, pen);
    }
}

impl Node {
    /// Opens the pen of a sensitivity, unless it is open.
    pub(crate) fn open_pen(
        &mut self,
        pack: PackId,
        sensitivity: Sensitivity,
        pens: &mut Pens,
        staged: &mut Staged,
    ) -> Result<(), NodeError> {
        if pens.of(sensitivity).is_none() {
            let pen = self.pen(pack, sensitivity, true, staged)?;
            let began = pen.next_seq();
            pens.put_back(sensitivity, (pen, began));
        }
        Ok(())
    }

    /// Closes those that wrote something into runs to be committed.
    pub(crate) fn put_down_all(&mut self, pens: Pens, staged: &mut Staged) {
        for (pen, began) in pens.0.into_values() {
            if pen.next_seq() > began {
                self.put_down(pen, staged);
            }
        }
    }
}
