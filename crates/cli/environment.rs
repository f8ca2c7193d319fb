//! The environment, all that is read of it. `docs/cli.md` lists the same; `KITBAG_HOME` is read with
//! the arguments.

use kitbag_daemon::LogLevel;
use kitbag_rpc::{Code, Failure};
use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

/// What the environment says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    /// `KITBAG_NO_AUTOSTART=1`: a command fails instead of starting the daemon.
    pub(crate) no_autostart: bool,
    /// `KITBAG_PASSPHRASE_FILE`: a file that holds the passphrase.
    pub(crate) passphrase_file: Option<PathBuf>,
    /// `VISUAL`, or else `EDITOR`.
    pub(crate) editor: Option<OsString>,
    /// `XDG_RUNTIME_DIR`: short, private, in memory.
    pub(crate) runtime_dir: Option<PathBuf>,
    /// `USER`, or else `LOGNAME`, or else the name of the person's own directory.
    pub(crate) user: Option<String>,
    log: Option<String>,
}

/// What the environment says about the terminal.
#[derive(Clone, Debug, Default)]
pub(crate) struct Terminal {
    /// `NO_COLOR`: none, whatever else is said here.
    pub(crate) no_color: bool,
    /// `CLICOLOR_FORCE`: into pipes too.
    pub(crate) force_color: bool,
    /// `CLICOLOR=0`.
    pub(crate) color_off: bool,
    /// `TERM=dumb`: it obeys no escapes.
    pub(crate) is_dumb: bool,
    /// `COLUMNS`: how wide it is, instead of what it says itself.
    pub(crate) columns: Option<usize>,
}

impl Terminal {
    pub(crate) fn read() -> Terminal {
        let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        let columns = set("COLUMNS").and_then(|value| value.to_str()?.parse().ok());
        Terminal {
            no_color: set("NO_COLOR").is_some(),
            force_color: set("CLICOLOR_FORCE").is_some_and(|value| value != "0"),
            color_off: set("CLICOLOR").is_some_and(|value| value == "0"),
            is_dumb: set("TERM").is_some_and(|value| value == "dumb"),
            columns: columns.filter(|columns| *columns > 0),
        }
    }
}

impl Environment {
    pub(crate) fn read() -> Environment {
        let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        let text = |name: &str| set(name).and_then(|value| value.into_string().ok());
        Environment {
            no_autostart: set("KITBAG_NO_AUTOSTART").is_some_and(|value| value != "0"),
            passphrase_file: set("KITBAG_PASSPHRASE_FILE").map(PathBuf::from),
            editor: set("VISUAL").or_else(|| set("EDITOR")),
            runtime_dir: set("XDG_RUNTIME_DIR")
                .map(PathBuf::from)
                .filter(|dir| dir.is_absolute()),
            user: text("USER").or_else(|| text("LOGNAME")).or_else(|| {
                text("HOME")?
                    .rsplit('/')
                    .find(|name| !name.is_empty())
                    .map(str::to_owned)
            }),
            log: text("KITBAG_LOG"),
        }
    }

    /// `KITBAG_LOG`: how much the daemon's log tells.
    pub(crate) fn log(&self) -> Result<LogLevel, Failure> {
        match &self.log {
            None => Ok(LogLevel::default()),
            Some(word) => word
                .parse()
                .map_err(|e: Failure| Failure::new(Code::BadInput, format!("KITBAG_LOG: {e}"))),
        }
    }

    /// A short directory of this user, for a socket whose path in the home is too long.
    pub(crate) fn short_dir(&self) -> PathBuf {
        self.runtime_dir.clone().unwrap_or_else(env::temp_dir)
    }
}
