//! Sensitivities and roles as words. Their meaning is decided in the policy, not here.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How sensitive a note is, and the highest a member opens (its clearance). Ordered.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Sensitivity {
    /// Anybody in the pack.
    Public,
    /// The default.
    Internal,
    /// Asked for when shared.
    Confidential,
    /// Personal data's originals.
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

    /// The word in commands and documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Internal => "internal",
            Self::Confidential => "confidential",
            Self::Restricted => "restricted",
        }
    }

    /// The word in a sentence.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Public => "Public",
            Self::Internal => "Internal",
            Self::Confidential => "Confidential",
            Self::Restricted => "Restricted",
        }
    }
}

/// What a member may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Stores and forwards what it cannot open.
    Courier,
    /// Reads.
    Reader,
    /// Reads and comments.
    Commenter,
    /// Reads and writes.
    Editor,
    /// Also grants and removes.
    Admin,
}

impl Role {
    /// The word in commands and documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Courier => "courier",
            Self::Reader => "reader",
            Self::Commenter => "commenter",
            Self::Editor => "editor",
            Self::Admin => "admin",
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_the_same_in_json() {
        for sensitivity in Sensitivity::ALL {
            assert_eq!(
                serde_json::to_value(sensitivity).unwrap(),
                sensitivity.as_str()
            );
        }
        for role in [
            Role::Courier,
            Role::Reader,
            Role::Commenter,
            Role::Editor,
            Role::Admin,
        ] {
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
        }
    }
}
