//! The verdict against the same rules written down without care for time, on random sets of entries,
//! and what it costs where somebody floods a note.

use super::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

struct Dice(ChaCha8Rng);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        (self.0.next_u64() % n.max(1) as u64) as usize
    }

    fn hash(&mut self) -> EntryHash {
        let mut hash = [0; 32];
        self.0.fill_bytes(&mut hash);
        EntryHash::from_bytes(hash)
    }

    fn sensitivity(&mut self) -> Sensitivity {
        Sensitivity::ALL[self.below(4)]
    }
}

impl Evidence<'_> {
    fn opening(&self, hash: &EntryHash) -> Option<&Opening> {
        let created = self.created.as_ref().filter(|(create, _)| create == hash);
        let created = created.map(|(_, opening)| opening);
        created.or_else(|| self.moves.get(hash))
    }
}

fn person(n: usize) -> Option<PersonId> {
    Some(PersonId::from_bytes([n as u8; 32]))
}

fn opening(sensitivity: Sensitivity, placement: u64) -> Opening {
    Opening {
        sensitivity,
        placement,
        tag: ObjectTag::from_bytes([(placement as u8).wrapping_mul(4) + sensitivity as u8; 32]),
        record: Hash::from_bytes([1; 32]),
        author: person(0),
        by_admin: false,
    }
}

/// What somebody wrote, before it is evidence.
type Names = BTreeMap<EntryHash, Vec<EntryHash>>;

fn with_names<'a>(evidence: Evidence<'a>, names: &'a Names) -> Evidence<'a> {
    Evidence {
        entries: names.iter().map(|(hash, of)| (*hash, &of[..])).collect(),
        ..evidence
    }
}

/// A note with a random history, of which some entries may be missing.
fn random(dice: &mut Dice) -> (Evidence<'static>, Names) {
    let mut evidence = Evidence::default();
    let mut names = Names::new();
    let mut all = vec![dice.hash()];
    names.insert(all[0], vec![]);
    if dice.below(4) > 0 {
        let sensitivity = dice.sensitivity();
        evidence.created = Some((all[0], opening(sensitivity, 0)));
    }
    let persons = 1 + dice.below(3);
    let width = 1 + dice.below(3);
    for _ in 0..dice.below(40) {
        let hash = dice.hash();
        let deps: BTreeSet<EntryHash> = (0..1 + dice.below(width))
            .map(|_| {
                // Long chains as well as many at once.
                let from = if dice.below(2) == 0 {
                    0
                } else {
                    all.len() - all.len().min(3)
                };
                all[from + dice.below(all.len() - from)]
            })
            .collect();
        let mut deps: Vec<EntryHash> = deps.into_iter().collect();
        match dice.below(20) {
            0 => deps.push(dice.hash()),
            1 => deps = vec![dice.hash()],
            _ => {}
        }
        match dice.below(4) {
            0 => {}
            1 => {
                let own = dice.sensitivity();
                let to = if dice.below(4) == 0 {
                    dice.hash()
                } else {
                    all[dice.below(all.len())]
                };
                let moved = Leaving {
                    sensitivity: own,
                    reach: dice.sensitivity(),
                    to,
                    to_is_here: names.contains_key(&to),
                };
                evidence.moveds.insert(hash, moved);
            }
            _ => {
                let placements = deps.iter().filter_map(|dep| evidence.opening(dep));
                let after = placements.map(|of| of.placement).max().unwrap_or(0) + 1;
                let placement = match dice.below(8) {
                    0 => 1 + dice.below(4) as u64,
                    _ => after,
                };
                let mut moved = opening(dice.sensitivity(), placement);
                moved.author = person(dice.below(persons));
                moved.by_admin = dice.below(2) == 0;
                moved.record = Hash::from_bytes([u8::from(dice.below(20) > 0); 32]);
                evidence.moves.insert(hash, moved);
                if dice.below(4) > 0 {
                    let left = dice.hash();
                    let to = Leaving {
                        sensitivity: dice.sensitivity(),
                        reach: Sensitivity::Restricted,
                        to: hash,
                        to_is_here: true,
                    };
                    evidence.moveds.insert(left, to);
                    names.insert(left, deps.clone());
                    all.push(left);
                }
            }
        }
        names.insert(hash, deps);
        all.push(hash);
    }
    let clearances = [None].into_iter().chain(Sensitivity::ALL.map(Some));
    evidence.clearance = clearances.collect::<Vec<_>>()[dice.below(5)];
    (evidence, names)
}

/// The rules of the specification, one sentence after the other.
fn by_the_rules(of: &Evidence) -> Verdict {
    let reaches = |from: &EntryHash| {
        let (mut past, mut ahead) = (BTreeSet::new(), vec![*from]);
        while let Some(hash) = ahead.pop() {
            match of.entries.get(&hash) {
                Some(deps) if past.insert(hash) => ahead.extend(*deps),
                Some(_) => {}
                None => past.extend(of.created.map(|(create, _)| create)),
            }
        }
        past.remove(from);
        past
    };
    let pasts: BTreeMap<EntryHash, BTreeSet<EntryHash>> = of
        .entries
        .keys()
        .map(|hash| (*hash, reaches(hash)))
        .collect();
    let tips = |openings: &[EntryHash]| {
        let replaced = |hash: &EntryHash| openings.iter().any(|other| pasts[other].contains(hash));
        let tips = openings.iter().filter(|hash| !replaced(hash));
        let mut tips: Vec<_> = tips
            .map(|hash| {
                (
                    of.opening(hash).unwrap().sensitivity,
                    of.opening(hash).unwrap().tag,
                    *hash,
                )
            })
            .collect();
        tips.sort_unstable();
        tips
    };
    let tip = |openings: &[EntryHash]| {
        let tips = tips(openings).into_iter();
        tips.min_by_key(|(sensitivity, _, hash)| (Reverse(*sensitivity), *hash))
    };
    let mut verdict = Verdict {
        moveds: of.moveds.keys().copied().collect(),
        waiting: of.waiting,
        ..Verdict::default()
    };
    verdict.openings.extend(of.created.map(|(hash, _)| hash));
    let mut rest: Vec<EntryHash> = of.moves.keys().copied().collect();
    rest.sort_by_key(|hash| (of.moves[hash].placement, *hash));
    while let Some(at) = rest
        .iter()
        .position(|hash| !rest.iter().any(|other| pasts[hash].contains(other)))
    {
        let hash = rest.remove(at);
        let own = &of.moves[&hash];
        let counted = &verdict.openings;
        if counted
            .first()
            .is_some_and(|first| of.opening(first).unwrap().record != own.record)
        {
            continue;
        }
        let by_same = counted.iter().filter(|hash| of.moves.contains_key(*hash));
        let by_same: Vec<_> = by_same
            .filter(|hash| of.moves[*hash].author == own.author)
            .collect();
        let at_once = by_same
            .iter()
            .filter(|other| !pasts[&hash].contains(**other))
            .count();
        if by_same.len() >= MOVES_OF_ONE_MAX || at_once >= MOVES_AT_ONCE_MAX {
            continue;
        }
        let before: Vec<EntryHash> = counted
            .iter()
            .filter(|opening| pasts[&hash].contains(*opening))
            .copied()
            .collect();
        let highest = before
            .iter()
            .map(|hash| of.opening(hash).unwrap().placement)
            .max();
        if highest.is_some_and(|highest| {
            own.placement <= highest || (!own.by_admin && own.placement != highest + 1)
        }) {
            continue;
        }
        let all_here = of.entries[&hash]
            .iter()
            .all(|dep| of.entries.contains_key(dep));
        let stood = tip(&before).map(|(sensitivity, _, _)| sensitivity);
        if all_here && stood.is_some_and(|stood| own.sensitivity > stood) {
            if !of.moveds.values().any(|moved| moved.to == hash) {
                verdict.waiting += 1;
                continue;
            }
        } else if !own.by_admin {
            verdict.waiting += u64::from(!all_here);
            continue;
        }
        verdict.openings.push(hash);
    }
    let placements = verdict
        .openings
        .iter()
        .map(|hash| of.opening(hash).unwrap().placement);
    verdict.highest = placements.max().unwrap_or(0);
    verdict.tips = tips(&verdict.openings);
    let Some((stands, _, tip)) = tip(&verdict.openings) else {
        return verdict;
    };
    verdict.tip = Some(tip);
    let answered = |moved: &EntryHash, clearance: Sensitivity| {
        verdict.openings.iter().any(|opening| {
            of.opening(opening).unwrap().sensitivity <= clearance && pasts[opening].contains(moved)
        })
    };
    let (mut hidden, mut hidden_below) = (false, false);
    let mut shown_below: Vec<_> = verdict
        .tips
        .iter()
        .filter(|(at, _, _)| *at < stands)
        .copied()
        .collect();
    for (hash, moved) in &of.moveds {
        let counts = verdict.openings.contains(&moved.to);
        let lacking = !moved.to_is_here && Some(moved.reach) > of.clearance;
        hidden |= lacking
            && of
                .clearance
                .is_none_or(|clearance| !answered(hash, clearance));
        let lowest = stands.max(moved.sensitivity);
        hidden_below |= !counts && lowest < moved.reach && !answered(hash, lowest);
        let goes = of.opening(&moved.to).filter(|_| counts);
        shown_below.retain(|(at, _, _)| {
            moved.sensitivity > *at
                || goes.is_none_or(|goes| goes.sensitivity <= *at)
                || answered(hash, *at)
        });
    }
    (verdict.hidden, verdict.hidden_below) = (hidden, hidden_below);
    verdict.shown_below = shown_below;
    verdict
}

/// Goal: what is found in one pass is what the rules say, sentence by sentence.
#[test]
fn the_verdict_is_what_the_rules_say() {
    let mut dice = Dice(ChaCha8Rng::seed_from_u64(1));
    let (mut moved, mut capped) = (0, 0);
    for n in 0..3_000 {
        let (evidence, names) = random(&mut dice);
        let evidence = with_names(evidence, &names);
        let verdict = evidence.judge();
        assert_eq!(
            verdict,
            by_the_rules(&evidence),
            "history {n}: {evidence:?}"
        );
        moved += verdict.openings.len().saturating_sub(1);
        let by = |author| {
            let own = verdict
                .openings
                .iter()
                .filter_map(|hash| evidence.moves.get(hash));
            own.filter(|of| of.author == author).count()
        };
        capped += usize::from(by(person(0)) >= MOVES_AT_ONCE_MAX);
    }
    assert!(
        moved > 3_000 && capped > 50,
        "{moved} moves count, {capped} histories at the limit"
    );
}

/// Goal: whoever has the create and the move, and lost the edit between them with their clearance, sees
/// the note where the move put it, as everybody does who never had the create.
#[test]
fn a_move_replaces_the_create_also_through_what_is_not_here() {
    let mut dice = Dice(ChaCha8Rng::seed_from_u64(3));
    let (create, lost, down) = (dice.hash(), dice.hash(), dice.hash());
    let names = Names::from([(create, vec![]), (down, vec![lost])]);
    let mut moved = opening(Sensitivity::Public, 1);
    moved.by_admin = true;
    let evidence = Evidence {
        created: Some((create, opening(Sensitivity::Confidential, 0))),
        moves: BTreeMap::from([(down, moved)]),
        clearance: Some(Sensitivity::Internal),
        ..Evidence::default()
    };
    let verdict = with_names(evidence, &names).judge();
    assert_eq!(verdict.tip, Some(down));
    assert_eq!(verdict.tips.len(), 1);
}

/// What `n` moves of one note look like, each with its moved: all at once, or each after the other.
fn flood(n: usize, chain: bool, by_admin: bool) -> (Evidence<'static>, Names) {
    let mut dice = Dice(ChaCha8Rng::seed_from_u64(2));
    let create = dice.hash();
    let mut names = Names::from([(create, vec![])]);
    let mut evidence = Evidence {
        created: Some((create, opening(Sensitivity::Internal, 0))),
        clearance: Some(Sensitivity::Restricted),
        ..Evidence::default()
    };
    let mut on = vec![create];
    for at in 0..n {
        let (hash, left) = (dice.hash(), dice.hash());
        let placement = if chain { at as u64 + 1 } else { 1 };
        let mut moved = opening(Sensitivity::Confidential, placement);
        (moved.by_admin, moved.author) = (by_admin, person(1));
        evidence.moves.insert(hash, moved);
        let to = Leaving {
            sensitivity: Sensitivity::Internal,
            reach: Sensitivity::Confidential,
            to: hash,
            to_is_here: true,
        };
        evidence.moveds.insert(left, to);
        names.insert(hash, on.clone());
        names.insert(left, on.clone());
        if chain {
            on = vec![hash.min(left), hash.max(left)];
        }
    }
    (evidence, names)
}

/// Goal: thousands of moves of one note cost a few looks at each of them, however they are arranged,
/// and of one person's no more count than the limits say.
#[test]
fn a_flood_of_moves_costs_what_its_entries_cost() {
    for (chain, by_admin) in [(false, false), (true, false), (false, true), (true, true)] {
        for n in [500, 5_000] {
            let (evidence, names) = flood(n, chain, by_admin);
            let evidence = with_names(evidence, &names);
            let (verdict, work) = evidence.judge_counting();
            let entries = 2 * n as u64;
            // Once for each that counts, all that count before it.
            let counting = (MOVES_OF_ONE_MAX * MOVES_OF_ONE_MAX * 8) as u64;
            assert!(
                work < entries * 40 + counting,
                "{n} moves, chain {chain}, admin {by_admin}: {work}"
            );
            let most = match (chain, by_admin) {
                (false, _) => MOVES_AT_ONCE_MAX,
                (true, false) => 1,
                (true, true) => MOVES_OF_ONE_MAX,
            };
            assert_eq!(verdict.openings.len(), 1 + most);
            assert!(verdict.tip.is_some());
        }
    }
}
