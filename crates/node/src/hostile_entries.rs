//! Entries that only a member with keys can write, and that no honest one does.

use crate::Node;
use crate::objects::build_note;
use crate::replica::Staged;
use crate::view::{NewNote, NewSource, NoteEdit, ShareOptions};
use crate::write::Draft;
use kitbag_core::content::{
    CONTENT_VERSION, EntryBody, EntryHeader, EntryKind, TakesOver, VerifiedRun, write_entry,
};
use kitbag_core::id::{EntryHash, ItemId, OpHash, PackId, Timestamp};
use kitbag_core::pack::Record;
use kitbag_core::pack::note::{NoteType, Source, SourceKind, Trust, item_id, object_tag};
use kitbag_core::policy::op::{Cutoff, SignedOp};
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_crypto::{ItemKey, MasterKey};
use kitbag_store::Store;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use std::collections::BTreeSet;
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
        deps: first.into_iter().collect(),
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
        deps: BTreeSet::from([create]),
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

/// Goal: in a log that forked a cutoff leaves what leads to it, and nothing of the branch beside it,
/// however low its numbers are.
#[test]
fn a_cutoff_in_a_forked_log_leaves_only_what_leads_to_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = open(dir.path(), 5);
    let (pack, note) = pack_with_note(&mut node, Sensitivity::Confidential);
    set_body(&mut node, pack, note, "one two");
    let (id, opening, trunk) = {
        let mut logs = node.packs[&pack].logs.iter();
        let confidential =
            logs.find(|(_, log)| log.opening.sensitivity == Sensitivity::Confidential);
        let (id, log) = confidential.unwrap();
        (*id, log.opening.clone(), log.branches[0].entries.clone())
    };
    assert!(trunk.len() >= 3);
    let mut beside = vec![trunk[0]];
    let mut entries = vec![];
    for seq in 1..3 {
        let header = EntryHeader {
            version: CONTENT_VERSION,
            pack,
            log: id,
            seq,
            prev: beside.last().copied(),
            kind: EntryKind::Frontier(vec![]),
            epoch: None,
            object: None,
            deps: vec![],
            padded_len: 0,
            body: None,
            wrap: None,
        };
        let entry = write_entry(header, None, None);
        beside.push(entry.hash());
        entries.push(entry);
    }
    let run = VerifiedRun::write(opening, entries, &node.me.signing);
    let staged = Staged {
        runs: vec![run],
        ..Staged::default()
    };
    node.commit(pack, staged).unwrap();
    drop(node);

    let node = open(dir.path(), 6);
    let replica = &node.packs[&pack];
    assert_eq!(replica.logs[&id].branches.len(), 2);
    let within = |seq: u64, head: [u8; 32]| -> Vec<EntryHash> {
        let cutoff = Cutoff { log: id, seq, head };
        let all = trunk.iter().chain(&beside[1..]).copied();
        all.filter(|hash| replica.is_within(&cutoff, &replica.places[hash], *hash))
            .collect()
    };
    assert_eq!(within(2, *trunk[2].as_bytes()), trunk[..3]);
    assert_eq!(within(1, *trunk[1].as_bytes()), trunk[..2]);
    assert_eq!(within(2, *beside[2].as_bytes()), beside);
    assert_eq!(within(0, *trunk[0].as_bytes()), trunk[..1]);
    assert_eq!(within(2, [9; 32]), []);
    assert_eq!(within(1, *trunk[2].as_bytes()), []);
}

/// Goal: an entry of a branch that is not kept is as if it were not here, as the end of a log too: a
/// replica that never got it must come to the same.
#[test]
fn a_cutoff_in_a_branch_that_is_not_kept_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = open(dir.path(), 5);
    let (pack, note) = pack_with_note(&mut node, Sensitivity::Confidential);
    set_body(&mut node, pack, note, "one two");
    let (id, opening, first) = {
        let mut logs = node.packs[&pack].logs.iter();
        let confidential =
            logs.find(|(_, log)| log.opening.sensitivity == Sensitivity::Confidential);
        let (id, log) = confidential.unwrap();
        (*id, log.opening.clone(), log.branches[0].entries[0])
    };
    for n in 0..3 {
        let header = EntryHeader {
            version: CONTENT_VERSION,
            pack,
            log: id,
            seq: 1,
            prev: Some(first),
            kind: EntryKind::Frontier(vec![OpHash::from_bytes([n; 32])]),
            epoch: None,
            object: None,
            deps: vec![],
            padded_len: 0,
            body: None,
            wrap: None,
        };
        let entry = write_entry(header, None, None);
        let run = VerifiedRun::write(opening.clone(), vec![entry], &node.me.signing);
        let staged = Staged {
            runs: vec![run],
            ..Staged::default()
        };
        node.commit(pack, staged).unwrap();
    }
    let replica = &node.packs[&pack];
    let mut ends = 0;
    for (hash, place) in replica.places.iter().filter(|(_, place)| place.log == id) {
        let cutoff = Cutoff {
            log: id,
            seq: place.seq,
            head: *hash.as_bytes(),
        };
        let leaves = replica.is_within(&cutoff, &replica.places[&first], first);
        let is_kept = !replica.surplus.contains(hash);
        assert_eq!(leaves, is_kept, "{place}", place = place.seq);
        ends += usize::from(!is_kept);
    }
    assert!(ends > 0, "something is not kept");
}

/// Goal: this device's own policy log forked and nobody told it: it goes on in a new one, where what
/// it grants does not wait.
#[test]
fn who_owns_a_forked_policy_log_goes_on_in_a_new_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = open(dir.path(), 7);
    let (pack, _) = pack_with_note(&mut node, Sensitivity::Internal);
    let options = ShareOptions {
        role: Role::Reader,
        clearance: Sensitivity::Internal,
        expires_at: None,
        uses: 1,
        ask: false,
    };
    node.share(NOW, pack, &options).unwrap();
    let last = node.packs[&pack].op_order.last().copied().unwrap();
    let mut other = node.packs[&pack].ops[&last].op().clone();
    other.at = Timestamp::from_millis(2_000);
    let staged = Staged {
        ops: vec![SignedOp::sign(other, &node.me.signing)],
        ..Staged::default()
    };
    node.commit(pack, staged).unwrap();
    assert_eq!(node.packs[&pack].policy.forked_logs().len(), 1);

    let before = node.life.incarnation;
    node.share(NOW, pack, &options).unwrap();
    assert_ne!(node.life.incarnation, before);
    let replica = &node.packs[&pack];
    let last = &replica.ops[replica.op_order.last().unwrap()];
    assert!(!replica.policy.forked_logs().contains(&last.log()));
    assert_eq!(last.op().incarnation, node.life.incarnation);
    let stands = replica
        .policy
        .invites()
        .any(|(grant, _)| grant.op == last.hash());
    assert!(stands);

    let now = node.life.incarnation;
    node.share(NOW, pack, &options).unwrap();
    assert_eq!(node.life.incarnation, now, "once is enough");
}

/// Goal: an editor creates one note twice, in two branches, under one name and with two texts: of the
/// two every device takes the same, in whatever order they come.
#[test]
fn of_a_note_that_was_created_twice_every_device_takes_the_same() {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let mut node = open(dirs[0].path(), 8);
    let (pack, _) = pack_with_note(&mut node, Sensitivity::Internal);
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
    let mut record = Record::new([3; 16], NoteType::Note, source);
    let mut runs = vec![];
    let mut id = None;
    for body in ["first", "second"] {
        record.body = body.into();
        let mut staged = Staged::default();
        let mut pen = node
            .pen(pack, Sensitivity::Internal, true, &mut staged)
            .unwrap();
        let item = item_id(pen.log, pen.next_seq(), &record.salt);
        assert_eq!(*id.get_or_insert(item), item);
        let body = EntryBody::Create {
            record: record.clone(),
            at: NOW,
            takes_over: TakesOver::default(),
        };
        let draft = Draft {
            kind: EntryKind::Create,
            object: object_tag(pack, item, Sensitivity::Internal, 0),
            deps: BTreeSet::new(),
            body: &body,
            item_key: &ItemKey::from_bytes([4; 32]),
        };
        node.append(&mut pen, &draft).unwrap();
        node.put_down(pen, &mut staged);
        runs.append(&mut staged.runs);
    }
    drop(node);
    std::fs::copy(dirs[0].path().join("db"), dirs[1].path().join("db")).unwrap();

    let mut shown = vec![];
    for (dir, order) in dirs.iter().zip([[0, 1], [1, 0]]) {
        let mut node = open(dir.path(), 9);
        for at in order {
            let staged = Staged {
                runs: vec![runs[at].clone()],
                ..Staged::default()
            };
            node.commit(pack, staged).unwrap();
        }
        shown.push(node.note(pack, id.unwrap()).unwrap().body);
        drop(node);
        let node = &mut open(dir.path(), 10);
        shown.push(node.note(pack, id.unwrap()).unwrap().body);
        assert_eq!(node.status(pack).unwrap().set_aside, 1);
    }
    assert!(shown.iter().all(|body| *body == shown[0]), "{shown:?}");
}
