//! Entries that only a member with keys can write, and that no honest one does.

use crate::Node;
use crate::objects::build_note;
use crate::replica::Staged;
use crate::view::{NewNote, NewSource, NoteEdit};
use crate::write::Draft;
use kitbag_core::content::{EntryBody, EntryKind, TakesOver};
use kitbag_core::id::{ItemId, PackId, Timestamp};
use kitbag_core::policy::Sensitivity;
use kitbag_crypto::MasterKey;
use kitbag_store::Store;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use std::path::Path;

const NOW: Timestamp = Timestamp::from_millis(1_000);

fn open(dir: &Path, seed: u64) -> Node {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let master = MasterKey::from_bytes([7; 32]);
    let mut store = Store::open(&dir.join("db"), &master, &mut rng).unwrap();
    Node::initialise(&mut store, "Ana", "laptop", &mut rng).unwrap();
    Node::open(store, Box::new(rng), None, |_| Ok(())).unwrap()
}

fn pack_with_note(node: &mut Node, sensitivity: Sensitivity) -> (PackId, ItemId) {
    let pack = node
        .create_pack(NOW, "Acme", Sensitivity::Internal)
        .unwrap()
        .id;
    let note = NewNote {
        body: "one".into(),
        source: NewSource {
            label: "test".into(),
            ..NewSource::default()
        },
        sensitivity: Some(sensitivity),
        ..NewNote::default()
    };
    let added = node.add_notes(NOW, pack, &[note]).unwrap();
    (pack, added[0].id)
}

fn set_body(node: &mut Node, pack: PackId, note: ItemId, body: &str) {
    let edit = NoteEdit {
        body: Some(body.into()),
        ..NoteEdit::default()
    };
    node.edit_note(NOW, pack, note, &edit).unwrap().unwrap();
}

/// Goal: somebody posts the same change twice; an honest edit that builds on the first posting is
/// applied wherever and whenever the two are seen.
#[test]
fn a_change_that_is_carried_twice_takes_no_honest_edit_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = open(dir.path(), 1);
    let (pack, note) = pack_with_note(&mut node, Sensitivity::Internal);
    set_body(&mut node, pack, note, "one two");

    let tag = node.packs[&pack].notes[&note];
    let built = build_note(&node.packs[&pack], &node.store, tag, None, &mut vec![])
        .unwrap()
        .unwrap();
    let (first, change) = {
        let step = &built.steps[1];
        (step.deps.clone(), step.change.clone().unwrap())
    };
    let mut staged = Staged::default();
    let mut pen = node
        .pen(pack, Sensitivity::Internal, true, &mut staged)
        .unwrap();
    let body = EntryBody::Change {
        change: change.bytes().to_vec(),
        at: NOW,
        takes_over: TakesOver::default(),
    };
    let again = Draft {
        kind: EntryKind::Edit,
        object: tag,
        deps: first,
        body: &body,
        item_key: &built.item_key,
    };
    node.append(&mut pen, &again).unwrap();
    node.put_down(pen, &mut staged);
    node.commit(pack, staged).unwrap();

    set_body(&mut node, pack, note, "one two three");
    drop(node);
    let mut node = open(dir.path(), 2);
    assert_eq!(node.note(pack, note).unwrap().body, "one two three");
    assert_eq!(node.status(pack).unwrap().set_aside, 0);
}

/// Goal: an entry in a log of a lower sensitivity that merely names a note's tag changes nothing.
#[test]
fn an_entry_that_only_names_a_tag_hides_no_note() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = open(dir.path(), 3);
    let (pack, note) = pack_with_note(&mut node, Sensitivity::Confidential);
    let tag = node.packs[&pack].notes[&note];
    let replica = &node.packs[&pack];
    let create = replica.objects[&tag].entries[0];
    let built = build_note(replica, &node.store, tag, None, &mut vec![])
        .unwrap()
        .unwrap();

    let mut staged = Staged::default();
    let mut pen = node
        .pen(pack, Sensitivity::Public, true, &mut staged)
        .unwrap();
    let body = EntryBody::Change {
        change: vec![1, 2, 3],
        at: NOW,
        takes_over: TakesOver::default(),
    };
    let claim = Draft {
        kind: EntryKind::Edit,
        object: tag,
        deps: vec![create],
        body: &body,
        item_key: &built.item_key,
    };
    node.append(&mut pen, &claim).unwrap();
    node.put_down(pen, &mut staged);
    node.commit(pack, staged).unwrap();
    drop(node);

    // The lower log is older than the note's, so it is read first.
    let mut node = open(dir.path(), 4);
    assert_eq!(node.note(pack, note).unwrap().body, "one");
    let listed = node.notes(pack).unwrap();
    assert_eq!(listed[0].sensitivity, Sensitivity::Confidential);
    assert_eq!(node.status(pack).unwrap().set_aside, 0);
}
