//! What people see of a note's past, of many notes in order, and of a pack before they share it.

use super::support::*;
use kitbag_core::id::Timestamp;
use kitbag_core::pack::DateEdit;
use kitbag_core::pack::note::{Claim, Consent, ConsentStatus};
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_node::undo::Along;
use kitbag_node::view::{ChangedValue, FieldChange, NewNote, NewSource, NoteEdit, ShareOptions};
use kitbag_testkit::{Who, World};

fn rewrite(title: &str, body: &str) -> NoteEdit {
    NoteEdit {
        title: Some(secret(title)),
        body: Some(secret(body)),
        ..NoteEdit::default()
    }
}

/// Goal: what two people wrote at the same time stands in the history as each of them left it, the same
/// on both devices; what stands after both builds on both.
#[test]
fn each_step_of_a_history_is_what_its_author_left() {
    let (mut world, ana, ben, pack) = two_in_one_pack(71, Role::Editor, Sensitivity::Internal);
    let note = add(&mut world, ana, pack, "plan", Sensitivity::Internal);
    world.dial(ana, ben);
    settle(&mut world);
    world.disconnect_all();
    for (who, edit) in [
        (ana, rewrite("Ana's title", "all of it is Ana's")),
        (ben, rewrite("what Ben calls it", "and Ben wrote this")),
    ] {
        world
            .call(who, |node, now| node.edit_note(now, pack, note, &edit))
            .done();
    }
    world.dial(ana, ben);
    settle(&mut world);
    let merged = show(&mut world, ana, pack, note);
    set_body(&mut world, ben, pack, note, &secret("both agree"));
    settle(&mut world);
    let history = world.node(ana).history(pack, note).unwrap();
    assert_eq!(history, world.node(ben).history(pack, note).unwrap());
    let told: Vec<_> = history
        .iter()
        .map(|step| (step.what.as_str(), step.title.clone(), step.body.clone()))
        .collect();
    let of = |what, title: &str, body: &str| (what, secret(title), secret(body));
    assert_eq!(told.len(), 4, "{told:?}");
    assert_eq!(told[0], of("added", "plan title", "plan body"));
    assert!(told[1..3].contains(&of("edited", "Ana's title", "all of it is Ana's")));
    assert!(told[1..3].contains(&of("edited", "what Ben calls it", "and Ben wrote this")));
    assert_eq!(
        told[3],
        ("edited", merged.title, secret("both agree")),
        "built on both"
    );
}

/// Goal: each step says what its author changed in each field, not what others changed at the same
/// time; once a note is redacted no step tells tags or titles any more.
#[test]
fn each_step_of_a_history_says_which_fields_it_changed() {
    let (mut world, ana, ben, pack) = two_in_one_pack(73, Role::Editor, Sensitivity::Internal);
    let note = add(&mut world, ana, pack, "plan", Sensitivity::Internal);
    world.dial(ana, ben);
    settle(&mut world);
    world.disconnect_all();
    let tagged = NoteEdit {
        add_tags: vec![secret("urgent")],
        ..NoteEdit::default()
    };
    let until = Timestamp::from_millis(1_900_000_000_000);
    let stated = NoteEdit {
        consent: Some(Consent::new(ConsentStatus::Withdrawn)),
        claim: Some(Claim::Inference),
        pinned: Some(true),
        valid_to: DateEdit::Set(until),
        ..NoteEdit::default()
    };
    for (who, edit) in [(ana, tagged), (ben, stated)] {
        world
            .call(who, |node, now| node.edit_note(now, pack, note, &edit))
            .done();
    }
    world.dial(ana, ben);
    settle(&mut world);
    set_body(&mut world, ben, pack, note, &secret("another text"));
    let untagged = NoteEdit {
        remove_tags: vec![secret("urgent")],
        valid_to: DateEdit::Clear,
        ..NoteEdit::default()
    };
    world
        .call(ben, |node, now| node.edit_note(now, pack, note, &untagged))
        .done();
    settle(&mut world);
    let value = |text: &str| Some(ChangedValue::Text(text.to_owned()));
    let of = |field| FieldChange {
        field,
        from: None,
        to: None,
        added: vec![],
        removed: vec![],
    };
    let changes = |world: &mut World, who| {
        let history = world.node(who).history(pack, note).unwrap();
        let steps = history.into_iter().map(|step| step.changes);
        steps.collect::<Vec<_>>()
    };
    let told = changes(&mut world, ana);
    assert_eq!(told, changes(&mut world, ben));
    assert_eq!(told.len(), 5, "{told:?}");
    assert_eq!(told[0], []);
    let tag_added = vec![FieldChange {
        added: vec![secret("urgent")],
        ..of("tags")
    }];
    let said = vec![
        FieldChange {
            to: value("inference"),
            ..of("claim")
        },
        FieldChange {
            from: value("no"),
            to: value("yes"),
            ..of("pinned")
        },
        FieldChange {
            to: Some(ChangedValue::At(until)),
            ..of("valid_to")
        },
        FieldChange {
            to: value("withdrawn"),
            ..of("consent.status")
        },
    ];
    assert!(told[1..3].contains(&tag_added), "{told:?}");
    assert!(told[1..3].contains(&said), "{told:?}");
    assert_eq!(told[3], [of("text")], "built on both");
    let last = [
        FieldChange {
            removed: vec![secret("urgent")],
            ..of("tags")
        },
        FieldChange {
            from: Some(ChangedValue::At(until)),
            ..of("valid_to")
        },
    ];
    assert_eq!(told[4], last);
    world
        .call(ana, |node, now| {
            node.redact(now, pack, note, "asked", false)
        })
        .done();
    settle(&mut world);
    for who in [ana, ben] {
        let told = format!("{:?}", changes(&mut world, who));
        assert!(!told.contains(&secret("urgent")), "{told}");
    }
}

/// Goal: a history says of a step that it deleted the note, or brought it back, whatever somebody else
/// wrote meanwhile.
#[test]
fn a_history_says_who_deleted_and_who_restored() {
    let (mut world, ana, ben, pack) = two_in_one_pack(72, Role::Editor, Sensitivity::Internal);
    let note = add(&mut world, ana, pack, "plan", Sensitivity::Internal);
    world.dial(ana, ben);
    settle(&mut world);
    world.disconnect_all();
    put_away(&mut world, ana, pack, note, true);
    let edit = rewrite("new", "text");
    world
        .call(ben, |node, now| node.edit_note(now, pack, note, &edit))
        .done();
    world.dial(ana, ben);
    settle(&mut world);
    put_away(&mut world, ben, pack, note, false);
    settle(&mut world);
    let history = world.node(ana).history(pack, note).unwrap();
    assert_eq!(history, world.node(ben).history(pack, note).unwrap());
    let mut told: Vec<&str> = history.iter().map(|step| step.what.as_str()).collect();
    assert_eq!((told[0], told[3]), ("added", "restored"));
    told[1..3].sort_unstable();
    assert_eq!(told[1..3], ["deleted", "edited"]);
}

fn put_away(
    world: &mut World,
    who: Who,
    pack: kitbag_core::id::PackId,
    note: kitbag_core::id::ItemId,
    away: bool,
) {
    world
        .call(who, |node, now| {
            node.set_deleted(now, pack, note, away, Along::All, false)
        })
        .done();
}

/// Goal: notes stand in the same order on every device, the oldest first, and notes that were added
/// together in the order in which they were given.
#[test]
fn notes_are_listed_in_the_same_order_everywhere() {
    let (mut world, ana, ben, pack) = two_in_one_pack(73, Role::Editor, Sensitivity::Internal);
    world.dial(ana, ben);
    settle(&mut world);
    world.disconnect_all();
    let mut batches = Vec::new();
    for round in 0..6 {
        let who = [ana, ben][round % 2];
        let batch: Vec<NewNote> = (0..3)
            .map(|n| NewNote {
                title: secret(&format!("{round} {n}")),
                source: NewSource {
                    label: secret("a list"),
                    ..NewSource::default()
                },
                // Each lies in another log than the ones before.
                sensitivity: Some([Sensitivity::Internal, Sensitivity::Public][round / 2 % 2]),
                ..NewNote::default()
            })
            .collect();
        let titles: Vec<String> = batch.iter().map(|note| note.title.clone()).collect();
        batches.push((world.clock(who), titles));
        world
            .call(who, |node, now| node.add_notes(now, pack, &batch))
            .done();
        world.run(1_000);
    }
    batches.sort(); // their clocks may differ
    let titles: Vec<String> = batches.into_iter().flat_map(|(_, titles)| titles).collect();
    world.dial(ana, ben);
    settle(&mut world);
    for who in [ana, ben] {
        let listed = world.node(who).notes(pack).unwrap();
        let listed: Vec<String> = listed.into_iter().map(|note| note.title).collect();
        assert_eq!(listed, titles);
    }
}

/// Goal: before somebody shares, they are told of as many notes as the joiner will see in a list, and
/// of no title that the joiner will not see.
#[test]
fn a_preview_counts_no_deleted_note_and_tells_the_title_that_the_joiner_opens() {
    let mut world = World::new(74);
    let ana = world.add(&secret("Ana"));
    let pack = create(&mut world, ana, &secret("an internal title"));
    let mut notes = Vec::new();
    for text in ["one", "two", "three"] {
        notes.push(add(&mut world, ana, pack, text, Sensitivity::Public));
    }
    add(&mut world, ana, pack, "four", Sensitivity::Confidential);
    put_away(&mut world, ana, pack, notes[1], true);
    let mut terms = |clearance| {
        let options = ShareOptions {
            role: Role::Reader,
            clearance,
            uses: 1,
            expires_at: None,
            ask: false,
        };
        let terms = world
            .call(ana, |node, now| node.preview_share(now, pack, &options))
            .done();
        (terms.opens, terms.joiner_title)
    };
    let title = secret("an internal title");
    assert_eq!(terms(Sensitivity::Public), (2, String::new()));
    assert_eq!(terms(Sensitivity::Internal), (2, title.clone()));
    assert_eq!(terms(Sensitivity::Confidential), (3, title));
}
