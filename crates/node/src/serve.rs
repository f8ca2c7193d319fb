//! Asking a peer and answering one: what goes out, and to whom.
//!
//! The policy is asked again for every single request. Control goes first: while the peer lacks any
//! operation, nothing else is sent, so that it knows who may write before it sees what was written.

use crate::logs::{Branch, Coverage, Log};
use crate::replica::Replica;
use crate::{Node, NodeError};
use kitbag_core::content::{RawEntry, Run, SignedHead};
use kitbag_core::epoch::WrapSet;
use kitbag_core::id::{EndpointId, EpochId, LogId, OpHash, PackId, PersonId};
use kitbag_core::policy::Sensitivity;
use kitbag_core::policy::fold::Standing;
use kitbag_core::wire::{Blob, LogHave, PAGE_BYTES_MAX, Page, Want};
use kitbag_crypto::planted::{self, Planted};
use kitbag_store::StoreError;
use std::collections::{BTreeMap, BTreeSet};

/// Epochs whose key one page brings, at most: a wrap costs its maker about a tenth of a millisecond.
const WRAPS_PER_PAGE: usize = 64;

/// What a run adds to its entries in a page, at most, in bytes: the log's opening and a signed head.
const RUN_OVERHEAD: usize = 512;

impl Node {
    /// What this device has of a pack, for a peer that may know; none if this peer may not be asked.
    pub(crate) fn want(&self, peer: &EndpointId, pack: PackId) -> Option<Want> {
        let replica = self.packs.get(&pack)?;
        let joining = self
            .joining
            .get(&pack)
            .is_some_and(|peers| peers.contains(peer));
        let clearance = replica.shared_clearance(self.me.person(), peer);
        let hopes = replica.hopes_for(&self.me.endpoint_id(), peer);
        if clearance.is_none() && !joining && !hopes {
            return None;
        }
        let control = replica.control_logs().into_iter().flat_map(|(log, ops)| {
            let heads = crate::replica::branch_heads(&ops);
            let len = |head: &OpHash| replica.ops.get(head).map_or(0, |op| op.op().seq + 1);
            heads
                .into_iter()
                .map(move |head| LogHave {
                    log,
                    len: len(&head),
                    head: *head.as_bytes(),
                })
                .collect::<Vec<_>>()
        });
        let visible = |s: Sensitivity| clearance.is_some_and(|clearance| s <= clearance);
        let logs = replica
            .logs
            .iter()
            .filter(|(_, log)| visible(log.opening.sensitivity));
        let content = logs.flat_map(|(id, log)| replica.named_of(id, log));
        let epochs = replica
            .epochs
            .values()
            .filter(|held| visible(held.signed.epoch().domain));
        Some(Want {
            pack,
            persons: replica.persons.keys().copied().collect(),
            control: control.collect(),
            epochs: epochs.map(|held| held.signed.id()).collect(),
            keys: clearance
                .map(|clearance| replica.lacking_keys(clearance))
                .unwrap_or_default(),
            content: content.collect(),
        })
    }

    /// The answer to a peer's want, as far as the policy lets this peer know anything.
    pub(crate) fn answer(&mut self, peer: &EndpointId, want: &Want) -> Result<Page, NodeError> {
        let Some(replica) = self.packs.get(&want.pack) else {
            return Ok(Page::empty(want.pack));
        };
        match replica.policy.standing(peer) {
            Standing::Unknown if planted::is(Planted::StandingIgnored) => {
                Ok(control_page(replica, want, None))
            }
            Standing::Unknown => Ok(Page::empty(want.pack)),
            Standing::Ended { .. } => {
                let ended = replica.policy.ended_ops_for(peer).into_iter().collect();
                Ok(control_page(replica, want, Some(&ended)))
            }
            Standing::Disputed { .. } => Ok(control_page(replica, want, None)),
            Standing::Member { person, .. } => {
                let mut page = control_page(replica, want, None);
                if page.is_empty()
                    && let Some(clearance) = replica.shared_clearance(self.me.person(), peer)
                {
                    self.content_page(want, person, clearance, &mut page)?;
                }
                Ok(page)
            }
        }
    }

    fn content_page(
        &mut self,
        want: &Want,
        person: PersonId,
        clearance: Sensitivity,
        page: &mut Page,
    ) -> Result<(), NodeError> {
        let Some(replica) = self.packs.get(&want.pack) else {
            return Ok(());
        };
        let known: BTreeSet<_> = want.epochs.iter().collect();
        let mut lacking: Vec<_> = replica
            .epochs
            .values()
            .filter(|held| {
                let domain = held.signed.epoch().domain;
                (domain <= clearance || planted::is(Planted::WrapsForAnybody))
                    && !known.contains(&held.signed.id())
            })
            .map(|held| &held.signed)
            .collect();
        lacking.sort_by_key(|signed| (signed.epoch().n, signed.id()));
        let mut wanted: BTreeSet<EpochId> = want.keys.iter().copied().collect();
        let mut bytes = 0;
        for signed in lacking {
            if bytes >= PAGE_BYTES_MAX {
                page.more = true;
                break;
            }
            bytes += signed.bytes().len();
            page.epochs.push(Blob(signed.bytes().to_vec()));
            wanted.insert(signed.id());
        }
        let may = |id: &EpochId| {
            let held = replica.epochs.get(id).filter(|held| held.key.is_some());
            let domain = held.map(|held| held.signed.epoch().domain);
            domain.is_some_and(|domain| {
                domain <= clearance && replica.policy.may_open(&person, domain)
                    || planted::is(Planted::WrapsForAnybody)
            }) && replica.is_usable(id)
        };
        if replica.has_newer_rules() {
            wanted.clear(); // what this device does not understand may have ended the peer
        }
        wanted.retain(may);
        for (count, id) in maximal(replica, &wanted).into_iter().enumerate() {
            if count >= WRAPS_PER_PAGE {
                page.more = true;
                break;
            }
            let Some(held) = replica.epochs.get(&id) else {
                continue;
            };
            let (Some(key), Some(certificate)) = (&held.key, replica.policy.certificate(&person))
            else {
                continue;
            };
            if let Ok(set) = WrapSet::make(
                &held.signed,
                key,
                certificate,
                &self.me.signing,
                &mut *self.rng,
            ) {
                bytes += set.len();
                page.wraps.push(Blob(set));
            }
        }
        let mut haves: BTreeMap<LogId, Vec<&LogHave>> = BTreeMap::new();
        for have in &want.content {
            haves.entry(have.log).or_default().push(have);
        }
        let visible = replica.logs.iter().filter(|(_, log)| {
            log.opening.sensitivity <= clearance || planted::is(Planted::ContentAboveClearance)
        });
        for (id, log) in visible {
            let haves = haves.get(id).map(Vec::as_slice).unwrap_or_default();
            self.runs_of(replica, *id, log, haves, &mut bytes, page)?;
            if page.more && bytes >= PAGE_BYTES_MAX {
                break;
            }
        }
        Ok(())
    }

    /// The runs of one log that a peer lacks, of every branch that is kept, until the page is full.
    ///
    /// A run continues something that the peer named. If it named nothing that is known here, it is
    /// ahead, and gets nothing: or it is on another branch, and is shown one run of this one, so that
    /// it names places further back.
    fn runs_of(
        &self,
        replica: &Replica,
        id: LogId,
        log: &Log,
        haves: &[&LogHave],
        bytes: &mut usize,
        page: &mut Page,
    ) -> Result<(), NodeError> {
        let Coverage { covered, unknown } = replica.coverage(id, log, haves.iter().copied());
        let begins_otherwise = haves.iter().any(|have| have.len == 1);
        let strange =
            unknown.is_some() && !begins_otherwise && covered.iter().all(|known| *known == 0);
        let mut needed = vec![0; log.branches.len()];
        for (at, branch) in log.branches.iter().enumerate() {
            let kept = branch
                .end()
                .filter(|_| replica.kept_len(branch) == branch.entries.len());
            // Who has something longer may have it on top of this one; then it gives, and is not given.
            let Some(end) = kept.filter(|end| unknown.is_none_or(|len| len <= end.seq + 1)) else {
                continue;
            };
            if let Some(len) = unknown.filter(|_| strange) {
                return self.show_parting(log, (at, len.saturating_sub(1)), bytes, page);
            }
            log.cover(&mut needed, at, end.seq + 1);
        }
        for (branch, (known, needed)) in log.branches.iter().zip(covered.into_iter().zip(needed)) {
            let (mut from, until) = (branch.start() + known, branch.start() + needed);
            for head in &branch.heads {
                if head.position.seq < from || from >= until {
                    continue;
                }
                if *bytes >= PAGE_BYTES_MAX {
                    page.more = true;
                    return Ok(());
                }
                let Some(run) = self.run_up_to(log, branch, from, head)? else {
                    return Ok(());
                };
                *bytes += RUN_OVERHEAD + run.entries.iter().map(RawEntry::size).sum::<usize>();
                page.runs.push(run);
                from = head.position.seq + 1;
            }
        }
        Ok(())
    }

    /// Shows a peer what stands here in a place where it has something else.
    fn show_parting(
        &self,
        log: &Log,
        (branch, seq): (usize, u64),
        bytes: &mut usize,
        page: &mut Page,
    ) -> Result<(), NodeError> {
        page.more = true;
        let Some(branch) = log
            .branch_at(branch, seq)
            .and_then(|at| log.branches.get(at))
        else {
            return Ok(());
        };
        let head = branch.heads.iter().find(|head| head.position.seq >= seq);
        if let Some(head) = head.filter(|_| *bytes < PAGE_BYTES_MAX)
            && let Some(run) = self.run_up_to(log, branch, seq, head)?
        {
            *bytes += RUN_OVERHEAD + run.entries.iter().map(RawEntry::size).sum::<usize>();
            page.runs.push(run);
        }
        Ok(())
    }

    /// A run of a branch up to a head; none if a row of it is damaged: then this log ends here for
    /// peers, and the others go on.
    fn run_up_to(
        &self,
        log: &Log,
        branch: &Branch,
        from: u64,
        head: &SignedHead,
    ) -> Result<Option<Run>, NodeError> {
        let mut run = Run {
            opening: kitbag_core::codec::encode(&log.opening),
            entries: vec![],
            head: head.clone(),
        };
        for seq in from..=head.position.seq {
            match self.store.entry(branch.number, seq) {
                Ok(Some(entry)) => run.entries.push(entry.raw().clone()),
                Ok(None) | Err(StoreError::Damaged { .. }) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Some(run))
    }
}

/// The persons and operations that a peer lacks; limited to some operations for one that was ended.
fn control_page(replica: &Replica, want: &Want, only: Option<&BTreeSet<OpHash>>) -> Page {
    let mut page = Page::empty(want.pack);
    let known: BTreeSet<_> = want.persons.iter().collect();
    let authors: BTreeSet<PersonId> = match only {
        None => replica.persons.keys().copied().collect(),
        Some(only) => only
            .iter()
            .filter_map(|hash| replica.ops.get(hash))
            .map(|op| op.op().person)
            .collect(),
    };
    let mut bytes = 0;
    for person in replica
        .persons
        .values()
        .filter(|p| authors.contains(&p.person()) && !known.contains(&p.person()))
    {
        if bytes >= PAGE_BYTES_MAX / 2 {
            break; // room for operations: persons are kept only once an operation names them
        }
        bytes += person.bytes().len();
        page.persons.push(Blob(person.bytes().to_vec()));
    }
    let held = held_ops(replica, want);
    for hash in &replica.op_order {
        if held.contains(hash) || only.is_some_and(|only| !only.contains(hash)) {
            continue;
        }
        if bytes >= PAGE_BYTES_MAX {
            break;
        }
        let Some(op) = replica.ops.get(hash) else {
            continue;
        };
        bytes += op.bytes().len();
        page.ops.push(Blob(op.bytes().to_vec()));
    }
    page.more = !page.is_empty();
    page
}

/// The operations that a peer has: what it names as a head, and everything before it in the log. If
/// the head is unknown here, the peer is ahead in this log: it is taken to have all of it up to
/// there, or it would be sent the same again and again, and nothing else.
fn held_ops(replica: &Replica, want: &Want) -> BTreeSet<OpHash> {
    let mut held = BTreeSet::new();
    let logs = replica.control_logs();
    for have in &want.control {
        if !replica.ops.contains_key(&OpHash::from_bytes(have.head)) {
            let ops: Vec<_> = logs.get(&have.log).into_iter().flatten().collect();
            // Something else stands here at that place: two branches, and each side must see both.
            let forks = ops.iter().any(|op| op.op().seq + 1 == have.len);
            if !forks {
                held.extend(
                    ops.iter()
                        .filter(|op| op.op().seq < have.len)
                        .map(|op| op.hash()),
                );
            }
        }
        let mut at = Some(OpHash::from_bytes(have.head));
        while let Some(op) = at.and_then(|hash| replica.ops.get(&hash)) {
            if !held.insert(op.hash()) {
                break;
            }
            at = op.op().prev;
        }
    }
    held
}

/// Those of `wanted` that are no ancestor of another of them: their keys bring the ancestors' keys.
fn maximal(replica: &Replica, wanted: &BTreeSet<EpochId>) -> Vec<EpochId> {
    let mut below = BTreeSet::new();
    for id in wanted {
        let mut ahead: Vec<_> = replica
            .epochs
            .get(id)
            .map(|held| held.signed.epoch().parents.clone())
            .unwrap_or_default();
        while let Some(parent) = ahead.pop() {
            if below.insert(parent) {
                ahead.extend(
                    replica
                        .epochs
                        .get(&parent)
                        .iter()
                        .flat_map(|held| held.signed.epoch().parents.iter().copied()),
                );
            }
        }
    }
    wanted
        .iter()
        .filter(|id| !below.contains(id))
        .copied()
        .collect()
}
