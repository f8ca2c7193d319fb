//! Queries, folding and snippets: tables for what people expect, properties for everything else.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn query(text: &str) -> Query {
    Query::parse(text).unwrap_or_else(|e| panic!("{text:?}: {e}"))
}

fn fit_of(query: &Query, title: &str, body: &str) -> Option<Fit> {
    let note = Searched {
        title,
        body,
        tags: &BTreeSet::from(["Reise".to_owned()]),
        source: "CRM · Acme · row 14",
    };
    query.fit(note, &mut Scratch::default())
}

fn finds(text: &str, body: &str) -> bool {
    let query = query(text);
    fit_of(&query, "", body).is_some_and(|fit| query.is_whole(fit))
}

/// Goal: what a person would call the same word is the same.
#[test]
fn case_accents_widths_and_composition_do_not_matter() {
    for (asked, body) in [
        ("cafe", "Café"),
        ("CAFÉ", "cafe\u{301}"),
        ("strasse", "STRAẞE und Straße"),
        ("fluss", "im Fluß"),
        ("istanbul", "İSTANBUL"),
        ("ΟΔΟΣ", "οδός"),
        ("ｋｉｔｂａｇ", "Kitbag"),
        ("office", "the o\u{fb03}ce"),
        ("hidden", "hid\u{200b}den, hid\u{ad}den"),
        ("тест", "ТЕСТ"),
        ("елка", "ёлка"),
        ("한국", "\u{1112}\u{1161}\u{11ab}\u{1100}\u{116e}\u{11a8}"),
        ("ガス", "ｶﾞｽ"),
        ("שלום", "שָׁלוֹם"),
    ] {
        assert!(finds(asked, body), "{asked} in {body}");
    }
    for (asked, body) in [("が", "か"), ("кот", "код"), ("n", "m")] {
        assert!(!finds(asked, body), "{asked} in {body}");
    }
}

/// Goal: words are whole but for the last, where a script has words at all.
#[test]
fn terms_are_words_and_the_last_may_go_on() {
    for (asked, body, found) in [
        ("refund", "a refund, please", true),
        ("ref", "a refund, please", true),
        ("fund", "a refund, please", false),
        ("ref please", "a refund, please", false),
        ("please ref", "a refund, please", true),
        ("\"ref\"", "a refund", false),
        ("\"new york\"", "New\n\t York", true),
        ("\"new york\"", "York, New", false),
        ("new york", "York, New", true),
        ("york -new", "York, New", false),
        ("york -ne", "York, New", true),
        ("york -\"old town\"", "York, old  town", false),
        ("york -\"old town\"", "York, town of old", true),
        ("M05KNL", "reservation m05knl.", true),
        ("4856383", "certificate_4856383", true),
        ("mia.li@mail.com", "write to Mia.Li@mail.com!", true),
        ("c++", "in C++, not C", true),
        ("a-a", "xa-a-a", true),
        ("京", "東京都の案件", true),
        ("東京都の案件 案件", "東京都の案件", true),
        ("都京", "東京都", false),
        ("สวัสดี", "คำว่าสวัสดีครับ", true),
        ("학교", "우리학교에서", true),
        ("acme row", "nothing in the body", true),
        ("reise", "nothing in the body", true),
        ("reis row", "nothing in the body", false),
    ] {
        assert_eq!(finds(asked, body), found, "{asked} in {body}");
    }
}

#[test]
fn a_note_with_more_terms_fits_better_than_one_with_more_in_its_title() {
    let query = query("flight delay");
    let fit = |title, body| fit_of(&query, title, body).unwrap();
    let order = [
        fit("Delay of the flight", ""),
        fit("Delay", "of a flight"),
        fit("", "delay of a flight"),
        fit("Delay", ""),
        fit("", "a delay"),
    ];
    assert!(order.is_sorted_by(|a, b| a > b), "{order:?}");
    assert!(query.is_whole(order[2]) && !query.is_whole(order[3]));
    assert_eq!(fit_of(&query, "Hotel", "a room"), None);
}

#[test]
fn what_is_no_query_is_refused_by_cause() {
    let long = "x".repeat(QUERY_BYTES_MAX + 1);
    let many = (0..=TERMS_MAX)
        .map(|n| format!("w{n} "))
        .collect::<String>();
    for (text, error) in [
        ("", QueryError::Empty),
        (" \n\u{3000}", QueryError::Empty),
        ("\u{301}", QueryError::Empty),
        ("\"\"", QueryError::Empty),
        ("-refund", QueryError::OnlyExcluded),
        ("\"new york", QueryError::OpenQuote),
        ("york -\"new", QueryError::OpenQuote),
        (&long, QueryError::TooLong(QUERY_BYTES_MAX + 1)),
        (&many, QueryError::TooManyTerms),
    ] {
        assert_eq!(Query::parse(text), Err(error), "{text:?}");
    }
    assert_eq!(query("a b a B").terms().len(), 2);
    assert_eq!(query("“new york” „alte Stadt“ - x").terms().len(), 4);
}

#[test]
fn a_snippet_is_one_line_around_the_first_hit_with_its_hits_marked() {
    let marked = |query: &Query, text: &str| -> Vec<String> {
        let snippet = query.snippet(text);
        let chars: Vec<char> = snippet.text.chars().collect();
        let of = |mark: &(usize, usize)| chars[mark.0..mark.1].iter().collect();
        snippet.marks.iter().map(of).collect()
    };
    let long = format!(
        "{} the Straße\nand the\tstraßen {}",
        "far away ".repeat(20),
        "z ".repeat(200)
    );
    let asked = query("the strasse");
    let snippet = asked.snippet(&long);
    assert!(snippet.text.starts_with("…far away"), "{snippet:?}");
    assert!(
        snippet.text.contains("the Straße and the straßen z z"),
        "{snippet:?}"
    );
    assert!(snippet.text.ends_with('…') && !snippet.text.contains('\n'));
    assert_eq!(marked(&asked, &long), ["the", "Straße", "the", "straße"]);
    assert_eq!(
        query("nothing").snippet("  short\n"),
        Snippet {
            text: "short".into(),
            marks: vec![],
        }
    );
    assert_eq!(query("x").snippet(""), Snippet::default());
    assert_eq!(
        marked(&query("東京"), &"都".repeat(100).replacen("都", "東京", 1)),
        ["東京"]
    );
    // A hit that is one letter of a ligature marks the whole of it.
    assert_eq!(
        query("of fice").marks("o\u{fb03}ce of fice"),
        [(5, 7), (8, 12)]
    );
}

proptest! {
    /// Goal: nothing that anybody can type or write breaks, and bounds hold.
    #[test]
    fn any_query_on_any_text_is_answered_within_bounds(asked in any::<String>(), chars in proptest::collection::vec(any::<char>(), 0..600), start in 0usize..600, length in 1usize..20) {
        let body: String = chars.iter().collect();
        // A part of the text itself, so that there are hits, too.
        let part: String = chars.iter().skip(start).take(length).collect();
        for asked in [asked, part] {
        if let Ok(query) = Query::parse(&asked) {
            fit_of(&query, &body, &body);
            let snippet = query.snippet(&body);
            prop_assert!(snippet.text.chars().count() <= SNIPPET_CHARS_MAX + 2);
            prop_assert!(!snippet.text.contains(|c: char| c.is_whitespace() && c != ' '));
            let end = snippet.text.chars().count();
            prop_assert!(snippet.marks.iter().all(|(from, to)| from < to && *to <= end));
            prop_assert!(snippet.marks.windows(2).all(|two| two[0].1 < two[1].0));
        }
        }
    }

    /// Goal: every word of a text finds that text, and is marked in its snippet.
    #[test]
    fn each_word_of_a_text_finds_it(words in proptest::collection::vec("[a-zéßİ东京が한\u{301}ﬁ0-9]{1,8}", 1..60), pick in any::<prop::sample::Index>()) {
        let body = words.join(" \n");
        let word = pick.get(&words);
        if let Ok(query) = Query::parse(word) {
            let fit = fit_of(&query, "", &body);
            prop_assert!(fit.is_some_and(|fit| query.is_whole(fit)), "{word} in {body}");
            prop_assert!(!query.snippet(&body).marks.is_empty(), "{word} in {body}");
        }
    }

    /// Goal: what is excluded never comes back.
    #[test]
    fn an_excluded_word_leaves_a_note_out(word in "[a-zé]{1,8}", before in "[a-z ]{0,20}") {
        let body = format!("{before} seek {word}");
        let asked = query(&format!("seek -{word}"));
        prop_assert!(fit_of(&asked, "", &body).is_none());
    }

    #[test]
    fn folding_twice_is_folding_once(text in any::<String>()) {
        let once = fold(&text);
        prop_assert_eq!(fold(&once), once);
    }
}
