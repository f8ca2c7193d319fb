//! The formats from outside: frozen bytes, and what decoders do with bytes that nobody honest sends.
#![cfg(test)]

mod cbor;
mod decoders;
mod hostile;
mod inspect;
mod samples;
mod session;
mod vectors;
