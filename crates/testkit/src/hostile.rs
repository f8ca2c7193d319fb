//! A device that says what it likes, with real keys of its own.
//!
//! It has what somebody has who owns a member's device: keys and records. It signs whatever can be
//! signed with them and puts it into frames that read as honest ones; where they are injected is the
//! caller's choice. What it makes it remembers, so that later frames build on it.

mod content;
mod keys;

use crate::{Dice, Identity, Loot, Records};
use kitbag_core::content::Run;
use kitbag_core::epoch::SignedEpoch;
use kitbag_core::id::{EpochId, Incarnation, LogId, OpHash, PackId, PersonId, Timestamp};
use kitbag_core::person::SignedPersonOp;
use kitbag_core::policy::fold::Policy;
use kitbag_core::policy::op::{Act, Body, Cutoff, GrantRef, LateDenials, OP_VERSION, Op, SignedOp};
use kitbag_core::policy::rules::SEALED_RULES_BYTES_MIN;
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_core::wire::{Blob, LogHave, Message, PAGE_BYTES_MAX, Page, Want};

/// What a hostile device sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trick {
    /// Records of others that it holds: some of them, out of order, some twice.
    Shuffled,
    /// Operations of its own, whatever its role.
    Acts,
    /// Two operations for one place in its log.
    ForkedActs,
    /// Notes, edits and frontiers of its own, whatever its role and clearance.
    Entries,
    /// Two branches of one content log.
    ForkedEntries,
    /// Epochs of its own, with any parents, answers and keys.
    Epochs,
    /// Keys for whom they are not, and keys that are none.
    Wraps,
    /// A frame with some bits changed.
    Noise,
    /// Wants that name everything, and what nobody has.
    Wants,
}

impl Trick {
    /// All of them.
    pub const ALL: [Trick; 9] = [
        Trick::Shuffled,
        Trick::Acts,
        Trick::ForkedActs,
        Trick::Entries,
        Trick::ForkedEntries,
        Trick::Epochs,
        Trick::Wraps,
        Trick::Noise,
        Trick::Wants,
    ];
}

/// Keys and records of one device, in hostile hands.
pub struct Hostile {
    me: Identity,
    /// The keys that it holds, those that it made included.
    pub loot: Loot,
    /// The records that it knows.
    pub records: Records,
    /// Persons whom it lets in on what it has.
    pub friends: Vec<SignedPersonOp>,
    /// A text that every note of its making contains.
    pub text: String,
    ops: Vec<SignedOp>,
    epochs: Vec<SignedEpoch>,
    dice: Dice,
}

/// Its own operations in one page, at most: it says everything again every time.
const OPS_KEPT: usize = 24;

impl Hostile {
    /// Takes over a device; none if it was never made.
    pub fn new(loot: Loot, records: Records, dice: Dice) -> Option<Hostile> {
        Some(Hostile {
            me: loot.identity()?.clone(),
            loot,
            records,
            friends: Vec::new(),
            text: String::new(),
            ops: Vec::new(),
            epochs: Vec::new(),
            dice,
        })
    }

    /// Learns what its device learned since.
    pub fn learn(&mut self, loot: &Loot, records: Records) {
        self.loot.extend(loot);
        self.records.extend(records);
    }

    /// Its person.
    pub fn person(&self) -> PersonId {
        self.me.person.person()
    }

    /// The operations that it made so far.
    pub fn ops(&self) -> &[SignedOp] {
        &self.ops
    }

    /// Frames for one trick, each for one peer: those with two branches give one branch each.
    pub fn play(&mut self, pack: PackId, trick: Trick) -> Vec<Message> {
        let policy = self.records.policy(pack);
        let pages = match trick {
            Trick::Shuffled => vec![self.shuffled(pack)],
            Trick::Acts => {
                self.acts(pack, &policy);
                vec![self.control(pack)]
            }
            Trick::ForkedActs => self.forked_acts(pack, &policy),
            Trick::Entries => vec![self.entries(pack, &policy, false)],
            Trick::ForkedEntries => {
                let both = self.entries(pack, &policy, true);
                let one = |run: Run| Page {
                    runs: vec![run],
                    ..Page::empty(pack)
                };
                both.runs.into_iter().map(one).collect()
            }
            Trick::Epochs => vec![self.new_epochs(pack, &policy)],
            Trick::Wraps => vec![self.wraps(pack)],
            Trick::Noise => vec![self.shuffled(pack)],
            Trick::Wants => return vec![Message::Want(self.want(pack))],
        };
        pages.into_iter().map(Message::Page).collect()
    }

    /// A frame with up to three bits changed.
    pub fn mutate(&mut self, frame: &mut [u8]) {
        for _ in 0..self.dice.between(1, 3) {
            let at = self.dice.below(frame.len() as u64) as usize;
            if let Some(byte) = frame.get_mut(at) {
                *byte ^= 1 << self.dice.below(8);
            }
        }
    }

    fn some<T: Clone>(&mut self, all: impl Iterator<Item = T>) -> Vec<T> {
        let keep = *self.dice.pick(&[20, 60, 100]);
        let mut some: Vec<T> = all.filter(|_| self.dice.percent(keep)).collect();
        if self.dice.percent(70) {
            self.dice.shuffle(&mut some);
        }
        if let Some(again) = some.first().filter(|_| self.dice.percent(30)).cloned() {
            some.push(again);
        }
        some
    }

    fn shuffled(&mut self, pack: PackId) -> Page {
        let records = self.records.clone();
        let ops = self.some(records.ops(pack).map(|op| Blob(op.bytes().to_vec())));
        let persons = self.some(records.persons().map(|p| Blob(p.bytes().to_vec())));
        let epochs = self.some(records.epochs(pack).map(|e| Blob(e.bytes().to_vec())));
        let runs = self.some(records.logs(pack).flat_map(|(log, heads)| {
            let records = &records;
            let mut from = 0;
            heads.iter().map(move |head| {
                let (log_id, begin) = (log.log_id(), from);
                from = head.position.seq + 1;
                let mut entries: Vec<_> = records
                    .entries()
                    .filter(|(of, _)| of.log_id() == log_id)
                    .map(|(_, entry)| entry)
                    .filter(|entry| (begin..=head.position.seq).contains(&entry.header().seq))
                    .collect();
                entries.sort_by_key(|entry| entry.header().seq);
                Run {
                    opening: kitbag_core::codec::encode(log),
                    entries: entries.iter().map(|entry| entry.raw().clone()).collect(),
                    head: head.clone(),
                }
            })
        }));
        let mut page = Page {
            persons,
            ops,
            epochs,
            runs,
            more: self.dice.percent(30),
            ..Page::empty(pack)
        };
        while Message::Page(page.clone()).encode().len() > 2 * PAGE_BYTES_MAX {
            page.runs.pop();
            page.ops.pop();
        }
        page
    }

    // Control.

    fn control(&mut self, pack: PackId) -> Page {
        let own = self.ops.iter().filter(|op| op.pack() == pack);
        let newest: Vec<Blob> = own
            .rev()
            .take(OPS_KEPT)
            .map(|op| Blob(op.bytes().to_vec()))
            .collect();
        Page {
            persons: self
                .friends
                .iter()
                .map(|p| Blob(p.bytes().to_vec()))
                .collect(),
            ops: newest.into_iter().rev().collect(),
            ..Page::empty(pack)
        }
    }

    /// Grants that anybody made to this person, whatever became of them.
    fn own_grants(&self, policy: &Policy) -> Vec<GrantRef> {
        grants_of(policy, self.person())
    }

    fn incarnation(&mut self) -> Incarnation {
        Incarnation::from_bytes(self.dice.bytes())
    }

    fn acts(&mut self, pack: PackId, policy: &Policy) {
        let own = self.own_grants(policy);
        if own.is_empty() {
            return;
        }
        for _ in 0..self.dice.between(1, 3) {
            let cites = *self.dice.pick(&own);
            let before = self.last_under(cites);
            let op = match before.filter(|_| self.dice.percent(60)) {
                Some(before) => {
                    let (seq, at) = (before.op().seq + 1, before.op().incarnation);
                    self.op(policy, pack, cites, at, seq, Some(before.hash()))
                }
                None => {
                    let at = self.incarnation();
                    self.op(policy, pack, cites, at, 0, None)
                }
            };
            self.ops.push(op);
        }
    }

    fn last_under(&self, cites: GrantRef) -> Option<SignedOp> {
        let under = |op: &&SignedOp| op.op().cites == Some(cites);
        self.ops.iter().rev().find(under).cloned()
    }

    fn forked_acts(&mut self, pack: PackId, policy: &Policy) -> Vec<Page> {
        let own = self.own_grants(policy);
        if own.is_empty() {
            return vec![];
        }
        let cites = *self.dice.pick(&own);
        let at = self.incarnation();
        let first = self.op(policy, pack, cites, at, 0, None);
        let mut pages = Vec::new();
        for _ in 0..2 {
            let branch = self.op(policy, pack, cites, at, 1, Some(first.hash()));
            pages.push(Page {
                ops: vec![Blob(first.bytes().to_vec()), Blob(branch.bytes().to_vec())],
                ..Page::empty(pack)
            });
            self.ops.push(branch);
        }
        self.ops.push(first);
        pages
    }

    fn op(
        &mut self,
        policy: &Policy,
        pack: PackId,
        cites: GrantRef,
        incarnation: Incarnation,
        seq: u64,
        prev: Option<OpHash>,
    ) -> SignedOp {
        let mut heads = match self.dice.below(10) {
            0 => vec![],
            1 => vec![OpHash::from_bytes(self.dice.bytes())],
            2..5 => {
                let all: Vec<OpHash> = policy.ops().map(SignedOp::hash).collect();
                self.some(all.into_iter().take(8))
            }
            _ => policy.heads(),
        };
        heads.push(cites.op);
        heads.retain(|head| Some(*head) != prev);
        heads.sort();
        heads.dedup();
        let acts = (0..self.dice.between(1, 2))
            .map(|_| self.act(policy))
            .collect();
        let op = Op {
            version: OP_VERSION,
            pack: Some(pack),
            device: self.me.signing.verifying_key().into(),
            person: self.person(),
            person_head: self.me.person.hash(),
            incarnation,
            cites: Some(cites),
            seq,
            prev,
            heads,
            at: Timestamp::from_millis(self.dice.below(1 << 45)),
            body: Body::Acts(acts),
        };
        SignedOp::sign(op, &self.me.signing)
    }

    /// An operation of this person that comes after everything that it knows, under a grant of any
    /// time, in a log of its own.
    pub fn late_op(&mut self, policy: &Policy) -> Option<SignedOp> {
        let own = self.own_grants(policy);
        let cites = *own.get(self.dice.below(own.len() as u64) as usize)?;
        let at = self.incarnation();
        Some(self.op(policy, policy.pack(), cites, at, 0, None))
    }

    fn act(&mut self, policy: &Policy) -> Act {
        let mut persons: Vec<PersonId> = policy.members().map(|member| member.person).collect();
        persons.extend(self.friends.iter().map(SignedPersonOp::person));
        persons.push(self.person());
        let person = *self.dice.pick(&persons);
        let invites: Vec<GrantRef> = policy.invites().map(|(name, _)| name).collect();
        match self.dice.below(7) {
            6 => Act::Rules {
                epoch: EpochId::from_bytes([self.dice.below(256) as u8; 32]),
                sealed: vec![0; SEALED_RULES_BYTES_MIN],
            },
            0 | 1 => {
                let role = *self.dice.pick(&[Role::Reader, Role::Editor, Role::Admin]);
                let clearance = match role {
                    Role::Admin => Sensitivity::Restricted,
                    _ => *self.dice.pick(&Sensitivity::ALL),
                };
                Act::Grant {
                    person,
                    role,
                    clearance,
                }
            }
            2 | 3 => Act::Remove {
                person,
                cutoffs: self.cutoffs(policy, person),
                late_denials: *self.dice.pick(&[LateDenials::Keep, LateDenials::Drop]),
            },
            4 if !invites.is_empty() => Act::Close {
                invite: *self.dice.pick(&invites),
                admitted: vec![],
            },
            _ => Act::Invite {
                key: *self.me.signing.verifying_key().as_bytes(),
                role: Role::Editor,
                clearance: *self.dice.pick(&Sensitivity::ALL),
                uses: 3,
                not_after: None,
                ask: false,
            },
        }
    }

    fn cutoffs(&mut self, policy: &Policy, person: PersonId) -> Vec<Cutoff> {
        let heads = policy.log_heads();
        let theirs = policy.ops().filter(|op| op.op().person == person);
        let mut logs: Vec<LogId> = theirs.map(SignedOp::log).collect();
        logs.sort();
        logs.dedup();
        let named = logs.into_iter().filter_map(|log| {
            let (seq, head) = heads.get(&log)?;
            let head = *head.as_bytes();
            self.dice.percent(50).then_some(Cutoff {
                log,
                seq: *seq,
                head,
            })
        });
        named.collect()
    }

    fn want(&mut self, pack: PackId) -> Want {
        let forged = |dice: &mut Dice| LogHave {
            log: LogId::from_bytes(dice.bytes()),
            len: dice.below(u64::MAX),
            head: dice.bytes(),
        };
        let keys: Vec<EpochId> = self.records.epochs(pack).map(SignedEpoch::id).collect();
        Want {
            pack,
            persons: vec![],
            control: (0..self.dice.below(3))
                .map(|_| forged(&mut self.dice))
                .collect(),
            epochs: vec![],
            keys,
            content: (0..self.dice.below(3))
                .map(|_| forged(&mut self.dice))
                .collect(),
        }
    }
}

/// Every grant that some operation makes to a person, valid or not.
fn grants_of(policy: &Policy, person: PersonId) -> Vec<GrantRef> {
    let of = |op: &SignedOp| {
        let acts = 0..op.acts().len().max(1) as u32;
        let theirs = acts.filter(|act| op.grantee(*act) == Some(person));
        let op = op.hash();
        theirs.map(|act| GrantRef { op, act }).collect::<Vec<_>>()
    };
    policy.ops().flat_map(of).collect()
}
