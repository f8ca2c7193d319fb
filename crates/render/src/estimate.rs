//! How many tokens a text takes, about: the estimator `kitbag-1`.
//!
//! No tokenizer fits every model, so this is none: it goes by classes of characters, without a
//! vocabulary, and is meant to be high rather than low. The name is a promise: other numbers for the
//! same text get another name. Spec: `docs/spec/export.md`, "The estimator", where the figures that
//! were measured stand too; `tests/it/estimate.rs` measures them again.

/// The name of the estimator, as exports state it.
pub const ESTIMATOR: &str = "kitbag-1";

/// Letters of a word that is one token, if none of them has a mark.
const SHORT_WORD_LETTERS: u64 = 6;
/// Letters of any other word for which one token is counted.
const LETTERS_PER_TOKEN: u64 = 3;
/// Letters that a letter with a mark, or a Cyrillic one, counts as.
const MARKED_LETTERS: u64 = 2;
/// The same for the Latin letters with two marks that Vietnamese has.
const TWICE_MARKED_LETTERS: u64 = 4;
/// Unmarked letters and digits in a row from which on they are taken for an id or a key, of which four
/// take three tokens.
const ID_CHARS_MIN: u64 = 20;
/// Spaces in a row, besides the last one, for which one token is counted.
const SPACES_PER_TOKEN: u64 = 4;

/// The tokens that this text takes by `kitbag-1`. Never more than its bytes.
///
/// Texts that end with a line break take together what they take apart.
pub fn tokens(text: &str) -> u64 {
    let mut meter = Meter::default();
    meter.add(text);
    meter.tokens()
}

/// What a character is taken for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// A letter of a word, with what it counts as.
    Letter(u64),
    Digit,
    Space,
    /// Han, kana, hangul: two take three tokens.
    EastAsian,
    /// A visible character of ASCII that is neither.
    Mark,
    /// Anything else, with its tokens.
    Alone(u64),
}

fn class(c: char) -> Class {
    match c {
        'a'..='z' | 'A'..='Z' => Class::Letter(1),
        '0'..='9' => Class::Digit,
        ' ' => Class::Space,
        '!'..='~' => Class::Mark,
        '\u{c0}'..='\u{24f}' | '\u{400}'..='\u{4ff}' => Class::Letter(MARKED_LETTERS),
        '\u{1e00}'..='\u{1eff}' => Class::Letter(TWICE_MARKED_LETTERS),
        '\u{2010}'..='\u{2027}' => Class::Alone(2), // dashes, quotation marks, bullets, the ellipsis
        '\u{3040}'..='\u{30ff}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' => {
            Class::EastAsian
        }
        // A tokenizer that falls back to bytes takes no more.
        c => Class::Alone(c.len_utf8() as u64),
    }
}

/// A count under way, of a text that comes in parts: what is closed, and the runs that are open.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    closed: u64,
    /// Letters of the open word.
    letters: u64,
    has_mark: bool,
    ends_small: bool,
    /// Unmarked letters and digits of the open run, and what its closed words and digits take.
    run: u64,
    run_tokens: u64,
    spaces: u64,
    east_asian: u64,
    marks: u64,
}

impl Meter {
    /// Goes on with the text.
    pub fn add(&mut self, text: &str) {
        for c in text.chars() {
            self.take(c);
        }
    }

    /// What the text takes so far, as if it ended here.
    pub fn tokens(&self) -> u64 {
        let mut ended = self.clone();
        ended.close_all();
        ended.closed
    }

    fn take(&mut self, c: char) {
        match class(c) {
            Class::Letter(weight) => {
                self.close_space_before_word();
                self.close_marks();
                self.close_east_asian();
                // Mixed capitals are more often a key than a name.
                if c.is_ascii_uppercase() && self.ends_small {
                    self.close_word();
                }
                self.letters += weight;
                self.run += u64::from(c.is_ascii());
                self.has_mark |= !c.is_ascii();
                self.ends_small = c.is_ascii_lowercase();
            }
            Class::Digit => {
                self.close_spaces();
                self.close_marks();
                self.close_east_asian();
                self.close_word();
                self.run += 1;
                self.run_tokens += 1;
            }
            Class::Space => {
                self.close_run();
                self.close_marks();
                self.close_east_asian();
                self.spaces += 1;
            }
            Class::EastAsian => {
                self.close_spaces();
                self.close_run();
                self.close_marks();
                self.east_asian += 1;
            }
            Class::Mark => {
                self.close_space_before_word();
                self.close_run();
                self.close_east_asian();
                self.marks += 1;
            }
            Class::Alone(tokens) => {
                self.close_all();
                self.closed += tokens;
            }
        }
    }

    fn close_all(&mut self) {
        self.close_spaces();
        self.close_run();
        self.close_marks();
        self.close_east_asian();
    }

    fn close_spaces(&mut self) {
        self.closed += u64::from(self.spaces > 0);
        self.close_space_before_word();
    }

    /// The last space before a word or a mark belongs to it.
    fn close_space_before_word(&mut self) {
        let spaces = std::mem::take(&mut self.spaces);
        self.closed += spaces.saturating_sub(1).div_ceil(SPACES_PER_TOKEN);
    }

    fn close_word(&mut self) {
        let letters = std::mem::take(&mut self.letters);
        let is_short = letters <= SHORT_WORD_LETTERS && !std::mem::take(&mut self.has_mark);
        self.run_tokens += match letters {
            0 => 0,
            _ if is_short => 1,
            letters => letters.div_ceil(LETTERS_PER_TOKEN),
        };
        self.ends_small = false;
    }

    fn close_run(&mut self) {
        self.close_word();
        let run = std::mem::take(&mut self.run);
        let tokens = std::mem::take(&mut self.run_tokens);
        let as_id = match run {
            0..ID_CHARS_MIN => 0,
            run => (3 * run).div_ceil(4),
        };
        self.closed += tokens.max(as_id);
    }

    fn close_east_asian(&mut self) {
        let run = std::mem::take(&mut self.east_asian);
        self.closed += (3 * run).div_ceil(2);
    }

    fn close_marks(&mut self) {
        let marks = std::mem::take(&mut self.marks);
        self.closed += u64::from(marks > 0) + marks.saturating_sub(1).div_ceil(2);
    }
}
