//! Roles raised and lowered, people who leave and come back, and what is said before.

use super::admins::{change, meet, pack_of, picture, previewed, remove, rights, role};
use super::support::*;
use kitbag_core::id::PackId;
use kitbag_core::policy::op::LateDenials;
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_node::view::{Change, NoteCount, Removal, Rights};
use kitbag_node::{Denied, NodeError};
use kitbag_testkit::{Called, Who, World};

fn writes(world: &mut World, who: Who, pack: PackId) -> Result<(), String> {
    match world.call(who, |node, now| {
        node.add_notes(now, pack, &[draft("mine", Sensitivity::Internal)])
    }) {
        Called::Done(_) => Ok(()),
        Called::Refused(error) => Err(error.to_string()),
        Called::Down => panic!("nobody is down"),
    }
}

/// Goal: raising somebody ends nothing: what they wrote offline meanwhile counts. Lowering ends their
/// place as it was: what they wrote and had not sent is set aside.
#[test]
fn what_was_written_offline_survives_a_raise_and_not_a_lowering() {
    let raises = [
        (Role::Editor, Sensitivity::Confidential),
        (Role::Admin, Sensitivity::Restricted),
    ];
    let lowers = [
        (Role::Reader, Sensitivity::Restricted),
        (Role::Editor, Sensitivity::Public),
    ];
    for (at, (to, clearance)) in raises.into_iter().chain(lowers).enumerate() {
        let (mut world, all, pack) = pack_of(300 + at as u64, ["Ana", "Ben"]);
        let [ana, ben] = all;
        let known = add(&mut world, ben, pack, "known", Sensitivity::Internal);
        settle(&mut world);
        world.set_cut(ana, ben, true);
        let note = add(&mut world, ben, pack, "on the train", Sensitivity::Internal);
        set_body(&mut world, ben, pack, known, "edited on the train");
        let to = role(&world, ben, to, clearance);
        assert!(previewed(&mut world, ana, pack, &to));
        world.heal();
        meet(&mut world, &all);
        world.run(60_000);
        let raised = at < 2;
        assert_eq!(world.node(ana).note(pack, note).is_ok(), raised, "{to:?}");
        let body = show(&mut world, ana, pack, known).body;
        assert_eq!(body == "edited on the train", raised, "{to:?}");
        assert_eq!(
            picture(&mut world, ben, pack),
            picture(&mut world, ana, pack)
        );
        let set_aside = world.node(ana).status(pack).unwrap().set_aside;
        assert_eq!(set_aside == 0, raised, "{to:?}: {set_aside}");
        assert_no_violations(&mut world);
    }
}

/// Goal: a role that somebody has already is no change, and nothing is written for it.
#[test]
fn what_is_so_already_is_no_change() {
    let (mut world, all, pack) = pack_of(310, ["Ana", "Ben", "Cyn"]);
    let [ana, ben, cyn] = all;
    let to = role(&world, ben, Role::Editor, Sensitivity::Internal);
    assert!(!previewed(&mut world, ana, pack, &to));
    let out = remove(&world, cyn);
    assert!(previewed(&mut world, ana, pack, &out));
    assert!(!previewed(&mut world, ana, pack, &out));
}

/// Goal: the preview says who loses and gains what, in notes, and which tickets end.
#[test]
fn the_preview_counts_notes_and_names_tickets() {
    let (mut world, all, pack) = pack_of(320, ["Ana", "Ben", "Cyn"]);
    let [ana, ben, _] = all;
    for text in ["one", "two"] {
        add(&mut world, ana, pack, text, Sensitivity::Internal);
    }
    add(&mut world, ana, pack, "three", Sensitivity::Confidential);
    settle(&mut world);
    let to = role(&world, ben, Role::Admin, Sensitivity::Restricted);
    let told = change(&mut world, ana, pack, &to);
    assert_eq!(
        told.people[0].gains,
        [NoteCount {
            sensitivity: Sensitivity::Confidential,
            notes: 1
        }]
    );
    assert!(told.people[0].keeps.is_empty() && told.owed.is_empty());
    settle(&mut world);
    share(&mut world, ben, pack, Role::Reader, Sensitivity::Public);
    settle(&mut world);
    let out = remove(&world, ben);
    let told = world
        .call(ana, |node, now| node.preview(now, pack, &out))
        .done();
    assert_eq!(told.people.len(), 1);
    assert_eq!(told.people[0].after, Rights::default());
    let kept: Vec<_> = told.people[0]
        .keeps
        .iter()
        .map(|kept| (kept.sensitivity, kept.notes))
        .collect();
    assert_eq!(
        kept,
        [(Sensitivity::Internal, 2), (Sensitivity::Confidential, 1)]
    );
    assert_eq!(told.invites.len(), 1);
    assert_eq!(
        (told.invites[0].by.as_str(), told.invites[0].role),
        (secret("Ben").as_str(), Role::Reader)
    );
    assert!(told.owed.contains(&Sensitivity::Internal));
    assert_eq!(told.unseen, 0);
    assert!(told.last_synced.is_some());
    assert!(told.set_aside.is_empty() && told.held.is_empty());
}

/// Goal: cancelling an invite is looked at like everything else; whoever came in by it stays.
#[test]
fn a_cancelled_invite_ends_alone() {
    let (mut world, all, pack) = pack_of(325, ["Ana", "Ben"]);
    let [ana, ben] = all;
    let options = kitbag_node::view::ShareOptions {
        role: Role::Reader,
        clearance: Sensitivity::Public,
        expires_at: None,
        uses: 2,
        ask: false,
    };
    let shared = world
        .call(ana, |node, now| node.share(now, pack, &options))
        .done();
    let ticket = kitbag_core::ticket::Ticket::parse(&shared.ticket).unwrap();
    let cyn = world.add(&secret("Cyn"));
    join(&mut world, cyn, ana, &ticket);
    let cancel = Change::Cancel {
        invite: ticket.invite,
    };
    let told = world
        .call(ana, |node, now| node.preview(now, pack, &cancel))
        .done();
    assert_eq!((told.target, told.people.len()), (None, 0));
    assert_eq!(told.invites.len(), 1);
    assert_eq!(told.invites[0].invite, ticket.invite);
    assert!(!previewed(&mut world, ben, pack, &cancel), "he is no admin");
    assert!(previewed(&mut world, ana, pack, &cancel));
    assert_eq!(rights(&mut world, ana, pack, cyn).role, Some(Role::Reader));
    let dan = world.add(&secret("Dan"));
    assert!(!matches!(
        world.join(dan, ana, &ticket),
        kitbag_testkit::Joining::Answered(kitbag_node::JoinOutcome::Admitted)
    ));
}

/// Goal: what the target's device was seen to hold and has not been sent is known before the removal.
#[test]
fn changes_that_are_known_to_be_elsewhere_are_counted() {
    let mut found = false;
    for seed in 0..6 {
        let (mut world, all, pack) = pack_of(370 + seed, ["Ana", "Ben"]);
        let [ana, ben] = all;
        world.set_cut(ana, ben, true);
        add(&mut world, ben, pack, "elsewhere", Sensitivity::Internal);
        world.heal();
        world.dial(ana, ben);
        let out = remove(&world, ben);
        let unseen = |world: &mut World| {
            let told = world.call(ana, |node, now| node.preview(now, pack, &out));
            told.done().unseen
        };
        for _ in 0..200 {
            world.run(1);
            found |= unseen(&mut world) > 0;
        }
        settle(&mut world);
        assert_eq!(unseen(&mut world), 0, "it has come");
    }
    assert!(found);
}

/// Goal: somebody who leaves is out everywhere, keeps what they had, and what they wrote stays.
#[test]
fn whoever_leaves_is_out_and_their_notes_stay() {
    let (mut world, all, pack) = pack_of(330, ["Ana", "Ben", "Cyn"]);
    let [ana, ben, cyn] = all;
    // Two grants: one by ticket, one that raised him.
    let to = role(&world, ben, Role::Editor, Sensitivity::Confidential);
    change(&mut world, ana, pack, &to);
    let note = add(&mut world, ben, pack, "his", Sensitivity::Internal);
    settle(&mut world);
    let higher = add(&mut world, ben, pack, "higher", Sensitivity::Confidential);
    settle(&mut world);
    assert!(previewed(&mut world, ben, pack, &Change::Leave));
    meet(&mut world, &all);
    world.run(60_000);
    for at in [ana, ben, cyn] {
        assert_eq!(rights(&mut world, at, pack, ben), Rights::default());
        assert_eq!(show(&mut world, at, pack, note).body, secret("his body"));
    }
    assert!(world.node(ana).note(pack, higher).is_ok());
    let ended = world.node(ben).status(pack).unwrap().ended.unwrap();
    assert_eq!(ended.how, Removal::Left);
    assert_eq!(
        writes(&mut world, ben, pack),
        Err(
            "not allowed: you left this pack: you keep what you had; nothing new reaches you"
                .into()
        )
    );
    let new = add(&mut world, cyn, pack, "new", Sensitivity::Internal);
    meet(&mut world, &all);
    world.run(60_000);
    assert!(world.node(ben).note(pack, new).is_err());
    assert_no_violations(&mut world);
}

/// Goal: an admin stays until somebody more senior lowers them, and is told who could.
#[test]
fn an_admin_does_not_leave() {
    let (mut world, all, pack) = pack_of(340, ["Ana", "Ben"]);
    let [ana, ben] = all;
    let to = role(&world, ben, Role::Admin, Sensitivity::Restricted);
    change(&mut world, ana, pack, &to);
    settle(&mut world);
    let lower = |world: &World, whom| role(world, whom, Role::Editor, Sensitivity::Internal);
    for (who, ask) in [(ana, vec![]), (ben, vec![secret("Ana")])] {
        for change in [Change::Leave, remove(&world, who), lower(&world, who)] {
            let said = world.call(who, |node, now| node.change(now, pack, &change));
            let Called::Refused(NodeError::Denied(denied)) = said else {
                panic!("{said:?}");
            };
            assert_eq!(
                denied,
                Denied::AdminStays { ask: ask.clone() },
                "{change:?}"
            );
        }
    }
    let to = lower(&world, ben);
    assert!(previewed(&mut world, ana, pack, &to));
    settle(&mut world);
    assert!(previewed(&mut world, ben, pack, &Change::Leave));
}

/// Goal: somebody who was removed and knows it comes back by a grant: they hear of it, write in new
/// logs, and read what was written meanwhile.
#[test]
fn whoever_was_removed_comes_back_by_a_grant() {
    let (mut world, all, pack) = pack_of(350, ["Ana", "Ben", "Cyn"]);
    let [ana, ben, cyn] = all;
    let before = add(&mut world, ben, pack, "before", Sensitivity::Internal);
    settle(&mut world);
    let out = remove(&world, ben);
    assert!(previewed(&mut world, ana, pack, &out));
    world.run(60_000);
    let ended = world.node(ben).status(pack).unwrap().ended.unwrap();
    assert_eq!(
        (ended.how, ended.by_name.as_str()),
        (Removal::Removed, secret("Ana").as_str())
    );
    let said = writes(&mut world, ben, pack).unwrap_err();
    assert!(said.contains("Ana removed you from this pack"), "{said}");
    let meanwhile = add(&mut world, cyn, pack, "meanwhile", Sensitivity::Internal);
    world.kill(ben);
    assert_eq!(world.start(ben), kitbag_testkit::Opened::Up);
    meet(&mut world, &all);
    world.run(60_000);
    assert!(world.node(ben).note(pack, meanwhile).is_err());

    let back = role(&world, ben, Role::Editor, Sensitivity::Internal);
    assert!(previewed(&mut world, ana, pack, &back));
    world.run(120_000);
    assert_eq!(
        rights(&mut world, ben, pack, ben).role,
        Some(Role::Editor),
        "he hears of it over the connection that stands"
    );
    assert_eq!(
        show(&mut world, ben, pack, meanwhile).body,
        secret("meanwhile body")
    );
    assert_eq!(world.node(ben).status(pack).unwrap().ended, None);
    assert_eq!(writes(&mut world, ben, pack), Ok(()));
    settle(&mut world);
    assert_eq!(
        show(&mut world, ana, pack, before).body,
        secret("before body")
    );
    assert_eq!(world.node(ana).notes(pack).unwrap().len(), 3);
    assert!(previewed(&mut world, ben, pack, &Change::Leave));
    settle(&mut world);
    let ended = world.node(ben).status(pack).unwrap().ended.unwrap();
    assert_eq!(
        ended.how,
        Removal::Left,
        "how they stand, not how they stood"
    );
    assert_no_violations(&mut world);
}

/// Goal: only an admin changes roles, nobody gives what is not given like this, and a word that means
/// nobody or several is no person.
#[test]
fn what_is_refused_changes_nothing() {
    let (mut world, all, pack) = pack_of(360, ["Ana", "Ben", "Ben"]);
    let [ana, ben, other] = all;
    let to = [
        role(&world, other, Role::Reader, Sensitivity::Internal),
        role(&world, ben, Role::Admin, Sensitivity::Restricted),
        remove(&world, other),
        remove(&world, ana),
    ];
    for change in to {
        assert!(!previewed(&mut world, ben, pack, &change), "{change:?}");
    }
    let stranger = world.add(&secret("Sid"));
    let to = [
        role(&world, ben, Role::Courier, Sensitivity::Internal),
        role(&world, ben, Role::Admin, Sensitivity::Internal),
        role(&world, stranger, Role::Editor, Sensitivity::Internal),
        remove(&world, stranger),
        Change::Remove {
            person: world.person(ana),
            late_denials: LateDenials::Drop,
        },
    ];
    for change in to {
        assert!(!previewed(&mut world, ana, pack, &change), "{change:?}");
    }
    let id = world.person(ben).to_string();
    let called = |world: &mut World, word: &str| {
        let found = world.node(ana).persons_called(pack, word).unwrap();
        found.len()
    };
    assert_eq!(called(&mut world, "me"), 1);
    assert_eq!(called(&mut world, &id), 1);
    assert_eq!(called(&mut world, &id.to_uppercase()), 1);
    assert_eq!(called(&mut world, &secret("Ben")), 2);
    assert_eq!(called(&mut world, ""), 0);
    assert_eq!(called(&mut world, &secret("Sid")), 0);
}
