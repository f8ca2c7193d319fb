//! `kill -9` in the middle of everything: what was acknowledged is still there.

use crate::support::{Device, eventually, run_in, text};
use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Goal: no acknowledged note is lost and nobody has to repair anything, when daemons that write and
/// sync are killed again and again. Runs `KITBAG_KILLS` kills (5 unless told), prints the count.
#[test]
fn a_killed_daemon_loses_no_acknowledged_note() {
    let kills: u32 = std::env::var("KITBAG_KILLS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(5);
    let (ada, ben) = (Device::up("Ada"), Device::up("Ben"));
    let pack = ada.create_pack("Load");
    ben.json_with(&["join", "-"], ada.share(&pack).as_bytes());

    let acknowledged: Mutex<BTreeSet<String>> = Mutex::default();
    let stop = AtomicBool::new(false);
    let mut done = 0;
    std::thread::scope(|scope| {
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
        for n in 0..kills {
            std::thread::sleep(Duration::from_millis(300 + u64::from(n * 37 % 400)));
            let victim = if n % 3 == 2 { &ben } else { &ada };
            let status = victim.run(&["daemon", "status", "--json"], b"");
            let status: serde_json::Value =
                serde_json::from_slice(&status.stdout).unwrap_or_default();
            if let Some(pid) = status["pid"].as_u64() {
                assert!(
                    Command::new("kill")
                        .args(["-9", &pid.to_string()])
                        .status()
                        .unwrap()
                        .success()
                );
                done += 1;
            }
        }
        stop.store(true, Ordering::Relaxed);
    });

    let acknowledged = acknowledged.into_inner().unwrap();
    println!("{done} kills, {} notes acknowledged", acknowledged.len());
    assert!(
        done * 3 >= kills * 2,
        "only {done} of {kills} kills found a running daemon"
    );
    assert!(acknowledged.len() as u32 > kills, "hardly any load");
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
