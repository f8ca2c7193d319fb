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
