//! How the device stands with its peers, and waiting until it stands well.

use crate::{Engine, EngineError};
use kitbag_core::id::EndpointId;
use kitbag_net::PeerId;
use kitbag_node::view::{PackStatus, PeerState};
use kitbag_node::{Node, Notice};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Where this device can be reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointView {
    /// The transport's id.
    pub id: String,
    /// Socket addresses, then the relay if any; empty while offline.
    pub addresses: Vec<String>,
}

/// One device that this one syncs with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerView {
    /// Name of its person and its own.
    pub name: String,
    /// The transport's id.
    pub endpoint: String,
    /// Whether a connection stands.
    pub connected: bool,
    /// Since when it does.
    pub since: Option<kitbag_core::id::Timestamp>,
}

/// The whole device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Every pack.
    pub packs: Vec<PackStatus>,
    /// Every device it syncs with.
    pub peers: Vec<PeerView>,
    /// Where it can be reached.
    pub endpoint: EndpointView,
}

impl Engine {
    /// Where this device can be reached; without addresses while it is offline.
    pub async fn endpoint(&self) -> EndpointView {
        let me = self.me().await;
        let id = EndpointId::from_bytes(me.endpoint).to_string();
        let network = self.inner.network.read().await;
        let addresses = network.as_ref().map(|network| {
            let address = network.address();
            let relay = address.relay.map(|relay| format!("relay {relay}"));
            address
                .direct
                .iter()
                .map(ToString::to_string)
                .chain(relay)
                .collect()
        });
        EndpointView {
            id,
            addresses: addresses.unwrap_or_default(),
        }
    }

    /// How everything stands.
    ///
    /// # Errors
    /// [`EngineError::Stopped`].
    pub async fn status(&self) -> Result<Status, EngineError> {
        let packs = self.pack_statuses(None).await?;
        let connected = match self.inner.network.read().await.as_ref() {
            Some(network) => network.connected(),
            None => BTreeMap::new(),
        };
        let named = self.worker()?.call(|node, _| Ok(node.peer_names())).await?;
        let peers = named.into_iter().map(|(endpoint, name)| {
            let since = connected.get(&PeerId(*endpoint.as_bytes()));
            PeerView {
                name,
                endpoint: endpoint.to_string(),
                connected: since.is_some(),
                since: since.copied().flatten(),
            }
        });
        Ok(Status {
            packs,
            peers: peers.collect(),
            endpoint: self.endpoint().await,
        })
    }

    /// Dials whom it can, and says how packs stand; with `wait`, once every device that can be
    /// reached is up to date.
    ///
    /// # Errors
    /// [`EngineError::NoPeer`] if a pack has other devices and none of them could be reached;
    /// [`EngineError::TimedOut`] if one was reached and is not up to date after `timeout`.
    pub async fn sync(
        &self,
        pack: Option<kitbag_core::id::PackId>,
        wait: bool,
        timeout: Duration,
    ) -> Result<Vec<PackStatus>, EngineError> {
        let begun = Instant::now();
        let mut notices = self.notices()?;
        if let Some(network) = self.inner.network.read().await.as_ref() {
            network.hurry();
        }
        loop {
            let statuses = self.pack_statuses(pack).await?;
            let peers: Vec<PeerState> = statuses
                .iter()
                .flat_map(|status| status.peers.iter().map(|peer| peer.state))
                .collect();
            let settled = peers.iter().all(|state| *state == PeerState::Synced)
                || self.settled_since(pack, begun).await?;
            let over = begun.elapsed() >= timeout;
            if !wait || settled || over {
                // What was looked at first may have settled since.
                let syncing = !settled && peers.contains(&PeerState::Syncing);
                // A pack of which nobody at all could be reached got nothing.
                let none = statuses.iter().any(|status| {
                    let mut states = status.peers.iter().map(|peer| peer.state);
                    !status.peers.is_empty() && states.all(|state| state == PeerState::Unreachable)
                });
                return match (wait, none, syncing) {
                    (true, true, _) => Err(EngineError::NoPeer {}),
                    (true, _, true) => Err(EngineError::TimedOut),
                    _ => Ok(statuses),
                };
            }
            let pause = (timeout - begun.elapsed()).min(LOOK_EVERY);
            let _ = tokio::time::timeout(pause, notices.recv()).await; // news or not: look again
        }
    }

    /// Whether each device of these packs is up to date, or could not be reached since `begun`.
    async fn settled_since(
        &self,
        pack: Option<kitbag_core::id::PackId>,
        begun: Instant,
    ) -> Result<bool, EngineError> {
        let states = self
            .worker()?
            .call(move |node, _| Ok(node.peer_states(pack)))
            .await?;
        let network = self.inner.network.read().await;
        Ok(states
            .into_iter()
            .all(|(endpoint, state)| match (state, network.as_ref()) {
                (PeerState::Synced, _) => true,
                (PeerState::Syncing, _) => false,
                (PeerState::Unreachable, None) => true,
                (PeerState::Unreachable, Some(network)) => {
                    network.gave_up_since(&PeerId(*endpoint.as_bytes()), begun)
                }
            }))
    }

    async fn pack_statuses(
        &self,
        pack: Option<kitbag_core::id::PackId>,
    ) -> Result<Vec<PackStatus>, EngineError> {
        let all = move |node: &mut Node| match pack {
            Some(pack) => Ok(vec![node.status(pack)?]),
            None => node
                .packs()
                .iter()
                .map(|pack| node.status(pack.id))
                .collect(),
        };
        self.worker()?.call(move |node, _| all(node)).await
    }

    /// Waits until `done` says so, looking again at every piece of news.
    pub(crate) async fn wait_until(
        &self,
        notices: &mut tokio::sync::broadcast::Receiver<Notice>,
        timeout: Duration,
        done: impl Fn(&mut Node) -> bool + Clone + Send + 'static,
    ) -> Result<bool, EngineError> {
        let begun = Instant::now();
        loop {
            let done = done.clone();
            if self.worker()?.call(move |node, _| Ok(done(node))).await? {
                return Ok(true);
            }
            if begun.elapsed() >= timeout {
                return Ok(false);
            }
            let _ = tokio::time::timeout(LOOK_EVERY, notices.recv()).await; // news or not: look again
        }
    }
}

/// How long to wait for news before looking again anyway.
const LOOK_EVERY: Duration = Duration::from_millis(200);
