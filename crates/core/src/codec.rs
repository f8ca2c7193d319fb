//! One valid encoding per value: deterministic CBOR (RFC 8949, section 4.2) with integer keys.
//!
//! Signed and hashed records are kept and forwarded as the bytes they came in. A decoder accepts
//! bytes only if the value re-encodes to exactly them, so that unknown keys, wrong key order,
//! longer integers, indefinite lengths and trailing bytes are all refused by one comparison.
//! Spec: `docs/spec/records.md`.

use minicbor::encode::Write;
use minicbor::{Decode, Decoder, Encode};
use thiserror::Error;

/// Bytes that are no record of the expected kind.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CodecError {
    /// Not CBOR of the expected shape.
    #[error("malformed record")]
    Malformed,
    /// Decodes, but is not the one valid encoding of its value.
    #[error("record is not canonically encoded")]
    NotCanonical,
    /// Longer than this kind of record may be.
    #[error("record of {bytes} bytes exceeds its limit of {limit}")]
    TooLong {
        /// Its length in bytes.
        bytes: usize,
        /// The limit in bytes.
        limit: usize,
    },
}

/// Encodes a value in its one valid form.
pub fn encode<T: Encode<()>>(value: &T) -> Vec<u8> {
    minicbor::to_vec(value).expect("writing to memory does not fail")
}

/// Decodes the one valid encoding of a value, of at most `limit` bytes.
///
/// # Errors
/// [`CodecError`] by cause; nothing is allocated in proportion to a length field.
pub fn decode<T: Encode<()> + for<'b> Decode<'b, ()>>(
    bytes: &[u8],
    limit: usize,
) -> Result<T, CodecError> {
    if bytes.len() > limit {
        return Err(CodecError::TooLong {
            bytes: bytes.len(),
            limit,
        });
    }
    let value: T = minicbor::decode(bytes).map_err(|_| CodecError::Malformed)?;
    let mut expected = Expected(bytes);
    let same = minicbor::encode(&value, &mut expected).is_ok() && expected.0.is_empty();
    if same {
        Ok(value)
    } else {
        Err(CodecError::NotCanonical)
    }
}

/// The version that a record states, if it is newer than the `known` one: key 0 of a record's map is
/// its version, whatever else changes.
///
/// # Security
/// Anybody can state one. It excuses a peer whose record cannot be read; it proves nothing.
pub fn newer_version(record: &[u8], known: u16) -> Option<u16> {
    let mut record = Decoder::new(record);
    let entries = record.map().ok()??;
    let first = (entries > 0).then(|| record.u8().ok())??;
    let version = record.u16().ok()?;
    (first == 0 && version > known).then_some(version)
}

/// Compares what is written with what is expected, so that nothing is copied: a record may hold secrets.
struct Expected<'b>(&'b [u8]);

impl Write for Expected<'_> {
    type Error = CodecError;

    fn write_all(&mut self, written: &[u8]) -> Result<(), CodecError> {
        self.0 = self
            .0
            .strip_prefix(written)
            .ok_or(CodecError::NotCanonical)?;
        Ok(())
    }
}
