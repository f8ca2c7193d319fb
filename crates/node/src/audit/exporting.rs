//! Exports under way: what was handed over so far, and what is told about it once it is over.
//!
//! What counts is what this device hands over, page by page. The program that asked says afterwards
//! what it wrote; if it does not, the report says that nobody told.

use super::pages::PageRow;
use super::{Node, NodeError, Waits, is_within};
use crate::carrying::{Carried, CarryOptions};
use crate::finding::{ExportOptions, ExportPage, ExportPlan};
use kitbag_core::content::report::{
    Exported, ExportedWhole, NAMED_NOTES_MAX, NoteStart, RULES_MAX, Report, Reported, Via, Written,
};
use kitbag_core::id::{PackId, Timestamp};
use kitbag_core::policy::Sensitivity;
use kitbag_core::release::Withheld;
use kitbag_crypto::{Hash, HashLabel};
use std::collections::{BTreeMap, BTreeSet};

/// Requests whose exports are under way at once, at most; one more ends the oldest.
const REQUESTS_MAX: usize = 4;
/// Packs of one request, each an export of its own, at most; one more ends the oldest.
const PARTS_MAX: usize = 65;
/// Bytes of what is under way in the setting that keeps it, at most; beyond, the oldest ends.
pub(super) const UNDER_WAY_BYTES_MAX: usize = 384 << 10;
/// How long one export is under way, in milliseconds, however often a page of it is asked for: an hour.
const UNDER_WAY_MILLIS_MAX: u64 = 60 * 60 * 1000;

/// Who takes what: pages of one export come with the same request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ExportKey {
    /// What was asked for, the same for all packs that leave in one document.
    request: [u8; 32],
    /// What of it is of one pack.
    part: [u8; 32],
}

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
    into: Option<PackId>,
    withheld: BTreeMap<(Sensitivity, Withheld), u64>,
    held: BTreeMap<Sensitivity, BTreeSet<NoteStart>>,
    written: Option<Written>,
    /// The highest sensitivity that this person opened when it began: the only one at which the pack may
    /// hear its hash. It follows from the policy alone, whatever notes there are.
    hash_at: Option<Sensitivity>,
    /// Whether all that stayed is known here, as planned.
    knows_what_stayed: bool,
    /// Whether anything left, or somebody said that the export is over.
    is_real: bool,
}

impl OpenExport {
    /// What is to be told, one report for each sensitivity: what it held there, what stayed, and what it
    /// was as a whole, as far as that sensitivity. What is told at one is the same whatever was held or
    /// kept back at another, so it says nothing about what is above. Its hash stands only where everybody
    /// may know all that this device does.
    pub(super) fn reports(&self) -> Vec<Waits> {
        if !self.is_real {
            return vec![];
        }
        let held = self.held.iter().filter(|(_, notes)| !notes.is_empty());
        let held = held.map(|(level, _)| *level);
        let stayed = self.withheld.iter().filter(|(_, count)| **count > 0);
        let about: BTreeSet<Sensitivity> = held.chain(stayed.map(|((at, _), _)| *at)).collect();
        // What neither held nor kept back anything tells nothing.
        if about.is_empty() {
            return vec![];
        }
        let mut levels = about.clone();
        levels.extend(self.hash_at.filter(|_| self.written.is_some()));
        let report = |level: Sensitivity| {
            let notes = self.held.get(&level);
            let kept = self.withheld.iter();
            let kept = kept.filter(|((at, _), count)| *at == level && **count > 0);
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
                whole: about.contains(&level).then(|| ExportedWhole {
                    max_sensitivity: self.max_sensitivity.min(level),
                    format: self.format.clone(),
                    purpose: self.purpose.clone(),
                    crosses_clients: self.crosses_clients,
                    into: self.into,
                }),
                written: self.written.clone().filter(|_| self.hash_at == Some(level)),
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

    /// What of these is new in it.
    fn new_in(&self, page: &ExportPage) -> BTreeMap<Sensitivity, BTreeSet<NoteStart>> {
        let mut new: BTreeMap<Sensitivity, BTreeSet<NoteStart>> = BTreeMap::new();
        for note in &page.notes {
            let (level, start) = (note.sensitivity, NoteStart::of(&note.id));
            if !self.holds_at(level).is_some_and(|at| at.contains(&start)) {
                new.entry(level).or_default().insert(start);
            }
        }
        new
    }

    fn holds_at(&self, level: Sensitivity) -> Option<&BTreeSet<NoteStart>> {
        self.held.get(&level).filter(|notes| !notes.is_empty())
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
        let key = self.open_export(now, &pinned, &via)?;
        let Some(open) = self.audit.exports.get_mut(&key) else {
            return Ok(());
        };
        open.touched = now;
        // Of two plans of the same request, both kept back what they kept back.
        for (why, count) in &plan.withheld_at {
            let most = open.withheld.entry(*why).or_default();
            *most = (*most).max(*count);
        }
        open.crosses_clients = plan.crosses_clients;
        // What left before it was planned may have been planned before it was forgotten.
        open.knows_what_stayed |= !open.is_real;
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
        if page.notes.is_empty() && page.withheld.by.is_empty() {
            return Ok(());
        }
        let key = self.open_export(now, options, &via)?;
        let Some(open) = self.audit.exports.get_mut(&key) else {
            return Ok(());
        };
        open.touched = now;
        // Withdrawn since it was planned: of which sensitivity is not known here.
        open.knows_what_stayed &= page.withheld.by.is_empty();
        let new = open.new_in(page);
        if new.is_empty() {
            return Ok(()); // read a second time
        }
        // A row of the page alone stands for it, where what is on disk has a report to add it to.
        let is_known = open.is_real && new.keys().all(|level| open.holds_at(*level).is_some());
        if is_known && self.audit.pages.has_room() {
            let row = PageRow::new(open.pack, open.id, &new);
            self.keep_page(row)?;
        }
        let Some(open) = self.audit.exports.get_mut(&key) else {
            return Ok(());
        };
        let before = open.clone();
        for (level, notes) in new {
            open.held.entry(level).or_default().extend(notes);
        }
        open.is_real = true;
        if !is_known || !self.audit.pages.has_room() {
            let waiting = self.audit.waiting.clone();
            if let Err(error) = self.keep_to_report(waiting) {
                self.audit.exports.insert(key, before);
                return Err(error);
            }
        }
        self.end_what_is_too_much(key)
    }

    /// Whoever took an export says what they wrote. Tells the pack at once. Its hash is told there at the
    /// highest sensitivity that this person opens, of a document that is of this pack alone and of which
    /// is known how much stayed. Otherwise who reads here could try what the rest of it may be until the
    /// hash fits, and it goes into this device's own list. Of an export that is not under way nothing is
    /// told.
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
        let key = key(options, &via);
        let hash_at = self.highest_opened(options.pack);
        let Some(open) = self.audit.exports.get_mut(&key) else {
            return Ok(());
        };
        let mut own = vec![];
        // Under another clearance than it began with, this person may know more, or less, than its readers.
        let reads_all = open.hash_at.is_some() && open.hash_at == hash_at;
        if open.knows_what_stayed && options.beside.is_empty() && reads_all {
            open.written = Some(written);
        } else if open.is_real {
            let of_document = Exported {
                id: open.id,
                held: 0,
                withheld: vec![],
                notes: vec![],
                whole: None,
                written: Some(written),
            };
            let what = Reported::Export(of_document);
            let report = Report::once(open.began, open.via.clone(), what);
            own.push((Some(open.pack), report));
        }
        open.is_real |= open.knows_what_stayed;
        self.close_export(key, own)?;
        self.write_reports_of(now, options.pack, &Sensitivity::ALL.into())
    }

    /// The highest sensitivity that this person opens in a pack.
    fn highest_opened(&self, pack: PackId) -> Option<Sensitivity> {
        let policy = &self.packs.get(&pack)?.policy;
        let me = self.me.person();
        let mut levels = Sensitivity::ALL.into_iter().rev();
        levels.find(|level| policy.may_open(&me, *level))
    }

    /// A note goes into another pack: told here as an export, at its sensitivity; durable before anything
    /// is written there. What is there already goes nowhere.
    ///
    /// # Errors
    /// [`NodeError::Store`].
    pub fn report_carry(
        &mut self,
        now: Timestamp,
        pack: PackId,
        planned: &Carried,
        options: &CarryOptions,
        via: Via,
    ) -> Result<(), NodeError> {
        if planned.existing {
            return Ok(());
        }
        let mut held: BTreeMap<Sensitivity, BTreeSet<NoteStart>> = BTreeMap::new();
        for linked in [Some(&planned.note), planned.along.as_ref()]
            .into_iter()
            .flatten()
        {
            let at = held.entry(linked.sensitivity).or_default();
            at.insert(NoteStart::of(&linked.id));
        }
        let highest = held.keys().next_back().copied();
        let carried = OpenExport {
            pack,
            via,
            id: self.export_id(),
            began: now,
            touched: now,
            max_sensitivity: highest.unwrap_or(planned.note.sensitivity),
            format: None,
            purpose: options.purpose.as_deref().map(super::word),
            crosses_clients: planned.crosses_clients,
            into: Some(options.to),
            withheld: BTreeMap::new(),
            held,
            written: None,
            hash_at: None,
            knows_what_stayed: true,
            is_real: true,
        };
        let mut waiting = self.audit.waiting.clone();
        waiting.extend(carried.reports());
        self.keep_to_report(waiting)?;
        self.write_reports(now, false).map(drop)
    }

    fn export_id(&mut self) -> [u8; 16] {
        let mut id = [0; 16];
        self.rng.fill_bytes(&mut id);
        id
    }

    /// The export that this request is about, begun if there is none.
    fn open_export(
        &mut self,
        now: Timestamp,
        options: &ExportOptions,
        via: &Via,
    ) -> Result<ExportKey, NodeError> {
        let key = key(options, via);
        if self.audit.exports.contains_key(&key) {
            return Ok(key);
        }
        self.make_room(key.request)?;
        let open = OpenExport {
            pack: options.pack,
            via: via.clone(),
            id: self.export_id(),
            began: now,
            touched: now,
            max_sensitivity: options.max_sensitivity.unwrap_or(Sensitivity::Restricted),
            format: options.format.as_deref().map(super::word),
            purpose: options.purpose.as_deref().map(super::word),
            crosses_clients: options.across_clients,
            into: None,
            withheld: BTreeMap::new(),
            held: BTreeMap::new(),
            written: None,
            hash_at: self.highest_opened(options.pack),
            knows_what_stayed: false,
            is_real: false,
        };
        self.audit.exports.insert(key, open);
        Ok(key)
    }

    /// Ends the request of which nobody heard for longest, or of this request its oldest part, if there
    /// are as many as may be.
    fn make_room(&mut self, request: [u8; 32]) -> Result<(), NodeError> {
        let mut heard: BTreeMap<[u8; 32], Timestamp> = BTreeMap::new();
        for (key, open) in &self.audit.exports {
            let last = heard.entry(key.request).or_insert(open.touched);
            *last = (*last).max(open.touched);
        }
        if !heard.contains_key(&request) && heard.len() >= REQUESTS_MAX {
            let oldest = heard.iter().min_by_key(|(_, touched)| **touched);
            let oldest = oldest.map(|(request, _)| *request);
            let parts = self.audit.exports.keys();
            let parts: Vec<ExportKey> = parts
                .filter(|key| Some(key.request) == oldest)
                .copied()
                .collect();
            self.close_all(parts)?;
        }
        let parts = self.audit.exports.iter();
        let parts: Vec<_> = parts.filter(|(key, _)| key.request == request).collect();
        if parts.len() < PARTS_MAX {
            return Ok(());
        }
        let oldest = parts.into_iter().min_by_key(|(_, open)| open.touched);
        let oldest = oldest.map(|(key, _)| *key);
        self.close_all(oldest.into_iter().collect())
    }

    /// Ends exports, the oldest first and this one last, until the setting has room for the rest.
    fn end_what_is_too_much(&mut self, but: ExportKey) -> Result<(), NodeError> {
        let mut exports: Vec<(bool, Timestamp, ExportKey, usize)> = self
            .audit
            .exports
            .iter()
            .map(|(key, open)| {
                let bytes = open.reports().iter().map(super::bytes_of).sum();
                (*key == but, open.touched, *key, bytes)
            })
            .collect();
        exports.sort_unstable();
        let mut bytes: usize = exports.iter().map(|of| of.3).sum();
        let mut over = vec![];
        for (is_this, _, key, own) in exports {
            if bytes <= UNDER_WAY_BYTES_MAX || is_this {
                break;
            }
            bytes -= own;
            over.extend((own > 0).then_some(key));
        }
        self.close_all(over)
    }

    /// Ends exports of which nobody heard for a while, or that take too long; with `all`, all of them.
    pub(super) fn close_exports(&mut self, now: Timestamp, all: bool) -> Result<(), NodeError> {
        let lasts = |open: &OpenExport| {
            open.began.as_millis().abs_diff(now.as_millis()) < UNDER_WAY_MILLIS_MAX
        };
        let over = |open: &OpenExport| all || !is_within(open.touched, now) || !lasts(open);
        let exports = self.audit.exports.iter();
        let over: Vec<ExportKey> = exports
            .filter(|(_, open)| over(open))
            .map(|(key, _)| *key)
            .collect();
        self.close_all(over)
    }

    fn close_all(&mut self, exports: Vec<ExportKey>) -> Result<(), NodeError> {
        let mut exports = exports.into_iter();
        exports.try_for_each(|key| self.close_export(key, vec![]))
    }

    /// Ends an export; its reports wait from then on, and these go into this device's list.
    fn close_export(
        &mut self,
        key: ExportKey,
        own: Vec<(Option<PackId>, Report)>,
    ) -> Result<(), NodeError> {
        let Some(open) = self.audit.exports.remove(&key) else {
            return Ok(());
        };
        let reports = open.reports();
        if reports.is_empty() && own.is_empty() {
            return Ok(());
        }
        let mut waiting = self.audit.waiting.clone();
        waiting.extend(reports);
        let kept = self.keep_with_own(waiting, own);
        if kept.is_err() {
            self.audit.exports.insert(key, open);
        }
        kept
    }
}

/// Requests are told apart by all that they say. Packs that leave in one document are one request, in
/// which each pack has its own bound and says for itself whether it crosses clients.
fn key(options: &ExportOptions, via: &Via) -> ExportKey {
    let mut packs: BTreeSet<PackId> = options.beside.iter().copied().collect();
    packs.insert(options.pack);
    let part = format!(
        "{:?} {:?} {:?}",
        options.pack, options.max_sensitivity, options.across_clients
    );
    let shared = ExportOptions {
        max_sensitivity: None,
        across_clients: false,
        only: None,
        beside: packs.iter().copied().collect(),
        pack: packs.pop_first().unwrap_or(options.pack),
        ..options.clone()
    };
    let hash = |said: String| *Hash::of(HashLabel::Item, &[b"export", said.as_bytes()]).as_bytes();
    ExportKey {
        request: hash(format!("{shared:?} {via:?}")),
        part: hash(part),
    }
}
