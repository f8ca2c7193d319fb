//! The shell around the node: tokio, the network, and the public Rust API.
//!
//! [`Engine`] is a cheap handle. Behind it one thread owns the node, the only holder of the database,
//! and a few tasks move frames between it and the network. Persist, then send, then notify: that
//! order is the node's, and this crate only obeys it. Being offline is a normal state: everything but
//! sharing over the network works the same.
//!
//! ```no_run
//! use kitbag_engine::{Engine, NewNote, NewSource, Sensitivity, Settings, initialise};
//!
//! # async fn example() -> Result<(), kitbag_engine::EngineError> {
//! let home = std::path::Path::new("/tmp/kitbag-example");
//! initialise(home, "Ada", "laptop", None)?;
//! let engine = Engine::open(Settings::new(home), None).await?;
//! let pack = engine.create_pack("Acme".into(), Sensitivity::Internal).await?;
//! let source = NewSource { label: "phone call, Monday".into(), ..NewSource::default() };
//! engine.add_note(pack.id, NewNote { title: "Renewal".into(), source, ..NewNote::default() }).await?;
//! engine.shutdown().await;
//! # Ok(()) }
//! ```

mod agent_reads;
mod agent_writes;
mod agents;
mod asking;
mod audit;
mod capturing;
mod editing;
mod error;
mod escalation;
mod examine;
mod explain;
mod finding;
mod handoffs;
mod home;
mod hygiene;
mod join;
mod keyring;
mod members;
mod meters;
mod network;
mod packs;
mod places;
mod protect;
mod random;
mod receipts;
mod release;
mod remembered;
mod review;
mod screening;
mod selections;
mod sessions;
mod settings;
mod status;
mod text;
mod undo;
mod worker;

pub use agent_writes::{AgentAdded, AgentAnswer, AgentEdit, AgentNote};
pub use agents::AddedAgent;
pub use capturing::{Arriving, CapturedNote, CapturedNotes, ToCapture};
pub use editing::Edited;
pub use error::{EngineError, Lacks, TicketProblem};
pub use examine::{Examined, examine};
pub use finding::RedactedPage;
pub use handoffs::{Completing, Drafting, HandoffDrafted};
pub use home::{
    KeyChoice, KeyProtection, check_home, home_is_initialised, initialise, key_protection,
};
pub use kitbag_core::agent::{
    AGENT_TOKENS_DEFAULT, AGENT_TTL_MILLIS_DEFAULT, Agent, AgentDenied, AgentError, AgentGrant,
    AgentId, AgentName, AgentTerms, Scope, secret_of as agent_secret_of,
};
pub use kitbag_core::content::report::{
    Exported, ExportedWhole, NoteStart, ReadPart, Report, Reported, Via, Written, WrittenTo,
};
pub use kitbag_core::escalation::{
    Action as EscalationAction, CaseFacts, Decision as EscalationDecision, Escalation,
    EscalationError, EscalationRule, Guard, Guards, Name, ReasonCode, To as EscalationTo,
    decide as decide_escalation,
};
pub use kitbag_core::export::{ConsentGap, Withheld};
pub use kitbag_core::filter::{Filter, FilterError, Listed};
pub use kitbag_core::handoff::{
    Act as HandoffAct, Addressee, Agent as HandoffAgent, Attempt, Decided, Decision, Disposition,
    Draft as HandoffDraft, Fact, Feedback, Mode as HandoffMode, NextStep, Outcome, Priority,
    Reason, RequestedAction, Sla, State as HandoffState, Times, Tried as AttemptOutcome, Void,
};
pub use kitbag_core::hygiene_receipt::{
    HYGIENE_ALONG_MAX, HYGIENE_RECEIPT_BYTES_MAX, SignedHygieneReceipt,
    is_meant_as_one as is_hygiene_receipt,
};
pub use kitbag_core::id::{DeviceId, EntryHash, ImportKey, ItemId, PackId, PersonId, Timestamp};
pub use kitbag_core::inspect::{Inspection, NotARecord, Part, Value, inspect};
pub use kitbag_core::pack::note::{
    Claim, Consent, ConsentStatus, NoteType, Pii, ProducedBy as RecordProducedBy,
    Source as RecordSource, SourceKind, Status as NoteStatus, Trust, UnknownWord,
};
pub use kitbag_core::pack::{DateEdit, Record};
pub use kitbag_core::policy::op::LateDenials;
pub use kitbag_core::policy::rules::{
    Client, FieldName, IdForm, Limits, LimitsChange, NamedField, NamedId, PackKind, Purposes,
    ReleaseRules, Rules, RulesChange, RulesError, Setting, TeamChange, Teams, Unreadable,
};
pub use kitbag_core::policy::{Role, Sensitivity};
pub use kitbag_core::receipt::{
    Asked, AskedBudget, AskedFilter, AskedSelection, Bundle, MaskedKind, RECEIPT_BYTES_MAX,
    Receipt, ReceiptError, ReceiptNote, ReceiptPack, SignedReceipt, WithheldBy,
};
pub use kitbag_core::release::{Destination, Verdict};
pub use kitbag_core::search::{Field, Kind, Score, ScoreFactor, ScorePart, Snippet};
pub use kitbag_core::selection::{Chosen, Selection, WORKING};
pub use kitbag_core::session::SESSION_MILLIS;
pub use kitbag_crypto::AgentSecret;
pub use kitbag_node::Notice;
pub use kitbag_node::agent_changes::{
    AGENT_CHANGES_MAX, AgentChange, AgentChanges, AgentStep, Cursor,
};
pub use kitbag_node::agent_reads::{
    AGENT_NOTES_MAX, AgentAccess, AgentAsks, AgentReach, AgentRead, AgentSeesPack, SHORT_ID_CHARS,
};
pub use kitbag_node::agents::AgentPack;
pub use kitbag_node::audit::{
    AuditKind, AuditPage, AuditQuery, AuditRow, AuditState, AuditVerified, AuditWhat, BrokenLog,
    VerifiedDevice,
};
pub use kitbag_node::capturing::{Became, CaptureDone, Captured, Incoming, Telling};
pub use kitbag_node::carrying::{Carried, Carry, CarryOptions};
pub use kitbag_node::check::{Checked, Tally, Tried};
pub use kitbag_node::explain::*;
pub use kitbag_node::finding::*;
pub use kitbag_node::handoffs::*;
pub use kitbag_node::hygiene::{
    ActDone, GoKept, HygieneAct, HygieneAction, HygieneAlong, HygieneGroup, HygieneKind,
    HygieneNote, HygieneOptions, HygieneReport, KeptBecause, KindFound, Left as HygieneLeft,
    RunUndone, Why as HygieneWhy,
};
pub use kitbag_node::receipts::{Signer, SignerIn, Since};
pub use kitbag_node::receiving::LeftFrom;
pub use kitbag_node::release::{ReleaseView, RulesChanged};
pub use kitbag_node::selections::{
    NamedSelection, SelectedNote, SelectedOutline, SelectionChange, SelectionChanged,
};
pub use kitbag_node::superseding::{Redacted, Superseded};
pub use kitbag_node::undo::{Along, Beyond, Deleted, Undone, UndoneWrite};
pub use kitbag_node::view::*;
pub use kitbag_node::why::{AsideBy, Because, PackWhy, Renewal, Waiting, WaitingFor};
pub use meters::{Meters, STEP_BUCKETS};
pub use protect::{KeyMoved, chosen_protection, key_change_is_pending, protect_key, reach_keyring};
pub use receipts::SinceCounts;
pub use screening::Screening;
pub use sessions::{Proven, SessionNeeds, SessionProof, home_needs_sessions};
pub use settings::{Listen, Relay, Settings};
pub use status::{EndpointView, PeerView, Status};
pub use text::TEXT_BYTES_MAX;
pub use zeroize::Zeroizing;

use home::Unlocked;
use kitbag_core::ticket::Ticket;
use network::Network;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{RwLock, broadcast};
use worker::Worker;

/// A running device. Clones share it; the last one to be dropped, or [`Engine::shutdown`], ends it.
///
/// `shutdown` says goodbye to peers and waits until the database is closed; a drop is second best and
/// leaves both to the system.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    worker: Mutex<Option<Worker>>,
    network: RwLock<Option<Network>>,
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
    settings: Settings,
    me: Mutex<Me>,
    /// Tells the key that this home was opened with from another.
    mark: [u8; 32],
}

/// A program of the person, by the name that it tells, as reports name it.
pub fn via_program(name: &str) -> Via {
    kitbag_node::Node::via_program(name)
}

/// An agent, by its name, as reports name it.
pub fn via_agent(name: &str) -> Via {
    kitbag_node::Node::via_agent(name)
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("home", &self.inner.settings.home)
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// Opens the device of a home and, unless `settings.offline`, its network.
    ///
    /// # Errors
    /// [`EngineError::NotInitialised`], [`EngineError::Locked`], [`EngineError::AlreadyRunning`],
    /// [`EngineError::Integrity`], [`EngineError::File`], [`EngineError::Storage`],
    /// [`EngineError::Network`].
    pub async fn open(
        settings: Settings,
        passphrase: Option<Zeroizing<String>>,
    ) -> Result<Engine, EngineError> {
        let home = settings.home.clone();
        let open = move || {
            let unlocked = Unlocked::unlock(&home, passphrase.as_ref())?;
            unlocked.open().map(|node| (node, unlocked))
        };
        let (node, unlocked) = tokio::task::spawn_blocking(open)
            .await
            .map_err(|_| EngineError::Stopped)??;
        let me = node.me();
        let mark = sessions::mark_of(unlocked.master());
        let (worker, thread) = Worker::start(node, unlocked);
        let network = if settings.offline {
            None
        } else {
            Some(Network::open(worker.clone(), &settings).await?)
        };
        Ok(Engine {
            inner: Arc::new(Inner {
                worker: Mutex::new(Some(worker)),
                network: RwLock::new(network),
                thread: Mutex::new(Some(thread)),
                settings,
                me: Mutex::new(me),
                mark,
            }),
        })
    }

    /// This device and its person.
    pub async fn me(&self) -> Me {
        self.inner
            .me
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// News about packs and peers; a listener that lags misses the oldest.
    ///
    /// # Errors
    /// [`EngineError::Stopped`].
    pub fn notices(&self) -> Result<broadcast::Receiver<Notice>, EngineError> {
        Ok(self.worker()?.shared.notices.subscribe())
    }

    /// Makes a pack, with this person as its founder.
    ///
    /// # Errors
    /// [`EngineError::BadInput`] for the title; [`EngineError::Storage`].
    pub async fn create_pack(
        &self,
        title: String,
        default: Sensitivity,
    ) -> Result<PackSummary, EngineError> {
        self.worker()?
            .call(move |node, now| node.create_pack(now, &title, default))
            .await
    }

    /// All packs, in order of arrival.
    ///
    /// # Errors
    /// [`EngineError::Stopped`].
    pub async fn packs(&self) -> Result<Vec<PackSummary>, EngineError> {
        self.worker()?.call(|node, _| Ok(node.packs())).await
    }

    /// The pack that a person means by an id, the beginning of one, the name they gave it, or the
    /// title of a pack they made.
    ///
    /// # Errors
    /// [`EngineError::NotFound`], [`EngineError::Ambiguous`].
    pub async fn resolve_pack(&self, selector: String) -> Result<PackId, EngineError> {
        let word = selector.clone();
        let found = self
            .worker()?
            .call(move |node, _| Ok(node.packs_called(&word)))
            .await?;
        one_of(found, "pack", selector, ToString::to_string)
    }

    /// The note that a person means by an id or the beginning of one.
    ///
    /// # Errors
    /// [`EngineError::NotFound`], [`EngineError::Ambiguous`].
    pub async fn resolve_note(&self, selector: String) -> Result<(PackId, ItemId), EngineError> {
        let word = selector.clone();
        let found = self
            .worker()?
            .call(move |node, _| Ok(node.notes_called(&word)))
            .await?;
        one_of(found, "note", selector, |(_, note)| note.to_string())
    }

    /// Adds a note. The same content from the same source is added once.
    ///
    /// # Errors
    /// [`EngineError::BadInput`] by field, [`EngineError::Denied`], [`EngineError::Storage`].
    pub async fn add_note(&self, pack: PackId, note: NewNote) -> Result<Added, EngineError> {
        let added = self.add_notes(pack, vec![note]).await?;
        added.into_iter().next().ok_or(EngineError::Stopped)
    }

    /// Adds many notes in one durable step: all of them, or none.
    ///
    /// # Errors
    /// As [`Engine::add_note`].
    pub async fn add_notes(
        &self,
        pack: PackId,
        notes: Vec<NewNote>,
    ) -> Result<Vec<Added>, EngineError> {
        self.worker()?
            .call(move |node, now| node.add_notes(now, pack, &notes))
            .await
    }

    /// A pack's notes, oldest first.
    ///
    /// # Errors
    /// [`EngineError::NotFound`].
    pub async fn notes(&self, pack: PackId) -> Result<Vec<NoteSummary>, EngineError> {
        self.worker()?.call(move |node, _| node.notes(pack)).await
    }

    /// How many notes of a pack would be among these, if they opened from disk; up to 1,024 are looked for.
    ///
    /// # Errors
    /// [`EngineError::NotFound`], [`EngineError::Storage`].
    pub async fn unreadable_notes(&self, pack: PackId) -> Result<u64, EngineError> {
        self.worker()?
            .call(move |node, _| node.unreadable_notes(pack))
            .await
    }

    /// One note in full.
    ///
    /// # Errors
    /// [`EngineError::NotFound`], [`EngineError::Integrity`], [`EngineError::Storage`].
    pub async fn note(&self, pack: PackId, id: ItemId) -> Result<Note, EngineError> {
        self.worker()?
            .call(move |node, _| node.note(pack, id))
            .await
    }

    /// Makes a note more or less sensitive; with `dry_run` only says what would happen.
    ///
    /// # Errors
    /// [`EngineError::Denied`] above the own clearance, and to anybody but an admin who makes it less
    /// sensitive; [`EngineError::BadInput`] if its history is too long to move; otherwise as
    /// [`Engine::add_note`].
    pub async fn relabel_note(
        &self,
        pack: PackId,
        id: ItemId,
        to: Sensitivity,
        dry_run: bool,
    ) -> Result<Relabelled, EngineError> {
        self.worker()?
            .call(move |node, now| {
                if dry_run {
                    node.plan_relabel(now, pack, id, to)
                } else {
                    node.relabel(now, pack, id, to)
                }
            })
            .await
    }

    /// How a note came to be, step by step.
    ///
    /// # Errors
    /// As [`Engine::note`].
    pub async fn history(&self, pack: PackId, id: ItemId) -> Result<Vec<Revision>, EngineError> {
        self.worker()?
            .call(move |node, _| node.history(pack, id))
            .await
    }

    /// Opens an invite and makes its ticket.
    ///
    /// # Errors
    /// [`EngineError::Denied`] if the policy does not let this person share so much;
    /// [`EngineError::BadInput`].
    pub async fn share(&self, pack: PackId, options: ShareOptions) -> Result<Shared, EngineError> {
        self.worker()?
            .call(move |node, now| node.share(now, pack, &options))
            .await
    }

    /// What a ticket says, without its secret and without asking anybody.
    ///
    /// # Errors
    /// [`EngineError::Ticket`] by cause.
    pub fn inspect_ticket(text: &str) -> Result<TicketInfo, EngineError> {
        let ticket = Ticket::parse(text).map_err(TicketProblem::from)?;
        let peers = ticket.peers.iter().map(|peer| {
            let relay = peer.relay.iter().map(|relay| format!("relay {relay}"));
            let places: Vec<String> = peer.addresses.iter().cloned().chain(relay).collect();
            format!(
                "{} at {}",
                peer.endpoint.short(),
                if places.is_empty() {
                    "no address".into()
                } else {
                    places.join(", ")
                }
            )
        });
        Ok(TicketInfo {
            version: kitbag_core::ticket::TICKET_VERSION,
            pack: ticket.pack,
            peers: peers.collect(),
            uses: ticket.uses.unwrap_or(1),
        })
    }

    /// A pack's members.
    ///
    /// # Errors
    /// [`EngineError::NotFound`].
    pub async fn members(&self, pack: PackId) -> Result<Vec<MemberView>, EngineError> {
        self.worker()?.call(move |node, _| node.members(pack)).await
    }

    /// Goes offline, or online again. Offline, nothing is sent, accepted or dialled.
    ///
    /// # Errors
    /// [`EngineError::Network`] when it cannot go online.
    pub async fn set_offline(&self, offline: bool) -> Result<(), EngineError> {
        let mut network = self.inner.network.write().await;
        match (network.take(), offline) {
            (Some(running), true) => running.close().await,
            (None, false) => {
                *network = Some(Network::open(self.worker()?, &self.inner.settings).await?)
            }
            (same, _) => *network = same,
        }
        Ok(())
    }

    /// Says goodbye to peers, closes the database and ends.
    pub async fn shutdown(self) {
        if let Some(network) = self.inner.network.write().await.take() {
            network.close().await;
        }
        drop(
            self.inner
                .worker
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
        let thread = self
            .inner
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            let joined = tokio::task::spawn_blocking(move || thread.join()).await;
            if !matches!(joined, Ok(Ok(()))) {
                tracing::error!("the node's thread ended badly");
            }
        }
    }

    fn worker(&self) -> Result<Worker, EngineError> {
        self.inner
            .worker
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
            .ok_or(EngineError::Stopped)
    }
}

fn one_of<T: Copy>(
    found: Vec<T>,
    what: &'static str,
    selector: String,
    name: impl Fn(&T) -> String,
) -> Result<T, EngineError> {
    match found[..] {
        [one] => Ok(one),
        [] => Err(EngineError::NotFound { what, selector }),
        _ => Err(EngineError::Ambiguous {
            what,
            selector,
            candidates: found.iter().take(CANDIDATES_MAX).map(name).collect(),
        }),
    }
}

/// Ids named when a selector is ambiguous, at most.
const CANDIDATES_MAX: usize = 8;
