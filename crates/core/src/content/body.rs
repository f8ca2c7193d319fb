//! What stands inside a sealed body, and how it gets its length.
//!
//! `plain = method (1) ‖ length (4, big-endian) ‖ payload ‖ zeros`, where the payload is the
//! canonical record, deflated (RFC 1951) when that is shorter, and zeros fill up to a size bucket.
//! Compression never crosses items. Buckets follow Padmé (Nikitin et al., "Reducing Metadata
//! Leakage from Encrypted Files", PETS 2019): at most 12 % more, and log log of the length leaks.

use crate::codec::{self, CodecError};
use crate::content::relocation::Relocation;
use crate::content::report::Reports;
use crate::handoff::{Act, Draft, Head, Signed};
use crate::id::{EntryHash, PersonId, Timestamp};
use crate::pack::Record;
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::decompress_to_vec_with_limit;
use std::borrow::Cow;
use std::collections::BTreeSet;
use thiserror::Error;

/// Bytes of one body's record, at most, before and after compression.
pub const BODY_PLAIN_BYTES_MAX: usize = 288 * 1024;

/// The record inside a sealed body.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub enum EntryBody {
    /// A new note.
    #[n(0)]
    #[cbor(map)]
    Create {
        /// Its record.
        #[n(0)]
        record: Record,
        /// When it was written, by the author's clock: display data.
        #[n(1)]
        at: Timestamp,
        /// The entries whose content its author took over.
        #[n(2)]
        takes_over: TakesOver,
    },
    /// A change to a note or to an index document.
    #[n(1)]
    #[cbor(map)]
    Change {
        /// One plain Automerge change chunk.
        #[n(0)]
        #[cbor(with = "minicbor::bytes")]
        change: Vec<u8>,
        /// When it was written, by the author's clock: display data.
        #[n(1)]
        at: Timestamp,
        /// The entries whose content its author took over.
        #[n(2)]
        takes_over: TakesOver,
    },
    /// Who the author is.
    #[n(2)]
    Profile(#[n(0)] Profile),
    /// A note at another sensitivity.
    #[n(3)]
    Move(#[n(0)] Relocation),
    /// A part of a text, in bytes: a character may end in the next one.
    #[n(4)]
    Part(
        #[n(0)]
        #[cbor(with = "minicbor::bytes")]
        Vec<u8>,
    ),
    /// What happened on the author's device.
    #[n(5)]
    Reports(#[n(0)] Reports),
    /// A new hand-off.
    #[n(6)]
    #[cbor(map)]
    Handoff {
        /// What never changes about it.
        #[n(0)]
        head: Head,
        /// What it says first.
        #[n(1)]
        draft: Box<Draft>,
        /// When, and by which agent.
        #[n(2)]
        signed: Signed,
    },
    /// An act about a hand-off.
    #[n(7)]
    #[cbor(map)]
    HandoffAct {
        /// What.
        #[n(0)]
        act: Act,
        /// When, and by which agent.
        #[n(1)]
        signed: Signed,
    },
}

/// Entries that were set aside and whose content the author of this one writes anew as their own:
/// ascending, each once, at most [`TakesOver::ENTRIES_MAX`]. Absent from the record when empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TakesOver(Vec<EntryHash>);

impl TakesOver {
    /// Entries that one entry takes over, at most.
    pub const ENTRIES_MAX: usize = 64;

    /// These entries; the lowest of them if they are too many.
    pub fn new(entries: impl IntoIterator<Item = EntryHash>) -> TakesOver {
        let entries: BTreeSet<EntryHash> = entries.into_iter().collect();
        TakesOver(entries.into_iter().take(Self::ENTRIES_MAX).collect())
    }

    /// The entries, ascending.
    pub fn entries(&self) -> &[EntryHash] {
        &self.0
    }
}

impl<C> Encode<C> for TakesOver {
    fn encode<W: encode::Write>(
        &self,
        e: &mut Encoder<W>,
        ctx: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        self.0.encode(e, ctx)
    }

    fn is_nil(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'b, C> Decode<'b, C> for TakesOver {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<TakesOver, decode::Error> {
        let entries = Vec::<EntryHash>::decode(d, ctx)?;
        let ascends = entries.is_sorted_by(|a, b| a < b);
        if !ascends || entries.is_empty() || entries.len() > Self::ENTRIES_MAX {
            return Err(decode::Error::message(
                "a malformed list of entries taken over",
            ));
        }
        Ok(TakesOver(entries))
    }

    fn nil() -> Option<TakesOver> {
        Some(TakesOver::default())
    }
}

/// What a device tells the members of a pack about its person and itself.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Profile {
    /// The person.
    #[n(0)]
    pub person: PersonId,
    /// The person's name, untrusted text.
    #[n(1)]
    pub name: String,
    /// The device's name, untrusted text.
    #[n(2)]
    pub device_name: String,
    /// Socket addresses where it may be dialled, as text.
    #[n(3)]
    pub addresses: Vec<String>,
    /// Its relay, if any.
    #[n(4)]
    pub relay: Option<String>,
    /// When it was written, by the author's clock: display data.
    #[n(5)]
    pub at: Timestamp,
}

impl Profile {
    /// Bytes of a name, at most.
    pub const NAME_BYTES_MAX: usize = 128;
    /// Addresses, at most.
    pub const ADDRESSES_MAX: usize = 16;

    /// Whether a profile of somebody else keeps to the limits.
    pub fn is_within_limits(&self) -> bool {
        let names = [&self.name, &self.device_name];
        names.iter().all(|name| name.len() <= Self::NAME_BYTES_MAX)
            && self.addresses.len() <= Self::ADDRESSES_MAX
            && self
                .addresses
                .iter()
                .chain(&self.relay)
                .all(|a| a.len() <= 256)
    }
}

/// Why the opened bytes of a body are no record: its author misbehaved, or is newer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BodyError {
    /// Not the one valid encoding.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// The frame around the record is wrong.
    #[error("malformed body")]
    Malformed,
    /// The record is larger than a body may be.
    #[error("body is too long")]
    TooLong,
}

/// Encodes, compresses and pads a record.
///
/// # Errors
/// [`BodyError::TooLong`] beyond [`BODY_PLAIN_BYTES_MAX`].
pub fn pack_body(body: &EntryBody) -> Result<Vec<u8>, BodyError> {
    pack_frame(codec::encode(body), BODY_PLAIN_BYTES_MAX)
}

/// Compresses and pads an encoded record of at most `limit` bytes.
///
/// # Errors
/// [`BodyError::TooLong`] beyond that.
pub(crate) fn pack_frame(record: Vec<u8>, limit: usize) -> Result<Vec<u8>, BodyError> {
    if record.len() > limit {
        return Err(BodyError::TooLong);
    }
    let deflated = compress_to_vec(&record, DEFLATE_LEVEL);
    let (method, payload) = if deflated.len() < record.len() {
        (DEFLATED, deflated)
    } else {
        (STORED, record)
    };
    let length = u32::try_from(payload.len())
        .expect("bounded above")
        .to_be_bytes();
    let mut plain = Vec::with_capacity(bucket(FRAME_BYTES + payload.len()));
    plain.push(method);
    plain.extend_from_slice(&length);
    plain.extend_from_slice(&payload);
    plain.resize(bucket(plain.len()), 0);
    Ok(plain)
}

/// Undoes [`pack_body`].
///
/// # Errors
/// [`BodyError`] by cause; at most [`BODY_PLAIN_BYTES_MAX`] bytes are ever produced.
pub fn unpack_body(plain: &[u8]) -> Result<EntryBody, BodyError> {
    let record = unpack_frame(plain, BODY_PLAIN_BYTES_MAX)?;
    Ok(codec::decode(&record, BODY_PLAIN_BYTES_MAX)?)
}

/// Undoes [`pack_frame`]; at most `limit` bytes are ever inflated.
pub(crate) fn unpack_frame(plain: &[u8], limit: usize) -> Result<Cow<'_, [u8]>, BodyError> {
    let (frame, rest) = plain
        .split_first_chunk::<FRAME_BYTES>()
        .ok_or(BodyError::Malformed)?;
    let [method, length @ ..] = frame;
    let length = u32::from_be_bytes(*length) as usize;
    let (payload, padding) = rest.split_at_checked(length).ok_or(BodyError::Malformed)?;
    if plain.len() != bucket(FRAME_BYTES + length) || padding.iter().any(|b| *b != 0) {
        return Err(BodyError::Malformed);
    }
    match *method {
        STORED => Ok(Cow::Borrowed(payload)),
        DEFLATED => {
            let record = decompress_to_vec_with_limit(payload, limit);
            Ok(Cow::Owned(record.map_err(|_| BodyError::Malformed)?))
        }
        _ => Err(BodyError::Malformed),
    }
}

const FRAME_BYTES: usize = 5;
const STORED: u8 = 0;
const DEFLATED: u8 = 1;
/// Measured on the sample conversations: levels above 6 save under 1 % and cost twice the time.
const DEFLATE_LEVEL: u8 = 6;
/// No body is shorter, so that a tag change and a one-word note look alike.
const BUCKET_MIN: usize = 128;

/// The Padmé bucket of a length.
fn bucket(len: usize) -> usize {
    if len <= BUCKET_MIN {
        return BUCKET_MIN;
    }
    let exponent = len.ilog2();
    let kept_bits = exponent.ilog2() + 1;
    let low = exponent - kept_bits;
    let mask = (1usize << low) - 1;
    (len + mask) & !mask
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_cost_at_most_an_eighth_and_never_shrink() {
        for len in 1..300_000 {
            let padded = bucket(len);
            assert!(
                padded >= len && (len <= BUCKET_MIN || padded - len <= len / 8),
                "{len} became {padded}"
            );
            assert_eq!(bucket(padded), padded);
        }
    }

    #[test]
    fn a_body_survives_packing_and_no_truncation_passes() {
        let body = EntryBody::Profile(Profile {
            person: PersonId::from_bytes([1; 32]),
            name: "Ana".repeat(30),
            device_name: "laptop".into(),
            addresses: vec!["127.0.0.1:1".into()],
            relay: None,
            at: Timestamp::from_millis(5),
        });
        let plain = pack_body(&body).unwrap();
        assert_eq!(unpack_body(&plain).unwrap(), body);
        for cut in 0..plain.len() {
            assert!(unpack_body(&plain[..cut]).is_err(), "cut at {cut}");
        }
        let mut longer = plain.clone();
        longer.push(0);
        assert!(unpack_body(&longer).is_err());
    }

    #[test]
    fn a_bomb_inflates_to_the_limit_and_no_further() {
        let bomb = compress_to_vec(&vec![0u8; 64 << 20], 9);
        let mut plain = vec![DEFLATED];
        plain.extend_from_slice(&(bomb.len() as u32).to_be_bytes());
        plain.extend_from_slice(&bomb);
        plain.resize(bucket(plain.len()), 0);
        assert_eq!(unpack_body(&plain), Err(BodyError::Malformed));
    }

    /// Goal: a body that takes nothing over has the bytes that it always had, and of a list that is
    /// there exactly one form is read.
    #[test]
    fn a_list_of_what_is_taken_over_is_ascending_bounded_and_absent_when_empty() {
        let change = |takes_over| EntryBody::Change {
            change: vec![7],
            at: Timestamp::from_millis(5),
            takes_over,
        };
        let [low, high] = [[1; 32], [2; 32]].map(EntryHash::from_bytes);
        let without = codec::encode(&change(TakesOver::default()));
        assert_eq!(without, [0x82, 1, 0xa2, 0, 0x41, 7, 1, 5]);
        let taken = change(TakesOver::new([high, low]));
        let bytes = codec::encode(&taken);
        assert_eq!(codec::decode::<EntryBody>(&bytes, 1 << 10).unwrap(), taken);

        let with_list = |entries: &[EntryHash]| {
            let mut bytes = vec![0x82, 1, 0xa3, 0, 0x41, 7, 1, 5, 2];
            bytes.extend(codec::encode(&entries.to_vec()));
            codec::decode::<EntryBody>(&bytes, 1 << 16)
        };
        assert_eq!(with_list(&[low, high]).unwrap(), taken);
        let many: Vec<EntryHash> = (0..=64).map(|n| EntryHash::from_bytes([n; 32])).collect();
        assert!(with_list(&many[..64]).is_ok());
        for refused in [&[][..], &[high, low], &[low, low], &many] {
            assert!(with_list(refused).is_err(), "{refused:?}");
        }
        assert_eq!(TakesOver::new(many).entries().len(), TakesOver::ENTRIES_MAX);
    }
}
