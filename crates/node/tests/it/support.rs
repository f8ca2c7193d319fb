//! What the tests share: the one place where they touch the API of the node.

use kitbag_core::id::{ItemId, PackId, PersonId};
use kitbag_core::policy::op::LateDenials;
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_core::ticket::Ticket;
use kitbag_node::JoinOutcome;
use kitbag_node::view::{Change, NewNote, NewSource, Note, NoteEdit, ShareOptions};
use kitbag_testkit::{CANARY, Joining, Who, World};

/// A name that must never be readable.
pub(crate) fn secret(word: &str) -> String {
    format!("{CANARY} {word}")
}

/// Makes a pack.
pub(crate) fn create(world: &mut World, who: Who, title: &str) -> PackId {
    world
        .call(who, |node, now| {
            node.create_pack(now, title, Sensitivity::Internal)
        })
        .done()
        .id
}

/// Text and sensitivity of a note to be.
pub(crate) fn draft(text: &str, sensitivity: Sensitivity) -> NewNote {
    NewNote {
        title: secret(&format!("{text} title")),
        body: secret(&format!("{text} body")),
        source: NewSource {
            label: secret(&format!("{text} source")),
            ..NewSource::default()
        },
        sensitivity: Some(sensitivity),
        tags: vec![secret(&format!("{text} tag"))],
        note_type: None,
        consent: None,
        ..NewNote::default()
    }
}

/// Adds a note.
pub(crate) fn add(
    world: &mut World,
    who: Who,
    pack: PackId,
    text: &str,
    sensitivity: Sensitivity,
) -> ItemId {
    world
        .call(who, |node, now| {
            node.add_notes(now, pack, &[draft(text, sensitivity)])
        })
        .done()[0]
        .id
}

/// Sets the body of a note.
pub(crate) fn set_body(world: &mut World, who: Who, pack: PackId, note: ItemId, body: &str) {
    let edit = NoteEdit {
        body: Some(body.into()),
        ..NoteEdit::default()
    };
    world
        .call(who, |node, now| node.edit_note(now, pack, note, &edit))
        .done();
}

/// A note as a device shows it.
pub(crate) fn show(world: &mut World, who: Who, pack: PackId, note: ItemId) -> Note {
    world.node(who).note(pack, note).unwrap()
}

/// A ticket for one use.
pub(crate) fn share(
    world: &mut World,
    who: Who,
    pack: PackId,
    role: Role,
    clearance: Sensitivity,
) -> Ticket {
    let options = ShareOptions {
        role,
        clearance,
        expires_at: None,
        uses: 1,
        ask: false,
    };
    let shared = world
        .call(who, |node, now| node.share(now, pack, &options))
        .done();
    Ticket::parse(&shared.ticket).unwrap()
}

/// Joins and connects; where a person is asked, they say yes.
pub(crate) fn join(world: &mut World, joiner: Who, admitter: Who, ticket: &Ticket) {
    let mut joining = world.join(joiner, admitter, ticket);
    if joining == Joining::Answered(JoinOutcome::Waiting) {
        world.approve(admitter, joiner, ticket.pack).done();
        joining = world.join(joiner, admitter, ticket);
        assert_eq!(joining, Joining::Answered(JoinOutcome::AlreadyMember));
    } else {
        assert_eq!(joining, Joining::Answered(JoinOutcome::Admitted));
    }
    world
        .dial(joiner, admitter)
        .expect("both let each other in now");
    settle(world);
}

/// Two devices of one pack, in sync.
pub(crate) fn two_in_one_pack(
    seed: u64,
    role: Role,
    clearance: Sensitivity,
) -> (World, Who, Who, PackId) {
    let mut world = World::new(seed);
    let (ana, ben) = (world.add(&secret("Ana")), world.add(&secret("Ben")));
    let pack = create(&mut world, ana, &secret("plans"));
    let ticket = share(&mut world, ana, pack, role, clearance);
    join(&mut world, ben, ana, &ticket);
    (world, ana, ben, pack)
}

/// Removes a person; what they wrote until now stays.
pub(crate) fn remove_person(world: &mut World, by: Who, pack: PackId, person: PersonId) {
    let change = Change::Remove {
        person,
        late_denials: LateDenials::Keep,
    };
    world
        .call(by, |node, now| node.change(now, pack, &change))
        .done();
}

/// Runs until everybody who is connected is up to date.
pub(crate) fn settle(world: &mut World) {
    assert!(
        world.settle(600_000),
        "not in sync after ten minutes: {:?}\n{}",
        world.behind(),
        world.trace.text()
    );
}

/// Nothing was sent or written that should not have been.
pub(crate) fn assert_no_violations(world: &mut World) {
    let violations = world.violations();
    assert!(
        violations.is_empty(),
        "{violations:#?}\n{}",
        world.trace.text()
    );
}
