//! What is above somebody's clearance is out of their sight, also if they opened it before their
//! clearance was lowered: no list, count, title or link says that it is there.

use super::admins::{change, role};
use super::support::*;
use kitbag_core::id::{ItemId, PackId};
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_core::selection::{Chosen, Selection};
use kitbag_node::{Denied, NodeError};
use kitbag_testkit::{Opened, Who, World};

/// Everything that a device says about the notes of a pack without being asked for one of them.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    listed: Vec<ItemId>,
    counted: [u64; 2],
    called: usize,
    selected: Vec<Option<String>>,
    replaced_by: Vec<ItemId>,
    links: u64,
}

fn seen(world: &mut World, who: Who, pack: PackId, low: ItemId, high: ItemId) -> Seen {
    let mut selection = Selection::default();
    let chosen = [low, high].map(|note| Chosen { pack, note });
    selection.add(&chosen).unwrap();
    let node = world.node(who);
    let listed = node.notes(pack).unwrap();
    let all = node.packs().into_iter().find(|of| of.id == pack).unwrap();
    let counted = [node.pack(pack).unwrap().notes, all.notes];
    let begins = &high.to_string()[..8];
    let selected = node.selected_notes(&selection).unwrap();
    Seen {
        listed: listed.iter().map(|note| note.id).collect(),
        counted,
        called: node.notes_called(begins).len(),
        selected: selected
            .into_iter()
            .map(|of| of.outline.map(|outline| outline.title))
            .collect(),
        replaced_by: listed.into_iter().flat_map(|of| of.superseded_by).collect(),
        links: node.note(pack, low).unwrap().superseded_by.len() as u64,
    }
}

/// Goal: once a clearance is lowered, lists, counts, ids, selections and links are as if the notes above
/// it were not there, at once, after a restart, and beside what the others still see; given back, they
/// are in sight again.
#[test]
fn after_a_clearance_is_lowered_nothing_above_it_is_in_sight() {
    let (mut world, ana, ben, pack) = two_in_one_pack(870, Role::Editor, Sensitivity::Confidential);
    let low = add(&mut world, ana, pack, "low", Sensitivity::Internal);
    let high = add(&mut world, ana, pack, "high", Sensitivity::Confidential);
    let gone = add(&mut world, ana, pack, "gone", Sensitivity::Confidential);
    let replace = world.call(ana, |node, now| {
        node.supersede(now, pack, low, high, true, false)
    });
    replace.done();
    let delete = world.call(ana, |node, now| {
        let along = kitbag_node::undo::Along::All;
        node.set_deleted(now, pack, gone, true, along, false)
    });
    delete.done();
    settle(&mut world);
    let both = seen(&mut world, ben, pack, low, high);
    assert_eq!((both.listed.len(), both.counted), (3, [2, 2]));
    assert_eq!((both.called, &both.replaced_by[..]), (1, &[high][..]));
    assert!(both.selected.iter().all(Option::is_some));

    let lower = role(&world, ben, Role::Editor, Sensitivity::Internal);
    change(&mut world, ana, pack, &lower);
    settle(&mut world);
    for restarts in [false, true] {
        if restarts {
            world.lose_power(ben);
            assert_eq!(world.start(ben), Opened::Up);
            world.dial(ana, ben).unwrap();
            settle(&mut world);
        }
        let now = seen(&mut world, ben, pack, low, high);
        assert_eq!(now.listed, [low]);
        assert_eq!((now.counted, now.called), ([1, 1], 0));
        assert_eq!((now.replaced_by, now.links), (vec![], 0));
        assert_eq!(now.selected[0], both.selected[0]);
        assert_eq!(now.selected[1], None);
        // Whoever has the whole id hears why it does not open, and whoever it is open to sees it.
        let node = world.node(ben);
        assert_eq!(node.notes_called(&high.to_string()), [(pack, high)]);
        assert!(matches!(
            node.note(pack, high),
            Err(NodeError::Denied(Denied::AboveClearance))
        ));
        assert!(node.history(pack, high).is_err());
    }
    assert_eq!(seen(&mut world, ana, pack, low, high), both);

    let raise = role(&world, ben, Role::Editor, Sensitivity::Confidential);
    change(&mut world, ana, pack, &raise);
    settle(&mut world);
    assert_eq!(seen(&mut world, ben, pack, low, high), both);
    assert_no_violations(&mut world);
}

/// Goal: whoever was lowered and is then removed keeps in sight what was so until then, and no more.
#[test]
fn a_removal_brings_nothing_back_into_sight() {
    for by_removal in [false, true] {
        lowered_and_removed(by_removal);
    }
}

/// Lowered in one step, or removed and let in again lower.
fn lowered_and_removed(by_removal: bool) {
    let (mut world, ana, ben, pack) = two_in_one_pack(873, Role::Editor, Sensitivity::Confidential);
    let low = add(&mut world, ana, pack, "low", Sensitivity::Internal);
    let high = add(&mut world, ana, pack, "high", Sensitivity::Confidential);
    settle(&mut world);
    let ben_is = world.node(ben).me().person;
    let lower = role(&world, ben, Role::Reader, Sensitivity::Internal);
    if by_removal {
        remove_person(&mut world, ana, pack, ben_is);
        settle(&mut world);
        let kept = seen(&mut world, ben, pack, low, high);
        assert_eq!(kept.listed.len(), 2, "nothing was lowered");
    }
    change(&mut world, ana, pack, &lower);
    settle(&mut world);
    let lowered = seen(&mut world, ben, pack, low, high);
    assert_eq!(lowered.listed, [low]);
    remove_person(&mut world, ana, pack, ben_is);
    settle(&mut world);
    assert_eq!(world.node(ben).pack(pack).unwrap().role, None);
    assert_eq!(seen(&mut world, ben, pack, low, high), lowered);
    world.lose_power(ben);
    assert_eq!(world.start(ben), Opened::Up);
    assert_eq!(seen(&mut world, ben, pack, low, high), lowered);
    assert_no_violations(&mut world);
}

/// Goal: undo names no note that its own writer does not see any more.
#[test]
fn undo_names_nothing_above() {
    let (mut world, ana, ben, pack) = two_in_one_pack(871, Role::Editor, Sensitivity::Confidential);
    let high = add(&mut world, ben, pack, "high", Sensitivity::Confidential);
    settle(&mut world);
    let lower = role(&world, ben, Role::Editor, Sensitivity::Internal);
    change(&mut world, ana, pack, &lower);
    settle(&mut world);
    for only in [None, Some(high)] {
        let undo = world.call(ben, |node, now| node.undo(now, pack, only, true));
        let refused = format!("{:?}", undo.refused().expect("it is above"));
        assert!(!refused.contains("high"), "{refused}");
    }
    assert_eq!(world.node(ana).notes(pack).unwrap().len(), 1);
}
