//! Taking in what a peer sent: verify everything, store it in one transaction, then apply it.
//!
//! Records are kept when they verify; whether they take effect is asked of the policy whenever it is
//! used. A record that no honest peer would forward closes the connection; one of a newer version,
//! or a log that forks, does not.

use crate::replica::{Replica, Staged};
use crate::{Node, NodeError};
use kitbag_core::content::{LogOpening, LogPosition, RunRefused, VerifiedEntry, VerifiedRun};
use kitbag_core::epoch::{EpochError, SignedEpoch, WrapSet};
use kitbag_core::id::{EpochId, LogId, PackId, Timestamp};
use kitbag_core::person::{PersonError, SignedPersonOp};
use kitbag_core::policy::Role;
use kitbag_core::policy::fold::Policy;
use kitbag_core::policy::op::{OpError, SignedOp};
use kitbag_core::wire::Page;
use kitbag_crypto::EpochKey;
use kitbag_crypto::planted::{self, Planted};
use kitbag_store::PackRow;
use std::collections::BTreeSet;

/// What became of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Intake {
    /// Something in it was new.
    pub(crate) progress: bool,
    /// This device wrote to the pack because of it.
    pub(crate) wrote: bool,
    /// The peer sent what no honest peer sends.
    pub(crate) breach: Option<&'static str>,
}

impl Intake {
    fn of_nothing(breach: Option<&'static str>) -> Intake {
        Intake {
            progress: false,
            wrote: false,
            breach,
        }
    }
}

impl Node {
    /// Verifies, stores and applies a page.
    pub(crate) fn take_in(&mut self, now: Timestamp, page: Page) -> Result<Intake, NodeError> {
        let pack = page.pack;
        let Some(replica) = self.packs.get(&pack) else {
            return Ok(Intake::of_nothing(None));
        };
        let (mut newer, page_goes_on) = (false, page.more);
        let checked = self.check(replica, page, &mut newer);
        let (staged, breach) = match checked {
            Ok(staged) => (staged, None),
            Err(breach) => return Ok(Intake::of_nothing(Some(breach))),
        };
        let learned = self.note_diverging(pack, &staged);
        let progress = !staged.is_empty();
        if newer {
            self.keep_newer_rules(pack, now)?;
        }
        let last = !page_goes_on;
        if staged.copied {
            self.begin_incarnation()?;
        }
        if progress {
            self.commit(pack, staged)?;
        }
        let changed = self.changed.remove(&pack);
        let maintained = match last {
            true => self.maintain(pack, now), // not before the keys came, or a new epoch would be opened for want of them
            false => Ok(()),
        };
        let wrote = self.changed.contains(&pack);
        if changed {
            self.changed.insert(pack);
        }
        maintained?;
        Ok(Intake {
            progress: progress || learned,
            wrote,
            breach,
        })
    }

    /// Remembers where a peer has a log otherwise, so that the next want says more about it. Says
    /// whether anything was learned.
    fn note_diverging(&mut self, pack: PackId, staged: &Staged) -> bool {
        let Some(replica) = self.packs.get_mut(&pack) else {
            return false;
        };
        let mut learned = false;
        for log in &staged.partings {
            let diverging = replica.diverging.entry(*log).or_default();
            learned |= !std::mem::replace(&mut diverging.parts, true);
        }
        for position in &staged.in_vain {
            let named = replica.logs.get(&position.log);
            if named.is_some_and(|log| replica.kept_heads(log).contains(position)) {
                continue; // the peer knew that, or will with the next want
            }
            let Some(branch) = replica.places.get(&position.hash).map(|place| place.branch) else {
                continue; // it came twice with this page
            };
            let diverging = replica.diverging.entry(position.log).or_default();
            let known = diverging.common.get(&branch);
            if known.is_none_or(|known| known.seq < position.seq) {
                diverging.common.insert(branch, *position);
                learned = true;
            }
        }
        learned
    }

    /// Remembers, across restarts, that this pack has rules that this program does not know.
    fn keep_newer_rules(&mut self, pack: PackId, now: Timestamp) -> Result<(), NodeError> {
        let Some(replica) = self.packs.get(&pack) else {
            return Ok(());
        };
        if replica.has_newer_rules() {
            return Ok(());
        }
        let row = PackRow {
            newer_rules: Some(now),
            ..replica.row.clone()
        };
        let number = replica.number;
        let mut batch = self.store.batch(&mut *self.rng)?;
        self.packs.mark(&mut batch, number, &pack)?;
        batch.put_pack(number, &row)?;
        batch.commit()?;
        self.packs.was_marked(&pack, []);
        if let Some(replica) = self.packs.get_mut(&pack) {
            replica.row = row;
        }
        Ok(())
    }

    fn check(
        &self,
        replica: &Replica,
        page: Page,
        newer: &mut bool,
    ) -> Result<Staged, &'static str> {
        let mut staged = Staged::default();
        check_ops(replica, &page, &mut staged, newer)?;
        check_persons(replica, &page, &mut staged)?;
        let refolded = (!staged.ops.is_empty() || !staged.persons.is_empty()).then(|| {
            let ops = replica.ops.values().chain(&staged.ops).cloned();
            let persons = replica.persons.values().chain(&staged.persons).cloned();
            Policy::fold(replica.id(), ops, persons)
        });
        let policy = refolded.as_ref().unwrap_or(&replica.policy);
        check_epochs(replica, policy, &page, &mut staged)?;
        self.check_wraps(replica, policy, &page, &mut staged)?;
        self.check_runs(replica, policy, page, &mut staged)?;
        staged.copied |= staged.ops.iter().any(|op| self.goes_on_after(op));
        let mut openings = staged.runs.iter().map(VerifiedRun::opening);
        staged.copied |= openings.any(|opening| self.goes_on_in(opening));
        Ok(staged)
    }

    fn check_runs(
        &self,
        replica: &Replica,
        policy: &Policy,
        page: Page,
        staged: &mut Staged,
    ) -> Result<(), &'static str> {
        let mut staged_places: BTreeSet<LogPosition> = BTreeSet::new();
        let mut left_out: BTreeSet<LogId> = BTreeSet::new();
        for run in page.runs {
            let opening = match LogOpening::decode(&run.opening) {
                Ok(opening) => opening,
                Err(RunRefused::NewerVersion) => continue,
                Err(_) => return Err("a log's opening record is malformed"),
            };
            if opening.pack != replica.id() {
                return Err("a log belongs to another pack");
            }
            let log = opening.log_id();
            let granted = policy.grant(&opening.grant).is_some_and(|grant| {
                policy.person_of_device(&opening.device) == Some(grant.person)
                    && grant.role.may_read()
                    && (grant.clearance >= opening.sensitivity
                        || planted::is(Planted::ClearanceUnchecked))
            });
            if !granted || left_out.contains(&log) {
                continue;
            }
            let knows = |at: &LogPosition| replica.has_entry(at) || staged_places.contains(at);
            let head = run.head.position;
            match VerifiedRun::verify(run, knows) {
                Ok(None) => staged.in_vain.push(head),
                Ok(Some(run)) => {
                    staged_places.extend(run.entries().iter().map(VerifiedEntry::position));
                    staged.runs.push(run);
                }
                Err(RunRefused::NewerVersion) => {
                    left_out.insert(log);
                }
                Err(RunRefused::Detached(seq)) => {
                    left_out.insert(log);
                    let known = replica.logs.get(&log);
                    if known.is_some_and(|known| known.has_number(seq)) {
                        // Something else stands there: two signed truths about one place.
                        staged.partings.insert(log);
                        staged.copied |= self.goes_on_in(&opening);
                    }
                    // Else what comes before it was lost with another connection, or is no longer
                    // here since a backup was put back. It is asked for again.
                }
                Err(_) => return Err("a run of entries does not verify"),
            }
        }
        Ok(())
    }

    fn check_wraps(
        &self,
        replica: &Replica,
        policy: &Policy,
        page: &Page,
        staged: &mut Staged,
    ) -> Result<(), &'static str> {
        for blob in &page.wraps {
            let set = match WrapSet::verify(&blob.0) {
                Ok(set) => set,
                Err(EpochError::NewerVersion) => continue,
                Err(_) => return Err("a set of wraps does not verify"),
            };
            let named = policy.person_of_device(&set.device).is_some();
            let Some(epoch) = find_epoch(replica, staged, set.epoch).filter(|_| named) else {
                continue;
            };
            if let Some(key) = set.open(&epoch, self.me.device(), &self.me.wrap) {
                stage_key(replica, staged, epoch, key);
            }
        }
        Ok(())
    }
}

/// Keeps operations of persons to whom a known grant gives something. What merely carries a valid
/// signature by some key is nobody's, and would fill the disk.
fn check_ops(
    replica: &Replica,
    page: &Page,
    staged: &mut Staged,
    newer: &mut bool,
) -> Result<(), &'static str> {
    for blob in &page.ops {
        let op = match SignedOp::verify(&blob.0) {
            Ok(op) => op,
            Err(OpError::NewerVersion(_)) => {
                // It might be a denial, but only if an admin of this pack wrote it for this pack.
                if SignedOp::pack_of(&blob.0) != Some(replica.id()) {
                    continue;
                }
                let author = SignedOp::author_of(&blob.0)
                    .and_then(|device| replica.policy.person_of_device(&device));
                let member = author.and_then(|person| replica.policy.member(&person));
                *newer |= member.is_some_and(|member| member.role() == Role::Admin);
                continue;
            }
            Err(_) => return Err("an operation does not verify"),
        };
        if op.pack() != replica.id() {
            return Err("an operation belongs to another pack");
        }
        let granted = match op.op().cites {
            None => true, // Genesis, whose hash is the pack
            Some(cites) => {
                let made = replica
                    .ops
                    .get(&cites.op)
                    .or_else(|| staged.ops.iter().find(|op| op.hash() == cites.op));
                made.and_then(|made| made.grantee(cites.act)) == Some(op.op().person)
            }
        };
        // Whoever names an operation is taken to have all before it in its log.
        let follows = op.op().prev.is_none_or(|prev| {
            replica.ops.contains_key(&prev) || staged.ops.iter().any(|op| op.hash() == prev)
        });
        if granted && follows && !replica.ops.contains_key(&op.hash()) {
            staged.ops.push(op);
        }
    }
    Ok(())
}

/// Keeps persons whom a known operation names.
fn check_persons(replica: &Replica, page: &Page, staged: &mut Staged) -> Result<(), &'static str> {
    if page.persons.is_empty() {
        return Ok(());
    }
    let mut named = BTreeSet::new();
    for op in replica.ops.values().chain(&staged.ops) {
        named.insert(op.op().person);
        named.extend((0..op.acts().len() as u32).filter_map(|act| op.grantee(act)));
    }
    for blob in &page.persons {
        match SignedPersonOp::verify(&blob.0) {
            Ok(person)
                if named.contains(&person.person())
                    && !replica.persons.contains_key(&person.person()) =>
            {
                staged.persons.push(person)
            }
            Ok(_) | Err(PersonError::NewerVersion) => {}
            Err(_) => return Err("a person record does not verify"),
        }
    }
    Ok(())
}

fn check_epochs(
    replica: &Replica,
    policy: &Policy,
    page: &Page,
    staged: &mut Staged,
) -> Result<(), &'static str> {
    for blob in &page.epochs {
        let signed = match SignedEpoch::verify(&blob.0) {
            Ok(signed) => signed,
            Err(EpochError::NewerVersion) => continue,
            Err(_) => return Err("an epoch does not verify"),
        };
        let epoch = signed.epoch();
        if epoch.pack != replica.id() {
            return Err("an epoch belongs to another pack");
        }
        if replica.epochs.contains_key(&signed.id()) {
            continue;
        }
        let granted = policy.grant(&epoch.grant).is_some_and(|grant| {
            policy.person_of_device(&epoch.device) == Some(grant.person)
                && grant.role.may_write()
                && grant.clearance >= epoch.domain
        });
        let known = |id: &EpochId| {
            let held = replica.epochs.get(id).map(|held| held.signed.epoch());
            held.or_else(|| {
                staged
                    .epochs
                    .iter()
                    .find(|epoch| epoch.id() == *id)
                    .map(SignedEpoch::epoch)
            })
        };
        if granted && signed.continues_parents(known) {
            staged.epochs.push(signed);
        }
    }
    Ok(())
}

fn find_epoch(replica: &Replica, staged: &Staged, id: EpochId) -> Option<SignedEpoch> {
    let held = replica.epochs.get(&id).map(|held| held.signed.clone());
    held.or_else(|| staged.epochs.iter().find(|epoch| epoch.id() == id).cloned())
}

/// Stages a key and every ancestor's key that it opens.
fn stage_key(replica: &Replica, staged: &mut Staged, epoch: SignedEpoch, key: EpochKey) {
    let mut ahead = vec![(epoch, key)];
    while let Some((epoch, key)) = ahead.pop() {
        let held = replica
            .epochs
            .get(&epoch.id())
            .is_some_and(|held| held.key.is_some());
        if held || staged.keys.iter().any(|(id, _)| *id == epoch.id()) {
            continue;
        }
        for (parent, parent_key) in epoch.open_parent_keys(&key) {
            if let Some(parent) =
                find_epoch(replica, staged, parent).filter(|parent| parent.commits_to(&parent_key))
            {
                ahead.push((parent, parent_key));
            }
        }
        staged.keys.push((epoch.id(), key));
    }
}
