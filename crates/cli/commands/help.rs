//! `kitbag help [--all] [COMMAND]...`: a dozen verbs, or all of them, or one.

use crate::args::Cli;
use crate::context::Context;
use clap::error::ErrorKind;
use clap::{Args, CommandFactory};
use kitbag_rpc::{Code, Exit, Failure, V1};
use serde::Serialize;

#[derive(Debug, Args)]
pub(crate) struct HelpArgs {
    /// Also the commands for scripts and for looking closer
    #[arg(long)]
    all: bool,
    /// The command to show, or the code of an error
    command: Vec<String>,
}

/// The document of `help`, and of `--help` with `--json`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Help {
    v: V1,
    help: String,
}

/// The document of `--help` or `--version` with `--json`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub(crate) enum About {
    Help(Help),
    Version { v: V1, version: String },
}

/// What the parser shows instead of running anything.
pub(crate) fn about(shown: &clap::Error) -> About {
    match shown.kind() {
        ErrorKind::DisplayVersion => About::Version {
            v: V1,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        },
        _ => About::Help(Help {
            v: V1,
            help: shown.render().to_string(),
        }),
    }
}

const PAGES: &str = include_str!("../../../docs/errors.md");

/// What the page of an error code says.
fn page(code: Code) -> Option<&'static str> {
    let (_, rest) = PAGES.split_once(&format!("\n## `{code}`\n\n"))?;
    let end = rest.find("\n## ").unwrap_or(rest.len());
    Some(rest[..end].trim_end())
}

pub(super) fn run(context: &Context, args: HelpArgs) -> anyhow::Result<()> {
    if let [word] = &args.command[..]
        && let Some(help) = Code::parse(word).and_then(page)
    {
        let help = format!("{word}\n\n{help}");
        return match context.out.is_json() {
            true => context.out.document(&Help { v: V1, help }),
            false => Ok(context.out.data(help)?),
        };
    }
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
            Failure::new(Code::Usage, message)
                .hint("kitbag help --all lists them; the code of an error works too")
        })?;
    }
    let mut help = shown.render_long_help().to_string();
    if args.command.is_empty() {
        help.push_str(if args.all {
            EXIT_CODES
        } else {
            "\nIn and out: import, export, select, clip; what may leave: policy. All commands: kitbag help --all\n"
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

    /// Goal: every code has a page that says something, and no page is of a code that is gone.
    #[test]
    fn every_code_has_a_page_and_every_page_a_code() {
        let headings = PAGES.lines().filter_map(|line| line.strip_prefix("## "));
        let headings: Vec<&str> = headings.map(|word| word.trim_matches('`')).collect();
        let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(headings, codes, "in the order of the table in docs/cli.md");
        for &code in Code::ALL {
            let text = page(code).unwrap();
            assert!(text.len() > 40 && !text.contains("## "), "{code}: {text}");
        }
    }

    #[test]
    fn a_dozen_verbs_are_shown_and_the_rest_on_demand() {
        let mut command = Cli::command();
        let shown = command
            .get_subcommands()
            .filter(|one| !one.is_hide_set() && one.get_name() != "help")
            .count();
        assert!(
            (10..=15).contains(&shown),
            "a dozen, more or less, not {shown}"
        );
        let help = command.render_long_help().to_string();
        assert!(
            help.contains("share") && !help.contains("history"),
            "{help}"
        );
    }
}
