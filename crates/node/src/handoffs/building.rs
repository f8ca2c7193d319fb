//! Putting a hand-off together: its first entry, then every act that opens.

use crate::NodeError;
use crate::authority::Authority;
use crate::objects::{
    Quarantine, Reach, epoch_key, open_body, open_item_key, read, sensitivity_of, usable_creates,
};
use crate::replica::{Place, Replica};
use kitbag_core::content::{DEPS_MAX, EntryBody, EntryKind};
use kitbag_core::handoff::{
    Act, Agent, By, Created, Draft, Event, Folded, Head, Signed, World, fold,
};
use kitbag_core::id::{EntryHash, ItemId, ObjectTag, PersonId, Timestamp};
use kitbag_core::pack::note::{item_id, object_tag};
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_crypto::ItemKey;
use kitbag_store::Reader;
use std::collections::BTreeSet;

/// A hand-off's outline.
#[derive(Clone, Debug)]
pub(crate) struct HandoffMeta {
    pub(crate) item: ItemId,
    /// Acts that should be in it and cannot be read here yet.
    pub(crate) waiting: u64,
}

/// Who wrote an entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hand {
    pub(crate) person: PersonId,
    pub(crate) role: Role,
}

/// One act, opened.
#[derive(Clone, Debug)]
pub(crate) struct OpenedAct {
    pub(crate) hash: EntryHash,
    pub(crate) deps: Vec<EntryHash>,
    pub(crate) hand: Hand,
    pub(crate) agent: Option<Agent>,
    pub(crate) at: Timestamp,
    pub(crate) act: Act,
}

/// A hand-off put together from its entries.
#[derive(Clone)]
pub(crate) struct BuiltHandoff {
    pub(crate) tag: ObjectTag,
    pub(crate) item: ItemId,
    pub(crate) sensitivity: Sensitivity,
    pub(crate) item_key: ItemKey,
    pub(crate) created: EntryHash,
    pub(crate) hand: Hand,
    pub(crate) signed: Signed,
    pub(crate) head: Head,
    pub(crate) draft: Draft,
    pub(crate) acts: Vec<OpenedAct>,
    pub(crate) waiting: u64,
}

impl World for Replica {
    fn is_in_team(&self, team: &str, person: &PersonId) -> bool {
        self.team(team)
            .is_some_and(|members| members.contains(person))
    }
}

impl BuiltHandoff {
    pub(crate) fn meta(&self) -> HandoffMeta {
        HandoffMeta {
            item: self.item,
            waiting: self.waiting,
        }
    }

    /// What its acts come to.
    pub(crate) fn fold(&self, world: &Replica) -> Folded<'_> {
        self.fold_with(world, [])
    }

    /// The same if these were there too.
    pub(crate) fn fold_with<'a>(
        &'a self,
        world: &Replica,
        more: impl IntoIterator<Item = Event<'a>>,
    ) -> Folded<'a> {
        let created = Created {
            hash: self.created,
            by: By {
                person: self.hand.person,
                role: self.hand.role,
                agent: self.signed.agent.as_ref().map(|agent| agent.name.as_str()),
            },
            draft: &self.draft,
        };
        let events = self.acts.iter().map(|act| Event {
            hash: act.hash,
            deps: &act.deps,
            by: By {
                person: act.hand.person,
                role: act.hand.role,
                agent: act.agent.as_ref().map(|agent| agent.name.as_str()),
            },
            at: act.at,
            act: &act.act,
        });
        fold(&created, events.chain(more), world)
    }

    /// What the next act builds on: the acts that no other has seen, the lowest first if they are many.
    pub(crate) fn frontier(&self) -> BTreeSet<EntryHash> {
        let seen: BTreeSet<EntryHash> = self.acts.iter().flat_map(|act| act.deps.clone()).collect();
        let all = self.acts.iter().map(|act| act.hash).chain([self.created]);
        let ends: BTreeSet<EntryHash> = all.filter(|hash| !seen.contains(hash)).collect();
        ends.into_iter().take(DEPS_MAX).collect()
    }

    /// The act of an entry.
    pub(crate) fn act(&self, hash: &EntryHash) -> Option<&OpenedAct> {
        self.acts.iter().find(|act| act.hash == *hash)
    }
}

/// Whether a body that opens under a tag is the first entry of a hand-off of that tag.
pub(crate) fn is_handoff(
    replica: &Replica,
    place: &Place,
    tag: ObjectTag,
    body: &EntryBody,
) -> bool {
    let EntryBody::Handoff {
        head,
        draft,
        signed,
    } = body
    else {
        return false;
    };
    let Some(sensitivity) = sensitivity_of(replica, place) else {
        return false;
    };
    let item = item_id(place.log, place.seq, &head.salt);
    object_tag(replica.id(), item, sensitivity, 0) == tag
        && head.check().is_ok()
        && draft.check().is_ok()
        && signed
            .agent
            .as_ref()
            .is_none_or(|agent| agent.check().is_ok())
}

/// Puts a hand-off together; nothing while its first entry is missing, not authorised, cannot be opened
/// or is that of a note.
pub(crate) fn build_handoff(
    replica: &Replica,
    store: &Reader,
    tag: ObjectTag,
    quarantine: &mut Vec<Quarantine>,
) -> Result<Option<BuiltHandoff>, NodeError> {
    let Some(object) = replica.objects.get(&tag) else {
        return Ok(None);
    };
    let mut built = None;
    for hash in usable_creates(replica, object, Reach::Counting) {
        if let Some(opened) = open_first(replica, store, tag, hash)? {
            built = Some(opened);
            break;
        }
    }
    let Some(mut built) = built else {
        return Ok(None);
    };
    for hash in &object.entries {
        let Some(place) = replica.places.get(hash) else {
            continue;
        };
        let is_act = place.kind == EntryKind::Edit
            && sensitivity_of(replica, place) == Some(built.sensitivity)
            && !replica.quarantined.contains_key(hash);
        if !is_act {
            continue;
        }
        match replica.authority(place, *hash) {
            Authority::Valid => {}
            Authority::SetAside(_) => continue,
            Authority::Parked => {
                built.waiting += 1;
                continue;
            }
        }
        let (Some(key), Some(hand)) = (epoch_key(replica, place), hand_of(replica, place)) else {
            built.waiting += 1;
            continue;
        };
        let Some(entry) = read(replica, store, place)? else {
            built.waiting += 1;
            continue;
        };
        match open_body(&entry, &built.item_key, key) {
            Some(EntryBody::HandoffAct { act, signed }) if fits(&act, &signed) => {
                built.acts.push(OpenedAct {
                    hash: *hash,
                    deps: place.deps.clone(),
                    hand,
                    agent: signed.agent,
                    at: signed.at,
                    act,
                });
            }
            Some(_) => quarantine.push(Quarantine::lasting(
                *hash,
                "the entry does not open as an act about this hand-off",
            )),
            None => quarantine.push(Quarantine::for_now(*hash, "the entry does not open")),
        }
    }
    built.acts.sort_by_key(|act| act.hash);
    built.waiting += built.fold(replica).waiting.len() as u64;
    Ok(Some(built))
}

fn fits(act: &Act, signed: &Signed) -> bool {
    act.check().is_ok()
        && signed
            .agent
            .as_ref()
            .is_none_or(|agent| agent.check().is_ok())
}

fn hand_of(replica: &Replica, place: &Place) -> Option<Hand> {
    let log = replica.content_log(place.log)?;
    Some(Hand {
        person: log.person,
        role: replica.policy.grant(&log.grant)?.role,
    })
}

fn open_first(
    replica: &Replica,
    store: &Reader,
    tag: ObjectTag,
    hash: EntryHash,
) -> Result<Option<BuiltHandoff>, NodeError> {
    let Some(place) = replica.places.get(&hash) else {
        return Ok(None);
    };
    let opens = (
        epoch_key(replica, place),
        sensitivity_of(replica, place),
        hand_of(replica, place),
    );
    let (Some(key), Some(sensitivity), Some(hand)) = opens else {
        return Ok(None);
    };
    let Some(entry) = read(replica, store, place)? else {
        return Ok(None);
    };
    let Some(item_key) = open_item_key(&entry, key) else {
        return Ok(None);
    };
    let body = open_body(&entry, &item_key, key);
    let Some(body) = body.filter(|body| is_handoff(replica, place, tag, body)) else {
        return Ok(None);
    };
    let EntryBody::Handoff {
        head,
        draft,
        signed,
    } = body
    else {
        return Ok(None);
    };
    Ok(Some(BuiltHandoff {
        tag,
        item: item_id(place.log, place.seq, &head.salt),
        sensitivity,
        item_key,
        created: hash,
        hand,
        signed,
        head,
        draft: *draft,
        acts: Vec::new(),
        waiting: 0,
    }))
}
