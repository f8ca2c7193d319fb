//! Whether acts of a person need a session here, and what proves the person: sealed, on this device alone.
//!
//! Spec: `docs/spec/agents.md`, "Sessions".

use crate::{Node, NodeError};
use kitbag_core::id::{ItemId, PackId, Timestamp};
use kitbag_core::policy::Sensitivity;
use kitbag_core::session::SessionGuard;
use kitbag_store::{Store, StoreError};

/// A setting of the database, beside that of the agents.
const GUARD: &str = "session-guard";

/// What is kept, if sessions are needed. One that does not read back still says that they are, and
/// leaves nothing that proves anybody.
pub(crate) fn load(
    store: &Store,
    damaged: &mut Vec<&'static str>,
) -> Result<Option<SessionGuard>, NodeError> {
    let kept = match store.setting(GUARD) {
        Ok(None) => return Ok(None),
        Ok(Some(bytes)) => SessionGuard::decode(&bytes).ok(),
        Err(StoreError::Damaged { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    Ok(Some(kept.unwrap_or_else(|| {
        damaged.push("record of what unlocks sessions");
        SessionGuard::new(None)
    })))
}

/// Whether acts of a person need a session, as a database says that nobody has open. If it cannot be
/// told, they do.
///
/// # Errors
/// [`NodeError::Store`].
pub fn needs_sessions(store: &Store) -> Result<bool, NodeError> {
    load(store, &mut Vec::new()).map(|guard| guard.is_some())
}

impl Node {
    /// What guards sessions, if they are needed here.
    pub fn session_guard(&self) -> Option<&SessionGuard> {
        self.session_guard.as_ref()
    }

    /// Sessions are needed from now on, and this is kept of the PIN; without one, the passphrase is asked.
    ///
    /// # Errors
    /// [`NodeError::Store`].
    pub fn guard_sessions(&mut self, pin: Option<Vec<u8>>) -> Result<(), NodeError> {
        self.keep_guard(SessionGuard::new(pin))
    }

    /// Counts a try to open a session before it is made.
    ///
    /// # Errors
    /// [`NodeError::BadInput`] if sessions are not needed here; [`NodeError::Store`]. Within the answer:
    /// until when no try is taken.
    pub fn try_session(
        &mut self,
        now: Timestamp,
    ) -> Result<Result<SessionGuard, Timestamp>, NodeError> {
        let mut guard = self.need_guard()?;
        if let Err(until) = guard.try_once(now) {
            return Ok(Err(until));
        }
        self.keep_guard(guard.clone())?;
        Ok(Ok(guard))
    }

    /// A try was right.
    ///
    /// # Errors
    /// As [`Node::try_session`].
    pub fn session_was_right(&mut self) -> Result<(), NodeError> {
        let mut guard = self.need_guard()?;
        guard.was_right();
        self.keep_guard(guard)
    }

    fn need_guard(&self) -> Result<SessionGuard, NodeError> {
        let none = || NodeError::BadInput {
            field: "session",
            reason: "nothing needs one on this device".into(),
        };
        self.session_guard.clone().ok_or_else(none)
    }

    fn keep_guard(&mut self, guard: SessionGuard) -> Result<(), NodeError> {
        let mut batch = self.store.batch(&mut *self.rng)?;
        batch.put_setting(GUARD, &guard.encode())?;
        batch.commit()?;
        self.session_guard = Some(guard);
        Ok(())
    }

    /// The sensitivity at which a note stands here.
    ///
    /// # Errors
    /// [`NodeError::NotFound`], [`NodeError::Store`].
    pub fn sensitivity_of(&self, pack: PackId, note: ItemId) -> Result<Sensitivity, NodeError> {
        let replica = self.packs.need(pack)?;
        let tag = replica.notes.get(&note);
        let object = tag.and_then(|tag| replica.objects.get(tag));
        object
            .map(|object| object.sensitivity)
            .ok_or(NodeError::NotFound("note"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kitbag_crypto::MasterKey;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;
    use std::path::Path;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn open(dir: &Path, seed: u64) -> Node {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let master = MasterKey::from_bytes([7; 32]);
        let mut store = Store::open(&dir.join("db"), &master, &mut rng).unwrap();
        Node::initialise(&mut store, "Ana", "laptop", &mut rng).unwrap();
        Node::open(store, Box::new(rng), None, |_| Ok(())).unwrap()
    }

    /// Goal: neither a restart nor a cut-off try gives whoever guesses another try.
    #[test]
    fn tries_are_counted_before_they_are_made_and_through_restarts() {
        let dir = tempfile::tempdir().unwrap();
        let mut node = open(dir.path(), 1);
        assert!(node.session_guard().is_none());
        assert!(node.try_session(NOW).is_err());
        node.guard_sessions(Some(vec![1, 2, 3])).unwrap();
        for seed in 2..5 {
            let guard = node.try_session(NOW).unwrap().unwrap();
            assert_eq!(guard.pin, Some(vec![1, 2, 3]));
            drop(node);
            node = open(dir.path(), seed);
        }
        assert!(node.try_session(NOW).unwrap().is_err());
        let later = Timestamp::from_millis(NOW.as_millis() + 30_000);
        node.try_session(later).unwrap().unwrap();
        node.session_was_right().unwrap();
        drop(node);
        let mut node = open(dir.path(), 9);
        node.try_session(later).unwrap().unwrap();
    }

    /// Goal: damage never takes the guard away.
    #[test]
    fn a_damaged_record_leaves_sessions_needed_and_nothing_that_opens_one() {
        let dir = tempfile::tempdir().unwrap();
        let mut node = open(dir.path(), 1);
        node.guard_sessions(Some(vec![1])).unwrap();
        let mut batch = node.store.batch(&mut *node.rng).unwrap();
        batch.put_setting(GUARD, b"\xff").unwrap();
        batch.commit().unwrap();
        drop(node);
        let node = open(dir.path(), 2);
        assert_eq!(node.damaged(), ["record of what unlocks sessions"]);
        assert_eq!(node.session_guard().unwrap().pin, None);
    }
}
