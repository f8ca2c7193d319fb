//! What can go wrong, grouped by who can act on it.

use kitbag_core::agent::AgentDenied;
use kitbag_core::id::Timestamp;
use kitbag_core::policy::fold::Refused;
use kitbag_core::policy::rules::Unreadable;
use kitbag_core::release::{ConsentGap, Withheld};
use kitbag_core::ticket::TicketError;
use kitbag_core::wire::JoinRefusal;
use kitbag_node::undo::Beyond;
use kitbag_node::view::Ending;
use kitbag_node::{Denied, NodeError};
use kitbag_store::StoreError;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why the engine did not do what it was asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EngineError {
    /// Nothing by that id or name.
    #[error("{}", none_such(what, selector))]
    NotFound {
        /// "pack" or "note".
        what: &'static str,
        /// What was asked for.
        selector: String,
    },
    /// More than one thing by that id or name.
    #[error("{selector:?} fits more than one {what}")]
    Ambiguous {
        /// "pack" or "note".
        what: &'static str,
        /// What was asked for.
        selector: String,
        /// Ids that fit.
        candidates: Vec<String>,
    },
    /// The pack's policy says no.
    #[error("{reason}")]
    Denied {
        /// Why, in words.
        reason: String,
        /// What could be done instead.
        hint: Option<String>,
    },
    /// Something stays because of a consent that is not there: the note's own, or one that a rule asks for.
    #[error("{reason}")]
    NeedsConsent {
        /// Why, in words.
        reason: String,
        /// What could be done instead.
        hint: Option<String>,
    },
    /// This person was a member once.
    #[error("{0}: you keep what you had; nothing new reaches you")]
    Ended(Box<Ending>),
    /// An agent may not.
    #[error(transparent)]
    Agent(#[from] AgentDenied),
    /// A field of the request is out of its limits.
    #[error("{field}: {reason}")]
    BadInput {
        /// Which field.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A ticket cannot be used.
    #[error(transparent)]
    Ticket(#[from] TicketProblem),
    /// No other device could be reached.
    #[error("no peer could be reached")]
    NoPeer {},
    /// It did not finish in time; what was begun goes on.
    #[error("it took too long")]
    TimedOut,
    /// The master key cannot be had.
    #[error("{reason}")]
    Locked {
        /// What it would take.
        lacks: Lacks,
        /// The same, in words.
        reason: String,
    },
    /// Another process has this home open.
    #[error("another daemon serves this home")]
    AlreadyRunning,
    /// This home holds no identity yet.
    #[error("this home is not set up yet")]
    NotInitialised,
    /// A file is gone from a home that was set up; nothing is made in its place.
    #[error("this home was set up, but its file {} is missing", path.display())]
    Missing {
        /// Which.
        path: PathBuf,
    },
    /// Something that is kept here is not what was written.
    #[error("{what} is damaged")]
    Integrity {
        /// What.
        what: String,
    },
    /// The thing changed meanwhile in a way that cannot be merged.
    #[error("{what}")]
    Conflict {
        /// What.
        what: String,
    },
    /// The last write is of a kind that undo does not take back.
    #[error("undo does not take back the last write")]
    BeyondUndo(Beyond),
    /// About a hand-off.
    #[error("{0}")]
    Handoff(Box<kitbag_node::handoffs::HandoffRefused>),
    /// A file could not be read or written.
    #[error("{operation} {}: {source}", path.display())]
    File {
        /// What was attempted.
        operation: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The database failed.
    #[error("{reason}")]
    Storage {
        /// What it said.
        reason: String,
    },
    /// The network could not be opened as configured.
    #[error("{reason}")]
    Network {
        /// What it said.
        reason: String,
    },
    /// The engine has stopped.
    #[error("the engine has stopped")]
    Stopped,
    /// What was asked ran into a fault in Kitbag, or into damage that nothing else noticed.
    #[error(
        "a fault was contained, and this device opened anew; whether what you asked was done, a look tells"
    )]
    Fault,
}

/// What it would take to have the master key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lacks {
    /// A passphrase; none was given.
    Passphrase,
    /// The right passphrase.
    RightPassphrase,
    /// The key file: gone, or not readable.
    KeyFile,
    /// A key file that nobody else reads.
    PrivateKeyFile,
    /// The keyring that holds the key.
    Keyring,
    /// A keyring that takes the key.
    NewKeyring,
}

/// Why a ticket cannot be used. It never shows the ticket.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TicketProblem {
    /// Nothing was given.
    #[error("no ticket was given")]
    Empty,
    /// Text of some other kind.
    #[error("this is not a ticket")]
    NotATicket,
    /// Not what this program would make.
    #[error("this ticket is malformed")]
    Malformed,
    /// A character was changed on the way.
    #[error("this ticket was changed on the way: its checksum does not match")]
    Checksum,
    /// Its end is missing.
    #[error("the end of this ticket is missing")]
    Truncated,
    /// Of a newer version.
    #[error("this ticket is of version {0}, which this program does not know")]
    NewerVersion(u16),
    /// Of another program.
    #[error("this is a ticket of another program ({kind})")]
    Foreign {
        /// Which.
        kind: String,
    },
    /// Its time is over.
    #[error("this ticket has expired")]
    Expired {
        /// Since when, by the inviter's clock.
        at: Timestamp,
    },
    /// Ended by an admin of the pack.
    #[error("this ticket was cancelled")]
    Cancelled,
    /// Somebody used it.
    #[error("this ticket was already used by {by}")]
    AlreadyUsed {
        /// When.
        at: Timestamp,
        /// By whom, as the pack knows them; untrusted text.
        by: String,
    },
    /// The device that was asked knows no such ticket, or takes none now.
    #[error("the device that was asked does not take this ticket (any more)")]
    UnknownInvite,
    /// This person was removed from the pack.
    #[error("you were removed from this pack; only one of its admins can let you in again")]
    Removed,
    /// Every device in the ticket is out of reach.
    #[error("none of the devices in this ticket can be reached")]
    Unreachable {},
    /// A person was asked and said no.
    #[error("whoever was asked did not let you in")]
    Declined,
    /// The device that was asked could not admit anybody at the moment.
    #[error("the device that was asked cannot admit anybody at the moment")]
    TryLater,
}

impl TicketProblem {
    /// Of the answers of two devices the one to tell: a person's no before what ends a ticket, and that
    /// before what may pass. Of two alike the later.
    pub(crate) fn or_firmer(self, other: TicketProblem) -> TicketProblem {
        let firmness = |problem: &TicketProblem| match problem {
            TicketProblem::Unreachable {} => 0,
            TicketProblem::UnknownInvite => 1,
            TicketProblem::TryLater => 2,
            TicketProblem::Declined => 4,
            _ => 3,
        };
        if firmness(&other) >= firmness(&self) {
            other
        } else {
            self
        }
    }
}

impl From<TicketError> for TicketProblem {
    fn from(error: TicketError) -> TicketProblem {
        match error {
            TicketError::Empty => TicketProblem::Empty,
            TicketError::NotATicket => TicketProblem::NotATicket,
            TicketError::Foreign(kind) => TicketProblem::Foreign {
                kind: kind.to_owned(),
            },
            TicketError::NewerVersion(version) => TicketProblem::NewerVersion(version),
            TicketError::Truncated => TicketProblem::Truncated,
            TicketError::Checksum => TicketProblem::Checksum,
            _ => TicketProblem::Malformed,
        }
    }
}

/// A name that a stranger's device told, short and without anything that moves a cursor.
fn one_line(name: &str) -> String {
    let shown = |c: &char| {
        !c.is_control()
            && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    name.chars().filter(shown).take(64).collect()
}

impl From<JoinRefusal> for TicketProblem {
    fn from(refusal: JoinRefusal) -> TicketProblem {
        match refusal {
            JoinRefusal::NotRecognised => TicketProblem::UnknownInvite,
            JoinRefusal::Expired { at } => TicketProblem::Expired { at },
            JoinRefusal::Used { at, by } => TicketProblem::AlreadyUsed {
                at,
                by: one_line(&by),
            },
            JoinRefusal::Cancelled => TicketProblem::Cancelled,
            JoinRefusal::Removed => TicketProblem::Removed,
            JoinRefusal::NewerVersion => TicketProblem::NewerVersion(0),
            JoinRefusal::TryLater => TicketProblem::TryLater,
            JoinRefusal::Declined => TicketProblem::Declined,
        }
    }
}

impl From<NodeError> for EngineError {
    fn from(error: NodeError) -> EngineError {
        match error {
            NodeError::NotFound(what) => EngineError::NotFound {
                what,
                selector: String::new(),
            },
            NodeError::Denied(denied) => denied.into(),
            NodeError::BadInput { field, reason } => EngineError::BadInput { field, reason },
            NodeError::Stale(what) => EngineError::Conflict { what },
            NodeError::Handoff(refused) => EngineError::Handoff(refused),
            NodeError::NothingToUndo => EngineError::Conflict {
                what: error.to_string(),
            },
            NodeError::BeyondUndo(beyond) => EngineError::BeyondUndo(beyond),
            NodeError::InviteOver(condition) => EngineError::Conflict {
                what: format!("that ticket lets nobody in any more: it {condition}"),
            },
            NodeError::Agent(denied) => EngineError::Agent(denied),
            NodeError::Ticket(error) => EngineError::Ticket(error.into()),
            NodeError::Store(error) => error.into(),
            NodeError::Damaged(what) => EngineError::Integrity {
                what: what.to_owned(),
            },
            other => EngineError::Storage {
                reason: other.to_string(),
            },
        }
    }
}

impl From<Denied> for EngineError {
    fn from(denied: Denied) -> EngineError {
        let asked = |ask: &[String]| (!ask.is_empty()).then(|| ask.join(" or "));
        let hint = match &denied {
            Denied::Ended(ending) => return EngineError::Ended(ending.clone()),
            Denied::Waits(_) | Denied::Policy(Refused::NeedsAdmin) => {
                Some("ask an admin of the pack: kitbag members PACK".to_owned())
            }
            Denied::NotJunior { ask, .. } => Some(match asked(ask) {
                Some(names) => format!("ask {names}"),
                None => "whoever made a pack is not removed from it by anybody".to_owned(),
            }),
            Denied::AdminStays { ask } => Some(match asked(ask) {
                Some(names) => format!("ask {names} to make you an editor first"),
                None => {
                    "nobody here is senior to you: make somebody else an admin, and stay".to_owned()
                }
            }),
            Denied::NoKeyYet => Some(
                "wait until another member's device was reached: kitbag sync --wait".to_owned(),
            ),
            Denied::NotItsMaker => Some(
                "a name of your own, which nobody else sees: kitbag pack rename PACK NAME"
                    .to_owned(),
            ),
            Denied::LoweringNeedsAdmin => {
                Some("ask an admin of the pack to do it: kitbag members PACK".to_owned())
            }
            Denied::NotAWriter | Denied::AboveClearance => {
                Some("ask an admin of the pack for more: kitbag members PACK".to_owned())
            }
            Denied::RulesUnreadable(why) => Some(to_read_rules(*why).to_owned()),
            Denied::Release(why) => Some(to_release(why).to_owned()),
            Denied::MadeFrom(kept) => Some(to_release(&kept.why).to_owned()),
            Denied::Policy(Refused::AdmitsAboveClearance) => {
                Some("somebody who opens as much as the ticket gives has to answer".to_owned())
            }
            _ => None,
        };
        let reason = denied.to_string();
        match &denied {
            Denied::Release(why) if why.asks_for_consent() => {
                EngineError::NeedsConsent { reason, hint }
            }
            Denied::MadeFrom(kept) if kept.why.asks_for_consent() => {
                EngineError::NeedsConsent { reason, hint }
            }
            _ => EngineError::Denied { reason, hint },
        }
    }
}

/// Nothing is there that goes by a name or id, if it is known by which.
fn none_such(what: &str, selector: &str) -> String {
    match selector {
        "" => format!("there is no such {what} here"),
        _ => format!("no {what} {selector:?}"),
    }
}

/// What lets a note leave that stays for this reason, if anything does.
fn to_release(why: &Withheld) -> &'static str {
    match why {
        Withheld::Unreadable(why) => to_read_rules(*why),
        Withheld::Client => {
            "if that is meant, say so with --across-clients; whose the pack is: kitbag policy show PACK"
        }
        Withheld::Consent(ConsentGap::Purpose) => {
            "say what it is for with --purpose; what the consent is for: kitbag show NOTE"
        }
        Withheld::Lost(_) => {
            "give the other pack that rule too (kitbag policy set), or let an admin change it here"
        }
        why if why.asks_for_consent() => {
            "ask the person concerned, and state what they say: kitbag edit NOTE --consent STATUS"
        }
        Withheld::Deleted => "bring it back first: kitbag delete NOTE --restore",
        Withheld::Redacted => "nothing of it is shown any more; take that back first: kitbag undo",
        _ => "what it allows: kitbag policy show PACK",
    }
}

/// What makes rules readable.
fn to_read_rules(why: Unreadable) -> &'static str {
    match why {
        Unreadable::NoKey => "wait until another member's device was reached: kitbag sync --wait",
        Unreadable::Malformed | Unreadable::TooManyIds | Unreadable::TooManyRules => {
            "an admin sets them anew: kitbag policy set PACK --replace"
        }
        Unreadable::NewerVersion | Unreadable::NewerOperation => "a newer Kitbag reads them",
    }
}

impl From<StoreError> for EngineError {
    fn from(error: StoreError) -> EngineError {
        match error {
            StoreError::InUse => EngineError::AlreadyRunning,
            damage if damage.is_damage() => EngineError::Integrity {
                what: format!("the database ({damage})"),
            },
            StoreError::Poisoned => EngineError::Storage {
                reason: "a write failed, and nothing is kept until writing works again: once there is room, try again"
                    .into(),
            },
            other => EngineError::Storage {
                reason: other.to_string(),
            },
        }
    }
}

/// Names the operation and path of a failed file operation.
pub(crate) fn file<'p>(
    operation: &'static str,
    path: &'p Path,
) -> impl FnOnce(std::io::Error) -> EngineError + 'p {
    move |source| EngineError::File {
        operation,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::TicketProblem::{self, *};

    /// Goal: somebody whom a person turned away hears so, whatever devices say that may not answer, in
    /// whatever order they are asked.
    #[test]
    fn of_several_answers_the_firmest_is_told() {
        let told = |answers: &[TicketProblem]| {
            let none = Unreachable {};
            answers.iter().cloned().fold(none, TicketProblem::or_firmer)
        };
        assert_eq!(told(&[]), Unreachable {});
        for (answers, expected) in [
            ([Declined, TryLater], Declined),
            ([Cancelled, TryLater], Cancelled),
            ([Declined, Cancelled], Declined),
            ([TryLater, UnknownInvite], TryLater),
            ([Declined, UnknownInvite], Declined),
        ] {
            let [first, second] = answers.clone();
            assert_eq!(told(&answers), expected);
            assert_eq!(told(&[second, first]), expected);
        }
    }
}
