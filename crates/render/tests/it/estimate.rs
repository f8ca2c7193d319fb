//! The estimator: its rules, and how it stands beside two real tokenizers.

use crate::sample::any_text;
use kitbag_render::{Meter, tokens};
use proptest::prelude::*;
use tiktoken_rs::{CoreBPE, cl100k_base, o200k_base};

/// A text in each of twenty languages, written for this test.
const LANGUAGES: &str = include_str!("../fixtures/languages.txt");
/// Articles, chat turns and lines of CRM and log files; `fixtures/README.md` says where they are from.
const WORK: &str = include_str!("../fixtures/work.txt");

/// Goal: the rules are those of the spec, one by one.
#[test]
fn the_rules_are_those_of_the_spec() {
    for (text, takes) in [
        ("", 0),
        ("a", 1),
        ("letter", 1),
        ("letters", 3),
        ("two words", 2),
        ("über", 2),
        ("договор", 5),
        ("2026", 4),
        ("in 2026", 6),
        ("iPhone", 2),
        ("  indented", 4),
        ("a    b", 3),
        ("{\"", 2),
        ("{\"a\":", 5),
        ("\n\n", 2),
        ("\t", 1),
        ("“so”…", 7),
        ("東京都", 5),
        ("東京", 3),
        ("ก", 3),
        ("🎉", 4),
        ("abcdefghij234567abcd", 15),
    ] {
        assert_eq!(tokens(text), takes, "{text:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// Goal: a text is counted alike in one piece and in parts, lines add up, and no text takes more
    /// tokens than it has bytes.
    #[test]
    fn parts_count_as_the_whole(texts in prop::collection::vec(any_text(), 0..6)) {
        let mut meter = Meter::default();
        for text in &texts {
            meter.add(text);
        }
        let whole = texts.concat();
        prop_assert_eq!(meter.tokens(), tokens(&whole));
        prop_assert!(tokens(&whole) <= whole.len() as u64);
        let lines: Vec<String> = texts.iter().map(|text| format!("{text}\n")).collect();
        let apart: u64 = lines.iter().map(|line| tokens(line)).sum();
        prop_assert_eq!(apart, tokens(&lines.concat()));
    }
}

/// What the estimator says for each token of a tokenizer.
fn ratio(text: &str, tokenizer: &CoreBPE) -> f64 {
    tokens(text) as f64 / tokenizer.encode_ordinary(text).len() as f64
}

/// Goal: what the spec says about the estimator beside two tokenizers is so: for texts of work in
/// English, and for one text in each of twenty languages.
#[test]
fn it_stands_to_real_tokenizers_as_the_spec_says() {
    let (o200k, cl100k) = (o200k_base().unwrap(), cl100k_base().unwrap());
    for text in WORK.split("\n%%\n") {
        for tokenizer in [&o200k, &cl100k] {
            let ratio = ratio(text, tokenizer);
            assert!((1.2..=1.8).contains(&ratio), "{ratio}: {text}");
        }
    }
    for line in LANGUAGES.lines() {
        let (language, text) = line.split_once('\t').unwrap();
        let (new, old) = (ratio(text, &o200k), ratio(text, &cl100k));
        println!("{language}: {new:.2} {old:.2}");
        assert!((1.0..=9.0).contains(&new), "{language}: {new}");
        let low = matches!(language, "Finnish" | "Turkish");
        let least = if low { 0.75 } else { 1.0 };
        assert!((least..=3.5).contains(&old), "{language}: {old}");
    }
}
