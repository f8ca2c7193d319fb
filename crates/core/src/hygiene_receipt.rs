//! A receipt of hygiene: what was put away in a pack, why, and what each note was before.
//!
//! It is made and signed by the device that did it, out of what it did: ids, versions and words, no text
//! of any note. Why each note was chosen is the word of the program that asked. A go that was cut off has
//! one as well, which says how many notes it did not come to.
//! Spec: `docs/spec/hygiene.md`.

use crate::attested::{Attested, Signed};
use crate::id::{ItemId, PackId, Timestamp};
use crate::receipt::ReceiptError;
use crate::signed::Envelope;
use kitbag_crypto::SignLabel;
use minicbor::data::Type;
use minicbor::decode::Error as DecodeError;
use minicbor::{Decode, Decoder, Encode, Encoder, encode};

/// The version of these receipts that this program writes, and the newest that it understands.
pub const HYGIENE_RECEIPT_VERSION: u16 = 2;
/// The version that named what went along without what it was before, and no go that was cut off.
const WITHOUT_VERSIONS: u16 = 1;
/// Notes of one receipt, at most: those of one go.
pub const HYGIENE_RECEIPT_NOTES_MAX: usize = 10_000;
/// Notes that went along with one, at most.
pub const HYGIENE_ALONG_MAX: usize = 64;
/// Bytes of a word, at most.
const WORD_BYTES_MAX: usize = 64;
/// Bytes of one signed receipt, at most: 10,000 notes of some 150 bytes, and 69 for each that went along.
pub const HYGIENE_RECEIPT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What was put away in one go.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct HygieneReceipt {
    /// Format version.
    #[n(0)]
    pub version: u16,
    /// When it was signed, by the clock of that device.
    #[n(1)]
    pub at: Timestamp,
    /// Who did it: the signed first operation of the person's log, which names the device.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub person: Vec<u8>,
    /// The pack.
    #[n(3)]
    pub pack: PackId,
    /// The time of every entry that was written.
    #[n(4)]
    pub began: Timestamp,
    /// The notes, ascending, each once.
    #[n(5)]
    pub notes: Vec<PutAway>,
    /// Notes that were to be put away and stay, by why: words ascending.
    #[n(6)]
    pub left: Vec<LeftAlone>,
    /// Notes that were to be put away and were not come to: the go was cut off. Absent in version 1.
    #[n(7)]
    pub unreached: Option<u64>,
}

/// A note that was put away.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct PutAway {
    /// The note.
    #[n(0)]
    pub note: ItemId,
    /// Its version before: the hash over the entries that made it what it was.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub before: [u8; 32],
    /// expire, supersede or delete.
    #[n(2)]
    pub act: String,
    /// Why, as the program that asked said: stale, duplicate, ….
    #[n(3)]
    pub why: Option<String>,
    /// What replaced it.
    #[n(4)]
    pub by: Option<ItemId>,
    /// Its masked copies or original to which the same was done, ascending by note.
    #[n(5)]
    pub along: Vec<WentAlong>,
}

/// A masked copy or an original to which the same was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WentAlong {
    /// The note.
    pub note: ItemId,
    /// Its version before. Absent in version 1.
    pub before: Option<[u8; 32]>,
}

impl<C> Encode<C> for WentAlong {
    fn encode<W: encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        match &self.before {
            None => e.encode(self.note)?.ok(),
            Some(before) => e.array(2)?.encode(self.note)?.bytes(before)?.ok(),
        }
    }
}

impl<'b, C> Decode<'b, C> for WentAlong {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<WentAlong, DecodeError> {
        if d.datatype()? != Type::Array {
            return Ok(WentAlong {
                note: d.decode()?,
                before: None,
            });
        }
        if d.array()? != Some(2) {
            return Err(DecodeError::message("a note and its version"));
        }
        let note = d.decode()?;
        let before = d.bytes()?.try_into();
        let before = before.map_err(|_| DecodeError::message("wrong length of version"))?;
        Ok(WentAlong {
            note,
            before: Some(before),
        })
    }
}

/// Notes that stay for one reason.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(map)]
pub struct LeftAlone {
    /// changed, not_allowed, ….
    #[n(0)]
    pub why: String,
    /// How many; at least one.
    #[n(1)]
    pub notes: u64,
}

/// A receipt of hygiene that the device which it names signed.
pub type SignedHygieneReceipt = Signed<HygieneReceipt>;

impl Attested for HygieneReceipt {
    const LABEL: SignLabel = SignLabel::HygieneReceipt;
    const VERSION: u16 = HYGIENE_RECEIPT_VERSION;
    const BYTES_MAX: usize = HYGIENE_RECEIPT_BYTES_MAX;

    fn version(&self) -> u16 {
        self.version
    }

    fn person(&self) -> &[u8] {
        &self.person
    }

    fn check(&self) -> Result<(), ReceiptError> {
        let replaced = |one: &PutAway| one.by.is_some() == (one.act == "supersede");
        let is_word = |one: &PutAway| {
            word(&one.act) && one.why.as_deref().is_none_or(word) && one.by != Some(one.note)
        };
        let along = |one: &PutAway| {
            one.along.len() <= HYGIENE_ALONG_MAX
                && one.along.windows(2).all(|two| two[0].note < two[1].note)
                && one.along.iter().all(|other| other.note != one.note)
        };
        let notes = &self.notes;
        let is_newest = self.version == HYGIENE_RECEIPT_VERSION;
        let mut alongs = notes.iter().flat_map(|one| &one.along);
        let rules: [(bool, &'static str); 7] = [
            (
                is_newest || self.version == WITHOUT_VERSIONS,
                "its version is none",
            ),
            (
                self.unreached.is_some() == is_newest
                    && alongs.all(|other| other.before.is_some() == is_newest),
                "what its version does not have, or lacks",
            ),
            (
                (1..=HYGIENE_RECEIPT_NOTES_MAX).contains(&notes.len()),
                "no note, or too many",
            ),
            (
                notes.windows(2).all(|two| two[0].note < two[1].note),
                "its notes do not ascend",
            ),
            (
                notes.iter().all(|one| is_word(one) && replaced(one)),
                "what was done is no word, or what replaced a note stands at another act",
            ),
            (notes.iter().all(along), "what went along"),
            (
                self.left.len() <= HYGIENE_ALONG_MAX
                    && self.left.windows(2).all(|two| two[0].why < two[1].why)
                    && self.left.iter().all(|one| one.notes > 0 && word(&one.why)),
                "its counts of what stays",
            ),
        ];
        match rules.iter().find(|(holds, _)| !holds) {
            Some((_, broken)) => Err(ReceiptError::Rule(broken)),
            None => Ok(()),
        }
    }
}

/// Whether bytes are meant as a receipt of hygiene, changed or not, and not as one of an export: the pack
/// stands where that has a list. It proves nothing, and is for whoever says what is wrong with them.
pub fn is_meant_as_one(bytes: &[u8]) -> bool {
    let Ok(envelope) = Envelope::decode(bytes, HYGIENE_RECEIPT_BYTES_MAX) else {
        return false;
    };
    let mut record = Decoder::new(envelope.record());
    let mut pack = || -> Result<Option<Type>, DecodeError> {
        for _ in 0..record.map()?.unwrap_or_default() {
            if record.u8()? == 3 {
                return record.datatype().map(Some);
            }
            record.skip()?;
        }
        Ok(None)
    };
    matches!(pack(), Ok(Some(Type::Bytes)))
}

fn word(text: &str) -> bool {
    !text.is_empty() && text.len() <= WORD_BYTES_MAX && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attested::tests::person;
    use kitbag_crypto::SigningKey;

    fn along(n: u8) -> WentAlong {
        WentAlong {
            note: ItemId::from_bytes([n; 32]),
            before: Some([n; 32]),
        }
    }

    fn receipt() -> (SigningKey, HygieneReceipt) {
        let (key, person) = person(1);
        let note = |n: u8, act: &str, by: Option<u8>| PutAway {
            note: ItemId::from_bytes([n; 32]),
            before: [n; 32],
            act: act.into(),
            why: Some("duplicate".into()),
            by: by.map(|n| ItemId::from_bytes([n; 32])),
            along: vec![along(n + 100)],
        };
        let receipt = HygieneReceipt {
            version: HYGIENE_RECEIPT_VERSION,
            at: Timestamp::from_millis(6),
            person: person.bytes().to_vec(),
            pack: PackId::from_bytes([9; 32]),
            began: Timestamp::from_millis(5),
            notes: vec![note(1, "supersede", Some(3)), note(2, "delete", None)],
            left: vec![LeftAlone {
                why: "changed".into(),
                notes: 1,
            }],
            unreached: Some(3),
        };
        (key, receipt)
    }

    /// Goal: what was signed reads back and says who; whichever bit is changed, it is none any more; and
    /// neither kind of receipt passes as the other.
    #[test]
    fn what_was_signed_verifies_and_no_bit_can_be_changed() {
        let (key, receipt) = receipt();
        let signed = SignedHygieneReceipt::sign(&receipt, &key).unwrap();
        assert_eq!(signed.receipt(), &receipt);
        assert_eq!(signed.person(), person(1).1.person());
        assert_eq!(signed.device(), key.verifying_key().into());
        let bytes = signed.bytes().to_vec();
        assert!(crate::receipt::SignedReceipt::verify(&bytes).is_err());
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            assert!(SignedHygieneReceipt::verify(&changed).is_err(), "byte {at}");
            assert!(SignedHygieneReceipt::verify(&bytes[..at]).is_err());
        }
        let (other, _) = person(2);
        assert_eq!(
            SignedHygieneReceipt::sign(&receipt, &other),
            Err(ReceiptError::BadSignature)
        );
    }

    /// Goal: a receipt of version 1 is still one, and nothing of version 2 stands in it.
    #[test]
    fn a_receipt_of_the_first_version_still_verifies() {
        let (key, mut first) = receipt();
        (first.version, first.unreached) = (1, None);
        for one in &mut first.notes {
            one.along[0].before = None;
        }
        let signed = SignedHygieneReceipt::sign(&first, &key).unwrap();
        assert_eq!(signed.receipt(), &first);
        first.unreached = Some(0);
        let mut along = first.clone();
        (along.unreached, along.notes[0].along[0].before) = (None, Some([1; 32]));
        for mixed in [first, along] {
            let verdict = SignedHygieneReceipt::sign(&mixed, &key);
            assert!(matches!(verdict, Err(ReceiptError::Rule(_))), "{verdict:?}");
        }
    }

    #[test]
    fn what_breaks_a_rule_is_refused_though_it_is_signed() {
        type Breaks = fn(&mut HygieneReceipt);
        let table: [Breaks; 17] = [
            |r| r.version = 0,
            |r| r.version = 1,
            |r| r.unreached = None,
            |r| r.notes[1].along[0].before = None,
            |r| r.notes[0].along.insert(0, along(200)),
            |r| r.notes[0].along = vec![r.notes[0].along[0]; 2],
            |r| r.notes.clear(),
            |r| r.notes.reverse(),
            |r| r.notes.push(r.notes[1].clone()),
            |r| r.notes[0].act = String::new(),
            |r| r.notes[0].act = "dele\nte".into(),
            |r| r.notes[0].why = Some("x".repeat(65)),
            |r| r.notes[0].by = None,
            |r| r.notes[1].by = Some(ItemId::from_bytes([7; 32])),
            |r| r.notes[0].by = Some(r.notes[0].note),
            |r| r.notes[0].along[0].note = r.notes[0].note,
            |r| r.left[0].notes = 0,
        ];
        for (number, breaks) in table.into_iter().enumerate() {
            let (key, mut receipt) = receipt();
            breaks(&mut receipt);
            let verdict = SignedHygieneReceipt::sign(&receipt, &key);
            assert!(
                matches!(verdict, Err(ReceiptError::Rule(_))),
                "{number}: {verdict:?}"
            );
        }
        let (key, mut newer) = receipt();
        newer.version += 1;
        assert_eq!(
            SignedHygieneReceipt::sign(&newer, &key),
            Err(ReceiptError::NewerVersion)
        );
    }
}
