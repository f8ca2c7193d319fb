//! Where a note is that was moved between sensitivities, and what it is made of there.
//!
//! A moved note has entries under several tags. Which moves count, which of them it stands at, and
//! whether this device shows it, follow from the set of entries, the policy and the keys, never from
//! the order of arrival. The note is then made of what stands at its sensitivity or below, so that
//! everybody who may see it sees the same.
//! Spec: `docs/spec/notes.md`, "Moving".

use crate::NodeError;
use crate::authority::Authority;
use crate::objects::{
    BuiltNote, Mover, Quarantine, Reach, Told, apply_in_order, epoch_key, open_body, open_create,
    open_item_key, read, sensitivity_of,
};
use crate::replica::{Place, Replica};
use kitbag_core::content::{CheckedRelocation, EntryBody, EntryKind, Relocation, VerifiedEntry};
use kitbag_core::id::{EntryHash, ItemId, ObjectTag, PackId, PersonId};
use kitbag_core::pack::note::object_tag;
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_crypto::{EpochKey, ItemKey};
use kitbag_store::Store;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

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

/// Which nodes count, and where the note stands by them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Verdict {
    /// Creates and moves, each after its past.
    openings: Vec<EntryHash>,
    moveds: BTreeSet<EntryHash>,
    tip: Option<EntryHash>,
    /// Creates and moves in no other's past.
    tips: Vec<(Sensitivity, ObjectTag, EntryHash)>,
    shown_below: Vec<(Sensitivity, ObjectTag, EntryHash)>,
    highest: u64,
    hidden: bool,
    hidden_below: bool,
    waiting: u64,
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

/// The entries of one moved note, opened.
struct Group<'r> {
    replica: &'r Replica,
    entries: BTreeMap<EntryHash, ObjectTag>,
    /// The note as its create entry gives it, if it is here and counts.
    created: Option<(EntryHash, BuiltNote)>,
    moves: BTreeMap<EntryHash, Arc<OpenedMove>>,
    /// Moves and moveds that cannot be used for want of a key, and those that never can.
    waiting: u64,
}

impl<'r> Group<'r> {
    fn gather(
        replica: &'r Replica,
        store: &Store,
        item: ItemId,
        known: Option<&BuiltNote>,
        quarantine: &mut Vec<Quarantine>,
    ) -> Result<Group<'r>, NodeError> {
        let mut group = Group {
            replica,
            entries: entries_of(replica, item),
            created: None,
            moves: BTreeMap::new(),
            waiting: 0,
        };
        let no_moves = BTreeMap::new();
        let known = known.map_or(&no_moves, |note| &note.placed.opened);
        for (hash, tag) in &group.entries {
            let Some(place) = replica.places.get(hash) else {
                continue;
            };
            if place.kind != EntryKind::Move {
                continue;
            }
            if replica.quarantined.contains_key(hash)
                || replica.authority(place, *hash) != Authority::Valid
            {
                continue;
            }
            if let Some(opened) = known.get(hash) {
                group.moves.insert(*hash, opened.clone());
                continue;
            }
            match check_move(replica, store, place, *tag)? {
                Checked::Move(opened) if opened.checked.item() == item => {
                    group.moves.insert(*hash, Arc::new(*opened));
                }
                Checked::Waiting => group.waiting += 1,
                Checked::Move(_) => {}
                Checked::Refused(reason) => quarantine.push(Quarantine {
                    entry: *hash,
                    reason,
                }),
            }
        }
        let tags: BTreeSet<ObjectTag> = group.entries.values().copied().collect();
        for tag in tags {
            let Some(object) = replica.objects.get(&tag) else {
                continue;
            };
            let note = open_create(replica, store, tag, object, Reach::Counting, quarantine)?
                .filter(|note| note.item == item);
            if let Some(note) = note
                && let Some(step) = note.steps.first()
            {
                group.created = Some((step.entry, note));
            }
        }
        Ok(group)
    }

    fn place(&self, hash: &EntryHash) -> Option<&'r Place> {
        self.entries.get(hash)?;
        self.replica.places.get(hash)
    }

    /// Sensitivity and placement of a create or move.
    fn level(&self, opening: &EntryHash) -> Option<(Sensitivity, u64)> {
        match (&self.created, self.moves.get(opening)) {
            (_, Some(moved)) => Some((moved.sensitivity, moved.relocation.placement)),
            (Some((hash, note)), None) if hash == opening => Some((note.sensitivity, 0)),
            _ => None,
        }
    }

    fn tag(&self, opening: &EntryHash) -> Option<ObjectTag> {
        self.entries.get(opening).copied()
    }

    /// Everything before these entries, as far as it is here.
    fn past(&self, of: &EntryHash) -> BTreeSet<EntryHash> {
        let mut past = reach_in(self.replica, &self.entries, [*of], Sensitivity::Restricted);
        past.remove(of);
        past
    }

    /// Role and clearance of the grant under which an entry was written.
    fn grant(&self, place: &Place) -> Option<(Role, Sensitivity)> {
        let log = self.replica.content_log(place.log)?;
        let grant = self.replica.policy.grant(&log.grant)?;
        let clearance = match grant.role {
            Role::Admin => Sensitivity::Restricted,
            _ => grant.clearance,
        };
        Some((grant.role, clearance))
    }

    /// Moveds whose author may hide a note at their sensitivity.
    fn moveds(&self) -> BTreeSet<EntryHash> {
        let opened: BTreeSet<(ObjectTag, Sensitivity)> = self
            .moves
            .keys()
            .chain(self.created.iter().map(|(hash, _)| hash))
            .filter_map(|hash| Some((self.tag(hash)?, self.level(hash)?.0)))
            .collect();
        let counts = |hash: &EntryHash, tag: ObjectTag| {
            let place = self.place(hash)?;
            let own = sensitivity_of(self.replica, place)?;
            let (role, clearance) = self.grant(place)?;
            let entitled = role == Role::Admin || clearance > own;
            let valid = self.replica.authority(place, *hash) == Authority::Valid;
            let names = matches!(place.kind, EntryKind::Moved(_));
            let here = names && opened.contains(&(tag, own));
            Some(entitled && valid && here)
        };
        self.entries
            .iter()
            .filter(|(hash, tag)| counts(hash, **tag) == Some(true))
            .map(|(hash, _)| *hash)
            .collect()
    }

    /// Finds which nodes count and where the note stands.
    fn judge(&self, reader: PersonId) -> Verdict {
        let moveds = self.moveds();
        let mut verdict = Verdict {
            waiting: self.waiting,
            ..Verdict::default()
        };
        verdict
            .openings
            .extend(self.created.iter().map(|(hash, _)| *hash));
        let pasts: BTreeMap<EntryHash, BTreeSet<EntryHash>> = self
            .moves
            .keys()
            .map(|hash| (*hash, self.past(hash)))
            .collect();
        let mut rest: Vec<EntryHash> = self.moves.keys().copied().collect();
        rest.sort_by_key(|hash| (self.level(hash).map(|(_, placement)| placement), *hash));
        while let Some(at) = rest
            .iter()
            .position(|hash| !rest.iter().any(|other| pasts[hash].contains(other)))
        {
            let hash = rest.remove(at);
            match self.counts(hash, &pasts, &verdict.openings, &moveds) {
                Counts::Yes => verdict.openings.push(hash),
                Counts::NotYet => verdict.waiting += 1,
                Counts::No => {}
            }
        }
        verdict.highest = self.highest(&verdict.openings);
        verdict.tip = self.tip(&verdict.openings, &pasts);
        verdict.tips = self.tips(&verdict.openings, &pasts);
        verdict.moveds = moveds;
        if let Some((stands, _)) = verdict.tip.and_then(|tip| self.level(&tip)) {
            self.judge_sight(&mut verdict, &pasts, stands, reader);
        }
        verdict
    }

    /// Finds who does not see the note where it stands, and who sees it elsewhere.
    fn judge_sight(
        &self,
        verdict: &mut Verdict,
        pasts: &BTreeMap<EntryHash, BTreeSet<EntryHash>>,
        stands: Sensitivity,
        reader: PersonId,
    ) {
        // For whoever is cleared so far, a move answers the moveds in its past.
        let answered = |moved: &EntryHash, clearance: Sensitivity| {
            let mut seen = verdict
                .openings
                .iter()
                .filter(|opening| self.level(opening).is_some_and(|(own, _)| own <= clearance));
            seen.any(|opening| pasts.get(opening).is_some_and(|past| past.contains(moved)))
        };
        let clearance = Sensitivity::ALL
            .into_iter()
            .rev()
            .find(|s| self.replica.policy.may_open(&reader, *s));
        let (mut hidden, mut hidden_below) = (false, false);
        let mut shown_below: Vec<_> = verdict
            .tips
            .iter()
            .filter(|(own, _, _)| *own < stands)
            .copied()
            .collect();
        for hash in &verdict.moveds {
            let Some(place) = self.place(hash) else {
                continue;
            };
            let (EntryKind::Moved(to), Some(own), Some((_, reach))) = (
                &place.kind,
                sensitivity_of(self.replica, place),
                self.grant(place),
            ) else {
                continue;
            };
            let counts = verdict.openings.contains(to);
            let lacking = !self.replica.places.contains_key(to) && Some(reach) > clearance;
            hidden |= lacking && clearance.is_none_or(|clearance| !answered(hash, clearance));
            let lowest = stands.max(own);
            hidden_below |= !counts && lowest < reach && !answered(hash, lowest);
            let goes = self.level(to).filter(|_| counts).map(|(goes, _)| goes);
            shown_below.retain(|(at, _, _)| {
                own > *at || goes.is_none_or(|goes| goes <= *at) || answered(hash, *at)
            });
        }
        verdict.hidden = hidden;
        verdict.hidden_below = hidden_below;
        verdict.shown_below = shown_below;
    }

    /// Whether a move counts, given those before it.
    fn counts(
        &self,
        hash: EntryHash,
        pasts: &BTreeMap<EntryHash, BTreeSet<EntryHash>>,
        counted: &[EntryHash],
        moveds: &BTreeSet<EntryHash>,
    ) -> Counts {
        let (Some(place), Some(moved)) = (self.place(&hash), self.moves.get(&hash)) else {
            return Counts::No;
        };
        if self
            .record(counted)
            .is_some_and(|record| *record != moved.relocation.record)
        {
            return Counts::No;
        }
        let before: Vec<EntryHash> = counted
            .iter()
            .filter(|opening| pasts[&hash].contains(*opening))
            .copied()
            .collect();
        let highest = (!before.is_empty()).then(|| self.highest(&before));
        let placement = moved.relocation.placement;
        let admin = self.grant(place).map(|(role, _)| role) == Some(Role::Admin);
        let follows = |highest| placement == highest + 1 || (admin && placement > highest);
        if !highest.is_none_or(follows) {
            return Counts::No;
        }
        let all_here = place.deps.iter().all(|dep| self.place(dep).is_some());
        let stood = self
            .tip(&before, pasts)
            .and_then(|tip| self.level(&tip))
            .map(|(sensitivity, _)| sensitivity);
        let raises = all_here && stood.is_some_and(|stood| moved.sensitivity > stood);
        if raises {
            let left = moveds
                .iter()
                .filter_map(|hash| self.place(hash))
                .any(|left| left.kind == EntryKind::Moved(hash));
            return if left { Counts::Yes } else { Counts::NotYet };
        }
        match (admin, all_here) {
            (true, _) => Counts::Yes,
            (false, false) => Counts::NotYet,
            (false, true) => Counts::No,
        }
    }

    /// The record of those that count; they all have the same.
    fn record(&self, counted: &[EntryHash]) -> Option<&kitbag_core::pack::Record> {
        let first = counted.first()?;
        match (&self.created, self.moves.get(first)) {
            (_, Some(moved)) => Some(&moved.relocation.record),
            (created, None) => created.as_ref().map(|(_, note)| &note.record),
        }
    }

    fn highest(&self, openings: &[EntryHash]) -> u64 {
        let placements = openings.iter().filter_map(|hash| self.level(hash));
        placements
            .map(|(_, placement)| placement)
            .max()
            .unwrap_or(0)
    }

    /// Those of these that no other builds on, lowest first.
    fn tips(
        &self,
        openings: &[EntryHash],
        pasts: &BTreeMap<EntryHash, BTreeSet<EntryHash>>,
    ) -> Vec<(Sensitivity, ObjectTag, EntryHash)> {
        let replaced = |hash: &EntryHash| {
            openings
                .iter()
                .any(|other| pasts.get(other).is_some_and(|past| past.contains(hash)))
        };
        let mut tips: Vec<_> = openings
            .iter()
            .filter(|hash| !replaced(hash))
            .filter_map(|hash| Some((self.level(hash)?.0, self.tag(hash)?, *hash)))
            .collect();
        tips.sort_unstable();
        tips
    }

    /// The one at which the note stands by these alone.
    fn tip(
        &self,
        openings: &[EntryHash],
        pasts: &BTreeMap<EntryHash, BTreeSet<EntryHash>>,
    ) -> Option<EntryHash> {
        let tips = self.tips(openings, pasts);
        tips.into_iter()
            .min_by_key(|(sensitivity, _, hash)| (std::cmp::Reverse(*sensitivity), *hash))
            .map(|(_, _, hash)| hash)
    }

    /// The note as creates and moves at its sensitivity or below give it, before later edits.
    fn begin(
        &self,
        verdict: &Verdict,
        tip: EntryHash,
        scope: Scope,
    ) -> Result<BuiltNote, Quarantine> {
        let mut note = match (&self.created, self.moves.get(&verdict.openings[0])) {
            (Some((_, note)), _) => note.clone(),
            (None, Some(moved)) => self.told(verdict.openings[0], moved),
            (None, None) => unreachable!("an opening is a create or a move"),
        };
        let (sensitivity, _) = self.level(&tip).expect("the tip is an opening");
        note.sensitivity = sensitivity;
        note.tag = self.entries[&tip];
        note.placed.reach = match scope {
            Scope::Shown => sensitivity,
            Scope::Everything => Sensitivity::Restricted,
        };
        note.applied.clear();
        note.keys.clear();
        note.placed.verdict = verdict.clone();
        for opening in &verdict.openings {
            self.take(&mut note, *opening)?;
        }
        note.carry_base();
        if let Some(moved) = self.moves.get(&tip) {
            note.item_key = moved.item_key.clone();
            note.prefer_carrier(tip);
        }
        Ok(note)
    }

    /// What a note is whose create is not to be seen here, by what a mover told.
    fn told(&self, hash: EntryHash, moved: &OpenedMove) -> BuiltNote {
        let by = self
            .place(&hash)
            .and_then(|place| self.replica.person_of_log(place.log));
        BuiltNote::told(
            moved.tag,
            moved.sensitivity,
            &moved.relocation,
            moved.item_key.clone(),
            by,
        )
    }

    /// Adds a create or move to a note: it opens edits at its own tag, and carries changes, if they
    /// may be seen where the note stands.
    fn take(&self, note: &mut BuiltNote, opening: EntryHash) -> Result<(), Quarantine> {
        let (Some(tag), Some((own, _))) = (self.tag(&opening), self.level(&opening)) else {
            return Ok(());
        };
        let moved = self.moves.get(&opening);
        let item_key = match (moved, &self.created) {
            (Some(moved), _) => moved.item_key.clone(),
            (None, Some((_, created))) => created.item_key.clone(),
            (None, None) => return Ok(()),
        };
        note.keys.entry(tag).or_default().push(item_key);
        if let Some(moved) = moved {
            let by = self
                .place(&opening)
                .and_then(|place| self.replica.person_of_log(place.log));
            note.movers.push(Mover {
                entry: opening,
                by,
                at: moved.relocation.at,
                to: own,
                heads: moved.checked.heads().to_vec(),
            });
        }
        if own > note.placed.reach {
            return Ok(());
        }
        note.applied.insert(opening);
        let changes = moved.map_or(&[][..], |moved| moved.checked.changes());
        if !changes.is_empty() {
            let mut document = note.document();
            document
                .try_apply(changes)
                .map_err(|(_, refused)| Quarantine {
                    entry: opening,
                    reason: refused.to_string(),
                })?;
            note.document = Some(document);
        }
        note.carry(opening, changes);
        let told = moved.into_iter().flat_map(|moved| {
            let relocation = moved.relocation.changes.iter();
            relocation.zip(moved.checked.changes())
        });
        let mover = note.movers.last().and_then(|mover| mover.by);
        for (carried, change) in told {
            note.told.entry(change.hash()).or_insert_with(|| Told {
                change: change.clone(),
                log: carried.log,
                by: carried.by,
                at: carried.at,
                mover,
            });
        }
        Ok(())
    }

    /// What is set aside under any tag of the note.
    fn set_aside(&self, quarantine: &[Quarantine]) -> BTreeSet<EntryHash> {
        let refused = quarantine.iter().map(|q| q.entry).collect();
        let tags: BTreeSet<&ObjectTag> = self.entries.values().collect();
        let objects = tags
            .into_iter()
            .filter_map(|tag| self.replica.objects.get(tag));
        objects
            .flat_map(|object| self.replica.set_aside_of(object, &refused).into_keys())
            .collect()
    }

    /// Edits that may be applied where the note stands, and not yet are.
    fn pending(&self, note: &mut BuiltNote) -> Vec<(EntryHash, &'r Place)> {
        let verdict = &note.placed.verdict;
        let carried = reach_in(
            self.replica,
            &self.entries,
            verdict
                .openings
                .iter()
                .filter(|hash| {
                    self.level(hash)
                        .is_some_and(|(s, _)| s <= note.placed.reach)
                })
                .copied(),
            Sensitivity::Restricted,
        );
        let levels: BTreeSet<(ObjectTag, Sensitivity)> = verdict
            .openings
            .iter()
            .filter_map(|hash| Some((self.tag(hash)?, self.level(hash)?.0)))
            .collect();
        let mut pending = Vec::new();
        note.placed.above = 0;
        for (hash, tag) in &self.entries {
            let Some(place) = self.place(hash) else {
                continue;
            };
            let own = sensitivity_of(self.replica, place);
            let here = own.is_some_and(|own| levels.contains(&(*tag, own)));
            let valid = self.replica.authority(place, *hash) == Authority::Valid
                && !self.replica.quarantined.contains_key(hash);
            match place.kind {
                EntryKind::Edit if note.applied.contains(hash) => {}
                EntryKind::Edit if !here || !valid => {}
                EntryKind::Edit if own <= Some(note.placed.reach) => pending.push((*hash, place)),
                EntryKind::Edit if !carried.contains(hash) => note.placed.above += 1,
                _ => {}
            }
        }
        pending
    }
}

enum Counts {
    Yes,
    NotYet,
    No,
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
