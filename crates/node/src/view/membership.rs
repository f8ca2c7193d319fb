//! What the node answers about changes of membership: before they are made, and afterwards.

use kitbag_core::id::{PersonId, Timestamp};
use kitbag_core::policy::op::{GrantRef, LateDenials};
use kitbag_core::policy::{Role, Sensitivity};
use std::fmt;

/// A change of who is in a pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Somebody is removed; somebody who is out already only by [`LateDenials::Drop`].
    Remove {
        /// Who.
        person: PersonId,
        /// What becomes of removals that they made and nobody here knows yet.
        late_denials: LateDenials,
    },
    /// Somebody gets a role and clearance in place of what they have; also somebody who is out.
    Role {
        /// Who.
        person: PersonId,
        /// What they may do.
        role: Role,
        /// The highest they open; restricted for an admin.
        clearance: Sensitivity,
    },
    /// This person leaves.
    Leave,
    /// An invite is cancelled.
    Cancel {
        /// Which.
        invite: GrantRef,
    },
}

/// What somebody may do in a pack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    /// The highest role; none for somebody who is not in the pack.
    pub role: Option<Role>,
    /// The highest clearance; none for a courier too.
    pub clearance: Option<Sensitivity>,
    /// What they open, now and in the future, lowest first.
    pub opens: Vec<Sensitivity>,
    /// What they write, lowest first.
    pub writes: Vec<Sensitivity>,
    /// Whether a removal that waits for an admin keeps all of it away.
    pub waits: bool,
}

/// Notes of one sensitivity, as many as are here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoteCount {
    /// The sensitivity.
    pub sensitivity: Sensitivity,
    /// How many.
    pub notes: u64,
}

/// One person whose rights change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonChange {
    /// Who.
    pub person: PersonId,
    /// Their name.
    pub name: String,
    /// Whether this is the person who asks.
    pub is_me: bool,
    /// What they may do now.
    pub before: Rights,
    /// What they may do afterwards.
    pub after: Rights,
    /// Notes that they can open from then on, older ones included.
    pub gains: Vec<NoteCount>,
    /// Notes of which they keep copies, and nothing new.
    pub keeps: Vec<NoteCount>,
}

/// An invite that ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedInvite {
    /// Which.
    pub invite: GrantRef,
    /// Who made it.
    pub by: String,
    /// What it would have given.
    pub role: Role,
    /// And up to where.
    pub clearance: Sensitivity,
}

/// Entries that are set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// Whose.
    pub person: PersonId,
    /// Their name.
    pub name: String,
    /// How many.
    pub entries: u64,
}

/// What a change of membership does, as far as this device knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// Whether it does anything at all.
    pub changes: bool,
    /// At whom it is aimed; nobody for an invite.
    pub target: Option<PersonId>,
    /// Their name.
    pub name: String,
    /// Whose rights change, the target first.
    pub people: Vec<PersonChange>,
    /// Invites that end.
    pub invites: Vec<EndedInvite>,
    /// What is set aside that counted until then.
    pub set_aside: Vec<SetAside>,
    /// Removals that wait for an admin from then on.
    pub held: Vec<HeldView>,
    /// Removals that count no more at all.
    pub dropped: Vec<HeldView>,
    /// Sensitivities whose next note is sealed anew.
    pub owed: Vec<Sensitivity>,
    /// Whether what the target wrote and this device has not got is set aside when it comes.
    pub cuts_off: bool,
    /// Entries that the target's device was seen to hold and this one lacks, if it is cut off.
    pub unseen: u64,
    /// When the target's device was last up to date with this one, since this one started.
    pub last_synced: Option<Timestamp>,
}

/// What took something away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removal {
    /// The person was removed.
    Removed,
    /// The person left.
    Left,
    /// Somebody was removed on whom their place rested.
    FellWith {
        /// Who.
        name: String,
    },
    /// The invite by which they came in was closed without them.
    NotListed,
    /// A device was copied, so that what it granted waits.
    Forked,
}

/// How somebody's membership ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// By what.
    pub how: Removal,
    /// Whose act it was.
    pub by: PersonId,
    /// Their name.
    pub by_name: String,
    /// When, by their clock.
    pub at: Timestamp,
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = &self.by_name;
        match &self.how {
            Removal::Removed => write!(f, "{by} removed you from this pack"),
            Removal::Left => f.write_str("you left this pack"),
            Removal::FellWith { name } => write!(
                f,
                "{by} removed {name}, on whom your place in this pack rested"
            ),
            Removal::NotListed => {
                write!(f, "{by} closed the invite by which you came into this pack")
            }
            Removal::Forked => write!(f, "what {by} granted in this pack waits"),
        }
    }
}

/// Why a removal waits for an admin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeldWhy {
    /// Whoever made it was removed without their removal being known.
    AuthorRemoved {
        /// By whom.
        by: String,
    },
    /// Somebody was removed on whom its author's place rested.
    AuthorFell {
        /// Who was removed.
        with: String,
    },
    /// An earlier change that it builds on has not arrived.
    Incomplete,
}

/// A removal that keeps somebody out until an admin answers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldView {
    /// Who is kept out.
    pub person: PersonId,
    /// Their name.
    pub name: String,
    /// What it is.
    pub what: Removal,
    /// Who made it.
    pub by: PersonId,
    /// Their name.
    pub by_name: String,
    /// When, by their clock.
    pub at: Timestamp,
    /// Why it waits; none if it does not.
    pub why: Option<HeldWhy>,
}

impl fmt::Display for HeldView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (by, name) = (&self.by_name, &self.name);
        match &self.what {
            Removal::Removed => write!(f, "{by} removed {name}")?,
            Removal::Left => write!(f, "{name} left")?,
            Removal::FellWith { name: other } => {
                write!(f, "{by} removed {other}, on whom {name}'s place rested")?
            }
            Removal::NotListed => write!(f, "{by} closed the invite by which {name} came in")?,
            Removal::Forked => write!(f, "what {by} granted {name} is in doubt")?,
        }
        match &self.why {
            Some(HeldWhy::AuthorRemoved { .. }) => write!(f, ", then {by} was removed too"),
            Some(HeldWhy::AuthorFell { with }) => {
                write!(f, ", but {by}'s place rested on {with}, who was removed")
            }
            Some(HeldWhy::Incomplete) => f.write_str(", and an earlier change has not arrived"),
            None => Ok(()),
        }
    }
}
