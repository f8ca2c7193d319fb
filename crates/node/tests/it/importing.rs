//! Notes of other systems: known again whatever became of them here, and never taken in below the place
//! where somebody put them.

use super::support::*;
use kitbag_core::id::{ImportKey, ItemId, PackId, Timestamp};
use kitbag_core::pack::Record;
use kitbag_core::pack::note::{Consent, ConsentStatus, NoteType, Source, SourceKind, Trust};
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_node::capturing::{Became, Captured, Incoming, Telling};
use kitbag_node::undo::Along;
use kitbag_node::view::NoteEdit;
use kitbag_node::{Denied, NodeError};
use kitbag_testkit::{Opened, Who, World};

use Sensitivity::{Confidential, Internal, Restricted};

/// Row `n` of a file, with this text.
fn row(n: u8, text: &str) -> Incoming {
    let source = Source {
        kind: SourceKind::Crm,
        label: secret(&format!("contacts · row {n}")),
        uri: None,
        app: None,
        author: None,
        locator: Some(format!("row {n}")),
        captured_at: Timestamp::from_millis(0),
        observed_at: None,
        captured_by: "whoever the file says".into(),
        trust: Trust::FirstParty,
    };
    let mut record = Record::new([0; 16], NoteType::Record, source);
    record.body = secret(text);
    record.import = Some(ImportKey::from_bytes([n; 16]));
    Incoming::new(record)
}

fn at(sensitivity: Sensitivity, note: Incoming) -> Incoming {
    Incoming {
        sensitivity: Some(sensitivity),
        ..note
    }
}

fn import(
    world: &mut World,
    who: Who,
    pack: PackId,
    notes: Vec<Incoming>,
) -> Vec<Result<Captured, NodeError>> {
    let imported = world.call(who, |node, now| node.capture(now, pack, notes));
    imported.done().notes
}

fn became(notes: &[Result<Captured, NodeError>]) -> Vec<Became> {
    notes.iter().flatten().map(|note| note.became).collect()
}

fn id(note: &Result<Captured, NodeError>) -> ItemId {
    note.as_ref().unwrap().id.unwrap()
}

fn count(world: &mut World, who: Who, pack: PackId) -> usize {
    world.node(who).notes(pack).unwrap().len()
}

#[test]
fn the_same_again_is_one_note_in_any_order_and_for_every_member() {
    let (mut world, ana, ben, pack) = two_in_one_pack(1, Role::Editor, Internal);
    let rows = || vec![row(1, "Ada"), row(2, "Bo"), row(3, "Cy"), row(2, "Bo")];
    let first = import(&mut world, ana, pack, rows());
    assert_eq!(
        became(&first),
        [
            Became::Added,
            Became::Added,
            Became::Added,
            Became::Unchanged
        ]
    );
    assert_eq!(id(&first[1]), id(&first[3]));
    settle(&mut world);
    for who in [ana, ben] {
        let mut again = rows();
        again.reverse();
        for note in &mut again {
            note.record.source.label = "the file under another name".into();
            note.record.source.locator = None;
        }
        let again = import(&mut world, who, pack, again);
        assert_eq!(became(&again), [Became::Unchanged; 4]);
        assert_eq!(id(&again[3]), id(&first[0]));
    }
    assert_eq!(count(&mut world, ana, pack), 3);
    let changed = import(&mut world, ana, pack, vec![row(1, "Ada Lovelace")]);
    assert_eq!(
        became(&changed),
        [Became::Added],
        "another text is another note"
    );
}

#[test]
fn who_took_a_note_in_and_how_far_it_is_trusted_is_never_the_files_to_say() {
    let (mut world, ana, _, pack) = two_in_one_pack(2, Role::Editor, Internal);
    let id = id(&import(&mut world, ana, pack, vec![row(1, "Ada")])[0]);
    let note = show(&mut world, ana, pack, id);
    assert_eq!(note.trust, "untrusted_external");
    assert!(note.captured_by.contains("Ana"), "{}", note.captured_by);
    assert!(note.captured_at > Timestamp::from_millis(0));
}

#[test]
fn an_edited_a_deleted_and_a_raised_note_are_known_again() {
    let (mut world, ana, ben, pack) = two_in_one_pack(3, Role::Editor, Internal);
    let rows = || (1..=4).map(|n| row(n, "text")).collect::<Vec<_>>();
    let ids: Vec<ItemId> = import(&mut world, ben, pack, rows())
        .iter()
        .map(id)
        .collect();
    settle(&mut world);
    set_body(&mut world, ana, pack, ids[0], "edited");
    world
        .call(ana, |node, now| {
            node.set_deleted(now, pack, ids[1], true, Along::All, false)
        })
        .done();
    world
        .call(ana, |node, now| {
            node.relabel(now, pack, ids[2], Confidential)
        })
        .done();
    settle(&mut world);
    // Once from what is known, and once after everything was read from disk anew.
    for _ in 0..2 {
        let by_ben = import(&mut world, ben, pack, rows());
        let expected = [
            Became::Unchanged,
            Became::Deleted,
            Became::Above,
            Became::Unchanged,
        ];
        assert_eq!(became(&by_ben), expected);
        assert_eq!(by_ben[2].as_ref().unwrap().id, None);
        assert_eq!(count(&mut world, ben, pack), 3);
        let by_ana = import(&mut world, ana, pack, rows());
        assert_eq!(became(&by_ana)[2], Became::Unchanged);
        assert_eq!(by_ana[2].as_ref().unwrap().sensitivity, Some(Confidential));
        for who in [ana, ben] {
            world.kill(who);
            assert!(matches!(world.start(who), Opened::Up), "opens again");
        }
    }
}

#[test]
fn a_copy_without_personal_data_stands_beside_its_original() {
    let (mut world, ana, ben, pack) = two_in_one_pack(4, Role::Editor, Internal);
    let note = || {
        let mut masked = row(1, "born on [date of birth]").record;
        masked.import = None;
        Incoming {
            masked: Some(Box::new((masked, Some(Internal)))),
            ..at(Restricted, row(1, "born on 1990-04-05"))
        }
    };
    let first = import(&mut world, ana, pack, vec![note(), note()]);
    assert_eq!(became(&first), [Became::Added, Became::Unchanged]);
    let (copy, copied_to) = first[0].as_ref().unwrap().masked.unwrap();
    assert_eq!(copied_to, Internal);
    assert!(first[1].as_ref().unwrap().masked.is_none());
    settle(&mut world);
    let listed = world.node(ben).notes(pack).unwrap();
    let listed: Vec<ItemId> = listed.iter().map(|note| note.id).collect();
    assert_eq!(listed, [copy], "Ben has the copy and nothing else");
    let exported = world.node(ana).export_page(
        Timestamp::from_millis(1),
        &kitbag_node::finding::ExportOptions {
            pack,
            listed: kitbag_core::filter::Listed::Kept,
            filter: Default::default(),
            max_sensitivity: Some(Restricted),
            purpose: None,
            format: None,
            client: None,
            across_clients: false,
            only: None,
            beside: vec![],
            redacts: false,
            with_copies: false,
        },
        &[copy],
    );
    let exported = exported.unwrap();
    let from = &exported.notes[0].record.derived_from;
    assert_eq!(from.iter().copied().collect::<Vec<_>>(), [id(&first[0])]);
    assert_eq!(
        became(&import(&mut world, ana, pack, vec![note()])),
        [Became::Unchanged]
    );
    assert_eq!(count(&mut world, ana, pack), 2);

    // Ben may not write the original, so neither is written, and the rest is.
    let mut other = note();
    other.record.body = "born on 1991-05-06".into();
    let refused = import(&mut world, ben, pack, vec![other, row(2, "Bo")]);
    assert!(
        matches!(&refused[0], Err(NodeError::Denied(Denied::AboveClearance))),
        "{refused:?}"
    );
    assert_eq!(became(&refused), [Became::Added]);
    assert_eq!(count(&mut world, ben, pack), 2);
}

#[test]
fn a_note_that_cannot_be_taken_in_does_not_keep_the_others_out() {
    let (mut world, ana, ben, pack) = two_in_one_pack(5, Role::Editor, Internal);
    let mut unlabelled = row(2, "text");
    unlabelled.record.source.label = "  ".into();
    let mut empty = row(3, "");
    empty.record.body = " \n".into();
    let mut far = row(4, "text");
    far.record.expires_at = Some(Timestamp::from_millis(u64::MAX));
    let notes = vec![
        row(1, "text"),
        unlabelled,
        empty,
        far,
        at(Restricted, row(5, "text")),
        row(6, "text"),
    ];
    let done = import(&mut world, ben, pack, notes);
    let kept: Vec<bool> = done.iter().map(Result::is_ok).collect();
    assert_eq!(kept, [true, false, false, false, false, true]);
    assert_eq!(count(&mut world, ben, pack), 2);
    settle(&mut world);
    assert_eq!(count(&mut world, ana, pack), 2);

    let (mut world, _, reader, pack) = two_in_one_pack(6, Role::Reader, Internal);
    let done = import(&mut world, reader, pack, vec![row(1, "text")]);
    assert!(
        matches!(&done[0], Err(NodeError::Denied(Denied::NotAWriter))),
        "{done:?}"
    );
}

#[test]
fn an_import_again_makes_a_consent_stricter_and_never_looser() {
    let (mut world, ana, ben, pack) = two_in_one_pack(7, Role::Editor, Internal);
    let with = |status| {
        let mut note = row(1, "text");
        note.record.consent = Some(Consent::new(status));
        vec![note]
    };
    let stands = |world: &mut World, who, id| {
        let options = kitbag_node::finding::ExportOptions {
            pack,
            listed: kitbag_core::filter::Listed::Kept,
            filter: Default::default(),
            max_sensitivity: None,
            purpose: None,
            format: None,
            client: None,
            across_clients: false,
            only: None,
            beside: vec![],
            redacts: false,
            with_copies: false,
        };
        let page = world
            .node(who)
            .export_page(Timestamp::from_millis(1), &options, &[id]);
        page.unwrap().notes.len()
    };
    let first = import(&mut world, ana, pack, vec![row(1, "text")]);
    let id = id(&first[0]);
    assert_eq!(stands(&mut world, ana, id), 1);
    let steps = [
        (ConsentStatus::Granted, Became::Updated, 1),
        (ConsentStatus::Granted, Became::Unchanged, 1),
        (ConsentStatus::Withdrawn, Became::Updated, 0),
        (ConsentStatus::Granted, Became::Unchanged, 0),
        (ConsentStatus::Withdrawn, Became::Unchanged, 0),
    ];
    for (status, expected, leave) in steps {
        let done = import(&mut world, ana, pack, with(status));
        assert_eq!(became(&done), [expected], "{status}");
        assert_eq!(stands(&mut world, ana, id), leave, "{status}");
    }
    settle(&mut world);
    assert_eq!(stands(&mut world, ben, id), 0);
}

#[test]
fn an_edit_in_between_does_not_bring_a_note_back() {
    let (mut world, ana, _, pack) = two_in_one_pack(8, Role::Editor, Internal);
    let first = import(&mut world, ana, pack, vec![row(1, "text")]);
    let edit = NoteEdit {
        title: Some("changed".into()),
        ..NoteEdit::default()
    };
    world
        .call(ana, |node, now| {
            node.edit_note(now, pack, id(&first[0]), &edit)
        })
        .done();
    let again = import(&mut world, ana, pack, vec![row(1, "text")]);
    assert_eq!(became(&again), [Became::Unchanged]);
    assert_eq!(show(&mut world, ana, pack, id(&again[0])).title, "changed");
}

/// Goal: nobody who reads a masked copy and not its original can try values against it: neither its
/// record nor the program tells whether one is right. Whoever reads both still reaches both.
#[test]
fn a_masked_copy_tells_no_guess_at_its_original() {
    let (mut world, ana, ben, pack) = two_in_one_pack(9, Role::Editor, Internal);
    let born = |text: &str| {
        let mut masked = row(1, "born on [date of birth]").record;
        masked.import = None;
        let mut note = row(1, text);
        note.record.pii = [kitbag_core::pack::note::Pii::DateOfBirth].into();
        Incoming {
            masked: Some(Box::new((masked, Some(Internal)))),
            ..at(Restricted, note)
        }
    };
    let key_of = |world: &mut World, pack, note| {
        let page = world.node(ana).export_page(
            Timestamp::from_millis(1),
            &kitbag_node::finding::ExportOptions {
                pack,
                listed: kitbag_core::filter::Listed::Kept,
                filter: Default::default(),
                max_sensitivity: Some(Restricted),
                purpose: None,
                format: None,
                client: None,
                across_clients: false,
                only: None,
                beside: vec![],
                redacts: false,
                with_copies: true,
            },
            &[note],
        );
        page.unwrap().notes[0].record.import.unwrap()
    };
    let first = import(&mut world, ana, pack, vec![born("born on 1990-04-05")]);
    let (original, copy) = (id(&first[0]), first[0].as_ref().unwrap().masked.unwrap().0);
    // The same content gives another key in another pack: nothing follows from content alone.
    let other = create(&mut world, ana, &secret("other"));
    let there = import(&mut world, ana, other, vec![born("born on 1990-04-05")]);
    let there = there[0].as_ref().unwrap().masked.unwrap().0;
    let keys = (
        key_of(&mut world, pack, copy),
        key_of(&mut world, other, there),
    );
    assert_ne!(keys.0, keys.1);
    settle(&mut world);
    // Ben guesses the row: its key is public arithmetic, and a consent would tell.
    let guess = |text: &str| {
        let mut guess = row(1, text);
        guess.record.consent = Some(Consent::new(ConsentStatus::Withdrawn));
        guess
    };
    import(&mut world, ben, pack, vec![guess("whatever")]);
    settle(&mut world);
    assert_eq!(show(&mut world, ben, pack, copy).consent, None);
    // Whoever reads the original states it for both, and the same again is one note.
    let again = import(&mut world, ana, pack, vec![born("born on 1990-04-05")]);
    assert_eq!(became(&again), [Became::Unchanged]);
    let mut stated = born("born on 1990-04-05");
    stated.record.consent = Some(Consent::new(ConsentStatus::Withdrawn));
    let again = import(&mut world, ana, pack, vec![stated]);
    assert_eq!(became(&again), [Became::Updated]);
    for note in [original, copy] {
        let stands = show(&mut world, ana, pack, note).consent.unwrap();
        assert_eq!(stands.status, ConsentStatus::Withdrawn);
    }
    let pairs = show(&mut world, ana, pack, original).masked_copies;
    assert_eq!(pairs.len(), 1);
}

/// The import key in the record of a note.
fn key_in_record(world: &mut World, who: Who, pack: PackId, note: ItemId) -> ImportKey {
    let options = kitbag_node::finding::ExportOptions {
        pack,
        listed: kitbag_core::filter::Listed::Kept,
        filter: Default::default(),
        max_sensitivity: Some(Restricted),
        purpose: None,
        format: None,
        client: None,
        across_clients: false,
        only: None,
        beside: vec![],
        redacts: false,
        with_copies: true,
    };
    let now = Timestamp::from_millis(1);
    let page = world.node(who).export_page(now, &options, &[note]);
    page.unwrap().notes[0].record.import.unwrap()
}

/// Goal: the key of what was said after something that fewer people may read tells them nothing of that;
/// what nobody may not read is known again by every member.
#[test]
fn a_message_after_a_restricted_one_tells_nothing_of_it() {
    let (mut world, ana, ben, pack) = two_in_one_pack(10, Role::Editor, Internal);
    let cleo = world.add(&secret("Cleo"));
    let ticket = share(&mut world, ana, pack, Role::Editor, Restricted);
    join(&mut world, cleo, ana, &ticket);
    let said = |number: u8, place, conversation| Incoming {
        telling: Telling {
            conversation: Some(conversation),
            ..Telling::default()
        },
        ..at(place, row(number, "said"))
    };
    let talk = || {
        vec![
            said(1, Internal, 1),
            said(2, Restricted, 1),
            said(3, Internal, 1),
            said(4, Internal, 2),
        ]
    };
    let first = import(&mut world, ana, pack, talk());
    let ids: Vec<ItemId> = first.iter().map(id).collect();
    let keys: Vec<ImportKey> = ids
        .iter()
        .map(|note| key_in_record(&mut world, ana, pack, *note))
        .collect();
    let plain = |number: u8| ImportKey::from_bytes([number; 16]);
    assert_eq!([keys[0], keys[1], keys[3]], [plain(1), plain(2), plain(4)]);
    assert_ne!(keys[2], plain(3));
    settle(&mut world);
    // Known again by whoever reads what it tells of: here, elsewhere, after the keys changed.
    for who in [ana, cleo] {
        let again = import(&mut world, who, pack, talk());
        assert_eq!(became(&again), [Became::Unchanged; 4]);
    }
    let dan = world.add(&secret("Dan"));
    let ticket = share(&mut world, ana, pack, Role::Reader, Restricted);
    join(&mut world, dan, ana, &ticket);
    let person = world.node(dan).me().person;
    remove_person(&mut world, ana, pack, person);
    let later = import(&mut world, ana, pack, vec![said(5, Restricted, 1)]);
    assert_eq!(became(&later), [Became::Added]);
    settle(&mut world);
    for who in [ana, cleo] {
        let again = import(&mut world, who, pack, talk());
        assert_eq!(became(&again), [Became::Unchanged; 4]);
    }
    // Ben cannot tell that it is there, nor write what would tell him; his own device knows what he took in.
    let stated = |note: Incoming| {
        let mut note = note;
        note.record.consent = Some(Consent::new(ConsentStatus::Withdrawn));
        note
    };
    import(&mut world, ben, pack, vec![stated(row(3, "another text"))]);
    assert_eq!(show(&mut world, ben, pack, ids[2]).consent, None);
    let of_ben = import(&mut world, ben, pack, talk());
    assert!(matches!(
        of_ben[1],
        Err(NodeError::Denied(Denied::AboveClearance))
    ));
    assert_eq!(
        became(&of_ben),
        [Became::Unchanged, Became::Added, Became::Unchanged]
    );
    settle(&mut world);
    let written = key_in_record(&mut world, ana, pack, id(&of_ben[2]));
    assert!(written != plain(3) && written != keys[2]);
    let of_ben = import(&mut world, ben, pack, talk());
    assert_eq!(became(&of_ben), [Became::Unchanged; 3]);
    // A consent for its place reaches it, for whoever reads what came before.
    let stated = import(&mut world, cleo, pack, vec![stated(row(3, "another text"))]);
    assert_eq!(became(&stated), [Became::Updated]);
    settle(&mut world);
    let stands = show(&mut world, ben, pack, ids[2]).consent.unwrap();
    assert_eq!(stands.status, ConsentStatus::Withdrawn);
}

/// Goal: what an earlier call took in counts, and so does what a key holds that stands in no note.
#[test]
fn what_an_earlier_call_said_and_what_no_note_says_is_veiled_too() {
    let (mut world, ana, _, pack) = two_in_one_pack(11, Role::Editor, Internal);
    let tellings = [
        (None, false, false),
        (Some(Internal), false, false),
        (Some(Restricted), false, true),
        (None, true, true),
    ];
    for (number, (before, more, veiled)) in (1..).zip(tellings) {
        let note = || Incoming {
            telling: Telling {
                conversation: Some(1),
                before,
                more,
            },
            ..at(Internal, row(number, "said"))
        };
        let done = import(&mut world, ana, pack, vec![note()]);
        let key = key_in_record(&mut world, ana, pack, id(&done[0]));
        assert_eq!(
            key != ImportKey::from_bytes([number; 16]),
            veiled,
            "{number}"
        );
        let again = import(&mut world, ana, pack, vec![note(), row(number, "said")]);
        assert_eq!(became(&again), [Became::Unchanged; 2]);
    }
}
