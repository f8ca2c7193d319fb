//! Time: hostile texts take about as long as others, and figures for whoever asks.
//!
//! `cargo test --release -p kitbag-scan -- --ignored --nocapture speed` prints megabytes a second.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use kitbag_scan::{Hint, Named, Rules, Scanner, mask};

use crate::support::SCANNER;

/// Time that this thread had a processor, where the system says so: other work on the machine is not
/// counted.
fn clock() -> Duration {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    let start = *START;
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = stat.and_then(|s| s.split(' ').next().and_then(|n| n.parse().ok()));
    nanos.map_or_else(|| start.elapsed(), Duration::from_nanos)
}

const MEGA: usize = 1_000_000;

fn hostile(bytes: usize) -> Vec<(&'static str, String)> {
    let parts = [
        ("digits", "4"),
        ("digits apart", "4 "),
        ("dashes", "1-"),
        ("plus", "+1("),
        ("ats", "a@"),
        ("dots", "a."),
        ("domains", "a@a.a."),
        ("open braces", "{\"a\":"),
        ("open brackets", "[["),
        ("nested", "[{\"a\":[\""),
        ("quotes", "\"\\\""),
        ("backslashes", "\\\\"),
        ("birth", "born "),
        ("birth and dates", "born 1990-04-05 "),
        ("passwords", "password="),
        ("urls", "http://a:"),
        ("pem", "-----BEGIN PRIVATE KEY-----"),
        ("iban", "DE89 "),
        ("tokens", "eyJ"),
        ("street", "1 A St, "),
        ("names", "my name is A"),
        ("ids", "certificate "),
        ("lines", "address: 1\n"),
        ("zero width", "4\u{200b}"),
        ("full width", "４"),
        ("hex", "a:1:"),
        ("tokens in a run", "-eyJ"),
        ("keys in a run", "token:"),
        ("quotes that open", "password is \"a'"),
        ("umlauts", "ä1 Ö-"),
        ("masks", "[email]"),
        ("open masks", "[date of birth"),
    ];
    parts
        .iter()
        .map(|(name, part)| (*name, part.repeat(bytes / part.len())))
        .collect()
}

/// As many forms as a pack's rules hold together, each alive for as long as it can be in that text.
fn hostile_forms() -> (Scanner, String) {
    let forms: Vec<String> = (0..128)
        .map(|n| format!("*-*-*-*-*-*-*-*-*-Z{n:03}"))
        .collect();
    let forms = forms
        .iter()
        .map(|form| (form.as_str(), kitbag_scan::Pii::Other));
    let named = Named::new(forms, []).unwrap();
    (SCANNER.naming(named), "z1-".to_owned())
}

#[test]
fn hostile_forms_take_time_in_proportion() {
    let (scanner, part) = hostile_forms();
    let time = |text: &str| {
        let start = clock();
        assert_eq!(scanner.scan(text, Hint::default()), []);
        clock() - start
    };
    time(&part);
    let (one, eight) = (time(&part.repeat(5_000)), time(&part.repeat(40_000)));
    assert!(
        eight < one * 30 + Duration::from_millis(400),
        "{one:?}, eight times the text {eight:?}"
    );
}

/// Twice the text may take little more than twice the time. Short enough for a debug build.
#[test]
fn hostile_texts_take_time_in_proportion() {
    let time = |text: &str| {
        let start = clock();
        let findings = SCANNER.scan(text, Hint::default());
        let _ = mask(text, &findings);
        clock() - start
    };
    for ((name, small), (_, large)) in hostile(20_000).into_iter().zip(hostile(160_000)) {
        time(&small);
        let (one, eight) = (time(&small), time(&large));
        assert!(
            eight < one * 30 + Duration::from_millis(400),
            "{name}: {one:?}, eight times the text {eight:?}"
        );
    }
}

#[test]
#[ignore = "figures, in release"]
fn speed() {
    let wall = Instant::now();
    let scanner = Scanner::new(&Rules::default());
    let built = wall.elapsed();
    let all = "born 1990-04-05, password=hunter2, +1 212 555 0123, 975 Sunset Drive, certificate_7504069, my name is A";
    let start = clock();
    scanner.scan(all, Hint::default());
    println!(
        "built in {built:?}, first text with all kinds in {:?}",
        clock() - start
    );

    let packed = include_bytes!("../fixtures/airline.json.deflate");
    let records =
        String::from_utf8(miniz_oxide::inflate::decompress_to_vec(packed).unwrap()).unwrap();
    let value: serde_json::Value = serde_json::from_str(&records).unwrap();
    let prose: String = value
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|c| c["messages"].as_array().unwrap())
        .filter(|m| m["role"] != "tool")
        .filter_map(|m| m["content"].as_str())
        .filter(|text| SCANNER.scan(text, Hint::default()).is_empty())
        .flat_map(|text| [text, "\n\n"])
        .collect();
    let prose = prose.repeat(4 * MEGA / prose.len());
    let mut texts = vec![
        ("prose without findings", prose),
        ("records, as one JSON", records),
    ];
    texts.extend(hostile(4 * MEGA));
    for (name, text) in texts {
        let start = clock();
        let findings = scanner.scan(&text, Hint::default());
        let took = clock() - start;
        let rate = text.len() as f64 / MEGA as f64 / took.as_secs_f64();
        println!(
            "{name:24} {:>8} bytes {took:>10.1?} {rate:>7.1} MB/s {:>7} findings",
            text.len(),
            findings.len()
        );
    }
    let named = Named::new((0..32).map(|_| ("CUST-####", kitbag_scan::Pii::Other)), []);
    let start = Instant::now();
    let own = scanner.naming(named.unwrap());
    println!("a pack's own ids added in {:?}", start.elapsed());
    let (worst, part) = hostile_forms();
    let rows = [
        (
            "prose, 32 own forms",
            own,
            PROSE.repeat(4 * MEGA / PROSE.len()),
        ),
        (
            "128 hostile forms",
            worst,
            part.repeat(4 * MEGA / part.len()),
        ),
    ];
    for (name, scanner, text) in rows {
        let start = clock();
        scanner.scan(&text, Hint::default());
        let rate = text.len() as f64 / MEGA as f64 / (clock() - start).as_secs_f64();
        println!("{name:24} {:>8} bytes {rate:>7.1} MB/s", text.len());
    }
}

const PROSE: &str =
    "The customer called about an order that had not come; we looked at what was known. ";
