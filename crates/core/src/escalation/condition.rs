//! When a rule fires: a tree of tests, of bounded depth and size.
//!
//! The tree is read from bytes of others, so its decoder counts how deep it is before it goes deeper.

use super::text::{folded, words_of};
use super::{EscalationError, holds};
use crate::pack::note::{CONFIDENCE_MAX, ConsentStatus, SourceKind};
use crate::policy::Sensitivity;
use minicbor::decode::{Decode, Decoder, Error as DecodeError};
use minicbor::encode::{Encode, Encoder, Error as EncodeError, Write};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// Levels of a condition, at most: more than people read at once.
pub const CONDITION_DEPTH_MAX: usize = 4;
/// Tests and combinations in a condition, at most.
pub const CONDITION_PARTS_MAX: usize = 32;
/// Entries of a list in a test, at most.
pub const LIST_MAX: usize = 32;
/// Bytes of a word, value or keyword, at most: as a tag.
pub const WORD_BYTES_MAX: usize = 64;
/// Words of a keyword, at most.
pub const KEYWORD_WORDS_MAX: usize = 8;

/// When a rule fires.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// All of these hold; at least one.
    All(Vec<Condition>),
    /// One of these holds; at least one.
    Any(Vec<Condition>),
    /// This does not hold.
    Not(Box<Condition>),
    /// This test holds.
    Test(Test),
}

/// One test of a case. What a case does not say is not so.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, minicbor::Encode, minicbor::Decode)]
pub enum Test {
    /// Its intent is one of these.
    #[n(0)]
    IntentIn(#[n(0)] BTreeSet<String>),
    /// It has one of these tags.
    #[n(1)]
    Tag(#[n(0)] BTreeSet<String>),
    /// Its text has one of these keywords.
    #[n(2)]
    Text(#[n(0)] BTreeSet<String>),
    /// Something of it came in by one of these ways.
    #[n(3)]
    SourceKind(#[n(0)] BTreeSet<SourceKind>),
    /// It is known to be this sensitive, or more.
    #[n(4)]
    SensitivityMin(#[n(0)] Sensitivity),
    /// It is known to be this sensitive, or less.
    #[n(5)]
    SensitivityMax(#[n(0)] Sensitivity),
    /// So many attempts failed, or more.
    #[n(6)]
    FailedAttemptsGte(#[n(0)] u16),
    /// The agent said a confidence in thousandths, and it is lower.
    #[n(7)]
    ConfidenceLt(#[n(0)] u16),
    /// Whether somebody asked for a human.
    #[n(8)]
    UserRequest(#[n(0)] bool),
    /// A field is a number, and this or more.
    #[n(9)]
    AmountGte(#[n(0)] String, #[n(1)] Amount),
    /// A consent in it has one of these statuses.
    #[n(10)]
    ConsentIn(#[n(0)] BTreeSet<ConsentStatus>),
    /// A field has one of these values.
    #[n(11)]
    FieldIn(#[n(0)] String, #[n(1)] BTreeSet<String>),
    /// Whether a tool failed.
    #[n(12)]
    ToolError(#[n(0)] bool),
    /// Whether what it rests on changed since.
    #[n(13)]
    Stale(#[n(0)] bool),
    /// Whether the agent was refused something that it needs.
    #[n(14)]
    Denied(#[n(0)] bool),
}

/// A number from 0 with up to three places after the point.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, minicbor::Encode, minicbor::Decode,
)]
#[cbor(transparent)]
pub struct Amount(#[n(0)] u64);

impl Amount {
    /// From thousandths.
    pub const fn from_thousandths(thousandths: u64) -> Amount {
        Amount(thousandths)
    }

    /// In thousandths.
    pub const fn as_thousandths(self) -> u64 {
        self.0
    }
}

impl FromStr for Amount {
    type Err = EscalationError;

    /// Digits, with a point and more digits behind where there is one. Places beyond the third are
    /// dropped. Nothing else: no sign, no currency, no separator, no exponent.
    fn from_str(text: &str) -> Result<Amount, EscalationError> {
        let bad = EscalationError("an amount is a number such as 1500 or 12.50");
        let (whole, places) = text.split_once('.').unwrap_or((text, "0"));
        let plain = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        if !plain(whole) || !plain(places) {
            return Err(bad);
        }
        let places: u64 = format!("{places:0<3.3}").parse().map_err(|_| bad)?;
        let whole: u64 = whole.parse().map_err(|_| bad)?;
        let whole = whole.checked_mul(1000).and_then(|w| w.checked_add(places));
        whole.map(Amount).ok_or(bad)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 1000, self.0 % 1000) {
            (whole, 0) => write!(f, "{whole}"),
            (whole, places) => write!(f, "{whole}.{places:03}"),
        }
    }
}

impl Condition {
    pub(super) fn check(&self) -> Result<(), EscalationError> {
        let parts = self.check_at(1)?;
        holds(
            parts <= CONDITION_PARTS_MAX,
            "a condition has at most 32 parts",
        )
    }

    /// Checks this part, at this level; says how many parts it is.
    fn check_at(&self, level: usize) -> Result<usize, EscalationError> {
        holds(
            level <= CONDITION_DEPTH_MAX,
            "a condition has at most four levels",
        )?;
        match self {
            Condition::All(all) | Condition::Any(all) => {
                holds(
                    (1..=CONDITION_PARTS_MAX).contains(&all.len()),
                    "all and any have between one and 32 conditions",
                )?;
                all.iter()
                    .try_fold(1, |n, one| Ok(n + one.check_at(level + 1)?))
            }
            Condition::Not(one) => Ok(1 + one.check_at(level + 1)?),
            Condition::Test(test) => test.check().map(|()| 1),
        }
    }

    /// Every test in it, from left to right.
    pub fn tests(&self) -> Vec<&Test> {
        match self {
            Condition::All(all) | Condition::Any(all) => {
                all.iter().flat_map(Condition::tests).collect()
            }
            Condition::Not(one) => one.tests(),
            Condition::Test(test) => vec![test],
        }
    }
}

impl Test {
    fn check(&self) -> Result<(), EscalationError> {
        match self {
            Test::IntentIn(words) | Test::Tag(words) => list(words),
            Test::Text(keywords) => {
                list(keywords)?;
                keywords
                    .iter()
                    .try_for_each(|keyword| check_keyword(keyword))
            }
            Test::SourceKind(kinds) => size(kinds.len()),
            Test::ConsentIn(statuses) => size(statuses.len()),
            Test::FieldIn(field, values) => {
                word(field)?;
                list(values)
            }
            Test::AmountGte(field, _) => word(field),
            Test::ConfidenceLt(confidence) => holds(
                (1..=CONFIDENCE_MAX).contains(confidence),
                "a confidence to be below is above 0 and at most 1",
            ),
            Test::FailedAttemptsGte(n) => holds(*n > 0, "failed attempts are one or more"),
            Test::SensitivityMin(_)
            | Test::SensitivityMax(_)
            | Test::UserRequest(_)
            | Test::ToolError(_)
            | Test::Stale(_)
            | Test::Denied(_) => Ok(()),
        }
    }
}

/// A keyword's words, and whether the last is a beginning.
pub(super) fn keyword(text: &str) -> (Vec<String>, bool) {
    let folded = folded(text);
    let (words, begins) = match folded.trim_end().strip_suffix('*') {
        Some(rest) => (rest, true),
        None => (folded.as_str(), false),
    };
    (words_of(words).map(str::to_owned).collect(), begins)
}

fn check_keyword(text: &str) -> Result<(), EscalationError> {
    let (words, _) = keyword(text);
    holds(
        (1..=KEYWORD_WORDS_MAX).contains(&words.len()),
        "a keyword has between one and eight words; '*' stands at its end only",
    )?;
    holds(
        text.trim_end_matches('*').len() + 1 >= text.len()
            && !text.trim_end_matches('*').contains('*'),
        "a keyword has between one and eight words; '*' stands at its end only",
    )
}

fn list(words: &BTreeSet<String>) -> Result<(), EscalationError> {
    size(words.len())?;
    words.iter().try_for_each(|one| word(one))
}

fn size(len: usize) -> Result<(), EscalationError> {
    holds(
        (1..=LIST_MAX).contains(&len),
        "a list has between one and 32 entries",
    )
}

fn word(word: &str) -> Result<(), EscalationError> {
    holds(
        (1..=WORD_BYTES_MAX).contains(&word.len()) && word == word.trim(),
        "a word, a value or a name of a field has between one and 64 bytes, without space around it",
    )?;
    holds(
        crate::policy::rules::is_seen_line(word),
        "a word is one line of characters that are seen",
    )
}

impl<C> Encode<C> for Condition {
    fn encode<W: Write>(
        &self,
        e: &mut Encoder<W>,
        ctx: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        e.array(2)?;
        match self {
            Condition::All(all) => e.u8(0)?.encode_with(all, ctx)?,
            Condition::Any(any) => e.u8(1)?.encode_with(any, ctx)?,
            Condition::Not(one) => e.u8(2)?.encode_with(&**one, ctx)?,
            Condition::Test(test) => e.u8(3)?.encode_with(test, ctx)?,
        };
        Ok(())
    }
}

impl<'b, C> Decode<'b, C> for Condition {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Condition, DecodeError> {
        decode_at(d, ctx, 1)
    }
}

/// Decodes a condition at this level. It returns before it would go too deep, and refuses a list that is
/// too long while it reads it.
fn decode_at<'b, C>(
    d: &mut Decoder<'b>,
    ctx: &mut C,
    level: usize,
) -> Result<Condition, DecodeError> {
    if level > CONDITION_DEPTH_MAX {
        return Err(DecodeError::message("a condition is too deep"));
    }
    if d.array()? != Some(2) {
        return Err(DecodeError::message("a condition is an array of two"));
    }
    let mut list = |d: &mut Decoder<'b>| {
        let len = d
            .array()?
            .ok_or(DecodeError::message("a list has a length"))?;
        if len > CONDITION_PARTS_MAX as u64 {
            return Err(DecodeError::message("a condition has too many parts"));
        }
        (0..len).map(|_| decode_at(d, ctx, level + 1)).collect()
    };
    match d.u8()? {
        0 => list(d).map(Condition::All),
        1 => list(d).map(Condition::Any),
        2 => Ok(Condition::Not(Box::new(decode_at(d, ctx, level + 1)?))),
        3 => Test::decode(d, ctx).map(Condition::Test),
        _ => Err(DecodeError::message("unknown kind of condition")),
    }
}
