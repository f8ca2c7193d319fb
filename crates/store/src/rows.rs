//! The values of rows that no record of the protocol gives us.

use crate::StoreError;
use kitbag_core::codec;
use kitbag_core::content::{LogPosition, SMALL_RECORD_BYTES_MAX, SignedHead};
use kitbag_core::id::{PackId, Timestamp};
use minicbor::bytes::ByteSlice;
use minicbor::{Decode, Encode};

/// What this device keeps about a pack as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct PackRow {
    /// The pack.
    #[n(0)]
    pub id: PackId,
    /// The name that this person gave it.
    #[n(1)]
    pub name: Option<String>,
    /// Whether this person made it, so that its title may serve as a name.
    #[n(2)]
    pub own: bool,
    /// When it came here, by this device's clock.
    #[n(3)]
    pub since: Timestamp,
    /// Present once an admin's operation of a newer version was seen: it might be a denial, so the
    /// pack is only read here from then on.
    #[n(4)]
    pub newer_rules: Option<Timestamp>,
}

impl PackRow {
    pub(crate) fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<PackRow> {
        codec::decode(bytes, ROW_BYTES_MAX).ok()
    }
}

/// What this device keeps about one branch of a content log as a whole; most logs have one.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct LogRow {
    /// Number of its pack.
    #[n(0)]
    pub pack: u32,
    /// Its opening record.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub opening: Vec<u8>,
    /// The entry that the branch continues, in the row of another; absent if it begins the log.
    #[n(2)]
    pub base: Option<LogPosition>,
}

impl LogRow {
    pub(crate) fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<LogRow> {
        codec::decode(bytes, ROW_BYTES_MAX).ok()
    }
}

/// What is kept of an entry besides its header.
#[derive(Clone, Copy, Debug, Encode, Decode)]
#[cbor(array)]
pub(crate) struct Content<'b> {
    /// The sealed body.
    #[b(0)]
    pub(crate) body: Option<&'b ByteSlice>,
    /// The sealed item key.
    #[b(1)]
    pub(crate) wrap: Option<&'b ByteSlice>,
}

impl Content<'_> {
    pub(crate) fn encode(body: Option<&[u8]>, wrap: Option<&[u8]>) -> Vec<u8> {
        let (body, wrap) = (body.map(Into::into), wrap.map(Into::into));
        minicbor::to_vec(Content { body, wrap }).expect("writing to memory does not fail")
    }

    /// Body and item key.
    pub(crate) fn decode(bytes: &[u8]) -> Option<[Option<Vec<u8>>; 2]> {
        let content: Content<'_> = minicbor::decode(bytes).ok()?;
        Some([content.body, content.wrap].map(|part| part.map(|part| part.to_vec())))
    }
}

const ROW_BYTES_MAX: usize = 64 * 1024;

pub(crate) fn encode_head(head: &SignedHead) -> Vec<u8> {
    codec::encode(head)
}

pub(crate) fn decode_head(bytes: &[u8]) -> Result<SignedHead, StoreError> {
    codec::decode(bytes, SMALL_RECORD_BYTES_MAX)
        .map_err(|_| StoreError::Damaged { table: "heads.1" })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: homes from before logs could fork open, and a log that never did is written as it was.
    #[test]
    fn a_log_that_did_not_fork_has_the_row_it_always_had() {
        let row = LogRow {
            pack: 1,
            opening: vec![7],
            base: None,
        };
        let bytes = [0xa2, 0x00, 0x01, 0x01, 0x41, 0x07];
        assert_eq!(row.encode(), bytes);
        assert_eq!(LogRow::decode(&bytes), Some(row));
    }
}
