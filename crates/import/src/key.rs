//! Keys: the place in another system from which a note comes, as 16 bytes.

use crate::Kind;
use std::fmt;

const CONTEXT: &str = "kitbag/import/v1";

/// Names the place in another system from which a note comes. `docs/spec/import.md` says of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key([u8; 16]);

impl Key {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    pub(crate) fn of(kind: Kind, what: &str, parts: &[&[u8]]) -> Key {
        let hash = link(kind, what, parts);
        let mut key = [0; 16];
        key.copy_from_slice(&hash[..16]);
        Key(key)
    }

    /// The key of part `number`, counted from 0, of a text that became several notes.
    pub(crate) fn part(self, kind: Kind, number: usize) -> Key {
        Key::of(kind, "part", &[&self.0, &be(number)])
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The whole hash, where more follows from it.
pub(crate) fn link(kind: Kind, what: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
    let mut part = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_be_bytes());
        hasher.update(bytes);
    };
    part(kind.as_str().as_bytes());
    part(what.as_bytes());
    parts.iter().for_each(|bytes| part(bytes));
    *hasher.finalize().as_bytes()
}

/// A number inside of a key.
pub(crate) fn be(number: usize) -> [u8; 8] {
    (number as u64).to_be_bytes()
}
