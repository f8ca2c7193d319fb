//! Notes that say that they were made from, or replace, notes of another pack of this device.

use super::support::*;
use kitbag_core::id::{ImportKey, ItemId, PackId, Timestamp};
use kitbag_core::pack::Record;
use kitbag_core::pack::note::{Consent, ConsentStatus, NoteType, Pii, Source, SourceKind, Trust};
use kitbag_core::policy::rules::{Client, LimitsChange, Rules, RulesChange, Setting};
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_core::release::{ConsentGap, Destination, Point, RuleName, Withheld};
use kitbag_node::capturing::{Became, Captured, Incoming};
use kitbag_node::carrying::{Carry, CarryOptions};
use kitbag_node::made_from::Crossing;
use kitbag_node::undo::Along;
use kitbag_node::view::{NewNote, NoteEdit};
use kitbag_node::{Denied, NodeError};
use kitbag_testkit::{Called, Who, World};

use Sensitivity::{Internal, Restricted};

fn pack_of(world: &mut World, who: Who, client: Option<&str>) -> PackId {
    let rules = Rules {
        client: client.map(|label| Client::new(label).unwrap()),
        ..Rules::default()
    };
    let made = world.call(who, |node, now| {
        node.create_pack_with(now, &secret("pack"), Internal, &rules)
    });
    made.done().id
}

/// Row `n` of a file that says that it was made from these notes.
fn made_from(n: u8, from: &[ItemId]) -> Incoming {
    let source = Source {
        kind: SourceKind::File,
        label: secret("file"),
        uri: None,
        app: None,
        author: None,
        locator: None,
        captured_at: Timestamp::from_millis(0),
        observed_at: None,
        captured_by: String::new(),
        trust: Trust::FirstParty,
    };
    let mut record = Record::new([0; 16], NoteType::Summary, source);
    record.body = secret(&format!("summary {n}"));
    record.import = Some(ImportKey::from_bytes([n; 16]));
    record.derived_from = from.iter().copied().collect();
    Incoming::new(record)
}

fn across(note: Incoming) -> Incoming {
    Incoming {
        crossing: Crossing {
            across_clients: true,
            ..note.crossing
        },
        ..note
    }
}

fn capture(
    world: &mut World,
    who: Who,
    pack: PackId,
    notes: Vec<Incoming>,
) -> Vec<Result<Captured, NodeError>> {
    world.run(1);
    let done = world.call(who, |node, now| node.capture(now, pack, notes));
    done.done().notes
}

fn one(world: &mut World, who: Who, pack: PackId, note: Incoming) -> Result<Became, Withheld> {
    match capture(world, who, pack, vec![note]).remove(0) {
        Ok(captured) => Ok(captured.became),
        Err(NodeError::Denied(Denied::MadeFrom(kept))) => Err(kept.why),
        Err(other) => panic!("{other:?}"),
    }
}

fn state(world: &mut World, who: Who, pack: PackId, note: ItemId, status: ConsentStatus) {
    let edit = NoteEdit {
        consent: Some(Consent::new(status)),
        ..NoteEdit::default()
    };
    let edited = world.call(who, |node, now| node.edit_note(now, pack, note, &edit));
    assert!(edited.done().is_some());
}

fn count(world: &mut World, who: Who, pack: PackId) -> usize {
    world.node(who).notes(pack).unwrap().len()
}

/// Goal: what was made from a note of one client comes into no pack of another, nor of nobody, however
/// the note is named and whether its pack sleeps; that note alone is refused, and a person may say
/// that it comes. Notes of the same client, of nobody and of nowhere are no concern.
#[test]
fn what_was_made_from_a_note_of_another_client_is_refused_alone() {
    let mut world = World::new(901);
    let ana = world.add(&secret("Ana"));
    let acme = pack_of(&mut world, ana, Some("Acme"));
    let acme_too = pack_of(&mut world, ana, Some("ACME"));
    let globex = pack_of(&mut world, ana, Some("Globex"));
    let nobodys = pack_of(&mut world, ana, None);
    let call = add(&mut world, ana, acme, "call", Internal);
    let free = add(&mut world, ana, nobodys, "free", Internal);
    let nowhere = ItemId::from_bytes([9; 32]);
    for restarted in [false, true] {
        if restarted {
            world.kill(ana);
            world.start(ana);
        }
        let n = 10 * u8::from(restarted);
        for to in [globex, nobodys] {
            let before = count(&mut world, ana, to);
            let mut replaces = made_from(n + 1, &[]);
            replaces.record.supersedes = [call].into();
            let mut was = made_from(n + 2, &[]);
            was.was = Some(call);
            let notes = vec![made_from(n + 3, &[nowhere, call]), replaces, was];
            for (refused, by) in
                capture(&mut world, ana, to, notes)
                    .iter()
                    .zip(["derived", "supersedes", "was"])
            {
                let Err(NodeError::Denied(denied @ Denied::MadeFrom(kept))) = refused else {
                    panic!("{by}: {refused:?}");
                };
                assert_eq!(
                    (kept.pack, kept.note, kept.why),
                    (acme, call, Withheld::Client)
                );
                assert!(denied.to_string().starts_with("wall client: "), "{denied}");
                assert!(
                    denied.to_string().contains(&call.to_string()[..10]),
                    "{denied}"
                );
            }
            assert_eq!(count(&mut world, ana, to), before, "nothing was written");
        }
        let notes = vec![
            made_from(n + 4, &[call]),
            made_from(n + 5, &[free, nowhere]),
        ];
        let mixed = capture(&mut world, ana, globex, notes);
        assert!(mixed[0].is_err() && mixed[1].is_ok(), "{mixed:?}");
        let own = one(&mut world, ana, acme_too, made_from(n + 6, &[call]));
        assert_eq!(own, Ok(Became::Added));
        let said = one(&mut world, ana, globex, across(made_from(n + 7, &[call])));
        assert_eq!(said, Ok(Became::Added));
        let again = one(&mut world, ana, globex, made_from(n + 7, &[call]));
        assert_eq!(again, Ok(Became::Unchanged), "it is there");
    }
    let by_hand = NewNote {
        derived_from: vec![call],
        ..draft("by hand", Internal)
    };
    let refused = world.call(ana, |node, now| {
        node.add_notes(now, globex, std::slice::from_ref(&by_hand))
    });
    assert!(matches!(
        refused,
        Called::Refused(NodeError::Denied(Denied::MadeFrom(_)))
    ));
    let by_hand = NewNote {
        across_clients: true,
        ..by_hand
    };
    let added = world.call(ana, |node, now| node.add_notes(now, globex, &[by_hand]));
    let added = added.done()[0].id;
    assert_eq!(show(&mut world, ana, globex, added).derived_from, [call]);
}

/// Goal: consent and rules of the note that it was made from decide as for a copy of that; a person's
/// word lifts the wall only. That the note is deleted or redacted by now is no reason.
#[test]
fn consents_and_rules_of_the_note_that_it_was_made_from_decide() {
    let mut world = World::new(902);
    let ana = world.add(&secret("Ana"));
    let (from, to) = (
        pack_of(&mut world, ana, None),
        pack_of(&mut world, ana, None),
    );
    let note = add(&mut world, ana, from, "call", Internal);
    let withdrawn = Withheld::Consent(ConsentGap::Withdrawn);
    state(&mut world, ana, from, note, ConsentStatus::Withdrawn);
    assert_eq!(
        one(&mut world, ana, to, made_from(1, &[note])),
        Err(withdrawn)
    );
    assert_eq!(
        one(&mut world, ana, to, across(made_from(1, &[note]))),
        Err(withdrawn)
    );
    state(&mut world, ana, from, note, ConsentStatus::Granted);
    assert_eq!(
        one(&mut world, ana, to, made_from(1, &[note])),
        Ok(Became::Added)
    );

    let mut limited = Consent::new(ConsentStatus::Limited);
    limited.purposes = ["support".to_owned()].into();
    let edit = NoteEdit {
        consent: Some(limited),
        ..NoteEdit::default()
    };
    world
        .call(ana, |node, now| node.edit_note(now, from, note, &edit))
        .done();
    let purpose = Withheld::Consent(ConsentGap::Purpose);
    assert_eq!(
        one(&mut world, ana, to, made_from(2, &[note])),
        Err(purpose)
    );
    let mut for_support = made_from(2, &[note]);
    for_support.crossing.purpose = Some("support".to_owned());
    assert_eq!(one(&mut world, ana, to, for_support), Ok(Became::Added));
    state(&mut world, ana, from, note, ConsentStatus::Granted);

    let limits = LimitsChange {
        max_sensitivity: Setting::To(Sensitivity::Public),
        ..LimitsChange::default()
    };
    let rules = |max: LimitsChange| RulesChange {
        limits: [(Destination::Pack, max)].into(),
        ..RulesChange::default()
    };
    world
        .call(ana, |node, now| {
            node.change_rules(now, from, &rules(limits), false)
        })
        .done();
    let above = Withheld::Rule(RuleName {
        destination: Destination::Pack,
        point: Point::MaxSensitivity,
    });
    assert_eq!(one(&mut world, ana, to, made_from(3, &[note])), Err(above));
    let none = LimitsChange {
        max_sensitivity: Setting::Clear,
        ..LimitsChange::default()
    };
    world
        .call(ana, |node, now| {
            node.change_rules(now, from, &rules(none), false)
        })
        .done();
    world
        .call(ana, |node, now| {
            node.set_deleted(now, from, note, true, Along::All, false)
        })
        .done();
    assert_eq!(
        one(&mut world, ana, to, made_from(4, &[note])),
        Ok(Became::Added)
    );
}

/// Goal: a note that only says that it was made from one that its author never read takes no statement, and
/// makes none; one of somebody who reads it does.
#[test]
fn who_cannot_read_a_note_has_not_carried_it() {
    let (mut world, ana, ben, shared) = two_in_one_pack(905, Role::Editor, Internal);
    let own = pack_of(&mut world, ana, None);
    let note = add(&mut world, ana, own, "call", Internal);
    let captured_at = show(&mut world, ana, own, note).captured_at;
    let forged = Incoming {
        captured_at: Some(captured_at),
        ..made_from(7, &[note])
    };
    let forged = capture(&mut world, ben, shared, vec![forged])
        .remove(0)
        .unwrap()
        .id
        .unwrap();
    settle(&mut world);
    assert_eq!(
        show(&mut world, ana, shared, forged).captured_at,
        captured_at
    );
    state(&mut world, ana, own, note, ConsentStatus::Withdrawn);
    settle(&mut world);
    assert_eq!(show(&mut world, ben, shared, forged).consent, None);
    let honest = add(&mut world, ana, own, "mail", Internal);
    let options = CarryOptions {
        to: shared,
        carry: Carry::Copy,
        sensitivity: None,
        purpose: None,
        across_clients: false,
    };
    let there = world.call(ana, |node, now| {
        node.carry(now, own, honest, &options, false)
    });
    let there = there.done().written.unwrap();
    state(&mut world, ana, own, honest, ConsentStatus::Withdrawn);
    let stands = show(&mut world, ana, shared, there).consent.unwrap();
    assert_eq!(stands.status, ConsentStatus::Withdrawn);
}

/// Goal: a masked copy that left is judged as what it is, not as the original that it names; and a copy
/// that a person carries needs nothing said twice.
#[test]
fn a_masked_copy_that_left_is_not_judged_as_its_original() {
    let mut world = World::new(903);
    let ana = world.add(&secret("Ana"));
    let (from, to) = (
        pack_of(&mut world, ana, None),
        pack_of(&mut world, ana, None),
    );
    let limits = LimitsChange {
        max_sensitivity: Setting::To(Internal),
        ..LimitsChange::default()
    };
    let rules = RulesChange {
        limits: [(Destination::Pack, limits)].into(),
        ..RulesChange::default()
    };
    world
        .call(ana, |node, now| node.change_rules(now, from, &rules, false))
        .done();
    let mut pair = made_from(1, &[]);
    pair.record.pii = [Pii::Email].into();
    pair.sensitivity = Some(Restricted);
    pair.masked = Some(Box::new((made_from(2, &[]).record, Some(Internal))));
    let written = capture(&mut world, ana, from, vec![pair])
        .remove(0)
        .unwrap();
    let (original, copy) = (written.id.unwrap(), written.masked.unwrap().0);
    let mut left = made_from(3, &[original]);
    left.was = Some(copy);
    assert_eq!(one(&mut world, ana, to, left), Ok(Became::Added));
    let derived = one(&mut world, ana, to, made_from(4, &[original]));
    assert!(matches!(derived, Err(Withheld::Rule(_))), "{derived:?}");

    let acme = pack_of(&mut world, ana, Some("Acme"));
    let call = add(&mut world, ana, acme, "call", Internal);
    let options = CarryOptions {
        to,
        carry: Carry::Copy,
        sensitivity: None,
        purpose: None,
        across_clients: true,
    };
    let carried = world.call(ana, |node, now| {
        node.carry(now, acme, call, &options, false)
    });
    assert!(carried.done().crosses_clients);
}
