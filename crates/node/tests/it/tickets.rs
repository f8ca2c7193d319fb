//! Tickets used well, twice, late, by others, elsewhere, and through another member.

use super::support::*;
use kitbag_core::id::{PackId, Timestamp};
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_core::ticket::Ticket;
use kitbag_core::wire::JoinRefusal;
use kitbag_crypto::TicketSecret;
use kitbag_node::JoinOutcome;
use kitbag_node::view::ShareOptions;
use kitbag_testkit::{Joining, Who, World};

fn refused(refusal: JoinRefusal) -> Joining {
    Joining::Answered(JoinOutcome::Refused(refusal))
}

fn founder(seed: u64) -> (World, Who, PackId) {
    let mut world = World::new(seed);
    let ana = world.add(&secret("Ana"));
    let pack = create(&mut world, ana, &secret("plans"));
    (world, ana, pack)
}

#[test]
fn a_used_ticket_says_when_and_by_whom_even_after_a_restart() {
    let (mut world, ana, pack) = founder(21);
    let (ben, eve) = (world.add(&secret("Ben")), world.add(&secret("Eve")));
    let ticket = share(&mut world, ana, pack, Role::Reader, Sensitivity::Internal);
    let at = world.clock(ana);
    join(&mut world, ben, ana, &ticket);
    world.run(5_000);
    let used = || {
        refused(JoinRefusal::Used {
            at,
            by: secret("Ben"),
        })
    };
    assert_eq!(world.join(eve, ana, &ticket), used());
    world.kill(ana);
    world.start(ana);
    assert_eq!(world.join(eve, ana, &ticket), used());
    assert_eq!(world.dial(eve, ana), None);
    assert_eq!(
        world.join(ben, ana, &ticket),
        Joining::Answered(JoinOutcome::AlreadyMember)
    );
    assert_no_violations(&mut world);
}

#[test]
fn a_ticket_for_two_lets_two_in() {
    let (mut world, ana, pack) = founder(22);
    let options = ShareOptions {
        role: Role::Editor,
        clearance: Sensitivity::Internal,
        expires_at: None,
        uses: 2,
        ask: false,
    };
    let shared = world
        .call(ana, |node, now| node.share(now, pack, &options))
        .done();
    let ticket = Ticket::parse(&shared.ticket).unwrap();
    for name in ["Ben", "Eve"] {
        let joiner = world.add(&secret(name));
        join(&mut world, joiner, ana, &ticket);
    }
    let late = world.add(&secret("late"));
    assert!(matches!(
        world.join(late, ana, &ticket),
        Joining::Answered(JoinOutcome::Refused(JoinRefusal::Used { .. }))
    ));
    assert_eq!(world.node(ana).members(pack).unwrap().len(), 3);
}

#[test]
fn an_expired_ticket_says_since_when() {
    let (mut world, ana, pack) = founder(23);
    let ben = world.add(&secret("Ben"));
    let until = Timestamp::from_millis(world.clock(ana).as_millis() + 1_000);
    let options = ShareOptions {
        role: Role::Editor,
        clearance: Sensitivity::Internal,
        expires_at: Some(until),
        uses: 1,
        ask: false,
    };
    let shared = world
        .call(ana, |node, now| node.share(now, pack, &options))
        .done();
    let ticket = Ticket::parse(&shared.ticket).unwrap();
    world.run(2_000);
    assert_eq!(
        world.join(ben, ana, &ticket),
        refused(JoinRefusal::Expired { at: until })
    );
    world.call(ana, |node, now| node.tick(now)).done();
    assert_eq!(
        world.join(ben, ana, &ticket),
        refused(JoinRefusal::Expired { at: until })
    );
}

#[test]
fn only_the_secret_itself_over_this_very_connection_is_a_proof() {
    let (mut world, ana, pack) = founder(24);
    let (ben, eve) = (world.add(&secret("Ben")), world.add(&secret("Eve")));
    let ticket = share(&mut world, ana, pack, Role::Editor, Sensitivity::Internal);
    let before = world.node(ana).members(pack).unwrap();
    let (of_ben, of_ana, of_eve) = (
        world.endpoint(ben),
        world.endpoint(ana),
        world.endpoint(eve),
    );
    let request = world.node(ben).join_draft(&ticket).request(of_ana, [1; 32]);
    let no = |answer: Option<Vec<u8>>| {
        let refusal = kitbag_core::wire::JoinAnswer::Refused(JoinRefusal::NotRecognised);
        assert_eq!(answer, Some(kitbag_core::codec::encode(&refusal)));
    };

    // Another connection; another dialler; another secret; another pack; another invite; garbage.
    no(world.ask_to_join(ana, of_ben, [2; 32], &request));
    no(world.ask_to_join(ana, of_eve, [1; 32], &request));
    let forged = Ticket::new(
        ticket.pack,
        ticket.invite,
        TicketSecret::from_bytes([9; 32]),
        vec![],
    );
    assert_eq!(
        world.join(ben, ana, &forged),
        refused(JoinRefusal::NotRecognised)
    );
    let elsewhere = create(&mut world, eve, &secret("elsewhere"));
    let foreign = share(
        &mut world,
        eve,
        elsewhere,
        Role::Editor,
        Sensitivity::Internal,
    );
    assert_eq!(
        world.join(ben, ana, &foreign),
        refused(JoinRefusal::NotRecognised)
    );
    for cut in 0..request.len() {
        no(world.ask_to_join(ana, of_ben, [1; 32], &request[..cut]));
    }
    for at in 0..request.len() {
        let mut changed = request.clone();
        changed[at] ^= 1;
        // The name is not signed, so a change of it alone is none of the proof's business.
        if world.node(ana).members(pack).unwrap() == before {
            let _ = world.ask_to_join(ana, of_ben, [3; 32], &changed);
        }
    }
    assert_eq!(world.node(ana).members(pack).unwrap(), before);

    // The request itself, over its own connection, is good.
    let admitted = kitbag_core::codec::encode(&kitbag_core::wire::JoinAnswer::Admitted);
    assert_eq!(
        world.ask_to_join(ana, of_ben, [1; 32], &request),
        Some(admitted)
    );
    assert_eq!(world.node(ana).members(pack).unwrap().len(), 2);
}

#[test]
fn another_member_lets_in_while_the_inviter_is_away() {
    let (mut world, ana, ben, pack) = two_in_one_pack(25, Role::Reader, Sensitivity::Confidential);
    let note = add(&mut world, ana, pack, "open", Sensitivity::Internal);
    let ticket = share(&mut world, ana, pack, Role::Editor, Sensitivity::Internal);
    settle(&mut world);
    world.kill(ana);

    // Ben, a reader, admits Eve; she reads at once, and writes.
    let eve = world.add(&secret("Eve"));
    assert_eq!(world.join(eve, ana, &ticket), Joining::NotReached);
    join(&mut world, eve, ben, &ticket);
    assert_eq!(show(&mut world, eve, pack, note).body, secret("open body"));
    let by_eve = add(&mut world, eve, pack, "thanks", Sensitivity::Internal);
    settle(&mut world);
    assert_eq!(show(&mut world, ben, pack, by_eve).added_by, secret("Eve"));

    // Ana comes back and learns of her; the ticket is used for Ana too.
    world.start(ana);
    world.dial(ana, ben).unwrap();
    settle(&mut world);
    world.dial(ana, eve).unwrap();
    settle(&mut world);
    assert_eq!(show(&mut world, ana, pack, by_eve).added_by, secret("Eve"));
    let late = world.add(&secret("late"));
    assert!(matches!(
        world.join(late, ana, &ticket),
        Joining::Answered(JoinOutcome::Refused(JoinRefusal::Used { .. }))
    ));
    assert_no_violations(&mut world);
}

#[test]
fn two_who_use_one_ticket_apart_are_both_in_until_it_is_closed() {
    let (mut world, ana, ben, pack) = two_in_one_pack(26, Role::Reader, Sensitivity::Internal);
    let ticket = share(&mut world, ana, pack, Role::Editor, Sensitivity::Internal);
    settle(&mut world);
    world.set_cut(ana, ben, true);
    let (eve, kim) = (world.add(&secret("Eve")), world.add(&secret("Kim")));
    join(&mut world, eve, ana, &ticket);
    join(&mut world, kim, ben, &ticket);
    world.set_cut(ana, ben, false);
    world.dial(ana, ben).unwrap();
    settle(&mut world);

    // Ana closed her invite when Eve came; Kim is not listed there, and is out for everybody.
    let people = |world: &mut World, who| {
        world
            .node(who)
            .members(pack)
            .unwrap()
            .iter()
            .map(|member| member.name.clone())
            .collect::<Vec<_>>()
    };
    let expected = vec![secret("Ana"), secret("Ben"), secret("Eve")];
    for who in [ana, ben] {
        let mut people = people(&mut world, who);
        people.sort();
        assert_eq!(people, expected);
    }
    world.run(1_000);
    if world.links_between(kim, ben) == 0 {
        world.dial(kim, ben);
    }
    settle(&mut world);
    assert_eq!(world.node(kim).pack(pack).unwrap().role, None);
    assert!(
        world
            .call(kim, |node, now| node.add_notes(
                now,
                pack,
                &[draft("late", Sensitivity::Internal)]
            ))
            .refused()
            .is_some()
    );
    assert_no_violations(&mut world);
}

#[test]
fn a_lost_answer_is_asked_for_again() {
    let (mut world, ana, pack) = founder(27);
    let ben = world.add(&secret("Ben"));
    let ticket = share(&mut world, ana, pack, Role::Editor, Sensitivity::Internal);
    world.net.lost_answer_percent = 100;
    assert_eq!(world.join(ben, ana, &ticket), Joining::NotReached);
    assert_eq!(world.dial(ben, ana), None);
    world.net.lost_answer_percent = 0;
    assert_eq!(
        world.join(ben, ana, &ticket),
        Joining::Answered(JoinOutcome::AlreadyMember)
    );
    world.dial(ben, ana).unwrap();
    settle(&mut world);
    assert_eq!(world.node(ben).pack(pack).unwrap().title, secret("plans"));
}
