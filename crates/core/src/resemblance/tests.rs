//! Bands and groups beside exact comparison of every pair, on 698 real help-desk articles and on
//! conversations; see `tests/fixtures/README.md`.

use super::*;
use miniz_oxide::inflate::decompress_to_vec_with_limit;
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use serde_json::Value;
use std::collections::{BTreeSet, HashSet};

const KEY: [u64; 2] = [7, 11];

fn articles() -> Vec<String> {
    let packed = include_bytes!("../../tests/fixtures/banking-documents.jsonl.deflate");
    let text = decompress_to_vec_with_limit(packed, 4 << 20).unwrap();
    let text = String::from_utf8(text).unwrap();
    let text_of = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let part = |name: &str| line[name].as_str().unwrap().to_owned();
        format!("{}\n{}", part("title"), part("content"))
    };
    text.lines().map(text_of).collect()
}

/// Shingles as texts, made without this module's hashes.
fn plainly(text: &str) -> HashSet<String> {
    let folded = crate::search::fold(text);
    let mut tokens = Vec::new();
    each_token(&folded, |place| tokens.push(&folded[place]));
    if tokens.len() < TOKENS_MIN {
        return [tokens.join("\u{1}")].into();
    }
    let shingles = tokens.windows(SHINGLE_TOKENS);
    shingles.map(|shingle| shingle.join("\u{1}")).collect()
}

fn jaccard(a: &HashSet<String>, b: &HashSet<String>) -> u16 {
    let common = a.intersection(b).count();
    (common * 1_000 / (a.len() + b.len() - common)) as u16
}

fn look(text: &str) -> (Shingles, Signature) {
    Shingling::new(KEY).look(0, text).unwrap()
}

fn groups(texts: &[String], similarity: u16) -> (Vec<Star>, u64) {
    let looked: Vec<_> = texts.iter().map(|text| look(text)).collect();
    let signatures: Vec<Signature> = looked.iter().map(|(_, signature)| *signature).collect();
    let mut clusters = Clusters::new(texts.len());
    while !clusters.go_on(&signatures) {}
    let (mut stars, mut given_up) = (Vec::new(), 0);
    for cluster in clusters.found() {
        let member = |text: &u32| {
            let (shingles, signature) = looked[*text as usize].clone();
            let text = *text;
            Member {
                text,
                signature,
                shingles,
            }
        };
        let mut grouping = Grouping::new(cluster.iter().map(member).collect(), similarity);
        while grouping.go_on().is_some() {}
        let (found, more) = grouping.found();
        stars.extend(found);
        given_up += more;
    }
    (stars, given_up)
}

/// A real text in which each word is changed with a chance of so many in a thousand.
fn changed(text: &str, thousandths: u64, rng: &mut ChaCha8Rng) -> String {
    let word = |word: &str| match rng.next_u64() % 1_000 < thousandths {
        true => format!("x{}", rng.next_u64() % 10_000),
        false => word.to_owned(),
    };
    let words: Vec<String> = text.split_whitespace().map(word).collect();
    words.join(" ")
}

/// Goal: hashes say of real texts what sets of words say. Every pair of articles, with a copy of each
/// that is changed a little, a lot, or in between; the pairs at 0.8 and above that bands miss are
/// counted, and so is what they find that is none.
#[test]
fn bands_find_what_comparing_every_pair_finds() {
    let mut texts = articles();
    assert_eq!(texts.len(), 698);
    let mut rng = ChaCha8Rng::seed_from_u64(29);
    for at in 0..698 {
        let thousandths = [2, 10, 25, 40, 60, 90, 130][at % 7];
        texts.push(changed(&texts[at], thousandths, &mut rng));
    }
    let plain: Vec<_> = texts.iter().map(|text| plainly(text)).collect();
    let looked: Vec<_> = texts.iter().map(|text| look(text)).collect();
    // By tenths of similarity: pairs, and those that no band joins.
    let mut pairs = [[0u32; 2]; 11];
    let (mut candidates, mut all) = (0u32, 0u32);
    for a in 0..texts.len() {
        for b in a + 1..texts.len() {
            all += 1;
            let meets = looked[a].1.meets(&looked[b].1);
            candidates += u32::from(meets);
            let (small, large) = (plain[a].len(), plain[b].len());
            let (small, large) = (small.min(large), small.max(large));
            if !meets && (small * 1_000 / large < 500 || (b != a + 698 && (a * 7 + b) % 101 > 0)) {
                continue; // cannot be alike; one of a hundred is looked at all the same
            }
            let exact = jaccard(&plain[a], &plain[b]);
            assert_eq!(looked[a].0.resemblance(&looked[b].0), exact, "{a} {b}");
            let tenth = &mut pairs[usize::from(exact / 100)];
            tenth[0] += 1;
            tenth[1] += u32::from(!meets);
        }
    }
    eprintln!("pairs and misses by tenths: {pairs:?}; {candidates} candidates of {all} pairs");
    let alike: u32 = pairs[8..].iter().map(|[pairs, _]| pairs).sum();
    let missed: u32 = pairs[8..].iter().map(|[_, missed]| missed).sum();
    assert!(alike > 200, "there is something to find: {alike}");
    assert_eq!(missed, 0, "of {alike} pairs at 0.8 and above");
    let [of, missed] = pairs[6].map(f64::from);
    assert!(of > 20.0 && missed <= 0.05 * of, "{missed} of {of} at 0.6");
    assert!(
        f64::from(candidates) < 0.02 * f64::from(all),
        "comparing every pair would be as good: {candidates} of {all}"
    );
}

/// Goal: what is in a group was compared with its middle; the middle is the first; nothing is in two.
#[test]
fn groups_of_real_texts_are_stars_around_their_first() {
    let mut texts = articles();
    let mut rng = ChaCha8Rng::seed_from_u64(30);
    for at in 0..100 {
        texts.push(changed(&texts[at], 10, &mut rng));
        texts.push(texts[at].to_uppercase());
    }
    let (stars, given_up) = groups(&texts, 800);
    assert_eq!(given_up, 0);
    let mut seen = BTreeSet::new();
    for star in &stars {
        assert!(seen.insert(star.middle));
        let middle = plainly(&texts[star.middle as usize]);
        for (other, alike) in &star.others {
            assert!(seen.insert(*other) && *other > star.middle);
            let exact = jaccard(&middle, &plainly(&texts[*other as usize]));
            let told = exact.min(SAME - 1); // only what is the same to the last sign is told as that
            assert!(told == *alike && exact >= 800, "{exact} {alike}");
        }
    }
    for at in 0..100u32 {
        let (small, upper) = (698 + 2 * at, 699 + 2 * at);
        assert!(seen.contains(&upper), "{at}: case is no difference");
        let exact = jaccard(
            &plainly(&texts[at as usize]),
            &plainly(&texts[small as usize]),
        );
        assert!(exact < 800 || seen.contains(&small), "{at} {exact}");
    }
}

/// Goal: scripts without spaces are compared by letters.
#[test]
fn a_script_without_spaces_is_compared_by_its_letters() {
    let one =
        "会議は来週の火曜日の午後三時に東京の本社で開かれます。参加者は資料を持参してください。";
    let near =
        "会議は来週の火曜日の午後四時に東京の本社で開かれます。参加者は資料を持参してください。";
    let other = "契約書の更新は来月末までに完了する必要があります。法務部に連絡してください。";
    let (a, b, c) = (look(one), look(near), look(other));
    let exact = jaccard(&plainly(one), &plainly(near));
    assert_eq!(a.0.resemblance(&b.0), exact);
    assert!((700..1_000).contains(&exact), "{exact}");
    assert!(a.1.meets(&b.1));
    assert!(a.0.resemblance(&c.0) < 200);
    let texts = [one, other, near].map(str::to_owned);
    let (stars, _) = groups(&texts, 700);
    assert_eq!(stars.len(), 1);
    assert_eq!((stars[0].middle, stars[0].others[0].0), (0, 2));
}

/// Goal: short texts are alike only if they are the same; a text without a word is like nothing.
#[test]
fn short_texts_are_the_same_or_not_alike() {
    let (a, b, c) = (
        look("Call Mia back, today."),
        look("call mia  BACK,\ntoday."),
        look("call mia back tomorrow"),
    );
    assert_eq!((a.0.resemblance(&b.0), a.1.same == b.1.same), (SAME, true));
    assert_eq!(a.0.resemblance(&c.0), 0);
    for (one, other) in [
        ("Use C++ here", "Use C# here"),
        ("latency < 5", "latency > 5"),
    ] {
        let (one, other) = (look(one), look(other));
        assert!(one.0.resemblance(&other.0) == 0 && one.1.same != other.1.same);
    }
    for empty in ["", "  \n", "!?.,;", "\0"] {
        assert!(Shingling::new(KEY).look(0, empty).is_none(), "{empty:?}");
    }
}

/// Goal: texts of two domains never meet, however alike, and another key gives other bands.
#[test]
fn domains_and_keys_keep_texts_apart() {
    let text = &articles()[0];
    let of = |key, domain| Shingling::new(key).look(domain, text).unwrap().1;
    assert!(!of(KEY, 1).meets(&of(KEY, 2)));
    assert_ne!(of(KEY, 1).same, of(KEY, 2).same);
    assert!(!of(KEY, 1).meets(&of([8, 11], 1)));
}

/// Goal: a huge text takes no more than any other, and how alike two are is estimated within two
/// hundredths.
#[test]
fn huge_texts_are_bounded_and_estimated() {
    let whole = articles().join("\n");
    let mut rng = ChaCha8Rng::seed_from_u64(31);
    for thousandths in [5, 40, 80] {
        let other = changed(&whole, thousandths, &mut rng);
        let (a, b) = (look(&whole).0, look(&other).0);
        assert_eq!((a.hashes.len(), a.is_whole), (SHINGLES_MAX, false));
        assert!(a.bytes() < 40_000);
        let exact = i32::from(jaccard(&plainly(&whole), &plainly(&other)));
        let told = i32::from(a.resemblance(&b));
        assert!((exact - told).abs() <= 25, "{exact} {told}");
    }
    let (small, large) = (look(&articles()[3]).0, look(&whole).0);
    assert!(small.resemblance(&large) < 30);
}

/// Goal: thousands of texts that share much and are not alike end, and say that they were not compared
/// to the end.
#[test]
fn a_flood_of_half_alike_texts_ends_and_is_told() {
    let base: Vec<String> = (0..60).map(|at| format!("word{at}")).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(32);
    let texts: Vec<String> = (0..1_200)
        .map(|_| {
            let mut words = base.clone();
            for _ in 0..4 {
                let at = (rng.next_u64() % 60) as usize;
                words[at] = format!("y{}", rng.next_u64());
            }
            words.join(" ")
        })
        .collect();
    let (_, given_up) = groups(&texts, 990);
    assert!(given_up > 0, "{given_up}");
}

/// A text of which the bands are as given, and that is like no other.
fn member(text: u32, bands: [u32; BANDS]) -> Member {
    let signature = Signature {
        same: u64::from(text),
        domain: 0,
        bands,
    };
    let shingles = Shingles {
        hashes: vec![u64::from(text)],
        is_whole: true,
    };
    Member {
        text,
        signature,
        shingles,
    }
}

/// A chain: each text has a band in common with the one before and the one after it, and no other.
fn chain(texts: u32) -> Vec<Member> {
    let mut members: Vec<Member> = Vec::new();
    for text in 0..texts {
        let mut bands = std::array::from_fn(|band| text * BANDS as u32 + band as u32);
        let band = text as usize % BANDS;
        if let Some(last) = members.last() {
            bands[band] = last.signature.bands[band];
        }
        members.push(member(text, bands));
    }
    members
}

/// Goal: a cluster of twenty thousand texts that hang together takes no more looks than one gets; all
/// that were not looked at to the end are counted, and what was found before that stands.
#[test]
fn a_flood_of_texts_that_hang_together_has_an_end_of_looks() {
    const TEXTS: u32 = 20_000;
    const LOOKS: u64 = LOOKS_MAX / 16; // as with the whole, and sooner
    let mut members = chain(TEXTS);
    let signatures: Vec<Signature> = members.iter().map(|member| member.signature).collect();
    let mut clusters = Clusters::new(members.len());
    while !clusters.go_on(&signatures) {}
    assert_eq!(clusters.found().len(), 1, "they are one cluster");
    members[1].shingles = members[0].shingles.clone(); // these two are alike, and so are the last two
    members[TEXTS as usize - 1].shingles = members[TEXTS as usize - 2].shingles.clone();

    let mut grouping = Grouping::new(members, 800);
    assert_eq!(grouping.looks_left, LOOKS_MAX);
    grouping.looks_left = LOOKS;
    let (mut middles, mut looks) = (0u64, 0u64);
    while grouping.go_on().is_some() {
        middles += 1;
        looks += grouping.open.len() as u64; // each of these was looked at and stays
        assert!(looks <= LOOKS, "{middles}");
    }
    assert_eq!(grouping.go_on(), None, "it stays over");
    assert!(
        grouping.looks_left < u64::from(TEXTS),
        "all looks were used"
    );
    let (stars, given_up) = grouping.found();
    assert_eq!(stars.len(), 1);
    assert_eq!((stars[0].middle, stars[0].others[0].0), (0, 1));
    // The first two are a group; each after them was in the middle once, or is counted.
    assert_eq!(given_up, u64::from(TEXTS) - 1 - middles);
    assert!(given_up > 10_000, "{given_up}");
}

/// Goal: texts that all meet and are not alike are looked at until each was compared as often as it may
/// be, and no more: the looks are their number, not its square.
#[test]
fn a_text_that_was_compared_enough_is_looked_at_no_more() {
    const TEXTS: u32 = 4_000;
    let members = (0..TEXTS).map(|text| member(text, [7; BANDS])).collect();
    let mut grouping = Grouping::new(members, 800);
    let mut middles = 0;
    while grouping.go_on().is_some() {
        middles += 1;
    }
    assert_eq!(middles, TEXTS, "it came to its end");
    let looks = LOOKS_MAX - grouping.looks_left;
    assert!(
        looks <= u64::from(TEXTS) * u64::from(COMPARED_MAX),
        "{looks}"
    );
    let (stars, given_up) = grouping.found();
    assert_eq!(
        (stars.len(), given_up),
        (0, u64::from(TEXTS) - u64::from(COMPARED_MAX))
    );
}

proptest! {
    /// Goal: no text makes it panic, and likeness is symmetric and whole for a text and itself.
    #[test]
    fn any_text_is_like_itself_and_likeness_has_no_direction(a in "\\PC{0,300}", b in "\\PC{0,300}") {
        let mut shingling = Shingling::new(KEY);
        let (one, two) = (shingling.look(0, &a), shingling.look(0, &b));
        if let (Some((a, sa)), Some((b, sb))) = (one, two) {
            prop_assert_eq!(a.resemblance(&a), SAME);
            prop_assert_eq!(a.resemblance(&b), b.resemblance(&a));
            prop_assert!(sa.same != sb.same || a.resemblance(&b) == SAME);
            prop_assert!(sa.meets(&sa));
        }
    }
}
