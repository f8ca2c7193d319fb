//! One durable note beside one bare commit, and the whole command beside a running daemon.

use super::Side;
use crate::context::{BODY, Context};
use crate::report::Item;
use crate::stats::paired_ratio;
use crate::{clock, corpus, homes};
use anyhow::{Context as _, Result, ensure};
use kitbag_engine::{Engine, Sensitivity, Settings};
use redb::{Database, Durability, TableDefinition};
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

const TABLE: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("values");

/// Bytes of the bare commit: a body of 1 KiB with what a note has beside it, sealed.
const VALUE_BYTES: usize = 1300;

pub(super) async fn run(context: &Context) -> Result<Item> {
    let mut item = Item::new(
        "add",
        "Add one note",
        "One note of 1 KiB after the other, each acknowledged only when it is durable, and in turn with each one commit of \
         1,300 random bytes into a bare redb with the same durability (two phases, synced). The engine's time contains its queue, the \
         checks, the seal and the signature. Below, the whole command: from starting the process `kitbag add` to its end, \
         beside a daemon that runs.",
    );
    in_the_engine(context, &mut item).await?;
    whole_command(context, &mut item)?;
    Ok(item)
}

async fn in_the_engine(context: &Context, item: &mut Item) -> Result<()> {
    let home = context.fresh("add");
    homes::make(&home, "Ada")?;
    let settings = Settings {
        offline: true,
        ..Settings::new(&home)
    };
    let engine = Engine::open(settings, None).await?;
    let pack = engine
        .create_pack("notes".into(), Sensitivity::Internal)
        .await?
        .id;
    let first = (0..100).map(|n| corpus::note(n, BODY)).collect();
    engine.add_notes(pack, first).await?;
    let bare = Bare::open(&context.fresh("bare.redb"))?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for number in 100..100 + context.times(1000, 100) as u64 {
        let note = corpus::note(number, BODY);
        let from = clock::nanos();
        engine.add_note(pack, note).await?;
        ours.push(clock::millis(from, clock::nanos()));
        theirs.push(bare.commit(number)?);
    }
    engine.shutdown().await;
    item.row("one durable note", "Kitbag, in the engine", "ms", &ours);
    item.row("one commit", "redb alone", "ms", &theirs);
    item.at_most(
        "one durable note, beside one redb commit",
        2.0,
        "times",
        paired_ratio(&ours, &theirs),
    );
    Ok(())
}

/// A database without anything of ours.
struct Bare(Database);

impl Bare {
    fn open(path: &Path) -> Result<Bare> {
        Ok(Bare(Database::create(path)?))
    }

    /// Milliseconds of one commit.
    fn commit(&self, number: u64) -> Result<f64> {
        let mut value = [0; VALUE_BYTES];
        getrandom::fill(&mut value)?;
        let from = clock::nanos();
        let mut batch = self.0.begin_write()?;
        batch.set_durability(Durability::Immediate)?;
        batch.set_two_phase_commit(true);
        batch.open_table(TABLE)?.insert(number, &value[..])?;
        batch.commit()?;
        Ok(clock::millis(from, clock::nanos()))
    }
}

fn whole_command(context: &Context, item: &mut Item) -> Result<()> {
    let home = context.fresh("command");
    homes::make(&home, "Ada")?;
    let up = ["up", "--detach", "--listen", "loopback"];
    succeed(context, &home, &up, b"")?;
    let measured = commands(context, &home);
    succeed(context, &home, &["down"], b"")?;
    let (adds, none) = measured?;
    adds.put(item, "whole command", "`kitbag add`", "ms");
    none.put(
        item,
        "whole command",
        "`kitbag --version`, the process alone",
        "ms",
    );
    item.at_most("`kitbag add`, the whole command", 5.0, "ms", adds.median());
    Ok(())
}

fn commands(context: &Context, home: &Path) -> Result<(Side, Side)> {
    succeed(context, home, &["pack", "create", "notes"], b"")?;
    let (mut adds, mut none) = (Side::default(), Side::default());
    for number in 0..context.times(200, 20) as u64 {
        let text = corpus::text(number, BODY);
        let args = [
            "add",
            "notes",
            "--source",
            &text.source,
            "--title",
            &text.title,
        ];
        adds.take(succeed(context, home, &args, text.body.as_bytes()))?;
        none.take(succeed(context, home, &["--version"], b""))?;
    }
    Ok((adds, none))
}

/// Milliseconds of a command that must succeed.
fn succeed(context: &Context, home: &Path, args: &[&str], input: &[u8]) -> Result<f64> {
    let from = clock::nanos();
    let mut child = context
        .kitbag(home)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| context.kitbag.display().to_string())?;
    if let Some(mut stdin) = child.stdin.take() {
        let _ = stdin.write_all(input); // a command that takes none may be gone already
    }
    let output = child.wait_with_output()?;
    let millis = clock::millis(from, clock::nanos());
    ensure!(
        output.status.success(),
        "kitbag {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(millis)
}
