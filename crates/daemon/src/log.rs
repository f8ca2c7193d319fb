//! The daemon's log: one JSON object per line, a file per day, a week kept.
//!
//! Paths, codes, ids, counts and times. Never content, titles, names or tickets, so that a log can
//! be shown when asking for help. Other crates speak up from `warn` only, whatever the level: what
//! they would say in detail is not ours to promise.

use crate::instance::{private_dir, storage};
use kitbag_rpc::{Code, Failure, LOG_DIR};
use std::path::Path;
use std::str::FromStr;
use tracing_appender::non_blocking::WorkerGuard;
use tracing_appender::rolling::{Builder, Rotation};
use tracing_subscriber::EnvFilter;

const FILES_MAX: usize = 7;

/// How much our own crates tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogLevel {
    /// What went wrong.
    Warn,
    /// Also every request.
    #[default]
    Info,
    /// Also what happens inside.
    Debug,
}

impl FromStr for LogLevel {
    type Err = Failure;

    fn from_str(word: &str) -> Result<Self, Failure> {
        match word {
            "warn" => Ok(LogLevel::Warn),
            "info" => Ok(LogLevel::Info),
            "debug" => Ok(LogLevel::Debug),
            _ => Err(Failure::new(
                Code::BadInput,
                "a log level is warn, info or debug",
            )),
        }
    }
}

/// Starts the log of this process; what is still to be written is written when the guard is dropped.
/// A second call in one process, as in tests, changes nothing.
pub(crate) fn start(home: &Path, level: LogLevel) -> Result<WorkerGuard, Failure> {
    let dir = home.join(LOG_DIR);
    private_dir(&dir).map_err(|e| storage(&dir, &e))?;
    let files = Builder::new()
        .rotation(Rotation::DAILY)
        .filename_prefix("kitbag")
        .filename_suffix("log")
        .max_log_files(FILES_MAX)
        .build(&dir)
        .map_err(|e| Failure::new(Code::Storage, format!("{}: {e}", dir.display())))?;
    let (writer, guard) = tracing_appender::non_blocking(files);
    let ours = match level {
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
    };
    let filter = EnvFilter::new(format!("warn,kitbag={ours}")); // every target that begins with "kitbag"
    let _ = tracing_subscriber::fmt()
        .json()
        .with_env_filter(filter)
        .with_writer(writer)
        .try_init();
    Ok(guard)
}

/// From here on a panic is logged by its place and printed nowhere: its message may hold content.
/// For the whole process, therefore a choice of the binary.
pub fn keep_panics_out_of_sight() {
    std::panic::set_hook(Box::new(|panic| {
        let (file, line) = panic
            .location()
            .map_or(("", 0), |at| (at.file(), at.line()));
        tracing::error!(file, line, "panic");
    }));
}
