//! A daemon for the command that needs one: the running one, or a new one in the background.

use crate::context::Context;
use crate::environment::OF_SUPERVISOR;
use crate::network::NetworkArgs;
use crate::{home, passphrase};
use anyhow::Context as _;
use kitbag_daemon::check_home;
use kitbag_rpc::{Client, ClientError, Code, ErrorDocument, Exit, Failure, Health, LOG_DIR};
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{self, Command, Stdio};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// A daemon that was started.
struct Child {
    process: process::Child,
    /// What it says on its standard error stream. A file, not a pipe: it outlives this command.
    said: Option<File>,
}

/// How a daemon ended.
struct End {
    code: i32,
    /// Why, in its own words.
    why: Option<Failure>,
}

impl Child {
    fn ended(&mut self) -> Option<End> {
        let status = self.process.try_wait().ok().flatten()?;
        Some(End {
            code: status.code().unwrap_or_default(),
            why: self.said.as_mut().and_then(why),
        })
    }
}

impl End {
    fn is(&self, exit: Exit) -> bool {
        self.code == i32::from(exit.as_u8())
    }
}

/// The failure in what was said, if that is one.
fn why(said: &mut File) -> Option<Failure> {
    said.rewind().ok()?;
    let mut text = String::new();
    said.take(SAID_BYTES_MAX).read_to_string(&mut text).ok()?;
    let document = text.lines().last()?;
    let document: ErrorDocument = serde_json::from_str(document).ok()?;
    Some(document.into())
}

/// How long a new daemon gets to open its socket. Opening its packs may take longer.
const START_TIMEOUT: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(20);
/// How long a daemon that hung up gets to end, so that we learn why.
const END_TIMEOUT: Duration = Duration::from_secs(2);
/// Of what a daemon says when it ends, so much is read.
const SAID_BYTES_MAX: u64 = 64 * 1024;

/// A client of this home's daemon, which is started if it does not run.
pub(crate) async fn client(context: &Context) -> anyhow::Result<Client> {
    let client = context.client();
    if client.probe().await.is_ok() {
        return Ok(client);
    }
    if context.env.no_autostart {
        let failure = Failure::new(
            Code::DaemonUnreachable,
            "no daemon runs, and KITBAG_NO_AUTOSTART forbids to start it",
        );
        return Err(failure.into());
    }
    start(context, &NetworkArgs::default(), None, None).await?;
    Ok(client)
}

/// Starts a daemon in the background and waits until it serves. A passphrase that is known already
/// is not asked for again.
pub(crate) async fn start(
    context: &Context,
    network: &NetworkArgs,
    passphrase: Option<Zeroizing<String>>,
    passphrase_file: Option<&Path>,
) -> anyhow::Result<()> {
    if let Some(trouble) = home::trouble(&context.home) {
        return Err(trouble.into());
    }
    check_home(&context.home)?;
    network.keep(&context.home)?;
    let passphrase = match passphrase {
        Some(known) => Some(known),
        None => passphrase::for_home(context, passphrase_file)?,
    };
    let spawn = || spawn(context, network, passphrase.as_ref().map(|p| p.as_str()));
    let client = context.client();
    let began = Instant::now();
    let mut child = spawn()?;
    while client.probe().await.is_err() {
        match child.ended() {
            // Another daemon starts or stops just now: it will answer, or give way.
            Some(end) if end.is(Exit::Conflict) => child = spawn()?,
            Some(end) => return Err(not_started(context, end).into()),
            None => {}
        }
        if began.elapsed() > START_TIMEOUT {
            let failure = Failure::new(
                Code::DaemonUnreachable,
                "the daemon did not start within 20 seconds",
            );
            return Err(failure.hint(look_into_log(context)).into());
        }
        tokio::time::sleep(POLL).await;
    }
    match client.call(&Health::default()).await {
        Ok(_) => Ok(()),
        Err(error) => Err(why_not(context, error, child).await.into()),
    }
}

fn spawn(
    context: &Context,
    network: &NetworkArgs,
    passphrase: Option<&str>,
) -> anyhow::Result<Child> {
    let mut command = Command::new(std::env::current_exe().context("find this program")?);
    command
        .arg("--home")
        .arg(&context.home)
        .args(["daemon", "run", "--json"]) // so that we can read why it ends
        .args(network.to_args());
    let said = tempfile::tempfile().ok();
    let theirs = said.as_ref().and_then(|file| file.try_clone().ok());
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(theirs.map_or_else(Stdio::null, Stdio::from));
    for name in OF_SUPERVISOR {
        command.env_remove(name);
    }
    // In a group of its own, so that Ctrl-C on this terminal does not reach it.
    command.process_group(0).current_dir("/");
    if passphrase.is_some() {
        command
            .args(["--passphrase-file", "-"])
            .stdin(Stdio::piped());
    }
    let mut process = command.spawn().context("start the daemon")?;
    if let (Some(passphrase), Some(mut stdin)) = (passphrase, process.stdin.take()) {
        // If the daemon is gone already, its end tells more than this error.
        let _ = stdin.write_all(passphrase.as_bytes());
    }
    Ok(Child { process, said })
}

/// It opened its socket and hung up: how it ended says why.
async fn why_not(context: &Context, error: ClientError, mut child: Child) -> Failure {
    let began = Instant::now();
    while began.elapsed() < END_TIMEOUT {
        if let Some(end) = child.ended() {
            return not_started(context, end);
        }
        tokio::time::sleep(POLL).await;
    }
    error.into_failure()
}

/// What the daemon said itself, if that was kept; its exit code tells the kind in any case.
fn not_started(context: &Context, end: End) -> Failure {
    let home = &context.home;
    if !end.is(Exit::Locked)
        && let Some(trouble) = home::trouble(home).or_else(|| home::not_writable(home))
    {
        return trouble;
    }
    let (code, message) = match end {
        End { why: Some(why), .. } => return why,
        _ if end.is(Exit::Locked) => (Code::Locked, "the device did not unlock"),
        _ if end.is(Exit::Integrity) => (
            Code::Integrity,
            "the daemon did not start: something stored does not check out",
        ),
        _ => (Code::DaemonUnreachable, "the daemon ended while it started"),
    };
    Failure::new(code, message).hint(look_into_log(context))
}

fn look_into_log(context: &Context) -> String {
    format!(
        "its log is in {}; kitbag daemon run shows it in the foreground",
        context.home.join(LOG_DIR).display()
    )
}
