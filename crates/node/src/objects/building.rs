//! Putting a note together: its create, then every edit whose dependencies are in it.

use super::{
    BuiltNote, Object, Quarantine, Reach, Step, epoch_key, open_body, open_item_key, read,
    sensitivity_of,
};
use crate::NodeError;
use crate::applying::apply_together;
use crate::authority::Authority;
use crate::handoffs::is_handoff;
use crate::long_text::{Text, look_at_text};
use crate::placement::Placed;
use crate::replica::{Place, Replica};
use kitbag_core::content::{EntryBody, EntryKind};
use kitbag_core::id::{EntryHash, ObjectTag};
use kitbag_core::pack::note::{item_id, object_tag};
use kitbag_core::pack::{ChangeHash, ChangeRefused, CheckedChange, Schema, check_change};
use kitbag_store::Reader;
use std::collections::{BTreeMap, BTreeSet};

/// Puts a note together, going on from `known` if only entries were added since.
///
/// Returns nothing while its create entry is missing, not authorised or cannot be opened.
pub(crate) fn build_note(
    replica: &Replica,
    store: &Reader,
    tag: ObjectTag,
    known: Option<BuiltNote>,
    quarantine: &mut Vec<Quarantine>,
) -> Result<Option<BuiltNote>, NodeError> {
    build_within(replica, store, tag, Reach::Counting, known, quarantine)
}

/// The note that all entries under a tag would make if every one of them counted.
pub(crate) fn build_everything(
    replica: &Replica,
    store: &Reader,
    tag: ObjectTag,
) -> Result<Option<BuiltNote>, NodeError> {
    build_within(replica, store, tag, Reach::Everything, None, &mut vec![])
}

fn build_within(
    replica: &Replica,
    store: &Reader,
    tag: ObjectTag,
    reach: Reach,
    known: Option<BuiltNote>,
    quarantine: &mut Vec<Quarantine>,
) -> Result<Option<BuiltNote>, NodeError> {
    let Some(object) = replica.objects.get(&tag) else {
        return Ok(None);
    };
    let first = usable_creates(replica, object, reach).first().copied();
    let known = known.filter(|note| first == note.created());
    let goes_on = known.is_some();
    let mut note = match known {
        Some(note) => note,
        None => match open_create(replica, store, tag, object, reach, quarantine)? {
            Some(note) => note,
            None => return Ok(None),
        },
    };
    let openings: Vec<EntryHash> = note.created().into_iter().collect();
    // A note that is put together anew finds anew what it refuses: what was refused may not count any
    // more, or may now wait.
    let mut refused = match goes_on {
        true => object.refused.under(&openings),
        false => vec![],
    };
    if let Some(create) = note.created() {
        refused.extend(other_creates(replica, object, create));
    }
    let known_refused: BTreeSet<EntryHash> = refused.iter().map(|of| of.entry).collect();
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
        if place.kind == EntryKind::Part {
            continue; // a part is its create's, or nobody's
        }
        waiting.insert(*hash);
        if replica.quarantined.contains_key(hash)
            || known_refused.contains(hash)
            || !reach.admits(replica, place, *hash)
        {
            continue;
        }
        match place.kind {
            EntryKind::Edit => pending.push((*hash, place)),
            EntryKind::Create => {} // it cannot be opened yet
            // What merely names a note, as moved or otherwise, says nothing of it.
            _ => {
                waiting.remove(hash);
            }
        }
    }
    quarantine.extend(refused);
    apply_in_order(replica, store, &mut note, pending, quarantine)?;
    let refused = quarantine.iter().map(|q| q.entry).collect();
    let aside = replica.set_aside_with(object, &refused);
    let waits = |hash: &EntryHash| !note.applied.contains(hash) && !aside.contains_key(hash);
    note.waiting = waiting.iter().filter(|hash| waits(hash)).count() as u64;
    Ok(Some(note))
}

/// Creates of an object that may make its note and can be opened, the first that does first: of those
/// that count the lowest hash, wherever and whenever it came.
pub(crate) fn usable_creates(replica: &Replica, object: &Object, reach: Reach) -> Vec<EntryHash> {
    let mut creates: Vec<(bool, EntryHash)> = object
        .entries
        .iter()
        .filter(|hash| is_create(replica, hash) && !replica.quarantined.contains_key(*hash))
        .filter_map(|hash| Some((*hash, replica.places.get(hash)?)))
        .filter(|(hash, place)| {
            reach.admits(replica, place, *hash) && epoch_key(replica, place).is_some()
        })
        .map(|(hash, place)| (replica.authority(place, hash) != Authority::Valid, hash))
        .collect();
    creates.sort_unstable();
    creates.into_iter().map(|(_, hash)| hash).collect()
}

/// The creates of an object, other than the one that makes its note, that count and can be opened.
pub(crate) fn other_creates(
    replica: &Replica,
    object: &Object,
    create: EntryHash,
) -> impl Iterator<Item = Quarantine> + use<> {
    let others = usable_creates(replica, object, Reach::Counting).into_iter();
    others
        .filter(move |other| *other != create)
        .map(|other| Quarantine::for_now(other, "the note has a first entry already"))
}

/// Applies every pending edit whose dependencies are applied, until none is left.
pub(crate) fn apply_in_order(
    replica: &Replica,
    store: &Reader,
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
                // Its key may be that of a create or move that comes later.
                EditOpened::Closed => quarantine.push(Quarantine::for_now(hash, CLOSED)),
                EditOpened::Refused(reason) => quarantine.push(Quarantine::lasting(hash, reason)),
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
            Some(refused) => quarantine.push(Quarantine::lasting(hash, refused.to_string())),
        }
    }
    note.document = Some(document);
}

/// Why an edit is refused that opens under none of its note's keys.
pub(crate) const CLOSED: &str = "the entry does not open as a change";

pub(crate) enum EditOpened {
    Change(CheckedChange, Step),
    NoKeyYet,
    /// Under none of the note's keys.
    Closed,
    Refused(String),
}

pub(crate) fn open_edit(
    replica: &Replica,
    store: &Reader,
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
        _ => return Ok(EditOpened::Closed),
    };
    let change = match check_change(&change, place.log, Schema::Note) {
        Ok(change) => change,
        Err(refused) => return Ok(EditOpened::Refused(refused.to_string())),
    };
    if note.record.long.is_some() && change.edits_body() {
        return Ok(EditOpened::Refused("a text in parts is not edited".into()));
    }
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
    store: &Reader,
    tag: ObjectTag,
    object: &Object,
    reach: Reach,
    quarantine: &mut Vec<Quarantine>,
) -> Result<Option<BuiltNote>, NodeError> {
    for hash in &usable_creates(replica, object, reach) {
        let Some(place) = replica.places.get(hash) else {
            continue;
        };
        let (Some(key), Some(sensitivity)) =
            (epoch_key(replica, place), sensitivity_of(replica, place))
        else {
            continue;
        };
        let Some(entry) = read(replica, store, place)? else {
            continue;
        };
        let item_key = open_item_key(&entry, key);
        let body = item_key.as_ref().and_then(|of| open_body(&entry, of, key));
        if body
            .as_ref()
            .is_some_and(|body| is_handoff(replica, place, tag, body))
        {
            return Ok(None);
        }
        let opened = match (item_key, body) {
            (
                Some(item_key),
                Some(EntryBody::Create {
                    record,
                    at,
                    takes_over,
                }),
            ) => Some((item_key, record, at, takes_over)),
            _ => None,
        };
        let fits = opened.filter(|(_, record, _, _)| {
            let item = item_id(place.log, place.seq, &record.salt);
            record.check().is_ok() && object_tag(replica.id(), item, sensitivity, 0) == tag
        });
        let Some((item_key, record, at, takes_over)) = fits else {
            quarantine.push(Quarantine::lasting(
                *hash,
                "the entry does not open as this note",
            ));
            continue;
        };
        match look_at_text(replica, store, object, (*hash, place), &record, &item_key)? {
            Text::Whole => {}
            Text::Waiting => continue,
            Text::Refused(reason) => {
                quarantine.push(Quarantine::lasting(*hash, reason));
                continue;
            }
        }
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

fn is_create(replica: &Replica, hash: &EntryHash) -> bool {
    let place = replica.places.get(hash);
    place.is_some_and(|place| place.kind == EntryKind::Create)
}
