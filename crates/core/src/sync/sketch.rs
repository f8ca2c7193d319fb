//! A sketch of the packs that one side may sync: a few hundred bytes, whatever their number, from which
//! the other side reads which packs differ, if they are few.
//!
//! Of each pack there are two numbers: one from its id, one from its leaf. A pack is in three of the
//! cells, and a cell adds up the numbers of its packs, modulo a prime. What both sides hold alike
//! drops out of the difference of two sketches. A cell in which a single pack is left names it: one
//! of its sums is the other times the number of the pack. Taken out of its two other cells as well, it
//! uncovers what they hid.
//!
//! A sketch proves nothing. Whoever sends a wrong one has other packs pulled, or none, and the trees
//! compared after that.
//! Spec: `docs/spec/sync.md`, "Sketch".

use super::tree::LeafHash;
use crate::id::PackId;
use crate::wire::CHANGED_MAX;
use minicbor::decode::Error as DecodeError;
use minicbor::encode::{Error as EncodeError, Write};
use minicbor::{Decode, Decoder, Encode, Encoder};

/// Rows; each pack is in one cell of each.
const ROWS: usize = 3;
/// Cells in a row: a greeting with a sketch stays below a kilobyte.
const COLUMNS: usize = 7;
/// Cells of a sketch.
const CELLS: usize = ROWS * COLUMNS;
/// Bytes of a sketch.
const SKETCH_BYTES: usize = CELLS * 16;
/// Nibbles of a pack's id that are its number.
pub(super) const NUMBER_NIBBLES: usize = 15;
/// What sums are taken modulo: the prime 2^61 - 1.
const PRIME: u64 = (1 << 61) - 1;

/// Sums over packs, in which few that differ can be found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sketch {
    cells: [Cell; CELLS],
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Cell {
    /// The numbers of the leaves.
    leaves: u64,
    /// Each of them times the number of its pack.
    products: u64,
}

impl Sketch {
    /// Puts a pack in.
    pub(super) fn add(&mut self, pack: &PackId, leaf: &LeafHash) {
        self.shift(number(pack.as_bytes()), amount(leaf));
    }

    /// Takes a pack out that was put in with this leaf.
    pub(super) fn remove(&mut self, pack: &PackId, leaf: &LeafHash) {
        self.shift(number(pack.as_bytes()), minus(0, amount(leaf)));
    }

    fn shift(&mut self, number: u64, amount: u64) {
        for at in cells_of(number) {
            let cell = &mut self.cells[at];
            cell.leaves = plus(cell.leaves, amount);
            cell.products = plus(cell.products, times(number, amount));
        }
    }

    /// The packs of which this and another sketch hold different leaves, or only one holds any; at
    /// most [`CHANGED_MAX`]. `known` says which packs of this device begin with a number.
    ///
    /// None if they cannot all be told: too many, in the same cells, or unknown here.
    pub(super) fn differing(
        &self,
        theirs: &Sketch,
        known: impl Fn(u64) -> Vec<PackId>,
    ) -> Option<Vec<PackId>> {
        let mut left = self.without(theirs);
        let mut found = Vec::new();
        while left != Sketch::default() {
            let (number, amount, packs) = left.single(&known)?;
            // A sketch of nobody's packs would go on with the same ones for ever.
            if found.len() + packs.len() > CHANGED_MAX || packs.iter().any(|p| found.contains(p)) {
                return None;
            }
            left.shift(number, minus(0, amount));
            found.extend(packs);
        }
        Some(found)
    }

    fn without(&self, other: &Sketch) -> Sketch {
        let cells = std::array::from_fn(|at| {
            let (own, other) = (self.cells[at], other.cells[at]);
            Cell {
                leaves: minus(own.leaves, other.leaves),
                products: minus(own.products, other.products),
            }
        });
        Sketch { cells }
    }

    /// A pack that is alone in one of its cells: its number, and what it adds there.
    fn single(&self, known: impl Fn(u64) -> Vec<PackId>) -> Option<(u64, u64, Vec<PackId>)> {
        self.cells.iter().enumerate().find_map(|(at, cell)| {
            let number = times(cell.products, inverse(cell.leaves));
            let fits = cell.leaves != 0
                && number >> (4 * NUMBER_NIBBLES) == 0
                && cells_of(number).contains(&at);
            let packs = if fits { known(number) } else { vec![] };
            (!packs.is_empty()).then_some((number, cell.leaves, packs))
        })
    }
}

/// The nibbles of a number, as the id of its pack begins with them.
pub(super) fn nibbles(number: u64) -> Vec<u8> {
    let shifts = (0..NUMBER_NIBBLES).rev().map(|at| 4 * at);
    shifts.map(|shift| (number >> shift) as u8 & 15).collect()
}

/// The first sixty bits.
fn number(bytes: &[u8; 32]) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&bytes[..8]);
    u64::from_be_bytes(first) >> 4
}

/// Never zero, so that a pack that only one side has is seen.
fn amount(leaf: &LeafHash) -> u64 {
    number(&leaf.0) + 1
}

/// One in each row, by a third of the number's bits.
fn cells_of(number: u64) -> [usize; ROWS] {
    std::array::from_fn(|row| {
        let third = (number >> (20 * row)) % (1 << 20);
        row * COLUMNS + (third % COLUMNS as u64) as usize
    })
}

fn plus(a: u64, b: u64) -> u64 {
    (a + b) % PRIME
}

fn minus(a: u64, b: u64) -> u64 {
    (a + (PRIME - b)) % PRIME
}

fn times(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    // 2^61 is 1, so what is above the sixty-first bit is added to what is below.
    plus(product as u64 & PRIME, (product >> 61) as u64)
}

/// What makes 1 with a number, after Fermat; 0 for 0.
fn inverse(a: u64) -> u64 {
    let (mut power, mut base, mut left) = (1, a, PRIME - 2);
    while left > 0 {
        if left % 2 == 1 {
            power = times(power, base);
        }
        base = times(base, base);
        left /= 2;
    }
    power
}

impl<C> Encode<C> for Sketch {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        let mut bytes = [0; SKETCH_BYTES];
        for (cell, into) in self.cells.iter().zip(bytes.chunks_exact_mut(16)) {
            into[..8].copy_from_slice(&cell.leaves.to_be_bytes());
            into[8..].copy_from_slice(&cell.products.to_be_bytes());
        }
        e.bytes(&bytes)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Sketch {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        let bytes: &[u8; SKETCH_BYTES] = d
            .bytes()?
            .try_into()
            .map_err(|_| DecodeError::message("wrong length of a sketch"))?;
        let mut cells = [Cell::default(); CELLS];
        for (cell, from) in cells.iter_mut().zip(bytes.chunks_exact(16)) {
            let sum = |at: usize| {
                let mut sum = [0; 8];
                sum.copy_from_slice(&from[at..at + 8]);
                Some(u64::from_be_bytes(sum)).filter(|sum| *sum < PRIME)
            };
            let too_large = || DecodeError::message("a sum above its modulus");
            *cell = Cell {
                leaves: sum(0).ok_or_else(too_large)?,
                products: sum(8).ok_or_else(too_large)?,
            };
        }
        Ok(Sketch { cells })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::Leaves;
    use super::*;
    use kitbag_crypto::{Hash, HashLabel};

    fn hash(n: u32) -> [u8; 32] {
        *Hash::of(HashLabel::Item, &[&n.to_be_bytes()]).as_bytes()
    }

    fn leaves(range: std::ops::Range<u32>) -> Leaves {
        let leaf = |n| (PackId::from_bytes(hash(n)), LeafHash(hash(n + 1_000_000)));
        range.map(leaf).collect()
    }

    /// A tree in which some packs have another leaf.
    fn changed(leaves: &Leaves, packs: &[u32]) -> Leaves {
        let mut changed = leaves.clone();
        for n in packs {
            changed.set(PackId::from_bytes(hash(*n)), Some(LeafHash(hash(n + 7))));
        }
        changed
    }

    fn sketch(leaves: &Leaves) -> &Sketch {
        leaves.sketch().expect("many packs")
    }

    #[test]
    fn a_single_changed_pack_is_always_found() {
        let ours = leaves(0..10_000);
        for n in (0..10_000).step_by(97) {
            let theirs = changed(&ours, &[n]);
            let expected = Some(vec![PackId::from_bytes(hash(n))]);
            assert_eq!(ours.differing(sketch(&theirs)), expected, "{n}");
            assert_eq!(theirs.differing(sketch(&ours)), expected, "{n}");
        }
        assert_eq!(ours.differing(sketch(&ours)), Some(vec![]));
    }

    /// Goal: what is found is all that differs, or nothing is said; and few are nearly always found.
    #[test]
    fn few_changed_packs_are_found_together_or_not_at_all() {
        let ours = leaves(0..1000);
        for (count, at_least) in [(2, 98), (4, 94), (8, 82), (12, 55), (17, 0), (300, 0)] {
            let mut all = 0;
            for round in 0..100 {
                let packs: Vec<u32> = (0..count).map(|n| (n * 3 + round * 7) % 1000).collect();
                let theirs = changed(&ours, &packs);
                let Some(mut found) = ours.differing(sketch(&theirs)) else {
                    continue;
                };
                let mut expected: Vec<_> =
                    packs.iter().map(|n| PackId::from_bytes(hash(*n))).collect();
                found.sort();
                expected.sort();
                assert_eq!(found, expected);
                all += 1;
            }
            assert!(all >= at_least, "{all} of 100 with {count} packs");
            assert!(count <= 16 || all == 0);
        }
    }

    #[test]
    fn a_pack_that_only_this_side_has_is_found_and_a_strange_one_is_not() {
        let (more, fewer) = (leaves(0..100), leaves(0..99));
        let last = vec![PackId::from_bytes(hash(99))];
        assert_eq!(more.differing(sketch(&fewer)), Some(last));
        assert_eq!(fewer.differing(sketch(&more)), None);
    }

    /// Goal: a sketch follows from the leaves alone, whatever was in them before.
    #[test]
    fn a_sketch_is_kept_up_with_its_leaves() {
        let mut tree = changed(&leaves(0..50), &[3, 4, 5]);
        for n in 20..50 {
            tree.set(PackId::from_bytes(hash(n)), None);
        }
        let tree = changed(&tree, &[]);
        let mut expected = leaves(0..20);
        for n in [3, 4, 5] {
            expected.set(PackId::from_bytes(hash(n)), Some(LeafHash(hash(n + 7))));
        }
        assert_eq!(tree.sketch(), expected.sketch());
        assert!(tree.sketch().is_some());
    }

    /// Goal: sums that no packs have come to an end, and name at most what may be named.
    #[test]
    fn made_up_sums_come_to_an_end() {
        let ours = leaves(0..300);
        for seed in 0..2000u32 {
            let mut theirs = sketch(&ours).clone();
            for at in 0..CELLS as u32 {
                let noise = hash(seed * 64 + at);
                let cell = &mut theirs.cells[at as usize];
                match noise[31] % 4 {
                    0 => cell.leaves = number(&noise),
                    // As if a pack were in this cell and in no other.
                    1 => {
                        let pack = number(&hash(u32::from(noise[30])));
                        cell.leaves = plus(cell.leaves, 5);
                        cell.products = plus(cell.products, times(pack, 5));
                    }
                    _ => {}
                }
            }
            let found = ours.differing(&theirs).unwrap_or_default();
            assert!(found.len() <= CHANGED_MAX);
        }
    }

    #[test]
    fn numbers_have_inverses() {
        for a in [1, 2, 3, PRIME - 1, number(&hash(1))] {
            assert_eq!(times(a, inverse(a)), 1, "{a}");
        }
        assert_eq!(inverse(0), 0);
        assert_eq!(plus(PRIME - 1, 1), 0);
        assert_eq!(minus(0, 0), 0);
    }

    #[test]
    fn sketches_of_another_length_or_with_larger_sums_are_refused() {
        let good = crate::codec::encode(sketch(&leaves(0..9)));
        let decode = |bytes: &[u8]| crate::codec::decode::<Sketch>(bytes, 1000);
        assert_eq!(decode(&good).as_ref(), Ok(sketch(&leaves(0..9))));
        let mut large = good.clone();
        large[3..11].fill(0xff);
        assert!(decode(&large).is_err());
        assert!(decode(&good[..good.len() - 1]).is_err());
        assert!(
            decode(&crate::codec::encode(&minicbor::bytes::ByteVec::from(
                vec![0; 320]
            )))
            .is_err()
        );
    }
}
