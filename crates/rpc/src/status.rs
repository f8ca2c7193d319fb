//! The daemon itself: who it is, how it is, sync, stop.

use crate::call::call;
use crate::{Ended, Held, JoinRequest, PATIENCE, SessionShown, Time, V1, WaitingJoin};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Asks who this device and its person are.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WhoAmI {
    /// Version.
    pub v: V1,
}
call!(get WhoAmI, "/v1/me" => Me);

/// This device and its person.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Me {
    /// Version.
    pub v: V1,
    /// The person.
    pub person: Person,
    /// The device.
    pub device: Device,
}

/// A person.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Person {
    /// Their id.
    pub id: String,
    /// What others see as their name.
    pub name: String,
}

/// A device.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Device {
    /// Its id.
    pub id: String,
    /// What others see as its name.
    pub name: String,
}

/// Asks how the daemon and its packs are.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadStatus {
    /// Version.
    pub v: V1,
}
call!(get ReadStatus, "/v1/status" => Status);

/// How the daemon and its packs are.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Status {
    /// Version.
    pub v: V1,
    /// Its process.
    pub pid: u32,
    /// Its program's version.
    pub version: String,
    /// Whether the home is locked: then all that follows is empty.
    #[serde(default)]
    pub locked: bool,
    /// Whether it was told to reach nobody, and to be reached by nobody.
    #[serde(default)]
    pub offline: bool,
    /// Whether a write failed, and nothing can be kept until one works.
    #[serde(default)]
    pub failed: bool,
    /// The transport's id of this device.
    pub endpoint: String,
    /// Where it can be reached.
    pub addresses: Vec<String>,
    /// Devices it knows.
    pub peers: Vec<Peer>,
    /// Its packs.
    pub packs: Vec<PackStatus>,
    /// Who waits for this person's answer.
    #[serde(default)]
    pub requests: Vec<JoinRequest>,
    /// Tickets of this person that wait for somebody's answer, or got a no.
    #[serde(default)]
    pub joins: Vec<WaitingJoin>,
    /// Whether acts of a person need a session, and whether the terminal that asks has one.
    #[serde(default)]
    pub session: SessionShown,
}

/// Another device, as the transport sees it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Peer {
    /// Name of the person and device.
    pub name: String,
    /// The transport's id of it.
    pub endpoint: String,
    /// Whether there is a connection.
    pub connected: bool,
    /// Since when.
    pub since: Option<Time>,
}

/// How one pack is.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct PackStatus {
    /// Its id.
    pub id: String,
    /// Its title, maybe empty.
    pub title: String,
    /// The name that this person gave it.
    pub name: Option<String>,
    /// Whether it is archived on this device.
    #[serde(default)]
    pub archived: bool,
    /// The other members' devices.
    pub peers: Vec<PeerStatus>,
    /// Entries and operations that wait for an earlier one.
    pub waiting: u64,
    /// Entries set aside: written after a removal, or damaged.
    pub set_aside: u64,
    /// Denials held until somebody answers them.
    pub held: u64,
    /// Keys that do not answer every known denial yet.
    pub rotation_debt: u64,
    /// Devices that wrote more than one history.
    #[serde(default)]
    pub forks: Vec<Fork>,
    /// The removals behind `held`.
    pub disputes: Vec<Held>,
    /// How the own membership ended, if it did.
    pub ended: Option<Ended>,
}

/// A device that wrote more than one history: copied, restored from a backup, or lying.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Fork {
    /// Name of its person and its own.
    pub name: String,
    /// Whether it is the device that answers.
    pub is_me: bool,
    /// Histories that are here.
    pub branches: u64,
    /// How many of them are kept and shown.
    pub kept: u64,
}

/// How one pack is with one peer.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct PeerStatus {
    /// Name of the person and device.
    pub name: String,
    /// State.
    pub state: PeerState,
    /// When it was last up to date; absent if never since the start.
    pub at: Option<Time>,
    /// Entries that the peer was not seen to hold.
    pub to_send: u64,
}

/// State of one pack with one peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PeerState {
    /// Both held the same at that time, and wanted nothing.
    Synced,
    /// At it.
    Syncing,
    /// No connection.
    Unreachable,
}

/// Syncs one pack, or all.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SyncPacks {
    /// Version.
    pub v: V1,
    /// The pack; all if absent.
    #[serde(default)]
    pub pack: Option<String>,
    /// Whether to answer only when the reachable peers are up to date.
    #[serde(default)]
    pub wait: bool,
    /// For how long at most; thirty seconds if absent.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
}
call!(post SyncPacks, "/v1/sync" => Synced, patience |sync| sync.timeout() + PATIENCE);

impl SyncPacks {
    /// The longest that a sync waits: a day.
    pub const TIMEOUT_MAX: Duration = Duration::from_secs(24 * 60 * 60);

    /// For how long at most.
    pub fn timeout(&self) -> Duration {
        self.timeout_ms
            .map_or(PATIENCE, Duration::from_millis)
            .min(Self::TIMEOUT_MAX)
    }
}

/// How the packs are after a sync.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Synced {
    /// Version.
    pub v: V1,
    /// The packs asked for.
    pub packs: Vec<PackStatus>,
}

/// Stops the daemon.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stop {
    /// Version.
    pub v: V1,
}
call!(post Stop, "/v1/stop" => Stopping);

/// The daemon stops after this answer.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Stopping {
    /// Version.
    pub v: V1,
    /// Its process.
    pub pid: u32,
}
