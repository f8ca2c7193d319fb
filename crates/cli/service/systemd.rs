//! The text of the systemd user unit.
//!
//! Escaping: the command line and the paths are quoted, with `\` before `\` and `"`, and `%` doubled,
//! since systemd expands specifiers in both. The `:` in front of the program switches the expansion of
//! `$` off. The program's own path may hold no quote or backslash at all: systemd refuses it.
//!
//! What mounts or maps (`ProtectSystem`, `PrivateTmp`, ...) needs user namespaces for an unprivileged
//! manager; without `sandbox` only what every kernel gives is kept.

use super::{Wanted, line_text, socket_is_elsewhere, with_fingerprint};
use kitbag_rpc::{Code, Exit, Failure};
use std::path::Path;

/// The unit that runs this.
///
/// # Errors
/// [`Code::BadInput`] for a path that a unit cannot name.
pub(super) fn unit(wanted: &Wanted) -> Result<String, Failure> {
    let program = line_text(&wanted.program, "this program")?;
    if program.contains(['"', '\'', '\\']) {
        let message = "this program: systemd takes no quote or backslash in the path of a program";
        return Err(Failure::new(Code::BadInput, message));
    }
    let home = quoted(line_text(&wanted.home, "the home")?);
    let program = quoted(&format!(":{program}"));
    let mut command = format!("{program} --home {home} daemon run");
    if let Some(file) = &wanted.passphrase_file {
        let file = quoted(line_text(file, "the passphrase file")?);
        command.push_str(&format!(" --passphrase-file {file}"));
    }
    // What another start would not mend: asked wrongly, not set up, served already, locked, damaged.
    let hopeless = [
        Exit::Usage,
        Exit::NotFound,
        Exit::Conflict,
        Exit::Locked,
        Exit::Integrity,
    ];
    let hopeless = hopeless.map(|exit| exit.as_u8().to_string()).join(" ");
    let text = format!(
        "\
# Written by `kitbag daemon install`, which replaces it as long as nobody has changed it.
[Unit]
Description=Kitbag: context packs of this user
StartLimitIntervalSec=300
StartLimitBurst=5

[Service]
Type=notify
NotifyAccess=main
ExecStart={command}
Restart=on-failure
RestartSec=5
RestartPreventExitStatus={hopeless}
TimeoutStartSec=300
TimeoutStopSec=30
WatchdogSec=120
UMask=0077
LimitCORE=0
NoNewPrivileges=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
{}
[Install]
WantedBy=default.target
",
        sandbox(wanted, &home)
    );
    Ok(with_fingerprint(&text, "# ", ""))
}

/// The part that needs user namespaces.
fn sandbox(wanted: &Wanted, home: &str) -> String {
    if !wanted.sandbox {
        return String::new();
    }
    let mut text = format!(
        "\
PrivateUsers=yes
ProtectSystem=strict
ReadWritePaths={home}
"
    );
    if socket_is_elsewhere(&wanted.home) {
        text.push_str("ReadWritePaths=%t\n"); // the socket lies there
    }
    let needed = [
        Some(&wanted.home),
        Some(&wanted.program),
        wanted.passphrase_file.as_ref(),
    ];
    // A private directory for temporary files would hide what lies in the shared one.
    if !needed.into_iter().flatten().any(|path| is_temporary(path)) {
        text.push_str("PrivateTmp=yes\n");
    }
    text.push_str(
        "\
ProtectControlGroups=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
",
    );
    text
}

fn is_temporary(path: &Path) -> bool {
    path.starts_with("/tmp") || path.starts_with("/var/tmp")
}

/// One word of a command line or of a list of paths.
fn quoted(text: &str) -> String {
    let mut word = String::from("\"");
    for c in text.chars() {
        match c {
            '\\' | '"' => word.extend(['\\', c]),
            '%' => word.push_str("%%"),
            c => word.push(c),
        }
    }
    word.push('"');
    word
}

#[cfg(test)]
mod tests {
    use super::super::tests::wanted;
    use super::*;
    use std::process::Command;

    const GOLDEN: &str = r#"# Written by `kitbag daemon install`, which replaces it as long as nobody has changed it.
[Unit]
Description=Kitbag: context packs of this user
StartLimitIntervalSec=300
StartLimitBurst=5

[Service]
Type=notify
NotifyAccess=main
ExecStart=":/usr/local/bin/kitbag" --home "/srv/ada/kitbag" daemon run
Restart=on-failure
RestartSec=5
RestartPreventExitStatus=2 3 7 9 10
TimeoutStartSec=300
TimeoutStopSec=30
WatchdogSec=120
UMask=0077
LimitCORE=0
NoNewPrivileges=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
PrivateUsers=yes
ProtectSystem=strict
ReadWritePaths="/srv/ada/kitbag"
PrivateTmp=yes
ProtectControlGroups=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes

[Install]
WantedBy=default.target
"#;

    /// The strangest home that a unit can name.
    const STRANGE: &str = "/srv/a b/%h $HOME ${x} \"q\" 'p' back\\slash ; # – 東京\\";

    fn body(unit: &str) -> &str {
        let end = unit.trim_end().rfind('\n').unwrap() + 1;
        &unit[..end]
    }

    #[test]
    fn the_unit_is_this_text() {
        let unit = unit(&wanted("/srv/ada/kitbag")).unwrap();
        assert_eq!(body(&unit), GOLDEN);
        assert!(super::super::is_unchanged(&unit));
    }

    #[test]
    fn strange_paths_stay_one_word_each() {
        let unit = unit(&Wanted {
            passphrase_file: Some("/srv/my pass".into()),
            ..wanted(STRANGE)
        })
        .unwrap();
        let home = r#""/srv/a b/%%h $HOME ${x} \"q\" 'p' back\\slash ; # – 東京\\""#;
        let start = format!(
            "\nExecStart=\":/usr/local/bin/kitbag\" --home {home} daemon run --passphrase-file \"/srv/my pass\"\n"
        );
        assert!(unit.contains(&start), "{unit}");
        assert!(
            unit.contains(&format!("\nReadWritePaths={home}\n")),
            "{unit}"
        );
    }

    #[test]
    fn what_a_unit_cannot_name_is_refused_and_what_it_would_hide_is_not_hidden() {
        use std::os::unix::ffi::OsStringExt;
        let bytes = std::ffi::OsString::from_vec(b"/srv/\xff".to_vec());
        let not_text = Wanted {
            home: bytes.into(),
            ..wanted("/")
        };
        let quote = Wanted {
            program: "/srv/a\"b/kitbag".into(),
            ..wanted("/srv/ada")
        };
        for refused in [
            wanted("/srv/new\nline"),
            wanted("/srv/\u{1b}[31m"),
            not_text,
            quote,
        ] {
            assert_eq!(unit(&refused).unwrap_err().code, Code::BadInput);
        }
        assert!(!unit(&wanted("/tmp/home")).unwrap().contains("PrivateTmp"));
        let deep = unit(&wanted(&format!("/srv/{}", "deep/".repeat(30)))).unwrap();
        assert!(deep.contains("\nReadWritePaths=%t\n"), "{deep}");
        let plain = Wanted {
            sandbox: false,
            ..wanted("/srv/ada")
        };
        let plain = unit(&plain).unwrap();
        for needs_namespaces in ["Private", "Protect", "ReadWritePaths"] {
            assert!(!plain.contains(needs_namespaces), "{plain}");
        }
        assert!(plain.contains("NoNewPrivileges=yes") && plain.contains("SystemCallFilter"));
    }

    /// Goal: systemd itself reads the units without a complaint, and takes the words apart as meant.
    /// Skipped, and said so, where there is no `systemd-analyze`.
    #[test]
    fn systemd_takes_the_unit_without_a_complaint() {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("kit bag%");
        std::fs::copy("/bin/true", &program).unwrap();
        for (n, home) in ["/srv/ada", STRANGE, "/tmp/x"].into_iter().enumerate() {
            for sandbox in [true, false] {
                let file = dir.path().join(format!("kitbag-{n}-{sandbox}.service"));
                let wanted = Wanted {
                    program: program.clone(),
                    sandbox,
                    ..wanted(home)
                };
                std::fs::write(&file, unit(&wanted).unwrap()).unwrap();
                let verify = Command::new("systemd-analyze")
                    .args(["verify", "--user", "--man=no"])
                    .arg(&file)
                    .env("XDG_RUNTIME_DIR", dir.path())
                    .env_remove("DBUS_SESSION_BUS_ADDRESS")
                    .output();
                let Ok(verify) = verify else {
                    return println!("there is no systemd-analyze here: not tested");
                };
                let said = String::from_utf8_lossy(&verify.stderr);
                let own: Vec<&str> = said
                    .lines()
                    .filter(|line| line.contains("kitbag-"))
                    .collect();
                assert!(own.is_empty(), "{home}: {said}");
                // Where it cannot work at all, it says something else and fails.
                if !verify.status.success() {
                    return println!("systemd-analyze does not work here: {said}");
                }
            }
        }
    }
}
