//! Automerge change chunks taken apart and put together again, with nothing checked on the way.
//!
//! A changed byte alone gets no further than the checksum, and a mended checksum no further than the
//! actor, which is derived from the contents. So whoever wants to know what lies behind those two
//! takes a chunk apart here, changes what they like, and puts it together with both made right. The
//! layout is written down a second time, from the specification and not from `core`'s own reader.
//! Spec: `docs/spec/notes.md`, "Chunks".

use crate::Dice;
use kitbag_core::id::LogId;
use kitbag_crypto::{Hash, HashLabel};
use sha2::{Digest, Sha256};

/// The contents of a change chunk, part by part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Hashes of the changes it builds on.
    pub deps: Vec<[u8; 32]>,
    /// Its actor; derived anew by [`Chunk::forge`].
    pub actor: [u8; ACTOR_BYTES],
    /// Its number among the changes of its actor.
    pub seq: u64,
    /// The number of its first operation.
    pub start_op: u64,
    /// The other actors that its operations name.
    pub others: Vec<[u8; ACTOR_BYTES]>,
    /// Columns: what they are, and their bytes.
    pub columns: Vec<(u64, Vec<u8>)>,
    /// What follows the columns.
    pub rest: Vec<u8>,
}

const ACTOR_BYTES: usize = 16;
const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
const CHANGE: u8 = 1;

impl Chunk {
    /// Takes a chunk apart that has the layout of our own edits; none if it has not.
    pub fn parse(chunk: &[u8]) -> Option<Chunk> {
        let mut input = chunk
            .strip_prefix(&MAGIC)?
            .get(4..)?
            .strip_prefix(&[CHANGE])?;
        let length = uleb(&mut input)?;
        (input.len() as u64 == length).then(|| Chunk::parse_contents(input))?
    }

    fn parse_contents(mut input: &[u8]) -> Option<Chunk> {
        let input = &mut input;
        let deps = many(input, take::<32>)?;
        let actor = read_actor(input)?;
        let (seq, start_op) = (uleb(input)?, uleb(input)?);
        let plain = uleb(input)? == 0 && uleb(input)? == 0; // time and message
        let others = many(input, read_actor)?;
        let table = many(input, |input| Some((uleb(input)?, uleb(input)?)))?;
        let mut columns = Vec::new();
        for (spec, length) in table {
            let (data, rest) = input.split_at_checked(usize::try_from(length).ok()?)?;
            *input = rest;
            columns.push((spec, data.to_vec()));
        }
        plain.then(|| Chunk {
            deps,
            actor,
            seq,
            start_op,
            others,
            columns,
            rest: input.to_vec(),
        })
    }

    /// The chunk with a true checksum and the actor that log and contents derive.
    pub fn forge(&self, log: LogId) -> Vec<u8> {
        let zeroed = Chunk {
            actor: [0; ACTOR_BYTES],
            ..self.clone()
        };
        let hash = Hash::of(HashLabel::Actor, &[log.as_bytes(), &zeroed.contents()]);
        let forged = Chunk {
            actor: hash.first_half(),
            ..zeroed
        };
        frame(&forged.contents())
    }

    /// The contents as they stand.
    pub fn contents(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        put_uleb(&mut bytes, self.deps.len() as u64);
        bytes.extend(self.deps.iter().flatten());
        put_actor(&mut bytes, &self.actor);
        put_uleb(&mut bytes, self.seq);
        put_uleb(&mut bytes, self.start_op);
        bytes.extend([0, 0]);
        put_uleb(&mut bytes, self.others.len() as u64);
        for other in &self.others {
            put_actor(&mut bytes, other);
        }
        put_uleb(&mut bytes, self.columns.len() as u64);
        for (spec, data) in &self.columns {
            put_uleb(&mut bytes, *spec);
            put_uleb(&mut bytes, data.len() as u64);
        }
        bytes.extend(self.columns.iter().flat_map(|(_, data)| data));
        bytes.extend_from_slice(&self.rest);
        bytes
    }

    /// Changes one to three things: bits and bytes of a column, whole columns, or what stands before
    /// them. `other` lends its parts to splices.
    pub fn mutate(&mut self, other: &Chunk, dice: &mut Dice) {
        let times = if dice.percent(70) {
            1
        } else {
            dice.between(2, 3)
        };
        for _ in 0..times {
            match dice.below(20) {
                0 => {
                    self.start_op = self
                        .start_op
                        .wrapping_add(dice.between(0, 4))
                        .wrapping_sub(2)
                }
                1 => self.start_op = 1 << dice.below(40),
                2 => self.seq = dice.below(4),
                3 => self.deps = some_of(&other.deps, dice),
                4 => self.others = some_of(&other.others, dice),
                5 => flip(self.others.iter_mut().flatten().collect(), dice),
                6 => flip(self.deps.iter_mut().flatten().collect(), dice),
                7 => self.columns = some_of(&self.columns, dice),
                8 | 9 => self.take_column(other, dice),
                _ => self.change_column(dice),
            }
        }
    }

    fn take_column(&mut self, other: &Chunk, dice: &mut Dice) {
        if other.columns.is_empty() {
            return;
        }
        let lent = dice.pick(&other.columns).clone();
        match self.columns.iter_mut().find(|(spec, _)| *spec == lent.0) {
            Some(own) => *own = lent,
            None => {
                self.columns.push(lent);
                self.columns.sort();
            }
        }
    }

    fn change_column(&mut self, dice: &mut Dice) {
        if self.columns.is_empty() {
            return;
        }
        let at = dice.below(self.columns.len() as u64) as usize;
        change_bytes(&mut self.columns[at].1, dice);
    }
}

/// Changes a few bytes as a fuzzer would: bits, values at the edges of an encoding, pieces left out,
/// put in or repeated.
pub fn change_bytes(bytes: &mut Vec<u8>, dice: &mut Dice) {
    let at = dice.below(bytes.len() as u64 + 1) as usize;
    let end = at + dice.below((bytes.len() - at).min(8) as u64 + 1) as usize;
    match dice.below(6) {
        0 | 1 => flip(bytes.iter_mut().collect(), dice),
        2 => {
            let edge = [0x00, 0x01, 0x3f, 0x40, 0x7e, 0x7f, 0x80, 0xff];
            let value = *dice.pick(&edge);
            bytes.get_mut(at).into_iter().for_each(|byte| *byte = value);
        }
        3 => drop(bytes.drain(at..end)),
        4 => drop(bytes.splice(at..at, dice.bytes::<4>().into_iter().take(end - at))),
        _ => {
            let piece = bytes[at..end].to_vec();
            drop(bytes.splice(at..at, piece));
        }
    }
}

/// A change chunk with a true checksum around any contents.
pub fn frame(contents: &[u8]) -> Vec<u8> {
    let mut checked = vec![CHANGE];
    put_uleb(&mut checked, contents.len() as u64);
    checked.extend_from_slice(contents);
    let digest = Sha256::digest(&checked);
    [&MAGIC, &digest[..4], &checked].concat()
}

fn flip(mut bytes: Vec<&mut u8>, dice: &mut Dice) {
    let at = dice.below(bytes.len() as u64) as usize;
    let bit = 1 << dice.below(8);
    bytes.get_mut(at).into_iter().for_each(|byte| **byte ^= bit);
}

fn some_of<T: Clone>(items: &[T], dice: &mut Dice) -> Vec<T> {
    let chosen = items.iter().filter(|_| dice.percent(75));
    chosen.cloned().collect()
}

fn many<T>(input: &mut &[u8], item: impl Fn(&mut &[u8]) -> Option<T>) -> Option<Vec<T>> {
    let count = uleb(input)?;
    let fits = count <= input.len() as u64; // every item has a byte at least
    fits.then(|| (0..count).map(|_| item(input)).collect())?
}

fn take<const N: usize>(input: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = input.split_first_chunk::<N>()?;
    *input = rest;
    Some(*taken)
}

fn read_actor(input: &mut &[u8]) -> Option<[u8; ACTOR_BYTES]> {
    (uleb(input)? == ACTOR_BYTES as u64).then(|| take(input))?
}

fn put_actor(bytes: &mut Vec<u8>, actor: &[u8; ACTOR_BYTES]) {
    bytes.push(ACTOR_BYTES as u8);
    bytes.extend_from_slice(actor);
}

fn uleb(input: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..63).step_by(7) {
        let [byte] = take::<1>(input)?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn put_uleb(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}
