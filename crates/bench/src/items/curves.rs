//! How times and bytes grow: notes in a pack, packs, devices, edits of one note.

use super::one_pack::{find, holder, join};
use crate::clock;
use crate::context::{BODY, Context, Many, device};
use crate::homes;
use crate::report::{Curve, Item, Line};
use crate::role::{Late, PATIENCE, Player, kitbag};
use anyhow::{Context as _, Result};
use kitbag_node::view::NoteEdit;
use std::time::{Duration, Instant};

pub(super) async fn run(context: &Context) -> Result<Item> {
    let mut item = Item::new(
        "curves",
        "Growth",
        "One measurement for each point, on logarithmic axes: the shape counts, not the single number. A line that ends early was \
         cut off by its time limit.",
    );
    notes(context, &mut item).await?;
    packs(context, &mut item).await?;
    devices(context, &mut item).await?;
    edits(context, &mut item).await?;
    Ok(item)
}

/// Points of one line, until one takes too long.
#[derive(Default)]
struct Points {
    points: Vec<(f64, f64)>,
    over: bool,
}

impl Points {
    fn take(&mut self, x: u64, step: Result<f64>) -> Result<()> {
        match step {
            #[expect(clippy::cast_precision_loss, reason = "a small count")]
            Ok(y) => self.points.push((x as f64, y)),
            Err(error) if error.is::<Late>() => self.over = true,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn line(self, name: &str) -> Line {
        Line {
            name: name.into(),
            points: self.points,
        }
    }
}

fn curve(file: &str, title: &str, across: &str, up: &str, lines: Vec<Line>) -> Curve {
    Curve {
        file: file.into(),
        title: title.into(),
        across: across.into(),
        up: up.into(),
        lines,
    }
}

async fn notes(context: &Context, item: &mut Item) -> Result<()> {
    let (mut ours, mut theirs) = (Points::default(), Points::default());
    let (mut memory, mut their_memory) = (Points::default(), Points::default());
    for notes in [1000, 2000, 5000, 10_000].map(|full| context.size(full)) {
        let (mut a, pack) = holder(&context.fresh(&format!("curve-a{notes}")), notes).await?;
        let home = context.fresh(&format!("curve-b{notes}"));
        if !ours.over {
            let joined = join(context, &mut a, &pack, &home, notes).await;
            if let Ok((_, _, b)) = &joined {
                memory.take(notes, Ok(b.peak))?;
            }
            ours.take(notes, joined.map(|(millis, ..)| millis))?;
        }
        a.stop().await?;
        if !theirs.over {
            let found = find(context, 1, notes, false).await;
            if let Ok((_, _, b)) = &found {
                their_memory.take(notes, Ok(b.peak))?;
            }
            theirs.take(notes, found.map(|(millis, ..)| millis))?;
        }
    }
    item.curves.push(curve(
        "notes-time",
        "First sync of one pack",
        "notes in the pack",
        "ms",
        vec![ours.line("Kitbag"), theirs.line("samod, string bodies")],
    ));
    item.curves.push(curve(
        "notes-memory",
        "Peak memory of B during it",
        "notes in the pack",
        "MiB",
        vec![
            memory.line("Kitbag"),
            their_memory.line("samod, string bodies"),
        ],
    ));
    Ok(())
}

async fn packs(context: &Context, item: &mut Item) -> Result<()> {
    let (mut open, mut nothing, mut one) =
        (Points::default(), Points::default(), Points::default());
    let mut bytes = Points::default();
    for packs in [100, 300, 1000, 3000].map(|full| context.size(full)) {
        let directory = context.fresh(&format!("curve-packs-{packs}"));
        let limit = context.limit();
        let step = move || -> Result<Option<[f64; 4]>> {
            let many = Many::make(&directory, packs, 1, 1, limit)?;
            if many.shortage().is_some() {
                return Ok(None);
            }
            one_meeting(&many).map(Some)
        };
        let Some([opened, quiet, changed, frames]) = tokio::task::spawn_blocking(step).await??
        else {
            item.remark(format!(
                "{packs} packs could not be made in the time for it."
            ));
            break;
        };
        open.take(packs, Ok(opened))?;
        nothing.take(packs, Ok(quiet))?;
        one.take(packs, Ok(changed))?;
        bytes.take(packs, Ok(frames))?;
    }
    item.curves.push(curve(
        "packs-time",
        "Opening a home, and two nodes meeting, without a network",
        "packs",
        "ms",
        vec![
            open.line("open the home"),
            nothing.line("nothing new"),
            one.line("one note in one pack"),
        ],
    ));
    item.curves.push(curve(
        "packs-bytes",
        "Bytes of frames when one note in one pack is new",
        "packs",
        "B",
        vec![bytes.line("Kitbag")],
    ));
    Ok(())
}

/// Milliseconds to open a home, to find nothing new, and to bring one note over; and its bytes.
fn one_meeting(many: &Many) -> Result<[f64; 4]> {
    let until = Instant::now() + PATIENCE;
    let start = clock::nanos();
    let mut a = homes::open(&many.a)?;
    let opened = clock::nanos();
    let mut b = homes::open(&many.b)?;
    let before = clock::nanos();
    homes::sync(&mut b, &mut a, 1, until)?;
    let quiet = clock::nanos();
    let pack = *many.packs.last().context("there are packs")?;
    homes::add_notes(&mut a, pack, 1 << 40, 1, BODY)?;
    let changed = clock::nanos();
    let traffic = homes::sync(&mut b, &mut a, 2, until)?;
    let synced = clock::nanos();
    #[expect(clippy::cast_precision_loss, reason = "bytes of a few frames")]
    let bytes = traffic.bytes as f64;
    Ok([
        clock::millis(start, opened),
        clock::millis(before, quiet),
        clock::millis(changed, synced),
        bytes,
    ])
}

async fn devices(context: &Context, item: &mut Item) -> Result<()> {
    let mut reach = Points::default();
    let counts: &[u64] = if context.quick {
        &[1, 2, 3, 4]
    } else {
        &[1, 2, 4, 8, 15]
    };
    let (mut a, pack) = holder(&context.fresh("curve-devices"), 100).await?;
    let mut players: Vec<Player> = Vec::new();
    for count in counts {
        while (players.len() as u64) < *count {
            let home = context.fresh(&format!("curve-device-{}", players.len()));
            players.push(member(&mut a, &pack, home).await?);
        }
        let mut times = Vec::new();
        for turn in 0..5 {
            times.push(
                edit_reaches_all(context, &mut a, &mut players, &pack, *count * 100 + turn).await?,
            );
        }
        let median = crate::stats::median(&times).context("there are edits")?;
        reach.take(*count, Ok(median))?;
    }
    for player in players {
        player.stop().await?;
    }
    a.stop().await?;
    item.curves.push(curve(
        "devices-time",
        "One edit, until it is durable on every device (all on one machine)",
        "devices beside the writer",
        "ms",
        vec![reach.line("Kitbag, median of 5")],
    ));
    Ok(())
}

async fn member(a: &mut Player, pack: &str, home: std::path::PathBuf) -> Result<Player> {
    homes::make(&home, "Ben")?;
    let mut player = Player::start("kitbag")?;
    let open = kitbag::Ask::Open {
        home,
        port: 0,
        offline: false,
    };
    kitbag::ask(&mut player, open).await?;
    let share = kitbag::Ask::Share {
        pack: pack.into(),
        uses: 1,
    };
    let ticket = kitbag::ask(a, share).await?.text;
    let join = kitbag::Ask::Join {
        ticket: ticket.into_iter().next().context("a ticket")?,
        notes: 100,
        within: PATIENCE.as_secs(),
    };
    player.ask(&join, PATIENCE * 2).await?;
    Ok(player)
}

async fn edit_reaches_all(
    context: &Context,
    a: &mut Player,
    players: &mut [Player],
    pack: &str,
    turn: u64,
) -> Result<f64> {
    let list = kitbag::Ask::List { pack: pack.into() };
    let note = kitbag::ask(a, list).await?.text;
    let note = note.into_iter().next().context("there are notes")?;
    let word = format!("w{turn}.");
    for player in &mut *players {
        let want = kitbag::Want::Body {
            pack: pack.into(),
            note: note.clone(),
            word: word.clone(),
        };
        let within = context.limit().as_secs();
        player.prepare(&kitbag::Ask::Await { want, within }).await?;
    }
    let edit = kitbag::Ask::Edit {
        pack: pack.into(),
        note,
        word,
    };
    let edited = a.ask(&edit, PATIENCE).await?;
    let mut last = edited.started;
    for player in players {
        last = last.max(player.answer(context.limit() + PATIENCE).await?.ended);
    }
    Ok(clock::millis(edited.started, last))
}

async fn edits(context: &Context, item: &mut Item) -> Result<()> {
    let (mut sync, mut show, mut bytes) = (Points::default(), Points::default(), Points::default());
    for edits in [100, 300, 1000, 3000].map(|full| context.size(full)) {
        let directory = context.fresh(&format!("curve-edits-{edits}"));
        let limit = context.limit();
        let step = move || edited(&directory, edits, limit);
        let Some([synced, shown, frames]) = tokio::task::spawn_blocking(step).await?? else {
            item.remark(format!(
                "{edits} edits took more than {:.0} s.",
                limit.as_secs_f64()
            ));
            break;
        };
        sync.take(edits, Ok(synced))?;
        show.take(edits, Ok(shown))?;
        bytes.take(edits, Ok(frames))?;
    }
    item.curves.push(curve(
        "edits-time",
        "A note of 1 KiB with many edits, without a network",
        "edits of the note",
        "ms",
        vec![
            sync.line("first sync to a new device"),
            show.line("first show there"),
        ],
    ));
    item.curves.push(curve(
        "edits-bytes",
        "Bytes of frames of that first sync",
        "edits of the note",
        "B",
        vec![bytes.line("Kitbag")],
    ));
    Ok(())
}

/// A note is edited so often on A, then B gets it: milliseconds to sync, to show, and bytes.
fn edited(directory: &std::path::Path, edits: u64, limit: Duration) -> Result<Option<[f64; 3]>> {
    let until = Instant::now() + limit;
    let (_, _, mut a) = device(directory, "a")?;
    let (_, _, mut b) = device(directory, "b")?;
    let pack = homes::add_pack(&mut a, "edited", 0, 1, BODY)?;
    let note = a.notes(pack)?.first().context("there is a note")?.id;
    let mut body = a.note(pack, note)?.body;
    for turn in 0..edits {
        if Instant::now() >= until {
            return Ok(None);
        }
        body.replace_range(0..8, &format!("{turn:08}"));
        let edit = NoteEdit {
            body: Some(body.clone()),
            ..NoteEdit::default()
        };
        a.edit_note(homes::now(), pack, note, &edit)?;
        a.announce(homes::now())?;
    }
    homes::admit(&mut a, &mut b, pack)?;
    let before = clock::nanos();
    let traffic = homes::sync(&mut b, &mut a, 1, until + limit)?;
    let synced = clock::nanos();
    b.note(pack, note)?;
    let shown = clock::nanos();
    #[expect(clippy::cast_precision_loss, reason = "bytes of frames")]
    let bytes = traffic.bytes as f64;
    Ok(Some([
        clock::millis(before, synced),
        clock::millis(synced, shown),
        bytes,
    ]))
}
