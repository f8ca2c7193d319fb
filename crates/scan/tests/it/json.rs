//! Structured text: names of fields, JSON inside text and inside strings, and what is left of it.

use kitbag_scan::{Hint, Pii, Rules, Scanner, mask};

use crate::support::{found, masked, scan_with};

#[test]
fn names_say_what_values_are() {
    let text = r#"{"dob": "5/4/90", "user": {"name": "Mia Li", "email": "mia at home"}, "address": {"city": "Austin", "zip": "78750"},
        "pin": 4711, "token": "abc", "to": {"city": "Austin"}, "password": "correct horse battery staple"}"#;
    assert_eq!(
        found(text),
        [
            ("date_of_birth", "5/4/90".to_string()),
            ("name", "Mia Li".into()),
            ("email", "mia at home".into()),
            ("address", "Austin".into()),
            ("address", "78750".into()),
            ("credential", "4711".into()),
            ("credential", "correct horse battery staple".into()),
        ]
    );
}

#[test]
fn what_names_do_not_say_is_left() {
    let text = r#"{"name": "search_direct_flight", "email_verified": true, "date": "2024-05-20", "max_tokens": 4096,
        "password": {"min_length": 8}, "address": "0.0.0.0:80", "zip": null, "phone": "", "secret": "***",
        "next": {"city": "New York"}, "id": 1716200000000, "sha": "da39a3ee5e6b4b0d3255bfef95601890afd80709"}"#;
    assert_eq!(found(text), []);
}

#[test]
fn masked_json_keeps_its_shape() {
    assert_eq!(
        masked(
            r#"{"payment_methods": {"credit_card_4421486": {"id": "credit_card_4421486"}, "gift_card_1": 2, "gift_card_7": 3}}"#
        ),
        r#"{"payment_methods": {"[payment card]": {"id": "[payment card]"}, "[payment card 2]": 2, "[payment card 3]": 3}}"#
    );
    assert_eq!(
        masked(r#"{"card": 4111111111111111, "ssn": 123456789}"#),
        r#"{"card": "[payment card]", "ssn": "[national id]"}"#
    );
    assert_eq!(
        masked(r#"{"arguments": "{\"ssn\":123456789,\"dob\":\"1990-04-05\"}"}"#),
        r#"{"arguments": "{\"ssn\":\"[national id]\",\"dob\":\"[date of birth]\"}"}"#
    );
    assert_eq!(
        masked(r#"{"a": "{\"b\": \"{\\\"ssn\\\": 123456789}\"}"}"#),
        r#"{"a": "{\"b\": \"{\\\"ssn\\\": \\\"[national id]\\\"}\"}"}"#
    );
}

#[test]
fn a_name_that_looks_like_a_mask_stays_apart() {
    assert_eq!(
        masked(r#"{"[payment card]": 1, "gift_card_77": 2}"#),
        r#"{"[payment card]": 1, "[payment card 2]": 2}"#
    );
}

#[test]
fn escapes_hide_nothing() {
    assert_eq!(
        masked(r#"["\u0034111 1111\u00a01111 1111"]"#),
        r#"["[payment card]"]"#
    );
    assert_eq!(
        masked(r#"{"d\u006fb": "1990\u002d04-05"}"#),
        r#"{"d\u006fb": "[date of birth]"}"#
    );
    assert_eq!(masked(r#"["mia\u0040example.com"]"#), r#"["[email]"]"#);
}

#[test]
fn json_inside_text() {
    assert_eq!(
        masked(
            "Result [1]: {\"address1\": \"975 Sunset Drive\", \"zip\": \"78750\"}\nDone. {not json"
        ),
        "Result [1]: {\"address1\": \"[address]\", \"zip\": \"[address]\"}\nDone. {not json"
    );
    assert_eq!(
        masked("{\"dob\": \"1990-04-05\"}\n{\"dob\": \"1991-04-05\"}\n"),
        "{\"dob\": \"[date of birth]\"}\n{\"dob\": \"[date of birth]\"}\n"
    );
}

#[test]
fn a_part_of_a_json_is_read_by_its_names_too() {
    let text = r#"ress": {"address1": "975 Sunset", "zip": "78750"}, "dob": "1990-04-05", "password": "hunter2", "ema"#;
    let masked = masked(text);
    for value in ["975", "78750", "1990", "hunter2"] {
        assert!(!masked.contains(value), "{masked}");
    }
}

#[test]
fn a_hint_names_the_field_or_the_question() {
    let rules = Rules::default()
        .with_key("member_no", Pii::Other)
        .unwrap()
        .with_id("loyalty", Pii::Other)
        .unwrap();
    let scanner = Scanner::new(&rules);
    let masked = |text: &str, hint: Hint<'_>| mask(text, &scan_with(&scanner, text, hint));
    let field = |field| Hint {
        field,
        ..Hint::default()
    };
    assert_eq!(masked("5.4.90", field("Geburtsdatum")), "[date of birth]");
    assert_eq!(masked("A-17", field("member no")), "[other]");
    assert_eq!(masked("5.4.90", field("delivery")), "5.4.90");
    assert_eq!(
        masked("Number: loyalty-A55120", Hint::default()),
        "Number: [other]"
    );
    let asked = Hint {
        asked: "What is her date of birth?",
        ..Hint::default()
    };
    assert_eq!(masked("Mia: April 5, 1990", asked), "Mia: [date of birth]");
    assert_eq!(
        masked("The flight is on 2024-05-20", asked),
        "The flight is on 2024-05-20"
    );
}

#[test]
fn only_the_kinds_that_are_wanted() {
    let scanner = Scanner::new(&Rules::none().with_kind(Pii::Email));
    assert_eq!(
        mask(
            "born 1990-04-05, a@b.org",
            &scanner.scan("born 1990-04-05, a@b.org", Hint::default())
        ),
        "born 1990-04-05, [email]"
    );
    let scanner = Scanner::new(&Rules::default().without_kind(Pii::Email));
    assert_eq!(scanner.scan("a@b.org", Hint::default()), []);
}
