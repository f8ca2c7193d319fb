//! A home with a daemon, and what the program says of its imports.

use crate::context::Context;
use crate::homes;
use crate::items::start::Daemon;
use anyhow::{Context as _, Result, ensure};
use kitbag_rpc::{ShowPack, V1};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// What an import says at its end.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(super) struct Told {
    pub(super) read: u64,
    pub(super) added: u64,
    pub(super) unchanged: u64,
    pub(super) updated: u64,
    pub(super) refused: u64,
    pub(super) masked: u64,
    pub(super) skipped_total: u64,
}

/// One device.
pub(super) struct Home {
    pub(super) path: PathBuf,
    pub(super) daemon: Daemon,
}

/// How long a daemon may take to answer.
const START: Duration = Duration::from_secs(60);

impl Home {
    /// A new one, whose daemon answers.
    pub(super) async fn make(context: &Context, name: &str) -> Result<Home> {
        let path = context.fresh(name);
        homes::make(&path, "Ada")?;
        Home::start(context, path).await
    }

    /// One that there is.
    pub(super) async fn start(context: &Context, path: PathBuf) -> Result<Home> {
        let daemon = Daemon::start(context, &path)?;
        daemon.first_answer(START).await?;
        Ok(Home { path, daemon })
    }

    /// Makes a pack that is called so.
    pub(super) fn pack(&self, context: &Context, title: &str) -> Result<()> {
        let args = ["pack", "create", title, "--sensitivity", "internal"];
        said(context.kitbag(&self.path).arg("--json").args(args))?;
        Ok(())
    }

    /// The command that imports a file.
    pub(super) fn command(
        &self,
        context: &Context,
        kind: &str,
        file: &Path,
        pack: &str,
        map: Option<&Path>,
    ) -> Command {
        let mut command = context.kitbag(&self.path);
        command.args(["--json", "import", kind]).arg(file);
        command.args(["--pack", pack]);
        if let Some(map) = map {
            command.arg("--map").arg(map);
        }
        command
    }

    /// Notes that a pack has by now, copies included.
    pub(super) async fn notes(&self, pack: &str) -> Result<u64> {
        let show = ShowPack {
            v: V1,
            pack: pack.into(),
        };
        Ok(self.daemon.client.call(&show).await?.pack.notes)
    }
}

/// Runs an import to its end.
pub(super) fn told(command: &mut Command) -> Result<Told> {
    Ok(serde_json::from_slice(&said(command)?)?)
}

/// Runs the program; what it prints.
pub(super) fn said(command: &mut Command) -> Result<Vec<u8>> {
    let output = command.stdin(Stdio::null()).output()?;
    let why = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {}", why.trim());
    Ok(output.stdout)
}

/// Starts the program, without a word.
pub(super) fn spawned(command: &mut Command) -> Result<Child> {
    let quiet = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    quiet.spawn().with_context(|| format!("{command:?}"))
}
