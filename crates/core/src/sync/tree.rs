//! The tree over packs: one hash for everything that two devices may sync.
//!
//! A node is named by the first nibbles of the pack ids below it. The hash of a node with few leaves
//! covers them in order, any other covers its sixteen children. Two devices compare roots; where they
//! differ they go down sixteen ways at a time, until few enough leaves are left to name them.
//! Spec: `docs/spec/sync.md`, "Tree".

use super::sketch::{self, Sketch};
use crate::id::PackId;
use crate::wire::{Leaf, TreePart};
use kitbag_crypto::{HashLabel, Hasher};
use minicbor::{Decode, Encode};
use std::cell::Cell;
use std::fmt::Write as _;

/// Leaves below a node up to which they are named instead of hashed.
pub const LEAVES_NAMED_MAX: usize = 64;

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
        self.0.len() <= 64
            && self
                .0
                .iter()
                .enumerate()
                .all(|(at, n)| nibble(pack, at) == *n)
    }

    /// Whether a pack stands before everything that this covers.
    fn is_above(&self, pack: &PackId) -> bool {
        let nibbles = (0..self.0.len().min(64)).map(|at| nibble(pack, at));
        nibbles.lt(self.0.iter().copied())
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
///
/// Hashes of inner nodes are kept, so that after a change of one pack the root costs one hash for
/// each level, however many packs there are. A sketch is kept beside them.
#[derive(Clone, Debug, Default)]
pub struct Leaves {
    top: Node,
    sketch: Sketch,
}

impl PartialEq for Leaves {
    fn eq(&self, other: &Leaves) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl Eq for Leaves {}

impl FromIterator<(PackId, LeafHash)> for Leaves {
    fn from_iter<I: IntoIterator<Item = (PackId, LeafHash)>>(leaves: I) -> Leaves {
        let mut tree = Leaves::default();
        for (pack, hash) in leaves {
            tree.set(pack, Some(hash));
        }
        tree
    }
}

/// Everything below one prefix.
#[derive(Clone, Debug)]
struct Node {
    below: Below,
    len: usize,
    hash: Cell<Option<NodeHash>>,
}

#[derive(Clone, Debug)]
enum Below {
    /// At most [`LEAVES_NAMED_MAX`], ascending by pack.
    Few(Vec<(PackId, LeafHash)>),
    /// More: sixteen nodes, by the next nibble.
    Many(Box<[Node; 16]>),
}

impl Default for Node {
    fn default() -> Node {
        Node {
            below: Below::Few(Vec::new()),
            len: 0,
            hash: Cell::new(None),
        }
    }
}

impl Node {
    fn set(&mut self, depth: usize, pack: PackId, leaf: Option<LeafHash>) {
        self.hash.set(None);
        match &mut self.below {
            Below::Few(leaves) => {
                let at = leaves.binary_search_by_key(&pack, |(of, _)| *of);
                match (at, leaf) {
                    (Ok(at), Some(leaf)) => leaves[at].1 = leaf,
                    (Ok(at), None) => drop(leaves.remove(at)),
                    (Err(at), Some(leaf)) => leaves.insert(at, (pack, leaf)),
                    (Err(_), None) => {}
                }
                self.len = leaves.len();
                if self.len > LEAVES_NAMED_MAX {
                    let mut nodes: Box<[Node; 16]> = Box::default();
                    for (pack, leaf) in std::mem::take(leaves) {
                        nodes[usize::from(nibble(&pack, depth))].set(depth + 1, pack, Some(leaf));
                    }
                    self.below = Below::Many(nodes);
                }
            }
            Below::Many(nodes) => {
                nodes[usize::from(nibble(&pack, depth))].set(depth + 1, pack, leaf);
                self.len = nodes.iter().map(|node| node.len).sum();
                if self.len <= LEAVES_NAMED_MAX {
                    let mut leaves = Vec::with_capacity(self.len);
                    nodes.iter().for_each(|node| node.list(&mut leaves));
                    self.below = Below::Few(leaves);
                }
            }
        }
    }

    fn list(&self, into: &mut Vec<(PackId, LeafHash)>) {
        match &self.below {
            Below::Few(leaves) => into.extend(leaves),
            Below::Many(nodes) => nodes.iter().for_each(|node| node.list(into)),
        }
    }

    fn hash(&self) -> NodeHash {
        if let Some(known) = self.hash.get() {
            return known;
        }
        let hash = match &self.below {
            Below::Few(leaves) => hash_of_leaves(leaves),
            Below::Many(nodes) => {
                let mut hasher = Hasher::new(HashLabel::TreeBranch);
                for node in nodes.iter() {
                    hasher.part(&node.hash().0);
                }
                NodeHash(*hasher.finish().as_bytes())
            }
        };
        self.hash.set(Some(hash));
        hash
    }
}

fn hash_of_leaves<'a>(leaves: impl IntoIterator<Item = &'a (PackId, LeafHash)>) -> NodeHash {
    let mut hasher = Hasher::new(HashLabel::TreeNode);
    for (pack, leaf) in leaves {
        hasher.part(pack.as_bytes());
        hasher.part(&leaf.0);
    }
    NodeHash(*hasher.finish().as_bytes())
}

/// Of 64, counted from the first.
fn nibble(pack: &PackId, at: usize) -> u8 {
    let byte = pack.as_bytes()[at / 2];
    if at.is_multiple_of(2) {
        byte >> 4
    } else {
        byte & 15
    }
}

/// What is below a prefix: a node of the tree, or the few leaves of a node above that it covers.
enum Found<'a> {
    Node(&'a Node),
    Leaves(&'a [(PackId, LeafHash)]),
}

impl Found<'_> {
    fn hash(&self) -> NodeHash {
        match self {
            Found::Node(node) => node.hash(),
            Found::Leaves(leaves) => hash_of_leaves(*leaves),
        }
    }

    fn leaves(&self) -> Vec<(PackId, LeafHash)> {
        match self {
            Found::Node(node) => {
                let mut leaves = Vec::with_capacity(node.len);
                node.list(&mut leaves);
                leaves
            }
            Found::Leaves(leaves) => leaves.to_vec(),
        }
    }
}

impl Leaves {
    /// How many packs.
    pub fn len(&self) -> usize {
        self.top.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Names a pack with the hash of its heads, or takes it out.
    pub fn set(&mut self, pack: PackId, leaf: Option<LeafHash>) {
        let before = self.leaf(&pack);
        if before == leaf {
            return;
        }
        if let Some(before) = before {
            self.sketch.remove(&pack, &before);
        }
        if let Some(leaf) = leaf {
            self.sketch.add(&pack, &leaf);
        }
        self.top.set(0, pack, leaf);
    }

    /// The hash of one pack.
    pub fn leaf(&self, pack: &PackId) -> Option<LeafHash> {
        let mut node = &self.top;
        let mut depth = 0;
        loop {
            match &node.below {
                Below::Many(nodes) => node = &nodes[usize::from(nibble(pack, depth))],
                Below::Few(leaves) => {
                    let at = leaves.binary_search_by_key(pack, |(of, _)| *of).ok()?;
                    return Some(leaves[at].1);
                }
            }
            depth += 1;
        }
    }

    /// All packs, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (PackId, LeafHash)> {
        Found::Node(&self.top).leaves().into_iter()
    }

    /// The hash of everything.
    pub fn root(&self) -> NodeHash {
        self.top.hash()
    }

    /// The hashes of the root's children, unless all leaves of the root would be named.
    pub fn children(&self) -> Option<[NodeHash; 16]> {
        match &self.top.below {
            Below::Few(_) => None,
            Below::Many(nodes) => Some(std::array::from_fn(|at| nodes[at].hash())),
        }
    }

    /// The sketch of all packs; none of a single one, since then roots say as much.
    pub fn sketch(&self) -> Option<&Sketch> {
        (self.len() > 1).then_some(&self.sketch)
    }

    /// The packs of this device that differ from those in a peer's sketch, at most
    /// [`crate::wire::CHANGED_MAX`]; `None` if the sketch does not tell them all.
    pub fn differing(&self, theirs: &Sketch) -> Option<Vec<PackId>> {
        self.sketch.differing(theirs, |number| {
            let leaves = self.find(&Prefix(sketch::nibbles(number))).leaves();
            leaves.into_iter().map(|(pack, _)| pack).collect()
        })
    }

    /// What to tell a peer about a node: its leaves if they are few, else its children's hashes.
    pub fn describe(&self, prefix: &Prefix, answer: bool) -> TreePart {
        let found = self.find(prefix);
        if let Found::Node(node) = &found
            && let Below::Many(nodes) = &node.below
        {
            return TreePart::Children {
                prefix: prefix.clone(),
                hashes: nodes.iter().map(Node::hash).collect(),
            };
        }
        let leaves = found.leaves().into_iter();
        TreePart::Leaves {
            prefix: prefix.clone(),
            leaves: leaves.map(|(pack, hash)| Leaf { pack, hash }).collect(),
            answer,
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
                let differing = children.filter(|(child, hash)| self.find(child).hash() != **hash);
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
        let here = self.find(prefix).leaves().into_iter();
        here.map(|(pack, _)| pack)
            .filter(|pack| !named(pack))
            .collect()
    }

    fn find(&self, prefix: &Prefix) -> Found<'_> {
        let mut node = &self.top;
        for (depth, nibble) in prefix.0.iter().enumerate() {
            match &node.below {
                Below::Many(nodes) => match nodes.get(usize::from(*nibble)) {
                    Some(child) => node = child,
                    None => return Found::Leaves(&[]),
                },
                Below::Few(leaves) => {
                    debug_assert!(depth <= 64, "prefixes are judged before");
                    let from = leaves.partition_point(|(pack, _)| prefix.is_above(pack));
                    let len = leaves[from..]
                        .iter()
                        .take_while(|(pack, _)| prefix.covers(pack))
                        .count();
                    return Found::Leaves(&leaves[from..from + len]);
                }
            }
        }
        Found::Node(node)
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
        b.set(pack(77), Some(LeafHash([255; 32])));
        let (of_a, of_b, rounds) = talk(&a, &b);
        assert_eq!((of_a, of_b), (vec![pack(77)], vec![pack(77)]));
        assert!(rounds <= 5);
    }

    /// Goal: a tree that was changed pack by pack is the tree of what is left, at every size.
    #[test]
    fn a_tree_follows_from_its_leaves_alone() {
        let mut tree = Leaves::default();
        for n in 0..300 {
            tree.set(pack(n), Some(LeafHash([0; 32])));
            tree.set(pack(n), Some(LeafHash([n as u8; 32])));
            assert_eq!(tree.root(), leaves(0..n + 1).root(), "{n} packs");
        }
        for n in 0..300 {
            tree.set(pack(n), None);
            tree.set(pack(n), None);
            assert_eq!(tree.root(), leaves(n + 1..300).root(), "from {n}");
            assert_eq!(tree.len(), 299 - n as usize);
        }
    }

    /// Goal: after one change among ten thousand packs, few nodes are hashed again.
    #[test]
    fn a_change_forgets_only_the_nodes_above_it() {
        fn forgotten(node: &Node) -> usize {
            let below = match &node.below {
                Below::Few(_) => 0,
                Below::Many(nodes) => nodes.iter().map(forgotten).sum(),
            };
            below + usize::from(node.hash.get().is_none())
        }
        let mut tree = leaves(0..10_000);
        tree.root();
        assert_eq!(forgotten(&tree.top), 0);
        tree.set(pack(5), Some(LeafHash([77; 32])));
        assert!(forgotten(&tree.top) <= 4);
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
