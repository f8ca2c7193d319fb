//! What the fold shows: members, grants, invites, verdicts. Plain values.

use crate::id::{DeviceId, OpHash, PersonId, Timestamp};
use crate::policy::op::GrantRef;
use crate::policy::{Role, Sensitivity};
use minicbor::{Decode, Encode};

/// A person with at least one live grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub person: PersonId,
    /// Their device.
    pub device: DeviceId,
    /// Their live grants, the most senior first; never empty.
    pub grants: Vec<LiveGrant>,
}

impl Member {
    /// The highest role among the live grants.
    pub fn role(&self) -> Role {
        self.grants
            .iter()
            .map(|grant| grant.role)
            .max()
            .unwrap_or(Role::Courier)
    }

    /// The highest clearance among the live grants that may read; `None` for a mere courier.
    ///
    /// A role and a clearance of two different grants never mix: ask [`super::Policy::may_open`]
    /// and [`super::Policy::may_write`] before acting on either.
    pub fn clearance(&self) -> Option<Sensitivity> {
        self.grants
            .iter()
            .filter(|grant| grant.role.may_read())
            .map(|grant| grant.clearance)
            .max()
    }

    /// Whether any live grant gives keys; otherwise denials that are held, or parked, keep them away.
    pub fn has_keys(&self) -> bool {
        self.grants.iter().any(|grant| grant.keys)
    }
}

/// A grant that is live in the fold (stage 7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveGrant {
    /// Its name.
    pub grant: GrantRef,
    /// What it lets do.
    pub role: Role,
    /// The highest it opens.
    pub clearance: Sensitivity,
    /// How it was made.
    pub via: Via,
    /// When, by the author's clock: display data.
    pub at: Timestamp,
    /// Whether it also gives keys and connections (stage 10).
    pub keys: bool,
}

/// How a grant was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// With the pack.
    Genesis,
    /// By an admin.
    Grant {
        /// Who.
        by: PersonId,
    },
    /// By ticket.
    Admit {
        /// The invite.
        invite: GrantRef,
        /// Who admitted.
        by: PersonId,
    },
}

/// A grant that some valid operation made, whatever became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantInfo {
    /// To whom.
    pub person: PersonId,
    /// What it lets do.
    pub role: Role,
    /// The highest it opens.
    pub clearance: Sensitivity,
    /// Whether what made it stands.
    pub stands: bool,
    /// Whether it stands and nothing killed it.
    pub live: bool,
}

/// An invite that some valid operation opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InviteInfo {
    /// Who invites.
    pub by: PersonId,
    /// Public half of the key inside the ticket.
    pub key: [u8; 32],
    /// What a joiner may do.
    pub role: Role,
    /// The highest a joiner opens.
    pub clearance: Sensitivity,
    /// How many persons may join.
    pub uses: u32,
    /// When admitting ends, by the admitting device's clock.
    pub not_after: Option<Timestamp>,
    /// Whether a person approves each joiner.
    pub ask: bool,
    /// Whether it still lets anybody in.
    pub state: InviteState,
    /// When a Close or Remove first ended it, by that author's clock: display data. None while it is
    /// open, or where nothing folded says so.
    pub ended_at: Option<Timestamp>,
    /// Who was admitted, ascending by grant, over-use included.
    pub admissions: Vec<Admission>,
    /// When it was opened, by the author's clock: display data.
    pub at: Timestamp,
}

impl InviteInfo {
    /// How many persons stand admitted. Uses are counted per joiner: whoever is admitted again,
    /// because an admitter fell, is one.
    pub fn joined(&self) -> usize {
        self.joiners().len()
    }

    pub(super) fn joiners(&self) -> std::collections::BTreeSet<PersonId> {
        self.admissions
            .iter()
            .filter(|admission| admission.stands)
            .map(|admission| admission.person)
            .collect()
    }
}

/// Whether an invite still lets anybody in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InviteState {
    /// It does, until its uses or its time are over.
    Open,
    /// An admin closed it.
    Closed,
    /// It fell with its author, or with somebody who came in by it.
    Ended,
}

/// One admission through an invite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// The grant it makes.
    pub grant: GrantRef,
    /// Who joined.
    pub person: PersonId,
    /// With which device they asked.
    pub device: DeviceId,
    /// When, by the admitting device's clock: display data.
    pub at: Timestamp,
    /// Whether it counts.
    pub stands: bool,
}

/// What an endpoint is to the pack, for whoever it connects to (stage 10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// No grant ever named it: it gets nothing.
    Unknown,
    /// A member with keys, or a courier.
    Member {
        /// Who.
        person: PersonId,
        /// Whose device.
        device: DeviceId,
        /// The highest it opens; `None` for a courier.
        clearance: Option<Sensitivity>,
        /// The highest role among grants that give keys.
        role: Role,
    },
    /// Live in the fold, but a held or parked denial keeps its keys away: control plane only.
    Disputed {
        /// Who.
        person: PersonId,
        /// Whose device.
        device: DeviceId,
    },
    /// Once named, now without a live grant: gets what ended it, and nothing else.
    Ended {
        /// Who.
        person: PersonId,
        /// Whose device.
        device: DeviceId,
    },
}

/// A denial by the place where it was made: what an epoch must answer.
///
/// `act` is an index among the operation's acts, or [`Denial::FORK`] for an operation whose place in
/// its log another one claims too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(array)]
pub struct Denial {
    /// The operation.
    #[n(0)]
    pub op: OpHash,
    /// Index among its acts, or [`Denial::FORK`].
    #[n(1)]
    pub act: u32,
}

impl Denial {
    /// Stands where the index of an act would, for a fork.
    pub const FORK: u32 = u32::MAX;
}

/// What became of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It counts.
    Stands,
    /// It does not count now.
    Void(Void),
    /// It does not count, but what it denies stays denied until somebody answers it.
    Held,
    /// It never counts.
    Invalid(Invalid),
    /// Something that it cites is not here yet.
    Parked,
}

/// Why an operation does not count now, and the operation that decides it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Void {
    /// A Remove or Leave ended its author, or somebody in the chain of grants above.
    Denied {
        /// The Remove or Leave.
        by: OpHash,
    },
    /// A Remove ended the invite that it admits by.
    InviteEnded {
        /// The Remove.
        by: OpHash,
    },
    /// A Close does not list the admission.
    NotListed {
        /// The Close.
        by: OpHash,
    },
    /// Made in or above a fork of its log, and no cutoff settles which branch counts.
    Forked {
        /// The lowest of the operations that claim one place.
        at: OpHash,
    },
}

/// Why an operation never counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Invalid {
    /// Its shape breaks a rule that needs no other operation.
    Malformed,
    /// `seq` and `prev` do not continue its log, or something before it did not.
    BrokenChain,
    /// The person head it cites does not link its device.
    DeviceNotLinked,
    /// The grant it cites is none, or is not in its past.
    CitesNoGrant,
    /// The grant it cites is somebody else's.
    CitesAnothersGrant,
    /// Only an admin does this.
    NeedsAdmin,
    /// It would give more than the author's role.
    AboveOwnRole,
    /// It would give more than the author's clearance.
    AboveOwnClearance,
    /// An admin grant is not left.
    AdminLeaves,
    /// A cutoff of a control log names something outside its past.
    CutoffNotInPast,
    /// The invite it names is none, or is not in its past.
    UnknownInvite,
    /// The request it carries is not one for this invite.
    BadRedeem,
    /// It admits through an invite that asks, under a grant that does not open what the invite gives.
    AdmitsAboveClearance,
    /// An admission that it lists is none of this invite, or is not in its past.
    UnknownAdmission,
}
