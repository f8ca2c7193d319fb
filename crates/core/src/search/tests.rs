//! Queries, folding and snippets: tables for what people expect, properties for everything else.

use super::*;
use crate::id::Timestamp;
use crate::pack::note::Claim;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn query(text: &str) -> Query {
    Query::parse(text).unwrap_or_else(|e| panic!("{text:?}: {e}"))
}

/// Whether a note fits, as far as it holds terms as they were typed: none if it holds nothing of the
/// query, or something excluded.
fn fit_of(query: &Query, title: &str, body: &str) -> Option<bool> {
    let note = Searched {
        title,
        body,
        tags: &BTreeSet::from(["Reise".to_owned()]),
        source: "CRM · Acme · row 14",
    };
    let mut scratch = Scratch::default();
    let looked = query.look(note, &mut scratch);
    let fits = looked.terms(query, &Statistics::new(query)) > 0;
    fits.then_some(looked.is_whole())
}

fn finds(text: &str, body: &str) -> bool {
    fit_of(&query(text), "", body) == Some(true)
}

fn snippet_of(asked: &str, body: &str) -> Snippet {
    let query = query(asked);
    query.snippet(body, &Statistics::new(&query))
}

fn marks_of(asked: &str, text: &str) -> Vec<(usize, usize)> {
    let query = query(asked);
    query.marks(text, &Statistics::new(&query))
}

fn facts(at: u64) -> Facts {
    Facts {
        captured_at: Timestamp::from_millis(at),
        pinned: false,
        claim: None,
    }
}

/// The numbers of the best of these titles and bodies, and how many fit; with memory for so many bytes.
fn ranked(asked: &str, notes: &[(&str, &str)], bytes_max: usize) -> (Vec<usize>, u64, bool) {
    let query = query(asked);
    let mut scratch = Scratch::default();
    let mut ranking = Ranking::with_memory(&query, bytes_max);
    let none = BTreeSet::new();
    let of = |note: &(&str, &str), scratch: &mut Scratch, take: &mut dyn FnMut(Looked<'_>)| {
        let note = Searched {
            title: note.0,
            body: note.1,
            tags: &none,
            source: "",
        };
        take(query.look(note, scratch));
    };
    for (key, note) in notes.iter().enumerate() {
        of(note, &mut scratch, &mut |looked| {
            ranking.count(looked, facts(0));
            ranking.offer(key, looked, facts(0));
        });
    }
    let (statistics, mut best, offered) = ranking.settle(&query, 10);
    if offered == Offered::Again {
        for (key, note) in notes.iter().enumerate() {
            of(note, &mut scratch, &mut |looked| {
                best.offer(&query, &statistics, key, looked, facts(0));
            });
        }
    }
    (best.keys(), best.total(), best.is_relaxed())
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
        ("ref* please", "a refund, please", true),
        ("\"ref*\" please", "a refund, please", false),
        ("york -new*", "York, Newark", true),
        ("refund please", "refunds, please", true),
        ("\"refund\" please", "refunds, please", false),
        ("Kündigung jetzt", "jetzt die Kündigungsfrist", true),
        ("Adresse jetzt", "die E-Mail-Adresse, jetzt", true),
        ("E-Mail jetzt", "jetzt die E-Mail-Adresse", true),
        ("100,000 jetzt", "jetzt 100,000 Euro", true),
        ("100 jetzt", "jetzt 100,000 Euro", false),
        ("3.5 jetzt", "jetzt 3.5.", true),
        ("where is the refund?", "a refund", true),
        ("who is it", "it is who", true),
        ("don't panic", "panic", true),
        ("🎉 party", "party 🎉🎉", true),
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

/// Goal: rare words before common ones, titles before bodies, short texts before long ones, words in
/// their order before others; and again the same if the notes do not fit in memory.
#[test]
fn the_best_come_first_with_and_without_memory() {
    let long = "other words ".repeat(50) + "zeppelin";
    let notes = [
        ("", "the flight was late"),
        ("", "a zeppelin flight"),
        ("", &long),
        ("zeppelin", ""),
        ("", "flight of a zeppelin, and a flight"),
        ("nothing", "of it"),
    ];
    for (asked, expected, relaxed) in [
        ("zeppelin", vec![3, 1, 4, 2], false),
        ("zeppelin flight", vec![1, 4], false),
        ("flight delay", vec![4, 1, 0], true),
        ("zeppelni", vec![3, 1, 4, 2], false),
        ("zeppelni flight", vec![4, 1], false),
        ("zeppelin -flight", vec![3, 2], false),
        ("hotel", vec![], false),
    ] {
        for bytes in [KEPT_BYTES_MAX, 0] {
            let (keys, total, is_relaxed) = ranked(asked, &notes, bytes);
            assert_eq!((&keys, is_relaxed), (&expected, relaxed), "{asked}");
            assert_eq!(total, expected.len() as u64);
        }
    }
}

/// Goal: what is said of a note beside its text counts, in its order, and never more than it may.
#[test]
fn facts_multiply_within_bounds() {
    let query = query("refund");
    let mut scratch = Scratch::default();
    let note = Searched {
        title: "",
        body: "refund",
        tags: &BTreeSet::new(),
        source: "",
    };
    let mut statistics = Statistics::new(&query);
    let newest = u64::MAX;
    statistics.add(query.look(note, &mut scratch), facts(newest));
    let mut score = |facts| statistics.score(&query, query.look(note, &mut scratch), facts);
    let claimed = |claim| Facts {
        claim: Some(claim),
        ..facts(0)
    };
    let plain = score(facts(0));
    let order = [
        score(Facts {
            pinned: true,
            claim: Some(Claim::Verified),
            ..facts(newest)
        }),
        score(claimed(Claim::Verified)),
        score(claimed(Claim::Observation)),
        plain,
        score(claimed(Claim::Inference)),
    ];
    assert!(plain > 0 && order.is_sorted_by(|a, b| a > b), "{order:?}");
    assert!(order[0] < plain * 3 / 2, "{order:?}");
    assert_eq!(plain, score(claimed(Claim::Directive)));
}

/// Goal: one edit is forgiven from five letters on, two from nine on, none where somebody asked for
/// exactly this or where a note holds the word.
#[test]
fn near_words_are_found_where_nothing_else_is() {
    for (asked, body, found) in [
        ("refnd x", "x refund", true),
        ("refunnd x", "x refund", true),
        ("refind x", "x refund", true),
        ("refnud x", "x refund", true),
        ("rfnud x", "x refund", false),
        ("cat x", "x bat", false),
        ("resrevatoin x", "x reservation", true),
        ("rezrevatoin x", "x reservation", false),
        ("\"refnd\" x", "x refund", false),
        ("refn* x", "x refund", false),
        ("order2 x", "x order3", false),
        ("strase x", "x Straße", true),
    ] {
        let (keys, _, relaxed) = ranked(asked, &[("", body)], KEPT_BYTES_MAX);
        assert_eq!(!keys.is_empty() && !relaxed, found, "{asked} in {body}");
    }
    let both = [("", "refund"), ("", "refind")];
    assert_eq!(ranked("refind", &both, KEPT_BYTES_MAX).0, [1]);
}

/// Goal: a note of the greatest size that holds nothing but what is looked for is counted in one go,
/// and within the bounds of the numbers.
#[test]
fn a_hostile_note_is_counted_in_bounds() {
    let asked = format!("{} \"a a a a b\" zeppelin", "a ".repeat(3));
    let query = query(&asked);
    for body in [
        "a ".repeat(200_000),
        "zepplin ".repeat(50_000),
        "a".repeat(400_000),
    ] {
        let note = Searched {
            title: &body[..1024],
            body: &body,
            tags: &BTreeSet::new(),
            source: "",
        };
        let mut scratch = Scratch::default();
        let looked = query.look(note, &mut scratch);
        let mut statistics = Statistics::new(&query);
        statistics.add(looked, facts(0));
        let most = 200 * 65536 * u64::from(query.terms());
        assert!(statistics.score(&query, looked, facts(0)) < most);
        query.snippet(&body, &statistics);
    }
}

/// Goal: text that somebody pasted is a query, too, whatever marks are in it.
#[test]
fn a_long_question_is_a_query() {
    let pasted = format!(
        "\"Hi\", I'd like {} a refund, \"please",
        "to have it back ".repeat(40)
    );
    assert_eq!(query(&pasted).terms(), 5); // hi, like, back, refund, please
    let phrases: String = (0..40).map(|n| format!("\"one{n} two\" ")).collect();
    assert_eq!(query(&phrases).terms(), 32 + 8 + 1);
    let asked = query("Where is the refund for the hotel?");
    assert_eq!(asked.left_out(), ["Where", "is", "the", "for"]);
    assert_eq!(asked.terms(), 2);
    assert!(query("who is it").left_out().is_empty());
}

#[test]
fn what_is_no_query_is_refused_by_cause() {
    let long = "x".repeat(QUERY_BYTES_MAX + 1);
    let wide = (0..2_100)
        .filter_map(|n| char::from_u32(0x4e00 + n))
        .collect::<String>();
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
        ("++ !", QueryError::Empty),
        ("-the", QueryError::OnlyExcluded),
        (&long, QueryError::TooLong(QUERY_BYTES_MAX + 1)),
        (&many, QueryError::TooManyTerms),
        (&wide, QueryError::TooManyTerms),
    ] {
        assert_eq!(Query::parse(text), Err(error), "{text:?}");
    }
    assert_eq!(query("x z x Z").terms(), 2);
    assert_eq!(query("“new york” „alte Stadt“ - x").terms(), 3);
}

#[test]
fn a_snippet_is_one_line_around_the_first_hit_with_its_hits_marked() {
    let marked = |query: &Query, text: &str| -> Vec<String> {
        let snippet = query.snippet(text, &Statistics::new(query));
        let chars: Vec<char> = snippet.text.chars().collect();
        let of = |mark: &(usize, usize)| chars[mark.0..mark.1].iter().collect();
        snippet.marks.iter().map(of).collect()
    };
    let long = format!(
        "{} the Straße\nand the\tstraßen {}",
        "far away ".repeat(20),
        "z ".repeat(200)
    );
    let asked = query("z* strasse");
    let snippet = asked.snippet(&long, &Statistics::new(&asked));
    assert!(snippet.text.starts_with("…away far"), "{snippet:?}");
    assert!(
        snippet.text.contains("the Straße and the straßen z z"),
        "{snippet:?}"
    );
    assert!(snippet.text.ends_with('…') && !snippet.text.contains('\n'));
    assert_eq!(marked(&asked, &long)[..3], ["Straße", "straße", "z"]);
    // Where most of the words stand, not where the first does.
    let apart = format!("refund {} late hotel refund", "far away ".repeat(40));
    assert_eq!(
        marked(&query("hotel late refund"), &apart),
        ["late", "hotel", "refund"]
    );
    assert_eq!(
        snippet_of("nothing", "  short\n"),
        Snippet {
            text: "short".into(),
            marks: vec![],
        }
    );
    assert_eq!(snippet_of("x", ""), Snippet::default());
    assert_eq!(
        marked(&query("東京"), &"都".repeat(100).replacen("都", "東京", 1)),
        ["東京"]
    );
    // A ligature is marked as a whole.
    assert_eq!(
        marks_of("\"of\" office", "o\u{fb03}ce of fice"),
        [(0, 4), (5, 7)]
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
            let snippet = query.snippet(&body, &Statistics::new(&query));
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
            prop_assert!(fit == Some(true), "{word} in {body}");
            prop_assert!(!query.snippet(&body, &Statistics::new(&query)).marks.is_empty(), "{word} in {body}");
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
