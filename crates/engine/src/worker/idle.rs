//! What the node's thread does while nobody waits for it: it keeps the search index up to date.

use super::{Call, Desk, Job, Keeper, Keeps, look_for_failure};
use kitbag_node::{IndexMerge, IndexStep};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tracing::{error, warn};

/// How long single notes wait before they are taken into the index: several that are written one after
/// the other share a transaction.
const QUIET: Duration = Duration::from_millis(300);

/// Whether there is anything to do.
#[derive(Default)]
pub(super) struct Idle {
    /// Nothing, until the next job.
    is_done: bool,
    /// A job will come that says that single notes have waited long enough.
    is_awaited: bool,
    /// A fault struck while the index was worked on: it is left alone until the next start.
    is_stopped: bool,
}

impl Idle {
    /// The next job; until it comes, the index is worked on in slices.
    pub(super) fn next_job<H: Keeps>(
        &mut self,
        queue: &mut mpsc::Receiver<Job>,
        keeper: &mut Keeper<H>,
        desk: &mut Desk,
    ) -> Option<Job> {
        loop {
            match queue.try_recv() {
                Ok(job) => {
                    self.is_done = false;
                    return Some(job);
                }
                Err(mpsc::error::TryRecvError::Disconnected) => return None,
                Err(mpsc::error::TryRecvError::Empty) => {}
            }
            let node = keeper.node().filter(|node| !node.has_failed());
            let works = !self.is_done && !self.is_stopped;
            let due = node.filter(|node| works && node.index_is_due());
            let Some(node) = due else {
                self.is_done = false;
                return queue.blocking_recv();
            };
            if !node.index_is_behind() && !desk.index_waited {
                if !self.is_awaited {
                    self.is_awaited = true;
                    say_later(desk);
                }
                return queue.blocking_recv();
            }
            self.work(keeper, desk);
            if self.is_done {
                (self.is_awaited, desk.index_waited) = (false, false);
            }
        }
    }

    fn work<H: Keeps>(&mut self, keeper: &mut Keeper<H>, desk: &mut Desk) {
        let Some(node) = keeper.node() else { return };
        let begun = Instant::now();
        let step = catch_unwind(AssertUnwindSafe(|| node.index_step()));
        if step.is_ok() {
            desk.shared.counters.index(node.index_meters());
        }
        match step {
            Ok(Ok(IndexStep::More)) => {}
            Ok(Ok(IndexStep::Dropped)) => warn!("the search index was damaged; it is built anew"),
            Ok(Ok(IndexStep::Idle)) => {
                self.is_done = true;
                return; // there was nothing to do
            }
            Ok(Ok(IndexStep::Merge)) => match node.take_index_merge() {
                Some(merge) => merge_elsewhere(desk, merge),
                None => self.is_done = true,
            },
            Ok(Err(error)) => {
                warn!(%error, "the search index could not be brought up to date");
                look_for_failure(node, &error);
                self.is_done = true;
            }
            Err(_) => {
                error!("a fault in the search index was contained; the device is opened anew");
                desk.shared.counters.fault();
                keeper.open(Instant::now());
                desk.was_opened(keeper.node());
                (self.is_done, self.is_stopped) = (true, true);
            }
        }
        desk.shared.counters.step(begun.elapsed());
    }
}

/// Makes segments into one on another thread, and posts a job that gives back what was made.
fn merge_elsewhere(desk: &Desk, merge: IndexMerge) {
    let jobs = desk.jobs.clone();
    desk.runtime.spawn_blocking(move || {
        let merged = merge.run();
        let Some(jobs) = jobs.upgrade() else { return };
        let given_back: Call = Box::new(|node, desk| {
            node.index_merged(merged);
            desk.index_waited = true;
        });
        let _ = jobs.blocking_send(Job::Call(given_back)); // stopped
    });
}

/// Posts a job, after a while, that says that notes have waited long enough.
fn say_later(desk: &Desk) {
    let jobs = desk.jobs.clone();
    desk.runtime.spawn(async move {
        tokio::time::sleep(QUIET).await;
        let Some(jobs) = jobs.upgrade() else { return };
        let waited: Call = Box::new(|_, desk| desk.index_waited = true);
        let _ = jobs.send(Job::Call(waited)).await; // stopped
    });
}
