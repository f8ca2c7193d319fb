//! Which moves of a note count, and where it stands by them.

use super::{Group, reach_in};
use crate::authority::Authority;
use crate::objects::sensitivity_of;
use crate::replica::Place;
use kitbag_core::content::EntryKind;
use kitbag_core::id::{EntryHash, ObjectTag, PersonId};
use kitbag_core::policy::{Role, Sensitivity};
use std::collections::{BTreeMap, BTreeSet};

/// Which nodes count, and where the note stands by them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Creates and moves, each after its past.
    pub(super) openings: Vec<EntryHash>,
    pub(super) moveds: BTreeSet<EntryHash>,
    pub(super) tip: Option<EntryHash>,
    /// Creates and moves in no other's past.
    pub(super) tips: Vec<(Sensitivity, ObjectTag, EntryHash)>,
    pub(super) shown_below: Vec<(Sensitivity, ObjectTag, EntryHash)>,
    pub(super) highest: u64,
    pub(super) hidden: bool,
    pub(super) hidden_below: bool,
    pub(super) waiting: u64,
}

impl Group<'_> {
    fn past(&self, of: &EntryHash) -> BTreeSet<EntryHash> {
        let mut past = reach_in(self.replica, &self.entries, [*of], Sensitivity::Restricted);
        past.remove(of);
        past
    }

    /// Role and clearance of the grant under which an entry was written.
    fn grant(&self, place: &Place) -> Option<(Role, Sensitivity)> {
        let log = self.replica.content_log(place.log)?;
        let grant = self.replica.policy.grant(&log.grant)?;
        let clearance = match grant.role {
            Role::Admin => Sensitivity::Restricted,
            _ => grant.clearance,
        };
        Some((grant.role, clearance))
    }

    /// Moveds whose author may hide a note at their sensitivity.
    fn moveds(&self) -> BTreeSet<EntryHash> {
        let opened: BTreeSet<(ObjectTag, Sensitivity)> = self
            .moves
            .keys()
            .chain(self.created.iter().map(|(hash, _)| hash))
            .filter_map(|hash| Some((self.tag(hash)?, self.level(hash)?.0)))
            .collect();
        let counts = |hash: &EntryHash, tag: ObjectTag| {
            let place = self.place(hash)?;
            let own = sensitivity_of(self.replica, place)?;
            let (role, clearance) = self.grant(place)?;
            let entitled = role == Role::Admin || clearance > own;
            let valid = self.replica.authority(place, *hash) == Authority::Valid;
            let names = matches!(place.kind, EntryKind::Moved(_));
            let here = names && opened.contains(&(tag, own));
            Some(entitled && valid && here)
        };
        self.entries
            .iter()
            .filter(|(hash, tag)| counts(hash, **tag) == Some(true))
            .map(|(hash, _)| *hash)
            .collect()
    }

    /// Finds which nodes count and where the note stands.
    pub(super) fn judge(&self, reader: PersonId) -> Verdict {
        let moveds = self.moveds();
        let mut verdict = Verdict {
            waiting: self.waiting,
            ..Verdict::default()
        };
        verdict
            .openings
            .extend(self.created.iter().map(|(hash, _)| *hash));
        let pasts: BTreeMap<EntryHash, BTreeSet<EntryHash>> = self
            .moves
            .keys()
            .map(|hash| (*hash, self.past(hash)))
            .collect();
        let mut rest: Vec<EntryHash> = self.moves.keys().copied().collect();
        rest.sort_by_key(|hash| (self.level(hash).map(|(_, placement)| placement), *hash));
        while let Some(at) = rest
            .iter()
            .position(|hash| !rest.iter().any(|other| pasts[hash].contains(other)))
        {
            let hash = rest.remove(at);
            match self.counts(hash, &pasts, &verdict.openings, &moveds) {
                Counts::Yes => verdict.openings.push(hash),
                Counts::NotYet => verdict.waiting += 1,
                Counts::No => {}
            }
        }
        verdict.highest = self.highest(&verdict.openings);
        verdict.tip = self.tip(&verdict.openings, &pasts);
        verdict.tips = self.tips(&verdict.openings, &pasts);
        verdict.moveds = moveds;
        if let Some((stands, _)) = verdict.tip.and_then(|tip| self.level(&tip)) {
            self.judge_sight(&mut verdict, &pasts, stands, reader);
        }
        verdict
    }

    /// Finds who does not see the note where it stands, and who sees it elsewhere.
    fn judge_sight(
        &self,
        verdict: &mut Verdict,
        pasts: &BTreeMap<EntryHash, BTreeSet<EntryHash>>,
        stands: Sensitivity,
        reader: PersonId,
    ) {
        // For whoever is cleared so far, a move answers the moveds in its past.
        let answered = |moved: &EntryHash, clearance: Sensitivity| {
            let mut seen = verdict
                .openings
                .iter()
                .filter(|opening| self.level(opening).is_some_and(|(own, _)| own <= clearance));
            seen.any(|opening| pasts.get(opening).is_some_and(|past| past.contains(moved)))
        };
        let clearance = Sensitivity::ALL
            .into_iter()
            .rev()
            .find(|s| self.replica.policy.may_open(&reader, *s));
        let (mut hidden, mut hidden_below) = (false, false);
        let mut shown_below: Vec<_> = verdict
            .tips
            .iter()
            .filter(|(own, _, _)| *own < stands)
            .copied()
            .collect();
        for hash in &verdict.moveds {
            let Some(place) = self.place(hash) else {
                continue;
            };
            let (EntryKind::Moved(to), Some(own), Some((_, reach))) = (
                &place.kind,
                sensitivity_of(self.replica, place),
                self.grant(place),
            ) else {
                continue;
            };
            let counts = verdict.openings.contains(to);
            let lacking = !self.replica.places.contains_key(to) && Some(reach) > clearance;
            hidden |= lacking && clearance.is_none_or(|clearance| !answered(hash, clearance));
            let lowest = stands.max(own);
            hidden_below |= !counts && lowest < reach && !answered(hash, lowest);
            let goes = self.level(to).filter(|_| counts).map(|(goes, _)| goes);
            shown_below.retain(|(at, _, _)| {
                own > *at || goes.is_none_or(|goes| goes <= *at) || answered(hash, *at)
            });
        }
        verdict.hidden = hidden;
        verdict.hidden_below = hidden_below;
        verdict.shown_below = shown_below;
    }

    /// Whether a move counts, given those before it.
    fn counts(
        &self,
        hash: EntryHash,
        pasts: &BTreeMap<EntryHash, BTreeSet<EntryHash>>,
        counted: &[EntryHash],
        moveds: &BTreeSet<EntryHash>,
    ) -> Counts {
        let (Some(place), Some(moved)) = (self.place(&hash), self.moves.get(&hash)) else {
            return Counts::No;
        };
        if self
            .record(counted)
            .is_some_and(|record| *record != moved.relocation.record)
        {
            return Counts::No;
        }
        let before: Vec<EntryHash> = counted
            .iter()
            .filter(|opening| pasts[&hash].contains(*opening))
            .copied()
            .collect();
        let highest = (!before.is_empty()).then(|| self.highest(&before));
        let placement = moved.relocation.placement;
        let admin = self.grant(place).map(|(role, _)| role) == Some(Role::Admin);
        let follows = |highest| placement == highest + 1 || (admin && placement > highest);
        if !highest.is_none_or(follows) {
            return Counts::No;
        }
        let all_here = place.deps.iter().all(|dep| self.place(dep).is_some());
        let stood = self
            .tip(&before, pasts)
            .and_then(|tip| self.level(&tip))
            .map(|(sensitivity, _)| sensitivity);
        let raises = all_here && stood.is_some_and(|stood| moved.sensitivity > stood);
        if raises {
            let left = moveds
                .iter()
                .filter_map(|hash| self.place(hash))
                .any(|left| left.kind == EntryKind::Moved(hash));
            return if left { Counts::Yes } else { Counts::NotYet };
        }
        match (admin, all_here) {
            (true, _) => Counts::Yes,
            (false, false) => Counts::NotYet,
            (false, true) => Counts::No,
        }
    }

    /// The record of those that count; they all have the same.
    fn record(&self, counted: &[EntryHash]) -> Option<&kitbag_core::pack::Record> {
        let first = counted.first()?;
        match (&self.created, self.moves.get(first)) {
            (_, Some(moved)) => Some(&moved.relocation.record),
            (created, None) => created.as_ref().map(|(_, note)| &note.record),
        }
    }

    fn highest(&self, openings: &[EntryHash]) -> u64 {
        let placements = openings.iter().filter_map(|hash| self.level(hash));
        placements
            .map(|(_, placement)| placement)
            .max()
            .unwrap_or(0)
    }

    /// Those of these that no other builds on, lowest first.
    fn tips(
        &self,
        openings: &[EntryHash],
        pasts: &BTreeMap<EntryHash, BTreeSet<EntryHash>>,
    ) -> Vec<(Sensitivity, ObjectTag, EntryHash)> {
        let replaced = |hash: &EntryHash| {
            openings
                .iter()
                .any(|other| pasts.get(other).is_some_and(|past| past.contains(hash)))
        };
        let mut tips: Vec<_> = openings
            .iter()
            .filter(|hash| !replaced(hash))
            .filter_map(|hash| Some((self.level(hash)?.0, self.tag(hash)?, *hash)))
            .collect();
        tips.sort_unstable();
        tips
    }

    /// The one at which the note stands by these alone.
    fn tip(
        &self,
        openings: &[EntryHash],
        pasts: &BTreeMap<EntryHash, BTreeSet<EntryHash>>,
    ) -> Option<EntryHash> {
        let tips = self.tips(openings, pasts);
        tips.into_iter()
            .min_by_key(|(sensitivity, _, hash)| (std::cmp::Reverse(*sensitivity), *hash))
            .map(|(_, _, hash)| hash)
    }
}

enum Counts {
    Yes,
    NotYet,
    No,
}
