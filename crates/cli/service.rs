//! The daemon as a service of this user, which starts with their session: a systemd user unit on Linux,
//! a launchd agent on macOS.
//!
//! What is written is text that names the program and the home, and ends in a fingerprint of itself, so
//! that a file which somebody changed by hand is never replaced or removed unasked. The texts are made
//! by pure functions ([`systemd`], [`launchd`]); what talks to the system stands here.

mod launchd;
mod systemd;

use crate::context::Context;
use crate::home;
use anyhow::Context as _;
use kitbag_rpc::{Code, Failure, RUN_DIR, SOCKET_FILE, SOCKET_PATH_BYTES_MAX};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

/// How long the service manager gets for one command; starting waits until the daemon serves.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(120);
/// How long it gets to say whether it is there.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// A file that is longer is none of ours.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// What the text of a service says.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) program: PathBuf,
    pub(crate) home: PathBuf,
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Whether the daemon is shut off from what it does not need.
    pub(crate) sandbox: bool,
}

/// A service file: where it goes, and what stands in it.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) manager: Manager,
    /// What the manager calls it.
    pub(crate) name: String,
    pub(crate) file: PathBuf,
    pub(crate) text: String,
}

/// Who runs services here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manager {
    Systemd,
    /// Of this user.
    Launchd {
        uid: u32,
    },
}

/// What stands where the service goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Nothing,
    /// Exactly this.
    Same,
    /// Written by this command, for other options or by another version.
    Ours,
    /// Somebody changed it, or it is not ours.
    Changed,
}

impl Wanted {
    /// The service of this home, for this system.
    ///
    /// # Errors
    /// [`Code::BadInput`] for a path that a service file cannot name.
    pub(crate) fn service(&self, context: &Context) -> Result<Service, Failure> {
        let place = Place::of(context)?;
        let text = match place.manager {
            Manager::Systemd => systemd::unit(self)?,
            Manager::Launchd { .. } => launchd::agent(self, &place.name)?,
        };
        Ok(Service {
            manager: place.manager,
            name: place.name,
            file: place.file,
            text,
        })
    }
}

/// Whether a service file of this home is there.
pub(crate) fn is_installed(context: &Context) -> bool {
    Place::of(context).is_ok_and(|place| place.file.exists())
}

/// Where the service of a home goes, whatever it says.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) manager: Manager,
    pub(crate) name: String,
    pub(crate) file: PathBuf,
}

impl Place {
    pub(crate) fn of(context: &Context) -> Result<Place, Failure> {
        let base = context
            .env
            .config_dir
            .clone()
            .ok_or_else(|| Failure::new(Code::BadInput, "this user has no home directory"))?;
        // The usual home has the plain name; each other one a name of its own, the same every time.
        let usual = home::resolve(None).is_ok_and(|usual| usual == context.home);
        let suffix = match usual {
            true => String::new(),
            false => {
                let path = context.home.as_os_str().as_encoded_bytes();
                format!("-{:016x}", fnv(path))
            }
        };
        if cfg!(target_os = "macos") {
            let uid = fs::metadata(&context.home).map_or(0, |home| home.uid());
            let name = format!("org.kitbag.daemon{suffix}");
            let agents = context.env.launch_agents.clone().unwrap_or(base);
            let file = agents.join(format!("{name}.plist"));
            let manager = Manager::Launchd { uid };
            return Ok(Place {
                manager,
                name,
                file,
            });
        }
        let name = format!("kitbag{suffix}.service");
        Ok(Place {
            manager: Manager::Systemd,
            file: base.join("systemd/user").join(&name),
            name,
        })
    }

    /// What stands there, if it can be read as one of ours.
    pub(crate) fn found(&self, wanted: Option<&str>) -> anyhow::Result<Found> {
        let about = match fs::metadata(&self.file) {
            Ok(about) => about,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Found::Nothing),
            Err(e) => return Err(e).with_context(|| format!("read {}", self.file.display())),
        };
        if !about.is_file() || about.len() > FILE_BYTES_MAX {
            return Ok(Found::Changed);
        }
        let bytes =
            fs::read(&self.file).with_context(|| format!("read {}", self.file.display()))?;
        let Ok(text) = String::from_utf8(bytes) else {
            return Ok(Found::Changed);
        };
        Ok(match (is_unchanged(&text), wanted) {
            (_, Some(wanted)) if wanted == text => Found::Same,
            (true, _) => Found::Ours,
            (false, _) => Found::Changed,
        })
    }

    /// Whether the service runs, as its manager says; none if the manager does not say.
    pub(crate) async fn state(&self) -> Option<String> {
        let command = match self.manager {
            Manager::Systemd => systemctl(&["is-active", &self.name]),
            Manager::Launchd { uid } => vec![
                "launchctl".to_owned(),
                "print".to_owned(),
                format!("gui/{uid}/{}", self.name),
            ],
        };
        let (_, output) = run(&command, ANSWER_TIMEOUT).await.ok()?;
        match self.manager {
            Manager::Systemd => Some(output.lines().next()?.trim().to_owned()),
            Manager::Launchd { .. } => {
                let state = output
                    .lines()
                    .find_map(|line| line.trim().strip_prefix("state = "));
                state.map(str::to_owned)
            }
        }
    }

    /// What makes the manager forget it.
    pub(crate) fn stop_commands(&self) -> Vec<Vec<String>> {
        match self.manager {
            Manager::Systemd => vec![systemctl(&["disable", "--now", &self.name])],
            Manager::Launchd { uid } => vec![vec![
                "launchctl".to_owned(),
                "bootout".to_owned(),
                format!("gui/{uid}/{}", self.name),
            ]],
        }
    }

    /// Removes the file, and what enabling it made.
    pub(crate) fn remove(&self) -> anyhow::Result<()> {
        fs::remove_file(&self.file).with_context(|| format!("remove {}", self.file.display()))?;
        if let (Manager::Systemd, Some(dir)) = (self.manager, self.file.parent()) {
            let link = dir.join("default.target.wants").join(&self.name);
            if fs::symlink_metadata(&link).is_ok_and(|found| found.is_symlink()) {
                fs::remove_file(&link).with_context(|| format!("remove {}", link.display()))?;
            }
        }
        Ok(())
    }
}

impl Service {
    pub(crate) fn place(&self) -> Place {
        Place {
            manager: self.manager,
            name: self.name.clone(),
            file: self.file.clone(),
        }
    }

    /// Writes the file: the old one or the new one is there, whatever happens.
    pub(crate) fn write(&self) -> anyhow::Result<()> {
        let dir = self.file.parent().expect("it lies in a directory");
        let about = || format!("write {}", self.file.display());
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .with_context(about)?;
        let new = self.file.with_extension("new");
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)
            .with_context(about)?;
        file.write_all(self.text.as_bytes())
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::rename(&new, &self.file))
            .with_context(about)
    }

    /// What makes the manager know the file and run the service now and from each login on.
    pub(crate) fn start_commands(&self, runs: bool) -> Vec<Vec<String>> {
        match self.manager {
            Manager::Systemd => {
                let mut commands = vec![
                    systemctl(&["daemon-reload"]),
                    systemctl(&["enable", "--now", &self.name]),
                ];
                if runs {
                    commands.push(systemctl(&["restart", &self.name]));
                }
                commands
            }
            Manager::Launchd { uid } => {
                let domain = format!("gui/{uid}");
                let mut commands = Vec::new();
                let launchctl = |args: &[&str]| {
                    let words = std::iter::once("launchctl").chain(args.iter().copied());
                    words.map(str::to_owned).collect::<Vec<_>>()
                };
                if runs {
                    commands.push(launchctl(&["bootout", &format!("{domain}/{}", self.name)]));
                }
                commands.push(launchctl(&[
                    "bootstrap",
                    &domain,
                    &self.file.to_string_lossy(),
                ]));
                commands
            }
        }
    }
}

impl Manager {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Manager::Systemd => "systemd",
            Manager::Launchd { .. } => "launchd",
        }
    }

    /// Whether one of this user answers.
    pub(crate) async fn answers(self) -> bool {
        let command = match self {
            Manager::Systemd => systemctl(&["is-system-running"]),
            Manager::Launchd { uid } => {
                vec![
                    "launchctl".to_owned(),
                    "print".to_owned(),
                    format!("gui/{uid}"),
                ]
            }
        };
        let Ok((success, output)) = run(&command, ANSWER_TIMEOUT).await else {
            return false;
        };
        match self {
            // It says how it does with an exit code of its own; "offline" and "unknown" are nobody.
            Manager::Systemd => [
                "running",
                "degraded",
                "starting",
                "initializing",
                "maintenance",
            ]
            .contains(&output.trim()),
            Manager::Launchd { .. } => success,
        }
    }
}

/// Runs a command of the service manager; says whether it succeeded, and what it printed.
pub(crate) async fn run(command: &[String], timeout: Duration) -> anyhow::Result<(bool, String)> {
    let shown = command.join(" ");
    let child = tokio::process::Command::new(&command[0])
        .args(&command[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("run {shown}"))?;
    let output = tokio::time::timeout(timeout, child.wait_with_output())
        .await
        .map_err(|_| Failure::new(Code::TimedOut, format!("{shown}: no answer")))?
        .with_context(|| format!("run {shown}"))?;
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    Ok((output.status.success(), text))
}

/// Runs commands one after the other, up to the first that fails.
pub(crate) async fn run_all(commands: &[Vec<String>]) -> anyhow::Result<()> {
    for command in commands {
        let (success, output) = run(command, COMMAND_TIMEOUT).await?;
        if !success {
            let said = output.lines().next().unwrap_or("it failed").to_owned();
            let failure = Failure::new(
                Code::DaemonUnreachable,
                format!("{}: {said}", command.join(" ")),
            );
            return Err(failure.into());
        }
    }
    Ok(())
}

fn systemctl(args: &[&str]) -> Vec<String> {
    let words = ["systemctl", "--user"]
        .into_iter()
        .chain(args.iter().copied());
    words.map(str::to_owned).collect()
}

/// A path as text that can stand in one line.
fn line_text<'p>(path: &'p Path, what: &str) -> Result<&'p str, Failure> {
    path.to_str()
        .filter(|text| !text.contains(char::is_control))
        .ok_or_else(|| {
            let message = format!(
                "{what}: a path that is not text in one line cannot stand in a service file"
            );
            Failure::new(Code::BadInput, message)
        })
}

/// Whether the socket of this home has to lie elsewhere, since its path would be too long.
fn socket_is_elsewhere(home: &Path) -> bool {
    home.join(RUN_DIR).join(SOCKET_FILE).as_os_str().len() > SOCKET_PATH_BYTES_MAX
}

/// The text with its fingerprint as the last line, as a comment between these marks.
fn with_fingerprint(text: &str, before: &str, after: &str) -> String {
    let sum = fnv(text.as_bytes());
    format!("{text}{before}{FINGERPRINT}{sum:016x}{after}\n")
}

/// Whether the last line's fingerprint is that of the lines above it.
fn is_unchanged(text: &str) -> bool {
    let Some(last) = text.trim_end_matches('\n').rfind('\n') else {
        return false;
    };
    let (above, last) = text.split_at(last + 1);
    let sum = last.split(FINGERPRINT).nth(1).and_then(|sum| sum.get(..16));
    sum.is_some_and(|sum| sum == format!("{:016x}", fnv(above.as_bytes())))
}

/// FNV-1a: notices changes that nobody hides. It protects nothing.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

const FINGERPRINT: &str = "kitbag-fingerprint: ";

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn wanted(home: &str) -> Wanted {
        Wanted {
            program: "/usr/local/bin/kitbag".into(),
            home: home.into(),
            passphrase_file: None,
            sandbox: true,
        }
    }

    #[test]
    fn a_change_by_hand_is_noticed() {
        let text = with_fingerprint("[Unit]\nA=b\n", "# ", "");
        assert!(is_unchanged(&text));
        for changed in [
            text.replace("A=b", "A=c"),
            format!("{text}Extra=1\n"),
            text.lines().take(2).collect::<Vec<_>>().join("\n"),
            String::new(),
            "one line".to_owned(),
        ] {
            assert!(!is_unchanged(&changed), "{changed}");
        }
        assert_eq!(fnv(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv(b"foobar"), 0x8594_4171_f739_67e8, "FNV-1a's own vector");
    }
}
