//! Reading rows: everything that the database gives back, opened.

use crate::chunks::{CONTENT_CHUNKS, HEADER_CHUNKS, Opened};
use crate::rows::{self, Content};
use crate::tables::{
    ByNumber, ByPosition, EPOCH_KEYS, EPOCHS, FORMAT, HEADS, LOGS, MARKS, MARKS_NAME, NOTE_NAMES,
    NOTE_NAMES_NAME, OPS, PACKS, PERSONS, QUARANTINE, SETTINGS, SUMMARIES, SUMMARIES_NAME,
};
use crate::{FORMAT_KEY, LogRow, PackRow, StoreError, damaged_entry, disk, position};
use kitbag_core::content::{RawEntry, SignedHead, VerifiedEntry};
use kitbag_core::epoch::SignedEpoch;
use kitbag_core::person::SignedPersonOp;
use kitbag_core::policy::op::SignedOp;
use kitbag_crypto::{BlindKey, EpochKey, RowKey};
use redb::{Database, ReadableDatabase, ReadableTable, TableError};
use std::ops::RangeInclusive;
use zeroize::Zeroizing;

/// The database as far as it is read.
pub struct Reader {
    pub(crate) db: Database,
    pub(crate) rows: RowKey,
    pub(crate) blind: BlindKey,
    pub(crate) opened_headers: Opened,
    pub(crate) opened_contents: Opened,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}

impl Reader {
    pub(crate) fn format(&self) -> Result<Option<u8>, StoreError> {
        let read = self.db.begin_read().map_err(disk("read"))?;
        match read.open_table(FORMAT) {
            Ok(table) => Ok(table
                .get(FORMAT_KEY)
                .map_err(disk("read"))?
                .map(|v| v.value())),
            Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(disk("read")(error)),
        }
    }

    /// 32 bytes that stand for something on this device, and nowhere else.
    pub fn local_name(&self, of: &[u8]) -> [u8; 32] {
        self.blind.blind("local names", of)
    }

    /// A named value that is local to this device.
    ///
    /// # Errors
    /// [`StoreError`] by cause.
    pub fn setting(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        let key = self.blind.blind("settings", name.as_bytes());
        let read = self.db.begin_read().map_err(disk("read"))?;
        let table = read.open_table(SETTINGS).map_err(disk("read"))?;
        let Some(sealed) = table.get(&key).map_err(disk("read"))? else {
            return Ok(None);
        };
        self.open_row("settings.1", &key, sealed.value()).map(Some)
    }

    /// All packs, by number.
    ///
    /// # Errors
    /// [`StoreError`] by cause.
    pub fn packs(&self) -> Result<Vec<(u32, PackRow)>, StoreError> {
        self.packs_from(0)
    }

    /// Packs from a number on.
    ///
    /// # Errors
    /// [`StoreError`] by cause.
    pub fn packs_from(&self, first: u32) -> Result<Vec<(u32, PackRow)>, StoreError> {
        self.numbered(PACKS, "packs.1", first..=u32::MAX, PackRow::decode)
    }

    /// One pack.
    ///
    /// # Errors
    /// [`StoreError`] by cause.
    pub fn pack(&self, number: u32) -> Result<Option<PackRow>, StoreError> {
        let rows = self.numbered(PACKS, "packs.1", number..=number, PackRow::decode)?;
        Ok(rows.into_iter().next().map(|(_, row)| row))
    }

    /// Logs from a number on, each branch by its own.
    ///
    /// # Errors
    /// [`StoreError`] by cause.
    pub fn logs_from(&self, first: u32) -> Result<Vec<(u32, LogRow)>, StoreError> {
        self.numbered(LOGS, "logs.1", first..=u32::MAX, LogRow::decode)
    }

    /// One branch of a log.
    ///
    /// # Errors
    /// [`StoreError`] by cause.
    pub fn log(&self, number: u32) -> Result<Option<LogRow>, StoreError> {
        let rows = self.numbered(LOGS, "logs.1", number..=number, LogRow::decode)?;
        Ok(rows.into_iter().next().map(|(_, row)| row))
    }

    /// Blocks of summaries that open; whatever is missing or damaged is derived anew.
    ///
    /// # Errors
    /// [`StoreError::Disk`].
    pub fn summaries(&self) -> Result<Vec<Zeroizing<Vec<u8>>>, StoreError> {
        let read = self.db.begin_read().map_err(disk("read"))?;
        let table = match read.open_table(SUMMARIES) {
            Err(TableError::TableDoesNotExist(_)) => return Ok(vec![]),
            other => other.map_err(disk("read"))?,
        };
        let mut blocks = Vec::new();
        for row in table.iter().map_err(disk("read"))? {
            let (key, sealed) = row.map_err(disk("read"))?;
            let number = key.value();
            let opened = self
                .rows
                .open(SUMMARIES_NAME, &number.to_be_bytes(), sealed.value());
            blocks.extend(opened.ok());
        }
        Ok(blocks)
    }

    /// Names of a pack's notes, if they were kept and open.
    ///
    /// # Errors
    /// [`StoreError::Disk`].
    pub fn note_names(&self, pack: u32) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        let read = self.db.begin_read().map_err(disk("read"))?;
        let table = match read.open_table(NOTE_NAMES) {
            Err(TableError::TableDoesNotExist(_)) => return Ok(None),
            other => other.map_err(disk("read"))?,
        };
        let Some(sealed) = table.get(pack).map_err(disk("read"))? else {
            return Ok(None);
        };
        let opened = self
            .rows
            .open(NOTE_NAMES_NAME, &pack.to_be_bytes(), sealed.value());
        Ok(opened.ok())
    }

    /// Packs whose summaries are older than their records, ascending; nothing if a mark does not open,
    /// since it may stand for any pack then.
    ///
    /// # Errors
    /// [`StoreError::Disk`].
    pub fn marks(&self) -> Result<Option<Vec<u32>>, StoreError> {
        let read = self.db.begin_read().map_err(disk("read"))?;
        let table = match read.open_table(MARKS) {
            Err(TableError::TableDoesNotExist(_)) => return Ok(Some(vec![])),
            other => other.map_err(disk("read"))?,
        };
        let mut marks = Vec::new();
        for row in table.iter().map_err(disk("read"))? {
            let (key, sealed) = row.map_err(disk("read"))?;
            let number = key.value();
            let key = number.to_be_bytes();
            if self.open_row(MARKS_NAME, &key, sealed.value()).is_err() {
                return Ok(None);
            }
            marks.push(number);
        }
        Ok(Some(marks))
    }

    /// All logs, each branch by its number.
    ///
    /// # Errors
    /// [`StoreError`] by cause.
    pub fn logs(&self) -> Result<Vec<(u32, LogRow)>, StoreError> {
        self.logs_from(0)
    }

    /// A pack's policy operations, in order of arrival.
    ///
    /// # Errors
    /// [`StoreError`] by cause.
    pub fn ops(&self, pack: u32) -> Result<Vec<SignedOp>, StoreError> {
        let rows = self.positioned(OPS, "ops.1", pack, 0)?;
        rows.iter()
            .map(|row| {
                SignedOp::from_store(&row.value).map_err(|_| StoreError::Damaged { table: "ops.1" })
            })
            .collect()
    }

    /// The persons that a pack's policy names.
    ///
    /// # Errors
    /// [`StoreError`] by cause.
    pub fn persons(&self, pack: u32) -> Result<Vec<SignedPersonOp>, StoreError> {
        let rows = self.positioned(PERSONS, "persons.1", pack, 0)?;
        let damaged = |_| StoreError::Damaged { table: "persons.1" };
        rows.iter()
            .map(|row| SignedPersonOp::from_store(&row.value).map_err(damaged))
            .collect()
    }

    /// A pack's epochs, with the keys that this device holds.
    ///
    /// # Errors
    /// [`StoreError`] by cause.
    pub fn epochs(
        &self,
        pack: u32,
    ) -> Result<Vec<(u64, SignedEpoch, Option<EpochKey>)>, StoreError> {
        let keys = self.positioned(EPOCH_KEYS, "epoch-keys.1", pack, 0)?;
        let damaged = || StoreError::Damaged { table: "epochs.1" };
        let rows = self.positioned(EPOCHS, "epochs.1", pack, 0)?;
        rows.into_iter()
            .map(|OpenedRow { at: order, value }| {
                let epoch = SignedEpoch::from_store(&value).map_err(|_| damaged())?;
                let key = keys.iter().find(|key| key.at == order);
                let key = key.map(|key| {
                    key.value[..]
                        .try_into()
                        .map(EpochKey::from_bytes)
                        .map_err(|_| damaged())
                });
                Ok((order, epoch, key.transpose()?))
            })
            .collect()
    }

    /// The kept heads of a log, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] by cause.
    pub fn heads(&self, log: u32) -> Result<Vec<SignedHead>, StoreError> {
        let rows = self.positioned(HEADS, "heads.1", log, 0)?;
        rows.iter()
            .map(|row| rows::decode_head(&row.value))
            .collect()
    }

    /// The headers of a log from position `from` on, without bodies.
    ///
    /// # Errors
    /// [`StoreError`] by cause.
    pub fn headers(&self, log: u32, from: u64) -> Result<Vec<VerifiedEntry>, StoreError> {
        self.items(&HEADER_CHUNKS, log, from, |header| {
            let bare = RawEntry {
                header: header.to_vec(),
                body: None,
                wrap: None,
            };
            VerifiedEntry::from_store(bare).map_err(damaged_entry)
        })
    }

    /// One entry with its body and item key, as far as they are kept.
    ///
    /// # Errors
    /// [`StoreError`] by cause.
    pub fn entry(&self, log: u32, seq: u64) -> Result<Option<VerifiedEntry>, StoreError> {
        let at = (log, seq);
        let header = self.item(&HEADER_CHUNKS, &self.opened_headers, at, <[u8]>::to_vec)?;
        let Some(header) = header else {
            return Ok(None);
        };
        let content = self.item(&CONTENT_CHUNKS, &self.opened_contents, at, Content::decode)?;
        let [body, wrap] = match content {
            None => [None, None],
            Some(content) => content.ok_or(StoreError::Damaged {
                table: CONTENT_CHUNKS.name,
            })?,
        };
        let raw = RawEntry { header, body, wrap };
        let entry = VerifiedEntry::from_store(raw).map_err(damaged_entry)?;
        if entry.header().seq != seq {
            return Err(StoreError::Damaged {
                table: HEADER_CHUNKS.name,
            });
        }
        Ok(Some(entry))
    }

    /// Positions of a log whose changes are kept away from documents, and why.
    ///
    /// # Errors
    /// [`StoreError`] by cause.
    pub fn quarantined(&self, log: u32) -> Result<Vec<(u64, String)>, StoreError> {
        let rows = self.positioned(QUARANTINE, "quarantine.1", log, 0)?;
        Ok(rows
            .into_iter()
            .map(|row| (row.at, String::from_utf8_lossy(&row.value).into_owned()))
            .collect())
    }

    pub(crate) fn open_row(
        &self,
        table: &'static str,
        key: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        self.rows
            .open(table, key, sealed)
            .map_err(|_| StoreError::Damaged { table })
    }

    fn positioned(
        &self,
        table: ByPosition,
        name: &'static str,
        owner: u32,
        from: u64,
    ) -> Result<Vec<OpenedRow>, StoreError> {
        let read = self.db.begin_read().map_err(disk("read"))?;
        let table = read.open_table(table).map_err(disk("read"))?;
        let mut rows = Vec::new();
        for row in table
            .range((owner, from)..=(owner, u64::MAX))
            .map_err(disk("read"))?
        {
            let (key, sealed) = row.map_err(disk("read"))?;
            let (_, at) = key.value();
            rows.push(OpenedRow {
                at,
                value: self.open_row(name, &position(owner, at), sealed.value())?,
            });
        }
        Ok(rows)
    }

    fn numbered<T>(
        &self,
        table: ByNumber,
        name: &'static str,
        numbers: RangeInclusive<u32>,
        decode: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Vec<(u32, T)>, StoreError> {
        let read = self.db.begin_read().map_err(disk("read"))?;
        let table = read.open_table(table).map_err(disk("read"))?;
        let mut rows = Vec::new();
        for row in table.range(numbers).map_err(disk("read"))? {
            let (key, sealed) = row.map_err(disk("read"))?;
            let opened = self.open_row(name, &key.value().to_be_bytes(), sealed.value())?;
            rows.push((
                key.value(),
                decode(&opened).ok_or(StoreError::Damaged { table: name })?,
            ));
        }
        Ok(rows)
    }
}

/// A row of a table that is named by position, opened.
struct OpenedRow {
    at: u64,
    value: Zeroizing<Vec<u8>>,
}
