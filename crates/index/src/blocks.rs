//! Files of segments, read in blocks through a cache, so that a large index need not sit in memory.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use tantivy::HasLen;
use tantivy::directory::{FileHandle, OwnedBytes};

/// Bytes of one block of a file; the last is shorter. With its seal and its key it just fits four pages of
/// redb, which rounds up to powers of two.
pub const BLOCK_BYTES: usize = (16 << 10) - 128;
/// Bytes of opened blocks that are kept, at most.
pub const CACHE_BYTES_MAX: usize = 16 << 20;

/// Where blocks of files come from.
pub trait Blocks: Send + Sync + 'static {
    /// One block of a file, as it was given to be kept.
    ///
    /// # Errors
    /// If it is missing, damaged, or the disk fails.
    fn block(&self, file: u32, block: u32) -> io::Result<Vec<u8>>;
}

/// Blocks, and those of them that were opened last.
pub(crate) struct Cached {
    source: Box<dyn Blocks>,
    opened: Mutex<Opened>,
    bytes_max: usize,
}

impl fmt::Debug for Cached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cached").finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Opened {
    blocks: HashMap<(u32, u32), Block>,
    /// When each was used last, by count.
    used: BTreeMap<u64, (u32, u32)>,
    uses: u64,
    bytes: usize,
}

/// A block, and when it was used last.
struct Block {
    bytes: Arc<[u8]>,
    used: u64,
}

impl Cached {
    pub(crate) fn new(source: Box<dyn Blocks>, bytes_max: usize) -> Cached {
        Cached {
            source,
            opened: Mutex::default(),
            bytes_max,
        }
    }

    fn block(&self, file: u32, block: u32) -> io::Result<Arc<[u8]>> {
        let at = (file, block);
        if let Some(known) = self.opened().take(at) {
            return Ok(known);
        }
        let bytes: Arc<[u8]> = self.source.block(file, block)?.into();
        self.opened().keep(at, &bytes, self.bytes_max);
        Ok(bytes)
    }

    /// Bytes of opened blocks.
    pub(crate) fn bytes(&self) -> usize {
        self.opened().bytes
    }

    /// Lets go of a file's blocks.
    pub(crate) fn forget(&self, file: u32) {
        let mut opened = self.opened();
        let gone: Vec<(u32, u32)> = opened
            .blocks
            .keys()
            .filter(|at| at.0 == file)
            .copied()
            .collect();
        for at in gone {
            opened.remove(at);
        }
    }

    /// Lets go of every block, as if nothing had been read yet.
    pub(crate) fn clear(&self) {
        *self.opened() = Opened::default();
    }

    fn opened(&self) -> std::sync::MutexGuard<'_, Opened> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Opened {
    fn take(&mut self, at: (u32, u32)) -> Option<Arc<[u8]>> {
        self.uses += 1;
        let block = self.blocks.get_mut(&at)?;
        self.used.remove(&block.used);
        block.used = self.uses;
        self.used.insert(self.uses, at);
        Some(block.bytes.clone())
    }

    fn keep(&mut self, at: (u32, u32), bytes: &Arc<[u8]>, bytes_max: usize) {
        self.remove(at);
        self.uses += 1;
        self.bytes += bytes.len();
        let block = Block {
            bytes: bytes.clone(),
            used: self.uses,
        };
        self.blocks.insert(at, block);
        self.used.insert(self.uses, at);
        while self.bytes > bytes_max
            && let Some((_, oldest)) = self.used.pop_first()
        {
            self.remove(oldest);
        }
    }

    fn remove(&mut self, at: (u32, u32)) {
        if let Some(block) = self.blocks.remove(&at) {
            self.bytes -= block.bytes.len();
            self.used.remove(&block.used);
        }
    }
}

/// A file of a segment on disk.
#[derive(Clone, Debug)]
pub(crate) struct BlockFile {
    pub(crate) blocks: Arc<Cached>,
    pub(crate) number: u32,
    pub(crate) len: usize,
}

impl HasLen for BlockFile {
    fn len(&self) -> usize {
        self.len
    }
}

impl FileHandle for BlockFile {
    fn read_bytes(&self, range: Range<usize>) -> io::Result<OwnedBytes> {
        if range.end > self.len || range.start > range.end {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if range.is_empty() {
            return Ok(OwnedBytes::empty());
        }
        let (first, last) = (range.start / BLOCK_BYTES, (range.end - 1) / BLOCK_BYTES);
        if first == last {
            let block = self.block(first)?;
            let start = range.start - first * BLOCK_BYTES;
            return Ok(OwnedBytes::new(block).slice(start..start + range.len()));
        }
        let mut bytes = Vec::with_capacity(range.len());
        for at in first..=last {
            let block = self.block(at)?;
            let begin = at * BLOCK_BYTES;
            let from = range.start.saturating_sub(begin);
            let to = (range.end - begin).min(block.len());
            bytes.extend_from_slice(&block[from..to]);
        }
        Ok(OwnedBytes::new(bytes))
    }
}

impl BlockFile {
    fn block(&self, at: usize) -> io::Result<Arc<[u8]>> {
        let number = u32::try_from(at).map_err(|_| io::ErrorKind::InvalidInput)?;
        let block = self.blocks.block(self.number, number)?;
        let expected = (self.len - at * BLOCK_BYTES).min(BLOCK_BYTES);
        if block.len() != expected {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(block)
    }
}
