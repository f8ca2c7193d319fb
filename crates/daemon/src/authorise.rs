//! The one place that decides whether a caller may have something done.
//!
//! Every route passes here, because a request type without an [`Operation`] has no route. Today
//! there is one kind of person behind a socket that only they can open, so the rules are few; the
//! unlocked session and agents will be more arms of the same match. What the policy of a pack says
//! is decided by the engine, beneath.

use kitbag_rpc::{
    ActOnHandoff, AddNote, ApproveJoin, ArchivePack, AskWho, Caller, CancelInvite, CarryNote, ChangeSelection, ChangeTeam, CheckOrigin, CheckPack, Code, CreatePack, DeleteNote, DeleteSelection, DoHygiene, DraftHandoff, EditNote, ExplainPolicy, Failure, ForgetJoin, HandoffAct, Health, ImportNotes, JoinPack, KeepAudit, ListEscalation, ListHandoffs, ListInvites, ListJoinRequests, ListMembers, ListNotes, ListPacks, ListSelections, LockHome, LookAtHygieneGoes, LookAtHygieneReceipt, LookAtReceipt, LookForHygiene, MarkHandoff, PlanExport, ReadAudit, ReadClip, ReadExport, ReadHistory, ReadInbox, ReadMetrics, ReadStatus, ReadText, ReadWhy, RedactNote, RefuseJoin, RelabelNote, RememberClip, RenamePack, RetitlePack, ReviewPack, SaveSelection, SearchNotes, Sensitivity, SetEscalation, SetRole, SetRules, SharePack, ShowHandoff, ShowNote, ShowPack, ShowPolicy, ShowSelection, SignReceipt, Stop, SupersedeNote, SyncPacks, TakeOver, TellExport, Undo, UnlockHome, UnsharePack, VerifyAudit, WhoAmI,
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
    /// Makes the daemon forget the key of its home.
    Lock,
    /// Opens the home again, for who brings what that takes.
    Unlock,
    /// Reads packs, notes or members.
    Read,
    /// Takes notes out of a pack: up to its default, or above that up to this sensitivity.
    Export {
        max_sensitivity: Option<Sensitivity>,
    },
    /// Puts notes together on this device, where nobody else learns of it.
    Select,
    /// Names packs and puts them away on this device, where nobody else learns of it.
    Arrange,
    /// Creates a pack, adds, edits or relabels a note.
    Write,
    /// Gives others access, up to this sensitivity.
    Share { clearance: Sensitivity },
    /// Removes members, gives them other roles, or leaves; looking at what that would do, too.
    ChangeMembers,
    /// Says what may leave a pack, and whose it is; looking at what that would do, too.
    ChangeRules,
    /// Lets somebody in who asked.
    Admit,
    /// Takes a ticket back, or turns somebody away who asked.
    TurnAway,
    /// Becomes a member of somebody's pack.
    Join,
    /// Asks, or says, for how long reports are kept.
    KeepAudit,
    /// Exchanges with members what they may have anyway.
    Sync,
    /// Drafts and sends hand-offs, asks and answers about them, withdraws what was sent.
    HandOver,
    /// Says yes or no for a person: takes, refuses, decides, completes, approves, passes on.
    Decide,
}

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// Another user of this machine.
    OtherUser,
}

/// Whether this caller may have this done.
pub(crate) fn authorise(asker: &Asker, operation: &Operation) -> Result<(), Denied> {
    if !same_user(asker.peer, asker.daemon_uid) {
        return Err(Denied::OtherUser);
    }
    match (&asker.says, *operation) {
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
    LookAtDaemon: Health, ReadMetrics, WhoAmI, ReadStatus;
    StopDaemon: Stop;
    Lock: LockHome;
    Unlock: UnlockHome;
    Read: ShowHandoff, ListHandoffs, ReadInbox, MarkHandoff, CheckOrigin, ReadClip, LookAtReceipt, ListSelections, ShowSelection, ListPacks, ShowPack, ListNotes, ShowNote, ReadText, ReadHistory, ListMembers, ReviewPack, ListInvites, ListJoinRequests, AskWho, ExplainPolicy, ShowPolicy, CheckPack, ReadWhy, SearchNotes, ReadAudit, VerifyAudit, LookForHygiene, LookAtHygieneReceipt, ListEscalation;
    Select: RememberClip, ChangeSelection, SaveSelection, DeleteSelection;
    Arrange: ArchivePack, RenamePack;
    Write: CreatePack, RetitlePack, AddNote, ImportNotes, EditNote, DeleteNote, Undo, RelabelNote, SupersedeNote, RedactNote, CarryNote, TakeOver, DoHygiene;
    ChangeMembers: UnsharePack, SetRole;
    ChangeRules: SetRules, SetEscalation, ChangeTeam;
    Join: JoinPack, ForgetJoin;
    Admit: ApproveJoin;
    TurnAway: CancelInvite, RefuseJoin;
    KeepAudit: KeepAudit;
    Sync: SyncPacks;
    HandOver: DraftHandoff;
}

impl Asks for SharePack {
    fn operation(&self) -> Operation {
        Operation::Share {
            clearance: self.clearance,
        }
    }
}

impl Asks for ActOnHandoff {
    fn operation(&self) -> Operation {
        match &self.act {
            HandoffAct::RequestReview {}
            | HandoffAct::Submit {}
            | HandoffAct::Cancel { .. }
            | HandoffAct::Ask { .. }
            | HandoffAct::Answer { .. }
            | HandoffAct::Start {}
            | HandoffAct::Supersede { .. } => Operation::HandOver,
            HandoffAct::ApproveDraft {}
            | HandoffAct::ReturnDraft { .. }
            | HandoffAct::Accept {}
            | HandoffAct::Reject { .. }
            | HandoffAct::Reassign { .. }
            | HandoffAct::Complete(_)
            | HandoffAct::Decide { .. } => Operation::Decide,
        }
    }
}

impl Asks for LookAtHygieneGoes {
    fn operation(&self) -> Operation {
        match self.receipt_of {
            Some(_) => Operation::Write, // the device signs, as for what it does
            None => Operation::Read,
        }
    }
}

impl Asks for PlanExport {
    fn operation(&self) -> Operation {
        Operation::Export {
            max_sensitivity: self.export.max_sensitivity,
        }
    }
}

/// As much as the export that it is of.
impl Asks for SignReceipt {
    fn operation(&self) -> Operation {
        let packs = self.packs.iter();
        Operation::Export {
            max_sensitivity: packs.map(|pack| pack.max_sensitivity).max(),
        }
    }
}

impl Asks for TellExport {
    fn operation(&self) -> Operation {
        Operation::Export {
            max_sensitivity: self.export.max_sensitivity,
        }
    }
}

impl Asks for ReadExport {
    fn operation(&self) -> Operation {
        Operation::Export {
            max_sensitivity: self.export.max_sensitivity,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPERATIONS: [Operation; 21] = [
        Operation::HandOver,
        Operation::Decide,
        Operation::Select,
        Operation::Arrange,
        Operation::LookAtDaemon,
        Operation::StopDaemon,
        Operation::Lock,
        Operation::Unlock,
        Operation::Read,
        Operation::Export {
            max_sensitivity: None,
        },
        Operation::Export {
            max_sensitivity: Some(Sensitivity::Restricted),
        },
        Operation::Write,
        Operation::Share {
            clearance: Sensitivity::Public,
        },
        Operation::Share {
            clearance: Sensitivity::Restricted,
        },
        Operation::ChangeMembers,
        Operation::ChangeRules,
        Operation::Admit,
        Operation::TurnAway,
        Operation::Join,
        Operation::KeepAudit,
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
}
