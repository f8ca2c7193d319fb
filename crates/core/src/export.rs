//! What may leave a pack in an export, and why the rest stays.
//!
//! One pure function decides, so that whoever builds an export (a person, later an agent) gets the
//! same answer, and so that what is withheld always has a reason. What is above the reader's own
//! clearance never comes here: nobody is told of it.
//! Spec: `docs/spec/export.md`.

use crate::id::Timestamp;
use crate::pack::note::{Consent, ConsentStatus, Status, TAG_BYTES_MAX};
use crate::policy::Sensitivity;

/// Bytes of a purpose, at most: consents name none that is longer.
pub const PURPOSE_BYTES_MAX: usize = TAG_BYTES_MAX;

/// What an export may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportRules {
    /// Nothing above this.
    pub max_sensitivity: Sensitivity,
    /// What it is for, if somebody said so.
    pub purpose: Option<String>,
    /// Now, by the clock of whoever exports.
    pub at: Timestamp,
    /// Whether deleted notes may be in it, too.
    pub deleted: bool,
}

/// Why a note stays out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Withheld {
    /// Somebody deleted it.
    Deleted,
    /// It is more sensitive than the export may be.
    Sensitivity(Sensitivity),
    /// The person concerned did not allow it.
    Consent(ConsentGap),
    /// Its content was taken out.
    Redacted,
    /// It is past its date.
    Expired,
}

/// What is missing to a consent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConsentGap {
    /// Asked, not answered.
    Pending,
    /// Given for other purposes, or for some and the export names none.
    Purpose,
    /// Over.
    Expired,
    /// Refused.
    Refused,
    /// Taken back.
    Withdrawn,
}

/// What the decision looks at in a note.
#[derive(Clone, Copy, Debug)]
pub struct Exported<'a> {
    /// Its sensitivity.
    pub sensitivity: Sensitivity,
    /// What the person concerned said.
    pub consent: Option<&'a Consent>,
    /// Where it stands in its life.
    pub status: Status,
    /// Its own end.
    pub expires_at: Option<Timestamp>,
}

impl ExportRules {
    /// Why a note stays out, or nothing if it may leave. Of several reasons a withdrawn consent is
    /// told before all others, then that it is deleted, then the sensitivity.
    pub fn withholds(&self, note: Exported<'_>) -> Option<Withheld> {
        let gap = note.consent.and_then(|consent| self.gap(consent));
        let over = |end: Option<Timestamp>| end.is_some_and(|end| end <= self.at);
        if gap == Some(ConsentGap::Withdrawn) {
            Some(Withheld::Consent(ConsentGap::Withdrawn))
        } else if note.status.is_deleted() && !self.deleted {
            Some(Withheld::Deleted)
        } else if note.sensitivity > self.max_sensitivity {
            Some(Withheld::Sensitivity(note.sensitivity))
        } else if let Some(gap) = gap {
            Some(Withheld::Consent(gap))
        } else if note.status == Status::Redacted {
            Some(Withheld::Redacted)
        } else if note.status == Status::Expired || over(note.expires_at) {
            Some(Withheld::Expired)
        } else {
            None
        }
    }

    fn gap(&self, consent: &Consent) -> Option<ConsentGap> {
        match consent.status {
            ConsentStatus::NotRequired => return None,
            ConsentStatus::Pending => return Some(ConsentGap::Pending),
            ConsentStatus::Expired => return Some(ConsentGap::Expired),
            ConsentStatus::Refused => return Some(ConsentGap::Refused),
            ConsentStatus::Withdrawn => return Some(ConsentGap::Withdrawn),
            ConsentStatus::Granted | ConsentStatus::Limited => {}
        }
        if consent.expires_at.is_some_and(|end| end <= self.at) {
            return Some(ConsentGap::Expired);
        }
        let allowed = match &self.purpose {
            Some(purpose) => consent.allows(purpose),
            None => consent.status == ConsentStatus::Granted && consent.purposes.is_empty(),
        };
        (!allowed).then_some(ConsentGap::Purpose)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1000);

    fn consent(status: ConsentStatus, purposes: &[&str], ends: Option<u64>) -> Consent {
        Consent {
            purposes: purposes.iter().map(|p| (*p).to_owned()).collect(),
            expires_at: ends.map(Timestamp::from_millis),
            ..Consent::new(status)
        }
    }

    fn rules(purpose: Option<&str>) -> ExportRules {
        ExportRules {
            max_sensitivity: Sensitivity::Internal,
            purpose: purpose.map(str::to_owned),
            at: NOW,
            deleted: false,
        }
    }

    fn plain() -> Exported<'static> {
        Exported {
            sensitivity: Sensitivity::Internal,
            consent: None,
            status: Status::Active,
            expires_at: None,
        }
    }

    #[test]
    fn consent_decides_by_status_purpose_and_end() {
        use ConsentGap as Gap;
        use ConsentStatus::{Expired, Granted, Limited, NotRequired, Pending, Refused, Withdrawn};
        let table: [(Consent, Option<&str>, Option<Gap>); 15] = [
            (consent(NotRequired, &[], None), None, None),
            (consent(Granted, &[], None), None, None),
            (consent(Granted, &[], None), Some("billing"), None),
            (
                consent(Granted, &["support"], None),
                None,
                Some(Gap::Purpose),
            ),
            (consent(Granted, &["support"], None), Some("support"), None),
            (
                consent(Granted, &["support"], None),
                Some("billing"),
                Some(Gap::Purpose),
            ),
            (
                consent(Limited, &[], None),
                Some("support"),
                Some(Gap::Purpose),
            ),
            (consent(Limited, &["support"], None), Some("support"), None),
            (
                consent(Limited, &["support"], None),
                None,
                Some(Gap::Purpose),
            ),
            (consent(Granted, &[], Some(1000)), None, Some(Gap::Expired)),
            (consent(Granted, &[], Some(1001)), None, None),
            (consent(Pending, &[], None), None, Some(Gap::Pending)),
            (consent(Expired, &[], None), None, Some(Gap::Expired)),
            (
                consent(Refused, &[], None),
                Some("support"),
                Some(Gap::Refused),
            ),
            (
                consent(Withdrawn, &["support"], None),
                Some("support"),
                Some(Gap::Withdrawn),
            ),
        ];
        for (consent, purpose, gap) in table {
            let note = Exported {
                consent: Some(&consent),
                ..plain()
            };
            let expected = gap.map(Withheld::Consent);
            assert_eq!(
                rules(purpose).withholds(note),
                expected,
                "{consent:?} {purpose:?}"
            );
        }
    }

    /// Goal: a deleted note leaves only where deleted notes were asked for, and then for no less than
    /// any other; that it is deleted is told before what it is.
    #[test]
    fn a_deleted_note_stays_unless_it_was_asked_for() {
        let withdrawn = consent(ConsentStatus::Withdrawn, &[], None);
        let above = Sensitivity::Confidential;
        let deleted = Exported {
            status: Status::Archived,
            ..plain()
        };
        let deleted_above = Exported {
            sensitivity: above,
            ..deleted
        };
        let deleted_withdrawn = Exported {
            consent: Some(&withdrawn),
            ..deleted
        };
        let gone = Some(Withheld::Deleted);
        let told_first = Some(Withheld::Consent(ConsentGap::Withdrawn));
        let table = [
            (deleted, gone, None),
            (deleted_above, gone, Some(Withheld::Sensitivity(above))),
            (deleted_withdrawn, told_first, told_first),
            (plain(), None, None),
        ];
        for (note, kept_only, with_deleted) in table {
            assert_eq!(rules(None).withholds(note), kept_only, "{note:?}");
            let asked = ExportRules {
                deleted: true,
                ..rules(None)
            };
            assert_eq!(asked.withholds(note), with_deleted, "{note:?}");
        }
    }

    #[test]
    fn sensitivity_and_the_end_of_a_note_withhold_it_and_withdrawal_is_told_first() {
        let withdrawn = consent(ConsentStatus::Withdrawn, &[], None);
        let refused = consent(ConsentStatus::Refused, &[], None);
        let above = Sensitivity::Confidential;
        let ends = |millis| Some(Timestamp::from_millis(millis));
        let table = [
            (plain(), None),
            (
                Exported {
                    sensitivity: Sensitivity::Public,
                    ..plain()
                },
                None,
            ),
            (
                Exported {
                    status: Status::Superseded,
                    ..plain()
                },
                None,
            ),
            (
                Exported {
                    expires_at: ends(1001),
                    ..plain()
                },
                None,
            ),
            (
                Exported {
                    sensitivity: above,
                    ..plain()
                },
                Some(Withheld::Sensitivity(above)),
            ),
            (
                Exported {
                    status: Status::Redacted,
                    ..plain()
                },
                Some(Withheld::Redacted),
            ),
            (
                Exported {
                    status: Status::Expired,
                    ..plain()
                },
                Some(Withheld::Expired),
            ),
            (
                Exported {
                    expires_at: ends(1000),
                    ..plain()
                },
                Some(Withheld::Expired),
            ),
            (
                Exported {
                    sensitivity: above,
                    consent: Some(&refused),
                    ..plain()
                },
                Some(Withheld::Sensitivity(above)),
            ),
            (
                Exported {
                    sensitivity: above,
                    consent: Some(&withdrawn),
                    status: Status::Redacted,
                    expires_at: ends(1),
                },
                Some(Withheld::Consent(ConsentGap::Withdrawn)),
            ),
        ];
        for (note, expected) in table {
            assert_eq!(rules(None).withholds(note), expected, "{note:?}");
        }
    }
}
