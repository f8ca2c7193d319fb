//! Real help-desk articles, 47 of them for staff only, and a reader cleared for Public: no word that
//! stands only in those 47 reaches them in any way. The data is that of
//! `crates/core/tests/fixtures/README.md`.

use crate::support::{Device, eventually, files_below, open_store, text};
use kitbag_testkit::{IndexLoot, Loot, Records};
use miniz_oxide::inflate::decompress_to_vec_with_limit;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;

struct Articles {
    /// As lines of notes, all in one file: 651 for everybody, 47 for staff.
    public: String,
    internal: String,
    /// Words that stand in articles for staff, and nowhere in the others, not even as a part of a word.
    /// Of seven letters or more: shorter ones stand by chance in ids and sealed bytes.
    secret: BTreeSet<String>,
}

fn articles() -> Articles {
    let packed = include_bytes!("../crates/core/tests/fixtures/banking-documents.jsonl.deflate");
    let lines = String::from_utf8(decompress_to_vec_with_limit(packed, 4 << 20).unwrap()).unwrap();
    let (mut public, mut internal) = (String::new(), String::new());
    let (mut read_by_all, mut words) = (String::new(), BTreeSet::new());
    for line in lines.lines() {
        let article: Value = serde_json::from_str(line).unwrap();
        let (title, body) = (text(&article["title"]), text(&article["content"]));
        let note =
            json!({"key": article["id"], "title": title, "body": body, "source": "Help desk"});
        let said = format!("{title}\n{body}\n").to_lowercase();
        let lines = if title.starts_with("Internal: ") {
            let of_letters = said.split(|c: char| !c.is_ascii_alphabetic());
            words.extend(of_letters.filter(|word| word.len() >= 7).map(str::to_owned));
            &mut internal
        } else {
            read_by_all.push_str(&said);
            &mut public
        };
        *lines += &format!("{note}\n");
    }
    assert_eq!(
        (public.lines().count(), internal.lines().count()),
        (651, 47)
    );
    let secret = words.into_iter().filter(|word| !read_by_all.contains(word));
    Articles {
        secret: secret.collect(),
        public,
        internal,
    }
}

/// Which of the words stand in some text, and where.
fn told(words: &BTreeSet<String>, place: &str, said: &[u8], found: &mut Vec<String>) {
    let said = said.to_ascii_lowercase();
    let of_letters = said.split(|byte| !byte.is_ascii_alphabetic());
    let held: BTreeSet<&str> = of_letters
        .filter_map(|word| std::str::from_utf8(word).ok())
        .filter(|word| words.contains(*word))
        .collect();
    found.extend(held.iter().map(|word| format!("{word} in {place}")));
}

/// Which of the words some commands say, and the files of the home once its daemon is down.
fn look(device: &Device, pack: &str, words: &BTreeSet<String>) -> Vec<String> {
    let mut found = Vec::new();
    let titles = "internal opening personal checking accounts procedure agent";
    for args in [
        &["search", titles, "--explain", "--limit", "100", "--json"][..],
        &[
            "search",
            "close account",
            "--sensitivity",
            "internal",
            "--json",
        ],
        &["list", pack, "--json"],
        &["list", pack],
        &["export", pack, "--format", "md"],
        &["export", pack, "--format", "xml"],
        &["export", pack, "--json"],
        &["export", pack, "--format", "jsonl"],
        &["export", pack, "--format", "hcr"],
        &[
            "export",
            pack,
            "--format",
            "text",
            "--max-tokens",
            "20000",
            "--on-overflow",
            "trim",
        ],
        &["status", "--why", "--json"],
        &["who", pack, "--json"],
        &["doctor", "--json"],
    ] {
        let output = device.run(args, b"");
        let told_all = output.status.success() || args[0] == "doctor"; // which may find something
        assert!(
            told_all,
            "{args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        for said in [&output.stdout, &output.stderr] {
            told(words, &args.join(" "), said, &mut found);
        }
    }
    device.ok(&["down"]);
    for path in files_below(&device.home) {
        let bytes = std::fs::read(&path).unwrap_or_default(); // a socket is no file
        told(words, &path.display().to_string(), &bytes, &mut found);
    }
    found
}

/// Waits until the search index of a device holds so many notes.
fn await_index(device: &Device, notes: u64) {
    eventually("the index holds all", || {
        let status = device.json(&["daemon", "status"]);
        status["meters"]["engine"]["index_notes"] == notes
    });
}

/// Every row of a home that nobody has open, in plain, what the keys in it open, and every text of its
/// search index, whose files hold few words whole.
fn plunder(home: &Path, mut see: impl FnMut(&str, &[u8])) -> IndexLoot {
    let store = open_store(home);
    let checks = store
        .walk_rows(&mut |table, plain| see(table, plain))
        .unwrap();
    assert!(checks.iter().all(|check| check.damaged == 0), "{checks:?}");
    let (mut keys, records) = (Loot::of(&store).unwrap(), Records::of(&store).unwrap());
    for opened in keys.open(&records) {
        let said = match &opened.body {
            Some(kitbag_core::content::EntryBody::Change { change, .. }) => change.clone(),
            other => format!("{other:?}").into_bytes(),
        };
        see("entries", &said);
    }
    let index = IndexLoot::of(&store).unwrap();
    for text in index.texts.keys() {
        see("texts of the index", text);
    }
    index
}

/// A word as somebody types it in haste: two letters in the middle have changed places, if that is
/// another word.
fn mistyped(word: &str) -> Option<String> {
    let mut letters = word.as_bytes().to_vec();
    let middle = letters.len() / 2;
    letters.swap(middle - 1, middle);
    let typed = String::from_utf8(letters).unwrap();
    (typed != word).then_some(typed)
}

/// What a search answers beside ids, moments and the query: how many, of what kind, and which titles.
fn answered(device: &Device, query: &str) -> Value {
    let found = device.json(&["search", query, "--all", "--limit", "100"]);
    let hits = found["results"].as_array().unwrap().iter();
    let mut titles: Vec<&str> = hits.map(|hit| hit["title"].as_str().unwrap()).collect();
    titles.sort_unstable();
    // Of so many, those that are shown may be others where the moments of import are others.
    let titles = if titles.len() < 100 { titles } else { vec![] };
    let told = [
        "total",
        "total_is_exact",
        "relaxed",
        "approximate",
        "empty_reason",
        "searched",
        "outside_filters",
        "deleted",
        "unreadable",
    ];
    let told: Vec<&Value> = told.iter().map(|field| &found[field]).collect();
    json!([titles, told])
}

#[test]
fn no_word_of_the_articles_for_staff_reaches_a_reader_cleared_for_public() {
    let articles = articles();
    assert!(articles.secret.len() > 100, "{:?}", articles.secret);
    let (ana, ben) = (Device::up("Ana"), Device::up("Ben"));
    let pack = ana.create_pack("Help desk");
    for (lines, sensitivity, notes) in [
        (&articles.public, "public", 651),
        (&articles.internal, "internal", 47),
    ] {
        let args = [
            "import",
            "jsonl",
            "-",
            "--pack",
            &pack,
            "--sensitivity",
            sensitivity,
            "--unmasked",
        ];
        assert_eq!(
            ana.json_with(&args, lines.as_bytes())["added"],
            notes,
            "{sensitivity}"
        );
    }
    let ticket = ana.json(&[
        "share",
        &pack,
        "--role",
        "reader",
        "--clearance",
        "public",
        "--yes",
    ]);
    ben.json_with(&["join", "-"], text(&ticket["ticket"]).as_bytes());
    ben.ok(&["sync", &pack, "--wait"]);
    assert_eq!(
        ben.json(&["list", &pack])["notes"]
            .as_array()
            .unwrap()
            .len(),
        651
    );

    // One question with all of these words, and some alone, each exactly as it stands.
    let quoted: Vec<String> = articles
        .secret
        .iter()
        .map(|word| format!("\"{word}\""))
        .collect();
    let counts = |found: &Value| {
        let mut found = found.clone();
        let fields = found.as_object_mut().unwrap();
        fields.remove("query");
        Value::Object(fields.clone())
    };
    let nothing = counts(&ben.json(&["search", "\"zzqxzzqx\""]));
    assert_eq!(
        (&nothing["total"], &nothing["empty_reason"]),
        (&json!(0), &json!("not_found"))
    );
    let some = quoted.iter().step_by(quoted.len() / 8);
    for query in some.chain([&quoted.join(" ")]) {
        assert_eq!(
            counts(&ben.json(&["search", query, "--all"])),
            nothing,
            "{query}"
        );
        assert!(
            ana.json(&["search", query])["total"].as_u64() > Some(0),
            "{query}"
        );
    }

    // The same with near words let in, as typed and mistyped: the answer is that of somebody who has the
    // articles for everybody in a pack without any others. Ana is led to what stands only in the others.
    let cleo = Device::up("Cleo");
    let hers = cleo.create_pack("Help desk");
    let args = [
        "import",
        "jsonl",
        "-",
        "--pack",
        &hers,
        "--sensitivity",
        "public",
        "--unmasked",
    ];
    cleo.json_with(&args, articles.public.as_bytes());
    for (device, notes) in [(&ana, 698), (&ben, 651), (&cleo, 651)] {
        await_index(device, notes);
    }
    let mut led = 0;
    for word in articles.secret.iter().step_by(articles.secret.len() / 8) {
        for query in [Some(word.clone()), mistyped(word)].into_iter().flatten() {
            assert_eq!(answered(&ben, &query), answered(&cleo, &query), "{query}");
            let found = ana.json(&["search", &query]);
            let near = found["approximate"].as_array().unwrap();
            led += usize::from(query != *word && !near.is_empty());
        }
    }
    assert!(led > 0, "near words are let in");

    // Whatever else he asks: no answer, document, file or line of the log says one of them, but for words
    // that the program says to whoever has nothing to do with these articles.
    let own = look(&cleo, &hers, &articles.secret);
    let own: BTreeSet<&str> = own.iter().filter_map(|one| one.split(' ').next()).collect();
    assert!(own.len() < 10, "{own:?}");
    let secret: BTreeSet<String> = articles
        .secret
        .into_iter()
        .filter(|word| !own.contains(&**word))
        .collect();
    let mut found = look(&ben, &pack, &secret);
    let mut rows = 0;
    let index = plunder(&ben.home, |table, plain| {
        rows += 1;
        told(&secret, table, plain, &mut found);
    });
    assert!(rows > 651, "{rows} rows are a look at nothing");
    assert!(index.docs >= 651 && index.texts.len() > 1_000, "{index:?}");
    assert_eq!(found, Vec::<String>::new());

    // The same look at whoever may know finds them, or it would find nothing anywhere.
    ana.ok(&["down"]);
    let index = plunder(&ana.home, |table, plain| {
        told(&secret, table, plain, &mut found)
    });
    let seen = |place: &str| -> BTreeSet<&str> {
        let in_place = found.iter().filter(|one| one.ends_with(place));
        in_place.filter_map(|one| one.split(' ').next()).collect()
    };
    assert_eq!(seen("").len(), secret.len());
    assert_eq!(seen("texts of the index").len(), secret.len());
    // What stands there is of the articles for staff, and in no segment beside others.
    let mut held = Vec::new();
    for (text, at) in &index.texts {
        let before = held.len();
        told(&secret, "", text, &mut held);
        let only = [kitbag_engine::Sensitivity::Internal];
        assert!(held.len() == before || *at == only, "{text:?} {at:?}");
    }
}
