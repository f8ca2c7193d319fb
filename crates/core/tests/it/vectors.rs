//! Our own vectors: records from fixed inputs and the bytes they had when the format was made. They
//! never change; when one of these tests fails, the code has broken the format.

use crate::cbor;
use crate::decoders;
use crate::samples;
use data_encoding::HEXLOWER;
use kitbag_core::codec;
use kitbag_core::content::report::report_tag;
use kitbag_core::content::{
    BODY_PLAIN_BYTES_MAX, EntryBody, VerifiedEntry, pack_body, unpack_body,
};
use kitbag_core::id::PackId;
use kitbag_core::policy::Sensitivity;
use kitbag_core::policy::op::Act;
use kitbag_core::policy::rules::Rules;
use kitbag_core::sync::tree::{LeafHash, Prefix};
use kitbag_core::ticket::{Ticket, check_words};
use kitbag_core::wire::TreePart;
use kitbag_crypto::{HashLabel, Hasher, SealLabel, open};
use serde_json::{Value, json};

/// One frozen case: what it is, its bytes, and what follows from them.
struct Case {
    name: String,
    bytes: Vec<u8>,
    gives: Vec<(&'static str, String)>,
}

impl Case {
    fn new(name: &str, bytes: &[u8], gives: Vec<(&'static str, String)>) -> Case {
        Case {
            name: name.into(),
            bytes: bytes.to_vec(),
            gives,
        }
    }

    fn json(&self) -> Value {
        let mut case = json!({ "name": self.name, "bytes": HEXLOWER.encode(&self.bytes) });
        for (key, value) in &self.gives {
            case[*key] = value.clone().into();
        }
        case
    }
}

/// Compares with the frozen file; shows the whole of what it should hold if it does not.
fn assert_frozen(file: &str, frozen: &str, cases: &[Case]) {
    let actual = Value::Array(cases.iter().map(Case::json).collect());
    let frozen: Value = serde_json::from_str(frozen).expect("the file is JSON");
    if frozen != actual {
        let shown = serde_json::to_string_pretty(&actual).expect("JSON");
        panic!("{file} is not as frozen; now it would be\n{shown}\nend of {file}");
    }
}

fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

#[test]
fn policy_records_are_as_frozen() {
    let mut cases = Vec::new();
    for (name, device) in [
        ("person Ada", samples::ada()),
        ("person Ben", samples::ben()),
    ] {
        let person = &device.person;
        let gives = vec![
            ("person", hex(person.person().as_bytes())),
            ("hash", hex(person.hash().as_bytes())),
        ];
        cases.push(Case::new(name, person.bytes(), gives));
    }
    for (name, op) in samples::ops() {
        let gives = vec![
            ("hash", hex(op.hash().as_bytes())),
            ("pack", hex(op.pack().as_bytes())),
            ("log", hex(op.log().as_bytes())),
        ];
        cases.push(Case::new(name, op.bytes(), gives));
    }
    cases.push(Case::new(
        "redeem",
        &codec::encode(&samples::redeem()),
        vec![],
    ));
    assert_frozen(
        "policy.json",
        include_str!("../vectors/policy.json"),
        &cases,
    );
}

#[test]
fn receipts_and_selections_are_as_frozen() {
    let mut cases = Vec::new();
    for (name, receipt) in samples::receipts() {
        let gives = vec![
            ("person", hex(receipt.person().as_bytes())),
            ("device", hex(receipt.device().as_bytes())),
        ];
        cases.push(Case::new(name, receipt.bytes(), gives));
    }
    for (name, receipt) in samples::hygiene_receipts() {
        let gives = vec![
            ("person", hex(receipt.person().as_bytes())),
            ("device", hex(receipt.device().as_bytes())),
        ];
        cases.push(Case::new(name, receipt.bytes(), gives));
    }
    let selection = samples::selection();
    let gives = vec![("digest", hex(&selection.digest()))];
    cases.push(Case::new("selection", &selection.encode(), gives));
    assert_frozen(
        "receipts.json",
        include_str!("../vectors/receipts.json"),
        &cases,
    );
}

/// The rules as they are sealed in the last of the operations, the client's id, and what opens them.
#[test]
fn rules_are_as_frozen() {
    let rules = samples::rules();
    let client = rules.client.as_ref().expect("there is one").id();
    let Act::Rules { epoch, sealed } = samples::rules_act() else {
        unreachable!("the sample is one");
    };
    let device = samples::ada().person.certificate().device;
    let header = (samples::pack(), Sensitivity::Public, epoch, device);
    let header = codec::encode(&header);
    let key = samples::epoch_key();
    let plain = open(
        SealLabel::Rules,
        &[0; 32],
        key.danger_expose(),
        &header,
        &sealed,
    )
    .expect("opens under the key that the samples name");
    assert_eq!(plain.len() + kitbag_crypto::SEAL_OVERHEAD, sealed.len());
    let gives = vec![
        ("client", hex(client.as_bytes())),
        ("associated_data", hex(&header)),
        ("frame", hex(&plain)),
        ("sealed", hex(&sealed)),
    ];
    let empty = Rules::default();
    let naming = samples::naming_rules();
    let escalating = samples::escalating_rules();
    let cases = [
        Case::new("rules", &codec::encode(&rules), gives),
        Case::new("no rules", &codec::encode(&empty), vec![]),
        Case::new(
            "rules that name ids, fields and a retention",
            &codec::encode(&naming),
            vec![],
        ),
        Case::new(
            "rules that say when a case is handed over, and name teams",
            &codec::encode(&escalating),
            vec![],
        ),
    ];
    for (case, rules) in cases.iter().zip([rules, empty, naming, escalating]) {
        assert_eq!(Rules::decode(&case.bytes), Ok(rules), "{}", case.name);
    }
    assert_frozen("rules.json", include_str!("../vectors/rules.json"), &cases);
}

fn header_case(name: &str, entry: &VerifiedEntry) -> Case {
    let header = entry.header();
    let optional = |bytes: Option<[u8; 32]>| bytes.map(|bytes| hex(&bytes)).unwrap_or_default();
    let gives = vec![
        ("hash", hex(entry.hash().as_bytes())),
        ("associated_data", hex(&header.associated_data())),
        ("body_hash", optional(header.body)),
        ("wrap_hash", optional(header.wrap)),
        (
            "object",
            header
                .object
                .map(|tag| hex(tag.as_bytes()))
                .unwrap_or_default(),
        ),
    ];
    Case::new(&format!("header: {name}"), &entry.raw().header, gives)
}

#[test]
fn content_records_are_as_frozen() {
    let mut cases = Vec::new();
    for (name, opening) in [
        ("opening", samples::opening()),
        ("opening after another", samples::opening_after()),
    ] {
        cases.push(Case::new(
            name,
            &codec::encode(&opening),
            vec![("log", hex(opening.log_id().as_bytes()))],
        ));
    }
    let entries = samples::entries().into_iter();
    cases.extend(entries.map(|(name, entry)| header_case(name, &entry)));
    let run = samples::run();
    let position = codec::encode(&run.head.position);
    cases.push(Case::new(
        "signed head",
        &codec::encode(&run.head),
        vec![("signed", hex(&position))],
    ));
    cases.push(Case::new(
        "run",
        &codec::encode(&run),
        vec![("note", hex(samples::note().as_bytes()))],
    ));
    let entries = samples::moving_entries().into_iter();
    cases.extend(entries.map(|(name, entry)| header_case(name, &entry)));
    let entries = samples::long_entries().into_iter();
    cases.extend(entries.map(|(name, entry)| header_case(name, &entry)));
    assert_frozen(
        "content.json",
        include_str!("../vectors/content.json"),
        &cases,
    );
}

#[test]
fn reports_are_as_frozen() {
    let reports = samples::reports().into_iter();
    let mut cases: Vec<Case> = reports
        .map(|(name, report)| Case::new(name, &report.to_bytes(), vec![]))
        .collect();
    for (name, row, signed) in samples::own_reports() {
        let gives = vec![
            ("row", hex(&codec::encode(&row))),
            ("hash", hex(signed.hash().as_bytes())),
        ];
        cases.push(Case::new(name, &signed.to_bytes(), gives));
    }
    let device = samples::ada().signing.verifying_key().into();
    let tag = report_tag(samples::pack(), device);
    cases.push(Case::new("tag of the reports", tag.as_bytes(), vec![]));
    assert_frozen("audit.json", include_str!("../vectors/audit.json"), &cases);
}

/// What deflate makes of a record may change with its compressor; that it inflates to it may not.
#[test]
fn body_frames_are_as_frozen() {
    let frozen: Vec<Value> =
        serde_json::from_str(include_str!("../vectors/bodies.json")).expect("JSON");
    let mut cases = Vec::new();
    for (at, (name, body)) in samples::bodies().into_iter().enumerate() {
        let frame = pack_body(&body).expect("short");
        let is_stored = frame[0] == 0;
        let kept = frozen
            .get(at)
            .and_then(|case| HEXLOWER.decode(case["bytes"].as_str()?.as_bytes()).ok());
        let frame = kept
            .filter(|kept| !is_stored && unpack_body(kept).as_ref() == Ok(&body))
            .unwrap_or(frame);
        cases.push(Case::new(
            name,
            &frame,
            vec![("record", hex(&codec::encode(&body)))],
        ));
    }
    assert_frozen(
        "bodies.json",
        include_str!("../vectors/bodies.json"),
        &cases,
    );
    let decoded: Vec<EntryBody> = samples::bodies()
        .into_iter()
        .map(|(_, body)| body)
        .collect();
    for (case, body) in cases.iter().zip(decoded) {
        assert_eq!(
            codec::decode(&codec::encode(&body), BODY_PLAIN_BYTES_MAX),
            Ok(body),
            "{}",
            case.name
        );
    }
}

/// The run's entries open with the keys that the samples name, and hold the sample bodies.
#[test]
fn sealed_bodies_open_with_their_keys() {
    let entries = samples::entries();
    let (_, create) = &entries[1];
    let (aad, epoch_key) = (create.header().associated_data(), samples::epoch_key());
    let wrap = create.raw().wrap.as_ref().expect("a create has one");
    let item_key = open(
        SealLabel::ItemKey,
        &[0; 32],
        epoch_key.danger_expose(),
        &aad,
        wrap,
    )
    .expect("opens");
    assert_eq!(*item_key, samples::item_key().danger_expose());
    let salt = item_key[..].try_into().expect("32 bytes");
    let body = create.raw().body.as_ref().expect("a create has one");
    let plain = open(
        SealLabel::Record,
        salt,
        epoch_key.danger_expose(),
        &aad,
        body,
    )
    .expect("opens");
    assert_eq!(unpack_body(&plain).as_ref(), Ok(&samples::bodies()[0].1));
    assert_eq!(plain.len(), create.header().padded_len as usize);
}

#[test]
fn epochs_and_wraps_are_as_frozen() {
    let mut cases = Vec::new();
    for (name, epoch) in [
        ("epoch", samples::epoch()),
        ("second epoch", samples::second_epoch()),
    ] {
        cases.push(Case::new(
            name,
            epoch.bytes(),
            vec![("id", hex(epoch.id().as_bytes()))],
        ));
    }
    cases.push(Case::new("wrap set", &samples::wrap_set(), vec![]));
    assert_frozen(
        "epochs.json",
        include_str!("../vectors/epochs.json"),
        &cases,
    );
}

/// The second epoch's key reaches Ben by the wrap, and the first one's by the second.
#[test]
fn wrapped_and_parent_keys_open() {
    let (ben, epoch) = (samples::ben(), samples::second_epoch());
    let set = kitbag_core::epoch::WrapSet::verify(&samples::wrap_set()).expect("verifies");
    let key = set
        .open(&epoch, ben.person.certificate().device, &ben.wrap)
        .expect("opens");
    assert_eq!(
        key.danger_expose(),
        samples::second_epoch_key().danger_expose()
    );
    let parents = epoch.open_parent_keys(&key);
    let [(parent, parent_key)] = &parents[..] else {
        panic!("one parent")
    };
    assert_eq!(*parent, samples::epoch().id());
    assert!(samples::epoch().commits_to(parent_key));
    assert!(!samples::epoch().commits_to(&key));
}

#[test]
fn tickets_and_joining_are_as_frozen() {
    let mut cases = Vec::new();
    for (name, ticket) in samples::tickets() {
        let text = ticket.danger_text().to_string();
        let bytes = iroh_tickets::Ticket::encode_bytes(&ticket);
        let read = Ticket::parse(&text).expect("its own text");
        assert_eq!(*read.danger_text(), text);
        let invite_key = ticket.invite_key();
        let gives = vec![
            ("text", text),
            ("invite_key", hex(invite_key.verifying_key().as_bytes())),
        ];
        cases.push(Case::new(name, &bytes, gives));
    }
    let channel = samples::channel();
    let invite_key = samples::ticket_secret().invite_key();
    let proof = codec::encode(&channel.prove(&invite_key));
    assert!(channel.is_proven_by(
        invite_key.verifying_key().as_bytes(),
        &channel.prove(&invite_key)
    ));
    cases.push(Case::new(
        "join channel",
        &codec::encode(&channel),
        vec![("proof", hex(&proof))],
    ));
    cases.push(Case::new(
        "join request",
        &codec::encode(&samples::join_request()),
        vec![],
    ));
    for (name, answer) in samples::join_answers() {
        cases.push(Case::new(
            &format!("join answer: {name}"),
            &codec::encode(&answer),
            vec![],
        ));
    }
    let (ada, ben) = (
        samples::ada().person.person(),
        samples::ben().person.person(),
    );
    for (name, pack) in [
        ("check words", samples::pack()),
        ("check words in another pack", PackId::from_bytes([0; 32])),
    ] {
        let words = check_words(pack, ada, ben);
        assert_eq!(words, check_words(pack, ben, ada));
        cases.push(Case::new(name, pack.as_bytes(), vec![("words", words)]));
    }
    let (name, ticket) = samples::ticket_for_several();
    let text = ticket.danger_text().to_string();
    assert_eq!(Ticket::parse(&text).expect("its own text").uses, Some(3));
    let bytes = iroh_tickets::Ticket::encode_bytes(&ticket);
    cases.push(Case::new(name, &bytes, vec![("text", text)]));
    for (name, answer) in samples::waiting_answers() {
        cases.push(Case::new(
            &format!("join answer: {name}"),
            &codec::encode(&answer),
            vec![],
        ));
    }
    assert_frozen(
        "joining.json",
        include_str!("../vectors/joining.json"),
        &cases,
    );
}

#[test]
fn messages_are_as_frozen() {
    let case = |(name, message): (&str, kitbag_core::wire::Message)| {
        Case::new(name, &message.encode(), vec![])
    };
    let cases: Vec<Case> = samples::messages().into_iter().map(case).collect();
    assert_frozen(
        "messages.json",
        include_str!("../vectors/messages.json"),
        &cases,
    );
}

#[test]
fn trees_are_as_frozen() {
    let mut cases = Vec::new();
    for n in [0, 1, 64, 65, 1000] {
        let leaves = samples::leaves(n);
        let mut bytes = Vec::new();
        if let TreePart::Children { hashes, .. } = leaves.describe(&Prefix::root(), true) {
            hashes
                .iter()
                .for_each(|hash| bytes.extend_from_slice(&hash.0));
        }
        let name = format!("children of {n} packs");
        cases.push(Case::new(
            &name,
            &bytes,
            vec![("root", hex(&leaves.root().0))],
        ));
    }
    cases.push(Case::new("leaf", &[], vec![("hash", hex(&leaf().0))]));
    assert_frozen("tree.json", include_str!("../vectors/tree.json"), &cases);
}

/// Goal: a sketch is what `docs/spec/sync.md`, "Sketch", says, computed here without the code for it.
#[test]
fn sketches_are_as_specified() {
    const PRIME: u128 = (1 << 61) - 1;
    let sixty_bits = |bytes: &[u8]| {
        let first = bytes.iter().take(8);
        first.fold(0u128, |bits, byte| bits << 8 | u128::from(*byte)) >> 4
    };
    for n in [2, 5, 1000] {
        let leaves = samples::leaves(n);
        let mut sums = [[0u128; 2]; 21];
        for (pack, leaf) in leaves.iter() {
            let (number, amount) = (sixty_bits(pack.as_bytes()), sixty_bits(&leaf.0) + 1);
            for row in 0..3usize {
                let bits = (number >> (20 * row)) & 0xf_ffff;
                let cell = &mut sums[7 * row + (bits % 7) as usize];
                cell[0] = (cell[0] + amount) % PRIME;
                cell[1] = (cell[1] + number * amount) % PRIME;
            }
        }
        let mut expected = vec![0x59, 0x01, 0x50];
        for sum in sums.iter().flatten() {
            expected.extend_from_slice(&(*sum as u64).to_be_bytes());
        }
        let sketch = leaves.sketch().expect("more than one pack");
        assert_eq!(kitbag_core::codec::encode(sketch), expected);
    }
    assert_eq!(samples::leaves(1).sketch(), None);
}

/// The leaf of a pack with the sample records, written down from `docs/spec/sync.md`, "Leaf".
fn leaf() -> LeafHash {
    let mut leaf = Hasher::new(HashLabel::TreeLeaf);
    let (genesis, ada, run, epoch) = (
        samples::genesis(),
        samples::ada(),
        samples::run(),
        samples::epoch(),
    );
    leaf.part(samples::pack().as_bytes());
    leaf.part(genesis.log().as_bytes());
    leaf.part(genesis.hash().as_bytes());
    leaf.part(ada.person.hash().as_bytes());
    for sensitivity in [Sensitivity::Public, Sensitivity::Internal] {
        leaf.part(&[sensitivity as u8]);
        if sensitivity == Sensitivity::Internal {
            leaf.part(run.head.position.log.as_bytes());
            leaf.part(&run.head.position.seq.to_be_bytes());
            leaf.part(run.head.position.hash.as_bytes());
            leaf.part(epoch.id().as_bytes());
        }
    }
    LeafHash(*leaf.finish().as_bytes())
}

/// Decoding gives what was encoded, byte for byte, and an independent reader finds the encoding to be
/// the deterministic one.
#[test]
fn every_sample_has_one_encoding() {
    for decoder in decoders::all() {
        for sample in &decoder.samples {
            assert_eq!(
                (decoder.decode)(sample).as_ref(),
                Ok(sample),
                "{}",
                decoder.name
            );
            let item = cbor::read(sample).expect("CBOR of definite lengths");
            assert!(cbor::is_deterministic(sample, &item), "{}", decoder.name);
            for inside in cbor::records_inside(sample) {
                let record = &sample[inside.body..inside.end];
                let item = cbor::read(record).expect("found because it reads");
                assert!(
                    cbor::is_deterministic(record, &item),
                    "inside {}",
                    decoder.name
                );
            }
        }
    }
}
