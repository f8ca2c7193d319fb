//! An Automerge document of ours: what notes and the index of a pack share.
//!
//! The first change is a [`Base`], derived from what every device has: the same bytes and hash
//! everywhere, so it never travels. Every edit after it is one change by an actor of its own, derived
//! from log and content; two edits by one device from the same state are two concurrent changes and
//! never a collision.
//!
//! Automerge is treated as a parser of hostile input. Changes are applied to a copy, behind a panic
//! boundary; the copy is read, saved, loaded and compared, and only then takes the document's place.
//! This is the one module that makes, loads or forks Automerge documents, since each of these picks a
//! random actor, which is replaced at once.
//! Spec: `docs/spec/notes.md`, "Edits".

use super::change::{
    CHANGE_DEPS_MAX, ChangeRefused, CheckedChange, NewChange, ROOT, Schema, check_change, contained,
};
use super::chunk::{Actor, Chunk};
use super::diff;
use super::history::{History, Made, Shape};
use super::meeting::{self, Meeting};
use super::note::NoteError;
use crate::codec;
use crate::id::LogId;
use automerge::legacy::{ElementId, Key, ObjectId, Op, OpId, OpType, SortedVec};
use automerge::transaction::{CommitOptions, Transaction};
use automerge::{
    ActorId, Automerge, AutomergeError, Change, ChangeHash, ExpandedChange, LoadOptions, ObjId,
    OnPartialLoad, ReadDoc, ScalarValue, TextEncoding, VerificationMode,
};
use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};
use std::collections::BTreeSet;
use std::num::NonZeroU64;
use thiserror::Error;

/// Why an edit cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EditError {
    /// A field is out of its limits.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Names a state of the note that this device does not have.
    #[error("unknown version of the note")]
    UnknownHeads,
    /// More concurrent changes than one change may cite: join some first.
    #[error("more concurrent changes than one edit can build on")]
    TooManyHeads,
    /// The difference does not fit one change: edit in steps.
    #[error("edit is too large for one change")]
    TooLarge,
    /// The document's own code failed; nothing was changed.
    #[error("edit failed: {0}")]
    Failed(ChangeRefused),
}

/// Why a stored document cannot be used; it can be rebuilt from record and changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("stored document does not match its note")]
pub struct StaleCache;

/// An Automerge document with a derived base, and the table of its operations.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    schema: Schema,
    automerge: Automerge,
    base: ChangeHash,
    base_actor: Actor,
    history: History,
}

impl Document {
    pub(crate) fn heads(&self) -> Vec<ChangeHash> {
        self.history.heads()
    }

    pub(crate) fn base(&self) -> ChangeHash {
        self.base
    }

    #[cfg(test)]
    pub(crate) fn base_change(&self) -> Change {
        self.automerge
            .get_change_by_hash(&self.base)
            .expect("every document has its base")
    }

    pub(crate) fn contains(&self, hash: &ChangeHash) -> bool {
        self.history.contains(hash)
    }

    /// How many changes follow the base.
    pub(crate) fn edits(&self) -> usize {
        self.history.len() - 1
    }

    /// A change that builds on the first heads, if they are too many, and says one key anew.
    pub(crate) fn join(
        &self,
        log: LogId,
        key: &str,
        value: fn(&Document) -> ScalarValue,
    ) -> Result<Option<NewChange>, EditError> {
        let heads = self.heads();
        if heads.len() <= CHANGE_DEPS_MAX {
            return Ok(None);
        }
        let past = self.at(&heads[..CHANGE_DEPS_MAX])?;
        let value = value(&past);
        past.change(log, |draft| {
            draft.put_anew(ROOT, key, value);
            Ok(())
        })
    }

    /// The document as it stood at these heads.
    pub(crate) fn at(&self, seen: &[ChangeHash]) -> Result<Document, EditError> {
        let seen: BTreeSet<ChangeHash> = seen.iter().copied().collect();
        if seen.is_empty() || !seen.iter().all(|hash| self.history.contains(hash)) {
            return Err(EditError::UnknownHeads);
        }
        if seen.iter().eq(self.heads().iter()) {
            return Ok(self.clone());
        }
        let heads: Vec<ChangeHash> = seen.into_iter().collect();
        contained(|| {
            let automerge = fork_at(&self.automerge, &heads, self.base_actor)?;
            Ok(Document {
                schema: self.schema,
                automerge,
                base: self.base,
                base_actor: self.base_actor,
                history: self.history.clone(),
            })
        })
        .map_err(EditError::Failed)
    }

    /// Makes a change of this document, by the actor that log and content derive.
    pub(crate) fn change(
        &self,
        log: LogId,
        write: impl FnOnce(&mut Draft<'_>) -> Result<(), AutomergeError>,
    ) -> Result<Option<NewChange>, EditError> {
        let made = contained(|| {
            let operations = self.draft(write).map_err(|_| ChangeRefused::Breaks)?;
            if operations.is_empty() {
                return Ok(None);
            }
            let deps = self.automerge.get_heads();
            let start_op = NonZeroU64::MIN.saturating_add(self.history.max_op(&deps));
            let nobody = ActorId::from(NOBODY);
            let change = change_of(nobody, start_op, deps, operations);
            let chunk = Chunk::parse(change.raw_bytes())?;
            let bytes = chunk.with_actor(chunk.derived_actor(log));
            check_change(&bytes, log, self.schema).map(|checked| Some(NewChange::new(checked)))
        });
        made.map_err(|refused| match refused {
            ChangeRefused::TooManyDependencies => EditError::TooManyHeads,
            ChangeRefused::TooLarge { .. } | ChangeRefused::TooManyOps => EditError::TooLarge,
            other => EditError::Failed(other),
        })
    }

    /// The operations of an edit: those on texts as Automerge makes them, then those on maps.
    fn draft(
        &self,
        write: impl FnOnce(&mut Draft<'_>) -> Result<(), AutomergeError>,
    ) -> Result<Vec<Op>, AutomergeError> {
        let mut scratch = self.automerge.clone();
        scratch.set_actor(ActorId::from(NOBODY));
        let (hash, on_maps) = {
            let mut draft = Draft {
                past: self,
                tx: scratch.transaction(),
                on_maps: Vec::new(),
            };
            write(&mut draft)?;
            let (hash, _) = draft.tx.commit_with(CommitOptions::default().with_time(0));
            (hash, draft.on_maps)
        };
        let change = hash.and_then(|hash| scratch.get_change_by_hash(&hash));
        let mut operations = change.map_or_else(Vec::new, |change| change.decode().operations);
        operations.extend(on_maps);
        Ok(operations)
    }

    /// Applies changes to a copy, proves the copy by what `read` sees, and takes it over.
    pub(crate) fn try_apply<V: PartialEq>(
        &mut self,
        changes: &[CheckedChange],
        read: fn(&Document) -> V,
    ) -> Result<(), (usize, ChangeRefused)> {
        let mut next = self.clone();
        match next.apply_each(changes, read).into_iter().next() {
            Some(first) => Err(first),
            None => {
                *self = next;
                Ok(())
            }
        }
    }

    /// Applies what can be applied, and says which changes are refused, ascending.
    ///
    /// All are proven together; if that fails, each half by itself. So a change that breaks the document
    /// costs others beside it no more than the logarithm of their number in attempts.
    pub(crate) fn apply_each<V: PartialEq>(
        &mut self,
        changes: &[CheckedChange],
        read: fn(&Document) -> V,
    ) -> Vec<(usize, ChangeRefused)> {
        let mut refused = Vec::new();
        let numbered: Vec<_> = changes.iter().enumerate().collect();
        self.apply_halves(&numbered, read, &mut refused);
        refused.sort_by_key(|(index, _)| *index);
        refused
    }

    fn apply_halves<V: PartialEq>(
        &mut self,
        changes: &[(usize, &CheckedChange)],
        read: fn(&Document) -> V,
        refused: &mut Vec<(usize, ChangeRefused)>,
    ) {
        let mut history = self.history.clone();
        let mut fresh = Vec::new();
        for (index, change) in changes {
            if history.contains(&change.hash()) {
                continue;
            }
            match self.admit(&history, change) {
                Ok(()) => {
                    history.insert(change.hash(), change.shape().clone());
                    fresh.push((*index, *change));
                }
                Err(why) => refused.push((*index, why)),
            }
        }
        if fresh.is_empty() {
            return;
        }
        match (
            self.prove(fresh.iter().map(|(_, change)| *change), read),
            fresh.as_slice(),
        ) {
            (Ok(document), _) => *self = document,
            (Err(why), [(index, _)]) => refused.push((*index, why)),
            (Err(_), several) => {
                let (first, second) = several.split_at(several.len() / 2);
                self.apply_halves(first, read, refused);
                self.apply_halves(second, read, refused);
            }
        }
    }

    /// Whether a change stands on these changes and on this document's base.
    fn admit(&self, history: &History, change: &CheckedChange) -> Result<(), ChangeRefused> {
        if change.schema() != self.schema {
            return Err(ChangeRefused::WrongSchema);
        }
        history.admit(change.shape(), change.references())?;
        let own_base = change
            .base_actor()
            .is_none_or(|actor| *actor == self.base_actor);
        if own_base {
            Ok(())
        } else {
            Err(ChangeRefused::UnknownObject)
        }
    }

    /// This document with these changes: applied, read, saved, loaded and compared.
    fn prove<'c, V: PartialEq>(
        &self,
        changes: impl Iterator<Item = &'c CheckedChange>,
        read: fn(&Document) -> V,
    ) -> Result<Document, ChangeRefused> {
        contained(|| {
            let mut scratch = self.clone();
            let mut batch = Vec::new();
            for change in changes {
                scratch
                    .history
                    .insert(change.hash(), change.shape().clone());
                batch.push(change.change().clone());
            }
            scratch
                .automerge
                .apply_changes(batch)
                .map_err(|_| ChangeRefused::Breaks)?;
            let automerge = load(&scratch.automerge.save_nocompress(), self.base_actor)?;
            let loaded = Document {
                automerge,
                history: History::default(),
                ..*self
            };
            let heads = scratch.heads();
            let sound = scratch.automerge.get_heads() == heads
                && loaded.automerge.get_heads() == heads
                && read(&scratch) == read(&loaded);
            if sound {
                Ok(scratch)
            } else {
                Err(ChangeRefused::Breaks)
            }
        })
    }

    pub(crate) fn to_cache(&self) -> Vec<u8> {
        let shapes = self.history.shapes();
        codec::encode(&Cache {
            version: CACHE_VERSION,
            schema: self.schema,
            base: self.base.0.into(),
            base_actor: self.base_actor.into(),
            shapes: shapes
                .map(|(hash, shape)| (hash.0.into(), shape.clone()))
                .collect(),
            document: self.automerge.save().into(),
        })
    }

    pub(crate) fn from_cache(
        schema: Schema,
        bytes: &[u8],
        heads: &[ChangeHash],
    ) -> Result<Document, StaleCache> {
        let cache: Cache = minicbor::decode(bytes).map_err(|_| StaleCache)?;
        if cache.version != CACHE_VERSION || cache.schema != schema {
            return Err(StaleCache);
        }
        let base_actor = *cache.base_actor;
        let mut heads = heads.to_vec();
        heads.sort_unstable();
        contained(|| {
            let shapes = cache.shapes.into_iter();
            let history = History::from_shapes(shapes.map(|(h, shape)| (ChangeHash(*h), shape)));
            let automerge = load(&cache.document, base_actor)?;
            if history.heads() != heads || automerge.get_heads() != heads {
                return Err(ChangeRefused::Breaks);
            }
            let base = ChangeHash(*cache.base);
            Ok(Document {
                schema,
                automerge,
                base,
                base_actor,
                history,
            })
        })
        .map_err(|_| StaleCache)
    }

    fn object(&self, object: u8) -> ObjId {
        match object {
            ROOT => ObjId::Root,
            number => ObjId::Id(number.into(), ActorId::from(self.base_actor), 0),
        }
    }

    pub(crate) fn text(&self, object: u8) -> String {
        self.automerge.text(self.object(object)).unwrap_or_default()
    }

    /// Where edits that did not know of each other stand side by side in a text.
    pub(crate) fn meetings(&self, object: u8) -> Vec<Meeting> {
        let mut pieces: Vec<(ChangeHash, usize)> = Vec::new();
        for character in self.automerge.list_range(self.object(object), ..) {
            let actor = match character.id() {
                ObjId::Id(_, actor, _) => Actor::try_from(actor.to_bytes()).ok(),
                ObjId::Root => None,
            };
            let Some(change) = actor.and_then(|actor| self.history.by_actor(&actor)) else {
                return Vec::new();
            };
            match pieces.last_mut() {
                Some((last, length)) if *last == change => *length += 1,
                _ => pieces.push((change, 1)),
            }
        }
        meeting::meetings(object, &pieces, &self.history, self.base)
    }

    pub(crate) fn keys(&self, object: u8) -> BTreeSet<String> {
        self.automerge.keys(self.object(object)).collect()
    }

    /// All concurrent values of a key; the last is Automerge's own choice.
    pub(crate) fn values(&self, object: u8, key: &str) -> Vec<ScalarValue> {
        self.values_and_ids(object, key)
            .into_iter()
            .map(|(value, _)| value)
            .collect()
    }

    fn values_and_ids(&self, object: u8, key: &str) -> Vec<(ScalarValue, OpId)> {
        let values = self
            .automerge
            .get_all(self.object(object), key)
            .unwrap_or_default();
        let scalars = values.into_iter().filter_map(|(value, id)| match id {
            ObjId::Id(number, actor, _) => Some((value.into_scalar().ok()?, OpId(number, actor))),
            ObjId::Root => None,
        });
        scalars.collect()
    }
}

/// An edit in the making.
///
/// Operations on texts are Automerge's. Those on maps are built here: when a value is put that wins
/// among several already, Automerge would only delete the others, and a statement made anew would
/// fall with the old one.
pub(crate) struct Draft<'a> {
    past: &'a Document,
    tx: Transaction<'a>,
    on_maps: Vec<Op>,
}

impl Draft<'_> {
    /// Changes a text where it differs.
    pub(crate) fn text(&mut self, object: u8, text: &str) -> Result<(), AutomergeError> {
        let (of, before) = (self.past.object(object), self.past.text(object));
        diff::update(&mut self.tx, &of, &before, text)
    }

    /// Changes one line in one piece: of two at once both pieces stay whole, one after the other,
    /// where letters that they share by chance would be lost between them.
    pub(crate) fn line(&mut self, object: u8, text: &str) -> Result<(), AutomergeError> {
        let (of, before) = (self.past.object(object), self.past.text(object));
        diff::replace(&mut self.tx, &of, &before, text)
    }

    /// Puts a value unless it stands there alone already.
    pub(crate) fn put(&mut self, object: u8, key: &str, value: ScalarValue) {
        let now = self.past.values_and_ids(object, key);
        if !matches!(now.as_slice(), [(only, _)] if *only == value) {
            self.overwrite(object, key, OpType::Put(value), now);
        }
    }

    /// Puts a value, whatever stands there.
    fn put_anew(&mut self, object: u8, key: &str, value: ScalarValue) {
        let now = self.past.values_and_ids(object, key);
        self.overwrite(object, key, OpType::Put(value), now);
    }

    /// Takes away what stands there.
    pub(crate) fn delete(&mut self, object: u8, key: &str) {
        let now = self.past.values_and_ids(object, key);
        if !now.is_empty() {
            self.overwrite(object, key, OpType::Delete, now);
        }
    }

    fn overwrite(&mut self, object: u8, key: &str, action: OpType, now: Vec<(ScalarValue, OpId)>) {
        let mut op = op(object, self.past.base_actor, Key::Map(key.into()), action);
        op.pred = now.into_iter().map(|(_, id)| id).collect();
        self.on_maps.push(op);
    }
}

/// A stored document.
#[derive(Encode, Decode)]
#[cbor(array)]
struct Cache {
    #[n(0)]
    version: u16,
    #[n(1)]
    schema: Schema,
    #[n(2)]
    base: ByteArray<32>,
    #[n(3)]
    base_actor: ByteArray<16>,
    #[n(4)]
    shapes: Vec<(ByteArray<32>, Shape)>,
    #[n(5)]
    document: ByteVec,
}

/// Changes with the cache's layout; an older cache is thrown away and built anew.
const CACHE_VERSION: u16 = 1;

/// The derived first change of a document, operation by operation.
pub(crate) struct Base {
    schema: Schema,
    actor: Actor,
    shape: Shape,
    operations: Vec<Op>,
}

impl Base {
    /// Begins with the objects of the schema.
    pub(crate) fn new(schema: Schema, actor: Actor) -> Base {
        let shape = Shape::new(actor, 1, &[]);
        let mut base = Base {
            schema,
            actor,
            shape,
            operations: Vec::new(),
        };
        for (key, kind) in schema.objects() {
            base.push(
                op(ROOT, actor, Key::Map((*key).into()), OpType::Make(*kind)),
                Made::Object,
            );
        }
        base
    }

    /// Puts a value under a key of a map.
    pub(crate) fn put(&mut self, object: u8, key: &str, value: ScalarValue) {
        let op = op(object, self.actor, Key::Map(key.into()), OpType::Put(value));
        self.push(op, Made::Value(object, key.to_owned()));
    }

    /// Fills an empty text, one operation per Unicode scalar.
    pub(crate) fn text(&mut self, object: u8, text: &str) {
        let actor = ActorId::from(self.actor);
        let mut after = ElementId::Head;
        for char in text.chars() {
            let value = ScalarValue::Str(char.encode_utf8(&mut [0; 4]).into());
            let op = op(object, self.actor, Key::Seq(after), OpType::Put(value));
            self.push(Op { insert: true, ..op }, Made::Character(object));
            after = ElementId::Id(OpId::new(self.operations.len() as u64, &actor));
        }
    }

    /// The document of this change alone.
    pub(crate) fn finish(self) -> Document {
        let actor = ActorId::from(self.actor);
        let change = change_of(actor, NonZeroU64::MIN, Vec::new(), self.operations);
        let base = change.hash();
        let mut automerge = empty(self.actor);
        automerge
            .apply_changes([change])
            .expect("a derived change is well-formed and has no dependencies");
        automerge.set_actor(ActorId::from(self.actor));
        let history = History::from_shapes([(base, self.shape)]);
        Document {
            schema: self.schema,
            automerge,
            base,
            base_actor: self.actor,
            history,
        }
    }

    fn push(&mut self, op: Op, made: Made) {
        self.operations.push(op);
        self.shape.push(made, 1);
    }
}

/// An operation on an object of the base by this actor; it overwrites nothing.
fn op(object: u8, base_actor: Actor, key: Key, action: OpType) -> Op {
    let obj = match object {
        ROOT => ObjectId::Root,
        number => ObjectId::Id(OpId(number.into(), ActorId::from(base_actor))),
    };
    Op {
        action,
        obj,
        key,
        pred: SortedVec::new(),
        insert: false,
    }
}

/// A change of these operations, the first of its actor, without time or message.
fn change_of(
    actor_id: ActorId,
    start_op: NonZeroU64,
    deps: Vec<ChangeHash>,
    operations: Vec<Op>,
) -> Change {
    Change::from(ExpandedChange {
        operations,
        actor_id,
        hash: None,
        seq: 1,
        start_op,
        time: 0,
        message: None,
        deps,
        extra_bytes: Vec::new(),
        author: None,
    })
}

/// The actor of a change before its own is derived. It sorts last, so that no other is renumbered.
const NOBODY: Actor = [0xff; 16];

/// How many units a text has: stated everywhere, since a saved document does not say it.
const ENCODING: TextEncoding = TextEncoding::UnicodeCodePoint;

#[expect(
    clippy::disallowed_methods,
    reason = "the random actor is replaced at once"
)]
fn empty(actor: Actor) -> Automerge {
    Automerge::new_with_encoding(ENCODING).with_actor(ActorId::from(actor))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the random actor is replaced at once"
)]
fn load(bytes: &[u8], actor: Actor) -> Result<Automerge, ChangeRefused> {
    let options = LoadOptions::new()
        .on_partial_load(OnPartialLoad::Error)
        .verification_mode(VerificationMode::Check)
        .text_encoding(ENCODING);
    let automerge =
        Automerge::load_with_options(bytes, options).map_err(|_| ChangeRefused::Breaks)?;
    Ok(automerge.with_actor(ActorId::from(actor)))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the random actor is replaced at once"
)]
fn fork_at(
    document: &Automerge,
    heads: &[ChangeHash],
    actor: Actor,
) -> Result<Automerge, ChangeRefused> {
    let fork = document.fork_at(heads).map_err(|_| ChangeRefused::Breaks)?;
    Ok(fork.with_actor(ActorId::from(actor)))
}
