//! What nobody should type, paste or send: a clear error, nothing changed, and the next request works.

use crate::support::{Device, run_in, text};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

/// Goal: each way in which a ticket goes wrong is called by its name, with its exit code and a hint,
/// and never shows the secret.
#[test]
fn every_broken_ticket_is_called_by_its_name() {
    let (ada, ben) = (Device::up("Ada"), Device::up("Ben"));
    let pack = ada.create_pack("Acme");
    let ticket = ada.share(&pack);
    let (start, end) = ticket.split_at(100);
    let changed = format!("{start}{}", end.replacen('a', "b", 3));
    let cases: Vec<(&str, String, &str, i32)> = vec![
        ("empty", String::new(), "ticket/empty", 2),
        ("white space", " \n\t".into(), "ticket/empty", 2),
        ("other text", "hello there".into(), "ticket/not-a-ticket", 2),
        (
            "truncated",
            ticket[..ticket.len() - 9].into(),
            "ticket/truncated",
            2,
        ),
        ("changed", changed, "ticket/checksum", 2),
        (
            "newer",
            ticket.replacen("kitbag1", "kitbag9", 1),
            "ticket/newer-version",
            2,
        ),
        (
            "foreign",
            ticket.replacen("kitbag1", "blob", 1),
            "ticket/foreign",
            2,
        ),
    ];
    for (what, given, code, exit) in cases {
        let (status, error) = ben.fails(&["join", "-"], given.as_bytes());
        assert_eq!(
            (error["code"].as_str(), status),
            (Some(code), exit),
            "{what}: {error}"
        );
        assert!(error["hint"].is_string(), "{what} has no hint: {error}");
        assert!(
            given.len() < 60 || !error.to_string().contains(&given[30..50]),
            "{what}: the ticket is echoed"
        );
    }
    let (status, error) = ben.fails(&["join", "-"], b"\xff\xfe not text");
    assert_eq!(status, 2, "{error}");
    let mut broken = String::new();
    for (at, c) in ticket.to_uppercase().chars().enumerate() {
        broken.push(c);
        if at % 33 == 32 {
            broken.push_str("\r\n   ");
        }
    }
    let broken = format!("Hello Ben, here it is:\n\n{broken}\n\nBye, Ada");
    let joined = ben.json_with(&["join", "-"], broken.as_bytes());
    assert_eq!(
        joined["pack"]["id"].as_str(),
        Some(pack.as_str()),
        "line breaks and capitals do no harm"
    );
}

/// Goal: a ticket in a wrong place, or in pieces, is not repeated by the error.
#[test]
fn no_error_repeats_a_ticket() {
    let ada = Device::up("Ada");
    let pack = ada.create_pack("Acme");
    let ticket = ada.share(&pack);
    let (start, rest) = ticket.split_at(90);
    let cases: [&[&str]; 4] = [
        &["list", &ticket],
        &["join", start, rest],
        &[&ticket],
        &["ticket", &ticket],
    ];
    for args in cases {
        for json in [&[][..], &["--json"][..]] {
            let args: Vec<&str> = args.iter().chain(json).copied().collect();
            let output = ada.run(&args, b"");
            let said = [output.stdout, output.stderr].concat();
            assert!(!output.status.success());
            for piece in [&ticket[20..50], &rest[..30]] {
                assert_eq!(
                    crate::support::find(&said, piece.as_bytes()),
                    None,
                    "{}",
                    String::from_utf8_lossy(&said)
                );
            }
        }
    }
}

/// Goal: an expired ticket says so, and since when.
#[test]
fn an_expired_ticket_says_so() {
    let (ada, ben) = (Device::up("Ada"), Device::up("Ben"));
    let pack = ada.create_pack("Acme");
    let shared = ada.json(&["share", &pack, "--yes", "--expires", "1s"]);
    std::thread::sleep(std::time::Duration::from_millis(1500));
    let (_, error) = ben.fails(&["join", "-"], text(&shared["ticket"]).as_bytes());
    assert_eq!(error["code"], "ticket/expired", "{error}");
    assert_eq!(
        ada.json(&["members", &pack])["members"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

/// Goal: commands with bad arguments fail with the code of their kind and change nothing.
#[test]
fn bad_commands_fail_by_kind_and_change_nothing() {
    let ada = Device::up("Ada");
    let pack = ada.create_pack("Acme");
    let note = ada.add(&pack, "one", "body");
    let long = "x".repeat(70_000);
    let too_long = "x".repeat(4_000_001);
    let before = ada.json(&["list", &pack]);
    let cases: Vec<(Vec<&str>, &[u8], i32)> = vec![
        (vec!["list", "nosuchpack"], b"", 3),
        (vec!["show", "zzzzzz"], b"", 3),
        (vec!["show", ""], b"", 3),
        (vec!["add", &pack, "--source", ""], b"body", 2),
        (vec!["add", &pack, "--source", "s", "--title", ""], b"", 2),
        (vec!["add", &pack, "--source", "s"], b"\xff\xfe", 2),
        (vec!["add", &pack, "--source", "s"], too_long.as_bytes(), 2),
        (vec!["edit", &note, "--file", "-"], long.as_bytes(), 2),
        (vec!["add", &pack, "--source", "two\nlines"], b"body", 2),
        (
            vec!["add", &pack, "--source", "s", "--sensitivity", "secret"],
            b"body",
            2,
        ),
        (vec!["pack", "create", ""], b"", 2),
        (vec!["pack", "create", &long[..200]], b"", 2),
        (vec!["share", &pack], b"", 2),
        (vec!["share", "approve", "nobody", "--yes"], b"", 3),
        (vec!["share", "refuse", ""], b"", 3),
        (vec!["share", "cancel", &pack, "nothing", "--yes"], b"", 3),
        (vec!["join", "--forget", "nothing"], b"", 3),
        (vec!["edit", &note, "--file", "-"], b"\xff", 2),
        (vec!["tag", &note, "+x", "--no-such"], b"", 2),
        (vec!["select", "show", ""], b"", 2),
        (vec!["select", "delete", " "], b"", 2),
        (vec!["select", "save", ""], b"", 2),
        (vec!["select", "add", &note, "--selection", ""], b"", 2),
        (vec!["export", "--selection", ""], b"", 2),
        (vec!["select", "show", "nosuch"], b"", 3),
        (vec!["sync", "nosuch"], b"", 3),
        (vec!["review", "nosuch"], b"", 3),
        (vec!["review", &pack, "--take", "zzzzzz", "--yes"], b"", 3),
        (vec!["review", &pack, "--take", "zzzzzz", "--all"], b"", 2),
    ];
    for (args, stdin, exit) in cases {
        let (code, error) = ada.fails(&args, stdin);
        let shown: Vec<String> = args.iter().map(|a| a.chars().take(20).collect()).collect();
        assert_eq!(code, exit, "{shown:?}: {error}");
        assert!(!text(&error["message"]).is_empty() && !text(&error["code"]).is_empty());
    }
    assert_eq!(ada.json(&["list", &pack]), before);
    let review = ada.json(&["review", &pack]);
    assert_eq!((&review["total"], &review["v"]), (&0.into(), &1.into()));
    let told = ada.ok(&["review", &pack, "--all"]);
    assert_eq!(told.trim_end(), "Nothing is set aside in Acme.");
    ada.add(&pack, "two", "the next valid request works");
}

/// Goal: whoever asks the daemon itself for a selection by what is no name is told so, whatever the call.
#[test]
fn a_selection_without_a_name_is_refused_by_the_daemon() {
    let ada = Device::up("Ada");
    let pack = ada.create_pack("Acme");
    ada.json(&["select", "add", &ada.add(&pack, "one", "body")]);
    let ask = |call: &str, body: &str| {
        let mut stream = UnixStream::connect(ada.home.join("run/kitbag.sock")).unwrap();
        let length = body.len();
        let head = format!(
            "POST /v1/selection/{call} HTTP/1.1\r\nhost: k\r\nkitbag-caller: library/of-a-test\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
        );
        stream.write_all((head + body).as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let calls = [
        ("change", r#"{"v":1,"clear":true,"selection":NAME}"#),
        ("show", r#"{"v":1,"selection":NAME}"#),
        ("save", r#"{"v":1,"name":NAME}"#),
        ("save", r#"{"v":1,"from":NAME,"name":"kept"}"#),
        ("delete", r#"{"v":1,"selection":NAME}"#),
    ];
    for (call, body) in calls {
        for name in [r#""""#, r#""  ""#, r#"" x""#, r#""a\nb""#] {
            let answer = ask(call, &body.replace("NAME", name));
            let refused = answer.starts_with("HTTP/1.1 400") && answer.contains(r#""bad-input""#);
            assert!(refused, "{call} {name}: {answer}");
        }
        let answer = ask(call, &body.replace("NAME", r#""other""#));
        assert!(!answer.contains(r#""bad-input""#), "{call}: {answer}");
    }
    let all = ada.json(&["select", "list"]);
    assert_eq!(all["selections"][0]["notes"], 1, "{all}");
}

/// Goal: garbage on the socket gets an answer or a closed connection, never a dead daemon.
#[test]
fn garbage_on_the_socket_does_no_harm() {
    let ada = Device::up("Ada");
    let pack = ada.create_pack("Acme");
    let socket = ada.home.join("run/kitbag.sock");
    let huge = vec![b'a'; 300_000];
    let requests: Vec<Vec<u8>> = vec![
        vec![],
        b"\0\0\0\0\0".to_vec(),
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        b"POST /v1/notes/add HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n{\"v\":".to_vec(),
        b"DELETE /v1/status HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(),
        b"GET /v1/../../etc/passwd HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(),
        [
            b"GET /".to_vec(),
            huge.clone(),
            b" HTTP/1.1\r\n\r\n".to_vec(),
        ]
        .concat(),
        [
            b"GET / HTTP/1.1\r\nx: ".to_vec(),
            huge,
            b"\r\n\r\n".to_vec(),
        ]
        .concat(),
    ];
    for request in requests {
        let mut stream = UnixStream::connect(&socket).unwrap();
        stream
            .set_read_timeout(Some(std::time::Duration::from_secs(2)))
            .unwrap();
        let _ = stream.write_all(&request); // it may be closed in our face
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer); // closed or refused, both will do
        assert!(
            !answer.starts_with(b"HTTP/1.1 200"),
            "{}",
            String::from_utf8_lossy(&answer)
        );
    }
    assert_eq!(
        ada.json(&["list", &pack])["notes"]
            .as_array()
            .unwrap()
            .len(),
        0
    );
    ada.add(&pack, "still", "here");
}

/// Goal: homes that are wrong say how: not set up, not ours to read, locked, of a wrong key.
#[test]
fn a_home_that_cannot_be_opened_says_why() {
    let nothing = Device::empty();
    let (code, error) = nothing.fails(&["list", "x"], b"");
    assert_eq!(
        (code, error["code"].as_str()),
        (3, Some("not-initialised")),
        "{error}"
    );

    let ada = Device::up("Ada");
    ada.ok(&["down"]);
    let key = ada.home.join("key");
    let kept = std::fs::read(&key).unwrap();
    let set_mode = |mode| {
        std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap()
    };
    set_mode(0o644);
    let (code, error) = ada.fails(&["pack", "list"], b"");
    assert_eq!(code, 9, "{error}");
    set_mode(0o600);
    std::fs::write(&key, b"kitbag-key-1:aaaa\n").unwrap();
    let (code, error) = ada.fails(&["pack", "list"], b"");
    assert_eq!(code, 10, "{error}");
    let other = Device::up("Other");
    std::fs::copy(other.home.join("key"), &key).unwrap();
    let (code, error) = ada.fails(&["pack", "list"], b"");
    assert_eq!(code, 10, "{error}");
    std::fs::write(&key, kept).unwrap();
    ada.json(&["pack", "list"]);
}

/// Goal: what keeps a daemon from starting is told the same by the command that starts one and by the
/// daemon in the foreground, and nothing is made in place of what is gone.
#[test]
fn a_home_that_misses_something_says_what_and_is_left_alone() {
    let ada = Device::up("Ada");
    ada.create_pack("Acme");
    ada.ok(&["down"]);
    let told = |what: &str, code: &str, exit: i32, says: &str, hint: &str| {
        for args in [&["pack", "list"][..], &["daemon", "run"], &["up"]] {
            let (status, error) = ada.fails(args, b"");
            assert_eq!(
                (status, error["code"].as_str()),
                (exit, Some(code)),
                "{what}, {args:?}: {error}"
            );
            assert!(text(&error["message"]).contains(says), "{what}: {error}");
            assert!(text(&error["hint"]).contains(hint), "{what}: {error}");
        }
    };
    let (key, database) = (ada.home.join("key"), ada.home.join("kitbag.redb"));
    let away = ada.home.with_extension("away");
    std::fs::rename(&key, &away).unwrap();
    told("no key file", "locked", 9, "the key file /", "put it back");
    std::fs::rename(&away, &key).unwrap();

    let whole = std::fs::read(&database).unwrap();
    std::fs::write(&database, &whole[..whole.len() / 2]).unwrap();
    let keep = "keep a copy of the home";
    told("cut off", "integrity", 10, "is damaged", keep);

    std::fs::remove_file(&database).unwrap();
    let missing = "kitbag.redb is missing";
    told("no database", "integrity", 10, missing, "from a backup");
    assert_eq!(ada.fails(&[], b"").0, 10, "bare kitbag");
    assert!(!database.exists());
    std::fs::write(&database, whole).unwrap();
    assert!(ada.ok(&["pack", "list"]).contains("Acme"));
}

/// Goal: a passphrase is asked for, and only the right one opens.
#[test]
fn a_passphrase_protects_a_home() {
    let ada = Device::empty();
    let dir = tempfile::tempdir().unwrap();
    let (right, wrong) = (dir.path().join("right"), dir.path().join("wrong"));
    std::fs::write(&right, "correct horse\n").unwrap();
    std::fs::write(&wrong, "battery staple\n").unwrap();
    for file in [&right, &wrong] {
        std::fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .unwrap();
    }
    let (right, wrong) = (right.to_str().unwrap(), wrong.to_str().unwrap());
    let made = ada.json(&["init", "--name", "Ada", "--passphrase-file", right]);
    assert!(
        made["key_protection"].to_string().contains("passphrase"),
        "{made}"
    );
    assert_eq!(ada.fails(&["pack", "list"], b"").0, 9);
    let locked = run_in(
        &ada.home,
        &["pack", "list"],
        b"",
        &[("KITBAG_PASSPHRASE_FILE", wrong)],
    );
    assert_eq!(locked.status.code(), Some(9));
    let open = run_in(
        &ada.home,
        &["pack", "list"],
        b"",
        &[("KITBAG_PASSPHRASE_FILE", right)],
    );
    assert!(
        open.status.success(),
        "{}",
        String::from_utf8_lossy(&open.stderr)
    );
}

/// Goal: Ctrl-C at a prompt that shows nothing leaves a terminal that shows what is typed, and Ctrl-D is
/// no fault of the disk.
#[cfg(target_os = "linux")] // `script` takes other arguments elsewhere
#[test]
fn a_hidden_prompt_leaves_the_terminal_as_it_was() {
    let ada = Device::up("Ada");
    let at_prompt = |key: &[u8]| {
        let kitbag = env!("CARGO_BIN_EXE_kitbag");
        // The shell lives on, as the one in which somebody works does.
        let line = format!(
            "trap : INT; '{kitbag}' --home '{}' join; echo \"exit $?\"; stty -a",
            ada.home.display()
        );
        let mut script = Command::new("script")
            .args(["-qec", &line, "/dev/null"])
            .env("SHELL", "/bin/sh")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut shown = script.stdout.take().unwrap();
        let (mut told, mut byte) = (Vec::new(), [0]);
        while !told.ends_with(b"shown): ") {
            assert_eq!(shown.read(&mut byte).unwrap(), 1, "no prompt");
            told.push(byte[0]);
        }
        let mut keys = script.stdin.take().unwrap();
        keys.write_all(key).unwrap();
        shown.read_to_end(&mut told).unwrap();
        drop(keys);
        script.wait().unwrap();
        String::from_utf8(told).unwrap()
    };
    for (key, exit) in [(b"\x03", "exit 130"), (b"\x04", "exit 2")] {
        let told = at_prompt(key);
        assert!(told.contains(exit), "{told}");
        assert!(
            told.contains(" echo ") && !told.contains("-echo "),
            "{told}"
        );
    }
}
