//! The fold: who may do what in a pack, as a pure function of a set of signed operations.
//!
//! [`Policy::fold`] takes every operation and person of a pack, in any order, and gives the one
//! policy that they make: the same on every device that holds the same records. Clocks, order of
//! arrival and hashes that could be ground decide nothing. It runs from scratch on each change,
//! which is what makes incremental equal to batch.
//!
//! The stages, in the order in which they are evaluated; each uses earlier ones only:
//!
//! | stage | what | where |
//! |---|---|---|
//! | 0 | park what cites something unknown; refuse what can never count | `graph`, `checks`, `authority`, `facts` |
//! | 1 | persons and their devices | `persons` |
//! | 3 | ranks, and what voids an operation | `rank`, `void` |
//! | 4-9 | which denials count and which are held; members | `denials` |
//! | 10, 12, 13 | keys and standing; what an epoch must answer; release rules | `outcome` |
//! | 11 | content after a cutoff | [`content`] |
//!
//! Invariants: nothing below or after an operation helps it stand; a senior is never removed by a
//! junior, so the founder's grant always lives; without `drop`, no further record takes a denial
//! away. Deliberately absent until built: Cut, teams, Erase, removals in a person's log.
//! Spec: `docs/spec/policy.md`, "The fold".

mod authority;
mod checks;
pub mod content;
mod denials;
mod explain;
mod facts;
mod graph;
mod outcome;
mod permit;
mod persons;
mod rank;
#[cfg(test)]
mod tests;
mod view;
mod void;

pub use content::{ContentLog, LogEnd};
pub use explain::{Explanation, Given, Loss, Lost, Reason, Right};
pub use permit::Refused;
pub use view::{
    Admission, Denial, GrantInfo, Invalid, InviteInfo, InviteState, LiveGrant, Member, Standing,
    Verdict, Via, Void,
};

use crate::id::{DeviceId, EndpointId, LogId, OpHash, PackId, PersonId};
use crate::person::{Certificate, SignedPersonOp};
use crate::policy::Sensitivity;
use crate::policy::op::{Body, GrantRef, HEADS_MAX, SignedOp};
use crate::policy::rules::SealedRules;
use outcome::Outcome;
use persons::Persons;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The policy of one pack, as some set of records makes it. Immutable, cheap to clone.
///
/// Two policies are equal when they come of the same records.
///
/// ```
/// use kitbag_core::id::{EndpointId, Incarnation, Timestamp};
/// use kitbag_core::person::{Certificate, SUITE, SignedPersonOp};
/// use kitbag_core::policy::Sensitivity;
/// use kitbag_core::policy::fold::{Policy, Refused};
/// use kitbag_core::policy::op::{Act, Body, OP_VERSION, Op, SignedOp};
/// use kitbag_crypto::{SigningKey, WrapKey};
///
/// let (device, endpoint) = (SigningKey::from_seed([1; 32]), SigningKey::from_seed([2; 32]));
/// let links = Certificate {
///     suite: SUITE,
///     device: device.verifying_key().into(),
///     endpoint: EndpointId::from_bytes(*endpoint.verifying_key().as_bytes()),
///     wrap: WrapKey::from_seed(&[3; 32]).public().to_bytes(),
/// };
/// let ana = SignedPersonOp::found([4; 16], links, &device, &endpoint);
/// let genesis = Op {
///     version: OP_VERSION,
///     pack: None,
///     device: ana.certificate().device,
///     person: ana.person(),
///     person_head: ana.hash(),
///     incarnation: Incarnation::from_bytes([5; 16]),
///     cites: None,
///     seq: 0,
///     prev: None,
///     heads: vec![],
///     at: Timestamp::from_millis(0),
///     body: Body::Genesis { nonce: [6; 16], default_sensitivity: Sensitivity::Internal },
/// };
/// let genesis = SignedOp::sign(genesis, &device);
///
/// let policy = Policy::fold(genesis.pack(), [genesis], [ana.clone()]);
/// assert!(policy.may_write(&ana.person(), Sensitivity::Restricted));
/// let leave = [Act::Leave { cutoffs: vec![] }];
/// let refused = policy.permit(&ana.person(), &ana.certificate().device, &leave);
/// assert_eq!(refused, Err(Refused::AdminLeaves));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    records: Arc<Records>,
    outcome: Arc<Outcome>,
    blocked: bool,
}

/// What was folded.
#[derive(Debug, PartialEq)]
struct Records {
    pack: PackId,
    /// Ascending by hash, each once.
    ops: Vec<SignedOp>,
    persons: Arc<Persons>,
}

impl Policy {
    /// Folds every operation and person of a pack, in any order. Duplicates and operations of other
    /// packs are ignored; persons may be more than the pack names.
    pub fn fold(
        pack: PackId,
        ops: impl IntoIterator<Item = SignedOp>,
        persons: impl IntoIterator<Item = SignedPersonOp>,
    ) -> Policy {
        Policy::of(pack, ops, Arc::new(Persons::new(persons)))
    }

    fn of(pack: PackId, ops: impl IntoIterator<Item = SignedOp>, persons: Arc<Persons>) -> Policy {
        let ops: BTreeMap<OpHash, SignedOp> = ops
            .into_iter()
            .filter(|op| op.pack() == pack)
            .map(|op| (op.hash(), op))
            .collect();
        let records = Records {
            pack,
            ops: ops.into_values().collect(),
            persons,
        };
        let outcome = Arc::new(Outcome::of(&records));
        Policy {
            records: Arc::new(records),
            outcome,
            blocked: false,
        }
    }

    /// The same policy, knowing whether an operation of a newer version lies beside it. It might be a
    /// denial, so while it does nothing is permitted and nobody may write.
    #[must_use]
    pub fn with_blocked(mut self, blocked: bool) -> Policy {
        self.blocked = blocked;
        self
    }

    /// Whether an operation of a newer version lies beside it: store and forward, neither seal nor wrap.
    pub fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// The fold of the given heads and their causal past alone; `None` when one of them is unknown or
    /// parked. Further operations never change it.
    pub fn at(&self, heads: &[OpHash]) -> Option<Policy> {
        if !heads.iter().all(|head| self.is_folded(head)) {
            return None;
        }
        let ops = self.with_past(heads.iter().copied());
        let ops = ops.iter().filter_map(|hash| self.op(hash)).cloned();
        Some(Policy::of(
            self.records.pack,
            ops,
            self.records.persons.clone(),
        ))
    }

    /// The pack.
    pub fn pack(&self) -> PackId {
        self.records.pack
    }

    /// The pack's first operation, once it and its author's person are here.
    pub fn genesis(&self) -> Option<&SignedOp> {
        self.op(&OpHash::from_bytes(*self.records.pack.as_bytes()))
            .filter(|op| self.is_folded(&op.hash()))
    }

    /// Sensitivity of a note for which nobody says another; internal until Genesis is here.
    pub fn default_sensitivity(&self) -> Sensitivity {
        match self.genesis().map(|genesis| &genesis.op().body) {
            Some(Body::Genesis {
                default_sensitivity,
                ..
            }) => *default_sensitivity,
            _ => Sensitivity::Internal,
        }
    }

    /// Every stored operation, parked and invalid ones included, ascending by hash.
    pub fn ops(&self) -> impl Iterator<Item = &SignedOp> {
        self.records.ops.iter()
    }

    /// Every operation that is here with all that it cites, each after what it cites.
    pub fn folded_ops(&self) -> impl Iterator<Item = &SignedOp> {
        let order = self.outcome.order.iter();
        let mut order: Vec<(usize, &OpHash)> = order.map(|(hash, at)| (*at, hash)).collect();
        order.sort_unstable();
        order.into_iter().filter_map(|(_, hash)| self.op(hash))
    }

    /// A stored operation.
    pub fn op(&self, hash: &OpHash) -> Option<&SignedOp> {
        let found = self
            .records
            .ops
            .binary_search_by_key(hash, SignedOp::hash)
            .ok()?;
        self.records.ops.get(found)
    }

    /// What a new operation or frontier cites: the tips of everything that is folded and valid,
    /// ascending. See [`Policy::heads_at_most`] for the bound, here [`HEADS_MAX`].
    pub fn heads(&self) -> Vec<OpHash> {
        self.heads_at_most(HEADS_MAX)
    }

    /// The tips, ascending, but no more than `limit`: those under the most senior grants come first,
    /// so that nobody hides a senior's operation behind many of their own.
    pub fn heads_at_most(&self, limit: usize) -> Vec<OpHash> {
        let mut heads: Vec<OpHash> = self.outcome.tips.iter().take(limit).copied().collect();
        heads.sort_unstable();
        heads
    }

    /// The newest stored position of each control log, parked operations included; the lowest hash
    /// where a fork ends in several. For vectors see [`Policy::branch_heads`].
    pub fn log_heads(&self) -> BTreeMap<LogId, (u64, OpHash)> {
        let newest = |branches: &Vec<(u64, OpHash)>| {
            branches
                .iter()
                .copied()
                .max_by_key(|(seq, hash)| (*seq, std::cmp::Reverse(*hash)))
        };
        self.outcome
            .branches
            .iter()
            .filter_map(|(log, branches)| Some((*log, newest(branches)?)))
            .collect()
    }

    /// For each control log, the stored operations that no stored one continues, ascending. More than
    /// one is a fork, or a gap in what is stored.
    pub fn branch_heads(&self) -> &BTreeMap<LogId, Vec<(u64, OpHash)>> {
        &self.outcome.branches
    }

    /// Control logs in which two folded operations claim one place. Grants and invites made above it
    /// wait, so whoever owns such a log goes on in a new incarnation.
    pub fn forked_logs(&self) -> &BTreeSet<LogId> {
        &self.outcome.forked
    }

    /// Operations that wait for something they cite, ascending.
    pub fn parked(&self) -> &[OpHash] {
        &self.outcome.parked
    }

    /// Whoever has a live grant (stage 7) and a person record here, ascending by person.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.outcome.members.values()
    }

    /// A member.
    pub fn member(&self, person: &PersonId) -> Option<&Member> {
        self.outcome.members.get(person)
    }

    /// Persons whom a live grant names but whose record is not here, ascending: to be asked for.
    pub fn awaited_persons(&self) -> &BTreeSet<PersonId> {
        &self.outcome.awaited
    }

    /// The keys of a person's device, member or not.
    pub fn certificate(&self, person: &PersonId) -> Option<&Certificate> {
        self.records.persons.certificate(person)
    }

    /// A person's record, member or not.
    pub fn person(&self, person: &PersonId) -> Option<&SignedPersonOp> {
        self.records.persons.get(person)
    }

    /// Whose device this is. Of several persons founded on one device, a member before others, then
    /// the lowest.
    pub fn person_of_device(&self, device: &DeviceId) -> Option<PersonId> {
        self.records
            .persons
            .of_device(device)
            .min_by_key(|person| (self.member(person).is_none(), *person))
    }

    /// What an endpoint is to the pack. Of several persons founded on one endpoint, the one with the
    /// most authority speaks for it, then the lowest.
    pub fn standing(&self, endpoint: &EndpointId) -> Standing {
        let standings = self
            .records
            .persons
            .of_endpoint(endpoint)
            .map(|person| self.standing_of(&person));
        standings
            .min_by_key(|standing| std::cmp::Reverse(authority(standing)))
            .unwrap_or(Standing::Unknown)
    }

    fn standing_of(&self, person: &PersonId) -> Standing {
        let Some(device) = self
            .certificate(person)
            .map(|certificate| certificate.device)
        else {
            return Standing::Unknown;
        };
        let person = *person;
        match self.member(&person) {
            Some(member) if member.has_keys() => {
                let keyed = || member.grants.iter().filter(|grant| grant.keys);
                let clearance = keyed()
                    .filter(|grant| grant.role.may_read())
                    .map(|grant| grant.clearance)
                    .max();
                let role = keyed()
                    .map(|grant| grant.role)
                    .max()
                    .unwrap_or(crate::policy::Role::Courier);
                Standing::Member {
                    person,
                    device,
                    clearance,
                    role,
                }
            }
            Some(_) => Standing::Disputed { person, device },
            None if self.outcome.named.contains_key(&person) => Standing::Ended { person, device },
            None => Standing::Unknown,
        }
    }

    /// Whether the person's device gets the keys of this sensitivity: for sealing and wrapping.
    ///
    /// # Security
    /// Ask again whenever the policy changed; a held or parked denial takes keys away at once.
    pub fn may_open(&self, person: &PersonId, sensitivity: Sensitivity) -> bool {
        self.keyed(person)
            .any(|grant| grant.role.may_read() && grant.clearance >= sensitivity)
    }

    /// Whether a device shows its person what it has of this sensitivity: a member what they may open,
    /// and whoever is out what they could see until then. What they were lowered below before stays
    /// hidden. Somebody whom no grant here ever named is not judged.
    pub fn may_see(&self, person: &PersonId, sensitivity: Sensitivity) -> bool {
        if self.member(person).is_some() {
            return self.may_open(person, sensitivity);
        }
        let given = self.outcome.given.values();
        let given = given.filter(|given| given.person == *person);
        let at = |op: &OpHash| self.outcome.order.get(op);
        // What was lost before, or by, the last grant was not theirs any more when they went.
        let Some(last) = given.clone().map(|given| at(&given.grant.op)).max() else {
            return true;
        };
        let mut kept = given.filter(|given| {
            let lost = given.lost.map(|lost| lost.loss().op());
            lost.is_none_or(|op| at(&op) > last)
        });
        kept.any(|given| given.role.may_read() && given.clearance >= sensitivity)
    }

    /// Whether the person may write notes of this sensitivity now: by one live grant that gives the
    /// role, the clearance and keys.
    pub fn may_write(&self, person: &PersonId, sensitivity: Sensitivity) -> bool {
        !self.blocked
            && self
                .keyed(person)
                .any(|grant| grant.role.may_write() && grant.clearance >= sensitivity)
    }

    fn keyed(&self, person: &PersonId) -> impl Iterator<Item = &LiveGrant> {
        self.member(person)
            .into_iter()
            .flat_map(|member| &member.grants)
            .filter(|grant| grant.keys)
    }

    /// A grant that any valid operation here ever made.
    pub fn grant(&self, grant: &GrantRef) -> Option<&GrantInfo> {
        self.outcome.grants.get(grant).map(|seat| &seat.info)
    }

    /// Who ended a grant: the authors of the Removes and Leaves that count and kill it, each once,
    /// ascending. Empty while it is live, and if it fell only with what made it.
    pub fn enders(&self, grant: &GrantRef) -> &[PersonId] {
        self.outcome
            .grants
            .get(grant)
            .map_or(&[], |seat| &seat.enders)
    }

    /// An invite that any valid operation here ever opened.
    pub fn invite(&self, invite: &GrantRef) -> Option<&InviteInfo> {
        self.outcome.invites.get(invite).map(|(_, info)| info)
    }

    /// All invites, ascending by name.
    pub fn invites(&self) -> impl Iterator<Item = (GrantRef, &InviteInfo)> {
        self.outcome
            .invites
            .iter()
            .map(|(name, (_, info))| (*name, info))
    }

    /// The Rules acts in force, ascending by operation: those that count and that no later one
    /// replaced. Several were made without knowledge of each other, and hold together. What they say
    /// is sealed: [`crate::policy::rules::in_force`].
    pub fn rules(&self) -> &[SealedRules] {
        &self.outcome.rules
    }

    /// What an epoch must answer (stage 12): denials that count, are held, or are parked but by a
    /// known admin, and forks; without what was dropped.
    pub fn denials(&self) -> &BTreeSet<Denial> {
        &self.outcome.denials
    }

    /// Members of the disputed standing, ascending, each with the held and parked denials that keep
    /// their keys away: what a live admin answers, by making the denial anew or by a fresh Grant.
    pub fn disputes(&self) -> &BTreeMap<PersonId, BTreeSet<Denial>> {
        &self.outcome.disputes
    }

    /// Whether this fold took the denial into account, folded or parked, so that an epoch answering it
    /// may be used. What was taken in stays so when a removal settles a fork or drops what is parked.
    pub fn has_taken_in(&self, denial: &Denial) -> bool {
        let by_act = denial.act != Denial::FORK && self.is_folded(&denial.op);
        let forked = |op: &SignedOp| self.outcome.forked.contains(&op.log());
        let by_fork = denial.act == Denial::FORK
            && self.is_folded(&denial.op)
            && self.op(&denial.op).is_some_and(forked);
        by_act || by_fork || self.outcome.parked_denials.contains(denial)
    }

    /// The operations that ended an endpoint and everything needed to verify them, parents first: all
    /// that a device which lost its standing still gets. Empty unless its standing is
    /// [`Standing::Ended`].
    pub fn ended_ops_for(&self, endpoint: &EndpointId) -> Vec<OpHash> {
        let Standing::Ended { .. } = self.standing(endpoint) else {
            return Vec::new();
        };
        let persons = self.records.persons.of_endpoint(endpoint);
        self.with_past(
            persons
                .filter_map(|person| self.outcome.named.get(&person))
                .flatten()
                .copied(),
        )
    }

    /// The operations that ended grants of this person, held and parked ones too: of a member those of
    /// earlier or disputed grants. Empty for somebody whom no grant ever named.
    pub fn ended_by(&self, person: &PersonId) -> impl Iterator<Item = &SignedOp> {
        let ended = self.outcome.named.get(person).into_iter().flatten();
        ended.filter_map(|hash| self.op(hash))
    }

    /// What became of a stored operation.
    pub fn verdict(&self, op: &OpHash) -> Option<Verdict> {
        self.outcome.verdicts.get(op).copied()
    }

    /// Whether an operation is here with everything that it cites.
    pub fn is_folded(&self, op: &OpHash) -> bool {
        self.verdict(op)
            .is_some_and(|verdict| verdict != Verdict::Parked)
    }

    /// These operations and what is stored of their causal past, parents first.
    fn with_past(&self, ops: impl Iterator<Item = OpHash>) -> Vec<OpHash> {
        let mut wanted = BTreeSet::new();
        let mut open: Vec<OpHash> = ops.collect();
        while let Some(hash) = open.pop() {
            if let Some(op) = self.op(&hash)
                && wanted.insert(hash)
            {
                open.extend(op.parents());
            }
        }
        let mut sorted: Vec<OpHash> = wanted.into_iter().collect();
        sorted.sort_by_key(|hash| self.outcome.order.get(hash).copied().unwrap_or(usize::MAX));
        sorted
    }
}

/// Orders standings by authority.
fn authority(standing: &Standing) -> (u8, Option<(crate::policy::Role, Option<Sensitivity>)>) {
    match standing {
        Standing::Unknown => (0, None),
        Standing::Ended { .. } => (1, None),
        Standing::Disputed { .. } => (2, None),
        Standing::Member {
            role, clearance, ..
        } => (3, Some((*role, *clearance))),
    }
}
