//! Looking at every row: does its seal open at its own address?

use crate::chunks::{CONTENT_CHUNKS, HEADER_CHUNKS};
use crate::tables::{
    ByNumber, ByPosition, CONTENTS, EPOCH_KEYS, EPOCHS, HEADERS, HEADS, INDEX, INDEX_BLOCKS,
    INDEX_BLOCKS_NAME, INDEX_MARKS, INDEX_MARKS_NAME, INDEX_NAME, LOGS, MARKS, MARKS_NAME,
    NOTE_NAMES, NOTE_NAMES_NAME, OPS, PACKS, PERSONS, QUARANTINE, SETTINGS, SUMMARIES,
    SUMMARIES_NAME,
};
use crate::{Reader, StoreError, disk, position};
use redb::{ReadableDatabase, ReadableTable, TableError};
use zeroize::Zeroizing;

/// Who looks at the rows: the name of the table, and a value in plain.
type See<'s> = &'s mut dyn FnMut(&'static str, &[u8]);

/// What was found in one table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableCheck {
    /// Its name.
    pub table: &'static str,
    /// Rows that it has.
    pub rows: u64,
    /// Rows that do not open.
    pub damaged: u64,
}

impl Reader {
    /// Opens every row of every table, and keeps none. Takes as long as reading the whole file.
    ///
    /// # Errors
    /// [`StoreError::Disk`] if a table cannot be walked; a row that does not open is counted.
    pub fn check_rows(&self) -> Result<Vec<TableCheck>, StoreError> {
        self.walk_rows(&mut |_, _| {})
    }

    /// The same, and shows each row that opens: the name of its table, and its value in plain.
    ///
    /// # Errors
    /// As of [`Reader::check_rows`].
    pub fn walk_rows(&self, see: See<'_>) -> Result<Vec<TableCheck>, StoreError> {
        let by_position: [(ByPosition, &'static str); 9] = [
            (OPS, "ops.1"),
            (PERSONS, "persons.1"),
            (EPOCHS, "epochs.1"),
            (EPOCH_KEYS, "epoch-keys.1"),
            (HEADS, "heads.1"),
            (HEADERS, HEADER_CHUNKS.name),
            (CONTENTS, CONTENT_CHUNKS.name),
            (QUARANTINE, "quarantine.1"),
            (INDEX_BLOCKS, INDEX_BLOCKS_NAME),
        ];
        let by_number: [(ByNumber, &'static str); 7] = [
            (PACKS, "packs.1"),
            (LOGS, "logs.1"),
            (SUMMARIES, SUMMARIES_NAME),
            (NOTE_NAMES, NOTE_NAMES_NAME),
            (MARKS, MARKS_NAME),
            (INDEX, INDEX_NAME),
            (INDEX_MARKS, INDEX_MARKS_NAME),
        ];
        let mut checks = vec![self.check_settings(see)?];
        for (table, name) in by_number {
            checks.push(self.check_numbered(table, name, see)?);
        }
        for (table, name) in by_position {
            checks.push(self.check_positioned(table, name, see)?);
        }
        Ok(checks)
    }

    fn check_settings(&self, see: See<'_>) -> Result<TableCheck, StoreError> {
        let mut check = TableCheck::of("settings.1");
        let read = self.db.begin_read().map_err(disk("read"))?;
        let table = read.open_table(SETTINGS).map_err(disk("read"))?;
        for row in table.iter().map_err(disk("read"))? {
            let (key, sealed) = row.map_err(disk("read"))?;
            let opened = self.open_row(check.table, key.value(), sealed.value());
            check.count(opened, see);
        }
        Ok(check)
    }

    fn check_numbered(
        &self,
        table: ByNumber,
        name: &'static str,
        see: See<'_>,
    ) -> Result<TableCheck, StoreError> {
        let mut check = TableCheck::of(name);
        let read = self.db.begin_read().map_err(disk("read"))?;
        let table = match read.open_table(table) {
            Err(TableError::TableDoesNotExist(_)) => return Ok(check), // nothing was derived yet
            other => other.map_err(disk("read"))?,
        };
        for row in table.iter().map_err(disk("read"))? {
            let (key, sealed) = row.map_err(disk("read"))?;
            let key = key.value().to_be_bytes();
            check.count(self.open_row(name, &key, sealed.value()), see);
        }
        Ok(check)
    }

    fn check_positioned(
        &self,
        table: ByPosition,
        name: &'static str,
        see: See<'_>,
    ) -> Result<TableCheck, StoreError> {
        let mut check = TableCheck::of(name);
        let read = self.db.begin_read().map_err(disk("read"))?;
        let table = match read.open_table(table) {
            Err(TableError::TableDoesNotExist(_)) if name == INDEX_BLOCKS_NAME => return Ok(check),
            other => other.map_err(disk("read"))?,
        };
        for row in table.iter().map_err(disk("read"))? {
            let (key, sealed) = row.map_err(disk("read"))?;
            let (owner, at) = key.value();
            let opened = self.open_row(name, &position(owner, at), sealed.value());
            check.count(opened, see);
        }
        Ok(check)
    }
}

impl TableCheck {
    fn of(table: &'static str) -> TableCheck {
        TableCheck {
            table,
            rows: 0,
            damaged: 0,
        }
    }

    fn count(&mut self, opened: Result<Zeroizing<Vec<u8>>, StoreError>, see: See<'_>) {
        self.rows += 1;
        match opened {
            Ok(plain) => see(self.table, &plain),
            Err(_) => self.damaged += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;
    use kitbag_crypto::MasterKey;
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::SeedableRng;
    use std::path::Path;

    fn open(path: &Path) -> Store {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        Store::open(path, &MasterKey::from_bytes([1; 32]), &mut rng).unwrap()
    }

    /// Goal: a row that was changed on disk is counted in its table, and only there.
    #[test]
    fn a_damaged_row_is_found_in_its_table() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("db");
        let mut store = open(&path);
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let mut batch = store.batch(&mut rng).unwrap();
        batch.put_setting("a", b"1").unwrap();
        batch.put_setting("b", b"2").unwrap();
        batch.commit().unwrap();
        let whole = store.check_rows().unwrap();
        assert_eq!(whole.iter().map(|check| check.damaged).sum::<u64>(), 0);
        assert_eq!((whole[0].table, whole[0].rows), ("settings.1", 3));

        let write = store.db.begin_write().unwrap();
        {
            let key = store.blind.blind("settings", b"a");
            let mut table = write.open_table(SETTINGS).unwrap();
            let mut sealed = table.get(&key).unwrap().unwrap().value().to_vec();
            *sealed.last_mut().unwrap() ^= 1;
            table.insert(&key, &sealed[..]).unwrap();
        }
        write.commit().unwrap();
        let checks = store.check_rows().unwrap();
        let damaged: Vec<_> = checks.iter().filter(|check| check.damaged > 0).collect();
        assert_eq!(
            damaged,
            [&TableCheck {
                table: "settings.1",
                rows: 3,
                damaged: 1
            }]
        );
    }

    /// Goal: rows of the search index are looked at like all others, and a home without one is whole.
    #[test]
    fn rows_of_the_index_are_looked_at() {
        let home = tempfile::tempdir().unwrap();
        let mut store = open(&home.path().join("db"));
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let names = [INDEX_BLOCKS_NAME, INDEX_NAME, INDEX_MARKS_NAME, MARKS_NAME];
        let of_index = |checks: Vec<TableCheck>| -> Vec<TableCheck> {
            let of = |name| checks.iter().find(|check| check.table == name).copied();
            names.into_iter().filter_map(of).collect()
        };
        let none = names.map(TableCheck::of);
        assert_eq!(of_index(store.check_rows().unwrap()), none);
        let mut batch = store.batch(&mut rng).unwrap();
        batch.put_index_block(1, 0, b"block").unwrap();
        batch.put_index_row(0, b"row").unwrap();
        batch.mark_for_index(4).unwrap();
        batch.mark(4).unwrap();
        batch.commit().unwrap();
        let mut seen = Vec::new();
        let checks = store.walk_rows(&mut |table, plain| {
            if names.contains(&table) {
                seen.push((table, plain.to_vec()));
            }
        });
        let one = none.map(|check| TableCheck { rows: 1, ..check });
        assert_eq!(of_index(checks.unwrap()), one);
        seen.sort();
        let expected: [(&str, &[u8]); 4] = [
            (INDEX_BLOCKS_NAME, b"block"),
            (INDEX_MARKS_NAME, b""),
            (INDEX_NAME, b"row"),
            (MARKS_NAME, b""),
        ];
        assert_eq!(seen, expected.map(|(name, plain)| (name, plain.to_vec())));

        let write = store.db.begin_write().unwrap();
        {
            let mut table = write.open_table(INDEX_BLOCKS).unwrap();
            table.insert((1, 0), &b"noise"[..]).unwrap();
        }
        write.commit().unwrap();
        let damaged = of_index(store.check_rows().unwrap());
        assert_eq!((damaged[0].damaged, damaged[1].damaged), (1, 0));
    }
}
