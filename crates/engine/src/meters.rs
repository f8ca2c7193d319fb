//! What the engine did so far: counts, bytes and times, and nothing that names anybody.
//!
//! Kept in atomics beside the node's queue, so that looking costs no step of the node and works
//! while it is busy.

use crate::Engine;
use kitbag_node::{IndexMeters, Node};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tracing::warn;

/// Upper bounds by which steps are counted, in microseconds; what took longer stands in the total alone.
pub const STEP_BUCKETS: [u64; 11] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 10_000_000,
];

/// What the engine did since it was opened. A step is one job of the node's thread, with the commit
/// that it may make.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meters {
    /// Whether there is no network.
    pub offline: bool,
    /// Whether the database refuses every further write until it is opened again.
    pub failed: bool,
    /// Packs that cannot be read, and lists that could not when the device was opened.
    pub damaged: u64,
    /// Devices that are connected.
    pub sessions: u64,
    /// Steps that wait.
    pub steps_waiting: u64,
    /// Steps done.
    pub steps: u64,
    /// Microseconds that they took, together.
    pub step_micros: u64,
    /// Microseconds of the longest.
    pub step_micros_max: u64,
    /// How many steps took no longer than each of [`STEP_BUCKETS`].
    pub step_buckets: [u64; STEP_BUCKETS.len()],
    /// Faults that were contained.
    pub faults: u64,
    /// Frames that came in.
    pub frames_in: u64,
    /// Their bytes.
    pub bytes_in: u64,
    /// Frames that went to a connection's queue.
    pub frames_out: u64,
    /// Their bytes.
    pub bytes_out: u64,
    /// Connections that were cut since the other side reads too slowly.
    pub slow_readers: u64,
    /// Notes in the search index, when it was last brought up to date; 0 if there is none.
    pub index_notes: u64,
    /// Bytes of the index.
    pub index_bytes: u64,
    /// How often it was found damaged, or failed, and was built anew.
    pub index_drops: u64,
}

impl Engine {
    /// What it did so far. Asks no thread; none after a shutdown.
    pub async fn meters(&self) -> Option<Meters> {
        let worker = self.worker().ok()?;
        let network = self.inner.network.read().await;
        let counted = worker.shared.counters.read();
        Some(Meters {
            offline: network.is_none(),
            sessions: network.as_ref().map_or(0, |n| n.connected().len() as u64),
            steps_waiting: worker.waiting() as u64,
            ..counted
        })
    }
}

#[derive(Default)]
pub(crate) struct Counters {
    failed: AtomicBool,
    damaged: AtomicU64,
    steps: AtomicU64,
    step_micros: AtomicU64,
    step_micros_max: AtomicU64,
    /// One each: a step counts in the first that is wide enough.
    step_buckets: [AtomicU64; STEP_BUCKETS.len()],
    faults: AtomicU64,
    frames_in: AtomicU64,
    bytes_in: AtomicU64,
    frames_out: AtomicU64,
    bytes_out: AtomicU64,
    slow_readers: AtomicU64,
    index_notes: AtomicU64,
    index_bytes: AtomicU64,
    index_drops: AtomicU64,
}

impl Counters {
    pub(crate) fn step(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.steps.fetch_add(1, Relaxed);
        self.step_micros.fetch_add(micros, Relaxed);
        self.step_micros_max.fetch_max(micros, Relaxed);
        if let Some(at) = STEP_BUCKETS.iter().position(|bound| micros <= *bound) {
            self.step_buckets[at].fetch_add(1, Relaxed);
        }
    }

    /// What only the node knows of itself.
    pub(crate) fn look_at(&self, node: &Node) {
        self.failed.store(node.has_failed(), Relaxed);
        let packs = node.damaged_packs();
        let now = (node.damaged().len() + packs.len()) as u64;
        if self.damaged.swap(now, Relaxed) < now {
            for (pack, what) in packs {
                warn!(
                    pack = pack.short(),
                    what, "a pack cannot be read; the others go on"
                );
            }
        }
    }

    /// There is no node: nothing can be written.
    pub(crate) fn closed(&self) {
        self.failed.store(true, Relaxed);
    }

    pub(crate) fn fault(&self) {
        self.faults.fetch_add(1, Relaxed);
    }

    pub(crate) fn frame_in(&self, bytes: usize) {
        self.frames_in.fetch_add(1, Relaxed);
        self.bytes_in.fetch_add(bytes as u64, Relaxed);
    }

    pub(crate) fn frame_out(&self, bytes: usize) {
        self.frames_out.fetch_add(1, Relaxed);
        self.bytes_out.fetch_add(bytes as u64, Relaxed);
    }

    pub(crate) fn slow_reader(&self) {
        self.slow_readers.fetch_add(1, Relaxed);
    }

    /// How the search index stands.
    pub(crate) fn index(&self, meters: IndexMeters) {
        self.index_notes.store(meters.notes, Relaxed);
        self.index_bytes.store(meters.bytes, Relaxed);
        self.index_drops.store(meters.dropped, Relaxed);
    }

    pub(crate) fn read(&self) -> Meters {
        let mut below = 0;
        let step_buckets = std::array::from_fn(|at| {
            below += self.step_buckets[at].load(Relaxed);
            below
        });
        Meters {
            failed: self.failed.load(Relaxed),
            damaged: self.damaged.load(Relaxed),
            steps: self.steps.load(Relaxed),
            step_micros: self.step_micros.load(Relaxed),
            step_micros_max: self.step_micros_max.load(Relaxed),
            step_buckets,
            faults: self.faults.load(Relaxed),
            frames_in: self.frames_in.load(Relaxed),
            bytes_in: self.bytes_in.load(Relaxed),
            frames_out: self.frames_out.load(Relaxed),
            bytes_out: self.bytes_out.load(Relaxed),
            slow_readers: self.slow_readers.load(Relaxed),
            index_notes: self.index_notes.load(Relaxed),
            index_bytes: self.index_bytes.load(Relaxed),
            index_drops: self.index_drops.load(Relaxed),
            ..Meters::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: each bucket holds every step that took no longer, and what is longer than all of them
    /// still counts.
    #[test]
    fn steps_are_counted_by_how_long_they_took() {
        let counters = Counters::default();
        for millis in [0, 1, 3, 30, 60_000] {
            counters.step(Duration::from_millis(millis));
        }
        let meters = counters.read();
        assert_eq!((meters.steps, meters.step_micros_max), (5, 60_000_000));
        assert_eq!(meters.step_buckets, [1, 2, 2, 3, 3, 3, 4, 4, 4, 4, 4]);
    }
}
