//! Search and export as somebody who is cleared for less: nothing above shows, not even by counting.

use super::support::{add, create, draft, join, remove_person, settle, share, two_in_one_pack};
use kitbag_core::filter::{Filter, Listed};
use kitbag_core::id::{PackId, Timestamp};
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_node::finding::{
    EmptyReason, ExportOptions, ExportPlan, Found, SearchOptions, WithheldCounts,
};
use kitbag_node::undo::Along;
use kitbag_node::view::Change;
use kitbag_node::{Denied, Node, NodeError};
use kitbag_testkit::{Who, World};

fn search(world: &mut World, who: Who, query: &str, filter: &Filter) -> Found {
    let node = world.node(who);
    let options = SearchOptions {
        query: query.into(),
        packs: None,
        listed: Listed::Kept,
        filter: filter.clone(),
        limit: 20,
        explain: true,
    };
    let mut searching = node.begin_search(options).unwrap();
    loop {
        if let Some(found) = node.search_on(&mut searching).unwrap() {
            return found;
        }
    }
}

fn plan(
    world: &mut World,
    who: Who,
    pack: PackId,
    max: Option<Sensitivity>,
) -> Result<ExportPlan, NodeError> {
    let options = ExportOptions {
        pack,
        listed: Listed::Kept,
        filter: Filter::default(),
        max_sensitivity: max,
        purpose: None,
        format: None,
        client: None,
        across_clients: false,
        only: None,
        beside: vec![],
        redacts: false,
        with_copies: false,
    };
    let now = kitbag_core::id::Timestamp::from_millis(1);
    let node = world.node(who);
    let mut exporting = node.begin_export(now, options)?;
    loop {
        if let Some(plan) = node.export_on(&mut exporting)? {
            return Ok(plan);
        }
    }
}

/// Goal: for a reader cleared for Internal, a pack with notes above that answers every search as the
/// same pack without them does; words, counts and reasons alike.
#[test]
fn a_reader_finds_no_trace_of_what_is_above_their_clearance() {
    let answers = |with_secrets: bool| {
        let (mut world, ana, ben, pack) = two_in_one_pack(71, Role::Reader, Sensitivity::Internal);
        add(&mut world, ana, pack, "open word", Sensitivity::Internal);
        if with_secrets {
            for sensitivity in [Sensitivity::Confidential, Sensitivity::Restricted] {
                add(&mut world, ana, pack, "zeppelin word", sensitivity);
                let gone = add(&mut world, ana, pack, "zeppelin gone", sensitivity);
                let deleted = |node: &mut Node, now| {
                    node.set_deleted(now, pack, gone, true, Along::All, false)
                };
                world.call(ana, deleted).done();
            }
        }
        settle(&mut world);
        if with_secrets {
            let found = search(&mut world, ana, "zeppelin", &Filter::default());
            let counts = (found.total, found.deleted);
            assert_eq!(counts, (2, 2), "whoever wrote them finds them");
        }
        let only = |sensitivity| {
            let mut filter = Filter::default();
            filter.sensitivity = Some(sensitivity);
            filter
        };
        let mut found = Vec::new();
        let queries = [
            "zeppelin",
            "zep",
            "zeppelni",
            "word",
            "open zeppelin",
            "word -zeppelin",
            "opne word",
            "\"zeppelin word\"",
        ];
        for query in queries {
            found.push(search(&mut world, ben, query, &Filter::default()));
            for sensitivity in Sensitivity::ALL {
                found.push(search(&mut world, ben, query, &only(sensitivity)));
            }
        }
        // Ids are drawn by chance, and differ between the two worlds.
        let told: Vec<_> = found
            .into_iter()
            .map(|found| {
                // What each is worth, and out of what, is counted among notes that Ben reads.
                let results = found.results.into_iter();
                let results: Vec<_> = results
                    .map(|hit| (hit.title, hit.snippet, hit.fields, hit.explained))
                    .collect();
                (
                    results,
                    (found.left_out, found.approximate),
                    found.total,
                    found.total_is_exact,
                    found.relaxed,
                    found.empty_reason,
                    found.searched,
                    found.outside_filters,
                    found.deleted,
                )
            })
            .collect();
        let mut exports = Vec::new();
        for max in [None, Some(Sensitivity::Public), Some(Sensitivity::Internal)] {
            let plan = plan(&mut world, ben, pack, max).unwrap();
            exports.push((
                plan.notes.len(),
                plan.withheld,
                plan.not_selected,
                plan.waiting,
                plan.set_aside,
            ));
        }
        for max in [Sensitivity::Confidential, Sensitivity::Restricted] {
            assert!(matches!(
                plan(&mut world, ben, pack, Some(max)),
                Err(NodeError::Denied(Denied::AboveClearance))
            ));
        }
        (told, exports)
    };
    let (with, without) = (answers(true), answers(false));
    assert_eq!(with, without);
    assert_eq!(with.0[0].5, Some(EmptyReason::NotFound));
}

/// Goal: the same for somebody who was there when a note was open, and was made more sensitive since.
#[test]
fn a_note_that_was_made_more_sensitive_is_found_no_more() {
    let (mut world, ana, ben, pack) = two_in_one_pack(72, Role::Editor, Sensitivity::Internal);
    let note = add(&mut world, ana, pack, "zeppelin", Sensitivity::Internal);
    settle(&mut world);
    let everything = Filter::default();
    assert_eq!(search(&mut world, ben, "zeppelin", &everything).total, 1);
    world
        .call(ana, |node, now| {
            node.relabel(now, pack, note, Sensitivity::Confidential)
        })
        .done();
    settle(&mut world);
    let found = search(&mut world, ben, "zeppelin", &everything);
    assert_eq!(
        (found.total, found.searched, found.outside_filters),
        (0, 0, 0)
    );
    assert_eq!(found.empty_reason, Some(EmptyReason::NoNotes));
    let planned = plan(&mut world, ben, pack, None).unwrap();
    assert!(planned.notes.is_empty());
    assert_eq!(planned.withheld.by.len(), 0);
    assert_eq!(search(&mut world, ana, "zeppelin", &everything).total, 1);
    let planned = plan(&mut world, ana, pack, None).unwrap();
    assert_eq!((planned.notes.len(), planned.withheld.by.len()), (0, 1));
}

/// Goal: two members of one pack export the same notes in the same order.
#[test]
fn two_devices_choose_the_same_notes_in_the_same_order() {
    let (mut world, ana, ben, pack) = two_in_one_pack(73, Role::Editor, Sensitivity::Internal);
    for n in 0..4 {
        let who = if n % 2 == 0 { ana } else { ben };
        add(
            &mut world,
            who,
            pack,
            &format!("note {n}"),
            Sensitivity::Internal,
        );
        settle(&mut world);
    }
    let other = create(&mut world, ana, "other");
    let ticket = share(&mut world, ana, other, Role::Reader, Sensitivity::Public);
    join(&mut world, ben, ana, &ticket);
    add(&mut world, ana, other, "internal", Sensitivity::Internal);
    add(&mut world, ana, other, "public", Sensitivity::Public);
    settle(&mut world);
    let of_ana = plan(&mut world, ana, pack, None).unwrap().notes;
    assert_eq!(of_ana.len(), 4);
    assert_eq!(plan(&mut world, ben, pack, None).unwrap().notes, of_ana);
    // Without a word, whoever is cleared for less than the default gets what they open.
    let planned = plan(&mut world, ben, other, None).unwrap();
    assert_eq!(planned.max_sensitivity, Sensitivity::Public);
    assert_eq!((planned.notes.len(), planned.title.as_str()), (1, ""));
}

/// Goal: whoever was lowered finds nothing above what they open now, though their device has it still;
/// whoever was removed keeps finding what they kept.
#[test]
fn a_search_follows_the_clearance_that_counts_now() {
    let (mut world, ana, ben, pack) = two_in_one_pack(74, Role::Editor, Sensitivity::Confidential);
    add(&mut world, ana, pack, "open word", Sensitivity::Internal);
    add(
        &mut world,
        ana,
        pack,
        "zeppelin word",
        Sensitivity::Confidential,
    );
    settle(&mut world);
    let all = Filter::default();
    assert_eq!(search(&mut world, ben, "zeppelin", &all).total, 1);
    let person = world.node(ben).me().person;
    let lowered = Change::Role {
        person,
        role: Role::Editor,
        clearance: Sensitivity::Internal,
    };
    world
        .call(ana, |node, now| node.change(now, pack, &lowered))
        .done();
    settle(&mut world);
    let found = search(&mut world, ben, "zeppelin", &all);
    assert_eq!(
        (found.total, found.searched, found.unreadable),
        (0, 1, 0),
        "{found:?}"
    );
    assert_eq!(found.empty_reason, Some(EmptyReason::NotFound));
    assert_eq!(search(&mut world, ben, "word", &all).total, 1);
    let planned = plan(&mut world, ben, pack, None).unwrap();
    assert_eq!(planned.notes.len(), 1);
    assert_eq!(planned.withheld, WithheldCounts::default());

    remove_person(&mut world, ana, pack, person);
    settle(&mut world);
    add(&mut world, ana, pack, "later word", Sensitivity::Internal);
    settle(&mut world);
    assert_eq!(search(&mut world, ben, "later", &all).total, 0);
    assert!(search(&mut world, ben, "open word", &all).total > 0);
}

/// Goal: of a text that stands in parts, a search looks at all of it and an export takes all of it.
#[test]
fn a_long_text_is_searched_and_exported_whole() {
    let (mut world, ana, _, pack) = two_in_one_pack(74, Role::Reader, Sensitivity::Internal);
    let body = format!("{} needle", "hay ".repeat(50_000));
    let note = kitbag_node::view::NewNote {
        body: body.clone(),
        ..super::support::draft("long", Sensitivity::Internal)
    };
    let added = world.call(ana, |node, now| node.add_notes(now, pack, &[note]));
    let id = added.done()[0].id;
    let found = search(&mut world, ana, "needle", &Filter::default());
    assert_eq!((found.total, found.results[0].id), (1, id));
    assert_eq!(plan(&mut world, ana, pack, None).unwrap().notes, [id]);
    let options = ExportOptions {
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
    };
    let now = kitbag_core::id::Timestamp::from_millis(1);
    let page = world.node(ana).export_page(now, &options, &[id]).unwrap();
    assert_eq!(page.notes[0].record.body, body);
}

/// Goal: a pack for which there is no room stays awake while a search goes through it in slices and
/// others are looked at in between; once nobody asks about it, it falls asleep.
#[test]
fn a_large_pack_is_not_read_anew_for_each_slice_of_a_search() {
    let mut world = World::new(3);
    let ana = world.add("Ana");
    world.start(ana);
    let packs = ["Large", "Small", "Other"].map(|title| create(&mut world, ana, title));
    let is_awake = |node: &Node| node.awake_packs().contains(&packs[0]);
    world.node(ana).set_awake_bytes(1);
    for round in 0..200 {
        let node = world.node(ana);
        node.notes(packs[0]).unwrap(); // as a slice of a search does
        node.notes(packs[1 + round % 2]).unwrap();
        node.rest().unwrap();
        assert!(is_awake(node), "round {round}");
    }
    for round in 0..80 {
        let now = Timestamp::from_millis(1_000_000 + round);
        let draft = draft(&format!("news {round}"), Sensitivity::Internal);
        let node = world.node(ana);
        node.add_notes(now, packs[1], &[draft]).unwrap();
        node.rest().unwrap();
        assert!(round > 60 || is_awake(node), "round {round}");
    }
    assert!(!is_awake(world.node(ana)), "nobody asks about it");
}
