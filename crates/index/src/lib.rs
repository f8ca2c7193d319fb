//! The search index: which tokens stand where in which note.
//!
//! It answers exactly what a look at each note would answer, with the statistics, scores and order of
//! `kitbag_core::search`. tantivy keeps dictionary, postings, positions and columns, in segments that
//! never change; which segments there are, and which of their notes still count, is said here and kept
//! by whoever owns the disk, so that both change in one transaction. A segment's files are read in
//! blocks, through a bounded cache. There is no thread and no clock here, and nothing is searched that
//! the caller does not allow: a segment holds notes of one sensitivity.
//! Spec: `docs/spec/search-index.md`; why: `docs/design/0025-search-index.md`.

mod ask;
mod bits;
mod blocks;
mod build;
mod files;
mod listing;
mod near;
mod segment;
mod segments;

#[cfg(test)]
mod tests;

pub use ask::{Asked, Question};
pub use blocks::{BLOCK_BYTES, Blocks, CACHE_BYTES_MAX};
pub use build::{Builder, Built, Doc};
pub use segment::{Dead, FileMeta, SegmentMeta};
pub use segments::{Merge, Merged, Segments, Settled, Standing};

use kitbag_core::id::ItemId;
use thiserror::Error;

/// The format of segments and of what is kept beside them. Whatever changes tokens, fields, columns or
/// tantivy's files changes this, and an index of another format is built anew.
pub const INDEX_VERSION: u16 = 2;

/// Why an index does not answer: it is damaged, or the disk failed. It is to be dropped and built anew.
#[derive(Debug, Error)]
#[error("the search index does not answer: {0}")]
pub struct IndexError(String);

impl From<tantivy::TantivyError> for IndexError {
    fn from(error: tantivy::TantivyError) -> IndexError {
        IndexError(error.to_string())
    }
}

impl From<std::io::Error> for IndexError {
    fn from(error: std::io::Error) -> IndexError {
        IndexError(error.to_string())
    }
}

impl From<tantivy::directory::error::OpenReadError> for IndexError {
    fn from(error: tantivy::directory::error::OpenReadError) -> IndexError {
        IndexError(error.to_string())
    }
}

/// Contains a fault of the libraries below: it is an index that does not answer, and no more.
pub(crate) fn contained<T>(work: impl FnOnce() -> Result<T, IndexError>) -> Result<T, IndexError> {
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
    done.unwrap_or_else(|_| Err(IndexError("a fault was contained".into())))
}

/// The beginning of a note's id, by which the index knows it within its pack. Nobody can make two ids
/// that begin so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name([u8; 16]);

impl Name {
    /// Of a note.
    pub fn of(item: &ItemId) -> Name {
        let mut name = [0; 16];
        name.copy_from_slice(&item.as_bytes()[..16]);
        Name(name)
    }

    /// The lowest id that begins so.
    pub fn first_id(&self) -> ItemId {
        let mut id = [0; 32];
        id[..16].copy_from_slice(&self.0);
        ItemId::from_bytes(id)
    }

    fn halves(self) -> (u64, u64) {
        let number = u128::from_be_bytes(self.0);
        ((number >> 64) as u64, number as u64)
    }

    fn from_halves(high: u64, low: u64) -> Name {
        Name((u128::from(high) << 64 | u128::from(low)).to_be_bytes())
    }
}
