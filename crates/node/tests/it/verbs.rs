//! What people do with notes beside editing their text: pairs of an original and its masked copy,
//! replacing, redacting, exporting; alone, against others, and taken back.

use super::support::*;
use kitbag_core::export::Withheld;
use kitbag_core::filter::{Filter, Listed};
use kitbag_core::id::{ImportKey, ItemId, PackId, Timestamp};
use kitbag_core::pack::note::{Claim, Consent, ConsentStatus, NoteType, Pii, Source, SourceKind};
use kitbag_core::pack::{DateEdit, Record};
use kitbag_core::policy::rules::{Client, RulesChange, Setting};
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_node::capturing::{Became, Captured, Incoming};
use kitbag_node::carrying::{Carry, CarryOptions};
use kitbag_node::finding::{ExportOptions, ExportPlan, SearchOptions};
use kitbag_node::undo::{Along, Undone, UndoneWrite};
use kitbag_node::view::{NewNote, NoteEdit};
use kitbag_node::{Denied, Node, NodeError};
use kitbag_testkit::{Called, Fault, Opened, Who, World};

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
        only: None,
        beside: vec![],
        redacts: false,
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

fn carry(to: PackId, carry: Carry) -> CarryOptions {
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
