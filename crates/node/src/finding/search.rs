//! A search under way, and what it finds.
//!
//! The index is asked first, for the packs that it knows. Every other note, and those that changed since
//! the index took them in, is read once and counted; then it is known what each is worth, and the best
//! are read again to show them. If there were too many to keep even as counts, what was read is read
//! once more in between. With an index and without, the answer is the same.

use super::scan::{Part, ReadNote, Scan, Spent};
use crate::agent_reads::AgentGate;
use crate::indexing::Reach;
use crate::{Node, NodeError};
use kitbag_core::filter::{Filter, Filtered, Listed};
use kitbag_core::id::{ItemId, PackId, Timestamp};
use kitbag_core::pack::note::{Claim, Trust};
use kitbag_core::policy::Sensitivity;
use kitbag_core::search::{
    Best, Facts, Field, Looked, Offered, Query, Ranking, Score, Scratch, Searched, Snippet,
    Statistics,
};

use kitbag_index::{Asked, Name, Question, Segments};
use std::collections::BTreeMap;

/// Results of one search, at most.
pub const RESULTS_MAX: usize = 100;

/// What to look for, and where.
#[derive(Clone, Debug)]
pub struct SearchOptions {
    /// Words, phrases, and what must not be there.
    pub query: String,
    /// In these packs; in all of this device that are not archived if absent.
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
    /// Archived packs that were not looked in, because none was named.
    pub archived_packs: u64,
    /// Words of the query that say little and were left out.
    pub left_out: Vec<String>,
    /// Words of the query that no note holds, and for which near ones were taken.
    pub approximate: Vec<String>,
}

/// Why a search finds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmptyReason {
    /// There is no pack to look in: this device has none, or all are archived.
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
    /// When it was true or was said, as it states itself.
    pub observed_at: Option<Timestamp>,
    /// What kind of statement it makes.
    pub claim: Option<Claim>,
    /// How far its source is trusted.
    pub trust: Trust,
    /// Bytes of its body.
    pub body_bytes: usize,
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
type Key = (PackId, Name);

/// A search that is under way.
pub struct Searching {
    stage: Stage,
    query: Query,
    options: SearchOptions,
    packs: Vec<PackId>,
    /// Archived packs that are not looked in.
    archived: u64,
    /// What is read, once it is known what the index answers.
    parts: Vec<(PackId, Part)>,
    sight: Sight,
    asks_index: bool,
    scratch: Scratch,
    counts: Counts,
}

/// What of it whoever asks may see, if that is less than this person.
struct Sight {
    /// Nothing above this.
    up_to: Sensitivity,
    /// For an agent: what may leave to it.
    gate: Option<AgentGate>,
}

impl Sight {
    fn shows(&self, node: &Node, note: &ReadNote) -> bool {
        let passes = |gate: &AgentGate| gate.lets(node, note);
        note.sensitivity <= self.up_to && self.gate.as_ref().is_none_or(passes)
    }

    fn allows(&self, pack: &PackId, sensitivity: Sensitivity) -> bool {
        let up_to = self.gate.as_ref().map(|gate| gate.up_to(pack));
        sensitivity <= self.up_to && up_to.is_none_or(|up_to| up_to >= Some(sensitivity))
    }
}

/// How far a search is.
enum Stage {
    /// Nothing was done yet.
    Beginning,
    /// Every note is counted.
    Counting(Scan, Ranking<Key>, Option<Asked>),
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
    pub(super) fn new(
        options: SearchOptions,
        packs: Vec<PackId>,
        up_to: Sensitivity,
    ) -> Result<Searching, NodeError> {
        let bad = |field, reason: String| NodeError::BadInput { field, reason };
        let query = Query::parse(&options.query).map_err(|e| bad("query", e.to_string()))?;
        if !(1..=RESULTS_MAX).contains(&options.limit) {
            return Err(bad(
                "limit",
                format!("has to be between 1 and {RESULTS_MAX}"),
            ));
        }
        Ok(Searching {
            stage: Stage::Beginning,
            query,
            options,
            packs,
            archived: 0,
            parts: Vec::new(),
            sight: Sight { up_to, gate: None },
            asks_index: true,
            scratch: Scratch::default(),
            counts: Counts::default(),
        })
    }

    /// The same, with how many archived packs it leaves out.
    pub(super) fn without(self, archived: u64) -> Searching {
        Searching { archived, ..self }
    }

    /// The same for an agent: what may not leave to it is as if it were not there.
    pub(crate) fn for_agent(mut self, gate: AgentGate) -> Searching {
        self.sight.gate = Some(gate);
        self
    }

    /// The same, of which the index is not asked.
    pub(super) fn by_scan(self) -> Searching {
        Searching {
            asks_index: false,
            ..self
        }
    }

    /// Reads the notes of one slice. Returns whether none is left.
    pub(super) fn go_on(&mut self, node: &Node) -> Result<bool, NodeError> {
        let mut spent = Spent::default();
        loop {
            if self.go_on_with(node, &mut spent)? {
                return Ok(true);
            }
            if spent.is_over() {
                return Ok(false);
            }
        }
    }

    /// Goes on to the end of a stage, or of the slice. Returns whether nothing is left.
    fn go_on_with(&mut self, node: &Node, spent: &mut Spent) -> Result<bool, NodeError> {
        let Searching {
            stage,
            query,
            options,
            packs,
            parts,
            sight,
            asks_index,
            scratch,
            counts,
            ..
        } = self;
        let next = match stage {
            Stage::Beginning => {
                let mut ranking = Ranking::new(query);
                *parts = packs.iter().map(|pack| (*pack, Part::All)).collect();
                let index = node.index().filter(|_| *asks_index);
                let asked = index.and_then(|index| {
                    ask(node, index, (query, options, sight), parts, &mut ranking)
                });
                if let Some(asked) = &asked {
                    counts.seen = asked.seen;
                    counts.searched = asked.searched;
                    counts.outside_filters = asked.outside_filters;
                    counts.deleted = asked.deleted;
                }
                Stage::Counting(Scan::of(parts.clone()), ranking, asked)
            }
            Stage::Counting(scan, ranking, asked) => {
                let done = scan.go_on_with(node, spent, |note| {
                    if sight.shows(node, &note) {
                        counts.look_at(query, options, &note, ranking, scratch);
                    }
                    Ok(())
                })?;
                if !done {
                    return Ok(false);
                }
                counts.unreadable = scan.unreadable;
                let mut ranking = std::mem::replace(ranking, Ranking::new(query));
                let mut asked = asked.take();
                if let Some(asked) = &mut asked
                    && let Err(error) = asked.look_up_near(query, ranking.statistics_mut())
                {
                    node.answer_failed(asked, &error);
                    return Ok(self.begin_again());
                }
                let only_whole = ranking.has_whole();
                let (statistics, mut best, offered) = ranking.settle(query, options.limit);
                if let Some(asked) = &asked {
                    let key = |pack, name| Some((node.packs.with_number(pack)?, name));
                    let offered = asked.offer(query, &statistics, only_whole, &mut best, key);
                    if let Err(error) = offered {
                        node.answer_failed(asked, &error);
                        return Ok(self.begin_again());
                    }
                }
                match offered {
                    Offered::Done => Stage::Showing(Showing::new(statistics, &best)),
                    Offered::Again => {
                        let scan = Scan::of(parts.clone());
                        Stage::Weighing(scan, statistics, best)
                    }
                }
            }
            Stage::Weighing(scan, statistics, best) => {
                let done = scan.go_on_with(node, spent, |note| {
                    let is_listed = is_listed(options, &note);
                    if is_listed && sight.shows(node, &note) && admits(&options.filter, &note) {
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
            Stage::Showing(showing) => {
                let asking = (&*query, &*options, &*sight);
                return showing.go_on(node, asking, scratch, spent);
            }
        };
        self.stage = next;
        Ok(false)
    }

    /// The index failed: it is not asked any more if it still does, and every note looked at. Returns
    /// that something is left.
    fn begin_again(&mut self) -> bool {
        self.counts = Counts::default();
        self.stage = Stage::Beginning;
        false
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
            archived_packs: self.archived,
            left_out: self.query.left_out().to_vec(),
            approximate,
        }
    }

    fn why_nothing(&self) -> EmptyReason {
        if self.packs.is_empty() {
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
        (query, options, sight): (&Query, &SearchOptions, &Sight),
        scratch: &mut Scratch,
        spent: &mut Spent,
    ) -> Result<bool, NodeError> {
        while !spent.is_over() {
            let Some((pack, name)) = self.rest.next() else {
                return Ok(true);
            };
            spent.add_one();
            let note = match node.note_named(pack, name) {
                Ok(note) => note,
                Err(NodeError::Damaged(_)) => None,
                Err(error) => return Err(error),
            };
            let note = note.filter(|note| sight.shows(node, note));
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
            observed_at: note.built.record.source.observed_at,
            claim: note.built.claim(&note.view),
            trust: note.built.record.source.trust,
            body_bytes: note.view.body.len(),
            terms,
            fields: looked.fields().collect(),
            approximate: looked.is_near(query, statistics),
            explained: options
                .explain
                .then(|| statistics.explain(query, looked, facts(note))),
        })
    }
}

/// Asks the index about the packs that it knows, and says what is to be read instead or beside.
fn ask(
    node: &Node,
    index: &Segments,
    (query, options, sight): (&Query, &SearchOptions, &Sight),
    parts: &mut [(PackId, Part)],
    ranking: &mut Ranking<Key>,
) -> Option<Asked> {
    let mut known = BTreeMap::new();
    let mut apart = Vec::new();
    for (pack, part) in parts.iter_mut() {
        if let Reach::Index {
            number,
            visible,
            mut look_at,
        } = node.reach(pack)
        {
            let gated = sight.gate.as_ref().map(|gate| gate.gated(node, pack));
            for item in gated.into_iter().flatten() {
                apart.push((number, Name::of(&item)));
                look_at.push(item);
            }
            look_at.sort_unstable();
            look_at.dedup();
            known.insert(number, (*pack, visible));
            *part = Part::Notes(look_at);
        }
    }
    let question = Question {
        query,
        listed: options.listed,
        filter: &options.filter,
        allows: &|pack, sensitivity| {
            known.get(&pack).is_some_and(|(id, visible)| {
                visible[sensitivity as usize] && sight.allows(id, sensitivity)
            })
        },
        apart: &apart,
    };
    let mut asked = match index.ask(&question, ranking.statistics_mut()) {
        Ok(asked) => asked,
        Err(error) => {
            node.index_failed(&error);
            *ranking = Ranking::new(query);
            parts.iter_mut().for_each(|(_, part)| *part = Part::All);
            return None;
        }
    };
    if asked.has_whole {
        ranking.found_whole();
    }
    for (pack, name) in std::mem::take(&mut asked.to_look_at) {
        let pack = node.packs.with_number(pack)?;
        let item = node.item_named(pack, name);
        let part = parts.iter_mut().find(|(of, _)| *of == pack);
        if let (Some(item), Some((_, Part::Notes(notes)))) = (item, part) {
            notes.push(item);
        }
    }
    Some(asked)
}

impl Node {
    /// The note of a pack that has this name.
    fn item_named(&self, pack: PackId, name: Name) -> Option<ItemId> {
        let replica = self.packs.get(&pack)?;
        let item = replica.notes.range(name.first_id()..).next();
        item.map(|(item, _)| *item)
            .filter(|item| Name::of(item) == name)
    }

    /// The same, read; nothing if this person does not see it.
    fn note_named(&self, pack: PackId, name: Name) -> Result<Option<ReadNote>, NodeError> {
        self.packs.need(pack)?;
        match self.item_named(pack, name) {
            Some(item) => self.note_to_read(pack, item),
            None => Ok(None),
        }
    }
}

fn key(note: &ReadNote) -> Key {
    (note.pack, Name::of(&note.built.item))
}

pub(crate) fn searched(note: &ReadNote) -> Searched<'_> {
    Searched {
        title: &note.view.title,
        body: &note.view.body,
        tags: &note.view.tags,
        source: match note.view.is_redacted() {
            true => "",
            false => &note.built.record.source.label,
        },
    }
}

pub(crate) fn facts(note: &ReadNote) -> Facts {
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
pub(crate) fn admits(filter: &Filter, note: &ReadNote) -> bool {
    let record = &note.built.record;
    let redacted = note.view.is_redacted();
    filter.admits(Filtered {
        tags: &note.view.tags,
        source: if redacted { "" } else { &record.source.label },
        sensitivity: note.sensitivity,
        captured_at: record.source.captured_at,
        note_type: note.built.note_type(&note.view),
        source_kind: record.source.kind,
        author: record.source.author.as_deref().filter(|_| !redacted),
        status: note.view.status,
        consent: note.view.consent.as_ref().map(|consent| consent.status),
    })
}
