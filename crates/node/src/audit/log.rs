//! Reading what devices reported: one list of a pack, newest first, with the changes of its policy.
//!
//! Only what this device opens is in it, and nothing that it does not open is counted. A report whose
//! device was removed before it wrote it is shown as that. It says what devices told, never more: a
//! device can be silent, or lie.

use super::own::OwnRow;
use super::{Node, NodeError};
use crate::authority::Authority;
use crate::explain::Named;
use crate::objects::{ObjectState, epoch_key, open_body, read};
use crate::replica::Replica;
use kitbag_core::content::EntryBody;
use kitbag_core::content::report::{NoteStart, Report, Reported, Via};
use kitbag_core::id::{DeviceId, EntryHash, ItemId, PackId, Timestamp};
use kitbag_core::policy::Sensitivity;
use kitbag_core::policy::fold::Verdict;
use kitbag_core::policy::op::{Act, Body, SignedOp};
use kitbag_crypto::ItemKey;
use std::collections::{BTreeMap, BTreeSet};

/// Rows of one answer, at most.
pub const AUDIT_ROWS_MAX: usize = 1_000;
/// Rows that a question can reach back to, at most: so many are held while the list is put in order.
pub const AUDIT_REACH_MAX: usize = 200_000;

/// Which rows.
#[derive(Clone, Debug, Default)]
pub struct AuditQuery {
    /// Not before this.
    pub since: Option<Timestamp>,
    /// Before this.
    pub until: Option<Timestamp>,
    /// A person or device: their name, or the start of their id.
    pub who: Option<String>,
    /// Of these kinds; of all, if there is none.
    pub kinds: BTreeSet<AuditKind>,
    /// What concerns this note.
    pub note: Option<ItemId>,
    /// How many of the newest to pass over.
    pub skip: usize,
    /// How many to give, at most.
    pub limit: usize,
}

/// What kind of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AuditKind {
    /// A note was opened.
    Read,
    /// Notes left in an export.
    Export,
    /// Something was refused.
    Denial,
    /// The policy was changed.
    Policy,
    /// Something that this version does not know.
    Unknown,
}

/// Rows, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditPage {
    /// The rows.
    pub rows: Vec<AuditRow>,
    /// How many fit the question.
    pub total: u64,
    /// Since when reports are shown here.
    pub kept_since: Timestamp,
    /// Sensitivities whose reports this person may read.
    pub readable: Vec<Sensitivity>,
    /// Reports that cannot be opened here yet, for want of a key.
    pub waiting: u64,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// When, by the clock of the device.
    pub at: Timestamp,
    /// When last, if more than once.
    pub until: Timestamp,
    /// How often.
    pub times: u32,
    /// Whose device; none if nobody knows.
    pub by: Option<Named>,
    /// The device.
    pub device: DeviceId,
    /// What that device calls itself.
    pub device_name: Option<String>,
    /// By which way it was asked; none for a change of the policy.
    pub via: Option<Via>,
    /// In the log of which sensitivity it stands; none for the policy.
    pub sensitivity: Option<Sensitivity>,
    /// What happened.
    pub what: AuditWhat,
    /// Where it stands.
    pub state: AuditState,
    /// The entry or operation that holds it.
    pub record: Option<String>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditWhat {
    /// As its device reported it.
    Reported(Reported),
    /// Acts of the policy log, in words of one kind each, with whom they concern.
    Policy {
        /// What was done: `create`, `grant`, `remove`, `leave`, `invite`, `admit`, `close`, `rules`.
        act: &'static str,
        /// To whom.
        of: Option<Named>,
    },
    /// Something that this version does not know.
    Unknown,
}

/// Where a row stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditState {
    /// In the pack, and it counts.
    Counts,
    /// In the pack, and it does not count: written after a removal, or without a right to.
    SetAside,
    /// On this device, to be written into the pack.
    Waits,
    /// On this device alone.
    Own,
}

impl AuditRow {
    /// Its kind.
    pub fn kind(&self) -> AuditKind {
        match &self.what {
            AuditWhat::Reported(Reported::Read { .. }) => AuditKind::Read,
            AuditWhat::Reported(Reported::Export(_)) => AuditKind::Export,
            AuditWhat::Reported(Reported::Denial { .. }) => AuditKind::Denial,
            AuditWhat::Policy { .. } => AuditKind::Policy,
            AuditWhat::Unknown => AuditKind::Unknown,
        }
    }
}

/// The newest rows that fit, in order, up to a bound.
struct Newest<'q> {
    query: &'q AuditQuery,
    since: Timestamp,
    rows: BTreeMap<(Timestamp, u64), AuditRow>,
    seen: u64,
    total: u64,
    room: usize,
}

impl Newest<'_> {
    fn take(&mut self, row: AuditRow) {
        self.seen += 1;
        if !self.fits(&row) {
            return;
        }
        self.total += 1;
        self.rows.insert((row.until, self.seen), row);
        if self.rows.len() > self.room {
            self.rows.pop_first();
        }
    }

    fn fits(&self, row: &AuditRow) -> bool {
        let query = self.query;
        // What is not understood has no time that could be too old.
        let timeless = matches!(row.kind(), AuditKind::Policy | AuditKind::Unknown);
        let kept = timeless || row.until >= self.since;
        let in_time = query.since.is_none_or(|since| row.until >= since)
            && query.until.is_none_or(|until| row.at < until);
        let kind = query.kinds.is_empty() || query.kinds.contains(&row.kind());
        let note = query.note.is_none_or(|note| match &row.what {
            AuditWhat::Reported(Reported::Read { item, .. }) => *item == note,
            AuditWhat::Reported(Reported::Export(export)) => {
                export.notes.binary_search(&NoteStart::of(&note)).is_ok()
            }
            _ => false,
        });
        kept && in_time && kind && note && self.is_by(row)
    }

    fn is_by(&self, row: &AuditRow) -> bool {
        let Some(who) = &self.query.who else {
            return true;
        };
        let lower = who.trim().to_lowercase();
        let named = |name: &str| name.to_lowercase() == lower;
        let begins = |id: String| lower.len() >= 4 && id.to_lowercase().starts_with(&lower);
        let by = row.by.as_ref();
        by.is_some_and(|by| named(&by.name) || begins(by.person.to_string()))
            || row.device_name.as_deref().is_some_and(named)
            || begins(row.device.to_string())
            || match &row.via {
                Some(Via::Agent(name) | Via::Program(name)) => named(name),
                _ => false,
            }
    }
}

impl Node {
    /// What happened in a pack, as its devices reported it and this one may read it; what waits here
    /// is written into the pack first.
    ///
    /// # Errors
    /// [`NodeError::NotFound`], [`NodeError::Store`]; [`NodeError::BadInput`] for a reach beyond
    /// [`AUDIT_REACH_MAX`].
    pub fn audit(
        &mut self,
        now: Timestamp,
        pack: PackId,
        query: &AuditQuery,
    ) -> Result<AuditPage, NodeError> {
        self.packs.need(pack)?;
        self.write_reports(now, true)?;
        let since = self.audit_kept_since(now);
        let mut newest = self.newest(query, since)?;
        let replica = self.packs.need(pack)?;
        let mut waiting = 0;
        for entry in &replica.reports {
            self.rows_of(replica, *entry, &mut waiting, |row| newest.take(row))?;
        }
        for op in replica.policy.ops() {
            self.rows_of_op(replica, op, |row| newest.take(row));
        }
        for waits in self.audit.waiting.iter().filter(|waits| waits.pack == pack) {
            let at = Some(waits.sensitivity);
            let row = self.own_report(Some(replica), waits.report.clone(), at, AuditState::Waits);
            newest.take(row);
        }
        self.own_reports(Some(pack), |row| newest.take(row))?;
        let me = self.me.person();
        let readable = Sensitivity::ALL.into_iter();
        Ok(AuditPage {
            total: newest.total,
            kept_since: since,
            readable: readable
                .filter(|level| replica.policy.may_open(&me, *level))
                .collect(),
            waiting,
            rows: taken(newest),
        })
    }

    /// What happened on this device and no pack took.
    ///
    /// # Errors
    /// As [`Node::audit`].
    pub fn audit_of_device(
        &mut self,
        now: Timestamp,
        query: &AuditQuery,
    ) -> Result<AuditPage, NodeError> {
        self.write_reports(now, true)?;
        let since = self.audit_kept_since(now);
        let mut newest = self.newest(query, since)?;
        self.own_reports(None, |row| newest.take(row))?;
        Ok(AuditPage {
            total: newest.total,
            kept_since: since,
            readable: vec![],
            waiting: 0,
            rows: taken(newest),
        })
    }

    fn newest<'q>(&self, query: &'q AuditQuery, since: Timestamp) -> Result<Newest<'q>, NodeError> {
        let limit = query.limit.min(AUDIT_ROWS_MAX);
        let room = query.skip.saturating_add(limit);
        if room > AUDIT_REACH_MAX {
            return Err(NodeError::BadInput {
                field: "skip",
                reason: format!(
                    "reaches back at most {AUDIT_REACH_MAX} rows; say --since and --until"
                ),
            });
        }
        Ok(Newest {
            query,
            since,
            rows: BTreeMap::new(),
            seen: 0,
            total: 0,
            room,
        })
    }

    /// The reports of one entry, as far as this person may read them.
    fn rows_of(
        &self,
        replica: &Replica,
        hash: EntryHash,
        waiting: &mut u64,
        mut take: impl FnMut(AuditRow),
    ) -> Result<(), NodeError> {
        let Some(place) = replica.places.get(&hash) else {
            return Ok(());
        };
        let Some(log) = replica.logs.get(&place.log) else {
            return Ok(());
        };
        let (device, sensitivity) = (log.opening.device, log.opening.sensitivity);
        let me = self.me.person();
        let is_member = replica.policy.member(&me).is_some();
        if replica.surplus.contains(&hash)
            || (is_member && !replica.policy.may_open(&me, sensitivity))
        {
            return Ok(());
        }
        let state = match replica.authority(place, hash) {
            Authority::Valid => AuditState::Counts,
            Authority::SetAside(_) => AuditState::SetAside,
            Authority::Parked => return Ok(()),
        };
        let Some(key) = epoch_key(replica, place) else {
            *waiting += 1;
            return Ok(());
        };
        let Some(entry) = read(replica, &self.store, place)? else {
            return Ok(());
        };
        let Some(tag) = entry.header().object else {
            return Ok(());
        };
        let item_key = ItemKey::absent(tag.as_bytes());
        let reports = match open_body(&entry, &item_key, key) {
            Some(EntryBody::Reports(reports)) => reports,
            _ => return Ok(()), // sealed wrongly, or of another shape: nothing that could be shown
        };
        for bytes in reports.iter() {
            let record = Some(hash.short());
            let row = match Report::from_bytes(bytes) {
                Ok(report) => AuditRow {
                    record,
                    ..self.row(Some(replica), device, report, Some(sensitivity), state)
                },
                Err(_) => AuditRow {
                    at: Timestamp::default(),
                    until: Timestamp::default(),
                    times: 1,
                    by: self.person_of(replica, device),
                    device,
                    device_name: device_name(replica, device),
                    via: None,
                    sensitivity: Some(sensitivity),
                    what: AuditWhat::Unknown,
                    state,
                    record,
                },
            };
            take(row);
        }
        Ok(())
    }

    /// The reports of one entry that count, as far as this person may read them, with the sensitivity that
    /// they speak of.
    pub(crate) fn reports_of(
        &self,
        replica: &Replica,
        entry: EntryHash,
        waiting: &mut u64,
        mut take: impl FnMut(&Report, Option<Sensitivity>),
    ) -> Result<(), NodeError> {
        self.rows_of(replica, entry, waiting, |row| {
            if let (AuditState::Counts, AuditWhat::Reported(what)) = (row.state, row.what) {
                let via = row.via.unwrap_or(Via::Command);
                let mut report = Report::once(row.at, via, what);
                report.last = Some(row.until);
                take(&report, row.sensitivity);
            }
        })
    }

    /// The reports of this device on a pack that stand in none of its entries.
    pub(crate) fn reports_to_come(
        &self,
        pack: PackId,
        mut take: impl FnMut(&Report, Option<Sensitivity>),
    ) -> Result<(), NodeError> {
        for waits in self.audit.waiting.iter().filter(|waits| waits.pack == pack) {
            take(&waits.report, Some(waits.sensitivity));
        }
        for (_, row) in self.own_rows() {
            if let OwnRow::Holds(row, _) = row?
                && row.pack == Some(pack)
                && let Ok(report) = Report::from_bytes(&row.report)
            {
                take(&report, None);
            }
        }
        Ok(())
    }

    /// The acts of an operation, each as a row.
    fn rows_of_op(&self, replica: &Replica, op: &SignedOp, mut take: impl FnMut(AuditRow)) {
        let state = match replica.policy.verdict(&op.hash()) {
            Some(Verdict::Stands) => AuditState::Counts,
            _ => AuditState::SetAside,
        };
        let mut acts: Vec<(&'static str, Option<kitbag_core::id::PersonId>)> = Vec::new();
        match &op.op().body {
            Body::Acts(list) => acts.extend((0..).zip(list).map(|(at, act)| match act {
                Act::Grant { person, .. } => ("grant", Some(*person)),
                Act::Remove { person, .. } => ("remove", Some(*person)),
                Act::Leave { .. } => ("leave", None),
                Act::Invite { .. } => ("invite", None),
                Act::Admit { .. } => ("admit", op.grantee(at)),
                Act::Close { .. } => ("close", None),
                Act::Rules { .. } => ("rules", None),
            })),
            _ => acts.push(("create", None)),
        }
        for (act, of) in acts {
            take(AuditRow {
                at: op.op().at,
                until: op.op().at,
                times: 1,
                by: Some(self.named(replica, op.op().person)),
                device: op.op().device,
                device_name: device_name(replica, op.op().device),
                via: None,
                sensitivity: None,
                what: AuditWhat::Policy {
                    act,
                    of: of.map(|person| self.named(replica, person)),
                },
                state,
                record: Some(op.hash().short()),
            });
        }
    }

    /// Rows of this device's own list: of one pack, or all.
    fn own_reports(
        &self,
        pack: Option<PackId>,
        mut take: impl FnMut(AuditRow),
    ) -> Result<(), NodeError> {
        let replica = pack.and_then(|pack| self.packs.get(&pack));
        for (_, row) in self.own_rows() {
            let OwnRow::Holds(row, hash) = row? else {
                continue;
            };
            if pack.is_some() && row.pack != pack {
                continue;
            }
            if let Ok(report) = Report::from_bytes(&row.report) {
                take(AuditRow {
                    record: Some(hash.short()),
                    ..self.own_report(replica, report, None, AuditState::Own)
                });
            }
        }
        Ok(())
    }

    fn own_report(
        &self,
        replica: Option<&Replica>,
        report: Report,
        sensitivity: Option<Sensitivity>,
        state: AuditState,
    ) -> AuditRow {
        let mut row = self.row(replica, self.me.device(), report, sensitivity, state);
        row.by = Some(Named {
            person: self.me.person(),
            name: self.me.name.clone(),
            is_me: true,
        });
        row.device_name = Some(self.me.device_name.clone());
        row
    }

    fn row(
        &self,
        replica: Option<&Replica>,
        device: DeviceId,
        report: Report,
        sensitivity: Option<Sensitivity>,
        state: AuditState,
    ) -> AuditRow {
        AuditRow {
            at: report.at,
            until: report.until(),
            times: report.count(),
            by: replica.and_then(|replica| self.person_of(replica, device)),
            device,
            device_name: replica.and_then(|replica| device_name(replica, device)),
            via: Some(report.via),
            sensitivity,
            what: AuditWhat::Reported(report.what),
            state,
            record: None,
        }
    }

    fn person_of(&self, replica: &Replica, device: DeviceId) -> Option<Named> {
        let person = replica.policy.person_of_device(&device)?;
        Some(self.named(replica, person))
    }

    /// The title of a note, if this person reads the note now.
    pub fn audit_title(&self, pack: PackId, note: &ItemId) -> Option<String> {
        let replica = self.packs.get(&pack)?;
        let object = replica.objects.get(replica.notes.get(note)?)?;
        let may = replica
            .policy
            .may_open(&self.me.person(), object.sensitivity);
        match &object.state {
            ObjectState::Note(meta) if may => Some(meta.title.clone()),
            _ => None,
        }
    }
}

fn device_name(replica: &Replica, device: DeviceId) -> Option<String> {
    let profile = replica.profiles.get(&device)?;
    Some(profile.device_name.clone())
}

fn taken(newest: Newest<'_>) -> Vec<AuditRow> {
    let (skip, limit) = (newest.query.skip, newest.query.limit.min(AUDIT_ROWS_MAX));
    let rows = newest.rows.into_values().rev();
    rows.skip(skip).take(limit).collect()
}
