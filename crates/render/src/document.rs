//! What a document says besides its notes, and the shape that it has as JSON.

use kitbag_rpc::{ExportedNote, ExportedPack, Listed, NoteFilter, Sensitivity, V1, Withheld};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a document begins with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Head {
    /// The pack.
    pub pack: ExportedPack,
    /// All of them, if its notes are of several packs; `pack` is the first then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub packs: Vec<ExportedPack>,
    /// What was asked for.
    pub selection: Selection,
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Selection {
    /// Nothing above this is in it.
    pub max_sensitivity: Sensitivity,
    /// What it is for.
    pub purpose: Option<String>,
    /// The client that it is for.
    pub client: Option<String>,
    /// Whether it crosses from one client to another, because a person said that it may.
    pub crosses_clients: bool,
    /// Whether deleted notes are in it.
    pub listed: Listed,
    /// Which notes of the pack.
    pub filter: NoteFilter,
    /// Whether values of personal data were taken out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub redact_pii: bool,
}

/// What a document ends with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Receipt {
    /// Notes in it.
    pub notes: u64,
    /// What stays in the pack.
    pub withheld: Withheld,
    /// What it had to fit into, if that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
}

/// What a document had to fit into, and what it left out for that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Budget {
    /// How tokens were estimated.
    pub estimator: String,
    /// The whole document takes no more.
    pub max_tokens: u64,
    /// Notes that were left out so that it fits.
    pub notes: u64,
    /// Their ids, those that a larger budget would take first; not all, if there are many.
    pub over_budget: Vec<String>,
}

/// A whole document, as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Exported {
    /// Version.
    pub v: V1,
    /// The pack.
    pub pack: ExportedPack,
    /// All of them, if its notes are of several packs; `pack` is the first then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub packs: Vec<ExportedPack>,
    /// What was asked for.
    pub selection: Selection,
    /// The notes, in order.
    pub notes: Vec<ExportedNote>,
    /// What stays in the pack.
    pub withheld: Withheld,
    /// What it had to fit into, if that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
}

/// A line of a document in JSON lines, tried in this order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum JsonLine {
    /// The first line.
    Head {
        /// Version.
        v: V1,
        /// What it holds.
        head: Head,
    },
    /// The last line.
    Receipt {
        /// What it holds.
        receipt: Receipt,
    },
    /// Any line between.
    Note(ExportedNote),
}

impl Head {
    /// The packs whose notes are in it.
    pub(crate) fn packs(&self) -> &[ExportedPack] {
        match self.packs.is_empty() {
            true => std::slice::from_ref(&self.pack),
            false => &self.packs,
        }
    }
}

/// A note's status, as people say it: the record says that a deleted note is put away.
pub fn status(word: &str) -> &str {
    match word {
        "archived" => "deleted",
        word => word,
    }
}

/// Why notes stay, each with how many.
pub fn reasons(withheld: &Withheld) -> Vec<(String, u64)> {
    let deleted = [("deleted", withheld.deleted)];
    let sensitivities = withheld.sensitivity.iter();
    let consents = withheld.consent.iter();
    let rules = withheld.rule.iter();
    let others = [
        ("another client", withheld.client),
        ("expired", withheld.expired),
        ("redacted", withheld.redacted),
        ("unreadable", withheld.unreadable),
    ];
    let named = |(name, count): (&str, u64)| (name.to_owned(), count);
    deleted
        .into_iter()
        .map(named)
        .chain(sensitivities.map(|(sensitivity, count)| named((sensitivity.as_str(), *count))))
        .chain(consents.map(|(gap, count)| (format!("consent {gap}"), *count)))
        .chain(rules.map(|(rule, count)| (format!("rule {rule}"), *count)))
        .chain(others.into_iter().map(named))
        .filter(|(_, count)| *count > 0)
        .collect()
}
