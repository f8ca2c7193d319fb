//! Where edits that did not know of each other left text side by side.
//!
//! A merge keeps what each of them typed, and nobody has read the result yet. Two pieces of text that
//! stand side by side, from two changes of which neither is in the past of the other, were typed in the
//! same place, or replaced the same words. It is over once a change that has both in its past changes
//! that text.
//! Spec: `docs/spec/notes.md`, "Changed at once".

use super::history::{History, Shape};
use automerge::ChangeHash;
use std::collections::BTreeMap;
use std::ops::Range;

/// Places of one text that are told.
pub const MEETINGS_MAX: usize = 32;
/// Pairs of pieces that are looked at in one text. Each costs a walk through the note's changes.
const PAIRS_MAX: usize = 64;

/// A place where two edits met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meeting {
    /// The two pieces together, in characters.
    pub at: Range<usize>,
    /// The changes that made them, in the order in which they stand.
    pub changes: [ChangeHash; 2],
}

/// The meetings in the text `object`, which stands in these pieces, in order. The derived first change
/// meets nobody, for everything builds on it.
pub(crate) fn meetings(
    object: u8,
    pieces: &[(ChangeHash, usize)],
    history: &History,
    base: ChangeHash,
) -> Vec<Meeting> {
    if pieces.iter().filter(|(change, _)| *change != base).count() < 2 {
        return Vec::new();
    }
    let steps = Steps::of(object, history);
    let mut found = Vec::new();
    let (mut start, mut pairs) = (0, 0);
    for pair in pieces.windows(2) {
        let [(left, left_length), (right, right_length)] = pair else {
            break;
        };
        let at = start..start + left_length + right_length;
        start += left_length;
        if *left == base || *right == base {
            continue;
        }
        pairs += 1;
        if pairs > PAIRS_MAX || found.len() == MEETINGS_MAX {
            break;
        }
        if steps.unread(left, right) {
            found.push(Meeting {
                at,
                changes: [*left, *right],
            });
        }
    }
    found
}

/// The changes of a document, each after those that it builds on.
struct Steps {
    places: BTreeMap<ChangeHash, usize>,
    /// Where the changes stand that each builds on, and whether it types in the text or deletes anything.
    steps: Vec<(Vec<usize>, bool)>,
}

impl Steps {
    fn of(object: u8, history: &History) -> Steps {
        let mut shapes: Vec<(&ChangeHash, &Shape)> = history.shapes().collect();
        // A change begins where those end that it builds on.
        shapes.sort_by_key(|(hash, shape)| (shape.start_op(), **hash));
        let places: BTreeMap<ChangeHash, usize> =
            shapes.iter().map(|(h, _)| **h).zip(0..).collect();
        let steps = shapes.iter().map(|(_, shape)| {
            let deps = shape.deps().filter_map(|dep| places.get(&dep).copied());
            (deps.collect(), shape.edits_text(object))
        });
        let steps = steps.collect();
        Steps { places, steps }
    }

    /// Whether neither of two changes builds on the other, and nobody who had both wrote in the text.
    fn unread(&self, left: &ChangeHash, right: &ChangeHash) -> bool {
        let (Some(left), Some(right)) = (self.places.get(left), self.places.get(right)) else {
            return false;
        };
        let mut has = vec![(false, false); self.steps.len()];
        for (at, (deps, edits)) in self.steps.iter().enumerate() {
            let past = deps.iter().fold((false, false), |(l, r), dep| {
                (l || has[*dep].0, r || has[*dep].1)
            });
            has[at] = (past.0 || at == *left, past.1 || at == *right);
            let is_one = at == *left || at == *right;
            if has[at] == (true, true) && (is_one || *edits) {
                return false;
            }
        }
        true
    }
}
