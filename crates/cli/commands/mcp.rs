//! `kitbag mcp`: serves one agent over the Model Context Protocol.
//!
//! On standard input and output, where nothing but the protocol may stand, or over HTTP on loopback. The
//! agent's secret is read from the home's own file, so that it stands in no configuration of a project.

use crate::context::Context;
use crate::launch;
use clap::Args;
use kitbag_mcp::{HttpError, HttpOptions, Server, serve_http, serve_stdio};
use kitbag_rpc::{Client, Code, Failure, Secret, V1, agent_secret_file};
use rustix::fs::{Mode, OFlags, open};
use serde::Serialize;
use std::fs::File;
use std::io::Read;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(crate) struct McpArgs {
    /// The agent, as it was called by `kitbag agent add`
    #[arg(long, value_name = "NAME")]
    agent: String,
    /// Serve over HTTP on this loopback address instead of standard input and output
    #[arg(long, value_name = "ADDR", num_args = 0..=1, default_missing_value = HTTP_DEFAULT)]
    http: Option<SocketAddr>,
    /// Offer the tools `search` and `fetch` too, which some clients know by name alone
    #[arg(long)]
    compat: bool,
    /// The file that holds the agent's secret, instead of the home's own
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
}

/// Where HTTP is served if nobody says.
const HTTP_DEFAULT: &str = "127.0.0.1:8937";
/// Bytes of a secret's file, at most.
const SECRET_BYTES_MAX: u64 = 512;

/// Where HTTP is served.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Listening {
    v: V1,
    /// The address for clients.
    url: String,
    /// The agent that is served.
    agent: String,
}

pub(super) async fn run(context: &Context, args: McpArgs) -> anyhow::Result<()> {
    if context.out.is_json() && args.http.is_none() {
        let failure = Failure::new(
            Code::Usage,
            "on standard output there is the protocol alone",
        )
        .hint("--json goes with --http, and says where it listens");
        return Err(failure.into());
    }
    let file = args
        .secret_file
        .unwrap_or_else(|| agent_secret_file(&context.home, &args.agent));
    let secret = read_secret(&file)?;
    launch::client(context).await?; // starts the daemon
    let client = Client::for_agent(&context.home, &args.agent, secret.clone());
    let client = client.map_err(|_| {
        Failure::new(
            Code::AgentSecret,
            format!("{} holds no secret of an agent", file.display()),
        )
    })?;
    let server = Server::new(client, args.compat).await?;
    let Some(listen) = args.http else {
        return Ok(serve_stdio(server).await?);
    };
    let ready = |address: SocketAddr| {
        let url = format!("http://{address}/mcp");
        if context.out.is_json() {
            let agent = args.agent.clone();
            // Whoever reads it may have gone; it is served all the same.
            let _ = context.out.document(&Listening { v: V1, url, agent });
        } else {
            context.out.say(format!(
                "serving {} at {url}; clients bring its secret as bearer token. Ctrl-C ends it",
                args.agent
            ));
        }
    };
    let end = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    let served = serve_http(server, HttpOptions { listen, secret }, ready, end).await;
    served.map_err(|error| match error {
        HttpError::NotLoopback(_) => Failure::new(Code::Usage, error.to_string())
            .hint("agents on other machines have a device of their own: kitbag share")
            .into(),
        other => anyhow::Error::from(other),
    })
}

/// Reads a secret from a file that is this user's alone.
fn read_secret(path: &Path) -> Result<Secret, Failure> {
    let missing = |why: String| {
        Failure::new(Code::AgentSecret, format!("{}: {why}", path.display())).hint(
            "kitbag agent list shows your agents; kitbag agent add makes one, with its secret",
        )
    };
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = open(path, flags, Mode::empty());
    let file = File::from(file.map_err(|e| missing(std::io::Error::from(e).to_string()))?);
    let about = file.metadata().map_err(|e| missing(e.to_string()))?;
    if !about.is_file() || about.mode() & 0o077 != 0 {
        return Err(
            missing("others than you may read it, so it is not used".into()).hint(format!(
                "chmod 600 {}, and make the agent anew",
                path.display()
            )),
        );
    }
    let mut text = String::new();
    let read = file.take(SECRET_BYTES_MAX).read_to_string(&mut text);
    read.map_err(|e| missing(e.to_string()))?;
    match text.trim() {
        "" => Err(missing("it is empty".into())),
        secret => Ok(Secret::new(secret.to_owned())),
    }
}
