//! Stage 11: what of a content log counts after its author's grant ended.
//!
//! An entry is *cut* if a counted Remove or Leave that killed the grant of its log does not name a
//! cutoff at or above it, or if that grant does not stand. A cut entry *counts* all the same if
//! somebody built on it in good faith: an entry that counts, by another person with write role for
//! that sensitivity, under the same object tag, that reaches it through dependencies, and whose own
//! frontier, folded by itself, does not cut it. An entry is *valid* if it counts and everything it
//! depends on is valid. Nothing of this applies to control logs.
//! Spec: `docs/spec/policy.md`, "Content after a cutoff".

use super::outcome::Seat;
use super::{GrantInfo, Policy};
use crate::id::{DeviceId, EntryHash, LogId, ObjectTag, OpHash, PersonId};
use crate::policy::Sensitivity;
use crate::policy::op::{Cutoff, GrantRef};
use kitbag_crypto::planted::{self, Planted};
use std::collections::{BTreeMap, BTreeSet};

/// A content log and all that its id binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentLog {
    /// The log.
    pub log: LogId,
    /// Who writes.
    pub person: PersonId,
    /// With which device.
    pub device: DeviceId,
    /// Under which grant.
    pub grant: GrantRef,
    /// What every entry's sensitivity is.
    pub sensitivity: Sensitivity,
}

/// How far a content log counts, vouching aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogEnd {
    /// Nothing ends it.
    Open,
    /// Up to and with this entry: the lowest of the cutoffs that name it.
    Until(Cutoff),
    /// No entry of it.
    Nothing,
}

/// One content entry, as far as its verdict needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub hash: EntryHash,
    /// Its log.
    pub log: LogId,
    /// Position in the log, from 0.
    pub seq: u64,
    /// The entry before it in the log.
    pub prev: Option<EntryHash>,
    /// The object it belongs to.
    pub tag: ObjectTag,
    /// The entries it depends on.
    pub deps: Vec<EntryHash>,
    /// Policy heads its author had seen: the newest frontier of its log at or before it.
    pub frontier: Vec<OpHash>,
}

/// What becomes of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryVerdict {
    /// It is applied.
    Valid,
    /// It counts, but depends on something that does not: shown, and may be written anew.
    SetAside,
    /// It is beyond the end of its log and nobody vouches for it: shown, and may be written anew.
    Cut,
    /// Its log, the log's grant, or something it depends on is not here yet.
    Parked,
}

/// Folds of frontiers by themselves, kept between calls. One stays right when the policy grows,
/// since nothing new enters the past of a head.
#[derive(Debug, Default)]
pub struct Frontiers(BTreeMap<Vec<OpHash>, Policy>);

impl Frontiers {
    /// Folds that are kept, at most; more are folded again when asked for.
    pub const KEPT_MAX: usize = 256;

    /// The fold of these heads by themselves; `None` when one is unknown or parked.
    fn at(&mut self, policy: &Policy, heads: &[OpHash]) -> Option<&Policy> {
        if !self.0.contains_key(heads) {
            let fold = policy.at(heads)?;
            if self.0.len() >= Self::KEPT_MAX {
                self.0.clear();
            }
            self.0.insert(heads.to_vec(), fold);
        }
        self.0.get(heads)
    }
}

impl Policy {
    /// Where a content log ends now (stage 11), vouching aside.
    ///
    /// Whether its author may write at all, and what kinds of entry, is not asked here: see
    /// [`Policy::may_write`] and the role of [`Policy::grant`].
    pub fn content_end(&self, log: &ContentLog) -> LogEnd {
        self.cutoffs(log).lowest()
    }

    /// Where the denials that count and killed a grant end one of its logs, of control or of content:
    /// what their authors knew of it. Whether the grant stands is not asked.
    pub fn named_end(&self, grant: &GrantRef, log: LogId) -> LogEnd {
        let seat = self.outcome.grants.get(grant);
        seat.map_or(LogEnd::Open, |seat| seat.named(log).lowest())
    }

    fn cutoffs(&self, log: &ContentLog) -> Ends {
        match self.outcome.grants.get(&log.grant) {
            Some(seat) if seat.info.stands && carries(&seat.info, log) => seat.named(log.log),
            _ => Ends::Nothing,
        }
    }
}

impl Seat {
    fn named(&self, log: LogId) -> Ends {
        if planted::is(Planted::CutoffsIgnored) {
            return Ends::Open;
        }
        let named: Option<Vec<Cutoff>> = self
            .ends
            .iter()
            .map(|cutoffs| lowest(cutoffs, log))
            .collect();
        match named {
            None => Ends::Nothing,
            Some(cutoffs) if cutoffs.is_empty() => Ends::Open,
            Some(cutoffs) => Ends::At(cutoffs),
        }
    }
}

/// Judges entries together. `logs` holds the binding of each log; entries whose log it lacks park.
///
/// Every entry of `entries` gets one verdict; their order does not matter.
pub fn verdicts(
    policy: &Policy,
    logs: &BTreeMap<LogId, ContentLog>,
    entries: &[Entry],
    frontiers: &mut Frontiers,
) -> BTreeMap<EntryHash, EntryVerdict> {
    let graph = Entries::of(logs, entries);
    let counts = graph.count(policy, frontiers);
    graph.validate(policy, &counts)
}

enum Ends {
    Open,
    /// One for each denial that killed the grant: an entry counts if all of them leave it.
    At(Vec<Cutoff>),
    Nothing,
}

impl Ends {
    fn lowest(self) -> LogEnd {
        match self {
            Ends::Open => LogEnd::Open,
            Ends::At(cutoffs) => cutoffs
                .into_iter()
                .min_by_key(|cutoff| (cutoff.seq, cutoff.head))
                .map_or(LogEnd::Nothing, LogEnd::Until),
            Ends::Nothing => LogEnd::Nothing,
        }
    }
}

/// Whether the grant is one under which this log can be written at all.
fn carries(grant: &GrantInfo, log: &ContentLog) -> bool {
    grant.person == log.person && log.sensitivity <= grant.clearance
}

fn lowest(cutoffs: &[Cutoff], log: LogId) -> Option<Cutoff> {
    cutoffs
        .iter()
        .filter(|cutoff| cutoff.log == log)
        .min_by_key(|cutoff| (cutoff.seq, cutoff.head))
        .copied()
}

/// The entries with their neighbours.
struct Entries<'a> {
    logs: &'a BTreeMap<LogId, ContentLog>,
    entries: BTreeMap<EntryHash, &'a Entry>,
    dependents: BTreeMap<EntryHash, Vec<EntryHash>>,
    /// Dependencies before dependents; what depends on itself is left out.
    oldest_first: Vec<EntryHash>,
    /// Logs in which two entries claim one place.
    forked: BTreeSet<LogId>,
}

impl<'a> Entries<'a> {
    fn of(logs: &'a BTreeMap<LogId, ContentLog>, entries: &'a [Entry]) -> Entries<'a> {
        let entries: BTreeMap<EntryHash, &Entry> =
            entries.iter().map(|entry| (entry.hash, entry)).collect();
        let mut dependents: BTreeMap<EntryHash, Vec<EntryHash>> = BTreeMap::new();
        let mut awaited: BTreeMap<EntryHash, usize> = BTreeMap::new();
        for entry in entries.values() {
            let deps: BTreeSet<EntryHash> = entry
                .deps
                .iter()
                .filter(|dep| entries.contains_key(dep))
                .copied()
                .collect();
            awaited.insert(entry.hash, deps.len());
            deps.into_iter()
                .for_each(|dep| dependents.entry(dep).or_default().push(entry.hash));
        }
        let mut oldest_first: Vec<EntryHash> = awaited
            .iter()
            .filter(|(_, awaited)| **awaited == 0)
            .map(|(hash, _)| *hash)
            .collect();
        let mut next = 0;
        while let Some(hash) = oldest_first.get(next).copied() {
            next += 1;
            for dependent in dependents.get(&hash).into_iter().flatten() {
                if let Some(awaited) = awaited.get_mut(dependent) {
                    *awaited -= 1;
                    if *awaited == 0 {
                        oldest_first.push(*dependent);
                    }
                }
            }
        }
        let mut places = BTreeSet::new();
        let forked = entries
            .values()
            .filter(|entry| !places.insert((entry.log, entry.seq)))
            .map(|entry| entry.log)
            .collect();
        Entries {
            logs,
            entries,
            dependents,
            oldest_first,
            forked,
        }
    }

    /// Newest first: what is not cut, and what is vouched for by what counts.
    fn count(&self, policy: &Policy, frontiers: &mut Frontiers) -> BTreeSet<EntryHash> {
        let mut good_faith = GoodFaith {
            entries: self,
            policy,
            frontiers,
            uncut: Uncut::new(self),
            counts: BTreeSet::new(),
        };
        for hash in self.oldest_first.iter().rev() {
            let entry = self.entries[hash];
            let Some(log) = self.logs.get(&entry.log) else {
                continue;
            };
            if good_faith.uncut.leaves(policy, log, entry) || good_faith.has_voucher(log, entry) {
                good_faith.counts.insert(*hash);
            }
        }
        good_faith.counts
    }

    /// Oldest first: what counts and rests only on what is valid.
    fn validate(
        &self,
        policy: &Policy,
        counts: &BTreeSet<EntryHash>,
    ) -> BTreeMap<EntryHash, EntryVerdict> {
        let mut verdicts: BTreeMap<EntryHash, EntryVerdict> = self
            .entries
            .keys()
            .map(|hash| (*hash, EntryVerdict::Parked))
            .collect();
        for hash in &self.oldest_first {
            let entry = self.entries[hash];
            let known = self
                .logs
                .get(&entry.log)
                .is_some_and(|log| policy.is_folded(&log.grant.op));
            let of_deps: Option<Vec<EntryVerdict>> = entry
                .deps
                .iter()
                .map(|dep| verdicts.get(dep).copied())
                .collect();
            let verdict = match of_deps {
                Some(deps) if known && !deps.contains(&EntryVerdict::Parked) => {
                    if !counts.contains(hash) {
                        EntryVerdict::Cut
                    } else if deps.iter().all(|dep| *dep == EntryVerdict::Valid) {
                        EntryVerdict::Valid
                    } else {
                        EntryVerdict::SetAside
                    }
                }
                _ => EntryVerdict::Parked,
            };
            verdicts.insert(*hash, verdict);
        }
        verdicts
    }
}

/// Looks for entries that vouch for a cut one. Whatever depends on it was decided before.
struct GoodFaith<'a, 'b> {
    entries: &'a Entries<'a>,
    policy: &'b Policy,
    frontiers: &'b mut Frontiers,
    uncut: Uncut<'a>,
    counts: BTreeSet<EntryHash>,
}

impl GoodFaith<'_, '_> {
    fn has_voucher(&mut self, log: &ContentLog, entry: &Entry) -> bool {
        let entries = self.entries;
        let mut seen = BTreeSet::new();
        let mut open = vec![entry.hash];
        while let Some(hash) = open.pop() {
            for dependent in entries.dependents.get(&hash).into_iter().flatten() {
                if !seen.insert(*dependent) {
                    continue;
                }
                if self.counts.contains(dependent)
                    && self.vouches(entries.entries[dependent], log, entry)
                {
                    return true;
                }
                open.push(*dependent);
            }
        }
        false
    }

    fn vouches(&mut self, voucher: &Entry, log: &ContentLog, entry: &Entry) -> bool {
        let Some(theirs) = self.entries.logs.get(&voucher.log) else {
            return false;
        };
        let writes =
            |grant: &GrantInfo| grant.role.may_write() && grant.clearance >= log.sensitivity;
        theirs.person != log.person
            && voucher.tag == entry.tag
            && self.policy.grant(&theirs.grant).is_some_and(writes)
            && self
                .frontiers
                .at(self.policy, &voucher.frontier)
                .is_some_and(|then| self.uncut.leaves(then, log, entry))
    }
}

/// Tells which entries a policy leaves; walks each named head back once.
struct Uncut<'a> {
    entries: &'a Entries<'a>,
    upto: BTreeMap<[u8; 32], BTreeSet<EntryHash>>,
}

impl<'a> Uncut<'a> {
    fn new(entries: &'a Entries<'a>) -> Uncut<'a> {
        Uncut {
            entries,
            upto: BTreeMap::new(),
        }
    }

    fn leaves(&mut self, policy: &Policy, log: &ContentLog, entry: &Entry) -> bool {
        match policy.cutoffs(log) {
            Ends::Open => true,
            Ends::Nothing => false,
            Ends::At(cutoffs) => cutoffs.iter().all(|cutoff| self.is_within(cutoff, entry)),
        }
    }

    /// Within a cutoff is its head and what leads to it in the log. In a log that did not fork that is
    /// all that stands below it; of such a log the entries between may be left out, so nothing is
    /// walked. In one that forked nobody can tell, while the head is not here, which branch was meant.
    fn is_within(&mut self, cutoff: &Cutoff, entry: &Entry) -> bool {
        if entry.seq > cutoff.seq {
            return false;
        }
        let entries = self.entries;
        if !entries.forked.contains(&entry.log) {
            return true;
        }
        self.upto
            .entry(cutoff.head)
            .or_insert_with(|| entries.chain(EntryHash::from_bytes(cutoff.head)))
            .contains(&entry.hash)
    }
}

impl Entries<'_> {
    fn chain(&self, head: EntryHash) -> BTreeSet<EntryHash> {
        let mut chain = BTreeSet::new();
        let mut next = Some(head);
        while let Some(entry) = next.and_then(|hash| self.entries.get(&hash)) {
            if !chain.insert(entry.hash) {
                break;
            }
            next = entry.prev;
        }
        chain
    }
}
