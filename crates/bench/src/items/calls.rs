//! Steady calls inside one engine, by criterion.

use crate::context::{BODY, Context};
use crate::report::Item;
use crate::{corpus, homes};
use anyhow::{Context as _, Result, anyhow};
use criterion::Criterion;
use kitbag_engine::{Engine, NoteEdit, Sensitivity, Settings};
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::runtime::Handle;

pub(super) async fn run(context: &Context) -> Result<Item> {
    let (home, into) = (context.fresh("calls"), context.fresh("criterion"));
    let (quick, notes) = (context.quick, context.size(1000));
    let handle = Handle::current();
    tokio::task::spawn_blocking(move || measure(&handle, &home, &into, quick, notes))
        .await
        .map_err(|_| anyhow!("the benchmark panicked"))?
}

fn measure(handle: &Handle, home: &Path, into: &PathBuf, quick: bool, notes: u64) -> Result<Item> {
    homes::make(home, "Ada")?;
    let settings = Settings {
        offline: true,
        ..Settings::new(home)
    };
    let engine = handle.block_on(Engine::open(settings, None))?;
    let made = engine.create_pack("notes".into(), Sensitivity::Internal);
    let pack = handle.block_on(made)?.id;
    let mut ids = Vec::new();
    for number in 0..notes {
        let added = handle.block_on(engine.add_note(pack, corpus::note(number, BODY)))?;
        ids.push(added.id);
    }
    let note = *ids.first().context("there are notes")?;
    let mut criterion = Criterion::default()
        .without_plots()
        .output_directory(into)
        .sample_size(if quick { 10 } else { 50 })
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(if quick { 1 } else { 3 }));
    criterion.bench_function("show", |b| {
        b.iter(|| handle.block_on(engine.note(pack, note)));
    });
    criterion.bench_function("list", |b| b.iter(|| handle.block_on(engine.notes(pack))));
    criterion.bench_function("packs", |b| b.iter(|| handle.block_on(engine.packs())));
    let mut number = notes;
    criterion.bench_function("add", |b| {
        b.iter(|| {
            number += 1;
            handle.block_on(engine.add_note(pack, corpus::note(number, BODY)))
        });
    });
    // Each edit makes a note's history longer: they go round, as in life.
    let mut turn = 0;
    criterion.bench_function("edit", |b| {
        b.iter(|| {
            turn += 1;
            let edit = NoteEdit {
                title: Some(format!("edited {turn}")),
                ..NoteEdit::default()
            };
            handle.block_on(engine.edit_note(pack, ids[turn % ids.len()], edit))
        });
    });
    handle.block_on(engine.shutdown());
    let mut item = Item::new(
        "calls",
        "Calls inside one engine",
        &format!(
            "By criterion, one call after the other, offline, in a pack that begins with {notes} notes of 1 KiB. Each sample is \
             the mean of as many calls as fit its share of the time. Calls that write are durable when they return."
        ),
    );
    for (name, what) in [
        ("show", "show one note"),
        ("list", "list the pack's notes"),
        ("packs", "list packs"),
        ("add", "add one note"),
        ("edit", "change a note's title"),
    ] {
        item.row(what, "Kitbag, in the engine", "ms", &samples(into, name)?);
    }
    Ok(item)
}

/// What criterion keeps of its samples.
#[derive(Deserialize)]
struct Kept {
    iters: Vec<f64>,
    times: Vec<f64>,
}

/// Milliseconds of a call, one for each of criterion's samples.
fn samples(into: &Path, name: &str) -> Result<Vec<f64>> {
    let path = into.join(name).join("new").join("sample.json");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let kept: Kept = serde_json::from_str(&text)?;
    let means = kept.times.iter().zip(&kept.iters);
    Ok(means.map(|(nanos, calls)| nanos / calls / 1e6).collect())
}
