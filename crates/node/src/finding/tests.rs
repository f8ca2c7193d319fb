//! Search and export on one device: what is found, in which order, and what an export leaves out.

use super::*;
use crate::replica::Staged;
use crate::undo::Along;
use crate::view::{NewNote, NewSource, NoteEdit};
use crate::write::Draft;
use kitbag_core::content::{EntryBody, EntryKind, TakesOver};
use kitbag_core::export::{ConsentGap, Withheld};
use kitbag_core::filter::{Filter, Listed};
use kitbag_core::id::PackId;
use kitbag_core::pack::Record;
use kitbag_core::pack::note::{
    Claim, Consent, ConsentStatus, NoteType, Status, item_id, object_tag,
};
use kitbag_core::policy::Sensitivity;
use kitbag_crypto::{ItemKey, MasterKey};
use kitbag_store::Store;
use kitbag_testkit::damage;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use std::collections::BTreeSet;

const NOW: Timestamp = Timestamp::from_millis(10_000);

fn ana(dir: &std::path::Path) -> (Node, PackId) {
    let mut rng = ChaCha20Rng::seed_from_u64(12);
    let master = MasterKey::from_bytes([7; 32]);
    let mut store = Store::open(&dir.join("db"), &master, &mut rng).unwrap();
    Node::initialise(&mut store, "Ana", "laptop", &mut rng).unwrap();
    let mut node = Node::open(store, Box::new(rng), None, |_| Ok(())).unwrap();
    let pack = create(&mut node, "Acme");
    (node, pack)
}

fn reopened(dir: &std::path::Path, seed: u64) -> Node {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let master = MasterKey::from_bytes([7; 32]);
    let store = Store::open(&dir.join("db"), &master, &mut rng).unwrap();
    Node::open(store, Box::new(rng), None, |_| Ok(())).unwrap()
}

fn create(node: &mut Node, title: &str) -> PackId {
    let made = node.create_pack(NOW, title, Sensitivity::Internal);
    made.unwrap().id
}

fn draft(title: &str, body: &str) -> NewNote {
    NewNote {
        title: title.into(),
        body: body.into(),
        source: NewSource {
            label: "test".into(),
            ..NewSource::default()
        },
        ..NewNote::default()
    }
}

fn add(node: &mut Node, pack: PackId, at: u64, title: &str, body: &str) -> ItemId {
    let at = Timestamp::from_millis(at);
    node.add_notes(at, pack, &[draft(title, body)]).unwrap()[0].id
}

/// Adds a note with fields that no command sets yet.
fn add_record(node: &mut Node, pack: PackId, change: impl FnOnce(&mut Record)) -> ItemId {
    let mut record = node
        .record(&draft("with more fields", "text"), NOW)
        .unwrap();
    change(&mut record);
    record.check().unwrap();
    let mut staged = Staged::default();
    let sensitivity = Sensitivity::Internal;
    let mut pen = node.pen(pack, sensitivity, true, &mut staged).unwrap();
    let id = item_id(pen.log, pen.next_seq(), &record.salt);
    let item_key = ItemKey::generate(&mut *node.rng);
    let body = EntryBody::Create {
        record,
        at: NOW,
        takes_over: TakesOver::default(),
    };
    let draft = Draft {
        kind: EntryKind::Create,
        object: object_tag(pack, id, sensitivity, 0),
        deps: BTreeSet::new(),
        body: &body,
        item_key: &item_key,
    };
    node.append(&mut pen, &draft).unwrap();
    node.put_down(pen, &mut staged);
    node.commit(pack, staged).unwrap();
    id
}

fn options(query: &str) -> SearchOptions {
    SearchOptions {
        query: query.into(),
        packs: None,
        listed: Listed::Kept,
        filter: Filter::default(),
        limit: RESULTS_MAX,
        explain: false,
    }
}

fn search(node: &Node, options: SearchOptions) -> Found {
    let mut searching = node.begin_search(options).unwrap();
    loop {
        if let Some(found) = node.search_on(&mut searching).unwrap() {
            return found;
        }
    }
}

fn ids(found: &Found) -> Vec<ItemId> {
    found.results.iter().map(|hit| hit.id).collect()
}

fn wish(pack: PackId) -> ExportOptions {
    ExportOptions {
        pack,
        listed: Listed::Kept,
        filter: Filter::default(),
        max_sensitivity: None,
        purpose: None,
        format: None,
        client: None,
        across_clients: false,
        only: None,
        beside: vec![],
        redacts: false,
        with_copies: false,
    }
}

fn plan(node: &Node, options: &ExportOptions) -> ExportPlan {
    let mut exporting = node.begin_export(NOW, options.clone()).unwrap();
    loop {
        if let Some(plan) = node.export_on(&mut exporting).unwrap() {
            return plan;
        }
    }
}

/// Goal: titles before bodies, words in their order before others, the newer before the older, and all
/// of it again the same.
#[test]
fn results_come_in_a_fixed_order_and_edits_count() {
    let dir = tempfile::tempdir().unwrap();
    let (mut node, pack) = ana(dir.path());
    let other = create(&mut node, "Beta");
    let body = add(&mut node, pack, 30, "Call", "the refund is late");
    let old = add(&mut node, pack, 10, "Refund late", "see there");
    let new = add(&mut node, other, 20, "Late refund", "see here");
    add(&mut node, pack, 40, "Hotel", "nothing of it");
    let edited = add(&mut node, pack, 50, "Empty", "nothing yet");
    let edit = NoteEdit {
        body: Some("late, but a refund".into()),
        ..NoteEdit::default()
    };
    node.edit_note(NOW, pack, edited, &edit).unwrap();
    let found = search(&node, options("refund late"));
    assert_eq!(ids(&found), [old, new, edited, body]);
    assert_eq!((found.total, found.searched), (4, 5));
    assert!(found.total_is_exact && !found.relaxed && found.empty_reason.is_none());
    assert_eq!(search(&node, options("refund late")), found);
    assert_eq!(found.results[2].snippet.text, "late, but a refund");
    assert_eq!(found.results[1].pack, other);
    let one = SearchOptions {
        limit: 1,
        ..options("refund late")
    };
    let one = search(&node, one);
    assert_eq!((ids(&one), one.total), (vec![old], 4));
    let here = SearchOptions {
        packs: Some(vec![pack]),
        ..options("refund -see")
    };
    assert_eq!(ids(&search(&node, here)), [edited, body]);
}

/// Goal: what somebody pinned and what was checked comes before the same without it; each result says
/// why it stands where it stands, if that is asked for.
#[test]
fn pins_and_claims_count_and_are_explained() {
    let dir = tempfile::tempdir().unwrap();
    let (mut node, pack) = ana(dir.path());
    let mut with = |claim, pinned| {
        add_record(&mut node, pack, |record| {
            record.title = "refund".into();
            (record.claim, record.pinned) = (claim, pinned);
        })
    };
    let inferred = with(Some(Claim::Inference), false);
    let seen = with(Some(Claim::Observation), false);
    let plain = with(None, false);
    let pinned = with(None, true);
    let verified = with(Some(Claim::Verified), false);
    let asked = SearchOptions {
        explain: true,
        ..options("refund")
    };
    let found = search(&node, asked);
    assert_eq!(ids(&found), [pinned, verified, seen, plain, inferred]);
    let points = |hit: &Hit| hit.explained.as_ref().unwrap().points;
    assert!(
        found
            .results
            .iter()
            .is_sorted_by(|a, b| points(a) > points(b))
    );
    let explained = found.results[0].explained.as_ref().unwrap();
    assert_eq!((explained.notes, explained.parts[0].notes), (5, 5));
    assert_eq!(explained.parts[0].text, "refund");
    assert!(explained.factors.iter().any(|(_, by)| *by == 1200));
    assert!(
        search(&node, options("refund")).results[0]
            .explained
            .is_none()
    );
}

/// Goal: a word that no note holds is found by one that is nearly the same, and that is said; a word
/// that is there, one in quotes and one that is excluded are taken as they are.
#[test]
fn a_mistyped_word_is_found_and_said() {
    let dir = tempfile::tempdir().unwrap();
    let (mut node, pack) = ana(dir.path());
    let refund = add(&mut node, pack, 10, "a", "the refund is late");
    let refind = add(&mut node, pack, 20, "b", "to refind it");
    let found = search(&node, options("refnud late"));
    assert_eq!((ids(&found), found.relaxed), (vec![refund], false));
    assert_eq!(found.approximate, ["refnud"]);
    assert!(found.results[0].approximate);
    let snippet = &found.results[0].snippet;
    assert_eq!(snippet.marks, [(4, 10), (14, 18)]);
    let found = search(&node, options("refind"));
    assert_eq!((ids(&found), found.approximate), (vec![refind], vec![]));
    assert_eq!(search(&node, options("\"refnud\"")).total, 0);
    assert_eq!(search(&node, options("late -refnud")).total, 1);
}

/// Goal: if nothing holds all terms, it is said, and what holds more of them comes first.
#[test]
fn a_search_without_a_full_answer_is_openly_relaxed() {
    let dir = tempfile::tempdir().unwrap();
    let (mut node, pack) = ana(dir.path());
    let title = add(&mut node, pack, 10, "Refund", "x");
    let two = add(&mut node, pack, 10, "y", "a refund for the hotel");
    let found = search(&node, options("refund hotel zeppelin"));
    assert!(found.relaxed);
    assert_eq!(ids(&found), [two, title]);
    assert!(!search(&node, options("refund")).relaxed);
}

#[test]
fn nothing_found_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let (mut node, pack) = ana(dir.path());
    let why = |node: &Node, options| {
        let found = search(node, options);
        assert_eq!((found.results.len(), found.total), (0, 0));
        found.empty_reason.unwrap()
    };
    assert_eq!(why(&node, options("refund")), EmptyReason::NoNotes);
    add(&mut node, pack, 10, "Refund", "x");
    assert_eq!(why(&node, options("hotel")), EmptyReason::NotFound);
    let only = |sensitivity| {
        let mut filter = Filter::default();
        filter.sensitivity = Some(sensitivity);
        filter
    };
    let filtered = |query, filter| SearchOptions {
        filter,
        ..options(query)
    };
    let public = only(Sensitivity::Public);
    assert_eq!(
        why(&node, filtered("hotel", public.clone())),
        EmptyReason::FiltersExcludeAll
    );
    assert_eq!(
        why(&node, filtered("refund", public)),
        EmptyReason::OnlyOutsideFilters
    );
    let mut links = only(Sensitivity::Internal);
    links.note_type = Some(NoteType::Link);
    assert_eq!(search(&node, filtered("refund", links)).outside_filters, 1);
}

/// Goal: what somebody deleted is neither found nor handed out, unless deleted notes were asked for;
/// both answers say how many stayed, and a page withholds what was deleted since the plan.
#[test]
fn deleted_notes_are_looked_at_only_where_they_are_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let (mut node, pack) = ana(dir.path());
    let kept = add(&mut node, pack, 10, "kept", "the refund is late");
    let gone = add(&mut node, pack, 20, "gone", "a refund for the hotel");
    node.set_deleted(NOW, pack, gone, true, Along::All, false)
        .unwrap();
    let told = |node: &Node, query, listed| {
        let options = SearchOptions {
            listed,
            ..options(query)
        };
        let found = search(node, options);
        let counts = [found.total, found.searched, found.deleted];
        (ids(&found), counts, found.empty_reason)
    };
    let table = [
        ("refund", Listed::Kept, vec![kept], [1, 1, 1], None),
        ("refund", Listed::Deleted, vec![gone], [1, 1, 0], None),
        ("refund", Listed::All, vec![kept, gone], [2, 2, 0], None), // the shorter first
        (
            "hotel",
            Listed::Kept,
            vec![],
            [0, 1, 1],
            Some(EmptyReason::NotFound),
        ),
        (
            "late",
            Listed::Deleted,
            vec![],
            [0, 1, 0],
            Some(EmptyReason::NotFound),
        ),
    ];
    for (query, listed, found, counts, reason) in table {
        let expected = (found, counts, reason);
        assert_eq!(told(&node, query, listed), expected, "{query} {listed:?}");
    }

    let stays = |count| WithheldCounts {
        by: [(Withheld::Deleted, count)].into(),
        unreadable: 0,
    };
    let planned = plan(&node, &wish(pack));
    assert_eq!((&planned.notes, planned.not_selected), (&vec![kept], 0));
    assert_eq!(planned.withheld, stays(1));
    for (listed, notes, not_selected) in [
        (Listed::Deleted, vec![gone], 1),
        (Listed::All, vec![kept, gone], 0),
    ] {
        let asked = ExportOptions {
            listed,
            ..wish(pack)
        };
        let planned = plan(&node, &asked);
        assert_eq!(
            (&planned.notes, planned.not_selected),
            (&notes, not_selected)
        );
        assert_eq!(planned.withheld, WithheldCounts::default());
        let page = node.export_page(NOW, &asked, &planned.notes).unwrap();
        assert_eq!(page.notes.len(), notes.len());
    }

    node.set_deleted(NOW, pack, kept, true, Along::All, false)
        .unwrap();
    let page = node.export_page(NOW, &wish(pack), &planned.notes).unwrap();
    assert_eq!((page.notes.len(), page.withheld), (0, stays(1)));
    let (_, counts, reason) = told(&node, "refund", Listed::Kept);
    assert_eq!((counts, reason), ([0, 0, 2], Some(EmptyReason::NoNotes)));
}

#[test]
fn a_search_takes_many_slices_and_forgets_what_it_does_not_answer() {
    let dir = tempfile::tempdir().unwrap();
    let (mut node, pack) = ana(dir.path());
    let notes: Vec<NewNote> = (0..60)
        .map(|n| draft(&format!("note {n}"), "same"))
        .collect();
    for at in 0..5 {
        let differing = notes.iter().map(|note| NewNote {
            title: format!("{} of {at}", note.title),
            ..note.clone()
        });
        let differing: Vec<NewNote> = differing.collect();
        let at = Timestamp::from_millis(at);
        node.add_notes(at, pack, &differing).unwrap();
    }
    let limited = SearchOptions {
        limit: 3,
        ..options("same")
    };
    let mut searching = node.begin_search(limited).unwrap();
    let mut slices = 1;
    let found = loop {
        if let Some(found) = node.search_on(&mut searching).unwrap() {
            break found;
        }
        slices += 1;
    };
    assert!(slices > 4, "{slices} slices");
    assert_eq!((found.results.len(), found.total), (3, 300));
    let newest = found.results.iter().map(|hit| hit.captured_at.as_millis());
    assert!(newest.eq([4, 4, 4]));
}

#[test]
fn what_cannot_be_asked_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (node, pack) = ana(dir.path());
    let refused = |options: SearchOptions| node.begin_search(options).err().unwrap();
    for (query, limit) in [("", 5), ("-x", 5), ("x", 0), ("x", RESULTS_MAX + 1)] {
        let options = SearchOptions {
            limit,
            ..options(query)
        };
        assert!(matches!(refused(options), NodeError::BadInput { .. }));
    }
    let nowhere = SearchOptions {
        packs: Some(vec![pack, PackId::from_bytes([9; 32])]),
        ..options("x")
    };
    assert!(matches!(refused(nowhere), NodeError::NotFound("pack")));
}

/// Goal: a note whose row does not open from disk is counted as unreadable, and a total without it is no
/// exact one; notes of other rows are found as ever, and whoever asks for no note of that pack is told
/// nothing of it.
#[test]
fn a_note_that_does_not_open_is_counted_and_the_total_is_not_exact() {
    let dir = tempfile::tempdir().unwrap();
    let (mut node, pack) = ana(dir.path());
    let other = create(&mut node, "Other");
    let whole = add(&mut node, pack, 1, "whole", "zeppelin");
    let lost = NewNote {
        sensitivity: Some(Sensitivity::Public),
        ..draft("lost", "zeppelin")
    };
    let lost = node.add_notes(NOW, pack, &[lost]).unwrap()[0].id;
    let replica = node.packs.need(pack).unwrap();
    let of = |log: &&crate::logs::Log| log.opening.sensitivity == Sensitivity::Public;
    let log = replica.logs.values().find(of).unwrap();
    let number = log.trunk().unwrap().number;
    let found = search(&node, options("zeppelin"));
    assert_eq!(
        (found.total, found.total_is_exact, found.unreadable),
        (2, true, 0)
    );
    drop(node);

    let database = dir.path().join("db");
    let rows = damage::rows(&database, "contents.2").unwrap();
    let of_log: Vec<_> = rows.into_iter().filter(|at| at.0 == number).collect();
    assert!(!of_log.is_empty());
    for at in of_log {
        damage::turn_bit(&database, "contents.2", at).unwrap();
    }
    let mut node = reopened(dir.path(), 13);
    assert_eq!(node.unreadable_notes(pack).unwrap(), 1);
    assert_eq!(node.unreadable_notes(other).unwrap(), 0);
    let everywhere = search(&node, options("zeppelin"));
    let not_here = search(&node, options("nightingale"));
    for (found, expected) in [(&everywhere, &[whole][..]), (&not_here, &[])] {
        assert_eq!(ids(found), expected);
        assert_eq!(
            (found.total, found.total_is_exact, found.unreadable),
            (expected.len() as u64, false, 1)
        );
    }
    let elsewhere = search(
        &node,
        SearchOptions {
            packs: Some(vec![other]),
            ..options("zeppelin")
        },
    );
    assert!(elsewhere.total_is_exact && elsewhere.unreadable == 0);
    let planned = plan(&node, &wish(pack));
    assert_eq!(
        (planned.notes, planned.withheld.unreadable),
        (vec![whole], 1)
    );
    assert!(node.note(pack, lost).is_err());
}

/// Goal: whatever the person concerned did not allow, and what is over, stays, with its reason; and a
/// page judges anew.
#[test]
fn an_export_withholds_by_consent_and_by_the_notes_own_end() {
    let dir = tempfile::tempdir().unwrap();
    let (mut node, pack) = ana(dir.path());
    let plain = add(&mut node, pack, 10, "plain", "text");
    let consent = |status, purposes: &[&str], ends: Option<u64>| {
        let mut consent = Consent::new(status);
        consent.purposes = purposes.iter().map(|p| (*p).to_owned()).collect();
        consent.expires_at = ends.map(Timestamp::from_millis);
        Some(consent)
    };
    let (later, earlier) = (Some(10_001), Some(10_000));
    let mut with = |consent| add_record(&mut node, pack, |record| record.consent = consent);
    let granted = with(consent(ConsentStatus::Granted, &[], later));
    let limited = with(consent(ConsentStatus::Limited, &["support"], None));
    with(consent(ConsentStatus::Refused, &[], None));
    with(consent(ConsentStatus::Withdrawn, &[], None));
    with(consent(ConsentStatus::Withdrawn, &["support"], None));
    with(consent(ConsentStatus::Pending, &[], None));
    with(consent(ConsentStatus::Granted, &[], earlier));
    add_record(&mut node, pack, |r| r.expires_at = Some(NOW));
    add_record(&mut node, pack, |r| r.status = Status::Expired);
    add_record(&mut node, pack, |r| r.status = Status::Redacted);
    let above = NewNote {
        sensitivity: Some(Sensitivity::Restricted),
        ..draft("above", "secret")
    };
    node.add_notes(NOW, pack, &[above]).unwrap();
    let expected = |limited: u64| -> WithheldCounts {
        let by = [
            (Withheld::Sensitivity(Sensitivity::Restricted), 1),
            (Withheld::Consent(ConsentGap::Purpose), limited),
            (Withheld::Consent(ConsentGap::Refused), 1),
            (Withheld::Consent(ConsentGap::Withdrawn), 2),
            (Withheld::Consent(ConsentGap::Pending), 1),
            (Withheld::Consent(ConsentGap::Expired), 1),
            (Withheld::Expired, 2),
            (Withheld::Redacted, 1),
        ];
        WithheldCounts {
            by: by.into_iter().filter(|(_, count)| *count > 0).collect(),
            unreadable: 0,
        }
    };
    let planned = plan(&node, &wish(pack));
    assert_eq!(planned.notes, [plain, granted]);
    assert_eq!(planned.withheld, expected(1));
    assert_eq!(
        (planned.title.as_str(), planned.max_sensitivity),
        ("Acme", Sensitivity::Internal)
    );
    let support = ExportOptions {
        purpose: Some("support".into()),
        ..wish(pack)
    };
    let planned = plan(&node, &support);
    assert_eq!(planned.notes, [plain, granted, limited]);
    assert_eq!(planned.withheld, expected(0));

    let page = node.export_page(NOW, &support, &planned.notes).unwrap();
    assert_eq!((page.read, page.notes.len()), (3, 3));
    assert_eq!(page.withheld, WithheldCounts::default());
    let over = Timestamp::from_millis(10_001);
    let page = node.export_page(over, &support, &planned.notes).unwrap();
    assert_eq!((page.read, page.notes.len()), (3, 2));
    let gap = Withheld::Consent(ConsentGap::Expired);
    assert_eq!(page.withheld.by.get(&gap), Some(&1));
    let unknown = [ItemId::from_bytes([1; 32])];
    let page = node.export_page(NOW, &support, &unknown).unwrap();
    assert_eq!((page.read, page.withheld.unreadable), (1, 1));
}

/// Goal: what is no longer what was asked for when its page is read stays, and is counted: a note that
/// lost its tag, and one that was made more sensitive than the plan goes.
#[test]
fn a_note_that_is_no_longer_selected_stays_when_its_page_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let (mut node, pack) = ana(dir.path());
    let ids: Vec<ItemId> = ["one", "two", "three"]
        .iter()
        .map(|title| {
            let mut note = draft(title, "text");
            note.tags = vec!["out".into()];
            node.add_notes(NOW, pack, &[note]).unwrap()[0].id
        })
        .collect();
    let asked = ExportOptions {
        filter: Filter::default().with_tags(&["out".into()]).unwrap(),
        ..wish(pack)
    };
    let planned = plan(&node, &asked);
    assert_eq!(planned.notes, ids);
    let untag = NoteEdit {
        remove_tags: vec!["out".into()],
        ..NoteEdit::default()
    };
    node.edit_note(NOW, pack, ids[0], &untag).unwrap();
    node.relabel(NOW, pack, ids[1], Sensitivity::Restricted)
        .unwrap();
    let pinned = ExportOptions {
        max_sensitivity: Some(planned.max_sensitivity),
        ..asked
    };
    let page = node.export_page(NOW, &pinned, &planned.notes).unwrap();
    let left: Vec<ItemId> = page.notes.iter().map(|note| note.id).collect();
    assert_eq!((page.read, page.not_selected), (3, 1));
    assert_eq!(left, [ids[2]]);
    let above = Withheld::Sensitivity(Sensitivity::Restricted);
    assert_eq!(page.withheld.by.get(&above), Some(&1));
}

/// Goal: an export goes up to the pack's default, further only if somebody says so, and its title does
/// not go further than its notes.
#[test]
fn an_export_is_bounded_by_what_is_said_and_by_page() {
    let dir = tempfile::tempdir().unwrap();
    let (mut node, pack) = ana(dir.path());
    for sensitivity in Sensitivity::ALL {
        let note = NewNote {
            sensitivity: Some(sensitivity),
            ..draft(sensitivity.as_str(), "text")
        };
        node.add_notes(NOW, pack, &[note]).unwrap();
    }
    let counts = |max_sensitivity| {
        let planned = plan(
            &node,
            &ExportOptions {
                max_sensitivity,
                ..wish(pack)
            },
        );
        (planned.notes.len(), planned.title)
    };
    assert_eq!(counts(None), (2, "Acme".into()));
    assert_eq!(counts(Some(Sensitivity::Public)), (1, String::new()));
    assert_eq!(counts(Some(Sensitivity::Restricted)), (4, "Acme".into()));

    let large = "long ".repeat(10_000);
    let notes: Vec<NewNote> = (0..80).map(|n| draft(&format!("{n}"), &large)).collect();
    node.add_notes(NOW, pack, &notes).unwrap();
    let planned = plan(&node, &wish(pack));
    let (mut rest, mut pages, mut titles) = (&planned.notes[..], 0, Vec::new());
    while !rest.is_empty() {
        let asked = &rest[..rest.len().min(EXPORT_PAGE_NOTES_MAX)];
        let page = node.export_page(NOW, &wish(pack), asked).unwrap();
        let bytes: usize = page.notes.iter().map(|note| note.record.body.len()).sum();
        assert!(page.read > 0 && bytes < (1 << 20) + large.len());
        titles.extend(page.notes.into_iter().map(|note| note.record.title));
        rest = &rest[page.read..];
        pages += 1;
    }
    assert!(pages > 3, "{pages} pages");
    let written: Vec<String> = ["public", "internal"]
        .map(str::to_owned)
        .into_iter()
        .chain((0..80).map(|n| n.to_string()))
        .collect();
    let mut sorted = titles.clone();
    sorted.sort();
    let mut expected = written.clone();
    expected.sort();
    assert_eq!(sorted, expected);
    // Notes of one moment and one sensitivity come in the order in which they were written.
    let numbers: Vec<&String> = titles.iter().filter(|t| t.parse::<u8>().is_ok()).collect();
    assert!(numbers.into_iter().eq(&written[2..]));
    let many = vec![planned.notes[0]; EXPORT_PAGE_NOTES_MAX + 1];
    assert!(matches!(
        node.export_page(NOW, &wish(pack), &many),
        Err(NodeError::BadInput { .. })
    ));
}
