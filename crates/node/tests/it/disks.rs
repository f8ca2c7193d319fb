//! Disks that fail, backups that come back, devices that were copied.

use super::support::*;
use kitbag_core::id::PackId;
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_core::sync::Side;
use kitbag_core::wire::Message;
use kitbag_crypto::MasterKey;
use kitbag_node::{LinkId, NodeError, Output};
use kitbag_store::Store;
use kitbag_testkit::{Dice, Fault, Opened, SimDisk, Who, World};
use std::collections::VecDeque;

/// Pack titles and note bodies.
type State = Vec<(String, Vec<String>)>;

/// What is on a device, in short; none if it is down, or its disk fails just now.
fn seen(world: &mut World, who: Who) -> Option<State> {
    if !world.is_up(who) {
        return None;
    }
    let packs = world.node(who).packs();
    let of = |world: &mut World, pack: PackId| -> Option<Vec<String>> {
        let notes = world.node(who).notes(pack).ok()?;
        let body = |id| Some(world.node(who).note(pack, id).ok()?.body);
        notes.into_iter().map(|note| note.id).map(body).collect()
    };
    packs
        .into_iter()
        .map(|pack| Some((pack.title.clone(), of(world, pack.id)?)))
        .collect()
}

fn state(world: &mut World, who: Who) -> State {
    seen(world, who).expect("the device is up and its disk works")
}

/// A short session: each step is acknowledged or not.
fn script(world: &mut World, who: Who, acknowledged: &mut Vec<State>) {
    let _ = try_script(world, who, acknowledged); // how far it came is in the list
}

fn try_script(world: &mut World, who: Who, acknowledged: &mut Vec<State>) -> Option<()> {
    let pack = world
        .call(who, |node, now| {
            node.create_pack(now, &secret("plans"), Sensitivity::Internal)
        })
        .ok()?;
    acknowledged.push(seen(world, who)?);
    for n in 0..3 {
        let sensitivity = Sensitivity::ALL[n];
        let added = world
            .call(who, |node, now| {
                node.add_notes(now, pack.id, &[draft(&format!("note {n}"), sensitivity)])
            })
            .ok()?;
        acknowledged.push(seen(world, who)?);
        let edit = kitbag_node::view::NoteEdit {
            body: Some(format!("edited {n}")),
            ..Default::default()
        };
        world
            .call(who, |node, now| {
                node.edit_note(now, pack.id, added[0].id, &edit)
            })
            .ok()?;
        acknowledged.push(seen(world, who)?);
    }
    Some(())
}

/// Goal: every disk call of a session, failed in every way, leaves the state before or after the step
/// in which it failed. Method: the same seed over and over, with the n-th call failing; every n in a
/// release build, every ninth in others.
#[test]
fn whichever_disk_call_fails_the_state_is_the_one_before_or_after() {
    let calls = {
        let mut world = World::new(31);
        let ana = world.add(&secret("Ana"));
        world.device(ana).disk.set_fault(Fault::None);
        let mut all = vec![];
        script(&mut world, ana, &mut all);
        assert_eq!(all.len(), 7);
        world.device(ana).disk.calls()
    };
    let full = {
        let mut world = World::new(31);
        let ana = world.add(&secret("Ana"));
        let mut all = vec![state(&mut world, ana)];
        script(&mut world, ana, &mut all);
        all
    };
    assert!(calls > 50, "only {calls} disk calls");
    let stride = if cfg!(debug_assertions) { 9 } else { 1 };
    for n in (1..=calls).step_by(stride) {
        for fault in [Fault::PowerLoss(n), Fault::FailOnce(n), Fault::Full(n)] {
            let mut world = World::new(31);
            let ana = world.add(&secret("Ana"));
            world.device(ana).disk.set_fault(fault);
            let mut acknowledged = vec![vec![]];
            script(&mut world, ana, &mut acknowledged);
            world.device(ana).disk.set_fault(Fault::None);
            if !world.is_up(ana) {
                assert_eq!(world.start(ana), Opened::Up, "{fault:?}");
            }
            let after = state(&mut world, ana);
            let done = acknowledged.len();
            assert_eq!(acknowledged[..], full[..done], "{fault:?}");
            let allowed = &full[done - 1..full.len().min(done + 1)];
            assert!(
                allowed.contains(&after),
                "{fault:?} left {after:?}, not one of {allowed:?}"
            );
        }
    }
}

#[test]
fn a_device_is_made_whichever_disk_call_fails_first() {
    for n in 1..200 {
        let mut world = World::new(32);
        let ana = world.add_stopped(&secret("Ana"));
        world.device(ana).disk.set_fault(Fault::PowerLoss(n));
        let opened = world.start(ana);
        if opened == Opened::Up {
            assert!(n > 20);
            return;
        }
        let opened = world.start(ana);
        assert_eq!(
            opened,
            Opened::Up,
            "after a power loss at call {n}: {}",
            world.trace.text()
        );
        create(&mut world, ana, &secret("plans"));
    }
    panic!("starting takes more than 200 disk calls");
}

#[test]
fn while_the_disk_is_full_reading_works_and_nothing_is_lost() {
    let mut world = World::new(33);
    let ana = world.add(&secret("Ana"));
    let pack = create(&mut world, ana, &secret("plans"));
    let note = add(&mut world, ana, pack, "kept", Sensitivity::Internal);
    world.device(ana).disk.set_fault(Fault::Full(1));
    let big = kitbag_node::view::NewNote {
        body: "x".repeat(60_000),
        ..draft("big", Sensitivity::Internal)
    };
    // Outside of World::call, which stops a device at the first failure.
    let now = world.clock(ana);
    let mut added = Ok(vec![]);
    for _ in 0..100 {
        // Each has a body of its own, or it would be there already.
        let big = kitbag_node::view::NewNote {
            title: format!("{added:?}").chars().take(900).collect(),
            ..big.clone()
        };
        added = world.node(ana).add_notes(now, pack, &[big]);
        if added.is_err() {
            break;
        }
    }
    assert!(matches!(added, Err(NodeError::Store(_))), "{added:?}");
    assert_eq!(show(&mut world, ana, pack, note).body, secret("kept body"));
    world.kill(ana);
    assert_eq!(world.start(ana), Opened::Up);
    assert_eq!(show(&mut world, ana, pack, note).body, secret("kept body"));
    add(&mut world, ana, pack, "more", Sensitivity::Internal);
}

/// Somebody puts a backup back. If the device was started since the backup was made, the token beside
/// the disk tells it at once; if not, the first peer does. Either way nothing stays behind.
#[test]
fn a_restored_backup_goes_on_in_new_logs_and_gets_its_own_lost_notes_back() {
    for started_since in [true, false] {
        let (mut world, ana, ben, pack) =
            two_in_one_pack(34, Role::Editor, Sensitivity::Restricted);
        let old = add(&mut world, ana, pack, "old", Sensitivity::Internal);
        settle(&mut world);
        let backup = world.device(ana).disk.image();
        if started_since {
            world.kill(ana);
            world.start(ana);
            world.dial(ana, ben).unwrap();
        }
        let lost = add(&mut world, ana, pack, "lost", Sensitivity::Internal);
        set_body(&mut world, ana, pack, old, "edited after the backup");
        let ticket = share(&mut world, ana, pack, Role::Reader, Sensitivity::Internal);
        settle(&mut world);

        world.restore(ana, &backup);
        assert_eq!(world.start(ana), Opened::Up);
        assert!(world.node(ana).note(pack, lost).is_err());
        if !started_since {
            world.dial(ana, ben).unwrap();
            settle(&mut world);
        }
        let new = add(&mut world, ana, pack, "new", Sensitivity::Internal);
        set_body(&mut world, ana, pack, old, &secret("old body and more"));
        let second = share(&mut world, ana, pack, Role::Reader, Sensitivity::Internal);
        if started_since {
            world.dial(ana, ben).unwrap();
        }
        settle(&mut world);

        for who in [ana, ben] {
            assert_eq!(show(&mut world, who, pack, lost).body, secret("lost body"));
            assert_eq!(show(&mut world, who, pack, new).body, secret("new body"));
            assert_eq!(world.node(who).history(pack, old).unwrap().len(), 3);
            assert_eq!(world.node(who).status(pack).unwrap().set_aside, 0);
        }
        assert_eq!(
            show(&mut world, ana, pack, old),
            show(&mut world, ben, pack, old)
        );
        let (eve, kim) = (world.add(&secret("Eve")), world.add(&secret("Kim")));
        join(&mut world, eve, ana, &ticket);
        join(&mut world, kim, ana, &second);
        assert!(world.closed().is_empty());
        assert_no_violations(&mut world);
    }
}

/// Goal: a page of an earlier connection, which continues what a backup no longer has, ends nothing.
/// Method: the frames of the connection before, but for the first edit, come again after the restore.
#[test]
fn what_continues_something_that_a_backup_lacks_is_left_out_and_asked_for_again() {
    let (mut world, ana, ben, pack) = two_in_one_pack(36, Role::Editor, Sensitivity::Restricted);
    let note = add(&mut world, ben, pack, "old", Sensitivity::Internal);
    settle(&mut world);
    let backup = world.device(ana).disk.image();
    for n in 0..4 {
        world.net.replay_percent = if n == 0 { 0 } else { 100 };
        set_body(&mut world, ben, pack, note, &secret(&format!("edit {n}")));
        settle(&mut world);
    }
    world.restore(ana, &backup);
    assert_eq!(world.start(ana), Opened::Up);
    world.dial(ana, ben).unwrap();
    settle(&mut world);
    assert_eq!(show(&mut world, ana, pack, note).body, secret("edit 3"));
    assert_eq!(world.node(ana).history(pack, note).unwrap().len(), 5);
    assert!(world.closed().is_empty(), "{:?}", world.closed());
    assert_no_violations(&mut world);
}

#[test]
fn a_start_that_dies_between_the_two_tokens_is_a_new_incarnation_and_loses_nothing() {
    let (mut world, ana, ben, pack) = two_in_one_pack(35, Role::Editor, Sensitivity::Internal);
    for n in 1..60 {
        let note = add(
            &mut world,
            ana,
            pack,
            &format!("note {n}"),
            Sensitivity::Internal,
        );
        world.kill(ana);
        world.device(ana).disk.set_fault(Fault::PowerLoss(n));
        if world.start(ana) == Opened::Down {
            assert_eq!(world.start(ana), Opened::Up);
        }
        world.device(ana).disk.set_fault(Fault::None);
        if !world.is_up(ana) {
            world.start(ana);
        }
        assert_eq!(
            show(&mut world, ana, pack, note).body,
            secret(&format!("note {n} body"))
        );
    }
    world.dial(ana, ben).unwrap();
    settle(&mut world);
    assert_eq!(world.node(ben).pack(pack).unwrap().notes, 59);
    assert!(world.closed().is_empty());
}

/// Frames between two devices that talk directly, one call after the other.
struct Wire {
    link: LinkId,
    of: [Who; 2],
    frames: [VecDeque<Vec<u8>>; 2],
}

impl Wire {
    fn open(world: &mut World, link: u64, of: [Who; 2]) -> Wire {
        let mut wire = Wire {
            link: LinkId(link),
            of,
            frames: Default::default(),
        };
        for (end, side) in [(0, Side::Dialler), (1, Side::Listener)] {
            let (peer, now) = (world.endpoint(of[1 - end]), world.clock(of[end]));
            let node = world.node(of[end]);
            let out = node.link_opened(now, wire.link, peer, side).unwrap();
            wire.put(end, out);
        }
        wire
    }

    fn put(&mut self, end: usize, outputs: Vec<Output>) {
        for output in outputs {
            if let Output::Send { frame, .. } = output {
                self.frames[end].push_back(frame);
            }
        }
    }

    /// Hands over frames until the next one for the second device is a page with runs.
    fn until_a_page_with_runs(&mut self, world: &mut World) {
        for _ in 0..100 {
            let with_runs = self.frames[0].front().map(|frame| Message::decode(frame));
            if matches!(with_runs, Some(Ok(Message::Page(page))) if !page.runs.is_empty()) {
                return;
            }
            for end in [0, 1] {
                if let Some(frame) = self.frames[end].pop_front() {
                    let now = world.clock(self.of[1 - end]);
                    let node = world.node(self.of[1 - end]);
                    let out = node.link_frame(now, self.link, &frame).unwrap();
                    self.put(1 - end, out);
                    break;
                }
            }
        }
        panic!("no page with runs comes");
    }
}

/// Goal: what arrived and could not be made durable is told to nobody, neither over the connection that
/// it came by nor over another, until the database was opened again. Method: every disk call of taking
/// in one page fails once.
#[test]
fn what_could_not_be_made_durable_is_told_to_nobody() {
    let mut failed = 0;
    for call in 1.. {
        let (mut world, ana, ben, pack) = two_in_one_pack(57, Role::Editor, Sensitivity::Internal);
        settle(&mut world);
        world.disconnect_all();
        add(&mut world, ana, pack, "late", Sensitivity::Internal);
        let mut wire = Wire::open(&mut world, 900, [ana, ben]);
        wire.until_a_page_with_runs(&mut world);
        let page = wire.frames[0].pop_front().unwrap();
        world.device(ben).disk.set_fault(Fault::FailOnce(call));
        let (now, of_ana) = (world.clock(ben), world.endpoint(ana));
        let taken = world.node(ben).link_frame(now, wire.link, &page);
        world.device(ben).disk.set_fault(Fault::None);
        if taken.is_ok() {
            break;
        }
        failed += 1;
        let node = world.node(ben);
        if node.has_failed() {
            assert_eq!(node.announce(now).unwrap(), []);
            let opened = node.link_opened(now, LinkId(901), of_ana, Side::Listener);
            assert!(opened.is_err(), "it greets, call {call}");
            let hello = wire.frames[0].pop_front().unwrap_or(page);
            assert!(node.link_frame(now, wire.link, &hello).is_err());
            assert!(node.link_retry(now, wire.link).is_err());
        }
        world.kill(ben);
        assert_eq!(world.start(ben), Opened::Up);
        world.dial(ana, ben);
        settle(&mut world);
        assert_eq!(world.node(ben).notes(pack).unwrap().len(), 1, "call {call}");
        assert_no_violations(&mut world);
    }
    assert!(failed > 3, "only {failed} calls can fail");
}

/// Goal: batches whose sync is put off are read at once, are all on the disk once it was done, and
/// leave nothing behind if power is lost before.
#[test]
fn what_waits_for_a_sync_is_on_the_disk_after_it_and_not_before() {
    for synced in [false, true] {
        let (disk, master) = (SimDisk::new(), MasterKey::from_bytes([7; 32]));
        let mut dice = Dice::new(7);
        let mut rng = dice.fork();
        let mut store = Store::open_backend(disk.backend(), &master, &mut rng).unwrap();
        store.put_off_sync();
        for name in ["first", "second"] {
            let mut batch = store.batch(&mut rng).unwrap();
            batch.put_setting(name, b"value").unwrap();
            batch.commit().unwrap();
            assert!(store.setting(name).unwrap().is_some());
        }
        if synced {
            store.sync().unwrap();
        }
        disk.set_fault(Fault::PowerLoss(1));
        let mut batch = store.batch(&mut rng).unwrap();
        batch.put_setting("third", b"value").unwrap();
        let third = batch.commit().and_then(|()| store.sync());
        assert!(third.is_err());
        drop(store);
        disk.power_returns(&mut dice);
        let store = Store::open_backend(disk.backend(), &master, &mut rng).unwrap();
        for name in ["first", "second"] {
            assert_eq!(store.setting(name).unwrap().is_some(), synced, "{name}");
        }
        assert!(store.setting("third").unwrap().is_none());
    }
}
