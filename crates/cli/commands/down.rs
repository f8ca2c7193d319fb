//! `kitbag down`: stops the daemon and waits until it has let go of the home.

use crate::context::Context;
use crate::home;
use kitbag_daemon::is_served;
use kitbag_rpc::{ClientError, Code, Failure, Health, Stop, V1, recorded_socket};
use serde::Serialize;
use std::time::{Duration, Instant};

/// Longer than the daemon gives its requests and its engine to end.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);
/// A daemon answers within milliseconds; this long only if it stands still.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(20);

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Stopped {
    v: V1,
    /// Whether another command has started the next one already.
    running: bool,
    /// Whether it ran before.
    stopped: bool,
    pid: Option<u32>,
}

pub(super) async fn run(context: &Context) -> anyhow::Result<()> {
    if let Some(trouble) = home::trouble(&context.home) {
        return Err(trouble.into());
    }
    let (ran, pid) = stop(context).await?;
    tell(context, ran, pid)
}

/// Stops the daemon and waits until it has let go of the home; says whether one ran, and which.
pub(super) async fn stop(context: &Context) -> anyhow::Result<(bool, Option<u32>)> {
    let (client, began) = (context.client(), Instant::now());
    let (mut ran, mut pid) = (false, None);
    while is_served(&context.home) {
        ran = true;
        if began.elapsed() > STOP_TIMEOUT {
            return Err(Failure::new(Code::TimedOut, "the daemon is still closing").into());
        }
        match pid {
            // It has not opened its socket yet, or has closed it already: look again.
            None => {
                let stopping = soon(context, client.call(&Stop { v: V1 })).await?;
                pid = answered(stopping)?.map(|stopping| stopping.pid);
            }
            Some(old) => match answered(soon(context, client.call(&Health::default())).await?)? {
                // Another command has started the next one meanwhile.
                Some(health) if health.pid != old => break,
                _ => {}
            },
        }
        tokio::time::sleep(POLL).await;
    }
    Ok((ran, pid))
}

/// The answer of a daemon that is alive: it stops at once, whatever else it does.
async fn soon<T>(context: &Context, answer: impl Future<Output = T>) -> Result<T, Failure> {
    match tokio::time::timeout(ANSWER_TIMEOUT, answer).await {
        Ok(answer) => Ok(answer),
        Err(_) => Err(stands_still(serving(context).await)),
    }
}

fn stands_still(pid: Option<i32>) -> Failure {
    let hint = match pid {
        Some(pid) => format!(
            "its process may be suspended: kill -CONT {pid} wakes it; kill -9 {pid} ends it, and nothing that it confirmed is lost"
        ),
        None => "its process may be suspended: wake it or end it, then try again".to_owned(),
    };
    Failure::new(Code::TimedOut, "the daemon runs and does not answer").hint(hint)
}

/// Who listens on the socket, as the system says: the daemon itself is silent.
async fn serving(context: &Context) -> Option<i32> {
    let socket = recorded_socket(&context.home);
    let connect = tokio::net::UnixStream::connect(socket);
    let stream = tokio::time::timeout(ANSWER_TIMEOUT, connect)
        .await
        .ok()?
        .ok()?;
    stream.peer_cred().ok()?.pid()
}

/// The answer, if there is one yet.
fn answered<T>(answer: Result<T, ClientError>) -> Result<Option<T>, ClientError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(ClientError::DaemonUnreachable { .. } | ClientError::HungUp) => Ok(None),
        Err(error) => Err(error),
    }
}

fn tell(context: &Context, stopped: bool, pid: Option<u32>) -> anyhow::Result<()> {
    if context.out.is_json() {
        return context.out.document(&Stopped {
            v: V1,
            running: is_served(&context.home),
            stopped,
            pid,
        });
    }
    context.out.say(if stopped {
        "Stopped."
    } else {
        "It did not run."
    });
    Ok(())
}
