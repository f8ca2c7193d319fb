//! Frozen bytes: what other versions and other programs derive and accept. `tests/vectors/notes.json`
//! is never changed, only extended; [`print_vectors`] wrote it.

use super::*;
use crate::codec::{self, CodecError};
use crate::id::{ImportKey, PackId};
use crate::pack::index::index_tag;
use crate::pack::long_text::{LongText, beginning};
use crate::pack::note::*;
use crate::policy::Sensitivity;
use automerge::Change;
use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const VECTORS: &str = include_str!("../../../tests/vectors/notes.json");

fn vectors(list: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(VECTORS).expect("the vectors are JSON");
    all[list].as_array().expect("a list of that name").clone()
}

fn text<'v>(vector: &'v Value, field: &str) -> &'v str {
    vector[field].as_str().expect("a text field")
}

fn hex(vector: &Value, field: &str) -> Vec<u8> {
    HEXLOWER
        .decode(text(vector, field).as_bytes())
        .expect("a field in hex")
}

fn bytes<const N: usize>(vector: &Value, field: &str) -> [u8; N] {
    hex(vector, field)
        .try_into()
        .expect("a field of that length")
}

fn hash(vector: &Value, field: &str) -> ChangeHash {
    ChangeHash(bytes(vector, field))
}

/// The record of a vector; a long body is written as a text and how often it stands there.
fn record_of(vector: &Value) -> Record {
    let mut record = Record::from_bytes(&hex(vector, "record")).expect("a valid record");
    assert_eq!(record.to_bytes(), hex(vector, "record"));
    if let Some(times) = vector["body_times"].as_u64() {
        record.body = record.body.repeat(times as usize);
    }
    record.check().expect("a valid record");
    record
}

#[test]
fn notes_have_their_frozen_ids_and_first_changes() {
    for vector in vectors("notes") {
        let name = text(&vector, "name");
        let record = record_of(&vector);
        let seq = vector["seq"].as_u64().expect("a position");
        let item = item_id(LogId::from_bytes(bytes(&vector, "log")), seq, &record.salt);
        assert_eq!(item.as_bytes(), &bytes(&vector, "item"), "{name}");
        assert_eq!(
            record.fingerprint().as_bytes(),
            &bytes(&vector, "fingerprint"),
            "{name}"
        );
        let document = NoteDocument::derive(item, &record);
        assert_eq!(document.base(), hash(&vector, "hash"), "{name}");
        assert_eq!(document.heads(), [document.base()], "{name}");
        assert_eq!(document.view(), NoteView::from(&record), "{name}");
        if vector["change"].is_string() {
            let change = Change::from_bytes(hex(&vector, "change")).expect("a change");
            assert_eq!(change.hash(), document.base(), "{name}");
            assert_eq!(
                change.actor_id().to_bytes(),
                hex(&vector, "actor"),
                "{name}"
            );
            assert_eq!(
                (change.seq(), change.start_op().get(), change.timestamp()),
                (1, 1, 0),
                "{name}"
            );
        }
    }
}

/// A text of a vector: a piece and how often it stands there.
fn long_text_of(vector: &Value) -> String {
    let times = vector["times"].as_u64().expect("a number");
    text(vector, "piece").repeat(times as usize)
}

#[test]
fn long_texts_have_their_frozen_hashes_and_records() {
    let vectors = vectors("long_texts");
    assert!(vectors.len() >= 3);
    for vector in vectors {
        let text = long_text_of(&vector);
        let long = LongText::of(&text).expect("a long text");
        assert_eq!(long.hash, bytes::<32>(&vector, "hash"), "{vector}");
        assert_eq!(Some(long.parts() as u64), vector["parts"].as_u64());
        let record = Record::from_bytes(&hex(&vector, "record")).expect("a valid record");
        assert_eq!(
            (record.long, &record.body[..]),
            (Some(long), beginning(&text))
        );
        assert_eq!(record, long_record(&text));
    }
}

fn long_record(text: &str) -> Record {
    let mut record = record("long", beginning(text));
    record.long = Some(LongText::of(text).expect("a long text"));
    record
}

fn long_vector(piece: &str, times: usize) -> Value {
    let text = piece.repeat(times);
    let record = long_record(&text);
    let long = record.long.expect("just set");
    json!({
        "piece": piece,
        "times": times,
        "parts": long.parts(),
        "hash": to_hex(long.hash),
        "record": to_hex(record.to_bytes()),
    })
}

#[test]
fn index_documents_have_their_frozen_first_changes() {
    for vector in vectors("index") {
        let pack = PackId::from_bytes(bytes(&vector, "pack"));
        let sensitivity = text(&vector, "sensitivity").parse().expect("a sensitivity");
        assert_eq!(
            index_tag(pack, sensitivity).as_bytes(),
            &bytes(&vector, "tag")
        );
        assert_eq!(
            IndexDocument::derive(pack, sensitivity).base(),
            hash(&vector, "hash")
        );
    }
}

#[test]
fn object_tags_are_frozen() {
    for vector in vectors("tags") {
        let placement = vector["placement"].as_u64().expect("a count");
        let tag = object_tag(
            PackId::from_bytes(bytes(&vector, "pack")),
            ItemId::from_bytes(bytes(&vector, "item")),
            text(&vector, "sensitivity").parse().expect("a sensitivity"),
            placement,
        );
        assert_eq!(tag.as_bytes(), &bytes(&vector, "tag"));
    }
}

#[test]
fn frozen_edits_are_accepted_and_show_what_they_did() {
    for vector in vectors("edits") {
        let notes = vectors("notes");
        let note = notes
            .iter()
            .find(|note| note["name"] == vector["note"])
            .expect("the edited note");
        let item = ItemId::from_bytes(bytes(note, "item"));
        let mut document = NoteDocument::derive(item, &record_of(note));
        let checked: Vec<CheckedChange> = vector["changes"]
            .as_array()
            .expect("changes")
            .iter()
            .map(|change| {
                let log = LogId::from_bytes(bytes(change, "log"));
                let checked =
                    check_change(&hex(change, "change"), log, Schema::Note).expect("accepted");
                assert_eq!(checked.hash(), hash(change, "hash"));
                checked
            })
            .collect();
        document.try_apply(&checked).expect("applies");
        let view = document.view();
        assert_eq!(
            (view.title.as_str(), view.body.as_str()),
            (text(&vector, "title"), text(&vector, "body"))
        );
        assert_eq!(view.status.as_str(), text(&vector, "status"));
        assert_eq!(json!(view.tags), vector["tags"]);
        if vector["view"].is_object() {
            assert_eq!(view_json(&view), vector["view"], "{}", vector["name"]);
            document = in_other_order(&document, &checked, item, note);
            assert_eq!(view_json(&document.view()), vector["view"]);
        }
    }
}

/// The same changes on a document of their note in another order: the last that can go first.
fn in_other_order(
    document: &NoteDocument,
    changes: &[CheckedChange],
    item: ItemId,
    note: &Value,
) -> NoteDocument {
    let mut other = NoteDocument::derive(item, &record_of(note));
    let mut rest: Vec<&CheckedChange> = changes.iter().collect();
    while !rest.is_empty() {
        let before = rest.len();
        for at in (0..rest.len()).rev() {
            if other.apply(rest[at]).is_ok() {
                rest.remove(at);
            }
        }
        assert!(rest.len() < before, "each waits for one that is here");
    }
    assert_eq!(other.heads(), document.heads());
    other
}

/// Everything that a document says, by the words and numbers of the page.
fn view_json(view: &NoteView) -> Value {
    let at = |at: Option<Timestamp>| at.map(Timestamp::as_millis);
    let words = |kinds: &BTreeSet<Pii>| -> Vec<&str> { kinds.iter().map(|k| k.as_str()).collect() };
    let names = view.superseded_by.iter().map(|id| to_hex(id.as_bytes()));
    json!({
        "title": view.title,
        "body": view.body,
        "tags": view.tags,
        "status": view.status.as_str(),
        "pinned": view.pinned,
        "consent": view.consent.as_ref().map(|consent| to_hex(codec::encode(consent))),
        "valid_from": at(view.valid_from),
        "valid_to": at(view.valid_to),
        "review_after": at(view.review_after),
        "expires_at": at(view.expires_at),
        "type": view.note_type.map(NoteType::as_str),
        "claim": view.claim.map(Claim::as_str),
        "pii": words(&view.pii),
        "superseded_by": names.collect::<Vec<_>>(),
        "redacted": view.redacted,
    })
}

/// Goal: no key of a record or of an edit, and no word, is without a vector.
#[test]
fn every_key_and_every_word_of_the_page_has_a_vector() {
    let notes = vectors("notes");
    let records: Vec<Record> = notes.iter().map(record_of).collect();
    let all =
        |what: &str, words: BTreeSet<&'static str>, has: &dyn Fn(&Record) -> Vec<&'static str>| {
            let seen: BTreeSet<&str> = records.iter().flat_map(has).collect();
            assert_eq!(seen, words, "{what}");
        };
    let of = |words: &[&'static str]| words.iter().copied().collect::<BTreeSet<_>>();
    let types: Vec<_> = NoteType::ALL.iter().map(|w| w.as_str()).collect();
    all("type", of(&types), &|r| vec![r.note_type.as_str()]);
    let kinds: Vec<_> = SourceKind::ALL.iter().map(|w| w.as_str()).collect();
    all("source kind", of(&kinds), &|r| vec![r.source.kind.as_str()]);
    let trusts: Vec<_> = Trust::ALL.iter().map(|w| w.as_str()).collect();
    all("trust", of(&trusts), &|r| vec![r.source.trust.as_str()]);
    let pii: Vec<_> = Pii::ALL.iter().map(|w| w.as_str()).collect();
    all("personal data", of(&pii), &|r| {
        r.pii.iter().map(|w| w.as_str()).collect()
    });
    let consents: Vec<_> = ConsentStatus::ALL.iter().map(|w| w.as_str()).collect();
    all("consent", of(&consents), &|r| {
        r.consent.iter().map(|c| c.status.as_str()).collect()
    });
    let claims: Vec<_> = Claim::ALL.iter().map(|w| w.as_str()).collect();
    all("claim", of(&claims), &|r| {
        r.claim.iter().map(|w| w.as_str()).collect()
    });
    let statuses: Vec<_> = Status::ALL.iter().map(|w| w.as_str()).collect();
    all("status", of(&statuses), &|r| vec![r.status.as_str()]);

    // Each optional field stands alone in one record, so that its key and type are seen by themselves.
    for (name, _) in alone() {
        let vector = notes.iter().find(|note| note["name"] == name);
        assert!(vector.is_some(), "no record with {name} alone");
    }
    let edits = vectors("edits");
    for key in view_json(&NoteView::from(&record("", "")))
        .as_object()
        .unwrap()
        .keys()
    {
        let name = match key.as_str() {
            "title" | "body" | "tags" => continue, // in the first vector
            key => format!("{key} alone"),
        };
        let vector = edits.iter().find(|edit| edit["name"] == json!(name));
        assert!(vector.is_some(), "no edit of {name}");
    }
}

#[test]
fn frozen_refusals_stay_refused() {
    for vector in vectors("refused") {
        let log = LogId::from_bytes(bytes(&vector, "log"));
        let refused =
            check_change(&hex(&vector, "change"), log, Schema::Note).expect_err("refused");
        assert_eq!(format!("{refused:?}"), text(&vector, "reason"));
    }
}

#[test]
fn a_record_is_refused_with_its_reason() {
    let good = record("title", "text");
    assert_eq!(good.check(), Ok(()));
    let long = |bytes: usize| "x".repeat(bytes);
    let too_long = |field, length, limit| {
        Err(NoteError::TooLong {
            field,
            length,
            limit,
        })
    };
    let with = |change: &dyn Fn(&mut Record)| {
        let mut record = good.clone();
        change(&mut record);
        record.check()
    };
    assert_eq!(with(&|r| r.version = 2), Err(NoteError::NewerVersion));
    assert_eq!(
        with(&|r| r.source.label = " ".into()),
        Err(NoteError::EmptyLabel)
    );
    assert_eq!(with(&|r| r.source.label = "é".repeat(200)), Ok(()));
    assert_eq!(
        with(&|r| r.source.label = "é".repeat(201)),
        too_long(Field::Label, 201, 200)
    );
    assert_eq!(
        with(&|r| r.source.label = "a\u{2028}b".into()),
        Err(NoteError::NotOneLine(Field::Label))
    );
    assert_eq!(
        with(&|r| r.title = "a\nb".into()),
        Err(NoteError::NotOneLine(Field::Title))
    );
    assert_eq!(
        with(&|r| r.title = long(1025)),
        too_long(Field::Title, 1025, 1024)
    );
    assert_eq!(with(&|r| r.body = long(65_536)), Ok(()));
    assert_eq!(
        with(&|r| r.body = long(65_537)),
        too_long(Field::Body, 65_537, 65_536)
    );
    assert_eq!(
        with(&|r| r.body = "\0\u{1b}[31m\r\n\t\u{202e}".into()),
        Ok(())
    );
    assert_eq!(
        with(&|r| r.tags = BTreeSet::from(["".into()])),
        Err(NoteError::EmptyWord(Field::Tags))
    );
    assert_eq!(
        with(&|r| r.tags = BTreeSet::from([long(65)])),
        too_long(Field::Tags, 65, 64)
    );
    assert_eq!(
        with(&|r| r.tags = BTreeSet::from(["\u{7f}".into()])),
        Err(NoteError::NotOneLine(Field::Tags))
    );
    assert_eq!(
        with(&|r| r.tags = (0..65).map(|n| n.to_string()).collect()),
        too_long(Field::Tags, 65, 64)
    );
    assert_eq!(
        with(&|r| r.confidence = Some(1001)),
        Err(NoteError::Confidence)
    );
    let far = Some(Timestamp::from_millis(DATE_MAX.as_millis() + 1));
    assert_eq!(
        with(&|r| r.expires_at = far),
        Err(NoteError::BadDate(Field::ExpiresAt))
    );
    assert_eq!(
        with(&|r| r.source.observed_at = far),
        Err(NoteError::BadDate(Field::ObservedAt))
    );
    let links = |count: u8| (0..=count).map(|n| ItemId::from_bytes([n; 32])).collect();
    assert_eq!(with(&|r| r.supersedes = links(255)), Ok(()));
    let consent = |purpose: &str| {
        let purposes = BTreeSet::from([purpose.to_owned()]);
        Some(Consent {
            purposes,
            ..Consent::new(ConsentStatus::Limited)
        })
    };
    assert_eq!(
        with(&|r| r.consent = consent("a\nb")),
        Err(NoteError::NotOneLine(Field::Purposes))
    );
}

#[test]
fn only_the_one_encoding_of_a_record_is_read() {
    let bytes = everything().to_bytes();
    assert_eq!(Record::from_bytes(&bytes), Ok(everything()));
    let not_canonical = Err(NoteError::Codec(CodecError::NotCanonical));
    assert_eq!(
        Record::from_bytes(&[&bytes[..], &[0]].concat()),
        not_canonical
    );
    for end in 0..bytes.len() {
        assert!(Record::from_bytes(&bytes[..end]).is_err());
    }
    // The map's header and its first pair are `version: 1`; the next version is told from damage.
    assert_eq!(bytes[1..3], [0, 1]);
    let newer = [&bytes[..2], &[2], b"whatever follows"].concat();
    assert_eq!(Record::from_bytes(&newer), Err(NoteError::NewerVersion));
    let mut tags = record("", "");
    tags.tags = BTreeSet::from(["a".into(), "b".into()]);
    let swapped = replaced(&tags.to_bytes(), b"\x61a\x61b", b"\x61b\x61a");
    assert_eq!(Record::from_bytes(&swapped), not_canonical);
    let twice = replaced(&tags.to_bytes(), b"\x61a\x61b", b"\x61a\x61a");
    assert_eq!(Record::from_bytes(&twice), not_canonical);
    assert!(everything().to_bytes().len() < RECORD_BYTES_MAX);
}

fn replaced(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let at = bytes
        .windows(old.len())
        .position(|part| part == old)
        .expect("it is there");
    [&bytes[..at], new, &bytes[at + old.len()..]].concat()
}

#[test]
fn the_largest_record_fits_its_limit() {
    let text = |bytes: usize| Some("x".repeat(bytes));
    let words = |count: usize| {
        (0..count)
            .map(|n| format!("{n:064}"))
            .collect::<BTreeSet<String>>()
    };
    let links: BTreeSet<ItemId> = (0..LINKS_MAX)
        .map(|n| ItemId::from_bytes([n as u8; 32]))
        .collect();
    let mut largest = everything();
    largest.title = "x".repeat(TITLE_BYTES_MAX);
    largest.body = "x".repeat(BODY_BYTES_MAX);
    largest.tags = words(TAGS_MAX);
    largest.source.label = "𝄞".repeat(LABEL_CHARS_MAX);
    largest.source.uri = text(URI_BYTES_MAX);
    largest.source.app = text(NAME_BYTES_MAX);
    largest.source.author = text(NAME_BYTES_MAX);
    largest.source.locator = text(REFERENCE_BYTES_MAX);
    largest.source.captured_by = "x".repeat(NAME_BYTES_MAX);
    largest.produced_by = Some(ProducedBy {
        agent: text(NAME_BYTES_MAX),
        model: text(NAME_BYTES_MAX),
        prompt: text(REFERENCE_BYTES_MAX),
    });
    largest.pii = Pii::ALL.iter().copied().collect();
    largest.consent = Some(Consent {
        purposes: words(PURPOSES_MAX),
        subject: text(NAME_BYTES_MAX),
        evidence: text(REFERENCE_BYTES_MAX),
        given_at: Some(DATE_MAX),
        expires_at: Some(DATE_MAX),
        ..Consent::new(ConsentStatus::Limited)
    });
    (largest.supersedes, largest.derived_from) = (links.clone(), links);
    assert_eq!(largest.check(), Ok(()));
    assert_eq!(Record::from_bytes(&largest.to_bytes()), Ok(largest.clone()));
    // Its consent fits a document too.
    let document = NoteDocument::derive(item(1), &record("", ""));
    let change = edit(
        &document,
        1,
        &Edit {
            consent: largest.consent.clone(),
            ..Edit::default()
        },
    );
    assert_eq!(change.deps, document.heads());
}

#[test]
fn words_are_read_as_they_are_written() {
    for status in Status::ALL {
        assert_eq!(status.as_str().parse(), Ok(*status));
    }
    for kind in NoteType::ALL {
        assert_eq!(kind.to_string().parse(), Ok(*kind));
    }
    assert_eq!(
        "Active".parse::<Status>().map_err(|e| e.to_string()),
        Err("unknown status \"Active\"".into())
    );
}

#[test]
fn a_fingerprint_follows_content_and_source_only() {
    let one = record("title", "text");
    let mut same = Record {
        salt: [8; 16],
        pinned: true,
        ..one.clone()
    };
    same.source.captured_at = Timestamp::from_millis(1);
    assert_eq!(one.fingerprint(), same.fingerprint());
    same.source.locator = Some("row 15".into());
    assert_ne!(one.fingerprint(), same.fingerprint());
    assert_ne!(
        record("a", "bc").fingerprint(),
        record("ab", "c").fingerprint()
    );
}

/// Goal: what was imported is known again by its place in the other system and its text, whatever
/// the file was called, wherever in it the record stands, and whatever was said of it since.
#[test]
fn a_fingerprint_of_an_imported_note_follows_key_type_and_text_only() {
    let one = imported();
    let mut same = Record {
        salt: [8; 16],
        tags: BTreeSet::new(),
        consent: None,
        ..one.clone()
    };
    same.source.label = "the same file under another name · row 2".into();
    same.source.locator = Some("row 2".into());
    assert_eq!(one.fingerprint(), same.fingerprint());
    let others = [
        everything(),
        Record {
            import: Some(ImportKey::from_bytes([0x78; 16])),
            ..one.clone()
        },
        Record {
            body: "Three bags.".into(),
            ..one.clone()
        },
        Record {
            title: String::new(),
            ..one.clone()
        },
        Record {
            note_type: NoteType::Note,
            ..one.clone()
        },
    ];
    for other in others {
        assert_ne!(one.fingerprint(), other.fingerprint(), "{other:?}");
    }
}

// ---- How the vectors were made ----------------------------------------------------------------

/// A record with every field.
fn everything() -> Record {
    let at = Timestamp::from_millis;
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    Record {
        version: RECORD_VERSION,
        salt: [0x5a; 16],
        note_type: NoteType::Record,
        title: "Reservation SI5UKW".into(),
        body: "Two bags.\nWindow seat.".into(),
        tags: words(&["baggage", "vip"]),
        source: Source {
            kind: SourceKind::Crm,
            label: "Airline CRM · reservation SI5UKW".into(),
            uri: Some("crm://reservation/SI5UKW".into()),
            app: Some("CRM".into()),
            author: Some("Yusuf".into()),
            locator: Some("row 14".into()),
            captured_at: at(1_700_000_000_000),
            observed_at: Some(at(1_699_999_999_000)),
            captured_by: "laptop".into(),
            trust: Trust::ThirdParty,
        },
        produced_by: Some(ProducedBy {
            agent: Some("assistant".into()),
            model: Some("model".into()),
            prompt: Some("run 7".into()),
        }),
        pii: BTreeSet::from([Pii::Name, Pii::DateOfBirth]),
        consent: Some(Consent {
            status: ConsentStatus::Limited,
            purposes: words(&["handoff"]),
            subject: Some("customer 9".into()),
            given_at: Some(at(1_690_000_000_000)),
            expires_at: Some(at(1_800_000_000_000)),
            evidence: Some("form 3".into()),
        }),
        claim: Some(Claim::Verified),
        confidence: Some(875),
        status: Status::Superseded,
        pinned: true,
        supersedes: BTreeSet::from([item(3)]),
        derived_from: BTreeSet::from([item(4), item(5)]),
        valid_from: Some(at(1)),
        valid_to: Some(at(2)),
        review_after: Some(at(3)),
        expires_at: Some(DATE_MAX),
        long: None,
        import: None,
    }
}

/// The same, from another system.
fn imported() -> Record {
    Record {
        import: Some(ImportKey::from_bytes([0x77; 16])),
        ..everything()
    }
}

fn to_hex(bytes: impl AsRef<[u8]>) -> String {
    HEXLOWER.encode(bytes.as_ref())
}

/// A record with the words at this place in each list, as far as a list goes; then its last.
fn with_words(at: usize) -> Record {
    fn word<T: Copy>(all: &[T], at: usize) -> T {
        all[at.min(all.len() - 1)]
    }
    let mut record = record("words", "one of each");
    record.note_type = word(NoteType::ALL, at);
    record.source.kind = word(SourceKind::ALL, at);
    record.source.trust = word(Trust::ALL, at);
    record.pii = BTreeSet::from([word(Pii::ALL, at)]);
    record.consent = Some(Consent::new(word(ConsentStatus::ALL, at)));
    record.claim = Some(word(Claim::ALL, at));
    record.status = word(Status::ALL, at);
    record
}

/// The least record with one field more, for each field that may be absent or empty.
fn alone() -> Vec<(&'static str, Record)> {
    let all = everything();
    let source = all.source.clone();
    let (made, said) = (all.produced_by.clone(), all.consent.clone());
    let (made, said) = (made.expect("just set"), said.expect("just set"));
    let none = ProducedBy {
        agent: None,
        model: None,
        prompt: None,
    };
    let produced = |by: ProducedBy| move |r: &mut Record| r.produced_by = Some(by);
    let stated = |more: Consent| move |r: &mut Record| r.consent = Some(more);
    let granted = || Consent::new(ConsentStatus::Granted);
    type Change = Box<dyn FnOnce(&mut Record)>;
    let fields: Vec<(&'static str, Change)> = vec![
        ("tags", Box::new(|r| r.tags = everything().tags)),
        ("source uri", Box::new(move |r| r.source.uri = source.uri)),
        (
            "source app",
            Box::new(|r| r.source.app = Some("CRM".into())),
        ),
        (
            "source author",
            Box::new(|r| r.source.author = Some("Yusuf".into())),
        ),
        (
            "source locator",
            Box::new(|r| r.source.locator = Some("row 14".into())),
        ),
        (
            "observed at",
            Box::new(|r| r.source.observed_at = Some(Timestamp::from_millis(7))),
        ),
        (
            "produced by an agent",
            Box::new(produced(ProducedBy {
                agent: made.agent,
                ..none.clone()
            })),
        ),
        (
            "produced by a model",
            Box::new(produced(ProducedBy {
                model: made.model,
                ..none.clone()
            })),
        ),
        (
            "produced by a prompt",
            Box::new(produced(ProducedBy {
                prompt: made.prompt,
                ..none.clone()
            })),
        ),
        ("produced by something", Box::new(produced(none))),
        (
            "personal data",
            Box::new(|r| r.pii = Pii::ALL.iter().copied().collect()),
        ),
        ("consent", Box::new(stated(granted()))),
        (
            "consent for purposes",
            Box::new(stated(Consent {
                purposes: BTreeSet::from(["support".into(), "éclair".into()]),
                ..granted()
            })),
        ),
        (
            "consent of a subject",
            Box::new(stated(Consent {
                subject: said.subject,
                ..granted()
            })),
        ),
        (
            "consent given at",
            Box::new(stated(Consent {
                given_at: said.given_at,
                ..granted()
            })),
        ),
        (
            "consent until",
            Box::new(stated(Consent {
                expires_at: said.expires_at,
                ..granted()
            })),
        ),
        (
            "consent by evidence",
            Box::new(stated(Consent {
                evidence: said.evidence,
                ..granted()
            })),
        ),
        ("claim", Box::new(|r| r.claim = Some(Claim::Observation))),
        ("confidence", Box::new(|r| r.confidence = Some(0))),
        ("whole confidence", Box::new(|r| r.confidence = Some(1000))),
        ("pinned", Box::new(|r| r.pinned = true)),
        (
            "supersedes",
            Box::new(|r| r.supersedes = [item(3), item(4)].into()),
        ),
        (
            "derived from",
            Box::new(|r| r.derived_from = [item(4), item(5)].into()),
        ),
        (
            "valid from",
            Box::new(|r| r.valid_from = Some(Timestamp::from_millis(0))),
        ),
        (
            "valid to",
            Box::new(|r| r.valid_to = Some(Timestamp::from_millis(23))),
        ),
        (
            "review after",
            Box::new(|r| r.review_after = Some(Timestamp::from_millis(24))),
        ),
        ("expires at", Box::new(|r| r.expires_at = Some(DATE_MAX))),
    ];
    let with = fields.into_iter().map(|(name, change)| {
        let mut record = record("", "");
        change(&mut record);
        (name, record)
    });
    with.collect()
}

/// One edit of one key for each that an edit may put, of the least note.
fn one_key_each() -> Vec<(&'static str, Edit)> {
    let at = |millis| DateEdit::Set(Timestamp::from_millis(millis));
    let of = |name, edit| (name, edit);
    let none = Edit::default;
    vec![
        of(
            "status alone",
            Edit {
                status: Some(Status::Expired),
                ..none()
            },
        ),
        of(
            "pinned alone",
            Edit {
                pinned: Some(true),
                ..none()
            },
        ),
        of(
            "consent alone",
            Edit {
                consent: everything().consent,
                ..none()
            },
        ),
        of(
            "valid_from alone",
            Edit {
                valid_from: at(0),
                ..none()
            },
        ),
        of(
            "valid_to alone",
            Edit {
                valid_to: at(127),
                ..none()
            },
        ),
        of(
            "review_after alone",
            Edit {
                review_after: at(128),
                ..none()
            },
        ),
        of(
            "expires_at alone",
            Edit {
                expires_at: DateEdit::Set(DATE_MAX),
                ..none()
            },
        ),
        of(
            "type alone",
            Edit {
                note_type: FieldEdit::Set(NoteType::Template),
                ..none()
            },
        ),
        of(
            "claim alone",
            Edit {
                claim: FieldEdit::Set(Claim::Directive),
                ..none()
            },
        ),
        of(
            "pii alone",
            Edit {
                pii: FieldEdit::Set([Pii::Name, Pii::Other].into()),
                ..none()
            },
        ),
        of(
            "superseded_by alone",
            Edit {
                superseded_by: FieldEdit::Set([item(3), item(9)].into()),
                ..none()
            },
        ),
        of(
            "redacted alone",
            Edit {
                redacted: FieldEdit::Set("asked by Mia".into()),
                ..none()
            },
        ),
    ]
}

/// Edits of the same keys by two who did not know of each other, what comes of them, and their end.
fn at_once() -> [Edit; 3] {
    let at = |millis| DateEdit::Set(Timestamp::from_millis(millis));
    let said = |status, purposes: &[&str], until| Consent {
        purposes: purposes.iter().map(|word| (*word).to_owned()).collect(),
        expires_at: Some(Timestamp::from_millis(until)),
        ..Consent::new(status)
    };
    let one = Edit {
        status: Some(Status::Expired),
        pinned: Some(true),
        consent: Some(said(ConsentStatus::Granted, &["a", "b"], 9)),
        valid_from: at(10),
        valid_to: at(20),
        review_after: at(30),
        expires_at: at(40),
        note_type: FieldEdit::Set(NoteType::Decision),
        claim: FieldEdit::Set(Claim::Verified),
        pii: FieldEdit::Set([Pii::Email].into()),
        superseded_by: FieldEdit::Set([item(3)].into()),
        redacted: FieldEdit::Set("b".into()),
        ..Edit::default()
    };
    let two = Edit {
        status: Some(Status::Superseded),
        pinned: Some(true),
        consent: Some(said(ConsentStatus::Granted, &["b", "c"], 8)),
        valid_from: at(11),
        valid_to: at(19),
        review_after: at(31),
        expires_at: at(39),
        note_type: FieldEdit::Set(NoteType::Prompt),
        claim: FieldEdit::Set(Claim::Inference),
        pii: FieldEdit::Set([Pii::Phone].into()),
        superseded_by: FieldEdit::Set([item(2)].into()),
        redacted: FieldEdit::Set("a".into()),
        ..Edit::default()
    };
    let end = Edit {
        status: Some(Status::Active),
        pinned: Some(false),
        valid_from: DateEdit::Clear,
        valid_to: DateEdit::Clear,
        review_after: DateEdit::Clear,
        expires_at: DateEdit::Clear,
        note_type: FieldEdit::Clear,
        claim: FieldEdit::Clear,
        pii: FieldEdit::Clear,
        superseded_by: FieldEdit::Clear,
        redacted: FieldEdit::Clear,
        ..Edit::default()
    };
    [one, two, end]
}

/// A vector of these changes on this note, and all that it says after them.
fn edit_vector(
    name: &str,
    note: &str,
    document: &NoteDocument,
    changes: &[(u8, NewChange)],
) -> Value {
    let view = document.view();
    let changes = changes.iter().map(|(log, new)| {
        json!({ "log": to_hex([*log; 32]), "hash": to_hex(new.hash.0), "change": to_hex(&new.bytes) })
    });
    json!({
        "name": name,
        "note": note,
        "changes": changes.collect::<Vec<_>>(),
        "title": view.title,
        "body": view.body,
        "status": view.status.as_str(),
        "tags": view.tags,
        "view": view_json(&view),
    })
}

/// The vectors of [`one_key_each`] and [`at_once`].
fn more_edits() -> Vec<Value> {
    let least = record("", "");
    let derived = || {
        NoteDocument::derive(
            item_id(LogId::from_bytes([0x11; 32]), 258, &least.salt),
            &least,
        )
    };
    let mut vectors = Vec::new();
    for (name, of) in one_key_each() {
        let mut document = derived();
        let change = edit(&document, 1, &of);
        document.apply(&change.checked).expect("applies");
        vectors.push(edit_vector(name, "empty", &document, &[(1, change)]));
    }
    let base = derived();
    let [one, two, end] = at_once();
    let (one, two) = (edit(&base, 1, &one), edit(&base, 2, &two));
    let mut merged = base.clone();
    let both = [one.checked.clone(), two.checked.clone()];
    merged.try_apply(&both).expect("applies");
    let mut changes = vec![(1, one), (2, two)];
    vectors.push(edit_vector("every key at once", "empty", &merged, &changes));
    let end = edit(&merged, 2, &end);
    merged.apply(&end.checked).expect("applies");
    changes.push((2, end));
    vectors.push(edit_vector(
        "every key taken away",
        "empty",
        &merged,
        &changes,
    ));
    vectors
}

fn note_vector(name: &str, record: &Record, body_times: Option<usize>) -> Value {
    let (log, seq) = ([0x11; 32], 258);
    let mut long = record.clone();
    long.body = record.body.repeat(body_times.unwrap_or(1));
    let item = item_id(LogId::from_bytes(log), seq, &record.salt);
    let document = NoteDocument::derive(item, &long);
    let change = document.base_change();
    json!({
        "name": name,
        "log": to_hex(log),
        "seq": seq,
        "record": to_hex(record.to_bytes()),
        "body_times": body_times,
        "item": to_hex(item.as_bytes()),
        "fingerprint": to_hex(long.fingerprint().as_bytes()),
        "actor": to_hex(change.actor_id().to_bytes()),
        "hash": to_hex(document.base().0),
        "change": body_times.is_none().then(|| to_hex(change.raw_bytes())),
    })
}

/// `cargo test -p kitbag-core print_vectors -- --ignored --nocapture`, for a new list of vectors.
#[test]
#[ignore = "prints a new file of vectors instead of checking anything"]
fn print_vectors() {
    let notes = [
        ("empty", record("", ""), None),
        (
            "plain",
            record("Call with Ada", "She asked about the refund."),
            None,
        ),
        ("every field", everything(), None),
        ("emoji", record("👩🏽‍🚀🇨🇭", "family 👨‍👩‍👧‍👦, flag 🏴󠁧󠁢󠁥󠁮󠁧󠁿, key 1️⃣"), None),
        (
            "combining marks",
            record(
                "e\u{301} and é",
                "a\u{323}\u{307} a\u{307}\u{323} \u{1112}\u{1161}\u{11ab} 한",
            ),
            None,
        ),
        (
            "east asian and right to left",
            record("東京 서울", "你好，世界。\nשלום עולם مرحبا"),
            None,
        ),
        (
            "control characters",
            record(
                "",
                "\0\u{1}\t\r\n\u{1b}[31m\u{7f}\u{85}\u{2028}\u{202e}\u{feff}",
            ),
            None,
        ),
        ("64 KiB", record("long", "0123456789abcde\n"), Some(4096)),
        (
            "64 KiB of wide characters",
            record("long", "東京🦀\n\u{301}éabc"),
            Some(3640),
        ),
        ("imported", imported(), None),
    ];
    let words = (0..Pii::ALL.len()).map(|at| (format!("words {at}"), with_words(at), None));
    let alone = alone()
        .into_iter()
        .map(|(name, record)| (name.to_owned(), record, None));
    let notes: Vec<(String, Record, Option<usize>)> = notes
        .into_iter()
        .map(|(name, record, times)| (name.to_owned(), record, times))
        .chain(words)
        .chain(alone)
        .collect();
    let edited = NoteDocument::derive(
        item_id(LogId::from_bytes([0x11; 32]), 258, &everything().salt),
        &everything(),
    );
    let fields = Edit {
        title: Some("Reservation SI5UKW, changed".into()),
        add_tags: BTreeSet::from(["éclair".into()]),
        remove_tags: BTreeSet::from(["vip".into()]),
        status: Some(Status::Archived),
        pinned: Some(false),
        consent: Some(Consent::new(ConsentStatus::Withdrawn)),
        valid_from: DateEdit::Clear,
        review_after: DateEdit::Set(Timestamp::from_millis(4)),
        ..body("Three bags 🧳.\nWindow seat.")
    };
    let one = edit(&edited, 1, &fields);
    let two = edit(&edited, 2, &body("Two bags.\nAisle seat."));
    let mut merged = edited.clone();
    merged
        .try_apply(&[one.checked.clone(), two.checked.clone()])
        .expect("applies");
    let three = edit(
        &merged,
        1,
        &Edit {
            status: Some(Status::Active),
            ..Edit::default()
        },
    );
    merged.apply(&three.checked).expect("applies");
    let view = merged.view();
    let change = |log: u8, new: &NewChange| json!({ "log": to_hex([log; 32]), "hash": to_hex(new.hash.0), "change": to_hex(&new.bytes) });
    let mut broken = one.bytes.clone();
    broken[5] ^= 1;
    let refused = |reason: &str, log: u8, bytes: &[u8]| json!({ "reason": reason, "log": to_hex([log; 32]), "change": to_hex(bytes) });
    let ids = ([0x22; 32], [0x33; 32]);
    let tags = Sensitivity::ALL
        .into_iter()
        .zip([0, 1, 2, u64::from(u32::MAX) + 1])
        .map(|(sensitivity, placement)| {
            let tag = object_tag(
                PackId::from_bytes(ids.0),
                ItemId::from_bytes(ids.1),
                sensitivity,
                placement,
            );
            json!({
                "pack": to_hex(ids.0),
                "item": to_hex(ids.1),
                "sensitivity": sensitivity.as_str(),
                "placement": placement,
                "tag": to_hex(tag.as_bytes()),
            })
        });
    let index = Sensitivity::ALL.into_iter().map(|sensitivity| {
        let pack = PackId::from_bytes(ids.0);
        json!({
            "pack": to_hex(ids.0),
            "sensitivity": sensitivity.as_str(),
            "tag": to_hex(index_tag(pack, sensitivity).as_bytes()),
            "hash": to_hex(IndexDocument::derive(pack, sensitivity).base().0),
        })
    });
    let all = json!({
        "notes": notes.iter().map(|(name, record, times)| note_vector(name, record, *times)).collect::<Vec<_>>(),
        "tags": tags.collect::<Vec<_>>(),
        "index": index.collect::<Vec<_>>(),
        "edits": std::iter::once(json!({
            "note": "every field",
            "changes": [change(1, &one), change(2, &two), change(1, &three)],
            "title": view.title,
            "body": view.body,
            "status": view.status.as_str(),
            "tags": view.tags,
        })).chain(more_edits()).collect::<Vec<_>>(),
        "refused": [
            refused("WrongActor", 2, &one.bytes),
            refused("BadChecksum", 1, &broken),
            refused("TrailingBytes", 1, &[&one.bytes[..], &[0]].concat()),
            refused("SeveralChunks", 1, &[&one.bytes[..], &two.bytes].concat()),
            refused("NoDependency", 1, edited.base_change().raw_bytes()),
            refused("CompressedChunk", 1, &edited.base_change().bytes()),
        ],
        "long_texts": [
            long_vector("0123456789abcde\n", 4097),
            long_vector("東京🦀\n\u{301}éabc", 20_000),
            long_vector("x", 4_000_000),
        ],
    });
    println!("{}", serde_json::to_string_pretty(&all).expect("JSON"));
}
