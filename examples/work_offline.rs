//! Two people edit the same note while both are offline; back online, both edits are there.
//!
//! Run it with `cargo run --example work_offline`. Everything stays on loopback.
#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use kitbag_engine::{
    Engine, EngineError, KeyChoice, Listen, NewNote, NewSource, NoteEdit, Role, Sensitivity,
    Settings, ShareOptions, Zeroizing, initialise,
};
use std::path::Path;
use std::time::Duration;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let homes = tempfile::tempdir()?;
    let ada = start(&homes.path().join("ada"), "Ada").await?;
    let ben = start(&homes.path().join("ben"), "Ben").await?;

    let pack = ada
        .create_pack("Case 4711".into(), Sensitivity::Internal)
        .await?
        .id;
    let source = NewSource {
        label: "chat with the customer".into(),
        ..NewSource::default()
    };
    let body = "The customer wants to change the flight.";
    let note = ada
        .add_note(
            pack,
            NewNote {
                title: "Request".into(),
                body: body.into(),
                source,
                ..NewNote::default()
            },
        )
        .await?
        .id;
    let teammate = ShareOptions {
        role: Role::Editor,
        clearance: Sensitivity::Internal,
        expires_at: None,
        uses: 1,
        ask: false,
    };
    let ticket = ada.share(pack, teammate).await?.ticket;
    ben.join(Zeroizing::new(ticket), None).await?;

    ada.set_offline(true).await?;
    ben.set_offline(true).await?;
    println!("Both are offline.");
    edit(
        &ada,
        pack,
        note,
        "The customer wants to change the flight to Seattle.",
    )
    .await?;
    edit(
        &ben,
        pack,
        note,
        "URGENT: The customer wants to change the flight.",
    )
    .await?;

    ada.set_offline(false).await?;
    ben.set_offline(false).await?;
    ada.sync(Some(pack), true, Duration::from_secs(20)).await?;
    ben.sync(Some(pack), true, Duration::from_secs(20)).await?;

    let (at_ada, at_ben) = (
        ada.note(pack, note).await?.body,
        ben.note(pack, note).await?.body,
    );
    println!("Ada reads: {at_ada}\nBen reads: {at_ben}");
    assert_eq!(at_ada, at_ben, "both read the same");
    assert_eq!(
        at_ada, "URGENT: The customer wants to change the flight to Seattle.",
        "both edits are there"
    );
    for step in ben.history(pack, note).await? {
        println!("  {} by {}", step.what, step.by);
    }
    ada.shutdown().await;
    ben.shutdown().await;
    Ok(())
}

async fn edit(
    engine: &Engine,
    pack: kitbag_engine::PackId,
    note: kitbag_engine::ItemId,
    body: &str,
) -> Result<(), EngineError> {
    engine
        .edit_note(
            pack,
            note,
            NoteEdit {
                body: Some(body.into()),
                ..NoteEdit::default()
            },
        )
        .await?;
    Ok(())
}

async fn start(home: &Path, name: &str) -> Result<Engine, EngineError> {
    initialise(home, name, "laptop", Some(KeyChoice::KeyFile(None)))?;
    Engine::open(
        Settings {
            listen: Listen::Loopback(0),
            ..Settings::new(home)
        },
        None,
    )
    .await
}
