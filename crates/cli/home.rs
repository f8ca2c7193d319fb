//! Where the device's directory is.

use etcetera::BaseStrategy;
use kitbag_rpc::{Code, Failure};
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

    #[test]
    fn a_home_is_absolute_and_never_empty_or_the_root() {
        assert!(resolve(Some("a/b".into())).unwrap().is_absolute());
        assert!(resolve(None).unwrap().ends_with("kitbag"));
        assert_eq!(resolve(Some("".into())).unwrap_err().code, Code::BadInput);
        assert_eq!(resolve(Some("/".into())).unwrap_err().code, Code::BadInput);
    }
}
