//! What happened on this device, told to whoever may read what it concerns: reads, exports, denials.
//!
//! A report waits here, on disk, for a few minutes: the same read is counted meanwhile, and many
//! reports share one entry. Then it goes into this device's log of the sensitivity that it speaks
//! of. What no pack takes is kept in a list of this device alone, chained and signed as well.
//! Spec: `docs/spec/audit.md`.

mod exporting;
mod log;
mod own;
mod pages;
mod verify;

pub use log::{
    AUDIT_REACH_MAX, AUDIT_ROWS_MAX, AuditKind, AuditPage, AuditQuery, AuditReading, AuditRow,
    AuditState, AuditWhat,
};
pub use verify::{AuditVerified, BrokenLog, VerifiedDevice, VerifyingAudit};

use crate::error::Denied;
use crate::replica::{Replica, Staged};
use crate::write::Draft;
use crate::{Node, NodeError, read_list};
use exporting::OpenExport;
use kitbag_core::codec;
use kitbag_core::content::report::{
    REPORTS_BYTES_MAX, REPORTS_MAX, ReadPart, Report, Reported, Reports, Via, WORD_BYTES_MAX,
    report_tag,
};
use kitbag_core::content::{EntryBody, EntryKind};
use kitbag_core::id::{ItemId, PackId, Timestamp};
use kitbag_core::policy::Sensitivity;
use kitbag_crypto::ItemKey;
use kitbag_store::Store;
use minicbor::{Decode, Encode};
use own::OwnEnd;
use pages::Pages;
use std::collections::{BTreeMap, BTreeSet};

/// How long a report waits, in milliseconds, and so how long the same read is counted instead of told
/// again. Five minutes: a note that somebody works with all day is told about a hundred times.
pub const REPORT_WAIT_MILLIS: u64 = 5 * 60 * 1000;
/// Reports that wait, at most. Those beyond go into a pack at once, or else into this device's list.
const WAITING_MAX: usize = 512;
/// Bytes of the setting that holds them, at most; exports under way come on top.
const WAITING_BYTES_MAX: usize = 384 << 10;
/// Denials of one wait that go straight into the own list, at most.
const TOLD_MAX: usize = 16;
/// How long reports are shown, unless a person says otherwise: a year.
pub const KEEP_MILLIS_DEFAULT: u64 = 365 * 24 * 60 * 60 * 1000;

/// A report that waits.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Waits {
    #[n(0)]
    pack: PackId,
    #[n(1)]
    sensitivity: Sensitivity,
    #[n(2)]
    report: Report,
    /// Whether it waits for a key alone.
    #[n(3)]
    lacks_key: bool,
}

/// What this device keeps to report.
pub(crate) struct Audit {
    waiting: Vec<Waits>,
    /// Exports under way, by who takes what.
    exports: BTreeMap<exporting::ExportKey, OpenExport>,
    /// What their pages added since the setting was written.
    pages: Pages,
    /// A list that somebody takes piece by piece.
    list: Option<log::KeptList>,
    own: OwnEnd,
    keep_millis: u64,
    /// When rows of the own list that are too old were dropped last, since the start.
    pruned_at: Option<Timestamp>,
    /// What the own list was told last, so that nobody fills it by asking again and again.
    told: Vec<Report>,
    /// Packs in which it was tried to write reports that lacked a key, since the start.
    tried: BTreeSet<PackId>,
}

impl Audit {
    pub(crate) fn load(store: &Store, damaged: &mut Vec<&'static str>) -> Result<Audit, NodeError> {
        let mut waiting: Vec<Waits> = read_list(store, WAITING, "reports that wait", damaged)?;
        let pages = Pages::load(store, &mut waiting, damaged)?;
        let own = OwnEnd::load(store, damaged)?;
        let keep: Vec<u64> = read_list(store, KEEP, "how long reports are shown", damaged)?;
        Ok(Audit {
            waiting,
            exports: BTreeMap::new(),
            pages,
            list: None,
            own,
            keep_millis: keep.first().copied().unwrap_or(KEEP_MILLIS_DEFAULT),
            pruned_at: None,
            told: Vec::new(),
            tried: BTreeSet::new(),
        })
    }

    /// The settings that hold what waits, and exports under way as they would be told now.
    fn to_keep(&self, waiting: &[Waits]) -> [(String, Vec<u8>); 2] {
        let under_way = self.exports.values().flat_map(OpenExport::reports);
        let all: Vec<Waits> = waiting.iter().cloned().chain(under_way).collect();
        let long = (WAITING.into(), codec::encode(&all));
        [long, self.pages.next().setting()]
    }

    /// They are durable.
    fn were_kept(&mut self, waiting: Vec<Waits>) {
        self.waiting = waiting;
        self.pages = self.pages.next();
    }
}

impl Node {
    /// Reports that a note was opened for somebody; durable before this returns, or counted with the
    /// same read that is.
    ///
    /// # Errors
    /// [`NodeError::NotFound`], [`NodeError::Store`].
    pub fn report_read(
        &mut self,
        now: Timestamp,
        pack: PackId,
        item: ItemId,
        part: ReadPart,
        via: Via,
    ) -> Result<(), NodeError> {
        let (_, sensitivity, _) = self.read_note(pack, item)?;
        self.report_reads(now, pack, &[(item, sensitivity)], part, &via)
    }

    /// Reports that notes, or what is set aside of them, were opened for somebody, each at the
    /// sensitivity of what was opened; durable before this returns.
    ///
    /// # Errors
    /// [`NodeError::Store`].
    pub fn report_reads(
        &mut self,
        now: Timestamp,
        pack: PackId,
        read: &[(ItemId, Sensitivity)],
        part: ReadPart,
        via: &Via,
    ) -> Result<(), NodeError> {
        let mut waiting = self.audit.waiting.clone();
        let before = waiting.len();
        for (item, sensitivity) in read {
            let what = Reported::Read { item: *item, part };
            let again = same(&mut self.audit.waiting, now, pack, *sensitivity, via, &what);
            // Twice in one answer is one read.
            let is_new =
                |waits: &Waits| waits.report.what != what || waits.sensitivity != *sensitivity;
            if let Some(again) = again {
                again.again(now);
            } else if waiting[before..].iter().all(is_new) {
                waiting.push(Waits {
                    pack,
                    sensitivity: *sensitivity,
                    report: Report::once(now, via.clone(), what),
                    lacks_key: false,
                });
            }
        }
        let new = waiting.split_off(before);
        match new.is_empty() {
            true => Ok(()),
            false => self.wait(now, new),
        }
    }

    /// Reports that something was refused: in the pack that it concerns, where every member who reads
    /// sees the rule's name, or without one, or where that may not be, in this device's own list.
    ///
    /// # Errors
    /// [`NodeError::Store`].
    pub fn report_denial(
        &mut self,
        now: Timestamp,
        pack: Option<PackId>,
        asked: &str,
        rule: &str,
        via: Via,
    ) -> Result<(), NodeError> {
        let what = Reported::Denial {
            asked: word(asked),
            rule: word(rule),
        };
        if let Some(pack) = pack {
            return self.refused(now, pack, Sensitivity::Public, what, via);
        }
        let told = &mut self.audit.told;
        told.retain(|before| is_within(before.at, now));
        let again = |before: &Report| (&before.via, &before.what) == (&via, &what);
        if told.iter().any(again) || told.len() >= TOLD_MAX {
            return Ok(());
        }
        let report = Report::once(now, via, what);
        told.push(report.clone());
        self.keep_own(vec![(None, report)])
    }

    /// Reports that something was refused about one note, to whoever may read the note: the rule alone
    /// would tell others that there is such a note. Nothing about a note that this person does not read.
    ///
    /// # Errors
    /// [`NodeError::Store`].
    pub fn report_denial_of_note(
        &mut self,
        now: Timestamp,
        pack: PackId,
        item: ItemId,
        asked: &str,
        rule: &str,
        via: Via,
    ) -> Result<(), NodeError> {
        let Ok((_, sensitivity, _)) = self.read_note(pack, item) else {
            return Ok(());
        };
        let what = Reported::Denial {
            asked: word(asked),
            rule: word(rule),
        };
        self.refused(now, pack, sensitivity, what, via)
    }

    /// What is refused again and again is counted, so that nobody fills a pack with it.
    fn refused(
        &mut self,
        now: Timestamp,
        pack: PackId,
        sensitivity: Sensitivity,
        what: Reported,
        via: Via,
    ) -> Result<(), NodeError> {
        if let Some(again) = same(&mut self.audit.waiting, now, pack, sensitivity, &via, &what) {
            again.again(now);
            return Ok(());
        }
        let waits = Waits {
            pack,
            sensitivity,
            report: Report::once(now, via, what),
            lacks_key: false,
        };
        self.wait(now, vec![waits])
    }

    /// The rule by which the policy of a pack denied something, as a report names it.
    pub fn denied_by(denied: &Denied) -> String {
        match denied {
            Denied::Release(why) => why.rule(),
            Denied::MadeFrom(kept) => kept.why.rule(),
            Denied::RulesUnreadable(_) => "rules unreadable".into(),
            Denied::AboveClearance => "clearance".into(),
            Denied::NotAMember | Denied::Ended(_) | Denied::Waits(_) => "membership".into(),
            Denied::NoKeyYet => "no key yet".into(),
            Denied::NewerRules => "rules newer".into(),
            _ => "role".into(),
        }
    }

    fn wait(&mut self, now: Timestamp, new: Vec<Waits>) -> Result<(), NodeError> {
        let mut waiting = self.audit.waiting.clone();
        waiting.extend(new);
        self.keep_to_report(waiting)?;
        self.write_reports(now, false).map(drop)
    }

    fn keep_to_report(&mut self, waiting: Vec<Waits>) -> Result<(), NodeError> {
        self.keep_with_own(waiting, vec![])
    }

    /// Makes durable, at once, what waits from now on and what goes into this device's list.
    fn keep_with_own(
        &mut self,
        waiting: Vec<Waits>,
        own: Vec<(Option<PackId>, Report)>,
    ) -> Result<(), NodeError> {
        let (rows, end) = self.own_rows_of(own);
        let kept = self.audit.to_keep(&waiting);
        let mut batch = self.store.batch(&mut *self.rng)?;
        for (name, value) in rows.iter().chain(&kept) {
            batch.put_setting(name, value)?;
        }
        batch.commit()?;
        self.audit.own = end;
        self.audit.were_kept(waiting);
        Ok(())
    }

    /// Writes reports that have waited long enough into their packs; with `all`, the others too, and
    /// exports end. To be called now and then, and before the end. Costs nothing while nothing is due.
    /// Says whether anything may have been written.
    ///
    /// # Errors
    /// [`NodeError::Store`].
    pub fn write_reports(&mut self, now: Timestamp, all: bool) -> Result<bool, NodeError> {
        self.forget_list(now);
        if self.audit.waiting.is_empty() && self.audit.exports.is_empty() {
            return Ok(false);
        }
        self.refuse_if_failed()?;
        self.close_exports(now, all)?;
        self.write_waiting(now, all)
    }

    /// Writes all that waits, for somebody who looks. What is under way goes on.
    fn write_to_look(&mut self, now: Timestamp) -> Result<(), NodeError> {
        self.refuse_if_failed()?;
        self.close_exports(now, false)?;
        self.write_waiting(now, true).map(drop)
    }

    fn write_waiting(&mut self, now: Timestamp, all: bool) -> Result<bool, NodeError> {
        if self.audit.waiting.is_empty() {
            return Ok(false);
        }
        let all = all || surplus(&self.audit.waiting) > 0;
        let due = self.due_to_report(now, all);
        let wrote = !due.is_empty();
        for (pack, levels) in due {
            if !all {
                self.audit.tried.insert(pack);
            }
            self.write_reports_of(now, pack, &levels)?;
        }
        let surplus = surplus(&self.audit.waiting);
        if surplus > 0 {
            // Nothing takes them: a pack without a key, for a long time.
            let mut waiting = self.audit.waiting.clone();
            let given_up = waiting.drain(..surplus);
            let rows = given_up.map(|waits| (Some(waits.pack), waits.report));
            let rows = rows.collect();
            self.keep_with_own(waiting, rows)?;
        }
        self.drop_old(now)?;
        Ok(wrote)
    }

    /// Packs and sensitivities at which reports are to be written now. One sensitivity does not hurry
    /// another: whoever reads the lower one would see by its haste that something happened above.
    fn due_to_report(&self, now: Timestamp, all: bool) -> BTreeMap<PackId, BTreeSet<Sensitivity>> {
        let mut due: BTreeMap<PackId, BTreeSet<Sensitivity>> = BTreeMap::new();
        let mut lacking = BTreeSet::new();
        for waits in &self.audit.waiting {
            if !all && is_within(waits.report.at, now) {
                continue;
            }
            match waits.lacks_key && !all {
                true => drop(lacking.insert((waits.pack, waits.sensitivity))),
                false => drop(due.entry(waits.pack).or_default().insert(waits.sensitivity)),
            }
        }
        let me = self.me.person();
        let may_go = |replica: &Replica, level| {
            let policy = &replica.policy;
            !policy.may_open(&me, level)
                || policy.may_write(&me, level)
                || replica.usable_epoch(level).is_some()
        };
        for (pack, level) in lacking {
            // One that sleeps is woken for it once; what changes there wakes it as well.
            let goes = match self.packs.if_awake(&pack) {
                Some(replica) => may_go(replica, level),
                None => !self.audit.tried.contains(&pack),
            };
            if goes {
                due.entry(pack).or_default().insert(level);
            }
        }
        due
    }

    /// Writes all that waits for one pack at these sensitivities.
    fn write_reports_of(
        &mut self,
        now: Timestamp,
        pack: PackId,
        levels: &BTreeSet<Sensitivity>,
    ) -> Result<(), NodeError> {
        let waiting = self.audit.waiting.iter().cloned();
        let (own, mut rest): (Vec<Waits>, Vec<Waits>) =
            waiting.partition(|waits| waits.pack == pack && levels.contains(&waits.sensitivity));
        let mut staged = Staged::default();
        let mut by_level: BTreeMap<Sensitivity, Vec<Waits>> = BTreeMap::new();
        for waits in own {
            by_level.entry(waits.sensitivity).or_default().push(waits);
        }
        let mut not_here = Vec::new();
        for (sensitivity, waits) in by_level {
            match self.stage_reports(now, pack, sensitivity, &waits, &mut staged) {
                Ok(true) => {}
                Ok(false) => rest.extend(waits.into_iter().map(|waits| Waits {
                    lacks_key: true,
                    ..waits
                })),
                // Not a member any more, or of a lower clearance: nobody takes it from this device.
                Err(NodeError::Denied(_) | NodeError::NotFound(_) | NodeError::Damaged(_)) => {
                    not_here.extend(waits);
                }
                Err(error) => return Err(error),
            }
        }
        let rows: Vec<_> = not_here
            .into_iter()
            .map(|waits| (Some(pack), waits.report))
            .collect();
        if staged.is_empty() {
            return self.keep_with_own(rest, rows);
        }
        // With the entries themselves: a crash leaves a report in one place.
        let (rows, end) = self.own_rows_of(rows);
        staged.settings.extend(rows);
        staged.settings.extend(self.audit.to_keep(&rest));
        self.commit(pack, staged)?;
        self.audit.own = end;
        self.audit.were_kept(rest);
        Ok(())
    }

    /// Stages entries with these reports; false while no key is here that fits. A report that has
    /// waited its time is written as a note would be: by whoever may write, under a new epoch if one is
    /// owed. Before that the key of one may still be on its way.
    fn stage_reports(
        &mut self,
        now: Timestamp,
        pack: PackId,
        sensitivity: Sensitivity,
        waits: &[Waits],
        staged: &mut Staged,
    ) -> Result<bool, NodeError> {
        let replica = self.packs.need(pack)?;
        let me = self.me.person();
        let waited = waits.iter().any(|waits| !is_within(waits.report.at, now));
        let has_key = replica.usable_epoch(sensitivity).is_some()
            || (waited && replica.policy.may_write(&me, sensitivity));
        if replica.policy.may_open(&me, sensitivity) && (!has_key || replica.has_newer_rules()) {
            return Ok(false);
        }
        let tag = report_tag(pack, self.me.device());
        let item_key = ItemKey::absent(tag.as_bytes());
        let mut pen = self.pen(pack, sensitivity, false, staged)?;
        for reports in in_entries(waits) {
            let body = EntryBody::Reports(reports);
            self.append(
                &mut pen,
                &Draft {
                    kind: EntryKind::Profile,
                    object: tag,
                    deps: BTreeSet::new(),
                    body: &body,
                    item_key: &item_key,
                },
            )?;
        }
        self.put_down(pen, staged);
        Ok(true)
    }

    /// How long reports are shown and exported here, in milliseconds.
    pub fn audit_keep_millis(&self) -> u64 {
        self.audit.keep_millis
    }

    /// Shows and exports reports for so long from now on, and drops older ones where that can be.
    ///
    /// # Errors
    /// [`NodeError::Store`].
    pub fn set_audit_keep(&mut self, now: Timestamp, millis: u64) -> Result<(), NodeError> {
        let mut batch = self.store.batch(&mut *self.rng)?;
        batch.put_setting(KEEP, &codec::encode(&vec![millis]))?;
        batch.commit()?;
        self.audit.keep_millis = millis;
        self.audit.pruned_at = None;
        self.drop_old(now)
    }

    /// Since when reports are shown.
    fn audit_kept_since(&self, now: Timestamp) -> Timestamp {
        Timestamp::from_millis(now.as_millis().saturating_sub(self.audit.keep_millis))
    }
}

/// Reports as entries take them.
fn in_entries(waits: &[Waits]) -> Vec<Reports> {
    let mut entries = Vec::new();
    let (mut open, mut bytes) = (Vec::new(), 0);
    for waits in waits {
        let report = waits.report.to_bytes();
        if open.len() == REPORTS_MAX || bytes + report.len() > REPORTS_BYTES_MAX {
            entries.extend(Reports::new(std::mem::take(&mut open)));
            bytes = 0;
        }
        bytes += report.len();
        open.push(report);
    }
    entries.extend(Reports::new(open));
    entries
}

/// How many of the oldest there is no room for.
fn surplus(waiting: &[Waits]) -> usize {
    let mut bytes = 0;
    let fits = waiting.iter().rev().take(WAITING_MAX).take_while(|waits| {
        bytes += bytes_of(waits);
        bytes <= WAITING_BYTES_MAX
    });
    waiting.len() - fits.count()
}

/// Bytes that it takes in the setting, rather more.
fn bytes_of(waits: &Waits) -> usize {
    match &waits.report.what {
        Reported::Export(export) => 1024 + export.notes.len() * 9,
        _ => 256,
    }
}

/// The report that the same is counted in, if one waits that is young enough.
fn same<'w>(
    waiting: &'w mut [Waits],
    now: Timestamp,
    pack: PackId,
    sensitivity: Sensitivity,
    via: &Via,
    what: &Reported,
) -> Option<&'w mut Report> {
    // An older one of the same may wait for a key for long.
    let mut newest = waiting.iter_mut().rev();
    let same = newest.find(|waits| {
        let of = &waits.report;
        (waits.pack, waits.sensitivity, &of.via, &of.what) == (pack, sensitivity, via, what)
            && is_within(of.at, now)
    })?;
    Some(&mut same.report)
}

/// Whether a report still waits; a clock that went back by more than that ends the wait as well.
fn is_within(at: Timestamp, now: Timestamp) -> bool {
    at.as_millis().abs_diff(now.as_millis()) < REPORT_WAIT_MILLIS
}

/// A word of a report: the first line of a text, as long as it may be.
fn word(text: &str) -> String {
    let mut word = String::new();
    for c in text.chars().filter(|c| !c.is_control()) {
        if word.len() + c.len_utf8() > WORD_BYTES_MAX {
            break;
        }
        word.push(c);
    }
    if word.is_empty() {
        word.push('-');
    }
    word
}

/// The name of who asks, as a report takes it.
impl Node {
    /// A program of the person, by the name that it tells.
    pub fn via_program(name: &str) -> Via {
        Via::Program(word(name))
    }

    /// An agent, by its name.
    pub fn via_agent(name: &str) -> Via {
        Via::Agent(word(name))
    }
}

const WAITING: &str = "audit/waiting";
const KEEP: &str = "audit/keep";

#[cfg(test)]
mod tests;
