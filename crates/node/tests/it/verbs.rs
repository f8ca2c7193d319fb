//! What people do with notes beside editing their text: pairs of an original and its masked copy,
//! replacing, redacting, exporting; alone, against others, and taken back.

use super::support::*;
use kitbag_core::filter::{Filter, Listed};
use kitbag_core::id::{ImportKey, ItemId, PackId, Timestamp};
use kitbag_core::pack::note::{Claim, Consent, ConsentStatus, NoteType, Pii, Source, SourceKind};
use kitbag_core::pack::{DateEdit, Record};
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_node::capturing::{Became, Captured, Incoming};
use kitbag_node::finding::{ExportOptions, ExportPlan, SearchOptions};
use kitbag_node::undo::{Along, Undone, UndoneWrite};
use kitbag_node::view::{NewNote, NoteEdit};
use kitbag_node::{Node, NodeError};
use kitbag_testkit::{Who, World};

use Sensitivity::{Internal, Restricted};

fn record(text: &str) -> Record {
    let source = Source {
        kind: SourceKind::Crm,
        label: secret("contacts"),
        uri: Some(secret("crm://1")),
        app: None,
        author: Some(secret("Mia")),
        locator: None,
        captured_at: Timestamp::from_millis(0),
        observed_at: None,
        captured_by: String::new(),
        trust: kitbag_core::pack::note::Trust::FirstParty,
    };
    let mut record = Record::new([0; 16], NoteType::Note, source);
    record.title = secret(text);
    record.body = secret(&format!("{text} body"));
    record
}

/// An original at restricted with a masked copy at internal, as the engine hands them down.
fn pair(text: &str) -> Incoming {
    let mut original = record(text);
    original.pii = [Pii::Email].into();
    let copy = record(&format!("{text} masked"));
    Incoming {
        sensitivity: Some(Restricted),
        masked: Some(Box::new((copy, Some(Internal)))),
        ..Incoming::new(original)
    }
}

fn capture(world: &mut World, who: Who, pack: PackId, note: Incoming) -> Captured {
    world.run(1);
    let done = world.call(who, |node, now| node.capture(now, pack, vec![note]));
    done.done().notes.remove(0).unwrap()
}

fn add_pair(world: &mut World, who: Who, pack: PackId, text: &str) -> (ItemId, ItemId) {
    let captured = capture(world, who, pack, pair(text));
    (captured.id.unwrap(), captured.masked.unwrap().0)
}

fn call<T>(
    world: &mut World,
    who: Who,
    call: impl FnOnce(&mut Node, Timestamp) -> Result<T, NodeError>,
) -> Result<T, NodeError> {
    world.run(1);
    let mut done = None;
    world.call(who, |node, now| {
        done = Some(call(node, now));
        Ok::<_, NodeError>(())
    });
    done.expect("the call was made")
}

fn undo(world: &mut World, who: Who, pack: PackId) -> Undone {
    call(world, who, |node, now| node.undo(now, pack, None, false)).unwrap()
}

fn edit(world: &mut World, who: Who, pack: PackId, id: ItemId, edit: NoteEdit) {
    call(world, who, |node, now| node.edit_note(now, pack, id, &edit))
        .unwrap()
        .unwrap();
}

fn status(world: &mut World, who: Who, pack: PackId, id: ItemId) -> String {
    show(world, who, pack, id).status
}

fn export(world: &mut World, who: Who, pack: PackId, with_copies: bool) -> ExportPlan {
    let options = ExportOptions {
        pack,
        listed: Listed::Kept,
        filter: Filter::default(),
        max_sensitivity: Some(Restricted),
        purpose: None,
        format: None,
        client: None,
        across_clients: false,
        with_copies,
    };
    let node = world.node(who);
    let mut exporting = node
        .begin_export(Timestamp::from_millis(1), options)
        .unwrap();
    loop {
        if let Some(plan) = node.export_on(&mut exporting).unwrap() {
            return plan;
        }
    }
}

fn hits(world: &mut World, who: Who, query: &str) -> u64 {
    let node = world.node(who);
    let options = SearchOptions {
        query: query.into(),
        packs: None,
        listed: Listed::Kept,
        filter: Filter::default(),
        limit: 20,
        explain: false,
    };
    let mut searching = node.begin_search(options).unwrap();
    loop {
        if let Some(found) = node.search_on(&mut searching).unwrap() {
            return found.total;
        }
    }
}

/// Goal: whoever reads both sees which is a copy of which, one who reads the copy only sees no more than
/// an id; what is done to one is done to both, and undone in one step.
#[test]
fn an_original_and_its_masked_copy_are_deleted_and_taken_back_together() {
    let (mut world, ana, ben, pack) = two_in_one_pack(1, Role::Editor, Internal);
    let other = add(&mut world, ana, pack, "other", Internal);
    let (original, copy) = add_pair(&mut world, ana, pack, "pair");
    settle(&mut world);
    let shown = show(&mut world, ana, pack, original);
    assert_eq!(shown.masked_copies[0].id, copy);
    assert_eq!(shown.masked_copies[0].sensitivity, Internal);
    assert_eq!(shown.pii, [Pii::Email]);
    assert_eq!(
        show(&mut world, ana, pack, copy).masked_copy_of[0].id,
        original
    );
    let of_ben = show(&mut world, ben, pack, copy);
    assert_eq!(
        (of_ben.derived_from, of_ben.masked_copy_of.len()),
        (vec![original], 0)
    );
    let listed = world.node(ana).notes(pack).unwrap();
    let line = |id| listed.iter().find(|line| line.id == id).unwrap().clone();
    assert_eq!(line(original).masked_copies, [copy]);
    assert_eq!(line(copy).masked_copy_of, [original]);
    assert!(line(other).masked_copies.is_empty() && line(other).masked_copy_of.is_empty());

    let delete = |id, deleted, along| {
        move |node: &mut Node, now| node.set_deleted(now, pack, id, deleted, along, false)
    };
    let done = call(&mut world, ana, delete(copy, true, Along::All)).unwrap();
    assert_eq!(done.along[0].id, original);
    assert_eq!(status(&mut world, ana, pack, original), "archived");
    let undone = undo(&mut world, ana, pack);
    assert_eq!((undone.what, undone.along.len()), (UndoneWrite::Deleted, 1));
    for id in [original, copy] {
        assert_eq!(status(&mut world, ana, pack, id), "active");
    }
    let undone = undo(&mut world, ana, pack);
    assert_eq!((undone.what, undone.along.len()), (UndoneWrite::Added, 1));
    settle(&mut world);
    for id in [original, copy] {
        assert_eq!(status(&mut world, ana, pack, id), "archived");
    }
    assert_eq!(status(&mut world, ben, pack, copy), "archived");
    assert_eq!(
        undo(&mut world, ana, pack).id,
        other,
        "nothing else was touched"
    );

    let (original, copy) = add_pair(&mut world, ana, pack, "second pair");
    let done = call(&mut world, ana, delete(original, true, Along::Alone)).unwrap();
    assert!(done.along.is_empty());
    assert_eq!(status(&mut world, ana, pack, copy), "active");
    // Restoring one restores what is deleted of the pair, and leaves the rest.
    let done = call(&mut world, ana, delete(copy, false, Along::All)).unwrap();
    assert_eq!((done.changed, done.along.len()), (true, 1));
    assert_eq!(status(&mut world, ana, pack, original), "active");
}

/// Goal: what is stated of an original holds for its copies, never looser, and never says who it is.
#[test]
fn a_consent_that_is_stated_for_an_original_reaches_its_masked_copy() {
    let (mut world, ana, ben, pack) = two_in_one_pack(2, Role::Editor, Internal);
    let (original, copy) = add_pair(&mut world, ana, pack, "pair");
    let state = |status| NoteEdit {
        consent: Some(Consent {
            subject: Some(secret("Mia")),
            evidence: Some(secret("form")),
            ..Consent::new(status)
        }),
        ..NoteEdit::default()
    };
    edit(
        &mut world,
        ana,
        pack,
        original,
        state(ConsentStatus::Withdrawn),
    );
    settle(&mut world);
    let stands = show(&mut world, ben, pack, copy).consent.unwrap();
    assert_eq!(stands.status, ConsentStatus::Withdrawn);
    assert_eq!((stands.subject, stands.evidence), (None, None));
    edit(
        &mut world,
        ana,
        pack,
        original,
        state(ConsentStatus::Granted),
    );
    let stands = show(&mut world, ana, pack, original).consent.unwrap();
    assert_eq!(stands.status, ConsentStatus::Granted);
    let stands = show(&mut world, ana, pack, copy).consent.unwrap();
    assert_eq!(stands.status, ConsentStatus::Withdrawn, "never looser");
}

#[test]
fn an_export_holds_the_original_or_its_copy_and_both_only_if_it_is_asked() {
    let (mut world, ana, ben, pack) = two_in_one_pack(3, Role::Editor, Internal);
    let (original, copy) = add_pair(&mut world, ana, pack, "pair");
    let plan = export(&mut world, ana, pack, false);
    assert_eq!((plan.notes, plan.copies), (vec![original], 1));
    let plan = export(&mut world, ana, pack, true);
    assert_eq!((plan.notes.len(), plan.copies), (2, 0));
    // Where the original stays, the copy leaves.
    let state = NoteEdit {
        consent: Some(Consent::new(ConsentStatus::Refused)),
        consent_of_copies: Some(Consent::new(ConsentStatus::Granted)),
        ..NoteEdit::default()
    };
    edit(&mut world, ana, pack, original, state);
    let plan = export(&mut world, ana, pack, false);
    assert_eq!((plan.notes, plan.copies), (vec![copy], 0));
    settle(&mut world);
    assert_eq!(world.node(ben).notes(pack).unwrap().len(), 1);
}

#[test]
fn every_field_is_edited_shown_and_taken_back() {
    let (mut world, ana, ben, pack) = two_in_one_pack(4, Role::Editor, Internal);
    let note = add(&mut world, ana, pack, "note", Internal);
    let before = show(&mut world, ana, pack, note);
    let at = |millis| Timestamp::from_millis(millis);
    let all = NoteEdit {
        note_type: Some(NoteType::Template),
        claim: Some(Claim::Verified),
        pinned: Some(true),
        valid_from: DateEdit::Set(at(1)),
        valid_to: DateEdit::Set(at(2)),
        review_after: DateEdit::Set(at(3)),
        expires_at: DateEdit::Set(at(4)),
        found: [Pii::Phone].into(),
        ..NoteEdit::default()
    };
    edit(&mut world, ana, pack, note, all.clone());
    settle(&mut world);
    let shown = show(&mut world, ben, pack, note);
    assert_eq!(shown.note_type, "template");
    assert_eq!((shown.claim, shown.pinned), (Some(Claim::Verified), true));
    let dates = [
        shown.valid_from,
        shown.valid_to,
        shown.review_after,
        shown.expires_at,
    ];
    assert_eq!(dates, [1, 2, 3, 4].map(|millis| Some(at(millis))));
    assert_eq!(shown.pii, [Pii::Phone]);
    let again = call(&mut world, ana, |node, now| {
        node.edit_note(now, pack, note, &all)
    });
    assert_eq!(again.unwrap(), None, "nothing is left to change");
    undo(&mut world, ana, pack);
    let after = show(&mut world, ana, pack, note);
    assert_eq!(
        (
            after.note_type,
            after.claim,
            after.pinned,
            after.pii,
            after.expires_at
        ),
        (
            before.note_type,
            before.claim,
            before.pinned,
            before.pii,
            before.expires_at
        )
    );
}

#[test]
fn a_note_that_is_replaced_says_by_what_and_leaves_exports_and_searches() {
    let (mut world, ana, ben, pack) = two_in_one_pack(5, Role::Editor, Internal);
    let [old, new, other] =
        ["first", "second", "third"].map(|text| add(&mut world, ana, pack, text, Internal));
    settle(&mut world);
    world.disconnect_all();
    world.set_cut(ana, ben, true);
    let supersede = |old, by| move |node: &mut Node, now| node.supersede(now, pack, old, by, false);
    assert!(call(&mut world, ana, supersede(old, new)).unwrap().changed);
    assert!(!call(&mut world, ana, supersede(old, new)).unwrap().changed);
    assert!(
        call(&mut world, ben, supersede(old, other))
            .unwrap()
            .changed
    );
    let circle = call(&mut world, ana, supersede(new, old));
    assert!(
        matches!(circle, Err(NodeError::BadInput { field: "by", .. })),
        "{circle:?}"
    );
    world.set_cut(ana, ben, false);
    if world.links_between(ana, ben) == 0 {
        world.dial(ana, ben);
    }
    settle(&mut world);
    let mut both = vec![new, other];
    both.sort();
    for who in [ana, ben] {
        let shown = show(&mut world, who, pack, old);
        assert_eq!(
            (shown.status.as_str(), &shown.superseded_by),
            ("superseded", &both)
        );
        assert_eq!(show(&mut world, who, pack, new).supersedes, [old]);
        assert_eq!(hits(&mut world, who, "first"), 0);
    }
    let history = world.node(ana).history(pack, old).unwrap();
    assert_eq!(history.last().unwrap().what, "superseded");
    assert_eq!(export(&mut world, ana, pack, false).notes.len(), 2);
    let undone = undo(&mut world, ana, pack);
    assert_eq!(undone.what, UndoneWrite::Superseded);
    let shown = show(&mut world, ana, pack, old);
    assert_eq!(
        (shown.status.as_str(), shown.superseded_by),
        ("superseded", vec![other])
    );
    let back = NoteEdit {
        reactivate: true,
        ..NoteEdit::default()
    };
    edit(&mut world, ana, pack, old, back);
    let shown = show(&mut world, ana, pack, old);
    assert_eq!(
        (shown.status.as_str(), shown.superseded_by.len()),
        ("active", 0)
    );
    assert_eq!(hits(&mut world, ana, "first"), 1);
}

#[test]
fn a_new_note_that_replaces_a_pair_replaces_both_and_undo_takes_back_all() {
    let (mut world, ana, _, pack) = two_in_one_pack(6, Role::Editor, Internal);
    let (original, copy) = add_pair(&mut world, ana, pack, "old");
    let mut note = pair("new");
    note.replaces = [original].into();
    let new = capture(&mut world, ana, pack, note);
    let (by, by_copy) = (new.id.unwrap(), new.masked.unwrap().0);
    assert_eq!(show(&mut world, ana, pack, original).superseded_by, [by]);
    assert_eq!(show(&mut world, ana, pack, copy).superseded_by, [by_copy]);
    let undone = undo(&mut world, ana, pack);
    assert_eq!(undone.along.len(), 3);
    for (id, wanted) in [(original, "active"), (copy, "active"), (by, "archived")] {
        assert_eq!(status(&mut world, ana, pack, id), wanted);
    }
    // One that cannot be replaced keeps the new one out as well.
    call(&mut world, ana, |node, now| {
        node.set_deleted(now, pack, original, true, Along::All, false)
    })
    .unwrap();
    let before = world.node(ana).notes(pack).unwrap().len();
    let note = NewNote {
        supersedes: vec![original],
        ..draft("newer", Internal)
    };
    let refused = call(&mut world, ana, |node, now| {
        node.add_notes(now, pack, &[note])
    });
    assert!(
        matches!(refused, Err(NodeError::BadInput { .. })),
        "{refused:?}"
    );
    assert_eq!(world.node(ana).notes(pack).unwrap().len(), before);
}

/// Goal: of a redacted note nobody is shown anything but who, when and why, whatever else is done to it.
#[test]
fn a_redacted_note_is_a_shell_for_everybody_and_whatever_arrives() {
    let (mut world, ana, ben, pack) = two_in_one_pack(7, Role::Editor, Restricted);
    let mut imported = pair("gone");
    let key = ImportKey::from_bytes([7; 16]);
    imported.record.import = Some(key);
    let captured = capture(&mut world, ana, pack, imported.clone());
    let (original, copy) = (captured.id.unwrap(), captured.masked.unwrap().0);
    settle(&mut world);
    world.disconnect_all();
    world.set_cut(ana, ben, true);
    set_body(
        &mut world,
        ben,
        pack,
        original,
        &secret("written meanwhile"),
    );
    call(&mut world, ben, |node, now| {
        node.set_deleted(now, pack, copy, true, Along::Alone, false)
    })
    .unwrap();
    let redact = |reason: &'static str| {
        move |node: &mut Node, now| node.redact(now, pack, original, reason, false)
    };
    for bad in ["", "  ", "two\nlines"] {
        assert!(matches!(
            call(&mut world, ana, redact(bad)),
            Err(NodeError::BadInput {
                field: "reason",
                ..
            })
        ));
    }
    let done = call(&mut world, ana, redact("asked by the customer")).unwrap();
    assert_eq!((done.changed, done.along[0].id), (true, copy));
    world.set_cut(ana, ben, false);
    if world.links_between(ana, ben) == 0 {
        world.dial(ana, ben);
    }
    settle(&mut world);
    for who in [ana, ben] {
        for id in [original, copy] {
            let shown = show(&mut world, who, pack, id);
            assert_eq!(shown.status, "redacted");
            assert_eq!((shown.title.as_str(), shown.body.as_str()), ("", ""));
            assert_eq!(
                (shown.source.label.as_str(), shown.source.uri),
                ("redacted", None)
            );
            let redacted = shown.redacted.unwrap();
            assert_eq!(redacted.reason.as_deref(), Some("asked by the customer"));
            assert_eq!(redacted.by.as_deref(), Some(secret("Ana").as_str()));
            let history = world.node(who).history(pack, id).unwrap();
            assert!(
                history
                    .iter()
                    .all(|step| step.body.is_empty() && step.title.is_empty())
            );
            let step = history.iter().find(|step| step.what == "redacted").unwrap();
            assert_eq!(step.reason.as_deref(), Some("asked by the customer"));
            assert_eq!(world.node(who).text(pack, id, 0).unwrap().text, "");
        }
        assert_eq!(hits(&mut world, who, "gone"), 0);
        assert_eq!(hits(&mut world, who, "contacts"), 0);
        assert!(export(&mut world, who, pack, true).notes.is_empty());
    }
    let again = capture(&mut world, ana, pack, imported);
    assert_eq!(
        (again.became, again.id),
        (Became::Unchanged, Some(original))
    );
    assert_eq!(status(&mut world, ana, pack, original), "redacted");
    let refused = call(&mut world, ben, |node, now| {
        node.set_deleted(now, pack, original, true, Along::All, false)
    });
    assert!(
        matches!(refused, Err(NodeError::BadInput { .. })),
        "{refused:?}"
    );
    let refused = call(&mut world, ben, |node, now| {
        let edit = NoteEdit {
            reactivate: true,
            ..NoteEdit::default()
        };
        node.edit_note(now, pack, original, &edit)
    });
    assert!(
        matches!(refused, Err(NodeError::BadInput { .. })),
        "{refused:?}"
    );

    let undone = undo(&mut world, ana, pack);
    assert_eq!(
        (undone.what, undone.along.len()),
        (UndoneWrite::Redacted, 1)
    );
    let shown = show(&mut world, ana, pack, original);
    assert_eq!(
        shown.body,
        secret("written meanwhile"),
        "what others wrote is in it"
    );
    let history = world.node(ana).history(pack, original).unwrap();
    assert_eq!(history.last().unwrap().what, "unredacted");
}

#[test]
fn a_long_text_is_redacted_too() {
    let (mut world, ana, _, pack) = two_in_one_pack(8, Role::Editor, Internal);
    let long = NewNote {
        body: secret(&"word ".repeat(20_000)),
        ..draft("long", Internal)
    };
    let added = call(&mut world, ana, |node, now| {
        node.add_notes(now, pack, &[long])
    })
    .unwrap();
    let id = added[0].id;
    call(&mut world, ana, |node, now| {
        node.redact(now, pack, id, "why", false)
    })
    .unwrap();
    let shown = show(&mut world, ana, pack, id);
    assert_eq!((shown.body.as_str(), shown.long_text_bytes), ("", None));
    assert_eq!(world.node(ana).text(pack, id, 0).unwrap().bytes, 0);
    assert_eq!(hits(&mut world, ana, "word"), 0);
}
