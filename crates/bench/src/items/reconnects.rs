//! A thousand reconnects of two devices with many packs, one pack changed before each.

use super::nothing_new::Pair;
use crate::clock;
use crate::context::{BODY, Context};
use crate::report::{Curve, Item, Line};
use crate::role::{Late, PATIENCE, kitbag};
use crate::stats::median;
use anyhow::{Context as _, Result};

/// Reconnects that one point of the curve stands for.
const AT_ONCE: usize = 50;

pub(super) async fn run(context: &Context) -> Result<Item> {
    let mut item = Item::new(
        "reconnects",
        "Reconnects without end",
        "Two devices with all packs. Again and again: A adds a note of a kilobyte to another of the packs, B goes online, both are up to date, \
         B goes offline. Time as in \"Nothing new\"; bytes are those on the loopback device. Compared are the first and the last tenth.",
    );
    let many = context.many().await?;
    item.remarks.extend(many.shortage());
    let (of_a, of_b) = many.copies(&context.fresh("reconnects"))?;
    let mut pair = Pair::open(many, of_a, of_b).await?;
    let rounds = context.times(1000, 100);
    let (mut millis, mut bytes) = (Vec::new(), Vec::new());
    let (mut of_a, mut of_b) = (Vec::new(), Vec::new());
    pair.meet(context).await?; // warms both sides up
    for round in 0..rounds {
        let pack = many.packs.get(round * 7 % many.packs.len());
        let add = kitbag::Ask::Add {
            pack: pack.context("there are packs")?.to_string(),
            number: 1_000_000 + round as u64,
            bytes: BODY,
        };
        pair.a.ask(&add, PATIENCE).await?;
        match pair.meet(context).await {
            Ok(met) => {
                millis.push(met.millis);
                bytes.push(met.bytes);
            }
            Err(error) => {
                let late = error.downcast_ref::<Late>().context("a reconnect failed");
                item.over("a reconnect", "Kitbag", late?.0.as_secs_f64());
                break;
            }
        }
        of_a.push(clock::memory(pair.a.pid)?.now);
        of_b.push(clock::memory(pair.b.pid)?.now);
    }
    pair.stop().await?;
    let tenth = (millis.len() / 10).max(1);
    for (what, unit, all) in [
        ("online to both up to date", "ms", &millis),
        ("bytes on the loopback device", "B", &bytes),
        ("resident memory of A", "MiB", &of_a),
        ("resident memory of B", "MiB", &of_b),
    ] {
        let (first, last) = (
            &all[..tenth.min(all.len())],
            &all[all.len().saturating_sub(tenth)..],
        );
        item.row(&format!("{what}, the first {tenth}"), "Kitbag", unit, first);
        item.row(&format!("{what}, the last {tenth}"), "Kitbag", unit, last);
        let growth = median(last)
            .zip(median(first))
            .map(|(last, first)| last / first);
        let what = format!("{what}: the last of {} beside the first", all.len());
        item.at_most(&what, 1.1, "times", growth);
    }
    let memory = [line("memory of A", &of_a), line("memory of B", &of_b)];
    for line in &memory {
        if let Some(growth) = since_the_middle(line) {
            let name = &line.name;
            item.remark(format!(
                "{name}: {growth:.2} times from the middle to the end."
            ));
        }
    }
    let [memory_of_a, memory_of_b] = memory;
    item.curves.push(Curve {
        file: "reconnects".into(),
        title: format!("Reconnects of two devices with {} packs", many.count()),
        across: "reconnects".into(),
        up: "median of the last fifty: ms, or MiB".into(),
        lines: vec![line("time", &millis), memory_of_a, memory_of_b],
    });
    Ok(item)
}

/// How often the value in the middle of a line its last one is.
fn since_the_middle(line: &Line) -> Option<f64> {
    let middle = line.points.get((line.points.len() / 2).checked_sub(1)?)?;
    Some(line.points.last()?.1 / middle.1)
}

fn line(name: &str, all: &[f64]) -> Line {
    let chunks = all.chunks_exact(AT_ONCE).enumerate();
    #[expect(clippy::cast_precision_loss, reason = "a small count")]
    let point = |(at, of): (usize, &[f64])| Some((((at + 1) * AT_ONCE) as f64, median(of)?));
    Line {
        name: name.into(),
        points: chunks.filter_map(point).collect(),
    }
}
