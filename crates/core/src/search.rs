//! Looking for words in notes: what a query means, what a note is worth for it, and what to show of it.
//!
//! Pure: a note is given as text and counted alone ([`Query::look`]), or by an index that knows where its
//! tokens stand ([`Wanted`]); what it is worth is known when all were counted ([`Ranking`]). Who may read a note is decided before it comes here.
//! Deliberately absent: stemming, synonyms, anything learnt.
//! Spec: `docs/spec/search.md`.

mod fold;
mod indexed;
mod near;
mod query;
mod rank;
mod ranking;
mod snippet;
mod stop;
mod token;
mod words;

#[cfg(test)]
mod recall;
#[cfg(test)]
mod tests;

pub use fold::{fold, fold_into};
pub use indexed::{Wanted, each_word};
pub use near::NearRow;
pub use query::{
    Kind, NEAR_WORDS_MAX, PHRASES_MAX, QUERY_BYTES_MAX, Query, QueryError, TERMS_MAX, WORDS_MAX,
};
pub use rank::{Facts, Score, ScoreFactor, ScorePart, Statistics, UNIT};
pub use ranking::{Best, KEPT_BYTES_MAX, Offered, Ranking};
pub use snippet::{SNIPPET_CHARS_MAX, Snippet};
pub use token::TOKEN_BYTES_MAX;
pub(crate) use token::each_token;

use words::{Hit, Walk};

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

/// A place in a note where a term may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Its title.
    Title,
    /// A tag.
    Tag,
    /// The label of its source.
    Source,
    /// Its body.
    Body,
}

impl Field {
    /// All of them.
    pub const ALL: [Field; 4] = [Field::Title, Field::Tag, Field::Source, Field::Body];

    /// How much a word there counts beside one in the body: a title says what all of it is about, a
    /// tag was chosen, a source label says where it comes from. These are short, so that their length
    /// does not count.
    pub const fn weight(self) -> u32 {
        match self {
            Field::Title => 3,
            Field::Tag => 2,
            Field::Source | Field::Body => 1,
        }
    }

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Field::Title => "title",
            Field::Tag => "tag",
            Field::Source => "source",
            Field::Body => "body",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// How often something of the query stands in a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// What was counted, by number.
    feature: u16,
    /// In title, tags and source label, with their weights.
    short: u16,
    /// In the body.
    body: u32,
}

/// What was counted in a note.
#[derive(Clone, Copy, Debug)]
pub struct Looked<'a> {
    counts: &'a [Count],
    /// Tokens of the body.
    tokens: u32,
    /// Whether every term stands in it, without near words.
    whole: bool,
    /// Whether something excluded does.
    excluded: bool,
    /// Where terms stand.
    fields: u8,
    /// Where near words do.
    near_fields: u8,
}

impl Looked<'_> {
    /// Whether every term stands in the note, as it was typed, and nothing that is excluded.
    pub fn is_whole(&self) -> bool {
        self.whole && !self.excluded
    }

    /// How many terms it holds, by what is known of all notes.
    pub fn terms(&self, query: &Query, statistics: &Statistics) -> u32 {
        if self.excluded {
            return 0;
        }
        statistics.terms(query, self.counts)
    }

    /// Whether it holds near words that count, because no note holds the words themselves.
    pub fn is_near(&self, query: &Query, statistics: &Statistics) -> bool {
        self.counts.iter().any(|count| {
            let feature = usize::from(count.feature);
            feature >= query.layout.near && statistics.takes_near(query, feature)
        })
    }

    /// Where the terms stand; where none does, near words.
    pub fn fields(&self) -> impl Iterator<Item = Field> + use<> {
        let fields = match self.fields {
            0 => self.near_fields,
            fields => fields,
        };
        Field::ALL
            .into_iter()
            .filter(move |field| fields & field.bit() != 0)
    }
}

/// Memory that one search uses again for every note.
#[derive(Default)]
pub struct Scratch {
    folded: String,
    walk: Walk,
    /// By feature: in short fields, and in the body.
    counted: Vec<(u32, u32)>,
    touched: Vec<u16>,
    counts: Vec<Count>,
}

impl Query {
    /// Counts in a note what the query asks for.
    pub fn look<'s>(&self, note: Searched<'_>, scratch: &'s mut Scratch) -> Looked<'s> {
        scratch.counted.resize(self.features.len(), (0, 0));
        scratch.walk.begin();
        let mut fields = [0; 2];
        self.look_in(Field::Title, note.title, scratch, &mut fields);
        for tag in note.tags {
            self.look_in(Field::Tag, tag, scratch, &mut fields);
        }
        self.look_in(Field::Source, note.source, scratch, &mut fields);
        let tokens = self.look_in(Field::Body, note.body, scratch, &mut fields);
        let holds = |feature: &u16| scratch.counted[usize::from(*feature)] != (0, 0);
        let excluded = self.without().iter().any(holds);
        scratch.touched.sort_unstable();
        scratch.counts.clear();
        let mut terms = 0;
        for feature in scratch.touched.drain(..) {
            let (short, body) = std::mem::take(&mut scratch.counted[usize::from(feature)]);
            let known = &self.features[usize::from(feature)];
            terms += u32::from(known.is_term);
            if known.is_term || known.scores {
                scratch.counts.push(Count {
                    feature,
                    short: u16::try_from(short).unwrap_or(u16::MAX),
                    body,
                });
            }
        }
        Looked {
            counts: &scratch.counts,
            tokens,
            whole: terms == self.terms(),
            excluded,
            fields: fields[0],
            near_fields: fields[1],
        }
    }

    fn look_in(
        &self,
        field: Field,
        text: &str,
        scratch: &mut Scratch,
        fields: &mut [u8; 2],
    ) -> u32 {
        let Scratch {
            folded,
            walk,
            counted,
            touched,
            ..
        } = scratch;
        fold_into(text, folded);
        self.words.walk(folded, true, walk, |hit, _| {
            let (feature, amount) = match hit {
                Hit::Word(word, true) => (usize::from(word), UNIT),
                Hit::Word(word, false) => (usize::from(word), UNIT / 2),
                Hit::Pair(pair) => (self.layout.pairs + usize::from(pair), UNIT),
                Hit::Phrase(phrase) => (self.layout.phrases + usize::from(phrase), UNIT),
                Hit::Near(near) => (self.layout.near + usize::from(near), UNIT / 2),
            };
            let (short, body) = &mut counted[feature];
            if (*short, *body) == (0, 0) {
                // There are fewer features than 2^16.
                touched.push(feature as u16);
            }
            match field {
                Field::Body => *body = body.saturating_add(amount),
                _ => *short = short.saturating_add(amount * field.weight()),
            }
            match hit {
                Hit::Near(_) => fields[1] |= field.bit(),
                _ if self.features[feature].is_term => fields[0] |= field.bit(),
                _ => {}
            }
        })
    }
}
