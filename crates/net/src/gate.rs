//! Who may speak, decided elsewhere and enforced here.

use std::fmt;
use std::sync::Arc;

use iroh::endpoint::{AfterHandshakeOutcome, Connection, EndpointHooks, Side};

use crate::{ALPN_JOIN, ALPN_SYNC, CloseCode, PeerId};

/// Answers whether a connection may go on. Implemented by the engine over the current policy.
///
/// Asked when a handshake has proven the peer's key and before anything the peer sent is read, and a
/// second time when the connection is on record for [`Net::disconnect`](crate::Net::disconnect). So a
/// change of policy leaves no gap if the engine first changes the answer and then disconnects.
///
/// Answers come from memory: the calls run on the network's tasks and must not block. A panic in one
/// ends that connection only, and counts as a refusal.
///
/// Not asked about peers that we dial: whom to dial is the caller's decision.
pub trait Gate: Send + Sync + 'static {
    /// Whether this key may open a sync session with us.
    fn may_sync(&self, peer: &PeerId) -> bool;
    /// Whether an invite is live, so that an unknown key may try to redeem it.
    fn join_is_open(&self) -> bool;
}

/// Asks the gate at the first moment iroh offers.
pub(crate) struct GateHook(pub(crate) Arc<dyn Gate>);

impl EndpointHooks for GateHook {
    async fn after_handshake<'a>(&'a self, conn: &'a Connection) -> AfterHandshakeOutcome {
        if conn.side() == Side::Client || admits(self.0.as_ref(), conn) {
            return AfterHandshakeOutcome::Accept;
        }
        tracing::debug!(peer = %PeerId::of(conn.remote_id()), "refused by the gate");
        AfterHandshakeOutcome::Reject {
            error_code: CloseCode::NOT_AUTHORISED.to_wire(),
            reason: Vec::new(),
        }
    }
}

/// Whether the gate lets this incoming connection go on, by its protocol.
pub(crate) fn admits(gate: &dyn Gate, conn: &Connection) -> bool {
    match conn.alpn() {
        ALPN_SYNC => gate.may_sync(&PeerId::of(conn.remote_id())),
        ALPN_JOIN => gate.join_is_open(),
        _ => false,
    }
}

impl fmt::Debug for GateHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GateHook")
    }
}
