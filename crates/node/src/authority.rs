//! Whether an entry may take effect now, and if not, why.
//!
//! Asked of the policy again whenever policy or entries change, and never stored. While nothing ends
//! any log the answer needs the entry's own grant alone. After a removal, an entry beyond the end of
//! its log may be vouched for by somebody's later work on the same object, so all entries of that
//! object are judged together; what was found is kept until one of them or the policy changes.
//! Spec: `docs/spec/content.md`, "What counts".

use crate::objects::Object;
use crate::replica::{Place, Replica};
use kitbag_core::content::EntryKind;
use kitbag_core::id::{EntryHash, LogId, ObjectTag};
use kitbag_core::policy::Sensitivity;
use kitbag_core::policy::fold::content::{Entry, EntryVerdict, Frontiers, verdicts};
use kitbag_core::policy::fold::{ContentLog, LogEnd};
use kitbag_crypto::planted::{self, Planted};
use std::collections::{BTreeMap, BTreeSet};

/// Whether an entry may be applied, as policy and entries stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Authority {
    Valid,
    SetAside(Aside),
    /// Something that it needs is not here yet.
    Parked,
}

/// Why an entry is set aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aside {
    /// Beyond the end of its log, and nobody vouches for it.
    AfterRemoval,
    /// It rests on something that is set aside.
    BuildsOn,
    /// No grant that stands lets its author write this.
    NotAllowed,
    /// Its content is refused.
    Refused,
}

/// What was found, until policy or entries change.
#[derive(Default)]
pub(crate) struct Judged {
    ended: Option<Ended>,
    /// Of each object, apart by sensitivity. None where no entry stands in a log that ended.
    verdicts: BTreeMap<(ObjectTag, Sensitivity), Option<BTreeMap<EntryHash, EntryVerdict>>>,
    frontiers: Frontiers,
}

/// Logs that somebody ended, or that never counted.
#[derive(Default)]
struct Ended {
    logs: BTreeSet<LogId>,
    /// All entries of those in which two claim one place: a cutoff then picks a branch.
    forked: BTreeMap<LogId, Vec<EntryHash>>,
}

impl Judged {
    /// After the policy changed.
    pub(crate) fn forget(&mut self) {
        self.ended = None;
        self.verdicts.clear();
    }

    /// After an entry came. Returns whether it stands, or may stand, in a log that ended: then the
    /// branches that its cutoffs name may have changed, for every object.
    pub(crate) fn entry_came(&mut self, place: &Place) -> bool {
        let in_ended = self
            .ended
            .as_ref()
            .is_none_or(|ended| ended.logs.contains(&place.log));
        if in_ended {
            self.verdicts.clear();
        }
        if in_ended || place.seq == 0 {
            self.ended = None;
        }
        if let Some(tag) = place.object {
            for sensitivity in Sensitivity::ALL {
                self.verdicts.remove(&(tag, sensitivity));
            }
        }
        in_ended
    }
}

impl Replica {
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
        if self.surplus.contains(&hash) {
            return Authority::Parked;
        }
        let granted = self
            .content_log(place.log)
            .and_then(|log| Some((log, self.policy.grant(&log.grant)?)));
        let Some((log, grant)) = granted else {
            return Authority::Parked;
        };
        let is_about_author = matches!(place.kind, EntryKind::Profile | EntryKind::Frontier(_));
        let writes = grant.role.may_write() || planted::is(Planted::ReaderWrites);
        if (grant.clearance < log.sensitivity && !planted::is(Planted::ClearanceUnchecked))
            || !grant.role.may_read()
            || !(writes || is_about_author)
        {
            return Authority::SetAside(Aside::NotAllowed);
        }
        let beyond = Authority::SetAside(if grant.stands {
            Aside::AfterRemoval
        } else {
            Aside::NotAllowed
        });
        match place.object {
            Some(tag) if !is_about_author => match self.verdict(tag, &log, hash) {
                EntryVerdict::Valid => Authority::Valid,
                EntryVerdict::SetAside => Authority::SetAside(Aside::BuildsOn),
                EntryVerdict::Cut => beyond,
                EntryVerdict::Parked => Authority::Parked,
            },
            // Nobody builds on what somebody says about themselves, so nobody vouches for it.
            _ if self.is_before_end(place, hash, &log) => Authority::Valid,
            _ => beyond,
        }
    }

    fn is_before_end(&self, place: &Place, hash: EntryHash, log: &ContentLog) -> bool {
        match self.policy.content_end(log) {
            LogEnd::Open => true,
            LogEnd::Until(cutoff) => self.is_within(&cutoff, place, hash),
            LogEnd::Nothing => false,
        }
    }

    fn verdict(&self, tag: ObjectTag, log: &ContentLog, hash: EntryHash) -> EntryVerdict {
        let judged = &mut *self.judged.borrow_mut();
        let ended = judged.ended.get_or_insert_with(|| self.ended());
        if ended.logs.is_empty() {
            return EntryVerdict::Valid;
        }
        let frontiers = &mut judged.frontiers;
        let of_object = judged
            .verdicts
            .entry((tag, log.sensitivity))
            .or_insert_with(|| self.judge_together(tag, log.sensitivity, ended, frontiers));
        match of_object {
            None => EntryVerdict::Valid,
            Some(verdicts) => verdicts.get(&hash).copied().unwrap_or(EntryVerdict::Parked),
        }
    }

    fn ended(&self) -> Ended {
        let is_open = |log: &LogId| {
            self.content_log(*log)
                .is_none_or(|log| self.policy.content_end(&log) == LogEnd::Open)
        };
        let logs: BTreeSet<LogId> = self
            .logs
            .keys()
            .filter(|log| !is_open(log))
            .copied()
            .collect();
        let mut forked: BTreeMap<LogId, Vec<EntryHash>> = BTreeMap::new();
        if !logs.is_empty() {
            let mut taken = BTreeSet::new();
            for (hash, place) in &self.places {
                if logs.contains(&place.log) && !self.surplus.contains(hash) {
                    forked.entry(place.log).or_default().push(*hash);
                    taken.insert((place.log, place.seq));
                }
            }
            let places_of = |log: &LogId| taken.iter().filter(|(of, _)| of == log).count();
            forked.retain(|log, entries| entries.len() > places_of(log));
        }
        Ended { logs, forked }
    }

    /// Judges the entries of one object that stand in logs of one sensitivity. What stands in another
    /// merely names the tag, and is not seen by everybody who sees this.
    fn judge_together(
        &self,
        tag: ObjectTag,
        sensitivity: Sensitivity,
        ended: &Ended,
        frontiers: &mut Frontiers,
    ) -> Option<BTreeMap<EntryHash, EntryVerdict>> {
        let of_object = &self.objects.get(&tag)?.entries;
        let group: BTreeMap<EntryHash, &Place> = of_object
            .iter()
            .filter_map(|hash| Some((*hash, self.places.get(hash)?)))
            .filter(|(_, place)| {
                self.logs
                    .get(&place.log)
                    .is_some_and(|log| log.opening.sensitivity == sensitivity)
            })
            .collect();
        let of_logs: BTreeSet<LogId> = group.values().map(|place| place.log).collect();
        if of_logs.is_disjoint(&ended.logs) {
            return None;
        }
        // What a moved note builds on under its other tags is judged there, and by where it stands.
        let moved = |place: &Place| matches!(place.kind, EntryKind::Move | EntryKind::Moved(_));
        let has_moved = group.values().any(|place| moved(place));
        let mut entries: Vec<Entry> = group
            .iter()
            .map(|(hash, place)| {
                let mut deps = place.deps.clone();
                deps.retain(|dep| !has_moved || group.contains_key(dep));
                entry(*hash, place, tag, deps)
            })
            .collect();
        // Other entries of a forked log only tell which branch a cutoff names.
        let beside = of_logs
            .iter()
            .filter_map(|log| ended.forked.get(log))
            .flatten();
        for hash in beside.filter(|hash| !group.contains_key(*hash)) {
            if let Some(place) = self.places.get(hash) {
                let nobodys = ObjectTag::from_bytes([0; 32]);
                entries.push(entry(*hash, place, place.object.unwrap_or(nobodys), vec![]));
            }
        }
        let logs = of_logs
            .iter()
            .filter_map(|log| Some((*log, self.content_log(*log)?)))
            .collect();
        Some(verdicts(&self.policy, &logs, &entries, frontiers))
    }

    /// The entries of an object that are set aside now, and why: those that do not count, those whose
    /// content is refused, and all that builds on them.
    pub(crate) fn set_aside_of(&self, object: &Object) -> BTreeMap<EntryHash, Aside> {
        self.set_aside_among(object, |hash| object.refused.reason(hash).is_some())
    }

    /// The same while the object is put together anew, and `refused` is found.
    pub(crate) fn set_aside_with(
        &self,
        object: &Object,
        refused: &BTreeSet<EntryHash>,
    ) -> BTreeMap<EntryHash, Aside> {
        self.set_aside_among(object, |hash| refused.contains(hash))
    }

    fn set_aside_among(
        &self,
        object: &Object,
        is_refused: impl Fn(&EntryHash) -> bool,
    ) -> BTreeMap<EntryHash, Aside> {
        let mut aside = BTreeMap::new();
        for hash in &object.entries {
            let Some(place) = self.places.get(hash) else {
                continue;
            };
            // What does not count is never opened where that is known first, so that it is refused
            // as well is told nowhere.
            if let Authority::SetAside(why) = self.authority(place, *hash) {
                aside.insert(*hash, why);
            } else if self.quarantined.contains_key(hash) || is_refused(hash) {
                aside.insert(*hash, Aside::Refused);
            }
        }
        if aside.is_empty() {
            return aside;
        }
        let dependents = self.dependents(object);
        let mut open: Vec<EntryHash> = aside.keys().copied().collect();
        while let Some(hash) = open.pop() {
            for dependent in dependents.get(&hash).into_iter().flatten() {
                aside.entry(*dependent).or_insert_with(|| {
                    open.push(*dependent);
                    Aside::BuildsOn
                });
            }
        }
        aside
    }

    /// What builds directly on each entry of an object.
    pub(crate) fn dependents(&self, object: &Object) -> BTreeMap<EntryHash, Vec<EntryHash>> {
        let mut dependents: BTreeMap<EntryHash, Vec<EntryHash>> = BTreeMap::new();
        for hash in &object.entries {
            for dep in self.places.get(hash).into_iter().flat_map(|p| &p.deps) {
                dependents.entry(*dep).or_default().push(*hash);
            }
        }
        dependents
    }
}

fn entry(hash: EntryHash, place: &Place, tag: ObjectTag, deps: Vec<EntryHash>) -> Entry {
    Entry {
        hash,
        log: place.log,
        seq: place.seq,
        prev: place.prev,
        tag,
        deps,
        frontier: place.frontier.to_vec(),
    }
}
