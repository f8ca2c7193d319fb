//! Every bound of this crate, with its unit and its reason.
//!
//! What strangers can take up is bounded per endpoint; what an admitted peer can take up is bounded per
//! connection and per peer. The bounds on memory multiply to less than the daemon's budget of 256 MiB:
//! `LINKS_INCOMING_MAX` × (one frame + one QUIC stream window of 1.25 MB) is 144 MiB.

use std::time::Duration;

/// Bytes of one frame, without its length. A page of the sync protocol fits with room to spare; longer
/// frames are refused by the sender, and by the receiver before it allocates.
pub const FRAME_BYTES_MAX: usize = 1 << 20;

/// Bytes of a join request. It carries two signatures and a certificate, and comes from a stranger.
pub const JOIN_FRAME_BYTES_MAX: usize = 64 << 10;

/// From the first byte of a frame to its last, sent or received. A full frame passes at 140 kbit/s; a
/// peer that drips bytes, or never reads, is dropped. Waiting for a frame to begin is not bounded:
/// keep-alives tell whether the peer is still there.
pub const FRAME_TIMEOUT: Duration = Duration::from_secs(60);

/// From dialling until the peer has admitted us: address look-up, two or three round trips, lost packets.
pub const DIAL_TIMEOUT: Duration = Duration::from_secs(10);

/// For a stranger to finish the handshake, and again for an admitted peer to open its stream.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// Connections, per endpoint, whose handshake is under way. Spoofed senders never hold one: the source
/// address is validated first, without state.
pub const HANDSHAKES_MAX: usize = 64;

/// Of those, how many one source address may hold, so that one host cannot hold them all. Loopback is
/// exempt: local processes are not the threat, and tests start many endpoints on it.
pub(crate) const HANDSHAKES_PER_SOURCE_MAX: usize = 4;

/// Live links, per endpoint, that others opened.
pub const LINKS_INCOMING_MAX: usize = 64;

/// Live links that one peer opened to us. A peer that restarts leaves its old link behind until the idle
/// timeout, so one is too few; more than this is a fault at the other side.
pub const LINKS_PER_PEER_MAX: usize = 4;

/// Arrivals, per endpoint, that the engine has not taken yet. Each is also counted as a link or a join.
pub const ARRIVALS_MAX: usize = 32;

/// Join attempts in work at once, per endpoint; each holds its place until it is answered.
pub const JOIN_CONCURRENT_MAX: usize = 8;

/// Join attempts admitted in any 60 seconds, per endpoint. Each costs signature checks.
pub const JOIN_PER_MINUTE_MAX: usize = 60;

/// For a join request to arrive whole once its connection stands.
pub const JOIN_FRAME_TIMEOUT: Duration = Duration::from_secs(5);

/// For a joining device to wait for the answer. Whoever needs a person's decision answers "later" at
/// once instead of holding the connection.
pub const JOIN_ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// For a finished stream to be acknowledged.
pub(crate) const FINISH_TIMEOUT: Duration = Duration::from_secs(10);

/// What a dial takes for a round trip until it has measured one. QUIC's usual third of a second makes a
/// dial to nobody drain for three seconds, and every shutdown wait for it; over a longer path than this
/// the first packet is sent once more, which harms nobody.
pub(crate) const DIAL_FIRST_RTT: Duration = Duration::from_millis(100);

/// For the peers to hear of our shutdown.
pub(crate) const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// How often a silent connection shows that it is alive; also keeps NAT mappings open.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Silence after which a connection counts as lost: two keep-alives may get lost.
pub(crate) const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Streams that the dialler may have open at once. A link is one stream.
pub(crate) const STREAMS_PER_CONNECTION_MAX: u32 = 1;

/// What a frame's announced length alone may make us allocate; the rest grows with what arrived.
pub(crate) const FRAME_FIRST_ALLOCATION: usize = 64 << 10;
