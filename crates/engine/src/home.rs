//! A device's home directory: where the database lies, and how its master key is kept.
//!
//! ```text
//! home/            0700
//!   kitbag.redb    the database, every value sealed
//!   incarnation    the token that must also stand inside the database
//!   master-key     how the master key is kept: one line that says which of
//!                  the keyring, a key file (its path), or a passphrase (the protected key)
//!   key            the key file, if that is how, 0600
//!   key-change     while how it is kept changes: the places that may hold it (`protect`)
//!   setup.lock     held while the home is set up
//!   write-test     for a moment, after a failed write: whether the disk takes writes again
//! ```
//!
//! Spec: `docs/spec/store.md`, "Home".

use crate::error::{Lacks, file};
use crate::protect::settle;
use crate::{EngineError, keyring};
use data_encoding::BASE32_NOPAD;
use kitbag_core::id::Incarnation;
use kitbag_crypto::{
    MasterKey, PassphraseError, PassphraseParams, protect_master_key, unlock_master_key,
};
use kitbag_node::Node;
use kitbag_node::view::Me;
use kitbag_store::Store;
use rand_core::Rng;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tracing::warn;
use zeroize::Zeroizing;

use crate::random::SystemRandom;

/// How the master key shall be kept.
#[derive(Clone)]
pub enum KeyChoice {
    /// In the operating system's keyring.
    Keyring,
    /// In a file only this user can read; in the home if no path is given.
    KeyFile(Option<PathBuf>),
    /// Under a passphrase.
    Passphrase(Zeroizing<String>),
}

impl fmt::Debug for KeyChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            KeyChoice::Keyring => "Keyring",
            KeyChoice::KeyFile(_) => "KeyFile",
            KeyChoice::Passphrase(_) => "Passphrase(<redacted>)",
        })
    }
}

/// How the master key is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyProtection {
    /// In the operating system's keyring.
    Keyring,
    /// In this file.
    KeyFile(PathBuf),
    /// Under a passphrase.
    Passphrase,
}

impl fmt::Display for KeyProtection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyProtection::Keyring => f.write_str("in the keyring of this computer"),
            KeyProtection::KeyFile(path) => write!(f, "in the key file {}", path.display()),
            KeyProtection::Passphrase => f.write_str("under a passphrase"),
        }
    }
}

/// Whether a home holds an identity. The incarnation is written last, so a setup that was refused or
/// cut off does not count, and the next one finishes it.
pub fn home_is_initialised(home: &Path) -> bool {
    home.join(MASTER_KEY).exists() && has_database(home) && home.join(INCARNATION).exists()
}

/// Whether a home can be opened, as far as its files tell.
///
/// # Errors
/// [`EngineError::NotInitialised`] if none was ever finished there; [`EngineError::Missing`] if one was,
/// and what it cannot do without is gone: a new person in its place would hide what happened.
pub fn check_home(home: &Path) -> Result<(), EngineError> {
    if home_is_initialised(home) {
        return Ok(());
    }
    if !home.join(INCARNATION).exists() {
        return Err(EngineError::NotInitialised);
    }
    let gone = if has_database(home) {
        MASTER_KEY
    } else {
        DATABASE
    };
    Err(EngineError::Missing {
        path: home.join(gone),
    })
}

fn has_database(home: &Path) -> bool {
    fs::metadata(home.join(DATABASE)).is_ok_and(|database| database.len() > 0)
}

/// Makes the person and device of a new home.
///
/// Without a choice, the master key goes into the operating system's keyring if that works, else
/// into a key file in the home.
///
/// # Errors
/// [`EngineError::Conflict`] if the home holds an identity already: nothing is ever replaced.
/// [`EngineError::BadInput`] for a name; [`EngineError::File`] and [`EngineError::Storage`] by cause.
pub fn initialise(
    home: &Path,
    name: &str,
    device_name: &str,
    choice: Option<KeyChoice>,
) -> Result<(Me, KeyProtection), EngineError> {
    Node::check_names(name, device_name)?;
    make_home(home)?;
    let path = home.join(SETUP_LOCK);
    let lock = File::create(&path).map_err(file("create", &path))?;
    lock.lock().map_err(file("lock", &path))?; // two first starts at once: one after the other
    match check_home(home) {
        Err(EngineError::NotInitialised) => {}
        Err(error) => return Err(error),
        Ok(()) => {
            return Err(EngineError::Conflict {
                what: "this home is set up already".into(),
            });
        }
    }
    // An earlier attempt may have been cut off anywhere: whatever it made is used, never replaced.
    let (master, protection) = if home.join(MASTER_KEY).exists() {
        let master = read_master_key(home, choice_passphrase(choice.as_ref()))?;
        (master, key_protection(home)?)
    } else if has_database(home) {
        let what = format!(
            "{}: the record of how its key is kept is gone",
            home.display()
        );
        return Err(EngineError::Integrity { what });
    } else {
        let left = home.join(KEY_FILE);
        let master = if left.exists() {
            read_key_file(&left)?
        } else {
            MasterKey::generate(&mut SystemRandom)
        };
        let protection = keep_master_key(home, &master, choice)?;
        (master, protection)
    };
    let database = home.join(DATABASE);
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&database)
        .map_err(file("create", &database))?;
    let mut store = Store::open(&database, &master, &mut SystemRandom)?;
    Node::initialise(&mut store, name, device_name, &mut SystemRandom)?;
    let node = open_node(home, store)?;
    Ok((node.me(), protection))
}

/// How a home's master key is kept.
///
/// # Errors
/// [`EngineError::NotInitialised`], or [`EngineError::Integrity`] if the record of it is unreadable.
pub fn key_protection(home: &Path) -> Result<KeyProtection, EngineError> {
    Ok(protection_of(&read_record(home)?))
}

pub(crate) fn protection_of(record: &KeyRecord) -> KeyProtection {
    match record {
        KeyRecord::Keyring(_) => KeyProtection::Keyring,
        KeyRecord::File(path) => KeyProtection::KeyFile(path.clone()),
        KeyRecord::Passphrase(_) => KeyProtection::Passphrase,
    }
}

/// A home that was unlocked: its device can be opened, and opened again.
pub(crate) struct Unlocked {
    home: PathBuf,
    master: MasterKey,
}

impl Unlocked {
    pub(crate) fn unlock(
        home: &Path,
        passphrase: Option<&Zeroizing<String>>,
    ) -> Result<Unlocked, EngineError> {
        check_home(home)?;
        let master = read_master_key(home, passphrase)?;
        if let Err(why) = settle(home, &master) {
            warn!("an old copy of the key could not be removed: {why}");
        }
        Ok(Unlocked {
            home: home.to_owned(),
            master,
        })
    }

    pub(crate) fn master(&self) -> &MasterKey {
        &self.master
    }

    /// Opens the device. Everything that was open of it before must be gone.
    pub(crate) fn open(&self) -> Result<Node, EngineError> {
        open_node(&self.home, self.open_store()?)
    }

    /// Tries a write as long as the database may need to grow by, and leaves nothing of it.
    pub(crate) fn try_write(&self) -> std::io::Result<()> {
        let path = self.home.join(WRITE_TEST);
        let written = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| {
                file.write_all(&[0x5a; WRITE_TEST_BYTES])?;
                file.sync_all()
            });
        let _ = fs::remove_file(&path); // the next one writes over it
        written
    }

    /// Opens the database alone.
    pub(crate) fn open_store(&self) -> Result<Store, EngineError> {
        check_home(&self.home)?; // opening makes a database where there is none
        let database = self.home.join(DATABASE);
        Ok(Store::open(&database, &self.master, &mut SystemRandom)?)
    }
}

fn open_node(home: &Path, store: Store) -> Result<Node, EngineError> {
    let path = home.join(INCARNATION);
    let outside = match fs::read_to_string(&path) {
        Ok(text) => text.trim().parse::<Incarnation>().ok(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(file("read", &path)(error)),
    };
    let keep = |token: Incarnation| replace(&path, token.to_string().as_bytes());
    let mut node = Node::open(store, Box::new(SystemRandom), outside, keep)?;
    node.set_indexed_notes_min(INDEXED_NOTES_MIN);
    for what in node.damaged() {
        warn!("the {what} could not be read and is begun anew");
    }
    Ok(node)
}

/// What the file `master-key` says.
pub(crate) enum KeyRecord {
    Keyring(String),
    /// Read, it is absolute; written, it may be relative to the home.
    File(PathBuf),
    Passphrase(Vec<u8>),
}

impl KeyRecord {
    /// The line of the file.
    pub(crate) fn line(&self) -> String {
        match self {
            KeyRecord::Keyring(name) => format!("keyring {name}\n"),
            KeyRecord::File(path) => format!("file {}\n", path.display()),
            KeyRecord::Passphrase(sealed) => {
                format!("passphrase {}\n", BASE32_NOPAD.encode(sealed))
            }
        }
    }

    pub(crate) fn is_keyring(&self, name: &str) -> bool {
        matches!(self, KeyRecord::Keyring(own) if own == name)
    }

    pub(crate) fn is_file(&self, home: &Path, path: &Path) -> bool {
        matches!(self, KeyRecord::File(own) if home.join(own) == path)
    }
}

pub(crate) fn read_record(home: &Path) -> Result<KeyRecord, EngineError> {
    let path = home.join(MASTER_KEY);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(EngineError::NotInitialised);
        }
        Err(error) => return Err(file("read", &path)(error)),
    };
    let damaged = || EngineError::Integrity {
        what: path.display().to_string(),
    };
    match text.trim_end().split_once(' ') {
        Some(("keyring", name)) => Ok(KeyRecord::Keyring(name.to_owned())),
        Some(("file", at)) => Ok(KeyRecord::File(home.join(at))),
        Some(("passphrase", sealed)) => Ok(KeyRecord::Passphrase(
            BASE32_NOPAD
                .decode(sealed.as_bytes())
                .map_err(|_| damaged())?,
        )),
        _ => Err(damaged()),
    }
}

fn keep_master_key(
    home: &Path,
    master: &MasterKey,
    choice: Option<KeyChoice>,
) -> Result<KeyProtection, EngineError> {
    let record = home.join(MASTER_KEY);
    // Another home at the same path, now or later, never meets this one's key.
    let mut random = [0u8; 16];
    SystemRandom.fill_bytes(&mut random);
    let name = BASE32_NOPAD.encode(&random).to_ascii_lowercase();
    let write_record =
        |text: &str| replace(&record, text.as_bytes()).map_err(file("write", &record));
    match choice {
        Some(KeyChoice::Passphrase(passphrase)) => {
            let sealed = protect_master_key(
                master,
                passphrase.as_bytes(),
                PassphraseParams::DEFAULT,
                &mut SystemRandom,
            )
            .map_err(passphrase_error)?;
            write_record(&KeyRecord::Passphrase(sealed).line())?;
            Ok(KeyProtection::Passphrase)
        }
        Some(KeyChoice::Keyring) => {
            keyring::keep(&name, master).map_err(locked(Lacks::NewKeyring))?;
            write_record(&format!("keyring {name}\n"))?;
            Ok(KeyProtection::Keyring)
        }
        Some(KeyChoice::KeyFile(path)) => keep_in_file(home, master, path, write_record),
        None if keyring::keep(&name, master).is_ok() => {
            write_record(&format!("keyring {name}\n"))?;
            Ok(KeyProtection::Keyring)
        }
        None => keep_in_file(home, master, None, write_record),
    }
}

fn keep_in_file(
    home: &Path,
    master: &MasterKey,
    path: Option<PathBuf>,
    write_record: impl Fn(&str) -> Result<(), EngineError>,
) -> Result<KeyProtection, EngineError> {
    let named = key_file_path(home, path)?;
    let path = home.join(&named);
    if path != home.join(KEY_FILE) || !path.exists() {
        let text = key_file_text(master);
        let mut key_file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(file("create", &path))?;
        key_file
            .write_all(text.as_bytes())
            .and_then(|()| key_file.sync_all())
            .and_then(|()| sync_parent(&path))
            .map_err(file("write", &path))?;
    }
    write_record(&KeyRecord::File(named).line())?;
    Ok(KeyProtection::KeyFile(path))
}

/// How a key file is named in the record: `key` in the home, whatever the home is called, and absolute
/// elsewhere. The record is one line of text, so the path must survive that.
pub(crate) fn key_file_path(home: &Path, path: Option<PathBuf>) -> Result<PathBuf, EngineError> {
    let Some(path) = path else {
        return Ok(PathBuf::from(KEY_FILE));
    };
    let path = std::path::absolute(home.join(&path)).map_err(file("find", &path))?;
    if std::path::absolute(home.join(KEY_FILE)).is_ok_and(|own| own == path) {
        return Ok(PathBuf::from(KEY_FILE));
    }
    let survives = |text: &str| text.trim_end() == text && !text.contains(char::is_control);
    if path.to_str().is_some_and(survives) {
        return Ok(path);
    }
    Err(EngineError::BadInput {
        field: "key file",
        reason: "its path must be text, without control characters and without a space at its end"
            .into(),
    })
}

/// What stands in a key file.
pub(crate) fn key_file_text(master: &MasterKey) -> Zeroizing<String> {
    let key = Zeroizing::new(BASE32_NOPAD.encode(master.danger_expose()));
    let key = Zeroizing::new(key.to_ascii_lowercase());
    Zeroizing::new(format!("{KEY_FILE_PREFIX}{}\n", key.as_str()))
}

pub(crate) fn read_master_key(
    home: &Path,
    passphrase: Option<&Zeroizing<String>>,
) -> Result<MasterKey, EngineError> {
    match read_record(home)? {
        KeyRecord::Keyring(name) => keyring::recall(&name).map_err(locked(Lacks::Keyring)),
        KeyRecord::File(path) => read_key_file(&path),
        KeyRecord::Passphrase(sealed) => {
            let missing = || {
                let reason = "this device is locked by a passphrase, and none was given";
                locked(Lacks::Passphrase)(reason.into())
            };
            unlock_master_key(&sealed, passphrase.ok_or_else(missing)?.as_bytes())
                .map_err(passphrase_error)
        }
    }
}

pub(crate) fn read_key_file(path: &Path) -> Result<MasterKey, EngineError> {
    let mut key_file = File::open(path).map_err(|error| {
        let reason = format!("the key file {} cannot be read: {error}", path.display());
        locked(Lacks::KeyFile)(reason)
    })?;
    let mode = key_file
        .metadata()
        .map_err(file("inspect", path))?
        .permissions()
        .mode();
    if mode & 0o077 != 0 {
        return Err(locked(Lacks::PrivateKeyFile)(format!(
            "the key file {} can be read by others (mode {:o})",
            path.display(),
            mode & 0o777
        )));
    }
    let mut text = Zeroizing::new(String::new());
    (&mut key_file)
        .take(KEY_FILE_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(file("read the key file", path))?;
    let damaged = || EngineError::Integrity {
        what: format!("the key file {}", path.display()),
    };
    let encoded = text
        .trim()
        .strip_prefix(KEY_FILE_PREFIX)
        .ok_or_else(damaged)?;
    let bytes = Zeroizing::new(
        BASE32_NOPAD
            .decode(encoded.to_ascii_uppercase().as_bytes())
            .map_err(|_| damaged())?,
    );
    Ok(MasterKey::from_bytes(
        bytes[..].try_into().map_err(|_| damaged())?,
    ))
}

fn choice_passphrase(choice: Option<&KeyChoice>) -> Option<&Zeroizing<String>> {
    match choice {
        Some(KeyChoice::Passphrase(passphrase)) => Some(passphrase),
        _ => None,
    }
}

pub(crate) fn passphrase_error(error: PassphraseError) -> EngineError {
    match error {
        PassphraseError::Empty => EngineError::BadInput {
            field: "passphrase",
            reason: "must not be empty".into(),
        },
        PassphraseError::Wrong => locked(Lacks::RightPassphrase)("wrong passphrase".into()),
        other => EngineError::Integrity {
            what: format!("the protected master key ({other})"),
        },
    }
}

/// The error of a master key that cannot be had, from the reason.
pub(crate) fn locked(lacks: Lacks) -> impl FnOnce(String) -> EngineError {
    move |reason| EngineError::Locked { lacks, reason }
}

fn make_home(home: &Path) -> Result<(), EngineError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(home)
        .map_err(file("create", home))?;
    fs::set_permissions(home, fs::Permissions::from_mode(0o700)).map_err(file("protect", home))
}

/// Replaces a small file so that either the old or the new content survives a crash.
pub(crate) fn replace(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let fresh = path.with_extension("new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&fresh)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    sync_parent(path)
}

pub(crate) fn sync_parent(path: &Path) -> std::io::Result<()> {
    match path.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

/// Notes of a home from which on it keeps a search index: fewer are read faster than one is kept.
const INDEXED_NOTES_MIN: u64 = 256;
const DATABASE: &str = "kitbag.redb";
const INCARNATION: &str = "incarnation";
const WRITE_TEST: &str = "write-test";
const WRITE_TEST_BYTES: usize = 1 << 20;
pub(crate) const SETUP_LOCK: &str = "setup.lock";
pub(crate) const MASTER_KEY: &str = "master-key";
pub(crate) const KEY_FILE: &str = "key";
const KEY_FILE_PREFIX: &str = "kitbag-key-1:";
pub(crate) const KEY_FILE_BYTES_MAX: u64 = 4096;

#[cfg(test)]
mod tests;
