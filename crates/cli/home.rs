//! Where the device's directory is.

use etcetera::BaseStrategy;
use kitbag_rpc::{Code, Failure, LOCK_FILE, RUN_DIR};
use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf, absolute};

/// The home that was asked for, or the one of this user. Absolute, since the daemon works elsewhere.
pub(crate) fn resolve(asked: Option<PathBuf>) -> Result<PathBuf, Failure> {
    let home = match asked {
        Some(home) => home,
        None => default()?,
    };
    if home.as_os_str().is_empty() || is_root(&home) {
        return Err(
            Failure::new(Code::BadInput, "--home: not a directory for a device")
                .hint("give a directory, or leave it out"),
        );
    }
    absolute(&home).map_err(|e| Failure::new(Code::BadInput, format!("--home: {e}")))
}

/// Why a home cannot be used that is there: it belongs to somebody else, or cannot be written.
pub(crate) fn trouble(home: &Path) -> Option<Failure> {
    // Looking into it needs the right to enter it; a home that is not there is none to complain about.
    if let Err(error) = std::fs::metadata(home.join(RUN_DIR))
        && let Some(failure) = unusable(home, &error)
    {
        return Some(failure);
    }
    let lock = home.join(RUN_DIR).join(LOCK_FILE);
    let opened = OpenOptions::new().write(true).open(&lock);
    opened.err().and_then(|error| unusable(&lock, &error))
}

/// Why nothing can be written into a home that is there.
pub(crate) fn not_writable(home: &Path) -> Option<Failure> {
    let error = tempfile::tempfile_in(home).err()?;
    unusable(home, &error)
}

/// What keeps a path from being used; none if it is merely missing.
fn unusable(path: &Path, error: &io::Error) -> Option<Failure> {
    let hint = match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "does it belong to another user? --home DIR names another home"
        }
        io::ErrorKind::ReadOnlyFilesystem => "a home must be writable: --home DIR names another",
        io::ErrorKind::NotADirectory => "a home is a directory: --home DIR names another",
        _ => return None,
    };
    let message = format!("the home cannot be used: {}: {error}", path.display());
    Some(Failure::new(Code::Storage, message).hint(hint))
}

fn default() -> Result<PathBuf, Failure> {
    let base = etcetera::choose_base_strategy().map_err(|_| {
        Failure::new(Code::BadInput, "this user has no home directory")
            .hint("say where: --home DIR")
    })?;
    Ok(base.data_dir().join("kitbag"))
}

fn is_root(home: &Path) -> bool {
    home.parent().is_none() && home.is_absolute()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: a home of somebody else, a read-only one and a file in its place are told as what they
    /// are, and a home that is missing is not.
    #[test]
    fn a_home_that_cannot_be_used_is_told_with_the_reason() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(trouble(dir.path()), None, "new");
        assert_eq!(trouble(&dir.path().join("no/such")), None);
        let file = dir.path().join("file");
        std::fs::write(&file, "x").unwrap();
        let told = trouble(&file).unwrap();
        assert_eq!(told.code, Code::Storage);
        assert!(
            told.message.starts_with("the home cannot be used: "),
            "{}",
            told.message
        );
        for (kind, hint) in [
            (io::ErrorKind::PermissionDenied, "another user"),
            (io::ErrorKind::ReadOnlyFilesystem, "writable"),
        ] {
            let told = unusable(dir.path(), &kind.into()).unwrap();
            assert!(told.hint.unwrap().contains(hint), "{kind}");
        }
        assert_eq!(unusable(dir.path(), &io::ErrorKind::NotFound.into()), None);
    }

    #[test]
    fn a_home_is_absolute_and_never_empty_or_the_root() {
        assert!(resolve(Some("a/b".into())).unwrap().is_absolute());
        assert!(resolve(None).unwrap().ends_with("kitbag"));
        assert_eq!(resolve(Some("".into())).unwrap_err().code, Code::BadInput);
        assert_eq!(resolve(Some("/".into())).unwrap_err().code, Code::BadInput);
    }
}
