//! A device that runs in the background of your own program: open it, listen to its news, shut it down.
//!
//! `cargo run --example background_daemon` runs for two seconds in a home of its own;
//! `cargo run --example background_daemon -- DIR` runs in DIR until Ctrl-C.
#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use kitbag_engine::{
    Engine, KeyChoice, Listen, Notice, Sensitivity, Settings, home_is_initialised, initialise,
};
use std::path::PathBuf;
use std::time::Duration;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let scratch = tempfile::tempdir()?;
    let given = std::env::args_os().nth(1).map(PathBuf::from);
    let home = given.clone().unwrap_or_else(|| scratch.path().join("home"));
    if !home_is_initialised(&home) {
        let (me, protection) = initialise(&home, "Ada", "laptop", Some(KeyChoice::KeyFile(None)))?;
        println!(
            "Made {} on {}; the master key is kept {protection}.",
            me.name, me.device_name
        );
    }
    let engine = Engine::open(
        Settings {
            listen: Listen::Loopback(0),
            ..Settings::new(&home)
        },
        None,
    )
    .await?;
    println!(
        "Reachable at {}.",
        engine.endpoint().await.addresses.join(", ")
    );

    let mut news = engine.notices()?;
    let listener = tokio::spawn(async move {
        while let Ok(notice) = news.recv().await {
            match notice {
                Notice::Changed(pack) => println!("Pack {} changed.", pack.short()),
                Notice::Joined { person, .. } => println!("{} joined.", person.short()),
                Notice::AsksToJoin { person, .. } => println!("{} asks to join.", person.short()),
                Notice::UpToDate(peer) => println!("Up to date with {}.", peer.short()),
                Notice::Syncing(peer) => println!("Syncing with {}.", peer.short()),
            }
        }
    });
    if engine.packs().await?.is_empty() {
        engine
            .create_pack("First pack".into(), Sensitivity::Internal)
            .await?;
    }
    match given {
        Some(_) => tokio::signal::ctrl_c().await?,
        None => tokio::time::sleep(Duration::from_secs(2)).await,
    }
    engine.shutdown().await; // says goodbye to peers and closes the database
    listener.await?;
    println!("Stopped.");
    Ok(())
}
