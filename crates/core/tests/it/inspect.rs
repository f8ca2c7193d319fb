//! Looking at bytes: every frozen record is recognised, and nothing that comes in does harm.

use crate::decoders;
use crate::samples;
use data_encoding::{BASE32_NOPAD, HEXLOWER};
use kitbag_core::codec;
use kitbag_core::inspect::{INSPECT_BYTES_MAX, Part, Value, inspect};
use kitbag_core::ticket::Ticket;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use serde_json::Value as Json;

fn field<'p>(part: &'p Part, name: &str) -> &'p Value {
    let found = part.fields.iter().find(|(field, _)| *field == name);
    &found
        .unwrap_or_else(|| panic!("{} has no {name}", part.kind))
        .1
}

fn text(part: &Part, name: &str) -> String {
    match field(part, name) {
        Value::Text(text) => text.clone(),
        other => panic!("{name}: {other:?}"),
    }
}

/// The kind that a frozen case is shown as, by its file and name; none for what never travels or is
/// stored by itself.
fn kind_of(file: &str, name: &str) -> Option<&'static str> {
    Some(match (file, name) {
        ("policy", name) if name.starts_with("person") => "person record",
        ("policy", "redeem") => "request to redeem",
        ("policy", _) => "policy operation",
        ("content", name) if name.starts_with("opening") => "opening of a content log",
        ("content", name) if name.starts_with("header") => "header of an entry",
        ("content", "signed head") => "signed head",
        ("content", "run") => "run of entries",
        ("epochs", "wrap set") => "set of wraps",
        ("epochs", _) => "epoch",
        ("messages", _) => "sync message",
        ("joining", "join request") => "join request",
        ("joining", name) if name.starts_with("join answer") => "join answer",
        _ => return None,
    })
}

#[test]
fn every_frozen_record_is_recognised_raw_in_hex_and_in_base32() {
    let files = [
        ("policy", include_str!("../vectors/policy.json")),
        ("content", include_str!("../vectors/content.json")),
        ("epochs", include_str!("../vectors/epochs.json")),
        ("messages", include_str!("../vectors/messages.json")),
        ("joining", include_str!("../vectors/joining.json")),
        ("bodies", include_str!("../vectors/bodies.json")),
    ];
    let mut recognised = 0;
    for (file, json) in files {
        let cases: Json = serde_json::from_str(json).unwrap();
        for case in cases.as_array().unwrap() {
            let (Some(name), Some(hex)) = (case["name"].as_str(), case["bytes"].as_str()) else {
                continue;
            };
            let Ok(bytes) = HEXLOWER.decode(hex.as_bytes()) else {
                continue;
            };
            let base32 = BASE32_NOPAD.encode(&bytes).to_ascii_lowercase();
            let all = [
                inspect(&bytes),
                inspect(hex.as_bytes()),
                inspect(base32.as_bytes()),
            ];
            if let Some(kind) = kind_of(file, name) {
                for (shown, read_as) in all.iter().zip(["raw bytes", "hex", "base32"]) {
                    let shown = shown
                        .as_ref()
                        .unwrap_or_else(|e| panic!("{file} {name}: {e}"));
                    assert!(
                        shown.record.kind.starts_with(kind),
                        "{name}: {}",
                        shown.record.kind
                    );
                    assert_eq!(shown.read_as, read_as, "{file} {name}");
                }
                recognised += 1;
            }
            if let (Ok(shown), Some(hash)) = (&all[0], case["hash"].as_str())
                && shown.record.kind != "person record"
            {
                let hash = BASE32_NOPAD.encode(&HEXLOWER.decode(hash.as_bytes()).unwrap());
                assert_eq!(
                    text(&shown.record, "hash"),
                    hash.to_ascii_lowercase(),
                    "{name}"
                );
            }
        }
    }
    assert!(recognised == 50, "{recognised} frozen records recognised");
}

#[test]
fn signatures_are_said_to_hold_or_not() {
    let run = codec::encode(&samples::run());
    let good = [
        samples::genesis().bytes().to_vec(),
        samples::ada().person.bytes().to_vec(),
        samples::second_epoch().bytes().to_vec(),
        samples::wrap_set(),
        codec::encode(&samples::redeem()),
        run,
    ];
    for bytes in good {
        let shown = inspect(&bytes).unwrap().record;
        assert_eq!(text(&shown, "signatures"), "hold", "{}", shown.kind);
        let mut forged = bytes;
        *forged.last_mut().unwrap() ^= 1;
        let shown = inspect(&forged).unwrap().record;
        let said = text(&shown, "signatures");
        assert!(said.starts_with("do not hold"), "{}: {said}", shown.kind);
    }
}

#[test]
fn a_run_from_the_middle_of_a_log_is_checked_from_its_own_start() {
    let mut run = samples::run();
    run.entries.remove(0);
    let shown = inspect(&codec::encode(&run)).unwrap().record;
    assert_eq!(text(&shown, "signatures"), "hold");
    run.entries.remove(1);
    let shown = inspect(&codec::encode(&run)).unwrap().record;
    assert!(text(&shown, "signatures").starts_with("do not hold"));
}

#[test]
fn a_tickets_secret_is_never_shown() {
    let ticket = Ticket::new(
        samples::pack(),
        samples::invite(),
        samples::ticket_secret(),
        vec![],
    );
    let shown = inspect(ticket.danger_text().as_bytes()).unwrap();
    assert_eq!(shown.record.kind, "ticket");
    assert_eq!(text(&shown.record, "pack"), samples::pack().to_string());
    let all = format!("{shown:?}");
    let secret = [9u8; 32];
    for shape in [
        HEXLOWER.encode(&secret),
        BASE32_NOPAD.encode(&secret),
        BASE32_NOPAD.encode(&secret).to_ascii_lowercase(),
        format!("{secret:?}"),
    ] {
        assert!(!all.contains(&shape), "{all}");
    }
    let mut text = ticket.danger_text().to_string();
    text.truncate(text.len() - 5);
    let error = inspect(text.as_bytes()).unwrap_err();
    assert_eq!(error.layer, "ticket");
    assert!(!error.reason.contains(&text[20..40]));
}

#[test]
fn a_frame_with_its_length_and_an_id_are_recognised() {
    let (_, message) = &samples::messages()[0];
    let body = message.encode();
    let mut frame = (body.len() as u32).to_be_bytes().to_vec();
    frame.extend(&body);
    let shown = inspect(&frame).unwrap().record;
    assert_eq!(shown.kind, "frame");
    assert!(matches!(field(&shown, "holds"), Value::Part(part) if part.kind.starts_with("sync")));
    let id = samples::pack().to_string();
    let shown = inspect(format!(" {id}\n").as_bytes()).unwrap();
    assert_eq!((shown.read_as, shown.record.kind), ("base32", "id or hash"));
    assert_eq!(text(&shown.record, "base32"), id);
}

/// Goal: what is wrong is named by layer, and the input is not repeated.
#[test]
fn what_is_no_record_is_named_by_layer() {
    let mut cut = samples::genesis().bytes().to_vec();
    cut.truncate(cut.len() - 1);
    let mut long = vec![0x58];
    long.extend([0xff; 40]);
    let cases: Vec<(Vec<u8>, &str, &str)> = vec![
        (vec![], "input", "nothing"),
        (b" \n\t".to_vec(), "input", "nothing"),
        (vec![b'a'; INSPECT_BYTES_MAX + 1], "input", "limit"),
        (b"hello, world".to_vec(), "encoding", "no hex"),
        (b"kitbag1".to_vec(), "ticket", ""),
        (b"kitbag9abcdefgh".to_vec(), "encoding", ""),
        (cut, "bytes", "not well-formed"),
        (long, "bytes", "not well-formed"),
        (vec![0x01], "bytes", "none of the records"),
        (b"01".to_vec(), "bytes", "none of the records"),
    ];
    for (bytes, layer, part) in cases {
        let start = &bytes[..bytes.len().min(20)];
        let error = inspect(&bytes).expect_err(&format!("{start:?}"));
        assert_eq!(error.layer, layer, "{start:?}: {error}");
        assert!(error.reason.contains(part), "{start:?}: {error}");
        assert!(error.to_string().len() < 200, "{error}");
    }
    let op = samples::genesis();
    let mut inner = op.op().clone();
    inner.heads = vec![op.hash(), op.hash()];
    let broken = kitbag_core::policy::op::SignedOp::sign(inner, &samples::ada().signing);
    let shown = inspect(broken.bytes()).unwrap().record;
    assert!(text(&shown, "signatures").contains("breaks a rule"));
}

/// Goal: 10,000 inputs, random or damaged, neither panic nor get an answer without bound.
#[test]
fn hostile_input_gets_a_bounded_answer() {
    let samples: Vec<&Vec<u8>> = decoders::all().iter().flat_map(|d| &d.samples).collect();
    let mut rng = ChaCha20Rng::from_seed([5; 32]);
    let mut below = |n: usize| (rng.next_u64() % n.max(1) as u64) as usize;
    let mut read = 0;
    for round in 0..10_000 {
        let mut bytes = samples[below(samples.len())].clone();
        match round % 4 {
            0 => bytes = (0..below(300)).map(|_| below(256) as u8).collect(),
            1 => bytes.truncate(below(bytes.len())),
            2 => {
                for _ in 0..1 + below(3) {
                    let at = below(bytes.len());
                    bytes[at] = below(256) as u8;
                }
            }
            _ => {
                let (at, other) = (below(bytes.len()), samples[below(samples.len())]);
                bytes.truncate(at);
                bytes.extend(&other[below(other.len())..]);
            }
        }
        match inspect(&bytes) {
            Ok(shown) => {
                read += 1;
                let length = format!("{shown:?}").len();
                assert!(
                    length < 400_000,
                    "{length} characters about {} bytes",
                    bytes.len()
                );
            }
            Err(error) => assert!(error.to_string().len() < 200, "{error}"),
        }
    }
    assert!(read > 100, "{read} were still records");
}
