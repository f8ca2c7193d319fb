//! What some bytes are, as a document. There is no request: no daemon is asked.

use crate::V1;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What some bytes are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Inspected {
    /// Version.
    pub v: V1,
    /// What they were taken for: "raw bytes", "hex", "base32", "a ticket's text".
    pub read_as: String,
    /// What they hold.
    pub record: Part,
}

/// One record, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Part {
    /// What it is.
    pub kind: String,
    /// Its length; null for what has no bytes of its own.
    pub bytes: Option<u64>,
    /// What it says, in the order of the record.
    pub fields: Vec<Field>,
}

/// What one field says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// What it says.
    pub value: Value,
}

/// A value in a record. A list names how many of its items are left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Value {
    /// Yes or no.
    Flag(bool),
    /// A number.
    Number(u64),
    /// Text, an id, or a time.
    Text(String),
    /// The first items, and how many more there are.
    List {
        /// The first.
        items: Vec<Value>,
        /// How many more.
        more: u64,
    },
    /// A part.
    Part(Part),
}
