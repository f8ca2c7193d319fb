//! The one place that decides whether a caller may have something done.
//!
//! Every route passes here, because a request type without an [`Operation`] has no route. Today
//! there is one kind of person behind a socket that only they can open, so the rules are few; the
//! unlocked session and agents will be more arms of the same match. What the policy of a pack says
//! is decided by the engine, beneath.

use kitbag_rpc::{
    AddNote, AskWho, Caller, CheckPack, Code, CreatePack, EditNote, ExplainPolicy, Failure, Health,
    JoinPack, ListMembers, ListNotes, ListPacks, ReadHistory, ReadStatus, ReadWhy, Sensitivity,
    SharePack, ShowNote, ShowPack, ShowPolicy, Stop, SyncPacks, WhoAmI,
};

/// The process at the other end of the socket, as the kernel knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) uid: u32,
    pub(crate) pid: Option<i32>,
}

/// Who asks: what the request says and what the kernel knows.
#[derive(Clone, Debug)]
pub(crate) struct Asker {
    pub(crate) says: Caller,
    pub(crate) peer: Peer,
    /// The user of this process.
    pub(crate) daemon_uid: u32,
}

/// What is asked for, as far as the decision needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Looks at the daemon, not at packs.
    LookAtDaemon,
    /// Stops the daemon.
    StopDaemon,
    /// Reads packs, notes or members.
    Read,
    /// Creates a pack, adds or edits a note.
    Write,
    /// Gives others access, up to this sensitivity.
    Share { clearance: Sensitivity },
    /// Becomes a member of somebody's pack.
    Join,
    /// Exchanges with members what they may have anyway.
    Sync,
}

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// Another user of this machine.
    OtherUser,
    /// So high that each joiner must be asked about, which cannot be done yet.
    MustAsk { clearance: Sensitivity },
}

/// Whether this caller may have this done.
pub(crate) fn authorise(asker: &Asker, operation: &Operation) -> Result<(), Denied> {
    if !same_user(asker.peer, asker.daemon_uid) {
        return Err(Denied::OtherUser);
    }
    match (&asker.says, *operation) {
        (_, Operation::Share { clearance }) if clearance > Sensitivity::Internal => {
            Err(Denied::MustAsk { clearance })
        }
        (Caller::Cli | Caller::Library { .. }, _) => Ok(()),
        (_, _) => Err(Denied::OtherUser),
    }
}

/// Whether the process at the other end belongs to the user of this one.
pub(crate) fn same_user(peer: Peer, daemon_uid: u32) -> bool {
    peer.uid == daemon_uid
}

impl From<Denied> for Failure {
    fn from(denied: Denied) -> Failure {
        match denied {
            Denied::OtherUser => {
                Failure::new(Code::CallerDenied, "this daemon serves another user")
            }
            Denied::MustAsk { clearance } => Failure::new(
                Code::AskRequired,
                format!(
                    "sharing up to {} needs to ask about each joiner, and that cannot be done yet",
                    clearance.title()
                ),
            )
            .hint("share up to internal or public; notes above stay closed to whoever joins"),
        }
    }
}

/// What a request asks for.
pub(crate) trait Asks {
    fn operation(&self) -> Operation;
}

macro_rules! asks {
    ($($operation:ident: $($request:ty),+;)+) => {
        $($(impl Asks for $request {
            fn operation(&self) -> Operation {
                Operation::$operation
            }
        })+)+
    };
}

asks! {
    LookAtDaemon: Health, WhoAmI, ReadStatus;
    StopDaemon: Stop;
    Read: ListPacks, ShowPack, ListNotes, ShowNote, ReadHistory, ListMembers,
        AskWho, ExplainPolicy, ShowPolicy, CheckPack, ReadWhy;
    Write: CreatePack, AddNote, EditNote;
    Join: JoinPack;
    Sync: SyncPacks;
}

impl Asks for SharePack {
    fn operation(&self) -> Operation {
        Operation::Share {
            clearance: self.clearance,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPERATIONS: [Operation; 8] = [
        Operation::LookAtDaemon,
        Operation::StopDaemon,
        Operation::Read,
        Operation::Write,
        Operation::Share {
            clearance: Sensitivity::Public,
        },
        Operation::Share {
            clearance: Sensitivity::Internal,
        },
        Operation::Join,
        Operation::Sync,
    ];

    fn asker(uid: u32) -> Asker {
        Asker {
            says: Caller::Cli,
            peer: Peer { uid, pid: Some(7) },
            daemon_uid: 1000,
        }
    }

    #[test]
    fn the_same_user_may_and_no_other_not_even_root() {
        for operation in OPERATIONS {
            assert_eq!(authorise(&asker(1000), &operation), Ok(()));
            for uid in [0, 999, 1001, u32::MAX] {
                assert_eq!(authorise(&asker(uid), &operation), Err(Denied::OtherUser));
            }
        }
    }

    #[test]
    fn whoever_calls_sharing_above_internal_is_refused() {
        let library = Caller::Library {
            name: "x".to_owned(),
        };
        for says in [Caller::Cli, library] {
            for clearance in [Sensitivity::Confidential, Sensitivity::Restricted] {
                let asker = Asker {
                    says: says.clone(),
                    ..asker(1000)
                };
                let denied = authorise(&asker, &Operation::Share { clearance }).unwrap_err();
                assert_eq!(denied, Denied::MustAsk { clearance });
                let failure = Failure::from(denied);
                assert_eq!(
                    (failure.code, failure.hint.is_some()),
                    (Code::AskRequired, true)
                );
            }
        }
    }
}
