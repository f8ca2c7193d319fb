//! The command without a daemon: walking, batching, counting. With one: `tests/import.rs`.

use super::batch::{Batch, Batches, bytes_of, request};
use super::files;
use super::tally::{Left, Report};
use kitbag_import::{Consent, Kind, Label, Note, Options, ProducedBy, Source, Told};
use kitbag_rpc::{
    Became, Code, IMPORT_NOTES_MAX, ImportAudience, Imported, ImportedNote, NoteRef, PackRef,
    Sensitivity, V1,
};
use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use tokio::sync::mpsc;

/// Everything that a thread reads from these paths, as it would be sent.
fn batches(kind: Kind, paths: &[&Path]) -> (Vec<Batch>, Option<kitbag_rpc::Failure>) {
    let paths: Vec<PathBuf> = paths.iter().map(|path| path.to_path_buf()).collect();
    let named = files::named(kind, &paths).unwrap();
    let (to, mut from) = mpsc::channel(1);
    let reader = std::thread::spawn(move || {
        files::read(kind, named, &Options::default(), &mut Batches::new(to, &[]))
    });
    let mut all = Vec::new();
    while let Some(batch) = from.blocking_recv() {
        all.push(batch);
    }
    (all, reader.join().unwrap().unwrap())
}

fn notes(batches: &[Batch]) -> Vec<&Note> {
    batches.iter().flat_map(|batch| &batch.notes).collect()
}

fn report() -> Report {
    let pack = PackRef {
        id: "abcdefghijkl".into(),
        title: "Acme".into(),
        name: None,
        archived: false,
    };
    Report::new(pack, false)
}

fn became(became: Became) -> ImportedNote {
    ImportedNote {
        became,
        id: Some("id".into()),
        sensitivity: None,
        below: false,
        held: vec![],
        not_found: vec![],
        changed: false,
        masked: None,
        reason: None,
    }
}

/// Goal: no call is larger than the daemon takes, and nothing gets lost between two of them.
#[test]
fn batches_keep_to_the_limits_of_a_call() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("a.jsonl");
    let mut text = String::new();
    for number in 0..1_000 {
        text.push_str(&format!("{{\"title\":\"{number}\"}}\n"));
    }
    for size in [300_000, 300_000, 3_000_000, 10] {
        text.push_str(&format!(
            "{{\"title\":\"big\",\"body\":\"{}\"}}\n",
            "x".repeat(size)
        ));
    }
    fs::write(&file, text).unwrap();
    let (all, error) = batches(Kind::Jsonl, &[&file]);
    assert!(error.is_none());
    assert_eq!(notes(&all).len(), 1_004);
    for batch in &all {
        let bytes: usize = batch
            .notes
            .iter()
            .map(|note| note.title.len() + note.body.len())
            .sum();
        assert!(batch.notes.len() <= IMPORT_NOTES_MAX);
        assert!(batch.notes.len() <= 1 || bytes <= 512 * 1024, "{bytes}");
    }
    let titles: Vec<&str> = notes(&all)[..1_000]
        .iter()
        .map(|note| note.title.as_str())
        .collect();
    assert!(
        titles
            .iter()
            .enumerate()
            .all(|(at, title)| *title == at.to_string())
    );
}

/// Goal: a folder gives its files in one order; hidden ones, links and unreadable ones end nothing.
#[test]
fn a_folder_is_read_without_following_links() {
    let home = tempfile::tempdir().unwrap();
    let (vault, outside) = (home.path().join("vault"), home.path().join("outside"));
    fs::create_dir_all(vault.join("b/.git")).unwrap();
    fs::create_dir_all(&outside).unwrap();
    fs::write(outside.join("secret.md"), "secret").unwrap();
    fs::write(vault.join("b/z.md"), "# Z").unwrap();
    fs::write(vault.join("b/.git/x.md"), "# hidden").unwrap();
    fs::write(vault.join("a.md"), "# A").unwrap();
    fs::write(vault.join("bad.md"), b"\xff\xfe\xff").unwrap();
    fs::write(vault.join("c.txt"), "no").unwrap();
    symlink(outside.join("secret.md"), vault.join("link.md")).unwrap();
    symlink(&outside, vault.join("folder")).unwrap();
    let (all, _) = batches(Kind::Markdown, &[&vault]);
    let titles: Vec<&str> = notes(&all).iter().map(|note| note.title.as_str()).collect();
    assert_eq!(titles, ["A", "Z"]);
    assert_eq!(notes(&all)[1].source.label, "vault · b/z.md");
    let mut report = report();
    all.iter().for_each(|batch| report.left(&batch.left));
    let said = report.in_words("", &[]);
    assert!(
        said.contains("Skipped: 2\n") && said.contains("link.md: it is a link"),
        "{said}"
    );
    assert!(!said.contains("secret"), "{said}");
    let error = files::named(Kind::Csv, &[vault]).unwrap_err();
    assert_eq!(error.code, Code::BadInput);
}

#[test]
fn a_file_that_is_not_there_or_of_another_kind_is_the_failure() {
    let error = files::named(Kind::Csv, &["no-such-file".into()]).unwrap_err();
    assert_eq!(error.code, Code::NotFound);
    let twice = ["-".into(), "-".into()];
    assert_eq!(
        files::named(Kind::Csv, &twice).unwrap_err().code,
        Code::Usage
    );
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("a.json");
    fs::write(&file, "hello").unwrap();
    let (all, error) = batches(Kind::Messages, &[&file]);
    assert!(notes(&all).is_empty());
    let failure = report().failure(error.as_ref()).unwrap();
    assert_eq!(failure.code, Code::BadInput);
    assert!(
        failure.message.starts_with("a.json: "),
        "{}",
        failure.message
    );
}

/// Goal: what the file says goes first, and references lead to the notes that were made here.
#[test]
fn a_note_is_sent_as_the_file_says() {
    let note = Note {
        sensitivity: Some("public".into()),
        tags: vec!["a".into(), "b".into()],
        supersedes: vec!["one".into(), "elsewhere".into()],
        ..Note::default()
    };
    let ids = HashMap::from([("one".to_owned(), "here".to_owned())]);
    let tags = ["b".to_owned(), "c".to_owned()];
    let sent = request(note.clone(), Some(Sensitivity::Restricted), &tags, &ids).unwrap();
    assert_eq!(sent.sensitivity, Some(Sensitivity::Public));
    assert_eq!(sent.tags, ["b", "c", "a"]);
    assert_eq!(sent.supersedes, ["here", "elsewhere"]);
    assert_eq!(sent.key.len(), 32);
    for stated in ["", "restricted ", "secret"] {
        let other = Note {
            sensitivity: Some(stated.into()),
            ..note.clone()
        };
        let sent = request(other, Some(Sensitivity::Public), &[], &ids);
        assert!(sent.is_err(), "{stated:?} would go to public");
    }
    let none = Note {
        sensitivity: None,
        ..note
    };
    let sent = request(none, Some(Sensitivity::Restricted), &[], &ids).unwrap();
    assert_eq!(sent.sensitivity, Some(Sensitivity::Restricted));
}

#[test]
fn the_report_says_what_became_of_everything() {
    let mut report = report();
    let mut held = became(Became::Added);
    held.held = vec!["email".into(), "date_of_birth".into()];
    held.masked = Some(NoteRef {
        id: "m".into(),
        sensitivity: Sensitivity::Internal,
    });
    let mut refused = became(Became::Refused);
    refused.reason = Some("it is above your clearance\u{1b}".into());
    let places: Vec<String> = (1..=6).map(|row| format!("row {row}")).collect();
    let notes = vec![
        held,
        became(Became::Unchanged),
        became(Became::Updated),
        became(Became::Deleted),
        became(Became::Above),
        refused,
    ];
    let imported = Imported {
        v: V1,
        pack: PackRef {
            id: "abcdefghijkl".into(),
            title: "Acme".into(),
            name: None,
            archived: false,
        },
        notes,
        audiences: vec![ImportAudience {
            sensitivity: Sensitivity::Internal,
            audience: vec![],
        }],
    };
    report.imported(&places, imported);
    let mut left = Left::default();
    for row in 0..12 {
        left.skip(
            Some("a.csv"),
            Told {
                place: format!("row {row}"),
                reason: "why".into(),
            },
        );
    }
    for kind in 0..100 {
        left.unknown(format!("kind {kind}"));
    }
    report.left(&left);
    let said = report.in_words("", &[]);
    for part in [
        "1 note added, 1 unchanged, 1 with a stricter consent by now, 1 deleted here before, and left so, 1 above your clearance by now, 1 refused\n",
        "Added to Acme · Internal",
        "1 note holds personal data (date of birth 1, email 1): originals stand at Restricted, with 1 masked copy",
        "Skipped: 13\n  row 6: it is above your clearance\\u{1b}\n  a.csv: row 0: why\n",
        "  and 3 more",
        "36 other",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
    assert!(report.failure(None).is_none());
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["skipped_total"], 13);
    assert_eq!(json["skipped"][0]["where"], "row 6");
}

#[test]
fn if_all_was_refused_the_command_fails() {
    let mut report = report();
    let imported = Imported {
        v: V1,
        pack: PackRef {
            id: String::new(),
            title: String::new(),
            name: None,
            archived: false,
        },
        notes: vec![became(Became::Refused)],
        audiences: vec![],
    };
    let mut left = Left::default();
    let place = "row 0".to_owned();
    let reason = "it has more columns than the first row".to_owned();
    left.skip(None, Told { place, reason });
    report.left(&left);
    report.imported(&["row 1".to_owned()], imported);
    let failure = report.failure(None).unwrap();
    assert_eq!(failure.code, Code::Denied);
    let told = "nothing was added: all 1 note were refused; the first, row 1: it was refused";
    assert_eq!(failure.message, told, "not what was skipped before");
}

/// Goal: the rest of a file that breaks off is missed; what was read comes, and says so.
#[test]
fn a_file_that_breaks_off_fails_after_its_report() {
    let home = tempfile::tempdir().unwrap();
    let (cut, whole) = (home.path().join("cut.csv"), home.path().join("whole.csv"));
    fs::write(&cut, "a,b\nA,1\nB,\"tw").unwrap();
    fs::write(&whole, "a,b\nC,1\n").unwrap();
    let (all, error) = batches(Kind::Csv, &[&cut, &whole]);
    let places: Vec<&str> = notes(&all).iter().map(|note| note.place.as_str()).collect();
    assert_eq!(places, ["cut.csv: row 1", "whole.csv: row 1"]);
    let mut report = report();
    all.iter().for_each(|batch| report.left(&batch.left));
    let imported = Imported {
        v: V1,
        pack: PackRef {
            id: "abcdefghijkl".into(),
            title: "Acme".into(),
            name: None,
            archived: false,
        },
        notes: vec![became(Became::Added), became(Became::Added)],
        audiences: vec![],
    };
    report.imported(&["row 1".into(), "row 2".into()], imported);
    let error = error.unwrap();
    assert!(
        report.failure(Some(&error)).is_none(),
        "the report comes first"
    );
    let failure = report.not_whole(error);
    assert_eq!(failure.code, Code::BadInput);
    assert!(
        failure.message.starts_with("cut.csv: ") && failure.message.contains("2 notes"),
        "{}",
        failure.message
    );
}

/// Goal: what is counted for a batch is never less than what is sent.
#[test]
fn a_note_is_counted_as_the_request_that_it_becomes() {
    let nasty = |length: usize| Some("\u{1}\"\\é".repeat(length));
    let text = |length| nasty(length).unwrap();
    let note = Note {
        note_type: "message".into(),
        title: text(100),
        body: text(2_000),
        tags: (0..64).map(|n| format!("{n}{}", "\"".repeat(60))).collect(),
        source: Source {
            label: text(40),
            kind: "clipboard".into(),
            uri: nasty(800),
            app: nasty(100),
            author: nasty(100),
            locator: nasty(400),
            captured_at: Some(kitbag_import::TIME_MAX),
            observed_at: Some(kitbag_import::TIME_MAX),
        },
        produced_by: Some(ProducedBy {
            agent: nasty(100),
            model: nasty(100),
            prompt: nasty(400),
        }),
        sensitivity: Some("confidential".into()),
        pii: vec!["device_identifier".into(); 13],
        consent: Some(Consent {
            status: "not_required".into(),
            purposes: vec![text(16); 32],
            subject: nasty(100),
            given_at: Some(kitbag_import::TIME_MAX),
            expires_at: Some(kitbag_import::TIME_MAX),
            evidence: nasty(400),
        }),
        claim: Some("observation".into()),
        confidence: Some(1_000),
        status: Some("superseded".into()),
        supersedes: (0..256).map(|n| n.to_string()).collect(),
        derived_from: vec!["\u{1}".repeat(64); 256],
        valid_from: Some(kitbag_import::TIME_MAX),
        valid_to: Some(kitbag_import::TIME_MAX),
        review_after: Some(kitbag_import::TIME_MAX),
        expires_at: Some(kitbag_import::TIME_MAX),
        ..Note::default()
    };
    let ids = (0..256).map(|n| (n.to_string(), "k".repeat(43)));
    let ids: HashMap<String, String> = ids.collect();
    for note in [note, Note::default()] {
        let counted = bytes_of(&note);
        let asked = (note.note_type == "message").then(|| super::batch::end_of(&note.body));
        let sent = request(note, Some(Sensitivity::Confidential), &[], &ids).unwrap();
        let sent = serde_json::to_string(&kitbag_rpc::ImportNote { asked, ..sent }).unwrap();
        assert!(sent.len() < counted, "{} of {counted}", sent.len());
        assert!(
            counted - sent.len() <= 16 * 1024,
            "{} of {counted}",
            sent.len()
        );
    }
}

/// Goal: a request that is too large is parted, and a note that is too large alone ends nothing.
#[test]
fn notes_that_are_too_large_are_refused_one_by_one() {
    let home = tempfile::tempdir().unwrap();
    let client = kitbag_rpc::Client::new(home.path(), kitbag_rpc::Caller::Cli);
    let mut sending = super::Sending {
        client: &client,
        pack: String::new(),
        sensitivity: None,
        tags: vec![],
        unmasked: false,
        dry_run: false,
        keeps_ids: false,
        may_be_ours: false,
        across_clients: false,
        links: super::Links::default(),
        before: None,
        said: None,
        origin: None,
    };
    let note = |number: usize| Note {
        place: format!("line {number}"),
        body: "x".repeat(kitbag_rpc::NOTE_REQUEST_BYTES_MAX + 1),
        conversation: Some(7),
        ..Note::default()
    };
    let mut report = report();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let sent = sending.send((1..=3).map(note).collect(), &mut report);
    runtime.block_on(sent).unwrap();
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["refused"], 3);
    let places = [0, 1, 2].map(|at| json["skipped"][at]["where"].clone());
    assert_eq!(places, ["line 1", "line 2", "line 3"]);
    assert!(report.failure(None).is_some());
    // What was refused counts as restricted for what is said after it; other conversations begin anew.
    let before = |sending: &super::Sending<'_>, of| sending.said_before(Some(of));
    assert_eq!(before(&sending, 7), Some(Sensitivity::Restricted));
    assert_eq!(before(&sending, 8), None);
    let answer = serde_json::json!({
        "v": 1, "pack": {"id": "", "title": "", "name": null}, "audiences": [],
        "notes": [
            {"became": "added", "sensitivity": "confidential"},
            {"became": "unchanged", "sensitivity": "internal"},
        ],
    });
    let answer = serde_json::from_value(answer).unwrap();
    sending.keep_said(&[Some(8), Some(8)], &answer);
    assert_eq!(before(&sending, 8), Some(Sensitivity::Confidential));
    sending.keep_said(&[Some(8), None], &answer);
    assert_eq!(before(&sending, 8), Some(Sensitivity::Confidential));
}

#[test]
fn options_that_do_not_fit_are_told() {
    assert!(super::tags(&["a\nb".to_owned()]).is_err());
    assert!(super::tags(&["x".repeat(65)]).is_err());
    assert_eq!(
        super::tags(&["b".into(), " a".into(), "b".into()]).unwrap(),
        ["a", "b"]
    );
    assert!(Label::parse("{row}").is_err());
}
