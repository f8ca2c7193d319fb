//! Reconnecting when nothing is new, and when one pack is.

use super::{Side, faster};
use crate::clock;
use crate::context::{BODY, Context, Many};
use crate::homes::{self, Traffic, Wire};
use crate::report::Item;
use crate::role::{PATIENCE, Player, kitbag, samod};
use anyhow::{Context as _, Result, ensure};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub(super) async fn run(context: &Context) -> Result<Item> {
    let mut item = Item::new(
        "nothing-new",
        "Nothing new",
        "Two sides that are up to date lose their connection and meet again. Time runs from B's call to go online, binding its socket \
         included, until both sides say that they are up to date; with samod from dialling until the last byte, since it says nothing of \
         the kind (a pause of 0.7 s counts as the end, and is not counted). Kitbag's bytes are those of its frames in both \
         directions, counted between two nodes: QUIC's handshake and headers come on top, and are in the bytes on the loopback \
         device (the least counts, since everything on the machine is in them). samod's bytes are those of its TCP stream.",
    );
    let few = small(context).await?;
    let many = context.many().await?;
    item.remarks.extend(many.shortage());
    let thousand = reconnects(context, &few, "few", Some(few.count()), &mut item).await?;
    if let Some((ours, theirs)) = &thousand {
        item.at_least(
            &format!("nothing new, {} packs, beside samod", few.count()),
            100.0,
            "times as fast",
            faster(ours, theirs),
        );
    }
    let count = many.count();
    let ours = reconnects(context, many, "all", None, &mut item).await?;
    let median = ours.as_ref().and_then(|(ours, _)| ours.median());
    item.at_most(&format!("nothing new, {count} packs"), 6.0, "ms", median);
    item.beside("from the call to go online, so a socket is bound in it; see the row above");
    frames(context, many, &mut item)?;
    Ok(item)
}

/// A tenth of the many packs, in homes of their own.
async fn small(context: &Context) -> Result<Many> {
    let directory = context.fresh("few");
    let (packs, limit) = (context.size(1000), Duration::from_secs(60));
    let made = move || Many::make(&directory, packs, 1, 2, limit);
    tokio::task::spawn_blocking(made).await?
}

/// Reconnects two engines again and again, in turn with samod if it is to hold as many documents.
async fn reconnects(
    context: &Context,
    packs: &Many,
    name: &str,
    docs: Option<u64>,
    item: &mut Item,
) -> Result<Option<(Side, Side)>> {
    let (of_a, of_b) = packs.copies(&context.fresh(&format!("nothing-new-{name}")))?;
    let count = packs.count();
    let mut pair = Pair::open(packs, of_a, of_b).await?;
    let mut peers = match docs {
        Some(docs) => Some(Documents::open(context, docs).await?),
        None => None,
    };
    let (mut ours, mut theirs) = (Side::default(), Side::default());
    let (mut online, mut bytes, mut their_bytes) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=context.times(15, 4) {
        if ours.goes_on() {
            let met = pair.meet(context).await;
            if let (Ok(met), true) = (&met, round > 0) {
                online.push(met.online);
                bytes.push(met.bytes);
            }
            if round > 0 || met.is_err() {
                ours.take(met.map(|met| met.millis))?; // the first meeting warms both sides up
            }
        }
        if let Some(peers) = peers.as_mut().filter(|_| theirs.goes_on() && round < 8) {
            let met = peers.meet(context).await;
            if let (Ok((_, bytes)), true) = (&met, round > 0) {
                their_bytes.push(*bytes);
            }
            if round > 0 || met.is_err() {
                theirs.take(met.map(|(millis, _)| millis))?;
            }
        }
    }
    pair.stop().await?;
    ours.put(
        item,
        &format!("{count} packs: online to both up to date"),
        "Kitbag",
        "ms",
    );
    item.row(
        &format!("{count} packs: of that, until bound"),
        "Kitbag",
        "ms",
        &online,
    );
    item.row(
        &format!("{count} packs: bytes on the loopback device"),
        "Kitbag",
        "B",
        &bytes,
    );
    if let Some(peers) = peers {
        peers.stop().await?;
        theirs.put(
            item,
            &format!("{count} documents: dialled to last byte"),
            "samod",
            "ms",
        );
        item.row(
            &format!("{count} documents: bytes of the stream"),
            "samod",
            "B",
            &their_bytes,
        );
    }
    Ok(Some((ours, theirs)))
}

/// Two engines with packs in common.
pub(super) struct Pair {
    pub(super) a: Player,
    pub(super) b: Player,
}

/// One meeting.
pub(super) struct Met {
    /// From the call to go online until both are up to date.
    pub(super) millis: f64,
    /// Of that, until the socket was bound.
    online: f64,
    /// On the loopback device.
    pub(super) bytes: f64,
}

impl Pair {
    pub(super) async fn open(packs: &Many, of_a: PathBuf, of_b: PathBuf) -> Result<Pair> {
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
        Ok(Pair { a, b })
    }

    pub(super) async fn meet(&mut self, context: &Context) -> Result<Met> {
        let within = context.limit().as_secs();
        let limit = context.limit() + PATIENCE;
        let want = kitbag::Want::UpToDate;
        self.a.prepare(&kitbag::Ask::Await { want, within }).await?;
        let before = clock::loopback_bytes()?;
        let here = self.b.ask(&kitbag::Ask::Online { within }, limit).await?;
        let there = self.a.answer(limit).await?;
        #[expect(clippy::cast_precision_loss, reason = "counts of one short meeting")]
        let (bytes, online) = (
            (clock::loopback_bytes()? - before) as f64,
            here.count as f64 / 1e6,
        );
        self.b.ask(&kitbag::Ask::Offline, limit).await?;
        tokio::time::sleep(SETTLE).await; // what is left of the connection is forgotten
        Ok(Met {
            millis: clock::millis(here.started, here.ended.max(there.ended)),
            online,
            bytes,
        })
    }

    pub(super) async fn stop(self) -> Result<()> {
        self.b.stop().await?;
        self.a.stop().await
    }
}

/// Between one meeting and the next.
const SETTLE: Duration = Duration::from_millis(200);

/// Two samod repositories with documents in common.
struct Documents {
    a: Player,
    b: Player,
    port: u16,
}

impl Documents {
    async fn open(context: &Context, docs: u64) -> Result<Documents> {
        let (mut a, mut b) = (Player::start("samod")?, Player::start("samod")?);
        let fill = samod::Ask::Fill {
            docs,
            notes: 1,
            bytes: BODY,
            text: false,
        };
        let ids = a.ask(&fill, PATIENCE * 2).await?.text;
        let port = u16::try_from(a.ask(&samod::Ask::Listen, PATIENCE).await?.count)?;
        let within = context.limit().as_secs();
        let find = samod::Ask::Find {
            ids,
            notes: 1,
            port,
            within,
        };
        b.ask(&find, context.limit() + PATIENCE).await?;
        let quiet = samod::Ask::Quiet {
            millis: QUIET,
            within,
        };
        b.ask(&quiet, context.limit() + PATIENCE).await?;
        b.ask(&samod::Ask::HangUp, PATIENCE).await?;
        tokio::time::sleep(SETTLE).await;
        Ok(Documents { a, b, port })
    }

    async fn meet(&mut self, context: &Context) -> Result<(f64, f64)> {
        let (within, limit) = (context.limit().as_secs(), context.limit() + PATIENCE);
        let dial = samod::Ask::Dial { port: self.port };
        let dialled = self.b.ask(&dial, PATIENCE).await?;
        let quiet = samod::Ask::Quiet {
            millis: QUIET,
            within,
        };
        let quiet = self.b.ask(&quiet, limit).await?;
        self.b.ask(&samod::Ask::HangUp, PATIENCE).await?;
        tokio::time::sleep(SETTLE).await;
        #[expect(clippy::cast_precision_loss, reason = "bytes of one short meeting")]
        let bytes = quiet.count as f64;
        Ok((clock::millis(dialled.started, quiet.ended), bytes))
    }

    pub(super) async fn stop(self) -> Result<()> {
        self.b.stop().await?;
        self.a.stop().await
    }
}

/// Milliseconds of silence that end a meeting of samod.
const QUIET: u64 = 700;

/// Counts frames between two nodes, without a network: what is said is the same every time.
fn frames(context: &Context, packs: &Many, item: &mut Item) -> Result<()> {
    let (of_a, of_b) = packs.copies(&context.fresh("nothing-new-frames"))?;
    let until = Instant::now() + Duration::from_secs(120);
    let count = packs.count();
    let nothing = between(&of_a, &of_b, until, None)?;
    let pack = *packs.packs.last().context("there are packs")?;
    let one = between(&of_a, &of_b, until, Some(pack))?;
    for (what, traffic) in [("nothing new", nothing), ("one pack changed", one)] {
        #[expect(clippy::cast_precision_loss, reason = "counts of a few frames")]
        let numbers = [
            ("B", "bytes of frames", traffic.bytes as f64),
            ("", "frames", traffic.frames as f64),
            ("", "round trips", traffic.turns as f64 / 2.0),
        ];
        for (unit, name, number) in numbers {
            item.row(
                &format!("{count} packs, {what}: {name}"),
                "Kitbag",
                unit,
                &[number],
            );
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "counts of a few frames")]
    let (bytes, trips) = (
        |t: Traffic| t.bytes as f64,
        |t: Traffic| t.turns as f64 / 2.0,
    );
    item.at_most(
        &format!("nothing new, {count} packs"),
        1024.0,
        "B of frames",
        Some(bytes(nothing)),
    );
    item.at_most(
        &format!("nothing new, {count} packs"),
        1.0,
        "round trips",
        Some(trips(nothing)),
    );
    item.at_most(
        &format!("one changed pack among {count}"),
        3.0,
        "round trips",
        Some(trips(one)),
    );
    let beside = bytes(one) - PAYLOAD;
    item.at_most(
        &format!("one changed pack among {count}, beside the payload"),
        8192.0,
        "B of frames",
        Some(beside),
    );
    item.beside("the payload is the note's 1 KiB");
    Ok(())
}

/// Bytes of the note that changes the one pack.
const PAYLOAD: f64 = 1024.0;

/// Connects the nodes of two homes, after a note was added to a pack of A, if one is named.
fn between(
    of_a: &Path,
    of_b: &Path,
    until: Instant,
    changed: Option<kitbag_core::id::PackId>,
) -> Result<Traffic> {
    let (mut a, mut b) = (homes::open(of_a)?, homes::open(of_b)?);
    if let Some(pack) = changed {
        homes::add_notes(&mut a, pack, 1 << 40, 1, BODY)?;
    }
    let mut wire = Wire::connect(&mut b, &mut a, 1)?;
    ensure!(
        wire.settle(&mut b, &mut a, until)?,
        "two nodes went quiet before they were up to date"
    );
    Ok(wire.traffic)
}
