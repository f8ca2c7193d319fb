//! Looking at a home that no daemon serves: no token is drawn, no node opened. Three things happen that
//! every opening does: an interrupted change of the key is finished, redb mends its file after a crash,
//! and a file of an older format is converted.

use crate::EngineError;
use crate::home::Unlocked;
use std::path::Path;
use zeroize::Zeroizing;

/// What was found in a home's database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examined {
    /// Rows that it has.
    pub rows: u64,
    /// Tables with rows that do not open, and how many of them.
    pub damaged: Vec<(&'static str, u64)>,
}

/// Opens every row of a home's database once.
///
/// # Errors
/// As for opening it; [`EngineError::AlreadyRunning`] if somebody has it open.
pub fn examine(
    home: &Path,
    passphrase: Option<&Zeroizing<String>>,
) -> Result<Examined, EngineError> {
    let checks = Unlocked::unlock(home, passphrase)?
        .open_store()?
        .check_rows()?;
    Ok(Examined {
        rows: checks.iter().map(|check| check.rows).sum(),
        damaged: checks
            .iter()
            .filter(|check| check.damaged > 0)
            .map(|check| (check.table, check.damaged))
            .collect(),
    })
}
