//! Long lives: many edits of one note, links that are cut again and again, a device that slept, and
//! a large first sync beside somebody else's live edit.

use super::support::*;
use kitbag_core::id::PackId;
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_core::wire::{FRAME_BYTES_MAX, PAGE_BYTES_MAX};
use kitbag_node::view::NewNote;
use kitbag_testkit::{Dice, Who, World};

/// Edits of one note. Ten thousand, as in a document kept for years, if the environment says so; a
/// build without optimisation takes many minutes for those.
fn edits() -> u64 {
    let asked = std::env::var("KITBAG_SOAK_EDITS").ok();
    asked.map_or(EDITS, |asked| asked.parse().expect("a number"))
}

const EDITS: u64 = if cfg!(debug_assertions) { 300 } else { 1000 };

/// A sync as the network saw it.
#[derive(Clone, Copy, Debug)]
struct Cost {
    frames: u64,
    bytes: u64,
}

/// What a stretch of the world's life sent.
fn cost(world: &mut World, life: impl FnOnce(&mut World)) -> Cost {
    let (frames, bytes) = (world.frames, world.bytes);
    life(world);
    Cost {
        frames: world.frames - frames,
        bytes: world.bytes - bytes,
    }
}

/// Goal: a note edited for years comes to a new device in pages, in a number of frames that grows
/// with its edits and no faster.
#[test]
fn a_note_with_many_edits_reaches_a_new_device_in_few_frames() {
    let mut world = World::new(61);
    let ana = world.add(&secret("Ana"));
    let pack = create(&mut world, ana, &secret("plans"));
    let note = add(
        &mut world,
        ana,
        pack,
        "kept for years",
        Sensitivity::Internal,
    );
    let (half, all) = (edits() / 2, edits());
    let mut costs = Vec::new();
    for (from, to) in [(0, half), (half, all)] {
        for turn in from..to {
            let body = secret(&format!("as of {turn}: {}", turn * 7919 % 1009));
            set_body(&mut world, ana, pack, note, &body);
        }
        let reader = world.add(&secret(&format!("Reader {to}")));
        let ticket = share(&mut world, ana, pack, Role::Reader, Sensitivity::Internal);
        costs.push(cost(&mut world, |world| join(world, reader, ana, &ticket)));
        let here = show(&mut world, reader, pack, note);
        assert_eq!(here.edits, to);
        assert_eq!(here.body, show(&mut world, ana, pack, note).body);
        world.disconnect_all();
    }
    let [first, second] = costs[..] else {
        unreachable!("two readers")
    };
    // Each page takes a want, the page and the greetings that follow it; a page is filled to a half.
    let pages = second.bytes / (PAGE_BYTES_MAX as u64 / 2) + 1;
    assert!(second.frames <= 40 + 6 * pages, "{second:?}");
    assert!(
        second.bytes * 10 <= first.bytes * 25 && second.frames <= 3 * first.frames + 20,
        "twice the edits cost more than twice as much: {first:?}, {second:?}"
    );
    assert!(world.frame_bytes_max <= FRAME_BYTES_MAX);
    assert!(world.closed().is_empty(), "{:?}", world.closed());
    assert_no_violations(&mut world);
}

/// Text that does not compress.
fn noise(dice: &mut Dice, count: u64) -> Vec<NewNote> {
    let note = |n: u64, dice: &mut Dice| {
        let letter = |b: u8| char::from(b'a' + b % 26);
        NewNote {
            body: dice.many_bytes(900).into_iter().map(letter).collect(),
            ..draft(&format!("note {n}"), Sensitivity::Internal)
        }
    };
    (0..count).map(|n| note(n, dice)).collect()
}

/// Enough for several pages; the world looks into every frame, which costs a build without
/// optimisation seconds.
const NOTES: u64 = if cfg!(debug_assertions) { 1000 } else { 2000 };

/// Ana holds many notes, and Ben, a member, has none of them yet.
fn first_sync_ahead(seed: u64) -> (World, Who, Who, PackId) {
    let (mut world, ana, ben, pack) = two_in_one_pack(seed, Role::Editor, Sensitivity::Internal);
    world.disconnect_all();
    let notes = noise(&mut Dice::new(seed), NOTES);
    for batch in notes.chunks(500) {
        let added = world.call(ana, |node, now| node.add_notes(now, pack, batch));
        added.done();
    }
    (world, ana, ben, pack)
}

fn held(world: &mut World, who: Who, pack: PackId) -> u64 {
    world.node(who).pack(pack).unwrap().notes
}

/// Connects, and cuts the connection once so many frames were sent. Says whether both were up to
/// date before that.
fn cut_after(world: &mut World, ben: Who, ana: Who, frames: u64) -> bool {
    let until = world.frames + frames;
    world.dial(ben, ana).expect("they let each other in");
    while world.frames < until {
        if world.settle(1) {
            return true;
        }
    }
    world.disconnect_all();
    false
}

/// Goal: a first sync that is cut off goes on where it was, wherever the cut falls.
#[test]
fn a_first_sync_that_is_cut_once_sends_little_twice() {
    let (mut world, ana, ben, pack) = first_sync_ahead(71);
    let uncut = cost(&mut world, |world| {
        world.dial(ben, ana).expect("they let each other in");
        settle(world);
    });
    assert_eq!(held(&mut world, ben, pack), NOTES);
    assert!(
        uncut.frames > 10,
        "too few frames to cut between: {uncut:?}"
    );
    for at in [uncut.frames / 2, uncut.frames - 3] {
        let (mut world, ana, ben, pack) = first_sync_ahead(71);
        let cut = cost(&mut world, |world| {
            cut_after(world, ben, ana, at);
            world.dial(ben, ana);
            settle(world);
        });
        assert_eq!(held(&mut world, ben, pack), NOTES);
        assert!(
            cut.bytes * 10 <= uncut.bytes * 13,
            "cut after frame {at}: {cut:?}, uncut {uncut:?}"
        );
    }
}

/// Goal: even over a link that never lasts long, each connection brings the sync on.
#[test]
fn a_first_sync_that_is_cut_again_and_again_ends() {
    let (mut world, ana, ben, pack) = first_sync_ahead(72);
    let mut cuts = 0;
    let cost = cost(&mut world, |world| {
        while !cut_after(world, ben, ana, 9) {
            cuts += 1;
            assert!(cuts < 60, "{} of {NOTES} notes", held(world, ben, pack));
            world.run(1000);
        }
    });
    assert_eq!(held(&mut world, ben, pack), NOTES);
    assert!(cuts > 1, "the link lasted too long for this test");
    // Of each cut, what was under way is lost: one page, and the greetings of the next connection.
    let payload = NOTES * 1400;
    let lost = cuts * (PAGE_BYTES_MAX as u64 + 64 * 1024);
    assert!(cost.bytes <= payload + lost, "{cuts} cuts: {cost:?}");
    assert!(world.closed().is_empty(), "{:?}", world.closed());
    assert_no_violations(&mut world);
}

/// Goal: somebody's large first sync does not hold up somebody else's live edit.
#[test]
fn a_live_edit_passes_a_large_first_sync() {
    let (mut world, ana, ben, pack) = first_sync_ahead(73);
    let side = create(&mut world, ana, &secret("side"));
    let cleo = world.add(&secret("Cleo"));
    let ticket = share(&mut world, ana, side, Role::Editor, Sensitivity::Internal);
    join(&mut world, cleo, ana, &ticket);
    world.dial(ben, ana).expect("they let each other in");
    let before = world.bytes;
    while world.bytes < before + 600_000 {
        assert!(!world.settle(1), "the first sync is over already");
    }
    let (frames, bytes) = (world.frames, world.bytes);
    add(&mut world, ana, side, "live", Sensitivity::Internal);
    while held(&mut world, cleo, side) == 0 {
        world.run(1);
        let (frames, bytes) = (world.frames - frames, world.bytes - bytes);
        assert!(
            frames <= 40 && bytes <= 4 * PAGE_BYTES_MAX as u64,
            "the live edit waits behind {frames} frames, {bytes} bytes"
        );
    }
    assert!(
        held(&mut world, ben, pack) < NOTES,
        "the first sync was over first: this proves nothing"
    );
    settle(&mut world);
    assert_eq!(held(&mut world, ben, pack), NOTES);
}

/// Goal: a laptop that slept, or whose clock jumps either way, goes on syncing.
#[test]
fn sleep_and_a_clock_that_jumps_do_not_stop_the_sync() {
    const HOURS: i64 = 3_600_000;
    let (mut world, ana, ben, pack) = two_in_one_pack(74, Role::Editor, Sensitivity::Internal);
    let mut written = 0;
    for jump in [0, 9 * HOURS, -20 * HOURS, 400 * 24 * HOURS, 0] {
        world.device(ben).skew_millis = jump;
        // Over the link that stood before the jump, then over a new one after a long sleep.
        for sleep in [0, 8 * 3_600_000] {
            if sleep > 0 {
                world.disconnect_all();
                world.run(sleep);
                world.dial(ben, ana).expect("they let each other in");
            }
            for who in [ana, ben] {
                let text = format!("{written}, {jump} {sleep}");
                add(&mut world, who, pack, &text, Sensitivity::Internal);
                written += 1;
            }
            settle(&mut world);
            assert_eq!(held(&mut world, ana, pack), written);
            assert_eq!(held(&mut world, ben, pack), written);
        }
    }
    assert!(world.closed().is_empty(), "{:?}", world.closed());
}
