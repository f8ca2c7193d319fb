//! What a pack is called: a name of this person's own, on this device alone, for typing; and its title,
//! which everybody in the pack sees.

use crate::asleep::Summary;
use crate::error::Denied;
use crate::objects::ObjectState;
use crate::packs::goes_by;
use crate::replica::Staged;
use crate::{Node, NodeError, check_name};
use kitbag_core::id::{PackId, Timestamp};
use kitbag_core::pack::index::index_tag;
use kitbag_core::policy::Sensitivity;
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

    /// Gives a pack that this person made another title, wherever it has one; with `dry_run` only says
    /// where that is: nowhere if it is called that already. Members see the one at the highest
    /// sensitivity that they open.
    ///
    /// # Errors
    /// [`NodeError::Denied`] for a pack that somebody else made, and for whoever may not write there any
    /// more; [`NodeError::BadInput`] for the title; [`NodeError::Stale`] if another pack of this person
    /// goes by that; [`NodeError::NotFound`], [`NodeError::Store`].
    pub fn retitle_pack(
        &mut self,
        now: Timestamp,
        pack: PackId,
        title: &str,
        dry_run: bool,
    ) -> Result<Vec<Sensitivity>, NodeError> {
        check_name("title", title)?;
        let replica = self.packs.need(pack)?;
        if !replica.row.own {
            return Err(Denied::NotItsMaker.into());
        }
        let titled = |s: &Sensitivity| {
            let object = replica.objects.get(&index_tag(pack, *s));
            match object.map(|object| &object.state) {
                Some(ObjectState::Index { title: known, .. }) => {
                    !known.is_empty() && known != title
                }
                _ => false,
            }
        };
        let at: Vec<Sensitivity> = Sensitivity::ALL.into_iter().filter(titled).collect();
        if at.is_empty() {
            return Ok(at);
        }
        self.is_free(pack, title)?;
        let mut staged = match dry_run {
            true => Staged::plan(),
            false => Staged::default(),
        };
        for sensitivity in &at {
            match dry_run {
                true => drop(self.pen(pack, *sensitivity, true, &mut staged)?),
                false => self.stage_title(pack, title, *sensitivity, now, &mut staged)?,
            }
        }
        if !dry_run {
            self.commit(pack, staged)?;
            self.maintain(pack, now)?;
        }
        Ok(at)
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
