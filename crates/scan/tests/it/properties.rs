//! Whatever the text: no panic, ranges that fit, a masked copy that is clean and masked once only,
//! JSON that stays JSON of the same shape. `scan` of `support` checks all of it.

use proptest::prelude::*;
use serde_json::Value;

use crate::support::{SCANNER, scan};

/// Pieces that rules react to, so that random texts come near them.
const PIECES: [&str; 64] = [
    "born ",
    "dob",
    "date of birth: ",
    "1990-04-05",
    "5. April 1990",
    "2024-05-20",
    "4111 1111 1111 1111",
    "4111111111111111",
    "DE89 3704 0044 0532 0130 00",
    "mia@example.com",
    "@",
    "+49 171 1234567",
    "(212) 555-0123",
    "tel. ",
    "card ",
    "certificate ",
    "certificate_7504069",
    "gift_card_",
    "password=",
    "password is ",
    "token: ",
    "hunter2",
    "8f14e45fceea167a5a36dedd4bea2543",
    "https://",
    "mia:secret@example.com",
    "Bearer ",
    "eyJhbGciOi",
    "-----BEGIN RSA PRIVATE KEY-----",
    "-----END",
    "975 Sunset Drive",
    ", Suite 217",
    ", Austin, TX 78750",
    "Hauptstraße 5",
    ", 10115 Berlin",
    "123-45-6789",
    "ssn ",
    "203.0.113.7",
    "48.137154, 11.576124",
    "my name is ",
    "Mia Li",
    "[email]",
    "[date of birth]",
    "[payment card",
    "[payment card 2]",
    "]",
    "{\"dob\": \"",
    "\"}",
    "{\"a\": [",
    "[1, ",
    "\"",
    "\\",
    "\\u0034",
    "\n",
    "\n\n",
    " ",
    ", ",
    "-",
    "\u{200b}",
    "\u{a0}",
    "４",
    "é",
    "ſ",
    "😀",
    "\0",
];

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => prop::sample::select(&PIECES[..]).prop_map(str::to_string),
        2 => "[0-9]{1,6}",
        1 => "\\PC{0,6}",
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn json() -> impl Strategy<Value = Value> {
    let name = prop_oneof![
        prop::sample::select(
            &[
                "dob", "address1", "zip", "email", "password", "card", "n", "ssn", "args", "name",
                "city"
            ][..]
        )
        .prop_map(str::to_string),
        text(),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(Value::from(4111111111111111u64)),
        any::<f32>().prop_map(|n| Value::from(f64::from(n))),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(name.clone(), inner.clone(), 0..6)
                .prop_map(|m| Value::Object(m.into_iter().collect())),
            inner.prop_map(|value| Value::from(value.to_string())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_string(text in any::<String>()) {
        scan(&text);
    }

    #[test]
    fn texts_near_the_rules(text in text()) {
        scan(&text);
    }

    #[test]
    fn any_json(value in json()) {
        scan(&value.to_string());
    }

    #[test]
    fn json_in_text(value in json(), before in text()) {
        scan(&format!("{before}{value}{before}"));
    }

    /// Whoever masks with findings of another text gets something odd, and no panic.
    #[test]
    fn findings_of_another_text(one in text(), other in text()) {
        let findings = SCANNER.scan(&one, kitbag_scan::Hint::default());
        let _ = kitbag_scan::mask(&other, &findings);
    }
}
