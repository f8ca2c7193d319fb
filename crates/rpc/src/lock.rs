//! Locking the home of a daemon, and opening it again.

use crate::call::call;
use crate::{Secret, SessionShown, V1};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Makes the daemon close its database and forget the key. It goes on to run, and answers that it is
/// locked.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LockHome {
    /// Version.
    pub v: V1,
}
call!(post LockHome, "/v1/lock" => HomeLocked);

/// The home is locked.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct HomeLocked {
    /// Version.
    pub v: V1,
    /// The daemon's process.
    pub pid: u32,
    /// Whether it was open before.
    pub was_open: bool,
    /// What it takes to open it again.
    pub opens_with: OpensWith,
}

/// Opens a locked home again.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnlockHome {
    /// Version.
    pub v: V1,
    /// For a home that is under one.
    #[serde(default)]
    pub passphrase: Option<Secret>,
    /// Whether a person typed it: then it opens a session for the terminal that asks as well, where one
    /// is needed and goes by the passphrase.
    #[serde(default)]
    pub session: bool,
}
call!(post UnlockHome, "/v1/unlock" => HomeUnlocked, patience |_| UnlockHome::PATIENCE);

impl UnlockHome {
    /// How long opening many packs may take.
    pub const PATIENCE: Duration = Duration::from_secs(5 * 60);
}

/// The home is open.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct HomeUnlocked {
    /// Version.
    pub v: V1,
    /// The daemon's process.
    pub pid: u32,
    /// Whether it was locked before.
    pub was_locked: bool,
    /// What it took, or would have taken.
    pub opens_with: OpensWith,
    /// Whether acts of a person need a session, and whether the terminal that asks has one.
    #[serde(default)]
    pub session: SessionShown,
}

/// What a locked home asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OpensWith {
    /// A person who knows the passphrase.
    Passphrase,
    /// The keyring of this computer: it may ask, or not.
    Keyring,
    /// A key file: nobody is asked.
    KeyFile,
}
