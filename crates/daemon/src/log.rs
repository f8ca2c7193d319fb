//! The daemon's log: one JSON object per line, a file per day and size, a week and 16 MiB kept.
//!
//! Paths, codes, ids, counts and times. Never content, titles, names or tickets, so that a log can
//! be shown when asking for help. Other crates are not heard, since they name addresses and whole
//! keys; at the level of every detail they are from `warn` on.

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
    let _ = tracing_subscriber::fmt()
        .json()
        .with_env_filter(filter(level))
        .with_writer(writer)
        .try_init();
    Ok(Log {
        counter,
        _guard: guard,
    })
}

/// Who is heard: every target that begins with "kitbag" is ours.
fn filter(level: LogLevel) -> EnvFilter {
    EnvFilter::new(match level {
        LogLevel::Warn => "kitbag=warn",
        LogLevel::Info => "kitbag=info",
        LogLevel::Debug => "warn,kitbag=debug",
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Seek};
    use std::sync::Arc;

    /// Goal: what other crates say, addresses for instance, is in the log only where somebody asked
    /// for every detail; what ours warn of always is.
    #[test]
    fn other_crates_are_heard_only_where_every_detail_is_wanted() {
        for (level, heard) in [
            (LogLevel::Warn, false),
            (LogLevel::Info, false),
            (LogLevel::Debug, true),
        ] {
            let file = Arc::new(tempfile::tempfile().unwrap());
            let subscriber = tracing_subscriber::fmt()
                .json()
                .with_env_filter(filter(level))
                .with_writer(file.clone())
                .finish();
            tracing::subscriber::with_default(subscriber, || {
                tracing::error!(target: "iroh::socket", address = "192.0.2.7:4040", "lost");
                tracing::warn!(target: "kitbag_engine::network", "ours");
            });
            let (mut file, mut written) = (&*file, String::new());
            file.rewind().unwrap();
            file.read_to_string(&mut written).unwrap();
            assert_eq!(written.contains("192.0.2.7"), heard, "{level:?}: {written}");
            assert!(written.contains("ours"), "{level:?}: {written}");
        }
    }
}
