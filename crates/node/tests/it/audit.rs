//! What devices report: it reaches who may read what it concerns and nobody else, counts from whoever
//! may read, survives crashes, and is never text of a note.

use super::admins::{change, meet, pack_of, remove, role};
use super::support::*;
use kitbag_core::content::report::{
    Exported, NoteStart, ReadPart, Report, Reported, Via, Written, WrittenTo,
};
use kitbag_core::filter::{Filter, Listed};
use kitbag_core::id::{ItemId, PackId, Timestamp};
use kitbag_core::pack::DateEdit;
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_node::NodeError;
use kitbag_node::audit::{
    AuditKind, AuditPage, AuditQuery, AuditRow, AuditState, AuditWhat, REPORT_WAIT_MILLIS,
};
use kitbag_node::carrying::{Carry, CarryOptions};
use kitbag_node::finding::{ExportOptions, ExportPlan};
use kitbag_node::view::NoteEdit;
use kitbag_testkit::{Fault, Loot, Opened, Records, Who, World};

const ALL: usize = 1_000;

fn read(world: &mut World, who: Who, pack: PackId, note: ItemId) {
    let call = world.call(who, |node, now| {
        node.report_read(now, pack, note, ReadPart::Now, Via::Command)
    });
    call.done();
}

fn tell(world: &mut World, who: Who) {
    world
        .call(who, |node, now| node.write_reports(now, true))
        .done();
}

fn asked(world: &mut World, who: Who, pack: PackId, query: AuditQuery) -> AuditPage {
    let query = AuditQuery {
        limit: ALL,
        ..query
    };
    world
        .call(who, |node, now| node.audit(now, pack, &query))
        .done()
}

/// Everything but the policy.
fn reports(world: &mut World, who: Who, pack: PackId) -> Vec<AuditRow> {
    let rows = asked(world, who, pack, AuditQuery::default()).rows;
    let told = rows.into_iter();
    told.filter(|row| row.kind() != AuditKind::Policy).collect()
}

fn is_read_of(row: &AuditRow, note: ItemId) -> bool {
    matches!(&row.what, AuditWhat::Reported(Reported::Read { item, .. }) if *item == note)
}

/// Goal: what one reads the other sees, with who, when and how often; a reader's reads count as much as
/// an editor's; the same read within a few minutes is one report.
#[test]
fn reads_reach_the_other_device_and_a_readers_reads_count() {
    for role in [Role::Editor, Role::Reader] {
        let (mut world, ana, ben, pack) = two_in_one_pack(800, role, Sensitivity::Internal);
        let note = add(&mut world, ana, pack, "call", Sensitivity::Internal);
        let other = add(&mut world, ana, pack, "mail", Sensitivity::Internal);
        settle(&mut world);
        let began = world.clock(ben);
        for _ in 0..3 {
            read(&mut world, ben, pack, note);
        }
        read(&mut world, ben, pack, other);
        world.run(1_000);
        assert!(reports(&mut world, ana, pack).is_empty(), "it waits");
        world.run(REPORT_WAIT_MILLIS);
        let wrote = world.call(ben, |node, now| node.write_reports(now, false));
        assert!(wrote.done());
        settle(&mut world);
        let (name, device) = {
            let me = world.node(ben).me();
            (me.name, me.device)
        };
        for who in [ana, ben] {
            let rows = reports(&mut world, who, pack);
            assert_eq!(rows.len(), 2, "{role:?} {rows:#?}");
            let row = rows.iter().find(|row| is_read_of(row, note)).unwrap();
            assert_eq!((row.times, row.state), (3, AuditState::Counts));
            assert_eq!(row.sensitivity, Some(Sensitivity::Internal));
            assert_eq!(row.via, Some(Via::Command));
            assert_eq!((row.at, row.device), (began, device));
            assert_eq!(row.by.as_ref().unwrap().name, name);
            let of_note = asked(
                &mut world,
                who,
                pack,
                AuditQuery {
                    note: Some(other),
                    ..AuditQuery::default()
                },
            );
            assert_eq!(of_note.total, 1);
            assert!(is_read_of(&of_note.rows[0], other));
        }
        // Much later it is another report, and what a reader reports is no edit that waits or is aside.
        read(&mut world, ben, pack, note);
        tell(&mut world, ben);
        settle(&mut world);
        assert_eq!(reports(&mut world, ana, pack).len(), 3);
        let status = world.node(ana).status(pack).unwrap();
        assert_eq!((status.set_aside, status.waiting), (0, 0));
        assert_no_violations(&mut world);
    }
}

/// Goal: nothing about a note reaches who may not read it: no row, no count, no entry, and no word of
/// how much of an export stayed; what may be known of the same export is.
#[test]
fn nothing_about_what_is_above_somebody_can_be_seen_or_counted() {
    let (mut world, ana, ben, pack) = two_in_one_pack(801, Role::Editor, Sensitivity::Internal);
    let low = add(&mut world, ana, pack, "low", Sensitivity::Internal);
    let high = add(&mut world, ana, pack, "high", Sensitivity::Restricted);
    let other = add(&mut world, ana, pack, "other", Sensitivity::Restricted);
    settle(&mut world);
    let (_, before) = world.loot(ben);
    read(&mut world, ana, pack, high);
    tell(&mut world, ana);
    settle(&mut world);
    let (_, after) = world.loot(ben);
    assert_eq!(after.without(&before).sealed(None), 0, "nothing came");
    assert!(reports(&mut world, ben, pack).is_empty());

    // An export up to Internal leaves two at home, which Ben does not know of; one up to Restricted
    // takes all.
    for max in [Sensitivity::Internal, Sensitivity::Restricted] {
        export(&mut world, ana, pack, max, true);
    }
    settle(&mut world);
    let own = reports(&mut world, ana, pack);
    let exports = |rows: &[AuditRow]| -> Vec<(Sensitivity, _)> {
        let of = rows.iter().filter_map(|row| match &row.what {
            AuditWhat::Reported(Reported::Export(export)) => {
                Some((row.sensitivity.unwrap(), export.clone()))
            }
            _ => None,
        });
        of.collect()
    };
    let (own, seen) = (exports(&own), exports(&reports(&mut world, ben, pack)));
    assert_eq!(own.len(), 4, "{own:#?}");
    assert_eq!(seen.len(), 2, "{seen:#?}");
    for (level, export) in &seen {
        assert_eq!((*level, export.held), (Sensitivity::Internal, 1));
        assert_eq!(export.withheld, [], "what stayed is above Ben");
        assert_eq!(export.written, None, "its hash says how much stayed");
    }
    for (_, export) in &seen {
        let whole = export.whole.as_ref().unwrap();
        assert_eq!(whole.max_sensitivity, Sensitivity::Internal, "as far as it");
        assert_eq!(whole.purpose.as_deref(), Some("support"));
    }
    let above: Vec<_> = own
        .iter()
        .filter(|(level, _)| *level == Sensitivity::Restricted)
        .collect();
    assert_eq!(above.len(), 2);
    assert!(above.iter().all(|(_, export)| export.written.is_some()));
    let stayed = ("request max_sensitivity".to_owned(), 2);
    assert!(
        above
            .iter()
            .any(|(_, export)| export.withheld == [stayed.clone()])
    );
    assert!(above.iter().any(|(_, export)| export.held == 2));
    for note in [high, other] {
        let query = AuditQuery {
            note: Some(note),
            ..AuditQuery::default()
        };
        let of_note = asked(&mut world, ben, pack, query.clone());
        assert_eq!((of_note.total, of_note.waiting), (0, 0));
        let own = asked(&mut world, ana, pack, query);
        assert!(own.total >= 1);
    }
    let of_low = AuditQuery {
        note: Some(low),
        ..AuditQuery::default()
    };
    assert_eq!(asked(&mut world, ben, pack, of_low).total, 2, "two exports");
    assert_eq!(
        asked(&mut world, ben, pack, AuditQuery::default()).readable,
        [Sensitivity::Public, Sensitivity::Internal]
    );
    assert_no_violations(&mut world);
}

/// What Ben, cleared for Internal, opens of Ana's exports of a pack with one note that he reads, and with
/// these beside it that he does not: each report as its bytes, with the time, the random id of the export
/// and the note's own id taken out, how many entries came for them, and of which lengths.
fn seen_from_below(above: &[Sensitivity]) -> (Vec<Vec<u8>>, Vec<usize>) {
    let (mut world, ana, ben, pack) = two_in_one_pack(860, Role::Editor, Sensitivity::Internal);
    let low = add(&mut world, ana, pack, "low", Sensitivity::Internal);
    let kept = add(&mut world, ana, pack, "kept", Sensitivity::Internal);
    let expired = NoteEdit {
        expires_at: DateEdit::Set(Timestamp::from_millis(1)),
        ..NoteEdit::default()
    };
    let edit = world.call(ana, |node, now| node.edit_note(now, pack, kept, &expired));
    edit.done();
    for level in above {
        add(&mut world, ana, pack, "high", *level);
    }
    settle(&mut world);
    let sizes = |world: &mut World| -> Vec<usize> {
        let (_, records) = world.loot(ben);
        let mut sizes: Vec<usize> = records.entries().map(|(_, e)| e.raw().size()).collect();
        sizes.sort_unstable();
        sizes
    };
    let before = sizes(&mut world);
    for max in [
        None,
        Some(Sensitivity::Internal),
        Some(Sensitivity::Confidential),
        Some(Sensitivity::Restricted),
    ] {
        for tells in [false, true] {
            let options = ExportOptions {
                max_sensitivity: max,
                ..wish(pack, Sensitivity::Internal)
            };
            let planned = begin_export(&mut world, ana, &options);
            // As the program asks for its pages.
            let pinned = ExportOptions {
                max_sensitivity: Some(planned.max_sensitivity),
                ..options
            };
            take(&mut world, ana, &pinned, &planned.notes);
            if tells {
                wrote(&mut world, ana, &pinned);
            }
            world.run(2 * REPORT_WAIT_MILLIS);
            let write = world.call(ana, |node, now| node.write_reports(now, false));
            write.done();
        }
    }
    settle(&mut world);
    let rows = reports(&mut world, ben, pack);
    let seen = rows.into_iter().map(|row| {
        let AuditWhat::Reported(mut what) = row.what else {
            panic!("{row:#?}");
        };
        let Reported::Export(export) = &mut what else {
            panic!("{what:#?}");
        };
        export.id = [0; 16];
        assert_eq!(export.notes, [NoteStart::of(&low)]);
        export.notes.clear();
        Report::once(Timestamp::default(), row.via.unwrap(), what).to_bytes()
    });
    let seen = seen.collect();
    let mut came = sizes(&mut world);
    for size in before {
        let at = came.iter().position(|of| *of == size).unwrap();
        came.remove(at);
    }
    assert_no_violations(&mut world);
    (seen, came)
}

/// Goal: whoever reads less sees by an export that others took neither whether there is anything above
/// them, nor whether it left: what they open is the same, byte for byte.
#[test]
fn an_export_tells_those_below_the_same_whether_there_is_something_above_them_or_not() {
    let without = seen_from_below(&[]);
    assert_eq!((without.0.len(), without.1.len()), (8, 8));
    for above in [
        &[Sensitivity::Confidential][..],
        &[Sensitivity::Restricted],
        &[Sensitivity::Confidential, Sensitivity::Restricted],
    ] {
        assert_eq!(seen_from_below(above), without, "{above:?}");
    }
}

/// Goal: the hash stands where everybody may know all that its device does, and that place follows from
/// the policy; under another clearance than the export began with it goes to no pack.
#[test]
fn the_hash_stands_at_the_clearance_of_whoever_exported() {
    for lowered in [false, true] {
        let (mut world, all, pack) = pack_of(861, ["Ana", "Ben", "Cyn"]);
        let [ana, ben, cyn] = all;
        let low = add(&mut world, ana, pack, "low", Sensitivity::Public);
        add(&mut world, ana, pack, "high", Sensitivity::Confidential);
        for (who, level) in [
            (ben, Sensitivity::Confidential),
            (cyn, Sensitivity::Internal),
        ] {
            let role = role(&world, who, Role::Editor, level);
            change(&mut world, ana, pack, &role);
        }
        settle(&mut world);
        let options = wish(pack, Sensitivity::Public);
        begin_export(&mut world, ben, &options);
        take(&mut world, ben, &options, &[low]);
        if lowered {
            let role = role(&world, ben, Role::Editor, Sensitivity::Internal);
            change(&mut world, ana, pack, &role);
            settle(&mut world);
        }
        wrote(&mut world, ben, &options);
        tell(&mut world, ben);
        settle(&mut world);
        let hashes = |world: &mut World, who| -> Vec<_> {
            let rows = exports(&reports(world, who, pack));
            let hashed = rows.into_iter().filter(|row| row.2.written.is_some());
            hashed.map(|row| (row.0, row.1)).collect()
        };
        let at = (Some(Sensitivity::Confidential), AuditState::Counts);
        let expected = match lowered {
            true => vec![],
            false => vec![at],
        };
        assert_eq!(hashes(&mut world, ana), expected);
        assert_eq!(hashes(&mut world, cyn), []);
        let own = match lowered {
            true => vec![(None, AuditState::Own)],
            false => expected,
        };
        assert_eq!(hashes(&mut world, ben), own);
        assert_no_violations(&mut world);
    }
}

/// Goal: a report about something above does not hurry one below: its haste would tell of it.
#[test]
fn a_report_above_does_not_hurry_one_below() {
    let (mut world, ana, ben, pack) = two_in_one_pack(862, Role::Editor, Sensitivity::Internal);
    let low = add(&mut world, ana, pack, "low", Sensitivity::Internal);
    let high = add(&mut world, ana, pack, "high", Sensitivity::Restricted);
    settle(&mut world);
    read(&mut world, ana, pack, high);
    world.run(REPORT_WAIT_MILLIS - 1_000);
    read(&mut world, ana, pack, low);
    world.run(2_000);
    let write = |world: &mut World| {
        let write = world.call(ana, |node, now| node.write_reports(now, false));
        let wrote = write.done();
        settle(world);
        wrote
    };
    assert!(write(&mut world), "the one above is due");
    assert!(reports(&mut world, ben, pack).is_empty());
    world.run(REPORT_WAIT_MILLIS);
    write(&mut world);
    assert_eq!(reports(&mut world, ben, pack).len(), 1);
}

fn wish(pack: PackId, max: Sensitivity) -> ExportOptions {
    ExportOptions {
        pack,
        listed: Listed::Kept,
        filter: Filter::default(),
        max_sensitivity: Some(max),
        purpose: Some("support".to_owned()),
        format: Some("md".to_owned()),
        client: None,
        across_clients: false,
        only: None,
        beside: vec![],
        redacts: false,
        with_copies: false,
    }
}

fn plan(world: &mut World, who: Who, options: &ExportOptions) -> Result<ExportPlan, NodeError> {
    let now = world.clock(who);
    let node = world.node(who);
    let mut exporting = node.begin_export(now, options.clone())?;
    loop {
        if let Some(plan) = node.export_on(&mut exporting)? {
            return Ok(plan);
        }
    }
}

/// Exports as a program does: plan, pages, and, if it is honest, what was written.
fn export(world: &mut World, who: Who, pack: PackId, max: Sensitivity, tells: bool) {
    let options = wish(pack, max);
    let planned = plan(world, who, &options).unwrap();
    let call = world.call(who, |node, now| {
        node.report_export_planned(now, &options, &planned, Via::Command)?;
        let page = node.export_page(now, &options, &planned.notes)?;
        node.report_export_page(now, &options, &page, Via::Command)?;
        // Some formats read all twice.
        node.report_export_page(now, &options, &page, Via::Command)
    });
    call.done();
    if tells {
        let written = Written {
            sha256: [max as u8; 32],
            bytes: 77,
            to: WrittenTo::File,
        };
        let call = world.call(who, |node, now| {
            node.report_export_written(now, &options, written, Via::Command)
        });
        call.done();
    }
}

/// Goal: a program that takes an export and never says what it wrote is told all the same; so is one
/// whose device dies at that moment.
#[test]
fn an_export_of_which_nobody_says_what_was_written_is_told_all_the_same() {
    for dies in [false, true] {
        let (mut world, ana, ben, pack) = two_in_one_pack(802, Role::Editor, Sensitivity::Internal);
        add(&mut world, ana, pack, "low", Sensitivity::Internal);
        settle(&mut world);
        export(&mut world, ana, pack, Sensitivity::Internal, false);
        match dies {
            true => {
                world.lose_power(ana);
                assert_eq!(world.start(ana), Opened::Up);
                world.dial(ana, ben).unwrap();
            }
            false => world.run(2 * REPORT_WAIT_MILLIS),
        }
        tell(&mut world, ana);
        settle(&mut world);
        let rows = reports(&mut world, ben, pack);
        assert_eq!(rows.len(), 1, "{rows:#?}");
        let AuditWhat::Reported(Reported::Export(export)) = &rows[0].what else {
            panic!("{rows:#?}");
        };
        assert_eq!((export.held, &export.written), (1, &None));
        assert_eq!(export.whole.as_ref().unwrap().format.as_deref(), Some("md"));
    }
}

fn written() -> Written {
    Written {
        sha256: [9; 32],
        bytes: 77,
        to: WrittenTo::File,
    }
}

fn begin_export(world: &mut World, who: Who, options: &ExportOptions) -> ExportPlan {
    let planned = plan(world, who, options).unwrap();
    let call = world.call(who, |node, now| {
        node.report_export_planned(now, options, &planned, Via::Command)
    });
    call.done();
    planned
}

/// Reads one page of an export.
fn take(world: &mut World, who: Who, options: &ExportOptions, notes: &[ItemId]) {
    let call = world.call(who, |node, now| {
        let page = node.export_page(now, options, notes)?;
        assert_eq!(page.notes.len(), notes.len());
        node.report_export_page(now, options, &page, Via::Command)
    });
    call.done();
}

fn wrote(world: &mut World, who: Who, options: &ExportOptions) {
    let call = world.call(who, |node, now| {
        node.report_export_written(now, options, written(), Via::Command)
    });
    call.done();
}

fn exports(rows: &[AuditRow]) -> Vec<(Option<Sensitivity>, AuditState, Exported)> {
    let of = rows.iter().filter_map(|row| match &row.what {
        AuditWhat::Reported(Reported::Export(export)) => {
            Some((row.sensitivity, row.state, export.clone()))
        }
        _ => None,
    });
    of.collect()
}

/// Goal: the hash of a document of several packs reaches the readers of none of them, since each could
/// try what the others held; the device that wrote it has it in its own list. A pack of which nothing
/// is in it hears nothing.
#[test]
fn the_hash_of_a_document_of_several_packs_is_told_in_none() {
    let (mut world, ana, ben, pack) = two_in_one_pack(820, Role::Editor, Sensitivity::Internal);
    let low = add(&mut world, ana, pack, "low", Sensitivity::Public);
    let other = create(&mut world, ana, &secret("other"));
    let high = add(&mut world, ana, other, "high", Sensitivity::Restricted);
    let empty = create(&mut world, ana, &secret("empty"));
    settle(&mut world);
    let packs = [pack, other, empty];
    let of = |pack| ExportOptions {
        beside: packs.into_iter().filter(|of| *of != pack).collect(),
        ..wish(pack, Sensitivity::Restricted)
    };
    let planned = packs.map(|pack| begin_export(&mut world, ana, &of(pack)));
    assert_eq!(
        (&planned[0].notes[..], &planned[1].notes[..]),
        (&[low][..], &[high][..])
    );
    for (pack, note) in [(pack, low), (other, high)] {
        take(&mut world, ana, &of(pack), &[note]);
    }
    for pack in packs {
        wrote(&mut world, ana, &of(pack));
    }
    settle(&mut world);
    let seen = exports(&reports(&mut world, ben, pack));
    assert_eq!(seen.len(), 1, "{seen:#?}");
    let (_, state, export) = &seen[0];
    assert_eq!((*state, export.held), (AuditState::Counts, 1));
    assert_eq!(export.written, None, "it is of a document with more in it");
    for (pack, level) in [
        (pack, Sensitivity::Public),
        (other, Sensitivity::Restricted),
    ] {
        let own = exports(&reports(&mut world, ana, pack));
        let told = |state| own.iter().find(|row| row.1 == state).unwrap();
        let (_, _, export) = told(AuditState::Own);
        assert_eq!((export.held, &export.written), (0, &Some(written())));
        let in_pack = told(AuditState::Counts);
        assert_eq!((in_pack.0, in_pack.2.id), (Some(level), export.id));
        assert_eq!((own.len(), &in_pack.2.written), (2, &None));
    }
    assert!(reports(&mut world, ana, empty).is_empty());
    assert_no_violations(&mut world);
}

/// Goal: of an export that is not under way any more nobody hears what was written, and least of all
/// those who may read less than it held; one that begins anew without its plan tells no hash in the pack.
#[test]
fn what_was_written_of_a_forgotten_export_is_told_nowhere() {
    for restarts in [false, true] {
        for goes_on in [false, true] {
            let (mut world, ana, ben, pack) =
                two_in_one_pack(821, Role::Editor, Sensitivity::Internal);
            let low = add(&mut world, ana, pack, "low", Sensitivity::Internal);
            let high = add(&mut world, ana, pack, "high", Sensitivity::Restricted);
            settle(&mut world);
            let options = wish(pack, Sensitivity::Restricted);
            begin_export(&mut world, ana, &options);
            take(&mut world, ana, &options, &[high]);
            match restarts {
                true => {
                    world.lose_power(ana);
                    assert_eq!(world.start(ana), Opened::Up);
                    world.dial(ana, ben).unwrap();
                }
                false => {
                    world.run(2 * REPORT_WAIT_MILLIS);
                    let wrote = world.call(ana, |node, now| node.write_reports(now, false));
                    wrote.done();
                }
            }
            if goes_on {
                take(&mut world, ana, &options, &[low]);
            }
            wrote(&mut world, ana, &options);
            tell(&mut world, ana);
            settle(&mut world);
            let own = exports(&reports(&mut world, ana, pack));
            let in_pack = own.iter().filter(|row| row.1 == AuditState::Counts);
            let held: Vec<u32> = in_pack.clone().map(|row| row.2.held).collect();
            assert_eq!(held.iter().sum::<u32>(), 1 + u32::from(goes_on), "{own:#?}");
            assert!(
                in_pack.clone().all(|row| row.2.written.is_none()),
                "{own:#?}"
            );
            let kept = own.iter().filter(|row| row.1 == AuditState::Own);
            assert_eq!(kept.count(), usize::from(goes_on));
            let seen = exports(&reports(&mut world, ben, pack));
            assert_eq!(seen.len(), usize::from(goes_on), "{seen:#?}");
        }
    }
}

/// Goal: somebody who looks at the audit ends no export, and sees that it is under way; nor do the
/// other packs of one document.
#[test]
fn looking_ends_no_export_and_many_packs_are_one_request() {
    let mut world = World::new(822);
    let ana = world.add(&secret("Ana"));
    let packs: Vec<PackId> = (0..7)
        .map(|n| create(&mut world, ana, &format!("p{n}")))
        .collect();
    let mut notes = vec![];
    for pack in &packs {
        let low = add(&mut world, ana, *pack, "low", Sensitivity::Internal);
        add(&mut world, ana, *pack, "high", Sensitivity::Restricted);
        notes.push(low);
    }
    let of = |pack: &PackId| ExportOptions {
        beside: packs.iter().copied().filter(|of| of != pack).collect(),
        ..wish(*pack, Sensitivity::Internal)
    };
    for pack in &packs {
        begin_export(&mut world, ana, &of(pack));
    }
    for (pack, note) in packs.iter().zip(&notes) {
        take(&mut world, ana, &of(pack), &[*note]);
        let seen = exports(&reports(&mut world, ana, packs[0]));
        assert_eq!(seen.len(), 2);
        assert!(
            seen.iter().all(|row| row.1 == AuditState::Waits),
            "{seen:#?}"
        );
        let verified = world.call(ana, |node, now| node.verify_audit(now, packs[0]));
        assert!(verified.done().holds());
    }
    for pack in &packs {
        wrote(&mut world, ana, &of(pack));
        let told = exports(&reports(&mut world, ana, *pack));
        let stayed = told
            .iter()
            .find(|row| row.0 == Some(Sensitivity::Restricted));
        let stayed = &stayed.unwrap().2.withheld;
        assert_eq!(
            stayed[..],
            [("request max_sensitivity".to_owned(), 1)],
            "its plan is known"
        );
    }
    // A pack alone: its hash is told at the highest, although somebody looked meanwhile.
    let options = wish(packs[0], Sensitivity::Internal);
    begin_export(&mut world, ana, &options);
    take(&mut world, ana, &options, &notes[..1]);
    reports(&mut world, ana, packs[0]);
    wrote(&mut world, ana, &options);
    let told = exports(&reports(&mut world, ana, packs[0]));
    let hashed = told
        .iter()
        .filter(|row| row.1 == AuditState::Counts && row.2.written.is_some());
    let levels: Vec<_> = hashed.map(|row| row.0).collect();
    assert_eq!(levels, [Some(Sensitivity::Restricted)]);
}

/// Goal: whenever the device dies, every page that was handed over is told, each note once.
#[test]
fn no_page_that_was_handed_over_is_lost() {
    for pages in [5, 65, 72] {
        let mut world = World::new(823);
        let ana = world.add(&secret("Ana"));
        let pack = create(&mut world, ana, &secret("plans"));
        let notes: Vec<ItemId> = (0..72)
            .map(|n| {
                let level = match n {
                    70 => Sensitivity::Confidential,
                    _ => Sensitivity::Internal,
                };
                add(&mut world, ana, pack, &format!("n{n}"), level)
            })
            .collect();
        let options = wish(pack, Sensitivity::Confidential);
        begin_export(&mut world, ana, &options);
        for note in &notes[..pages] {
            take(&mut world, ana, &options, &[*note]);
            // Some formats read all twice.
            take(&mut world, ana, &options, &[*note]);
        }
        world.lose_power(ana);
        assert_eq!(world.start(ana), Opened::Up);
        // What is added to a setting that was read from disk is added to all of it.
        world.lose_power(ana);
        assert_eq!(world.start(ana), Opened::Up);
        tell(&mut world, ana);
        let told = exports(&reports(&mut world, ana, pack));
        assert_eq!(told.len(), 1 + usize::from(pages > 70), "{pages}");
        let held: u32 = told.iter().map(|row| row.2.held).sum();
        assert_eq!(held as usize, pages);
        for note in &notes[..pages] {
            let of_note = AuditQuery {
                note: Some(*note),
                ..AuditQuery::default()
            };
            assert_eq!(asked(&mut world, ana, pack, of_note).total, 1);
        }
        // Another one afterwards does not take over what the first one said.
        let again = wish(pack, Sensitivity::Internal);
        begin_export(&mut world, ana, &again);
        take(&mut world, ana, &again, &notes[..1]);
        take(&mut world, ana, &again, &notes[1..2]);
        world.lose_power(ana);
        assert_eq!(world.start(ana), Opened::Up);
        tell(&mut world, ana);
        let told = exports(&reports(&mut world, ana, pack));
        let held: u32 = told.iter().map(|row| row.2.held).sum();
        assert_eq!(held as usize, pages + 2);
    }
}

/// Goal: a note that goes into another pack is told as an export, at its sensitivity and with the pack;
/// a refusal of it only to those who may read the note.
#[test]
fn what_is_carried_into_another_pack_is_told() {
    let (mut world, ana, ben, pack) = two_in_one_pack(824, Role::Editor, Sensitivity::Internal);
    let to = create(&mut world, ana, &secret("other"));
    let low = add(&mut world, ana, pack, "low", Sensitivity::Internal);
    let high = add(&mut world, ana, pack, "high", Sensitivity::Restricted);
    settle(&mut world);
    let options = CarryOptions {
        to,
        carry: Carry::Copy,
        sensitivity: None,
        purpose: Some("support".into()),
        across_clients: false,
    };
    for note in [low, high, low] {
        let carried = world.call(ana, |node, now| {
            let planned = node.carry(now, pack, note, &options, true)?;
            node.report_carry(now, pack, &planned, &options, Via::Command)?;
            node.carry(now, pack, note, &options, false)
        });
        carried.done();
        let denied = world.call(ana, |node, now| {
            node.report_denial_of_note(now, pack, note, "copy", "wall client", Via::Command)
        });
        denied.done();
    }
    tell(&mut world, ana);
    settle(&mut world);
    assert_eq!(
        exports(&reports(&mut world, ana, pack)).len(),
        2,
        "the third was there"
    );
    let rows = reports(&mut world, ben, pack);
    let seen = exports(&rows);
    assert_eq!((rows.len(), seen.len()), (2, 1), "{rows:#?}");
    let (level, _, export) = &seen[0];
    assert_eq!((*level, export.held), (Some(Sensitivity::Internal), 1));
    let whole = export.whole.as_ref().unwrap();
    assert_eq!(whole.into, Some(to));
    assert_eq!(
        (whole.max_sensitivity, whole.purpose.as_deref()),
        (Sensitivity::Internal, Some("support"))
    );
    let denial = rows
        .iter()
        .find(|row| row.kind() == AuditKind::Denial)
        .unwrap();
    assert_eq!(
        (denial.sensitivity, denial.times),
        (Some(Sensitivity::Internal), 2)
    );
    assert_no_violations(&mut world);
}

/// Goal: the same note read again and again is counted, also while an older report of it waits for a key.
#[test]
fn reads_are_counted_beside_a_report_that_waits_for_a_key() {
    let (mut world, all, pack) = pack_of(825, ["Ana", "Ben", "Cyn"]);
    let [ana, ben, cyn] = all;
    let note = add(&mut world, ana, pack, "call", Sensitivity::Internal);
    let to_reader = role(&world, cyn, Role::Reader, Sensitivity::Internal);
    change(&mut world, ana, pack, &to_reader);
    settle(&mut world);
    let removal = remove(&world, ben);
    change(&mut world, ana, pack, &removal);
    settle(&mut world);
    read(&mut world, cyn, pack, note);
    world.run(2 * REPORT_WAIT_MILLIS);
    tell(&mut world, cyn);
    for _ in 0..5 {
        read(&mut world, cyn, pack, note);
    }
    let rows = reports(&mut world, cyn, pack);
    let times: Vec<(u32, AuditState)> = rows.iter().map(|row| (row.times, row.state)).collect();
    assert_eq!(
        times,
        [(5, AuditState::LacksKey), (1, AuditState::LacksKey)]
    );
}

/// Goal: whose clearance was lowered learns nothing of the reports above it by verifying either.
#[test]
fn verifying_counts_nothing_above_the_own_clearance() {
    let (mut world, all, pack) = pack_of(826, ["Ana", "Ben"]);
    let [ana, ben] = all;
    let raise = role(&world, ben, Role::Editor, Sensitivity::Confidential);
    change(&mut world, ana, pack, &raise);
    settle(&mut world);
    let high = add(&mut world, ana, pack, "high", Sensitivity::Confidential);
    let low = add(&mut world, ana, pack, "low", Sensitivity::Internal);
    settle(&mut world);
    for note in [high, low, low] {
        read(&mut world, ana, pack, note);
    }
    tell(&mut world, ana);
    settle(&mut world);
    let device = world.node(ana).me().device;
    let reported = |world: &mut World| {
        let verified = world.call(ben, |node, now| node.verify_audit(now, pack));
        let verified = verified.done();
        assert!(verified.holds());
        let of = verified.devices.iter().find(|of| of.device == device);
        let of = of.unwrap();
        (of.reports, of.closed, verified.not_readable)
    };
    let before = reported(&mut world);
    let lower = role(&world, ben, Role::Editor, Sensitivity::Internal);
    change(&mut world, ana, pack, &lower);
    settle(&mut world);
    let after = reported(&mut world);
    assert_eq!((before.0, after.0, after.1), (2, 1, 0));
    assert_eq!(
        after.2,
        [Sensitivity::Confidential, Sensitivity::Restricted]
    );
}

/// Goal: whichever disk call fails while some reports go into the pack and others into the own list,
/// each is told once.
#[test]
fn whichever_disk_call_fails_no_report_is_in_two_places() {
    let session = |fault: Fault| {
        let (mut world, all, pack) = pack_of(827, ["Ana", "Ben"]);
        let [ana, ben] = all;
        let raise = role(&world, ben, Role::Editor, Sensitivity::Confidential);
        change(&mut world, ana, pack, &raise);
        settle(&mut world);
        let high = add(&mut world, ana, pack, "high", Sensitivity::Confidential);
        let low = add(&mut world, ana, pack, "low", Sensitivity::Internal);
        settle(&mut world);
        for note in [high, low] {
            read(&mut world, ben, pack, note);
        }
        let lower = role(&world, ben, Role::Editor, Sensitivity::Internal);
        change(&mut world, ana, pack, &lower);
        settle(&mut world);
        add(&mut world, ana, pack, "a new key", Sensitivity::Internal);
        settle(&mut world);
        // Calls are counted from here on.
        world.device(ben).disk.set_fault(fault);
        let _ = world.call(ben, |node, now| node.write_reports(now, true));
        let calls = world.device(ben).disk.calls();
        world.device(ben).disk.set_fault(Fault::None);
        if !world.is_up(ben) {
            assert_eq!(world.start(ben), Opened::Up, "{fault:?}");
        }
        tell(&mut world, ben);
        let rows = reports(&mut world, ben, pack);
        for (note, state) in [(high, AuditState::Own), (low, AuditState::Counts)] {
            let of = rows.iter().filter(|row| is_read_of(row, note));
            let states: Vec<AuditState> = of.map(|row| row.state).collect();
            assert_eq!(states, [state], "{fault:?}: {rows:#?}");
        }
        calls
    };
    let calls = session(Fault::None);
    assert!(calls > 2, "only {calls} disk calls");
    for n in 1..=calls {
        session(Fault::PowerLoss(n));
    }
}

/// Goal: what was only planned is no export.
#[test]
fn a_plan_alone_is_told_to_nobody() {
    let (mut world, ana, _, pack) = two_in_one_pack(803, Role::Editor, Sensitivity::Internal);
    add(&mut world, ana, pack, "low", Sensitivity::Internal);
    let options = wish(pack, Sensitivity::Internal);
    let planned = plan(&mut world, ana, &options).unwrap();
    let call = world.call(ana, |node, now| {
        node.report_export_planned(now, &options, &planned, Via::Command)
    });
    call.done();
    tell(&mut world, ana);
    assert!(reports(&mut world, ana, pack).is_empty());
}

/// Goal: a denial names its rule, to every member; one that no pack takes stays on the device.
#[test]
fn denials_are_told_by_their_rule_and_what_no_pack_takes_stays_here() {
    let (mut world, all, pack) = pack_of(804, ["Ana", "Ben"]);
    let [ana, ben] = all;
    for _ in 0..5 {
        let denied = world.call(ben, |node, now| {
            node.report_denial(now, Some(pack), "export", "wall client", Via::Command)
        });
        denied.done();
        for _ in 0..40 {
            let denied = world.call(ben, |node, now| {
                node.report_denial(now, None, "request", "other user", Via::Command)
            });
            denied.done();
        }
    }
    tell(&mut world, ben);
    settle(&mut world);
    let rows = reports(&mut world, ana, pack);
    assert_eq!(rows.len(), 1, "{rows:#?}");
    assert_eq!(rows[0].times, 5);
    let expected = Reported::Denial {
        asked: "export".into(),
        rule: "wall client".into(),
    };
    assert_eq!(rows[0].what, AuditWhat::Reported(expected));
    let query = AuditQuery {
        limit: ALL,
        ..AuditQuery::default()
    };
    let own = world.call(ben, |node, now| node.audit_of_device(now, &query));
    let own = own.done();
    assert_eq!(own.rows.len(), 1, "asking again and again fills nothing");
    assert_eq!(own.rows[0].state, AuditState::Own);
    assert_no_violations(&mut world);
}

/// Goal: what somebody reported before they heard of their removal, and after its cutoff, does not
/// count and says so; what they reported before stays; who is out tells themselves alone.
#[test]
fn reports_of_who_was_removed_end_where_their_log_ends() {
    let (mut world, all, pack) = pack_of(805, ["Ana", "Ben", "Cyn"]);
    let [ana, ben, cyn] = all;
    let note = add(&mut world, ana, pack, "call", Sensitivity::Internal);
    settle(&mut world);
    read(&mut world, ben, pack, note);
    tell(&mut world, ben);
    settle(&mut world);
    // Cyn takes in what Ben reports after Ana removed him, before either heard of it.
    world.set_cut(ana, ben, true);
    world.set_cut(ana, cyn, true);
    let removal = remove(&world, ben);
    change(&mut world, ana, pack, &removal);
    world.run(2 * REPORT_WAIT_MILLIS);
    read(&mut world, ben, pack, note);
    tell(&mut world, ben);
    world.run(30_000);
    let states = |world: &mut World, who| -> Vec<AuditState> {
        let rows = reports(world, who, pack);
        rows.iter().map(|row| row.state).collect()
    };
    assert_eq!(states(&mut world, cyn), [AuditState::Counts; 2]);
    world.heal();
    meet(&mut world, &all);
    assert_eq!(
        states(&mut world, cyn),
        [AuditState::SetAside, AuditState::Counts]
    );
    assert_eq!(world.node(cyn).status(pack).unwrap().set_aside, 0);
    // Ben knows now; what he opens of what he kept is on his device alone.
    read(&mut world, ben, pack, note);
    tell(&mut world, ben);
    let of_ben = states(&mut world, ben);
    assert!(of_ben.contains(&AuditState::Own), "{of_ben:?}");
    world.run(30_000);
    assert_eq!(states(&mut world, cyn).len(), 2, "and reaches nobody");
    let verified = world.call(cyn, |node, now| node.verify_audit(now, pack));
    let verified = verified.done();
    assert!(verified.holds(), "{verified:#?}");
    let device = world.node(ben).me().device;
    let of = verified.devices.iter().find(|of| of.device == device);
    let of = of.unwrap();
    assert_eq!((of.is_member, of.reports), (false, 2));
    assert_no_violations(&mut world);
}

/// Goal: after a removal a reader's report waits until somebody who may write made a new key; who was
/// removed opens none of it.
#[test]
fn a_readers_report_after_a_removal_waits_for_a_writer() {
    let (mut world, all, pack) = pack_of(806, ["Ana", "Ben", "Cyn"]);
    let [ana, ben, cyn] = all;
    let note = add(&mut world, ana, pack, "call", Sensitivity::Internal);
    let to_reader = role(&world, cyn, Role::Reader, Sensitivity::Internal);
    change(&mut world, ana, pack, &to_reader);
    add(&mut world, ana, pack, "then", Sensitivity::Internal);
    settle(&mut world);
    let removal = remove(&world, ben);
    change(&mut world, ana, pack, &removal);
    settle(&mut world);
    let epochs = |world: &mut World| {
        let (_, records) = world.loot(cyn);
        let of = records.epochs(pack);
        of.filter(|epoch| epoch.epoch().domain == Sensitivity::Internal)
            .count()
    };
    let before = epochs(&mut world);
    let (mut loot, own) = world.loot(ben);
    read(&mut world, cyn, pack, note);
    tell(&mut world, cyn);
    world.run(2 * REPORT_WAIT_MILLIS);
    let wrote = world.call(cyn, |node, now| node.write_reports(now, false));
    wrote.done();
    settle(&mut world);
    assert_eq!(epochs(&mut world), before);
    let rows = reports(&mut world, cyn, pack);
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].state, AuditState::LacksKey, "shown here already");
    assert!(reports(&mut world, ana, pack).is_empty());
    add(&mut world, ana, pack, "mail", Sensitivity::Internal);
    settle(&mut world);
    let wrote = world.call(cyn, |node, now| node.write_reports(now, false));
    assert!(wrote.done(), "the key has come");
    settle(&mut world);
    assert_eq!(reports(&mut world, ana, pack)[0].state, AuditState::Counts);
    nothing_opens(&mut world, ana, &mut loot, own);
    assert_no_violations(&mut world);
}

/// Goal: where a new key is owed and nobody writes notes, reports of a writer are not held up for
/// long: once they have waited their time they are what is written next, under a new key.
#[test]
fn a_writers_report_does_not_wait_for_a_note() {
    let (mut world, all, pack) = pack_of(811, ["Ana", "Ben", "Cyn"]);
    let [ana, ben, cyn] = all;
    let note = add(&mut world, ana, pack, "call", Sensitivity::Internal);
    settle(&mut world);
    let removal = remove(&world, ben);
    change(&mut world, ana, pack, &removal);
    settle(&mut world);
    let (mut loot, own) = world.loot(ben);
    read(&mut world, cyn, pack, note);
    tell(&mut world, cyn);
    assert_eq!(reports(&mut world, cyn, pack)[0].state, AuditState::Waits);
    world.run(REPORT_WAIT_MILLIS);
    let wrote = world.call(cyn, |node, now| node.write_reports(now, false));
    assert!(wrote.done());
    settle(&mut world);
    assert_eq!(reports(&mut world, ana, pack)[0].state, AuditState::Counts);
    nothing_opens(&mut world, ana, &mut loot, own);
    assert_no_violations(&mut world);
}

/// What is new at Internal since then, and there is something, opens with none of these keys.
fn nothing_opens(world: &mut World, who: Who, loot: &mut Loot, before: Records) {
    let (_, after) = world.loot(who);
    let new = after.without(&before);
    let internal = new.only(|opening, _| opening.sensitivity == Sensitivity::Internal);
    assert!(internal.sealed(None) >= 1);
    let opened = loot.open(&internal);
    assert!(opened.is_empty(), "{opened:#?}");
}

/// Goal: whenever power fails, a read that was acknowledged is told later exactly once, and the chains
/// hold. Method: the n-th disk call fails while notes are read and reports written.
#[test]
fn whichever_disk_call_fails_no_acknowledged_read_is_lost_or_told_twice() {
    let session = |fault: Fault| {
        let mut world = World::new(807);
        let ana = world.add(&secret("Ana"));
        let pack = create(&mut world, ana, &secret("plans"));
        let notes: Vec<ItemId> = (0..3)
            .map(|n| {
                add(
                    &mut world,
                    ana,
                    pack,
                    &format!("n{n}"),
                    Sensitivity::Internal,
                )
            })
            .collect();
        world.device(ana).disk.set_fault(fault);
        let mut acknowledged = Vec::new();
        for (at, note) in notes.iter().enumerate() {
            if !world.is_up(ana) {
                break;
            }
            let done = world.call(ana, |node, now| {
                node.report_read(now, pack, *note, ReadPart::Now, Via::Command)
            });
            if done.ok().is_some() {
                acknowledged.push(*note);
            }
            if at == 1 && world.is_up(ana) {
                let _ = world.call(ana, |node, now| node.write_reports(now, true));
            }
        }
        let calls = world.device(ana).disk.calls();
        world.device(ana).disk.set_fault(Fault::None);
        if !world.is_up(ana) {
            assert_eq!(world.start(ana), Opened::Up, "{fault:?}");
        }
        tell(&mut world, ana);
        let rows = reports(&mut world, ana, pack);
        for note in &acknowledged {
            let told: u32 = rows
                .iter()
                .filter(|row| is_read_of(row, *note))
                .map(|row| row.times)
                .sum();
            assert_eq!(told, 1, "{fault:?}: {rows:#?}");
        }
        assert!(rows.len() <= 3, "{fault:?}: {rows:#?}");
        let verified = world.call(ana, |node, now| node.verify_audit(now, pack));
        assert!(verified.done().holds(), "{fault:?}");
        (calls, acknowledged.len())
    };
    let (calls, all) = session(Fault::None);
    assert_eq!(all, 3);
    assert!(calls > 10, "only {calls} disk calls");
    let mut lost = 0;
    let stride = if cfg!(debug_assertions) { 9 } else { 1 };
    for n in (1..=calls).step_by(stride) {
        for fault in [Fault::PowerLoss(n), Fault::FailOnce(n), Fault::Full(n)] {
            let (_, acknowledged) = session(fault);
            lost += 3 - acknowledged;
        }
    }
    assert!(lost > 0, "some call has to fail, or this shows nothing");
}

/// Goal: reports older than they are kept are neither shown nor counted; what only this device kept is
/// dropped, and its list still verifies.
#[test]
fn reports_end_when_they_are_kept_no_longer() {
    let (mut world, ana, _, pack) = two_in_one_pack(808, Role::Editor, Sensitivity::Internal);
    let note = add(&mut world, ana, pack, "call", Sensitivity::Internal);
    read(&mut world, ana, pack, note);
    let deny = |world: &mut World, rule: &str| {
        let denied = world.call(ana, |node, now| {
            node.report_denial(now, None, "request", rule, Via::Command)
        });
        denied.done();
    };
    deny(&mut world, "first");
    tell(&mut world, ana);
    world.run(10 * REPORT_WAIT_MILLIS);
    deny(&mut world, "second");
    assert_eq!(reports(&mut world, ana, pack).len(), 1);
    let query = AuditQuery {
        limit: ALL,
        ..AuditQuery::default()
    };
    let own = |world: &mut World| {
        let own = world.call(ana, |node, now| node.audit_of_device(now, &query));
        own.done().rows.len()
    };
    assert_eq!(own(&mut world), 2);
    let kept = world.call(ana, |node, now| {
        node.set_audit_keep(now, 5 * REPORT_WAIT_MILLIS)
    });
    kept.done();
    assert!(reports(&mut world, ana, pack).is_empty());
    assert_eq!(own(&mut world), 1);
    let verified = world.call(ana, |node, now| node.verify_audit(now, pack));
    let verified = verified.done();
    assert!(verified.holds(), "{verified:#?}");
    assert_eq!(verified.own_rows, 1, "dropped, not only hidden");
    world.kill(ana);
    world.start(ana);
    assert!(reports(&mut world, ana, pack).is_empty(), "after a restart");
}

/// Goal: rows are found by person, device, kind and time; pages fit together and nothing is in two.
#[test]
fn rows_are_found_and_paged() {
    let (mut world, ana, ben, pack) = two_in_one_pack(809, Role::Editor, Sensitivity::Internal);
    let notes: Vec<ItemId> = (0..7)
        .map(|n| {
            add(
                &mut world,
                ana,
                pack,
                &format!("n{n}"),
                Sensitivity::Internal,
            )
        })
        .collect();
    settle(&mut world);
    for note in &notes {
        read(&mut world, ben, pack, *note);
        world.run(1_000);
    }
    let middle = world.clock(ana);
    world.run(1_000);
    read(&mut world, ana, pack, notes[0]);
    for who in [ana, ben] {
        tell(&mut world, who);
    }
    settle(&mut world);
    let name = world.node(ben).me().name;
    let count = |world: &mut World, query: AuditQuery| {
        let query = AuditQuery {
            kinds: [AuditKind::Read].into(),
            ..query
        };
        asked(world, ana, pack, query).total
    };
    assert_eq!(count(&mut world, AuditQuery::default()), 8);
    let by = |who: &str| AuditQuery {
        who: Some(who.to_owned()),
        ..AuditQuery::default()
    };
    assert_eq!(count(&mut world, by(&name.to_uppercase())), 7);
    let id = world.person(ben).to_string();
    assert_eq!(count(&mut world, by(&id[..12])), 7);
    let nobody = world.call(ana, |node, now| node.audit(now, pack, &by("nobody")));
    assert!(matches!(
        nobody.refused(),
        Some(NodeError::NotFound("person"))
    ));
    let since = AuditQuery {
        since: Some(middle),
        ..AuditQuery::default()
    };
    assert_eq!(count(&mut world, since), 1);
    let until = AuditQuery {
        until: Some(middle),
        ..AuditQuery::default()
    };
    assert_eq!(count(&mut world, until), 7);
    let policy = AuditQuery {
        kinds: [AuditKind::Policy].into(),
        ..AuditQuery::default()
    };
    let policy = asked(&mut world, ana, pack, policy).rows;
    let acts: Vec<&str> = policy
        .iter()
        .map(|row| match &row.what {
            AuditWhat::Policy { act, .. } => *act,
            other => panic!("{other:?}"),
        })
        .collect();
    for act in ["create", "invite", "admit"] {
        assert!(acts.contains(&act), "{acts:?}");
    }
    let all = asked(&mut world, ana, pack, AuditQuery::default());
    let mut paged = Vec::new();
    for skip in (0..).step_by(3) {
        let query = AuditQuery {
            skip,
            limit: 3,
            ..AuditQuery::default()
        };
        let page = world.call(ana, |node, now| node.audit(now, pack, &query));
        let page = page.done();
        assert_eq!(page.total, all.total);
        if page.rows.is_empty() {
            break;
        }
        paged.extend(page.rows);
    }
    assert_eq!(paged, all.rows);
    assert!(all.rows.is_sorted_by(|a, b| a.until >= b.until));
    let far = AuditQuery {
        skip: usize::MAX,
        limit: 1,
        ..AuditQuery::default()
    };
    let far = world.call(ana, |node, now| node.audit(now, pack, &far));
    assert!(matches!(far.refused(), Some(NodeError::BadInput { .. })));
}

/// Goal: what a read costs, as a bound: a report of one read takes less than a kilobyte on the way, and
/// many in one entry take a fraction of that each; and what is read is nothing that is "to send".
#[test]
fn reports_are_small_and_nothing_to_wait_for() {
    let (mut world, ana, ben, pack) = two_in_one_pack(810, Role::Editor, Sensitivity::Internal);
    let notes: Vec<ItemId> = (0..64)
        .map(|n| {
            add(
                &mut world,
                ana,
                pack,
                &format!("n{n}"),
                Sensitivity::Internal,
            )
        })
        .collect();
    settle(&mut world);
    let bytes = |world: &mut World| -> (usize, usize) {
        let (_, records) = world.loot(ana);
        let entries: Vec<usize> = records.entries().map(|(_, e)| e.raw().size()).collect();
        (entries.len(), entries.iter().sum())
    };
    let before = bytes(&mut world);
    read(&mut world, ana, pack, notes[0]);
    tell(&mut world, ana);
    let one = bytes(&mut world);
    assert_eq!(one.0 - before.0, 1);
    assert!(one.1 - before.1 < 640, "{} bytes", one.1 - before.1);
    for note in &notes {
        read(&mut world, ana, pack, *note);
    }
    tell(&mut world, ana);
    let many = bytes(&mut world);
    assert_eq!(many.0 - one.0, 1);
    let each = (many.1 - one.1) / notes.len();
    println!(
        "one report: {} bytes; of 64 together: {each} each",
        one.1 - before.1
    );
    assert!(each < 96, "{each} bytes each");
    settle(&mut world);
    world.set_cut(ana, ben, true);
    world.run(60_000);
    read(&mut world, ana, pack, notes[1]);
    tell(&mut world, ana);
    let status = world.node(ana).status(pack).unwrap();
    let to_send: Vec<u64> = status.peers.iter().map(|peer| peer.to_send).collect();
    assert_eq!(to_send, [0], "what was read is nothing that Ben waits for");
    add(&mut world, ana, pack, "news", Sensitivity::Internal);
    let status = world.node(ana).status(pack).unwrap();
    let to_send: Vec<u64> = status.peers.iter().map(|peer| peer.to_send).collect();
    assert_eq!(to_send, [1]);
}
