//! The environment, all that is read of it. `docs/cli.md` lists the same; `KITBAG_HOME` is read with
//! the arguments.

use etcetera::BaseStrategy;
use kitbag_daemon::{LogLevel, Supervisor};
use kitbag_rpc::{Code, Failure};
use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

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
    /// Where this user's settings are: `XDG_CONFIG_HOME`, or what the system says.
    pub(crate) config_dir: Option<PathBuf>,
    /// The user's own directory.
    pub(crate) user_home: Option<PathBuf>,
    /// Where launchd looks for agents of this user.
    pub(crate) launch_agents: Option<PathBuf>,
    /// Who supervises this process: `NOTIFY_SOCKET`, `WATCHDOG_USEC`, `WATCHDOG_PID`.
    pub(crate) supervisor: Supervisor,
    /// `WAYLAND_DISPLAY` and `DISPLAY`: where a clipboard is.
    pub(crate) desktop: Desktop,
    log: Option<String>,
}

/// What this process can reach of a desktop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Desktop {
    pub(crate) wayland: bool,
    pub(crate) x11: bool,
}

/// What a supervisor tells the process that it started. Taken from a daemon that a command starts: what
/// supervises the command does not supervise the daemon.
pub(crate) const OF_SUPERVISOR: [&str; 3] = [NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID];
const NOTIFY_SOCKET: &str = "NOTIFY_SOCKET";
const WATCHDOG_USEC: &str = "WATCHDOG_USEC";
const WATCHDOG_PID: &str = "WATCHDOG_PID";
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
        let base = etcetera::choose_base_strategy().ok();
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
            config_dir: base.as_ref().map(BaseStrategy::config_dir),
            user_home: base.as_ref().map(|base| base.home_dir().to_owned()),
            launch_agents: base
                .as_ref()
                .map(|base| base.home_dir().join("Library/LaunchAgents")),
            supervisor: supervisor(set(NOTIFY_SOCKET), text(WATCHDOG_USEC), text(WATCHDOG_PID)),
            desktop: Desktop {
                wayland: set("WAYLAND_DISPLAY").is_some(),
                x11: set("DISPLAY").is_some(),
            },
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

/// A watchdog that is meant for another process is none of ours.
fn supervisor(
    socket: Option<OsString>,
    watchdog_usec: Option<String>,
    watchdog_pid: Option<String>,
) -> Supervisor {
    let ours = watchdog_pid.is_none_or(|pid| pid == std::process::id().to_string());
    let micros = watchdog_usec.and_then(|text| text.parse::<u64>().ok());
    Supervisor {
        socket,
        watchdog: micros
            .filter(|micros| ours && *micros > 0)
            .map(Duration::from_micros),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watchdog_counts_only_if_it_is_meant_for_this_process() {
        let watchdog = |usec: &str, pid: Option<String>| {
            supervisor(Some("/s".into()), Some(usec.to_owned()), pid).watchdog
        };
        let minute = Some(Duration::from_secs(60));
        let own = std::process::id().to_string();
        assert_eq!(watchdog("60000000", None), minute);
        assert_eq!(watchdog("60000000", Some(own)), minute);
        assert_eq!(watchdog("60000000", Some("1".to_owned())), None);
        assert_eq!(watchdog("0", None), None);
        assert_eq!(watchdog("soon", None), None);
    }
}
