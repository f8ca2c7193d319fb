//! Import with a real daemon: what is read, and what nothing may come of.

use crate::support::Device;
use std::fs;

const CONTACTS: &str = include_str!("../crates/import/tests/fixtures/contacts.csv");
const AIRLINE: &str = include_str!("../crates/import/tests/fixtures/airline.json");

/// Goal: a dry run reads everything and writes nothing; a mistake in a name or a map is told with its
/// code before anything is sent.
#[test]
fn a_dry_run_reads_and_mistakes_import_nothing() {
    let ana = Device::up("Ana");
    let pack = ana.create_pack("Acme");
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    fs::write(path("contacts.csv"), CONTACTS).unwrap();
    fs::write(path("bad.toml"), "title = \"{nmae}\"").unwrap();

    let table = [
        "import",
        "csv",
        &path("contacts.csv"),
        "--pack",
        &pack,
        "--dry-run",
    ];
    let report = ana.json(&table);
    assert_eq!(
        (&report["read"], &report["dry_run"]),
        (&20.into(), &true.into())
    );
    let talk = ["import", "messages", "-", "--pack", &pack, "--dry-run"];
    let report = ana.json_with(&talk, AIRLINE.as_bytes());
    assert!(report["read"].as_u64() > Some(40), "{report}");
    assert!(ana.contents(&pack).is_empty());

    let fails = |args: &[&str], exit: i32, told: &str| {
        let (code, error) = ana.fails(args, b"");
        assert_eq!(code, exit, "{error}");
        assert!(error.to_string().contains(told), "{error}");
    };
    fails(
        &["import", "csv", &path("no.csv"), "--pack", &pack],
        3,
        "no.csv",
    );
    fails(
        &[
            "import",
            "csv",
            &path("contacts.csv"),
            "--pack",
            &pack,
            "--map",
            &path("bad.toml"),
        ],
        2,
        "nmae",
    );
    fails(
        &[
            "import",
            "csv",
            dir.path().to_str().unwrap(),
            "--pack",
            &pack,
        ],
        2,
        "folder",
    );
    fails(
        &["import", "chatgpt", &path("contacts.csv"), "--pack", &pack],
        2,
        "contacts.csv",
    );
    fails(
        &["import", "csv", &path("contacts.csv"), "--pack", "nowhere"],
        3,
        "nowhere",
    );
    assert!(ana.contents(&pack).is_empty());
}

/// Goal: of a file that breaks off what is whole is taken in; the report comes, and then the code
/// that says it is not all. A stated sensitivity stands, whatever stands around it.
#[test]
fn a_file_that_breaks_off_is_taken_in_and_told() {
    let ana = Device::up("Ana");
    let pack = ana.create_pack("Acme");
    let text = "{\"title\":\"A\",\"sensitivity\":\" \\\"restricted\\\" \"}\n{\"title\":\"B\"}\n{\"title\":\"C";
    let args = ["--json", "import", "jsonl", "-", "--pack", &pack];
    let output = ana.run(&args, text.as_bytes());
    assert_eq!(output.status.code(), Some(2));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&report["added"], &report["skipped_total"]),
        (&2.into(), &2.into()),
        "the line and the file are told"
    );
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        told.contains("breaks off") && told.contains("2 notes"),
        "{told}"
    );
    let listed = ana.json(&["list", &pack]);
    let notes = listed["notes"].as_array().unwrap();
    let of = |title: &str| notes.iter().find(|note| note["title"] == title).unwrap();
    assert_eq!(of("A")["sensitivity"], "restricted");
    assert_ne!(of("B")["sensitivity"], "restricted");
}
