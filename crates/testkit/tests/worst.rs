//! The most expensive changes that pass every check: what they cost in time and memory.
//!
//! The figures in `docs/security/containment.md` are those that this prints in a release build:
//! `cargo test --release -p kitbag-testkit --test worst -- --nocapture`. A debug build tries an eighth
//! of the text. The bounds asserted here are wide, since build machines differ; they notice a change
//! of order, not of a tenth.
#![cfg(test)]

use kitbag_core::id::LogId;
use kitbag_core::pack::change::{CHANGE_BYTES_MAX, CHANGE_OPS_MAX};
use kitbag_core::pack::note::BODY_BYTES_MAX;
use kitbag_core::pack::{Edit, NewChange, NoteDocument, Schema, check_change};
use kitbag_testkit::decoders::{LOG, NOTE, note_record};
use std::time::{Duration, Instant};

/// Goal: one change, however made, takes seconds and some hundred MiB at most; the worst that is
/// known is measured, not guessed.
#[test]
fn the_worst_single_change_stays_within_its_bounds() {
    let document = NoteDocument::derive(NOTE, &note_record());
    let same = "a".repeat(TEXT);
    let varied: String = (0..TEXT as u32)
        .map(|n| char::from(b'!' + (n * n % 89) as u8))
        .collect();
    measured(
        "the same character again and again",
        &document,
        &whole(&document, LOG, &same),
    );
    let change = whole(&document, LOG, &varied);
    measured("characters in no order", &document, &change);
    assert!(change.bytes.len() <= CHANGE_BYTES_MAX);

    let mut woven = document.clone();
    let every_other: String = varied.chars().step_by(2).collect();
    woven
        .apply(&whole(&document, LOG, &every_other).checked)
        .unwrap();
    let sparse: String = every_other
        .chars()
        .flat_map(|c| [c, '東'])
        .take(TEXT)
        .collect();
    let wanted: String = sparse
        .chars()
        .scan(0, |bytes, c| {
            *bytes += c.len_utf8();
            (*bytes <= TEXT).then_some(c)
        })
        .collect();
    measured(
        "a character after every other",
        &woven,
        &whole(&woven, LOG, &wanted),
    );

    // Two whole bodies that met, and a third in their place: as many operations as one change may have.
    let mut merged = document.clone();
    for n in [2, 3] {
        let change = whole(&document, LogId::from_bytes([n; 32]), &varied);
        merged.apply(&change.checked).unwrap();
    }
    let reversed: String = varied.chars().rev().collect();
    measured(
        "two bodies out, one in",
        &merged,
        &whole(&merged, LOG, &reversed),
    );
    assert!(merged.view().body.len() > 2 * TEXT - 200);
    assert_eq!(
        CHANGE_OPS_MAX,
        3 * BODY_BYTES_MAX as u64,
        "the figures are for this bound"
    );
    assert_memory(1024);
}

/// Goal: it is known, and written down, that no bound of one change bounds a document: deleting costs
/// its author next to nothing, and every device once for each deletion.
#[test]
fn small_changes_cost_much_more_than_they_weigh() {
    let mut record = note_record();
    record.body = "a".repeat(TEXT);
    let document = NoteDocument::derive(NOTE, &record);
    let mut worn = document.clone();
    let (mut sent, mut spent) = (0, Duration::ZERO);
    for n in 0..CHANGES {
        let change = whole(&document, LogId::from_bytes([n; 32]), "");
        sent += change.bytes.len();
        let began = Clock::start();
        worn.apply(&change.checked).unwrap();
        spent += began.spent();
    }
    println!(
        "{CHANGES} times the same {TEXT} characters deleted: {sent} bytes in all, applied in {spent:?}, stored in {} bytes, {} MiB so far",
        worn.to_cache().len(),
        peak_kib() / 1024
    );
    assert_eq!(worn.view().body, "");
    assert!(sent < 4096, "these are small changes");
    assert!(spent < Duration::from_secs(120));
    assert_memory(1024);
}

/// Goal: a long chain of small edits of a large note costs little more than its last edit, where all
/// are there at once: at a start, or when somebody comes back after long.
#[test]
fn a_chain_of_edits_that_is_applied_at_once_is_proven_once() {
    let mut record = note_record();
    record.body = "a".repeat(TEXT);
    let start = NoteDocument::derive(NOTE, &record);
    let (mut document, mut changes) = (start.clone(), Vec::new());
    let one_by_one = Clock::start();
    for n in 0..CHAIN {
        let edit = Edit {
            pinned: Some(n % 2 == 0),
            ..Edit::default()
        };
        let change = document.edit(LOG, &edit).unwrap().unwrap();
        document.apply(&change.checked).unwrap();
        changes.push(change.checked);
    }
    let (one_by_one, at_once) = (one_by_one.spent(), Clock::start());
    let mut together = start.clone();
    together.try_apply(&changes).unwrap();
    let at_once = at_once.spent();
    println!("{CHAIN} edits of {TEXT} characters: one by one {one_by_one:?}, at once {at_once:?}");
    assert_eq!(together.heads(), document.heads());
    assert!(at_once < one_by_one / 4);
}

const CHAIN: u32 = 50;

const CHANGES: u8 = 8;

/// Bytes of the texts that are tried.
const TEXT: usize = if cfg!(debug_assertions) {
    BODY_BYTES_MAX / 8
} else {
    BODY_BYTES_MAX
};

/// A change that makes this the whole body.
fn whole(document: &NoteDocument, log: LogId, body: &str) -> NewChange {
    let edit = Edit {
        body: Some(body.into()),
        ..Edit::default()
    };
    document
        .edit(log, &edit)
        .unwrap()
        .expect("it changes something")
}

fn measured(what: &str, document: &NoteDocument, change: &NewChange) {
    let began = Clock::start();
    let checked = check_change(&change.bytes, LOG, Schema::Note).unwrap();
    let check = began.spent();
    let mut changed = document.clone();
    changed.apply(&checked).unwrap();
    let apply = began.spent() - check;
    println!(
        "{what}: {} bytes, checked in {check:?}, applied in {apply:?}, stored in {} bytes, {} MiB so far",
        change.bytes.len(),
        changed.to_cache().len(),
        peak_kib() / 1024
    );
    assert!(check + apply < Duration::from_secs(60));
}

/// Time that this thread spent on a processor, so that a busy machine does not count; where the
/// system does not tell, time that passed.
struct Clock {
    began: Instant,
    spent_before: Option<Duration>,
}

impl Clock {
    fn start() -> Clock {
        Clock {
            began: Instant::now(),
            spent_before: on_processor(),
        }
    }

    fn spent(&self) -> Duration {
        let spent = on_processor().zip(self.spent_before);
        spent.map_or_else(|| self.began.elapsed(), |(now, before)| now - before)
    }
}

fn on_processor() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanos = text.split_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(nanos)).filter(|spent| !spent.is_zero())
}

fn assert_memory(mib: u64) {
    assert!(peak_kib() < mib * 1024, "{} KiB", peak_kib());
}

/// The most memory that this process ever held; zero where the system does not tell.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|kib| kib.trim().trim_end_matches(" kB").parse().ok())
        .unwrap_or(0)
}
