//! A large table: how long it takes, in how much memory, and what comes of it if it is killed.

use super::home::{Home, Told, spawned, told};
use crate::clock;
use crate::context::Context;
use crate::corpus;
use crate::homes;
use crate::report::Item;
use anyhow::{Result, bail, ensure};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

/// Rows of a whole run.
const ROWS: u64 = 100_000;
/// Seconds that they may take.
const SECONDS: f64 = 30.0;
/// How much more memory the command may take for ten times the rows: it holds a record at a time.
const MEMORY: f64 = 1.25;
/// Bytes of text in a row.
const TEXT: usize = 200;
/// How long one import may take before it is given up.
const LIMIT: Duration = Duration::from_secs(900);
/// Between two looks at a process.
const LOOK: Duration = Duration::from_millis(20);

const PACK: &str = "rows";

/// What is killed in the middle.
#[derive(Clone, Copy, Debug)]
enum Killed {
    Command,
    Daemon,
}

pub(super) async fn run(context: &Context, item: &mut Item) -> Result<()> {
    let rows = context.size(ROWS);
    let plain = table(context, "plain", rows, false)?;
    let few = table(context, "few", rows / 10, false)?;
    let mail = table(context, "mail", rows, true)?;
    let tenth = measured(context, item, "few", &few, rows / 10).await?;
    let whole = measured(context, item, "plain", &plain, rows).await?;
    let seconds = whole.as_ref().map(|whole| whole.seconds);
    let goal = format!("a table of {rows} rows without personal data");
    item.at_most(&goal, SECONDS, "s", seconds);
    let growth = whole.as_ref().zip(tenth.as_ref());
    let goal = format!("memory of the command, with {rows} rows against a tenth of them");
    let growth = growth.map(|(whole, tenth)| whole.peak / tenth.peak);
    item.at_most(
        &goal,
        MEMORY,
        "times",
        growth.filter(|growth| growth.is_finite()),
    );
    let masked = measured(context, item, "mail", &mail, rows).await?;
    let what = format!(
        "a table of {rows} rows with a mail address each, so an original and a masked copy"
    );
    item.at_most(&what, SECONDS, "s", masked.map(|masked| masked.seconds));
    let Some(whole) = whole else {
        item.remark("Nothing was killed: the table did not come in within its time.");
        return Ok(());
    };
    let expected = contents(&whole.home)?;
    for killed in [Killed::Command, Killed::Daemon] {
        let who = match killed {
            Killed::Command => "the command",
            Killed::Daemon => "the daemon",
        };
        let goal = format!(
            "{who} killed after a third of {rows} rows, and started again: notes that differ from an import in one go"
        );
        match interrupted(context, killed, &plain, rows).await {
            Ok(ended) => {
                let differ = differ(&expected, &contents(&ended.home)?);
                item.at_most(&goal, 0.0, "notes", Some(number_of(differ)));
                let (had, added) = (ended.had, ended.again.added);
                item.beside(format!("{had} were there, {added} came then"));
            }
            Err(error) => {
                item.at_most(&goal, 0.0, "notes", None);
                item.remark(format!("With {who} killed it was not measured: {error:#}."));
            }
        }
    }
    Ok(())
}

/// Writes a table, with values that need quotes.
fn table(context: &Context, name: &str, rows: u64, mail: bool) -> Result<PathBuf> {
    let mut text = String::from("ticket,subject,text,state");
    text.push_str(if mail { ",mail\n" } else { "\n" });
    for row in 0..rows {
        let note = corpus::text(row, TEXT);
        write!(
            text,
            "T{row},\"{}, again\",\"{}\",open",
            note.title, note.body
        )?;
        if mail {
            write!(text, ",customer{row}@example.com")?;
        }
        text.push('\n');
    }
    let file = context.fresh(&format!("imports-{name}.csv"));
    fs::write(&file, text)?;
    Ok(file)
}

/// A table that came in.
struct Whole {
    home: PathBuf,
    seconds: f64,
    /// MiB of the command at its highest.
    peak: f64,
}

/// Imports a table in one go; nothing if that took too long.
async fn measured(
    context: &Context,
    item: &mut Item,
    name: &str,
    file: &Path,
    rows: u64,
) -> Result<Option<Whole>> {
    let home = Home::make(context, &format!("imports-{name}")).await?;
    home.pack(context, PACK)?;
    let what = match name {
        "mail" => format!("{rows} rows with a mail address"),
        _ => format!("{rows} rows"),
    };
    let idle = clock::memory(home.daemon.child.id())?.now;
    let worked = clock::cpu_seconds(home.daemon.child.id())?;
    let started = Instant::now();
    let mut command = spawned(&mut home.command(context, "csv", file, PACK, None))?;
    let mut peak: f64 = 0.0;
    let status = loop {
        if let Some(status) = command.try_wait()? {
            break Some(status);
        }
        if started.elapsed() > LIMIT {
            end(&mut command)?;
            break None;
        }
        // It may end just now.
        peak = peak.max(clock::memory(command.id()).map_or(0.0, |memory| memory.peak));
        tokio::time::sleep(LOOK).await;
    };
    let seconds = started.elapsed().as_secs_f64();
    let memory = clock::memory(home.daemon.child.id())?.peak;
    let worked = clock::cpu_seconds(home.daemon.child.id())? - worked;
    let notes = home.notes(PACK).await?;
    let path = home.path.clone();
    home.daemon.stop().await?;
    let Some(status) = status else {
        item.over(&what, "the whole import", LIMIT.as_secs_f64());
        return Ok(None);
    };
    ensure!(status.success(), "the import of {what} failed: {status}");
    let expected = if name == "mail" { 2 * rows } else { rows };
    ensure!(notes >= expected, "{what} gave {notes} notes");
    item.row(&what, "the whole import", "s", &[seconds]);
    item.row(&what, "processor time of the daemon", "s", &[worked]);
    item.row(
        &what,
        "memory of the command, at its highest",
        "MiB",
        &[peak],
    );
    item.row(&what, "memory of the daemon before", "MiB", &[idle]);
    item.row(
        &what,
        "memory of the daemon, at its highest",
        "MiB",
        &[memory],
    );
    Ok(Some(Whole {
        home: path,
        seconds,
        peak,
    }))
}

/// An import that was killed, and came to its end after that.
struct Ended {
    home: PathBuf,
    had: u64,
    again: Told,
}

/// Imports a table, kills something in the middle, and imports it again.
async fn interrupted(context: &Context, killed: Killed, file: &Path, rows: u64) -> Result<Ended> {
    let name = format!("imports-killed-{killed:?}").to_lowercase();
    let mut home = Home::make(context, &name).await?;
    home.pack(context, PACK)?;
    let mut command = spawned(&mut home.command(context, "csv", file, PACK, None))?;
    let until = Instant::now() + LIMIT;
    while home.notes(PACK).await? < rows / 3 {
        let ended = command.try_wait()?;
        ensure!(ended.is_none(), "the import ended before it was killed");
        if Instant::now() > until {
            end(&mut command)?;
            bail!("a third did not come in within the time for it");
        }
        tokio::time::sleep(LOOK).await;
    }
    match killed {
        Killed::Command => {
            let ended = command.try_wait()?;
            ensure!(ended.is_none(), "the import ended before it was killed");
            end(&mut command)?;
        }
        Killed::Daemon => {
            let path = home.path.clone();
            home.daemon.kill()?;
            let status = command.wait()?;
            ensure!(!status.success(), "the import ended well without a daemon");
            home = Home::start(context, path).await?;
        }
    }
    let had = home.notes(PACK).await?;
    ensure!(had < rows, "all rows were there before it was killed");
    let again = told(&mut home.command(context, "csv", file, PACK, None))?;
    let path = home.path.clone();
    home.daemon.stop().await?;
    Ok(Ended {
        home: path,
        had,
        again,
    })
}

/// Kills a process of ours, and waits.
fn end(child: &mut Child) -> Result<()> {
    child.kill()?;
    child.wait()?;
    Ok(())
}

/// Titles and bodies of all notes of a home that nobody has open, with their sensitivity, sorted.
fn contents(home: &Path) -> Result<Vec<(String, String, String)>> {
    let mut node = homes::open(home)?;
    let packs: Vec<_> = node.packs().into_iter().map(|pack| pack.id).collect();
    let mut all = Vec::new();
    for pack in packs {
        for note in node.notes(pack)? {
            let note = node.note(pack, note.id)?;
            all.push((note.title, note.body, format!("{:?}", note.sensitivity)));
        }
    }
    all.sort();
    Ok(all)
}

/// How many stand in one of two sorted lists only.
fn differ<T: Ord>(a: &[T], b: &[T]) -> u64 {
    let (mut a, mut b, mut count) = (a.iter().peekable(), b.iter().peekable(), 0);
    loop {
        match (a.peek(), b.peek()) {
            (Some(x), Some(y)) if x == y => {
                a.next();
                b.next();
                continue;
            }
            (Some(x), Some(y)) if x < y => a.next(),
            (_, Some(_)) => b.next(),
            (Some(_), None) => a.next(),
            (None, None) => return count,
        };
        count += 1;
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of notes are small")]
fn number_of(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: a note that is missing, one too many and one twice all count.
    #[test]
    fn what_differs_is_counted() {
        assert_eq!(differ(&[1, 2, 3], &[1, 2, 3]), 0);
        assert_eq!(differ(&[1, 2, 3], &[1, 3]), 1);
        assert_eq!(differ(&[1, 3, 3], &[1, 2, 3]), 2);
        assert_eq!(differ(&[], &[1]), 1);
    }
}
