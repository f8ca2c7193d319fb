//! The local API: its request and response types, and a small client.
//!
//! The daemon serves HTTP/1.1 with JSON bodies on a Unix socket that only its own user can reach.
//! Every request is one type that implements [`Call`]: the type names its path and its answer, so
//! client and daemon cannot drift apart. Every document carries `"v": 1`; a request with a field
//! that is not known is refused, an answer may grow fields. Every request says who calls
//! ([`Caller`]); what the daemon believes of it, its one authorisation function decides.
//!
//! Ids and endpoints are text here: this crate knows none of the others, so a front end that links
//! it links no engine. What can go wrong is one list, [`Code`], with an exit code each.
//! Described for users in `docs/cli.md`.

mod agent;
mod agent_calls;
mod audit;
mod call;
mod caller;
mod carrying;
mod client;
mod clip;
mod code;
mod escalation;
mod explain;
mod export;
mod failure;
mod handoff;
mod health;
mod hygiene;
mod import;
mod inspect;
mod invite;
mod lock;
mod member;
mod membership;
mod note;
mod pack;
mod receipt;
mod review;
mod rules;
mod search;
mod secret;
mod selection;
mod session;
mod share;
mod socket;
mod status;
mod superseding;
mod text;
mod time;
mod undo;

mod why;
mod words;

pub use agent::{
    AddAgent, AgentAdded, AgentChanged, AgentMe, AgentMePack, AgentOpens, AgentScope, AgentShown,
    AgentState, AgentWhoAmI, AgentsShown, ListAgents, PauseAgent, RevokeAgent, agent_secret_file,
};
pub use agent_calls::{
    AGENT_CONTEXT_TOKENS_MAX, AGENT_READ_NOTES_MAX, AGENT_READ_TOKENS_MAX, AGENT_RESULTS_MAX,
    AGENT_SEARCH_TOKENS_MAX, AgentAdd, AgentBundle, AgentChange, AgentChangesFound, AgentContext,
    AgentDropped, AgentExplain, AgentExplained, AgentFeedback, AgentFound, AgentHit,
    AgentListChanges, AgentListPacks, AgentNote, AgentNoteAdded, AgentNoteUpdated, AgentNotes,
    AgentPack, AgentPacks, AgentReadNotes, AgentSearch, AgentStep, AgentUpdate,
};
pub use audit::{
    Audit, AuditBroken, AuditDenial, AuditDevice, AuditExport, AuditKept, AuditKind, AuditMost,
    AuditPolicy, AuditRow, AuditVerified, ExportTold, KeepAudit, ReadAudit, TellExport,
    VerifyAudit,
};
pub use call::{
    AGENT_SECRET_HEADER, CALLER_HEADER, Call, Method, PATIENCE, REQUEST_BYTES_MAX, V1,
    decode_request,
};
pub use caller::{Caller, NotACaller};
pub use carrying::{CarryNote, NoteCarried};
pub use client::{ANSWER_BYTES_MAX, Client, ClientError};
pub use clip::{ClipRemembered, ReadClip, RememberClip};
pub use code::{Code, Exit};
pub use escalation::{
    ChangeTeam, EscalationGuard, EscalationRule, EscalationRules, EscalationSet, ListEscalation,
    SetEscalation, Team, TeamChange, TeamChanged, Teams,
};
pub use explain::{
    Access, AccessState, ActKind, ActShown, AskWho, CheckPack, Checked, ExplainPolicy, Explained,
    GrantHeld, GrantShown, Named, OpenTicket, PersonOpens, Policy, PolicyMember, Raised, Right,
    Rule, ShowPolicy, Tally, Terms, Tried, Via, WaitsFor, Who, Why,
};
pub use export::{
    EXPORT_PAGE_NOTES_MAX, ExportPage, ExportPlan, ExportWish, ExportedConsent, ExportedNote,
    ExportedPack, ExportedSource, PlanExport, ProducedBy, ReadExport, Withheld,
};
pub use failure::{ErrorDocument, Failure};
pub use handoff::{
    ActOnHandoff, AttemptWish, CompleteHandoff, CorrectionWish, DecidedWish, DraftHandoff,
    FactWish, Handoff, HandoffAct, HandoffAnswer, HandoffCorrection, HandoffFact, HandoffLeftOut,
    HandoffLine, HandoffOutcome, HandoffRef, HandoffSaid, HandoffSays, HandoffSide, HandoffStep,
    HandoffWish, HandoffWithheld, HandoffWritten, Handoffs, ListHandoffs, MarkHandoff, ReadInbox,
    RequestedWish, ShowHandoff, StepWish,
};
pub use health::{EngineMeters, Health, Healthy, Meters, ReadMetrics, ServeState};
pub use hygiene::{
    DoHygiene, HygieneAct, HygieneActed, HygieneAction, HygieneAlong, HygieneDone,
    HygieneDuplicate, HygieneFound, HygieneGo, HygieneGoes, HygieneGroup, HygieneKind, HygieneLeft,
    HygieneNote, HygieneOfKind, HygieneReads, HygieneReceiptKnown, HygieneReceiptNote,
    HygieneReceiptShown, HygieneWent, HygieneWith, LookAtHygieneGoes, LookAtHygieneReceipt,
    LookForHygiene,
};
pub use import::{
    Became, CheckOrigin, IMPORT_NOTES_MAX, ImportAudience, ImportNote, ImportNotes, ImportOrigin,
    ImportSource, Imported, ImportedNote, OriginChecked,
};
pub use inspect::{Field, Inspected, Part, Value};
pub use invite::{
    ApproveJoin, Asked, CancelInvite, ForgetJoin, Invite, InviteCancelled, InviteJoiner,
    InviteState, Invites, JoinAnswered, JoinForgotten, JoinRequest, JoinRequests, ListInvites,
    ListJoinRequests, RefuseJoin, WaitingJoin,
};
pub use lock::{HomeLocked, HomeUnlocked, LockHome, OpensWith, UnlockHome};
pub use member::{ListMembers, Member, Members};
pub use membership::{
    Ended, EndedTicket, Held, MembershipChange, NoteCount, PersonChange, PersonRef, RemovalKind,
    Rights, SetAsideOf, SetRole, UnsharePack,
};
pub use note::{
    AddNote, AudienceMember, BecameElsewhere, EditNote, FieldChange, History, ListNotes,
    MaskedCopy, MergedPlace, NewConsent, NewSource, Note, NoteAnswer, NoteEdited, NoteLine,
    NoteRef, NoteRelabelled, NoteWritten, Notes, ReadHistory, Redaction, RelabelNote, Revision,
    ShowNote, Source, StatedElsewhere,
};
pub use pack::{
    ArchivePack, CreatePack, ListPacks, Pack, PackAnswer, PackArchived, PackRef, PackRenamed,
    PackRetitled, Packs, RenamePack, RetitlePack, RulesUnclear, ShowPack,
};
pub use receipt::{
    Hex, LookAtReceipt, NotesSince, RECEIPT_REQUEST_BYTES_MAX, ReceiptAsked, ReceiptBundle,
    ReceiptFilter, ReceiptKnown, ReceiptNote, ReceiptPack, ReceiptSelection, ReceiptShown,
    ReceiptSigned, SignReceipt, SignerIn, WithheldBy,
};
pub use review::{
    Audience, Review, ReviewPack, SetAside, SetAsideKind, SetAsideWhy, TakeOver, TakeOverOutcome,
    Taken, TakenOver,
};
pub use rules::{
    NamedField, NamedId, PackLimits, PackRules, ReleaseShown, RulesChanged, SetLimits, SetRules,
    Setting,
};
pub use search::{
    EmptyReason, Found, Hit, NoteFilter, SEARCH_PACKS_MAX, Score, ScoreFactor, ScorePart,
    SearchNotes,
};
pub use secret::Secret;
pub use selection::{
    ChangeSelection, DeleteSelection, ListSelections, SELECTION_NAMES_MAX, SaveSelection,
    SelectMatching, SelectedNote, SelectionChanged, SelectionDeleted, SelectionLine,
    SelectionSaved, SelectionShown, Selections, ShowSelection, WORKING_SELECTION,
};
pub use session::{
    ChangeProof, CloseSession, OpenSession, ReadSession, SessionClosed, SessionProof, SessionShown,
};
pub use share::{JoinPack, JoinState, Joined, SharePack, Shared, TicketAnswer, TicketInfo};
pub use socket::{
    LOCK_FILE, LOG_DIR, RECORD_FILE, RUN_DIR, SOCKET_FILE, SOCKET_PATH_BYTES_MAX, recorded_socket,
};
pub use status::{
    Device, Fork, Me, PackStatus, Peer, PeerState, PeerStatus, Person, ReadStatus, Status, Stop,
    Stopping, SyncPacks, Synced, WhoAmI,
};
pub use superseding::{NoteRedacted, NoteSuperseded, RedactNote, SupersedeNote};
pub use text::{NOTE_REQUEST_BYTES_MAX, ReadText, TEXT_BYTES_MAX, TextPiece};
pub use time::Time;
pub use undo::{DeleteNote, Deletion, Listed, NoteDeleted, RunUndone, Undo, Undone, UndoneWrite};
pub use why::{AsideBy, Because, PackWhy, ReadWhy, Renewal, Waiting, WaitingFor, WhyAnswer};
pub use words::{Role, Sensitivity};
