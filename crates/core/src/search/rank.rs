//! What a note is worth: BM25 over words and pairs of words, times what is said about the note.
//!
//! All of it is whole numbers, in 65536ths where parts are needed, so that every device that holds the
//! same notes comes to the same order. The same recipe is meant for an index later.
//! Spec: `docs/spec/search.md`, "Order".

use super::query::{Kind, Query};
use super::{Count, Looked};
use crate::id::Timestamp;
use crate::pack::note::Claim;
use std::cell::OnceCell;

/// One, in the fractions of this file.
const ONE: u64 = 1 << 16;
/// How soon a word that stands there again counts for less: the k1 of BM25, as most programs have it.
const AGAIN: u64 = ONE * 12 / 10;
/// How much the length of a text counts: the b of BM25, as most programs have it.
const LENGTH: u64 = ONE * 3 / 4;
/// What a pair of words is worth beside its two words, which are counted too.
const PAIR: u64 = ONE / 2;
/// The most that being the newest adds, in thousandths: enough between notes that say the same.
const RECENT: u64 = 100;
/// After so many milliseconds half of it is left: thirty days.
const RECENT_HALF: u64 = 30 * 24 * 60 * 60 * 1000;
/// What being the newest multiplies by, in thousandths; nothing more.
const RECENT_MAX: u32 = 1000 + RECENT as u32;
/// What a verified claim multiplies by, in thousandths: no claim counts more.
const VERIFIED: u32 = 1100;
/// What a pin multiplies by, in thousandths: somebody said that it matters.
const PINNED: u32 = 1200;

/// What is said about a note, and counts beside its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// When it was captured, by the capturing device's clock.
    pub captured_at: Timestamp,
    /// Whether it is pinned.
    pub pinned: bool,
    /// What kind of statement it makes.
    pub claim: Option<Claim>,
}

/// What is known about all notes in question: how many hold a word, how long they are.
///
/// # Security
/// It decides the order of results, so it may only come from notes that the person who searches may read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statistics {
    notes: u64,
    tokens: u64,
    newest: Timestamp,
    holding: Vec<u64>,
    worths: Worths,
}

/// What each feature is worth in every note, once somebody asked: it takes longer than all the rest of
/// a score.
#[derive(Clone, Debug, Default)]
struct Worths(OnceCell<Vec<Worth>>);

impl PartialEq for Worths {
    fn eq(&self, _: &Worths) -> bool {
        true // it follows from the rest
    }
}

impl Eq for Worths {}

/// What a feature is worth in every note, in 65536ths.
#[derive(Clone, Copy, Debug)]
struct Worth {
    /// By its kind, and for being said more than once; nothing if it does not count.
    said: u64,
    /// For being rare.
    rare: u64,
    /// Whether it makes a note fit.
    is_term: bool,
}

impl Statistics {
    /// Of no note.
    pub fn new(query: &Query) -> Statistics {
        Statistics {
            notes: 0,
            tokens: 0,
            newest: Timestamp::from_millis(0),
            holding: vec![0; query.features.len()],
            worths: Worths::default(),
        }
    }

    /// Counts notes of which only this is known: how many, their tokens, when the newest was captured.
    pub fn add_notes(&mut self, notes: u64, tokens: u64, newest: Timestamp) {
        self.notes += notes;
        self.tokens += tokens;
        if notes > 0 {
            self.newest = self.newest.max(newest);
        }
        self.worths.0.take();
    }

    /// Counts notes that hold something, by its number in the query.
    pub fn add_holding(&mut self, feature: usize, notes: u64) {
        self.holding[feature] += notes;
        self.worths.0.take();
    }

    /// Whether a near word, by number among them, counts: no note holds the word itself.
    pub fn wants_near(&self, query: &Query, near: usize) -> bool {
        self.takes_near(query, query.layout.near + near)
    }

    fn worths(&self, query: &Query) -> &[Worth] {
        self.worths.0.get_or_init(|| {
            let features = query.features.iter().zip(&self.holding).enumerate();
            features
                .map(|(at, (feature, notes))| {
                    let worth = match feature.kind {
                        _ if !feature.scores => 0,
                        Kind::Near if !self.takes_near(query, at) => 0,
                        Kind::Pair => PAIR,
                        Kind::Word | Kind::Phrase | Kind::Near => ONE,
                    };
                    Worth {
                        said: (worth * Query::said(feature)) >> 16,
                        rare: log2(2 * (self.notes + 1), 2 * notes + 1),
                        is_term: self.is_term(query, at),
                    }
                })
                .collect()
        })
    }

    /// Counts a note.
    pub fn add(&mut self, note: Looked<'_>, facts: Facts) {
        self.notes += 1;
        self.tokens += u64::from(note.tokens);
        self.newest = self.newest.max(facts.captured_at);
        for count in note.counts {
            self.holding[usize::from(count.feature)] += 1;
        }
        self.worths.0.take();
    }

    /// Words of the query that no note holds, and for which notes hold near ones.
    pub fn meant(&self, query: &Query) -> Vec<String> {
        let near = query.layout.near..query.features.len();
        near.filter(|at| self.holding[*at] > 0 && self.takes_near(query, *at))
            .map(|at| query.features[at].text.clone())
            .collect()
    }

    /// Whether a near word counts: only if no note holds the word itself.
    pub(super) fn takes_near(&self, query: &Query, near: usize) -> bool {
        self.holding[query.meant(near)] == 0
    }

    /// Whether what was counted makes a note fit.
    fn is_term(&self, query: &Query, feature: usize) -> bool {
        if feature >= query.layout.near {
            self.takes_near(query, feature) && query.features[query.meant(feature)].is_term
        } else {
            query.features[feature].is_term
        }
    }

    /// How many terms a note holds, with near words where nothing else is.
    pub fn terms(&self, query: &Query, counts: &[Count]) -> u32 {
        let worths = self.worths(query);
        let held = counts
            .iter()
            .filter(|count| worths[usize::from(count.feature)].is_term);
        u32::try_from(held.count()).unwrap_or(u32::MAX)
    }

    /// What a note is worth.
    pub fn score(&self, query: &Query, note: Looked<'_>, facts: Facts) -> u64 {
        self.score_of(self.text_score(query, note), facts)
    }

    /// What a note is worth whose text is worth so much.
    pub(super) fn score_of(&self, text_score: u64, facts: Facts) -> u64 {
        times(text_score, self.factors(facts))
    }

    /// What its text is worth, whatever is said about it.
    pub(super) fn text_score(&self, query: &Query, note: Looked<'_>) -> u64 {
        let (worths, norm) = (self.worths(query), self.norm(note.tokens));
        let parts = note.counts.iter();
        parts.map(|count| part(worths, count, norm)).sum()
    }

    /// The most that a note is worth whose text is worth so much.
    pub(super) fn most(text_score: u64) -> u64 {
        let most = [ScoreFactor::Recent, ScoreFactor::Pinned, ScoreFactor::Claim];
        let most = most.map(|factor| {
            let thousandths = match factor {
                ScoreFactor::Recent => RECENT_MAX,
                ScoreFactor::Pinned => PINNED,
                ScoreFactor::Claim => VERIFIED,
            };
            (factor, thousandths)
        });
        times(text_score, most)
    }

    /// The parts that a note's worth is made of, the greatest first.
    pub fn explain(&self, query: &Query, note: Looked<'_>, facts: Facts) -> Score {
        let (worths, norm) = (self.worths(query), self.norm(note.tokens));
        let mut parts: Vec<ScorePart> = note
            .counts
            .iter()
            .map(|count| {
                let feature = &query.features[usize::from(count.feature)];
                ScorePart {
                    kind: feature.kind,
                    text: feature.text.clone(),
                    notes: self.holding[usize::from(count.feature)],
                    points: points(part(worths, count, norm)),
                }
            })
            .filter(|part| part.points > 0)
            .collect();
        parts.sort_by(|a, b| b.points.cmp(&a.points).then_with(|| a.text.cmp(&b.text)));
        Score {
            points: points(self.score(query, note, facts)),
            notes: self.notes,
            parts,
            factors: self.factors(facts),
        }
    }

    /// What a body of so many tokens is divided by: a length is compared with the average; where all
    /// texts are empty, all are average.
    fn norm(&self, tokens: u32) -> u64 {
        let (tokens, notes) = (u64::from(tokens), self.notes.max(1));
        let average = self.tokens.max(1);
        let long = match (LENGTH * tokens).checked_mul(notes) {
            Some(product) => product / average,
            None => {
                let product = u128::from(LENGTH * tokens) * u128::from(notes);
                u64::try_from(product / u128::from(average)).unwrap_or(u64::MAX / 2)
            }
        };
        ONE - LENGTH + long
    }

    /// What the sum is multiplied by, in thousandths.
    fn factors(&self, facts: Facts) -> [(ScoreFactor, u32); 3] {
        let age = self
            .newest
            .as_millis()
            .saturating_sub(facts.captured_at.as_millis());
        let span = RECENT_HALF.saturating_add(age);
        let recent = 1000 + (RECENT * RECENT_HALF + span / 2) / span;
        let claim = match facts.claim {
            Some(Claim::Verified) => VERIFIED,
            Some(Claim::Observation) => 1050,
            Some(Claim::Directive) | None => 1000,
            Some(Claim::Inference) => 950,
        };
        [
            (
                ScoreFactor::Recent,
                u32::try_from(recent).unwrap_or(RECENT_MAX),
            ),
            (
                ScoreFactor::Pinned,
                if facts.pinned { PINNED } else { 1000 },
            ),
            (ScoreFactor::Claim, claim),
        ]
    }
}

/// What something that stands in a note adds to its worth, by how often it does.
fn part(worths: &[Worth], count: &Count, norm: u64) -> u64 {
    let worth = worths[usize::from(count.feature)];
    if worth.said == 0 {
        return 0;
    }
    let body = (u64::from(count.body) << 32) / norm;
    let often = ((u64::from(count.short) << 16) + body) / u64::from(UNIT);
    let above = often.checked_mul(ONE + AGAIN);
    let much = match above {
        Some(above) => above / (often + AGAIN),
        None => {
            let above = u128::from(often) * u128::from(ONE + AGAIN);
            // At most ONE + AGAIN.
            u64::try_from(above / (u128::from(often) + u128::from(AGAIN))).unwrap_or(u64::MAX)
        }
    };
    (worth.said * ((worth.rare * much) >> 16)) >> 16
}

fn times(sum: u64, factors: [(ScoreFactor, u32); 3]) -> u64 {
    factors.into_iter().fold(sum, |sum, (_, thousandths)| {
        sum * u64::from(thousandths) / 1000
    })
}

/// How often something is counted once: a whole word in the body. A beginning or a near word is half.
pub const UNIT: u32 = 2;

/// What the sum of the parts is multiplied by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScoreFactor {
    /// How new the note is beside the newest.
    Recent,
    /// Whether it is pinned.
    Pinned,
    /// What kind of statement it makes.
    Claim,
}

impl ScoreFactor {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            ScoreFactor::Recent => "recent",
            ScoreFactor::Pinned => "pinned",
            ScoreFactor::Claim => "claim",
        }
    }
}

/// Why a note stands where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Score {
    /// What it is worth, in thousandths.
    pub points: u64,
    /// Notes among which words were counted.
    pub notes: u64,
    /// What it is made of, the greatest first.
    pub parts: Vec<ScorePart>,
    /// What their sum is multiplied by, in thousandths.
    pub factors: [(ScoreFactor, u32); 3],
}

/// What one word or pair of words adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScorePart {
    /// What was counted.
    pub kind: Kind,
    /// As the query says it, folded.
    pub text: String,
    /// How many notes hold it.
    pub notes: u64,
    /// What it adds, in thousandths.
    pub points: u64,
}

/// In thousandths, which people can read.
fn points(score: u64) -> u64 {
    score * 1000 / ONE
}

/// The binary logarithm of a fraction that is one at least, in 65536ths, rounded down.
fn log2(above: u64, below: u64) -> u64 {
    let ratio = (u128::from(above) << 32) / u128::from(below.max(1));
    let ratio = ratio.max(1 << 32);
    let whole = u64::from(127 - ratio.leading_zeros() - 32);
    let mut rest = ratio >> whole; // between one and two, in 2^32ths
    let mut log = whole;
    for _ in 0..16 {
        rest = (rest * rest) >> 32;
        log <<= 1;
        if rest >= 2 << 32 {
            rest >>= 1;
            log |= 1;
        }
    }
    log
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logarithm_is_the_one_of_floating_point() {
        for (above, below) in [
            (1, 1),
            (2, 1),
            (3, 1),
            (1000, 3),
            (u64::MAX, 1),
            (7, 6),
            (1, 2),
        ] {
            let exact = (above as f64 / below as f64).max(1.0).log2();
            let ours = log2(above, below) as f64 / ONE as f64;
            assert!(
                (exact - ours).abs() < 1e-4,
                "{above}/{below}: {exact} {ours}"
            );
        }
    }
}
