//! Many edits of one note, in random order on three devices: 200 orders in a release build, 25 in others.

use super::support::*;
use kitbag_core::id::{ItemId, PackId};
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_node::view::{Note, NoteEdit};
use kitbag_testkit::{Called, Dice, Who, World};
use std::collections::BTreeSet;

/// Markers are single characters that stand in no text of ours.
fn marker(n: usize) -> char {
    char::from_u32(0x4e00 + n as u32).unwrap()
}

#[test]
fn random_interleavings_of_edits_end_alike_and_lose_no_character() {
    let (mut world, ana, ben, pack) = two_in_one_pack(7, Role::Editor, Sensitivity::Internal);
    let eve = world.add(&secret("Eve"));
    let ticket = share(&mut world, ana, pack, Role::Editor, Sensitivity::Internal);
    join(&mut world, eve, ana, &ticket);
    let all = [ana, ben, eve];
    let mut dice = Dice::new(8);
    let rounds = if cfg!(debug_assertions) { 25 } else { 200 }; // our own code is unoptimised there
    for round in 0..rounds {
        interleave(&mut world, &mut dice, all, pack, round);
    }
    assert!(world.closed().is_empty());
    assert_no_violations(&mut world);
}

fn interleave(world: &mut World, dice: &mut Dice, all: [Who; 3], pack: PackId, round: usize) {
    let note = add(
        world,
        all[round % 3],
        pack,
        &format!("round {round}"),
        Sensitivity::Internal,
    );
    connect(world, all);
    settle(world);
    let (mut put_in, mut taken_out) = (BTreeSet::new(), BTreeSet::new());
    for step in 0..8 {
        match dice.below(4) {
            0 => world.disconnect_all(),
            1 => {
                let pair = [*dice.pick(&all), *dice.pick(&all)];
                world.dial(pair[0], pair[1]);
                world.run(dice.below(40));
            }
            _ => edit(
                world,
                dice,
                *dice.clone().pick(&all),
                pack,
                note,
                step,
                &mut put_in,
                &mut taken_out,
            ),
        }
    }
    connect(world, all);
    settle(world);
    let shown = show(world, all[0], pack, note);
    for who in [all[1], all[2]] {
        assert_eq!(
            show(world, who, pack, note),
            shown,
            "round {round}\n{}",
            world.trace.text()
        );
        assert_eq!(
            world.node(who).history(pack, note).unwrap(),
            world.node(all[0]).history(pack, note).unwrap()
        );
    }
    for marker in put_in.difference(&taken_out) {
        assert!(
            shown.body.contains(*marker),
            "round {round}: {marker} is lost in {}",
            shown.body
        );
    }
}

#[expect(clippy::too_many_arguments, reason = "one step of one test")]
fn edit(
    world: &mut World,
    dice: &mut Dice,
    who: Who,
    pack: PackId,
    note: ItemId,
    step: usize,
    put_in: &mut BTreeSet<char>,
    taken_out: &mut BTreeSet<char>,
) {
    let body: Vec<char> = show(world, who, pack, note).body.chars().collect();
    let at = dice.below(body.len() as u64 + 1) as usize;
    let mut edited = body.clone();
    if dice.percent(25) && at < body.len() {
        taken_out.insert(edited.remove(at));
    } else {
        edited.insert(at, marker(step));
        put_in.insert(marker(step));
    }
    let edit = NoteEdit {
        body: Some(edited.into_iter().collect()),
        ..NoteEdit::default()
    };
    world
        .call(who, |node, now| node.edit_note(now, pack, note, &edit))
        .done();
}

fn connect(world: &mut World, all: [Who; 3]) {
    for (a, b) in [(0, 1), (1, 2), (2, 0)] {
        if world.links_between(all[a], all[b]) == 0 {
            world.dial(all[a], all[b]);
        }
    }
}

/// Goal: whoever was slow merges with what came meanwhile: from a note that nobody had edited, from one
/// that somebody had, and on another device than the one that showed it.
#[test]
fn an_edit_of_what_was_seen_keeps_what_came_since() {
    let (mut world, ana, ben, pack) = two_in_one_pack(9, Role::Editor, Sensitivity::Internal);
    let note = add(&mut world, ana, pack, "a call", Sensitivity::Internal);
    world.dial(ana, ben);
    settle(&mut world);
    let unedited = show(&mut world, ana, pack, note);
    assert_eq!(unedited.version, show(&mut world, ben, pack, note).version);
    let before = format!("before {}", unedited.body);
    set_body(&mut world, ana, pack, note, &before);
    settle(&mut world);
    let edited = show(&mut world, ben, pack, note);
    assert_ne!(edited.version, unedited.version);
    let after = |seen: &Note, text: &str| NoteEdit {
        body: Some(format!("{}{text}", seen.body)),
        seen: Some(seen.version.clone()),
        ..NoteEdit::default()
    };
    let slow = after(&unedited, " after");
    world
        .call(ben, |node, now| node.edit_note(now, pack, note, &slow))
        .done();
    settle(&mut world);
    let merged = format!("before {} after", unedited.body);
    assert_eq!(show(&mut world, ana, pack, note).body, merged);
    let slow = after(&edited, ", at last");
    world
        .call(ana, |node, now| node.edit_note(now, pack, note, &slow))
        .done();
    let body = show(&mut world, ana, pack, note).body;
    let (kept, end) = body.split_at(before.len());
    assert_eq!(kept, before);
    assert!(
        [", at last after", " after, at last"].contains(&end),
        "{body}"
    );
    let nonsense = NoteEdit {
        seen: Some("never".into()),
        ..after(&unedited, "!")
    };
    let refused = world.call(ana, |node, now| node.edit_note(now, pack, note, &nonsense));
    assert!(matches!(refused, Called::Refused(_)), "{refused:?}");
}

/// Goal: of two versions of a word both are whole, on both devices, and both say who wrote them at once,
/// until somebody writes the text anew.
#[test]
fn two_versions_of_a_word_are_whole_and_told() {
    let (mut world, ana, ben, pack) = two_in_one_pack(11, Role::Editor, Sensitivity::Internal);
    let note = add(&mut world, ana, pack, "call", Sensitivity::Internal);
    set_body(&mut world, ana, pack, note, "Price: 100 EUR");
    world.dial(ana, ben);
    settle(&mut world);
    world.disconnect_all();
    set_body(&mut world, ana, pack, note, "Price: 250 EUR");
    set_body(&mut world, ben, pack, note, "Price: 175 EUR");
    assert!(show(&mut world, ana, pack, note).merged.is_empty());
    world.dial(ana, ben);
    settle(&mut world);
    let shown = show(&mut world, ana, pack, note);
    assert!(
        ["Price: 250 175 EUR", "Price: 175 250 EUR"].contains(&shown.body.as_str()),
        "{}",
        shown.body
    );
    assert_eq!(shown.merged.len(), 1);
    let place = &shown.merged[0];
    assert_eq!(place.at, 6..14);
    let mut by = place.by.clone();
    by.sort_unstable();
    assert_eq!(by.len(), 2, "{by:?}");
    assert_eq!(show(&mut world, ben, pack, note).merged[0].at, place.at);
    set_body(&mut world, ben, pack, note, "Price: 175 EUR");
    settle(&mut world);
    assert!(show(&mut world, ana, pack, note).merged.is_empty());
}

/// Goal: a word that is put in before another while somebody takes that one out stays whole, although
/// the two begin alike, so that the new text does not say where the old one goes on.
#[test]
fn a_word_put_in_beside_one_that_is_taken_out_stays_whole() {
    let (mut world, ana, ben, pack) = two_in_one_pack(10, Role::Editor, Sensitivity::Internal);
    let note = add(&mut world, ana, pack, "call", Sensitivity::Internal);
    let plain = show(&mut world, ana, pack, note).body;
    set_body(&mut world, ana, pack, note, &format!("<old>{plain}"));
    settle(&mut world);
    world.disconnect_all();
    set_body(&mut world, ana, pack, note, &format!("<new><old>{plain}"));
    set_body(&mut world, ben, pack, note, &plain);
    world.dial(ana, ben);
    settle(&mut world);
    for who in [ana, ben] {
        assert_eq!(
            show(&mut world, who, pack, note).body,
            format!("<new>{plain}")
        );
    }
}
