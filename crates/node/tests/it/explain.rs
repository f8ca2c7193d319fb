//! Seeing who may what, between two devices: each says what it can know, and what it cannot.

use super::support::*;
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_node::explain::{AccessState, ActKind, Origin, Right, Why};

/// Goal: a member cleared for Internal, in a pack with all four sensitivities, opens exactly those;
/// from their side the higher ones are out of reach, not counted as anything.
#[test]
fn a_member_is_tried_by_those_who_have_the_keys() {
    let (mut world, ana, ben, pack) = two_in_one_pack(41, Role::Editor, Sensitivity::Internal);
    for sensitivity in Sensitivity::ALL {
        add(&mut world, ana, pack, sensitivity.as_str(), sensitivity);
    }
    add(&mut world, ben, pack, "of Ben", Sensitivity::Internal);
    settle(&mut world);
    let (of_ana, of_ben) = (world.person(ana), world.person(ben));

    let checked = world.node(ana).check_as(pack, of_ben).unwrap();
    let notes: Vec<_> = checked
        .tried
        .iter()
        .map(|tried| (tried.access, tried.notes.opens, tried.notes.no_key))
        .collect();
    let (now, never) = (AccessState::Now, AccessState::Never);
    assert_eq!(
        notes,
        [(now, 1, 0), (now, 2, 0), (never, 0, 1), (never, 0, 1)]
    );
    assert!(checked.tried.iter().all(|tried| {
        let all = tried.records;
        all.untried + all.not_here + all.damaged == 0 && all.total() >= tried.notes.total()
    }));

    let checked = world.node(ben).check_as(pack, of_ana).unwrap();
    assert_eq!(checked.tried.len(), 2);
    assert_eq!(
        checked.out_of_reach,
        [Sensitivity::Confidential, Sensitivity::Restricted]
    );
    assert_eq!(checked.tried[1].notes.opens, 2);

    // Both see the same policy, by the names that both tell.
    let rules = world.node(ben).explain(pack, of_ben, None).unwrap();
    assert_eq!(rules, {
        let mut of_ana = world.node(ana).explain(pack, of_ben, None).unwrap();
        for rule in &mut of_ana {
            if let Some(grant) = &mut rule.grant
                && let Origin::Ticket {
                    invited_by,
                    admitted_by,
                } = &mut grant.origin
            {
                (invited_by.is_me, admitted_by.is_me) = (false, false);
            }
        }
        of_ana
    });
    let write = |sensitivity| {
        let mut rules = rules.iter();
        let rule = rules.find(|rule| (rule.right, rule.sensitivity) == (Right::Write, sensitivity));
        rule.map(|rule| (rule.allowed, rule.why)).unwrap()
    };
    assert_eq!(write(Sensitivity::Internal), (true, Why::Given));
    assert_eq!(write(Sensitivity::Restricted), (false, Why::NotEnough));
    let grant = rules[0].grant.clone().unwrap();
    let Origin::Ticket { invited_by, .. } = grant.origin else {
        panic!("{grant:?}");
    };
    assert_eq!(invited_by.name, secret("Ana"));
}

/// Goal: open tickets stand in the policy until they are used up or over.
#[test]
fn open_tickets_are_listed_until_they_are_over() {
    let (mut world, ana, _, pack) = two_in_one_pack(42, Role::Reader, Sensitivity::Public);
    let now = world.clock(ana);
    let tickets = |world: &mut kitbag_testkit::World, now| {
        world.node(ana).policy_view(now, pack).unwrap().tickets
    };
    assert!(tickets(&mut world, now).is_empty(), "used up");
    let until = kitbag_core::id::Timestamp::from_millis(now.as_millis() + 1_000);
    let options = kitbag_node::view::ShareOptions {
        role: Role::Reader,
        clearance: Sensitivity::Public,
        expires_at: Some(until),
        uses: 3,
        ask: false,
    };
    world
        .call(ana, |node, now| node.share(now, pack, &options))
        .done();
    let listed = tickets(&mut world, now);
    assert_eq!(listed.len(), 1);
    assert_eq!(
        (listed[0].uses, listed[0].used, listed[0].until),
        (3, 0, Some(until))
    );
    let later = kitbag_core::id::Timestamp::from_millis(now.as_millis() + 2_000);
    assert!(tickets(&mut world, later).is_empty(), "over");
}

/// Goal: after a removal both sides say who did it, and the one removed could have opened what was
/// there and opens nothing that came after.
#[test]
fn a_removal_is_explained_and_tried() {
    let (mut world, ana, ben, pack) = two_in_one_pack(43, Role::Editor, Sensitivity::Internal);
    let old = add(&mut world, ana, pack, "old", Sensitivity::Internal);
    settle(&mut world);
    let of_ben = world.person(ben);
    remove_person(&mut world, ana, pack, of_ben);
    let why = world.node(ana).why(Some(pack)).unwrap().remove(0);
    let internal = why
        .renewals
        .iter()
        .find(|renewal| renewal.sensitivity == Sensitivity::Internal)
        .expect("the next note is locked anew");
    let removal = internal
        .after
        .iter()
        .find(|act| act.kind == ActKind::Removed)
        .expect("because of the removal");
    assert_eq!(
        removal.of.as_ref().map(|of| of.name.clone()),
        Some(secret("Ben"))
    );
    let new = add(&mut world, ana, pack, "new", Sensitivity::Internal);

    let checked = world.node(ana).check_as(pack, of_ben).unwrap();
    let notes = &checked.tried[1];
    assert_eq!(notes.access, AccessState::Before);
    assert_eq!((notes.notes.opens, notes.notes.no_key), (1, 1));
    let state = |world: &mut kitbag_testkit::World, note| {
        let who = world.node(ana).who(pack, Some(note)).unwrap();
        let ben = who.into_iter().find(|view| view.who.person == of_ben);
        ben.unwrap().access[0].state
    };
    assert_eq!(state(&mut world, old), AccessState::Before);
    assert_eq!(state(&mut world, new), AccessState::Never);

    let read = |world: &mut kitbag_testkit::World, at| {
        let mut rules = world.node(at).explain(pack, of_ben, Some(old)).unwrap();
        rules.remove(0)
    };
    let rule = read(&mut world, ana);
    assert_eq!((rule.right, rule.why), (Right::Read, Why::Lost));
    assert!(rule.act.unwrap().by.is_me);

    // Whoever was removed hears of it, and sees why.
    world.run(60_000);
    let rule = read(&mut world, ben);
    assert_eq!((rule.allowed, rule.why), (false, Why::Lost));
    assert_eq!(rule.act.unwrap().by.name, secret("Ana"));
}
