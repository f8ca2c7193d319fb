//! The processes that are measured. Each is this program again, told what to play, and takes one
//! JSON line per request, so that two sides never share a heap, a runtime or a page cache's favour.

pub(crate) mod kitbag;
pub(crate) mod samod;

use crate::clock;
use anyhow::{Context, Result, anyhow, bail};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// How long a request may take that is no measurement.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What a process answers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Reply {
    /// When it began what it was asked to do, by [`clock::nanos`].
    pub(crate) started: u64,
    /// When that was done.
    pub(crate) ended: u64,
    /// A ticket, an id or an address, if it was asked for one.
    pub(crate) text: Vec<String>,
    /// A count, if it was asked for one.
    pub(crate) count: u64,
    /// What went wrong.
    pub(crate) error: Option<String>,
    /// The process is ready for what it was asked to wait for; another answer follows.
    pub(crate) ready: bool,
}

impl Reply {
    /// From start to end, in milliseconds.
    pub(crate) fn millis(&self) -> f64 {
        clock::millis(self.started, self.ended)
    }
}

/// A process that plays a role.
pub(crate) struct Player {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    /// Its process id.
    pub(crate) pid: u32,
}

impl Player {
    /// Starts one.
    pub(crate) fn start(role: &str) -> Result<Player> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["--role", role])
            .env_remove("DBUS_SESSION_BUS_ADDRESS") // the user's own keyring is never touched
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        Ok(Player {
            pid: child.id().context("the process has ended")?,
            input: child.stdin.take().context("no way in")?,
            output: BufReader::new(child.stdout.take().context("no way out")?).lines(),
            child,
        })
    }

    /// Asks, and waits for the answer.
    pub(crate) async fn ask<A: Serialize>(&mut self, ask: &A, within: Duration) -> Result<Reply> {
        self.tell(ask).await?;
        self.answer(within).await
    }

    /// Asks for something that the process waits for; returns once it waits.
    pub(crate) async fn prepare<A: Serialize>(&mut self, ask: &A) -> Result<()> {
        self.tell(ask).await?;
        let reply = self.answer(PATIENCE).await?;
        if reply.ready {
            Ok(())
        } else {
            bail!("the process did not wait");
        }
    }

    /// The next answer.
    pub(crate) async fn answer(&mut self, within: Duration) -> Result<Reply> {
        let line = tokio::time::timeout(within, self.output.next_line())
            .await
            .map_err(|_| anyhow!(Late(within)))??;
        let line = line.context("the process ended before it answered")?;
        let reply: Reply = serde_json::from_str(&line)?;
        match reply.error {
            Some(error) if error == LATE => Err(anyhow!(Late(within))),
            Some(error) => bail!(error),
            None => Ok(reply),
        }
    }

    async fn tell<A: Serialize>(&mut self, ask: &A) -> Result<()> {
        let mut line = serde_json::to_vec(ask)?;
        line.push(b'\n');
        self.input.write_all(&line).await?;
        Ok(self.input.flush().await?)
    }

    /// Ends it: politely, then not.
    pub(crate) async fn stop(mut self) -> Result<()> {
        drop(self.input);
        if tokio::time::timeout(PATIENCE, self.child.wait())
            .await
            .is_err()
        {
            self.child.kill().await?;
        }
        Ok(())
    }
}

/// Something took longer than it may.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Late(pub(crate) Duration);

impl std::fmt::Display for Late {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "more than {:.0} s", self.0.as_secs_f64())
    }
}

impl std::error::Error for Late {}

const LATE: &str = "late";

/// What one side of a role does with requests.
pub(crate) trait Role: Default {
    /// What it is asked.
    type Ask: DeserializeOwned;

    /// Does it. Whoever has to wait says [`Voice::ready`] first.
    fn act(&mut self, ask: Self::Ask, voice: &mut Voice) -> impl Future<Output = Result<Reply>>;

    /// Ends what is still running.
    fn end(self) -> impl Future<Output = ()>;
}

/// Where answers go.
pub(crate) struct Voice(tokio::io::Stdout);

impl Voice {
    /// Says that whatever comes now will be noticed.
    pub(crate) async fn ready(&mut self) -> Result<()> {
        let reply = Reply {
            ready: true,
            ..Reply::default()
        };
        self.say(&reply).await
    }

    async fn say(&mut self, reply: &Reply) -> Result<()> {
        let mut line = serde_json::to_vec(reply)?;
        line.push(b'\n');
        self.0.write_all(&line).await?;
        Ok(self.0.flush().await?)
    }
}

/// Plays a role until nobody asks any more.
pub(crate) async fn play<R: Role>() -> Result<()> {
    let mut role = R::default();
    let mut voice = Voice(tokio::io::stdout());
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let ask = serde_json::from_str(&line)?;
        let reply = role.act(ask, &mut voice).await.unwrap_or_else(|error| {
            let late = error.downcast_ref::<Late>().is_some();
            Reply {
                error: Some(if late {
                    LATE.into()
                } else {
                    format!("{error:#}")
                }),
                ..Reply::default()
            }
        });
        voice.say(&reply).await?;
    }
    role.end().await;
    Ok(())
}
