//! Persons and their devices.
//!
//! A person is a log of devices; for now a log of one operation, which links one device. The
//! device's three public keys stand in one certificate, signed by its signing key and by its
//! endpoint key, so that neither can be claimed by somebody else.
//! Spec: `docs/spec/policy.md`, "Persons".

use crate::codec::{self, CodecError};
use crate::id::{DeviceId, EndpointId, PersonId, PersonOpHash, SignatureBytes};
use kitbag_crypto::{Hash, HashLabel, SignLabel, SigningKey, VerifyingKey, WrapPublic};
use minicbor::{Decode, Encode};
use std::sync::Arc;
use thiserror::Error;

/// The version of person operations that this program writes and understands.
pub const PERSON_VERSION: u16 = 1;
/// The cipher suite of this version: Ed25519, X-Wing, XChaCha20-Poly1305, BLAKE3, HKDF-SHA-256.
pub const SUITE: u16 = 1;
/// Bytes of one signed person operation, at most.
pub const PERSON_OP_BYTES_MAX: usize = 8 * 1024;

/// A device's public keys.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Certificate {
    /// Cipher suite of the keys.
    #[n(0)]
    pub suite: u16,
    /// Its signing key, which is its id.
    #[n(1)]
    pub device: DeviceId,
    /// Its transport key.
    #[n(2)]
    pub endpoint: EndpointId,
    /// Its key for receiving wraps: X-Wing, 1216 bytes.
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    pub wrap: Vec<u8>,
}

impl Certificate {
    /// The key to wrap to.
    ///
    /// # Errors
    /// [`kitbag_crypto::BadKey`]; never for a certificate inside a [`SignedPersonOp`].
    pub fn wrap_public(&self) -> Result<WrapPublic, kitbag_crypto::BadKey> {
        WrapPublic::from_bytes(&self.wrap)
    }
}

/// The first operation of a person's log.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct PersonOp {
    /// Format version.
    #[n(0)]
    pub version: u16,
    /// Position in the log, from 0.
    #[n(1)]
    pub seq: u64,
    /// Random, so that a person is never guessed.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub nonce: [u8; 16],
    /// The device that this operation links.
    #[n(3)]
    pub links: Certificate,
    /// Public half of a recovery key, if one was made.
    #[n(4)]
    #[cbor(with = "minicbor::bytes")]
    pub recovery: Option<[u8; 32]>,
}

/// A person operation that both of the device's keys signed. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedPersonOp {
    op: Arc<PersonOp>,
    hash: PersonOpHash,
    person: PersonId,
    bytes: Arc<[u8]>,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct Envelope {
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    op: Vec<u8>,
    #[n(1)]
    by_device: SignatureBytes,
    #[n(2)]
    by_endpoint: SignatureBytes,
}

impl Envelope {
    fn check(&self, device: DeviceId, endpoint: EndpointId) -> Result<(), PersonError> {
        let bad = |_| PersonError::BadSignature;
        let device = device.verifying_key().map_err(bad)?;
        let endpoint = VerifyingKey::from_bytes(*endpoint.as_bytes()).map_err(bad)?;
        let refused = |_| PersonError::BadSignature;
        device
            .verify(SignLabel::PersonOp, &self.op, &self.by_device.0)
            .map_err(refused)?;
        endpoint
            .verify(SignLabel::EndpointBinding, &self.op, &self.by_endpoint.0)
            .map_err(refused)
    }

    /// The verdict on an operation that cannot be read because it is newer. Version, device and
    /// endpoint keep their places: keys 0, 3.1 and 3.2.
    fn newer(&self) -> Option<PersonError> {
        #[derive(Decode)]
        #[cbor(map)]
        struct Peek {
            #[n(0)]
            version: u16,
            #[n(3)]
            links: PeekKeys,
        }
        #[derive(Decode)]
        #[cbor(map)]
        struct PeekKeys {
            #[n(1)]
            device: DeviceId,
            #[n(2)]
            endpoint: EndpointId,
        }
        let peek: Peek = minicbor::decode(&self.op).ok()?;
        let signed = || self.check(peek.links.device, peek.links.endpoint);
        (peek.version > PERSON_VERSION).then(|| signed().err().unwrap_or(PersonError::NewerVersion))
    }
}

/// Why bytes are no person operation.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PersonError {
    /// Not the one valid encoding.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// One of the two signatures does not hold, or a key is unusable.
    #[error("person record is not signed by the device it links")]
    BadSignature,
    /// Of a version or suite that this program does not know.
    #[error("person record of a newer version")]
    NewerVersion,
}

impl SignedPersonOp {
    /// Makes a person whose one device owns these keys.
    pub fn found(
        nonce: [u8; 16],
        links: Certificate,
        device: &SigningKey,
        endpoint: &SigningKey,
    ) -> SignedPersonOp {
        let op = PersonOp {
            version: PERSON_VERSION,
            seq: 0,
            nonce,
            links,
            recovery: None,
        };
        let op_bytes = codec::encode(&op);
        let envelope = Envelope {
            by_device: SignatureBytes(device.sign(SignLabel::PersonOp, &op_bytes)),
            by_endpoint: SignatureBytes(endpoint.sign(SignLabel::EndpointBinding, &op_bytes)),
            op: op_bytes,
        };
        SignedPersonOp::assemble(op, &envelope.op, codec::encode(&envelope).into())
    }

    /// Decodes and checks both signatures.
    ///
    /// # Errors
    /// [`PersonError`] by cause. [`PersonError::NewerVersion`] is returned only after both signatures
    /// held.
    pub fn verify(bytes: &[u8]) -> Result<SignedPersonOp, PersonError> {
        let envelope: Envelope = codec::decode(bytes, PERSON_OP_BYTES_MAX)?;
        let op: PersonOp = match codec::decode(&envelope.op, PERSON_OP_BYTES_MAX) {
            Ok(op) => op,
            Err(error) => return Err(envelope.newer().unwrap_or_else(|| error.into())),
        };
        envelope.check(op.links.device, op.links.endpoint)?;
        if op.version != PERSON_VERSION || op.links.suite != SUITE || op.seq != 0 {
            return Err(PersonError::NewerVersion);
        }
        op.links
            .wrap_public()
            .map_err(|_| PersonError::BadSignature)?;
        Ok(SignedPersonOp::assemble(op, &envelope.op, bytes.into()))
    }

    /// Takes an operation out of the device's own sealed store.
    ///
    /// # Errors
    /// [`PersonError::Codec`] when the bytes are no person operation.
    pub fn from_store(bytes: &[u8]) -> Result<SignedPersonOp, PersonError> {
        let envelope: Envelope = codec::decode(bytes, PERSON_OP_BYTES_MAX)?;
        let op: PersonOp = codec::decode(&envelope.op, PERSON_OP_BYTES_MAX)?;
        Ok(SignedPersonOp::assemble(op, &envelope.op, bytes.into()))
    }

    fn assemble(op: PersonOp, op_bytes: &[u8], bytes: Arc<[u8]>) -> SignedPersonOp {
        let hash = Hash::of(HashLabel::PersonOp, &[op_bytes]).into();
        let person = Hash::of(HashLabel::Person, &[op_bytes]).into();
        SignedPersonOp {
            op: Arc::new(op),
            hash,
            person,
            bytes,
        }
    }

    /// The operation.
    pub fn op(&self) -> &PersonOp {
        &self.op
    }

    /// Its name.
    pub fn hash(&self) -> PersonOpHash {
        self.hash
    }

    /// The person whose log it begins.
    pub fn person(&self) -> PersonId {
        self.person
    }

    /// The bytes that were signed and are forwarded.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The linked device.
    pub fn certificate(&self) -> &Certificate {
        &self.op.links
    }
}
