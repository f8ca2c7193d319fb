//! Devices that wrote two histories or more: copied, restored from a backup, or lying on purpose.

use super::support::*;
use kitbag_core::id::{ItemId, PackId};
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_node::view::{ForkView, NewNote};
use kitbag_testkit::{Dice, Fault, Opened, Who, World};
use std::collections::BTreeSet;

/// Everything that a device shows of a pack and that all must agree on.
fn shown(world: &mut World, who: Who, pack: PackId) -> Vec<(ItemId, String, u64)> {
    let ids: BTreeSet<ItemId> = world
        .node(who)
        .notes(pack)
        .unwrap()
        .into_iter()
        .map(|note| note.id)
        .collect();
    let one = |id| {
        let note = show(world, who, pack, id);
        (id, note.body, note.edits)
    };
    ids.into_iter().map(one).collect()
}

fn forks(world: &mut World, who: Who, pack: PackId) -> Vec<ForkView> {
    world.node(who).status(pack).unwrap().forks
}

/// What is shown is the same everywhere, nothing is set aside or waits, and a restart changes nothing.
fn assert_same(world: &mut World, everybody: &[Who], pack: PackId) {
    let expected = shown(world, everybody[0], pack);
    for who in everybody {
        assert_eq!(shown(world, *who, pack), expected, "{}", world.name(*who));
        let status = world.node(*who).status(pack).unwrap();
        assert_eq!((status.set_aside, status.waiting), (0, 0));
        let before = forks(world, *who, pack);
        world.kill(*who);
        assert_eq!(world.start(*who), Opened::Up);
        assert_eq!(shown(world, *who, pack), expected, "after a restart");
        assert_eq!(forks(world, *who, pack), before, "after a restart");
    }
    assert!(world.closed().is_empty(), "{:?}", world.closed());
    assert_no_violations(world);
}

fn copy(world: &mut World, of: Who, name: &str) -> Who {
    let twin = world.add_clone(of, &secret(name));
    assert_eq!(world.start(twin), Opened::Up);
    twin
}

/// Two devices of one pack with a note in it, and a copy of the first; nobody is connected.
fn copied(seed: u64) -> (World, [Who; 3], PackId, ItemId) {
    let (mut world, ana, ben, pack) = two_in_one_pack(seed, Role::Editor, Sensitivity::Internal);
    let common = add(&mut world, ana, pack, "common", Sensitivity::Internal);
    settle(&mut world);
    world.disconnect_all();
    let twin = copy(&mut world, ana, "twin");
    (world, [ana, ben, twin], pack, common)
}

/// Both copies write and change the policy, knowing the same token: their logs fork. Whoever meets
/// first, all three end up to date with everything, and both copies go on in logs of their own.
#[test]
fn a_copied_device_loses_nothing_and_all_agree() {
    for (seed, order) in [[0, 2], [2, 0]].into_iter().enumerate() {
        let (mut world, all, pack, common) = copied(510 + seed as u64);
        let [ana, ben, twin] = all;
        let mut written = vec![];
        for (who, text) in [(ana, "by the original"), (twin, "by the copy")] {
            for sensitivity in [Sensitivity::Internal, Sensitivity::Public] {
                written.push(add(&mut world, who, pack, text, sensitivity));
            }
            set_body(&mut world, who, pack, common, &secret(text));
            share(&mut world, who, pack, Role::Reader, Sensitivity::Public);
        }
        for at in order {
            world.dial(all[at], ben).unwrap();
            settle(&mut world);
        }
        for who in all {
            for note in &written {
                assert!(
                    world.node(who).note(pack, *note).is_ok(),
                    "{}",
                    world.name(who)
                );
            }
            assert_eq!(show(&mut world, who, pack, common).edits, 2);
            let told = forks(&mut world, who, pack);
            assert_eq!(told.len(), 1);
            assert_eq!((told[0].branches, told[0].kept), (2, 2));
            assert_eq!(told[0].is_me, who != ben);
            assert_eq!(told[0].name, format!("{} (laptop)", secret("Ana")));
        }
        // Both go on, and no log forks again.
        for who in [ana, twin] {
            let later = add(&mut world, who, pack, "later", Sensitivity::Internal);
            share(&mut world, who, pack, Role::Reader, Sensitivity::Public);
            settle(&mut world);
            for other in all {
                assert!(world.node(other).note(pack, later).is_ok());
                assert_eq!(forks(&mut world, other, pack)[0].branches, 2);
            }
        }
        assert_same(&mut world, &all, pack);
    }
}

/// Each tells where it is and hears what the other told, as the same device. Neither has the last word,
/// also if the clock of one is ahead.
#[test]
fn two_copies_in_two_places_do_not_answer_each_other_for_ever() {
    for ahead in [0, YEAR] {
        let (mut world, [ana, ben, twin], pack, _) = copied(512);
        world.frames_max = 500;
        world.device(twin).skew_millis = ahead;
        for (who, address) in [(ana, "192.0.2.1:1"), (twin, "192.0.2.2:1")] {
            add(&mut world, who, pack, "apart", Sensitivity::Public);
            move_to(&mut world, who, address);
        }
        world.dial(ana, ben).unwrap();
        world.dial(twin, ben).unwrap();
        settle(&mut world);
        for who in [ana, twin, ana, twin] {
            add(&mut world, who, pack, "more", Sensitivity::Public);
            settle(&mut world);
        }
        // Whoever of them moves is still heard.
        for (who, address) in [(ana, "192.0.2.3:1"), (twin, "192.0.2.4:1")] {
            move_to(&mut world, who, address);
            settle(&mut world);
            assert_eq!(address_of(&mut world, ana, ben), [address]);
        }
    }
}

/// Goal: a device told where it is while its clock was a year ahead, and forgets that when its backup is
/// put back. It is found where it is now, once somebody shows it what it told.
#[test]
fn a_device_restored_after_its_clock_was_ahead_is_found_where_it_is_now() {
    let (mut world, ana, ben, _) = two_in_one_pack(522, Role::Editor, Sensitivity::Internal);
    let backup = world.device(ana).disk.image();
    world.device(ana).skew_millis = YEAR;
    move_to(&mut world, ana, "192.0.2.1:1");
    settle(&mut world);
    assert_eq!(address_of(&mut world, ana, ben), ["192.0.2.1:1"]);

    world.restore(ana, &backup);
    world.forget_token(ana);
    world.device(ana).skew_millis = 0;
    assert_eq!(world.start(ana), Opened::Up);
    move_to(&mut world, ana, "192.0.2.2:1");
    world.dial(ana, ben).unwrap();
    settle(&mut world);
    assert_eq!(address_of(&mut world, ana, ben), ["192.0.2.2:1"]);
    assert_no_violations(&mut world);
}

const YEAR: i64 = 365 * 24 * 3_600_000;

/// Where one device would dial another.
fn address_of(world: &mut World, of: Who, at: Who) -> Vec<String> {
    let endpoint = world.endpoint(of);
    let hints = world.node(at).dial_hints();
    let hint = hints.into_iter().find(|(of, ..)| *of == endpoint);
    hint.unwrap().1
}

fn move_to(world: &mut World, who: Who, address: &str) {
    world
        .call(who, |node, now| {
            node.set_addresses(now, vec![address.to_owned()], None)
        })
        .done();
}

/// Goal: somebody puts a backup back of which neither the disk nor what is beside it says that it is
/// old, and writes before meeting anybody: what was forgotten comes back, what is new stays.
#[test]
fn a_restored_backup_that_wrote_on_loses_neither_history() {
    let (mut world, ana, ben, pack) = two_in_one_pack(520, Role::Editor, Sensitivity::Internal);
    let common = add(&mut world, ana, pack, "common", Sensitivity::Internal);
    settle(&mut world);
    let backup = world.device(ana).disk.image();
    let forgotten = add(&mut world, ana, pack, "forgotten", Sensitivity::Internal);
    set_body(&mut world, ana, pack, common, &secret("before"));
    settle(&mut world);

    world.restore(ana, &backup);
    assert_eq!(world.start(ana), Opened::Up);
    let new = add(&mut world, ana, pack, "new", Sensitivity::Internal);
    set_body(&mut world, ana, pack, common, &secret("after"));
    world.dial(ana, ben).unwrap();
    settle(&mut world);
    let later = add(&mut world, ana, pack, "later", Sensitivity::Internal);
    settle(&mut world);
    for who in [ana, ben] {
        for note in [forgotten, new, later] {
            assert!(world.node(who).note(pack, note).is_ok());
        }
        assert_eq!(show(&mut world, who, pack, common).edits, 2);
        assert_eq!(forks(&mut world, who, pack)[0].kept, 2);
    }
    assert_same(&mut world, &[ana, ben], pack);
}

/// A new log cites the last entry that its device remembers of the one before. That one turns out to
/// be longer: everything in it counts, and it did not fork.
#[test]
fn a_log_that_goes_on_from_an_older_one_does_not_end_it() {
    let (mut world, ana, ben, pack) = two_in_one_pack(521, Role::Editor, Sensitivity::Internal);
    add(&mut world, ana, pack, "common", Sensitivity::Internal);
    settle(&mut world);
    let backup = world.device(ana).disk.image();
    world.kill(ana);
    world.start(ana);
    world.dial(ana, ben).unwrap();
    let forgotten = add(&mut world, ana, pack, "forgotten", Sensitivity::Internal);
    settle(&mut world);

    world.restore(ana, &backup);
    assert_eq!(world.start(ana), Opened::Up);
    let new = add(&mut world, ana, pack, "new", Sensitivity::Internal);
    world.dial(ana, ben).unwrap();
    settle(&mut world);
    for who in [ana, ben] {
        assert!(world.node(who).note(pack, forgotten).is_ok());
        assert!(world.node(who).note(pack, new).is_ok());
        assert_eq!(forks(&mut world, who, pack), vec![]);
    }
    assert_same(&mut world, &[ana, ben], pack);
}

/// Notes that do not compress, so that a few fill a page.
fn bulky(world: &mut World, dice: &mut Dice, who: Who, pack: PackId, count: usize) {
    let notes: Vec<NewNote> = (0..count)
        .map(|n| NewNote {
            body: data_encoding::HEXLOWER.encode(&dice.many_bytes(14_000)),
            ..draft(&format!("{n} of {who:?}"), Sensitivity::Internal)
        })
        .collect();
    for notes in notes.chunks(3) {
        world
            .call(who, |node, now| node.add_notes(now, pack, notes))
            .done();
    }
}

/// Goal: two histories of many pages each find where they part, also where one begins with the other's
/// whole middle, and neither is sent over and over.
#[test]
fn long_histories_find_where_they_part() {
    let mut dice = Dice::new(530);
    for (first, second) in [(25, 25), (40, 4), (3, 35)] {
        let (mut world, ana, ben, pack) = two_in_one_pack(531, Role::Editor, Sensitivity::Internal);
        bulky(&mut world, &mut dice, ana, pack, 20);
        settle(&mut world);
        world.disconnect_all();
        let twin = copy(&mut world, ana, "twin");
        bulky(&mut world, &mut dice, ana, pack, first);
        bulky(&mut world, &mut dice, twin, pack, second);
        world.dial(ana, ben).unwrap();
        settle(&mut world);
        world.disconnect_all();
        let sent = world.bytes;
        world.dial(ben, twin).unwrap();
        settle(&mut world);
        let sent = world.bytes - sent;
        // What each lacks, and what it takes to find where they part: a few pages.
        let lacked = (first + second) * 20_000;
        assert!(sent < lacked as u64 + 1_500_000, "{sent} bytes");
        assert_eq!(
            world.node(ben).pack(pack).unwrap().notes,
            20 + (first + second) as u64
        );
        assert_same(&mut world, &[ben, twin], pack);
    }
}

/// An editor of whom every other member was shown another history; nobody met yet since.
struct Equivocated {
    world: World,
    honest: Vec<Who>,
    pack: PackId,
    /// The note that each of the others was shown.
    notes: Vec<ItemId>,
}

fn equivocate(seed: u64, branches: usize) -> Equivocated {
    let (mut world, ana, eve, pack) = two_in_one_pack(seed, Role::Editor, Sensitivity::Internal);
    let mut honest = vec![ana];
    for n in 1..branches {
        let who = world.add(&secret(&format!("honest {n}")));
        let ticket = share(&mut world, ana, pack, Role::Editor, Sensitivity::Internal);
        join(&mut world, who, ana, &ticket);
        honest.push(who);
    }
    let common = add(&mut world, eve, pack, "common", Sensitivity::Internal);
    settle(&mut world);
    world.disconnect_all();
    let mut notes = vec![];
    let copies: Vec<Who> = (0..branches)
        .map(|n| copy(&mut world, eve, &format!("Eve {n}")))
        .collect();
    world.kill(eve);
    for (n, (copy, honest)) in copies.into_iter().zip(&honest).enumerate() {
        let note = add(
            &mut world,
            copy,
            pack,
            &format!("branch {n}"),
            Sensitivity::Internal,
        );
        set_body(
            &mut world,
            copy,
            pack,
            common,
            &secret(&format!("edit {n}")),
        );
        notes.push(note);
        world.dial(copy, *honest).unwrap();
        settle(&mut world);
        world.kill(copy);
    }
    Equivocated {
        world,
        honest,
        pack,
        notes,
    }
}

/// Everybody meets somebody, in an order that chance picks, until all have met.
fn mingle(world: &mut World, honest: &[Who], dice: &mut Dice) {
    for _ in 0..honest.len() * 2 {
        let pick = |dice: &mut Dice| honest[dice.below(honest.len() as u64) as usize];
        let (one, other) = (pick(dice), pick(dice));
        if world.dial(one, other).is_some() {
            settle(world);
        }
        world.disconnect_all();
    }
    for other in &honest[1..] {
        world.dial(honest[0], *other).unwrap();
    }
    settle(world);
}

/// Goal: of any number of histories all honest replicas keep the same two, whoever meets whom first.
#[test]
fn an_editor_who_equivocates_divides_nobody() {
    for (seed, branches) in [(540, 2), (541, 3), (542, 3), (543, 5), (544, 5)] {
        let Equivocated {
            mut world,
            honest,
            pack,
            notes,
        } = equivocate(seed, branches);
        mingle(&mut world, &honest, &mut Dice::new(seed));
        let seen: Vec<bool> = notes
            .iter()
            .map(|note| world.node(honest[0]).note(pack, *note).is_ok())
            .collect();
        assert_eq!(seen.iter().filter(|seen| **seen).count(), 2, "{seen:?}");
        for who in &honest {
            let told = forks(&mut world, *who, pack);
            assert_eq!(told[0].kept, 2);
            assert!(told[0].branches >= 2 && told[0].branches <= branches as u64);
        }
        assert_same(&mut world, &honest, pack);
    }
}

/// Goal: somebody honest edited what is in one of the other histories, in good faith: it stays, with
/// what it stands on, everywhere.
#[test]
fn what_an_honest_edit_builds_on_is_kept_everywhere() {
    for edited in 0..4 {
        let Equivocated {
            mut world,
            honest,
            pack,
            notes,
        } = equivocate(550, 4);
        let mut dice = Dice::new(edited as u64);
        set_body(
            &mut world,
            honest[edited],
            pack,
            notes[edited],
            &secret("in good faith"),
        );
        mingle(&mut world, &honest, &mut dice);
        for who in &honest {
            let note = show(&mut world, *who, pack, notes[edited]);
            assert_eq!((note.body, note.edits), (secret("in good faith"), 1));
        }
        assert_same(&mut world, &honest, pack);
    }
}

/// Goal: once somebody was removed, no other history of theirs that a friend hands on takes back what
/// the removal left, however many there are and however low their hashes; nor if the others had set
/// aside already what it leaves, and hear of it later.
#[test]
fn what_a_removal_left_stays_whatever_other_histories_come_to_light() {
    for (seed, met_before) in [(590, false), (591, false), (590, true), (591, true)] {
        let Equivocated {
            mut world,
            honest,
            pack,
            notes,
        } = equivocate(seed, 6);
        if met_before {
            // Ana's device forgets what she saw of the others; they keep what they saw.
            let alone = world.device(honest[0]).disk.image();
            mingle(&mut world, &honest, &mut Dice::new(seed));
            world.disconnect_all();
            world.restore(honest[0], &alone);
            assert_eq!(world.start(honest[0]), Opened::Up);
        }
        let eve = {
            let mut members = world.node(honest[0]).members(pack).unwrap().into_iter();
            members.find(|member| member.name == secret("Ben")).unwrap()
        };
        remove_person(&mut world, honest[0], pack, eve.person);
        let left = shown(&mut world, honest[0], pack);
        mingle(&mut world, &honest, &mut Dice::new(seed));
        for who in &honest {
            for restarted in [false, true] {
                if restarted {
                    world.kill(*who);
                    assert_eq!(world.start(*who), Opened::Up);
                }
                let name = format!("seed {seed}: {}", world.name(*who));
                assert_eq!(shown(&mut world, *who, pack), left, "{name}");
                let others = &notes[1..];
                assert!(
                    others
                        .iter()
                        .all(|note| world.node(*who).note(pack, *note).is_err())
                );
                assert!(forks(&mut world, *who, pack)[0].kept <= 3, "{name}");
            }
        }
        assert!(world.closed().is_empty(), "{:?}", world.closed());
        assert_no_violations(&mut world);
    }
}

/// Goal: a device that was copied twice, and honest in all three, goes on from the history that is
/// not among the two, so that it is kept.
#[test]
fn of_three_copies_of_an_honest_device_none_loses_what_it_wrote() {
    let (mut world, [ana, ben, twin], pack, _) = copied(560);
    let third = copy(&mut world, ana, "third");
    let copies = [ana, twin, third];
    let mut notes = vec![];
    for (n, who) in copies.into_iter().enumerate() {
        notes.push(add(
            &mut world,
            who,
            pack,
            &format!("by {n}"),
            Sensitivity::Internal,
        ));
    }
    for who in copies {
        world.dial(who, ben).unwrap();
        settle(&mut world);
    }
    for who in [ana, ben, twin, third] {
        for note in &notes {
            assert!(
                world.node(who).note(pack, *note).is_ok(),
                "{}",
                world.name(who)
            );
        }
        let told = forks(&mut world, who, pack);
        assert_eq!((told[0].branches, told[0].kept), (3, 3));
    }
    assert_same(&mut world, &[ana, ben, twin, third], pack);
}

/// Goal: honest devices are copied, and copies copied, while they write and meet as chance has it: in
/// the end everybody has everything that anybody wrote.
#[test]
fn whoever_is_copied_whenever_nothing_that_was_written_is_lost() {
    for seed in 0..5 {
        let (mut world, ana, ben, pack) =
            two_in_one_pack(580 + seed, Role::Editor, Sensitivity::Internal);
        let kim = world.add(&secret("Kim"));
        let ticket = share(&mut world, ana, pack, Role::Editor, Sensitivity::Internal);
        join(&mut world, kim, ana, &ticket);
        world.disconnect_all();
        let (mut all, mut notes) = (vec![ana, ben, kim], vec![]);
        let mut dice = Dice::new(580 + seed);
        for n in 0..60 {
            let who = *dice.pick(&all);
            match dice.below(10) {
                0 if all.len() < 8 => all.push(copy(&mut world, who, &format!("copy {n}"))),
                0..6 => {
                    let text = format!("note {n}");
                    notes.push(add(&mut world, who, pack, &text, Sensitivity::Internal));
                }
                6..9 => {
                    world.dial(who, *dice.pick(&all));
                    world.run(dice.below(400));
                    world.disconnect_all();
                }
                _ => {
                    world.kill(who);
                    assert_eq!(world.start(who), Opened::Up);
                }
            }
        }
        for _ in 0..3 {
            for (at, one) in all.iter().enumerate() {
                for other in &all[at + 1..] {
                    if world.links_between(*one, *other) == 0 {
                        world.dial(*one, *other);
                    }
                }
            }
            settle(&mut world);
        }
        for who in &all {
            for note in &notes {
                let here = world.node(*who).note(pack, *note).is_ok();
                assert!(here, "seed {seed}: {} lacks a note", world.name(*who));
            }
        }
        world.disconnect_all();
        assert_same(&mut world, &all, pack);
    }
}

/// Goal: power is lost at any disk call while somebody takes in another branch.
#[test]
fn a_crash_while_branches_arrive_changes_nothing_in_the_end() {
    for n in (1..60).step_by(9) {
        let Equivocated {
            mut world,
            honest,
            pack,
            notes,
        } = equivocate(570, 3);
        world.device(honest[0]).disk.set_fault(Fault::PowerLoss(n));
        world.dial(honest[1], honest[0]);
        world.run(2_000);
        world.dial(honest[2], honest[0]);
        world.run(2_000);
        world.device(honest[0]).disk.set_fault(Fault::None);
        if !world.is_up(honest[0]) {
            assert_eq!(world.start(honest[0]), Opened::Up);
        }
        let before = shown(&mut world, honest[0], pack);
        world.kill(honest[0]);
        assert_eq!(world.start(honest[0]), Opened::Up);
        assert_eq!(shown(&mut world, honest[0], pack), before);
        world.disconnect_all();
        mingle(&mut world, &honest, &mut Dice::new(n));
        let kept = notes.iter().filter(|note| {
            let node = world.node(honest[0]);
            node.note(pack, **note).is_ok()
        });
        assert_eq!(kept.count(), 2);
        assert_same(&mut world, &honest, pack);
    }
}
