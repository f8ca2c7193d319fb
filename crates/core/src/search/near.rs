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
            row[0] = i + 1;
            for (j, letter) in self.letters.iter().enumerate() {
                let other = usize::from(c != *letter);
                let mut least = (above[j] + other).min(above[j + 1] + 1).min(row[j] + 1);
                if j > 0 && before == Some(*letter) && c == self.letters[j - 1] {
                    least = least.min(two_above[j - 1] + 1);
                }
                row[j + 1] = least;
            }
            if row.iter().min().is_some_and(|least| *least > self.edits) {
                return false;
            }
            std::mem::swap(&mut two_above, &mut above);
            std::mem::swap(&mut above, &mut row);
            before = Some(c);
        }
        above[self.letters.len()] <= self.edits
    }
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
