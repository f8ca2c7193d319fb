//! Looking for words in notes: what a query means, whether a note fits it, and what to show of it.
//!
//! Pure, without an index: a note is given as text and judged alone, so the answer never depends on
//! other notes. Who may read the note is decided before it comes here.
//! Deliberately absent: stemming, synonyms, weights of rare words.
//! Spec: `docs/spec/search.md`.

mod fold;
mod query;
mod snippet;

#[cfg(test)]
mod tests;

pub use fold::fold;
pub use query::{QUERY_BYTES_MAX, Query, QueryError, TERMS_MAX};
pub use snippet::{SNIPPET_CHARS_MAX, Snippet};

use fold::{fold_into, is_boundary};
use query::Term;

/// The text of a note, as far as it is searched.
#[derive(Clone, Copy, Debug)]
pub struct Searched<'a> {
    /// Its title.
    pub title: &'a str,
    /// Its body.
    pub body: &'a str,
    /// Its tags.
    pub tags: &'a std::collections::BTreeSet<String>,
    /// The label of its source.
    pub source: &'a str,
}

/// How a note fits a query: the greater, the better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fit {
    /// How many of the query's terms it holds.
    pub terms: u32,
    /// How many of them stand in its title.
    pub in_title: u32,
    /// How many of them stand in a tag or the source label.
    pub in_labels: u32,
}

/// Memory that one search uses again for every note.
#[derive(Default)]
pub struct Scratch {
    title: String,
    body: String,
    labels: Vec<String>,
}

impl Query {
    /// How a note fits; none if it holds no term, or one that is excluded.
    pub fn fit(&self, note: Searched<'_>, scratch: &mut Scratch) -> Option<Fit> {
        fold_into(note.title, &mut scratch.title);
        fold_into(note.body, &mut scratch.body);
        scratch.labels.clear();
        scratch.labels.push(fold(note.source));
        scratch.labels.extend(note.tags.iter().map(|tag| fold(tag)));
        let in_labels = |term: &Term| {
            scratch
                .labels
                .iter()
                .any(|label| first(label, term).is_some())
        };
        let holds = |term: &Term| {
            first(&scratch.title, term).is_some()
                || in_labels(term)
                || first(&scratch.body, term).is_some()
        };
        if self.without().iter().any(holds) {
            return None;
        }
        let count = |holds: &dyn Fn(&Term) -> bool| {
            u32::try_from(self.terms().iter().filter(|term| holds(term)).count())
                .expect("a query has a few terms")
        };
        let fit = Fit {
            terms: count(&holds),
            in_title: count(&|term| first(&scratch.title, term).is_some()),
            in_labels: count(&in_labels),
        };
        (fit.terms > 0).then_some(fit)
    }

    /// Whether a note that fits so holds every term.
    pub fn is_whole(&self, fit: Fit) -> bool {
        fit.terms as usize == self.terms().len()
    }
}

/// Where a term stands first in a folded text, from a place on.
fn first_from(folded: &str, term: &Term, from: usize) -> Option<std::ops::Range<usize>> {
    let wanted = term.text.as_str();
    let mut from = from;
    loop {
        let start = from + folded.get(from..)?.find(wanted)?;
        let end = start + wanted.len();
        let begins = is_boundary(folded[..start].chars().next_back(), wanted.chars().next());
        let ends =
            term.open_end || is_boundary(wanted.chars().next_back(), folded[end..].chars().next());
        if begins && ends {
            return Some(start..end);
        }
        from = start + folded[start..].chars().next()?.len_utf8();
    }
}

fn first(folded: &str, term: &Term) -> Option<std::ops::Range<usize>> {
    first_from(folded, term, 0)
}
