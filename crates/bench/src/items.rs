//! The benchmarks, by the names that the command line knows.

mod add;
mod calls;
mod curves;
mod disk;
mod idle;
mod imports;
mod many;
mod nothing_new;
mod one_edit;
mod one_pack;
mod recall;
mod reconnects;
mod search;
mod start;

use crate::context::Context;
use crate::report::Item;
use crate::role::Late;
use anyhow::Result;

/// Names, in the order in which they run.
pub(crate) const NAMES: [&str; 14] = [
    "add",
    "calls",
    "first-sync",
    "first-sync-many",
    "edit",
    "nothing-new",
    "reconnects",
    "start",
    "idle",
    "disk",
    "curves",
    "recall",
    "search",
    "imports",
];

/// Runs one.
///
/// # Errors
/// Whatever kept it from measuring at all; what only took too long is in its rows.
pub(crate) async fn run(name: &str, context: &Context) -> Result<Item> {
    match name {
        "add" => add::run(context).await,
        "calls" => calls::run(context).await,
        "first-sync" => one_pack::run(context).await,
        "first-sync-many" => many::run(context).await,
        "edit" => one_edit::run(context).await,
        "nothing-new" => nothing_new::run(context).await,
        "reconnects" => reconnects::run(context).await,
        "start" => start::run(context).await,
        "idle" => idle::run(context).await,
        "disk" => disk::run(context).await,
        "curves" => curves::run(context).await,
        "recall" => recall::run(context).await,
        "search" => search::run(context).await,
        "imports" => imports::run(context).await,
        other => anyhow::bail!("no benchmark is called {other}: {}", NAMES.join(", ")),
    }
}

/// Samples of one side, as long as it stays within its time.
#[derive(Debug, Default)]
struct Side {
    samples: Vec<f64>,
    late: Option<f64>,
}

impl Side {
    /// Keeps what a step gave, or that it took too long; other faults are the caller's.
    fn take(&mut self, step: Result<f64>) -> Result<()> {
        match step {
            Ok(sample) => self.samples.push(sample),
            Err(error) => match error.downcast_ref::<Late>() {
                Some(late) => self.late = Some(late.0.as_secs_f64()),
                None => return Err(error),
            },
        }
        Ok(())
    }

    /// Whether it is of use to go on.
    fn goes_on(&self) -> bool {
        self.late.is_none()
    }

    /// Adds its lines to an item.
    fn put(&self, item: &mut Item, what: &str, side: &str, unit: &str) {
        item.row(what, side, unit, &self.samples);
        if let Some(seconds) = self.late {
            item.over(what, side, seconds);
        }
    }

    /// The median, if it always stayed within its time.
    fn median(&self) -> Option<f64> {
        if self.late.is_some() {
            return None;
        }
        crate::stats::median(&self.samples)
    }
}

/// By how much ours is faster than theirs, pair by pair; none if ours was late. If only theirs was,
/// the least that can be said.
fn faster(ours: &Side, theirs: &Side) -> Option<f64> {
    if ours.late.is_some() {
        return None;
    }
    if let Some(seconds) = theirs.late {
        return ours.median().map(|ours| seconds * 1e3 / ours);
    }
    crate::stats::paired_ratio(&theirs.samples, &ours.samples)
}
