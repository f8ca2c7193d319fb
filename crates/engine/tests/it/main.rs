//! Engines with real homes on loopback.
#![cfg(test)]

mod soak;
mod support;
