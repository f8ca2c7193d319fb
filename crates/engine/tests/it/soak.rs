//! Storms of reconnects and of edits, and peers that read slowly.

use crate::support::{ByHand, device, holds, let_in, note, open, soon, up_to_date};
use kitbag_engine::{Engine, PackId, Sensitivity};
use std::time::Duration;

async fn pack(engine: &Engine) -> PackId {
    let made = engine.create_pack("shared".into(), Sensitivity::Internal);
    made.await.unwrap().id
}

/// Goal: a device that goes off and on all day is in sync soon after each time.
#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_reconnects_always_ends_up_to_date() {
    let homes = tempfile::tempdir().unwrap();
    let (ana, _) = device(homes.path(), "ana").await;
    let (ben, _) = device(homes.path(), "ben").await;
    let shared = pack(&ana).await;
    let_in(&ana, shared, &[&ben]).await;
    for round in 0..30 {
        ben.set_offline(true).await.unwrap();
        let mut notices = ben.notices().unwrap();
        if round % 3 == 0 {
            ana.add_note(shared, note(round, 100)).await.unwrap();
        }
        ben.set_offline(false).await.unwrap();
        up_to_date(&mut notices).await;
    }
    holds(&ben, shared, 10).await;
    for engine in [ben, ana] {
        soon(engine.shutdown()).await;
    }
}

/// A crowd; without optimisation each device costs seconds.
const CROWD: usize = if cfg!(debug_assertions) { 8 } else { 20 };

/// Goal: when a network comes back, all of its devices come at once, and all are served.
#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_that_comes_back_at_once_is_served() {
    let homes = tempfile::tempdir().unwrap();
    let (ana, _) = device(homes.path(), "ana").await;
    let shared = pack(&ana).await;
    let mut guests = Vec::new();
    for number in 0..CROWD {
        let (guest, _) = device(homes.path(), &format!("guest{number}")).await;
        let_in(&ana, shared, &[&guest]).await;
        guest.set_offline(true).await.unwrap();
        guests.push(guest);
    }
    ana.add_note(shared, note(1, 100)).await.unwrap();
    let mut back = tokio::task::JoinSet::new();
    for guest in &guests {
        let guest = guest.clone();
        back.spawn(async move { guest.set_offline(false).await });
    }
    while let Some(online) = back.join_next().await {
        online.unwrap().unwrap();
    }
    for guest in &guests {
        holds(guest, shared, 1).await;
    }
    for engine in guests.into_iter().chain([ana]) {
        soon(engine.shutdown()).await;
    }
}

/// Goal: many writes at once are news for a peer, and no reason to lose it: not even if nothing can
/// be sent meanwhile, as on a machine that is busy.
#[tokio::test]
async fn a_burst_of_writes_does_not_cost_a_peer_its_connection() {
    let homes = tempfile::tempdir().unwrap();
    let (ana, _) = device(homes.path(), "ana").await;
    let (ben, home) = device(homes.path(), "ben").await;
    let shared = pack(&ana).await;
    let_in(&ana, shared, &[&ben]).await;
    soon(ben.shutdown()).await;

    let mut ben = ByHand::open(&home).await;
    ben.dial(&ana).await;
    while !ben.read().await.unwrap().contains("up to date") {}
    let mut writes = tokio::task::JoinSet::new();
    for number in 0..100 {
        let ana = ana.clone();
        writes.spawn(async move { ana.add_note(shared, note(number, 20)).await });
    }
    for _ in 0..10 {
        tokio::task::yield_now().await; // each hands its note to the node's own thread …
    }
    std::thread::sleep(Duration::from_secs(1)); // … and the only thread that sends does nothing
    while let Some(written) = writes.join_next().await {
        written.unwrap().unwrap();
    }
    while ben.notes(shared) < 100 {
        ben.read().await.expect("the connection of old");
    }
    soon(ana.shutdown()).await;
}

/// Goal: a peer that stops reading for a while in the middle of a first sync goes on over the same
/// connection, whatever was written meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_reads_slowly_keeps_its_connection() {
    let homes = tempfile::tempdir().unwrap();
    let (ana, _) = device(homes.path(), "ana").await;
    let (ben, home) = device(homes.path(), "ben").await;
    let shared = pack(&ana).await;
    let_in(&ana, shared, &[&ben]).await;
    soon(ben.shutdown()).await;
    for batch in 0..8 {
        let notes = (0..10).map(|n| note(batch * 10 + n, 60_000)).collect();
        ana.add_notes(shared, notes).await.unwrap();
    }

    let mut ben = ByHand::open(&home).await;
    ben.dial(&ana).await;
    while ben.notes(shared) == 0 {
        ben.read().await.unwrap();
    }
    assert!(ben.notes(shared) < 80, "the first sync is over already");
    for number in 0..100 {
        ana.add_note(shared, note(1000 + number, 20)).await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(500)).await; // looks elsewhere
    while ben.notes(shared) < 180 {
        ben.read().await.expect("the connection of old");
    }
    soon(ana.shutdown()).await;
}

/// Goal: a peer that asks and never reads is left at its own limit, and others sync meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_never_reads_holds_nobody_up() {
    let homes = tempfile::tempdir().unwrap();
    let (ana, _) = device(homes.path(), "ana").await;
    let (ben, home) = device(homes.path(), "ben").await;
    let (cleo, of_cleo) = device(homes.path(), "cleo").await;
    let shared = pack(&ana).await;
    let_in(&ana, shared, &[&ben, &cleo]).await;
    soon(ben.shutdown()).await;
    soon(cleo.shutdown()).await;
    let notes = (0..40).map(|n| note(n, 60_000)).collect();
    ana.add_notes(shared, notes).await.unwrap();

    let mut ben = ByHand::open(&home).await;
    ben.dial(&ana).await; // greets, and then only waits
    let cleo = open(&of_cleo).await;
    holds(&cleo, shared, 40).await;
    let mut notices = cleo.notices().unwrap();
    ana.add_note(shared, note(2000, 20)).await.unwrap();
    holds(&cleo, shared, 41).await;
    up_to_date(&mut notices).await;
    for engine in [cleo, ana] {
        soon(engine.shutdown()).await;
    }
}
