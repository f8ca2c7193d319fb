//! `bad(op, D)`: whether an operation is void, given the denials that count.
//!
//! A grant is void with the operation that made it, an operation with the grant it cites, back to
//! Genesis; there is no other way for authority to reach it, so nothing later or below can help.
//! One judge walks once through the operations, each after all on which its verdict rests.

use super::facts::{Aim, Denying, Facts};
use super::graph::Graph;
use kitbag_crypto::planted::{self, Planted};

/// Why something is void. Indices of denials, or of a fork.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// A Remove or Leave killed a grant in the chain.
    Denied(usize),
    /// A Remove ended the invite.
    InviteEnded(usize),
    /// A Close does not list the admission.
    NotListed(usize),
    /// Made in or above a fork that no cutoff settles.
    Forked(usize),
}

/// The verdict on one operation or grant.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bad {
    pub(super) cause: Option<Cause>,
    /// Whether anything that voids it lets late denials drop.
    pub(super) drop: bool,
}

impl Bad {
    pub(super) fn is_bad(self) -> bool {
        self.cause.is_some()
    }

    fn also(&mut self, cause: Cause, drop: bool) {
        self.cause.get_or_insert(cause);
        self.drop |= drop;
    }

    fn join(&mut self, other: Bad) {
        self.cause = self.cause.or(other.cause);
        self.drop |= other.drop;
    }
}

/// For each grant and invite, the denials aimed at it, in judging order.
pub(super) struct Relations {
    /// By grant: Removes and Leaves that kill it.
    pub(super) killers: Vec<Vec<usize>>,
    /// By invite: Removes that end it.
    pub(super) enders: Vec<Vec<usize>>,
    /// By invite: Closes that reach its admissions.
    pub(super) closers: Vec<Vec<usize>>,
}

/// Judges operations and grants one after another.
pub(super) struct Judge<'a> {
    pub(super) graph: &'a Graph,
    pub(super) facts: &'a Facts,
    pub(super) relations: &'a Relations,
    /// By denial: whether it takes effect.
    pub(super) in_effect: Vec<bool>,
    /// By position.
    pub(super) ops: Vec<Bad>,
    /// By grant.
    pub(super) grants: Vec<Bad>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(
        graph: &'a Graph,
        facts: &'a Facts,
        relations: &'a Relations,
        in_effect: Vec<bool>,
    ) -> Judge<'a> {
        let ops = vec![Bad::default(); graph.nodes.len()];
        let grants = vec![Bad::default(); facts.grants.len()];
        Judge {
            graph,
            facts,
            relations,
            in_effect,
            ops,
            grants,
        }
    }

    /// Judges everything, parents first.
    pub(super) fn all(mut self) -> Judge<'a> {
        for at in 0..self.graph.nodes.len() {
            self.judge(at);
        }
        self
    }

    /// Judges one operation and the grants it makes. What it rests on must have been judged.
    pub(super) fn judge(&mut self, at: usize) {
        self.ops[at] = self.cited(at);
        for grant in &self.facts.made[at] {
            self.grants[*grant] = self.made(at, *grant);
        }
    }

    /// Whether something that takes effect kills a grant.
    pub(super) fn killer(&self, grant: usize) -> Option<usize> {
        self.effective(&self.relations.killers[grant]).next()
    }

    /// What a parked denial would be void by: it is within no cutoff.
    pub(super) fn parked(&self, denial: &Denying) -> Bad {
        let mut bad = self.grants[denial.cites];
        for killer in self.effective(&self.relations.killers[denial.cites]) {
            bad.also(Cause::Denied(killer), self.drops(killer));
        }
        bad
    }

    /// Whether an invite fell with its author, or waits in a fork.
    pub(super) fn has_fallen(&self, invite: usize) -> bool {
        self.opened(self.facts.invites[invite].op).is_bad()
    }

    /// By its own log and by the chain of grants above it.
    fn cited(&self, at: usize) -> Bad {
        let Some(cited) = self.facts.cites[at] else {
            return Bad::default();
        };
        let mut bad = self.grants[cited];
        for killer in self.effective(&self.relations.killers[cited]) {
            if !self.is_within(at, killer) {
                bad.also(Cause::Denied(killer), self.drops(killer));
            }
        }
        bad
    }

    fn made(&self, at: usize, grant: usize) -> Bad {
        match self.facts.grants[grant].admission {
            Some((invite, _)) => self.admitted(at, grant, invite),
            None => self.opened(at),
        }
    }

    /// A grant or invite made outright.
    fn opened(&self, at: usize) -> Bad {
        let mut bad = self.ops[at];
        self.hold_in_fork(&mut bad, at);
        bad
    }

    fn admitted(&self, at: usize, grant: usize, invite: usize) -> Bad {
        let mut bad = self.opened(self.facts.invites[invite].op);
        for ender in self.effective(&self.relations.enders[invite]) {
            if !self
                .facts
                .denial_has_seen(self.graph, &self.facts.denials[ender], at)
                && !planted::is(Planted::AdmitAfterRemove)
            {
                bad.also(Cause::InviteEnded(ender), self.drops(ender));
            }
        }
        let mut lifted = false;
        for closer in self.effective(&self.relations.closers[invite]) {
            if self.lists(closer, grant) {
                lifted = true;
            } else if !planted::is(Planted::CloseIgnored) {
                bad.also(Cause::NotListed(closer), false);
            }
        }
        if !lifted {
            bad.join(self.ops[at]);
        }
        bad
    }

    /// Grants and invites in an unsettled fork wait until somebody makes them anew. A cutoff settles
    /// the fork for what lies within it.
    fn hold_in_fork(&self, bad: &mut Bad, at: usize) {
        if let Some(fork) = self.waits_in_fork(at) {
            bad.also(Cause::Forked(fork), false);
        }
    }

    /// The fork in or above which an operation stands, unless a cutoff settled it.
    pub(super) fn waits_in_fork(&self, at: usize) -> Option<usize> {
        let (fork, cited) = (self.graph.nodes[at].fork?, self.facts.cites[at]?);
        let settled = self
            .effective(&self.relations.killers[cited])
            .any(|killer| self.is_within(at, killer));
        (!settled).then_some(fork)
    }

    fn is_within(&self, at: usize, killer: usize) -> bool {
        let end = self.facts.denials[killer]
            .ends
            .get(&self.graph.nodes[at].log);
        end.is_some_and(|end| *end == at || self.graph.precedes(at, *end))
    }

    fn effective<'b>(&'b self, denials: &'b [usize]) -> impl Iterator<Item = usize> + 'b {
        denials
            .iter()
            .copied()
            .filter(|denial| self.in_effect[*denial])
    }

    fn drops(&self, denial: usize) -> bool {
        matches!(
            self.facts.denials[denial].aim,
            Aim::Remove { drop: true, .. }
        )
    }

    fn lists(&self, closer: usize, grant: usize) -> bool {
        matches!(&self.facts.denials[closer].aim, Aim::Close { admitted, .. } if admitted.contains(&grant))
    }
}
