//! `kitbag unlock`: opens the packs of a locked device again.

use crate::commands::lock::keeps_nobody_out;
use crate::context::Context;
use crate::network::NetworkArgs;
use crate::{home, launch, passphrase};
use clap::Args;
use kitbag_daemon::is_served;
use kitbag_rpc::{Health, HomeUnlocked, Secret, ServeState, UnlockHome};
use serde::Serialize;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct UnlockArgs {
    /// A file that holds the passphrase, - for the standard input
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Unlocked {
    #[serde(flatten)]
    answer: HomeUnlocked,
    locked: bool,
    /// Whether the daemon did not run, and was started.
    started: bool,
}

pub(super) async fn run(context: &Context, args: UnlockArgs) -> anyhow::Result<()> {
    if let Some(trouble) = home::trouble(&context.home) {
        return Err(trouble.into());
    }
    let file = args.passphrase_file.as_deref();
    let client = context.client();
    let started = !is_served(&context.home);
    if started {
        launch::start(context, &NetworkArgs::default(), None, file).await?;
    }
    let mut call = UnlockHome::default();
    // Nobody is asked for a passphrase that nothing needs.
    if client.call(&Health::default()).await?.state == ServeState::Locked {
        let passphrase = passphrase::for_home(context, file)?;
        call.passphrase = passphrase.map(|text| Secret::new(text.as_str().to_owned()));
    }
    let unlocked = Unlocked {
        answer: client.call(&call).await?,
        locked: false,
        started,
    };
    if context.out.is_json() {
        return context.out.document(&unlocked);
    }
    context.out.data(if started {
        "Open: the daemon was started."
    } else if unlocked.answer.was_locked {
        "Open."
    } else {
        "It was open already."
    })?;
    if let Some(warning) = keeps_nobody_out(unlocked.answer.opens_with) {
        context.out.say(warning);
    }
    Ok(())
}
