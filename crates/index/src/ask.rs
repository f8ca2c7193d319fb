//! What segments answer to a query: statistics first, then near words, then the notes themselves.
//!
//! Every feature of the query becomes a list of documents with their counts; all else follows from
//! these lists by the rules of `kitbag_core::search`.

use crate::bits::Bits;
use crate::blocks::Cached;
use crate::near::NearWord;
use crate::segment::{Opened, PackTally, Segment, Tally};
use crate::segments::Segments;
use crate::{IndexError, Name, contained};
use kitbag_core::filter::{Filter, Listed};
use kitbag_core::pack::note::Status;
use kitbag_core::policy::Sensitivity;
use kitbag_core::search::{
    Best, Count, Field, KEPT_BYTES_MAX, Looked, Query, Statistics, UNIT, Wanted,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use tantivy::postings::{Postings, SegmentPostings, TermInfo};
use tantivy::schema::IndexRecordOption;
use tantivy::{DocSet, InvertedIndexReader, TERMINATED};

/// What is asked, and of which notes.
#[derive(Clone, Copy)]
pub struct Question<'q> {
    /// The query.
    pub query: &'q Query,
    /// Whether deleted notes are looked at.
    pub listed: Listed,
    /// Which notes are looked at.
    pub filter: &'q Filter,
    /// Whether notes of this sensitivity in a pack, by number, are in question.
    pub allows: &'q dyn Fn(u32, Sensitivity) -> bool,
    /// Notes that are not in question, whatever their pack and sensitivity: whoever asks looks at them
    /// one by one, or not at all.
    pub apart: &'q [(u32, Name)],
}

/// An answer as far as it is found.
pub struct Asked {
    blocks: Arc<Cached>,
    parts: Vec<Part>,
    /// Notes in question, of every sensitivity.
    pub seen: u64,
    /// Those of them that the filter lets pass.
    pub searched: u64,
    /// Notes that the filter leaves out and that hold all terms.
    pub outside_filters: u64,
    /// Deleted notes that the filter admits and that hold all terms, if only the others are in question.
    pub deleted: u64,
    /// Whether a note that was admitted holds all terms.
    pub has_whole: bool,
    /// Notes in question that were not counted, since only a look tells what they hold: pack, name.
    pub to_look_at: Vec<(u32, Name)>,
    kept: usize,
}

/// The answer of one segment.
struct Part {
    opened: Arc<Opened>,
    /// Documents in question that are admitted.
    admitted: Bits,
    /// The same, of those that are counted for statistics.
    counted: Bits,
    excluded: Option<Bits>,
    /// Documents that hold every term and that are admitted.
    whole: Vec<u32>,
    /// By feature; absent if they would take too much memory.
    lists: Option<Vec<Vec<Hold>>>,
    /// The same for near words that count.
    near: Vec<(usize, Vec<Hold>)>,
}

/// How often something stands in a document, in units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hold {
    doc: u32,
    short: u32,
    body: u32,
}

impl Segments {
    /// Counts what the query asks for in all notes in question, and adds it to the statistics.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn ask(&self, of: &Question<'_>, statistics: &mut Statistics) -> Result<Asked, IndexError> {
        let mut asked = Asked {
            blocks: self.blocks.clone(),
            parts: Vec::new(),
            seen: 0,
            searched: 0,
            outside_filters: 0,
            deleted: 0,
            has_whole: false,
            to_look_at: Vec::new(),
            kept: 0,
        };
        contained(|| {
            let mut segments = self.segments.values();
            segments.try_for_each(|segment| asked.ask_segment(segment, of, statistics))
        })?;
        Ok(asked)
    }
}

impl Asked {
    /// Where what it still has to read comes from.
    pub(crate) fn blocks(&self) -> &Arc<Cached> {
        &self.blocks
    }

    fn ask_segment(
        &mut self,
        segment: &Segment,
        of: &Question<'_>,
        statistics: &mut Statistics,
    ) -> Result<(), IndexError> {
        let (opened, sensitivity) = (&*segment.opened, segment.meta.sensitivity);
        let tallies = segment.tallies();
        let allowed: BTreeMap<u32, bool> = tallies
            .keys()
            .map(|pack| (*pack, (of.allows)(*pack, sensitivity)))
            .collect();
        if !allowed.values().any(|allowed| *allowed) {
            return Ok(());
        }
        // All that may be read, whether deleted or not.
        let mut held = segment.alive().clone();
        if !allowed.values().all(|allowed| *allowed) {
            for doc in segment.alive().iter() {
                if allowed.get(&opened.pack(doc)) != Some(&true) {
                    held.remove(doc);
                }
            }
        }
        let mut some_apart = false;
        for (pack, name) in of.apart {
            let standing = segment.find(*pack, *name).filter(|doc| held.has(*doc));
            if let Some(doc) = standing {
                held.remove(doc);
                some_apart = true;
            }
        }
        let is_long = |doc: u32| of.query.may_break_off(opened.all_tokens(doc));
        let some_long = of.query.may_break_off(opened.most_tokens());
        if some_long {
            for doc in held.clone().iter().filter(|doc| is_long(*doc)) {
                held.remove(doc);
                self.to_look_at.push((opened.pack(doc), opened.name(doc)));
            }
        }
        let in_question = tallies.iter().filter(|(pack, _)| allowed[pack]);
        let lists = |status: Status| of.listed.lists(status, of.filter.status);
        let sides = |of_pack: &PackTally| {
            [
                (Status::Active, of_pack.kept),
                (Status::Superseded, of_pack.replaced),
                (Status::Archived, of_pack.deleted),
            ]
        };
        let some_unlisted = in_question.clone().any(|(_, of_pack)| {
            let mut sides = sides(of_pack).into_iter();
            sides.any(|(status, side)| side.notes > 0 && !lists(status))
        });
        let mut listed = held.clone();
        if some_unlisted {
            for doc in held.iter() {
                if !lists(opened.status(doc)) {
                    listed.remove(doc);
                }
            }
        }
        let mut tally = Tally::default();
        if some_long || some_apart {
            listed.iter().for_each(|doc| tally.add(opened.tally(doc)));
        } else {
            for (_, of_pack) in in_question {
                let sides = sides(of_pack).into_iter();
                let listed = sides.filter(|(status, _)| lists(*status));
                listed.for_each(|(_, side)| tally.add(side));
            }
        }
        self.seen += tally.notes;
        let is_counted = of.filter.sensitivity.is_none_or(|only| only == sensitivity);
        let admits = Admits::of(opened, of.filter, is_counted)?;
        let mut admitted = listed.clone();
        if !admits.all {
            for doc in listed.iter().filter(|doc| !admits.admits(opened, *doc)) {
                admitted.remove(doc);
            }
        }
        self.searched += u64::from(admitted.count());
        if is_counted {
            statistics.add_notes(tally.notes, tally.tokens, tally.newest);
        }
        let lists = holding(opened, of.query)?;
        let all_listed = listed.count() == opened.docs;
        for (feature, list) in lists.iter().enumerate().filter(|_| is_counted) {
            let holding = match all_listed {
                true => list.len(),
                false => list.iter().filter(|hold| listed.has(hold.doc)).count(),
            };
            statistics.add_holding(feature, holding as u64);
        }
        let mut excluded = None;
        for feature in of.query.excluded() {
            let excluded = excluded.get_or_insert_with(|| Bits::none(opened.docs));
            lists[feature]
                .iter()
                .for_each(|hold| excluded.insert(hold.doc));
        }
        let mut whole = Vec::new();
        for doc in whole_docs(of.query, &lists) {
            if !held.has(doc) || excluded.as_ref().is_some_and(|out| out.has(doc)) {
                continue;
            }
            if !listed.has(doc) {
                let is_deleted = opened.status(doc).is_deleted();
                self.deleted += u64::from(is_deleted && admits.admits(opened, doc));
            } else if admitted.has(doc) {
                whole.push(doc);
            } else {
                self.outside_filters += 1;
            }
        }
        self.has_whole |= !whole.is_empty();
        let bytes: usize = lists
            .iter()
            .map(|list| list.len() * size_of::<Hold>())
            .sum();
        self.kept += bytes;
        self.parts.push(Part {
            opened: segment.opened.clone(),
            counted: if is_counted { listed } else { Bits::none(0) },
            admitted,
            excluded,
            whole,
            lists: (self.kept <= KEPT_BYTES_MAX).then_some(lists),
            near: Vec::new(),
        });
        Ok(())
    }

    /// Looks up near words for those that no note holds, once all notes were counted.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn look_up_near(
        &mut self,
        query: &Query,
        statistics: &mut Statistics,
    ) -> Result<(), IndexError> {
        let exact = query.exact_features();
        for near in 0..query.features() - exact {
            if !statistics.wants_near(query, near) {
                continue;
            }
            for part in &mut self.parts {
                let list = contained(|| near_list(&part.opened, query, near))?;
                let holding = list.iter().filter(|hold| part.counted.has(hold.doc));
                statistics.add_holding(exact + near, holding.count() as u64);
                part.near.push((exact + near, list));
            }
        }
        Ok(())
    }

    /// Weighs the notes: only those that hold every term if `only_whole`.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn offer<K: Ord + Copy>(
        &self,
        query: &Query,
        statistics: &Statistics,
        only_whole: bool,
        best: &mut Best<K>,
        key: impl Fn(u32, Name) -> Option<K>,
    ) -> Result<(), IndexError> {
        for part in &self.parts {
            if only_whole && part.whole.is_empty() {
                continue;
            }
            let again;
            let exact = match &part.lists {
                Some(lists) => lists,
                None => {
                    again = contained(|| holding(&part.opened, query))?;
                    &again
                }
            };
            let exact = exact.iter().enumerate();
            let near = part.near.iter().map(|(feature, list)| (*feature, list));
            let kept = exact
                .chain(near)
                .filter(|(feature, _)| query.keeps(*feature));
            let mut rest: Vec<(usize, &[Hold])> = kept
                .map(|(feature, list)| (feature, list.as_slice()))
                .collect();
            let docs = match only_whole {
                true => part.whole.clone(),
                false => part.some(&rest),
            };
            let mut counts = Vec::new();
            for doc in docs {
                counts.clear();
                for (feature, list) in &mut rest {
                    *list = &list[skip_to(list, doc)..];
                    if let Some(hold) = list.first().filter(|hold| hold.doc == doc) {
                        counts.push(Count::new(*feature, hold.short, hold.body));
                    }
                }
                let opened = &*part.opened;
                let note = Looked::counted(&counts, opened.body_tokens(doc));
                best.offer_by(query, statistics, note, || {
                    Some((key(opened.pack(doc), opened.name(doc))?, opened.facts(doc)))
                });
            }
        }
        Ok(())
    }
}

impl Part {
    /// Documents that hold anything that is kept, in order.
    fn some(&self, lists: &[(usize, &[Hold])]) -> Vec<u32> {
        let mut some = Bits::none(self.opened.docs);
        for hold in lists.iter().flat_map(|(_, list)| *list) {
            some.insert(hold.doc);
        }
        let is_out = |doc: u32| self.excluded.as_ref().is_some_and(|out| out.has(doc));
        some.iter()
            .filter(|doc| self.admitted.has(*doc) && !is_out(*doc))
            .collect()
    }
}

/// What a filter lets pass in one segment.
struct Admits<'f> {
    filter: &'f Filter,
    /// Whether the segment's sensitivity passes.
    sensitivity: bool,
    /// Whether everything passes.
    all: bool,
    /// Which labels and authors pass, by their number in the segment.
    source: Option<Bits>,
    author: Option<Bits>,
    /// The numbers of the tags that are asked for; nothing if no note has one of them.
    tags: Option<Vec<u64>>,
}

impl<'f> Admits<'f> {
    fn of(
        opened: &Opened,
        filter: &'f Filter,
        sensitivity: bool,
    ) -> Result<Admits<'f>, IndexError> {
        let passing = |column: &Option<tantivy::columnar::StrColumn>, text: Option<&str>| {
            let Some(text) = text else { return Ok(None) };
            let Some(column) = column else {
                return Ok(Some(Bits::none(0)));
            };
            let words = column.dictionary();
            let mut passing = Bits::none(u32::try_from(words.num_terms()).unwrap_or(u32::MAX));
            let mut stream = words.stream()?;
            let mut at = 0;
            while stream.advance() {
                let word = String::from_utf8_lossy(stream.key());
                if word.contains(text) {
                    passing.insert(at);
                }
                at += 1;
            }
            Ok::<_, IndexError>(Some(passing))
        };
        let mut tags = Some(Vec::new());
        for tag in filter.tags() {
            let number = match &opened.tags {
                Some(column) => column.dictionary().term_ord(tag.as_bytes())?,
                None => None,
            };
            tags = match (tags, number) {
                (Some(mut tags), Some(number)) => {
                    tags.push(number);
                    Some(tags)
                }
                _ => None,
            };
        }
        Ok(Admits {
            filter,
            sensitivity,
            all: sensitivity && filter.is_open(),
            source: passing(&opened.source, filter.source())?,
            author: passing(&opened.author, filter.author())?,
            tags,
        })
    }

    fn admits(&self, opened: &Opened, doc: u32) -> bool {
        if self.all || !self.sensitivity {
            return self.sensitivity;
        }
        let filter = self.filter;
        let at = opened.captured_at(doc);
        let passes = |column: &Option<tantivy::columnar::StrColumn>, passing: &Option<Bits>| {
            let Some(passing) = passing else { return true };
            let mut ords = column.iter().flat_map(|column| column.term_ords(doc));
            ords.any(|ord| u32::try_from(ord).is_ok_and(|ord| passing.has(ord)))
        };
        filter.since.is_none_or(|since| at >= since)
            && filter.until.is_none_or(|until| at < until)
            && filter
                .note_type
                .is_none_or(|only| only == opened.note_type(doc))
            && filter
                .source_kind
                .is_none_or(|only| only == opened.source_kind(doc))
            && filter.status.is_none_or(|only| only == opened.status(doc))
            && filter
                .consent
                .is_none_or(|only| opened.consent(doc) == Some(only))
            && passes(&opened.source, &self.source)
            && passes(&opened.author, &self.author)
            && self.tags.as_ref().is_some_and(|tags| {
                let column = opened.tags.iter();
                let own: Vec<u64> = column.flat_map(|column| column.term_ords(doc)).collect();
                tags.iter().all(|tag| own.contains(tag))
            })
    }
}

/// The documents of each feature that is not about near words.
fn holding(opened: &Opened, query: &Query) -> Result<Vec<Vec<Hold>>, IndexError> {
    (0..query.exact_features())
        .map(|feature| match query.wanted(feature) {
            Wanted::Word(text, goes_on) => word_list(opened, text, goes_on),
            Wanted::Pair(one, two) => phrase_list(opened, &[one], two, false),
            Wanted::Phrase(head, last, goes_on) => phrase_list(opened, &head, last, goes_on),
            Wanted::Near(_) => Ok(Vec::new()),
        })
        .collect()
}

/// Documents that hold every term.
fn whole_docs(query: &Query, lists: &[Vec<Hold>]) -> Vec<u32> {
    let mut terms: Vec<&[Hold]> = lists
        .iter()
        .enumerate()
        .filter(|(feature, _)| query.is_term(*feature))
        .map(|(_, list)| list.as_slice())
        .collect();
    terms.sort_by_key(|list| list.len());
    let Some((rarest, others)) = terms.split_first_mut() else {
        return Vec::new();
    };
    let mut whole = Vec::new();
    'docs: for hold in *rarest {
        for list in others.iter_mut() {
            *list = &list[skip_to(list, hold.doc)..];
            if list.first().is_none_or(|other| other.doc != hold.doc) {
                continue 'docs;
            }
        }
        whole.push(hold.doc);
    }
    whole
}

/// How many documents of a list come before this one: looked for near the beginning first.
fn skip_to(list: &[Hold], doc: u32) -> usize {
    let mut step = 1;
    while step < list.len() && list[step].doc < doc {
        step *= 2;
    }
    let from = step / 2;
    let to = list.len().min(step + 1);
    from + list[from..to].partition_point(|hold| hold.doc < doc)
}

/// The fields, with how much a unit counts there; nothing for the body.
fn fields(opened: &Opened) -> impl Iterator<Item = (Option<u32>, &InvertedIndexReader)> {
    let weights = Field::ALL.map(|field| (field != Field::Body).then_some(field.weight()));
    weights
        .into_iter()
        .zip(opened.text.iter().map(|reader| &**reader))
}

impl Hold {
    fn new(doc: u32, weight: Option<u32>, units: u32) -> Hold {
        let (short, body) = match weight {
            Some(weight) => (units.saturating_mul(weight), 0),
            None => (0, units),
        };
        Hold { doc, short, body }
    }
}

/// Makes one list of several that stand one after the other.
fn in_order(mut list: Vec<Hold>) -> Vec<Hold> {
    if !list.is_sorted_by(|a, b| a.doc < b.doc) {
        list.sort_by_key(|hold| hold.doc); // stable, and fast on what is in order piece by piece
        list.dedup_by(|next, kept| {
            let same = next.doc == kept.doc;
            if same {
                kept.short = kept.short.saturating_add(next.short);
                kept.body = kept.body.saturating_add(next.body);
            }
            same
        });
    }
    list
}

fn word_list(opened: &Opened, text: &str, goes_on: bool) -> Result<Vec<Hold>, IndexError> {
    let mut list = Vec::new();
    for (weight, field) in fields(opened) {
        each_term(field, text, goes_on, |token, term| {
            let is_whole = token.len() == text.len();
            let unit = if is_whole { UNIT } else { UNIT / 2 };
            add_postings(field, term, (weight, unit), &mut list)
        })?;
    }
    Ok(in_order(list))
}

fn near_list(opened: &Opened, query: &Query, near: usize) -> Result<Vec<Hold>, IndexError> {
    let mut list = Vec::new();
    for (weight, field) in fields(opened) {
        let words = field.terms().search(NearWord { query, near });
        let mut stream = words.into_stream()?;
        while stream.advance() {
            let is_near = std::str::from_utf8(stream.key())
                .is_ok_and(|token| query.takes_as_near(near, token));
            if is_near {
                add_postings(field, stream.value(), (weight, UNIT / 2), &mut list)?;
            }
        }
    }
    Ok(in_order(list))
}

/// Gives a token of the dictionary, and those that begin with it if it goes on.
fn each_term(
    field: &InvertedIndexReader,
    text: &str,
    goes_on: bool,
    mut take: impl FnMut(&[u8], &TermInfo) -> Result<(), IndexError>,
) -> Result<(), IndexError> {
    let terms = field.terms();
    if !goes_on {
        if let Some(term) = terms.get(text.as_bytes())? {
            take(text.as_bytes(), &term)?;
        }
        return Ok(());
    }
    let mut end = text.as_bytes().to_vec();
    if let Some(last) = end.last_mut() {
        *last += 1; // no byte of UTF-8 is the last one
    }
    let mut stream = terms.range().ge(text.as_bytes()).lt(&end).into_stream()?;
    while stream.advance() {
        take(stream.key(), stream.value())?;
    }
    Ok(())
}

fn add_postings(
    field: &InvertedIndexReader,
    term: &TermInfo,
    (weight, unit): (Option<u32>, u32),
    list: &mut Vec<Hold>,
) -> Result<(), IndexError> {
    let option = IndexRecordOption::WithFreqs;
    let mut postings = field.read_block_postings_from_terminfo(term, option)?;
    list.reserve(term.doc_freq as usize);
    while postings.block_len() > 0 {
        let block = postings.docs().iter().zip(postings.freqs());
        list.extend(block.map(|(doc, times)| Hold::new(*doc, weight, times.saturating_mul(unit))));
        postings.advance();
    }
    Ok(())
}

/// Documents in which tokens stand side by side in this order.
fn phrase_list(
    opened: &Opened,
    head: &[&str],
    last: &str,
    goes_on: bool,
) -> Result<Vec<Hold>, IndexError> {
    let mut list = Vec::new();
    for (weight, field) in fields(opened) {
        let mut ends = Vec::new();
        each_term(field, last, goes_on, |_, term| {
            ends.push(term.clone());
            Ok(())
        })?;
        let Some(heads) = heads(field, head)?.filter(|_| !ends.is_empty()) else {
            continue;
        };
        for (doc, times) in places(heads, field, &ends)? {
            list.push(Hold::new(doc, weight, times.saturating_mul(UNIT)));
        }
    }
    Ok(in_order(list))
}

/// Where the tokens of a phrase but its last stand; nothing if one stands nowhere.
fn heads(
    field: &InvertedIndexReader,
    head: &[&str],
) -> Result<Option<Vec<SegmentPostings>>, IndexError> {
    let mut all = Vec::new();
    for text in head {
        let Some(term) = field.terms().get(text.as_bytes())? else {
            return Ok(None);
        };
        let option = IndexRecordOption::WithFreqsAndPositions;
        all.push(field.read_postings_from_terminfo(&term, option)?);
    }
    Ok(Some(all))
}

/// How often the head stands right before one of the ends, by document.
fn places(
    mut heads: Vec<SegmentPostings>,
    field: &InvertedIndexReader,
    ends: &[TermInfo],
) -> Result<BTreeMap<u32, u32>, IndexError> {
    let mut places: BTreeMap<u32, u32> = BTreeMap::new();
    let option = IndexRecordOption::WithFreqsAndPositions;
    let (mut after, mut next) = (Vec::new(), Vec::new());
    if let [end] = ends {
        let mut end = field.read_postings_from_terminfo(end, option)?;
        let mut doc = 0;
        while let Some(found) = common_doc(&mut heads, &mut end, doc) {
            positions_after(&mut heads, &mut after, &mut next);
            end.positions(&mut next);
            let times = both(&after, &next);
            if times > 0 {
                places.insert(found, times);
            }
            doc = found + 1;
        }
        return Ok(places);
    }
    // Several ends: where the head stands is found once.
    let mut stands: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    let mut doc = 0;
    while let Some(found) = common_head(&mut heads, doc) {
        positions_after(&mut heads, &mut after, &mut next);
        if !after.is_empty() {
            stands.insert(found, after.clone());
        }
        doc = found + 1;
    }
    for end in ends {
        let mut end = field.read_postings_from_terminfo(end, option)?;
        for (doc, after) in &stands {
            if end.doc() == TERMINATED {
                break;
            }
            if end.doc() < *doc {
                end.seek(*doc);
            }
            if end.doc() == *doc {
                end.positions(&mut next);
                let times = both(after, &next);
                if times > 0 {
                    *places.entry(*doc).or_default() += times;
                }
            }
        }
    }
    Ok(places)
}

/// The next document from here on that all of these have.
fn common_head(heads: &mut [SegmentPostings], from: u32) -> Option<u32> {
    let mut doc = from;
    'again: loop {
        for postings in heads.iter_mut() {
            if postings.doc() < doc {
                postings.seek(doc);
            }
            if postings.doc() == TERMINATED {
                return None;
            }
            if postings.doc() > doc {
                doc = postings.doc();
                continue 'again;
            }
        }
        return Some(doc);
    }
}

fn common_doc(heads: &mut [SegmentPostings], end: &mut SegmentPostings, from: u32) -> Option<u32> {
    let mut doc = from;
    loop {
        doc = common_head(heads, doc)?;
        if end.doc() < doc {
            end.seek(doc);
        }
        match end.doc() {
            TERMINATED => return None,
            found if found == doc => return Some(doc),
            found => doc = found,
        }
    }
}

/// The places right after the tokens of the head, standing side by side in the present document.
fn positions_after(heads: &mut [SegmentPostings], after: &mut Vec<u32>, next: &mut Vec<u32>) {
    after.clear();
    for (at, postings) in heads.iter_mut().enumerate() {
        if at == 0 {
            postings.positions_with_offset(1, after);
        } else {
            postings.positions(next);
            after.retain(|place| next.binary_search(place).is_ok());
            after.iter_mut().for_each(|place| *place += 1);
        }
    }
}

/// How many places are in both, which are in order.
fn both(one: &[u32], two: &[u32]) -> u32 {
    let (few, many) = match one.len() <= two.len() {
        true => (one, two),
        false => (two, one),
    };
    let common = few.iter().filter(|place| many.binary_search(place).is_ok());
    u32::try_from(common.count()).unwrap_or(u32::MAX)
}
