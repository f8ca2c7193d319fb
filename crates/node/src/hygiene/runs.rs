//! What one go wrote, so that it is taken back in one go.
//!
//! Of each go this device keeps which numbers of its logs it wrote. Taking it back goes from the last to
//! the first, some in one commit with what is left to take back: a device that dies in the middle goes on
//! where it was. What a go wrote, and what took it back, is no write of its own any more once it was
//! taken back.

use super::HygieneGo;
use super::goes::Told;
use crate::pens::Pens;
use crate::replica::{Place, Replica};
use crate::{Node, NodeError, read_list_up_to};
use kitbag_core::codec;
use kitbag_core::hygiene_receipt::PutAway;
use kitbag_core::id::{EntryHash, LogId, PackId, Timestamp};
use kitbag_store::Store;
use minicbor::{Decode, Encode};

/// Goes of a pack that are known, at most. What an older one wrote is taken back note by note.
const RUNS_MAX: usize = 32;
/// Pieces of logs of one go, at most: one for each time that something else was written in between.
const SPANS_MAX: usize = 2_048;
/// Bytes of the list, at most: both lists of pieces of every go, and how far it came.
const RUNS_BYTES_MAX: usize = RUNS_MAX * (2 * SPANS_MAX * 64 + 1_024) + 16;

/// Entries of one log, from one number to before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub(crate) struct Span {
    #[n(0)]
    log: LogId,
    #[n(1)]
    from: u64,
    #[n(2)]
    to: u64,
}

impl From<(LogId, u64, u64)> for Span {
    fn from((log, from, to): (LogId, u64, u64)) -> Span {
        Span { log, from, to }
    }
}

impl Span {
    fn holds(&self, place: &Place) -> bool {
        self.log == place.log && (self.from..self.to).contains(&place.seq)
    }
}

/// One go.
#[derive(Clone, Debug, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Run {
    #[n(0)]
    pub(crate) at: Timestamp,
    /// Notes that it changed, without those that went along.
    #[n(1)]
    pub(super) notes: u64,
    /// What it wrote and was not taken back, in the order of writing.
    #[n(2)]
    left: Vec<Span>,
    /// What of it was taken back, and what took it back.
    #[n(3)]
    past: Vec<Span>,
    /// How far it came; of a few of the newest goes.
    #[n(4)]
    told: Option<Told>,
}

/// The goes of a pack, oldest first.
#[derive(Clone, Debug, Default, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Runs {
    #[n(0)]
    runs: Vec<Run>,
}

/// What was taken back of a go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunUndone {
    /// When the go began.
    pub at: Timestamp,
    /// Notes that it had changed, without those that went along.
    pub notes: u64,
    /// Entries of it that are still to be taken back: call again.
    pub rest: u64,
}

impl Runs {
    /// Whether an entry is over: taken back with its go, or what took one back.
    pub(crate) fn is_past(&self, place: &Place) -> bool {
        let mut spans = self.runs.iter().flat_map(|run| &run.past);
        spans.any(|span| span.holds(place))
    }

    /// The go that wrote an entry, if it was not taken back.
    pub(crate) fn of(&self, place: &Place) -> Option<&Run> {
        let left = |run: &&Run| run.left.iter().any(|span| span.holds(place));
        self.runs.iter().find(left)
    }

    /// The go that began then.
    pub(crate) fn begun_at(&self, at: Timestamp) -> Option<&Run> {
        self.runs.iter().find(|run| run.at == at)
    }

    /// The goes of which is known how far they came, oldest first, with the notes that each changed.
    pub(super) fn told(&self) -> impl Iterator<Item = (&Run, &Told)> {
        let runs = self.runs.iter();
        runs.filter_map(|run| Some((run, run.told.as_ref()?)))
    }

    /// Notes what a step wrote for a go; gives the setting in which its notes are kept.
    fn wrote(
        &mut self,
        pack: PackId,
        go: &HygieneGo,
        spans: &[Span],
        notes: Vec<PutAway>,
    ) -> Option<(String, Vec<u8>)> {
        let place = match self.runs.iter().position(|run| run.at == go.at) {
            Some(place) => place,
            None => {
                let surplus = (self.runs.len() + 1).saturating_sub(RUNS_MAX);
                self.runs.drain(..surplus);
                let slots = self.runs.iter_mut().map(|run| &mut run.told);
                let told = Some(Told::begun(slots));
                self.runs.push(Run {
                    at: go.at,
                    notes: 0,
                    left: vec![],
                    past: vec![],
                    told,
                });
                self.runs.len() - 1
            }
        };
        let run = &mut self.runs[place];
        run.notes += notes.len() as u64;
        spans.iter().for_each(|span| join(&mut run.left, *span));
        run.told.as_mut()?.went_on(pack, go, notes)
    }
}

/// Adds a piece to those of its log that it touches. If there is no room it is left out, and is a write of
/// its own then.
fn join(spans: &mut Vec<Span>, mut span: Span) {
    let touches =
        |one: &Span, span: &Span| one.log == span.log && one.from <= span.to && span.from <= one.to;
    // It stays where the last of them stood: the order is that of writing.
    let mut place = None;
    while let Some(at) = spans.iter().rposition(|one| touches(one, &span)) {
        let one = spans.remove(at);
        span.from = span.from.min(one.from);
        span.to = span.to.max(one.to);
        place = Some(place.map_or(at, |place: usize| place - 1));
    }
    match place {
        Some(at) => spans.insert(at, span),
        None if spans.len() < SPANS_MAX => spans.push(span),
        None => {}
    }
}

impl Run {
    /// The entries that are left, last written first, at most so many; and how many there are.
    fn newest(&self, replica: &Replica, most: usize) -> (Vec<(Span, EntryHash)>, u64) {
        let mut newest = Vec::new();
        let total = self.left.iter().map(|span| span.to - span.from).sum();
        for span in self.left.iter().rev() {
            let trunk = replica.logs.get(&span.log).and_then(|log| log.trunk());
            let Some(trunk) = trunk else { continue };
            for seq in (span.from..span.to).rev() {
                if newest.len() == most {
                    return (newest, total);
                }
                let one = usize::try_from(seq).ok();
                if let Some(entry) = one.and_then(|seq| trunk.entries.get(seq)) {
                    let (from, to) = (seq, seq + 1);
                    newest.push((Span { from, to, ..*span }, *entry));
                }
            }
        }
        (newest, total)
    }

    /// Notes that these were taken back, by what was written there.
    fn took_back(&mut self, entries: &[Span], by: &[Span]) {
        for one in entries {
            for span in &mut self.left {
                if span.log == one.log && span.to == one.to {
                    span.to = one.from;
                    break;
                }
            }
            self.left.retain(|span| span.from < span.to);
            join(&mut self.past, *one);
        }
        by.iter().for_each(|span| join(&mut self.past, *span));
    }
}

impl Pens {
    /// What was written with each, so far.
    pub(crate) fn spans(&self) -> impl Iterator<Item = (LogId, u64, u64)> {
        self.written().filter(|(_, from, to)| from < to)
    }
}

fn name(pack: PackId) -> String {
    format!("hygiene/{pack}")
}

/// The goes of a pack. A list that cannot be read is begun anew, and told in `damaged`.
fn read_runs(
    store: &Store,
    pack: PackId,
    damaged: &mut Vec<&'static str>,
) -> Result<Runs, NodeError> {
    let what = "list of what hygiene wrote";
    read_list_up_to(store, &name(pack), RUNS_BYTES_MAX, what, damaged)
}

/// Looks at the lists of all packs; what cannot be read is told in `damaged`, once.
pub(crate) fn check(
    store: &Store,
    packs: &[PackId],
    damaged: &mut Vec<&'static str>,
) -> Result<(), NodeError> {
    let mut found = Vec::new();
    for pack in packs {
        read_runs(store, *pack, &mut found)?;
    }
    damaged.extend(found.first());
    Ok(())
}

impl Node {
    /// A go that begins now, for so many actions. Its moment is later than that of every one before it in
    /// this pack.
    ///
    /// # Errors
    /// [`NodeError::Store`].
    pub fn begin_hygiene_run(
        &mut self,
        now: Timestamp,
        pack: PackId,
        planned: usize,
    ) -> Result<HygieneGo, NodeError> {
        let runs = self.runs(pack)?;
        let after = runs.runs.iter().map(|run| run.at).max();
        let after = after.max(self.hygiene_begun); // one may have written nothing yet
        let next = after.map_or(0, |at| at.as_millis().saturating_add(1));
        let at = now.as_millis().max(next);
        let at = Timestamp::from_millis(at);
        self.hygiene_begun = Some(at);
        Ok(HygieneGo::new(at, planned as u64))
    }

    pub(crate) fn runs(&self, pack: PackId) -> Result<Runs, NodeError> {
        read_runs(&self.store, pack, &mut Vec::new())
    }

    /// The settings that say what a step did for a go; none if it did nothing, and none before it did.
    pub(super) fn with_written(
        &self,
        pack: PackId,
        go: &HygieneGo,
        spans: &[Span],
        notes: Vec<PutAway>,
    ) -> Result<Vec<(String, Vec<u8>)>, NodeError> {
        let mut runs = self.runs(pack)?;
        if notes.is_empty() && runs.begun_at(go.at).is_none() {
            return Ok(vec![]); // nor does it take the place of one that did something
        }
        let row = runs.wrote(pack, go, spans, notes);
        let list = (name(pack), codec::encode(&runs));
        Ok(row.into_iter().chain([list]).collect())
    }

    /// The newest entries of a go that are to be taken back.
    pub(crate) fn newest_of_run(
        &self,
        pack: PackId,
        run: &Run,
        most: usize,
    ) -> Result<(Vec<(Span, EntryHash)>, u64), NodeError> {
        Ok(run.newest(self.packs.need(pack)?, most))
    }

    /// The setting that says that these entries of a go were taken back, and how much is left.
    pub(crate) fn with_taken_back(
        &self,
        pack: PackId,
        at: Timestamp,
        entries: &[Span],
        by: &[Span],
    ) -> Result<((String, Vec<u8>), RunUndone), NodeError> {
        let mut runs = self.runs(pack)?;
        let run = runs.runs.iter_mut().find(|run| run.at == at);
        let run = run.ok_or(NodeError::Damaged("list of what hygiene wrote"))?;
        run.took_back(entries, by);
        let undone = RunUndone {
            at,
            notes: run.notes,
            rest: run.left.iter().map(|span| span.to - span.from).sum(),
        };
        Ok(((name(pack), codec::encode(&runs)), undone))
    }
}

impl Run {
    /// As it would be said, with so much left.
    pub(crate) fn undone(&self, rest: u64) -> RunUndone {
        RunUndone {
            at: self.at,
            notes: self.notes,
            rest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(log: u8, from: u64, to: u64) -> Span {
        Span {
            log: LogId::from_bytes([log; 32]),
            from,
            to,
        }
    }

    fn run() -> Run {
        Run {
            at: Timestamp::from_millis(1),
            notes: 0,
            left: vec![],
            past: vec![],
            told: Some(Told::full()),
        }
    }

    /// Goal: pieces that touch are one, on whichever side; others stay apart, in the order of writing.
    #[test]
    fn pieces_that_touch_are_one() {
        let mut spans = vec![];
        let pieces = [
            span(1, 4, 6),
            span(2, 0, 3),
            span(1, 10, 12),
            span(1, 8, 10),
            span(1, 6, 8),
            span(2, 5, 6),
        ];
        for piece in pieces {
            join(&mut spans, piece);
        }
        assert_eq!(spans, [span(2, 0, 3), span(1, 4, 12), span(2, 5, 6)]);
    }

    /// Goal: however often other writes come between, the list of a go stays as long as it may be, and
    /// reads back.
    #[test]
    fn what_is_taken_back_never_makes_the_list_too_long_to_read() {
        let mut full = run();
        let far = u64::MAX - 2 * SPANS_MAX as u64 * 4;
        for at in 0..2 * SPANS_MAX as u64 {
            let (from, to) = (far + 4 * at, far + 4 * at + 1);
            join(&mut full.left, span(1, from, to));
        }
        for at in 0..2 * SPANS_MAX as u64 {
            let (from, to) = (far + 4 * at, far + 4 * at + 1);
            full.took_back(&[span(2, from, to)], &[span(3, from, to)]);
        }
        assert_eq!((full.left.len(), full.past.len()), (SPANS_MAX, SPANS_MAX));
        let runs = Runs {
            runs: vec![full; RUNS_MAX],
        };
        let bytes = codec::encode(&runs);
        let read = codec::decode::<Runs>(&bytes, RUNS_BYTES_MAX).unwrap();
        assert_eq!(read.runs.len(), RUNS_MAX);
    }

    /// As it was before it said how far a go came.
    #[derive(Encode)]
    #[cbor(map)]
    struct RunBefore {
        #[n(0)]
        at: Timestamp,
        #[n(1)]
        notes: u64,
        #[n(2)]
        left: Vec<Span>,
        #[n(3)]
        past: Vec<Span>,
    }

    /// Goal: a list of an older build is read, and written again as it was.
    #[test]
    fn a_go_of_an_older_build_reads_back() {
        let before = RunBefore {
            at: Timestamp::from_millis(3),
            notes: 2,
            left: vec![span(1, 0, 2)],
            past: vec![span(2, 5, 6)],
        };
        let bytes = codec::encode(&before);
        let run: Run = codec::decode(&bytes, RUNS_BYTES_MAX).unwrap();
        assert_eq!(
            (run.notes, run.left, run.past),
            (2, before.left, before.past)
        );
        assert!(run.told.is_none());
    }
}
