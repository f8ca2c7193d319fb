//! What files of older formats are brought to, one transaction each. A migration that has been released
//! is never edited.
//! Spec: `docs/spec/store.md`, "Opening".

use crate::chunks::{CONTENT_CHUNKS, HEADER_CHUNKS};
use crate::rows::Content;
use crate::tables::{ByPosition, LOGS};
use crate::{Batch, StoreError, disk, position};
use redb::{ReadableTable, ReadableTableMetadata, TableDefinition};
use std::collections::BTreeMap;

/// The format in which each part of an entry had a row of its own.
pub(crate) const FORMAT_1: u8 = 1;

/// Header, body and item key of each entry.
const OLD_TABLES: [(ByPosition, &str); 3] = [
    (TableDefinition::new("headers.1"), "headers.1"),
    (TableDefinition::new("bodies.1"), "bodies.1"),
    (TableDefinition::new("item-keys.1"), "item-keys.1"),
];

impl Batch<'_> {
    /// From format 1 to 2: entries in chunks. What does not open is left where it is: a body or an item
    /// key is then missing in format 2, and a log ends before a header.
    ///
    /// # Errors
    /// [`StoreError::Disk`].
    pub(crate) fn migrate_to_chunks(&mut self) -> Result<(), StoreError> {
        self.create_tables()?;
        let logs: Vec<u32> = {
            let table = self.write.open_table(LOGS).map_err(disk("migrate"))?;
            let rows = table.iter().map_err(disk("migrate"))?;
            let keys = rows.map(|row| Ok(row.map_err(disk("migrate"))?.0.value()));
            keys.collect::<Result<_, StoreError>>()?
        };
        let mut moved = [0; 3];
        for log in logs {
            let (headers, contents) = self.take_log(log, &mut moved)?;
            // Numbers without a gap: where the first is missing, nothing of the log could be read.
            let Some((first, _)) = headers.first() else {
                continue;
            };
            let first = *first;
            let headers = headers.into_iter().map(|(_, header)| header).collect();
            for (table, items) in [(HEADER_CHUNKS, headers), (CONTENT_CHUNKS, contents)] {
                table.append(&self.write, (self.rows, &mut *self.rng), log, first, items)?;
            }
        }
        for ((table, _), moved) in OLD_TABLES.into_iter().zip(moved) {
            let rows = {
                let table = self.write.open_table(table).map_err(disk("migrate"))?;
                table.len().map_err(disk("migrate"))?
            };
            if rows == moved {
                self.write.delete_table(table).map_err(disk("migrate"))?;
            }
        }
        Ok(())
    }

    /// Headers of a log up to the first that is missing or does not open, with their numbers, and what
    /// they are of. Counts the rows of each table that were read.
    #[expect(clippy::type_complexity, reason = "two lists of one log")]
    fn take_log(
        &self,
        log: u32,
        moved: &mut [u64; 3],
    ) -> Result<(Vec<(u64, Vec<u8>)>, Vec<Vec<u8>>), StoreError> {
        let [headers, bodies, keys] = OLD_TABLES;
        let headers = self.rows_of(headers, log, &mut moved[0])?;
        let bodies = self.rows_of(bodies, log, &mut moved[1])?;
        let keys = self.rows_of(keys, log, &mut moved[2])?;
        let first = headers.keys().next().copied().unwrap_or_default();
        let whole: Vec<(u64, Vec<u8>)> = (first..).zip(headers).map_while(follows).collect();
        let content = |(seq, _): &(u64, Vec<u8>)| {
            Content::encode(
                bodies.get(seq).map(Vec::as_slice),
                keys.get(seq).map(Vec::as_slice),
            )
        };
        let contents = whole.iter().map(content).collect();
        Ok((whole, contents))
    }

    /// Rows of a log that open.
    fn rows_of(
        &self,
        (table, name): (ByPosition, &'static str),
        log: u32,
        moved: &mut u64,
    ) -> Result<BTreeMap<u64, Vec<u8>>, StoreError> {
        let table = self.write.open_table(table).map_err(disk("migrate"))?;
        let mut rows = BTreeMap::new();
        let range = table.range((log, 0)..=(log, u64::MAX));
        for row in range.map_err(disk("migrate"))? {
            let (key, sealed) = row.map_err(disk("migrate"))?;
            let (_, seq) = key.value();
            let opened = self.rows.open(name, &position(log, seq), sealed.value());
            if let Ok(plain) = opened {
                rows.insert(seq, plain.to_vec());
                *moved += 1;
            }
        }
        Ok(rows)
    }
}

fn follows((expected, (seq, header)): (u64, (u64, Vec<u8>))) -> Option<(u64, Vec<u8>)> {
    (expected == seq).then_some((seq, header))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::FORMAT;
    use crate::{FORMAT_KEY, FORMAT_VERSION, Store};
    use kitbag_crypto::MasterKey;
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::SeedableRng;
    use redb::ReadableDatabase;
    use std::path::Path;

    fn open(path: &Path) -> Result<Store, StoreError> {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        Store::open(path, &MasterKey::from_bytes([1; 32]), &mut rng)
    }

    /// Log, number, header, body.
    type Row<'r> = (u32, u64, &'r [u8], Option<&'r [u8]>);

    /// Puts a file back to format 1, with these rows; a part that begins with 0 is damaged.
    fn of_format_1(path: &Path, rows: &[Row<'_>]) {
        let mut store = open(path).unwrap();
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let mut batch = store.batch(&mut rng).unwrap();
        for (log, ..) in rows {
            let row = crate::LogRow {
                pack: 0,
                opening: vec![],
                base: None,
            };
            batch.put_log(*log, &row).unwrap();
        }
        batch.commit().unwrap();
        let write = store.db.begin_write().unwrap();
        {
            let [mut headers, mut bodies, _] =
                OLD_TABLES.map(|(table, _)| write.open_table(table).unwrap());
            for (log, seq, header, body) in rows {
                let mut seal = |name, value: &[u8]| {
                    let at = position(*log, *seq);
                    let mut sealed = store.rows.seal(name, &at, value, &mut rng);
                    sealed[60] ^= u8::from(value.first() == Some(&0));
                    sealed
                };
                let header = seal("headers.1", header);
                headers.insert((*log, *seq), header.as_slice()).unwrap();
                if let Some(body) = body {
                    let body = seal("bodies.1", body);
                    bodies.insert((*log, *seq), body.as_slice()).unwrap();
                }
            }
            let mut format = write.open_table(FORMAT).unwrap();
            format.insert(FORMAT_KEY, FORMAT_1).unwrap();
        }
        write.commit().unwrap();
    }

    fn has(store: &Store, table: usize) -> bool {
        let read = store.db.begin_read().unwrap();
        read.open_table(OLD_TABLES[table].0).is_ok()
    }

    fn parts(store: &Store, log: u32, seq: u64) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
        let read = |table, opened| {
            let item = store.item(table, opened, (log, seq), <[u8]>::to_vec);
            item.unwrap()
        };
        let header = read(&HEADER_CHUNKS, &store.opened_headers)?;
        let content = read(&CONTENT_CHUNKS, &store.opened_contents).unwrap();
        let [body, wrap] = Content::decode(&content).unwrap();
        assert_eq!(wrap, None);
        Some((header, body))
    }

    /// Goal: what stood in rows of their own stands in chunks afterwards, and the old tables are gone.
    #[test]
    fn rows_become_chunks() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("db");
        let rows: [Row<'_>; 4] = [
            (1, 1, b"a", Some(b"body")),
            (1, 2, b"b", None),
            (2, 7, b"c", Some(b"of a branch")),
            (2, 8, b"d", Some(b"of a branch")),
        ];
        of_format_1(&path, &rows);
        for _ in 0..2 {
            let store = open(&path).unwrap();
            assert_eq!(store.format().unwrap(), Some(FORMAT_VERSION));
            for (log, seq, header, body) in rows {
                let kept = (header.to_vec(), body.map(<[u8]>::to_vec));
                assert_eq!(parts(&store, log, seq), Some(kept));
            }
            assert!((0..3).all(|table| !has(&store, table)));
        }
    }

    /// Goal: one damaged row costs what it holds and what cannot do without it, keeps nobody from the
    /// rest, and is not thrown away.
    #[test]
    fn what_is_damaged_is_kept_and_keeps_nobody_from_the_rest() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("db");
        let rows: [Row<'_>; 5] = [
            (1, 1, b"a", Some(b"\0 damaged")),
            (1, 2, b"b", Some(b"body")),
            (2, 1, b"c", None),
            (2, 2, b"\0 damaged", None),
            (2, 3, b"d", None),
        ];
        of_format_1(&path, &rows);
        let store = open(&path).unwrap();
        let whole =
            |header: &[u8], body: Option<&[u8]>| Some((header.to_vec(), body.map(<[u8]>::to_vec)));
        assert_eq!(parts(&store, 1, 1), whole(b"a", None));
        assert_eq!(parts(&store, 1, 2), whole(b"b", Some(b"body")));
        assert_eq!(parts(&store, 2, 1), whole(b"c", None));
        assert_eq!(parts(&store, 2, 2), None);
        assert!(has(&store, 0) && has(&store, 1) && !has(&store, 2));
    }
}
