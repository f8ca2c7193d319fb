//! Agents and sessions from outside: real daemons, real terminals, real processes.

use crate::support::{Device, run_in, text};
use crate::terminal::{PIN, Terminal};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;

fn denials(device: &Device, of: &[&str]) -> String {
    let args = [
        &["audit", "log"],
        of,
        &["--kind", "denial", "--limit", "500"],
    ]
    .concat();
    device.json(&args)["rows"].to_string()
}

/// The document that a command printed among its talk.
fn document_in(shown: &str) -> Value {
    let (from, to) = (shown.find('{').unwrap(), shown.rfind('}').unwrap());
    serde_json::from_str(&shown[from..=to]).unwrap_or_else(|_| panic!("no document: {shown}"))
}

/// A pack with a note at each of three sensitivities: its id, and theirs.
fn with_notes(device: &Device) -> (String, String, String) {
    let pack = device.create_pack("Acme");
    let open = device.add(&pack, "Renewal", "in May, they say");
    let args = [
        "add",
        &pack,
        "--source",
        "test",
        "--title",
        "Merger plan",
        "--sensitivity",
        "confidential",
    ];
    let added = device.json_with(&args, b"the real price of the merger");
    (pack, open, text(&added["note"]["id"]))
}

/// Goal: with an agent on the device, each guarded command is denied where nobody unlocked, with one code
/// and a way out, and the audit has it; after `unlock` it works in that terminal, and still in no other.
#[test]
fn every_guarded_command_needs_the_terminal_that_was_unlocked() {
    let device = Device::up("Ada");
    let (pack, open, secret) = with_notes(&device);
    let mut own = Terminal::of(&device);
    let mut other = Terminal::of(&device);
    own.ok(&["share", &pack, "--dry-run"], &[]);
    let told = own.first_agent("claude@laptop", &pack);
    assert!(told.contains("What it reads goes to Anthropic."), "{told}");
    assert!(told.contains("kitbag-agent-"), "{told}");
    assert!(told.contains("Acme (1 note)"), "{told}");
    own.ok(&["lock", "--session"], &[]);

    let receipt = device.home.with_file_name("receipt").display().to_string();
    let guarded: &[(&str, &[&str])] = &[
        ("share", &["share", &pack, "--yes"]),
        ("share", &["share", &pack, "--dry-run"]),
        ("turn away", &["share", "cancel", &pack, "a", "--yes"]),
        ("admit", &["share", "approve", "a", "--yes"]),
        ("turn away", &["share", "refuse", "a"]),
        ("members", &["unshare", &pack, "Ben", "--yes"]),
        ("members", &["role", &pack, "Ben", "reader", "--yes"]),
        (
            "rules",
            &["policy", "set", &pack, "--client", "Acme", "--yes"],
        ),
        (
            "agents",
            &["agent", "add", "two", "--packs", &pack, "--yes"],
        ),
        ("agents", &["agent", "pause", "claude@laptop"]),
        ("agents", &["agent", "pause", "claude@laptop", "--resume"]),
        ("agents", &["agent", "revoke", "claude@laptop", "--yes"]),
        (
            "export",
            &["export", &pack, "--max-sensitivity", "confidential"],
        ),
        (
            "export",
            &[
                "export",
                &pack,
                "--max-sensitivity",
                "restricted",
                "--receipt",
                &receipt,
            ],
        ),
        ("audit export", &["audit", "export", &pack]),
        ("audit keep", &["audit", "keep", "1", "--yes"]),
        ("hygiene report", &["hygiene", "report", &pack]),
        (
            "key",
            &["key", "protect", "--key-file", "other.key", "--yes"],
        ),
        ("read", &["show", &secret]),
        ("history", &["history", &secret]),
        ("edit", &["edit", &secret, "--title", "x"]),
        (
            "relabel",
            &["edit", &secret, "--sensitivity", "internal", "--yes"],
        ),
        (
            "relabel",
            &["edit", &open, "--sensitivity", "public", "--yes"],
        ),
        ("delete", &["delete", &secret]),
        ("redact", &["redact", &secret, "--reason", "x", "--yes"]),
        ("carry", &["copy", &secret, "--to", &pack, "--yes"]),
        ("supersede", &["supersede", &secret, "--by", &open, "--yes"]),
        ("look", &["who", &secret]),
        ("audit", &["audit", "who-read", &secret]),
    ];
    for (_, args) in guarded {
        for terminal in [&mut own, &mut other] {
            let ran = terminal.run(args, &[]);
            assert_eq!(ran.code, 4, "{args:?}: {}", ran.shown);
            assert!(
                ran.shown.contains("kitbag unlock"),
                "{args:?}: {}",
                ran.shown
            );
            assert!(
                !ran.shown.contains("Merger plan"),
                "{args:?}: {}",
                ran.shown
            );
        }
        // Without any terminal, as from a tool of an agent.
        let (code, error) = device.fails(args, b"");
        assert_eq!(
            (code, text(&error["code"]).as_str()),
            (4, "session/needed"),
            "{args:?}"
        );
    }
    assert_eq!(
        device.json(&["audit", "keep"])["days"],
        365,
        "asking is free"
    );
    let told = denials(&device, &["--device"]) + &denials(&device, &[&pack]);
    for (asked, args) in guarded {
        let row = format!("\"asked\":\"{asked}\"");
        assert!(told.contains(&row), "{args:?}: no {row} in {told}");
    }
    assert!(told.contains("\"rule\":\"session\""), "{told}");
    assert!(
        device.json(&["share", "list", &pack])["invites"]
            .as_array()
            .unwrap()
            .is_empty()
    );

    // What is internal is at hand all the time; the rest is left out, and that is said.
    let listed = device.json(&["list", &pack]);
    assert_eq!(
        (listed["notes"].as_array().unwrap().len(), &listed["up_to"]),
        (1, &"internal".into())
    );
    let found = device.json(&["search", "merger"]);
    assert_eq!(
        (&found["total"], &found["up_to"]),
        (&0.into(), &"internal".into())
    );
    device.json(&["show", &open]);
    assert!(other.ok(&["list", &pack], &[]).contains("kitbag unlock"));
    assert!(
        own.ok(&[], &[])
            .contains("need kitbag unlock in this terminal")
    );

    own.unlock();
    assert!(
        own.ok(&["status"], &[])
            .contains("Unlocked in this terminal until")
    );
    assert!(own.ok(&["show", &secret], &[]).contains("the real price"));
    assert!(own.ok(&["list", &pack], &[]).contains("Merger plan"));
    assert!(own.ok(&["search", "merger"], &[]).contains("Merger plan"));
    own.ok(&["share", &pack, "--yes"], &[]);
    own.ok(&["export", &pack, "--max-sensitivity", "restricted"], &[]);
    own.ok(&["audit", "export", &pack], &[]);
    own.ok(&["hygiene", "report", &pack], &[]);
    own.ok(&["edit", &open, "--sensitivity", "public", "--yes"], &[]);
    own.ok(&["policy", "set", &pack, "--client", "Acme", "--yes"], &[]);
    own.ok(&["agent", "pause", "claude@laptop"], &[]);
    // A child of the terminal has it, one that left it has not, and no other terminal.
    assert_eq!(own.line("true", &[]).code, 0);
    for args in [&["share", &pack, "--yes"][..], &["show", &secret]] {
        assert_eq!(other.run(args, &[]).code, 4, "{args:?}");
        assert_eq!(device.fails(args, b"").0, 4, "{args:?}");
        let mut line = format!(
            "setsid -w {} --home {}",
            env!("CARGO_BIN_EXE_kitbag"),
            device.home.display()
        );
        for arg in args {
            line.push_str(&format!(" {arg}"));
        }
        assert_eq!(
            own.line(&line, &[]).code,
            4,
            "in a session of its own: {line}"
        );
    }

    // It ends by hand, with a lock, and with the daemon.
    own.ok(&["lock", "--session"], &[]);
    assert_eq!(own.run(&["show", &secret], &[]).code, 4);
    own.unlock();
    own.ok(&["lock"], &[]);
    own.ok(&["unlock"], &[("PIN: ", PIN)]);
    own.ok(&["show", &secret], &[]);
    own.ok(&["down"], &[]);
    assert_eq!(
        own.run(&["show", &secret], &[]).code,
        4,
        "another daemon begins without"
    );
}

/// Goal: what an agent asks for through its own door is in the audit by its name, and a session of its
/// person is none of its own.
#[test]
fn an_agent_is_known_by_its_secret_and_stands_in_the_audit_by_its_name() {
    let device = Device::up("Ada");
    let (pack, ..) = with_notes(&device);
    let mut own = Terminal::of(&device);
    let shown = own.first_agent("claude@laptop", &pack);
    let at = shown.find("kitbag-agent-").unwrap();
    let secret = &shown[at..at + 65];
    let asks = |path: &str, secret: &str| {
        crate::keeping::request(
            &device.home,
            &format!(
                "GET {path} HTTP/1.1\r\nkitbag-caller: agent/claude@laptop\r\nkitbag-agent-secret: {secret}\r\n"
            ),
        )
    };
    let me = asks("/v1/agent/me", secret);
    assert!(me.starts_with("HTTP/1.1 200"), "{me}");
    assert!(
        me.contains("\"clearance\":\"internal\"") && me.contains("\"tokens_left\":200000"),
        "{me}"
    );
    for path in [
        "/v1/pack/list",
        "/v1/status",
        "/v1/agent/list",
        "/v1/session",
    ] {
        let answer = asks(path, secret);
        assert!(
            answer.starts_with("HTTP/1.1 403") && answer.contains("agent/denied"),
            "{path}: {answer}"
        );
    }
    let wrong = format!("{}a", &secret[..64]);
    let answer = asks("/v1/agent/me", if wrong == secret { "x" } else { &wrong });
    assert!(
        answer.starts_with("HTTP/1.1 401") && answer.contains("agent/secret"),
        "{answer}"
    );
    let twice = crate::keeping::request(
        &device.home,
        &format!(
            "GET /v1/agent/me HTTP/1.1\r\nkitbag-caller: cli\r\nkitbag-agent-secret: {secret}\r\n"
        ),
    );
    assert!(twice.contains("request/caller"), "{twice}");
    let told = denials(&device, &["--device"]);
    for rule in ["not for agents", "agent secret"] {
        assert!(told.contains(rule), "{rule}: {told}");
    }
    let words = device.ok(&["audit", "log", "--device", "--who", "claude@laptop"]);
    assert!(
        words.contains("claude@laptop") && words.contains("not for agents"),
        "{words}"
    );
    assert!(!told.contains(secret));
}

/// Goal: no file, pipe or environment opens a session, and wrong tries wait, also through restarts.
#[test]
fn a_session_takes_the_pin_at_a_terminal_and_guesses_wait() {
    let device = Device::up("Ada");
    let (pack, ..) = with_notes(&device);
    // Without a terminal there is no PIN, and so no first agent.
    let add = ["agent", "add", "claude", "--packs", &pack, "--yes"];
    let (code, error) = device.fails(&add, format!("{PIN}\n{PIN}\n").as_bytes());
    assert_eq!((code, text(&error["code"]).as_str()), (2, "usage"));
    assert!(
        device.json(&["agent", "list"])["agents"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    let mut own = Terminal::of(&device);
    for bad in ["123456", "11111", "777777"] {
        let ran = own.run(&add, &[("New PIN", bad), ("The same again", bad)]);
        assert_eq!(ran.code, 2, "{bad}: {}", ran.shown);
    }
    let ran = own.run(&add, &[("New PIN", PIN), ("The same again", "493028")]);
    assert_eq!(ran.code, 2, "{}", ran.shown);
    let shown = own.first_agent("claude", &pack);
    assert!(!shown.contains(PIN), "{shown}");
    own.ok(&["share", &pack, "--dry-run"], &[]); // who set the PIN has a session

    let (code, error) = device.fails(&["unlock"], format!("{PIN}\n").as_bytes());
    assert_eq!(
        (code, text(&error["code"]).as_str()),
        (4, "session/terminal")
    );
    let file = crate::keeping::private_file(device.home.with_file_name("pin"), PIN);
    device.ok(&["unlock", "--passphrase-file", &file]);
    let with_env = [
        ("KITBAG_PASSPHRASE_FILE", file.as_str()),
        ("KITBAG_PIN", PIN),
    ];
    let output = run_in(&device.home, &["share", &pack, "--dry-run"], b"", &with_env);
    assert_eq!(output.status.code(), Some(4));

    own.ok(&["lock", "--session"], &[]);
    for _ in 0..3 {
        let ran = own.run(&["unlock"], &[("PIN: ", "000111")]);
        assert_eq!(ran.code, 4, "{}", ran.shown);
    }
    for again in [false, true] {
        let ran = own.run(&["unlock", "--json"], &[]);
        assert!(
            ran.code == 4 && ran.shown.contains("session/wait"),
            "{}",
            ran.shown
        );
        if !again {
            own.ok(&["down"], &[]);
            own.ok(&["up", "--detach"], &[]);
        }
    }
    assert!(denials(&device, &["--device"]).contains("\"rule\":\"session proof\""));
    assert!(text(&device.json(&["status"])["session"]["waits_until"]).len() > 10);
}

/// Goal: under a passphrase there is no PIN: the passphrase, typed at a terminal, opens packs and session.
#[test]
fn a_passphrase_opens_the_session_where_it_is_typed() {
    const PASSPHRASE: &str = "correct horse battery";
    let device = Device::empty();
    let dir = device.home.parent().unwrap();
    let file = crate::keeping::private_file(dir.join("p"), PASSPHRASE);
    device.ok(&[
        "up",
        "--name",
        "Ada",
        "--detach",
        "--offline",
        "--passphrase-file",
        &file,
    ]);
    let (pack, _, secret) = with_notes(&device);
    let mut own = Terminal::of(&device);
    own.ok(&["agent", "add", "claude", "--packs", &pack, "--yes"], &[]);
    assert_eq!(own.run(&["show", &secret], &[]).code, 4);
    own.ok(&["unlock", "--passphrase-file", &file], &[]);
    assert_eq!(
        own.run(&["show", &secret], &[]).code,
        4,
        "a file opens no session"
    );
    own.ok(&["unlock"], &[("Passphrase: ", PASSPHRASE)]);
    own.ok(&["show", &secret], &[]);
    own.ok(&["lock"], &[]);
    own.ok(&["unlock"], &[("Passphrase: ", PASSPHRASE)]);
    own.ok(&["show", &secret], &[]);

    // The key leaves the passphrase: then there is a PIN first.
    let protect = ["key", "protect", "--key-file", "key", "--yes"];
    let typed = [
        ("Passphrase: ", PASSPHRASE),
        ("New PIN", PIN),
        ("The same again", PIN),
    ];
    own.ok(&protect, &typed);
    own.ok(&["lock", "--session"], &[]);
    own.unlock();
    own.ok(&["down"], &[]);
    let shown = own.run(&["key", "protect", "--passphrase-file", &file], &[]);
    assert_eq!(
        shown.code, 4,
        "nor while the daemon is down: {}",
        shown.shown
    );
}

/// Goal: `--here` starts the agent in a project without a secret in any file of it.
#[test]
fn the_configuration_of_a_project_holds_no_secret_and_keeps_what_was_there() {
    let device = Device::up("Ada");
    let (pack, ..) = with_notes(&device);
    let project = device.home.with_file_name("project");
    std::fs::create_dir(&project).unwrap();
    let file = project.join(".mcp.json");
    std::fs::write(
        &file,
        "{\"mcpServers\": {\"other\": {\"command\": \"x\"}}, \"mine\": 1}",
    )
    .unwrap();
    let mut own = Terminal::at(&device.home, &project);
    let add = [
        "agent", "add", "claude", "--packs", &pack, "--here", "--yes", "--json",
    ];
    let dry = [&add[..], &["--dry-run"]].concat();
    assert_eq!(document_in(&own.ok(&dry, &[]))["dry_run"], true);
    assert!(!std::fs::read_to_string(&file).unwrap().contains("kitbag"));
    let shown = own.ok(&add, &[("New PIN", PIN), ("The same again", PIN)]);
    let added = document_in(&shown);
    assert!(added["secret"].is_null(), "{added}");
    let kept = text(&added["secret_file"]);
    let secret = std::fs::read_to_string(&kept).unwrap();
    assert!(secret.starts_with("kitbag-agent-") && secret.trim().len() == 65);
    let mode = std::fs::metadata(&kept).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let written = std::fs::read_to_string(&file).unwrap();
    let config: Value = serde_json::from_str(&written).unwrap();
    assert_eq!(
        (&config["mine"], &config["mcpServers"]["other"]["command"]),
        (&1.into(), &"x".into())
    );
    let server = &config["mcpServers"]["kitbag"];
    assert_eq!(server["command"], "kitbag");
    let args = server["args"].to_string();
    assert!(
        args.contains("[\"--home\",") && args.ends_with("\"mcp\",\"--agent\",\"claude\"]"),
        "{args}"
    );
    for file in crate::support::files_below(&project) {
        let text = std::fs::read_to_string(file).unwrap();
        assert!(!text.contains("kitbag-agent-"), "{text}");
    }
    let second = own.run(
        &["agent", "add", "two", "--packs", &pack, "--here", "--yes"],
        &[],
    );
    assert_eq!(second.code, 7, "{}", second.shown);
    assert_eq!(
        device.json(&["agent", "list"])["agents"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    own.ok(&["agent", "revoke", "claude", "--yes"], &[]);
    assert!(!std::path::Path::new(&kept).exists());
}
