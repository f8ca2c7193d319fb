//! A daemon with nothing to do.

use super::start::Daemon;
use crate::clock;
use crate::context::Context;
use crate::homes;
use crate::report::Item;
use crate::role::{Late, PATIENCE, Player, kitbag};
use anyhow::Result;
use std::time::{Duration, Instant};

pub(super) async fn run(context: &Context) -> Result<Item> {
    let watch = Duration::from_secs(if context.quick { 5 } else { 30 });
    let mut item = Item::new(
        "idle",
        "Idle",
        &format!(
            "The daemon with all packs, connected with ten devices in other processes, of which one has all packs too. Ten seconds after \
             the last has connected: resident memory, and processor time over {} s, of the daemon alone.",
            watch.as_secs()
        ),
    );
    let many = context.many().await?;
    item.remarks.extend(many.shortage());
    let count = many.count();
    let directory = context.fresh("idle");
    let (a, b) = many.copies(&directory)?;
    let daemon = Daemon::start(context, &a)?;
    if let Err(error) = daemon.first_answer(context.limit()).await {
        let late = error
            .downcast_ref::<Late>()
            .map(|late| late.0.as_secs_f64());
        daemon.stop().await?;
        item.over("start of the daemon", "the daemon", late.ok_or(error)?);
        return Ok(item);
    }
    let mut players = Vec::new();
    let mut homes_of_peers = vec![(b, many.b_port)];
    for (number, (home, port)) in many.others.iter().enumerate() {
        let home = homes::copy(home, &directory.join(format!("c{number}")))?;
        homes_of_peers.push((home, *port));
    }
    for (home, port) in homes_of_peers {
        let mut player = Player::start("kitbag")?;
        let open = kitbag::Ask::Open {
            home,
            port,
            offline: false,
        };
        player.ask(&open, PATIENCE * 2).await?;
        players.push(player);
    }
    let mut connected = 0_u32;
    for player in &mut players {
        connected += u32::from(connects(player, context.limit()).await?);
    }
    tokio::time::sleep(Duration::from_secs(if context.quick { 3 } else { 10 })).await;
    let pid = daemon.child.id();
    let before = clock::cpu_seconds(pid)?;
    tokio::time::sleep(watch).await;
    let percent = (clock::cpu_seconds(pid)? - before) / watch.as_secs_f64() * 100.0;
    let memory = clock::memory(pid)?;
    for player in players {
        player.stop().await?;
    }
    daemon.stop().await?;
    item.row(
        &format!("{count} packs, {connected} peers: resident memory"),
        "the daemon",
        "MiB",
        &[memory.now],
    );
    item.row(
        "its peak since the start",
        "the daemon",
        "MiB",
        &[memory.peak],
    );
    item.row("processor time", "the daemon", "% of a core", &[percent]);
    let what = format!("idle with {count} packs and {connected} peers");
    item.at_most(&what, 48.0, "MiB", Some(memory.now));
    item.at_most(&what, 0.1, "% of a core", Some(percent));
    Ok(item)
}

/// Whether a peer is connected before the time is over.
async fn connects(player: &mut Player, limit: Duration) -> Result<bool> {
    let until = Instant::now() + limit;
    while Instant::now() < until {
        if player.ask(&kitbag::Ask::Peers, PATIENCE).await?.count > 0 {
            return Ok(true);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(false)
}
