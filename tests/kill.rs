//! `kill -9` in the middle of everything: what was acknowledged is still there.

use crate::support::{Device, eventually, run_in, text};
use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Goal: no acknowledged note is lost and nobody has to repair anything, when daemons that write and
/// sync are killed again and again, each by itself, so that now and then both are down. Runs
/// `KITBAG_KILLS` kills (6 unless told) for at most `KITBAG_KILL_SECONDS` (300 unless told), prints
/// the count, and fails below six of ten.
#[test]
fn a_killed_daemon_loses_no_acknowledged_note() {
    let (kills, seconds) = (
        number("KITBAG_KILLS", 6),
        number("KITBAG_KILL_SECONDS", 300),
    );
    let (ada, ben) = (Device::up("Ada"), Device::up("Ben"));
    let pack = ada.create_pack("Load");
    ben.json_with(&["join", "-"], ada.share(&pack).as_bytes());

    let acknowledged: Mutex<BTreeSet<String>> = Mutex::default();
    let began = Instant::now();
    let until = began + Duration::from_secs(seconds);
    let stop = AtomicBool::new(false);
    let done: u64 = std::thread::scope(|scope| {
        for (name, device) in [("ada", &ada), ("ben", &ben)] {
            let (acknowledged, stop, pack) = (&acknowledged, &stop, &pack);
            scope.spawn(move || {
                for n in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let title = format!("{name} {n}");
                    let output = run_in(
                        &device.home,
                        &["add", pack, "--source", "load", "--title", &title, "--json"],
                        title.as_bytes(),
                        &[],
                    );
                    if output.status.success() {
                        acknowledged.lock().unwrap().insert(title);
                    }
                }
            });
        }
        let killers = [(&ada, kills / 2), (&ben, kills - kills / 2)].map(|(device, kills)| {
            let notes = || acknowledged.lock().unwrap().len() as u64;
            scope.spawn(move || kill_again_and_again(device, kills, until, notes))
        });
        let done = killers.map(|killer| killer.join());
        stop.store(true, Ordering::Relaxed); // before anything may panic, or the writers never end
        done.into_iter().map(Result::unwrap).sum()
    });

    let acknowledged = acknowledged.into_inner().unwrap();
    println!(
        "{done} kills in {:?}, {} notes acknowledged",
        began.elapsed(),
        acknowledged.len()
    );
    assert!(done * 10 >= kills * 6, "only {done} of {kills} kills");
    assert!(acknowledged.len() as u64 > done, "hardly any load");
    let titles = |device: &Device| -> BTreeSet<String> {
        device.json(&["list", &pack])["notes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|note| text(&note["title"]))
            .collect()
    };
    let here: BTreeSet<String> = titles(&ada).union(&titles(&ben)).cloned().collect();
    let lost: Vec<_> = acknowledged.difference(&here).collect();
    assert!(lost.is_empty(), "acknowledged and gone: {lost:?}");
    eventually("both hold every acknowledged note", || {
        let _ = ada.run(&["sync", &pack, "--wait"], b""); // looked at again below
        acknowledged.is_subset(&titles(&ada)) && titles(&ada) == titles(&ben)
    });
}

/// Kills a device's daemon so many times while it runs, at uneven moments, each after somebody wrote a
/// note more, however slow the machine; says how often by `until`.
fn kill_again_and_again(
    device: &Device,
    kills: u64,
    until: Instant,
    notes: impl Fn() -> u64,
) -> u64 {
    let (mut killed, mut tries) = (BTreeSet::new(), 0);
    while (killed.len() as u64) < kills && Instant::now() < until {
        tries += 1;
        std::thread::sleep(Duration::from_millis(200 + tries * 37 % 400));
        if notes() <= 2 * (killed.len() as u64 + 1) {
            continue; // the other's daemon is killed as often
        }
        let status = device.run(&["daemon", "status", "--json"], b"");
        let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap_or_default();
        if let Some(pid) = status["pid"].as_u64().filter(|pid| !killed.contains(pid)) {
            let kill = Command::new("kill").args(["-9", &pid.to_string()]).status();
            if kill.unwrap().success() {
                killed.insert(pid); // counted once, should its record outlive it
            }
        }
    }
    killed.len() as u64
}

fn number(variable: &str, default: u64) -> u64 {
    let set = std::env::var(variable).ok();
    set.and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Goal: a daemon whose process stands still is told by that, and not by how long it takes to close, with
/// what to do about it; awake, it stops.
#[test]
fn a_daemon_that_stands_still_is_told_before_it_wakes() {
    let ada = Device::up("Ada");
    let pid = ada.json(&["daemon", "status"])["pid"].to_string();
    let signal = |name: &str| {
        let sent = Command::new("kill").args([name, &pid]).status();
        assert!(sent.unwrap().success());
    };
    signal("-STOP");
    let (exit, error) = ada.fails(&["down"], b"");
    signal("-CONT");
    assert_eq!((exit, &error["code"]), (11, &"timed-out".into()));
    assert_eq!(error["message"], "the daemon runs and does not answer");
    let hint = text(&error["hint"]);
    #[cfg(target_os = "linux")]
    assert!(hint.contains(&format!("kill -CONT {pid}")), "{hint}");
    assert!(hint.contains("suspended"), "{hint}");
    ada.ok(&["down"]);
}
