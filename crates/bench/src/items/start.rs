//! A daemon from its start to its first answer.

use super::Side;
use crate::clock;
use crate::context::Context;
use crate::homes;
use crate::report::Item;
use crate::role::Late;
use crate::stats::median;
use anyhow::{Context as _, Result, anyhow};
use kitbag_rpc::{AddNote, Caller, Client, ListNotes, NewSource, Stop, V1, WhoAmI};
use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

pub(super) async fn run(context: &Context) -> Result<Item> {
    let mut item = Item::new(
        "start",
        "Start of the daemon",
        "From starting the process `kitbag up` until it has answered its first request over the socket (who this device is), and until it has \
         listed the notes of one pack. The key lies in a file. After a crash: `kill -9` right after an \
         acknowledged write into a database of notes with long bodies, then the same.",
    );
    many_packs(context, &mut item).await?;
    after_a_crash(context, &mut item).await?;
    Ok(item)
}

async fn many_packs(context: &Context, item: &mut Item) -> Result<()> {
    let many = context.many().await?;
    item.remarks.extend(many.shortage());
    let home = homes::copy(&many.a, &context.fresh("start"))?;
    let pack = many.packs.first().context("there are packs")?.to_string();
    let (mut first, mut list) = (Side::default(), Side::default());
    let mut memory = Vec::new();
    for _ in 0..context.times(15, 3) {
        if !first.goes_on() {
            break;
        }
        let daemon = Daemon::start(context, &home)?;
        let answered = daemon.first_answer(context.limit()).await;
        let ok = answered.is_ok();
        first.take(answered)?;
        if ok {
            list.take(daemon.list(&pack, context.limit()).await)?;
            memory.push(clock::memory(daemon.child.id())?.now);
        }
        daemon.stop().await?;
    }
    let count = many.count();
    first.put(
        item,
        &format!("{count} packs: start to first answer"),
        "the daemon",
        "ms",
    );
    list.put(
        item,
        &format!("{count} packs: start to the first list of notes"),
        "the daemon",
        "ms",
    );
    item.row(
        &format!("{count} packs: memory after it"),
        "the daemon",
        "MiB",
        &memory,
    );
    item.at_most(
        &format!("start with {count} packs and a key file, to the first answer"),
        50.0,
        "ms",
        first.median(),
    );
    Ok(())
}

/// Bytes of a body that makes a database large with few notes.
const LONG_BODY: usize = 32 << 10;

async fn after_a_crash(context: &Context, item: &mut Item) -> Result<()> {
    let home = context.fresh("crash");
    let notes = context.size(4500);
    let make = {
        let home = home.clone();
        move || -> Result<String> {
            homes::make(&home, "Ada")?;
            let mut node = homes::open(&home)?;
            let pack = homes::add_pack(&mut node, "long", 0, 0, LONG_BODY)?;
            for first in (0..notes).step_by(20) {
                let more = 20.min(notes - first);
                homes::add_notes(&mut node, pack, first, more, LONG_BODY)?;
            }
            Ok(pack.to_string())
        }
    };
    let pack = tokio::task::spawn_blocking(make).await??;
    #[expect(clippy::cast_precision_loss, reason = "the size of a file")]
    let megabytes = fs::metadata(home.join("kitbag.redb"))?.len() as f64 / 1e6;
    let (mut clean, mut crashed) = (Side::default(), Side::default());
    for turn in 0..context.times(5, 2) {
        let daemon = Daemon::start(context, &home)?;
        clean.take(daemon.first_answer(context.limit()).await)?;
        daemon.add(&pack, turn).await?;
        daemon.kill()?;
        let daemon = Daemon::start(context, &home)?;
        crashed.take(daemon.first_answer(context.limit()).await)?;
        daemon.stop().await?;
    }
    let what = format!("{notes} notes of 32 KiB, {megabytes:.0} MB on disk");
    clean.put(
        item,
        &format!("{what}: start to first answer"),
        "the daemon",
        "ms",
    );
    crashed.put(
        item,
        &format!("{what}: the same after a crash"),
        "the daemon",
        "ms",
    );
    let per_hundred = median(&crashed.samples).map(|millis| millis / megabytes * 100.0);
    item.at_most(
        "start after a crash, per 100 MB of database",
        300.0,
        "ms",
        per_hundred.filter(|_| crashed.goes_on()),
    );
    item.beside(format!("measured at {megabytes:.0} MB"));
    Ok(())
}

/// A daemon that this run started.
pub(super) struct Daemon {
    pub(super) child: Child,
    pub(super) client: Client,
    started: u64,
}

impl Daemon {
    pub(super) fn start(context: &Context, home: &Path) -> Result<Daemon> {
        let caller: Caller = Caller::Library {
            name: "bench".into(),
        };
        let mut command = context.kitbag(home);
        command
            .args(["up", "--listen", "loopback"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let started = clock::nanos();
        Ok(Daemon {
            child: command.spawn()?,
            client: Client::new(home, caller),
            started,
        })
    }

    /// Milliseconds from the start to the first answer.
    pub(super) async fn first_answer(&self, limit: Duration) -> Result<f64> {
        let until = Instant::now() + limit;
        loop {
            if self.client.call(&WhoAmI::default()).await.is_ok() {
                return Ok(clock::millis(self.started, clock::nanos()));
            }
            if Instant::now() >= until {
                return Err(anyhow!(Late(limit)));
            }
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
    }

    async fn list(&self, pack: &str, limit: Duration) -> Result<f64> {
        let list = ListNotes {
            v: V1,
            pack: pack.into(),
            listed: Default::default(),
        };
        tokio::time::timeout(limit, self.client.call(&list))
            .await
            .map_err(|_| anyhow!(Late(limit)))??;
        Ok(clock::millis(self.started, clock::nanos()))
    }

    async fn add(&self, pack: &str, turn: usize) -> Result<()> {
        let add = AddNote {
            v: V1,
            pack: pack.into(),
            title: format!("before the crash {turn}"),
            body: String::new(),
            source: NewSource {
                label: "bench".into(),
                kind: None,
                uri: None,
                app: None,
                author: None,
                locator: None,
                observed_at: None,
            },
            sensitivity: None,
            tags: Vec::new(),
            note_type: None,
            unmasked: false,
            consent: None,
            claim: None,
            pinned: false,
            valid_from: None,
            valid_to: None,
            review_after: None,
            expires_at: None,
            supersedes: Vec::new(),
            derived_from: vec![],
            across_clients: false,
            dry_run: false,
        };
        self.client.call(&add).await?;
        Ok(())
    }

    pub(super) fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to stop, and waits.
    pub(super) async fn stop(mut self) -> Result<()> {
        if self.client.call(&Stop { v: V1 }).await.is_err() {
            return self.kill();
        }
        let wait = move || self.child.wait();
        tokio::task::spawn_blocking(wait).await??;
        Ok(())
    }
}
