//! Notes that nobody wrote: words by Zipf's law, the same for a number every time.

use kitbag_engine::{NewNote, NewSource};

/// Words to choose from.
const WORDS: usize = 4000;

/// One note, before either side makes it its own.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    /// Its title.
    pub(crate) title: String,
    /// Its body.
    pub(crate) body: String,
    /// Where it is said to come from.
    pub(crate) source: String,
    /// Its tags.
    pub(crate) tags: [String; 2],
}

/// The note of a number, with a body of so many bytes.
pub(crate) fn text(number: u64, body_bytes: usize) -> Text {
    let mut dice = Dice::new(number);
    let mut body = String::with_capacity(body_bytes + 16);
    while body.len() < body_bytes {
        let word = word(zipf(&mut dice));
        body.push_str(&word);
        body.push_str(if dice.below(12) == 0 { ". " } else { " " });
    }
    body.truncate(body_bytes); // the words are ASCII
    let mut words = |n: usize| -> String {
        let words: Vec<String> = (0..n).map(|_| word(zipf(&mut dice))).collect();
        words.join(" ")
    };
    Text {
        title: format!("{} {number}", words(4)),
        body,
        source: format!("call {number}, {}", words(2)),
        tags: [words(1), format!("t{}", number % 50)],
    }
}

/// The same, as Kitbag takes it.
pub(crate) fn note(number: u64, body_bytes: usize) -> NewNote {
    let text = text(number, body_bytes);
    let source = NewSource {
        label: text.source,
        kind: Some("chat".into()),
        ..NewSource::default()
    };
    NewNote {
        title: text.title,
        body: text.body,
        source,
        tags: text.tags.into(),
        ..NewNote::default()
    }
}

/// Bytes of the same as one JSON object, as an export would write it.
pub(crate) fn json_bytes(number: u64, body_bytes: usize) -> usize {
    let text = text(number, body_bytes);
    serde_json::json!({
        "title": text.title,
        "body": text.body,
        "source": text.source,
        "kind": "chat",
        "at": 1_900_000_000_000_u64,
        "tags": text.tags,
    })
    .to_string()
    .len()
}

/// SplitMix64: small, and the same on every machine.
#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    /// A sequence of its own for each seed.
    pub(crate) fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x6b62_6167)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// The rank of a word: half of all words in a text are among the most frequent sixty or so.
fn zipf(dice: &mut Dice) -> usize {
    let unit =
        f64::from(u32::try_from(dice.below(1 << 32)).unwrap_or(u32::MAX)) / f64::from(u32::MAX);
    let words = f64::from(u32::try_from(WORDS).unwrap_or(u32::MAX));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank is small and not negative"
    )]
    let rank = (words.powf(unit) - 1.0) as usize;
    rank.min(WORDS - 1)
}

/// The word of a rank: frequent ones are short.
fn word(rank: usize) -> String {
    const HEADS: [&str; 20] = [
        "b", "c", "d", "f", "g", "h", "l", "m", "n", "p", "r", "s", "t", "v", "w", "st", "tr",
        "sh", "ch", "pl",
    ];
    const TAILS: [&str; 10] = ["a", "e", "i", "o", "er", "in", "on", "at", "es", "ing"];
    let mut rank = rank;
    let mut word = String::new();
    loop {
        word.push_str(HEADS[rank % HEADS.len()]);
        rank /= HEADS.len();
        word.push_str(TAILS[rank % TAILS.len()]);
        rank /= TAILS.len();
        if rank == 0 {
            return word;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: every run and both sides of a pair get the same notes, and no two numbers the same one.
    #[test]
    fn a_number_names_one_note() {
        assert_eq!(text(7, 1024).body, text(7, 1024).body);
        assert_ne!(text(7, 1024).body, text(8, 1024).body);
        assert_eq!(text(7, 1024).body.len(), 1024);
        let json = json_bytes(7, 1024);
        assert!((1100..1300).contains(&json), "{json}");
    }
}
