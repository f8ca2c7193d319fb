//! Asking to be admitted: one frame out, one frame back, on a connection that is used for nothing else.
//!
//! The asker is unknown, so its key authorises nothing; the request has to prove an invite. Such a proof
//! must be good for this connection only, or whoever receives it could present it elsewhere as his own.
//! So it is signed over a [`ChannelBinding`], which both ends of a connection compute alike and nobody
//! else can.
//!
//! ```text
//! dialler    frame of 1 ..= JOIN_FRAME_BYTES_MAX bytes, end of stream
//! acceptor   frame of 1 ..= FRAME_BYTES_MAX bytes, end of stream
//! ```
//!
//! Spec: RFC 5705 (exporters), RFC 9266 (channel bindings for TLS 1.3).

use std::fmt;
use std::sync::Arc;

use iroh::endpoint::{Connection, Side};
use tokio::time::Instant;

use crate::limits::{FRAME_BYTES_MAX, JOIN_ANSWER_TIMEOUT, JOIN_FRAME_BYTES_MAX};
use crate::link::Session;
use crate::{ALPN_JOIN, CloseCode, DialError, FrameReceiver, FrameSender, LinkError, PeerId};

/// What identifies one connection, the same at both ends but for the point of view.
///
/// # Security
/// A proof must cover the exporter and both ids, in the order of [`dialler`](Self::dialler) and
/// [`acceptor`](Self::acceptor); otherwise it can be relayed into another connection.
#[derive(Clone, PartialEq, Eq)]
pub struct ChannelBinding {
    /// 32 bytes of this connection's keying material, exported with the label [`ALPN_JOIN`] and an empty
    /// context. Not shown by `Debug`: whoever has it can answer for this channel.
    pub exporter: [u8; 32],
    /// Our own id.
    pub local: PeerId,
    /// The id that the handshake proved.
    pub remote: PeerId,
    /// Whether we dialled.
    pub is_outgoing: bool,
}

/// A device that asks to be admitted, and its request, still unjudged.
///
/// Holds one of [`JOIN_CONCURRENT_MAX`](crate::JOIN_CONCURRENT_MAX) places until it is answered. Dropped
/// without an answer, the asker sees [`CloseCode::ABANDONED`].
pub struct JoinAttempt {
    sender: FrameSender,
    binding: ChannelBinding,
    request: Vec<u8>,
}

/// Why a join brought no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// The caller's request is empty or longer than [`JOIN_FRAME_BYTES_MAX`]; nothing was sent.
    #[error("a join request of {bytes} bytes is empty or over the limit")]
    RequestLength {
        /// Its length.
        bytes: usize,
    },
    /// No invite is open at the peer, or it refused this request. It does not say which.
    #[error("the peer does not admit this device")]
    NotAuthorised,
    /// The peer has too many requests in work; worth another try in a minute.
    #[error("the peer is busy")]
    Busy,
    /// The peer was not reached.
    #[error("the peer was not reached")]
    Dial(#[source] DialError),
    /// The peer was reached and no whole answer came back. It may have acted on the request.
    #[error("the peer gave no answer")]
    NoAnswer(#[source] LinkError),
}

impl ChannelBinding {
    /// Who opened the connection; the same at both ends.
    pub fn dialler(&self) -> PeerId {
        if self.is_outgoing {
            self.local
        } else {
            self.remote
        }
    }

    /// Who took it; the same at both ends.
    pub fn acceptor(&self) -> PeerId {
        if self.is_outgoing {
            self.remote
        } else {
            self.local
        }
    }

    /// Fails only when the connection is already lost.
    fn of(conn: &Connection, local: PeerId) -> Result<Self, LinkError> {
        let mut exporter = [0; 32];
        conn.export_keying_material(&mut exporter, ALPN_JOIN, b"")
            .map_err(|_| LinkError::Lost)?;
        let remote = PeerId::of(conn.remote_id());
        Ok(Self {
            exporter,
            local,
            remote,
            is_outgoing: conn.side() == Side::Client,
        })
    }
}

impl JoinAttempt {
    /// The key that the handshake proved; it says nothing about who this is.
    pub fn peer(&self) -> PeerId {
        self.binding.remote
    }

    /// What the proof in the request must be bound to.
    pub fn binding(&self) -> &ChannelBinding {
        &self.binding
    }

    /// What the device sent: 1 to [`JOIN_FRAME_BYTES_MAX`] bytes from a stranger.
    pub fn request(&self) -> &[u8] {
        &self.request
    }

    /// Sends the answer, 1 to [`FRAME_BYTES_MAX`] bytes, and waits until it has arrived. The asker waits
    /// [`JOIN_ANSWER_TIMEOUT`] and no longer.
    ///
    /// # Errors
    /// The asker may not have the answer.
    pub async fn reply(mut self, answer: Vec<u8>) -> Result<(), LinkError> {
        self.sender.send(&answer).await?;
        self.sender.finish().await
    }

    /// Answers with nothing but a refusal.
    pub fn refuse(self) {
        self.sender.close(CloseCode::NOT_AUTHORISED);
    }

    /// Waits for the request on a connection that others opened, due at `due`.
    pub(crate) async fn take(
        session: Session,
        local: PeerId,
        due: Instant,
    ) -> Result<Self, LinkError> {
        let binding = ChannelBinding::of(&session.conn, local)?;
        let (send, recv) = session.accept_stream(due).await?;
        let session = Arc::new(session);
        let sender = FrameSender::new(session.clone(), send, FRAME_BYTES_MAX);
        let request = FrameReceiver::new(session, recv, JOIN_FRAME_BYTES_MAX)
            .receive_only(due)
            .await?;
        Ok(Self {
            sender,
            binding,
            request,
        })
    }
}

/// Sends the request on a connection that we opened, and waits for the answer.
pub(crate) async fn ask(
    session: Session,
    local: PeerId,
    request: impl FnOnce(&ChannelBinding) -> Vec<u8>,
) -> Result<Vec<u8>, LinkError> {
    let request = request(&ChannelBinding::of(&session.conn, local)?);
    let (send, recv) = session
        .conn
        .open_bi()
        .await
        .map_err(LinkError::of_connection)?;
    let session = Arc::new(session);
    let mut receiver = FrameReceiver::new(session.clone(), recv, FRAME_BYTES_MAX);
    let mut sender = FrameSender::new(session, send, JOIN_FRAME_BYTES_MAX);
    sender.send(&request).await?;
    sender.finish().await?;
    receiver
        .receive_only(Instant::now() + JOIN_ANSWER_TIMEOUT)
        .await
}

impl From<DialError> for JoinError {
    fn from(error: DialError) -> Self {
        match error {
            DialError::NotAuthorised => Self::NotAuthorised,
            DialError::Busy => Self::Busy,
            other => Self::Dial(other),
        }
    }
}

impl From<LinkError> for JoinError {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::SendEmpty => Self::RequestLength { bytes: 0 },
            LinkError::SendTooLong { bytes } => Self::RequestLength { bytes },
            LinkError::NotAuthorised => Self::NotAuthorised,
            LinkError::Closed(CloseCode::BUSY) => Self::Busy,
            other => Self::NoAnswer(other),
        }
    }
}

impl fmt::Debug for ChannelBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "ChannelBinding({} -> {})",
            self.dialler(),
            self.acceptor()
        )
    }
}

impl fmt::Debug for JoinAttempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "JoinAttempt({}, {} bytes)",
            self.peer(),
            self.request.len()
        )
    }
}
