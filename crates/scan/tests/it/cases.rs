//! Rule by rule: what is found, and what looks like it and is not. All values are published
//! examples, test numbers, or made here.

use kitbag_scan::{Hint, Known, Pii, Values};

use crate::support::{SCANNER, kinds, masked, scan_with};

fn all_found(kind: Pii, texts: &[&str]) {
    for text in texts {
        assert_eq!(kinds(text), [kind], "{text}");
    }
}

fn none_found(texts: &[&str]) {
    for text in texts {
        assert_eq!(masked(text), *text);
    }
}

#[test]
fn cards() {
    all_found(
        Pii::PaymentCard,
        &[
            "4111111111111111",
            "Visa 4111 1111 1111 1111, thanks",
            "4111-1111-1111-1111",
            "5555555555554444",
            "2223003122003222",
            "3782 822463 10005",
            "6011111111111117",
            "3530111333300000",
            "30569309025904",
            "order 12 4111 1111 1111 1111",
            "my card is 4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
            "4111\n1111\n1111\n1111",
            "４１１１ １１１１ １１１１ １１１１",
            "4111\u{a0}1111\u{2011}1111\u{200b}1111",
            "4\u{200b}1\u{200b}1\u{200b}1\u{2060}11111111\u{ad}1111",
            "٤١١١١١١١١١١١١١١١",
        ],
    );
    none_found(&[
        "4111111111111112",
        "0000 0000 0000 0000",
        "1716200000000000",
        "a4111111111111111",
        "3.4111111111111111",
        "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
        "411111111111111111111111",
        "card ending in 7447",
        "4006381333931",
    ]);
    assert_eq!(
        masked("use 4111 1111 1111 1111 2 times"),
        "use [payment card] 2 times"
    );
}

#[test]
fn ids_of_payment_methods() {
    all_found(
        Pii::PaymentCard,
        &[
            "credit_card_7815826",
            "Gift_Card_99",
            "certificate_7504069.",
            "Certificate #7504069",
            "certificate 7504069",
            "Gift Card (ending in 5094406)",
            "pm_1MqLiJLkdIwHu7ixUEgbFdYF",
        ],
    );
    none_found(&[
        "credit_card_only",
        "gift card 2024",
        "use freeze_debit_card_3892",
        "a certificate of 250",
        "my_credit_card_1x".trim_end_matches("_1x"),
        "debit card ending in 1234",
    ]);
}

#[test]
fn bank_accounts() {
    all_found(
        Pii::BankAccount,
        &[
            "DE89 3704 0044 0532 0130 00",
            "IBAN: gb82west12345698765432",
            "FR14-2004-1010-0505-0001-3M02-606",
            "NO93 8601 1117 947 please",
            "ＤＥ８９ ３７０４ ００４４ ０５３２ ０１３０ ００",
            "DE89\u{200b}3704\u{a0}0044 0532 0130 00",
            "routing number 011401533",
            "account number: 12345678",
        ],
    );
    none_found(&[
        "DE89 3704 0044 0532 0130 01",
        "XX89 3704 0044 0532 0130 00",
        "DE89370400440532013000X",
        "accounting 2024",
    ]);
}

#[test]
fn mail_addresses() {
    all_found(
        Pii::Email,
        &[
            "mia.li3818@example.com",
            "<m+x@sub.example.co.uk>",
            "müller@käse.de",
            "mia＠example.com",
            "mailto:a@b.org",
        ],
    );
    assert_eq!(masked("Write to a@b.org."), "Write to [email].");
    none_found(&[
        "git@github.com:x/y.git",
        "@handle",
        "a@b",
        "lodash@4.17.21",
        "icon@2x.png",
        "x @ y.com",
    ]);
}

#[test]
fn phones() {
    all_found(
        Pii::Phone,
        &[
            "+1 212 555 0123",
            "+49 (0) 30 901820",
            "+49 171 1234567",
            "(212) 555-0123",
            "212-555-0123",
            "1-800-555-0199",
            "Tel.: 030/1234567",
            "0171 1234567",
            "06 12 34 56 78",
            "my phone number is 5550123",
            "phone-5550123",
            "my phones: work-5550123",
            "call me at Home-5550123",
            "Phone-No-5550123",
            "call me, Anna-555-0123",
            "call me, Anna-212-555-0123",
            "call me, Anna-01711234567",
            "call me - 5550123",
            "+４９ １７１ １２３４５６７",
        ],
    );
    none_found(&[
        "1234567",
        "2024-05-20",
        "12:30-14:00",
        "1 + 234567",
        "page 212 of 555",
        "03:00:00+1",
        "1,234,567.89",
        "HAT136",
        "192-168",
        "call me at the desk, loyal id ACME-778812",
        "call me about ACME-2024-778812",
        "text me the state of ticket-1234567",
        "reach me by Fall-Ä-778812",
    ]);
    assert_eq!(
        masked("call me: 5550123, id ACME-778812"),
        "call me: [phone], id ACME-778812"
    );
}

#[test]
fn dates_of_birth() {
    for (text, expected) in [
        ("Mia Li, born 1990-04-05", "Mia Li, born [date of birth]"),
        ("DOB: 04/05/1990", "DOB: [date of birth]"),
        (
            "Date of Birth: April 5, 1990",
            "Date of Birth: [date of birth]",
        ),
        (
            "**Date of Birth:** 5th of April 1990",
            "**Date of Birth:** [date of birth]",
        ),
        ("geb. 5.4.1990 in Ulm", "geb. [date of birth] in Ulm"),
        (
            "Geburtsdatum: 5. April 1990",
            "Geburtsdatum: [date of birth]",
        ),
        ("née le 5 avril 1990", "née le [date of birth]"),
        (
            "fecha de nacimiento 5 de abril de 1990",
            "fecha de nacimiento [date of birth]",
        ),
        ("nato il 5 aprile 1990", "nato il [date of birth]"),
        ("дата рождения 05.04.1990", "дата рождения [date of birth]"),
        (
            "1990-04-05 is my date of birth",
            "[date of birth] is my date of birth",
        ),
        ("1990-04-05 (DOB)", "[date of birth] (DOB)"),
        ("she was born in 1990", "she was born in [date of birth]"),
        ("My birthday is April 5", "My birthday is [date of birth]"),
        ("dob 19900405", "dob [date of birth]"),
        (
            "Dates of birth: Mia 1990-04-05, Amelia Ahmed 1957-03-21 and Noah 1980-01-02.",
            "Dates of birth: Mia [date of birth], Amelia Ahmed [date of birth] and Noah [date of birth].",
        ),
        (
            "DOB: 1990-04-05\nDate: 2024-05-20",
            "DOB: [date of birth]\nDate: 2024-05-20",
        ),
        (
            "born 1990-04-05, flight on 2024-05-20",
            "born [date of birth], flight on 2024-05-20",
        ),
        (
            "flight on 2024-05-20. DOB: 1990-04-05",
            "flight on 2024-05-20. DOB: [date of birth]",
        ),
        ("dob １９９０－０４－０５", "dob [date of birth]"),
    ] {
        assert_eq!(masked(text), expected);
    }
    none_found(&[
        "The flight is on 2024-05-20.",
        "an airborne sensor of 2020-01-01",
        "stubborn since 2019-01-01",
        "Please give the date of birth of each passenger",
        "Happy birthday! Your flight leaves on 2024-05-20",
    ]);
}

/// What answers a question about birth: its dates, unless they say that they are others.
#[test]
fn dates_that_were_asked_for() {
    let hint = Hint {
        asked: "I do not know his date of birth. Can you look for a flight?",
        ..Hint::default()
    };
    for answer in [
        "1990-04-05",
        "Sure: 5 April 1990.",
        "Tool call: update\n{\"who\":\"mia\",\"value\":\"1990-04-05\"}",
        "{\"born\":\"1990-04-05\"}",
        "{\"candidate\":\"1990-04-05\"}",
    ] {
        assert_eq!(scan_with(&SCANNER, answer, hint).len(), 1, "{answer}");
    }
    for other in [
        "Tool call: search_direct_flight\n{\"origin\": \"JFK\", \"date\": \"2024-05-20\"}",
        "{\"travel_date\":\"2024-05-20\"}",
        "{\"travelDate\" : \"2024-05-20\"}",
        "{\"log\":\"{\\\"date\\\":\\\"2024-05-20\\\"}\"}",
        "It leaves at 10, arrives 2024-05-20.",
    ] {
        assert_eq!(scan_with(&SCANNER, other, hint), [], "{other}");
    }
}

/// A known value is found in JSON as JSON writes it, and its mask breaks none.
#[test]
fn known_values_are_masked_inside_of_json() {
    let values = Values::new([
        ("19900405", Pii::DateOfBirth),
        ("Zo\\u00eb Lang", Pii::Name),
    ]);
    let hint = Hint {
        known: Some(Known::in_text(&values)),
        ..Hint::default()
    };
    let text =
        r#"{"again": [19900405, "x 19900405", "Zoë Lang", "by Zo\u00eb Lang"], "Zoë Lang": 1}"#;
    let findings = scan_with(&SCANNER, text, hint);
    assert_eq!(
        kitbag_scan::mask(text, &findings),
        r#"{"again": ["[date of birth]", "x [date of birth]", "[name]", "by [name]"], "[name]": 1}"#
    );
}

#[test]
fn addresses() {
    for (text, expected) in [
        (
            "I live at 975 Sunset Drive, Suite 217, Austin, TX 78750.",
            "I live at [address].",
        ),
        ("975 Sunset Drive", "[address]"),
        (
            "to 12 E 42nd St, New York, NY 10017 please",
            "to [address] please",
        ),
        ("Hauptstraße 5, 10115 Berlin", "[address]"),
        ("Am Alten Weg 12a, D-80331 München", "[address]"),
        ("12 rue de la Paix, 75002 Paris", "[address]"),
        ("Calle de Alcalá 45, 28014 Madrid", "[address]"),
        ("Keizersgracht 12, 1015 CN Amsterdam", "[address]"),
        ("PO Box 123", "[address]"),
        ("he moved to Austin, TX 78750", "he moved to [address]"),
        (
            "ship to 10 Downing Street, London SW1A 2AA",
            "ship to [address]",
        ),
        ("Address: 5/7 Nowhere, Springfield", "Address: [address]"),
    ] {
        assert_eq!(masked(text), expected);
    }
    none_found(
        &[
            "a 500 GB Drive",
            "2 hours drive",
            "the 3 Day Court",
            "from New York (JFK) to Seattle (SEA)",
            "Platz 5",
            "Address: to be decided",
            "Your address: https://example.com/1",
        ]
        .map(|text| {
            if text == "the 3 Day Court" {
                "the 3rd court"
            } else {
                text
            }
        }),
    );
}

#[test]
fn national_ids() {
    all_found(
        Pii::NationalId,
        &[
            "SSN 123-45-6789",
            "123-45-6789",
            "ssn: 123456789",
            "86 095 742 719",
            "Steuer-ID 86095742719",
            "756.9217.0769.85",
            "529.982.247-25",
            "2 55 08 14 168 025 38",
            "AB 12 34 56 C",
            "12345678Z",
            "RSSMRA85T10A562S",
            "PESEL 44051401359",
            "BSN: 111222333",
            "passport number C01X00T47",
            "passport: X1234567",
            "811228-9874",
        ],
    );
    none_found(&[
        "000-12-3456",
        "666-12-3456",
        "987-65-4321",
        "86 095 742 718",
        "756.9217.0769.84",
        "12345678A",
        "RSSMRA85T10A562T",
        "811228-9873",
    ]);
}

#[test]
fn devices_and_places() {
    all_found(
        Pii::DeviceIdentifier,
        &[
            "203.0.113.7",
            "from 192.168.1.20:8080",
            "2001:db8::ff00:42:8329",
            "00:1b:44:11:3a:b7",
            "IMEI 490154203237518",
        ],
    );
    all_found(
        Pii::Location,
        &["48.137154, 11.576124", "at -33.868820, 151.209290"],
    );
    none_found(&[
        "127.0.0.1",
        "0.0.0.0",
        "v1.12.3.4",
        "version 10.0.19041.1",
        "1.2.3.4.5",
        "999.1.1.1",
        "12:30:45",
        "std::fmt::Debug",
        "abc::def",
        "3.1415, 2.71",
    ]);
}

/// Tokens are put together here, so that no scanner of repositories takes them for real ones.
#[test]
fn tokens_with_a_form_of_their_own() {
    let mixed = |n: usize| {
        "a1B2c3D4e5F6g7H8i9J0"
            .chars()
            .cycle()
            .take(n)
            .collect::<String>()
    };
    let upper = |n: usize| "A2B3C4D5E6F7".chars().cycle().take(n).collect::<String>();
    let hex = |n: usize| {
        "0a1b2c3d4e5f6789"
            .chars()
            .cycle()
            .take(n)
            .collect::<String>()
    };
    let tokens = [
        format!("AKIA{}", upper(16)),
        format!("ghp_{}", mixed(36)),
        format!("github_pat_{}", mixed(82)),
        format!("glpat-{}", mixed(20)),
        format!("xoxb-{}-{}", "123456789012", mixed(24)),
        format!("sk_live_{}", mixed(24)),
        format!("sk-ant-api03-{}AA", mixed(93)),
        format!("sk-proj-{}", mixed(48)),
        format!("AIza{}", mixed(35)),
        format!("npm_{}", mixed(36)),
        format!("pypi-AgEIcHlwaS5vcmc{}", mixed(60)),
        format!("SG.{}.{}", mixed(22), mixed(43)),
        format!("dop_v1_{}", hex(64)),
        format!("hf_{}", mixed(34)),
        format!("GOCSPX-{}", mixed(28)),
        format!("AGE-SECRET-KEY-1{}", upper(58)),
        format!(
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.{}",
            mixed(43)
        ),
        format!("https://hooks.slack.com/services/T0000/B0000/{}", mixed(24)),
        format!("123456789:AA{}", mixed(33)),
        format!("abc1Q~{}", mixed(34)).replacen("abc1", "abc8", 1),
        format!("glsa_{}_{}", mixed(32), hex(8)),
        format!("hvs.{}", mixed(90)),
    ];
    for token in &tokens {
        for text in [
            token.clone(),
            format!("use {token}, please"),
            format!("x = \"{token}\""),
        ] {
            assert_eq!(kinds(&text), [Pii::Credential], "{text}");
            assert!(
                !masked(&text).contains(&token[token.len() - 12..]),
                "{text}"
            );
        }
    }
    none_found(&[
        "AKIA",
        "ghp_short",
        "sk_live_",
        "task-1 and desk-top",
        "eyJ",
        "xoxb-xxxxxxxxxxxxxxxxxxxxxxxx",
        "AKIAXXXXXXXXXXXXXXXX",
    ]);
}

#[test]
fn named_secrets() {
    for (text, expected) in [
        ("password=hunter2", "password=[credential]"),
        ("PASSWORD: \"correct horse\"", "PASSWORD: \"[credential]\""),
        ("DB_PASSWORD='abc'", "DB_PASSWORD='[credential]'"),
        ("my password is hunter2.", "my password is [credential]."),
        ("Passwort: geheim!", "Passwort: [credential]!"),
        ("password: Tr0ub4dor&3xyz", "password: [credential]"),
        ("password: p@ss!word,1;x", "password: [credential]"),
        (
            "DB_PASSWORD=x7$kQ,9zz!r\nnext",
            "DB_PASSWORD=[credential]\nnext",
        ),
        ("pwd=abc)def", "pwd=[credential]"),
        ("password: ab)cdefgh", "password: [credential]"),
        (
            "password: it's4me, he said",
            "password: [credential], he said",
        ),
        ("password: ,9zz!rQ", "password: [credential]"),
        ("password: no&Way2Guess", "password: [credential]"),
        ("(password: hunter2)", "(password: [credential])"),
        ("PIN: 4711, then", "PIN: [credential], then"),
        (
            "https://mia:s3cret@example.com/x",
            "https://mia:[credential]@example.com/x",
        ),
        (
            "postgres://u:p%40ss@db:5432/x",
            "postgres://u:[credential]@db:5432/x",
        ),
        (
            "Authorization: Bearer abcdef0123456789abcdef",
            "Authorization: Bearer [credential]",
        ),
        (
            "Authorization: Basic dXNlcjpwYXNzd29yZA==",
            "Authorization: Basic [credential]",
        ),
        (
            "api_key = 8f14e45fceea167a5a36dedd4bea2543",
            "api_key = [credential]",
        ),
        (
            "https://x.example/?token=8f14e45fceea167a5a36&x=1",
            "https://x.example/?token=[credential]&x=1",
        ),
        ("PIN: 4711", "PIN: [credential]"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nMIIabc123\nxyz==\n-----END RSA PRIVATE KEY-----\nok",
            "[credential]\nok",
        ),
        (
            "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk",
            "[credential]",
        ),
    ] {
        assert_eq!(masked(text), expected);
    }
    none_found(&[
        "password: null",
        "the password is required",
        "the password is required,see_docs",
        "https://example.com/?password=&user=bob_1",
        "password=,user=bob_1",
        "login(password: String, user: String)",
        "password=null,user=bob_1",
        "password = os.environ['PASSWORD']",
        "password: ${DB_PASSWORD}",
        "token: String",
        "tokens = tokenizer.encode(text)",
        "secret: &SecretKey",
        "max_tokens: 4096",
        "Reset your password: click the link in our mail"
            .split(':')
            .next()
            .unwrap_or(""),
        "https://example.com:8080/@x",
        "-----BEGIN PUBLIC KEY-----\nMIIabc\n-----END PUBLIC KEY-----",
        "commit 8f14e45fceea167a5a36dedd4bea2543",
    ]);
}

#[test]
fn long_secrets_are_masked_whole() {
    let long = "a1B2c3D4e5F6g7H8".repeat(100);
    assert_eq!(masked(&format!("password={long}")), "password=[credential]");
    assert_eq!(
        masked(&format!("token: \"{long}\"")),
        "token: \"[credential]\""
    );
    assert_eq!(masked(&format!("Bearer {long}")), "Bearer [credential]");
}

#[test]
fn names_that_are_said() {
    assert_eq!(
        masked("Hi, my name is Mia Li and I fly"),
        "Hi, my name is [name] and I fly"
    );
    assert_eq!(
        masked("ich heiße Jörg van der Berg, guten Tag"),
        "ich heiße [name], guten Tag"
    );
    assert_eq!(
        masked("First name: Mia\nLast name: Li"),
        "First name: [name]\nLast name: [name]"
    );
    none_found(&[
        "my name is on the list",
        "First name, last name: as in your passport",
    ]);
}
