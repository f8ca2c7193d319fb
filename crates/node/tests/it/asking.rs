//! Invites that ask: who waits where, what a person's yes and no do, and what a flood cannot do.

use super::support::*;
use kitbag_core::id::{PackId, Timestamp};
use kitbag_core::policy::fold::Refused;
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_core::ticket::{PeerHint, Ticket};
use kitbag_core::wire::{JoinAnswer, JoinRefusal};
use kitbag_node::view::{JoinRequestView, RequestRef, ShareOptions};
use kitbag_node::{Denied, JoinOutcome, NodeError};
use kitbag_testkit::{Joining, Who, World};

const CONFIDENTIAL: Sensitivity = Sensitivity::Confidential;

fn waiting() -> Joining {
    Joining::Answered(JoinOutcome::Waiting)
}

fn refused(refusal: JoinRefusal) -> Joining {
    Joining::Answered(JoinOutcome::Refused(refusal))
}

fn founder(seed: u64) -> (World, Who, PackId) {
    let mut world = World::new(seed);
    let ana = world.add(&secret("Ana"));
    let pack = create(&mut world, ana, &secret("plans"));
    (world, ana, pack)
}

fn ticket_with(world: &mut World, who: Who, pack: PackId, options: &ShareOptions) -> Ticket {
    let shared = world
        .call(who, |node, now| node.share(now, pack, options))
        .done();
    Ticket::parse(&shared.ticket).unwrap()
}

fn asking(uses: u32, expires_at: Option<Timestamp>) -> ShareOptions {
    ShareOptions {
        role: Role::Editor,
        clearance: Sensitivity::Internal,
        expires_at,
        uses,
        ask: true,
    }
}

fn requests(world: &mut World, who: Who) -> Vec<JoinRequestView> {
    let now = world.clock(who);
    world.node(who).join_requests(now, None)
}

fn decline(world: &mut World, who: Who, of: RequestRef) {
    world
        .call(who, |node, now| node.refuse_join(now, of, false))
        .done();
}

fn restart(world: &mut World, who: Who) {
    world.kill(who);
    world.start(who);
}

fn over(world: &mut World, who: Who) -> Option<JoinRefusal> {
    world.node(who).waiting_joins()[0].over.clone()
}

/// Goal: above Internal nobody comes in without a person's yes, whatever the options say; both sides
/// see the same words meanwhile; restarts lose neither the request nor the ticket.
#[test]
fn above_internal_a_joiner_waits_until_a_person_says_yes() {
    let (mut world, ana, pack) = founder(61);
    let note = add(&mut world, ana, pack, "plan", CONFIDENTIAL);
    let ben = world.add(&secret("Ben"));
    let ticket = share(&mut world, ana, pack, Role::Editor, CONFIDENTIAL);
    assert_eq!(world.join(ben, ana, &ticket), waiting());
    assert_eq!(world.dial(ben, ana), None, "waiting opens no sync");
    assert_eq!(world.node(ana).members(pack).unwrap().len(), 1);
    assert!(world.node(ben).packs().is_empty());

    for who in [ana, ben] {
        restart(&mut world, who);
    }
    let asks = requests(&mut world, ana);
    let told = &world.node(ben).waiting_joins()[0];
    assert_eq!(
        (
            asks.len(),
            asks[0].name.as_str(),
            asks[0].clearance,
            asks[0].opens
        ),
        (1, secret("Ben").as_str(), CONFIDENTIAL, 1)
    );
    assert_eq!(told.asked[0].name, secret("Ana"));
    assert_eq!(told.asked[0].check_words, asks[0].check_words);
    assert_eq!(
        (told.asked[0].role, told.asked[0].clearance),
        (Role::Editor, CONFIDENTIAL)
    );
    let again = world.node(ben).tickets_to_ask();
    assert_eq!(*again[0].0.danger_text(), *ticket.danger_text());

    let (of, by_words) = (asks[0].of, asks[0].check_words.clone());
    let now = world.clock(ana);
    assert_eq!(world.node(ana).join_requests_called(now, &by_words), [of]);
    assert_eq!(
        world.node(ana).join_requests_called(now, &asks[0].id[..6]),
        [of]
    );
    assert!(
        world
            .node(ana)
            .join_requests_called(now, &secret("Ben"))
            .is_empty()
    );
    world
        .call(ana, |node, now| node.approve_join(now, of, true))
        .done();
    assert_eq!(world.node(ana).members(pack).unwrap().len(), 1, "a dry run");
    world.approve(ana, ben, pack).done();
    assert!(requests(&mut world, ana).is_empty());
    assert_eq!(
        world.join(ben, ana, &ticket),
        Joining::Answered(JoinOutcome::AlreadyMember)
    );
    assert!(
        world.node(ben).waiting_joins().is_empty(),
        "nothing is left of it"
    );
    world.dial(ben, ana).expect("a member now");
    settle(&mut world);
    assert_eq!(show(&mut world, ben, pack, note).body, secret("plan body"));
    assert_no_violations(&mut world);
}

#[test]
fn a_no_holds_until_the_invite_ends_and_the_joiner_stops_asking() {
    let (mut world, ana, pack) = founder(62);
    let (ben, eve) = (world.add(&secret("Ben")), world.add(&secret("Eve")));
    let ticket = ticket_with(&mut world, ana, pack, &asking(1, None));
    assert_eq!(world.join(ben, ana, &ticket), waiting());
    let of = requests(&mut world, ana)[0].of;
    decline(&mut world, ana, of);
    assert!(requests(&mut world, ana).is_empty());
    assert_eq!(
        world.join(ben, ana, &ticket),
        refused(JoinRefusal::Declined)
    );
    assert_eq!(over(&mut world, ben), Some(JoinRefusal::Declined));
    assert!(world.node(ben).tickets_to_ask().is_empty());

    for who in [ana, ben] {
        restart(&mut world, who);
    }
    assert!(world.node(ben).tickets_to_ask().is_empty());
    assert_eq!(
        world.join(ben, ana, &ticket),
        refused(JoinRefusal::Declined)
    );
    // It is a no to Ben, not to the ticket.
    join(&mut world, eve, ana, &ticket);
    assert!(matches!(
        world.join(ben, ana, &ticket),
        Joining::Answered(JoinOutcome::Refused(JoinRefusal::Used { .. }))
    ));
    assert_no_violations(&mut world);
}

/// Goal: a flood of joiners fills a few kilobytes and pushes nobody out.
#[test]
fn a_flood_of_requests_is_bounded_and_evicts_nobody() {
    let (mut world, ana, pack) = founder(63);
    let ticket = ticket_with(&mut world, ana, pack, &asking(100, None));
    let honest = world.add(&secret("Ben"));
    for _ in 0..5 {
        assert_eq!(world.join(honest, ana, &ticket), waiting());
    }
    assert_eq!(requests(&mut world, ana).len(), 1, "one for each person");
    let flood: Vec<Who> = (0..17)
        .map(|n| world.add(&secret(&format!("flood {n}"))))
        .collect();
    let outcomes: Vec<Joining> = flood
        .iter()
        .map(|who| world.join(*who, ana, &ticket))
        .collect();
    assert_eq!(outcomes.iter().filter(|it| **it == waiting()).count(), 15);
    assert_eq!(
        outcomes[15..],
        [
            refused(JoinRefusal::TryLater),
            refused(JoinRefusal::TryLater)
        ]
    );
    let kept = requests(&mut world, ana);
    assert_eq!(
        (kept.len(), kept[0].name.as_str()),
        (16, secret("Ben").as_str())
    );

    // Another invite of the pack has room of its own; a no makes room here.
    let other = ticket_with(&mut world, ana, pack, &asking(1, None));
    assert_eq!(world.join(flood[16], ana, &other), waiting());
    decline(&mut world, ana, kept[1].of);
    assert_eq!(world.join(flood[15], ana, &ticket), waiting());
    restart(&mut world, ana);
    assert_eq!(requests(&mut world, ana).len(), 17);
    assert_eq!(requests(&mut world, ana)[0].name, secret("Ben"));
}

/// Goal: whoever cannot open it is not asked about it, and keeps nothing.
#[test]
fn a_member_who_opens_less_is_not_asked_and_the_request_stays_where_it_came() {
    let (mut world, ana, ben, pack) = two_in_one_pack(64, Role::Reader, Sensitivity::Internal);
    let cyn = world.add(&secret("Cyn"));
    let for_cyn = share(&mut world, ana, pack, Role::Reader, CONFIDENTIAL);
    join(&mut world, cyn, ana, &for_cyn);
    let ticket = share(&mut world, ana, pack, Role::Reader, CONFIDENTIAL);
    settle(&mut world);
    let eve = world.add(&secret("Eve"));
    assert_eq!(
        world.join(eve, ben, &ticket),
        refused(JoinRefusal::TryLater)
    );
    assert!(requests(&mut world, ben).is_empty());

    // Cyn opens as much as the invite gives, so she is asked; nobody else hears of it.
    assert_eq!(world.join(eve, cyn, &ticket), waiting());
    settle(&mut world);
    assert_eq!(requests(&mut world, cyn).len(), 1);
    let of_eve = world.endpoint(eve);
    for who in [ana, ben] {
        assert!(requests(&mut world, who).is_empty());
        assert!(!world.node(who).may_sync(&of_eve));
    }
    world.approve(cyn, eve, pack).done();
    settle(&mut world);
    assert!(world.node(ana).may_sync(&of_eve));
    assert_no_violations(&mut world);
}

/// Goal: a joiner who asked two members comes in by either's yes, and is turned away by both's no only.
#[test]
fn of_two_who_are_asked_one_yes_is_enough() {
    let (mut world, ana, ben, pack) = two_in_one_pack(65, Role::Editor, CONFIDENTIAL);
    let (eve, kim) = (world.add(&secret("Eve")), world.add(&secret("Kim")));
    let ticket = ticket_with(&mut world, ana, pack, &asking(5, None));
    settle(&mut world);
    for joiner in [eve, kim] {
        for asked in [ana, ben] {
            assert_eq!(world.join(joiner, asked, &ticket), waiting());
        }
        let names: Vec<String> = world.node(joiner).waiting_joins()[0]
            .asked
            .iter()
            .map(|asked| asked.name.clone())
            .collect();
        assert_eq!(names, [secret("Ana"), secret("Ben")]);
    }
    for asked in [ana, ben] {
        let of = requests(&mut world, asked)[1].of;
        assert_eq!(requests(&mut world, asked)[1].name, secret("Kim"));
        decline(&mut world, asked, of);
        assert_eq!(
            world.join(kim, asked, &ticket),
            refused(JoinRefusal::Declined)
        );
        let expected = (asked == ben).then_some(JoinRefusal::Declined);
        assert_eq!(over(&mut world, kim), expected, "over when both said no");
    }
    let of_eve = requests(&mut world, ana)[0].of;
    decline(&mut world, ana, of_eve);
    assert_eq!(
        world.join(eve, ana, &ticket),
        refused(JoinRefusal::Declined)
    );
    assert_eq!(over(&mut world, eve), None);
    world.approve(ben, eve, pack).done();
    join_answer(&mut world, eve, ben, &ticket, JoinOutcome::AlreadyMember);
    settle(&mut world);
    assert_eq!(world.node(ana).members(pack).unwrap().len(), 3);
    assert_no_violations(&mut world);
}

fn join_answer(world: &mut World, joiner: Who, asked: Who, ticket: &Ticket, outcome: JoinOutcome) {
    assert_eq!(
        world.join(joiner, asked, ticket),
        Joining::Answered(outcome)
    );
}

#[test]
fn a_request_is_gone_once_its_joiner_came_in_elsewhere() {
    let (mut world, ana, ben, pack) = two_in_one_pack(66, Role::Editor, CONFIDENTIAL);
    let ticket = ticket_with(&mut world, ana, pack, &asking(5, None));
    settle(&mut world);
    let eve = world.add(&secret("Eve"));
    for asked in [ana, ben] {
        assert_eq!(world.join(eve, asked, &ticket), waiting());
    }
    let at_ben = requests(&mut world, ben)[0].of;
    world.approve(ana, eve, pack).done();
    settle(&mut world);
    assert!(requests(&mut world, ben).is_empty());
    let late = world.call(ben, |node, now| node.approve_join(now, at_ben, false));
    assert!(matches!(
        late.refused(),
        Some(NodeError::Denied(Denied::Policy(Refused::AlreadyMember)))
    ));
    world.call(ben, |node, now| node.tick(now)).done();
    let late = world.call(ben, |node, now| node.approve_join(now, at_ben, false));
    assert!(matches!(late.refused(), Some(NodeError::NotFound(_))));
}

#[test]
fn a_ticket_that_waits_is_dropped_once_another_let_its_holder_in() {
    let (mut world, ana, pack) = founder(70);
    let ben = world.add(&secret("Ben"));
    let asks = ticket_with(&mut world, ana, pack, &asking(1, None));
    let open = share(&mut world, ana, pack, Role::Reader, Sensitivity::Internal);
    assert_eq!(world.join(ben, ana, &asks), waiting());
    join(&mut world, ben, ana, &open);
    assert!(requests(&mut world, ana).is_empty());
    world.call(ben, |node, now| node.tick(now)).done();
    assert!(world.node(ben).waiting_joins().is_empty());
}

#[test]
fn a_request_expires_with_its_invite_for_both_sides() {
    let (mut world, ana, pack) = founder(67);
    let ben = world.add(&secret("Ben"));
    let until = Timestamp::from_millis(world.clock(ana).as_millis() + 60_000);
    let ticket = ticket_with(&mut world, ana, pack, &asking(1, Some(until)));
    assert_eq!(world.join(ben, ana, &ticket), waiting());
    assert_eq!(
        world.node(ben).waiting_joins()[0].asked[0].until,
        Some(until)
    );
    let of = requests(&mut world, ana)[0].of;
    world.run(60_000);
    assert!(requests(&mut world, ana).is_empty());
    let late = world.call(ana, |node, now| node.approve_join(now, of, false));
    assert!(matches!(
        late.refused(),
        Some(NodeError::Denied(Denied::Policy(Refused::InviteExpired)))
    ));
    // Nobody answers any more; the joiner gives up by itself, an hour later.
    world.kill(ana);
    world.call(ben, |node, now| node.tick(now)).done();
    assert_eq!(over(&mut world, ben), None);
    world.run(3_600_000);
    world.call(ben, |node, now| node.tick(now)).done();
    assert_eq!(
        over(&mut world, ben),
        Some(JoinRefusal::Expired { at: until })
    );
    let id = world.node(ben).waiting_joins()[0].id.clone();
    world.call(ben, |node, _| node.forget_join(&id)).done();
    assert!(world.node(ben).waiting_joins().is_empty());
    let again = world.call(ben, |node, _| node.forget_join(&id)).refused();
    assert!(matches!(again, Some(NodeError::NotFound(_))));
}

/// Goal: whoever answers is a stranger too: names are short and cannot steer a terminal, and tickets
/// that wait do not pile up.
#[test]
fn what_strangers_tell_is_cut_and_what_waits_is_bounded() {
    let mut world = World::new(68);
    let ben = world.add(&secret("Ben"));
    let of_ana = world.add(&secret("Ana"));
    let asked = world.endpoint(of_ana);
    let answer = JoinAnswer::Waiting {
        by: world.node(of_ana).me().person,
        name: format!("A\u{1b}[2J\n{}", "a".repeat(5_000)),
        role: Role::Reader,
        clearance: Sensitivity::Restricted,
        until: None,
    };
    let answer = kitbag_core::codec::encode(&answer);
    for n in 0..=16u8 {
        let pack = create(&mut world, of_ana, &secret(&format!("pack {n}")));
        let ticket = share(&mut world, of_ana, pack, Role::Reader, CONFIDENTIAL);
        let told = world.call(ben, |node, now| {
            node.join_answered(now, &ticket, asked, &answer, None)
        });
        if n < 16 {
            assert_eq!(told.done(), JoinOutcome::Waiting);
        } else {
            assert!(matches!(told.refused(), Some(NodeError::BadInput { .. })));
        }
    }
    let joins = world.node(ben).waiting_joins();
    assert_eq!(joins.len(), 16);
    let name = &joins[0].asked[0].name;
    assert!(
        name.starts_with("A[2Ja") && name.chars().count() == 64,
        "{name}"
    );
}

/// Goal: the pack arrives from any device of the ticket, though the one that said yes is gone.
#[test]
fn after_an_admission_any_device_of_the_ticket_is_asked_for_the_pack() {
    let (mut world, ana, ben, pack) = two_in_one_pack(69, Role::Editor, Sensitivity::Internal);
    let note = add(&mut world, ana, pack, "open", Sensitivity::Internal);
    let mut ticket = share(&mut world, ana, pack, Role::Reader, Sensitivity::Internal);
    let of_ben = world.endpoint(ben);
    ticket.peers.push(PeerHint {
        endpoint: of_ben,
        addresses: vec![],
        relay: None,
    });
    settle(&mut world);
    let eve = world.add(&secret("Eve"));
    assert_eq!(
        world.join(eve, ana, &ticket),
        Joining::Answered(JoinOutcome::Admitted)
    );
    settle(&mut world);
    world.kill(ana);
    restart(&mut world, eve);
    world.dial(eve, ben).expect("named by the ticket");
    settle(&mut world);
    assert_eq!(show(&mut world, eve, pack, note).body, secret("open body"));
    assert_no_violations(&mut world);
}
