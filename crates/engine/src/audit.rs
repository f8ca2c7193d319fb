//! What this device reports of reads, exports and denials, and what others reported.
//!
//! Whoever serves others (the daemon) opens notes for them through these calls, which report before
//! they answer. [`Engine::note`] and the like report nothing: they are for the program's own use.

use crate::finding::{RedactedPage, ids_to_redact, redacted_plan};
use crate::worker::Worker;
use crate::{Engine, EngineError};
use kitbag_core::content::report::{ReadPart, Via, Written};
use kitbag_core::id::{ItemId, PackId, Timestamp};
use kitbag_core::policy::Sensitivity;
use kitbag_node::audit::{AuditPage, AuditQuery, AuditVerified};
use kitbag_node::carrying::{Carried, Carry, CarryOptions};
use kitbag_node::finding::{ExportOptions, ExportPlan};
use kitbag_node::view::{Note, Revision, SetAsideView, TextPage};
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

    /// The first of what is set aside, as many as `limit`, and how much it is, for somebody: what shows
    /// text of a note is reported before it is handed over. What stands above `up_to` is as if it were
    /// not there.
    ///
    /// # Errors
    /// As [`Engine::set_aside`].
    pub async fn read_set_aside(
        &self,
        pack: PackId,
        limit: usize,
        up_to: Sensitivity,
        via: Via,
    ) -> Result<(Vec<SetAsideView>, u64), EngineError> {
        self.worker()?
            .call(move |node, now| {
                let mut listed = node.set_aside(pack)?;
                listed.retain(|view| view.sensitivity <= up_to);
                let total = listed.len() as u64;
                listed.truncate(limit);
                let shown = listed.iter().filter(|view| view.text.is_some());
                let read: Vec<(ItemId, Sensitivity)> = shown
                    .filter_map(|view| Some((view.note?, view.sensitivity)))
                    .collect();
                node.report_reads(now, pack, &read, ReadPart::Now, &via)?;
                Ok((listed, total))
            })
            .await
    }

    /// As [`Engine::carry`], for somebody: reported where the note is, as an export, before it is
    /// written into the other pack; what is refused is reported as well.
    ///
    /// # Errors
    /// As there.
    pub async fn carry_for(
        &self,
        pack: PackId,
        id: ItemId,
        options: CarryOptions,
        dry_run: bool,
        via: Via,
    ) -> Result<Carried, EngineError> {
        self.worker()?
            .call(move |node, now| {
                let planned = node.carry(now, pack, id, &options, true);
                if let Err(NodeError::Denied(denied)) = &planned {
                    let rule = Node::denied_by(denied);
                    let asked = match options.carry {
                        Carry::Move => "move",
                        Carry::Copy => "copy",
                    };
                    node.report_denial_of_note(now, pack, id, asked, &rule, via)?;
                    return planned;
                }
                let planned = planned?;
                if dry_run {
                    return Ok(planned);
                }
                node.report_carry(now, pack, &planned, &options, via)?;
                node.carry(now, pack, id, &options, false)
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
        let begin = {
            let (options, via) = (options.clone(), via.clone());
            move |node: &mut Node, now| {
                let pack = options.pack;
                let redacts = ids_to_redact(node, &options)?;
                let begun = node.begin_export(now, options);
                Ok((report_denied(node, now, pack, begun, via)?, redacts))
            }
        };
        let (mut exporting, redacts) = worker.call(begin).await?;
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
                    return told.await.map(|plan| redacted_plan(plan, redacts.as_ref()));
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
        let worker = self.worker()?;
        let page = worker.call(move |node, now| {
            let redacts = ids_to_redact(node, &options)?;
            let page = node.export_page(now, &options, &notes);
            let page = report_denied(node, now, options.pack, page, via.clone())?;
            node.report_export_page(now, &options, &page, via)?;
            Ok((page, redacts))
        });
        let (page, redacts) = page.await?;
        RedactedPage::of_page(page, redacts).await
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
        let worker = self.worker()?;
        let begin = move |node: &mut Node, now| {
            let mut reading = node.begin_audit(now, pack, &query)?;
            let page = node.audit_on(now, &mut reading)?;
            Ok((reading, page))
        };
        let on = |mut reading| {
            move |node: &mut Node, now| {
                let page = node.audit_on(now, &mut reading)?;
                Ok((reading, page))
            }
        };
        in_slices(&worker, begin, on).await
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
        let worker = self.worker()?;
        let begin = move |node: &mut Node, now| {
            let mut verifying = node.begin_verify_audit(now, pack)?;
            let verified = node.verify_audit_on(&mut verifying)?;
            Ok((verifying, verified))
        };
        let on = |mut verifying| {
            move |node: &mut Node, _| {
                let verified = node.verify_audit_on(&mut verifying)?;
                Ok((verifying, verified))
            }
        };
        in_slices(&worker, begin, on).await
    }

    /// For how many milliseconds reports are shown; from now on for so many, if some are given, and how
    /// many that only this device kept are deleted for that. With `dry_run` only says what it would be.
    ///
    /// # Errors
    /// [`EngineError::Storage`].
    pub async fn audit_keep(
        &self,
        millis: Option<u64>,
        dry_run: bool,
    ) -> Result<(u64, u64), EngineError> {
        self.worker()?
            .call(move |node, now| {
                let Some(millis) = millis else {
                    return Ok((node.audit_keep_millis(), 0));
                };
                let deleted = node.audit_too_old(now, millis)?;
                if !dry_run {
                    node.set_audit_keep(now, millis)?;
                }
                Ok((millis, deleted))
            })
            .await
    }
}

/// Begins something and goes on with it until there is an answer; the device does its other work
/// between two calls.
pub(crate) async fn in_slices<S, A, F>(
    worker: &Worker,
    begin: impl FnOnce(&mut Node, Timestamp) -> Result<(S, Option<A>), NodeError> + Send + 'static,
    on: impl Fn(S) -> F,
) -> Result<A, EngineError>
where
    S: Send + 'static,
    A: Send + 'static,
    F: FnOnce(&mut Node, Timestamp) -> Result<(S, Option<A>), NodeError> + Send + 'static,
{
    let (mut state, mut answer) = worker.call(begin).await?;
    loop {
        match answer {
            Some(answer) => return Ok(answer),
            None => (state, answer) = worker.call(on(state)).await?,
        }
    }
}

/// Reports that the policy of a pack refused something, and refuses it.
fn report_denied<T>(
    node: &mut Node,
    now: Timestamp,
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
