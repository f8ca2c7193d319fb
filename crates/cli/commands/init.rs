//! `kitbag init`: creates the person and device and starts nothing; what `up` does, for scripts.

use crate::context::Context;
use crate::{passphrase, words};
use clap::Args;
use kitbag_daemon::{KeyChoice, KeyProtection, initialise};
use kitbag_rpc::{Code, Device, Failure, Me, Person, V1};
use serde::Serialize;
use std::path::{PathBuf, absolute};

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// Your name, as teammates will see it
    #[arg(long)]
    name: String,
    /// This device's name; the computer's if it is left out
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    #[command(flatten)]
    key: KeyArgs,
}

/// What protects the key that opens everything on this device. Without any: the keyring if it works,
/// otherwise a key file in the home.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(super) struct KeyArgs {
    /// Keep the key in this computer's keyring
    #[arg(long)]
    pub(super) keyring: bool,
    /// Keep the key in a file that only your user can read
    #[arg(long, value_name = "FILE")]
    pub(super) key_file: Option<PathBuf>,
    /// Protect the key by a passphrase that is asked for
    #[arg(long)]
    passphrase: bool,
    /// Protect the key by the passphrase in a file, - for the standard input
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

/// A person and device, as `init` and `up` tell it.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Identity {
    v: V1,
    person: Person,
    device: Device,
    home: PathBuf,
    /// `keyring`, `key_file` or `passphrase`.
    key_protection: &'static str,
    key_file: Option<PathBuf>,
    /// Whether this run created them.
    created: bool,
    /// There is no inbox page yet.
    inbox_url: Option<String>,
}

impl Identity {
    pub(super) fn new(
        context: &Context,
        me: &Me,
        protection: &KeyProtection,
        created: bool,
    ) -> Identity {
        let (key_protection, key_file) = match protection {
            KeyProtection::Keyring => ("keyring", None),
            KeyProtection::Passphrase => ("passphrase", None),
            KeyProtection::KeyFile(path) => ("key_file", Some(path.clone())),
        };
        Identity {
            v: V1,
            person: me.person.clone(),
            device: me.device.clone(),
            home: context.home.clone(),
            key_protection,
            key_file,
            created,
            inbox_url: None,
        }
    }
}

pub(super) fn run(context: &Context, args: InitArgs) -> anyhow::Result<()> {
    let choice = args.key.choice()?;
    let (me, protection) = create(context, Some(&args.name), args.device.as_deref(), choice)?;
    if context.out.is_json() {
        return context
            .out
            .document(&Identity::new(context, &me, &protection, true));
    }
    context.out.data(format!(
        "Created {} on {}.",
        words::inline(&me.person.name),
        words::inline(&me.device.name)
    ))?;
    context.out.say(words::key_protection(&protection));
    context.out.say("Next: kitbag up");
    Ok(())
}

impl KeyArgs {
    /// Whether anything was chosen.
    pub(super) fn any(&self) -> bool {
        self.keyring || self.passphrase || self.key_file.is_some() || self.passphrase_file.is_some()
    }

    pub(super) fn choice(self) -> anyhow::Result<Option<KeyChoice>> {
        if self.keyring {
            return Ok(Some(KeyChoice::Keyring));
        }
        if let Some(file) = self.key_file {
            let file = absolute(&file)
                .map_err(|e| Failure::new(Code::BadInput, format!("--key-file: {e}")))?;
            return Ok(Some(KeyChoice::KeyFile(Some(file))));
        }
        let passphrase = match self.passphrase_file {
            Some(file) => passphrase::from_file(&file)?,
            None if self.passphrase => passphrase::new_from_person()?,
            None => return Ok(None),
        };
        passphrase::long_enough(&passphrase)?;
        Ok(Some(KeyChoice::Passphrase(passphrase)))
    }
}

/// Creates the person and device of this home.
pub(super) fn create(
    context: &Context,
    name: Option<&str>,
    device: Option<&str>,
    choice: Option<KeyChoice>,
) -> anyhow::Result<(Me, KeyProtection)> {
    let name = match name.or(context.env.user.as_deref()).map(str::trim) {
        Some(name) if !name.is_empty() => name,
        _ => {
            return Err(
                Failure::new(Code::BadInput, "--name: say how teammates shall see you")
                    .hint("kitbag up --name NAME")
                    .into(),
            );
        }
    };
    let device = match device.map(str::trim) {
        Some("") => {
            return Err(Failure::new(Code::BadInput, "--device: a device needs a name").into());
        }
        Some(device) => device.to_owned(),
        None => computer_name(),
    };
    Ok(initialise(&context.home, name, &device, choice)?)
}

fn computer_name() -> String {
    let name = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    let name = name.split('.').next().unwrap_or_default();
    if name.is_empty() {
        "this device".to_owned()
    } else {
        name.to_owned()
    }
}
