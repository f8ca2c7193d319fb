//! The calls about the daemon itself. They are answered while the home is locked, too.

use super::Answered;
use crate::home::Home;
use crate::metrics;
use crate::routes::text_response;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use kitbag_rpc::{
    Code, Failure, Health, Healthy, HomeLocked, HomeUnlocked, LockHome, ReadMetrics, ServeState,
    SessionProof, SessionShown, Status, Stop, Stopping, UnlockHome, V1,
};
use std::time::Duration;
use zeroize::Zeroizing;

/// How long a scraper waits for what only the node knows.
const NODE_PATIENCE: Duration = Duration::from_secs(1);

pub(super) async fn health(home: Home, _: Health) -> Answered<Healthy> {
    Ok(Healthy {
        v: V1,
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        state: match home.engine() {
            Some(_) => ServeState::Open,
            None => ServeState::Locked,
        },
        since: Some(home.since()),
        meters: home.meters().await,
    })
}

/// The health, at a path that other tools expect.
pub(super) fn json(health: &Healthy) -> Answered<Response> {
    let json = serde_json::to_vec(health)
        .map_err(|_| Failure::new(Code::Internal, "the health is no JSON"))?;
    Ok(([(header::CONTENT_TYPE, "application/json")], json).into_response())
}

pub(super) async fn metrics(home: Home, _: ReadMetrics) -> Answered<String> {
    let meters = home.meters().await;
    let packs = match home.engine() {
        // A node that is busy is not waited for: a scraper wants its answer now.
        Some(engine) => tokio::time::timeout(NODE_PATIENCE, engine.packs()).await,
        None => return Ok(metrics::exposition(&meters, None)),
    };
    let totals = packs
        .ok()
        .and_then(Result::ok)
        .map(|packs| metrics::Totals {
            packs: packs.len() as u64,
            notes: packs.iter().map(|pack| pack.notes).sum(),
        });
    Ok(metrics::exposition(&meters, totals))
}

pub(super) fn text(metrics: &str) -> Answered<Response> {
    Ok(text_response(metrics))
}

pub(super) async fn lock(home: Home, _: LockHome) -> Answered<HomeLocked> {
    let opens_with = home.opens_with()?; // first: nothing may fail once it is done
    Ok(HomeLocked {
        v: V1,
        pid: std::process::id(),
        was_open: home.lock().await?,
        opens_with,
    })
}

pub(super) async fn unlock(home: Home, call: UnlockHome) -> Answered<HomeUnlocked> {
    let opens_with = home.opens_with()?;
    let passphrase = call
        .passphrase
        .map(|secret| Zeroizing::new(secret.expose().to_owned()));
    let typed = call.session && passphrase.is_some();
    let was_locked = home.unlock(passphrase).await?;
    let mut session = home.session_shown().await?;
    // It was proven just now: a home that was open has not looked at it.
    if let (true, true, true, Some(SessionProof::Passphrase), Some(terminal)) = (
        typed,
        was_locked,
        session.needed,
        session.proof,
        home.terminal(),
    ) {
        home.sessions().open(terminal);
        session = home.session_shown().await?;
    }
    Ok(HomeUnlocked {
        v: V1,
        pid: std::process::id(),
        was_locked,
        opens_with,
        session,
    })
}

pub(super) async fn stop_daemon(home: Home, _: Stop) -> Answered<Stopping> {
    home.stop();
    Ok(Stopping {
        v: V1,
        pid: std::process::id(),
    })
}

/// A locked home knows neither its packs nor its own ids.
pub(super) fn status_of_locked(home: &Home) -> Status {
    Status {
        v: V1,
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        locked: true,
        offline: home.offline(),
        failed: false,
        endpoint: String::new(),
        addresses: Vec::new(),
        peers: Vec::new(),
        packs: Vec::new(),
        requests: Vec::new(),
        joins: Vec::new(),
        session: SessionShown::default(),
    }
}
