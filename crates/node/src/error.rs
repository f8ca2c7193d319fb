//! What can go wrong, grouped by who can act on it.

use crate::made_from::KeptBy;
use crate::undo::Beyond;
use crate::view::{Ending, HeldView, InviteCondition};
use kitbag_core::agent::AgentDenied;
use kitbag_core::content::BodyError;
use kitbag_core::id::ItemId;
use kitbag_core::pack::{EditError, NoteError};
use kitbag_core::policy::fold::Refused;
use kitbag_core::policy::rules::Unreadable;
use kitbag_core::release::{Point, Withheld};
use kitbag_core::ticket::TicketError;
use kitbag_store::StoreError;
use thiserror::Error;

/// Why the node did not do what it was asked; nothing was changed then.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NodeError {
    /// No pack or note by this id.
    #[error("no such {0}")]
    NotFound(&'static str),
    /// The policy of the pack says no.
    #[error("not allowed: {0}")]
    Denied(Denied),
    /// A field of the request is out of its limits.
    #[error("{field}: {reason}")]
    BadInput {
        /// Which field.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The note changed since the state that the request names, and the two cannot be merged.
    #[error("the note changed meanwhile: {0}")]
    Stale(String),
    /// The invite lets nobody in any more, so there is nothing to cancel.
    #[error("that ticket lets nobody in any more: it {0}")]
    InviteOver(InviteCondition),
    /// Nothing that this device wrote there is left to take back.
    #[error("there is nothing left to undo")]
    NothingToUndo,
    /// The last write is of a kind that undo does not take back.
    #[error("undo does not take back the last write")]
    BeyondUndo(Beyond),
    /// About a hand-off.
    #[error("{0}")]
    Handoff(Box<crate::handoffs::HandoffRefused>),
    /// An agent may not.
    #[error(transparent)]
    Agent(AgentDenied),
    /// A ticket that is none.
    #[error(transparent)]
    Ticket(#[from] TicketError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A kept value is not what was written.
    #[error("damaged {0}")]
    Damaged(&'static str),
}

/// Why the policy says no.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Denied {
    /// The policy's own word.
    #[error(transparent)]
    Policy(#[from] Refused),
    /// This person may read here, not write.
    #[error("your role in this pack does not let you write")]
    NotAWriter,
    /// The note would stand above the own clearance.
    #[error("that is above your clearance in this pack")]
    AboveClearance,
    /// The title of a pack is what its members know it by.
    #[error("only whoever made a pack gives it another title")]
    NotItsMaker,
    /// Only an admin lets more people read a note.
    #[error("only an admin of this pack makes a note less sensitive")]
    LoweringNeedsAdmin,
    /// No key for this sensitivity arrived yet.
    #[error("the key for this sensitivity has not arrived yet")]
    NoKeyYet,
    /// Not (or no longer) a member.
    #[error("you are not a member of this pack")]
    NotAMember,
    /// Was a member once.
    #[error("{0}: you keep what you had; nothing new reaches you")]
    Ended(Box<Ending>),
    /// A removal that waits for an admin keeps this person out.
    #[error("{0}: an admin has to decide whether you stay")]
    Waits(Box<HeldView>),
    /// Only somebody more senior removes or lowers this person.
    #[error(
        "{name} stands above you, or was here before you became an admin: you cannot remove or lower them"
    )]
    NotJunior {
        /// Who.
        name: String,
        /// Who could.
        ask: Vec<String>,
    },
    /// An admin does not leave.
    #[error("an admin does not leave, so that no pack is left without one")]
    AdminStays {
        /// Who could lower this person first.
        ask: Vec<String>,
    },
    /// The pack's release rules cannot be read here.
    #[error("rules unreadable: {0}")]
    RulesUnreadable(Unreadable),
    /// The pack's release rules, or the wall between clients, let nothing leave this way.
    #[error("{}", stays(.0))]
    Release(Withheld),
    /// A note of another pack that this one was made from, or replaces, does not let that go.
    #[error("{}; it was made from {}, a note of another pack", stays(&.0.why), short(&.0.note))]
    MadeFrom(Box<KeptBy>),
    /// The pack's log holds operations of a newer version.
    #[error("this pack uses rules of a newer version; it can only be read here")]
    NewerRules,
}

/// The start of an id, as people write it.
fn short(id: &ItemId) -> String {
    id.to_string().chars().take(10).collect()
}

/// Names the rule first, then says what it does.
fn stays(why: &Withheld) -> String {
    let rule = why.rule();
    match why {
        Withheld::Client => {
            format!(
                "{rule}: what belongs to one client would go to another, to what is nobody's, or beside another's"
            )
        }
        Withheld::Unreadable(why) => format!("{rule}: {why}, so nothing leaves it"),
        Withheld::Rule(name) => {
            let what = match name.point {
                Point::MaxSensitivity => "what is more sensitive stays",
                Point::Formats => "nothing leaves this pack in that format",
                Point::Purposes => "what leaves this pack has to be for a purpose that it allows",
                Point::RequireConsent => "personal data stays without a consent that was given",
                Point::RedactPii => "personal data stays unless it is taken out",
            };
            format!("{rule}: {what}")
        }
        Withheld::Lost(_) => {
            format!("{rule} holds for it in its pack, and would not where it would go")
        }
        _ => rule,
    }
}

impl From<Refused> for NodeError {
    fn from(refused: Refused) -> NodeError {
        NodeError::Denied(refused.into())
    }
}

impl From<Denied> for NodeError {
    fn from(denied: Denied) -> NodeError {
        NodeError::Denied(denied)
    }
}

impl From<NoteError> for NodeError {
    fn from(error: NoteError) -> NodeError {
        NodeError::BadInput {
            field: "note",
            reason: error.to_string(),
        }
    }
}

impl From<EditError> for NodeError {
    fn from(error: EditError) -> NodeError {
        match error {
            EditError::Note(error) => error.into(),
            EditError::UnknownHeads => NodeError::Stale(error.to_string()),
            other => NodeError::BadInput {
                field: "edit",
                reason: other.to_string(),
            },
        }
    }
}

impl From<BodyError> for NodeError {
    fn from(error: BodyError) -> NodeError {
        NodeError::BadInput {
            field: "body",
            reason: error.to_string(),
        }
    }
}
