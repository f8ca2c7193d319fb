//! A second fold, as plain as can be: sets, recursion and definitions, no order of evaluation but
//! that of the stages. It shares no code with the first beyond the records.

use crate::id::{LogId, OpHash, PackId, PersonId};
use crate::person::SignedPersonOp;
use crate::policy::fold::Denial;
use crate::policy::op::{Act, Body, GrantRef, LateDenials, Redeem, SignedOp};
use crate::policy::{Role, Sensitivity};
use std::collections::{BTreeMap, BTreeSet};

/// What both folds must agree on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answers {
    pub(super) parked: BTreeSet<OpHash>,
    pub(super) invalid: BTreeSet<OpHash>,
    pub(super) stands: BTreeSet<GrantRef>,
    pub(super) live: BTreeSet<GrantRef>,
    pub(super) keys: BTreeSet<GrantRef>,
    pub(super) denials: BTreeSet<Denial>,
    /// Operations whose rules are in force.
    pub(super) rules: BTreeSet<OpHash>,
}

type Rank = Vec<(u64, LogId)>;

#[derive(Clone)]
struct Given {
    person: PersonId,
    role: Role,
    clearance: Sensitivity,
    through: Option<GrantRef>,
}

type Set = BTreeSet<Denial>;

pub(super) struct Oracle<'a> {
    pack: PackId,
    ops: BTreeMap<OpHash, &'a SignedOp>,
    persons: Vec<&'a SignedPersonOp>,
    /// Everything strictly before an operation, as far as it is here.
    pasts: BTreeMap<OpHash, BTreeSet<OpHash>>,
    folded: BTreeSet<OpHash>,
    valid: BTreeSet<OpHash>,
    /// Every grant that a valid operation makes.
    grants: BTreeSet<GrantRef>,
}

pub(super) fn answers(pack: PackId, ops: &[SignedOp], persons: &[SignedPersonOp]) -> Answers {
    Oracle::new(pack, ops, persons).settle()
}

/// Every set of Removes that consists of exactly those that it does not void; `None` when there are
/// too many Removes to try all sets.
pub(super) fn self_consistent_removes(
    pack: PackId,
    ops: &[SignedOp],
    persons: &[SignedPersonOp],
    at_most: usize,
) -> Option<Vec<BTreeSet<Denial>>> {
    let oracle = Oracle::new(pack, ops, persons);
    let removes = oracle.removes();
    if removes.len() > at_most {
        return None;
    }
    let subset = |bits: u32| -> BTreeSet<Denial> {
        removes
            .iter()
            .enumerate()
            .filter(|(i, _)| bits >> i & 1 == 1)
            .map(|(_, denial)| *denial)
            .collect()
    };
    let consistent = |set: &BTreeSet<Denial>| {
        removes
            .iter()
            .all(|denial| set.contains(denial) == oracle.voiders(&denial.op, set).is_empty())
    };
    Some(
        (0..1_u32 << removes.len())
            .map(subset)
            .filter(consistent)
            .collect(),
    )
}

fn past_of(ops: &BTreeMap<OpHash, &SignedOp>, op: &OpHash) -> BTreeSet<OpHash> {
    let mut past = BTreeSet::new();
    let mut open: Vec<OpHash> = ops[op].parents().collect();
    while let Some(next) = open.pop() {
        if ops.contains_key(&next) && past.insert(next) {
            open.extend(ops[&next].parents());
        }
    }
    past
}

impl<'a> Oracle<'a> {
    fn new(pack: PackId, ops: &'a [SignedOp], persons: &'a [SignedPersonOp]) -> Oracle<'a> {
        let ops: BTreeMap<OpHash, &SignedOp> = ops
            .iter()
            .filter(|op| op.pack() == pack)
            .map(|op| (op.hash(), op))
            .collect();
        let pasts = ops.keys().map(|op| (*op, past_of(&ops, op))).collect();
        let (folded, valid, grants) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let mut oracle = Oracle {
            pack,
            ops,
            persons: persons.iter().collect(),
            pasts,
            folded,
            valid,
            grants,
        };
        oracle.fold_what_can_be();
        oracle.grants = oracle.find_grants();
        oracle
    }

    fn fold_what_can_be(&mut self) {
        loop {
            let next = self.ops.values().find(|op| {
                !self.folded.contains(&op.hash())
                    && op.parents().all(|parent| self.folded.contains(&parent))
                    && self
                        .persons
                        .iter()
                        .any(|person| person.hash() == op.op().person_head)
            });
            let Some(op) = next else { return };
            let hash = op.hash();
            if self.is_valid(op) {
                self.valid.insert(hash);
            }
            self.folded.insert(hash);
        }
    }

    fn settle(&self) -> Answers {
        let all: Vec<Denial> = self
            .valid
            .iter()
            .chain(self.parked().iter())
            .flat_map(|op| self.denials_of(op))
            .collect();
        let parked = |denial: &Denial| !self.folded.contains(&denial.op);
        let mut counted = Set::default();

        let mut removes: Vec<Denial> = all
            .iter()
            .filter(|d| !parked(d) && matches!(self.act(d), Act::Remove { .. }))
            .copied()
            .collect();
        removes.sort_by_key(|d| {
            (
                self.rank(&self.cited(&d.op)),
                self.ops[&d.op].op().seq,
                self.ops[&d.op].log(),
                *d,
            )
        });
        for remove in removes {
            if self.voiders(&remove.op, &counted).is_empty() {
                counted.insert(remove);
            }
        }
        let of_removes = counted.clone();
        for denial in all
            .iter()
            .filter(|d| !parked(d) && matches!(self.act(d), Act::Close { .. }))
        {
            if self.voiders(&denial.op, &of_removes).is_empty() {
                counted.insert(*denial);
            }
        }
        let before_leaves = counted.clone();
        for denial in all
            .iter()
            .filter(|d| !parked(d) && matches!(self.act(d), Act::Leave { .. }))
        {
            if self.voiders(&denial.op, &before_leaves).is_empty() {
                counted.insert(*denial);
            }
        }
        let mut strict = counted.clone();
        for denial in &all {
            let voiders = self.voiders(&denial.op, &before_leaves);
            if !voiders
                .iter()
                .any(|void| void.is_some_and(|by| self.drops(&by)))
            {
                strict.insert(*denial);
            }
        }

        let grants = &self.grants;
        let live = |grant: &GrantRef, set: &Set| {
            self.voiders_of_grant(grant, set).is_empty()
                && !set.iter().any(|d| self.kills(d, grant))
        };
        let mut denials = strict.clone();
        denials.extend(self.forks(&counted));
        Answers {
            parked: self.parked(),
            invalid: self.folded.difference(&self.valid).copied().collect(),
            stands: grants
                .iter()
                .filter(|g| self.voiders_of_grant(g, &counted).is_empty())
                .copied()
                .collect(),
            live: grants
                .iter()
                .filter(|g| live(g, &counted))
                .copied()
                .collect(),
            keys: grants
                .iter()
                .filter(|g| live(g, &counted) && live(g, &strict))
                .copied()
                .collect(),
            denials,
            rules: self.rules(&counted),
        }
    }

    /// Rules that count, but for those that others which count have in their past: these others are
    /// in no unsettled fork.
    fn rules(&self, counted: &Set) -> BTreeSet<OpHash> {
        let sets = |op: &OpHash| {
            let mut acts = self.ops[op].acts().iter();
            acts.any(|act| matches!(act, Act::Rules { .. }))
        };
        let counts: BTreeSet<OpHash> = self
            .valid
            .iter()
            .filter(|op| sets(op) && self.voiders(op, counted).is_empty())
            .copied()
            .collect();
        let later = counts.iter().filter(|op| !self.waits(op, counted));
        let replaced: BTreeSet<OpHash> = later.flat_map(|op| self.past(op)).copied().collect();
        counts.difference(&replaced).copied().collect()
    }

    fn removes(&self) -> Vec<Denial> {
        let all = self.valid.iter().flat_map(|op| self.denials_of(op));
        all.filter(|denial| matches!(self.act(denial), Act::Remove { .. }))
            .collect()
    }

    fn parked(&self) -> BTreeSet<OpHash> {
        self.ops
            .keys()
            .filter(|op| !self.folded.contains(*op))
            .copied()
            .collect()
    }

    fn find_grants(&self) -> BTreeSet<GrantRef> {
        let places = self.valid.iter().flat_map(|op| {
            let acts = self.ops[op].acts().len() as u32;
            (0..acts.max(1)).map(|act| GrantRef { op: *op, act })
        });
        places.filter(|name| self.given(name).is_some()).collect()
    }

    fn past(&self, op: &OpHash) -> &BTreeSet<OpHash> {
        &self.pasts[op]
    }

    fn is_valid(&self, op: &SignedOp) -> bool {
        let body = op.op();
        let linked = self.persons.iter().any(|person| {
            person.hash() == body.person_head
                && person.person() == body.person
                && person.certificate().device == body.device
        });
        if !linked || !self.continues_its_log(op) {
            return false;
        }
        if let Body::Genesis { .. } = body.body {
            return op.hash().as_bytes() == self.pack.as_bytes();
        }
        let past = self.past(&op.hash());
        let Some(cites) = body.cites.filter(|cites| past.contains(&cites.op)) else {
            return false;
        };
        let Some(own) = self.given(&cites) else {
            return false;
        };
        own.person == body.person
            && !op.acts().is_empty()
            && op
                .acts()
                .iter()
                .all(|act| self.is_right(op, past, &own, act))
    }

    fn continues_its_log(&self, op: &SignedOp) -> bool {
        match op.op().prev {
            None => op.op().seq == 0,
            Some(prev) => {
                let before = self.ops[&prev];
                before.log() == op.log()
                    && before.op().seq.checked_add(1) == Some(op.op().seq)
                    && self.continues_its_log(before)
            }
        }
    }

    fn is_right(&self, op: &SignedOp, past: &BTreeSet<OpHash>, own: &Given, act: &Act) -> bool {
        let admin = own.role == Role::Admin;
        let below =
            |role: Role, clearance: Sensitivity| role <= own.role && clearance <= own.clearance;
        let control = |log: LogId| past.iter().any(|seen| self.ops[seen].log() == log);
        let cutoffs_fit = |cutoffs: &[crate::policy::op::Cutoff]| {
            cutoffs.iter().all(|cutoff| {
                let head = OpHash::from_bytes(cutoff.head);
                !control(cutoff.log)
                    || past.contains(&head)
                        && self.ops[&head].log() == cutoff.log
                        && self.ops[&head].op().seq == cutoff.seq
            })
        };
        match act {
            Act::Grant {
                role, clearance, ..
            } => {
                admin
                    && below(*role, *clearance)
                    && (*role != Role::Admin || *clearance == Sensitivity::Restricted)
            }
            Act::Invite {
                role, clearance, ..
            } => {
                admin
                    && below(*role, *clearance)
                    && [Role::Reader, Role::Commenter, Role::Editor].contains(role)
            }
            Act::Rules { .. } => {
                let twice = op
                    .acts()
                    .iter()
                    .filter(|act| matches!(act, Act::Rules { .. }));
                admin && twice.count() < 2
            }
            Act::Remove { cutoffs, .. } => admin && cutoffs_fit(cutoffs),
            Act::Leave { cutoffs } => !admin && cutoffs_fit(cutoffs),
            Act::Admit { invite, redeem } => {
                let redeem: Option<Redeem> = crate::codec::decode(redeem, 4096).ok();
                let key = past
                    .contains(&invite.op)
                    .then(|| self.invite_key(invite))
                    .flatten();
                // A person who is asked about somebody sees all that the other would.
                let sees_it_all = |promised: Sensitivity| {
                    own.role != Role::Courier && own.clearance.max(promised) == own.clearance
                };
                let asked_rightly = match self.valid_act(invite) {
                    Some(Act::Invite {
                        ask: true,
                        clearance,
                        ..
                    }) => sees_it_all(*clearance),
                    _ => true,
                };
                asked_rightly
                    && redeem.is_some_and(|redeem| {
                        Some(redeem.key) == key
                            && redeem.invite == *invite
                            && redeem.pack == self.pack
                    })
            }
            Act::Close { invite, admitted } => {
                let through = |listed: &GrantRef| match listed.op.as_bytes() {
                    [0, .., 0] if listed.op == OpHash::from_bytes([0; 32]) => {
                        matches!(op.acts().get(listed.act as usize), Some(Act::Admit { invite: own, .. }) if own == invite)
                    }
                    _ => {
                        past.contains(&listed.op)
                            && self
                                .given(listed)
                                .is_some_and(|given| given.through == Some(*invite))
                    }
                };
                admin
                    && past.contains(&invite.op)
                    && self.invite_key(invite).is_some()
                    && admitted.iter().all(through)
            }
        }
    }

    fn invite_key(&self, invite: &GrantRef) -> Option<[u8; 32]> {
        match self.valid_act(invite)? {
            Act::Invite { key, .. } => Some(*key),
            _ => None,
        }
    }

    fn valid_act(&self, name: &GrantRef) -> Option<&Act> {
        self.valid
            .contains(&name.op)
            .then(|| self.ops[&name.op].acts().get(name.act as usize))
            .flatten()
    }

    fn given(&self, name: &GrantRef) -> Option<Given> {
        if name.op.as_bytes() == self.pack.as_bytes()
            && name.act == 0
            && self.valid.contains(&name.op)
        {
            let person = self.ops[&name.op].op().person;
            return Some(Given {
                person,
                role: Role::Admin,
                clearance: Sensitivity::Restricted,
                through: None,
            });
        }
        match self.valid_act(name)? {
            Act::Grant {
                person,
                role,
                clearance,
            } => Some(Given {
                person: *person,
                role: *role,
                clearance: *clearance,
                through: None,
            }),
            Act::Admit { invite, redeem } => {
                let redeem: Redeem = crate::codec::decode(redeem, 4096).ok()?;
                let Some(Act::Invite {
                    role, clearance, ..
                }) = self.valid_act(invite)
                else {
                    return None;
                };
                Some(Given {
                    person: redeem.person,
                    role: *role,
                    clearance: *clearance,
                    through: Some(*invite),
                })
            }
            _ => None,
        }
    }

    /// (depth, rank of the cited grant, seq, log id) written out from the root, so shorter is senior.
    fn rank(&self, grant: &GrantRef) -> (usize, Rank) {
        let maker = self
            .given(grant)
            .and_then(|given| given.through)
            .unwrap_or(*grant)
            .op;
        self.rank_made_by(&maker)
    }

    fn rank_made_by(&self, maker: &OpHash) -> (usize, Rank) {
        let op = self.ops[maker];
        match op.op().cites {
            None => (0, Vec::new()),
            Some(cited) => {
                let (depth, mut rank) = self.rank(&cited);
                rank.push((op.op().seq, op.log()));
                (depth + 1, rank)
            }
        }
    }

    fn cited(&self, op: &OpHash) -> GrantRef {
        self.ops[op].op().cites.expect("no Genesis")
    }

    fn act(&self, denial: &Denial) -> &Act {
        &self.ops[&denial.op].acts()[denial.act as usize]
    }

    /// Removes, Leaves and Closes of a valid operation, or of a parked one whose author could.
    fn denials_of(&self, op: &OpHash) -> Vec<Denial> {
        let body = self.ops[op].op();
        let Some(own) = body.cites.and_then(|cited| self.given(&cited)) else {
            return Vec::new();
        };
        let linked = self
            .persons
            .iter()
            .any(|p| p.person() == body.person && p.certificate().device == body.device);
        if own.person != body.person || !linked {
            return Vec::new();
        }
        let admin = own.role == Role::Admin;
        let mut denials = Vec::new();
        for (i, act) in self.ops[op].acts().iter().enumerate() {
            let denies = match act {
                Act::Remove { .. } => admin,
                Act::Leave { .. } => !admin,
                Act::Close { invite, .. } => admin && self.invite_key(invite).is_some(),
                _ => false,
            };
            if denies {
                denials.push(Denial {
                    op: *op,
                    act: i as u32,
                });
            }
        }
        denials
    }

    fn drops(&self, denial: &Denial) -> bool {
        matches!(
            self.act(denial),
            Act::Remove {
                late_denials: LateDenials::Drop,
                ..
            }
        )
    }

    fn kills(&self, denial: &Denial, grant: &GrantRef) -> bool {
        let cited = self.cited(&denial.op);
        match self.act(denial) {
            Act::Leave { .. } => cited == *grant,
            Act::Remove { person, .. } => {
                let given = self.given(grant).expect("a grant");
                let answers = grant.op == denial.op || self.past(&grant.op).contains(&denial.op);
                given.person == *person
                    && self.rank(grant) > self.rank(&cited)
                    && (given.through.is_some() || !answers)
            }
            _ => false,
        }
    }

    fn within(&self, op: &OpHash, denial: &Denial) -> bool {
        let (Act::Remove { cutoffs, .. } | Act::Leave { cutoffs }) = self.act(denial) else {
            return false;
        };
        let log = self.ops[op].log();
        let seen = self.past(&denial.op);
        cutoffs
            .iter()
            .filter(|cutoff| cutoff.log == log)
            .any(|cutoff| {
                let head = OpHash::from_bytes(cutoff.head);
                seen.contains(&head)
                    && self.folded.contains(&head)
                    && self.ops[&head].log() == log
                    && (head == *op || self.past(&head).contains(op))
            })
    }

    /// What voids an operation; `None` stands for what no denial did.
    fn voiders(&self, op: &OpHash, set: &Set) -> BTreeSet<Option<Denial>> {
        let Some(cited) = self.ops[op].op().cites else {
            return BTreeSet::new();
        };
        let mut voiders = self.voiders_of_grant(&cited, set);
        let killers = set
            .iter()
            .filter(|denial| self.kills(denial, &cited) && !self.within(op, denial));
        voiders.extend(killers.map(|denial| Some(*denial)));
        voiders
    }

    fn voiders_of_grant(&self, grant: &GrantRef, set: &Set) -> BTreeSet<Option<Denial>> {
        let Some(invite) = self.given(grant).and_then(|given| given.through) else {
            return self.voiders_of_opened(&grant.op, set);
        };
        let mut voiders = self.voiders_of_opened(&invite.op, set);
        for denial in set.iter().filter(|denial| self.ends(denial, &invite)) {
            if !self.past(&denial.op).contains(&grant.op) {
                voiders.insert(Some(*denial));
            }
        }
        let mut lifted = false;
        for denial in set {
            let Act::Close {
                invite: closed,
                admitted,
            } = self.act(denial)
            else {
                continue;
            };
            if *closed != invite || self.rank(&invite) <= self.rank(&self.cited(&denial.op)) {
                continue;
            }
            let own = GrantRef {
                op: OpHash::from_bytes([0; 32]),
                act: grant.act,
            };
            let lists =
                admitted.contains(grant) || grant.op == denial.op && admitted.contains(&own);
            match lists {
                true => lifted = true,
                false => drop(voiders.insert(None)),
            }
        }
        if !lifted {
            voiders.extend(self.voiders(&grant.op, set));
        }
        voiders
    }

    /// A grant or invite made outright: as its operation, and not in an unsettled fork.
    fn voiders_of_opened(&self, op: &OpHash, set: &Set) -> BTreeSet<Option<Denial>> {
        let mut voiders = self.voiders(op, set);
        if self.waits(op, set) {
            voiders.insert(None);
        }
        voiders
    }

    /// Whether an operation stands in a fork that nothing settled.
    fn waits(&self, op: &OpHash, set: &Set) -> bool {
        self.ops[op].op().cites.is_some_and(|cited| {
            let mut set = set.iter();
            let settled = set.any(|denial| self.kills(denial, &cited) && self.within(op, denial));
            self.is_forked(op) && !settled
        })
    }

    fn is_forked(&self, op: &OpHash) -> bool {
        let op = self.ops[op];
        let twin = self.folded.iter().any(|other| {
            *other != op.hash()
                && self.ops[other].log() == op.log()
                && self.ops[other].op().seq == op.op().seq
        });
        twin || op.op().prev.is_some_and(|prev| self.is_forked(&prev))
    }

    fn forks(&self, counted: &Set) -> BTreeSet<Denial> {
        let mut places: BTreeMap<(LogId, u64), Vec<OpHash>> = BTreeMap::new();
        for op in &self.folded {
            places
                .entry((self.ops[op].log(), self.ops[op].op().seq))
                .or_default()
                .push(*op);
        }
        let dropped = |op: &OpHash| {
            self.valid.contains(op)
                && self
                    .voiders(op, counted)
                    .iter()
                    .any(|v| v.is_some_and(|by| self.drops(&by)))
        };
        let told = places.into_values().map(|ops| {
            ops.into_iter()
                .filter(|op| !dropped(op))
                .collect::<Vec<_>>()
        });
        told.filter(|ops| ops.len() > 1)
            .flatten()
            .map(|op| Denial {
                op,
                act: Denial::FORK,
            })
            .collect()
    }

    fn ends(&self, denial: &Denial, invite: &GrantRef) -> bool {
        if !matches!(self.act(denial), Act::Remove { .. }) {
            return false;
        }
        let under_killed = self.kills(denial, &self.cited(&invite.op));
        let seen = self.past(&denial.op);
        let came_in = self.grants.iter().any(|grant| {
            self.given(grant)
                .is_some_and(|given| given.through == Some(*invite))
                && seen.contains(&grant.op)
                && self.kills(denial, grant)
        });
        under_killed || came_in
    }
}
