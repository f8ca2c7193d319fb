//! `kitbag doctor` and its bundle, with real homes in good and in bad order.

use crate::keeping::private_file;
use crate::support::{Device, files_below, find, run_in, text};
use serde_json::Value;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

/// What doctor finds, and how it ends.
fn doctor(device: &Device, args: &[&str]) -> (i32, Value) {
    let args: Vec<&str> = ["doctor", "--json"].iter().chain(args).copied().collect();
    let config = device.home.with_extension("config");
    let env = [("XDG_CONFIG_HOME", config.to_str().unwrap())];
    let output = run_in(&device.home, &args, b"", &env);
    let found = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code().unwrap(), found)
}

fn verdict(found: &Value, name: &str) -> String {
    let checks = found["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["name"] == name);
    text(&check.unwrap_or_else(|| panic!("no {name}: {found}"))["verdict"])
}

/// Goal: a home in order is told so with and without its daemon; what is wrong is named, with a hint
/// and an exit code, and nothing is changed by looking.
#[test]
fn each_disorder_is_named_with_its_exit_code() {
    let device = Device::empty();
    assert_eq!(doctor(&device, &[]).0, 3, "nobody is here yet");
    device.ok(&["up", "--name", "Ada", "--detach", "--offline"]);
    let pack = device.create_pack("Acme");
    device.add(&pack, "Renewal", "in May");

    let (exit, found) = doctor(&device, &[]);
    assert_eq!((exit, &found["verdict"]), (0, &"warn".into()), "{found}");
    for (name, expected) in [
        ("home", "ok"),
        ("permissions", "ok"),
        ("key", "warn"), // a key file, and it says so
        ("daemon", "ok"),
        ("database", "ok"),
        ("clock", "ok"),
        ("socket", "ok"),
        ("network", "ok"),
        ("peers", "ok"),
        ("log", "ok"),
        ("service", "ok"),
    ] {
        assert_eq!(verdict(&found, name), expected, "{name}: {found}");
    }
    device.ok(&["lock"]);
    assert_eq!(verdict(&doctor(&device, &[]).1, "daemon"), "warn", "locked");
    device.ok(&["down"]);
    let token = fs::read(device.home.join("incarnation")).unwrap();
    let (exit, found) = doctor(&device, &[]);
    assert_eq!(
        (exit, verdict(&found, "database")),
        (0, "ok".to_owned()),
        "{found}"
    );
    assert_eq!(
        fs::read(device.home.join("incarnation")).unwrap(),
        token,
        "looking is no start"
    );
    assert_eq!(device.json(&["daemon", "status"])["running"], false);

    fs::set_permissions(&device.home, Permissions::from_mode(0o755)).unwrap();
    let (exit, found) = doctor(&device, &[]);
    assert_eq!(
        (exit, verdict(&found, "permissions")),
        (1, "fail".to_owned()),
        "{found}"
    );
    fs::set_permissions(&device.home, Permissions::from_mode(0o700)).unwrap();

    fs::write(device.home.join("network.toml"), "relay = 3\n").unwrap();
    assert_eq!(doctor(&device, &[]).0, 2);
    fs::remove_file(device.home.join("network.toml")).unwrap();

    fs::rename(device.home.join("key"), device.home.join("elsewhere")).unwrap();
    let (exit, found) = doctor(&device, &[]);
    assert_eq!(
        (exit, verdict(&found, "key")),
        (9, "fail".to_owned()),
        "{found}"
    );
    fs::rename(device.home.join("elsewhere"), device.home.join("key")).unwrap();

    // Bits that turned over: the row is counted, and that decides how it ends.
    let database = device.home.join("kitbag.redb");
    let whole = fs::read(&database).unwrap();
    let mut damaged = whole.clone();
    for byte in damaged[whole.len() / 4..].iter_mut().step_by(97) {
        *byte ^= 0x10;
    }
    fs::write(&database, &damaged).unwrap();
    let (exit, found) = doctor(&device, &[]);
    assert_eq!(verdict(&found, "database"), "fail", "{found}");
    assert!(exit == 10 || exit == 1, "{exit}: {found}");
    fs::write(&database, &whole).unwrap();
    assert_eq!(doctor(&device, &[]).0, 0);

    let secret = private_file(device.home.with_extension("pass"), "correct horse battery");
    device.ok(&["key", "protect", "--passphrase-file", &secret]);
    assert_eq!(
        verdict(&doctor(&device, &[]).1, "database"),
        "warn",
        "nobody is asked"
    );
    let (_, found) = doctor(&device, &["--passphrase-file", &secret]);
    assert_eq!(
        (verdict(&found, "database"), verdict(&found, "key")),
        ("ok".to_owned(), "ok".to_owned())
    );
}

/// Goal: a bundle holds what helps, and no title, text, name, id, ticket, key or path of a person, and
/// no address unless that was asked for; it replaces no file.
#[test]
fn a_bundle_helps_and_tells_nothing() {
    const CANARIES: [&str; 5] = [
        "canary-pack-4d20",
        "canary-title-b7e9",
        "canary-body-0a4c",
        "Canaryada-77f1",
        "Canaryben-2c3d",
    ];
    let [title, note, body, ada_name, ben_name] = CANARIES;
    let (ada, ben) = (Device::empty(), Device::empty());
    for (device, name) in [(&ada, ada_name), (&ben, ben_name)] {
        let up = [
            "up", "--name", name, "--device", name, "--detach", "--listen", "loopback",
        ];
        assert!(
            run_in(&device.home, &up, b"", &[("KITBAG_LOG", "debug")])
                .status
                .success()
        );
    }
    let pack = ada.create_pack(title);
    let id = ada.add(&pack, note, body);
    let ticket = ada.share(&pack);
    ben.json_with(&["join", "-", "--as", title], ticket.as_bytes());
    ada.fails(&["list", note], b"");
    ben.ok(&["down"]);
    ada.ok(&["sync"]);
    let status = ada.json(&["daemon", "status"]);
    let (endpoint, address) = (text(&status["endpoint"]), text(&status["addresses"][0]));
    let key = fs::read_to_string(ada.home.join("key")).unwrap();

    let file = ada.home.with_extension("json");
    let args = ["--bundle", file.to_str().unwrap()];
    let (_, found) = doctor(&ada, &args);
    assert_eq!(found["bundle"], *file.to_str().unwrap());
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let bytes = fs::read(&file).unwrap();
    let bundle: Value = serde_json::from_slice(&bytes).unwrap();
    let home = ada.home.to_str().unwrap();
    let secrets = [
        &pack[..12],
        &id[..12],
        &ticket[10..40],
        &endpoint[..10],
        &address,
        home,
        &key[13..40],
    ];
    for secret in CANARIES.iter().copied().chain(secrets) {
        assert_eq!(
            find(&bytes, secret.as_bytes()),
            None,
            "{secret} is in the bundle"
        );
    }
    assert_eq!(bundle["kind"], "kitbag-bundle");
    assert!(bundle["checks"].as_array().unwrap().len() > 8);
    assert!(bundle["meters"]["requests_answered"].as_u64().unwrap() > 0);
    let log = bundle["log"].as_array().unwrap();
    assert!(
        log.iter()
            .any(|line| line["fields"]["path"] == "/v1/note/add"),
        "{bundle}"
    );
    let before = files_below(file.parent().unwrap()).len();
    let again = ["doctor", "--bundle", file.to_str().unwrap()];
    assert_eq!(ada.fails(&again, b"").0, 7, "it replaces nothing");
    assert_eq!(fs::read(&file).unwrap(), bytes);
    assert_eq!(files_below(file.parent().unwrap()).len(), before);
    ada.ok(&["down"]);
    let other = file.with_extension("down.json");
    doctor(&ada, &["--bundle", other.to_str().unwrap()]);
    assert!(other.exists(), "while the daemon is down, too");
}
