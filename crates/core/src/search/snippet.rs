//! What is shown of a note that was found: one line around the first hit.

use super::fold::{each_cluster, fold, push};
use super::{Query, first, first_from};
use std::ops::Range;

/// Characters of a snippet, at most, without the dots that say that there is more.
pub const SNIPPET_CHARS_MAX: usize = 160;
/// Characters shown before the first hit, at most.
const BEFORE_CHARS: usize = 48;
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

impl Query {
    /// One line of a body around its first hit; its beginning, if the hit stands elsewhere.
    pub fn snippet(&self, body: &str) -> Snippet {
        let start = self
            .first_hit(body)
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
        let marks = self.marks(&text);
        Snippet { text, marks }
    }

    /// Where the hits in a short text begin and end, in characters; in order, not overlapping.
    pub fn marks(&self, text: &str) -> Vec<(usize, usize)> {
        let (folded, clusters) = folded_with_places(text);
        let mut hits: Vec<Range<usize>> = Vec::new();
        for term in self.terms() {
            let mut from = 0;
            while let Some(hit) = first_from(&folded, term, from) {
                from = hit.end;
                hits.push(hit);
                if hits.len() >= MARKS_MAX * self.terms().len() {
                    break;
                }
            }
        }
        hits.sort_by_key(|hit| (hit.start, hit.end));
        let mut marks: Vec<(usize, usize)> = Vec::new();
        for hit in hits {
            let Some(place) = original(&clusters, &hit) else {
                continue;
            };
            let begin = text[..place.start].chars().count();
            let end = begin + text[place].chars().count();
            match marks.last_mut() {
                Some(last) if begin <= last.1 => last.1 = last.1.max(end),
                _ => marks.push((begin, end)),
            }
        }
        marks.truncate(MARKS_MAX);
        marks
    }

    /// Where the first hit in a text begins, in bytes of the text.
    fn first_hit(&self, text: &str) -> Option<usize> {
        let folded = fold(text);
        let hits = self.terms().iter().filter_map(|term| first(&folded, term));
        let wanted = hits.map(|hit| hit.start).min()?;
        let (mut length, mut at) = (String::new(), None);
        let mut written = 0;
        each_cluster(text, |piece, place| {
            // Only whether the last one was a space is needed of what was folded before.
            let before = length.len();
            push(&mut length, piece);
            written += length.len() - before;
            if length.len() > 64 {
                let keep = length.ends_with(' ');
                length.clear();
                if keep {
                    length.push(' ');
                }
            }
            if written > wanted {
                at = Some(place.start);
            }
            at.is_none()
        });
        at
    }
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
