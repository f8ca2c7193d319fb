//! Notes that moved, and notes that were created twice, after a removal.

use super::*;
use kitbag_core::content::VerifiedRun;
use kitbag_core::id::LogId;
use kitbag_core::policy::op::Cutoff;

/// What somebody writes into one place of a log twice: each of the runs, and where it ends.
fn twice(desk: &mut Desk, write: impl Fn(&mut Desk, &str) -> Staged) -> [(VerifiedRun, Cutoff); 2] {
    ["first", "second"].map(|text| {
        let run = write(desk, text).runs.remove(0);
        let end = run.head().position;
        let cutoff = Cutoff {
            log: end.log,
            seq: end.seq,
            head: *end.hash.as_bytes(),
        };
        (run, cutoff)
    })
}

fn give(desk: &mut Desk, pack: PackId, run: &VerifiedRun) {
    let staged = Staged {
        runs: vec![run.clone()],
        ..Staged::default()
    };
    desk.node.commit(pack, staged).unwrap();
}

fn end(desk: &mut Desk, pack: PackId, person: PersonId, cutoff: Cutoff) {
    let remove = Act::Remove {
        person,
        cutoffs: vec![cutoff],
        late_denials: LateDenials::Keep,
    };
    desk.act(pack, vec![remove], &[]);
}

/// Goal: what counts no more goes out of a note that moved, without a restart, like out of any other.
#[test]
fn what_counts_no_more_leaves_a_note_that_moved() {
    let (mut ana, [mut ben], pack, _) = team([("Ben", Role::Editor)]);
    let note = ana.add_at(pack, "one", Sensitivity::Public);
    ana.node
        .relabel(NOW, pack, note, Sensitivity::Internal)
        .unwrap();
    ben.pull(&mut ana, pack);
    ben.set_body(pack, note, "one two");
    ana.pull(&mut ben, pack);
    let runs = twice(&mut ben, |ben, text| {
        let (tag, at, mut built) = ben.node.built_note(pack, note).unwrap();
        let mut staged = Staged::default();
        let mut pen = ben.node.pen(pack, at, true, &mut staged).unwrap();
        let edit = Edit {
            body: Some(format!("one two {text}")),
            ..Edit::default()
        };
        let change = built.open_document().edit(pen.log, &edit).unwrap().unwrap();
        let none = TakesOver::default();
        ben.node
            .append_change(NOW, &mut pen, tag, &mut built, &change, none)
            .unwrap();
        ben.node.put_down(pen, &mut staged);
        staged
    });
    give(&mut ana, pack, &runs[0].0);
    // Of a log of which the named end is not here, all counts, until it turns out to have forked.
    let unknown = Cutoff {
        seq: runs[0].1.seq + 5,
        head: [9; 32],
        ..runs[0].1
    };
    end(&mut ana, pack, ben.person(), unknown);
    assert_eq!(ana.body(pack, note), "one two first");
    give(&mut ana, pack, &runs[1].0);
    let shown = ana.shown(pack);
    assert_eq!(ana.body(pack, note), "one");
    assert_eq!(ana.restarted().shown(pack), shown);
}

/// Goal: of two creates of one note the lowest that counts makes it, whichever came first and whatever
/// was thought before: nothing of the other is remembered as refused.
#[test]
fn of_two_creates_the_one_that_counts_makes_the_note_whichever_came_first() {
    let (ana, [mut ben], pack, _) = team([("Ben", Role::Editor)]);
    let (mut ana, mut ana_too) = ana.copied();
    ben.add(pack, "begins the log");
    let pages = news(&ben, &ana, pack);
    for desk in [&mut ana, &mut ana_too] {
        pages.iter().for_each(|page| desk.take(page.clone()));
    }
    let note = NewNote {
        body: "-".into(),
        source: NewSource {
            label: "test".into(),
            ..NewSource::default()
        },
        ..NewNote::default()
    };
    let record = ben.node.record(&note, NOW).unwrap();
    let at = Sensitivity::Internal;
    let item = |log: LogId, seq| kitbag_core::pack::note::item_id(log, seq, &record.salt);
    let runs = twice(&mut ben, |ben, text| {
        let mut staged = Staged::default();
        let mut pen = ben.node.pen(pack, at, true, &mut staged).unwrap();
        let item = item(pen.log, pen.next_seq());
        let mut record = record.clone();
        record.body = text.into();
        let body = EntryBody::Create {
            record,
            at: NOW,
            takes_over: TakesOver::default(),
        };
        let draft = Draft {
            kind: EntryKind::Create,
            object: kitbag_core::pack::note::object_tag(pack, item, at, 0),
            deps: BTreeSet::new(),
            body: &body,
            item_key: &kitbag_crypto::ItemKey::from_bytes([4; 32]),
        };
        ben.node.append(&mut pen, &draft).unwrap();
        ben.node.put_down(pen, &mut staged);
        staged
    });
    let note = item(runs[0].1.log, runs[0].1.seq);
    let heads = runs.each_ref().map(|(_, cutoff)| cutoff.head);
    let lowest = usize::from(heads[1] < heads[0]);
    let texts = ["first", "second"];
    for (desk, order) in [(&mut ana, [0, 1]), (&mut ana_too, [1, 0])] {
        order.iter().for_each(|at| give(desk, pack, &runs[*at].0));
        assert_eq!(desk.body(pack, note), texts[lowest]);
        let listed = desk.aside(pack);
        assert_eq!(listed.len(), 1);
        assert!(matches!(&listed[0].why, AsideWhy::Refused { reason } if reason.contains("first")));
        assert!(desk.node.packs[&pack].quarantined.is_empty());
    }
    // Ben is removed, and of his two histories the one with the other create is the one that counts.
    let other = 1 - lowest;
    for desk in [ana, ana_too] {
        let mut desk = desk;
        end(&mut desk, pack, ben.person(), runs[other].1);
        assert_eq!(desk.body(pack, note), texts[other]);
        let shown = desk.shown(pack);
        assert_eq!(desk.restarted().shown(pack), shown);
    }
}
