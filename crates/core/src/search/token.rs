//! Folded text as the tokens that are compared: words, numbers, and pairs of letters where a script
//! puts no spaces.
//!
//! A token is a piece of the folded text, so that its place is known without being stored. The same
//! tokens are meant for an index later.
//! Spec: `docs/spec/search.md`, "Tokens".

use super::fold::{is_symbol, is_unspaced, is_word};
use std::ops::Range;

/// Bytes of one token, at most; what is longer is several, so that no text can make a large one.
pub const TOKEN_BYTES_MAX: usize = 256;

/// Gives the place of each token in a folded text, in order.
pub(crate) fn each_token(folded: &str, mut take: impl FnMut(Range<usize>)) {
    let mut at = 0;
    while let Some(c) = folded[at..].chars().next() {
        if c.is_ascii() && !c.is_ascii_alphanumeric() {
            at += 1;
            continue;
        }
        at = if is_unspaced(c) && is_word(c) {
            unspaced(folded, at, &mut take)
        } else if is_word(c) {
            word(folded, at, &mut take)
        } else {
            let end = at + c.len_utf8();
            if is_symbol(c) {
                take(at..end);
            }
            end
        };
    }
}

/// The tokens of a text that is folded already, as texts.
pub(super) fn tokens(folded: &str) -> Vec<&str> {
    let mut all = Vec::new();
    each_token(folded, |place| all.push(&folded[place]));
    all
}

/// Whether a token is one letter of a script without spaces, which may stand first in any pair.
pub(super) fn is_lone(token: &str) -> bool {
    let mut chars = token.chars();
    chars.next().is_some_and(is_unspaced) && chars.next().is_none()
}

/// A run of letters and digits; a point or comma between two digits belongs to the number.
fn word(folded: &str, start: usize, take: &mut impl FnMut(Range<usize>)) -> usize {
    let letters = folded.as_bytes()[start..].iter();
    let plain = letters.take_while(|b| b.is_ascii_alphanumeric()).count();
    let end = start + plain;
    let ends = |next: &u8| next.is_ascii() && !matches!(next, b'.' | b',');
    if plain <= TOKEN_BYTES_MAX && folded.as_bytes().get(end).is_none_or(ends) {
        take(start..end);
        return end;
    }
    let (mut begin, mut before) = (start, ' ');
    let mut chars = folded[start..].char_indices().peekable();
    while let Some((offset, c)) = chars.next() {
        let at = start + offset;
        let inside = if matches!(c, '.' | ',') {
            let after = chars.peek().map(|(_, next)| *next);
            before.is_numeric() && after.is_some_and(char::is_numeric)
        } else {
            is_word(c) && !is_unspaced(c)
        };
        if !inside {
            take(begin..at);
            return at;
        }
        if at + c.len_utf8() - begin > TOKEN_BYTES_MAX {
            take(begin..at);
            begin = at;
        }
        before = c;
    }
    take(begin..folded.len());
    folded.len()
}

/// Each letter of a run with the one after it; the last alone.
fn unspaced(folded: &str, start: usize, take: &mut impl FnMut(Range<usize>)) -> usize {
    let mut begin = start;
    let mut chars = folded[start..].chars();
    let Some(first) = chars.next() else {
        return start;
    };
    let mut at = start + first.len_utf8();
    for c in chars {
        if !is_unspaced(c) || !is_word(c) {
            break;
        }
        let end = at + c.len_utf8();
        take(begin..end);
        (begin, at) = (at, end);
    }
    take(begin..at);
    at
}
