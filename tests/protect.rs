//! Where the key of a device is kept, and moving it.

use crate::keeping::private_file;
use crate::support::{Device, files_below, find, text};

/// Goal: a key moves from a file under a passphrase and back, each time leaving no other copy in the
/// home; it never gets into a weaker place unasked; a daemon that runs is not disturbed.
#[test]
fn a_key_moves_and_leaves_no_copy() {
    let device = Device::up("Ada");
    let dir = device.home.parent().unwrap().to_owned();
    let right = private_file(dir.join("right"), "correct horse battery");
    let other = private_file(dir.join("other"), "staple staple staple");
    let pack = device.create_pack("Acme");
    let note = device.add(&pack, "Renewal", "in May");
    let key = std::fs::read_to_string(device.home.join("key")).unwrap();
    let key = key.trim();
    let copies = || {
        let files = files_below(&dir).into_iter();
        files
            .filter(|file| find(&std::fs::read(file).unwrap(), key.as_bytes()).is_some())
            .count()
    };
    assert_eq!(copies(), 1);

    let (exit, error) = device.fails(&["key", "protect"], b"");
    assert_eq!((exit, &error["code"]), (2, &"usage".into()));
    for dry_run in [&["--dry-run"][..], &[]] {
        let keyring = [&["key", "protect", "--keyring"], dry_run].concat();
        let (exit, error) = device.fails(&keyring, b"");
        assert_eq!(
            (exit, &error["code"]),
            (9, &"locked".into()),
            "there is none in this test"
        );
        let hint = text(&error["hint"]);
        assert!(hint.contains("other ways: --passphrase"), "{hint}");
    }
    let plan = device.json(&["key", "protect", "--passphrase-file", &right, "--dry-run"]);
    assert_eq!(
        (&plan["changed"], &plan["key_protection"]),
        (&false.into(), &"passphrase".into())
    );
    assert_eq!(copies(), 1, "so far nothing happened");

    let moved = device.json(&["key", "protect", "--passphrase-file", &right]);
    assert_eq!(
        (
            &moved["before"],
            &moved["key_protection"],
            &moved["changed"],
            &moved["left"]
        ),
        (
            &"key_file".into(),
            &"passphrase".into(),
            &true.into(),
            &().into()
        )
    );
    assert_eq!(copies(), 0);
    assert!(!device.home.join("key").exists());
    assert_eq!(
        text(&device.json(&["show", &note])["note"]["body"]),
        "in May",
        "it still runs"
    );
    let receipt = dir.join("receipt").display().to_string();
    let bundle = dir.join("bundle").display().to_string();
    device.ok(&["export", &pack, "--out", &bundle, "--receipt", &receipt]);
    device.ok(&["down"]);
    let (exit, error) = device.fails(&["list", &pack], b"");
    assert_eq!((exit, &error["code"]), (9, &"locked".into()));
    // What somebody signed needs no key of this device.
    let verified = device.json(&["receipt", "verify", &receipt]);
    assert_eq!(verified["known"], serde_json::Value::Null, "{verified}");

    let given = ["--current-passphrase-file", &right];
    let file = dir.join("key file");
    let file = file.to_str().unwrap();
    let weaker = ["key", "protect", "--key-file", file, given[0], given[1]];
    let (exit, error) = device.fails(&weaker, b"");
    assert_eq!((exit, &error["code"]), (2, &"confirmation-required".into()));
    assert_eq!(copies(), 0);
    let wrong = [
        "key",
        "protect",
        "--passphrase-file",
        &right,
        given[0],
        &other,
    ];
    assert_eq!(device.fails(&wrong, b"").0, 9);

    // Another passphrase: the first opens nothing any more.
    device.json(&[
        "key",
        "protect",
        "--passphrase-file",
        &other,
        given[0],
        given[1],
    ]);
    let start = |file: &str| {
        device.run(
            &["daemon", "start", "--offline", "--passphrase-file", file],
            b"",
        )
    };
    assert_eq!(start(&right).status.code(), Some(9));
    assert!(start(&other).status.success());

    let back = [
        "key",
        "protect",
        "--key-file",
        file,
        given[0],
        &other,
        "--yes",
    ];
    let moved = device.json(&back);
    assert_eq!(
        (&moved["weaker"], &moved["key_file"], &moved["changed"]),
        (&true.into(), &file.into(), &true.into())
    );
    assert_eq!(copies(), 1);
    device.ok(&["down"]);
    assert!(device.ok(&["list", &pack]).contains("Renewal"));
}
