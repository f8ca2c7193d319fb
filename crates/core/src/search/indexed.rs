//! What a query asks an index for, and what an index gives back: the same counts as a look at each note.
//!
//! An index knows tokens and where they stand. It fills in [`Count`]s for what a query counts, feature
//! by feature; statistics, scores and order are then the ones of this module's other files, so that an
//! index and a scan cannot differ in them.
//! Spec: `docs/spec/search.md`, `docs/spec/search-index.md`.

use super::near::{COMPARED_MAX, NearRow, Seen};
use super::token::each_token;
use super::{Count, Looked, Query};

/// What is looked for under one number of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted<'q> {
    /// A token; whether longer ones that begin with it count too, by half.
    Word(&'q str, bool),
    /// Two tokens side by side.
    Pair(&'q str, &'q str),
    /// Tokens in this order, side by side; whether the last may go on.
    Phrase(Vec<&'q str>, &'q str, bool),
    /// A token that is nearly a word; by number among the query's near words.
    Near(usize),
}

impl Query {
    /// How many things it counts; each has a number below that.
    pub fn features(&self) -> usize {
        self.features.len()
    }

    /// How many of them, the first ones, are not about near words.
    pub fn exact_features(&self) -> usize {
        self.layout.near
    }

    /// What one of them asks for.
    pub fn wanted(&self, feature: usize) -> Wanted<'_> {
        let layout = self.layout;
        if feature >= layout.near {
            Wanted::Near(feature - layout.near)
        } else if feature >= layout.phrases {
            let (head, last, goes_on) = self.words.phrase(feature - layout.phrases);
            Wanted::Phrase(head, last, goes_on)
        } else if feature >= layout.pairs {
            let (one, two) = self.words.pair(feature - layout.pairs);
            Wanted::Pair(one, two)
        } else {
            let goes_on = self.words.goes_on(feature);
            Wanted::Word(&self.features[feature].text, goes_on)
        }
    }

    /// Whether a note that has it holds one more term.
    pub fn is_term(&self, feature: usize) -> bool {
        self.features[feature].is_term
    }

    /// Whether a note keeps its count: what is neither a term nor worth anything is not kept.
    pub fn keeps(&self, feature: usize) -> bool {
        self.features[feature].is_term || self.features[feature].scores
    }

    /// Things of which none may be in a note, by number.
    pub fn excluded(&self) -> impl Iterator<Item = usize> + '_ {
        self.without().iter().map(|feature| usize::from(*feature))
    }

    /// The word, by number, that a near one stands for.
    pub fn stands_for(&self, near: usize) -> usize {
        self.meant(self.layout.near + near)
    }

    /// Whether a token is taken as near: it is no word of the query, and does not begin with this one.
    pub fn takes_as_near(&self, near: usize, token: &str) -> bool {
        let one = &self.words.near[near];
        one.may_be(Seen::of(token))
            && one.is(token)
            && !token.starts_with(&*self.features[self.stands_for(near)].text)
            && !self.words.has(token)
    }

    /// Where a comparison with a near word stands before the first letter.
    pub fn near_start(&self, near: usize) -> NearRow {
        self.words.near[near].start()
    }

    /// The same after one more letter; nothing if no token that begins so can be near.
    pub fn near_step(&self, near: usize, row: &NearRow, letter: char) -> Option<NearRow> {
        self.words.near[near].step(row, letter)
    }

    /// Whether what was compared so far is near as it is.
    pub fn near_is_match(&self, near: usize, row: &NearRow) -> bool {
        self.words.near[near].is_match(row)
    }

    /// Whether a look at a note of so many tokens may break off before all of them were compared with
    /// near words. Only a look tells what such a note holds.
    pub fn may_break_off(&self, tokens: u64) -> bool {
        tokens.saturating_mul(self.words.near.len() as u64) > u64::from(COMPARED_MAX)
    }
}

impl Count {
    /// Of something that stands in a note: in the short fields, with their weights, and in the body,
    /// both in units ([`super::UNIT`]).
    pub fn new(feature: usize, short: u32, body: u32) -> Count {
        Count {
            feature: feature as u16, // a query has fewer than 2^16
            short: u16::try_from(short).unwrap_or(u16::MAX),
            body,
        }
    }
}

impl<'a> Looked<'a> {
    /// A note that was counted by an index. Where its terms stand is not known.
    pub fn counted(counts: &'a [Count], tokens: u32) -> Looked<'a> {
        Looked {
            counts,
            tokens,
            whole: false,
            excluded: false,
            fields: 0,
            near_fields: 0,
        }
    }
}

/// Gives the tokens of a folded text in order, as they are compared.
pub fn each_word(folded: &str, mut take: impl FnMut(&str)) {
    each_token(folded, |place| take(&folded[place]));
}
