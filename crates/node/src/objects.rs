//! What the entries of one object add up to: a note, or the pack's own index document.
//!
//! Building reads sealed entries from the store, opens them with the keys held now, and applies
//! those that the policy authorises now and whose dependencies are applied; the rest waits or is set
//! aside, and is looked at again whenever keys, policy or entries change. What Automerge cannot take
//! is quarantined by entry; the object and the pack go on.

use crate::NodeError;
use crate::applying::apply_together;
use crate::authority::Authority;
use crate::placement::Placed;
use crate::replica::{Place, Replica};
use kitbag_core::content::{
    EntryBody, EntryKind, Relocation, TakesOver, VerifiedEntry, unpack_body,
};
use kitbag_core::id::{EntryHash, ItemId, LogId, ObjectTag, PersonId, Timestamp};
use kitbag_core::pack::note::{item_id, object_tag};
use kitbag_core::pack::{
    ChangeHash, ChangeRefused, CheckedChange, IndexDocument, NoteDocument, NoteView, Record,
    Schema, check_change,
};
use kitbag_core::policy::Sensitivity;
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
        /// Entries that should be in it and cannot be read here.
        waiting: u64,
    },
    /// A place that a note left, or one that is not shown.
    Left,
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
    pub(crate) fingerprint: [u8; 32],
    /// Entries of this sensitivity whose content entries of this note took over.
    pub(crate) taken_over: BTreeSet<EntryHash>,
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
    /// Entries whose content it takes over.
    pub(crate) takes_over: TakesOver,
    /// The log that binds the change.
    pub(crate) log: Option<LogId>,
    /// Where the note went, if this is a move.
    pub(crate) moved: Option<Sensitivity>,
    /// Who told this, if its own entry is not here.
    pub(crate) told_by: Option<PersonId>,
}

/// A change that only a move carries.
#[derive(Clone)]
pub(crate) struct Told {
    pub(crate) change: CheckedChange,
    pub(crate) log: LogId,
    pub(crate) by: Option<PersonId>,
    pub(crate) at: Timestamp,
    pub(crate) mover: Option<PersonId>,
}

/// A move of the note, for its history.
#[derive(Clone)]
pub(crate) struct Mover {
    pub(crate) entry: EntryHash,
    pub(crate) by: Option<PersonId>,
    pub(crate) at: Timestamp,
    pub(crate) to: Sensitivity,
    pub(crate) heads: Vec<ChangeHash>,
}

/// A note put together from its entries.
#[derive(Clone)]
pub(crate) struct BuiltNote {
    /// The tag under which it stands now.
    pub(crate) tag: ObjectTag,
    pub(crate) item: ItemId,
    pub(crate) sensitivity: Sensitivity,
    pub(crate) record: Record,
    /// Log and number of its create entry.
    pub(crate) origin: (LogId, u64),
    /// Seals new edits.
    pub(crate) item_key: ItemKey,
    /// What edits under each of its tags may be sealed with.
    pub(crate) keys: BTreeMap<ObjectTag, Vec<ItemKey>>,
    /// Present once somebody edited.
    pub(crate) document: Option<NoteDocument>,
    /// Which entry carries which change; the derived first change is the create entry's.
    pub(crate) carriers: BTreeMap<ChangeHash, EntryHash>,
    /// The other way round; several entries may carry one change, and a move carries many.
    pub(crate) carries: BTreeMap<EntryHash, BTreeSet<ChangeHash>>,
    pub(crate) applied: BTreeSet<EntryHash>,
    pub(crate) steps: Vec<Step>,
    pub(crate) told: BTreeMap<ChangeHash, Told>,
    pub(crate) movers: Vec<Mover>,
    pub(crate) placed: Placed,
    pub(crate) waiting: u64,
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
        if self.document.is_none() {
            self.document = Some(document.clone());
            self.carry_base();
        }
        document
    }

    /// Notes that what was applied so far, creates and moves, carries the derived first change.
    pub(crate) fn carry_base(&mut self) {
        let Some(base) = self.document.as_ref().map(NoteDocument::base) else {
            return;
        };
        for opening in &self.applied {
            self.carries.entry(*opening).or_default().insert(base);
            self.carriers.entry(base).or_insert(*opening);
        }
    }

    /// The edits in it.
    pub(crate) fn edits(&self) -> u64 {
        self.document
            .as_ref()
            .map_or(0, |document| document.edits() as u64)
    }

    /// The steps, each after those it builds on; of several that could come next the one that was
    /// written first by its author's clock, then the lowest hash. The same on every device that
    /// applied the same entries, in whatever order.
    pub(crate) fn history(&self) -> Vec<Step> {
        let mut rest = self.steps.clone();
        rest.extend(self.told_steps());
        rest.sort_by_key(|step| (step.at, step.entry));
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

    /// The steps of which a move told, and the moves themselves.
    fn told_steps(&self) -> Vec<Step> {
        let mut names: BTreeMap<ChangeHash, EntryHash> = self
            .told
            .keys()
            .map(|change| (*change, EntryHash::from_bytes(change.0)))
            .collect();
        for step in &self.steps {
            names.extend(step.change.iter().map(|change| (change.hash(), step.entry)));
        }
        let created = self.steps.first().map(|step| step.entry);
        let after = |changes: &[ChangeHash]| -> Vec<EntryHash> {
            let known = changes.iter().filter_map(|change| names.get(change));
            known.copied().chain(created).collect()
        };
        let own = |change: &ChangeHash| names.get(change) != Some(&EntryHash::from_bytes(change.0));
        let told = self.told.iter().filter(|(change, _)| !own(change));
        let mut steps: Vec<Step> = told
            .map(|(change, told)| Step {
                entry: EntryHash::from_bytes(change.0),
                deps: after(told.change.deps()),
                by: told.by,
                at: told.at,
                change: Some(told.change.clone()),
                log: Some(told.log),
                moved: None,
                told_by: told.mover,
                takes_over: TakesOver::default(),
            })
            .collect();
        let mut before: Vec<EntryHash> = Vec::new();
        for mover in &self.movers {
            let mut deps = after(&mover.heads);
            deps.append(&mut before);
            before.push(mover.entry);
            steps.push(Step {
                entry: mover.entry,
                deps,
                by: mover.by,
                at: mover.at,
                change: None,
                log: None,
                moved: Some(mover.to),
                told_by: None,
                takes_over: TakesOver::default(),
            });
        }
        steps
    }

    /// A note by what a mover told of its creation.
    pub(crate) fn told(
        tag: ObjectTag,
        sensitivity: Sensitivity,
        relocation: &Relocation,
        item_key: ItemKey,
        mover: Option<PersonId>,
    ) -> BuiltNote {
        let item = relocation.item();
        let created = Step {
            entry: EntryHash::from_bytes(*item.as_bytes()),
            deps: vec![],
            by: relocation.created.by,
            at: relocation.created.at,
            change: None,
            log: None,
            moved: None,
            told_by: mover,
            takes_over: TakesOver::default(),
        };
        BuiltNote {
            tag,
            sensitivity,
            item,
            record: relocation.record.clone(),
            origin: (relocation.created.log, relocation.created.seq),
            item_key,
            keys: BTreeMap::new(),
            document: None,
            carriers: BTreeMap::new(),
            carries: BTreeMap::new(),
            applied: BTreeSet::new(),
            steps: vec![created],
            told: BTreeMap::new(),
            movers: vec![],
            placed: Placed::never(sensitivity),
            waiting: 0,
        }
    }

    /// Notes which changes a move carries.
    pub(crate) fn carry(&mut self, entry: EntryHash, changes: &[CheckedChange]) {
        for change in changes.iter().map(CheckedChange::hash) {
            self.carriers.entry(change).or_insert(entry);
            self.carries.entry(entry).or_default().insert(change);
        }
    }

    /// New edits shall build on this entry for every change that it carries.
    pub(crate) fn prefer_carrier(&mut self, entry: EntryHash) {
        for change in self.carries.get(&entry).into_iter().flatten() {
            self.carriers.insert(*change, entry);
        }
    }

    pub(crate) fn meta(&self) -> NoteMeta {
        let view = self.view();
        NoteMeta {
            item: self.item,
            title: outline(&view),
            source: self.record.source.label.clone(),
            status: view.status.as_str(),
            edits: self.edits(),
            waiting: self.waiting,
            fingerprint: *self.record.fingerprint().as_bytes(),
            taken_over: self
                .steps
                .iter()
                .flat_map(|step| step.takes_over.entries())
                .copied()
                .collect(),
        }
    }
}

/// A change that Automerge would not take, to be kept away from now on.
pub(crate) struct Quarantine {
    pub(crate) entry: EntryHash,
    pub(crate) reason: String,
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
    fn admits(self, replica: &Replica, place: &Place, hash: EntryHash) -> bool {
        match replica.authority(place, hash) {
            Authority::Valid => true,
            Authority::SetAside(_) => self == Reach::Everything,
            Authority::Parked => false,
        }
    }
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
    build_within(replica, store, tag, Reach::Counting, known, quarantine)
}

/// The note that all entries under a tag would make if every one of them counted.
pub(crate) fn build_everything(
    replica: &Replica,
    store: &Store,
    tag: ObjectTag,
) -> Result<Option<BuiltNote>, NodeError> {
    build_within(replica, store, tag, Reach::Everything, None, &mut vec![])
}

fn build_within(
    replica: &Replica,
    store: &Store,
    tag: ObjectTag,
    reach: Reach,
    known: Option<BuiltNote>,
    quarantine: &mut Vec<Quarantine>,
) -> Result<Option<BuiltNote>, NodeError> {
    let Some(object) = replica.objects.get(&tag) else {
        return Ok(None);
    };
    // Whoever forks a log on purpose can create one note twice: of two, every device takes the same.
    let creates = object
        .entries
        .iter()
        .filter(|hash| is_create(replica, hash));
    let known = known.filter(|_| creates.count() == 1);
    let mut note = match known {
        Some(note) => note,
        None => match open_create(replica, store, tag, object, reach, quarantine)? {
            Some(note) => note,
            None => return Ok(None),
        },
    };
    let mut pending: Vec<(EntryHash, &Place)> = Vec::new();
    let mut waiting: BTreeSet<EntryHash> = BTreeSet::new();
    for hash in &object.entries {
        let Some(place) = replica.places.get(hash) else {
            continue;
        };
        // A tag is plaintext: entries that merely name it stand in a log of another sensitivity.
        if note.applied.contains(hash) || sensitivity_of(replica, place) != Some(note.sensitivity) {
            continue;
        }
        waiting.insert(*hash);
        if replica.quarantined.contains_key(hash) || !reach.admits(replica, place, *hash) {
            continue;
        }
        match place.kind {
            EntryKind::Edit => pending.push((*hash, place)),
            EntryKind::Create if quarantine.iter().any(|q| q.entry == *hash) => {}
            _ => quarantine.push(Quarantine {
                entry: *hash,
                reason: "the note has a first entry already".into(),
            }),
        }
    }
    apply_in_order(replica, store, &mut note, pending, quarantine)?;
    let refused = quarantine.iter().map(|q| q.entry).collect();
    let aside = replica.set_aside_of(object, &refused);
    let waits = |hash: &EntryHash| !note.applied.contains(hash) && !aside.contains_key(hash);
    note.waiting = waiting.iter().filter(|hash| waits(hash)).count() as u64;
    Ok(Some(note))
}

/// Applies every pending edit whose dependencies are applied, until none is left.
pub(crate) fn apply_in_order(
    replica: &Replica,
    store: &Store,
    note: &mut BuiltNote,
    mut pending: Vec<(EntryHash, &Place)>,
    quarantine: &mut Vec<Quarantine>,
) -> Result<(), NodeError> {
    if !pending.is_empty() && note.document.is_none() {
        note.open_document();
    }
    if apply_together(replica, store, note, &pending, quarantine)? {
        return Ok(());
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
                EditOpened::NoKeyYet => {}
                EditOpened::Refused(reason) => quarantine.push(Quarantine {
                    entry: hash,
                    reason,
                }),
            }
        }
        if round.is_empty() {
            break;
        }
        apply_round(note, round, quarantine);
    }
    Ok(())
}

fn apply_round(
    note: &mut BuiltNote,
    round: Vec<(EntryHash, CheckedChange, Step)>,
    quarantine: &mut Vec<Quarantine>,
) {
    let mut document = note.document();
    let changes: Vec<CheckedChange> = round.iter().map(|(_, change, _)| change.clone()).collect();
    let refused: BTreeMap<usize, ChangeRefused> =
        document.apply_each(&changes).into_iter().collect();
    for (at, (hash, change, step)) in round.into_iter().enumerate() {
        match refused.get(&at) {
            None => note.take_step(hash, change.hash(), step),
            Some(refused) => quarantine.push(Quarantine {
                entry: hash,
                reason: refused.to_string(),
            }),
        }
    }
    note.document = Some(document);
}

pub(crate) enum EditOpened {
    Change(CheckedChange, Step),
    NoKeyYet,
    Refused(String),
}

pub(crate) fn open_edit(
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
    let keys = entry.header().object.and_then(|tag| note.keys.get(&tag));
    let opened = keys
        .into_iter()
        .flatten()
        .find_map(|item_key| open_body(&entry, item_key, key));
    let (change, at, takes_over) = match opened {
        Some(EntryBody::Change {
            change,
            at,
            takes_over,
        }) => (change, at, takes_over),
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
    let wanted: BTreeSet<ChangeHash> = change.deps().iter().copied().collect();
    let mut carried = BTreeSet::new();
    let mut idle = false;
    for dep in &place.deps {
        let of = note.carries.get(dep).into_iter().flatten();
        let named: Vec<ChangeHash> = of.filter(|of| wanted.contains(*of)).copied().collect();
        idle |= named.is_empty();
        carried.extend(named);
    }
    if carried != wanted || idle {
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
        takes_over,
        log: Some(place.log),
        moved: None,
        told_by: None,
    };
    Ok(EditOpened::Change(change, step))
}

/// The note that one of an object's entries creates. A create that opens as no note of this tag never
/// will, and is refused.
pub(crate) fn open_create(
    replica: &Replica,
    store: &Store,
    tag: ObjectTag,
    object: &Object,
    reach: Reach,
    quarantine: &mut Vec<Quarantine>,
) -> Result<Option<BuiltNote>, NodeError> {
    let mut creates: Vec<&EntryHash> = object
        .entries
        .iter()
        .filter(|hash| is_create(replica, hash))
        .collect();
    creates.sort();
    for hash in creates {
        let Some(place) = replica.places.get(hash) else {
            continue;
        };
        if replica.quarantined.contains_key(hash) || !reach.admits(replica, place, *hash) {
            continue;
        }
        let (Some(key), Some(sensitivity)) =
            (epoch_key(replica, place), sensitivity_of(replica, place))
        else {
            continue;
        };
        let Some(entry) = read(replica, store, place)? else {
            continue;
        };
        let opened = open_item_key(&entry, key).and_then(|item_key| {
            match open_body(&entry, &item_key, key)? {
                EntryBody::Create {
                    record,
                    at,
                    takes_over,
                } => Some((item_key, record, at, takes_over)),
                _ => None,
            }
        });
        let fits = opened.filter(|(_, record, _, _)| {
            let item = item_id(place.log, place.seq, &record.salt);
            record.check().is_ok() && object_tag(replica.id(), item, sensitivity, 0) == tag
        });
        let Some((item_key, record, at, takes_over)) = fits else {
            quarantine.push(Quarantine {
                entry: *hash,
                reason: "the entry does not open as this note".into(),
            });
            continue;
        };
        return Ok(Some(BuiltNote {
            tag,
            sensitivity,
            item: item_id(place.log, place.seq, &record.salt),
            record,
            origin: (place.log, place.seq),
            keys: BTreeMap::from([(tag, vec![item_key.clone()])]),
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
                takes_over,
                log: Some(place.log),
                moved: None,
                told_by: None,
            }],
            told: BTreeMap::new(),
            movers: vec![],
            placed: Placed::never(sensitivity),
            waiting: 0,
        }));
    }
    Ok(None)
}

/// The index document of one sensitivity, and which entry carries which of its changes.
pub(crate) struct BuiltIndex {
    pub(crate) document: IndexDocument,
    pub(crate) carriers: BTreeMap<ChangeHash, EntryHash>,
    /// Entries that should be in it and cannot be read here, and those that rest on them.
    pub(crate) waiting: u64,
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
        .filter(|hash| !replica.quarantined.contains_key(hash))
        .collect();
    let mut unreadable = 0;
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
                unreadable += 1;
                continue;
            };
            let Some(EntryBody::Change { change, .. }) = open_body(&entry, &item_key, key) else {
                quarantine.push(Quarantine {
                    entry: hash,
                    reason: "the entry does not open as a change".into(),
                });
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
            let rests_on_them = if unreadable > 0 { pending.len() } else { 0 };
            return Ok(BuiltIndex {
                document,
                carriers,
                waiting: unreadable + rests_on_them as u64,
            });
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
        .map(|hash| of(hash).unwrap_or((Authority::Parked, false)))
        .collect()
}

fn is_create(replica: &Replica, hash: &EntryHash) -> bool {
    let place = replica.places.get(hash);
    place.is_some_and(|place| place.kind == EntryKind::Create)
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
    store: &Store,
    place: &Place,
) -> Result<Option<VerifiedEntry>, NodeError> {
    let Some(row) = replica.row_of(place) else {
        return Ok(None);
    };
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
