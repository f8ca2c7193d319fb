//! Values that one text of a note shows to be such, looked for in all of its texts.

use std::collections::BTreeMap;
use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};

use crate::rules::Pii;
use crate::scanner::Found;
use crate::view::View;

/// Bytes of a value that is looked for in a long text, at least: a shorter one is too often another word.
const IN_TEXT_MIN: usize = 4;
/// Bytes of a value that counts in a long text wherever it stands; a shorter one only between other
/// characters than letters and digits.
const IN_TEXT_ANYWHERE: usize = 8;
/// The same in a short text.
const IN_SHORT_ANYWHERE: usize = 4;
/// Bytes of the beginning of a value that counts where a short text was cut, at least.
const BEGINNING_MIN: usize = 4;
/// The same at most: no short text is longer by much.
const BEGINNING_MAX: usize = 800;
/// Where a short text was cut.
const CUT: char = '…';

/// Values, compiled. Capitals of ASCII are no difference.
#[derive(Debug, Default)]
pub struct Values {
    /// Of [`IN_TEXT_ANYWHERE`] bytes and more; where several begin, the longest.
    long: Option<AhoCorasick>,
    short: Option<AhoCorasick>,
    /// Kinds by pattern.
    long_kinds: Vec<Pii>,
    short_kinds: Vec<Pii>,
    /// All, lower case, for their beginnings.
    sorted: Vec<(String, Pii)>,
}

/// Values to look for, and in what.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    values: &'a Values,
    is_short: bool,
}

impl<'a> Known<'a> {
    /// In a text of some length, where a short value may be an ordinary word.
    pub fn in_text(values: &'a Values) -> Known<'a> {
        Known {
            values,
            is_short: false,
        }
    }

    /// In a title, label or reference: every value, and the beginning of one that was cut.
    pub fn in_short(values: &'a Values) -> Known<'a> {
        Known {
            values,
            is_short: true,
        }
    }

    /// What of a view is one of these.
    pub(crate) fn find(self, text: &str, found: &mut Vec<Found>) {
        let known = |range: Range<usize>, kind| Found {
            range,
            kind,
            rule: "known-value",
        };
        if let Some(long) = &self.values.long {
            let all = long.find_iter(text);
            found.extend(all.map(|m| known(m.range(), self.values.long_kinds[m.pattern()])));
        }
        if let Some(short) = &self.values.short {
            let counts = |range: &Range<usize>| match self.is_short {
                true => range.len() >= IN_SHORT_ANYWHERE || stands_alone(text, range),
                false => range.len() >= IN_TEXT_MIN && stands_alone(text, range),
            };
            let all = short.find_overlapping_iter(text);
            let all = all.filter(|m| counts(&m.range()));
            found.extend(all.map(|m| known(m.range(), self.values.short_kinds[m.pattern()])));
        }
        if self.is_short {
            let cuts = text.match_indices(CUT);
            let begun = cuts.filter_map(|(cut, _)| self.values.begun(text, cut));
            found.extend(begun.map(|(range, kind)| known(range, kind)));
        }
    }
}

impl Values {
    /// Of these, as they stand in a text: with the escapes of JSON, if it is that.
    pub fn new<'v>(values: impl IntoIterator<Item = (&'v str, Pii)>) -> Values {
        let mut all: BTreeMap<String, Pii> = BTreeMap::new();
        for (value, kind) in values {
            let mut add = |text: &str| {
                let plain = View::new(text).text.trim().to_ascii_lowercase();
                if !plain.is_empty() {
                    all.entry(plain).or_insert(kind);
                }
            };
            add(value);
            if value.contains('\\') {
                add(&format!("\"{value}\"")); // a part of a JSON string, read as one
            }
        }
        let (long, short): (Vec<_>, Vec<_>) = all
            .iter()
            .partition(|(value, _)| value.len() >= IN_TEXT_ANYWHERE);
        let kinds = |of: &[(&String, &Pii)]| of.iter().map(|(_, kind)| **kind).collect();
        Values {
            long: automaton(&long, MatchKind::LeftmostLongest),
            short: automaton(&short, MatchKind::Standard),
            long_kinds: kinds(&long),
            short_kinds: kinds(&short),
            sorted: all.into_iter().collect(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// The longest beginning of a value that stands right before a cut.
    fn begun(&self, text: &str, cut: usize) -> Option<(Range<usize>, Pii)> {
        let from = text.ceil_char_boundary(cut.saturating_sub(BEGINNING_MAX));
        let before = text[from..cut].to_ascii_lowercase();
        let starts = before.char_indices().map(|(at, _)| at);
        starts
            .take_while(|at| before.len() - at >= BEGINNING_MIN)
            .find_map(|at| {
                let beginning = &before[at..];
                let after = self
                    .sorted
                    .partition_point(|(value, _)| value.as_str() < beginning);
                let (value, kind) = self.sorted.get(after)?;
                let begins = value.starts_with(beginning);
                begins.then_some((from + at..cut, *kind))
            })
    }
}

fn automaton(values: &[(&String, &Pii)], kind: MatchKind) -> Option<AhoCorasick> {
    if values.is_empty() {
        return None;
    }
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(kind)
        .build(values.iter().map(|(value, _)| value))
        .ok()
}

fn stands_alone(text: &str, range: &Range<usize>) -> bool {
    let joins = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    !joins(text[..range.start].chars().next_back()) && !joins(text[range.end..].chars().next())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(values: &[&str], text: &str, short: bool) -> Vec<String> {
        let values = Values::new(values.iter().map(|value| (*value, Pii::Name)));
        let known = match short {
            true => Known::in_short(&values),
            false => Known::in_text(&values),
        };
        let mut found = Vec::new();
        known.find(text, &mut found);
        let mut found: Vec<String> = found
            .into_iter()
            .map(|f| text[f.range].to_owned())
            .collect();
        found.sort();
        found
    }

    #[test]
    fn a_short_value_counts_where_it_stands_alone() {
        assert_eq!(found(&["Li"], "Li likes Lima, Li.", true), ["Li", "Li"]);
        assert_eq!(found(&["Li"], "Li likes Lima, Li.", false), [""; 0]);
        assert_eq!(found(&["Anna"], "anna in Annapolis", false), ["anna"]);
        assert_eq!(
            found(&["Anna"], "anna in Annapolis", true),
            ["Anna", "anna"]
        );
        assert_eq!(found(&["hunter2x"], "thunter2xyz", false), ["hunter2x"]);
    }

    #[test]
    fn the_longest_beginning_before_a_cut_counts_in_a_short_text_alone() {
        assert_eq!(found(&["abcdef"], "abcd…", true), ["abcd"]);
        assert_eq!(found(&["abcdef"], "abc…", true), [""; 0]);
        assert_eq!(found(&["éééé"], "ééé…", true), ["ééé"]);
        assert_eq!(found(&["abcdef", "zabcd9"], "xzabcd…", true), ["zabcd"]);
        assert_eq!(found(&["abcdef"], "abcd…", false), [""; 0]);
        assert_eq!(found(&["İabcdef"], "İİabcd…", true), ["İabcd"]);
    }

    #[test]
    fn a_value_is_known_as_it_is_read() {
        assert_eq!(
            found(&[r"Zo\u00eb Lang"], "of Zoë Lang", false),
            ["Zoë Lang"]
        );
        assert_eq!(
            found(&[r"C:\new folder"], r"C:\new folder", false),
            [r"C:\new folder"]
        );
        assert!(Values::new([(" ", Pii::Name)]).is_empty());
    }
}
