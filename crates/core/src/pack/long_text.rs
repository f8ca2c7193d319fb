//! A text that is too long for one record: cut into parts, named, and put together again.
//!
//! The parts are slices of the text's bytes, all of one length but the last, so that a text is cut in
//! one way only and a place in it names its part. The record says how long the text is and what it
//! hashes to, and holds its beginning for lists. A reader takes the parts in order, one at a time,
//! and knows after the last one whether they are the text; it never makes room by what a record
//! claims. The text never changes: an edit of it is refused.
//! Spec: `docs/spec/notes.md`, "Long texts".

use super::note::{BODY_BYTES_MAX, Field, NoteError, Record, at_most};
use crate::content::DEPS_MAX;
use kitbag_crypto::{HashLabel, Hasher};
use minicbor::{Decode, Encode};
use thiserror::Error;

/// Bytes of each part of a text but the last. Packed, sealed and with its header a part that does not
/// compress stays below 64 KiB, where the store would begin to take twice the room.
pub const PART_BYTES: usize = 62_500;
/// Parts of one text, at most: the create entry builds on each of them.
pub const PARTS_MAX: usize = DEPS_MAX;
/// Bytes of a text, at most.
pub const TEXT_BYTES_MAX: usize = PARTS_MAX * PART_BYTES;
/// Bytes of a long text's beginning in the record, at most.
pub const BEGINNING_BYTES_MAX: usize = 4 * 1024;

/// What a record says of a text that stands in parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct LongText {
    /// Its length in bytes: more than a record holds, and at most [`TEXT_BYTES_MAX`].
    #[n(0)]
    pub bytes: u32,
    /// `H(Item, "text", part 1, …, part n)`.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub hash: [u8; 32],
}

impl LongText {
    /// What a record says of this text.
    ///
    /// # Errors
    /// [`NoteError`] if the text is too long, or short enough to stand in the record.
    pub fn of(text: &str) -> Result<LongText, NoteError> {
        at_most(Field::Body, text.len(), TEXT_BYTES_MAX)?;
        let mut hasher = hasher();
        parts_of(text).for_each(|part| hasher.part(part));
        let long = LongText {
            bytes: u32::try_from(text.len()).expect("bounded above"),
            hash: *hasher.finish().as_bytes(),
        };
        long.check()?;
        Ok(long)
    }

    /// In how many parts it stands.
    pub fn parts(&self) -> usize {
        (self.bytes as usize).div_ceil(PART_BYTES)
    }

    pub(crate) fn check(&self) -> Result<(), NoteError> {
        let bytes = self.bytes as usize;
        at_most(Field::Body, bytes, TEXT_BYTES_MAX)?;
        if bytes > BODY_BYTES_MAX {
            Ok(())
        } else {
            Err(NoteError::NotLong)
        }
    }
}

/// A text's parts, in order.
pub fn parts_of(text: &str) -> impl Iterator<Item = &[u8]> {
    text.as_bytes().chunks(PART_BYTES)
}

/// The beginning of a long text that stands in its record: whole characters.
pub fn beginning(text: &str) -> &str {
    let mut end = text.len().min(BEGINNING_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Why parts are not the text that a record names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LongTextRefused {
    /// More or fewer parts than the length asks for.
    #[error("the text has another number of parts")]
    PartCount,
    /// A part of another length than its place asks for.
    #[error("a part of the text has a wrong length")]
    PartLength,
    /// Not UTF-8.
    #[error("the text is not UTF-8")]
    NotText,
    /// The record shows another beginning.
    #[error("the text begins in another way than its note says")]
    Beginning,
    /// Other parts, or in another order.
    #[error("the parts are not those of the text")]
    WrongHash,
}

/// A long text being read, part by part; at no time more than one of them is held.
pub struct LongTextReader<'r> {
    wanted: LongText,
    /// What is still to come of the beginning.
    beginning: &'r [u8],
    hasher: Hasher,
    taken: usize,
    /// The first bytes of a character that the next part ends.
    cut: Vec<u8>,
}

impl<'r> LongTextReader<'r> {
    /// Begins to read the text of a record; none if the record holds all of its text.
    pub fn new(record: &'r Record) -> Option<LongTextReader<'r>> {
        Some(LongTextReader {
            wanted: record.long?,
            beginning: record.body.as_bytes(),
            hasher: hasher(),
            taken: 0,
            cut: Vec::new(),
        })
    }

    /// Takes the next part.
    ///
    /// # Errors
    /// [`LongTextRefused`]; the parts are not this text then, whatever follows.
    pub fn take(&mut self, part: &[u8]) -> Result<(), LongTextRefused> {
        let left = (self.wanted.bytes as usize).saturating_sub(self.taken * PART_BYTES);
        if left == 0 {
            return Err(LongTextRefused::PartCount);
        }
        if part.len() != left.min(PART_BYTES) {
            return Err(LongTextRefused::PartLength);
        }
        let (seen, rest) = self
            .beginning
            .split_at(self.beginning.len().min(part.len()));
        if !part.starts_with(seen) {
            return Err(LongTextRefused::Beginning);
        }
        self.beginning = rest;
        self.take_text(part)?;
        self.hasher.part(part);
        self.taken += 1;
        Ok(())
    }

    /// Says whether what was taken is the whole text.
    ///
    /// # Errors
    /// [`LongTextRefused`] by cause.
    pub fn finish(self) -> Result<(), LongTextRefused> {
        if self.taken != self.wanted.parts() {
            Err(LongTextRefused::PartCount)
        } else if !self.cut.is_empty() {
            Err(LongTextRefused::NotText)
        } else if *self.hasher.finish().as_bytes() != self.wanted.hash {
            Err(LongTextRefused::WrongHash)
        } else {
            Ok(())
        }
    }

    /// A character may begin in one part and end in the next.
    fn take_text(&mut self, part: &[u8]) -> Result<(), LongTextRefused> {
        self.cut.extend_from_slice(part);
        let valid = match std::str::from_utf8(&self.cut) {
            Ok(_) => self.cut.len(),
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(_) => return Err(LongTextRefused::NotText),
        };
        self.cut.drain(..valid);
        Ok(())
    }
}

fn hasher() -> Hasher {
    let mut hasher = Hasher::new(HashLabel::Item);
    hasher.part(b"text");
    hasher
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec;
    use crate::id::Timestamp;
    use crate::pack::note::{NoteType, Source, SourceKind, Trust};
    use LongTextRefused::*;

    fn record_of(text: &str) -> Record {
        let source = Source {
            kind: SourceKind::Manual,
            label: "test".into(),
            uri: None,
            app: None,
            author: None,
            locator: None,
            captured_at: Timestamp::from_millis(7),
            observed_at: None,
            captured_by: "Ana (laptop)".into(),
            trust: Trust::FirstParty,
        };
        let mut record = Record::new([9; 16], NoteType::Note, source);
        record.long = Some(LongText::of(text).unwrap());
        record.body = beginning(text).to_owned();
        record
    }

    fn read<'p>(
        record: &Record,
        parts: impl IntoIterator<Item = &'p [u8]>,
    ) -> Result<(), LongTextRefused> {
        let mut reader = LongTextReader::new(record).unwrap();
        for part in parts {
            reader.take(part)?;
            assert!(reader.cut.len() < 4, "nothing is kept but a cut character");
        }
        reader.finish()
    }

    /// A text of three parts, in which parts and beginning cut characters.
    fn text() -> String {
        format!("a{}", "é".repeat(70_000))
    }

    /// Goal: each set of parts that is not exactly the text, in its order, has its refusal.
    #[test]
    fn only_the_parts_of_the_text_in_their_order_are_the_text() {
        let text = text();
        let record = record_of(&text);
        let parts: Vec<&[u8]> = parts_of(&text).collect();
        assert_eq!((parts.len(), record.long.unwrap().parts()), (3, 3));
        assert!(std::str::from_utf8(parts[0]).is_err(), "a character is cut");
        assert_eq!(record.body.len(), BEGINNING_BYTES_MAX - 1);
        assert_eq!(read(&record, parts.clone()), Ok(()));

        let [a, b, c] = parts[..] else { panic!() };
        let mut flipped = b.to_vec();
        flipped[100] ^= 1; // still two bytes of one character, and another one
        let mut broken = b.to_vec();
        broken[100] = 0xff;
        let mut bold = a.to_vec();
        bold[0] = b'b';
        let mut longer = c.to_vec();
        longer.push(b'x');
        let cases: [(&str, Vec<&[u8]>, LongTextRefused); 12] = [
            ("none", vec![], PartCount),
            ("the last is missing", vec![a, b], PartCount),
            ("the first is missing", vec![b, c], Beginning),
            ("one too many", vec![a, b, c, c], PartCount),
            ("reordered", vec![b, a, c], Beginning),
            ("twice the first", vec![a, a, c], NotText),
            ("the last too early", vec![a, c], PartLength),
            ("too long", vec![a, b, &longer], PartLength),
            ("too short", vec![a, b, &c[..c.len() - 1]], PartLength),
            ("another letter", vec![a, &flipped, c], WrongHash),
            ("no text", vec![a, &broken, c], NotText),
            ("another beginning", vec![&bold, b, c], Beginning),
        ];
        for (name, parts, refused) in cases {
            assert_eq!(read(&record, parts), Err(refused), "{name}");
        }
        // Swapped where nothing but the order tells them apart.
        let plain: String = (0..190_000u32)
            .map(|n| char::from(b'a' + (n / 62_500) as u8))
            .collect();
        let mut record = record_of(&plain);
        record.body.clear();
        let parts: Vec<&[u8]> = parts_of(&plain).collect();
        let swapped = [parts[1], parts[0], parts[2], parts[3]];
        assert_eq!(read(&record, swapped), Err(WrongHash));
    }

    /// Goal: a text that ends within a character is none.
    #[test]
    fn a_text_that_ends_within_a_character_is_refused() {
        let bytes = [b"x".repeat(70_000), vec![0xc3]].concat();
        let mut hasher = hasher();
        bytes.chunks(PART_BYTES).for_each(|part| hasher.part(part));
        let mut record = record_of(&"x".repeat(70_000));
        record.long = Some(LongText {
            bytes: 70_001,
            hash: *hasher.finish().as_bytes(),
        });
        assert_eq!(read(&record, bytes.chunks(PART_BYTES)), Err(NotText));
    }

    /// Goal: whatever length a record claims, it is refused or asks for parts that an entry can name;
    /// and there is one form for each text.
    #[test]
    fn a_record_claims_no_more_than_an_entry_can_name() {
        let with = |bytes: u32, body: usize| {
            let mut record = record_of(&"x".repeat(70_000));
            record.long = Some(LongText {
                bytes,
                hash: [1; 32],
            });
            record.body = "x".repeat(body);
            record.check()
        };
        let too_long = |length, limit| {
            Err(NoteError::TooLong {
                field: Field::Body,
                length,
                limit,
            })
        };
        let limit = TEXT_BYTES_MAX as u32;
        assert_eq!(with(65_537, 0), Ok(()));
        assert_eq!(with(limit, BEGINNING_BYTES_MAX), Ok(()));
        for short in [0, 1, 65_536] {
            assert_eq!(with(short, 0), Err(NoteError::NotLong), "{short}");
        }
        for long in [limit + 1, u32::MAX] {
            assert_eq!(
                with(long, 0),
                too_long(long as usize, TEXT_BYTES_MAX),
                "{long}"
            );
        }
        assert_eq!(with(limit, 4097), too_long(4097, BEGINNING_BYTES_MAX));
        assert!(LongText::of(&"x".repeat(65_536)).is_err());
        assert!(LongText::of(&"x".repeat(TEXT_BYTES_MAX + 1)).is_err());
        let largest = record_of(&"x".repeat(TEXT_BYTES_MAX));
        assert_eq!(largest.long.unwrap().parts(), PARTS_MAX);
        assert_eq!(Record::from_bytes(&largest.to_bytes()), Ok(largest));
    }

    /// Goal: a record without a long text has the bytes and the fingerprint that it always had, and
    /// one with it says its hash in the fingerprint.
    #[test]
    fn what_a_record_says_of_a_long_text_is_optional() {
        let mut short = record_of(&text());
        let long = short.clone();
        short.long = None;
        let bytes = short.to_bytes();
        assert!(codec::encode(&long).len() > bytes.len());
        assert_eq!(Record::from_bytes(&bytes), Ok(short.clone()));
        assert!(LongTextReader::new(&short).is_none());
        let other = record_of(&format!("{}.", text()));
        assert_eq!(other.body, long.body);
        let prints = [&short, &long, &other].map(|record| *record.fingerprint().as_bytes());
        assert!(prints[0] != prints[1] && prints[1] != prints[2]);
    }

    /// Goal: a part that does not compress stays below 64 KiB with all that stands around it.
    #[test]
    fn a_part_stays_below_what_the_store_keeps_in_one_page() {
        use crate::content::{EntryBody, HEADER_BYTES_MAX, pack_body};
        use kitbag_crypto::{Hash, SEAL_OVERHEAD};
        let noise: Vec<u8> = (0..PART_BYTES as u64 / 32 + 1)
            .flat_map(|n| *Hash::of(HashLabel::Item, &[&n.to_be_bytes()]).as_bytes())
            .take(PART_BYTES)
            .collect();
        let plain = pack_body(&EntryBody::Part(noise)).unwrap();
        assert_eq!(plain.len(), 63_488);
        let header = 512; // it names no other entry
        assert!(header < HEADER_BYTES_MAX);
        assert!(plain.len() + header + 2 * SEAL_OVERHEAD < 64 * 1024 - 1024);
    }
}
