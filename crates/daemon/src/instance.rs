//! One daemon per home: the lock, and the socket that only its holder may replace.
//!
//! The lock is the operating system's, on a file in the home: it ends with the process, however that
//! ends, so nothing stale can be mistaken for a daemon. Only under the lock is an old socket removed.

use kitbag_rpc::{
    Code, Failure, LOCK_FILE, RECORD_FILE, RUN_DIR, SOCKET_FILE, SOCKET_PATH_BYTES_MAX,
    recorded_socket,
};
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;
use tokio::net::UnixListener;

/// Somebody who only looks whether a daemon serves holds the lock for a moment.
const LOCK_TRIES: u32 = 5;
const LOCK_PAUSE: Duration = Duration::from_millis(40);
/// A directory for the socket elsewhere is named so and ends in 16 random digits.
const ELSEWHERE_PREFIX: &str = "kitbag-";

/// The right to serve a home. Dropped, it takes its socket away.
#[derive(Debug)]
pub(crate) struct Instance {
    run: PathBuf,
    socket: PathBuf,
    /// Last field: the lock is given back after the socket is gone.
    _lock: File,
}

/// Whether a daemon serves this home.
pub fn is_served(home: &Path) -> bool {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(home.join(RUN_DIR).join(LOCK_FILE));
    file.is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
}

impl Instance {
    /// Takes the lock of this home.
    ///
    /// # Errors
    /// [`Code::AlreadyRunning`], or [`Code::Storage`] if the home cannot be written.
    pub(crate) fn take(home: &Path) -> Result<Instance, Failure> {
        let run = home.join(RUN_DIR);
        private_dir(&run).map_err(|e| storage(&run, &e))?;
        let path = run.join(LOCK_FILE);
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(&path);
        let lock = lock.map_err(|e| storage(&path, &e))?;
        for _ in 0..LOCK_TRIES {
            match lock.try_lock() {
                Ok(()) => {
                    return Ok(Instance {
                        socket: run.join(SOCKET_FILE),
                        run,
                        _lock: lock,
                    });
                }
                Err(TryLockError::WouldBlock) => thread::sleep(LOCK_PAUSE),
                Err(TryLockError::Error(e)) => return Err(storage(&path, &e)),
            }
        }
        Err(
            Failure::new(Code::AlreadyRunning, "another daemon serves this home")
                .hint("stop it with: kitbag down"),
        )
    }

    /// Opens the socket: in the home, or in a new directory below `elsewhere` if its path is too long.
    pub(crate) fn listen(&mut self, elsewhere: &Path) -> Result<UnixListener, Failure> {
        self.remove_stale();
        if !fits(&self.socket) {
            self.socket = self
                .short_socket(elsewhere)
                .map_err(|e| storage(elsewhere, &e))?;
        }
        let listener = UnixListener::bind(&self.socket).map_err(|e| storage(&self.socket, &e))?;
        // The directory already keeps others out; this is for whoever looks at the socket alone.
        fs::set_permissions(&self.socket, Permissions::from_mode(0o600))
            .map_err(|e| storage(&self.socket, &e))?;
        Ok(listener)
    }

    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    fn short_socket(&self, elsewhere: &Path) -> io::Result<PathBuf> {
        let random = RandomState::new().hash_one(std::process::id());
        let dir = elsewhere.join(format!("{ELSEWHERE_PREFIX}{random:016x}"));
        let socket = dir.join(SOCKET_FILE);
        if !fits(&socket) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidFilename,
                "too long for the path of a socket",
            ));
        }
        // Not `create_dir_all`: a directory that somebody else made must not be taken over.
        DirBuilder::new().mode(0o700).create(&dir)?;
        let record = self.run.join(RECORD_FILE);
        let new = record.with_extension("new");
        fs::write(&new, [socket.as_os_str().as_bytes(), b"\n"].concat())?;
        fs::rename(&new, &record)?;
        Ok(socket)
    }

    /// What a daemon that was killed left behind. We hold its lock, so it is gone.
    fn remove_stale(&self) {
        let home = self
            .run
            .parent()
            .expect("the run directory lies in the home");
        remove_socket(&recorded_socket(home));
        remove_socket(&self.run.join(SOCKET_FILE));
        let _ = fs::remove_file(self.run.join(RECORD_FILE));
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.remove_stale();
    }
}

/// Removes a socket, and its directory if that was made for it alone.
fn remove_socket(socket: &Path) {
    if socket.file_name().is_none_or(|name| name != SOCKET_FILE) {
        return;
    }
    let _ = fs::remove_file(socket);
    let made_for_it = |dir: &&Path| {
        dir.file_name()
            .is_some_and(|n| n.as_bytes().starts_with(ELSEWHERE_PREFIX.as_bytes()))
    };
    if let Some(dir) = socket.parent().filter(made_for_it) {
        let _ = fs::remove_dir(dir); // fails unless empty
    }
}

fn fits(socket: &Path) -> bool {
    socket.as_os_str().len() <= SOCKET_PATH_BYTES_MAX
}

/// Makes a directory that only its user can enter, also if it was there with more rights.
pub(crate) fn private_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    fs::set_permissions(dir, Permissions::from_mode(0o700))
}

pub(crate) fn storage(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Code::Storage, format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[tokio::test]
    async fn one_daemon_serves_a_home_and_nobody_else_can_reach_its_socket() {
        let home = tempfile::tempdir().unwrap();
        assert!(!is_served(home.path()));
        let mut first = Instance::take(home.path()).unwrap();
        assert!(is_served(home.path()));
        assert_eq!(
            Instance::take(home.path()).unwrap_err().code,
            Code::AlreadyRunning
        );

        let listener = first.listen(home.path()).unwrap();
        let socket = first.socket().to_owned();
        assert_eq!(
            (mode(socket.parent().unwrap()), mode(&socket)),
            (0o700, 0o600)
        );
        UnixStream::connect(&socket).unwrap();

        drop((listener, first));
        assert!(!socket.exists());
        assert!(!is_served(home.path()));
        Instance::take(home.path()).unwrap();
    }

    #[tokio::test]
    async fn the_socket_of_a_killed_daemon_is_replaced() {
        let home = tempfile::tempdir().unwrap();
        let mut killed = Instance::take(home.path()).unwrap();
        drop(killed.listen(home.path()).unwrap());
        let socket = killed.socket().to_owned();
        fs::rename(&socket, home.path().join("kept")).unwrap();
        drop(killed);
        fs::rename(home.path().join("kept"), &socket).unwrap();
        UnixStream::connect(&socket).unwrap_err();

        let mut next = Instance::take(home.path()).unwrap();
        let _listener = next.listen(home.path()).unwrap();
        UnixStream::connect(&socket).unwrap();
    }

    #[tokio::test]
    async fn a_deep_home_gets_a_short_socket_elsewhere_that_clients_find() {
        let top = tempfile::tempdir().unwrap();
        let home = top.path().join("deep".repeat(30));
        fs::create_dir(&home).unwrap();
        let mut instance = Instance::take(&home).unwrap();
        let _listener = instance.listen(top.path()).unwrap();
        let socket = recorded_socket(&home);
        assert_eq!(socket, instance.socket());
        assert!(socket.starts_with(top.path()) && !socket.starts_with(&home));
        assert_eq!(mode(socket.parent().unwrap()), 0o700);
        UnixStream::connect(&socket).unwrap();

        drop(instance);
        assert!(!socket.parent().unwrap().exists());
        assert_eq!(recorded_socket(&home), home.join(RUN_DIR).join(SOCKET_FILE));
    }

    #[tokio::test]
    async fn without_a_short_place_it_says_so() {
        let top = tempfile::tempdir().unwrap();
        let home = top.path().join("deep".repeat(30));
        fs::create_dir(&home).unwrap();
        let failure = Instance::take(&home).unwrap().listen(&home).unwrap_err();
        assert!(
            failure.code == Code::Storage && failure.message.contains("too long"),
            "{failure}"
        );
    }
}
