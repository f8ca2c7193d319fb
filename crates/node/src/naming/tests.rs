//! Names of one's own: one pack each, told by nobody else, kept.

use super::*;
use kitbag_core::id::Timestamp;
use kitbag_core::policy::Sensitivity;
use kitbag_crypto::MasterKey;
use kitbag_store::Store;
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

fn create(node: &mut Node, title: &str) -> PackId {
    let made = node.create_pack(NOW, title, Sensitivity::Internal);
    made.unwrap().id
}

fn is_taken(node: &mut Node, pack: PackId, name: &str) -> bool {
    let before = node.pack(pack).unwrap();
    match node.name_pack(pack, Some(name)) {
        Ok(_) => false,
        Err(NodeError::Stale(why)) => {
            assert!(why.contains("another pack of yours goes by"), "{why}");
            assert_eq!(node.pack(pack).unwrap(), before, "nothing changed");
            true
        }
        Err(error) => panic!("{error}"),
    }
}

/// Goal: a pack goes by its new name and not by the old one, awake, asleep and after a restart; its
/// title stays.
#[test]
fn a_pack_goes_by_its_new_name() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = open(dir.path(), 1);
    let pack = create(&mut node, "Acme");
    assert_eq!(node.name_pack(pack, Some("work")).unwrap(), Some(None));
    assert_eq!(node.name_pack(pack, Some("work")).unwrap(), None);
    let before = node.name_pack(pack, Some("Arbeit")).unwrap();
    assert_eq!(before, Some(Some("work".to_owned())));
    assert_eq!(node.packs_called("Arbeit"), [pack]);
    assert_eq!(node.packs_called("Acme"), [pack], "made by this person");
    assert!(node.packs_called("work").is_empty());
    node.set_awake_bytes(0);
    node.keep_summaries(NOW).unwrap();
    node.rest().unwrap();
    assert!(node.awake_packs().is_empty());
    assert_eq!(node.packs()[0].name.as_deref(), Some("Arbeit"));
    // Asleep, and without anything put down at the end.
    node.name_pack(pack, Some("office")).unwrap();
    drop(node);
    let mut node = open(dir.path(), 2);
    let shown = node.pack(pack).unwrap();
    assert_eq!(
        (shown.name.as_deref(), &*shown.title),
        (Some("office"), "Acme")
    );
    assert!(node.differing_summaries().is_empty());
    let before = node.name_pack(pack, None).unwrap();
    assert_eq!(before, Some(Some("office".to_owned())));
    assert_eq!(node.name_pack(pack, None).unwrap(), None);
    assert!(node.packs_called("office").is_empty());
}

/// Goal: a pack that I made has another title everywhere, for every member, and after a restart; nobody
/// else's has.
#[test]
fn a_pack_that_i_made_has_another_title() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = open(dir.path(), 1);
    let (pack, other) = (create(&mut node, "Acme"), create(&mut node, "Beta"));
    let at = vec![Sensitivity::Internal];
    let titled = |node: &Node| node.pack(pack).unwrap().title;
    assert_eq!(node.retitle_pack(NOW, pack, "Acme AG", true).unwrap(), at);
    assert_eq!(titled(&node), "Acme", "only planned");
    assert_eq!(node.retitle_pack(NOW, pack, "Acme AG", false).unwrap(), at);
    assert_eq!(titled(&node), "Acme AG");
    assert!(
        node.retitle_pack(NOW, pack, "Acme AG", false)
            .unwrap()
            .is_empty()
    );
    assert_eq!(node.packs_called("Acme AG"), [pack]);
    assert!(node.packs_called("Acme").is_empty());
    for (bad, is_taken) in [("Beta", true), ("a\nb", false), ("", false)] {
        match node.retitle_pack(NOW, pack, bad, false) {
            Err(NodeError::Stale(_)) => assert!(is_taken, "{bad}"),
            Err(NodeError::BadInput { field: "title", .. }) => assert!(!is_taken, "{bad}"),
            done => panic!("{bad:?}: {done:?}"),
        }
    }
    // As if somebody else had made it.
    node.packs.get_mut(&other).unwrap().row.own = false;
    let refused = node.retitle_pack(NOW, other, "Mine", false);
    assert!(
        matches!(refused, Err(NodeError::Denied(Denied::NotItsMaker))),
        "{refused:?}"
    );
    drop(node);
    let mut node = open(dir.path(), 2);
    assert_eq!(titled(&node), "Acme AG");
    assert!(node.differing_summaries().is_empty());
}

/// Goal: no word means two packs because somebody gave it twice.
#[test]
fn a_name_that_another_pack_goes_by_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = open(dir.path(), 1);
    let (acme, beta) = (create(&mut node, "Acme"), create(&mut node, "Beta"));
    node.name_pack(acme, Some("work")).unwrap();
    let id = acme.to_string();
    for taken in [
        "work",
        "Acme",
        &id,
        &id[..10],
        &id[..12].to_ascii_uppercase(),
    ] {
        assert!(is_taken(&mut node, beta, taken), "{taken}");
        assert!(!is_taken(&mut node, acme, taken), "its own: {taken}");
        node.name_pack(acme, Some("work")).unwrap();
    }
    // A short word may begin an id by chance, and means the pack of that name then.
    assert!(!is_taken(&mut node, beta, &id[..3]));
    assert_eq!(node.packs_called(&id[..3]), [beta]);
    assert!(!is_taken(&mut node, beta, "Work"), "capitals count");
    for bad in ["", "  ", "a\nb", "a\u{1b}[31m", &"x".repeat(129)] {
        let refused = node.name_pack(beta, Some(bad));
        assert!(
            matches!(refused, Err(NodeError::BadInput { field: "name", .. })),
            "{bad:?}: {refused:?}"
        );
    }
    let unknown = PackId::from_bytes([9; 32]);
    assert!(matches!(
        node.name_pack(unknown, Some("x")),
        Err(NodeError::NotFound("pack"))
    ));
}
