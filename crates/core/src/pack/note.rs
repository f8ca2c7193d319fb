//! A note as its fields: the record that travels in a create entry, and the view that people read.
//!
//! A record is plain data in canonical CBOR. Who wrote it, where it stands and how sensitive it is
//! are said by the entry around it; the record says what the note is and where it comes from.
//! Its provenance (`source`, `produced_by`, `confidence`, `supersedes`, `derived_from`) never changes;
//! the other fields may be edited, see [`super::Edit`]. Kinds of personal data only become more than the
//! record states, unless the edit that stated them is taken back.
//! Text is data: kept as it came, never normalised. Escaping for a screen is the front end's part.
//! Spec: `docs/spec/notes.md`.

use super::long_text::{BEGINNING_BYTES_MAX, LongText};
use crate::codec::{self, CodecError};
use crate::id::{ImportKey, ItemId, LogId, ObjectTag, PackId, Timestamp};
use crate::policy::Sensitivity;
use kitbag_crypto::{Hash, HashLabel, Hasher};
use minicbor::{Decode, Decoder, Encode};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// The version of records that this program writes and understands. It also decides how the first
/// change of the note's document is derived.
pub const RECORD_VERSION: u16 = 1;
/// Bytes of one encoded record, at most: the sum of the limits below leaves room.
pub const RECORD_BYTES_MAX: usize = 128 * 1024;
/// Bytes of a note's text in its record, at most; what is longer stands in parts beside it.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a title, at most.
pub const TITLE_BYTES_MAX: usize = 1024;
/// Characters of a source label, at most: it is read at a glance.
pub const LABEL_CHARS_MAX: usize = 200;
/// Tags of one note, at most.
pub const TAGS_MAX: usize = 64;
/// Bytes of one tag, at most.
pub const TAG_BYTES_MAX: usize = 64;
/// Bytes of a short text beside the label (application, author, agent, model, subject), at most.
pub const NAME_BYTES_MAX: usize = 800;
/// Bytes of a URI, at most.
pub const URI_BYTES_MAX: usize = 4096;
/// Bytes of a locator, an evidence or a prompt reference, at most.
pub const REFERENCE_BYTES_MAX: usize = 2048;
/// Purposes of one consent, at most; each no longer than a tag.
pub const PURPOSES_MAX: usize = 32;
/// Notes that one note supersedes or is derived from, at most, of each kind.
pub const LINKS_MAX: usize = 256;
/// Bytes of the reason for which a note was redacted, at most.
pub const REASON_BYTES_MAX: usize = 1024;
/// A confidence of one, in thousandths.
pub const CONFIDENCE_MAX: u16 = 1000;
/// The last instant that a date may name: the end of the year 9999, so that every date can be shown.
pub const DATE_MAX: Timestamp = Timestamp::from_millis(253_402_300_799_999);

/// A word that names no value of its kind.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("unknown {what} {word:?}")]
pub struct UnknownWord {
    /// What was expected.
    pub what: &'static str,
    /// What stood there, shortened.
    pub word: String,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $what:literal { $($(#[$vdoc:meta])* $variant:ident: $n:tt = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
        #[cbor(index_only)]
        pub enum $name { $($(#[$vdoc])* #[n($n)] $variant,)* }

        impl $name {
            /// All values, in the order of their numbers.
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];

            /// The word in commands and exports.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                let unknown = || UnknownWord { what: $what, word: word.chars().take(32).collect() };
                Self::ALL.iter().copied().find(|v| v.as_str() == word).ok_or_else(unknown)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

pub(crate) use words;

words! {
    /// What kind of thing a note is.
    NoteType, "note type" {
        /// Something written down.
        Note: 0 = "note",
        /// A piece of something longer.
        Snippet: 1 = "snippet",
        /// One message of a conversation.
        Message: 2 = "message",
        /// A row or object of another system.
        Record: 3 = "record",
        /// A file.
        File: 4 = "file",
        /// A link.
        Link: 5 = "link",
        /// A decision and its reason.
        Decision: 6 = "decision",
        /// A summary of other notes.
        Summary: 7 = "summary",
        /// How something ended.
        Outcome: 8 = "outcome",
        /// A prompt.
        Prompt: 9 = "prompt",
        /// A template.
        Template: 10 = "template",
    }
}

words! {
    /// By which way a note came in.
    SourceKind, "source kind" {
        /// Copied.
        Clipboard: 0 = "clipboard",
        /// A page.
        Url: 1 = "url",
        /// A file.
        File: 2 = "file",
        /// A conversation.
        Chat: 3 = "chat",
        /// Mail.
        Email: 4 = "email",
        /// A customer system.
        Crm: 5 = "crm",
        /// A phone call.
        Call: 6 = "call",
        /// Standard input.
        Stdin: 7 = "stdin",
        /// An agent's own words.
        Agent: 8 = "agent",
        /// Typed by a person.
        Manual: 9 = "manual",
    }
}

words! {
    /// How far the source may be trusted. Set by the daemon.
    Trust, "trust" {
        /// A person of the pack, or a system they run.
        FirstParty: 0 = "first_party",
        /// A known party outside.
        ThirdParty: 1 = "third_party",
        /// Anything else: data, never an instruction.
        UntrustedExternal: 2 = "untrusted_external",
    }
}

words! {
    /// A kind of personal data that a note holds.
    Pii, "kind of personal data" {
        /// A person's name.
        Name: 0 = "name",
        /// A mail address.
        Email: 1 = "email",
        /// A phone number.
        Phone: 2 = "phone",
        /// A postal address.
        Address: 3 = "address",
        /// A date of birth.
        DateOfBirth: 4 = "date_of_birth",
        /// A payment card.
        PaymentCard: 5 = "payment_card",
        /// A bank account.
        BankAccount: 6 = "bank_account",
        /// A number given by a state: passport, tax, social security.
        NationalId: 7 = "national_id",
        /// Health.
        Health: 8 = "health",
        /// A place where somebody was.
        Location: 9 = "location",
        /// A network address or a device's identifier.
        DeviceIdentifier: 10 = "device_identifier",
        /// A password, key or token.
        Credential: 11 = "credential",
        /// Any other.
        Other: 12 = "other",
    }
}

words! {
    /// What the person concerned said about the use of a note. Ordered: the later, the more it forbids.
    ConsentStatus, "consent status" {
        /// Nobody need be asked.
        NotRequired: 0 = "not_required",
        /// Given.
        Granted: 1 = "granted",
        /// Given for the listed purposes only.
        Limited: 2 = "limited",
        /// Asked, not yet answered.
        Pending: 3 = "pending",
        /// Once given, over.
        Expired: 4 = "expired",
        /// Refused.
        Refused: 5 = "refused",
        /// Taken back; outranks everything.
        Withdrawn: 6 = "withdrawn",
    }
}

words! {
    /// What kind of statement a note makes.
    Claim, "claim" {
        /// Seen or heard.
        Observation: 0 = "observation",
        /// Concluded.
        Inference: 1 = "inference",
        /// Checked by somebody.
        Verified: 2 = "verified",
        /// An instruction.
        Directive: 3 = "directive",
    }
}

words! {
    /// Where a note stands in its life. Ordered: the later, the less it is used.
    Status, "status" {
        /// In use.
        Active: 0 = "active",
        /// Replaced by another note.
        Superseded: 1 = "superseded",
        /// Deleted: put away by somebody, and can be restored.
        Archived: 2 = "archived",
        /// Past its date.
        Expired: 3 = "expired",
        /// Its content was taken out; the shell stays.
        Redacted: 4 = "redacted",
    }
}

impl Status {
    /// Of a note that somebody deleted. No other status says so, and only the stricter ones
    /// outlast it.
    pub const DELETED: Status = Status::Archived;

    /// Whether somebody deleted the note.
    pub fn is_deleted(self) -> bool {
        self == Status::DELETED
    }
}

/// Where a note comes from.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Source {
    /// By which way it came in.
    #[n(0)]
    pub kind: SourceKind,
    /// A label made for a human ("CRM · Acme · row 14"); required, one line.
    #[n(1)]
    pub label: String,
    /// Its address.
    #[n(2)]
    pub uri: Option<String>,
    /// The application it was taken from.
    #[n(3)]
    pub app: Option<String>,
    /// Who wrote it there.
    #[n(4)]
    pub author: Option<String>,
    /// Where inside the source: a row, page, minute or message.
    #[n(5)]
    pub locator: Option<String>,
    /// When it was taken in.
    #[n(6)]
    pub captured_at: Timestamp,
    /// When it was true or was said.
    #[n(7)]
    pub observed_at: Option<Timestamp>,
    /// The device or agent that took it in; set by the daemon, never by its caller.
    #[n(8)]
    pub captured_by: String,
    /// How far it may be trusted; set by the daemon, never by its caller.
    #[n(9)]
    pub trust: Trust,
}

/// What wrote a note, if no person did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ProducedBy {
    /// The agent.
    #[n(0)]
    pub agent: Option<String>,
    /// Its model.
    #[n(1)]
    pub model: Option<String>,
    /// Which prompt or run.
    #[n(2)]
    pub prompt: Option<String>,
}

/// What the person concerned said about the use of a note. One statement: it is replaced as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Consent {
    /// The answer.
    #[n(0)]
    pub status: ConsentStatus,
    /// For what; empty means for anything if the status is `granted`, for nothing if it is `limited`.
    #[n(1)]
    pub purposes: BTreeSet<String>,
    /// Whom the note is about.
    #[n(2)]
    pub subject: Option<String>,
    /// When it was given.
    #[n(3)]
    pub given_at: Option<Timestamp>,
    /// When it ends.
    #[n(4)]
    pub expires_at: Option<Timestamp>,
    /// What shows it.
    #[n(5)]
    pub evidence: Option<String>,
}

impl Consent {
    /// A statement with this status and nothing else.
    pub fn new(status: ConsentStatus) -> Consent {
        Consent {
            status,
            purposes: BTreeSet::new(),
            subject: None,
            given_at: None,
            expires_at: None,
            evidence: None,
        }
    }

    /// Whether it allows this purpose, its end date aside.
    pub fn allows(&self, purpose: &str) -> bool {
        let listed = self.purposes.contains(purpose);
        match self.status {
            ConsentStatus::NotRequired => true,
            ConsentStatus::Granted => listed || self.purposes.is_empty(),
            ConsentStatus::Limited => listed,
            ConsentStatus::Pending
            | ConsentStatus::Expired
            | ConsentStatus::Refused
            | ConsentStatus::Withdrawn => false,
        }
    }

    /// What is left when several statements stand beside each other: nothing is allowed that one of
    /// them forbids.
    ///
    /// The text of the strictest statement stands (of equally strict ones the lowest encoding), with
    /// the common purposes and the earliest end.
    pub fn strictest(statements: impl IntoIterator<Item = Consent>) -> Option<Consent> {
        let mut all: Vec<Consent> = statements.into_iter().collect();
        all.sort_by_cached_key(|c| (std::cmp::Reverse(c.status), codec::encode(c)));
        let mut result = all.first()?.clone();
        result.expires_at = all.iter().filter_map(|c| c.expires_at).min();
        let mut common: Option<BTreeSet<String>> = None;
        for list in all.iter().filter_map(Consent::only_for) {
            common = Some(
                common.map_or_else(|| list.clone(), |c| c.intersection(list).cloned().collect()),
            );
        }
        if let Some(common) = common {
            // An empty list under `granted` would mean everything.
            if result.status == ConsentStatus::Granted && common.is_empty() {
                result.status = ConsentStatus::Limited;
            }
            result.purposes = common;
        }
        Some(result)
    }

    /// The purposes outside which this statement forbids, if it names them.
    fn only_for(&self) -> Option<&BTreeSet<String>> {
        match self.status {
            ConsentStatus::Granted if !self.purposes.is_empty() => Some(&self.purposes),
            ConsentStatus::Limited => Some(&self.purposes),
            _ => None,
        }
    }

    /// Checks its limits.
    ///
    /// # Errors
    /// [`NoteError`] by field.
    pub fn check(&self) -> Result<(), NoteError> {
        at_most(Field::Purposes, self.purposes.len(), PURPOSES_MAX)?;
        self.purposes
            .iter()
            .try_for_each(|purpose| word(Field::Purposes, purpose))?;
        short(Field::Subject, self.subject.as_ref(), NAME_BYTES_MAX)?;
        short(Field::Evidence, self.evidence.as_ref(), REFERENCE_BYTES_MAX)?;
        date(Field::GivenAt, self.given_at)?;
        date(Field::ExpiresAt, self.expires_at)
    }
}

/// A note as it travels in its create entry.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Record {
    /// Format version.
    #[n(0)]
    pub version: u16,
    /// Random, so that the note's id says nothing.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub salt: [u8; 16],
    /// What kind of thing it is.
    #[n(2)]
    pub note_type: NoteType,
    /// One line; may be empty.
    #[n(3)]
    pub title: String,
    /// The text; of one that stands in parts the beginning.
    #[n(4)]
    pub body: String,
    /// One line each.
    #[n(5)]
    pub tags: BTreeSet<String>,
    /// Where it comes from.
    #[n(6)]
    pub source: Source,
    /// What wrote it, if no person did.
    #[n(7)]
    pub produced_by: Option<ProducedBy>,
    /// The kinds of personal data found in it.
    #[n(8)]
    pub pii: BTreeSet<Pii>,
    /// What the person concerned said.
    #[n(9)]
    pub consent: Option<Consent>,
    /// What kind of statement it makes.
    #[n(10)]
    pub claim: Option<Claim>,
    /// How sure an agent is, in thousandths.
    #[n(11)]
    pub confidence: Option<u16>,
    /// Where it stands in its life.
    #[n(12)]
    pub status: Status,
    /// Kept in front.
    #[n(13)]
    pub pinned: bool,
    /// The notes that it replaces.
    #[n(14)]
    pub supersedes: BTreeSet<ItemId>,
    /// The notes that it was made from.
    #[n(15)]
    pub derived_from: BTreeSet<ItemId>,
    /// True from.
    #[n(16)]
    pub valid_from: Option<Timestamp>,
    /// True until.
    #[n(17)]
    pub valid_to: Option<Timestamp>,
    /// To be looked at again.
    #[n(18)]
    pub review_after: Option<Timestamp>,
    /// Hidden after.
    #[n(19)]
    pub expires_at: Option<Timestamp>,
    /// The text, if it is too long for a record and stands in parts.
    #[n(20)]
    pub long: Option<LongText>,
    /// Its place in another system, if it was imported.
    #[n(21)]
    pub import: Option<ImportKey>,
}

impl Record {
    /// A note with the required fields; the rest is absent, empty or `active`.
    pub fn new(salt: [u8; 16], note_type: NoteType, source: Source) -> Record {
        Record {
            version: RECORD_VERSION,
            salt,
            note_type,
            title: String::new(),
            body: String::new(),
            tags: BTreeSet::new(),
            source,
            produced_by: None,
            pii: BTreeSet::new(),
            consent: None,
            claim: None,
            confidence: None,
            status: Status::Active,
            pinned: false,
            supersedes: BTreeSet::new(),
            derived_from: BTreeSet::new(),
            valid_from: None,
            valid_to: None,
            review_after: None,
            expires_at: None,
            long: None,
            import: None,
        }
    }

    /// Decodes and checks a record.
    ///
    /// # Errors
    /// [`NoteError::NewerVersion`] before anything else is read; otherwise by cause.
    pub fn from_bytes(bytes: &[u8]) -> Result<Record, NoteError> {
        if peek_version(bytes).is_some_and(|version| version != RECORD_VERSION) {
            return Err(NoteError::NewerVersion);
        }
        let record: Record = codec::decode(bytes, RECORD_BYTES_MAX)?;
        record.check()?;
        Ok(record)
    }

    /// Its one valid encoding.
    pub fn to_bytes(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Checks every limit of a note.
    ///
    /// # Errors
    /// [`NoteError`] by field, the first that is found.
    pub fn check(&self) -> Result<(), NoteError> {
        if self.version != RECORD_VERSION {
            return Err(NoteError::NewerVersion);
        }
        check_title(&self.title)?;
        check_body(&self.body)?;
        if let Some(long) = &self.long {
            long.check()?;
            at_most(Field::Body, self.body.len(), BEGINNING_BYTES_MAX)?;
        }
        check_tags(&self.tags)?;
        self.source.check()?;
        if let Some(by) = &self.produced_by {
            short(Field::Agent, by.agent.as_ref(), NAME_BYTES_MAX)?;
            short(Field::Model, by.model.as_ref(), NAME_BYTES_MAX)?;
            short(Field::Prompt, by.prompt.as_ref(), REFERENCE_BYTES_MAX)?;
        }
        if let Some(consent) = &self.consent {
            consent.check()?;
        }
        if self.confidence.is_some_and(|c| c > CONFIDENCE_MAX) {
            return Err(NoteError::Confidence);
        }
        at_most(Field::Supersedes, self.supersedes.len(), LINKS_MAX)?;
        at_most(Field::DerivedFrom, self.derived_from.len(), LINKS_MAX)?;
        date(Field::ValidFrom, self.valid_from)?;
        date(Field::ValidTo, self.valid_to)?;
        date(Field::ReviewAfter, self.review_after)?;
        date(Field::ExpiresAt, self.expires_at)
    }

    /// Finds the same content from the same source again, when it is added or imported twice: of an
    /// imported note by its place there, type and text, whatever its source is called here; of any
    /// other by text and source.
    ///
    /// # Security
    /// A hash of guessable text: for local look-ups under a secret key only, never sent.
    pub fn fingerprint(&self) -> Hash {
        let some = |text: &Option<String>| text.clone().unwrap_or_default();
        let mut hasher = Hasher::new(HashLabel::Item);
        match &self.import {
            Some(key) => {
                hasher.part(b"imported");
                hasher.part(key.as_bytes());
                for part in [self.note_type.as_str(), &self.title, &self.body] {
                    hasher.part(part.as_bytes());
                }
            }
            None => {
                for part in [
                    "fingerprint",
                    &self.title,
                    &self.body,
                    self.source.kind.as_str(),
                    &self.source.label,
                    &some(&self.source.uri),
                    &some(&self.source.locator),
                ] {
                    hasher.part(part.as_bytes());
                }
            }
        }
        if let Some(long) = &self.long {
            hasher.part(&long.hash);
        }
        hasher.finish()
    }
}

impl Source {
    fn check(&self) -> Result<(), NoteError> {
        if self.label.trim().is_empty() {
            return Err(NoteError::EmptyLabel);
        }
        one_line(Field::Label, &self.label)?;
        at_most(Field::Label, self.label.chars().count(), LABEL_CHARS_MAX)?;
        short(Field::Uri, self.uri.as_ref(), URI_BYTES_MAX)?;
        short(Field::App, self.app.as_ref(), NAME_BYTES_MAX)?;
        short(Field::Author, self.author.as_ref(), NAME_BYTES_MAX)?;
        short(Field::Locator, self.locator.as_ref(), REFERENCE_BYTES_MAX)?;
        short(Field::CapturedBy, Some(&self.captured_by), NAME_BYTES_MAX)?;
        date(Field::CapturedAt, Some(self.captured_at))?;
        date(Field::ObservedAt, self.observed_at)
    }
}

/// The fields of a note that edits may change, as they stand now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteView {
    /// The title.
    pub title: String,
    /// The text.
    pub body: String,
    /// The tags.
    pub tags: BTreeSet<String>,
    /// Of several at once, the most restrictive.
    pub status: Status,
    /// Whether it is kept in front; of several at once, yes.
    pub pinned: bool,
    /// Of several at once, what none of them forbids.
    pub consent: Option<Consent>,
    /// True from; of several at once, the latest.
    pub valid_from: Option<Timestamp>,
    /// True until; of several at once, the earliest.
    pub valid_to: Option<Timestamp>,
    /// To be looked at again; of several at once, the earliest.
    pub review_after: Option<Timestamp>,
    /// Hidden after; of several at once, the earliest.
    pub expires_at: Option<Timestamp>,
    /// What kind of thing it is, if an edit says so; of several at once, the latest in the order of the
    /// words. What the record says stands otherwise.
    pub note_type: Option<NoteType>,
    /// What kind of statement it makes, if an edit says so; of several at once, the weakest. What the
    /// record says stands otherwise.
    pub claim: Option<Claim>,
    /// Kinds of personal data that edits brought in, beside those of the record; of several statements
    /// at once, all.
    pub pii: BTreeSet<Pii>,
    /// The notes that replaced it; of several at once, all.
    pub superseded_by: BTreeSet<ItemId>,
    /// Why its content was taken out; of several reasons at once, the lowest. It stays redacted while
    /// one stands.
    pub redacted: Option<String>,
}

impl NoteView {
    /// Whether its content was taken out. A deleted note can be redacted too.
    pub fn is_redacted(&self) -> bool {
        self.redacted.is_some() || self.status == Status::Redacted
    }

    /// The status by which is judged whether it may leave: a redacted note never does.
    pub fn status_to_judge(&self) -> Status {
        match self.is_redacted() {
            true => Status::Redacted,
            false => self.status,
        }
    }

    /// The same without content: what is left to see of a note that is redacted. Any other stays as it
    /// is.
    pub fn shell(mut self) -> NoteView {
        if self.is_redacted() {
            self.title.clear();
            self.body.clear();
            self.tags.clear();
            if let Some(consent) = &mut self.consent {
                consent.subject = None;
                consent.evidence = None;
            }
        }
        self
    }
}

impl Source {
    /// What is left of the source of a note that is redacted: by which way it came in, when, by whom.
    pub fn shell(&self) -> Source {
        Source {
            label: "redacted".to_owned(),
            uri: None,
            app: None,
            author: None,
            locator: None,
            ..self.clone()
        }
    }
}

impl Claim {
    /// The weaker of two statements: a conclusion is less than what was seen, and nothing is verified or
    /// ordered because one of two says so.
    pub fn weaker(self, other: Claim) -> Claim {
        let strength = |claim: Claim| match claim {
            Claim::Inference => 0,
            Claim::Observation => 1,
            Claim::Verified => 2,
            Claim::Directive => 3,
        };
        if strength(other) < strength(self) {
            other
        } else {
            self
        }
    }
}

/// Checks the reason for which a note is redacted.
///
/// # Errors
/// [`NoteError`] for the field.
pub(crate) fn check_reason(reason: &str) -> Result<(), NoteError> {
    if reason.trim().is_empty() {
        return Err(NoteError::EmptyReason);
    }
    one_line(Field::Reason, reason)?;
    at_most(Field::Reason, reason.len(), REASON_BYTES_MAX)
}

impl From<&Record> for NoteView {
    /// The view of a note that nobody has edited.
    fn from(record: &Record) -> NoteView {
        NoteView {
            title: record.title.clone(),
            body: record.body.clone(),
            tags: record.tags.clone(),
            status: record.status,
            pinned: record.pinned,
            consent: record.consent.clone(),
            valid_from: record.valid_from,
            valid_to: record.valid_to,
            review_after: record.review_after,
            expires_at: record.expires_at,
            note_type: None,
            claim: None,
            pii: BTreeSet::new(),
            superseded_by: BTreeSet::new(),
            redacted: None,
        }
    }
}

/// Names a note: `H(item, log, seq as eight big-endian bytes, salt)`. It does not depend on the
/// content, so that two equal notes have two names.
pub fn item_id(log: LogId, seq: u64, salt: &[u8; 16]) -> ItemId {
    Hash::of(HashLabel::Item, &[log.as_bytes(), &seq.to_be_bytes(), salt]).into()
}

/// The plaintext tag of a note's entries:
/// `H(object tag, pack, item, sensitivity as one byte, placement as eight big-endian bytes)`.
///
/// `placement` counts the note's moves between sensitivities, so that the entries before and after a
/// move stand under different tags.
pub fn object_tag(
    pack: PackId,
    item: ItemId,
    sensitivity: Sensitivity,
    placement: u64,
) -> ObjectTag {
    let parts: [&[u8]; 4] = [
        pack.as_bytes(),
        item.as_bytes(),
        &[sensitivity as u8],
        &placement.to_be_bytes(),
    ];
    Hash::of(HashLabel::ObjectTag, &parts).into()
}

/// A field of a note, for messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Field {
    /// `title`
    Title,
    /// `body`
    Body,
    /// `tags`
    Tags,
    /// `source.label`
    Label,
    /// `source.uri`
    Uri,
    /// `source.app`
    App,
    /// `source.author`
    Author,
    /// `source.locator`
    Locator,
    /// `source.captured_at`
    CapturedAt,
    /// `source.observed_at`
    ObservedAt,
    /// `source.captured_by`
    CapturedBy,
    /// `produced_by.agent`
    Agent,
    /// `produced_by.model`
    Model,
    /// `produced_by.prompt`
    Prompt,
    /// `consent.purposes`
    Purposes,
    /// `consent.subject`
    Subject,
    /// `consent.given_at`
    GivenAt,
    /// `consent.evidence`
    Evidence,
    /// The reason of a redaction.
    Reason,
    /// The notes that replaced this one.
    SupersededBy,
    /// `supersedes`
    Supersedes,
    /// `derived_from`
    DerivedFrom,
    /// `valid_from`
    ValidFrom,
    /// `valid_to`
    ValidTo,
    /// `review_after`
    ReviewAfter,
    /// `expires_at`
    ExpiresAt,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Field::Title => "title",
            Field::Body => "body",
            Field::Tags => "tags",
            Field::Label => "source label",
            Field::Uri => "source uri",
            Field::App => "source app",
            Field::Author => "source author",
            Field::Locator => "source locator",
            Field::CapturedAt => "captured_at",
            Field::ObservedAt => "observed_at",
            Field::CapturedBy => "captured_by",
            Field::Agent => "agent",
            Field::Model => "model",
            Field::Prompt => "prompt",
            Field::Purposes => "consent purposes",
            Field::Subject => "consent subject",
            Field::GivenAt => "consent given_at",
            Field::Evidence => "consent evidence",
            Field::Reason => "reason",
            Field::SupersededBy => "superseded_by",
            Field::Supersedes => "supersedes",
            Field::DerivedFrom => "derived_from",
            Field::ValidFrom => "valid_from",
            Field::ValidTo => "valid_to",
            Field::ReviewAfter => "review_after",
            Field::ExpiresAt => "expires_at",
        })
    }
}

/// Why something cannot be a note.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NoteError {
    /// Not the one valid encoding of a record.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// Of a version that this program does not know.
    #[error("note of a newer version")]
    NewerVersion,
    /// A note must say where it comes from.
    #[error("source label is empty")]
    EmptyLabel,
    /// A redaction must say why.
    #[error("reason is empty")]
    EmptyReason,
    /// A tag or purpose without a letter.
    #[error("{0} contain an empty word")]
    EmptyWord(Field),
    /// Longer than this field may be.
    #[error("{field} too long: {length}, at most {limit}")]
    TooLong {
        /// The field.
        field: Field,
        /// Its length: characters of a label, elements of a list, bytes of any other.
        length: usize,
        /// The limit, in the same unit.
        limit: usize,
    },
    /// A line break or another control character where one line is wanted.
    #[error("{0} must be one line without control characters")]
    NotOneLine(Field),
    /// After the year 9999.
    #[error("{0} is no date")]
    BadDate(Field),
    /// A text that fits a record stands in it, never in parts.
    #[error("a text this short does not stand in parts")]
    NotLong,
    /// Above one.
    #[error("confidence above one")]
    Confidence,
}

/// Checks a title.
///
/// # Errors
/// [`NoteError`] by cause.
pub fn check_title(title: &str) -> Result<(), NoteError> {
    at_most(Field::Title, title.len(), TITLE_BYTES_MAX)?;
    one_line(Field::Title, title)
}

/// Checks a body.
///
/// # Errors
/// [`NoteError::TooLong`].
pub fn check_body(body: &str) -> Result<(), NoteError> {
    at_most(Field::Body, body.len(), BODY_BYTES_MAX)
}

/// Checks one tag.
///
/// # Errors
/// [`NoteError`] by cause.
pub fn check_tag(tag: &str) -> Result<(), NoteError> {
    word(Field::Tags, tag)
}

/// Checks a date.
///
/// # Errors
/// [`NoteError::BadDate`].
pub(crate) fn date(field: Field, date: Option<Timestamp>) -> Result<(), NoteError> {
    if date.is_some_and(|d| d > DATE_MAX) {
        Err(NoteError::BadDate(field))
    } else {
        Ok(())
    }
}

pub(crate) fn at_most(field: Field, length: usize, limit: usize) -> Result<(), NoteError> {
    if length <= limit {
        Ok(())
    } else {
        Err(NoteError::TooLong {
            field,
            length,
            limit,
        })
    }
}

fn check_tags(tags: &BTreeSet<String>) -> Result<(), NoteError> {
    at_most(Field::Tags, tags.len(), TAGS_MAX)?;
    tags.iter().try_for_each(|tag| check_tag(tag))
}

/// A tag or purpose.
fn word(field: Field, text: &str) -> Result<(), NoteError> {
    if text.trim().is_empty() {
        return Err(NoteError::EmptyWord(field));
    }
    at_most(field, text.len(), TAG_BYTES_MAX)?;
    one_line(field, text)
}

fn short(field: Field, text: Option<&String>, limit: usize) -> Result<(), NoteError> {
    at_most(field, text.map_or(0, String::len), limit)
}

fn one_line(field: Field, text: &str) -> Result<(), NoteError> {
    let breaks = |c: char| c.is_control() || c == '\u{2028}' || c == '\u{2029}';
    if text.contains(breaks) {
        Err(NoteError::NotOneLine(field))
    } else {
        Ok(())
    }
}

/// The version of an encoded record, read without the rest.
fn peek_version(bytes: &[u8]) -> Option<u16> {
    let mut decoder = Decoder::new(bytes);
    decoder.map().ok()??;
    if decoder.u8().ok()? == 0 {
        decoder.u16().ok()
    } else {
        None
    }
}
