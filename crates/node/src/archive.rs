//! Packs that this person put away on this device: they are in no list and no search that does not name
//! them, and everything else goes on.
//!
//! The mark is a setting of this device alone. It decides nothing: no right, no sync, no answer to
//! somebody who names the pack.
//! Why: `docs/design/0031-archive.md`.

use crate::{Node, NodeError, read_list};
use kitbag_core::codec;
use kitbag_core::id::PackId;
use kitbag_store::Store;
use std::collections::BTreeSet;

/// Archived packs of one device, at most: their list stays below what a setting may hold.
pub const ARCHIVED_MAX: usize = 16_384;

const LIST: &str = "archived";

pub(crate) fn load(
    store: &Store,
    damaged: &mut Vec<&'static str>,
) -> Result<BTreeSet<PackId>, NodeError> {
    read_list(store, LIST, "list of archived packs", damaged)
}

impl Node {
    /// Puts a pack away on this device, or takes it out again. Says whether that changed anything.
    ///
    /// # Errors
    /// [`NodeError::NotFound`]; [`NodeError::BadInput`] for more than [`ARCHIVED_MAX`];
    /// [`NodeError::Store`].
    pub fn set_archived(&mut self, pack: PackId, archived: bool) -> Result<bool, NodeError> {
        if !self.packs.contains(&pack) {
            return Err(NodeError::NotFound("pack"));
        }
        let mut list = self.archived.clone();
        let changes = match archived {
            true => list.insert(pack),
            false => list.remove(&pack),
        };
        if !changes {
            return Ok(false);
        }
        if list.len() > ARCHIVED_MAX {
            return Err(NodeError::BadInput {
                field: "pack",
                reason: format!("{ARCHIVED_MAX} are archived already"),
            });
        }
        let mut batch = self.store.batch(&mut *self.rng)?;
        batch.put_setting(LIST, &codec::encode(&list))?;
        batch.commit()?;
        self.archived = list;
        Ok(true)
    }

    /// Whether this person put a pack away on this device.
    pub fn is_archived(&self, pack: &PackId) -> bool {
        self.archived.contains(pack)
    }

    /// All packs that were not put away, in order of arrival, and how many were.
    pub(crate) fn packs_in_view(&self) -> (Vec<PackId>, u64) {
        let (away, in_view): (Vec<PackId>, _) = self
            .packs
            .ids()
            .into_iter()
            .partition(|pack| self.is_archived(pack));
        (in_view, away.len() as u64)
    }
}

#[cfg(test)]
mod tests;
