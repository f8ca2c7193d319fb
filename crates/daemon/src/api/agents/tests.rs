//! Agents over a real daemon and engine: let in by their secret alone, and only to what is theirs.

use super::*;
use crate::run::{Options, run};
use crate::supervisor::Supervisor;
use crate::{LogLevel, initialise};
use kitbag_engine::{Engine, KeyChoice, Settings};
use kitbag_rpc::{
    AddNote, AuditKind, Call, Caller, Client, ClientError, Health, ListNotes, ListPacks, LockHome,
    NewSource, PlanExport, ReadAudit, ReadSession, ReadStatus, SearchNotes, SharePack, ShowNote,
    Stop, WhoAmI,
};
use serde_json::json;
use std::path::Path;
use std::time::Duration;

struct Daemon {
    home: tempfile::TempDir,
    running: tokio::task::JoinHandle<Result<(), Failure>>,
}

impl Daemon {
    /// A daemon of a home with a pack and these agents in it. They were added beneath the daemon, so that
    /// no session is needed: the tests of those have terminals.
    async fn start(agents: &[(&str, &[Scope])]) -> (Daemon, Vec<String>) {
        let home = tempfile::tempdir().unwrap();
        initialise(home.path(), "Ana", "laptop", Some(KeyChoice::KeyFile(None))).unwrap();
        let settings = Settings {
            offline: true,
            ..Settings::new(home.path())
        };
        let engine = Engine::open(settings, None).await.unwrap();
        let internal = kitbag_engine::Sensitivity::Internal;
        let pack = engine.create_pack("Acme".into(), internal).await.unwrap();
        let mut secrets = Vec::new();
        for (name, scopes) in agents {
            let terms = AgentTerms {
                name: name.parse().unwrap(),
                packs: [pack.id].into(),
                clearance: internal,
                scopes: scopes.iter().copied().collect(),
                expires_at: Timestamp::from_millis(now().as_millis() + AGENT_TTL_MILLIS_DEFAULT),
                max_tokens: AGENT_TOKENS_DEFAULT,
                proposes: false,
                purpose: None,
                reads_go_to: READS_GO_TO.into(),
            };
            let added = engine.add_agent(terms).await.unwrap();
            secrets.push(added.secret.as_str().to_owned());
        }
        engine.shutdown().await;
        let options = Options {
            settings: Settings {
                offline: true,
                ..Settings::new(home.path())
            },
            passphrase: None,
            elsewhere: home.path().to_owned(),
            log: LogLevel::Info,
            supervisor: Supervisor::default(),
        };
        let daemon = Daemon {
            running: tokio::spawn(run(options, |_| {})),
            home,
        };
        let person = daemon.person();
        while person.call(&Health::default()).await.is_err() {
            assert!(!daemon.running.is_finished(), "the daemon did not start");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        (daemon, secrets)
    }

    fn home(&self) -> &Path {
        self.home.path()
    }

    fn person(&self) -> Client {
        Client::new(self.home(), Caller::Cli)
    }

    fn agent(&self, name: &str, secret: &str) -> Client {
        Client::for_agent(self.home(), name, Secret::new(secret.to_owned())).unwrap()
    }

    async fn stop(self) {
        self.person().call(&Stop { v: V1 }).await.unwrap();
        self.running.await.unwrap().unwrap();
    }
}

async fn refused<C: Call>(client: &Client, call: &C) -> Code
where
    C::Answer: std::fmt::Debug,
{
    let failed: Result<_, ClientError> = client.call(call).await;
    failed.unwrap_err().into_failure().code
}

/// Goal: the way of one agent from its first request to its end, and each refusal by its own code.
#[tokio::test]
async fn an_agent_is_let_in_by_its_secret_until_a_person_ends_it() {
    let scopes: &[Scope] = &[Scope::Read, Scope::Search];
    let (daemon, secrets) = Daemon::start(&[("claude@laptop", scopes), ("other", scopes)]).await;
    let (secret, other) = (&secrets[0], &secrets[1]);
    let agent = daemon.agent("claude@laptop", secret);
    let me = agent.call(&AgentWhoAmI::default()).await.unwrap();
    assert_eq!((me.name.as_str(), me.packs.len()), ("claude@laptop", 1));
    assert_eq!(me.packs[0].pack.title, "Acme");
    assert_eq!(me.clearance, Sensitivity::Internal);
    assert_eq!(me.scopes, [AgentScope::Read, AgentScope::Search]);
    assert_eq!((me.max_tokens, me.tokens_left), (200_000, 200_000));

    let who = AgentWhoAmI::default();
    for (name, with) in [
        ("claude@laptop", other.as_str()),
        ("nobody", secret),
        ("claude@laptop", ""),
        ("claude@laptop", "kitbag-agent-aaaa"),
    ] {
        let client = daemon.agent(name, with);
        assert_eq!(refused(&client, &who).await, Code::AgentSecret, "{name}");
    }
    let nothing = Client::new(
        daemon.home(),
        Caller::Agent {
            name: "claude@laptop".into(),
        },
    );
    assert_eq!(refused(&nothing, &who).await, Code::AgentSecret);
    assert_eq!(
        refused(&daemon.person(), &who).await,
        Code::CallerDenied,
        "a person is no agent"
    );

    let person = daemon.person();
    let pause = |resume| PauseAgent {
        name: "claude@laptop".into(),
        resume,
        ..PauseAgent::default()
    };
    assert!(person.call(&pause(false)).await.unwrap().changed);
    assert_eq!(refused(&agent, &who).await, Code::AgentPaused);
    assert!(person.call(&pause(true)).await.unwrap().changed);
    agent.call(&who).await.unwrap();
    let revoke = RevokeAgent {
        name: "claude@laptop".into(),
        ..RevokeAgent::default()
    };
    assert!(person.call(&revoke).await.unwrap().changed);
    assert_eq!(refused(&agent, &who).await, Code::AgentRevoked);
    let listed = person.call(&ListAgents::default()).await.unwrap();
    let states: Vec<_> = listed.agents.iter().map(|agent| agent.state).collect();
    use kitbag_rpc::AgentState::{Active, Revoked};
    assert_eq!(states, [Revoked, Active]);

    let audit = ReadAudit {
        kinds: vec![AuditKind::Denial],
        ..serde_json::from_value(json!({"v": 1})).unwrap()
    };
    let told = person.call(&audit).await.unwrap();
    let told = serde_json::to_string(&told.rows).unwrap();
    for rule in ["agent secret", "agent paused", "agent revoked"] {
        assert!(told.contains(rule), "{rule}: {told}");
    }
    assert!(told.contains("claude@laptop") && !told.contains(secret));
    daemon.stop().await;
}

/// Goal: with every scope, an agent does nothing that is a person's; what is tried is reported.
#[tokio::test]
async fn what_is_a_persons_is_denied_to_an_agent_with_every_scope() {
    let (daemon, secrets) = Daemon::start(&[("all", &Scope::ALL)]).await;
    let acme = "Acme".to_owned();
    let add = AddAgent {
        name: "another".into(),
        packs: vec![acme.clone()],
        ..AddAgent::default()
    };
    let agent = daemon.agent("all", &secrets[0]);
    agent.call(&AgentWhoAmI::default()).await.unwrap();
    let note = AddNote {
        pack: acme.clone(),
        source: NewSource {
            label: "x".into(),
            ..NewSource::default()
        },
        body: "x".into(),
        ..AddNote::default()
    };
    let of_pack = |more: serde_json::Value| {
        let mut document = json!({"v": 1, "pack": acme});
        let fields = more.as_object().unwrap().clone();
        document.as_object_mut().unwrap().extend(fields);
        document
    };
    macro_rules! denied {
        ($($call:expr),+ $(,)?) => {
            $(assert_eq!(refused(&agent, &$call).await, Code::AgentDenied, "{}", stringify!($call));)+
        };
    }
    let share: SharePack = serde_json::from_value(of_pack(json!({
        "role": "editor", "clearance": "internal", "uses": 1, "ask": false, "dry_run": true
    })))
    .unwrap();
    let list: ListNotes = serde_json::from_value(of_pack(json!({}))).unwrap();
    let search: SearchNotes = serde_json::from_value(json!({"v": 1, "query": "x"})).unwrap();
    let export: PlanExport =
        serde_json::from_value(json!({"v": 1, "export": {"pack": acme, "format": "md"}})).unwrap();
    denied!(
        note,
        share,
        list,
        search,
        export,
        add,
        ListPacks::default(),
        WhoAmI::default(),
        ReadStatus::default(),
        Health::default(),
        ListAgents::default(),
        LockHome::default(),
        Stop { v: V1 },
        ShowNote {
            v: V1,
            note: "a".into()
        },
        RevokeAgent {
            name: "all".into(),
            ..RevokeAgent::default()
        },
    );
    let listed = daemon.person().call(&list).await.unwrap();
    assert!(listed.notes.is_empty(), "nothing was done");
    daemon.stop().await;
}

/// Goal: nobody gives an agent more than the record holds, and a dry run leaves nothing.
#[tokio::test]
async fn bad_terms_are_refused_by_field_and_a_dry_run_adds_nothing() {
    let (daemon, _) = Daemon::start(&[]).await;
    let person = daemon.person();
    let good = AddAgent {
        name: "one".into(),
        packs: vec!["Acme".into()],
        ..AddAgent::default()
    };
    let dry = AddAgent {
        dry_run: true,
        ..good.clone()
    };
    let planned = person.call(&dry).await.unwrap();
    assert!(planned.secret.is_none() && planned.dry_run);
    assert!(
        person
            .call(&ListAgents::default())
            .await
            .unwrap()
            .agents
            .is_empty()
    );
    for (field, bad) in [
        (
            "name",
            AddAgent {
                name: "One".into(),
                ..good.clone()
            },
        ),
        (
            "packs",
            AddAgent {
                packs: vec![],
                ..good.clone()
            },
        ),
        (
            "scopes",
            AddAgent {
                scopes: Some(vec![]),
                ..good.clone()
            },
        ),
        (
            "ttl",
            AddAgent {
                ttl_millis: Some(u64::MAX),
                ..good.clone()
            },
        ),
        (
            "ttl",
            AddAgent {
                ttl_millis: Some(0),
                ..good.clone()
            },
        ),
        (
            "max tokens",
            AddAgent {
                max_tokens: Some(0),
                ..good.clone()
            },
        ),
        (
            "purpose",
            AddAgent {
                purpose: Some("a\nb".into()),
                ..good.clone()
            },
        ),
    ] {
        let failure = person.call(&bad).await.unwrap_err().into_failure();
        assert_eq!(failure.code, Code::BadInput, "{field}");
        assert!(failure.message.starts_with(field), "{failure}");
    }
    let failure = person.call(&good).await.unwrap_err().into_failure();
    assert!(failure.message.starts_with("PIN"), "{failure}");
    let guessed = AddAgent {
        pin: Some(Secret::new("123456".into())),
        ..good.clone()
    };
    assert_eq!(refused(&person, &guessed).await, Code::BadInput);
    let listed = person.call(&ListAgents::default()).await.unwrap();
    assert!(listed.agents.is_empty(), "without a PIN no agent is added");
    let with_pin = AddAgent {
        pin: Some(Secret::new("493027".into())),
        ..good
    };
    person.call(&with_pin).await.unwrap();
    let session = person.call(&ReadSession::default()).await.unwrap();
    assert!(session.needed);
    daemon.stop().await;
}
