//! From the text before to the text after, as few small splices.
//!
//! Automerge's own `update_text` compares by grapheme, and is used wherever it is known to be quick.
//! Its cost grows with the square of the number of differences: minutes for two unlike texts of
//! 64 KiB. There, lines that differ are replaced as wholes; where even the lines differ too much, all
//! that lies between the common beginning and the common end is.

use automerge::transaction::{Transactable, Transaction};
use automerge::{AutomergeError, ObjId};

/// Characters before and after, between the common beginning and the common end, up to which any
/// difference is compared by grapheme.
const SMALL: usize = 2000;
/// Differences, in characters or in lines, up to which longer texts are compared.
const DIFFERENCES_MAX: usize = 1000;

/// Changes `old`, which is the text of `object`, to `new`.
pub(crate) fn update(
    tx: &mut Transaction<'_>,
    object: &ObjId,
    old: &str,
    new: &str,
) -> Result<(), AutomergeError> {
    let before: Vec<char> = old.chars().collect();
    let after: Vec<char> = new.chars().collect();
    let middle = at_words(between(&before, &after), &before, &after);
    let (left, right) = (&before[middle.old.clone()], &after[middle.new.clone()]);
    let one_splice = left.is_empty() || right.is_empty();
    if !one_splice && (left.len() + right.len() <= SMALL || paths(left, right).is_some()) {
        return tx.update_text(object, new);
    }
    let hunks = if one_splice { None } else { hunks(old, new) };
    for hunk in hunks.unwrap_or_else(|| vec![middle]).iter().rev() {
        let text: String = after[hunk.new.clone()].iter().collect();
        tx.splice_text(object, hunk.old.start, hunk.old.len() as isize, &text)?;
    }
    Ok(())
}

/// Changes `old`, which is the text of `object`, to `new` by one splice: all that lies between the
/// common beginning and the common end.
pub(crate) fn replace(
    tx: &mut Transaction<'_>,
    object: &ObjId,
    old: &str,
    new: &str,
) -> Result<(), AutomergeError> {
    let before: Vec<char> = old.chars().collect();
    let after: Vec<char> = new.chars().collect();
    let Hunk { old, new } = at_words(between(&before, &after), &before, &after);
    let text: String = after[new].iter().collect();
    tx.splice_text(object, old.start, old.len() as isize, &text)
}

/// What becomes what, as ranges of characters.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Hunk {
    old: std::ops::Range<usize>,
    new: std::ops::Range<usize>,
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

/// Where text was only put in or only taken out, the same text may follow from several places: of
/// `<b>` before `<a>`, it may be `<b>` at the beginning or `b><` after the first bracket. What
/// somebody else takes out at the same time is taken out between characters, so the place is chosen
/// that cuts no words and brackets; of equal ones the last.
fn at_words(hunk: Hunk, old: &[char], new: &[char]) -> Hunk {
    let puts_in = hunk.old.is_empty();
    if puts_in == hunk.new.is_empty() {
        return hunk;
    }
    let (text, range) = if puts_in {
        (new, hunk.new.clone())
    } else {
        (old, hunk.old.clone())
    };
    let length = range.len();
    let worth = |start: usize| cut(text, start) + cut(text, start + length);
    let mut best = (worth(range.start), range.start);
    let mut start = range.start;
    // One place further left it is the same text if what comes into it there leaves it at its end.
    while start > 0 && text[start - 1] == text[start + length - 1] {
        start -= 1;
        if worth(start) > best.0 {
            best = (worth(start), start);
        }
    }
    let back = range.start - best.1;
    let slid = |range: std::ops::Range<usize>| range.start - back..range.end - back;
    Hunk {
        old: slid(hunk.old),
        new: slid(hunk.new),
    }
}

/// How well a text can be cut before a place.
fn cut(text: &[char], at: usize) -> u8 {
    let (Some(before), Some(after)) = (at.checked_sub(1).map(|at| text[at]), text.get(at)) else {
        return 5;
    };
    let closes = |c: char| ")]}>»”’›.,;:!?".contains(c);
    let opens = |c: char| "([{<«“„‘‹".contains(c);
    if before == '\n' {
        4
    } else if before.is_whitespace() || after.is_whitespace() {
        3
    } else if closes(before) || opens(*after) {
        2
    } else {
        u8::from(!(before.is_alphanumeric() && after.is_alphanumeric()))
    }
}

/// The lines that differ, in order, unless they are too many.
fn hunks(old: &str, new: &str) -> Option<Vec<Hunk>> {
    let (old_lines, new_lines): (Vec<&str>, Vec<&str>) = (
        old.split_inclusive('\n').collect(),
        new.split_inclusive('\n').collect(),
    );
    let starts = |lines: &[&str]| -> Vec<usize> {
        let lengths = lines.iter().map(|line| line.chars().count());
        let ends = lengths.scan(0, |end, length| {
            *end += length;
            Some(*end)
        });
        std::iter::once(0).chain(ends).collect()
    };
    let (old_starts, new_starts) = (starts(&old_lines), starts(&new_lines));
    let paths = paths(&old_lines, &new_lines)?;
    let lines = trace(&old_lines, &new_lines, &paths);
    Some(
        lines
            .into_iter()
            .map(|Hunk { old, new }| Hunk {
                old: old_starts[old.start]..old_starts[old.end],
                new: new_starts[new.start]..new_starts[new.end],
            })
            .collect(),
    )
}

/// Myers' greedy search (Algorithmica 1, 1986): for each number of differences `d`, how far in `old`
/// each diagonal `k = x − y` comes, the lowest first. It ends when both are used up, or with none
/// after [`DIFFERENCES_MAX`].
fn paths<T: PartialEq>(old: &[T], new: &[T]) -> Option<Vec<Vec<usize>>> {
    let mut rounds: Vec<Vec<usize>> = Vec::new();
    for d in 0..=DIFFERENCES_MAX {
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

    /// Puts the new lines of every hunk in place of the old ones.
    fn patched(old: &str, new: &str, hunks: &[Hunk]) -> String {
        let (before, after): (Vec<char>, Vec<char>) =
            (old.chars().collect(), new.chars().collect());
        let mut result = before.clone();
        for hunk in hunks.iter().rev() {
            result.splice(hunk.old.clone(), after[hunk.new.clone()].iter().copied());
        }
        result.into_iter().collect()
    }

    proptest! {
        #[test]
        fn hunks_turn_the_old_text_into_the_new_one(old in "[ab\n]{0,60}", new in "[ab\n]{0,60}") {
            let hunks = hunks(&old, &new).expect("few lines");
            prop_assert_eq!(patched(&old, &new, &hunks), new);
        }
    }

    proptest! {
        #[test]
        fn what_is_moved_to_words_makes_the_same_text(
            old in "[ab <>]{0,20}", put in "[ab <>]{0,8}", at in 0..20_usize,
        ) {
            let at = at.min(old.len());
            let new = format!("{}{put}{}", &old[..at], &old[at..]);
            for (old, new) in [(&old, &new), (&new, &old)] {
                let (before, after): (Vec<char>, Vec<char>) = (old.chars().collect(), new.chars().collect());
                let hunk = at_words(between(&before, &after), &before, &after);
                prop_assert_eq!(&patched(old, new, &[hunk]), new);
            }
        }
    }

    #[test]
    fn what_is_put_in_or_taken_out_is_whole_words() {
        for (old, new, text, at) in [
            ("<2>note", "<15><2>note", "<15>", 0),
            ("<2>note", "<2><15>note", "<15>", 3),
            ("the cat", "the dog, the cat", "the dog, ", 0),
            (
                "one\ntwo\n",
                "one\none and a half\ntwo\n",
                "one and a half\n",
                4,
            ),
            ("aa", "aaa", "a", 2),
        ] {
            let (before, after): (Vec<char>, Vec<char>) =
                (old.chars().collect(), new.chars().collect());
            let put_in = at_words(between(&before, &after), &before, &after);
            assert_eq!(
                after[put_in.new.clone()].iter().collect::<String>(),
                text,
                "{new}"
            );
            assert_eq!(put_in.old, at..at, "{new}");
            let taken_out = at_words(between(&after, &before), &after, &before);
            assert_eq!(
                (taken_out.old, taken_out.new),
                (put_in.new, put_in.old),
                "{new}"
            );
        }
    }

    #[test]
    fn only_the_lines_that_differ_are_replaced() {
        let hunks = hunks("a\nb\nc\nd\n", "a\nB\nc\nd\ne\n").expect("few lines");
        assert_eq!(
            hunks,
            [
                Hunk {
                    old: 2..4,
                    new: 2..4
                },
                Hunk {
                    old: 8..8,
                    new: 8..10
                }
            ]
        );
    }

    #[test]
    fn too_many_differences_are_no_path() {
        let (old, new) = (vec![0; DIFFERENCES_MAX + 1], vec![]);
        assert_eq!(paths::<i32>(&old, &new), None);
        assert!(paths::<i32>(&old[1..], &new).is_some());
        assert_eq!(
            between(&[1, 2, 3], &[1, 3]),
            Hunk {
                old: 1..2,
                new: 1..1
            }
        );
        assert_eq!(
            between(&[1, 1], &[1, 1, 1]),
            Hunk {
                old: 2..2,
                new: 2..3
            }
        );
    }
}
