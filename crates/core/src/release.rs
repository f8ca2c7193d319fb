//! Whether a note may leave its pack, and which rule decides: one pure function for every channel.
//!
//! An export, a move or copy into another pack, an agent's read and a hand-off all ask [`decide`],
//! so that they cannot differ. What is asked of the whole and of no single note is also asked before
//! anything is read ([`refuses`]): the first rule that forbids everything ends it.
//!
//! What is above the clearance of whoever asks should not come here at all where its number would
//! tell something; it is decided here all the same.
//! Spec: `docs/spec/release.md`, `docs/spec/export.md`.

use crate::id::{ClientId, Timestamp};
use crate::pack::note::{Consent, ConsentStatus, Pii, Status};
use crate::policy::Sensitivity;
use crate::policy::rules::{Limits, Purposes, ReleaseRules, Unreadable};
use std::collections::BTreeSet;
use std::fmt;

/// Where something goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Destination {
    /// Out, as a file or text.
    Export,
    /// Into another pack: moved, copied, or written down anew from it.
    Pack,
    /// To an agent that reads it.
    Agent,
    /// Into a hand-off that cites it.
    Handoff,
}

impl Destination {
    /// All of them.
    pub const ALL: [Destination; 4] = [Self::Export, Self::Pack, Self::Agent, Self::Handoff];

    /// The word in rules.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Export => "export",
            Self::Pack => "pack",
            Self::Agent => "agent",
            Self::Handoff => "handoff",
        }
    }
}

/// Whose is what something goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Nobody has said: a file, an agent that is bound to no client.
    Unbound,
    /// That of these clients; of none if the set is empty.
    Of(BTreeSet<ClientId>),
    /// Something whose rules cannot be read here.
    Unreadable(Unreadable),
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// Where it goes.
    pub destination: Destination,
    /// Whose that is.
    pub target: Target,
    /// Clients of whatever else goes the same way at once.
    pub beside: BTreeSet<ClientId>,
    /// What it is for, if somebody said so.
    pub purpose: Option<&'a str>,
    /// In which format, where there are several.
    pub format: Option<&'a str>,
    /// Nothing above this: what was asked for, and no more than whoever it is for opens.
    pub up_to: Option<Sensitivity>,
    /// Whether deleted notes may go.
    pub deleted: bool,
    /// Whether personal data is taken out on the way.
    pub redacts: bool,
    /// Whether a person said that it may cross from one client to another.
    pub across_clients: bool,
}

impl Request<'_> {
    /// For this destination, without anything else that is known.
    pub fn to(destination: Destination) -> Request<'static> {
        Request {
            destination,
            target: Target::Unbound,
            beside: BTreeSet::new(),
            purpose: None,
            format: None,
            up_to: None,
            deleted: false,
            redacts: false,
            across_clients: false,
        }
    }
}

/// What the decision looks at in a note.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Its sensitivity.
    pub sensitivity: Sensitivity,
    /// What the person concerned said.
    pub consent: Option<&'a Consent>,
    /// Where it stands in its life.
    pub status: Status,
    /// Its own end.
    pub expires_at: Option<Timestamp>,
    /// Kinds of personal data in it.
    pub pii: &'a BTreeSet<Pii>,
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may leave.
    Allowed,
    /// It stays.
    Withheld(Withheld),
}

/// Why a note stays. [`Withheld::rule`] names what decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Withheld {
    /// Somebody deleted it.
    Deleted,
    /// It is more sensitive than what was asked for.
    Sensitivity(Sensitivity),
    /// The person concerned did not allow it.
    Consent(ConsentGap),
    /// Its content was taken out.
    Redacted,
    /// It is past its date.
    Expired,
    /// The pack's rules cannot be read here.
    Unreadable(Unreadable),
    /// It would cross from one client to another.
    Client,
    /// A rule of the pack.
    Rule(RuleName),
    /// A rule of the pack that holds for it here, and not where it would go.
    Lost(RuleName),
}

/// What is missing to a consent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConsentGap {
    /// Asked, not answered.
    Pending,
    /// Given for other purposes, or for some and none was named.
    Purpose,
    /// Over.
    Expired,
    /// Refused.
    Refused,
    /// Taken back.
    Withdrawn,
}

impl ConsentGap {
    /// The word in receipts.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Purpose => "purpose",
            Self::Expired => "expired",
            Self::Refused => "refused",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// A rule by its destination and its point: `export.max_sensitivity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleName {
    /// Whose limits it is among.
    pub destination: Destination,
    /// Which of them.
    pub point: Point,
}

impl fmt::Display for RuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.destination.as_str(), self.point.as_str())
    }
}

/// One of the limits of a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Point {
    /// The highest sensitivity.
    MaxSensitivity,
    /// The formats.
    Formats,
    /// The purposes.
    Purposes,
    /// Personal data that needs a consent.
    RequireConsent,
    /// Personal data that has to be taken out.
    RedactPii,
}

impl Point {
    /// The word in rules.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MaxSensitivity => "max_sensitivity",
            Self::Formats => "formats",
            Self::Purposes => "purposes",
            Self::RequireConsent => "require_consent",
            Self::RedactPii => "redact_pii",
        }
    }
}

impl Withheld {
    /// Whether what is missing is a consent: the note's own, or one that a rule asks for.
    pub const fn asks_for_consent(self) -> bool {
        matches!(
            self,
            Withheld::Consent(_)
                | Withheld::Rule(RuleName {
                    point: Point::RequireConsent,
                    ..
                })
        )
    }

    /// The name of what decides: a rule of the pack, the wall between clients, or what the note or the
    /// request itself says.
    pub fn rule(self) -> String {
        match self {
            Withheld::Deleted => "note deleted".to_owned(),
            Withheld::Sensitivity(_) => "request max_sensitivity".to_owned(),
            Withheld::Consent(gap) => format!("consent {}", gap.as_str()),
            Withheld::Redacted => "note redacted".to_owned(),
            Withheld::Expired => "note expired".to_owned(),
            Withheld::Unreadable(_) => "rules unreadable".to_owned(),
            Withheld::Client => "wall client".to_owned(),
            Withheld::Rule(name) | Withheld::Lost(name) => format!("rule {name}"),
        }
    }
}

/// Whether a note may leave. Of several reasons the first is told: a withdrawn consent before all
/// others, then that it is deleted, then what forbids everything ([`refuses`]), then the sensitivity
/// that was asked for and the one that the rules allow, the note's consent, the rules about personal
/// data, and last the note's own end.
pub fn decide(
    request: &Request<'_>,
    note: Facts<'_>,
    rules: Result<&ReleaseRules, Unreadable>,
    now: Timestamp,
) -> Verdict {
    let gap = note.consent.and_then(|consent| gap(request, consent, now));
    let over = note.expires_at.is_some_and(|end| end <= now);
    let limits = rules.map(|rules| limits(rules, request.destination));
    let above = |max: Option<Sensitivity>| max.is_none_or(|max| note.sensitivity > max);
    let ruled = |point| {
        Withheld::Rule(RuleName {
            destination: request.destination,
            point,
        })
    };
    let reason = if gap == Some(ConsentGap::Withdrawn) {
        Withheld::Consent(ConsentGap::Withdrawn)
    } else if note.status.is_deleted() && !request.deleted {
        Withheld::Deleted
    } else if let Some(refused) = refuses(request, rules) {
        refused
    } else if above(request.up_to) {
        Withheld::Sensitivity(note.sensitivity)
    } else if limits.is_ok_and(|limits| {
        limits
            .max_sensitivity
            .is_some_and(|max| note.sensitivity > max)
    }) {
        ruled(Point::MaxSensitivity)
    } else if let Some(gap) = gap {
        Withheld::Consent(gap)
    } else if limits.is_ok_and(|limits| lacks_consent(limits, &note)) {
        ruled(Point::RequireConsent)
    } else if limits.is_ok_and(|limits| limits.redact_pii)
        && !note.pii.is_empty()
        && !request.redacts
    {
        ruled(Point::RedactPii)
    } else if note.status == Status::Redacted {
        Withheld::Redacted
    } else if note.status == Status::Expired || over {
        Withheld::Expired
    } else {
        return Verdict::Allowed;
    };
    Verdict::Withheld(reason)
}

/// What forbids all of a request, whatever the notes are: rules that cannot be read, the wall between
/// clients, its format, its purpose.
pub fn refuses(
    request: &Request<'_>,
    rules: Result<&ReleaseRules, Unreadable>,
) -> Option<Withheld> {
    if let Some(walls) = walls(request, rules) {
        return Some(walls);
    }
    let limits = limits(rules.ok()?, request.destination);
    let ruled = |point| {
        Some(Withheld::Rule(RuleName {
            destination: request.destination,
            point,
        }))
    };
    let fits = |formats: &BTreeSet<String>| request.format.is_some_and(|one| formats.contains(one));
    if limits.formats.as_ref().is_some_and(|all| !fits(all)) {
        ruled(Point::Formats)
    } else if limits
        .purposes
        .as_ref()
        .is_some_and(|purposes| !purposes.allow(request.purpose))
    {
        ruled(Point::Purposes)
    } else {
        None
    }
}

/// The first part of that: rules that cannot be read, and the wall between clients.
pub fn walls(request: &Request<'_>, rules: Result<&ReleaseRules, Unreadable>) -> Option<Withheld> {
    let rules = match (rules, &request.target) {
        (Err(why), _) => return Some(Withheld::Unreadable(why)),
        (Ok(_), Target::Unreadable(why)) => return Some(Withheld::Unreadable(*why)),
        (Ok(rules), _) => rules,
    };
    (crosses(request, rules) && !request.across_clients).then_some(Withheld::Client)
}

/// Whether a request takes something of one client to another, or puts two together. A pack of no
/// client is another one for a client's notes: whoever copied them on from there would pass the wall.
/// Notes of no client may go to any.
pub fn crosses(request: &Request<'_>, rules: &ReleaseRules) -> bool {
    let own: BTreeSet<ClientId> = rules.clients.keys().copied().collect();
    let mut all = &own | &request.beside;
    let mut to_nobody = false;
    if let Target::Of(clients) = &request.target {
        all.extend(clients);
        to_nobody = clients.is_empty() && request.destination == Destination::Pack;
    }
    all.len() > 1 || (to_nobody && !own.is_empty())
}

/// The limits of a destination.
pub fn limits(rules: &ReleaseRules, destination: Destination) -> &Limits {
    match destination {
        Destination::Export => &rules.export,
        Destination::Pack => &rules.pack,
        Destination::Agent => &rules.agent,
        Destination::Handoff => &rules.handoff,
    }
}

/// Whether a note holds personal data that needs a consent, and has none that was given. That none is
/// required, as the note may say, is no consent: here the rules require one.
fn lacks_consent(limits: &Limits, note: &Facts<'_>) -> bool {
    let given = note.consent.is_some_and(|consent| {
        matches!(
            consent.status,
            ConsentStatus::Granted | ConsentStatus::Limited
        )
    });
    !given && !limits.require_consent.is_disjoint(note.pii)
}

/// The first rule that keeps a note in here, and would not in another pack, where it would stand at `at`:
/// whoever took it there first would pass the rule. A rule that the note meets here in any case is none,
/// and so is a highest sensitivity that it meets there because an admin lowers it.
pub fn loses(
    own: &ReleaseRules,
    there: &ReleaseRules,
    note: &Facts<'_>,
    at: Sensitivity,
) -> Option<RuleName> {
    let stays = |limits: &Limits, at| limits.max_sensitivity.is_some_and(|max| at > max);
    let lost = |own: &Limits, there: &Limits| {
        let formats = |allowed: &BTreeSet<String>| {
            let all = there.formats.as_ref();
            !all.is_some_and(|these| these.is_subset(allowed))
        };
        let purposes = |allowed: &Purposes| {
            let all = there.purposes.as_ref();
            !all.is_some_and(|these| these.and(allowed) == *these)
        };
        let asks = |limits: &Limits| &limits.require_consent & note.pii;
        if stays(own, note.sensitivity) && stays(own, at) && !stays(there, at) {
            Some(Point::MaxSensitivity)
        } else if own.formats.as_ref().is_some_and(formats) {
            Some(Point::Formats)
        } else if own.purposes.as_ref().is_some_and(purposes) {
            Some(Point::Purposes)
        } else if lacks_consent(own, note) && !asks(own).is_subset(&asks(there)) {
            Some(Point::RequireConsent)
        } else if own.redact_pii && !note.pii.is_empty() && !there.redact_pii {
            Some(Point::RedactPii)
        } else {
            None
        }
    };
    Destination::ALL.into_iter().find_map(|destination| {
        let point = lost(limits(own, destination), limits(there, destination))?;
        Some(RuleName { destination, point })
    })
}

/// What is missing to a consent for this request.
fn gap(request: &Request<'_>, consent: &Consent, now: Timestamp) -> Option<ConsentGap> {
    match consent.status {
        ConsentStatus::NotRequired => return None,
        ConsentStatus::Pending => return Some(ConsentGap::Pending),
        ConsentStatus::Expired => return Some(ConsentGap::Expired),
        ConsentStatus::Refused => return Some(ConsentGap::Refused),
        ConsentStatus::Withdrawn => return Some(ConsentGap::Withdrawn),
        ConsentStatus::Granted | ConsentStatus::Limited => {}
    }
    if consent.expires_at.is_some_and(|end| end <= now) {
        return Some(ConsentGap::Expired);
    }
    let allowed = match request.purpose {
        Some(purpose) => consent.allows(purpose),
        None => consent.status == ConsentStatus::Granted && consent.purposes.is_empty(),
    };
    (!allowed).then_some(ConsentGap::Purpose)
}

#[cfg(test)]
mod tests;
