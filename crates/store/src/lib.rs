//! Sealed rows in redb: what a device keeps.
//!
//! One process owns the file. A [`Batch`] is one transaction: committed with two phases and synced
//! before it returns, or not at all; after [`Store::put_off_sync`] a row of batches is synced together
//! by [`Store::sync`], and a crash before its end leaves all of them or none. A batch or a sync that
//! fails poisons the store until it is opened again.
//! Only proofs go in: signed operations, verified runs. What comes out is trusted to be what went
//! in, because its seal opened at its own address. The store knows no policy.
//! Spec: `docs/spec/store.md`.

mod check;
mod chunks;
mod index_rows;
mod migrate;
mod reader;
mod rows;
mod tables;

pub use check::TableCheck;
pub use reader::Reader;
pub use redb::StorageBackend;
pub use rows::{LogRow, PackRow};

use chunks::{CONTENT_CHUNKS, HEADER_CHUNKS, Opened};
use kitbag_core::content::{RawEntry, RunRefused, VerifiedEntry, VerifiedRun};
use kitbag_core::epoch::SignedEpoch;
use kitbag_core::person::SignedPersonOp;
use kitbag_core::policy::op::SignedOp;
use kitbag_crypto::planted::{self, Planted};
use kitbag_crypto::{BlindKey, CryptoRng, EpochKey, MasterKey, RowKey};
use redb::{Database, Durability, WriteTransaction};
use rows::Content;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use tables::{
    ByNumber, ByPosition, CONTENTS, EPOCH_KEYS, EPOCHS, FORMAT, HEADERS, HEADS, LOGS, MARKS,
    MARKS_NAME, NOTE_NAMES, NOTE_NAMES_NAME, OPS, PACKS, PERSONS, QUARANTINE, SETTINGS, SUMMARIES,
    SUMMARIES_NAME,
};
use thiserror::Error;

/// The format of files that this program writes and opens.
pub const FORMAT_VERSION: u8 = 2;
/// Memory that redb may use for its page cache.
const CACHE_BYTES: usize = 8 << 20;

/// Why the store did not do what it was asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process has the file open.
    #[error("the database is open in another process")]
    InUse,
    /// Made by a newer version.
    #[error("the database has format {0}, which this program does not know")]
    NewerFormat(u8),
    /// The disk, or the file, failed.
    #[error("database {operation} failed: {source}")]
    Disk {
        /// What was attempted.
        operation: &'static str,
        /// What redb said.
        source: Box<redb::Error>,
    },
    /// A row does not open: wrong master key, or damaged.
    #[error("a row of {table} does not open")]
    Damaged {
        /// Its table.
        table: &'static str,
    },
    /// An earlier commit failed; the file must be opened again.
    #[error("an earlier write failed; the database must be opened again")]
    Poisoned,
}

impl StoreError {
    /// Whether the file is not what was written: trying again does not help, a backup does.
    pub fn is_damage(&self) -> bool {
        use std::io::ErrorKind::{InvalidData, UnexpectedEof};
        match self {
            StoreError::Damaged { .. } => true,
            StoreError::Disk { source, .. } => match &**source {
                redb::Error::Corrupted(_) => true,
                redb::Error::Io(error) => matches!(error.kind(), InvalidData | UnexpectedEof),
                _ => false,
            },
            _ => false,
        }
    }
}

/// The device's database.
pub struct Store {
    reader: Arc<Reader>,
    poisoned: bool,
    sync: SyncWhen,
}

/// When a commit is made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SyncWhen {
    /// Each at once.
    Each,
    /// All together, later; whether there is one that waits for it.
    Together { waiting: bool },
}

impl Deref for Store {
    type Target = Reader;

    fn deref(&self) -> &Reader {
        &self.reader
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("poisoned", &self.poisoned)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Opens or creates a database file.
    ///
    /// # Errors
    /// [`StoreError`] by cause; [`StoreError::Damaged`] when the master key is not its own.
    pub fn open(
        path: &Path,
        master: &MasterKey,
        rng: &mut dyn CryptoRng,
    ) -> Result<Store, StoreError> {
        let create = || Database::builder().set_cache_size(CACHE_BYTES).create(path);
        let db = match create() {
            Err(_) if begin_anew_if_unfinished(path).unwrap_or(false) => create(),
            opened => opened,
        };
        Store::with(db.map_err(opening)?, master, rng)
    }

    /// Opens or creates a database over any storage: the same code, on a simulated disk.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_backend(
        backend: impl StorageBackend,
        master: &MasterKey,
        rng: &mut dyn CryptoRng,
    ) -> Result<Store, StoreError> {
        let io = |error: std::io::Error| disk("open")(redb::StorageError::Io(error));
        let length = backend.len().map_err(io)?;
        if is_unfinished(length, |at, bytes| backend.read(at, bytes)).map_err(io)? {
            backend.set_len(0).map_err(io)?;
        }
        let db = Database::builder()
            .set_cache_size(CACHE_BYTES)
            .create_with_backend(backend)
            .map_err(opening)?;
        Store::with(db, master, rng)
    }

    fn with(
        db: Database,
        master: &MasterKey,
        rng: &mut dyn CryptoRng,
    ) -> Result<Store, StoreError> {
        let reader = Reader {
            db,
            rows: master.row_key(),
            blind: master.blind_key(),
            opened_headers: Opened::default(),
            opened_contents: Opened::default(),
        };
        let mut store = Store {
            reader: Arc::new(reader),
            poisoned: false,
            sync: SyncWhen::Each,
        };
        match store.format()? {
            None => store.create(rng)?,
            Some(FORMAT_VERSION | migrate::FORMAT_1) => {}
            Some(other) => return Err(StoreError::NewerFormat(other)),
        }
        if store.setting(KEY_CHECK)?.is_none() {
            return Err(StoreError::Damaged {
                table: "settings.1",
            });
        }
        if store.format()? == Some(migrate::FORMAT_1) {
            let mut batch = store.batch(rng)?;
            batch.migrate_to_chunks()?;
            batch.commit()?;
        }
        Ok(store)
    }

    /// Every table exists from the first commit on, so that reading never meets a missing one.
    fn create(&mut self, rng: &mut dyn CryptoRng) -> Result<(), StoreError> {
        let mut batch = self.batch(rng)?;
        batch.create_tables()?;
        batch.put_setting(KEY_CHECK, b"1")?;
        batch.commit()
    }

    /// The same database, to be read only: by whoever reads while the store itself is borrowed.
    pub fn reader(&self) -> Arc<Reader> {
        self.reader.clone()
    }

    /// Begins a transaction.
    ///
    /// # Errors
    /// [`StoreError::Poisoned`] after a failed commit, or [`StoreError::Disk`].
    pub fn batch<'s>(&'s mut self, rng: &'s mut dyn CryptoRng) -> Result<Batch<'s>, StoreError> {
        if self.poisoned {
            return Err(StoreError::Poisoned);
        }
        let durability = match self.sync {
            SyncWhen::Each => Durability::Immediate,
            SyncWhen::Together { .. } => Durability::None,
        };
        Ok(Batch {
            write: self.reader.begin(durability)?,
            rows: &self.reader.rows,
            blind: &self.reader.blind,
            poisoned: &mut self.poisoned,
            sync: &mut self.sync,
            rng,
        })
    }

    /// From now on batches commit in this process's memory alone, until [`Store::sync`] makes them
    /// durable all together. Nobody may hear of what they did before that.
    pub fn put_off_sync(&mut self) {
        if self.sync == SyncWhen::Each {
            self.sync = SyncWhen::Together { waiting: false };
        }
    }

    /// Makes durable what was committed since [`Store::put_off_sync`]; from now on each batch is again.
    ///
    /// # Errors
    /// [`StoreError::Disk`]; the store is poisoned then, and whether these batches survived, all of
    /// them or none, shows when it is opened again. [`StoreError::Poisoned`] after a failed commit.
    pub fn sync(&mut self) -> Result<(), StoreError> {
        let before = std::mem::replace(&mut self.sync, SyncWhen::Each);
        if before != (SyncWhen::Together { waiting: true }) {
            return Ok(());
        }
        if self.poisoned {
            return Err(StoreError::Poisoned);
        }
        self.poisoned = true;
        let write = self.reader.begin(Durability::Immediate)?;
        commit(write)?;
        self.poisoned = false;
        Ok(())
    }

    /// Refuses every further write until the file is opened again: for a caller that could not follow
    /// up on what it committed.
    pub fn poison(&mut self) {
        self.poisoned = true;
    }

    /// Whether an earlier write failed.
    pub fn is_poisoned(&self) -> bool {
        self.poisoned
    }
}

fn commit(write: WriteTransaction) -> Result<(), StoreError> {
    match write.commit().map_err(disk("commit")) {
        Err(_) if planted::is(Planted::FailedCommitAcknowledged) => Ok(()),
        other => other,
    }
}

impl Reader {
    /// A transaction of two phases; after a crash the file opens without being walked.
    fn begin(&self, durability: Durability) -> Result<WriteTransaction, StoreError> {
        let mut write = self.db.begin_write().map_err(disk("begin"))?;
        let durability = match planted::is(Planted::CommitWithoutSync) {
            true => Durability::None,
            false => durability,
        };
        write.set_durability(durability).map_err(disk("begin"))?;
        write.set_two_phase_commit(true);
        write.set_quick_repair(true);
        Ok(write)
    }
}

/// One transaction. Dropped without [`Batch::commit`], it leaves nothing behind.
pub struct Batch<'s> {
    write: WriteTransaction,
    rows: &'s RowKey,
    blind: &'s BlindKey,
    poisoned: &'s mut bool,
    sync: &'s mut SyncWhen,
    rng: &'s mut dyn CryptoRng,
}

impl Batch<'_> {
    /// Makes everything in the batch durable, at once or with [`Store::sync`].
    ///
    /// # Errors
    /// [`StoreError::Disk`]; the store is poisoned then, and whether the batch survived shows when
    /// it is opened again.
    pub fn commit(self) -> Result<(), StoreError> {
        *self.poisoned = true;
        commit(self.write)?;
        *self.poisoned = false;
        if let SyncWhen::Together { waiting } = self.sync {
            *waiting = true;
        }
        Ok(())
    }

    /// Keeps a named value.
    ///
    /// # Errors
    /// [`StoreError::Disk`].
    pub fn put_setting(&mut self, name: &str, value: &[u8]) -> Result<(), StoreError> {
        let key = self.blind.blind("settings", name.as_bytes());
        let sealed = self.rows.seal("settings.1", &key, value, self.rng);
        let mut table = self.write.open_table(SETTINGS).map_err(disk("write"))?;
        table
            .insert(&key, sealed.as_slice())
            .map_err(disk("write"))?;
        Ok(())
    }

    /// Keeps a pack.
    ///
    /// # Errors
    /// [`StoreError::Disk`].
    pub fn put_pack(&mut self, number: u32, row: &PackRow) -> Result<(), StoreError> {
        self.put_numbered(PACKS, "packs.1", number, &row.encode())
    }

    /// Keeps a log, or one more branch of it.
    ///
    /// # Errors
    /// [`StoreError::Disk`].
    pub fn put_log(&mut self, number: u32, row: &LogRow) -> Result<(), StoreError> {
        self.put_numbered(LOGS, "logs.1", number, &row.encode())
    }

    /// Keeps a policy operation.
    ///
    /// # Errors
    /// [`StoreError::Disk`].
    pub fn put_op(&mut self, pack: u32, order: u64, op: &SignedOp) -> Result<(), StoreError> {
        self.put(OPS, "ops.1", pack, order, op.bytes())
    }

    /// Keeps a person operation.
    ///
    /// # Errors
    /// [`StoreError::Disk`].
    pub fn put_person(
        &mut self,
        pack: u32,
        order: u64,
        op: &SignedPersonOp,
    ) -> Result<(), StoreError> {
        self.put(PERSONS, "persons.1", pack, order, op.bytes())
    }

    /// Keeps an epoch.
    ///
    /// # Errors
    /// [`StoreError::Disk`].
    pub fn put_epoch(
        &mut self,
        pack: u32,
        order: u64,
        epoch: &SignedEpoch,
    ) -> Result<(), StoreError> {
        self.put(EPOCHS, "epochs.1", pack, order, epoch.bytes())
    }

    /// Keeps the key of an epoch.
    ///
    /// # Errors
    /// [`StoreError::Disk`].
    pub fn put_epoch_key(
        &mut self,
        pack: u32,
        order: u64,
        key: &EpochKey,
    ) -> Result<(), StoreError> {
        self.put(EPOCH_KEYS, "epoch-keys.1", pack, order, key.danger_expose())
    }

    /// Keeps a run with its head.
    ///
    /// # Errors
    /// [`StoreError::Disk`].
    pub fn put_run(&mut self, log: u32, run: &VerifiedRun) -> Result<(), StoreError> {
        let first = run.entries().first().map_or(0, |entry| entry.header().seq);
        let raw = || run.entries().iter().map(VerifiedEntry::raw);
        let headers = raw().map(|raw| raw.header.clone()).collect();
        let content = |raw: &RawEntry| Content::encode(raw.body.as_deref(), raw.wrap.as_deref());
        let contents = raw().map(content).collect();
        for (table, items) in [(HEADER_CHUNKS, headers), (CONTENT_CHUNKS, contents)] {
            table.append(&self.write, (self.rows, &mut *self.rng), log, first, items)?;
        }
        self.put(
            HEADS,
            "heads.1",
            log,
            run.head().position.seq,
            &rows::encode_head(run.head()),
        )
    }

    /// Forgets a head that a newer one made needless.
    ///
    /// # Errors
    /// [`StoreError::Disk`].
    pub fn remove_head(&mut self, log: u32, seq: u64) -> Result<(), StoreError> {
        let mut table = self.write.open_table(HEADS).map_err(disk("write"))?;
        table.remove((log, seq)).map_err(disk("write"))?;
        Ok(())
    }

    /// Keeps a block of summaries, in place of the one that stood there.
    ///
    /// # Errors
    /// [`StoreError::Disk`].
    pub fn put_summaries(&mut self, block: u32, bytes: &[u8]) -> Result<(), StoreError> {
        self.put_numbered(SUMMARIES, SUMMARIES_NAME, block, bytes)
    }

    /// Keeps the names of a pack's notes, for finding a note in a pack that sleeps.
    ///
    /// # Errors
    /// [`StoreError::Disk`].
    pub fn put_note_names(&mut self, pack: u32, bytes: &[u8]) -> Result<(), StoreError> {
        self.put_numbered(NOTE_NAMES, NOTE_NAMES_NAME, pack, bytes)
    }

    /// Says that a pack's summary is older than its records from this transaction on.
    ///
    /// # Errors
    /// [`StoreError::Disk`].
    pub fn mark(&mut self, pack: u32) -> Result<(), StoreError> {
        self.put_numbered(MARKS, MARKS_NAME, pack, &[])
    }

    /// Says that a pack's summary is as new as its records.
    ///
    /// # Errors
    /// [`StoreError::Disk`].
    pub fn unmark(&mut self, pack: u32) -> Result<(), StoreError> {
        let mut table = self.write.open_table(MARKS).map_err(disk("write"))?;
        table.remove(pack).map_err(disk("write"))?;
        Ok(())
    }

    /// Keeps an entry's change away from documents from now on.
    ///
    /// # Errors
    /// [`StoreError::Disk`].
    pub fn quarantine(&mut self, log: u32, seq: u64, reason: &str) -> Result<(), StoreError> {
        self.put(QUARANTINE, "quarantine.1", log, seq, reason.as_bytes())
    }

    fn put(
        &mut self,
        table: ByPosition,
        name: &'static str,
        owner: u32,
        at: u64,
        value: &[u8],
    ) -> Result<(), StoreError> {
        let sealed = self.rows.seal(name, &position(owner, at), value, self.rng);
        let mut table = self.write.open_table(table).map_err(disk("write"))?;
        table
            .insert((owner, at), sealed.as_slice())
            .map_err(disk("write"))?;
        Ok(())
    }

    fn put_numbered(
        &mut self,
        table: ByNumber,
        name: &'static str,
        number: u32,
        value: &[u8],
    ) -> Result<(), StoreError> {
        let sealed = self.rows.seal(name, &number.to_be_bytes(), value, self.rng);
        let mut table = self.write.open_table(table).map_err(disk("write"))?;
        table
            .insert(number, sealed.as_slice())
            .map_err(disk("write"))?;
        Ok(())
    }

    fn create_tables(&mut self) -> Result<(), StoreError> {
        for table in [PACKS, LOGS] {
            self.write.open_table(table).map_err(disk("create"))?;
        }
        for table in [
            OPS, PERSONS, EPOCHS, EPOCH_KEYS, HEADS, HEADERS, CONTENTS, QUARANTINE,
        ] {
            self.write.open_table(table).map_err(disk("create"))?;
        }
        self.write.open_table(SETTINGS).map_err(disk("create"))?;
        let mut format = self.write.open_table(FORMAT).map_err(disk("create"))?;
        format
            .insert(FORMAT_KEY, FORMAT_VERSION)
            .map_err(disk("create"))?;
        Ok(())
    }
}

/// redb writes its magic number last when it makes a file, and takes a file that has none for somebody
/// else's. Power lost in between leaves zeros there and behind its header, and nothing was ever in such a
/// file. Where anything else stands, a header was lost: what is left is not touched.
fn is_unfinished(
    length: u64,
    mut read: impl FnMut(u64, &mut [u8]) -> std::io::Result<()>,
) -> std::io::Result<bool> {
    let mut at = 0;
    let mut page = vec![0; HEADER_PAGE_BYTES];
    while at < length {
        let rest = usize::try_from(length - at).unwrap_or(usize::MAX);
        let bytes = page.len().min(rest);
        let page = &mut page[..bytes];
        read(at, page)?;
        let looked = match at {
            0 => &page[..bytes.min(MAGIC_BYTES)],
            _ => page,
        };
        if looked.iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        at += bytes as u64;
    }
    Ok(length > 0)
}

/// Empties a file that was never finished; says whether it was one.
fn begin_anew_if_unfinished(path: &Path) -> std::io::Result<bool> {
    use std::io::{Read, Seek, SeekFrom};
    let mut file = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)?;
    let length = file.metadata()?.len();
    let unfinished = is_unfinished(length, |at, bytes| {
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(bytes)
    })?;
    if unfinished {
        file.set_len(0)?;
    }
    Ok(unfinished)
}

/// Bytes at the beginning of a file in which redb's header stands, and nothing else.
const HEADER_PAGE_BYTES: usize = 4096;
/// Bytes of redb's magic number.
const MAGIC_BYTES: usize = 9;
const FORMAT_KEY: &str = "format";
/// A setting that only the right master key opens.
const KEY_CHECK: &str = "key-check";

fn position(owner: u32, at: u64) -> [u8; 12] {
    let mut key = [0; 12];
    key[..4].copy_from_slice(&owner.to_be_bytes());
    key[4..].copy_from_slice(&at.to_be_bytes());
    key
}

fn opening(error: redb::DatabaseError) -> StoreError {
    match error {
        redb::DatabaseError::DatabaseAlreadyOpen => StoreError::InUse,
        error => disk("open")(error),
    }
}

fn disk<E: Into<redb::Error>>(operation: &'static str) -> impl FnOnce(E) -> StoreError {
    move |error| StoreError::Disk {
        operation,
        source: Box::new(error.into()),
    }
}

fn damaged_entry(_: RunRefused) -> StoreError {
    StoreError::Damaged {
        table: HEADER_CHUNKS.name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::SeedableRng;

    fn open(path: &Path) -> Result<Store, StoreError> {
        Store::open(
            path,
            &MasterKey::from_bytes([1; 32]),
            &mut ChaCha20Rng::seed_from_u64(1),
        )
    }

    #[test]
    fn a_file_that_was_never_finished_is_begun_anew_and_any_other_is_left_alone() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("unfinished");
        std::fs::write(&path, [0; 8192]).unwrap();
        open(&path).unwrap();
        open(&path).unwrap();
        let path = home.path().join("of somebody else");
        std::fs::write(&path, b"letters to my aunt").unwrap();
        let error = open(&path).unwrap_err();
        assert!(matches!(error, StoreError::Disk { .. }) && error.is_damage());
        assert_eq!(std::fs::read(&path).unwrap(), b"letters to my aunt");
    }

    /// Goal: a database that lost its first bytes, however many, is never taken for one that was not
    /// begun: it is refused, and nothing of it changes.
    #[test]
    fn a_database_whose_beginning_is_gone_is_left_as_it_is() {
        let home = tempfile::tempdir().unwrap();
        for gone in [1, 8, MAGIC_BYTES, 16, 512, HEADER_PAGE_BYTES] {
            let path = home.path().join(format!("without {gone}"));
            drop(open(&path).unwrap());
            let mut bytes = std::fs::read(&path).unwrap();
            bytes[..gone].fill(0);
            std::fs::write(&path, &bytes).unwrap();
            let error = open(&path).unwrap_err();
            assert!(error.is_damage(), "{gone}: {error}");
            assert!(std::fs::read(&path).unwrap() == bytes, "{gone}");
            let memory = redb::backends::InMemoryBackend::new();
            memory.set_len(bytes.len() as u64).unwrap();
            memory.write(0, &bytes).unwrap();
            let master = MasterKey::from_bytes([1; 32]);
            let mut rng = ChaCha20Rng::seed_from_u64(1);
            let error = Store::open_backend(memory, &master, &mut rng).unwrap_err();
            assert!(error.is_damage(), "{gone}: {error}");
        }
    }

    #[test]
    fn another_master_key_opens_nothing() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("kitbag.redb");
        open(&path).unwrap();
        let other = Store::open(
            &path,
            &MasterKey::from_bytes([2; 32]),
            &mut ChaCha20Rng::seed_from_u64(1),
        );
        assert!(
            matches!(other, Err(StoreError::Damaged { .. })),
            "{other:?}"
        );
    }
}
