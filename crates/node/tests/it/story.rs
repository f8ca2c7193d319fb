//! Two people, two devices, one pack: step by step.

use super::support::*;
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_node::JoinOutcome;
use kitbag_testkit::{Joining, World};

#[test]
fn two_people_share_a_pack_and_edit_a_note_in_it() {
    let mut world = World::new(1);
    let (ana, ben) = (world.add(&secret("Ana")), world.add(&secret("Ben")));

    // Ana makes a pack with one note for everybody in it, and one for few.
    let pack = create(&mut world, ana, &secret("plans"));
    let open = add(&mut world, ana, pack, "price list", Sensitivity::Internal);
    let closed = add(&mut world, ana, pack, "salaries", Sensitivity::Restricted);

    // Ben knows nothing of it and gets no connection.
    assert_eq!(world.dial(ben, ana), None);

    // Ana shares it, Ben joins.
    let ticket = share(&mut world, ana, pack, Role::Editor, Sensitivity::Internal);
    assert_eq!(
        world.join(ben, ana, &ticket),
        Joining::Answered(JoinOutcome::Admitted)
    );
    world.dial(ben, ana).unwrap();
    settle(&mut world);

    // He sees what he is cleared for, and nothing else.
    let summary = world.node(ben).pack(pack).unwrap();
    assert_eq!(
        (summary.title, summary.notes, summary.members),
        (secret("plans"), 1, 2)
    );
    assert_eq!(
        (summary.role, summary.clearance),
        (Some(Role::Editor), Some(Sensitivity::Internal))
    );
    assert_eq!(
        show(&mut world, ben, pack, open).body,
        secret("price list body")
    );
    assert!(world.node(ben).note(pack, closed).is_err());

    // Both know the other by name, and see the same check words.
    let of_ana = world.node(ana).members(pack).unwrap();
    let of_ben = world.node(ben).members(pack).unwrap();
    let names = |members: &[kitbag_node::view::MemberView]| {
        members
            .iter()
            .map(|member| member.name.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&of_ana), [secret("Ana"), secret("Ben")]);
    assert_eq!(names(&of_ana), names(&of_ben));
    assert_eq!(of_ana[1].check_words, of_ben[0].check_words);
    assert!(of_ana[1].check_words.is_some());
    assert_eq!(world.joined(), [(ana, pack, world.person(ben))]);

    // Ben adds, Ana sees it at once.
    let of_ben = add(&mut world, ben, pack, "a question", Sensitivity::Internal);
    settle(&mut world);
    assert_eq!(show(&mut world, ana, pack, of_ben).added_by, secret("Ben"));

    // Apart, both edit the same note; together again, both edits are there.
    world.set_cut(ana, ben, true);
    let body = secret("price list body");
    set_body(&mut world, ana, pack, open, &format!("Ana says: {body}"));
    set_body(&mut world, ben, pack, open, &format!("{body}, says Ben"));
    world.set_cut(ana, ben, false);
    world.dial(ana, ben).unwrap();
    settle(&mut world);
    let merged = show(&mut world, ana, pack, open);
    assert_eq!(merged.body, format!("Ana says: {body}, says Ben"));
    assert_eq!(merged, show(&mut world, ben, pack, open));
    let (by_ana, by_ben) = (
        world.node(ana).history(pack, open).unwrap(),
        world.node(ben).history(pack, open).unwrap(),
    );
    assert_eq!(by_ana, by_ben);
    assert_eq!(by_ana.len(), 3);

    // Nothing of this is lost when both are killed, and nothing was readable on the way.
    world.kill(ana);
    world.kill(ben);
    world.start(ana);
    world.start(ben);
    assert_eq!(merged, show(&mut world, ana, pack, open));
    assert_eq!(merged, show(&mut world, ben, pack, open));
    assert!(world.closed().is_empty());
    assert_no_violations(&mut world);
}
