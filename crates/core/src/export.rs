//! What may leave a pack in an export, and why the rest stays.
//!
//! [`crate::release`] decides, as for every other way out; this says what is asked of it for an export.
//! What is withheld always has a reason. What is above the reader's own clearance never comes here:
//! nobody is told of it.
//! Spec: `docs/spec/export.md`.

use crate::id::{ClientId, Timestamp};
use crate::pack::note::TAG_BYTES_MAX;
use crate::policy::Sensitivity;
use crate::policy::rules::{ReleaseRules, Unreadable};
use crate::release::{Destination, Facts, Request, Target, Verdict, crosses, decide, refuses};
use std::collections::BTreeSet;

pub use crate::release::{ConsentGap, Withheld};

/// Bytes of a purpose, at most: consents name none that is longer.
pub const PURPOSE_BYTES_MAX: usize = TAG_BYTES_MAX;

/// What an export may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportRules {
    /// Nothing above this.
    pub max_sensitivity: Sensitivity,
    /// What it is for, if somebody said so.
    pub purpose: Option<String>,
    /// In which format, if somebody said so.
    pub format: Option<String>,
    /// For which client it is, if somebody said so.
    pub client: Option<ClientId>,
    /// Clients of the packs whose notes leave in the same bundle.
    pub beside: BTreeSet<ClientId>,
    /// Whether a person said that it may cross from one client to another.
    pub across_clients: bool,
    /// Whether values of personal data are taken out on the way.
    pub redacts: bool,
    /// Now, by the clock of whoever exports.
    pub at: Timestamp,
    /// Whether deleted notes may be in it, too.
    pub deleted: bool,
    /// What the pack's policy lets leave; nothing while it cannot be read.
    pub release: Result<ReleaseRules, Unreadable>,
}

impl ExportRules {
    /// Why a note stays out, or nothing if it may leave.
    pub fn withholds(&self, note: Facts<'_>) -> Option<Withheld> {
        let release = self.release.as_ref().map_err(|why| *why);
        match decide(&self.request(), note, release, self.at) {
            Verdict::Allowed => None,
            Verdict::Withheld(why) => Some(why),
        }
    }

    /// What keeps all of it in, whatever the notes are.
    pub fn refuses(&self) -> Option<Withheld> {
        refuses(&self.request(), self.release.as_ref().map_err(|why| *why))
    }

    /// Whether it crosses from one client to another.
    pub fn crosses(&self) -> bool {
        let release = self.release.as_ref();
        release.is_ok_and(|rules| crosses(&self.request(), rules))
    }

    fn request(&self) -> Request<'_> {
        let target = match self.client {
            Some(client) => Target::Of([client].into()),
            None => Target::Unbound,
        };
        Request {
            target,
            purpose: self.purpose.as_deref(),
            format: self.format.as_deref(),
            up_to: Some(self.max_sensitivity),
            deleted: self.deleted,
            across_clients: self.across_clients,
            beside: self.beside.clone(),
            redacts: self.redacts,
            ..Request::to(Destination::Export)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::note::{Consent, ConsentStatus, Pii, Status};
    use std::collections::BTreeSet;

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
            format: None,
            client: None,
            beside: BTreeSet::new(),
            across_clients: false,
            redacts: false,
            at: NOW,
            deleted: false,
            release: Ok(ReleaseRules::default()),
        }
    }

    fn plain() -> Facts<'static> {
        static NO_PII: BTreeSet<Pii> = BTreeSet::new();
        Facts {
            sensitivity: Sensitivity::Internal,
            consent: None,
            status: Status::Active,
            expires_at: None,
            pii: &NO_PII,
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
            let note = Facts {
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
        let deleted = Facts {
            status: Status::Archived,
            ..plain()
        };
        let deleted_above = Facts {
            sensitivity: above,
            ..deleted
        };
        let deleted_withdrawn = Facts {
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
                Facts {
                    sensitivity: Sensitivity::Public,
                    ..plain()
                },
                None,
            ),
            (
                Facts {
                    status: Status::Superseded,
                    ..plain()
                },
                None,
            ),
            (
                Facts {
                    expires_at: ends(1001),
                    ..plain()
                },
                None,
            ),
            (
                Facts {
                    sensitivity: above,
                    ..plain()
                },
                Some(Withheld::Sensitivity(above)),
            ),
            (
                Facts {
                    status: Status::Redacted,
                    ..plain()
                },
                Some(Withheld::Redacted),
            ),
            (
                Facts {
                    status: Status::Expired,
                    ..plain()
                },
                Some(Withheld::Expired),
            ),
            (
                Facts {
                    expires_at: ends(1000),
                    ..plain()
                },
                Some(Withheld::Expired),
            ),
            (
                Facts {
                    sensitivity: above,
                    consent: Some(&refused),
                    ..plain()
                },
                Some(Withheld::Sensitivity(above)),
            ),
            (
                Facts {
                    sensitivity: above,
                    consent: Some(&withdrawn),
                    status: Status::Redacted,
                    expires_at: ends(1),
                    ..plain()
                },
                Some(Withheld::Consent(ConsentGap::Withdrawn)),
            ),
        ];
        for (note, expected) in table {
            assert_eq!(rules(None).withholds(note), expected, "{note:?}");
        }
    }
}
