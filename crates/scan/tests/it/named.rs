//! Ids that a pack names.

use crate::support::{SCANNER, scan_with};
use kitbag_scan::{Hint, Named, Pii, RuleError, Rules, Scanner, mask};
use proptest::prelude::*;

fn naming(forms: &[(&str, Pii)], fields: &[(&str, Pii)]) -> Scanner {
    let named = Named::new(forms.iter().copied(), fields.iter().copied());
    SCANNER.naming(named.unwrap())
}

fn masked(scanner: &Scanner, text: &str) -> String {
    mask(text, &scan_with(scanner, text, Hint::default()))
}

#[test]
fn an_id_of_a_form_is_found_wherever_it_stands_and_by_this_scanner_only() {
    let own = naming(&[("CUST-@@##", Pii::Other)], &[]);
    for (text, after) in [
        ("Refund CUST-AB12 today.", "Refund [other] today."),
        ("refund cust-ab12", "refund [other]"),
        (r#"{"CUST-AB12": 1}"#, r#"{"[other]": 1}"#),
        (r#"{"id": "x CUST-AB12"}"#, r#"{"id": "x [other]"}"#),
        (r#"{"id": "CUST-\u0041B12"}"#, r#"{"id": "[other]"}"#),
        (
            r#"["{\"a\": \"CUST-AB12\"}"]"#,
            r#"["{\"a\": \"[other]\"}"]"#,
        ),
        ("CUST\u{2010}AB\u{ff11}\u{ff12}", "[other]"),
        ("CU\u{200b}ST-AB\u{ad}12", "[other]"),
        ("a@b.org CUST-AB12", "[email] [other]"),
    ] {
        assert_eq!(masked(&own, text), after, "{text}");
        assert!(!masked(&SCANNER, text).contains("[other]"), "{text}");
    }
    for text in ["CUST-AB123", "CUST-1212", "XCUST-AB12", "CUST AB12"] {
        assert_eq!(masked(&own, text), text);
    }
}

#[test]
fn a_named_field_counts_whole_in_json_in_lines_and_by_a_hint() {
    let own = naming(&[], &[("loyalty_id", Pii::Other), ("_", Pii::Name)]);
    for (text, after) in [
        (r#"{"loyaltyId": "Gold 7"}"#, r#"{"loyaltyId": "[other]"}"#),
        (
            r#"{"member_loyalty_id": 71}"#,
            r#"{"member_loyalty_id": "[other]"}"#,
        ),
        ("Loyalty ID: G7\nok", "Loyalty ID: [other]\nok"),
        ("loyalty: G7", "loyalty: G7"),
    ] {
        assert_eq!(masked(&own, text), after, "{text}");
        assert_eq!(masked(&SCANNER, text), text);
    }
    let hint = Hint {
        field: "loyalty id",
        ..Hint::default()
    };
    let found = own.scan("G7", hint);
    assert_eq!(mask("G7", &found), "[other]");
    let rules = Rules::default().with_key("member_no", Pii::Other).unwrap();
    let both = Named::new([], [("loyalty_id", Pii::Other)]).unwrap();
    let both = Scanner::new(&rules).naming(both);
    let text = r#"{"member_no": "a", "loyalty_id": "b"}"#;
    assert_eq!(both.scan(text, Hint::default()).len(), 2);
    let last = both.naming(Named::default());
    assert_eq!(last.scan(text, Hint::default()).len(), 1);
}

/// Goal: a form that would be found in a mask is not, and the whole ends.
#[test]
fn a_form_that_looks_like_a_mask_ends_too() {
    let own = naming(&[("CARD *", Pii::Other), ("#########", Pii::Phone)], &[]);
    let text = r#"{"4111 1111 1111 1111": 1, "5500 0000 0000 0004": 2, "card 2": 3}"#;
    let masked = masked(&own, text);
    for value in ["4111", "5500", "card 2\""] {
        assert!(!masked.contains(value), "{masked}");
    }
}

#[test]
fn what_is_no_form_and_too_many_are_refused() {
    let refused = |form: &str| Named::new([(form, Pii::Other)], []).err();
    assert_eq!(refused(""), Some(RuleError::Form));
    assert_eq!(refused("CUST-\u{e9}#"), Some(RuleError::Form));
    let many = (0..257).map(|_| ("CUST-#", Pii::Other));
    assert_eq!(Named::new(many.clone(), []).err(), Some(RuleError::TooMany));
    assert_eq!(Named::new([], many).err(), Some(RuleError::TooMany));
}

proptest! {
    /// Goal: whatever forms are named, in a masked text nothing is found any more.
    #[test]
    fn a_text_masked_by_named_forms_scans_clean(
        forms in proptest::collection::vec("[A-C#@*][A-C#@* -]{0,6}[A-C#@*]", 0..8),
        text in r#"[a-cA-C1-3 \n"\[\]{}:,-]{0,80}"#,
    ) {
        let forms = forms.iter().map(|form| (form.as_str(), Pii::Other));
        let fields = [("abc", Pii::Other)];
        let own = SCANNER.naming(Named::new(forms, fields).unwrap());
        let findings = own.scan(&text, Hint::default());
        for two in findings.windows(2) {
            prop_assert!(two[0].range.end <= two[1].range.start);
        }
        let masked = mask(&text, &findings);
        prop_assert_eq!(own.scan(&masked, Hint::default()), vec![]);
    }
}
