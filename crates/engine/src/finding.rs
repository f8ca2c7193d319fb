//! Searching, and exporting in pages; both in slices, between which the device does its other work.

use crate::{Engine, EngineError};
use kitbag_core::id::ItemId;
use kitbag_node::Node;
use kitbag_node::finding::{ExportOptions, ExportPage, ExportPlan, Found, SearchOptions};

impl Engine {
    /// Looks for words in notes that this person may read.
    ///
    /// # Errors
    /// [`EngineError::BadInput`] for the query or the limit; [`EngineError::NotFound`] for a pack;
    /// [`EngineError::Storage`].
    pub async fn search(&self, options: SearchOptions) -> Result<Found, EngineError> {
        let worker = self.worker()?;
        let begin = move |node: &mut Node, _| {
            let mut searching = node.begin_search(options)?;
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
        let begin = move |node: &mut Node, now| node.begin_export(now, options);
        let mut exporting = worker.call(begin).await?;
        loop {
            let slice = move |node: &mut Node, _| {
                let plan = node.export_on(&mut exporting)?;
                Ok((exporting, plan))
            };
            let (rest, plan) = worker.call(slice).await?;
            match plan {
                Some(plan) => return Ok(plan),
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
    ) -> Result<ExportPage, EngineError> {
        self.worker()?
            .call(move |node, now| node.export_page(now, &options, &notes))
            .await
    }
}
