//! Writing: entries of this device's own logs, epochs where one is owed, and policy operations.
//!
//! Everything is built and sealed first, then committed in one transaction with a signed head for
//! each log that it touches, then applied. Nothing is acknowledged or sent before.

use crate::error::Denied;
use crate::objects::NO_SALT;
use crate::replica::{Log, Replica, Staged};
use crate::{Node, NodeError};
use kitbag_core::content::{
    CONTENT_VERSION, EntryBody, EntryHeader, EntryKind, FRONTIER_MAX, LogOpening, RUN_BYTES_MAX,
    RUN_ENTRIES_MAX, VerifiedEntry, VerifiedRun, pack_body, write_entry,
};
use kitbag_core::epoch::{EPOCH_VERSION, Epoch, SignedEpoch, seal_parent_key};
use kitbag_core::id::{EntryHash, EpochId, LogId, ObjectTag, OpHash, PackId, Timestamp};
use kitbag_core::person::SUITE;
use kitbag_core::policy::Sensitivity;
use kitbag_core::policy::fold::{Denial, Policy};
use kitbag_core::policy::op::{Act, Body, GrantRef, HEADS_MAX, OP_VERSION, Op, SignedOp};
use kitbag_crypto::planted::{self, Planted};
use kitbag_crypto::{EpochKey, ItemKey, SealLabel, seal};
use std::collections::{BTreeMap, BTreeSet};

/// A log being written: where the next entry goes.
pub(crate) struct Pen {
    pub(crate) opening: LogOpening,
    pub(crate) log: LogId,
    next: u64,
    prev: Option<EntryHash>,
    epoch: EpochId,
    key: EpochKey,
    entries: Vec<VerifiedEntry>,
    bytes: usize,
    runs: Vec<VerifiedRun>,
}

/// What one entry is to say.
pub(crate) struct Draft<'d> {
    pub(crate) kind: EntryKind,
    pub(crate) object: ObjectTag,
    pub(crate) deps: Vec<EntryHash>,
    pub(crate) body: &'d EntryBody,
    pub(crate) item_key: &'d ItemKey,
}

impl Node {
    /// Opens the log in which this device writes `sensitivity` of a pack now, with an epoch that
    /// answers every denial it knows. `staged` receives an epoch if one had to be opened.
    pub(crate) fn pen(
        &mut self,
        pack: PackId,
        sensitivity: Sensitivity,
        write: bool,
        staged: &mut Staged,
    ) -> Result<Pen, NodeError> {
        let replica = self.packs.get(&pack).ok_or(NodeError::NotFound("pack"))?;
        if replica.has_newer_rules() {
            return Err(Denied::NewerRules.into());
        }
        let grant = own_grant(replica, self.me.person(), sensitivity, write)?;
        let may_open_epoch = replica.policy.may_write(&self.me.person(), sensitivity);
        let (epoch, key) = match usable_epoch(replica, sensitivity) {
            Some(found) => found,
            None if may_open_epoch => self.open_epoch(pack, sensitivity, grant, staged)?,
            None => return Err(Denied::NoKeyYet.into()),
        };
        let replica = &self.packs[&pack];
        let opening = own_log(
            replica,
            self.me.device(),
            self.life.incarnation,
            sensitivity,
            grant,
        );
        let log = opening.log_id();
        let (next, prev, frontier) = match replica.logs.get(&log) {
            Some(log) => (
                log.entries.len() as u64,
                log.entries.last().copied(),
                log.frontier.clone(),
            ),
            None => (0, None, None),
        };
        let mut pen = Pen {
            opening,
            log,
            next,
            prev,
            epoch,
            key,
            entries: vec![],
            bytes: 0,
            runs: vec![],
        };
        let heads = replica.policy.heads_at_most(FRONTIER_MAX);
        if frontier.as_ref() != Some(&heads) && !planted::is(Planted::FrontierNotWritten) {
            let header = pen.header(EntryKind::Frontier(heads), None, None, vec![], 0);
            pen.push(write_entry(header, None, None), &self.me.signing);
        }
        Ok(pen)
    }

    /// Seals one entry and appends it; returns its name.
    pub(crate) fn append(
        &mut self,
        pen: &mut Pen,
        draft: &Draft<'_>,
    ) -> Result<EntryHash, NodeError> {
        let plain = pack_body(draft.body)?;
        let padded = u32::try_from(plain.len()).expect("bodies are bounded far below 4 GiB");
        let header = pen.header(
            draft.kind.clone(),
            Some(pen.epoch),
            Some(draft.object),
            draft.deps.clone(),
            padded,
        );
        let aad = header.associated_data();
        let key = pen.key.danger_expose();
        let body = seal(
            SealLabel::Record,
            draft.item_key.danger_expose(),
            key,
            &aad,
            &plain,
            &mut *self.rng,
        );
        let creates = draft.kind == EntryKind::Create;
        let wrap = creates.then(|| {
            seal(
                SealLabel::ItemKey,
                &NO_SALT,
                key,
                &aad,
                draft.item_key.danger_expose(),
                &mut *self.rng,
            )
        });
        let entry = write_entry(header, Some(body), wrap);
        let hash = entry.hash();
        pen.push(entry, &self.me.signing);
        Ok(hash)
    }

    /// Closes a pen into runs to be committed.
    pub(crate) fn put_down(&self, mut pen: Pen, staged: &mut Staged) {
        pen.close_run(&self.me.signing);
        staged.runs.append(&mut pen.runs);
    }

    fn open_epoch(
        &mut self,
        pack: PackId,
        domain: Sensitivity,
        grant: GrantRef,
        staged: &mut Staged,
    ) -> Result<(EpochId, EpochKey), NodeError> {
        let replica = &self.packs[&pack];
        let parents = epoch_tips(replica, domain);
        let answered = answered_by(replica, parents.iter().copied());
        let key = EpochKey::generate(&mut *self.rng);
        let n = parents
            .iter()
            .map(|id| replica.epochs[id].signed.epoch().n + 1)
            .max()
            .unwrap_or(0);
        let mut parent_keys = Vec::new();
        for parent in &parents {
            let parent_key = replica.epochs[parent]
                .key
                .as_ref()
                .ok_or(Denied::NoKeyYet)?;
            parent_keys.push(seal_parent_key(
                pack,
                domain,
                n,
                *parent,
                parent_key,
                &key,
                &mut *self.rng,
            ));
        }
        let epoch = Epoch {
            version: EPOCH_VERSION,
            suite: SUITE,
            pack,
            domain,
            n,
            parents,
            answers: replica
                .policy
                .denials()
                .difference(&answered)
                .filter(|_| !planted::is(Planted::AnswersEmpty))
                .copied()
                .collect(),
            commitment: *key.commitment().as_bytes(),
            parent_keys,
            device: self.me.device(),
            grant,
            heads: replica.policy.heads(),
        };
        let signed = SignedEpoch::sign(epoch, &self.me.signing);
        let id = signed.id();
        staged.keys.push((id, key.clone()));
        staged.epochs.push(signed);
        Ok((id, key))
    }

    /// Builds and stages a policy operation with these acts, if the policy permits them now.
    pub(crate) fn stage_op(
        &mut self,
        pack: PackId,
        acts: Vec<Act>,
        now: Timestamp,
        staged: &mut Staged,
    ) -> Result<OpHash, NodeError> {
        let replica = self.packs.get(&pack).ok_or(NodeError::NotFound("pack"))?;
        if replica.has_newer_rules() {
            return Err(Denied::NewerRules.into());
        }
        // Whoever is let in by this very operation is not in the policy yet.
        let with_staged = (!staged.persons.is_empty()).then(|| {
            let persons = replica.persons.values().chain(&staged.persons).cloned();
            Policy::fold(pack, replica.ops.values().cloned(), persons)
        });
        let policy = with_staged.as_ref().unwrap_or(&replica.policy);
        let cites = policy.permit(&self.me.person(), &self.me.device(), &acts)?;
        let incarnation = self.life.incarnation;
        let same_log = |op: &&SignedOp| {
            op.op().device == self.me.device()
                && op.op().incarnation == incarnation
                && op.op().cites == Some(cites)
        };
        let last = replica
            .ops
            .values()
            .filter(same_log)
            .max_by_key(|op| op.op().seq);
        let prev = last.map(SignedOp::hash);
        let mut heads: Vec<OpHash> = replica
            .policy
            .heads_at_most(HEADS_MAX)
            .into_iter()
            .filter(|head| Some(*head) != prev)
            .collect();
        heads.sort();
        let op = Op {
            version: OP_VERSION,
            pack: Some(pack),
            device: self.me.device(),
            person: self.me.person(),
            person_head: self.me.person_op.hash(),
            incarnation,
            cites: Some(cites),
            seq: last.map_or(0, |op| op.op().seq + 1),
            prev,
            heads,
            at: now,
            body: Body::Acts(acts),
        };
        let signed = SignedOp::sign(op, &self.me.signing);
        let hash = signed.hash();
        staged.ops.push(signed);
        Ok(hash)
    }
}

impl Pen {
    fn header(
        &self,
        kind: EntryKind,
        epoch: Option<EpochId>,
        object: Option<ObjectTag>,
        deps: Vec<EntryHash>,
        padded_len: u32,
    ) -> EntryHeader {
        EntryHeader {
            version: CONTENT_VERSION,
            pack: self.opening.pack,
            log: self.log,
            seq: self.next,
            prev: self.prev,
            kind,
            epoch,
            object,
            deps,
            padded_len,
            body: None,
            wrap: None,
        }
    }

    /// Position at which the next entry will stand.
    pub(crate) fn next_seq(&self) -> u64 {
        self.next
    }

    fn push(&mut self, entry: VerifiedEntry, key: &kitbag_crypto::SigningKey) {
        let size = entry.raw().size();
        if self.bytes + size > RUN_BYTES_MAX || self.entries.len() as u64 >= RUN_ENTRIES_MAX {
            self.close_run(key);
        }
        self.bytes += size;
        self.next += 1;
        self.prev = Some(entry.hash());
        self.entries.push(entry);
    }

    fn close_run(&mut self, key: &kitbag_crypto::SigningKey) {
        if !self.entries.is_empty() {
            let entries = std::mem::take(&mut self.entries);
            self.runs
                .push(VerifiedRun::write(self.opening.clone(), entries, key));
            self.bytes = 0;
        }
    }
}

/// The grant under which this person writes (or, for a profile, reads) a sensitivity.
fn own_grant(
    replica: &Replica,
    me: kitbag_core::id::PersonId,
    sensitivity: Sensitivity,
    write: bool,
) -> Result<GrantRef, NodeError> {
    let member = replica.policy.member(&me).ok_or(Denied::NotAMember)?;
    let writing = member
        .grants
        .iter()
        .filter(|grant| grant.role.may_write() || (!write && grant.role.may_read()));
    let mut cleared = writing
        .clone()
        .filter(|grant| grant.clearance >= sensitivity);
    match cleared.next() {
        Some(grant) if replica.policy.may_open(&me, sensitivity) => Ok(grant.grant),
        Some(_) => Err(Denied::NotAMember.into()),
        None if writing.count() == 0 => Err(Denied::NotAWriter.into()),
        None => Err(Denied::AboveClearance.into()),
    }
}

/// The log for these bindings: the one that exists, or a new one that cites the last of this device
/// at this sensitivity, if an earlier incarnation wrote one.
fn own_log(
    replica: &Replica,
    device: kitbag_core::id::DeviceId,
    incarnation: kitbag_core::id::Incarnation,
    sensitivity: Sensitivity,
    grant: GrantRef,
) -> LogOpening {
    let own = |log: &&Log| {
        log.opening.device == device
            && log.opening.sensitivity == sensitivity
            && log.opening.grant == grant
    };
    let mine: Vec<&Log> = replica.logs.values().filter(own).collect();
    if let Some(log) = mine
        .iter()
        .find(|log| log.opening.incarnation == incarnation)
    {
        return log.opening.clone();
    }
    let after = mine
        .iter()
        .max_by_key(|log| log.number)
        .and_then(|log| log.end());
    LogOpening {
        version: CONTENT_VERSION,
        pack: replica.id(),
        device,
        sensitivity,
        incarnation,
        grant,
        after,
    }
}

/// The epoch to seal under: it answers every denial known here, all that it answers is folded here,
/// and its key is held; of several the highest, then the lowest hash.
fn usable_epoch(replica: &Replica, domain: Sensitivity) -> Option<(EpochId, EpochKey)> {
    let denials = replica.policy.denials();
    let mut best: Option<(u64, EpochId, &EpochKey)> = None;
    for held in replica
        .epochs
        .values()
        .filter(|held| held.signed.epoch().domain == domain)
    {
        let (id, n) = (held.signed.id(), held.signed.epoch().n);
        let Some(key) = &held.key else { continue };
        let answers = denials.is_subset(&answered_by(replica, [id]))
            || planted::is(Planted::ForgottenRotation);
        if !is_usable(replica, id) || !answers {
            continue;
        }
        let better = best
            .as_ref()
            .is_none_or(|(best_n, best_id, _)| n > *best_n || (n == *best_n && id < *best_id));
        if better {
            best = Some((n, id, key));
        }
    }
    best.map(|(_, id, key)| (id, key.clone()))
}

/// Whether every denial that this epoch and its ancestors answer is folded here, and every parent
/// key opened as committed: only then may one seal, wrap or build on it.
pub(crate) fn is_usable(replica: &Replica, epoch: EpochId) -> bool {
    let ancestors = ancestors(replica, [epoch]);
    let known = |denial: &Denial| replica.policy.has_taken_in(denial);
    ancestors.len()
        == ancestors
            .iter()
            .filter(|id| replica.epochs.contains_key(id))
            .count()
        && answered_by(replica, [epoch]).iter().all(known)
        && ancestors.iter().all(|id| replica.epochs[id].key.is_some())
}

/// Everything that these epochs and their ancestors answer.
pub(crate) fn answered_by(
    replica: &Replica,
    epochs: impl IntoIterator<Item = EpochId>,
) -> BTreeSet<Denial> {
    let of = ancestors(replica, epochs);
    of.iter()
        .filter_map(|id| replica.epochs.get(id))
        .flat_map(|held| held.signed.epoch().answers.iter().copied())
        .collect()
}

fn ancestors(replica: &Replica, epochs: impl IntoIterator<Item = EpochId>) -> BTreeSet<EpochId> {
    let mut found = BTreeSet::new();
    let mut ahead: Vec<EpochId> = epochs.into_iter().collect();
    while let Some(id) = ahead.pop() {
        if found.insert(id) {
            ahead.extend(
                replica
                    .epochs
                    .get(&id)
                    .iter()
                    .flat_map(|held| held.signed.epoch().parents.iter().copied()),
            );
        }
    }
    found
}

/// Usable epochs of a domain that no other usable one replaces, ascending: the parents of the next.
fn epoch_tips(replica: &Replica, domain: Sensitivity) -> Vec<EpochId> {
    let usable: BTreeMap<EpochId, &[EpochId]> = replica
        .epochs
        .iter()
        .filter(|(id, held)| held.signed.epoch().domain == domain && is_usable(replica, **id))
        .map(|(id, held)| (*id, held.signed.epoch().parents.as_slice()))
        .collect();
    let replaced: BTreeSet<EpochId> = usable
        .values()
        .flat_map(|parents| parents.iter().copied())
        .collect();
    usable
        .keys()
        .filter(|id| !replaced.contains(id))
        .copied()
        .take(kitbag_core::epoch::PARENTS_MAX)
        .collect()
}

/// Domains whose newest epochs do not answer every denial that this device knows.
pub(crate) fn rotation_debt(replica: &Replica) -> u64 {
    let domains: BTreeSet<Sensitivity> = replica
        .epochs
        .values()
        .map(|held| held.signed.epoch().domain)
        .collect();
    let owed = domains.into_iter().filter(|domain| {
        let tips = epoch_tips(replica, *domain);
        !tips.is_empty()
            && !tips.iter().any(|tip| {
                replica
                    .policy
                    .denials()
                    .is_subset(&answered_by(replica, [*tip]))
            })
    });
    owed.count() as u64
}
