//! The list of this device alone: reports that no pack took, each chained to the one before and signed.
//!
//! It is a ring of settings: the newest rows stay, and an old one is dropped when a new one takes its
//! place, or when it is older than reports are kept.

use crate::{Node, NodeError};
use kitbag_core::codec;
use kitbag_core::content::report::{OwnReport, Report, SignedOwnReport};
use kitbag_core::id::{EntryHash, PackId, Timestamp};
use kitbag_store::{Store, StoreError};

/// Rows that are kept, at most.
pub(super) const OWN_MAX: u64 = 1_024;
/// How often rows that are too old are looked for, in milliseconds: once a day.
const PRUNE_EVERY_MILLIS: u64 = 24 * 60 * 60 * 1000;
const END: &str = "audit/own-end";
const END_BYTES_MAX: usize = 128;

/// Where the list ends: the number of the next row, and the hash of the last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct OwnEnd {
    pub(super) next: u64,
    prev: Option<EntryHash>,
}

impl OwnEnd {
    pub(super) fn load(
        store: &Store,
        damaged: &mut Vec<&'static str>,
    ) -> Result<OwnEnd, NodeError> {
        let kept = match store.setting(END) {
            Ok(None) => return Ok(OwnEnd::default()),
            Ok(Some(bytes)) => codec::decode::<(u64, EntryHash)>(&bytes, END_BYTES_MAX).ok(),
            Err(StoreError::Damaged { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        match kept {
            Some((next, prev)) => Ok(OwnEnd {
                next,
                prev: Some(prev),
            }),
            None => {
                damaged.push("this device's own list of reports");
                Ok(OwnEnd::default())
            }
        }
    }
}

/// The number of a row that does not hold, and why; none if all do.
pub(super) type BrokenRow = Option<(u64, &'static str)>;

/// A row as it was found.
pub(super) enum OwnRow {
    /// As it was written.
    Holds(OwnReport, EntryHash),
    /// Dropped, because it was too old.
    Dropped,
    /// Not what was written.
    Broken,
}

impl Node {
    /// Adds rows to the list.
    pub(super) fn keep_own(
        &mut self,
        rows: Vec<(Option<PackId>, Report)>,
    ) -> Result<(), NodeError> {
        let (settings, end) = self.own_rows_of(rows);
        if settings.is_empty() {
            return Ok(());
        }
        let mut batch = self.store.batch(&mut *self.rng)?;
        for (name, value) in &settings {
            batch.put_setting(name, value)?;
        }
        batch.commit()?;
        self.audit.own = end;
        Ok(())
    }

    /// Rows that come next in the list, as the settings that they are, and where it ends with them.
    pub(super) fn own_rows_of(
        &self,
        rows: Vec<(Option<PackId>, Report)>,
    ) -> (Vec<(String, Vec<u8>)>, OwnEnd) {
        let mut end = self.audit.own;
        let mut settings = Vec::new();
        for (pack, report) in rows {
            let row = OwnReport {
                version: 1,
                device: self.me.device(),
                seq: end.next,
                prev: end.prev,
                pack,
                report: report.to_bytes(),
            };
            let signed = SignedOwnReport::sign(&row, &self.me.signing);
            end = OwnEnd {
                next: end.next + 1,
                prev: Some(signed.hash()),
            };
            settings.push((slot(row.seq), signed.to_bytes()));
        }
        if let (Some(last), false) = (end.prev, settings.is_empty()) {
            settings.push((END.into(), codec::encode(&(end.next, last))));
        }
        (settings, end)
    }

    /// The rows of the list that may be here, oldest first.
    pub(super) fn own_rows(&self) -> impl Iterator<Item = (u64, Result<OwnRow, NodeError>)> + '_ {
        let next = self.audit.own.next;
        (next.saturating_sub(OWN_MAX)..next).map(|seq| (seq, self.own_row(seq)))
    }

    /// The reports on packs in so many rows of the list, from that row on; the row that comes next, if
    /// there is one.
    pub(crate) fn own_reports_on_packs(
        &self,
        from: u64,
        rows: u64,
        mut take: impl FnMut(PackId, Report),
    ) -> Result<Option<u64>, NodeError> {
        let end = self.audit.own.next;
        let from = from.max(end.saturating_sub(OWN_MAX));
        let until = end.min(from.saturating_add(rows));
        for seq in from..until {
            if let OwnRow::Holds(row, _) = self.own_row(seq)?
                && let Some(pack) = row.pack
                && let Ok(report) = Report::from_bytes(&row.report)
            {
                take(pack, report);
            }
        }
        Ok((until < end).then_some(until))
    }

    fn own_row(&self, seq: u64) -> Result<OwnRow, NodeError> {
        let bytes = match self.store.setting(&slot(seq)) {
            Err(StoreError::Damaged { .. }) => return Ok(OwnRow::Broken),
            other => other?,
        };
        Ok(match bytes {
            None => OwnRow::Broken,
            Some(bytes) if bytes.is_empty() => OwnRow::Dropped,
            Some(bytes) => match SignedOwnReport::open(&bytes, self.me.device()) {
                Ok((row, hash)) if row.seq == seq => OwnRow::Holds(row, hash),
                _ => OwnRow::Broken,
            },
        })
    }

    /// Drops rows that are older than reports are kept.
    pub(super) fn drop_old(&mut self, now: Timestamp) -> Result<(), NodeError> {
        let waited = self
            .audit
            .pruned_at
            .map(|at| now.as_millis().abs_diff(at.as_millis()));
        if self.audit.own.next == 0 || waited.is_some_and(|waited| waited < PRUNE_EVERY_MILLIS) {
            return Ok(());
        }
        let old = self.older_than(self.audit_kept_since(now))?;
        if !old.is_empty() {
            let mut batch = self.store.batch(&mut *self.rng)?;
            for seq in &old {
                batch.put_setting(&slot(*seq), &[])?;
            }
            batch.commit()?;
        }
        self.audit.pruned_at = Some(now);
        Ok(())
    }

    /// How many rows of the list are older than that, in milliseconds.
    ///
    /// # Errors
    /// [`NodeError::Store`].
    pub fn audit_too_old(&self, now: Timestamp, millis: u64) -> Result<u64, NodeError> {
        let since = Timestamp::from_millis(now.as_millis().saturating_sub(millis));
        Ok(self.older_than(since)?.len() as u64)
    }

    fn older_than(&self, since: Timestamp) -> Result<Vec<u64>, NodeError> {
        let mut old = Vec::new();
        for (seq, row) in self.own_rows() {
            if let OwnRow::Holds(row, _) = row?
                && Report::from_bytes(&row.report).is_ok_and(|report| report.until() < since)
            {
                old.push(seq);
            }
        }
        Ok(old)
    }

    /// Whether the list holds together: the number of rows, and the first that does not follow.
    pub(super) fn verify_own(&self) -> Result<(u64, BrokenRow), NodeError> {
        let mut before: Option<EntryHash> = None;
        let mut known = false; // whether the row before is here
        let (mut rows, mut broken) = (0, None);
        for (seq, row) in self.own_rows() {
            match row? {
                OwnRow::Holds(row, hash) => {
                    if known && row.prev != before && broken.is_none() {
                        broken = Some((seq, "does not follow the row before it"));
                    }
                    rows += 1;
                    (before, known) = (Some(hash), true);
                }
                OwnRow::Dropped => known = false,
                OwnRow::Broken => {
                    broken = broken.or(Some((seq, "is not what this device wrote")));
                    known = false;
                }
            }
        }
        if known && self.audit.own.prev != before && broken.is_none() {
            broken = Some((self.audit.own.next, "does not end where it did"));
        }
        Ok((rows, broken))
    }
}

fn slot(seq: u64) -> String {
    format!("audit/own/{}", seq % OWN_MAX)
}
