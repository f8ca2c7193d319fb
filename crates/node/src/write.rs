//! Writing: entries of this device's own logs, epochs where one is owed, and policy operations.
//!
//! Everything is built and sealed first, then committed in one transaction with a signed head for
//! each log that it touches, then applied. Nothing is acknowledged or sent before.

use crate::error::Denied;
use crate::logs::Log;
use crate::membership::{not_a_member, refusal};
use crate::objects::NO_SALT;
use crate::replica::{Replica, Staged};
use crate::{Node, NodeError};
use kitbag_core::content::{
    CONTENT_VERSION, EntryBody, EntryHeader, EntryKind, FRONTIER_MAX, LogOpening, RUN_BYTES_MAX,
    RUN_ENTRIES_MAX, VerifiedEntry, VerifiedRun, pack_body, write_entry,
};
use kitbag_core::id::{
    DeviceId, EntryHash, EpochId, Incarnation, LogId, ObjectTag, OpHash, PackId, Timestamp,
};
use kitbag_core::policy::Sensitivity;
use kitbag_core::policy::fold::Policy;
use kitbag_core::policy::op::{Act, Body, GrantRef, HEADS_MAX, OP_VERSION, Op, SignedOp};
use kitbag_crypto::planted::{self, Planted};
use kitbag_crypto::{EpochKey, ItemKey, SealLabel, seal};
use std::collections::BTreeSet;

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
    pub(crate) deps: BTreeSet<EntryHash>,
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
        let replica = self.packs.need(pack)?;
        if replica.has_newer_rules() {
            return Err(Denied::NewerRules.into());
        }
        let grant = own_grant(replica, self.me.person(), sensitivity, write)?;
        self.pen_under(pack, sensitivity, grant, staged)
    }

    /// The same, under a grant that was chosen already and reaches this sensitivity.
    pub(crate) fn pen_under(
        &mut self,
        pack: PackId,
        sensitivity: Sensitivity,
        grant: GrantRef,
        staged: &mut Staged,
    ) -> Result<Pen, NodeError> {
        let (epoch, key) = self.epoch_to_seal(pack, sensitivity, staged)?;
        if !staged.plan {
            self.leave_forks(pack)?;
        }
        let replica = self.packs.need(pack)?;
        let opening = own_log(
            replica,
            self.me.device(),
            self.life.incarnation,
            sensitivity,
            grant,
        );
        let log = opening.log_id();
        let (next, prev, frontier) = match replica.logs.get(&log).and_then(Log::trunk) {
            Some(trunk) => (
                trunk.next_seq(),
                trunk.entries.last().copied(),
                trunk.frontier.clone(),
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
            let header = pen.header(EntryKind::Frontier(heads), None, None, BTreeSet::new(), 0);
            pen.push(write_entry(header, None, None), &self.me.signing);
        }
        Ok(pen)
    }

    /// The epoch under which this device seals now. `staged` receives it if it had to be opened.
    pub(crate) fn epoch_to_seal(
        &mut self,
        pack: PackId,
        sensitivity: Sensitivity,
        staged: &mut Staged,
    ) -> Result<(EpochId, EpochKey), NodeError> {
        let replica = self.packs.need(pack)?;
        let may_open_epoch = replica.policy.may_write(&self.me.person(), sensitivity);
        let found = replica.usable_epoch(sensitivity);
        match found.or_else(|| staged.newest_epoch(sensitivity)) {
            Some(found) => Ok(found),
            None if may_open_epoch => {
                // Who reads under one grant and writes under another tells a profile under the first,
                // but everybody refuses an epoch under it.
                let writing = own_grant(replica, self.me.person(), sensitivity, true)?;
                self.open_epoch(pack, sensitivity, writing, staged)
            }
            None => Err(Denied::NoKeyYet.into()),
        }
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
        let creates = matches!(draft.kind, EntryKind::Create | EntryKind::Move);
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

    /// Appends an entry about an object that has no body.
    pub(crate) fn append_bare(
        &self,
        pen: &mut Pen,
        kind: EntryKind,
        object: ObjectTag,
        deps: BTreeSet<EntryHash>,
    ) {
        let header = pen.header(kind, None, Some(object), deps, 0);
        pen.push(write_entry(header, None, None), &self.me.signing);
    }

    /// Closes a pen into runs to be committed.
    pub(crate) fn put_down(&self, mut pen: Pen, staged: &mut Staged) {
        pen.close_run(&self.me.signing);
        staged.runs.append(&mut pen.runs);
    }

    /// Whether a log with these bindings is one in which this device writes now.
    pub(crate) fn goes_on_in(&self, log: &LogOpening) -> bool {
        self.writes_as(log.device, log.incarnation)
    }

    /// Whether an operation stands in a log in which this device writes now.
    pub(crate) fn goes_on_after(&self, op: &SignedOp) -> bool {
        self.writes_as(op.op().device, op.op().incarnation)
    }

    fn writes_as(&self, device: DeviceId, incarnation: Incarnation) -> bool {
        (device, incarnation) == (self.me.device(), self.life.incarnation)
    }

    /// Goes on in new logs if one in which this device would go on has forked: nobody could tell on
    /// which branch, and what it grants there would wait for ever.
    pub(crate) fn leave_forks(&mut self, pack: PackId) -> Result<(), NodeError> {
        let Some(replica) = self.packs.get(&pack) else {
            return Ok(());
        };
        let mut forked = replica.logs.values().filter(|log| log.is_forked());
        let forked_logs = replica.policy.forked_logs();
        let in_forked_log = |op: &SignedOp| forked_logs.contains(&op.log());
        if forked.any(|log| self.goes_on_in(&log.opening))
            || (!forked_logs.is_empty()
                && replica
                    .ops
                    .values()
                    .any(|op| self.goes_on_after(op) && in_forked_log(op)))
        {
            self.begin_incarnation()?;
        }
        Ok(())
    }

    /// Cites the end of each log of this device that is surplus, in a new log: whatever a kept log goes
    /// on from is kept too. Only who was copied twice, or more often, has any.
    pub(crate) fn stage_continuations(
        &mut self,
        pack: PackId,
        staged: &mut Staged,
    ) -> Result<(), NodeError> {
        let Some(replica) = self.packs.get(&pack) else {
            return Ok(());
        };
        if replica.surplus.is_empty() {
            return Ok(());
        }
        let me = (self.me.person(), self.me.device());
        let mut left_behind = BTreeSet::new();
        let mut new_log = false;
        for log in replica.logs.values() {
            let opening = &log.opening;
            let end = log.trunk().and_then(|trunk| trunk.end());
            let surplus = end.is_some_and(|end| replica.surplus.contains(&end.hash));
            let grant = own_grant(replica, me.0, opening.sensitivity, false).ok();
            if opening.device == me.1 && surplus && grant == Some(opening.grant) {
                left_behind.insert(opening.sensitivity);
                // One log cites one end, when it is opened.
                let current = |other: &Log| {
                    self.goes_on_in(&other.opening)
                        && other.opening.sensitivity == opening.sensitivity
                };
                new_log |= replica.logs.values().any(current);
            }
        }
        if new_log {
            self.begin_incarnation()?;
        }
        for sensitivity in left_behind {
            match self.pen(pack, sensitivity, false, staged) {
                Ok(pen) => self.put_down(pen, staged),
                Err(NodeError::Denied(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Builds and stages a policy operation with these acts, if the policy permits them now. It goes
    /// on in no log that forked, unless it is only planned.
    pub(crate) fn stage_op(
        &mut self,
        pack: PackId,
        acts: Vec<Act>,
        now: Timestamp,
        staged: &mut Staged,
    ) -> Result<OpHash, NodeError> {
        self.permitted(pack, &acts, staged)?; // nothing begins anew for what is refused
        if !staged.plan {
            self.leave_forks(pack)?;
        }
        self.sign_op(pack, acts, now, staged)
    }

    /// As [`Node::stage_op`], wherever this device writes now.
    pub(crate) fn sign_op(
        &self,
        pack: PackId,
        acts: Vec<Act>,
        now: Timestamp,
        staged: &mut Staged,
    ) -> Result<OpHash, NodeError> {
        let cites = self.permitted(pack, &acts, staged)?;
        let replica = self.packs.need(pack)?;
        self.stage_op_under(replica, cites, acts, now, staged)
    }

    /// The grant under which the policy lets this person do these acts now.
    fn permitted(
        &self,
        pack: PackId,
        acts: &[Act],
        staged: &Staged,
    ) -> Result<GrantRef, NodeError> {
        let replica = self.packs.need(pack)?;
        if replica.has_newer_rules() {
            return Err(Denied::NewerRules.into());
        }
        // Whoever is let in by this very operation is not in the policy yet.
        let with_staged = (!staged.persons.is_empty()).then(|| {
            let persons = replica.persons.values().chain(&staged.persons).cloned();
            Policy::fold(pack, replica.ops.values().cloned(), persons)
        });
        let policy = with_staged.as_ref().unwrap_or(&replica.policy);
        let cites = policy.permit(&self.me.person(), &self.me.device(), acts);
        cites.map_err(|refused| refusal(replica, self.me.person(), refused))
    }

    /// As [`Node::sign_op`], under a grant of this person that the policy was asked about.
    pub(crate) fn stage_op_under(
        &self,
        replica: &Replica,
        cites: GrantRef,
        acts: Vec<Act>,
        now: Timestamp,
        staged: &mut Staged,
    ) -> Result<OpHash, NodeError> {
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
            pack: Some(replica.id()),
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
        deps: BTreeSet<EntryHash>,
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
            deps: deps.into_iter().collect(),
            padded_len,
            body: None,
            wrap: None,
        }
    }

    /// Position at which the next entry will stand.
    pub(crate) fn next_seq(&self) -> u64 {
        self.next
    }

    /// Bytes of what was appended and is not yet durable.
    pub(crate) fn pending_bytes(&self) -> usize {
        let runs = self.runs.iter().flat_map(VerifiedRun::entries);
        self.bytes + runs.map(|entry| entry.raw().size()).sum::<usize>()
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
    let member = replica.policy.member(&me);
    let member = member.ok_or_else(|| not_a_member(replica, me))?;
    let writing = member
        .grants
        .iter()
        .filter(|grant| grant.role.may_write() || (!write && grant.role.may_read()));
    let mut cleared = writing
        .clone()
        .filter(|grant| grant.clearance >= sensitivity);
    match cleared.next() {
        Some(grant) if replica.policy.may_open(&me, sensitivity) => Ok(grant.grant),
        Some(_) => Err(not_a_member(replica, me).into()),
        None if writing.count() == 0 => Err(Denied::NotAWriter.into()),
        None => Err(Denied::AboveClearance.into()),
    }
}

/// The log for these bindings: the one that exists, or a new one that cites the last of this device
/// at this sensitivity, if an earlier incarnation wrote one.
fn own_log(
    replica: &Replica,
    device: DeviceId,
    incarnation: Incarnation,
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
    // First of all an end that nothing else keeps, or may keep when more branches come; else the newest.
    let cited: BTreeSet<EntryHash> = mine
        .iter()
        .filter_map(|log| log.opening.after)
        .map(|after| after.hash)
        .collect();
    let ends = mine.iter().filter_map(|log| {
        let (trunk, end) = (log.trunk()?, log.trunk()?.end()?);
        let needed = log.is_forked() && !cited.contains(&end.hash);
        let surplus = replica.surplus.contains(&end.hash);
        Some(((surplus, needed, trunk.number), end))
    });
    let after = ends.max_by_key(|(order, _)| *order).map(|(_, end)| end);
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
