//! A home is set up once, finished if it was cut off, and never made anew over what is left of one.

use super::*;

fn set_up(home: &Path) -> Result<(Me, KeyProtection), EngineError> {
    initialise(home, "Ada", "laptop", Some(KeyChoice::KeyFile(None)))
}

/// Goal: wherever a first setup was cut off, the next one finishes it and loses no key.
#[test]
fn a_setup_that_was_cut_off_is_finished_by_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("home");
    set_up(&home).unwrap();
    assert!(matches!(set_up(&home), Err(EngineError::Conflict { .. })));

    // After the key file, before its record.
    let key = fs::read(home.join(KEY_FILE)).unwrap();
    for gone in [DATABASE, INCARNATION, MASTER_KEY] {
        fs::remove_file(home.join(gone)).unwrap();
    }
    set_up(&home).unwrap();
    assert_eq!(fs::read(home.join(KEY_FILE)).unwrap(), key);

    // After an empty database file, before the identity.
    fs::remove_file(home.join(INCARNATION)).unwrap();
    fs::write(home.join(DATABASE), b"").unwrap();
    assert!(!home_is_initialised(&home));
    set_up(&home).unwrap();
    Unlocked::unlock(&home, None).unwrap().open().unwrap();
}

/// Goal: a name that is refused leaves nothing behind that a better one could stumble over.
#[test]
fn a_refused_name_leaves_the_home_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let refused = initialise(
        dir.path(),
        "x\u{1b}[31m",
        "laptop",
        Some(KeyChoice::KeyFile(None)),
    );
    assert!(matches!(refused, Err(EngineError::BadInput { .. })));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    set_up(dir.path()).unwrap();
}

/// Goal: of two first starts at once, one makes the home and the other says that it is there.
#[test]
fn two_setups_at_once_make_one_home() {
    let dir = tempfile::tempdir().unwrap();
    let made: Vec<_> = std::thread::scope(|scope| {
        let tries: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| set_up(dir.path()).is_ok()))
            .collect();
        tries.into_iter().map(|made| made.join().unwrap()).collect()
    });
    assert_eq!(made.iter().filter(|made| **made).count(), 1);
    Unlocked::unlock(dir.path(), None).unwrap().open().unwrap();
}

/// Goal: a home whose key record is gone is never given a new key.
#[test]
fn a_database_without_its_key_record_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    set_up(dir.path()).unwrap();
    let key = fs::read(dir.path().join(KEY_FILE)).unwrap();
    fs::remove_file(dir.path().join(MASTER_KEY)).unwrap();
    assert!(matches!(
        set_up(dir.path()),
        Err(EngineError::Missing { path }) if path.ends_with(MASTER_KEY)
    ));
    // Before the incarnation was written, too.
    fs::remove_file(dir.path().join(INCARNATION)).unwrap();
    assert!(matches!(
        set_up(dir.path()),
        Err(EngineError::Integrity { .. })
    ));
    assert_eq!(fs::read(dir.path().join(KEY_FILE)).unwrap(), key);
}

/// Goal: a home whose database is gone, or emptied, is no new home, and nothing is made in it.
#[test]
fn a_home_without_its_database_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    set_up(dir.path()).unwrap();
    let database = dir.path().join(DATABASE);
    let is_missing = |done: Result<(), EngineError>| matches!(done, Err(EngineError::Missing { path }) if path == database);
    for emptied in [false, true] {
        fs::remove_file(&database).unwrap();
        if emptied {
            fs::write(&database, b"").unwrap();
        }
        assert!(is_missing(set_up(dir.path()).map(drop)));
        assert!(is_missing(Unlocked::unlock(dir.path(), None).map(drop)));
        assert_eq!(database.exists(), emptied);
        fs::write(&database, b"").unwrap();
    }
}

/// Goal: a database that was cut off anywhere is damage, not a disk that failed.
#[test]
fn a_database_that_was_cut_off_is_damaged() {
    let dir = tempfile::tempdir().unwrap();
    set_up(dir.path()).unwrap();
    let database = dir.path().join(DATABASE);
    let whole = fs::read(&database).unwrap();
    for kept in [1, 9, 100, 512, 4096, whole.len() / 2, whole.len() - 1] {
        fs::write(&database, &whole[..kept]).unwrap();
        let opened = Unlocked::unlock(dir.path(), None).unwrap().open();
        let damaged = matches!(opened, Err(EngineError::Integrity { .. }));
        assert!(damaged, "{kept} of {} bytes", whole.len());
    }
}

/// Goal: a key file that is gone locks the device, and says which file it is.
#[test]
fn a_missing_key_file_locks_the_home() {
    let dir = tempfile::tempdir().unwrap();
    set_up(dir.path()).unwrap();
    let key = dir.path().join(KEY_FILE);
    fs::remove_file(&key).unwrap();
    let told = Unlocked::unlock(dir.path(), None).map(drop).unwrap_err();
    assert!(told.to_string().contains(key.to_str().unwrap()), "{told}");
    assert!(matches!(
        told,
        EngineError::Locked {
            lacks: Lacks::KeyFile,
            ..
        }
    ));
}
