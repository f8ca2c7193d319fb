//! The content plane's records: logs, entries, signed heads, and sealed bodies.
//!
//! A log belongs to one device, sensitivity, incarnation and grant; its id is the hash of a record
//! that says so, so the binding proves itself. An entry is a plaintext header in a hash chain and a
//! sealed body beside it. A device signs the newest head of a log with every durable commit; a
//! [`Run`] of entries is accepted only together with a signed head that covers it.
//!
//! Nothing here decides who may write: that is the policy's, and is asked again whenever it changes.
//! Spec: `docs/spec/content.md`.

mod body;
pub mod branches;
mod relocation;
pub mod report;

pub use body::{
    BODY_PLAIN_BYTES_MAX, BodyError, EntryBody, Profile, TakesOver, pack_body, unpack_body,
};
pub(crate) use body::{pack_frame, unpack_frame};
pub use relocation::{
    CARRIED_CHANGES_MAX, CarriedChange, CheckedRelocation, Creation, MOVES_AT_ONCE_MAX,
    MOVES_OF_ONE_MAX, PLACEMENT_MAX, Relocation, RelocationRefused,
};

use crate::codec::{self, CodecError};
use crate::id::{
    DeviceId, EntryHash, EpochId, Incarnation, LogId, ObjectTag, OpHash, PackId, SignatureBytes,
};
use crate::policy::Sensitivity;
use crate::policy::op::GrantRef;
use kitbag_crypto::planted::{self, Planted};
use kitbag_crypto::{Hash, HashLabel, SignLabel, SigningKey};
use minicbor::{Decode, Encode};
use thiserror::Error;

/// The version of content records that this program writes and understands.
pub const CONTENT_VERSION: u16 = 1;
/// Bytes of one header, at most.
pub const HEADER_BYTES_MAX: usize = 8 * 1024;
/// Entries that one entry may depend on.
pub const DEPS_MAX: usize = 64;
/// Policy heads in one frontier entry.
pub const FRONTIER_MAX: usize = 64;
/// Bytes of one sealed body, at most.
pub const SEALED_BODY_BYTES_MAX: usize = 320 * 1024;
/// Bytes of a log's opening record or of a signed head, at most.
pub const SMALL_RECORD_BYTES_MAX: usize = 512;
/// What an entry adds to its header and padded body in a page, at most, in bytes.
pub const ENTRY_OVERHEAD: usize = 2 * kitbag_crypto::SEAL_OVERHEAD + 32 + 16;
/// Entries between two kept heads of a log, at most.
pub const RUN_ENTRIES_MAX: u64 = 256;
/// Bytes of entries between two kept heads of a log, at most, and so of one run: whoever forwards a
/// run must be able to fit it into a frame beside others.
pub const RUN_BYTES_MAX: usize = 384 * 1024;

/// Everything that binds a content log; its hash is the log's id.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct LogOpening {
    /// Format version.
    #[n(0)]
    pub version: u16,
    /// The pack.
    #[n(1)]
    pub pack: PackId,
    /// Who writes.
    #[n(2)]
    pub device: DeviceId,
    /// What every entry's sensitivity is.
    #[n(3)]
    pub sensitivity: Sensitivity,
    /// The incarnation in which the device writes.
    #[n(4)]
    pub incarnation: Incarnation,
    /// The grant under which it writes.
    #[n(5)]
    pub grant: GrantRef,
    /// The last head of the log before it, when a new incarnation continues after a restore.
    #[n(6)]
    pub after: Option<LogPosition>,
}

impl LogOpening {
    /// `H(Log, "content", opening)`.
    pub fn log_id(&self) -> LogId {
        Hash::of(HashLabel::Log, &[b"content", &codec::encode(self)]).into()
    }

    /// Decodes an opening record.
    ///
    /// # Errors
    /// [`RunRefused`] when it is malformed or of a newer version.
    pub fn decode(bytes: &[u8]) -> Result<LogOpening, RunRefused> {
        let opening: LogOpening =
            codec::decode(bytes, SMALL_RECORD_BYTES_MAX).map_err(|error| newer_or(error, bytes))?;
        if opening.version == CONTENT_VERSION {
            Ok(opening)
        } else {
            Err(RunRefused::NewerVersion)
        }
    }
}

/// A place in a content log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(array)]
pub struct LogPosition {
    /// The log.
    #[n(0)]
    pub log: LogId,
    /// Position, from 0.
    #[n(1)]
    pub seq: u64,
    /// Hash of the entry there.
    #[n(2)]
    pub hash: EntryHash,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum EntryKind {
    /// The policy heads that the author has folded; plaintext, without a body.
    #[n(0)]
    Frontier(#[n(0)] Vec<OpHash>),
    /// A new note: its record, and the wrap of its item key.
    #[n(1)]
    Create,
    /// A change to a note.
    #[n(2)]
    Edit,
    /// A change to the index document of this sensitivity.
    #[n(3)]
    Index,
    /// What a device says about itself: its name and addresses, of which the newest counts, or, under
    /// the tag of its reports, what was read on it.
    #[n(4)]
    Profile,
    /// A note that came from another sensitivity: record and changes, and the wrap of a new item key.
    #[n(5)]
    Move,
    /// A note that is no longer under this tag, and the move that took it away; plaintext, without a
    /// body: who reads here need not learn where it went.
    #[n(6)]
    Moved(#[n(0)] EntryHash),
    /// A part of a note's text that is too long for its record; the create after it builds on it.
    #[n(7)]
    Part,
}

/// The plaintext header of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct EntryHeader {
    /// Format version.
    #[n(0)]
    pub version: u16,
    /// The pack.
    #[n(1)]
    pub pack: PackId,
    /// The log.
    #[n(2)]
    pub log: LogId,
    /// Position in the log, from 0.
    #[n(3)]
    pub seq: u64,
    /// The entry before it in the log.
    #[n(4)]
    pub prev: Option<EntryHash>,
    /// What it is.
    #[n(5)]
    pub kind: EntryKind,
    /// The epoch under which its body is sealed; absent without a body.
    #[n(6)]
    pub epoch: Option<EpochId>,
    /// The object it is about; absent for a frontier.
    #[n(7)]
    pub object: Option<ObjectTag>,
    /// The entries it builds on, ascending.
    #[n(8)]
    pub deps: Vec<EntryHash>,
    /// Bytes of its body before sealing, padded.
    #[n(9)]
    pub padded_len: u32,
    /// Hash of its sealed body.
    #[n(10)]
    #[cbor(with = "minicbor::bytes")]
    pub body: Option<[u8; 32]>,
    /// Hash of the sealed item key; only for a Create or Move.
    #[n(11)]
    #[cbor(with = "minicbor::bytes")]
    pub wrap: Option<[u8; 32]>,
}

impl EntryHeader {
    /// The associated data of the body and of the item-key wrap: the header without what is only
    /// known afterwards (`prev`, body hash, wrap hash).
    pub fn associated_data(&self) -> Vec<u8> {
        let log = match planted::is(Planted::AadWithoutLog) {
            true => LogId::from_bytes([0; 32]),
            false => self.log,
        };
        codec::encode(&EntryHeader {
            log,
            prev: None,
            body: None,
            wrap: None,
            ..self.clone()
        })
    }
}

/// One entry as it is stored and sent.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct RawEntry {
    /// The header's bytes.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub header: Vec<u8>,
    /// The sealed body.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub body: Option<Vec<u8>>,
    /// The sealed item key.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub wrap: Option<Vec<u8>>,
}

impl RawEntry {
    /// Its size in a page, in bytes.
    pub fn size(&self) -> usize {
        self.header.len()
            + self.body.as_ref().map_or(0, Vec::len)
            + self.wrap.as_ref().map_or(0, Vec::len)
            + 16
    }
}

/// The tag of a device's profile: `H(ObjectTag, "profile", pack, device)`.
pub fn profile_tag(pack: PackId, device: DeviceId) -> ObjectTag {
    Hash::of(
        HashLabel::ObjectTag,
        &[b"profile", pack.as_bytes(), device.as_bytes()],
    )
    .into()
}

/// `H(Entry, header)`.
pub fn entry_hash(header: &[u8]) -> EntryHash {
    Hash::of(HashLabel::Entry, &[header]).into()
}

/// `H(Body, sealed body)`.
pub fn body_hash(sealed: &[u8]) -> [u8; 32] {
    *Hash::of(HashLabel::Body, &[sealed]).as_bytes()
}

/// `H(Wrap, sealed item key)`.
pub fn wrap_hash(sealed: &[u8]) -> [u8; 32] {
    *Hash::of(HashLabel::Wrap, &[sealed]).as_bytes()
}

/// The head of a log, signed by its device.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct SignedHead {
    /// Where the log ends.
    #[n(0)]
    pub position: LogPosition,
    /// By the log's device, over the encoded position.
    #[n(1)]
    pub signature: SignatureBytes,
}

impl SignedHead {
    /// Signs a head.
    pub fn sign(position: LogPosition, key: &SigningKey) -> SignedHead {
        SignedHead {
            position,
            signature: SignatureBytes(key.sign(SignLabel::ContentHead, &codec::encode(&position))),
        }
    }

    fn verify(&self, opening: &LogOpening) -> Result<(), RunRefused> {
        let key = opening
            .device
            .verifying_key()
            .map_err(|_| RunRefused::BadSignature)?;
        key.verify(
            SignLabel::ContentHead,
            &codec::encode(&self.position),
            &self.signature.0,
        )
        .map_err(|_| RunRefused::BadSignature)
    }
}

/// Consecutive entries of one log, up to a signed head, as they are sent.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Run {
    /// The log's [`LogOpening`].
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub opening: Vec<u8>,
    /// The entries, in order.
    #[n(1)]
    pub entries: Vec<RawEntry>,
    /// The head that the last of them is.
    #[n(2)]
    pub head: SignedHead,
}

/// Why a run was refused: the peer that sent it misbehaved, or is newer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RunRefused {
    /// Not the one valid encoding.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// The head is not signed by the log's device.
    #[error("head is not signed by the log's device")]
    BadSignature,
    /// The entries do not chain to each other, or not to the head.
    #[error("entries do not chain")]
    BrokenChain,
    /// The entries chain, and the head is signed; but the first, which stands here, continues nothing
    /// that is known.
    #[error("entries continue nothing that is known before position {0}")]
    Detached(u64),
    /// Of a version that this program does not know.
    #[error("entries of a newer version")]
    NewerVersion,
    /// An entry breaks a rule that needs nothing else.
    #[error("entry breaks a rule: {0}")]
    Rule(&'static str),
}

/// One entry whose place in its log was proven by its device's signature.
#[derive(Clone, Debug)]
pub struct VerifiedEntry {
    hash: EntryHash,
    header: EntryHeader,
    raw: RawEntry,
}

impl VerifiedEntry {
    /// Its name.
    pub fn hash(&self) -> EntryHash {
        self.hash
    }

    /// Its header.
    pub fn header(&self) -> &EntryHeader {
        &self.header
    }

    /// Its bytes.
    pub fn raw(&self) -> &RawEntry {
        &self.raw
    }

    /// Where it stands.
    pub fn position(&self) -> LogPosition {
        LogPosition {
            log: self.header.log,
            seq: self.header.seq,
            hash: self.hash,
        }
    }

    /// The entry that it continues; none for the first of a log.
    pub fn base(&self) -> Option<LogPosition> {
        let (seq, hash) = (self.header.seq.checked_sub(1)?, self.header.prev?);
        Some(LogPosition {
            log: self.header.log,
            seq,
            hash,
        })
    }

    fn follows(&self, before: &VerifiedEntry) -> bool {
        self.base() == Some(before.position())
    }

    /// Takes an entry out of the device's own sealed store, where only verified ones are kept.
    ///
    /// # Errors
    /// [`RunRefused::Codec`] when the bytes are no entry.
    pub fn from_store(raw: RawEntry) -> Result<VerifiedEntry, RunRefused> {
        let header: EntryHeader = codec::decode(&raw.header, HEADER_BYTES_MAX)?;
        Ok(VerifiedEntry {
            hash: entry_hash(&raw.header),
            header,
            raw,
        })
    }
}

/// A run that was verified against its log, ready to be stored.
#[derive(Clone, Debug)]
pub struct VerifiedRun {
    opening: LogOpening,
    log: LogId,
    entries: Vec<VerifiedEntry>,
    head: SignedHead,
}

impl VerifiedRun {
    /// Checks a peer's run against what is stored: `knows` says whether an entry of the log is, with
    /// all that it continues.
    ///
    /// A run may begin a log, or continue any known entry of it, also one that another entry continues
    /// already: then the log forks there. Entries that are known are skipped: a repeated page does
    /// nothing.
    ///
    /// # Errors
    /// [`RunRefused`] by cause.
    pub fn verify(
        run: Run,
        knows: impl Fn(&LogPosition) -> bool,
    ) -> Result<Option<VerifiedRun>, RunRefused> {
        let opening = LogOpening::decode(&run.opening)?;
        let log = opening.log_id();
        run.head.verify(&opening)?;
        if run.head.position.log != log {
            return Err(RunRefused::Rule("a run belongs to one log"));
        }
        let bytes: usize = run.entries.iter().map(RawEntry::size).sum();
        if run.entries.len() as u64 > RUN_ENTRIES_MAX || bytes > RUN_BYTES_MAX {
            return Err(RunRefused::Rule("a run keeps to its length"));
        }
        let mut entries: Vec<VerifiedEntry> = Vec::new();
        for raw in run.entries {
            let entry = check_entry(raw, &opening, log)?;
            if entries.last().is_some_and(|last| !entry.follows(last)) {
                return Err(RunRefused::BrokenChain);
            }
            entries.push(entry);
        }
        let Some(last) = entries.last() else {
            return Ok(None);
        };
        if last.position() != run.head.position {
            return Err(RunRefused::BrokenChain);
        }
        let known = entries
            .iter()
            .take_while(|entry| knows(&entry.position()))
            .count();
        entries.drain(..known);
        let Some(first) = entries.first() else {
            return Ok(None);
        };
        match first.base() {
            Some(base) if known == 0 && !knows(&base) => {
                Err(RunRefused::Detached(first.header.seq))
            }
            _ => Ok(Some(VerifiedRun {
                opening,
                log,
                entries,
                head: run.head,
            })),
        }
    }

    /// Builds a run of entries that this device writes itself, and signs its head.
    ///
    /// # Panics
    /// If there is no entry, or the key is not the log's: mistakes of the caller.
    pub fn write(
        opening: LogOpening,
        entries: Vec<VerifiedEntry>,
        key: &SigningKey,
    ) -> VerifiedRun {
        assert_eq!(
            opening.device,
            DeviceId::from(key.verifying_key()),
            "a log is written by its device"
        );
        let log = opening.log_id();
        let last = entries.last().expect("a run has an entry");
        let head = SignedHead::sign(
            LogPosition {
                log,
                seq: last.header.seq,
                hash: last.hash,
            },
            key,
        );
        VerifiedRun {
            opening,
            log,
            entries,
            head,
        }
    }

    /// The log's binding.
    pub fn opening(&self) -> &LogOpening {
        &self.opening
    }

    /// The log.
    pub fn log(&self) -> LogId {
        self.log
    }

    /// The entry that the first of them continues; none if it begins the log.
    pub fn base(&self) -> Option<LogPosition> {
        self.entries.first().and_then(VerifiedEntry::base)
    }

    /// The entries, in order; never empty.
    pub fn entries(&self) -> &[VerifiedEntry] {
        &self.entries
    }

    /// The entries, taken out of it.
    pub fn into_entries(self) -> Vec<VerifiedEntry> {
        self.entries
    }

    /// The head that covers them.
    pub fn head(&self) -> &SignedHead {
        &self.head
    }
}

/// Builds the next entry of a log that this device writes.
///
/// `header` is complete but for its hashes; `body` and `wrap` are sealed already.
pub fn write_entry(
    mut header: EntryHeader,
    body: Option<Vec<u8>>,
    wrap: Option<Vec<u8>>,
) -> VerifiedEntry {
    header.body = body.as_deref().map(body_hash);
    header.wrap = wrap.as_deref().map(wrap_hash);
    let bytes = codec::encode(&header);
    VerifiedEntry {
        hash: entry_hash(&bytes),
        header,
        raw: RawEntry {
            header: bytes,
            body,
            wrap,
        },
    }
}

/// A record that cannot be read may be of a newer version; then its sender did nothing wrong.
fn newer_or(error: CodecError, record: &[u8]) -> RunRefused {
    if codec::newer_version(record, CONTENT_VERSION).is_some() {
        RunRefused::NewerVersion
    } else {
        error.into()
    }
}

fn check_entry(
    raw: RawEntry,
    opening: &LogOpening,
    log: LogId,
) -> Result<VerifiedEntry, RunRefused> {
    let header: EntryHeader = codec::decode(&raw.header, HEADER_BYTES_MAX)
        .map_err(|error| newer_or(error, &raw.header))?;
    if header.version != CONTENT_VERSION {
        return Err(RunRefused::NewerVersion);
    }
    if (header.seq == 0) != header.prev.is_none() {
        return Err(RunRefused::BrokenChain);
    }
    let rule = |holds: bool, text| {
        if holds {
            Ok(())
        } else {
            Err(RunRefused::Rule(text))
        }
    };
    rule(
        header.log == log && header.pack == opening.pack,
        "an entry names its log and pack",
    )?;
    rule(header.deps.len() <= DEPS_MAX, "too many dependencies")?;
    rule(
        header.deps.is_sorted_by(|a, b| a < b),
        "dependencies ascend",
    )?;
    rule(
        raw.body.as_ref().map(|b| body_hash(b)) == header.body,
        "a body matches its header",
    )?;
    rule(
        raw.wrap.as_ref().map(|w| wrap_hash(w)) == header.wrap,
        "an item key matches its header",
    )?;
    let sealed_len = header.padded_len as usize + kitbag_crypto::SEAL_OVERHEAD;
    rule(
        raw.body
            .as_ref()
            .is_none_or(|b| b.len() == sealed_len && b.len() <= SEALED_BODY_BYTES_MAX),
        "a body has its length",
    )?;
    rule(
        raw.wrap
            .as_ref()
            .is_none_or(|w| w.len() == 32 + kitbag_crypto::SEAL_OVERHEAD),
        "an item key has its length",
    )?;
    let has_body = raw.body.is_some() && header.epoch.is_some() && header.object.is_some();
    match &header.kind {
        EntryKind::Frontier(heads) => {
            rule(
                heads.len() <= FRONTIER_MAX && heads.is_sorted_by(|a, b| a < b),
                "frontier heads ascend",
            )?;
            let sealed = raw.body.is_some() || raw.wrap.is_some() || header.padded_len > 0;
            let about =
                header.epoch.is_some() || header.object.is_some() || !header.deps.is_empty();
            rule(!sealed && !about, "a frontier is bare")?;
        }
        EntryKind::Create => rule(
            has_body && raw.wrap.is_some(),
            "a create has a body and an item key",
        )?,
        EntryKind::Edit => rule(
            has_body && raw.wrap.is_none() && !header.deps.is_empty(),
            "an edit has a body and builds on something",
        )?,
        EntryKind::Index => rule(has_body && raw.wrap.is_none(), "an index change has a body")?,
        EntryKind::Profile => rule(
            has_body && raw.wrap.is_none() && header.deps.is_empty(),
            "a profile has a body",
        )?,
        EntryKind::Move => rule(
            has_body && raw.wrap.is_some() && !header.deps.is_empty(),
            "a move has a body and an item key and builds on something",
        )?,
        EntryKind::Part => rule(
            has_body && raw.wrap.is_none() && header.deps.is_empty(),
            "a part of a text has a body",
        )?,
        EntryKind::Moved(_) => {
            let sealed = raw.body.is_some()
                || raw.wrap.is_some()
                || header.padded_len > 0
                || header.epoch.is_some();
            rule(
                !sealed && header.object.is_some() && !header.deps.is_empty(),
                "a moved names a note, builds on something and is otherwise bare",
            )?;
        }
    }
    Ok(VerifiedEntry {
        hash: entry_hash(&raw.header),
        header,
        raw,
    })
}
