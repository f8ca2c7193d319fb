//! First sync of one large pack.

use super::{Side, faster};
use crate::clock::{self, Memory};
use crate::context::{BODY, Context};
use crate::homes;
use crate::report::Item;
use crate::role::{PATIENCE, Player, kitbag, samod};
use crate::stats::median;
use anyhow::{Context as _, Result};
use std::path::Path;

/// Pairs with string bodies; Text bodies are so slow that fewer must do.
const PAIRS: usize = 5;
const TEXT_PAIRS: usize = 2;

pub(super) async fn run(context: &Context) -> Result<Item> {
    let notes = context.size(10_000);
    let mut item = Item::new(
        "first-sync",
        &format!("First sync of a pack of {notes} notes"),
        "A holds the pack. B begins with an empty home, and time runs from its call to join (with samod: to dial and find the \
         document) until every note is durable and listed on B (with samod: is in the document on B). Joining contains a policy \
         exchange that samod does not have. Each repetition has a new B.",
    );
    let mut all = Sides::start(context, notes).await?;
    for round in 0..context.times(PAIRS, 2) {
        let text = round < context.times(TEXT_PAIRS, 1);
        all.round(context, round, notes, text).await?;
    }
    all.of_kitbag.stop().await?;
    all.kitbag
        .time
        .put(&mut item, "joined to listed", "Kitbag", "ms");
    all.string.time.put(
        &mut item,
        "found and complete",
        "samod, string bodies",
        "ms",
    );
    all.text
        .time
        .put(&mut item, "found and complete", "samod, Text bodies", "ms");
    for (of, side) in [
        (&all.kitbag, "Kitbag"),
        (&all.string, "samod, string bodies"),
        (&all.text, "samod, Text bodies"),
    ] {
        item.row("peak memory of A", side, "MiB", &of.peak_a);
        item.row("peak memory of B", side, "MiB", &of.peak_b);
    }
    item.at_least(
        &format!("first sync of {notes} notes, beside samod with string bodies"),
        3.0,
        "times as fast",
        faster(&all.kitbag.time, &all.string.time),
    );
    item.at_least(
        "the same beside samod with Text bodies",
        3.0,
        "times as fast",
        faster(&all.kitbag.time, &all.text.time),
    );
    item.beside("held to the same bound, for want of one of its own");
    for (peaks, of) in [(&all.kitbag.peak_a, "A"), (&all.kitbag.peak_b, "B")] {
        item.at_most(
            &format!("peak memory of {of} during the first sync of {notes} notes"),
            96.0,
            "MiB",
            median(peaks),
        );
    }
    Ok(item)
}

/// What one kind of side gave.
#[derive(Default)]
pub(super) struct Measured {
    pub(super) time: Side,
    pub(super) peak_a: Vec<f64>,
    pub(super) peak_b: Vec<f64>,
}

impl Measured {
    fn take(&mut self, step: Result<(f64, Memory, Memory)>) -> Result<()> {
        match step {
            Ok((millis, a, b)) => {
                self.peak_a.push(a.peak);
                self.peak_b.push(b.peak);
                self.time.take(Ok(millis))
            }
            Err(error) => self.time.take(Err(error)),
        }
    }
}

struct Sides {
    of_kitbag: Player,
    pack: String,
    kitbag: Measured,
    string: Measured,
    text: Measured,
}

impl Sides {
    async fn start(context: &Context, notes: u64) -> Result<Sides> {
        let (of_kitbag, pack) = holder(&context.fresh("one-pack-a"), notes).await?;
        Ok(Sides {
            of_kitbag,
            pack,
            kitbag: Measured::default(),
            string: Measured::default(),
            text: Measured::default(),
        })
    }

    async fn round(
        &mut self,
        context: &Context,
        round: usize,
        notes: u64,
        text: bool,
    ) -> Result<()> {
        if self.kitbag.time.goes_on() {
            let home = context.fresh(&format!("one-pack-b{round}"));
            let step = join(context, &mut self.of_kitbag, &self.pack, &home, notes).await;
            self.kitbag.take(step)?;
        }
        if self.string.time.goes_on() {
            self.string.take(find(context, 1, notes, false).await)?;
        }
        if text && self.text.time.goes_on() {
            self.text.take(find(context, 1, notes, true).await)?;
        }
        Ok(())
    }
}

/// A side of Kitbag with one full pack, online on loopback.
pub(super) async fn holder(home: &Path, notes: u64) -> Result<(Player, String)> {
    homes::make(home, "Ada")?;
    let mut a = Player::start("kitbag")?;
    let open = kitbag::Ask::Open {
        home: home.to_owned(),
        port: 0,
        offline: false,
    };
    kitbag::ask(&mut a, open).await?;
    let fill = kitbag::Ask::Fill { notes, bytes: BODY };
    let filled = a.ask(&fill, PATIENCE * 5).await?;
    let pack = filled.text.into_iter().next().context("a pack has an id")?;
    Ok((a, pack))
}

/// One first sync of Kitbag: milliseconds, and the peaks of both sides.
pub(super) async fn join(
    context: &Context,
    a: &mut Player,
    pack: &str,
    home: &Path,
    notes: u64,
) -> Result<(f64, Memory, Memory)> {
    homes::make(home, "Ben")?;
    let mut b = Player::start("kitbag")?;
    let open = kitbag::Ask::Open {
        home: home.to_owned(),
        port: 0,
        offline: false,
    };
    kitbag::ask(&mut b, open).await?;
    let share = kitbag::Ask::Share {
        pack: pack.into(),
        uses: 1,
    };
    let ticket = kitbag::ask(a, share).await?.text;
    clock::forget_peak(a.pid)?;
    clock::forget_peak(b.pid)?;
    let ask = kitbag::Ask::Join {
        ticket: ticket.into_iter().next().context("a ticket")?,
        notes,
        within: context.limit().as_secs(),
    };
    let joined = b.ask(&ask, context.limit() + PATIENCE).await?;
    let peaks = (clock::memory(a.pid)?, clock::memory(b.pid)?);
    b.stop().await?;
    Ok((joined.millis(), peaks.0, peaks.1))
}

/// One first sync of samod, with a new side each.
pub(super) async fn find(
    context: &Context,
    docs: u64,
    notes: u64,
    text: bool,
) -> Result<(f64, Memory, Memory)> {
    let (mut a, mut b) = (Player::start("samod")?, Player::start("samod")?);
    let fill = samod::Ask::Fill {
        docs,
        notes,
        bytes: BODY,
        text,
    };
    let ids = a.ask(&fill, PATIENCE * 5).await?.text;
    let port = a.ask(&samod::Ask::Listen, PATIENCE).await?.count;
    clock::forget_peak(a.pid)?;
    clock::forget_peak(b.pid)?;
    let ask = samod::Ask::Find {
        ids,
        notes,
        port: u16::try_from(port)?,
        within: context.limit().as_secs(),
    };
    let found = b.ask(&ask, context.limit() + PATIENCE).await?;
    let peaks = (clock::memory(a.pid)?, clock::memory(b.pid)?);
    b.stop().await?;
    a.stop().await?;
    Ok((found.millis(), peaks.0, peaks.1))
}
