//! What the person concerned said, and everything that was made of the note it was said of: its masked
//! copies, and what was carried into other packs.

use super::support::*;
use super::verbs::{add_pair, call, carry, undo};
use kitbag_core::id::{ItemId, PackId};
use kitbag_core::pack::note::{Consent, ConsentStatus};
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_node::NodeError;
use kitbag_node::carrying::Carry;
use kitbag_node::undo::{Along, Beyond, UndoneWrite};
use kitbag_node::view::{EditedNote, Elsewhere, NoteEdit};
use kitbag_testkit::{Who, World};

use ConsentStatus::{Granted, Limited, Withdrawn};
use Sensitivity::Internal;

fn say(world: &mut World, who: Who, pack: PackId, note: ItemId, said: Consent) -> EditedNote {
    let edit = NoteEdit {
        consent: Some(said),
        ..NoteEdit::default()
    };
    let done = call(world, who, |node, now| {
        node.edit_note(now, pack, note, &edit)
    });
    done.unwrap().expect("it was news")
}

fn said(world: &mut World, who: Who, pack: PackId, note: ItemId) -> Option<ConsentStatus> {
    show(world, who, pack, note)
        .consent
        .map(|consent| consent.status)
}

/// Goal: a consent that is taken back holds for what was carried into other packs, copies of copies too,
/// and each is named.
#[test]
fn a_withdrawal_reaches_what_was_carried_into_other_packs() {
    let (mut world, ana, _, from) = two_in_one_pack(41, Role::Editor, Internal);
    let packs = ["second", "third"].map(|title| create(&mut world, ana, &secret(title)));
    let (original, copy) = add_pair(&mut world, ana, from, "pair");
    say(&mut world, ana, from, original, Consent::new(Granted));
    let lone = add(&mut world, ana, from, "lone", Internal);
    let mut copied = |pack, note, to| {
        let done = call(&mut world, ana, |node, now| {
            node.carry(now, pack, note, &carry(to, Carry::Copy), false)
        });
        let done = done.unwrap();
        (done.written.unwrap(), done.masked.map(|(copy, _)| copy))
    };
    let (second, second_copy) = copied(from, original, packs[0]);
    let (third, third_copy) = copied(packs[0], second, packs[1]);
    let (lone_there, _) = copied(from, lone, packs[0]);
    let done = say(&mut world, ana, from, original, Consent::new(Withdrawn));
    assert_eq!(done.copies.len(), 1);
    let reached: Vec<ItemId> = done.elsewhere.iter().map(|other| other.note.id).collect();
    assert_eq!(reached.len(), 4, "{reached:?}");
    assert!(
        done.elsewhere
            .iter()
            .all(|o| o.became == Elsewhere::Reached)
    );
    for (pack, notes) in [
        (from, [original, copy]),
        (packs[0], [second, second_copy.unwrap()]),
        (packs[1], [third, third_copy.unwrap()]),
    ] {
        for note in notes {
            assert_eq!(said(&mut world, ana, pack, note), Some(Withdrawn));
        }
    }
    assert_eq!(said(&mut world, ana, packs[0], lone_there), None);
    // Lifting it is for each of them alone, and whoever lifts one is told of the others.
    let lifted = say(&mut world, ana, from, original, Consent::new(Granted));
    assert_eq!(lifted.stricter.len(), 1);
    assert_eq!(lifted.stricter[0].id, copy);
    assert_eq!(lifted.elsewhere.len(), 4);
    assert!(
        lifted
            .elsewhere
            .iter()
            .all(|o| o.became == Elsewhere::Stricter)
    );
    assert_eq!(said(&mut world, ana, from, copy), Some(Withdrawn));
    assert_eq!(said(&mut world, ana, packs[0], second), Some(Withdrawn));
}

/// Goal: what was stated of a note and of what was carried from it is not taken back in one pack alone.
#[test]
fn undo_takes_no_statement_back_that_holds_in_other_packs_too() {
    let (mut world, ana, _, from) = two_in_one_pack(47, Role::Editor, Internal);
    let to = create(&mut world, ana, &secret("other"));
    let note = add(&mut world, ana, from, "note", Internal);
    say(&mut world, ana, from, note, Consent::new(Granted));
    let alone = say(&mut world, ana, from, note, Consent::new(Limited));
    assert!(alone.elsewhere.is_empty());
    undo(&mut world, ana, from);
    assert_eq!(said(&mut world, ana, from, note), Some(Granted));
    let done = call(&mut world, ana, |node, now| {
        node.carry(now, from, note, &carry(to, Carry::Copy), false)
    });
    let there = done.unwrap().written.unwrap();
    say(&mut world, ana, from, note, Consent::new(Withdrawn));
    for (pack, id) in [(to, there), (from, note)] {
        for only in [None, Some(id)] {
            let refused = call(&mut world, ana, |node, now| {
                node.undo(now, pack, only, false)
            });
            assert!(
                matches!(
                    refused,
                    Err(NodeError::BeyondUndo(Beyond::ConsentElsewhere(of))) if of == id
                ),
                "{refused:?}"
            );
        }
        assert_eq!(said(&mut world, ana, pack, id), Some(Withdrawn));
    }
}

/// Goal: where this person may not write any more, they are told that the note stands as before.
#[test]
fn a_note_elsewhere_that_may_not_be_written_is_named() {
    let (mut world, ana, ben, from) = two_in_one_pack(42, Role::Editor, Internal);
    let own = create(&mut world, ben, &secret("own"));
    let note = add(&mut world, ben, own, "note", Internal);
    let done = call(&mut world, ben, |node, now| {
        node.carry(now, own, note, &carry(from, Carry::Copy), false)
    });
    let there = done.unwrap().written.unwrap();
    settle(&mut world);
    let ben_is = world.node(ben).me().person;
    remove_person(&mut world, ana, from, ben_is);
    settle(&mut world);
    let done = say(&mut world, ben, own, note, Consent::new(Withdrawn));
    assert_eq!(done.elsewhere[0].note.id, there);
    assert!(matches!(done.elsewhere[0].became, Elsewhere::Failed(_)));
}

/// Goal: a note that comes back where it was moved from brings the strictest consent of both.
#[test]
fn a_note_that_comes_back_is_as_strict_as_where_it_was() {
    for by_undo in [true, false] {
        let (mut world, ana, _, from) = two_in_one_pack(43, Role::Editor, Internal);
        let to = create(&mut world, ana, &secret("other"));
        let (original, copy) = add_pair(&mut world, ana, from, "pair");
        say(&mut world, ana, from, original, Consent::new(Granted));
        let done = call(&mut world, ana, |node, now| {
            node.carry(now, from, original, &carry(to, Carry::Move), false)
        });
        let there = done.unwrap().written.unwrap();
        let done = say(&mut world, ana, to, there, Consent::new(Withdrawn));
        // Back along the move, though it is deleted there.
        assert_eq!(done.elsewhere.len(), 2, "{:?}", done.elsewhere);
        for note in [original, copy] {
            assert_eq!(said(&mut world, ana, from, note), Some(Withdrawn));
        }
        // And what was said where nothing led back is met when the note comes.
        let other = add(&mut world, ana, from, "second", Internal);
        let copied = call(&mut world, ana, |node, now| {
            node.carry(now, from, other, &carry(to, Carry::Copy), false)
        });
        let copied = copied.unwrap().written.unwrap();
        call(&mut world, ana, |node, now| {
            node.set_deleted(now, from, other, true, Along::All, false)
        })
        .unwrap();
        say(&mut world, ana, to, copied, Consent::new(Withdrawn));
        assert_eq!(said(&mut world, ana, from, other), None);
        if by_undo {
            let undone = undo(&mut world, ana, from);
            assert_eq!((undone.what, undone.id), (UndoneWrite::Deleted, other));
        } else {
            call(&mut world, ana, |node, now| {
                node.set_deleted(now, from, other, false, Along::All, false)
            })
            .unwrap();
        }
        let back = show(&mut world, ana, from, other);
        assert_eq!(back.status, "active");
        assert_eq!(
            back.consent.unwrap().status,
            Withdrawn,
            "by undo: {by_undo}"
        );
    }
}

/// Goal: who takes a consent back does not forget whom it is about, what for, and what shows it.
#[test]
fn a_statement_keeps_what_it_does_not_say_anew() {
    let (mut world, ana, _, pack) = two_in_one_pack(44, Role::Editor, Internal);
    let note = add(&mut world, ana, pack, "note", Internal);
    let first = Consent {
        purposes: ["support".to_owned()].into(),
        subject: Some("Joe".into()),
        given_at: Some(kitbag_core::id::Timestamp::from_millis(5)),
        evidence: Some("ticket 12".into()),
        ..Consent::new(Granted)
    };
    say(&mut world, ana, pack, note, first.clone());
    say(&mut world, ana, pack, note, Consent::new(Withdrawn));
    let stands = show(&mut world, ana, pack, note).consent.unwrap();
    let kept = Consent {
        status: Withdrawn,
        ..first.clone()
    };
    assert_eq!(stands, kept);
    let anew = Consent {
        subject: Some("Joe Doe".into()),
        ..Consent::new(Limited)
    };
    say(&mut world, ana, pack, note, anew);
    let stands = show(&mut world, ana, pack, note).consent.unwrap();
    assert_eq!(stands.subject.as_deref(), Some("Joe Doe"));
    assert_eq!((stands.given_at, &stands.purposes), (None, &first.purposes));
    assert_eq!(stands.evidence, first.evidence);
    // A new grant for everything is for everything.
    say(&mut world, ana, pack, note, Consent::new(Granted));
    let stands = show(&mut world, ana, pack, note).consent.unwrap();
    assert!(stands.purposes.is_empty());
}

/// Goal: what somebody else wrote into a note of mine does not arrive in another pack as my own.
#[test]
fn a_note_that_another_person_edited_arrives_as_theirs() {
    let (mut world, ana, ben, from) = two_in_one_pack(45, Role::Editor, Internal);
    let to = create(&mut world, ana, &secret("other"));
    let [mine, theirs] = ["mine", "theirs"].map(|text| add(&mut world, ana, from, text, Internal));
    set_body(&mut world, ana, from, mine, &secret("by Ana"));
    settle(&mut world);
    set_body(&mut world, ben, from, theirs, &secret("by Ben"));
    settle(&mut world);
    for (note, trust) in [(mine, "first_party"), (theirs, "third_party")] {
        let done = call(&mut world, ana, |node, now| {
            node.carry(now, from, note, &carry(to, Carry::Copy), false)
        });
        let there = done.unwrap().written.unwrap();
        assert_eq!(show(&mut world, ana, to, there).trust, trust);
    }
}
