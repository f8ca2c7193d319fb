//! Who a peer is, and where it may be dialled.

use std::fmt;
use std::net::SocketAddr;

use iroh::{EndpointId, SecretKey};

/// The key of an endpoint: whom a connection is with, proven by its handshake.
///
/// `Display` and `Debug` show the first ten hex digits, the same as iroh's own logs; that is enough to
/// follow a peer through a log and not enough to dial it. Not every 32 bytes are a key: dialling one
/// that is not fails with [`DialError::InvalidAddress`](crate::DialError::InvalidAddress).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub [u8; 32]);

impl PeerId {
    pub(crate) fn of(id: EndpointId) -> Self {
        Self(*id.as_bytes())
    }

    /// The key these bytes stand for, or `None` when they are no point of the curve.
    pub(crate) fn endpoint_id(&self) -> Option<EndpointId> {
        EndpointId::from_bytes(&self.0).ok()
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..5]
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PeerId({self})")
    }
}

/// Where a peer may be reached. Hints: only the key says who answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerAddress {
    /// The peer.
    pub peer: PeerId,
    /// Its own sockets, as seen from its network.
    pub direct: Vec<SocketAddr>,
    /// The URL of the relay it listens on. Not used by an endpoint without a relay of its own.
    pub relay: Option<String>,
}

/// The secret half of a [`PeerId`]. Zeroised on drop, as far as moves allow; never shown.
pub struct EndpointSecret(SecretKey);

impl EndpointSecret {
    /// Takes an ed25519 seed. The caller wipes its own copy.
    pub fn from_bytes(seed: &[u8; 32]) -> Self {
        Self(SecretKey::from_bytes(seed))
    }

    /// The id under which an endpoint with this secret is dialled.
    pub fn peer_id(&self) -> PeerId {
        PeerId::of(self.0.public())
    }

    pub(crate) fn into_key(self) -> SecretKey {
        self.0
    }
}

impl fmt::Debug for EndpointSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EndpointSecret(<redacted>)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_id_is_shown_short_and_a_secret_not_at_all() {
        let secret = EndpointSecret::from_bytes(&[7; 32]);
        assert_eq!(secret.peer_id().to_string().len(), 10);
        assert_eq!(format!("{:?}", PeerId([0xab; 32])), "PeerId(ababababab)");
        assert_eq!(format!("{secret:?}"), "EndpointSecret(<redacted>)");
    }

    #[test]
    fn bytes_that_are_no_key_are_found_out() {
        let found = (0..=255u8)
            .filter(|byte| PeerId([*byte; 32]).endpoint_id().is_none())
            .count();
        assert!(found > 0);
    }
}
