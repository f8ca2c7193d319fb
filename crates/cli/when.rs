//! Times as people write and read them.

use jiff::civil::DateTime;
use jiff::{Span, Timestamp, ToSpan, Zoned};
use kitbag_rpc::{Code, Failure, SyncPacks, Time};
use std::time::Duration;

/// A moment: `2d`, `24h`, `tomorrow`, `2026-11-23`, `2026-11-23T10:00`, with or without an offset.
///
/// Spans count from now on. What is without an offset is local.
pub(crate) fn parse_moment(text: &str, now: &Zoned) -> Result<Timestamp, NotATime> {
    let text = text.trim();
    let word = match text {
        "now" | "today" => Some(0.days()),
        "tomorrow" => Some(1.day()),
        "yesterday" => Some(-1.day()),
        _ => None,
    };
    if let Some(span) = word.or_else(|| text.parse().ok()) {
        return now
            .checked_add(span)
            .map(|moment| moment.timestamp())
            .map_err(|_| NotATime);
    }
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Ok(timestamp);
    }
    let local: DateTime = text.parse().map_err(|_| NotATime)?;
    local
        .to_zoned(now.time_zone().clone())
        .map(|moment| moment.timestamp())
        .map_err(|_| NotATime)
}

/// A moment that is still to come, for `option`.
pub(crate) fn parse_future(text: &str, option: &str, now: &Zoned) -> Result<Time, Failure> {
    let moment = parse_moment(text, now).map_err(|_| {
        bad(option, "not a time").hint("times look like 24h, 2d, tomorrow or 2026-11-23T10:00")
    })?;
    if moment <= now.timestamp() {
        return Err(bad(option, "that time is past"));
    }
    u64::try_from(moment.as_millisecond())
        .map(Time::from_millis)
        .map_err(|_| bad(option, "not a time"))
}

/// A length of time: `30s`, `2m`.
pub(crate) fn parse_duration(text: &str, option: &str, now: &Zoned) -> Result<Duration, Failure> {
    let wrong =
        || bad(option, "not a length of time").hint("lengths of time look like 30s, 2m or 1h");
    let span: Span = text.trim().parse().map_err(|_| wrong())?;
    let end = now.checked_add(span).map_err(|_| wrong())?;
    let duration =
        Duration::try_from(end.timestamp().duration_since(now.timestamp())).map_err(|_| wrong())?;
    if duration.is_zero() || duration > SyncPacks::TIMEOUT_MAX {
        return Err(bad(option, "has to be between nothing and a day"));
    }
    Ok(duration)
}

/// Text that says no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotATime;

fn bad(option: &str, what: &str) -> Failure {
    Failure::new(Code::BadInput, format!("{option}: {what}"))
}

/// A moment for a person: the time if it is today, otherwise the date too; local.
pub(crate) fn shown(time: Time, now: &Zoned) -> String {
    let Ok(moment) = i64::try_from(time.as_millis())
        .map_err(drop)
        .and_then(|m| Timestamp::from_millisecond(m).map_err(drop))
    else {
        return time.to_string();
    };
    let moment = moment.to_zoned(now.time_zone().clone());
    let format = if moment.date() == now.date() {
        "%H:%M"
    } else {
        "%Y-%m-%d %H:%M"
    };
    moment.strftime(format).to_string()
}

/// The same with date and zone, for a text that goes to somebody else.
pub(crate) fn shown_in_full(time: Time, now: &Zoned) -> String {
    let Ok(moment) = i64::try_from(time.as_millis())
        .map_err(drop)
        .and_then(|m| Timestamp::from_millisecond(m).map_err(drop))
    else {
        return time.to_string();
    };
    moment
        .to_zoned(now.time_zone().clone())
        .strftime("%Y-%m-%d %H:%M (UTC%:z)")
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Zoned {
        "2026-11-22T10:47:00+01:00[Europe/Berlin]".parse().unwrap()
    }

    fn moment(text: &str) -> String {
        parse_moment(text, &now())
            .unwrap_or_else(|_| panic!("{text}"))
            .to_string()
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, expected) in [
            ("24h", "2026-11-23T09:47:00Z"),
            ("2d", "2026-11-24T09:47:00Z"),
            (" 2 days ", "2026-11-24T09:47:00Z"),
            ("1h 30m", "2026-11-22T11:17:00Z"),
            ("90s", "2026-11-22T09:48:30Z"),
            ("P1D", "2026-11-23T09:47:00Z"),
            ("tomorrow", "2026-11-23T09:47:00Z"),
            ("yesterday", "2026-11-21T09:47:00Z"),
            ("2026-12-24", "2026-12-23T23:00:00Z"),
            ("2026-12-24T10:00", "2026-12-24T09:00:00Z"),
            ("2026-12-24 10:00:00", "2026-12-24T09:00:00Z"),
            ("2026-12-24T10:00:00Z", "2026-12-24T10:00:00Z"),
            ("2026-12-24T10:00:00-05:00", "2026-12-24T15:00:00Z"),
        ] {
            assert_eq!(moment(text), expected, "{text}");
        }
        for text in [
            "",
            " ",
            "soon",
            "24",
            "2x",
            "99999999999999999999d",
            "2026-13-01",
            "2026-02-30",
            "\u{202e}2d",
            "1e9h",
        ] {
            assert_eq!(parse_moment(text, &now()), Err(NotATime), "{text:?}");
        }
    }

    #[test]
    fn what_expires_lies_ahead() {
        assert!(parse_future("24h", "--expires", &now()).is_ok());
        for (text, part) in [
            ("yesterday", "past"),
            ("-2d", "past"),
            ("now", "past"),
            ("1969-01-01", "past"),
            ("x", "not a time"),
        ] {
            let failure = parse_future(text, "--expires", &now()).unwrap_err();
            assert_eq!(failure.code, Code::BadInput);
            assert!(
                failure.message.starts_with("--expires: ") && failure.message.contains(part),
                "{failure}"
            );
        }
    }

    #[test]
    fn lengths_of_time_are_positive_and_bounded() {
        let read = |text| parse_duration(text, "--timeout", &now());
        assert_eq!(read("30s").unwrap(), Duration::from_secs(30));
        assert_eq!(read("2m").unwrap(), Duration::from_secs(120));
        for text in ["", "0s", "-5s", "30", "2d", "forever"] {
            assert_eq!(read(text).unwrap_err().code, Code::BadInput, "{text}");
        }
    }

    #[test]
    fn times_are_shown_short_when_near() {
        let time = Time::from_millis(1_795_344_420_000);
        assert_eq!(shown(time, &now()), "11:47");
        assert_eq!(
            shown(Time::from_millis(1_795_244_420_000), &now()),
            "2026-11-21 08:00"
        );
        assert_eq!(shown_in_full(time, &now()), "2026-11-22 11:47 (UTC+01:00)");
        assert!(shown(Time::from_millis(u64::MAX), &now()).starts_with("9999-12-3"));
    }
}
