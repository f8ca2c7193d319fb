//! A content log in memory: its branches, where each goes on from, and where new runs go.
//!
//! Nearly every log has one branch. A log forks when a run continues an entry that another continues
//! already: the run then begins one more branch, with a row of its own in the store, and nothing that
//! is stored moves. An entry is found by its branch and its number in the log.

use crate::replica::Replica;
use kitbag_core::content::{
    LogOpening, LogPosition, RUN_BYTES_MAX, RUN_ENTRIES_MAX, SignedHead, VerifiedRun,
};
use kitbag_core::id::{EntryHash, LogId, OpHash};
use kitbag_core::wire::LogHave;
use std::collections::BTreeMap;

/// Entries that are kept in one place: with fewer branches than one more, nothing is surplus.
pub(crate) const KEPT_AT_ONCE: usize = 2;

/// A content log.
pub(crate) struct Log {
    pub(crate) opening: LogOpening,
    /// In the order in which they came; each after the one that it continues. Never empty.
    pub(crate) branches: Vec<Branch>,
}

/// Consecutive entries of a log.
pub(crate) struct Branch {
    /// Number of its row.
    pub(crate) number: u32,
    /// The entry that it continues, and the branch of that; none if it begins the log.
    base: Option<(LogPosition, usize)>,
    /// Hashes of all entries, in order.
    pub(crate) entries: Vec<EntryHash>,
    /// Kept heads, oldest first; the last is the newest.
    pub(crate) heads: Vec<SignedHead>,
    pub(crate) tail: Tail,
    /// Policy heads of the newest frontier entry.
    pub(crate) frontier: Option<Vec<OpHash>>,
}

impl Branch {
    pub(crate) fn new(number: u32, base: Option<(LogPosition, usize)>) -> Branch {
        Branch {
            number,
            base,
            entries: vec![],
            heads: vec![],
            tail: Tail::default(),
            frontier: None,
        }
    }

    /// Number of its first entry in the log.
    pub(crate) fn start(&self) -> u64 {
        self.base.map_or(0, |(base, _)| base.seq + 1)
    }

    /// Number in the log of the entry that comes next.
    pub(crate) fn next_seq(&self) -> u64 {
        self.start() + self.entries.len() as u64
    }

    pub(crate) fn end(&self) -> Option<LogPosition> {
        self.heads.last().map(|head| head.position)
    }
}

impl Log {
    pub(crate) fn new(opening: LogOpening) -> Log {
        Log {
            opening,
            branches: vec![],
        }
    }

    /// The branch that was here first. Of a log that this device writes it is what it wrote itself.
    pub(crate) fn trunk(&self) -> Option<&Branch> {
        self.branches.first()
    }

    pub(crate) fn is_forked(&self) -> bool {
        self.branches.len() > 1
    }

    /// The branch that holds number `seq` on the way to the end of `branch`.
    pub(crate) fn branch_at(&self, mut branch: usize, seq: u64) -> Option<usize> {
        loop {
            match self.branches.get(branch)?.base {
                Some((base, parent)) if seq <= base.seq => branch = parent,
                _ => return Some(branch),
            }
        }
    }

    /// Whether any branch has an entry of this number.
    pub(crate) fn has_number(&self, seq: u64) -> bool {
        self.branches.iter().any(|branch| seq < branch.next_seq())
    }

    /// Whether an entry, by its branch and number, is another or comes before it in its branch.
    pub(crate) fn leads_to(&self, entry: (usize, u64), to: (usize, u64)) -> bool {
        entry.1 <= to.1 && self.branch_at(to.0, entry.1) == Some(entry.0)
    }

    /// For each branch how many of its entries one has who has all up to number `len - 1` of one.
    pub(crate) fn cover(&self, covered: &mut [u64], mut branch: usize, mut len: u64) {
        while let (Some(of), Some(known)) = (self.branches.get(branch), covered.get_mut(branch)) {
            let before = std::mem::replace(known, (*known).max(len.saturating_sub(of.start())));
            let Some((base, parent)) = of.base.filter(|_| before == 0) else {
                return; // what leads here is covered already
            };
            (branch, len) = (parent, base.seq + 1);
        }
    }
}

/// What a peer has of a log, by the ends that it named.
pub(crate) struct Coverage {
    /// Of each branch, the number of its entries that the peer has.
    pub(crate) covered: Vec<u64>,
    /// The longest that it named and that is not here: it is ahead, or on another branch.
    pub(crate) unknown: Option<u64>,
}

impl Replica {
    /// What a peer has of a log, by what it named of it.
    pub(crate) fn coverage<'h>(
        &self,
        id: LogId,
        log: &Log,
        haves: impl IntoIterator<Item = &'h LogHave>,
    ) -> Coverage {
        let mut coverage = Coverage {
            covered: vec![0; log.branches.len()],
            unknown: None,
        };
        for have in haves {
            let place = self.places.get(&EntryHash::from_bytes(have.head));
            match place
                .filter(|place| place.log == id && place.seq.checked_add(1) == Some(have.len))
            {
                Some(place) => log.cover(&mut coverage.covered, place.branch, have.len),
                None => coverage.unknown = coverage.unknown.max(Some(have.len)),
            }
        }
        coverage
    }
}

/// What is known of a log that a peer has otherwise: it decides what the next want names of it.
#[derive(Default)]
pub(crate) struct Diverging {
    /// A peer showed another entry where one is here: places further back are named, so that it finds
    /// where the branches part.
    pub(crate) parts: bool,
    /// Of each branch the furthest entry that a peer sent in vain, because it is here.
    pub(crate) common: BTreeMap<usize, LogPosition>,
}

impl Replica {
    /// What a want names of a log: the ends of its kept branches, and where it parts from a peer's,
    /// some places further back, each twice as far as the one before.
    pub(crate) fn named_of(&self, id: &LogId, log: &Log) -> Vec<LogHave> {
        let mut named = self.kept_heads(log);
        if let Some(diverging) = self.diverging.get(id) {
            let longest = named.last().copied();
            named.extend(diverging.common.values());
            if let Some(longest) = longest.filter(|_| diverging.parts) {
                named.extend(self.places_before(log, longest));
            }
        }
        let have = |position: LogPosition| LogHave {
            log: *id,
            len: position.seq + 1,
            head: *position.hash.as_bytes(),
        };
        named.into_iter().map(have).collect()
    }

    fn places_before(&self, log: &Log, end: LogPosition) -> Vec<LogPosition> {
        let Some(last) = self.places.get(&end.hash) else {
            return vec![];
        };
        let back = (0..u64::BITS).map_while(|step| end.seq.checked_sub(1 << step));
        let back = back.filter(|seq| *seq > 0).chain([0]);
        let place = |seq: u64| {
            let of = log.branches.get(log.branch_at(last.branch, seq)?)?;
            let hash = *of.entries.get(usize::try_from(seq - of.start()).ok()?)?;
            Some(LogPosition { seq, hash, ..end })
        };
        back.filter_map(place).collect()
    }
}

/// Where a run goes.
pub(crate) struct Placed {
    pub(crate) number: u32,
    /// What it begins; none if it continues the end of a branch.
    pub(crate) begins: Option<Begun>,
    /// The branch, if it does not begin one.
    branch: usize,
    pub(crate) tail: Tail,
    /// The head that stops being kept.
    pub(crate) superseded: Option<u64>,
}

/// A branch that begins.
pub(crate) struct Begun {
    pub(crate) opening: LogOpening,
    pub(crate) base: Option<LogPosition>,
}

impl Placed {
    /// The branch, given the one that was begun for it.
    pub(crate) fn branch(&self, begun: Option<usize>) -> usize {
        begun.unwrap_or(self.branch)
    }
}

/// Finds a place for each run: at the end of a branch, or in a new one, numbered from `next` on.
pub(crate) fn place_runs(replica: &Replica, runs: &[VerifiedRun], mut next: u32) -> Vec<Placed> {
    // Ends that runs before it moved: nothing, if somebody continued it already.
    let mut ends: BTreeMap<EntryHash, Option<(u32, usize, Tail)>> = BTreeMap::new();
    let mut counts: BTreeMap<LogId, usize> = BTreeMap::new();
    let mut placed = Vec::new();
    for run in runs {
        let log = replica.logs.get(&run.log());
        let base = run.base();
        let end = base.and_then(|base| match ends.insert(base.hash, None) {
            Some(moved) => moved,
            None => {
                let place = replica.places.get(&base.hash)?;
                let branch = log?.branches.get(place.branch)?;
                let is_end = branch.entries.last() == Some(&base.hash);
                is_end.then_some((branch.number, place.branch, branch.tail))
            }
        });
        let count = counts
            .entry(run.log())
            .or_insert_with(|| log.map_or(0, |log| log.branches.len()));
        let (number, branch, tail) = end.unwrap_or_else(|| {
            (next, *count) = (next + 1, *count + 1);
            (next - 1, *count - 1, Tail::default())
        });
        let bytes = run.entries().iter().map(|entry| entry.raw().size()).sum();
        let head = run.head().position;
        let (tail, superseded) = tail.after(head.seq, run.entries().len() as u64, bytes);
        ends.insert(head.hash, Some((number, branch, tail)));
        placed.push(Placed {
            number,
            begins: end.is_none().then(|| Begun {
                opening: run.opening().clone(),
                base,
            }),
            branch,
            tail,
            superseded,
        });
    }
    placed
}

/// What lies between the last two kept heads of a branch.
#[derive(Clone, Copy, Default)]
pub(crate) struct Tail {
    newest: Option<u64>,
    entries: u64,
    bytes: usize,
}

impl Tail {
    /// The tail of a branch whose last two kept heads have so much between them.
    pub(crate) fn between(newest: u64, entries: u64, bytes: usize) -> Tail {
        Tail {
            newest: Some(newest),
            entries,
            bytes,
        }
    }

    /// The tail after a run, and the head that stops being kept: the newest so far, unless the gap
    /// that it would leave is longer than a run.
    pub(crate) fn after(self, end: u64, entries: u64, bytes: usize) -> (Tail, Option<u64>) {
        let fits = self.entries + entries <= RUN_ENTRIES_MAX && self.bytes + bytes <= RUN_BYTES_MAX;
        if fits {
            let tail = Tail {
                newest: Some(end),
                entries: self.entries + entries,
                bytes: self.bytes + bytes,
            };
            (tail, self.newest)
        } else {
            (
                Tail {
                    newest: Some(end),
                    entries,
                    bytes,
                },
                None,
            )
        }
    }
}
