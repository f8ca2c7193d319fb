//! Somebody is removed: what they keep, what they can still open, and what everybody else sees.

use super::support::*;
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_node::JoinOutcome;
use kitbag_node::view::{Change, NoteEdit};
use kitbag_testkit::{Called, Joining, LootOpened, Who, World};

/// Ana, the founder; Ben and Cyn, whom she let in; everybody in sync.
fn three(seed: u64) -> (World, Who, Who, Who, kitbag_core::id::PackId) {
    let mut world = World::new(seed);
    let [ana, ben, cyn] = ["Ana", "Ben", "Cyn"].map(|name| world.add(&secret(name)));
    let pack = create(&mut world, ana, &secret("plans"));
    for who in [ben, cyn] {
        let ticket = share(
            &mut world,
            ana,
            pack,
            Role::Editor,
            Sensitivity::Confidential,
        );
        join(&mut world, who, ana, &ticket);
    }
    world.dial(ben, cyn);
    settle(&mut world);
    (world, ana, ben, cyn, pack)
}

fn remove(world: &mut World, by: Who, pack: kitbag_core::id::PackId, whom: Who) {
    let person = world.person(whom);
    remove_person(world, by, pack, person);
}

/// Goal: promise 2. All admins are offline, a plain editor writes; the removed device has its whole
/// disk, every key on it and every record of everybody else, and opens nothing of what is new.
#[test]
fn a_removed_device_opens_nothing_that_an_editor_writes_afterwards() {
    let (mut world, ana, ben, cyn, pack) = three(21);
    for sensitivity in [Sensitivity::Internal, Sensitivity::Confidential] {
        add(&mut world, ana, pack, "before", sensitivity);
    }
    settle(&mut world);
    let (_, before) = world.loot(cyn);
    let (mut loot, own) = world.loot(ben);
    assert!(
        loot.open(&own).len() >= 3,
        "he opens what he had, or this shows nothing"
    );

    remove(&mut world, ana, pack, ben);
    settle(&mut world);
    world.kill(ana);
    for sensitivity in [
        Sensitivity::Public,
        Sensitivity::Internal,
        Sensitivity::Confidential,
    ] {
        add(&mut world, cyn, pack, "after", sensitivity);
    }
    world.dial(ben, cyn);
    world.run(60_000);

    let (mut loot, held) = world.loot(ben);
    let (_, after) = world.loot(cyn);
    let mut new = after.without(&before);
    new.extend(held.without(&own));
    assert!(
        new.sealed(None) >= 3,
        "{} sealed entries are new",
        new.sealed(None)
    );
    let opened: Vec<LootOpened> = loot.open(&new);
    assert!(opened.is_empty(), "{opened:#?}");
    assert_no_violations(&mut world);
}

/// Goal: the last thing that somebody wrote before their removal is an edit of a note that they added
/// before other notes: all of it stays.
#[test]
fn a_note_stays_whose_edit_is_where_the_removal_ends_its_log() {
    let (mut world, ana, ben, cyn, pack) = three(29);
    let first = add(&mut world, ben, pack, "first", Sensitivity::Internal);
    let second = add(&mut world, ben, pack, "second", Sensitivity::Internal);
    set_body(&mut world, ben, pack, first, &secret("edited last"));
    settle(&mut world);
    remove(&mut world, ana, pack, ben);
    settle(&mut world);
    for who in [ana, cyn] {
        let note = show(&mut world, who, pack, first);
        assert_eq!((note.body, note.edits), (secret("edited last"), 1));
        assert!(world.node(who).note(pack, second).is_ok());
        assert_eq!(world.node(who).status(pack).unwrap().set_aside, 0);
    }
}

/// Goal: he is told by what ended him and may write no more; the others go on.
#[test]
fn a_removed_member_hears_of_it_and_writes_no_more() {
    let (mut world, ana, ben, cyn, pack) = three(22);
    let kept = add(
        &mut world,
        ben,
        pack,
        "his last word",
        Sensitivity::Internal,
    );
    settle(&mut world);
    remove(&mut world, ana, pack, ben);
    settle(&mut world);
    world.dial(ben, cyn);
    world.run(60_000);
    assert_eq!(world.node(ben).pack(pack).unwrap().role, None);
    let refused = world.call(ben, |node, now| {
        node.add_notes(now, pack, &[draft("more", Sensitivity::Internal)])
    });
    assert!(matches!(refused, Called::Refused(_)));
    for who in [ana, cyn] {
        assert_eq!(world.node(who).members(pack).unwrap().len(), 2);
        assert_eq!(
            show(&mut world, who, pack, kept).body,
            secret("his last word body")
        );
        assert_eq!(world.node(who).status(pack).unwrap().rotation_debt, {
            // Nobody wrote Internal or Confidential since; Public has a new key already.
            1
        });
    }
    let note = add(&mut world, cyn, pack, "anew", Sensitivity::Internal);
    settle(&mut world);
    assert_eq!(show(&mut world, ana, pack, note).body, secret("anew body"));
    assert_eq!(world.node(ana).status(pack).unwrap().rotation_debt, 0);
    assert_no_violations(&mut world);
}

/// Goal: lowered to reader, somebody still reads what is new and writes nothing; raised again they
/// write.
#[test]
fn a_role_is_lowered_and_raised() {
    let (mut world, ana, ben, _, pack) = three(23);
    let person = world.person(ben);
    for (role, writes) in [(Role::Reader, false), (Role::Editor, true)] {
        world
            .call(ana, |node, now| {
                node.change(
                    now,
                    pack,
                    &Change::Role {
                        person,
                        role,
                        clearance: Sensitivity::Internal,
                    },
                )
            })
            .done();
        let word = format!("for a {role:?}");
        let note = add(&mut world, ana, pack, &word, Sensitivity::Internal);
        settle(&mut world);
        assert_eq!(
            show(&mut world, ben, pack, note).body,
            secret(&format!("{word} body"))
        );
        let written = world.call(ben, |node, now| {
            node.add_notes(now, pack, &[draft("mine", Sensitivity::Internal)])
        });
        assert_eq!(written.ok().is_some(), writes, "{role:?}");
        let above = add(&mut world, ana, pack, "above", Sensitivity::Confidential);
        settle(&mut world);
        assert!(world.node(ben).note(pack, above).is_err());
    }
    assert_no_violations(&mut world);
}

/// Goal: a note that once stood above somebody's clearance and came back is among what they keep when
/// they are removed, also after a restart.
#[test]
fn whoever_is_removed_keeps_a_note_that_was_above_them_for_a_while() {
    let (mut world, ana, ben, _, pack) = three(27);
    let note = add(&mut world, ana, pack, "up and down", Sensitivity::Internal);
    settle(&mut world);
    for to in [Sensitivity::Restricted, Sensitivity::Internal] {
        let moved = world.call(ana, |node, now| node.relabel(now, pack, note, to));
        moved.done();
        settle(&mut world);
    }
    let text = secret("up and down body");
    assert_eq!(show(&mut world, ben, pack, note).body, text);
    remove(&mut world, ana, pack, ben);
    settle(&mut world);
    assert_eq!(world.node(ben).pack(pack).unwrap().role, None);
    assert_eq!(show(&mut world, ben, pack, note).body, text);
    world.kill(ben);
    world.start(ben);
    assert_eq!(show(&mut world, ben, pack, note).body, text, "read back");
    assert_no_violations(&mut world);
}

/// Goal: whoever was removed, heard of it, and was granted anew while away hears of that too when
/// they meet a member: they ask although nothing is theirs.
#[test]
fn whoever_is_granted_anew_while_away_hears_of_it() {
    let (mut world, ana, ben, _, pack) = three(24);
    remove(&mut world, ana, pack, ben);
    settle(&mut world);
    assert_eq!(world.node(ben).pack(pack).unwrap().role, None);
    world.disconnect_all();
    let person = world.person(ben);
    world
        .call(ana, |node, now| {
            let (role, clearance) = (Role::Editor, Sensitivity::Internal);
            node.change(
                now,
                pack,
                &Change::Role {
                    person,
                    role,
                    clearance,
                },
            )
        })
        .done();
    let note = add(&mut world, ana, pack, "since then", Sensitivity::Internal);

    world.dial(ana, ben).unwrap();
    settle(&mut world);
    assert_eq!(
        show(&mut world, ben, pack, note).body,
        secret("since then body")
    );
    assert_no_violations(&mut world);
}

/// Goal: what its author wrote before they were removed stays, also a note that they edited last of all:
/// the entries of other notes between the two are no part of it.
#[test]
fn a_note_that_was_edited_last_stays_when_its_author_is_removed() {
    let (mut world, ana, ben, _, pack) = three(25);
    let first = add(&mut world, ben, pack, "first", Sensitivity::Internal);
    add(&mut world, ben, pack, "second", Sensitivity::Internal);
    let edit = NoteEdit {
        add_tags: vec![secret("edited")],
        ..NoteEdit::default()
    };
    world
        .call(ben, |node, now| node.edit_note(now, pack, first, &edit))
        .done();
    settle(&mut world);
    remove(&mut world, ana, pack, ben);
    settle(&mut world);
    assert!(
        show(&mut world, ana, pack, first)
            .tags
            .contains(&secret("edited"))
    );
    assert_eq!(world.node(ana).status(pack).unwrap().set_aside, 0);
}

/// Goal: who was let in as a reader and made an admin before anything arrived opens an epoch that the
/// others take, whatever they seal first: it cites the grant under which they may write.
#[test]
fn a_reader_made_admin_before_any_key_came_opens_epochs_that_count() {
    let mut world = World::new(26);
    let [ana, ben] = ["Ana", "Ben"].map(|name| world.add(&secret(name)));
    let pack = create(&mut world, ana, &secret("plans"));
    let ticket = share(&mut world, ana, pack, Role::Reader, Sensitivity::Internal);
    let joined = world.join(ben, ana, &ticket);
    assert_eq!(joined, Joining::Answered(JoinOutcome::Admitted));
    let person = world.person(ben);
    let admin = Change::Role {
        person,
        role: Role::Admin,
        clearance: Sensitivity::Restricted,
    };
    let made = world.call(ana, |node, now| node.change(now, pack, &admin));
    made.done();
    world.dial(ana, ben).unwrap();
    // They part when the operations are there and no key is.
    for _ in 0..1_000 {
        if (world.node(ben).pack(pack)).is_ok_and(|pack| pack.role == Some(Role::Admin)) {
            break;
        }
        world.run(1);
    }
    world.disconnect_all();
    world.call(ben, |node, now| node.tick(now)).done();
    world.dial(ana, ben).unwrap();
    settle(&mut world);
    let note = add(&mut world, ben, pack, "from Ben", Sensitivity::Public);
    settle(&mut world);
    assert_eq!(
        show(&mut world, ana, pack, note).body,
        secret("from Ben body")
    );
    let names: Vec<String> = world
        .node(ana)
        .members(pack)
        .unwrap()
        .into_iter()
        .map(|m| m.name)
        .collect();
    assert!(names.contains(&secret("Ben")), "{names:?}");
}
