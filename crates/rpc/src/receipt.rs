//! Receipts of exports: signed by the daemon, and looked at.

use crate::call::call;
use crate::{PackRef, Sensitivity, Time, V1, Withheld};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

/// Bytes of a request with a receipt in it, at most: 200,000 notes of some 130 bytes as JSON.
pub const RECEIPT_REQUEST_BYTES_MAX: usize = 40 * 1024 * 1024;
/// Many notes take a while to be compared.
const RECEIPT_PATIENCE: Duration = Duration::from_secs(10 * 60);

/// Has a receipt of an export signed. Who exported and when is the daemon's to say.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignReceipt {
    /// Version.
    pub v: V1,
    /// The packs that notes were taken from.
    pub packs: Vec<ReceiptPack>,
    /// What was asked for.
    pub asked: ReceiptAsked,
    /// The notes in the bundle, in its order.
    pub notes: Vec<ReceiptNote>,
    /// The bundle.
    pub bundle: ReceiptBundle,
    /// What stayed.
    pub withheld: Withheld,
    /// Notes that were left out so that it fits.
    #[serde(default)]
    pub over_budget: u64,
}
call!(post SignReceipt, "/v1/receipt/sign" => ReceiptSigned, patience |_| RECEIPT_PATIENCE, bytes RECEIPT_REQUEST_BYTES_MAX);

/// A signed receipt.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ReceiptSigned {
    /// Version.
    pub v: V1,
    /// Its bytes.
    pub signed: Hex,
}

/// Asks who signed a receipt, and what became of its notes since.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LookAtReceipt {
    /// Version.
    pub v: V1,
    /// Its bytes.
    pub signed: Hex,
}
call!(post LookAtReceipt, "/v1/receipt/look" => ReceiptKnown, patience |_| RECEIPT_PATIENCE, bytes RECEIPT_REQUEST_BYTES_MAX);

/// What is known here of whoever signed a receipt, and of its notes.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ReceiptKnown {
    /// Version.
    pub v: V1,
    /// Whether this device signed it.
    pub is_me: bool,
    /// The packs of the receipt that are here.
    pub packs: Vec<SignerIn>,
    /// What became of its notes.
    pub notes: NotesSince,
}

/// Whoever signed a receipt, in one pack.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SignerIn {
    /// The pack.
    pub pack: PackRef,
    /// What they are called there; null for whoever is no member now.
    pub name: Option<String>,
}

/// What became of the notes of a receipt since it was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NotesSince {
    /// They are what they were.
    pub same: u64,
    /// They are something else by now, or were something else here.
    pub changed: u64,
    /// They are not to be seen here.
    pub absent: u64,
}

/// A pack that an export took notes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReceiptPack {
    /// Its id.
    pub id: String,
    /// Nothing above this left it.
    pub max_sensitivity: Sensitivity,
    /// Whether its notes crossed from one client to another, because a person said that they may.
    pub crosses_clients: bool,
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReceiptAsked {
    /// The format.
    pub format: String,
    /// kept, deleted or all.
    pub listed: String,
    /// The points of the filter.
    pub filters: Vec<ReceiptFilter>,
    /// What it is for.
    pub purpose: Option<String>,
    /// The client that it is for.
    pub client: Option<String>,
    /// Whether values of personal data were to be taken out.
    pub redact_pii: bool,
    /// What it may take.
    pub max_tokens: Option<u64>,
    /// How that is estimated.
    pub estimator: Option<String>,
    /// The selection, if it was one.
    pub selection: Option<ReceiptSelection>,
}

/// One point of a filter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReceiptFilter {
    /// tag, source, since, ….
    pub name: String,
    /// Its value.
    pub value: String,
}

/// A selection as it was exported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReceiptSelection {
    /// Its name on the device that exported.
    pub name: String,
    /// Names its notes in their order: 32 bytes.
    pub digest: Hex,
}

/// A note that left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReceiptNote {
    /// Its id.
    pub id: String,
    /// Names what it was: 32 bytes.
    pub version: Hex,
    /// The place of its pack in the list of packs.
    pub pack: u32,
}

/// The bytes that left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReceiptBundle {
    /// How many.
    pub bytes: u64,
    /// Their SHA-256.
    pub sha256: Hex,
}

/// Notes that one rule kept in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WithheldBy {
    /// The rule by its name.
    pub rule: String,
    /// What it saw, where that is told: a sensitivity.
    pub what: Option<String>,
    /// How many.
    pub notes: u64,
}

/// What a receipt says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReceiptShown {
    /// When it was signed, by the clock of that device.
    pub at: Time,
    /// Who exported.
    pub person: String,
    /// The device that signed.
    pub device: String,
    /// The packs that notes were taken from.
    pub packs: Vec<ReceiptPack>,
    /// What was asked for.
    pub asked: ReceiptAsked,
    /// The notes in the bundle, in its order.
    pub notes: Vec<ReceiptNote>,
    /// The bundle.
    pub bundle: ReceiptBundle,
    /// What stayed, by the rule that decided.
    pub withheld: Vec<WithheldBy>,
    /// Notes that were not asked for.
    pub not_selected: u64,
    /// Changes that are set aside.
    pub set_aside: u64,
    /// Changes that wait for an earlier one.
    pub waiting: u64,
    /// Values that were replaced or left out, by kind.
    pub masked: BTreeMap<String, u64>,
    /// Notes in whose place their masked copy stands.
    pub as_masked_copy: u64,
}

/// Bytes, as lower-case hexadecimal.
#[derive(Clone, PartialEq, Eq)]
pub struct Hex(pub Vec<u8>);

impl std::fmt::Display for Hex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&spelt(&self.0))
    }
}

impl std::fmt::Debug for Hex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hex({} bytes)", self.0.len())
    }
}

fn spelt(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

fn read(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    };
    text.as_bytes().chunks(2).map(pair).collect()
}

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&spelt(&self.0))
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Hex, D::Error> {
        let text = String::deserialize(deserializer)?;
        read(&text)
            .map(Hex)
            .ok_or_else(|| D::Error::custom("not lower-case hexadecimal"))
    }
}

impl JsonSchema for Hex {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Hex".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_one_spelling() {
        for bytes in [vec![], vec![0, 1, 0x7f, 0x80, 0xff]] {
            let json = serde_json::to_string(&Hex(bytes.clone())).unwrap();
            assert_eq!(serde_json::from_str::<Hex>(&json).unwrap(), Hex(bytes));
        }
        assert_eq!(Hex(vec![0x0a, 0xf0]).to_string(), "0af0");
        for bad in ["\"0\"", "\"0A\"", "\"zz\"", "\"é\"", "3"] {
            assert!(serde_json::from_str::<Hex>(bad).is_err(), "{bad}");
        }
    }
}
