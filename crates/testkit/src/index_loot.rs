//! What somebody reads in the search index who has a device and its master key: the files that are kept,
//! opened without asking which of them count.

use kitbag_core::policy::Sensitivity;
use kitbag_index::{Blocks, Dead, SegmentMeta, Segments};
use kitbag_store::{Reader, Store};
use minicbor::Decode;
use std::collections::BTreeMap;
use std::error::Error;
use std::io;
use std::sync::Arc;

/// Texts of a search index.
#[derive(Debug, Default)]
pub struct IndexLoot {
    /// Documents, also those that count no more.
    pub docs: u64,
    /// Every text of every dictionary, and at which sensitivities it stands.
    pub texts: BTreeMap<Vec<u8>, Vec<Sensitivity>>,
}

/// The row that says which segments there are, as far as a thief cares.
#[derive(Decode)]
#[cbor(map)]
struct Manifest {
    #[n(1)]
    segments: Vec<SegmentMeta>,
}

/// The number of that row.
const MANIFEST: u32 = 0;

struct Rows(Arc<Reader>);

impl Blocks for Rows {
    fn block(&self, file: u32, block: u32) -> io::Result<Vec<u8>> {
        let bytes = self.0.index_block(file, block);
        let bytes = bytes.map_err(|error| io::Error::other(error.to_string()))?;
        Ok(bytes.ok_or(io::ErrorKind::NotFound)?.to_vec())
    }
}

impl IndexLoot {
    /// Everything in the index of a database; nothing if there is none.
    ///
    /// # Errors
    /// If a row or a file of it does not open.
    pub fn of(store: &Store) -> Result<IndexLoot, Box<dyn Error>> {
        let mut loot = IndexLoot::default();
        let Some(row) = store.index_row(MANIFEST)? else {
            return Ok(loot);
        };
        let manifest: Manifest = minicbor::decode(&row)?;
        let metas = manifest.segments.into_iter();
        let metas: Vec<_> = metas.map(|meta| (meta, Dead::default())).collect();
        loot.docs = metas.iter().map(|(meta, _)| u64::from(meta.docs)).sum();
        let segments = Segments::open(Box::new(Rows(store.reader())), metas)?;
        segments.each_text(|sensitivity, text| {
            let at = loot.texts.entry(text.to_vec()).or_default();
            if !at.contains(&sensitivity) {
                at.push(sensitivity);
            }
        })?;
        Ok(loot)
    }
}
