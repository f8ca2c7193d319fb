//! Random histories on many devices; after each, the promises are checked.
//!
//! `KITBAG_SIM_SEEDS` seeds (16) are run, for at most `KITBAG_SIM_SECONDS` (600); reaching fewer than
//! `KITBAG_SIM_FLOOR` (as many as were asked for, at most 2,000) is a failure too, so that a slow
//! simulator does not pass for a thorough one. From `ALL_HAPPENS` seeds on, so is anything that
//! never happened. `KITBAG_SIM_GO_ON=1` lists
//! every failing seed in one line, `KITBAG_SIM_SEED=n` runs that seed alone and prints its whole trace.

mod check;
mod history;
mod hostile;
mod moving;
mod people;
mod quiet;

use history::{Counts, History};
use kitbag_testkit::World;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is no number"))
    })
}

#[cfg_attr(not(feature = "planted"), test)]
fn simulator() {
    if let Some(seed) = number("KITBAG_SIM_SEED") {
        let (world, verdict) = run(seed);
        println!("{}", world.trace.text());
        assert!(verdict.is_ok(), "seed {seed}: {}", verdict.unwrap_err());
        return;
    }
    let seeds = number("KITBAG_SIM_SEEDS").unwrap_or(16);
    let first = number("KITBAG_SIM_FIRST").unwrap_or(0);
    let limit = Duration::from_secs(number("KITBAG_SIM_SECONDS").unwrap_or(600));
    let floor = number("KITBAG_SIM_FLOOR").unwrap_or(seeds.min(2_000));
    let go_on = number("KITBAG_SIM_GO_ON") == Some(1);
    let failed = AtomicU64::new(0);
    let started = Instant::now();
    let (next, done, stop) = (
        AtomicU64::new(first),
        AtomicU64::new(0),
        AtomicBool::new(false),
    );
    let totals = Mutex::new(Totals::default());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) && started.elapsed() < limit {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + seeds {
                        break;
                    }
                    let (world, verdict) = run(seed);
                    match verdict {
                        Ok(counts) => totals.lock().unwrap().add(&world, &counts),
                        Err(what) if go_on => {
                            println!("seed {seed}: {}", what.lines().next().unwrap_or_default());
                            failed.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(what) => {
                            stop.store(true, Ordering::Relaxed);
                            println!("{}", world.trace.text());
                            panic!("seed {seed}: {what}\nreplay with KITBAG_SIM_SEED={seed}");
                        }
                    }
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    let done = done.into_inner();
    let totals = totals.into_inner().unwrap();
    println!(
        "{done} seeds in {:.1} s: {}",
        started.elapsed().as_secs_f64(),
        totals.text()
    );
    assert_eq!(failed.into_inner(), 0, "seeds failed");
    if done >= ALL_HAPPENS {
        let happened = |what: &&&str| totals.counts.0.get(**what).is_some_and(|count| *count > 0);
        let never: Vec<&&str> = HAPPENS.iter().filter(|what| !happened(what)).collect();
        assert!(never.is_empty(), "never happened: {never:?}");
    }
    assert!(
        done >= floor,
        "only {done} seeds of at least {floor} in {limit:?}"
    );
}

/// What a seed says, if it fails.
#[cfg(feature = "planted")]
pub(crate) fn failure_of(seed: u64) -> Option<String> {
    run(seed).1.err()
}

/// One history and its checks; a panic anywhere in it is a failure like any other.
fn run(seed: u64) -> (World, Result<Counts, String>) {
    let mut world = World::new(seed);
    world.frames_max = FRAMES_MAX;
    let mut counts = Counts::default();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let mut history = History::begin(&mut world);
        history.go_on(&mut world)?;
        history.fall_quiet(&mut world)?;
        let checked = check::everything(&mut world, &mut history);
        counts = history.counts;
        checked
    }));
    let verdict = outcome.unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied());
        Err(format!("panic: {}", text.unwrap_or("of no text")))
    });
    (world, verdict.map(|()| counts))
}

/// What all seeds did, to see that they did something.
#[derive(Default)]
struct Totals {
    frames: u64,
    bytes: u64,
    device_millis: u64,
    devices: u64,
    counts: Counts,
}

impl Totals {
    fn add(&mut self, world: &World, counts: &Counts) {
        self.frames += world.frames;
        self.bytes += world.bytes;
        self.device_millis += world.elapsed_millis() * world.everybody().len() as u64;
        self.devices += world.everybody().len() as u64;
        counts
            .0
            .iter()
            .for_each(|(what, more)| self.counts.add(what, *more));
    }

    fn text(&self) -> String {
        let Totals {
            frames,
            devices,
            counts,
            ..
        } = self;
        let hours = self.device_millis / 3_600_000;
        format!(
            "{devices} devices, {hours} device-hours, {frames} frames, {} KiB; {:?}",
            self.bytes >> 10,
            counts.0
        )
    }
}

/// Many times what the longest history sends.
const FRAMES_MAX: u64 = 20_000;
/// Seeds after which everything in [`HAPPENS`] must have happened.
const ALL_HAPPENS: u64 = 1_000;
/// What the simulator must not silently stop doing.
const HAPPENS: &[&str] = &[
    "admins made",
    "built on in good faith",
    "clock jumps",
    "confidential notes",
    "copies",
    "declined joiners refused",
    "edits",
    "entries above a clearance",
    "expired tickets refused",
    "feuds",
    "forged tickets",
    "frames of an outsider",
    "grants after a removal",
    "hostile: entries",
    "hostile: epochs",
    "hostile: forked entries",
    "hostile: forked operations",
    "hostile: noise",
    "hostile: operations",
    "hostile: records of others",
    "hostile: wants",
    "hostile: wraps",
    "internal notes",
    "invites",
    "invites cancelled",
    "joins",
    "joins through others",
    "keys tried",
    "kills",
    "long texts",
    "members who left",
    "moves refused",
    "notes",
    "notes lowered",
    "notes raised",
    "notes set aside for somebody",
    "notes shown to somebody",
    "operations after a removal",
    "public notes",
    "removals",
    "removals of former members",
    "removals refused",
    "removals that drop",
    "removed joiners refused",
    "requests approved",
    "requests declined",
    "requests to join",
    "restarts",
    "restores",
    "restricted notes",
    "roles changed",
    "roles lowered",
    "rules refused",
    "rules set",
    "taken over as a note",
    "taken over as an edit",
    "used tickets refused",
];
