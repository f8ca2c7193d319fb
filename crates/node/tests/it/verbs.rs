//! What people do with notes beside editing their text: pairs of an original and its masked copy,
//! replacing, redacting, exporting; alone, against others, and taken back.

use super::support::*;
use kitbag_core::export::Withheld;
use kitbag_core::filter::{Filter, Listed};
use kitbag_core::id::{ImportKey, ItemId, PackId, Timestamp};
use kitbag_core::pack::note::{Claim, Consent, ConsentStatus, NoteType, Pii, Source, SourceKind};
use kitbag_core::pack::{DateEdit, Record};
use kitbag_core::policy::rules::{Client, LimitsChange, RulesChange, Setting};
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_core::release::{Destination, Point, RuleName};
use kitbag_node::capturing::{Became, Captured, Incoming};
use kitbag_node::carrying::{Carry, CarryOptions};
use kitbag_node::finding::{ExportOptions, ExportPlan, SearchOptions};
use kitbag_node::undo::{Along, Undone, UndoneWrite};
use kitbag_node::view::{NewNote, NoteEdit};
use kitbag_node::{Denied, Node, NodeError};
use kitbag_testkit::{Called, Fault, Opened, Who, World};

use Sensitivity::{Internal, Public, Restricted};

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
pub(crate) fn pair(text: &str) -> Incoming {
    let mut original = record(text);
    original.pii = [Pii::Email].into();
    let copy = record(&format!("{text} masked"));
    Incoming {
        sensitivity: Some(Restricted),
        masked: Some(Box::new((copy, Some(Internal)))),
        ..Incoming::new(original)
    }
}

pub(crate) fn capture(world: &mut World, who: Who, pack: PackId, note: Incoming) -> Captured {
    world.run(1);
    let done = world.call(who, |node, now| node.capture(now, pack, vec![note]));
    done.done().notes.remove(0).unwrap()
}

pub(crate) fn add_pair(world: &mut World, who: Who, pack: PackId, text: &str) -> (ItemId, ItemId) {
    let captured = capture(world, who, pack, pair(text));
    (captured.id.unwrap(), captured.masked.unwrap().0)
}

pub(crate) fn call<T>(
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

pub(crate) fn undo(world: &mut World, who: Who, pack: PackId) -> Undone {
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
    let options = wide(pack, with_copies);
    plan_export(world, who, options)
}

fn wide(pack: PackId, with_copies: bool) -> ExportOptions {
    ExportOptions {
        pack,
        listed: Listed::Kept,
        filter: Filter::default(),
        max_sensitivity: Some(Restricted),
        purpose: None,
        format: None,
        client: None,
        across_clients: false,
        only: None,
        beside: vec![],
        redacts: false,
        with_copies,
    }
}

fn plan_export(world: &mut World, who: Who, options: ExportOptions) -> ExportPlan {
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

/// Goal: which of a pair undo names does not hang on the ids of logs, which are drawn at random.
#[test]
fn of_an_original_and_its_masked_copy_undo_names_the_original() {
    for seed in 1..=8 {
        let (mut world, ana, _, pack) = two_in_one_pack(seed, Role::Editor, Restricted);
        let (original, copy) = add_pair(&mut world, ana, pack, "nightingale");
        call(&mut world, ana, |node, now| {
            node.set_deleted(now, pack, copy, true, Along::All, false)
        })
        .unwrap();
        for what in [UndoneWrite::Deleted, UndoneWrite::Added] {
            let undone = undo(&mut world, ana, pack);
            assert_eq!((undone.what, undone.id), (what, original), "seed {seed}");
            assert_eq!(undone.along[0].id, copy);
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
    let supersede =
        |old, by| move |node: &mut Node, now| node.supersede(now, pack, old, by, false, false);
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

pub(crate) fn carry(to: PackId, carry: Carry) -> CarryOptions {
    CarryOptions {
        to,
        carry,
        sensitivity: None,
        purpose: None,
        across_clients: false,
    }
}

fn kept(world: &mut World, who: Who, pack: PackId) -> Vec<(ItemId, Sensitivity)> {
    let notes = world.node(who).notes(pack).unwrap();
    let kept = notes.into_iter().filter(|note| note.status == "active");
    kept.map(|note| (note.id, note.sensitivity)).collect()
}

/// Goal: a pair goes into another pack as a pair, once, with where it comes from, and a re-import into
/// either pack adds nothing; a move is taken back in both packs.
#[test]
fn a_pair_moves_to_another_pack_once_and_comes_back() {
    let (mut world, ana, _, from) = two_in_one_pack(9, Role::Editor, Internal);
    let to = create(&mut world, ana, &secret("other"));
    let mut imported = pair("pair");
    imported.record.import = Some(ImportKey::from_bytes([9; 16]));
    imported.record.consent = Some(Consent::new(ConsentStatus::Granted));
    let captured = capture(&mut world, ana, from, imported.clone());
    let (original, copy) = (captured.id.unwrap(), captured.masked.unwrap().0);
    let copying = carry(to, Carry::Copy);
    let plan = call(&mut world, ana, |node, now| {
        node.carry(now, from, original, &copying, true)
    });
    let plan = plan.unwrap();
    assert_eq!((plan.written, plan.existing), (None, false));
    assert!(
        kept(&mut world, ana, to).is_empty(),
        "a plan writes nothing"
    );
    let done = call(&mut world, ana, |node, now| {
        node.carry(now, from, original, &copying, false)
    });
    let done = done.unwrap();
    let (there, copy_there) = (done.written.unwrap(), done.masked.unwrap());
    assert_eq!((done.sensitivity, copy_there.1), (Restricted, Internal));
    let shown = show(&mut world, ana, to, there);
    assert_eq!(shown.derived_from, [original]);
    assert_eq!(shown.masked_copies[0].id, copy_there.0);
    assert_eq!(shown.source.label, secret("contacts"));
    assert_eq!(shown.consent.unwrap().status, ConsentStatus::Granted);
    assert_eq!(shown.trust, "untrusted_external");
    assert_eq!(shown.pii, [Pii::Email]);

    let moving = carry(to, Carry::Move);
    let again = call(&mut world, ana, |node, now| {
        node.carry(now, from, original, &moving, false)
    });
    let again = again.unwrap();
    assert_eq!((again.written, again.existing), (Some(there), true));
    assert!(kept(&mut world, ana, from).is_empty());
    assert_eq!(kept(&mut world, ana, to).len(), 2);
    for pack in [from, to] {
        let again = capture(&mut world, ana, pack, imported.clone());
        assert_ne!(again.became, Became::Added);
    }
    for (pack, wanted) in [(from, 0), (to, 2)] {
        assert_eq!(kept(&mut world, ana, pack).len(), wanted);
    }
    let undone = undo(&mut world, ana, from);
    assert_eq!((undone.what, undone.along.len()), (UndoneWrite::Moved, 1));
    assert_eq!(status(&mut world, ana, from, copy), "active");
    // What was there before the move stays there.
    assert_eq!(status(&mut world, ana, to, there), "active");

    let (original, copy) = add_pair(&mut world, ana, from, "second");
    let done = call(&mut world, ana, |node, now| {
        node.carry(now, from, original, &moving, false)
    });
    let done = done.unwrap();
    let undone = undo(&mut world, ana, from);
    assert_eq!((undone.what, undone.along.len()), (UndoneWrite::Moved, 1));
    for id in [original, copy] {
        assert_eq!(status(&mut world, ana, from, id), "active");
    }
    for id in [done.written.unwrap(), done.masked.unwrap().0] {
        assert_eq!(status(&mut world, ana, to, id), "archived");
    }
}

/// Goal: a note goes into no pack from which it could leave as it may not from its own: not moved or copied,
/// nor made into another; with the same rule there it goes.
#[test]
fn rules_are_not_lost_on_the_way_into_another_pack() {
    let (mut world, ana, _, from) = two_in_one_pack(14, Role::Editor, Internal);
    let other = create(&mut world, ana, &secret("other"));
    let rules = RulesChange {
        limits: [(
            Destination::Export,
            LimitsChange {
                max_sensitivity: Setting::To(Public),
                ..LimitsChange::default()
            },
        )]
        .into(),
        ..RulesChange::default()
    };
    let set = |world: &mut World, pack| {
        call(world, ana, |node, now| {
            node.change_rules(now, pack, &rules, false)
        })
        .unwrap()
    };
    set(&mut world, from);
    let note = add(&mut world, ana, from, "secret", Internal);
    let open = add(&mut world, ana, from, "known", Public);
    let lost = Withheld::Lost(RuleName {
        destination: Destination::Export,
        point: Point::MaxSensitivity,
    });
    for way in [Carry::Copy, Carry::Move] {
        for plan in [true, false] {
            let done = call(&mut world, ana, |node, now| {
                node.carry(now, from, note, &carry(other, way), plan)
            });
            match done {
                Err(NodeError::Denied(Denied::Release(why))) => assert_eq!(why, lost),
                done => panic!("{way:?}: {done:?}"),
            }
        }
    }
    assert!(kept(&mut world, ana, other).is_empty());
    call(&mut world, ana, |node, now| {
        node.carry(now, from, open, &carry(other, Carry::Copy), false)
    })
    .unwrap();
    let lower = CarryOptions {
        sensitivity: Some(Public),
        ..carry(other, Carry::Copy)
    };
    let lowered = call(&mut world, ana, |node, now| {
        node.carry(now, from, note, &lower, false)
    });
    assert_eq!(lowered.unwrap().sensitivity, Public, "an admin said so");
    set(&mut world, other);
    call(&mut world, ana, |node, now| {
        node.carry(now, from, note, &carry(other, Carry::Move), false)
    })
    .unwrap();
    assert_no_violations(&mut world);
}

/// Goal: what may not leave stays, by the rule's name, and nothing is written or deleted.
#[test]
fn walls_consents_and_clearances_hold_for_packs_too() {
    let (mut world, ana, ben, from) = two_in_one_pack(10, Role::Editor, Internal);
    let other = create(&mut world, ana, &secret("other"));
    let rules = RulesChange {
        client: Setting::To(Client::new("Acme").unwrap()),
        ..RulesChange::default()
    };
    call(&mut world, ana, |node, now| {
        node.change_rules(now, from, &rules, false)
    })
    .unwrap();
    let note = add(&mut world, ana, from, "secret", Internal);
    let refused = |world: &mut World, who, options: &CarryOptions| {
        let done = call(world, who, |node, now| {
            node.carry(now, from, note, options, false)
        });
        match done {
            Err(NodeError::Denied(denied)) => denied,
            other => panic!("{other:?}"),
        }
    };
    let moving = carry(other, Carry::Move);
    assert_eq!(
        refused(&mut world, ana, &moving),
        Denied::Release(Withheld::Client)
    );
    let across = CarryOptions {
        across_clients: true,
        ..moving.clone()
    };
    let done = call(&mut world, ana, |node, now| {
        node.carry(now, from, note, &across, true)
    });
    assert!(done.unwrap().crosses_clients);
    let state = NoteEdit {
        consent: Some(Consent::new(ConsentStatus::Withdrawn)),
        ..NoteEdit::default()
    };
    edit(&mut world, ana, from, note, state);
    assert!(matches!(
        refused(&mut world, ana, &across),
        Denied::Release(Withheld::Consent(_))
    ));
    assert_eq!(kept(&mut world, ana, from).len(), 1);
    assert!(kept(&mut world, ana, other).is_empty());

    // Only an admin of the pack makes it less sensitive on the way.
    settle(&mut world);
    let of_ben = create(&mut world, ben, &secret("of ben"));
    let plain = create(&mut world, ana, &secret("plain"));
    let ticket = share(&mut world, ana, plain, Role::Editor, Internal);
    join(&mut world, ben, ana, &ticket);
    let internal = add(&mut world, ana, plain, "internal", Internal);
    settle(&mut world);
    let lower = CarryOptions {
        sensitivity: Some(Sensitivity::Public),
        ..carry(of_ben, Carry::Copy)
    };
    let done = call(&mut world, ben, |node, now| {
        node.carry(now, plain, internal, &lower, false)
    });
    assert!(
        matches!(done, Err(NodeError::Denied(Denied::LoweringNeedsAdmin))),
        "{done:?}"
    );
    let done = call(&mut world, ben, |node, now| {
        node.carry(now, plain, internal, &carry(of_ben, Carry::Copy), false)
    });
    let done = done.unwrap();
    assert_eq!(done.sensitivity, Internal);
    let trust = show(&mut world, ben, of_ben, done.written.unwrap()).trust;
    assert_eq!(trust, "third_party", "somebody else said it");
}

/// Goal: power that fails anywhere in a move leaves the note in one of the packs or in both, and doing it
/// again finishes with one.
#[test]
fn a_move_that_is_cut_off_is_finished_by_doing_it_again() {
    let (mut both, mut finished) = (0, false);
    for at in (1..200).step_by(2) {
        let (mut world, ana, _, from) = two_in_one_pack(9, Role::Editor, Internal);
        let to = create(&mut world, ana, &secret("other"));
        let (original, _) = add_pair(&mut world, ana, from, "pair");
        let moving = carry(to, Carry::Move);
        world.run(1);
        world.device(ana).disk.set_fault(Fault::PowerLoss(at));
        let called = world.call(ana, |node, now| {
            node.carry(now, from, original, &moving, false)
        });
        finished = matches!(called, Called::Done(_));
        world.device(ana).disk.set_fault(Fault::None);
        if world.is_up(ana) {
            world.kill(ana);
        }
        assert!(matches!(world.start(ana), Opened::Up), "it starts again");
        let (here, there) = (
            kept(&mut world, ana, from).len(),
            kept(&mut world, ana, to).len(),
        );
        assert!(
            [(2, 0), (2, 2), (0, 2)].contains(&(here, there)),
            "{at}: {here} {there}"
        );
        both += usize::from((here, there) == (2, 2));
        if here > 0 {
            let again = call(&mut world, ana, |node, now| {
                node.carry(now, from, original, &moving, false)
            });
            again.unwrap();
        }
        assert!(kept(&mut world, ana, from).is_empty());
        assert_eq!(kept(&mut world, ana, to).len(), 2, "{at}");
        if finished {
            break;
        }
    }
    assert!(finished && both > 0, "{finished} {both}");
}

/// Goal: a copy that was edited to hold personal data does not stand in another pack as one without.
#[test]
fn a_masked_copy_that_was_edited_to_hold_personal_data_does_not_go_along() {
    let (mut world, ana, _, from) = two_in_one_pack(20, Role::Editor, Internal);
    let to = create(&mut world, ana, &secret("other"));
    let (original, copy) = add_pair(&mut world, ana, from, "pair");
    let found = NoteEdit {
        body: Some(secret("write to mia.li@example.com")),
        found: [Pii::Email].into(),
        ..NoteEdit::default()
    };
    edit(&mut world, ana, from, copy, found);
    for way in [Carry::Copy, Carry::Move] {
        let refused = call(&mut world, ana, |node, now| {
            node.carry(now, from, original, &carry(to, way), false)
        });
        let Err(NodeError::BadInput { field, reason }) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(field, "masked copy");
        assert!(reason.contains(&copy.to_string()), "{reason}");
    }
    assert!(kept(&mut world, ana, to).is_empty());
    assert_eq!(kept(&mut world, ana, from).len(), 2);
    // Its own way out: by itself it goes with what it states.
    let alone = call(&mut world, ana, |node, now| {
        node.carry(now, from, copy, &carry(to, Carry::Copy), false)
    });
    let there = alone.unwrap().written.unwrap();
    assert_eq!(show(&mut world, ana, to, there).pii, [Pii::Email]);
    // And once it is deleted, the note goes without one.
    call(&mut world, ana, |node, now| {
        node.set_deleted(now, from, copy, true, Along::Alone, false)
    })
    .unwrap();
    let done = call(&mut world, ana, |node, now| {
        node.carry(now, from, original, &carry(to, Carry::Copy), false)
    });
    assert!(done.unwrap().along.is_none());
}

/// Goal: nobody makes a note the masked copy of mine: neither a teammate, nor a file that I import.
#[test]
fn a_note_that_only_looks_like_a_masked_copy_is_none() {
    let (mut world, ana, ben, pack) = two_in_one_pack(21, Role::Editor, Internal);
    let mut lone = pair("lone");
    lone.masked = None;
    let original = capture(&mut world, ana, pack, lone).id.unwrap();
    let at = show(&mut world, ana, pack, original).captured_at;
    let forged = |import: Option<ImportKey>| {
        let mut forged = record("junk");
        forged.derived_from = [original].into();
        forged.import = import;
        Incoming {
            sensitivity: Some(Internal),
            captured_at: Some(at),
            ..Incoming::new(forged)
        }
    };
    settle(&mut world);
    let of_ben = capture(&mut world, ben, pack, forged(None)).id.unwrap();
    let key = Some(ImportKey::from_bytes([7; 16]));
    let of_file = capture(&mut world, ana, pack, forged(key)).id.unwrap();
    settle(&mut world);
    let redacts = ExportOptions {
        redacts: true,
        ..wide(pack, false)
    };
    let plan = plan_export(&mut world, ana, redacts);
    assert_eq!((plan.notes.len(), plan.as_masked_copy), (3, 0), "{plan:?}");
    assert_eq!(export(&mut world, ana, pack, false).notes.len(), 3);
    for junk in [of_ben, of_file] {
        assert!(show(&mut world, ana, pack, junk).masked_copy_of.is_empty());
        let done = call(&mut world, ana, |node, now| {
            node.set_deleted(now, pack, junk, true, Along::All, false)
        });
        assert!(done.unwrap().along.is_empty());
    }
    assert_eq!(status(&mut world, ana, pack, original), "active");
}

/// Goal: a pair is one after it went to another pack too: what takes values out takes the copy.
#[test]
fn a_pair_that_moved_leaves_redacted_as_its_copy() {
    let (mut world, ana, _, from) = two_in_one_pack(22, Role::Editor, Internal);
    let to = create(&mut world, ana, &secret("other"));
    let mut imported = pair("pair");
    imported.record.import = Some(ImportKey::from_bytes([9; 16]));
    let original = capture(&mut world, ana, from, imported).id.unwrap();
    let done = call(&mut world, ana, |node, now| {
        node.carry(now, from, original, &carry(to, Carry::Move), false)
    });
    let (there, copy) = (
        done.as_ref().unwrap().written.unwrap(),
        done.unwrap().masked,
    );
    let copy = copy.unwrap().0;
    assert_eq!(show(&mut world, ana, to, copy).derived_from, [there]);
    let redacts = ExportOptions {
        redacts: true,
        ..wide(to, false)
    };
    let plan = plan_export(&mut world, ana, redacts);
    assert_eq!((plan.notes, plan.as_masked_copy), (vec![copy], 1));
}

/// Goal: a move deletes here only what stands there just as it stood here.
#[test]
fn a_move_takes_no_note_for_this_one_that_says_less_or_allows_more() {
    let (mut world, ana, ben, from) = two_in_one_pack(23, Role::Editor, Internal);
    let to = create(&mut world, ana, &secret("other"));
    let moved = |world: &mut World, id, way| {
        call(world, ana, |node, now| {
            node.carry(now, from, id, &carry(to, way), false)
        })
    };
    // It was copied, and emptied there.
    let note = add(&mut world, ana, from, "first", Internal);
    let there = moved(&mut world, note, Carry::Copy)
        .unwrap()
        .written
        .unwrap();
    set_body(&mut world, ana, to, there, "nothing");
    let done = moved(&mut world, note, Carry::Move).unwrap();
    assert!(!done.existing);
    let written = done.written.unwrap();
    let body = show(&mut world, ana, to, written).body;
    assert_eq!(body, secret("first body"));
    // It was copied, and somebody redacted it there: nothing brings it back, and nothing is lost.
    let note = add(&mut world, ana, from, "second", Internal);
    let there = moved(&mut world, note, Carry::Copy)
        .unwrap()
        .written
        .unwrap();
    call(&mut world, ana, |node, now| {
        node.redact(now, to, there, "asked", false)
    })
    .unwrap();
    let refused = moved(&mut world, note, Carry::Move);
    assert!(
        matches!(refused, Err(NodeError::BadInput { field: "to", .. })),
        "{refused:?}"
    );
    assert_eq!(status(&mut world, ana, from, note), "active");
    // Somebody else's note there reads the same, and says nothing of a consent.
    let ticket = share(&mut world, ana, to, Role::Editor, Internal);
    join(&mut world, ben, ana, &ticket);
    let like = capture(&mut world, ben, to, Incoming::new(record("third")));
    settle(&mut world);
    let mut limited = record("third");
    limited.consent = Some(Consent {
        purposes: ["support".to_owned()].into(),
        ..Consent::new(ConsentStatus::Limited)
    });
    limited.tags = ["vip".to_owned()].into();
    let note = capture(&mut world, ana, from, Incoming::new(limited))
        .id
        .unwrap();
    let support = CarryOptions {
        purpose: Some("support".into()),
        ..carry(to, Carry::Move)
    };
    let done = call(&mut world, ana, |node, now| {
        node.carry(now, from, note, &support, false)
    });
    let written = done.unwrap().written.unwrap();
    assert_ne!(Some(written), like.id);
    let shown = show(&mut world, ana, to, written);
    assert_eq!(shown.consent.unwrap().status, ConsentStatus::Limited);
    assert_eq!(shown.tags, ["vip"]);
    // Only the original is there: its copy goes too.
    let (original, copy) = add_pair(&mut world, ana, from, "fourth");
    let done = moved(&mut world, original, Carry::Copy).unwrap();
    let gone = done.masked.unwrap().0;
    call(&mut world, ana, |node, now| {
        node.set_deleted(now, to, gone, true, Along::Alone, false)
    })
    .unwrap();
    let done = moved(&mut world, original, Carry::Move).unwrap();
    let copy_there = done.masked.expect("it is written there").0;
    assert_eq!(status(&mut world, ana, to, copy_there), "active");
    assert_eq!(status(&mut world, ana, from, copy), "archived");
}

/// Goal: to redact a deleted note brings it back to nobody; undo lifts the redaction, and then the
/// deletion.
#[test]
fn a_deleted_note_is_redacted_and_both_are_taken_back_one_by_one() {
    let (mut world, ana, ben, pack) = two_in_one_pack(24, Role::Editor, Internal);
    let note = add(&mut world, ana, pack, "gone", Internal);
    let delete = |world: &mut World, deleted| {
        call(world, ana, |node, now| {
            node.set_deleted(now, pack, note, deleted, Along::All, false)
        })
        .unwrap()
    };
    delete(&mut world, true);
    call(&mut world, ana, |node, now| {
        node.redact(now, pack, note, "asked", false)
    })
    .unwrap();
    settle(&mut world);
    for who in [ana, ben] {
        let shown = show(&mut world, who, pack, note);
        assert_eq!(
            (shown.status.as_str(), shown.body.as_str()),
            ("archived", "")
        );
        assert!(shown.redacted.is_some() && shown.deleted.is_some());
        assert!(kept(&mut world, who, pack).is_empty());
        let all = ExportOptions {
            listed: Listed::All,
            max_sensitivity: Some(Internal),
            ..wide(pack, false)
        };
        assert!(plan_export(&mut world, who, all).notes.is_empty());
        let history = world.node(who).history(pack, note).unwrap();
        assert_eq!(history.last().unwrap().what, "redacted");
        assert!(history.iter().all(|step| step.body.is_empty()));
    }
    let plan = call(&mut world, ana, |node, now| {
        node.undo(now, pack, None, true)
    })
    .unwrap();
    assert_eq!(plan.what, UndoneWrite::Redacted);
    let undone = undo(&mut world, ana, pack);
    assert_eq!(
        (undone.what, undone.status.as_str()),
        (UndoneWrite::Redacted, "archived")
    );
    assert_eq!(show(&mut world, ana, pack, note).body, secret("gone body"));
    let undone = undo(&mut world, ana, pack);
    assert_eq!(
        (undone.what, undone.status.as_str()),
        (UndoneWrite::Deleted, "active"),
        "nobody else deleted it"
    );
    // What is restored while it is redacted comes back as the shell that it is.
    delete(&mut world, true);
    call(&mut world, ana, |node, now| {
        node.redact(now, pack, note, "asked", false)
    })
    .unwrap();
    assert!(delete(&mut world, false).changed);
    let shown = show(&mut world, ana, pack, note);
    assert_eq!(
        (shown.status.as_str(), shown.body.as_str()),
        ("redacted", "")
    );
}

/// Goal: what cannot be done in the other pack is said before anything is taken back here.
#[test]
fn the_undo_of_a_move_is_refused_whole_where_the_other_pack_is_closed() {
    let (mut world, ana, ben, to) = two_in_one_pack(25, Role::Editor, Internal);
    let from = create(&mut world, ben, &secret("of ben"));
    let note = add(&mut world, ben, from, "note", Internal);
    call(&mut world, ben, |node, now| {
        node.carry(now, from, note, &carry(to, Carry::Move), false)
    })
    .unwrap();
    settle(&mut world);
    let person = world.person(ben);
    remove_person(&mut world, ana, to, person);
    settle(&mut world);
    let refused = call(&mut world, ben, |node, now| {
        node.undo(now, from, None, false)
    });
    assert!(matches!(refused, Err(NodeError::Denied(_))), "{refused:?}");
    assert_eq!(status(&mut world, ben, from, note), "archived");
}

/// Goal: who reads a note is never left with nothing in its place unless somebody says that it is meant,
/// and is shown no name of a note above them.
#[test]
fn a_note_is_not_replaced_by_one_above_it_without_a_word() {
    let (mut world, ana, ben, pack) = two_in_one_pack(26, Role::Editor, Internal);
    let old = add(&mut world, ana, pack, "old", Internal);
    let new = add(&mut world, ana, pack, "new", Restricted);
    let supersede = |old, by, above, plan| {
        move |node: &mut Node, now| node.supersede(now, pack, old, by, above, plan)
    };
    let plan = call(&mut world, ana, supersede(old, new, false, true)).unwrap();
    assert!(plan.above);
    let loses: Vec<&str> = plan.loses.iter().map(|m| m.name.as_str()).collect();
    assert_eq!(loses, [secret("Ben")]);
    let refused = call(&mut world, ana, supersede(old, new, false, false));
    assert!(
        matches!(refused, Err(NodeError::BadInput { field: "by", .. })),
        "{refused:?}"
    );
    call(&mut world, ana, supersede(old, new, true, false)).unwrap();
    settle(&mut world);
    let shown = show(&mut world, ben, pack, old);
    assert_eq!(
        (shown.status.as_str(), shown.superseded_by),
        ("superseded", vec![])
    );
    let listed = world.node(ben).notes(pack).unwrap();
    assert!(listed.iter().all(|note| note.superseded_by.is_empty()));
    assert_eq!(show(&mut world, ana, pack, old).superseded_by, [new]);
    // A new note above it is refused in the same way, with nothing written.
    let third = add(&mut world, ana, pack, "third", Internal);
    let mut above = Incoming {
        sensitivity: Some(Restricted),
        replaces: [third].into(),
        ..Incoming::new(record("above"))
    };
    let notes = world.node(ana).notes(pack).unwrap().len();
    let one = above.clone();
    let done = call(&mut world, ana, |node, now| {
        node.capture(now, pack, vec![one])
    });
    let refused = done.unwrap().notes.remove(0);
    assert!(
        matches!(refused, Err(NodeError::BadInput { field: "by", .. })),
        "{refused:?}"
    );
    assert_eq!(world.node(ana).notes(pack).unwrap().len(), notes);
    // With a masked copy there is something in its place.
    above.masked = Some(Box::new((record("masked"), Some(Internal))));
    let written = capture(&mut world, ana, pack, above);
    settle(&mut world);
    let by = written.masked.unwrap().0;
    assert_eq!(show(&mut world, ben, pack, third).superseded_by, [by]);
}

/// Goal: the masked copy of a note that is replaced by one without a copy stays where it is.
#[test]
fn a_masked_copy_stays_where_nothing_replaces_it() {
    let (mut world, ana, ben, pack) = two_in_one_pack(27, Role::Editor, Internal);
    let (original, copy) = add_pair(&mut world, ana, pack, "pair");
    let new = add(&mut world, ana, pack, "new", Restricted);
    call(&mut world, ana, |node, now| {
        node.supersede(now, pack, original, new, false, false)
    })
    .unwrap();
    settle(&mut world);
    assert_eq!(status(&mut world, ana, pack, original), "superseded");
    assert_eq!(status(&mut world, ben, pack, copy), "active");
    let (original, copy) = add_pair(&mut world, ana, pack, "second");
    let by = Incoming {
        sensitivity: Some(Restricted),
        replaces: [original].into(),
        ..Incoming::new(record("by"))
    };
    capture(&mut world, ana, pack, by);
    settle(&mut world);
    assert_eq!(status(&mut world, ana, pack, original), "superseded");
    assert_eq!(status(&mut world, ben, pack, copy), "active");
}

/// Goal: a note that was asked for by its id leaves although it was replaced, in the plan and the page.
#[test]
fn a_chosen_note_leaves_although_it_was_replaced() {
    let (mut world, ana, _, pack) = two_in_one_pack(28, Role::Editor, Internal);
    let [old, new] = ["old", "new"].map(|text| add(&mut world, ana, pack, text, Internal));
    call(&mut world, ana, |node, now| {
        node.supersede(now, pack, old, new, false, false)
    })
    .unwrap();
    let chosen = ExportOptions {
        only: Some(vec![old]),
        ..wide(pack, false)
    };
    let plan = plan_export(&mut world, ana, chosen.clone());
    assert_eq!((plan.notes, plan.not_selected), (vec![old], 0));
    for (options, leaves) in [(chosen, 1), (wide(pack, false), 0)] {
        let now = Timestamp::from_millis(1);
        let page = world.node(ana).export_page(now, &options, &[old]).unwrap();
        assert_eq!(page.notes.len(), leaves);
    }
}

/// Goal: who is refused a note because of its masked copy is told so, and how to go on.
#[test]
fn a_masked_copy_that_is_too_long_is_named() {
    let (mut world, ana, _, pack) = two_in_one_pack(29, Role::Editor, Internal);
    let mut long = pair("long");
    if let Some(masked) = &mut long.masked {
        masked.0.body = "a".repeat(4_000_001);
    }
    let done = call(&mut world, ana, |node, now| {
        node.capture(now, pack, vec![long])
    });
    let Err(NodeError::BadInput { field, reason }) = done.unwrap().notes.remove(0) else {
        panic!("it was taken in");
    };
    assert_eq!(field, "masked copy");
    assert!(reason.contains("--unmasked"), "{reason}");
}

/// Goal: notes of one moment have one order, whatever ids are drawn: the most sensitive first.
#[test]
fn notes_of_one_moment_are_in_one_order() {
    for seed in 30..36 {
        let (mut world, ana, _, pack) = two_in_one_pack(seed, Role::Editor, Internal);
        let plain = |text: &str| Incoming {
            sensitivity: Some(Internal),
            ..Incoming::new(record(text))
        };
        let batch = vec![plain("a"), pair("b"), plain("c"), pair("d")];
        let done = call(&mut world, ana, |node, now| node.capture(now, pack, batch));
        let notes = done.unwrap().notes;
        let ids: Vec<_> = notes.into_iter().map(|note| note.unwrap()).collect();
        let [a, b, c, d] = [0, 1, 2, 3].map(|at: usize| ids[at].id.unwrap());
        let [b_copy, d_copy] = [1, 3].map(|at: usize| ids[at].masked.unwrap().0);
        let listed = world.node(ana).notes(pack).unwrap();
        let listed: Vec<ItemId> = listed.iter().map(|note| note.id).collect();
        let expected = [b, d, a, b_copy, c, d_copy];
        assert_eq!(listed, expected, "seed {seed}");
        assert_eq!(export(&mut world, ana, pack, true).notes, expected);
    }
}

/// Goal: a dry run says what would become of each note, and writes nothing.
#[test]
fn a_planned_capture_says_what_is_new_known_and_changed() {
    let (mut world, ana, _, pack) = two_in_one_pack(36, Role::Editor, Internal);
    let row = |key: u8, text: &str| {
        let mut note = pair(text);
        note.record.import = Some(ImportKey::from_bytes([key; 16]));
        note
    };
    capture(&mut world, ana, pack, row(1, "one"));
    let before = world.node(ana).notes(pack).unwrap();
    let notes = vec![row(1, "one"), row(1, "one says more"), row(2, "two")];
    let planned = call(&mut world, ana, |node, now| {
        node.capture_or_plan(now, pack, notes, true)
    });
    let planned = planned.unwrap();
    let told: Vec<(Became, bool)> = planned
        .notes
        .iter()
        .map(|note| {
            note.as_ref()
                .map(|note| (note.became, note.changed))
                .unwrap()
        })
        .collect();
    assert_eq!(
        told,
        [
            (Became::Unchanged, false),
            (Became::Added, true),
            (Became::Added, false)
        ]
    );
    let at: Vec<Sensitivity> = planned.audiences.keys().copied().collect();
    assert_eq!(at, [Internal, Restricted]);
    assert_eq!(world.node(ana).notes(pack).unwrap(), before);
    let undone = undo(&mut world, ana, pack);
    assert_eq!(
        undone.what,
        UndoneWrite::Added,
        "of what was written before"
    );
}
