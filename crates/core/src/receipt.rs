//! A receipt of an export: what left, in which versions, what stayed and which rule kept it in, signed
//! by the device that exported.
//!
//! It holds ids, hashes and counts, and no text of any note. Whoever has it can check who signed, and
//! with the bundle beside it that this is the bundle; that the program which asked for it told the
//! truth about what it wrote is the word of the device.
//! Spec: `docs/spec/receipt.md`.

use crate::attested::{Attested, Signed};
use crate::codec::CodecError;
use crate::id::{ItemId, PackId, Timestamp};
use crate::policy::Sensitivity;
use kitbag_crypto::SignLabel;
use minicbor::{Decode, Encode};
use std::collections::BTreeSet;
use thiserror::Error;

/// The version of receipts that this program writes and understands.
pub const RECEIPT_VERSION: u16 = 1;
/// Notes of one receipt, at most: those of the largest export.
pub const RECEIPT_NOTES_MAX: usize = 200_000;
/// Packs of one receipt, at most: those of the largest selection could all be others, but nobody reads
/// a bundle of more.
pub const RECEIPT_PACKS_MAX: usize = 1_024;
/// Counts of one list, at most; there are far fewer rules and kinds.
pub const RECEIPT_COUNTS_MAX: usize = 256;
/// Filters of one receipt, at most.
pub const RECEIPT_FILTERS_MAX: usize = 64;
/// Bytes of a word: a format, a rule, a kind, the name of a filter.
pub const RECEIPT_WORD_BYTES_MAX: usize = 64;
/// Bytes of a text: a purpose, a client, the name of a selection, the value of a filter.
pub const RECEIPT_TEXT_BYTES_MAX: usize = 1_024;
/// Bytes of one signed receipt, at most: 200,000 notes of some 75 bytes, and what stands around them.
pub const RECEIPT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What an export was, and what it left behind.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Receipt {
    /// Format version.
    #[n(0)]
    pub version: u16,
    /// When it was signed, by the clock of that device.
    #[n(1)]
    pub at: Timestamp,
    /// Who exported: the signed first operation of the person's log, which names the device.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub person: Vec<u8>,
    /// The packs, in the order in which the bundle names them.
    #[n(3)]
    pub packs: Vec<ReceiptPack>,
    /// What was asked for.
    #[n(4)]
    pub asked: Asked,
    /// The notes in the bundle, in its order.
    #[n(5)]
    pub notes: Vec<ReceiptNote>,
    /// The bundle itself.
    #[n(6)]
    pub bundle: Bundle,
    /// What stayed, by the rule that decided, ascending.
    #[n(7)]
    pub withheld: Vec<WithheldBy>,
    /// Notes that were not asked for: other ones than the filter or the selection names.
    #[n(8)]
    pub not_selected: u64,
    /// Changes of the packs that are set aside, and are in no note of the bundle.
    #[n(9)]
    pub set_aside: u64,
    /// Changes of the packs that wait for an earlier one.
    #[n(10)]
    pub waiting: u64,
    /// Values that were replaced by the word of their kind, ascending by kind.
    #[n(11)]
    pub masked: Vec<MaskedKind>,
    /// Notes in whose place their masked copy stands.
    #[n(12)]
    pub as_masked_copy: u64,
}

/// A pack that an export took notes from.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ReceiptPack {
    /// The pack.
    #[n(0)]
    pub pack: PackId,
    /// Nothing above this left it.
    #[n(1)]
    pub max_sensitivity: Sensitivity,
    /// Whether its notes crossed from one client to another, because a person said that they may.
    #[n(2)]
    pub crosses_clients: bool,
}

/// What was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Asked {
    /// The format of the bundle.
    #[n(0)]
    pub format: String,
    /// kept, deleted or all: whether deleted notes were asked for.
    #[n(1)]
    pub listed: String,
    /// Names and values of the filter, ascending; a name may stand there several times.
    #[n(2)]
    pub filters: Vec<AskedFilter>,
    /// The purpose.
    #[n(3)]
    pub purpose: Option<String>,
    /// The client that it is for.
    #[n(4)]
    pub client: Option<String>,
    /// Whether values of personal data were to be taken out.
    #[n(5)]
    pub redacts: bool,
    /// What the bundle may take.
    #[n(6)]
    pub budget: Option<AskedBudget>,
    /// The selection, if it was one.
    #[n(7)]
    pub selection: Option<AskedSelection>,
}

/// One point of a filter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(map)]
pub struct AskedFilter {
    /// tag, source, since, ….
    #[n(0)]
    pub name: String,
    /// Its value as text.
    #[n(1)]
    pub value: String,
}

/// What a bundle may take.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct AskedBudget {
    /// Tokens.
    #[n(0)]
    pub max_tokens: u64,
    /// How they are estimated.
    #[n(1)]
    pub estimator: String,
}

/// A selection as it was when it was exported.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct AskedSelection {
    /// Its name on the device that exported.
    #[n(0)]
    pub name: String,
    /// Over its notes in their order: see [`crate::selection::Selection::digest`].
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub digest: [u8; 32],
}

/// A note that left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ReceiptNote {
    /// The note.
    #[n(0)]
    pub id: ItemId,
    /// Its version: the hash over the entries that made it what it was.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub version: [u8; 32],
    /// The place of its pack in the list of packs.
    #[n(2)]
    pub pack: u32,
}

/// The bytes that left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Bundle {
    /// How many.
    #[n(0)]
    pub bytes: u64,
    /// Their SHA-256.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub sha256: [u8; 32],
}

/// Notes that one rule kept in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(map)]
pub struct WithheldBy {
    /// The rule by its name: `consent withdrawn`, `request max_sensitivity`, `rule export.formats`, ….
    #[n(0)]
    pub rule: String,
    /// What the rule saw, where that is told: a sensitivity.
    #[n(1)]
    pub what: Option<String>,
    /// How many notes; at least one.
    #[n(2)]
    pub notes: u64,
}

/// Values of one kind that were replaced.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(map)]
pub struct MaskedKind {
    /// The kind: email, phone, ….
    #[n(0)]
    pub kind: String,
    /// How many values; at least one.
    #[n(1)]
    pub values: u64,
}

/// A receipt that the device which it names signed.
pub type SignedReceipt = Signed<Receipt>;

/// Why bytes are no receipt.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReceiptError {
    /// Not the one valid encoding.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// The signature does not hold, or that of the person that it names.
    #[error("the receipt is not signed by the device that it names")]
    BadSignature,
    /// Of a version that this program does not know.
    #[error("a receipt of a newer version")]
    NewerVersion,
    /// It breaks a rule that needs nothing else.
    #[error("the receipt breaks a rule: {0}")]
    Rule(&'static str),
}

impl Attested for Receipt {
    const LABEL: SignLabel = SignLabel::Receipt;
    const VERSION: u16 = RECEIPT_VERSION;
    const BYTES_MAX: usize = RECEIPT_BYTES_MAX;

    fn version(&self) -> u16 {
        self.version
    }

    fn person(&self) -> &[u8] {
        &self.person
    }

    fn check(&self) -> Result<(), ReceiptError> {
        let word = |text: &str| is_line(text, RECEIPT_WORD_BYTES_MAX);
        let text = |text: &str| is_line(text, RECEIPT_TEXT_BYTES_MAX);
        let maybe = |one: &Option<String>| one.as_deref().is_none_or(text);
        let asked = &self.asked;
        let selection = asked.selection.as_ref();
        let budget = asked.budget.as_ref();
        let packs: BTreeSet<PackId> = self.packs.iter().map(|pack| pack.pack).collect();
        let notes: BTreeSet<ItemId> = self.notes.iter().map(|note| note.id).collect();
        let rules: [(bool, &'static str); 12] = [
            (self.version == RECEIPT_VERSION, "its version is none"),
            (
                (1..=RECEIPT_PACKS_MAX).contains(&self.packs.len()),
                "no pack, or too many",
            ),
            (packs.len() == self.packs.len(), "a pack stands in it twice"),
            (self.notes.len() <= RECEIPT_NOTES_MAX, "too many notes"),
            (notes.len() == self.notes.len(), "a note stands in it twice"),
            (
                self.notes
                    .iter()
                    .all(|note| (note.pack as usize) < self.packs.len()),
                "a note of no pack in it",
            ),
            (
                word(&asked.format) && word(&asked.listed),
                "what was asked for is no word",
            ),
            (
                maybe(&asked.purpose)
                    && maybe(&asked.client)
                    && selection.is_none_or(|one| text(&one.name))
                    && budget.is_none_or(|one| word(&one.estimator)),
                "a text in it is empty, too long or not one line",
            ),
            (
                asked.filters.len() <= RECEIPT_FILTERS_MAX
                    && asked
                        .filters
                        .iter()
                        .all(|one| word(&one.name) && text(&one.value))
                    && ascends(&asked.filters),
                "its filters",
            ),
            (
                self.withheld.len() <= RECEIPT_COUNTS_MAX
                    && ascends(&self.withheld)
                    && self
                        .withheld
                        .windows(2)
                        .all(|two| (&two[0].rule, &two[0].what) != (&two[1].rule, &two[1].what))
                    && self.withheld.iter().all(|one| {
                        one.notes > 0 && word(&one.rule) && one.what.as_deref().is_none_or(word)
                    }),
                "its counts of what stayed",
            ),
            (
                self.masked.len() <= RECEIPT_COUNTS_MAX
                    && self.masked.windows(2).all(|two| two[0].kind < two[1].kind)
                    && self
                        .masked
                        .iter()
                        .all(|one| one.values > 0 && word(&one.kind)),
                "its counts of what was masked",
            ),
            (
                self.masked.is_empty() || asked.redacts,
                "values were masked that nobody asked to mask",
            ),
        ];
        match rules.iter().find(|(holds, _)| !holds) {
            Some((_, broken)) => Err(ReceiptError::Rule(broken)),
            None => Ok(()),
        }
    }
}

fn ascends<T: Ord>(list: &[T]) -> bool {
    list.windows(2).all(|two| two[0] < two[1])
}

/// Text in one line, that says something and hides nothing a terminal would obey.
fn is_line(text: &str, bytes_max: usize) -> bool {
    !text.is_empty() && text.len() <= bytes_max && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attested::tests::person;
    use kitbag_crypto::SigningKey;

    fn receipt() -> (SigningKey, Receipt) {
        let (key, person) = person(1);
        let receipt = Receipt {
            version: RECEIPT_VERSION,
            at: Timestamp::from_millis(5),
            person: person.bytes().to_vec(),
            packs: vec![ReceiptPack {
                pack: PackId::from_bytes([1; 32]),
                max_sensitivity: Sensitivity::Internal,
                crosses_clients: false,
            }],
            asked: Asked {
                format: "md".into(),
                listed: "kept".into(),
                redacts: true,
                ..Asked::default()
            },
            notes: vec![ReceiptNote {
                id: ItemId::from_bytes([2; 32]),
                version: [3; 32],
                pack: 0,
            }],
            bundle: Bundle {
                bytes: 7,
                sha256: [4; 32],
            },
            withheld: vec![WithheldBy {
                rule: "consent withdrawn".into(),
                what: None,
                notes: 2,
            }],
            not_selected: 0,
            set_aside: 0,
            waiting: 0,
            masked: vec![MaskedKind {
                kind: "email".into(),
                values: 1,
            }],
            as_masked_copy: 0,
        };
        (key, receipt)
    }

    #[test]
    fn what_was_signed_verifies_and_says_who() {
        let (key, receipt) = receipt();
        let signed = SignedReceipt::sign(&receipt, &key).unwrap();
        let read = SignedReceipt::verify(signed.bytes()).unwrap();
        assert_eq!(read.receipt(), &receipt);
        assert_eq!(read.person(), person(1).1.person());
        assert_eq!(read.device(), key.verifying_key().into());
    }

    /// Goal: whichever bit is changed, it is no receipt any more.
    #[test]
    fn no_bit_can_be_changed() {
        let (key, receipt) = receipt();
        let bytes = SignedReceipt::sign(&receipt, &key)
            .unwrap()
            .bytes()
            .to_vec();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            assert!(SignedReceipt::verify(&changed).is_err(), "byte {at}");
        }
    }

    #[test]
    fn another_device_cannot_sign_for_a_person() {
        let (_, receipt) = receipt();
        let (other, _) = person(2);
        assert_eq!(
            SignedReceipt::sign(&receipt, &other),
            Err(ReceiptError::BadSignature)
        );
    }

    #[test]
    fn a_newer_receipt_is_called_newer() {
        let (key, mut receipt) = receipt();
        receipt.version = RECEIPT_VERSION + 1;
        assert_eq!(
            SignedReceipt::sign(&receipt, &key),
            Err(ReceiptError::NewerVersion)
        );
    }

    #[test]
    fn what_breaks_a_rule_is_refused_though_it_is_signed() {
        type Breaks = fn(&mut Receipt);
        let table: [Breaks; 16] = [
            |r| r.version = 0,
            |r| r.packs.clear(),
            |r| r.packs.push(r.packs[0].clone()),
            |r| r.notes.push(r.notes[0]),
            |r| r.notes[0].pack = 1,
            |r| r.asked.format = String::new(),
            |r| r.asked.format = "m\nd".into(),
            |r| r.asked.purpose = Some("x".repeat(RECEIPT_TEXT_BYTES_MAX + 1)),
            |r| r.asked.client = Some("\u{1b}[31m".into()),
            |r| {
                let filter = AskedFilter {
                    name: "tag".into(),
                    value: "a".into(),
                };
                r.asked.filters = vec![filter.clone(), filter];
            },
            |r| r.withheld[0].notes = 0,
            |r| {
                r.withheld.push(WithheldBy {
                    notes: 3,
                    ..r.withheld[0].clone()
                })
            },
            |r| {
                r.withheld.insert(
                    0,
                    WithheldBy {
                        rule: "rule z".into(),
                        what: None,
                        notes: 1,
                    },
                );
            },
            |r| r.masked[0].values = 0,
            |r| r.masked.push(r.masked[0].clone()),
            |r| r.asked.redacts = false,
        ];
        for (number, breaks) in table.into_iter().enumerate() {
            let (key, mut receipt) = receipt();
            breaks(&mut receipt);
            let verdict = SignedReceipt::sign(&receipt, &key);
            assert!(
                matches!(verdict, Err(ReceiptError::Rule(_))),
                "{number}: {verdict:?}"
            );
        }
    }
}
