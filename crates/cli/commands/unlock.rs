//! `kitbag unlock`: opens the packs of a locked device again, and a session for this terminal.

use crate::commands::agent::new_pin;
use crate::commands::lock::keeps_nobody_out;
use crate::context::Context;
use crate::network::NetworkArgs;
use crate::{hidden, home, launch, passphrase, words};
use clap::Args;
use kitbag_daemon::is_served;
use kitbag_rpc::{
    ChangeProof, Client, Code, Failure, Health, HomeUnlocked, OpenSession, Secret, ServeState,
    SessionProof, SessionShown, UnlockHome, V1,
};
use serde::Serialize;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct UnlockArgs {
    /// A file that holds the passphrase, - for the standard input; it opens packs, and no session
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Give this device another PIN
    #[arg(long)]
    new_pin: bool,
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
    let from_file = file.is_some() || context.env.passphrase_file.is_some();
    // Nobody is asked for a passphrase that nothing needs.
    if client.call(&Health::default()).await?.state == ServeState::Locked {
        let passphrase = passphrase::for_home(context, file)?;
        call.passphrase = passphrase.map(|text| Secret::new(text.as_str().to_owned()));
        call.session = !from_file;
    }
    let mut answer = client.call(&call).await?;
    let did = started || answer.was_locked;
    // A file that holds the passphrase is one that an agent could read: it opens no session.
    if answer.session.needed && file.is_none() && (answer.session.open_until.is_none() || !did) {
        match open_session(&client, &answer.session).await {
            Ok(session) => answer.session = session,
            // The packs are open, which was asked for as well.
            Err(failure) if did && failure.code == Code::SessionTerminal => {}
            Err(failure) => return Err(failure.into()),
        }
    }
    if args.new_pin {
        if answer.session.open_until.is_none() {
            let failure = Failure::new(Code::BadInput, "nothing needs a PIN on this device");
            return Err(failure
                .hint("the first agent asks for one: kitbag agent add")
                .into());
        }
        let change = ChangeProof {
            pin: Some(new_pin(context)?),
            ..ChangeProof::default()
        };
        answer.session = client.call(&change).await?;
    }
    let unlocked = Unlocked {
        answer,
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
    if unlocked.answer.session.needed {
        context.out.data(words::session(&unlocked.answer.session))?;
    }
    if let Some(warning) = keeps_nobody_out(unlocked.answer.opens_with) {
        context.out.say(warning);
    }
    Ok(())
}

/// Asks for what proves a person, on the terminal and nowhere else, and opens a session with it.
async fn open_session(client: &Client, session: &SessionShown) -> Result<SessionShown, Failure> {
    let no_terminal = || {
        Failure::new(
            Code::SessionTerminal,
            "a session belongs to a terminal, and there is none",
        )
        .hint("run kitbag unlock yourself, in a terminal; no file and no pipe opens one")
    };
    if !session.terminal {
        return Err(no_terminal());
    }
    let prompt = match session.proof {
        Some(SessionProof::Passphrase) => "Passphrase: ",
        Some(SessionProof::Pin) => "PIN: ",
        None => {
            return Err(Failure::new(
                Code::Integrity,
                "what opens sessions on this device is damaged, and it has no passphrase",
            )
            .hint("kitbag doctor says what is damaged"));
        }
    };
    if let Some(until) = session.waits_until {
        let message = format!(
            "there were too many wrong tries: the next is taken {}",
            until.in_words()
        );
        return Err(Failure::new(Code::SessionWait, message));
    }
    let typed = hidden::ask(prompt).map_err(|_| no_terminal())?;
    let typed = typed.ok_or_else(|| Failure::new(Code::BadInput, "nothing was given"))?;
    let call = OpenSession {
        v: V1,
        secret: Secret::new(typed.as_str().to_owned()),
    };
    client.call(&call).await.map_err(|e| e.into_failure())
}
