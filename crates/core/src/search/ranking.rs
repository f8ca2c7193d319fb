//! The notes of a search while they are looked at: counted for the statistics, and kept as a few
//! numbers until these are known.
//!
//! If the numbers take more than [`KEPT_BYTES_MAX`], they are let go and the notes have to be looked at
//! again; the answer is the same.

use super::rank::{Facts, Statistics};
use super::{Count, Looked, Query};
use crate::id::Timestamp;
use std::collections::BTreeSet;

/// Bytes that notes take while they wait for the statistics, at most.
pub const KEPT_BYTES_MAX: usize = 16 << 20;

/// Notes that are looked at a first time.
pub struct Ranking<K> {
    statistics: Statistics,
    /// None once there were too many.
    kept: Option<Kept<K>>,
    bytes_max: usize,
    /// Whether one holds every term, so that the others are no matter.
    whole: bool,
}

struct Kept<K> {
    notes: Vec<KeptNote<K>>,
    counts: Vec<Count>,
}

struct KeptNote<K> {
    key: K,
    facts: Facts,
    tokens: u32,
    counts_end: usize,
}

impl<K: Ord + Copy> Ranking<K> {
    /// Of no note yet.
    pub fn new(query: &Query) -> Ranking<K> {
        Ranking::with_memory(query, KEPT_BYTES_MAX)
    }

    pub(super) fn with_memory(query: &Query, bytes_max: usize) -> Ranking<K> {
        Ranking {
            statistics: Statistics::new(query),
            kept: Some(Kept::default()),
            bytes_max,
            whole: false,
        }
    }

    /// Counts a note for the statistics: every one that may be read, whether it fits or not.
    pub fn count(&mut self, note: Looked<'_>, facts: Facts) {
        self.statistics.add(note, facts);
    }

    /// What is counted, for notes that were counted elsewhere.
    pub fn statistics_mut(&mut self) -> &mut Statistics {
        &mut self.statistics
    }

    /// Whether a note that was offered holds every term as it was typed.
    pub fn has_whole(&self) -> bool {
        self.whole
    }

    /// Somewhere else a note was found that holds every term: the others are no matter.
    pub fn found_whole(&mut self) {
        if !self.whole
            && let Some(kept) = &mut self.kept
        {
            *kept = Kept::default();
        }
        self.whole = true;
    }

    /// Keeps a note that may become a result.
    pub fn offer(&mut self, key: K, note: Looked<'_>, facts: Facts) {
        if note.excluded || note.counts.is_empty() || (self.whole && !note.whole) {
            return;
        }
        let Some(kept) = &mut self.kept else {
            self.whole |= note.whole;
            return;
        };
        if note.whole && !self.whole {
            self.whole = true;
            *kept = Kept::default();
        }
        kept.counts.extend_from_slice(note.counts);
        kept.notes.push(KeptNote {
            key,
            facts,
            tokens: note.tokens,
            counts_end: kept.counts.len(),
        });
        let bytes =
            kept.notes.len() * size_of::<KeptNote<K>>() + kept.counts.len() * size_of::<Count>();
        if bytes > self.bytes_max {
            self.kept = None;
        }
    }

    /// What is known of all notes, once every one was looked at; and the best of them, unless they
    /// have to be offered again.
    pub fn settle(self, query: &Query, limit: usize) -> (Statistics, Best<K>, Offered) {
        let mut best = Best::new(limit);
        let Some(kept) = self.kept else {
            return (self.statistics, best, Offered::Again);
        };
        let mut begin = 0;
        for one in kept.notes {
            let note = Looked {
                counts: &kept.counts[begin..one.counts_end],
                tokens: one.tokens,
                whole: false,
                excluded: false,
                fields: 0,
                near_fields: 0,
            };
            begin = one.counts_end;
            best.offer(query, &self.statistics, one.key, note, one.facts);
        }
        (self.statistics, best, Offered::Done)
    }
}

/// Whether the notes have to be offered to the best once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offered {
    /// They are there.
    Done,
    /// They were too many to keep.
    Again,
}

impl<K> Default for Kept<K> {
    fn default() -> Self {
        Kept {
            notes: Vec::new(),
            counts: Vec::new(),
        }
    }
}

/// The best notes, those that hold every term and the others apart.
pub struct Best<K> {
    limit: usize,
    whole: Side<K>,
    some: Side<K>,
}

struct Side<K> {
    /// By what a note is worth, then the newer, then its key; the least first.
    notes: BTreeSet<(u64, Timestamp, std::cmp::Reverse<K>)>,
    total: u64,
}

impl<K: Ord + Copy> Best<K> {
    fn new(limit: usize) -> Best<K> {
        let side = || Side {
            notes: BTreeSet::new(),
            total: 0,
        };
        Best {
            limit,
            whole: side(),
            some: side(),
        }
    }

    /// Weighs a note.
    pub fn offer(
        &mut self,
        query: &Query,
        statistics: &Statistics,
        key: K,
        note: Looked<'_>,
        facts: Facts,
    ) {
        self.offer_by(query, statistics, note, || Some((key, facts)));
    }

    /// The same of a note whose key and facts cost something: they are asked for only if it may be one
    /// of the best. Without them it is none, but counts.
    pub fn offer_by(
        &mut self,
        query: &Query,
        statistics: &Statistics,
        note: Looked<'_>,
        known: impl FnOnce() -> Option<(K, Facts)>,
    ) {
        let terms = statistics.terms(query, note.counts);
        if note.excluded || terms == 0 {
            return;
        }
        let side = if terms == query.terms() {
            &mut self.whole
        } else {
            &mut self.some
        };
        side.total += 1;
        let full = side.notes.len() == self.limit;
        let least = side.notes.first().filter(|_| full);
        let text_score = statistics.text_score(query, note);
        if least.is_some_and(|(least, _, _)| Statistics::most(text_score) < *least) {
            return;
        }
        let Some((key, facts)) = known() else {
            return;
        };
        let worth = (statistics.score_of(text_score, facts), facts.captured_at);
        if least.is_some_and(|(score, at, _)| worth < (*score, *at)) {
            return;
        }
        side.notes
            .insert((worth.0, worth.1, std::cmp::Reverse(key)));
        if side.notes.len() > self.limit {
            side.notes.pop_first();
        }
    }

    /// Whether no note holds all terms, and some hold some.
    pub fn is_relaxed(&self) -> bool {
        self.whole.total == 0 && self.some.total > 0
    }

    /// How many notes there are, with those beyond the limit.
    pub fn total(&self) -> u64 {
        self.side().total
    }

    /// The best first.
    pub fn keys(&self) -> Vec<K> {
        let notes = self.side().notes.iter().rev();
        notes.map(|(_, _, key)| key.0).collect()
    }

    fn side(&self) -> &Side<K> {
        if self.is_relaxed() {
            &self.some
        } else {
            &self.whole
        }
    }
}
