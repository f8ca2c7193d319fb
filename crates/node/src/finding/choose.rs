//! Looking for notes to choose: all that a filter admits, in the order of an export.

use super::scan::{ReadNote, Scan};
use crate::{Node, NodeError};
use kitbag_core::filter::{Filter, Listed};
use kitbag_core::id::{PackId, Timestamp};
use kitbag_core::policy::Sensitivity;
use kitbag_core::selection::{Chosen, SELECTION_NOTES_MAX, SelectionError};
use std::cmp::Reverse;

/// What notes are to be like.
#[derive(Clone, Debug, Default)]
pub struct ReadFilter {
    /// Whether deleted notes are meant.
    pub listed: Listed,
    /// What else they have to be like.
    pub filter: Filter,
}

/// A look that is under way.
pub struct Scanned {
    scan: Scan,
    like: ReadFilter,
    packs: Vec<PackId>,
    found: Vec<(usize, Timestamp, Reverse<Sensitivity>, u64, Chosen)>,
}

impl Scanned {
    pub(crate) fn new(packs: Vec<PackId>, like: ReadFilter) -> Scanned {
        Scanned {
            scan: Scan::new(packs.clone()),
            like,
            packs,
            found: Vec::new(),
        }
    }

    pub(crate) fn go_on(&mut self, node: &Node) -> Result<Option<Vec<Chosen>>, NodeError> {
        let mut scan = std::mem::replace(&mut self.scan, Scan::new(vec![]));
        let done = scan.go_on(node, |note| self.look_at(&note));
        self.scan = scan;
        if !done? {
            return Ok(None);
        }
        let mut found = std::mem::take(&mut self.found);
        found.sort_unstable();
        Ok(Some(found.into_iter().map(|(.., chosen)| chosen).collect()))
    }

    fn look_at(&mut self, note: &ReadNote) -> Result<(), NodeError> {
        let (listed, wanted) = (self.like.listed, self.like.filter.status);
        let is_meant = listed.lists(note.view.status, wanted);
        if !is_meant || !super::search::admits(&self.like.filter, note) {
            return Ok(());
        }
        if self.found.len() == SELECTION_NOTES_MAX {
            return Err(SelectionError::TooMany.into());
        }
        let place = self.packs.iter().position(|pack| *pack == note.pack);
        let (rank, seq) = (Reverse(note.sensitivity), note.built.origin.1);
        let chosen = Chosen {
            pack: note.pack,
            note: note.built.item,
        };
        let at = note.built.record.source.captured_at;
        self.found
            .push((place.unwrap_or_default(), at, rank, seq, chosen));
        Ok(())
    }
}
