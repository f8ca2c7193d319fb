//! What every subcommand shares on the command line: the global options, and words as values.

use crate::colour::Colour;
use crate::commands::{Command, options_first};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{FromArgMatches, Parser};
use kitbag_render::{Format, Overflow};
use kitbag_rpc::{Role, Sensitivity};
use std::ffi::OsString;
use std::path::PathBuf;

/// Context packs: source-labelled notes, sealed on every device, in sync with exactly whom you share with.
#[derive(Debug, Parser)]
#[command(
    name = "kitbag",
    version,
    propagate_version = true,
    disable_help_subcommand = true
)]
pub(crate) struct Cli {
    /// The device's directory; two homes are two devices on one computer
    #[arg(
        long,
        global = true,
        env = "KITBAG_HOME",
        hide_env_values = true,
        value_name = "DIR"
    )]
    pub(crate) home: Option<PathBuf>,

    /// Print one JSON document instead of words
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// When to colour
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t)]
    pub(crate) color: Colour,

    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

impl Cli {
    /// What was asked, and the name of the command.
    pub(crate) fn parsed(
        mut command: clap::Command,
        given: &[OsString],
    ) -> Result<(Cli, Option<String>), clap::Error> {
        let once = |command: &mut clap::Command, given: &[OsString]| {
            let matches = command.try_get_matches_from_mut(given)?;
            let name = matches.subcommand_name().map(str::to_owned);
            let cli = Cli::from_arg_matches(&matches).map_err(|error| error.format(command))?;
            Ok((cli, name))
        };
        let (cli, name) = once(&mut command, given)?;
        let words = match &cli.command {
            Some(Command::Tag(tags)) => Some(&tags.changes),
            Some(Command::Search(search)) => Some(&search.query),
            _ => None,
        };
        match (words, &name) {
            (Some(words), Some(of)) => {
                let of = command.find_subcommand(of).unwrap_or(&command);
                let sorted = options_first(given, words, of)?;
                once(&mut command, &sorted)
            }
            _ => Ok((cli, name)),
        }
    }

    #[cfg(test)]
    pub(crate) fn of(given: &[OsString]) -> Result<Cli, clap::Error> {
        let parsed = Cli::parsed(<Cli as clap::CommandFactory>::command(), given);
        parsed.map(|(cli, _)| cli)
    }
}

/// A name of something, which an empty word is not.
pub(crate) fn name(text: &str) -> Result<String, &'static str> {
    match text.trim().is_empty() {
        true => Err("a name is not empty"),
        false => Ok(text.to_owned()),
    }
}

/// A sensitivity by its word.
pub(crate) fn sensitivity() -> impl TypedValueParser<Value = Sensitivity> {
    let all = Sensitivity::ALL;
    PossibleValuesParser::new(all.map(Sensitivity::as_str)).map(move |word| {
        all.into_iter()
            .find(|one| one.as_str() == word)
            .expect("the parser lets only these words through")
    })
}

/// A format of an export, by its word.
pub(crate) fn format() -> impl TypedValueParser<Value = Format> {
    let all = Format::ALL;
    PossibleValuesParser::new(all.map(Format::as_str)).map(move |word| {
        all.into_iter()
            .find(|one| one.as_str() == word)
            .expect("the parser lets only these words through")
    })
}

/// What to do with too much, by its word.
pub(crate) fn overflow() -> impl TypedValueParser<Value = Overflow> {
    let all = Overflow::ALL;
    PossibleValuesParser::new(all.map(Overflow::as_str)).map(move |word| {
        all.into_iter()
            .find(|one| one.as_str() == word)
            .expect("the parser lets only these words through")
    })
}

/// A kind of pack, by its word.
pub(crate) fn pack_kind() -> PossibleValuesParser {
    PossibleValuesParser::new(["case", "account", "project", "library", "inbox"])
}

/// A role that a ticket can give, by its word.
pub(crate) fn role() -> impl TypedValueParser<Value = Role> {
    role_among([Role::Reader, Role::Commenter, Role::Editor])
}

/// A role that a person can be given, by its word.
pub(crate) fn member_role() -> impl TypedValueParser<Value = Role> {
    role_among([Role::Reader, Role::Commenter, Role::Editor, Role::Admin])
}

fn role_among<const N: usize>(all: [Role; N]) -> impl TypedValueParser<Value = Role> {
    PossibleValuesParser::new(all.map(Role::as_str)).map(move |word| {
        all.into_iter()
            .find(|one| one.as_str() == word)
            .expect("the parser lets only these words through")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;
    use clap::error::ErrorKind;
    use std::os::unix::ffi::OsStringExt;

    #[test]
    fn the_definition_holds_together() {
        Cli::command().debug_assert();
    }

    /// Goal: what the contract names parses, what it does not is a usage error that names it.
    #[test]
    fn the_contract_parses() {
        let good = [
            "",
            "up --name Ana --detach --offline --relay none --discovery off --listen 127.0.0.1:0",
            "up --relay https://relay.example --listen any:4040",
            "down",
            "init --name Ana --keyring",
            "init --name Ana --key-file k",
            "init --name Ana --passphrase-file -",
            "daemon run --offline",
            "daemon start",
            "daemon stop",
            "daemon status --json",
            "daemon logs --follow --lines 5",
            "daemon install --dry-run --yes --force --no-sandbox --passphrase-file f",
            "daemon uninstall --dry-run --yes --force",
            "key protect --passphrase --yes",
            "key protect --key-file k --current-passphrase-file - --dry-run",
            "doctor --json --passphrase-file -",
            "doctor --bundle b.json --addresses",
            "lock",
            "unlock --passphrase-file -",
            "pack create Acme --sensitivity internal",
            "pack list",
            "pack list --all",
            "pack list --archived",
            "pack archive Acme",
            "pack archive Acme --undo",
            "pack rename Acme Beta",
            "pack rename Acme --clear",
            "pack rename Acme --title Beta --dry-run --yes",
            "pack show Acme",
            "add Acme --source CRM --title T --file - --url https://a.example --sensitivity public --tag a --tag b",
            "list Acme",
            "show abc",
            "edit abc --title T",
            "history abc",
            "search refund",
            "search late refund --pack Acme --pack Beta --tag vip --source CRM --sensitivity internal --since 2d --until -1d --type message --limit 5",
            "search -- -hotel refund",
            "export Acme",
            "export Acme --format json --max-sensitivity confidential --purpose support --tag vip --since 30d --out a.json --force",
            "import messages a.json b.json --pack Acme --sensitivity internal --source CRM --tag a --tag b --unmasked --dry-run",
            "import csv - --pack Acme --map m.toml",
            "import markdown notes",
            "share Acme",
            "share Acme --role reader --clearance public --expires 2d --uses 3 --dry-run --yes",
            "share Acme --ask --clearance restricted",
            "share list Acme",
            "share cancel Acme qrstuv --dry-run --yes",
            "share requests",
            "share requests Acme",
            "share approve abcdef --yes --dry-run",
            "share refuse abcdef",
            "join",
            "join --forget qrstuv",
            "join - --as Acme",
            "join kitbag1abc",
            "ticket inspect -",
            "members Acme",
            "unshare Acme Ben --hostile --dry-run --yes",
            "unshare Acme me",
            "role Acme Ben admin",
            "role Acme Ben reader --clearance public --dry-run --yes",
            "sync",
            "sync Acme --wait --timeout 30s",
            "status --home /tmp/x --json",
            "help",
            "help --all",
            "demo",
            "demo --keep",
            "status --why",
            "who Acme",
            "check Acme --as Ben",
            "policy show Acme",
            "policy explain Acme --as Ben",
            "policy explain Acme --as Ben abcdef",
            "inspect",
            "inspect -",
            "inspect abcdef",
            "help pack create",
            "use",
            "use Acme",
            "use --clear",
            "add --source CRM",
            "list",
            "list --deleted",
            "share",
            "share list",
            "who",
            "members",
            "review",
            "check --as Ben",
            "policy show",
            "pack show",
            "delete abcdef --dry-run",
            "delete --restore abcdef",
            "undo",
            "undo Acme --dry-run",
        ];
        for line in good {
            let words = std::iter::once("kitbag").chain(line.split_whitespace());
            Cli::try_parse_from(words).unwrap_or_else(|e| panic!("{line}: {e}"));
        }
        let bad = [
            "bogus",
            "add Acme",
            "use Acme --clear",
            "delete",
            "undo a b",
            "list --all --deleted",
            "share Acme --role admin",
            "search",
            "search refund --limit 0",
            "search refund --limit 101",
            "search refund --sensitivity secret",
            "export Acme --format pdf",
            "export Acme --max-tokens 0",
            "export Acme --max-tokens many",
            "export Acme --on-overflow trim",
            "export Acme --max-tokens 9 --on-overflow cut",
            "export Acme --force",
            "export Acme --max-sensitivity secret",
            "import csv",
            "import xml a.xml",
            "import csv a.csv --sensitivity secret",
            "share cancel Acme",
            "share approve",
            "join kitbag1abc --forget qrstuv",
            "share Acme --clearance secret",
            "share Acme --uses 0",
            "share Acme --uses -1",
            "share Acme --uses 99999999999",
            "init",
            "init --name Ana --keyring --key-file k",
            "up --discovery maybe",
            "up --listen nowhere",
            "up --relay ftp://x",
            "up --offline --bogus",
            "unshare Acme",
            "role Acme Ben",
            "role Acme Ben courier",
            "role Acme Ben owner",
            "role Acme Ben editor --clearance secret",
            "check Acme",
            "check",
            "policy",
            "policy explain Acme",
            "inspect a b",
            "edit abc --title T --dry-run --yes",
            "edit abc --file - --dry-run",
            "pack",
            "pack archive",
            "pack rename Acme",
            "pack rename Acme Beta --clear",
            "pack rename Acme Beta --title Gamma",
            "pack rename Acme Beta --yes",
            "pack rename Acme --clear --dry-run",
            "pack rename Acme --yes",
            "pack list --all --archived",
            "daemon",
            "key",
            "doctor --addresses",
            "key protect --keyring --passphrase",
            "ticket",
            "edit",
        ];
        for line in bad {
            let words = std::iter::once("kitbag").chain(line.split_whitespace());
            let words: Vec<OsString> = words.map(OsString::from).collect();
            let error = Cli::of(&words)
                .err()
                .unwrap_or_else(|| panic!("{line} parses"));
            assert_eq!(error.exit_code(), 2, "{line}");
        }
    }

    #[test]
    fn an_argument_that_is_not_utf8_is_a_usage_error() {
        let words = ["kitbag", "list"]
            .map(OsString::from)
            .into_iter()
            .chain([OsString::from_vec(vec![b'a', 0xff])]);
        assert_eq!(
            Cli::try_parse_from(words).unwrap_err().kind(),
            ErrorKind::InvalidUtf8
        );
    }
}
