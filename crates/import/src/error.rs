//! Why a file was not read to its end.

use std::io;

/// Why a file was not read to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The system could not read it.
    #[error("it cannot be read: {0}")]
    Read(#[from] io::Error),
    /// It is not of the kind that was named.
    #[error("{0}")]
    OtherKind(String),
    /// An archive that is refused.
    #[error("{0}")]
    Archive(&'static str),
    /// The map does not fit the table.
    #[error("{0}")]
    Map(String),
}

/// Why reading goes no further.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Nobody wants more.
    Enough,
    Failed(ImportError),
}

impl<E: Into<ImportError>> From<E> for Stop {
    fn from(error: E) -> Stop {
        Stop::Failed(error.into())
    }
}

pub(crate) fn other_kind(what: impl Into<String>) -> Stop {
    Stop::Failed(ImportError::OtherKind(what.into()))
}
