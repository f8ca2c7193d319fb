//! Holds the node for its thread, and opens it anew when it cannot go on as it is.

use crate::EngineError;
use crate::home::Unlocked;
use kitbag_node::Node;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};
use tracing::{error, info, warn};

/// Pause between two attempts to go on after a failed write.
pub(super) const RETRY_EVERY: Duration = Duration::from_secs(3);

/// Where a device comes from, and comes from again.
pub(crate) trait Keeps: Send + 'static {
    /// Opens the device. Everything that was open of it before must be gone.
    fn open(&self) -> Result<Node, EngineError>;

    /// Tries a write beside the database.
    fn try_write(&self) -> std::io::Result<()>;
}

impl Keeps for Unlocked {
    fn open(&self) -> Result<Node, EngineError> {
        Unlocked::open(self)
    }

    fn try_write(&self) -> std::io::Result<()> {
        Unlocked::try_write(self)
    }
}

/// The node, unless it is closed.
pub(super) struct Keeper<H> {
    node: Option<Node>,
    home: H,
    tried: Option<Instant>,
    /// Where it can be dialled: whoever opens it anew says so at once, or it would tell its peers that
    /// it is nowhere.
    addresses: (Vec<String>, Option<String>),
}

impl<H: Keeps> Keeper<H> {
    pub(super) fn new(node: Node, home: H) -> Keeper<H> {
        Keeper {
            node: Some(node),
            home,
            tried: None,
            addresses: Default::default(),
        }
    }

    pub(super) fn node(&mut self) -> Option<&mut Node> {
        self.node.as_mut()
    }

    /// Opens the device anew if a write failed and the disk takes writes again, and one that did not
    /// open; says whether it did anything. While nothing can be written, a device that is open stays
    /// so: it still answers from memory.
    pub(super) fn open_if_due(&mut self, now: Instant) -> bool {
        let fails = self.node.as_ref().is_none_or(Node::has_failed);
        let waits = |tried: Instant| now.saturating_duration_since(tried) < RETRY_EVERY;
        if !fails || self.tried.is_some_and(waits) {
            return false;
        }
        self.tried = Some(now);
        if let Err(error) = self.home.try_write() {
            warn!(%error, "a write failed, and nothing can be written still");
            return false;
        }
        self.open(now);
        true
    }

    /// Closes the device and opens it from what is durable. If that fails, it is closed until a later
    /// attempt.
    pub(super) fn open(&mut self, now: Instant) {
        self.tried = Some(now);
        if let Some(node) = self.node.take() {
            self.addresses = node.addresses();
        } // and drops it: the database opens once
        let open = || {
            let mut node = self.home.open()?;
            let (addresses, relay) = self.addresses.clone();
            if let Err(error) = node.set_addresses(super::now(), addresses, relay) {
                warn!(%error, "where this device is could not be told");
            }
            Ok::<Node, EngineError>(node)
        };
        match catch_unwind(AssertUnwindSafe(open)) {
            Ok(Ok(node)) => {
                info!("the device was opened anew");
                self.node = Some(node);
            }
            Ok(Err(error)) => error!(%error, "the database does not open again"),
            Err(_) => error!("the database does not open again: a fault"),
        }
    }
}
