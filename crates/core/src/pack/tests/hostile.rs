//! Changes that no honest device makes: each is refused by name, none escapes as a panic, and the
//! document stays as it was.

use super::*;
use crate::pack::change::{CHANGE_BYTES_MAX, contained};
use crate::pack::chunk::{Chunk, assemble};
use crate::pack::note::{Consent, ConsentStatus, Status};
use automerge::legacy::{ElementId, Key, MarkData, ObjectId, Op, OpId, OpType, SortedVec};
use automerge::{ActorId, Author, Change, ExpandedChange, ObjType, ScalarValue};
use std::collections::{BTreeMap, BTreeSet};

fn check(bytes: &[u8]) -> Result<CheckedChange, ChangeRefused> {
    check_change(bytes, log(1), Schema::Note)
}

fn refusal(bytes: &[u8]) -> ChangeRefused {
    check(bytes).expect_err("a hostile change is refused")
}

fn document() -> NoteDocument {
    let tags = BTreeSet::from(["a".to_owned(), "b".to_owned()]);
    let consent = Some(Consent::new(ConsentStatus::Granted));
    NoteDocument::derive(
        item(1),
        &Record {
            tags,
            consent,
            ..record("title", "some text")
        },
    )
}

/// Contents of a change chunk, with the actor that they derive in log 1 and a true checksum.
fn derived(contents: &[u8]) -> Vec<u8> {
    let bytes = assemble(contents);
    let derived = Chunk::parse(&bytes).map(|chunk| chunk.with_actor(chunk.derived_actor(log(1))));
    derived.unwrap_or(bytes)
}

fn contents(chunk: &[u8]) -> &[u8] {
    let length_bytes = chunk[9..]
        .iter()
        .take_while(|byte| **byte & 0x80 != 0)
        .count()
        + 1;
    &chunk[9 + length_bytes..]
}

/// An honest edit, changed as operations, with the actor derived anew.
fn forged(document: &NoteDocument, forge: impl FnOnce(&mut ExpandedChange, &Names)) -> Vec<u8> {
    let honest = edit(
        document,
        1,
        &Edit {
            title: Some("title!".into()),
            ..body("some text!")
        },
    );
    let mut change = honest.checked.change().decode();
    let base = change.operations.iter().find_map(|op| match &op.obj {
        ObjectId::Id(id) => Some(id.actor().clone()),
        ObjectId::Root => None,
    });
    let names = Names {
        base: base.expect("it edits a text"),
        own: change.actor_id.clone(),
    };
    forge(&mut change, &names);
    derived(contents(Change::from(change).raw_bytes()))
}

struct Names {
    base: ActorId,
    own: ActorId,
}

impl Names {
    fn base(&self, number: u64) -> OpId {
        OpId(number, self.base.clone())
    }
}

/// The last operation before a change: the last character of the body.
fn ends_at(change: &ExpandedChange) -> u64 {
    change.start_op.get() - 1
}

fn put(obj: ObjectId, key: &str, value: impl Into<ScalarValue>) -> Op {
    let action = OpType::Put(value.into());
    Op {
        action,
        obj,
        key: Key::Map(key.into()),
        pred: SortedVec::new(),
        insert: false,
    }
}

#[test]
fn every_frame_but_one_plain_change_is_refused_by_name() {
    let good = edit(&document(), 1, &body("some text!")).bytes;
    assert!(check(&good).is_ok());
    let typed = |kind: u8| {
        let mut bytes = good.clone();
        bytes[8] = kind;
        bytes
    };
    assert_eq!(refusal(&[]), ChangeRefused::Truncated);
    assert_eq!(refusal(b"not a chunk"), ChangeRefused::NotAChunk);
    assert_eq!(refusal(&typed(0)), ChangeRefused::DocumentChunk);
    assert_eq!(refusal(&typed(2)), ChangeRefused::CompressedChunk);
    assert_eq!(refusal(&typed(3)), ChangeRefused::UnknownChunk);
    assert_eq!(
        refusal(&[good.as_slice(), &good].concat()),
        ChangeRefused::SeveralChunks
    );
    assert_eq!(
        refusal(&[good.as_slice(), b"\0"].concat()),
        ChangeRefused::TrailingBytes
    );
    assert_eq!(refusal(&good[..good.len() - 1]), ChangeRefused::Truncated);
    let huge = vec![0; CHANGE_BYTES_MAX + 1];
    assert_eq!(
        refusal(&huge),
        ChangeRefused::TooLarge { bytes: huge.len() }
    );
    let mut broken = good.clone();
    broken[4] ^= 1;
    assert_eq!(refusal(&broken), ChangeRefused::BadChecksum);
    let mut long_length = good[..9].to_vec();
    long_length.extend([0xff; 9]);
    long_length.push(1);
    assert_eq!(refusal(&long_length), ChangeRefused::Truncated);
    let real = automerge_document();
    assert_eq!(refusal(&real), ChangeRefused::DocumentChunk);
    for end in 0..good.len() {
        refusal(&good[..end]);
    }
}

/// What Automerge itself would send: a whole saved document.
fn automerge_document() -> Vec<u8> {
    let cache = document().to_cache();
    let at = cache
        .windows(4)
        .position(|four| four == [0x85, 0x6f, 0x4a, 0x83]);
    cache[at.expect("a chunk is inside")..].to_vec()
}

#[test]
fn a_compressed_change_of_automerge_is_refused() {
    let text: String = (0..400)
        .map(|n| char::from(b'a' + (n * 7 % 26) as u8))
        .collect();
    let mut change = edit(&document(), 1, &body(&text)).checked.change().clone();
    assert_eq!(refusal(&change.bytes()), ChangeRefused::CompressedChunk);
}

#[test]
fn another_header_is_refused_by_name() {
    let document = document();
    let with =
        |forge: fn(&mut ExpandedChange)| refusal(&forged(&document, |change, _| forge(change)));
    assert!(check(&forged(&document, |_, _| {})).is_ok());
    assert_eq!(with(|c| c.seq = 2), ChangeRefused::BadSeq);
    assert_eq!(with(|c| c.time = 1), ChangeRefused::HasTime);
    assert_eq!(with(|c| c.time = -1), ChangeRefused::HasTime);
    assert_eq!(
        with(|c| c.message = Some("m".into())),
        ChangeRefused::HasMessage
    );
    assert_eq!(with(|c| c.extra_bytes = vec![0]), ChangeRefused::ExtraBytes);
    assert_eq!(
        with(|c| c.extra_bytes = vec![1, 1, 7]),
        ChangeRefused::ExtraBytes
    );
    assert_eq!(with(|c| c.deps.clear()), ChangeRefused::NoDependency);
    assert_eq!(
        with(|c| c.deps.push(c.deps[0])),
        ChangeRefused::NotCanonical
    );
    assert_eq!(with(|c| c.operations.clear()), ChangeRefused::Empty);
    assert_eq!(
        with(|c| c.actor_id = ActorId::from(&[1; 8])),
        ChangeRefused::BadActor
    );
    let crowd = |c: &mut ExpandedChange| c.deps = (0..65).map(|n| ChangeHash([n; 32])).collect();
    assert_eq!(with(crowd), ChangeRefused::TooManyDependencies);

    let stolen = edit(&document, 2, &body("some text!")).bytes;
    assert_eq!(refusal(&stolen), ChangeRefused::WrongActor);
    let other = edit(&document, 1, &body("some text!"))
        .checked
        .change()
        .decode();
    let random = Change::from(ExpandedChange {
        actor_id: ActorId::from([3; 16]),
        ..other
    });
    assert_eq!(refusal(random.raw_bytes()), ChangeRefused::WrongActor);
}

#[test]
fn an_author_of_automerge_is_refused() {
    let document = document();
    let author = Author::from(vec![1, 2, 3]);
    let bytes = forged(&document, |change, _| {
        change.extra_bytes = [&[1, 3][..], author.as_bytes()].concat();
    });
    assert_eq!(refusal(&bytes), ChangeRefused::ExtraBytes);
}

#[test]
fn a_start_outside_the_dependencies_is_refused_when_applied() {
    let document = document();
    let ends = edit(&document, 1, &body("some text!"))
        .checked
        .change()
        .start_op()
        .get();
    for start in [ends - 1, ends + 1, ends + 1000] {
        let bytes = forged(&document, |change, names| {
            change.start_op = start.try_into().expect("not zero");
            change.operations = vec![put(ObjectId::Root, "status", "archived")];
            change.operations[0].pred = vec![names.base(4)].into();
        });
        let change = check(&bytes).expect("the form is right");
        assert_eq!(
            document.clone().apply(&change),
            Err(ChangeRefused::BadStartOp)
        );
    }
    let far = forged(&document, |change, _| {
        change.start_op = (u64::from(u32::MAX) - 1).try_into().expect("not zero")
    });
    assert_eq!(refusal(&far), ChangeRefused::TooManyOps);
}

#[test]
fn operations_outside_the_schema_are_refused_by_name() {
    let document = document();
    let one =
        |op: &dyn Fn(&Names) -> Op| refusal(&forged(&document, |c, n| c.operations = vec![op(n)]));
    let root = || ObjectId::Root;
    let object = |n: &Names, number| ObjectId::Id(n.base(number));
    let insert = |n: &Names, number, value: ScalarValue| Op {
        action: OpType::Put(value),
        obj: object(n, number),
        key: Key::Seq(ElementId::Head),
        pred: SortedVec::new(),
        insert: true,
    };
    let with = |op: Op, action: OpType| Op { action, ..op };

    for key in [
        "",
        "state",
        "Status",
        "title",
        "body",
        "tags",
        "item",
        "__proto__",
    ] {
        assert_eq!(
            one(&|_| put(root(), key, "active")),
            ChangeRefused::UnknownKey,
            "{key}"
        );
    }
    let values: [(&str, ScalarValue); 24] = [
        ("type", "poem".into()),
        ("type", ScalarValue::Null),
        ("claim", "truth".into()),
        ("claim", ScalarValue::Uint(1)),
        ("pii", ScalarValue::Bytes(vec![0x80])), // none
        ("pii", ScalarValue::Bytes(vec![0x81, 0x18, 0x63])),
        ("pii", ScalarValue::Bytes(vec![0x82, 0x01, 0x01])), // twice
        ("superseded_by", ScalarValue::Bytes(vec![0x80])),
        (
            "superseded_by",
            ScalarValue::Bytes(vec![0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        ),
        ("redacted", "".into()),
        ("redacted", "two\nlines".into()),
        ("redacted", "x".repeat(1_025).into()),
        ("status", "gone".into()),
        ("status", true.into()),
        ("status", ScalarValue::Null),
        ("pinned", "true".into()),
        ("pinned", ScalarValue::counter(1)),
        ("consent", ScalarValue::Bytes(vec![0xff])),
        ("consent", "granted".into()),
        ("expires_at", ScalarValue::Uint(u64::MAX)),
        ("expires_at", ScalarValue::Int(1)),
        ("valid_to", ScalarValue::Timestamp(1)),
        ("valid_from", ScalarValue::F64(f64::NAN)),
        (
            "review_after",
            ScalarValue::Unknown {
                type_code: 12,
                bytes: vec![],
            },
        ),
    ];
    for (key, value) in values {
        assert_eq!(
            one(&|_| put(root(), key, value.clone())),
            ChangeRefused::UnknownKey,
            "{key} {value:?}"
        );
    }
    for tag in ["", "two\nlines", &"x".repeat(65)] {
        assert_eq!(
            one(&|n| put(object(n, 3), tag, true)),
            ChangeRefused::UnknownKey
        );
    }
    assert_eq!(
        one(&|n| put(object(n, 3), "a", false)),
        ChangeRefused::UnknownKey
    );

    for number in [4, 5, 300] {
        assert_eq!(
            one(&|n| put(object(n, number), "status", "active")),
            ChangeRefused::UnknownObject
        );
    }
    assert_eq!(
        one(&|n| put(object(n, 0), "status", "active")),
        ChangeRefused::NotCanonical
    );
    let own = |n: &Names| ObjectId::Id(OpId(1, n.own.clone()));
    assert!(matches!(
        one(&|n| put(own(n), "a", true)),
        ChangeRefused::UnknownObject
    ));
    assert_eq!(
        one(&|n| put(object(n, 1), "a", true)),
        ChangeRefused::WrongOperation
    );
    assert_eq!(
        one(&|n| insert(n, 3, "a".into())),
        ChangeRefused::WrongOperation
    );
    assert_eq!(
        one(&|n| insert(n, 2, "ab".into())),
        ChangeRefused::WrongOperation
    );
    assert_eq!(
        one(&|n| insert(n, 2, "".into())),
        ChangeRefused::WrongOperation
    );
    assert_eq!(
        one(&|n| insert(n, 2, ScalarValue::Int(1))),
        ChangeRefused::WrongOperation
    );
    assert_eq!(
        one(&|n| insert(n, 1, "\n".into())),
        ChangeRefused::UnknownKey
    );
    assert_eq!(
        one(&|n| Op {
            insert: false,
            ..insert(n, 2, "a".into())
        }),
        ChangeRefused::WrongOperation
    );

    for kind in [ObjType::Map, ObjType::List, ObjType::Text, ObjType::Table] {
        let make = |op: Op| with(op, OpType::Make(kind));
        assert_eq!(
            one(&|n| make(insert(n, 2, "a".into()))),
            ChangeRefused::WrongOperation
        );
        assert_eq!(
            one(&|_| make(put(root(), "body", "a"))),
            ChangeRefused::WrongOperation
        );
    }
    assert_eq!(
        one(&|_| with(put(root(), "status", "a"), OpType::Increment(1))),
        ChangeRefused::WrongOperation
    );
    let mark = || MarkData {
        name: "m".into(),
        value: ScalarValue::Null,
        expand: false,
    };
    assert_eq!(
        one(&|n| with(insert(n, 2, "a".into()), OpType::MarkBegin(mark()))),
        ChangeRefused::UnknownColumn
    );
    assert_eq!(
        one(&|n| with(insert(n, 2, "a".into()), OpType::MarkEnd(false))),
        ChangeRefused::WrongOperation
    );
    assert_eq!(
        one(&|n| with(insert(n, 2, "a".into()), OpType::MarkEnd(true))),
        ChangeRefused::UnknownColumn
    );

    for key in ["status", "pinned", "consent", "body"] {
        let pred = |n: &Names| SortedVec::from(vec![n.base(4)]);
        let delete = |n: &Names| Op {
            pred: pred(n),
            ..with(put(root(), key, true), OpType::Delete)
        };
        assert_eq!(one(&delete), ChangeRefused::UnknownKey, "{key}");
    }
    assert_eq!(
        one(&|_| with(put(root(), "valid_to", true), OpType::Delete)),
        ChangeRefused::UnknownKey
    );
    assert_eq!(
        one(&|n| with(insert(n, 2, "a".into()), OpType::Delete)),
        ChangeRefused::WrongOperation
    );

    let twice = forged(&document, |c, _| {
        c.operations = vec![put(root(), "pinned", true), put(root(), "pinned", false)];
    });
    assert_eq!(refusal(&twice), ChangeRefused::WrongOperation);
    let twice = forged(&document, |c, n| {
        let last = n.base(ends_at(c));
        let delete = Op {
            action: OpType::Delete,
            obj: object(n, 2),
            key: Key::Seq(ElementId::Id(last.clone())),
            pred: vec![last].into(),
            insert: false,
        };
        c.operations = vec![delete.clone(), delete];
    });
    assert_eq!(refusal(&twice), ChangeRefused::WrongOperation);
    let two_bases = forged(&document, |c, n| {
        let stranger = ObjectId::Id(OpId(3, ActorId::from([9; 16])));
        c.operations = vec![put(object(n, 3), "x", true), put(stranger, "y", true)];
    });
    assert_eq!(refusal(&two_bases), ChangeRefused::UnknownObject);
}

#[test]
fn a_change_of_the_index_is_none_of_a_note_and_the_other_way_round() {
    let pack = crate::id::PackId::from_bytes([5; 32]);
    let mut index = IndexDocument::derive(pack, crate::policy::Sensitivity::Internal);
    let title = IndexEdit {
        title: Some("Acme".into()),
    };
    let of_index = index
        .edit(log(1), &title)
        .expect("one line")
        .expect("changes");
    let of_note = edit(&document(), 1, &body("some text!"));
    assert_eq!(refusal(&of_index.bytes), ChangeRefused::UnknownKey);
    let as_index = check_change(&of_note.bytes, log(1), Schema::Index);
    assert_eq!(as_index.err(), Some(ChangeRefused::WrongOperation));
    assert_eq!(
        document().apply(&of_index.checked),
        Err(ChangeRefused::WrongSchema)
    );
    assert_eq!(
        index.apply(&of_note.checked),
        Err(ChangeRefused::WrongSchema)
    );
    // The keys kept for later.
    let forge = |op: Op| {
        let change = ExpandedChange {
            operations: vec![op],
            ..of_index.checked.change().decode()
        };
        check_change(
            &derived(contents(Change::from(change).raw_bytes())),
            log(1),
            Schema::Index,
        )
    };
    let inside = |number| ObjectId::Id(OpId(number, ActorId::from([9; 16])));
    assert_eq!(
        forge(put(inside(2), "mine", "x")).err(),
        Some(ChangeRefused::UnknownKey)
    );
    let first = Op {
        insert: true,
        key: Key::Seq(ElementId::Head),
        ..put(inside(1), "", "x")
    };
    assert_eq!(forge(first).err(), Some(ChangeRefused::WrongOperation));
    assert_eq!(
        forge(put(ObjectId::Root, "order", "x")).err(),
        Some(ChangeRefused::UnknownKey)
    );
    assert_eq!(
        forge(put(ObjectId::Root, "title", "a\nb")).err(),
        Some(ChangeRefused::UnknownKey)
    );
}

#[test]
fn too_much_is_refused_before_it_is_unfolded() {
    let document = document();
    let honest = edit(&document, 1, &body("some text!")).bytes;
    // A few bytes may claim billions of operations: the action column as one long run.
    let bomb = run_length_bomb(contents(&honest), 1 << 40);
    assert!(bomb.len() < 400);
    assert_eq!(refusal(&bomb), ChangeRefused::TooManyOps);

    let flood = |count: usize, text: &'static str| {
        forged(&document, move |change, names| {
            let op = Op {
                action: OpType::Put(text.into()),
                obj: ObjectId::Id(names.base(2)),
                key: Key::Seq(ElementId::Head),
                pred: SortedVec::new(),
                insert: true,
            };
            change.operations = vec![op; count];
        })
    };
    assert!(check(&flood(2000, "x")).is_ok());
    assert_eq!(
        refusal(&flood(note::BODY_BYTES_MAX / 4 + 1, "𝄞")),
        ChangeRefused::TooMuchText
    );
    let tags = forged(&document, |change, names| {
        let tag = |n: u32| put(ObjectId::Id(names.base(3)), &n.to_string(), true);
        change.operations = (0..300).map(tag).collect();
    });
    assert_eq!(refusal(&tags), ChangeRefused::WrongOperation);
}

/// The same contents, whose action column claims one run of this length.
fn run_length_bomb(contents: &[u8], length: i64) -> Vec<u8> {
    const ACTION: u8 = 66;
    let mut run = Vec::new();
    let mut rest = length;
    while rest > 0x3f {
        run.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    run.extend([rest as u8, 1]);
    let at = COLUMNS_AT;
    let count = usize::from(contents[at]);
    let table: Vec<(u8, u8)> = (0..count)
        .map(|n| (contents[at + 1 + 2 * n], contents[at + 2 + 2 * n]))
        .collect();
    let mut data = &contents[at + 1 + 2 * count..];
    let (mut specs, mut columns) = (vec![contents[at]], Vec::new());
    for (spec, length) in table {
        let (column, others) = data.split_at(usize::from(length));
        data = others;
        let column = if spec == ACTION {
            run.as_slice()
        } else {
            column
        };
        specs.extend([spec, column.len() as u8]);
        columns.extend_from_slice(column);
    }
    derived(&[&contents[..at], &specs, &columns].concat())
}

/// Where the table of columns begins: after one dependency, the actor, sequence number, start, time,
/// length of the message (one byte each, as the numbers are small) and one other actor.
const COLUMNS_AT: usize = (1 + 32) + (1 + 16) + 4 + (1 + 17);

#[test]
fn references_outside_what_the_author_saw_are_refused() {
    let mut document = document();
    let concurrent = edit(&document, 2, &body("some other text"));
    let mut with_it = document.clone();
    with_it.apply(&concurrent.checked).expect("applies");
    let stranger = concurrent.checked.change().actor_id().clone();
    let start = concurrent.checked.change().start_op().get();
    let tag_of_base = 8; // 1–3 objects, status, pinned, consent, then tags "a" and "b"

    let origin = document.clone();
    let refer = |to: OpId| {
        forged(&origin, |change, names| {
            change.operations = vec![Op {
                action: OpType::Put("x".into()),
                obj: ObjectId::Id(names.base(2)),
                key: Key::Seq(ElementId::Id(to.clone())),
                pred: SortedVec::new(),
                insert: true,
            }];
        })
    };
    // A character of a concurrent edit; nothing at all; of the title; a tag; an object.
    let base = base_actor(&document);
    let own = |number| OpId(number, base.clone());
    let targets = [
        OpId(start, stranger),
        OpId(1, ActorId::from([9; 16])),
        own(9),
        own(tag_of_base),
        own(1),
        own(2),
    ];
    for to in targets {
        let Ok(change) = check(&refer(to.clone())) else {
            continue;
        };
        for document in [&mut document, &mut with_it] {
            let before = state(document);
            assert_eq!(
                document.apply(&change),
                Err(ChangeRefused::ForeignReference),
                "{to:?}"
            );
            assert_eq!(state(document), before);
        }
    }
    // Overwriting a value of another key.
    let mixed = forged(&document, |change, names| {
        change.operations = vec![put(ObjectId::Root, "status", "archived")];
        change.operations[0].pred = vec![names.base(5)].into();
    });
    let mixed = check(&mixed).expect("the form is right");
    assert_eq!(document.apply(&mixed), Err(ChangeRefused::ForeignReference));
    // The objects of another base under a known dependency.
    let grafted = forged(&document, |change, _| {
        let foreign = ObjectId::Id(OpId(3, ActorId::from([9; 16])));
        change.operations = vec![put(foreign, "x", true)];
    });
    let grafted = check(&grafted).expect("the form is right");
    assert_eq!(document.apply(&grafted), Err(ChangeRefused::UnknownObject));
}

fn base_actor(document: &NoteDocument) -> ActorId {
    let mut actor = None;
    forged(document, |_, names| actor = Some(names.base.clone()));
    actor.expect("it edits a text")
}

/// Honest changes of every kind, each with the document that it applies to.
fn honest() -> Vec<(NoteDocument, NewChange)> {
    let base = document();
    let mut merged = base.clone();
    let left = edit(&base, 1, &body("some longer text"));
    let right = edit(
        &base,
        2,
        &Edit {
            status: Some(Status::Archived),
            ..body("no text")
        },
    );
    merged
        .try_apply(&[left.checked, right.checked])
        .expect("applies");
    let fields = Edit {
        title: Some("tïtle".into()),
        add_tags: BTreeSet::from(["c".into()]),
        remove_tags: BTreeSet::from(["a".into()]),
        pinned: Some(true),
        consent: Some(Consent::new(ConsentStatus::Withdrawn)),
        valid_to: DateEdit::Set(Timestamp::from_millis(5)),
        ..body("sme txt 東京 👩🏽‍🚀")
    };
    let edits = [
        body("some text!"),
        body(""),
        body("text some"),
        fields.clone(),
    ];
    let on_base = edits
        .iter()
        .map(|wanted| (base.clone(), edit(&base, 1, wanted)));
    let on_merged = [fields, body("!")].map(|wanted| (merged.clone(), edit(&merged, 1, &wanted)));
    on_base.chain(on_merged).collect()
}

#[test]
fn thousands_of_mutants_leave_the_document_whole() {
    let mut outcomes: BTreeMap<String, u32> = BTreeMap::new();
    let mut mutants = 0;
    for (document, change) in honest() {
        let before = state(&document);
        let mut target = document.clone();
        let witness = edit(
            &document,
            3,
            &Edit {
                status: Some(Status::Expired),
                ..body("a witness")
            },
        );
        let contents = contents(&change.bytes);
        for at in 0..contents.len() {
            for bit in [0x01, 0x80] {
                let mut mutant = contents.to_vec();
                mutant[at] ^= bit;
                mutants += 1;
                let outcome = mutate(&mut target, &derived(&mutant), &witness.checked, &before);
                *outcomes.entry(outcome).or_default() += 1;
            }
        }
        target
            .apply(&change.checked)
            .expect("the document is still of use");
    }
    println!("{mutants} mutants: {outcomes:#?}");
    assert!(mutants > 2000);
    assert_eq!(
        outcomes.get("apply: Panicked"),
        None,
        "references are checked before Automerge sees them"
    );
}

/// Offers one mutant to a document; if it is taken, its order among other changes must not matter.
fn mutate(
    target: &mut NoteDocument,
    bytes: &[u8],
    witness: &CheckedChange,
    before: &(NoteView, Vec<ChangeHash>),
) -> String {
    let checked = match check(bytes) {
        Ok(checked) => checked,
        Err(refused) => return format!("check: {refused:?}"),
    };
    let mut first = target.clone();
    if let Err(refused) = target.apply(&checked) {
        assert_eq!(state(target), *before, "an error left a trace");
        let refused = format!("{refused:?}");
        return format!("apply: {}", refused.split(' ').next().unwrap_or_default());
    }
    let mut second = first.clone();
    std::mem::swap(target, &mut first);
    first
        .apply(witness)
        .expect("the witness applies after the mutant");
    second
        .try_apply(&[witness.clone(), checked])
        .expect("the mutant applies after the witness");
    assert_eq!(state(&first), state(&second), "the order of arrival shows");
    "taken".to_owned()
}

#[test]
fn broken_checksums_never_pass() {
    for (_, change) in honest() {
        for at in 0..change.bytes.len() {
            let mut broken = change.bytes.clone();
            broken[at] ^= 0x01;
            refusal(&broken);
        }
    }
}

#[test]
fn a_panic_below_becomes_a_refusal() {
    let refused =
        contained::<()>(|| panic!("as Automerge does on changes that are refused before it"));
    assert_eq!(refused, Err(ChangeRefused::Panicked));
}

#[test]
fn one_bad_change_of_a_batch_is_named_and_none_is_kept() {
    let mut document = document();
    let good = edit(&document, 2, &body("some text and more")).checked;
    let bad = forged(&document, |change, names| {
        change.operations = vec![put(ObjectId::Root, "status", "archived")];
        change.operations[0].pred = vec![names.base(5)].into();
    });
    let bad = check(&bad).expect("the form is right");
    let before = state(&document);
    let refused = document.try_apply(&[good.clone(), bad]);
    assert_eq!(refused, Err((1, ChangeRefused::ForeignReference)));
    assert_eq!(state(&document), before);
    document.apply(&good).expect("the good one alone applies");
}
