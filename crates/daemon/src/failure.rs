//! The engine's errors as codes and sentences. Grouped there by who can act; here by what to tell.

use crate::convert::time;
use crate::identity::not_initialised;
use kitbag_engine::{AgentDenied, Beyond, EngineError, HandoffRefused, Lacks, TicketProblem, Void};
use kitbag_rpc::{Code, Failure};

/// The failure that tells this error. The log gets its code only.
pub(crate) fn failed(error: &EngineError) -> Failure {
    let told = |code| Failure::new(code, error.to_string());
    match error {
        EngineError::NotFound { what: "pack", .. } => told(Code::NotFound)
            .hint("kitbag pack list shows your packs; one that somebody shared with you goes by its id or your own name for it"),
        EngineError::NotFound { what: "note", .. } => {
            told(Code::NotFound).hint("kitbag list PACK shows the ids of its notes")
        }
        EngineError::NotFound {
            what: "selection", ..
        } => told(Code::NotFound).hint("kitbag select list shows the selections of this device"),
        EngineError::NotFound { what: "agent", .. } => {
            told(Code::NotFound).hint("kitbag agent list shows the agents of this device")
        }
        EngineError::NotFound { what: "person", .. } => told(Code::NotFound)
            .hint("kitbag members PACK shows who is in it, kitbag policy show PACK who ever was; for somebody new: kitbag share PACK"),
        EngineError::NotFound { what: "request", .. } => told(Code::NotFound).hint(
            "by the start of its id or the three check words in quotes: kitbag share requests",
        ),
        EngineError::NotFound { what: "invite", .. } => {
            told(Code::NotFound).hint("kitbag share list PACK shows the ids of its tickets")
        }
        EngineError::NotFound {
            what: "ticket that waits",
            ..
        } => told(Code::NotFound).hint("kitbag status shows the ids of your tickets that wait"),
        EngineError::NotFound {
            what: "hand-off", ..
        } => told(Code::NotFound).hint("kitbag handoff list --all shows the ids of your hand-offs"),
        EngineError::NotFound { .. } => told(Code::NotFound),
        EngineError::Ambiguous { candidates, .. } => {
            told(Code::Ambiguous).hint(format!("say more of it; it fits {}", candidates.join(", ")))
        }
        EngineError::Denied { reason, hint } => Failure {
            code: Code::Denied,
            message: reason.clone(),
            hint: hint.clone(),
        },
        EngineError::NeedsConsent { reason, hint } => Failure {
            code: Code::ConsentRequired,
            message: reason.clone(),
            hint: hint.clone(),
        },
        EngineError::Ended(ending) => Failure::new(
            Code::Denied,
            format!(
                "{ending} on {}: you keep what you had; nothing new reaches you",
                time(ending.at).in_words()
            ),
        )
        .hint("only one of its admins can let you in again"),
        EngineError::BeyondUndo(beyond) => beyond_undo(*beyond),
        EngineError::Handoff(refused) => handoff(refused),
        EngineError::Agent(denied) => agent_denied(*denied),
        EngineError::BadInput { .. } => told(Code::BadInput),
        EngineError::Ticket(problem) => ticket(problem),
        EngineError::NoPeer { .. } => told(Code::NoPeer),
        EngineError::TimedOut => told(Code::TimedOut),
        EngineError::Locked { lacks, .. } => Failure {
            hint: to_unlock(*lacks).map(str::to_owned),
            ..told(Code::Locked)
        },
        EngineError::Missing { .. } => told(Code::Integrity).hint(
            "put it back from a backup; to begin anew as somebody else, move the whole home away: kitbag up makes another",
        ),
        EngineError::NotInitialised => not_initialised(),
        EngineError::AlreadyRunning => told(Code::AlreadyRunning),
        EngineError::Integrity { .. } => told(Code::Integrity),
        EngineError::Conflict { .. } => told(Code::Conflict),
        EngineError::File { .. } | EngineError::Storage { .. } => told(Code::Storage),
        EngineError::Network { .. } => told(Code::Network),
        EngineError::Stopped => Failure::new(Code::DaemonUnreachable, "the daemon is stopping"),
        EngineError::Fault => told(Code::Internal)
            .hint("kitbag doctor, once the daemon is down, says whether the database is damaged"),
        _ => told(Code::Internal),
    }
}

/// Why an agent may not. What it is told names nothing that it may not see.
pub(crate) fn agent_denied(denied: AgentDenied) -> Failure {
    let code = match denied {
        AgentDenied::Secret => Code::AgentSecret,
        AgentDenied::Revoked => Code::AgentRevoked,
        AgentDenied::Paused => Code::AgentPaused,
        AgentDenied::Expired => Code::AgentExpired,
        AgentDenied::Tokens { .. } => Code::AgentTokens,
        _ => Code::AgentDenied,
    };
    let failure = Failure::new(code, denied.to_string());
    match denied {
        AgentDenied::Secret => failure.hint("kitbag agent list shows the agents of this device"),
        AgentDenied::Revoked | AgentDenied::Expired => {
            failure.hint("its person can add it again: kitbag agent add")
        }
        AgentDenied::Paused => {
            failure.hint("its person can let it go on: kitbag agent pause NAME --resume")
        }
        AgentDenied::Tokens { .. } => {
            failure.hint("ask for less; the count begins anew at midnight UTC")
        }
        _ => failure.hint("its person can give it more: kitbag agent revoke NAME, then add"),
    }
}

/// Where the master key can be had from. Of a passphrase only the front end knows how it is given.
fn to_unlock(lacks: Lacks) -> Option<&'static str> {
    Some(match lacks {
        Lacks::RightPassphrase => {
            "try again; capitals and spaces count, and nothing else opens this device"
        }
        Lacks::KeyFile => {
            "put it back where it was, from a backup; without it nobody opens this device"
        }
        Lacks::PrivateKeyFile => {
            "chmod 600 makes it yours alone; whoever read it can open a copy of this home"
        }
        Lacks::Keyring => "it is that of your desktop: log in there, and unlock it",
        Lacks::NewKeyring => {
            "a keyring comes with a desktop session; other ways: --passphrase, --passphrase-file FILE or --key-file FILE"
        }
        _ => return None,
    })
}

/// What stands in the way of a hand-off, and the way out.
fn handoff(refused: &HandoffRefused) -> Failure {
    let told = |code| Failure::new(code, refused.to_string());
    match refused {
        HandoffRefused::Void { why, .. } => match why {
            Void::NotNow(_) | Void::TakenBy(_) | Void::OtherVersion | Void::TooLate => {
                told(Code::Conflict).hint("kitbag handoff show ID says where it stands, and what you may do")
            }
            Void::NotApproved => told(Code::Denied)
                .hint("kitbag handoff review ID --request asks for it; somebody else says yes: kitbag handoff review ID --approve"),
            Void::OtherMode => told(Code::BadInput),
            _ => told(Code::Denied).hint("kitbag handoff show ID says whom it is for, and who has it"),
        },
        HandoffRefused::MovedOn { .. } => told(Code::Conflict)
            .hint("kitbag handoff show ID says where it stands, and what you may do"),
        HandoffRefused::NotInPack { .. } => told(Code::NotFound).hint(
            "kitbag members PACK shows who is in it; to let somebody in: kitbag share PACK",
        ),
        HandoffRefused::Ambiguous { .. } => {
            told(Code::Ambiguous).hint("say more of the name, or the start of the person's id")
        }
        HandoffRefused::CannotAnswer { who, .. } => told(Code::Denied).hint(format!(
            "an admin can make them an editor: kitbag role PACK {who:?} editor"
        )),
        HandoffRefused::CannotOpen { who, .. } => told(Code::Denied).hint(format!(
            "leave out --sensitivity, or let them open more: kitbag role PACK {who:?} editor --clearance LEVEL"
        )),
        HandoffRefused::EmptyTeam { .. } => told(Code::NotFound)
            .hint("kitbag team list --pack PACK shows the teams, kitbag team add puts somebody in one"),
        HandoffRefused::Shows { .. } => told(Code::Denied).hint(
            "leave that out and cite the note; whoever may see it opens it there. Above that: --sensitivity restricted, for whoever opens it",
        ),
        HandoffRefused::NothingToCite { why } => {
            let failure = match why.starts_with("consent") {
                true => told(Code::ConsentRequired),
                false => told(Code::Denied),
            };
            failure.hint("cite notes that the receiver may open, or their masked copies")
        }
        _ => told(Code::BadInput),
    }
}

/// What repairs it instead, and how to undo what was written before it.
fn beyond_undo(beyond: Beyond) -> Failure {
    const BEFORE: &str = "what you wrote before it: kitbag undo NOTE";
    let (what, repair) = match beyond {
        Beyond::Relabelled(note) => (
            "made a note more or less sensitive",
            format!(
                "the way back: kitbag edit {} --sensitivity OLD; nothing before it is undone in that note, in others: kitbag undo NOTE",
                &note.to_string()[..10]
            ),
        ),
        Beyond::Shared => (
            "shared the pack",
            format!(
                "kitbag share list PACK shows the ticket; kitbag share cancel PACK ID takes it back; {BEFORE}"
            ),
        ),
        Beyond::Membership => (
            "changed what a member may do",
            format!(
                "kitbag role PACK WHO gives it back; kitbag unshare PACK WHO takes it away; {BEFORE}"
            ),
        ),
        Beyond::Rules => (
            "set the pack's rules",
            format!(
                "kitbag policy show PACK shows them; kitbag policy set PACK changes them; {BEFORE}"
            ),
        ),
        Beyond::Consent(note) => (
            "stated a consent where there was none",
            format!(
                "another statement takes its place: kitbag edit {} --consent STATUS",
                &note.to_string()[..10]
            ),
        ),
        Beyond::ConsentElsewhere(note) => (
            "stated a consent that holds for its notes in other packs too",
            format!(
                "say what holds now, of each of them: kitbag edit {} --consent STATUS",
                &note.to_string()[..10]
            ),
        ),
        Beyond::Left => (
            "left the pack",
            format!("ask one of its admins to let you in; {BEFORE}"),
        ),
    };
    let message =
        format!("undo does not take that back: the last thing you did was that you {what}");
    Failure::new(Code::Conflict, message).hint(repair)
}

pub(crate) fn ticket(problem: &TicketProblem) -> Failure {
    match problem {
        TicketProblem::Empty => Failure::new(Code::TicketEmpty, "there is no ticket in the input"),
        TicketProblem::NotATicket => Failure::new(Code::TicketNotATicket, "this is not a ticket"),
        TicketProblem::Malformed => Failure::new(Code::TicketMalformed, "the ticket is damaged"),
        TicketProblem::Checksum => Failure::new(
            Code::TicketChecksum,
            "the ticket is damaged: a character changed on the way",
        ),
        TicketProblem::Truncated => Failure::new(
            Code::TicketTruncated,
            "the ticket is cut off: its end is missing",
        ),
        TicketProblem::NewerVersion(_) => Failure::new(
            Code::TicketNewerVersion,
            "the ticket was made by a newer Kitbag",
        ),
        TicketProblem::Foreign { kind } => Failure::new(
            Code::TicketForeign,
            format!("this is a ticket of another kind ({kind}), not one for a pack"),
        ),
        TicketProblem::Expired { at } => Failure::new(
            Code::TicketExpired,
            format!("the ticket expired on {}", time(*at).in_words()),
        ),
        TicketProblem::Cancelled => Failure::new(
            Code::TicketCancelled,
            "whoever shared the pack took the ticket back",
        ),
        TicketProblem::AlreadyUsed { at, by } => Failure::new(
            Code::TicketAlreadyUsed,
            format!(
                "the ticket was used already: by {by}, on {}",
                time(*at).in_words()
            ),
        ),
        TicketProblem::Removed => Failure::new(
            Code::TicketRemoved,
            "you were removed from this pack; only one of its admins can let you in again",
        ),
        TicketProblem::Declined => {
            Failure::new(Code::TicketDeclined, "whoever was asked did not let you in")
        }
        TicketProblem::TryLater => Failure::new(
            Code::TicketTryLater,
            "the device that was asked cannot let anybody in at the moment",
        ),
        TicketProblem::UnknownInvite => Failure::new(
            Code::TicketUnknownInvite,
            "the device that was asked knows no such invite, or takes it no more",
        ),
        TicketProblem::Unreachable { .. } => Failure::new(
            Code::TicketUnreachable,
            "nobody whom the ticket names could be reached",
        ),
        _ => Failure::new(Code::TicketMalformed, problem.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kitbag_engine::ItemId;

    /// Goal: what an undo stops at names a way on, and never the command that stops there again.
    #[test]
    fn what_undo_does_not_take_back_names_a_way_on() {
        let note = ItemId::from_bytes([7; 32]);
        let moved = beyond_undo(Beyond::Relabelled(note)).hint.unwrap();
        let back = format!("kitbag edit {} --sensitivity", &note.to_string()[..10]);
        assert!(moved.contains(&back), "{moved}");
        assert!(moved.contains("in others: kitbag undo NOTE"), "{moved}");
        for beyond in [Beyond::Shared, Beyond::Membership, Beyond::Left] {
            let hint = beyond_undo(beyond).hint.unwrap();
            assert!(hint.ends_with("before it: kitbag undo NOTE"), "{hint}");
        }
    }
}
