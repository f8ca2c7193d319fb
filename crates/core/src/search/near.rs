//! Words that are nearly the same: one letter missing, added, another, or two swapped.

/// Letters of a word from which on two edits are forgiven; with fewer, one is.
const TWO_EDITS_LETTERS_MIN: usize = 9;
/// Letters of a word that is compared, at most: no one mistypes a longer one and looks for it.
const LETTERS_MAX: usize = 64;
/// Comparisons in one note, at most; a text of nothing but near words costs no more.
pub(super) const COMPARED_MAX: u32 = 50_000;

/// A word of a query that a text may nearly hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Near {
    /// The word, by number of the feature.
    pub(super) word: u16,
    /// Its text, by number.
    pub(super) text: u16,
    letters: Vec<char>,
    edits: usize,
    mask: u64,
}

impl Near {
    pub(super) fn new(word: u16, text: u16, letters: &str) -> Near {
        let mask = mask(letters);
        let letters: Vec<char> = letters.chars().collect();
        let edits = 1 + usize::from(letters.len() >= TWO_EDITS_LETTERS_MIN);
        Near {
            word,
            text,
            letters,
            edits,
            mask,
        }
    }

    /// Bytes of a near token, at least.
    pub(super) fn bytes_min(&self) -> usize {
        self.letters.len().saturating_sub(self.edits)
    }

    /// Whether it could be near, by what is quickly seen: each edit changes the length by one at most,
    /// and brings in or takes out one letter at most.
    pub(super) fn may_be(&self, token: Seen) -> bool {
        let edits = self.edits as u32;
        self.letters.len() <= LETTERS_MAX
            && token.letters.abs_diff(self.letters.len()) <= self.edits
            && (self.mask & !token.mask).count_ones() <= edits
            && (token.mask & !self.mask).count_ones() <= edits
    }

    /// Whether a token is near: the optimal string alignment distance is within the edits.
    pub(super) fn is(&self, token: &str) -> bool {
        let mut above: Vec<usize> = (0..=self.letters.len()).collect();
        let mut two_above = above.clone();
        let mut row = above.clone();
        let mut before = None;
        for (i, c) in token.chars().enumerate() {
            if !self.fill((&two_above, &above), &mut row, i + 1, (before, c)) {
                return false;
            }
            std::mem::swap(&mut two_above, &mut above);
            std::mem::swap(&mut above, &mut row);
            before = Some(c);
        }
        above[self.letters.len()] <= self.edits
    }

    /// Before the first letter of a token.
    pub(super) fn start(&self) -> NearRow {
        let row: Vec<usize> = (0..=self.letters.len()).collect();
        NearRow {
            two_above: row.clone(),
            above: row,
            letters: 0,
            before: None,
        }
    }

    /// After one more letter; nothing if no token that begins so can be near.
    pub(super) fn step(&self, of: &NearRow, c: char) -> Option<NearRow> {
        let mut row = of.above.clone();
        let letters = of.letters + 1;
        let rows = (of.two_above.as_slice(), of.above.as_slice());
        let goes_on = self.fill(rows, &mut row, letters, (of.before, c));
        goes_on.then(|| NearRow {
            two_above: of.above.clone(),
            above: row,
            letters,
            before: Some(c),
        })
    }

    /// Whether what was compared so far is near as it is.
    pub(super) fn is_match(&self, of: &NearRow) -> bool {
        of.above[self.letters.len()] <= self.edits
    }

    /// The next row of distances; returns whether some token that begins so may be near.
    fn fill(
        &self,
        (two_above, above): (&[usize], &[usize]),
        row: &mut [usize],
        letters: usize,
        (before, c): (Option<char>, char),
    ) -> bool {
        row[0] = letters;
        for (j, letter) in self.letters.iter().enumerate() {
            let other = usize::from(c != *letter);
            let mut least = (above[j] + other).min(above[j + 1] + 1).min(row[j] + 1);
            if j > 0 && before == Some(*letter) && c == self.letters[j - 1] {
                least = least.min(two_above[j - 1] + 1);
            }
            row[j + 1] = least;
        }
        row.iter().min().is_some_and(|least| *least <= self.edits)
    }
}

/// A comparison of a token with a near word, as far as the token was read.
#[derive(Clone, Debug)]
pub struct NearRow {
    two_above: Vec<usize>,
    above: Vec<usize>,
    letters: usize,
    before: Option<char>,
}

/// What is quickly seen of a token.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    letters: usize,
    mask: u64,
}

impl Seen {
    pub(super) fn of(token: &str) -> Seen {
        Seen {
            letters: token.chars().count(),
            mask: mask(token),
        }
    }
}

fn mask(text: &str) -> u64 {
    text.chars().fold(0, |mask, c| mask | 1 << (c as u32 % 64))
}
