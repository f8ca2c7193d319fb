//! Epochs of a key domain, and the wraps that carry their keys to devices.
//!
//! An epoch is a fresh random key for one sensitivity of one pack. Its record says which denials it
//! answers; whoever knows a denial seals only under an epoch that answers it. A record is public to
//! the pack's devices; the key travels only in wraps, each bound to its pack, domain, epoch and
//! recipient, and is checked against the record's commitment.
//! Spec: `docs/spec/content.md`, "Epochs".

use crate::codec::{self, CodecError};
use crate::id::{DeviceId, EpochId, OpHash, PackId};
use crate::person::{Certificate, SUITE};
use crate::policy::Sensitivity;
use crate::policy::fold::Denial;
use crate::policy::op::GrantRef;
use crate::signed::{BadSignature, Envelope, Unread};
use kitbag_crypto::{
    CryptoRng, EpochKey, Hash, HashLabel, SealLabel, SignLabel, SigningKey, WRAPPED_BYTES, WrapKey,
    open, seal, wrap_key,
};
use minicbor::{Decode, Encode};
use std::sync::Arc;
use thiserror::Error;

/// The version of epochs and wraps that this program writes and understands.
pub const EPOCH_VERSION: u16 = 1;
/// Bytes of one signed epoch, at most.
pub const EPOCH_BYTES_MAX: usize = 128 * 1024;
/// Parents of one epoch, at most.
pub const PARENTS_MAX: usize = 64;
/// Denials answered by one epoch, at most.
pub const ANSWERS_MAX: usize = 1024;
/// Wraps in one set, at most.
pub const WRAPS_MAX: usize = 64;
/// Bytes of one signed set of wraps, at most.
pub const WRAP_SET_BYTES_MAX: usize = WRAPS_MAX * (WRAPPED_BYTES + 64) + 1024;

/// One epoch.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Epoch {
    /// Format version.
    #[n(0)]
    pub version: u16,
    /// Cipher suite.
    #[n(1)]
    pub suite: u16,
    /// The pack.
    #[n(2)]
    pub pack: PackId,
    /// The sensitivity whose notes it seals.
    #[n(3)]
    pub domain: Sensitivity,
    /// One more than the highest parent; 0 without parents.
    #[n(4)]
    pub n: u64,
    /// The epochs it replaces, ascending.
    #[n(5)]
    pub parents: Vec<EpochId>,
    /// Denials that its author knew and no parent covers, ascending.
    #[n(6)]
    pub answers: Vec<Denial>,
    /// Commitment to its key.
    #[n(7)]
    #[cbor(with = "minicbor::bytes")]
    pub commitment: [u8; 32],
    /// Each parent's key, sealed under this epoch's key, in the order of `parents`.
    #[n(8)]
    pub parent_keys: Vec<SealedKey>,
    /// Who opened it.
    #[n(9)]
    pub device: DeviceId,
    /// The grant that lets them write this sensitivity.
    #[n(10)]
    pub grant: GrantRef,
    /// Policy heads that the author had folded, ascending.
    #[n(11)]
    pub heads: Vec<OpHash>,
}

/// A sealed key inside an epoch.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct SealedKey(#[cbor(n(0), with = "minicbor::bytes")] pub Vec<u8>);

/// Why an epoch or a set of wraps was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EpochError {
    /// Not the one valid encoding.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// Not signed by the device it names.
    #[error("not signed by the device it names")]
    BadSignature,
    /// Of a version or suite that this program does not know.
    #[error("epoch of a newer version")]
    NewerVersion,
    /// Breaks a rule that needs nothing else.
    #[error("epoch breaks a rule: {0}")]
    Rule(&'static str),
}

impl From<Unread> for EpochError {
    fn from(unread: Unread) -> EpochError {
        match unread {
            Unread::Newer => EpochError::NewerVersion,
            Unread::Codec(error) => error.into(),
        }
    }
}

impl From<BadSignature> for EpochError {
    fn from(_: BadSignature) -> EpochError {
        EpochError::BadSignature
    }
}

/// An epoch that its author signed. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedEpoch {
    epoch: Arc<Epoch>,
    id: EpochId,
    bytes: Arc<[u8]>,
}

impl SignedEpoch {
    /// Signs an epoch.
    ///
    /// # Panics
    /// If `key` is not the named device's: a mistake of the caller.
    pub fn sign(epoch: Epoch, key: &SigningKey) -> SignedEpoch {
        assert_eq!(
            epoch.device,
            DeviceId::from(key.verifying_key()),
            "an epoch names its signer"
        );
        let envelope = Envelope::sign(&epoch, SignLabel::Epoch, key);
        SignedEpoch {
            epoch: Arc::new(epoch),
            id: Hash::of(HashLabel::Epoch, &[envelope.record()]).into(),
            bytes: envelope.to_bytes().into(),
        }
    }

    /// Decodes an epoch and checks its signature and everything that needs nothing else.
    ///
    /// # Errors
    /// [`EpochError`] by cause.
    pub fn verify(bytes: &[u8]) -> Result<SignedEpoch, EpochError> {
        let envelope = Envelope::decode(bytes, EPOCH_BYTES_MAX)?;
        let epoch: Epoch = envelope.read(EPOCH_VERSION)?;
        envelope.check(SignLabel::Epoch, epoch.device)?;
        if epoch.version != EPOCH_VERSION || epoch.suite != SUITE {
            return Err(EpochError::NewerVersion);
        }
        let rule = |holds: bool, text| {
            if holds {
                Ok(())
            } else {
                Err(EpochError::Rule(text))
            }
        };
        rule(
            epoch.parents.len() <= PARENTS_MAX && epoch.answers.len() <= ANSWERS_MAX,
            "too many parents or answers",
        )?;
        rule(epoch.parents.is_sorted_by(|a, b| a < b), "parents ascend")?;
        rule(epoch.answers.is_sorted_by(|a, b| a < b), "answers ascend")?;
        rule(epoch.heads.is_sorted_by(|a, b| a < b), "heads ascend")?;
        rule(
            epoch.parent_keys.len() == epoch.parents.len(),
            "one sealed key per parent",
        )?;
        rule(
            (epoch.n == 0) == epoch.parents.is_empty(),
            "only the first epoch has no parent",
        )?;
        Ok(SignedEpoch {
            id: Hash::of(HashLabel::Epoch, &[envelope.record()]).into(),
            epoch: Arc::new(epoch),
            bytes: bytes.into(),
        })
    }

    /// Takes an epoch out of the device's own sealed store.
    ///
    /// # Errors
    /// [`EpochError::Codec`] when the bytes are no epoch.
    pub fn from_store(bytes: &[u8]) -> Result<SignedEpoch, EpochError> {
        let envelope = Envelope::decode(bytes, EPOCH_BYTES_MAX)?;
        let epoch = codec::decode(envelope.record(), EPOCH_BYTES_MAX)?;
        Ok(SignedEpoch {
            id: Hash::of(HashLabel::Epoch, &[envelope.record()]).into(),
            epoch: Arc::new(epoch),
            bytes: bytes.into(),
        })
    }

    /// The epoch.
    pub fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    /// Its name.
    pub fn id(&self) -> EpochId {
        self.id
    }

    /// The bytes that were signed and are forwarded.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether all its parents are known, of its pack and domain, and `n` is one more than the highest.
    /// An epoch that leaps could take the last number there is, and nobody could go on from it.
    pub fn continues_parents<'e>(&self, known: impl Fn(&EpochId) -> Option<&'e Epoch>) -> bool {
        let own = &*self.epoch;
        let parents: Option<Vec<&Epoch>> = own.parents.iter().map(known).collect();
        parents.is_some_and(|parents| {
            let same_domain = parents
                .iter()
                .all(|parent| parent.pack == own.pack && parent.domain == own.domain);
            let highest = parents.iter().map(|parent| parent.n).max();
            same_domain && highest.map_or(Some(0), |n| n.checked_add(1)) == Some(own.n)
        })
    }

    /// Whether `key` is the key that this epoch commits to.
    pub fn commits_to(&self, key: &EpochKey) -> bool {
        key.commitment().as_bytes() == &self.epoch.commitment
            || kitbag_crypto::planted::is(kitbag_crypto::planted::Planted::CommitmentUnchecked)
    }

    /// The parents' keys, opened with this epoch's own. A parent key that does not open, or misses
    /// its own commitment, is left out: the caller then must not seal under this epoch.
    pub fn open_parent_keys(&self, key: &EpochKey) -> Vec<(EpochId, EpochKey)> {
        let epoch = &self.epoch;
        let sealed = epoch.parents.iter().zip(&epoch.parent_keys);
        sealed
            .filter_map(|(parent, sealed)| {
                let header = parent_header(epoch.pack, epoch.domain, epoch.n, *parent);
                let opened = open(
                    SealLabel::ParentEpoch,
                    &NO_SALT,
                    key.danger_expose(),
                    &header,
                    &sealed.0,
                )
                .ok()?;
                Some((*parent, EpochKey::from_bytes(opened[..].try_into().ok()?)))
            })
            .collect()
    }
}

/// Seals a parent's key under the key of a new epoch.
pub fn seal_parent_key(
    pack: PackId,
    domain: Sensitivity,
    n: u64,
    parent: EpochId,
    parent_key: &EpochKey,
    key: &EpochKey,
    rng: &mut dyn CryptoRng,
) -> SealedKey {
    let header = parent_header(pack, domain, n, parent);
    SealedKey(seal(
        SealLabel::ParentEpoch,
        &NO_SALT,
        key.danger_expose(),
        &header,
        parent_key.danger_expose(),
        rng,
    ))
}

const NO_SALT: [u8; 32] = [0; 32];

fn parent_header(pack: PackId, domain: Sensitivity, n: u64, parent: EpochId) -> Vec<u8> {
    codec::encode(&(pack, domain, n, parent))
}

/// Keys of one epoch for some devices.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct WrapSet {
    /// Format version.
    #[n(0)]
    pub version: u16,
    /// The pack.
    #[n(1)]
    pub pack: PackId,
    /// The sensitivity.
    #[n(2)]
    pub domain: Sensitivity,
    /// The epoch.
    #[n(3)]
    pub epoch: EpochId,
    /// Who wrapped.
    #[n(4)]
    pub device: DeviceId,
    /// One wrap per device.
    #[n(5)]
    pub wraps: Vec<Wrap>,
}

/// One wrapped key.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Wrap {
    /// For whom.
    #[n(0)]
    pub recipient: DeviceId,
    /// [`WRAPPED_BYTES`] bytes.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub sealed: Vec<u8>,
}

impl WrapSet {
    /// Wraps an epoch's key to one device and signs the set.
    ///
    /// # Errors
    /// [`EpochError::Rule`] when nothing can be wrapped to the certificate's key.
    pub fn make(
        epoch: &SignedEpoch,
        key: &EpochKey,
        recipient: &Certificate,
        signer: &SigningKey,
        rng: &mut dyn CryptoRng,
    ) -> Result<Vec<u8>, EpochError> {
        let unusable = |_| EpochError::Rule("a certificate has a usable wrap key");
        let public = recipient.wrap_public().map_err(unusable)?;
        let aad = wrap_aad(epoch, recipient.device);
        let sealed = wrap_key(&public, &aad, key.danger_expose(), rng).map_err(unusable)?;
        let set = WrapSet {
            version: EPOCH_VERSION,
            pack: epoch.epoch.pack,
            domain: epoch.epoch.domain,
            epoch: epoch.id,
            device: signer.verifying_key().into(),
            wraps: vec![Wrap {
                recipient: recipient.device,
                sealed,
            }],
        };
        Ok(Envelope::sign(&set, SignLabel::WrapSet, signer).to_bytes())
    }

    /// Decodes a set and checks its signature. Whether its maker may wrap is the policy's to say.
    ///
    /// # Errors
    /// [`EpochError`] by cause.
    pub fn verify(bytes: &[u8]) -> Result<WrapSet, EpochError> {
        let envelope = Envelope::decode(bytes, WRAP_SET_BYTES_MAX)?;
        let set: WrapSet = envelope.read(EPOCH_VERSION)?;
        envelope.check(SignLabel::WrapSet, set.device)?;
        if set.version != EPOCH_VERSION {
            return Err(EpochError::NewerVersion);
        }
        if set.wraps.len() > WRAPS_MAX {
            return Err(EpochError::Rule("too many wraps"));
        }
        Ok(set)
    }

    /// Opens this device's wrap, and checks the key against the epoch's commitment.
    pub fn open(
        &self,
        epoch: &SignedEpoch,
        recipient: DeviceId,
        key: &WrapKey,
    ) -> Option<EpochKey> {
        let same = self.epoch == epoch.id
            && self.pack == epoch.epoch.pack
            && self.domain == epoch.epoch.domain;
        let wrap = self
            .wraps
            .iter()
            .find(|w| w.recipient == recipient)
            .filter(|_| same)?;
        let bytes = key
            .unwrap_key(&wrap_aad(epoch, recipient), &wrap.sealed)
            .ok()?;
        let key = EpochKey::from_bytes(*bytes);
        epoch.commits_to(&key).then_some(key)
    }
}

fn wrap_aad(epoch: &SignedEpoch, recipient: DeviceId) -> Vec<u8> {
    codec::encode(&(epoch.epoch.pack, epoch.epoch.domain, epoch.id, recipient))
}
