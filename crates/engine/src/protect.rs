//! Changing how a home's master key is kept: in a keyring, in a file, or under a passphrase.
//!
//! The key stays the same; it moves. The record `master-key` decides where it is, and is replaced in
//! one step, after the new place was written and read back. Beside it stands the file `key-change` while
//! a change runs: a list of the places that may hold the key. Whatever of that list is not the place in
//! the record holds a copy that should not be, and is wiped: at the end of the change, or, if that was
//! cut off anywhere, when the home is next opened. So a key never survives in a weaker place, and is never
//! gone from the only one.
//!
//! Spec: `docs/spec/store.md`, "Changing how the key is kept".

use crate::error::file;
use crate::home::{
    KEY_FILE_BYTES_MAX, KeyRecord, MASTER_KEY, SETUP_LOCK, key_file_path, key_file_text, locked,
    passphrase_error, protection_of, read_master_key, read_record, replace, sync_parent,
};
use crate::random::SystemRandom;
use crate::{EngineError, KeyChoice, KeyProtection, Lacks, check_home, keyring};
use data_encoding::BASE32_NOPAD;
use kitbag_crypto::{MasterKey, PassphraseParams, protect_master_key, unlock_master_key};
use rand_core::Rng;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use tracing::warn;
use zeroize::Zeroizing;

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyMoved {
    /// How the key was kept.
    pub before: KeyProtection,
    /// How it is kept.
    pub now: KeyProtection,
    /// Whether anything had to be done.
    pub changed: bool,
    /// Why the old copy could not be removed, if it could not. It is tried again at each start.
    pub left: Option<String>,
}

impl KeyProtection {
    /// Whether somebody who can read this user's files gets further with `next` than with this.
    pub fn is_weakened_by(&self, next: &KeyProtection) -> bool {
        matches!(
            (self, next),
            (
                KeyProtection::Keyring | KeyProtection::Passphrase,
                KeyProtection::KeyFile(_)
            )
        )
    }
}

/// What a choice comes to in this home. Writes nothing.
///
/// # Errors
/// [`EngineError::BadInput`] for a key file's path.
pub fn chosen_protection(home: &Path, choice: &KeyChoice) -> Result<KeyProtection, EngineError> {
    Ok(match choice {
        KeyChoice::Keyring => KeyProtection::Keyring,
        KeyChoice::Passphrase(_) => KeyProtection::Passphrase,
        KeyChoice::KeyFile(path) => {
            KeyProtection::KeyFile(home.join(key_file_path(home, path.clone())?))
        }
    })
}

/// Whether there is a keyring that could take a key. Writes nothing; it may ask a person, and blocks.
///
/// # Errors
/// [`EngineError::Locked`] with the reason.
pub fn reach_keyring() -> Result<(), EngineError> {
    keyring::reach().map_err(locked(Lacks::NewKeyring))
}

/// Keeps the master key of a home as chosen from now on. `passphrase` opens it as it is kept now. A
/// daemon that has the home open goes on with the key it holds.
///
/// # Errors
/// [`EngineError::NotInitialised`]; [`EngineError::Locked`] if the key cannot be read, or the keyring
/// does not take it; [`EngineError::BadInput`] if `choice` is weaker and `may_weaken` is not set;
/// [`EngineError::Conflict`] if the new key file is there already; [`EngineError::File`]. After any of
/// them the key is where it was.
pub fn protect_key(
    home: &Path,
    passphrase: Option<&Zeroizing<String>>,
    choice: KeyChoice,
    may_weaken: bool,
) -> Result<KeyMoved, EngineError> {
    check_home(home)?;
    let weakens =
        protection_of(&read_record(home)?).is_weakened_by(&chosen_protection(home, &choice)?);
    if weakens && !may_weaken {
        return Err(EngineError::BadInput {
            field: "key file",
            reason: "would keep the key less safely than it is kept now".into(),
        });
    }
    let change = Change {
        home,
        params: PassphraseParams::DEFAULT,
        reached: &mut |_| Ok(()),
    };
    change.run(passphrase, choice)
}

/// Wipes what a change that was cut off left behind, now that the key is known. Says why if it cannot.
pub(crate) fn settle(home: &Path, master: &MasterKey) -> Result<(), String> {
    if !home.join(KEY_CHANGE).exists() {
        return Ok(());
    }
    let settled = lock_setup(home).and_then(|_lock| wipe_left_over(home, master));
    settled.map_err(|error| error.to_string())
}

/// Whether a change was cut off, and its remains wait for the next start.
pub fn key_change_is_pending(home: &Path) -> bool {
    home.join(KEY_CHANGE).exists()
}

/// Where a change is. The next step may be the one that a crash prevents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Listed,
    NewWritten,
    Recorded,
    Verified,
    OldWiped,
}

struct Change<'a> {
    home: &'a Path,
    params: PassphraseParams,
    /// Told each step; an error stops right there, as a crash would.
    reached: &'a mut dyn FnMut(Step) -> Result<(), EngineError>,
}

impl Change<'_> {
    fn run(
        self,
        passphrase: Option<&Zeroizing<String>>,
        choice: KeyChoice,
    ) -> Result<KeyMoved, EngineError> {
        let home = self.home;
        let _lock = lock_setup(home)?;
        let master = read_master_key(home, passphrase)?;
        if let Err(error) = wipe_left_over(home, &master) {
            warn!(%error, "an old copy of the key could not be removed"); // it stays on the list
        }
        let old = read_record(home)?;
        let before = protection_of(&old);
        let new = Place::chosen(home, choice)?;
        let now = new.protection(home);
        let is_there = |now: &KeyProtection| *now == before && before != KeyProtection::Passphrase;
        if is_there(&now) {
            return Ok(KeyMoved {
                before,
                now,
                changed: false,
                left: None,
            });
        }
        new.must_be_free(home)?;
        if let Place::Keyring(_) = &new {
            reach_keyring()?;
        }
        list_places(home, &[Place::of(&old).as_ref(), Some(&new)])?;
        (self.reached)(Step::Listed)?;
        let record = match new.write(home, &master, self.params) {
            Ok(record) => record,
            Err(error) => {
                let _ = wipe_left_over(home, &master); // what is left is tried again at each start
                return Err(error);
            }
        };
        (self.reached)(Step::NewWritten)?;
        let path = home.join(MASTER_KEY);
        let mut old_record = OpenOptions::new()
            .write(true)
            .open(&path)
            .map_err(file("open", &path))?;
        replace(&path, record.as_bytes()).map_err(file("write", &path))?;
        (self.reached)(Step::Recorded)?;
        // The new place was read back already; this reads it as the next start will.
        if fs::read(&path).map_err(file("read", &path))? != record.as_bytes() {
            return Err(EngineError::Integrity {
                what: path.display().to_string(),
            });
        }
        (self.reached)(Step::Verified)?;
        let wiped = overwrite(&mut old_record).map_err(file("overwrite", &path));
        let left = wiped
            .and_then(|()| wipe_places(home, &master))
            .err()
            .map(|error| error.to_string());
        (self.reached)(Step::OldWiped)?;
        if left.is_none() {
            end_change(home)?;
        }
        Ok(KeyMoved {
            before,
            now,
            changed: true,
            left,
        })
    }
}

/// Where a copy of the key stands, or shall stand.
#[derive(Clone, Debug)]
enum Place {
    Keyring(String),
    /// As in the record: relative to the home, or absolute.
    File(PathBuf),
    /// In the record itself.
    Passphrase(Zeroizing<String>),
}

impl Place {
    fn chosen(home: &Path, choice: KeyChoice) -> Result<Place, EngineError> {
        Ok(match choice {
            KeyChoice::Keyring => {
                let mut random = [0u8; 16];
                SystemRandom.fill_bytes(&mut random);
                Place::Keyring(BASE32_NOPAD.encode(&random).to_ascii_lowercase())
            }
            KeyChoice::KeyFile(path) => Place::File(key_file_path(home, path)?),
            KeyChoice::Passphrase(passphrase) => Place::Passphrase(passphrase),
        })
    }

    fn of(record: &KeyRecord) -> Option<Place> {
        match record {
            KeyRecord::Keyring(name) => Some(Place::Keyring(name.clone())),
            KeyRecord::File(path) => Some(Place::File(path.clone())),
            KeyRecord::Passphrase(_) => None,
        }
    }

    fn protection(&self, home: &Path) -> KeyProtection {
        match self {
            Place::Keyring(_) => KeyProtection::Keyring,
            Place::File(path) => KeyProtection::KeyFile(home.join(path)),
            Place::Passphrase(_) => KeyProtection::Passphrase,
        }
    }

    /// A file that is there may be anybody's: it is neither replaced nor, later, wiped.
    fn must_be_free(&self, home: &Path) -> Result<(), EngineError> {
        if let Place::File(path) = self {
            let path = home.join(path);
            match fs::symlink_metadata(&path) {
                Ok(_) => {
                    return Err(EngineError::Conflict {
                        what: format!("{} is there already: name a new file", path.display()),
                    });
                }
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(file("look at", &path)(error)),
            }
        }
        Ok(())
    }

    /// Writes the key there and reads it back; gives the line of the record that says so.
    fn write(
        &self,
        home: &Path,
        master: &MasterKey,
        params: PassphraseParams,
    ) -> Result<String, EngineError> {
        match self {
            Place::Keyring(name) => {
                keyring::keep(name, master).map_err(locked(Lacks::NewKeyring))?;
                Ok(KeyRecord::Keyring(name.clone()).line())
            }
            Place::File(named) => {
                let path = home.join(named);
                write_key_file(&path, master).map_err(file("write", &path))?;
                let kept = crate::home::read_key_file(&path)?;
                must_match(&kept, master, &path)?;
                Ok(KeyRecord::File(named.clone()).line())
            }
            Place::Passphrase(passphrase) => {
                let passphrase = passphrase.as_bytes();
                let sealed = protect_master_key(master, passphrase, params, &mut SystemRandom)
                    .map_err(passphrase_error)?;
                let kept = unlock_master_key(&sealed, passphrase).map_err(passphrase_error)?;
                must_match(&kept, master, &home.join(MASTER_KEY))?;
                Ok(KeyRecord::Passphrase(sealed).line())
            }
        }
    }
}

fn must_match(kept: &MasterKey, master: &MasterKey, at: &Path) -> Result<(), EngineError> {
    if kept.danger_expose() == master.danger_expose() {
        return Ok(());
    }
    Err(EngineError::Integrity {
        what: format!("what {} kept of the key", at.display()),
    })
}

fn write_key_file(path: &Path, master: &MasterKey) -> std::io::Result<()> {
    let mut key_file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    key_file.write_all(key_file_text(master).as_bytes())?;
    key_file.sync_all()?;
    sync_parent(path)
}

fn lock_setup(home: &Path) -> Result<File, EngineError> {
    let path = home.join(SETUP_LOCK);
    let lock = File::create(&path).map_err(file("create", &path))?;
    lock.lock().map_err(file("lock", &path))?;
    Ok(lock)
}

/// Writes down where the key may stand while it moves, beside where it may stand since earlier.
fn list_places(home: &Path, places: &[Option<&Place>]) -> Result<(), EngineError> {
    let lines = places.iter().flatten().filter_map(|place| match place {
        Place::Keyring(name) => Some(KeyRecord::Keyring(name.clone()).line()),
        // As named in the home: the home may be moved before this is read.
        Place::File(path) => {
            let path = path.strip_prefix(home).unwrap_or(path);
            Some(KeyRecord::File(path.to_owned()).line())
        }
        Place::Passphrase(_) => None,
    });
    let path = home.join(KEY_CHANGE);
    let earlier = match fs::read_to_string(&path) {
        Ok(list) => list,
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => return Err(file("read", &path)(error)),
    };
    let list: String = std::iter::once(earlier).chain(lines).collect();
    replace(&path, list.as_bytes()).map_err(file("write", &path))
}

/// Ends an earlier change, wherever it was cut off.
fn wipe_left_over(home: &Path, master: &MasterKey) -> Result<(), EngineError> {
    if home.join(KEY_CHANGE).exists() {
        wipe_places(home, master)?;
        end_change(home)?;
        warn!("what a change of the key's protection left behind was removed");
    }
    Ok(())
}

/// Wipes the key wherever the list says it may stand and the record does not say it stands. Tries
/// every place; the first error is told.
fn wipe_places(home: &Path, master: &MasterKey) -> Result<(), EngineError> {
    let path = home.join(KEY_CHANGE);
    let list = fs::read_to_string(&path).map_err(file("read", &path))?;
    let record = read_record(home)?;
    let mut first = Ok(());
    for line in list.lines() {
        let wiped = match line.split_once(' ') {
            Some(("keyring", name)) if !record.is_keyring(name) => {
                keyring::forget(name).map_err(locked(Lacks::Keyring))
            }
            Some(("file", at)) if !record.is_file(home, &home.join(at)) => {
                let at = home.join(at);
                wipe_key_file(&at, master).map_err(file("remove the old key file", &at))
            }
            _ => Ok(()),
        };
        first = first.and(wiped);
    }
    first
}

/// Removes a key file if it is one of this key: whole, or begun, or overwritten already. Anything else
/// is somebody else's.
fn wipe_key_file(path: &Path, master: &MasterKey) -> std::io::Result<()> {
    let mut key_file = match OpenOptions::new().read(true).write(true).open(path) {
        Ok(key_file) => key_file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut found = Zeroizing::new(Vec::new());
    (&mut key_file)
        .take(KEY_FILE_BYTES_MAX)
        .read_to_end(&mut found)?;
    let text = key_file_text(master);
    let is_ours =
        text.as_bytes().starts_with(found.trim_ascii_end()) || found.iter().all(|b| *b == 0);
    if !is_ours {
        return Ok(());
    }
    overwrite(&mut key_file)?;
    fs::remove_file(path)?;
    sync_parent(path)
}

/// Zeros over all that a file holds, as far as the file system writes in place.
fn overwrite(file: &mut File) -> std::io::Result<()> {
    use std::io::{Seek, SeekFrom};
    let length = file.metadata()?.len().min(KEY_FILE_BYTES_MAX);
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&vec![0; usize::try_from(length).unwrap_or(0)])?;
    file.sync_all()
}

fn end_change(home: &Path) -> Result<(), EngineError> {
    let path = home.join(KEY_CHANGE);
    fs::remove_file(&path)
        .and_then(|()| sync_parent(&path))
        .map_err(file("remove", &path))
}

/// The list of places that may hold the key, while a change runs.
const KEY_CHANGE: &str = "key-change";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home::{KEY_FILE, Unlocked};
    use crate::initialise;

    const OLD: &str = "the old passphrase";
    const NEW: &str = "the new passphrase";

    fn passphrase(text: &str) -> Zeroizing<String> {
        Zeroizing::new(text.to_owned())
    }

    /// Runs a change as it is, but with the least stretching.
    fn change(
        home: &Path,
        choice: KeyChoice,
        reached: &mut dyn FnMut(Step) -> Result<(), EngineError>,
    ) -> Result<KeyMoved, EngineError> {
        let params = PassphraseParams::FLOOR;
        let change = Change {
            home,
            params,
            reached,
        };
        change.run(Some(&passphrase(OLD)), choice)
    }

    fn to(home: &Path, choice: KeyChoice) -> KeyMoved {
        change(home, choice, &mut |_| Ok(())).unwrap()
    }

    /// A home whose key is kept like this.
    fn home(choice: KeyChoice) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        initialise(dir.path(), "Ada", "laptop", Some(KeyChoice::KeyFile(None))).unwrap();
        if !matches!(choice, KeyChoice::KeyFile(None)) {
            to(dir.path(), choice);
        }
        dir
    }

    /// The key as the next start gets it, which cleans up too.
    fn start(home: &Path) -> [u8; 32] {
        let opened = [OLD, NEW].map(|text| Unlocked::unlock(home, Some(&passphrase(text))));
        let [old, new] = opened;
        let unlocked = old.or(new).unwrap();
        unlocked.open().unwrap();
        *unlocked.master().danger_expose()
    }

    /// Every copy of the key that is not under a passphrase.
    fn copies(home: &Path, key: &[u8; 32]) -> usize {
        let text = key_file_text(&MasterKey::from_bytes(*key));
        let files = fs::read_dir(home).unwrap().filter(|found| {
            let bytes = fs::read(found.as_ref().unwrap().path()).unwrap();
            let body = text.trim_end().as_bytes();
            bytes.windows(body.len()).any(|window| window == body)
        });
        files.count() + keyring::copies(key)
    }

    fn places() -> [(&'static str, KeyChoice); 4] {
        [
            ("the home's key file", KeyChoice::KeyFile(None)),
            ("another key file", KeyChoice::KeyFile(Some("other".into()))),
            ("the keyring", KeyChoice::Keyring),
            ("a passphrase", KeyChoice::Passphrase(passphrase(OLD))),
        ]
    }

    fn in_home(choice: KeyChoice, home: &Path) -> KeyChoice {
        match choice {
            KeyChoice::KeyFile(Some(path)) => KeyChoice::KeyFile(Some(home.join(path))),
            other => other,
        }
    }

    /// Goal: from every place to every other, cut off after every step: the home opens with the same
    /// key, and once it was opened there is one copy at most that asks nobody, in the place of the
    /// record.
    #[test]
    fn wherever_a_change_is_cut_off_the_key_is_in_one_place() {
        use Step::{Listed, NewWritten, OldWiped, Recorded, Verified};
        for (from_name, from) in places() {
            for (to_name, chosen) in places() {
                let stretched = [from_name, to_name].contains(&"a passphrase");
                if from_name == to_name
                    || (stretched && [from_name, to_name].contains(&"another key file"))
                {
                    continue;
                }
                let chosen = match chosen {
                    KeyChoice::Passphrase(_) => KeyChoice::Passphrase(passphrase(NEW)),
                    other => other,
                };
                for cut in [Listed, NewWritten, Recorded, Verified, OldWiped] {
                    if stretched && matches!(cut, Listed | Verified) {
                        continue; // stretching takes long, and these leave what others leave
                    }
                    let what = format!("{from_name} to {to_name}, cut off after {cut:?}");
                    let dir = tempfile::tempdir().unwrap();
                    let path = dir.path();
                    let first = Some(KeyChoice::KeyFile(None));
                    initialise(path, "Ada", "laptop", first).unwrap();
                    let from = in_home(from.clone(), path);
                    if !matches!(from, KeyChoice::KeyFile(None)) {
                        to(path, from);
                    }
                    let key = start(path);
                    let crash = change(path, in_home(chosen.clone(), path), &mut |step| match step
                        == cut
                    {
                        true => Err(EngineError::Stopped),
                        false => Ok(()),
                    });
                    assert!(matches!(crash, Err(EngineError::Stopped)), "{what}");
                    assert_eq!(start(path), key, "{what}");
                    assert!(!key_change_is_pending(path), "{what}");
                    let plain = match read_record(path).unwrap() {
                        KeyRecord::Passphrase(_) => 0,
                        _ => 1,
                    };
                    assert_eq!(copies(path, &key), plain, "{what}");
                    let moved_on = matches!(cut, Recorded | Verified | OldWiped);
                    let now = protection_of(&read_record(path).unwrap());
                    let wanted = chosen_protection(path, &in_home(chosen.clone(), path)).unwrap();
                    assert_eq!(now == wanted, moved_on, "{what}");
                }
            }
        }
    }

    #[test]
    fn a_change_that_is_done_leaves_nothing_of_the_old_place() {
        let dir = home(KeyChoice::KeyFile(None));
        let key = start(dir.path());
        let moved = to(dir.path(), KeyChoice::Passphrase(passphrase(OLD)));
        assert_eq!(
            (moved.now, moved.changed, moved.left),
            (KeyProtection::Passphrase, true, None)
        );
        assert_eq!(copies(dir.path(), &key), 0);
        assert!(!dir.path().join(KEY_FILE).exists());
        assert!(matches!(
            Unlocked::unlock(dir.path(), Some(&passphrase(NEW))).map(drop),
            Err(EngineError::Locked { .. })
        ));
        // A new passphrase for the old: the old one opens nothing any more.
        to(dir.path(), KeyChoice::Passphrase(passphrase(NEW)));
        assert!(Unlocked::unlock(dir.path(), Some(&passphrase(OLD))).is_err());
        assert_eq!(start(dir.path()), key);
    }

    #[test]
    fn what_is_so_already_is_no_change() {
        for (name, choice) in places() {
            if matches!(choice, KeyChoice::Passphrase(_)) {
                continue; // a new one may be meant
            }
            let dir = tempfile::tempdir().unwrap();
            initialise(dir.path(), "Ada", "laptop", Some(KeyChoice::KeyFile(None))).unwrap();
            let choice = in_home(choice, dir.path());
            to(dir.path(), choice.clone());
            assert!(!to(dir.path(), choice).changed, "{name}");
        }
    }

    /// Goal: the key is not put into a weaker place unless that was asked for, and a file that is there
    /// is neither replaced nor removed, whatever happens to the change.
    #[test]
    fn nothing_gets_weaker_unasked_and_no_file_is_lost() {
        let dir = home(KeyChoice::Passphrase(passphrase(OLD)));
        let key = start(dir.path());
        let theirs = dir.path().join("letters");
        fs::write(&theirs, "to my aunt").unwrap();
        let asked = |file: &Path, may| {
            let choice = KeyChoice::KeyFile(Some(file.to_owned()));
            protect_key(dir.path(), Some(&passphrase(OLD)), choice, may)
        };
        assert!(matches!(
            asked(&dir.path().join("new"), false),
            Err(EngineError::BadInput { .. })
        ));
        assert!(matches!(
            asked(&theirs, true),
            Err(EngineError::Conflict { .. })
        ));
        // A list that names it, however it came there, does no harm either.
        fs::write(dir.path().join(KEY_CHANGE), "file letters\nnonsense\n").unwrap();
        assert_eq!(start(dir.path()), key);
        assert_eq!(fs::read(&theirs).unwrap(), b"to my aunt");
        assert!(!key_change_is_pending(dir.path()));
        for strange in ["new\nline", "ends in space ", "\u{1b}[31m"] {
            assert!(matches!(
                asked(&dir.path().join(strange), true),
                Err(EngineError::BadInput { .. })
            ));
        }
        assert_eq!(start(dir.path()), key);
    }

    /// Goal: a keyring that takes nothing leaves the key where it was.
    #[test]
    fn a_place_that_does_not_take_the_key_changes_nothing() {
        let dir = home(KeyChoice::KeyFile(None));
        let key = start(dir.path());
        let gone = dir.path().join("no/such/directory/key");
        let refused = change(dir.path(), KeyChoice::KeyFile(Some(gone)), &mut |_| Ok(()));
        assert!(matches!(refused, Err(EngineError::File { .. })));
        let wrong = protect_key(
            &home(KeyChoice::Passphrase(passphrase(OLD))).keep(),
            Some(&passphrase(NEW)),
            KeyChoice::Keyring,
            false,
        );
        assert!(matches!(wrong, Err(EngineError::Locked { .. })));
        assert_eq!((start(dir.path()), copies(dir.path(), &key)), (key, 1));
        assert!(!key_change_is_pending(dir.path()));
    }
}
