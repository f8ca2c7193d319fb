//! Keys, signatures, seals and wraps: the only crate that names a cipher.
//!
//! Every construction here is stated, with its citation, in `docs/spec/crypto.md`. There is one of
//! each: one hash ([`struct@Hash`], BLAKE3 under a label), one signature ([`SigningKey`], Ed25519, strict
//! verification only), one seal ([`seal()`], XChaCha20-Poly1305 under a per-record key that carries a
//! commitment) and one wrap ([`WrapKey`], HPKE with X-Wing). No suite is negotiated: a version
//! names all of them.
//!
//! Invariants: secrets have types of their own, are erased when dropped, print as `<redacted>` and
//! never serialise; randomness comes in as an argument; a failure to open or verify says nothing
//! about why. Deliberately absent: encodings of whole records (`kitbag-core`), files, clocks.

mod hash;
mod label;
mod passphrase;
#[doc(hidden)]
pub mod planted;
mod row;
mod seal;
mod secret;
mod sign;
#[cfg(test)]
mod tests;
mod webhook;
mod wrap;

pub use hash::{Hash, Hasher};
pub use label::{HashLabel, SealLabel, SignLabel};
pub use passphrase::{
    PassphraseError, PassphraseParams, is_pin, keep_pin, protect_master_key, unlock_master_key,
};
pub use row::{BlindKey, RowKey};
pub use seal::{OpenError, SEAL_OVERHEAD, open, seal};
pub use secret::{AgentSecret, EpochKey, ItemKey, MasterKey, TicketSecret};
pub use sign::{BadKey, BadSignature, Signature, SigningKey, VerifyingKey};
pub use webhook::WebhookSecret;
pub use wrap::{UnwrapError, WRAP_PUBLIC_BYTES, WRAPPED_BYTES, WrapKey, WrapPublic, wrap_key};

pub use rand_core::CryptoRng;
