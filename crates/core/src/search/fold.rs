//! Text as search compares it: without case, accents, widths and other ways to type one letter.
//!
//! A text is folded cluster by cluster (a character and what joins it), so that a place in the folded
//! text can be found again in the text itself.
//! Spec: `docs/spec/search.md`, "Comparing".

use std::cell::RefCell;
use std::ops::Range;
use unicode_normalization::char::canonical_combining_class;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// The text as it is compared: compatible forms made one, marks of alphabets and case taken away,
/// every run of white space one space.
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    fold_onto(text, &mut folded);
    folded
}

/// Replaces what is in `folded`, keeping its memory.
pub fn fold_into(text: &str, folded: &mut String) {
    folded.clear();
    fold_onto(text, folded);
}

fn fold_onto(text: &str, folded: &mut String) {
    let mut rest = text;
    while !rest.is_empty() {
        // A letter before one that is not ASCII may be joined by it.
        let plain = rest
            .bytes()
            .position(|b| !b.is_ascii() || b.is_ascii_whitespace() || b == 0x0b);
        let plain = plain.unwrap_or(rest.len());
        let plain = match rest.as_bytes().get(plain) {
            Some(next) if !next.is_ascii() => plain.saturating_sub(1),
            _ => plain,
        };
        let from = folded.len();
        folded.push_str(&rest[..plain]);
        folded[from..].make_ascii_lowercase();
        rest = &rest[plain..];
        let mut end = 0;
        each_cluster(rest, |piece, place| {
            push(folded, piece);
            end = place.end;
            // Until something plain comes again.
            !rest[end..].starts_with(|c: char| c.is_ascii_graphic())
        });
        rest = &rest[end..];
    }
}

/// Adds a folded piece; white space is never doubled.
pub(super) fn push(folded: &mut String, piece: &str) {
    for c in piece.chars() {
        if !c.is_whitespace() {
            folded.push(c);
        } else if !folded.ends_with(' ') {
            folded.push(' ');
        }
    }
}

/// Gives each cluster, folded, and where it stands in the text, until it is told to stop.
pub(super) fn each_cluster(text: &str, mut take: impl FnMut(&str, Range<usize>) -> bool) {
    let mut chars = text.char_indices().peekable();
    let mut folded = String::new();
    while let Some((start, first)) = chars.next() {
        let mut end = start + first.len_utf8();
        while let Some((at, next)) = chars.peek().copied()
            && joins(next)
        {
            end = at + next.len_utf8();
            chars.next();
        }
        folded.clear();
        if end - start == 1 {
            folded.push(first.to_ascii_lowercase());
        } else {
            fold_cluster(&text[start..end], &mut folded);
        }
        if !take(&folded, start..end) {
            return;
        }
    }
}

/// The one character that is short for more than eight: a whole formula in eighteen. It is a letter of
/// its own, or a text of nothing else would take many times its length.
const FORMULA: char = '\u{fdfa}';

fn fold_cluster(cluster: &str, folded: &mut String) {
    let mut chars = cluster.chars();
    match (chars.next(), chars.next()) {
        (Some(one), None) => KNOWN.with_borrow_mut(|known| known.fold(one, folded)),
        (Some(FORMULA), _) => {
            folded.push(FORMULA);
            fold_chars(&cluster[FORMULA.len_utf8()..], folded);
        }
        _ => fold_chars(cluster, folded),
    }
}

thread_local! {
    static KNOWN: RefCell<Known> = RefCell::new(Known(vec![None; KNOWN_CHARS]));
}

/// Characters that are known folded at a time: an alphabet or two, and the frequent ones of others.
const KNOWN_CHARS: usize = 1024;
/// Bytes of a character that is kept folded, at most; all but a few take less.
const KNOWN_BYTES: usize = 18;

/// What single characters fold to, since a text has few different ones and folding takes long.
struct Known(Vec<Option<KnownChar>>);

#[derive(Clone, Copy)]
struct KnownChar {
    of: char,
    length: u8,
    folded: [u8; KNOWN_BYTES],
}

impl Known {
    fn fold(&mut self, one: char, folded: &mut String) {
        let place = &mut self.0[one as usize % KNOWN_CHARS];
        if let Some(known) = place
            && known.of == one
            && let Ok(text) = str::from_utf8(&known.folded[..usize::from(known.length)])
        {
            folded.push_str(text);
            return;
        }
        let from = folded.len();
        match one {
            FORMULA => folded.push(FORMULA),
            _ => fold_chars(one.encode_utf8(&mut [0; 4]), folded),
        }
        let text = &folded.as_bytes()[from..];
        let mut bytes = [0; KNOWN_BYTES];
        if let (Some(room), Ok(length)) = (bytes.get_mut(..text.len()), u8::try_from(text.len())) {
            room.copy_from_slice(text);
            *place = Some(KnownChar {
                of: one,
                length,
                folded: bytes,
            });
        }
    }
}

fn fold_chars(chars: &str, folded: &mut String) {
    let bare = chars.nfkd().filter(|c| !is_dropped(*c));
    // Upwards first: ß and ſ have no lower case that is the one of SS and S.
    let cased = bare
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase);
    folded.extend(cased.nfc());
}

/// Whether a character belongs to the one before it, or may make one letter with it.
fn joins(c: char) -> bool {
    !c.is_ascii()
        && (canonical_combining_class(c) != 0
            || is_nfc_quick(std::iter::once(c)) == IsNormalized::Maybe
            || matches!(c, '\u{ff9e}' | '\u{ff9f}')) // the marks of half-width kana
}

/// Marks that people leave out when they type, and characters that nobody sees. Marks that make another
/// letter, as in Japanese or the scripts of India, stay.
fn is_dropped(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}'   // accents
        | '\u{591}'..='\u{5bd}' | '\u{5bf}' | '\u{5c1}'..='\u{5c2}' | '\u{5c4}'..='\u{5c5}' | '\u{5c7}' // points in Hebrew
        | '\u{610}'..='\u{61a}' | '\u{640}' | '\u{64b}'..='\u{65f}' | '\u{670}' // signs in Arabic
        | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e01ef}' // unseen
    )
}

/// Whether a character is a part of a word.
pub(super) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || canonical_combining_class(c) != 0
}

/// Scripts that put no space between words, or hang endings onto them: there a term is found anywhere.
pub(super) fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{e00}'..='\u{eff}'         // Thai, Lao
        | '\u{f00}'..='\u{fff}'       // Tibetan
        | '\u{1000}'..='\u{109f}'     // Myanmar
        | '\u{1100}'..='\u{11ff}' | '\u{3130}'..='\u{318f}' | '\u{ac00}'..='\u{d7ff}' // Hangul
        | '\u{1780}'..='\u{17ff}'     // Khmer
        | '\u{2e80}'..='\u{2fdf}' | '\u{3005}'..='\u{3007}' | '\u{3041}'..='\u{312f}'
        | '\u{31a0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}' // Chinese, Japanese
    )
}

/// Pictures that people write and look for like words.
pub(super) fn is_symbol(c: char) -> bool {
    matches!(c, '\u{2600}'..='\u{27bf}' | '\u{1f000}'..='\u{1faff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: what is known of a character is what folding it gives, whichever others were folded since.
    #[test]
    fn a_character_folds_alike_whenever_it_comes() {
        let all: Vec<char> = ('\u{80}'..='\u{2ffff}').collect();
        for step in [1, 1024, 4096] {
            for c in all
                .iter()
                .step_by(step)
                .chain(all.iter().step_by(step).take(5_000))
            {
                let (mut known, mut folded) = (String::new(), String::new());
                fold_cluster(c.encode_utf8(&mut [0; 4]), &mut known);
                fold_chars(c.encode_utf8(&mut [0; 4]), &mut folded);
                if *c != FORMULA {
                    assert_eq!(known, folded, "{c:?}");
                }
                assert!(known.len() <= 6 * c.len_utf8(), "{c:?} gives {known:?}");
            }
        }
        assert_eq!(fold("\u{fdfa}\u{301}\u{650}x\u{fdfa}"), "\u{fdfa}x\u{fdfa}");
    }
}
