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
    /// An agent of this device. It proves that with its secret, in a header of its own.
    Agent {
        /// Its name: `a-z`, `0-9`, `.`, `_`, `@`, `-`, at most 32, first a letter or digit.
        name: String,
    },
}

/// Text that names no caller.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("a caller is `cli`, `library/NAME` or `agent/NAME`")]
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
            Some(("agent", name)) if is_agent_name(name) => Ok(Caller::Agent {
                name: name.to_owned(),
            }),
            _ => Err(NotACaller),
        }
    }
}

fn is_agent_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    (1..=NAME_BYTES_MAX).contains(&name.len())
        && name.bytes().next().is_some_and(plain)
        && name.bytes().all(|b| plain(b) || b"._@-".contains(&b))
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
            Caller::Agent { name } => write!(f, "agent/{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_survive_their_text_and_nothing_else_is_one() {
        for text in ["cli", "library/my-tool_1.0", "agent/claude-code@laptop"] {
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
            "agent",
            "agent/",
            "agent/Claude",
            "agent/-claude",
            "agent/a/b",
            "agent/a b",
            &long,
            &long.replace("library", "agent"),
        ] {
            assert_eq!(text.parse::<Caller>(), Err(NotACaller), "{text:?}");
        }
    }
}
