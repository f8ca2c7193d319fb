//! What is shown of a note that was found: one line where most of the query's words stand.

use super::Query;
use super::fold::{each_cluster, push};
use super::rank::Statistics;
use super::words::{Hit, Walk};
use std::collections::VecDeque;
use std::ops::Range;

/// Characters of a snippet, at most, without the dots that say that there is more.
pub const SNIPPET_CHARS_MAX: usize = 160;
/// Characters shown before the first hit, at most.
const BEFORE_CHARS: usize = 48;
/// Characters between the beginning of the first hit and of the last one that a snippet is chosen by;
/// the rest is for what stands around them.
const WINDOW_CHARS: usize = 112;
/// Hits that are marked in one text, at most.
const MARKS_MAX: usize = 64;

/// One line of a text. It is as much data from outside as the text is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snippet {
    /// The line: no line breaks, at most [`SNIPPET_CHARS_MAX`] characters between the dots.
    pub text: String,
    /// Where the hits in it begin and end, in characters; in order, not overlapping.
    pub marks: Vec<(usize, usize)>,
}

/// Chooses what is marked: terms, and near words where the notes hold nothing else.
struct Marked<'a> {
    query: &'a Query,
    near: Vec<bool>,
}

impl Marked<'_> {
    /// The feature of a hit that is marked.
    fn feature(&self, hit: &Hit) -> Option<usize> {
        let layout = self.query.layout;
        let feature = match hit {
            Hit::Word(word, _) => usize::from(*word),
            Hit::Phrase(phrase) => layout.phrases + usize::from(*phrase),
            Hit::Near(near) if self.near[usize::from(*near)] => {
                return Some(layout.near + usize::from(*near));
            }
            Hit::Near(_) | Hit::Pair(_) => return None,
        };
        self.query.features[feature].is_term.then_some(feature)
    }

    fn walk(&self, folded: &str, mut take: impl FnMut(usize, Range<usize>)) {
        let mut walk = Walk::default();
        walk.begin();
        let near = self.near.contains(&true);
        self.query
            .words
            .walk(folded, near, &mut walk, |hit, place| {
                if let Some(feature) = self.feature(&hit) {
                    take(feature, place);
                }
            });
    }
}

impl Query {
    /// One line of a body where most different terms stand together; its beginning, if none does.
    pub fn snippet(&self, body: &str, statistics: &Statistics) -> Snippet {
        let marked = self.marked(statistics);
        let start = marked
            .best_place(body)
            .map_or(0, |hit| begin_before(body, hit));
        let mut text = String::new();
        let mut length = 0;
        let mut rest = body[start..].chars();
        if start > 0 {
            text.push('…');
        }
        for c in rest.by_ref() {
            let is_space = c.is_whitespace();
            if is_space && (length == 0 || text.ends_with(' ')) {
                continue;
            }
            text.push(if is_space { ' ' } else { c });
            length += 1;
            if length == SNIPPET_CHARS_MAX {
                break;
            }
        }
        let more = rest.any(|c| !c.is_whitespace());
        text.truncate(text.trim_end().len());
        if more {
            text.push('…');
        }
        let marks = marked.marks(&text);
        Snippet { text, marks }
    }

    /// Where the hits in a short text begin and end, in characters; in order, not overlapping.
    pub fn marks(&self, text: &str, statistics: &Statistics) -> Vec<(usize, usize)> {
        self.marked(statistics).marks(text)
    }

    fn marked(&self, statistics: &Statistics) -> Marked<'_> {
        let near = self.layout.near..self.features.len();
        Marked {
            query: self,
            near: near.map(|at| statistics.takes_near(self, at)).collect(),
        }
    }
}

impl Marked<'_> {
    fn marks(&self, text: &str) -> Vec<(usize, usize)> {
        let (folded, clusters) = folded_with_places(text);
        let mut hits: Vec<Range<usize>> = Vec::new();
        self.walk(&folded, |_, place| hits.push(place));
        hits.sort_by_key(|hit| (hit.start, hit.end));
        let mut marks: Vec<(usize, usize)> = Vec::new();
        for hit in hits {
            let Some(place) = original(&clusters, &hit) else {
                continue;
            };
            let begin = text[..place.start].chars().count();
            let end = begin + text[place].chars().count();
            let is_full = marks.len() == MARKS_MAX;
            match marks.last_mut() {
                Some(last) if begin <= last.1 => last.1 = last.1.max(end),
                _ if is_full => break,
                _ => marks.push((begin, end)),
            }
        }
        marks
    }

    /// Where the window with most different terms begins, in bytes of the text; the first of several.
    fn best_place(&self, text: &str) -> Option<usize> {
        let folded = super::fold(text);
        let mut window: VecDeque<(usize, usize, usize)> = VecDeque::new();
        let mut inside = vec![0u32; self.query.features.len()];
        let (mut different, mut most, mut best) = (0, 0, None);
        let (mut chars, mut counted) = (0, 0);
        self.walk(&folded, |feature, place| {
            // A phrase is given at its end, and begins before what was counted.
            if place.start >= counted {
                chars += folded[counted..place.start].chars().count();
                counted = place.start;
            }
            window.push_back((chars, place.start, feature));
            inside[feature] += 1;
            different += usize::from(inside[feature] == 1);
            while let Some((at, _, old)) = window.front().copied()
                && chars - at > WINDOW_CHARS
            {
                window.pop_front();
                inside[old] -= 1;
                different -= usize::from(inside[old] == 0);
            }
            if different > most {
                most = different;
                best = window.iter().map(|(_, start, _)| *start).min();
            }
        });
        best.and_then(|wanted| place_in_text(text, wanted))
    }
}

/// The bytes of a text at which its fold has come so far.
fn place_in_text(text: &str, wanted: usize) -> Option<usize> {
    let (mut last, mut at) = (String::new(), None);
    let mut written = 0;
    each_cluster(text, |piece, place| {
        // Only whether the last one was a space is needed of what was folded before.
        let before = last.len();
        push(&mut last, piece);
        written += last.len() - before;
        if last.len() > 64 {
            let keep = last.ends_with(' ');
            last.clear();
            if keep {
                last.push(' ');
            }
        }
        if written > wanted {
            at = Some(place.start);
        }
        at.is_none()
    });
    at
}

/// Some characters before a hit, at the beginning of a word if there is one.
fn begin_before(text: &str, hit: usize) -> usize {
    let before = text[..hit].char_indices().rev();
    let Some((start, _)) = before.take(BEFORE_CHARS).last() else {
        return hit;
    };
    if start == 0 {
        return 0;
    }
    let cut_off = &text[start..hit];
    let word = cut_off.find(char::is_whitespace);
    word.map_or(start, |space| start + space)
}

/// A text folded, and of each cluster where it begins in the fold and where it stands in the text.
fn folded_with_places(text: &str) -> (String, Vec<(usize, Range<usize>)>) {
    let (mut folded, mut clusters) = (String::new(), Vec::new());
    each_cluster(text, |piece, place| {
        let begin = folded.len();
        push(&mut folded, piece);
        if folded.len() > begin {
            clusters.push((begin, place));
        }
        true
    });
    (folded, clusters)
}

/// The bytes of the text that a place in its fold came from.
fn original(clusters: &[(usize, Range<usize>)], hit: &Range<usize>) -> Option<Range<usize>> {
    let holding = |at: usize| {
        let after = clusters.partition_point(|(begin, _)| *begin <= at);
        clusters.get(after.checked_sub(1)?)
    };
    let first = holding(hit.start)?;
    let last = holding(hit.end.checked_sub(1)?)?;
    Some(first.1.start..last.1.end)
}
