//! The one place that builds nodes, hostile peers and waits.

use std::collections::HashSet;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use iroh::endpoint::{
    Connection, ConnectionError, PortmapperConfig, RecvStream, SendStream, presets,
};
use iroh::{Endpoint, EndpointAddr, EndpointId, SecretKey, TransportAddr};
use kitbag_net::{
    ALPN_SYNC, Arrival, CloseCode, Config, EndpointSecret, Gate, Incoming, JoinAttempt, Link,
    Listen, Net, PeerAddress, PeerId,
};

/// Longer than anything here should take, and than any time-out that a test waits for.
const SOON: Duration = Duration::from_secs(15);

/// Waits for what must come, and fails the test instead of hanging.
pub(crate) async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, work)
        .await
        .expect("it happens soon")
}

/// A gate that lets everybody sync and nobody join until told otherwise.
#[derive(Default)]
pub(crate) struct Doorman {
    refused: Mutex<HashSet<PeerId>>,
    join_open: AtomicBool,
    asked: AtomicUsize,
    panics_when_asked: AtomicUsize,
    refuses_when_asked: AtomicUsize,
}

impl Doorman {
    pub(crate) fn refuse(&self, peer: PeerId) {
        self.refused.lock().expect("not poisoned").insert(peer);
    }

    pub(crate) fn open_join(&self) {
        self.join_open.store(true, Ordering::SeqCst);
    }

    /// Panics at the nth question from now: the first comes from the hook, the second from the handler.
    pub(crate) fn panic_at(&self, nth: usize) {
        self.panics_when_asked
            .store(self.asked() + nth, Ordering::SeqCst);
    }

    /// Refuses at the nth question from now, whoever it is about.
    pub(crate) fn refuse_at(&self, nth: usize) {
        self.refuses_when_asked
            .store(self.asked() + nth, Ordering::SeqCst);
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn is_refused_this_time(&self) -> bool {
        let nth = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        assert_ne!(
            nth,
            self.panics_when_asked.load(Ordering::SeqCst),
            "the panic that this test asked for"
        );
        nth == self.refuses_when_asked.load(Ordering::SeqCst)
    }
}

impl Gate for Doorman {
    fn may_sync(&self, peer: &PeerId) -> bool {
        !self.is_refused_this_time() && !self.refused.lock().expect("not poisoned").contains(peer)
    }

    fn join_is_open(&self) -> bool {
        !self.is_refused_this_time() && self.join_open.load(Ordering::SeqCst)
    }
}

/// An endpoint under test, with its gate.
pub(crate) struct Node {
    pub(crate) net: Net,
    pub(crate) incoming: Incoming,
    pub(crate) gate: Arc<Doorman>,
}

impl Node {
    /// `seed` tells the nodes of one test apart.
    pub(crate) async fn start(seed: u8) -> Self {
        let gate = Arc::new(Doorman::default());
        let config = Config {
            listen: Listen::Loopback(0),
            ..Config::default()
        };
        let secret = EndpointSecret::from_bytes(&[seed; 32]);
        let (net, incoming) = soon(Net::bind(secret, config, gate.clone()))
            .await
            .expect("binds");
        Self {
            net,
            incoming,
            gate,
        }
    }

    pub(crate) fn id(&self) -> PeerId {
        self.net.peer_id()
    }

    pub(crate) async fn next_link(&mut self) -> Link {
        match soon(self.incoming.next()).await {
            Some(Arrival::Sync(link)) => link,
            other => panic!("expected a link, got {other:?}"),
        }
    }

    pub(crate) async fn next_join(&mut self) -> JoinAttempt {
        match soon(self.incoming.next()).await {
            Some(Arrival::Join(attempt)) => attempt,
            other => panic!("expected a join attempt, got {other:?}"),
        }
    }

    /// Nothing arrived, and nothing is on its way: an honest peer dials and is the first to arrive.
    pub(crate) async fn assert_that_nobody_arrived(&mut self, honest: &Node) {
        let _link = soon(honest.net.dial(&self.net.address()))
            .await
            .expect("the honest peer is admitted");
        assert_eq!(self.next_link().await.peer(), honest.id());
    }
}

/// Two nodes and the two ends of a link between them: who dialled, who accepted.
pub(crate) async fn linked() -> (Node, Node, Link, Link) {
    let (ada, mut ben) = (Node::start(1).await, Node::start(2).await);
    let outgoing = soon(ada.net.dial(&ben.net.address()))
        .await
        .expect("admitted");
    let accepted = ben.next_link().await;
    (ada, ben, outgoing, accepted)
}

/// A peer that knows iroh and keeps none of our rules.
pub(crate) struct Hostile(pub Endpoint);

impl Hostile {
    pub(crate) async fn start(seed: u8) -> Self {
        Self::speaking(seed, ALPN_SYNC).await
    }

    pub(crate) async fn speaking(seed: u8, alpn: &[u8]) -> Self {
        let builder = Endpoint::builder(presets::Minimal)
            .secret_key(SecretKey::from_bytes(&[seed; 32]))
            .alpns(vec![alpn.to_vec()])
            .portmapper_config(PortmapperConfig::Disabled)
            .clear_ip_transports()
            .bind_addr((Ipv4Addr::LOCALHOST, 0))
            .expect("an address");
        Self(soon(builder.bind()).await.expect("binds"))
    }

    pub(crate) fn address(&self) -> PeerAddress {
        PeerAddress {
            peer: PeerId(*self.0.id().as_bytes()),
            direct: self.0.bound_sockets(),
            relay: None,
        }
    }

    pub(crate) async fn connect(&self, to: &Node, alpn: &[u8]) -> Connection {
        soon(self.0.connect(raw_address(to), alpn))
            .await
            .expect("the handshake completes")
    }

    /// Opens a stream and sends these bytes on it, with the preamble of a link.
    pub(crate) async fn link(&self, to: &Node, bytes: &[u8]) -> RawLink {
        let mut link = self.stream(to, ALPN_SYNC, &[b"KBS1", bytes].concat()).await;
        soon(link.recv.read_exact(&mut [0; 4]))
            .await
            .expect("admitted");
        link
    }

    /// Opens a stream and sends these bytes on it.
    pub(crate) async fn stream(&self, to: &Node, alpn: &[u8], bytes: &[u8]) -> RawLink {
        let conn = self.connect(to, alpn).await;
        let (mut send, recv) = soon(conn.open_bi()).await.expect("a stream");
        soon(send.write_all(bytes)).await.expect("sends");
        RawLink { conn, send, recv }
    }
}

/// A stream of a hostile peer.
pub(crate) struct RawLink {
    pub(crate) conn: Connection,
    pub(crate) send: SendStream,
    pub(crate) recv: RecvStream,
}

/// The code with which the other side closes this connection.
pub(crate) async fn close_code(conn: &Connection) -> u64 {
    match soon(conn.closed()).await {
        ConnectionError::ApplicationClosed(close) => close.error_code.into_inner(),
        other => panic!("expected a close code, got {other}"),
    }
}

pub(crate) fn raw_address(to: &Node) -> EndpointAddr {
    let address = to.net.address();
    let id = EndpointId::from_bytes(&address.peer.0).expect("a key");
    EndpointAddr::from_parts(id, address.direct.into_iter().map(TransportAddr::Ip))
}

/// A frame as it is on the wire.
pub(crate) fn framed(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).expect("short");
    [&length.to_be_bytes(), body].concat()
}

pub(crate) const MISBEHAVED: u64 = 400;

/// The numbers are on the wire, so they are written out once more here.
#[test]
fn close_codes_have_the_numbers_that_peers_know() {
    let numbers = [
        (CloseCode::DONE, 0),
        (CloseCode::MISBEHAVED, MISBEHAVED),
        (CloseCode::NOT_AUTHORISED, 403),
        (CloseCode::STALLED, 408),
        (CloseCode::BUSY, 429),
        (CloseCode::ABANDONED, 499),
        (CloseCode::INTERNAL, 500),
        (CloseCode::LEAVING, 503),
    ];
    for (code, number) in numbers {
        assert_eq!(code.as_u64(), number);
    }
}
