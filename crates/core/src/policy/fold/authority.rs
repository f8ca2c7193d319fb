//! The authority table: which role may do which act, and how far it may give.
//!
//! | act | who | bound |
//! |---|---|---|
//! | Grant | admin | never above own role or clearance; an admin is cleared for restricted |
//! | Remove | admin | reaches only grants strictly junior to the cited one |
//! | Invite | admin | reader, commenter or editor, never above own role or clearance |
//! | Close | admin | reaches only admissions strictly junior to the cited grant |
//! | Admit | whoever has a grant, couriers too | gives what the invite promised |
//! | Admit, through an invite that asks | a grant that opens as much as the invite gives | as above |
//! | Rules | admin | replaces what it has in its past |
//! | Leave | the holder of the cited grant | never an admin grant |
//!
//! Everything else is refused. Seniority is the fold's business, since it needs the whole log;
//! this table needs one grant and one act.

use crate::policy::op::Act;
use crate::policy::{Role, Sensitivity};
use kitbag_crypto::planted::{self, Planted};

/// What a grant lacks for an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lack {
    /// Only an admin does this.
    Admin,
    /// Would give a higher role than the author's, or one that this act never gives.
    Role,
    /// Would give a higher clearance than the author's.
    Clearance,
    /// An admin would need clearance `restricted`.
    AdminClearance,
    /// An admin grant is lowered by a senior, never left.
    AdminLeaves,
    /// Opens less than an invite that asks gives.
    Opens,
}

/// Whether a grant of this role and clearance gives the right to this act.
pub(super) fn allows(role: Role, clearance: Sensitivity, act: &Act) -> Result<(), Lack> {
    match act {
        Act::Grant {
            role: given,
            clearance: up_to,
            ..
        } => {
            need(role == Role::Admin, Lack::Admin)?;
            need(
                *given != Role::Admin || *up_to == Sensitivity::Restricted,
                Lack::AdminClearance,
            )?;
            not_above(role, clearance, *given, *up_to)
        }
        Act::Invite {
            role: given,
            clearance: up_to,
            ..
        } => {
            need(role == Role::Admin, Lack::Admin)?;
            need(
                matches!(given, Role::Reader | Role::Commenter | Role::Editor),
                Lack::Role,
            )?;
            not_above(role, clearance, *given, *up_to)
        }
        Act::Remove { .. } | Act::Close { .. } | Act::Rules { .. } => {
            need(role == Role::Admin, Lack::Admin)
        }
        Act::Admit { .. } => Ok(()),
        Act::Leave { .. } => need(role != Role::Admin, Lack::AdminLeaves),
    }
}

/// Whether a grant of this role and clearance lets somebody in through an invite that gives `up_to`.
/// Where a person is asked, it is one who opens what they let somebody else open.
pub(super) fn may_admit(
    role: Role,
    clearance: Sensitivity,
    ask: bool,
    up_to: Sensitivity,
) -> Result<(), Lack> {
    need(!ask || (role.may_read() && clearance >= up_to), Lack::Opens)
}

fn not_above(
    role: Role,
    clearance: Sensitivity,
    given: Role,
    up_to: Sensitivity,
) -> Result<(), Lack> {
    need(given <= role, Lack::Role)?;
    need(up_to <= clearance, Lack::Clearance)
}

fn need(holds: bool, lack: Lack) -> Result<(), Lack> {
    if holds || planted::is(Planted::SkippedRoleCheck) {
        Ok(())
    } else {
        Err(lack)
    }
}
