//! Where the socket is.
//!
//! `run/kitbag.sock` in the home, in a directory that only its user can enter. A socket's path has
//! a limit of about a hundred bytes, so for a deep home the daemon takes a short path elsewhere and
//! writes it to `run/socket`. A client that finds no recorded path uses the first.

use std::path::{Path, PathBuf};

/// The directory in the home for what lives only as long as the daemon; mode 0700.
pub const RUN_DIR: &str = "run";
/// The directory in the home for the daemon's logs; mode 0700.
pub const LOG_DIR: &str = "log";
/// The socket's name; mode 0600.
pub const SOCKET_FILE: &str = "kitbag.sock";
/// Beside the socket's usual place: holds the real path if it is another.
pub const RECORD_FILE: &str = "socket";
/// In the run directory: locked by the daemon that serves this home, for as long as it does.
pub const LOCK_FILE: &str = "daemon.lock";
/// Bytes of a socket's path, at most: 104 on macOS with the final zero, 108 on Linux.
pub const SOCKET_PATH_BYTES_MAX: usize = 100;

const RECORD_BYTES_MAX: u64 = 4096;

/// Where a client finds the daemon of this home.
pub fn recorded_socket(home: &Path) -> PathBuf {
    let run = home.join(RUN_DIR);
    read_record(&run.join(RECORD_FILE)).unwrap_or_else(|| run.join(SOCKET_FILE))
}

fn read_record(file: &Path) -> Option<PathBuf> {
    if std::fs::metadata(file).ok()?.len() > RECORD_BYTES_MAX {
        return None;
    }
    let text = std::fs::read_to_string(file).ok()?;
    let path = PathBuf::from(text.trim_end_matches('\n'));
    path.is_absolute().then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_path_wins_and_a_damaged_record_does_not() {
        let home = tempfile::tempdir().unwrap();
        let run = home.path().join(RUN_DIR);
        let usual = run.join(SOCKET_FILE);
        assert_eq!(recorded_socket(home.path()), usual);
        std::fs::create_dir(&run).unwrap();
        for (record, expected) in [
            ("/tmp/k/kitbag.sock\n", PathBuf::from("/tmp/k/kitbag.sock")),
            ("", usual.clone()),
            ("relative/kitbag.sock", usual.clone()),
            (&"/".repeat(5000), usual.clone()),
        ] {
            std::fs::write(run.join(RECORD_FILE), record).unwrap();
            assert_eq!(recorded_socket(home.path()), expected);
        }
        std::fs::write(run.join(RECORD_FILE), b"/\xff\xfe").unwrap();
        assert_eq!(recorded_socket(home.path()), usual);
    }
}
