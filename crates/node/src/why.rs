//! Why a pack is not all well: what waits and for what, what is set aside and because of what, and
//! why the next note is locked anew. The facts, with names; the sentences are the command line's.

use crate::asleep::Summary;
use crate::authority::{Aside, Authority};
use crate::explain::{ActView, Named};
use crate::objects::{Object, ObjectState, epoch_key, sensitivity_of};
use crate::replica::{Place, Replica};
use crate::{Node, NodeError};
use kitbag_core::content::EntryKind;
use kitbag_core::id::{EntryHash, ItemId, ObjectTag, PackId};
use kitbag_core::policy::Sensitivity;
use std::collections::BTreeMap;

/// Why a pack is not all well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackWhy {
    /// The pack.
    pub id: PackId,
    /// Notes that wait, by what for.
    pub waiting: Vec<Waiting>,
    /// Changes of the policy that wait for an earlier one.
    pub policy_waiting: u64,
    /// What is set aside, by whom and because of what.
    pub set_aside: Vec<AsideBy>,
    /// Removals that wait to be confirmed, or for something earlier.
    pub removals_waiting: Vec<ActView>,
    /// Sensitivities whose next note is locked anew.
    pub renewals: Vec<Renewal>,
    /// Whether the pack uses rules of a newer version.
    pub newer_rules: bool,
}

/// What notes wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WaitingFor {
    /// An earlier change that is not here.
    Earlier,
    /// A key that somebody else has.
    Key,
}

/// Notes of one sensitivity that wait for one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// For what.
    pub what: WaitingFor,
    /// Whose notes.
    pub sensitivity: Sensitivity,
    /// How many.
    pub notes: u64,
}

/// Why changes are set aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Because {
    /// Their author's access had ended.
    AfterEnd,
    /// They build on something that is set aside.
    BuildsOn,
    /// Their author never had the right to write them.
    NotAllowed,
    /// They cannot be read as what they claim to be.
    Unreadable,
}

/// Changes by one author that are set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsideBy {
    /// Who wrote them, if that is known.
    pub by: Option<Named>,
    /// Why.
    pub because: Because,
    /// What ended the author's access.
    pub act: Option<ActView>,
    /// How many.
    pub changes: u64,
}

/// A sensitivity whose next note is locked anew, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renewal {
    /// Which.
    pub sensitivity: Sensitivity,
    /// Because of what, earliest first; empty when several devices did so at once, each for a part.
    pub after: Vec<ActView>,
    /// Whether this person may write it, and so does it with the next note of their own.
    pub by_me: bool,
}

impl PackWhy {
    /// All is well with this pack.
    fn nothing(pack: PackId) -> PackWhy {
        PackWhy {
            id: pack,
            waiting: vec![],
            policy_waiting: 0,
            set_aside: vec![],
            removals_waiting: vec![],
            renewals: vec![],
            newer_rules: false,
        }
    }
}

impl Node {
    /// Why packs are not all well, one or all.
    ///
    /// # Errors
    /// [`NodeError::NotFound`].
    pub fn why(&self, pack: Option<PackId>) -> Result<Vec<PackWhy>, NodeError> {
        if let Some(pack) = pack {
            let replica = self.packs.need(pack)?;
            return Ok(vec![self.why_of(replica)?]);
        }
        // One that cannot be read is told elsewhere, and keeps nobody from hearing of the others.
        let ids = self.packs.summaries().map(Summary::id);
        ids.map(|pack| match self.packs.summary(&pack) {
            Some(summary) if summary.is_calm == Some(true) => Ok(PackWhy::nothing(pack)),
            _ => self.why_of(self.packs.need(pack)?),
        })
        .collect()
    }

    /// Whether there is nothing to say about a pack: nothing waits, is set aside, held, owed or forked,
    /// and this person is in it.
    pub(crate) fn is_calm(&self, pack: PackId) -> Result<bool, NodeError> {
        let status = self.status(pack)?;
        let troubles = [
            status.waiting,
            status.set_aside,
            status.held,
            status.rotation_debt,
        ];
        Ok(troubles == [0; 4]
            && status.forks.is_empty()
            && status.disputes.is_empty()
            && status.ended.is_none()
            && self.why_of(self.packs.need(pack)?)? == PackWhy::nothing(pack))
    }

    fn why_of(&self, replica: &Replica) -> Result<PackWhy, NodeError> {
        Ok(PackWhy {
            id: replica.id(),
            waiting: waiting(replica),
            policy_waiting: replica.policy.parked().len() as u64,
            set_aside: self.aside_by(replica)?,
            removals_waiting: self.waiting_acts(replica),
            renewals: self.renewals(replica),
            newer_rules: replica.has_newer_rules(),
        })
    }

    fn aside_by(&self, replica: &Replica) -> Result<Vec<AsideBy>, NodeError> {
        type Group = (Option<kitbag_core::id::PersonId>, Because);
        let mut groups: BTreeMap<Group, (u64, Option<ActView>)> = BTreeMap::new();
        for (_, hash, why) in self.listed_aside(replica)? {
            let Some(place) = replica.places.get(&hash) else {
                continue;
            };
            let because = match why {
                Aside::AfterRemoval => Because::AfterEnd,
                Aside::BuildsOn => Because::BuildsOn,
                Aside::NotAllowed => Because::NotAllowed,
                Aside::Refused => Because::Unreadable,
            };
            let ended = replica.content_log(place.log).and_then(|log| {
                let given = replica.policy.grants_to(&log.person);
                let given = given.into_iter().find(|given| given.grant == log.grant)?;
                self.lost_by(replica, given)
            });
            let act = ended.filter(|_| because == Because::AfterEnd);
            let by = replica.person_of_log(place.log);
            groups.entry((by, because)).or_insert((0, act)).0 += 1;
        }
        let view = |((by, because), (changes, act)): (Group, (u64, Option<ActView>))| AsideBy {
            by: by.map(|person| self.named(replica, person)),
            because,
            act,
            changes,
        };
        Ok(groups.into_iter().map(view).collect())
    }

    /// Sensitivities in use of which no epoch answers every denial that is known here.
    fn renewals(&self, replica: &Replica) -> Vec<Renewal> {
        let renewal = |sensitivity: Sensitivity| {
            let mut after: Vec<ActView> = replica
                .owed_answers(sensitivity)
                .into_iter()
                .filter_map(|denial| self.act(replica, denial))
                .collect();
            after.sort_by(|a, b| (a.at, &a.op).cmp(&(b.at, &b.op)));
            Renewal {
                sensitivity,
                after,
                by_me: replica.policy.may_write(&self.me.person(), sensitivity),
            }
        };
        replica.owed_domains().into_iter().map(renewal).collect()
    }
}

/// Notes that wait, by what for. A note that lacks a key and an earlier change waits for the key; one
/// that stands or stood under several tags is one note.
fn waiting(replica: &Replica) -> Vec<Waiting> {
    let mut notes: BTreeMap<NoteOf, Vec<&Object>> = BTreeMap::new();
    for (tag, object) in &replica.objects {
        let of = match replica.placements.item(tag) {
            Some(item) => NoteOf::Moved(item),
            None => NoteOf::Tag(*tag),
        };
        notes.entry(of).or_default().push(object);
    }
    let mut counts: BTreeMap<(WaitingFor, Sensitivity), u64> = BTreeMap::new();
    for objects in notes.values() {
        if let Some(waiting) = waits_for(replica, objects) {
            *counts.entry(waiting).or_default() += 1;
        }
    }
    let waiting = |((what, sensitivity), notes)| Waiting {
        what,
        sensitivity,
        notes,
    };
    counts.into_iter().map(waiting).collect()
}

/// What belongs together.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum NoteOf {
    Moved(ItemId),
    Tag(ObjectTag),
}

/// For what a note waits that is made of these, and at which sensitivity; none if it does not.
fn waits_for(replica: &Replica, objects: &[&Object]) -> Option<(WaitingFor, Sensitivity)> {
    let unopened = objects
        .iter()
        .any(|object| matches!(object.state, ObjectState::Waiting));
    let waits = |object: &&&Object| match &object.state {
        ObjectState::Waiting => true,
        ObjectState::Note(meta) => meta.waiting > 0,
        ObjectState::Handoff(meta) => meta.waiting > 0,
        ObjectState::Index { .. } | ObjectState::Left => false,
    };
    let waiting = objects.iter().find(waits)?;
    let entries = || {
        let hashes = objects.iter().flat_map(|object| &object.entries);
        hashes.filter_map(|hash| valid(replica, hash))
    };
    let first = entries().next()?;
    // What is not sealed needs no key.
    let lacks_key = |place: &&Place| place.epoch.is_some() && epoch_key(replica, place).is_none();
    let keyless = entries().find(lacks_key);
    let sensitivity = |place| sensitivity_of(replica, place).unwrap_or(waiting.sensitivity);
    if let Some(place) = keyless {
        return Some((WaitingFor::Key, sensitivity(place)));
    }
    let complete = entries().any(|place| match place.kind {
        EntryKind::Create => replica.has_parts(place),
        EntryKind::Move => true,
        _ => false,
    });
    // Its note is here and cannot be used: that is told under what is set aside.
    let unusable = complete && unopened;
    (!unusable).then(|| (WaitingFor::Earlier, sensitivity(first)))
}

/// An entry that the policy lets be applied.
fn valid<'r>(replica: &'r Replica, hash: &EntryHash) -> Option<&'r Place> {
    let place = replica.places.get(hash)?;
    let counts = replica.authority(place, *hash) == Authority::Valid;
    (counts && !replica.quarantined.contains_key(hash)).then_some(place)
}
