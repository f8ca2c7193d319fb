//! Escalation rules as people keep them: a file of rules, a table of cases, and a replay of one over the
//! other.
//!
//! `core` has the rules and the decision, and knows no format of a file. Everything here is pure: text
//! in, values out. Names of persons are resolved by whoever knows them.
//! Spec: `docs/spec/escalation.md`.

mod cases;
mod condition;
mod duration;
mod file;
mod replay;
mod template;

pub use cases::{
    CASES_BYTES_MAX, CASES_MAX, COLUMNS_MAX, Case, CasesError, VALUE_BYTES_MAX, cases,
};
pub use condition::condition_in_words;
pub use duration::{duration, seconds};
pub use file::{
    FILE_BYTES_MAX, FileError, RuleFile, hours_in_words, person_in, read, rules_in, to_in_words,
    write,
};
pub use replay::{ActionCount, MISSES_MAX, Miss, Replay, RuleCount, replay};
pub use template::template;
