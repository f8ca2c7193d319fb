//! Where the words and phrases of a query stand in a folded text, in one walk over its tokens.

use super::near::{COMPARED_MAX, Near, Seen};
use super::token::each_token;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

/// The words of a query, ready to be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Words {
    /// By text.
    sorted: Vec<Known>,
    /// By the two texts.
    pairs: Vec<((u16, u16), u16)>,
    phrases: Vec<Phrase>,
    /// Phrases by their first text.
    firsts: Vec<(u16, u16)>,
    pub(super) near: Vec<Near>,
    longest_phrase: usize,
    /// Whether some text begins with this byte.
    begins: Vec<bool>,
    /// Bytes of a token that may be a near word, at least.
    near_bytes_min: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Known {
    text: String,
    /// Its number in the query.
    number: u16,
    /// The longest other text that it begins with, by place in the list.
    parent: Option<u16>,
    /// The word that asks for exactly this text, and the one that asks for what begins with it.
    whole: Option<u16>,
    beginning: Option<u16>,
}

/// Words that have to stand in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Phrase {
    /// All but the last.
    head: Vec<u16>,
    last: u16,
    goes_on: bool,
    /// How much of the head still fits where it breaks off (Knuth, Morris and Pratt).
    fallback: Vec<u16>,
}

impl Phrase {
    /// Of at least two texts.
    pub(super) fn new(mut texts: Vec<u16>, goes_on: bool) -> Phrase {
        let last = texts.pop().unwrap_or_default();
        let mut fallback = vec![0u16; texts.len()];
        let mut fits = 0;
        for at in 1..texts.len() {
            while fits > 0 && texts[at] != texts[fits] {
                fits = usize::from(fallback[fits - 1]);
            }
            fits += usize::from(texts[at] == texts[fits]);
            fallback[at] = fits as u16;
        }
        Phrase {
            head: texts,
            last,
            goes_on,
            fallback,
        }
    }

    fn step(&self, mut fits: usize, text: Option<u16>) -> usize {
        let Some(text) = text else { return 0 };
        while fits > 0 && (fits == self.head.len() || self.head[fits] != text) {
            fits = usize::from(self.fallback[fits - 1]);
        }
        fits + usize::from(self.head.get(fits) == Some(&text))
    }
}

/// Something that stands in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Hit {
    /// A word, by number; whether it is the whole token.
    Word(u16, bool),
    /// Two words beside each other, by number of the pair.
    Pair(u16),
    /// A phrase, by number.
    Phrase(u16),
    /// A near word, by number.
    Near(u16),
}

/// Memory of one walk, used again.
#[derive(Default)]
pub(super) struct Walk {
    /// How much of each phrase stands right before.
    fits: Vec<u16>,
    begun: Vec<u16>,
    recent: VecDeque<usize>,
    /// Comparisons with near words that are left.
    pub(super) comparisons: u32,
}

impl Walk {
    /// Before a note is looked at.
    pub(super) fn begin(&mut self) {
        self.comparisons = COMPARED_MAX;
    }
}

impl Words {
    pub(super) fn new(
        texts: &[String],
        words: &BTreeMap<(u16, bool), u16>,
        pairs: &BTreeMap<(u16, u16), u32>,
        phrases: Vec<Phrase>,
        near: Vec<Near>,
    ) -> Words {
        let mut sorted: Vec<Known> = (0u16..)
            .zip(texts)
            .map(|(number, text)| Known {
                text: text.clone(),
                number,
                parent: None,
                whole: words.get(&(number, false)).copied(),
                beginning: words.get(&(number, true)).copied(),
            })
            .collect();
        sorted.sort_by(|a, b| a.text.cmp(&b.text));
        for at in 1..sorted.len() {
            let mut parent = Some(at - 1);
            while let Some(one) = parent
                && !sorted[at].text.starts_with(&sorted[one].text)
            {
                parent = sorted[one].parent.map(usize::from);
            }
            sorted[at].parent = parent.map(|one| one as u16);
        }
        let mut firsts: Vec<(u16, u16)> = phrases
            .iter()
            .zip(0..)
            .map(|(phrase, number)| (phrase.head[0], number))
            .collect();
        firsts.sort_unstable();
        let mut begins = vec![false; 256];
        for first in sorted.iter().filter_map(|known| known.text.bytes().next()) {
            begins[usize::from(first)] = true;
        }
        Words {
            sorted,
            pairs: pairs.keys().copied().zip(0..).collect(),
            longest_phrase: phrases.iter().map(|p| p.head.len() + 1).max().unwrap_or(1),
            phrases,
            firsts,
            begins,
            near_bytes_min: near.iter().map(Near::bytes_min).min().unwrap_or(usize::MAX),
            near,
        }
    }

    /// Whether a word, by number, is meant with what begins with it.
    pub(super) fn goes_on(&self, word: usize) -> bool {
        let asks = |known: &Known| known.beginning.map(usize::from) == Some(word);
        self.sorted.iter().any(asks)
    }

    /// The two texts of a pair.
    pub(super) fn pair(&self, number: usize) -> (&str, &str) {
        let of = |pair: &&((u16, u16), u16)| usize::from(pair.1) == number;
        let pair = self.pairs.iter().find(of).map(|pair| pair.0);
        let (one, two) = pair.unwrap_or_default();
        (self.text(one), self.text(two))
    }

    /// The texts of a phrase, the last apart, and whether that may go on.
    pub(super) fn phrase(&self, number: usize) -> (Vec<&str>, &str, bool) {
        let phrase = &self.phrases[number];
        let head = phrase.head.iter().map(|text| self.text(*text)).collect();
        (head, self.text(phrase.last), phrase.goes_on)
    }

    /// Whether this is one of the query's texts.
    pub(super) fn has(&self, text: &str) -> bool {
        self.sorted
            .binary_search_by(|known| known.text.as_str().cmp(text))
            .is_ok()
    }

    fn text(&self, number: u16) -> &str {
        let of = |known: &&Known| known.number == number;
        self.sorted.iter().find(of).map_or("", |known| &known.text)
    }

    /// Gives everything that stands in a folded text, and where; returns how many tokens it has. Near
    /// words only if they are wanted.
    pub(super) fn walk(
        &self,
        folded: &str,
        near: bool,
        walk: &mut Walk,
        mut take: impl FnMut(Hit, Range<usize>),
    ) -> u32 {
        let mut count = 0u32;
        let mut before: Option<(u16, usize)> = None;
        walk.fits.clear();
        walk.fits.resize(self.phrases.len(), 0);
        walk.begun.clear();
        walk.recent.clear();
        each_token(folded, |place| {
            count = count.saturating_add(1);
            let token = &folded[place.clone()];
            if walk.recent.len() == self.longest_phrase {
                walk.recent.pop_front();
            }
            walk.recent.push_back(place.start);
            let mut known = None;
            if self.begins[usize::from(token.as_bytes()[0])] {
                let after = self.sorted.partition_point(|known| *known.text <= *token);
                known = after.checked_sub(1);
            }
            while let Some(at) = known
                && !token.starts_with(&*self.sorted[at].text)
            {
                known = self.sorted[at].parent.map(usize::from);
            }
            let begins = known;
            let mut text = None;
            while let Some(at) = known {
                let one = &self.sorted[at];
                let is_whole = one.text.len() == token.len();
                let end = place.start + one.text.len();
                if is_whole {
                    text = Some(one.number);
                    if let Some(word) = one.whole {
                        take(Hit::Word(word, true), place.clone());
                    }
                }
                if let Some(word) = one.beginning {
                    take(Hit::Word(word, is_whole), place.start..end);
                }
                known = one.parent.map(usize::from);
            }
            if let (Some((one, start)), Some(two)) = (before, text)
                && let Ok(at) = self.pairs.binary_search_by_key(&(one, two), |pair| pair.0)
            {
                take(Hit::Pair(self.pairs[at].1), start..place.end);
            }
            before = text.map(|text| (text, place.start));
            if !self.phrases.is_empty() {
                self.phrases_at(token, text, begins, place.clone(), walk, &mut take);
            }
            if near && text.is_none() && token.len() >= self.near_bytes_min {
                self.near_at(token, begins, place, walk, &mut take);
            }
        });
        count
    }

    fn phrases_at(
        &self,
        token: &str,
        text: Option<u16>,
        begins: Option<usize>,
        place: Range<usize>,
        walk: &mut Walk,
        take: &mut impl FnMut(Hit, Range<usize>),
    ) {
        let Walk {
            fits,
            begun,
            recent,
            ..
        } = walk;
        begun.retain(|number| {
            let phrase = &self.phrases[usize::from(*number)];
            let fit = &mut fits[usize::from(*number)];
            if usize::from(*fit) == phrase.head.len() {
                let length = match text == Some(phrase.last) {
                    true => Some(token.len()),
                    false if phrase.goes_on => self.beginning(begins, phrase.last),
                    false => None,
                };
                let start = recent.len().checked_sub(phrase.head.len() + 1);
                if let (Some(length), Some(start)) = (length, start) {
                    take(Hit::Phrase(*number), recent[start]..place.start + length);
                }
            }
            *fit = phrase.step(usize::from(*fit), text) as u16;
            *fit > 0
        });
        let Some(text) = text else { return };
        let first = self.firsts.partition_point(|(first, _)| *first < text);
        let of_text = self.firsts[first..].iter().take_while(|f| f.0 == text);
        for (_, number) in of_text {
            let fit = &mut fits[usize::from(*number)];
            if *fit == 0 {
                *fit = 1;
                begun.push(*number);
            }
        }
    }

    /// The bytes of a text that a token begins with.
    fn beginning(&self, mut known: Option<usize>, text: u16) -> Option<usize> {
        while let Some(at) = known {
            let one = &self.sorted[at];
            if one.number == text {
                return Some(one.text.len());
            }
            known = one.parent.map(usize::from);
        }
        None
    }

    fn near_at(
        &self,
        token: &str,
        begins: Option<usize>,
        place: Range<usize>,
        walk: &mut Walk,
        take: &mut impl FnMut(Hit, Range<usize>),
    ) {
        let seen = Seen::of(token);
        for (number, near) in (0..).zip(&self.near) {
            if !near.may_be(seen) || self.beginning(begins, near.text).is_some() {
                continue;
            }
            if walk.comparisons == 0 {
                return;
            }
            walk.comparisons -= 1;
            if near.is(token) {
                take(Hit::Near(number), place.clone());
            }
        }
    }
}
