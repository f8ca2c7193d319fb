//! From the text before to the text after, as splices of whole words.
//!
//! Texts merge by character, so what one person types in one place stays together only if it is one
//! splice. Two versions of a word, each made of the letters that differ, would be mixed letter by letter:
//! of `100`, once `250` and once `175`, `2575` would be left. So lines are compared first, then words
//! within the lines that differ (Unicode's word boundaries; a number with its punctuation and an address
//! are one word), and a word that differs is replaced as a whole, with the space before it: then two
//! versions stand beside each other. Old words that stay between replaced ones and are no longer than
//! either side are replaced with them, since a sentence of one person's is worth more than an `a` that
//! both have. Where even that differs too much, all between the common beginning and the common end is
//! replaced.
//! Why: `docs/design/0033-words-not-letters.md`.

use automerge::transaction::{Transactable, Transaction};
use automerge::{AutomergeError, ObjId};
use std::collections::HashMap;
use std::ops::Range;
use unicode_segmentation::UnicodeSegmentation;

/// Differences in lines, and in words of all lines together, up to which texts are compared. The search
/// takes as many steps as there are words times differences, and its memory grows with their square.
const DIFFERENCES_MAX: usize = 1000;

/// Changes `old`, which is the text of `object`, to `new`, word by word.
pub(crate) fn update(
    tx: &mut Transaction<'_>,
    object: &ObjId,
    old: &str,
    new: &str,
) -> Result<(), AutomergeError> {
    apply(tx, object, &splices(old, new))
}

/// Changes `old`, which is the text of `object`, to `new` by one splice: all words between the common
/// beginning and the common end.
pub(crate) fn replace(
    tx: &mut Transaction<'_>,
    object: &ObjId,
    old: &str,
    new: &str,
) -> Result<(), AutomergeError> {
    let texts = Texts::new(old, new);
    apply(tx, object, &texts.settled(vec![texts.middle()]))
}

fn apply(
    tx: &mut Transaction<'_>,
    object: &ObjId,
    splices: &[Splice<'_>],
) -> Result<(), AutomergeError> {
    for splice in splices.iter().rev() {
        tx.splice_text(object, splice.at, splice.out as isize, splice.text)?;
    }
    Ok(())
}

/// From `at` on, `out` characters become `text`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Splice<'a> {
    at: usize,
    out: usize,
    text: &'a str,
}

fn splices<'a>(old: &'a str, new: &'a str) -> Vec<Splice<'a>> {
    let texts = Texts::new(old, new);
    let hunks = texts.words_that_differ();
    texts.settled(texts.joined(hunks.unwrap_or_else(|| vec![texts.middle()])))
}

/// What becomes what, as ranges of the same things on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Hunk {
    old: Range<usize>,
    new: Range<usize>,
}

impl Hunk {
    fn replaces(&self) -> bool {
        !self.old.is_empty() && !self.new.is_empty()
    }

    /// The same within something that begins there.
    fn after(self, old: usize, new: usize) -> Hunk {
        Hunk {
            old: self.old.start + old..self.old.end + old,
            new: self.new.start + new..self.new.end + new,
        }
    }
}

/// A text as its words, spaces and marks.
struct Text<'a> {
    text: &'a str,
    tokens: Vec<&'a str>,
    /// For each token a number that only equal ones have.
    ids: Vec<u32>,
    /// Where each token begins, and the end, in bytes.
    bytes: Vec<usize>,
    /// The same in characters.
    chars: Vec<usize>,
}

impl<'a> Text<'a> {
    fn new(text: &'a str, numbers: &mut HashMap<&'a str, u32>) -> Text<'a> {
        let tokens = tokens(text);
        let ids = tokens.iter().map(|token| {
            let next = numbers.len() as u32;
            *numbers.entry(token).or_insert(next)
        });
        let ids = ids.collect();
        let ends = |length: fn(&str) -> usize| -> Vec<usize> {
            let ends = tokens.iter().scan(0, |end, token| {
                *end += length(token);
                Some(*end)
            });
            std::iter::once(0).chain(ends).collect()
        };
        Text {
            text,
            ids,
            bytes: ends(str::len),
            chars: ends(|token| token.chars().count()),
            tokens,
        }
    }

    fn length(&self, range: &Range<usize>) -> usize {
        self.chars[range.end] - self.chars[range.start]
    }

    fn begins_line(&self, at: usize) -> bool {
        at == 0 || ends_line(self.tokens[at - 1])
    }

    /// The lines of a range that begins and ends with one.
    fn lines(&self, range: &Range<usize>) -> Vec<Range<usize>> {
        let mut lines = Vec::new();
        let mut start = range.start;
        for at in range.clone() {
            if ends_line(self.tokens[at]) || at + 1 == range.end {
                lines.push(start..at + 1);
                start = at + 1;
            }
        }
        lines
    }

    /// How well the text can be cut before a token.
    fn cut(&self, at: usize) -> u8 {
        let (Some(before), Some(after)) = (
            at.checked_sub(1).map(|at| self.tokens[at]),
            self.tokens.get(at),
        ) else {
            return 5;
        };
        let closes = |token: &str| {
            token.ends_with([')', ']', '}', '>', '»', '”', '’', '›'])
                || token.ends_with(['.', ',', ';', ':', '!', '?'])
        };
        let opens = |token: &str| token.starts_with(['(', '[', '{', '<', '«', '“', '„', '‘', '‹']);
        if ends_line(before) {
            4
        } else if is_space(before) || is_space(after) {
            3
        } else if closes(before) || opens(after) {
            2
        } else {
            1
        }
    }
}

/// Words, spaces and marks, one after the other. Scripts without spaces have a token for each character.
fn tokens(text: &str) -> Vec<&str> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for (start, token) in text.split_word_bound_indices() {
        let mut range = start..start + token.len();
        if let [.., before, mark] = ranges.as_slice()
            && joins(&text[before.clone()], &text[mark.clone()], token)
        {
            range.start = before.start;
            ranges.truncate(ranges.len() - 2);
        }
        ranges.push(range);
    }
    ranges.into_iter().map(|range| &text[range]).collect()
}

/// Whether a mark makes one word of what stands on both sides of it: one between two digits (`10:30`,
/// `24/11/2026`), or the one of an address.
fn joins(before: &str, mark: &str, after: &str) -> bool {
    let (Some(before), Some(after)) = (before.chars().next_back(), after.chars().next()) else {
        return false;
    };
    match mark {
        "." | "," | ":" | "/" | "-" | "+" | "'" | "’" => {
            before.is_numeric() && after.is_numeric()
        }
        "@" => before.is_alphanumeric() && after.is_alphanumeric(),
        _ => false,
    }
}

fn ends_line(token: &str) -> bool {
    token.ends_with('\n')
}

fn is_space(token: &str) -> bool {
    token.starts_with(char::is_whitespace)
}

/// The text before and after.
struct Texts<'a> {
    old: Text<'a>,
    new: Text<'a>,
}

impl<'a> Texts<'a> {
    fn new(old: &'a str, new: &'a str) -> Texts<'a> {
        let mut numbers = HashMap::new();
        Texts {
            old: Text::new(old, &mut numbers),
            new: Text::new(new, &mut numbers),
        }
    }

    /// All that lies between the common beginning and the common end.
    fn middle(&self) -> Hunk {
        between(&self.old.ids, &self.new.ids)
    }

    /// The words that differ within the lines that differ; none if even the lines differ too much. A
    /// line whose words do is one difference.
    fn words_that_differ(&self) -> Option<Vec<Hunk>> {
        let lines = self.whole_lines(self.middle());
        let (old_lines, new_lines) = (self.old.lines(&lines.old), self.new.lines(&lines.new));
        let mut numbers: HashMap<&[u32], u32> = HashMap::new();
        let mut old = Vec::with_capacity(old_lines.len());
        let mut new = Vec::with_capacity(new_lines.len());
        for (text, lines, ids) in [
            (&self.old, &old_lines, &mut old),
            (&self.new, &new_lines, &mut new),
        ] {
            for line in lines {
                let next = numbers.len() as u32;
                ids.push(*numbers.entry(&text.ids[line.clone()]).or_insert(next));
            }
        }
        let mut left = DIFFERENCES_MAX;
        let mut hunks = Vec::new();
        let begins = |lines: &[Range<usize>], at: usize, end: usize| {
            lines.get(at).map_or(end, |line| line.start)
        };
        for differ in differences(&old, &new, DIFFERENCES_MAX)? {
            let place = |at| begins(&old_lines, at, lines.old.end);
            let place_new = |at| begins(&new_lines, at, lines.new.end);
            let old = place(differ.old.start)..place(differ.old.end);
            let new = place_new(differ.new.start)..place_new(differ.new.end);
            let (old_ids, new_ids) = (&self.old.ids[old.clone()], &self.new.ids[new.clone()]);
            let words = differences(old_ids, new_ids, left);
            let words = words.unwrap_or_else(|| vec![between(old_ids, new_ids)]);
            for hunk in words {
                left = left.saturating_sub(hunk.old.len() + hunk.new.len());
                hunks.push(hunk.after(old.start, new.start));
            }
        }
        Some(hunks)
    }

    /// A hunk from the beginning of its first line to the end of its last. What comes before and behind
    /// it is the same on both sides.
    fn whole_lines(&self, hunk: Hunk) -> Hunk {
        let mut before = 0;
        while !self.old.begins_line(hunk.old.start - before)
            && !self.new.begins_line(hunk.new.start - before)
        {
            before += 1;
        }
        let rest = &self.old.tokens[hunk.old.end..];
        let to_end = rest.iter().position(|token| ends_line(token));
        let behind = to_end.map_or(rest.len(), |at| at + 1);
        Hunk {
            old: hunk.old.start - before..hunk.old.end + behind,
            new: hunk.new.start - before..hunk.new.end + behind,
        }
    }

    /// Replacements in one line between which nothing but spaces and marks stays, or words that are no
    /// longer than either, become one.
    fn joined(&self, hunks: Vec<Hunk>) -> Vec<Hunk> {
        let mut joined: Vec<Hunk> = Vec::new();
        for hunk in hunks {
            joined.push(hunk);
            while let [.., left, right] = joined.as_slice()
                && self.belong_together(left, right)
            {
                let both = Hunk {
                    old: left.old.start..right.old.end,
                    new: left.new.start..right.new.end,
                };
                joined.truncate(joined.len() - 2);
                joined.push(both);
            }
        }
        joined
    }

    fn belong_together(&self, left: &Hunk, right: &Hunk) -> bool {
        let gap = left.old.end..right.old.start;
        let stays = &self.old.tokens[gap.clone()];
        if !left.replaces() || !right.replaces() || stays.iter().any(|token| ends_line(token)) {
            return false;
        }
        let length = |hunk: &Hunk| self.old.length(&hunk.old).max(self.new.length(&hunk.new));
        let has_words = stays
            .iter()
            .any(|token| token.contains(char::is_alphanumeric));
        !has_words || self.old.length(&gap) <= length(left).min(length(right))
    }

    /// The splices of hunks, each at the best of the places where it makes the same text.
    fn settled(&self, hunks: Vec<Hunk>) -> Vec<Splice<'a>> {
        let mut splices = Vec::with_capacity(hunks.len());
        let (mut old_end, mut new_end) = (0, 0);
        for (at, hunk) in hunks.iter().enumerate() {
            let next = hunks.get(at + 1);
            let room = Hunk {
                old: old_end..next.map_or(self.old.ids.len(), |next| next.old.start),
                new: new_end..next.map_or(self.new.ids.len(), |next| next.new.start),
            };
            let Hunk { old, new } = if hunk.replaces() {
                self.with_separator(hunk, &room)
            } else {
                self.slid(hunk, &room)
            };
            (old_end, new_end) = (old.end, new.end);
            if old.is_empty() && new.is_empty() {
                continue;
            }
            splices.push(Splice {
                at: self.old.chars[old.start],
                out: self.old.length(&old),
                text: &self.new.text[self.new.bytes[new.start]..self.new.bytes[new.end]],
            });
        }
        splices
    }

    /// A word is replaced with the space before it, whole lines with the end of the last: what somebody
    /// else puts in their place then stands beside it, and not in one word or line with it.
    fn with_separator(&self, hunk: &Hunk, room: &Hunk) -> Hunk {
        let Hunk { old, new } = hunk;
        let ends = self.old.tokens.get(old.end).is_some_and(|t| ends_line(t));
        if ends && self.old.begins_line(old.start) && old.end < room.old.end {
            return Hunk {
                old: old.start..old.end + 1,
                new: new.start..new.end + 1,
            };
        }
        let begins_with_space =
            is_space(self.old.tokens[old.start]) || is_space(self.new.tokens[new.start]);
        let space = |at: usize| is_space(self.old.tokens[at]) && !ends_line(self.old.tokens[at]);
        if !begins_with_space && old.start > room.old.start && space(old.start - 1) {
            return Hunk {
                old: old.start - 1..old.end,
                new: new.start - 1..new.end,
            };
        }
        hunk.clone()
    }

    /// Where text was only put in or only taken out, the same text may follow from several places: of
    /// `<b>` before `<a>`, it may be `<b>` at the beginning or `b><` after the first bracket. What
    /// somebody else takes out at the same time is taken out between characters, so the place is chosen
    /// that cuts lines, words and brackets best; of equal ones the first, so that a word takes the space
    /// before it along.
    fn slid(&self, hunk: &Hunk, room: &Hunk) -> Hunk {
        let puts_in = hunk.old.is_empty();
        let (text, range, room) = if puts_in {
            (&self.new, &hunk.new, &room.new)
        } else {
            (&self.old, &hunk.old, &room.old)
        };
        let length = range.len();
        if length == 0 {
            return hunk.clone();
        }
        let mut start = range.start;
        // One place further it is the same text if what comes into it there leaves it at the other end.
        while start + length < room.end && text.ids[start] == text.ids[start + length] {
            start += 1;
        }
        let worth = |start: usize| text.cut(start) + text.cut(start + length);
        let mut best = (worth(start), start);
        while start > room.start && text.ids[start - 1] == text.ids[start + length - 1] {
            start -= 1;
            if worth(start) >= best.0 {
                best = (worth(start), start);
            }
        }
        let slid = |of: &Range<usize>| {
            let begin = of.start + best.1 - range.start;
            begin..begin + of.len()
        };
        Hunk {
            old: slid(&hunk.old),
            new: slid(&hunk.new),
        }
    }
}

/// All that lies between the common beginning and the common end.
fn between<T: PartialEq>(old: &[T], new: &[T]) -> Hunk {
    let begin = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let rest = old[begin..].iter().rev().zip(new[begin..].iter().rev());
    let end = rest.take_while(|(a, b)| a == b).count();
    Hunk {
        old: begin..old.len() - end,
        new: begin..new.len() - end,
    }
}

/// What differs, in order, unless it is more than `most`.
fn differences(old: &[u32], new: &[u32], most: usize) -> Option<Vec<Hunk>> {
    let paths = paths(old, new, most)?;
    Some(trace(old, new, &paths))
}

/// Myers' greedy search (Algorithmica 1, 1986): for each number of differences `d`, how far in `old`
/// each diagonal `k = x − y` comes, the lowest first. It ends when both are used up, or with none
/// after `most`.
fn paths<T: PartialEq>(old: &[T], new: &[T], most: usize) -> Option<Vec<Vec<usize>>> {
    let mut rounds: Vec<Vec<usize>> = Vec::new();
    for d in 0..=most {
        let mut round = Vec::with_capacity(d + 1);
        for i in 0..=d {
            let mut x = match rounds.last() {
                None => 0,
                Some(last) if inserts(last, i, d) => last[i],
                Some(last) => last[i - 1] + 1,
            };
            let mut y = x + d - 2 * i; // k = 2i − d, and x ≥ k
            while x < old.len() && y < new.len() && old[x] == new[y] {
                (x, y) = (x + 1, y + 1);
            }
            round.push(x);
            if x >= old.len() && y >= new.len() {
                rounds.push(round);
                return Some(rounds);
            }
        }
        rounds.push(round);
    }
    None
}

/// Whether round `d` reaches its diagonal `i` by an insertion, from the one above, which then comes
/// further; a deletion comes from the one below.
fn inserts(last: &[usize], i: usize, d: usize) -> bool {
    i == 0 || (i != d && last[i - 1] < last[i])
}

/// The differences on the path that [`paths`] found, in order, neighbours joined.
fn trace<T: PartialEq>(old: &[T], new: &[T], rounds: &[Vec<usize>]) -> Vec<Hunk> {
    let mut hunks: Vec<Hunk> = Vec::new();
    let (mut x, mut y) = (old.len(), new.len());
    for d in (1..rounds.len()).rev() {
        let i = (x + d - y) / 2;
        let last = &rounds[d - 1];
        let insert = inserts(last, i, d);
        x = if insert { last[i] } else { last[i - 1] };
        // An insertion comes from diagonal k + 1, a deletion from k − 1.
        y = x + d + 1 - 2 * i - 2 * usize::from(insert);
        let step = Hunk {
            old: x..x + usize::from(!insert),
            new: y..y + usize::from(insert),
        };
        match hunks.last_mut() {
            Some(next) if step.old.end == next.old.start && step.new.end == next.new.start => {
                (next.old.start, next.new.start) = (step.old.start, step.new.start);
            }
            _ => hunks.push(step),
        }
    }
    hunks.reverse();
    hunks
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn patched(old: &str, splices: &[Splice<'_>]) -> String {
        let mut result: Vec<char> = old.chars().collect();
        for splice in splices.iter().rev() {
            result.splice(splice.at..splice.at + splice.out, splice.text.chars());
        }
        result.into_iter().collect()
    }

    fn in_order(splices: &[Splice<'_>]) -> bool {
        splices
            .windows(2)
            .all(|pair| pair[0].at + pair[0].out <= pair[1].at)
    }

    /// What is taken out and what is put in, at each place.
    fn told(old: &str, new: &str) -> Vec<(String, String)> {
        let found = splices(old, new);
        assert_eq!(patched(old, &found), new);
        let out = |splice: &Splice<'_>| old.chars().skip(splice.at).take(splice.out).collect();
        let of = |splice: &Splice<'_>| (out(splice), splice.text.to_owned());
        found.iter().map(of).collect()
    }

    proptest! {
        #[test]
        fn splices_turn_any_text_into_any_other(
            old in "(?s)([ab1.,< \\n\u{301}你]|\\r\\n){0,60}", new in "(?s)([ab1.,< \\n\u{301}你]|\\r\\n){0,60}",
        ) {
            let found = splices(&old, &new);
            prop_assert!(in_order(&found), "{:?}", found);
            prop_assert_eq!(&patched(&old, &found), &new);
            let texts = Texts::new(&old, &new);
            prop_assert_eq!(patched(&old, &texts.settled(vec![texts.middle()])), new);
        }

        /// Goal: nothing is cut within a character as people see it, nor within a word.
        #[test]
        fn splices_begin_and_end_between_words(old in "(a|b| |a\u{301}|👩\u{200d}👧|🇩🇪|你){0,20}", new in "(a|b| |a\u{301}|👩\u{200d}👧|🇩🇪|你){0,20}") {
            let texts = Texts::new(&old, &new);
            for splice in splices(&old, &new) {
                prop_assert!(texts.old.chars.contains(&splice.at));
                prop_assert!(texts.old.chars.contains(&(splice.at + splice.out)));
            }
            for text in [&texts.old, &texts.new] {
                let graphemes: Vec<usize> = text.text.grapheme_indices(true).map(|(at, _)| at).collect();
                prop_assert!(text.bytes[..text.tokens.len()].iter().all(|at| graphemes.contains(at)));
            }
        }
    }

    #[test]
    fn words_numbers_and_addresses_are_one_token() {
        for (text, whole) in [
            ("1,000.50 EUR", "1,000.50"),
            ("at 10:30 h", "10:30"),
            ("on 24/11/2026.", "24/11/2026"),
            ("by 2026-11-24, at once", "2026-11-24"),
            (
                "write anna.berger@example.org now",
                "anna.berger@example.org",
            ),
            ("don't", "don't"),
            ("Straße", "Straße"),
            ("👩\u{200d}👧 here", "👩\u{200d}👧"),
        ] {
            assert!(tokens(text).contains(&whole), "{:?}", tokens(text));
        }
        assert_eq!(tokens("你好 a-b"), ["你", "好", " ", "a", "-", "b"]);
        assert_eq!(tokens(""), [""; 0]);
    }

    #[test]
    fn what_differs_is_words_lines_and_what_stands_between_two_replaced_ones() {
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        for (old, new, wanted) in [
            (
                "Price: 100 EUR",
                "Price: 250 EUR",
                vec![pair(" 100", " 250")],
            ),
            (
                "Contact is Anna Berger.",
                "Contact is Maria Lopez.",
                vec![pair(" Anna Berger", " Maria Lopez")],
            ),
            (
                "100 EUR for one, 20 EUR for two of the other kind",
                "110 EUR for one, 25 EUR for two of the other kind",
                vec![pair("100", "110"), pair(" 20", " 25")],
            ),
            ("a\nb c\nd\n", "a\nB C\nd\n", vec![pair("b c\n", "B C\n")]),
            ("one two three", "one three", vec![pair(" two", "")]),
            ("one three", "one two three", vec![pair("", " two")]),
            ("a\nb\n", "a\nx\nb\n", vec![pair("", "x\n")]),
            ("call", "call back", vec![pair("", " back")]),
            ("<2>note", "<15><2>note", vec![pair("", "<15>")]),
            ("<2>note", "<2><15>note", vec![pair("", "<15>")]),
            ("the cat", "the dog, the cat", vec![pair("", "the dog, ")]),
            (
                "a\nb\nc\nd\n",
                "a\nB\nc\nd\ne\n",
                vec![pair("b\n", "B\n"), pair("", "e\n")],
            ),
        ] {
            assert_eq!(told(old, new), wanted, "{old:?} to {new:?}");
        }
    }

    #[test]
    fn too_many_differences_are_one() {
        let words = |word: &str| {
            (0..4_000)
                .map(|n| format!("{word}{n} "))
                .collect::<String>()
        };
        let (old, new) = (
            format!("begin {}end", words("a")),
            format!("begin {}end", words("b")),
        );
        assert_eq!(told(&old, &new).len(), 1);
        let (old, new) = (old.replace(' ', "\n"), new.replace(' ', "\n"));
        assert_eq!(told(&old, &new).len(), 1);
        let many = vec![0; DIFFERENCES_MAX + 1];
        assert_eq!(paths(&many, &[], DIFFERENCES_MAX), None);
        assert!(paths(&many[1..], &[], DIFFERENCES_MAX).is_some());
    }

    /// Goal: two unlike texts of the largest size become each other: 64 KiB of lines, of words in one line,
    /// and of letters without spaces. Nothing here asks a clock; a search without a bound would take hours.
    #[test]
    fn the_largest_texts_become_each_other() {
        let text = |piece: &str, every: usize, other: &str| -> String {
            let pieces =
                (0..65_536 / piece.len()).map(|n| [piece, other][usize::from(n % every == 0)]);
            pieces.collect()
        };
        for (piece, other) in [("a\n", "b\n"), ("a ", "b "), ("你", "好"), ("ab\n", "c d ")] {
            for every in [2, 60] {
                told(&text(piece, every, other), &text(piece, every + 1, other));
            }
        }
    }
}
