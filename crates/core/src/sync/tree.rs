//! The tree over packs: one hash for everything that two devices may sync.
//!
//! A node is named by the first nibbles of the pack ids below it; its hash covers its leaves in
//! order. Two devices compare roots; where they differ they go down sixteen ways at a time, until
//! few enough leaves are left to name them.
//! Spec: `docs/spec/sync.md`, "Tree".

use crate::id::PackId;
use crate::wire::{Leaf, TreePart};
use kitbag_crypto::{HashLabel, Hasher};
use minicbor::{Decode, Encode};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Leaves below a node up to which they are named instead of hashed.
pub const LEAVES_NAMED_MAX: usize = 16;

macro_rules! tree_hash {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Encode, Decode)]
        #[cbor(transparent)]
        pub struct $name(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 32]);

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{:02x}{:02x}{:02x}…", self.0[0], self.0[1], self.0[2])
            }
        }
    };
}

tree_hash!(/** Hash over the heads of one pack. */ LeafHash);
tree_hash!(/** Hash over the leaves below one node. */ NodeHash);

/// The name of a node: the nibbles that all pack ids below it begin with.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(transparent)]
pub struct Prefix(#[cbor(n(0), with = "minicbor::bytes")] Vec<u8>);

impl Prefix {
    /// The root.
    pub fn root() -> Prefix {
        Prefix(Vec::new())
    }

    fn child(&self, nibble: u8) -> Prefix {
        let mut nibbles = self.0.clone();
        nibbles.push(nibble);
        Prefix(nibbles)
    }

    fn covers(&self, pack: &PackId) -> bool {
        let nibble = |at: usize| {
            if at.is_multiple_of(2) {
                pack.as_bytes()[at / 2] >> 4
            } else {
                pack.as_bytes()[at / 2] & 15
            }
        };
        self.0.len() <= 64 && self.0.iter().enumerate().all(|(at, n)| nibble(at) == *n)
    }

    fn is_valid(&self) -> bool {
        self.0.len() <= 64 && self.0.iter().all(|n| *n < 16)
    }
}

impl std::fmt::Display for Prefix {
    /// Its nibbles as hexadecimal digits; `?` for what is none.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digit = |nibble: &u8| char::from_digit(u32::from(*nibble), 16).unwrap_or('?');
        self.0
            .iter()
            .try_for_each(|nibble| f.write_char(digit(nibble)))
    }
}

/// Whether the parts of one frame are about nodes that do not contain each other, in order: each part
/// may ask for an answer, and no pack shall be answered twice.
pub fn are_apart(parts: &[TreePart]) -> bool {
    let prefix = |part: &TreePart| match part {
        TreePart::Children { prefix, .. } | TreePart::Leaves { prefix, .. } => prefix.0.clone(),
    };
    let prefixes: Vec<Vec<u8>> = parts.iter().map(prefix).collect();
    prefixes
        .windows(2)
        .all(|pair| pair[0] < pair[1] && !pair[1].starts_with(&pair[0]))
}

/// The packs that this device and one peer may both sync, each with the hash of its heads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leaves(BTreeMap<PackId, LeafHash>);

impl FromIterator<(PackId, LeafHash)> for Leaves {
    fn from_iter<I: IntoIterator<Item = (PackId, LeafHash)>>(leaves: I) -> Leaves {
        Leaves(leaves.into_iter().collect())
    }
}

impl Leaves {
    /// How many packs.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The hash of one pack.
    pub fn leaf(&self, pack: &PackId) -> Option<LeafHash> {
        self.0.get(pack).copied()
    }

    /// The hash of everything.
    pub fn root(&self) -> NodeHash {
        self.hash(&Prefix::root())
    }

    /// What to tell a peer about a node: its leaves if they are few, else its children's hashes.
    pub fn describe(&self, prefix: &Prefix, answer: bool) -> TreePart {
        if self.below(prefix).count() <= LEAVES_NAMED_MAX {
            let leaves = self
                .below(prefix)
                .map(|(pack, hash)| Leaf {
                    pack: *pack,
                    hash: *hash,
                })
                .collect();
            return TreePart::Leaves {
                prefix: prefix.clone(),
                leaves,
                answer,
            };
        }
        let hashes = (0..16)
            .map(|nibble| self.hash(&prefix.child(nibble)))
            .collect();
        TreePart::Children {
            prefix: prefix.clone(),
            hashes,
        }
    }

    /// Compares a peer's part with this tree: packs whose leaves differ and which the peer has, and
    /// the parts to answer with. `None` if the part is no part of any tree.
    pub fn compare(&self, part: &TreePart) -> Option<(Vec<PackId>, Vec<TreePart>)> {
        match part {
            TreePart::Children { prefix, hashes } => {
                if !prefix.is_valid() || prefix.0.len() >= 64 || hashes.len() != 16 {
                    return None;
                }
                let children = (0u8..16).map(|nibble| prefix.child(nibble)).zip(hashes);
                let differing = children.filter(|(child, hash)| self.hash(child) != **hash);
                Some((
                    vec![],
                    differing
                        .map(|(child, _)| self.describe(&child, true))
                        .collect(),
                ))
            }
            TreePart::Leaves {
                prefix,
                leaves,
                answer,
            } => {
                let ascending = leaves.is_sorted_by(|a, b| a.pack < b.pack);
                if !prefix.is_valid()
                    || !ascending
                    || !leaves.iter().all(|leaf| prefix.covers(&leaf.pack))
                {
                    return None;
                }
                let differing = leaves
                    .iter()
                    .filter(|leaf| self.leaf(&leaf.pack) != Some(leaf.hash));
                let packs = differing.map(|leaf| leaf.pack).collect();
                let own = answer.then(|| self.describe(prefix, false));
                Some((packs, own.into_iter().collect()))
            }
        }
    }

    /// Packs here of which a peer that named all its leaves of a node names none: perhaps it ended our
    /// membership, and would tell if asked.
    pub fn unnamed_in(&self, part: &TreePart) -> Vec<PackId> {
        let TreePart::Leaves { prefix, leaves, .. } = part else {
            return Vec::new();
        };
        let named = |pack: &PackId| leaves.binary_search_by_key(pack, |leaf| leaf.pack).is_ok();
        self.below(prefix)
            .map(|(pack, _)| *pack)
            .filter(|pack| !named(pack))
            .collect()
    }

    fn below<'a>(&'a self, prefix: &'a Prefix) -> impl Iterator<Item = (&'a PackId, &'a LeafHash)> {
        let mut first = [0u8; 32];
        for (at, nibble) in prefix.0.iter().take(64).enumerate() {
            first[at / 2] |= if at.is_multiple_of(2) {
                nibble << 4
            } else {
                *nibble
            };
        }
        self.0
            .range(PackId::from_bytes(first)..)
            .take_while(|(pack, _)| prefix.covers(pack))
    }

    fn hash(&self, prefix: &Prefix) -> NodeHash {
        let mut hasher = Hasher::new(HashLabel::TreeNode);
        for (pack, hash) in self.below(prefix) {
            hasher.part(pack.as_bytes());
            hasher.part(&hash.0);
        }
        NodeHash(*hasher.finish().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pack(n: u32) -> PackId {
        PackId::from(kitbag_crypto::Hash::of(
            HashLabel::Item,
            &[&n.to_be_bytes()],
        ))
    }

    fn leaves(range: std::ops::Range<u32>) -> Leaves {
        range.map(|n| (pack(n), LeafHash([n as u8; 32]))).collect()
    }

    /// Lets two trees talk until nobody answers; returns what each would pull, and the rounds.
    fn talk(a: &Leaves, b: &Leaves) -> (Vec<PackId>, Vec<PackId>, usize) {
        let (mut pulls, mut rounds) = ([vec![], vec![]], 0);
        let mut parts = vec![a.describe(&Prefix::root(), true)];
        let mut turn = 1;
        while !parts.is_empty() {
            rounds += 1;
            let tree = [a, b][turn];
            let compared: Vec<_> = parts
                .iter()
                .map(|part| tree.compare(part).unwrap())
                .collect();
            parts = vec![];
            for (packs, answers) in compared {
                pulls[turn].extend(packs);
                parts.extend(answers);
            }
            turn = 1 - turn;
        }
        let [mut of_a, mut of_b] = pulls;
        of_a.sort();
        of_b.sort();
        (of_a, of_b, rounds)
    }

    #[test]
    fn equal_trees_have_equal_roots() {
        assert_eq!(leaves(0..1000).root(), leaves(0..1000).root());
        assert_ne!(leaves(0..1000).root(), leaves(0..999).root());
    }

    #[test]
    fn both_sides_find_exactly_what_differs() {
        for (n, m) in [(0, 0), (1, 0), (0, 1), (5, 900), (900, 5), (1000, 1001)] {
            let (a, b) = (leaves(0..n), leaves(0..m));
            let (of_a, of_b, rounds) = talk(&a, &b);
            let mut missing_in_a: Vec<_> = (n..m).map(pack).collect();
            let mut missing_in_b: Vec<_> = (m..n).map(pack).collect();
            missing_in_a.sort();
            missing_in_b.sort();
            assert_eq!((of_a, of_b), (missing_in_a, missing_in_b));
            assert!(rounds <= 6, "{rounds} rounds for {n} and {m}");
        }
    }

    #[test]
    fn one_changed_pack_among_ten_thousand_is_found_in_few_rounds() {
        let a = leaves(0..10_000);
        let mut b = a.clone();
        b.0.insert(pack(77), LeafHash([255; 32]));
        let (of_a, of_b, rounds) = talk(&a, &b);
        assert_eq!((of_a, of_b), (vec![pack(77)], vec![pack(77)]));
        assert!(rounds <= 5);
    }

    #[test]
    fn packs_that_a_peer_does_not_name_are_found() {
        let (a, b) = (leaves(0..5), leaves(2..6));
        let mut unnamed = a.unnamed_in(&b.describe(&Prefix::root(), true));
        unnamed.sort();
        let mut expected = vec![pack(0), pack(1)];
        expected.sort();
        assert_eq!(unnamed, expected);
    }

    #[test]
    fn parts_that_no_tree_has_are_refused() {
        let tree = leaves(0..3);
        let leaf = |n| Leaf {
            pack: pack(n),
            hash: LeafHash([0; 32]),
        };
        let mut unsorted = vec![leaf(0), leaf(1)];
        unsorted.sort_by_key(|leaf| std::cmp::Reverse(leaf.pack));
        let wrong = [
            TreePart::Children {
                prefix: Prefix(vec![16]),
                hashes: vec![NodeHash([0; 32]); 16],
            },
            TreePart::Children {
                prefix: Prefix(vec![0; 64]),
                hashes: vec![NodeHash([0; 32]); 16],
            },
            TreePart::Children {
                prefix: Prefix::root(),
                hashes: vec![],
            },
            TreePart::Leaves {
                prefix: Prefix::root(),
                leaves: unsorted,
                answer: false,
            },
            TreePart::Leaves {
                prefix: Prefix(vec![0; 65]),
                leaves: vec![],
                answer: true,
            },
        ];
        assert!(wrong.iter().all(|part| tree.compare(part).is_none()));
    }
}
