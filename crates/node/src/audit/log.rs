//! Reading what devices reported: one list of a pack, newest first, with the changes of its policy.
//!
//! Only what this device opens is in it, and nothing that it does not open is counted. A report whose
//! device was removed before it wrote it is shown as that. It says what devices told, never more: a
//! device can be silent, or lie.
//!
//! All reports of a pack are read for one answer, in slices, so that the device does its other work
//! between two. Of what fits only the place is kept, and the rows of the answer are read once more.

use super::own::OwnRow;
use super::{Node, NodeError, REPORT_WAIT_MILLIS, is_within};
use crate::authority::Authority;
use crate::explain::Named;
use crate::finding::Spent;
use crate::objects::{ObjectState, epoch_key, open_body, read};
use crate::replica::Replica;
use kitbag_core::content::EntryBody;
use kitbag_core::content::report::{NoteStart, Report, Reported, Via};
use kitbag_core::id::{DeviceId, EntryHash, ItemId, PackId, Timestamp};
use kitbag_core::policy::Sensitivity;
use kitbag_core::policy::fold::Verdict;
use kitbag_core::policy::op::{Act, Body, SignedOp};
use kitbag_crypto::ItemKey;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Rows of one answer, at most.
pub const AUDIT_ROWS_MAX: usize = 1_000;
/// Rows that a question can reach back to, at most: of so many the place is held while the list is put
/// in order, a hundred bytes each.
pub const AUDIT_REACH_MAX: usize = 200_000;
/// How far ahead a time may lie and still be one, in milliseconds: a day, for clocks that are set wrong.
const AHEAD_MILLIS: u64 = 24 * 60 * 60 * 1000;
/// Bytes of the rows of one answer after which it ends.
const ANSWER_BYTES_MAX: usize = 4 << 20;

/// Which rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
    /// Rows that fit the question but for their time, which lies more than a day ahead: the last ones of
    /// a list, and in none that is asked for by time.
    pub ahead: u64,
    /// Rows that fit and are beyond the reach of any list: of devices that reported more than others.
    pub beyond: u64,
    /// The device of which most of the rows are, if it is more than half of them, and how many.
    pub most: Option<(DeviceId, u64)>,
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
    /// On this device, to be written into the pack soon.
    Waits,
    /// On this device, to be written into the pack once a key is here that fits.
    LacksKey,
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

/// Where a row is read again.
#[derive(Debug)]
enum Place {
    /// In an entry, at this place.
    Entry(EntryHash, u8),
    /// Of what is in memory anyway.
    Here(Box<AuditRow>),
}

/// A question that is being answered.
#[derive(Debug)]
pub struct AuditReading {
    pack: Option<PackId>,
    query: AuditQuery,
    since: Timestamp,
    /// Entries with reports that were not read yet.
    entries: std::vec::IntoIter<EntryHash>,
    newest: Newest,
    waiting: u64,
    /// Rows whose time lies ahead.
    ahead: u64,
    /// Whether whoever is asked about is known to have been here.
    knows_who: bool,
    /// The whole list, once it is in order.
    list: Option<List>,
}

/// What fits, newest first.
#[derive(Debug)]
struct List {
    places: Vec<Place>,
    total: u64,
    since: Timestamp,
    waiting: u64,
    ahead: u64,
    beyond: u64,
    most: Option<(DeviceId, u64)>,
    /// Where the next rows begin.
    next: usize,
}

/// A list of which somebody takes one piece after the other.
#[derive(Debug)]
pub(super) struct KeptList {
    pack: Option<PackId>,
    /// Without how much to pass over and to give.
    query: AuditQuery,
    /// What the next question passes over.
    skip: usize,
    at: Timestamp,
    list: List,
}

/// The newest rows that fit, in order, up to a bound. When it is reached, the device with most of them
/// loses its oldest: however much one device reports, it takes no row of those that report less.
#[derive(Debug, Default)]
struct Newest {
    rows: BTreeMap<DeviceId, BTreeMap<(Timestamp, u64), Place>>,
    held: usize,
    /// Rows of each device that fit, also those for which there was no room.
    totals: BTreeMap<DeviceId, u64>,
    seen: u64,
    room: usize,
}

impl Newest {
    fn take(&mut self, device: DeviceId, until: Timestamp, place: Place) {
        self.seen += 1;
        *self.totals.entry(device).or_default() += 1;
        let of = self.rows.entry(device).or_default();
        of.insert((until, self.seen), place);
        self.held += 1;
        if self.held > self.room {
            let most = self.rows.values_mut().max_by_key(|of| of.len());
            self.held -= usize::from(most.and_then(BTreeMap::pop_first).is_some());
        }
    }

    /// All of them, newest first.
    fn in_order(&mut self) -> Vec<Place> {
        let of_devices = std::mem::take(&mut self.rows).into_values();
        let mut all: Vec<_> = of_devices.flatten().collect();
        all.sort_unstable_by_key(|(order, _)| Reverse(*order));
        all.into_iter().map(|(_, place)| place).collect()
    }

    /// The device of which more than half of the rows are.
    fn most(&self) -> Option<(DeviceId, u64)> {
        let (device, rows) = self.totals.iter().max_by_key(|(_, rows)| **rows)?;
        (*rows > self.seen / 2 && self.totals.len() > 1).then_some((*device, *rows))
    }
}

/// Which rows are asked for, and since when they are shown.
struct Asked<'q> {
    query: &'q AuditQuery,
    since: Timestamp,
    /// Later than this is no time.
    latest: Timestamp,
}

/// Whether a row is in a list, and where.
enum Fits {
    /// By this time.
    At(Timestamp),
    /// Its time lies ahead: after all others, and in no list that is asked for by time.
    Ahead,
    No,
}

impl Asked<'_> {
    fn fits(&self, row: &AuditRow) -> Fits {
        let query = self.query;
        let is_ahead = row.at > self.latest;
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
        match (kind && note && self.is_by(row), is_ahead) {
            (true, true) => Fits::Ahead,
            (true, false) if kept && in_time => Fits::At(row.until),
            _ => Fits::No,
        }
    }

    /// Takes a row up if it is in the list.
    fn take(
        &self,
        row: &AuditRow,
        newest: &mut Newest,
        ahead: &mut u64,
        place: impl FnOnce() -> Place,
    ) {
        match self.fits(row) {
            Fits::At(until) => newest.take(row.device, until, place()),
            Fits::Ahead => {
                *ahead += 1;
                if (self.query.since, self.query.until) == (None, None) {
                    newest.take(row.device, Timestamp::default(), place());
                }
            }
            Fits::No => {}
        }
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
            || (lower == "me" && by.is_some_and(|by| by.is_me))
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
        self.audit_in_one(now, Some(pack), query)
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
        self.audit_in_one(now, None, query)
    }

    fn audit_in_one(
        &mut self,
        now: Timestamp,
        pack: Option<PackId>,
        query: &AuditQuery,
    ) -> Result<AuditPage, NodeError> {
        let mut reading = self.begin_audit(now, pack, query)?;
        loop {
            if let Some(page) = self.audit_on(now, &mut reading)? {
                return Ok(page);
            }
        }
    }

    /// Begins to answer what happened in a pack, or without one on this device alone. A question that
    /// goes on where the last one ended takes the list that was read for that.
    ///
    /// # Errors
    /// As [`Node::audit`].
    pub fn begin_audit(
        &mut self,
        now: Timestamp,
        pack: Option<PackId>,
        query: &AuditQuery,
    ) -> Result<AuditReading, NodeError> {
        let limit = query.limit.min(AUDIT_ROWS_MAX);
        if query.skip.saturating_add(limit) > AUDIT_REACH_MAX {
            return Err(NodeError::BadInput {
                field: "skip",
                reason: format!(
                    "reaches back at most {AUDIT_REACH_MAX} rows; say --since and --until"
                ),
            });
        }
        if let Some(pack) = pack {
            self.packs.need(pack)?;
        }
        let kept = self.audit.list.take();
        let goes_on = kept.filter(|kept| {
            (kept.pack, &kept.query, kept.skip) == (pack, &without_bounds(query), query.skip)
                && query.skip > 0
                && is_within(kept.at, now)
        });
        if goes_on.is_none() {
            self.write_to_look(now)?;
        }
        let entries = match pack {
            Some(pack) if goes_on.is_none() => self.packs.need(pack)?.reports.clone(),
            _ => vec![],
        };
        Ok(AuditReading {
            pack,
            query: query.clone(),
            since: self.audit_kept_since(now),
            entries: entries.into_iter(),
            newest: Newest {
                room: AUDIT_REACH_MAX,
                ..Newest::default()
            },
            waiting: 0,
            ahead: 0,
            knows_who: goes_on.is_some() || self.knows_who(pack, query),
            list: goes_on.map(|kept| kept.list),
        })
    }

    /// Reads the next reports; the answer, once none is left.
    ///
    /// # Errors
    /// [`NodeError::NotFound`], [`NodeError::Store`].
    pub fn audit_on(
        &mut self,
        now: Timestamp,
        reading: &mut AuditReading,
    ) -> Result<Option<AuditPage>, NodeError> {
        if reading.list.is_none() {
            if !self.read_reports(now, reading)? {
                return Ok(None);
            }
            self.read_what_is_here(now, reading)?;
            if !reading.knows_who {
                return Err(NodeError::NotFound("person"));
            }
            let newest = &mut reading.newest;
            let (total, most) = (newest.seen, newest.most());
            let places = newest.in_order();
            reading.list = Some(List {
                total,
                most,
                beyond: total.saturating_sub(places.len() as u64),
                places,
                since: reading.since,
                waiting: reading.waiting,
                ahead: reading.ahead,
                next: reading.query.skip,
            });
        }
        let Some(mut list) = reading.list.take() else {
            return Ok(None);
        };
        let rows = self.rows_at(reading, &mut list)?;
        let me = self.me.person();
        let replica = reading.pack.map(|pack| self.packs.need(pack)).transpose()?;
        let readable = Sensitivity::ALL.into_iter();
        let page = AuditPage {
            total: list.total,
            kept_since: list.since,
            readable: readable
                .filter(|level| replica.is_some_and(|of| of.policy.may_open(&me, *level)))
                .collect(),
            waiting: list.waiting,
            ahead: list.ahead,
            beyond: list.beyond,
            most: list.most,
            rows,
        };
        if reading.query.limit >= AUDIT_ROWS_MAX && list.next < list.places.len() {
            self.audit.list = Some(KeptList {
                pack: reading.pack,
                query: without_bounds(&reading.query),
                skip: reading.query.skip.saturating_add(page.rows.len()),
                at: now,
                list,
            });
        }
        Ok(Some(page))
    }

    /// Forgets a list of which nobody took a piece for a while.
    pub(super) fn forget_list(&mut self, now: Timestamp) {
        let is_old = |kept: &KeptList| !is_within(kept.at, now);
        if self.audit.list.as_ref().is_some_and(is_old) {
            self.audit.list = None;
        }
    }

    /// Reads the reports of the next entries. Returns whether none is left.
    fn read_reports(&self, now: Timestamp, reading: &mut AuditReading) -> Result<bool, NodeError> {
        let Some(pack) = reading.pack else {
            return Ok(true);
        };
        let replica = self.packs.need(pack)?;
        let AuditReading {
            query,
            since,
            entries,
            newest,
            waiting,
            ahead,
            knows_who,
            ..
        } = reading;
        let asked = Asked {
            query,
            since: *since,
            latest: latest(now),
        };
        let mut spent = Spent::default();
        for entry in entries {
            spent.add_one();
            let opened = self.rows_of(replica, entry, |at, row| {
                spent.add_bytes(bytes_of(&row));
                *knows_who |= asked.is_by(&row);
                asked.take(&row, newest, ahead, || Place::Entry(entry, at));
            })?;
            *waiting += u64::from(opened == Opened::LacksKey);
            if spent.is_over() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The policy, what waits here or is under way, and this device's own list: all of it is short.
    fn read_what_is_here(
        &self,
        now: Timestamp,
        reading: &mut AuditReading,
    ) -> Result<(), NodeError> {
        let AuditReading {
            pack,
            query,
            since,
            newest,
            ahead,
            knows_who,
            ..
        } = reading;
        let asked = Asked {
            query,
            since: *since,
            latest: latest(now),
        };
        let mut take = |row: AuditRow| {
            *knows_who |= asked.is_by(&row);
            asked.take(&row, newest, ahead, || Place::Here(Box::new(row.clone())));
        };
        if let Some(pack) = *pack {
            let replica = self.packs.need(pack)?;
            for op in replica.policy.ops() {
                self.rows_of_op(replica, op, &mut take);
            }
            let me = self.me.person();
            let under_way = self.audit.exports.values().flat_map(|open| open.reports());
            let waiting = self.audit.waiting.iter().cloned().chain(under_way);
            for waits in waiting.filter(|waits| waits.pack == pack) {
                // Who may write opens an epoch if none comes.
                let may_write = replica.policy.may_write(&me, waits.sensitivity);
                let state = match waits.lacks_key && !may_write {
                    true => AuditState::LacksKey,
                    false => AuditState::Waits,
                };
                let at = Some(waits.sensitivity);
                take(self.own_report(Some(replica), waits.report, at, state));
            }
        }
        self.own_reports(*pack, take)
    }

    /// Whether whoever is asked about is, or was, somebody of the pack, whatever they reported. Without a
    /// pack there is nobody else to ask about.
    fn knows_who(&self, pack: Option<PackId>, query: &AuditQuery) -> bool {
        let (Some(pack), Some(who)) = (pack, &query.who) else {
            return true;
        };
        let called = self.persons_called(pack, who);
        let lower = who.trim().to_lowercase();
        let is_device = |replica: &Replica| {
            let mut named = replica.profiles.values();
            let mut opened = replica.logs.values().map(|log| log.opening.device);
            named.any(|profile| profile.device_name.to_lowercase() == lower)
                || (lower.len() >= 4
                    && opened.any(|device| device.to_string().to_lowercase().starts_with(&lower)))
        };
        called.is_ok_and(|called| !called.is_empty())
            || self.packs.get(&pack).is_some_and(is_device)
    }

    /// The next rows of a list, as they are now.
    fn rows_at(&self, reading: &AuditReading, list: &mut List) -> Result<Vec<AuditRow>, NodeError> {
        let limit = reading.query.limit.min(AUDIT_ROWS_MAX);
        let replica = reading.pack.map(|pack| self.packs.need(pack)).transpose()?;
        let mut rows: Vec<AuditRow> = Vec::new();
        let mut bytes = 0;
        // Rows of one entry stand together, for the most part.
        let mut entry: Option<(EntryHash, Vec<(u8, AuditRow)>)> = None;
        while let Some(place) = list.places.get(list.next) {
            if rows.len() == limit || bytes >= ANSWER_BYTES_MAX {
                break;
            }
            list.next += 1;
            let row = match (place, replica) {
                (Place::Here(row), _) => Some(row.as_ref().clone()),
                (Place::Entry(hash, at), Some(replica)) => {
                    if entry.as_ref().is_none_or(|(of, _)| of != hash) {
                        let mut of = vec![];
                        self.rows_of(replica, *hash, |at, row| of.push((at, row)))?;
                        entry = Some((*hash, of));
                    }
                    let of = entry.iter().flat_map(|(_, of)| of);
                    let mut same = of.filter(|(place, _)| place == at);
                    same.next().map(|(_, row)| row.clone())
                }
                (Place::Entry(..), None) => None,
            };
            bytes += row.as_ref().map_or(0, bytes_of);
            rows.extend(row); // it may not be read any more
        }
        Ok(rows)
    }

    /// The reports of one entry, as far as this person may read them.
    fn rows_of(
        &self,
        replica: &Replica,
        hash: EntryHash,
        mut take: impl FnMut(u8, AuditRow),
    ) -> Result<Opened, NodeError> {
        let Some(place) = replica.places.get(&hash) else {
            return Ok(Opened::NotHere);
        };
        let Some(log) = replica.logs.get(&place.log) else {
            return Ok(Opened::NotHere);
        };
        let (device, sensitivity) = (log.opening.device, log.opening.sensitivity);
        if replica.surplus.contains(&hash) || !self.may_see_reports(replica, sensitivity) {
            return Ok(Opened::NotHere);
        }
        let state = match replica.authority(place, hash) {
            Authority::Valid => AuditState::Counts,
            Authority::SetAside(_) => AuditState::SetAside,
            Authority::Parked => return Ok(Opened::NotHere),
        };
        let Some(key) = epoch_key(replica, place) else {
            return Ok(Opened::LacksKey);
        };
        let Some(entry) = read(replica, &self.store, place)? else {
            return Ok(Opened::NotHere);
        };
        let Some(tag) = entry.header().object else {
            return Ok(Opened::NotHere);
        };
        let item_key = ItemKey::absent(tag.as_bytes());
        let reports = match open_body(&entry, &item_key, key) {
            Some(EntryBody::Reports(reports)) => reports,
            // Sealed wrongly, or of another shape: nothing that could be shown.
            _ => return Ok(Opened::NotHere),
        };
        for (at, bytes) in (0..).zip(reports.iter()) {
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
            take(at, row);
        }
        Ok(Opened::Whole)
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
        let opened = self.rows_of(replica, entry, |_, row| {
            if let (AuditState::Counts, AuditWhat::Reported(what)) = (row.state, row.what) {
                let via = row.via.unwrap_or(Via::Command);
                let mut report = Report::once(row.at, via, what);
                report.last = Some(row.until);
                take(&report, row.sensitivity);
            }
        })?;
        if matches!(opened, Opened::LacksKey) {
            *waiting += 1;
        }
        Ok(())
    }

    /// The reports of this device on a pack that wait to stand in one of its entries.
    pub(crate) fn reports_that_wait(
        &self,
        pack: PackId,
        mut take: impl FnMut(&Report, Option<Sensitivity>),
    ) {
        for waits in self.audit.waiting.iter().filter(|waits| waits.pack == pack) {
            take(&waits.report, Some(waits.sensitivity));
        }
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
            until: last_of(&report),
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

/// When a report says that it happened last. The same is counted within one wait and then told anew, so a
/// report that claims a longer time claims no more than that.
pub(super) fn last_of(report: &Report) -> Timestamp {
    let longest = report.at.as_millis().saturating_add(REPORT_WAIT_MILLIS);
    report.until().min(Timestamp::from_millis(longest))
}

/// Later than this is no time that a row could have.
pub(super) fn latest(now: Timestamp) -> Timestamp {
    Timestamp::from_millis(now.as_millis().saturating_add(AHEAD_MILLIS))
}

fn device_name(replica: &Replica, device: DeviceId) -> Option<String> {
    let profile = replica.profiles.get(&device)?;
    Some(profile.device_name.clone())
}

/// What became of an entry with reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opened {
    /// Its reports were told.
    Whole,
    /// Its key has not come.
    LacksKey,
    /// It holds nothing for this person.
    NotHere,
}

/// A question apart from which piece of its answer is wanted.
fn without_bounds(query: &AuditQuery) -> AuditQuery {
    AuditQuery {
        skip: 0,
        limit: 0,
        ..query.clone()
    }
}

/// Bytes that a row takes in an answer, rather more.
fn bytes_of(row: &AuditRow) -> usize {
    match &row.what {
        AuditWhat::Reported(Reported::Export(export)) => 4096 + export.notes.len() * 24,
        _ => 1024,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: a device that tells very much loses its own oldest rows, and no other device any.
    #[test]
    fn one_device_does_not_push_out_the_rows_of_others() {
        let [loud, quiet, other] = [1, 2, 3].map(|n| DeviceId::from_bytes([n; 32]));
        let mut newest = Newest {
            room: 10,
            ..Newest::default()
        };
        let mut at = 0;
        let mut take = |newest: &mut Newest, device, millis| {
            at += 1;
            let mut entry = [0; 32];
            entry[0] = at;
            let place = Place::Entry(EntryHash::from_bytes(entry), at);
            newest.take(device, Timestamp::from_millis(millis), place);
            at
        };
        let first = take(&mut newest, quiet, 1);
        let second = take(&mut newest, other, 2);
        for n in 0..100 {
            take(&mut newest, loud, 1_000 + n);
        }
        let third = take(&mut newest, quiet, 3);
        assert_eq!((newest.seen, newest.most()), (103, Some((loud, 100))));
        let order: Vec<u8> = newest
            .in_order()
            .iter()
            .map(|place| match place {
                Place::Entry(_, at) => *at,
                Place::Here(_) => 0,
            })
            .collect();
        assert_eq!(order.len(), 10);
        assert_eq!(
            order[..7],
            [102, 101, 100, 99, 98, 97, 96],
            "the newest of it"
        );
        assert_eq!(order[7..], [third, second, first]);
    }
}
