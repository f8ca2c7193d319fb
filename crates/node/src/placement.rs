//! Where a note is that was moved between sensitivities, and what it is made of there.
//!
//! A moved note has entries under several tags. Which moves count, which of them it stands at, and
//! whether this device shows it, follow from the set of entries, the policy and the keys, never from
//! the order of arrival. The note is then made of what stands at its sensitivity or below, so that
//! everybody who may see it sees the same.
//! Spec: `docs/spec/notes.md`, "Moving".

mod group;
mod verdict;

use crate::NodeError;
use crate::objects::{
    BuiltNote, Quarantine, Reach, apply_in_order, epoch_key, open_body, open_create, open_item_key,
    read, sensitivity_of,
};
use crate::replica::{Place, Replica};
use group::Group;
use kitbag_core::content::{CheckedRelocation, EntryBody, EntryKind, Relocation, VerifiedEntry};
use kitbag_core::id::{EntryHash, ItemId, ObjectTag, PackId, PersonId};
use kitbag_core::pack::note::object_tag;
use kitbag_core::policy::Sensitivity;
use kitbag_crypto::{EpochKey, ItemKey};
use kitbag_store::Store;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use verdict::Verdict;

/// The tags under which moved notes stand or stood.
#[derive(Default)]
pub(crate) struct Placements {
    tags: BTreeMap<ItemId, BTreeSet<ObjectTag>>,
    items: BTreeMap<ObjectTag, ItemId>,
}

impl Placements {
    /// The moved note that has this tag.
    pub(crate) fn item(&self, tag: &ObjectTag) -> Option<ItemId> {
        self.items.get(tag).copied()
    }

    /// Its tags, known here or not.
    pub(crate) fn tags(&self, item: &ItemId) -> impl Iterator<Item = &ObjectTag> {
        self.tags.get(item).into_iter().flatten()
    }

    /// Notes that a tag is one of this note's, and so are those where it can have been created.
    pub(crate) fn link(&mut self, pack: PackId, item: ItemId, tag: ObjectTag) {
        let created = Sensitivity::ALL.map(|s| object_tag(pack, item, s, 0));
        for tag in created.into_iter().chain([tag]) {
            self.tags.entry(item).or_default().insert(tag);
            self.items.insert(tag, item);
        }
    }
}

/// A move that passed every check that needs no policy.
pub(crate) struct OpenedMove {
    relocation: Relocation,
    checked: CheckedRelocation,
    item_key: ItemKey,
    sensitivity: Sensitivity,
    tag: ObjectTag,
}

/// What is known of a moved note beside its text.
#[derive(Clone)]
pub(crate) struct Placed {
    /// Up to which sensitivity its changes are taken.
    reach: Sensitivity,
    /// Moves that were opened, so that they need not be again.
    opened: BTreeMap<EntryHash, Arc<OpenedMove>>,
    verdict: Verdict,
    /// Edits made above the note's sensitivity, of which it carries nothing.
    pub(crate) above: u64,
}

impl Placed {
    /// Of a note that never moved.
    pub(crate) fn never(sensitivity: Sensitivity) -> Placed {
        Placed {
            reach: sensitivity,
            opened: BTreeMap::new(),
            verdict: Verdict::default(),
            above: 0,
        }
    }

    /// Whether a moved that leads nowhere hides it from members cleared lower.
    pub(crate) fn hidden_below(&self) -> bool {
        self.verdict.hidden_below
    }

    /// Places where members who cannot see this one still see the note, lowest first.
    pub(crate) fn shown_below(&self) -> &[(Sensitivity, ObjectTag, EntryHash)] {
        &self.verdict.shown_below
    }

    /// All places that a move leaves, this one among them; none of a note that never moved.
    pub(crate) fn left(&self) -> &[(Sensitivity, ObjectTag, EntryHash)] {
        &self.verdict.tips
    }

    /// The create or move at which it stands.
    pub(crate) fn tip(&self) -> Option<EntryHash> {
        self.verdict.tip
    }

    /// The highest placement of a node that counts; 0 for a note that never moved.
    pub(crate) fn highest(&self) -> u64 {
        self.verdict.highest
    }

    /// Creates, moves and moveds that count.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &EntryHash> {
        self.verdict.openings.iter().chain(&self.verdict.moveds)
    }
}

/// Which of its changes a moved note is made of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// What everybody sees who may see it where it stands.
    Shown,
    /// What was written above too, for an admin who brings it down.
    Everything,
}

/// What the entries of a moved note add up to.
pub(crate) enum Built {
    /// Nothing counts, or nothing opens yet.
    Waiting,
    /// It went above this person's clearance.
    Gone,
    /// It stands here.
    Note(Box<BuiltNote>),
}

/// Finds the note whose tag this is, if one of its entries says that it moved.
pub(crate) fn find_moved(
    replica: &Replica,
    store: &Store,
    tag: ObjectTag,
) -> Result<Option<ItemId>, NodeError> {
    let Some(object) = replica.objects.get(&tag) else {
        return Ok(None);
    };
    let places = object
        .entries
        .iter()
        .filter_map(|hash| replica.places.get(hash));
    let mut moved = false;
    for place in places {
        moved |= matches!(place.kind, EntryKind::Moved(_));
        if place.kind == EntryKind::Move
            && let Some(key) = epoch_key(replica, place)
            && let Some(entry) = read(replica, store, place)?
            && let Some((relocation, _)) = open_move(&entry, key)
        {
            let item = relocation.item();
            let level = sensitivity_of(replica, place);
            let own = level.map(|s| object_tag(replica.id(), item, s, relocation.placement));
            if own == Some(tag) {
                return Ok(Some(item));
            }
        }
    }
    if !moved {
        return Ok(None);
    }
    let note = open_create(replica, store, tag, object, Reach::Counting, &mut vec![])?;
    Ok(note.map(|note| note.item))
}

/// Puts a moved note together, going on from `known` where nothing but edits came since.
pub(crate) fn build_moved(
    replica: &Replica,
    store: &Store,
    reader: PersonId,
    item: ItemId,
    scope: Scope,
    known: Option<BuiltNote>,
    quarantine: &mut Vec<Quarantine>,
) -> Result<Built, NodeError> {
    let mut group = Group::gather(replica, store, item, known.as_ref(), quarantine)?;
    loop {
        let verdict = group.judge(reader);
        let Some(tip) = verdict.tip else {
            return Ok(Built::Waiting);
        };
        if verdict.hidden {
            return Ok(Built::Gone);
        }
        let same = |note: &BuiltNote| note.placed.verdict == verdict;
        let begun = match known.clone().filter(same) {
            Some(note) => Ok(note),
            None => group.begin(&verdict, tip, scope),
        };
        match begun {
            Ok(mut note) => {
                note.placed.opened = group.moves.clone();
                let pending = group.pending(&mut note);
                let edits: Vec<EntryHash> = pending.iter().map(|(hash, _)| *hash).collect();
                apply_in_order(replica, store, &mut note, pending, quarantine)?;
                let aside = group.set_aside(quarantine);
                let waits =
                    |hash: &&EntryHash| !note.applied.contains(hash) && !aside.contains(*hash);
                note.waiting = verdict.waiting + edits.iter().filter(waits).count() as u64;
                return Ok(Built::Note(Box::new(note)));
            }
            Err(bad) => {
                group.moves.remove(&bad.entry);
                quarantine.push(bad);
            }
        }
    }
}

/// Entries that these reach, themselves included, through entries of a note whose sensitivity is at
/// most `limit`.
pub(crate) fn reach(
    replica: &Replica,
    item: ItemId,
    from: impl IntoIterator<Item = EntryHash>,
    limit: Sensitivity,
) -> BTreeSet<EntryHash> {
    let entries = entries_of(replica, item);
    reach_in(replica, &entries, from, limit)
}

fn reach_in(
    replica: &Replica,
    entries: &BTreeMap<EntryHash, ObjectTag>,
    from: impl IntoIterator<Item = EntryHash>,
    limit: Sensitivity,
) -> BTreeSet<EntryHash> {
    let mut reached = BTreeSet::new();
    let mut ahead: Vec<EntryHash> = from.into_iter().collect();
    while let Some(hash) = ahead.pop() {
        let place = replica
            .places
            .get(&hash)
            .filter(|_| entries.contains_key(&hash))
            .filter(|place| sensitivity_of(replica, place).is_some_and(|s| s <= limit));
        if let Some(place) = place
            && reached.insert(hash)
        {
            ahead.extend(&place.deps);
        }
    }
    reached
}

/// All entries under a note's tags.
fn entries_of(replica: &Replica, item: ItemId) -> BTreeMap<EntryHash, ObjectTag> {
    let objects = replica
        .placements
        .tags(&item)
        .filter_map(|tag| Some((tag, replica.objects.get(tag)?)));
    objects
        .flat_map(|(tag, object)| object.entries.iter().map(|hash| (*hash, *tag)))
        .collect()
}

fn open_move(entry: &VerifiedEntry, key: &EpochKey) -> Option<(Relocation, ItemKey)> {
    let item_key = open_item_key(entry, key)?;
    match open_body(entry, &item_key, key) {
        Some(EntryBody::Move(relocation)) => Some((relocation, item_key)),
        _ => None,
    }
}

enum Checked {
    Move(Box<OpenedMove>),
    Waiting,
    Refused(String),
}

fn check_move(
    replica: &Replica,
    store: &Store,
    place: &Place,
    tag: ObjectTag,
) -> Result<Checked, NodeError> {
    let (Some(sensitivity), Some(key)) =
        (sensitivity_of(replica, place), epoch_key(replica, place))
    else {
        return Ok(Checked::Waiting);
    };
    let Some(entry) = read(replica, store, place)? else {
        return Ok(Checked::Waiting);
    };
    let Some((relocation, item_key)) = open_move(&entry, key) else {
        return Ok(Checked::Refused(
            "the entry does not open as a moved note".into(),
        ));
    };
    match relocation.check(replica.id(), sensitivity, tag) {
        Err(refused) => Ok(Checked::Refused(refused.to_string())),
        Ok(checked) => Ok(Checked::Move(Box::new(OpenedMove {
            relocation,
            checked,
            item_key,
            sensitivity,
            tag,
        }))),
    }
}
