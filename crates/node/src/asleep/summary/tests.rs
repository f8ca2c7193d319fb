//! Blocks of another version: worth nothing, and nothing is lost.

use super::*;
use crate::Node;
use crate::view::NewNote;
use kitbag_core::policy::rules::{Client, Rules};
use kitbag_crypto::MasterKey;
use kitbag_store::Store;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

const NOW: Timestamp = Timestamp::from_millis(10_000);

fn open(dir: &std::path::Path, seed: u64) -> Node {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let master = MasterKey::from_bytes([7; 32]);
    let mut store = Store::open(&dir.join("db"), &master, &mut rng).unwrap();
    Node::initialise(&mut store, "Ana", "laptop", &mut rng).unwrap();
    Node::open(store, Box::new(rng), None, |_| Ok(())).unwrap()
}

/// Goal: a home whose summaries the version before wrote opens with all that is in it, and its packs say
/// client and kind, which those summaries did not.
#[test]
fn summaries_of_the_version_before_are_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = open(dir.path(), 1);
    let rules = Rules {
        client: Some(Client::new("Acme GmbH").unwrap()),
        kind: Some(PackKind::Case),
        ..Rules::default()
    };
    let made = node.create_pack_with(NOW, "Case 7", Sensitivity::Internal, &rules);
    let pack = made.unwrap().id;
    let mut note = NewNote {
        body: "one".into(),
        ..NewNote::default()
    };
    note.source.label = "test".into();
    let note = node.add_notes(NOW, pack, &[note]).unwrap()[0].id;
    node.keep_summaries(NOW).unwrap();
    let before = node.packs();
    let blocks = node.store.reader().summaries().unwrap();
    assert_eq!(blocks.len(), 1);
    let mut old: Block = minicbor::decode(&blocks[0]).unwrap();
    assert_eq!((old.version, old.packs.len()), (3, 1));
    // As it was written: with none of the keys that came since.
    old.version = 2;
    for kept in &mut old.packs {
        (kept.client, kept.kind, kept.rules_unclear) = (None, None, None);
    }
    let mut batch = node.store.batch(&mut *node.rng).unwrap();
    batch.put_summaries(0, &codec::encode(&old)).unwrap();
    batch.commit().unwrap();
    drop(node);

    let mut node = open(dir.path(), 2);
    assert_eq!(node.packs(), before);
    assert_eq!(before[0].client.as_deref(), Some("Acme GmbH"));
    assert_eq!(before[0].kind, Some(PackKind::Case));
    assert_eq!(node.note(pack, note).unwrap().body, "one");
    assert!(node.damaged_packs().is_empty());
    node.keep_summaries(NOW).unwrap();
    drop(node);
    let mut node = open(dir.path(), 3);
    assert!(
        node.awake_packs().is_empty(),
        "answered from the new summary"
    );
    assert_eq!(node.packs(), before);
    assert!(node.awake_packs().is_empty());
    assert!(node.differing_summaries().is_empty());
}
