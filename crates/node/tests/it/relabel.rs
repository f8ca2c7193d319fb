//! Notes that are made more or less sensitive: who sees them after, and what they hold.

use super::support::*;
use kitbag_core::id::{ItemId, PackId};
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_node::view::{NoteEdit, Relabelled};
use kitbag_node::{Denied, NodeError};
use kitbag_testkit::{Fault, Opened, Who, World};

use Sensitivity::{Confidential, Internal, Public, Restricted};

fn relabel(world: &mut World, who: Who, pack: PackId, note: ItemId, to: Sensitivity) -> Relabelled {
    world
        .call(who, |node, now| node.relabel(now, pack, note, to))
        .done()
}

/// A pack of Ana's, and the others with what she granted them, all in sync.
fn pack_of(seed: u64, others: &[(&str, Role, Sensitivity)]) -> (World, PackId, Who, Vec<Who>) {
    let mut world = World::new(seed);
    let ana = world.add(&secret("Ana"));
    let pack = create(&mut world, ana, &secret("plans"));
    let mut all = vec![];
    for (name, role, clearance) in others {
        let who = world.add(&secret(name));
        let ticket = share(&mut world, ana, pack, *role, *clearance);
        join(&mut world, who, ana, &ticket);
        all.push(who);
    }
    (world, pack, ana, all)
}

fn meet(world: &mut World, pairs: &[(Who, Who)]) {
    for (a, b) in pairs {
        if world.links_between(*a, *b) == 0 {
            world.dial(*a, *b);
        }
        settle(world);
    }
}

/// What a device shows of a note: where it stands, and its text.
fn seen(world: &mut World, who: Who, pack: PackId, note: ItemId) -> Option<(Sensitivity, String)> {
    let shown = world.node(who).note(pack, note);
    let listed = world.node(who).notes(pack).unwrap();
    let listed = listed.iter().find(|line| line.id == note);
    match shown {
        Ok(note) => {
            let line = listed.expect("what can be shown is listed");
            assert_eq!(line.sensitivity, note.sensitivity);
            Some((note.sensitivity, note.body))
        }
        Err(NodeError::NotFound("note")) => {
            assert!(listed.is_none(), "what cannot be shown is not listed");
            None
        }
        Err(other) => panic!("{other:?}"),
    }
}

fn set_tag(world: &mut World, who: Who, pack: PackId, note: ItemId, tag: &str) {
    let edit = NoteEdit {
        add_tags: vec![tag.into()],
        ..NoteEdit::default()
    };
    world
        .call(who, |node, now| node.edit_note(now, pack, note, &edit))
        .done();
}

fn steps(world: &mut World, who: Who, pack: PackId, note: ItemId) -> Vec<(String, String, String)> {
    let history = world.node(who).history(pack, note).unwrap();
    let of = |by: String| by.rsplit(' ').next().unwrap_or_default().to_owned();
    history
        .into_iter()
        .map(|step| {
            let to = step.to.map_or("", Sensitivity::as_str);
            (format!("{} {to}", step.what), of(step.by), step.body)
        })
        .collect()
}

#[test]
fn a_raised_note_leaves_those_below_and_keeps_its_id_text_and_history() {
    let (mut world, pack, ana, others) = pack_of(
        1,
        &[
            ("Ben", Role::Editor, Internal),
            ("Cyn", Role::Reader, Confidential),
        ],
    );
    let (ben, cyn) = (others[0], others[1]);
    let note = add(&mut world, ben, pack, "call", Internal);
    set_body(&mut world, ben, pack, note, "one");
    settle(&mut world);
    set_body(&mut world, ana, pack, note, "one two");
    settle(&mut world);

    let done = relabel(&mut world, ana, pack, note, Confidential);
    assert!(done.changed);
    let names = |list: &[kitbag_node::view::AudienceMember]| list.len();
    assert_eq!((names(&done.gains), names(&done.loses)), (0, 1));
    assert_eq!(done.loses[0].person, world.person(ben));
    settle(&mut world);

    assert_eq!(seen(&mut world, ben, pack, note), None);
    assert_eq!(world.node(ben).pack(pack).unwrap().notes, 0);
    for who in [ana, cyn] {
        assert_eq!(
            seen(&mut world, who, pack, note),
            Some((Confidential, "one two".into()))
        );
        let steps = steps(&mut world, who, pack, note);
        let told: Vec<(&str, &str)> = steps
            .iter()
            .map(|(what, by, _)| (what.as_str(), by.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                ("added ", "Ben"),
                ("edited ", "Ben"),
                ("edited ", "Ana"),
                ("moved confidential", "Ana"),
            ]
        );
    }
    // It goes on living where it is.
    set_body(&mut world, ana, pack, note, "one two three");
    settle(&mut world);
    assert_eq!(show(&mut world, cyn, pack, note).body, "one two three");
    assert_eq!(seen(&mut world, ben, pack, note), None);
    assert_no_violations(&mut world);
}

#[test]
fn a_lowered_note_comes_to_those_below_with_full_text_and_history() {
    let (mut world, pack, ana, others) = pack_of(
        2,
        &[
            ("Ben", Role::Editor, Internal),
            ("Cyn", Role::Editor, Confidential),
        ],
    );
    let (ben, cyn) = (others[0], others[1]);
    let note = add(&mut world, cyn, pack, "call", Confidential);
    set_body(&mut world, cyn, pack, note, "one");
    settle(&mut world);
    set_body(&mut world, ana, pack, note, "one two");
    settle(&mut world);
    assert_eq!(seen(&mut world, ben, pack, note), None);

    // Not by an editor.
    let refused = world
        .call(cyn, |node, now| node.relabel(now, pack, note, Internal))
        .refused();
    assert!(matches!(
        refused,
        Some(NodeError::Denied(Denied::LoweringNeedsAdmin))
    ));
    let done = relabel(&mut world, ana, pack, note, Internal);
    assert_eq!(done.gains.len(), 1);
    assert!(done.loses.is_empty());
    settle(&mut world);

    for who in [ana, ben, cyn] {
        assert_eq!(
            seen(&mut world, who, pack, note),
            Some((Internal, "one two".into()))
        );
        let steps = steps(&mut world, who, pack, note);
        let told: Vec<(&str, &str, &str)> = steps
            .iter()
            .map(|(what, by, body)| (what.as_str(), by.as_str(), body.as_str()))
            .collect();
        assert_eq!(
            told[1..],
            [
                ("edited ", "Cyn", "one"),
                ("edited ", "Ana", "one two"),
                ("moved internal", "Ana", "one two"),
            ]
        );
        assert_eq!((told[0].0, told[0].1), ("added ", "Cyn"));
    }
    let told_by = |world: &mut World, who| {
        let history = world.node(who).history(pack, note).unwrap();
        history.iter().filter(|step| step.told_by.is_some()).count()
    };
    assert_eq!(told_by(&mut world, ben), 3, "he has none of these entries");
    // Both that could read it and those who gained it write on.
    set_body(&mut world, ben, pack, note, "one two by Ben");
    settle(&mut world);
    set_body(&mut world, cyn, pack, note, "one two by Ben and Cyn");
    settle(&mut world);
    for who in [ana, ben, cyn] {
        assert_eq!(
            show(&mut world, who, pack, note).body,
            "one two by Ben and Cyn"
        );
    }
    assert_no_violations(&mut world);
}

/// One move carries both edits then, and who has only the move names it once.
#[test]
fn two_edits_at_once_that_came_with_a_move_are_built_on() {
    let (mut world, pack, ana, others) = pack_of(
        12,
        &[
            ("Ben", Role::Editor, Internal),
            ("Cyn", Role::Editor, Confidential),
        ],
    );
    let (ben, cyn) = (others[0], others[1]);
    let note = add(&mut world, ana, pack, "call", Confidential);
    settle(&mut world);
    world.disconnect_all();
    set_body(&mut world, ana, pack, note, "by Ana");
    set_body(&mut world, cyn, pack, note, "by Cyn");
    meet(&mut world, &[(ana, cyn)]);
    relabel(&mut world, ana, pack, note, Internal);
    meet(&mut world, &[(ana, ben)]);

    set_body(&mut world, ben, pack, note, "one text again");
    meet(&mut world, &[(ana, ben), (ana, cyn)]);
    for who in [ana, ben, cyn] {
        assert_eq!(
            seen(&mut world, who, pack, note),
            Some((Internal, "one text again".into()))
        );
    }
    assert_no_violations(&mut world);
}

#[test]
fn nothing_is_written_above_the_own_clearance_or_to_where_the_note_is() {
    let (mut world, pack, ana, others) = pack_of(
        3,
        &[
            ("Ben", Role::Editor, Internal),
            ("Cyn", Role::Reader, Confidential),
        ],
    );
    let note = add(&mut world, ana, pack, "call", Internal);
    settle(&mut world);
    let refused = |world: &mut World, who, to| match world
        .call(who, |node, now| node.relabel(now, pack, note, to))
        .refused()
    {
        Some(NodeError::Denied(denied)) => denied,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        refused(&mut world, others[0], Confidential),
        Denied::AboveClearance
    );
    assert_eq!(
        refused(&mut world, others[1], Confidential),
        Denied::NotAWriter
    );
    assert_eq!(
        refused(&mut world, others[0], Public),
        Denied::LoweringNeedsAdmin
    );
    for who in [ana, others[0]] {
        assert!(!relabel(&mut world, who, pack, note, Internal).changed);
    }
    let planned = world
        .call(ana, |node, now| {
            node.plan_relabel(now, pack, note, Restricted)
        })
        .done();
    assert!(planned.changed);
    assert_eq!(planned.loses.len(), 2);
    settle(&mut world);
    assert_eq!(show(&mut world, ana, pack, note).sensitivity, Internal);
}

#[test]
fn a_note_goes_up_and_down_and_stays_one_note() {
    let (mut world, pack, ana, others) = pack_of(
        4,
        &[
            ("Ben", Role::Editor, Internal),
            ("Cyn", Role::Editor, Confidential),
        ],
    );
    let (ben, cyn) = (others[0], others[1]);
    let note = add(&mut world, ben, pack, "call", Public);
    settle(&mut world);
    let mut body = String::new();
    let path = [
        Restricted,
        Internal,
        Confidential,
        Public,
        Internal,
        Confidential,
        Internal,
    ];
    for (n, to) in path.into_iter().enumerate() {
        relabel(&mut world, ana, pack, note, to);
        settle(&mut world);
        body = format!("{body}{n}");
        let writer = match to {
            Restricted => ana,
            Confidential => cyn,
            _ => ben,
        };
        set_body(&mut world, writer, pack, note, &body);
        settle(&mut world);
        for (who, clearance) in [(ana, Restricted), (ben, Internal), (cyn, Confidential)] {
            let shown = seen(&mut world, who, pack, note);
            let expected = (to <= clearance).then(|| (to, body.clone()));
            assert_eq!(shown, expected, "after move {n} to {to}");
        }
    }
    for who in [ana, ben, cyn] {
        let before = (
            seen(&mut world, who, pack, note),
            world.node(who).history(pack, note).unwrap(),
        );
        world.kill(who);
        world.start(who);
        let after = (
            seen(&mut world, who, pack, note),
            world.node(who).history(pack, note).unwrap(),
        );
        assert_eq!(before, after, "read back from disk");
        assert_eq!(world.node(who).status(pack).unwrap().set_aside, 0);
        assert_eq!(world.node(who).status(pack).unwrap().waiting, 0);
    }
    assert_eq!(steps(&mut world, ana, pack, note).len(), 1 + 2 * path.len());
    assert_no_violations(&mut world);
}

#[test]
fn the_same_note_again_is_found_where_it_went() {
    let (mut world, pack, ana, _) = pack_of(5, &[]);
    let note = add(&mut world, ana, pack, "call", Internal);
    relabel(&mut world, ana, pack, note, Confidential);
    assert_eq!(add(&mut world, ana, pack, "call", Confidential), note);
    assert_ne!(add(&mut world, ana, pack, "call", Internal), note);
}

#[test]
fn an_edit_that_did_not_know_of_the_raise_is_in_the_note() {
    let (mut world, pack, ana, others) = pack_of(
        6,
        &[
            ("Ben", Role::Editor, Internal),
            ("Cyn", Role::Editor, Confidential),
        ],
    );
    let (ben, cyn) = (others[0], others[1]);
    let note = add(&mut world, ana, pack, "call", Internal);
    set_body(&mut world, ana, pack, note, "one two");
    settle(&mut world);
    world.disconnect_all();
    relabel(&mut world, ana, pack, note, Confidential);
    set_body(&mut world, ana, pack, note, "zero one two");
    set_body(&mut world, ben, pack, note, "one two three");
    set_tag(&mut world, cyn, pack, note, "cyn");
    meet(&mut world, &[(ben, ana), (cyn, ana), (ben, cyn)]);
    for who in [ana, cyn] {
        let shown = show(&mut world, who, pack, note);
        assert_eq!(
            (shown.sensitivity, shown.body.as_str()),
            (Confidential, "zero one two three")
        );
        assert!(shown.tags.contains(&"cyn".to_owned()));
        assert_eq!((shown.waiting, shown.left_above), (0, 0));
    }
    assert_eq!(seen(&mut world, ben, pack, note), None);
    // The next edit builds on both.
    set_body(&mut world, cyn, pack, note, "all of it");
    settle(&mut world);
    assert_eq!(show(&mut world, ana, pack, note).body, "all of it");
    assert_no_violations(&mut world);
}

/// Goal: of two raises at once the higher one wins on every device, in every order in which they meet.
#[test]
fn of_two_raises_at_once_the_higher_one_wins_in_every_order() {
    for order in 0..4 {
        let (mut world, pack, ana, others) = pack_of(
            70 + order,
            &[
                ("Ben", Role::Editor, Restricted),
                ("Cyn", Role::Editor, Confidential),
                ("Dan", Role::Reader, Confidential),
                ("Eve", Role::Reader, Internal),
            ],
        );
        let (ben, cyn, dan, eve) = (others[0], others[1], others[2], others[3]);
        let note = add(&mut world, ana, pack, "call", Internal);
        set_body(&mut world, ana, pack, note, "x");
        settle(&mut world);
        world.disconnect_all();
        relabel(&mut world, ben, pack, note, Restricted);
        set_body(&mut world, ben, pack, note, "b x");
        relabel(&mut world, cyn, pack, note, Confidential);
        set_body(&mut world, cyn, pack, note, "x c");
        let all = [
            (ben, ana),
            (cyn, ana),
            (dan, ana),
            (eve, ana),
            (dan, cyn),
            (eve, ben),
        ];
        let mut pairs = all.to_vec();
        pairs.rotate_left(order as usize);
        meet(&mut world, &pairs);
        meet(&mut world, &all);
        for who in [ana, ben] {
            assert_eq!(
                seen(&mut world, who, pack, note),
                Some((Restricted, "b x c".into())),
                "order {order}"
            );
        }
        for who in [cyn, dan, eve] {
            assert_eq!(seen(&mut world, who, pack, note), None, "order {order}");
        }
        // An admin who lowers it settles both.
        relabel(&mut world, ana, pack, note, Internal);
        settle(&mut world);
        for who in [ana, ben, cyn, dan, eve] {
            assert_eq!(
                seen(&mut world, who, pack, note),
                Some((Internal, "b x c".into())),
                "order {order}"
            );
        }
        assert_no_violations(&mut world);
    }
}

/// Goal: two that raise to the same sensitivity at once have two moves under one tag; edits under
/// either are in the note.
#[test]
fn two_raises_to_one_sensitivity_are_one_note() {
    let (mut world, pack, ana, others) = pack_of(8, &[("Ben", Role::Editor, Restricted)]);
    let ben = others[0];
    let note = add(&mut world, ana, pack, "call", Internal);
    set_body(&mut world, ana, pack, note, "x");
    settle(&mut world);
    world.disconnect_all();
    relabel(&mut world, ben, pack, note, Confidential);
    set_body(&mut world, ben, pack, note, "b x");
    relabel(&mut world, ana, pack, note, Confidential);
    set_body(&mut world, ana, pack, note, "x a");
    meet(&mut world, &[(ben, ana)]);
    for (who, other) in [(ana, "b x a!"), (ben, "b x a!?")] {
        set_body(&mut world, who, pack, note, other);
        settle(&mut world);
    }
    for who in [ana, ben] {
        assert_eq!(
            seen(&mut world, who, pack, note),
            Some((Confidential, "b x a!?".into()))
        );
    }
}

/// Goal: a raise that did not know of a lowering wins over it.
#[test]
fn of_a_raise_and_a_lowering_at_once_the_raise_wins() {
    for first in [true, false] {
        let (mut world, pack, ana, others) = pack_of(
            9,
            &[
                ("Ben", Role::Editor, Restricted),
                ("Cyn", Role::Reader, Confidential),
                ("Dan", Role::Editor, Internal),
            ],
        );
        let (ben, cyn, dan) = (others[0], others[1], others[2]);
        let note = add(&mut world, ben, pack, "call", Confidential);
        set_body(&mut world, ben, pack, note, "x");
        settle(&mut world);
        world.disconnect_all();
        relabel(&mut world, ben, pack, note, Restricted);
        set_body(&mut world, ben, pack, note, "b x");
        relabel(&mut world, ana, pack, note, Internal);
        set_body(&mut world, ana, pack, note, "x a");
        if first {
            meet(&mut world, &[(dan, ana), (cyn, ana)]);
            assert_eq!(
                seen(&mut world, dan, pack, note),
                Some((Internal, "x a".into()))
            );
            set_body(&mut world, dan, pack, note, "x a d");
        }
        meet(&mut world, &[(ben, ana), (dan, ana), (cyn, ana)]);
        let body = if first { "b x a d" } else { "b x a" };
        for who in [ana, ben] {
            assert_eq!(
                seen(&mut world, who, pack, note),
                Some((Restricted, body.into()))
            );
        }
        assert_eq!(seen(&mut world, cyn, pack, note), None);
        // Dan, who cannot see that it was raised, goes on seeing it, and the others are told.
        assert!(seen(&mut world, dan, pack, note).is_some());
        let told = |world: &mut World, who| show(world, who, pack, note).shown_below;
        assert_eq!(told(&mut world, ana), Some(Internal));
        assert!(relabel(&mut world, ben, pack, note, Restricted).changed);
        settle(&mut world);
        assert_eq!(seen(&mut world, dan, pack, note), None);
        assert_eq!(told(&mut world, ana), None);
        assert_eq!(
            seen(&mut world, ana, pack, note),
            Some((Restricted, body.into()))
        );
        assert_no_violations(&mut world);
    }
}

/// Goal: what somebody wrote above, while an admin lowered the note without knowing, is neither lost
/// nor shown below until an admin brings it.
#[test]
fn an_edit_above_a_lowering_waits_for_an_admin() {
    let (mut world, pack, ana, others) = pack_of(
        10,
        &[
            ("Ben", Role::Editor, Internal),
            ("Cyn", Role::Editor, Confidential),
        ],
    );
    let (ben, cyn) = (others[0], others[1]);
    let note = add(&mut world, ana, pack, "call", Confidential);
    set_body(&mut world, ana, pack, note, "one");
    settle(&mut world);
    world.disconnect_all();
    relabel(&mut world, ana, pack, note, Internal);
    set_body(&mut world, cyn, pack, note, "one above");
    meet(&mut world, &[(cyn, ana), (ben, ana), (ben, cyn)]);
    for who in [ana, ben, cyn] {
        assert_eq!(
            seen(&mut world, who, pack, note),
            Some((Internal, "one".into()))
        );
    }
    let above = |world: &mut World, who| show(world, who, pack, note).left_above;
    assert_eq!(
        [
            above(&mut world, ana),
            above(&mut world, cyn),
            above(&mut world, ben)
        ],
        [1, 1, 0]
    );
    // Somebody who sees both writes on, and those below can follow.
    set_body(&mut world, cyn, pack, note, "one by Cyn");
    settle(&mut world);
    assert_eq!(show(&mut world, ben, pack, note).body, "one by Cyn");
    assert!(!relabel(&mut world, cyn, pack, note, Internal).changed);
    let done = relabel(&mut world, ana, pack, note, Internal);
    assert_eq!((done.changed, done.brings), (true, 1));
    settle(&mut world);
    for who in [ana, ben, cyn] {
        let shown = show(&mut world, who, pack, note);
        assert!(
            shown.body.contains("above") && shown.body.contains("by Cyn"),
            "{}",
            shown.body
        );
        assert_eq!(shown.left_above, 0);
    }
    assert_no_violations(&mut world);
}

/// Goal: a move is whole or not there, wherever the power goes.
#[test]
fn a_crash_leaves_the_note_at_one_place_or_the_other() {
    let mut both = [false; 2];
    for call in 1..40 {
        let (mut world, pack, ana, others) = pack_of(11, &[("Ben", Role::Reader, Internal)]);
        let note = add(&mut world, ana, pack, "call", Internal);
        set_body(&mut world, ana, pack, note, "x");
        settle(&mut world);
        world.device(ana).disk.set_fault(Fault::PowerLoss(call));
        let done = world
            .call(ana, |node, now| node.relabel(now, pack, note, Confidential))
            .ok()
            .is_some();
        world.device(ana).disk.set_fault(Fault::None);
        if !world.is_up(ana) {
            assert_eq!(world.start(ana), Opened::Up);
        }
        let (sensitivity, body) = seen(&mut world, ana, pack, note).unwrap();
        assert_eq!(body, "x");
        assert!(sensitivity == Internal || sensitivity == Confidential);
        assert!(
            !done || sensitivity == Confidential,
            "acknowledged and lost"
        );
        both[usize::from(sensitivity == Confidential)] = true;
        meet(&mut world, &[(others[0], ana)]);
        let shown = seen(&mut world, others[0], pack, note);
        assert_eq!(shown.is_some(), sensitivity == Internal, "at call {call}");
        if done {
            break;
        }
    }
    assert_eq!(both, [true; 2], "the power went before and after");
}
