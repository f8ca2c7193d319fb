//! The envelope of a record that one key signed: `[record, signature]`.
//!
//! The record is kept as the bytes that were signed, and decoded out of them; the signature is over a
//! label of its kind and these bytes, so that no record passes as one of another kind. Whose key it has
//! to be, what a version means and which rules hold is each record's own.
//! Spec: `docs/spec/records.md`, "Signed records".

use crate::codec::{self, CodecError};
use crate::id::{DeviceId, SignatureBytes};
use kitbag_crypto::{SignLabel, SigningKey};
use minicbor::{Decode, Encode};

/// A record with its signature, which is not checked yet.
#[derive(Encode, Decode)]
#[cbor(array)]
pub(crate) struct Envelope {
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    record: Vec<u8>,
    #[n(1)]
    signature: SignatureBytes,
}

/// Why the record in an envelope cannot be read.
#[derive(Debug)]
pub(crate) enum Unread {
    /// It says that it is of a newer version; then its sender did nothing wrong.
    Newer,
    /// Not the one valid encoding.
    Codec(CodecError),
}

/// The signature does not hold, or the key is none.
#[derive(Debug)]
pub(crate) struct BadSignature;

impl Envelope {
    /// Encodes and signs a record.
    pub(crate) fn sign<T: Encode<()>>(record: &T, label: SignLabel, key: &SigningKey) -> Envelope {
        let record = codec::encode(record);
        let signature = SignatureBytes(key.sign(label, &record));
        Envelope { record, signature }
    }

    /// Decodes an envelope of at most `bytes_max` bytes; neither record nor signature is looked at.
    pub(crate) fn decode(bytes: &[u8], bytes_max: usize) -> Result<Envelope, CodecError> {
        codec::decode(bytes, bytes_max)
    }

    /// The one valid encoding, to be kept and forwarded.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// The bytes that were signed.
    pub(crate) fn record(&self) -> &[u8] {
        &self.record
    }

    /// Decodes the record, of which versions up to `known` can be read.
    pub(crate) fn read<T>(&self, known: u16) -> Result<T, Unread>
    where
        T: Encode<()> + for<'b> Decode<'b, ()>,
    {
        // It is shorter than its envelope, whose length was judged.
        codec::decode(&self.record, self.record.len()).map_err(|error| {
            match codec::newer_version(&self.record, known) {
                Some(_) => Unread::Newer,
                None => Unread::Codec(error),
            }
        })
    }

    /// Checks that this device signed the record, as one of this kind.
    pub(crate) fn check(&self, label: SignLabel, device: DeviceId) -> Result<(), BadSignature> {
        let key = device.verifying_key().map_err(|_| BadSignature)?;
        key.verify(label, &self.record, &self.signature.0)
            .map_err(|_| BadSignature)
    }
}
