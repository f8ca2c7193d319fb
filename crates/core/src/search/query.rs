//! What a person types into a search, read as terms.
//!
//! A term is a condition (a note holds it or not). What a note is worth is counted over the words of
//! the terms, and over pairs of words that stand beside each other in the query.

use super::fold::fold;
use super::near::Near;
use super::stop::is_stop_word;
use super::token::{is_lone, tokens};
use super::words::{Phrase, Words};
use std::collections::{BTreeMap, HashMap, HashSet};
use thiserror::Error;

/// Bytes of a query, at most: a page of text.
pub const QUERY_BYTES_MAX: usize = 16 * 1024;
/// Terms of a query, at most, with those that are excluded.
pub const TERMS_MAX: usize = 512;
/// Phrases of a query, at most; of those after them each word is a term.
pub const PHRASES_MAX: usize = 32;
/// Different words of a query, at most, with those of phrases and pairs of letters.
pub const WORDS_MAX: usize = 2048;
/// Words that may be found by words that are nearly the same, at most: a query with more has others to
/// go by.
pub const NEAR_WORDS_MAX: usize = 16;
/// Letters of a word that longer ones may begin with, at least, if nobody asks for it.
const COMPOUND_LETTERS_MIN: usize = 5;
/// Bytes of a query from which on it is no line that somebody typed but text that somebody pasted, where
/// a quotation mark may be anything.
const PASTED_BYTES_MIN: usize = 512;
/// How often a word of the query may be said before saying it again counts for little: the k3 of BM25.
const SAID_OFTEN: u64 = 20;

/// Words and phrases to look for, and others that must not be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// What is looked for in a text.
    pub(super) words: Words,
    /// What a note is counted by: words, then pairs, then phrases, then near words.
    pub(super) features: Vec<Feature>,
    pub(super) layout: Layout,
    /// Features that must not be there.
    without: Vec<u16>,
    terms: u32,
    left_out: Vec<String>,
}

/// Where in the list of features each kind begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) pairs: usize,
    pub(super) phrases: usize,
    pub(super) near: usize,
}

/// Something that is counted in a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Feature {
    /// As it is shown.
    pub(super) text: String,
    pub(super) kind: Kind,
    /// How often the query says it.
    pub(super) said: u32,
    /// Whether it is a term, so that a note that has it fits.
    pub(super) is_term: bool,
    /// Whether it counts for the score.
    pub(super) scores: bool,
}

/// What kind of thing is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A word, or a beginning of words.
    Word,
    /// Two words of the query beside each other.
    Pair,
    /// Several words in their order, as a condition.
    Phrase,
    /// A word that is nearly one of the query.
    Near,
}

impl Kind {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Word => "word",
            Kind::Pair => "pair",
            Kind::Phrase => "phrase",
            Kind::Near => "near",
        }
    }
}

/// Why text is no query.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum QueryError {
    /// Nothing to look for.
    #[error("there is no word to look for")]
    Empty,
    /// Only words that must not be there.
    #[error("there are only words to leave out; say one to look for, too")]
    OnlyExcluded,
    /// A phrase without an end.
    #[error("a quotation mark is not closed")]
    OpenQuote,
    /// More than [`QUERY_BYTES_MAX`].
    #[error("{0} bytes long, at most {QUERY_BYTES_MAX} are taken")]
    TooLong(usize),
    /// More than [`TERMS_MAX`], or than [`WORDS_MAX`].
    #[error("more than {TERMS_MAX} words")]
    TooManyTerms,
}

impl Query {
    /// Reads a query: words, `"phrases"`, `beginnings*`, and `-words` or `-"phrases"` that must not be
    /// there. The last word, if it is a plain one, may be the beginning of a longer one. A term said
    /// twice counts once; one that has no word in it is left out, and so are words that say little,
    /// unless nothing else is there.
    ///
    /// # Errors
    /// [`QueryError`] by cause.
    pub fn parse(text: &str) -> Result<Query, QueryError> {
        if text.len() > QUERY_BYTES_MAX {
            return Err(QueryError::TooLong(text.len()));
        }
        let read = Reader::read(text, true)?;
        if !read.terms.is_empty() {
            return read.query();
        }
        let all = Reader::read(text, false)?;
        match (all.terms.is_empty(), all.without.is_empty()) {
            (true, true) => Err(QueryError::Empty),
            (true, false) => Err(QueryError::OnlyExcluded),
            (false, _) => all.query(),
        }
    }

    /// How many terms have to be there.
    pub fn terms(&self) -> u32 {
        self.terms
    }

    /// Words that say little and were left out, as they were typed, each once.
    pub fn left_out(&self) -> &[String] {
        &self.left_out
    }

    /// What must not be there, by feature.
    pub(super) fn without(&self) -> &[u16] {
        &self.without
    }

    /// The word that a near word stands for.
    pub(super) fn meant(&self, near: usize) -> usize {
        usize::from(self.words.near[near - self.layout.near].word)
    }

    /// How much a feature counts for being said more than once, in 65536ths.
    pub(super) fn said(feature: &Feature) -> u64 {
        let said = u64::from(feature.said.max(1));
        ((said * (SAID_OFTEN + 1)) << 16) / (said + SAID_OFTEN)
    }
}

/// A word of the query: its text, and whether longer words that begin with it are meant too.
type Word = (u16, bool);

/// A term, as what it asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Condition {
    Word(Word),
    /// At least two words; whether the last may go on.
    Phrase(Vec<u16>, bool),
}

#[derive(Default)]
struct Reader {
    /// Every different text of a word.
    texts: HashMap<String, u16>,
    by_number: Vec<String>,
    terms: Vec<Condition>,
    without: Vec<Condition>,
    known: HashSet<(bool, bool, Condition)>,
    /// How often each text is said.
    said: BTreeMap<u16, u32>,
    pairs: BTreeMap<(u16, u16), u32>,
    /// The word just before, and whether it says little.
    before: Option<(u16, bool)>,
    near: Vec<Word>,
    phrases: usize,
    left_out: Vec<String>,
}

impl Reader {
    fn read(text: &str, without_stop_words: bool) -> Result<Reader, QueryError> {
        let mut reader = Reader::default();
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            let (token, after) = match next_token(rest) {
                Err(QueryError::OpenQuote) if text.len() >= PASTED_BYTES_MIN => plain_token(rest),
                other => other?,
            };
            rest = after.trim_start();
            reader.take(&token, rest.is_empty(), without_stop_words);
            if reader.terms.len() + reader.without.len() > TERMS_MAX
                || reader.texts.len() > WORDS_MAX
            {
                return Err(QueryError::TooManyTerms);
            }
        }
        Ok(reader)
    }

    fn take(&mut self, token: &Token<'_>, is_last: bool, without_stop_words: bool) {
        let folded = fold(token.text);
        let words = tokens(&folded);
        let words = without_run_end(&words);
        if token.excluded {
            self.before = None;
            if let Some(condition) = self.condition(words, false) {
                self.add(condition, true, true);
            }
        } else if token.quoted {
            let some = words.len() > 1;
            if some && self.phrases == PHRASES_MAX {
                for word in words {
                    self.take_plain(&[word], token.text, false, false, without_stop_words);
                }
                return;
            }
            self.phrases += usize::from(some);
            for word in words {
                self.say(word, without_stop_words && is_stop_word(word));
            }
            if let Some(condition) = self.condition(words, false) {
                self.add(condition, false, true);
            }
        } else {
            let starred = has_star(token.text);
            self.take_plain(words, token.text, is_last, starred, without_stop_words);
        }
    }

    fn take_plain(
        &mut self,
        words: &[&str],
        typed: &str,
        is_last: bool,
        starred: bool,
        without_stop_words: bool,
    ) {
        if words.is_empty() {
            return;
        }
        if without_stop_words && !starred && words.iter().all(|word| is_stop_word(word)) {
            for word in words {
                self.say(word, true);
            }
            let typed = typed.trim_matches(|c: char| !c.is_alphanumeric());
            if !self.left_out.iter().any(|known| known == typed) {
                self.left_out.push(typed.to_owned());
            }
            return;
        }
        for word in words {
            self.say(word, without_stop_words && is_stop_word(word));
        }
        let is_long = words.len() == 1 && is_compound(words[0]);
        let Some(condition) = self.condition(words, is_last || starred || is_long) else {
            return;
        };
        let is_new = self.add(condition.clone(), false, false);
        if let Condition::Word(word) = condition
            && is_new
            && is_long
            && !starred
        {
            self.near.push(word);
        }
    }

    /// Counts a word for the score, and the pair that it makes with the one before; one that says
    /// little counts only in a pair with one that does not.
    fn say(&mut self, word: &str, says_little: bool) {
        let text = self.text(word);
        if !says_little {
            *self.said.entry(text).or_default() += 1;
        }
        if let Some((before, said_little)) = self.before.replace((text, says_little))
            && !(says_little && said_little)
        {
            *self.pairs.entry((before, text)).or_default() += 1;
        }
    }

    fn text(&mut self, word: &str) -> u16 {
        if let Some(known) = self.texts.get(word) {
            return *known;
        }
        // A query of so many bytes has fewer tokens than 2^16.
        let number = u16::try_from(self.by_number.len()).unwrap_or(u16::MAX);
        self.texts.insert(word.to_owned(), number);
        self.by_number.push(word.to_owned());
        number
    }

    fn condition(&mut self, words: &[&str], goes_on: bool) -> Option<Condition> {
        let (last, _) = words.split_last()?;
        // One letter alone is the beginning of a pair.
        let goes_on = goes_on || is_lone(last);
        let texts: Vec<u16> = words.iter().map(|word| self.text(word)).collect();
        Some(match texts[..] {
            [text] => Condition::Word((text, goes_on)),
            _ => Condition::Phrase(texts, goes_on),
        })
    }

    /// Returns whether it was not there.
    fn add(&mut self, condition: Condition, excluded: bool, quoted: bool) -> bool {
        // Whether it may go on makes no other term of it: the first counts.
        let same = match &condition {
            Condition::Word((text, _)) => Condition::Word((*text, false)),
            Condition::Phrase(texts, _) => Condition::Phrase(texts.clone(), false),
        };
        let is_new = self.known.insert((excluded, quoted, same));
        let list = if excluded {
            &mut self.without
        } else {
            &mut self.terms
        };
        if is_new && !list.contains(&condition) {
            list.push(condition);
        }
        is_new
    }

    fn query(self) -> Result<Query, QueryError> {
        let Reader {
            by_number,
            terms,
            without,
            said,
            pairs,
            near,
            left_out,
            ..
        } = self;
        // A word counts in the way in which its term asks for it, and whole if only phrases have it.
        let mut words: BTreeMap<Word, bool> = BTreeMap::new();
        let mut phrases: Vec<(Vec<u16>, bool)> = Vec::new();
        for (condition, is_term) in terms
            .iter()
            .map(|term| (term, true))
            .chain(without.iter().map(|out| (out, false)))
        {
            match condition {
                Condition::Word(word) => *words.entry(*word).or_default() |= is_term,
                Condition::Phrase(texts, goes_on) => {
                    let phrase = (texts.clone(), *goes_on);
                    if !phrases.contains(&phrase) {
                        phrases.push(phrase);
                    }
                }
            }
        }
        for text in said.keys() {
            if !words.contains_key(&(*text, true)) {
                words.entry((*text, false)).or_default();
            }
        }
        let nothing_scores = said.is_empty();
        let shown = |text: u16| by_number[usize::from(text)].clone();
        let joined = |texts: &[u16]| {
            let all: Vec<&str> = texts.iter().map(|t| &*by_number[usize::from(*t)]).collect();
            all.join(" ")
        };
        let is_term = |condition: &Condition| terms.contains(condition);
        let numbers: BTreeMap<Word, u16> = words.keys().copied().zip(0..).collect();
        let mut features: Vec<Feature> = words
            .iter()
            .map(|((text, goes_on), is_term)| Feature {
                text: shown(*text),
                kind: Kind::Word,
                said: said.get(text).copied().unwrap_or(1),
                is_term: *is_term,
                scores: *is_term && nothing_scores
                    || said.contains_key(text) && (*goes_on || !words.contains_key(&(*text, true))),
            })
            .collect();
        let at_pairs = features.len();
        features.extend(pairs.iter().map(|((one, two), said)| Feature {
            text: joined(&[*one, *two]),
            kind: Kind::Pair,
            said: *said,
            is_term: false,
            scores: true,
        }));
        let at_phrases = features.len();
        for (texts, goes_on) in &phrases {
            let condition = Condition::Phrase(texts.clone(), *goes_on);
            features.push(Feature {
                text: joined(texts),
                kind: Kind::Phrase,
                said: 1,
                is_term: is_term(&condition),
                // Of words that all say little, the phrase is what there is to count.
                scores: nothing_scores && is_term(&condition),
            });
        }
        let at_near = features.len();
        let near = if near.len() > NEAR_WORDS_MAX {
            vec![]
        } else {
            near
        };
        let near: Vec<Near> = near
            .iter()
            .map(|word| Near::new(numbers[word], word.0, &by_number[usize::from(word.0)]))
            .collect();
        for one in &near {
            let word = features[usize::from(one.word)].clone();
            features.push(Feature {
                kind: Kind::Near,
                is_term: false,
                ..word
            });
        }
        if features.len() > usize::from(u16::MAX) {
            return Err(QueryError::TooManyTerms);
        }
        let place = |number: usize| u16::try_from(number).unwrap_or(u16::MAX);
        let without: Vec<u16> = without
            .iter()
            .map(|condition| match condition {
                Condition::Word(word) => numbers[word],
                Condition::Phrase(texts, goes_on) => {
                    let at = phrases
                        .iter()
                        .position(|(known, on)| known == texts && on == goes_on);
                    place(at_phrases + at.unwrap_or_default())
                }
            })
            .collect();
        let terms = u32::try_from(terms.len()).unwrap_or(u32::MAX);
        let phrases = phrases
            .into_iter()
            .map(|(texts, goes_on)| Phrase::new(texts, goes_on))
            .collect();
        Ok(Query {
            words: Words::new(&by_number, &numbers, &pairs, phrases, near),
            features,
            layout: Layout {
                pairs: at_pairs,
                phrases: at_phrases,
                near: at_near,
            },
            without,
            terms,
            left_out,
        })
    }
}

/// Whether a word is one that compounds and endings are made of.
fn is_compound(word: &str) -> bool {
    word.chars().count() >= COMPOUND_LETTERS_MIN && word.chars().all(char::is_alphabetic)
}

/// Without the single letter that ends a run of pairs: the pair before it says it.
fn without_run_end<'a, 'b>(words: &'a [&'b str]) -> &'a [&'b str] {
    match words {
        [before @ .., pair, last] if is_lone(last) && is_pair(pair) => &words[..before.len() + 1],
        _ => words,
    }
}

/// Whether a token is two letters of a script without spaces.
fn is_pair(token: &str) -> bool {
    let mut chars = token.chars();
    let unspaced = |c: Option<char>| c.is_some_and(super::fold::is_unspaced);
    unspaced(chars.next()) && unspaced(chars.next())
}

/// Whether a token asks for all words that begin so: one `*`, at its end, right after a letter or digit.
fn has_star(token: &str) -> bool {
    token.strip_suffix('*').is_some_and(|word| {
        !word.contains('*') && word.chars().next_back().is_some_and(char::is_alphanumeric)
    })
}

struct Token<'a> {
    text: &'a str,
    quoted: bool,
    excluded: bool,
}

/// The next token of a text that begins with one, and what follows it.
fn next_token(text: &str) -> Result<(Token<'_>, &str), QueryError> {
    let (excluded, text) = match text.strip_prefix('-') {
        Some(rest) if rest.starts_with(|c: char| !c.is_whitespace() && c != '-') => (true, rest),
        _ => (false, text),
    };
    let token = |text, quoted| Token {
        text,
        quoted,
        excluded,
    };
    for (open, close) in QUOTES {
        if let Some(rest) = text.strip_prefix(open) {
            let (phrase, after) = rest.split_once(close).ok_or(QueryError::OpenQuote)?;
            return Ok((token(phrase, true), after));
        }
    }
    let (plain, after) = plain_token(text);
    Ok((Token { excluded, ..plain }, after))
}

/// What goes on to the next white space, and what follows it.
fn plain_token(text: &str) -> (Token<'_>, &str) {
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let token = Token {
        text: &text[..end],
        quoted: false,
        excluded: false,
    };
    (token, &text[end..])
}

/// As a keyboard has them, and as a word processor makes of them.
const QUOTES: [(char, char); 3] = [('"', '"'), ('“', '”'), ('„', '“')];
