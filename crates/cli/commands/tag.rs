//! `kitbag tag`: tags of a note, added and removed.

use crate::context::Context;
use crate::launch;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Args, Command};
use kitbag_rpc::{Code, EditNote, Failure, V1};
use std::ffi::OsString;

#[derive(Debug, Args)]
pub(crate) struct TagArgs {
    /// The start of the note's id
    note: String,
    /// +TAG adds one, -TAG removes one; what follows `--` is no option
    #[arg(value_name = "+TAG|-TAG", required = true, allow_hyphen_values = true)]
    pub(crate) changes: Vec<String>,
}

pub(super) async fn run(context: &Context, args: TagArgs) -> anyhow::Result<()> {
    let (add_tags, remove_tags) = split(&args.changes)?;
    let call = EditNote {
        v: V1,
        note: args.note,
        add_tags,
        remove_tags,
        ..EditNote::default()
    };
    let client = launch::client(context).await?;
    super::edit::change(context, &client, &call).await
}

/// The same arguments with the options that stand among the words put before them. The parser takes all
/// that follows the first of these words for one of them, since a tag to remove, or a word that a search
/// leaves out, looks like an option.
///
/// # Errors
/// What looks like a long option and is none, unless it follows `--`.
pub(crate) fn options_first(
    given: &[OsString],
    words: &[String],
    command: &Command,
) -> Result<Vec<OsString>, clap::Error> {
    let (before, among) = given.split_at(given.len().saturating_sub(words.len()));
    if before.iter().any(|word| word == "--") {
        return Ok(given.to_vec()); // whoever wrote that means what follows as it stands
    }
    let (mut options, mut changes) = (Vec::new(), Vec::new());
    let mut words = among.iter().zip(words);
    while let Some((word, text)) = words.next() {
        if text == "--" {
            changes.extend(words.by_ref().map(|(word, _)| word.clone()));
        } else if let Some(takes_next) = option(command, text) {
            options.push(word.clone());
            let value = words.by_ref().take(usize::from(takes_next));
            options.extend(value.map(|(word, _)| word.clone()));
        } else if text.starts_with("--") {
            return Err(no_option(command, text));
        } else {
            changes.push(word.clone());
        }
    }
    let rest = std::iter::once("--".into()).chain(changes);
    Ok(before.iter().cloned().chain(options).chain(rest).collect())
}

/// Whether a word is an option of the command, and then whether the next word is its value.
fn option(command: &Command, word: &str) -> Option<bool> {
    let (name, value) = match word.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (word, None),
    };
    let is_called = |of: &&Arg| match name.strip_prefix("--") {
        Some(long) => of.get_long() == Some(long),
        None => of.get_short().is_some_and(|c| *word == format!("-{c}")),
    };
    let known = command.get_arguments().find(is_called)?;
    Some(known.get_action().takes_values() && value.is_none())
}

fn no_option(command: &Command, word: &str) -> clap::Error {
    let tip = format!("to mean a word that begins with '--', use '-- {word}'");
    let mut error = clap::Error::new(ErrorKind::UnknownArgument).with_cmd(command);
    error.insert(
        ContextKind::InvalidArg,
        ContextValue::String(word.to_owned()),
    );
    error.insert(
        ContextKind::Suggested,
        ContextValue::StyledStrs(vec![tip.into()]),
    );
    error
}

/// Tags to add, and tags to remove.
fn split(changes: &[String]) -> Result<(Vec<String>, Vec<String>), Failure> {
    let (mut add, mut remove) = (Vec::new(), Vec::new());
    for change in changes {
        let bad = |hint: &str| {
            let message = format!("{change:?} neither adds nor removes a tag");
            Err(Failure::new(Code::Usage, message).hint(hint))
        };
        match (change.strip_prefix('+'), change.strip_prefix('-')) {
            (Some(tag), _) if !tag.is_empty() => add.push(tag.to_owned()),
            (_, Some(tag)) if !tag.is_empty() => remove.push(tag.to_owned()),
            _ => return bad("kitbag tag NOTE +to-add -to-remove"),
        }
    }
    Ok((add, remove))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_says_what_becomes_of_a_tag() {
        let words = |words: &[&str]| {
            words
                .iter()
                .map(|word| (*word).to_owned())
                .collect::<Vec<_>>()
        };
        let (add, remove) = split(&words(&["+a", "-b", "+c d"])).unwrap();
        assert_eq!((add, remove), (words(&["a", "c d"]), words(&["b"])));
        assert_eq!(split(&words(&["--b"])).unwrap().1, words(&["-b"]));
        for bad in ["a", "+", "-", ""] {
            assert!(split(&words(&[bad])).is_err(), "{bad}");
        }
    }

    /// Goal: options count wherever they stand, until `--`; after it everything is a tag.
    #[test]
    fn options_among_tags_are_options() {
        for (line, json, home, changes) in [
            ("kitbag tag n +a -b --json", true, None, "+a -b"),
            ("kitbag tag n --json +a", true, None, "+a"),
            ("kitbag tag --json n +a", true, None, "+a"),
            ("kitbag tag n +a --home h -b", false, Some("h"), "+a -b"),
            ("kitbag tag n +a --home=h --json", true, Some("h"), "+a"),
            ("kitbag tag n -- --json", false, None, "--json"),
            ("kitbag tag n +a --json -- --b", true, None, "+a --b"),
            ("kitbag tag -- n +a --json", false, None, "+a --json"),
            ("kitbag tag n -b --color never", false, None, "-b"),
            ("kitbag tag n +a -v -hot", false, None, "+a -v -hot"),
            ("kitbag tag n +a -- -h", false, None, "+a -h"),
        ] {
            let given: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            let cli = crate::args::Cli::of(&given).unwrap();
            assert_eq!((cli.json, cli.home), (json, home.map(Into::into)), "{line}");
            let Some(crate::commands::Command::Tag(tags)) = cli.command else {
                panic!("{line}");
            };
            assert_eq!(tags.changes.join(" "), changes, "{line}");
        }
        for (line, packs, query) in [
            ("kitbag search refund -hotel", "", "refund -hotel"),
            ("kitbag search refund --pack X -hotel", "X", "refund -hotel"),
            ("kitbag search -hotel refund --pack=X", "X", "-hotel refund"),
            (
                "kitbag search --pack X -- -refund --pack",
                "X",
                "-refund --pack",
            ),
            ("kitbag search refund -- --typo", "", "refund --typo"),
            (
                "kitbag search refund --since -1d -hotel",
                "",
                "refund -hotel",
            ),
        ] {
            let given: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            let cli = crate::args::Cli::of(&given).unwrap();
            let Some(crate::commands::Command::Search(search)) = cli.command else {
                panic!("{line}");
            };
            assert_eq!(search.query.join(" "), query, "{line}");
            assert_eq!(search.packs.join(" "), packs, "{line}");
        }
        for (line, kind, said) in [
            ("kitbag search -h", ErrorKind::DisplayHelp, "Usage"),
            ("kitbag search refund -h", ErrorKind::DisplayHelp, "Usage"),
            (
                "kitbag search refund --typo",
                ErrorKind::UnknownArgument,
                "-- --typo",
            ),
            (
                "kitbag search refund --limit 0",
                ErrorKind::ValueValidation,
                "--limit",
            ),
            ("kitbag tag n +a -h", ErrorKind::DisplayHelp, "Usage"),
            ("kitbag tag n +a -V", ErrorKind::DisplayVersion, "kitbag"),
            (
                "kitbag tag n +a --jsn",
                ErrorKind::UnknownArgument,
                "-- --jsn",
            ),
            (
                "kitbag tag n --jsn +a",
                ErrorKind::UnknownArgument,
                "-- --jsn",
            ),
            (
                "kitbag tag n +a --json=1",
                ErrorKind::TooManyValues,
                "--json",
            ),
            ("kitbag tag n +a --home", ErrorKind::InvalidValue, "--home"),
            (
                "kitbag tag n +a --color pink",
                ErrorKind::InvalidValue,
                "pink",
            ),
            (
                "kitbag tag n --json",
                ErrorKind::MissingRequiredArgument,
                "TAG",
            ),
        ] {
            let given: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            let error = crate::args::Cli::of(&given).unwrap_err();
            assert_eq!(error.kind(), kind, "{line}: {error}");
            assert!(error.to_string().contains(said), "{line}: {error}");
        }
    }
}
