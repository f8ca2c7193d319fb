//! Exports under way: what was handed over so far, and what is told about it once it is over.
//!
//! What counts is what this device hands over, page by page. The program that asked says afterwards
//! what it wrote; if it does not, the report says that nobody told.

use super::{Node, NodeError, Waits, is_within};
use crate::finding::{ExportOptions, ExportPage, ExportPlan};
use kitbag_core::content::report::{
    Exported, ExportedWhole, NAMED_NOTES_MAX, NoteStart, RULES_MAX, Report, Reported, Via, Written,
};
use kitbag_core::id::{PackId, Timestamp};
use kitbag_core::policy::Sensitivity;
use kitbag_core::release::Withheld;
use kitbag_crypto::{Hash, HashLabel};
use std::collections::{BTreeMap, BTreeSet};

/// Exports under way at once, at most; one more ends the oldest.
const UNDER_WAY_MAX: usize = 4;

/// Who takes what: pages of one export come with the same request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ExportKey([u8; 32]);

/// An export under way.
#[derive(Clone, Debug)]
pub(crate) struct OpenExport {
    pack: PackId,
    via: Via,
    id: [u8; 16],
    began: Timestamp,
    touched: Timestamp,
    max_sensitivity: Sensitivity,
    format: Option<String>,
    purpose: Option<String>,
    crosses_clients: bool,
    withheld: BTreeMap<(Sensitivity, Withheld), u64>,
    held: BTreeMap<Sensitivity, BTreeSet<NoteStart>>,
    written: Option<Written>,
    /// Notes that it held when it was made durable last.
    durable: usize,
    /// Whether anything left, or somebody said that the export is over.
    is_real: bool,
}

impl OpenExport {
    /// What is to be told, one report for each sensitivity: what it held there and what stayed. What
    /// it was as a whole is told where nobody reads who may not read all of it; its hash, where nobody
    /// reads who may not know what stayed.
    pub(super) fn reports(&self) -> Vec<Waits> {
        if !self.is_real {
            return vec![];
        }
        let held = self.held.iter().filter(|(_, notes)| !notes.is_empty());
        let mut levels: BTreeSet<Sensitivity> = held.map(|(level, _)| *level).collect();
        let highest_held = levels.last().copied();
        levels.extend(self.withheld.keys().map(|(level, _)| *level));
        let highest = levels.last().copied().unwrap_or(Sensitivity::Public);
        let whole_at = highest_held.unwrap_or(highest);
        levels.insert(highest);
        let report = |level: Sensitivity| {
            let notes = self.held.get(&level);
            let kept = self.withheld.iter().filter(|((at, _), _)| *at == level);
            let mut withheld: BTreeMap<String, u32> = BTreeMap::new();
            for ((_, why), count) in kept {
                let sum = withheld.entry(super::word(&why.rule())).or_default();
                *sum = sum.saturating_add(u32::try_from(*count).unwrap_or(u32::MAX));
            }
            let named = notes.into_iter().flatten().take(NAMED_NOTES_MAX);
            let exported = Exported {
                id: self.id,
                held: u32::try_from(notes.map_or(0, BTreeSet::len)).unwrap_or(u32::MAX),
                withheld: withheld.into_iter().take(RULES_MAX).collect(),
                notes: named.copied().collect(),
                whole: (level == whole_at).then(|| ExportedWhole {
                    max_sensitivity: self.max_sensitivity,
                    format: self.format.clone(),
                    purpose: self.purpose.clone(),
                    crosses_clients: self.crosses_clients,
                }),
                written: self.written.clone().filter(|_| level == highest),
            };
            Waits {
                pack: self.pack,
                sensitivity: level,
                report: Report::once(self.began, self.via.clone(), Reported::Export(exported)),
                lacks_key: false,
            }
        };
        levels.into_iter().map(report).collect()
    }

    fn notes(&self) -> usize {
        self.held.values().map(BTreeSet::len).sum()
    }
}

impl Node {
    /// An export was planned. It is told once a page of it was read, or it is said to be over.
    ///
    /// # Errors
    /// [`NodeError::Store`].
    pub fn report_export_planned(
        &mut self,
        now: Timestamp,
        options: &ExportOptions,
        plan: &ExportPlan,
        via: Via,
    ) -> Result<(), NodeError> {
        // As the pages of this plan will ask for it.
        let pinned = ExportOptions {
            max_sensitivity: Some(plan.max_sensitivity),
            across_clients: plan.crosses_clients,
            only: None,
            ..options.clone()
        };
        let open = self.open_export(now, &pinned, &via)?;
        open.withheld = plan.withheld_at.clone();
        open.crosses_clients = plan.crosses_clients;
        Ok(())
    }

    /// A page of an export was read; durable before it is handed over.
    ///
    /// # Errors
    /// [`NodeError::Store`].
    pub fn report_export_page(
        &mut self,
        now: Timestamp,
        options: &ExportOptions,
        page: &ExportPage,
        via: Via,
    ) -> Result<(), NodeError> {
        if page.notes.is_empty() {
            return Ok(());
        }
        let open = self.open_export(now, options, &via)?;
        for note in &page.notes {
            let at = open.held.entry(note.sensitivity).or_default();
            at.insert(NoteStart::of(&note.id));
        }
        let first = !open.is_real;
        (open.is_real, open.touched) = (true, now);
        // All of it is written again each time, so not at every page of a long export.
        if first || open.notes() >= 2 * open.durable {
            open.durable = open.notes();
            let waiting = self.audit.waiting.clone();
            self.keep_to_report(waiting)?;
        }
        Ok(())
    }

    /// Whoever took an export says what they wrote. Tells the pack at once.
    ///
    /// # Errors
    /// [`NodeError::Store`].
    pub fn report_export_written(
        &mut self,
        now: Timestamp,
        options: &ExportOptions,
        written: Written,
        via: Via,
    ) -> Result<(), NodeError> {
        let open = self.open_export(now, options, &via)?;
        (open.is_real, open.written) = (true, Some(written));
        self.close_export(key(options, &via))?;
        self.write_reports_of(now, options.pack)
    }

    fn open_export(
        &mut self,
        now: Timestamp,
        options: &ExportOptions,
        via: &Via,
    ) -> Result<&mut OpenExport, NodeError> {
        let key = key(options, via);
        if !self.audit.exports.contains_key(&key) {
            while self.audit.exports.len() >= UNDER_WAY_MAX {
                let exports = self.audit.exports.iter();
                let oldest = exports.min_by_key(|(_, open)| open.touched);
                let Some(oldest) = oldest.map(|(key, _)| *key) else {
                    break;
                };
                self.close_export(oldest)?;
            }
            let mut id = [0; 16];
            self.rng.fill_bytes(&mut id);
            let open = OpenExport {
                pack: options.pack,
                via: via.clone(),
                id,
                began: now,
                touched: now,
                max_sensitivity: options.max_sensitivity.unwrap_or(Sensitivity::Restricted),
                format: options.format.as_deref().map(super::word),
                purpose: options.purpose.as_deref().map(super::word),
                crosses_clients: options.across_clients,
                withheld: BTreeMap::new(),
                held: BTreeMap::new(),
                written: None,
                durable: 0,
                is_real: false,
            };
            self.audit.exports.insert(key, open);
        }
        let open = self.audit.exports.get_mut(&key);
        open.ok_or(NodeError::NotFound("export"))
    }

    /// Ends exports of which nobody heard for a while; with `all`, all of them.
    pub(super) fn close_exports(&mut self, now: Timestamp, all: bool) -> Result<(), NodeError> {
        let over = |open: &OpenExport| all || !is_within(open.touched, now);
        let exports = self.audit.exports.iter();
        let over: Vec<ExportKey> = exports
            .filter(|(_, open)| over(open))
            .map(|(key, _)| *key)
            .collect();
        over.into_iter().try_for_each(|key| self.close_export(key))
    }

    fn close_export(&mut self, key: ExportKey) -> Result<(), NodeError> {
        let Some(open) = self.audit.exports.remove(&key) else {
            return Ok(());
        };
        if !open.is_real {
            return Ok(());
        }
        let mut waiting = self.audit.waiting.clone();
        waiting.extend(open.reports());
        let kept = self.keep_to_report(waiting);
        if kept.is_err() {
            self.audit.exports.insert(key, open);
        }
        kept
    }
}

/// Requests are told apart by all that they say.
fn key(options: &ExportOptions, via: &Via) -> ExportKey {
    let said = format!("{options:?} {via:?}");
    ExportKey(*Hash::of(HashLabel::Item, &[b"export", said.as_bytes()]).as_bytes())
}
