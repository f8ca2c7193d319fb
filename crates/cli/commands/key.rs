//! `kitbag key protect`: changes how the key of this device is kept. The key itself stays the same.

use crate::commands::agent::new_pin;
use crate::commands::init::KeyArgs;
use crate::context::Context;
use crate::{home, input, passphrase, service};
use clap::{Args, Subcommand};
use kitbag_daemon::{
    KeyChoice, KeyProtection, chosen_protection, is_served, key_protection, needs_sessions,
    protect_key, reach_keyring,
};
use kitbag_rpc::{ChangeProof, Code, Failure, Health, ReadSession, ServeState, SessionProof, V1};
use serde::Serialize;
use std::path::PathBuf;
use zeroize::Zeroizing;

#[derive(Debug, Args)]
pub(crate) struct KeyCommandArgs {
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    /// Keep the key in the keyring, in another file, or under a passphrase
    Protect(ProtectArgs),
}

#[derive(Debug, Args)]
struct ProtectArgs {
    #[command(flatten)]
    key: KeyArgs,
    /// A file that holds the passphrase of today, - for the standard input
    #[arg(long, value_name = "FILE")]
    current_passphrase_file: Option<PathBuf>,
    /// Only say what would happen
    #[arg(long)]
    dry_run: bool,
    /// Do not ask, if the key would be kept less safely than now
    #[arg(long)]
    yes: bool,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Protected {
    v: V1,
    /// `keyring`, `key_file` or `passphrase`.
    before: &'static str,
    key_protection: &'static str,
    key_file: Option<PathBuf>,
    changed: bool,
    /// Whether it asks less of somebody who can read this user's files.
    weaker: bool,
    dry_run: bool,
    /// Why the old copy of the key could not be removed, if it could not.
    left: Option<String>,
}

pub(super) async fn run(context: &Context, args: KeyCommandArgs) -> anyhow::Result<()> {
    let KeyCommand::Protect(args) = args.command;
    if let Some(trouble) = home::trouble(&context.home) {
        return Err(trouble.into());
    }
    let before = key_protection(&context.home)?;
    if !args.key.any() {
        let failure = Failure::new(Code::Usage, "say how the key shall be kept");
        let ways = "--passphrase, --passphrase-file FILE, --keyring or --key-file FILE";
        return Err(failure.hint(ways).into());
    }
    if args.dry_run {
        let next = args.key.protection(&context.home)?;
        if next == KeyProtection::Keyring && before != next {
            tokio::task::spawn_blocking(reach_keyring).await??;
        }
        return tell(context, &Protected::new(&before, &next, true));
    }
    let next = args.key.protection(&context.home)?;
    let weaker = before.is_weakened_by(&next);
    if weaker && !args.yes {
        let question = "Keep it less safely than now?";
        input::confirm(context.out, weaker_in_words(&before), question)?;
    }
    let current = passphrase::for_home(context, args.current_passphrase_file.as_deref())?;
    let leaves_passphrase = before == KeyProtection::Passphrase && next != before;
    may_change(context, current.as_ref(), leaves_passphrase).await?;
    let choice = args.key.choice()?.expect("one was given");
    let (home, moved) = (context.home.clone(), choice);
    // Keyrings and stretching block.
    let moved =
        tokio::task::spawn_blocking(move || protect_key(&home, current.as_ref(), moved, weaker))
            .await??;
    let mut told = Protected::new(&moved.before, &moved.now, false);
    (told.changed, told.left) = (moved.changed, moved.left);
    tell(context, &told)
}

/// With agents on this device, how its key is kept is a person's to say: the daemon knows whether one
/// asks. Without a passphrase sessions need a PIN, so that is set before the passphrase goes.
async fn may_change(
    context: &Context,
    passphrase: Option<&Zeroizing<String>>,
    leaves_passphrase: bool,
) -> anyhow::Result<()> {
    let client = context.client();
    let is_open = is_served(&context.home)
        && client.call(&Health::default()).await?.state == ServeState::Open;
    if !is_open {
        if !needs_sessions(&context.home, passphrase)? {
            return Ok(());
        }
        let failure = Failure::new(
            Code::SessionNeeded,
            "changing how the key is kept needs an unlocked session in this terminal",
        );
        return Err(failure
            .hint("kitbag unlock starts the daemon and asks you")
            .into());
    }
    let session = client.call(&ReadSession::default()).await?;
    if !session.needed {
        return Ok(());
    }
    let mut call = ChangeProof::default();
    client.call(&call).await?; // before anybody is asked for a PIN
    if leaves_passphrase && session.proof == Some(SessionProof::Passphrase) {
        call.pin = Some(new_pin(context)?);
        client.call(&call).await?;
    }
    Ok(())
}

impl Protected {
    fn new(before: &KeyProtection, now: &KeyProtection, dry_run: bool) -> Protected {
        let word = |protection: &KeyProtection| match protection {
            KeyProtection::Keyring => "keyring",
            KeyProtection::KeyFile(_) => "key_file",
            KeyProtection::Passphrase => "passphrase",
        };
        Protected {
            v: V1,
            before: word(before),
            key_protection: word(now),
            key_file: match now {
                KeyProtection::KeyFile(path) => Some(path.clone()),
                _ => None,
            },
            changed: false,
            weaker: before.is_weakened_by(now),
            dry_run,
            left: None,
        }
    }

    fn in_words(&self) -> String {
        let at = match (&self.key_file, self.key_protection) {
            (Some(path), _) => format!("in the key file {}", path.display()),
            (None, "keyring") => "in the keyring of this computer".to_owned(),
            (None, _) => "under your passphrase".to_owned(),
        };
        if self.dry_run {
            return format!("Nothing was done. The key would be kept {at}.");
        }
        if !self.changed {
            return format!("The key is kept {at} already.");
        }
        format!("The key is kept {at} now.")
    }
}

fn tell(context: &Context, told: &Protected) -> anyhow::Result<()> {
    if context.out.is_json() {
        return context.out.document(told);
    }
    context.out.data(told.in_words())?;
    if told.dry_run && told.weaker {
        context
            .out
            .say("That is less safe than now: it needs --yes, or your answer on a terminal.");
    }
    if !told.changed {
        return Ok(());
    }
    if let Some(why) = &told.left {
        context.out.say(format!(
            "The old copy of the key is still there: {why}. Remove it; it is tried again at each start."
        ));
    }
    if told.before != told.key_protection || told.before == "passphrase" {
        context.out.say(
            "Copies made before, a backup for one, still open with what opened them: the key itself is the same.",
        );
    }
    if is_served(&context.home) {
        context
            .out
            .say("The daemon that runs goes on with the key it holds.");
    }
    if told.key_protection == "passphrase" && service::is_installed(context) {
        context.out.say(
            "The service that is installed for this home cannot ask you: kitbag daemon install --passphrase-file FILE, or kitbag daemon uninstall",
        );
    }
    Ok(())
}

fn weaker_in_words(before: &KeyProtection) -> &'static str {
    match before {
        KeyProtection::Passphrase => {
            "Now your packs open with your passphrase only. With a key file, whoever can read your files can open them."
        }
        _ => {
            "Now the keyring keeps the key. With a key file, whoever can read your files can open your packs."
        }
    }
}

impl KeyArgs {
    /// What was chosen comes to, without asking for a passphrase.
    fn protection(&self, home: &std::path::Path) -> anyhow::Result<KeyProtection> {
        let choice = match (&self.key_file, self.keyring) {
            (Some(file), _) => KeyChoice::KeyFile(Some(std::path::absolute(file)?)),
            (None, true) => KeyChoice::Keyring,
            (None, false) => return Ok(KeyProtection::Passphrase),
        };
        Ok(chosen_protection(home, &choice)?)
    }
}
