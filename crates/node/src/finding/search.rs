//! A search under way, and what it finds.
//!
//! Every note is read once and counted; then it is known what each is worth, and the best are read again
//! to show them. If there were too many to keep even as counts, all are read once more in between.

use super::scan::{ReadNote, Scan, Spent};
use crate::{Node, NodeError};
use kitbag_core::filter::{Filter, Filtered, Listed};
use kitbag_core::id::{ItemId, PackId, Timestamp};
use kitbag_core::pack::note::Status;
use kitbag_core::policy::Sensitivity;
use kitbag_core::search::{
    Best, Facts, Field, Looked, Offered, Query, Ranking, Score, Scratch, Searched, Snippet,
    Statistics,
};

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
    /// Whether each result says what it is worth, and why.
    pub explain: bool,
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
    /// Words of the query that say little and were left out.
    pub left_out: Vec<String>,
    /// Words of the query that no note holds, and for which near ones were taken.
    pub approximate: Vec<String>,
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
    /// One line of its body where most terms stand.
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
    /// Where it holds them.
    pub fields: Vec<Field>,
    /// Whether it holds a near word instead of one that no note holds.
    pub approximate: bool,
    /// What it is worth, if that was asked for.
    pub explained: Option<Score>,
}

/// What a note is known by while it waits.
type Key = (PackId, ItemId);

/// A search that is under way.
pub struct Searching {
    stage: Stage,
    query: Query,
    options: SearchOptions,
    packs: Vec<PackId>,
    scratch: Scratch,
    counts: Counts,
    has_no_pack: bool,
}

/// How far a search is.
enum Stage {
    /// Every note is counted.
    Counting(Scan, Ranking<Key>),
    /// There were too many to keep: every note is weighed.
    Weighing(Scan, Statistics, Best<Key>),
    /// The best are read again.
    Showing(Showing),
}

struct Showing {
    statistics: Statistics,
    rest: std::vec::IntoIter<Key>,
    results: Vec<Hit>,
    relaxed: bool,
    total: u64,
}

#[derive(Default)]
struct Counts {
    seen: u64,
    searched: u64,
    outside_filters: u64,
    deleted: u64,
    unreadable: u64,
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
        let has_no_pack = packs.is_empty();
        Ok(Searching {
            stage: Stage::Counting(Scan::new(packs.clone()), Ranking::new(&query)),
            query,
            options,
            packs,
            scratch: Scratch::default(),
            counts: Counts::default(),
            has_no_pack,
        })
    }

    /// Reads the notes of one slice. Returns whether none is left.
    pub(super) fn go_on(&mut self, node: &Node) -> Result<bool, NodeError> {
        let Searching {
            stage,
            query,
            options,
            packs,
            scratch,
            counts,
            has_no_pack: _,
        } = self;
        let next = match stage {
            Stage::Counting(scan, ranking) => {
                let done = scan.go_on(node, |note| {
                    counts.look_at(query, options, &note, ranking, scratch);
                    Ok(())
                })?;
                if !done {
                    return Ok(false);
                }
                counts.unreadable = scan.unreadable;
                let ranking = std::mem::replace(ranking, Ranking::new(query));
                let (statistics, best, offered) = ranking.settle(query, options.limit);
                match offered {
                    Offered::Done => Stage::Showing(Showing::new(statistics, &best)),
                    Offered::Again => {
                        let scan = Scan::new(std::mem::take(packs));
                        Stage::Weighing(scan, statistics, best)
                    }
                }
            }
            Stage::Weighing(scan, statistics, best) => {
                let done = scan.go_on(node, |note| {
                    if is_listed(options, &note) && admits(&options.filter, &note) {
                        let looked = query.look(searched(&note), scratch);
                        best.offer(query, statistics, key(&note), looked, facts(&note));
                    }
                    Ok(())
                })?;
                if !done {
                    return Ok(false);
                }
                Stage::Showing(Showing::new(statistics.clone(), best))
            }
            Stage::Showing(showing) => return showing.go_on(node, query, options, scratch),
        };
        self.stage = next;
        Ok(false)
    }

    /// The answer, once everything was looked at.
    pub(super) fn found(&mut self) -> Found {
        let Stage::Showing(showing) = &mut self.stage else {
            unreachable!("a search is done when its results were read")
        };
        let total = showing.total;
        let (results, relaxed) = (std::mem::take(&mut showing.results), showing.relaxed);
        let mut approximate = showing.statistics.meant(&self.query);
        if total == 0 {
            approximate.clear();
        }
        let empty_reason = (total == 0).then(|| self.why_nothing());
        Found {
            results,
            total,
            total_is_exact: self.counts.unreadable == 0,
            relaxed: relaxed && total > 0,
            empty_reason,
            searched: self.counts.searched,
            outside_filters: self.counts.outside_filters,
            deleted: self.counts.deleted,
            unreadable: self.counts.unreadable,
            left_out: self.query.left_out().to_vec(),
            approximate,
        }
    }

    fn why_nothing(&self) -> EmptyReason {
        if self.has_no_pack {
            EmptyReason::NoPacks
        } else if self.counts.seen == 0 {
            EmptyReason::NoNotes
        } else if self.counts.outside_filters > 0 {
            EmptyReason::OnlyOutsideFilters
        } else if self.counts.searched == 0 {
            EmptyReason::FiltersExcludeAll
        } else {
            EmptyReason::NotFound
        }
    }
}

impl Counts {
    fn look_at(
        &mut self,
        query: &Query,
        options: &SearchOptions,
        note: &ReadNote,
        ranking: &mut Ranking<Key>,
        scratch: &mut Scratch,
    ) {
        let listed = is_listed(options, note);
        let admitted = admits(&options.filter, note);
        self.seen += u64::from(listed);
        self.searched += u64::from(listed && admitted);
        let is_counted_deleted = admitted && note.view.status.is_deleted();
        if !(listed || is_counted_deleted) {
            return;
        }
        let looked = query.look(searched(note), scratch);
        if !listed {
            self.deleted += u64::from(looked.is_whole());
            return;
        }
        let facts = facts(note);
        let sensitivity = options.filter.sensitivity;
        if sensitivity.is_none_or(|only| only == note.sensitivity) {
            ranking.count(looked, facts);
        }
        if admitted {
            ranking.offer(key(note), looked, facts);
        } else {
            self.outside_filters += u64::from(looked.is_whole());
        }
    }
}

impl Showing {
    fn new(statistics: Statistics, best: &Best<Key>) -> Showing {
        Showing {
            rest: best.keys().into_iter(),
            results: Vec::new(),
            relaxed: best.is_relaxed(),
            total: best.total(),
            statistics,
        }
    }

    /// Reads the next results as they stand now. One that is out of sight since, or fits no more, is none.
    fn go_on(
        &mut self,
        node: &Node,
        query: &Query,
        options: &SearchOptions,
        scratch: &mut Scratch,
    ) -> Result<bool, NodeError> {
        let mut spent = Spent::default();
        while !spent.is_over() {
            let Some((pack, item)) = self.rest.next() else {
                return Ok(true);
            };
            spent.add_one();
            let note = match node.note_to_read(pack, item) {
                Ok(note) => note,
                Err(NodeError::Damaged(_)) => None,
                Err(error) => return Err(error),
            };
            if let Some(note) = &note {
                spent.add(note);
            }
            let hit = note.and_then(|note| self.hit(&note, query, options, scratch));
            match hit {
                Some(hit) => self.results.push(hit),
                None => self.total -= 1,
            }
        }
        Ok(false)
    }

    fn hit(
        &self,
        note: &ReadNote,
        query: &Query,
        options: &SearchOptions,
        scratch: &mut Scratch,
    ) -> Option<Hit> {
        if !is_listed(options, note) || !admits(&options.filter, note) {
            return None;
        }
        let statistics = &self.statistics;
        let looked: Looked<'_> = query.look(searched(note), scratch);
        let terms = looked.terms(query, statistics);
        if terms == 0 || (!self.relaxed && terms < query.terms()) {
            return None;
        }
        let meta = note.built.meta();
        Some(Hit {
            id: note.built.item,
            pack: note.pack,
            title_marks: query.marks(&meta.title, statistics),
            title: meta.title,
            source: meta.source,
            snippet: query.snippet(&note.view.body, statistics),
            sensitivity: note.sensitivity,
            note_type: note.built.note_type(&note.view).as_str(),
            status: meta.status,
            captured_at: note.built.record.source.captured_at,
            terms,
            fields: looked.fields().collect(),
            approximate: looked.is_near(query, statistics),
            explained: options
                .explain
                .then(|| statistics.explain(query, looked, facts(note))),
        })
    }
}

fn key(note: &ReadNote) -> Key {
    (note.pack, note.built.item)
}

fn searched(note: &ReadNote) -> Searched<'_> {
    Searched {
        title: &note.view.title,
        body: &note.view.body,
        tags: &note.view.tags,
        source: match note.view.status {
            Status::Redacted => "",
            _ => &note.built.record.source.label,
        },
    }
}

fn facts(note: &ReadNote) -> Facts {
    Facts {
        captured_at: note.built.record.source.captured_at,
        pinned: note.view.pinned,
        claim: note.built.claim(&note.view),
    }
}

/// Whether a note is among those that are looked at.
fn is_listed(options: &SearchOptions, note: &ReadNote) -> bool {
    options
        .listed
        .lists(note.view.status, options.filter.status)
}

/// Whether a filter lets a note pass.
pub(super) fn admits(filter: &Filter, note: &ReadNote) -> bool {
    let record = &note.built.record;
    let redacted = note.view.status == Status::Redacted;
    filter.admits(Filtered {
        tags: &note.view.tags,
        source: if redacted { "" } else { &record.source.label },
        sensitivity: note.sensitivity,
        captured_at: record.source.captured_at,
        note_type: note.built.note_type(&note.view),
        source_kind: record.source.kind,
        author: record.source.author.as_deref().filter(|_| !redacted),
        status: note.view.status,
    })
}
