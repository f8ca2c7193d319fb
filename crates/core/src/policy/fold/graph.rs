//! Stage 0, the graph: what is here, what is parked, who descends from whom, and where a log forks.
//!
//! An operation is folded once everything it cites is folded and its author's person head is known;
//! until then it is parked. Positions are topological and do not depend on the order of arrival.
//! Ancestor sets are bit sets over positions: n²/8 bytes while folding, given back afterwards.

use super::persons::Persons;
use crate::id::{LogId, OpHash, PackId};
use crate::policy::op::SignedOp;
use std::collections::{BTreeMap, BTreeSet};

/// A set of positions in the graph.
#[derive(Clone, Debug, Default)]
pub(super) struct Positions(Vec<u64>);

impl Positions {
    pub(super) fn contains(&self, at: usize) -> bool {
        self.0
            .get(at / 64)
            .is_some_and(|word| word >> (at % 64) & 1 == 1)
    }

    fn insert(&mut self, at: usize) {
        if self.0.len() <= at / 64 {
            self.0.resize(at / 64 + 1, 0);
        }
        self.0[at / 64] |= 1 << (at % 64);
    }

    fn join(&mut self, other: &Positions) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine |= theirs;
        }
    }
}

/// An operation at its position.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) op: SignedOp,
    pub(super) log: LogId,
    /// Position of the operation before it, if that is folded.
    pub(super) prev: Option<usize>,
    /// The fork that it stands in or above, if its log forked.
    pub(super) fork: Option<usize>,
}

/// An operation that waits, and what is already known of its past.
#[derive(Clone, Debug)]
pub(super) struct Parked {
    pub(super) op: SignedOp,
    pub(super) log: LogId,
    pub(super) past: Positions,
}

/// The folded operations in causal order, and the parked ones by hash.
#[derive(Clone, Debug)]
pub(super) struct Graph {
    pub(super) pack: PackId,
    pub(super) nodes: Vec<Node>,
    pub(super) parked: Vec<Parked>,
    /// For each fork, the operations that claim one place of a log.
    pub(super) forks: Vec<Vec<usize>>,
    at: BTreeMap<OpHash, usize>,
    pasts: Vec<Positions>,
}

impl Graph {
    /// Sorts `stored` (ascending by hash, without duplicates) into folded and parked.
    pub(super) fn build(pack: PackId, stored: &[SignedOp], persons: &Persons) -> Graph {
        let mut graph = Graph {
            pack,
            nodes: Vec::new(),
            parked: Vec::new(),
            forks: Vec::new(),
            at: BTreeMap::new(),
            pasts: Vec::new(),
        };
        let kin = Kin::among(stored);
        kin.walk(|i| {
            let folds = kin.missing[i] == 0 && persons.knows_head(stored[i].op().person_head);
            if folds {
                graph.append(&stored[i]);
            }
            folds
        });
        if graph.nodes.len() < stored.len() {
            graph.park_the_rest(stored, &kin);
        }
        graph.mark_forks();
        graph
    }

    /// Where a folded operation stands.
    pub(super) fn position(&self, hash: &OpHash) -> Option<usize> {
        self.at.get(hash).copied()
    }

    /// Whether `earlier` is a strict ancestor of `later`.
    pub(super) fn precedes(&self, earlier: usize, later: usize) -> bool {
        self.pasts[later].contains(earlier)
    }

    /// Position of `hash` if it is a strict ancestor of `later`.
    pub(super) fn in_past(&self, hash: &OpHash, later: usize) -> Option<usize> {
        self.position(hash)
            .filter(|earlier| self.precedes(*earlier, later))
    }

    /// Puts an operation behind its parents.
    fn append(&mut self, op: &SignedOp) {
        let mut past = Positions::default();
        let parents: Vec<usize> = op.parents().map(|parent| self.at[&parent]).collect();
        parents
            .iter()
            .for_each(|parent| self.join_with_past(&mut past, *parent));
        let prev = op.op().prev.map(|prev| self.at[&prev]);
        self.at.insert(op.hash(), self.nodes.len());
        self.pasts.push(past);
        self.nodes.push(Node {
            op: op.clone(),
            log: op.log(),
            prev,
            fork: None,
        });
    }

    fn join_with_past(&self, past: &mut Positions, position: usize) {
        past.join(&self.pasts[position]);
        past.insert(position);
    }

    /// Keeps what did not fold, with the folded part of its known past.
    fn park_the_rest(&mut self, stored: &[SignedOp], kin: &Kin) {
        let mut pasts: BTreeMap<usize, Positions> = BTreeMap::new();
        kin.walk(|i| {
            if self.position(&stored[i].hash()).is_none() {
                let mut past = Positions::default();
                for parent in &kin.parents[i] {
                    match self.position(&stored[*parent].hash()) {
                        Some(folded) => self.join_with_past(&mut past, folded),
                        None => past.join(&pasts[parent]),
                    }
                }
                pasts.insert(i, past);
            }
            true
        });
        self.parked = pasts
            .into_iter()
            .map(|(i, past)| Parked {
                op: stored[i].clone(),
                log: stored[i].log(),
                past,
            })
            .collect();
    }

    /// Two operations at one place of one log are a fork; it covers them and what continues them.
    fn mark_forks(&mut self) {
        let mut places: BTreeMap<(LogId, u64), Vec<usize>> = BTreeMap::new();
        for (i, node) in self.nodes.iter().enumerate() {
            places
                .entry((node.log, node.op.op().seq))
                .or_default()
                .push(i);
        }
        for claimants in places.into_values().filter(|claimants| claimants.len() > 1) {
            for claimant in &claimants {
                self.nodes[*claimant].fork.get_or_insert(self.forks.len());
            }
            self.forks.push(claimants);
        }
        for i in 0..self.nodes.len() {
            let inherited = self.nodes[i].prev.and_then(|prev| self.nodes[prev].fork);
            let node = &mut self.nodes[i];
            node.fork = node.fork.or(inherited);
        }
    }
}

/// Who cites whom among the stored operations, by index.
struct Kin {
    parents: Vec<Vec<usize>>,
    children: Vec<Vec<usize>>,
    /// How many of its parents are not here at all.
    missing: Vec<usize>,
}

impl Kin {
    fn among(stored: &[SignedOp]) -> Kin {
        let mut kin = Kin {
            parents: Vec::new(),
            children: vec![Vec::new(); stored.len()],
            missing: Vec::new(),
        };
        for (i, op) in stored.iter().enumerate() {
            let cited: BTreeSet<OpHash> = op.parents().collect();
            let here: Vec<usize> = cited
                .iter()
                .filter_map(|hash| stored.binary_search_by_key(hash, SignedOp::hash).ok())
                .collect();
            here.iter().for_each(|parent| kin.children[*parent].push(i));
            kin.missing.push(cited.len() - here.len());
            kin.parents.push(here);
        }
        kin
    }

    /// Visits, lowest first, each operation once all its parents that are here were visited with
    /// the answer `true`.
    fn walk(&self, mut visit: impl FnMut(usize) -> bool) {
        let mut awaited: Vec<usize> = self.parents.iter().map(Vec::len).collect();
        let mut ready: BTreeSet<usize> = (0..awaited.len()).filter(|i| awaited[*i] == 0).collect();
        while let Some(next) = ready.pop_first() {
            if !visit(next) {
                continue;
            }
            for child in &self.children[next] {
                awaited[*child] -= 1;
                if awaited[*child] == 0 {
                    ready.insert(*child);
                }
            }
        }
    }
}
