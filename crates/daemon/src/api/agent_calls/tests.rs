//! Agents at work over a real daemon: what they may not have is in no answer, and nothing that they ask,
//! in whatever order and with whatever notes around, does more than they may.

use super::*;
use crate::run::{Options, run};
use crate::supervisor::Supervisor;
use crate::{LogLevel, initialise};
use kitbag_engine::{
    AGENT_TTL_MILLIS_DEFAULT, AgentTerms, Consent, ConsentStatus, Engine, KeyChoice, NewNote,
    NewSource, Scope, Sensitivity, Settings, Timestamp,
};
use kitbag_render::is_hostile;
use kitbag_rpc::{
    AddAgent, AddNote, Call, Caller, Client, DeleteNote, EditNote, Health, ListAgents, ListMembers,
    ListNotes, LockHome, PlanExport, ReadAudit, RedactNote, RelabelNote, RevokeAgent, SearchNotes,
    Secret, SetRole, SharePack, ShowNote, ShowPolicy, Stop, Undo, UnsharePack,
};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

const NOTES: &str = include_str!("../../../../../tests/fixtures/injections/notes.json");
const AGENT: &str = "claude";
/// Stands in every note that the agent may not have.
const CANARY: &str = "xylophonic";
/// How many sequences of calls, unless the environment says otherwise.
const SEQUENCES: u64 = 150;

/// A daemon with a pack of the agent's and another one.
struct Desk {
    home: tempfile::TempDir,
    running: tokio::task::JoinHandle<Result<(), Failure>>,
    agent: Client,
    /// The agent's pack, and the other.
    packs: [PackId; 2],
    /// Notes that it may read, and that it may not.
    open: Vec<ItemId>,
    closed: Vec<ItemId>,
}

fn settings(home: &Path) -> Settings {
    Settings {
        offline: true,
        ..Settings::new(home)
    }
}

fn note(title: &str, body: &str, label: &str) -> NewNote {
    NewNote {
        title: title.to_owned(),
        body: body.to_owned(),
        source: NewSource {
            label: label.to_owned(),
            ..NewSource::default()
        },
        ..NewNote::default()
    }
}

impl Desk {
    /// With `hostile` the agent's pack is full of notes that try to be more than data.
    async fn new(hostile: bool, scopes: &[Scope]) -> Desk {
        let home = tempfile::tempdir().unwrap();
        initialise(home.path(), "Ana", "laptop", Some(KeyChoice::KeyFile(None))).unwrap();
        let engine = Engine::open(settings(home.path()), None).await.unwrap();
        let internal = Sensitivity::Internal;
        let pack = engine
            .create_pack("Acme".into(), internal)
            .await
            .unwrap()
            .id;
        let other = engine
            .create_pack("Globex".into(), internal)
            .await
            .unwrap()
            .id;
        let (mut open, mut closed) = (Vec::new(), Vec::new());
        let mut plain = vec![
            note("Refund", "Acme asks for a refund of order 7.", "mail 1"),
            note("Renewal", "Acme renews in June, refund or not.", "mail 2"),
        ];
        let corpus: Vec<Value> = serde_json::from_str(NOTES).unwrap();
        for (number, injected) in corpus.iter().enumerate().filter(|_| hostile) {
            let text = injected["text"].as_str().unwrap();
            let line: String = text
                .chars()
                .filter(|c| !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}'))
                .take(100)
                .collect();
            let label = match number % 2 {
                0 => format!("import {number}"),
                _ => format!("{line} {number}"),
            };
            let mut one = note(&line, text, &label);
            one.tags = vec![format!("t{}", number % 7)];
            plain.push(one);
        }
        for added in engine.add_notes(pack, plain).await.unwrap() {
            open.push(added.id);
        }
        let restricted = NewNote {
            sensitivity: Some(Sensitivity::Restricted),
            ..note("Refund secret", &format!("refund {CANARY} restricted"), "s")
        };
        let limited = NewNote {
            consent: Some(Consent {
                purposes: ["billing".to_owned()].into(),
                ..Consent::new(ConsentStatus::Limited)
            }),
            ..note("Refund consent", &format!("refund {CANARY} consent"), "s")
        };
        let refused = NewNote {
            consent: Some(Consent::new(ConsentStatus::Withdrawn)),
            ..note(
                "Refund withdrawn",
                &format!("refund {CANARY} withdrawn"),
                "s",
            )
        };
        let expired = NewNote {
            expires_at: Some(Timestamp::from_millis(1_000)),
            ..note("Refund expired", &format!("refund {CANARY} expired"), "s")
        };
        let deleted = note("Refund deleted", &format!("refund {CANARY} deleted"), "s");
        let all = vec![restricted, limited, refused, expired, deleted];
        for added in engine.add_notes(pack, all).await.unwrap() {
            closed.push(added.id);
        }
        engine
            .set_deleted(pack, closed[4], true, kitbag_engine::Along::Alone, false)
            .await
            .unwrap();
        let elsewhere = note(
            "Refund elsewhere",
            &format!("refund {CANARY} other pack"),
            "s",
        );
        for added in engine.add_notes(other, vec![elsewhere]).await.unwrap() {
            closed.push(added.id);
        }
        let terms = AgentTerms {
            name: AGENT.parse().unwrap(),
            packs: [pack].into(),
            clearance: internal,
            scopes: scopes.iter().copied().collect(),
            expires_at: Timestamp::from_millis(
                crate::routes::now().as_millis() + AGENT_TTL_MILLIS_DEFAULT,
            ),
            max_tokens: 1 << 40,
            proposes: false,
            purpose: None,
            reads_go_to: "somewhere".into(),
        };
        let secret = engine.add_agent(terms).await.unwrap().secret;
        engine.shutdown().await;
        let options = Options {
            settings: settings(home.path()),
            passphrase: None,
            elsewhere: home.path().to_owned(),
            log: LogLevel::Warn,
            supervisor: Supervisor::default(),
        };
        let secret = Secret::new(secret.as_str().to_owned());
        let desk = Desk {
            agent: Client::for_agent(home.path(), AGENT, secret).unwrap(),
            running: tokio::spawn(run(options, |_| {})),
            home,
            packs: [pack, other],
            open,
            closed,
        };
        while desk.person().call(&Health::default()).await.is_err() {
            assert!(!desk.running.is_finished(), "the daemon did not start");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        desk
    }

    fn person(&self) -> Client {
        Client::new(self.home.path(), Caller::Cli)
    }

    /// Stops the daemon and opens what it leaves.
    async fn reopen(self) -> (tempfile::TempDir, Engine) {
        self.person().call(&Stop { v: V1 }).await.unwrap();
        self.running.await.unwrap().unwrap();
        let engine = Engine::open(settings(self.home.path()), None)
            .await
            .unwrap();
        (self.home, engine)
    }
}

/// Every string in an answer holds nothing that is hidden, and nothing of what is closed.
fn check(answer: &Value, asked: &str) {
    match answer {
        Value::String(text) => {
            let hidden = text
                .chars()
                .find(|c| is_hostile(*c) && !matches!(c, '\n' | '\t'));
            assert_eq!(hidden, None, "{asked}: {text:?}");
            assert!(!text.contains(CANARY), "{asked}: {text:?}");
            for frame in [
                "<|",
                "</system",
                "<system",
                "![",
                "](http",
                "[INST]",
                "javascript:",
            ] {
                assert!(!text.contains(frame), "{asked}: {frame} in {text:?}");
            }
        }
        Value::Array(values) => values.iter().for_each(|value| check(value, asked)),
        Value::Object(fields) => fields.values().for_each(|value| check(value, asked)),
        _ => {}
    }
}

/// What an agent is answered, checked; an error has a code, and says nothing of what is closed.
async fn ask<C: Call>(desk: &Desk, call: &C) -> Result<Value, Failure> {
    let asked = serde_json::to_string(call).unwrap();
    match desk.agent.call(call).await {
        Ok(answer) => {
            let answer = serde_json::to_value(&answer).unwrap();
            check(&answer, &asked);
            Ok(answer)
        }
        Err(error) => {
            let failure = error.into_failure();
            assert_ne!(failure.code, Code::Internal, "{asked}: {failure}");
            check(&json!([failure.message, failure.hint]), &asked);
            Err(failure)
        }
    }
}

fn search(query: &str) -> AgentSearch {
    AgentSearch {
        query: query.to_owned(),
        ..AgentSearch::default()
    }
}

/// Goal: what is above, withheld, deleted, over or elsewhere is not found, counted, read, listed or named,
/// and a word that stands in it alone is as one that stands nowhere.
#[tokio::test]
async fn what_an_agent_may_not_have_is_in_no_answer() {
    let desk = Desk::new(false, &Scope::ALL).await;
    let found = ask(&desk, &search("refund")).await.unwrap();
    assert_eq!(
        (&found["total"], &found["total_is_exact"]),
        (&json!(2), &json!(true)),
        "{found}"
    );
    let nothing = ask(&desk, &search(CANARY)).await.unwrap();
    let nowhere = ask(&desk, &search("quixotically")).await.unwrap();
    assert_eq!(nothing, nowhere);
    let packs = ask(&desk, &AgentListPacks::default()).await.unwrap();
    assert_eq!(packs["packs"].as_array().unwrap().len(), 1, "{packs}");
    assert_eq!(packs["packs"][0]["notes"], 2, "{packs}");

    let whole: Vec<String> = desk.closed.iter().map(ToString::to_string).collect();
    let shorts: Vec<String> = desk.closed.iter().map(short).collect();
    for ids in [whole, shorts] {
        let unknown = ids.clone();
        let read = AgentReadNotes {
            ids,
            ..AgentReadNotes::default()
        };
        let read = ask(&desk, &read).await.unwrap();
        assert_eq!(
            (&read["notes"], &read["unknown"]),
            (&json!([]), &json!(unknown))
        );
    }
    let states: Vec<Value> = {
        let mut states = Vec::new();
        for id in &desk.closed {
            let explain = AgentExplain {
                v: V1,
                id: id.to_string(),
            };
            states.push(ask(&desk, &explain).await.unwrap());
        }
        states
    };
    let state = |at: usize| states[at]["state"].as_str().unwrap();
    assert_eq!(
        [state(0), state(5)],
        ["unknown", "unknown"],
        "above and elsewhere"
    );
    assert_eq!([state(1), state(2), state(3), state(4)], ["withheld"; 4]);
    assert_eq!(states[1]["rule"], "consent purpose");
    assert_eq!(states[1]["ask"], json!(["Ana"]));

    let context = AgentContext {
        topic: Some("refund".into()),
        ..AgentContext::default()
    };
    let context = ask(&desk, &context).await.unwrap();
    assert_eq!(
        context["item_ids"].as_array().unwrap().len(),
        2,
        "{context}"
    );
    let changes = ask(&desk, &AgentListChanges::default()).await.unwrap();
    // That one was deleted is told; what it said is not.
    let told: BTreeSet<&str> = changes["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| change["title"].as_str().unwrap())
        .collect();
    assert_eq!(told, BTreeSet::from(["Refund", "Renewal", ""]), "{changes}");

    let other = AgentSearch {
        packs: vec![desk.packs[1].to_string()],
        ..search("refund")
    };
    let denied = ask(&desk, &other).await.unwrap_err();
    assert_eq!(denied.code, Code::NotFound);
    let update = AgentUpdate {
        id: desk.closed[1].to_string(),
        add_tags: vec!["x".into()],
        ..AgentUpdate::default()
    };
    assert_eq!(ask(&desk, &update).await.unwrap_err().code, Code::NotFound);
    let derived = AgentAdd {
        pack: desk.packs[0].to_string(),
        body: "made from something closed".into(),
        source_label: "x".into(),
        derived_from: vec![desk.closed[0].to_string()],
        ..AgentAdd::default()
    };
    assert_eq!(ask(&desk, &derived).await.unwrap_err().code, Code::NotFound);

    let audit = ReadAudit {
        pack: Some(desk.packs[0].to_string()),
        ..serde_json::from_value(json!({"v": 1})).unwrap()
    };
    let audit = desk.person().call(&audit).await.unwrap();
    let audit = serde_json::to_string(&audit).unwrap();
    for part in ["claude", "agent clearance", "consent purpose"] {
        assert!(audit.contains(part), "{part}: {audit}");
    }
    desk.reopen().await.1.shutdown().await;
}

/// Goal: an answer that was lost is told again, one that was taken over is not; what people did comes first,
/// and what the agent did itself is not told.
#[tokio::test]
async fn changes_are_told_until_they_are_taken_over() {
    let desk = Desk::new(false, &Scope::ALL).await;
    let ask_changes = |cursor: Option<&str>, limit| AgentListChanges {
        cursor: cursor.map(str::to_owned),
        limit,
        ..AgentListChanges::default()
    };
    let first = ask(&desk, &ask_changes(None, None)).await.unwrap();
    let again = ask(&desk, &ask_changes(None, None)).await.unwrap();
    assert_eq!(first, again, "nobody came back with the cursor");
    let cursor = first["cursor"].as_str().unwrap();
    let none = ask(&desk, &ask_changes(Some(cursor), None)).await.unwrap();
    assert_eq!(none["changes"], json!([]));
    let none = ask(&desk, &ask_changes(None, None)).await.unwrap();
    assert_eq!(none["changes"], json!([]), "it was taken over");
    let cursor = none["cursor"].as_str().unwrap().to_owned();

    let add = |body: &str| AgentAdd {
        pack: desk.packs[0].to_string(),
        body: body.to_owned(),
        source_label: "own".into(),
        ..AgentAdd::default()
    };
    ask(&desk, &add("the agent's own words about it"))
        .await
        .unwrap();
    let own = AgentUpdate {
        id: desk.open[1].to_string(),
        add_tags: vec!["seen".into()],
        ..AgentUpdate::default()
    };
    ask(&desk, &own).await.unwrap();
    let edit = EditNote {
        note: desk.open[0].to_string(),
        body: Some("Acme asks for a refund of order 8.".into()),
        ..EditNote::default()
    };
    desk.person().call(&edit).await.unwrap();
    let outcome = AddNote {
        pack: desk.packs[0].to_string(),
        title: "Outcome".into(),
        body: "refunded by hand".into(),
        note_type: Some("outcome".into()),
        source: kitbag_rpc::NewSource {
            label: "Ana".into(),
            ..Default::default()
        },
        ..AddNote::default()
    };
    desk.person().call(&outcome).await.unwrap();
    let told = ask(&desk, &ask_changes(Some(&cursor), None)).await.unwrap();
    let changes = told["changes"].as_array().unwrap();
    let titles: BTreeSet<&str> = changes
        .iter()
        .map(|c| c["title"].as_str().unwrap())
        .collect();
    assert_eq!(titles, BTreeSet::from(["Outcome", "Refund"]), "{told}");
    assert!(changes.iter().all(|change| change["by_human"] == true));

    // One at a time, none twice, none left out.
    let mut seen = Vec::new();
    let mut next = ask(&desk, &ask_changes(None, Some(1))).await.unwrap();
    for _ in 0..5 {
        let page = next["changes"].as_array().unwrap();
        seen.extend(page.iter().map(|c| c["title"].as_str().unwrap().to_owned()));
        let cursor = next["cursor"].as_str().unwrap().to_owned();
        next = ask(&desk, &ask_changes(Some(&cursor), Some(1)))
            .await
            .unwrap();
    }
    seen.sort_unstable();
    assert_eq!(seen, ["Outcome", "Refund"]);
    desk.reopen().await.1.shutdown().await;
}

/// A stream of numbers from a seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        let at = self.below(all.len());
        &all[at]
    }

    fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }
}

/// What a model that believes a note might ask for.
struct Wild<'d> {
    desk: &'d Desk,
    dice: Dice,
    ids: Vec<String>,
    texts: Vec<String>,
    cursors: Vec<String>,
    /// Notes that the agent was told it added.
    added: u64,
}

impl Wild<'_> {
    fn id(&mut self) -> String {
        self.dice.of(&self.ids).clone()
    }

    fn text(&mut self) -> String {
        self.dice.of(&self.texts).clone()
    }

    fn pack(&mut self) -> String {
        let packs = self.desk.packs;
        let pack = if self.dice.once_in(4) {
            packs[1]
        } else {
            packs[0]
        };
        pack.to_string()
    }

    fn sensitivity(&mut self) -> Option<kitbag_rpc::Sensitivity> {
        use kitbag_rpc::Sensitivity::{Confidential, Internal, Public, Restricted};
        *self.dice.of(&[
            None,
            None,
            Some(Public),
            Some(Internal),
            Some(Confidential),
            Some(Restricted),
        ])
    }

    /// One call of an agent, as its tools make them.
    async fn tool(&mut self) {
        let answer = match self.dice.below(9) {
            0 => ask(self.desk, &AgentListPacks::default()).await,
            1 => {
                let query = self.text().chars().take(60).collect::<String>();
                let packs = if self.dice.once_in(3) {
                    vec![self.pack()]
                } else {
                    vec![]
                };
                let call = AgentSearch {
                    packs,
                    ..search(&query)
                };
                ask(self.desk, &call).await
            }
            2 => {
                let ids = (0..=self.dice.below(4)).map(|_| self.id()).collect();
                let max_tokens = Some(self.dice.below(2000) as u32);
                ask(
                    self.desk,
                    &AgentReadNotes {
                        v: V1,
                        ids,
                        max_tokens,
                    },
                )
                .await
            }
            3 => {
                let formats = ["xml", "markdown", "json", "exe"];
                let call = AgentContext {
                    topic: Some(self.text().chars().take(40).collect()),
                    format: Some((*self.dice.of(&formats)).to_owned()),
                    ids: vec![self.id()],
                    since_cursor: self
                        .cursors
                        .last()
                        .cloned()
                        .filter(|_| self.dice.once_in(3)),
                    ..AgentContext::default()
                };
                ask(self.desk, &call).await
            }
            4 => {
                let cursor =
                    (!self.cursors.is_empty()).then(|| self.dice.of(&self.cursors).clone());
                let call = AgentListChanges {
                    cursor,
                    limit: Some(5),
                    ..AgentListChanges::default()
                };
                ask(self.desk, &call).await
            }
            5 => {
                let call = AgentAdd {
                    pack: self.pack(),
                    title: self.text().chars().take(80).collect(),
                    body: self.text(),
                    source_label: self.text().chars().take(60).collect(),
                    claim: Some((*self.dice.of(&["observation", "verified", "directive"])).into()),
                    sensitivity: self.sensitivity(),
                    derived_from: vec![self.id()],
                    supersedes: if self.dice.once_in(3) {
                        vec![self.id()]
                    } else {
                        vec![]
                    },
                    ..AgentAdd::default()
                };
                let answer = ask(self.desk, &call).await;
                self.added += u64::from(answer.as_ref().is_ok_and(|a| a["became"] == "added"));
                answer
            }
            6 => {
                let call = AgentUpdate {
                    id: self.id(),
                    add_tags: vec![self.text().chars().take(20).collect()],
                    superseded_by: self.dice.once_in(2).then(|| self.id()),
                    ..AgentUpdate::default()
                };
                ask(self.desk, &call).await
            }
            7 => {
                let call = AgentFeedback {
                    id: self.id(),
                    verdict: (*self.dice.of(&["wrong", "helpful", "delete it"])).into(),
                    text: self.text(),
                    ..AgentFeedback::default()
                };
                let answer = ask(self.desk, &call).await;
                self.added += u64::from(answer.as_ref().is_ok_and(|a| a["became"] == "added"));
                answer
            }
            _ => {
                ask(
                    self.desk,
                    &AgentExplain {
                        v: V1,
                        id: self.id(),
                    },
                )
                .await
            }
        };
        if let Ok(answer) = answer
            && let Some(cursor) = answer["cursor"].as_str()
        {
            self.cursors.push(cursor.to_owned());
        }
    }

    /// A call that no agent may make, whatever it read.
    async fn privileged(&mut self) {
        let (pack, id) = (self.pack(), self.id());
        let agent = &self.desk.agent;
        match self.dice.below(20) {
            0 => refuse::<SharePack>(agent, json!({"v": 1, "pack": pack, "role": "admin", "clearance": "restricted", "expires_at": null, "uses": 1})).await,
            1 => refuse::<ShowNote>(agent, json!({"v": 1, "note": id})).await,
            2 => refuse::<ListNotes>(agent, json!({"v": 1, "pack": pack})).await,
            3 => refuse::<ListMembers>(agent, json!({"v": 1, "pack": pack})).await,
            4 => refuse::<ShowPolicy>(agent, json!({"v": 1, "pack": pack})).await,
            5 => refuse::<SearchNotes>(agent, json!({"v": 1, "query": "refund"})).await,
            6 => refuse::<PlanExport>(agent, json!({"v": 1, "export": {"pack": pack}})).await,
            7 => refuse::<EditNote>(agent, json!({"v": 1, "note": id, "body": "taken over"})).await,
            8 => refuse::<DeleteNote>(agent, json!({"v": 1, "note": id})).await,
            9 => refuse::<RedactNote>(agent, json!({"v": 1, "note": id, "reason": "x"})).await,
            10 => refuse::<RelabelNote>(agent, json!({"v": 1, "note": id, "sensitivity": "public"})).await,
            11 => refuse::<UnsharePack>(agent, json!({"v": 1, "pack": pack, "person": "Ana"})).await,
            12 => refuse::<SetRole>(agent, json!({"v": 1, "pack": pack, "person": "Ana", "role": "admin"})).await,
            13 => refuse::<AddAgent>(agent, json!({"v": 1, "name": "evil", "packs": [pack]})).await,
            14 => refuse::<RevokeAgent>(agent, json!({"v": 1, "name": "claude"})).await,
            15 => refuse::<ListAgents>(agent, json!({"v": 1})).await,
            16 => refuse::<Undo>(agent, json!({"v": 1})).await,
            17 => refuse::<LockHome>(agent, json!({"v": 1})).await,
            18 => refuse::<Stop>(agent, json!({"v": 1})).await,
            _ => refuse::<ReadAudit>(agent, json!({"v": 1})).await,
        }
    }
}

/// No agent may make this call.
async fn refuse<C: Call>(agent: &Client, call: Value) {
    let call: C = serde_json::from_value(call).unwrap();
    let failure = match agent.call(&call).await {
        Ok(_) => panic!("{} was done", C::PATH),
        Err(error) => error.into_failure(),
    };
    assert_eq!(failure.code, Code::AgentDenied, "{}: {failure}", C::PATH);
}

/// Goal: whatever an agent asks, in whatever order, with hundreds of hostile notes around: no privileged
/// transition, no answer with what it may not have or what is hidden, no write but notes of its own and what
/// it may change around others. Method: random calls from a seed, then the whole home compared.
#[tokio::test(flavor = "multi_thread")]
async fn no_sequence_of_calls_does_more_than_an_agent_may() {
    let number = |name: &str| std::env::var(name).ok().and_then(|n| n.parse::<u64>().ok());
    let sequences = number("KITBAG_AGENT_SEQUENCES").unwrap_or(SEQUENCES);
    let seconds = number("KITBAG_AGENT_SECONDS").unwrap_or(600);
    let floor = number("KITBAG_AGENT_FLOOR").unwrap_or(sequences.min(SEQUENCES));
    let seed = number("KITBAG_AGENT_SEED").unwrap_or(0x5eed_0001);
    println!("seed {seed}");
    let desk = Desk::new(true, &Scope::ALL).await;
    let corpus: Vec<Value> = serde_json::from_str(NOTES).unwrap();
    let texts = corpus
        .iter()
        .map(|note| note["text"].as_str().unwrap().replace('\0', ""));
    let mut texts: Vec<String> = texts.collect();
    texts.extend(["refund", "Acme", "", "\"refund of\"", CANARY, "-refund"].map(str::to_owned));
    let ids = desk.open.iter().chain(&desk.closed);
    let mut ids: Vec<String> = ids.flat_map(|id| [id.to_string(), short(id)]).collect();
    ids.extend(
        [
            "",
            "a",
            "..",
            "../../etc",
            "item://x",
            "aaaaaaaaaaaaaaaa.5.00",
        ]
        .map(str::to_owned),
    );
    let mut wild = Wild {
        desk: &desk,
        dice: Dice(seed),
        ids,
        texts,
        cursors: vec![],
        added: 0,
    };
    let began = Instant::now();
    let (mut done, mut calls) = (0, 0u64);
    while done < sequences && began.elapsed() < Duration::from_secs(seconds) {
        for _ in 0..=wild.dice.below(5) {
            match wild.dice.once_in(4) {
                true => wild.privileged().await,
                false => wild.tool().await,
            }
            calls += 1;
        }
        done += 1;
    }
    println!(
        "{done} sequences, {calls} calls, {} notes added, {:?}",
        wild.added,
        began.elapsed()
    );
    assert!(done >= floor, "{done} sequences of at least {floor}");
    let (added, packs) = (wild.added, desk.packs);
    let (open, closed) = (desk.open.clone(), desk.closed.clone());
    let (_home, engine) = desk.reopen().await;
    for pack in packs {
        assert_eq!(engine.members(pack).await.unwrap().len(), 1);
        assert!(engine.invites(pack).await.unwrap().is_empty());
    }
    assert_eq!(engine.agents().await.unwrap().len(), 1);
    assert_eq!(
        engine.notes(packs[1]).await.unwrap().len(),
        1,
        "the other pack"
    );
    let notes = engine.notes(packs[0]).await.unwrap();
    let known: BTreeSet<ItemId> = open.iter().chain(&closed).copied().collect();
    let mut new = 0;
    for summary in &notes {
        let note = engine.note(packs[0], summary.id).await.unwrap();
        if known.contains(&summary.id) {
            // Tags and what replaced it may have changed; nothing else of it.
            for revision in engine.history(packs[0], summary.id).await.unwrap() {
                let fields = revision.changes.iter().map(|change| change.field);
                let others: Vec<_> = fields
                    .filter(|field| !matches!(*field, "tags" | "status" | "superseded_by"))
                    .collect();
                assert_eq!(others, Vec::<&str>::new(), "{}", revision.what);
                let allowed = ["added", "edited", "superseded", "reactivated"];
                let is_deletion = summary.id == closed[4] && revision.what == "deleted";
                assert!(
                    allowed.contains(&revision.what.as_str()) || is_deletion,
                    "{}",
                    revision.what
                );
            }
            continue;
        }
        new += 1;
        assert!(
            note.captured_by.starts_with("claude ("),
            "{}",
            note.captured_by
        );
        assert_eq!(note.trust, "untrusted_external");
        assert!(
            note.sensitivity >= Sensitivity::Internal && note.consent.is_none() && !note.pinned
        );
        let produced = note.produced_by.and_then(|by| by.agent);
        assert_eq!(produced.as_deref(), Some(AGENT));
        let claim = note.claim.map(|claim| claim.as_str());
        assert!(
            matches!(claim, Some("observation" | "inference")),
            "{claim:?}"
        );
    }
    // Each with its masked copy, if it holds personal data.
    assert!(
        (added..=2 * added).contains(&new),
        "{new} new notes, {added} told"
    );
    engine.shutdown().await;
}
