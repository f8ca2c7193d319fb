//! `kitbag completions`: what a shell needs to complete commands and options.

use crate::args::Cli;
use crate::context::Context;
use clap::{Args, CommandFactory, ValueEnum};
use kitbag_rpc::V1;
use serde::Serialize;

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub(crate) enum Shell {
    /// Put it into /etc/bash_completion.d, or source it from ~/.bashrc
    Bash,
    /// Put it as _kitbag into a directory of $fpath
    Zsh,
    /// Put it into ~/.config/fish/completions/kitbag.fish
    Fish,
    /// Source it from $PROFILE
    #[value(name = "powershell")]
    #[serde(rename = "powershell")]
    Power,
}

/// The document of `completions`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Completions {
    v: V1,
    shell: Shell,
    script: String,
}

pub(super) fn run(context: &Context, args: &CompletionsArgs) -> anyhow::Result<()> {
    let script = script(args.shell)?;
    if context.out.is_json() {
        let shell = args.shell;
        return context.out.document(&Completions {
            v: V1,
            shell,
            script,
        });
    }
    Ok(context.out.data(script.trim_end())?)
}

fn script(shell: Shell) -> anyhow::Result<String> {
    let generator = match shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Zsh => clap_complete::Shell::Zsh,
        Shell::Fish => clap_complete::Shell::Fish,
        Shell::Power => clap_complete::Shell::PowerShell,
    };
    let mut script = Vec::new();
    clap_complete::generate(generator, &mut Cli::command(), "kitbag", &mut script);
    Ok(String::from_utf8(script)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::every_command;

    /// Goal: every command, the hidden ones and the nested ones too, and every long option can be
    /// completed in every shell.
    #[test]
    fn every_command_and_option_is_in_every_script() {
        for shell in Shell::value_variants() {
            let script = script(*shell).unwrap();
            for (path, command) in every_command() {
                let name = path.last().unwrap();
                assert!(script.contains(name), "{shell:?} lacks {path:?}");
                for long in command.get_arguments().filter_map(|arg| arg.get_long()) {
                    assert!(script.contains(long), "{shell:?} lacks {path:?} --{long}");
                }
            }
        }
    }
}
