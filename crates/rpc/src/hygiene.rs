//! What is in the way in packs, and putting it away.

use crate::call::call;
use crate::{Hex, NoteFilter, PackRef, Sensitivity, Time, V1};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// Every note is read, and many are changed one by one: a look or a go takes as long as an import.
const HYGIENE_PATIENCE: Duration = Duration::from_secs(30 * 60);
/// Bytes of a request with actions in it, at most: 10,000 of some 400 bytes.
const HYGIENE_REQUEST_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Looks for notes that are in the way, and changes nothing.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LookForHygiene {
    /// Version.
    pub v: V1,
    /// In these packs; in all of this device if empty.
    #[serde(default)]
    pub packs: Vec<String>,
    /// For these kinds; for all if empty.
    #[serde(default)]
    pub kinds: Vec<HygieneKind>,
    /// Among these notes.
    #[serde(default)]
    pub filter: NoteFilter,
    /// Days after which a note is stale that was neither changed nor read; 180 if nobody says.
    #[serde(default)]
    pub stale_days: Option<u32>,
    /// Days after which a read of a note is to be expected; 90 if nobody says.
    #[serde(default)]
    pub unread_days: Option<u32>,
    /// Days after its end, at which a note expired long ago; 30 if nobody says.
    #[serde(default)]
    pub ended_days: Option<u32>,
    /// Days that notes may be kept after they were captured, if that is less than what the rules of their
    /// pack say; as these say if nobody says.
    #[serde(default)]
    pub retention_days: Option<u32>,
    /// How alike notes are, at least, that count as the same, in percent: 60 to 100; 80 if nobody says.
    #[serde(default)]
    pub similarity: Option<u16>,
    /// Whether messages are compared too.
    #[serde(default)]
    pub messages: bool,
    /// Whether pinned notes may be put away.
    #[serde(default)]
    pub pinned: bool,
    /// Whether notes in a selection may be put away.
    #[serde(default)]
    pub selected: bool,
    /// Notes to list of each kind, at most [`HygieneFound::ROWS_MAX`]; 20 if nobody says.
    #[serde(default)]
    pub limit: Option<u32>,
}
call!(post LookForHygiene, "/v1/hygiene/look" => HygieneFound, patience |_| HYGIENE_PATIENCE);

/// Why a note is in the way.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum HygieneKind {
    /// Neither changed nor read for long, due for review, or not valid any more.
    Stale,
    /// No read of it is reported here.
    NeverRead,
    /// Its end is over, and it is in use.
    Expired,
    /// It expired long ago.
    LongExpired,
    /// It is older than it may be kept.
    OverRetained,
    /// Nearly the same as another one.
    Duplicate,
}

impl HygieneKind {
    /// All of them.
    pub const ALL: [HygieneKind; 6] = [
        HygieneKind::Stale,
        HygieneKind::NeverRead,
        HygieneKind::Expired,
        HygieneKind::LongExpired,
        HygieneKind::OverRetained,
        HygieneKind::Duplicate,
    ];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            HygieneKind::Stale => "stale",
            HygieneKind::NeverRead => "never_read",
            HygieneKind::Expired => "expired",
            HygieneKind::LongExpired => "long_expired",
            HygieneKind::OverRetained => "over_retained",
            HygieneKind::Duplicate => "duplicate",
        }
    }
}

/// What is in the way.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct HygieneFound {
    /// Version.
    pub v: V1,
    /// When the look began.
    pub at: Time,
    /// The packs.
    pub packs: Vec<PackRef>,
    /// Notes that were looked at: not deleted, replaced or redacted, and let in by the filter. Masked
    /// copies count with their originals.
    pub looked_at: u64,
    /// Notes that do not open from disk.
    pub unreadable: u64,
    /// Notes of each kind that was asked for.
    pub kinds: BTreeMap<HygieneKind, HygieneOfKind>,
    /// Notes that are nearly the same.
    pub groups: Vec<HygieneGroup>,
    /// Groups, with those that are not listed.
    pub groups_total: u64,
    /// Notes that were not compared with everything that they could be like.
    pub not_compared: u64,
    /// Days that notes may be kept as the rules of packs say, by the pack's id. Asked for only if notes
    /// that are kept too long are.
    #[serde(default)]
    pub retention_days: BTreeMap<String, u64>,
    /// What is known of reads.
    pub reads: HygieneReads,
}

impl HygieneFound {
    /// Notes of one kind in one answer, at most.
    pub const ROWS_MAX: u32 = 10_000;
}

/// Where it comes from that a note was read.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct HygieneReads {
    /// Since when reports are shown here.
    pub since: Time,
    /// Reports that cannot be opened here yet.
    pub waiting: u64,
    /// What a report is: [`HygieneReads::BASIS`].
    pub basis: String,
}

impl HygieneReads {
    /// Reads are what devices reported; a list or a search is none.
    pub const BASIS: &str = "reported by devices; lists and searches are not reported";
}

/// Notes of one kind.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct HygieneOfKind {
    /// How many there are, with those that are not listed.
    pub total: u64,
    /// How many of them stay as they are, whoever asks.
    pub left: u64,
    /// The first of them; duplicates stand in groups.
    pub notes: Vec<HygieneNote>,
}

/// Notes that are nearly the same as one of them.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct HygieneGroup {
    /// The one that stays.
    pub kept: HygieneNote,
    /// Why it and not another: pinned, referred_to, longest, newest or same.
    pub because: String,
    /// The others, each compared with that one.
    pub others: Vec<HygieneDuplicate>,
}

/// A note that is nearly the same as another.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct HygieneDuplicate {
    /// The note.
    #[serde(flatten)]
    pub note: HygieneNote,
    /// How much of both is common, in thousandths.
    pub similarity: u16,
}

/// A note that is in the way, or stays for others.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct HygieneNote {
    /// The note.
    pub id: String,
    /// Its pack.
    pub pack: String,
    /// Its title; if it has none, the start of its body.
    pub title: String,
    /// Its sensitivity.
    pub sensitivity: Sensitivity,
    /// active or expired.
    pub status: String,
    /// When it was captured.
    pub captured_at: Time,
    /// When it was added or changed last.
    pub changed_at: Time,
    /// When it was read last, as devices reported; null if none did.
    pub read_at: Option<Time>,
    /// untouched, review_due, no_longer_valid, no_read_reported, past_end, marked_expired,
    /// past_retention, nearly_the_same or kept.
    pub why: String,
    /// Since when.
    pub since: Option<Time>,
    /// Its masked copies, or its original, that may go with it.
    pub along: Vec<HygieneAlong>,
    /// Why it stays as it is, whoever asks: pinned, selected or not_allowed; null if it does not.
    pub left: Option<String>,
    /// Names it as it was looked at.
    pub version: Hex,
}

/// A masked copy or an original of a note, that may go with it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct HygieneAlong {
    /// The note.
    pub id: String,
    /// Its sensitivity.
    pub sensitivity: Sensitivity,
    /// Names it as it was looked at.
    pub version: Hex,
}

/// Puts notes of one pack away that were looked at, each only if it is what it was.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DoHygiene {
    /// Version.
    pub v: V1,
    /// The pack.
    pub pack: String,
    /// What to do, in this order; at most [`HygieneFound::ROWS_MAX`].
    pub actions: Vec<HygieneAction>,
    /// Whether a signed receipt of what was done is wanted.
    #[serde(default)]
    pub receipt: bool,
}
call!(post DoHygiene, "/v1/hygiene/do" => HygieneDone, patience |_| HYGIENE_PATIENCE, bytes HYGIENE_REQUEST_BYTES_MAX);

/// What to do with a note.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HygieneAction {
    /// The whole id of the note.
    pub note: String,
    /// Names it as it was looked at.
    pub version: Hex,
    /// What is to become of it.
    pub act: HygieneAct,
    /// Why, for the receipt: the word of its kind.
    #[serde(default)]
    pub why: Option<HygieneKind>,
    /// The whole id of what replaces it.
    #[serde(default)]
    pub by: Option<String>,
    /// Names that as it was looked at.
    #[serde(default)]
    pub by_version: Option<Hex>,
    /// Its masked copies, or its original, as they were looked at, at most 64: if one changed since, or
    /// another one would go with it, the note stays.
    #[serde(default)]
    pub along: Vec<HygieneWith>,
}

/// A masked copy or an original of a note in a plan.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HygieneWith {
    /// The whole id of the note.
    pub note: String,
    /// Names it as it was looked at.
    pub version: Hex,
}

/// What is to become of a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HygieneAct {
    /// Its status says that it expired.
    Expire,
    /// Another one replaces it.
    Supersede,
    /// It is deleted.
    Delete,
}

/// What was done.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct HygieneDone {
    /// Version.
    pub v: V1,
    /// The pack.
    pub pack: PackRef,
    /// When it began: the time of everything that was written.
    pub at: Time,
    /// Notes to which it was done.
    pub done: Vec<HygieneActed>,
    /// Notes that stay as they were.
    pub left: Vec<HygieneLeft>,
    /// The receipt, if one was asked for and something was done.
    pub receipt: Option<Hex>,
}

/// A note to which something was done.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct HygieneActed {
    /// The note.
    pub note: String,
    /// Its masked copies, or its original, to which it was done too.
    pub along: Vec<String>,
}

/// A note that stays as it was.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct HygieneLeft {
    /// The note.
    pub note: String,
    /// not_allowed, changed, kept_changed, gone, unreadable or done (before).
    pub why: String,
}

/// Asks how far the newest goes in a pack came, and for a receipt of one of them.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LookAtHygieneGoes {
    /// Version.
    pub v: V1,
    /// The pack.
    pub pack: String,
    /// A signed receipt of the go that began then.
    #[serde(default)]
    pub receipt_of: Option<Time>,
}
call!(post LookAtHygieneGoes, "/v1/hygiene/goes" => HygieneGoes);

/// How far the newest goes of this device in a pack came.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct HygieneGoes {
    /// Version.
    pub v: V1,
    /// The pack.
    pub pack: PackRef,
    /// The goes that did something, the newest first.
    pub goes: Vec<HygieneGo>,
    /// The receipt, if one was asked for.
    pub receipt: Option<Hex>,
}

/// How far a go came.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct HygieneGo {
    /// When it began: the time of everything that was written.
    pub at: Time,
    /// Notes that were to be put away.
    pub planned: u64,
    /// Those that were.
    pub done: u64,
    /// Those that stay as they were, by why.
    pub left: BTreeMap<String, u64>,
    /// Those that it did not come to: it was cut off, or is under way.
    pub unreached: u64,
}

/// Asks who signed a receipt of hygiene.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LookAtHygieneReceipt {
    /// Version.
    pub v: V1,
    /// Its bytes.
    pub signed: Hex,
}
call!(post LookAtHygieneReceipt, "/v1/hygiene/receipt" => HygieneReceiptKnown, bytes HYGIENE_REQUEST_BYTES_MAX);

/// Who signed a receipt of hygiene, as far as that is known here.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct HygieneReceiptKnown {
    /// Version.
    pub v: V1,
    /// Whether this device signed it.
    pub is_me: bool,
    /// What they are called in its pack; null if the pack is not here, or they are no member of it now.
    pub name: Option<String>,
}

/// What a receipt of hygiene says.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct HygieneReceiptShown {
    /// When it was signed, by the clock of that device.
    pub at: Time,
    /// Who did it.
    pub person: String,
    /// On which device.
    pub device: String,
    /// The pack.
    pub pack: String,
    /// The time of everything that was written.
    pub began: Time,
    /// The notes that were put away.
    pub notes: Vec<HygieneReceiptNote>,
    /// Notes that were to be put away and stay, by why.
    pub left: BTreeMap<String, u64>,
    /// Notes that were to be put away and were not come to; null in a receipt of version 1.
    pub unreached: Option<u64>,
}

/// A note that was put away.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct HygieneReceiptNote {
    /// The note.
    pub id: String,
    /// Its version before.
    pub before: Hex,
    /// expire, supersede or delete.
    pub act: String,
    /// Why, as the program that asked said.
    pub why: Option<String>,
    /// What replaced it.
    pub by: Option<String>,
    /// Its masked copies or original to which the same was done.
    pub along: Vec<HygieneWent>,
}

/// A masked copy or an original to which the same was done.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct HygieneWent {
    /// The note.
    pub id: String,
    /// Its version before; null in a receipt of version 1.
    pub before: Option<Hex>,
}
