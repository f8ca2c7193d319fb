//! Which branches of forked content logs are kept: a pure function of the entries.
//!
//! An entry is *kept* if it is
//!
//! 1. one of the two lowest hashes among the entries that stand in one place: those that continue one
//!    kept entry, or that begin one log; or
//! 2. built on by a kept entry of the same sensitivity: named in its dependencies, or as the end that
//!    its log continues; or
//! 3. continued by a kept entry of its log; or
//! 4. where a Remove or Leave of the pack ends its log: named in one of the cutoffs.
//!
//! Everything else is *surplus*. Where no place has three entries, there is none.
//!
//! Without 4, somebody who was removed could still grind earlier branches with lower hashes, until what
//! the removal left of them is surplus. Every Remove and Leave that is stored names, also one that does
//! not count: what counts is the policy's to say, and an entry more that is kept harms nobody.
//!
//! Replicas that hold different entries and give each other what they keep, again and again until
//! neither has anything new for the other, end with the same kept entries: those of all entries
//! together. (If one kept something that the other does not, take the first such entry that the rules
//! lead to. By 2 and 3 it could not be: what keeps it is kept by both, and it is here by both. By 4
//! neither, once both have the operation, which goes before entries. By 1,
//! two lower ones stand in its place at the other, which then keeps and gave them.) What is surplus
//! at one replica may be kept once an entry arrives that builds on it, so it is stored.
//!
//! What is kept of one sensitivity does not depend on entries of another, so that devices which do not
//! hold the same sensitivities agree on those that both hold.
//! Spec: `docs/spec/content.md`, "Forks".

use crate::id::{EntryHash, LogId};
use crate::policy::Sensitivity;
use crate::policy::op::Cutoff;
use std::collections::{BTreeMap, BTreeSet};

/// An entry, as far as branches are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link<'a> {
    /// Its name.
    pub hash: EntryHash,
    /// Its log.
    pub log: LogId,
    /// What every entry's sensitivity is in that log.
    pub sensitivity: Sensitivity,
    /// The entry before it in the log.
    pub prev: Option<EntryHash>,
    /// The entries it depends on.
    pub deps: &'a [EntryHash],
    /// Where the log that it opens goes on from; only in the first entry of such a log.
    pub after: Option<EntryHash>,
}

/// The entries that are not kept.
///
/// Takes every entry of a pack, each after or before those it continues or builds on; of each entry
/// all that it continues is there. `ends` are the cutoffs of all its Removes and Leaves; those that
/// name nothing here change nothing. Work grows with the number of entries and of cutoffs.
pub fn surplus<'a>(
    entries: impl IntoIterator<Item = Link<'a>>,
    ends: impl IntoIterator<Item = Cutoff>,
) -> BTreeSet<EntryHash> {
    let links: BTreeMap<EntryHash, Link<'a>> =
        entries.into_iter().map(|link| (link.hash, link)).collect();
    let mut places: BTreeMap<(LogId, Option<EntryHash>), Lowest> = BTreeMap::new();
    for link in links.values() {
        places
            .entry((link.log, link.prev))
            .or_default()
            .offer(link.hash);
    }
    let beginnings = places.iter().filter(|((_, prev), _)| prev.is_none());
    let mut ahead: Vec<EntryHash> = beginnings.flat_map(|(_, lowest)| lowest.both()).collect();
    ahead.extend(ends.into_iter().filter_map(|end| {
        let named = EntryHash::from_bytes(end.head);
        let link = links.get(&named)?; // it may not be here yet, or be an operation
        (link.log == end.log).then_some(named)
    }));
    let mut kept = BTreeSet::new();
    while let Some(hash) = ahead.pop() {
        let Some(link) = links.get(&hash).filter(|_| kept.insert(hash)) else {
            continue;
        };
        let next = places.get(&(link.log, Some(hash)));
        ahead.extend(next.into_iter().flat_map(Lowest::both));
        let rests_on = link.deps.iter().copied().chain(link.after).chain(link.prev);
        let beside = |hash: &EntryHash| {
            let other = links.get(hash); // it may not be here yet
            other.is_some_and(|other| other.sensitivity == link.sensitivity)
        };
        ahead.extend(rests_on.filter(beside));
    }
    links
        .into_keys()
        .filter(|hash| !kept.contains(hash))
        .collect()
}

/// The two lowest of the hashes that were offered, ascending.
#[derive(Default)]
struct Lowest([Option<EntryHash>; 2]);

impl Lowest {
    fn offer(&mut self, hash: EntryHash) {
        let Lowest([first, second]) = self;
        if first.is_none_or(|first| hash < first) {
            *second = first.replace(hash);
        } else if second.is_none_or(|second| hash < second) {
            *second = Some(hash);
        }
    }

    fn both(&self) -> impl Iterator<Item = EntryHash> + use<> {
        self.0.into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    /// An entry with a random name; logs with an odd number are of another sensitivity.
    #[derive(Clone, Debug)]
    struct Made {
        hash: EntryHash,
        log: LogId,
        sensitivity: Sensitivity,
        prev: Option<EntryHash>,
        deps: Vec<EntryHash>,
        after: Option<EntryHash>,
    }

    /// What a replica holds: entries, and cutoffs that operations name.
    #[derive(Clone, Default)]
    struct Stored {
        entries: BTreeMap<EntryHash, Made>,
        ends: BTreeSet<Cutoff>,
    }

    impl Stored {
        fn of<'a>(made: impl IntoIterator<Item = &'a Made>) -> Stored {
            let entries = made.into_iter().map(|made| (made.hash, made.clone()));
            Stored {
                entries: entries.collect(),
                ends: BTreeSet::new(),
            }
        }

        fn len(&self) -> usize {
            self.entries.len() + self.ends.len()
        }
    }

    fn end_of(made: &Made) -> Cutoff {
        Cutoff {
            log: made.log,
            seq: 0,
            head: *made.hash.as_bytes(),
        }
    }

    struct Dice(ChaCha8Rng);

    impl Dice {
        fn below(&mut self, n: usize) -> usize {
            (self.0.next_u64() % n.max(1) as u64) as usize
        }

        fn entry(&mut self, log: u8, prev: Option<EntryHash>) -> Made {
            let mut hash = [0; 32];
            self.0.fill_bytes(&mut hash);
            Made {
                hash: EntryHash::from_bytes(hash),
                log: LogId::from_bytes([log; 32]),
                sensitivity: Sensitivity::ALL[usize::from(log % 2)],
                prev,
                deps: vec![],
                after: None,
            }
        }

        /// Logs that fork anywhere, with entries that build on any others, of any log.
        fn history(&mut self) -> Vec<Made> {
            let mut made: Vec<Made> = Vec::new();
            let logs = 1 + self.below(4);
            let forks = self.below(70);
            for _ in 0..self.below(60) {
                let log = self.below(logs) as u8;
                let of_log: Vec<EntryHash> = made
                    .iter()
                    .filter(|entry| entry.log == LogId::from_bytes([log; 32]))
                    .map(|entry| entry.hash)
                    .collect();
                let prev = if self.below(100) < forks {
                    let at = self.below(of_log.len() + 1);
                    of_log.get(at).copied()
                } else {
                    of_log.last().copied()
                };
                let mut entry = self.entry(log, prev);
                if !made.is_empty() && self.below(3) == 0 {
                    entry.deps = vec![made[self.below(made.len())].hash];
                }
                if prev.is_none() && !made.is_empty() && self.below(2) == 0 {
                    entry.after = Some(made[self.below(made.len())].hash);
                }
                made.push(entry);
            }
            made
        }
    }

    fn surplus_of(stored: &Stored) -> BTreeSet<EntryHash> {
        let links = stored.entries.values().map(|made| Link {
            hash: made.hash,
            log: made.log,
            sensitivity: made.sensitivity,
            prev: made.prev,
            deps: &made.deps,
            after: made.after,
        });
        surplus(links, stored.ends.iter().copied())
    }

    fn kept(stored: &Stored) -> BTreeSet<EntryHash> {
        let surplus = surplus_of(stored);
        let kept = stored.entries.keys().filter(|hash| !surplus.contains(hash));
        kept.copied().collect()
    }

    /// The rules of the module's head, said again and applied until nothing changes.
    fn kept_by_the_rules(stored: &Stored) -> BTreeSet<EntryHash> {
        let mut kept: BTreeSet<EntryHash> = BTreeSet::new();
        loop {
            let before = kept.len();
            for entry in stored.entries.values() {
                let place = |other: &&Made| other.log == entry.log && other.prev == entry.prev;
                let lower = stored
                    .entries
                    .values()
                    .filter(place)
                    .filter(|other| other.hash < entry.hash);
                let one = entry.prev.is_none_or(|prev| kept.contains(&prev)) && lower.count() < 2;
                let two_or_three = stored.entries.values().any(|other| {
                    kept.contains(&other.hash)
                        && other.sensitivity == entry.sensitivity
                        && (other.deps.contains(&entry.hash)
                            || other.after == Some(entry.hash)
                            || other.prev == Some(entry.hash))
                });
                let four = stored.ends.contains(&end_of(entry));
                if one || two_or_three || four {
                    kept.insert(entry.hash);
                }
            }
            if kept.len() == before {
                return kept;
            }
        }
    }

    /// Some entries, each with all that it continues, and some ends, here or not.
    fn part(dice: &mut Dice, history: &[Made]) -> Stored {
        let of = Stored::of(history).entries;
        let mut part = Stored::default();
        for _ in 0..dice.below(3) {
            part.ends
                .insert(end_of(&history[dice.below(history.len())]));
        }
        for _ in 0..dice.below(history.len() + 1) {
            let mut at = Some(history[dice.below(history.len())].hash);
            while let Some(made) = at.and_then(|hash| of.get(&hash)) {
                part.entries.insert(made.hash, made.clone());
                at = made.prev;
            }
        }
        part
    }

    fn give(from: &Stored, to: &mut Stored) {
        to.ends.extend(&from.ends);
        for hash in kept(from) {
            to.entries.insert(hash, from.entries[&hash].clone());
        }
    }

    fn each_seed(check: impl Fn(&mut Dice, &[Made])) {
        for seed in 0..250 {
            let mut dice = Dice(ChaCha8Rng::seed_from_u64(seed));
            let history = dice.history();
            if !history.is_empty() {
                eprintln!("seed {seed}");
                check(&mut dice, &history);
            }
        }
    }

    #[test]
    fn of_any_number_of_branches_the_two_lowest_and_what_follows_them_are_kept() {
        let mut dice = Dice(ChaCha8Rng::seed_from_u64(1));
        let root = dice.entry(0, None);
        let mut branches: Vec<Made> = (0..5).map(|_| dice.entry(0, Some(root.hash))).collect();
        branches.sort_by_key(|branch| branch.hash);
        let after: Vec<Made> = branches
            .iter()
            .map(|branch| dice.entry(0, Some(branch.hash)))
            .collect();
        let mut all = vec![root];
        all.extend(branches.iter().chain(&after).cloned());
        let stored = Stored::of(&all);
        let expected = branches[2..].iter().chain(&after[2..]);
        let expected: BTreeSet<EntryHash> = expected.map(|made| made.hash).collect();
        assert_eq!(surplus_of(&stored), expected);

        // Another log builds on one of the others, another one goes on from one.
        for (builds, goes_on) in [(Some(3), None), (None, Some(4)), (Some(2), Some(4))] {
            let mut stored = stored.clone();
            let mut entry = dice.entry(2, None);
            entry.deps = builds.iter().map(|at| branches[*at].hash).collect();
            entry.after = goes_on.map(|at: usize| after[at].hash);
            stored.entries.insert(entry.hash, entry);
            let saved = [builds, goes_on].into_iter().flatten();
            let saved: Vec<EntryHash> = saved
                .flat_map(|at| [branches[at].hash, after[at].hash])
                .collect();
            let rest: BTreeSet<EntryHash> = expected
                .iter()
                .filter(|hash| !saved.contains(hash))
                .copied()
                .collect();
            assert_eq!(surplus_of(&stored), rest, "{builds:?} {goes_on:?}");
        }
    }

    /// Goal: whoever forks a log of which a removal left something takes nothing of that back, however
    /// low the other branches are.
    #[test]
    fn where_a_removal_ends_a_log_is_kept_with_all_that_leads_there() {
        let mut dice = Dice(ChaCha8Rng::seed_from_u64(2));
        let mut left: Vec<Made> = vec![dice.entry(0, None)];
        for _ in 0..3 {
            left.push(dice.entry(0, left.last().map(|made| made.hash)));
        }
        let end = end_of(&left[2]);
        let ground = |byte: u8, prev| {
            let mut made = left[0].clone();
            (made.hash, made.prev) = (EntryHash::from_bytes([byte; 32]), prev);
            made
        };
        for prev in [None, Some(left[0].hash), Some(left[1].hash)] {
            let mut all = left.clone();
            all.extend([ground(0, prev), ground(1, prev)]);
            let mut stored = Stored::of(&all);
            assert!(
                surplus_of(&stored).contains(&left[2].hash),
                "they are lower"
            );
            let elsewhere = Cutoff {
                log: LogId::from_bytes([2; 32]),
                ..end
            };
            stored.ends.insert(elsewhere);
            assert!(
                surplus_of(&stored).contains(&left[2].hash),
                "another log's end"
            );
            stored.ends.insert(end);
            assert_eq!(surplus_of(&stored), BTreeSet::new());
        }
    }

    /// Goal: two devices agree on the sensitivities that both hold, whatever one of them holds beside.
    #[test]
    fn what_is_kept_of_one_sensitivity_depends_on_no_other() {
        each_seed(|dice, history| {
            let part = part(dice, history);
            let of = |sensitivity| {
                let mut own = part.clone();
                own.entries
                    .retain(|_, made| made.sensitivity == sensitivity);
                own
            };
            let both = [Sensitivity::Public, Sensitivity::Internal].map(|s| kept(&of(s)));
            assert_eq!(kept(&part), &both[0] | &both[1]);
        });
    }

    #[test]
    fn logs_that_fork_at_most_in_two_keep_everything() {
        each_seed(|_, history| {
            let mut taken: BTreeMap<(LogId, Option<EntryHash>), usize> = BTreeMap::new();
            let mut stored = Stored::default();
            for made in history {
                let here = made
                    .prev
                    .is_none_or(|prev| stored.entries.contains_key(&prev));
                let count = taken.entry((made.log, made.prev)).or_default();
                if here && *count < 2 {
                    *count += 1;
                    stored.entries.insert(made.hash, made.clone());
                }
            }
            assert_eq!(surplus_of(&stored), BTreeSet::new());
        });
    }

    #[test]
    fn what_is_kept_is_what_the_rules_say() {
        each_seed(|dice, history| {
            let part = part(dice, history);
            assert_eq!(kept(&part), kept_by_the_rules(&part));
        });
    }

    /// Goal: wherever the entries lie and whoever meets whom, all end with what is kept of everything.
    #[test]
    fn replicas_that_exchange_what_they_keep_end_with_what_all_together_keep() {
        each_seed(|dice, history| {
            let mut replicas: Vec<Stored> = (0..2 + dice.below(3))
                .map(|_| part(dice, history))
                .collect();
            let mut union = Stored::default();
            for replica in &replicas {
                union.entries.extend(replica.entries.clone());
                union.ends.extend(&replica.ends);
            }
            for _ in 0..dice.below(10) {
                let (from, to) = (dice.below(replicas.len()), dice.below(replicas.len()));
                let given = replicas[from].clone();
                give(&given, &mut replicas[to]);
            }
            loop {
                let before: usize = replicas.iter().map(Stored::len).sum();
                for to in 1..replicas.len() {
                    let (left, right) = replicas.split_at_mut(to);
                    give(&left[to - 1], &mut right[0]);
                    give(&right[0], &mut left[to - 1]);
                }
                if replicas.iter().map(Stored::len).sum::<usize>() == before {
                    break;
                }
            }
            for replica in &replicas {
                assert_eq!(kept(replica), kept(&union));
            }
        });
    }

    /// A replica may even throw away what is surplus, or never take it in: it then lacks what a later
    /// entry builds on until somebody gives it again, but never keeps another branch than the others.
    #[test]
    fn replicas_that_store_no_surplus_keep_the_same_branches_as_each_other() {
        each_seed(|dice, history| {
            let mut replicas: Vec<Stored> = (0..3).map(|_| part(dice, history)).collect();
            loop {
                let before: Vec<BTreeSet<EntryHash>> = replicas.iter().map(kept).collect();
                for to in [1, 2, 1, 0] {
                    let from = replicas[(to + 1) % 3].clone();
                    give(&from, &mut replicas[to]);
                    let surplus = surplus_of(&replicas[to]);
                    replicas[to]
                        .entries
                        .retain(|hash, _| !surplus.contains(hash));
                }
                if replicas.iter().map(kept).collect::<Vec<_>>() == before {
                    break;
                }
            }
            assert_eq!(kept(&replicas[0]), kept(&replicas[1]));
            assert_eq!(kept(&replicas[1]), kept(&replicas[2]));
        });
    }
}
