//! Reports that no honest device writes, and lists that somebody changed on the disk.

use super::*;
use crate::view::{NewNote, NewSource};
use kitbag_core::content::report::REPORT_BYTES_MAX;
use kitbag_core::content::{Profile, profile_tag};
use kitbag_core::id::{DeviceId, ObjectTag};
use kitbag_crypto::MasterKey;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use std::path::Path;

const NOW: Timestamp = Timestamp::from_millis(1_900_000_000_000);

fn open(dir: &Path, seed: u64) -> Node {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let master = MasterKey::from_bytes([7; 32]);
    let mut store = Store::open(&dir.join("db"), &master, &mut rng).unwrap();
    Node::initialise(&mut store, "Ana", "laptop", &mut rng).unwrap();
    Node::open(store, Box::new(rng), None, |_| Ok(())).unwrap()
}

fn pack_with_note(node: &mut Node) -> (PackId, ItemId) {
    let pack = node
        .create_pack(NOW, "Acme", Sensitivity::Internal)
        .unwrap()
        .id;
    let note = NewNote {
        body: "one".into(),
        source: NewSource {
            label: "test".into(),
            ..NewSource::default()
        },
        ..NewNote::default()
    };
    let added = node.add_notes(NOW, pack, &[note]).unwrap();
    (pack, added[0].id)
}

fn write(node: &mut Node, pack: PackId, at: Sensitivity, tag: ObjectTag, body: &EntryBody) {
    let mut staged = Staged::default();
    let mut pen = node.pen(pack, at, false, &mut staged).unwrap();
    let draft = Draft {
        kind: EntryKind::Profile,
        object: tag,
        deps: BTreeSet::new(),
        body,
        item_key: &ItemKey::absent(tag.as_bytes()),
    };
    node.append(&mut pen, &draft).unwrap();
    node.put_down(pen, &mut staged);
    node.commit(pack, staged).unwrap();
}

fn shown(node: &mut Node, pack: PackId) -> Vec<AuditRow> {
    let query = AuditQuery {
        limit: AUDIT_ROWS_MAX,
        ..AuditQuery::default()
    };
    let rows = node.audit(NOW, pack, &query).unwrap().rows;
    let rows = rows.into_iter();
    rows.filter(|row| row.kind() != AuditKind::Policy).collect()
}

fn read_of(item: ItemId) -> Report {
    let what = Reported::Read {
        item,
        part: ReadPart::Now,
    };
    Report::once(NOW, Via::Command, what)
}

fn reports(list: Vec<Vec<u8>>) -> EntryBody {
    EntryBody::Reports(Reports::new(list).unwrap())
}

/// Goal: whatever a member writes where reports belong, or writes reports where they do not belong,
/// nothing is shown that is none, no profile changes, nothing is set aside, and the pack goes on.
#[test]
fn what_is_no_report_shows_nothing_and_harms_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = open(dir.path(), 1);
    let (pack, note) = pack_with_note(&mut node);
    let me = node.me.device();
    let before = node.packs[&pack].profiles[&me].clone();
    let (own, internal) = (report_tag(pack, me), Sensitivity::Internal);

    let profile = Profile {
        name: "Mallory".into(),
        at: Timestamp::from_millis(u64::MAX),
        ..before.clone()
    };
    let profile = EntryBody::Profile(profile);
    write(&mut node, pack, Sensitivity::Public, own, &profile);
    write(&mut node, pack, internal, own, &EntryBody::Part(vec![1]));
    let good = reports(vec![read_of(note).to_bytes()]);
    let another = DeviceId::from_bytes([9; 32]);
    for tag in [profile_tag(pack, me), report_tag(pack, another)] {
        write(&mut node, pack, internal, tag, &good);
    }
    assert!(shown(&mut node, pack).is_empty(), "none of it is a report");

    // Noise beside a good one: the good one is shown, the noise as something unknown.
    let noise = vec![0xff; REPORT_BYTES_MAX];
    let mixed = reports(vec![noise, read_of(note).to_bytes(), vec![]]);
    write(&mut node, pack, internal, own, &mixed);
    for seed in 2..4 {
        let rows = shown(&mut node, pack);
        let unknown = rows.iter().filter(|row| row.what == AuditWhat::Unknown);
        assert_eq!((rows.len(), unknown.count()), (3, 2), "{rows:#?}");
        assert_eq!(node.packs[&pack].profiles[&me], before);
        let status = node.status(pack).unwrap();
        assert_eq!((status.set_aside, status.waiting), (0, 0));
        assert_eq!(node.note(pack, note).unwrap().body, "one");
        let verified = node.verify_audit(NOW, pack).unwrap();
        assert!(verified.holds(), "{verified:#?}");
        assert_eq!(verified.devices[0].reports, 3);
        assert_eq!(verified.devices[0].closed, 2, "a profile and a part");
        drop(node);
        node = open(dir.path(), seed);
    }
}

/// Goal: an end that somebody took away on the disk is noticed, by log and number.
#[test]
fn a_log_that_lost_its_end_does_not_verify() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = open(dir.path(), 5);
    let (pack, note) = pack_with_note(&mut node);
    node.report_read(NOW, pack, note, ReadPart::Now, Via::Command)
        .unwrap();
    assert!(node.verify_audit(NOW, pack).unwrap().holds());
    let replica = &node.packs[&pack];
    let of = |log: &&crate::logs::Log| log.opening.sensitivity == Sensitivity::Internal;
    let log = replica.logs.values().find(of).unwrap();
    let (id, branch) = (log.opening.log_id(), log.trunk().unwrap());
    let (number, end) = (branch.number, branch.end().unwrap().seq);
    let mut batch = node.store.batch(&mut *node.rng).unwrap();
    batch.remove_head(number, end).unwrap();
    batch.commit().unwrap();
    let verified = node.verify_audit(NOW, pack).unwrap();
    assert!(!verified.holds());
    let broken = &verified.devices[0].broken[..];
    let [broken] = broken else {
        panic!("{broken:#?}");
    };
    assert_eq!(
        (broken.log, broken.sensitivity),
        (id, Sensitivity::Internal)
    );
    assert!(broken.seq <= end, "{broken:?}");
}

fn deny(node: &mut Node, rule: &str) {
    node.report_denial(NOW, None, "request", rule, Via::Command)
        .unwrap();
}

fn put(node: &mut Node, slot: &str, bytes: &[u8]) {
    let mut batch = node.store.batch(&mut *node.rng).unwrap();
    batch.put_setting(slot, bytes).unwrap();
    batch.commit().unwrap();
}

fn slot(node: &Node, seq: u64) -> Vec<u8> {
    let kept = node.store.setting(&format!("audit/own/{seq}")).unwrap();
    kept.unwrap().to_vec()
}

/// Goal: a row of the device's own list that is changed, exchanged, taken away or put back is noticed;
/// the list goes on after a restart, and verifies.
#[test]
fn a_changed_row_of_the_own_list_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = open(dir.path(), 6);
    for rule in ["a", "b", "c"] {
        deny(&mut node, rule);
    }
    drop(node);
    let mut node = open(dir.path(), 7);
    deny(&mut node, "d");
    assert_eq!(node.verify_own().unwrap(), (4, None));
    let rows: Vec<Vec<u8>> = (0..4).map(|seq| slot(&node, seq)).collect();
    let mut changed = rows[1].clone();
    changed[20] ^= 1;
    let cases: [(u64, &[u8], u64); 4] = [
        (1, &changed, 1),
        (1, &rows[2], 1),
        (2, b"noise", 2),
        (3, &rows[0], 3),
    ];
    for (seq, bytes, broken_at) in cases {
        put(&mut node, &format!("audit/own/{seq}"), bytes);
        let (_, broken) = node.verify_own().unwrap();
        assert_eq!(broken.map(|(at, _)| at), Some(broken_at), "{seq}");
        put(&mut node, &format!("audit/own/{seq}"), &rows[seq as usize]);
    }
    assert_eq!(node.verify_own().unwrap(), (4, None));
    // A dropped row is a gap that says so; what stands after it still has to be signed.
    put(&mut node, "audit/own/1", &[]);
    assert_eq!(node.verify_own().unwrap(), (3, None));
}

/// Goal: the list never grows beyond its ring, and holds together all the way round.
#[test]
fn the_own_list_is_a_ring() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = open(dir.path(), 8);
    let row = |n: u64| {
        let what = Reported::Denial {
            asked: "request".into(),
            rule: n.to_string(),
        };
        (None, Report::once(NOW, Via::Command, what))
    };
    for start in [0, own::OWN_MAX, own::OWN_MAX + 7] {
        node.keep_own((start..start + 500).map(row).collect())
            .unwrap();
    }
    let (rows, broken) = node.verify_own().unwrap();
    assert_eq!((rows, broken), (own::OWN_MAX, None));
    drop(node);
    let node = open(dir.path(), 9);
    assert_eq!(node.verify_own().unwrap(), (own::OWN_MAX, None));
}

/// Goal: reports that nobody takes do not grow without bound: the oldest go into the own list, in order.
#[test]
fn what_waits_is_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = open(dir.path(), 10);
    let (pack, _) = pack_with_note(&mut node);
    // At Restricted nothing was written, so no key is there.
    let waits = |n: u32| Waits {
        pack,
        sensitivity: Sensitivity::Restricted,
        report: read_of(ItemId::from_bytes([n as u8; 32])),
        lacks_key: false,
    };
    let many: Vec<Waits> = (0..2 * WAITING_MAX as u32).map(waits).collect();
    node.keep_to_report(many).unwrap();
    node.write_reports(NOW, false).unwrap();
    assert_eq!(node.audit.waiting.len(), WAITING_MAX);
    assert!(node.audit.waiting.iter().all(|waits| waits.lacks_key));
    assert_eq!(node.verify_own().unwrap(), (WAITING_MAX as u64, None));
    drop(node);
    let node = open(dir.path(), 11);
    assert_eq!(node.audit.waiting.len(), WAITING_MAX, "on disk as well");
    assert!(node.damaged().is_empty());
}

/// Goal: a long list is read in slices, and comes out as from one reading; whoever takes it piece by
/// piece gets each row once, whatever is reported between two pieces.
#[test]
fn a_long_list_comes_in_slices_and_pieces() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = open(dir.path(), 12);
    let (pack, note) = pack_with_note(&mut node);
    let tag = report_tag(pack, node.me.device());
    let entries: u64 = 80;
    for entry in 0..entries {
        let told = (0..30).map(|n| {
            let at = Timestamp::from_millis(NOW.as_millis() - 1_000 * entry - n);
            let report = Report {
                at,
                ..read_of(note)
            };
            report.to_bytes()
        });
        let body = reports(told.collect());
        write(&mut node, pack, Sensitivity::Internal, tag, &body);
    }
    let query = |skip| AuditQuery {
        kinds: [AuditKind::Read].into(),
        skip,
        limit: AUDIT_ROWS_MAX,
        ..AuditQuery::default()
    };
    let mut steps = 0;
    let mut reading = node.begin_audit(NOW, Some(pack), &query(0)).unwrap();
    let first = loop {
        steps += 1;
        if let Some(page) = node.audit_on(NOW, &mut reading).unwrap() {
            break page;
        }
    };
    assert!(steps > 1, "{steps}");
    assert_eq!(
        (first.rows.len(), first.total),
        (AUDIT_ROWS_MAX, 30 * entries)
    );
    let mut all = first.rows;
    loop {
        // What is read meanwhile is newer, and moves nothing.
        let newer = Timestamp::from_millis(NOW.as_millis() + all.len() as u64);
        node.report_read(newer, pack, note, ReadPart::History, Via::Command)
            .unwrap();
        let page = node.audit(NOW, pack, &query(all.len())).unwrap();
        assert_eq!(page.total, 30 * entries);
        all.extend(page.rows);
        if all.len() as u64 == page.total {
            break;
        }
    }
    assert!(
        all.is_sorted_by(|a, b| a.until > b.until),
        "each once, in order"
    );
    assert!(
        node.audit.list.is_none(),
        "nothing is kept of what was taken"
    );
    let again = node.audit(NOW, pack, &query(0)).unwrap();
    assert_eq!(again.total, 30 * entries + 1);
    assert!(node.audit.list.is_some());
    let later = Timestamp::from_millis(NOW.as_millis() + 2 * REPORT_WAIT_MILLIS);
    node.write_reports(later, false).unwrap();
    assert!(node.audit.list.is_none(), "nobody came for the rest");

    let mut verifying = node.begin_verify_audit(NOW, pack).unwrap();
    let mut steps = 0;
    let verified = loop {
        steps += 1;
        if let Some(verified) = node.verify_audit_on(&mut verifying).unwrap() {
            break verified;
        }
        // The log goes on while it is verified.
        let body = reports(vec![read_of(note).to_bytes()]);
        write(&mut node, pack, Sensitivity::Internal, tag, &body);
    };
    assert!(steps > 1, "{steps}");
    assert!(verified.holds(), "{verified:#?}");
    assert!(verified.devices[0].reports > 30 * entries);
}

/// Goal: a page that is damaged on the disk costs no more than itself.
#[test]
fn a_damaged_page_of_an_export_is_said_and_the_rest_stays() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = open(dir.path(), 13);
    node.report_denial(NOW, None, "request", "a", Via::Command)
        .unwrap();
    let (pack, note) = pack_with_note(&mut node);
    node.report_read(NOW, pack, note, ReadPart::Now, Via::Command)
        .unwrap();
    put(&mut node, "audit/pages/0", b"noise");
    drop(node);
    let mut node = open(dir.path(), 14);
    assert_eq!(node.damaged(), ["pages of exports"]);
    assert_eq!(shown(&mut node, pack).len(), 1);
}

#[test]
fn words_are_cut_at_characters_and_never_empty() {
    assert_eq!(word("a\u{1b}[2J\nb"), "a[2Jb");
    assert_eq!(word(""), "-");
    assert_eq!(word("\n"), "-");
    let long = word(&"é".repeat(100));
    assert_eq!(long.len(), WORD_BYTES_MAX);
    assert!(
        Report::from_bytes(
            &Report {
                via: Node::via_program(&"é".repeat(100)),
                ..read_of(ItemId::from_bytes([1; 32]))
            }
            .to_bytes()
        )
        .is_ok()
    );
}

/// Goal: a report that claims to have gone on for ages, or to be of a time that has not come, stands
/// neither before the others nor in a list that is asked for by time, and is not kept longer than they.
#[test]
fn a_report_claims_no_time_that_no_honest_one_has() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = open(dir.path(), 15);
    let (pack, note) = pack_with_note(&mut node);
    let tag = report_tag(pack, node.me.device());
    let far = Timestamp::from_millis(253_402_300_799_000);
    let at = |at, last: Option<Timestamp>| Report {
        at,
        last,
        times: last.map(|_| 2),
        ..read_of(note)
    };
    let day = 24 * 60 * 60 * 1000;
    let ago = |millis| Timestamp::from_millis(NOW.as_millis() - millis);
    let all = [
        at(Timestamp::default(), Some(far)),
        at(ago(30 * day), Some(far)),
        at(far, None),
        at(ago(day), None),
    ];
    let body = reports(all.iter().map(Report::to_bytes).collect());
    write(&mut node, pack, Sensitivity::Internal, tag, &body);
    let mut asked = |since, until| {
        let query = AuditQuery {
            since,
            until,
            kinds: [AuditKind::Read].into(),
            limit: 10,
            ..AuditQuery::default()
        };
        let page = node.audit(NOW, pack, &query).unwrap();
        let rows: Vec<_> = page.rows.iter().map(|row| (row.at, row.until)).collect();
        (rows, page.total, page.ahead)
    };
    let wait = Timestamp::from_millis(ago(30 * day).as_millis() + REPORT_WAIT_MILLIS);
    let (yesterday, once, ahead) = ((ago(day), ago(day)), (ago(30 * day), wait), (far, far));
    assert_eq!(asked(None, None), (vec![yesterday, once, ahead], 3, 1));
    assert_eq!(asked(Some(ago(2 * day)), None), (vec![yesterday], 1, 1));
    assert_eq!(asked(None, Some(ago(2 * day))), (vec![once], 1, 1));
    assert_eq!(asked(Some(NOW), None), (vec![], 0, 1));
    let verified = node.verify_audit(NOW, pack).unwrap();
    assert!(verified.holds());
}

/// Goal: whoever is asked about and never was in the pack is told apart from somebody who did nothing.
#[test]
fn somebody_who_never_was_there_is_no_empty_list() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = open(dir.path(), 16);
    let (pack, note) = pack_with_note(&mut node);
    let tool = Node::via_program("tool");
    node.report_read(NOW, pack, note, ReadPart::Now, tool)
        .unwrap();
    let mut asked = |pack, who: &str| {
        let query = AuditQuery {
            who: Some(who.to_owned()),
            kinds: [AuditKind::Denial].into(),
            limit: 10,
            ..AuditQuery::default()
        };
        let mut reading = node.begin_audit(NOW, pack, &query).unwrap();
        loop {
            match node.audit_on(NOW, &mut reading) {
                Ok(None) => {}
                Ok(Some(page)) => break Ok(page.rows.len()),
                Err(error) => break Err(error),
            }
        }
    };
    for who in ["Ana", "ana", "laptop", "tool", "me"] {
        assert!(matches!(asked(Some(pack), who), Ok(0)), "{who}");
    }
    let nobody = asked(Some(pack), "Nobody");
    assert!(matches!(nobody, Err(NodeError::NotFound("person"))));
    assert!(matches!(asked(None, "Nobody"), Ok(0)));
}
