//! The keys with which targets sign what a fuzzer gives them: those of the samples that the corpus
//! begins with, so that a mutated sample names the device that signs it.

use kitbag_core::codec;
use kitbag_core::id::SignatureBytes;
use kitbag_crypto::{SignLabel, SigningKey, TicketSecret, WrapKey};
use minicbor::bytes::ByteVec;
use std::sync::LazyLock;

/// Signs as the device of the samples' author.
pub(super) static DEVICE: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::from_seed([1; 32]));
/// Signs as the endpoint of the same device.
pub(super) static ENDPOINT: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::from_seed([0x41; 32]));
/// The device that joins in the samples.
pub(super) static JOINER: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::from_seed([2; 32]));
/// The key to which the samples wrap.
pub(super) static WRAP: LazyLock<WrapKey> = LazyLock::new(|| WrapKey::from_seed(&[0x82; 32]));
/// The key inside the samples' tickets.
pub(super) static INVITE: LazyLock<SigningKey> =
    LazyLock::new(|| TicketSecret::from_bytes([9; 32]).invite_key());

/// A record in the envelope of all records with one signature.
pub(super) fn signed(record: &[u8], key: &SigningKey, label: SignLabel) -> Vec<u8> {
    codec::encode(&(
        ByteVec::from(record.to_vec()),
        signature(record, key, label),
    ))
}

pub(super) fn signature(record: &[u8], key: &SigningKey, label: SignLabel) -> SignatureBytes {
    SignatureBytes(key.sign(label, record))
}
