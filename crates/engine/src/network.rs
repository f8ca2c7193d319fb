//! The network side of the engine: accepting, dialling with backoff, and pumping frames.

use crate::places::Places;
use crate::worker::{Command, Shared, Waiting, Worker, now};
use crate::{EngineError, Listen, Relay, Settings};
use kitbag_core::id::EndpointId;
use kitbag_core::sync::Side;
use kitbag_core::ticket::PeerHint;
use kitbag_net::{
    Arrival, CloseCode, Config, DialError, Discovery, EndpointSecret, FrameReceiver, FrameSender,
    Gate, Incoming, JoinAttempt, Link, Net, PeerAddress, PeerId,
};
use kitbag_node::LinkId;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, info, warn};

/// First pause after a dial that failed; doubles up to [`BACKOFF_MAX`].
const BACKOFF_MIN: Duration = Duration::from_millis(500);
/// Longest pause between two dials of one peer.
const BACKOFF_MAX: Duration = Duration::from_secs(60);
/// A connection that lasted so long was a good one: the next dial does not rest.
const LIVED_WELL: Duration = Duration::from_secs(60);
/// How often the dialler looks whom it could dial, when nothing wakes it.
const DIAL_EVERY: Duration = Duration::from_secs(2);
/// How often addresses, expired invites and the gate are looked at.
const TICK_EVERY: Duration = Duration::from_secs(5);
/// After so many ticks, what the next start needs to know is kept: a crash costs that much.
const KEEP_EVERY: u32 = 12;
/// Peers dialled at the same time, at most, besides those that have not answered within [`DIAL_PLACE`].
const DIALS_MAX: usize = 16;
/// How long a dial keeps its place: most peers are away, and whoever is there answers sooner. A dial
/// lasts [`kitbag_net::DIAL_TIMEOUT`] at most, so no more than 416 are under way.
const DIAL_PLACE: Duration = Duration::from_millis(400);
/// How long a stop waits for tasks to end.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// One running network: gone when the device goes offline.
pub(crate) struct Network {
    net: Net,
    worker: Worker,
    state: Arc<State>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// Numbers links of this process; a number is never used twice, whatever the network does.
static NEXT_LINK: AtomicU64 = AtomicU64::new(0);

struct State {
    peers: Mutex<BTreeMap<PeerId, Peer>>,
    wake: Notify,
    /// A ticket begins to wait for a person.
    asks: Notify,
}

#[derive(Default)]
struct Peer {
    links: BTreeMap<LinkId, (bool, CancellationToken)>,
    dialling: bool,
    backoff: Option<Duration>,
    next_dial: Option<Instant>,
    /// When the last attempt ended without a connection.
    failed_at: Option<Instant>,
    since: Option<kitbag_core::id::Timestamp>,
    connected_at: Option<Instant>,
}

impl Peer {
    /// Puts off the next dial, for twice as long as last time.
    fn rest(&mut self) {
        let pause = self
            .backoff
            .map_or(BACKOFF_MIN, |pause| (pause * 2).min(BACKOFF_MAX));
        (self.backoff, self.next_dial) = (Some(pause), Some(Instant::now() + pause));
    }
}

impl State {
    fn peers(&self) -> MutexGuard<'_, BTreeMap<PeerId, Peer>> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the dialler dial now whom it could dial later.
    fn hurry(&self) {
        for peer in self.peers().values_mut() {
            (peer.backoff, peer.next_dial) = (None, None);
        }
        self.wake.notify_one();
    }
}

impl Gate for Shared {
    fn may_sync(&self, peer: &PeerId) -> bool {
        self.peers
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(peer)
    }

    fn join_is_open(&self) -> bool {
        self.join_open.load(Ordering::Relaxed)
    }
}

impl Network {
    pub(crate) async fn open(worker: Worker, settings: &Settings) -> Result<Network, EngineError> {
        let (seed, kept) = worker
            .call(|node, _| Ok((node.danger_endpoint_seed(), node.shell_setting(PORT)?)))
            .await?;
        let kept = kept.and_then(|bytes| Some(u16::from_be_bytes(bytes.try_into().ok()?)));
        let gate: Arc<dyn Gate> = worker.shared.clone();
        let (net, incoming) = match bind(&seed, settings, kept, gate.clone()).await {
            Ok(bound) => bound,
            Err(_) if kept.is_some() => {
                // Why would name the address.
                warn!("the port of last time is taken; another is used");
                bind(&seed, settings, None, gate).await.map_err(network)?
            }
            Err(error) => return Err(network(error)),
        };
        let state = Arc::new(State {
            peers: Mutex::default(),
            wake: Notify::new(),
            asks: Notify::new(),
        });
        let network = Network {
            net,
            worker,
            state,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        network.tell_addresses(kept).await?;
        network.spawn_all(incoming);
        Ok(network)
    }

    pub(crate) fn address(&self) -> PeerAddress {
        self.net.address()
    }

    /// The transport, for asking to be let in.
    pub(crate) fn transport(&self) -> Net {
        self.net.clone()
    }

    /// Dials now whom it could dial later.
    pub(crate) fn hurry(&self) {
        self.state.hurry();
    }

    /// A ticket begins to wait: it is asked with again from now on.
    pub(crate) fn ask_again_soon(&self) {
        self.state.asks.notify_one();
    }

    /// Whether the last attempt to reach this peer ended, without a connection, after `since`.
    pub(crate) fn gave_up_since(&self, peer: &PeerId, since: Instant) -> bool {
        self.state.peers().get(peer).is_some_and(|peer| {
            peer.links.is_empty() && peer.failed_at.is_some_and(|at| at >= since)
        })
    }

    /// Connected peers, and since when.
    pub(crate) fn connected(&self) -> BTreeMap<PeerId, Option<kitbag_core::id::Timestamp>> {
        let peers = self.state.peers();
        peers
            .iter()
            .filter(|(_, peer)| !peer.links.is_empty())
            .map(|(id, peer)| (*id, peer.since))
            .collect()
    }

    pub(crate) async fn close(self) {
        self.stop.cancel();
        self.tasks.close();
        self.net.shutdown().await;
        let _ = tokio::time::timeout(STOP_PATIENCE, self.tasks.wait()).await; // what hangs dies with the runtime
    }

    fn pump(&self) -> Pump {
        Pump {
            net: self.net.clone(),
            worker: self.worker.clone(),
            state: self.state.clone(),
            stop: self.stop.clone(),
            tasks: self.tasks.clone(),
        }
    }

    fn spawn_all(&self, incoming: Incoming) {
        let loops: [futures::Boxed; 5] = [
            Box::pin(self.pump().accept(incoming)),
            Box::pin(self.pump().dial_all()),
            Box::pin(self.pump().tick()),
            Box::pin(self.pump().ask_again()),
            Box::pin(self.pump().obey()),
        ];
        for task in loops {
            let stop = self.stop.clone();
            self.tasks
                .spawn(async move { stop.run_until_cancelled(task).await });
        }
    }

    /// Has the node tell where this device listens, and keeps the port unless it is the one of last time.
    async fn tell_addresses(&self, kept: Option<u16>) -> Result<(), EngineError> {
        let address = self.net.address();
        let port = address.direct.iter().map(SocketAddr::port).next();
        let moved = port.filter(|port| kept != Some(*port));
        let direct: Vec<String> = address.direct.iter().map(ToString::to_string).collect();
        self.worker
            .call(move |node, now| {
                if let Some(port) = moved {
                    node.keep_shell_setting(PORT, &port.to_be_bytes())?;
                }
                node.set_addresses(now, direct, address.relay)
            })
            .await
    }
}

mod futures {
    pub(super) type Boxed = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// What the loops of a network share.
#[derive(Clone)]
pub(crate) struct Pump {
    pub(crate) net: Net,
    pub(crate) worker: Worker,
    state: Arc<State>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Pump {
    /// Dials now whom it could dial later.
    pub(crate) fn hurry(&self) {
        self.state.hurry();
    }

    /// Wakes when a ticket begins to wait.
    pub(crate) fn asks(&self) -> &Notify {
        &self.state.asks
    }

    async fn accept(self, mut incoming: Incoming) {
        while let Some(arrival) = incoming.next().await {
            match arrival {
                Arrival::Sync(link) => self.run_link(link),
                Arrival::Join(attempt) => {
                    let pump = self.clone();
                    self.tasks.spawn(async move { pump.admit(attempt).await });
                }
            }
        }
    }

    async fn admit(self, attempt: JoinAttempt) {
        let (peer, exporter, request) = (
            EndpointId::from_bytes(attempt.peer().0),
            attempt.binding().exporter,
            attempt.request().to_vec(),
        );
        match self.worker.join(peer, exporter, request).await {
            Ok(answer) => {
                if let Err(error) = attempt.reply(answer).await {
                    debug!(%error, "a joiner left before its answer");
                }
            }
            Err(error) => {
                warn!(%error, "a join request could not be answered");
                attempt.refuse();
            }
        }
    }

    async fn dial_all(self) {
        let places = Places::new(DIALS_MAX, DIAL_PLACE);
        loop {
            let hints = self
                .worker
                .call(|node, _| Ok(node.dial_hints()))
                .await
                .unwrap_or_default();
            for (endpoint, addresses, relay) in hints {
                if !self.may_dial(PeerId(*endpoint.as_bytes())) {
                    continue;
                }
                let hint = PeerHint {
                    endpoint,
                    addresses,
                    relay,
                };
                let (pump, places, stop) = (self.clone(), places.clone(), self.stop.clone());
                self.tasks.spawn(async move {
                    let dial = async {
                        let address = peer_address(&pump.with_kept_addresses(hint).await);
                        places.run(pump.dial(address)).await;
                    };
                    stop.run_until_cancelled(dial).await;
                });
            }
            let _ = tokio::time::timeout(DIAL_EVERY, self.state.wake.notified()).await; // time is up: look again
        }
    }

    /// Adds the addresses at which the peer was last asked to let this device in.
    async fn with_kept_addresses(&self, mut hint: PeerHint) -> PeerHint {
        let name = address_setting(&hint.endpoint);
        let kept = self
            .worker
            .call(move |node, _| node.shell_setting(&name))
            .await;
        if let Ok(Some(kept)) = kept {
            let kept = String::from_utf8_lossy(&kept).into_owned();
            for address in kept.lines().filter(|line| !line.is_empty()) {
                match address.strip_prefix("relay ") {
                    Some(relay) => hint.relay = hint.relay.or_else(|| Some(relay.to_owned())),
                    None if !hint.addresses.iter().any(|known| known == address) => {
                        hint.addresses.push(address.to_owned())
                    }
                    None => {}
                }
            }
        }
        hint
    }

    /// Takes the right to dial a peer, if it is neither connected, nor being dialled, nor resting.
    fn may_dial(&self, peer: PeerId) -> bool {
        let mut peers = self.state.peers();
        let peer = peers.entry(peer).or_default();
        let rests = peer.next_dial.is_some_and(|at| Instant::now() < at);
        if peer.dialling || !peer.links.is_empty() || rests {
            return false;
        }
        peer.dialling = true;
        true
    }

    async fn dial(&self, address: PeerAddress) {
        let dialled = self.net.dial(&address).await;
        {
            let mut peers = self.state.peers();
            let peer = peers.entry(address.peer).or_default();
            peer.dialling = false;
            if dialled.is_err() {
                peer.rest();
                peer.failed_at = Some(Instant::now());
            }
        }
        match dialled {
            Ok(link) => self.run_link(link),
            Err(DialError::NotAuthorised) => info!(peer = %address.peer, "refused by peer"),
            Err(error) => debug!(peer = %address.peer, %error, "not reached"),
        }
    }

    /// Runs one connection. Of two with the same peer, the one that the lower key dialled stays.
    fn run_link(&self, link: Link) {
        let (peer, outgoing) = (link.peer(), link.is_outgoing());
        let id = LinkId(NEXT_LINK.fetch_add(1, Ordering::Relaxed));
        let stop = self.stop.child_token();
        if !self.enter(peer, id, outgoing, stop.clone()) {
            return link.close(CloseCode::DONE);
        }
        let pump = self.clone();
        self.tasks.spawn(async move {
            let (sender, receiver) = link.into_split();
            let side = if outgoing {
                Side::Dialler
            } else {
                Side::Listener
            };
            if let Ok(waiting) = pump
                .worker
                .open_link(id, EndpointId::from_bytes(peer.0), side)
                .await
            {
                let reading = pump.read(id, receiver);
                let writing = write(sender, waiting);
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = reading => {}
                    () = writing => {}
                }
            }
            pump.worker.close_link(id).await;
            pump.leave(peer, id);
        });
    }

    fn enter(&self, peer: PeerId, id: LinkId, outgoing: bool, stop: CancellationToken) -> bool {
        let own = self.net.peer_id();
        let preferred = |outgoing: bool| outgoing == (own < peer);
        let mut peers = self.state.peers();
        let entry = peers.entry(peer).or_default();
        let yields =
            entry.links.values().any(|(other, _)| preferred(*other)) && !preferred(outgoing);
        if yields {
            return false;
        }
        for (_, older) in entry.links.values() {
            older.cancel();
        }
        entry.links.insert(id, (outgoing, stop));
        entry.since = Some(now());
        entry.connected_at = Some(Instant::now());
        true
    }

    fn leave(&self, peer: PeerId, id: LinkId) {
        if let Some(entry) = self.state.peers().get_mut(&peer) {
            entry.links.remove(&id);
            // A connection that ends at once, again and again, rests longer each time.
            let lived = entry.connected_at.map(|at| at.elapsed());
            if lived.is_some_and(|lived| lived >= LIVED_WELL) {
                entry.backoff = None;
            }
            entry.rest();
        }
        self.state.wake.notify_one();
    }

    async fn read(&self, id: LinkId, mut receiver: FrameReceiver) {
        loop {
            match receiver.receive().await {
                Ok(Some(frame)) => {
                    if self.worker.frame(id, frame).await.is_err() {
                        return; // the engine stops
                    }
                }
                Ok(None) => return,
                Err(error) => return debug!(link = id.0, %error, "connection ended"),
            }
        }
    }

    /// Looks after what only time or the system changes.
    async fn tick(self) {
        let mut ticks: u32 = 0;
        loop {
            tokio::time::sleep(TICK_EVERY).await;
            ticks = ticks.wrapping_add(1);
            let keep = ticks.is_multiple_of(KEEP_EVERY);
            let address = self.net.address();
            let result = self
                .worker
                .call(move |node, now| {
                    let direct = address.direct.iter().map(ToString::to_string).collect();
                    node.set_addresses(now, direct, address.relay)?;
                    if keep {
                        node.keep_summaries(now)?;
                    }
                    Ok(())
                })
                .await;
            if let Err(error) = result {
                debug!(%error, "upkeep failed");
            }
            self.worker.refresh_gate().await;
        }
    }

    /// Drops the connections of peers that may not sync any more.
    async fn obey(self) {
        let mut disconnects = self.worker.shared.disconnects.subscribe();
        loop {
            match disconnects.recv().await {
                Ok(peer) => self.net.disconnect(&peer),
                Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => {
                    for peer in self
                        .net
                        .connected()
                        .into_iter()
                        .filter(|peer| !self.worker.shared.may_sync(peer))
                    {
                        self.net.disconnect(&peer);
                    }
                }
                Err(tokio::sync::broadcast::error::RecvError::Closed) => return,
            }
        }
    }
}

async fn write(mut sender: FrameSender, mut waiting: Waiting) {
    while let Some(command) = waiting.next().await {
        match command {
            Command::Send(frame) => {
                if let Err(error) = sender.send(&frame).await {
                    return debug!(%error, "frame not sent");
                }
            }
            Command::Misbehaved => return sender.close(CloseCode::MISBEHAVED),
        }
    }
}

async fn bind(
    seed: &[u8; 32],
    settings: &Settings,
    kept: Option<u16>,
    gate: Arc<dyn Gate>,
) -> Result<(Net, Incoming), kitbag_net::BindError> {
    let port = |asked: u16| if asked == 0 { kept.unwrap_or(0) } else { asked };
    let listen = match settings.listen {
        Listen::Loopback(asked) => kitbag_net::Listen::Loopback(port(asked)),
        Listen::Any(asked) => kitbag_net::Listen::Any(port(asked)),
        Listen::Addr(address) => {
            kitbag_net::Listen::Addr(SocketAddr::new(address.ip(), port(address.port())))
        }
    };
    let relay = match &settings.relay {
        Relay::None => kitbag_net::Relay::None,
        Relay::Default => kitbag_net::Relay::Default,
        Relay::Custom(url) => kitbag_net::Relay::Custom(url.clone()),
    };
    let discovery = if settings.discovery {
        Discovery::Advertise
    } else {
        Discovery::Off
    };
    let config = Config {
        listen,
        relay,
        discovery,
        ..Config::default()
    };
    Net::bind(EndpointSecret::from_bytes(seed), config, gate).await
}

pub(crate) fn peer_address(hint: &PeerHint) -> PeerAddress {
    let direct = hint
        .addresses
        .iter()
        .filter_map(|address| address.parse().ok())
        .collect();
    PeerAddress {
        peer: PeerId(*hint.endpoint.as_bytes()),
        direct,
        relay: hint.relay.clone(),
    }
}

/// Under which name the addresses of a peer are kept.
pub(crate) fn address_setting(endpoint: &EndpointId) -> String {
    format!("addresses/{endpoint}")
}

fn network(error: kitbag_net::BindError) -> EngineError {
    EngineError::Network {
        reason: error.to_string(),
    }
}

const PORT: &str = "port";
