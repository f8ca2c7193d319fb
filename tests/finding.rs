//! Search and export with real daemons, on real conversations with all four sensitivities.

use crate::sample::{Piece, split_conversations};
use crate::support::{Device, eventually, text, up_after_kill};
use kitbag_engine::Sensitivity;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

/// Pieces of each sensitivity that are added.
const PIECES: usize = 20;

fn add_pieces(device: &Device, pack: &str, pieces: &[&Piece]) {
    for piece in pieces {
        let args = [
            "add",
            pack,
            "--source",
            &piece.source,
            "--title",
            &piece.title,
            "--sensitivity",
            piece.sensitivity.as_str(),
            "--unmasked", // split by sensitivity already
        ];
        device.json_with(&args, piece.body.as_bytes());
    }
}

/// Some of each sensitivity, none twice: the same content from the same source is one note.
fn chosen(pieces: &[Piece]) -> Vec<&Piece> {
    let mut known = BTreeSet::new();
    let mut new = Vec::new();
    for piece in pieces {
        if known.insert((&piece.source, &piece.title, &piece.body)) {
            new.push(piece);
        }
    }
    let of = |sensitivity| {
        let some = new.iter().filter(move |p| p.sensitivity == sensitivity);
        some.take(PIECES).copied()
    };
    Sensitivity::ALL.into_iter().flat_map(of).collect()
}

/// What a search tells beside its results.
fn told(found: &Value) -> Value {
    json!([
        found["results"].as_array().unwrap().len(),
        found["total"],
        found["total_is_exact"],
        found["relaxed"],
        found["empty_reason"],
        found["searched"],
        found["outside_filters"],
        found["deleted"],
        found["unreadable"],
    ])
}

fn bodies(export: &Value) -> BTreeSet<String> {
    let notes = export["notes"].as_array().unwrap().iter();
    notes.map(|note| text(&note["body"])).collect()
}

/// Goal: whoever is cleared for less searches and exports as if nothing above were there; whoever
/// wrote it finds it, exports it only when they say so, and gets all of it back.
#[test]
fn a_pack_is_searched_and_exported_up_to_ones_clearance() {
    let (ana, ben) = (Device::up("Ana"), Device::up("Ben"));
    let pack = ana.create_pack("Airline");
    let split = split_conversations();
    let pieces = chosen(&split.pieces);
    add_pieces(&ana, &pack, &pieces);
    ben.json_with(&["join", "-"], ana.share(&pack).as_bytes());
    ben.ok(&["sync", &pack, "--wait"]);
    let is_low = |piece: &&&Piece| piece.sensitivity <= Sensitivity::Internal;
    let low: Vec<&&Piece> = pieces.iter().filter(is_low).collect();
    let high = pieces.len() - low.len();
    assert!(
        low.len() >= PIECES && high >= PIECES,
        "{} {high}",
        low.len()
    );

    // Words that stand in notes above Internal only.
    let holds = |piece: &&Piece, value: &str| piece.body.to_lowercase().contains(value);
    let values: Vec<&String> = split
        .values_above_internal
        .iter()
        .filter(|value| !value.contains('"') && value.chars().all(|c| c.is_ascii_graphic()))
        .filter(|value| pieces.iter().any(|piece| piece.body.contains(*value)))
        .filter(|value| !low.iter().any(|piece| holds(piece, &value.to_lowercase())))
        .take(8)
        .collect();
    assert!(values.len() >= 4, "{values:?}");
    let nothing = told(&ben.json(&["search", "zzqxzzqx"]));
    for value in &values {
        let query = format!("\"{value}\"");
        assert!(
            ana.json(&["search", &query])["total"].as_u64() > Some(0),
            "{value}"
        );
        let found = ben.json(&["search", &query]);
        assert_eq!(told(&found), nothing, "{value}");
        assert_eq!(found["empty_reason"], "not_found");
    }

    // A word of a note that Ben reads: the same answer on both devices, and again.
    let word = low[0]
        .body
        .split_whitespace()
        .find(|w| w.chars().all(char::is_alphanumeric));
    let args = [
        "search",
        word.unwrap(),
        "--sensitivity",
        low[0].sensitivity.as_str(),
    ];
    let (of_ana, of_ben) = (ana.json(&args), ben.json(&args));
    assert!(of_ana["total"].as_u64() > Some(0), "{of_ana}");
    assert_eq!(ids(&of_ana), ids(&of_ben));
    assert_eq!(of_ana, ana.json(&args));
    let rows = ben.ok(&args);
    assert!(
        rows.lines().all(|row| row.split('\t').count() == 6),
        "{rows}"
    );

    // Exports: up to the default, the same bytes again, and the same notes on both devices.
    let export = |device: &Device, more: &[&str]| {
        let args: Vec<&str> = ["export", &pack, "--json"]
            .iter()
            .chain(more)
            .copied()
            .collect();
        device.ok(&args)
    };
    let first = export(&ana, &[]);
    assert_eq!(first, export(&ana, &[]));
    let (of_ana, of_ben): (Value, Value) = (
        serde_json::from_str(&first).unwrap(),
        serde_json::from_str(&export(&ben, &[])).unwrap(),
    );
    assert_eq!(of_ana["notes"], of_ben["notes"]);
    assert_eq!(of_ana["v"], 1);
    let expected: BTreeSet<String> = low.iter().map(|piece| piece.body.clone()).collect();
    assert_eq!(bodies(&of_ana), expected);
    assert_eq!(of_ana["withheld"]["notes"], high);
    assert_eq!(of_ben["withheld"]["notes"], 0);
    assert_eq!(of_ben["withheld"]["sensitivity"], json!({}));
    assert!(values.iter().all(|value| !first.contains(*value)));

    // More than the default only by a word, and never above the own clearance.
    let all: Value =
        serde_json::from_str(&export(&ana, &["--max-sensitivity", "restricted"])).unwrap();
    let expected: BTreeSet<String> = pieces.iter().map(|piece| piece.body.clone()).collect();
    assert_eq!(bodies(&all), expected);
    assert_eq!(all["withheld"]["notes"], 0);
    let (exit, error) = ben.fails(&["export", &pack, "--max-sensitivity", "restricted"], b"");
    assert_eq!((exit, &error["code"]), (4, &json!("denied")));
}

/// Goal: a text that somebody deleted is neither found nor handed out unless they ask for deleted
/// notes, and both commands say that it stayed.
#[test]
fn a_deleted_note_is_neither_found_nor_exported_unless_asked_for() {
    let ana = Device::up("Ana");
    let pack = ana.create_pack("Acme");
    ana.add(&pack, "Kept", "the refund is late");
    let gone = ana.add(&pack, "Gone", "zeppelin refund");
    ana.json(&["delete", &gone]);
    let said = |args: &[&str]| {
        let output = ana.run(args, b"");
        assert!(output.status.success(), "{args:?}");
        let texts = [output.stdout, output.stderr];
        texts.map(|text| String::from_utf8(text).unwrap())
    };

    let [rows, told] = said(&["search", "zeppelin"]);
    assert_eq!(rows, "");
    assert!(
        told.contains("1 deleted note holds these words; --all"),
        "{told}"
    );
    let found = ana.json(&["search", "zeppelin"]);
    assert_eq!((&found["total"], &found["deleted"]), (&json!(0), &json!(1)));
    let found = ana.json(&["search", "refund", "--deleted"]);
    assert_eq!(ids(&found), std::slice::from_ref(&gone));
    assert_eq!(found["results"][0]["status"], "archived");
    assert_eq!(ana.json(&["search", "refund", "--all"])["total"], 2);
    let found = ana.json(&["search", "zepplein", "--all", "--explain"]);
    assert_eq!(
        (ids(&found), &found["approximate"]),
        (vec![gone], &json!(["zepplein"]))
    );
    assert!(found["results"][0]["explained"]["points"].as_u64() > Some(0));
    assert_eq!(
        ana.json(&["search", "refund", "--all", "--status", "archived"])["total"],
        1
    );

    for format in ["md", "json"] {
        let [document, told] = said(&["export", &pack, "--format", format]);
        assert!(!document.contains("zeppelin"), "{document}");
        assert!(told.contains("Withheld: 1 note (1 deleted)"), "{told}");
        let [document, _] = said(&["export", &pack, "--format", format, "--all"]);
        assert!(document.contains("zeppelin") && document.contains("late"));
    }
    let [markdown, _] = said(&["export", &pack, "--deleted"]);
    assert!(markdown.contains("- status: deleted\n") && !markdown.contains("late"));
    let export: Value = serde_json::from_str(&ana.ok(&["export", &pack, "--json"])).unwrap();
    assert_eq!(
        (&export["withheld"]["notes"], &export["withheld"]["deleted"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(export["selection"]["listed"], "kept");
}

fn ids(found: &Value) -> Vec<String> {
    let results = found["results"].as_array().unwrap().iter();
    results.map(|hit| text(&hit["id"])).collect()
}

/// Goal: a home with many notes gets a search index while nobody asks for anything, which answers what
/// the look at each note had answered, knows what was written a moment ago, and is there after a crash.
#[test]
fn a_home_with_many_notes_answers_from_its_index() {
    let ada = Device::up("Ada");
    let pack = ada.create_pack("Tickets");
    let words = ["invoice", "refund", "parcel", "address", "nightingale"];
    let lines: Vec<String> = (0..400)
        .map(|at: usize| {
            let (one, two) = (words[at % 4], words[at / 80]);
            let title = format!("Ticket {at}");
            json!({"title": title, "body": format!("{one} and {two}")}).to_string()
        })
        .collect();
    let args = ["import", "jsonl", "-", "--pack", &pack, "--source", "desk"];
    ada.json_with(&args, lines.join("\n").as_bytes());
    let queries = [
        "refund",
        "nightingal",
        "\"parcel and refund\"",
        "refund -parcel",
    ];
    let all = |ada: &Device| {
        queries.map(|query| {
            let found = ada.json(&["search", query, "--limit", "100"]);
            (
                ids(&found),
                found["total"].clone(),
                found["approximate"].clone(),
            )
        })
    };
    let at_first = all(&ada);
    assert_eq!(at_first[1].1, 80);
    let indexed = |ada: &Device| {
        let status = ada.json(&["daemon", "status"]);
        status["meters"]["engine"]["index_notes"].as_u64().unwrap()
    };
    eventually("the index knows all", || indexed(&ada) == 400);
    assert_eq!(all(&ada), at_first);

    let note = ada.add(&pack, "nightingale refund", "just now");
    let found = ada.json(&["search", "\"nightingale refund\""]);
    assert_eq!(ids(&found), std::slice::from_ref(&note));
    let running = |ada: &Device| ada.json(&["daemon", "status"])["pid"].as_u64();
    let pid = running(&ada);
    let named = pid.unwrap().to_string();
    let killed = Command::new("kill").args(["-9", &named]).status().unwrap();
    assert!(killed.success());
    up_after_kill(&ada, pid.unwrap());
    assert_eq!(
        ids(&ada.json(&["search", "\"nightingale refund\""])),
        std::slice::from_ref(&note)
    );
    ada.ok(&["delete", &note]);
    assert_eq!(ada.json(&["search", "\"nightingale refund\""])["total"], 0);
    assert_eq!(all(&ada), at_first);
}

/// Goal: text that means harm stays text, in a search, in Markdown and in JSON, and a file is replaced
/// only if somebody says so.
#[test]
fn hostile_notes_leave_as_text_and_files_are_not_overwritten() {
    let ana = Device::up("Ana");
    let pack = ana.create_pack("# Not a title");
    let body = "zeppelin\n````\n# Not a title\n```\n- withheld: 99\n\x1b[31m\u{202e}";
    let title = "</note> \u{202e}[31m **bold** `zeppelin`";
    ana.add(&pack, title, body);
    ana.add(&pack, "", "東京都の案件についての zeppelin");

    let found = ana.json(&["search", "zeppelin -案件"]);
    let (hit, total) = (&found["results"][0], &found["total"]);
    assert_eq!((text(&hit["title"]).as_str(), total), (title, &json!(1)));
    assert_eq!(hit["snippet_marks"][0], json!([0, 8]));
    assert_eq!(ana.json(&["search", "案件"])["total"], 1);
    let row = ana.ok(&["search", "zeppelin"]);
    assert!(!row.contains('\x1b') && row.lines().count() == 2, "{row}");

    let markdown = ana.ok(&["export", &pack]);
    assert!(
        !markdown.contains('\x1b') && !markdown.contains('\u{202e}'),
        "{markdown}"
    );
    let fence = "`````text\nzeppelin\n````\n# Not a title\n```\n- withheld: 99\n\\u{1b}[31m\\u{202e}\n`````\n";
    assert!(markdown.contains(fence), "{markdown}");
    assert!(
        markdown.contains("## \\</note\\> \\\\u\\{202e\\}\\[31m \\*\\*bold\\*\\* \\`zeppelin\\`\n"),
        "{markdown}"
    );
    let json: Value =
        serde_json::from_str(&ana.ok(&["export", &pack, "--format", "json"])).unwrap();
    assert!(bodies(&json).contains(body), "{json}");

    let file = ana.home.with_extension("md");
    let name = file.to_str().unwrap();
    let output = ana.run(&["export", &pack, "--out", name], b"");
    assert!(output.status.success() && output.stdout.is_empty());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("Exported 2 notes of # Not a title, up to Internal"),
        "{said}"
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap(), markdown);
    let again = format!("{}/../{}", ana.home.parent().unwrap().display(), {
        let below = ana.home.parent().unwrap().file_name().unwrap();
        format!(
            "{}/{}",
            below.to_str().unwrap(),
            file.file_name().unwrap().to_str().unwrap()
        )
    });
    for receipt in [name, &again] {
        let both = [
            "export",
            &pack,
            "--out",
            name,
            "--receipt",
            receipt,
            "--force",
        ];
        let (exit, error) = ana.fails(&both, b"");
        assert_eq!(
            (exit, error["code"].as_str()),
            (2, Some("bad-input")),
            "{error}"
        );
        assert_eq!(std::fs::read_to_string(&file).unwrap(), markdown);
    }
    // Below a file nothing can be written, whoever asks and wherever this runs.
    let below = format!("{name}/x.md");
    let (exit, error) = ana.fails(&["export", &pack, "--out", &below], b"");
    assert_eq!((exit, &error["code"]), (1, &json!("storage")), "{error}");
    assert!(text(&error["message"]).contains(&below), "{error}");
    assert!(!text(&error["message"]).contains(".tmp"), "{error}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), markdown);
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let (exit, error) = ana.fails(&["export", &pack, "--out", name], b"");
    assert_eq!((exit, &error["code"]), (7, &json!("conflict")));
    let written = ana.json(&["export", &pack, "--out", name, "--force"]);
    assert_eq!(
        (&written["format"], &written["notes"]),
        (&json!("json"), &json!(2))
    );

    for (args, code) in [
        (vec!["search", "\"open"], "bad-input"),
        (vec!["search", "x", "--pack", "nowhere"], "not-found"),
        (vec!["search", "x", "--tag", ""], "bad-input"),
        (vec!["search", "x", "--type", "poem"], "usage"),
        (vec!["search", "x", "--since", "soon"], "bad-input"),
        (vec!["search", "x", "--status", "gone"], "bad-input"),
        (vec!["search", "x", "--source-kind", "fax"], "bad-input"),
        (vec!["export", &pack, "--purpose", ""], "bad-input"),
        (vec!["export", &pack, "--format", "md"], "usage"),
        (vec!["export", &pack, "--format", "xml"], "usage"),
        (vec!["export", &pack, "--on-overflow", "trim"], "usage"),
        (vec!["export", &pack, "--max-tokens", "0"], "usage"),
    ] {
        let (_, error) = ana.fails(&args, b"");
        assert_eq!(error["code"], code, "{args:?}");
    }
}

/// Goal: whoever stops an export leaves no part of it behind. The daemon stands still, so that the
/// export is surely under way.
#[test]
fn an_export_that_is_interrupted_leaves_nothing() {
    let ana = Device::up("Ana");
    let pack = ana.create_pack("Acme");
    ana.add(&pack, "T", "body");
    let dir = tempfile::tempdir().unwrap();
    let daemon = ana.json(&["daemon", "status"])["pid"].to_string();
    let signal = |signal: &str, pid: &str| {
        let sent = Command::new("kill").args([signal, pid]).status().unwrap();
        assert!(sent.success(), "kill {signal} {pid}");
    };
    let names = || std::fs::read_dir(dir.path()).unwrap().count();
    signal("-STOP", &daemon);
    let mut export = Command::new(env!("CARGO_BIN_EXE_kitbag"));
    export
        .arg("--home")
        .arg(&ana.home)
        .args(["export", &pack, "--out"]);
    export.arg(dir.path().join("out.md"));
    let mut export = export.spawn().unwrap();
    eventually("the export is under way", || names() == 1);
    // The signal is waited for as soon as the daemon was asked.
    std::thread::sleep(Duration::from_millis(500));
    signal("-INT", &export.id().to_string());
    let ended = export.wait().unwrap();
    signal("-CONT", &daemon);
    assert_eq!(ended.code(), Some(130));
    assert_eq!(names(), 0);
    let out = dir.path().join("out.md");
    ana.ok(&["export", &pack, "--out", out.to_str().unwrap()]);
    assert_eq!(names(), 1);
}

/// Goal: each format leaves whole: the same bytes each time, the body in its place and harmless, and the
/// tokens that are told are those of what was written.
#[test]
fn every_format_leaves_whole_and_counted() {
    let ana = Device::up("Ana");
    let pack = ana.create_pack("Acme & \"Sons\"");
    let body = "a </document_content> ]]> & \u{202e}\n```\n----\nnotes: 0";
    ana.add(&pack, "One", body);
    ana.add(&pack, "Two", "plain");
    let dir = tempfile::tempdir().unwrap();
    for (format, shown) in [
        (
            "md",
            "````text\na </document_content> ]]> & \\u{202e}\n```\n----\nnotes: 0\n````\n",
        ),
        (
            "xml",
            "<document_content>a &lt;/document_content&gt; ]]&gt; &amp; \\u{202e}\n```\n----\nnotes: 0</document_content>\n",
        ),
        (
            "json",
            "\"body\":\"a </document_content> ]]> & \\u202e\\n```\\n----\\nnotes: 0\"",
        ),
        (
            "jsonl",
            "\"body\":\"a </document_content> ]]> & \\u202e\\n```\\n----\\nnotes: 0\"",
        ),
        (
            "text",
            "\n  a </document_content> ]]> & \\u{202e}\n  ```\n  ----\n  notes: 0\n",
        ),
        (
            "hcr",
            "a </document_content> ]]> & \\u202e\\n```\\n----\\nnotes: 0",
        ),
    ] {
        let document = ana.ok(&["export", &pack, "--format", format]);
        assert!(document.contains(shown), "{format}: {document}");
        assert_eq!(document, ana.ok(&["export", &pack, "--format", format]));
        let file = dir.path().join(format);
        let args = [
            "export",
            &pack,
            "--format",
            format,
            "--out",
            file.to_str().unwrap(),
        ];
        let written = ana.json(&args);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), document);
        assert_eq!(written["tokens"], kitbag_render::tokens(&document));
        assert_eq!(
            (&written["format"], &written["notes"]),
            (&json!(format), &json!(2))
        );
    }
    let lines = ana.ok(&["export", &pack, "--format", "jsonl"]);
    let kinds: Vec<bool> = lines
        .lines()
        .map(|line| match serde_json::from_str(line).unwrap() {
            kitbag_render::JsonLine::Note(note) => note.title == "One" || note.title == "Two",
            _ => false,
        })
        .collect();
    assert_eq!(kinds, [false, true, true, false]);
}

/// Goal: an export keeps its budget: it fails and writes nothing, or leaves whole notes out, the oldest
/// first, and names them.
#[test]
fn an_export_keeps_to_its_budget() {
    let ana = Device::up("Ana");
    let pack = ana.create_pack("Acme");
    let bodies: Vec<String> = (0..5).map(|i| format!("{i} renewal ").repeat(40)).collect();
    let ids: Vec<String> = bodies
        .iter()
        .map(|body| {
            std::thread::sleep(Duration::from_millis(5)); // another moment for each
            ana.add(&pack, "T", body)
        })
        .collect();
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let name = out.to_str().unwrap();
    for format in ["md", "xml", "json", "jsonl", "text", "hcr"] {
        let whole = ana.ok(&["export", &pack, "--format", format]);
        let max = kitbag_render::tokens(&whole) * 3 / 4;
        let allowed = max.to_string();
        let base = [
            "export",
            &pack,
            "--format",
            format,
            "--max-tokens",
            &allowed,
        ];
        let with = |more: &[&'static str]| [&base[..], more].concat();

        let failed = ana.run(&with(&[]), b"");
        assert_eq!((failed.status.code(), failed.stdout.len()), (Some(6), 0));
        let to_file = [&base[..], &["--out", name]].concat();
        let (exit, error) = ana.fails(&to_file, b"");
        assert_eq!((exit, &error["code"]), (6, &json!("over-budget")));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);

        let trimmed = ana.ok(&with(&["--on-overflow", "trim"]));
        assert!(
            kitbag_render::tokens(&trimmed) <= max,
            "{format}: {trimmed}"
        );
        let to_file = [&base[..], &["--on-overflow", "trim", "--out", name]].concat();
        let written = ana.json(&to_file);
        assert_eq!(std::fs::read_to_string(&out).unwrap(), trimmed);
        std::fs::remove_file(&out).unwrap();
        let left_out: Vec<String> = written["over_budget"]
            .as_array()
            .unwrap()
            .iter()
            .map(text)
            .collect();
        let count = left_out.len();
        assert!((1..5).contains(&count), "{format}: {written}");
        let mut oldest = ids[..count].to_vec();
        oldest.reverse();
        assert_eq!(left_out, oldest, "{format}");
        for (id, body) in ids.iter().zip(&bodies) {
            assert!(trimmed.contains(id), "{format}: each id is there");
            assert_eq!(trimmed.contains(body.trim_end()), !left_out.contains(id));
        }
    }
    let (exit, error) = ana.fails(
        &[
            "export",
            &pack,
            "--max-tokens",
            "10",
            "--on-overflow",
            "trim",
        ],
        b"",
    );
    assert_eq!(
        (exit, &error["code"]),
        (6, &json!("over-budget")),
        "{error}"
    );
}
