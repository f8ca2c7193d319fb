//! No plaintext on disk, and none on the wire.

use crate::support::{Device, files_below, find};
use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const CANARIES: [&str; 7] = [
    "canary-title-7f3a",
    "canary-body-91bc",
    "canary-tag-55de",
    "canary-source-a0c4",
    "canary-pack-33e1",
    "Canaryada-6b2f",
    "Canaryben-d81c",
];

/// Goal: titles, bodies, tags, sources, pack titles and names stand in no file of either home and in
/// no captured packet, while everything is readable on both devices.
#[test]
fn no_plaintext_is_found_on_disk_or_on_the_wire() {
    let mut capture = Capture::start();
    let [title, body, tag, source, pack_title, ada_name, ben_name] = CANARIES;
    let (ada, ben) = (Device::up(ada_name), Device::up(ben_name));
    let pack = ada.create_pack(pack_title);
    let note = ada.json_with(
        &[
            "add", &pack, "--source", source, "--title", title, "--tag", tag,
        ],
        body.as_bytes(),
    );
    let note = note["note"]["id"].as_str().unwrap().to_owned();
    ben.json_with(
        &["join", "-", "--as", pack_title],
        ada.share(&pack).as_bytes(),
    );
    ben.json_with(
        &["edit", &note, "--file", "-"],
        format!("{body} edited").as_bytes(),
    );
    ben.ok(&["sync", &pack, "--wait"]);
    ada.ok(&["sync", &pack, "--wait"]);
    let shown = ada.ok(&["show", &note]);
    assert!(
        [title, body, tag, source]
            .iter()
            .all(|canary| shown.contains(canary)),
        "the canaries are real: {shown}"
    );
    assert!(ada.ok(&["members", &pack]).contains(ben_name));
    for device in [&ada, &ben] {
        device.ok(&["down"]);
        for file in files_below(&device.home) {
            let bytes = std::fs::read(&file).unwrap();
            for canary in CANARIES {
                assert_eq!(
                    find(&bytes, canary.as_bytes()),
                    None,
                    "{canary} in {}",
                    file.display()
                );
            }
        }
    }
    let Some(wire) = capture.finish() else { return };
    for canary in CANARIES {
        assert_eq!(find(&wire, canary.as_bytes()), None, "{canary} on the wire");
    }
}

/// Everything that crosses the loopback interface, if `tcpdump` is here and may look.
struct Capture {
    running: Option<(Child, PathBuf, tempfile::TempDir)>,
}

impl Capture {
    fn start() -> Capture {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("wire.pcap");
        let mut command = Command::new("tcpdump");
        command
            .args(["-i", "lo", "-U", "-s", "0", "-w"])
            .arg(&file)
            .arg("udp")
            .stderr(Stdio::piped())
            .stdin(Stdio::null());
        let running = command.spawn().ok().and_then(|mut child| {
            // Its header is written once it listens.
            for _ in 0..100 {
                if std::fs::metadata(&file).is_ok_and(|meta| meta.len() >= 24) {
                    return Some((child, file.clone(), dir));
                }
                if child.try_wait().ok().flatten().is_some() {
                    return None;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
            let _ = child.kill(); // it never listened
            None
        });
        if running.is_none() {
            println!(
                "skipped: the wire is not captured, since tcpdump is missing or may not listen"
            );
            assert!(
                std::env::var_os("KITBAG_REQUIRE_ALL").is_none(),
                "the wire must be captured here"
            );
        }
        Capture { running }
    }

    fn finish(&mut self) -> Option<Vec<u8>> {
        let (mut child, file, _dir) = self.running.take()?;
        std::thread::sleep(Duration::from_millis(500));
        let _ = Command::new("kill").arg(child.id().to_string()).status(); // it writes its rest and ends
        let _ = child.wait();
        let mut wire = Vec::new();
        std::fs::File::open(file)
            .unwrap()
            .read_to_end(&mut wire)
            .unwrap();
        assert!(
            wire.len() > 10_000,
            "hardly anything was captured: {} bytes",
            wire.len()
        );
        Some(wire)
    }
}
