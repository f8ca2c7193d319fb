//! Searching, and exporting in pages; both in slices, between which the device does its other work.

use crate::screening::{PackIds, redacted, redacted_text};
use crate::{Destination, Engine, EngineError, Pii, Withheld};
use kitbag_core::id::ItemId;
use kitbag_core::policy::Sensitivity;
use kitbag_core::release::{Point, RuleName};
use kitbag_node::finding::{
    ExportOptions, ExportPage, ExportPlan, ExportedNote, Found, SearchOptions,
};
use kitbag_node::{Node, NodeError};
use kitbag_scan::Scanner;
use std::collections::BTreeMap;

/// A page of an export, and what was taken out of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedactedPage {
    /// The page, without that.
    pub page: ExportPage,
    /// For each of its notes, how many values of each kind were replaced or left out.
    pub masked: Vec<BTreeMap<Pii, u64>>,
}

impl RedactedPage {
    /// A page as it leaves: off the node's thread, if there is something to take out, with what the pack
    /// names.
    pub(crate) async fn of_page(
        page: ExportPage,
        redacts: Option<PackIds>,
    ) -> Result<RedactedPage, EngineError> {
        let Some(ids) = redacts else {
            let masked = vec![BTreeMap::new(); page.notes.len()];
            return Ok(RedactedPage { page, masked });
        };
        tokio::task::spawn_blocking(move || RedactedPage::of(page, &ids.scanner()))
            .await
            .map_err(|_| EngineError::Stopped)
    }

    /// Takes personal data out of a page. A note that states a kind of which none is found stays: it
    /// would leave with it.
    fn of(mut page: ExportPage, scanner: &Scanner) -> RedactedPage {
        let mut masked = Vec::with_capacity(page.notes.len());
        let mut notes = Vec::with_capacity(page.notes.len());
        for note in std::mem::take(&mut page.notes) {
            match redacted(scanner, note.record) {
                Some((record, counts)) => {
                    notes.push(ExportedNote { record, ..note });
                    masked.push(counts);
                }
                None => page.withheld.count(Withheld::Rule(RuleName {
                    destination: Destination::Export,
                    point: Point::RedactPii,
                })),
            }
        }
        page.notes = notes;
        RedactedPage { page, masked }
    }
}

/// A plan without personal data of its own, if that is to be taken out.
pub(crate) fn redacted_plan(mut plan: ExportPlan, redacts: Option<&PackIds>) -> ExportPlan {
    if let Some(ids) = redacts {
        plan.title = redacted_text(&ids.scanner(), &plan.title);
    }
    plan
}

/// What the pack names, if an export leaves without personal data.
pub(crate) fn ids_to_redact(
    node: &Node,
    options: &ExportOptions,
) -> Result<Option<PackIds>, NodeError> {
    (options.redacts)
        .then(|| PackIds::of(node, options.pack))
        .transpose()
}

impl Engine {
    /// Looks for words in notes that this person may read.
    ///
    /// # Errors
    /// [`EngineError::BadInput`] for the query or the limit; [`EngineError::NotFound`] for a pack;
    /// [`EngineError::Storage`].
    pub async fn search(&self, options: SearchOptions) -> Result<Found, EngineError> {
        self.search_up_to(options, Sensitivity::Restricted).await
    }

    /// The same, as if there were nothing above a sensitivity.
    ///
    /// # Errors
    /// As [`Engine::search`].
    pub async fn search_up_to(
        &self,
        options: SearchOptions,
        up_to: Sensitivity,
    ) -> Result<Found, EngineError> {
        let worker = self.worker()?;
        let begin = move |node: &mut Node, _| {
            let mut searching = node.begin_search_up_to(options, up_to)?;
            let found = node.search_on(&mut searching)?;
            Ok((searching, found))
        };
        let (mut searching, found) = worker.call(begin).await?;
        if let Some(found) = found {
            return Ok(found);
        }
        loop {
            let slice = move |node: &mut Node, _| {
                let found = node.search_on(&mut searching)?;
                Ok((searching, found))
            };
            let (rest, found) = worker.call(slice).await?;
            match found {
                Some(found) => return Ok(found),
                None => searching = rest,
            }
        }
    }

    /// Chooses the notes of an export, and counts what stays and why.
    ///
    /// # Errors
    /// [`EngineError::NotFound`]; [`EngineError::Denied`] above the own clearance;
    /// [`EngineError::BadInput`] for the purpose, or if there are too many; [`EngineError::Storage`].
    pub async fn plan_export(&self, options: ExportOptions) -> Result<ExportPlan, EngineError> {
        let worker = self.worker()?;
        let begin = move |node: &mut Node, now| {
            let redacts = ids_to_redact(node, &options)?;
            Ok((node.begin_export(now, options)?, redacts))
        };
        let (mut exporting, redacts) = worker.call(begin).await?;
        loop {
            let slice = move |node: &mut Node, _| {
                let plan = node.export_on(&mut exporting)?;
                Ok((exporting, plan))
            };
            let (rest, plan) = worker.call(slice).await?;
            match plan {
                Some(plan) => return Ok(redacted_plan(plan, redacts.as_ref())),
                None => exporting = rest,
            }
        }
    }

    /// Reads the first of these notes for an export, as many as one page holds.
    ///
    /// # Errors
    /// As [`Engine::plan_export`].
    pub async fn export_page(
        &self,
        options: ExportOptions,
        notes: Vec<ItemId>,
    ) -> Result<RedactedPage, EngineError> {
        let page = move |node: &mut Node, now| {
            let redacts = ids_to_redact(node, &options)?;
            Ok((node.export_page(now, &options, &notes)?, redacts))
        };
        let (page, redacts) = self.worker()?.call(page).await?;
        RedactedPage::of_page(page, redacts).await
    }
}
