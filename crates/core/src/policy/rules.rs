//! Release rules: what may leave a pack, to where, and which client it belongs to.
//!
//! An admin puts them into the policy log as a Rules act. They are sealed under an epoch of the
//! lowest domain, `public`, so that every member reads them and a courier does not. Which acts count
//! is the fold's answer, [`Policy::rules`]; several that count stand beside each other, and what they
//! allow together is what each of them allows ([`ReleaseRules::and`]), so that their order says
//! nothing. Where one of them cannot be read, nothing leaves: [`in_force`].
//!
//! What the rules decide is in [`crate::release`]. Spec: `docs/spec/release.md`.

mod change;
mod named;
mod teams;

pub use change::{LimitsChange, RulesChange, Setting};
pub use named::{
    FIELD_BYTES_MAX, FORM_CHARS_MAX, FieldName, IDS_MAX, IDS_TOGETHER_MAX, IdForm, NamedField,
    NamedId,
};
pub use teams::{TEAM_PERSONS_MAX, TEAMS_MAX, TEAMS_TOGETHER_MAX, TeamChange, Teams};

use crate::codec::{self, CodecError};
use crate::content::{pack_frame, unpack_frame};
use crate::escalation::{
    self, Escalation, EscalationError, EscalationRule, Guard, RULES_TOGETHER_MAX, ReasonCode, To,
};
use crate::id::{ClientId, DeviceId, EpochId, OpHash, PackId};
use crate::pack::note::{Pii, TAG_BYTES_MAX, UnknownWord};
use crate::policy::Sensitivity;
use crate::policy::fold::Policy;
use kitbag_crypto::{CryptoRng, EpochKey, Hash, HashLabel, SEAL_OVERHEAD, SealLabel, open, seal};
use minicbor::{Decode, Encode};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;
use unicode_normalization::UnicodeNormalization;

/// The newest version of rules that this program writes and understands: that of rules that say when a
/// case is handed over, or name teams. All others are of a version before, so that older programs read
/// them.
pub const RULES_VERSION: u16 = 3;
/// The version of rules that name ids or a retention, and say nothing that is newer.
const NAMING_VERSION: u16 = 2;
/// The version of rules that say neither.
const PLAIN_VERSION: u16 = 1;
/// Bytes of encoded rules, at most: with padding and seal they stay below [`SEALED_RULES_BYTES_MAX`].
pub const RULES_BYTES_MAX: usize = 14 * 1024;
/// Bytes of sealed rules, at most: a quarter of an operation.
pub const SEALED_RULES_BYTES_MAX: usize = 16 * 1024;
/// Bytes of sealed rules, at least: the smallest bucket and what a seal adds.
pub const SEALED_RULES_BYTES_MIN: usize = 128 + SEAL_OVERHEAD;
/// Characters of a client's label, at most: it is read at a glance.
pub const CLIENT_CHARS_MAX: usize = 80;
/// Formats that one limit lists, at most: there are six.
pub const FORMATS_MAX: usize = 16;
/// Bytes of a format's name, at most.
pub const FORMAT_BYTES_MAX: usize = 16;
/// Purposes that one limit lists, at most; each no longer than a tag. As many as in a consent.
pub const RULE_PURPOSES_MAX: usize = 32;

/// Days that notes may be kept, at most: a hundred years.
pub const RETENTION_DAYS_MAX: u32 = 36_500;

/// The rules that one act sets, all of them: what it does not say is not ruled.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Rules {
    /// Format version: the lowest that has what they say. [`RulesChange::of`] sets it.
    #[n(0)]
    pub version: u16,
    /// Whom the pack belongs to.
    #[n(1)]
    pub client: Option<Client>,
    /// What kind of pack it is.
    #[n(2)]
    pub kind: Option<PackKind>,
    /// A note for which nobody says a sensitivity has this one, if it is above the pack's own default.
    #[n(3)]
    pub default_sensitivity: Option<Sensitivity>,
    /// What may leave in an export.
    #[n(4)]
    pub export: Limits,
    /// What may be moved, copied or derived into another pack.
    #[n(5)]
    pub pack: Limits,
    /// What an agent may read.
    #[n(6)]
    pub agent: Limits,
    /// What may be cited in a hand-off.
    #[n(7)]
    pub handoff: Limits,
    /// Ids that count as personal data, by how they are written.
    #[cbor(n(8), with = "named::or_absent", has_nil)]
    pub ids: BTreeSet<NamedId>,
    /// Fields whose values count as personal data.
    #[cbor(n(9), with = "named::or_absent", has_nil)]
    pub id_fields: BTreeSet<NamedField>,
    /// Days that notes may be kept after they were captured.
    #[n(10)]
    pub retention_days: Option<u32>,
    /// When a case is handed over, in the order that decides.
    #[cbor(n(11), with = "teams::listed", has_nil)]
    pub escalation: Vec<EscalationRule>,
    /// Reason codes of the pack's own.
    #[cbor(n(12), with = "named::or_absent", has_nil)]
    pub reason_codes: BTreeSet<ReasonCode>,
    /// What holds a hand-off back.
    #[cbor(n(13), with = "teams::guard", has_nil)]
    pub guard: Guard,
    /// Whom a hand-off to a team is for.
    #[cbor(n(14), with = "teams::or_absent", has_nil)]
    pub teams: Teams,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            version: PLAIN_VERSION,
            client: None,
            kind: None,
            default_sensitivity: None,
            export: Limits::default(),
            pack: Limits::default(),
            agent: Limits::default(),
            handoff: Limits::default(),
            ids: BTreeSet::new(),
            id_fields: BTreeSet::new(),
            retention_days: None,
            escalation: Vec::new(),
            reason_codes: BTreeSet::new(),
            guard: Guard::default(),
            teams: Teams::new(),
        }
    }
}

/// What may go to one destination. The default limits nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Limits {
    /// The highest sensitivity.
    #[n(0)]
    pub max_sensitivity: Option<Sensitivity>,
    /// The formats in which it may go; none listed, none allowed.
    #[n(1)]
    pub formats: Option<BTreeSet<String>>,
    /// What it may be for.
    #[n(2)]
    pub purposes: Option<Purposes>,
    /// Kinds of personal data that go only with a consent that was given.
    #[n(3)]
    pub require_consent: BTreeSet<Pii>,
    /// Whether personal data stays unless it is taken out.
    #[n(4)]
    pub redact_pii: bool,
}

/// What something may be for.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Purposes {
    /// Anything that is named.
    #[n(0)]
    Required,
    /// One of these; none listed, nothing.
    #[n(1)]
    Only(#[n(0)] BTreeSet<String>),
}

impl Purposes {
    /// Whether this purpose is one, or that none was named will do.
    pub fn allow(&self, purpose: Option<&str>) -> bool {
        match (self, purpose) {
            (_, None) => false,
            (Purposes::Required, Some(_)) => true,
            (Purposes::Only(listed), Some(purpose)) => listed.contains(purpose),
        }
    }

    /// What both allow.
    pub(crate) fn and(&self, other: &Purposes) -> Purposes {
        match (self, other) {
            (Purposes::Required, both) | (both, Purposes::Required) => both.clone(),
            (Purposes::Only(a), Purposes::Only(b)) => {
                Purposes::Only(a.intersection(b).cloned().collect())
            }
        }
    }
}

impl Limits {
    /// What both allow.
    #[must_use]
    pub fn and(&self, other: &Limits) -> Limits {
        let formats = both(&self.formats, &other.formats, |a, b| {
            a.intersection(b).cloned().collect()
        });
        Limits {
            max_sensitivity: both(&self.max_sensitivity, &other.max_sensitivity, |a, b| {
                *a.min(b)
            }),
            formats,
            purposes: both(&self.purposes, &other.purposes, Purposes::and),
            require_consent: &self.require_consent | &other.require_consent,
            redact_pii: self.redact_pii || other.redact_pii,
        }
    }

    fn check(&self) -> Result<(), RulesError> {
        for format in self.formats.iter().flatten() {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            let fits = (1..=FORMAT_BYTES_MAX).contains(&format.len()) && format.chars().all(plain);
            rule(fits, "a format is a short lower-case word")?;
        }
        let formats = self.formats.as_ref().map_or(0, BTreeSet::len);
        rule(formats <= FORMATS_MAX, "too many formats")?;
        if let Some(Purposes::Only(listed)) = &self.purposes {
            rule(listed.len() <= RULE_PURPOSES_MAX, "too many purposes")?;
            for purpose in listed {
                let fits = !purpose.trim().is_empty() && purpose.len() <= TAG_BYTES_MAX;
                rule(fits, "a purpose has between one and 64 bytes")?;
                rule(is_one_line(purpose), "a purpose is one line")?;
            }
        }
        Ok(())
    }
}

/// A client, by the label that people read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(transparent)]
pub struct Client(#[n(0)] String);

impl Client {
    /// A client of this label, without space around it.
    ///
    /// # Errors
    /// [`RulesError::Rule`] if it is empty, too long, not one line, or holds characters that nobody
    /// sees or that turn the writing round.
    pub fn new(label: &str) -> Result<Client, RulesError> {
        let client = Client(label.trim().to_owned());
        client.check()?;
        Ok(client)
    }

    /// The label.
    pub fn label(&self) -> &str {
        &self.0
    }

    /// The same for all spellings of a label that differ in case, space, width or composition only:
    /// `H(Client, normalised label)`.
    pub fn id(&self) -> ClientId {
        let spaced: Vec<&str> = self.0.split_whitespace().collect();
        let folded = spaced.join(" ").nfkc().collect::<String>().to_lowercase();
        let folded: String = folded.nfkc().collect();
        let spaced: Vec<&str> = folded.split_whitespace().collect();
        Hash::of(HashLabel::Client, &[spaced.join(" ").as_bytes()]).into()
    }

    fn check(&self) -> Result<(), RulesError> {
        let chars = self.0.chars().count();
        rule(
            (1..=CLIENT_CHARS_MAX).contains(&chars) && self.0 == self.0.trim(),
            "a client's label has between one and 80 characters",
        )?;
        rule(
            is_one_line(&self.0) && !self.0.contains(is_hidden),
            "a client's label is one line of characters that are seen",
        )
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What kind of pack it is: shown, and decides nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum PackKind {
    /// One matter of one client.
    #[n(0)]
    Case,
    /// Everything about one client.
    #[n(1)]
    Account,
    /// A piece of work.
    #[n(2)]
    Project,
    /// What many use.
    #[n(3)]
    Library,
    /// Where things arrive.
    #[n(4)]
    Inbox,
}

impl PackKind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [PackKind; 5] = [
        Self::Case,
        Self::Account,
        Self::Project,
        Self::Library,
        Self::Inbox,
    ];

    /// The word in commands.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Case => "case",
            Self::Account => "account",
            Self::Project => "project",
            Self::Library => "library",
            Self::Inbox => "inbox",
        }
    }
}

impl FromStr for PackKind {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        let unknown = || UnknownWord {
            what: "kind of pack",
            word: word.chars().take(32).collect(),
        };
        let mut all = Self::ALL.into_iter();
        all.find(|kind| kind.as_str() == word).ok_or_else(unknown)
    }
}

/// A Rules act as the fold leaves it: it counts, and nothing that counts replaced it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedRules {
    /// The operation that it stands in.
    pub op: OpHash,
    /// Whose device made it.
    pub device: DeviceId,
    /// The epoch of `public` under which it is sealed.
    pub epoch: EpochId,
    /// The sealed rules.
    pub sealed: Vec<u8>,
}

/// The rules of a pack as they are in force: of all Rules acts that count together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReleaseRules {
    /// Whom the pack belongs to: several only while acts of several admins stand beside each other.
    pub clients: BTreeMap<ClientId, Client>,
    /// What kinds of pack they say it is, ascending.
    pub kinds: BTreeSet<PackKind>,
    /// The least sensitivity of a note for which nobody says one.
    pub default_sensitivity: Option<Sensitivity>,
    /// What may leave in an export.
    pub export: Limits,
    /// What may be moved, copied or derived into another pack.
    pub pack: Limits,
    /// What an agent may read.
    pub agent: Limits,
    /// What may be cited in a hand-off.
    pub handoff: Limits,
    /// Ids that count as personal data: those of all.
    pub ids: BTreeSet<NamedId>,
    /// Fields whose values count as personal data: those of all.
    pub id_fields: BTreeSet<NamedField>,
    /// Days that notes may be kept after they were captured.
    pub retention_days: Option<u32>,
    /// When a case is handed over.
    pub escalation: Escalation,
    /// Whom a hand-off to a team is for: the persons that any of them names.
    pub teams: Teams,
}

impl ReleaseRules {
    /// What both allow. It matters neither which comes first nor whether one comes twice.
    #[must_use]
    pub fn and(&self, other: &ReleaseRules) -> ReleaseRules {
        let mut clients = self.clients.clone();
        for (id, client) in &other.clients {
            let known = clients.entry(*id).or_insert_with(|| client.clone());
            if client < known {
                *known = client.clone();
            }
        }
        ReleaseRules {
            clients,
            kinds: &self.kinds | &other.kinds,
            default_sensitivity: self.default_sensitivity.max(other.default_sensitivity),
            export: self.export.and(&other.export),
            pack: self.pack.and(&other.pack),
            agent: self.agent.and(&other.agent),
            handoff: self.handoff.and(&other.handoff),
            ids: &self.ids | &other.ids,
            id_fields: &self.id_fields | &other.id_fields,
            retention_days: both(&self.retention_days, &other.retention_days, |a, b| {
                *a.min(b)
            }),
            escalation: self.escalation.and(&other.escalation),
            teams: teams::and(&self.teams, &other.teams),
        }
    }

    /// Whether more ids or fields are named together than a scanner takes.
    fn names_too_many(&self) -> bool {
        self.ids.len() > IDS_TOGETHER_MAX || self.id_fields.len() > IDS_TOGETHER_MAX
    }

    /// Whether more rules or teams stand together than a decision asks.
    fn escalates_by_too_many(&self) -> bool {
        self.escalation.rules.len() > RULES_TOGETHER_MAX || self.teams.len() > TEAMS_TOGETHER_MAX
    }

    /// Whether nothing is ruled.
    pub fn is_empty(&self) -> bool {
        *self == ReleaseRules::default()
    }

    /// The rules that one act sets with this change. Of several clients or kinds none is chosen: the
    /// change has to say which.
    ///
    /// # Errors
    /// [`RulesError::Rule`] where the pack has several, or they would break a rule.
    pub fn changed(&self, change: &RulesChange) -> Result<Rules, RulesError> {
        rule(
            self.clients.len() <= 1 || change.replace || change.client != Setting::Keep,
            "admins named several clients at once: say which it is",
        )?;
        rule(
            self.kinds.len() <= 1 || change.replace || change.kind != Setting::Keep,
            "admins named several kinds of pack at once: say which it is",
        )?;
        let names_more = self.ids.len() > IDS_MAX && change.ids == Setting::Keep;
        let more = self.id_fields.len() > IDS_MAX && change.id_fields == Setting::Keep;
        rule(
            change.replace || !(names_more || more),
            "admins named more ids apart from each other than rules hold: say which they are",
        )?;
        rule(
            change.replace || change.sets_escalation() || self.escalation.fits_one_record(),
            "admins set escalation rules apart from each other: set them anew, all of them",
        )?;
        rule(
            change.replace || self.teams.len() <= TEAMS_MAX || change.teams_anew.is_some(),
            "admins made more teams apart from each other than rules hold: set the rules anew",
        )?;
        change.of(&Rules {
            version: PLAIN_VERSION,
            client: self.clients.values().next().cloned(),
            kind: self.kinds.first().copied(),
            default_sensitivity: self.default_sensitivity,
            export: self.export.clone(),
            pack: self.pack.clone(),
            agent: self.agent.clone(),
            handoff: self.handoff.clone(),
            ids: self.ids.clone(),
            id_fields: self.id_fields.clone(),
            retention_days: self.retention_days,
            escalation: self.escalation.in_order().into_iter().cloned().collect(),
            reason_codes: self.escalation.reason_codes.clone(),
            guard: self.escalation.guards.one(),
            teams: self.teams.clone(),
        })
    }
}

impl From<Rules> for ReleaseRules {
    fn from(rules: Rules) -> ReleaseRules {
        ReleaseRules {
            clients: rules.client.into_iter().map(|c| (c.id(), c)).collect(),
            kinds: rules.kind.into_iter().collect(),
            default_sensitivity: rules.default_sensitivity,
            export: rules.export,
            pack: rules.pack,
            agent: rules.agent,
            handoff: rules.handoff,
            ids: rules.ids,
            id_fields: rules.id_fields,
            retention_days: rules.retention_days,
            escalation: Escalation::new(rules.escalation, rules.reason_codes, rules.guard),
            teams: rules.teams,
        }
    }
}

/// Why the rules of a pack cannot be read here, the one that is hardest to mend last. Nothing leaves
/// then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Error)]
pub enum Unreadable {
    /// The key has not arrived.
    #[error("the key to this pack's rules has not arrived here")]
    NoKey,
    /// They open to what is no rules: an admin has to set them anew.
    #[error("this pack's rules are malformed")]
    Malformed,
    /// Admins, apart from each other, named more ids than a device looks for: one has to set them anew.
    #[error("this pack's admins named more ids, apart from each other, than a device looks for")]
    TooManyIds,
    /// The same of escalation rules or teams.
    #[error(
        "this pack's admins set more escalation rules or teams, apart from each other, than a device asks"
    )]
    TooManyRules,
    /// They are of a newer version.
    #[error("this pack's rules are of a newer version")]
    NewerVersion,
    /// An operation of a newer version lies beside them; it might be rules.
    #[error("this pack's policy uses a newer version")]
    NewerOperation,
}

/// Why bytes are no rules.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RulesError {
    /// They do not open, or the frame inside is wrong.
    #[error("malformed rules")]
    Malformed,
    /// Not the one valid encoding.
    #[error(transparent)]
    Codec(CodecError),
    /// Of a version that this program does not know.
    #[error("rules of version {0}, which this program does not know")]
    NewerVersion(u16),
    /// Against a rule for their content.
    #[error("{0}")]
    Rule(&'static str),
}

impl From<EscalationError> for RulesError {
    fn from(EscalationError(text): EscalationError) -> RulesError {
        RulesError::Rule(text)
    }
}

impl Rules {
    /// Checks what an encoding alone does not.
    ///
    /// # Errors
    /// [`RulesError::Rule`].
    pub fn check(&self) -> Result<(), RulesError> {
        self.client.as_ref().map_or(Ok(()), Client::check)?;
        let all = [&self.export, &self.pack, &self.agent, &self.handoff];
        all.into_iter().try_for_each(Limits::check)?;
        named::check(&self.ids, &self.id_fields)?;
        rule(
            (self.retention_days).is_none_or(|days| (1..=RETENTION_DAYS_MAX).contains(&days)),
            "a retention has between one and 36500 days",
        )?;
        escalation::check(&self.escalation, &self.reason_codes, &self.guard)?;
        teams::check(&self.teams)?;
        let named = self.escalation.iter().filter_map(|rule| rule.to.as_ref());
        let mut teams = named.filter_map(|to| match to {
            To::Team(team) => Some(team),
            To::Person(_) | To::Role(_) => None,
        });
        rule(
            teams.all(|team| self.teams.contains_key(team)),
            "an escalation rule names a team that the pack does not have",
        )?;
        rule(
            self.version == self.lowest_version(),
            "rules have the lowest version that has what they say",
        )?;
        let bytes = codec::encode(self).len();
        rule(bytes <= RULES_BYTES_MAX, "too many rules at once")
    }

    /// The lowest version that has what they say.
    fn lowest_version(&self) -> u16 {
        let names =
            !self.ids.is_empty() || !self.id_fields.is_empty() || self.retention_days.is_some();
        let escalates = !self.escalation.is_empty()
            || !self.reason_codes.is_empty()
            || !self.guard.is_empty()
            || !self.teams.is_empty();
        match (escalates, names) {
            (true, _) => RULES_VERSION,
            (false, true) => NAMING_VERSION,
            (false, false) => PLAIN_VERSION,
        }
    }

    /// Seals them under an epoch of `public`, for an act of this device.
    ///
    /// # Errors
    /// [`RulesError::Rule`] if they break one.
    pub fn seal(
        &self,
        pack: PackId,
        epoch: EpochId,
        device: DeviceId,
        key: &EpochKey,
        rng: &mut dyn CryptoRng,
    ) -> Result<Vec<u8>, RulesError> {
        self.check()?;
        let plain = pack_frame(codec::encode(self), RULES_BYTES_MAX)
            .map_err(|_| RulesError::Rule("too many rules at once"))?;
        let header = header(pack, epoch, device);
        let key = key.danger_expose();
        let sealed = seal(SealLabel::Rules, &NO_SALT, key, &header, &plain, rng);
        Ok(sealed)
    }

    /// Opens what [`Rules::seal`] made.
    ///
    /// # Errors
    /// [`RulesError`] by cause.
    pub fn open(pack: PackId, of: &SealedRules, key: &EpochKey) -> Result<Rules, RulesError> {
        let header = header(pack, of.epoch, of.device);
        let key = key.danger_expose();
        let plain = open(SealLabel::Rules, &NO_SALT, key, &header, &of.sealed);
        let plain = plain.map_err(|_| RulesError::Malformed)?;
        let record = unpack_frame(&plain, RULES_BYTES_MAX).map_err(|_| RulesError::Malformed)?;
        Rules::decode(&record)
    }

    /// Reads the one valid encoding of rules.
    ///
    /// # Errors
    /// [`RulesError`] by cause.
    pub fn decode(record: &[u8]) -> Result<Rules, RulesError> {
        let newer = |error| match codec::newer_version(record, RULES_VERSION) {
            Some(version) => RulesError::NewerVersion(version),
            None => RulesError::Codec(error),
        };
        let rules: Rules = codec::decode(record, RULES_BYTES_MAX).map_err(newer)?;
        if rules.version > RULES_VERSION {
            return Err(RulesError::NewerVersion(rules.version));
        }
        rules.check()?;
        Ok(rules)
    }
}

/// The rules in force, read with the keys that this device holds. `key_of` gives an epoch's domain
/// and its key.
///
/// # Errors
/// [`Unreadable`] if any act that counts cannot be read: then nothing may leave.
pub fn in_force(
    policy: &Policy,
    key_of: impl Fn(&EpochId) -> Option<(Sensitivity, EpochKey)>,
) -> Result<ReleaseRules, Unreadable> {
    if policy.is_blocked() {
        return Err(Unreadable::NewerOperation);
    }
    let read = |sealed: &SealedRules| {
        let (domain, key) = key_of(&sealed.epoch).ok_or(Unreadable::NoKey)?;
        if domain != Sensitivity::Public {
            return Err(Unreadable::Malformed);
        }
        Rules::open(policy.pack(), sealed, &key).map_err(|error| match error {
            RulesError::NewerVersion(_) => Unreadable::NewerVersion,
            _ => Unreadable::Malformed,
        })
    };
    together(policy.rules().iter().map(read))
}

/// What all of them allow together, or what keeps one of them from being read.
fn together(
    all: impl Iterator<Item = Result<Rules, Unreadable>>,
) -> Result<ReleaseRules, Unreadable> {
    let mut worst = None;
    let mut together = ReleaseRules::default();
    for rules in all {
        match rules {
            Ok(rules) => together = together.and(&rules.into()),
            Err(unreadable) => worst = worst.max(Some(unreadable)),
        }
    }
    if together.names_too_many() {
        worst = worst.max(Some(Unreadable::TooManyIds));
    }
    if together.escalates_by_too_many() {
        worst = worst.max(Some(Unreadable::TooManyRules));
    }
    worst.map_or(Ok(together), Err)
}

const NO_SALT: [u8; 32] = [0; 32];

/// Binds sealed rules to their pack, domain, epoch and author, so that nobody's can be passed off as
/// another pack's or another admin's.
fn header(pack: PackId, epoch: EpochId, device: DeviceId) -> Vec<u8> {
    codec::encode(&(pack, Sensitivity::Public, epoch, device))
}

fn both<T: Clone>(a: &Option<T>, b: &Option<T>, and: impl Fn(&T, &T) -> T) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(and(a, b)),
        (one, None) | (None, one) => one.clone(),
    }
}

fn rule(holds: bool, text: &'static str) -> Result<(), RulesError> {
    if holds {
        Ok(())
    } else {
        Err(RulesError::Rule(text))
    }
}

/// Whether a text is one line of characters that are seen.
pub(crate) fn is_seen_line(text: &str) -> bool {
    is_one_line(text) && !text.contains(is_hidden)
}

fn is_one_line(text: &str) -> bool {
    !text.contains(|c: char| c.is_control() || c == '\u{2028}' || c == '\u{2029}')
}

/// Characters that show nothing or turn the writing round: two labels that look alike would be two
/// clients, and a wall nobody sees.
fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests;
