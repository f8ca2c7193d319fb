//! The entries of one moved note, and the note that they make.

use super::verdict::Verdict;
use super::{Checked, OpenedMove, Scope, check_move, entries_of, reach_in};
use crate::NodeError;
use crate::authority::Authority;
use crate::objects::{BuiltNote, Mover, Quarantine, Reach, Told, open_create, sensitivity_of};
use crate::replica::{Place, Replica};
use kitbag_core::content::EntryKind;
use kitbag_core::id::{EntryHash, ItemId, ObjectTag};
use kitbag_core::policy::Sensitivity;
use kitbag_store::Store;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The entries of one moved note, opened.
pub(super) struct Group<'r> {
    pub(super) replica: &'r Replica,
    pub(super) entries: BTreeMap<EntryHash, ObjectTag>,
    /// The note as its create entry gives it, if it is here and counts.
    pub(super) created: Option<(EntryHash, BuiltNote)>,
    pub(super) moves: BTreeMap<EntryHash, Arc<OpenedMove>>,
    /// Moves and moveds that cannot be used for want of a key, and those that never can.
    pub(super) waiting: u64,
}

impl<'r> Group<'r> {
    pub(super) fn gather(
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

    pub(super) fn place(&self, hash: &EntryHash) -> Option<&'r Place> {
        self.entries.get(hash)?;
        self.replica.places.get(hash)
    }

    /// Sensitivity and placement of a create or move.
    pub(super) fn level(&self, opening: &EntryHash) -> Option<(Sensitivity, u64)> {
        match (&self.created, self.moves.get(opening)) {
            (_, Some(moved)) => Some((moved.sensitivity, moved.relocation.placement)),
            (Some((hash, note)), None) if hash == opening => Some((note.sensitivity, 0)),
            _ => None,
        }
    }

    pub(super) fn tag(&self, opening: &EntryHash) -> Option<ObjectTag> {
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
    pub(super) fn set_aside(&self, quarantine: &[Quarantine]) -> BTreeSet<EntryHash> {
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
    pub(super) fn pending(&self, note: &mut BuiltNote) -> Vec<(EntryHash, &'r Place)> {
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
