//! A failure as it travels: a code for programs, a message for people, and what to do about it.

use crate::{Code, V1};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What went wrong, ready to be told.
///
/// # Security
/// The message may hold names that somebody else chose: a front end escapes it before a terminal
/// sees it. It never holds a ticket, a passphrase or text of a note.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct Failure {
    /// For programs.
    pub code: Code,
    /// For people: lower case, no full stop.
    pub message: String,
    /// What to do about it, if that is known.
    pub hint: Option<String>,
}

impl Failure {
    /// A failure without a hint.
    pub fn new(code: Code, message: impl Into<String>) -> Failure {
        Failure {
            code,
            message: message.into(),
            hint: None,
        }
    }

    /// Says what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }

    /// The document that tells it.
    pub fn document(&self) -> ErrorDocument {
        ErrorDocument {
            v: V1,
            error: ErrorBody {
                code: self.code.as_str().to_owned(),
                message: self.message.clone(),
                hint: self.hint.clone(),
            },
        }
    }
}

/// `{"v":1,"error":{"code","message","hint"}}`, over the socket and on the standard error stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorDocument {
    /// Version.
    pub v: V1,
    error: ErrorBody,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
struct ErrorBody {
    code: String,
    message: String,
    hint: Option<String>,
}

impl From<ErrorDocument> for Failure {
    /// A word that this program does not know comes from a newer daemon: kept in the message.
    fn from(document: ErrorDocument) -> Failure {
        let ErrorBody {
            code,
            message,
            hint,
        } = document.error;
        match Code::parse(&code) {
            Some(code) => Failure {
                code,
                message,
                hint,
            },
            None => Failure {
                code: Code::Internal,
                message: format!("{message} ({code})"),
                hint,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_the_promised_one_and_comes_back() {
        let failure =
            Failure::new(Code::TicketExpired, "the ticket expired").hint("ask for a new one");
        let json = serde_json::to_string(&failure.document()).unwrap();
        assert_eq!(
            json,
            r#"{"v":1,"error":{"code":"ticket/expired","message":"the ticket expired","hint":"ask for a new one"}}"#
        );
        assert_eq!(
            Failure::from(serde_json::from_str::<ErrorDocument>(&json).unwrap()),
            failure
        );
    }

    #[test]
    fn a_code_of_a_newer_daemon_is_told_and_counts_as_internal() {
        let json = r#"{"v":1,"error":{"code":"moon/full","message":"no","hint":null}}"#;
        let failure = Failure::from(serde_json::from_str::<ErrorDocument>(json).unwrap());
        assert_eq!(
            (failure.code, failure.message.as_str()),
            (Code::Internal, "no (moon/full)")
        );
    }
}
