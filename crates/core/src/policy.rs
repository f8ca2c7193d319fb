//! The control plane: who may do what in a pack, as a pure function of a set of signed operations.
//!
//! [`op`] is the records, [`fold`] the rules over them. Clocks decide nothing here.
//! Spec: `docs/spec/policy.md`.

pub mod fold;
pub mod op;
mod role;
pub mod rules;

pub use role::{Role, Sensitivity};
