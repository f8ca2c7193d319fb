//! What is in the way in packs: found, put away, taken back; and nothing of what somebody may not read.

use super::support::*;
use kitbag_core::content::report::{ReadPart, Via};
use kitbag_core::filter::Filter;
use kitbag_core::id::{ItemId, PackId, Timestamp};
use kitbag_core::pack::DateEdit;
use kitbag_core::pack::note::{Consent, ConsentStatus};
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_crypto::MasterKey;
use kitbag_node::hygiene::{
    ActDone, DAY_MILLIS, HygieneAct, HygieneAction, HygieneKind, HygieneNote, HygieneOptions,
    HygieneReport, KeptBecause, Left, Why,
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
                .map(|note| HygieneAction {
                    note: note.id,
                    version: note.version,
                    act,
                }),
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
                .map(|note| HygieneAction {
                    note: note.id,
                    version: note.version,
                    act,
                }),
        );
    }
    actions
}

fn step(
    world: &mut World,
    who: Who,
    pack: PackId,
    run: Timestamp,
    actions: &[HygieneAction],
) -> Vec<ActDone> {
    let done = world.call(who, |node, _| node.hygiene_step(run, pack, actions));
    done.done()
}

fn put_away(
    world: &mut World,
    who: Who,
    pack: PackId,
    mut actions: &[HygieneAction],
) -> Vec<ActDone> {
    world.run(1);
    let now = world.clock(who);
    let run = world.node(who).begin_hygiene_run(now, pack).unwrap();
    let mut all = Vec::new();
    while !actions.is_empty() {
        let done = step(world, who, pack, run, actions);
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
    let now = world.clock(ana);
    let run = world.node(ana).begin_hygiene_run(now, pack).unwrap();
    let done = step(&mut world, ana, pack, run, &actions);
    assert!(done.len() < 50 && done.iter().all(|one| one.left.is_none()));
    world.kill(ana);
    assert!(matches!(world.start(ana), Opened::Up));
    let rest = plan(&look(&mut world, ana, &only));
    assert_eq!(rest.len(), 50 - done.len());
    // A plan of before says of what was done that it was.
    let again = step(&mut world, ana, pack, run, &actions);
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
    let delete = |note, version| HygieneAction {
        note,
        version,
        act: HygieneAct::Delete,
    };
    let supersede = |note, version, by| HygieneAction {
        note,
        version,
        act: HygieneAct::Supersede { by, version },
    };
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
        let run = node.begin_hygiene_run(now, pack).unwrap();
        let (begun, mut longest) = (Instant::now(), Duration::ZERO);
        while !actions.is_empty() {
            let step = Instant::now();
            let done = node.hygiene_step(run, pack, actions).unwrap();
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
