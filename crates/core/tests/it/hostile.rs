//! Bytes that nobody honest sends: each decoder names what is wrong, and none panics or takes memory
//! for a length that it was only told.

use crate::cbor::{self, Fault};
use crate::decoders::{self, Decoder, named};
use crate::samples;
use kitbag_core::codec::{self, CodecError};
use kitbag_core::content::{
    EntryHeader, EntryKind, HEADER_BYTES_MAX, LogOpening, LogPosition, RUN_BYTES_MAX,
    RUN_ENTRIES_MAX, RawEntry, Run, RunRefused, SMALL_RECORD_BYTES_MAX, SignedHead, VerifiedRun,
    body_hash, wrap_hash,
};
use kitbag_core::epoch::{
    EPOCH_BYTES_MAX, Epoch, EpochError, SignedEpoch, WRAP_SET_BYTES_MAX, WrapSet,
};
use kitbag_core::hygiene_receipt::{
    HYGIENE_RECEIPT_BYTES_MAX, SignedHygieneReceipt, is_meant_as_one,
};
use kitbag_core::id::{EndpointId, EntryHash, SignatureBytes};
use kitbag_core::person::{PERSON_OP_BYTES_MAX, PersonError, SignedPersonOp};
use kitbag_core::policy::op::{OP_BYTES_MAX, OpError, REDEEM_BYTES_MAX, Redeem, SignedOp};
use kitbag_core::receipt::{RECEIPT_BYTES_MAX, ReceiptError, SignedReceipt};
use kitbag_core::ticket::{PeerHint, TICKET_CHARS_MAX, Ticket, TicketError};
use kitbag_core::wire::{FRAME_BYTES_MAX, Message};
use kitbag_crypto::{Hash, HashLabel, SignLabel, SigningKey};
use proptest::prelude::*;

// ---- One fault at a time -----------------------------------------------------------------------

#[test]
fn every_truncation_is_malformed() {
    for decoder in decoders::all().iter().chain([decoders::body_frame()]) {
        for sample in &decoder.samples {
            for cut in 0..sample.len() {
                expect(
                    decoder,
                    &sample[..cut],
                    "Malformed",
                    &format!("cut at {cut}"),
                );
            }
        }
    }
}

#[test]
fn every_trailing_byte_is_noticed() {
    for decoder in decoders::all() {
        for sample in &decoder.samples {
            for byte in [0x00, 0xf6, 0xff] {
                expect(
                    decoder,
                    &[&sample[..], &[byte]].concat(),
                    "NotCanonical",
                    "trailing byte",
                );
            }
        }
    }
    let frame = decoders::body_frame();
    for sample in &frame.samples {
        expect(
            frame,
            &[&sample[..], &[0]].concat(),
            "Malformed",
            "trailing byte",
        );
    }
}

/// In each record, and in the records inside it, at every place where the fault can be made.
#[test]
fn no_second_spelling_is_taken() {
    let mut tried = 0;
    for decoder in decoders::all() {
        for sample in &decoder.samples {
            for (fault, spelt) in misspelt(sample, decoder.looks_inside) {
                tried += 1;
                let verdict = (decoder.decode)(&spelt);
                match (fault, verdict) {
                    // What is optional may be missing; then another record is read, or refused.
                    (Fault::KeyMissing, Ok(again)) => assert_eq!(again, spelt, "{}", decoder.name),
                    (Fault::KeyMissing, Err(_)) => {}
                    (Fault::Endless, verdict) => {
                        assert_named(verdict, &["Malformed"], decoder, fault);
                    }
                    (Fault::Indefinite | Fault::Tagged, verdict) => {
                        assert_named(verdict, &["Malformed", "NotCanonical"], decoder, fault);
                    }
                    (_, verdict) => assert_named(verdict, &["NotCanonical"], decoder, fault),
                }
            }
        }
    }
    assert!(tried > 8_000, "only {tried} spellings were tried");
}

fn misspelt(sample: &[u8], looks_inside: bool) -> Vec<(Fault, Vec<u8>)> {
    let mut all = cbor::misspelt(sample);
    for inside in cbor::records_inside(sample).iter().filter(|_| looks_inside) {
        let record = &sample[inside.body..inside.end];
        let spelt = cbor::misspelt(record).into_iter();
        all.extend(spelt.map(|(fault, record)| (fault, cbor::replace(sample, inside, &record))));
    }
    all
}

fn assert_named(verdict: Result<Vec<u8>, String>, names: &[&str], decoder: &Decoder, fault: Fault) {
    let error = verdict.expect_err(decoder.name);
    let is_named = names.iter().any(|name| error.contains(name));
    assert!(is_named, "{}: {fault:?} was called {error}", decoder.name);
}

fn expect(decoder: &Decoder, bytes: &[u8], name: &str, what: &str) {
    let error = (decoder.decode)(bytes).expect_err(what);
    assert!(
        error.contains(name),
        "{}: {what} was called {error}",
        decoder.name
    );
}

#[test]
fn longer_than_its_kind_may_be_is_refused_unread() {
    let too_long = |limit: usize| CodecError::TooLong {
        bytes: limit + 1,
        limit,
    };
    let zeros = |limit: usize| vec![0; limit + 1];
    assert_eq!(
        SignedPersonOp::verify(&zeros(PERSON_OP_BYTES_MAX)).unwrap_err(),
        PersonError::Codec(too_long(PERSON_OP_BYTES_MAX))
    );
    assert_eq!(
        SignedOp::verify(&zeros(OP_BYTES_MAX)).unwrap_err(),
        OpError::Codec(too_long(OP_BYTES_MAX))
    );
    assert_eq!(
        Redeem::verify_signatures(&zeros(REDEEM_BYTES_MAX)).unwrap_err(),
        OpError::Codec(too_long(REDEEM_BYTES_MAX))
    );
    assert_eq!(
        SignedEpoch::verify(&zeros(EPOCH_BYTES_MAX)).unwrap_err(),
        EpochError::Codec(too_long(EPOCH_BYTES_MAX))
    );
    assert_eq!(
        WrapSet::verify(&zeros(WRAP_SET_BYTES_MAX)).unwrap_err(),
        EpochError::Codec(too_long(WRAP_SET_BYTES_MAX))
    );
    assert_eq!(
        SignedReceipt::verify(&zeros(RECEIPT_BYTES_MAX)).unwrap_err(),
        ReceiptError::Codec(too_long(RECEIPT_BYTES_MAX))
    );
    assert_eq!(
        SignedHygieneReceipt::verify(&zeros(HYGIENE_RECEIPT_BYTES_MAX)).unwrap_err(),
        ReceiptError::Codec(too_long(HYGIENE_RECEIPT_BYTES_MAX))
    );
    assert_eq!(
        LogOpening::decode(&zeros(SMALL_RECORD_BYTES_MAX)).unwrap_err(),
        RunRefused::Codec(too_long(SMALL_RECORD_BYTES_MAX))
    );
    assert_eq!(
        Message::decode(&zeros(FRAME_BYTES_MAX)).unwrap_err(),
        too_long(FRAME_BYTES_MAX)
    );
    let mut run = samples::run();
    run.entries[0].header = zeros(HEADER_BYTES_MAX);
    assert_eq!(
        VerifiedRun::verify(run, |_| false).unwrap_err(),
        RunRefused::Codec(too_long(HEADER_BYTES_MAX))
    );
    let long = "a".repeat(TICKET_CHARS_MAX + 1);
    assert_eq!(Ticket::parse(&long).unwrap_err(), TicketError::NotATicket);
}

// ---- Versions ----------------------------------------------------------------------------------

/// The map of a record with another version, once in the known shape and once with a key that only
/// that version has.
fn newer(record: &[u8]) -> [Vec<u8>; 2] {
    let item = cbor::read(record).expect("a record is CBOR");
    let version = &item.inner[1];
    let mut same_shape = record.to_vec();
    same_shape[version.start..version.end].copy_from_slice(&[record[version.start] + 1]);
    let entries = &same_shape[item.body..item.end];
    let more = [
        &cbor::head(cbor::MAP, item.argument + 1),
        entries,
        &[0x18, 0x63, 0x00],
    ]
    .concat();
    [same_shape, more]
}

/// `[record, signatures]`, as signed records are enveloped.
fn envelope(record: &[u8], signatures: &[(&SigningKey, SignLabel)]) -> Vec<u8> {
    let mut bytes = cbor::head(cbor::ARRAY, 1 + signatures.len() as u64);
    bytes.extend(cbor::byte_string(record));
    for (key, label) in signatures {
        bytes.extend(cbor::byte_string(key.sign(*label, record).as_bytes()));
    }
    bytes
}

fn record_in(envelope: &[u8]) -> Vec<u8> {
    let item = cbor::read(envelope).expect("an envelope is CBOR");
    envelope[item.inner[0].body..item.inner[0].end].to_vec()
}

#[test]
fn a_newer_person_operation_is_told_apart_once_its_signatures_hold() {
    let (ada, ben) = (samples::ada(), samples::ben());
    for record in newer(&record_in(ada.person.bytes())) {
        let signed = |device, endpoint| {
            let signatures = [
                (device, SignLabel::PersonOp),
                (endpoint, SignLabel::EndpointBinding),
            ];
            SignedPersonOp::verify(&envelope(&record, &signatures)).unwrap_err()
        };
        assert_eq!(
            signed(&ada.signing, &ada.endpoint),
            PersonError::NewerVersion
        );
        assert_eq!(
            signed(&ben.signing, &ada.endpoint),
            PersonError::BadSignature
        );
        assert_eq!(
            signed(&ada.signing, &ben.endpoint),
            PersonError::BadSignature
        );
    }
}

#[test]
fn a_newer_policy_operation_is_told_apart_once_its_signature_holds() {
    for record in newer(&record_in(samples::genesis().bytes())) {
        let signed = |key: &SigningKey| {
            SignedOp::verify(&envelope(&record, &[(key, SignLabel::PolicyOp)])).unwrap_err()
        };
        assert_eq!(signed(&samples::ada().signing), OpError::NewerVersion(2));
        assert_eq!(signed(&samples::ben().signing), OpError::BadSignature);
    }
}

#[test]
fn a_newer_receipt_is_told_apart() {
    for record in newer(&record_in(samples::receipts()[1].1.bytes())) {
        let ada = samples::ada();
        let receipt = envelope(&record, &[(&ada.signing, SignLabel::Receipt)]);
        assert_eq!(
            SignedReceipt::verify(&receipt).unwrap_err(),
            ReceiptError::NewerVersion
        );
    }
}

/// Goal: of which kind a receipt was is known though it was changed, or is of a newer version.
#[test]
fn what_was_meant_as_a_receipt_of_hygiene_is_known() {
    for (_, receipt) in samples::hygiene_receipts() {
        let mut bytes = receipt.bytes().to_vec();
        assert!(is_meant_as_one(&bytes));
        let middle = bytes.len() * 3 / 4;
        bytes[middle] ^= 1;
        assert!(is_meant_as_one(&bytes));
        for record in newer(&record_in(receipt.bytes())) {
            assert!(is_meant_as_one(&envelope(
                &record,
                &[(&samples::ada().signing, SignLabel::HygieneReceipt)]
            )));
        }
    }
    for (_, receipt) in samples::receipts() {
        assert!(!is_meant_as_one(receipt.bytes()));
    }
    assert!(!is_meant_as_one(b""));
}

#[test]
fn a_newer_receipt_of_hygiene_is_told_apart() {
    for record in newer(&record_in(samples::hygiene_receipts()[1].1.bytes())) {
        let ada = samples::ada();
        let receipt = envelope(&record, &[(&ada.signing, SignLabel::HygieneReceipt)]);
        assert_eq!(
            SignedHygieneReceipt::verify(&receipt).unwrap_err(),
            ReceiptError::NewerVersion
        );
    }
}

#[test]
fn a_newer_redeem_request_is_told_apart_once_its_signatures_hold() {
    let (ben, invite_key) = (samples::ben(), samples::ticket_secret().invite_key());
    let mut redeem = Redeem {
        version: 2,
        by_invite: None,
        by_device: None,
        ..samples::redeem()
    };
    let unsigned = codec::encode(&redeem);
    redeem.by_invite = Some(SignatureBytes(
        invite_key.sign(SignLabel::RedeemInvite, &unsigned),
    ));
    redeem.by_device = Some(SignatureBytes(
        ben.signing.sign(SignLabel::Redeem, &unsigned),
    ));
    assert_eq!(
        Redeem::verify_signatures(&codec::encode(&redeem)).unwrap_err(),
        OpError::NewerVersion(2)
    );
}

#[test]
fn newer_epochs_and_wraps_are_told_apart() {
    let ada = samples::ada();
    for record in newer(&record_in(samples::epoch().bytes())) {
        let bytes = envelope(&record, &[(&ada.signing, SignLabel::Epoch)]);
        assert_eq!(
            SignedEpoch::verify(&bytes).unwrap_err(),
            EpochError::NewerVersion
        );
    }
    for record in newer(&record_in(&samples::wrap_set())) {
        let bytes = envelope(&record, &[(&ada.signing, SignLabel::WrapSet)]);
        assert_eq!(
            WrapSet::verify(&bytes).unwrap_err(),
            EpochError::NewerVersion
        );
    }
    let other_suite = Epoch {
        suite: 2,
        ..samples::first_epoch()
    };
    let bytes = SignedEpoch::sign(other_suite, &ada.signing)
        .bytes()
        .to_vec();
    assert_eq!(
        SignedEpoch::verify(&bytes).unwrap_err(),
        EpochError::NewerVersion
    );
}

#[test]
fn newer_logs_and_entries_are_told_apart() {
    for opening in newer(&codec::encode(&samples::opening())) {
        assert_eq!(
            LogOpening::decode(&opening).unwrap_err(),
            RunRefused::NewerVersion
        );
        let run = Run {
            opening,
            ..samples::run()
        };
        assert_eq!(
            VerifiedRun::verify(run, |_| false).unwrap_err(),
            RunRefused::NewerVersion
        );
    }
    for header in newer(&samples::run().entries[0].header) {
        let mut run = samples::run();
        run.entries[0].header = header;
        assert_eq!(
            VerifiedRun::verify(run, |_| false).unwrap_err(),
            RunRefused::NewerVersion
        );
    }
}

#[test]
fn a_newer_ticket_is_told_apart_by_its_name_and_by_its_record() {
    let [(_, ticket), ..] = &samples::tickets()[..] else {
        panic!("there are tickets")
    };
    let text = ticket.danger_text().replacen("kitbag1", "kitbag2", 1);
    assert_eq!(
        Ticket::parse(&text).unwrap_err(),
        TicketError::NewerVersion(2)
    );
    let bytes = iroh_tickets::Ticket::encode_bytes(ticket);
    for record in newer(&bytes[2..bytes.len() - 8]) {
        assert_eq!(
            Ticket::parse(&ticket_text(&record)).unwrap_err(),
            TicketError::NewerVersion(2)
        );
    }
}

/// Goal: a ticket says how many may join with it only if they are several; otherwise it has one form.
#[test]
fn a_ticket_for_one_never_says_so() {
    let (_, several) = samples::ticket_for_several();
    let bytes = iroh_tickets::Ticket::encode_bytes(&several);
    let record = &bytes[2..bytes.len() - 8];
    assert_eq!(record.last(), Some(&3), "the uses stand last");
    for uses in [0, 1] {
        let mut record = record.to_vec();
        *record.last_mut().expect("not empty") = uses;
        assert_eq!(
            Ticket::parse(&ticket_text(&record)).unwrap_err(),
            TicketError::Malformed
        );
    }
    assert_eq!(Ticket::parse(&several.danger_text()).unwrap().uses, Some(3));
    assert_eq!(several.for_uses(1).uses, None);
}

/// A ticket around any bytes, with the length and checksum that belong to them.
fn ticket_text(record: &[u8]) -> String {
    let length = u16::try_from(record.len()).expect("short");
    let sum = Hash::of(HashLabel::TicketChecksum, &[record]);
    let bytes = [&length.to_be_bytes()[..], record, &sum.as_bytes()[..8]].concat();
    format!(
        "kitbag1{}",
        data_encoding::BASE32_NOPAD
            .encode(&bytes)
            .to_ascii_lowercase()
    )
}

// ---- Rules that need nothing else --------------------------------------------------------------

/// Signs a run around changed headers again, so that only the changed rule can refuse it.
fn run_with(
    change: impl Fn(&mut EntryHeader, &mut Run, usize),
    at: usize,
) -> Result<(), RunRefused> {
    let mut run = samples::moving_run();
    run.entries.truncate(at + 1);
    let mut header: EntryHeader = codec::decode(&run.entries[at].header, HEADER_BYTES_MAX).unwrap();
    change(&mut header, &mut run, at);
    run.entries[at].header = codec::encode(&header);
    let mut position = run.head.position;
    (position.seq, position.hash) = (header.seq, samples::hash_of(&header));
    run.head = SignedHead::sign(position, &samples::ada().signing);
    VerifiedRun::verify(run, |_| false).map(|_| ())
}

#[test]
fn entries_that_break_a_rule_are_refused_by_its_name() {
    let refused = |text| Err(RunRefused::Rule(text));
    let (frontier, create, edit, index, profile) = (0, 1, 2, 3, 4);
    for at in [frontier, create, edit, index, profile] {
        assert_eq!(run_with(|_, _, _| {}, at), Ok(()));
        let elsewhere = refused("an entry names its log and pack");
        assert_eq!(
            run_with(
                |header, _, _| header.log = kitbag_core::id::LogId::from_bytes([0; 32]),
                at
            ),
            elsewhere
        );
        assert_eq!(
            run_with(
                |header, _, _| header.pack = kitbag_core::id::PackId::from_bytes([0; 32]),
                at
            ),
            elsewhere
        );
        assert_eq!(
            run_with(|header, _, _| header.seq += 1, at),
            Err(RunRefused::BrokenChain)
        );
    }
    let bare = refused("a frontier is bare");
    assert_eq!(
        run_with(|header, _, _| header.padded_len = 1, frontier),
        bare
    );
    assert_eq!(
        run_with(
            |header, _, _| header.object = Some(samples::note_tag()),
            frontier
        ),
        bare
    );
    assert_eq!(
        run_with(
            |header, _, _| header.epoch = Some(samples::epoch().id()),
            frontier
        ),
        bare
    );
    let wrapped = |header: &mut EntryHeader, run: &mut Run, at: usize| {
        header.wrap = Some(wrap_hash(&[0; 104]));
        run.entries[at].wrap = Some(vec![0; 104]);
    };
    assert_eq!(run_with(wrapped, frontier), bare);
    assert_eq!(run_with(wrapped, profile), refused("a profile has a body"));
    assert_eq!(
        run_with(wrapped, edit),
        refused("an edit has a body and builds on something")
    );
    assert_eq!(
        run_with(|header, _, _| header.deps.clear(), edit),
        refused("an edit has a body and builds on something")
    );
    let descending = |header: &mut EntryHeader, _: &mut Run, _: usize| {
        header.kind = EntryKind::Frontier(vec![samples::genesis().hash(); 2]);
    };
    assert_eq!(
        run_with(descending, frontier),
        refused("frontier heads ascend")
    );
    assert_eq!(
        run_with(|header, _, _| header.padded_len += 1, create),
        refused("a body has its length")
    );
    assert_eq!(
        run_with(|_, run, at| run.entries[at].body = None, create),
        refused("a body matches its header")
    );
    assert_eq!(
        run_with(|_, run, at| run.entries[at].wrap = None, create),
        refused("an item key matches its header")
    );
    let without_body = |header: &mut EntryHeader, run: &mut Run, at: usize| {
        (header.body, run.entries[at].body) = (None, None);
    };
    assert_eq!(
        run_with(without_body, create),
        refused("a create has a body and an item key")
    );
    assert_eq!(
        run_with(without_body, index),
        refused("an index change has a body")
    );
    let other_body = |header: &mut EntryHeader, run: &mut Run, at: usize| {
        let body = vec![0; header.padded_len as usize + 73];
        (header.body, run.entries[at].body) = (Some(body_hash(&body)), Some(body));
    };
    assert_eq!(
        run_with(other_body, create),
        refused("a body has its length")
    );
}

/// Goal: a part of a text has a body and nothing else beside it; a create may build on parts, at most
/// on as many as any entry may.
#[test]
fn parts_and_the_creates_after_them_keep_to_their_form() {
    let refused = |text| Err(RunRefused::Rule(text));
    let part = refused("a part of a text has a body");
    let with = |change: &dyn Fn(&mut EntryHeader, &mut RawEntry), at: usize| {
        let mut run = samples::long_run();
        run.entries.truncate(at + 1);
        let mut header: EntryHeader =
            codec::decode(&run.entries[at].header, HEADER_BYTES_MAX).expect("a header");
        change(&mut header, &mut run.entries[at]);
        run.entries[at].header = codec::encode(&header);
        let mut position = run.head.position;
        (position.seq, position.hash) = (header.seq, samples::hash_of(&header));
        run.head = SignedHead::sign(position, &samples::ada().signing);
        VerifiedRun::verify(run, |_| false).map(|_| ())
    };
    let create = samples::long_run().entries.len() - 1;
    let first = create - 2;
    assert_eq!(with(&|_, _| {}, create), Ok(()));
    assert_eq!(with(&|_, _| {}, first), Ok(()));
    let hashes = |many: u8| -> Vec<EntryHash> {
        (0..many).map(|n| EntryHash::from_bytes([n; 32])).collect()
    };
    assert_eq!(with(&|header, _| header.deps = hashes(64), create), Ok(()));
    assert_eq!(
        with(&|header, _| header.deps = hashes(65), create),
        refused("too many dependencies")
    );
    assert_eq!(
        with(&|header, _| header.deps.reverse(), create),
        refused("dependencies ascend")
    );
    assert_eq!(with(&|header, _| header.deps = hashes(1), first), part);
    assert_eq!(with(&|header, _| header.object = None, first), part);
    assert_eq!(with(&|header, _| header.epoch = None, first), part);
    let without_body = |header: &mut EntryHeader, entry: &mut RawEntry| {
        (header.body, entry.body) = (None, None);
    };
    assert_eq!(with(&without_body, first), part);
    let with_item_key = |header: &mut EntryHeader, entry: &mut RawEntry| {
        header.wrap = Some(wrap_hash(&[0; 104]));
        entry.wrap = Some(vec![0; 104]);
    };
    assert_eq!(with(&with_item_key, first), part);
}

/// Goal: a move has all three parts and builds on something, a moved is a bare header about a note.
#[test]
fn halves_of_moves_are_refused_by_their_rule() {
    let moving = "a move has a body and an item key and builds on something";
    let moved = "a moved names a note, builds on something and is otherwise bare";
    type Spoil = fn(&mut EntryHeader, &mut Run, usize);
    let sealed = |header: &mut EntryHeader, run: &mut Run, at: usize| {
        let body = vec![0; 200];
        header.padded_len = 200 - 72;
        (header.body, run.entries[at].body) = (Some(body_hash(&body)), Some(body));
    };
    let wrapped = |header: &mut EntryHeader, run: &mut Run, at: usize| {
        header.wrap = Some(wrap_hash(&[0; 104]));
        run.entries[at].wrap = Some(vec![0; 104]);
    };
    let cases: [(usize, Spoil, &'static str); 11] = [
        (0, |header, _, _| header.deps.clear(), moving),
        (0, |header, _, _| header.object = None, moving),
        (0, |header, _, _| header.epoch = None, moving),
        (
            0,
            |header, run, at| (header.wrap, run.entries[at].wrap) = (None, None),
            moving,
        ),
        (
            0,
            |header, run, at| (header.body, run.entries[at].body) = (None, None),
            moving,
        ),
        (1, sealed, moved),
        (1, wrapped, moved),
        (1, |header, _, _| header.deps.clear(), moved),
        (1, |header, _, _| header.object = None, moved),
        (1, |header, _, _| header.padded_len = 1, moved),
        (
            1,
            |header, _, _| header.epoch = Some(samples::epoch().id()),
            moved,
        ),
    ];
    let five = samples::entries().len();
    for at in [0, 1] {
        assert_eq!(run_with(|_, _, _| {}, five + at), Ok(()));
    }
    for (n, (at, spoil, rule)) in cases.into_iter().enumerate() {
        assert_eq!(
            run_with(spoil, five + at),
            Err(RunRefused::Rule(rule)),
            "case {n}"
        );
    }
}

#[test]
fn a_run_that_nobody_could_forward_is_refused() {
    let long = refused_length();
    let mut run = samples::run();
    run.entries = vec![run.entries[0].clone(); RUN_ENTRIES_MAX as usize + 1];
    assert_eq!(VerifiedRun::verify(run, |_| false).map(|_| ()), long);
    let mut run = samples::run();
    run.entries[1].body = Some(vec![0; RUN_BYTES_MAX]);
    assert_eq!(VerifiedRun::verify(run, |_| false).map(|_| ()), long);
}

fn refused_length() -> Result<(), RunRefused> {
    Err(RunRefused::Rule("a run keeps to its length"))
}

#[test]
fn a_run_needs_the_signature_of_its_logs_device() {
    let mut run = samples::run();
    run.head = SignedHead::sign(run.head.position, &samples::ben().signing);
    assert_eq!(
        VerifiedRun::verify(run, |_| false).unwrap_err(),
        RunRefused::BadSignature
    );
    let mut run = samples::run();
    run.entries.remove(2);
    assert_eq!(
        VerifiedRun::verify(run, |_| false).unwrap_err(),
        RunRefused::BrokenChain
    );
    let mut run = samples::run();
    run.entries.pop();
    assert_eq!(
        VerifiedRun::verify(run, |_| false).unwrap_err(),
        RunRefused::BrokenChain,
        "the head covers more"
    );
}

#[test]
fn a_repeated_run_does_nothing_and_another_branch_continues_where_it_forks() {
    let (run, entries) = (samples::run(), samples::entries());
    let places: Vec<LogPosition> = entries.iter().map(|(_, e)| e.position()).collect();
    let all = |position: &LogPosition| places.contains(position);
    assert!(VerifiedRun::verify(run, all).unwrap().is_none());
    let mut other = samples::run();
    let mut header = entries[4].1.header().clone();
    header.deps = vec![];
    header.epoch = Some(kitbag_core::id::EpochId::from_bytes([0; 32]));
    other.entries[4].header = codec::encode(&header);
    let mut position = other.head.position;
    position.hash = samples::hash_of(&header);
    other.head = SignedHead::sign(position, &samples::ada().signing);
    let taken = VerifiedRun::verify(other.clone(), all).unwrap().unwrap();
    assert_eq!(taken.base(), Some(places[3]));
    assert_eq!(taken.entries().len(), 1);
    // The same without what it continues: two signed truths, and nothing to put this one on.
    other.entries.drain(..4);
    let nothing = |position: &LogPosition| position.seq == 4 && all(position);
    assert_eq!(
        VerifiedRun::verify(other.clone(), nothing).unwrap_err(),
        RunRefused::Detached(4)
    );
    // A place is known by its number and its entry.
    let elsewhere = |position: &LogPosition| position.hash == places[3].hash && position.seq != 3;
    assert_eq!(
        VerifiedRun::verify(other, elsewhere).unwrap_err(),
        RunRefused::Detached(4)
    );
}

#[test]
fn epochs_that_break_a_rule_are_refused_by_its_name() {
    let refused = |epoch: Epoch, text| {
        let bytes = SignedEpoch::sign(epoch, &samples::ada().signing)
            .bytes()
            .to_vec();
        assert_eq!(
            SignedEpoch::verify(&bytes).unwrap_err(),
            EpochError::Rule(text)
        );
    };
    let (first, second) = (
        samples::first_epoch(),
        samples::second_epoch().epoch().clone(),
    );
    refused(
        Epoch {
            n: 1,
            ..first.clone()
        },
        "only the first epoch has no parent",
    );
    refused(
        Epoch {
            n: 0,
            ..second.clone()
        },
        "only the first epoch has no parent",
    );
    refused(
        Epoch {
            parent_keys: vec![],
            ..second.clone()
        },
        "one sealed key per parent",
    );
    refused(
        Epoch {
            heads: vec![samples::genesis().hash(); 2],
            ..first
        },
        "heads ascend",
    );
    let mut twice = second.clone();
    twice.parents.push(twice.parents[0]);
    refused(twice, "parents ascend");
    let mut twice = second;
    twice.answers.push(twice.answers[0]);
    refused(twice, "answers ascend");
}

/// Otherwise one writer could take the highest number there is, and nobody could go on from it.
#[test]
fn an_epoch_stands_one_above_its_highest_parent() {
    let (first, second) = (samples::epoch(), samples::second_epoch());
    let known = |id: &_| (*id == first.id()).then(|| first.epoch());
    assert!(first.continues_parents(known));
    assert!(second.continues_parents(known));
    assert!(!second.continues_parents(|_| None));
    let far = Epoch {
        n: u64::MAX,
        ..second.epoch().clone()
    };
    assert!(!SignedEpoch::sign(far, &samples::ada().signing).continues_parents(known));
    let other_domain = Epoch {
        domain: kitbag_core::policy::Sensitivity::Restricted,
        ..second.epoch().clone()
    };
    assert!(!SignedEpoch::sign(other_domain, &samples::ada().signing).continues_parents(known));
}

#[test]
fn a_ticket_names_no_more_than_can_be_read() {
    let peer = |n: u8| PeerHint {
        endpoint: EndpointId::from_bytes([n; 32]),
        addresses: vec!["a".repeat(200); 16],
        relay: Some("b".repeat(250)),
    };
    let ticket = Ticket::new(
        samples::pack(),
        samples::invite(),
        samples::ticket_secret(),
        (0..20).map(peer).collect(),
    );
    let text = ticket.danger_text();
    assert!(text.len() <= TICKET_CHARS_MAX);
    assert_eq!(Ticket::parse(&text).unwrap().peers, [peer(0)]);
}

// ---- Anything at all ---------------------------------------------------------------------------

/// Changes to a sample: replaced and removed bytes, and bytes put in between.
fn edits() -> impl Strategy<Value = Vec<(usize, usize, Vec<u8>)>> {
    prop::collection::vec(
        (
            any::<usize>(),
            0..4usize,
            prop::collection::vec(any::<u8>(), 0..4),
        ),
        1..6,
    )
}

fn edited(sample: &[u8], edits: &[(usize, usize, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = sample.to_vec();
    for (at, removed, added) in edits {
        let at = at % (bytes.len() + 1);
        let end = (at + removed).min(bytes.len());
        bytes.splice(at..end, added.iter().copied());
    }
    bytes
}

fn accepts_only_its_own_encoding(decoder: &Decoder, bytes: &[u8]) -> Result<(), TestCaseError> {
    if let Ok(again) = (decoder.decode)(bytes) {
        prop_assert_eq!(&again[..], bytes, "{}", decoder.name);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_never_panic_and_never_have_two_spellings(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        for decoder in decoders::all() {
            accepts_only_its_own_encoding(decoder, &bytes)?;
        }
        let _ = named(kitbag_core::content::unpack_body(&bytes));
        let _ = Ticket::parse(&ticket_text(&bytes));
    }

    #[test]
    fn damaged_records_never_panic_and_never_have_two_spellings(edits in edits(), choice in any::<usize>()) {
        for decoder in decoders::all() {
            let sample = &decoder.samples[choice % decoder.samples.len()];
            accepts_only_its_own_encoding(decoder, &edited(sample, &edits))?;
            if let Some(inside) = cbor::records_inside(sample).first().filter(|_| decoder.looks_inside) {
                let record = edited(&sample[inside.body..inside.end], &edits);
                accepts_only_its_own_encoding(decoder, &cbor::replace(sample, inside, &record))?;
            }
        }
        let frame = decoders::body_frame();
        let _ = (frame.decode)(&edited(&frame.samples[choice % frame.samples.len()], &edits));
    }

    #[test]
    fn damaged_ticket_text_never_panics(edits in edits(), text in "\\PC{0,80}") {
        let ticket = samples::tickets()[0].1.danger_text();
        let damaged = edited(ticket.as_bytes(), &edits);
        let _ = named(Ticket::parse(&String::from_utf8_lossy(&damaged)));
        let _ = named(Ticket::parse(&text));
        let _ = named(Ticket::parse(&format!("kitbag1{text}")));
        let bytes = iroh_tickets::Ticket::encode_bytes(&samples::tickets()[0].1);
        let _ = named(Ticket::parse(&ticket_text(&edited(&bytes[2..bytes.len() - 8], &edits))));
    }
}
