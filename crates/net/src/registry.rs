//! Who is connected right now, so that a change of policy can end it.
//!
//! An entry is made before a connection is dialled or re-checked and lives as long as the session, so
//! [`Registry::disconnect`] leaves no gap: it ends what is connected and what is about to be.
//! Handles are weak: the registry never keeps a connection alive.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use iroh::endpoint::{Connection, WeakConnectionHandle};
use tokio_util::sync::CancellationToken;

use crate::limits::LINKS_PER_PEER_MAX;
use crate::{CloseCode, PeerId};

/// What a connection is for, and who opened it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    SyncDialled,
    SyncAccepted,
    Join,
}

#[derive(Debug, Default)]
pub(crate) struct Registry(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    next: u64,
    live: HashMap<u64, Entry>,
}

#[derive(Debug)]
struct Entry {
    peer: PeerId,
    purpose: Purpose,
    /// Cancelled by `disconnect`.
    ended: CancellationToken,
    /// `None` while it is being dialled.
    conn: Option<WeakConnectionHandle>,
    /// It has become a link: both sides admitted each other.
    is_link: bool,
}

/// Keeps an entry in the registry until it is dropped.
pub(crate) struct Registration {
    registry: Arc<Registry>,
    id: u64,
    ended: CancellationToken,
}

impl Registry {
    /// Registers a connection that is about to be dialled.
    pub(crate) fn enter(self: &Arc<Self>, peer: PeerId, purpose: Purpose) -> Registration {
        self.lock().insert(self, peer, purpose, None)
    }

    /// Registers a connection that others opened; `None` when the peer has too many of them.
    pub(crate) fn enter_accepted(
        self: &Arc<Self>,
        conn: &Connection,
        purpose: Purpose,
    ) -> Option<Registration> {
        let peer = PeerId::of(conn.remote_id());
        let mut entries = self.lock();
        let same = |entry: &&Entry| entry.peer == peer && entry.purpose == purpose;
        if entries.live.values().filter(same).count() >= LINKS_PER_PEER_MAX {
            return None;
        }
        Some(entries.insert(self, peer, purpose, Some(conn.weak_handle())))
    }

    /// Ends everything with this peer; the other side sees [`CloseCode::NOT_AUTHORISED`].
    pub(crate) fn disconnect(&self, peer: &PeerId) {
        self.end(CloseCode::NOT_AUTHORISED, |entry| entry.peer == *peer);
    }

    /// Ends everything.
    pub(crate) fn close_all(&self, code: CloseCode) {
        self.end(code, |_| true);
    }

    /// The peers with a live sync connection, each once, sorted.
    pub(crate) fn connected(&self) -> Vec<PeerId> {
        let mut peers: Vec<_> = self
            .lock()
            .live
            .values()
            .filter(|entry| entry.is_live_link())
            .map(|e| e.peer)
            .collect();
        peers.sort_unstable();
        peers.dedup();
        peers
    }

    fn end(&self, code: CloseCode, selects: impl Fn(&Entry) -> bool) {
        let entries = self.lock();
        for entry in entries.live.values().filter(|entry| selects(entry)) {
            entry.ended.cancel();
            if let Some(conn) = entry.conn.as_ref().and_then(WeakConnectionHandle::upgrade) {
                tracing::debug!(peer = %entry.peer, %code, "closing a connection");
                conn.close(code.to_wire(), b"");
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        // Every change under the lock is a single map operation, so a panic leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    fn insert(
        &mut self,
        registry: &Arc<Registry>,
        peer: PeerId,
        purpose: Purpose,
        conn: Option<WeakConnectionHandle>,
    ) -> Registration {
        let (id, ended) = (self.next, CancellationToken::new());
        self.next += 1;
        self.live.insert(
            id,
            Entry {
                peer,
                purpose,
                ended: ended.clone(),
                conn,
                is_link: false,
            },
        );
        Registration {
            registry: registry.clone(),
            id,
            ended,
        }
    }
}

impl Entry {
    fn is_live_link(&self) -> bool {
        let is_open = |conn: Connection| conn.close_reason().is_none();
        self.is_link
            && self
                .conn
                .as_ref()
                .and_then(WeakConnectionHandle::upgrade)
                .is_some_and(is_open)
    }
}

impl Registration {
    /// Adds the connection of a dial that succeeded. Closed at once if it was ended meanwhile, which
    /// whoever dials also learns from [`ended`](Self::ended).
    pub(crate) fn attach(&self, conn: &Connection) {
        let mut entries = self.registry.lock();
        if self.ended.is_cancelled() {
            conn.close(CloseCode::NOT_AUTHORISED.to_wire(), b"");
        } else if let Some(entry) = entries.live.get_mut(&self.id) {
            entry.conn = Some(conn.weak_handle());
        }
    }

    /// Counts the connection among the links from now on.
    pub(crate) fn set_live(&self) {
        if let Some(entry) = self.registry.lock().live.get_mut(&self.id) {
            entry.is_link = true;
        }
    }

    /// Cancelled when this connection has been ended through the registry.
    pub(crate) fn ended(&self) -> &CancellationToken {
        &self.ended
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.registry.lock().live.remove(&self.id);
    }
}
