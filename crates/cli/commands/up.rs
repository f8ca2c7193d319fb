//! `kitbag up`: the first time it creates the person and device; then it serves.

use crate::commands::init;
use crate::context::Context;
use crate::network::NetworkArgs;
use crate::{home, launch, passphrase, words};
use clap::Args;
use kitbag_daemon::{
    KeyChoice, KeyProtection, Options, Started, check_home, is_served, key_protection,
};
use kitbag_rpc::{Code, Failure, Me, ReadStatus, WhoAmI};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    /// Your name, as teammates will see it; the first time only
    #[arg(long)]
    name: Option<String>,
    /// This device's name; the first time only
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// Return as soon as the device runs
    #[arg(long)]
    pub(crate) detach: bool,
    /// A file that holds the passphrase, - for the standard input; the first time it also protects the device
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    network: NetworkArgs,
}

pub(super) async fn run(context: &Context, args: UpArgs) -> anyhow::Result<()> {
    if let Some(trouble) = home::trouble(&context.home) {
        return Err(trouble.into());
    }
    let created = match check_home(&context.home) {
        Ok(()) => false,
        Err(failure) if failure.code == Code::NotInitialised => true,
        Err(failure) => return Err(failure.into()),
    };
    let given = args
        .passphrase_file
        .as_deref()
        .or(context.env.passphrase_file.as_deref());
    let mut passphrase = None;
    if created {
        passphrase = given.map(passphrase::from_file).transpose()?;
        if let Some(new) = &passphrase {
            passphrase::long_enough(new)?;
        }
        let choice = passphrase.clone().map(KeyChoice::Passphrase);
        init::create(
            context,
            args.name.as_deref(),
            args.device.as_deref(),
            choice,
        )?;
    }
    for (option, given) in [("--name", &args.name), ("--device", &args.device)] {
        if !created && given.is_some() {
            context.out.say(format!(
                "{option} is for the first time; this device is set up already, and keeps its names."
            ));
        }
    }
    let protection = key_protection(&context.home)?;
    if is_served(&context.home) {
        let is_offline = async || {
            let status = context.client().call(&ReadStatus::default()).await;
            status.is_ok_and(|status| status.offline)
        };
        if args.network.offline && !is_offline().await {
            let failure = Failure::new(Code::Conflict, "this device runs already, and is online");
            return Err(failure.hint("kitbag down, then kitbag up --offline").into());
        }
        if args.network.any_kept() {
            args.network.keep(&context.home)?;
            context.out.say("This device runs already; network options count from the next start: kitbag down, kitbag up");
        }
        return tell_running(context, created, true, &protection).await;
    }
    if args.detach {
        launch::start(
            context,
            &args.network,
            passphrase,
            args.passphrase_file.as_deref(),
        )
        .await?;
        return tell_running(context, created, false, &protection).await;
    }
    if passphrase.is_none() {
        passphrase = passphrase::for_home(context, args.passphrase_file.as_deref())?;
    }
    let told = |started: &Started| {
        tell(context, &started.me, created, false, &protection, true)?;
        if args.network.offline {
            context.out.say(words::OFFLINE);
        }
        Ok(())
    };
    serve(context, &args.network, passphrase, told).await
}

/// Becomes the daemon. What `told` could not tell is no reason to stop.
pub(super) async fn serve(
    context: &Context,
    network: &NetworkArgs,
    passphrase: Option<zeroize::Zeroizing<String>>,
    told: impl FnOnce(&Started) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let options = Options {
        settings: network.settings(&context.home)?,
        passphrase,
        elsewhere: context.env.short_dir(),
        log: context.env.log()?,
        supervisor: context.env.supervisor.clone(),
    };
    kitbag_daemon::keep_panics_out_of_sight();
    kitbag_daemon::run(options, |started| {
        let _ = told(started);
    })
    .await?;
    context.out.say("Stopped.");
    Ok(())
}

async fn tell_running(
    context: &Context,
    created: bool,
    already: bool,
    protection: &KeyProtection,
) -> anyhow::Result<()> {
    let client = context.client();
    let me = client.call(&WhoAmI::default()).await?;
    tell(context, &me, created, already, protection, false)?;
    if client.call(&ReadStatus::default()).await?.offline {
        context.out.say(words::OFFLINE);
    }
    Ok(())
}

fn tell(
    context: &Context,
    me: &Me,
    created: bool,
    already: bool,
    protection: &KeyProtection,
    foreground: bool,
) -> anyhow::Result<()> {
    if context.out.is_json() {
        return context
            .out
            .document(&init::Identity::new(context, me, protection, created));
    }
    if created {
        context.out.say(words::key_protection(protection));
    }
    let (name, device) = (
        words::inline(&me.person.name),
        words::inline(&me.device.name),
    );
    let state = if already {
        "Running already"
    } else {
        "Running"
    };
    context.out.data(format!(
        "{state} as {name} on {device}. Home: {}",
        context.home.display()
    ))?;
    context.out.say(if created {
        "Next: kitbag pack create TITLE, or kitbag join if somebody sent you a ticket"
    } else {
        "Next: kitbag status"
    });
    if foreground {
        context.out.say("It runs until Ctrl-C; in another terminal it can be used. To get this one back: kitbag up --detach");
    }
    Ok(())
}
