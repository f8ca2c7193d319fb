//! The rules, pure: policy, logs, packs, tickets, wire and sync.
//!
//! Closed enums in, closed enums out. No clock, no file, no socket, no runtime and no randomness
//! of its own: time, random bytes and ids come in as arguments, so that a run can be replayed.

pub mod agent;
pub mod attested;
pub mod codec;
pub mod content;
pub mod epoch;
pub mod escalation;
pub mod export;
pub mod filter;
pub mod handoff;
pub mod hygiene_receipt;
pub mod id;
pub mod inspect;
pub mod pack;
pub mod person;
pub mod policy;
pub mod receipt;
pub mod release;
pub mod resemblance;
pub mod search;
pub mod selection;
pub mod session;
mod signed;
pub mod sync;
pub mod ticket;
pub mod wire;
