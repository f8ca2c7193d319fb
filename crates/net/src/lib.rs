//! The network: an iroh endpoint, two protocols, frames, and who is connected right now.
//!
//! It moves bytes between peer ids and knows no policy. The engine tells it through a [`Gate`] whom to
//! let in, and with [`Net::disconnect`] whom to drop; why is none of its business, and it depends on
//! no other crate of ours.
//!
//! ```text
//! dialler                                   acceptor
//!   QUIC handshake  ------------------------>  source address validated, slot taken
//!                                              Gate asked: key proven, nothing read yet
//!   preamble "KBS1" ------------------------>  Gate asked again, place in the queue taken
//!   dial() returns  <------------------------  preamble "KBS1", Arrival::Sync
//!   frames          <----------------------->  frames
//! ```
//!
//! A [`Link`] is one connection with one framed stream, and is one sync session. A joining device is
//! not yet known to anybody, so it speaks a protocol of its own ([`ALPN_JOIN`]): one frame out, one
//! frame back, within a global budget, and only while the gate says that an invite is live.
//!
//! Invariants:
//! - Nothing a peer sent reaches the caller before the gate admitted its key on this connection.
//! - A length is checked before memory is allocated for it; every queue, wait and count has a bound,
//!   and all of them stand in one file, `limits.rs`.
//! - A panic while serving one connection ends that connection and nothing else. (iroh's own `Router`
//!   closes the whole endpoint on the first panic, so the accept loop here is our own.)
//! - Without a relay in [`Config`] nothing leaves for a third party: no relay, no look-up, no gateway.
//! - Logs carry peer ids and close codes; never content, keys or addresses.
//!
//! Deliberately absent: 0-RTT and session resumption (early data runs before our checks and can be
//! replayed), several streams per connection, reconnecting (the engine owns backoff), wider QUIC
//! windows (they kill connections under load), a choice between two links with one peer.
//!
//! ```no_run
//! use std::sync::Arc;
//! use kitbag_net::{Arrival, Config, EndpointSecret, Gate, Listen, Net, PeerId};
//!
//! struct Everybody;
//! impl Gate for Everybody {
//!     fn may_sync(&self, _: &PeerId) -> bool { true }
//!     fn join_is_open(&self) -> bool { false }
//! }
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let config = || Config { listen: Listen::Loopback(0), ..Config::default() };
//! let (ada, _) = Net::bind(EndpointSecret::from_bytes(&[1; 32]), config(), Arc::new(Everybody)).await?;
//! let (ben, mut arrivals) = Net::bind(EndpointSecret::from_bytes(&[2; 32]), config(), Arc::new(Everybody)).await?;
//!
//! let (mut sender, _) = ada.dial(&ben.address()).await?.into_split();
//! sender.send(b"hello").await?;
//! if let Some(Arrival::Sync(link)) = arrivals.next().await {
//!     let (_, mut receiver) = link.into_split();
//!     assert_eq!(receiver.receive().await?.as_deref(), Some(&b"hello"[..]));
//! }
//! ada.shutdown().await;
//! ben.shutdown().await;
//! # Ok(()) }
//! ```
//!
//! Spec: the byte tables in `frame`, `link` and `join`; the numbers in `close`.

mod accept;
mod budget;
mod close;
mod config;
mod endpoint;
mod frame;
#[cfg(test)]
#[allow(
    unreachable_pub,
    reason = "a fuzz target, which is public where it is one"
)]
#[path = "../../fuzz/src/frames.rs"]
mod frames;
mod gate;
mod join;
mod limits;
mod link;
mod net;
mod peer;
mod registry;

pub use accept::{Arrival, Incoming};
pub use close::CloseCode;
pub use config::{BindError, Config, Discovery, Listen, Relay};
pub use gate::Gate;
pub use join::{ChannelBinding, JoinAttempt, JoinError};
pub use limits::{
    ARRIVALS_MAX, DIAL_TIMEOUT, FRAME_BYTES_MAX, FRAME_TIMEOUT, HANDSHAKE_TIMEOUT, HANDSHAKES_MAX,
    JOIN_ANSWER_TIMEOUT, JOIN_CONCURRENT_MAX, JOIN_FRAME_BYTES_MAX, JOIN_FRAME_TIMEOUT,
    JOIN_PER_MINUTE_MAX, LINKS_INCOMING_MAX, LINKS_PER_PEER_MAX,
};
pub use link::{FrameReceiver, FrameSender, Link, LinkError};
pub use net::{DialError, Net};
pub use peer::{EndpointSecret, PeerAddress, PeerId};

/// The protocol of a sync session; the number changes when old and new could misunderstand each other.
pub const ALPN_SYNC: &[u8] = b"kitbag/sync/1";

/// The protocol of a device that asks to be admitted, and the label of its channel binding.
pub const ALPN_JOIN: &[u8] = b"kitbag/join/1";
