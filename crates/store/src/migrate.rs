//! What files of older formats are brought to, one transaction each. A migration that has been released
//! is never edited.
//! Spec: `docs/spec/store.md`, "Opening".

use crate::chunks::{CONTENT_CHUNKS, HEADER_CHUNKS};
use crate::rows::Content;
use crate::tables::ByPosition;
use crate::{Batch, StoreError, disk, position};
use redb::{ReadableTable, TableDefinition};
use std::collections::BTreeMap;

/// The format in which each part of an entry had a row of its own.
pub(crate) const FORMAT_1: u8 = 1;

const HEADERS: ByPosition = TableDefinition::new("headers.1");
const BODIES: ByPosition = TableDefinition::new("bodies.1");
const ITEM_KEYS: ByPosition = TableDefinition::new("item-keys.1");

/// Items of a log that follow each other: the number of the first, headers, contents.
type Stretch = (u64, Vec<Vec<u8>>, Vec<Vec<u8>>);

impl Batch<'_> {
    /// From format 1 to 2: entries in chunks.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if a row does not open: nothing is changed then.
    pub(crate) fn migrate_to_chunks(&mut self) -> Result<(), StoreError> {
        let headers = self.rows_of(HEADERS, "headers.1")?;
        let bodies = self.rows_of(BODIES, "bodies.1")?;
        let keys = self.rows_of(ITEM_KEYS, "item-keys.1")?;
        let mut logs: BTreeMap<u32, Vec<Stretch>> = BTreeMap::new();
        for ((log, seq), header) in headers {
            let at = (log, seq);
            let body = bodies.get(&at).map(Vec::as_slice);
            let content = Content::encode(body, keys.get(&at).map(Vec::as_slice));
            let stretches = logs.entry(log).or_default();
            match stretches.last_mut() {
                Some((first, headers, contents)) if *first + headers.len() as u64 == seq => {
                    headers.push(header);
                    contents.push(content);
                }
                _ => stretches.push((seq, vec![header], vec![content])),
            }
        }
        for (log, stretches) in logs {
            for (first, headers, contents) in stretches {
                for (table, items) in [(HEADER_CHUNKS, headers), (CONTENT_CHUNKS, contents)] {
                    table.append(&self.write, (self.rows, &mut *self.rng), log, first, items)?;
                }
            }
        }
        for table in [HEADERS, BODIES, ITEM_KEYS] {
            self.write.delete_table(table).map_err(disk("migrate"))?;
        }
        self.create_tables()
    }

    fn rows_of(
        &self,
        table: ByPosition,
        name: &'static str,
    ) -> Result<BTreeMap<(u32, u64), Vec<u8>>, StoreError> {
        let table = self.write.open_table(table).map_err(disk("migrate"))?;
        let mut rows = BTreeMap::new();
        for row in table.iter().map_err(disk("migrate"))? {
            let (key, sealed) = row.map_err(disk("migrate"))?;
            let (log, seq) = key.value();
            let opened = self.rows.open(name, &position(log, seq), sealed.value());
            let plain = opened.map_err(|_| StoreError::Damaged { table: name })?;
            rows.insert((log, seq), plain.to_vec());
        }
        Ok(rows)
    }
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

    /// Puts a file back to format 1, with these rows; a body that begins with 0 is damaged.
    fn of_format_1(path: &Path, rows: &[Row<'_>]) {
        let store = open(path).unwrap();
        let write = store.db.begin_write().unwrap();
        {
            let mut rng = ChaCha20Rng::seed_from_u64(2);
            let mut headers = write.open_table(HEADERS).unwrap();
            let mut bodies = write.open_table(BODIES).unwrap();
            let _ = write.open_table(ITEM_KEYS).unwrap();
            for (log, seq, header, body) in rows {
                let mut seal = |name, value: &[u8]| {
                    store
                        .rows
                        .seal(name, &position(*log, *seq), value, &mut rng)
                };
                let header = seal("headers.1", header);
                headers.insert((*log, *seq), header.as_slice()).unwrap();
                if let Some(body) = body {
                    let mut sealed = seal("bodies.1", body);
                    sealed[60] ^= u8::from(body.first() == Some(&0));
                    bodies.insert((*log, *seq), sealed.as_slice()).unwrap();
                }
            }
            let mut format = write.open_table(FORMAT).unwrap();
            format.insert(FORMAT_KEY, FORMAT_1).unwrap();
        }
        write.commit().unwrap();
    }

    /// Goal: what stood in rows of their own stands in chunks afterwards, in logs with gaps too, and the
    /// old tables are gone.
    #[test]
    fn rows_become_chunks() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("db");
        let rows: [Row<'_>; 4] = [
            (1, 1, b"a", Some(b"body")),
            (1, 2, b"b", None),
            (1, 7, b"c", Some(b"after a gap")),
            (2, 0, b"d", Some(b"of another log")),
        ];
        of_format_1(&path, &rows);
        let store = open(&path).unwrap();
        assert_eq!(store.format().unwrap(), Some(FORMAT_VERSION));
        for (log, seq, header, body) in rows {
            let read = |table, opened| {
                let item = store.item(table, opened, (log, seq), <[u8]>::to_vec);
                item.unwrap().unwrap()
            };
            assert_eq!(read(&HEADER_CHUNKS, &store.opened_headers), header);
            let content = read(&CONTENT_CHUNKS, &store.opened_contents);
            let [kept, wrap] = Content::decode(&content).unwrap();
            assert_eq!((kept.as_deref(), wrap), (body, None));
        }
        let read = store.db.begin_read().unwrap();
        for table in [HEADERS, BODIES, ITEM_KEYS] {
            assert!(read.open_table(table).is_err());
        }
    }

    /// Goal: a file of which a row is damaged is left as it is.
    #[test]
    fn what_is_damaged_is_not_thrown_away() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("db");
        of_format_1(
            &path,
            &[(1, 1, b"a", Some(b"\0damaged")), (1, 2, b"b", None)],
        );
        for _ in 0..2 {
            let refused = open(&path);
            let damaged = matches!(refused, Err(StoreError::Damaged { table: "bodies.1" }));
            assert!(damaged, "{refused:?}");
        }
    }
}
