//! Unlocked sessions of a terminal: whether acts of a person need one, and opening and ending one.

use crate::call::call;
use crate::{Secret, Time, V1};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Asks whether acts of a person need a session here, and whether this terminal has one.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadSession {
    /// Version.
    pub v: V1,
}
call!(get ReadSession, "/v1/session" => SessionShown);

/// Opens a session for the terminal that asks.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenSession {
    /// Version.
    pub v: V1,
    /// The passphrase or PIN, whichever proves a person here.
    pub secret: Secret,
}
call!(post OpenSession, "/v1/session/open" => SessionShown);

/// Ends the session of the terminal that asks.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CloseSession {
    /// Version.
    pub v: V1,
}
call!(post CloseSession, "/v1/session/close" => SessionClosed);

/// Gives this device another PIN, or asks whether its key may be kept otherwise: both need a session.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeProof {
    /// Version.
    pub v: V1,
    /// The PIN from now on; without one nothing changes.
    #[serde(default)]
    pub pin: Option<Secret>,
}
call!(post ChangeProof, "/v1/session/proof" => SessionShown);

/// Whether acts of a person need a session, as seen from a terminal.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct SessionShown {
    /// Version.
    pub v: V1,
    /// Whether they do: since the first agent was added.
    pub needed: bool,
    /// What proves a person here; null if nothing can.
    pub proof: Option<SessionProof>,
    /// Whether the system tells which terminal asks; without one there is no session.
    pub terminal: bool,
    /// Until when this terminal has one; null if it has none.
    pub open_until: Option<Time>,
    /// Until when no try is taken, after wrong ones.
    pub waits_until: Option<Time>,
}

/// What proves a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionProof {
    /// The passphrase of the home.
    Passphrase,
    /// The PIN of this device.
    Pin,
}

/// A session was ended.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SessionClosed {
    /// Version.
    pub v: V1,
    /// Whether there was one.
    pub was_open: bool,
}
