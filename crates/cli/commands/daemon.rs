//! `kitbag daemon run|start|stop|status|logs|install|uninstall`: the daemon by its name.

pub(super) mod install;
pub(super) mod logs;

use crate::commands::{down, up};
use crate::context::Context;
use crate::network::NetworkArgs;
use crate::{home, launch, passphrase, when, words};
use clap::{Args, Subcommand};
use jiff::Zoned;
use kitbag_daemon::{Started, is_served};
use kitbag_rpc::{Health, Healthy, Meters, Peer, ReadStatus, Status, Time, V1};
use serde::Serialize;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct DaemonArgs {
    #[command(subcommand)]
    command: DaemonCommand,
}

#[derive(Debug, Subcommand)]
enum DaemonCommand {
    /// Serve in the foreground until Ctrl-C
    Run(StartArgs),
    /// Serve in the background
    Start(StartArgs),
    /// Stop
    Stop,
    /// Show whether it runs, and how it is; starts nothing
    Status,
    /// Show the end of its log; works while it is down
    Logs(logs::LogsArgs),
    /// Run it as a service that starts with your session
    Install(install::InstallArgs),
    /// Stop the service and remove it
    Uninstall(install::UninstallArgs),
}

#[derive(Debug, Args)]
struct StartArgs {
    /// A file that holds the passphrase, - for the standard input
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    network: NetworkArgs,
}

impl DaemonArgs {
    pub(super) fn becomes_daemon(&self) -> bool {
        matches!(self.command, DaemonCommand::Run(_))
    }
}

pub(super) async fn run(context: &Context, args: DaemonArgs) -> anyhow::Result<()> {
    match args.command {
        DaemonCommand::Run(args) => {
            let passphrase = passphrase::for_home(context, args.passphrase_file.as_deref())?;
            up::serve(context, &args.network, passphrase, |started| {
                tell_serving(context, started)
            })
            .await
        }
        DaemonCommand::Start(args) => start(context, args).await,
        DaemonCommand::Stop => down::run(context).await,
        DaemonCommand::Status => status(context).await,
        DaemonCommand::Logs(args) => logs::run(context, args).await,
        DaemonCommand::Install(args) => install::install(context, args).await,
        DaemonCommand::Uninstall(args) => install::uninstall(context, args).await,
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Serving {
    v: V1,
    running: bool,
    pid: u32,
    endpoint: String,
    addresses: Vec<String>,
}

fn tell_serving(context: &Context, started: &Started) -> anyhow::Result<()> {
    let Started {
        pid,
        endpoint,
        addresses,
        ..
    } = started.clone();
    if context.out.is_json() {
        return context.out.document(&Serving {
            v: V1,
            running: true,
            pid,
            endpoint,
            addresses,
        });
    }
    Ok(context.out.data(format!("serving, process {pid}"))?)
}

async fn start(context: &Context, args: StartArgs) -> anyhow::Result<()> {
    if is_served(&context.home) {
        context.out.say("It runs already.");
    } else {
        launch::start(
            context,
            &args.network,
            None,
            args.passphrase_file.as_deref(),
        )
        .await?;
    }
    status(context).await
}

/// The document of `daemon status`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct DaemonStatus {
    v: V1,
    running: bool,
    /// Whether its packs are closed until somebody unlocks it.
    locked: bool,
    /// Whether it was told to reach nobody.
    offline: bool,
    pid: Option<u32>,
    version: Option<String>,
    since: Option<Time>,
    /// What it counted since then.
    meters: Option<Meters>,
    endpoint: Option<String>,
    addresses: Vec<String>,
    peers: Vec<Peer>,
    packs: usize,
    waiting: u64,
    set_aside: u64,
    held: u64,
    rotation_debt: u64,
}

impl DaemonStatus {
    fn of(health: Healthy, status: Status) -> DaemonStatus {
        DaemonStatus {
            v: V1,
            running: true,
            locked: status.locked,
            offline: status.offline,
            pid: Some(status.pid),
            version: Some(status.version),
            since: health.since,
            meters: Some(health.meters),
            endpoint: (!status.locked).then_some(status.endpoint),
            addresses: status.addresses,
            peers: status.peers,
            packs: status.packs.len(),
            waiting: status.packs.iter().map(|pack| pack.waiting).sum(),
            set_aside: status.packs.iter().map(|pack| pack.set_aside).sum(),
            held: status.packs.iter().map(|pack| pack.held).sum(),
            rotation_debt: status.packs.iter().map(|pack| pack.rotation_debt).sum(),
        }
    }

    fn stopped() -> DaemonStatus {
        DaemonStatus {
            v: V1,
            running: false,
            locked: false,
            offline: false,
            pid: None,
            version: None,
            since: None,
            meters: None,
            endpoint: None,
            addresses: Vec::new(),
            peers: Vec::new(),
            packs: 0,
            waiting: 0,
            set_aside: 0,
            held: 0,
            rotation_debt: 0,
        }
    }

    fn in_words(&self) -> String {
        let Some(pid) = self.pid else {
            return "It does not run. To start it: kitbag up".to_owned();
        };
        let since = self
            .since
            .map(|since| format!(", since {}", when::shown(since, &Zoned::now())))
            .unwrap_or_default();
        let mut lines = vec![format!("running, process {pid}{since}")];
        if self.offline {
            lines.push(words::OFFLINE.to_owned());
        }
        let Some(endpoint) = &self.endpoint else {
            lines.push("locked: its packs are closed. To open it: kitbag unlock".to_owned());
            return lines.join("\n");
        };
        lines.push(format!("endpoint {endpoint}"));
        lines.extend(
            self.addresses
                .iter()
                .map(|address| format!("reachable at {address}")),
        );
        lines.extend(self.peers.iter().map(peer_in_words));
        lines.push(words::count(self.packs as u64, "pack", "packs"));
        lines.join("\n")
    }
}

fn peer_in_words(peer: &Peer) -> String {
    let name = words::inline(&peer.name);
    let since = peer
        .since
        .map(|since| format!(" since {}", when::shown(since, &Zoned::now())))
        .unwrap_or_default();
    let state = if peer.connected {
        "connected"
    } else {
        "not connected"
    };
    format!("{name}: {state}{since}")
}

async fn status(context: &Context) -> anyhow::Result<()> {
    if let Some(trouble) = home::trouble(&context.home) {
        return Err(trouble.into());
    }
    let status = if is_served(&context.home) {
        let client = context.client();
        let health = client.call(&Health::default()).await?;
        DaemonStatus::of(health, client.call(&ReadStatus::default()).await?)
    } else {
        DaemonStatus::stopped()
    };
    if context.out.is_json() {
        return context.out.document(&status);
    }
    Ok(context.out.data(status.in_words())?)
}
