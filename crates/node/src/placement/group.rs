//! The entries of one moved note, and the note that they make.

use super::verdict::{Evidence, Opening, Verdict};
use super::{
    Entries, Looked, OpenedMove, Outline, Scope, check_move, entries_of, grant_of, leaving, look,
    name_of,
};
use crate::NodeError;
use crate::authority::Authority;
use crate::objects::{
    BuiltNote, Mover, Quarantine, Reach, Told, open_create, other_creates, sensitivity_of,
};
use crate::replica::{Place, Replica};
use kitbag_core::content::EntryKind;
use kitbag_core::id::{EntryHash, ItemId, ObjectTag, PersonId};
use kitbag_core::policy::fold::Right;
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_crypto::Hash;
use kitbag_store::Reader;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The entries of one moved note.
pub(super) struct Group<'r> {
    replica: &'r Replica,
    entries: BTreeMap<EntryHash, ObjectTag>,
    /// The note as its create entry gives it, if it is here and counts.
    created: Option<(EntryHash, BuiltNote)>,
    /// Moves whose entry counts and that carry this note.
    outlines: BTreeMap<EntryHash, Outline>,
    /// Those of them that were opened: no more than what counts was ever kept.
    moves: BTreeMap<EntryHash, Arc<OpenedMove>>,
    /// Moves that cannot be used yet for want of a key.
    waiting: u64,
}

impl<'r> Group<'r> {
    pub(super) fn gather(
        replica: &'r Replica,
        store: &Reader,
        item: ItemId,
        known: Option<&BuiltNote>,
        quarantine: &mut Vec<Quarantine>,
    ) -> Result<Group<'r>, NodeError> {
        let mut group = Group {
            replica,
            entries: entries_of(replica, item),
            created: None,
            outlines: BTreeMap::new(),
            moves: known.map_or_else(BTreeMap::new, |note| note.placed.opened.clone()),
            waiting: 0,
        };
        for (hash, tag) in &group.entries {
            let Some(place) = replica.places.get(hash) else {
                continue;
            };
            if place.kind != EntryKind::Move
                || replica.quarantined.contains_key(hash)
                || replica.authority(place, *hash) != Authority::Valid
            {
                continue;
            }
            match look(replica, store, *hash, place, *tag)? {
                Looked::Move(outline, opened) if outline.item == item => {
                    group.outlines.insert(*hash, outline);
                    let room = group.moves.len() < OPENED_AHEAD_MAX;
                    let opened = opened.filter(|_| room).map(Arc::new);
                    group.moves.extend(opened.map(|opened| (*hash, opened)));
                }
                Looked::Waiting => group.waiting += 1,
                Looked::Move(..) => {}
                Looked::Refused(_, reason) => quarantine.push(Quarantine::lasting(*hash, reason)),
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

    /// Leaves out a move that cannot be used after all.
    pub(super) fn forget(&mut self, opening: &EntryHash) {
        self.outlines.remove(opening);
        self.moves.remove(opening);
    }

    /// Finds which nodes count and where the note stands.
    pub(super) fn judge(&self, reader: PersonId) -> Verdict {
        let deps = |hash: &EntryHash| Some((*hash, &self.place(hash)?.deps[..]));
        let mut evidence = Evidence {
            entries: self.entries.keys().filter_map(deps).collect(),
            waiting: self.waiting,
            ..Evidence::default()
        };
        if let Some((hash, note)) = &self.created {
            let opening = self.opening(hash, 0, name_of(&note.record));
            evidence.created = opening.map(|opening| (*hash, opening));
        }
        for (hash, outline) in &self.outlines {
            let opening = self.opening(hash, outline.placement, outline.record);
            evidence
                .moves
                .extend(opening.map(|opening| (*hash, opening)));
        }
        let created = evidence.created.iter().map(|(_, opening)| opening);
        let openings = created.chain(evidence.moves.values());
        let opened: BTreeSet<_> = openings.map(|of| (of.tag, of.sensitivity)).collect();
        for (hash, tag) in &self.entries {
            let left = self
                .place(hash)
                .and_then(|place| leaving(self.replica, *hash, place))
                .filter(|left| opened.contains(&(*tag, left.sensitivity)));
            evidence.moveds.extend(left.map(|left| (*hash, left)));
        }
        let policy = &self.replica.policy;
        let may_open = |s: &Sensitivity| policy.may_open(&reader, *s);
        let clearance = Sensitivity::ALL.into_iter().rev().find(may_open);
        // Whoever is out keeps what they had, and sees it as when they were in.
        let had = || {
            let grants = policy.grants_to(&reader).into_iter();
            let levels = grants.filter_map(|given| {
                let mut levels = Sensitivity::ALL.into_iter().rev();
                levels.find(|s| Right::Read.is_given_by(given.role, given.clearance, *s))
            });
            levels.max()
        };
        evidence.clearance = clearance.or_else(had);
        evidence.judge()
    }

    fn opening(&self, hash: &EntryHash, placement: u64, record: Hash) -> Option<Opening> {
        let place = self.place(hash)?;
        Some(Opening {
            sensitivity: sensitivity_of(self.replica, place)?,
            placement,
            tag: self.tag(hash)?,
            record,
            author: self.replica.content_log(place.log).map(|log| log.person),
            by_admin: grant_of(self.replica, place).is_some_and(|(role, _)| role == Role::Admin),
        })
    }

    /// Opens the moves that count, and keeps no other. Says which one does not open any more.
    pub(super) fn open_counted(
        &mut self,
        store: &Reader,
        verdict: &Verdict,
    ) -> Result<Option<EntryHash>, NodeError> {
        let mut counted = BTreeMap::new();
        for hash in &verdict.openings {
            if !self.outlines.contains_key(hash) {
                continue; // the create
            }
            let opened = match (self.moves.remove(hash), self.place(hash), self.tag(hash)) {
                (Some(opened), _, _) => opened,
                (None, Some(place), Some(tag)) => {
                    match check_move(self.replica, store, place, tag)? {
                        Looked::Move(_, Some(opened)) => Arc::new(opened),
                        _ => return Ok(Some(*hash)),
                    }
                }
                _ => return Ok(Some(*hash)),
            };
            counted.insert(*hash, opened);
        }
        self.moves = counted;
        Ok(None)
    }

    /// What was found before to open under none of the note's keys, where these make it: still so in a
    /// note that only grew since. One put together anew finds it anew.
    pub(super) fn refused_before(&self, openings: &[EntryHash]) -> Vec<Quarantine> {
        let tags: BTreeSet<&ObjectTag> = self.entries.values().collect();
        tags.into_iter()
            .filter_map(|tag| self.replica.objects.get(tag))
            .flat_map(|object| object.refused.under(openings))
            .collect()
    }

    /// Creates beside the one that makes the note, refused as it stands now.
    pub(super) fn beside_create(&self) -> Vec<Quarantine> {
        let Some((create, note)) = &self.created else {
            return vec![];
        };
        let object = self.replica.objects.get(&note.tag).into_iter();
        object
            .flat_map(|object| other_creates(self.replica, object, *create))
            .collect()
    }

    pub(super) fn place(&self, hash: &EntryHash) -> Option<&'r Place> {
        self.entries.get(hash)?;
        self.replica.places.get(hash)
    }

    /// Sensitivity and placement of a create or move.
    fn level(&self, opening: &EntryHash) -> Option<(Sensitivity, u64)> {
        let sensitivity = sensitivity_of(self.replica, self.place(opening)?)?;
        let created = self.created.as_ref().filter(|(hash, _)| hash == opening);
        let placement = match (created, self.outlines.get(opening)) {
            (_, Some(outline)) => outline.placement,
            (Some(_), None) => 0,
            (None, None) => return None,
        };
        Some((sensitivity, placement))
    }

    fn tag(&self, opening: &EntryHash) -> Option<ObjectTag> {
        self.entries.get(opening).copied()
    }

    pub(super) fn begin(
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
        note.placed.opened = self.moves.clone();
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
    pub(super) fn told(&self, hash: EntryHash, moved: &OpenedMove) -> BuiltNote {
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
    pub(super) fn take(&self, note: &mut BuiltNote, opening: EntryHash) -> Result<(), Quarantine> {
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
                .map_err(|(_, refused)| Quarantine::for_now(opening, refused.to_string()))?;
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
    pub(super) fn set_aside(&self, quarantine: &[Quarantine]) -> BTreeSet<EntryHash> {
        let refused = quarantine.iter().map(|q| q.entry).collect();
        let tags: BTreeSet<&ObjectTag> = self.entries.values().collect();
        let objects = tags
            .into_iter()
            .filter_map(|tag| self.replica.objects.get(tag));
        objects
            .flat_map(|object| self.replica.set_aside_with(object, &refused).into_keys())
            .collect()
    }

    /// Edits that may be applied where the note stands, and not yet are.
    pub(super) fn pending(&self, note: &mut BuiltNote) -> Vec<(EntryHash, &'r Place)> {
        let verdict = &note.placed.verdict;
        let entries = Entries::with(self.replica, self.entries.clone());
        let mut carried = entries.seen(Sensitivity::Restricted);
        for opening in &verdict.openings {
            if self
                .level(opening)
                .is_some_and(|(s, _)| s <= note.placed.reach)
            {
                carried.reach(*opening);
            }
        }
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

/// Moves that are kept open until it is known whether they count, so that most need not be opened
/// again.
const OPENED_AHEAD_MAX: usize = 16;
