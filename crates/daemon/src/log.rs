//! The daemon's log: one JSON object per line, a file per day and size, a week and 16 MiB kept.
//!
//! Paths, codes, ids, counts and times. Never content, titles, names or tickets, so that a log can
//! be shown when asking for help. Other crates speak up from `warn` only, whatever the level: what
//! they would say in detail is not ours to promise.

mod files;
mod redact;

use crate::instance::{private_dir, storage};
use files::{Files, Limits};
use kitbag_rpc::{Code, Failure, LOG_DIR};
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::SystemTime;
use tracing_appender::non_blocking::{ErrorCounter, WorkerGuard};
use tracing_subscriber::EnvFilter;

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

/// The running log: what is still to be written is written when this is dropped.
pub(crate) struct Log {
    counter: ErrorCounter,
    _guard: WorkerGuard,
}

impl Log {
    /// Says how many lines there was no time for.
    pub(crate) fn dropped(&self) -> impl Fn() -> u64 + Send + Sync + 'static {
        let counter = self.counter.clone();
        move || counter.dropped_lines() as u64
    }
}

/// The files of a home's log, oldest first.
pub fn log_files(home: &Path) -> Vec<PathBuf> {
    files::list(&home.join(LOG_DIR))
}

/// Bytes of the files in a log's directory.
pub(crate) fn bytes(dir: &Path) -> u64 {
    let sizes = files::list(dir).into_iter().map(fs::metadata);
    sizes.flatten().map(|file| file.len()).sum()
}

/// Starts the log of this process. A second call in one process, as in tests, changes nothing.
pub(crate) fn start(home: &Path, level: LogLevel) -> Result<Log, Failure> {
    let dir = home.join(LOG_DIR);
    private_dir(&dir).map_err(|e| storage(&dir, &e))?;
    let files = Files::new(dir, Limits::DEFAULT, SystemTime::now);
    let (writer, guard) = tracing_appender::non_blocking(files);
    let counter = writer.error_counter();
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
    Ok(Log {
        counter,
        _guard: guard,
    })
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
