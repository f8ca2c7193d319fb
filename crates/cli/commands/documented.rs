//! The documents name the commands and options that there are, and all of them.

use super::every_command;
use crate::args::Cli;
use clap::{Command, CommandFactory};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const CLI: &str = include_str!("../../../docs/cli.md");

/// The code spans in the first cells of the table of commands, without the escapes of a table.
fn usages() -> Vec<String> {
    let (_, after) = CLI.split_once("\n## Commands\n").unwrap();
    let rows = after.lines().skip_while(|line| !line.starts_with("| `"));
    let rows = rows.take_while(|line| line.starts_with('|'));
    let first_cells = rows.map(|row| row.replace("\\|", "\u{1}"));
    let first_cells = first_cells.map(|row| row.split('|').nth(1).unwrap().to_owned());
    let spans = |cell: String| -> Vec<String> {
        let parts = cell.split('`').skip(1).step_by(2);
        parts.map(|span| span.replace('\u{1}', "|")).collect()
    };
    first_cells.flat_map(spans).collect()
}

/// The commands that a usage is of: `daemon run|start` is of two.
fn commands_of(usage: &str) -> Vec<Vec<String>> {
    let root = Cli::command();
    let mut words = usage.split_whitespace().filter(|word| *word != "kitbag");
    let Some(first) = words.next() else {
        return vec![];
    };
    let command = root.find_subcommand(first);
    let command = command.unwrap_or_else(|| panic!("`{usage}`: there is no command {first:?}"));
    let second = words.next().unwrap_or_default();
    let nested: Vec<Vec<String>> = second
        .split('|')
        .filter(|word| command.find_subcommand(word).is_some())
        .map(|word| vec![first.to_owned(), word.to_owned()])
        .collect();
    match nested.is_empty() {
        true => vec![vec![first.to_owned()]],
        false => nested,
    }
}

fn find<'c>(root: &'c Command, path: &[String]) -> &'c Command {
    path.iter()
        .fold(root, |command, name| command.find_subcommand(name).unwrap())
}

fn has_option(command: &Command, long: &str) -> bool {
    command
        .get_arguments()
        .any(|arg| arg.get_long() == Some(long))
}

/// The long options that a text names.
fn options_in(text: &str) -> BTreeSet<&str> {
    let after = text.split("--").skip(1);
    let names = after.map(|rest| {
        let end = rest.find(|c: char| !(c.is_ascii_lowercase() || c == '-'));
        &rest[..end.unwrap_or(rest.len())]
    });
    names.filter(|name| !name.is_empty()).collect()
}

/// Goal: every row of the table is of a command that there is, with options that it takes.
#[test]
fn what_the_table_promises_is_there() {
    let root = Cli::command();
    assert!(usages().len() > 30, "the table was found");
    for usage in usages() {
        let commands = commands_of(&usage);
        for option in options_in(&usage) {
            let known = commands
                .iter()
                .any(|path| has_option(find(&root, path), option));
            assert!(
                known || has_option(&root, option),
                "`{usage}`: no --{option}"
            );
        }
        for path in &commands {
            let line: Vec<&str> = std::iter::once("kitbag")
                .chain(path.iter().map(String::as_str))
                .chain(["--help"])
                .collect();
            let error = Cli::command().try_get_matches_from(line).unwrap_err();
            assert_eq!(
                error.kind(),
                clap::error::ErrorKind::DisplayHelp,
                "{path:?}"
            );
        }
    }
}

/// Goal: every command has a row, and every option is named.
#[test]
fn what_is_there_is_written_down() {
    let rows: BTreeSet<Vec<String>> = usages()
        .iter()
        .flat_map(|usage| commands_of(usage))
        .collect();
    let named = options_in(CLI);
    for (path, command) in every_command() {
        let is_group = command.is_subcommand_required_set();
        assert!(
            is_group || rows.contains(&path),
            "docs/cli.md has no row for {path:?}"
        );
        for long in command.get_arguments().filter_map(|arg| arg.get_long()) {
            assert!(
                named.contains(long),
                "docs/cli.md does not name --{long} of {path:?}"
            );
        }
    }
    for arg in Cli::command()
        .get_arguments()
        .filter_map(|arg| arg.get_long())
    {
        assert!(named.contains(arg), "docs/cli.md does not name --{arg}");
    }
}

fn pages(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            pages(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "md") {
            found.push(path);
        }
    }
}

/// Goal: wherever a page says `kitbag something`, there is such a command.
#[test]
fn no_page_names_a_command_that_is_not_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = vec![root.join("README.md")];
    pages(&root.join("docs"), &mut found);
    let mut checked = 0;
    for page in found {
        let text = std::fs::read_to_string(&page).unwrap();
        for rest in text.split("`kitbag ").skip(1) {
            let word: String = rest
                .chars()
                .take_while(|c| c.is_ascii_lowercase() || *c == '-')
                .collect();
            if word.is_empty() || word.starts_with('-') {
                continue; // an option, or a word that stands for a command
            }
            let is_there = Cli::command().find_subcommand(&word).is_some();
            assert!(is_there, "{}: `kitbag {word}`", page.display());
            checked += 1;
        }
    }
    assert!(checked > 10, "{checked}");
}
