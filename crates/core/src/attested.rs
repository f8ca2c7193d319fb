//! Records in which a device says what it did, and that carry whose device it is: receipts.
//!
//! Such a record holds the signed first operation of its person's log. So whoever has nothing but the
//! record can check that the person's device signed it; whether the person is who they are taken for is
//! known from a pack. Which rules a record keeps is its own.
//! Spec: `docs/spec/receipt.md`, `docs/spec/hygiene.md`.

use crate::id::{DeviceId, PersonId};
use crate::person::{PERSON_OP_BYTES_MAX, SignedPersonOp};
use crate::receipt::ReceiptError;
use crate::signed::{BadSignature, Envelope, Unread};
use kitbag_crypto::{SignLabel, SigningKey};
use minicbor::{Decode, Encode};

/// A kind of record that names the person whose device signs it.
pub trait Attested: Encode<()> + for<'b> Decode<'b, ()> {
    /// What its signature is over, besides the record.
    const LABEL: SignLabel;
    /// The newest version that this program understands.
    const VERSION: u16;
    /// Bytes of one with its signature, at most.
    const BYTES_MAX: usize;

    /// The version that it states.
    fn version(&self) -> u16;

    /// The signed first operation of its person's log, as it stands in the record.
    fn person(&self) -> &[u8];

    /// The rules that need nothing else.
    fn check(&self) -> Result<(), ReceiptError>;
}

/// Such a record that the device which it names signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed<T> {
    record: T,
    person: SignedPersonOp,
    bytes: Vec<u8>,
}

impl<T: Attested> Signed<T> {
    /// Signs a record with the key of the device that its person names.
    ///
    /// # Errors
    /// [`ReceiptError`] if nobody could verify it.
    pub fn sign(record: &T, key: &SigningKey) -> Result<Signed<T>, ReceiptError> {
        Signed::verify(&Envelope::sign(record, T::LABEL, key).to_bytes())
    }

    /// Decodes a record and checks its signature, that of its person, and its rules.
    ///
    /// # Errors
    /// [`ReceiptError`] by cause.
    pub fn verify(bytes: &[u8]) -> Result<Signed<T>, ReceiptError> {
        let envelope = Envelope::decode(bytes, T::BYTES_MAX)?;
        let record: T = envelope.read(T::VERSION)?;
        if record.version() > T::VERSION {
            return Err(ReceiptError::NewerVersion);
        }
        if record.person().len() > PERSON_OP_BYTES_MAX {
            return Err(ReceiptError::Rule("its person is too long"));
        }
        let person = SignedPersonOp::verify(record.person());
        let person = person.map_err(|_| ReceiptError::BadSignature)?;
        envelope.check(T::LABEL, person.certificate().device)?;
        record.check()?;
        Ok(Signed {
            record,
            person,
            bytes: bytes.to_vec(),
        })
    }

    /// What it says.
    pub fn receipt(&self) -> &T {
        &self.record
    }

    /// Whose device did it.
    pub fn person(&self) -> PersonId {
        self.person.person()
    }

    /// The device that did it, and signed.
    pub fn device(&self) -> DeviceId {
        self.person.certificate().device
    }

    /// The bytes that are kept and given away.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl From<Unread> for ReceiptError {
    fn from(unread: Unread) -> ReceiptError {
        match unread {
            Unread::Newer => ReceiptError::NewerVersion,
            Unread::Codec(error) => error.into(),
        }
    }
}

impl From<BadSignature> for ReceiptError {
    fn from(_: BadSignature) -> ReceiptError {
        ReceiptError::BadSignature
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::id::EndpointId;
    use crate::person::{Certificate, SUITE, SignedPersonOp};
    use kitbag_crypto::{SigningKey, WrapKey};

    /// A person with one device, and that device's key.
    pub(crate) fn person(n: u8) -> (SigningKey, SignedPersonOp) {
        let key = SigningKey::from_seed([n; 32]);
        let endpoint = SigningKey::from_seed([n + 100; 32]);
        let certificate = Certificate {
            suite: SUITE,
            device: key.verifying_key().into(),
            endpoint: EndpointId::from_bytes(*endpoint.verifying_key().as_bytes()),
            wrap: WrapKey::from_seed(&[n; 32]).public().to_bytes(),
        };
        let person = SignedPersonOp::found([n; 16], certificate, &key, &endpoint);
        (key, person)
    }
}
