//! How somebody stands who is not simply a member: out, by whose act; or kept out by a removal that
//! waits for an admin. And whom a word means.

use crate::error::Denied;
use crate::joining::name_in;
use crate::replica::Replica;
use crate::view::{Ending, HeldView, HeldWhy, Removal};
use crate::{Node, NodeError};
use kitbag_core::id::{OpHash, PackId, PersonId};
use kitbag_core::policy::fold::{Denial, Policy, Refused, Verdict};
use kitbag_core::policy::op::{Act, SignedOp};
use kitbag_core::policy::{Role, Sensitivity};
use std::collections::BTreeSet;

impl Node {
    /// Removals that keep members of a pack out until an admin answers, by making them anew or by a
    /// fresh grant.
    ///
    /// # Errors
    /// [`NodeError::NotFound`].
    pub fn disputes(&self, pack: PackId) -> Result<Vec<HeldView>, NodeError> {
        let replica = self.packs.need(pack)?;
        let disputed = replica.policy.disputes().keys();
        Ok(disputed
            .flat_map(|person| held_against(replica, person))
            .collect())
    }

    /// How this person's own membership of a pack ended, if it did.
    ///
    /// # Errors
    /// [`NodeError::NotFound`].
    pub fn ending(&self, pack: PackId) -> Result<Option<Ending>, NodeError> {
        let replica = self.packs.need(pack)?;
        Ok(ending(replica, &self.me.person()))
    }

    /// The clearance that goes with a role if nobody says one: what the person has; restricted for an
    /// admin, internal for whoever was one or is not in the pack.
    ///
    /// # Errors
    /// [`NodeError::NotFound`].
    pub fn usual_clearance(
        &self,
        pack: PackId,
        person: PersonId,
        role: Role,
    ) -> Result<Sensitivity, NodeError> {
        let replica = self.packs.need(pack)?;
        let member = replica.policy.member(&person);
        Ok(match (role, member) {
            (Role::Admin, _) => Sensitivity::Restricted,
            (_, Some(member)) if member.role() != Role::Admin => {
                member.clearance().unwrap_or(Sensitivity::Internal)
            }
            _ => Sensitivity::Internal,
        })
    }

    /// Persons of a pack whom a word may mean: this person for `me`, a whole id, or every one who goes
    /// by that name, in any case, or whose id begins so. Names are chosen by others, so that none comes before an id.
    ///
    /// # Errors
    /// [`NodeError::NotFound`].
    pub fn persons_called(
        &self,
        pack: PackId,
        word: &str,
    ) -> Result<Vec<(PersonId, String)>, NodeError> {
        let replica = self.packs.need(pack)?;
        let me = self.me.person();
        let named = |person: PersonId| (person, self.name_of(replica, person));
        if word == ME {
            return Ok(vec![named(me)]);
        }
        let lower = word.to_ascii_lowercase();
        let told = word.trim().to_lowercase();
        let persons = || replica.persons.keys().copied();
        if let Some(person) = persons().find(|person| person.to_string() == lower) {
            return Ok(vec![named(person)]);
        }
        let fits = |(person, name): &(PersonId, String)| {
            name.to_lowercase() == told || person.to_string().starts_with(&lower)
        };
        Ok(persons()
            .map(named)
            .filter(|named| !word.is_empty() && fits(named))
            .collect())
    }
}

/// The word by which a person means themselves.
const ME: &str = "me";

/// How a person's membership ended; none for a member, and for somebody who never was one. Whatever
/// ended it before somebody let them in again tells nothing of how they stand now.
pub(crate) fn ending(replica: &Replica, person: &PersonId) -> Option<Ending> {
    let policy = &replica.policy;
    if policy.member(person).is_some() {
        return None;
    }
    let counts = |op: &&SignedOp| policy.verdict(&op.hash()) == Some(Verdict::Stands);
    let of = |op: &SignedOp| {
        (
            removal_by(replica, op, None, *person),
            op.op().at,
            op.hash(),
        )
    };
    let over = answered(policy, person);
    let newest = policy.ended_by(person).filter(counts);
    let newest = newest.filter(|op| !over.contains(&op.hash()));
    let newest = newest.max_by_key(|op| {
        let (how, at, hash) = of(op);
        (directness(&how), at, hash)
    })?;
    Some(Ending {
        how: removal_by(replica, newest, None, *person),
        by: newest.op().person,
        by_name: name_in(replica, newest.op().person),
        at: newest.op().at,
    })
}

/// What ended a person's membership and was answered by a later grant.
fn answered(policy: &Policy, person: &PersonId) -> BTreeSet<OpHash> {
    let mut over = BTreeSet::new();
    for given in policy.grants_to(person) {
        let ends = |op: &OpHash| given.denied_by.iter().any(|denial| denial.op == *op);
        let mut past = BTreeSet::new();
        let mut ahead = vec![given.grant.op];
        while let Some(hash) = ahead.pop() {
            if let Some(op) = policy.op(&hash).filter(|_| past.insert(hash)) {
                ahead.extend(op.op().prev);
                ahead.extend(&op.op().heads);
            }
        }
        over.extend(past.into_iter().filter(|op| !ends(op)));
    }
    over
}

/// The person's own removal is told before another's, whatever clocks say.
fn directness(how: &Removal) -> u8 {
    match how {
        Removal::Removed => 4,
        Removal::Left => 3,
        Removal::FellWith { .. } => 2,
        Removal::NotListed => 1,
        Removal::Forked => 0,
    }
}

/// What an operation, or one act of it, does to a person.
fn removal_by(replica: &Replica, op: &SignedOp, act: Option<u32>, person: PersonId) -> Removal {
    let acts = match act {
        None => op.acts(),
        Some(Denial::FORK) => &[],
        Some(act) => op
            .acts()
            .get(act as usize)
            .map_or(&[][..], std::slice::from_ref),
    };
    let of = |act: &Act| match act {
        Act::Remove { person: target, .. } if *target == person => Some(Removal::Removed),
        Act::Remove { person: target, .. } => Some(Removal::FellWith {
            name: name_in(replica, *target),
        }),
        Act::Leave { .. } if op.op().person == person => Some(Removal::Left),
        Act::Leave { .. } => Some(Removal::FellWith {
            name: name_in(replica, op.op().person),
        }),
        Act::Close { .. } => Some(Removal::NotListed),
        Act::Grant { .. } | Act::Invite { .. } | Act::Admit { .. } | Act::Rules { .. } => None,
    };
    let found = acts.iter().filter_map(of).max_by_key(directness);
    found.unwrap_or(Removal::Forked)
}

/// The held and parked removals that keep a member out.
pub(crate) fn held_against(replica: &Replica, person: &PersonId) -> Vec<HeldView> {
    let denials = replica.policy.disputes().get(person);
    denials
        .into_iter()
        .flatten()
        .filter_map(|denial| held_view(replica, &replica.policy, denial, Some(*person)))
        .collect()
}

/// A removal as people read it, under a policy that holds it. None for an operation that is not there,
/// and, if nobody says whom it keeps out, for one that is aimed at no person.
pub(crate) fn held_view(
    replica: &Replica,
    policy: &Policy,
    denial: &Denial,
    whom: Option<PersonId>,
) -> Option<HeldView> {
    let op = policy.op(&denial.op)?;
    let author = op.op().person;
    let aimed_at = op
        .acts()
        .get(denial.act as usize)
        .and_then(|act| match act {
            Act::Remove { person, .. } => Some(*person),
            Act::Leave { .. } => Some(author),
            _ => None,
        });
    let person = whom.or(aimed_at)?;
    Some(HeldView {
        person,
        name: name_in(replica, person),
        what: removal_by(replica, op, Some(denial.act), person),
        by: author,
        by_name: name_in(replica, author),
        at: op.op().at,
        why: why_held(replica, policy, op),
    })
}

fn why_held(replica: &Replica, policy: &Policy, op: &SignedOp) -> Option<HeldWhy> {
    match policy.verdict(&op.hash())? {
        Verdict::Parked => return Some(HeldWhy::Incomplete),
        Verdict::Held => {}
        Verdict::Stands | Verdict::Void(_) | Verdict::Invalid(_) => return None,
    }
    let author = op.op().person;
    let counts = |op: &&SignedOp| policy.verdict(&op.hash()) == Some(Verdict::Stands);
    let ended = || policy.ended_by(&author).filter(counts);
    let aimed = |op: &SignedOp, whom: Option<PersonId>| {
        let removed = |act: &Act| match act {
            Act::Remove { person, .. } => Some(*person),
            _ => None,
        };
        let mut removed = op.acts().iter().filter_map(removed);
        removed.find(|person| whom.is_none_or(|whom| *person == whom))
    };
    if let Some(op) = ended().find(|op| aimed(op, Some(author)).is_some()) {
        return Some(HeldWhy::AuthorRemoved {
            by: name_in(replica, op.op().person),
        });
    }
    let with = ended().find_map(|op| aimed(op, None));
    Some(HeldWhy::AuthorFell {
        with: name_in(replica, with.unwrap_or(author)),
    })
}

/// Why somebody may do nothing here: never a member, out, or kept out.
pub(crate) fn not_a_member(replica: &Replica, me: PersonId) -> Denied {
    if let Some(held) = held_against(replica, &me).into_iter().next() {
        return Denied::Waits(Box::new(held));
    }
    ending(replica, &me).map_or(Denied::NotAMember, |ending| Denied::Ended(Box::new(ending)))
}

/// The policy's refusal, in the words of this pack.
pub(crate) fn refusal(replica: &Replica, me: PersonId, refused: Refused) -> NodeError {
    match refused {
        Refused::NotAMember => not_a_member(replica, me).into(),
        other => other.into(),
    }
}
