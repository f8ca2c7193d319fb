//! The life of a daemon: lock, socket, engine, serve, stop, in this order, and back.

use crate::api;
use crate::failure::failed;
use crate::home::Home;
use crate::identity::check_home;
use crate::instance::{Instance, storage};
use crate::log::{self, LogLevel};
use crate::supervisor::Supervisor;
use crate::{convert, server};
use kitbag_engine::{Engine, Settings};
use kitbag_rpc::{Code, Failure, Me};
use std::path::PathBuf;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use zeroize::Zeroizing;

/// What a daemon needs to know.
pub struct Options {
    /// What the engine needs to know.
    pub settings: Settings,
    /// For a home that is protected by one.
    pub passphrase: Option<Zeroizing<String>>,
    /// Where the socket goes when its path in the home is too long: a short path of this user.
    pub elsewhere: PathBuf,
    /// How much the log tells.
    pub log: LogLevel,
    /// Who wants to know how this process does, if anybody.
    pub supervisor: Supervisor,
}

/// What there is to tell when the daemon serves.
#[derive(Clone, Debug)]
pub struct Started {
    /// This process.
    pub pid: u32,
    /// Whose daemon it is.
    pub me: Me,
    /// The transport's id of this device.
    pub endpoint: String,
    /// Where it can be reached.
    pub addresses: Vec<String>,
    /// Where clients find it.
    pub socket: PathBuf,
}

/// Serves a home until a client asks to stop, or SIGTERM, SIGINT or SIGHUP arrives.
///
/// The socket is there before the engine is open: a client that connects meanwhile is answered
/// when it can be.
///
/// # Errors
/// A [`Failure`] of the start: not initialised, already running, locked, storage.
pub async fn run(options: Options, on_ready: impl FnOnce(&Started)) -> Result<(), Failure> {
    let Options {
        settings,
        passphrase,
        elsewhere,
        log,
        supervisor,
    } = options;
    let home = settings.home.clone();
    check_home(&home)?;
    let mut instance = Instance::take(&home)?;
    let log = log::start(&home, log)?;
    let listener = instance.listen(&elsewhere)?;
    let stop = CancellationToken::new();
    stop_on_signals(&stop)?;
    supervisor.stay_alive(&stop);

    let Some(opened) = stop
        .run_until_cancelled(Engine::open(settings.clone(), passphrase))
        .await
    else {
        return Ok(());
    };
    let engine = opened
        .map_err(|e| failed(&e))
        .inspect_err(|f| warn!(code = f.code.as_str(), "not started"))?;
    let daemon_uid = server::own_uid().map_err(|e| storage(instance.socket(), &e))?;
    let started = started(&engine, &instance).await;
    let supervised = supervisor.clone();
    let home = Home::new(settings, engine, stop.clone(), supervised, log.dropped()).await;
    let router = api::routes(home.clone(), daemon_uid);
    info!(
        pid = started.pid,
        endpoint = short(&started.endpoint),
        version = env!("CARGO_PKG_VERSION"),
        "serving"
    );
    on_ready(&started);
    supervisor.ready();
    server::serve(listener, router, daemon_uid, stop).await;

    home.close().await;
    info!("stopped");
    Ok(())
}

/// As much of an id as the log names.
fn short(id: &str) -> &str {
    id.get(..10).unwrap_or(id)
}

async fn started(engine: &Engine, instance: &Instance) -> Started {
    let endpoint = engine.endpoint().await;
    Started {
        pid: std::process::id(),
        me: convert::me(engine.me().await),
        endpoint: endpoint.id,
        addresses: endpoint.addresses,
        socket: instance.socket().to_owned(),
    }
}

fn stop_on_signals(stop: &CancellationToken) -> Result<(), Failure> {
    for kind in [
        SignalKind::terminate(),
        SignalKind::interrupt(),
        SignalKind::hangup(),
    ] {
        let signal =
            signal(kind).map_err(|_| Failure::new(Code::Internal, "cannot listen to signals"))?;
        tokio::spawn(stop_on(signal, stop.clone()));
    }
    Ok(())
}

async fn stop_on(mut signal: Signal, stop: CancellationToken) {
    tokio::select! {
        _ = signal.recv() => stop.cancel(),
        () = stop.cancelled() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{initialise, is_served};
    use kitbag_engine::KeyChoice;
    use kitbag_rpc::{
        AddNote, Caller, Client, CreatePack, EditNote, Health, ListMembers, ListNotes, ListPacks,
        Listed, NewSource, ReadHistory, ReadStatus, Role, Sensitivity, SharePack, ShowNote,
        ShowPack, Stop, SyncPacks, V1, WhoAmI,
    };
    use std::path::Path;
    use std::time::Duration;

    fn options(home: &Path) -> Options {
        let settings = Settings {
            offline: true,
            ..Settings::new(home)
        };
        Options {
            settings,
            passphrase: None,
            elsewhere: home.to_owned(),
            log: LogLevel::Debug,
            supervisor: Supervisor::default(),
        }
    }

    fn new_home() -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        let (me, _) =
            initialise(home.path(), "Ana", "laptop", Some(KeyChoice::KeyFile(None))).unwrap();
        assert_eq!(
            (me.person.name.as_str(), me.device.name.as_str()),
            ("Ana", "laptop")
        );
        home
    }

    fn note(pack: &str, body: &str, sensitivity: Option<Sensitivity>) -> AddNote {
        AddNote {
            v: V1,
            pack: pack.to_owned(),
            title: "Nightingale".to_owned(),
            body: body.to_owned(),
            source: NewSource {
                label: "CRM".to_owned(),
                ..NewSource::default()
            },
            sensitivity,
            tags: vec!["t".to_owned()],
            ..AddNote::default()
        }
    }

    /// Goal: each call reaches the engine and comes back as its document; one daemon with the real
    /// engine, offline, from its start to its stop. What was written is in no log. A process has one log,
    /// and other tests start daemons too: so this one runs in a process of its own.
    #[tokio::test]
    async fn a_daemon_serves_every_call_and_logs_none_of_the_content() {
        const ALONE: &str = "KITBAG_TEST_ALONE";
        if std::env::var_os(ALONE).is_none() {
            let own = std::env::current_exe().unwrap();
            let name = "run::tests::a_daemon_serves_every_call_and_logs_none_of_the_content";
            let ran = std::process::Command::new(own)
                .args(["--exact", name, "--nocapture"])
                .env(ALONE, "1")
                .output()
                .unwrap();
            let (out, err) = (&ran.stdout, &ran.stderr);
            let (out, err) = (String::from_utf8_lossy(out), String::from_utf8_lossy(err));
            assert!(
                ran.status.success() && out.contains("1 passed"),
                "{out}{err}"
            );
            return;
        }
        let home = new_home();
        let client = Client::new(home.path(), Caller::Cli);
        let daemon = tokio::spawn(run(options(home.path()), |_| {}));
        while client.call(&Health::default()).await.is_err() {
            assert!(!daemon.is_finished(), "the daemon did not start");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(is_served(home.path()));
        assert_eq!(
            run(options(home.path()), |_| {}).await.unwrap_err().code,
            Code::AlreadyRunning
        );
        assert_eq!(
            client.call(&WhoAmI::default()).await.unwrap().person.name,
            "Ana"
        );

        let create = CreatePack {
            v: V1,
            title: "Nightingale".to_owned(),
            sensitivity: None,
            kind: None,
            client: None,
        };
        let pack = client.call(&create).await.unwrap().pack;
        assert_eq!(
            (pack.role, pack.default_sensitivity),
            (Some(Role::Admin), Sensitivity::Internal)
        );
        assert_eq!(
            client.call(&ListPacks::default()).await.unwrap().packs[0].id,
            pack.id
        );
        let added = client
            .call(&note("Nightingale", "Kestrel", None))
            .await
            .unwrap();
        assert!(!added.existing && added.audience[0].is_me && added.audience[0].opens);
        assert!(
            client
                .call(&note("Nightingale", "Kestrel", None))
                .await
                .unwrap()
                .existing
        );
        client
            .call(&note(&pack.id, "Osprey", Some(Sensitivity::Restricted)))
            .await
            .unwrap();
        let show = ShowPack {
            v: V1,
            pack: pack.id[..8].to_owned(),
        };
        assert_eq!(client.call(&show).await.unwrap().pack.notes, 2);
        assert_eq!(
            client
                .call(&ListNotes {
                    v: V1,
                    pack: pack.id.clone(),
                    listed: Listed::Kept,
                })
                .await
                .unwrap()
                .notes
                .len(),
            2
        );

        let id = added.note.id;
        let shown = client
            .call(&ShowNote {
                v: V1,
                note: id.clone(),
            })
            .await
            .unwrap()
            .note;
        assert_eq!(
            (shown.body.as_str(), shown.source.label.as_str()),
            ("Kestrel", "CRM")
        );
        let mut edit = EditNote {
            v: V1,
            note: id.clone(),
            title: None,
            body: Some("Kestrels".to_owned()),
            seen: Some(shown.version),
            add_tags: Vec::new(),
            remove_tags: vec!["t".to_owned()],
            ..EditNote::default()
        };
        assert!(client.call(&edit).await.unwrap().changed);
        edit.seen = None;
        assert!(!client.call(&edit).await.unwrap().changed);
        assert_eq!(
            client
                .call(&ReadHistory { v: V1, note: id })
                .await
                .unwrap()
                .history
                .len(),
            2
        );

        let mut share = SharePack {
            v: V1,
            pack: pack.id.clone(),
            role: Role::Editor,
            clearance: Sensitivity::Internal,
            expires_at: None,
            uses: 1,
            ask: false,
            dry_run: true,
        };
        let preview = client.call(&share).await.unwrap();
        assert_eq!((preview.opens, preview.ticket.is_none()), (1, true));
        share.dry_run = false;
        let shared = client.call(&share).await.unwrap();
        let ticket = shared.ticket.unwrap();
        assert_eq!(
            crate::inspect_ticket(ticket.expose()).unwrap().pack,
            pack.id
        );
        assert_eq!(
            client
                .call(&ListMembers {
                    v: V1,
                    pack: pack.id.clone()
                })
                .await
                .unwrap()
                .members
                .len(),
            1
        );
        let sync = SyncPacks {
            v: V1,
            pack: Some(pack.id.clone()),
            wait: false,
            timeout_ms: Some(10),
        };
        assert_eq!(client.call(&sync).await.unwrap().packs[0].id, pack.id);
        let status = client.call(&ReadStatus::default()).await.unwrap();
        assert_eq!((status.packs.len(), status.pid), (1, std::process::id()));

        for (selector, code) in [("nope", Code::NotFound), ("", Code::NotFound)] {
            let failure = client
                .call(&ShowPack {
                    v: V1,
                    pack: selector.to_owned(),
                })
                .await
                .unwrap_err()
                .into_failure();
            assert_eq!(
                (failure.code, failure.hint.is_some()),
                (code, true),
                "{selector:?}"
            );
        }

        client.call(&Stop { v: V1 }).await.unwrap();
        daemon.await.unwrap().unwrap();
        assert!(!is_served(home.path()));
        let logs: String = std::fs::read_dir(home.path().join(kitbag_rpc::LOG_DIR))
            .unwrap()
            .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
            .collect();
        assert!(logs.contains("/v1/note/add"), "{logs}");
        assert!(logs.contains(short(&status.endpoint)), "{logs}");
        for secret in [
            &status.endpoint,
            "Nightingale",
            "Kestrel",
            "Osprey",
            "CRM",
            "Ana",
            "laptop",
            ticket.expose(),
        ] {
            assert!(!logs.contains(secret), "{secret} is in the log");
        }
    }

    #[tokio::test]
    async fn without_an_identity_nothing_starts_and_nothing_is_left() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(
            run(options(home.path()), |_| {}).await.unwrap_err().code,
            Code::NotInitialised
        );
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_locked_home_says_so_and_lets_go_of_everything() {
        let home = tempfile::tempdir().unwrap();
        let passphrase = Zeroizing::new("correct horse battery".to_owned());
        initialise(
            home.path(),
            "Ana",
            "laptop",
            Some(KeyChoice::Passphrase(passphrase)),
        )
        .unwrap();
        for passphrase in [None, Some(Zeroizing::new("wrong".to_owned()))] {
            let options = Options {
                passphrase,
                ..options(home.path())
            };
            assert_eq!(run(options, |_| {}).await.unwrap_err().code, Code::Locked);
            assert!(!is_served(home.path()));
        }
    }
}
