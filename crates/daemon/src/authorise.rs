//! The one place that decides whether a caller may have something done.
//!
//! Every route passes here, because a request type without an [`Operation`] has no route. An agent
//! may do what is made for agents and was given to it, and nothing else: it is denied unless an arm
//! says otherwise. What the policy of a pack says is decided by the engine, beneath.
//! Spec: `docs/spec/agents.md`.

use crate::api::sessions::needed;
use crate::failure::agent_denied;
use crate::sessions::Session;
use crate::terminal::Terminal;
use kitbag_engine::{AgentDenied, AgentGrant, Scope, Timestamp};
use kitbag_rpc::{
    ActOnHandoff, AddAgent, AddNote, AgentAdd, AgentCheckRules, AgentContext, AgentCreateHandoff,
    AgentExplain, AgentFeedback, AgentGetHandoff, AgentListChanges, AgentListHandoffs,
    AgentListPacks, AgentReadNotes, AgentRespondHandoff, AgentSearch, AgentUpdate, AgentWhoAmI,
    ApproveJoin, ArchivePack, AskWho, Caller, CancelInvite, CarryNote, ChangeProof,
    ChangeSelection, ChangeTeam, CheckOrigin, CheckPack, CloseSession, Code, CreatePack,
    DeleteNote, DeleteSelection, DoHygiene, DraftHandoff, EditNote, ExplainPolicy, Failure,
    ForgetJoin, HandoffAct, Health, ImportNotes, JoinPack, KeepAudit, ListAgents, ListEscalation,
    ListHandoffs, ListInvites, ListJoinRequests, ListMembers, ListNotes, ListPacks, ListSelections,
    LockHome, LookAtHygieneGoes, LookAtHygieneReceipt, LookAtReceipt, LookForHygiene, MarkHandoff,
    OpenSession, PauseAgent, PlanExport, ReadAudit, ReadClip, ReadExport, ReadHistory, ReadInbox,
    ReadMetrics, ReadSession, ReadStatus, ReadText, ReadWhy, RedactNote, RefuseJoin, RelabelNote,
    RememberClip, RenamePack, RetitlePack, ReviewPack, RevokeAgent, SaveSelection, SearchNotes,
    Sensitivity, SetEscalation, SetRole, SetRules, SharePack, ShowHandoff, ShowNote, ShowPack,
    ShowPolicy, ShowSelection, SignReceipt, Stop, SupersedeNote, SyncPacks, TakeOver, TellExport,
    Undo, UnlockHome, UnsharePack, VerifyAudit, WhoAmI,
};
use std::sync::Arc;

/// The process at the other end of the socket, as the kernel knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) uid: u32,
    pub(crate) pid: Option<i32>,
    /// The terminal that it belonged to when it connected.
    pub(crate) terminal: Option<Terminal>,
}

/// Who asks: what the request says, what it proved, and what the kernel knows.
#[derive(Clone, Debug)]
pub(crate) struct Asker {
    pub(crate) says: Caller,
    /// The agent whose secret came with the request.
    pub(crate) agent: Option<Arc<AgentGrant>>,
    /// Whether a person unlocked the terminal that it comes from.
    pub(crate) session: Session,
    pub(crate) peer: Peer,
    /// The user of this process.
    pub(crate) daemon_uid: u32,
    /// When it asked.
    pub(crate) at: Timestamp,
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
    /// Says for how long reports are kept.
    KeepAudit,
    /// Takes out all that was reported.
    ExportAudit,
    /// Looks through all notes for what is in the way, and shows what it finds.
    LookThrough,
    /// Says how the key is kept, or what proves a person.
    ChangeProof,
    /// Exchanges with members what they may have anyway.
    Sync,
    /// Drafts and sends hand-offs, asks and answers about them, withdraws what was sent.
    HandOver,
    /// Says yes or no for a person: takes, refuses, decides, completes, approves, passes on.
    Decide,
    /// Adds agents, lets them go on, ends them.
    ManageAgents,
    /// An agent asks who it is.
    AgentLook,
    /// An agent uses what it was given: in its packs, up to its clearance, which handlers ask of its
    /// grant.
    Agent(Scope),
}

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// Another user of this machine.
    OtherUser,
    /// A request that only agents make, by somebody else.
    NotAnAgent,
    /// A request that no agent makes, by one.
    NotForAgents,
    /// The agent was not given that.
    Agent(AgentDenied),
    /// It takes a session, and there is none in this terminal.
    NeedsSession,
}

impl Denied {
    /// The rule, as a report of the denial names it.
    pub(crate) const fn rule(self) -> &'static str {
        match self {
            Denied::OtherUser => "other user",
            Denied::NotAnAgent => "agents only",
            Denied::NotForAgents => "not for agents",
            Denied::Agent(denied) => denied.rule(),
            Denied::NeedsSession => "session",
        }
    }
}

/// Whether this caller may have this done.
pub(crate) fn authorise(asker: &Asker, operation: &Operation) -> Result<(), Denied> {
    if !same_user(asker.peer, asker.daemon_uid) {
        return Err(Denied::OtherUser);
    }
    match (&asker.says, &asker.agent) {
        (Caller::Agent { .. }, Some(agent)) => for_agent(agent, operation, asker.at),
        (Caller::Agent { .. }, None) => Err(Denied::Agent(AgentDenied::Secret)),
        (Caller::Cli | Caller::Library { .. }, None) => for_person(asker.session, operation),
        (_, _) => Err(Denied::OtherUser),
    }
}

/// Nothing but what is made for agents: a new operation is denied to them until somebody decides.
fn for_agent(agent: &AgentGrant, operation: &Operation, at: Timestamp) -> Result<(), Denied> {
    match operation {
        Operation::AgentLook => agent.agent().standing(at).map_err(Denied::Agent),
        Operation::Agent(scope) => agent.has(*scope, at).map_err(Denied::Agent),
        _ => Err(Denied::NotForAgents),
    }
}

fn for_person(session: Session, operation: &Operation) -> Result<(), Denied> {
    match operation {
        Operation::AgentLook | Operation::Agent(_) => Err(Denied::NotAnAgent),
        guarded if guarded.is_guarded() && !session.is_enough() => Err(Denied::NeedsSession),
        _ => Ok(()),
    }
}

impl Operation {
    /// Whether a program with a shell could do harm with it that a person should know of: then it takes
    /// an unlocked session once there are agents. What depends on a pack or note, handlers ask.
    const fn is_guarded(self) -> bool {
        match self {
            Operation::Share { .. }
            | Operation::ChangeMembers
            | Operation::ChangeRules
            | Operation::Admit
            | Operation::TurnAway
            | Operation::KeepAudit
            | Operation::ExportAudit
            | Operation::LookThrough
            | Operation::ChangeProof
            | Operation::Decide
            | Operation::ManageAgents => true,
            Operation::Export { max_sensitivity } => matches!(
                max_sensitivity,
                Some(Sensitivity::Confidential | Sensitivity::Restricted)
            ),
            Operation::LookAtDaemon
            | Operation::StopDaemon
            | Operation::Lock
            | Operation::Unlock
            | Operation::Read
            | Operation::Select
            | Operation::Arrange
            | Operation::Write
            | Operation::HandOver
            | Operation::Join
            | Operation::Sync
            | Operation::AgentLook
            | Operation::Agent(_) => false,
        }
    }

    /// The word in a report of its denial.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Operation::LookAtDaemon => "look at daemon",
            Operation::StopDaemon => "stop daemon",
            Operation::Lock => "lock",
            Operation::Unlock => "unlock",
            Operation::Read => "read",
            Operation::Export { .. } => "export",
            Operation::Select => "select",
            Operation::Arrange => "arrange",
            Operation::Write => "write",
            Operation::Share { .. } => "share",
            Operation::ChangeMembers => "members",
            Operation::ChangeRules => "rules",
            Operation::Admit => "admit",
            Operation::TurnAway => "turn away",
            Operation::Join => "join",
            Operation::KeepAudit => "audit keep",
            Operation::ExportAudit => "audit export",
            Operation::LookThrough => "hygiene report",
            Operation::ChangeProof => "key",
            Operation::HandOver => "hand over",
            Operation::Decide => "decide",
            Operation::Sync => "sync",
            Operation::ManageAgents => "agents",
            Operation::AgentLook => "agent look",
            Operation::Agent(scope) => scope.as_str(),
        }
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
            Denied::NotAnAgent => Failure::new(Code::CallerDenied, "only an agent asks that")
                .hint("kitbag agent list shows what your agents may"),
            Denied::NotForAgents => Failure::new(Code::AgentDenied, "no agent may do that")
                .hint("a person does it: say what is to be done, and why"),
            Denied::Agent(denied) => agent_denied(denied),
            Denied::NeedsSession => needed("that"),
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
    LookAtDaemon: ReadSession, Health, ReadMetrics, WhoAmI, ReadStatus;
    StopDaemon: Stop;
    Lock: LockHome, CloseSession;
    Unlock: UnlockHome, OpenSession;
    ChangeProof: ChangeProof;
    LookThrough: LookForHygiene;
    Read: ShowHandoff, ListHandoffs, ReadInbox, MarkHandoff, ListEscalation, ListAgents, CheckOrigin, ReadClip, LookAtReceipt, ListSelections, ShowSelection, ListPacks, ShowPack, ListNotes, ShowNote, ReadText, ReadHistory, ListMembers, ReviewPack, ListInvites, ListJoinRequests, AskWho, ExplainPolicy, ShowPolicy, CheckPack, ReadWhy, SearchNotes, VerifyAudit, TellExport, LookAtHygieneReceipt;
    Select: RememberClip, ChangeSelection, SaveSelection, DeleteSelection;
    Arrange: ArchivePack, RenamePack;
    Write: CreatePack, RetitlePack, AddNote, ImportNotes, EditNote, DeleteNote, Undo, RelabelNote, SupersedeNote, RedactNote, CarryNote, TakeOver, DoHygiene;
    ChangeMembers: UnsharePack, SetRole;
    ChangeRules: SetRules, SetEscalation, ChangeTeam;
    Join: JoinPack, ForgetJoin;
    Admit: ApproveJoin;
    TurnAway: CancelInvite, RefuseJoin;
    Sync: SyncPacks;
    HandOver: DraftHandoff;
    ManageAgents: AddAgent, PauseAgent, RevokeAgent;
    AgentLook: AgentWhoAmI;
}

macro_rules! agents_ask {
    ($($scope:ident: $($request:ty),+;)+) => {
        $($(impl Asks for $request {
            fn operation(&self) -> Operation {
                Operation::Agent(Scope::$scope)
            }
        })+)+
    };
}

agents_ask! {
    Read: AgentReadNotes, AgentContext;
    Search: AgentListPacks, AgentSearch, AgentListChanges, AgentExplain;
    Add: AgentAdd;
    Update: AgentUpdate;
    Feedback: AgentFeedback;
    Handoff: AgentCheckRules, AgentCreateHandoff, AgentListHandoffs, AgentGetHandoff, AgentRespondHandoff;
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

impl Asks for ReadAudit {
    fn operation(&self) -> Operation {
        match self.whole {
            true => Operation::ExportAudit,
            false => Operation::Read,
        }
    }
}

impl Asks for KeepAudit {
    fn operation(&self) -> Operation {
        match self.days {
            Some(_) => Operation::KeepAudit,
            None => Operation::Read,
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
    use kitbag_engine::{Agent, AgentId, AgentSecret, AgentTerms, PackId};

    const OPERATIONS: [Operation; 25] = [
        Operation::HandOver,
        Operation::ExportAudit,
        Operation::LookThrough,
        Operation::ChangeProof,
        Operation::Decide,
        Operation::ManageAgents,
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
            agent: None,
            session: Session::NotNeeded,
            peer: Peer {
                uid,
                pid: Some(7),
                terminal: None,
            },
            daemon_uid: 1000,
            at: NOW,
        }
    }

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn agent(scopes: &[Scope], ends_in: u64) -> Asker {
        let secret = AgentSecret::from_bytes([1; 32]);
        let terms = AgentTerms {
            name: "claude".parse().unwrap(),
            packs: [PackId::from_bytes([1; 32])].into(),
            clearance: kitbag_engine::Sensitivity::Internal,
            scopes: scopes.iter().copied().collect(),
            expires_at: Timestamp::from_millis(NOW.as_millis() + ends_in),
            max_tokens: 1,
            proposes: false,
            purpose: None,
            reads_go_to: "somewhere".into(),
        };
        let agent = Agent::new(AgentId::from_bytes([1; 16]), &secret, NOW, terms).unwrap();
        let grant = AgentGrant::of(&[agent], "claude", Some(&secret), NOW).unwrap();
        Asker {
            says: Caller::Agent {
                name: "claude".into(),
            },
            agent: Some(Arc::new(grant)),
            ..asker(1000)
        }
    }

    /// Goal: with agents on the device, each act that shares, rules or takes out needs a session, and the
    /// daily work does not.
    #[test]
    fn guarded_acts_need_a_session_and_the_others_none() {
        for operation in OPERATIONS {
            let with = |session| {
                let asker = Asker {
                    session,
                    ..asker(1000)
                };
                authorise(&asker, &operation)
            };
            let free = matches!(
                operation,
                Operation::Select
                    | Operation::Arrange
                    | Operation::LookAtDaemon
                    | Operation::StopDaemon
                    | Operation::Lock
                    | Operation::Unlock
                    | Operation::Read
                    | Operation::Write
                    | Operation::HandOver
                    | Operation::Join
                    | Operation::Sync
                    | Operation::Export {
                        max_sensitivity: None
                    }
            );
            assert_eq!(with(Session::NotNeeded), Ok(()));
            assert_eq!(with(Session::Open), Ok(()));
            let closed = match free {
                true => Ok(()),
                false => Err(Denied::NeedsSession),
            };
            assert_eq!(with(Session::Closed), closed, "{operation:?}");
        }
    }

    /// Goal: an agent does nothing but what is made for agents, and of that what it was given.
    #[test]
    fn an_agent_is_denied_everything_that_nobody_gave_it() {
        for scope in Scope::ALL {
            let asker = agent(&[scope], 1000);
            for operation in OPERATIONS {
                let denied = authorise(&asker, &operation);
                assert_eq!(denied, Err(Denied::NotForAgents), "{operation:?}");
            }
            assert_eq!(authorise(&asker, &Operation::AgentLook), Ok(()));
            for other in Scope::ALL {
                let expected = match other == scope {
                    true => Ok(()),
                    false => Err(Denied::Agent(AgentDenied::Scope(other))),
                };
                assert_eq!(authorise(&asker, &Operation::Agent(other)), expected);
            }
        }
        let mut over = agent(&Scope::ALL, 1000);
        over.at = Timestamp::from_millis(NOW.as_millis() + 1000);
        for operation in [Operation::AgentLook, Operation::Agent(Scope::Read)] {
            let expired = Err(Denied::Agent(AgentDenied::Expired));
            assert_eq!(authorise(&over, &operation), expired);
        }
        let unproven = Asker {
            agent: None,
            ..agent(&Scope::ALL, 1000)
        };
        let claimed = Asker {
            says: Caller::Cli,
            ..agent(&Scope::ALL, 1000)
        };
        let elsewhere = Asker {
            peer: asker(999).peer,
            ..agent(&Scope::ALL, 1000)
        };
        let agents = [Operation::AgentLook, Operation::Agent(Scope::Read)];
        for operation in OPERATIONS.into_iter().chain(agents) {
            let no_secret = Err(Denied::Agent(AgentDenied::Secret));
            assert_eq!(authorise(&unproven, &operation), no_secret);
            assert_eq!(authorise(&claimed, &operation), Err(Denied::OtherUser));
            assert_eq!(authorise(&elsewhere, &operation), Err(Denied::OtherUser));
        }
        for operation in agents {
            let person = authorise(&asker(1000), &operation);
            assert_eq!(person, Err(Denied::NotAnAgent));
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
