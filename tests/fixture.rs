//! Homes of older formats open in this build.

use crate::support::{Device, text};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Goal: a home of each format opens, shows what was in it, and takes more; see `fixtures/README.md` for
/// what is in them.
#[test]
fn homes_of_all_formats_open() {
    for home in ["home-v1", "home-v2"] {
        opens(home);
    }
}

fn opens(home: &str) {
    let device = Device::empty();
    let from = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(home);
    std::fs::create_dir_all(&device.home).unwrap();
    for name in ["kitbag.redb", "key", "master-key", "incarnation"] {
        let to = device.home.join(name);
        std::fs::copy(from.join(name), &to).unwrap();
        std::fs::set_permissions(&to, std::fs::Permissions::from_mode(0o600)).unwrap(); // git keeps no modes
    }
    device.ok(&["up", "--detach", "--offline", "--listen", "loopback"]);
    let pack = text(&device.json(&["pack", "list"])["packs"][0]["id"]);
    let expected = [
        ("First note", "first body, edited"),
        ("Second note", "kept at public"),
        ("Third note", "written by Ben"),
    ];
    let expected: Vec<_> = expected
        .iter()
        .map(|(title, body)| ((*title).to_owned(), (*body).to_owned()))
        .collect();
    assert_eq!(device.contents(&pack), expected);
    let members = device.json(&["members", &pack]).to_string();
    assert!(
        members.contains("Fixture Ada") && members.contains("Fixture Ben"),
        "{members}"
    );
    device.add(&pack, "Fourth note", "written by this build");
    assert_eq!(device.contents(&pack).len(), 4);
}
