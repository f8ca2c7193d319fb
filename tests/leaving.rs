//! Selections and receipts of what leaves, with the real program and real daemons.

use crate::support::{Device, text};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A place for files that leave.
fn outside() -> (TempDir, impl Fn(&str) -> PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_owned();
    (dir, move |name: &str| path.join(name))
}

fn said(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn ids(document: &Value) -> Vec<String> {
    let notes = document["notes"].as_array().unwrap();
    notes.iter().map(|note| text(&note["id"])).collect()
}

fn stayed(says: &Value) -> Vec<(String, u64)> {
    let by = says["withheld"].as_array().unwrap().iter();
    by.map(|one| (text(&one["rule"]), one["notes"].as_u64().unwrap()))
        .collect()
}

/// Goal: the receipt names what left and by which rule the rest stayed, whoever is a member can check
/// it, and neither it nor the bundle can be changed unnoticed.
#[test]
fn a_receipt_holds_for_its_bundle_and_for_nothing_else() {
    let (ada, ben) = (Device::up("Ada"), Device::up("Ben"));
    let pack = ada.create_pack("Case 7");
    let plain = ada.add(&pack, "Plain", "renewal in June");
    let deleted = ada.add(&pack, "Gone", "not any more");
    ada.ok(&["delete", &deleted]);
    let above = [
        "add",
        &pack,
        "--source",
        "call",
        "--sensitivity",
        "confidential",
    ];
    ada.ok_with(&above, b"only for admins");
    let refused = ["add", &pack, "--source", "call", "--consent", "withdrawn"];
    ada.ok_with(&refused, b"she said no");
    ben.json_with(&["join", "-"], ada.share(&pack).as_bytes());
    ben.ok(&["sync", "--wait"]);
    let (_dir, at) = outside();
    let (bundle, receipt) = (at("out.md"), at("receipt"));
    let export = [
        "export",
        &pack,
        "--out",
        said(&bundle),
        "--receipt",
        said(&receipt),
    ];
    let written = ada.json(&export);
    let says = &written["receipt"]["says"];
    assert_eq!(ids(says), [plain.as_str()]);
    let rules = [
        ("consent withdrawn".to_owned(), 1),
        ("note deleted".to_owned(), 1),
        ("request max_sensitivity".to_owned(), 1),
    ];
    assert_eq!(stayed(says), rules);
    let (exit, error) = ada.fails(&export, b"");
    assert_eq!(
        (exit, &error["code"]),
        (7, &json!("conflict")),
        "neither is written over"
    );

    let verify = |device: &Device, receipt: &Path, bundle: &Path| {
        device.json(&["receipt", "verify", said(receipt), "--bundle", said(bundle)])
    };
    let mine = verify(&ada, &receipt, &bundle);
    assert_eq!(mine["known"]["is_me"], true);
    let theirs = verify(&ben, &receipt, &bundle);
    assert_eq!(theirs["says"], *says);
    assert_eq!(theirs["known"]["is_me"], false);
    assert_eq!(theirs["known"]["packs"][0]["name"], "Ada");
    let as_they_left = json!({"same": 1, "changed": 0, "absent": 0});
    assert_eq!(theirs["known"]["notes"], as_they_left);
    ada.ok_with(&["edit", &plain, "--file", "-"], b"renewal in July");
    let later = verify(&ada, &receipt, &bundle);
    assert_eq!(later["known"]["notes"]["changed"], 1);
    // Somebody who is set up nowhere checks the signature and the bundle all the same.
    let stranger = verify(&Device::empty(), &receipt, &bundle);
    assert_eq!(stranger["known"], Value::Null);
    let words = ada.ok(&["receipt", "verify", said(&receipt)]);
    for line in [
        "signed by you",
        "stayed: 1 note by consent withdrawn",
        "left: 1 note",
    ] {
        assert!(words.contains(line), "{line}: {words}");
    }

    let changed = |name: &str, path: &Path| {
        let mut bytes = std::fs::read(path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(at(name), bytes).unwrap();
        at(name)
    };
    let wrong = [
        (changed("receipt-2", &receipt), bundle.clone()),
        (receipt.clone(), changed("out-2.md", &bundle)),
        (bundle.clone(), bundle.clone()),
    ];
    for (receipt, bundle) in wrong {
        let verify = [
            "receipt",
            "verify",
            said(&receipt),
            "--bundle",
            said(&bundle),
        ];
        let (exit, error) = ben.fails(&verify, b"");
        assert_eq!((exit, &error["code"]), (10, &json!("integrity")), "{error}");
    }
}

/// Goal: a receipt of somebody who opens less than others says nothing of what is above them.
#[test]
fn a_receipt_says_nothing_of_what_its_person_does_not_open() {
    let (ada, ben) = (Device::up("Ada"), Device::up("Ben"));
    let pack = ada.create_pack("Case 7");
    ada.add(&pack, "Plain", "renewal in June");
    let share = ["share", &pack, "--clearance", "internal", "--yes"];
    let ticket = text(&ada.json(&share)["ticket"]);
    ben.json_with(&["join", "-"], ticket.as_bytes());
    let (_dir, at) = outside();
    let said_by_ben = |name: &str| {
        ben.ok(&["sync", "--wait"]);
        let (bundle, receipt) = (at(name), at(&format!("{name}.receipt")));
        let export = [
            "export",
            &pack,
            "--out",
            said(&bundle),
            "--receipt",
            said(&receipt),
        ];
        let mut says = ben.json(&export)["receipt"]["says"].clone();
        says["at"] = Value::Null;
        (std::fs::read(bundle).unwrap(), says)
    };
    let before = said_by_ben("before");
    let add = [
        "add",
        &pack,
        "--source",
        "call",
        "--sensitivity",
        "restricted",
    ];
    ada.ok_with(&add, b"far above him");
    assert_eq!(said_by_ben("after"), before);
}

/// Goal: a selection keeps its order through restarts, exports exactly its notes in every format with
/// the same bytes, and what vanished from it is said and breaks nothing.
#[test]
fn a_selection_exports_its_notes_in_its_order() {
    let ada = Device::up("Ada");
    let (one, two) = (ada.create_pack("One"), ada.create_pack("Two"));
    let notes = [
        ada.add(&two, "Third", "beta refund"),
        ada.add(&one, "First", "alpha refund"),
        ada.add(&two, "Fourth", "delta"),
        ada.add(&one, "Second", "gamma"),
    ];
    let chosen = [&notes[2], &notes[1], &notes[0]];
    for note in chosen {
        let added = ada.json(&["select", "add", note]);
        assert_eq!((&added["added"], &added["there"]), (&json!(1), &json!(0)));
    }
    let again = ada.json(&["select", "add", chosen[0]]);
    assert_eq!((&again["added"], &again["there"]), (&json!(0), &json!(1)));
    ada.ok(&["select", "save", "renewal"]);
    ada.ok(&["select", "rm", "--all"]);
    assert_eq!(ada.json(&["select", "show"])["notes"], json!([]));
    ada.ok(&["down"]);
    let shown = ada.json(&["select", "show", "renewal"]);
    assert_eq!(ids(&shown), chosen.map(String::as_str));
    let exported = ada.json(&["export", "--selection", "renewal"]);
    assert_eq!(ids(&exported), chosen.map(String::as_str));
    assert_eq!(exported["packs"].as_array().unwrap().len(), 2);
    assert_eq!(exported["notes"][0]["pack"], json!(two));
    let (_dir, at) = outside();
    for format in ["md", "xml", "json", "jsonl", "text", "hcr"] {
        let bytes = |name: &str| {
            let (out, receipt) = (
                at(&format!("{name}.{format}")),
                at(&format!("{name}.r.{format}")),
            );
            let export = [
                "export",
                "--selection",
                "renewal",
                "--format",
                format,
                "--out",
                said(&out),
                "--receipt",
                said(&receipt),
            ];
            let written = ada.json(&export);
            let says = &written["receipt"]["says"];
            assert_eq!(ids(says), chosen.map(String::as_str), "{format}");
            assert_eq!(says["asked"]["selection"]["digest"], shown["digest"]);
            ada.ok(&["receipt", "verify", said(&receipt), "--bundle", said(&out)]);
            std::fs::read(out).unwrap()
        };
        assert_eq!(bytes("a"), bytes("b"), "{format}");
    }

    ada.ok(&["delete", chosen[1]]);
    let shown = ada.json(&["select", "show", "renewal"]);
    assert_eq!(shown["notes"][1]["status"], "archived");
    let exported = ada.json(&["export", "--selection", "renewal"]);
    assert_eq!(ids(&exported), [chosen[0].as_str(), chosen[2].as_str()]);
    assert_eq!(exported["withheld"]["deleted"], 1);
    let removed = ada.json(&["select", "rm", chosen[1], "--selection", "renewal"]);
    assert_eq!(
        (&removed["removed"], &removed["notes"]),
        (&json!(1), &json!(2))
    );

    let (exit, error) = ada.fails(&["select", "save", "renewal"], b"");
    assert_eq!(
        (exit, &error["code"]),
        (2, &json!("bad-input")),
        "nothing to keep: {error}"
    );
    let found = ada.json(&["select", "add", "--query", "refund"]);
    assert_eq!(found["added"], 1, "the other one is deleted: {found}");
    let dry = ada.json(&["select", "add", "--pack", &one, "--all", "--dry-run"]);
    assert_eq!((&dry["added"], &dry["dry_run"]), (&json!(2), &json!(true)));
    let like = ada.json(&["select", "add", "--pack", &one]);
    assert_eq!(like["added"], 1, "{like}");
    let (exit, error) = ada.fails(&["select", "save", "renewal"], b"");
    assert_eq!((exit, &error["code"]), (7, &json!("conflict")), "{error}");
    ada.ok(&["select", "save", "renewal", "--replace"]);
    ada.ok(&["select", "delete", "renewal", "--dry-run"]);
    ada.ok(&["select", "delete", "renewal"]);
    let (exit, _) = ada.fails(&["export", "--selection", "renewal"], b"");
    assert_eq!(exit, 3);
    let left = ada.json(&["select", "list"]);
    assert_eq!(left["selections"].as_array().unwrap().len(), 1);
    assert_eq!(left["selections"][0]["name"], "working");
}

/// Goal: notes of two clients come into one selection, and out of it, only if a person says so, each
/// time; the rule is named.
#[test]
fn a_selection_crosses_clients_only_if_a_person_says_so() {
    let ada = Device::up("Ada");
    let of = |client: &str| {
        let create = ["pack", "create", client, "--client", client];
        text(&ada.json(&create)["pack"]["id"])
    };
    let (acme, globex, none) = (of("Acme"), of("Globex"), ada.create_pack("Mine"));
    let [a, g, n] = [&acme, &globex, &none].map(|pack| ada.add(pack, "note", pack));
    ada.ok(&["select", "add", &a, &n]);
    let wall = |args: &[&str]| {
        let (exit, error) = ada.fails(args, b"");
        assert_eq!(
            (exit, &error["code"]),
            (4, &json!("denied")),
            "{args:?} {error}"
        );
        assert!(text(&error["message"]).contains("wall client"), "{error}");
        assert!(text(&error["hint"]).contains("--across-clients"), "{error}");
    };
    wall(&["select", "add", &g]);
    assert_eq!(
        ada.json(&["select", "show"])["notes"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let added = ada.json(&["select", "add", &g, "--across-clients"]);
    assert_eq!(added["crosses_clients"], true);
    wall(&["export", "--selection", "working"]);
    let export = ["export", "--selection", "working", "--across-clients"];
    let exported = ada.json(&export);
    assert_eq!(exported["selection"]["crosses_clients"], true);
    assert_eq!(ids(&exported), [a, n, g]);
}

/// Goal: nothing that the search finds leaves with --redact-pii, in no format and no field; the receipt
/// counts it by kind, and a masked copy stands in the place of its original.
#[test]
fn what_leaves_redacted_holds_no_value() {
    let ada = Device::up("Ada");
    let pack = ada.create_pack("Call mia.li@example.com");
    let body = b"Born 1990-04-05, mia.li@example.com, call +49 30 901820";
    let add = [
        "add",
        &pack,
        "--source",
        "mail of mia.li@example.com",
        "--title",
        "For mia.li@example.com",
    ];
    let kept = ada.json_with(&add, body);
    let unmasked = [
        &add[..],
        &[
            "--unmasked",
            "--tag",
            "mia.li@example.com",
            "--tag",
            "vip",
            "--locator",
            "x",
        ],
    ]
    .concat();
    ada.json_with(&unmasked, body);
    let (_dir, at) = outside();
    for format in ["md", "xml", "json", "jsonl", "text", "hcr"] {
        let (out, receipt) = (
            at(&format!("out.{format}")),
            at(&format!("receipt.{format}")),
        );
        let export = [
            "export",
            &pack,
            "--redact-pii",
            "--max-sensitivity",
            "restricted",
            "--format",
            format,
            "--out",
            said(&out),
            "--receipt",
            said(&receipt),
        ];
        let written = ada.json(&export);
        assert_eq!(written["notes"], 2, "{written}");
        assert_eq!(written["withheld"]["as_masked_copy"], 1, "{written}");
        let masked = &written["receipt"]["says"]["masked"];
        assert_eq!(*masked, written["withheld"]["masked"]);
        assert_eq!(masked["date_of_birth"], 1, "{written}");
        assert!(masked["email"].as_u64().unwrap() >= 4, "{written}");
        let bytes = String::from_utf8(std::fs::read(out).unwrap()).unwrap();
        // None can stand in an id, which has no dot, `@` or hyphen, and of digits 2 to 7 alone.
        for value in ["mia.li", "li@example", "1990-04-05", "901820"] {
            assert!(!bytes.contains(value), "{value} in {format}");
        }
        let words = bytes.split(|c: char| !c.is_alphanumeric());
        let told = words.filter(|word| ["mia", "1990"].contains(word)); // an id is one long word
        assert_eq!(told.count(), 0, "{bytes}");
        assert!(bytes.contains("date of birth"), "{bytes}");
    }
    let original = text(&kept["note"]["id"]);
    let copy = text(&kept["masked"]["note"]["id"]);
    ada.ok(&["select", "add", &original]);
    let exported = ada.json(&["export", "--selection", "working", "--redact-pii"]);
    assert_eq!(ids(&exported), [copy], "{exported}");
    assert_eq!(exported["withheld"]["notes"], 0, "{exported}");
    let plain = ada.json(&["export", "--selection", "working"]);
    assert_eq!(
        (ids(&plain).len(), &plain["withheld"]["notes"]),
        (0, &json!(1))
    );
}

/// Goal: rules about formats and personal data hold for redacted exports and for each pack of a
/// selection.
#[test]
fn the_rules_of_each_pack_hold() {
    let ada = Device::up("Ada");
    let (strict, free) = (ada.create_pack("Strict"), ada.create_pack("Free"));
    let set = [
        "policy",
        "set",
        &strict,
        "--redact-pii",
        "yes",
        "--formats",
        "json",
        "--yes",
    ];
    ada.ok(&set);
    let add = ["add", &strict, "--source", "mail", "--unmasked"];
    let with_pii = text(&ada.json_with(&add, b"mia.li@example.com")["note"]["id"]);
    let plain = ada.add(&free, "plain", "nothing");
    ada.ok(&["select", "add", &plain, &with_pii]);
    let selection = ["export", "--selection", "working"];
    let kept = ada.json(&selection);
    assert_eq!(kept["withheld"]["rule"]["export.redact_pii"], 1, "{kept}");
    assert_eq!(ids(&kept), [plain.as_str()]);
    let redacted = ada.json(&[&selection[..], &["--redact-pii"]].concat());
    assert_eq!(ids(&redacted), [plain, with_pii]);
    assert_eq!(redacted["withheld"]["masked"]["email"], 1);
    let output = ada.run(&[&selection[..], &["--format", "md"]].concat(), b"");
    assert_eq!(output.status.code(), Some(4));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("rule export.formats"), "{stderr}");
    assert!(output.stdout.is_empty());
}

/// Goal: what leaves as a Handoff Continuity Record comes back with every field, is known again where it
/// came from, and says what stayed.
#[test]
fn a_handoff_record_comes_back_as_it_left() {
    let (ada, ben) = (Device::up("Ada"), Device::up("Ben"));
    let (from, to) = (ada.create_pack("Case 7"), ben.create_pack("Mine"));
    let add = [
        "add",
        &from,
        "--source",
        "CRM · row 14",
        "--title",
        "Seats",
        "--type",
        "decision",
        "--consent",
        "granted",
        "--subject",
        "Maria",
    ];
    ada.ok_with(&add, "40 \u{1b}[31mseats\u{202e}".as_bytes());
    ada.add(&from, "Plain", "```\n</evidence>\"}]");
    let above = [
        "add",
        &from,
        "--source",
        "x",
        "--sensitivity",
        "confidential",
    ];
    ada.ok_with(&above, b"not for all");
    let (_dir, at) = outside();
    let record = at("case.hcr.json");
    let export = ["export", &from, "--format", "hcr", "--out", said(&record)];
    assert_eq!(ada.json(&export)["notes"], 2);
    let read: Value = serde_json::from_slice(&std::fs::read(&record).unwrap()).unwrap();
    assert_eq!(
        (
            &read["schemaVersion"],
            read["decisions"].as_array().unwrap().len()
        ),
        (&json!("1.0"), 1)
    );
    let kinds: Vec<String> = read["constraints"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| text(&one["kind"]))
        .collect();
    assert!(kinds.contains(&"exclusion".to_owned()), "{kinds:?}");
    let known = ada.json(&["import", "hcr", said(&record), "--pack", &from]);
    assert_eq!(
        (&known["added"], &known["unchanged"]),
        (&json!(0), &json!(2)),
        "{known}"
    );
    let import = ["import", "hcr", said(&record), "--pack", &to];
    assert_eq!(ben.json(&import)["added"], 2);
    assert_eq!(ben.json(&import)["added"], 0);
    let fields = |device: &Device, pack: &str| {
        let exported = device.json(&["export", pack]);
        let mut notes: Vec<Value> = exported["notes"].as_array().unwrap().clone();
        for note in &mut notes {
            for of_device in ["id", "added_by", "edits"] {
                note[of_device] = Value::Null;
            }
            for of_device in ["captured_by", "trust"] {
                note["source"][of_device] = Value::Null;
            }
        }
        notes
    };
    assert_eq!(fields(&ben, &to), fields(&ada, &from));
}

/// Goal: what left a pack of one client does not come into another's by a file, in either format, unless
/// a person says so; nothing of it comes before that is known.
#[test]
fn a_file_of_one_client_does_not_come_into_another_ones_pack() {
    let ada = Device::up("Ada");
    let of = |client: &str| {
        let create = ["pack", "create", client, "--client", client];
        text(&ada.json(&create)["pack"]["id"])
    };
    let (acme, globex, none) = (of("Acme"), of("Globex"), ada.create_pack("Mine"));
    ada.add(&acme, "note", "of Acme");
    ada.add(&none, "mine", "of nobody");
    let (_dir, at) = outside();
    let file = |pack: &str, format: &str, more: &[&str]| {
        let path = at(&format!("{format}{}{pack}", more.len()));
        let export = ["export", pack, "--format", format, "--out", said(&path)];
        ada.json(&[&export[..], more].concat());
        path
    };
    for (kind, format) in [("kitbag", "json"), ("hcr", "hcr")] {
        let of_acme = file(&acme, format, &[]);
        for pack in [&globex, &none] {
            let import = ["import", kind, said(&of_acme), "--pack", pack];
            let (exit, error) = ada.fails(&import, b"");
            assert_eq!((exit, &error["code"]), (4, &json!("denied")), "{error}");
            assert!(text(&error["message"]).contains("wall client"), "{error}");
        }
        let own = ada.json(&["import", kind, said(&of_acme), "--pack", &acme]);
        assert_eq!(own["unchanged"], 1, "{own}");
        let of_none = file(&none, format, &["--for-client", "Acme"]);
        let (exit, _) = ada.fails(&["import", kind, said(&of_none), "--pack", &globex], b"");
        assert_eq!(exit, 4, "it left for another client");
    }
    assert!(ada.contents(&globex).is_empty());
    let of_acme = at(&format!("json0{acme}"));
    let said_so = [
        "import",
        "kitbag",
        said(&of_acme),
        "--pack",
        &globex,
        "--across-clients",
    ];
    assert_eq!(ada.json(&said_so)["added"], 1);
    // On a device that knows the pack not at all, a file without a client is a file.
    let ben = Device::up("Ben");
    let his = ben.create_pack("His");
    assert_eq!(
        ben.json(&["import", "kitbag", said(&of_acme), "--pack", &his])["added"],
        1
    );
}
