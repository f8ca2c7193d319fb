//! The front door: bind, dial, join, disconnect, shut down.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use iroh::endpoint::{
    ConnectOptions, ConnectWithOptsError, ConnectingError, Connection, ConnectionError,
    TransportErrorCode,
};
use iroh::{Endpoint, EndpointAddr, TransportAddr};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::accept::Acceptor;
use crate::limits::{DIAL_TIMEOUT, SHUTDOWN_TIMEOUT};
use crate::link::Session;
use crate::registry::{Purpose, Registration, Registry};
use crate::{
    ALPN_JOIN, ALPN_SYNC, BindError, ChannelBinding, CloseCode, Config, EndpointSecret, Gate,
    Incoming, JoinError, Link, LinkError, PeerAddress, PeerId, Relay, endpoint, join,
};

/// A bound endpoint. A cheap handle: clones share the endpoint.
///
/// End it with [`shutdown`](Self::shutdown). Dropping the last handle also stops it, but peers then learn
/// of it only by their timeouts.
#[derive(Clone)]
pub struct Net(Arc<Inner>);

struct Inner {
    endpoint: Endpoint,
    has_relay: bool,
    registry: Arc<Registry>,
    stop: CancellationToken,
    tasks: TaskTracker,
    _stop_on_drop: DropGuard,
}

/// Why a dial brought no link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    // The address is at fault.
    /// The peer id is no key, or the relay no URL.
    #[error("the address is malformed")]
    InvalidAddress,
    /// There is nothing to dial: no address that this endpoint can use, and no look-up found one.
    #[error("no usable address")]
    NoAddress,
    /// It is our own.
    #[error("this is our own address")]
    OwnAddress,

    // The peer decided.
    /// The peer does not admit us.
    #[error("the peer does not admit this device")]
    NotAuthorised,
    /// The peer is at one of its limits; worth another try later.
    #[error("the peer is busy")]
    Busy,
    /// The peer closed for another reason.
    #[error("closed by the peer: {0}")]
    Closed(CloseCode),
    /// The peer speaks no version of this protocol that we speak.
    #[error("the peer does not speak this protocol")]
    Incompatible,

    // The network.
    /// Nobody answered within [`DIAL_TIMEOUT`].
    #[error("nobody answered in time")]
    TimedOut,
    /// Nobody with this key answers there, or the connection was lost.
    #[error("the peer was not reached")]
    Unreachable,

    // This side.
    /// [`Net::disconnect`] was called for this peer.
    #[error("disconnected at this side")]
    Disconnected,
    /// The endpoint was shut down.
    #[error("the endpoint was shut down")]
    Stopped,
}

impl Net {
    /// Binds the sockets and begins to accept.
    ///
    /// # Errors
    /// The configuration cannot be met as it stands: a malformed URL, a port that is taken.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn bind(
        secret: EndpointSecret,
        config: Config,
        gate: Arc<dyn Gate>,
    ) -> Result<(Self, Incoming), BindError> {
        let endpoint = endpoint::bind(secret, &config, gate.clone()).await?;
        let (registry, stop, tasks) = (
            Arc::new(Registry::default()),
            CancellationToken::new(),
            TaskTracker::new(),
        );
        let (acceptor, incoming) = Acceptor::new(
            endpoint.clone(),
            gate,
            registry.clone(),
            stop.clone(),
            tasks.clone(),
        );
        tasks.spawn(Arc::new(acceptor).run());
        let inner = Inner {
            endpoint,
            has_relay: config.relay != Relay::None,
            registry,
            tasks,
            _stop_on_drop: stop.clone().drop_guard(),
            stop,
        };
        let net = Self(Arc::new(inner));
        tracing::debug!(me = %net.peer_id(), "listening");
        Ok((net, incoming))
    }

    /// Our own id.
    pub fn peer_id(&self) -> PeerId {
        PeerId::of(self.0.endpoint.id())
    }

    /// Where others may dial us, as far as known by now: with the ports really bound, and the relay once
    /// it has been reached. Changes with the network.
    pub fn address(&self) -> PeerAddress {
        let known = self.0.endpoint.addr();
        let bound = self.0.endpoint.bound_sockets();
        let bound = bound
            .into_iter()
            .filter(|socket| !socket.ip().is_unspecified());
        let mut direct: Vec<_> = known.ip_addrs().copied().chain(bound).collect();
        direct.sort_unstable();
        direct.dedup();
        let relay = known.relay_urls().next().map(ToString::to_string);
        PeerAddress {
            peer: self.peer_id(),
            direct,
            relay,
        }
    }

    /// Opens a sync session. Returns when the peer has proven its key and admitted ours, within
    /// [`DIAL_TIMEOUT`].
    ///
    /// The gate is not asked. A link that the same peer opens meanwhile is a second one.
    ///
    /// # Errors
    /// Grouped in [`DialError`] by who can act. A peer that refuses our key is
    /// [`DialError::NotAuthorised`], never a network error.
    pub async fn dial(&self, to: &PeerAddress) -> Result<Link, DialError> {
        self.dial_within(DIAL_TIMEOUT, to).await
    }

    /// Asks a peer to admit this device. `request` makes the request, 1 to
    /// [`JOIN_FRAME_BYTES_MAX`](crate::JOIN_FRAME_BYTES_MAX) bytes, once the connection to bind it to
    /// stands; the answer has at most [`FRAME_BYTES_MAX`](crate::FRAME_BYTES_MAX).
    ///
    /// # Errors
    /// See [`JoinError`]. After [`JoinError::NoAnswer`] the peer may have acted on the request.
    pub async fn join(
        &self,
        to: &PeerAddress,
        request: impl FnOnce(&ChannelBinding) -> Vec<u8> + Send,
    ) -> Result<Vec<u8>, JoinError> {
        let registration = self.0.registry.enter(to.peer, Purpose::Join);
        let ended = registration.ended().clone();
        let asked = async {
            let connected = timeout(DIAL_TIMEOUT, self.connect(to, ALPN_JOIN, &registration)).await;
            let conn = connected.unwrap_or(Err(DialError::TimedOut))?;
            Ok(join::ask(
                Session::dialled(conn, registration),
                self.peer_id(),
                request,
            )
            .await?)
        };
        self.unless_ended(ended, asked).await
    }

    /// Closes every live connection with this peer, and every dial under way; the other side sees
    /// [`CloseCode::NOT_AUTHORISED`]. For a change of policy; let the gate give its new answer first.
    pub fn disconnect(&self, peer: &PeerId) {
        self.0.registry.disconnect(peer);
    }

    /// The peers with a live link, whoever opened it; each once, sorted.
    pub fn connected(&self) -> Vec<PeerId> {
        self.0.registry.connected()
    }

    /// Closes every connection with [`CloseCode::LEAVING`], ends [`Incoming`], and waits a few seconds
    /// at most for the peers to hear of it. Ends the endpoint for all clones of the handle.
    pub async fn shutdown(self) {
        self.0.stop.cancel();
        self.0.registry.close_all(CloseCode::LEAVING);
        self.0.tasks.close();
        let ended = async {
            self.0.tasks.wait().await;
            self.0.endpoint.close().await;
        };
        if timeout(SHUTDOWN_TIMEOUT, ended).await.is_err() {
            tracing::debug!(me = %self.peer_id(), "shut down before every peer had heard of it");
        }
    }

    async fn dial_within(&self, bound: Duration, to: &PeerAddress) -> Result<Link, DialError> {
        let registration = self.0.registry.enter(to.peer, Purpose::SyncDialled);
        let ended = registration.ended().clone();
        let opened = async {
            let conn = self.connect(to, ALPN_SYNC, &registration).await?;
            Link::open(Session::dialled(conn, registration))
                .await
                .map_err(DialError::of_link)
        };
        let opened = async {
            timeout(bound, opened)
                .await
                .unwrap_or(Err(DialError::TimedOut))
        };
        self.unless_ended(ended, opened).await
    }

    async fn connect(
        &self,
        to: &PeerAddress,
        alpn: &[u8],
        registration: &Registration,
    ) -> Result<Connection, DialError> {
        let to = self.dialable(to)?;
        let options = ConnectOptions::new().with_transport_config(endpoint::dialling());
        let connecting = self
            .0
            .endpoint
            .connect_with_opts(to, alpn, options)
            .await
            .map_err(DialError::of_start)?;
        let conn = connecting.await.map_err(DialError::of_handshake)?;
        registration.attach(&conn);
        Ok(conn)
    }

    /// Leaves out a relay that this endpoint may not use: a foreign address must not make it talk to one.
    fn dialable(&self, to: &PeerAddress) -> Result<EndpointAddr, DialError> {
        let id = to.peer.endpoint_id().ok_or(DialError::InvalidAddress)?;
        let relay = to.relay.as_deref().filter(|_| self.0.has_relay);
        let relay = relay
            .map(|url| url.parse().map(TransportAddr::Relay))
            .transpose();
        let direct = to.direct.iter().copied().map(TransportAddr::Ip);
        Ok(EndpointAddr::from_parts(
            id,
            direct.chain(relay.map_err(|_| DialError::InvalidAddress)?),
        ))
    }

    /// Does the work until the registry or a shutdown ends it.
    async fn unless_ended<T, E: From<DialError>>(
        &self,
        ended: CancellationToken,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        tokio::select! {
            biased;
            () = self.0.stop.cancelled() => Err(DialError::Stopped.into()),
            () = ended.cancelled() => Err(DialError::Disconnected.into()),
            done = work => done,
        }
    }
}

impl DialError {
    fn of_start(error: ConnectWithOptsError) -> Self {
        match error {
            ConnectWithOptsError::SelfConnect { .. } => Self::OwnAddress,
            ConnectWithOptsError::NoAddress { .. } => Self::NoAddress,
            ConnectWithOptsError::EndpointClosed { .. } => Self::Stopped,
            _ => Self::Unreachable,
        }
    }

    fn of_handshake(error: ConnectingError) -> Self {
        match error {
            ConnectingError::ConnectionError { source, .. } => Self::of_connection(source),
            _ => Self::Unreachable,
        }
    }

    fn of_connection(error: ConnectionError) -> Self {
        match error {
            ConnectionError::ConnectionClosed(close) => match close.error_code {
                TransportErrorCode::CONNECTION_REFUSED => Self::Busy,
                code if code == TransportErrorCode::crypto(NO_APPLICATION_PROTOCOL) => {
                    Self::Incompatible
                }
                _ => Self::Unreachable,
            },
            ConnectionError::VersionMismatch => Self::Incompatible,
            ConnectionError::TimedOut => Self::TimedOut,
            other => Self::of_link(LinkError::of_connection(other)),
        }
    }

    fn of_link(error: LinkError) -> Self {
        match error {
            LinkError::NotAuthorised => Self::NotAuthorised,
            LinkError::Closed(CloseCode::BUSY) => Self::Busy,
            LinkError::Closed(code) => Self::Closed(code),
            LinkError::Garbage => Self::Incompatible,
            LinkError::ClosedHere => Self::Disconnected,
            _ => Self::Unreachable,
        }
    }
}

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Net({})", self.peer_id())
    }
}

/// The TLS alert of a peer that speaks none of the protocols offered (RFC 7301, section 3.2).
const NO_APPLICATION_PROTOCOL: u8 = 120;

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::time::Instant;

    use super::*;
    use crate::Listen;

    struct Nobody;

    impl Gate for Nobody {
        fn may_sync(&self, _: &PeerId) -> bool {
            false
        }
        fn join_is_open(&self) -> bool {
            false
        }
    }

    /// Dials a socket that swallows everything, with a shorter bound than the real one.
    #[tokio::test]
    async fn a_dial_to_a_dead_address_ends_within_its_bound() {
        let config = Config {
            listen: Listen::Loopback(0),
            ..Config::default()
        };
        let secret = EndpointSecret::from_bytes(&[1; 32]);
        let (net, _incoming) = Net::bind(secret, config, Arc::new(Nobody))
            .await
            .expect("binds");
        let black_hole = UdpSocket::bind("127.0.0.1:0").expect("binds");
        let peer = EndpointSecret::from_bytes(&[2; 32]).peer_id();
        let direct = vec![black_hole.local_addr().expect("bound")];
        let nowhere = PeerAddress {
            peer,
            direct,
            relay: None,
        };

        let (start, bound) = (Instant::now(), Duration::from_millis(300));
        assert_eq!(
            net.dial_within(bound, &nowhere).await.err(),
            Some(DialError::TimedOut)
        );
        assert!(
            start.elapsed() < bound + Duration::from_secs(1),
            "{:?}",
            start.elapsed()
        );
        assert!(net.connected().is_empty());
    }
}
