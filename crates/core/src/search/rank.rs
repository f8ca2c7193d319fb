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
    rare: Rare,
}

/// How rare each feature is, once somebody asked: it takes as long as all the rest of a score.
#[derive(Clone, Debug, Default)]
struct Rare(OnceCell<Vec<u64>>);

impl PartialEq for Rare {
    fn eq(&self, _: &Rare) -> bool {
        true // it follows from the rest
    }
}

impl Eq for Rare {}

impl Statistics {
    /// Of no note.
    pub fn new(query: &Query) -> Statistics {
        Statistics {
            notes: 0,
            tokens: 0,
            newest: Timestamp::from_millis(0),
            holding: vec![0; query.features.len()],
            rare: Rare::default(),
        }
    }

    /// Counts notes of which only this is known: how many, their tokens, when the newest was captured.
    pub fn add_notes(&mut self, notes: u64, tokens: u64, newest: Timestamp) {
        self.notes += notes;
        self.tokens += tokens;
        if notes > 0 {
            self.newest = self.newest.max(newest);
        }
        self.rare.0.take();
    }

    /// Counts notes that hold something, by its number in the query.
    pub fn add_holding(&mut self, feature: usize, notes: u64) {
        self.holding[feature] += notes;
        self.rare.0.take();
    }

    /// Whether a near word, by number among them, counts: no note holds the word itself.
    pub fn wants_near(&self, query: &Query, near: usize) -> bool {
        self.takes_near(query, query.layout.near + near)
    }

    /// How rare something is.
    fn rare(&self, feature: usize) -> u64 {
        let all = self.rare.0.get_or_init(|| {
            let holding = self.holding.iter();
            holding
                .map(|notes| log2(2 * (self.notes + 1), 2 * notes + 1))
                .collect()
        });
        all[feature]
    }

    /// Counts a note.
    pub fn add(&mut self, note: Looked<'_>, facts: Facts) {
        self.notes += 1;
        self.tokens += u64::from(note.tokens);
        self.newest = self.newest.max(facts.captured_at);
        for count in note.counts {
            self.holding[usize::from(count.feature)] += 1;
        }
        self.rare.0.take();
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
        let held = counts
            .iter()
            .filter(|count| self.is_term(query, usize::from(count.feature)));
        u32::try_from(held.count()).unwrap_or(u32::MAX)
    }

    /// What a note is worth.
    pub fn score(&self, query: &Query, note: Looked<'_>, facts: Facts) -> u64 {
        let parts = note.counts.iter();
        let sum: u64 = parts
            .map(|count| self.part(query, count, note.tokens))
            .sum();
        let factors = self.factors(facts);
        factors.into_iter().fold(sum, |sum, (_, thousandths)| {
            sum * u64::from(thousandths) / 1000
        })
    }

    /// The parts that a note's worth is made of, the greatest first.
    pub fn explain(&self, query: &Query, note: Looked<'_>, facts: Facts) -> Score {
        let mut parts: Vec<ScorePart> = note
            .counts
            .iter()
            .map(|count| {
                let feature = &query.features[usize::from(count.feature)];
                ScorePart {
                    kind: feature.kind,
                    text: feature.text.clone(),
                    notes: self.holding[usize::from(count.feature)],
                    points: points(self.part(query, count, note.tokens)),
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

    fn part(&self, query: &Query, count: &Count, tokens: u32) -> u64 {
        let at = usize::from(count.feature);
        let feature = &query.features[at];
        let worth = match feature.kind {
            _ if !feature.scores => return 0,
            Kind::Near if !self.takes_near(query, at) => return 0,
            Kind::Pair => PAIR,
            Kind::Word | Kind::Phrase | Kind::Near => ONE,
        };
        let rare = self.rare(at);
        // A length is compared with the average; where all texts are empty, all are average.
        let average = self.tokens.max(1);
        let long = LENGTH as u128 * u128::from(tokens) * u128::from(self.notes.max(1));
        let norm = ONE - LENGTH + u64::try_from(long / u128::from(average)).unwrap_or(u64::MAX / 2);
        let body = u128::from(count.body) * u128::from(ONE) * u128::from(ONE) / u128::from(norm);
        let often = (u128::from(count.short) * u128::from(ONE) + body) / u128::from(UNIT);
        let much = often * u128::from(ONE + AGAIN) / (often + u128::from(AGAIN)).max(1);
        let much = u64::try_from(much).unwrap_or(u64::MAX); // at most ONE + AGAIN
        let said = Query::said(feature);
        (((worth * said) >> 16) * ((rare * much) >> 16)) >> 16
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
            Some(Claim::Verified) => 1100,
            Some(Claim::Observation) => 1050,
            Some(Claim::Directive) | None => 1000,
            Some(Claim::Inference) => 950,
        };
        [
            (ScoreFactor::Recent, u32::try_from(recent).unwrap_or(1000)),
            (
                ScoreFactor::Pinned,
                if facts.pinned { PINNED } else { 1000 },
            ),
            (ScoreFactor::Claim, claim),
        ]
    }
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
