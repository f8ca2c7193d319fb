//! Accepts connections, checks whose they are, and speaks HTTP/1.1 until told to stop.
//!
//! Bytes that are no HTTP end their connection; everything else is answered and the connection goes
//! on. Bounded: connections at once, bytes and time of a request's head.

use crate::authorise::{Peer, same_user};
use crate::terminal::Terminal;
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;

/// Connections at once; whoever comes later waits in the socket's queue.
const CONNECTIONS_MAX: usize = 64;
/// Bytes of a request's path and headers.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// How long the head of the next request may take to arrive; also ends idle connections.
const HEAD_TIMEOUT: Duration = Duration::from_secs(20);
/// How long running requests get to end after the stop.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);
/// Pause after a failed accept: the process may be out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `stop` is cancelled and what runs has ended or used up its time.
pub(crate) async fn serve(
    listener: UnixListener,
    router: Router,
    daemon_uid: u32,
    stop: CancellationToken,
) {
    let connections = TaskTracker::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let _ = stop
        .run_until_cancelled(accept(
            &listener,
            &router,
            daemon_uid,
            &stop,
            &connections,
            &places,
        ))
        .await;
    drop(listener);
    connections.close();
    if tokio::time::timeout(DRAIN_TIMEOUT, connections.wait())
        .await
        .is_err()
    {
        warn!("requests were still running at the end");
    }
}

async fn accept(
    listener: &UnixListener,
    router: &Router,
    daemon_uid: u32,
    stop: &CancellationToken,
    connections: &TaskTracker,
    places: &Arc<Semaphore>,
) {
    loop {
        let place = Arc::clone(places)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        let (stream, peer) = match next(listener).await {
            Ok(accepted) => accepted,
            Err(e) => {
                warn!(error = %e.kind(), "accept failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        if !same_user(peer, daemon_uid) {
            warn!(
                uid = peer.uid,
                pid = peer.pid,
                "connection of another user refused"
            );
            continue;
        }
        let (router, stop) = (router.clone(), stop.clone());
        connections.spawn(async move {
            speak(stream, router.layer(Extension(peer)), stop).await;
            drop(place);
        });
    }
}

async fn next(listener: &UnixListener) -> io::Result<(UnixStream, Peer)> {
    let (stream, _) = listener.accept().await?;
    let credentials = stream.peer_cred()?;
    let pid = credentials.pid();
    let peer = Peer {
        uid: credentials.uid(),
        pid,
        // Now, while the process that connected is there.
        terminal: pid.and_then(|pid| Terminal::behind(&stream, pid)),
    };
    Ok((stream, peer))
}

async fn speak(stream: UnixStream, router: Router, stop: CancellationToken) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    // An error here is a peer that left, came too late, or speaks no HTTP: the connection's end.
    tokio::select! {
        _ = connection.as_mut() => {}
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

/// The user of this process, as the kernel tells it to the other end of a socket.
pub(crate) fn own_uid() -> io::Result<u32> {
    let (one, _other) = UnixStream::pair()?;
    Ok(one.peer_cred()?.uid())
}

#[cfg(test)]
mod tests;
