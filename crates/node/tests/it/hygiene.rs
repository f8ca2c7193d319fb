//! What is in the way in packs: found, put away, taken back; and nothing of what somebody may not read.

use super::admins::{change, remove};
use super::support::*;
use kitbag_core::content::report::{ReadPart, Via};
use kitbag_core::filter::Filter;
use kitbag_core::hygiene_receipt::SignedHygieneReceipt;
use kitbag_core::id::{ItemId, PackId, Timestamp};
use kitbag_core::pack::DateEdit;
use kitbag_core::pack::note::{Consent, ConsentStatus};
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_crypto::MasterKey;
use kitbag_node::carrying::{Carry, CarryOptions};
use kitbag_node::hygiene::{
    ActDone, DAY_MILLIS, HygieneAct, HygieneAction, HygieneGo, HygieneKind, HygieneNote,
    HygieneOptions, HygieneReport, KeptBecause, Left, Why,
};
use kitbag_node::undo::{Along, Undone};
use kitbag_node::view::{NewNote, NewSource, NoteEdit};
use kitbag_node::{Node, NodeError};
use kitbag_store::Store;
use kitbag_testkit::{Dice, Opened, Who, World};

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use HygieneKind::{Duplicate, Expired, LongExpired, NeverRead, OverRetained, Stale};
use Sensitivity::{Internal, Restricted};

const CALL: &str = "Mia called about invoice 4711: the amount is wrong, she paid the first half in March \
                    and wants the rest to be split into three parts until the end of the year";

fn options() -> HygieneOptions {
    HygieneOptions {
        packs: None,
        kinds: HygieneKind::ALL.into(),
        filter: Filter::default(),
        stale_days: 180,
        unread_days: 90,
        ended_days: 30,
        retention_days: None,
        retention_of_packs: BTreeMap::new(),
        similarity: 800,
        messages: false,
        pinned: false,
        selected: false,
        limit: 1_000,
    }
}

fn look(world: &mut World, who: Who, options: &HygieneOptions) -> HygieneReport {
    let call = world.call(who, |node, now| {
        let mut examining = node.begin_hygiene(now, options.clone())?;
        loop {
            if let Some(report) = node.hygiene_on(&mut examining)? {
                return Ok::<_, NodeError>(report);
            }
        }
    });
    call.done()
}

/// A note from a place of its own: the same text from the same place is the same note.
fn note(text: &str, sensitivity: Sensitivity) -> NewNote {
    static PLACES: AtomicU64 = AtomicU64::new(0);
    NewNote {
        title: String::new(),
        body: text.into(),
        source: NewSource {
            label: format!("call {}", PLACES.fetch_add(1, Ordering::Relaxed)),
            ..NewSource::default()
        },
        sensitivity: Some(sensitivity),
        ..NewNote::default()
    }
}

fn put(world: &mut World, who: Who, pack: PackId, new: NewNote) -> ItemId {
    world.run(1);
    let added = world.call(who, |node, now| node.add_notes(now, pack, &[new]));
    added.done()[0].id
}

fn edit(world: &mut World, who: Who, pack: PackId, note: ItemId, edit: NoteEdit) {
    world.run(1);
    let done = world.call(who, |node, now| node.edit_note(now, pack, note, &edit));
    done.done();
}

fn ids(notes: &[HygieneNote]) -> Vec<ItemId> {
    notes.iter().map(|note| note.id).collect()
}

fn of(report: &HygieneReport, kind: HygieneKind) -> Vec<ItemId> {
    ids(&report.kinds[&kind].notes)
}

fn action(note: &HygieneNote, act: HygieneAct) -> HygieneAction {
    let along = note.along.iter().map(|with| (with.id, with.version));
    HygieneAction {
        note: note.id,
        version: note.version,
        act,
        along: along.collect(),
        why: Some("for a test".into()),
    }
}

/// What a plan of the listed notes does.
fn plan(report: &HygieneReport) -> Vec<HygieneAction> {
    let mut actions = Vec::new();
    for (kind, act) in [
        (Expired, HygieneAct::Expire),
        (LongExpired, HygieneAct::Delete),
        (OverRetained, HygieneAct::Delete),
        (Stale, HygieneAct::Delete),
        (NeverRead, HygieneAct::Delete),
    ] {
        let notes = report.kinds.get(&kind).into_iter();
        let notes = notes.flat_map(|found| &found.notes);
        actions.extend(
            notes
                .filter(|note| note.left.is_none())
                .map(|note| action(note, act)),
        );
    }
    for group in &report.groups {
        let act = HygieneAct::Supersede {
            by: group.kept.id,
            version: group.kept.version,
        };
        let others = group.others.iter().map(|(note, _)| note);
        actions.extend(
            others
                .filter(|note| note.left.is_none())
                .map(|note| action(note, act)),
        );
    }
    actions
}

fn step(
    world: &mut World,
    who: Who,
    pack: PackId,
    go: &mut HygieneGo,
    actions: &[HygieneAction],
) -> Vec<ActDone> {
    let done = world.call(who, |node, _| node.hygiene_step(go, pack, actions));
    done.done()
}

fn begin(world: &mut World, who: Who, pack: PackId, actions: &[HygieneAction]) -> HygieneGo {
    let (now, planned) = (world.clock(who), actions.len());
    let begun = world.node(who).begin_hygiene_run(now, pack, planned);
    begun.unwrap()
}

fn put_away(
    world: &mut World,
    who: Who,
    pack: PackId,
    mut actions: &[HygieneAction],
) -> Vec<ActDone> {
    world.run(1);
    let mut go = begin(world, who, pack, actions);
    let mut all = Vec::new();
    while !actions.is_empty() {
        let done = step(world, who, pack, &mut go, actions);
        assert!(!done.is_empty());
        actions = &actions[done.len()..];
        all.extend(done);
    }
    all
}

fn undo_once(world: &mut World, who: Who, pack: PackId) -> Result<Undone, NodeError> {
    let mut done = None;
    world.call(who, |node, now| {
        done = Some(node.undo(now, pack, None, false));
        Ok::<_, NodeError>(())
    });
    done.expect("the call was made")
}

/// Undoes the last write, or the whole last go.
fn undo(world: &mut World, who: Who, pack: PackId) -> Undone {
    world.run(1);
    loop {
        let undone = undo_once(world, who, pack).unwrap();
        if undone.run.is_none_or(|run| run.rest == 0) {
            return undone;
        }
    }
}

fn statuses(world: &mut World, who: Who, pack: PackId) -> Vec<(ItemId, String)> {
    let notes = world.node(who).notes(pack).unwrap();
    notes
        .into_iter()
        .map(|note| (note.id, note.status))
        .collect()
}

fn until(moment: Timestamp) -> NoteEdit {
    NoteEdit {
        expires_at: DateEdit::Set(moment),
        ..NoteEdit::default()
    }
}

fn later(moment: Timestamp, days: u64) -> Timestamp {
    Timestamp::from_millis(moment.as_millis() + days * DAY_MILLIS)
}

/// Goal: each kind is found for its reason and for nothing else, as time goes on; what is read, changed,
/// pinned or deleted is not called what it is not; looking changes nothing.
#[test]
fn each_kind_is_found_for_its_reason_and_looking_changes_nothing() {
    let mut world = World::new(2900);
    let ana = world.add(&secret("Ana"));
    let pack = create(&mut world, ana, "plans");
    let begun = world.clock(ana);
    let [read, touched, ends, reviewed, plain, gone] =
        ["read", "touched", "ends", "reviewed", "plain", "gone"].map(|text| {
            let text = format!(
                "{text} {}",
                "lorem ipsum dolor sit amet consectetur".replace('o', text)
            );
            put(&mut world, ana, pack, note(&text, Internal))
        });
    edit(&mut world, ana, pack, ends, until(later(begun, 20)));
    let due = NoteEdit {
        review_after: DateEdit::Set(later(begun, 10)),
        ..NoteEdit::default()
    };
    edit(&mut world, ana, pack, reviewed, due);
    let deleted = world.call(ana, |node, now| {
        node.set_deleted(now, pack, gone, true, Along::All, false)
    });
    deleted.done();
    let report = look(&mut world, ana, &options());
    assert_eq!(report.looked_at, 5);
    for kind in HygieneKind::ALL {
        assert_eq!(report.kinds[&kind].total, 0, "{kind:?}");
    }

    world.run(25 * DAY_MILLIS);
    let report = look(&mut world, ana, &options());
    assert_eq!(of(&report, Expired), [ends]);
    assert_eq!(of(&report, Stale), [reviewed]);
    assert_eq!(report.kinds[&Stale].notes[0].why, Why::ReviewDue);
    assert!(of(&report, LongExpired).is_empty() && of(&report, NeverRead).is_empty());

    world.run(75 * DAY_MILLIS);
    let told = world.call(ana, |node, now| {
        node.report_read(now, pack, read, ReadPart::Now, Via::Command)
    });
    told.done();
    set_body(&mut world, ana, pack, touched, "another text by now");
    let report = look(&mut world, ana, &options());
    let mut unread = of(&report, NeverRead);
    unread.sort_unstable();
    let mut expected = vec![touched, ends, reviewed, plain];
    expected.sort_unstable();
    assert_eq!(unread, expected);
    assert_eq!(of(&report, LongExpired), [ends]);

    world.run(100 * DAY_MILLIS);
    let report = look(&mut world, ana, &options());
    let stale = of(&report, Stale);
    assert!(stale.contains(&plain) && stale.contains(&ends) && stale.contains(&reviewed));
    assert!(
        !stale.contains(&read) && !stale.contains(&touched),
        "{stale:?}"
    );
    let kept = HygieneOptions {
        retention_days: Some(150),
        ..options()
    };
    assert_eq!(look(&mut world, ana, &kept).kinds[&OverRetained].total, 5);
    let young = HygieneOptions {
        retention_days: Some(250),
        ..options()
    };
    assert_eq!(look(&mut world, ana, &young).kinds[&OverRetained].total, 0);
    for (asked, ruled, total) in [
        (None, 150, 5),
        (None, 250, 0),
        (Some(250), 150, 5),
        (Some(150), 250, 5),
        (Some(250), 260, 0),
    ] {
        let both = HygieneOptions {
            retention_days: asked,
            retention_of_packs: [(pack, ruled)].into(),
            ..options()
        };
        let kinds = look(&mut world, ana, &both).kinds;
        assert_eq!(kinds[&OverRetained].total, total, "{asked:?} {ruled}");
    }
    let few = HygieneOptions {
        limit: 1,
        ..options()
    };
    let report = look(&mut world, ana, &few);
    assert_eq!(report.kinds[&Stale].total, stale.len() as u64);
    assert_eq!(report.kinds[&Stale].notes.len(), 1);
    assert_eq!(
        statuses(&mut world, ana, pack)
            .iter()
            .filter(|(_, status)| status != "archived")
            .count(),
        5
    );
}

/// Goal: the same text is found however it is written; what stays and why is said; a message, another
/// consent, another sensitivity and another pack keep notes apart.
#[test]
fn notes_that_are_nearly_the_same_are_found_and_others_are_not() {
    let mut world = World::new(2901);
    let ana = world.add(&secret("Ana"));
    let pack = create(&mut world, ana, "plans");
    let other_pack = create(&mut world, ana, "others");
    let first = put(&mut world, ana, pack, note(CALL, Internal));
    let upper = put(&mut world, ana, pack, note(&CALL.to_uppercase(), Internal));
    let more = format!("{CALL}, as agreed before");
    let longest = put(&mut world, ana, pack, note(&more, Internal));
    let apart = [
        note(CALL, Restricted),
        NewNote {
            note_type: Some("message".into()),
            ..note(CALL, Internal)
        },
        NewNote {
            consent: Some(Consent::new(ConsentStatus::Pending)),
            ..note(CALL, Internal)
        },
        note("Ben asks for the contract of the second client", Internal),
    ];
    let apart = apart.map(|new| put(&mut world, ana, pack, new));
    put(&mut world, ana, other_pack, note(CALL, Internal));
    let report = look(&mut world, ana, &options());
    assert_eq!(report.groups.len(), 1, "{:#?}", report.groups);
    let group = &report.groups[0];
    assert_eq!(
        (group.kept.id, group.because),
        (longest, KeptBecause::Longest)
    );
    let mut others: Vec<_> = group.others.iter().map(|(note, _)| note.id).collect();
    others.sort_unstable();
    let mut expected = vec![first, upper];
    expected.sort_unstable();
    assert_eq!(others, expected);
    assert!(
        group
            .others
            .iter()
            .all(|(_, alike)| (800..1_000).contains(alike))
    );
    assert_eq!(
        (report.groups_total, report.kinds[&Duplicate].total),
        (1, 2)
    );

    let messages = HygieneOptions {
        messages: true,
        ..options()
    };
    let report = look(&mut world, ana, &messages);
    assert_eq!(report.kinds[&Duplicate].total, 3);
    let pinned = NoteEdit {
        pinned: Some(true),
        ..NoteEdit::default()
    };
    for id in [first, upper] {
        edit(&mut world, ana, pack, id, pinned.clone());
    }
    let report = look(&mut world, ana, &options());
    let group = &report.groups[0];
    assert!([first, upper].contains(&group.kept.id), "pinned ones stay");
    assert_eq!(group.because, KeptBecause::Pinned);
    let pinned = group
        .others
        .iter()
        .find(|(note, _)| note.id != longest)
        .unwrap();
    assert_eq!(pinned.0.left, Some(Left::Pinned));

    let done = put_away(&mut world, ana, pack, &plan(&report));
    assert_eq!(done.len(), 1);
    let by = world.node(ana).note(pack, longest).unwrap().superseded_by;
    assert_eq!(by, [group.kept.id]);
    for id in apart {
        assert_eq!(show(&mut world, ana, pack, id).status, "active");
    }
    let again = look(&mut world, ana, &options());
    assert_eq!(plan(&again), []);
}

/// Goal: what is put away in one go comes back in one go, over a crash in the middle of either; what
/// was written before and after stays; doing it again finishes what was begun.
#[test]
fn a_go_is_finished_after_a_crash_and_taken_back_as_one() {
    let mut world = World::new(2902);
    let ana = world.add(&secret("Ana"));
    let pack = create(&mut world, ana, "plans");
    let mine: Vec<ItemId> = (0..50)
        .map(|at| {
            let level = if at % 3 == 0 { Restricted } else { Internal };
            put(
                &mut world,
                ana,
                pack,
                note(&format!("text number {at}"), level),
            )
        })
        .collect();
    let end = later(world.clock(ana), 1);
    for id in &mine {
        edit(&mut world, ana, pack, *id, until(end));
    }
    world.run(40 * DAY_MILLIS);
    let only = HygieneOptions {
        kinds: [LongExpired].into(),
        ..options()
    };
    let actions = plan(&look(&mut world, ana, &only));
    assert_eq!(actions.len(), 50);
    let mut run = begin(&mut world, ana, pack, &actions);
    let done = step(&mut world, ana, pack, &mut run, &actions);
    assert!(done.len() < 50 && done.iter().all(|one| one.left.is_none()));
    world.kill(ana);
    assert!(matches!(world.start(ana), Opened::Up));
    let rest = plan(&look(&mut world, ana, &only));
    assert_eq!(rest.len(), 50 - done.len());
    // A plan of before says of what was done that it was.
    let again = step(&mut world, ana, pack, &mut run, &actions);
    assert!(
        again.iter().all(|one| one.left == Some(Left::Done)),
        "{again:?}"
    );
    let more = put_away(&mut world, ana, pack, &rest);
    assert!(more.iter().all(|one| one.left.is_none()));
    let archived = |world: &mut World| {
        let all = statuses(world, ana, pack);
        all.iter()
            .filter(|(_, status)| status == "archived")
            .count()
    };
    assert_eq!(archived(&mut world), 50);
    assert_eq!(plan(&look(&mut world, ana, &only)), []);

    world.run(1);
    let undone = undo_once(&mut world, ana, pack).unwrap();
    let run = undone.run.unwrap();
    assert_eq!(run.notes, rest.len() as u64);
    assert!(run.rest > 0);
    let before = archived(&mut world);
    world.kill(ana);
    assert!(matches!(world.start(ana), Opened::Up));
    assert_eq!(archived(&mut world), before);
    undo(&mut world, ana, pack);
    assert_eq!(archived(&mut world), done.len());
    undo(&mut world, ana, pack);
    assert_eq!(archived(&mut world), 0);
    // The write before is the next: an end that was set.
    let undone = undo(&mut world, ana, pack);
    assert_eq!(undone.run, None);
    assert_eq!(look(&mut world, ana, &only).kinds[&LongExpired].total, 49);
    assert_no_violations(&mut world);
}

/// Goal: a go that was killed has a receipt of what it did, with how much it did not come to; doing it
/// again has one of the rest, and both together name each note once.
#[test]
fn a_go_that_was_cut_off_has_a_receipt_of_what_it_did() {
    let mut world = World::new(2910);
    let ana = world.add(&secret("Ana"));
    let pack = create(&mut world, ana, "plans");
    for at in 0..40 {
        put(&mut world, ana, pack, note(&format!("text {at}"), Internal));
    }
    world.run(40 * DAY_MILLIS);
    let only = HygieneOptions {
        kinds: [OverRetained].into(),
        retention_days: Some(30),
        ..options()
    };
    let mut actions = plan(&look(&mut world, ana, &only));
    assert_eq!(actions.len(), 40);
    actions[3].version = [7; 32];
    let mut go = begin(&mut world, ana, pack, &actions);
    let done = step(&mut world, ana, pack, &mut go, &actions);
    assert_eq!(done[3].left, Some(Left::Changed));
    world.kill(ana);
    assert!(matches!(world.start(ana), Opened::Up));
    let reached = done.len() as u64;
    let goes = world.node(ana).hygiene_goes(pack).unwrap();
    let [first] = &goes[..] else {
        panic!("{goes:?}")
    };
    assert_eq!((first.at, first.planned), (go.at, 40));
    assert_eq!((first.done, first.unreached), (reached - 1, 40 - reached));

    let rest = plan(&look(&mut world, ana, &only));
    put_away(&mut world, ana, pack, &rest);
    let goes = world.node(ana).hygiene_goes(pack).unwrap();
    let unreached: Vec<u64> = goes.iter().map(|go| go.unreached).collect();
    assert_eq!(unreached, [0, 40 - reached], "the newest first");
    let mut named: Vec<ItemId> = Vec::new();
    for go in &goes {
        let signed = world.call(ana, |node, now| node.sign_hygiene_receipt(now, pack, go.at));
        let signed = SignedHygieneReceipt::verify(signed.done().bytes()).unwrap();
        let says = signed.receipt();
        assert_eq!((says.began, says.unreached), (go.at, Some(go.unreached)));
        assert_eq!(says.notes.len() as u64, go.done);
        for one in &says.notes {
            let planned = actions.iter().chain(&rest).rev();
            let planned = planned.filter(|action| action.note == one.note);
            let version = planned.map(|action| action.version).next();
            assert_eq!(Some(one.before), version);
            assert_eq!(one.why.as_deref(), Some("for a test"));
        }
        named.extend(says.notes.iter().map(|one| one.note));
    }
    named.sort_unstable();
    named.dedup();
    assert_eq!(named.len(), 40);
}

/// Goal: a note that ends is not put in the place of one that stays, nor the other way round; texts that
/// differ only in signs are not said to be the same, and short ones are not alike at all.
#[test]
fn what_ends_and_what_stays_are_no_duplicates_and_signs_count() {
    let mut world = World::new(21);
    let ana = world.add("Ana");
    world.start(ana);
    let pack = create(&mut world, ana, "Acme");
    put(&mut world, ana, pack, note(CALL, Internal));
    let ends = put(
        &mut world,
        ana,
        pack,
        note(&format!("{CALL} again"), Internal),
    );
    let soon = later(world.clock(ana), 3);
    edit(&mut world, ana, pack, ends, until(soon));
    assert_eq!(look(&mut world, ana, &options()).groups.len(), 0);
    let sign = put(
        &mut world,
        ana,
        pack,
        note(&CALL.replace("4711:", "-4711"), Internal),
    );
    for text in ["balance 500", "balance -500"] {
        put(&mut world, ana, pack, note(text, Internal));
    }
    let report = look(&mut world, ana, &options());
    assert_eq!(report.groups.len(), 1);
    let group = &report.groups[0];
    let both = [group.kept.id, group.others[0].0.id];
    assert!(both.contains(&sign) && !both.contains(&ends));
    assert_eq!((group.others.len(), group.others[0].1), (1, 999));
}

/// Goal: what a go deleted comes back as strict as what was copied from it meanwhile.
#[test]
fn what_a_go_deleted_comes_back_as_strict_as_its_copies() {
    let mut world = World::new(25);
    let ana = world.add("Ana");
    world.start(ana);
    let (pack, other) = (
        create(&mut world, ana, "Acme"),
        create(&mut world, ana, "Other"),
    );
    let id = put(&mut world, ana, pack, note("call", Internal));
    let say = |world: &mut World, pack, id, status| {
        let said = NoteEdit {
            consent: Some(Consent::new(status)),
            ..NoteEdit::default()
        };
        edit(world, ana, pack, id, said);
    };
    say(&mut world, pack, id, ConsentStatus::Granted);
    let options = CarryOptions {
        to: other,
        carry: Carry::Copy,
        sensitivity: None,
        purpose: None,
        across_clients: false,
    };
    let copied = world.call(ana, |node, now| node.carry(now, pack, id, &options, false));
    let copied = copied.done().written.unwrap();
    world.run(100 * DAY_MILLIS);
    let unread = HygieneOptions {
        packs: Some(vec![pack]),
        kinds: [NeverRead].into(),
        ..self::options()
    };
    let report = look(&mut world, ana, &unread);
    let found = &report.kinds[&NeverRead].notes;
    assert_eq!(found.len(), 1);
    put_away(
        &mut world,
        ana,
        pack,
        &[action(&found[0], HygieneAct::Delete)],
    );
    say(&mut world, other, copied, ConsentStatus::Withdrawn);
    let undone = undo(&mut world, ana, pack);
    assert!(undone.run.is_some());
    let back = show(&mut world, ana, pack, id);
    assert_eq!(back.status, "active");
    assert_eq!(back.consent.unwrap().status, ConsentStatus::Withdrawn);
}

/// Goal: while a large go is taken back step by step somebody goes on writing: that stays as it is.
#[test]
fn what_is_written_while_a_go_is_taken_back_stays() {
    let mut world = World::new(22);
    let ana = world.add("Ana");
    world.start(ana);
    let pack = create(&mut world, ana, "Acme");
    let past = later(world.clock(ana), 1);
    for at in 0..40 {
        let id = put(&mut world, ana, pack, note(&format!("note {at}"), Internal));
        edit(&mut world, ana, pack, id, until(past));
    }
    world.run(3 * DAY_MILLIS);
    let report = look(&mut world, ana, &options());
    let plan = plan(&report);
    assert_eq!(plan.len(), 40);
    put_away(&mut world, ana, pack, &plan);
    let mut run = undo_once(&mut world, ana, pack).unwrap().run.unwrap();
    assert!(run.rest > 0);
    let added = put(&mut world, ana, pack, note("written meanwhile", Internal));
    while run.rest > 0 {
        let step = world.call(ana, |node, now| node.undo_run_on(now, pack, run.at));
        run = step.done().unwrap();
    }
    let statuses = statuses(&mut world, ana, pack);
    assert_eq!(statuses.len(), 41);
    assert!(
        statuses.iter().all(|(_, status)| status == "active"),
        "{statuses:?}"
    );
    assert!(statuses.iter().any(|(id, _)| *id == added));
    assert_eq!(
        undo(&mut world, ana, pack).id,
        added,
        "the next undo takes that back"
    );
}

/// Goal: a note that somebody changed since the plan was shown stays as it is, and so does one whose
/// replacement changed or is gone; one more write in between is not taken back with the go.
#[test]
fn what_changed_since_it_was_looked_at_stays() {
    let mut world = World::new(2903);
    let ana = world.add(&secret("Ana"));
    let pack = create(&mut world, ana, "plans");
    let [a, b, c] = [CALL, CALL, CALL].map(|text| put(&mut world, ana, pack, note(text, Internal)));
    let report = look(&mut world, ana, &options());
    let actions = plan(&report);
    assert_eq!(actions.len(), 2);
    let changed = actions[0].note;
    set_body(&mut world, ana, pack, changed, "quite another text");
    let done = put_away(&mut world, ana, pack, &actions);
    assert_eq!(done[0].left, Some(Left::Changed));
    assert_eq!(done[1].left, None);
    assert_eq!(show(&mut world, ana, pack, changed).status, "active");
    undo(&mut world, ana, pack);
    for id in [a, b, c] {
        assert_eq!(show(&mut world, ana, pack, id).status, "active");
    }
    let report = look(&mut world, ana, &options());
    let (actions, kept) = (plan(&report), report.groups[0].kept.id);
    assert_eq!(actions.len(), 1);
    set_body(
        &mut world,
        ana,
        pack,
        kept,
        "what stays says something else by now",
    );
    let done = put_away(&mut world, ana, pack, &actions);
    assert_eq!(done[0].left, Some(Left::KeptChanged));
}

/// Goal: a reader cleared for less is told of a pack with notes above exactly what they are told of one
/// without: totals, groups, what is left. And a reader's plan changes nothing.
#[test]
fn nothing_above_the_clearance_is_found_or_counted() {
    let told = |with_secrets: bool| {
        let (mut world, ana, ben, pack) = two_in_one_pack(2904, Role::Reader, Internal);
        let end = later(world.clock(ana), 1);
        for text in [
            CALL,
            CALL,
            "another text that is here only once, long enough to be compared",
        ] {
            let id = put(&mut world, ana, pack, note(text, Internal));
            edit(&mut world, ana, pack, id, until(end));
        }
        if with_secrets {
            for _ in 0..3 {
                let id = put(&mut world, ana, pack, note(CALL, Restricted));
                edit(&mut world, ana, pack, id, until(end));
            }
        }
        settle(&mut world);
        world.run(400 * DAY_MILLIS);
        settle(&mut world);
        let options = HygieneOptions {
            retention_days: Some(30),
            ..options()
        };
        if with_secrets {
            let report = look(&mut world, ana, &options);
            assert_eq!(
                report.kinds[&OverRetained].total, 6,
                "who wrote them sees them"
            );
            assert_eq!(report.groups_total, 2);
        }
        let report = look(&mut world, ben, &options);
        assert!(plan(&report).is_empty(), "a reader changes nothing");
        let kinds: Vec<_> = (report.kinds.iter())
            .map(|(kind, found)| (*kind, found.total, found.left, found.notes.len()))
            .collect();
        let groups: Vec<_> = (report.groups.iter())
            .map(|group| (group.others.len(), group.because, group.kept.sensitivity))
            .collect();
        let rest = (report.looked_at, report.unreadable, report.groups_total);
        (
            kinds,
            groups,
            rest,
            report.not_compared,
            report.reads_waiting,
        )
    };
    assert_eq!(told(true), told(false));
}

/// Goal: a report of a read of the year 2500 keeps no note out of what was never read or is stale, for
/// nobody; neither one that others sent nor one that waits here. A clock that is some hours ahead counts.
#[test]
fn a_read_that_is_reported_far_ahead_does_not_count() {
    let (mut world, ana, ben, pack) = two_in_one_pack(2908, Role::Reader, Internal);
    let [ahead, hours, own] = ["one", "two", "three"].map(|text| {
        let text = format!("{text} {CALL}");
        put(&mut world, ana, pack, note(&text, Internal))
    });
    settle(&mut world);
    world.run(200 * DAY_MILLIS);
    settle(&mut world);
    let moment = world.clock(ben);
    let years = later(moment, 475 * 365);
    let some_hours = Timestamp::from_millis(moment.as_millis() + 5 * 60 * 60 * 1_000);
    for (who, id, at) in [
        (ben, ahead, years),
        (ben, hours, some_hours),
        (ana, own, years),
    ] {
        let read = world.call(who, |node, _| {
            node.report_read(at, pack, id, ReadPart::Now, Via::Command)
        });
        read.done();
    }
    let wrote = world.call(ben, |node, now| node.write_reports(now, true));
    wrote.done();
    settle(&mut world);
    for who in [ana, ben] {
        let report = look(&mut world, who, &options());
        for kind in [NeverRead, Stale] {
            let found = of(&report, kind);
            assert!(found.contains(&ahead) && found.contains(&own), "{kind:?}");
            assert!(!found.contains(&hours), "{kind:?}");
        }
    }
}

/// Goal: what this device's own list says of reads is known for each pack, however many rows stand there.
#[test]
fn reads_in_the_own_list_are_known_in_each_pack() {
    let (mut world, ana, ben, pack) = two_in_one_pack(2909, Role::Reader, Internal);
    let mut notes = Vec::new();
    for at in 0..120 {
        let text = format!("number {at} {CALL}");
        notes.push(put(&mut world, ana, pack, note(&text, Internal)));
    }
    let other = create(&mut world, ben, "others");
    let of_other = put(&mut world, ben, other, note(CALL, Internal));
    settle(&mut world);
    world.run(200 * DAY_MILLIS);
    settle(&mut world);
    for id in notes.iter().skip(1) {
        let read = world.call(ben, |node, now| {
            node.report_read(now, pack, *id, ReadPart::Now, Via::Command)
        });
        read.done();
    }
    // Nobody takes reports of one who is out: they stay in the own list.
    let out = remove(&world, ben);
    change(&mut world, ana, pack, &out);
    settle(&mut world);
    let wrote = world.call(ben, |node, now| node.write_reports(now, true));
    wrote.done();
    let report = look(&mut world, ben, &options());
    let unread = of(&report, NeverRead);
    assert_eq!(unread.len(), 2, "{unread:?}");
    assert!(unread.contains(&notes[0]) && unread.contains(&of_other));
}

/// Goal: a reader who has a plan of somebody else, or makes one up, is refused note by note.
#[test]
fn a_made_up_plan_does_nothing() {
    let (mut world, ana, ben, pack) = two_in_one_pack(2905, Role::Reader, Internal);
    let low = put(&mut world, ana, pack, note(CALL, Internal));
    let high = put(&mut world, ana, pack, note(CALL, Restricted));
    settle(&mut world);
    let version = |world: &mut World, who, id| {
        let only = HygieneOptions {
            kinds: [OverRetained].into(),
            retention_days: Some(1),
            ..options()
        };
        let report = look(world, who, &only);
        let notes = report.kinds[&OverRetained].notes.iter();
        notes
            .filter(|note| note.id == id)
            .map(|note| note.version)
            .next()
    };
    world.run(3 * DAY_MILLIS);
    let of_low = version(&mut world, ben, low).unwrap();
    assert_eq!(version(&mut world, ben, high), None);
    let of_high = version(&mut world, ana, high).unwrap();
    let of = |note, version, act| HygieneAction {
        note,
        version,
        act,
        along: vec![],
        why: None,
    };
    let delete = |note, version| of(note, version, HygieneAct::Delete);
    let supersede = |note, version, by| of(note, version, HygieneAct::Supersede { by, version });
    let actions = [
        delete(low, of_low),
        delete(high, of_high),
        delete(ItemId::from_bytes([9; 32]), [0; 32]),
        supersede(low, of_low, low),
        supersede(low, of_low, high),
    ];
    let done = put_away(&mut world, ben, pack, &actions);
    let left: Vec<_> = done.iter().map(|one| one.left).collect();
    assert_eq!(
        left,
        [
            Some(Left::NotAllowed),
            Some(Left::Gone),
            Some(Left::Gone),
            Some(Left::KeptChanged),
            Some(Left::KeptChanged)
        ]
    );
    assert_eq!(show(&mut world, ana, pack, low).status, "active");
}

/// Goal: thousands of notes with one text are one group, quickly; an empty pack is nothing; one note of
/// the largest size is looked at like any other.
#[test]
fn empty_packs_floods_and_huge_notes_are_taken_as_they_are() {
    let mut world = World::new(2906);
    let ana = world.add(&secret("Ana"));
    let pack = create(&mut world, ana, "plans");
    let report = look(&mut world, ana, &options());
    assert_eq!((report.looked_at, report.groups_total), (0, 0));
    let same: Vec<NewNote> = (0..1_500).map(|_| note(CALL, Internal)).collect();
    for some in same.chunks(100) {
        world.run(1);
        let added = world.call(ana, |node, now| node.add_notes(now, pack, some));
        added.done();
    }
    let huge = "a word and another one. ".repeat(2_500);
    for text in ["", "!!!", "\u{202e}\u{0}", huge.as_str()] {
        let new = NewNote {
            title: "t".into(),
            ..note(text, Internal)
        };
        world.call(ana, |node, now| {
            node.add_notes(now, pack, std::slice::from_ref(&new))
        });
    }
    let report = look(&mut world, ana, &options());
    let [group, ..] = &report.groups[..] else {
        panic!("{report:#?}")
    };
    assert_eq!(
        (report.kinds[&Duplicate].total, report.not_compared),
        (1_499, 0)
    );
    assert_eq!(group.others.len(), 1_000, "as many as are asked for");
    assert_eq!(report.groups_total, 1, "what differs in signs is not alike");
    assert!(group.others.iter().all(|(_, alike)| *alike == 1_000));
}

/// How long a look and a go take, with 100,000 notes of 20 to 80 words of which every tenth is nearly
/// another one (or as many as `KITBAG_NOTES` says). To be run by hand, with `--release --ignored
/// --nocapture`.
#[test]
#[ignore = "takes minutes, and tells figures instead of right or wrong"]
fn how_long_a_look_and_a_go_take() {
    let notes = std::env::var("KITBAG_NOTES").ok();
    let notes: usize = notes.and_then(|of| of.parse().ok()).unwrap_or(100_000);
    let dir = tempfile::tempdir().unwrap();
    let mut dice = Dice::new(1);
    let master = MasterKey::from_bytes([7; 32]);
    let mut rng = dice.fork();
    let mut store = Store::open(&dir.path().join("db"), &master, &mut rng).unwrap();
    Node::initialise(&mut store, "Ana", "laptop", &mut rng).unwrap();
    let mut node = Node::open(store, Box::new(dice.fork()), None, |_| Ok(())).unwrap();
    let now = Timestamp::from_millis(1_700_000_000_000);
    let created = node.create_pack(now, "Acme", Internal);
    let pack = created.unwrap().id;
    let mut last = String::new();
    let mut text = |dice: &mut Dice, at: usize| {
        if at % 10 == 9 {
            return format!("{last} again");
        }
        let words = 20 + dice.below(60);
        // Rank r with a frequency of about 1/r, among 60,000.
        let word = |dice: &mut Dice| {
            let exponent = dice.below(1_000_000) as f64 / 1_000_000.0;
            format!("w{}", 60_000f64.powf(exponent) as u64)
        };
        let words: Vec<String> = (0..words).map(|_| word(dice)).collect();
        last = words.join(" ");
        last.clone()
    };
    let mut at = 0;
    while at < notes {
        let some = 500.min(notes - at);
        let drafts: Vec<NewNote> = (at..at + some)
            .map(|at| note(&text(&mut dice, at), Internal))
            .collect();
        node.add_notes(now, pack, &drafts).unwrap();
        at += some;
    }
    let now = later(now, 200);
    for kinds in [&[Stale, NeverRead, Expired, OverRetained][..], &[Duplicate]] {
        let options = HygieneOptions {
            kinds: kinds.iter().copied().collect(),
            retention_days: Some(1),
            limit: 10_000,
            ..options()
        };
        let begun = Instant::now();
        let mut examining = node.begin_hygiene(now, options).unwrap();
        let mut slices = Vec::new();
        let report = loop {
            let slice = Instant::now();
            let report = node.hygiene_on(&mut examining).unwrap();
            slices.push(slice.elapsed());
            if let Some(report) = report {
                break report;
            }
        };
        let took = begun.elapsed();
        slices.sort_unstable();
        println!(
            "{notes} notes, {kinds:?}: {took:.1?}, {} slices, median {:.1?}, longest {:.1?}; {} groups",
            slices.len(),
            slices[slices.len() / 2],
            &slices[slices.len().saturating_sub(5)..],
            report.groups_total
        );
        if kinds != [Duplicate] {
            continue;
        }
        let all = plan(&report);
        let mut actions = &all[..2_000.min(all.len())];
        let planned = actions.len();
        let mut run = node.begin_hygiene_run(now, pack, planned).unwrap();
        let (begun, mut longest) = (Instant::now(), Duration::ZERO);
        while !actions.is_empty() {
            let step = Instant::now();
            let done = node.hygiene_step(&mut run, pack, actions).unwrap();
            longest = longest.max(step.elapsed());
            actions = &actions[done.len()..];
        }
        println!(
            "{planned} replaced in {:.1?}, longest step {longest:.1?}",
            begun.elapsed()
        );
        let (begun, mut longest) = (Instant::now(), Duration::ZERO);
        loop {
            let step = Instant::now();
            let undone = node.undo(now, pack, None, false).unwrap();
            longest = longest.max(step.elapsed());
            if undone.run.is_none_or(|run| run.rest == 0) {
                break;
            }
        }
        println!(
            "taken back in {:.1?}, longest step {longest:.1?}",
            begun.elapsed()
        );
    }
}
