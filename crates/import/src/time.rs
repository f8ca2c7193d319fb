//! Times as other systems write them, in milliseconds since 1970.

use crate::TIME_MAX;
use serde_json::Value;

/// From JSON: text, or seconds or milliseconds as a number. Nothing if it is no time, or one that a
/// note cannot hold.
pub(crate) fn of(value: Option<&Value>) -> Option<u64> {
    match value? {
        Value::String(text) => parse(text),
        Value::Number(number) => number.as_f64().and_then(from_number),
        _ => None,
    }
}

/// RFC 3339; a day or a moment without a zone is one of UTC; digits are seconds or milliseconds.
pub(crate) fn parse(text: &str) -> Option<u64> {
    let text = text.trim();
    if text.len() > 64 {
        return None;
    }
    if let Ok(number) = text.parse::<f64>() {
        // A year, or the twentieth of May as eight digits, is no count of seconds.
        return (text.len() >= 9).then(|| from_number(number)).flatten();
    }
    if let Ok(moment) = text.parse::<jiff::Timestamp>() {
        return fits(moment.as_millisecond());
    }
    let civil = text.parse::<jiff::civil::DateTime>().ok()?;
    let zoned = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    fits(zoned.timestamp().as_millisecond())
}

/// Numbers from the year 5138 on, as seconds, are milliseconds.
fn from_number(number: f64) -> Option<u64> {
    const SECONDS_BELOW: f64 = 100_000_000_000.0;
    let millis = if number.abs() < SECONDS_BELOW {
        number * 1000.0
    } else {
        number
    };
    // NaN and what is out of range fail the comparison.
    (millis >= 0.0 && millis <= TIME_MAX as f64).then_some(millis.round() as u64)
}

fn fits(millis: i64) -> Option<u64> {
    u64::try_from(millis)
        .ok()
        .filter(|&millis| millis <= TIME_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn times_of_other_systems_become_milliseconds() {
        let same = 1_749_895_200_000;
        for text in [
            "2025-06-14T10:00:00Z",
            "2025-06-14T12:00:00+02:00",
            "2025-06-14T10:00:00",
            "2025-06-14 10:00:00",
            "1749895200",
            "1749895200000",
        ] {
            assert_eq!(parse(text), Some(same), "{text}");
        }
        assert_eq!(parse("2025-06-14"), Some(1_749_859_200_000));
        assert_eq!(of(Some(&json!(1_749_895_200.25))), Some(same + 250));
        for no in [
            "",
            "soon",
            "1969-01-01T00:00:00Z",
            "2025",
            "20250614",
            "nan",
            "inf",
            "1e300",
        ] {
            assert_eq!(parse(no), None, "{no}");
        }
        assert_eq!(of(Some(&json!(-1))), None);
        assert_eq!(of(Some(&json!(null))), None);
    }
}
