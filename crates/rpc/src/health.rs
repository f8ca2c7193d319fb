//! How the daemon does: whether it serves, and what its meters say. Counts and times only: no names,
//! ids or addresses.

use crate::call::call;
use crate::{Time, V1};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Asks whether the daemon serves, and how it does.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Health {
    /// Version.
    pub v: V1,
}
call!(get Health, "/v1/health" => Healthy);

/// The daemon serves.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Healthy {
    /// Version.
    pub v: V1,
    /// Its process.
    pub pid: u32,
    /// Its program's version.
    pub version: String,
    /// Whether it can answer for its packs.
    #[serde(default)]
    pub state: ServeState,
    /// Since when it runs.
    #[serde(default)]
    pub since: Option<Time>,
    /// What it counted since then.
    #[serde(default)]
    pub meters: Meters,
}

/// Whether a daemon can answer for its packs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ServeState {
    /// It can.
    #[default]
    Open,
    /// Its key is forgotten and its database closed.
    Locked,
}

/// What the daemon counted since it started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Meters {
    /// Seconds since its start.
    pub uptime_seconds: u64,
    /// Requests that were answered.
    pub requests_answered: u64,
    /// Requests that were refused.
    pub requests_refused: u64,
    /// Requests that met a fault.
    pub requests_faulted: u64,
    /// Lines that the log had no time for.
    pub log_lines_dropped: u64,
    /// Bytes of the log's files.
    pub log_bytes: u64,
    /// Bytes of the database.
    pub database_bytes: u64,
    /// The engine's own; absent while the home is locked.
    pub engine: Option<EngineMeters>,
}

/// What the engine counted since it was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct EngineMeters {
    /// Whether it was told to reach nobody.
    pub offline: bool,
    /// Whether a write failed, and nothing can be kept until one works.
    pub failed: bool,
    /// Packs that cannot be read, and lists that could not and were begun anew.
    pub damaged: u64,
    /// Devices that are connected.
    pub sessions: u64,
    /// Steps that wait for the device's one thread.
    pub steps_waiting: u64,
    /// Steps that were done.
    pub steps: u64,
    /// Microseconds that they took, together.
    pub step_micros: u64,
    /// Microseconds of the longest.
    pub step_micros_max: u64,
    /// Steps by how long they took: upper bound in microseconds, and how many took no longer.
    pub step_buckets: Vec<(u64, u64)>,
    /// Faults that were contained.
    pub faults: u64,
    /// Frames that came in.
    pub frames_in: u64,
    /// Their bytes.
    pub bytes_in: u64,
    /// Frames that went out.
    pub frames_out: u64,
    /// Their bytes.
    pub bytes_out: u64,
    /// Connections that were cut since the other side reads too slowly.
    pub slow_readers: u64,
    /// Notes in the search index, when it was last brought up to date; 0 if there is none.
    #[serde(default)]
    pub index_notes: u64,
    /// Bytes of the index.
    #[serde(default)]
    pub index_bytes: u64,
    /// How often it was found damaged, or failed, and was built anew.
    #[serde(default)]
    pub index_drops: u64,
}

/// Asks for the meters as text for a scraper, in the exposition format of Prometheus. The one call
/// whose answer is no JSON, so [`crate::Client`] has no use for it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadMetrics {
    /// Version.
    pub v: V1,
}
call!(get ReadMetrics, "/metrics" => String);
