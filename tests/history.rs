//! What `history` says of a note's steps, with the real program and a real daemon.

use crate::support::Device;
use serde_json::json;

/// Goal: every edit of tags, pin, dates, claim, consent and status is said, in words and as data.
#[test]
fn a_history_says_what_each_edit_changed() {
    let ada = Device::up("Ada");
    let pack = ada.create_pack("Acme");
    let note = ada.add(&pack, "Refunds", "within 14 days");
    let end = "2031-01-02T03:04:05Z";
    ada.ok(&["tag", &note, "+urgent", "+late fee"]);
    ada.ok(&["tag", &note, "-urgent"]);
    ada.ok(&["edit", &note, "--pin", "--claim", "verified"]);
    ada.ok(&["edit", &note, "--unpin", "--expires", end]);
    ada.ok(&["edit", &note, "--expires", "never", "--type", "decision"]);
    let granted = ["--consent", "granted", "--purpose", "support"];
    ada.ok(&[&["edit", &note][..], &granted].concat());
    ada.ok(&["edit", &note, "--consent", "withdrawn"]);
    ada.ok_with(
        &["edit", &note, "--title", "Money back", "--file", "-"],
        b"ten",
    );
    ada.ok(&["delete", &note]);

    let history = ada.json(&["history", &note]);
    let steps = history["history"].as_array().unwrap();
    let change = |step: usize, field: &str| {
        let mut changes = steps[step]["changes"].as_array().unwrap().iter();
        let found = changes.find(|change| change["field"] == field);
        found.unwrap_or_else(|| panic!("{step} {field}: {history}"))
    };
    assert_eq!(steps[0]["changes"], json!([]));
    assert_eq!(change(1, "tags")["added"], json!(["late fee", "urgent"]));
    assert_eq!(change(2, "tags")["removed"], json!(["urgent"]));
    assert_eq!(change(3, "pinned")["to"], "yes");
    assert_eq!(change(3, "claim")["to"], "verified");
    assert_eq!(change(4, "pinned")["to"], "no");
    assert_eq!(change(4, "expires_at")["to"], end);
    assert_eq!(change(5, "expires_at")["from"], end);
    assert_eq!(change(5, "expires_at")["to"], json!(null));
    assert_eq!(change(5, "type")["to"], "decision");
    assert_eq!(change(6, "consent.status")["to"], "granted");
    assert_eq!(change(6, "consent.purposes")["added"], json!(["support"]));
    assert_eq!(change(7, "consent.status")["from"], "granted");
    assert_eq!(change(8, "title")["from"], "Refunds");
    assert_eq!(change(8, "text")["to"], json!(null));
    assert_eq!(change(9, "status")["to"], "archived");

    let words = ada.ok(&["history", &note]);
    for said in [
        "tags +late fee, +urgent",
        "tags -urgent",
        "claim: verified; pinned",
        "not pinned any more; expires: 2031-01-02T03:04:05Z",
        "type: note → decision; expires: 2031-01-02T03:04:05Z → none",
        "consent: granted; consent purposes +support",
        "consent: granted → withdrawn",
        "title: Refunds → Money back; text",
    ] {
        assert!(words.contains(said), "{said}: {words}");
    }
}
