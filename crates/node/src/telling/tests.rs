//! Whom a new address reaches, and who is not told it twice.

use super::{TOLD, untold};
use crate::epochs::tests::{NOW, endpoint, join, open, share};
use crate::{Node, read_hint};
use kitbag_core::content::EntryKind;
use kitbag_core::id::{EndpointId, PackId, Timestamp};
use kitbag_core::policy::Sensitivity;
use kitbag_crypto::Hash;
use std::collections::BTreeSet;
use std::path::Path;

/// Ana with this many packs, shared with one other each, ascending; who the others are is given by
/// their names.
fn sharing(dir: &Path, with: &[&str]) -> (Node, Vec<(PackId, EndpointId)>) {
    let mut ana = open(dir, "ana", 1);
    let mut packs: Vec<PackId> = Vec::new();
    for _ in with {
        let pack = ana.create_pack(NOW, "Acme", Sensitivity::Internal);
        packs.push(pack.unwrap().id);
    }
    packs.sort();
    let mut shared = Vec::new();
    let mut others: Vec<(&str, Node)> = Vec::new();
    for (pack, name) in packs.into_iter().zip(with) {
        if !others.iter().any(|(of, _)| of == name) {
            others.push((name, open(dir, name, 2 + others.len() as u64)));
        }
        let (_, other) = others.iter_mut().find(|(of, _)| of == name).unwrap();
        let ticket = share(&mut ana, pack, 1);
        join(other, &mut ana, &ticket, shared.len() as u64);
        shared.push((pack, endpoint(other)));
    }
    (ana, shared)
}

/// As if an admin with a newer version had written there: nothing can be told until this program is
/// updated, which here is at the next start.
fn close_to_us(ana: &mut Node, pack: PackId) {
    ana.packs.get_mut(&pack).unwrap().row.newer_rules = Some(NOW);
}

fn move_to(ana: &mut Node, address: &str) {
    ana.set_addresses(NOW, vec![address.to_owned()], None)
        .unwrap();
}

/// Goal: an address told in one pack after the clock went back is newer than one told before in
/// another: who is in both goes by the newest.
#[test]
fn a_clock_that_goes_back_makes_no_new_address_old() {
    let dir = tempfile::tempdir().unwrap();
    let (mut ana, packs) = sharing(dir.path(), &["ben", "ben"]);
    let (first, second) = (packs[0].0, packs[1].0);
    let ahead = Timestamp::from_millis(NOW.as_millis() + 1_000_000);
    ana.set_addresses(ahead, vec!["192.0.2.7:1".into()], None)
        .unwrap();
    close_to_us(&mut ana, first);
    move_to(&mut ana, "192.0.2.8:1");
    assert_eq!(told_address(&ana, first), ["192.0.2.7:1"]);
    assert_eq!(told_address(&ana, second), ["192.0.2.8:1"]);
    let told_at = |pack: &PackId| ana.packs[pack].profiles[&ana.me.device()].at;
    assert!(told_at(&first) < told_at(&second));
}

fn told_address(ana: &Node, pack: PackId) -> Vec<String> {
    let profile = ana.packs[&pack].profiles.get(&ana.me.device());
    profile.unwrap().addresses.clone()
}

fn times_told(ana: &Node, pack: PackId) -> usize {
    let replica = &ana.packs[&pack];
    let places = replica.places.values();
    let own = places.filter(|of| {
        let by = replica.logs[&of.log].opening.device;
        of.kind == EntryKind::Profile && by == ana.me.device()
    });
    own.count()
}

fn left(ana: &Node) -> BTreeSet<EndpointId> {
    let kept = read_hint(&ana.store, TOLD).unwrap().unwrap();
    let profile = Hash::from_bytes(kept[..32].try_into().unwrap());
    untold(&kept, &profile).unwrap()
}

/// Goal: where nothing can be told in the first pack shared with somebody, they hear it in another.
#[test]
fn a_new_address_is_told_in_the_next_pack_where_the_first_takes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (mut ana, packs) = sharing(dir.path(), &["ben", "ben", "ben"]);
    close_to_us(&mut ana, packs[0].0);
    move_to(&mut ana, "192.0.2.7:1");
    assert_eq!(told_address(&ana, packs[1].0), ["192.0.2.7:1"]);
    assert!(told_address(&ana, packs[2].0).is_empty(), "once is enough");
    assert!(left(&ana).is_empty());
}

/// Goal: whoever could not be told anywhere is told after the next start; the others are not told
/// again, and nobody is tried again and again until then.
#[test]
fn whoever_could_not_be_told_is_told_later_and_the_others_not_again() {
    let dir = tempfile::tempdir().unwrap();
    let (mut ana, packs) = sharing(dir.path(), &["ben", "cyn", "cyn"]);
    let [(bens, _), (first, cyn), (second, _)] = packs[..] else {
        panic!("three packs");
    };
    for pack in [first, second] {
        close_to_us(&mut ana, pack);
    }
    move_to(&mut ana, "192.0.2.7:1");
    assert_eq!(told_address(&ana, bens), ["192.0.2.7:1"]);
    assert_eq!(left(&ana), BTreeSet::from([cyn]));
    let before = times_told(&ana, bens);
    // Were it tried at each tick, it would be told as soon as it can be.
    ana.tick(NOW).unwrap();
    for pack in [first, second] {
        ana.packs.get_mut(&pack).unwrap().row.newer_rules = None;
    }
    ana.tick(NOW).unwrap();
    ana.keep_summaries(NOW).unwrap();
    assert!(told_address(&ana, first).is_empty());
    drop(ana);

    let mut ana = open(dir.path(), "ana", 9);
    move_to(&mut ana, "192.0.2.7:1");
    assert_eq!(told_address(&ana, first), ["192.0.2.7:1"]);
    assert!(told_address(&ana, second).is_empty(), "once is enough");
    assert_eq!(times_told(&ana, bens), before);
    assert!(left(&ana).is_empty());
}
