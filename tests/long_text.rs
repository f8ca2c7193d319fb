//! A text of a megabyte, from a file on one device to the standard output of another.

use crate::support::{Device, text};

/// Goal: `add` takes a long text from a file and from the standard input, another device shows all of
/// it, and what cannot be done with it is said clearly.
#[test]
fn a_megabyte_is_added_synced_and_shown_whole() {
    let (ada, ben) = (Device::up("Ada"), Device::up("Ben"));
    let pack = ada.create_pack("Contracts");
    let lines: Vec<String> = (0..20_000)
        .map(|n| format!("line {n}: \"é\" 🦀 and\tso on, {}", n * 7_919))
        .collect();
    let long = lines.join("\n");
    assert!(long.len() > 700_000);

    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("big.txt");
    std::fs::write(&file, format!("{long}\n")).unwrap();
    let file = file.to_str().unwrap();
    let add = ["add", &pack, "--source", "Archive"];
    let added = ada.json(&[&add[..], &["--file", file]].concat());
    assert_eq!(added["existing"], false);
    let again = ada.json_with(&add, long.as_bytes());
    assert_eq!(
        (&again["existing"], &again["note"]["id"]),
        (&true.into(), &added["note"]["id"])
    );
    let note = text(&added["note"]["id"]);

    let shared = ada.json(&["share", &pack, "--yes"]);
    ben.json_with(&["join", "-"], text(&shared["ticket"]).as_bytes());
    ben.ok(&["sync", &pack, "--wait"]);
    let listed = ben.json(&["list", &pack]);
    assert!(text(&listed["notes"][0]["title"]).starts_with("line 0: \"é\" 🦀"));
    let shown = ben.json(&["show", &note])["note"].clone();
    assert_eq!(text(&shown["body"]), long);
    assert_eq!(shown["long_text_bytes"], long.len());
    let words = ben.ok(&["show", &note]);
    let (head, body) = words.split_once("\n\n").unwrap();
    assert!(head.contains(&format!("text: {} bytes, can only be read", long.len())));
    assert_eq!(body.trim_end_matches('\n'), long);

    let (exit, error) = ben.fails(&["edit", &note, "--file", "-"], b"short");
    assert_eq!(exit, 2, "{error}");
    assert!(error.to_string().contains("can only be read"), "{error}");
    ben.ok(&["edit", &note, "--title", "The contract"]);
    assert_eq!(text(&ben.json(&["show", &note])["note"]["body"]), long);
    let (_, error) = ada.fails(
        &["edit", &note, "--sensitivity", "restricted", "--yes"],
        b"",
    );
    assert!(error.to_string().contains("does not move"), "{error}");
    let much = "x".repeat(4_000_001);
    let (_, error) = ada.fails(&add, much.as_bytes());
    assert!(error.to_string().contains("has more than 4 MB"), "{error}");
}
