//! The operating system's random numbers, in the shape that the pure crates take.

use rand_core::{TryCryptoRng, TryRng};
use std::convert::Infallible;

/// The operating system's generator.
///
/// Stops the process if there are no random numbers to be had: nothing can be sealed without them.
pub(crate) struct SystemRandom;

impl TryRng for SystemRandom {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(getrandom::u32().expect("the operating system has random numbers"))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(getrandom::u64().expect("the operating system has random numbers"))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        getrandom::fill(bytes).expect("the operating system has random numbers");
        Ok(())
    }
}

impl TryCryptoRng for SystemRandom {}
