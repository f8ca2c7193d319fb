//! Ids that a pack names: how they are written, and names of fields that hold one.
//!
//! A form is no regular expression: each of its signs stands for one character of an id, and `*` for
//! some, so that whoever reads one sees what it finds, and looking for it takes a bounded time for
//! each byte of a text. Looking is `kitbag-scan`'s. Spec: `docs/spec/release.md`.

use super::{RulesError, is_hidden, is_one_line, rule};
use crate::pack::note::Pii;
use minicbor::{Decode, Encode};
use std::collections::BTreeSet;
use std::fmt;

/// Forms that one set of rules names, at most; as many names of fields. A list that people read.
pub const IDS_MAX: usize = 32;
/// Forms that several sets of rules name together, at most; as many names of fields. It bounds what is
/// done for each byte of a text.
pub const IDS_TOGETHER_MAX: usize = 128;
/// Characters of a form, at most: a scanner holds its places in 32 bits.
pub const FORM_CHARS_MAX: usize = 32;
/// Letters, digits and places of digits that a form has at least: with fewer it finds what is no id.
const FORM_CERTAIN_MIN: usize = 5;
/// Letters and digits of a form with `*`, at least.
const OPEN_FORM_CERTAIN_MIN: usize = 2;
/// Bytes of a field's name, at most.
pub const FIELD_BYTES_MAX: usize = 64;

/// Ids of one form.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct NamedId {
    /// How they are written.
    #[n(0)]
    pub form: IdForm,
    /// What kind of personal data they are.
    #[n(1)]
    pub kind: Pii,
}

/// A field whose values are ids.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct NamedField {
    /// Its name.
    #[n(0)]
    pub name: FieldName,
    /// What kind of personal data they are.
    #[n(1)]
    pub kind: Pii,
}

/// How ids are written: `CUST-####`. `#` is a digit, `@` a letter, `*` one or more of both; anything else
/// is itself, letters in either case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(transparent)]
pub struct IdForm(#[n(0)] pub(super) String);

impl IdForm {
    /// A form, without space around it and with large letters.
    ///
    /// # Errors
    /// [`RulesError::Rule`] for what is none, or would find what is no id.
    pub fn new(text: &str) -> Result<IdForm, RulesError> {
        let form = IdForm(text.trim().to_ascii_uppercase());
        form.check()?;
        Ok(form)
    }

    /// The form, as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn check(&self) -> Result<(), RulesError> {
        let form = self.0.as_bytes();
        rule(
            (1..=FORM_CHARS_MAX).contains(&form.len()),
            "a form of ids has between one and 32 characters",
        )?;
        rule(
            form.iter().all(|sign| is_itself(*sign) || is_place(*sign)),
            "a form of ids is of # (a digit), @ (a letter), * (some of both), and of letters A to Z, \
             digits, '-', '_', '.', '/' and single spaces, which are themselves",
        )?;
        let ends = [form.first(), form.last()];
        rule(
            ends.into_iter().flatten().all(|sign| is_wordly(*sign)),
            "a form of ids begins and ends with a letter, a digit, #, @ or *",
        )?;
        let twice = |sign: u8| form.windows(2).any(|two| two == [sign, sign]);
        rule(
            !twice(b'*') && !twice(b' '),
            "in a form of ids no * and no space stands beside another",
        )?;
        rule(
            form.iter()
                .any(|sign| sign.is_ascii_digit() || matches!(sign, b'#' | b'*')),
            "an id has a digit: a form of ids needs #, * or a digit",
        )?;
        let literal = form.iter().filter(|sign| sign.is_ascii_alphanumeric());
        let literal = literal.count();
        let digits = form.iter().filter(|sign| **sign == b'#').count();
        match form.contains(&b'*') {
            true => rule(
                literal >= OPEN_FORM_CERTAIN_MIN,
                "a form of ids with * needs two letters or digits beside it, or it finds what is no id",
            ),
            false => rule(
                literal + digits >= FORM_CERTAIN_MIN,
                "a form of ids needs five letters, digits or #, or it finds what is no id",
            ),
        }
    }
}

impl fmt::Display for IdForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a field of a table or of JSON. How names are compared is the scanner's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(transparent)]
pub struct FieldName(#[n(0)] pub(super) String);

impl FieldName {
    /// A name, without space around it.
    ///
    /// # Errors
    /// [`RulesError::Rule`] for what no field is called.
    pub fn new(text: &str) -> Result<FieldName, RulesError> {
        let name = FieldName(text.trim().to_owned());
        name.check()?;
        // What letters there are changes with Unicode, so a name that is read is not asked for them.
        let joins = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ');
        let letters = name.0.chars().filter(|c| c.is_alphanumeric()).count();
        rule(
            letters >= 2 && name.0.chars().all(joins),
            "a field's name has two letters or digits, and '_', '-', '.' and spaces between them",
        )?;
        Ok(name)
    }

    /// The name, as somebody wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn check(&self) -> Result<(), RulesError> {
        rule(
            (1..=FIELD_BYTES_MAX).contains(&self.0.len()) && self.0 == self.0.trim(),
            "a field's name has between one and 64 bytes",
        )?;
        rule(
            is_one_line(&self.0) && !self.0.contains(is_hidden),
            "a field's name is one line of characters that are seen",
        )
    }
}

impl fmt::Display for FieldName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What all forms and names of one set of rules keep to.
pub(super) fn check(
    ids: &BTreeSet<NamedId>,
    fields: &BTreeSet<NamedField>,
) -> Result<(), RulesError> {
    rule(ids.len() <= IDS_MAX, "at most 32 forms of ids")?;
    rule(fields.len() <= IDS_MAX, "at most 32 names of fields")?;
    ids.iter().try_for_each(|id| id.form.check())?;
    fields.iter().try_for_each(|field| field.name.check())
}

fn is_place(sign: u8) -> bool {
    matches!(sign, b'#' | b'@' | b'*')
}

fn is_itself(sign: u8) -> bool {
    let letter = sign.is_ascii_uppercase() || sign.is_ascii_digit();
    letter || matches!(sign, b'-' | b'_' | b'.' | b'/' | b' ')
}

fn is_wordly(sign: u8) -> bool {
    is_place(sign) || sign.is_ascii_alphanumeric()
}

/// A set that is left out of a record if it is empty, so that records without it are as they were.
pub(super) mod or_absent {
    use minicbor::decode::{Decode, Decoder, Error as DecodeError};
    use minicbor::encode::{Encode, Encoder, Error as EncodeError, Write};
    use std::collections::BTreeSet;

    pub(in crate::policy::rules) fn encode<T: Encode<C>, C, W: Write>(
        set: &BTreeSet<T>,
        e: &mut Encoder<W>,
        ctx: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        set.encode(e, ctx)
    }

    pub(in crate::policy::rules) fn decode<'b, T: Decode<'b, C> + Ord, C>(
        d: &mut Decoder<'b>,
        ctx: &mut C,
    ) -> Result<BTreeSet<T>, DecodeError> {
        BTreeSet::decode(d, ctx)
    }

    pub(in crate::policy::rules) fn is_nil<T>(set: &BTreeSet<T>) -> bool {
        set.is_empty()
    }

    pub(in crate::policy::rules) fn nil<T>() -> Option<BTreeSet<T>> {
        Some(BTreeSet::new())
    }
}
