//! The name that this person gives a pack: on this device alone, for typing. The title, which everybody
//! in the pack sees, stays.

use crate::asleep::Summary;
use crate::packs::goes_by;
use crate::{Node, NodeError, check_name};
use kitbag_core::id::PackId;
use kitbag_store::PackRow;

/// Characters of another pack's id that no name may be: lists show so many.
const ID_CHARS: usize = 10;

impl Node {
    /// Gives a pack another name of this person's own, or none. Says which it had, if that changed.
    ///
    /// # Errors
    /// [`NodeError::NotFound`]; [`NodeError::BadInput`] for the name; [`NodeError::Stale`] if another
    /// pack goes by that; [`NodeError::Store`].
    pub fn name_pack(
        &mut self,
        pack: PackId,
        name: Option<&str>,
    ) -> Result<Option<Option<String>>, NodeError> {
        name.map_or(Ok(()), |name| check_name("name", name))?;
        let replica = self.packs.need(pack)?;
        let (row, number) = (replica.row.clone(), replica.number);
        if row.name.as_deref() == name {
            return Ok(None);
        }
        if let Some(name) = name {
            self.is_free(pack, name)?;
        }
        let before = row.name.clone();
        let row = PackRow {
            name: name.map(str::to_owned),
            ..row
        };
        let mut batch = self.store.batch(&mut *self.rng)?;
        self.packs.mark(&mut batch, number, &pack)?;
        batch.put_pack(number, &row)?;
        batch.commit()?;
        self.packs.was_marked(&pack, []);
        if let Some(replica) = self.packs.get_mut(&pack) {
            replica.row = row;
        }
        Ok(Some(before))
    }

    /// That no other pack goes by this word.
    fn is_free(&self, pack: PackId, name: &str) -> Result<(), NodeError> {
        let lower = name.to_ascii_lowercase();
        // A shorter one may happen to begin an id: names come first.
        let is_id = |id: PackId| name.len() >= ID_CHARS && id.to_string().starts_with(&lower);
        let called = self.packs.summaries().filter(|of| goes_by(of, name));
        let by_id = self.packs.ids().into_iter().filter(|id| is_id(*id));
        let mut others = called.map(Summary::id).chain(by_id);
        match others.find(|other| *other != pack) {
            None => Ok(()),
            Some(other) => Err(NodeError::Stale(format!(
                "another pack of yours goes by {name:?}: {}",
                &other.to_string()[..ID_CHARS]
            ))),
        }
    }
}

#[cfg(test)]
mod tests;
