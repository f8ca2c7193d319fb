//! Stage 0, the facts: the grants, invites and denials that valid operations make.
//!
//! An invalid operation makes none. Facts are what operations say; which of them count is settled
//! in later stages. Places in vectors stand for operations, grants, invites and denials; they are
//! local to one fold.

use super::authority::allows;
use super::checks::Logs;
use super::graph::{Graph, Parked};
use super::persons::Persons;
use super::rank::Rank;
use super::{Denial, Invalid};
use crate::id::{DeviceId, LogId, OpHash, PersonId};
use crate::policy::op::{Act, Body, Cutoff, GrantRef, LateDenials};
use crate::policy::{Role, Sensitivity};
use std::collections::{BTreeMap, BTreeSet};

/// The operation hash by which a Close lists an admission of its own operation.
pub(super) const OWN_OPERATION: OpHash = OpHash::from_bytes([0; 32]);

/// A grant that a valid operation makes.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    pub(super) name: GrantRef,
    /// Position of the operation.
    pub(super) op: usize,
    pub(super) person: PersonId,
    pub(super) role: Role,
    pub(super) clearance: Sensitivity,
    pub(super) rank: Rank,
    /// For an admission: the invite, and the device that asked.
    pub(super) admission: Option<(usize, DeviceId)>,
}

/// An invite that a valid operation opens.
#[derive(Clone, Debug)]
pub(super) struct Invite {
    pub(super) name: GrantRef,
    pub(super) op: usize,
    pub(super) act: Act,
    pub(super) rank: Rank,
    /// Its admissions, as indices of grants.
    pub(super) admissions: Vec<usize>,
}

/// What a denial is aimed at.
#[derive(Clone, Debug)]
pub(super) enum Aim {
    /// Every junior grant of a person.
    Remove { person: PersonId, drop: bool },
    /// The cited grant.
    Leave,
    /// Admissions through an invite that are not among these grants.
    Close {
        invite: usize,
        admitted: BTreeSet<usize>,
    },
}

/// Where a denial stands.
#[derive(Clone, Debug)]
pub(super) enum Place {
    Folded(usize),
    /// Index among the parked operations.
    Parked(usize),
}

/// A Remove, Leave or Close.
#[derive(Clone, Debug)]
pub(super) struct Denying {
    pub(super) name: Denial,
    pub(super) place: Place,
    pub(super) aim: Aim,
    /// The cited grant and its rank.
    pub(super) cites: usize,
    pub(super) rank: Rank,
    pub(super) cutoffs: Vec<Cutoff>,
    /// For each control log with a cutoff: position of the last operation that counts.
    pub(super) ends: BTreeMap<LogId, usize>,
}

/// Everything that valid operations say.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    /// By position: why the operation is invalid.
    pub(super) invalid: Vec<Option<Invalid>>,
    /// By position: the cited grant of a valid operation.
    pub(super) cites: Vec<Option<usize>>,
    /// By position: the grants it makes, ascending.
    pub(super) made: Vec<Vec<usize>>,
    pub(super) grants: Vec<Grant>,
    pub(super) invites: Vec<Invite>,
    /// Positions of operations that set rules, ascending.
    pub(super) rules: Vec<usize>,
    /// Senior first; within one rank in the order in which they are judged.
    pub(super) denials: Vec<Denying>,
    grant_at: BTreeMap<GrantRef, usize>,
    invite_at: BTreeMap<GrantRef, usize>,
    /// By position: whether `seq` or `prev` broke at it or before it in its log.
    pub(super) broken: Vec<bool>,
}

impl Facts {
    pub(super) fn gather(graph: &Graph, persons: &Persons) -> Facts {
        let mut facts = Facts::default();
        let logs = Logs::of(graph);
        for at in 0..graph.nodes.len() {
            let verdict = facts.check(graph, persons, &logs, at);
            facts.invalid.push(verdict.as_ref().err().copied());
            facts.cites.push(verdict.unwrap_or_default());
            facts.made.push(Vec::new());
            if facts.invalid[at].is_none() {
                facts.record(graph, at);
            }
        }
        for (i, parked) in graph.parked.iter().enumerate() {
            facts.record_parked(graph, persons, i, parked);
        }
        facts.assign_ranks(graph);
        facts
    }

    /// Index of a grant.
    pub(super) fn grant(&self, name: &GrantRef) -> Option<usize> {
        self.grant_at.get(name).copied()
    }

    /// Index of an invite.
    pub(super) fn invite(&self, name: &GrantRef) -> Option<usize> {
        self.invite_at.get(name).copied()
    }

    /// Whether the folded operation at `earlier` is in the denial's past.
    pub(super) fn denial_has_seen(&self, graph: &Graph, denial: &Denying, earlier: usize) -> bool {
        match denial.place {
            Place::Folded(at) => graph.precedes(earlier, at),
            Place::Parked(i) => graph.parked[i].past.contains(earlier),
        }
    }

    /// Enters what a valid operation makes: first grants, so that its own Close finds them.
    fn record(&mut self, graph: &Graph, at: usize) {
        let op = &graph.nodes[at].op;
        let name = |act: usize| GrantRef {
            op: op.hash(),
            act: act as u32,
        };
        if matches!(op.op().body, Body::Genesis { .. }) {
            let founder = Grant {
                name: name(0),
                op: at,
                person: op.op().person,
                role: Role::Admin,
                clearance: Sensitivity::Restricted,
                rank: Rank::FOUNDER,
                admission: None,
            };
            self.enter_grant(founder);
        }
        for (i, act) in op.acts().iter().enumerate() {
            self.record_grant(graph, at, name(i), act);
        }
        for (i, act) in op.acts().iter().enumerate() {
            let aim = self.aim(op.hash(), act);
            if let (Some(aim), Some(cites)) = (aim, self.cites[at]) {
                self.enter_denial(graph, name(i), Place::Folded(at), aim, cites, act);
            }
        }
    }

    fn record_grant(&mut self, graph: &Graph, at: usize, name: GrantRef, act: &Act) {
        match act {
            Act::Grant {
                person,
                role,
                clearance,
            } => {
                let grant = Grant {
                    name,
                    op: at,
                    person: *person,
                    role: *role,
                    clearance: *clearance,
                    rank: Rank::FOUNDER,
                    admission: None,
                };
                self.enter_grant(grant);
            }
            Act::Admit { invite, redeem } => {
                let Ok((through, redeem)) = self.check_admit(graph, at, invite, redeem) else {
                    return;
                };
                let Act::Invite {
                    role, clearance, ..
                } = self.invites[through].act
                else {
                    return;
                };
                let admission = Some((through, redeem.device));
                self.invites[through].admissions.push(self.grants.len());
                self.enter_grant(Grant {
                    name,
                    op: at,
                    person: redeem.person,
                    role,
                    clearance,
                    rank: Rank::FOUNDER,
                    admission,
                });
            }
            Act::Invite { .. } => {
                self.invite_at.insert(name, self.invites.len());
                self.invites.push(Invite {
                    name,
                    op: at,
                    act: act.clone(),
                    rank: Rank::FOUNDER,
                    admissions: Vec::new(),
                });
            }
            Act::Rules { .. } => self.rules.push(at),
            Act::Remove { .. } | Act::Leave { .. } | Act::Close { .. } => {}
        }
    }

    fn enter_grant(&mut self, grant: Grant) {
        self.made[grant.op].push(self.grants.len());
        self.grant_at.insert(grant.name, self.grants.len());
        self.grants.push(grant);
    }

    /// A parked denial counts as soon as its author is known to have been an admin, or to have held
    /// the grant that a Leave gives up. What cannot be checked yet is read so that it denies more.
    fn record_parked(&mut self, graph: &Graph, persons: &Persons, i: usize, parked: &Parked) {
        let op = parked.op.op();
        let Some(cites) = op.cites.and_then(|cited| self.grant(&cited)) else {
            return;
        };
        let Grant {
            person,
            role,
            clearance,
            ..
        } = self.grants[cites];
        if person != op.person || !persons.is_linked(&person, &op.device) {
            return;
        }
        for (n, act) in parked.op.acts().iter().enumerate() {
            let aim = self.aim(parked.op.hash(), act);
            if let (Some(aim), Ok(())) = (aim, allows(role, clearance, act)) {
                self.enter_denial(
                    graph,
                    GrantRef {
                        op: parked.op.hash(),
                        act: n as u32,
                    },
                    Place::Parked(i),
                    aim,
                    cites,
                    act,
                );
            }
        }
    }

    fn aim(&self, op: OpHash, act: &Act) -> Option<Aim> {
        match act {
            Act::Remove {
                person,
                late_denials,
                ..
            } => Some(Aim::Remove {
                person: *person,
                drop: *late_denials == LateDenials::Drop,
            }),
            Act::Leave { .. } => Some(Aim::Leave),
            Act::Close { invite, admitted } => {
                let own = |listed: &GrantRef| {
                    if listed.op == OWN_OPERATION {
                        GrantRef {
                            op,
                            act: listed.act,
                        }
                    } else {
                        *listed
                    }
                };
                let admitted = admitted
                    .iter()
                    .filter_map(|listed| self.grant(&own(listed)))
                    .collect();
                self.invite(invite)
                    .map(|invite| Aim::Close { invite, admitted })
            }
            Act::Grant { .. } | Act::Invite { .. } | Act::Admit { .. } | Act::Rules { .. } => None,
        }
    }

    fn enter_denial(
        &mut self,
        graph: &Graph,
        name: GrantRef,
        place: Place,
        aim: Aim,
        cites: usize,
        act: &Act,
    ) {
        let cutoffs = match act {
            Act::Remove { cutoffs, .. } | Act::Leave { cutoffs } => cutoffs.clone(),
            _ => Vec::new(),
        };
        let name = Denial {
            op: name.op,
            act: name.act,
        };
        let mut denying = Denying {
            name,
            place,
            aim,
            cites,
            rank: Rank::FOUNDER,
            cutoffs,
            ends: BTreeMap::new(),
        };
        denying.ends = self.control_ends(graph, &denying);
        self.denials.push(denying);
    }

    /// Resolves the cutoffs of control logs; there is one for each log.
    fn control_ends(&self, graph: &Graph, denying: &Denying) -> BTreeMap<LogId, usize> {
        let mut ends = BTreeMap::new();
        for cutoff in &denying.cutoffs {
            let head = graph.position(&OpHash::from_bytes(cutoff.head));
            let head = head.filter(|head| {
                graph.nodes[*head].log == cutoff.log && self.denial_has_seen(graph, denying, *head)
            });
            if let Some(head) = head {
                ends.entry(cutoff.log).or_insert(head);
            }
        }
        ends
    }
}
