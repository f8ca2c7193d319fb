//! What the tests share.

use std::sync::LazyLock;

use kitbag_scan::{Finding, Hint, Pii, Rules, Scanner, mask};
use serde_json::Value;

pub(crate) static SCANNER: LazyLock<Scanner> = LazyLock::new(|| Scanner::new(&Rules::default()));

/// A scan whose promises are checked: ranges fit, the masked copy is clean and is masked once only,
/// JSON stays JSON of the same shape.
pub(crate) fn scan(text: &str) -> Vec<Finding> {
    scan_with(&SCANNER, text, Hint::default())
}

pub(crate) fn scan_with(scanner: &Scanner, text: &str, hint: Hint<'_>) -> Vec<Finding> {
    let findings = scanner.scan(text, hint);
    let mut at = 0;
    for finding in &findings {
        assert!(
            finding.range.start >= at && finding.range.start < finding.range.end,
            "{finding:?} in {text:?}"
        );
        assert!(
            text.get(finding.range.clone()).is_some(),
            "{finding:?} in {text:?}"
        );
        at = finding.range.end;
    }
    let masked = mask(text, &findings);
    let again = scanner.scan(&masked, hint);
    assert!(
        again.is_empty(),
        "{again:?}\n left in {masked:?}\n of {text:?}"
    );
    assert_eq!(mask(&masked, &again), masked);
    let value = serde_json::from_str::<Value>(text).ok();
    if let Some(value) = value.filter(|v| v.is_object() || v.is_array() || v.is_string()) {
        let masked: Value = serde_json::from_str(&masked)
            .unwrap_or_else(|e| panic!("{e}: {masked:?}\n of {text:?}"));
        assert!(same_shape(&value, &masked), "{masked}\n of {text}");
    }
    findings
}

/// Containers with as many members; names that hold no mask are kept; numbers may become strings.
fn same_shape(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && b.iter()
                    .filter(|(k, _)| !k.contains('['))
                    .all(|(k, v)| a.get(k).is_some_and(|w| same_shape(w, v)))
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_shape(a, b))
        }
        (Value::Number(_) | Value::String(_), Value::String(_)) => true,
        (Value::Number(a), Value::Number(b)) => a == b,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Null, Value::Null) => true,
        _ => false,
    }
}

pub(crate) fn masked(text: &str) -> String {
    mask(text, &scan(text))
}

/// `(kind's word, text)` of all findings.
pub(crate) fn found(text: &str) -> Vec<(&'static str, String)> {
    scan(text)
        .into_iter()
        .map(|f| (f.kind.word(), text[f.range].to_string()))
        .collect()
}

pub(crate) fn kinds(text: &str) -> Vec<Pii> {
    scan(text).into_iter().map(|f| f.kind).collect()
}
