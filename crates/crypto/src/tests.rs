//! Tests that read files: published vectors, our own frozen ones, and the specification.
//!
//! They live inside the crate because they run through functions that it does not show.

mod golden;
mod page;
mod two_key;
mod wycheproof;
mod x_wing;

use rand_core::{TryCryptoRng, TryRng, utils};
use std::convert::Infallible;

/// A generator that gives exactly these bytes, and panics when asked for more.
pub(crate) struct Replay<'a>(pub(crate) &'a [u8]);

impl TryRng for Replay<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        utils::next_word_via_fill(self)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        utils::next_word_via_fill(self)
    }

    fn try_fill_bytes(&mut self, filled: &mut [u8]) -> Result<(), Infallible> {
        let (now, later) = self.0.split_at(filled.len());
        filled.copy_from_slice(now);
        self.0 = later;
        Ok(())
    }
}

impl TryCryptoRng for Replay<'_> {}

/// A generator that is stuck.
pub(crate) struct Stuck(pub(crate) u8);

impl TryRng for Stuck {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        utils::next_word_via_fill(self)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        utils::next_word_via_fill(self)
    }

    fn try_fill_bytes(&mut self, filled: &mut [u8]) -> Result<(), Infallible> {
        filled.fill(self.0);
        Ok(())
    }
}

impl TryCryptoRng for Stuck {}

/// Every copy of `bytes` with one bit flipped.
pub(crate) fn one_bit_flipped(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..bytes.len() * 8).map(|bit| {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        flipped
    })
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

fn unhex(text: &str) -> Vec<u8> {
    data_encoding::HEXLOWER
        .decode(text.as_bytes())
        .expect("lower-case hexadecimal digits")
}

fn unhex_array<const N: usize>(text: &str) -> [u8; N] {
    unhex(text)
        .try_into()
        .expect("the length that the field has")
}
