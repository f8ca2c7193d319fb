//! Packs that are put away: out of sight, and nothing else; after a restart too.

use super::*;
use crate::finding::{EmptyReason, Found, SearchOptions};
use crate::view::NewNote;
use kitbag_core::filter::{Filter, Listed};
use kitbag_core::id::{ItemId, Timestamp};
use kitbag_core::policy::Sensitivity;
use kitbag_crypto::MasterKey;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use std::path::Path;

const NOW: Timestamp = Timestamp::from_millis(10_000);

fn open(dir: &Path, seed: u64) -> Node {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let master = MasterKey::from_bytes([7; 32]);
    let mut store = Store::open(&dir.join("db"), &master, &mut rng).unwrap();
    Node::initialise(&mut store, "Ana", "laptop", &mut rng).unwrap();
    Node::open(store, Box::new(rng), None, |_| Ok(())).unwrap()
}

fn with_note(node: &mut Node, title: &str) -> (PackId, ItemId) {
    let pack = node.create_pack(NOW, title, Sensitivity::Internal);
    let pack = pack.unwrap().id;
    (pack, add(node, pack, "a refund"))
}

fn add(node: &mut Node, pack: PackId, body: &str) -> ItemId {
    let mut note = NewNote {
        body: body.into(),
        ..NewNote::default()
    };
    note.source.label = "test".into();
    node.add_notes(NOW, pack, &[note]).unwrap()[0].id
}

fn search(node: &Node, packs: Option<Vec<PackId>>) -> Found {
    let options = SearchOptions {
        query: "refund".into(),
        packs,
        listed: Listed::Kept,
        filter: Filter::default(),
        limit: 10,
        explain: false,
    };
    let mut searching = node.begin_search(options).unwrap();
    loop {
        if let Some(found) = node.search_on(&mut searching).unwrap() {
            return found;
        }
    }
}

fn in_packs(found: &Found) -> BTreeSet<PackId> {
    found.results.iter().map(|hit| hit.pack).collect()
}

/// Goal: an archived pack is in no search that does not name it, and whoever names it reads, finds and
/// writes as before.
#[test]
fn an_archived_pack_is_out_of_sight_and_everything_else_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = open(dir.path(), 1);
    let (kept, _) = with_note(&mut node, "Kept");
    let (away, note) = with_note(&mut node, "Away");
    assert_eq!(in_packs(&search(&node, None)), [kept, away].into());
    assert!(node.set_archived(away, true).unwrap());
    assert!(!node.set_archived(away, true).unwrap(), "it was already");

    let found = search(&node, None);
    assert_eq!((in_packs(&found), found.archived_packs), ([kept].into(), 1));
    assert_eq!((found.total, found.searched), (1, 1), "nor is it counted");
    let named = search(&node, Some(vec![away]));
    assert_eq!((in_packs(&named), named.archived_packs), ([away].into(), 0));
    let listed: Vec<(PackId, bool)> = node.packs().iter().map(|of| (of.id, of.archived)).collect();
    assert_eq!(listed, [(kept, false), (away, true)]);
    assert_eq!(node.packs_called("Away"), [away]);
    assert_eq!(node.note(away, note).unwrap().body, "a refund");
    add(&mut node, away, "a second refund");
    assert!(node.is_archived(&away), "a write leaves it where it is");
    assert_eq!(search(&node, Some(vec![away])).total, 2);
    assert_eq!(node.status(away).unwrap().id, away);

    assert!(node.set_archived(kept, true).unwrap());
    let none = search(&node, None);
    assert_eq!(none.empty_reason, Some(EmptyReason::NoPacks));
    assert_eq!(none.archived_packs, 2);
    assert!(node.set_archived(away, false).unwrap());
    assert!(!node.set_archived(away, false).unwrap());
    assert_eq!(in_packs(&search(&node, None)), [away].into());
    let unknown = PackId::from_bytes([9; 32]);
    assert!(matches!(
        node.set_archived(unknown, true),
        Err(NodeError::NotFound("pack"))
    ));
}

/// Goal: the mark is there after a restart that nobody prepared, and was never half written.
#[test]
fn a_mark_survives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = open(dir.path(), 1);
    let (kept, _) = with_note(&mut node, "Kept");
    let (away, _) = with_note(&mut node, "Away");
    node.set_archived(away, true).unwrap();
    drop(node); // nothing is put down at the end
    let mut node = open(dir.path(), 2);
    assert!(node.damaged().is_empty());
    assert_eq!(in_packs(&search(&node, None)), [kept].into());
    node.set_archived(away, false).unwrap();
    drop(node);
    let node = open(dir.path(), 3);
    assert_eq!(in_packs(&search(&node, None)), [kept, away].into());
}

/// Goal: a list that does not decode is begun anew and told, and hides nothing.
#[test]
fn a_damaged_list_is_begun_anew_and_told() {
    for damaged in [&b"\xff"[..], b"", b"\x81\x41\x00", b"\x80\x80"] {
        let dir = tempfile::tempdir().unwrap();
        let mut node = open(dir.path(), 1);
        let (pack, _) = with_note(&mut node, "Acme");
        node.set_archived(pack, true).unwrap();
        let mut batch = node.store.batch(&mut *node.rng).unwrap();
        batch.put_setting(LIST, damaged).unwrap();
        batch.commit().unwrap();
        drop(node);
        let mut node = open(dir.path(), 2);
        assert_eq!(node.damaged(), ["list of archived packs"], "{damaged:?}");
        assert_eq!(in_packs(&search(&node, None)), [pack].into());
        assert!(node.set_archived(pack, true).unwrap());
        drop(node);
        let node = open(dir.path(), 3);
        assert!(node.damaged().is_empty());
        assert!(node.is_archived(&pack));
    }
}

/// Goal: however many are archived, what is written is read back.
#[test]
fn the_longest_list_is_read_back_and_a_longer_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = open(dir.path(), 1);
    let (pack, _) = with_note(&mut node, "Acme");
    let gone = (0..ARCHIVED_MAX as u32).map(|n| {
        let mut id = [7; 32];
        id[..4].copy_from_slice(&n.to_be_bytes());
        PackId::from_bytes(id)
    });
    node.archived = gone.collect();
    assert!(matches!(
        node.set_archived(pack, true),
        Err(NodeError::BadInput { field: "pack", .. })
    ));
    assert!(!node.is_archived(&pack));
    let one = *node.archived.first().unwrap();
    node.archived.remove(&one);
    assert!(node.set_archived(pack, true).unwrap());
    drop(node);
    let node = open(dir.path(), 2);
    assert!(node.damaged().is_empty());
    assert_eq!(node.archived.len(), ARCHIVED_MAX);
    assert!(node.is_archived(&pack));
}
