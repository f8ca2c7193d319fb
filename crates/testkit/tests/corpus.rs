//! The corpus of the fuzz targets: every file of it runs through its target in every `cargo test`,
//! and every valid kind of record is in it.
//!
//! Seeds are made from the samples behind the golden vectors, so that a fuzzer begins with what the
//! formats hold. `KITBAG_WRITE_CORPUS=1 cargo test -p kitbag-testkit --test corpus` writes those that
//! are missing; nothing here deletes a file, since a fuzzer adds its own.
#![cfg(test)]

#[allow(
    dead_code,
    reason = "shared with the tests of kitbag-core, which need more of it"
)]
#[path = "../../core/tests/it/samples.rs"]
mod samples;

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use kitbag_core::codec;
use kitbag_core::content::{RawEntry, pack_body};
use kitbag_core::epoch::WrapSet;
use kitbag_core::id::{LogId, Timestamp};
use kitbag_core::pack::index::IndexEdit;
use kitbag_core::pack::note::{Consent, ConsentStatus, Status};
use kitbag_core::pack::{DateEdit, Edit, IndexDocument, NoteDocument};
use kitbag_core::receipt::SignedReceipt;
use kitbag_crypto::{Hash, HashLabel, MasterKey};
use kitbag_node::Node;
use kitbag_store::{LogRow, PackRow, Store};
use kitbag_testkit::chunk::Chunk;
use kitbag_testkit::decoders::{
    INDEX_PACK, INDEX_SENSITIVITY, LOG, NOTE, TARGETS, Verdict, note_record, target,
};
use kitbag_testkit::{Dice, SimDisk};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A seed: what it is, its bytes, and whether its target takes it.
struct Seed {
    name: String,
    bytes: Vec<u8>,
    valid: bool,
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus")
}

/// Goal: whatever a fuzzer ever found stays found, and the corpus is small enough to live here.
#[test]
fn every_file_of_the_corpus_runs_through_its_target() {
    let (mut files, mut bytes_in_all) = (0, 0);
    for target in TARGETS {
        let dir = corpus().join(target.name);
        let listed = std::fs::read_dir(&dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
        for file in listed {
            let path = file.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            (target.run)(&bytes);
            files += 1;
            bytes_in_all += bytes.len();
        }
    }
    println!("{files} files, {bytes_in_all} bytes");
    assert!(files >= 98, "only {files} files");
    assert!(
        bytes_in_all < 1 << 20,
        "{bytes_in_all} bytes are too many to carry along"
    );
}

/// Goal: a fuzzer begins with every valid kind, so that what it reaches does not depend on luck.
#[test]
fn every_kind_is_in_the_corpus_and_its_target_takes_it() {
    let write = std::env::var_os("KITBAG_WRITE_CORPUS").is_some();
    let mut missing = Vec::new();
    for target in TARGETS {
        let seeds = seeds(target.name);
        assert!(!seeds.is_empty(), "{} has no seed", target.name);
        for seed in seeds {
            let verdict = (target.run)(&seed.bytes);
            let wanted = if seed.valid {
                Verdict::Taken
            } else {
                Verdict::Refused
            };
            assert_eq!(verdict, wanted, "{}: {}", target.name, seed.name);
            let path = corpus().join(target.name).join(file_name(&seed));
            if write {
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(&path, &seed.bytes).unwrap();
            }
            if std::fs::read(&path).ok().as_ref() != Some(&seed.bytes) {
                missing.push(path);
            }
        }
    }
    assert!(
        missing.is_empty(),
        "not in the corpus, write them with KITBAG_WRITE_CORPUS=1 cargo test -p kitbag-testkit --test corpus: {missing:?}"
    );
}

/// Goal: a target that took everything, or nothing, would find nothing.
#[test]
fn a_target_refuses_noise_and_each_seed_with_its_end_cut_off() {
    let mut dice = Dice::new(1);
    for target in TARGETS {
        for length in [0, 1, 7, 100, 3000] {
            let noise: Vec<u8> = (0..length).map(|_| dice.bytes::<1>()[0]).collect();
            assert_eq!((target.run)(&noise), Verdict::Refused, "{}", target.name);
        }
        for seed in seeds(target.name) {
            // Text of people has no end that could be missed.
            if matches!(seed.name.as_str(), "csv" | "markdown" | "mail" | "map") {
                continue;
            }
            let cut = &seed.bytes[..seed.bytes.len() - 1];
            assert_eq!(
                (target.run)(cut),
                Verdict::Refused,
                "{}: {}",
                target.name,
                seed.name
            );
        }
    }
}

/// Goal: the second description of a chunk agrees with the first, and a forged chunk passes the checks
/// of checksum and actor.
#[test]
fn a_chunk_taken_apart_goes_together_again() {
    for seed in seeds("note_change").iter().filter(|seed| seed.valid) {
        let chunk = Chunk::parse(&seed.bytes).expect("our own layout");
        assert_eq!(chunk.forge(LOG), seed.bytes, "{}", seed.name);
        let elsewhere = LogId::from_bytes([9; 32]);
        assert_ne!(
            chunk.forge(elsewhere),
            seed.bytes,
            "the actor belongs to the log"
        );
    }
}

fn file_name(seed: &Seed) -> String {
    let hash = Hash::of(HashLabel::Item, &[&seed.bytes]);
    let words: Vec<&str> = seed.name.split(' ').collect();
    format!(
        "{}-{}",
        words.join("-"),
        HEXLOWER.encode(&hash.as_bytes()[..4])
    )
}

fn seed(name: &str, bytes: impl Into<Vec<u8>>) -> Seed {
    Seed {
        name: name.into(),
        bytes: bytes.into(),
        valid: true,
    }
}

fn seeds(target: &str) -> Vec<Seed> {
    match target {
        "person_op" => person_ops(),
        "policy_op" => policy_ops(),
        "redeem" => vec![seed("redeem", codec::encode(&samples::redeem()))],
        "ticket" => tickets(),
        "epoch" => epochs(),
        "wrap_set" => wrap_sets(),
        "run" => runs(),
        "body" => bodies(),
        "report" => reports(),
        "receipt" => receipts(),
        "note_change" => note_changes(),
        "index_change" => index_changes(),
        "message" => messages(),
        "request" => requests(),
        "rows" => rows(),
        "import" => imports(),
        other => panic!("no seeds for {other}"),
    }
}

/// A file of each kind, behind the byte that chooses it: a digit, by its place among them.
fn imports() -> Vec<Seed> {
    let files = [
        (
            "messages",
            r#"[{"id":"c","messages":[{"role":"user","content":"a"},{"role":"assistant","content":null,"tool_calls":[{"function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"t","content":"r"}]}]"#,
        ),
        (
            "claude-code",
            r#"{"type":"user","uuid":"u","sessionId":"s","timestamp":"2025-06-14T10:00:00Z","message":{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"r"}]}}"#,
        ),
        (
            "chatgpt",
            r#"[{"title":"t","conversation_id":"c","current_node":"b","mapping":{"a":{"message":null,"parent":null,"children":["b"]},"b":{"message":{"id":"b","author":{"role":"user"},"create_time":1.5,"content":{"content_type":"text","parts":["x"]}},"parent":"a","children":[]}}}]"#,
        ),
        (
            "claude",
            r#"[{"uuid":"c","name":"n","chat_messages":[{"uuid":"m","sender":"human","text":"x","attachments":[{"file_name":"f","extracted_content":"e"}]}]}]"#,
        ),
        ("csv", "\u{feff}name;text\na;\"b\nc\"\n"),
        (
            "markdown",
            "---\ntitle: t\ntags: [a, b]\nother: c\n---\n# h\n#tag `#no` [[link]]\n",
        ),
        (
            "jsonl",
            r#"{"title":"t","body":"b","tags":["a"],"source":{"kind":"crm","label":"l","observed_at":"2025-06-14"},"consent":{"status":"limited","purposes":["p"]},"produced_by":{"agent":"a"},"confidence":0.5}"#,
        ),
        (
            "kitbag",
            r#"{"v":1,"pack":{"id":"p","title":""},"notes":[{"id":"a","title":"t","source":{"label":"l","kind":"file"},"derived_from":["b"]}],"withheld":{}}"#,
        ),
        (
            "hcr",
            r#"{"schemaVersion":"1.0","recordId":"r","objective":{"summary":"o","acceptanceCriteria":["a"]},"currentState":{"complete":["c"],"inProgress":[],"blocked":[],"unverified":[]},"decisions":[{"summary":"d","rationale":"r","status":"superseded","supersedes":"x"}],"evidence":[{"id":"e","label":"l","claim":"c","uri":"u"}],"constraints":[{"kind":"deadline","text":"t"}],"nextAction":{"summary":"n","verification":"v"},"ownership":{"nextActor":{"id":"i","type":"human"}},"openReview":[{"id":"o","summary":"s","status":"open"}],"provenance":{"createdBy":{"id":"p","type":"agent"},"createdAt":"2026-01-01T00:00:00Z"}}"#,
        ),
        (
            "mail",
            "From a\nFrom: A <a@b>\nSubject: =?utf-8?q?s?=\nMessage-ID: <m@x>\nContent-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/html\n\n<p>hi</p>\n--x\nContent-Disposition: attachment; filename=f\n\nz\n--x--\n\nFrom b\nFrom: c@d\n\n>From e\n",
        ),
    ];
    // The digits' bytes, so that a byte divided by the number of kinds gives each its own.
    let chooses = |at: usize| {
        (b'0'..=b'9')
            .find(|byte| usize::from(*byte) % files.len() == at)
            .unwrap()
    };
    let mut seeds: Vec<Seed> = files
        .iter()
        .enumerate()
        .map(|(at, (name, text))| {
            assert_eq!(kitbag_import::Kind::ALL[at].as_str(), *name);
            let mut bytes = vec![chooses(at)];
            bytes.extend(text.as_bytes());
            seed(name, bytes)
        })
        .collect();
    seeds.push(seed(
        "map",
        b"mtitle = \"{a} {b}\"\npii = [\"email\"]\n[consent]\nstatus = \"{c}\"\n",
    ));
    seeds
}

fn receipts() -> Vec<Seed> {
    let exports = samples::receipts().into_iter();
    let mut seeds: Vec<Seed> = exports
        .flat_map(|(name, signed)| {
            [
                seed(&format!("export {name}"), signed.bytes()),
                seed(
                    &format!("export {name} record"),
                    codec::encode(signed.receipt()),
                ),
            ]
        })
        .collect();
    for (name, signed) in samples::hygiene_receipts() {
        seeds.push(seed(&format!("hygiene {name}"), signed.bytes()));
        seeds.push(seed(
            &format!("hygiene {name} record"),
            codec::encode(signed.receipt()),
        ));
    }
    let [_, (_, hygiene)] = samples::hygiene_receipts();
    // What breaks one rule of each kind, rightly signed: refused, and near to what is not.
    let ada = samples::ada();
    let of_export = SignedReceipt::verify(&seeds[0].bytes).unwrap();
    let mut twice = of_export.receipt().clone();
    twice.packs.push(twice.packs[0].clone());
    let mut nothing = hygiene.receipt().clone();
    nothing.notes.clear();
    let broken = [
        ("export of a pack twice", codec::encode(&twice)),
        ("hygiene of nothing", codec::encode(&nothing)),
    ];
    for (name, record) in broken {
        assert!(SignedReceipt::verify(&record).is_err());
        seeds.push(Seed {
            valid: false,
            ..seed(name, record)
        });
    }
    assert!(SignedReceipt::sign(&twice, &ada.signing).is_err());
    seeds
}

fn person_ops() -> Vec<Seed> {
    let op = samples::ada().person;
    vec![
        seed("signed", op.bytes()),
        seed("record", codec::encode(op.op())),
    ]
}

fn policy_ops() -> Vec<Seed> {
    let ops = samples::ops().into_iter();
    ops.flat_map(|(name, op)| {
        [
            seed(name, op.bytes()),
            seed(&format!("{name} record"), codec::encode(op.op())),
        ]
    })
    .collect()
}

fn tickets() -> Vec<Seed> {
    let tickets = samples::tickets().into_iter();
    tickets
        .flat_map(|(name, ticket)| {
            let text = ticket.danger_text();
            let base32 = text["kitbag1".len()..].to_uppercase();
            let framed = BASE32_NOPAD.decode(base32.as_bytes()).unwrap();
            let record = framed[2..framed.len() - 8].to_vec();
            [
                seed(name, text.as_bytes()),
                seed(&format!("{name} record"), record),
            ]
        })
        .collect()
}

fn epochs() -> Vec<Seed> {
    let epochs = [
        ("first", samples::epoch()),
        ("second", samples::second_epoch()),
    ];
    epochs
        .into_iter()
        .flat_map(|(name, epoch)| {
            [
                seed(name, epoch.bytes()),
                seed(&format!("{name} record"), codec::encode(epoch.epoch())),
            ]
        })
        .collect()
}

fn wrap_sets() -> Vec<Seed> {
    let signed = samples::wrap_set();
    let set = WrapSet::verify(&signed).unwrap();
    vec![seed("record", codec::encode(&set)), seed("signed", signed)]
}

fn runs() -> Vec<Seed> {
    let run = samples::run();
    let mut other = run.clone();
    other.opening = codec::encode(&samples::opening_after());
    let alone = |entry: &RawEntry, name: &str| Seed {
        valid: false, // a part of a run is none
        ..seed(name, entry.header.clone())
    };
    let names = samples::entries();
    let headers = run
        .entries
        .iter()
        .zip(&names)
        .map(|(entry, (name, _))| alone(entry, name));
    let mut seeds: Vec<Seed> = headers.collect();
    seeds.push(Seed {
        valid: false,
        ..seed("opening", run.opening.clone())
    });
    seeds.push(Seed {
        valid: false,
        ..seed("head", codec::encode(&run.head))
    });
    seeds.push(seed("run", codec::encode(&run)));
    seeds.push(seed("run after another", codec::encode(&other)));
    seeds
}

fn bodies() -> Vec<Seed> {
    let bodies = samples::bodies().into_iter();
    let mut seeds: Vec<Seed> = bodies
        .flat_map(|(name, body)| {
            [
                seed(name, pack_body(&body).unwrap()),
                seed(&format!("{name} record"), codec::encode(&body)),
            ]
        })
        .collect();
    seeds.push(seed("note", note_record().to_bytes()));
    seeds
}

fn reports() -> Vec<Seed> {
    let reports = samples::reports().into_iter();
    let mut seeds: Vec<Seed> = reports
        .map(|(name, report)| seed(name, report.to_bytes()))
        .collect();
    for (name, row, signed) in samples::own_reports() {
        seeds.push(seed(name, signed.to_bytes()));
        seeds.push(seed(&format!("{name} record"), codec::encode(&row)));
    }
    seeds
}

fn note_changes() -> Vec<Seed> {
    let document = NoteDocument::derive(NOTE, &note_record());
    let view = document.view();
    let tag = |tag: &str| BTreeSet::from([tag.to_owned()]);
    let edits = [
        (
            "title",
            Edit {
                title: Some("Call Acme back".into()),
                ..Edit::default()
            },
        ),
        (
            "insert",
            Edit {
                body: Some(format!("{} And the kitbag 🧳.", view.body)),
                ..Edit::default()
            },
        ),
        (
            "delete all",
            Edit {
                body: Some(String::new()),
                ..Edit::default()
            },
        ),
        (
            "splices",
            Edit {
                body: Some("Ring on Monday, or then: write. 京 👩🏽‍🚀".into()),
                ..Edit::default()
            },
        ),
        (
            "long",
            Edit {
                body: Some("all work and no play ".repeat(150)),
                ..Edit::default()
            },
        ),
        (
            "tags",
            Edit {
                add_tags: tag("new"),
                remove_tags: tag("acme"),
                ..Edit::default()
            },
        ),
        (
            "status",
            Edit {
                status: Some(Status::Archived),
                ..Edit::default()
            },
        ),
        (
            "pinned",
            Edit {
                pinned: Some(true),
                ..Edit::default()
            },
        ),
        (
            "consent",
            Edit {
                consent: Some(Consent::new(ConsentStatus::Withdrawn)),
                ..Edit::default()
            },
        ),
        (
            "dates",
            Edit {
                valid_from: DateEdit::Set(Timestamp::from_millis(5)),
                valid_to: DateEdit::Clear,
                expires_at: DateEdit::Set(Timestamp::from_millis(1 << 40)),
                ..Edit::default()
            },
        ),
        (
            "everything",
            Edit {
                title: Some("Offer".into()),
                body: Some("Ring Acme on Tuesday,\nand write the offer.".into()),
                add_tags: tag("b"),
                remove_tags: tag("offer"),
                status: Some(Status::Superseded),
                pinned: Some(true),
                consent: Some(Consent::new(ConsentStatus::Refused)),
                valid_to: DateEdit::Clear,
                review_after: DateEdit::Set(Timestamp::from_millis(7)),
                ..Edit::default()
            },
        ),
    ];
    let mut seeds: Vec<Seed> = edits
        .into_iter()
        .map(|(name, edit)| {
            let change = document
                .edit(LOG, &edit)
                .unwrap()
                .expect("it changes something");
            seed(name, change.bytes)
        })
        .collect();
    for case in golden("refused") {
        let chunk = HEXLOWER
            .decode(case["change"].as_str().unwrap().as_bytes())
            .unwrap();
        seeds.push(Seed {
            valid: false,
            ..seed("refused", chunk)
        });
    }
    seeds
}

/// A list of the golden vectors of notes.
fn golden(list: &str) -> Vec<Value> {
    let file = include_str!("../../core/tests/vectors/notes.json");
    let vectors: Value = serde_json::from_str(file).unwrap();
    vectors[list].as_array().unwrap().clone()
}

fn index_changes() -> Vec<Seed> {
    let document = IndexDocument::derive(INDEX_PACK, INDEX_SENSITIVITY);
    let titles = [
        ("title", "Acme"),
        ("long title", "Acme and all its branches, 2027 🧳"),
    ];
    titles
        .into_iter()
        .map(|(name, title)| {
            let edit = IndexEdit {
                title: Some(title.into()),
            };
            seed(
                name,
                document
                    .edit(LOG, &edit)
                    .unwrap()
                    .expect("it changes something")
                    .bytes,
            )
        })
        .collect()
}

fn messages() -> Vec<Seed> {
    let messages = samples::messages().into_iter();
    let answers = samples::join_answers().into_iter();
    let request = codec::encode(&samples::join_request());
    messages
        .map(|(name, message)| seed(name, message.encode()))
        .chain(answers.map(|(name, answer)| seed(name, codec::encode(&answer))))
        .chain([seed("join request", request)])
        .collect()
}

fn requests() -> Vec<Seed> {
    let bodies = [
        (
            "pack create",
            r#"{"v":1,"title":"Acme","sensitivity":"internal"}"#,
        ),
        ("pack show", r#"{"v":1,"pack":"acme"}"#),
        (
            "pack share",
            r#"{"v":1,"pack":"acme","role":"editor","clearance":"internal","expires_at":"2027-01-01T00:00:00Z","uses":1,"dry_run":true}"#,
        ),
        (
            "pack join",
            r#"{"v":1,"ticket":"kitbag1abc","name":"ours"}"#,
        ),
        (
            "note add",
            r#"{"v":1,"pack":"acme","title":"t","body":"b\u00e9","source":{"label":"desk","kind":"manual","uri":null,"app":null,"author":null,"locator":"row 3"},"sensitivity":null,"tags":["a"],"type":"note"}"#,
        ),
        ("note show", r#"{"v":1,"note":"abcdefg"}"#),
        (
            "note edit",
            r#"{"v":1,"note":"abc","title":null,"body":"b","seen":"x.y","add_tags":["a"],"remove_tags":[]}"#,
        ),
        (
            "sync",
            r#"{"v":1,"pack":"acme","wait":true,"timeout_ms":5000}"#,
        ),
        ("stop", r#"{"v":1}"#),
    ];
    bodies
        .into_iter()
        .map(|(name, body)| seed(name, body))
        .collect()
}

fn rows() -> Vec<Seed> {
    let pack = PackRow {
        id: samples::pack(),
        name: Some("Acme".into()),
        own: true,
        since: samples::AT,
        newer_rules: Some(samples::AT),
    };
    let log = LogRow {
        pack: 3,
        opening: codec::encode(&samples::opening()),
        base: None,
    };
    let mut seeds = vec![
        seed("pack", codec::encode(&pack)),
        seed("log", codec::encode(&log)),
        seed("head", codec::encode(&samples::run().head)),
        seed("joining", [&[2][..], &[0xa0]].concat()),
        seed("reports that wait", [&[5][..], &[0x80]].concat()),
        seed(
            "how long reports are kept",
            [&[7][..], &[0x81, 0x07]].concat(),
        ),
        seed(
            "archived",
            [&[8][..], &codec::encode(&BTreeSet::from([samples::pack()]))].concat(),
        ),
    ];
    for (which, name) in [(0, "identity"), (1, "life")] {
        seeds.push(seed(name, [&[which][..], &own_setting(name)].concat()));
    }
    seeds
}

/// A setting as a new device writes it.
fn own_setting(name: &str) -> Vec<u8> {
    let mut rng = Dice::new(2).fork();
    let (disk, master) = (SimDisk::new(), MasterKey::from_bytes([7; 32]));
    let mut store = Store::open_backend(disk.backend(), &master, &mut *rng).unwrap();
    Node::initialise(&mut store, "Ada", "laptop", &mut *rng).unwrap();
    drop(Node::open(store, Dice::new(3).fork(), None, |_| Ok(())).unwrap());
    let store = Store::open_backend(disk.backend(), &master, &mut *rng).unwrap();
    store
        .setting(name)
        .unwrap()
        .expect("a device has it")
        .to_vec()
}

/// Goal: names in the list and names that are asked for cannot drift apart.
#[test]
fn a_target_is_found_by_its_name() {
    let names: BTreeSet<&str> = TARGETS.iter().map(|target| target.name).collect();
    assert_eq!(names.len(), TARGETS.len());
    for name in names {
        assert_eq!(target(name).name, name);
    }
}
