//! What says that it took over something set aside, and whether it did.
//!
//! Everybody may name anything. An entry takes another over if it counts, stands in a log of the same
//! sensitivity, names it alone, and carries what it held: a create the record, an edit the difference,
//! in the same note or in the one that took over its note. All of that follows from the two entries
//! and what they build on, so it is the same on every device that opens both, and wherever the notes
//! stand by now.
//! Spec: `docs/spec/notes.md`, "Written anew".

use crate::NodeError;
use crate::authority::Authority;
use crate::objects::{BuiltNote, ObjectState, Step, build_everything, judge};
use crate::replica::Replica;
use kitbag_core::content::EntryKind;
use kitbag_core::id::{EntryHash, ObjectTag, PersonId};
use kitbag_core::pack::carries;
use kitbag_core::policy::Sensitivity;
use kitbag_store::Reader;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// Of the entries of one person that say that they took over one and the same, those that are looked
/// at: each costs as much as making the edit did.
const LOOKED_AT_MAX: usize = 4;

/// What was found, and never changes.
#[derive(Default)]
pub(crate) struct Found {
    /// Whether the first took over the second. Only of those that could both be opened.
    carried: RefCell<BTreeMap<(EntryHash, EntryHash), Carried>>,
    /// The claims under tags at which notes were created that moved.
    left: RefCell<BTreeMap<ObjectTag, Left>>,
    /// Pairs of which one could not be opened, until anything in the pack changes.
    closed: RefCell<BTreeSet<(EntryHash, EntryHash)>>,
}

impl Found {
    /// Something changed: what could not be opened perhaps can be.
    pub(crate) fn look_again(&mut self) {
        self.closed.get_mut().clear();
    }
}

/// Claims under a tag, with what they were found by.
struct Left {
    basis: Basis,
    claims: BTreeMap<EntryHash, EntryHash>,
}

#[cfg(test)]
impl Found {
    /// How many claims were looked at.
    pub(crate) fn looks(&self) -> usize {
        self.carried.borrow().len()
    }
}

/// What the first of two entries holds of the second.
#[derive(Clone, Copy)]
enum Carried {
    Nothing,
    /// All of it.
    InItsNote,
    /// All of it, if the first of these took over the second.
    InAnother(EntryHash, EntryHash),
}

/// What decides what the entries of an object add up to: which there are, and what policy and keys say
/// of each.
type Basis = (Vec<EntryHash>, Vec<(Authority, bool)>);

/// All claims of a pack.
pub(crate) struct Claims<'r> {
    replica: &'r Replica,
    store: &'r Reader,
    /// What is claimed, and by what.
    of: BTreeMap<EntryHash, Vec<EntryHash>>,
    /// And the other way round.
    by: BTreeMap<EntryHash, EntryHash>,
    /// The notes that were put together last.
    notes: Vec<(ObjectTag, Option<Rc<BuiltNote>>)>,
    /// How many were.
    built: usize,
}

impl<'r> Claims<'r> {
    pub(crate) fn gather(replica: &'r Replica, store: &'r Reader) -> Result<Claims<'r>, NodeError> {
        let mut claims = Claims {
            replica,
            store,
            of: BTreeMap::new(),
            by: BTreeMap::new(),
            notes: vec![],
            built: 0,
        };
        for (tag, object) in &replica.objects {
            match &object.state {
                _ if replica.placements.item(tag).is_some() => claims.look_where_it_was(*tag)?,
                ObjectState::Note(meta) => claims.by.extend(&meta.claims),
                _ => {}
            }
        }
        for (entry, taken) in &claims.by {
            claims.of.entry(*taken).or_default().push(*entry);
        }
        Ok(claims)
    }

    /// Whether something that counts took an entry over.
    pub(crate) fn took_over(&mut self, taken: EntryHash) -> Result<bool, NodeError> {
        let claiming = self.of.get(&taken).cloned().unwrap_or_default();
        let mut looked_at: BTreeMap<Option<PersonId>, usize> = BTreeMap::new();
        for entry in claiming {
            let Some(author) = self.may_claim(entry, taken) else {
                continue;
            };
            let looks = looked_at.entry(author).or_default();
            *looks += 1;
            if *looks <= LOOKED_AT_MAX && self.carries(entry, taken)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Who wrote an entry, if it counts and stands at the sensitivity of what it names, so that
    /// everybody who sees the one set aside sees this as well.
    fn may_claim(&self, entry: EntryHash, taken: EntryHash) -> Option<Option<PersonId>> {
        let place = self.replica.places.get(&entry)?;
        let object = self.replica.objects.get(&place.object?)?;
        let counts = self.replica.authority(place, entry) == Authority::Valid
            && !self.replica.quarantined.contains_key(&entry)
            && object.refused.reason(&entry).is_none();
        let same = self.sensitivity(entry)? == self.sensitivity(taken)?;
        (counts && same).then(|| self.replica.person_of_log(place.log))
    }

    fn sensitivity(&self, entry: EntryHash) -> Option<Sensitivity> {
        let log = &self.replica.places.get(&entry)?.log;
        Some(self.replica.logs.get(log)?.opening.sensitivity)
    }

    /// Whether an entry holds what the one that it names held.
    fn carries(&mut self, entry: EntryHash, taken: EntryHash) -> Result<bool, NodeError> {
        let found = &self.replica.taken.carried;
        let known = found.borrow().get(&(entry, taken)).copied();
        let carried = match known {
            Some(known) => known,
            None if found_closed(self.replica, entry, taken) => return Ok(false),
            None => match self.compare(entry, taken)? {
                None => {
                    if self.built < BUILDS_MAX {
                        let mut closed = self.replica.taken.closed.borrow_mut();
                        closed.insert((entry, taken));
                    }
                    return Ok(false);
                }
                Some(found) => {
                    let mut carried = self.replica.taken.carried.borrow_mut();
                    carried.insert((entry, taken), found);
                    found
                }
            },
        };
        match carried {
            Carried::Nothing => Ok(false),
            Carried::InItsNote => Ok(true),
            Carried::InAnother(create, old) => Ok(self.by.get(&create) == Some(&old)
                && self.may_claim(create, old).is_some()
                && self.carries(create, old)?),
        }
    }

    fn compare(
        &mut self,
        entry: EntryHash,
        taken: EntryHash,
    ) -> Result<Option<Carried>, NodeError> {
        let (Some(new), Some(old)) = (self.note_of(entry)?, self.note_of(taken)?) else {
            return Ok(None);
        };
        let step = |note: &BuiltNote, of: EntryHash| -> Option<Step> {
            note.steps.iter().find(|step| step.entry == of).cloned()
        };
        let (Some(by), Some(was)) = (step(&new, entry), step(&old, taken)) else {
            return Ok(None);
        };
        let holds = match (&by.change, &was.change) {
            (None, None) => new.record.takes_over(&old.record, old.item),
            (Some(_), Some(_)) => carries_change(&new, &by, &old, &was),
            _ => false,
        };
        Ok(Some(match (new.created(), old.created()) {
            _ if !holds => Carried::Nothing,
            (Some(create), Some(of)) if by.change.is_some() && new.item != old.item => {
                Carried::InAnother(create, of)
            }
            _ => Carried::InItsNote,
        }))
    }

    /// The note that all entries make that stand under the tag of this one.
    fn note_of(&mut self, entry: EntryHash) -> Result<Option<Rc<BuiltNote>>, NodeError> {
        let place = self.replica.places.get(&entry);
        let Some(tag) = place.and_then(|place| place.object) else {
            return Ok(None);
        };
        if let Some((_, note)) = self.notes.iter().find(|(of, _)| *of == tag) {
            return Ok(note.clone());
        }
        if self.built >= BUILDS_MAX {
            return Ok(None);
        }
        self.built += 1;
        let note = build_everything(self.replica, self.store, tag)?.map(Rc::new);
        self.notes.truncate(NOTES_KEPT - 1);
        self.notes.insert(0, (tag, note.clone()));
        Ok(note)
    }

    /// Finds the claims under a tag at which a note was created that moved: what it is made of now need
    /// not hold them.
    fn look_where_it_was(&mut self, tag: ObjectTag) -> Result<(), NodeError> {
        let replica = self.replica;
        let Some(object) = replica.objects.get(&tag) else {
            return Ok(());
        };
        let is_create = |hash: &EntryHash| {
            let place = replica.places.get(hash);
            place.is_some_and(|place| place.kind == EntryKind::Create)
        };
        let has_create = object.entries.iter().any(is_create);
        if !has_create {
            return Ok(());
        }
        let basis = (object.entries.clone(), judge(replica, object));
        let mut left = replica.taken.left.borrow_mut();
        if left.get(&tag).is_none_or(|known| known.basis != basis) {
            let note = build_everything(replica, self.store, tag)?;
            let claims = note.map(|note| note.claims()).unwrap_or_default();
            left.insert(tag, Left { basis, claims });
        }
        let found = left.get(&tag).into_iter().flat_map(|left| &left.claims);
        self.by.extend(found);
        Ok(())
    }
}

/// Notes that one listing puts together to compare, at most. What is not reached stays listed, and is
/// compared by a later listing.
const BUILDS_MAX: usize = 512;

/// Whether it is known already that a comparison comes to nothing.
fn found_closed(replica: &Replica, entry: EntryHash, taken: EntryHash) -> bool {
    let refused = |hash: &EntryHash| {
        let object = replica.places.get(hash).and_then(|place| place.object);
        let object = object.and_then(|tag| replica.objects.get(&tag));
        replica.quarantined.contains_key(hash)
            || object.is_some_and(|object| object.refused.reason(hash).is_some())
    };
    refused(&taken) || replica.taken.closed.borrow().contains(&(entry, taken))
}

/// Notes that are kept while the claims on them are looked at.
const NOTES_KEPT: usize = 4;

fn carries_change(new: &BuiltNote, by: &Step, old: &BuiltNote, taken: &Step) -> bool {
    let (Some(change), Some(was)) = (&by.change, &taken.change) else {
        return false;
    };
    let (new, old) = (new.document(), old.document());
    let views = || {
        Some((
            old.view_at(was.deps()).ok()?,
            old.view_at(&[was.hash()]).ok()?,
            new.view_at(change.deps()).ok()?,
            new.view_at(&[change.hash()]).ok()?,
        ))
    };
    views()
        .is_some_and(|(before, after, standing, made)| carries(&before, &after, &standing, &made))
}
