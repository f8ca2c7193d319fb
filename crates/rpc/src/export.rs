//! Exporting a pack: first which notes and what stays, then the notes in pages.
//!
//! [`ExportedNote`] is also what stands in an exported JSON document: `docs/spec/export.md`.

use crate::call::call;
use crate::{Hex, Listed, NoteFilter, Sensitivity, Time, V1};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// Asks which notes an export holds.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanExport {
    /// Version.
    pub v: V1,
    /// What to export.
    pub export: ExportWish,
    /// Only these notes, by their whole ids, in this order.
    #[serde(default)]
    pub only: Option<Vec<String>>,
}
call!(post PlanExport, "/v1/export/plan" => ExportPlan, patience |_| EXPORT_PATIENCE);

/// Asks for notes of an export.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadExport {
    /// Version.
    pub v: V1,
    /// As in the request for the plan.
    pub export: ExportWish,
    /// Ids of the plan, in its order, at most [`EXPORT_PAGE_NOTES_MAX`].
    pub notes: Vec<String>,
}
call!(post ReadExport, "/v1/export/page" => ExportPage, patience |_| EXPORT_PATIENCE);

/// Notes that one page is asked for, at most.
pub const EXPORT_PAGE_NOTES_MAX: usize = 256;
/// Every note is opened and looked at, which takes a while where there are many.
const EXPORT_PATIENCE: Duration = Duration::from_secs(10 * 60);

/// What to export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExportWish {
    /// The pack.
    pub pack: String,
    /// Whether deleted notes are in it; those that are kept, unless something else is said.
    #[serde(default)]
    pub listed: Listed,
    /// Which notes of it.
    #[serde(default)]
    pub filter: NoteFilter,
    /// Nothing above this; if absent, the pack's default, or the own clearance if that is lower.
    #[serde(default)]
    pub max_sensitivity: Option<Sensitivity>,
    /// What it is for; consents are asked for it.
    #[serde(default)]
    pub purpose: Option<String>,
    /// In which format it is written; the pack's rules may allow some only.
    #[serde(default)]
    pub format: Option<String>,
    /// For which client it is.
    #[serde(default)]
    pub client: Option<String>,
    /// Whether a person said that it may cross from one client to another.
    #[serde(default)]
    pub across_clients: bool,
    /// Packs whose notes leave in the same bundle: their clients count.
    #[serde(default)]
    pub beside: Vec<String>,
    /// Whether values of personal data are taken out.
    #[serde(default)]
    pub redact_pii: bool,
    /// Take masked copies too whose original is in it.
    #[serde(default)]
    pub with_copies: bool,
    /// Of a page: that its notes were asked for one by one, in `only` of the plan.
    #[serde(default)]
    pub single: bool,
}

/// A pack as an export names it: never by the name that the exporting person gave it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExportedPack {
    /// Its id.
    pub id: String,
    /// Its title; empty if it is more sensitive than the export may be.
    pub title: String,
}

/// Which notes an export holds.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ExportPlan {
    /// Version.
    pub v: V1,
    /// The pack.
    pub pack: ExportedPack,
    /// Nothing above this is in it.
    pub max_sensitivity: Sensitivity,
    /// Whether it crosses from one client to another, because a person said that it may.
    #[serde(default)]
    pub crosses_clients: bool,
    /// Ids in the order of the export.
    pub notes: Vec<String>,
    /// Of each note the place in `only` of the note in whose stead it leaves; empty without `only`.
    #[serde(default)]
    pub places: Vec<usize>,
    /// What stays.
    pub withheld: Withheld,
}

/// Notes of an export.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ExportPage {
    /// Version.
    pub v: V1,
    /// Those that may leave.
    pub notes: Vec<ExportedNote>,
    /// How many of the ids were read; the next page begins with the rest.
    pub read: usize,
    /// For each note, what names it as it was read: 32 bytes.
    #[serde(default)]
    pub versions: Vec<Hex>,
    /// For each note, how many values of which kind were taken out of it.
    #[serde(default)]
    pub masked: Vec<BTreeMap<String, u64>>,
    /// Those that were in the plan and stay by now.
    pub withheld: Withheld,
}

/// What was withheld, by reason; never what it says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Withheld {
    /// Notes in all; the next eight add up to it.
    pub notes: u64,
    /// Deleted.
    pub deleted: u64,
    /// More sensitive than the export may be.
    pub sensitivity: BTreeMap<Sensitivity, u64>,
    /// By what is missing to the consent: pending, purpose, expired, refused or withdrawn.
    pub consent: BTreeMap<String, u64>,
    /// By the rule of the pack that keeps them in: `export.max_sensitivity`, …; `unreadable` if the
    /// rules cannot be read.
    pub rule: BTreeMap<String, u64>,
    /// They would go from one client to another.
    pub client: u64,
    /// Past their date.
    pub expired: u64,
    /// Their content was taken out.
    pub redacted: u64,
    /// They could not be read.
    pub unreadable: u64,
    /// Notes that the filter leaves out, and those that are not deleted if only deleted ones were
    /// asked for.
    pub not_selected: u64,
    /// Changes of the pack that are set aside.
    pub set_aside: u64,
    /// Changes of the pack that wait for an earlier one.
    pub waiting: u64,
    /// Values of personal data that were taken out, by kind.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub masked: BTreeMap<String, u64>,
    /// Notes in whose place their masked copy stands.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub as_masked_copy: u64,
    /// Masked copies that are left out because their original is in it. They are not withheld.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub copies: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Withheld {
    /// Adds what stays out by now to what stayed out before.
    pub fn add(&mut self, more: &Withheld) {
        self.notes += more.notes;
        self.deleted += more.deleted;
        for (sensitivity, count) in &more.sensitivity {
            *self.sensitivity.entry(*sensitivity).or_default() += count;
        }
        for (gap, count) in &more.consent {
            *self.consent.entry(gap.clone()).or_default() += count;
        }
        for (rule, count) in &more.rule {
            *self.rule.entry(rule.clone()).or_default() += count;
        }
        self.client += more.client;
        self.expired += more.expired;
        self.redacted += more.redacted;
        self.unreadable += more.unreadable;
        self.not_selected += more.not_selected;
        self.set_aside += more.set_aside;
        self.waiting += more.waiting;
        self.copies += more.copies;
        self.add_masked(&more.masked);
        self.as_masked_copy += more.as_masked_copy;
    }

    /// Adds values that were taken out, by kind.
    pub fn add_masked(&mut self, masked: &BTreeMap<String, u64>) {
        for (kind, values) in masked {
            *self.masked.entry(kind.clone()).or_default() += values;
        }
    }
}

/// A note in full, as it leaves. Absent fields are null or empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExportedNote {
    /// Its id.
    pub id: String,
    /// note, snippet, message, ….
    #[serde(rename = "type")]
    pub note_type: String,
    /// Title.
    pub title: String,
    /// Body.
    pub body: String,
    /// Tags, sorted.
    pub tags: Vec<String>,
    /// Where it comes from.
    pub source: ExportedSource,
    /// What wrote it, if no person did.
    pub produced_by: Option<ProducedBy>,
    /// Sensitivity.
    pub sensitivity: Sensitivity,
    /// Kinds of personal data found in it.
    pub pii: Vec<String>,
    /// What the person concerned said.
    pub consent: Option<ExportedConsent>,
    /// observation, inference, verified or directive.
    pub claim: Option<String>,
    /// How sure an agent is, in thousandths.
    pub confidence: Option<u16>,
    /// active, superseded or archived.
    pub status: String,
    /// Kept in front.
    pub pinned: bool,
    /// Ids of notes that it replaces.
    pub supersedes: Vec<String>,
    /// Ids of notes that it was made from.
    pub derived_from: Vec<String>,
    /// True from.
    pub valid_from: Option<Time>,
    /// True until.
    pub valid_to: Option<Time>,
    /// To be looked at again.
    pub review_after: Option<Time>,
    /// Hidden after.
    pub expires_at: Option<Time>,
    /// Id of the person who added it, if known.
    pub added_by: Option<String>,
    /// Number of edits in it.
    pub edits: u64,
    /// Id of its pack, where a document has notes of several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pack: Option<String>,
}

/// Where an exported note comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExportedSource {
    /// What sort of source.
    pub kind: String,
    /// A label made for a human.
    pub label: String,
    /// Where it can be found.
    pub uri: Option<String>,
    /// The application it was taken from.
    pub app: Option<String>,
    /// Who wrote it there.
    pub author: Option<String>,
    /// Where inside the source.
    pub locator: Option<String>,
    /// When it was taken in, by that device's clock.
    pub captured_at: Time,
    /// When it was true or was said.
    pub observed_at: Option<Time>,
    /// The device or agent that took it in.
    pub captured_by: String,
    /// How far its text is trusted.
    pub trust: String,
}

/// What wrote a note, if no person did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProducedBy {
    /// The agent.
    pub agent: Option<String>,
    /// Its model.
    pub model: Option<String>,
    /// Which prompt or run.
    pub prompt: Option<String>,
}

/// What the person concerned said about the use of a note.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExportedConsent {
    /// not_required, granted or limited.
    pub status: String,
    /// For what.
    pub purposes: Vec<String>,
    /// Whom the note is about.
    pub subject: Option<String>,
    /// When it was given.
    pub given_at: Option<Time>,
    /// When it ends.
    pub expires_at: Option<Time>,
    /// What shows it.
    pub evidence: Option<String>,
}
