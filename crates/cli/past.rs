//! Moments that lie behind, as people write them in a filter.

use crate::when::parse_moment;
use jiff::{Span, Zoned};
use kitbag_rpc::{Code, Failure, Time};

/// A moment for `option`: `2d` is two days ago, `yesterday`, `2026-11-20`, with or without an offset.
pub(crate) fn parse_past(text: &str, option: &str, now: &Zoned) -> Result<Time, Failure> {
    let wrong = || {
        Failure::new(Code::BadInput, format!("{option}: not a time"))
            .hint("times look like 2d (ago), yesterday, 2026-11-20 or 2026-11-20T10:00")
    };
    let moment = match text.trim().parse::<Span>() {
        Ok(span) => now
            .checked_sub(span.abs())
            .map_err(|_| wrong())?
            .timestamp(),
        Err(_) => parse_moment(text, now).map_err(|_| wrong())?,
    };
    u64::try_from(moment.as_millisecond())
        .map(Time::from_millis)
        .map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_count_backwards() {
        let now: Zoned = "2026-11-22T10:47:00+01:00[Europe/Berlin]".parse().unwrap();
        for (text, expected) in [
            ("2d", "2026-11-20T09:47:00Z"),
            ("-2d", "2026-11-20T09:47:00Z"),
            (" 90 minutes ", "2026-11-22T08:17:00Z"),
            ("yesterday", "2026-11-21T09:47:00Z"),
            ("2026-11-20", "2026-11-19T23:00:00Z"),
            ("2026-11-20T10:00:00Z", "2026-11-20T10:00:00Z"),
        ] {
            let moment = parse_past(text, "--since", &now).unwrap();
            assert_eq!(moment.to_string(), expected, "{text}");
        }
        for text in ["", "soon", "2x", "1969-01-01", "9999999d"] {
            let failure = parse_past(text, "--since", &now).unwrap_err();
            assert_eq!(failure.code, Code::BadInput, "{text}");
            assert!(failure.message.starts_with("--since: "), "{failure}");
        }
    }
}
