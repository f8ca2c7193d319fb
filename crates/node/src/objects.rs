//! What the entries of one object add up to: a note, or the pack's own index document.
//!
//! Building reads sealed entries from the store, opens them with the keys held now, and applies
//! those that the policy authorises now and whose dependencies are applied; the rest waits or is set
//! aside, and is looked at again whenever keys, policy or entries change. What Automerge cannot take
//! is quarantined by entry; the object and the pack go on.

use crate::NodeError;
use crate::replica::{Authority, Place, Replica};
use kitbag_core::content::{EntryBody, EntryKind, VerifiedEntry, unpack_body};
use kitbag_core::id::{EntryHash, ItemId, ObjectTag, PersonId, Timestamp};
use kitbag_core::pack::note::{item_id, object_tag};
use kitbag_core::pack::{
    ChangeHash, CheckedChange, IndexDocument, NoteDocument, NoteView, Record, Schema, check_change,
};
use kitbag_core::policy::Sensitivity;
use kitbag_crypto::planted::{self, Planted};
use kitbag_crypto::{EpochKey, ItemKey, SealLabel, open};
use kitbag_store::{Store, StoreError};
use std::collections::{BTreeMap, BTreeSet};

/// All entries under one tag, and what is known of them without opening them again.
pub(crate) struct Object {
    pub(crate) sensitivity: Sensitivity,
    pub(crate) entries: Vec<EntryHash>,
    pub(crate) state: ObjectState,
    /// What policy and keys said of each entry when the state was found: while they say the same,
    /// it is the same.
    pub(crate) judged: Vec<(Authority, bool)>,
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
    },
}

/// A note's outline.
#[derive(Clone)]
pub(crate) struct NoteMeta {
    pub(crate) item: ItemId,
    pub(crate) title: String,
    pub(crate) source: String,
    pub(crate) status: &'static str,
    pub(crate) edits: u64,
    pub(crate) waiting: u64,
    pub(crate) set_aside: u64,
    pub(crate) fingerprint: [u8; 32],
}

impl Object {
    pub(crate) fn new(sensitivity: Sensitivity) -> Object {
        Object {
            sensitivity,
            entries: Vec::new(),
            state: ObjectState::Waiting,
            judged: Vec::new(),
        }
    }
}

/// One applied entry of a note.
#[derive(Clone)]
pub(crate) struct Step {
    pub(crate) entry: EntryHash,
    pub(crate) deps: Vec<EntryHash>,
    pub(crate) by: Option<PersonId>,
    pub(crate) at: Timestamp,
    pub(crate) change: Option<CheckedChange>,
}

/// A note put together from its entries.
#[derive(Clone)]
pub(crate) struct BuiltNote {
    pub(crate) item: ItemId,
    pub(crate) sensitivity: Sensitivity,
    pub(crate) record: Record,
    pub(crate) item_key: ItemKey,
    /// Present once somebody edited.
    pub(crate) document: Option<NoteDocument>,
    /// Which entry carries which change; the derived first change is the create entry's.
    pub(crate) carriers: BTreeMap<ChangeHash, EntryHash>,
    /// The other way round; several entries may carry one change.
    carries: BTreeMap<EntryHash, ChangeHash>,
    applied: BTreeSet<EntryHash>,
    pub(crate) steps: Vec<Step>,
    pub(crate) waiting: u64,
    pub(crate) set_aside: u64,
}

impl BuiltNote {
    pub(crate) fn view(&self) -> NoteView {
        self.document
            .as_ref()
            .map_or_else(|| NoteView::from(&self.record), NoteDocument::view)
    }

    pub(crate) fn document(&self) -> NoteDocument {
        self.document
            .clone()
            .unwrap_or_else(|| NoteDocument::derive(self.item, &self.record))
    }

    /// The document to apply changes to; from here on the create entry carries its first change.
    ///
    /// Most notes are never edited, and deriving costs a hundred times what reading a record does.
    pub(crate) fn open_document(&mut self) -> NoteDocument {
        let document = self.document();
        if let Some(create) = self.steps.first() {
            self.carriers.insert(document.base(), create.entry);
            self.carries.insert(create.entry, document.base());
        }
        document
    }

    /// The steps, each after those it builds on; of several that could come next the one that was
    /// written first by its author's clock, then the lowest hash. The same on every device that
    /// applied the same entries, in whatever order.
    pub(crate) fn history(&self) -> Vec<&Step> {
        let mut rest: Vec<&Step> = self.steps.iter().collect();
        if !planted::is(Planted::HistoryByArrival) {
            rest.sort_by_key(|step| (step.at, step.entry));
        }
        let mut told = BTreeSet::new();
        let mut history = Vec::new();
        while let Some(next) = rest
            .iter()
            .position(|step| step.deps.iter().all(|dep| told.contains(dep)))
        {
            let step = rest.remove(next);
            told.insert(step.entry);
            history.push(step);
        }
        history
    }

    pub(crate) fn meta(&self) -> NoteMeta {
        let view = self.view();
        NoteMeta {
            item: self.item,
            title: outline(&view),
            source: self.record.source.label.clone(),
            status: view.status.as_str(),
            edits: self.steps.len() as u64 - 1,
            waiting: self.waiting,
            set_aside: self.set_aside,
            fingerprint: *self.record.fingerprint().as_bytes(),
        }
    }
}

/// A change that Automerge would not take, to be kept away from now on.
pub(crate) struct Quarantine {
    pub(crate) entry: EntryHash,
    pub(crate) reason: String,
}

/// Puts a note together, going on from `known` if only entries were added since.
///
/// Returns nothing while its create entry is missing, not authorised or cannot be opened.
pub(crate) fn build_note(
    replica: &Replica,
    store: &Store,
    tag: ObjectTag,
    known: Option<BuiltNote>,
    quarantine: &mut Vec<Quarantine>,
) -> Result<Option<BuiltNote>, NodeError> {
    let Some(object) = replica.objects.get(&tag) else {
        return Ok(None);
    };
    let mut note = match known {
        Some(note) => note,
        None => match open_create(replica, store, tag, object)? {
            Some(note) => note,
            None => return Ok(None),
        },
    };
    let mut pending: Vec<(EntryHash, &Place)> = Vec::new();
    (note.waiting, note.set_aside) = (0, 0);
    for hash in &object.entries {
        let Some(place) = replica.places.get(hash) else {
            continue;
        };
        // A tag is plaintext: entries that merely name it stand in a log of another sensitivity.
        if note.applied.contains(hash) || sensitivity_of(replica, place) != Some(note.sensitivity) {
            continue;
        }
        match place.kind {
            EntryKind::Edit if replica.quarantined.contains(hash) => note.set_aside += 1,
            EntryKind::Edit if replica.authority(place, *hash) == Authority::Valid => {
                pending.push((*hash, place))
            }
            _ => note.set_aside += 1,
        }
    }
    apply_in_order(replica, store, &mut note, pending, quarantine)?;
    Ok(Some(note))
}

/// Applies every pending edit whose dependencies are applied, until none is left.
fn apply_in_order(
    replica: &Replica,
    store: &Store,
    note: &mut BuiltNote,
    mut pending: Vec<(EntryHash, &Place)>,
    quarantine: &mut Vec<Quarantine>,
) -> Result<(), NodeError> {
    if !pending.is_empty() && note.document.is_none() {
        note.open_document();
    }
    while !pending.is_empty() {
        let (ready, waiting): (Vec<_>, Vec<_>) = pending
            .into_iter()
            .partition(|(_, place)| place.deps.iter().all(|dep| note.applied.contains(dep)));
        pending = waiting;
        let mut round: Vec<(EntryHash, CheckedChange, Step)> = Vec::new();
        for (hash, place) in ready {
            match open_edit(replica, store, note, place)? {
                EditOpened::Change(change, step) => round.push((hash, change, step)),
                EditOpened::NoKeyYet => note.waiting += 1,
                EditOpened::Refused(reason) => {
                    note.set_aside += 1;
                    quarantine.push(Quarantine {
                        entry: hash,
                        reason,
                    });
                }
            }
        }
        if round.is_empty() {
            break;
        }
        apply_round(note, round, quarantine);
    }
    note.waiting += pending.len() as u64;
    Ok(())
}

fn apply_round(
    note: &mut BuiltNote,
    mut round: Vec<(EntryHash, CheckedChange, Step)>,
    quarantine: &mut Vec<Quarantine>,
) {
    let mut document = note.document();
    loop {
        let changes: Vec<CheckedChange> =
            round.iter().map(|(_, change, _)| change.clone()).collect();
        match document.try_apply(&changes) {
            Ok(()) => break,
            Err((at, refused)) => {
                let (entry, _, _) = round.remove(at.min(round.len() - 1));
                note.set_aside += 1;
                quarantine.push(Quarantine {
                    entry,
                    reason: refused.to_string(),
                });
                if round.is_empty() {
                    return;
                }
            }
        }
    }
    for (hash, change, step) in round {
        note.carriers.entry(change.hash()).or_insert(hash);
        note.carries.insert(hash, change.hash());
        note.applied.insert(hash);
        note.steps.push(step);
    }
    note.document = Some(document);
}

enum EditOpened {
    Change(CheckedChange, Step),
    NoKeyYet,
    Refused(String),
}

fn open_edit(
    replica: &Replica,
    store: &Store,
    note: &BuiltNote,
    place: &Place,
) -> Result<EditOpened, NodeError> {
    let Some(key) = epoch_key(replica, place) else {
        return Ok(EditOpened::NoKeyYet);
    };
    let Some(entry) = read(replica, store, place)? else {
        return Ok(EditOpened::NoKeyYet);
    };
    let (change, at) = match open_body(&entry, &note.item_key, key) {
        Some(EntryBody::Change { change, at }) => (change, at),
        _ => {
            return Ok(EditOpened::Refused(
                "the entry does not open as a change".into(),
            ));
        }
    };
    let change = match check_change(&change, place.log, Schema::Note) {
        Ok(change) => change,
        Err(refused) => return Ok(EditOpened::Refused(refused.to_string())),
    };
    let carried: Option<BTreeSet<ChangeHash>> = place
        .deps
        .iter()
        .map(|dep| note.carries.get(dep).copied())
        .collect();
    if carried != Some(change.deps().iter().copied().collect()) {
        return Ok(EditOpened::Refused(
            "the entry names other dependencies than its change".into(),
        ));
    }
    let by = replica.person_of_log(place.log);
    let step = Step {
        entry: entry.hash(),
        deps: place.deps.clone(),
        by,
        at,
        change: Some(change.clone()),
    };
    Ok(EditOpened::Change(change, step))
}

fn open_create(
    replica: &Replica,
    store: &Store,
    tag: ObjectTag,
    object: &Object,
) -> Result<Option<BuiltNote>, NodeError> {
    for hash in &object.entries {
        let Some(place) = replica
            .places
            .get(hash)
            .filter(|place| place.kind == EntryKind::Create)
        else {
            continue;
        };
        if replica.authority(place, *hash) == Authority::SetAside {
            continue;
        }
        let Some(key) = epoch_key(replica, place) else {
            continue;
        };
        let Some(entry) = read(replica, store, place)? else {
            continue;
        };
        let Some(item_key) = open_item_key(&entry, key) else {
            continue;
        };
        let Some(EntryBody::Create { record, at }) = open_body(&entry, &item_key, key) else {
            continue;
        };
        let item = item_id(place.log, place.seq, &record.salt);
        let Some(sensitivity) = sensitivity_of(replica, place) else {
            continue;
        };
        if record.check().is_err() || object_tag(replica.id(), item, sensitivity, 0) != tag {
            continue;
        }
        return Ok(Some(BuiltNote {
            sensitivity,
            item,
            record,
            item_key,
            document: None,
            carriers: BTreeMap::new(),
            carries: BTreeMap::new(),
            applied: BTreeSet::from([*hash]),
            steps: vec![Step {
                entry: *hash,
                deps: vec![],
                by: replica.person_of_log(place.log),
                at,
                change: None,
            }],
            waiting: 0,
            set_aside: 0,
        }));
    }
    Ok(None)
}

/// The index document of one sensitivity, and which entry carries which of its changes.
pub(crate) struct BuiltIndex {
    pub(crate) document: IndexDocument,
    pub(crate) carriers: BTreeMap<ChangeHash, EntryHash>,
}

/// Puts an index document together.
pub(crate) fn build_index(
    replica: &Replica,
    store: &Store,
    tag: ObjectTag,
    sensitivity: Sensitivity,
    quarantine: &mut Vec<Quarantine>,
) -> Result<BuiltIndex, NodeError> {
    let mut document = IndexDocument::derive(replica.id(), sensitivity);
    let mut carriers = BTreeMap::new();
    let mut carries: BTreeMap<EntryHash, ChangeHash> = BTreeMap::new();
    let base = document.base();
    let item_key = ItemKey::absent(tag.as_bytes());
    let entries = replica
        .objects
        .get(&tag)
        .map(|object| object.entries.clone())
        .unwrap_or_default();
    let mut pending: Vec<EntryHash> = entries
        .into_iter()
        .filter(|hash| !replica.quarantined.contains(hash))
        .collect();
    loop {
        let before = pending.len();
        let mut waiting = Vec::new();
        for hash in pending {
            let Some(place) = replica
                .places
                .get(&hash)
                .filter(|place| place.kind == EntryKind::Index)
            else {
                continue;
            };
            if !place.deps.iter().all(|dep| carries.contains_key(dep)) {
                waiting.push(hash);
                continue;
            }
            let own = sensitivity_of(replica, place) == Some(sensitivity);
            let authorised = own && replica.authority(place, hash) == Authority::Valid;
            let Some(key) = epoch_key(replica, place).filter(|_| authorised) else {
                continue;
            };
            let Some(entry) = read(replica, store, place)? else {
                continue;
            };
            let Some(EntryBody::Change { change, .. }) = open_body(&entry, &item_key, key) else {
                continue;
            };
            let refused = match check_change(&change, place.log, Schema::Index) {
                Ok(change) => {
                    let deps: BTreeSet<ChangeHash> = change
                        .deps()
                        .iter()
                        .copied()
                        .filter(|dep| *dep != base)
                        .collect();
                    let carried: Option<BTreeSet<ChangeHash>> = place
                        .deps
                        .iter()
                        .map(|dep| carries.get(dep).copied())
                        .collect();
                    if carried != Some(deps) {
                        Some("the entry names other dependencies than its change".to_owned())
                    } else if let Err(refused) = document.apply(&change) {
                        Some(refused.to_string())
                    } else {
                        carriers.entry(change.hash()).or_insert(hash);
                        carries.insert(hash, change.hash());
                        None
                    }
                }
                Err(refused) => Some(refused.to_string()),
            };
            quarantine.extend(refused.map(|reason| Quarantine {
                entry: hash,
                reason,
            }));
        }
        pending = waiting;
        if pending.is_empty() || pending.len() == before {
            return Ok(BuiltIndex { document, carriers });
        }
    }
}

/// Opens a profile entry.
pub(crate) fn open_profile(
    replica: &Replica,
    store: &Store,
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
        .map(|hash| of(hash).unwrap_or((Authority::SetAside, false)))
        .collect()
}

/// The sensitivity of the log in which an entry stands.
fn sensitivity_of(replica: &Replica, place: &Place) -> Option<Sensitivity> {
    replica
        .logs
        .get(&place.log)
        .map(|log| log.opening.sensitivity)
}

/// The key of an entry's epoch, which is one of the entry's own sensitivity.
fn epoch_key<'r>(replica: &'r Replica, place: &Place) -> Option<&'r EpochKey> {
    let held = replica.epochs.get(&place.epoch?)?;
    let sensitivity = replica.logs.get(&place.log)?.opening.sensitivity;
    held.key
        .as_ref()
        .filter(|_| held.signed.epoch().domain == sensitivity)
}

fn read(
    replica: &Replica,
    store: &Store,
    place: &Place,
) -> Result<Option<VerifiedEntry>, NodeError> {
    let Some(log) = replica.logs.get(&place.log) else {
        return Ok(None);
    };
    match store.entry(log.number, place.seq) {
        Err(StoreError::Damaged { .. }) => Ok(None), // this entry waits; the pack goes on
        other => Ok(other?),
    }
}

fn open_item_key(entry: &VerifiedEntry, key: &EpochKey) -> Option<ItemKey> {
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

fn open_body(entry: &VerifiedEntry, item_key: &ItemKey, key: &EpochKey) -> Option<EntryBody> {
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

/// The title, or the start of the body where there is none.
fn outline(view: &NoteView) -> String {
    let text = if view.title.trim().is_empty() {
        &view.body
    } else {
        &view.title
    };
    let line = text
        .lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default();
    line.trim().chars().take(OUTLINE_CHARS).collect()
}

const OUTLINE_CHARS: usize = 120;
