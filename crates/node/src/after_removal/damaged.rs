//! What cannot be read any more is told, and stops nothing else.

use super::*;
use crate::objects::read;
use crate::replica::Touched;
use kitbag_core::pack::index::index_tag;

/// Goal: a list of this device alone that cannot be read does not keep the device from starting.
#[test]
fn an_unreadable_list_is_told_and_begun_anew() {
    let (mut ana, [], pack, note) = team([]);
    let lists = ["asking", "waiting-joins", "joining"];
    let node = &mut ana.node;
    let mut batch = node.store.batch(&mut *node.rng).unwrap();
    for list in lists {
        batch.put_setting(list, b"\xff\x00 no list").unwrap();
    }
    batch.commit().unwrap();
    let mut ana = ana.restarted();
    assert_eq!(ana.node.damaged().len(), lists.len());
    assert_eq!(ana.body(pack, note), "one");
    assert!(ana.node.join_requests(NOW, None).is_empty());
    assert!(ana.node.waiting_joins().is_empty());
    assert!(Desk::new("Ben").node.damaged().is_empty());
}

/// Goal: an entry of the pack's own document that cannot be read is counted among what waits.
#[test]
fn an_unreadable_title_is_told() {
    let (mut ana, [], pack, _) = team([]);
    assert_eq!(ana.node.status(pack).unwrap().waiting, 0);
    let tag = index_tag(pack, Sensitivity::Internal);
    let replica = ana.node.packs.get_mut(&pack).unwrap();
    let entry = replica.objects[&tag].entries[0];
    let log = replica.places[&entry].log;
    replica.logs.get_mut(&log).unwrap().branches[0].number = u32::MAX; // a row that is not there
    let place = &ana.node.packs[&pack].places[&entry];
    let found = read(&ana.node.packs[&pack], &ana.node.store, place).unwrap();
    assert!(found.is_none());
    let touched = Touched {
        objects: [tag].into(),
        ..Touched::default()
    };
    ana.node.refresh(pack, touched).unwrap();
    assert_eq!(ana.node.status(pack).unwrap().waiting, 1);
}
