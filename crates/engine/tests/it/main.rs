//! Engines with real homes on loopback.

mod soak;
mod support;
