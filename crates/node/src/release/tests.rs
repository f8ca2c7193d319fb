//! Rules of a hostile or newer admin on one device: what cannot be read lets nothing leave, and is
//! replaced.

use super::*;
use kitbag_core::id::EpochId;
use kitbag_core::policy::rules::{Client, Setting};
use kitbag_core::release::Withheld;
use kitbag_crypto::MasterKey;
use kitbag_store::Store;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

const NOW: Timestamp = Timestamp::from_millis(10_000);

fn ana(dir: &std::path::Path) -> (Node, PackId) {
    let mut rng = ChaCha20Rng::seed_from_u64(12);
    let master = MasterKey::from_bytes([7; 32]);
    let mut store = Store::open(&dir.join("db"), &master, &mut rng).unwrap();
    Node::initialise(&mut store, "Ana", "laptop", &mut rng).unwrap();
    let mut node = Node::open(store, Box::new(rng), None, |_| Ok(())).unwrap();
    let made = node.create_pack(NOW, "Acme", Sensitivity::Internal);
    let pack = made.unwrap().id;
    (node, pack)
}

fn of_client() -> Rules {
    Rules {
        client: Some(Client::new("Acme").unwrap()),
        ..Rules::default()
    }
}

/// Signs rules as they are, whatever they are.
fn sign(node: &mut Node, pack: PackId, epoch: EpochId, sealed: Vec<u8>) {
    let mut staged = Staged::default();
    let acts = vec![Act::Rules { epoch, sealed }];
    node.stage_op(pack, acts, NOW, &mut staged).unwrap();
    node.commit(pack, staged).unwrap();
}

/// Rules sealed rightly, under the epoch in which this device writes a sensitivity.
fn seal_at(node: &mut Node, pack: PackId, rules: &Rules, at: Sensitivity) -> (EpochId, Vec<u8>) {
    let mut staged = Staged::default();
    let (epoch, key) = node.epoch_to_seal(pack, at, &mut staged).unwrap();
    let device = node.me.device();
    let sealed = rules
        .seal(pack, epoch, device, &key, &mut *node.rng)
        .unwrap();
    node.commit(pack, staged).unwrap();
    (epoch, sealed)
}

fn is_closed(node: &mut Node, pack: PackId, why: Unreadable) {
    assert_eq!(node.release_rules(pack).unwrap(), Err(why));
    let options = crate::finding::ExportOptions {
        pack,
        listed: kitbag_core::filter::Listed::Kept,
        filter: kitbag_core::filter::Filter::default(),
        max_sensitivity: None,
        purpose: None,
        format: None,
        client: None,
        across_clients: true,
        only: None,
        beside: vec![],
        redacts: false,
        with_copies: false,
    };
    match node.begin_export(NOW, options) {
        Err(NodeError::Denied(Denied::Release(Withheld::Unreadable(told)))) => {
            assert_eq!(told, why);
        }
        _ => panic!("{why}: an export began"),
    }
    let keeps = node.change_rules(NOW, pack, &RulesChange::default(), true);
    assert!(
        matches!(&keeps, Err(NodeError::Denied(Denied::RulesUnreadable(told))) if *told == why),
        "{keeps:?}"
    );
}

/// Goal: whatever a hostile admin puts in place of rules, nothing leaves, and another admin's rules
/// repair it.
#[test]
fn rules_that_cannot_be_read_let_nothing_leave_until_they_are_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let (mut node, pack) = ana(dir.path());
    let (epoch, sealed) = seal_at(&mut node, pack, &of_client(), Sensitivity::Public);
    let mut flipped = sealed.clone();
    flipped[100] ^= 1;
    let (above, above_sealed) = seal_at(&mut node, pack, &of_client(), Sensitivity::Restricted);
    let table = [
        (epoch, vec![0; 500], Unreadable::Malformed),
        (epoch, flipped, Unreadable::Malformed),
        (above, above_sealed, Unreadable::Malformed),
        (
            EpochId::from_bytes([9; 32]),
            sealed.clone(),
            Unreadable::NoKey,
        ),
    ];
    for (epoch, sealed, why) in table {
        sign(&mut node, pack, epoch, sealed);
        is_closed(&mut node, pack, why);
        let replace = RulesChange {
            replace: true,
            client: Setting::To(Client::new("Globex").unwrap()),
            ..RulesChange::default()
        };
        let planned = node.change_rules(NOW, pack, &replace, true).unwrap();
        assert_eq!((planned.before, planned.changes), (Err(why), true));
        is_closed(&mut node, pack, why);
        let done = node.change_rules(NOW, pack, &replace, false).unwrap();
        assert_eq!(node.release_rules(pack).unwrap(), Ok(done.after));
    }
    sign(&mut node, pack, epoch, sealed);
    assert_eq!(node.release_rules(pack).unwrap(), Ok(of_client().into()));
}

/// Goal: rules that are lifted from another pack open nowhere.
#[test]
fn rules_of_another_pack_are_malformed_here() {
    let dir = tempfile::tempdir().unwrap();
    let (mut node, pack) = ana(dir.path());
    let other = node.create_pack(NOW, "Other", Sensitivity::Internal);
    let other = other.unwrap().id;
    let (_, sealed) = seal_at(&mut node, other, &of_client(), Sensitivity::Public);
    let mut staged = Staged::default();
    let (epoch, _) = node
        .epoch_to_seal(pack, Sensitivity::Public, &mut staged)
        .unwrap();
    node.commit(pack, staged).unwrap();
    sign(&mut node, pack, epoch, sealed);
    is_closed(&mut node, pack, Unreadable::Malformed);
}

/// Goal: a dry run writes nothing, and rules are there again after a start.
#[test]
fn rules_survive_a_start_and_a_dry_run_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let (mut node, pack) = ana(dir.path());
    let change = RulesChange {
        client: Setting::To(Client::new("Acme").unwrap()),
        ..RulesChange::default()
    };
    let planned = node.change_rules(NOW, pack, &change, true).unwrap();
    assert!(planned.changes);
    assert_eq!(node.policy(pack).unwrap().ops().count(), 1);
    assert_eq!(
        node.release_rules(pack).unwrap(),
        Ok(ReleaseRules::default())
    );
    assert!(
        node.change_rules(NOW, pack, &change, false)
            .unwrap()
            .changes
    );
    drop(node);
    let mut rng = ChaCha20Rng::seed_from_u64(13);
    let master = MasterKey::from_bytes([7; 32]);
    let store = Store::open(&dir.path().join("db"), &master, &mut rng).unwrap();
    let node = Node::open(store, Box::new(rng), None, |_| Ok(())).unwrap();
    assert_eq!(node.release_rules(pack).unwrap(), Ok(planned.after));
}
