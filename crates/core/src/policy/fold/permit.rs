//! May this device do these acts now? Asked before an operation is made, so that nobody signs one
//! that the fold would refuse, and by whoever lets a joiner in.
//!
//! The answer is about an operation that cites everything folded here. It is stricter than the fold
//! where an honest author wants to know early: an invite that is used up or out of time, a joiner who
//! is a member already, a Remove that would leave its target with a senior grant.

use super::authority::{Lack, allows, may_admit};
use super::facts::OWN_OPERATION;
use super::rank::Rank;
use super::{InviteInfo, InviteState, LiveGrant, Policy};
use crate::id::{DeviceId, OpHash, PersonId, Timestamp};
use crate::policy::op::{ACTS_MAX, Act, Cutoff, GrantRef, Redeem, is_once, static_act_rules};
use std::collections::BTreeSet;
use thiserror::Error;

/// Why an operation would not count, or should not be made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refused {
    /// The author has no live grant.
    #[error("not a member of this pack")]
    NotAMember,
    /// The device is not one of the person's.
    #[error("this device does not belong to this person")]
    NotTheirDevice,
    /// An operation of a newer version lies here; it might be a denial.
    #[error("this pack holds an operation of a newer version, so nothing is changed by this one")]
    NewerOperation,
    /// An act breaks a rule that needs no policy.
    #[error("act breaks a rule: {0}")]
    Malformed(&'static str),
    /// Only an admin does this.
    #[error("only an admin does this")]
    NeedsAdmin,
    /// It would give more than the author's role.
    #[error("nobody gives a higher role than their own")]
    AboveOwnRole,
    /// It would give more than the author's clearance.
    #[error("nobody gives a higher clearance than their own")]
    AboveOwnClearance,
    /// An admin grant is not left.
    #[error("an admin does not leave, but is lowered or removed by a more senior admin")]
    AdminLeaves,
    /// The target, or the invite, is not junior to any grant of the author.
    #[error("not senior to what this is aimed at")]
    NotSenior,
    /// The person's record is not here, or nothing ever named it here.
    #[error("unknown person {0}")]
    UnknownPerson(PersonId),
    /// A cutoff of a control log names no folded operation of that log.
    #[error("cutoff names nothing known in log {log}", log = .0.log)]
    UnknownCutoff(Cutoff),
    /// There is no such invite.
    #[error("unknown invite")]
    UnknownInvite,
    /// The invite was closed.
    #[error("invite is closed")]
    InviteClosed,
    /// The invite fell with its author, or with somebody who came in by it.
    #[error("invite has ended")]
    InviteEnded,
    /// As many persons as it allows stand admitted.
    #[error("invite is used up")]
    InviteUsedUp,
    /// Its time is over, by the admitting device's clock.
    #[error("invite has expired")]
    InviteExpired,
    /// The request is not signed by the ticket and the joiner's device for this invite.
    #[error("request to join does not fit the invite")]
    BadRedeem,
    /// The invite asks, and the author does not open what it gives.
    #[error("whoever lets somebody in by this invite must open as much as it gives")]
    AdmitsAboveClearance,
    /// The joiner was removed: only a Grant lets them in again.
    #[error("joiner was removed, and only an admin's grant lets them in again")]
    JoinerRemoved,
    /// The joiner already has all that the invite gives.
    #[error("already a member with as much")]
    AlreadyMember,
    /// A Close lists something that is no admission of its invite.
    #[error("not an admission of this invite")]
    UnknownAdmission,
}

impl Policy {
    /// Whether an operation with these acts, by this device, citing everything folded here, would be
    /// valid and count now. Gives the most senior grant under which it would: the one to cite.
    ///
    /// # Errors
    /// [`Refused`] by cause; of several grants that do not do, the cause that comes closest.
    pub fn permit(
        &self,
        person: &PersonId,
        device: &DeviceId,
        acts: &[Act],
    ) -> Result<GrantRef, Refused> {
        check(!self.is_blocked(), Refused::NewerOperation)?;
        check(
            !acts.is_empty() && acts.len() <= ACTS_MAX,
            Refused::Malformed("between one and 64 acts"),
        )?;
        let certificate = self.certificate(person).ok_or(Refused::NotAMember)?;
        check(certificate.device == *device, Refused::NotTheirDevice)?;
        let member = self.member(person).ok_or(Refused::NotAMember)?;
        self.check_acts(acts)?;
        let mut closest = None;
        for grant in &member.grants {
            let checked = acts
                .iter()
                .try_for_each(|act| self.check_under(grant, act, acts));
            match checked {
                Ok(()) => return Ok(grant.grant),
                Err(refused) if closest.is_none() || closest == Some(Refused::NeedsAdmin) => {
                    closest = Some(refused)
                }
                Err(_) => {}
            }
        }
        Err(closest.unwrap_or(Refused::NotAMember))
    }

    /// As [`Policy::permit`], for whoever lets somebody in: also checks the time of each invite
    /// against the admitting device's clock, which is the only place where it is checked.
    ///
    /// # Errors
    /// [`Refused`] by cause.
    pub fn permit_admit(
        &self,
        now: Timestamp,
        person: &PersonId,
        device: &DeviceId,
        acts: &[Act],
    ) -> Result<GrantRef, Refused> {
        for act in acts {
            if let Act::Admit { invite, .. } = act {
                let invite = self.invite(invite).ok_or(Refused::UnknownInvite)?;
                check(
                    invite.not_after.is_none_or(|end| now <= end),
                    Refused::InviteExpired,
                )?;
            }
        }
        self.permit(person, device, acts)
    }

    /// Whether the person may let somebody in by this invite, as far as that depends on neither the
    /// joiner nor the time.
    pub fn may_answer(&self, person: &PersonId, invite: &GrantRef) -> bool {
        let open = |invite: &&InviteInfo| invite.state == InviteState::Open;
        let Some(invite) = self.invite(invite).filter(open) else {
            return false;
        };
        let grants = self.member(person).map_or(&[][..], |member| &member.grants);
        let does = |grant: &LiveGrant| {
            may_admit(grant.role, grant.clearance, invite.ask, invite.clearance).is_ok()
        };
        grants.iter().any(does)
    }

    /// What does not depend on the author's grant.
    fn check_acts(&self, acts: &[Act]) -> Result<(), Refused> {
        check(
            is_once(acts, |act| matches!(act, Act::Rules { .. })),
            Refused::Malformed("rules are set once in an operation"),
        )?;
        let mut joining = BTreeSet::new();
        for act in acts {
            static_act_rules(act).map_err(|error| match error {
                crate::policy::op::OpError::Rule(text) => Refused::Malformed(text),
                _ => Refused::Malformed("not an act"),
            })?;
            match act {
                Act::Grant { person, .. } => check(
                    self.person(person).is_some(),
                    Refused::UnknownPerson(*person),
                )?,
                Act::Remove {
                    person, cutoffs, ..
                } => {
                    check(
                        self.outcome.named.contains_key(person),
                        Refused::UnknownPerson(*person),
                    )?;
                    cutoffs
                        .iter()
                        .try_for_each(|cutoff| self.check_cutoff(cutoff))?;
                }
                Act::Leave { cutoffs } => cutoffs
                    .iter()
                    .try_for_each(|cutoff| self.check_cutoff(cutoff))?,
                Act::Invite { .. } | Act::Rules { .. } => {}
                Act::Admit { invite, redeem } => self.check_admit(invite, redeem, &mut joining)?,
                Act::Close { invite, admitted } => {
                    admitted
                        .iter()
                        .try_for_each(|listed| self.check_listed(acts, invite, listed))?;
                }
            }
        }
        Ok(())
    }

    /// A cutoff in a log that is a control log here names a folded operation of it.
    fn check_cutoff(&self, cutoff: &Cutoff) -> Result<(), Refused> {
        if !self.branch_heads().contains_key(&cutoff.log) {
            return Ok(());
        }
        let head = OpHash::from_bytes(cutoff.head);
        let op = self.op(&head).filter(|_| self.is_folded(&head));
        let fits = op.is_some_and(|op| op.log() == cutoff.log && op.op().seq == cutoff.seq);
        check(fits, Refused::UnknownCutoff(*cutoff))
    }

    fn check_admit(
        &self,
        name: &GrantRef,
        redeem: &[u8],
        joining: &mut BTreeSet<(GrantRef, PersonId)>,
    ) -> Result<(), Refused> {
        let (rank, invite) = self
            .outcome
            .invites
            .get(name)
            .ok_or(Refused::UnknownInvite)?;
        match invite.state {
            InviteState::Open => {}
            InviteState::Closed => return Err(Refused::InviteClosed),
            InviteState::Ended => return Err(Refused::InviteEnded),
        }
        let redeem = Redeem::verify(redeem, &invite.key).map_err(|_| Refused::BadRedeem)?;
        check(
            redeem.pack == self.pack() && redeem.invite == *name,
            Refused::BadRedeem,
        )?;
        let certificate = self
            .certificate(&redeem.person)
            .ok_or(Refused::UnknownPerson(redeem.person))?;
        check(certificate.device == redeem.device, Refused::BadRedeem)?;
        check(
            !self.was_removed(&redeem.person, *rank),
            Refused::JoinerRemoved,
        )?;
        check(
            !self.has_as_much(&redeem.person, invite),
            Refused::AlreadyMember,
        )?;
        joining.insert((*name, redeem.person));
        let others = joining
            .iter()
            .filter(|(through, _)| through == name)
            .map(|(_, person)| *person);
        let joiners: BTreeSet<PersonId> = invite.joiners().into_iter().chain(others).collect();
        check(
            joiners.len() <= invite.uses as usize || invite.joiners().contains(&redeem.person),
            Refused::InviteUsedUp,
        )
    }

    /// Whether a Remove reaches what the invite would give. Somebody who was removed and founds
    /// another person with the same keys counts as removed.
    fn was_removed(&self, joiner: &PersonId, invite: Rank) -> bool {
        let same = |other: &PersonId| match (self.certificate(joiner), self.certificate(other)) {
            (Some(mine), Some(theirs)) => {
                mine.device == theirs.device || mine.endpoint == theirs.endpoint
            }
            _ => false,
        };
        let mut removals = self
            .outcome
            .removals
            .iter()
            .filter(|(_, rank)| invite.is_junior_to(*rank));
        removals.any(|(removed, _)| removed == joiner || same(removed))
    }

    fn has_as_much(&self, joiner: &PersonId, invite: &InviteInfo) -> bool {
        let grants = self.member(joiner).map_or(&[][..], |member| &member.grants);
        grants.iter().any(|grant| {
            grant.keys && grant.role >= invite.role && grant.clearance >= invite.clearance
        })
    }

    fn check_listed(
        &self,
        acts: &[Act],
        name: &GrantRef,
        listed: &GrantRef,
    ) -> Result<(), Refused> {
        let invite = self.invite(name).ok_or(Refused::UnknownInvite)?;
        let own = listed.op == OWN_OPERATION
            && matches!(acts.get(listed.act as usize), Some(Act::Admit { invite, .. }) if invite == name);
        let known = invite
            .admissions
            .iter()
            .any(|admission| admission.grant == *listed);
        check(own || known, Refused::UnknownAdmission)
    }

    /// What depends on the author's grant: the right, and seniority.
    fn check_under(&self, grant: &LiveGrant, act: &Act, acts: &[Act]) -> Result<(), Refused> {
        allows(grant.role, grant.clearance, act)?;
        let rank = self
            .outcome
            .grants
            .get(&grant.grant)
            .map_or(Rank::FOUNDER, |seat| seat.rank);
        match act {
            Act::Remove { person, .. } => {
                let held = self.member(person).map_or(&[][..], |member| &member.grants);
                let junior = |held: &LiveGrant| {
                    self.outcome
                        .grants
                        .get(&held.grant)
                        .is_some_and(|seat| seat.rank.is_junior_to(rank))
                };
                let mut left = held.iter().filter(|held| !junior(held));
                check(
                    left.all(|left| gives_as_much(acts, person, left)),
                    Refused::NotSenior,
                )
            }
            Act::Close { invite, .. } => {
                let (invite, _) = self
                    .outcome
                    .invites
                    .get(invite)
                    .ok_or(Refused::UnknownInvite)?;
                check(invite.is_junior_to(rank), Refused::NotSenior)
            }
            Act::Admit { invite, .. } => {
                let invite = self.invite(invite).ok_or(Refused::UnknownInvite)?;
                Ok(may_admit(
                    grant.role,
                    grant.clearance,
                    invite.ask,
                    invite.clearance,
                )?)
            }
            Act::Grant { .. } | Act::Leave { .. } | Act::Invite { .. } | Act::Rules { .. } => {
                Ok(())
            }
        }
    }
}

/// Whether these acts grant a person at least what a grant of theirs gives: a Remove beside them that
/// leaves it leaves nothing that was to end.
fn gives_as_much(acts: &[Act], to: &PersonId, left: &LiveGrant) -> bool {
    acts.iter().any(|act| match act {
        Act::Grant {
            person,
            role,
            clearance,
        } => person == to && *role >= left.role && *clearance >= left.clearance,
        _ => false,
    })
}

fn check(holds: bool, otherwise: Refused) -> Result<(), Refused> {
    if holds { Ok(()) } else { Err(otherwise) }
}

impl From<Lack> for Refused {
    fn from(lack: Lack) -> Refused {
        match lack {
            Lack::Admin => Refused::NeedsAdmin,
            Lack::Role => Refused::AboveOwnRole,
            Lack::Clearance => Refused::AboveOwnClearance,
            Lack::AdminClearance => Refused::Malformed("an admin is cleared for restricted"),
            Lack::AdminLeaves => Refused::AdminLeaves,
            Lack::Opens => Refused::AdmitsAboveClearance,
        }
    }
}
