//! Personal data and secrets in a text: where they are, and a copy without them.
//!
//! [`Scanner::scan`] says which bytes of a text hold a value of which kind, [`mask`] writes a word in
//! the place of each. Everything is pure: no clock, no file, no randomness. A scanner is compiled once
//! and shared; rules that need a regular expression compile it when a text first has their word.
//!
//! How a text is read:
//!
//! 1. `view` makes a second text of it in which JSON is `key: value` lines, escapes are undone,
//!    widths and digits of other scripts are plain and what takes no room is gone. It knows where
//!    each byte came from.
//! 2. `words` goes over the view once and finds all words that can start a rule.
//! 3. The rules look around these words and at the numbers, each in linear time.
//! 4. What was found is masked and read again until nothing is left, so a masked text scans clean.
//!
//! Spec: `docs/spec/personal-data.md`. Reasons: `docs/design/0023-personal-data.md`.

mod checksums;
mod dates;
mod forms;
mod json;
mod keys;
mod mask;
mod named;
mod numbers;
mod places;
mod rules;
mod scanner;
mod secrets;
mod values;
mod view;
mod words;

pub use mask::mask;
pub use named::Named;
pub use rules::{Pii, RuleError, Rules};
pub use scanner::{Finding, Hint, Scanner};
pub use values::{Known, Values};
