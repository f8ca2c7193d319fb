//! The one place that decides whether a caller may have something done.
//!
//! Every route passes here, because a request type without an [`Operation`] has no route. An agent
//! may do what is made for agents and was given to it, and nothing else: it is denied unless an arm
//! says otherwise. What the policy of a pack says is decided by the engine, beneath.
//! Spec: `docs/spec/agents.md`.

use crate::failure::agent_denied;
use kitbag_engine::{AgentDenied, AgentGrant, Scope, Timestamp};
use kitbag_rpc::{
    AddAgent, AddNote, AgentAdd, AgentContext, AgentExplain, AgentFeedback, AgentListChanges,
    AgentListPacks, AgentReadNotes, AgentSearch, AgentUpdate, AgentWhoAmI, ApproveJoin,
    ArchivePack, AskWho, Caller, CancelInvite, CarryNote, ChangeSelection, CheckOrigin, CheckPack,
    Code, CreatePack, DeleteNote, DeleteSelection, DoHygiene, EditNote, ExplainPolicy, Failure,
    ForgetJoin, Health, ImportNotes, JoinPack, KeepAudit, ListAgents, ListInvites,
    ListJoinRequests, ListMembers, ListNotes, ListPacks, ListSelections, LockHome,
    LookAtHygieneGoes, LookAtHygieneReceipt, LookAtReceipt, LookForHygiene, PauseAgent, PlanExport,
    ReadAudit, ReadClip, ReadExport, ReadHistory, ReadMetrics, ReadStatus, ReadText, ReadWhy,
    RedactNote, RefuseJoin, RelabelNote, RememberClip, RenamePack, RetitlePack, ReviewPack,
    RevokeAgent, SaveSelection, SearchNotes, Sensitivity, SetRole, SetRules, SharePack, ShowNote,
    ShowPack, ShowPolicy, ShowSelection, SignReceipt, Stop, SupersedeNote, SyncPacks, TakeOver,
    TellExport, Undo, UnlockHome, UnsharePack, VerifyAudit, WhoAmI,
};
use std::sync::Arc;

/// The process at the other end of the socket, as the kernel knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) uid: u32,
    pub(crate) pid: Option<i32>,
}

/// Who asks: what the request says, what it proved, and what the kernel knows.
#[derive(Clone, Debug)]
pub(crate) struct Asker {
    pub(crate) says: Caller,
    /// The agent whose secret came with the request.
    pub(crate) agent: Option<Arc<AgentGrant>>,
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
    /// Asks, or says, for how long reports are kept.
    KeepAudit,
    /// Exchanges with members what they may have anyway.
    Sync,
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
}

impl Denied {
    /// The rule, as a report of the denial names it.
    pub(crate) const fn rule(self) -> &'static str {
        match self {
            Denied::OtherUser => "other user",
            Denied::NotAnAgent => "agents only",
            Denied::NotForAgents => "not for agents",
            Denied::Agent(denied) => denied.rule(),
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
        (Caller::Cli | Caller::Library { .. }, None) => for_person(operation),
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

fn for_person(operation: &Operation) -> Result<(), Denied> {
    match operation {
        Operation::AgentLook | Operation::Agent(_) => Err(Denied::NotAnAgent),
        _ => Ok(()),
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
    Read: ListAgents, CheckOrigin, ReadClip, LookAtReceipt, ListSelections, ShowSelection, ListPacks, ShowPack, ListNotes, ShowNote, ReadText, ReadHistory, ListMembers, ReviewPack, ListInvites, ListJoinRequests, AskWho, ExplainPolicy, ShowPolicy, CheckPack, ReadWhy, SearchNotes, ReadAudit, VerifyAudit, LookForHygiene, LookAtHygieneReceipt;
    Select: RememberClip, ChangeSelection, SaveSelection, DeleteSelection;
    Arrange: ArchivePack, RenamePack;
    Write: CreatePack, RetitlePack, AddNote, ImportNotes, EditNote, DeleteNote, Undo, RelabelNote, SupersedeNote, RedactNote, CarryNote, TakeOver, DoHygiene;
    ChangeMembers: UnsharePack, SetRole;
    ChangeRules: SetRules;
    Join: JoinPack, ForgetJoin;
    Admit: ApproveJoin;
    TurnAway: CancelInvite, RefuseJoin;
    KeepAudit: KeepAudit;
    Sync: SyncPacks;
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
}

impl Asks for SharePack {
    fn operation(&self) -> Operation {
        Operation::Share {
            clearance: self.clearance,
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
    use kitbag_engine::{Agent, AgentId, AgentSecret, AgentTerms, PackId};

    const OPERATIONS: [Operation; 20] = [
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
            peer: Peer { uid, pid: Some(7) },
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
