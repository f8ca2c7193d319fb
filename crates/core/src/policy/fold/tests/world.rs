//! A small language for policy histories. Operations carry no signature here.

use crate::codec;
use crate::id::{
    DeviceId, EndpointId, EpochId, Incarnation, LogId, OpHash, PackId, PersonId, Timestamp,
};
use crate::person::{Certificate, SUITE, SignedPersonOp};
use crate::policy::fold::{GrantInfo, Member, Policy};
use crate::policy::op::{
    Act, Body, Cutoff, GrantRef, LateDenials, OP_VERSION, Op, Redeem, SignedOp, control_log_id,
};
use crate::policy::rules::SEALED_RULES_BYTES_MIN;
use crate::policy::{Role, Sensitivity};
use kitbag_crypto::SigningKey;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

/// A person of the tests, each with one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Who(pub(super) usize);

pub(super) const ANA: Who = Who(0);
pub(super) const BEN: Who = Who(1);
pub(super) const CYN: Who = Who(2);
pub(super) const DAN: Who = Who(3);
pub(super) const EVE: Who = Who(4);
pub(super) const FAY: Who = Who(5);
pub(super) const EVERYBODY: [Who; 6] = [ANA, BEN, CYN, DAN, EVE, FAY];

impl Who {
    pub(super) fn record(self) -> &'static SignedPersonOp {
        static RECORDS: OnceLock<Vec<SignedPersonOp>> = OnceLock::new();
        let make = |who: usize| {
            let (device, endpoint) = (
                Who(who).device_key(),
                SigningKey::from_seed([100 + who as u8; 32]),
            );
            let links = Certificate {
                suite: SUITE,
                device: device.verifying_key().into(),
                endpoint: EndpointId::from_bytes(*endpoint.verifying_key().as_bytes()),
                wrap: vec![0; 1216],
            };
            SignedPersonOp::found([who as u8; 16], links, &device, &endpoint)
        };
        &RECORDS.get_or_init(|| (0..EVERYBODY.len()).map(make).collect())[self.0]
    }

    pub(super) fn device_key(self) -> SigningKey {
        SigningKey::from_seed([1 + self.0 as u8; 32])
    }

    pub(super) fn person(self) -> PersonId {
        self.record().person()
    }

    pub(super) fn device(self) -> DeviceId {
        self.record().certificate().device
    }

    pub(super) fn endpoint(self) -> EndpointId {
        self.record().certificate().endpoint
    }
}

pub(super) fn everybody() -> Vec<SignedPersonOp> {
    EVERYBODY.iter().map(|who| who.record().clone()).collect()
}

/// The first thing that an operation made.
pub(super) fn of(op: OpHash) -> GrantRef {
    nth(op, 0)
}

pub(super) fn nth(op: OpHash, act: u32) -> GrantRef {
    GrantRef { op, act }
}

pub(super) fn grant(who: Who, role: Role) -> Act {
    let clearance = if role == Role::Admin {
        Sensitivity::Restricted
    } else {
        Sensitivity::Internal
    };
    Act::Grant {
        person: who.person(),
        role,
        clearance,
    }
}

pub(super) fn remove(who: Who) -> Act {
    remove_at(who, Vec::new())
}

pub(super) fn remove_at(who: Who, mut cutoffs: Vec<Cutoff>) -> Act {
    cutoffs.sort();
    Act::Remove {
        person: who.person(),
        cutoffs,
        late_denials: LateDenials::Keep,
    }
}

pub(super) fn dropping(act: Act) -> Act {
    match act {
        Act::Remove {
            person, cutoffs, ..
        } => Act::Remove {
            person,
            cutoffs,
            late_denials: LateDenials::Drop,
        },
        other => other,
    }
}

pub(super) fn leave() -> Act {
    Act::Leave {
        cutoffs: Vec::new(),
    }
}

pub(super) fn invite(uses: u32) -> Act {
    let key = *SigningKey::from_seed([77; 32]).verifying_key().as_bytes();
    Act::Invite {
        key,
        role: Role::Editor,
        clearance: Sensitivity::Internal,
        uses,
        not_after: None,
        ask: false,
    }
}

/// An invite whose joiners a person approves.
pub(super) fn asking(uses: u32, up_to: Sensitivity) -> Act {
    match invite(uses) {
        Act::Invite {
            key,
            role,
            uses,
            not_after,
            ..
        } => Act::Invite {
            key,
            role,
            clearance: up_to,
            uses,
            not_after,
            ask: true,
        },
        other => other,
    }
}

/// Rules as the fold sees them: it never opens them.
pub(super) fn rules(n: u8) -> Act {
    Act::Rules {
        epoch: EpochId::from_bytes([n; 32]),
        sealed: vec![n; SEALED_RULES_BYTES_MIN],
    }
}

pub(super) fn close(invite: GrantRef, admitted: &[GrantRef]) -> Act {
    let mut admitted = admitted.to_vec();
    admitted.sort();
    Act::Close { invite, admitted }
}

/// A pack's operations, in the order in which they were made.
#[derive(Clone)]
pub(super) struct World {
    pub(super) pack: PackId,
    pub(super) ops: Vec<SignedOp>,
    at: BTreeMap<OpHash, usize>,
}

impl World {
    pub(super) fn founded_by(who: Who) -> World {
        let body = Body::Genesis {
            nonce: [9; 16],
            default_sensitivity: Sensitivity::Internal,
        };
        let genesis = SignedOp::danger_unsigned(Op {
            pack: None,
            cites: None,
            body,
            ..draft(who)
        });
        let mut world = World {
            pack: genesis.pack(),
            ops: Vec::new(),
            at: BTreeMap::new(),
        };
        world.add(genesis);
        world
    }

    pub(super) fn genesis(&self) -> OpHash {
        self.ops[0].hash()
    }

    pub(super) fn founder(&self) -> GrantRef {
        of(self.genesis())
    }

    pub(super) fn add(&mut self, op: SignedOp) -> OpHash {
        let hash = op.hash();
        self.at.entry(hash).or_insert(self.ops.len());
        self.ops.push(op);
        hash
    }

    pub(super) fn op(&self, hash: OpHash) -> &SignedOp {
        &self.ops[self.at[&hash]]
    }

    /// Begins an operation by `who`, who has seen everything so far and cites a grant of theirs.
    pub(super) fn by(&mut self, who: Who) -> Draft<'_> {
        let seen = self.ops.iter().map(SignedOp::hash).collect();
        Draft {
            world: self,
            who,
            seen,
            cites: None,
            incarnation: 0,
        }
    }

    pub(super) fn admit(&self, invite: GrantRef, joiner: Who) -> Act {
        let Act::Invite { key, .. } = self.op(invite.op).acts()[invite.act as usize] else {
            panic!("no invite")
        };
        let (person, device) = (joiner.person(), joiner.device());
        let redeem = Redeem {
            version: OP_VERSION,
            pack: self.pack,
            invite,
            key,
            person,
            device,
            by_invite: None,
            by_device: None,
        };
        Act::Admit {
            invite,
            redeem: codec::encode(&redeem),
        }
    }

    /// A cutoff right after this operation, in its log.
    pub(super) fn upto(&self, op: OpHash) -> Cutoff {
        let op = self.op(op);
        Cutoff {
            log: op.log(),
            seq: op.op().seq,
            head: *op.hash().as_bytes(),
        }
    }

    /// Cutoffs after everything that `who` did so far.
    pub(super) fn upto_now(&self, who: Who) -> Vec<Cutoff> {
        let mut newest: BTreeMap<LogId, OpHash> = BTreeMap::new();
        for op in self
            .ops
            .iter()
            .filter(|op| op.op().device == who.device() && op.op().pack.is_some())
        {
            newest.insert(op.log(), op.hash());
        }
        newest.into_values().map(|op| self.upto(op)).collect()
    }

    pub(super) fn policy(&self) -> Policy {
        Policy::fold(self.pack, self.ops.iter().cloned(), everybody())
    }

    /// The fold without these operations.
    pub(super) fn policy_without(&self, absent: &[OpHash]) -> Policy {
        Policy::fold(
            self.pack,
            self.ops
                .iter()
                .filter(|op| !absent.contains(&op.hash()))
                .cloned(),
            everybody(),
        )
    }

    /// These operations and all that they descend from.
    pub(super) fn with_past(&self, ops: &[OpHash]) -> BTreeSet<OpHash> {
        let mut seen = BTreeSet::new();
        let mut open = ops.to_vec();
        while let Some(hash) = open.pop() {
            if self.at.contains_key(&hash) && seen.insert(hash) {
                open.extend(self.op(hash).parents());
            }
        }
        seen
    }

    /// The most senior live grant of `who` in a view, or failing that any grant that names them.
    fn own_grant(&self, who: Who, seen: &BTreeSet<OpHash>) -> GrantRef {
        let ops = self.ops.iter().filter(|op| seen.contains(&op.hash()));
        let policy = Policy::fold(self.pack, ops.cloned(), everybody());
        let live = policy
            .member(&who.person())
            .map(|member| member.grants[0].grant);
        let any = || grants_of(&policy, who).next().map(|(name, _)| name);
        live.or_else(any).expect("cites a grant that it knows")
    }
}

/// All grants that ever named `who`.
pub(super) fn grants_of(policy: &Policy, who: Who) -> impl Iterator<Item = (GrantRef, &GrantInfo)> {
    let names = policy
        .ops()
        .flat_map(|op| (0..op.acts().len().max(1)).map(|act| nth(op.hash(), act as u32)));
    names
        .filter_map(|name| Some((name, policy.grant(&name)?)))
        .filter(move |(_, info)| info.person == who.person())
}

/// An operation in the making.
pub(super) struct Draft<'a> {
    world: &'a mut World,
    who: Who,
    seen: BTreeSet<OpHash>,
    cites: Option<GrantRef>,
    incarnation: u8,
}

impl Draft<'_> {
    /// Has seen these operations and their past, and nothing else.
    pub(super) fn after(mut self, ops: &[OpHash]) -> Self {
        self.seen = self.world.with_past(ops);
        self
    }

    pub(super) fn citing(mut self, grant: GrantRef) -> Self {
        self.cites = Some(grant);
        self
    }

    pub(super) fn incarnation(mut self, incarnation: u8) -> Self {
        self.incarnation = incarnation;
        self
    }

    pub(super) fn does(self, acts: impl IntoIterator<Item = Act>) -> OpHash {
        let op = self.build(acts.into_iter().collect());
        self.world.add(op)
    }

    /// The operation, without adding it. It continues the newest of its log that it has seen.
    pub(super) fn build(&self, acts: Vec<Act>) -> SignedOp {
        let cites = self
            .cites
            .unwrap_or_else(|| self.world.own_grant(self.who, &self.seen));
        let incarnation = Incarnation::from_bytes([self.incarnation; 16]);
        let log = control_log_id(self.world.pack, self.who.device(), incarnation, Some(cites));
        let seen: Vec<&SignedOp> = self.seen.iter().map(|hash| self.world.op(*hash)).collect();
        let prev = seen
            .iter()
            .filter(|op| op.log() == log)
            .max_by_key(|op| (op.op().seq, op.hash()));
        let cited: BTreeSet<OpHash> = seen.iter().flat_map(|op| op.parents()).collect();
        let prev_hash = prev.map(|op| op.hash());
        let heads = self
            .seen
            .iter()
            .filter(|hash| !cited.contains(hash) && Some(**hash) != prev_hash)
            .copied()
            .collect();
        SignedOp::danger_unsigned(Op {
            pack: Some(self.world.pack),
            cites: Some(cites),
            incarnation,
            seq: prev.map_or(0, |op| op.op().seq + 1),
            prev: prev_hash,
            heads,
            body: Body::Acts(acts),
            ..draft(self.who)
        })
    }
}

fn draft(who: Who) -> Op {
    Op {
        version: OP_VERSION,
        pack: None,
        device: who.device(),
        person: who.person(),
        person_head: who.record().hash(),
        incarnation: Incarnation::from_bytes([0; 16]),
        cites: None,
        seq: 0,
        prev: None,
        heads: Vec::new(),
        at: Timestamp::from_millis(0),
        body: Body::Acts(Vec::new()),
    }
}

pub(super) fn is_member(policy: &Policy, who: Who) -> bool {
    policy.member(&who.person()).is_some()
}

pub(super) fn has_keys(policy: &Policy, who: Who) -> bool {
    policy.may_open(&who.person(), Sensitivity::Public)
}

pub(super) fn role(policy: &Policy, who: Who) -> Option<Role> {
    policy.member(&who.person()).map(Member::role)
}

/// Ana founds; Ben and Cyn are her admins, in this order; Dan is Ben's editor.
pub(super) struct Team {
    pub(super) w: World,
    pub(super) ben: OpHash,
    pub(super) cyn: OpHash,
    pub(super) dan: OpHash,
}

pub(super) fn team() -> Team {
    let mut w = World::founded_by(ANA);
    let ben = w.by(ANA).does([grant(BEN, Role::Admin)]);
    let cyn = w.by(ANA).does([grant(CYN, Role::Admin)]);
    let dan = w.by(BEN).after(&[ben]).does([grant(DAN, Role::Editor)]);
    Team { w, ben, cyn, dan }
}
