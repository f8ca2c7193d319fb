//! One pack as this device holds it, in memory: operations, epochs, logs and what they add up to.
//!
//! A replica changes in one way only: [`Staged`] records, already durable, are applied. Loading from
//! the store, writing here and hearing from a peer go through the same function, so what is derived
//! does not depend on how it came.

use kitbag_core::content::{
    EntryKind, LogOpening, LogPosition, Profile, RUN_BYTES_MAX, RUN_ENTRIES_MAX, SignedHead,
    VerifiedEntry, VerifiedRun,
};
use kitbag_core::epoch::SignedEpoch;
use kitbag_core::id::{
    DeviceId, EndpointId, EntryHash, EpochId, ItemId, LogId, ObjectTag, OpHash, PackId, PersonId,
};
use kitbag_core::person::SignedPersonOp;
use kitbag_core::policy::Sensitivity;
use kitbag_core::policy::fold::{ContentLog, LogEnd, Policy, Standing};
use kitbag_core::policy::op::SignedOp;
use kitbag_core::sync::tree::LeafHash;
use kitbag_crypto::planted::{self, Planted};
use kitbag_crypto::{EpochKey, HashLabel, Hasher};
use kitbag_store::PackRow;
use std::collections::{BTreeMap, BTreeSet};

use crate::objects::Object;

/// Records that were checked and shall be stored, then applied.
#[derive(Default)]
pub(crate) struct Staged {
    /// The pack itself, if it is made now.
    pub(crate) pack: Option<PackRow>,
    pub(crate) persons: Vec<SignedPersonOp>,
    pub(crate) ops: Vec<SignedOp>,
    pub(crate) epochs: Vec<SignedEpoch>,
    pub(crate) keys: Vec<(EpochId, EpochKey)>,
    pub(crate) runs: Vec<VerifiedRun>,
    /// The name that somebody who is let in now told.
    pub(crate) told: Option<(PersonId, String)>,
    /// A peer proved that another copy of this device, or an older state of it, wrote on in the log
    /// in which this one writes: not a record, and not stored.
    pub(crate) copied: bool,
}

impl Staged {
    /// Leaves out what is stored already or stands here twice: rows are numbered by counting, so that
    /// a repeated record would make a later one overwrite another.
    pub(crate) fn retain_new(&mut self, replica: &Replica) {
        let (mut persons, mut ops, mut epochs) =
            (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        self.persons.retain(|person| {
            !replica.persons.contains_key(&person.person()) && persons.insert(person.person())
        });
        if planted::is(Planted::DuplicateRows) {
            return;
        }
        self.ops
            .retain(|op| !replica.ops.contains_key(&op.hash()) && ops.insert(op.hash()));
        self.epochs
            .retain(|epoch| !replica.epochs.contains_key(&epoch.id()) && epochs.insert(epoch.id()));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pack.is_none()
            && self.persons.is_empty()
            && self.ops.is_empty()
            && self.epochs.is_empty()
            && self.keys.is_empty()
            && self.runs.is_empty()
    }
}

/// An epoch with its key, if this device holds it.
pub(crate) struct HeldEpoch {
    pub(crate) order: u64,
    pub(crate) signed: SignedEpoch,
    pub(crate) key: Option<EpochKey>,
}

/// A content log.
pub(crate) struct Log {
    pub(crate) number: u32,
    pub(crate) opening: LogOpening,
    /// Hashes of all entries, by position.
    pub(crate) entries: Vec<EntryHash>,
    /// Kept heads, oldest first; the last is the newest.
    pub(crate) heads: Vec<SignedHead>,
    pub(crate) tail: Tail,
    /// Policy heads of the newest frontier entry.
    pub(crate) frontier: Option<Vec<OpHash>>,
}

/// What lies between the last two kept heads of a log.
#[derive(Clone, Copy, Default)]
pub(crate) struct Tail {
    newest: Option<u64>,
    entries: u64,
    bytes: usize,
}

impl Tail {
    /// The tail of a log whose last two kept heads have so much between them.
    pub(crate) fn between(newest: u64, entries: u64, bytes: usize) -> Tail {
        Tail {
            newest: Some(newest),
            entries,
            bytes,
        }
    }

    /// The tail after a run, and the head that stops being kept: the newest so far, unless the gap
    /// that it would leave is longer than a run.
    pub(crate) fn after(self, end: u64, entries: u64, bytes: usize) -> (Tail, Option<u64>) {
        let fits = self.entries + entries <= RUN_ENTRIES_MAX && self.bytes + bytes <= RUN_BYTES_MAX;
        if fits {
            let tail = Tail {
                newest: Some(end),
                entries: self.entries + entries,
                bytes: self.bytes + bytes,
            };
            (tail, self.newest)
        } else {
            (
                Tail {
                    newest: Some(end),
                    entries,
                    bytes,
                },
                None,
            )
        }
    }
}

impl Log {
    pub(crate) fn new(number: u32, opening: LogOpening) -> Log {
        Log {
            number,
            opening,
            entries: vec![],
            heads: vec![],
            tail: Tail::default(),
            frontier: None,
        }
    }

    pub(crate) fn end(&self) -> Option<LogPosition> {
        self.heads.last().map(|head| head.position)
    }
}

/// Where an entry stands and what it says in plaintext.
pub(crate) struct Place {
    pub(crate) log: LogId,
    pub(crate) seq: u64,
    pub(crate) kind: EntryKind,
    pub(crate) deps: Vec<EntryHash>,
    pub(crate) epoch: Option<EpochId>,
}

/// Whether an entry may be applied, as the policy stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Authority {
    Valid,
    SetAside,
}

/// One pack.
pub(crate) struct Replica {
    pub(crate) number: u32,
    pub(crate) row: PackRow,
    pub(crate) ops: BTreeMap<OpHash, SignedOp>,
    pub(crate) op_order: Vec<OpHash>,
    pub(crate) persons: BTreeMap<PersonId, SignedPersonOp>,
    pub(crate) policy: Policy,
    pub(crate) epochs: BTreeMap<EpochId, HeldEpoch>,
    pub(crate) logs: BTreeMap<LogId, Log>,
    pub(crate) places: BTreeMap<EntryHash, Place>,
    pub(crate) objects: BTreeMap<ObjectTag, Object>,
    pub(crate) notes: BTreeMap<ItemId, ObjectTag>,
    pub(crate) profiles: BTreeMap<DeviceId, Profile>,
    /// The entry that each profile came in.
    pub(crate) profile_entries: BTreeMap<DeviceId, EntryHash>,
    /// Names that joiners told before their profile arrived.
    pub(crate) told_names: BTreeMap<PersonId, String>,
    pub(crate) quarantined: BTreeSet<EntryHash>,
    leaves: std::cell::RefCell<BTreeMap<Sensitivity, LeafHash>>,
}

/// What applying staged records touched.
#[derive(Default)]
pub(crate) struct Touched {
    pub(crate) policy: bool,
    pub(crate) keys: bool,
    pub(crate) objects: BTreeSet<ObjectTag>,
    pub(crate) profiles: Vec<EntryHash>,
}

impl Replica {
    pub(crate) fn new(number: u32, row: PackRow) -> Replica {
        let policy = Policy::fold(row.id, [], []);
        Replica {
            number,
            row,
            ops: BTreeMap::new(),
            op_order: Vec::new(),
            persons: BTreeMap::new(),
            policy,
            epochs: BTreeMap::new(),
            logs: BTreeMap::new(),
            places: BTreeMap::new(),
            objects: BTreeMap::new(),
            notes: BTreeMap::new(),
            profiles: BTreeMap::new(),
            profile_entries: BTreeMap::new(),
            told_names: BTreeMap::new(),
            quarantined: BTreeSet::new(),
            leaves: Default::default(),
        }
    }

    /// Whether an admin's operation of a newer version was seen: read only.
    pub(crate) fn has_newer_rules(&self) -> bool {
        self.row.newer_rules.is_some()
    }

    pub(crate) fn id(&self) -> PackId {
        self.row.id
    }

    /// Applies policy records and refolds if any is new.
    pub(crate) fn apply_policy(
        &mut self,
        persons: Vec<SignedPersonOp>,
        ops: Vec<SignedOp>,
    ) -> bool {
        let before = self.ops.len() + self.persons.len();
        for person in persons {
            self.persons.entry(person.person()).or_insert(person);
        }
        for op in ops {
            if self.ops.insert(op.hash(), op.clone()).is_none() {
                self.op_order.push(op.hash());
            }
        }
        let changed = self.ops.len() + self.persons.len() > before;
        if changed {
            self.policy = Policy::fold(
                self.id(),
                self.ops.values().cloned(),
                self.persons.values().cloned(),
            );
            self.leaves.borrow_mut().clear();
        }
        changed
    }

    pub(crate) fn apply_epoch(&mut self, order: u64, signed: SignedEpoch) {
        self.epochs.entry(signed.id()).or_insert(HeldEpoch {
            order,
            signed,
            key: None,
        });
        self.leaves.borrow_mut().clear();
    }

    pub(crate) fn apply_key(&mut self, epoch: EpochId, key: EpochKey) {
        if let Some(held) = self.epochs.get_mut(&epoch) {
            held.key.get_or_insert(key);
        }
    }

    pub(crate) fn apply_entry(&mut self, log: LogId, entry: &VerifiedEntry, touched: &mut Touched) {
        let header = entry.header();
        let Some(of) = self.logs.get_mut(&log) else {
            return;
        };
        of.entries.push(entry.hash());
        if let EntryKind::Frontier(heads) = &header.kind {
            of.frontier = Some(heads.clone());
        }
        let sensitivity = of.opening.sensitivity;
        let place = Place {
            log,
            seq: header.seq,
            kind: header.kind.clone(),
            deps: header.deps.clone(),
            epoch: header.epoch,
        };
        self.places.insert(entry.hash(), place);
        match (&header.kind, header.object) {
            (EntryKind::Profile, _) => touched.profiles.push(entry.hash()),
            (EntryKind::Frontier(_), _) | (_, None) => {}
            (_, Some(tag)) => {
                self.objects
                    .entry(tag)
                    .or_insert_with(|| Object::new(sensitivity))
                    .entries
                    .push(entry.hash());
                touched.objects.insert(tag);
            }
        }
        self.leaves.borrow_mut().clear();
    }

    pub(crate) fn apply_head(&mut self, head: SignedHead, tail: Tail, superseded: Option<u64>) {
        if let Some(log) = self.logs.get_mut(&head.position.log) {
            log.heads
                .retain(|kept| Some(kept.position.seq) != superseded);
            log.heads.push(head);
            log.tail = tail;
        }
    }

    /// The binding of a log as the policy wants it; none if its device is unknown to the policy.
    pub(crate) fn content_log(&self, log: LogId) -> Option<ContentLog> {
        let opening = &self.logs.get(&log)?.opening;
        // The grant's holder, whose device it must be: one device can have founded two persons.
        let person = self.policy.grant(&opening.grant)?.person;
        if self.policy.certificate(&person)?.device != opening.device {
            return None;
        }
        Some(ContentLog {
            log,
            person,
            device: opening.device,
            grant: opening.grant,
            sensitivity: opening.sensitivity,
        })
    }

    /// Whether an entry may be applied now.
    pub(crate) fn authority(&self, place: &Place, hash: EntryHash) -> Authority {
        let Some(log) = self.content_log(place.log) else {
            return Authority::SetAside;
        };
        let Some(grant) = self.policy.grant(&log.grant) else {
            return Authority::SetAside;
        };
        let writes = grant.role.may_write()
            || planted::is(Planted::ReaderWrites)
            || matches!(place.kind, EntryKind::Profile | EntryKind::Frontier(_));
        if grant.person != log.person
            || (grant.clearance < log.sensitivity && !planted::is(Planted::ClearanceUnchecked))
            || !writes
            || !grant.role.may_read()
        {
            return Authority::SetAside;
        }
        match self.policy.content_end(&log) {
            LogEnd::Open => Authority::Valid,
            LogEnd::Until(cutoff) if place.seq < cutoff.seq => Authority::Valid,
            LogEnd::Until(cutoff) if place.seq == cutoff.seq && cutoff.head == *hash.as_bytes() => {
                Authority::Valid
            }
            LogEnd::Until(_) | LogEnd::Nothing => Authority::SetAside,
        }
    }

    pub(crate) fn person_of_log(&self, log: LogId) -> Option<PersonId> {
        self.policy
            .person_of_device(&self.logs.get(&log)?.opening.device)
    }

    /// The highest sensitivity that both this person and the peer may hold, if both may sync.
    pub(crate) fn shared_clearance(&self, me: PersonId, peer: &EndpointId) -> Option<Sensitivity> {
        let Standing::Member { person, .. } = self.policy.standing(peer) else {
            return None;
        };
        let both =
            |s: &Sensitivity| self.policy.may_open(&me, *s) && self.policy.may_open(&person, *s);
        Sensitivity::ALL.into_iter().rev().find(both)
    }

    /// `H(TreeLeaf, pack, control, persons, content and epochs up to the clearance)`.
    pub(crate) fn leaf(&self, clearance: Sensitivity) -> LeafHash {
        if let Some(known) = self.leaves.borrow().get(&clearance) {
            return *known;
        }
        let mut hasher = Hasher::new(HashLabel::TreeLeaf);
        hasher.part(self.id().as_bytes());
        for (log, ops) in self.control_logs() {
            hasher.part(log.as_bytes());
            for head in branch_heads(&ops) {
                hasher.part(head.as_bytes());
            }
        }
        for person in self.persons.values() {
            hasher.part(person.hash().as_bytes());
        }
        let clearance = match planted::is(Planted::LeafOverAll) {
            true => Sensitivity::Restricted,
            false => clearance,
        };
        for sensitivity in clearance.and_below() {
            hasher.part(&[sensitivity as u8]);
            for (id, log) in self
                .logs
                .iter()
                .filter(|(_, log)| log.opening.sensitivity == sensitivity)
            {
                hasher.part(id.as_bytes());
                if let Some(end) = log.end() {
                    hasher.part(&end.seq.to_be_bytes());
                    hasher.part(end.hash.as_bytes());
                }
            }
            for held in self
                .epochs
                .values()
                .filter(|held| held.signed.epoch().domain == sensitivity)
            {
                hasher.part(held.signed.id().as_bytes());
            }
        }
        let leaf = LeafHash(*hasher.finish().as_bytes());
        self.leaves.borrow_mut().insert(clearance, leaf);
        leaf
    }

    /// Control logs, each with its operations in order of position.
    pub(crate) fn control_logs(&self) -> BTreeMap<LogId, Vec<&SignedOp>> {
        let mut logs: BTreeMap<LogId, Vec<&SignedOp>> = BTreeMap::new();
        for op in self.ops.values() {
            logs.entry(op.log()).or_default().push(op);
        }
        for ops in logs.values_mut() {
            ops.sort_by_key(|op| (op.op().seq, op.hash()));
        }
        logs
    }

    /// Epochs within a clearance whose key this device lacks.
    pub(crate) fn lacking_keys(&self, clearance: Sensitivity) -> Vec<EpochId> {
        let lacking = self
            .epochs
            .values()
            .filter(|held| held.key.is_none() && held.signed.epoch().domain <= clearance);
        lacking.map(|held| held.signed.id()).collect()
    }
}

/// Operations of one log that no other of the log follows, ascending.
pub(crate) fn branch_heads(ops: &[&SignedOp]) -> Vec<OpHash> {
    let followed: BTreeSet<OpHash> = ops.iter().filter_map(|op| op.op().prev).collect();
    let mut heads: Vec<OpHash> = ops
        .iter()
        .map(|op| op.hash())
        .filter(|hash| !followed.contains(hash))
        .collect();
    heads.sort();
    heads
}
