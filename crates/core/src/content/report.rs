//! Reports: what a device says about the reads, exports and denials that happened on it.
//!
//! They travel in the device's own logs, in the log of the sensitivity that they speak of, so the
//! keys that open a note open the reports about it and no others do. A report is a statement of a
//! device about itself, like its profile, and travels as an entry of that kind under another tag:
//! who may read may report, nobody vouches for it, and a program that knows no reports passes them
//! on and shows nothing.
//!
//! Who read is never a field: it is the device whose log holds the report.
//! Spec: `docs/spec/audit.md`.

use crate::codec::{self, CodecError};
use crate::content::{LogPosition, SignedHead};
use crate::id::{DeviceId, EntryHash, ItemId, LogId, ObjectTag, PackId, SignatureBytes, Timestamp};
use crate::policy::Sensitivity;
use kitbag_crypto::{Hash, HashLabel, SignLabel, SigningKey};
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use thiserror::Error;

/// Reports in one entry, at most: a longer list of them goes into several.
pub const REPORTS_MAX: usize = 64;
/// Bytes of one report, at most: an export that names as many notes as it may, and room beside.
pub const REPORT_BYTES_MAX: usize = 24 * 1024;
/// Bytes of the reports of one entry together, at most: several exports, far below a body's limit.
pub const REPORTS_BYTES_MAX: usize = 64 * 1024;
/// Notes that the report of an export names, at most: 16 KiB of them. Beyond, it only counts.
pub const NAMED_NOTES_MAX: usize = 2_048;
/// Rules in one report, at most: there are fewer than that.
pub const RULES_MAX: usize = 32;
/// Bytes of a word in a report, at most: rules, formats, names of programs.
pub const WORD_BYTES_MAX: usize = 64;
/// Bytes of a row of a device's own list, at most.
pub const OWN_REPORT_BYTES_MAX: usize = REPORT_BYTES_MAX + 256;

/// The tag of a device's reports: `H(ObjectTag, "report", pack, device)`.
pub fn report_tag(pack: PackId, device: DeviceId) -> ObjectTag {
    Hash::of(
        HashLabel::ObjectTag,
        &[b"report", pack.as_bytes(), device.as_bytes()],
    )
    .into()
}

/// Reports of one entry, each as its bytes, so that one of a newer shape hides no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reports(Vec<ByteVec>);

impl Reports {
    /// These; none if they are too many or too long for one entry, or there is none.
    pub fn new(reports: Vec<Vec<u8>>) -> Option<Reports> {
        let reports = Reports(reports.into_iter().map(ByteVec::from).collect());
        reports.is_within_limits().then_some(reports)
    }

    /// Each as its bytes.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(|bytes| bytes.as_slice())
    }

    fn is_within_limits(&self) -> bool {
        let longest = self.iter().map(<[u8]>::len).max();
        let bytes: usize = self.iter().map(<[u8]>::len).sum();
        self.0.len() <= REPORTS_MAX
            && longest.is_some_and(|longest| longest <= REPORT_BYTES_MAX)
            && bytes <= REPORTS_BYTES_MAX
    }
}

impl<C> Encode<C> for Reports {
    fn encode<W: encode::Write>(
        &self,
        e: &mut Encoder<W>,
        ctx: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        self.0.encode(e, ctx)
    }
}

impl<'b, C> Decode<'b, C> for Reports {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Reports, decode::Error> {
        let reports = Reports(Vec::decode(d, ctx)?);
        match reports.is_within_limits() {
            true => Ok(reports),
            false => Err(decode::Error::message("reports beyond their limits")),
        }
    }
}

/// One report.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Report {
    /// When, by the device's clock: display data.
    #[n(0)]
    pub at: Timestamp,
    /// When last, if it happened more than once.
    #[n(1)]
    pub last: Option<Timestamp>,
    /// How often, if more than once.
    #[n(2)]
    pub times: Option<u32>,
    /// By which way the device was asked.
    #[n(3)]
    pub via: Via,
    /// What happened.
    #[n(4)]
    pub what: Reported,
}

/// By which way a device was asked, as the device knows it. The names are untrusted text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum Via {
    /// The command line.
    #[n(0)]
    Command,
    /// Another program of the person.
    #[n(1)]
    Program(#[n(0)] String),
    /// An agent.
    #[n(2)]
    Agent(#[n(0)] String),
    /// The page in the browser.
    #[n(3)]
    Page,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Reported {
    /// A note was opened for somebody.
    #[n(0)]
    #[cbor(map)]
    Read {
        /// Which.
        #[n(0)]
        item: ItemId,
        /// What of it.
        #[n(1)]
        part: ReadPart,
    },
    /// Notes left in an export.
    #[n(1)]
    Export(#[n(0)] Exported),
    /// Something was refused.
    #[n(2)]
    #[cbor(map)]
    Denial {
        /// What was asked for: `export`, `request`, ….
        #[n(0)]
        asked: String,
        /// The rule that decided, by its name.
        #[n(1)]
        rule: String,
    },
}

/// What of a note was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum ReadPart {
    /// As it stands.
    #[n(0)]
    Now,
    /// All its versions.
    #[n(1)]
    History,
}

/// What an export took at one sensitivity.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Exported {
    /// The same in the reports about one export at several sensitivities, and nowhere else.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub id: [u8; 16],
    /// Notes of this sensitivity in it.
    #[n(1)]
    pub held: u32,
    /// Notes of this sensitivity that stayed, by the rule that kept them; names ascending.
    #[n(2)]
    pub withheld: Vec<(String, u32)>,
    /// The beginnings of the ids of those in it, ascending; as many as there is room for.
    #[n(3)]
    pub notes: Vec<NoteStart>,
    /// What it was as a whole, as far as this sensitivity.
    #[n(4)]
    pub whole: Option<ExportedWhole>,
    /// What was written, as the program that wrote it told afterwards; only at the highest sensitivity
    /// that the person opens, since whoever knows most of a text can guess the rest of its hash, and an
    /// export says how much stayed.
    #[n(5)]
    pub written: Option<Written>,
}

/// The first eight bytes of a note's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(transparent)]
pub struct NoteStart(
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    [u8; 8],
);

impl NoteStart {
    /// Of this note.
    pub fn of(item: &ItemId) -> NoteStart {
        let mut start = [0; 8];
        start.copy_from_slice(&item.as_bytes()[..8]);
        NoteStart(start)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

/// An export as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ExportedWhole {
    /// Nothing above this was in it; never above the sensitivity at which it is told.
    #[n(0)]
    pub max_sensitivity: Sensitivity,
    /// In which format.
    #[n(1)]
    pub format: Option<String>,
    /// What it was for, as somebody said.
    #[n(2)]
    pub purpose: Option<String>,
    /// Whether it crossed from one client to another, because a person said that it may.
    #[n(3)]
    pub crosses_clients: bool,
    /// Into which pack, if it is a note that was moved or copied.
    #[n(4)]
    pub into: Option<PackId>,
}

/// What a program wrote of an export.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Written {
    /// SHA-256 of all its bytes.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub sha256: [u8; 32],
    /// How many they are.
    #[n(1)]
    pub bytes: u64,
    /// Where to.
    #[n(2)]
    pub to: WrittenTo,
}

/// Where an export was written. Never a path: that is content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum WrittenTo {
    /// The standard output of a command.
    #[n(0)]
    Output,
    /// A file.
    #[n(1)]
    File,
}

/// Bytes that are no report that this program knows: malformed, or of a newer shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("no report that this version knows")]
pub struct UnknownReport;

impl Report {
    /// Something that happened once.
    pub fn once(at: Timestamp, via: Via, what: Reported) -> Report {
        Report {
            at,
            last: None,
            times: None,
            via,
            what,
        }
    }

    /// Counts that the same happened again.
    pub fn again(&mut self, at: Timestamp) {
        self.times = Some(self.times.unwrap_or(1).saturating_add(1));
        self.last = Some(at.max(self.last.unwrap_or(self.at)).max(self.at));
    }

    /// How often.
    pub fn count(&self) -> u32 {
        self.times.unwrap_or(1)
    }

    /// When last.
    pub fn until(&self) -> Timestamp {
        self.last.unwrap_or(self.at)
    }

    /// Its bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads one, and checks that it keeps to its limits.
    ///
    /// # Errors
    /// [`UnknownReport`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Report, UnknownReport> {
        let report: Report =
            codec::decode(bytes, REPORT_BYTES_MAX).map_err(|_: CodecError| UnknownReport)?;
        report.is_sound().then_some(report).ok_or(UnknownReport)
    }

    fn is_sound(&self) -> bool {
        let counted = match (self.times, self.last) {
            (None, None) => true,
            (Some(times), Some(last)) => times > 1 && last >= self.at,
            _ => false,
        };
        let via = match &self.via {
            Via::Command | Via::Page => true,
            Via::Program(name) | Via::Agent(name) => is_word(name),
        };
        let what = match &self.what {
            Reported::Read { .. } => true,
            Reported::Denial { asked, rule } => is_word(asked) && is_word(rule),
            Reported::Export(export) => export.is_sound(),
        };
        counted && via && what
    }
}

impl Exported {
    fn is_sound(&self) -> bool {
        let rules = &self.withheld;
        let whole = self.whole.as_ref().is_none_or(|whole| {
            let mut words = whole.format.iter().chain(&whole.purpose);
            words.all(|word| is_word(word))
        });
        rules.len() <= RULES_MAX
            && rules.is_sorted_by(|a, b| a.0 < b.0)
            && rules
                .iter()
                .all(|(rule, count)| is_word(rule) && *count > 0)
            && self.notes.len() <= NAMED_NOTES_MAX
            && self.notes.is_sorted_by(|a, b| a < b)
            && self.notes.len() <= self.held as usize
            && whole
    }
}

/// A short text on one line, and not empty. It may say anything: it is shown escaped.
fn is_word(text: &str) -> bool {
    (1..=WORD_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// A row of the list that a device keeps for itself: reports that no pack could take.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct OwnReport {
    /// Format version, 1.
    #[n(0)]
    pub version: u16,
    /// The device.
    #[n(1)]
    pub device: DeviceId,
    /// Position in the list, from 0.
    #[n(2)]
    pub seq: u64,
    /// Hash of the row before it; absent in the first.
    #[n(3)]
    pub prev: Option<EntryHash>,
    /// The pack that it speaks of, if it speaks of one.
    #[n(4)]
    pub pack: Option<PackId>,
    /// The [`Report`].
    #[n(5)]
    #[cbor(with = "minicbor::bytes")]
    pub report: Vec<u8>,
}

/// A row with its device's signature over its place.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct SignedOwnReport {
    /// The [`OwnReport`].
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    row: Vec<u8>,
    /// By the device, over the encoded position of the row in its list.
    #[n(1)]
    signature: SignatureBytes,
}

/// Why a row is none of a device's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OwnReportRefused {
    /// Not the one valid encoding, or of another version.
    #[error("malformed row")]
    Malformed,
    /// Of another device.
    #[error("row of another device")]
    OtherDevice,
    /// The signature does not hold.
    #[error("row is not signed by its device")]
    BadSignature,
}

/// The list of a device as a log: `H(Log, "reports", device)`.
fn own_log(device: DeviceId) -> LogId {
    Hash::of(HashLabel::Log, &[b"reports", device.as_bytes()]).into()
}

impl SignedOwnReport {
    /// Signs a row.
    ///
    /// # Panics
    /// If the row is not the key's: a mistake of the caller.
    pub fn sign(row: &OwnReport, key: &SigningKey) -> SignedOwnReport {
        assert_eq!(
            row.device,
            DeviceId::from(key.verifying_key()),
            "a row is signed by its device"
        );
        let bytes = codec::encode(row);
        let position = position(row, &bytes);
        SignedOwnReport {
            signature: SignedHead::sign(position, key).signature,
            row: bytes,
        }
    }

    /// Its bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// The hash by which the next row names it.
    pub fn hash(&self) -> EntryHash {
        row_hash(&self.row)
    }

    /// Reads and verifies a row of this device's list; gives the row and its hash.
    ///
    /// # Errors
    /// [`OwnReportRefused`] by cause.
    pub fn open(
        bytes: &[u8],
        device: DeviceId,
    ) -> Result<(OwnReport, EntryHash), OwnReportRefused> {
        let malformed = |_: CodecError| OwnReportRefused::Malformed;
        let signed: SignedOwnReport =
            codec::decode(bytes, OWN_REPORT_BYTES_MAX + 128).map_err(malformed)?;
        let row: OwnReport = codec::decode(&signed.row, OWN_REPORT_BYTES_MAX).map_err(malformed)?;
        if row.version != 1 || (row.seq == 0) != row.prev.is_none() {
            return Err(OwnReportRefused::Malformed);
        }
        if row.device != device {
            return Err(OwnReportRefused::OtherDevice);
        }
        let position = position(&row, &signed.row);
        let key = device.verifying_key();
        let key = key.map_err(|_| OwnReportRefused::BadSignature)?;
        key.verify(
            SignLabel::ContentHead,
            &codec::encode(&position),
            &signed.signature.0,
        )
        .map_err(|_| OwnReportRefused::BadSignature)?;
        Ok((row, position.hash))
    }
}

fn position(row: &OwnReport, bytes: &[u8]) -> LogPosition {
    LogPosition {
        log: own_log(row.device),
        seq: row.seq,
        hash: row_hash(bytes),
    }
}

fn row_hash(bytes: &[u8]) -> EntryHash {
    Hash::of(HashLabel::Entry, &[b"report", bytes]).into()
}

#[cfg(test)]
mod tests;
