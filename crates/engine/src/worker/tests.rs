//! Tests of the node's thread.

use super::*;
use crate::home::Unlocked;
use crate::random::SystemRandom;
use crate::{KeyChoice, initialise};
use kitbag_core::policy::Sensitivity;
use kitbag_crypto::MasterKey;
use kitbag_node::view::{NewNote, NewSource};
use kitbag_store::Store;
use kitbag_testkit::{Fault, SimDisk};
use rand_core::Rng;

/// Goal: what waits for a peer that does not read is bounded in frames and in bytes, and what it
/// has taken makes room.
#[tokio::test]
async fn what_waits_for_one_connection_is_bounded() {
    let (outbox, mut waiting) = Outbox::new();
    let short = (0..2 * FRAMES_MAX).filter(|_| outbox.put(vec![0; 100]));
    assert_eq!(short.count(), FRAMES_MAX);
    assert!(matches!(waiting.next().await, Some(Command::Send(_))));

    let (outbox, mut waiting) = Outbox::new();
    let long = kitbag_net::FRAME_BYTES_MAX;
    assert!((0..PULLS_MAX).all(|_| outbox.put(vec![0; long])));
    for _ in 0..20 {
        waiting.next().await.unwrap();
        assert!(outbox.put(vec![0; long]), "what was taken makes room");
    }
    assert!(!outbox.put(vec![0; long]));
}

/// Goal: a fault inside the node costs the request that met it, and nothing that was durable.
#[tokio::test]
async fn a_panic_in_a_job_is_contained_and_the_device_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    initialise(dir.path(), "Ada", "laptop", Some(KeyChoice::KeyFile(None))).unwrap();
    let unlocked = Unlocked::unlock(dir.path(), None).unwrap();
    let (worker, thread) = Worker::start(unlocked.open().unwrap(), unlocked);
    worker
        .call(|node, now| node.create_pack(now, "kept", Sensitivity::Internal))
        .await
        .unwrap();
    let answer: Result<(), EngineError> = worker.call(|_, _| panic!("a fault")).await;
    assert!(matches!(answer, Err(EngineError::Fault)));
    let packs = worker.call(|node, _| Ok(node.packs())).await.unwrap();
    assert_eq!(packs.len(), 1);
    assert_eq!(packs[0].title, "kept");
    drop(worker);
    thread.join().unwrap();
}

/// A home on a simulated disk.
struct OnDisk {
    disk: SimDisk,
    tries: Arc<AtomicUsize>,
    full: Arc<AtomicBool>,
}

impl OnDisk {
    fn new() -> OnDisk {
        let disk = SimDisk::new();
        let mut store = store_on(&disk);
        Node::initialise(&mut store, "Ada", "laptop", &mut SystemRandom).unwrap();
        OnDisk {
            disk,
            tries: Arc::default(),
            full: Arc::default(),
        }
    }
}

fn store_on(disk: &SimDisk) -> Store {
    let master = MasterKey::from_bytes([7; 32]);
    Store::open_backend(disk.backend(), &master, &mut SystemRandom).unwrap()
}

impl Keeps for OnDisk {
    fn open(&self) -> Result<Node, EngineError> {
        let store = store_on(&self.disk);
        Ok(Node::open(store, Box::new(SystemRandom), None, |_| Ok(()))?)
    }

    fn try_write(&self) -> std::io::Result<()> {
        self.tries.fetch_add(1, Ordering::Relaxed);
        match self.full.load(Ordering::Relaxed) {
            true => Err(std::io::ErrorKind::StorageFull.into()),
            false => Ok(()),
        }
    }
}

/// Goal: after a failed write the device reads on, and writes again as soon as the disk does,
/// without anybody starting it again. What was kept before is there. A short write fails when it is
/// committed, a long one when the file has to grow before that.
#[tokio::test]
async fn after_a_failed_write_the_device_goes_on_once_there_is_room() {
    for bytes in [10, 2_000_000] {
        goes_on_after_a_failed_write_of(bytes).await;
    }
}

async fn goes_on_after_a_failed_write_of(bytes: usize) {
    let home = OnDisk::new();
    let (disk, full, tries) = (home.disk.clone(), home.full.clone(), home.tries.clone());
    let node = home.open().unwrap();
    let (worker, thread) = Worker::start(node, home);
    let add = |title: &'static str| {
        worker.call(move |node, now| node.create_pack(now, title, Sensitivity::Internal))
    };
    let pack = add("kept").await.unwrap().id;
    let mut text = vec![0; bytes / 2];
    SystemRandom.fill_bytes(&mut text); // or it would be packed small
    let body = data_encoding::HEXLOWER.encode(&text);
    let lose = || {
        let body = body.clone();
        worker.call(move |node, now| {
            let label = "a call".to_owned();
            let source = NewSource {
                label,
                ..NewSource::default()
            };
            let note = NewNote {
                body,
                source,
                ..NewNote::default()
            };
            node.add_notes(now, pack, &[note])
        })
    };
    let at = vec!["192.0.2.1:4433".to_owned()];
    let told = at.clone();
    let tell = worker.call(move |node, now| node.set_addresses(now, told, None));
    tell.await.unwrap();
    assert_eq!(tries.load(Ordering::Relaxed), 0);

    full.store(true, Ordering::Relaxed);
    disk.set_fault(Fault::Full(1));
    let began = Instant::now();
    for _ in 0..3 {
        let refused = lose().await;
        assert!(
            matches!(refused, Err(EngineError::Storage { .. })),
            "{refused:?}"
        );
        let packs = worker.call(|node, _| Ok(node.packs())).await.unwrap();
        assert_eq!((packs.len(), packs[0].notes), (1, 0), "it reads on");
        assert!(worker.shared.counters.read().failed);
    }
    let most = 1 + began.elapsed().as_millis() / keeper::RETRY_EVERY.as_millis();
    let tried = tries.load(Ordering::Relaxed);
    assert!(
        (1..=most).contains(&(tried as u128)),
        "{tried}: it tries now and then"
    );

    full.store(false, Ordering::Relaxed);
    disk.set_fault(Fault::None);
    tokio::time::sleep(keeper::RETRY_EVERY).await;
    add("after it").await.unwrap();
    let packs = worker.call(|node, _| Ok(node.packs())).await.unwrap();
    let titles: Vec<String> = packs.into_iter().map(|pack| pack.title).collect();
    assert_eq!(titles, ["kept", "after it"]);
    let addresses = worker.call(|node, _| Ok(node.addresses())).await.unwrap();
    assert_eq!(addresses, (at, None), "it is where it was");
    assert!(!worker.shared.counters.read().failed);
    drop(worker);
    thread.join().unwrap();
}

/// Goal: while nobody asks for anything, notes are taken into the search index, and small segments are
/// made into one, until nothing is left to do; in between calls are answered. The next start says what
/// the index holds before anybody asks it.
#[tokio::test(flavor = "multi_thread")]
async fn an_idle_device_brings_its_search_index_up_to_date() {
    let home = OnDisk::new();
    let mut node = home.open().unwrap();
    node.set_indexed_notes_min(64);
    let again = OnDisk {
        disk: home.disk.clone(),
        ..OnDisk::new()
    };
    let (worker, thread) = Worker::start(node, home);
    let pack = worker
        .call(|node, now| node.create_pack(now, "Acme", Sensitivity::Internal))
        .await
        .unwrap()
        .id;
    let meters = || worker.call(|node, _| Ok(node.index_meters()));
    let (mut written, mut most) = (0, 0);
    for round in 0..10 {
        let notes = (0..70).map(|at| NewNote {
            title: format!("note {round} {at}"),
            source: NewSource {
                label: "desk".into(),
                ..NewSource::default()
            },
            ..NewNote::default()
        });
        let notes: Vec<NewNote> = notes.collect();
        let added = worker.call(move |node, now| node.add_notes(now, pack, &notes));
        written += added.await.unwrap().len() as u64;
        let begun = Instant::now();
        loop {
            let meters = meters().await.unwrap();
            most = most.max(meters.segments);
            if meters.stale == 0 && meters.notes == written {
                break;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{meters:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    let begun = Instant::now();
    loop {
        let meters = meters().await.unwrap();
        assert_eq!((meters.notes, meters.dropped), (written, 0));
        if meters.segments < 8 {
            break; // with ten rounds there were more
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{meters:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(most >= 3, "each round made one: {most}");
    let at_end = worker.shared.counters.read();
    assert_eq!(at_end.index_notes, written);
    drop(worker);
    thread.join().unwrap();
    let node = again.open().unwrap();
    let (worker, thread) = Worker::start(node, again);
    let now = worker.shared.counters.read();
    assert_eq!(
        (now.index_notes, now.index_bytes),
        (written, at_end.index_bytes)
    );
    drop(worker);
    thread.join().unwrap();
}
