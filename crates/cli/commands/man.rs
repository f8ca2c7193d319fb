//! `kitbag man`: the manual pages, from the same definition as the help.

use crate::args::Cli;
use crate::context::Context;
use anyhow::Context as _;
use clap::{Args, Command, CommandFactory};
use clap_mangen::Man;
use kitbag_rpc::V1;
use serde::Serialize;
use std::fs;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Write the page of each command into this directory
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// The document of `man`: the page, or the files that were written.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Manual {
    v: V1,
    page: Option<String>,
    files: Vec<String>,
}

pub(super) fn run(context: &Context, args: ManArgs) -> anyhow::Result<()> {
    let mut manual = Manual {
        v: V1,
        page: None,
        files: Vec::new(),
    };
    match args.dir {
        None => manual.page = Some(page(root())?),
        Some(dir) => manual.files = write(&dir)?,
    }
    if context.out.is_json() {
        return context.out.document(&manual);
    }
    match manual.page {
        Some(page) => Ok(context.out.data(page.trim_end())?),
        None => Ok(context.out.data(manual.files.join("\n"))?),
    }
}

fn root() -> Command {
    let mut root = Cli::command();
    root.build();
    root
}

fn write(dir: &Path) -> anyhow::Result<Vec<String>> {
    let mut files = Vec::new();
    fs::create_dir_all(dir).with_context(|| format!("make {}", dir.display()))?;
    for (name, text) in pages()? {
        let path = dir.join(format!("{name}.1"));
        fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
        files.push(path.to_string_lossy().into_owned());
    }
    Ok(files)
}

/// The pages of all commands, by their names: `kitbag`, `kitbag-share`, `kitbag-share-list`.
fn pages() -> anyhow::Result<Vec<(String, String)>> {
    let mut open = vec![("kitbag".to_owned(), root())];
    let mut pages = Vec::new();
    while let Some((name, command)) = open.pop() {
        for sub in command.get_subcommands() {
            open.push((format!("{name}-{}", sub.get_name()), sub.clone()));
        }
        pages.push((name, page(command)?));
    }
    pages.sort();
    Ok(pages)
}

/// A page names every command, the hidden ones too: a manual is where one looks for the rest.
fn page(command: Command) -> anyhow::Result<String> {
    let command = command.mut_subcommands(|sub| sub.hide(false));
    let mut page = Vec::new();
    Man::new(command).render(&mut page)?;
    Ok(String::from_utf8(page)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::every_command;

    /// Goal: every command has a page of its own, and the main page names all of the first level.
    #[test]
    fn every_command_has_a_page() {
        let pages = pages().unwrap();
        for (path, _) in every_command() {
            let name = format!("kitbag-{}", path.join("-"));
            assert!(pages.iter().any(|(of, _)| *of == name), "{name}");
        }
        let (first, main) = &pages[0];
        assert_eq!(first, "kitbag");
        for sub in Cli::command().get_subcommands() {
            let escaped = sub.get_name().replace('-', "\\-");
            assert!(
                main.contains(&format!("kitbag\\-{escaped}(1)")),
                "{escaped}"
            );
        }
    }

    #[test]
    fn pages_are_written_where_they_are_wanted_and_nowhere_else() {
        let dir = tempfile::tempdir().unwrap();
        let files = write(dir.path()).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), files.len());
        let share = fs::read_to_string(dir.path().join("kitbag-share.1")).unwrap();
        assert!(share.contains(".TH") && share.contains("clearance"));
        let made = dir.path().join("share").join("man1");
        assert_eq!(write(&made).unwrap().len(), files.len());
        assert!(write(&made.join("kitbag.1")).is_err(), "that is a file");
    }
}
