//! Trying a pack's records with the keys that one person really gets.
//!
//! A label says how sensitive a record is meant to be; only a key decides who opens it. So every
//! record is opened, or not, with exactly the epoch keys that this device would give the person now,
//! and those which these keys open in turn. For somebody who lost access it is every key that can
//! have reached them before, which may be more than did. What this device has no key for itself it
//! cannot try, and says so.

use crate::explain::{AccessState, Named, could_have_had};
use crate::objects::{ObjectState, open_body, open_item_key, read, sensitivity_of};
use crate::replica::{Place, Replica};
use crate::{Node, NodeError};
use kitbag_core::content::{EntryBody, EntryKind, VerifiedEntry};
use kitbag_core::id::{EntryHash, EpochId, ObjectTag, PackId, PersonId};
use kitbag_core::pack::note::{item_id, object_tag};
use kitbag_core::policy::Sensitivity;
use kitbag_core::policy::fold::Right;
use kitbag_crypto::{EpochKey, ItemKey};
use kitbag_store::Reader;
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
    /// Notes alone, where they stand: each by the best of what put it there.
    pub notes: Tally,
    /// Places that notes left, because they were made more or less sensitive: their text of then.
    pub left: Tally,
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

/// Best first: of several records that put one note at one place, the best says whether it opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Opens,
    NoKey,
    Untried,
    NotHere,
    Damaged,
}

/// Epoch keys that one person gets.
pub(crate) type Keys = BTreeMap<EpochId, EpochKey>;

/// Item keys that opened, by where they seal.
type ItemKeys = BTreeMap<(ObjectTag, Sensitivity), Vec<ItemKey>>;

/// Records that one slice tries, at most.
const SLICE: usize = 64;

/// A check that is under way. What comes in after it began is not tried.
pub struct Checking {
    pack: PackId,
    person: PersonId,
    trial: Trial,
}

impl Node {
    /// Tries every record of a pack with the keys that a person gets, or could have got before.
    ///
    /// # Errors
    /// [`NodeError::NotFound`], [`NodeError::Store`].
    pub fn check_as(&self, pack: PackId, person: PersonId) -> Result<Checked, NodeError> {
        let mut checking = self.begin_check(pack, person)?;
        loop {
            if let Some(checked) = self.check_on(&mut checking)? {
                return Ok(checked);
            }
        }
    }

    /// Begins what [`Node::check_as`] does in one go.
    ///
    /// # Errors
    /// [`NodeError::NotFound`].
    pub fn begin_check(&self, pack: PackId, person: PersonId) -> Result<Checking, NodeError> {
        let replica = self.packs.need(pack)?;
        Ok(Checking {
            pack,
            person,
            trial: Trial::new(replica, keys_of(replica, person)),
        })
    }

    /// Tries the next records; the answer, once none is left.
    ///
    /// # Errors
    /// [`NodeError::NotFound`], [`NodeError::Store`].
    pub fn check_on(&self, checking: &mut Checking) -> Result<Option<Checked>, NodeError> {
        let pack = self.packs.get(&checking.pack);
        let replica = pack.ok_or(NodeError::NotFound("pack"))?;
        if !checking.trial.go_on(replica, &self.store)? {
            return Ok(None);
        }
        let counted = checking.trial.counted(replica);
        Ok(Some(self.checked(replica, checking.person, &counted)))
    }

    fn checked(&self, replica: &Replica, person: PersonId, counted: &CountedAt) -> Checked {
        let access = |sensitivity| {
            let rule = self.rule(replica, person, Right::Read, sensitivity);
            match rule.why {
                _ if rule.allowed => AccessState::Now,
                crate::explain::Why::Lost => AccessState::Before,
                _ => AccessState::Never,
            }
        };
        let reachable = |s: &Sensitivity| {
            replica.policy.may_open(&self.me.person(), *s) || counted.contains_key(s)
        };
        let tried = Sensitivity::ALL
            .into_iter()
            .filter(reachable)
            .map(|sensitivity| {
                let of = counted.get(&sensitivity).copied().unwrap_or_default();
                Tried {
                    sensitivity,
                    access: access(sensitivity),
                    records: of.records,
                    notes: of.notes,
                    left: of.left,
                }
            });
        Checked {
            who: self.named(replica, person),
            tried: tried.collect(),
            out_of_reach: Sensitivity::ALL
                .into_iter()
                .filter(|s| !reachable(s))
                .collect(),
            newer_rules: replica.has_newer_rules(),
        }
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

/// How the records of one sensitivity fared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) records: Tally,
    pub(crate) notes: Tally,
    pub(crate) left: Tally,
}

type CountedAt = BTreeMap<Sensitivity, Counted>;

/// Whether an entry puts a note at a place; the edits there open with the item key that it brings.
fn is_opening(kind: &EntryKind) -> bool {
    matches!(kind, EntryKind::Create | EntryKind::Move)
}

/// Trying records with exactly these keys.
pub(crate) struct Trial {
    keys: Keys,
    todo: std::vec::IntoIter<EntryHash>,
    item_keys: ItemKeys,
    records: BTreeMap<Sensitivity, Tally>,
    /// The best of what puts a note at a place.
    openings: BTreeMap<(Sensitivity, ObjectTag), Outcome>,
}

impl Trial {
    pub(crate) fn new(replica: &Replica, keys: Keys) -> Trial {
        let of = |wanted: fn(&EntryKind) -> bool| {
            let places = replica.places.iter();
            let places = places.filter(move |(_, place)| wanted(&place.kind));
            places.map(|(hash, _)| *hash)
        };
        let others =
            |kind: &EntryKind| matches!(kind, EntryKind::Edit | EntryKind::Index | EntryKind::Part);
        let todo: Vec<EntryHash> = of(is_opening).chain(of(others)).collect();
        Trial {
            keys,
            todo: todo.into_iter(),
            item_keys: ItemKeys::new(),
            records: BTreeMap::new(),
            openings: BTreeMap::new(),
        }
    }

    /// Tries the records of one slice. Returns whether none is left.
    pub(crate) fn go_on(&mut self, replica: &Replica, store: &Reader) -> Result<bool, NodeError> {
        for _ in 0..SLICE {
            let Some(hash) = self.todo.next() else {
                return Ok(true);
            };
            let Some(place) = replica.places.get(&hash) else {
                continue;
            };
            let Some(sensitivity) = sensitivity_of(replica, place) else {
                continue;
            };
            let outcome = self.open(replica, store, sensitivity, hash, place)?;
            let records = self.records.entry(sensitivity).or_default();
            records.count(outcome);
            if let Some(tag) = place.object.filter(|_| is_opening(&place.kind)) {
                let best = self.openings.entry((sensitivity, tag)).or_insert(outcome);
                *best = outcome.min(*best);
            }
        }
        Ok(self.todo.as_slice().is_empty())
    }

    /// What was found so far, by sensitivity.
    pub(crate) fn counted(&self, replica: &Replica) -> CountedAt {
        let mut counted = CountedAt::new();
        for (sensitivity, records) in &self.records {
            counted.entry(*sensitivity).or_default().records = *records;
        }
        for ((sensitivity, tag), outcome) in &self.openings {
            let object = replica.objects.get(tag);
            let left = object.is_some_and(|object| matches!(object.state, ObjectState::Left));
            let of = counted.entry(*sensitivity).or_default();
            let tally = if left { &mut of.left } else { &mut of.notes };
            tally.count(*outcome);
        }
        counted
    }

    fn open(
        &mut self,
        replica: &Replica,
        store: &Reader,
        sensitivity: Sensitivity,
        hash: EntryHash,
        place: &Place,
    ) -> Result<Outcome, NodeError> {
        let Some(epoch) = place.epoch else {
            return Ok(Outcome::Damaged);
        };
        let here = replica.epochs.get(&epoch);
        if here.is_none_or(|held| held.key.is_none()) && !self.keys.contains_key(&epoch) {
            return Ok(Outcome::Untried);
        }
        let Some(key) = self.keys.get(&epoch) else {
            return Ok(Outcome::NoKey);
        };
        let Some(entry) = read(replica, store, place)? else {
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
        let at = (tag, sensitivity);
        let opened = match place.kind {
            EntryKind::Create | EntryKind::Move => {
                match open_opening(replica, &entry, place, at, key) {
                    None => false,
                    Some(own) => {
                        // A tag is plaintext: one that merely names this note brings no key to its edits.
                        self.item_keys.entry(at).or_default().extend(own);
                        true
                    }
                }
            }
            EntryKind::Index => open_body(&entry, &ItemKey::absent(tag.as_bytes()), key).is_some(),
            _ => match self.item_keys.get(&at).map(Vec::as_slice) {
                None | Some([]) => return Ok(self.without_item_key(replica, at)),
                Some(item_keys) => item_keys
                    .iter()
                    .any(|item_key| open_body(&entry, item_key, key).is_some()),
            },
        };
        Ok(if opened {
            Outcome::Opens
        } else {
            Outcome::Damaged
        })
    }

    /// An edit whose note did not open: it is sealed with a key that the person does not get, or that
    /// nobody here can know.
    fn without_item_key(&self, replica: &Replica, (tag, own): (ObjectTag, Sensitivity)) -> Outcome {
        let object = replica.objects.get(&tag);
        let mut openings = object
            .into_iter()
            .flat_map(|object| &object.entries)
            .filter_map(|hash| replica.places.get(hash))
            .filter(|place| is_opening(&place.kind) && sensitivity_of(replica, place) == Some(own));
        let is_kept_from = |place: &Place| {
            place.epoch.is_some_and(|epoch| {
                let held = replica.epochs.get(&epoch);
                held.is_some_and(|held| held.key.is_some()) && !self.keys.contains_key(&epoch)
            })
        };
        if openings.any(is_kept_from) {
            Outcome::NoKey
        } else {
            Outcome::NotHere
        }
    }
}

/// Opens what puts a note at a place: none if it does not open, and inside that its item key, if it
/// is the note of that tag.
fn open_opening(
    replica: &Replica,
    entry: &VerifiedEntry,
    place: &Place,
    (tag, sensitivity): (ObjectTag, Sensitivity),
    key: &EpochKey,
) -> Option<Option<ItemKey>> {
    let item_key = open_item_key(entry, key)?;
    let (item, placement) = match (&place.kind, open_body(entry, &item_key, key)?) {
        (EntryKind::Create, EntryBody::Create { record, .. }) => {
            (item_id(place.log, place.seq, &record.salt), 0)
        }
        (EntryKind::Create, EntryBody::Handoff { head, .. }) => {
            (item_id(place.log, place.seq, &head.salt), 0)
        }
        (EntryKind::Move, EntryBody::Move(moved)) => (moved.item(), moved.placement),
        _ => return None,
    };
    let own = object_tag(replica.id(), item, sensitivity, placement) == tag;
    Some(own.then_some(item_key))
}

#[cfg(test)]
mod tests;
