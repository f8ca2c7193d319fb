//! What the person concerned said about the use of a note: as options, and in words.

use crate::{fields, when, words};
use clap::Args;
use clap::builder::PossibleValuesParser;
use jiff::Zoned;
use kitbag_rpc::{ExportedConsent, Failure, NewConsent};

/// The words of a statement.
const STATUSES: [&str; 7] = [
    "not_required",
    "pending",
    "granted",
    "limited",
    "refused",
    "withdrawn",
    "expired",
];

#[derive(Debug, Args)]
pub(crate) struct ConsentArgs {
    /// What the person concerned said about its use, in place of what was said before; refused, withdrawn or expired lets it leave nowhere
    #[arg(long, value_name = "STATUS", value_parser = PossibleValuesParser::new(STATUSES))]
    pub(crate) consent: Option<String>,
    /// For what consent was given; may be given several times
    #[arg(long = "purpose", value_name = "PURPOSE", requires = "consent")]
    purposes: Vec<String>,
    /// When the consent ends
    #[arg(long = "consent-until", value_name = "WHEN", requires = "consent")]
    until: Option<String>,
    /// Who was asked
    #[arg(long, value_name = "PERSON", requires = "consent")]
    subject: Option<String>,
    /// When it was given; now if it is granted or limited and nothing is said
    #[arg(
        long,
        value_name = "WHEN",
        requires = "consent",
        allow_hyphen_values = true
    )]
    given: Option<String>,
    /// What shows it: where the answer is kept, who heard it
    #[arg(long, value_name = "TEXT", requires = "consent")]
    evidence: Option<String>,
}

impl ConsentArgs {
    /// The statement, if one is made. It says when it was given if it was given now.
    pub(crate) fn statement(self, now: &Zoned) -> Result<Option<NewConsent>, Failure> {
        let Some(status) = self.consent else {
            return Ok(None);
        };
        let expires_at = self.until.as_deref();
        let expires_at = expires_at.map(|text| when::parse_future(text, "--consent-until", now));
        let is_given = ["granted", "limited"].contains(&status.as_str());
        let given = self.given.as_deref();
        let given = given.map(|text| fields::moment(text, "--given", now));
        let given = given.transpose()?;
        let millis = u64::try_from(now.timestamp().as_millisecond()).unwrap_or_default();
        Ok(Some(NewConsent {
            given_at: given.or(is_given.then(|| kitbag_rpc::Time::from_millis(millis))),
            status,
            purposes: self.purposes,
            subject: self.subject,
            expires_at: expires_at.transpose()?,
            evidence: self.evidence,
        }))
    }
}

/// A statement on one line.
pub(crate) fn in_words(consent: &ExportedConsent) -> String {
    let mut said = words::inline(&consent.status);
    if !consent.purposes.is_empty() {
        let purposes: Vec<String> = consent.purposes.iter().map(|p| words::inline(p)).collect();
        said.push_str(&format!(" for {}", purposes.join(", ")));
    }
    if let Some(end) = consent.expires_at {
        said.push_str(&format!(" until {end}"));
    }
    if let Some(subject) = &consent.subject {
        said.push_str(&format!(", said by {}", words::inline(subject)));
    }
    if let Some(given) = consent.given_at {
        said.push_str(&format!(", given {given}"));
    }
    if let Some(evidence) = &consent.evidence {
        said.push_str(&format!(", shown by {}", words::inline(evidence)));
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(status: Option<&str>) -> ConsentArgs {
        ConsentArgs {
            consent: status.map(str::to_owned),
            purposes: vec!["support".to_owned()],
            until: Some("2d".to_owned()),
            subject: Some("Maria".to_owned()),
            given: None,
            evidence: None,
        }
    }

    #[test]
    fn a_statement_says_when_it_was_given_only_if_it_was() {
        let now = Zoned::now();
        assert_eq!(args(None).statement(&now).unwrap(), None);
        let granted = args(Some("granted")).statement(&now).unwrap().unwrap();
        assert!(granted.given_at.is_some() && granted.expires_at > granted.given_at);
        let withdrawn = args(Some("withdrawn")).statement(&now).unwrap().unwrap();
        assert_eq!(withdrawn.given_at, None);
        let before = ConsentArgs {
            given: Some("2026-01-02T10:00:00Z".to_owned()),
            evidence: Some("mail of that day".to_owned()),
            ..args(Some("refused"))
        };
        let before = before.statement(&now).unwrap().unwrap();
        assert_eq!(before.given_at.unwrap().to_string(), "2026-01-02T10:00:00Z");
        assert_eq!(before.evidence.as_deref(), Some("mail of that day"));
        let past = ConsentArgs {
            until: Some("2001-01-01".to_owned()),
            ..args(Some("granted"))
        };
        assert!(past.statement(&now).is_err());
    }

    #[test]
    fn a_statement_is_one_line() {
        let consent = ExportedConsent {
            status: "limited".to_owned(),
            purposes: vec!["a\nb".to_owned(), "c".to_owned()],
            subject: Some("Maria\x1b".to_owned()),
            given_at: Some(kitbag_rpc::Time::from_millis(0)),
            expires_at: None,
            evidence: Some("mail\n7".to_owned()),
        };
        assert_eq!(
            in_words(&consent),
            "limited for a\\nb, c, said by Maria\\u{1b}, given 1970-01-01T00:00:00Z, shown by mail\\n7"
        );
    }
}
