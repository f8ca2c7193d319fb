//! A moment as it travels: RFC 3339 in UTC, milliseconds.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// A moment as some device's clock showed it: for display, never a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(jiff::Timestamp);

impl Time {
    /// From milliseconds since 1970. What lies beyond the year 9999 stays there: a device's clock
    /// may say anything.
    pub fn from_millis(millis: u64) -> Time {
        let latest = jiff::Timestamp::MAX;
        let timestamp = i64::try_from(millis)
            .ok()
            .and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok());
        Time(timestamp.unwrap_or(latest))
    }

    /// Milliseconds since 1970; 0 for what lies before.
    pub fn as_millis(self) -> u64 {
        u64::try_from(self.0.as_millisecond()).unwrap_or(0)
    }

    /// For a sentence: `2026-11-22 10:47 UTC`.
    pub fn in_words(self) -> String {
        self.0.strftime("%Y-%m-%d %H:%M UTC").to_string()
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl JsonSchema for Time {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse()
            .map(Time)
            .map_err(|_| D::Error::custom("not a time like 2026-11-22T10:47:00Z"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_survive_their_text_and_absurd_clocks_do_no_harm() {
        let time = Time::from_millis(1_795_344_420_500);
        assert_eq!(time.to_string(), "2026-11-22T10:47:00.5Z");
        assert_eq!(time.in_words(), "2026-11-22 10:47 UTC");
        let json = serde_json::to_string(&time).unwrap();
        assert_eq!(
            serde_json::from_str::<Time>(&json).unwrap().as_millis(),
            1_795_344_420_500
        );
        assert!(
            Time::from_millis(u64::MAX)
                .in_words()
                .starts_with("9999-12-3")
        );
        assert_eq!(Time::from_millis(0).to_string(), "1970-01-01T00:00:00Z");
        serde_json::from_str::<Time>(r#""yesterday""#).unwrap_err();
    }
}
