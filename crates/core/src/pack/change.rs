//! A peer's change: what it may look like, and the proof that it does.
//!
//! Automerge takes far more than our documents use: marks, counters, nested objects, lists, several
//! changes by one actor. An edit of ours needs single characters in two texts and plain values under
//! known keys. Everything else is refused here, by name, before the change is near a document;
//! [`super::NoteDocument`] then applies it to a scratch document first.
//!
//! A [`CheckedChange`] has the one valid encoding of its content, was made for one log (its actor is
//! derived from log and content), and obeys one [`Schema`]. Whether its author was allowed to write
//! is decided elsewhere.
//! Spec: `docs/spec/notes.md`, "Edits".

use super::chunk::{ACTOR_BYTES, Actor, Chunk};
use super::history::{Made, Reference, Run, Shape, refer};
use super::note::{
    BODY_BYTES_MAX, Claim, Consent, DATE_MAX, LINKS_MAX, NoteType, Pii, Status, TAGS_MAX,
    TITLE_BYTES_MAX, check_reason, check_tag, check_title,
};
use crate::codec;
use crate::id::{ItemId, LogId};
use automerge::legacy::{ElementId, Key, ObjectId, Op, OpId, OpType};
use automerge::{Change, ChangeHash, ExpandedChange, ObjType, ScalarValue};
use minicbor::{Decode, Encode};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use thiserror::Error;

/// Bytes of one change, at most.
pub const CHANGE_BYTES_MAX: usize = 256 * 1024;
/// Dependencies of one change, at most, as of one entry: more heads are joined first.
pub const CHANGE_DEPS_MAX: usize = 64;
/// Operations of one change, at most: two merged bodies of the largest size deleted, one inserted.
pub const CHANGE_OPS_MAX: u64 = 3 * BODY_BYTES_MAX as u64;
/// Values that one change overwrites or deletes, at most.
pub const CHANGE_PREDS_MAX: u64 = CHANGE_OPS_MAX;
/// The highest number of an operation: half of what Automerge can count.
pub const OP_NUMBER_MAX: u64 = 1 << 31;
/// Tags that one change adds or removes, at most: all old ones out, all new ones in.
const TAG_OPS_MAX: usize = 4 * TAGS_MAX;
/// Bytes of an encoded consent statement, at most: the sum of its fields' limits leaves room.
const CONSENT_BYTES_MAX: usize = 8 * 1024;
/// Bytes of the encoded names of [`LINKS_MAX`] notes, at most: 34 each, and their number.
const LINKS_BYTES_MAX: usize = LINKS_MAX * 34 + 8;
/// Bytes of encoded kinds of personal data, at most: one each, and their number.
const PII_BYTES_MAX: usize = 64;

/// Which keys and objects a document has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Schema {
    /// A note.
    #[n(0)]
    Note,
    /// A pack's own small document.
    #[n(1)]
    Index,
}

/// The root map; the base makes the other objects with its first operations, from number 1 on.
pub(crate) const ROOT: u8 = 0;
/// The title of a note, a text.
pub(crate) const TITLE: u8 = 1;
/// The body of a note, a text.
pub(crate) const BODY: u8 = 2;
/// The tags of a note, a map from tag to `true`.
pub(crate) const TAGS: u8 = 3;

impl Schema {
    /// The objects below the root, by the number of the operation that makes them, less one.
    pub(crate) const fn objects(self) -> &'static [(&'static str, ObjType)] {
        match self {
            Schema::Note => &[
                ("title", ObjType::Text),
                ("body", ObjType::Text),
                ("tags", ObjType::Map),
            ],
            Schema::Index => &[("order", ObjType::List), ("selections", ObjType::Map)],
        }
    }

    /// Bytes that one change may insert into a text; zero where nothing may be inserted.
    fn inserted_bytes_max(self, object: u8) -> usize {
        match (self, object) {
            (Schema::Note, TITLE) => TITLE_BYTES_MAX,
            (Schema::Note, BODY) => BODY_BYTES_MAX,
            _ => 0,
        }
    }

    /// Whether this value may stand under this key of a map.
    fn allows_value(self, object: u8, key: &str, value: &ScalarValue) -> bool {
        match (self, object, key, value) {
            (Schema::Note, ROOT, "status", ScalarValue::Str(word)) => {
                word.parse::<Status>().is_ok()
            }
            (Schema::Note, ROOT, "pinned", ScalarValue::Boolean(_)) => true,
            (Schema::Note, ROOT, "consent", ScalarValue::Bytes(bytes)) => {
                decode_consent(bytes).is_some()
            }
            (Schema::Note, ROOT, TYPE_KEY, ScalarValue::Str(word)) => {
                word.parse::<NoteType>().is_ok()
            }
            (Schema::Note, ROOT, CLAIM_KEY, ScalarValue::Str(word)) => {
                word.parse::<Claim>().is_ok()
            }
            (Schema::Note, ROOT, PII_KEY, ScalarValue::Bytes(bytes)) => decode_pii(bytes).is_some(),
            (Schema::Note, ROOT, SUPERSEDED_BY_KEY, ScalarValue::Bytes(bytes)) => {
                decode_links(bytes).is_some()
            }
            (Schema::Note, ROOT, REDACTED_KEY, ScalarValue::Str(reason)) => {
                check_reason(reason).is_ok()
            }
            (Schema::Note, ROOT, key, ScalarValue::Uint(date)) => {
                DATE_KEYS.contains(&key) && *date <= DATE_MAX.as_millis()
            }
            (Schema::Note, TAGS, tag, ScalarValue::Boolean(true)) => check_tag(tag).is_ok(),
            (Schema::Index, ROOT, "title", ScalarValue::Str(title)) => check_title(title).is_ok(),
            _ => false,
        }
    }

    /// Whether this key of a map may be deleted.
    fn allows_delete(self, object: u8, key: &str) -> bool {
        match (self, object) {
            (Schema::Note, ROOT) => DATE_KEYS.contains(&key) || LATER_KEYS.contains(&key),
            (Schema::Note, TAGS) => check_tag(key).is_ok(),
            _ => false,
        }
    }
}

/// The keys of a note's dates, in the order of the base.
pub(crate) const DATE_KEYS: [&str; 4] = ["valid_from", "valid_to", "review_after", "expires_at"];

/// What kind of thing a note is, by an edit.
pub(crate) const TYPE_KEY: &str = "type";
/// What kind of statement it makes, by an edit.
pub(crate) const CLAIM_KEY: &str = "claim";
/// Kinds of personal data that edits brought in.
pub(crate) const PII_KEY: &str = "pii";
/// The notes that replaced it.
pub(crate) const SUPERSEDED_BY_KEY: &str = "superseded_by";
/// Why its content was taken out.
pub(crate) const REDACTED_KEY: &str = "redacted";
/// The keys that no base has and edits may put and delete.
const LATER_KEYS: [&str; 5] = [
    TYPE_KEY,
    CLAIM_KEY,
    PII_KEY,
    SUPERSEDED_BY_KEY,
    REDACTED_KEY,
];

/// Kinds of personal data out of a document: at least one.
pub(crate) fn decode_pii(bytes: &[u8]) -> Option<BTreeSet<Pii>> {
    let kinds: BTreeSet<Pii> = codec::decode(bytes, PII_BYTES_MAX).ok()?;
    (!kinds.is_empty()).then_some(kinds)
}

/// Names of notes out of a document: at least one.
pub(crate) fn decode_links(bytes: &[u8]) -> Option<BTreeSet<ItemId>> {
    let links: BTreeSet<ItemId> = codec::decode(bytes, LINKS_BYTES_MAX).ok()?;
    (!links.is_empty() && links.len() <= LINKS_MAX).then_some(links)
}

/// A consent statement out of a document.
pub(crate) fn decode_consent(bytes: &[u8]) -> Option<Consent> {
    let consent: Consent = codec::decode(bytes, CONSENT_BYTES_MAX).ok()?;
    consent.check().ok()?;
    Some(consent)
}

/// A change that has the form of an edit. Whether it fits a document shows when it is applied.
#[derive(Clone, Debug)]
pub struct CheckedChange {
    change: Change,
    schema: Schema,
    shape: Shape,
    references: Vec<Reference>,
    base_actor: Option<Actor>,
    edits_body: bool,
}

impl CheckedChange {
    /// Its name.
    pub fn hash(&self) -> ChangeHash {
        self.change.hash()
    }

    /// The changes that its author saw, ascending.
    pub fn deps(&self) -> &[ChangeHash] {
        self.change.deps()
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        self.change.raw_bytes()
    }

    /// Whether it changes anything in the text of a note.
    pub fn edits_body(&self) -> bool {
        self.edits_body
    }

    /// The schema that it obeys.
    pub fn schema(&self) -> Schema {
        self.schema
    }

    pub(crate) fn change(&self) -> &Change {
        &self.change
    }

    pub(crate) fn shape(&self) -> &Shape {
        &self.shape
    }

    pub(crate) fn references(&self) -> &[Reference] {
        &self.references
    }

    /// The actor of the base whose objects it edits, if it edits any but the root.
    pub(crate) fn base_actor(&self) -> Option<&Actor> {
        self.base_actor.as_ref()
    }
}

/// An edit of our own, ready to be put into an entry and applied.
#[derive(Clone, Debug)]
pub struct NewChange {
    /// The chunk that travels.
    pub bytes: Vec<u8>,
    /// Its name.
    pub hash: ChangeHash,
    /// The changes that it builds on, ascending.
    pub deps: Vec<ChangeHash>,
    /// The same change, checked like a peer's.
    pub checked: CheckedChange,
}

impl NewChange {
    pub(crate) fn new(checked: CheckedChange) -> NewChange {
        NewChange {
            bytes: checked.bytes().to_vec(),
            hash: checked.hash(),
            deps: checked.deps().to_vec(),
            checked,
        }
    }
}

/// Why a change is not taken. Only [`ChangeRefused::MissingDependency`] may pass with time.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ChangeRefused {
    /// Longer than [`CHANGE_BYTES_MAX`].
    #[error("change of {bytes} bytes is too large")]
    TooLarge {
        /// Its length.
        bytes: usize,
    },
    /// Does not begin as a chunk.
    #[error("not an Automerge chunk")]
    NotAChunk,
    /// A whole document.
    #[error("document chunk instead of a change")]
    DocumentChunk,
    /// A compressed change.
    #[error("compressed change")]
    CompressedChunk,
    /// A chunk of another type.
    #[error("chunk of an unknown type")]
    UnknownChunk,
    /// Ends too early.
    #[error("truncated change")]
    Truncated,
    /// Another chunk follows.
    #[error("more than one chunk")]
    SeveralChunks,
    /// Something follows.
    #[error("trailing bytes after the change")]
    TrailingBytes,
    /// The chunk's checksum does not match.
    #[error("checksum of the change does not match")]
    BadChecksum,
    /// A base never travels.
    #[error("change without dependencies")]
    NoDependency,
    /// More than [`CHANGE_DEPS_MAX`].
    #[error("change with too many dependencies")]
    TooManyDependencies,
    /// An actor id of another length.
    #[error("actor id of a wrong length")]
    BadActor,
    /// Not the actor that log and content derive, or one that is already there.
    #[error("actor does not belong to this log and content")]
    WrongActor,
    /// Every edit is the first of its actor.
    #[error("sequence number other than 1")]
    BadSeq,
    /// Does not begin one after the last operation of its dependencies.
    #[error("first operation number does not follow the dependencies")]
    BadStartOp,
    /// Carries a time.
    #[error("change carries a time")]
    HasTime,
    /// Carries a message.
    #[error("change carries a message")]
    HasMessage,
    /// Carries bytes after its operations; an author would stand there.
    #[error("change carries extra bytes")]
    ExtraBytes,
    /// Compressed inside.
    #[error("compressed column")]
    CompressedColumn,
    /// A column that edits do not have.
    #[error("unknown column")]
    UnknownColumn,
    /// Claims more operations than [`CHANGE_OPS_MAX`], or numbers above [`OP_NUMBER_MAX`].
    #[error("change with too many operations")]
    TooManyOps,
    /// Changes nothing.
    #[error("change without operations")]
    Empty,
    /// Cannot be read.
    #[error("malformed change")]
    Malformed,
    /// Not the one valid encoding of its content.
    #[error("change is not canonically encoded")]
    NotCanonical,
    /// Names an object that the document does not offer for edits.
    #[error("edit of an unknown object")]
    UnknownObject,
    /// Names a key, or a value under it, that the document does not have.
    #[error("unknown key or value")]
    UnknownKey,
    /// An operation that the object does not take.
    #[error("operation does not fit its object")]
    WrongOperation,
    /// Inserts more than a whole text may hold.
    #[error("change inserts too much text")]
    TooMuchText,
    /// Refers to something that its dependencies do not reach.
    #[error("reference outside the change's dependencies")]
    ForeignReference,
    /// For a document of the other schema.
    #[error("change for another kind of document")]
    WrongSchema,
    /// A dependency is not here: keep the change until it is.
    #[error("dependency {hash} is missing")]
    MissingDependency {
        /// The first that is missing.
        hash: ChangeHash,
    },
    /// Automerge could not apply, read, save or load the result.
    #[error("change breaks the document")]
    Breaks,
    /// Automerge panicked; nothing was kept.
    #[error("change made the document code panic")]
    Panicked,
}

/// Checks the form of a change that came in an entry of `log`, cheapest first.
///
/// # Errors
/// [`ChangeRefused`] by cause, never [`ChangeRefused::MissingDependency`].
pub fn check_change(
    bytes: &[u8],
    log: LogId,
    schema: Schema,
) -> Result<CheckedChange, ChangeRefused> {
    let chunk = Chunk::parse(bytes)?;
    let own = chunk.actor() == chunk.derived_actor(log);
    if !own && !kitbag_crypto::planted::is(kitbag_crypto::planted::Planted::ActorUnchecked) {
        return Err(ChangeRefused::WrongActor);
    }
    contained(|| {
        let change = Change::try_from(bytes).map_err(|_| ChangeRefused::Malformed)?;
        let expanded = change.decode();
        let mut check = Check::new(schema, &expanded)?;
        expanded
            .operations
            .iter()
            .try_for_each(|op| check.operation(op))?;
        let edits_body = schema == Schema::Note && check.edited.contains(&BODY);
        let (shape, references, base_actor) = (check.shape, check.references, check.base_actor);
        if Change::from(expanded).raw_bytes() != bytes {
            return Err(ChangeRefused::NotCanonical);
        }
        Ok(CheckedChange {
            change,
            schema,
            shape,
            references,
            base_actor,
            edits_body,
        })
    })
}

/// Runs code that a peer's bytes may make panic; what it worked on must be thrown away then.
pub(crate) fn contained<T>(
    work: impl FnOnce() -> Result<T, ChangeRefused>,
) -> Result<T, ChangeRefused> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(ChangeRefused::Panicked))
}

/// The operations of one change, one after the other.
struct Check {
    schema: Schema,
    actor: Actor,
    shape: Shape,
    start_op: u64,
    references: Vec<Reference>,
    base_actor: Option<Actor>,
    inserted_bytes: [usize; 4],
    keys: BTreeSet<(u8, String)>,
    deleted: BTreeSet<(Actor, u64)>,
    edited: BTreeSet<u8>,
}

impl Check {
    fn new(schema: Schema, change: &ExpandedChange) -> Result<Check, ChangeRefused> {
        let actor = actor_bytes(change.actor_id.to_bytes())?;
        let start_op = change.start_op.get();
        let count = change.operations.len() as u64;
        if count == 0 {
            return Err(ChangeRefused::Empty);
        }
        if count > CHANGE_OPS_MAX || start_op.saturating_add(count) > OP_NUMBER_MAX {
            return Err(ChangeRefused::TooManyOps);
        }
        Ok(Check {
            schema,
            actor,
            shape: Shape::new(actor, start_op, &change.deps),
            start_op,
            references: Vec::new(),
            base_actor: None,
            inserted_bytes: [0; 4],
            keys: BTreeSet::new(),
            deleted: BTreeSet::new(),
            edited: BTreeSet::new(),
        })
    }

    fn operation(&mut self, op: &Op) -> Result<(), ChangeRefused> {
        let object = self.object(&op.obj)?;
        self.edited.insert(object);
        let made = match (self.kind(object)?, &op.key) {
            (ObjType::Text, Key::Seq(at)) => self.text_operation(object, op, at)?,
            (ObjType::Map, Key::Map(key)) => self.map_operation(object, op, key)?,
            _ => return Err(ChangeRefused::WrongOperation),
        };
        self.shape.push(made, 1);
        Ok(())
    }

    fn text_operation(
        &mut self,
        object: u8,
        op: &Op,
        at: &ElementId,
    ) -> Result<Made, ChangeRefused> {
        match (&op.action, op.insert, at) {
            (OpType::Put(ScalarValue::Str(text)), true, at) if op.pred.is_empty() => {
                self.insert(object, text)?;
                if let ElementId::Id(after) = at {
                    self.character(object, after)?;
                }
                Ok(Made::Character(object))
            }
            (OpType::Delete, false, ElementId::Id(target)) if only(op, target) => {
                let actor = actor_bytes(target.actor().to_bytes())?;
                if actor == self.actor || !self.deleted.insert((actor, target.counter())) {
                    return Err(ChangeRefused::WrongOperation);
                }
                self.character(object, target)?;
                Ok(Made::Deletion)
            }
            _ => Err(ChangeRefused::WrongOperation),
        }
    }

    /// One character more.
    fn insert(&mut self, object: u8, text: &str) -> Result<(), ChangeRefused> {
        let mut chars = text.chars();
        let (Some(char), None) = (chars.next(), chars.next()) else {
            return Err(ChangeRefused::WrongOperation);
        };
        if object == TITLE && check_title(text).is_err() {
            return Err(ChangeRefused::UnknownKey);
        }
        let inserted = &mut self.inserted_bytes[usize::from(object)];
        *inserted += char.len_utf8();
        if *inserted > self.schema.inserted_bytes_max(object) {
            return Err(ChangeRefused::TooMuchText);
        }
        Ok(())
    }

    /// A reference to a character of this text, of this change or of one before.
    fn character(&mut self, object: u8, id: &OpId) -> Result<(), ChangeRefused> {
        let made = Made::Character(object);
        if id.actor().to_bytes() != self.actor {
            return self.refer(id, made);
        }
        if self.shape.made(&Run::one(id.counter(), made)) {
            Ok(())
        } else {
            Err(ChangeRefused::ForeignReference)
        }
    }

    fn map_operation(&mut self, object: u8, op: &Op, key: &str) -> Result<Made, ChangeRefused> {
        let made = match &op.action {
            OpType::Put(value) if self.schema.allows_value(object, key, value) => {
                Made::Value(object, key.to_owned())
            }
            OpType::Delete if self.schema.allows_delete(object, key) && !op.pred.is_empty() => {
                Made::Deletion
            }
            OpType::Put(_) | OpType::Delete => return Err(ChangeRefused::UnknownKey),
            _ => return Err(ChangeRefused::WrongOperation),
        };
        let again = !self.keys.insert((object, key.to_owned()));
        if op.insert || again || self.keys.len() > TAG_OPS_MAX {
            return Err(ChangeRefused::WrongOperation);
        }
        let mut before: Option<&OpId> = None;
        for pred in op.pred.iter() {
            if before == Some(pred) {
                return Err(ChangeRefused::NotCanonical);
            }
            self.refer(pred, Made::Value(object, key.to_owned()))?;
            before = Some(pred);
        }
        Ok(made)
    }

    /// A reference to an earlier change.
    fn refer(&mut self, id: &OpId, made: Made) -> Result<(), ChangeRefused> {
        let actor = actor_bytes(id.actor().to_bytes())?;
        if actor == self.actor || id.counter() >= self.start_op {
            return Err(ChangeRefused::ForeignReference);
        }
        refer(&mut self.references, actor, id.counter(), made);
        Ok(())
    }

    /// The object by its number; all but the root were made by one and the same base.
    fn object(&mut self, object: &ObjectId) -> Result<u8, ChangeRefused> {
        let ObjectId::Id(id) = object else {
            return Ok(ROOT);
        };
        let actor = actor_bytes(id.actor().to_bytes())?;
        let number = u8::try_from(id.counter()).map_err(|_| ChangeRefused::UnknownObject)?;
        let known = (1..=self.schema.objects().len()).contains(&usize::from(number));
        let same_base = *self.base_actor.get_or_insert(actor) == actor;
        if known && same_base && actor != self.actor {
            Ok(number)
        } else {
            Err(ChangeRefused::UnknownObject)
        }
    }

    fn kind(&self, object: u8) -> Result<ObjType, ChangeRefused> {
        if object == ROOT {
            return Ok(ObjType::Map);
        }
        let objects = self.schema.objects();
        objects
            .get(usize::from(object) - 1)
            .map(|(_, kind)| *kind)
            .ok_or(ChangeRefused::UnknownObject)
    }
}

/// Whether an operation overwrites exactly this one.
fn only(op: &Op, target: &OpId) -> bool {
    op.pred.len() == 1 && op.pred.get(0) == Some(target)
}

fn actor_bytes(bytes: &[u8]) -> Result<Actor, ChangeRefused> {
    <[u8; ACTOR_BYTES]>::try_from(bytes).map_err(|_| ChangeRefused::BadActor)
}
