//! Several admins, apart from each other: one verdict everywhere, never nobody, and removals that wait
//! for an answer get one.

use super::support::*;
use kitbag_core::id::{PackId, PersonId};
use kitbag_core::policy::op::LateDenials;
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_node::view::{Change, HeldWhy, Preview, Removal, Rights};
use kitbag_node::{Denied, NodeError};
use kitbag_testkit::{Called, Who, World};

/// Devices of one pack, everybody in sync; the first founded it, the others came by ticket.
pub(super) fn pack_of<const N: usize>(seed: u64, names: [&str; N]) -> (World, [Who; N], PackId) {
    let mut world = World::new(seed);
    let all = names.map(|name| world.add(&secret(name)));
    let pack = create(&mut world, all[0], &secret("plans"));
    for who in &all[1..] {
        let ticket = share(
            &mut world,
            all[0],
            pack,
            Role::Editor,
            Sensitivity::Internal,
        );
        join(&mut world, *who, all[0], &ticket);
    }
    meet(&mut world, &all);
    (world, all, pack)
}

/// Everybody dials everybody who lets them.
pub(super) fn meet(world: &mut World, all: &[Who]) {
    for (at, a) in all.iter().enumerate() {
        for b in &all[at + 1..] {
            world.dial(*a, *b);
        }
    }
    world.settle(120_000);
}

pub(super) fn role(world: &World, whom: Who, role: Role, clearance: Sensitivity) -> Change {
    Change::Role {
        person: world.person(whom),
        role,
        clearance,
    }
}

pub(super) fn remove(world: &World, whom: Who) -> Change {
    Change::Remove {
        person: world.person(whom),
        late_denials: LateDenials::Keep,
    }
}

pub(super) fn change(world: &mut World, by: Who, pack: PackId, change: &Change) -> Preview {
    world
        .call(by, |node, now| node.change(now, pack, change))
        .done()
}

/// Removes somebody and grants them a role: they are junior then to every admin there is.
fn grant_anew(world: &mut World, by: Who, pack: PackId, whom: Who, to: Role) {
    let out = remove(world, whom);
    change(world, by, pack, &out);
    let clearance = match to {
        Role::Admin => Sensitivity::Restricted,
        _ => Sensitivity::Internal,
    };
    let to = role(world, whom, to, clearance);
    change(world, by, pack, &to);
}

fn refused(world: &mut World, by: Who, pack: PackId, change: &Change) -> Denied {
    match world.call(by, |node, now| node.change(now, pack, change)) {
        Called::Refused(NodeError::Denied(denied)) => denied,
        other => panic!("not denied: {other:?}"),
    }
}

/// Who is in the pack with what, as a device sees it.
pub(super) fn picture(world: &mut World, who: Who, pack: PackId) -> Vec<(PersonId, Rights)> {
    let members = world.node(who).members(pack).unwrap();
    let mut all: Vec<_> = members
        .into_iter()
        .map(|member| (member.person, member.rights))
        .collect();
    all.sort_by_key(|(person, _)| *person);
    all
}

pub(super) fn rights(world: &mut World, at: Who, pack: PackId, whom: Who) -> Rights {
    let person = world.person(whom);
    let all = picture(world, at, pack);
    let found = all.into_iter().find(|(other, _)| *other == person);
    found.map(|(_, rights)| rights).unwrap_or_default()
}

/// Goal: of two admins who want each other out the senior stays, whoever hears of it in what order;
/// the junior is told whom to ask.
#[test]
fn of_two_admins_who_remove_each_other_the_senior_stays() {
    for order in 0..6 {
        let (mut world, all, pack) = pack_of(100 + order, ["Ana", "Ben", "Cyn", "Dan"]);
        let [ana, ben, cyn, dan] = all;
        grant_anew(&mut world, ana, pack, ben, Role::Admin);
        grant_anew(&mut world, ana, pack, cyn, Role::Admin);
        meet(&mut world, &all);
        for (a, b) in [(ana, ben), (ana, cyn), (ben, cyn), (ben, dan), (cyn, dan)] {
            world.set_cut(a, b, true);
        }
        let to = remove(&world, ben);
        let denied = refused(&mut world, cyn, pack, &to);
        assert_eq!(
            denied,
            Denied::NotJunior {
                name: secret("Ben"),
                ask: vec![secret("Ana")]
            }
        );
        let to = remove(&world, cyn);
        change(&mut world, ben, pack, &to);
        // Cyn does not know and goes on deciding.
        let to = role(&world, dan, Role::Admin, Sensitivity::Restricted);
        change(&mut world, cyn, pack, &to);
        world.heal();
        let pairs = [(cyn, dan), (ben, dan), (ana, dan)];
        for at in 0..3 {
            let (a, b) = pairs[(at + order as usize) % 3];
            let (a, b) = if order < 3 { (a, b) } else { (b, a) };
            world.dial(a, b);
            world.run(5_000);
        }
        meet(&mut world, &all);
        world.run(60_000);
        for at in [ana, ben, dan] {
            assert_eq!(
                picture(&mut world, at, pack),
                picture(&mut world, ana, pack)
            );
            assert_eq!(rights(&mut world, at, pack, cyn), Rights::default());
            assert_eq!(
                rights(&mut world, at, pack, dan).role,
                Some(Role::Editor),
                "order {order}"
            );
        }
        assert_no_violations(&mut world);
    }
}

/// Ben and Dan are apart from Ana and Cyn. Ana removes Ben, who does not know and goes on: he removes
/// Cyn, makes Dan an admin, and lets Eve in, whom Dan meets.
fn decided_in_the_dark(seed: u64, late_denials: LateDenials) -> (World, [Who; 5], PackId) {
    let (mut world, all, pack) = pack_of(seed, ["Ana", "Ben", "Cyn", "Dan"]);
    let [ana, ben, cyn, dan] = all;
    let to = role(&world, ben, Role::Admin, Sensitivity::Restricted);
    change(&mut world, ana, pack, &to);
    for whom in [cyn, dan] {
        grant_anew(&mut world, ana, pack, whom, Role::Editor);
    }
    meet(&mut world, &all);
    let eve = world.add(&secret("Eve"));
    for (a, b) in [
        (ana, ben),
        (ana, dan),
        (cyn, ben),
        (cyn, dan),
        (ana, eve),
        (cyn, eve),
    ] {
        world.set_cut(a, b, true);
    }
    let to = Change::Remove {
        person: world.person(ben),
        late_denials,
    };
    change(&mut world, ana, pack, &to);
    world.run(10_000);
    let to = remove(&world, cyn);
    change(&mut world, ben, pack, &to);
    let to = role(&world, dan, Role::Admin, Sensitivity::Restricted);
    change(&mut world, ben, pack, &to);
    let ticket = share(&mut world, ben, pack, Role::Editor, Sensitivity::Internal);
    join(&mut world, eve, ben, &ticket);
    world.dial(eve, dan);
    world.run(60_000);
    assert_eq!(rights(&mut world, dan, pack, dan).role, Some(Role::Admin));
    assert_eq!(rights(&mut world, dan, pack, cyn), Rights::default());
    assert_eq!(rights(&mut world, dan, pack, eve).role, Some(Role::Editor));
    (world, [ana, ben, cyn, dan, eve], pack)
}

/// Goal: nothing that a removed admin goes on deciding counts, on any replica, in whatever order it
/// hears; only his removals keep somebody out, until an admin answers.
#[test]
fn what_a_removed_admin_goes_on_deciding_counts_nowhere() {
    for order in 0..4 {
        let (mut world, all, pack) = decided_in_the_dark(110 + order, LateDenials::Keep);
        let [ana, ben, cyn, dan, eve] = all;
        world.heal();
        let pairs = [(dan, cyn), (eve, ana), (dan, ana), (ben, cyn)];
        for at in 0..4 {
            let (a, b) = pairs[(at + order as usize) % 4];
            world.dial(a, b);
            world.run(5_000);
        }
        meet(&mut world, &all);
        world.run(60_000);
        for at in [ana, dan] {
            assert_eq!(
                picture(&mut world, at, pack),
                picture(&mut world, ana, pack)
            );
            for gone in [ben, eve] {
                assert_eq!(rights(&mut world, at, pack, gone), Rights::default());
            }
            assert_eq!(rights(&mut world, at, pack, dan).role, Some(Role::Editor));
            let kept_out = rights(&mut world, at, pack, cyn);
            assert_eq!((kept_out.role, kept_out.waits), (Some(Role::Editor), true));
            assert!(kept_out.opens.is_empty() && kept_out.writes.is_empty());
        }
        let held = world.node(ana).disputes(pack).unwrap();
        assert_eq!(held.len(), 1, "{held:?}");
        assert_eq!(
            (&held[0].name, &held[0].by_name, &held[0].what),
            (&secret("Cyn"), &secret("Ben"), &Removal::Removed)
        );
        assert_eq!(
            held[0].why,
            Some(HeldWhy::AuthorRemoved { by: secret("Ana") })
        );
        assert_eq!(
            held[0].to_string(),
            format!(
                "{0} Ben removed {0} Cyn, then {0} Ben was removed too",
                kitbag_testkit::CANARY
            )
        );
        assert_eq!(world.node(ana).status(pack).unwrap().held, 1);
        // Cyn reads what waits, and writes nothing.
        let written = world.call(cyn, |node, now| {
            node.add_notes(now, pack, &[draft("mine", Sensitivity::Internal)])
        });
        assert!(
            matches!(
                written,
                Called::Refused(NodeError::Denied(Denied::Waits(_)))
            ),
            "{written:?}"
        );
        assert_no_violations(&mut world);
    }
}

/// Goal: both answers clear a removal that waits, everywhere: making it anew, or a grant that takes
/// nothing away. Whoever is kept in reads what was written meanwhile.
#[test]
fn a_removal_that_waits_is_answered_either_way() {
    for stays in [false, true] {
        let (mut world, all, pack) = decided_in_the_dark(120, LateDenials::Keep);
        let [ana, _, cyn, dan, _] = all;
        world.heal();
        meet(&mut world, &all);
        world.run(60_000);
        let note = add(&mut world, dan, pack, "meanwhile", Sensitivity::Internal);
        let answer = if stays {
            role(&world, cyn, Role::Editor, Sensitivity::Internal)
        } else {
            remove(&world, cyn)
        };
        let told = world
            .call(ana, |node, now| node.preview(now, pack, &answer))
            .done();
        assert_eq!(told, change(&mut world, ana, pack, &answer));
        assert_eq!(told.people.len(), 1, "{told:?}");
        meet(&mut world, &all);
        world.run(120_000);
        for at in [ana, dan, cyn] {
            assert!(world.node(at).disputes(pack).unwrap().is_empty() || (at == cyn && !stays));
        }
        let after = rights(&mut world, dan, pack, cyn);
        if stays {
            assert_eq!((after.role, after.waits), (Some(Role::Editor), false));
            assert_eq!(
                show(&mut world, cyn, pack, note).body,
                secret("meanwhile body")
            );
            let hers = add(&mut world, cyn, pack, "hers", Sensitivity::Internal);
            settle(&mut world);
            assert_eq!(show(&mut world, ana, pack, hers).body, secret("hers body"));
        } else {
            assert_eq!(after, Rights::default());
        }
        assert_no_violations(&mut world);
    }
}

/// Goal: against a hostile admin nothing counts that he decided without the remover's knowing, not
/// even removals; also when it is said only afterwards.
#[test]
fn a_hostile_admins_late_removals_fall() {
    for at_once in [true, false] {
        let late = if at_once {
            LateDenials::Drop
        } else {
            LateDenials::Keep
        };
        let (mut world, all, pack) = decided_in_the_dark(130, late);
        let [ana, ben, cyn, dan, _] = all;
        world.heal();
        meet(&mut world, &all);
        world.run(60_000);
        if !at_once {
            assert!(rights(&mut world, ana, pack, cyn).waits);
            let again = Change::Remove {
                person: world.person(ben),
                late_denials: LateDenials::Drop,
            };
            let told = change(&mut world, ana, pack, &again);
            assert_eq!(told.dropped.len(), 1, "{told:?}");
            assert_eq!(told.dropped[0].name, secret("Cyn"));
            assert_eq!(told.people.len(), 1);
            assert!(told.people[0].before.waits && !told.people[0].after.waits);
            meet(&mut world, &all);
            world.run(120_000);
        }
        for at in [ana, dan] {
            let cyns = rights(&mut world, at, pack, cyn);
            assert_eq!((cyns.role, cyns.waits), (Some(Role::Editor), false));
            assert!(world.node(at).disputes(pack).unwrap().is_empty());
        }
        let note = add(&mut world, cyn, pack, "still here", Sensitivity::Internal);
        settle(&mut world);
        assert_eq!(
            show(&mut world, ana, pack, note).body,
            secret("still here body")
        );
        assert_no_violations(&mut world);
    }
}

/// Goal: an admin takes back what is junior to them of somebody who came in before them: the role they
/// had before stays, the rest goes, and offline edits under it stay too.
#[test]
fn an_admin_lowers_a_later_admin_who_came_in_earlier() {
    let (mut world, all, pack) = pack_of(140, ["Ana", "Ben", "Cyn"]);
    let [ana, ben, cyn] = all;
    for whom in [ben, cyn] {
        let to = role(&world, whom, Role::Admin, Sensitivity::Restricted);
        change(&mut world, ana, pack, &to);
        meet(&mut world, &all);
    }
    for to in [Role::Reader, Role::Editor] {
        let lower = role(&world, cyn, to, Sensitivity::Internal);
        assert_eq!(previewed(&mut world, ben, pack, &lower), to == Role::Editor);
    }
    meet(&mut world, &all);
    for at in all {
        let cyns = rights(&mut world, at, pack, cyn);
        assert_eq!(
            (cyns.role, cyns.clearance),
            (Some(Role::Editor), Some(Sensitivity::Internal))
        );
    }
    add(&mut world, cyn, pack, "hers", Sensitivity::Internal);
    settle(&mut world);
    assert_eq!(world.node(ana).notes(pack).unwrap().len(), 1);
    assert_no_violations(&mut world);
}

/// Goal: whatever admins do to each other, apart and at once, everybody agrees in the end, the founder
/// is an admin, and previews were right. Seeds are named when it fails.
#[test]
fn admin_wars_leave_an_admin_and_one_opinion() {
    for seed in 0..6 {
        let (mut world, all, pack) = pack_of(200 + seed, ["Ana", "Ben", "Cyn", "Dan"]);
        for (whom, to) in [(1, Role::Admin), (2, Role::Admin), (3, Role::Editor)] {
            grant_anew(&mut world, all[0], pack, all[whom], to);
        }
        meet(&mut world, &all);
        let roles = [Role::Admin, Role::Admin, Role::Editor, Role::Reader];
        for _ in 0..20 {
            let (a, b) = (world.dice.below(4) as usize, world.dice.below(4) as usize);
            let (a, b) = (all[a], all[b]);
            match world.dice.below(8) {
                6 => {
                    let _ = world.call(a, |node, now| {
                        node.add_notes(now, pack, &[draft("a note", Sensitivity::Internal)])
                    });
                }
                7 => {
                    previewed(&mut world, a, pack, &Change::Leave);
                }
                0 => world.set_cut(a, b, a != b),
                1 => world.heal(),
                2 => {
                    world.dial(a, b);
                    world.run(3_000);
                }
                3 => {
                    let to = remove(&world, b);
                    previewed(&mut world, a, pack, &to);
                }
                _ => {
                    let to = roles[world.dice.below(4) as usize];
                    let clearance = match to {
                        Role::Admin => Sensitivity::Restricted,
                        _ => Sensitivity::Internal,
                    };
                    let to = role(&world, b, to, clearance);
                    previewed(&mut world, a, pack, &to);
                }
            }
        }
        world.heal();
        for _ in 0..3 {
            meet(&mut world, &all);
            world.run(60_000);
        }
        let of_ana = picture(&mut world, all[0], pack);
        let founder = rights(&mut world, all[0], pack, all[0]);
        assert_eq!(founder.role, Some(Role::Admin), "seed {seed}");
        assert!(!founder.waits && founder.writes.len() == 4, "seed {seed}");
        for at in all {
            // Whoever is out or kept out hears no more than what put them there.
            let mine = rights(&mut world, all[0], pack, at);
            if mine.role.is_some() && !mine.waits {
                assert_eq!(picture(&mut world, at, pack), of_ana, "seed {seed}");
            }
        }
        assert_no_violations(&mut world);
    }
}

/// Previews a change, makes it, and holds what was said against what came of it.
pub(super) fn previewed(world: &mut World, by: Who, pack: PackId, change: &Change) -> bool {
    let before = picture(world, by, pack);
    let status = world.node(by).status(pack).unwrap();
    let told = match world.call(by, |node, now| node.preview(now, pack, change)) {
        Called::Done(told) => told,
        Called::Refused(said) => {
            assert_eq!(picture(world, by, pack), before);
            let made = world.call(by, |node, now| node.change(now, pack, change));
            let refused = made
                .refused()
                .expect("what cannot be previewed cannot be made");
            assert_eq!(refused.to_string(), said.to_string());
            return false;
        }
        Called::Down => panic!("nobody is down"),
    };
    assert_eq!(
        picture(world, by, pack),
        before,
        "a preview changes nothing"
    );
    let unchanged = world.node(by).status(pack).unwrap();
    assert_eq!(unchanged, status, "a preview changes nothing");
    let made = world
        .call(by, |node, now| node.change(now, pack, change))
        .done();
    assert_eq!(made, told, "what is made is what was shown");
    let after = picture(world, by, pack);
    let of = |all: &[(PersonId, Rights)], person| {
        let found = all.iter().find(|(other, _)| *other == person);
        found.map(|(_, rights)| rights.clone()).unwrap_or_default()
    };
    let persons = before.iter().chain(&after).map(|(person, _)| *person);
    let mut expected: Vec<_> = persons
        .map(|person| (person, of(&before, person), of(&after, person)))
        .filter(|(_, before, after)| before != after)
        .collect();
    expected.sort_by_key(|(person, _, _)| *person);
    expected.dedup_by_key(|(person, _, _)| *person);
    let mut said: Vec<_> = told
        .people
        .iter()
        .map(|one| (one.person, one.before.clone(), one.after.clone()))
        .collect();
    said.sort_by_key(|(person, _, _)| *person);
    assert_eq!(said, expected);
    let now = world.node(by).status(pack).unwrap();
    let aside: u64 = told.set_aside.iter().map(|one| one.entries).sum();
    assert_eq!(now.set_aside, status.set_aside + aside);
    let lacks = |all: &[kitbag_node::view::HeldView]| all.len() as u64;
    assert!(now.held <= status.held + lacks(&told.held), "{told:?}");
    told.changes
}
