//! Much of everything: frames stay short, and time grows with what is new.

use super::support::*;
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_core::wire::FRAME_BYTES_MAX;
use kitbag_node::view::{Change, NewNote};
use kitbag_testkit::{Dice, World};
use std::time::Instant;

/// Text that does not compress.
fn noise(dice: &mut Dice, bytes: usize) -> String {
    let letter = |b: u8| char::from(b'a' + b % 26);
    dice.many_bytes(bytes).into_iter().map(letter).collect()
}

fn notes(dice: &mut Dice, count: usize, bytes: usize) -> Vec<NewNote> {
    (0..count)
        .map(|n| NewNote {
            body: noise(dice, bytes),
            ..draft(&format!("note {n}"), Sensitivity::Internal)
        })
        .collect()
}

#[test]
fn the_largest_notes_travel_in_frames_within_the_limit() {
    let (mut world, ana, ben, pack) = two_in_one_pack(50, Role::Editor, Sensitivity::Restricted);
    world.disconnect_all();
    let mut dice = Dice::new(52);
    let large = notes(&mut dice, 40, 64 * 1024);
    let small = notes(&mut dice, 700, 20);
    world
        .call(ana, |node, now| node.add_notes(now, pack, &large))
        .done();
    world
        .call(ana, |node, now| node.add_notes(now, pack, &small))
        .done();
    for note in large.iter().take(10) {
        world
            .call(ana, |node, now| {
                node.add_notes(
                    now,
                    pack,
                    &[NewNote {
                        title: "again".into(),
                        ..note.clone()
                    }],
                )
            })
            .done();
    }
    world.dial(ana, ben).unwrap();
    settle(&mut world);
    assert_eq!(world.node(ben).pack(pack).unwrap().notes, 750);
    assert!(
        world.frame_bytes_max > 200_000 && world.frame_bytes_max <= FRAME_BYTES_MAX,
        "{}",
        world.frame_bytes_max
    );

    // And on from Ben, after a restart, to somebody else.
    world.kill(ben);
    world.start(ben);
    let eve = world.add(&secret("Eve"));
    let ticket = share(&mut world, ana, pack, Role::Reader, Sensitivity::Internal);
    world.dial(ana, ben).unwrap();
    settle(&mut world);
    world.kill(ana);
    join(&mut world, eve, ben, &ticket);
    assert_eq!(world.node(eve).pack(pack).unwrap().notes, 750);
    assert_no_violations(&mut world);
}

/// Prints how long it takes; run with `--release` for a figure that means anything.
#[test]
fn many_notes_reach_a_second_device() {
    let count = if cfg!(debug_assertions) { 300 } else { 2_000 };
    let mut world = World::new(53);
    world.packs_sleep = false;
    let (ana, ben) = (world.add(&secret("Ana")), world.add(&secret("Ben")));
    let pack = create(&mut world, ana, &secret("plans"));
    let mut dice = Dice::new(54);
    let timed =
        |what: &str, started: Instant| println!("{what}: {:.2} s", started.elapsed().as_secs_f64());

    let started = Instant::now();
    for batch in notes(&mut dice, count, 1_000).chunks(100) {
        world
            .call(ana, |node, now| node.add_notes(now, pack, batch))
            .done();
    }
    timed(
        &format!("{count} notes of 1 KB added, 100 at a time"),
        started,
    );
    let started = Instant::now();
    for note in notes(&mut dice, count / 10, 1_000) {
        world
            .call(ana, |node, now| node.add_notes(now, pack, &[note]))
            .done();
    }
    timed(&format!("{} more, one at a time", count / 10), started);
    let started = Instant::now();
    let ticket = share(&mut world, ana, pack, Role::Editor, Sensitivity::Internal);
    join(&mut world, ben, ana, &ticket);
    timed(
        &format!(
            "{} notes synced to a new device, {} frames",
            count + count / 10,
            world.frames
        ),
        started,
    );
    assert_eq!(
        world.node(ben).pack(pack).unwrap().notes,
        (count + count / 10) as u64
    );

    let (frames, started) = (world.frames, Instant::now());
    for note in notes(&mut dice, 50, 1_000) {
        world
            .call(ben, |node, now| node.add_notes(now, pack, &[note]))
            .done();
        settle(&mut world);
    }
    timed(
        &format!(
            "50 notes added there, each synced back at once, {} frames",
            world.frames - frames
        ),
        started,
    );
    let started = Instant::now();
    world.kill(ana);
    world.start(ana);
    timed("restart", started);
    let frames = world.frames;
    world.dial(ana, ben).unwrap();
    settle(&mut world);
    assert!(
        world.frames - frames <= 6,
        "{} frames to see that nothing is new",
        world.frames - frames
    );
    assert_no_violations(&mut world);
}

/// Told in every pack, a start on another port would have each peer ask for each of them.
#[test]
fn a_new_address_is_told_once_to_each_device() {
    let mut world = World::new(55);
    world.packs_sleep = false;
    let (ana, ben, cyn) = (
        world.add(&secret("Ana")),
        world.add(&secret("Ben")),
        world.add(&secret("Cyn")),
    );
    for n in 0..12 {
        let pack = create(&mut world, ana, &format!("plans {n}"));
        let with = if n < 10 { ben } else { cyn };
        let ticket = share(&mut world, ana, pack, Role::Editor, Sensitivity::Restricted);
        join(&mut world, with, ana, &ticket);
    }
    world.disconnect_all();
    world.dial(ana, ben).unwrap();
    world.dial(ana, cyn).unwrap();
    settle(&mut world);

    let before = world.frames;
    let moved = vec!["192.0.2.7:1".to_owned()];
    world
        .call(ana, |node, now| {
            node.set_addresses(now, moved.clone(), None)
        })
        .done();
    settle(&mut world);
    for other in [ben, cyn] {
        let endpoint = world.endpoint(ana);
        let hints = world.node(other).dial_hints();
        let hint = hints.iter().find(|(of, ..)| *of == endpoint);
        assert_eq!(hint.map(|(_, addresses, _)| addresses), Some(&moved));
    }
    let frames = world.frames - before;
    assert!(frames <= 2 * 10, "{frames} frames");
    assert_no_violations(&mut world);
}

/// Goal: in one of two packs that two devices share nothing can be told, since a new key is owed there
/// and neither of them may make it. The other is used, whichever comes first.
#[test]
fn a_new_address_is_told_where_there_is_a_key() {
    let mut world = World::new(57);
    world.packs_sleep = false;
    let [ana, ben, cyn, dan] = ["Ana", "Ben", "Cyn", "Dan"].map(|name| world.add(&secret(name)));
    let keyless = create(&mut world, cyn, "without a key");
    for who in [ana, ben, dan] {
        let ticket = share(
            &mut world,
            cyn,
            keyless,
            Role::Reader,
            Sensitivity::Internal,
        );
        join(&mut world, who, cyn, &ticket);
    }
    let mut last = create(&mut world, ana, "other");
    while last < keyless {
        last = create(&mut world, ana, "other");
    }
    let ticket = share(&mut world, ana, last, Role::Editor, Sensitivity::Internal);
    join(&mut world, ben, ana, &ticket);
    world.kill(cyn);
    world
        .call(dan, |node, now| node.change(now, keyless, &Change::Leave))
        .done();
    world.dial(dan, ana).unwrap();
    settle(&mut world);

    let moved = vec!["192.0.2.7:1".to_owned()];
    world
        .call(ana, |node, now| {
            node.set_addresses(now, moved.clone(), None)
        })
        .done();
    settle(&mut world);
    let endpoint = world.endpoint(ana);
    let hints = world.node(ben).dial_hints();
    let hint = hints.iter().find(|(of, ..)| *of == endpoint);
    assert_eq!(hint.map(|(_, addresses, _)| addresses), Some(&moved));
}
