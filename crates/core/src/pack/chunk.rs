//! One plain Automerge change chunk, as bytes: its header, its actor, and how many rows it claims.
//!
//! Automerge's parser believes run lengths, and a run length of a billion costs ten bytes. So this
//! module walks a chunk first: it allows the one layout that our own edits have, and counts rows
//! before anything is allocated for them. What passes is still only *well-formed*; what the
//! operations mean is checked in [`super::change`].
//!
//! ```text
//! chunk    = 85 6f 4a 83 ‖ checksum (4) ‖ type (1) ‖ uleb(length of contents) ‖ contents
//! checksum = first 4 bytes of SHA-256(type ‖ uleb(length of contents) ‖ contents)
//! contents = uleb(n) ‖ n × hash (32) ‖ 10 ‖ actor (16) ‖ uleb(seq) ‖ uleb(start op) ‖ sleb(time)
//!            ‖ uleb(length of message) ‖ message ‖ uleb(n) ‖ n × (10 ‖ actor (16))
//!            ‖ uleb(n) ‖ n × (uleb(column) ‖ uleb(length)) ‖ column data ‖ extra bytes
//! ```
//! Spec: `docs/spec/notes.md`, "Chunks".

use super::change::{
    CHANGE_BYTES_MAX, CHANGE_DEPS_MAX, CHANGE_OPS_MAX, CHANGE_PREDS_MAX, ChangeRefused,
};
use crate::id::LogId;
use kitbag_crypto::{Hash, HashLabel};
use sha2::{Digest, Sha256};
use std::ops::Range;

/// Bytes of an actor id.
pub(crate) const ACTOR_BYTES: usize = 16;

/// An actor id of ours.
pub(crate) type Actor = [u8; ACTOR_BYTES];

/// A chunk whose frame, header and row counts were checked.
pub(crate) struct Chunk<'a> {
    contents: &'a [u8],
    actor_at: Range<usize>,
}

impl<'a> Chunk<'a> {
    /// Checks the frame and the header of a change chunk, and bounds the rows of its columns.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Chunk<'a>, ChangeRefused> {
        let contents = frame(bytes)?;
        let actor_at = header(contents)?;
        Ok(Chunk { contents, actor_at })
    }

    /// The actor that these contents must have in `log`.
    pub(crate) fn derived_actor(&self, log: LogId) -> Actor {
        let mut zeroed = self.contents.to_vec();
        zeroed[self.actor_at.clone()].fill(0);
        Hash::of(HashLabel::Actor, &[log.as_bytes(), &zeroed]).first_half()
    }

    /// The actor that it has.
    pub(crate) fn actor(&self) -> &[u8] {
        &self.contents[self.actor_at.clone()]
    }

    /// The same chunk by another actor.
    pub(crate) fn with_actor(&self, actor: Actor) -> Vec<u8> {
        let mut contents = self.contents.to_vec();
        contents[self.actor_at.clone()].copy_from_slice(&actor);
        assemble(&contents)
    }
}

/// A change chunk around these contents.
pub(crate) fn assemble(contents: &[u8]) -> Vec<u8> {
    let length = uleb(contents.len() as u64);
    let mut chunk = Vec::with_capacity(HEADER_BYTES + length.len() + contents.len());
    chunk.extend_from_slice(&MAGIC);
    chunk.extend_from_slice(&checksum(CHANGE, &length, contents));
    chunk.push(CHANGE);
    chunk.extend_from_slice(&length);
    chunk.extend_from_slice(contents);
    chunk
}

/// The contents of the one change chunk that these bytes are.
fn frame(bytes: &[u8]) -> Result<&[u8], ChangeRefused> {
    if bytes.len() > CHANGE_BYTES_MAX {
        return Err(ChangeRefused::TooLarge { bytes: bytes.len() });
    }
    let mut input = Input(bytes);
    if input.take(MAGIC.len())? != MAGIC {
        return Err(ChangeRefused::NotAChunk);
    }
    let claimed = input.take(4)?;
    match input.byte()? {
        CHANGE => {}
        DOCUMENT => return Err(ChangeRefused::DocumentChunk),
        COMPRESSED => return Err(ChangeRefused::CompressedChunk),
        _ => return Err(ChangeRefused::UnknownChunk),
    }
    let length = input.uleb()?;
    let contents = input.take(usize::try_from(length).map_err(|_| ChangeRefused::Truncated)?)?;
    match input.0 {
        [] => {}
        rest if rest.starts_with(&MAGIC) => return Err(ChangeRefused::SeveralChunks),
        _ => return Err(ChangeRefused::TrailingBytes),
    }
    if checksum(CHANGE, &uleb(length), contents) != claimed {
        return Err(ChangeRefused::BadChecksum);
    }
    Ok(contents)
}

/// Checks everything but the operations; returns where the actor stands.
fn header(contents: &[u8]) -> Result<Range<usize>, ChangeRefused> {
    let mut input = Input(contents);
    let deps = input.count(32)?;
    if deps == 0 {
        return Err(ChangeRefused::NoDependency);
    }
    if deps > CHANGE_DEPS_MAX {
        return Err(ChangeRefused::TooManyDependencies);
    }
    let hashes: Vec<&[u8]> = (0..deps)
        .map(|_| input.take(32))
        .collect::<Result<_, _>>()?;
    ascending(&hashes)?;
    let actor = input.actor()?;
    let actor_at = contents.len() - input.0.len() - ACTOR_BYTES..contents.len() - input.0.len();
    if input.uleb()? != 1 {
        return Err(ChangeRefused::BadSeq);
    }
    if input.uleb()? == 0 {
        return Err(ChangeRefused::BadStartOp);
    }
    if input.sleb()? != 0 {
        return Err(ChangeRefused::HasTime);
    }
    if input.uleb()? != 0 {
        return Err(ChangeRefused::HasMessage);
    }
    let others = input.count(1 + ACTOR_BYTES)?;
    let others: Vec<&[u8]> = (0..others)
        .map(|_| input.actor())
        .collect::<Result<_, _>>()?;
    ascending(&others)?;
    if others.contains(&actor) {
        return Err(ChangeRefused::Malformed);
    }
    columns(&mut input, 1 + others.len() as u64)?;
    if input.0.is_empty() {
        Ok(actor_at)
    } else {
        Err(ChangeRefused::ExtraBytes)
    }
}

/// Walks the columns and bounds their rows.
fn columns(input: &mut Input<'_>, actors: u64) -> Result<(), ChangeRefused> {
    let count = input.count(2)?;
    let mut columns = Vec::new();
    for _ in 0..count {
        columns.push((input.uleb()?, input.uleb()?));
    }
    if !columns.is_sorted_by(|(a, _), (b, _)| a < b) {
        return Err(ChangeRefused::Malformed);
    }
    for (spec, length) in columns {
        let length = usize::try_from(length).map_err(|_| ChangeRefused::Truncated)?;
        let mut data = Input(input.take(length)?);
        match spec {
            OBJECT_ACTOR | KEY_ACTOR => data.rows(CHANGE_OPS_MAX, |d| d.below(actors))?,
            PRED_ACTOR => data.rows(CHANGE_PREDS_MAX, |d| d.below(actors))?,
            OBJECT_COUNTER | ACTION | VALUE_META => data.rows(CHANGE_OPS_MAX, Input::value)?,
            KEY_COUNTER => data.rows(CHANGE_OPS_MAX, Input::signed)?,
            PRED_COUNTER => data.rows(CHANGE_PREDS_MAX, Input::signed)?,
            PRED_GROUP => data.rows(CHANGE_OPS_MAX, |d| d.below(PREDS_OF_ONE_OP_MAX))?,
            KEY_STRING => data.rows(CHANGE_OPS_MAX, Input::string)?,
            INSERT => data.flags()?,
            VALUE => {}
            spec if spec & DEFLATED != 0 => return Err(ChangeRefused::CompressedColumn),
            _ => return Err(ChangeRefused::UnknownColumn),
        }
    }
    Ok(())
}

fn ascending(items: &[&[u8]]) -> Result<(), ChangeRefused> {
    if items.is_sorted_by(|a, b| a < b) {
        Ok(())
    } else {
        Err(ChangeRefused::NotCanonical)
    }
}

fn checksum(kind: u8, length: &[u8], contents: &[u8]) -> [u8; 4] {
    let digest = Sha256::new()
        .chain_update([kind])
        .chain_update(length)
        .chain_update(contents);
    let digest: [u8; 32] = digest.finalize().into();
    [digest[0], digest[1], digest[2], digest[3]]
}

fn uleb(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// Bytes still to be read.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], ChangeRefused> {
        let (taken, rest) = self
            .0
            .split_at_checked(count)
            .ok_or(ChangeRefused::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, ChangeRefused> {
        Ok(self.take(1)?[0])
    }

    fn actor(&mut self) -> Result<&'a [u8], ChangeRefused> {
        if self.uleb()? != ACTOR_BYTES as u64 {
            return Err(ChangeRefused::BadActor);
        }
        self.take(ACTOR_BYTES)
    }

    /// A count of things of at least `bytes` bytes each, so that it never exceeds what is there.
    fn count(&mut self, bytes: usize) -> Result<usize, ChangeRefused> {
        let count = usize::try_from(self.uleb()?).map_err(|_| ChangeRefused::Truncated)?;
        if count > self.0.len() / bytes {
            Err(ChangeRefused::Truncated)
        } else {
            Ok(count)
        }
    }

    fn uleb(&mut self) -> Result<u64, ChangeRefused> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                return Err(ChangeRefused::Malformed);
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(ChangeRefused::Malformed)
    }

    fn sleb(&mut self) -> Result<i64, ChangeRefused> {
        let mut value = 0i64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= i64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                let negative = byte & 0x40 != 0 && shift + 7 < 64;
                return Ok(if negative {
                    value | -1 << (shift + 7)
                } else {
                    value
                });
            }
        }
        Err(ChangeRefused::Malformed)
    }

    /// Walks a run-length encoded column to its end: at most `limit` rows, each value read by `read`.
    fn rows(
        &mut self,
        limit: u64,
        read: impl Fn(&mut Self) -> Result<(), ChangeRefused>,
    ) -> Result<(), ChangeRefused> {
        let mut rows = 0u64;
        while !self.0.is_empty() {
            let run = self.sleb()?;
            let literal = run < 0;
            let length = if run == 0 {
                self.uleb()?
            } else {
                run.unsigned_abs()
            };
            rows = rows.saturating_add(length);
            if rows > limit {
                return Err(ChangeRefused::TooManyOps);
            }
            let values = if literal { length } else { u64::from(run > 0) };
            for _ in 0..values {
                read(self)?;
            }
        }
        Ok(())
    }

    /// Walks a column of alternating runs of `false` and `true`.
    fn flags(&mut self) -> Result<(), ChangeRefused> {
        let mut rows = 0u64;
        while !self.0.is_empty() {
            rows = rows.saturating_add(self.uleb()?);
        }
        if rows > CHANGE_OPS_MAX {
            Err(ChangeRefused::TooManyOps)
        } else {
            Ok(())
        }
    }

    fn below(&mut self, limit: u64) -> Result<(), ChangeRefused> {
        if self.uleb()? < limit {
            Ok(())
        } else {
            Err(ChangeRefused::Malformed)
        }
    }

    fn value(&mut self) -> Result<(), ChangeRefused> {
        self.uleb().map(drop)
    }

    fn signed(&mut self) -> Result<(), ChangeRefused> {
        self.sleb().map(drop)
    }

    fn string(&mut self) -> Result<(), ChangeRefused> {
        let length = usize::try_from(self.uleb()?).map_err(|_| ChangeRefused::Truncated)?;
        self.take(length).map(drop)
    }
}

const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
/// Magic, checksum and type.
const HEADER_BYTES: usize = 9;
const DOCUMENT: u8 = 0;
const CHANGE: u8 = 1;
const COMPRESSED: u8 = 2;

// Columns of a change chunk: id × 16 + type. Marks (148, 165) are not used in our documents.
const OBJECT_ACTOR: u64 = 1;
const OBJECT_COUNTER: u64 = 2;
const KEY_ACTOR: u64 = 17;
const KEY_COUNTER: u64 = 19;
const KEY_STRING: u64 = 21;
const INSERT: u64 = 52;
const ACTION: u64 = 66;
const VALUE_META: u64 = 86;
const VALUE: u64 = 87;
const PRED_GROUP: u64 = 112;
const PRED_ACTOR: u64 = 113;
const PRED_COUNTER: u64 = 115;
/// This bit of a column says that it is compressed.
const DEFLATED: u64 = 8;
/// Values that one operation overwrites: concurrent writers of one key.
const PREDS_OF_ONE_OP_MAX: u64 = 4096;
