//! What is refused for its content, and does not count either.

use super::*;
use kitbag_crypto::ItemKey;

/// Writes an edit of a note that nobody can use: its body is no change, or it opens under another key
/// than the note's.
fn add_useless_edit(
    desk: &mut Desk,
    pack: PackId,
    note: ItemId,
    on: EntryHash,
    key: Option<ItemKey>,
) {
    let (tag, at, built) = desk.node.built_note(pack, note).unwrap();
    let mut staged = Staged::default();
    let mut pen = desk.node.pen(pack, at, true, &mut staged).unwrap();
    let body = EntryBody::Change {
        change: vec![1, 2, 3],
        at: NOW,
        takes_over: TakesOver::default(),
    };
    let draft = Draft {
        kind: EntryKind::Edit,
        object: tag,
        deps: BTreeSet::from([on]),
        body: &body,
        item_key: key.as_ref().unwrap_or(&built.item_key),
    };
    desk.node.append(&mut pen, &draft).unwrap();
    desk.node.put_down(pen, &mut staged);
    desk.node.commit(pack, staged).unwrap();
}

/// The entries that a note is made of.
fn steps(desk: &mut Desk, pack: PackId, note: ItemId) -> Vec<EntryHash> {
    let (_, _, built) = desk.node.built_note(pack, note).unwrap();
    built.steps.iter().map(|step| step.entry).collect()
}

/// Goal: an edit of somebody removed that is of no use either is told with one and the same reason,
/// whichever of the edit and the removal came first, and after a restart.
#[test]
fn why_a_useless_edit_is_set_aside_depends_on_no_order() {
    for opens in [true, false] {
        for moved in [false, true] {
            let (mut ana, [mut cyn, mut ben], pack, mut note) =
                team([("Cyn", Role::Admin), ("Ben", Role::Editor)]);
            if moved {
                note = ana.add_at(pack, "one", Sensitivity::Public);
                let to = Sensitivity::Internal;
                ana.node.relabel(NOW, pack, note, to).unwrap();
            }
            ben.pull(&mut ana, pack);
            ben.set_body(pack, note, "one two");
            for desk in [&mut ana, &mut cyn] {
                desk.pull(&mut ben, pack);
            }
            let key = (!opens).then(|| ItemKey::from_bytes([4; 32]));
            let create = steps(&mut ben, pack, note)[0];
            add_useless_edit(&mut ben, pack, note, create, key);
            let mut pages = news(&ben, &ana, pack);
            let op = cyn.remove(pack, &ben);
            pages.push(removal(&cyn, op, pack));

            let refused = ana.copied();
            ana = refused.0;
            let mut before = refused.1;
            before.take(pages[0].clone());
            let listed = before.aside(pack);
            let [("Ben", AsideWhy::Refused { .. })] = &why(&listed)[..] else {
                panic!("{listed:?}");
            };
            let mut ana = in_every_order(ana, &pages, pack);
            assert_eq!(why(&ana.aside(pack)), [("Ben", AsideWhy::AfterRemoval)]);
            assert_eq!(ana.body(pack, note), "one two");
        }
    }
}

/// Goal: an edit that opens under no key of its note waits, and is refused no more, once what it builds
/// on goes out of the note: at once as after a restart.
#[test]
fn a_useless_edit_waits_again_when_what_it_builds_on_counts_no_more() {
    let (mut ana, [mut ben, mut cyn], pack, _) =
        team([("Ben", Role::Editor), ("Cyn", Role::Editor)]);
    let note = ana.add_at(pack, "one", Sensitivity::Public);
    ben.pull(&mut ana, pack);
    ben.set_body(pack, note, "one two");
    let edit = *steps(&mut ben, pack, note).last().unwrap();
    // The move does not build on the edit, so nobody vouches for that.
    let to = Sensitivity::Internal;
    ana.node.relabel(NOW, pack, note, to).unwrap();
    ana.pull(&mut ben, pack);
    cyn.pull(&mut ana, pack);
    let key = ItemKey::from_bytes([4; 32]);
    add_useless_edit(&mut cyn, pack, note, edit, Some(key));
    ana.pull(&mut cyn, pack);
    let listed = ana.aside(pack);
    let [("Cyn", AsideWhy::Refused { .. })] = &why(&listed)[..] else {
        panic!("{listed:?}");
    };
    let nothing_counts = Act::Remove {
        person: ben.person(),
        cutoffs: vec![],
        late_denials: LateDenials::Keep,
    };
    ana.act(pack, vec![nothing_counts], &[]);
    let listed = ana.aside(pack);
    assert_eq!(entries(&listed), [edit]);
    assert_eq!(listed[0].why, AsideWhy::AfterRemoval);
    assert_eq!(ana.node.status(pack).unwrap().waiting, 1);
    let shown = ana.shown(pack);
    assert_eq!(ana.restarted().shown(pack), shown);
}
