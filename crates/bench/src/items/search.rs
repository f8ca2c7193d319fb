//! How fast a search answers among many notes, and how fast the index takes them in, beside SQLite FTS5.

mod fts5;
mod texts;

use super::start::Daemon;
use crate::clock;
use crate::context::Context;
use crate::homes::{self, NOTES_AT_ONCE};
use crate::report::Item;
use crate::stats::summary;
use anyhow::{Context as _, Result, anyhow, ensure};
use fts5::Fts5;
use kitbag_engine::{Engine, Filter, Listed, SearchOptions, Sensitivity, Settings};
use kitbag_rpc::{Health, NoteFilter, SearchNotes, V1, WhoAmI};
use std::path::Path;
use std::time::{Duration, Instant};
use texts::{Query, Text};
use tokio::task::{block_in_place, spawn_blocking};

/// Queries of one round.
const QUERIES: u64 = 400;
/// The first of them count as cold.
const COLD: usize = 50;
/// How often the whole command is run.
const COMMANDS: usize = 50;
/// How often the daemon is asked how far its index is.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Without processor time for so long, a daemon has nothing left to do.
const QUIET: Duration = Duration::from_millis(600);
/// Results of each search.
const RESULTS: usize = 20;

const SOCKET: &str = "the daemon, over its socket";
const COMMAND: &str = "the whole command";
const ENGINE: &str = "Kitbag, in the engine";
const FTS5: &str = "FTS5, in this process";

pub(super) async fn run(context: &Context) -> Result<Item> {
    let mut item = Item::new(
        "search",
        "Search among many notes",
        "One pack with notes of five words of title and 20 to 79 of body, as frequent as those of a language among 60,000; every tenth has a tag. \
         Filled first, in this process, without an index (an engine would take notes in meanwhile); then indexed: from starting the process \
         `kitbag up` until it says that all notes are in its index. It is left to merge, and started anew. \
         400 queries, in turn of one, two, three and four words, a phrase that is there, a beginning, \
         two words without a third, and two words among the notes with the tag; the best twenty of each, with snippets. \
         Cold are the first 50 after the start of the daemon (what it needs is in the system's cache of files), warm all 400 when they are asked \
         the second time. Over the socket a connection is opened for each call; an empty call (who this device is) says what that costs. \
         The whole command is `kitbag search … --json` as a process, from its start to its end. \
         In the engine: without daemon and socket, in this process. FTS5 is SQLite's, with `unicode61`, in a file, in this process, \
         not sealed: words go on where they do in Kitbag, all words and else any of them, ranked by its bm25 with titles threefold, \
         the best twenty with snippets; it counts no totals and forgives no typing errors. Its index is filled with the notes, and optimised before it is asked.",
    );
    let mut sizes = vec![context.size(10_000), context.size(100_000)];
    if context.million {
        sizes.push(context.size(1_000_000));
    }
    for (at, notes) in sizes.into_iter().enumerate() {
        let measured = measure(context, notes, &mut item).await;
        let measured = measured.with_context(|| format!("with {notes} notes"))?;
        if at == 1 {
            goals(&mut item, notes, &measured);
        }
    }
    Ok(item)
}

/// What goals are about.
#[derive(Default)]
struct Measured {
    indexed: Option<f64>,
    warm: Vec<f64>,
    commands: Vec<f64>,
}

fn goals(item: &mut Item, notes: u64, measured: &Measured) {
    let (warm, commands) = (summary(&measured.warm), summary(&measured.commands));
    let search = format!("search among {notes} notes, warm");
    let with_socket = "over the socket, with a connection for each call";
    item.at_most(
        &format!("{search}, median"),
        1.0,
        "ms",
        warm.map(|of| of.median),
    );
    item.beside(with_socket);
    item.at_most(
        &format!("{search}, 99th percentile"),
        10.0,
        "ms",
        warm.map(|of| of.p99),
    );
    item.beside(with_socket);
    item.at_most(
        &format!("search among {notes} notes, the whole command, 99th percentile"),
        20.0,
        "ms",
        commands.map(|of| of.p99),
    );
    item.beside(format!("the greatest of {COMMANDS}"));
    item.at_least(
        &format!("{notes} notes taken into the index"),
        10_000.0,
        "notes/s",
        measured.indexed,
    );
    item.beside("filled first, then indexed; the start of the daemon is in it");
}

async fn measure(context: &Context, notes: u64, item: &mut Item) -> Result<Measured> {
    let home = context.fresh(&format!("search-{notes}"));
    let filled = {
        let home = home.clone();
        spawn_blocking(move || fill(&home, notes)).await??
    };
    item.row(
        &format!("{notes} notes: added, without an index"),
        "Kitbag, one node",
        "notes/s",
        &[per_second(notes, filled)],
    );
    let mut measured = Measured::default();
    let daemon = Daemon::start(context, &home)?;
    let indexed = index(context, &daemon, notes, item).await;
    daemon.stop().await?;
    measured.indexed = indexed?;
    if measured.indexed.is_none() {
        return Ok(measured);
    }
    let queries: Vec<Query> = (0..QUERIES).map(|at| Query::of(at, notes)).collect();
    let daemon = Daemon::start(context, &home)?;
    let answered = ask_daemon(context, &daemon, &home, notes, &queries, item).await;
    daemon.stop().await?;
    (measured.warm, measured.commands) = answered?;
    let millis = ask_engine(&home, &queries).await?;
    item.row(&format!("{notes} notes: warm"), ENGINE, "ms", &millis);
    let path = home.with_extension("sqlite");
    block_in_place(|| ask_fts5(&path, notes, &queries, item))?;
    std::fs::remove_dir_all(&home)?; // the next home is ten times as large
    std::fs::remove_file(&path)?;
    Ok(measured)
}

/// Makes a home with so many notes that no index knows; says in how many seconds they were added.
fn fill(home: &Path, notes: u64) -> Result<f64> {
    homes::make(home, "Ada")?;
    let mut node = homes::open(home)?;
    let pack = node
        .create_pack(homes::now(), "desk", Sensitivity::Internal)?
        .id;
    let begun = Instant::now();
    for first in (0..notes).step_by(usize::try_from(NOTES_AT_ONCE)?) {
        let some = first..notes.min(first + NOTES_AT_ONCE);
        let drafts: Vec<_> = some.map(|number| Text::of(number).note()).collect();
        node.add_notes(homes::now(), pack, &drafts)?;
        node.announce(homes::now())?;
    }
    let seconds = begun.elapsed().as_secs_f64();
    node.keep_summaries(homes::now())?;
    Ok(seconds)
}

#[expect(clippy::cast_precision_loss, reason = "a number of notes")]
fn per_second(notes: u64, seconds: f64) -> f64 {
    notes as f64 / seconds
}

/// Waits until the index knows all notes and nothing more is to be done for it; says how many it took
/// in in a second, or nothing if that took too long.
async fn index(
    context: &Context,
    daemon: &Daemon,
    notes: u64,
    item: &mut Item,
) -> Result<Option<f64>> {
    let begun = Instant::now();
    daemon.first_answer(context.limit()).await?;
    let patience = context.limit() + Duration::from_millis(notes);
    let what = format!("{notes} notes: taken into the index");
    loop {
        let healthy = daemon.client.call(&Health { v: V1 }).await?;
        let engine = healthy.meters.engine.context("the home is not locked")?;
        ensure!(engine.index_drops == 0, "the index was begun anew");
        if engine.index_notes == notes {
            break;
        }
        if begun.elapsed() > patience {
            item.over(&what, "the daemon", patience.as_secs_f64());
            return Ok(None);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let rate = per_second(notes, begun.elapsed().as_secs_f64());
    item.row(&what, "the daemon", "notes/s", &[rate]);
    let pid = daemon.child.id();
    loop {
        let before = clock::cpu_seconds(pid)?;
        tokio::time::sleep(QUIET).await;
        // The kernel counts in hundredths of a second, and an idle daemon wakes now and then.
        if clock::cpu_seconds(pid)? - before < 0.015 {
            break;
        }
        ensure!(begun.elapsed() < patience * 2, "it never becomes quiet");
    }
    let quiet = begun.elapsed().saturating_sub(QUIET).as_secs_f64();
    item.row(
        &format!("{notes} notes: the same, until all is merged"),
        "the daemon",
        "s",
        &[quiet],
    );
    let memory = clock::memory(pid)?;
    let what = format!("{notes} notes: memory after taking them in");
    item.row(&what, "the daemon", "MiB", &[memory.now]);
    let what = format!("{notes} notes: its peak meanwhile");
    item.row(&what, "the daemon", "MiB", &[memory.peak]);
    Ok(Some(rate))
}

/// What a daemon that has just been started answers; says how long the warm queries and the commands took.
async fn ask_daemon(
    context: &Context,
    daemon: &Daemon,
    home: &Path,
    notes: u64,
    queries: &[Query],
    item: &mut Item,
) -> Result<(Vec<f64>, Vec<f64>)> {
    daemon.first_answer(context.limit()).await?;
    let (first, found) = ask_socket(daemon, queries).await?;
    let (warm, _) = ask_socket(daemon, queries).await?;
    let mut empty = Vec::new();
    for _ in queries {
        let begun = Instant::now();
        daemon.client.call(&WhoAmI::default()).await?;
        empty.push(millis(begun));
    }
    let what = format!("{notes} notes: the very first search");
    item.row(&what, SOCKET, "ms", &first[..1]);
    let what = format!("{notes} notes: cold, the first {COLD}");
    item.row(&what, SOCKET, "ms", &first[..COLD]);
    item.row(&format!("{notes} notes: warm"), SOCKET, "ms", &warm);
    item.row(
        &format!("{notes} notes: an empty call"),
        SOCKET,
        "ms",
        &empty,
    );
    let commands = block_in_place(|| ask_command(context, home, queries))?;
    item.row(&format!("{notes} notes: warm"), COMMAND, "ms", &commands);
    let memory = clock::memory(daemon.child.id())?;
    let what = format!("{notes} notes: memory after the searches");
    item.row(&what, "the daemon", "MiB", &[memory.now]);
    let what = format!("{notes} notes: its peak since the start");
    item.row(&what, "the daemon", "MiB", &[memory.peak]);
    item.remark(format!(
        "With {notes} notes {found} of {} queries find something in Kitbag.",
        queries.len()
    ));
    Ok((warm, commands))
}

fn millis(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1e3
}

/// Milliseconds of each, and how many found something.
async fn ask_socket(daemon: &Daemon, queries: &[Query]) -> Result<(Vec<f64>, usize)> {
    let (mut times, mut found) = (Vec::new(), 0);
    for query in queries {
        let search = SearchNotes {
            v: V1,
            query: query.ours(),
            packs: Vec::new(),
            listed: Default::default(),
            filter: NoteFilter {
                tags: query.tag.iter().map(|tag| (*tag).to_owned()).collect(),
                ..NoteFilter::default()
            },
            limit: Some(u32::try_from(RESULTS)?),
            explain: false,
        };
        let begun = Instant::now();
        let answer = daemon.client.call(&search).await?;
        times.push(millis(begun));
        found += usize::from(!answer.results.is_empty());
    }
    Ok((times, found))
}

/// Milliseconds of whole commands, one after the other.
fn ask_command(context: &Context, home: &Path, queries: &[Query]) -> Result<Vec<f64>> {
    let mut times = Vec::new();
    for query in queries.iter().take(COMMANDS) {
        let mut command = context.kitbag(home);
        command.args(["search", "--json"]);
        if let Some(tag) = query.tag {
            command.args(["--tag", tag]);
        }
        command.args(["--", &query.ours()]);
        let begun = Instant::now();
        let output = command.output()?;
        times.push(millis(begun));
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "kitbag search: {errors}");
    }
    Ok(times)
}

/// Milliseconds of each query, asked the second time, by an engine in this process.
async fn ask_engine(home: &Path, queries: &[Query]) -> Result<Vec<f64>> {
    let settings = Settings {
        offline: true,
        ..Settings::new(home)
    };
    let engine = Engine::open(settings, None).await?;
    let mut times = Vec::new();
    for round in 0..2 {
        for query in queries {
            let tags: Vec<String> = query.tag.iter().map(|tag| (*tag).to_owned()).collect();
            let filter = Filter::default().with_tags(&tags);
            let options = SearchOptions {
                query: query.ours(),
                packs: None,
                listed: Listed::Kept,
                filter: filter.map_err(|error| anyhow!("{error}"))?,
                limit: RESULTS,
                explain: false,
            };
            let begun = Instant::now();
            engine.search(options).await?;
            if round > 0 {
                times.push(millis(begun));
            }
        }
    }
    engine.shutdown().await;
    Ok(times)
}

fn ask_fts5(path: &Path, notes: u64, queries: &[Query], item: &mut Item) -> Result<()> {
    let seconds = fts5::fill(path, notes)?;
    let what = format!("{notes} notes: added and indexed at once");
    item.row(&what, FTS5, "notes/s", &[per_second(notes, seconds)]);
    let theirs = Fts5::open(path)?;
    let first = theirs.ask(queries)?;
    let warm = theirs.ask(queries)?;
    let what = format!("{notes} notes: cold, the first {COLD}");
    item.row(&what, FTS5, "ms", &first.millis[..COLD]);
    item.row(&format!("{notes} notes: warm"), FTS5, "ms", &warm.millis);
    item.remark(format!(
        "With {notes} notes {} of {} queries find something in FTS5.",
        warm.found,
        queries.len()
    ));
    Ok(())
}
