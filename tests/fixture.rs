//! Homes of older formats open in this build.

use crate::support::{Device, text};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Goal: a home of the first format opens, shows what was in it, and takes more; see
/// `fixtures/README.md` for what is in it.
#[test]
fn a_home_of_the_first_format_opens() {
    let device = Device::empty();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/home-v1");
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
