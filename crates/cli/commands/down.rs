//! `kitbag down`: stops the daemon and waits until it has let go of the home.

use crate::context::Context;
use kitbag_daemon::is_served;
use kitbag_rpc::{ClientError, Code, Failure, Health, Stop, V1};
use serde::Serialize;
use std::time::{Duration, Instant};

/// Longer than the daemon gives its requests and its engine to end.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(20);

#[derive(Serialize)]
struct Stopped {
    v: V1,
    /// Whether another command has started the next one already.
    running: bool,
    /// Whether it ran before.
    stopped: bool,
    pid: Option<u32>,
}

pub(super) async fn run(context: &Context) -> anyhow::Result<()> {
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
                pid = answered(client.call(&Stop { v: V1 }).await)?.map(|stopping| stopping.pid)
            }
            Some(old) => match answered(client.call(&Health::default()).await)? {
                // Another command has started the next one meanwhile.
                Some(health) if health.pid != old => break,
                _ => {}
            },
        }
        tokio::time::sleep(POLL).await;
    }
    tell(context, ran, pid)
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
