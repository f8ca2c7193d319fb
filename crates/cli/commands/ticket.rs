//! `kitbag ticket inspect`: what a ticket says, without using it. Asks nobody, needs no daemon.

use crate::context::Context;
use crate::input;
use clap::{Args, Subcommand};
use kitbag_daemon::inspect_ticket;
use kitbag_rpc::{TicketAnswer, V1};

#[derive(Debug, Args)]
pub(crate) struct TicketArgs {
    #[command(subcommand)]
    command: TicketCommand,
}

#[derive(Debug, Subcommand)]
enum TicketCommand {
    /// Show what a ticket says, without its secret
    Inspect {
        /// The ticket, - for the standard input
        ticket: Option<String>,
    },
}

pub(super) fn run(context: &Context, args: TicketArgs) -> anyhow::Result<()> {
    let TicketCommand::Inspect { ticket } = args.command;
    let info = inspect_ticket(&input::ticket(ticket)?)?;
    if context.out.is_json() {
        return context.out.document(&TicketAnswer {
            v: V1,
            ticket: info,
        });
    }
    let mut lines = vec![
        format!("ticket of version {}", info.version),
        format!("for the pack {}", info.pack),
    ];
    if info.uses > 1 {
        lines.push(format!("lets {} people in", info.uses));
    }
    lines.extend(info.peers.iter().map(|peer| format!("asks {peer}")));
    Ok(context.out.data(lines.join("\n"))?)
}
