//! Whether the suite finds bugs: each of [`Planted`] is switched on at run time, then the scenarios
//! and as many seeds of the simulator as needed run, until something fails. With none switched on
//! nothing may fail.
//!
//! `KITBAG_PLANTED_SEEDS` seeds (400) are tried for each bug, `KITBAG_PLANTED=Name` runs one bug.

mod scenarios;

use super::simulator::failure_of;
use kitbag_crypto::planted::{self, Planted};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Seeds that run with no bug, to see that it is the bug which is found.
const SOUND_SEEDS: u64 = 100;

/// Goal: every planted bug is found; a suite that finds nothing proves nothing.
#[test]
fn every_planted_bug_is_found() {
    let bound = std::env::var("KITBAG_PLANTED_SEEDS").ok();
    let bound: u64 = bound.map_or(400, |text| text.parse().expect("a number of seeds"));
    let only = std::env::var("KITBAG_PLANTED").ok();
    let began = Instant::now();
    std::panic::set_hook(Box::new(|_| {})); // failing is what is wanted
    planted::switch_on(None);
    let sound = scenarios::ALL
        .iter()
        .find_map(|(name, scenario)| fails(name, *scenario))
        .or_else(|| first_failing_seed(SOUND_SEEDS));
    let mut missed = Vec::new();
    let mut found = 0;
    if sound.is_none() {
        for bug in Planted::ALL {
            if only
                .as_ref()
                .is_some_and(|only| *only != format!("{bug:?}"))
            {
                continue;
            }
            planted::switch_on(Some(*bug));
            let scenario = scenarios::ALL
                .iter()
                .find_map(|(name, scenario)| fails(name, *scenario));
            let by = scenario.or_else(|| first_failing_seed(bound));
            planted::switch_on(None);
            let seconds = began.elapsed().as_secs();
            match by {
                Some(by) => {
                    found += 1;
                    println!("{seconds:>4} s {bug:?}: found by {by}");
                }
                None => {
                    missed.push(*bug);
                    println!("{seconds:>4} s {bug:?}: NOT FOUND");
                }
            }
        }
    }
    let _ = std::panic::take_hook();
    assert_eq!(sound, None, "the suite fails without any bug");
    println!("{found} planted bugs found, {} missed", missed.len());
    assert!(missed.is_empty(), "not found: {missed:?}");
    assert!(
        found >= 20 || only.is_some(),
        "only {found} bugs are planted"
    );
}

/// What a scenario says, if it fails.
fn fails(name: &str, scenario: fn() -> Result<(), String>) -> Option<String> {
    let outcome = catch_unwind(AssertUnwindSafe(scenario));
    match outcome {
        Ok(Ok(())) => None,
        Ok(Err(what)) => Some(format!("{name}: {}", first_line(&what))),
        Err(_) => Some(format!("{name}: panic")),
    }
}

/// The first seed that fails, of so many, and what it says; on all cores.
fn first_failing_seed(seeds: u64) -> Option<String> {
    let next = AtomicU64::new(0);
    let failed: Mutex<Option<(u64, String)>> = Mutex::new(None);
    let lock = || failed.lock().unwrap_or_else(PoisonError::into_inner);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds || lock().is_some() {
                        return;
                    }
                    if let Some(what) = failure_of(seed) {
                        lock().get_or_insert((seed, what));
                    }
                }
            });
        }
    });
    let found = lock().take();
    found.map(|(seed, what)| {
        format!(
            "seed {seed} ({} tried): {}",
            next.load(Ordering::Relaxed).min(seeds),
            first_line(&what)
        )
    })
}

fn first_line(text: &str) -> String {
    text.lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(120)
        .collect()
}
