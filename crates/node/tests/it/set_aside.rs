//! What is set aside after a removal: the same on every device, after every restart.

use super::support::*;
use kitbag_core::id::{ItemId, PackId};
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_node::view::{AsideWhy, SetAsideView};
use kitbag_testkit::{Opened, Who, World};

/// Everything that a device shows of two notes, and what it sets aside.
fn shown(
    world: &mut World,
    who: Who,
    pack: PackId,
    notes: [ItemId; 2],
) -> ([String; 2], Vec<SetAsideView>) {
    let bodies = notes.map(|note| show(world, who, pack, note).body);
    let aside = world.node(who).set_aside(pack).unwrap();
    let counted = world.node(who).status(pack).unwrap().set_aside;
    assert_eq!(counted, aside.len() as u64);
    (bodies, aside)
}

fn connect_all(world: &mut World) {
    let everybody = world.everybody();
    for (at, one) in everybody.iter().enumerate() {
        for other in &everybody[at + 1..] {
            if world.links_between(*one, *other) == 0 {
                world.dial(*one, *other);
            }
        }
    }
}

/// Goal: Ana removes Ben while she is alone; the others learn of his late edits first, and Cyn builds
/// on one of them. When all have met, they and their restarted selves show the same; what one of them
/// takes over, none of them lists.
#[test]
fn all_set_aside_the_same_and_remember_it() {
    for seed in 61..65 {
        let mut world = World::new(seed);
        let [ana, ben, cyn, dan] =
            ["Ana", "Ben", "Cyn", "Dan"].map(|name| world.add(&secret(name)));
        let pack = create(&mut world, ana, &secret("plans"));
        for who in [ben, cyn, dan] {
            let ticket = share(&mut world, ana, pack, Role::Editor, Sensitivity::Internal);
            join(&mut world, who, ana, &ticket);
        }
        let notes =
            ["kept", "lone"].map(|text| add(&mut world, ana, pack, text, Sensitivity::Internal));
        connect_all(&mut world);
        settle(&mut world);

        for who in [ben, cyn, dan] {
            world.set_cut(ana, who, true);
        }
        let person = world.person(ben);
        remove_person(&mut world, ana, pack, person);
        let bodies = [secret("kept, late"), secret("lone, late")];
        for (note, body) in notes.iter().zip(&bodies) {
            set_body(&mut world, ben, pack, *note, body);
        }
        settle(&mut world);
        let kept = format!("{}, and Cyn", bodies[0]);
        set_body(&mut world, cyn, pack, notes[0], &kept);
        world.set_cut(ben, cyn, true);
        world.set_cut(ben, dan, true);
        world.set_cut(ana, cyn, false);
        world.set_cut(ana, dan, false);
        connect_all(&mut world);
        settle(&mut world);

        let expected = shown(&mut world, ana, pack, notes);
        let lone = secret("lone body");
        assert_eq!(expected.0, [kept.clone(), lone.clone()]);
        assert_eq!(expected.1.len(), 1);
        let aside = &expected.1[0];
        assert_eq!(
            (&aside.why, aside.note),
            (&AsideWhy::AfterRemoval, Some(notes[1]))
        );
        assert_eq!(
            (&aside.author, &aside.removed_by[..]),
            (&secret("Ben"), &[secret("Ana")][..])
        );
        for who in [ana, cyn, dan] {
            assert_eq!(shown(&mut world, who, pack, notes), expected);
            world.kill(who);
            assert_eq!(world.start(who), Opened::Up);
            assert_eq!(shown(&mut world, who, pack, notes), expected);
        }

        connect_all(&mut world);
        let entry = aside.entry;
        world
            .call(dan, |node, now| node.take_over(now, pack, &[entry]))
            .done();
        settle(&mut world);
        for who in [ana, cyn, dan] {
            let bodies = [kept.clone(), bodies[1].clone()];
            assert_eq!(
                shown(&mut world, who, pack, notes),
                (bodies.clone(), vec![])
            );
            world.kill(who);
            assert_eq!(world.start(who), Opened::Up);
            assert_eq!(shown(&mut world, who, pack, notes), (bodies, vec![]));
        }
        assert_no_violations(&mut world);
    }
}
