//! A search under way, and what it finds.

use super::scan::{ReadNote, Scan};
use crate::{Node, NodeError};
use kitbag_core::filter::{Filter, Filtered, Listed};
use kitbag_core::id::{ItemId, PackId, Timestamp};
use kitbag_core::policy::Sensitivity;
use kitbag_core::search::{Fit, Query, Scratch, Searched, Snippet};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Results of one search, at most.
pub const RESULTS_MAX: usize = 100;

/// What to look for, and where.
#[derive(Clone, Debug)]
pub struct SearchOptions {
    /// Words, phrases, and what must not be there.
    pub query: String,
    /// In these packs; in all of this device if absent.
    pub packs: Option<Vec<PackId>>,
    /// Whether deleted notes are looked at.
    pub listed: Listed,
    /// Which notes are looked at.
    pub filter: Filter,
    /// Results, at most: 1 to [`RESULTS_MAX`].
    pub limit: usize,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The best first.
    pub results: Vec<Hit>,
    /// How many there are, with those beyond the limit.
    pub total: u64,
    /// Whether every note could be read, so that the total is right.
    pub total_is_exact: bool,
    /// Whether no note holds all terms, and these hold some.
    pub relaxed: bool,
    /// Why there is no result.
    pub empty_reason: Option<EmptyReason>,
    /// Notes that were looked at.
    pub searched: u64,
    /// Notes that the filters leave out and that hold all terms.
    pub outside_filters: u64,
    /// Deleted notes that the filters admit and that hold all terms, if only the others were asked for.
    pub deleted: u64,
    /// Notes that do not open from disk.
    pub unreadable: u64,
}

/// Why a search finds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmptyReason {
    /// This device has no pack.
    NoPacks,
    /// There is no note to read there; or no deleted one, or only deleted ones, as was asked.
    NoNotes,
    /// Notes that hold the terms are left out by the filters.
    OnlyOutsideFilters,
    /// The filters leave out every note.
    FiltersExcludeAll,
    /// No note holds any of the terms.
    NotFound,
}

/// A note that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The note.
    pub id: ItemId,
    /// Its pack.
    pub pack: PackId,
    /// Its title; if it has none, the start of its body.
    pub title: String,
    /// Where the hits in that begin and end, in characters.
    pub title_marks: Vec<(usize, usize)>,
    /// Its source label.
    pub source: String,
    /// One line around the first hit in its body.
    pub snippet: Snippet,
    /// Its sensitivity.
    pub sensitivity: Sensitivity,
    /// note, snippet, message, ….
    pub note_type: &'static str,
    /// active, superseded, archived, expired or redacted.
    pub status: &'static str,
    /// When it was captured, by the capturing device's clock.
    pub captured_at: Timestamp,
    /// How many of the query's terms it holds.
    pub terms: u32,
}

/// The order of results, the best greatest: how they fit, then the newer, then by their names.
type Rank = (Fit, Timestamp, Reverse<(PackId, ItemId)>);

/// A search that is under way.
pub struct Searching {
    scan: Scan,
    query: Query,
    listed: Listed,
    filter: Filter,
    limit: usize,
    has_packs: bool,
    scratch: Scratch,
    whole: Best,
    some: Best,
    seen: u64,
    searched: u64,
    outside_filters: u64,
    deleted: u64,
}

/// The best results so far, and how many there were.
#[derive(Default)]
struct Best {
    hits: BTreeMap<Rank, Hit>,
    total: u64,
}

impl Best {
    fn offer(&mut self, limit: usize, rank: Rank, hit: impl FnOnce() -> Hit) {
        self.total += 1;
        let full = self.hits.len() >= limit;
        if full
            && self
                .hits
                .first_key_value()
                .is_some_and(|(least, _)| *least >= rank)
        {
            return;
        }
        self.hits.insert(rank, hit());
        if full {
            self.hits.pop_first();
        }
    }
}

impl Searching {
    pub(super) fn new(options: SearchOptions, packs: Vec<PackId>) -> Result<Searching, NodeError> {
        let bad = |field, reason: String| NodeError::BadInput { field, reason };
        let query = Query::parse(&options.query).map_err(|e| bad("query", e.to_string()))?;
        if !(1..=RESULTS_MAX).contains(&options.limit) {
            return Err(bad(
                "limit",
                format!("has to be between 1 and {RESULTS_MAX}"),
            ));
        }
        Ok(Searching {
            has_packs: !packs.is_empty(),
            scan: Scan::new(packs),
            query,
            listed: options.listed,
            filter: options.filter,
            limit: options.limit,
            scratch: Scratch::default(),
            whole: Best::default(),
            some: Best::default(),
            seen: 0,
            searched: 0,
            outside_filters: 0,
            deleted: 0,
        })
    }

    pub(super) fn go_on(&mut self, node: &Node) -> Result<bool, NodeError> {
        let mut scan = std::mem::replace(&mut self.scan, Scan::new(vec![]));
        let done = scan.go_on(node, |note| {
            self.look_at(&note);
            Ok(())
        });
        self.scan = scan;
        done
    }

    fn look_at(&mut self, note: &ReadNote) {
        let listed = self.listed.holds(note.view.status);
        let record = &note.built.record;
        let admitted = self.filter.admits(Filtered {
            tags: &note.view.tags,
            source: &record.source.label,
            sensitivity: note.sensitivity,
            captured_at: record.source.captured_at,
            note_type: record.note_type,
        });
        self.seen += u64::from(listed);
        self.searched += u64::from(listed && admitted);
        let searched = Searched {
            title: &note.view.title,
            body: &note.view.body,
            tags: &note.view.tags,
            source: &record.source.label,
        };
        let Some(fit) = self.query.fit(searched, &mut self.scratch) else {
            return;
        };
        let is_whole = self.query.is_whole(fit);
        if !listed {
            let is_deleted = note.view.status.is_deleted();
            self.deleted += u64::from(is_deleted && admitted && is_whole);
            return;
        }
        if !admitted {
            self.outside_filters += u64::from(is_whole);
            return;
        }
        let at = record.source.captured_at;
        let rank = (fit, at, Reverse((note.pack, note.built.item)));
        let best = if is_whole {
            &mut self.whole
        } else {
            &mut self.some
        };
        best.offer(self.limit, rank, || hit(&self.query, note, fit));
    }

    /// The answer, once everything was looked at.
    pub(super) fn found(&mut self) -> Found {
        let relaxed = self.whole.total == 0 && self.some.total > 0;
        let best = std::mem::take(if relaxed {
            &mut self.some
        } else {
            &mut self.whole
        });
        let empty_reason = (best.total == 0).then(|| self.why_nothing());
        Found {
            results: best.hits.into_values().rev().collect(),
            total: best.total,
            total_is_exact: self.scan.unreadable == 0,
            relaxed,
            empty_reason,
            searched: self.searched,
            outside_filters: self.outside_filters,
            deleted: self.deleted,
            unreadable: self.scan.unreadable,
        }
    }

    fn why_nothing(&self) -> EmptyReason {
        if !self.has_packs {
            EmptyReason::NoPacks
        } else if self.seen == 0 {
            EmptyReason::NoNotes
        } else if self.outside_filters > 0 {
            EmptyReason::OnlyOutsideFilters
        } else if self.searched == 0 {
            EmptyReason::FiltersExcludeAll
        } else {
            EmptyReason::NotFound
        }
    }
}

fn hit(query: &Query, note: &ReadNote, fit: Fit) -> Hit {
    let meta = note.built.meta();
    Hit {
        id: note.built.item,
        pack: note.pack,
        title_marks: query.marks(&meta.title),
        title: meta.title,
        source: meta.source,
        snippet: query.snippet(&note.view.body),
        sensitivity: note.sensitivity,
        note_type: note.built.record.note_type.as_str(),
        status: meta.status,
        captured_at: note.built.record.source.captured_at,
        terms: fit.terms,
    }
}
