//! Stages 4 to 9: which denials count, which are held, and who has keys.
//!
//! `D`: Removes, judged senior first, each given those before it; what could void a Remove is
//! strictly senior to it, so one pass decides. `C`: Closes that stand; their authors are admins, and
//! no ticket makes an admin, so `D` alone decides. `L`: Leaves that stand given `D` and `C`, never
//! judged by each other. Held: denials that do not count, unless what voids them says `drop`. `S` is
//! all of these and the parked ones by known admins; whoever loses a grant under `S` has no keys.

use super::facts::{Aim, Denying, Facts, Place};
use super::graph::Graph;
use super::void::{Judge, Relations};
use crate::policy::Role;
use kitbag_crypto::planted::{self, Planted};
use std::collections::BTreeMap;

/// The settled sets, and the verdicts under them.
pub(super) struct Settled<'a> {
    /// Stage 7: under everything that counts.
    pub(super) fold: Judge<'a>,
    /// Stage 9: under everything that counts, is held, or is parked.
    pub(super) strict: Judge<'a>,
    /// By denial: counted, stages 4 to 6.
    pub(super) counted: Vec<bool>,
}

impl Settled<'_> {
    /// Whether a grant is live in the fold.
    pub(super) fn is_live(&self, grant: usize) -> bool {
        !self.fold.grants[grant].is_bad() && self.fold.killer(grant).is_none()
    }

    /// Whether a grant gives keys: live in the fold, and still when held denials count too.
    pub(super) fn gives_keys(&self, grant: usize) -> bool {
        self.is_live(grant)
            && !self.strict.grants[grant].is_bad()
            && self.strict.killer(grant).is_none()
    }
}

/// Runs stages 4 to 9.
pub(super) fn settle<'a>(
    graph: &'a Graph,
    facts: &'a Facts,
    relations: &'a Relations,
) -> Settled<'a> {
    let by_admins = judge_admins(graph, facts, relations);
    let mut counted = by_admins.in_effect.clone();
    for (i, denial) in facts.denials.iter().enumerate() {
        if let (Aim::Close { .. }, Place::Folded(at)) = (&denial.aim, &denial.place) {
            counted[i] = !by_admins.ops[*at].is_bad();
        }
    }
    let judge = |in_effect: &[bool]| Judge::new(graph, facts, relations, in_effect.to_vec()).all();
    let before_leaves = judge(&counted);
    for (i, denial) in facts.denials.iter().enumerate() {
        if let (Aim::Leave, Place::Folded(at)) = (&denial.aim, &denial.place) {
            counted[i] = !before_leaves.ops[*at].is_bad();
        }
    }
    let fold = judge(&counted);
    let in_force: Vec<bool> = facts
        .denials
        .iter()
        .enumerate()
        .map(|(i, denial)| counted[i] || is_held(&fold, denial))
        .collect();
    let strict = judge(&in_force);
    Settled {
        fold,
        strict,
        counted,
    }
}

/// A denial that does not count denies keys all the same, unless what voids it says `drop`.
fn is_held(judge: &Judge<'_>, denial: &Denying) -> bool {
    let bad = match denial.place {
        Place::Folded(at) => judge.ops[at],
        Place::Parked(_) => judge.parked(denial),
    };
    !bad.drop && !planted::is(Planted::LateDenialNotHeld)
}

/// Stage 4. Chains of admins consist of admins only, each with a rank below what it made, so that
/// judging by rank judges everything after all that could void it.
fn judge_admins<'a>(graph: &'a Graph, facts: &'a Facts, relations: &'a Relations) -> Judge<'a> {
    let mut removes: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (i, denial) in facts.denials.iter().enumerate() {
        if let (Aim::Remove { .. }, Place::Folded(at)) = (&denial.aim, &denial.place) {
            removes.entry(*at).or_default().push(i);
        }
    }
    let admins = facts.cites.iter().enumerate().filter_map(|(at, cited)| {
        let grant = &facts.grants[(*cited)?];
        let node = &graph.nodes[at];
        (grant.role == Role::Admin)
            .then(|| ((grant.rank, node.op.op().seq, node.log, node.op.hash()), at))
    });
    let mut order: Vec<_> = admins.collect();
    order.sort_unstable();
    let mut judge = Judge::new(graph, facts, relations, vec![false; facts.denials.len()]);
    for (_, at) in order {
        judge.judge(at);
        let counts = !judge.ops[at].is_bad();
        for remove in removes.get(&at).into_iter().flatten() {
            judge.in_effect[*remove] = counts;
        }
    }
    judge
}

impl Relations {
    /// Who is aimed at whom: fixed by the operations alone, whichever of them count.
    pub(super) fn between(graph: &Graph, facts: &Facts) -> Relations {
        let mut relations = Relations {
            killers: vec![Vec::new(); facts.grants.len()],
            enders: vec![Vec::new(); facts.invites.len()],
            closers: vec![Vec::new(); facts.invites.len()],
        };
        let index = Index::of(facts);
        for (i, denial) in facts.denials.iter().enumerate() {
            match &denial.aim {
                Aim::Remove { person, .. } => {
                    for grant in index.of_person.get(person).into_iter().flatten() {
                        if kills(graph, facts, denial, *grant) {
                            relations.killers[*grant].push(i);
                            relations.end_invites(graph, facts, &index, i, *grant);
                        }
                    }
                }
                Aim::Leave => relations.killers[denial.cites].push(i),
                Aim::Close { invite, .. } => {
                    if facts.invites[*invite].rank.is_junior_to(denial.rank) {
                        relations.closers[*invite].push(i);
                    }
                }
            }
        }
        relations
    }

    /// A Remove ends the invites under each grant that it kills, and the invite by which its target
    /// is known to it to have come in. An admission that it has not seen ends none: otherwise whoever
    /// is removed could end another's invite by being admitted through it afterwards.
    fn end_invites(
        &mut self,
        graph: &Graph,
        facts: &Facts,
        index: &Index,
        remove: usize,
        grant: usize,
    ) {
        let came_in = facts.grants[grant].admission.map(|(invite, _)| invite);
        let seen = facts.denial_has_seen(graph, &facts.denials[remove], facts.grants[grant].op);
        let ended = index
            .under_grant
            .get(&grant)
            .into_iter()
            .flatten()
            .copied()
            .chain(came_in.filter(|_| seen));
        for invite in ended {
            if self.enders[invite].last() != Some(&remove) {
                self.enders[invite].push(remove);
            }
        }
    }
}

/// A Remove kills the strictly junior grants of its target that neither have it in their past nor
/// stand beside it in one operation; those by ticket it kills even then.
fn kills(graph: &Graph, facts: &Facts, remove: &Denying, grant: usize) -> bool {
    let grant = &facts.grants[grant];
    let answers = match remove.place {
        Place::Folded(at) => at == grant.op || graph.precedes(at, grant.op),
        Place::Parked(_) => false,
    };
    grant.rank.is_junior_to(remove.rank) && (grant.admission.is_some() || !answers)
}

struct Index {
    of_person: BTreeMap<crate::id::PersonId, Vec<usize>>,
    /// Invites by the grant under which they were opened.
    under_grant: BTreeMap<usize, Vec<usize>>,
}

impl Index {
    fn of(facts: &Facts) -> Index {
        let mut index = Index {
            of_person: BTreeMap::new(),
            under_grant: BTreeMap::new(),
        };
        for (i, grant) in facts.grants.iter().enumerate() {
            index.of_person.entry(grant.person).or_default().push(i);
        }
        for (i, invite) in facts.invites.iter().enumerate() {
            if let Some(cited) = facts.cites[invite.op] {
                index.under_grant.entry(cited).or_default().push(i);
            }
        }
        index
    }
}
