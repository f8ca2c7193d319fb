//! First sync of many small packs.

use super::one_pack::find;
use super::{Side, faster};
use crate::clock;
use crate::context::{Context, Many};
use crate::report::Item;
use crate::role::{PATIENCE, Player, kitbag};
use anyhow::Result;
use std::path::Path;
use std::time::Duration;

const NOTES: u64 = 10;
const PAIRS: usize = 3;

pub(super) async fn run(context: &Context) -> Result<Item> {
    let asked = context.size(1000);
    let packs = prepare(context, asked).await?;
    let count = packs.packs.len() as u64;
    let mut item = Item::new(
        "first-sync-many",
        &format!("First sync of {count} packs with {NOTES} notes each"),
        "B has been let into every pack and has none of them yet. Time runs from its going online (binding its socket included) until \
         all notes are durable and listed on B; with samod, from dialling until every document, asked for at once, is complete.",
    );
    if count < asked {
        item.remark(format!(
            "Only {count} packs instead of {asked} could be made in the time for it."
        ));
    }
    let (mut ours, mut string, mut text) = (Side::default(), Side::default(), Side::default());
    let (mut peak_a, mut peak_b) = (Vec::new(), Vec::new());
    for round in 0..context.times(PAIRS, 2) {
        if ours.goes_on() {
            let directory = context.fresh(&format!("many-packs-{round}"));
            let step = first_sync(context, &packs, &directory, count * NOTES).await;
            if let Ok((_, a, b)) = &step {
                peak_a.push(*a);
                peak_b.push(*b);
            }
            ours.take(step.map(|(millis, ..)| millis))?;
        }
        if string.goes_on() {
            let found = find(context, count, NOTES, false).await;
            string.take(found.map(|(millis, ..)| millis))?;
        }
        if round == 0 {
            let found = find(context, count, NOTES, true).await;
            text.take(found.map(|(millis, ..)| millis))?;
        }
    }
    ours.put(&mut item, "online to listed", "Kitbag", "ms");
    string.put(
        &mut item,
        "found and complete",
        "samod, string bodies",
        "ms",
    );
    text.put(&mut item, "found and complete", "samod, Text bodies", "ms");
    item.row("peak memory of A", "Kitbag", "MiB", &peak_a);
    item.row("peak memory of B", "Kitbag", "MiB", &peak_b);
    item.at_least(
        &format!(
            "first sync of {count} packs with {NOTES} notes each, beside samod with string bodies"
        ),
        10.0,
        "times as fast",
        faster(&ours, &string),
    );
    Ok(item)
}

/// Homes of which B was let into every pack, and nothing was synced.
async fn prepare(context: &Context, packs: u64) -> Result<Many> {
    let directory = context.fresh("many-packs");
    let limit = Duration::from_secs(if context.quick { 30 } else { 120 });
    tokio::task::spawn_blocking(move || Many::make_unsynced(&directory, packs, NOTES, limit))
        .await?
}

async fn first_sync(
    context: &Context,
    packs: &Many,
    directory: &Path,
    notes: u64,
) -> Result<(f64, f64, f64)> {
    let (of_a, of_b) = packs.copies(directory)?;
    let (mut a, mut b) = (Player::start("kitbag")?, Player::start("kitbag")?);
    for (player, home, port, offline) in [
        (&mut a, of_a, packs.a_port, false),
        (&mut b, of_b, packs.b_port, true),
    ] {
        let open = kitbag::Ask::Open {
            home,
            port,
            offline,
        };
        player.ask(&open, PATIENCE * 2).await?;
    }
    clock::forget_peak(a.pid)?;
    clock::forget_peak(b.pid)?;
    let within = context.limit().as_secs();
    let wait = kitbag::Ask::GoOnlineFor { notes, within };
    let synced = b.ask(&wait, context.limit() + PATIENCE).await?;
    let peaks = (clock::memory(a.pid)?.peak, clock::memory(b.pid)?.peak);
    b.stop().await?;
    a.stop().await?;
    Ok((synced.millis(), peaks.0, peaks.1))
}
