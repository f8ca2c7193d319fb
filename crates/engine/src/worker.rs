//! The one thread that owns the node.
//!
//! redb blocks, so the node lives on a thread of its own and takes jobs from a bounded queue. After
//! each job the sessions hear what changed, and what the node wants sent goes to its connection's own
//! queue. Nothing here decides anything.

mod idle;
mod keeper;
#[cfg(test)]
mod tests;

use crate::EngineError;
use crate::meters::Counters;
use kitbag_core::id::{EndpointId, Timestamp};
use kitbag_core::sync::PULLS_MAX;
use kitbag_net::PeerId;
use kitbag_node::{CloseReason, LinkId, Node, NodeError, Notice, Output};
use kitbag_store::StoreError;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::{broadcast, mpsc, oneshot};
use tracing::{debug, error, warn};

use idle::Idle;
use keeper::Keeper;
pub(crate) use keeper::Keeps;

/// Jobs that wait for the node, at most; whoever brings one more waits.
const JOBS_MAX: usize = 256;
/// Frames that wait for one connection, at most. Each write is a short greeting to every peer, and many
/// come at once: a burst of them must not cost a peer that reads as fast as it can.
const FRAMES_MAX: usize = 1024;
/// Their bytes, at most: all pages that a session asks for at once, however long, and greetings beside
/// them. A peer that asks for more than it reads is cut off; it asks again when it reconnects.
const FRAMES_BYTES_MAX: usize = PULLS_MAX * kitbag_net::FRAME_BYTES_MAX + (256 << 10);
/// News kept for a listener that lags.
const NOTICES_MAX: usize = 256;

/// Frames that are taken in together, at most: they share one sync of the disk.
const FRAMES_AT_ONCE: usize = 8;

/// What the node's thread shall do.
enum Job {
    /// Take in a frame.
    Frame(LinkId, Vec<u8>),
    /// Anything else.
    Call(Call),
}

type Call = Box<dyn FnOnce(&mut Node, &mut Desk) + Send>;

/// What one connection's writer is told.
pub(crate) enum Command {
    Send(Vec<u8>),
    Misbehaved,
}

/// The frames that wait for one connection, as its writer takes them.
pub(crate) struct Waiting {
    queue: mpsc::Receiver<Command>,
    bytes: Arc<AtomicUsize>,
}

impl Waiting {
    /// The next one; none once the connection is forgotten.
    pub(crate) async fn next(&mut self) -> Option<Command> {
        let command = self.queue.recv().await;
        if let Some(Command::Send(frame)) = &command {
            self.bytes.fetch_sub(frame.len(), Ordering::Relaxed);
        }
        command
    }
}

/// The same, as the node's thread fills them.
struct Outbox {
    queue: mpsc::Sender<Command>,
    bytes: Arc<AtomicUsize>,
}

impl Outbox {
    fn new() -> (Outbox, Waiting) {
        let ((sender, receiver), bytes) = (mpsc::channel(FRAMES_MAX), Arc::default());
        let outbox = Outbox {
            queue: sender,
            bytes: Arc::clone(&bytes),
        };
        let waiting = Waiting {
            queue: receiver,
            bytes,
        };
        (outbox, waiting)
    }

    /// Whether there was room; if not, the connection is given up.
    fn put(&self, frame: Vec<u8>) -> bool {
        let len = frame.len();
        let before = self.bytes.fetch_add(len, Ordering::Relaxed); // only this thread adds
        before + len <= FRAMES_BYTES_MAX && self.queue.try_send(Command::Send(frame)).is_ok()
    }
}

/// Where the node's outputs go.
pub(crate) struct Desk {
    links: BTreeMap<LinkId, Outbox>,
    jobs: mpsc::WeakSender<Job>,
    runtime: tokio::runtime::Handle,
    shared: Arc<Shared>,
    /// Whether single notes have waited long enough for the search index.
    index_waited: bool,
}

/// What other threads may see without asking the node.
pub(crate) struct Shared {
    /// Keys that may open a sync session.
    pub(crate) peers: RwLock<BTreeSet<PeerId>>,
    /// Whether anybody may ask to join.
    pub(crate) join_open: AtomicBool,
    /// News.
    pub(crate) notices: broadcast::Sender<Notice>,
    /// Keys to be disconnected, for whoever owns the network.
    pub(crate) disconnects: broadcast::Sender<PeerId>,
    /// What was done so far, and how long it took.
    pub(crate) counters: Counters,
    /// Whether the device is closed and did not open again so far.
    pub(crate) is_closed: AtomicBool,
}

/// A handle to the node's thread.
#[derive(Clone)]
pub(crate) struct Worker {
    jobs: mpsc::Sender<Job>,
    pub(crate) shared: Arc<Shared>,
}

impl Worker {
    /// Moves the node to a thread of its own, which ends when the last handle is dropped.
    ///
    /// Runs inside a tokio runtime, where the pauses that the node asks for are kept.
    ///
    /// A panic in a job ends that job and every connection; the node is then opened anew from what is
    /// durable, since what it held in memory can no longer be trusted. After a failed write it is opened
    /// anew before a later job, as soon as `home` takes writes again.
    pub(crate) fn start(node: Node, home: impl Keeps) -> (Worker, std::thread::JoinHandle<()>) {
        let (jobs, mut queue) = mpsc::channel::<Job>(JOBS_MAX);
        let shared = Arc::new(Shared {
            peers: RwLock::new(BTreeSet::new()),
            join_open: AtomicBool::new(false),
            notices: broadcast::channel(NOTICES_MAX).0,
            disconnects: broadcast::channel(NOTICES_MAX).0,
            counters: Counters::default(),
            is_closed: AtomicBool::new(false),
        });
        shared.counters.look_at(&node);
        shared.counters.index(node.index_meters());
        let mut desk = Desk {
            links: BTreeMap::new(),
            jobs: jobs.downgrade(),
            runtime: tokio::runtime::Handle::current(),
            shared: shared.clone(),
            index_waited: false,
        };
        let thread = std::thread::Builder::new()
            .name("kitbag-node".into())
            .spawn(move || {
                desk.refresh_gate(&node);
                let mut keeper = Keeper::new(node, home);
                let mut next = None;
                let mut idle = Idle::default();
                while let Some(job) = next
                    .take()
                    .or_else(|| idle.next_job(&mut queue, &mut keeper, &mut desk))
                {
                    let begun = Instant::now();
                    if keeper.open_if_due(begun) {
                        desk.was_opened(keeper.node());
                    }
                    let Some(node) = keeper.node() else {
                        continue; // whoever asked hears that it is closed
                    };
                    let work = || {
                        match job {
                            Job::Call(call) => call(node, &mut desk),
                            Job::Frame(link, frame) => {
                                let mut frames = vec![(link, frame)];
                                while frames.len() < FRAMES_AT_ONCE && next.is_none() {
                                    match queue.try_recv() {
                                        Ok(Job::Frame(link, frame)) => frames.push((link, frame)),
                                        Ok(other) => next = Some(other),
                                        Err(_) => break, // none waits
                                    }
                                }
                                desk.take_in(node, &frames);
                            }
                        }
                        desk.step(node, None, |node, now| {
                            let told = match node.write_reports(now, false)? {
                                true => node.announce(now)?,
                                false => vec![],
                            };
                            node.rest().map(|()| told)
                        });
                    };
                    let panicked = catch_unwind(AssertUnwindSafe(work)).is_err();
                    desk.shared.counters.step(begun.elapsed());
                    if panicked {
                        desk.shared.counters.fault();
                        warn!("a fault was contained; the device is opened anew");
                        keeper.open(Instant::now());
                        desk.was_opened(keeper.node());
                    }
                    if let Some(node) = keeper.node() {
                        desk.shared.counters.look_at(node);
                    }
                }
                let Some(node) = keeper.node() else { return };
                // What was reported stays on disk either way; so others hear of it at the next start.
                match catch_unwind(AssertUnwindSafe(|| node.write_reports(now(), true))) {
                    Ok(Ok(_)) => {}
                    Ok(Err(error)) => warn!(%error, "reports wait until the next start"),
                    Err(_) => warn!("reports wait until the next start"),
                }
                match catch_unwind(AssertUnwindSafe(|| node.keep_summaries(now()))) {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => {
                        warn!(%error, "the next start has to read all packs that changed")
                    }
                    Err(_) => warn!("the next start has to read all packs that changed"),
                }
            });
        (
            Worker { jobs, shared },
            thread.expect("the system starts a thread"),
        )
    }

    /// Runs a call on the node and waits for its answer.
    pub(crate) async fn call<T: Send + 'static>(
        &self,
        call: impl FnOnce(&mut Node, Timestamp) -> Result<T, NodeError> + Send + 'static,
    ) -> Result<T, EngineError> {
        let (answer, wait) = oneshot::channel();
        self.post(Box::new(move |node, desk| {
            let _ = answer.send(desk.run(node, call)); // whoever asked may have gone
        }))
        .await?;
        wait.await.map_err(|_| self.gone())?
    }

    /// Answers a request to join.
    pub(crate) async fn join(
        &self,
        joiner: EndpointId,
        exporter: [u8; 32],
        request: Vec<u8>,
    ) -> Result<Vec<u8>, EngineError> {
        let (answer, wait) = oneshot::channel();
        self.post(Box::new(move |node, desk| {
            let answered = node.handle_join(now(), joiner, exporter, &request);
            if let Err(error) = &answered {
                look_for_failure(node, error);
            }
            let answered = answered.map(|(frame, outputs)| {
                desk.carry_out(node, outputs);
                frame
            });
            let _ = answer.send(answered.map_err(EngineError::from)); // the connection may be gone
        }))
        .await?;
        wait.await.map_err(|_| self.gone())?
    }

    /// Registers a connection and lets the node greet over it.
    pub(crate) async fn open_link(
        &self,
        link: LinkId,
        peer: EndpointId,
        side: kitbag_core::sync::Side,
    ) -> Result<Waiting, EngineError> {
        let (frames, waiting) = Outbox::new();
        self.post(Box::new(move |node, desk| {
            desk.links.insert(link, frames);
            desk.step(node, Some(link), |node, now| {
                node.link_opened(now, link, peer, side)
            });
        }))
        .await?;
        Ok(waiting)
    }

    /// Hands over a frame; waits while the node is behind, which holds up the peer.
    pub(crate) async fn frame(&self, link: LinkId, frame: Vec<u8>) -> Result<(), EngineError> {
        self.shared.counters.frame_in(frame.len());
        self.send(Job::Frame(link, frame)).await
    }

    /// Forgets a connection.
    pub(crate) async fn close_link(&self, link: LinkId) {
        let closed = self.post(Box::new(move |node, desk| {
            desk.links.remove(&link);
            node.link_closed(link);
        }));
        let _ = closed.await; // stopped: nothing to forget
    }

    /// Asks the node anew whom to let in; an invite may have ended with time alone.
    pub(crate) async fn refresh_gate(&self) {
        let _ = self
            .post(Box::new(|node, desk| desk.refresh_gate(node)))
            .await; // stopped
    }

    /// Jobs that wait for the node.
    pub(crate) fn waiting(&self) -> usize {
        JOBS_MAX - self.jobs.capacity()
    }

    /// Why nobody answered.
    fn gone(&self) -> EngineError {
        if self.shared.is_closed.load(Ordering::Relaxed) {
            return EngineError::Storage {
                reason: "the database was closed after a failure and does not open again".into(),
            };
        }
        match self.jobs.is_closed() {
            true => EngineError::Stopped,
            false => EngineError::Fault, // it is here, and the job is gone
        }
    }

    async fn post(&self, call: Call) -> Result<(), EngineError> {
        self.send(Job::Call(call)).await
    }

    async fn send(&self, job: Job) -> Result<(), EngineError> {
        self.jobs.send(job).await.map_err(|_| EngineError::Stopped)
    }
}

impl Desk {
    fn run<T>(
        &mut self,
        node: &mut Node,
        call: impl FnOnce(&mut Node, Timestamp) -> Result<T, NodeError>,
    ) -> Result<T, EngineError> {
        let answer = call(node, now());
        if let Err(error) = &answer {
            look_for_failure(node, error);
        }
        let answer = answer.map_err(EngineError::from);
        if node.has_failed() {
            self.links.clear(); // the node has forgotten them
        }
        self.step(node, None, |node, now| node.announce(now));
        answer
    }

    /// Takes in frames. One that fails costs the connection that it came over.
    fn take_in(&mut self, node: &mut Node, frames: &[(LinkId, Vec<u8>)]) {
        let mut rest = frames;
        while !rest.is_empty() {
            let each = rest.iter().map(|(link, frame)| (*link, frame.as_slice()));
            match node.link_frames(now(), each) {
                Ok(taken) => {
                    rest = rest.get(taken.count..).unwrap_or_default();
                    self.carry_out(node, taken.outputs);
                    for (link, error) in taken.failed {
                        look_for_failure(node, &error);
                        error!(%error, "a frame could not be taken in");
                        self.links.remove(&link);
                    }
                }
                Err(error) => {
                    look_for_failure(node, &error);
                    return self.fail(&error);
                }
            }
        }
    }

    /// Runs one step of the node and carries out what it wants. What fails costs the connection that
    /// it came over; a store that refuses to go on costs all of them.
    fn step(
        &mut self,
        node: &mut Node,
        of: Option<LinkId>,
        step: impl FnOnce(&mut Node, Timestamp) -> Result<Vec<Output>, NodeError>,
    ) {
        match step(node, now()) {
            Ok(outputs) => self.carry_out(node, outputs),
            Err(error) => {
                look_for_failure(node, &error);
                match of {
                    Some(link) if !node.has_failed() => {
                        error!(%error, "a step failed");
                        self.links.remove(&link);
                        node.link_closed(link);
                    }
                    _ => self.fail(&error),
                }
            }
        }
    }

    /// The device was closed, and is open again unless that failed.
    fn was_opened(&mut self, node: Option<&mut Node>) {
        self.links.clear();
        self.shared
            .is_closed
            .store(node.is_none(), Ordering::Relaxed);
        match node {
            Some(node) => {
                self.refresh_gate(node);
                self.shared.counters.look_at(node);
                self.shared.counters.index(node.index_meters());
            }
            None => self.shut_gate(),
        }
    }

    fn fail(&mut self, error: &NodeError) {
        error!(%error, "a step failed");
        self.links.clear();
    }

    fn carry_out(&mut self, node: &mut Node, outputs: Vec<Output>) {
        let gate = outputs.iter().any(|output| {
            matches!(
                output,
                Output::Notify(Notice::Changed(_) | Notice::Joined { .. }) | Output::Disconnect(_)
            )
        });
        if gate {
            self.refresh_gate(node);
        }
        for output in outputs {
            match output {
                Output::Send { link, frame } => self.send(node, link, frame),
                Output::Close { link, reason } => self.close(link, &reason),
                Output::RetryAfter { link, millis } => self.retry(link, millis),
                Output::Disconnect(peer) => {
                    let _ = self.shared.disconnects.send(PeerId(*peer.as_bytes())); // offline: nobody listens
                }
                Output::Notify(notice) => {
                    let _ = self.shared.notices.send(notice); // nobody need listen
                }
            }
        }
    }

    fn send(&mut self, node: &mut Node, link: LinkId, frame: Vec<u8>) {
        self.shared.counters.frame_out(frame.len());
        let full = self
            .links
            .get(&link)
            .is_some_and(|frames| !frames.put(frame));
        if full {
            debug!(link = link.0, "peer reads too slowly");
            self.shared.counters.slow_reader();
            self.links.remove(&link);
            node.link_closed(link);
        }
    }

    fn close(&mut self, link: LinkId, reason: &CloseReason) {
        debug!(link = link.0, ?reason, "closing a connection");
        if let Some(frames) = self.links.remove(&link) {
            let _ = frames.queue.try_send(Command::Misbehaved); // full: dropping the queue closes it too
        }
    }

    fn retry(&self, link: LinkId, millis: u64) {
        let jobs = self.jobs.clone();
        self.runtime.spawn(async move {
            tokio::time::sleep(Duration::from_millis(millis)).await;
            let Some(jobs) = jobs.upgrade() else { return };
            let retry: Call = Box::new(move |node, desk| {
                if desk.links.contains_key(&link) {
                    desk.step(node, Some(link), |node, now| node.link_retry(now, link));
                }
            });
            let _ = jobs.send(Job::Call(retry)).await; // stopped
        });
    }

    fn refresh_gate(&self, node: &Node) {
        let peers = node
            .peers_that_may_sync()
            .into_iter()
            .map(|peer| PeerId(*peer.as_bytes()))
            .collect();
        *self
            .shared
            .peers
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = peers;
        self.shared
            .join_open
            .store(node.join_is_open(now()), Ordering::Relaxed);
    }

    /// Lets nobody in: there is no node that could say who may come.
    fn shut_gate(&self) {
        let peers = self.shared.peers.write();
        peers
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clear();
        self.shared.join_open.store(false, Ordering::Relaxed);
        self.shared.counters.closed();
    }
}

/// A database that failed once refuses everything, wherever that was, until it is opened again.
fn look_for_failure(node: &mut Node, error: &NodeError) {
    if matches!(error, NodeError::Store(error @ StoreError::Disk { .. }) if !error.is_damage()) {
        node.refuse_writes();
    }
}

/// This device's clock.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
