//! What says that it took something over: believed if it did.

use super::*;

/// Writes an edit of a note that says it takes these over.
fn edit_claiming(desk: &mut Desk, pack: PackId, note: ItemId, body: &str, taken: &[EntryHash]) {
    let (tag, sensitivity, mut built) = desk.node.built_note(pack, note).unwrap();
    let mut staged = Staged::default();
    let mut pen = desk.node.pen(pack, sensitivity, true, &mut staged).unwrap();
    let edit = Edit {
        body: Some(body.into()),
        ..Edit::default()
    };
    let change = built.open_document().edit(pen.log, &edit).unwrap().unwrap();
    let takes = TakesOver::new(taken.iter().copied());
    let node = &mut desk.node;
    node.append_change(NOW, &mut pen, tag, &mut built, &change, takes)
        .unwrap();
    node.put_down(pen, &mut staged);
    node.commit(pack, staged).unwrap();
}

/// Writes a note that says it takes an entry over.
fn note_claiming(
    desk: &mut Desk,
    pack: PackId,
    record: kitbag_core::pack::Record,
    at: Sensitivity,
    taken: EntryHash,
) {
    let mut staged = Staged::default();
    let mut pen = desk.node.pen(pack, at, true, &mut staged).unwrap();
    let item = kitbag_core::pack::note::item_id(pen.log, pen.next_seq(), &record.salt);
    let body = EntryBody::Create {
        record,
        at: NOW,
        takes_over: TakesOver::new([taken]),
    };
    let draft = Draft {
        kind: EntryKind::Create,
        object: kitbag_core::pack::note::object_tag(pack, item, at, 0),
        deps: BTreeSet::new(),
        body: &body,
        item_key: &kitbag_crypto::ItemKey::from_bytes([5; 32]),
    };
    desk.node.append(&mut pen, &draft).unwrap();
    desk.node.put_down(pen, &mut staged);
    desk.node.commit(pack, staged).unwrap();
}

fn record(desk: &mut Desk, body: &str) -> kitbag_core::pack::Record {
    let note = NewNote {
        body: body.into(),
        source: NewSource {
            label: "test".into(),
            ..NewSource::default()
        },
        ..NewNote::default()
    };
    desk.node.record(&note, NOW).unwrap()
}

/// Goal: whoever only names what somebody else wrote takes it off nobody's list, in whatever entry;
/// whoever writes it anew does.
#[test]
fn who_merely_names_an_entry_takes_it_off_nobodys_list() {
    let (mut ana, [mut ben, mut cyn], pack, note) =
        team([("Ben", Role::Editor), ("Cyn", Role::Editor)]);
    ben.set_body(pack, note, "one\nlate");
    let lone = ben.add(pack, "lone");
    let late = news(&ben, &ana, pack);
    ana.remove(pack, &ben);
    late.into_iter().for_each(|page| ana.take(page));
    cyn.pull(&mut ana, pack);
    let listed = ana.aside(pack);
    let of = |kind| listed.iter().find(|view| view.kind == kind).unwrap().entry;
    let (edit, create) = (of(AsideKind::Edit), of(AsideKind::Note));
    assert_eq!(listed.len(), 2);

    edit_claiming(&mut cyn, pack, note, "one, and Cyn", &[edit]);
    edit_claiming(&mut cyn, pack, note, "one", &[edit]);
    edit_claiming(&mut cyn, pack, note, "one\nlate", &[edit, create]);
    edit_claiming(&mut cyn, pack, note, "one", &[create]);
    for taken in [edit, create] {
        let mine = record(&mut cyn, "mine");
        note_claiming(&mut cyn, pack, mine, Sensitivity::Internal, taken);
    }
    // The same text, as if nobody else had ever written it.
    let mine = record(&mut cyn, "lone");
    note_claiming(&mut cyn, pack, mine, Sensitivity::Internal, create);
    ana.pull(&mut cyn, pack);
    for desk in [&mut ana, &mut cyn] {
        assert_eq!(desk.aside(pack).len(), 2);
        assert!(desk.node.note(pack, lone).is_err());
    }

    ana.node.take_over(NOW, pack, &[edit]).unwrap();
    cyn.pull(&mut ana, pack);
    assert_eq!(ana.body(pack, note), "one\nlate");
    for desk in [&mut ana, &mut cyn] {
        assert_eq!(entries(&desk.aside(pack)), [create]);
    }
    ana.node.take_over(NOW, pack, &[create]).unwrap();
    cyn.pull(&mut ana, pack);
    for desk in [ana, cyn] {
        assert_eq!(desk.aside(pack), []);
        assert_eq!(desk.restarted().aside(pack), []);
    }
}

/// Goal: what one person says of an entry without having done it hides nobody's honest work: so many
/// lies cost no more than a few looks, and the truth of somebody else is still found.
#[test]
fn a_flood_of_claims_hides_no_honest_one() {
    let (mut ana, [mut ben, mut cyn], pack, note) =
        team([("Ben", Role::Editor), ("Cyn", Role::Editor)]);
    ben.set_body(pack, note, "one\nlate");
    let late = news(&ben, &ana, pack);
    ana.remove(pack, &ben);
    late.into_iter().for_each(|page| ana.take(page));
    cyn.pull(&mut ana, pack);
    let entry = ana.aside(pack)[0].entry;
    for n in 0..12 {
        edit_claiming(&mut cyn, pack, note, &format!("one {n}"), &[entry]);
    }
    ana.pull(&mut cyn, pack);
    assert_eq!(entries(&ana.aside(pack)), [entry]);
    assert!(ana.node.packs[&pack].taken.looks() <= 4);
    ana.node.take_over(NOW, pack, &[entry]).unwrap();
    assert_eq!(ana.aside(pack), []);
}

/// Goal: a note of one sensitivity hides nothing of another from those who cannot open it.
#[test]
fn only_a_note_of_the_same_sensitivity_takes_an_entry_off_the_list() {
    let (mut ana, [mut ben], pack, _) = team([("Ben", Role::Editor)]);
    let lone = ben.add(pack, "lone");
    let late = news(&ben, &ana, pack);
    ana.remove(pack, &ben);
    late.into_iter().for_each(|page| ana.take(page));
    let entry = ana.aside(pack)[0].entry;
    let replica = &ana.node.packs[&pack];
    let tag = replica.places[&entry].object.unwrap();
    let old = build_everything(replica, &ana.node.store, tag);
    let old = old.unwrap().unwrap().record;
    for (at, left) in [(Sensitivity::Restricted, 1), (Sensitivity::Internal, 0)] {
        let new = old.taken_over(lone, [8; 16], "Ana (laptop)".into());
        note_claiming(&mut ana, pack, new, at, entry);
        assert_eq!(ana.aside(pack).len(), left, "{at}");
    }
}

/// Goal: what was taken over stays so wherever the note goes that took it over, for those who see it
/// there, for those who do not, and after a restart.
#[test]
fn what_was_taken_over_stays_so_when_its_note_moves() {
    let (mut ana, [mut ben, mut dan], pack, note) =
        team([("Ben", Role::Editor), ("Dan", Role::Reader)]);
    ben.set_body(pack, note, "one\nlate");
    let lone = ben.add(pack, "lone");
    ben.set_body(pack, lone, "lone wolf");
    let late = news(&ben, &ana, pack);
    ana.remove(pack, &ben);
    late.into_iter().for_each(|page| ana.take(page));
    dan.pull(&mut ana, pack);
    let all = entries(&ana.aside(pack));
    assert_eq!((all.len(), dan.aside(pack).len()), (3, 3));
    let taken = ana.node.take_over(NOW, pack, &all).unwrap();
    let new = |of: &TakenOver| match of.outcome {
        TakeOver::NewNote(new) => Some(new),
        _ => None,
    };
    let notes = [note, taken.iter().find_map(new).unwrap()];
    let path = [
        Sensitivity::Restricted,
        Sensitivity::Public,
        Sensitivity::Confidential,
    ];
    for to in path {
        for note in notes {
            ana.node.relabel(NOW, pack, note, to).unwrap();
        }
        dan.pull(&mut ana, pack);
        (ana, dan) = (check(ana, pack, to), check(dan, pack, to));
    }
}

fn check(desk: Desk, pack: PackId, to: Sensitivity) -> Desk {
    let name = desk.node.me().name;
    assert_eq!(desk.aside(pack), [], "{name}, {to}");
    let desk = desk.restarted();
    assert_eq!(desk.aside(pack), [], "{name}, {to}, read back");
    desk
}

/// Goal: nobody keeps others from taking over by naming a note as moved, whoever they are.
#[test]
fn naming_a_note_as_moved_keeps_nobody_from_taking_over() {
    for role in [Role::Reader, Role::Editor, Role::Admin] {
        let (mut ana, [mut ben, mut cyn], pack, note) =
            team([("Ben", Role::Editor), ("Cyn", role)]);
        ben.set_body(pack, note, "one\nlate");
        let tag = ana.node.packs[&pack].notes[&note];
        let create = ana.node.packs[&pack].objects[&tag].entries[0];
        let mut staged = Staged::default();
        let (at, write) = (Sensitivity::Internal, role.may_write());
        let mut pen = cyn.node.pen(pack, at, write, &mut staged).unwrap();
        let nowhere = EntryKind::Moved(EntryHash::from_bytes([9; 32]));
        cyn.node
            .append_bare(&mut pen, nowhere, tag, BTreeSet::from([create]));
        cyn.node.put_down(pen, &mut staged);
        cyn.node.commit(pack, staged).unwrap();
        ana.pull(&mut cyn, pack);
        let late = news(&ben, &ana, pack);
        ana.remove(pack, &ben);
        late.into_iter().for_each(|page| ana.take(page));
        let of_ben = |view: &SetAsideView| (view.author == "Ben").then_some(view.entry);
        let entry = ana.aside(pack).iter().find_map(of_ben).unwrap();
        let linked = ana.node.packs[&pack].placements.item(&tag).is_some();
        assert_eq!(linked, role == Role::Admin, "{role:?}");
        let taken = ana.node.take_over(NOW, pack, &[entry]).unwrap();
        assert_eq!(taken[0].outcome, TakeOver::Edited(note), "{role:?}");
        assert_eq!(ana.body(pack, note), "one\nlate");
        let listed = entries(&ana.aside(pack));
        assert!(!listed.contains(&entry));
        assert!(ana.node.packs[&pack].quarantined.is_empty());
        assert_eq!(entries(&ana.restarted().aside(pack)), listed, "{role:?}");
    }
}
