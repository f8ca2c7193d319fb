//! `kitbag help [--all] [COMMAND]...`: a dozen verbs, or all of them, or one.

use crate::args::Cli;
use crate::context::Context;
use clap::{Args, CommandFactory};
use kitbag_rpc::{Code, Exit, Failure, V1};
use serde::Serialize;

#[derive(Debug, Args)]
pub(crate) struct HelpArgs {
    /// Also the commands for scripts and for looking closer
    #[arg(long)]
    all: bool,
    /// The command to show
    command: Vec<String>,
}

#[derive(Serialize)]
struct Help {
    v: V1,
    help: String,
}

pub(super) fn run(context: &Context, args: HelpArgs) -> anyhow::Result<()> {
    let mut command = Cli::command();
    if args.all {
        let names: Vec<String> = command
            .get_subcommands()
            .map(|one| one.get_name().to_owned())
            .collect();
        for name in names {
            command = command.mut_subcommand(name, |one| one.hide(false));
        }
    }
    command.build();
    let mut shown = &mut command;
    for name in &args.command {
        shown = shown.find_subcommand_mut(name).ok_or_else(|| {
            let message = format!("there is no command {name:?}");
            Failure::new(Code::Usage, message).hint("kitbag help --all lists them")
        })?;
    }
    let mut help = shown.render_long_help().to_string();
    if args.command.is_empty() {
        help.push_str(if args.all {
            EXIT_CODES
        } else {
            "\nMore commands: kitbag help --all\n"
        });
    }
    if context.out.is_json() {
        return context.out.document(&Help { v: V1, help });
    }
    Ok(context.out.data(help.trim_end())?)
}

const EXIT_CODES: &str = "
Exit codes: 0 ok, 1 internal, 2 usage, 3 not found, 4 denied by policy, 5 consent required,
6 token budget exceeded, 7 conflict or stale, 8 daemon unreachable, 9 locked, 10 integrity failure,
11 no peer reachable or timed out
";

const _: () = assert!(Exit::NoPeer.as_u8() == 11, "the list above is complete");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dozen_verbs_are_shown_and_the_rest_on_demand() {
        let mut command = Cli::command();
        let shown = command
            .get_subcommands()
            .filter(|one| !one.is_hide_set() && one.get_name() != "help")
            .count();
        assert!(
            (10..=14).contains(&shown),
            "a dozen, more or less, not {shown}"
        );
        let help = command.render_long_help().to_string();
        assert!(
            help.contains("share") && !help.contains("history"),
            "{help}"
        );
    }
}
