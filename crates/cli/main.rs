//! The `kitbag` command: arguments in, one call to the daemon, words or one JSON document out.
//!
//! Each file in `commands` is one subcommand: its arguments, its call, how its answer is told. Data
//! goes to the standard output, talk to the standard error stream; how the command ends is decided
//! by the code of the failure, in one table (`kitbag_rpc::Code`). Only this module tree prints and
//! reads the environment. The contract is `docs/cli.md`.

mod args;
mod bundle;
mod colour;
mod commands;
mod consent;
mod context;
mod directory;
mod doctor;
mod editor;
mod emphasis;
mod environment;
mod fields;
mod hidden;
mod hints;
mod home;
mod input;
mod launch;
mod membership;
mod network;
mod note_filter;
mod output;
mod passphrase;
mod past;
mod progress;
mod qr;
mod reasons;
mod redact;
mod rules;
mod service;
mod table;
mod when;
mod words;

use crate::args::Cli;
use crate::colour::Colour;
use crate::context::Context;
use crate::output::{AnswerLost, Output};
use anyhow::Error;
use clap::CommandFactory;
use clap::error::ErrorKind;
use kitbag_rpc::{ClientError, Code, Exit, Failure};
use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

fn main() -> ExitCode {
    let (cli, name) = match parse() {
        Ok(parsed) => parsed,
        Err(error) => return not_parsed(&error),
    };
    let out = Output::new(cli.json, cli.color);
    let ended = match Context::new(cli.home, out) {
        Ok(context) => start(&context, cli.command),
        Err(failure) => Err(failure.into()),
    };
    match ended {
        Ok(()) => exit(Exit::Ok),
        Err(error) if is_closed_pipe(&error) => exit(Exit::Ok), // whoever reads has read enough
        Err(error) => {
            let failure = as_failure(error);
            out.failure(&hints::with_hint_for(failure.clone(), name.as_deref()));
            exit(failure.code.exit())
        }
    }
}

/// A command that becomes the daemon gets threads; one that asks it needs none.
fn start(context: &Context, command: Option<commands::Command>) -> anyhow::Result<()> {
    let mut builder = if command
        .as_ref()
        .is_some_and(commands::Command::becomes_daemon)
    {
        tokio::runtime::Builder::new_multi_thread()
    } else {
        tokio::runtime::Builder::new_current_thread()
    };
    builder
        .enable_all()
        .build()?
        .block_on(commands::run(context, command))
}

/// What was asked, and the name of the command.
fn parse() -> Result<(Cli, Option<String>), clap::Error> {
    let colour = Colour::asked(std::env::args_os()).for_parser();
    let given: Vec<OsString> = std::env::args_os().collect();
    Cli::parsed(Cli::command().color(colour), &given)
}

/// Help and version are data; everything else is a usage error. Both are documents with `--json`.
fn not_parsed(error: &clap::Error) -> ExitCode {
    let json = std::env::args_os()
        .take_while(|arg| arg != "--")
        .any(|arg| arg == "--json");
    let out = Output::new(json, Colour::asked(std::env::args_os()));
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion if json => {
            return match out.document(&commands::about(error)) {
                Err(error) if !is_closed_pipe(&error) => exit(Exit::Internal),
                _ => exit(Exit::Ok),
            };
        }
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let _ = error.print();
            return exit(Exit::Ok);
        }
        _ => {}
    }
    if redact::hold_ticket(std::env::args_os()) {
        // Its pieces may stand anywhere in what the parser would say.
        let failure = Failure::new(
            Code::Usage,
            "a ticket does not belong there, or came in pieces",
        );
        let hint = "kitbag join, then paste the ticket; kitbag ticket inspect to look at it";
        out.failure(&failure.hint(hint));
    } else if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand && !json {
        let _ = error.print(); // what there is to choose from
    } else {
        out.failure(&usage(error, &command_of(std::env::args_os())));
    }
    exit(Exit::Usage)
}

/// The command that was given, as far as it is one: `share cancel`.
fn command_of(args: impl IntoIterator<Item = OsString>) -> String {
    let mut here = &Cli::command();
    let mut words: Vec<&str> = Vec::new();
    let mut args = args.into_iter().skip(1);
    while let Some(arg) = args.next() {
        let arg = arg.to_string_lossy();
        if matches!(&*arg, "--home" | "--color") {
            args.next();
        } else if !arg.starts_with('-') {
            let Some(found) = here.find_subcommand(&*arg) else {
                break;
            };
            words.push(found.get_name());
            here = found;
        }
    }
    words.join(" ")
}

/// In two lines what the parser says in six: what is wrong, and how it is said right.
fn usage(error: &clap::Error, command: &str) -> Failure {
    let help = format!("kitbag help {command}");
    let help = help.trim_end();
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let failure = Failure::new(Code::Usage, "a command of this one is missing");
        return failure.hint(format!("{help} lists them"));
    }
    let text = error.render().to_string();
    let mut paragraphs = text.split("\n\n").map(|paragraph| {
        let lines: Vec<&str> = paragraph.lines().map(str::trim).collect();
        lines.join(" ")
    });
    let message = paragraphs.next().unwrap_or_default();
    let message = message.strip_prefix("error: ").unwrap_or(&message);
    let message = in_plain_words(message);
    let mut hints = Vec::new();
    for paragraph in paragraphs {
        if let Some(tip) = paragraph.strip_prefix("tip: ") {
            // A word that is spelled alike may be another sensitivity, at which others read.
            match error.kind() == ErrorKind::InvalidValue && message.contains(SENSITIVITIES) {
                true => hints.push(format!("say one of {SENSITIVITIES}")),
                false => hints.push(tip.to_owned()),
            }
        } else if let Some(usage) = paragraph.strip_prefix("Usage: ") {
            let first = usage.split(" kitbag ").next().unwrap_or(usage);
            hints.push(first.trim_end().to_owned());
        }
    }
    if error.kind() == ErrorKind::InvalidSubcommand {
        hints.retain(|hint| !hint.starts_with("kitbag"));
        hints.push(format!("{help} lists the commands"));
    } else if hints.is_empty() {
        hints.push(help.to_owned());
    }
    Failure::new(Code::Usage, message).hint(hints.join("; "))
}

/// The sensitivities, as the parser lists them.
const SENSITIVITIES: &str = "public, internal, confidential, restricted";

/// What the parser says of numbers, for people: `0 is not in 1..18446744073709551615`.
fn in_plain_words(message: &str) -> String {
    let Some((value, why)) = message.rsplit_once(": ") else {
        return message.to_owned();
    };
    let range = why.split_once(" is not in ").map(|(_, range)| range);
    let ends = range.and_then(|range| range.split_once(".."));
    let why = match (why, ends) {
        (_, Some((low, high))) => {
            let number = |text: &str| text.trim_start_matches('=').parse::<u64>().ok();
            match (number(high), high.starts_with('=')) {
                (Some(high), included) if high < u64::from(u32::MAX) => {
                    format!("it has to be {low} to {}", high - u64::from(!included))
                }
                _ => format!("it has to be at least {low}"),
            }
        }
        ("invalid digit found in string" | "cannot parse integer from empty string", _) => {
            "it has to be a whole number".to_owned()
        }
        (why, _) if why.contains("too large to fit") => "the number is too large".to_owned(),
        (why, _) => why.to_owned(),
    };
    format!("{value}: {why}")
}

fn as_failure(error: Error) -> Failure {
    let error = match error.downcast::<Failure>() {
        Ok(failure) => return failure,
        Err(error) => error,
    };
    match error.downcast::<ClientError>() {
        Ok(error) => error.into_failure(),
        Err(error) if error.downcast_ref().is_some_and(AnswerLost::is) => {
            Failure::new(Code::Storage, format!("{error:#}")).hint("look before you do it again")
        }
        Err(error) if error.downcast_ref::<io::Error>().is_some() => {
            Failure::new(Code::Storage, format!("{error:#}"))
        }
        Err(error) => Failure::new(Code::Internal, format!("{error:#}")),
    }
}

fn is_closed_pipe(error: &Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
}

fn exit(exit: Exit) -> ExitCode {
    ExitCode::from(exit.as_u8())
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;
    use std::collections::BTreeMap;

    #[test]
    fn every_error_finds_its_code() {
        let failure = Failure::new(Code::TicketExpired, "it expired");
        assert_eq!(as_failure(failure.clone().into()), failure);
        assert_eq!(
            as_failure(ClientError::TimedOut.into()).code,
            Code::TimedOut
        );
        assert_eq!(
            as_failure(ClientError::Failed(failure.clone()).into()),
            failure
        );
        let io = io::Error::new(io::ErrorKind::NotFound, "gone");
        let told = as_failure(Err::<(), _>(io).context("read a.txt").unwrap_err());
        assert_eq!(
            (told.code, told.message.as_str()),
            (Code::Storage, "read a.txt: gone")
        );
        assert_eq!(as_failure(anyhow::anyhow!("odd")).code, Code::Internal);
    }

    /// Goal: a usage error takes two lines: what is wrong with all that belongs to it, and the usage.
    #[test]
    fn usage_errors_are_one_message_and_one_hint() {
        let told = |line: &str| {
            let given: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            usage(&Cli::of(&given).unwrap_err(), &command_of(given))
        };
        for (line, message, hint) in [
            (
                "kitbag add",
                "the following required arguments were not provided: --source <LABEL>",
                "kitbag add --source <LABEL> [PACK]",
            ),
            (
                "kitbag share Acme --role x",
                "invalid value 'x' for '--role <ROLE>' [possible values: reader, commenter, editor]",
                "kitbag help share",
            ),
            (
                "kitbag lst",
                "unrecognized subcommand 'lst'",
                "a similar subcommand exists: 'list'; kitbag help lists the commands",
            ),
            (
                "kitbag xyzzy",
                "unrecognized subcommand 'xyzzy'",
                "kitbag help lists the commands",
            ),
            (
                "kitbag pack",
                "a command of this one is missing",
                "kitbag help pack lists them",
            ),
            (
                "kitbag add --source x --sensitivity secret",
                "invalid value 'secret' for '--sensitivity <SENSITIVITY>' [possible values: public, internal, confidential, restricted]",
                "say one of public, internal, confidential, restricted",
            ),
            (
                "kitbag export Acme --max-tokens 0",
                "invalid value '0' for '--max-tokens <N>': it has to be at least 1",
                "kitbag help export",
            ),
            (
                "kitbag search x --limit 101",
                "invalid value '101' for '--limit <N>': it has to be 1 to 100",
                "kitbag help search",
            ),
            (
                "kitbag --home d search x --limit ten",
                "invalid value 'ten' for '--limit <N>': it has to be a whole number",
                "kitbag help search",
            ),
        ] {
            let failure = told(line);
            assert_eq!(failure.message, message, "{line}");
            let given = failure.hint.unwrap();
            assert!(
                given.starts_with(hint) && !given.contains('\n'),
                "{line}: {given}"
            );
        }
    }

    /// Goal: the table of codes in `docs/cli.md` is the one in the program, row by row.
    #[test]
    fn the_documented_codes_are_the_real_ones() {
        let docs = include_str!("../../docs/cli.md");
        let rows: BTreeMap<&str, u8> = docs
            .lines()
            .filter_map(|line| {
                let mut cells = line.strip_prefix("| `")?.split('|').map(str::trim);
                let word = cells.next()?.strip_suffix('`')?;
                Some((word, cells.next()?.parse().ok()?))
            })
            .collect();
        let real: BTreeMap<&str, u8> = Code::ALL
            .iter()
            .map(|code| (code.as_str(), code.exit().as_u8()))
            .collect();
        assert_eq!(rows, real);
    }
}
