//! Words that say little in a question: English and German, as NLTK lists them.

use super::fold::fold;
use super::token::tokens;
use std::collections::HashSet;
use std::sync::LazyLock;

/// Whether a folded word says little.
pub(super) fn is_stop_word(word: &str) -> bool {
    STOP_WORDS.contains(word)
}

/// Folded and cut as everything else, so that `don't` is two of them.
static STOP_WORDS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let lists = ["en", "de"].into_iter().filter_map(stop_words::lookup);
    let mut words = HashSet::new();
    for listed in lists.flatten() {
        words.extend(tokens(&fold(listed)).into_iter().map(str::to_owned));
    }
    words
});
