//! Notes and queries by Zipf's law over 60,000 words, the same for a number every time.

use crate::corpus::Dice;
use kitbag_engine::{NewNote, NewSource};
use std::fmt::Write as _;

/// Words to choose from.
const WORDS: f64 = 60_000.0;

/// The tag of every tenth note.
const TAG: &str = "urgent";

/// From so many letters on a plain word finds longer ones too (`docs/spec/search.md`).
const COMPOUND_LETTERS_MIN: usize = 5;

/// What [`Dice`] are cast for.
const OF_A_NOTE: u64 = 0x0001_0000_0000;
const OF_A_QUERY: u64 = 0x0002_0000_0000;

/// The text of one note.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) title: String,
    pub(super) tag: Option<&'static str>,
    pub(super) source: &'static str,
    pub(super) body: String,
}

impl Text {
    /// The text of a number: five words of title, 20 to 79 of body.
    pub(super) fn of(number: u64) -> Text {
        let mut dice = Dice::new(OF_A_NOTE + number);
        let title = words(&mut dice, 5).join(" ");
        let count = 20 + dice.below(60);
        Text {
            title,
            tag: number.is_multiple_of(10).then_some(TAG),
            source: "desk",
            body: words(&mut dice, count).join(" "),
        }
    }

    /// The same, as Kitbag takes it.
    pub(super) fn note(self) -> NewNote {
        NewNote {
            title: self.title,
            body: self.body,
            tags: self.tag.map(str::to_owned).into_iter().collect(),
            source: NewSource {
                label: self.source.into(),
                ..NewSource::default()
            },
            ..NewNote::default()
        }
    }
}

/// What is looked for, before either side writes it its own way.
#[derive(Debug)]
pub(super) struct Query {
    words: Vec<String>,
    phrase: Vec<String>,
    beginning: Option<String>,
    without: Option<String>,
    /// Only notes with it.
    pub(super) tag: Option<&'static str>,
}

impl Query {
    /// The query of a number, among so many notes: in turn one to four words, a phrase, a beginning,
    /// a word that must not be there, and a tag.
    pub(super) fn of(number: u64, notes: u64) -> Query {
        let mut dice = Dice::new(OF_A_QUERY + number);
        let kind = number % 8;
        let plain = match kind {
            0..4 => kind + 1,
            4 => 0,
            5 => number / 8 % 2, // a beginning alone, and one beside a word
            _ => 2,
        };
        let mut query = Query {
            words: words(&mut dice, plain),
            phrase: Vec::new(),
            beginning: None,
            without: None,
            tag: None,
        };
        match kind {
            4 => query.phrase = phrase(&mut dice, notes),
            5 => query.beginning = Some(word(&mut dice).chars().take(3).collect()),
            6 => query.without = Some(word(&mut dice)),
            7 => query.tag = Some(TAG),
            _ => {}
        }
        query
    }

    /// As it is typed into Kitbag.
    pub(super) fn ours(&self) -> String {
        let mut parts = self.words.clone();
        if !self.phrase.is_empty() {
            parts.push(format!("\"{}\"", self.phrase.join(" ")));
        }
        parts.extend(self.beginning.iter().map(|start| format!("{start}*")));
        parts.extend(self.without.iter().map(|word| format!("-{word}")));
        parts.join(" ")
    }

    /// The same for FTS5: every part, or at least one. A word may go on where it may in Kitbag.
    pub(super) fn fts5(&self, how: Fits) -> String {
        let last = self.words.len().saturating_sub(1);
        let words = self.words.iter().enumerate().map(|(at, word)| {
            let goes_on = at == last || word.len() >= COMPOUND_LETTERS_MIN;
            format!("\"{word}\"{}", if goes_on { "*" } else { "" })
        });
        let mut parts: Vec<String> = words.collect();
        if !self.phrase.is_empty() {
            parts.push(format!("\"{}\"", self.phrase.join(" ")));
        }
        parts.extend(self.beginning.iter().map(|start| format!("\"{start}\"*")));
        let between = match how {
            Fits::Every => " AND ",
            Fits::Any => " OR ",
        };
        let mut text = format!("({})", parts.join(between));
        if let Some(word) = &self.without {
            let _ = write!(text, " NOT \"{word}\""); // a String takes all
        }
        if let Some(tag) = self.tag {
            text = format!("({text}) AND tags : \"{tag}\"");
        }
        text
    }
}

/// How much of a query a note has to hold.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fits {
    Every,
    Any,
}

/// Two or three words that stand side by side in one of the notes.
fn phrase(dice: &mut Dice, notes: u64) -> Vec<String> {
    let body = Text::of(dice.below(notes)).body;
    let count = if dice.below(2) == 0 { 2 } else { 3 };
    let from = usize::try_from(dice.below(16)).unwrap_or_default(); // a body has twenty at least
    let words = body.split(' ').skip(from).take(count);
    words.map(str::to_owned).collect()
}

fn words(dice: &mut Dice, count: u64) -> Vec<String> {
    (0..count).map(|_| word(dice)).collect()
}

/// A word; that of rank r about 1/r as often as the first.
fn word(dice: &mut Dice) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a rank is small and not negative"
    )]
    let rank = WORDS.powf(dice.below(1_000_000) as f64 / 1e6) as u64;
    let mut name = rank.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let letters = 3 + rank.checked_ilog2().unwrap_or(0) / 2;
    let letter = |at: u32| {
        let letter = b"etaoinshrdlucmfwypvbgk"[usize::try_from(name % 22).unwrap_or_default()];
        name = name / 22 + u64::from(at);
        char::from(letter)
    };
    (0..letters).map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: every run and both sides get the same notes and queries, and each kind of query is there.
    #[test]
    fn a_number_names_one_note_and_one_query() {
        let (one, again) = (Text::of(7), Text::of(7));
        assert_eq!((&one.title, &one.body), (&again.title, &again.body));
        assert_ne!(one.body, Text::of(8).body);
        assert!((20..80).contains(&one.body.split(' ').count()));
        let queries: Vec<Query> = (0..8).map(|number| Query::of(number, 100)).collect();
        assert_eq!(queries[3].ours().split(' ').count(), 4);
        assert!(queries[4].ours().starts_with('"'));
        assert!(queries[5].ours().ends_with('*'));
        assert!(queries[6].ours().contains(" -"));
        assert!(queries[6].fts5(Fits::Any).contains(") NOT \""));
        assert!(queries[7].tag.is_some());
    }

    /// Goal: a phrase that is looked for is there.
    #[test]
    fn a_phrase_stands_in_a_note() {
        let query = Query::of(4, 50);
        let phrase = query.phrase.join(" ");
        assert!((0..50).any(|number| Text::of(number).body.contains(&phrase)));
    }
}
