//! Invites listed and cancelled; used up twice by members who were apart; joining through anybody.

use super::support::*;
use kitbag_core::policy::fold::Refused;
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_core::wire::JoinRefusal;
use kitbag_node::view::{InviteCondition, InviteView, ShareOptions};
use kitbag_node::{Denied, JoinOutcome, NodeError};
use kitbag_testkit::{Joining, Who, World};

fn invites(world: &mut World, who: Who, pack: kitbag_core::id::PackId) -> Vec<InviteView> {
    let now = world.clock(who);
    world.node(who).invites(now, pack).unwrap()
}

fn names(invite: &InviteView) -> Vec<(String, bool)> {
    let joiners = invite.joiners.iter();
    joiners.map(|it| (it.name.clone(), it.counts)).collect()
}

/// Goal: a cancelled ticket is refused in words for a day, though nobody ever used it; whoever waits by
/// it is told; who came in stays; and the next note is under a new key.
#[test]
fn a_cancelled_invite_lets_nobody_in_and_says_so() {
    let (mut world, ana, ben, pack) = two_in_one_pack(71, Role::Reader, Sensitivity::Internal);
    let (eve, kim) = (world.add(&secret("Eve")), world.add(&secret("Kim")));
    let options = ShareOptions {
        role: Role::Reader,
        clearance: Sensitivity::Internal,
        expires_at: None,
        uses: 5,
        ask: true,
    };
    let shared = world
        .call(ana, |node, now| node.share(now, pack, &options))
        .done();
    let ticket = kitbag_core::ticket::Ticket::parse(&shared.ticket).unwrap();
    assert_eq!(ticket.uses, Some(5));
    join(&mut world, eve, ana, &ticket);
    assert_eq!(
        world.join(kim, ana, &ticket),
        Joining::Answered(JoinOutcome::Waiting)
    );
    add(&mut world, ana, pack, "before", Sensitivity::Internal);
    assert_eq!(world.node(ana).status(pack).unwrap().rotation_debt, 0);

    let found = world.node(ana).invites_called(pack, &shared.invite);
    let [invite] = found[..] else {
        panic!("{found:?}")
    };
    let by_ben = world.call(ben, |node, now| {
        node.cancel_invite(now, pack, invite, false)
    });
    assert!(matches!(
        by_ben.refused(),
        Some(NodeError::Denied(Denied::Policy(Refused::NeedsAdmin)))
    ));
    let cancel = |world: &mut World, dry_run| {
        world.call(ana, |node, now| {
            node.cancel_invite(now, pack, invite, dry_run)
        })
    };
    let told = cancel(&mut world, true).done();
    assert_eq!(names(&told), [(secret("Eve"), true)]);
    assert_eq!((told.waiting, told.condition), (1, InviteCondition::Open));
    cancel(&mut world, false).done();
    assert!(matches!(
        cancel(&mut world, false).refused(),
        Some(NodeError::InviteOver(InviteCondition::Cancelled))
    ));

    let listed = invites(&mut world, ana, pack);
    let cancelled = listed.iter().find(|view| view.invite == invite).unwrap();
    assert_eq!(
        (cancelled.condition, cancelled.used(), cancelled.waiting),
        (InviteCondition::Cancelled, 1, 0)
    );
    assert!(world.node(ana).status(pack).unwrap().rotation_debt > 0);
    add(&mut world, ana, pack, "after", Sensitivity::Internal);
    assert_eq!(world.node(ana).status(pack).unwrap().rotation_debt, 0);
    settle(&mut world);
    assert_eq!(world.node(eve).pack(pack).unwrap().notes, 2, "Eve stays");

    let no = Joining::Answered(JoinOutcome::Refused(JoinRefusal::Cancelled));
    assert_eq!(world.join(kim, ana, &ticket), no);
    assert_eq!(
        world.node(kim).waiting_joins()[0].over,
        Some(JoinRefusal::Cancelled)
    );
    world.run(23 * 3_600_000);
    assert_eq!(world.join(kim, ana, &ticket), no);
    world.run(2 * 3_600_000);
    assert_eq!(world.join(kim, ana, &ticket), Joining::NotOpen);
    assert_no_violations(&mut world);
}

#[test]
fn a_ticket_that_nobody_used_still_says_that_it_was_cancelled() {
    let mut world = World::new(72);
    let (ana, ben) = (world.add(&secret("Ana")), world.add(&secret("Ben")));
    let pack = create(&mut world, ana, &secret("plans"));
    let ticket = share(&mut world, ana, pack, Role::Reader, Sensitivity::Internal);
    world
        .call(ana, |node, now| {
            node.cancel_invite(now, pack, ticket.invite, false)
        })
        .done();
    assert_eq!(
        world.join(ben, ana, &ticket),
        Joining::Answered(JoinOutcome::Refused(JoinRefusal::Cancelled))
    );
}

/// Goal: two members who are apart from every admin let two people in by a ticket for one: both stay,
/// it shows, the end of the invite names both, and nobody comes third.
#[test]
fn a_ticket_for_one_used_twice_while_apart_keeps_both_and_shows_it() {
    let (mut world, ana, ben, pack) = two_in_one_pack(73, Role::Reader, Sensitivity::Internal);
    let cyn = world.add(&secret("Cyn"));
    let for_cyn = share(&mut world, ana, pack, Role::Reader, Sensitivity::Internal);
    join(&mut world, cyn, ana, &for_cyn);
    let ticket = share(&mut world, ana, pack, Role::Editor, Sensitivity::Internal);
    settle(&mut world);
    for (a, b) in [(ana, ben), (ana, cyn), (ben, cyn)] {
        world.set_cut(a, b, true);
    }
    let (eve, kim) = (world.add(&secret("Eve")), world.add(&secret("Kim")));
    join(&mut world, eve, ben, &ticket);
    join(&mut world, kim, cyn, &ticket);

    // Ana hears of both before she hears anything else of either.
    world.kill(eve);
    world.kill(kim);
    world.set_cut(ben, cyn, false);
    world.dial(ben, cyn).unwrap();
    settle(&mut world);
    world.set_cut(ana, ben, false);
    world.dial(ana, ben).unwrap();
    settle(&mut world);
    let listed = invites(&mut world, ana, pack);
    let twice = listed
        .iter()
        .find(|view| view.invite == ticket.invite)
        .unwrap();
    assert_eq!(
        (twice.used(), twice.uses, twice.condition),
        (2, 1, InviteCondition::Used)
    );
    let mut both = names(twice);
    both.sort();
    assert_eq!(both, [(secret("Eve"), true), (secret("Kim"), true)]);

    world.call(ana, |node, now| node.tick(now)).done();
    settle(&mut world);
    for who in [eve, kim] {
        world.start(who);
        world.dial(who, ben).expect("still a member");
    }
    settle(&mut world);
    for who in [eve, kim] {
        assert_eq!(world.node(who).pack(pack).unwrap().role, Some(Role::Editor));
        add(&mut world, who, pack, "still in", Sensitivity::Internal);
    }
    let late = world.add(&secret("late"));
    for asked in [ana, ben] {
        assert!(matches!(
            world.join(late, asked, &ticket),
            Joining::Answered(JoinOutcome::Refused(JoinRefusal::Used { .. }))
        ));
    }
    assert_no_violations(&mut world);
}

/// Goal: whom an admin's end of an invite does not name is out, and is told so by a standing that ended.
#[test]
fn a_joiner_whom_the_end_of_the_invite_does_not_name_is_out_and_listed_as_such() {
    let (mut world, ana, ben, pack) = two_in_one_pack(74, Role::Reader, Sensitivity::Internal);
    let ticket = share(&mut world, ana, pack, Role::Editor, Sensitivity::Internal);
    settle(&mut world);
    world.set_cut(ana, ben, true);
    let (eve, kim) = (world.add(&secret("Eve")), world.add(&secret("Kim")));
    join(&mut world, eve, ana, &ticket);
    join(&mut world, kim, ben, &ticket);
    world.set_cut(ana, ben, false);
    world.dial(ana, ben).unwrap();
    settle(&mut world);
    let listed = invites(&mut world, ana, pack);
    let view = listed
        .iter()
        .find(|view| view.invite == ticket.invite)
        .unwrap();
    let who: Vec<_> = view
        .joiners
        .iter()
        .map(|it| (it.person, it.counts))
        .collect();
    let (of_eve, of_kim) = (world.node(eve).me().person, world.node(kim).me().person);
    assert!(
        who.contains(&(of_eve, true)) && who.contains(&(of_kim, false)),
        "{who:?}"
    );
    assert_eq!((who.len(), view.used()), (2, 1));
    assert_eq!(
        world.join(kim, ben, &ticket),
        Joining::Answered(JoinOutcome::Refused(JoinRefusal::Removed))
    );
    assert_no_violations(&mut world);
}

/// Goal: with the founder away a joiner comes in through somebody who holds no key of it, and has the
/// keys from somebody else who may read.
#[test]
fn a_reader_of_less_lets_in_and_an_editor_gives_the_keys() {
    let (mut world, ana, ben, pack) = two_in_one_pack(75, Role::Reader, Sensitivity::Public);
    let cyn = world.add(&secret("Cyn"));
    let for_cyn = share(&mut world, ana, pack, Role::Editor, Sensitivity::Internal);
    join(&mut world, cyn, ana, &for_cyn);
    let note = add(&mut world, ana, pack, "open", Sensitivity::Internal);
    let ticket = share(&mut world, ana, pack, Role::Reader, Sensitivity::Internal);
    if world.links_between(ben, cyn) == 0 {
        world.dial(ben, cyn).unwrap();
    }
    settle(&mut world);
    world.kill(ana);

    let eve = world.add(&secret("Eve"));
    assert_eq!(
        world.join(eve, ben, &ticket),
        Joining::Answered(JoinOutcome::Admitted)
    );
    world.dial(eve, ben).expect("let in");
    world.run(10_000);
    assert!(
        world.node(eve).note(pack, note).is_err(),
        "Ben has no key of it to give"
    );
    world.dial(eve, cyn).expect("Cyn has heard of her");
    settle(&mut world);
    assert_eq!(show(&mut world, eve, pack, note).body, secret("open body"));
    assert_no_violations(&mut world);
}

#[test]
fn who_may_not_share_is_told_before_any_terms() {
    let (mut world, ana, ben, pack) = two_in_one_pack(76, Role::Editor, Sensitivity::Internal);
    let options = ShareOptions {
        role: Role::Reader,
        clearance: Sensitivity::Internal,
        expires_at: None,
        uses: 1,
        ask: false,
    };
    let no = world.call(ben, |node, now| node.preview_share(now, pack, &options));
    assert!(matches!(
        no.refused(),
        Some(NodeError::Denied(Denied::Policy(Refused::NeedsAdmin)))
    ));
    let before = invites(&mut world, ana, pack).len();
    let terms = world
        .call(ana, |node, now| node.preview_share(now, pack, &options))
        .done();
    assert!(!terms.ask && terms.uses == 1);
    assert_eq!(
        invites(&mut world, ana, pack).len(),
        before,
        "nothing is made"
    );
    for clearance in [Sensitivity::Confidential, Sensitivity::Restricted] {
        let high = ShareOptions {
            clearance,
            ..options.clone()
        };
        let terms = world
            .call(ana, |node, now| node.preview_share(now, pack, &high))
            .done();
        assert!(terms.ask, "always at {clearance}");
    }
}
