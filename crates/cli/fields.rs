//! What may be said of a note beside its text, tags and consent: the options of `add` and `edit`.

use crate::when::{parse_future, parse_moment};
use clap::Args;
use clap::builder::PossibleValuesParser;
use jiff::Zoned;
use kitbag_rpc::{Code, Failure, Time};

/// The words of a type.
pub(crate) const TYPES: [&str; 11] = [
    "note", "snippet", "message", "record", "file", "link", "decision", "summary", "outcome",
    "prompt", "template",
];
/// The words of a claim.
const CLAIMS: [&str; 4] = ["observation", "inference", "verified", "directive"];

#[derive(Debug, Default, Args)]
pub(crate) struct FieldArgs {
    /// What kind of thing it is
    #[arg(long = "type", value_name = "TYPE", value_parser = PossibleValuesParser::new(TYPES))]
    pub(crate) note_type: Option<String>,
    /// What kind of statement it makes
    #[arg(long, value_name = "CLAIM", value_parser = PossibleValuesParser::new(CLAIMS))]
    pub(crate) claim: Option<String>,
    /// Keep it in front: it comes first in searches, and is left out of an export last
    #[arg(long)]
    pub(crate) pin: bool,
    /// In no export after then; `never` takes that back
    #[arg(long, value_name = "WHEN|never")]
    expires: Option<String>,
    /// To be looked at again then; `never` takes that back
    #[arg(long, value_name = "WHEN|never")]
    review_after: Option<String>,
    /// What it says is true from then on; `never` takes that back
    #[arg(long, value_name = "WHEN|never", allow_hyphen_values = true)]
    valid_from: Option<String>,
    /// What it says is true until then; `never` takes that back
    #[arg(long, value_name = "WHEN|never", allow_hyphen_values = true)]
    valid_to: Option<String>,
}

/// The dates that were given, and the names of those to take away.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Dates {
    pub(crate) valid_from: Option<Time>,
    pub(crate) valid_to: Option<Time>,
    pub(crate) review_after: Option<Time>,
    pub(crate) expires_at: Option<Time>,
    pub(crate) clear: Vec<String>,
}

impl FieldArgs {
    pub(crate) fn dates(&self, now: &Zoned) -> Result<Dates, Failure> {
        let mut dates = Dates::default();
        let clear = &mut dates.clear;
        let expires = self.expires.as_deref();
        dates.expires_at = date(expires, "expires_at", clear, |text| {
            parse_future(text, "--expires", now)
        })?;
        let review = self.review_after.as_deref();
        dates.review_after = date(review, "review_after", clear, |text| {
            parse_future(text, "--review-after", now)
        })?;
        let from = self.valid_from.as_deref();
        dates.valid_from = date(from, "valid_from", clear, |text| {
            moment(text, "--valid-from", now)
        })?;
        let to = self.valid_to.as_deref();
        dates.valid_to = date(to, "valid_to", clear, |text| {
            moment(text, "--valid-to", now)
        })?;
        if let (Some(from), Some(to)) = (dates.valid_from, dates.valid_to)
            && from > to
        {
            let message = "--valid-from is after --valid-to: it would never be true";
            return Err(
                Failure::new(Code::BadInput, message).hint("say the earlier one with --valid-from")
            );
        }
        Ok(dates)
    }
}

fn date(
    text: Option<&str>,
    name: &str,
    clear: &mut Vec<String>,
    parse: impl Fn(&str) -> Result<Time, Failure>,
) -> Result<Option<Time>, Failure> {
    match text {
        None => Ok(None),
        Some("never") => {
            clear.push(name.to_owned());
            Ok(None)
        }
        Some(text) => parse(text).map(Some),
    }
}

/// A moment, past or to come, for `option`.
pub(crate) fn moment(text: &str, option: &str, now: &Zoned) -> Result<Time, Failure> {
    let bad = || {
        Failure::new(Code::BadInput, format!("{option}: not a time"))
            .hint("times look like 2d, yesterday, 2026-11-23 or 2026-11-23T10:00")
    };
    let moment = parse_moment(text, now).map_err(|_| bad())?;
    u64::try_from(moment.as_millisecond())
        .map(Time::from_millis)
        .map_err(|_| bad())
}

impl Dates {
    /// Whether nothing is said of any.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Dates::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_set_taken_away_or_left() {
        let now = Zoned::now();
        let args = FieldArgs {
            expires: Some("2d".to_owned()),
            valid_from: Some("yesterday".to_owned()),
            valid_to: Some("never".to_owned()),
            ..FieldArgs::default()
        };
        let dates = args.dates(&now).unwrap();
        assert!(dates.expires_at > dates.valid_from && dates.valid_from.is_some());
        assert_eq!(
            (dates.valid_to, dates.clear),
            (None, vec!["valid_to".to_owned()])
        );
        assert!(FieldArgs::default().dates(&now).unwrap().is_empty());
        let backwards = FieldArgs {
            valid_from: Some("tomorrow".to_owned()),
            valid_to: Some("yesterday".to_owned()),
            ..FieldArgs::default()
        };
        assert_eq!(backwards.dates(&now).unwrap_err().code, Code::BadInput);
        for bad in ["yesterday", "soon"] {
            let args = FieldArgs {
                expires: Some(bad.to_owned()),
                ..FieldArgs::default()
            };
            assert!(args.dates(&now).is_err(), "{bad}");
        }
    }
}
