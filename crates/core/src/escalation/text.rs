//! Words and texts as rules compare them: without regard to case, width and composition.

use std::collections::BTreeMap;
use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

/// Bytes of a case's text that are looked at, at most: as much as an edited note.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;

/// The one spelling in which words are compared.
pub(super) fn folded(text: &str) -> String {
    text.nfkc().collect::<String>().to_lowercase()
}

/// The words of a folded text.
pub(super) fn words_of(folded: &str) -> impl Iterator<Item = &str> {
    folded.unicode_words()
}

/// A text, with the places of each of its words.
pub(super) struct Words {
    places: BTreeMap<String, Vec<u32>>,
    /// By place.
    words: Vec<String>,
    /// Whether there was more than is looked at.
    pub(super) is_cut: bool,
}

impl Words {
    pub(super) fn of(text: &str) -> Words {
        let looked_at = &text[..text.floor_char_boundary(TEXT_BYTES_MAX)];
        let folded = folded(looked_at);
        let words: Vec<String> = words_of(&folded).map(str::to_owned).collect();
        let mut places: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        for (at, word) in (0u32..).zip(&words) {
            places.entry(word.clone()).or_default().push(at);
        }
        Words {
            places,
            words,
            is_cut: looked_at.len() < text.len(),
        }
    }

    /// Whether these words stand one after the other; the last may only begin so.
    pub(super) fn has(&self, (keyword, begins): &(Vec<String>, bool)) -> bool {
        let Some((last, before)) = keyword.split_last() else {
            return false;
        };
        let ends_at = |at: u32| {
            let at = at as usize;
            let from = at.checked_sub(before.len());
            from.is_some_and(|from| self.words[from..at] == *before)
        };
        let found = |places: &Vec<u32>| places.iter().any(|at| ends_at(*at));
        if !begins {
            return self.places.get(last).is_some_and(found);
        }
        let from_there = self.places.range(last.clone()..);
        let begin_so = from_there.take_while(|(word, _)| word.starts_with(last.as_str()));
        begin_so.into_iter().any(|(_, places)| found(places))
    }
}
