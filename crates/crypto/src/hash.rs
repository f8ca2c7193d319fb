//! One hash for everything that is named by its content: BLAKE3 in key-derivation mode.
//!
//! `Hash = BLAKE3.derive_key(label, lp(part 1) ‖ lp(part 2) ‖ …)` where `lp` prefixes a part with
//! its length as eight big-endian bytes, so that no two part lists collide.
//! Spec: `docs/spec/crypto.md`, "Hash".

use crate::HashLabel;
use std::fmt;
use zeroize::{Zeroize, Zeroizing};

/// 32 bytes that name something by its content.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; 32]);

impl Hash {
    /// Hashes `parts`, in this order, for the purpose `label`.
    pub fn of(label: HashLabel, parts: &[&[u8]]) -> Hash {
        let mut hasher = Hasher::new(label);
        for part in parts {
            hasher.part(part);
        }
        hasher.finish()
    }

    /// A hash that somebody else computed.
    pub const fn from_bytes(bytes: [u8; 32]) -> Hash {
        Hash(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first 16 bytes, where 128 bits are enough (an actor id).
    pub fn first_half(&self) -> [u8; 16] {
        let mut half = [0; 16];
        half.copy_from_slice(&self.0[..16]);
        half
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}…", data_encoding::HEXLOWER.encode(&self.0[..4]))
    }
}

/// A hash in the making, for parts that arrive one by one.
pub struct Hasher(blake3::Hasher);

impl Hasher {
    /// Starts a hash for the purpose `label`.
    pub fn new(label: HashLabel) -> Hasher {
        Hasher(blake3::Hasher::new_derive_key(label.as_str()))
    }

    /// Appends one part with its length.
    pub fn part(&mut self, bytes: &[u8]) {
        self.0.update(&(bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
    }

    /// The hash of all parts.
    pub fn finish(&self) -> Hash {
        Hash(*self.0.finalize().as_bytes())
    }
}

/// `Hash::of(label, &[secret])` where the input, the output or both are secret: nothing of either is
/// left in the hash function's state.
pub(crate) fn derive_secret(label: HashLabel, secret: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    let mut hasher = Hasher::new(label);
    hasher.part(secret);
    let mut hash = hasher.0.finalize();
    let derived = Zeroizing::new(*hash.as_bytes());
    hash.zeroize();
    hasher.0.zeroize();
    derived
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_into_each_other() {
        let a = Hash::of(HashLabel::Item, &[b"ab", b"c"]);
        let b = Hash::of(HashLabel::Item, &[b"a", b"bc"]);
        let c = Hash::of(HashLabel::Log, &[b"ab", b"c"]);
        assert!(a != b && a != c && b != c);
    }

    #[test]
    fn a_derived_secret_is_the_hash_of_the_secret() {
        let derived = derive_secret(HashLabel::RowKey, &[7; 32]);
        assert_eq!(
            Hash::of(HashLabel::RowKey, &[&[7; 32]]).as_bytes(),
            &*derived
        );
    }
}
