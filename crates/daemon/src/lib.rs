//! Owns the engine and serves the local API on a Unix socket.
//!
//! One process owns the database of a home; everything else is its client. A lock file in the home
//! decides which one (`instance`). Every connection is checked against the user of this process
//! (`server`), every request is read within limits (`routes`) and passes one authorisation function
//! (`authorise`) before its handler (`api`) sees it; a panic in a handler ends that request only.
//! The log holds paths, codes, ids and times: no content, titles, names or tickets (`log`).
//!
//! Re-exports what a front end needs before there is a daemon: to create a person and device, and
//! to look at a ticket or at bytes (`identity`). Deliberately absent: printing, the environment, any decision
//! about packs.

mod api;
mod authorise;
mod convert;
mod failure;
mod home;
mod identity;
mod instance;
mod log;
mod metrics;
mod routes;
mod run;
mod server;
mod sessions;
mod supervisor;
mod terminal;

pub use identity::{
    RECEIPT_BYTES_MAX, check_home, chosen_protection, examine, initialise, inspect, inspect_ticket,
    key_protection, needs_sessions, protect_key, reach_keyring, read_hygiene_receipt, read_receipt,
};
pub use instance::is_served;
pub use log::{LogLevel, keep_panics_out_of_sight, log_files};
pub use run::{Options, Started, run};
pub use supervisor::Supervisor;

pub use kitbag_engine::{
    Examined, KeyChoice, KeyMoved, KeyProtection, Listen, Relay, Settings, key_change_is_pending,
};
