//! Tables whose rows hold several entries of a log each, one after the other.
//!
//! A row by itself costs a seal and its share of a page that is rarely full. So entries that follow
//! each other stand together, in rows that just fit redb's pages. What is added goes into a row of its
//! own, and takes the row before it in if that is no longer than itself: a row grows by doubling, and
//! each entry is written a few times at most. Entries are never changed, so a row that was opened is
//! right for those that it holds, however the file goes on.
//! Spec: `docs/spec/store.md`, "Chunks".

use crate::tables::{ByPosition, CONTENTS, HEADERS};
use crate::{Reader, StoreError, disk, position};
use kitbag_crypto::{CryptoRng, RowKey, SEAL_OVERHEAD};
use redb::{ReadableDatabase, ReadableTable, WriteTransaction};
use std::sync::{Arc, Mutex, PoisonError};
use zeroize::Zeroizing;

/// A table of chunks.
pub(crate) struct ChunkTable {
    table: ByPosition,
    pub(crate) name: &'static str,
    /// Bytes of a chunk with several items, at most: its seal then fills its pages.
    room: usize,
}

/// Headers, which are read one after the other.
pub(crate) const HEADER_CHUNKS: ChunkTable = ChunkTable {
    table: HEADERS,
    name: "headers.2",
    room: fits(1),
};

/// What the headers are of: sealed bodies and item keys.
pub(crate) const CONTENT_CHUNKS: ChunkTable = ChunkTable {
    table: CONTENTS,
    name: "contents.2",
    room: fits(2),
};

/// Bytes in a row that fills so many pages of redb.
const fn fits(pages: usize) -> usize {
    pages * PAGE_BYTES - LEAF_OVERHEAD - SEAL_OVERHEAD
}

const PAGE_BYTES: usize = 4096;
/// What a leaf with one pair holds besides the value: its own header, where the value ends, the key.
const LEAF_OVERHEAD: usize = 4 + 4 + 12;
/// The length before an item.
const LENGTH_BYTES: usize = 4;

/// Some items that follow each other, opened.
#[derive(Clone, Debug)]
pub(crate) struct Chunk {
    log: u32,
    /// The number of the first.
    first: u64,
    plain: Zeroizing<Vec<u8>>,
    /// Where each ends in `plain`.
    ends: Vec<usize>,
}

impl Chunk {
    /// Nothing if the bytes are no chunk.
    fn parse(log: u32, first: u64, plain: Zeroizing<Vec<u8>>) -> Option<Chunk> {
        let (mut ends, mut at) = (Vec::new(), 0_usize);
        while at < plain.len() {
            let length = plain.get(at..)?.first_chunk::<LENGTH_BYTES>()?;
            at = at
                .checked_add(LENGTH_BYTES)?
                .checked_add(u32::from_be_bytes(*length) as usize)?;
            (at <= plain.len()).then_some(())?;
            ends.push(at);
        }
        Some(Chunk {
            log,
            first,
            plain,
            ends,
        })
    }

    fn items(&self) -> impl Iterator<Item = &[u8]> {
        (self.first..).map_while(|seq| self.item(seq))
    }

    fn item(&self, seq: u64) -> Option<&[u8]> {
        let at = usize::try_from(seq.checked_sub(self.first)?).ok()?;
        let end = *self.ends.get(at)?;
        let before = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.plain.get(before + LENGTH_BYTES..end)
    }
}

/// The chunk of a table that was opened last.
#[derive(Default)]
pub(crate) struct Opened(Mutex<Option<Arc<Chunk>>>);

impl Opened {
    fn with(&self, log: u32, seq: u64) -> Option<Arc<Chunk>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let holds = |chunk: &&Arc<Chunk>| chunk.log == log && chunk.item(seq).is_some();
        kept.as_ref().filter(holds).cloned()
    }

    fn keep(&self, chunk: Arc<Chunk>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(chunk);
    }
}

impl ChunkTable {
    /// Puts items of a log after those that are there, `first` being the number of the first of them.
    pub(crate) fn append(
        &self,
        write: &WriteTransaction,
        (rows, rng): (&RowKey, &mut dyn CryptoRng),
        log: u32,
        first: u64,
        items: Vec<Vec<u8>>,
    ) -> Result<(), StoreError> {
        let mut table = write.open_table(self.table).map_err(disk("write"))?;
        let behind = table.range((log, first)..=(log, u64::MAX));
        if behind.map_err(disk("read"))?.next().is_some() {
            return Err(StoreError::Damaged { table: self.name }); // it would be replaced
        }
        let (mut first, mut items) = (first, items);
        let mut bytes: usize = items.iter().map(|item| LENGTH_BYTES + item.len()).sum();
        loop {
            let before = {
                let mut last = table.range((log, 0)..(log, first)).map_err(disk("read"))?;
                let last = last.next_back().transpose().map_err(disk("read"))?;
                last.map(|(key, sealed)| (key.value().1, sealed.value().to_vec()))
            };
            let Some((start, sealed)) = before else {
                break;
            };
            let length = sealed.len().saturating_sub(SEAL_OVERHEAD);
            let next = items
                .first()
                .map_or(usize::MAX, |item| LENGTH_BYTES + item.len());
            if length > bytes || length.saturating_add(next) > self.room {
                break;
            }
            // One that is damaged stays as it is: what it holds waits, and the log goes on.
            let Ok(chunk) = self.open(rows, log, start, &sealed) else {
                break;
            };
            if start + chunk.ends.len() as u64 != first {
                break; // it does not go on where that one ends
            }
            table.remove((log, start)).map_err(disk("write"))?;
            let mut joined: Vec<Vec<u8>> = chunk.items().map(<[u8]>::to_vec).collect();
            joined.append(&mut items);
            (first, items, bytes) = (start, joined, bytes + length);
        }
        let mut rest = items.as_slice();
        while !rest.is_empty() {
            let mut plain = Zeroizing::new(Vec::with_capacity(self.room.min(bytes)));
            let mut count = 0;
            for item in rest {
                if count > 0 && plain.len() + LENGTH_BYTES + item.len() > self.room {
                    break;
                }
                let length =
                    u32::try_from(item.len()).expect("records are bounded far below 4 GiB");
                plain.extend_from_slice(&length.to_be_bytes());
                plain.extend_from_slice(item);
                count += 1;
            }
            let sealed = rows.seal(self.name, &position(log, first), &plain, rng);
            table
                .insert((log, first), sealed.as_slice())
                .map_err(disk("write"))?;
            rest = &rest[count..];
            first += count as u64;
        }
        Ok(())
    }

    fn open(
        &self,
        rows: &RowKey,
        log: u32,
        first: u64,
        sealed: &[u8],
    ) -> Result<Chunk, StoreError> {
        let damaged = StoreError::Damaged { table: self.name };
        match rows.open(self.name, &position(log, first), sealed) {
            Ok(plain) => Chunk::parse(log, first, plain).ok_or(damaged),
            Err(_) => Err(damaged),
        }
    }
}

impl Reader {
    /// An item of a log, read by `with`; nothing if it is not kept.
    pub(crate) fn item<T>(
        &self,
        of: &ChunkTable,
        opened: &Opened,
        (log, seq): (u32, u64),
        with: impl FnOnce(&[u8]) -> T,
    ) -> Result<Option<T>, StoreError> {
        if let Some(chunk) = opened.with(log, seq) {
            return Ok(chunk.item(seq).map(with));
        }
        let read = self.db.begin_read().map_err(disk("read"))?;
        let table = read.open_table(of.table).map_err(disk("read"))?;
        let mut row = table.range((log, 0)..=(log, seq)).map_err(disk("read"))?;
        let Some((key, sealed)) = row.next_back().transpose().map_err(disk("read"))? else {
            return Ok(None);
        };
        let chunk = Arc::new(of.open(&self.rows, log, key.value().1, sealed.value())?);
        opened.keep(chunk.clone());
        Ok(chunk.item(seq).map(with))
    }

    /// Reads the items of a log from a number on, in order.
    pub(crate) fn items<T>(
        &self,
        of: &ChunkTable,
        log: u32,
        from: u64,
        mut with: impl FnMut(&[u8]) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let read = self.db.begin_read().map_err(disk("read"))?;
        let table = read.open_table(of.table).map_err(disk("read"))?;
        let first = {
            let mut row = table.range((log, 0)..=(log, from)).map_err(disk("read"))?;
            let row = row.next_back().transpose().map_err(disk("read"))?;
            row.map_or(from, |(key, _)| key.value().1)
        };
        let (mut next, mut items) = (from, Vec::new());
        let rows = table
            .range((log, first)..=(log, u64::MAX))
            .map_err(disk("read"))?;
        for row in rows {
            let (key, sealed) = row.map_err(disk("read"))?;
            let chunk = of.open(&self.rows, log, key.value().1, sealed.value())?;
            for (seq, item) in (chunk.first..).zip(chunk.items()) {
                if seq >= next {
                    items.push(with(item)?);
                    next = seq + 1;
                }
            }
        }
        Ok(items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;
    use kitbag_crypto::MasterKey;
    use proptest::prelude::*;
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::SeedableRng;

    fn store() -> Store {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let memory = redb::backends::InMemoryBackend::new();
        Store::open_backend(memory, &MasterKey::from_bytes([1; 32]), &mut rng).unwrap()
    }

    fn append(store: &mut Store, log: u32, first: u64, items: &[Vec<u8>]) {
        let mut rng = ChaCha20Rng::seed_from_u64(first);
        let batch = store.batch(&mut rng).unwrap();
        HEADER_CHUNKS
            .append(
                &batch.write,
                (batch.rows, &mut *batch.rng),
                log,
                first,
                items.to_vec(),
            )
            .unwrap();
        batch.commit().unwrap();
    }

    /// Rows of a log: the number of the first item, and the length of the value.
    fn rows(store: &Store, log: u32) -> Vec<(u64, usize)> {
        let read = store.db.begin_read().unwrap();
        let table = read.open_table(HEADERS).unwrap();
        let rows = table.range((log, 0)..=(log, u64::MAX)).unwrap();
        rows.map(|row| {
            let (key, value) = row.unwrap();
            (key.value().1, value.value().len())
        })
        .collect()
    }

    fn all(store: &Store, log: u32, from: u64) -> Vec<Vec<u8>> {
        let read = |item: &[u8]| Ok(item.to_vec());
        store.items(&HEADER_CHUNKS, log, from, read).unwrap()
    }

    fn item(store: &Store, opened: &Opened, log: u32, seq: u64) -> Option<Vec<u8>> {
        let read = <[u8]>::to_vec;
        store
            .item(&HEADER_CHUNKS, opened, (log, seq), read)
            .unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

        /// Goal: however items were added, in two logs at once, each is read where it stands, by itself,
        /// from anywhere on, and after it was opened before others were added.
        #[test]
        fn whatever_was_added_is_read_again(
            adds in prop::collection::vec((0..2_u32, prop::collection::vec(0..2500_usize, 1..9)), 1..24),
            first in 0..5_u64,
        ) {
            let mut store = store();
            let opened = Opened::default();
            let mut logs: [Vec<Vec<u8>>; 2] = Default::default();
            for (log, lengths) in adds {
                let items: Vec<Vec<u8>> = lengths.iter().map(|length| vec![*length as u8; *length]).collect();
                let known = &mut logs[log as usize];
                append(&mut store, log, first + known.len() as u64, &items);
                known.extend(items);
                let last = known.len() as u64 - 1;
                prop_assert_eq!(item(&store, &opened, log, first + last), known.last().cloned());
            }
            for (log, known) in logs.iter().enumerate() {
                let log = log as u32;
                for from in (0..=known.len()).step_by(7) {
                    prop_assert_eq!(&all(&store, log, first + from as u64)[..], &known[from..]);
                }
                for (seq, of) in (first..).zip(known) {
                    prop_assert_eq!(item(&store, &opened, log, seq), Some(of.clone()));
                }
                prop_assert_eq!(item(&store, &opened, log, first + known.len() as u64), None);
                prop_assert!(first == 0 || item(&store, &opened, log, first - 1).is_none());
            }
        }
    }

    /// Goal: entries that were added one by one end up in rows that fill their pages, and each was
    /// written a few times only.
    #[test]
    fn single_items_gather_in_full_rows() {
        let mut store = store();
        let count = 200;
        for seq in 0..count {
            append(&mut store, 7, seq, &[vec![seq as u8; 200]]);
        }
        let rows = rows(&store, 7);
        let full = (HEADER_CHUNKS.room + SEAL_OVERHEAD) * 9 / 10;
        let not_full = rows.iter().filter(|(_, length)| *length < full).count();
        assert!(not_full <= 5, "{rows:?}");
        assert_eq!(all(&store, 7, 0).len() as u64, count);
    }

    /// Goal: an item longer than a row may be stands by itself, and many at once fill rows.
    #[test]
    fn long_items_stand_alone() {
        let mut store = store();
        let long = vec![1; 9000];
        append(&mut store, 1, 1, &[vec![0; 10], long.clone(), vec![2; 10]]);
        assert_eq!(rows(&store, 1).len(), 3);
        assert_eq!(all(&store, 1, 0), [vec![0; 10], long, vec![2; 10]]);
    }

    fn damage(store: &Store, log: u32, first: u64) {
        let write = store.db.begin_write().unwrap();
        {
            let mut table = write.open_table(HEADERS).unwrap();
            let mut sealed = table.get((log, first)).unwrap().unwrap().value().to_vec();
            *sealed.last_mut().unwrap() ^= 1;
            table.insert((log, first), &sealed[..]).unwrap();
        }
        write.commit().unwrap();
    }

    /// Goal: a log whose last row is damaged goes on, and the damaged row stays as it is.
    #[test]
    fn a_damaged_row_at_the_end_keeps_nobody_from_writing() {
        let mut store = store();
        append(&mut store, 1, 1, &[vec![5; 100]]);
        damage(&store, 1, 1);
        append(&mut store, 1, 2, &[vec![6; 300], vec![7; 300]]);
        assert_eq!(rows(&store, 1).len(), 2);
        assert_eq!(all(&store, 1, 2), [vec![6; 300], vec![7; 300]]);
        assert!(store.items(&HEADER_CHUNKS, 1, 1, |_| Ok(())).is_err());
    }

    /// Goal: what stands there already is never replaced.
    #[test]
    fn items_are_put_behind_all_others() {
        let mut store = store();
        append(&mut store, 1, 1, &vec![vec![5; 1000]; 12]);
        let last = rows(&store, 1).last().unwrap().0;
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let batch = store.batch(&mut rng).unwrap();
        let with = (batch.rows, &mut *batch.rng);
        let refused = HEADER_CHUNKS.append(&batch.write, with, 1, last, vec![vec![9]]);
        assert!(refused.is_err());
    }

    /// Goal: a row that was changed on disk is an error for what it holds, and for nothing else.
    #[test]
    fn a_damaged_row_damages_only_what_it_holds() {
        let mut store = store();
        append(&mut store, 1, 1, &vec![vec![5; 1000]; 12]);
        let second = rows(&store, 1)[1].0;
        damage(&store, 1, second);
        let read = |seq| {
            let opened = Opened::default();
            store.item(&HEADER_CHUNKS, &opened, (1, seq), <[u8]>::len)
        };
        assert!(matches!(read(1), Ok(Some(1000))));
        assert!(matches!(read(second), Err(StoreError::Damaged { .. })));
        assert!(matches!(read(12), Ok(Some(1000))));
    }

    #[test]
    fn bytes_that_are_no_chunk_are_refused() {
        for bytes in [&[0, 0, 0, 1][..], &[0, 0], &[0xff, 0xff, 0xff, 0xff, 1]] {
            assert!(Chunk::parse(1, 1, Zeroizing::new(bytes.to_vec())).is_none());
        }
    }
}
