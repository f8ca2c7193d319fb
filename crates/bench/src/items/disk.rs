//! What notes take on disk.

use crate::context::{BODY, Context};
use crate::report::Item;
use crate::{corpus, homes};
use anyhow::{Context as _, Result, anyhow};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

const FILE: &str = "kitbag.redb";

pub(super) async fn run(context: &Context) -> Result<Item> {
    let mut item = Item::new(
        "disk",
        "Disk",
        "One pack with notes of one size. The database after the engine has closed it, by its length and by the blocks that the file system \
         gave it (redb makes its file longer in steps, and what it has not written to takes none), beside the same notes as JSON objects (title, body, source, kind, time, two tags). Last, a copy \
         of the file that redb's own compaction was run on: what closing could still give back.",
    );
    let cases = [
        (
            "1 KiB bodies, added 500 at a time",
            BODY,
            context.size(10_000),
            500,
        ),
        (
            "1 KiB bodies, added one by one",
            BODY,
            context.size(3000),
            1,
        ),
        (
            "100 B bodies, added 500 at a time",
            100,
            context.size(10_000),
            500,
        ),
    ];
    for (number, (what, bytes, notes, at_once)) in cases.into_iter().enumerate() {
        let home = context.fresh(&format!("disk-{number}"));
        let measured = measure(context, &home, bytes, notes, at_once).await?;
        let what = format!("{notes} notes, {what}");
        item.row(
            &what,
            "length of the file",
            "times JSON",
            &[measured.length],
        );
        item.row(
            &what,
            "blocks of the file",
            "times JSON",
            &[measured.blocks],
        );
        item.row(&what, "compacted copy", "times JSON", &[measured.compacted]);
        if number == 0 {
            item.at_most(
                &format!("disk used for {notes} notes of 1 KiB, after closing"),
                1.25,
                "times JSON",
                Some(measured.blocks),
            );
        }
    }
    Ok(item)
}

struct Measured {
    length: f64,
    blocks: f64,
    compacted: f64,
}

async fn measure(
    context: &Context,
    home: &Path,
    bytes: usize,
    notes: u64,
    at_once: u64,
) -> Result<Measured> {
    homes::make(home, "Ada")?;
    let settings = kitbag_engine::Settings {
        offline: true,
        ..kitbag_engine::Settings::new(home)
    };
    let engine = kitbag_engine::Engine::open(settings, None).await?;
    let pack = engine
        .create_pack("notes".into(), kitbag_engine::Sensitivity::Internal)
        .await?
        .id;
    let mut number = 0;
    while number < notes {
        let upto = (number + at_once).min(notes);
        let batch = (number..upto).map(|n| corpus::note(n, bytes)).collect();
        engine.add_notes(pack, batch).await?;
        number = upto;
    }
    engine.shutdown().await;
    let json: usize = (0..notes).map(|n| corpus::json_bytes(n, bytes)).sum();
    let file = std::fs::metadata(home.join(FILE))?;
    let copy = context.fresh("compacted.redb");
    std::fs::copy(home.join(FILE), &copy)?;
    let compact = {
        let copy = copy.clone();
        move || -> Result<u64> {
            let mut database = redb::Database::open(&copy)?;
            while database.compact()? {}
            drop(database);
            Ok(std::fs::metadata(&copy)?.len())
        }
    };
    let compacted = tokio::task::spawn_blocking(compact)
        .await
        .map_err(|_| anyhow!("compaction panicked"))?
        .context("the copy")?;
    std::fs::remove_file(&copy)?;
    #[expect(clippy::cast_precision_loss, reason = "sizes of files")]
    let of_json = |bytes: u64| bytes as f64 / json as f64;
    Ok(Measured {
        length: of_json(file.len()),
        blocks: of_json(file.blocks() * 512),
        compacted: of_json(compacted),
    })
}
