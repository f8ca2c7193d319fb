//! Asking a peer and answering one: what goes out, and to whom.
//!
//! The policy is asked again for every single request. Control goes first: while the peer lacks any
//! operation, nothing else is sent, so that it knows who may write before it sees what was written.

use crate::replica::{Log, Replica};
use crate::write::is_usable;
use crate::{Node, NodeError};
use kitbag_core::content::{Run, VerifiedEntry};
use kitbag_core::epoch::WrapSet;
use kitbag_core::id::{EndpointId, EpochId, OpHash, PackId, PersonId};
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
        if clearance.is_none() && !joining && !self.hopes(replica, peer) {
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
        let content = logs.filter_map(|(id, log)| {
            log.end().map(|end| LogHave {
                log: *id,
                len: end.seq + 1,
                head: *end.hash.as_bytes(),
            })
        });
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

    /// Whether this device, which a pack gives nothing now, asks this member for news of it: somebody
    /// may have granted anew, or answered what keeps the keys away.
    pub(crate) fn hopes(&self, replica: &Replica, peer: &EndpointId) -> bool {
        let me = self.me.person();
        let named = replica.policy.standing(&self.me.endpoint_id()) != Standing::Unknown;
        named
            && !planted::is(Planted::RegrantUnheard)
            && !replica.policy.may_open(&me, Sensitivity::Public)
            && matches!(replica.policy.standing(peer), Standing::Member { .. })
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
            }) && is_usable(replica, *id)
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
        let have: BTreeMap<_, _> = want.content.iter().map(|have| (have.log, have)).collect();
        'logs: for (id, log) in replica.logs.iter().filter(|(_, log)| {
            log.opening.sensitivity <= clearance || planted::is(Planted::ContentAboveClearance)
        }) {
            let mut from = have.get(id).map_or(0, |have| have.len);
            if from > 0
                && log
                    .entries
                    .get(from as usize - 1)
                    .map(|hash| hash.as_bytes())
                    != have.get(id).map(|have| &have.head)
            {
                // The peer is ahead, or its branch is another one. If the log is its own, it hears of that.
                let own = replica
                    .policy
                    .certificate(&person)
                    .is_some_and(|certificate| certificate.device == log.opening.device);
                if own
                    && bytes < PAGE_BYTES_MAX
                    && let Some(run) = self.fork_of(log, from - 1)?
                {
                    bytes += run.entries.iter().map(|entry| entry.size()).sum::<usize>();
                    page.runs.push(run);
                }
                continue;
            }
            for head in log
                .heads
                .iter()
                .filter(|head| head.position.seq >= from)
                .cloned()
                .collect::<Vec<_>>()
            {
                if bytes >= PAGE_BYTES_MAX {
                    page.more = true;
                    return Ok(());
                }
                bytes += RUN_OVERHEAD;
                let mut run = Run {
                    opening: kitbag_core::codec::encode(&log.opening),
                    entries: vec![],
                    head: head.clone(),
                };
                for seq in from..=head.position.seq {
                    let Some(entry) = self.entry_to_send(log, seq)? else {
                        continue 'logs;
                    };
                    bytes += entry.raw().size();
                    run.entries.push(entry.raw().clone());
                }
                from = head.position.seq + 1;
                page.runs.push(run);
            }
        }
        Ok(())
    }

    /// What this device has of a log from a position on that somebody else has otherwise.
    fn fork_of(&self, log: &Log, from: u64) -> Result<Option<Run>, NodeError> {
        let Some(head) = log.heads.iter().find(|head| head.position.seq >= from) else {
            return Ok(None);
        };
        let mut run = Run {
            opening: kitbag_core::codec::encode(&log.opening),
            entries: vec![],
            head: head.clone(),
        };
        for seq in from..=head.position.seq {
            let Some(entry) = self.entry_to_send(log, seq)? else {
                return Ok(None);
            };
            run.entries.push(entry.raw().clone());
        }
        Ok(Some(run))
    }

    /// An entry, unless its row is damaged: then this log ends here for peers, and the others go on.
    fn entry_to_send(&self, log: &Log, seq: u64) -> Result<Option<VerifiedEntry>, NodeError> {
        match self.store.entry(log.number, seq) {
            Err(StoreError::Damaged { .. }) => Ok(None),
            other => Ok(other?),
        }
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
