//! Creates and parts that no honest member writes: whatever they claim, nothing is shown as a note that
//! is not the text of its record, and the rest of the pack goes on.

use crate::Node;
use crate::long_text::set_text;
use crate::objects::build_note;
use crate::replica::Staged;
use crate::view::{AsideKind, AsideWhy, NewNote, NewSource};
use crate::why::WaitingFor;
use crate::write::Draft;
use kitbag_core::content::{EntryBody, EntryKind, TakesOver};
use kitbag_core::id::{EntryHash, ItemId, ObjectTag, PackId, Timestamp};
use kitbag_core::pack::long_text::parts_of;
use kitbag_core::pack::note::{NoteType, Source, SourceKind, Trust, item_id, object_tag};
use kitbag_core::pack::{Edit, LongText, Record};
use kitbag_core::policy::Sensitivity;
use kitbag_crypto::{ItemKey, MasterKey};
use kitbag_store::Store;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use std::collections::BTreeSet;
use std::path::Path;

const NOW: Timestamp = Timestamp::from_millis(1_000);
const INTERNAL: Sensitivity = Sensitivity::Internal;

fn open(dir: &Path, seed: u64) -> Node {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let master = MasterKey::from_bytes([7; 32]);
    let mut store = Store::open(&dir.join("db"), &master, &mut rng).unwrap();
    Node::initialise(&mut store, "Ana", "laptop", &mut rng).unwrap();
    Node::open(store, Box::new(rng), None, |_| Ok(())).unwrap()
}

/// A text of three parts.
fn text() -> String {
    format!("a{}", "é".repeat(70_000))
}

fn record(salt: u8) -> Record {
    let source = Source {
        kind: SourceKind::Manual,
        label: "test".into(),
        uri: None,
        app: None,
        author: None,
        locator: None,
        captured_at: NOW,
        observed_at: None,
        captured_by: "Ana (laptop)".into(),
        trust: Trust::FirstParty,
    };
    let mut record = Record::new([salt; 16], NoteType::Note, source);
    set_text(&mut record, &text()).unwrap();
    record
}

/// A long note in the making; as it comes it is an honest one.
struct Forged {
    record: Record,
    pieces: Vec<Vec<u8>>,
    /// This piece is an entry of this kind.
    kind: Option<(usize, EntryKind)>,
    /// This piece stands under another tag.
    other_tag: Option<usize>,
    /// This piece is sealed with another item key.
    other_key: Option<usize>,
    /// Something stands between the pieces and the create.
    gap: bool,
    /// Names something else than the pieces.
    named: fn(&mut Vec<EntryHash>, EntryHash),
}

impl Forged {
    fn new(salt: u8) -> Forged {
        Forged {
            record: record(salt),
            pieces: parts_of(&text()).map(<[u8]>::to_vec).collect(),
            kind: None,
            other_tag: None,
            other_key: None,
            gap: false,
            named: |_, _| {},
        }
    }

    /// Writes it; returns its name, its tag and its create entry.
    fn write(&self, node: &mut Node, pack: PackId) -> (ItemId, ObjectTag, EntryHash) {
        let mut staged = Staged::default();
        let key = ItemKey::from_bytes([4; 32]);
        let other_key = ItemKey::from_bytes([5; 32]);
        let other_tag = ObjectTag::from_bytes([6; 32]);
        let mut below = node
            .pen(pack, Sensitivity::Public, true, &mut staged)
            .unwrap();
        let mut pen = node.pen(pack, INTERNAL, true, &mut staged).unwrap();
        let seq = pen.next_seq() + self.pieces.len() as u64 + u64::from(self.gap);
        let item = item_id(pen.log, seq, &self.record.salt);
        let tag = object_tag(pack, item, INTERNAL, 0);
        let empty = EntryBody::Part(vec![]);
        let draft = |kind, object| Draft {
            kind,
            object,
            deps: BTreeSet::new(),
            body: &empty,
            item_key: &key,
        };
        let elsewhere = EntryBody::Part(self.pieces.first().cloned().unwrap_or_default());
        let elsewhere = Draft {
            body: &elsewhere,
            ..draft(EntryKind::Part, tag)
        };
        let elsewhere = node.append(&mut below, &elsewhere).unwrap();
        let mut named = Vec::new();
        for (at, piece) in self.pieces.iter().enumerate() {
            let kind = self.kind.clone().filter(|(of, _)| *of == at);
            let is = |of: Option<usize>| of == Some(at);
            let draft = Draft {
                kind: kind.map_or(EntryKind::Part, |(_, kind)| kind),
                object: if is(self.other_tag) { other_tag } else { tag },
                deps: BTreeSet::new(),
                body: &EntryBody::Part(piece.clone()),
                item_key: if is(self.other_key) { &other_key } else { &key },
            };
            named.push(node.append(&mut pen, &draft).unwrap());
        }
        if self.gap {
            node.append(&mut pen, &draft(EntryKind::Part, other_tag))
                .unwrap();
        }
        (self.named)(&mut named, elsewhere);
        let body = EntryBody::Create {
            record: self.record.clone(),
            at: NOW,
            takes_over: TakesOver::default(),
        };
        let create = Draft {
            kind: EntryKind::Create,
            object: tag,
            deps: named.into_iter().collect(),
            body: &body,
            item_key: &key,
        };
        let create = node.append(&mut pen, &create).unwrap();
        node.put_down(below, &mut staged);
        node.put_down(pen, &mut staged);
        node.commit(pack, staged).unwrap();
        (item, tag, create)
    }
}

fn pack_of(node: &mut Node) -> PackId {
    let pack = node.create_pack(NOW, "Acme", INTERNAL).unwrap().id;
    let note = NewNote {
        body: "honest".into(),
        source: NewSource {
            label: "test".into(),
            ..NewSource::default()
        },
        ..NewNote::default()
    };
    node.add_notes(NOW, pack, &[note]).unwrap();
    pack
}

/// Goal: each way to write parts that are not the text, or a create that names something else, has its
/// reason, is told with its author, and is shown nowhere as a note, before and after a restart.
#[test]
fn what_is_not_the_text_is_set_aside_and_never_shown() {
    type Spoil = fn(&mut Forged);
    const COUNT: &str = "names another number of parts";
    const ELSE: &str = "names something else than the parts before it";
    let cases: [(Spoil, &str); 17] = [
        (|of| of.named = |named, _| named.truncate(2), COUNT),
        (|of| of.named = |named, _| named.clear(), COUNT),
        (|of| of.named = |named, other| named.push(other), COUNT),
        (|of| of.named = |named, other| named[1] = other, ELSE),
        (|of| of.pieces.push(b"more".to_vec()), COUNT),
        (|of| drop(of.pieces.pop()), COUNT),
        (|of| of.gap = true, ELSE),
        (|of| of.kind = Some((1, EntryKind::Index)), ELSE),
        (|of| of.other_tag = Some(2), ELSE),
        (
            |of| of.other_key = Some(0),
            "a part of the text does not open",
        ),
        (|of| of.pieces.swap(0, 1), "begins in another way"),
        (|of| of.pieces[1] = of.pieces[0].clone(), "not UTF-8"),
        (|of| of.pieces[2] = vec![], "a wrong length"),
        (|of| of.pieces[1][10] ^= 1, "not those of the text"),
        (|of| of.record.body = "b".into(), "begins in another way"),
        (
            |of| {
                let long = of.record.long.unwrap();
                of.record.long = Some(LongText {
                    bytes: 4_000_000,
                    ..long
                });
            },
            COUNT,
        ),
        (|of| of.record.long = None, "builds on something"),
    ];
    let dir = tempfile::tempdir().unwrap();
    let mut node = open(dir.path(), 1);
    let pack = pack_of(&mut node);
    let mut told = Vec::new();
    for (n, (spoil, reason)) in cases.into_iter().enumerate() {
        let mut forged = Forged::new(n as u8);
        spoil(&mut forged);
        let (_, tag, create) = forged.write(&mut node, pack);
        let why = node.packs[&pack].quarantined.get(&create);
        assert!(why.is_some_and(|why| why.contains(reason)), "{n}: {why:?}");
        assert!(
            build_note(&node.packs[&pack], &node.store, tag, None, &mut vec![])
                .unwrap()
                .is_none()
        );
        told.push(create);
    }
    told.sort();
    for seed in 2..4 {
        let listed = node.set_aside(pack).unwrap();
        let mut entries: Vec<EntryHash> = listed.iter().map(|of| of.entry).collect();
        entries.sort();
        assert_eq!(entries, told, "one for each, and none for its parts");
        assert!(listed.iter().all(|of| of.kind == AsideKind::Note
            && of.author == "Ana"
            && matches!(of.why, AsideWhy::Refused { .. })));
        assert_eq!(node.notes(pack).unwrap().len(), 1, "the honest one");
        drop(node);
        node = open(dir.path(), seed);
    }
    // The table is worth something only if an honest one passes.
    let (item, _, _) = Forged::new(99).write(&mut node, pack);
    let shown = node.note(pack, item).unwrap();
    assert_eq!(shown.long_text_bytes, Some(text().len() as u64));
    assert_eq!(node.text(pack, item, 0).unwrap().text, text());
    assert_eq!(node.set_aside(pack).unwrap().len(), told.len());
}

/// Goal: a create that names an entry nobody has waits, and is told as a note that waits; nobody is
/// blamed.
#[test]
fn a_create_whose_part_is_not_here_waits() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = open(dir.path(), 1);
    let pack = pack_of(&mut node);
    let mut forged = Forged::new(1);
    forged.named = |named, _| named[1] = EntryHash::from_bytes([9; 32]);
    let (item, _, _) = forged.write(&mut node, pack);
    for seed in 2..4 {
        assert!(node.note(pack, item).is_err());
        assert_eq!(node.status(pack).unwrap().set_aside, 0);
        let why = node.why(Some(pack)).unwrap().remove(0);
        let waiting: Vec<_> = why.waiting.iter().map(|of| (&of.what, of.notes)).collect();
        assert_eq!(waiting, [(&WaitingFor::Earlier, 1)]);
        drop(node);
        node = open(dir.path(), seed);
    }
}

/// Goal: an edit of the beginning that stands in the record is refused by readers, one of the title is
/// not.
#[test]
fn an_edit_of_a_long_text_is_refused_by_readers() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = open(dir.path(), 1);
    let pack = pack_of(&mut node);
    let (item, tag, _) = Forged::new(1).write(&mut node, pack);
    for (body, title, aside) in [(None, Some("titled"), 0), (Some("short"), None, 1)] {
        let built = build_note(&node.packs[&pack], &node.store, tag, None, &mut vec![]);
        let mut built = built.unwrap().unwrap();
        let document = built.open_document();
        let mut staged = Staged::default();
        let mut pen = node.pen(pack, INTERNAL, true, &mut staged).unwrap();
        let edit = Edit {
            body: body.map(str::to_owned),
            title: title.map(str::to_owned),
            ..Edit::default()
        };
        let change = document.edit(pen.log, &edit).unwrap().unwrap();
        let takes = TakesOver::default();
        node.append_change(NOW, &mut pen, tag, &mut built, &change, takes)
            .unwrap();
        node.put_down(pen, &mut staged);
        node.commit(pack, staged).unwrap();
        assert_eq!(node.status(pack).unwrap().set_aside, aside);
        let shown = node.note(pack, item).unwrap();
        assert_eq!((shown.title.as_str(), shown.edits), ("titled", 1));
        assert_eq!(node.text(pack, item, 0).unwrap().text, text());
    }
}
