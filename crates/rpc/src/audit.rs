//! What devices reported of a pack: reads, exports, denials; and whether the reports hold.

use crate::call::call;
use crate::{ExportWish, Named, PackRef, Sensitivity, Time, V1};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// Asks what happened in a pack, newest first, as its devices reported it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadAudit {
    /// Version.
    pub v: V1,
    /// The pack; without one, and without a note, what this device keeps for itself.
    #[serde(default)]
    pub pack: Option<String>,
    /// Only what concerns this note, in its pack.
    #[serde(default)]
    pub note: Option<String>,
    /// Not before this.
    #[serde(default)]
    pub since: Option<Time>,
    /// Before this.
    #[serde(default)]
    pub until: Option<Time>,
    /// Of this person, device, program or agent: by name, or the start of an id.
    #[serde(default)]
    pub who: Option<String>,
    /// Of these kinds; of all, if empty.
    #[serde(default)]
    pub kinds: Vec<AuditKind>,
    /// Whether titles of notes that this person reads are told.
    #[serde(default)]
    pub titles: bool,
    /// How many of the newest to pass over.
    #[serde(default)]
    pub skip: u64,
    /// How many to give, at most [`Audit::ROWS_MAX`]; 50 if nobody says.
    #[serde(default)]
    pub limit: Option<u32>,
    /// Whether all of it is taken out, page by page.
    #[serde(default)]
    pub whole: bool,
}
call!(post ReadAudit, "/v1/audit/log" => Audit, patience |_| AUDIT_PATIENCE);

/// Every report is opened, which takes a while where there are many.
const AUDIT_PATIENCE: Duration = Duration::from_secs(5 * 60);

/// What kind of thing happened.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum AuditKind {
    /// A note was opened.
    Read,
    /// Notes left in an export.
    Export,
    /// Something was refused.
    Denial,
    /// The policy was changed.
    Policy,
    /// A report that this version does not know.
    Unknown,
}

impl AuditKind {
    /// All of them.
    pub const ALL: [AuditKind; 5] = [
        Self::Read,
        Self::Export,
        Self::Denial,
        Self::Policy,
        Self::Unknown,
    ];

    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Export => "export",
            Self::Denial => "denial",
            Self::Policy => "policy",
            Self::Unknown => "unknown",
        }
    }
}

/// What happened, as devices reported it. A device can be silent, or lie; whoever copies by hand leaves
/// nothing here.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Audit {
    /// Version.
    pub v: V1,
    /// The pack; null for what this device keeps for itself.
    pub pack: Option<PackRef>,
    /// The note, if one was asked about.
    pub note: Option<String>,
    /// Always "reported by devices": what the rows are.
    pub basis: String,
    /// Since when reports are shown here.
    pub kept_since: Time,
    /// Sensitivities whose reports this person may read; there may be others.
    pub readable: Vec<Sensitivity>,
    /// Records of reports whose key has not arrived yet.
    pub waiting: u64,
    /// How many rows fit the question.
    pub total: u64,
    /// Rows that fit but for their time, which lies more than a day ahead: they are the last of a list,
    /// and in none that is asked for by time.
    #[serde(default)]
    pub ahead: u64,
    /// Rows that fit and are beyond the reach of any list: the oldest of devices that reported most.
    #[serde(default)]
    pub beyond: u64,
    /// The device of which more than half of the rows are, if there are others.
    #[serde(default)]
    pub most: Option<AuditMost>,
    /// The rows, newest first.
    pub rows: Vec<AuditRow>,
}

/// A device of which most rows are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditMost {
    /// Its id.
    pub device: String,
    /// How many of the rows that fit.
    pub rows: u64,
}

impl Audit {
    /// Rows in one answer, at most.
    pub const ROWS_MAX: u32 = 1_000;
    /// What [`Audit::basis`] says.
    pub const BASIS: &'static str = "reported by devices";
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditRow {
    /// When, by the clock of the device.
    pub at: Time,
    /// When last, if it happened more than once.
    pub until: Time,
    /// How often.
    pub times: u32,
    /// What kind of thing.
    pub kind: AuditKind,
    /// Whose device; null if nobody here knows.
    pub by: Option<Named>,
    /// Id of the device.
    pub device: String,
    /// What it calls itself.
    pub device_name: Option<String>,
    /// By which way it was asked: `cli`, `program`, `agent` or `page`; null for the policy.
    pub via: Option<String>,
    /// Name of the program or agent, as it told.
    pub via_name: Option<String>,
    /// Sensitivity of what it concerns; null for the policy.
    pub sensitivity: Option<Sensitivity>,
    /// Of a read: the note.
    pub note: Option<String>,
    /// The note's title, if titles were asked for and this person reads it.
    pub title: Option<String>,
    /// Of a read: `now`, or `history` for all versions.
    pub part: Option<String>,
    /// Of an export: what it took at this sensitivity.
    pub export: Option<AuditExport>,
    /// Of a denial: what was asked for, and the rule that decided.
    pub denial: Option<AuditDenial>,
    /// Of a change of the policy: what, and to whom.
    pub policy: Option<AuditPolicy>,
    /// `counts`, `set_aside` (written after a removal, or without a right to), `waits` (here, to be
    /// written into the pack soon), `lacks_key` (here, to be written once a key for it has come) or
    /// `own` (on this device alone).
    pub state: String,
    /// Short id of the record that holds it.
    pub record: Option<String>,
}

/// What an export took at one sensitivity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditExport {
    /// The same in all rows of one export.
    pub id: String,
    /// Notes of this sensitivity that were handed over.
    pub held: u32,
    /// Notes of this sensitivity that stayed, by rule.
    pub withheld: BTreeMap<String, u32>,
    /// The beginnings of the ids of those handed over, in hexadecimal; the first 2,048.
    pub notes: Vec<String>,
    /// Nothing above this was in it, told up to the sensitivity of the row: a row says nothing about
    /// what is above it. This and the next four are null in a row that only says what was written.
    pub max_sensitivity: Option<Sensitivity>,
    /// The format.
    pub format: Option<String>,
    /// What it was for.
    pub purpose: Option<String>,
    /// Whether it crossed from one client to another.
    pub crosses_clients: Option<bool>,
    /// Into which pack, if a note was moved or copied.
    #[serde(default)]
    pub into: Option<String>,
    /// SHA-256 of what was written, as the program that wrote it told; this and the next two only in
    /// the row of the highest sensitivity that its person opens, or in a row of their own on the device
    /// that wrote it, if it held notes of several packs.
    pub sha256: Option<String>,
    /// How many bytes those are.
    pub bytes: Option<u64>,
    /// Where to: `output` or `file`.
    pub to: Option<String>,
}

/// What was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditDenial {
    /// What was asked for: `export`, `request`.
    pub asked: String,
    /// The rule that decided.
    pub rule: String,
}

/// A change of the policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditPolicy {
    /// `create`, `grant`, `remove`, `leave`, `invite`, `admit`, `close` or `rules`.
    pub act: String,
    /// To whom.
    pub of: Option<Named>,
}

/// Asks whether what devices reported holds together, from disk.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyAudit {
    /// Version.
    pub v: V1,
    /// The pack.
    pub pack: String,
}
call!(post VerifyAudit, "/v1/audit/verify" => AuditVerified, patience |_| AUDIT_PATIENCE);

/// What verifying found.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AuditVerified {
    /// Version.
    pub v: V1,
    /// The pack.
    pub pack: PackRef,
    /// Whether everything that is here holds.
    pub holds: bool,
    /// Devices of members, and of whoever wrote here once.
    pub devices: Vec<AuditDevice>,
    /// Sensitivities that this person does not open: what is reported there is not here.
    pub not_readable: Vec<Sensitivity>,
    /// Rows of this device's own list.
    pub own_rows: u64,
    /// The first row of it that does not hold.
    pub own_broken: Option<AuditBroken>,
}

/// What is here of one device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditDevice {
    /// Its id.
    pub device: String,
    /// Whose it is.
    pub by: Option<Named>,
    /// What it calls itself.
    pub device_name: Option<String>,
    /// Whether its person is a member now.
    pub is_member: bool,
    /// Its logs that are here.
    pub logs: u64,
    /// Records that were verified: links, signatures and hashes.
    pub entries: u64,
    /// Reports in them.
    pub reports: u64,
    /// Records of reports that do not open here.
    pub closed: u64,
    /// When the newest of its reports was made, by its clock.
    pub last: Option<Time>,
    /// Whether one of its logs has two histories.
    pub forked: bool,
    /// Where logs do not hold.
    pub broken: Vec<AuditBroken>,
}

/// A place where something does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditBroken {
    /// Id of the log; null in this device's own list.
    pub log: Option<String>,
    /// Its sensitivity.
    pub sensitivity: Option<Sensitivity>,
    /// Number of the record from which on nothing is proven.
    pub at: u64,
    /// What is wrong there.
    pub reason: String,
}

/// Says for how many days reports are shown here, or asks.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeepAudit {
    /// Version.
    pub v: V1,
    /// From now on; only asks, if absent.
    #[serde(default)]
    pub days: Option<u32>,
    /// Only says what that would do.
    #[serde(default)]
    pub dry_run: bool,
}
call!(post KeepAudit, "/v1/audit/keep" => AuditKept);

/// For how long reports are shown here.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AuditKept {
    /// Version.
    pub v: V1,
    /// Days.
    pub days: u32,
    /// Reports that only this device kept and that were deleted for it, or would be.
    pub deleted: u64,
    /// Whether nothing was done.
    pub dry_run: bool,
}

/// Says what was written of an export, once it is.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TellExport {
    /// Version.
    pub v: V1,
    /// As in the request for its pages.
    pub export: ExportWish,
    /// SHA-256 of all that was written, in hexadecimal.
    pub sha256: String,
    /// How many bytes.
    pub bytes: u64,
    /// Whether it went to a file; to the standard output otherwise.
    pub file: bool,
}
call!(post TellExport, "/v1/export/told" => ExportTold);

/// It was noted.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ExportTold {
    /// Version.
    pub v: V1,
}
