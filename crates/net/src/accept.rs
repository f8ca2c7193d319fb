//! The accept loop: from a first packet to a link or a join attempt in the engine's queue.
//!
//! The loop itself never waits for a peer: it validates the source address without keeping state, takes
//! a place among the handshakes, and hands the connection to a task of its own. Cheap checks come first,
//! and every refusal is a [`CloseCode`]. A panic in such a task, for instance in the [`Gate`], ends its
//! connection with [`CloseCode::INTERNAL`] and is logged; the loop does not notice.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

use iroh::Endpoint;
use iroh::endpoint::{Connection, Incoming as FirstPacket};
use n0_future::FutureExt;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::budget::{Handshake, Handshakes, JoinWindow, Source};
use crate::gate;
use crate::limits::{
    ARRIVALS_MAX, HANDSHAKE_TIMEOUT, JOIN_CONCURRENT_MAX, JOIN_FRAME_TIMEOUT, LINKS_INCOMING_MAX,
};
use crate::link::Session;
use crate::registry::{Purpose, Registry};
use crate::{ALPN_JOIN, ALPN_SYNC, CloseCode, Gate, JoinAttempt, Link, PeerId};

/// Something a peer began.
#[derive(Debug)]
pub enum Arrival {
    /// A peer that the gate admitted wants to sync.
    Sync(Link),
    /// An unknown device asks to be admitted.
    Join(JoinAttempt),
}

/// The queue of what peers began. At most [`ARRIVALS_MAX`] wait in it; others are told
/// [`CloseCode::BUSY`]. Dropped, everything incoming is refused with [`CloseCode::LEAVING`].
#[derive(Debug)]
pub struct Incoming {
    arrivals: mpsc::Receiver<Arrival>,
}

impl Incoming {
    /// Waits for the next arrival; `None` after the shutdown. Cancel-safe.
    pub async fn next(&mut self) -> Option<Arrival> {
        self.arrivals.recv().await
    }
}

/// Everything that serving incoming connections needs.
pub(crate) struct Acceptor {
    endpoint: Endpoint,
    gate: Arc<dyn Gate>,
    registry: Arc<Registry>,
    arrivals: mpsc::Sender<Arrival>,
    handshakes: Arc<Handshakes>,
    links: Arc<Semaphore>,
    joins: Arc<Semaphore>,
    join_window: Mutex<JoinWindow>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Acceptor {
    pub(crate) fn new(
        endpoint: Endpoint,
        gate: Arc<dyn Gate>,
        registry: Arc<Registry>,
        stop: CancellationToken,
        tasks: TaskTracker,
    ) -> (Self, Incoming) {
        let (sender, arrivals) = mpsc::channel(ARRIVALS_MAX);
        let acceptor = Self {
            endpoint,
            gate,
            registry,
            arrivals: sender,
            handshakes: Arc::default(),
            links: Arc::new(Semaphore::new(LINKS_INCOMING_MAX)),
            joins: Arc::new(Semaphore::new(JOIN_CONCURRENT_MAX)),
            join_window: Mutex::default(),
            stop,
            tasks,
        };
        (acceptor, Incoming { arrivals })
    }

    /// Accepts until the endpoint stops.
    pub(crate) async fn run(self: Arc<Self>) {
        while let Some(Some(first)) = self.stop.run_until_cancelled(self.endpoint.accept()).await {
            self.admit(first);
        }
    }

    fn admit(self: &Arc<Self>, first: FirstPacket) {
        if !first.remote_addr_validated() {
            if let Err(validated) = first.retry() {
                validated.into_incoming().refuse();
            }
            return;
        }
        let Some(place) = self.handshakes.begin(Source::of(&first.remote_addr())) else {
            return first.refuse();
        };
        let (this, stop) = (self.clone(), self.stop.clone());
        self.tasks
            .spawn(async move { stop.run_until_cancelled(this.handle(first, place)).await });
    }

    async fn handle(&self, first: FirstPacket, place: Handshake) {
        let Some(conn) = contained(shake_hands(first)).await.flatten() else {
            return;
        };
        drop(place);
        let served = contained(self.serve(conn.clone())).await;
        if let Err(code) = served.unwrap_or(Err(CloseCode::INTERNAL)) {
            tracing::debug!(peer = %PeerId::of(conn.remote_id()), %code, "refused");
            conn.close(code.to_wire(), b"");
        }
    }

    async fn serve(&self, conn: Connection) -> Result<(), CloseCode> {
        match conn.alpn() {
            ALPN_SYNC => self.serve_sync(conn).await,
            ALPN_JOIN => self.serve_join(conn).await,
            _ => Err(CloseCode::MISBEHAVED),
        }
    }

    async fn serve_sync(&self, conn: Connection) -> Result<(), CloseCode> {
        let place = place_in(&self.links)?;
        let registration = self
            .registry
            .enter_accepted(&conn, Purpose::SyncAccepted)
            .ok_or(CloseCode::BUSY)?;
        self.ask_gate(&conn)?;
        let seat = self.seat()?;
        let due = Instant::now() + HANDSHAKE_TIMEOUT;
        // A link that fails has already been closed, with a code of its own.
        if let Ok(link) = Link::take(Session::accepted(conn, registration, place), due).await {
            seat.send(Arrival::Sync(link));
        }
        Ok(())
    }

    async fn serve_join(&self, conn: Connection) -> Result<(), CloseCode> {
        let place = place_in(&self.joins)?;
        let registration = self
            .registry
            .enter_accepted(&conn, Purpose::Join)
            .ok_or(CloseCode::BUSY)?;
        self.ask_gate(&conn)?;
        let seat = self.seat()?;
        self.spend_join()?;
        let (local, due) = (
            PeerId::of(self.endpoint.id()),
            Instant::now() + JOIN_FRAME_TIMEOUT,
        );
        let session = Session::accepted(conn.clone(), registration, place);
        let Ok(attempt) = JoinAttempt::take(session, local, due).await else {
            return Ok(());
        };
        match self.ask_gate(&conn) {
            Ok(()) => seat.send(Arrival::Join(attempt)),
            Err(_) => attempt.refuse(), // the invite ended while the request was on its way
        }
        Ok(())
    }

    /// Asks again now that the connection is on record: an answer that changes later comes with a
    /// `disconnect`, which finds it there.
    fn ask_gate(&self, conn: &Connection) -> Result<(), CloseCode> {
        if gate::admits(self.gate.as_ref(), conn) {
            Ok(())
        } else {
            Err(CloseCode::NOT_AUTHORISED)
        }
    }

    fn seat(&self) -> Result<mpsc::Permit<'_, Arrival>, CloseCode> {
        self.arrivals.try_reserve().map_err(|e| match e {
            TrySendError::Full(()) => CloseCode::BUSY,
            TrySendError::Closed(()) => CloseCode::LEAVING,
        })
    }

    fn spend_join(&self) -> Result<(), CloseCode> {
        // The window stays a window whatever panics, so poison says nothing here.
        let mut window = self
            .join_window
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if window.admit(Instant::now()) {
            Ok(())
        } else {
            Err(CloseCode::BUSY)
        }
    }
}

/// Completes the handshake, in which the hook asks the gate for the first time.
async fn shake_hands(first: FirstPacket) -> Option<Connection> {
    let accepting = first.accept().ok()?;
    timeout(HANDSHAKE_TIMEOUT, accepting).await.ok()?.ok()
}

fn place_in(budget: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, CloseCode> {
    budget
        .clone()
        .try_acquire_owned()
        .map_err(|_| CloseCode::BUSY)
}

/// The panic boundary: `None` when the work panicked. What the work shares with others is behind locks
/// that hold no half-done changes, and everything else it owns is dropped with it.
async fn contained<T>(work: impl Future<Output = T>) -> Option<T> {
    let done = AssertUnwindSafe(work).catch_unwind().await;
    if done.is_err() {
        tracing::error!("serving a connection panicked; the connection is dropped");
    }
    done.ok()
}
