//! What a change of membership does: two folds of the same records, one with the operation and one
//! without, laid side by side.

use crate::aside::is_other_half;
use crate::joining::name_in;
use crate::logs::Branch;
use crate::membership::standing::held_view;
use crate::objects::ObjectState;
use crate::replica::{Replica, Staged};
use crate::view::{
    Change, EndedInvite, HeldView, NoteCount, PersonChange, Preview, Rights, SetAside,
};
use crate::{Node, NodeError};
use kitbag_core::id::{EntryHash, PackId, PersonId};
use kitbag_core::policy::Sensitivity;
use kitbag_core::policy::fold::{Denial, InviteState, Policy, Verdict};
use kitbag_core::policy::op::{Act, GrantRef};
use std::collections::{BTreeMap, BTreeSet};

/// What a policy makes of a replica.
struct Picture {
    rights: BTreeMap<PersonId, Rights>,
    open_invites: BTreeSet<GrantRef>,
    aside: BTreeSet<EntryHash>,
    held: BTreeSet<Denial>,
    denials: BTreeSet<Denial>,
    owed: Vec<Sensitivity>,
}

impl Picture {
    fn of(replica: &Replica) -> Picture {
        let policy = &replica.policy;
        let is_held = |denial: &&Denial| policy.verdict(&denial.op) == Some(Verdict::Held);
        Picture {
            rights: policy
                .members()
                .map(|member| (member.person, rights_of(policy, &member.person)))
                .collect(),
            open_invites: policy
                .invites()
                .filter(|(_, invite)| invite.state == InviteState::Open)
                .map(|(name, _)| name)
                .collect(),
            aside: replica
                .objects
                .values()
                .flat_map(|object| replica.told_aside_of(object).into_keys())
                .collect(),
            held: policy.denials().iter().filter(is_held).copied().collect(),
            denials: policy.denials().clone(),
            owed: replica.owed_domains(),
        }
    }
}

/// What somebody may do, member or not.
pub(crate) fn rights_of(policy: &Policy, person: &PersonId) -> Rights {
    let Some(member) = policy.member(person) else {
        return Rights::default();
    };
    let all = Sensitivity::ALL.into_iter();
    Rights {
        role: Some(member.role()),
        clearance: member.clearance(),
        opens: all
            .clone()
            .filter(|s| policy.may_open(person, *s))
            .collect(),
        writes: all.filter(|s| policy.may_write(person, *s)).collect(),
        waits: !member.has_keys(),
    }
}

impl Node {
    /// Compares the pack as it is with the pack after these operations.
    pub(crate) fn preview_of(
        &mut self,
        pack: PackId,
        change: &Change,
        staged: &Staged,
    ) -> Result<Preview, NodeError> {
        let me = self.me.person();
        let replica = self.packs.need_mut(pack)?;
        let before = Picture::of(replica);
        let ops = replica.ops.values().chain(&staged.ops).cloned();
        let mut next = Policy::fold(pack, ops, replica.persons.values().cloned());
        // What counts is asked of the replica's policy, so it gets the other one for a moment.
        let after = replica.under(&mut next, Picture::of);

        let replica = self.packs.need(pack)?;
        let target = match change {
            Change::Remove { person, .. } | Change::Role { person, .. } => Some(*person),
            Change::Leave => Some(me),
            Change::Cancel { .. } => None,
        };
        let mut people = self.people(replica, &before, &after);
        people.sort_by_key(|changed| (Some(changed.person) != target, changed.person));
        let own: BTreeSet<Denial> = staged
            .ops
            .iter()
            .flat_map(|op| (0..).zip(op.acts()).map(move |(act, _)| (op.hash(), act)))
            .map(|(op, act)| Denial { op, act })
            .collect();
        let told = |policy: &Policy, denials: &mut dyn Iterator<Item = &Denial>| {
            let views = denials.filter(|denial| !own.contains(denial));
            views
                .filter_map(|denial| held_view(replica, policy, denial, None))
                .collect::<Vec<HeldView>>()
        };
        let dropped = told(
            &replica.policy,
            &mut before.denials.difference(&after.denials),
        );
        let held = told(&next, &mut after.held.difference(&before.held));
        let target_device = target.and_then(|person| replica.policy.certificate(&person));
        let (unseen, last_synced) = match target_device {
            Some(certificate) if target != Some(me) => (
                self.unseen_at(replica, certificate.endpoint),
                self.synced.get(&certificate.endpoint).copied(),
            ),
            _ => (0, None),
        };
        let cuts_off = target != Some(me) && ends_logs(staged);
        Ok(Preview {
            changes: !staged.ops.is_empty(),
            target,
            name: target.map_or(String::new(), |person| self.name_of(replica, person)),
            people,
            invites: ended_invites(replica, &before, &after),
            set_aside: set_aside(replica, &before, &after),
            held,
            dropped,
            owed: after
                .owed
                .into_iter()
                .filter(|domain| !before.owed.contains(domain))
                .collect(),
            cuts_off,
            unseen: if cuts_off { unseen } else { 0 },
            last_synced: last_synced.filter(|_| cuts_off),
        })
    }

    fn people(&self, replica: &Replica, before: &Picture, after: &Picture) -> Vec<PersonChange> {
        let persons: BTreeSet<PersonId> = before
            .rights
            .keys()
            .chain(after.rights.keys())
            .copied()
            .collect();
        let of = |picture: &Picture, person: &PersonId| {
            picture.rights.get(person).cloned().unwrap_or_default()
        };
        let change = |person: &PersonId| {
            let (before, after) = (of(before, person), of(after, person));
            (before != after).then(|| PersonChange {
                person: *person,
                name: self.name_of(replica, *person),
                is_me: *person == self.me.person(),
                gains: notes_at(replica, &after.opens, &before.opens),
                keeps: notes_at(replica, &before.opens, &after.opens),
                before,
                after,
            })
        };
        persons.iter().filter_map(change).collect()
    }

    /// How many entries a device was seen to hold that are not here.
    fn unseen_at(&self, replica: &Replica, endpoint: kitbag_core::id::EndpointId) -> u64 {
        let seen = self.seen.get(&(endpoint, replica.id()));
        let here = |log| {
            let branches = replica.logs.get(log).map(|log| log.branches.iter());
            let longest = branches.and_then(|all| all.map(Branch::next_seq).max());
            longest.unwrap_or(0)
        };
        let beyond = seen
            .into_iter()
            .flatten()
            .map(|(log, len)| len.saturating_sub(here(log)));
        beyond.fold(0, u64::saturating_add)
    }
}

/// Whether an operation ends logs of somebody, so that what they wrote and did not send is lost to
/// others.
fn ends_logs(staged: &Staged) -> bool {
    let ends = |act: &Act| matches!(act, Act::Remove { .. });
    staged.ops.iter().flat_map(|op| op.acts()).any(ends)
}

/// How many notes are here of each sensitivity that is among `of` and not among `without`.
fn notes_at(replica: &Replica, of: &[Sensitivity], without: &[Sensitivity]) -> Vec<NoteCount> {
    let seen = of.iter().filter(|s| replica.sees(**s));
    let counted = seen.filter(|s| !without.contains(s)).map(|s| {
        let notes = replica.objects.values().filter(|object| {
            object.sensitivity == *s && matches!(object.state, ObjectState::Note(_))
        });
        NoteCount {
            sensitivity: *s,
            notes: notes.count() as u64,
        }
    });
    counted.filter(|count| count.notes > 0).collect()
}

fn ended_invites(replica: &Replica, before: &Picture, after: &Picture) -> Vec<EndedInvite> {
    let ended = before.open_invites.difference(&after.open_invites);
    let view = |invite: &GrantRef| {
        let info = replica.policy.invite(invite)?;
        Some(EndedInvite {
            invite: *invite,
            by: name_in(replica, info.by),
            role: info.role,
            clearance: info.clearance,
        })
    };
    ended.filter_map(view).collect()
}

/// Whose entries are set aside, counted as [`Node::set_aside`] lists them.
fn set_aside(replica: &Replica, before: &Picture, after: &Picture) -> Vec<SetAside> {
    let mut of: BTreeMap<PersonId, u64> = BTreeMap::new();
    let all: BTreeSet<EntryHash> = after.aside.difference(&before.aside).copied().collect();
    for hash in all
        .iter()
        .filter(|hash| !is_other_half(replica, hash, &all))
    {
        let log = replica.places.get(hash).map(|place| place.log);
        let person = log
            .and_then(|log| replica.logs.get(&log))
            .and_then(|log| replica.policy.grant(&log.opening.grant))
            .map(|grant| grant.person);
        if let Some(person) = person {
            *of.entry(person).or_default() += 1;
        }
    }
    of.into_iter()
        .map(|(person, entries)| SetAside {
            person,
            name: name_in(replica, person),
            entries,
        })
        .collect()
}
