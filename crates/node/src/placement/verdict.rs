//! Which moves of a note count, and where it stands by them: a pure function of what is known of its
//! entries.
//!
//! One pass in an order that puts each entry after what it builds on. With each entry goes the set of
//! those creates and moves in its past that count; of one person only so many do, so the sets are
//! small and the work grows with the number of entries and of what they name.
//! Spec: `docs/spec/notes.md`, "Which moves count" and "Where a note is".

use kitbag_core::content::{MOVES_AT_ONCE_MAX, MOVES_OF_ONE_MAX};
use kitbag_core::id::{EntryHash, ObjectTag, PersonId};
use kitbag_core::policy::Sensitivity;
use kitbag_crypto::Hash;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::rc::Rc;

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

/// A create or a move whose entry counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opening {
    pub(super) sensitivity: Sensitivity,
    /// 0 for a create.
    pub(super) placement: u64,
    pub(super) tag: ObjectTag,
    /// Of its record.
    pub(super) record: Hash,
    pub(super) author: Option<PersonId>,
    /// Whether it was written under an admin's grant.
    pub(super) by_admin: bool,
}

/// A moved whose entry counts and whose author may hide a note at its sensitivity.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leaving {
    pub(super) sensitivity: Sensitivity,
    /// The clearance of its author's grant.
    pub(super) reach: Sensitivity,
    /// The move that it names.
    pub(super) to: EntryHash,
    /// Whether that is here.
    pub(super) to_is_here: bool,
}

/// What is known of a note's entries.
#[derive(Clone, Debug, Default)]
pub(super) struct Evidence<'a> {
    /// Every entry under the note's tags, with what it builds on.
    pub(super) entries: BTreeMap<EntryHash, &'a [EntryHash]>,
    pub(super) created: Option<(EntryHash, Opening)>,
    pub(super) moves: BTreeMap<EntryHash, Opening>,
    pub(super) moveds: BTreeMap<EntryHash, Leaving>,
    /// The highest sensitivity that the reader may open.
    pub(super) clearance: Option<Sensitivity>,
    /// Moves that wait for a key.
    pub(super) waiting: u64,
}

impl Evidence<'_> {
    pub(super) fn judge(&self) -> Verdict {
        self.judge_counting().0
    }

    /// The verdict, and how many entries, names in entries and words of sets it took.
    pub(super) fn judge_counting(&self) -> (Verdict, u64) {
        let mut judging = Judging::new(self);
        let order = in_order(&self.entries, |hash| {
            self.moves.get(hash).map(|of| of.placement)
        });
        for hash in &order {
            judging.take(*hash);
        }
        judging.finish()
    }
}

/// Entries, each after those it builds on. Where several could come next, those without a `rank`
/// come first, then the lowest rank, then the lowest hash.
pub(super) fn in_order(
    entries: &BTreeMap<EntryHash, &[EntryHash]>,
    rank: impl Fn(&EntryHash) -> Option<u64>,
) -> Vec<EntryHash> {
    let mut awaited: BTreeMap<EntryHash, usize> = BTreeMap::new();
    let mut dependents: BTreeMap<EntryHash, Vec<EntryHash>> = BTreeMap::new();
    let mut ready = BinaryHeap::new();
    for (hash, deps) in entries {
        let here: BTreeSet<&EntryHash> = deps.iter().filter(|d| entries.contains_key(d)).collect();
        if here.is_empty() {
            ready.push(Reverse((rank(hash), *hash)));
        }
        awaited.insert(*hash, here.len());
        for dep in here {
            dependents.entry(*dep).or_default().push(*hash);
        }
    }
    let mut order = Vec::with_capacity(entries.len());
    while let Some(Reverse((_, hash))) = ready.pop() {
        order.push(hash);
        for dependent in dependents.remove(&hash).into_iter().flatten() {
            let left = awaited.entry(dependent).or_default();
            *left = left.saturating_sub(1);
            if *left == 0 {
                ready.push(Reverse((rank(&dependent), dependent)));
            }
        }
    }
    order
}

/// Whether a move counts.
enum Counts {
    Yes,
    NotYet,
    No,
}

/// Creates and moves that count, by their place in the list of them.
type Bits = Rc<Vec<u64>>;

struct Judging<'a> {
    of: &'a Evidence<'a>,
    /// The moves that a moved names.
    left: BTreeSet<EntryHash>,
    /// Of each entry, what counts in its past.
    pasts: BTreeMap<EntryHash, Bits>,
    counted: Vec<(EntryHash, Opening)>,
    places: BTreeMap<EntryHash, usize>,
    /// Moves that count.
    by_author: BTreeMap<Option<PersonId>, Vec<usize>>,
    /// What was found of sets of those that count: many moves have one and the same in their past.
    before: BTreeMap<Bits, (Option<u64>, Option<Sensitivity>)>,
    verdict: Verdict,
    work: u64,
}

impl<'a> Judging<'a> {
    fn new(of: &'a Evidence<'a>) -> Judging<'a> {
        let mut judging = Judging {
            of,
            left: of.moveds.values().map(|moved| moved.to).collect(),
            pasts: BTreeMap::new(),
            counted: vec![],
            places: BTreeMap::new(),
            by_author: BTreeMap::new(),
            before: BTreeMap::new(),
            verdict: Verdict {
                waiting: of.waiting,
                moveds: of.moveds.keys().copied().collect(),
                ..Verdict::default()
            },
            work: 0,
        };
        // A create builds on nothing, so it is the first of them wherever it comes in the order.
        if let Some((hash, opening)) = of.created {
            judging.count(hash, opening);
            judging.by_author.clear(); // nobody moved anything yet
        }
        judging
    }

    fn count(&mut self, hash: EntryHash, opening: Opening) {
        let at = self.counted.len();
        self.places.insert(hash, at);
        self.by_author.entry(opening.author).or_default().push(at);
        self.counted.push((hash, opening));
    }

    fn take(&mut self, hash: EntryHash) {
        let past = self.past(&hash);
        if let Some(opening) = self.of.moves.get(&hash) {
            match self.counts(&hash, opening, &past) {
                Counts::Yes => self.count(hash, *opening),
                Counts::NotYet => self.verdict.waiting += 1,
                Counts::No => {}
            }
        }
        self.pasts.insert(hash, past);
    }

    /// What counts in the past of an entry, once all that it builds on was taken. Everything of a note
    /// builds on its create, also through what is not here: whoever lost what lay between would otherwise
    /// see the note where it was created too, and so where it is above them.
    fn past(&mut self, hash: &EntryHash) -> Bits {
        let mut past: Option<Bits> = None;
        let mut lacks = false;
        for dep in self.of.entries.get(hash).into_iter().copied().flatten() {
            self.work += 1;
            let Some(before) = self.pasts.get(dep) else {
                lacks = true;
                continue;
            };
            let merged = match past {
                None => before.clone(),
                Some(past) => union(past, before, &mut self.work),
            };
            past = Some(match self.places.get(dep) {
                Some(at) => with(merged, *at, &mut self.work),
                None => merged,
            });
        }
        self.work += 1;
        let past = past.unwrap_or_default();
        let created = self
            .of
            .created
            .filter(|(create, _)| lacks && create != hash);
        match created.and_then(|(create, _)| self.places.get(&create)) {
            Some(at) => with(past, *at, &mut self.work),
            None => past,
        }
    }

    /// Whether a move counts, given those before it.
    fn counts(&mut self, hash: &EntryHash, opening: &Opening, past: &Bits) -> Counts {
        let first = self.counted.first();
        if first.is_some_and(|(_, first)| first.record != opening.record) {
            return Counts::No;
        }
        if self.has_moved_enough(opening.author, past) {
            return Counts::No;
        }
        let (highest, stood) = self.before(past);
        let (placement, by_admin) = (opening.placement, opening.by_admin);
        let follows = |highest: u64| placement == highest + 1 || (by_admin && placement > highest);
        if !highest.is_none_or(follows) {
            return Counts::No;
        }
        let mut deps = self.of.entries.get(hash).into_iter().copied().flatten();
        let all_here = deps.all(|dep| self.of.entries.contains_key(dep));
        let raises = all_here && stood.is_some_and(|stood| opening.sensitivity > stood);
        match (raises, by_admin, all_here) {
            (true, _, _) if !self.left.contains(hash) => Counts::NotYet,
            (true, _, _) | (false, true, _) => Counts::Yes,
            (false, false, false) => Counts::NotYet,
            (false, false, true) => Counts::No,
        }
    }

    /// The highest placement of these, and the sensitivity at which the note stands by them alone.
    fn before(&mut self, past: &Bits) -> (Option<u64>, Option<Sensitivity>) {
        self.work += past.len() as u64;
        if let Some(known) = self.before.get(past) {
            return *known;
        }
        let counted: Vec<usize> = members(past).collect();
        let highest = counted.iter().map(|at| self.counted[*at].1.placement);
        let highest = highest.max();
        let tips = self.unreplaced(&counted).into_iter();
        let stood = tips.map(|at| self.counted[at].1.sensitivity).max();
        self.before.insert(past.clone(), (highest, stood));
        (highest, stood)
    }

    /// Those of these in no other's past.
    fn unreplaced(&mut self, counted: &[usize]) -> Vec<usize> {
        let mut replaced = Bits::default();
        for at in counted {
            if let Some(past) = self.pasts.get(&self.counted[*at].0) {
                replaced = union(replaced, past, &mut self.work);
            }
        }
        let is_tip = |at: &&usize| !holds(&replaced, **at);
        counted.iter().filter(is_tip).copied().collect()
    }

    /// Whether so many moves of one person count already that this one of theirs does not.
    fn has_moved_enough(&mut self, author: Option<PersonId>, past: &Bits) -> bool {
        let own = self.by_author.get(&author).map_or(&[][..], Vec::as_slice);
        if own.len() >= MOVES_OF_ONE_MAX {
            return true;
        }
        self.work += own.len() as u64;
        let at_once = own.iter().filter(|at| !holds(past, **at));
        at_once.count() >= MOVES_AT_ONCE_MAX
    }

    fn finish(mut self) -> (Verdict, u64) {
        let all: Vec<usize> = (0..self.counted.len()).collect();
        let tips = self.unreplaced(&all);
        let mut tips: Vec<_> = tips
            .into_iter()
            .map(|at| &self.counted[at])
            .map(|(hash, opening)| (opening.sensitivity, opening.tag, *hash))
            .collect();
        tips.sort_unstable();
        let tip = tips
            .iter()
            .min_by_key(|(sensitivity, _, hash)| (Reverse(*sensitivity), *hash))
            .copied();
        self.verdict.openings = self.counted.iter().map(|(hash, _)| *hash).collect();
        let placements = self.counted.iter().map(|(_, opening)| opening.placement);
        self.verdict.highest = placements.max().unwrap_or(0);
        self.verdict.tips = tips;
        self.verdict.tip = tip.map(|(_, _, hash)| hash);
        if let Some((stands, _, _)) = tip {
            self.judge_sight(stands);
        }
        (self.verdict, self.work)
    }

    /// Finds who does not see the note where it stands, and who sees it elsewhere.
    fn judge_sight(&mut self, stands: Sensitivity) {
        // For whoever is cleared so far, a create or move answers the moveds in its past.
        let answered = Sensitivity::ALL.map(|clearance| self.answered(clearance));
        let is_answered = |moved: &EntryHash, clearance: Sensitivity| {
            answered[clearance as usize].contains(moved)
        };
        // At which sensitivities somebody said that the note went higher, and is not answered.
        let mut left = [false; Sensitivity::ALL.len()];
        let clearance = self.of.clearance;
        for (hash, moved) in &self.of.moveds {
            let own = moved.sensitivity;
            let goes = self.places.get(&moved.to).map(|at| self.counted[*at].1);
            let lacking = !moved.to_is_here && Some(moved.reach) > clearance;
            self.verdict.hidden |=
                lacking && clearance.is_none_or(|clearance| !is_answered(hash, clearance));
            let lowest = stands.max(own);
            self.verdict.hidden_below |=
                goes.is_none() && lowest < moved.reach && !is_answered(hash, lowest);
            for at in Sensitivity::ALL {
                let higher = goes.is_some_and(|goes| goes.sensitivity > at);
                left[at as usize] |= own <= at && higher && !is_answered(hash, at);
            }
            self.work += 1;
        }
        let below = self.verdict.tips.iter();
        let below = below.filter(|(at, _, _)| *at < stands && !left[*at as usize]);
        self.verdict.shown_below = below.copied().collect();
    }

    /// The past of the creates and moves that count and stand no higher than this.
    fn answered(&mut self, clearance: Sensitivity) -> BTreeSet<EntryHash> {
        let seen = self.counted.iter();
        let seen = seen.filter(|(_, opening)| opening.sensitivity <= clearance);
        let deps = |hash: &EntryHash| self.of.entries.get(hash).into_iter().copied().flatten();
        let mut ahead: Vec<EntryHash> = seen.flat_map(|(hash, _)| deps(hash)).copied().collect();
        let mut past = BTreeSet::new();
        while let Some(hash) = ahead.pop() {
            self.work += 1;
            if self.of.entries.contains_key(&hash) && past.insert(hash) {
                ahead.extend(deps(&hash));
            }
        }
        past
    }
}

fn holds(bits: &Bits, at: usize) -> bool {
    bits.get(at / 64)
        .is_some_and(|word| word & (1 << (at % 64)) != 0)
}

fn members(bits: &Bits) -> impl Iterator<Item = usize> {
    let words = bits.iter().enumerate();
    words.flat_map(|(n, word)| {
        let inside = (0..64).filter(move |bit| word & (1 << bit) != 0);
        inside.map(move |bit| n * 64 + bit)
    })
}

fn with(mut bits: Bits, at: usize, work: &mut u64) -> Bits {
    if holds(&bits, at) {
        return bits;
    }
    *work += bits.len() as u64;
    let words = Rc::make_mut(&mut bits);
    words.resize(words.len().max(at / 64 + 1), 0);
    words[at / 64] |= 1 << (at % 64);
    bits
}

/// Both together: one of the two themselves where it holds the other, so that equal sets are one.
fn union(mut of: Bits, and: &Bits, work: &mut u64) -> Bits {
    if Rc::ptr_eq(&of, and) {
        return of;
    }
    *work += of.len().max(and.len()) as u64;
    let within = |inner: &Bits, outer: &Bits| {
        let words = inner.iter().enumerate();
        words
            .into_iter()
            .all(|(n, word)| word & !outer.get(n).copied().unwrap_or(0) == 0)
    };
    if within(and, &of) {
        return of;
    }
    if within(&of, and) {
        return and.clone();
    }
    let words = Rc::make_mut(&mut of);
    words.resize(words.len().max(and.len()), 0);
    for (word, more) in words.iter_mut().zip(and.iter()) {
        *word |= more;
    }
    of
}

#[cfg(test)]
#[path = "verdict/tests.rs"]
mod tests;
