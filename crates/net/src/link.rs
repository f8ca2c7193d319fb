//! A sync session on the wire: one connection, one stream, frames both ways.
//!
//! Each direction ends by itself: [`FrameSender::finish`] lets the other side read to the end, then it
//! gets `None`. Everything else ends the connection as a whole, with a [`CloseCode`]; also dropping a
//! sender that was not finished, so that a session cut off by an error or a panic never looks complete.
//!
//! The dialler of a QUIC stream has to write first for the other side to notice it, so a link opens with
//! a preamble, and the acceptor answers with the same one once it has admitted the peer.
//!
//! ```text
//! offset  bytes  meaning
//! 0       4      "KBS1", in both directions
//! 4       ..     frames
//! ```

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use iroh::endpoint::{
    Connection, ConnectionError, ReadError, RecvStream, SendStream, StoppedError, VarInt,
    WriteError,
};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout, timeout_at};

use crate::frame::{self, Decoder, LengthFault};
use crate::limits::{FINISH_TIMEOUT, FRAME_BYTES_MAX, FRAME_TIMEOUT};
use crate::registry::Registration;
use crate::{CloseCode, PeerId};

/// A sync session with an authorised peer: one framed stream in each direction.
///
/// Ends when both halves are gone; dropped without being finished it closes with
/// [`CloseCode::ABANDONED`].
#[derive(Debug)]
pub struct Link {
    sender: FrameSender,
    receiver: FrameReceiver,
}

/// The sending half of a [`Link`].
pub struct FrameSender {
    session: Arc<Session>,
    stream: SendStream,
    bytes_max: usize,
    frame_timeout: Duration,
    state: Sending,
}

/// Where a sender stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sending {
    BetweenFrames,
    /// Left behind by a `send` that was dropped before it ended.
    InFrame,
    Finished,
}

/// The receiving half of a [`Link`].
pub struct FrameReceiver {
    session: Arc<Session>,
    stream: RecvStream,
    decoder: Decoder,
    frame_timeout: Duration,
    /// When the frame that has begun must be complete.
    frame_due: Option<Instant>,
    /// A fault was reported: what follows in the stream means nothing.
    is_over: bool,
}

/// Why a frame did not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    // Ours to mend: the API was misused.
    /// The frame to send is over the limit; nothing was sent, the link still stands.
    #[error("a frame of {bytes} bytes is over the limit")]
    SendTooLong {
        /// Its length.
        bytes: usize,
    },
    /// The frame to send is empty; nothing was sent, the link still stands.
    #[error("a frame must not be empty")]
    SendEmpty,
    /// An earlier `send` was dropped inside a frame, so the stream cannot go on. The link is closed.
    #[error("an earlier send was cancelled inside a frame")]
    SendInterrupted,

    // The peer decided.
    /// The peer does not, or no longer, admit us.
    #[error("the peer does not admit this device")]
    NotAuthorised,
    /// The peer closed for another reason.
    #[error("closed by the peer: {0}")]
    Closed(CloseCode),

    // The peer broke the protocol; the connection is closed and the peer was told.
    /// It announced a frame over the limit; nothing was allocated.
    #[error("the peer announced a frame of {bytes} bytes, over the limit")]
    TooLong {
        /// What it announced.
        bytes: u32,
    },
    /// It announced an empty frame.
    #[error("the peer announced an empty frame")]
    Empty,
    /// Its stream ended inside a frame.
    #[error("the peer's stream ended inside a frame")]
    Truncated,
    /// It sent something else where a preamble or a single frame was due.
    #[error("the peer does not speak this protocol")]
    Garbage,
    /// It did not send, or did not read, a whole frame in time.
    #[error("a frame did not pass in time")]
    Stalled,

    // Nobody's fault, or nobody's to mend.
    /// The connection was closed at this side: by `disconnect`, by `shutdown`, or after an earlier error.
    #[error("closed at this side")]
    ClosedHere,
    /// The peer went silent, or the network between.
    #[error("the connection was lost")]
    Lost,
}

impl Link {
    /// The key that the handshake proved.
    pub fn peer(&self) -> PeerId {
        self.sender.session.peer
    }

    /// Whether we dialled.
    pub fn is_outgoing(&self) -> bool {
        self.sender.session.is_outgoing
    }

    /// Parts the two directions, for two tasks.
    pub fn into_split(self) -> (FrameSender, FrameReceiver) {
        (self.sender, self.receiver)
    }

    /// Ends the connection at once; frames on their way may be lost.
    pub fn close(self, code: CloseCode) {
        self.sender.session.close(code);
    }

    /// Opens the stream of a link that we dialled, and returns when the peer has admitted us.
    pub(crate) async fn open(session: Session) -> Result<Self, LinkError> {
        let (send, recv) = session
            .conn
            .open_bi()
            .await
            .map_err(LinkError::of_connection)?;
        let mut link = Self::new(session, send, recv);
        link.sender.send_preamble().await?;
        link.receiver.expect_preamble().await?;
        link.sender.session.registration.set_live();
        Ok(link)
    }

    /// Takes the stream that the dialler opens, due at `due`, and tells it that it was admitted.
    pub(crate) async fn take(session: Session, due: Instant) -> Result<Self, LinkError> {
        let (send, recv) = session.accept_stream(due).await?;
        let mut link = Self::new(session, send, recv);
        link.receiver.frame_due = Some(due);
        link.receiver.expect_preamble().await?;
        link.receiver.frame_due = None;
        link.sender.send_preamble().await?;
        link.sender.session.registration.set_live();
        Ok(link)
    }

    fn new(session: Session, send: SendStream, recv: RecvStream) -> Self {
        let session = Arc::new(session);
        let receiver = FrameReceiver::new(session.clone(), recv, FRAME_BYTES_MAX);
        Self {
            sender: FrameSender::new(session, send, FRAME_BYTES_MAX),
            receiver,
        }
    }
}

impl FrameSender {
    pub(crate) fn new(session: Arc<Session>, stream: SendStream, bytes_max: usize) -> Self {
        Self {
            session,
            stream,
            bytes_max,
            frame_timeout: FRAME_TIMEOUT,
            state: Sending::BetweenFrames,
        }
    }

    /// The key that the handshake proved.
    pub fn peer(&self) -> PeerId {
        self.session.peer
    }

    /// Sends one frame of 1 to [`FRAME_BYTES_MAX`] bytes. Returns when it is in the
    /// transport's buffer, which is small, so a peer that does not read holds the sender back.
    ///
    /// Not cancel-safe: a call dropped before it returns leaves half a frame, and the next call closes
    /// the link with [`LinkError::SendInterrupted`].
    ///
    /// # Errors
    /// The length is refused before anything is sent and leaves the link usable; every other error ends
    /// it. [`LinkError::Stalled`] after [`FRAME_TIMEOUT`].
    pub async fn send(&mut self, body: &[u8]) -> Result<(), LinkError> {
        match body.len() {
            0 => Err(LinkError::SendEmpty),
            bytes if bytes > self.bytes_max => Err(LinkError::SendTooLong { bytes }),
            _ => self.write(frame::encode(body)).await,
        }
    }

    /// Says that nothing more follows, and waits until everything has arrived at the peer, though its
    /// application may not have read it yet. Afterwards both halves may be dropped without loss.
    ///
    /// # Errors
    /// The peer may be missing frames; the connection is closed.
    pub async fn finish(mut self) -> Result<(), LinkError> {
        self.ensure_between_frames()?;
        let acknowledged = self.stream.stopped();
        self.stream.finish().map_err(|_| LinkError::ClosedHere)?;
        match timeout(FINISH_TIMEOUT, acknowledged).await {
            Ok(Ok(None)) => {
                self.state = Sending::Finished;
                Ok(())
            }
            Ok(Ok(Some(code))) => Err(LinkError::of_code(code)),
            Ok(Err(StoppedError::ConnectionLost(lost))) => Err(LinkError::of_connection(lost)),
            Ok(Err(StoppedError::ZeroRttRejected)) => Err(LinkError::Lost),
            Err(_) => Err(self.session.fail(LinkError::Stalled)),
        }
    }

    /// Ends the connection at once, both directions; frames on their way may be lost.
    pub fn close(self, code: CloseCode) {
        self.session.close(code);
    }

    async fn send_preamble(&mut self) -> Result<(), LinkError> {
        self.write(Bytes::from_static(&PREAMBLE)).await
    }

    async fn write(&mut self, bytes: Bytes) -> Result<(), LinkError> {
        self.ensure_between_frames()?;
        self.state = Sending::InFrame;
        match timeout(self.frame_timeout, self.stream.write_chunk(bytes)).await {
            Ok(Ok(())) => {
                self.state = Sending::BetweenFrames;
                Ok(())
            }
            Ok(Err(e)) => Err(self.session.blame(LinkError::of_write(e))),
            Err(_) => Err(self.session.fail(LinkError::Stalled)),
        }
    }

    fn ensure_between_frames(&self) -> Result<(), LinkError> {
        match self.state {
            Sending::BetweenFrames => Ok(()),
            // An error also leaves this state; then the connection says better what happened.
            Sending::InFrame => match self.session.conn.close_reason() {
                Some(reason) => Err(LinkError::of_connection(reason)),
                None => Err(self.session.fail(LinkError::SendInterrupted)),
            },
            Sending::Finished => Err(LinkError::ClosedHere),
        }
    }
}

impl Drop for FrameSender {
    /// A stream dropped by noq counts as finished, so an abandoned one has to say so.
    fn drop(&mut self) {
        if self.state != Sending::Finished {
            self.session.close(CloseCode::ABANDONED);
        }
    }
}

impl FrameReceiver {
    pub(crate) fn new(session: Arc<Session>, stream: RecvStream, bytes_max: usize) -> Self {
        let decoder = Decoder::new(bytes_max);
        Self {
            session,
            stream,
            decoder,
            frame_timeout: FRAME_TIMEOUT,
            frame_due: None,
            is_over: false,
        }
    }

    /// The key that the handshake proved.
    pub fn peer(&self) -> PeerId {
        self.session.peer
    }

    /// Waits for the next frame; `None` when the peer has finished.
    ///
    /// Frames that arrived before the connection ended are still delivered. Waits as long as the peer is
    /// there and silent; a frame that has begun is due within [`FRAME_TIMEOUT`].
    ///
    /// Cancel-safe: a call that is dropped loses nothing, the next one goes on.
    ///
    /// # Errors
    /// Any error ends the link. When the peer broke the protocol, it is told so.
    pub async fn receive(&mut self) -> Result<Option<Vec<u8>>, LinkError> {
        if self.is_over {
            return Err(LinkError::ClosedHere);
        }
        loop {
            let arrived = match self.read(self.decoder.missing()).await? {
                Some(arrived) => arrived,
                None if self.decoder.is_between_frames() => return Ok(None),
                None => return Err(self.fail(LinkError::Truncated)),
            };
            match self.decoder.push(&arrived) {
                Ok(Some(body)) => {
                    self.frame_due = None;
                    return Ok(Some(body));
                }
                Ok(None) => {
                    _ = self
                        .frame_due
                        .get_or_insert_with(|| Instant::now() + self.frame_timeout)
                }
                Err(LengthFault::Zero) => return Err(self.fail(LinkError::Empty)),
                Err(LengthFault::OverLimit(bytes)) => {
                    return Err(self.fail(LinkError::TooLong { bytes }));
                }
            }
        }
    }

    /// Ends the connection at once, both directions; frames on their way may be lost.
    pub fn close(self, code: CloseCode) {
        self.session.close(code);
    }

    /// Waits for one frame with nothing after it, all of it due at `due`.
    pub(crate) async fn receive_only(&mut self, due: Instant) -> Result<Vec<u8>, LinkError> {
        self.frame_due = Some(due);
        let body = self
            .receive()
            .await?
            .ok_or_else(|| self.fail(LinkError::Truncated))?;
        self.frame_due = Some(due);
        match self.receive().await? {
            None => Ok(body),
            Some(_) => Err(self.fail(LinkError::Garbage)),
        }
    }

    async fn expect_preamble(&mut self) -> Result<(), LinkError> {
        let mut rest = &PREAMBLE[..];
        while !rest.is_empty() {
            let arrived = self.read(rest.len()).await?;
            match arrived.and_then(|bytes| rest.strip_prefix(&bytes[..])) {
                Some(still) => rest = still,
                None => return Err(self.fail(LinkError::Garbage)),
            }
        }
        Ok(())
    }

    /// Reads 1 to `bytes_max` bytes, or `None` at the end of the stream.
    async fn read(&mut self, bytes_max: usize) -> Result<Option<Bytes>, LinkError> {
        let chunk = self.stream.read_chunk(bytes_max);
        let read = match self.frame_due {
            Some(due) => timeout_at(due, chunk).await,
            None => Ok(chunk.await),
        };
        match read {
            Ok(Ok(arrived)) => Ok(arrived),
            Ok(Err(e)) => Err(self.session.blame(LinkError::of_read(e))),
            Err(_) => Err(self.fail(LinkError::Stalled)),
        }
    }

    fn fail(&mut self, error: LinkError) -> LinkError {
        self.is_over = true;
        self.session.fail(error)
    }
}

/// What both halves hold together: the connection, its entry in the registry, its place in a budget.
pub(crate) struct Session {
    pub(crate) peer: PeerId,
    pub(crate) is_outgoing: bool,
    pub(crate) conn: Connection,
    registration: Registration,
    _place: Option<OwnedSemaphorePermit>,
}

impl Session {
    pub(crate) fn dialled(conn: Connection, registration: Registration) -> Self {
        Self::new(conn, true, registration, None)
    }

    pub(crate) fn accepted(
        conn: Connection,
        registration: Registration,
        place: OwnedSemaphorePermit,
    ) -> Self {
        Self::new(conn, false, registration, Some(place))
    }

    fn new(
        conn: Connection,
        is_outgoing: bool,
        registration: Registration,
        place: Option<OwnedSemaphorePermit>,
    ) -> Self {
        let peer = PeerId::of(conn.remote_id());
        Self {
            peer,
            is_outgoing,
            conn,
            registration,
            _place: place,
        }
    }

    /// Waits for the stream that the dialler opens.
    pub(crate) async fn accept_stream(
        &self,
        due: Instant,
    ) -> Result<(SendStream, RecvStream), LinkError> {
        match timeout_at(due, self.conn.accept_bi()).await {
            Ok(stream) => stream.map_err(LinkError::of_connection),
            Err(_) => Err(self.fail(LinkError::Stalled)),
        }
    }

    pub(crate) fn close(&self, code: CloseCode) {
        self.conn.close(code.to_wire(), b"");
    }

    /// When the endpoint is gone, noq reports that rather than our having closed the connection first.
    fn blame(&self, error: LinkError) -> LinkError {
        match error {
            LinkError::Lost if self.registration.ended().is_cancelled() => LinkError::ClosedHere,
            other => other,
        }
    }

    /// Closes with the code that fits an error found at this side.
    fn fail(&self, error: LinkError) -> LinkError {
        let code = match error {
            LinkError::Stalled => CloseCode::STALLED,
            LinkError::SendInterrupted => CloseCode::ABANDONED,
            _ => CloseCode::MISBEHAVED,
        };
        tracing::debug!(peer = %self.peer, %error, "closing a connection");
        self.close(code);
        error
    }
}

impl LinkError {
    pub(crate) fn of_connection(error: ConnectionError) -> Self {
        match error {
            ConnectionError::ApplicationClosed(close) => Self::of_code(close.error_code),
            ConnectionError::LocallyClosed => Self::ClosedHere,
            _ => Self::Lost,
        }
    }

    fn of_code(code: VarInt) -> Self {
        match CloseCode::from_wire(code) {
            CloseCode::NOT_AUTHORISED => Self::NotAuthorised,
            other => Self::Closed(other),
        }
    }

    fn of_read(error: ReadError) -> Self {
        match error {
            ReadError::Reset(code) => Self::of_code(code),
            ReadError::ConnectionLost(lost) => Self::of_connection(lost),
            ReadError::ClosedStream => Self::ClosedHere,
            ReadError::ZeroRttRejected => Self::Lost,
        }
    }

    fn of_write(error: WriteError) -> Self {
        match error {
            WriteError::Stopped(code) => Self::of_code(code),
            WriteError::ConnectionLost(lost) => Self::of_connection(lost),
            WriteError::ClosedStream => Self::ClosedHere,
            WriteError::ZeroRttRejected => Self::Lost,
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {}",
            if self.is_outgoing { "to" } else { "from" },
            self.peer
        )
    }
}

impl fmt::Debug for FrameSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FrameSender({:?})", self.session)
    }
}

impl fmt::Debug for FrameReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FrameReceiver({:?})", self.session)
    }
}

/// The first bytes in each direction.
const PREAMBLE: [u8; 4] = *b"KBS1";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Arrival, Config, EndpointSecret, Gate, Listen, Net};

    struct Everybody;

    impl Gate for Everybody {
        fn may_sync(&self, _: &PeerId) -> bool {
            true
        }
        fn join_is_open(&self) -> bool {
            false
        }
    }

    const SHORT: Duration = Duration::from_millis(200);

    async fn linked() -> (Vec<Net>, Link, Link) {
        let node = |seed| {
            let config = Config {
                listen: Listen::Loopback(0),
                ..Config::default()
            };
            Net::bind(
                EndpointSecret::from_bytes(&[seed; 32]),
                config,
                Arc::new(Everybody),
            )
        };
        let (ada, _) = node(1).await.expect("binds");
        let (ben, mut arrivals) = node(2).await.expect("binds");
        let outgoing = ada.dial(&ben.address()).await.expect("admitted");
        match arrivals.next().await {
            Some(Arrival::Sync(accepted)) => (vec![ada, ben], outgoing, accepted),
            other => panic!("expected a link, got {other:?}"),
        }
    }

    /// The sender stops inside a frame; waiting for a frame to begin is not bounded.
    #[tokio::test]
    async fn a_frame_that_has_begun_is_due_in_time_and_silence_is_not() {
        let (_nets, outgoing, accepted) = linked().await;
        let (mut sender, mut from_ben) = outgoing.into_split();
        let (_to_ada, mut receiver) = accepted.into_split();
        receiver.frame_timeout = SHORT;
        assert!(
            timeout(2 * SHORT, receiver.receive()).await.is_err(),
            "silence is no error"
        );
        sender.send(b"whole").await.expect("sent");
        assert_eq!(receiver.receive().await, Ok(Some(b"whole".to_vec())));
        sender
            .stream
            .write_all(&frame::encode(b"cut short")[..6])
            .await
            .expect("sent");
        assert_eq!(receiver.receive().await, Err(LinkError::Stalled));
        assert_eq!(
            from_ben.receive().await,
            Err(LinkError::Closed(CloseCode::STALLED))
        );
    }

    #[tokio::test]
    async fn a_peer_that_never_reads_does_not_hold_a_sender_for_ever() {
        let (_nets, outgoing, accepted) = linked().await;
        let (mut sender, _from_ben) = outgoing.into_split();
        sender.frame_timeout = SHORT;
        let body = vec![0; FRAME_BYTES_MAX];
        let end = loop {
            match sender.send(&body).await {
                Ok(()) => {}
                Err(end) => break end,
            }
        };
        assert_eq!(end, LinkError::Stalled);
        drop(accepted);
    }
}
