//! The operations of a policy log, and the proof that one was signed by its author.
//!
//! An operation stands in its author's chain (`seq`, `prev`), cites the heads of the other chains
//! it has seen (`heads`), and, but for Genesis, cites the one grant under which its log acts. Several
//! acts in one operation happen at once: lowering a role is a Remove and a Grant in one.
//! Spec: `docs/spec/policy.md`, "Operations".

use crate::codec::{self, CodecError};
use crate::id::{
    DeviceId, EpochId, Incarnation, LogId, OpHash, PackId, PersonId, PersonOpHash, SignatureBytes,
    Timestamp,
};
use crate::person::Certificate;
use crate::policy::rules::{SEALED_RULES_BYTES_MAX, SEALED_RULES_BYTES_MIN};
use crate::policy::{Role, Sensitivity};
use crate::signed::{BadSignature, Envelope};
use kitbag_crypto::{Hash, HashLabel, SignLabel, SigningKey};
use minicbor::{Decode, Encode};
use std::sync::Arc;
use thiserror::Error;

/// The version of operations that this program writes and understands.
pub const OP_VERSION: u16 = 1;
/// Bytes of one signed operation, at most.
pub const OP_BYTES_MAX: usize = 64 * 1024;
/// Acts in one operation, at most.
pub const ACTS_MAX: usize = 64;
/// Heads that one operation cites, at most.
pub const HEADS_MAX: usize = 256;
/// Cutoffs in one act, at most.
pub const CUTOFFS_MAX: usize = 1024;
/// Bytes of one request to redeem an invite, at most.
pub const REDEEM_BYTES_MAX: usize = 1024;

/// One operation of a policy log.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Op {
    /// Format version.
    #[n(0)]
    pub version: u16,
    /// The pack; absent in Genesis, whose hash is the pack.
    #[n(1)]
    pub pack: Option<PackId>,
    /// Who signs.
    #[n(2)]
    pub device: DeviceId,
    /// Whose device that is.
    #[n(3)]
    pub person: PersonId,
    /// The newest operation of the person's log that the author knows.
    #[n(4)]
    pub person_head: PersonOpHash,
    /// The incarnation in which the device writes this log.
    #[n(5)]
    pub incarnation: Incarnation,
    /// The grant under which this log acts; absent in Genesis, which makes the first.
    #[n(6)]
    pub cites: Option<GrantRef>,
    /// Position in the log, from 0.
    #[n(7)]
    pub seq: u64,
    /// The operation before it in the log.
    #[n(8)]
    pub prev: Option<OpHash>,
    /// Heads of other control logs that the author has folded, ascending.
    #[n(9)]
    pub heads: Vec<OpHash>,
    /// The author's clock: display data.
    #[n(10)]
    pub at: Timestamp,
    /// What it does.
    #[n(11)]
    pub body: Body,
}

/// What an operation does.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Body {
    /// Makes the pack and its founder's grant (`GrantRef { op: genesis, act: 0 }`, admin, restricted).
    #[n(0)]
    #[cbor(map)]
    Genesis {
        /// Random, so that two packs never coincide.
        #[n(0)]
        #[cbor(with = "minicbor::bytes")]
        nonce: [u8; 16],
        /// Sensitivity of a note for which nobody says another.
        #[n(1)]
        default_sensitivity: Sensitivity,
    },
    /// One or more acts, all at once.
    #[n(1)]
    Acts(#[n(0)] Vec<Act>),
}

/// A grant by the place where it was made: the `act`-th act of `op`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(array)]
pub struct GrantRef {
    /// The operation.
    #[n(0)]
    pub op: OpHash,
    /// Index among its acts; 0 for Genesis.
    #[n(1)]
    pub act: u32,
}

/// Where a log ends for a Remove, Leave or Cut: this entry is the last that counts.
///
/// `head` is an `OpHash` for a control log and an `EntryHash` for a content log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(array)]
pub struct Cutoff {
    /// The log.
    #[n(0)]
    pub log: LogId,
    /// Its last counting position.
    #[n(1)]
    pub seq: u64,
    /// The hash at that position.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub head: [u8; 32],
}

/// What happens to denials that fall with the one who made them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum LateDenials {
    /// They go on denying keys and connections until somebody answers them.
    #[n(0)]
    Keep,
    /// They fall: for a hostile target.
    #[n(1)]
    Drop,
}

/// One act of policy. The authority table stands in [`crate::policy::fold`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Act {
    /// Gives a person a role and a clearance.
    #[n(0)]
    #[cbor(map)]
    Grant {
        /// To whom.
        #[n(0)]
        person: PersonId,
        /// What they may do.
        #[n(1)]
        role: Role,
        /// The highest they open.
        #[n(2)]
        clearance: Sensitivity,
    },
    /// Ends every grant of a person that is junior to the cited one.
    #[n(1)]
    #[cbor(map)]
    Remove {
        /// Whom.
        #[n(0)]
        person: PersonId,
        /// Where their logs end, ascending by log.
        #[n(1)]
        cutoffs: Vec<Cutoff>,
        /// What becomes of denials that fall with it.
        #[n(2)]
        late_denials: LateDenials,
    },
    /// Gives up the cited grant, by its holder.
    #[n(2)]
    #[cbor(map)]
    Leave {
        /// Where the holder's logs end, ascending by log.
        #[n(0)]
        cutoffs: Vec<Cutoff>,
    },
    /// Opens a way in for whoever holds the ticket.
    #[n(3)]
    #[cbor(map)]
    Invite {
        /// Public half of the key inside the ticket.
        #[n(0)]
        #[cbor(with = "minicbor::bytes")]
        key: [u8; 32],
        /// What a joiner may do; editor at most.
        #[n(1)]
        role: Role,
        /// The highest a joiner opens.
        #[n(2)]
        clearance: Sensitivity,
        /// How many persons may join.
        #[n(3)]
        uses: u32,
        /// When admitting ends, by the admitting device's clock; absent means never.
        #[n(4)]
        not_after: Option<Timestamp>,
        /// Whether a person approves each joiner.
        #[n(5)]
        ask: bool,
    },
    /// Lets a joiner in: the grant that the invite promised.
    #[n(4)]
    #[cbor(map)]
    Admit {
        /// The invite.
        #[n(0)]
        invite: GrantRef,
        /// The joiner's signed request: the bytes of a [`Redeem`].
        #[n(1)]
        #[cbor(with = "minicbor::bytes")]
        redeem: Vec<u8>,
    },
    /// Ends an invite; only the admissions it lists count from here on.
    #[n(5)]
    #[cbor(map)]
    Close {
        /// The invite.
        #[n(0)]
        invite: GrantRef,
        /// The admissions that count, ascending; an admission in the same operation is listed with
        /// the operation hash of 32 zero bytes, which cannot be known yet.
        #[n(1)]
        admitted: Vec<GrantRef>,
    },
    /// Sets the release rules, in place of all that the author had seen. At most one in an operation.
    #[n(6)]
    #[cbor(map)]
    Rules {
        /// The epoch of `public` under which they are sealed.
        #[n(0)]
        epoch: EpochId,
        /// The sealed [`crate::policy::rules::Rules`].
        #[n(1)]
        #[cbor(with = "minicbor::bytes")]
        sealed: Vec<u8>,
    },
}

/// A joiner's request, bound to one invite and to one person and device, signed by both the invite
/// key and the device. It is no operation; an Admit carries it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Redeem {
    /// Format version.
    #[n(0)]
    pub version: u16,
    /// The pack.
    #[n(1)]
    pub pack: PackId,
    /// The invite.
    #[n(2)]
    pub invite: GrantRef,
    /// Public half of the invite's key: the request is checked by itself, and the fold only compares.
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    pub key: [u8; 32],
    /// Who joins.
    #[n(4)]
    pub person: PersonId,
    /// With which device.
    #[n(5)]
    pub device: DeviceId,
    /// By the invite key, over the record without both signatures.
    #[n(6)]
    pub by_invite: Option<SignatureBytes>,
    /// By the device, over the record without both signatures.
    #[n(7)]
    pub by_device: Option<SignatureBytes>,
}

impl Redeem {
    /// Makes and signs a request.
    pub fn sign(
        pack: PackId,
        invite: GrantRef,
        certificate: &Certificate,
        person: PersonId,
        invite_key: &SigningKey,
        device_key: &SigningKey,
    ) -> Redeem {
        let key = *invite_key.verifying_key().as_bytes();
        let device = certificate.device;
        let mut redeem = Redeem {
            version: OP_VERSION,
            pack,
            invite,
            key,
            person,
            device,
            by_invite: None,
            by_device: None,
        };
        let bytes = codec::encode(&redeem);
        redeem.by_invite = Some(SignatureBytes(
            invite_key.sign(SignLabel::RedeemInvite, &bytes),
        ));
        redeem.by_device = Some(SignatureBytes(device_key.sign(SignLabel::Redeem, &bytes)));
        redeem
    }

    /// Decodes, checks both signatures, and that `invite_key`, the public half that the invite names,
    /// made the first.
    ///
    /// # Errors
    /// [`OpError`] by cause.
    pub fn verify(bytes: &[u8], invite_key: &[u8; 32]) -> Result<Redeem, OpError> {
        let redeem = Redeem::verify_signatures(bytes)?;
        if redeem.key == *invite_key {
            Ok(redeem)
        } else {
            Err(OpError::BadSignature)
        }
    }

    /// Decodes and checks both signatures, the invite's by the key that the request itself names.
    ///
    /// # Errors
    /// [`OpError`] by cause.
    ///
    /// # Security
    /// Anybody can make a request under a key of their own: compare [`Redeem::key`] with the invite.
    pub fn verify_signatures(bytes: &[u8]) -> Result<Redeem, OpError> {
        let redeem = Redeem::decode_unverified(bytes)?;
        let unsigned = codec::encode(&Redeem {
            by_invite: None,
            by_device: None,
            ..redeem.clone()
        });
        let check = |key: [u8; 32], label, signature: Option<SignatureBytes>| {
            let key =
                kitbag_crypto::VerifyingKey::from_bytes(key).map_err(|_| OpError::BadSignature)?;
            let signature = signature.ok_or(OpError::BadSignature)?;
            key.verify(label, &unsigned, &signature.0)
                .map_err(|_| OpError::BadSignature)
        };
        check(redeem.key, SignLabel::RedeemInvite, redeem.by_invite)?;
        check(
            *redeem.device.as_bytes(),
            SignLabel::Redeem,
            redeem.by_device,
        )?;
        if redeem.version != OP_VERSION {
            return Err(OpError::NewerVersion(redeem.version));
        }
        Ok(redeem)
    }

    /// Decodes the request inside an operation whose signatures were checked when it was verified.
    pub(crate) fn decode_unverified(bytes: &[u8]) -> Result<Redeem, OpError> {
        Ok(codec::decode(bytes, REDEEM_BYTES_MAX)?)
    }
}

/// Why bytes are no operation.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OpError {
    /// Not the one valid encoding of an operation.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// The author did not sign this.
    #[error("operation is not signed by its author")]
    BadSignature,
    /// Signed, but of a version that this program does not know.
    #[error("operation of version {0}, which this program does not know")]
    NewerVersion(u16),
    /// Signed, but against a rule that needs no other operation.
    #[error("operation breaks a rule: {0}")]
    Rule(&'static str),
}

/// An operation whose bytes its author signed. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedOp {
    op: Arc<Op>,
    hash: OpHash,
    log: LogId,
    bytes: Arc<[u8]>,
}

impl SignedOp {
    /// Signs an operation with its author's key.
    ///
    /// # Panics
    /// If `op.device` is not the public half of `key`: a mistake of the caller.
    pub fn sign(op: Op, key: &SigningKey) -> SignedOp {
        assert_eq!(
            op.device,
            DeviceId::from(key.verifying_key()),
            "an operation names its signer"
        );
        let envelope = Envelope::sign(&op, SignLabel::PolicyOp, key);
        let hash = hash_of(envelope.record());
        SignedOp::assemble(op, hash, envelope.to_bytes().into())
    }

    /// Decodes an operation and checks its signature and everything that needs no other operation.
    ///
    /// # Errors
    /// [`OpError`] by cause. [`OpError::NewerVersion`] is returned only after the signature held.
    pub fn verify(bytes: &[u8]) -> Result<SignedOp, OpError> {
        let envelope = Envelope::decode(bytes, OP_BYTES_MAX)?;
        let op = decode_op(&envelope)?;
        envelope
            .check(SignLabel::PolicyOp, op.device)
            .map_err(|BadSignature| OpError::BadSignature)?;
        static_rules(&op)?;
        verify_redeems(&op)?;
        Ok(SignedOp::assemble(
            op,
            hash_of(envelope.record()),
            bytes.into(),
        ))
    }

    /// Who signed these bytes, whatever the version of the operation; checked only by
    /// [`SignedOp::verify`], whose [`OpError::NewerVersion`] means that the signature holds.
    pub fn author_of(bytes: &[u8]) -> Option<DeviceId> {
        let envelope = Envelope::decode(bytes, OP_BYTES_MAX).ok()?;
        peek(envelope.record()).map(|peek| peek.device)
    }

    /// To which pack these bytes belong, under the same terms; none of a Genesis.
    pub fn pack_of(bytes: &[u8]) -> Option<PackId> {
        let envelope = Envelope::decode(bytes, OP_BYTES_MAX).ok()?;
        peek(envelope.record())?.pack
    }

    /// The person to whom the `act`-th act gives something, if it gives anybody anything.
    pub fn grantee(&self, act: u32) -> Option<PersonId> {
        match (&self.op.body, self.acts().get(act as usize)) {
            (Body::Genesis { .. }, _) => (act == 0).then_some(self.op.person),
            (_, Some(Act::Grant { person, .. })) => Some(*person),
            (_, Some(Act::Admit { redeem, .. })) => codec::decode::<Redeem>(redeem, OP_BYTES_MAX)
                .ok()
                .map(|redeem| redeem.person),
            _ => None,
        }
    }

    /// Takes an operation out of the device's own sealed store, where only verified ones are kept.
    ///
    /// # Errors
    /// [`OpError::Codec`] when the bytes are no operation.
    pub fn from_store(bytes: &[u8]) -> Result<SignedOp, OpError> {
        let envelope = Envelope::decode(bytes, OP_BYTES_MAX)?;
        let op: Op = codec::decode(envelope.record(), OP_BYTES_MAX)?;
        Ok(SignedOp::assemble(
            op,
            hash_of(envelope.record()),
            bytes.into(),
        ))
    }

    /// Builds an operation without a signature, for models and tests of the fold alone.
    #[cfg(any(test, feature = "unsigned-ops"))]
    pub fn danger_unsigned(op: Op) -> SignedOp {
        let op_bytes = codec::encode(&op);
        SignedOp::assemble(op, hash_of(&op_bytes), op_bytes.into())
    }

    fn assemble(op: Op, hash: OpHash, bytes: Arc<[u8]>) -> SignedOp {
        let pack = op.pack.unwrap_or(PackId::from_bytes(*hash.as_bytes()));
        let log = control_log_id(pack, op.device, op.incarnation, op.cites);
        SignedOp {
            op: Arc::new(op),
            hash,
            log,
            bytes,
        }
    }

    /// The operation.
    pub fn op(&self) -> &Op {
        &self.op
    }

    /// Its name.
    pub fn hash(&self) -> OpHash {
        self.hash
    }

    /// The bytes that were signed and are forwarded.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The pack it belongs to; Genesis names the pack itself.
    pub fn pack(&self) -> PackId {
        self.op
            .pack
            .unwrap_or(PackId::from_bytes(*self.hash.as_bytes()))
    }

    /// The log it stands in.
    pub fn log(&self) -> LogId {
        self.log
    }

    /// Everything it cites directly: `prev`, then `heads`.
    pub fn parents(&self) -> impl Iterator<Item = OpHash> + '_ {
        self.op.prev.iter().chain(&self.op.heads).copied()
    }

    /// Its acts; none for Genesis.
    pub fn acts(&self) -> &[Act] {
        match &self.op.body {
            Body::Genesis { .. } => &[],
            Body::Acts(acts) => acts,
        }
    }
}

/// `H(Log, "control", pack, device, incarnation, grant)`: the log of one device under one grant.
pub fn control_log_id(
    pack: PackId,
    device: DeviceId,
    incarnation: Incarnation,
    cites: Option<GrantRef>,
) -> LogId {
    let grant = cites.map(|g| codec::encode(&g)).unwrap_or_default();
    Hash::of(
        HashLabel::Log,
        &[
            b"control",
            pack.as_bytes(),
            device.as_bytes(),
            incarnation.as_bytes(),
            &grant,
        ],
    )
    .into()
}

fn hash_of(op_bytes: &[u8]) -> OpHash {
    Hash::of(HashLabel::PolicyOp, &[op_bytes]).into()
}

/// An operation of a newer version is told apart before its unknown body is read.
fn decode_op(envelope: &Envelope) -> Result<Op, OpError> {
    match codec::decode::<Op>(envelope.record(), OP_BYTES_MAX) {
        Ok(op) if op.version == OP_VERSION => Ok(op),
        Ok(op) => Err(newer_if_signed(envelope, op.version, op.device)),
        Err(error) => match peek(envelope.record()) {
            Some(Peek {
                version, device, ..
            }) if version > OP_VERSION => Err(newer_if_signed(envelope, version, device)),
            _ => Err(error.into()),
        },
    }
}

fn newer_if_signed(envelope: &Envelope, version: u16, device: DeviceId) -> OpError {
    match envelope.check(SignLabel::PolicyOp, device) {
        Ok(()) => OpError::NewerVersion(version),
        Err(BadSignature) => OpError::BadSignature,
    }
}

/// Version and author of an operation of any version: keys 0 and 2 of the map never change.
fn peek(bytes: &[u8]) -> Option<Peek> {
    minicbor::decode(bytes).ok()
}

#[derive(Decode)]
#[cbor(map)]
struct Peek {
    #[n(0)]
    version: u16,
    #[n(1)]
    pack: Option<PackId>,
    #[n(2)]
    device: DeviceId,
}

fn static_rules(op: &Op) -> Result<(), OpError> {
    let rule = |holds: bool, text| {
        if holds {
            Ok(())
        } else {
            Err(OpError::Rule(text))
        }
    };
    let genesis = matches!(op.body, Body::Genesis { .. });
    rule(genesis == op.pack.is_none(), "only Genesis names no pack")?;
    rule(genesis == op.cites.is_none(), "only Genesis cites no grant")?;
    rule(
        (op.seq == 0) == op.prev.is_none(),
        "the first operation of a log, and no other, has none before it",
    )?;
    rule(
        !genesis || (op.seq == 0 && op.heads.is_empty()),
        "Genesis has no past",
    )?;
    rule(op.heads.len() <= HEADS_MAX, "too many heads")?;
    rule(op.heads.is_sorted_by(|a, b| a < b), "heads ascend")?;
    if let Body::Acts(acts) = &op.body {
        rule(
            !acts.is_empty() && acts.len() <= ACTS_MAX,
            "between one and 64 acts",
        )?;
        for act in acts {
            static_act_rules(act)?;
        }
        rule(
            is_once(acts, |act| matches!(act, Act::Rules { .. })),
            "rules are set once in an operation",
        )?;
    }
    Ok(())
}

/// Whether at most one of these acts is such.
pub(super) fn is_once(acts: &[Act], is_such: impl Fn(&Act) -> bool) -> bool {
    acts.iter().filter(|act| is_such(act)).count() <= 1
}

/// Both signatures of every request inside an operation. They need no other operation, so that the
/// fold, which runs often, verifies nothing; whether the key is the invite's is for the fold.
fn verify_redeems(op: &Op) -> Result<(), OpError> {
    let Body::Acts(acts) = &op.body else {
        return Ok(());
    };
    for act in acts {
        if let Act::Admit { redeem, .. } = act {
            Redeem::verify_signatures(redeem)
                .map_err(|_| OpError::Rule("an admission carries a request signed by both keys"))?;
        }
    }
    Ok(())
}

pub(super) fn static_act_rules(act: &Act) -> Result<(), OpError> {
    let rule = |holds: bool, text| {
        if holds {
            Ok(())
        } else {
            Err(OpError::Rule(text))
        }
    };
    match act {
        Act::Grant {
            role, clearance, ..
        } => rule(
            *role != Role::Admin || *clearance == Sensitivity::Restricted,
            "an admin is cleared for restricted",
        ),
        Act::Remove { cutoffs, .. } | Act::Leave { cutoffs } => {
            rule(cutoffs.len() <= CUTOFFS_MAX, "too many cutoffs")?;
            rule(
                cutoffs.is_sorted_by(|a, b| a.log < b.log),
                "cutoffs ascend, one per log",
            )
        }
        Act::Invite {
            key, role, uses, ..
        } => {
            rule(
                matches!(role, Role::Reader | Role::Commenter | Role::Editor),
                "a ticket gives reader, commenter or editor",
            )?;
            rule(*uses >= 1, "an invite has at least one use")?;
            rule(
                kitbag_crypto::VerifyingKey::from_bytes(*key).is_ok(),
                "an invite names a usable key",
            )
        }
        Act::Admit { redeem, .. } => {
            rule(redeem.len() <= REDEEM_BYTES_MAX, "redeem request too long")
        }
        Act::Close { admitted, .. } => {
            rule(admitted.len() <= CUTOFFS_MAX, "too many admissions")?;
            rule(admitted.is_sorted_by(|a, b| a < b), "admissions ascend")
        }
        Act::Rules { sealed, .. } => rule(
            (SEALED_RULES_BYTES_MIN..=SEALED_RULES_BYTES_MAX).contains(&sealed.len()),
            "sealed rules have between 200 bytes and 16 KiB",
        ),
    }
}
