//! A target that counts its bytes and knows their digest.

use super::target::Target;
use kitbag_rpc::{Hex, ReceiptBundle};
use sha2::{Digest, Sha256};

/// A target, and what went to it.
pub(super) struct Measured {
    target: Target,
    bytes: u64,
    digest: Sha256,
}

impl Measured {
    pub(super) fn new(target: Target) -> Measured {
        Measured {
            target,
            bytes: 0,
            digest: Sha256::new(),
        }
    }

    pub(super) fn write(&mut self, text: &str) -> anyhow::Result<()> {
        self.bytes += text.len() as u64;
        self.digest.update(text.as_bytes());
        self.target.write(text)
    }

    /// The target again, and what names the bytes that it got.
    pub(super) fn finish(self) -> (Target, ReceiptBundle) {
        let bundle = ReceiptBundle {
            bytes: self.bytes,
            sha256: Hex(self.digest.finalize().to_vec()),
        };
        (self.target, bundle)
    }
}
