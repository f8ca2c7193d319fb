//! What two devices say to each other: sync frames and the two frames of joining.
//!
//! A frame is one canonical CBOR message of at most one MiB. Everything in it that must be trusted
//! is signed inside; the frame itself is only as trusted as the connection that carried it.
//! Spec: `docs/spec/sync.md`.

use crate::codec::{self, CodecError};
use crate::content::Run;
use crate::id::{EndpointId, EpochId, LogId, PackId, PersonId, SignatureBytes, Timestamp};
use crate::policy::{Role, Sensitivity};
use crate::sync::sketch::Sketch;
use crate::sync::tree::{LeafHash, NodeHash, Prefix};
use kitbag_crypto::{SignLabel, SigningKey, VerifyingKey};
use minicbor::{Decode, Encode};

/// The version of the sync protocol that this program speaks.
pub const SYNC_VERSION: u16 = 1;
/// Bytes of one frame, at most.
pub const FRAME_BYTES_MAX: usize = 1 << 20;
/// Bytes of a join request or its answer, at most.
pub const JOIN_FRAME_BYTES_MAX: usize = 64 * 1024;
/// Bytes of payload after which a page is closed; one run of [`crate::content::RUN_BYTES_MAX`] and
/// one entry more still fit the frame.
pub const PAGE_BYTES_MAX: usize = 256 * 1024;
/// Packs named at once in a greeting, at most.
pub const CHANGED_MAX: usize = 16;

/// One sync frame.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Message {
    /// Where the sender stands; sent first, and again whenever that changed.
    #[n(0)]
    #[cbor(map)]
    Hello {
        /// Protocol version.
        #[n(0)]
        version: u16,
        /// Root of the tree over the packs that both may sync, as the sender sees it.
        #[n(1)]
        root: NodeHash,
        /// Keys and bodies that the sender lacks.
        #[n(2)]
        wants: u64,
        /// Packs that changed since the last greeting, or differ by the receiver's sketch, if few.
        #[n(3)]
        changed: Vec<PackId>,
        /// The hashes of the root's children: whoever compares begins one level further down.
        #[n(4)]
        children: Option<[NodeHash; 16]>,
        /// The packs that both may sync, added up: whoever compares reads from it which few differ.
        #[n(5)]
        sketch: Option<Sketch>,
    },
    /// Parts of the sender's tree.
    #[n(1)]
    Tree(#[n(0)] Vec<TreePart>),
    /// Asks for what the sender lacks of one pack.
    #[n(2)]
    Want(#[n(0)] Want),
    /// Answers a want.
    #[n(3)]
    Page(#[n(0)] Page),
}

/// One part of a tree over packs.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum TreePart {
    /// The hashes of the sixteen children of a node.
    #[n(0)]
    #[cbor(map)]
    Children {
        /// Which node.
        #[n(0)]
        prefix: Prefix,
        /// Its children's hashes.
        #[n(1)]
        hashes: Vec<NodeHash>,
    },
    /// All leaves below a node.
    #[n(1)]
    #[cbor(map)]
    Leaves {
        /// Which node.
        #[n(0)]
        prefix: Prefix,
        /// Its packs, ascending.
        #[n(1)]
        leaves: Vec<Leaf>,
        /// Whether the receiver shall answer with its own leaves of this node.
        #[n(2)]
        answer: bool,
    },
}

/// One pack in a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Leaf {
    /// The pack.
    #[n(0)]
    pub pack: PackId,
    /// Hash over its heads.
    #[n(1)]
    pub hash: LeafHash,
}

/// How far the sender has a log: positions `0..len`, ending in `head`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct LogHave {
    /// The log.
    #[n(0)]
    pub log: LogId,
    /// Entries it has; at least 1.
    #[n(1)]
    pub len: u64,
    /// Hash of the last of them.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub head: [u8; 32],
}

/// What the sender has of one pack, so that the receiver can send what it lacks.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Want {
    /// The pack.
    #[n(0)]
    pub pack: PackId,
    /// Persons whose log it has.
    #[n(1)]
    pub persons: Vec<PersonId>,
    /// Control logs; a log with two branches appears with both.
    #[n(2)]
    pub control: Vec<LogHave>,
    /// Epochs it has.
    #[n(3)]
    pub epochs: Vec<EpochId>,
    /// Epochs whose key it lacks.
    #[n(4)]
    pub keys: Vec<EpochId>,
    /// Content logs.
    #[n(5)]
    pub content: Vec<LogHave>,
}

/// A bounded part of what a want asked for.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Page {
    /// The pack.
    #[n(0)]
    pub pack: PackId,
    /// Signed person operations.
    #[n(1)]
    pub persons: Vec<Blob>,
    /// Signed policy operations, each after everything it cites.
    #[n(2)]
    pub ops: Vec<Blob>,
    /// Signed epochs, parents first.
    #[n(3)]
    pub epochs: Vec<Blob>,
    /// Signed sets of wraps.
    #[n(4)]
    pub wraps: Vec<Blob>,
    /// Runs of content logs.
    #[n(5)]
    pub runs: Vec<Run>,
    /// Whether there is more to ask for.
    #[n(6)]
    pub more: bool,
}

impl Page {
    /// A page with nothing in it.
    pub fn empty(pack: PackId) -> Page {
        Page {
            pack,
            persons: vec![],
            ops: vec![],
            epochs: vec![],
            wraps: vec![],
            runs: vec![],
            more: false,
        }
    }

    /// Whether it brings nothing.
    pub fn is_empty(&self) -> bool {
        self.persons.is_empty()
            && self.ops.is_empty()
            && self.epochs.is_empty()
            && self.wraps.is_empty()
            && self.runs.is_empty()
    }
}

/// The bytes of a signed record.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct Blob(#[cbor(n(0), with = "minicbor::bytes")] pub Vec<u8>);

impl std::fmt::Debug for Blob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Blob({} bytes)", self.0.len())
    }
}

impl Message {
    /// The frame's bytes.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads a frame.
    ///
    /// # Errors
    /// [`CodecError`] when it is no message of this version.
    pub fn decode(bytes: &[u8]) -> Result<Message, CodecError> {
        codec::decode(bytes, FRAME_BYTES_MAX)
    }
}

/// What a joiner sends: its person, its redeem request, and a proof bound to this connection.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct JoinRequest {
    /// Protocol version.
    #[n(0)]
    pub version: u16,
    /// The joiner's signed person operation.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub person: Vec<u8>,
    /// The signed [`crate::policy::op::Redeem`].
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub redeem: Vec<u8>,
    /// The joiner's name, for "used by": untrusted text.
    #[n(3)]
    pub name: String,
    /// By the invite key, over [`JoinChannel`].
    #[n(4)]
    pub proof: SignatureBytes,
}

/// What a join proof is bound to: one connection between two endpoints.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
#[cbor(array)]
pub struct JoinChannel {
    /// Keying material exported from the connection.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub exporter: [u8; 32],
    /// Who dialled.
    #[n(1)]
    pub joiner: EndpointId,
    /// Who answered.
    #[n(2)]
    pub admitter: EndpointId,
}

impl JoinChannel {
    /// Signs this channel with the key from a ticket.
    pub fn prove(&self, invite_key: &SigningKey) -> SignatureBytes {
        SignatureBytes(invite_key.sign(SignLabel::JoinProof, &codec::encode(self)))
    }

    /// Checks a proof.
    pub fn is_proven_by(&self, invite_key: &[u8; 32], proof: &SignatureBytes) -> bool {
        VerifyingKey::from_bytes(*invite_key).is_ok_and(|key| {
            key.verify(SignLabel::JoinProof, &codec::encode(self), &proof.0)
                .is_ok()
        })
    }
}

/// The answer to a join request.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum JoinAnswer {
    /// The joiner is a member now; sync brings the rest.
    #[n(0)]
    Admitted,
    /// The same person and device came in by this invite before, or is a member anyway.
    #[n(1)]
    AlreadyMember,
    /// Refused, and why.
    #[n(2)]
    Refused(#[n(0)] JoinRefusal),
    /// A person is asked; the request is kept by the device that answers. Ask again.
    #[n(3)]
    #[cbor(map)]
    Waiting {
        /// Who is asked: the check words are between this person and the joiner.
        #[n(0)]
        by: PersonId,
        /// Their name: untrusted text.
        #[n(1)]
        name: String,
        /// What the joiner will be able to do.
        #[n(2)]
        role: Role,
        /// The highest the joiner will open.
        #[n(3)]
        clearance: Sensitivity,
        /// When the invite ends, by the clock of whoever admits.
        #[n(4)]
        until: Option<Timestamp>,
    },
}

/// Why a join was refused. Only a holder of the ticket's secret learns more than the first.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum JoinRefusal {
    /// Nothing here matches, or the proof does not hold.
    #[n(0)]
    NotRecognised,
    /// Its time is over.
    #[n(1)]
    #[cbor(map)]
    Expired {
        /// Since when, by the inviter's clock.
        #[n(0)]
        at: Timestamp,
    },
    /// Every use is taken.
    #[n(2)]
    #[cbor(map)]
    Used {
        /// When the last one was, by the admitting device's clock.
        #[n(0)]
        at: Timestamp,
        /// By whom, as this pack knows them.
        #[n(1)]
        by: String,
    },
    /// Ended by an admin.
    #[n(3)]
    Cancelled,
    /// This person was removed from the pack; only an admin's grant brings them back.
    #[n(4)]
    Removed,
    /// Of a version that the admitting device does not know.
    #[n(5)]
    NewerVersion,
    /// The admitting device cannot write now.
    #[n(6)]
    TryLater,
    /// A person was asked and said no.
    #[n(7)]
    Declined,
}
