//! Deleting notes, and taking back what was written last: alone, against others, after a crash.

use super::support::*;
use kitbag_core::id::{ItemId, PackId};
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_node::NodeError;
use kitbag_node::undo::Along;
use kitbag_node::undo::{Beyond, Deleted, Undone, UndoneWrite};
use kitbag_node::view::NoteEdit;
use kitbag_testkit::{Opened, Who, World};

use Sensitivity::{Confidential, Internal};
use UndoneWrite::{Added, Edited, Restored};

fn set_deleted(world: &mut World, who: Who, pack: PackId, note: ItemId, deleted: bool) -> Deleted {
    world.run(1);
    let done = world.call(who, |node, now| {
        node.set_deleted(now, pack, note, deleted, Along::All, false)
    });
    done.done()
}

fn undo(world: &mut World, who: Who, pack: PackId) -> Result<Undone, NodeError> {
    world.run(1);
    let mut done = None;
    world.call(who, |node, now| {
        done = Some(node.undo(now, pack, None, false));
        Ok::<_, NodeError>(())
    });
    done.expect("the call was made")
}

fn edit(world: &mut World, who: Who, pack: PackId, note: ItemId, edit: NoteEdit) {
    world.run(1);
    let done = world.call(who, |node, now| node.edit_note(now, pack, note, &edit));
    done.done();
}

fn is_deleted(world: &mut World, who: Who, pack: PackId, note: ItemId) -> bool {
    show(world, who, pack, note).deleted.is_some()
}

fn two(seed: u64) -> (World, PackId, Who, Who) {
    let mut world = World::new(seed);
    let (ana, ben) = (world.add(&secret("Ana")), world.add(&secret("Ben")));
    let pack = create(&mut world, ana, &secret("plans"));
    let ticket = share(&mut world, ana, pack, Role::Editor, Internal);
    join(&mut world, ben, ana, &ticket);
    (world, pack, ana, ben)
}

fn meet(world: &mut World, a: Who, b: Who) {
    if world.links_between(a, b) == 0 {
        world.dial(a, b);
    }
    settle(world);
}

/// Goal: each undo takes back one write more, never the same one twice, and says which; at the end
/// there is nothing left. A restart changes nothing of that.
#[test]
fn undo_goes_back_step_by_step_and_remembers_across_a_crash() {
    let mut world = World::new(41);
    let ana = world.add(&secret("Ana"));
    let pack = create(&mut world, ana, &secret("plans"));
    let note = add(&mut world, ana, pack, "one", Internal);
    let original = show(&mut world, ana, pack, note);
    set_body(&mut world, ana, pack, note, &secret("second text"));
    let tagged = NoteEdit {
        title: Some(secret("new title")),
        add_tags: vec!["late".into()],
        remove_tags: original.tags.clone(),
        ..NoteEdit::default()
    };
    edit(&mut world, ana, pack, note, tagged);
    set_deleted(&mut world, ana, pack, note, true);
    assert!(is_deleted(&mut world, ana, pack, note));
    let notes = |world: &mut World| world.node(ana).pack(pack).unwrap().notes;
    assert_eq!(notes(&mut world), 0);

    let undone = undo(&mut world, ana, pack).unwrap();
    assert_eq!(
        (undone.what, undone.status.as_str()),
        (UndoneWrite::Deleted, "active")
    );
    assert_eq!(notes(&mut world), 1);
    assert_eq!(undo(&mut world, ana, pack).unwrap().what, Edited);
    let now = show(&mut world, ana, pack, note);
    assert_eq!((&now.title, &now.tags), (&original.title, &original.tags));
    assert_eq!(now.body, secret("second text"));

    world.kill(ana);
    assert!(matches!(world.start(ana), Opened::Up), "it starts again");
    assert_eq!(world.node(ana).last_written().unwrap(), Some(pack));
    assert_eq!(undo(&mut world, ana, pack).unwrap().what, Edited);
    let now = show(&mut world, ana, pack, note);
    assert_eq!(
        (now.title, now.body, now.tags),
        (original.title, original.body, original.tags)
    );
    assert_eq!(undo(&mut world, ana, pack).unwrap().what, Added);
    assert!(is_deleted(&mut world, ana, pack, note));
    assert!(matches!(
        undo(&mut world, ana, pack),
        Err(NodeError::NothingToUndo)
    ));

    // A new write is the last again, and undoing it does not reach what was undone before.
    set_deleted(&mut world, ana, pack, note, false);
    assert_eq!(undo(&mut world, ana, pack).unwrap().what, Restored);
    assert!(matches!(
        undo(&mut world, ana, pack),
        Err(NodeError::NothingToUndo)
    ));
}

/// Goal: several statuses, one over the other, are taken back one by one to where it began; the same of a
/// tag that came and went.
#[test]
fn statuses_and_tags_over_each_other_are_taken_back_one_by_one() {
    let mut world = World::new(4101);
    let ana = world.add(&secret("Ana"));
    let pack = create(&mut world, ana, &secret("plans"));
    let [note, by] = ["one", "two"].map(|text| add(&mut world, ana, pack, text, Internal));
    let tag = |add: &[&str], remove: &[&str]| NoteEdit {
        add_tags: add.iter().map(|tag| (*tag).to_owned()).collect(),
        remove_tags: remove.iter().map(|tag| (*tag).to_owned()).collect(),
        ..NoteEdit::default()
    };
    let before = show(&mut world, ana, pack, note);
    edit(&mut world, ana, pack, note, tag(&["vip"], &[]));
    edit(&mut world, ana, pack, note, tag(&[], &["vip"]));
    world.run(1);
    let superseded = world.call(ana, |node, now| {
        node.supersede(now, pack, note, by, false, false)
    });
    superseded.done();
    set_deleted(&mut world, ana, pack, note, true);
    let mut seen = Vec::new();
    for _ in 0..4 {
        undo(&mut world, ana, pack).unwrap();
        let now = show(&mut world, ana, pack, note);
        seen.push((now.status, now.tags.contains(&"vip".to_owned())));
    }
    let expected = [
        ("superseded", false),
        ("active", false),
        ("active", true),
        ("active", false),
    ];
    assert_eq!(seen, expected.map(|(status, vip)| (status.to_owned(), vip)));
    let now = show(&mut world, ana, pack, note);
    assert_eq!(
        (now.tags, now.superseded_by),
        (before.tags, before.superseded_by)
    );
}

/// Goal: writing back by hand what was there before is a write of its own, and not taken for an undo.
#[test]
fn an_edit_back_by_hand_is_taken_back_like_any_other() {
    let mut world = World::new(42);
    let ana = world.add(&secret("Ana"));
    let pack = create(&mut world, ana, &secret("plans"));
    let note = add(&mut world, ana, pack, "one", Internal);
    for body in ["one", "two", "one"] {
        set_body(&mut world, ana, pack, note, &secret(body));
        world.run(1);
    }
    for expected in ["two", "one"] {
        undo(&mut world, ana, pack).unwrap();
        assert_eq!(show(&mut world, ana, pack, note).body, secret(expected));
    }
}

/// Goal: what others wrote on top of the edit that is taken back, and beside it, stays.
#[test]
fn undo_keeps_what_others_wrote_since() {
    let (mut world, pack, ana, ben) = two(43);
    let note = add(&mut world, ana, pack, "one", Internal);
    set_body(&mut world, ana, pack, note, "alpha beta gamma");
    meet(&mut world, ana, ben);
    world.run(1);
    set_body(&mut world, ana, pack, note, "alpha BETA gamma");
    meet(&mut world, ana, ben);
    set_body(&mut world, ben, pack, note, "alpha BETA gamma delta");
    let tagged = NoteEdit {
        add_tags: vec!["ben".into()],
        ..NoteEdit::default()
    };
    edit(&mut world, ben, pack, note, tagged);
    meet(&mut world, ana, ben);
    let undone = undo(&mut world, ana, pack).unwrap();
    assert_eq!((undone.what, undone.audience.len()), (Edited, 2));
    meet(&mut world, ana, ben);
    for who in [ana, ben] {
        let note = show(&mut world, who, pack, note);
        assert_eq!(note.body, "alpha beta gamma delta");
        assert!(note.tags.contains(&"ben".to_owned()));
    }
}

/// Goal: two own edits of one line, with somebody else's between them: both are taken back, one after
/// the other, and the text between stays.
#[test]
fn undoing_twice_around_an_edit_of_somebody_else_keeps_it() {
    let (mut world, pack, ana, ben) = two(48);
    let note = add(&mut world, ana, pack, "one", Internal);
    set_body(&mut world, ana, pack, note, "call them on monday");
    meet(&mut world, ana, ben);
    world.run(1);
    set_body(&mut world, ana, pack, note, "call them on TUESDAY");
    meet(&mut world, ana, ben);
    set_body(&mut world, ben, pack, note, "Please: call them on TUESDAY");
    meet(&mut world, ana, ben);
    world.run(1);
    set_body(
        &mut world,
        ana,
        pack,
        note,
        "Please: call them on 3rd of may",
    );
    for expected in [
        "Please: call them on TUESDAY",
        "Please: call them on monday",
    ] {
        undo(&mut world, ana, pack).unwrap();
        meet(&mut world, ana, ben);
        for who in [ana, ben] {
            assert_eq!(show(&mut world, who, pack, note).body, expected);
        }
    }
}

/// Goal: only the own deletion is taken back. Two people delete a note, one of them undoes: it stays
/// deleted, by the other; a restore brings it back for both.
#[test]
fn a_note_that_two_deleted_stays_deleted_until_somebody_restores_it() {
    let (mut world, pack, ana, ben) = two(44);
    let note = add(&mut world, ana, pack, "one", Internal);
    meet(&mut world, ana, ben);
    world.disconnect_all();
    world.set_cut(ana, ben, true);
    set_deleted(&mut world, ana, pack, note, true);
    set_deleted(&mut world, ben, pack, note, true);
    world.set_cut(ana, ben, false);
    meet(&mut world, ana, ben);
    let undone = undo(&mut world, ana, pack).unwrap();
    assert_eq!(
        (undone.what, undone.status.as_str()),
        (UndoneWrite::Deleted, "archived")
    );
    meet(&mut world, ana, ben);
    assert!(is_deleted(&mut world, ana, pack, note) && is_deleted(&mut world, ben, pack, note));
    assert!(set_deleted(&mut world, ana, pack, note, false).changed);
    assert!(!set_deleted(&mut world, ana, pack, note, false).changed);
    meet(&mut world, ana, ben);
    assert!(!is_deleted(&mut world, ana, pack, note) && !is_deleted(&mut world, ben, pack, note));
}

/// Goal: an edit that meets a deletion is in the note, the note is deleted, and who did it is told to
/// everybody alike.
#[test]
fn a_deletion_meets_an_edit() {
    let (mut world, pack, ana, ben) = two(45);
    let note = add(&mut world, ana, pack, "one", Internal);
    meet(&mut world, ana, ben);
    world.disconnect_all();
    world.set_cut(ana, ben, true);
    set_deleted(&mut world, ben, pack, note, true);
    set_body(&mut world, ana, pack, note, &secret("written meanwhile"));
    world.set_cut(ana, ben, false);
    meet(&mut world, ana, ben);
    for who in [ana, ben] {
        let note = show(&mut world, who, pack, note);
        assert_eq!(note.body, secret("written meanwhile"));
        assert_eq!(note.deleted.expect("deleted").by, secret("Ben"));
    }
}

/// Goal: what undo cannot take back it names, and does not pass over to something older, unless one
/// note is asked for.
#[test]
fn undo_stops_at_what_it_cannot_take_back() {
    let (mut world, pack, ana, _) = two(46);
    let (one, two) = (
        add(&mut world, ana, pack, "one", Internal),
        add(&mut world, ana, pack, "two", Internal),
    );
    world.run(1);
    world
        .call(ana, |node, now| node.relabel(now, pack, one, Confidential))
        .done();
    let stopped = undo(&mut world, ana, pack);
    assert!(
        matches!(stopped, Err(NodeError::BeyondUndo(Beyond::Relabelled(note))) if note == one),
        "{stopped:?}"
    );
    world.run(1);
    share(&mut world, ana, pack, Role::Reader, Internal);
    let stopped = undo(&mut world, ana, pack);
    assert!(
        matches!(stopped, Err(NodeError::BeyondUndo(Beyond::Shared))),
        "{stopped:?}"
    );
    assert!(!is_deleted(&mut world, ana, pack, two));
    let planned = world
        .call(ana, |node, now| node.undo(now, pack, Some(two), true))
        .done();
    assert_eq!(planned.what, Added);
    assert!(
        !is_deleted(&mut world, ana, pack, two),
        "it was only planned"
    );
    world
        .call(ana, |node, now| node.undo(now, pack, Some(two), false))
        .done();
    assert!(is_deleted(&mut world, ana, pack, two));
}

/// Goal: the writes of others are never taken back, whoever asks.
#[test]
fn nobody_undoes_what_somebody_else_wrote() {
    let (mut world, pack, ana, ben) = two(47);
    let note = add(&mut world, ana, pack, "one", Internal);
    meet(&mut world, ana, ben);
    assert!(matches!(
        undo(&mut world, ben, pack),
        Err(NodeError::NothingToUndo)
    ));
    set_body(&mut world, ben, pack, note, &secret("Ben's"));
    meet(&mut world, ana, ben);
    undo(&mut world, ana, pack).unwrap();
    assert!(
        is_deleted(&mut world, ana, pack, note),
        "her own, the adding"
    );
    assert_eq!(show(&mut world, ana, pack, note).body, secret("Ben's"));
}

/// Goal: the number of a pack's notes leaves out those that are deleted, wherever they stand by then:
/// after a move to another sensitivity, after a restart, and back.
#[test]
fn deleted_notes_are_not_counted_wherever_they_stand() {
    let mut world = World::new(49);
    let ana = world.add(&secret("Ana"));
    let pack = create(&mut world, ana, &secret("plans"));
    let (one, _two) = (
        add(&mut world, ana, pack, "one", Internal),
        add(&mut world, ana, pack, "two", Internal),
    );
    let notes = |world: &mut World| world.node(ana).pack(pack).unwrap().notes;
    set_deleted(&mut world, ana, pack, one, true);
    assert_eq!(notes(&mut world), 1);
    let moved = world.call(ana, |node, now| node.relabel(now, pack, one, Confidential));
    assert!(moved.done().changed);
    assert!(is_deleted(&mut world, ana, pack, one));
    assert_eq!(notes(&mut world), 1);
    world.kill(ana);
    assert!(matches!(world.start(ana), Opened::Up));
    assert_eq!(notes(&mut world), 1);
    set_deleted(&mut world, ana, pack, one, false);
    assert_eq!(notes(&mut world), 2);
}
