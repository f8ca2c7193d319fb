//! Looking through notes: search, and what an export holds.
//!
//! An export reads every note that this person may read in the packs in question, and so does a search
//! of what the index does not know; in slices, so that the device does its other work between two. Only what goes into the answer is kept in memory.
//! A note above the own clearance is as if it were not there: it is in no result, count or reason.

mod choose;
mod export;
mod scan;
mod search;

#[cfg(test)]
mod tests;

pub use choose::{ReadFilter, Scanned};
pub(crate) use export::exported;
pub use export::{
    EXPORT_NOTES_MAX, EXPORT_PAGE_NOTES_MAX, ExportOptions, ExportPage, ExportPlan, ExportedNote,
    Exporting, WithheldCounts,
};
pub(crate) use scan::{ReadNote, Scan, Spent};
pub use search::{EmptyReason, Found, Hit, RESULTS_MAX, SearchOptions, Searching};
pub(crate) use search::{admits, facts, searched};

use crate::agent_reads::AgentAsks;
use crate::{Denied, Node, NodeError};
use kitbag_core::id::{ItemId, PackId, Timestamp};
use kitbag_core::policy::Sensitivity;
use std::collections::BTreeSet;

impl Node {
    /// Begins a search. What comes in afterwards is not searched.
    ///
    /// # Errors
    /// [`NodeError::BadInput`] for the query or the limit; [`NodeError::NotFound`] for a pack.
    pub fn begin_search(&self, options: SearchOptions) -> Result<Searching, NodeError> {
        self.begin_search_up_to(options, Sensitivity::Restricted)
    }

    /// The same for somebody who may see no more than this person, and nothing above a sensitivity. What
    /// is above it is as if it were not there.
    ///
    /// # Errors
    /// As [`Node::begin_search`].
    pub fn begin_search_up_to(
        &self,
        options: SearchOptions,
        up_to: Sensitivity,
    ) -> Result<Searching, NodeError> {
        let (packs, archived) = match &options.packs {
            Some(packs) => {
                let packs = BTreeSet::from_iter(packs.iter().copied());
                (packs.into_iter().collect::<Vec<PackId>>(), 0)
            }
            None => self.packs_in_view(),
        };
        if packs.iter().any(|pack| !self.packs.contains(pack)) {
            return Err(NodeError::NotFound("pack"));
        }
        Ok(Searching::new(options, packs, up_to)?.without(archived))
    }

    /// Begins a search for an agent, in packs of its own: what may not leave to it is in no result, count
    /// or reason, and ranks nothing.
    ///
    /// # Errors
    /// As [`Node::begin_search`]; a pack that it was not given is not found.
    pub fn begin_agent_search(
        &self,
        now: Timestamp,
        options: SearchOptions,
        asks: &AgentAsks,
    ) -> Result<Searching, NodeError> {
        let gate = self.agent_gate(now, asks)?;
        let packs = options.packs.clone().unwrap_or_else(|| gate.packs());
        if packs.iter().any(|pack| !gate.knows(pack)) {
            return Err(NodeError::NotFound("pack"));
        }
        // Where nothing at all may leave, nothing is looked at.
        let opens = packs.into_iter().filter(|pack| gate.up_to(pack).is_some());
        let packs = opens.collect::<BTreeSet<_>>().into_iter().collect();
        Ok(Searching::new(options, packs, Sensitivity::Restricted)?.for_agent(gate))
    }

    /// Begins a search that looks at every note, as if there were no index. The answer is the same.
    ///
    /// # Errors
    /// As [`Node::begin_search`].
    pub fn begin_search_by_scan(&self, options: SearchOptions) -> Result<Searching, NodeError> {
        Ok(self.begin_search(options)?.by_scan())
    }

    /// Searches the next notes; the answer, once none is left.
    ///
    /// # Errors
    /// [`NodeError::Store`].
    pub fn search_on(&self, searching: &mut Searching) -> Result<Option<Found>, NodeError> {
        let done = searching.go_on(self)?;
        Ok(done.then(|| searching.found()))
    }

    /// Begins to choose the notes of an export. What comes in afterwards is not chosen.
    ///
    /// # Errors
    /// [`NodeError::NotFound`]; [`NodeError::Denied`] if it is to hold more than this person opens, or if
    /// the pack's rules let nothing leave like this; [`NodeError::BadInput`] for the purpose or client.
    pub fn begin_export(
        &self,
        now: Timestamp,
        options: ExportOptions,
    ) -> Result<Exporting, NodeError> {
        let rules = self.export_rules(now, &options)?;
        if let Some(refused) = rules.refuses() {
            return Err(Denied::Release(refused).into());
        }
        Ok(Exporting::new(options, rules))
    }

    /// Looks at the next notes; the plan, once none is left.
    ///
    /// # Errors
    /// [`NodeError::Store`]; [`NodeError::BadInput`] for more than [`EXPORT_NOTES_MAX`] notes.
    pub fn export_on(&self, exporting: &mut Exporting) -> Result<Option<ExportPlan>, NodeError> {
        if !exporting.go_on(self)? {
            return Ok(None);
        }
        self.export_plan(exporting).map(Some)
    }

    /// Reads the first of these notes, each as it stands now, and judges each again: as many as one
    /// page holds, at least one if there is one.
    ///
    /// # Errors
    /// As [`Node::begin_export`], but what the rules forbid meanwhile is withheld note by note;
    /// [`NodeError::BadInput`] for more than [`EXPORT_PAGE_NOTES_MAX`].
    pub fn export_page(
        &self,
        now: Timestamp,
        options: &ExportOptions,
        notes: &[ItemId],
    ) -> Result<ExportPage, NodeError> {
        let rules = self.export_rules(now, options)?;
        self.read_page(options, &rules, notes)
    }
}
