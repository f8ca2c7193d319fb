//! Two people on one machine: Ada shares a pack by ticket, Ben joins, both see the same check words.
//!
//! Run it with `cargo run --example share_by_ticket`. Everything stays on loopback.
#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use kitbag_engine::{
    Engine, EngineError, KeyChoice, Listen, NewNote, NewSource, Role, Sensitivity, Settings,
    ShareOptions, Zeroizing, initialise,
};
use std::path::Path;
use std::time::Duration;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let homes = tempfile::tempdir()?;
    let ada = start(&homes.path().join("ada"), "Ada").await?;
    let ben = start(&homes.path().join("ben"), "Ben").await?;

    let pack = ada
        .create_pack("Acme".into(), Sensitivity::Internal)
        .await?;
    for (title, body) in [
        ("Renewal", "They want to renew in May."),
        ("Contact", "Ask for Mia."),
    ] {
        let source = NewSource {
            label: "phone call, Monday".into(),
            ..NewSource::default()
        };
        ada.add_note(
            pack.id,
            NewNote {
                title: title.into(),
                body: body.into(),
                source,
                ..NewNote::default()
            },
        )
        .await?;
    }

    let teammate = ShareOptions {
        role: Role::Editor,
        clearance: Sensitivity::Internal,
        expires_at: None,
        uses: 1,
        ask: false,
    };
    let shared = ada.share(pack.id, teammate).await?;
    println!(
        "Ada shares “{}”: {} notes, {} up to {}.",
        shared.terms.title, shared.terms.opens, shared.terms.role, shared.terms.clearance
    );

    let joined = ben
        .join(Zeroizing::new(shared.ticket.clone()), Some("acme".into()))
        .await?;
    println!(
        "Ben joined “{}” and holds {} notes. Check words: {}",
        joined.title, joined.notes, joined.check_words
    );

    let seen_by_ada = ada
        .members(pack.id)
        .await?
        .into_iter()
        .find_map(|member| member.check_words);
    assert_eq!(
        seen_by_ada.as_deref(),
        Some(joined.check_words.as_str()),
        "both sides see the same words"
    );
    ben.sync(Some(pack.id), true, Duration::from_secs(10))
        .await?;
    for note in ben.notes(pack.id).await? {
        println!("  {} · {}", note.title, note.source);
    }

    // The ticket was for one person.
    let cleo = start(&homes.path().join("cleo"), "Cleo").await?;
    match cleo.join(Zeroizing::new(shared.ticket), None).await {
        Err(EngineError::Ticket(problem)) => println!("Cleo, with the same ticket: {problem}."),
        other => return Err(format!("a used ticket let Cleo in: {other:?}").into()),
    }

    for engine in [ada, ben, cleo] {
        engine.shutdown().await;
    }
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
