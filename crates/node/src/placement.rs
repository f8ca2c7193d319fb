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
use crate::authority::Authority;
use crate::objects::{
    BuiltNote, Quarantine, Reach, apply_in_order, epoch_key, open_body, open_create, open_item_key,
    read, sensitivity_of,
};
use crate::replica::{Place, Replica};
use group::Group;
use kitbag_core::codec;
use kitbag_core::content::{CheckedRelocation, EntryBody, EntryKind, Relocation, VerifiedEntry};
use kitbag_core::id::{EntryHash, ItemId, ObjectTag, PackId, PersonId};
use kitbag_core::pack::Record;
use kitbag_core::pack::note::object_tag;
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_crypto::{EpochKey, Hash, HashLabel, ItemKey};
use kitbag_store::Reader;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use verdict::{Leaving, Verdict};

/// The tags under which moved notes stand or stood.
#[derive(Default)]
pub(crate) struct Placements {
    tags: BTreeMap<ItemId, BTreeSet<ObjectTag>>,
    items: BTreeMap<ObjectTag, ItemId>,
    /// Moves that were opened once. Opening one costs what its whole note costs, and whether it counts
    /// is asked again and again.
    outlines: RefCell<BTreeMap<EntryHash, Outline>>,
}

/// What judging needs of a move that passed every check that needs no policy.
#[derive(Clone, Copy)]
struct Outline {
    item: ItemId,
    placement: u64,
    record: Hash,
}

impl Outline {
    fn of(relocation: &Relocation) -> Outline {
        Outline {
            item: relocation.item(),
            placement: relocation.placement,
            record: name_of(&relocation.record),
        }
    }
}

/// Tells records apart; never stored and never sent.
fn name_of(record: &Record) -> Hash {
    Hash::of(HashLabel::Item, &[b"record", &codec::encode(record)])
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

    /// How many tags belong to moved notes.
    #[cfg(test)]
    pub(crate) fn linked(&self) -> usize {
        self.items.len()
    }

    /// Forgets which tags are whose. What was opened stays known.
    pub(crate) fn unlink_all(&mut self) {
        self.tags.clear();
        self.items.clear();
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
    /// The moves that count, opened.
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

    /// How many moves are kept open.
    #[cfg(test)]
    pub(crate) fn kept_open(&self) -> usize {
        self.opened.len()
    }

    /// Lets go of what can be opened again: each move holds a whole note.
    pub(crate) fn close_moves(&mut self) {
        self.opened.clear();
    }

    /// Creates and moves that count.
    pub(crate) fn openings(&self) -> &[EntryHash] {
        &self.verdict.openings
    }

    /// Moveds that count.
    pub(crate) fn moveds(&self) -> &BTreeSet<EntryHash> {
        &self.verdict.moveds
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

/// Finds the note whose tag this is, if an entry that counts says that it moved: a move, or a moved
/// where the note was created, by somebody who may hide it there.
pub(crate) fn find_moved(
    replica: &Replica,
    store: &Reader,
    tag: ObjectTag,
) -> Result<Option<ItemId>, NodeError> {
    let Some(object) = replica.objects.get(&tag) else {
        return Ok(None);
    };
    let mut left = BTreeSet::new();
    let mut created = BTreeSet::new();
    for hash in &object.entries {
        let Some(place) = replica.places.get(hash) else {
            continue;
        };
        let counts = || replica.authority(place, *hash) == Authority::Valid;
        match place.kind {
            EntryKind::Move if counts() => {
                if let Some(item) = look(replica, store, *hash, place, tag)?.item() {
                    return Ok(Some(item));
                }
            }
            EntryKind::Moved(_) => {
                left.extend(leaving(replica, *hash, place).map(|of| of.sensitivity));
            }
            EntryKind::Create if counts() => created.extend(sensitivity_of(replica, place)),
            _ => {}
        }
    }
    if left.is_disjoint(&created) {
        return Ok(None);
    }
    let note = open_create(replica, store, tag, object, Reach::Counting, &mut vec![])?;
    Ok(note
        .filter(|note| left.contains(&note.sensitivity))
        .map(|note| note.item))
}

/// Puts a moved note together, going on from `known` where nothing but edits came since.
pub(crate) fn build_moved(
    replica: &Replica,
    store: &Reader,
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
            quarantine.extend(group.beside_create());
            return Ok(Built::Gone);
        }
        let same = |note: &BuiltNote| note.placed.verdict == verdict;
        let mut refused = group.beside_create();
        let begun = match known.clone().filter(same) {
            Some(note) => {
                refused.extend(group.refused_before(&verdict.openings));
                Ok(note)
            }
            None => match group.open_counted(store, &verdict)? {
                None => group.begin(&verdict, tip, scope),
                // It was read before and is not now: as if it were not here.
                Some(unread) => {
                    group.forget(&unread);
                    continue;
                }
            },
        };
        match begun {
            Ok(mut note) => {
                let known: BTreeSet<EntryHash> = refused.iter().map(|of| of.entry).collect();
                quarantine.extend(refused);
                let mut pending = group.pending(&mut note);
                let edits: Vec<EntryHash> = pending.iter().map(|(hash, _)| *hash).collect();
                pending.retain(|(hash, _)| !known.contains(hash));
                apply_in_order(replica, store, &mut note, pending, quarantine)?;
                let aside = group.set_aside(quarantine);
                let waits =
                    |hash: &&EntryHash| !note.applied.contains(hash) && !aside.contains(*hash);
                note.waiting = verdict.waiting + edits.iter().filter(waits).count() as u64;
                return Ok(Built::Note(Box::new(note)));
            }
            Err(bad) => {
                group.forget(&bad.entry);
                quarantine.push(bad);
            }
        }
    }
}

/// All entries of one note, to find what they reach.
pub(crate) struct Entries<'r> {
    replica: &'r Replica,
    tags: BTreeMap<EntryHash, ObjectTag>,
}

impl<'r> Entries<'r> {
    pub(crate) fn of(replica: &'r Replica, item: ItemId) -> Entries<'r> {
        Entries::with(replica, entries_of(replica, item))
    }

    fn with(replica: &'r Replica, tags: BTreeMap<EntryHash, ObjectTag>) -> Entries<'r> {
        Entries { replica, tags }
    }

    /// Each after those it builds on.
    pub(crate) fn in_order(&self) -> Vec<EntryHash> {
        let deps = |hash: &EntryHash| Some((*hash, &self.replica.places.get(hash)?.deps[..]));
        verdict::in_order(&self.tags.keys().filter_map(deps).collect(), |_| None)
    }

    /// What is seen by whoever is cleared for `limit`; nothing yet.
    pub(crate) fn seen(&self, limit: Sensitivity) -> Seen<'_> {
        Seen {
            entries: self,
            limit,
            reached: BTreeSet::new(),
        }
    }
}

/// Entries that others reach, themselves included, through entries of a note whose sensitivity is at
/// most `limit`. Looks at each entry once, however often more is asked for.
pub(crate) struct Seen<'e> {
    entries: &'e Entries<'e>,
    limit: Sensitivity,
    reached: BTreeSet<EntryHash>,
}

impl Seen<'_> {
    pub(crate) fn contains(&self, hash: &EntryHash) -> bool {
        self.reached.contains(hash)
    }

    pub(crate) fn reach(&mut self, from: EntryHash) {
        let replica = self.entries.replica;
        let mut ahead = vec![from];
        while let Some(hash) = ahead.pop() {
            let place = replica
                .places
                .get(&hash)
                .filter(|_| self.entries.tags.contains_key(&hash))
                .filter(|place| sensitivity_of(replica, place).is_some_and(|s| s <= self.limit));
            if let Some(place) = place
                && self.reached.insert(hash)
            {
                ahead.extend(&place.deps);
            }
        }
    }
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

/// What a moved says, if its entry counts and its author may hide a note at its sensitivity.
fn leaving(replica: &Replica, hash: EntryHash, place: &Place) -> Option<Leaving> {
    let EntryKind::Moved(to) = place.kind else {
        return None;
    };
    let sensitivity = sensitivity_of(replica, place)?;
    let (role, reach) = grant_of(replica, place)?;
    let entitled = role == Role::Admin || reach > sensitivity;
    let counts = entitled && replica.authority(place, hash) == Authority::Valid;
    counts.then(|| Leaving {
        sensitivity,
        reach,
        to,
        to_is_here: replica.places.contains_key(&to),
    })
}

/// Role and clearance of the grant under which an entry was written.
fn grant_of(replica: &Replica, place: &Place) -> Option<(Role, Sensitivity)> {
    let log = replica.content_log(place.log)?;
    let grant = replica.policy.grant(&log.grant)?;
    let clearance = match grant.role {
        Role::Admin => Sensitivity::Restricted,
        _ => grant.clearance,
    };
    Some((grant.role, clearance))
}

/// What a move turns out to be.
enum Looked {
    /// It passed; opened, if it was not known before.
    Move(Outline, Option<OpenedMove>),
    Waiting,
    /// Never of use; of which note, if that can be told.
    Refused(Option<ItemId>, String),
}

impl Looked {
    fn item(&self) -> Option<ItemId> {
        match self {
            Looked::Move(outline, _) => Some(outline.item),
            Looked::Refused(item, _) => *item,
            Looked::Waiting => None,
        }
    }
}

fn look(
    replica: &Replica,
    store: &Reader,
    hash: EntryHash,
    place: &Place,
    tag: ObjectTag,
) -> Result<Looked, NodeError> {
    if epoch_key(replica, place).is_some()
        && let Some(known) = replica.placements.outlines.borrow().get(&hash)
    {
        return Ok(Looked::Move(*known, None));
    }
    let looked = check_move(replica, store, place, tag)?;
    if let Looked::Move(outline, _) = &looked {
        let mut outlines = replica.placements.outlines.borrow_mut();
        outlines.insert(hash, *outline);
    }
    Ok(looked)
}

fn check_move(
    replica: &Replica,
    store: &Reader,
    place: &Place,
    tag: ObjectTag,
) -> Result<Looked, NodeError> {
    let (Some(sensitivity), Some(key)) =
        (sensitivity_of(replica, place), epoch_key(replica, place))
    else {
        return Ok(Looked::Waiting);
    };
    let Some(entry) = read(replica, store, place)? else {
        return Ok(Looked::Waiting);
    };
    let Some((relocation, item_key)) = open_move(&entry, key) else {
        let reason = "the entry does not open as a moved note".into();
        return Ok(Looked::Refused(None, reason));
    };
    match relocation.check(replica.id(), sensitivity, tag) {
        Err(refused) => {
            let item = relocation.item();
            let own = object_tag(replica.id(), item, sensitivity, relocation.placement);
            let item = (own == tag).then_some(item);
            Ok(Looked::Refused(item, refused.to_string()))
        }
        Ok(checked) => Ok(Looked::Move(
            Outline::of(&relocation),
            Some(OpenedMove {
                relocation,
                checked,
                item_key,
                sensitivity,
                tag,
            }),
        )),
    }
}

fn open_move(entry: &VerifiedEntry, key: &EpochKey) -> Option<(Relocation, ItemKey)> {
    let item_key = open_item_key(entry, key)?;
    match open_body(entry, &item_key, key) {
        Some(EntryBody::Move(relocation)) => Some((relocation, item_key)),
        _ => None,
    }
}
