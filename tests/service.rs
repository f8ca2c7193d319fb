//! The daemon as a service, with a service manager that only writes down what it is told; and what the
//! daemon tells a supervisor.

use crate::keeping::private_file;
use crate::support::{Device, run_in, text};
use serde_json::Value;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

/// A device, and a `systemctl` of its own.
struct Installing {
    device: Device,
    dir: PathBuf,
}

impl Installing {
    fn new(manager: &str) -> Installing {
        let device = Device::empty();
        let dir = device.home.parent().unwrap().to_owned();
        let bin = dir.join("bin");
        fs::create_dir(&bin).unwrap();
        let at = dir.display();
        let script = format!(
            "#!/bin/sh\necho \"$*\" >> '{at}/calls'\ncase \"$*\" in\n\
             *is-system-running*) echo {manager}; [ {manager} = running ] || exit 1;;\n\
             *is-active*) [ -e '{at}/active' ] && echo active || {{ echo inactive; exit 3; }};;\n\
             *enable*--now*) touch '{at}/active';;\n*disable*) rm -f '{at}/active';;\nesac\n"
        );
        fs::write(bin.join("systemctl"), script).unwrap();
        fs::set_permissions(bin.join("systemctl"), Permissions::from_mode(0o700)).unwrap();
        Installing { device, dir }
    }

    fn run(&self, args: &[&str]) -> Output {
        let path = format!(
            "{}:{}",
            self.dir.join("bin").display(),
            std::env::var("PATH").unwrap()
        );
        let config = self.dir.join("config");
        let env = [
            ("PATH", &*path),
            ("XDG_CONFIG_HOME", config.to_str().unwrap()),
        ];
        run_in(&self.device.home, args, b"", &env)
    }

    fn json(&self, args: &[&str]) -> Value {
        let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
        let output = self.run(&args);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {stderr}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn fails(&self, args: &[&str]) -> (i32, Value) {
        let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
        let output = self.run(&args);
        let error: Value = serde_json::from_slice(&output.stderr).unwrap();
        (output.status.code().unwrap(), error["error"].clone())
    }

    /// The commands that changed something since the last time.
    fn calls(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.dir.join("calls")).unwrap_or_default();
        let _ = fs::remove_file(self.dir.join("calls")); // none were made
        let asks = |call: &&str| call.contains("is-active") || call.contains("is-system-running");
        let told = calls.lines().filter(|call| !asks(call)).map(|call| {
            let words = call.split(' ').filter(|word| !word.ends_with(".service"));
            words.collect::<Vec<_>>().join(" ")
        });
        told.collect()
    }
}

/// Goal: a service is shown, confirmed, written and started once; what somebody changed in its file is
/// kept unless they give it up; it can be removed without a trace.
#[cfg(target_os = "linux")]
#[test]
fn a_service_is_installed_once_and_removed_without_a_trace() {
    let it = Installing::new("running");
    assert_eq!(
        it.fails(&["daemon", "install", "--yes"]).0,
        3,
        "nobody is here yet"
    );
    it.device
        .ok(&["up", "--name", "Ada", "--detach", "--offline"]);
    let (exit, error) = it.fails(&["daemon", "install"]);
    assert_eq!((exit, &error["code"]), (2, &"confirmation-required".into()));
    let shown = it.json(&["daemon", "install", "--dry-run"]);
    let file = PathBuf::from(text(&shown["file"]));
    let home = format!("--home \"{}\" daemon run\n", it.device.home.display());
    assert!(text(&shown["text"]).contains(&home), "{shown}");
    assert!(!file.exists() && it.calls().is_empty(), "only looked");
    assert_eq!(it.device.json(&["daemon", "status"])["running"], true);

    let installed = it.json(&["daemon", "install", "--yes"]);
    assert_eq!(
        (&installed["changed"], &installed["to_run"]),
        (&true.into(), &Value::Array(vec![]))
    );
    assert_eq!(it.calls(), ["--user daemon-reload", "--user enable --now"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), text(&shown["text"]));
    let status = it.device.json(&["daemon", "status"]);
    assert_eq!(
        status["running"], false,
        "the one outside of the service gave way"
    );

    assert_eq!(it.json(&["daemon", "install", "--yes"])["changed"], false);
    assert_eq!(it.calls(), ["--user daemon-reload", "--user enable --now"]);
    assert_eq!(
        it.json(&["daemon", "install", "--yes", "--no-sandbox"])["changed"],
        true
    );
    assert_eq!(
        it.calls(),
        [
            "--user daemon-reload",
            "--user enable --now",
            "--user restart"
        ]
    );

    let mine = fs::read_to_string(&file)
        .unwrap()
        .replace("WatchdogSec=120", "WatchdogSec=600");
    fs::write(&file, &mine).unwrap();
    for refused in [
        &["daemon", "install", "--yes"][..],
        &["daemon", "uninstall", "--yes"],
    ] {
        let (exit, error) = it.fails(refused);
        assert_eq!(
            (exit, &error["code"]),
            (7, &"conflict".into()),
            "{refused:?}"
        );
        assert!(text(&error["hint"]).contains("--force"), "{error}");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), mine);
    it.json(&["daemon", "install", "--yes", "--force"]);
    assert_ne!(fs::read_to_string(&file).unwrap(), mine);
    it.calls();

    assert_eq!(
        it.json(&["daemon", "uninstall", "--dry-run"])["changed"],
        true
    );
    assert!(file.exists());
    it.json(&["daemon", "uninstall", "--yes"]);
    assert!(!file.exists());
    assert_eq!(it.calls(), ["--user disable --now", "--user daemon-reload"]);
    assert_eq!(it.json(&["daemon", "uninstall", "--yes"])["changed"], false);
}

/// Goal: where no service manager answers, the file is written and the commands are told; a home under a
/// passphrase is not installed without a source for it.
#[cfg(target_os = "linux")]
#[test]
fn without_a_manager_or_a_passphrase_it_says_what_to_do() {
    let it = Installing::new("offline");
    let secret = private_file(it.dir.join("my pass"), "correct horse battery");
    it.device
        .ok(&["init", "--name", "Ada", "--passphrase-file", &secret]);
    let (exit, error) = it.fails(&["daemon", "install", "--yes"]);
    assert_eq!((exit, &error["code"]), (9, &"locked".into()));
    assert!(
        text(&error["hint"]).contains("--passphrase-file"),
        "{error}"
    );
    fs::set_permissions(&secret, Permissions::from_mode(0o644)).unwrap();
    let readable = ["daemon", "install", "--yes", "--passphrase-file", &secret];
    assert_eq!(it.fails(&readable).0, 2, "a file that others can read");
    fs::set_permissions(&secret, Permissions::from_mode(0o600)).unwrap();

    let installed = it.json(&readable);
    assert_eq!(
        (&installed["manager_answers"], &installed["running"]),
        (&false.into(), &false.into())
    );
    let service = text(&installed["service"]);
    assert_eq!(
        installed["to_run"],
        serde_json::json!([
            "systemctl --user daemon-reload",
            format!("systemctl --user enable --now {service}")
        ])
    );
    let unit = fs::read_to_string(text(&installed["file"])).unwrap();
    assert!(
        unit.contains(&format!("--passphrase-file \"{secret}\"\n")),
        "{unit}"
    );
    assert!(it.calls().is_empty(), "nobody to tell");
}

/// Goal: systemd hears that the daemon is ready, alive, locked and stopping; a daemon that a command
/// starts says nothing to the supervisor of that command.
#[test]
fn a_supervisor_hears_how_the_daemon_does() {
    let device = Device::empty();
    device.ok(&["init", "--name", "Ada"]);
    let path = device.home.with_extension("notify");
    let listener = UnixDatagram::bind(&path).unwrap();
    listener
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let heard = |listener: &UnixDatagram| {
        let mut datagram = [0; 256];
        let length = listener.recv(&mut datagram).expect("it says something");
        String::from_utf8_lossy(&datagram[..length]).into_owned()
    };
    let until = |wanted: &str| {
        for _ in 0..1000 {
            if heard(&listener) == wanted {
                return;
            }
        }
        panic!("never heard {wanted}");
    };
    let mut daemon = Command::new(env!("CARGO_BIN_EXE_kitbag"))
        .arg("--home")
        .arg(&device.home)
        .args(["daemon", "run", "--offline"])
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "200000")
        .env_remove("DBUS_SESSION_BUS_ADDRESS")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until("READY=1\nSTATUS=serving");
    until("WATCHDOG=1");
    until("WATCHDOG=1");
    device.ok(&["lock"]);
    until("STATUS=locked");
    device.ok(&["unlock"]);
    until("STATUS=serving");
    let ended = Command::new("kill").arg(daemon.id().to_string()).status();
    assert!(ended.unwrap().success());
    until("STOPPING=1\nSTATUS=stopping");
    assert!(daemon.wait().unwrap().success());

    listener.set_nonblocking(true).unwrap();
    while listener.recv(&mut [0; 256]).is_ok() {}
    let env = [("NOTIFY_SOCKET", path.to_str().unwrap())];
    assert!(
        run_in(&device.home, &["status"], b"", &env)
            .status
            .success()
    );
    assert_eq!(device.json(&["daemon", "status"])["running"], true);
    assert!(
        listener.recv(&mut [0; 256]).is_err(),
        "it is not theirs to hear"
    );
}
