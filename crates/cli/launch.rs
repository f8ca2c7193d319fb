//! A daemon for the command that needs one: the running one, or a new one in the background.

use crate::context::Context;
use crate::environment::OF_SUPERVISOR;
use crate::network::NetworkArgs;
use crate::{home, passphrase};
use anyhow::Context as _;
use kitbag_daemon::home_is_initialised;
use kitbag_rpc::{Client, ClientError, Code, Exit, Failure, Health, LOG_DIR};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// How long a new daemon gets to open its socket. Opening its packs may take longer.
const START_TIMEOUT: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(20);
/// How long a daemon that hung up gets to end, so that we learn why.
const END_TIMEOUT: Duration = Duration::from_secs(2);

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
    if !home_is_initialised(&context.home) {
        return Err(Failure::new(
            Code::NotInitialised,
            "there is no person and device here yet",
        )
        .into());
    }
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
        match ended(&mut child) {
            // Another daemon starts or stops just now: it will answer, or give way.
            Some(code) if code == i32::from(Exit::Conflict.as_u8()) => child = spawn()?,
            Some(code) => return Err(not_started(context, code).into()),
            None => {}
        }
        if began.elapsed() > START_TIMEOUT {
            let failure = Failure::new(
                Code::DaemonUnreachable,
                "the daemon did not start within 5 seconds",
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
        .args(["daemon", "run"])
        .args(network.to_args());
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
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
    let mut child = command.spawn().context("start the daemon")?;
    if let (Some(passphrase), Some(mut stdin)) = (passphrase, child.stdin.take()) {
        // If the daemon is gone already, its end tells more than this error.
        let _ = stdin.write_all(passphrase.as_bytes());
    }
    Ok(child)
}

/// It opened its socket and hung up: how it ended says why.
async fn why_not(context: &Context, error: ClientError, mut child: Child) -> Failure {
    let began = Instant::now();
    while began.elapsed() < END_TIMEOUT {
        if let Some(code) = ended(&mut child) {
            return not_started(context, code);
        }
        tokio::time::sleep(POLL).await;
    }
    error.into_failure()
}

fn ended(child: &mut Child) -> Option<i32> {
    child
        .try_wait()
        .ok()
        .flatten()
        .map(|status| status.code().unwrap_or_default())
}

/// The daemon ends as every command does, so its exit code is all that we need to know.
fn not_started(context: &Context, code: i32) -> Failure {
    let is = |exit: Exit| code == i32::from(exit.as_u8());
    if is(Exit::Locked) {
        let wrong = Failure::new(Code::Locked, "the device did not unlock");
        return wrong.hint("is the passphrase right, and is the key file or keyring still there?");
    }
    let home = &context.home;
    if let Some(trouble) = home::trouble(home).or_else(|| home::not_writable(home)) {
        return trouble;
    }
    let (code, message) = if is(Exit::Integrity) {
        (
            Code::Integrity,
            "the daemon did not start: something stored does not check out",
        )
    } else {
        (Code::DaemonUnreachable, "the daemon ended while it started")
    };
    Failure::new(code, message).hint(look_into_log(context))
}

fn look_into_log(context: &Context) -> String {
    format!(
        "its log is in {}; kitbag daemon run shows it in the foreground",
        context.home.join(LOG_DIR).display()
    )
}
