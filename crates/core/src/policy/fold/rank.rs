//! Stage 3, ranks: seniority belongs to a grant, and no hash that could be ground enters it.
//!
//! `rank(g) = (depth, rank of the cited grant, seq, log id)`, Genesis first; an admission has the
//! rank of its invite. Ranks become consecutive numbers, depth by depth, so that comparing two is
//! comparing two numbers.

use super::facts::{Denying, Facts, Place};
use super::graph::Graph;
use crate::id::LogId;
use kitbag_crypto::planted::{self, Planted};
use std::collections::BTreeMap;

/// Seniority of a grant; lower is senior.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank(u32);

impl Rank {
    /// The founder's, which nothing precedes.
    pub(super) const FOUNDER: Rank = Rank(0);

    /// Whether this is strictly junior to `other`.
    pub(super) fn is_junior_to(self, other: Rank) -> bool {
        self > other || planted::is(Planted::RankIgnored)
    }
}

impl Facts {
    /// Numbers the grants and invites, then puts the denials in the order in which they are judged.
    pub(super) fn assign_ranks(&mut self, graph: &Graph) {
        let by_depth = self.makers_by_depth();
        let mut of_made: Vec<Rank> = vec![Rank::FOUNDER; graph.nodes.len()];
        let mut last = Rank::FOUNDER;
        for makers in by_depth.into_values() {
            let mut keyed: Vec<((Rank, u64, LogId), usize)> = makers
                .into_iter()
                .map(|at| {
                    (
                        (
                            self.cited_rank(&of_made, at),
                            graph.nodes[at].op.op().seq,
                            graph.nodes[at].log,
                        ),
                        at,
                    )
                })
                .collect();
            keyed.sort_unstable();
            let mut before = None;
            for (key, at) in keyed {
                if before.replace(key) != Some(key) {
                    last = Rank(last.0.saturating_add(1));
                }
                of_made[at] = last;
            }
        }
        let sources: Vec<usize> = (0..self.grants.len())
            .map(|grant| self.rank_source(grant))
            .collect();
        for (grant, source) in self.grants.iter_mut().zip(sources) {
            grant.rank = of_made[source];
        }
        for invite in &mut self.invites {
            invite.rank = of_made[invite.op];
        }
        for denial in &mut self.denials {
            denial.rank = self.grants[denial.cites].rank;
        }
        self.denials
            .sort_by_cached_key(|denial| judging_order(graph, denial));
    }

    /// Positions of the operations that cite a grant, by the depth of what they make.
    fn makers_by_depth(&self) -> BTreeMap<u32, Vec<usize>> {
        let mut depth = vec![0_u32; self.cites.len()];
        let mut by_depth: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for (at, cited) in self.cites.iter().enumerate() {
            if let Some(cited) = cited {
                depth[at] = depth[self.rank_source(*cited)] + 1;
                by_depth.entry(depth[at]).or_default().push(at);
            }
        }
        by_depth
    }

    fn cited_rank(&self, of_made: &[Rank], at: usize) -> Rank {
        self.cites[at].map_or(Rank::FOUNDER, |cited| of_made[self.rank_source(cited)])
    }

    /// The operation from which a grant has its rank: its own, or for an admission the invite's.
    fn rank_source(&self, grant: usize) -> usize {
        match self.grants[grant].admission {
            Some((invite, _)) => self.invites[invite].op,
            None => self.grants[grant].op,
        }
    }
}

/// (rank of the cited grant, seq, log id, hash, act). A Cut will go before a Remove of its rank.
fn judging_order(graph: &Graph, denial: &Denying) -> impl Ord + use<> {
    let (seq, log) = match denial.place {
        Place::Folded(at) => (graph.nodes[at].op.op().seq, graph.nodes[at].log),
        Place::Parked(i) => (graph.parked[i].op.op().seq, graph.parked[i].log),
    };
    (denial.rank, seq, log, denial.name)
}
