//! Notes that do not open from disk, in the middle of a go.

use super::*;
use crate::capturing::Incoming;
use crate::view::NoteEdit;
use kitbag_core::id::Timestamp;
use kitbag_core::pack::Record;
use kitbag_core::pack::note::{NoteType, Pii, Source, SourceKind, Trust};
use kitbag_core::policy::Sensitivity;
use kitbag_crypto::MasterKey;
use kitbag_store::Store;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use std::path::Path;

const NOW: Timestamp = Timestamp::from_millis(1_900_000_000_000);

fn open(dir: &Path) -> Node {
    let mut rng = ChaCha20Rng::seed_from_u64(2_920);
    let master = MasterKey::from_bytes([7; 32]);
    let mut store = Store::open(&dir.join("db"), &master, &mut rng).unwrap();
    Node::initialise(&mut store, "Ana", "laptop", &mut rng).unwrap();
    Node::open(store, Box::new(rng), None, |_| Ok(())).unwrap()
}

fn reopened(node: Node, dir: &Path) -> Node {
    drop(node);
    let mut rng = ChaCha20Rng::seed_from_u64(2_921);
    let master = MasterKey::from_bytes([7; 32]);
    let store = Store::open(&dir.join("db"), &master, &mut rng).unwrap();
    Node::open(store, Box::new(rng), None, |_| Ok(())).unwrap()
}

fn record(text: &str) -> Record {
    let source = Source {
        kind: SourceKind::Crm,
        label: text.into(),
        uri: None,
        app: None,
        author: None,
        locator: None,
        captured_at: NOW,
        observed_at: None,
        captured_by: String::new(),
        trust: Trust::FirstParty,
    };
    let mut record = Record::new([0; 16], NoteType::Note, source);
    record.body = text.into();
    record
}

fn put(node: &mut Node, pack: PackId, note: Incoming) -> (ItemId, Option<ItemId>) {
    let mut done = node.capture(NOW, pack, vec![note]).unwrap();
    let captured = done.notes.remove(0).unwrap();
    (captured.id.unwrap(), captured.masked.map(|(copy, _)| copy))
}

fn note(node: &mut Node, pack: PackId, text: &str) -> ItemId {
    put(node, pack, Incoming::new(record(text))).0
}

/// An original, and its masked copy.
fn pair(node: &mut Node, pack: PackId, text: &str) -> (ItemId, ItemId) {
    let copy = record(&format!("{text} masked"));
    let mut original = record(text);
    original.pii = [Pii::Email].into();
    let incoming = Incoming {
        sensitivity: Some(Sensitivity::Restricted),
        masked: Some(Box::new((copy, Some(Sensitivity::Internal)))),
        ..Incoming::new(original)
    };
    let (original, copy) = put(node, pack, incoming);
    (original, copy.unwrap())
}

fn version(node: &Node, pack: PackId, note: ItemId) -> [u8; 32] {
    node.read_note(pack, note).unwrap().2.version()
}

/// As a plan has it that is made now.
fn action(node: &Node, pack: PackId, note: ItemId, act: HygieneAct) -> HygieneAction {
    let partners = node
        .packs
        .need(pack)
        .unwrap()
        .partners_of(&note)
        .into_iter();
    HygieneAction {
        note,
        version: version(node, pack, note),
        act,
        along: partners.map(|id| (id, version(node, pack, id))).collect(),
        why: None,
    }
}

fn status(node: &Node, pack: PackId, note: ItemId) -> Status {
    node.read_note(pack, note).unwrap().2.view().status
}

/// From now on the rows of this note are not where they were written.
fn damage(node: &mut Node, pack: PackId, note: ItemId) {
    let replica = node.packs.get_mut(&pack).unwrap();
    let tag = replica.notes[&note];
    let entries = replica.objects[&tag].entries.to_vec();
    for entry in entries {
        replica.places.get_mut(&entry).unwrap().seq = 1 << 40;
    }
    node.built.forget_pack(pack);
    let read = node.read_note(pack, note);
    assert!(matches!(read, Err(NodeError::Damaged(_))));
}

/// Goal: a note that does not open, whatever it is in its action, stays with that reason; all others of
/// the step are done, those after it too.
#[test]
fn a_note_that_does_not_open_stays_and_the_rest_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = open(dir.path());
    let made = node.create_pack(NOW, "Acme", Sensitivity::Internal);
    let pack = made.unwrap().id;
    let texts = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let [a, b, c, d, e, f, g, h] = texts.map(|text| note(&mut node, pack, text));
    let (with_copy, its_copy) = pair(&mut node, pack, "one");
    let (replaced, its_broken) = pair(&mut node, pack, "two");
    let of = |node: &Node, note, by: Option<ItemId>| {
        let act = by.map(|by| HygieneAct::Supersede {
            by,
            version: version(node, pack, by),
        });
        action(node, pack, note, act.unwrap_or(HygieneAct::Delete))
    };
    let actions = [
        of(&node, a, None),
        of(&node, b, None),           // does not open
        of(&node, c, Some(e)),        // the one to be replaced does not open
        of(&node, d, Some(f)),        // what should replace it does not open
        of(&node, with_copy, None),   // what goes with it does not open
        of(&node, replaced, Some(g)), // what would be replaced with it does not open
        of(&node, h, Some(e)),
    ];
    for broken in [b, c, f, its_copy, its_broken] {
        damage(&mut node, pack, broken);
    }
    let mut run = node.begin_hygiene_run(NOW, pack, actions.len()).unwrap();
    let done = node.hygiene_step(&mut run, pack, &actions).unwrap();
    let left: Vec<_> = done.iter().map(|one| one.left).collect();
    let unreadable = Some(Left::Unreadable);
    let expected = [
        None, unreadable, unreadable, unreadable, unreadable, unreadable, None,
    ];
    assert_eq!(left, expected);
    assert!(
        done.iter()
            .zip(&actions)
            .all(|(one, of)| one.note == of.note)
    );
    assert_eq!(status(&node, pack, a), Status::DELETED);
    assert_eq!(status(&node, pack, h), Status::Superseded);
    for stays in [d, e, g, with_copy, replaced] {
        assert_eq!(status(&node, pack, stays), Status::Active);
    }
}

/// Goal: only damage is taken for damage.
#[test]
fn an_error_of_another_kind_is_still_an_error() {
    let row = StoreError::Damaged { table: "any" };
    assert!(does_not_open(&row.into()));
    assert!(does_not_open(&NodeError::Damaged("note")));
    assert!(!does_not_open(&NodeError::NotFound("pack")));
    assert!(!does_not_open(&Denied::NotAWriter.into()));

    let dir = tempfile::tempdir().unwrap();
    let mut node = open(dir.path());
    let nowhere = PackId::from_bytes([3; 32]);
    let mut go = HygieneGo::new(NOW, 0);
    let step = node.hygiene_step(&mut go, nowhere, &[]);
    assert!(matches!(step, Err(NodeError::NotFound(_))));
}

/// Goal: a list of goes that cannot be read is told, blocks no undo, and is begun anew by the next go.
#[test]
fn a_list_of_goes_that_cannot_be_read_is_begun_anew() {
    for damage in [&b"\xff no list"[..], b""] {
        let dir = tempfile::tempdir().unwrap();
        let mut node = open(dir.path());
        let made = node.create_pack(NOW, "Acme", Sensitivity::Internal);
        let pack = made.unwrap().id;
        let notes = ["a", "b", "c"].map(|text| note(&mut node, pack, text));
        let go = |node: &mut Node, of: &[ItemId], at: u64| {
            let delete = |note: &ItemId| action(node, pack, *note, HygieneAct::Delete);
            let actions: Vec<_> = of.iter().map(delete).collect();
            let now = Timestamp::from_millis(NOW.as_millis() + at);
            let mut run = node.begin_hygiene_run(now, pack, actions.len()).unwrap();
            let done = node.hygiene_step(&mut run, pack, &actions).unwrap();
            assert!(done.iter().all(|one| one.left.is_none()));
        };
        go(&mut node, &notes[..2], 1);
        let mut batch = node.store.batch(&mut *node.rng).unwrap();
        batch
            .put_setting(&format!("hygiene/{pack}"), damage)
            .unwrap();
        batch.commit().unwrap();
        let mut node = reopened(node, dir.path());
        assert_eq!(node.damaged(), ["list of what hygiene wrote"]);
        // What the go wrote are single writes now.
        let later = Timestamp::from_millis(NOW.as_millis() + 2);
        let undone = node.undo(later, pack, None, false).unwrap();
        assert_eq!(undone.run, None);
        assert_eq!(status(&node, pack, notes[1]), Status::Active);
        assert_eq!(status(&node, pack, notes[0]), Status::DELETED);
        go(&mut node, &notes[1..], 3);
        let later = Timestamp::from_millis(NOW.as_millis() + 4);
        let undone = node.undo(later, pack, None, false).unwrap();
        assert_eq!(undone.run.map(|run| (run.notes, run.rest)), Some((2, 0)));
        assert!(reopened(node, dir.path()).damaged().is_empty());
    }
}

/// Goal: what goes along with a note is in the plan by its version: one that changed since, or that the
/// plan does not name, keeps the note where it is, whatever is to be done to it.
#[test]
fn what_goes_along_goes_as_it_was_looked_at_or_nothing_does() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = open(dir.path());
    let made = node.create_pack(NOW, "Acme", Sensitivity::Internal);
    let pack = made.unwrap().id;
    let mut at = NOW.as_millis();
    for kind in 0..3 {
        let (original, copy) = pair(&mut node, pack, &format!("one {kind}"));
        let (by, _) = pair(&mut node, pack, &format!("two {kind}"));
        let wanted = |node: &Node| {
            let act = match kind {
                0 => HygieneAct::Delete,
                1 => HygieneAct::Expire,
                _ => HygieneAct::Supersede {
                    by,
                    version: version(node, pack, by),
                },
            };
            action(node, pack, original, act)
        };
        let mut go = |node: &mut Node, action: &HygieneAction| {
            at += 1;
            let now = Timestamp::from_millis(at);
            let mut go = node.begin_hygiene_run(now, pack, 1).unwrap();
            let actions = std::slice::from_ref(action);
            node.hygiene_step(&mut go, pack, actions).unwrap().remove(0)
        };
        let before = wanted(&node);
        assert_eq!(before.along.len(), 1);
        let unnamed = HygieneAction {
            along: vec![],
            ..before.clone()
        };
        assert_eq!(go(&mut node, &unnamed).left, Some(Left::Changed));
        let pin = NoteEdit {
            pinned: Some(true),
            ..NoteEdit::default()
        };
        node.edit_note(NOW, pack, copy, &pin).unwrap();
        assert_eq!(go(&mut node, &before).left, Some(Left::Changed), "{kind}");
        for id in [original, copy] {
            assert_eq!(status(&node, pack, id), Status::Active);
        }
        let again = wanted(&node);
        let done = go(&mut node, &again);
        assert_eq!((done.left, done.along), (None, vec![copy]));
        assert_eq!(status(&node, pack, copy), status(&node, pack, original));
        let began = Timestamp::from_millis(at);
        let signed = node.sign_hygiene_receipt(NOW, pack, began).unwrap();
        let [one] = &signed.receipt().notes[..] else {
            panic!("{signed:?}")
        };
        assert_eq!((one.note, one.before), (original, again.version));
        let [with] = one.along[..] else {
            panic!("{one:?}")
        };
        assert_eq!((with.note, with.before), (copy, Some(again.along[0].1)));
    }
}

/// Goal: two goes that begin at one moment, and write in turns, are two, to undo and in their receipts.
#[test]
fn goes_that_begin_at_one_moment_are_two() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = open(dir.path());
    let made = node.create_pack(NOW, "Acme", Sensitivity::Internal);
    let pack = made.unwrap().id;
    let notes = ["a", "b", "c"].map(|text| note(&mut node, pack, text));
    let plan = notes.map(|note| action(&node, pack, note, HygieneAct::Delete));
    let mut first = node.begin_hygiene_run(NOW, pack, 2).unwrap();
    let mut second = node.begin_hygiene_run(NOW, pack, 1).unwrap();
    node.hygiene_step(&mut first, pack, &plan[..1]).unwrap();
    node.hygiene_step(&mut second, pack, &plan[1..2]).unwrap();
    node.hygiene_step(&mut first, pack, &plan[2..]).unwrap();
    let goes = node.hygiene_goes(pack).unwrap();
    let goes: Vec<_> = goes
        .iter()
        .map(|go| (go.at, go.done, go.unreached))
        .collect();
    let mut expected = [(second.at, 1, 0), (first.at, 2, 0)];
    expected.sort_unstable();
    let mut sorted = goes.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, expected);
    let of = |go: &HygieneGo| {
        let signed = node.sign_hygiene_receipt(NOW, pack, go.at).unwrap();
        let notes = signed.receipt().notes.iter();
        notes.map(|one| one.note).collect::<BTreeSet<_>>()
    };
    assert_eq!(of(&first), [notes[0], notes[2]].into());
    assert_eq!(of(&second), [notes[1]].into());
}

/// Goal: what a go did is kept for the newest goes, is never that of another go, and if it cannot be read
/// there is no receipt rather than a part of one.
#[test]
fn receipts_are_of_the_newest_goes_and_whole() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = open(dir.path());
    let made = node.create_pack(NOW, "Acme", Sensitivity::Internal);
    let pack = made.unwrap().id;
    let mut went = Vec::new();
    for at in 0..11 {
        let notes = [0, 1].map(|of| note(&mut node, pack, &format!("{at} {of}")));
        let mut plan = notes.map(|note| action(&node, pack, note, HygieneAct::Delete));
        plan[1].version = [1; 32];
        let now = Timestamp::from_millis(NOW.as_millis() + at);
        let mut go = node.begin_hygiene_run(now, pack, 3).unwrap();
        // One step with both, and one that only leaves something.
        node.hygiene_step(&mut go, pack, &plan).unwrap();
        node.hygiene_step(&mut go, pack, &plan[1..]).unwrap();
        went.push((now, notes[0]));
    }
    let goes = node.hygiene_goes(pack).unwrap();
    let newest_first: Vec<_> = went.iter().rev().take(8).map(|(at, _)| *at).collect();
    assert_eq!(
        goes.iter().map(|go| go.at).collect::<Vec<_>>(),
        newest_first
    );
    for go in &goes {
        assert_eq!((go.planned, go.done, go.unreached), (3, 1, 0));
        assert_eq!(go.stayed[0].why, "changed");
        assert_eq!(go.stayed[0].notes, 2);
    }
    for (number, (at, note)) in went.iter().enumerate() {
        match node.sign_hygiene_receipt(NOW, pack, *at) {
            Ok(signed) => assert_eq!(signed.receipt().notes[0].note, *note),
            Err(NodeError::NotFound(_)) => assert!(number < 3),
            Err(error) => panic!("{error}"),
        }
    }
    let mut batch = node.store.batch(&mut *node.rng).unwrap();
    let slots: Vec<String> = (0..8)
        .map(|slot| format!("hygiene/{pack}/{slot}/0"))
        .collect();
    for slot in &slots {
        batch.put_setting(slot, b"\xff no list").unwrap();
    }
    batch.commit().unwrap();
    for (at, _) in &went[3..] {
        let signed = node.sign_hygiene_receipt(NOW, pack, *at);
        assert!(matches!(signed, Err(NodeError::Damaged(_))), "{signed:?}");
    }
    let later = Timestamp::from_millis(NOW.as_millis() + 20);
    let undone = node.undo(later, pack, None, false).unwrap();
    assert_eq!(undone.id, went[10].1, "undo needs none of it");
}
