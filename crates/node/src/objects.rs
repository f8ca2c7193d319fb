//! What the entries of one object add up to: a note, or the pack's own index document.
//!
//! Building reads sealed entries from the store, opens them with the keys held now, and applies
//! those that the policy authorises now and whose dependencies are applied; the rest waits or is set
//! aside, and is looked at again whenever keys, policy or entries change. What Automerge cannot take
//! is quarantined by entry; the object and the pack go on.

mod building;
mod index;
mod note;

pub(crate) use building::{
    CLOSED, EditOpened, apply_in_order, build_everything, build_note, open_create, open_edit,
    other_creates, usable_creates,
};
pub(crate) use index::build_index;
pub(crate) use note::{BuiltNote, Mover, Step, Told};

use crate::NodeError;
use crate::authority::Authority;
use crate::handoffs::HandoffMeta;
use crate::replica::{Place, Replica};
use kitbag_core::content::{EntryBody, VerifiedEntry, unpack_body};
use kitbag_core::id::{EntryHash, ImportKey, ItemId, PersonId, Timestamp};
use kitbag_core::pack::note::Pii;
use kitbag_core::policy::Sensitivity;
use kitbag_crypto::{EpochKey, ItemKey, SealLabel, open};
use kitbag_store::{Reader, StoreError};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// All entries under one tag, and what is known of them without opening them again.
pub(crate) struct Object {
    pub(crate) sensitivity: Sensitivity,
    pub(crate) entries: Vec<EntryHash>,
    pub(crate) state: ObjectState,
    /// What policy and keys said of each entry when the state was found: while they say the same,
    /// it is the same.
    pub(crate) judged: Vec<(Authority, bool)>,
    pub(crate) refused: Refused,
    /// Creates whose long text was found to be whole: it stays so.
    pub(crate) whole_texts: RefCell<BTreeSet<EntryHash>>,
}

/// Entries that are refused as their note stands now, and why. Found anew whenever another create or
/// move makes the note, and never stored: which entries came first must not matter.
#[derive(Default)]
pub(crate) struct Refused {
    /// The creates and moves that made the note then.
    under: Vec<EntryHash>,
    entries: BTreeMap<EntryHash, String>,
}

impl Refused {
    pub(crate) fn new(under: &[EntryHash], entries: BTreeMap<EntryHash, String>) -> Refused {
        Refused {
            under: under.to_vec(),
            entries,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn reason(&self, entry: &EntryHash) -> Option<&str> {
        self.entries.get(entry).map(String::as_str)
    }

    /// What still is refused if these make the note.
    pub(crate) fn under(&self, openings: &[EntryHash]) -> Vec<Quarantine> {
        let entries = self.entries.iter().filter(|_| self.under == openings);
        entries
            .map(|(entry, reason)| Quarantine::for_now(*entry, reason.clone()))
            .collect()
    }
}

/// What an object is, as far as it can be opened.
pub(crate) enum ObjectState {
    /// Nothing can be opened yet.
    Waiting,
    /// A note.
    Note(NoteMeta),
    /// The index document of its sensitivity.
    Index {
        /// The pack's title in it.
        title: String,
        /// Entries that should be in it and cannot be read here.
        waiting: u64,
    },
    /// A hand-off.
    Handoff(HandoffMeta),
    /// A place that a note left, or one that is not shown.
    Left,
}

/// A note's outline.
#[derive(Clone)]
pub(crate) struct NoteMeta {
    pub(crate) item: ItemId,
    pub(crate) captured_at: Timestamp,
    /// Its create's number in its log.
    pub(crate) seq: u64,
    pub(crate) title: String,
    pub(crate) source: String,
    pub(crate) status: &'static str,
    pub(crate) edits: u64,
    pub(crate) waiting: u64,
    pub(crate) fingerprint: [u8; 32],
    /// Its place in another system, if it was imported.
    pub(crate) import: Option<ImportKey>,
    /// The import key that a masked copy of it has.
    pub(crate) import_of_copy: Option<ImportKey>,
    /// Who added it.
    pub(crate) by: Option<PersonId>,
    /// The notes that it was made from, by its record.
    pub(crate) derived_from: BTreeSet<ItemId>,
    /// Kinds of personal data in it by its record alone, and by that and all edits.
    pub(crate) stated_pii: BTreeSet<Pii>,
    pub(crate) pii: BTreeSet<Pii>,
    /// The notes that replaced it.
    pub(crate) superseded_by: BTreeSet<ItemId>,
    pub(crate) pinned: bool,
    /// Whether more than its sensitivity may keep it from an agent: a consent, an end, a status, personal
    /// data.
    pub(crate) is_gated: bool,
    /// Which of its entries say that they took over which entry.
    pub(crate) claims: BTreeMap<EntryHash, EntryHash>,
}

impl Object {
    pub(crate) fn new(sensitivity: Sensitivity) -> Object {
        Object {
            sensitivity,
            entries: Vec::new(),
            state: ObjectState::Waiting,
            judged: Vec::new(),
            refused: Refused::default(),
            whole_texts: RefCell::default(),
        }
    }
}

/// An entry that cannot be used.
#[derive(Debug)]
pub(crate) struct Quarantine {
    pub(crate) entry: EntryHash,
    pub(crate) reason: String,
    /// Whether that follows from the entry and what it builds on: it is kept away from now on.
    /// Otherwise it follows from what else is here, and may change with that.
    pub(crate) lasts: bool,
}

impl Quarantine {
    pub(crate) fn lasting(entry: EntryHash, reason: impl Into<String>) -> Quarantine {
        Quarantine {
            entry,
            reason: reason.into(),
            lasts: true,
        }
    }

    pub(crate) fn for_now(entry: EntryHash, reason: impl Into<String>) -> Quarantine {
        Quarantine {
            lasts: false,
            ..Quarantine::lasting(entry, reason)
        }
    }
}

/// Which entries a note is put together from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Those that count.
    Counting,
    /// All that can be opened and applied, whoever wrote them: to show what is set aside.
    Everything,
}

impl Reach {
    pub(crate) fn admits(self, replica: &Replica, place: &Place, hash: EntryHash) -> bool {
        match replica.authority(place, hash) {
            Authority::Valid => true,
            Authority::SetAside(_) => self == Reach::Everything,
            Authority::Parked => false,
        }
    }
}

/// Opens a profile entry.
pub(crate) fn open_profile(
    replica: &Replica,
    store: &Reader,
    hash: EntryHash,
) -> Result<Option<kitbag_core::content::Profile>, NodeError> {
    let Some(place) = replica.places.get(&hash) else {
        return Ok(None);
    };
    let (Authority::Valid, Some(key)) = (replica.authority(place, hash), epoch_key(replica, place))
    else {
        return Ok(None);
    };
    let Some(entry) = read(replica, store, place)? else {
        return Ok(None);
    };
    let Some(tag) = entry.header().object else {
        return Ok(None);
    };
    match open_body(&entry, &ItemKey::absent(tag.as_bytes()), key) {
        Some(EntryBody::Profile(profile)) => {
            let own = replica.person_of_log(place.log) == Some(profile.person);
            Ok(Some(profile).filter(|profile| own && profile.is_within_limits()))
        }
        _ => Ok(None),
    }
}

/// What policy and keys say now of each entry of an object.
pub(crate) fn judge(replica: &Replica, object: &Object) -> Vec<(Authority, bool)> {
    let of = |hash: &EntryHash| {
        let place = replica.places.get(hash)?;
        Some((
            replica.authority(place, *hash),
            epoch_key(replica, place).is_some(),
        ))
    };
    object
        .entries
        .iter()
        .map(|hash| of(hash).unwrap_or((Authority::Parked, false)))
        .collect()
}

/// Whether something in an object counts no more that did when it was put together: what is put
/// together already only grows.
pub(crate) fn has_lost(object: &Object, now: &[(Authority, bool)]) -> bool {
    let mut both = object.judged.iter().zip(now);
    both.any(|(before, now)| before.0 == Authority::Valid && now.0 != Authority::Valid)
}

/// The sensitivity of the log in which an entry stands.
pub(crate) fn sensitivity_of(replica: &Replica, place: &Place) -> Option<Sensitivity> {
    replica
        .logs
        .get(&place.log)
        .map(|log| log.opening.sensitivity)
}

/// The key of an entry's epoch, which is one of the entry's own sensitivity.
pub(crate) fn epoch_key<'r>(replica: &'r Replica, place: &Place) -> Option<&'r EpochKey> {
    let held = replica.epochs.get(&place.epoch?)?;
    let sensitivity = replica.logs.get(&place.log)?.opening.sensitivity;
    held.key
        .as_ref()
        .filter(|_| held.signed.epoch().domain == sensitivity)
}

pub(crate) fn read(
    replica: &Replica,
    store: &Reader,
    place: &Place,
) -> Result<Option<VerifiedEntry>, NodeError> {
    let Some(row) = replica.row_of(place) else {
        return Ok(None);
    };
    if let Some(entry) = replica.fresh.get(&(row, place.seq)) {
        return Ok(Some(entry.clone()));
    }
    match store.entry(row, place.seq) {
        Err(StoreError::Damaged { .. }) => Ok(None), // this entry waits; the pack goes on
        other => Ok(other?),
    }
}

pub(crate) fn open_item_key(entry: &VerifiedEntry, key: &EpochKey) -> Option<ItemKey> {
    let aad = entry.header().associated_data();
    let opened = open(
        SealLabel::ItemKey,
        &NO_SALT,
        key.danger_expose(),
        &aad,
        entry.raw().wrap.as_ref()?,
    )
    .ok()?;
    Some(ItemKey::from_bytes(opened[..].try_into().ok()?))
}

pub(crate) fn open_body(
    entry: &VerifiedEntry,
    item_key: &ItemKey,
    key: &EpochKey,
) -> Option<EntryBody> {
    let aad = entry.header().associated_data();
    let plain = open(
        SealLabel::Record,
        item_key.danger_expose(),
        key.danger_expose(),
        &aad,
        entry.raw().body.as_ref()?,
    )
    .ok()?;
    unpack_body(&plain).ok()
}

/// Item keys are sealed under one secret only.
pub(crate) const NO_SALT: [u8; 32] = [0; 32];
