//! Which operations a document's changes made, so that an edit can only refer to what its author saw.
//!
//! Automerge looks references up in the whole document and panics or guesses when one is missing or
//! of another kind. If an edit named a character of a concurrent edit, it would apply on one device
//! and fail on another, by order of arrival. So every reference is checked against the past that the
//! edit itself cites, by a table of runs that stays small: most edits are a few runs.
//! Spec: `docs/spec/notes.md`, "References".

use super::change::ChangeRefused;
use super::chunk::Actor;
use automerge::ChangeHash;
use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What one operation made.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) enum Made {
    /// An object; only the base makes them.
    #[n(0)]
    Object,
    /// A character of a text.
    #[n(1)]
    Character(#[n(0)] u8),
    /// A value under a key of a map.
    #[n(2)]
    Value(#[n(0)] u8, #[n(1)] String),
    /// Nothing: it deleted something.
    #[n(3)]
    Deletion,
}

/// Operations beside each other that made the same.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Run {
    #[n(0)]
    first: u64,
    #[n(1)]
    length: u64,
    #[n(2)]
    made: Made,
}

/// The operations of one change.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Shape {
    #[n(0)]
    actor: ByteArray<16>,
    #[n(1)]
    start_op: u64,
    #[n(2)]
    deps: Vec<ByteArray<32>>,
    #[n(3)]
    runs: Vec<Run>,
}

/// Operations beside each other of another change, and what they have to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    actor: Actor,
    run: Run,
}

impl Shape {
    pub(crate) fn new(actor: Actor, start_op: u64, deps: &[ChangeHash]) -> Shape {
        let deps = deps.iter().map(|dep| dep.0.into()).collect();
        Shape {
            actor: actor.into(),
            start_op,
            deps,
            runs: Vec::new(),
        }
    }

    /// Appends the next operations.
    pub(crate) fn push(&mut self, made: Made, length: u64) {
        let first = self.max_op() + 1;
        match self.runs.last_mut() {
            _ if length == 0 => {}
            Some(run) if run.made == made => run.length += length,
            _ => self.runs.push(Run {
                first,
                length,
                made,
            }),
        }
    }

    /// The number of its last operation.
    pub(crate) fn max_op(&self) -> u64 {
        self.runs
            .last()
            .map_or(self.start_op.saturating_sub(1), |run| {
                run.first + run.length - 1
            })
    }

    /// Whether all of these operations are here and made the same.
    pub(crate) fn made(&self, wanted: &Run) -> bool {
        let mut next = wanted.first;
        let end = wanted.first.saturating_add(wanted.length);
        let begin = self
            .runs
            .partition_point(|run| run.first + run.length <= next);
        for run in &self.runs[begin..] {
            if next >= end {
                break;
            }
            if run.first > next || run.made != wanted.made {
                return false;
            }
            next = run.first + run.length;
        }
        next >= end
    }

    pub(crate) fn actor(&self) -> &Actor {
        &self.actor
    }

    /// The number of its first operation.
    pub(crate) fn start_op(&self) -> u64 {
        self.start_op
    }

    /// Whether it types in this text, or deletes anything: an operation that deletes does not say where.
    pub(crate) fn edits_text(&self, object: u8) -> bool {
        let edits =
            |run: &Run| matches!(&run.made, Made::Deletion) || run.made == Made::Character(object);
        self.runs.iter().any(edits)
    }

    pub(crate) fn deps(&self) -> impl Iterator<Item = ChangeHash> {
        self.deps.iter().map(|dep| ChangeHash(**dep))
    }
}

impl Run {
    pub(crate) fn one(at: u64, made: Made) -> Run {
        Run {
            first: at,
            length: 1,
            made,
        }
    }
}

/// Notes a reference, joined to the one before where they lie side by side.
pub(crate) fn refer(references: &mut Vec<Reference>, actor: Actor, at: u64, made: Made) {
    if let Some(Reference { actor: same, run }) = references.last_mut()
        && *same == actor
        && run.made == made
    {
        if run.first + run.length == at {
            run.length += 1;
            return;
        }
        if (run.first..run.first + run.length).contains(&at) {
            return;
        }
    }
    references.push(Reference {
        actor,
        run: Run::one(at, made),
    });
}

/// The changes of one document, from its base on.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    changes: BTreeMap<ChangeHash, Arc<Shape>>,
    by_actor: BTreeMap<Actor, ChangeHash>,
    heads: BTreeSet<ChangeHash>,
}

impl History {
    /// A history of stored shapes.
    pub(crate) fn from_shapes(shapes: impl IntoIterator<Item = (ChangeHash, Shape)>) -> History {
        let mut history = History::default();
        let mut cited = BTreeSet::new();
        for (hash, shape) in shapes {
            cited.extend(shape.deps());
            history.by_actor.insert(*shape.actor, hash);
            history.changes.insert(hash, Arc::new(shape));
        }
        history.heads = history
            .changes
            .keys()
            .filter(|hash| !cited.contains(hash))
            .copied()
            .collect();
        history
    }

    pub(crate) fn shapes(&self) -> impl Iterator<Item = (&ChangeHash, &Shape)> {
        self.changes
            .iter()
            .map(|(hash, shape)| (hash, shape.as_ref()))
    }

    pub(crate) fn len(&self) -> usize {
        self.changes.len()
    }

    /// The change of an actor; each has one.
    pub(crate) fn by_actor(&self, actor: &Actor) -> Option<ChangeHash> {
        self.by_actor.get(actor).copied()
    }

    pub(crate) fn contains(&self, hash: &ChangeHash) -> bool {
        self.changes.contains_key(hash)
    }

    /// The changes that no other cites, ascending.
    pub(crate) fn heads(&self) -> Vec<ChangeHash> {
        self.heads.iter().copied().collect()
    }

    /// The highest number of an operation in these changes and all before them.
    pub(crate) fn max_op(&self, heads: &[ChangeHash]) -> u64 {
        heads
            .iter()
            .filter_map(|head| self.changes.get(head))
            .map(|shape| shape.max_op())
            .max()
            .unwrap_or(0)
    }

    /// Adds a change whose dependencies are there.
    pub(crate) fn insert(&mut self, hash: ChangeHash, shape: Shape) {
        for dep in shape.deps() {
            self.heads.remove(&dep);
        }
        self.heads.insert(hash);
        self.by_actor.insert(*shape.actor, hash);
        self.changes.insert(hash, Arc::new(shape));
    }

    /// Checks that a change stands on what is there, begins where its dependencies end, and refers
    /// only to what they reach.
    pub(crate) fn admit(
        &self,
        shape: &Shape,
        references: &[Reference],
    ) -> Result<(), ChangeRefused> {
        let mut end = 0;
        for dep in shape.deps() {
            let known = self
                .changes
                .get(&dep)
                .ok_or(ChangeRefused::MissingDependency { hash: dep })?;
            end = end.max(known.max_op());
        }
        if shape.start_op != end + 1 {
            return Err(ChangeRefused::BadStartOp);
        }
        if self.by_actor.contains_key(shape.actor()) {
            return Err(ChangeRefused::WrongActor);
        }
        let mut past = Past::new(self, shape);
        for reference in references {
            let hash = self
                .by_actor
                .get(&reference.actor)
                .ok_or(ChangeRefused::ForeignReference)?;
            let made = self
                .changes
                .get(hash)
                .is_some_and(|target| target.made(&reference.run));
            if !made || !past.reaches(hash) {
                return Err(ChangeRefused::ForeignReference);
            }
        }
        Ok(())
    }
}

/// What a change's dependencies reach, found as far as it is asked for.
struct Past<'a> {
    history: &'a History,
    everything: bool,
    seen: BTreeSet<ChangeHash>,
    open: Vec<ChangeHash>,
}

impl<'a> Past<'a> {
    fn new(history: &'a History, shape: &Shape) -> Past<'a> {
        let seen: BTreeSet<ChangeHash> = shape.deps().collect();
        let everything = history.heads.is_subset(&seen);
        Past {
            history,
            everything,
            open: seen.iter().copied().collect(),
            seen,
        }
    }

    fn reaches(&mut self, hash: &ChangeHash) -> bool {
        while !self.everything && !self.seen.contains(hash) {
            let Some(next) = self.open.pop() else {
                return false;
            };
            for dep in self
                .history
                .changes
                .get(&next)
                .into_iter()
                .flat_map(|shape| shape.deps())
            {
                if self.seen.insert(dep) {
                    self.open.push(dep);
                }
            }
        }
        true
    }
}
