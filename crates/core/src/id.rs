//! The names of things: 32-byte newtypes, and how people read and type them.
//!
//! Ids print as lower-case base32 without padding (RFC 4648, section 6), so that a unique prefix
//! can be typed and nothing needs quoting.

use data_encoding::{BASE32_NOPAD, Encoding};
use kitbag_crypto::{EpochKey, Hash, HashLabel, VerifyingKey};
use minicbor::decode::Error as DecodeError;
use minicbor::{Decode, Decoder, Encode, Encoder, encode};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// Text that is not an id.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("not an id")]
pub struct NotAnId;

macro_rules! byte_newtype {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $len]);

        impl $name {
            /// Takes over the bytes.
            pub const fn from_bytes(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }

            /// The bytes.
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }

            /// The first ten characters of its text, for logs and narrow columns.
            pub fn short(&self) -> String {
                let mut text = self.to_string();
                text.truncate(10);
                text
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&BASE32_NOPAD.encode(&self.0).to_ascii_lowercase())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.short())
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                decode_base32(text).and_then(|bytes| bytes.try_into().ok()).map(Self).ok_or(NotAnId)
            }
        }

        impl<C> Encode<C> for $name {
            fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
                e.bytes(&self.0)?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
                let bytes = d.bytes()?;
                bytes.try_into().map(Self).map_err(|_| DecodeError::message(concat!("wrong length of ", stringify!($name))))
            }
        }
    };
}

macro_rules! hash_newtype {
    ($(#[$doc:meta])* $name:ident) => {
        byte_newtype!($(#[$doc])* $name, 32);

        impl From<Hash> for $name {
            fn from(hash: Hash) -> Self {
                Self(*hash.as_bytes())
            }
        }
    };
}

hash_newtype!(/** A pack: the hash of its Genesis. */ PackId);
hash_newtype!(/** A person: the hash of the first operation of its log. */ PersonId);
hash_newtype!(/** An operation of a policy log. */ OpHash);
hash_newtype!(/** An operation of a person's log. */ PersonOpHash);
hash_newtype!(/** A log: one device's chain under one grant and incarnation. */ LogId);
hash_newtype!(/** An entry of a content log. */ EntryHash);
hash_newtype!(/** A note. */ ItemId);
hash_newtype!(/** The plaintext tag under which all entries of one object stand. */ ObjectTag);
hash_newtype!(/** An epoch of a key domain. */ EpochId);
hash_newtype!(/** A client that packs belong to, by its label. Never outside a seal. */ ClientId);
byte_newtype!(/** A random value that a device draws anew whenever its history may have been copied or rolled back. */ Incarnation, 16);
byte_newtype!(/** Where in another system a note comes from, so that it is known when it is imported again. */ ImportKey, 16);
byte_newtype!(/** The transport's key of a device: its iroh endpoint id. */ EndpointId, 32);
byte_newtype!(/** A device: its public signing key; not yet checked to be one when it comes from bytes. */ DeviceId, 32);

impl ImportKey {
    /// The key of the masked copy of a note with this one: `H(item, "copy of", salt, key)`, its first
    /// half. The salt of the note is random and stands in its record alone, so the key of the copy tells
    /// nothing to whoever does not read the note.
    pub fn of_masked_copy(&self, salt: &[u8; 16]) -> ImportKey {
        let hash = Hash::of(HashLabel::Item, &[b"copy of", salt, &self.0]);
        ImportKey(hash.first_half())
    }

    /// The key as it stands in a note of which fewer people may know of what it is made: the first half of
    /// BLAKE3 under the place key of an epoch.
    pub fn veiled(&self, epoch: &EpochKey) -> ImportKey {
        ImportKey::first_half(&epoch.veil(&self.0))
    }

    /// The first half of a hash.
    pub fn first_half(hash: &[u8; 32]) -> ImportKey {
        let mut half = [0; 16];
        half.copy_from_slice(&hash[..16]);
        ImportKey(half)
    }

    /// What it was in copies that were written before keys were salted: `H(item, "masked", key)`. Such a
    /// copy is known beside its note, and by nothing else.
    pub fn of_masked_copy_unsalted(&self) -> ImportKey {
        let hash = Hash::of(HashLabel::Item, &[b"masked", &self.0]);
        ImportKey(hash.first_half())
    }
}

impl DeviceId {
    /// The key that this id is.
    ///
    /// # Errors
    /// [`kitbag_crypto::BadKey`] when the bytes are no usable key.
    pub fn verifying_key(&self) -> Result<VerifyingKey, kitbag_crypto::BadKey> {
        VerifyingKey::from_bytes(self.0)
    }
}

impl From<VerifyingKey> for DeviceId {
    fn from(key: VerifyingKey) -> Self {
        Self(*key.as_bytes())
    }
}

/// 64 signature bytes inside a record; checked when verified.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SignatureBytes(pub kitbag_crypto::Signature);

impl<C> Encode<C> for SignatureBytes {
    fn encode<W: encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        e.bytes(self.0.as_bytes())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for SignatureBytes {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        let bytes: [u8; 64] = d
            .bytes()?
            .try_into()
            .map_err(|_| DecodeError::message("wrong length of signature"))?;
        Ok(Self(kitbag_crypto::Signature::from_bytes(bytes)))
    }
}

/// Time as a device's clock showed it: display data, never a reason. Milliseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Timestamp(#[n(0)] u64);

impl Timestamp {
    /// From milliseconds since 1970.
    pub const fn from_millis(millis: u64) -> Timestamp {
        Timestamp(millis)
    }

    /// Milliseconds since 1970.
    pub const fn as_millis(self) -> u64 {
        self.0
    }
}

/// The bytes of a base32 text, however it is cased.
pub(crate) fn decode_base32(text: &str) -> Option<Vec<u8>> {
    const ENCODING: Encoding = BASE32_NOPAD;
    ENCODING.decode(text.to_ascii_uppercase().as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_survive_their_text_in_either_case() {
        let id = PackId::from_bytes([0xa7; 32]);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().to_ascii_uppercase().parse(), Ok(id));
        assert_eq!("".parse::<PackId>(), Err(NotAnId));
        assert_eq!("8".parse::<PackId>(), Err(NotAnId));
    }
}
