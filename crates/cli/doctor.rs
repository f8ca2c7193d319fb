//! The checks of `kitbag doctor`: is this device in order, and if not, what to do. Each looks at one
//! thing and works whether or not a daemon runs; nobody is dialled. Nothing is changed but what any
//! opening of the database does: an interrupted change of the key is finished.

use crate::context::Context;
use crate::network::NetworkArgs;
use crate::service::{Found, Place};
use crate::{home, passphrase, words};
use kitbag_daemon::{
    KeyProtection, Listen, Relay, examine, is_served, key_change_is_pending, key_protection,
    log_files,
};
use kitbag_rpc::{
    Call, Code, Failure, Health, Healthy, ReadStatus, SOCKET_PATH_BYTES_MAX, ServeState, Status,
    recorded_socket,
};
use serde::Serialize;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use zeroize::Zeroizing;

/// A daemon that is alive answers within this.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// Less room than this, and the next write may fail.
const ROOM_LEAST: u64 = 64 * 1024 * 1024;
/// Less room than this is worth a word.
const ROOM_LITTLE: u64 = 1024 * 1024 * 1024;
/// The log is kept below this; more means that something else writes there.
const LOG_BYTES_MAX: u64 = 20 * 1024 * 1024;
/// How far a file may lie in the future before the clock is doubted.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(5 * 60);
/// No device of this program knew an earlier day: 2026-01-01.
const CLOCK_EARLIEST: Duration = Duration::from_secs(1_767_225_600);

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    Ok,
    /// Worth a word; nothing is lost or open.
    Warn,
    Fail,
}

/// One check.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Check {
    /// What was looked at.
    pub(crate) name: &'static str,
    pub(crate) verdict: Verdict,
    /// What was found.
    pub(crate) text: String,
    /// What to do about it.
    pub(crate) hint: Option<String>,
    /// How the command ends if this fails.
    #[serde(skip)]
    pub(crate) code: Code,
}

impl Check {
    fn ok(name: &'static str, text: impl Into<String>) -> Check {
        Check {
            name,
            verdict: Verdict::Ok,
            text: text.into(),
            hint: None,
            code: Code::Internal,
        }
    }

    fn warn(name: &'static str, text: impl Into<String>, hint: impl Into<String>) -> Check {
        Check {
            verdict: Verdict::Warn,
            hint: Some(hint.into()),
            ..Check::ok(name, text)
        }
    }

    fn fail(name: &'static str, failure: &Failure) -> Check {
        let known = crate::hints::with_hint(failure.clone());
        Check {
            verdict: Verdict::Fail,
            hint: known.hint,
            code: failure.code,
            ..Check::ok(name, failure.message.clone())
        }
    }
}

/// What a running daemon said of itself.
pub(crate) struct Daemon {
    pub(crate) health: Healthy,
    pub(crate) status: Option<Status>,
}

/// Everything that was found.
pub(crate) struct Findings {
    pub(crate) checks: Vec<Check>,
    pub(crate) daemon: Option<Daemon>,
}

/// Looks at everything. Of a home under a passphrase the database is looked into only with it.
pub(crate) async fn look(context: &Context, passphrase_file: Option<&Path>) -> Findings {
    let mut checks = vec![check_home(context)];
    if checks[0].verdict == Verdict::Fail {
        return Findings {
            checks,
            daemon: None,
        };
    }
    checks.push(check_permissions(&context.home));
    checks.push(check_key(context));
    let (check, daemon) = check_daemon(context).await;
    checks.push(check);
    checks.push(check_database(context, daemon.as_ref(), passphrase_file).await);
    checks.push(check_room(&context.home));
    checks.push(check_clock(&context.home));
    checks.push(check_socket(context, daemon.is_some()));
    checks.push(check_network(&context.home));
    checks.extend(daemon.as_ref().and_then(check_peers));
    checks.push(check_log(context, daemon.as_ref()));
    checks.push(check_service(context).await);
    Findings { checks, daemon }
}

fn check_home(context: &Context) -> Check {
    const NAME: &str = "home";
    if let Some(trouble) =
        home::trouble(&context.home).or_else(|| home::not_writable(&context.home))
    {
        return Check::fail(NAME, &trouble);
    }
    match kitbag_daemon::check_home(&context.home) {
        Ok(()) => Check::ok(
            NAME,
            format!("{} holds a person and device", context.home.display()),
        ),
        Err(failure) => Check::fail(NAME, &failure),
    }
}

fn check_permissions(home: &Path) -> Check {
    const NAME: &str = "permissions";
    let files = [
        "kitbag.redb",
        "master-key",
        "incarnation",
        "key",
        "key-change",
    ];
    let private = std::iter::once(home.to_owned()).chain(files.map(|file| home.join(file)));
    let open: Vec<PathBuf> = private
        .filter(|path| {
            let about = fs::metadata(path);
            about.is_ok_and(|about| about.permissions().mode() & 0o077 != 0)
        })
        .collect();
    let Some(first) = open.first() else {
        return Check::ok(NAME, "only your user can read the home");
    };
    let message = format!("{} can be read or written by others", first.display());
    let chmod: Vec<String> = open
        .iter()
        .map(|path| format!("chmod go= '{}'", path.display()))
        .collect();
    let failure = Failure::new(Code::Storage, message);
    Check::fail(NAME, &failure.hint(chmod.join("; ")))
}

fn check_key(context: &Context) -> Check {
    const NAME: &str = "key";
    let protection = match key_protection(&context.home) {
        Ok(protection) => protection,
        Err(failure) => return Check::fail(NAME, &failure),
    };
    if key_change_is_pending(&context.home) {
        return Check::warn(
            NAME,
            format!("kept {protection}; an old copy of it may still be there"),
            "it is removed at the next start: kitbag down, kitbag up",
        );
    }
    let stray = context.home.join("key");
    match protection {
        KeyProtection::KeyFile(path) => match fs::metadata(&path) {
            Err(e) => {
                let message = format!("the key file {}: {e}", path.display());
                Check::fail(NAME, &Failure::new(Code::Locked, message))
            }
            Ok(about) if about.permissions().mode() & 0o077 != 0 => {
                let message = format!("the key file {} can be read by others", path.display());
                let failure = Failure::new(Code::Locked, message);
                Check::fail(
                    NAME,
                    &failure.hint(format!("chmod go= '{}'", path.display())),
                )
            }
            Ok(_) => Check::warn(
                NAME,
                format!(
                    "kept in the key file {}: whoever can read your files can open your packs",
                    path.display()
                ),
                "kitbag key protect --passphrase, or --keyring",
            ),
        },
        other if stray.exists() => Check::warn(
            NAME,
            format!("kept {other}; but {} lies there too", stray.display()),
            "if it opens this home, a backup brought it back: remove it",
        ),
        other => Check::ok(NAME, format!("kept {other}")),
    }
}

async fn check_daemon(context: &Context) -> (Check, Option<Daemon>) {
    const NAME: &str = "daemon";
    if !is_served(&context.home) {
        return (Check::ok(NAME, "does not run"), None);
    }
    let health = match ask(context, &Health::default()).await {
        Ok(health) => health,
        Err(failure) => return (Check::fail(NAME, &failure), None),
    };
    let own = env!("CARGO_PKG_VERSION");
    let check = if health.version != own {
        let text = format!("runs as version {}, and this is {own}", health.version);
        Check::warn(NAME, text, "kitbag down, kitbag up")
    } else if health.state == ServeState::Locked {
        Check::warn(NAME, "runs, and is locked", "kitbag unlock")
    } else if health.meters.requests_faulted > 0 {
        let faults = words::count(health.meters.requests_faulted, "request", "requests");
        let text = format!("runs, version {own}; {faults} met a fault");
        Check::warn(
            NAME,
            text,
            "kitbag daemon logs names the place; please report it",
        )
    } else {
        Check::ok(NAME, format!("runs, version {own}, process {}", health.pid))
    };
    let status = ask(context, &ReadStatus::default()).await.ok();
    (check, Some(Daemon { health, status }))
}

/// An answer within a moment, or why not.
async fn ask<C: Call>(context: &Context, call: &C) -> Result<C::Answer, Failure> {
    match tokio::time::timeout(ANSWER_TIMEOUT, context.client().call(call)).await {
        Ok(answer) => answer.map_err(kitbag_rpc::ClientError::into_failure),
        Err(_) => Err(
            Failure::new(Code::TimedOut, "the daemon runs and does not answer")
                .hint("kitbag down says what to do"),
        ),
    }
}

async fn check_database(
    context: &Context,
    daemon: Option<&Daemon>,
    passphrase_file: Option<&Path>,
) -> Check {
    const NAME: &str = "database";
    let damaged = |message: String| {
        let failure = Failure::new(Code::Integrity, message);
        Check::fail(
            NAME,
            &failure.hint("keep a copy of the home as it is before anything else"),
        )
    };
    if let Some(daemon) = daemon {
        return match &daemon.health.meters.engine {
            None => Check::ok(NAME, "closed, since the device is locked"),
            Some(engine) if engine.failed => Check::fail(
                NAME,
                &Failure::new(
                    Code::Storage,
                    "a write failed, and nothing can be kept until one works",
                )
                .hint("make room on the disk; the daemon then goes on by itself"),
            ),
            Some(engine) if engine.damaged > 0 => {
                let lists = words::count(engine.damaged, "pack or list", "packs or lists");
                damaged(format!(
                    "{lists} of this device cannot be read: kitbag daemon logs says which"
                ))
            }
            Some(_) => Check::ok(
                NAME,
                "open; what the daemon read at its start is whole. Every row is looked at while it is down",
            ),
        };
    }
    if is_served(&context.home) {
        return Check::warn(
            NAME,
            "not looked into: the daemon does not answer",
            "kitbag down",
        );
    }
    let file = passphrase_file.or(context.env.passphrase_file.as_deref());
    let passphrase = match (key_protection(&context.home), file) {
        (Ok(KeyProtection::Passphrase), None) => {
            let text = "not looked into: the home is under a passphrase";
            return Check::warn(NAME, text, "kitbag doctor --passphrase-file FILE");
        }
        (Ok(KeyProtection::Passphrase), Some(file)) => match passphrase::from_file(file) {
            Ok(passphrase) => Some(passphrase),
            Err(error) => {
                let failure = Failure::new(Code::BadInput, format!("{error:#}"));
                return Check::fail(NAME, &failure);
            }
        },
        _ => None,
    };
    match examined(context.home.clone(), passphrase).await {
        Ok(found) if found.damaged.is_empty() => {
            let rows = words::count(found.rows, "row", "rows");
            Check::ok(NAME, format!("opens; {rows}, and every one is whole"))
        }
        Ok(found) => {
            let tables: Vec<String> = found
                .damaged
                .iter()
                .map(|(table, rows)| format!("{rows} in {table}"))
                .collect();
            damaged(format!("rows that do not open: {}", tables.join(", ")))
        }
        Err(failure) => Check::fail(NAME, &failure),
    }
}

/// Reading a whole database, and a keyring, block.
async fn examined(
    home: PathBuf,
    passphrase: Option<Zeroizing<String>>,
) -> Result<kitbag_daemon::Examined, Failure> {
    let look = move || examine(&home, passphrase.as_ref());
    let looked = tokio::task::spawn_blocking(look).await;
    looked.unwrap_or_else(|_| Err(Failure::new(Code::Internal, "a fault ended the look")))
}

fn check_room(home: &Path) -> Check {
    const NAME: &str = "disk";
    match rustix::fs::statvfs(home) {
        Ok(disk) => room(disk.f_bavail.saturating_mul(disk.f_frsize)),
        Err(e) => Check::warn(
            NAME,
            format!("how much room there is, is not known: {e}"),
            "df",
        ),
    }
}

fn room(bytes: u64) -> Check {
    const NAME: &str = "disk";
    let text = format!("{} MiB of room", bytes / (1024 * 1024));
    if bytes < ROOM_LEAST {
        let hint = "what is not written yet is refused, nothing is lost; make room";
        return Check::fail(NAME, &Failure::new(Code::Storage, text).hint(hint));
    }
    if bytes < ROOM_LITTLE {
        return Check::warn(NAME, text, "make room before it is needed");
    }
    Check::ok(NAME, text)
}

fn check_clock(home: &Path) -> Check {
    let newest = ["kitbag.redb", "incarnation"]
        .iter()
        .filter_map(|file| fs::metadata(home.join(file)).ok()?.modified().ok())
        .max();
    clock(SystemTime::now(), newest)
}

fn clock(now: SystemTime, newest: Option<SystemTime>) -> Check {
    const NAME: &str = "clock";
    let hint = "set the clock; times of notes and the ends of tickets depend on it";
    if now
        .duration_since(UNIX_EPOCH)
        .is_ok_and(|now| now < CLOCK_EARLIEST)
    {
        return Check::warn(NAME, "says a day before this program was made", hint);
    }
    let ahead = newest.and_then(|newest| newest.duration_since(now).ok());
    if ahead.is_some_and(|ahead| ahead > CLOCK_TOLERANCE) {
        return Check::warn(
            NAME,
            "is behind: files of the home were written later than now",
            hint,
        );
    }
    Check::ok(NAME, "agrees with the files of the home")
}

fn check_socket(context: &Context, runs: bool) -> Check {
    const NAME: &str = "socket";
    let socket = recorded_socket(&context.home);
    let text = format!("at {}", socket.display());
    if runs && !socket.exists() {
        let message = format!(
            "the daemon runs, and its socket is gone: {}",
            socket.display()
        );
        return Check::fail(NAME, &Failure::new(Code::DaemonUnreachable, message));
    }
    if !runs && context.env.short_dir().as_os_str().len() + 32 > SOCKET_PATH_BYTES_MAX {
        return Check::warn(
            NAME,
            text,
            "XDG_RUNTIME_DIR is too long to hold the socket of a deep home",
        );
    }
    Check::ok(NAME, text)
}

fn check_network(home: &Path) -> Check {
    const NAME: &str = "network";
    match NetworkArgs::default().settings(home) {
        Err(error) => match error.downcast::<Failure>() {
            Ok(failure) => Check::fail(NAME, &failure),
            Err(error) => Check::fail(NAME, &Failure::new(Code::Storage, format!("{error:#}"))),
        },
        Ok(settings) => {
            let listen = match settings.listen {
                Listen::Loopback(_) => "on this computer only",
                Listen::Any(_) => "on every address",
                Listen::Addr(_) => "on one address",
            };
            let relay = match settings.relay {
                Relay::None => "no relay",
                Relay::Default => "the default relays",
                Relay::Custom(_) => "a relay of your own",
            };
            let discovery = if settings.discovery { "on" } else { "off" };
            Check::ok(
                NAME,
                format!("listens {listen}; {relay}; discovery {discovery}"),
            )
        }
    }
}

/// Who is connected; nobody is dialled for it.
fn check_peers(daemon: &Daemon) -> Option<Check> {
    const NAME: &str = "peers";
    let engine = daemon.health.meters.engine.as_ref()?;
    let status = daemon.status.as_ref()?;
    let (known, connected) = (
        status.peers.len(),
        status.peers.iter().filter(|peer| peer.connected).count(),
    );
    if engine.offline {
        return Some(Check::ok(NAME, "offline, as it was told"));
    }
    let text = format!("{connected} of {known} devices connected");
    Some(if known > 0 && connected == 0 {
        let hint = "are they on, and is a relay needed? kitbag sync --wait tries now";
        Check::warn(NAME, text, hint)
    } else {
        Check::ok(NAME, text)
    })
}

fn check_log(context: &Context, daemon: Option<&Daemon>) -> Check {
    const NAME: &str = "log";
    let files = log_files(&context.home);
    let sizes = files.iter().filter_map(|file| fs::metadata(file).ok());
    let bytes: u64 = sizes.map(|file| file.len()).sum();
    let count = words::count(files.len() as u64, "file", "files");
    let text = format!("{count}, {} KiB", bytes.div_ceil(1024));
    let dropped = daemon.map_or(0, |daemon| daemon.health.meters.log_lines_dropped);
    if bytes > LOG_BYTES_MAX {
        return Check::warn(
            NAME,
            text,
            "more than the daemon keeps: does something else write there?",
        );
    }
    if dropped > 0 {
        let text = format!(
            "{text}; {} dropped",
            words::count(dropped, "line was", "lines were")
        );
        return Check::warn(
            NAME,
            text,
            "something asks more than the disk takes: kitbag daemon logs",
        );
    }
    Check::ok(NAME, text)
}

async fn check_service(context: &Context) -> Check {
    const NAME: &str = "service";
    let Ok(place) = Place::of(context) else {
        return Check::ok(NAME, "not installed");
    };
    match place.found(None) {
        Ok(Found::Nothing) => return Check::ok(NAME, "not installed; commands start the daemon"),
        Ok(Found::Changed) => {
            let text = format!("{} was changed by hand", place.file.display());
            return Check::warn(NAME, text, "kitbag daemon install --force writes it anew");
        }
        Ok(_) => {}
        Err(error) => {
            return Check::warn(
                NAME,
                format!("{error:#}"),
                "may your user read its own settings?",
            );
        }
    }
    if !place.manager.answers().await {
        let text = format!(
            "installed; no {} of yours answers here",
            place.manager.name()
        );
        return Check::warn(NAME, text, "is there a session of yours?");
    }
    match place.state().await.as_deref() {
        Some("active" | "running") => Check::ok(NAME, "installed, and active"),
        state => {
            let text = format!("installed, and {}", state.unwrap_or("not known to run"));
            Check::warn(NAME, text, "kitbag daemon install starts it")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_room_is_told_before_it_is_too_late() {
        for (bytes, verdict) in [
            (0, Verdict::Fail),
            (ROOM_LEAST, Verdict::Warn),
            (ROOM_LITTLE, Verdict::Ok),
        ] {
            assert_eq!(room(bytes).verdict, verdict, "{bytes}");
        }
    }

    #[test]
    fn a_clock_that_is_behind_is_doubted() {
        let now = UNIX_EPOCH + CLOCK_EARLIEST * 2;
        let minute = Duration::from_secs(60);
        for (now, newest, verdict) in [
            (now, Some(now - minute), Verdict::Ok),
            (now, Some(now + minute), Verdict::Ok),
            (now, Some(now + minute * 10), Verdict::Warn),
            (now, None, Verdict::Ok),
            (UNIX_EPOCH, None, Verdict::Warn),
        ] {
            assert_eq!(clock(now, newest).verdict, verdict, "{now:?} {newest:?}");
        }
    }
}
