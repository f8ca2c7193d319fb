//! `kitbag daemon install|uninstall`: the daemon as a service that starts with this user's session.

use crate::commands::down;
use crate::context::Context;
use crate::service::{Found, Manager, Place, Service, Wanted, run_all};
use crate::{home, input, passphrase};
use anyhow::Context as _;
use clap::Args;
use kitbag_daemon::{KeyProtection, check_home, is_served, key_protection};
use kitbag_rpc::{Code, Failure, V1};
use serde::Serialize;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct InstallArgs {
    /// For a home under a passphrase: the file that holds it, read at each start
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Leave out what needs user namespaces, for a system that does not have them
    #[arg(long)]
    no_sandbox: bool,
    /// Replace a service file that was changed by hand
    #[arg(long)]
    force: bool,
    /// Only show the service file and what would be done
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct UninstallArgs {
    /// Remove a service file that was changed by hand, too
    #[arg(long)]
    force: bool,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Installed {
    v: V1,
    /// `systemd` or `launchd`.
    manager: &'static str,
    /// Whether the manager answers, so that it could be told.
    manager_answers: bool,
    service: String,
    file: PathBuf,
    /// Whether the file had to be written, or removed.
    changed: bool,
    /// Whether a daemon serves this home now.
    running: bool,
    /// What is left to do by hand.
    to_run: Vec<String>,
    dry_run: bool,
    /// What the file says; absent when it was removed.
    text: Option<String>,
}

pub(super) async fn install(context: &Context, args: InstallArgs) -> anyhow::Result<()> {
    if let Some(trouble) = home::trouble(&context.home) {
        return Err(trouble.into());
    }
    check_home(&context.home)?;
    let wanted = Wanted {
        program: std::env::current_exe().context("find this program")?,
        home: context.home.clone(),
        passphrase_file: passphrase_source(context, &args)?,
        sandbox: !args.no_sandbox,
    };
    let service = wanted.service(context)?;
    let place = service.place();
    let found = place.found(Some(&service.text))?;
    if found == Found::Changed && !args.force {
        return Err(changed_by_hand(&place, "replace").into());
    }
    let answers = service.manager.answers().await;
    let runs = answers && runs(&place).await;
    let restarts = runs && found != Found::Same;
    let commands = service.start_commands(restarts);
    let mut told = Installed {
        v: V1,
        manager: service.manager.name(),
        manager_answers: answers,
        service: service.name.clone(),
        file: service.file.clone(),
        changed: found != Found::Same,
        running: is_served(&context.home),
        to_run: if answers && !args.dry_run {
            Vec::new()
        } else {
            commands
                .iter()
                .map(|words| crate::words::shell(words))
                .collect()
        },
        dry_run: args.dry_run,
        text: Some(service.text.clone()),
    };
    if args.dry_run {
        return tell(context, &told, &plan(&service, found, &told, runs));
    }
    if !args.yes {
        let terms = format!("{}\n{}", service.text, plan(&service, found, &told, runs));
        input::confirm(context.out, &terms, "Install it?")?;
    }
    if found != Found::Same {
        service.write()?;
    }
    if answers {
        if is_served(&context.home) && !runs {
            down::stop(context).await?; // the one that runs outside of the service gives way
        }
        run_all(&commands)
            .await
            .map_err(|error| not_started(&service, error))?;
        told.running = is_served(&context.home);
    }
    let done = match (answers, told.changed) {
        (true, true) => format!(
            "Installed: the daemon starts with your session, by {}.",
            service.manager.name()
        ),
        (true, false) => "It was installed already.".to_owned(),
        (false, _) => format!(
            "The file {} is written, but no {} of yours answers here. To start it:",
            service.file.display(),
            service.manager.name()
        ),
    };
    tell(context, &told, &done)?;
    if answers && service.manager == Manager::Systemd {
        context.out.say(
            "Without a session, on a server: loginctl enable-linger keeps it running. Its log: kitbag daemon logs",
        );
    }
    Ok(())
}

pub(super) async fn uninstall(context: &Context, args: UninstallArgs) -> anyhow::Result<()> {
    let place = Place::of(context)?;
    let found = place.found(None)?;
    let answers = place.manager.answers().await;
    let mut told = Installed {
        v: V1,
        manager: place.manager.name(),
        manager_answers: answers,
        service: place.name.clone(),
        file: place.file.clone(),
        changed: found != Found::Nothing,
        running: is_served(&context.home),
        to_run: Vec::new(),
        dry_run: args.dry_run,
        text: None,
    };
    if found == Found::Nothing {
        return tell(context, &told, "No service is installed for this home.");
    }
    if found == Found::Changed && !args.force {
        return Err(changed_by_hand(&place, "remove").into());
    }
    let file = place.file.display();
    if args.dry_run {
        let would = format!("Nothing was done. The service would be stopped, and {file} removed.");
        return tell(context, &told, &would);
    }
    if !args.yes {
        let terms = format!("The service {} is stopped and {file} removed.", place.name);
        input::confirm(context.out, &terms, "Uninstall it?")?;
    }
    if answers {
        run_all(&place.stop_commands()).await?;
    }
    place.remove()?;
    if answers && place.manager == Manager::Systemd {
        let reload = ["systemctl", "--user", "daemon-reload"].map(str::to_owned);
        run_all(&[reload.to_vec()]).await?;
    }
    told.running = is_served(&context.home);
    let done = if told.running {
        "Uninstalled. The daemon that runs goes on until: kitbag down"
    } else {
        "Uninstalled. Commands still start the daemon when they need it."
    };
    tell(context, &told, done)
}

/// Where the service gets the passphrase from, if the home is under one.
fn passphrase_source(context: &Context, args: &InstallArgs) -> anyhow::Result<Option<PathBuf>> {
    let under_one = key_protection(&context.home)? == KeyProtection::Passphrase;
    match (&args.passphrase_file, under_one) {
        (None, false) => Ok(None),
        (None, true) => {
            let failure = Failure::new(
                Code::Locked,
                "this device opens with a passphrase, and a service has nobody to ask",
            );
            Err(failure
                .hint("name a file that holds it: --passphrase-file FILE (whoever can read that file can open your packs), or let the keyring keep the key: kitbag key protect --keyring")
                .into())
        }
        (Some(_), false) => {
            let failure = Failure::new(Code::Usage, "this device does not open with a passphrase");
            Err(failure.hint("leave out --passphrase-file").into())
        }
        (Some(file), true) => {
            if file == std::path::Path::new("-") {
                let failure = Failure::new(Code::Usage, "a service has no standard input");
                return Err(failure.hint("name a file").into());
            }
            let file = std::path::absolute(file)?;
            passphrase::from_file(&file)?; // it is there, private, and holds one
            Ok(Some(file))
        }
    }
}

/// Whether the manager runs the service already.
async fn runs(place: &Place) -> bool {
    let state = place.state().await;
    state.is_some_and(|state| ["active", "activating", "reloading", "running"].contains(&&*state))
}

fn changed_by_hand(place: &Place, verb: &str) -> Failure {
    let file = place.file.display();
    Failure::new(
        Code::Conflict,
        format!("{file} was changed by hand, or is not ours"),
    )
    .hint(format!("look at it; to {verb} it all the same: --force"))
}

fn not_started(service: &Service, error: anyhow::Error) -> anyhow::Error {
    match error.downcast::<Failure>() {
        Ok(failure) if service.manager == Manager::Systemd => failure
            .hint(format!(
                "journalctl --user -u {} says more; where user namespaces are switched off: kitbag daemon install --no-sandbox",
                service.name
            ))
            .into(),
        Ok(failure) => failure.into(),
        Err(error) => error,
    }
}

fn plan(service: &Service, found: Found, told: &Installed, runs: bool) -> String {
    let file = service.file.display();
    let mut steps = vec![match found {
        Found::Nothing => format!("This is written to {file}."),
        Found::Same => format!("{file} says so already."),
        Found::Ours => format!("This replaces {file}, which an earlier install wrote."),
        Found::Changed => {
            format!("This replaces {file}, and what was changed in it by hand is lost.")
        }
    }];
    steps.push(if !told.manager_answers {
        format!(
            "No {} of yours answers here, so nothing is started.",
            service.manager.name()
        )
    } else if told.running && !runs {
        "The daemon that runs now is stopped, and started as a service, now and with each session."
            .to_owned()
    } else {
        "The daemon is started as a service, now and with each session.".to_owned()
    });
    steps.join("\n")
}

fn tell(context: &Context, told: &Installed, words: &str) -> anyhow::Result<()> {
    if context.out.is_json() {
        return context.out.document(told);
    }
    match &told.text {
        Some(text) if told.dry_run => {
            context.out.data(text.trim_end())?;
            context.out.say(words);
        }
        _ => context.out.data(words)?,
    }
    for command in &told.to_run {
        if told.dry_run {
            context.out.say(format!("  {command}"));
        } else {
            context.out.data(format!("  {command}"))?;
        }
    }
    Ok(())
}
