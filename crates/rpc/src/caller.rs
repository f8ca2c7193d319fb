//! Who says to be calling. The daemon sets this beside what the socket knows of the other process.

use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// The front end that sends a request, as it says itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Caller {
    /// The `kitbag` command.
    Cli,
    /// A program that links this crate, or speaks the API by hand.
    Library {
        /// Its name: letters, digits, `-`, `_`, `.`; at most 32.
        name: String,
    },
}

/// Text that names no caller.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("a caller is `cli` or `library/NAME`")]
pub struct NotACaller;

const NAME_BYTES_MAX: usize = 32;

impl FromStr for Caller {
    type Err = NotACaller;

    fn from_str(text: &str) -> Result<Caller, NotACaller> {
        match text.split_once('/') {
            None if text == "cli" => Ok(Caller::Cli),
            Some(("library", name)) if is_name(name) => Ok(Caller::Library {
                name: name.to_owned(),
            }),
            _ => Err(NotACaller),
        }
    }
}

fn is_name(name: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Caller::Cli => f.write_str("cli"),
            Caller::Library { name } => write!(f, "library/{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_survive_their_text_and_nothing_else_is_one() {
        for text in ["cli", "library/my-tool_1.0"] {
            assert_eq!(text.parse::<Caller>().unwrap().to_string(), text);
        }
        let long = format!("library/{}", "a".repeat(33));
        for text in [
            "",
            "CLI",
            "cli/x",
            "library",
            "library/",
            "library/a b",
            "library/a\r\nx",
            "agent/claude",
            &long,
        ] {
            assert_eq!(text.parse::<Caller>(), Err(NotACaller), "{text:?}");
        }
    }
}
