//! What a member may do, and how sensitive a note is.

use minicbor::{Decode, Encode};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// How sensitive a note is, and the highest a member opens (its clearance). Ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Sensitivity {
    /// Anybody in the pack.
    #[n(0)]
    Public,
    /// The default.
    #[n(1)]
    Internal,
    /// Asked for when shared.
    #[n(2)]
    Confidential,
    /// Personal data's originals.
    #[n(3)]
    Restricted,
}

impl Sensitivity {
    /// All four, lowest first.
    pub const ALL: [Sensitivity; 4] = [
        Self::Public,
        Self::Internal,
        Self::Confidential,
        Self::Restricted,
    ];

    /// The word in commands and records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Internal => "internal",
            Self::Confidential => "confidential",
            Self::Restricted => "restricted",
        }
    }

    /// All sensitivities that this clearance opens, lowest first.
    pub fn and_below(self) -> impl Iterator<Item = Sensitivity> {
        Self::ALL.into_iter().filter(move |s| *s <= self)
    }
}

/// What a member may do. Ordered by power; a courier stands below all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Role {
    /// Stores and forwards what it cannot open.
    #[n(0)]
    Courier,
    /// Reads.
    #[n(1)]
    Reader,
    /// Reads and comments.
    #[n(2)]
    Commenter,
    /// Reads and writes.
    #[n(3)]
    Editor,
    /// Also grants and removes; implies clearance `restricted`.
    #[n(4)]
    Admin,
}

impl Role {
    /// All roles, the least powerful first.
    pub const ALL: [Role; 5] = [
        Self::Courier,
        Self::Reader,
        Self::Commenter,
        Self::Editor,
        Self::Admin,
    ];

    /// The word in commands and records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Courier => "courier",
            Self::Reader => "reader",
            Self::Commenter => "commenter",
            Self::Editor => "editor",
            Self::Admin => "admin",
        }
    }

    /// Whether a member with this role may write notes.
    pub const fn may_write(self) -> bool {
        matches!(self, Self::Editor | Self::Admin)
    }

    /// Whether a member with this role may open anything.
    pub const fn may_read(self) -> bool {
        !matches!(self, Self::Courier)
    }
}

/// A word that names no role or sensitivity.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("unknown {what} {word:?}")]
pub struct UnknownWord {
    /// What was expected.
    pub what: &'static str,
    /// What stood there, shortened.
    pub word: String,
}

impl FromStr for Sensitivity {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        Self::ALL
            .into_iter()
            .find(|s| s.as_str() == word)
            .ok_or_else(|| unknown("sensitivity", word))
    }
}

impl FromStr for Role {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        Self::ALL
            .into_iter()
            .find(|r| r.as_str() == word)
            .ok_or_else(|| unknown("role", word))
    }
}

impl fmt::Display for Sensitivity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

fn unknown(what: &'static str, word: &str) -> UnknownWord {
    UnknownWord {
        what,
        word: word.chars().take(32).collect(),
    }
}
