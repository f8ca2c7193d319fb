//! What this device reports of reads, exports and denials, and what others reported.
//!
//! Whoever serves others (the daemon) opens notes for them through these calls, which report before
//! they answer. [`Engine::note`] and the like report nothing: they are for the program's own use.

use crate::finding::{RedactedPage, redacted_plan};
use crate::{Engine, EngineError};
use kitbag_core::content::report::{ReadPart, Via, Written};
use kitbag_core::id::{ItemId, PackId};
use kitbag_node::audit::{AuditPage, AuditQuery, AuditVerified};
use kitbag_node::finding::{ExportOptions, ExportPlan};
use kitbag_node::view::{Note, Revision, TextPage};
use kitbag_node::{Node, NodeError};

impl Engine {
    /// One note in full, for somebody: reported before it is handed over.
    ///
    /// # Errors
    /// As [`Engine::note`].
    pub async fn read_note(&self, pack: PackId, id: ItemId, via: Via) -> Result<Note, EngineError> {
        self.worker()?
            .call(move |node, now| {
                let note = node.note(pack, id)?;
                node.report_read(now, pack, id, ReadPart::Now, via)?;
                Ok(note)
            })
            .await
    }

    /// A note's versions, for somebody: reported before they are handed over.
    ///
    /// # Errors
    /// As [`Engine::history`].
    pub async fn read_history(
        &self,
        pack: PackId,
        id: ItemId,
        via: Via,
    ) -> Result<Vec<Revision>, EngineError> {
        self.worker()?
            .call(move |node, now| {
                let history = node.history(pack, id)?;
                node.report_read(now, pack, id, ReadPart::History, via)?;
                Ok(history)
            })
            .await
    }

    /// A piece of a note's text, for somebody: reported before it is handed over.
    ///
    /// # Errors
    /// As [`Engine::note_text`].
    pub async fn read_text(
        &self,
        pack: PackId,
        id: ItemId,
        from: u64,
        via: Via,
    ) -> Result<TextPage, EngineError> {
        self.worker()?
            .call(move |node, now| {
                let page = node.text(pack, id, from)?;
                node.report_read(now, pack, id, ReadPart::Now, via)?;
                Ok(page)
            })
            .await
    }

    /// As [`Engine::plan_export`], for somebody: what is refused is reported.
    ///
    /// # Errors
    /// As there.
    pub async fn plan_export_for(
        &self,
        options: ExportOptions,
        via: Via,
    ) -> Result<ExportPlan, EngineError> {
        let worker = self.worker()?;
        let redacts = options.redacts;
        let begin = {
            let (options, via) = (options.clone(), via.clone());
            move |node: &mut Node, now| {
                let pack = options.pack;
                let begun = node.begin_export(now, options);
                report_denied(node, now, pack, begun, via)
            }
        };
        let mut exporting = worker.call(begin).await?;
        loop {
            let slice = move |node: &mut Node, _| {
                let plan = node.export_on(&mut exporting)?;
                Ok((exporting, plan))
            };
            let (rest, plan) = worker.call(slice).await?;
            match plan {
                Some(plan) => {
                    let told = worker.call(move |node, now| {
                        node.report_export_planned(now, &options, &plan, via)?;
                        Ok(plan)
                    });
                    return told.await.map(|plan| redacted_plan(plan, redacts));
                }
                None => exporting = rest,
            }
        }
    }

    /// As [`Engine::export_page`], for somebody: reported before it is handed over.
    ///
    /// # Errors
    /// As there.
    pub async fn export_page_for(
        &self,
        options: ExportOptions,
        notes: Vec<ItemId>,
        via: Via,
    ) -> Result<RedactedPage, EngineError> {
        let redacts = options.redacts;
        let worker = self.worker()?;
        let page = worker.call(move |node, now| {
            let page = node.export_page(now, &options, &notes);
            let page = report_denied(node, now, options.pack, page, via.clone())?;
            node.report_export_page(now, &options, &page, via)?;
            Ok(page)
        });
        RedactedPage::of_page(page.await?, redacts).await
    }

    /// Somebody says what they wrote of an export.
    ///
    /// # Errors
    /// [`EngineError::NotFound`], [`EngineError::Storage`].
    pub async fn export_written(
        &self,
        options: ExportOptions,
        written: Written,
        via: Via,
    ) -> Result<(), EngineError> {
        self.worker()?
            .call(move |node, now| node.report_export_written(now, &options, written, via))
            .await
    }

    /// Something was refused before any pack was asked.
    ///
    /// # Errors
    /// [`EngineError::Storage`].
    pub async fn report_denial(
        &self,
        asked: &'static str,
        rule: &'static str,
        via: Via,
    ) -> Result<(), EngineError> {
        self.worker()?
            .call(move |node, now| node.report_denial(now, None, asked, rule, via))
            .await
    }

    /// What happened in a pack, or without one on this device alone, as devices reported it.
    ///
    /// # Errors
    /// [`EngineError::NotFound`], [`EngineError::BadInput`], [`EngineError::Storage`].
    pub async fn audit(
        &self,
        pack: Option<PackId>,
        query: AuditQuery,
    ) -> Result<AuditPage, EngineError> {
        self.worker()?
            .call(move |node, now| match pack {
                Some(pack) => node.audit(now, pack, &query),
                None => node.audit_of_device(now, &query),
            })
            .await
    }

    /// Titles of notes, as far as this person reads them.
    ///
    /// # Errors
    /// [`EngineError::Storage`].
    pub async fn titles(
        &self,
        pack: PackId,
        notes: Vec<ItemId>,
    ) -> Result<Vec<Option<String>>, EngineError> {
        self.worker()?
            .call(move |node, _| {
                let titles = notes.iter().map(|note| node.audit_title(pack, note));
                Ok(titles.collect())
            })
            .await
    }

    /// Verifies, from disk, everything that devices reported in a pack.
    ///
    /// # Errors
    /// [`EngineError::NotFound`], [`EngineError::Storage`].
    pub async fn verify_audit(&self, pack: PackId) -> Result<AuditVerified, EngineError> {
        self.worker()?
            .call(move |node, now| node.verify_audit(now, pack))
            .await
    }

    /// For how many milliseconds reports are shown; from now on for so many, if some are given.
    ///
    /// # Errors
    /// [`EngineError::Storage`].
    pub async fn audit_keep(&self, millis: Option<u64>) -> Result<u64, EngineError> {
        self.worker()?
            .call(move |node, now| {
                if let Some(millis) = millis {
                    node.set_audit_keep(now, millis)?;
                }
                Ok(node.audit_keep_millis())
            })
            .await
    }
}

/// Reports that the policy of a pack refused something, and refuses it.
fn report_denied<T>(
    node: &mut Node,
    now: kitbag_core::id::Timestamp,
    pack: PackId,
    answer: Result<T, NodeError>,
    via: Via,
) -> Result<T, NodeError> {
    if let Err(NodeError::Denied(denied)) = &answer {
        let rule = Node::denied_by(denied);
        node.report_denial(now, Some(pack), "export", &rule, via)?;
    }
    answer
}
