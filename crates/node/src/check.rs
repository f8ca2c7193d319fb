//! Trying a pack's records with the keys that one person really gets.
//!
//! A label says how sensitive a record is meant to be; only a key decides who opens it. So every
//! record is opened, or not, with exactly the epoch keys that this device would give the person now,
//! and those which these keys open in turn. For somebody who lost access it is every key that can
//! have reached them before, which may be more than did. What this device has no key for itself it
//! cannot try, and says so.

use crate::explain::{AccessState, Named, could_have_had};
use crate::objects::{open_body, open_item_key, read, sensitivity_of};
use crate::replica::{Place, Replica};
use crate::{Node, NodeError};
use kitbag_core::content::{EntryBody, EntryKind, VerifiedEntry};
use kitbag_core::id::{EntryHash, EpochId, ObjectTag, PackId, PersonId};
use kitbag_core::pack::note::{item_id, object_tag};
use kitbag_core::policy::Sensitivity;
use kitbag_core::policy::fold::Right;
use kitbag_crypto::{EpochKey, ItemKey};
use kitbag_store::Store;
use std::collections::BTreeMap;

/// What trying every record as somebody else showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// As whom.
    pub who: Named,
    /// By sensitivity, lowest first; those above this device's own clearance are missing.
    pub tried: Vec<Tried>,
    /// Sensitivities of which this device holds nothing, so that nothing could be tried.
    pub out_of_reach: Vec<Sensitivity>,
    /// Whether the pack uses rules of a newer version: this device then gives nobody any key.
    pub newer_rules: bool,
}

/// The records of one sensitivity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// Which.
    pub sensitivity: Sensitivity,
    /// Whether the person has access now, had it before, or never.
    pub access: AccessState,
    /// Notes and edits together, and what else the pack keeps sealed.
    pub records: Tally,
    /// Notes alone, by what put them in.
    pub notes: Tally,
}

/// How records fared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Opened with the person's keys.
    pub opens: u64,
    /// The person gets no key for it.
    pub no_key: u64,
    /// This device has no key for it either, so that it could not be tried.
    pub untried: u64,
    /// Its text, or what it belongs to, is not here.
    pub not_here: u64,
    /// It is here and does not open with the right key.
    pub damaged: u64,
}

impl Tally {
    fn count(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Opens => self.opens += 1,
            Outcome::NoKey => self.no_key += 1,
            Outcome::Untried => self.untried += 1,
            Outcome::NotHere => self.not_here += 1,
            Outcome::Damaged => self.damaged += 1,
        }
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.opens + self.no_key + self.untried + self.not_here + self.damaged
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Opens,
    NoKey,
    Untried,
    NotHere,
    Damaged,
}

/// Epoch keys that one person gets.
pub(crate) type Keys = BTreeMap<EpochId, EpochKey>;

impl Node {
    /// Tries every record of a pack with the keys that a person gets, or could have got before.
    ///
    /// # Errors
    /// [`NodeError::NotFound`], [`NodeError::Store`].
    pub fn check_as(&self, pack: PackId, person: PersonId) -> Result<Checked, NodeError> {
        let replica = self.packs.get(&pack).ok_or(NodeError::NotFound("pack"))?;
        let access = |sensitivity| {
            let rule = self.rule(replica, person, Right::Read, sensitivity);
            match rule.why {
                _ if rule.allowed => AccessState::Now,
                crate::explain::Why::Lost => AccessState::Before,
                _ => AccessState::Never,
            }
        };
        let tallies = try_all(replica, &self.store, &keys_of(replica, person))?;
        let reachable = |s: &Sensitivity| {
            replica.policy.may_open(&self.me.person(), *s) || tallies.contains_key(s)
        };
        let tried = Sensitivity::ALL
            .into_iter()
            .filter(reachable)
            .map(|sensitivity| {
                let (records, notes) = tallies.get(&sensitivity).copied().unwrap_or_default();
                Tried {
                    sensitivity,
                    access: access(sensitivity),
                    records,
                    notes,
                }
            });
        Ok(Checked {
            who: self.named(replica, person),
            tried: tried.collect(),
            out_of_reach: Sensitivity::ALL
                .into_iter()
                .filter(|s| !reachable(s))
                .collect(),
            newer_rules: replica.has_newer_rules(),
        })
    }
}

/// The keys that this device would give a person now; for a sensitivity that they lost, those that
/// can have reached them before.
pub(crate) fn keys_of(replica: &Replica, person: PersonId) -> Keys {
    let given = |id: &EpochId, domain: Sensitivity| {
        if replica.policy.may_open(&person, domain) {
            replica.is_usable(id)
        } else {
            could_have_had(replica, person, domain, *id)
        }
    };
    let mut keys = Keys::new();
    let mut ahead: Vec<(EpochId, EpochKey)> = replica
        .epochs
        .iter()
        .filter(|(id, held)| given(id, held.signed.epoch().domain))
        .filter_map(|(id, held)| Some((*id, held.key.clone()?)))
        .collect();
    while let Some((id, key)) = ahead.pop() {
        let Some(held) = replica.epochs.get(&id) else {
            continue;
        };
        if keys.contains_key(&id) || !held.signed.commits_to(&key) {
            continue;
        }
        ahead.extend(held.signed.open_parent_keys(&key));
        keys.insert(id, key);
    }
    keys
}

type Tallies = BTreeMap<Sensitivity, (Tally, Tally)>;

/// Tries every record with exactly these keys; by sensitivity, all records and notes alone.
pub(crate) fn try_all(replica: &Replica, store: &Store, keys: &Keys) -> Result<Tallies, NodeError> {
    let mut tallies = Tallies::new();
    let mut item_keys: BTreeMap<(ObjectTag, Sensitivity), ItemKey> = BTreeMap::new();
    let sealed =
        |kind: &EntryKind| matches!(kind, EntryKind::Create | EntryKind::Edit | EntryKind::Index);
    // Notes come first: their edits open with the same item key.
    let of_kind = |create: bool| {
        let places = replica.places.iter();
        places.filter(move |(_, place)| {
            sealed(&place.kind) && (place.kind == EntryKind::Create) == create
        })
    };
    for (hash, place) in of_kind(true).chain(of_kind(false)) {
        let Some(sensitivity) = sensitivity_of(replica, place) else {
            continue;
        };
        let tried = Trial {
            replica,
            store,
            keys,
            sensitivity,
        };
        let outcome = tried.open(*hash, place, &mut item_keys)?;
        let (records, notes) = tallies.entry(sensitivity).or_default();
        records.count(outcome);
        if place.kind == EntryKind::Create {
            notes.count(outcome);
        }
    }
    Ok(tallies)
}

struct Trial<'t> {
    replica: &'t Replica,
    store: &'t Store,
    keys: &'t Keys,
    sensitivity: Sensitivity,
}

impl Trial<'_> {
    fn open(
        &self,
        hash: EntryHash,
        place: &Place,
        item_keys: &mut BTreeMap<(ObjectTag, Sensitivity), ItemKey>,
    ) -> Result<Outcome, NodeError> {
        let Some(epoch) = place.epoch else {
            return Ok(Outcome::Damaged);
        };
        let here = self.replica.epochs.get(&epoch);
        if here.is_none_or(|held| held.key.is_none()) && !self.keys.contains_key(&epoch) {
            return Ok(Outcome::Untried);
        }
        let Some(key) = self.keys.get(&epoch) else {
            return Ok(Outcome::NoKey);
        };
        let Some(entry) = read(self.replica, self.store, place)? else {
            return Ok(Outcome::Damaged);
        };
        let Some(tag) = entry.header().object else {
            return Ok(Outcome::Damaged);
        };
        if entry.hash() != hash {
            return Ok(Outcome::Damaged);
        }
        if entry.raw().body.is_none() {
            return Ok(Outcome::NotHere);
        }
        let opened = match place.kind {
            EntryKind::Create => self.create(place, &entry, tag, key, item_keys),
            EntryKind::Index => open_body(&entry, &ItemKey::absent(tag.as_bytes()), key).is_some(),
            _ => match item_keys.get(&(tag, self.sensitivity)) {
                Some(item_key) => open_body(&entry, item_key, key).is_some(),
                None => return Ok(self.without_item_key(tag)),
            },
        };
        Ok(if opened {
            Outcome::Opens
        } else {
            Outcome::Damaged
        })
    }

    /// Opens a note; its item key is kept for the edits if it is the note of that tag.
    fn create(
        &self,
        place: &Place,
        entry: &VerifiedEntry,
        tag: ObjectTag,
        key: &EpochKey,
        item_keys: &mut BTreeMap<(ObjectTag, Sensitivity), ItemKey>,
    ) -> bool {
        let Some(item_key) = open_item_key(entry, key) else {
            return false;
        };
        let Some(EntryBody::Create { record, .. }) = open_body(entry, &item_key, key) else {
            return false;
        };
        let item = item_id(place.log, place.seq, &record.salt);
        if object_tag(self.replica.id(), item, self.sensitivity, 0) == tag {
            item_keys.insert((tag, self.sensitivity), item_key);
        }
        true
    }

    /// An edit whose note did not open: it is sealed with a key that the person does not get, or that
    /// nobody here can know.
    fn without_item_key(&self, tag: ObjectTag) -> Outcome {
        let object = self.replica.objects.get(&tag);
        let mut creates = object
            .into_iter()
            .flat_map(|object| &object.entries)
            .filter_map(|hash| self.replica.places.get(hash))
            .filter(|place| {
                place.kind == EntryKind::Create
                    && sensitivity_of(self.replica, place) == Some(self.sensitivity)
            });
        let is_kept_from = |place: &Place| {
            place.epoch.is_some_and(|epoch| {
                let held = self.replica.epochs.get(&epoch);
                held.is_some_and(|held| held.key.is_some()) && !self.keys.contains_key(&epoch)
            })
        };
        if creates.any(is_kept_from) {
            Outcome::NoKey
        } else {
            Outcome::NotHere
        }
    }
}

#[cfg(test)]
mod tests;
