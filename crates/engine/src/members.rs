//! Who is in a pack, changed: looked at first, then made.

use crate::{
    Change, Ending, Engine, EngineError, HeldView, PersonId, Preview, Role, Sensitivity, one_of,
};
use kitbag_core::id::PackId;

impl Engine {
    /// The person of a pack whom a word means: `me`, a name, an id, or the beginning of one.
    ///
    /// # Errors
    /// [`EngineError::NotFound`], [`EngineError::Ambiguous`].
    pub async fn resolve_person(
        &self,
        pack: PackId,
        selector: String,
    ) -> Result<(PersonId, String), EngineError> {
        let word = selector.clone();
        let found = self
            .worker()?
            .call(move |node, _| node.persons_called(pack, &word))
            .await?;
        let ids: Vec<PersonId> = found.iter().map(|(person, _)| *person).collect();
        let one = one_of(ids, "person", selector, ToString::to_string)?;
        let name = found.into_iter().find(|(person, _)| *person == one);
        Ok((one, name.map(|(_, name)| name).unwrap_or_default()))
    }

    /// The clearance that goes with a role if nobody says one: what the person has; restricted for an
    /// admin, internal for whoever was one or is not in the pack.
    ///
    /// # Errors
    /// [`EngineError::NotFound`].
    pub async fn usual_clearance(
        &self,
        pack: PackId,
        person: PersonId,
        role: Role,
    ) -> Result<Sensitivity, EngineError> {
        self.worker()?
            .call(move |node, _| node.usual_clearance(pack, person, role))
            .await
    }

    /// Says what a change of membership would do, and does nothing.
    ///
    /// # Errors
    /// As [`Engine::change_membership`].
    pub async fn preview_change(
        &self,
        pack: PackId,
        change: Change,
    ) -> Result<Preview, EngineError> {
        self.worker()?
            .call(move |node, now| node.preview(now, pack, &change))
            .await
    }

    /// Makes a change of membership, and says what it did.
    ///
    /// # Errors
    /// [`EngineError::Denied`] if the policy does not let this person do it;
    /// [`EngineError::NotFound`], [`EngineError::BadInput`], [`EngineError::Storage`].
    pub async fn change_membership(
        &self,
        pack: PackId,
        change: Change,
    ) -> Result<Preview, EngineError> {
        self.worker()?
            .call(move |node, now| node.change(now, pack, &change))
            .await
    }

    /// How this person's own membership of a pack ended, if it did.
    ///
    /// # Errors
    /// [`EngineError::NotFound`].
    pub async fn ending(&self, pack: PackId) -> Result<Option<Ending>, EngineError> {
        self.worker()?.call(move |node, _| node.ending(pack)).await
    }

    /// Removals that keep members of a pack out until an admin answers.
    ///
    /// # Errors
    /// [`EngineError::NotFound`].
    pub async fn disputes(&self, pack: PackId) -> Result<Vec<HeldView>, EngineError> {
        self.worker()?
            .call(move |node, _| node.disputes(pack))
            .await
    }
}
