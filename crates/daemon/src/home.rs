//! The home that this daemon serves: open, or locked.
//!
//! Locked means: the engine has ended, so its connections and its database are closed and the master
//! key is wiped, while the process, its lock and its socket stay. What is left in memory all the same:
//! `docs/security/lock.md`. Locking and unlocking happen one after the other; a second unlock that
//! waits finds the home open, so a flood of them costs one stretching of a passphrase at a time.

use crate::api::{Served, audit};
use crate::authorise::{Asker, Denied, Operation, Peer};
use crate::convert;
use crate::failure::failed;
use crate::routes::{Ended, Serves};
use crate::sessions::{Session, Sessions};
use crate::supervisor::Supervisor;
use crate::terminal::Terminal;
use kitbag_engine::{AgentGrant, Engine, KeyProtection, Settings, Via, key_protection};
use kitbag_rpc::{Caller, Code, Failure, LOG_DIR, Meters, OpensWith, Time};
use std::fs;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use zeroize::Zeroizing;

/// How long the engine gets to close its connections and its database.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);
/// The database, in the home.
const DATABASE: &str = "kitbag.redb";

/// The home of a running daemon.
#[derive(Clone)]
pub(crate) struct Home {
    inner: Arc<Inner>,
    /// Who asks, in the copy that serves one request.
    caller: Caller,
    /// The agent that asks, if one does.
    agent: Option<Arc<AgentGrant>>,
    /// Whether a person unlocked the terminal that is asked from.
    session: Session,
    terminal: Option<Terminal>,
}

struct Inner {
    settings: Settings,
    engine: Mutex<Option<Engine>>,
    /// Held by whoever locks or unlocks, until the engine has ended or is open.
    turn: Arc<tokio::sync::Mutex<()>>,
    stop: CancellationToken,
    supervisor: Supervisor,
    began: Instant,
    since: Time,
    tally: Tally,
    sessions: Sessions,
    /// Says how many lines the log dropped.
    log_lines_dropped: Box<dyn Fn() -> u64 + Send + Sync>,
}

/// Whether sessions are needed; they are, if that cannot be told.
async fn look_at_guard(sessions: &Sessions, engine: &Engine) {
    let needs = engine.session_needs().await;
    sessions.set_needed(needs.map_or(true, |needs| needs.needed));
}

#[derive(Default)]
struct Tally {
    answered: AtomicU64,
    refused: AtomicU64,
    faulted: AtomicU64,
}

impl Serves for Home {
    type Open = Served;

    fn asked_by(self, asker: &Asker) -> Home {
        Home {
            caller: asker.says.clone(),
            agent: asker.agent.clone(),
            session: asker.session,
            terminal: asker.peer.terminal,
            ..self
        }
    }

    async fn agent(
        &self,
        name: &str,
        secret: Option<Zeroizing<String>>,
    ) -> Result<AgentGrant, Failure> {
        let engine = self.open()?.engine;
        let grant = engine.agent_by_secret(name.to_owned(), secret).await;
        grant.map_err(|e| failed(&e))
    }

    fn session(&self, peer: Peer) -> Session {
        match self.engine() {
            Some(_) => self.inner.sessions.of(peer.terminal),
            None => Session::NotNeeded, // whoever needs the home open hears that it is locked
        }
    }

    fn refused(&self, asker: &Asker, operation: &Operation, why: Denied) {
        let Some(engine) = self.engine() else { return };
        let via = audit::via(&asker.says);
        let (asked, rule) = (operation.as_str(), why.rule());
        tokio::spawn(async move {
            if let Err(error) = engine.report_denial(asked, rule, via).await {
                warn!(%error, "a refusal could not be noted");
            }
        });
    }

    fn open(&self) -> Result<Served, Failure> {
        match self.engine() {
            Some(engine) => Ok(Served {
                engine,
                caller: self.caller.clone(),
                agent: self.agent.clone(),
                session: self.session,
                home: self.clone(),
            }),
            None => {
                Err(Failure::new(Code::Locked, "this device is locked")
                    .hint("open it: kitbag unlock"))
            }
        }
    }

    fn count(&self, ended: Ended) {
        let tally = &self.inner.tally;
        let counter = match ended {
            Ended::Answered => &tally.answered,
            Ended::Refused => &tally.refused,
            Ended::Faulted => &tally.faulted,
        };
        counter.fetch_add(1, Relaxed);
    }
}

impl Home {
    pub(crate) async fn new(
        settings: Settings,
        engine: Engine,
        stop: CancellationToken,
        supervisor: Supervisor,
        log_lines_dropped: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> Home {
        let sessions = Sessions::default();
        look_at_guard(&sessions, &engine).await;
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let millis = now.map_or(0, |now| u64::try_from(now.as_millis()).unwrap_or(u64::MAX));
        Home {
            caller: Caller::Cli,
            agent: None,
            session: Session::NotNeeded,
            terminal: None,
            inner: Arc::new(Inner {
                settings,
                engine: Mutex::new(Some(engine)),
                turn: Arc::default(),
                stop,
                supervisor,
                began: Instant::now(),
                since: Time::from_millis(millis),
                tally: Tally::default(),
                sessions,
                log_lines_dropped: Box::new(log_lines_dropped),
            }),
        }
    }

    /// Who has a session, and whether they are needed.
    pub(crate) fn sessions(&self) -> &Sessions {
        &self.inner.sessions
    }

    /// The terminal that is asked from.
    pub(crate) fn terminal(&self) -> Option<Terminal> {
        self.terminal
    }

    /// Who asks, as a report names them.
    pub(crate) fn via(&self) -> Via {
        audit::via(&self.caller)
    }

    /// The engine, unless the home is locked.
    pub(crate) fn engine(&self) -> Option<Engine> {
        let engine = self.inner.engine.lock();
        engine.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks the whole process to stop.
    pub(crate) fn stop(&self) {
        self.inner.stop.cancel();
    }

    /// Whether this daemon was told to reach nobody.
    pub(crate) fn offline(&self) -> bool {
        self.inner.settings.offline
    }

    /// Since when this daemon runs.
    pub(crate) fn since(&self) -> Time {
        self.inner.since
    }

    /// What it takes to open the home.
    ///
    /// # Errors
    /// What the engine says about the record of it.
    pub(crate) fn opens_with(&self) -> Result<OpensWith, Failure> {
        let protection = key_protection(&self.inner.settings.home).map_err(|e| failed(&e))?;
        Ok(match protection {
            KeyProtection::Keyring => OpensWith::Keyring,
            KeyProtection::KeyFile(_) => OpensWith::KeyFile,
            KeyProtection::Passphrase => OpensWith::Passphrase,
        })
    }

    /// Ends the engine and with it what it holds; says whether the home was open. Whoever asks from now
    /// on hears that it is locked, also before the engine has ended.
    ///
    /// # Errors
    /// [`Code::TimedOut`] if something goes on running: the key is wiped when that ends.
    pub(crate) async fn lock(&self) -> Result<bool, Failure> {
        let turn = self.inner.turn.clone().lock_owned().await;
        self.inner.sessions.close_all();
        let taken = self.take();
        let Some(engine) = taken else {
            return Ok(false);
        };
        let (closed, wait) = oneshot::channel();
        // A task of its own: the turn is given back once the database is closed, however long it takes.
        tokio::spawn(async move {
            engine.shutdown().await;
            drop(turn);
            let _ = closed.send(()); // whoever asked may have gone
        });
        info!("locked");
        self.inner.supervisor.locked(true);
        match tokio::time::timeout(CLOSE_TIMEOUT, wait).await {
            Ok(_) => Ok(true),
            Err(_) => {
                warn!("the engine did not close in time");
                Err(Failure::new(
                    Code::TimedOut,
                    "locked for everybody who asks, but a request is still running: the key is forgotten when it ends",
                )
                .hint("kitbag down ends it now"))
            }
        }
    }

    /// Opens the home again; says whether it was locked.
    ///
    /// # Errors
    /// [`Code::Locked`] without the passphrase or with a wrong one; what else an opening can meet.
    pub(crate) async fn unlock(
        &self,
        passphrase: Option<Zeroizing<String>>,
    ) -> Result<bool, Failure> {
        let _turn = self.inner.turn.lock().await;
        if self.engine().is_some() {
            return Ok(false);
        }
        let opened = Engine::open(self.inner.settings.clone(), passphrase).await;
        let engine = opened
            .map_err(|e| failed(&e))
            .inspect_err(|f| warn!(code = f.code.as_str(), "not unlocked"))?;
        look_at_guard(&self.inner.sessions, &engine).await;
        let kept = self.inner.engine.lock();
        *kept.unwrap_or_else(PoisonError::into_inner) = Some(engine);
        info!("unlocked");
        self.inner.supervisor.locked(false);
        Ok(true)
    }

    /// Ends the engine, if there is one, at the end of the process.
    pub(crate) async fn close(&self) {
        self.inner.supervisor.stopping();
        let close = async {
            let _turn = self.inner.turn.lock().await;
            if let Some(engine) = self.take() {
                engine.shutdown().await;
            }
        };
        if tokio::time::timeout(CLOSE_TIMEOUT, close).await.is_err() {
            warn!("the engine did not close in time");
        }
    }

    /// What was counted since the start.
    pub(crate) async fn meters(&self) -> Meters {
        let inner = &self.inner;
        let home = &inner.settings.home;
        let engine = match self.engine() {
            Some(engine) => engine.meters().await,
            None => None,
        };
        Meters {
            uptime_seconds: inner.began.elapsed().as_secs(),
            requests_answered: inner.tally.answered.load(Relaxed),
            requests_refused: inner.tally.refused.load(Relaxed),
            requests_faulted: inner.tally.faulted.load(Relaxed),
            log_lines_dropped: (inner.log_lines_dropped)(),
            log_bytes: crate::log::bytes(&home.join(LOG_DIR)),
            database_bytes: fs::metadata(home.join(DATABASE)).map_or(0, |file| file.len()),
            engine: engine.map(convert::engine_meters),
        }
    }

    fn take(&self) -> Option<Engine> {
        let engine = self.inner.engine.lock();
        engine.unwrap_or_else(PoisonError::into_inner).take()
    }
}
