//! One pack as this device holds it, in memory: operations, epochs, logs and what they add up to.
//!
//! A replica changes in one way only: [`Staged`] records, already durable, are applied. Loading from
//! the store, writing here and hearing from a peer go through the same function, so what is derived
//! does not depend on how it came.

use kitbag_core::content::branches::{self, Link};
use kitbag_core::content::report::report_tag;
use kitbag_core::content::{
    EntryKind, LogOpening, LogPosition, Profile, SignedHead, VerifiedEntry, VerifiedRun,
};
use kitbag_core::epoch::SignedEpoch;
use kitbag_core::id::{
    DeviceId, EndpointId, EntryHash, EpochId, ItemId, LogId, ObjectTag, OpHash, PackId, PersonId,
};
use kitbag_core::person::SignedPersonOp;
use kitbag_core::policy::Sensitivity;
use kitbag_core::policy::fold::{Policy, Standing};
use kitbag_core::policy::op::{Act, Cutoff, SignedOp};
use kitbag_core::policy::rules::{ReleaseRules, Unreadable};
use kitbag_core::sync::tree::LeafHash;
use kitbag_crypto::planted::{self, Planted};
use kitbag_crypto::{EpochKey, HashLabel, Hasher};
use kitbag_store::PackRow;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::authority::Judged;
use crate::epochs::Found;
use crate::logs::{Branch, Diverging, KEPT_AT_ONCE, Log, Tail};
use crate::objects::{Object, Quarantine, Refused};
use crate::placement::Placements;
use crate::twins::Twins;

/// Records that were checked and shall be stored, then applied.
#[derive(Default)]
pub(crate) struct Staged {
    /// To be looked at and never stored: making it changes nothing, and begins no new log.
    pub(crate) plan: bool,
    /// The pack itself, if it is made now.
    pub(crate) pack: Option<PackRow>,
    pub(crate) persons: Vec<SignedPersonOp>,
    pub(crate) ops: Vec<SignedOp>,
    pub(crate) epochs: Vec<SignedEpoch>,
    pub(crate) keys: Vec<(EpochId, EpochKey)>,
    pub(crate) runs: Vec<VerifiedRun>,
    /// The name that somebody who is let in now told.
    pub(crate) told: Option<(PersonId, String)>,
    /// Settings of this device that belong to the write, by name.
    pub(crate) settings: Vec<(String, Vec<u8>)>,
    /// A peer proved that another copy of this device, or an older state of it, wrote on in the log
    /// in which this one writes: not a record, and not stored.
    pub(crate) copied: bool,
    /// Logs of which a peer showed another entry in a place where one is here: not stored.
    pub(crate) partings: BTreeSet<LogId>,
    /// Ends of runs of which everything was here: not stored.
    pub(crate) in_vain: Vec<LogPosition>,
}

impl Staged {
    /// The epoch opened last for a sensitivity, if one is staged here.
    pub(crate) fn newest_epoch(&self, domain: Sensitivity) -> Option<(EpochId, EpochKey)> {
        let mut opened = self.epochs.iter().rev();
        let id = opened.find(|signed| signed.epoch().domain == domain)?.id();
        let (_, key) = self.keys.iter().find(|(of, _)| *of == id)?;
        Some((id, key.clone()))
    }

    /// For a dry run.
    pub(crate) fn plan() -> Staged {
        Staged {
            plan: true,
            ..Staged::default()
        }
    }

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

/// Where an entry stands and what it says in plaintext.
pub(crate) struct Place {
    pub(crate) log: LogId,
    /// Which of the log's branches holds it.
    pub(crate) branch: usize,
    pub(crate) seq: u64,
    /// The entry before it in the log.
    pub(crate) prev: Option<EntryHash>,
    /// The object it belongs to; none for a frontier or a profile.
    pub(crate) object: Option<ObjectTag>,
    pub(crate) kind: EntryKind,
    pub(crate) deps: Vec<EntryHash>,
    pub(crate) epoch: Option<EpochId>,
    /// Policy heads that its author had seen: the newest frontier in its log up to here.
    pub(crate) frontier: Arc<[OpHash]>,
    /// Whether its author tells in it what happened on their device.
    pub(crate) is_report: bool,
}

/// Notes with their sensitivities, as somebody holds them who looks.
pub(crate) type Gated = Arc<[(ItemId, Sensitivity)]>;

/// One pack.
pub(crate) struct Replica {
    pub(crate) number: u32,
    pub(crate) row: PackRow,
    /// The person of this device: what stands above their clearance is not in sight.
    pub(crate) reader: PersonId,
    pub(crate) ops: BTreeMap<OpHash, SignedOp>,
    pub(crate) op_order: Vec<OpHash>,
    pub(crate) persons: BTreeMap<PersonId, SignedPersonOp>,
    pub(crate) policy: Policy,
    pub(crate) epochs: BTreeMap<EpochId, HeldEpoch>,
    pub(crate) logs: BTreeMap<LogId, Log>,
    pub(crate) places: BTreeMap<EntryHash, Place>,
    pub(crate) objects: BTreeMap<ObjectTag, Object>,
    pub(crate) notes: BTreeMap<ItemId, ObjectTag>,
    pub(crate) handoffs: BTreeMap<ItemId, ObjectTag>,
    /// Tags of notes that are deleted, so that counting the others looks at none.
    pub(crate) deleted: BTreeSet<ObjectTag>,
    /// Tags of notes that moved between sensitivities.
    pub(crate) placements: Placements,
    pub(crate) profiles: BTreeMap<DeviceId, Profile>,
    /// Entries in which devices tell what happened on them, in order of arrival.
    pub(crate) reports: Vec<EntryHash>,
    /// The entry that each profile came in.
    pub(crate) profile_entries: BTreeMap<DeviceId, EntryHash>,
    /// Names that joiners told before their profile arrived.
    pub(crate) told_names: BTreeMap<PersonId, String>,
    /// Entries whose content is refused, and why.
    pub(crate) quarantined: BTreeMap<EntryHash, String>,
    /// Entries of branches that are not kept: stored, and otherwise as if they were not here.
    pub(crate) surplus: BTreeSet<EntryHash>,
    /// Logs that a peer was seen to have otherwise, until what it has arrives.
    pub(crate) diverging: BTreeMap<LogId, Diverging>,
    pub(crate) judged: RefCell<Judged>,
    /// What was found out about who took over what.
    pub(crate) taken: crate::aside::Found,
    /// Entries that are being applied, by row and number, so that none is read from the disk onto which
    /// it was just written.
    pub(crate) fresh: BTreeMap<(u32, u64), VerifiedEntry>,
    /// Which notes are here already, once somebody asked.
    pub(crate) twins: RefCell<Option<Twins>>,
    /// By a note, those in whose place it stands, once somebody asked; nothing after a change.
    pub(crate) replacing: RefCell<Option<BTreeMap<ItemId, BTreeSet<ItemId>>>>,
    /// The notes of which more than the sensitivity decides whether an agent may have them, once somebody
    /// asked; nothing after a change.
    pub(crate) gated: RefCell<Option<Gated>>,
    leaves: RefCell<BTreeMap<Sensitivity, LeafHash>>,
    /// What the epochs add up to; forgotten whenever epochs, keys or policy change.
    pub(crate) found: std::cell::OnceCell<Found>,
    /// The release rules in force, as these policy and keys read them; forgotten with the above.
    pub(crate) ruled: std::cell::OnceCell<Result<ReleaseRules, Unreadable>>,
}

/// What applying staged records touched.
#[derive(Default)]
pub(crate) struct Touched {
    pub(crate) policy: bool,
    pub(crate) keys: bool,
    /// Which branches are kept may be another question now.
    pub(crate) branches: bool,
    pub(crate) objects: BTreeSet<ObjectTag>,
    /// An entry came in a log that somebody ended: what counts may have changed for any object.
    pub(crate) ended: bool,
    pub(crate) profiles: Vec<EntryHash>,
}

impl Replica {
    pub(crate) fn new(number: u32, row: PackRow, reader: PersonId) -> Replica {
        let policy = Policy::fold(row.id, [], []);
        Replica {
            number,
            row,
            reader,
            ops: BTreeMap::new(),
            op_order: Vec::new(),
            persons: BTreeMap::new(),
            policy,
            epochs: BTreeMap::new(),
            logs: BTreeMap::new(),
            places: BTreeMap::new(),
            objects: BTreeMap::new(),
            notes: BTreeMap::new(),
            handoffs: BTreeMap::new(),
            deleted: BTreeSet::new(),
            placements: Placements::default(),
            profiles: BTreeMap::new(),
            reports: Vec::new(),
            profile_entries: BTreeMap::new(),
            told_names: BTreeMap::new(),
            quarantined: BTreeMap::new(),
            surplus: BTreeSet::new(),
            diverging: BTreeMap::new(),
            judged: Default::default(),
            taken: Default::default(),
            fresh: BTreeMap::new(),
            twins: RefCell::default(),
            replacing: RefCell::default(),
            gated: RefCell::default(),
            leaves: Default::default(),
            found: Default::default(),
            ruled: Default::default(),
        }
    }

    /// Whether an admin's operation of a newer version was seen: read only.
    pub(crate) fn has_newer_rules(&self) -> bool {
        self.row.newer_rules.is_some()
    }

    pub(crate) fn id(&self) -> PackId {
        self.row.id
    }

    /// About how much memory this takes, in bytes.
    pub(crate) fn weight(&self) -> usize {
        REPLICA_BYTES
            + self.ops.len() * OP_BYTES
            + self.places.len() * ENTRY_BYTES
            + self.objects.len() * OBJECT_BYTES
    }

    /// Applies policy records and refolds if any is new.
    pub(crate) fn apply_policy(
        &mut self,
        persons: Vec<SignedPersonOp>,
        ops: Vec<SignedOp>,
        touched: &mut Touched,
    ) {
        let before = self.ops.len() + self.persons.len();
        for person in persons {
            self.persons.entry(person.person()).or_insert(person);
        }
        for op in ops {
            if self.ops.insert(op.hash(), op.clone()).is_none() {
                touched.branches |= ends_named(&op).next().is_some();
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
            self.judged.get_mut().forget();
            self.forget_found();
        }
        touched.policy |= changed;
    }

    /// What there is to see under another policy. The present one stands again afterwards, however
    /// `look` ends.
    pub(crate) fn under<T>(&mut self, policy: &mut Policy, look: impl FnOnce(&Replica) -> T) -> T {
        let other = OtherPolicy::begin(self, policy);
        look(other.replica)
    }

    /// What was found under other epochs, keys or another policy is so no more.
    fn forget_found(&mut self) {
        self.found.take();
        self.ruled.take();
        self.replacing.take();
        self.gated.take();
    }

    /// Exchanges the policy, and forgets what was found under the one before.
    fn swap_policy(&mut self, other: &mut Policy) {
        self.judged.get_mut().forget();
        self.forget_found();
        std::mem::swap(&mut self.policy, other);
    }

    pub(crate) fn apply_epoch(&mut self, order: u64, signed: SignedEpoch) {
        self.epochs.entry(signed.id()).or_insert(HeldEpoch {
            order,
            signed,
            key: None,
        });
        self.leaves.borrow_mut().clear();
        self.forget_found();
    }

    pub(crate) fn apply_key(&mut self, epoch: EpochId, key: EpochKey) {
        if let Some(held) = self.epochs.get_mut(&epoch) {
            held.key.get_or_insert(key);
        }
        self.forget_found();
    }

    /// Makes room for a log, or for one more branch of it, and says which branch it is.
    ///
    /// Returns nothing if the entry that it continues is not here.
    pub(crate) fn begin_branch(
        &mut self,
        number: u32,
        opening: LogOpening,
        base: Option<LogPosition>,
        touched: &mut Touched,
    ) -> Option<usize> {
        let id = opening.log_id();
        let parent = match base {
            None => None,
            Some(base) => {
                let place = self.places.get(&base.hash)?;
                if (place.log, place.seq) != (id, base.seq) {
                    return None;
                }
                Some(place.branch)
            }
        };
        let log = self.logs.entry(id).or_insert_with(|| Log::new(opening));
        log.branches.push(Branch::new(number, base.zip(parent)));
        touched.branches |= log.branches.len() > KEPT_AT_ONCE;
        Some(log.branches.len() - 1)
    }

    pub(crate) fn apply_entry(
        &mut self,
        log: LogId,
        branch: usize,
        entry: &VerifiedEntry,
        touched: &mut Touched,
    ) {
        let header = entry.header();
        let Some(of) = self.logs.get_mut(&log) else {
            return;
        };
        let (sensitivity, after) = (of.opening.sensitivity, of.opening.after);
        let reports = report_tag(self.row.id, of.opening.device);
        let Some(of) = of.branches.get_mut(branch) else {
            return;
        };
        of.entries.push(entry.hash());
        if let EntryKind::Frontier(heads) = &header.kind {
            of.frontier = Some(heads.clone());
        }
        if !self.surplus.is_empty() {
            let opens_after = after.filter(|_| header.seq == 0).map(|after| after.hash);
            let mut rests_on = header.deps.iter().chain(&header.prev).chain(&opens_after);
            touched.branches |= rests_on.any(|hash| self.surplus.contains(hash));
        }
        let before = header.prev.and_then(|prev| self.places.get(&prev));
        let frontier = match &header.kind {
            EntryKind::Frontier(heads) => heads.as_slice().into(),
            _ => before.map_or_else(|| [].into(), |before| before.frontier.clone()),
        };
        let place = Place {
            log,
            branch,
            seq: header.seq,
            prev: header.prev,
            object: header.object.filter(|_| header.kind != EntryKind::Profile),
            kind: header.kind.clone(),
            deps: header.deps.clone(),
            epoch: header.epoch,
            frontier,
            is_report: header.kind == EntryKind::Profile && header.object == Some(reports),
        };
        if header.kind == EntryKind::Profile {
            match place.is_report {
                true => self.reports.push(entry.hash()),
                false => touched.profiles.push(entry.hash()),
            }
        }
        if let Some(tag) = place.object {
            self.objects
                .entry(tag)
                .or_insert_with(|| Object::new(sensitivity))
                .entries
                .push(entry.hash());
            touched.objects.insert(tag);
        }
        touched.ended |= self.judged.get_mut().entry_came(&place);
        self.places.insert(entry.hash(), place);
        self.leaves.borrow_mut().clear();
    }

    pub(crate) fn apply_head(
        &mut self,
        branch: usize,
        head: SignedHead,
        tail: Tail,
        superseded: Option<u64>,
    ) {
        let log = self.logs.get_mut(&head.position.log);
        if let Some(branch) = log.and_then(|log| log.branches.get_mut(branch)) {
            branch
                .heads
                .retain(|kept| Some(kept.position.seq) != superseded);
            branch.heads.push(head);
            branch.tail = tail;
        }
    }

    /// Finds again which entries are surplus. Costs nothing until somewhere a third branch begins.
    pub(crate) fn sort_branches(&mut self, touched: &mut Touched) {
        let crowded = |log: &Log| log.branches.len() > KEPT_AT_ONCE;
        if !touched.branches || !self.logs.values().any(crowded) {
            return;
        }
        let links = self.places.iter().filter_map(|(hash, place)| {
            let opening = &self.logs.get(&place.log)?.opening;
            let after = opening.after.filter(|_| place.seq == 0);
            Some(Link {
                hash: *hash,
                log: place.log,
                sensitivity: opening.sensitivity,
                prev: place.prev,
                deps: &place.deps,
                after: after.map(|after| after.hash),
            })
        });
        let surplus = branches::surplus(links, self.ops.values().flat_map(ends_named));
        let changed: Vec<EntryHash> = surplus
            .symmetric_difference(&self.surplus)
            .copied()
            .collect();
        if changed.is_empty() {
            return;
        }
        self.surplus = surplus;
        self.judged.get_mut().forget();
        for hash in changed {
            let Some(tag) = self.places.get(&hash).and_then(|place| place.object) else {
                continue;
            };
            let entries = self.objects.get_mut(&tag).map(|object| &mut object.entries);
            if let Some(entries) = entries {
                entries.retain(|entry| *entry != hash);
                entries.extend((!self.surplus.contains(&hash)).then_some(hash));
            }
            touched.objects.insert(tag);
        }
        // What was applied may have to go again, so everything that changed is put together anew.
        touched.policy = true;
        self.leaves.borrow_mut().clear();
    }

    /// Whether this entry stands in this place here.
    pub(crate) fn has_entry(&self, at: &LogPosition) -> bool {
        let place = self.places.get(&at.hash);
        place.is_some_and(|place| (place.log, place.seq) == (at.log, at.seq))
    }

    /// Number of the row that holds an entry.
    pub(crate) fn row_of(&self, place: &Place) -> Option<u32> {
        let log = self.logs.get(&place.log)?;
        Some(log.branches.get(place.branch)?.number)
    }

    /// Where an object's first entry is stored. Entries that are stored side by side are read together:
    /// whoever reads many goes by this order.
    pub(crate) fn stored_at(&self, tag: &ObjectTag) -> Option<(u32, u64)> {
        let first = self.objects.get(tag)?.entries.first()?;
        let place = self.places.get(first)?;
        Some((self.row_of(place)?, place.seq))
    }

    /// Ends of the branches of a log that are kept, ascending.
    pub(crate) fn kept_heads(&self, log: &Log) -> Vec<LogPosition> {
        let ends = log.branches.iter().filter_map(Branch::end);
        let mut heads: Vec<LogPosition> = ends
            .filter(|end| !self.surplus.contains(&end.hash))
            .collect();
        heads.sort_by_key(|head| (head.seq, head.hash));
        heads
    }

    /// How many entries of a branch are kept: always its first ones.
    pub(crate) fn kept_len(&self, branch: &Branch) -> usize {
        if self.surplus.is_empty() {
            return branch.entries.len();
        }
        branch
            .entries
            .partition_point(|hash| !self.surplus.contains(hash))
    }

    /// Whether an entry is the cutoff's or leads to it in its log. In a log that forked, the branch
    /// beside it does not, however low its numbers are.
    pub(crate) fn is_within(&self, cutoff: &Cutoff, place: &Place, hash: EntryHash) -> bool {
        let Some(log) = self.logs.get(&place.log) else {
            return false;
        };
        if place.seq >= cutoff.seq {
            return place.seq == cutoff.seq && cutoff.head == *hash.as_bytes();
        }
        if log.branches.len() == 1 {
            return true; // whatever its end is, this leads to it
        }
        let end = self.places.get(&EntryHash::from_bytes(cutoff.head));
        end.filter(|end| (end.log, end.seq) == (place.log, cutoff.seq))
            .filter(|_| !self.surplus.contains(&EntryHash::from_bytes(cutoff.head)))
            .is_some_and(|end| log.leads_to((place.branch, place.seq), (end.branch, end.seq)))
    }

    /// Remembers what was refused while these objects were put together, in favour of `openings`.
    pub(crate) fn keep_refused(
        &mut self,
        tags: impl IntoIterator<Item = ObjectTag>,
        openings: &[EntryHash],
        found: &[Quarantine],
    ) {
        for tag in tags {
            let Some(object) = self.objects.get_mut(&tag) else {
                continue;
            };
            let own = |of: &&Quarantine| {
                let place = self.places.get(&of.entry);
                !of.lasts && place.and_then(|place| place.object) == Some(tag)
            };
            let own = found.iter().filter(own);
            let entries = own.map(|of| (of.entry, of.reason.clone())).collect();
            object.refused = Refused::new(openings, entries);
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

    /// Whether this device, removed from the pack or kept out of it, may ask the peer whether that has
    /// changed: the peer is a member as far as is known here. It tells control heads only, which a
    /// member may know.
    pub(crate) fn hopes_for(&self, me: &EndpointId, peer: &EndpointId) -> bool {
        self.is_out(me) && matches!(self.policy.standing(peer), Standing::Member { .. })
    }

    /// Whether this device was removed, or is kept out.
    pub(crate) fn is_out(&self, me: &EndpointId) -> bool {
        let out = matches!(
            self.policy.standing(me),
            Standing::Ended { .. } | Standing::Disputed { .. }
        );
        out && !planted::is(Planted::RegrantUnheard)
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
                for head in self.kept_heads(log) {
                    hasher.part(&head.seq.to_be_bytes());
                    hasher.part(head.hash.as_bytes());
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

    /// Entries of kept branches, in logs up to a clearance.
    pub(crate) fn entries_up_to(&self, clearance: Sensitivity) -> u64 {
        let logs = self.logs.values();
        let visible = logs.filter(|log| log.opening.sensitivity <= clearance);
        let branches = visible.flat_map(|log| &log.branches);
        branches.map(|branch| self.kept_len(branch) as u64).sum()
    }

    /// Epochs within a clearance whose key this device lacks.
    pub(crate) fn lacking_keys(&self, clearance: Sensitivity) -> Vec<EpochId> {
        let lacking = self.lacking(clearance).into_iter();
        lacking.map(|(epoch, _)| epoch).collect()
    }

    /// The same, with their sensitivities.
    pub(crate) fn lacking(&self, clearance: Sensitivity) -> Vec<(EpochId, Sensitivity)> {
        let epochs = self.epochs.values().filter(|held| held.key.is_none());
        let named = epochs.map(|held| (held.signed.id(), held.signed.epoch().domain));
        named.filter(|(_, domain)| *domain <= clearance).collect()
    }
}

/// What things take in memory, by measure, in bytes.
const REPLICA_BYTES: usize = 24 << 10;
const OP_BYTES: usize = 4 << 10;
const ENTRY_BYTES: usize = 1 << 10;
const OBJECT_BYTES: usize = 3 << 9;

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

/// A replica under another policy, until this is dropped.
struct OtherPolicy<'r> {
    replica: &'r mut Replica,
    waits: &'r mut Policy,
}

impl<'r> OtherPolicy<'r> {
    fn begin(replica: &'r mut Replica, policy: &'r mut Policy) -> OtherPolicy<'r> {
        replica.swap_policy(policy);
        OtherPolicy {
            replica,
            waits: policy,
        }
    }
}

impl Drop for OtherPolicy<'_> {
    fn drop(&mut self) {
        self.replica.swap_policy(self.waits);
    }
}

/// Where an operation says that logs end, whether or not it counts.
fn ends_named(op: &SignedOp) -> impl Iterator<Item = Cutoff> {
    let cutoffs = op.acts().iter().flat_map(|act| match act {
        Act::Remove { cutoffs, .. } | Act::Leave { cutoffs } => cutoffs.as_slice(),
        _ => &[],
    });
    cutoffs.copied()
}
