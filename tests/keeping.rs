//! The daemon that people keep: locked and unlocked, its health, its meters, its log.

use crate::support::{Device, eventually, find, run_in, text};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

const PASSPHRASE: &str = "canary-passphrase-0c4e";

/// A file that only this user reads.
pub(crate) fn private_file(path: PathBuf, content: &str) -> String {
    std::fs::write(&path, content).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path.to_str().unwrap().to_owned()
}

/// What the daemon answers to a request of these headers.
pub(crate) fn request(home: &Path, head: &str) -> String {
    let mut stream = UnixStream::connect(home.join("run/kitbag.sock")).unwrap();
    write!(stream, "{head}host: k\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn logs(device: &Device) -> String {
    let output = device.run(&["daemon", "logs", "--lines", "100000"], b"");
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

/// Goal: a locked device answers every request with 9 and a way out, tells its state, can be stopped,
/// and opens with its passphrase only; what was there is there again.
#[test]
fn a_locked_device_opens_with_its_passphrase_only() {
    let device = Device::empty();
    let dir = device.home.parent().unwrap().to_owned();
    let right = private_file(dir.join("right"), PASSPHRASE);
    let wrong = private_file(dir.join("wrong"), "another one entirely");
    device.ok(&[
        "up",
        "--name",
        "Ada",
        "--detach",
        "--offline",
        "--passphrase-file",
        &right,
    ]);
    let pack = device.create_pack("Acme");
    let note = device.add(&pack, "Renewal", "in May");

    let locked = device.json(&["lock"]);
    assert_eq!(
        (&locked["was_open"], &locked["opens_with"]),
        (&true.into(), &"passphrase".into())
    );
    assert_eq!(device.json(&["lock"])["was_open"], false, "once is enough");
    for command in [
        &["list", &pack][..],
        &["show", &note],
        &["pack", "list"],
        &["pack", "create", "Other"],
        &["add", &pack, "--source", "x", "--title", "y"],
        &["members", &pack],
        &["share", &pack, "--yes"],
        &["sync"],
        &["check", &pack, "--as", "Ada"],
        &["up", "--detach"],
    ] {
        let (exit, error) = device.fails(command, b"");
        assert_eq!((exit, &error["code"]), (9, &"locked".into()), "{command:?}");
        assert!(
            text(&error["hint"]).contains("kitbag unlock"),
            "{command:?}"
        );
    }
    assert_eq!(device.json(&["status"])["locked"], true);
    let status = device.json(&["daemon", "status"]);
    assert_eq!(
        (&status["running"], &status["locked"], &status["endpoint"]),
        (&true.into(), &true.into(), &().into())
    );
    let overview = device.json(&[]);
    assert_eq!(
        (&overview["locked"], &overview["next"]),
        (&true.into(), &"kitbag unlock".into())
    );
    assert!(device.ok(&["daemon", "status"]).contains("locked"));

    for given in [&["unlock"][..], &["unlock", "--passphrase-file", &wrong]] {
        let (exit, error) = device.fails(given, b"");
        assert_eq!((exit, &error["code"]), (9, &"locked".into()), "{given:?}");
    }
    assert_eq!(device.json(&["status"])["locked"], true);
    let opened = device.json(&["unlock", "--passphrase-file", &right]);
    assert_eq!(
        (&opened["was_locked"], &opened["started"]),
        (&true.into(), &false.into())
    );
    assert_eq!(
        text(&device.json(&["show", &note])["note"]["body"]),
        "in May"
    );
    // Nobody is asked for what nothing needs.
    assert_eq!(device.json(&["unlock"])["was_locked"], false);

    device.ok(&["lock"]);
    assert_eq!(
        device.json(&["down"])["stopped"],
        true,
        "a locked daemon stops"
    );
    let started = device.json(&["unlock", "--passphrase-file", &right]);
    assert_eq!(started["started"], true);
    assert!(device.ok(&["list", &pack]).contains("Renewal"));
    let log = logs(&device);
    assert!(
        log.contains("/v1/unlock") && !log.contains(PASSPHRASE),
        "{log}"
    );
}

/// Goal: the key itself is in the daemon's memory before the lock, and nowhere in it afterwards.
#[cfg(target_os = "linux")]
#[test]
fn a_locked_daemon_does_not_hold_the_key() {
    let device = Device::up("Ada");
    let pack = device.create_pack("Acme");
    device.add(&pack, "Renewal", "in May");
    let key = std::fs::read_to_string(device.home.join("key")).unwrap();
    let key = key
        .trim()
        .strip_prefix("kitbag-key-1:")
        .unwrap()
        .to_ascii_uppercase();
    let key = data_encoding::BASE32_NOPAD.decode(key.as_bytes()).unwrap();
    let pid = device.json(&["daemon", "status"])["pid"].as_u64().unwrap();
    let Some(before) = holds(pid, &key) else {
        return println!("this machine does not let us look into the daemon's memory: not tested");
    };
    assert!(before, "the test looks in the right place");
    device.ok(&["lock"]);
    eventually("the key is gone", || holds(pid, &key) == Some(false));
    device.ok(&["unlock"]);
    assert_eq!(holds(pid, &key), Some(true));
    assert!(device.ok(&["list", &pack]).contains("Renewal"));
}

/// Whether these bytes stand in the memory of a process, if that may be read.
#[cfg(target_os = "linux")]
fn holds(pid: u64, bytes: &[u8]) -> Option<bool> {
    use std::io::{Seek, SeekFrom};
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).ok()?;
    let mut memory = std::fs::File::open(format!("/proc/{pid}/mem")).ok()?;
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let range = line.split(' ').next()?;
        let (from, to) = range.split_once('-')?;
        let (from, to) = (
            u64::from_str_radix(from, 16).ok()?,
            u64::from_str_radix(to, 16).ok()?,
        );
        memory.seek(SeekFrom::Start(from)).ok()?;
        let mut part = Vec::new();
        // A part that went away meanwhile holds nothing any more.
        let _ = Read::by_ref(&mut memory)
            .take(to - from)
            .read_to_end(&mut part);
        let mut rest = &part[..];
        // By its first byte: `windows` over gigabytes of a debug build takes minutes.
        while let Some(at) = rest.iter().position(|byte| *byte == bytes[0]) {
            if rest[at..].starts_with(bytes) {
                return Some(true);
            }
            rest = &rest[at + 1..];
        }
    }
    Some(false)
}

/// Goal: while it is locked a device exchanges nothing, and afterwards catches up by itself.
#[test]
fn a_locked_device_exchanges_nothing_and_catches_up() {
    let (ada, ben) = (Device::up("Ada"), Device::up("Ben"));
    let pack = ada.create_pack("Acme");
    ben.json_with(&["join", "-"], ada.share(&pack).as_bytes());
    ben.ok(&["lock"]);
    ada.add(&pack, "While you were away", "x");
    let (exit, _) = ada.fails(&["sync", &pack, "--wait", "--timeout", "3s"], b"");
    assert_eq!(exit, 11);
    ben.ok(&["unlock"]);
    eventually("the note is there", || {
        ben.ok(&["list", &pack]).contains("While you were away")
    });
}

/// Goal: health and meters answer over the socket to whoever says who calls, count what happens, and
/// name nobody and nothing.
#[test]
fn health_and_meters_answer_and_name_nothing() {
    const CANARIES: [&str; 4] = [
        "canary-pack-71aa",
        "canary-title-08f2",
        "Canaryada-5d1b",
        "Canaryben-c09e",
    ];
    let (ada, ben) = (Device::up(CANARIES[2]), Device::up(CANARIES[3]));
    let pack = ada.create_pack(CANARIES[0]);
    let note = ada.add(&pack, CANARIES[1], "x");
    ben.json_with(&["join", "-"], ada.share(&pack).as_bytes());
    ben.ok(&["sync", &pack, "--wait"]);
    let endpoint = text(&ada.json(&["daemon", "status"])["endpoint"]);

    let caller = "kitbag-caller: library/scraper\r\n";
    for path in ["/metrics", "/health", "/v1/health"] {
        let refused = request(&ada.home, &format!("GET {path} HTTP/1.1\r\n"));
        assert!(refused.starts_with("HTTP/1.1 400"), "{path}: {refused}");
        let answer = request(&ada.home, &format!("GET {path} HTTP/1.1\r\n{caller}"));
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
        for secret in CANARIES
            .iter()
            .copied()
            .chain([&pack[..16], &note[..16], &endpoint[..16]])
        {
            assert!(!answer.contains(secret), "{path} says {secret}: {answer}");
        }
    }
    let page = request(&ada.home, &format!("GET /metrics HTTP/1.1\r\n{caller}"));
    assert!(
        page.contains("content-type: text/plain; version=0.0.4"),
        "{page}"
    );
    let value = |name: &str| {
        let line = page
            .lines()
            .find_map(|line| line.strip_prefix(&format!("kitbag_{name} ")));
        line.unwrap_or_else(|| panic!("no {name}: {page}"))
            .parse::<f64>()
            .unwrap()
    };
    assert_eq!(
        (value("up"), value("locked"), value("packs"), value("notes")),
        (1.0, 0.0, 1.0, 1.0)
    );
    assert_eq!(value("sessions"), 1.0);
    for counted in [
        "requests_total{ended=\"answered\"}",
        "requests_total{ended=\"refused\"}",
        "step_duration_seconds_count",
        "frames_received_total",
        "bytes_sent_total",
        "database_bytes",
    ] {
        assert!(value(counted) > 0.0, "{counted}: {page}");
    }
    assert_eq!(value("faults_total"), 0.0);

    ada.ok(&["lock"]);
    let health = request(&ada.home, &format!("GET /health HTTP/1.1\r\n{caller}"));
    assert!(health.contains("\"state\":\"locked\""), "{health}");
    let page = request(&ada.home, &format!("GET /metrics HTTP/1.1\r\n{caller}"));
    assert!(
        page.contains("\nkitbag_locked 1\n") && !page.contains("kitbag_packs"),
        "{page}"
    );
}

/// Goal: the log can be read while the daemon runs and while it is down, in order; it holds no secret
/// and no content, at the level that tells most.
#[test]
fn the_log_is_shown_and_holds_nothing_that_is_yours() {
    const CANARIES: [&str; 6] = [
        "canary-pack-aa17",
        "canary-title-f208",
        "canary-body-66d3",
        "canary-tag-19c5",
        "Canaryada-b15d",
        "Canaryben-9ec0",
    ];
    let [title, note, body, tag, ada_name, ben_name] = CANARIES;
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
    ada.json_with(
        &[
            "add", &pack, "--source", title, "--title", note, "--tag", tag,
        ],
        body.as_bytes(),
    );
    let ticket = ada.share(&pack);
    ben.json_with(&["join", "-", "--as", title], ticket.as_bytes());
    ben.fails(&["join", "-"], ticket.replacen('a', "b", 2).as_bytes());
    ben.fails(&["list", note], b"");
    ada.json(&["unshare", &pack, ben_name, "--yes"]);
    for device in [&ada, &ben] {
        let shown = device.json(&["daemon", "logs", "--lines", "2"]);
        assert_eq!(shown["lines"].as_array().unwrap().len(), 2, "{shown}");
        assert!(shown["lines"][1]["fields"].is_object(), "{shown}");
        device.ok(&["down"]);
        let log = logs(device);
        assert!(
            log.contains("serving") && log.trim_end().ends_with('}'),
            "{log}"
        );
        assert!(log.lines().last().unwrap().contains("stopped"), "{log}");
        for secret in CANARIES.into_iter().chain([&ticket[..], &ticket[20..60]]) {
            assert_eq!(
                find(log.as_bytes(), secret.as_bytes()),
                None,
                "{secret} is in the log"
            );
        }
    }
    let (exit, _) = ada.fails(&["daemon", "logs", "--follow"], b"");
    assert_eq!(exit, 2, "--follow and --json do not go together");
}
